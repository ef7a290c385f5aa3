package embedded_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/store"
)

// BenchmarkFloor100 is the floor that imports are compared with: the raw
// durable writes of this engine in batches of 100 documents of 500 bytes.
func BenchmarkFloor100(b *testing.B) {
	const batch = 100
	db := open(b, filepath.Join(b.TempDir(), "app.db"))
	doc := bytes.Repeat([]byte("x"), 500)
	b.SetBytes(batch * int64(len(doc)))
	n := 0
	for b.Loop() {
		err := db.Update(b.Context(), func(tx store.Tx) error {
			for i := range batch {
				if err := tx.Put("floor", fmt.Sprintf("%064d", n*batch+i), doc); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(n*batch)/b.Elapsed().Seconds(), "docs/s")
}

// BenchmarkUpdate is one durable change of one document.
func BenchmarkUpdate(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "app.db"))
	numbers := store.NewCollection[int]("numbers")
	for b.Loop() {
		err := numbers.Upsert(b.Context(), db, "counter", func(old int, _ bool) (int, error) { return old + 1, nil })
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUpdateFrom8 is the same from eight goroutines, which share commits.
func BenchmarkUpdateFrom8(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "app.db"))
	numbers := store.NewCollection[int]("numbers")
	var id atomic.Int64
	b.SetParallelism(4) // times the cores
	b.RunParallel(func(p *testing.PB) {
		mine := fmt.Sprint(id.Add(1))
		for p.Next() {
			err := numbers.Upsert(b.Context(), db, mine, func(old int, _ bool) (int, error) { return old + 1, nil })
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}
