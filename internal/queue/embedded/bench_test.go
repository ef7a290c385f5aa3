package embedded_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/queue/embedded"
)

// BenchmarkImport100 is what the queue costs an import of 10,000 transactions:
// a hundred messages of 50 KB are published in one call, delivered and
// acknowledged, all durable.
func BenchmarkImport100(b *testing.B) {
	const n, size = 100, 50_000
	q := openQueue(b, openStore(b), embedded.Options{})
	stop := run(b.Context(), q, func(context.Context, queue.Delivery) error { return nil })
	body := make([]byte, size)
	b.SetBytes(n * size)
	for b.Loop() {
		var all []queue.Message
		for i := range n {
			all = append(all, queue.Message{ID: fmt.Sprint(i), Key: fmt.Sprint("integration", i%4), Kind: "record", Body: body})
		}
		if err := q.Publish(b.Context(), all...); err != nil {
			b.Fatal(err)
		}
		if err := q.Idle(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "messages/s")
	if err := stop(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkOne is the way of a single small message.
func BenchmarkOne(b *testing.B) {
	q := openQueue(b, openStore(b), embedded.Options{})
	stop := run(b.Context(), q, func(context.Context, queue.Delivery) error { return nil })
	for b.Loop() {
		if err := q.Publish(b.Context(), queue.Message{ID: "one", Kind: "sync"}); err != nil {
			b.Fatal(err)
		}
		if err := q.Idle(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	if err := stop(); err != nil {
		b.Fatal(err)
	}
}
