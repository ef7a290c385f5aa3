package main

import (
	"log/slog"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

// importing starts a program in front of a card with about 10,000 transactions
// and returns what makes it fetch all of them.
func importing(b *testing.B) (p *program, fetch func(), rows int) {
	b.Helper()
	p = newProgram(b)
	p.level = slog.LevelWarn
	p.volume = 10
	p.start()
	connection := p.link("us_newyork")
	card := p.accountOf(connection, bank.CreditCard)
	since := bank.DateOf(p.now()).AddDays(-720)
	rows = len(p.truth("us_newyork", card.Key, since))
	return p, func() {
		p.integrate(connection, card.Key, "Credit Card", since)
		p.settle()
	}, rows
}

// From the bank to recorded drafts, everything embedded and durable, over HTTP:
// the demo bank, the queue, the ledger, the stand-in book.
func BenchmarkImport10000(b *testing.B) {
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			p, fetch, rows := importing(b)
			p.calls.take()
			b.StartTimer()
			start := time.Now()
			fetch()
			took := time.Since(start)
			b.StopTimer()
			report(b, p, rows, took)
			p.end()
			b.StartTimer()
		}
	})
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			p, fetch, rows := importing(b)
			fetch()
			p.calls.take()
			b.StartTimer()
			start := time.Now()
			fetch()
			took := time.Since(start)
			b.StopTimer()
			report(b, p, rows, took)
			p.end()
			b.StartTimer()
		}
	})
}

func report(b *testing.B, p *program, rows int, took time.Duration) {
	b.Helper()
	calls := p.calls.take()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(rows), "rows")
	b.ReportMetric(float64(rows)/took.Seconds(), "rows/s")
	b.ReportMetric(float64(calls[http.MethodGet]), "reads")
	b.ReportMetric(float64(calls[http.MethodPost]+calls[http.MethodPut]+calls[http.MethodPatch]), "writes")
	b.ReportMetric(float64(memory.HeapInuse>>20), "heap-MB")
}
