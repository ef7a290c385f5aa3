package feed_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
	storeembedded "github.com/bank-connections/bkper-bot/internal/store/embedded"
)

const many = 10_000

// manyRows are ten thousand movements of two years.
func manyRows() []bank.Transaction {
	rows := make([]bank.Transaction, many)
	for n := range rows {
		rows[n] = bank.Transaction{
			ID: fmt.Sprintf("row-%06d", n), Status: bank.Booked, Date: bank.NewDate(2024, 11, 1).AddDays(n * 730 / many),
			Amount:       money.New(money.DecimalFromUnits(int64(-100-n*7919%20_000), 2), "EUR"),
			Description:  fmt.Sprintf("CARD PURCHASE %04d MERCHANT NUMBER %d BERLIN", n%1000, n%300),
			Counterparty: bank.Party{Name: fmt.Sprintf("Merchant %d", n%300)}, Kind: "card",
		}
	}
	return rows
}

// benchWorld is a world on a durable store, whose bank has ten thousand rows
// and gives them page by page.
func benchWorld(b *testing.B) *world {
	db, err := storeembedded.Open(filepath.Join(b.TempDir(), "app.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	w := newWorldOn(b, db)
	w.integrate("i1", "c1", "checking", "Bank", bank.NewDate(2024, 11, 1))
	rows := manyRows()
	w.bank.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
		at := 0
		if len(req.State) > 0 {
			if _, err := fmt.Sscan(string(req.State), &at); err != nil {
				return connectors.Page{}, err
			}
		}
		at %= many
		end := min(at+req.Limit, many)
		page := connectors.Page{Accounts: []connectors.AccountPage{{Key: "checking", Transactions: rows[at:end]}}, Next: fmt.Append(nil, end)}
		if end < many {
			page.More = connectors.SameUpdate
		}
		return page, nil
	}
	return w
}

// BenchmarkImport10000 brings ten thousand rows from the bank into the book,
// with everything durable but the book, which is in memory.
func BenchmarkImport10000(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		w := benchWorld(b)
		b.StartTimer()
		w.sync()
		if n := len(w.book.all); n != many {
			b.Fatalf("the book has %d", n)
		}
		if calls := w.book.calls["create"] + w.book.calls["list"] + w.book.calls["book"]; calls > many/100+20 {
			b.Fatalf("%d calls of the book", calls)
		}
	}
	b.ReportMetric(float64(b.N*many)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkImport10000Again brings the same rows again: no write to the book.
func BenchmarkImport10000Again(b *testing.B) {
	b.ReportAllocs()
	w := benchWorld(b)
	w.sync()
	writes := w.book.writes()
	for b.Loop() {
		i := w.integration("i1")
		i.Resync++
		w.put(i)
		w.sync()
	}
	if w.book.writes() != writes {
		b.Fatal("the book was written")
	}
	b.ReportMetric(float64(b.N*many)/b.Elapsed().Seconds(), "rows/s")
}
