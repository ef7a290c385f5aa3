package bookevents_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/bookevents"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/complete/completetest"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/embedded"
	"github.com/bank-connections/bkper-bot/internal/store/storetest"
)

// paper is a book in memory that people write in. It lists no drafts, so that
// nothing is completed by the way.
type paper struct {
	tb     testing.TB
	id     string
	all    map[string]bkper.Transaction
	merged map[string]bool // originals of merges, which nobody restores
	events []bkper.Event
	serial int
}

var paperAccounts = []bkper.Account{
	{ID: "bank", Name: "Bank", Type: bkper.Asset},
	{ID: "savings", Name: "Savings", Type: bkper.Asset},
	{ID: "food", Name: "Food", Type: bkper.Outgoing},
	{ID: "rent", Name: "Rent", Type: bkper.Outgoing},
}

func (p *paper) Book(context.Context, string, bkper.BookDetail) (bkper.Book, error) {
	return bkper.Book{ID: p.id, Accounts: paperAccounts}, nil
}

func (p *paper) Transactions(context.Context, string, string, int) iter.Seq2[bkper.Transaction, error] {
	return func(func(bkper.Transaction, error) bool) {}
}

func (p *paper) UpdateTransactions(context.Context, string, []bkper.Transaction, bool) (map[string]bkper.Transaction, error) {
	p.tb.Error("the app writes into the book")
	return nil, nil
}

func (p *paper) Transaction(_ context.Context, _, id string) (bkper.Transaction, error) {
	t, ok := p.all[id]
	if !ok {
		return t, errs.New(errs.NotFound, "")
	}
	return t, nil
}

func (p *paper) FindRemoteID(_ context.Context, _, remoteID string) ([]bkper.Transaction, error) {
	var live, trashed []bkper.Transaction
	for _, id := range slices.Sorted(maps.Keys(p.all)) {
		switch t := p.all[id]; {
		case !t.HasRemoteID(remoteID):
		case t.Trashed:
			trashed = append(trashed, t)
		default:
			live = append(live, t)
		}
	}
	return append(live, trashed...), nil
}

func (p *paper) File(context.Context, string, string) (bkper.File, error) { return bkper.File{}, nil }

func (p *paper) Integrations(context.Context, string) ([]bkper.Integration, error) { return nil, nil }

// write changes a transaction and records what happened, if it is among the
// events that the app asks for.
func (p *paper) write(what bkper.EventType, t bkper.Transaction) {
	p.all[t.ID] = t
	if what == bkper.TransactionCreated || what == bkper.TransactionChecked {
		return
	}
	e := event(p.tb, what, "", bkper.TransactionOperation{Transaction: t})
	e.BookID = p.id
	p.events = append(p.events, e)
}

// act lets a person do one thing, if it can be done.
func (p *paper) act(rt *rapid.T) {
	ids := slices.Sorted(maps.Keys(p.all))
	t := p.all[rapid.SampledFrom(ids).Draw(rt, "transaction")]
	side := &t.DebitAccount
	if t.CreditAccount == nil || t.CreditAccount.ID != "bank" {
		side = &t.CreditAccount
	}
	complete := t.CreditAccount != nil && t.DebitAccount != nil
	switch rapid.IntRange(0, 7).Draw(rt, "act") {
	case 0, 1:
		if !t.Trashed && !t.Checked {
			*side = &bkper.Account{ID: rapid.SampledFrom([]string{"savings", "food", "rent"}).Draw(rt, "account")}
			p.write(bkper.TransactionUpdated, t)
		}
	case 2:
		if !t.Trashed && !t.Posted {
			*side = nil
			p.write(bkper.TransactionUpdated, t)
		}
	case 3:
		if !t.Trashed && !t.Checked {
			t.Description = rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "description")
			p.write(bkper.TransactionUpdated, t)
		}
	case 4:
		switch {
		case t.Trashed || !complete:
		case !t.Posted:
			t.Posted, t.Draft = true, false
			p.write(bkper.TransactionPosted, t)
		default:
			t.Checked = !t.Checked
			p.write(bkper.TransactionChecked, t)
		}
	case 5:
		if !t.Trashed {
			t.Trashed, t.Checked = true, false
			p.write(bkper.TransactionDeleted, t)
		}
	case 6:
		if t.Trashed && !p.merged[t.ID] {
			t.Trashed = false
			p.write(bkper.TransactionRestored, t)
		}
	case 7:
		p.merge(t, p.all[rapid.SampledFrom(ids).Draw(rt, "merged with")])
	}
}

func (p *paper) merge(a, b bkper.Transaction) {
	if a.ID == b.ID || a.Trashed || b.Trashed || a.Checked || b.Checked {
		return
	}
	p.serial++
	t := a
	t.ID = fmt.Sprintf("s%d", p.serial)
	t.Posted = (a.Posted || b.Posted) && t.CreditAccount != nil && t.DebitAccount != nil
	t.RemoteIDs = slices.Concat(a.RemoteIDs, b.RemoteIDs)
	what := bkper.TransactionCreated
	if t.Posted {
		what = bkper.TransactionPosted
	}
	p.write(what, t)
	for _, original := range []bkper.Transaction{a, b} {
		original.Trashed = true
		p.merged[original.ID] = true
		p.write(bkper.TransactionDeleted, original)
	}
}

// however is one history of a book, with the entries of the ledger.
type however struct {
	*paper
	engine  store.Engine
	handler *bookevents.Handler
	entries []ledger.Entry
}

func newHistory(tb testing.TB, engine store.Engine, id string) *however {
	p := &paper{tb: tb, id: id, all: map[string]bkper.Transaction{}, merged: map[string]bool{}}
	now := func() time.Time { return completetest.Start }
	h := &however{paper: p, engine: engine, handler: &bookevents.Handler{
		Engine: engine, Books: books{p}, Users: users{}, Feed: &fakeFeed{}, Completer: complete.New(engine, now),
		AgentID: completetest.AgentID, Now: now,
	}}
	own, food := &bkper.Account{ID: "bank"}, &bkper.Account{ID: "food"}
	for n, kind := range []string{"open", "open", "filled", "matched", "unknown"} {
		row := completetest.Row(n, -1000, "ROW "+kind)
		t := bkper.Transaction{
			ID: fmt.Sprintf("t%d", n), Date: row.Date, Amount: bkper.AmountOf(row.Amount.Number()),
			Description: row.Description, CreditAccount: own, Draft: true,
		}
		e := ledger.Entry{
			RemoteID: ledger.RemoteID("bank", row.Date, row.Amount, n+1), BookID: id, AccountID: "bank", Row: row,
			State: ledger.Recorded, TransactionID: t.ID,
		}
		switch kind {
		case "filled":
			t.DebitAccount = food
		case "matched":
			e.State = ledger.Matched
		}
		if e.State == ledger.Recorded && kind != "unknown" {
			t.RemoteIDs = []string{e.RemoteID}
			e.Written = ledger.WrittenOf(t, "")
		}
		p.all[t.ID] = t
		if kind != "unknown" {
			h.entries = append(h.entries, e)
		}
	}
	records := ledger.All()
	err := engine.Update(tb.Context(), func(tx store.Tx) error {
		for _, e := range h.entries {
			if err := records.PutEntry(tx, e); err != nil {
				return err
			}
		}
		return records.PutIntegration(tx, ledger.Integration{ID: "i", BookID: id, AccountID: "bank", ConnectionID: id})
	})
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func (h *however) deliver(rt *rapid.T, e bkper.Event) {
	if _, err := h.handler.Handle(h.tb.Context(), e, seal.NewSecret("owner")); err != nil {
		rt.Fatal(err)
	}
}

// holder returns the transaction that an entry stands for now, and whether it
// is live.
func (h *however) holder(e ledger.Entry) (bkper.Transaction, bool) {
	if e.State == ledger.Matched {
		t := h.all[e.TransactionID]
		return t, !t.Trashed
	}
	same, _ := h.FindRemoteID(h.tb.Context(), "", e.RemoteID)
	return same[0], !same[0].Trashed
}

// wanted works out from the book alone what the app must know in the end.
func (h *however) wanted() (states map[string]string, lessons map[string]ledger.Lesson) {
	states, lessons = map[string]string{}, map[string]ledger.Lesson{}
	of := map[string][]ledger.Entry{} // entries by the transaction they stand for
	for _, e := range h.entries {
		t, live := h.holder(e)
		switch {
		case !live:
			states[e.RemoteID] = string(ledger.Trashed)
		default:
			states[e.RemoteID] = string(e.State) + " " + t.ID
			of[t.ID] = append(of[t.ID], e)
		}
	}
	chart := complete.Chart{Accounts: map[string]bkper.Account{}}
	for _, a := range paperAccounts {
		chart.Accounts[a.ID] = a
	}
	for id, t := range h.all {
		entries := of[id]
		slices.SortFunc(entries, func(a, b ledger.Entry) int {
			return slices.Index(t.RemoteIDs, a.RemoteID) - slices.Index(t.RemoteIDs, b.RemoteID)
		})
		guessed := slices.ContainsFunc(entries, func(e ledger.Entry) bool {
			return e.Written != nil && t.DebitAccount != nil && e.Written.To == t.DebitAccount.ID
		})
		if t.Trashed || !t.Posted && (guessed || len(entries) == 0) {
			continue
		}
		taught := complete.LessonsOf(t, chart)
		for _, e := range entries {
			taught = complete.WithRow(taught, e.AccountID, e.Row)
		}
		for _, lesson := range taught {
			lessons[lesson.ID] = lesson
		}
	}
	return states, lessons
}

// check compares what the app knows with what it must know.
func (h *however) check(rt *rapid.T) {
	states, lessons := h.wanted()
	records := ledger.All()
	got := map[string]string{}
	for _, e := range h.entries {
		now, err := records.Entries.Load(h.tb.Context(), h.engine, e.Key())
		if err != nil {
			rt.Fatal(err)
		}
		got[e.RemoteID] = string(now.State)
		if now.State != ledger.Trashed {
			got[e.RemoteID] += " " + now.TransactionID
		}
		if t, live := h.holder(e); live && e.Written != nil && !e.Written.Same(t) && !now.Touched {
			rt.Errorf("%s is %+v and not known as touched", e.RemoteID, t)
		}
	}
	if diff := cmp.Diff(states, got); diff != "" {
		rt.Errorf("ledger: %s", diff)
	}
	all, err := records.Lessons.All(h.tb.Context(), h.engine, store.Below(h.id))
	if err != nil {
		rt.Fatal(err)
	}
	taught := map[string]ledger.Lesson{}
	for _, lesson := range all {
		taught[lesson.ID] = lesson
	}
	if diff := cmp.Diff(lessons, taught); diff != "" {
		rt.Errorf("lessons: %s", diff)
	}
}

// Events come late, twice and in any order. In the end the ledger and the
// lessons say what the book says, whatever has happened on the way.
func TestInTheEndOnlyTheBookCounts(t *testing.T) {
	engine, err := embedded.Open(filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		h := newHistory(t, storetest.Restless(engine), fmt.Sprintf("book%d", n))
		var waiting []bkper.Event
		deliverSome := func(most int) {
			for range rapid.IntRange(0, min(most, len(waiting))).Draw(rt, "delivered") {
				i := rapid.IntRange(0, len(waiting)-1).Draw(rt, "next")
				h.deliver(rt, waiting[i])
				waiting = slices.Delete(waiting, i, i+1)
			}
		}
		for range rapid.IntRange(1, 10).Draw(rt, "acts") {
			before := len(h.events)
			h.act(rt)
			waiting = append(waiting, h.events[before:]...)
			deliverSome(2)
		}
		for _, e := range h.events {
			if rapid.IntRange(0, 3).Draw(rt, "again") == 0 {
				waiting = append(waiting, e)
			}
		}
		order := make([]int, len(waiting))
		for i := range order {
			order[i] = i
		}
		for _, i := range rapid.Permutation(order).Draw(rt, "order") {
			h.deliver(rt, waiting[i])
		}
		h.check(rt)
	})
}
