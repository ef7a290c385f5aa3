package reconcile_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/complete/completetest"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/reconcile"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/embedded"
)

// BenchmarkReport tells how a book stands whose bank has told 10,000
// transactions in the days that count.
func BenchmarkReport(b *testing.B) {
	db, err := embedded.Open(filepath.Join(b.TempDir(), "store.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	records, now := ledger.All(), completetest.Start
	card := ledger.Integration{ID: "card", BookID: book, AccountID: "1", Origin: "demo/bank/card", Currency: "USD", Since: bank.DateOf(now).AddDays(-90)}
	for part := range 10 {
		err := db.Update(b.Context(), func(tx store.Tx) error {
			for n := range 1000 {
				row := completetest.Row(n%60, -int64(part*1000+n+1), "COFFEE AND MORE")
				e := ledger.Entry{
					RemoteID: ledger.RemoteID("1", row.Date, row.Amount, 1), BookID: book, AccountID: "1", State: ledger.Recorded,
					Row: row, Origins: []string{card.Origin}, IDs: []ledger.SourceID{{Source: "c", ID: "t-123456"}}, Run: "r",
				}
				if err := records.PutEntry(tx, e); err != nil {
					return err
				}
			}
			if err := records.PutIntegration(tx, card); err != nil {
				return err
			}
			return records.PutBalance(tx, card.ID, bank.Balance{Booked: usd(100), Date: bank.DateOf(now)}, now)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	s := &reconcile.Service{Engine: db, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Report(b.Context(), book); err != nil {
			b.Fatal(err)
		}
	}
}
