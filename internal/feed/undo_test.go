package feed_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
)

func TestUndoTakesOutWhatNobodyTouchedAndRemembersIt(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee, tea)
	w.sync()
	w.book.edit("TEA", func(t *bkper.Transaction) { t.Amount = "3.30" })
	run := w.runs()[0]
	w.check(w.feed.Undo(t.Context(), run, "u1"))
	w.drain()
	if n := w.states(); n[ledger.Undone] != 1 || n[ledger.Recorded] != 1 {
		t.Errorf("states after undo: %v", n)
	}
	w.sync()
	if live := w.book.count("COFFEE"); live != 0 {
		t.Errorf("%d of what was undone came back by itself", live)
	}
	if got := w.book.named("TEA"); got.Amount != "3.30" {
		t.Errorf("what a person touched was changed: %+v", got)
	}
	w.check(w.feed.Redo(t.Context(), run, "u1"))
	w.drain()
	if n := w.states(); n[ledger.Recorded] != 2 || w.book.count("COFFEE") != 1 {
		t.Errorf("states after it was asked for again: %v", n)
	}
}

func TestAnUndoCutShortEndsWhereTheBookStands(t *testing.T) {
	for claim, change := range map[string]struct {
		now  func(*world, ledger.Entry)
		want ledger.State
	}{
		"trashed before the reply came": {func(w *world, e ledger.Entry) {
			tx := w.book.all[e.TransactionID]
			tx.Trashed = true
			w.book.all[e.TransactionID] = tx
		}, ledger.Undone},
		"gone from the book for good": {func(w *world, e ledger.Entry) { delete(w.book.all, e.TransactionID) }, ledger.Undone},
		"not yet trashed":             {func(*world, ledger.Entry) {}, ledger.Undone},
		"touched meanwhile": {func(w *world, _ ledger.Entry) {
			w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Amount = "9" })
		}, ledger.Recorded},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.bank.shows(coffee)
			w.sync()
			e := w.entryOf("COFFEE")
			w.check(ledger.All().Entries.Update(t.Context(), w.disk, e.Key(), func(e ledger.Entry) (ledger.Entry, error) {
				e.State = ledger.Undoing // the intention is written, what came of it is not
				return e, nil
			}))
			change.now(w, e)
			w.check(w.feed.Undo(t.Context(), w.runs()[0], "u1"))
			w.drain()
			if n := w.states(); n[change.want] != 1 {
				t.Errorf("states %v, want one %s", n, change.want)
			}
		})
	}
}

func TestWhatAPersonTrashesBetweenTheTriesOfAnUndoStaysInTheTrash(t *testing.T) {
	for claim, failure := range map[string]func(trashed int) (before, after error){
		"the second draft was never sent": func(trashed int) (before, after error) {
			if trashed == 1 {
				return nil, errAway
			}
			return nil, nil
		},
		"the second was surely not taken out": func(trashed int) (before, after error) {
			if trashed == 2 {
				return errLostAccess, nil
			}
			return nil, nil
		},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.bank.shows(coffee, tea)
			w.sync()
			run := w.runs()[0]
			trashed := 0
			w.book.trouble = func(op string) (before, after error) {
				if op != "trash" {
					return nil, nil
				}
				trashed++
				return failure(trashed)
			}
			w.check(w.feed.Undo(t.Context(), run, "u1"))
			if _, _, err := w.queue.Step(t.Context(), w.handler); err != nil {
				t.Fatal(err)
			}
			w.book.trouble = nil
			for id, tx := range w.book.all { // the person is quicker than the next try
				tx.Trashed = true
				w.book.all[id] = tx
			}
			w.drain()
			w.check(w.feed.Redo(t.Context(), run, "u1"))
			w.drain()
			if back := w.book.count("COFFEE") + w.book.count("TEA"); back != 1 {
				t.Errorf("%d came back, want only what the app itself had taken out", back)
			}
		})
	}
}

func TestWhatStaysAlthoughItWasGoingSaysWhatTheBankSaidMeanwhile(t *testing.T) {
	for claim, says := range map[string]func(w *world){
		"withdrawn": func(w *world) { w.bank.tells([]string{coffee.ID}) },
		"changed": func(w *world) {
			other := coffee
			other.Amount = money.MustParse("-3", "EUR")
			w.bank.shows(other)
		},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.bank.shows(coffee)
			w.sync()
			run := w.runs()[0]
			w.check(ledger.All().Entries.Update(t.Context(), w.disk, w.entryOf("COFFEE").Key(), func(e ledger.Entry) (ledger.Entry, error) {
				e.State = ledger.Undoing // the intention is written, what came of it is not
				return e, nil
			}))
			w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Posted, t.Draft = true, false })
			says(w)
			w.sync()
			w.check(w.feed.Undo(t.Context(), run, "u1"))
			w.drain()
			if e := w.entryOf("COFFEE"); e.State != ledger.Recorded || e.Flag == "" {
				t.Errorf("it is %s, flagged %q", e.State, e.Flag)
			}
		})
	}
}

func TestWhatComesBackSaysWhatTheBankSaidMeanwhile(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee)
	w.sync()
	run := w.runs()[0]
	w.check(w.feed.Undo(t.Context(), run, "u1"))
	w.drain()
	now := changedTo(coffee, 4, "-3", "COFFEE TO GO")
	w.bank.shows(now)
	w.sync()
	w.check(w.feed.Redo(t.Context(), run, "u1"))
	w.drain()
	w.wantBook("Bank", now)
}

func TestWhatAPersonTrashesBetweenTheTriesOfARedoStaysInTheTrash(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee)
	w.sync()
	run := w.runs()[0]
	moment := bkper.Millis(1000)
	stamp := func(trashed bool) {
		moment++
		tx := w.book.all["t1"]
		tx.Trashed, tx.UpdatedAt = trashed, moment
		w.book.all["t1"] = tx
	}
	stamp(false)
	w.check(w.feed.Undo(t.Context(), run, "u1"))
	w.drain()
	tries := 0
	w.book.trouble = func(op string) (before, after error) {
		switch {
		case op == "restore":
			tries++
			return nil, errAway // the reply is lost
		case op == "get" && tries == 1:
			stamp(true) // the person is quicker than the next try
		}
		return nil, nil
	}
	w.check(w.feed.Redo(t.Context(), run, "u1"))
	w.drain()
	if e := w.entryOf("COFFEE"); !w.book.all["t1"].Trashed || e.State != ledger.Trashed || tries != 1 {
		t.Errorf("it is %s, in the trash: %v, after %d tries", e.State, w.book.all["t1"].Trashed, tries)
	}
}

func TestRedoingARunLeavesWhatTheBankWithdrewMeanwhile(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee, tea)
	w.sync()
	run := w.runs()[0]
	w.book.trouble = func(op string) (error, error) {
		if op == "update" || op == "trash" {
			return errLocked, nil
		}
		return nil, nil
	}
	w.bank.shows(changedTo(coffee, 3, "-2.60", "COFFEE"), tea)
	w.sync()
	w.bank.tells([]string{coffee.ID})
	w.sync()
	w.check(w.feed.Redo(t.Context(), run, "u1"))
	w.drain()
	if e := w.entryOf("COFFEE"); !e.Withdrawn || !strings.Contains(e.Flag, "The bank withdrew this transaction.") {
		t.Errorf("the book could not follow, and it is flagged %q, withdrawn %v", e.Flag, e.Withdrawn)
	}
}

// A batch takes the turn of the account that the integration records into now,
// a redo that of the account where the run has recorded.
func TestWhatComesBackWhileItsCorrectionIsBeingWrittenSaysWhatTheBankSays(t *testing.T) {
	for at := range 4 {
		t.Run(fmt.Sprintf("before write %d", at), func(t *testing.T) {
			w := linked(t)
			first, second := w.process(), w.process()
			w.bank.tells(nil, coffee)
			first.waiting = first.fetch()
			first.handAll()
			run := w.runs()[0]
			w.check(first.Undo(t.Context(), run, "u1"))
			first.handAll()
			w.save(func(i *ledger.Integration) { i.AccountID, i.AccountName = "Card", "Card" })
			w.bank.tells(nil, dearer)
			first.waiting = first.fetch()
			writes, back := 0, false
			w.power.yield = func(here string) {
				if here != "store" || back {
					return
				}
				if back = writes == at; back {
					w.check(second.Redo(t.Context(), run, "u1"))
					second.handAll()
				}
				writes++
			}
			first.handAgain()
			w.power.yield = nil
			if !back {
				t.Fatal("it did not come back meanwhile")
			}
			w.wantBook("Bank", dearer)
		})
	}
}

// A person has chosen another account of the book, so the two are under different
// leases.
func TestWhatTheBankSaysWhileARunIsBroughtBackIsFollowed(t *testing.T) {
	dearer := changedTo(coffee, 3, "-2.60", "COFFEE")
	for claim, c := range map[string]struct {
		lost    bool // the trash does not have it any more
		at      string
		removed []string
		now     []bank.Transaction
		into    string
	}{
		"it withdraws it": {false, "restore", []string{"a"}, nil, "Bank"},
		"it corrects it":  {false, "restore", nil, []bank.Transaction{dearer}, "Bank"},
		"it withdraws what has to be recorded again": {true, "create", []string{"a"}, nil, "Bank"},
		"it corrects what has to be recorded again":  {true, "create", nil, []bank.Transaction{dearer}, "Card"},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			first, second := w.process(), w.process()
			w.bank.tells(nil, coffee, tea)
			first.waiting = first.fetch()
			first.handAll()
			run := w.runs()[0]
			w.check(first.Undo(t.Context(), run, "u1"))
			first.handAll()
			if c.lost {
				w.book.forget(w.entryOf("COFFEE"))
			}
			w.check(first.Redo(t.Context(), run, "u1"))
			redo, overlapped := first.asked(), false
			w.onceAt(c.at, func() {
				overlapped = true
				i := w.integration("i1")
				i.AccountID = "Card"
				w.put(i)
				w.bank.tells(c.removed, c.now...)
				second.waiting = second.fetch()
				second.handAll()
			})
			w.check(first.hand(redo))
			if !overlapped {
				t.Fatal("the two did not overlap")
			}
			if c.into == "Bank" {
				w.wantBook("Bank", append(c.now, tea)...)
			} else {
				w.wantBook("Bank", tea)
				w.wantBook(c.into, c.now...)
			}
			for _, e := range w.entries() {
				if e.Flag != "" {
					t.Errorf("%s is flagged %q", e.Row.Description, e.Flag)
				}
			}
		})
	}
}
