package sandbox_test

import (
	"fmt"
	"testing"
)

// BenchmarkCreate100 records batches of 100 one-sided drafts over loopback,
// durably, as a bank feed does.
func BenchmarkCreate100(b *testing.B) {
	s := newBench(b, nil)
	accounts := s.ok("GET", "/v5/books/demo/accounts/Checking", nil)
	n := 0
	for b.Loop() {
		items := make([]object, 0, 100)
		for range 100 {
			n++
			items = append(items, object{
				"date": "2026-03-17", "amount": "12.34", "draft": true,
				"creditAccount": object{"id": accounts["id"]}, "description": fmt.Sprintf("SHELL OIL %06d", n),
				"remoteIds":  []string{fmt.Sprintf("bank_%09d", n)},
				"properties": object{"bank_text": "SHELL OIL 0001 SAO PAULO", "institution": "Demo Bank", "feed_": "1"},
			})
		}
		answer := s.ok("POST", "/v5/books/demo/transactions/batch", object{"items": items})
		if got := len(answer["items"].([]any)); got != 100 {
			b.Fatalf("%d of 100 recorded", got)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "drafts/s")
}
