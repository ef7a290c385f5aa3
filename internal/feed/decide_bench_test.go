package feed

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/feed/match"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/embedded"
)

const (
	historyEntries = 1_000_000
	historyDays    = 3650
	newRows        = 100_000
)

// historyRow is the n-th of many movements of an account: some 270 a day.
func historyRow(n int, id string) bank.Transaction {
	return bank.Transaction{
		ID: id, Status: bank.Booked, Date: bank.NewDate(2016, 11, 1).AddDays(n * historyDays / historyEntries),
		Amount:      money.New(money.DecimalFromUnits(int64(-100-n*7919%20_000), 2), "EUR"),
		Description: fmt.Sprintf("CARD PURCHASE %04d MERCHANT NUMBER %d BERLIN", n%1000, n%300),
	}
}

// bigLedger is a ledger of a million entries of one account.
func bigLedger(b *testing.B, t target) *Service {
	db, err := embedded.Open(filepath.Join(b.TempDir(), "app.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	s := New(Deps{Engine: db, Now: func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }})
	w := &work{Service: s, target: t}
	const atOnce = 5000
	for start := 0; start < historyEntries; start += atOnce {
		err := db.Update(b.Context(), func(tx store.Tx) error {
			var puts []entryPut
			taken := make(map[string]bool)
			for n := start; n < start+atOnce; n++ {
				e, ids := w.newEntry(batch{RunID: "old"}, historyRow(n, fmt.Sprintf("old-%07d", n)), taken)
				e.State, e.TransactionID = ledger.Recorded, fmt.Sprint("t", n)
				puts = append(puts, entryPut{e, ids})
			}
			return w.put(tx, puts)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkDecide decides a hundred thousand new rows, in batches as they are
// recorded, against a ledger that holds a million entries of their account, as
// many on their days as there are new ones.
func BenchmarkDecide(b *testing.B) {
	t := target{BookID: "book", AccountID: "Bank", Source: "c1", Origin: "fake:bank:checking"}
	s := bigLedger(b, t)
	batches := make([]batch, 0, newRows/batchSize)
	for start := historyEntries - newRows; start < historyEntries; start += batchSize {
		next := batch{target: t}
		for n := start; n < start+batchSize; n++ {
			r := historyRow(n, fmt.Sprintf("new-%07d", n))
			r.Description += " AGAIN"
			next.Rows = append(next.Rows, row{Transaction: r})
		}
		batches = append(batches, next)
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	peak := uint64(0)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		for n, batch := range batches {
			err := s.Engine.View(context.Background(), func(tx store.Tx) error {
				k, err := s.lookUp(tx, batch)
				for i, v := range k.verdicts {
					if v.How != match.New {
						return fmt.Errorf("row %d is taken for %s: %v", i, v.Ref, v.How)
					}
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			if n%100 == 0 {
				runtime.ReadMemStats(&after)
				peak = max(peak, after.HeapAlloc)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*newRows), "ns/row")
	b.ReportMetric(float64(peak-min(peak, before.HeapAlloc))/1e6, "MB-heap")
}
