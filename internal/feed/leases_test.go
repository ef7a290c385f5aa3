package feed_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/transfer"
)

// Cases in which a message is handed over late, or while another is at work.

// transferBooks is the book as transfers see it.
type transferBooks struct{ *fakeBook }

func (b transferBooks) For(string) transfer.Book { return b.fakeBook }

// joining begins a process that makes one of the two ends of a transfer.
func (w *world) joining() (*process, *transfer.Service) {
	p := &process{w: w}
	d := w.deps(p, w.book)
	transfers := &transfer.Service{Engine: d.Engine, Books: transferBooks{w.book}, Now: w.clock, NewID: d.NewID, Log: slog.New(slog.DiscardHandler)}
	d.Transfers = transfers
	p.Service = feed.New(d)
	return p, transfers
}

// both makes the bank report a row of each account.
func (b *fakeBank) both(checking, card bank.Transaction) {
	b.report = map[string]connectors.AccountPage{
		"checking": {Transactions: []bank.Transaction{checking}}, "card": {Transactions: []bank.Transaction{card}},
	}
}

func TestALateMessageOfARunThatWasGivenUpPartsNoTransfer(t *testing.T) {
	w := linked(t)
	w.integrate("i2", "c1", "card", "Card", firstOfMonth)
	p, transfers := w.joining()
	out, in := row("o", 3, "-50", "J SMITH"), row("i", 4, "50", "J SMITH")
	w.bank.both(out, in)
	p.waiting = p.fetch()
	p.handAll()
	proposed, err := transfers.Proposals(t.Context(), "book")
	w.check(err)
	if len(proposed) != 1 {
		t.Fatalf("%d proposals", len(proposed))
	}
	w.check(transfers.Accept(t.Context(), w.book, "book", proposed[0].ID))

	w.bank.both(changedTo(out, 3, "-60", "J SMITH"), in)
	late := p.fetch()
	if len(late) != 1 {
		t.Fatalf("the change came in %d messages", len(late))
	}
	w.bank.both(out, in) // the bank has thought better of it
	w.now = w.now.Add(4 * time.Hour)
	w.check(p.Sweep(t.Context()))
	p.handAll()
	writes := w.book.writes()
	w.check(p.hand(late[0]))
	p.handAll()

	joined, err := transfers.Joined(t.Context(), "book")
	w.check(err)
	if w.book.writes() != writes || len(joined) != 1 {
		t.Errorf("what a person had joined was parted: %d writes, %d transfers", w.book.writes()-writes, len(joined))
	}
}

func TestNoMessageIsDoneBeforeItsRowsAreInTheBook(t *testing.T) {
	type outcome struct{ before, after error }
	for claim, fails := range map[string]map[string]outcome{ // by the call of the book
		"the book is away":                        {"create": {before: errAway}},
		"the book is asked too often":             {"create": {before: errTooOften}},
		"the book's reply is lost":                {"create": {after: errAway}},
		"and then it cannot be looked into":       {"create": {after: errAway}, "find": {before: errAway}},
		"what stands in the book cannot be read":  {"list": {before: errAway}},
		"the accounts of the book cannot be read": {"book": {before: errAway}},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			p := w.process()
			w.bank.shows(coffee, tea)
			m := p.fetch()[0]
			w.book.trouble = func(op string) (error, error) { return fails[op].before, fails[op].after }
			for range 3 {
				err := p.hand(m)
				recorded, run := w.states()[ledger.Recorded], w.runs()[0]
				if err == nil && recorded < 2 {
					t.Fatalf("it is done, but of two rows %d are recorded", recorded)
				}
				if run.Counts.Recorded > recorded || !run.FinishedAt.IsZero() && recorded < 2 {
					t.Fatalf("the run says %+v, but of two rows %d are recorded", run.Counts, recorded)
				}
			}
			w.book.trouble = nil
			w.check(p.hand(m))
			w.wantBook("Bank", coffee, tea)
			w.addsUp(w.runs()[0])
		})
	}
}
