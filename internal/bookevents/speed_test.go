package bookevents_test

import (
	"encoding/json"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete/completetest"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

// busy is a desk with 2,000 open drafts and some hundred lessons.
func busy(tb testing.TB) *desk {
	tb.Helper()
	d := newDesk(tb)
	for _, name := range []string{"Checking", "Savings", "Store Card"} {
		d.integrate(name, name)
	}
	d.LearnHistory(d.App)
	texts := []string{"ZZ GARAGE 12", "QQ BAKERY", "XX CINEMA 7", "VV BOOKS", "WW TOOLS"}
	rows := make([]bank.Transaction, 2000)
	for i := range rows {
		rows[i] = completetest.Row(i%300, int64(-500-i), texts[i%len(texts)])
	}
	d.Record("Credit Card", rows...)
	return d
}

// bodyOf is an event as Bkper posts it.
func bodyOf(tb testing.TB, agent, from, to string) []byte {
	tb.Helper()
	e := event(tb, bkper.TransactionPosted, agent, bkper.TransactionOperation{Transaction: bkper.Transaction{
		ID: "t", Date: completetest.Row(1, 1, "").Date, Amount: "12.30", Description: "SOMETHING 4711", Posted: true,
		CreditAccount: &bkper.Account{ID: from, Name: "From", Type: bkper.Asset},
		DebitAccount:  &bkper.Account{ID: to, Name: "To", Type: bkper.Outgoing},
		RemoteIDs:     []string{"bc1_20261121_aaaaaaaaaaaaaaaaaaaa"}, Properties: map[string]string{"a": "b"},
	}})
	body, err := json.Marshal(e)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func benchmarkEvent(b *testing.B, d *desk, body []byte) {
	b.Helper()
	calls, writes := d.quietly(func() {
		b.ReportAllocs()
		for b.Loop() {
			e, err := bkper.DecodeEvent(body)
			if err != nil {
				b.Fatal(err)
			}
			if a, err := d.handler.Handle(b.Context(), e, seal.NewSecret("owner")); err != nil || a.Result != false {
				b.Fatalf("%v, %v", a, err)
			}
		}
	})
	if calls+writes != 0 {
		b.Errorf("%d calls, %d writes", calls, writes)
	}
}

// Events must be handled in 5 ms where the book need not be asked.

func BenchmarkOwnEvent(b *testing.B) {
	d := busy(b)
	benchmarkEvent(b, d, bodyOf(b, completetest.AgentID, d.Account("Credit Card"), d.Account("Gym")))
}

func BenchmarkIrrelevantEvent(b *testing.B) {
	d := busy(b)
	benchmarkEvent(b, d, bodyOf(b, "", d.Account("Cash"), d.Account("Gym")))
}

// A lesson after which 2,000 open drafts are looked at and none is completed.
func BenchmarkLessonWithManyOpenDrafts(b *testing.B) {
	d := busy(b)
	e := d.Record("Credit Card", completetest.Row(400, -100, "YY ONCE ONLY"))[0]
	accounts := []string{d.Account("Gym"), d.Account("Gifts")}
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		d.Change(e.TransactionID, func(t *bkper.Transaction) { t.DebitAccount = &bkper.Account{ID: accounts[n%2]} })
		events := d.news()
		b.StartTimer()
		d.handle(events[len(events)-1])
	}
}
