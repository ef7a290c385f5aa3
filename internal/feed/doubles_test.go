package feed_test

import (
	"testing"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
)

var opening = row("o", 1, "-99", "OPENING")

// doubtful is an account into which a file has recorded a row that the feed
// tells under another day and in other words.
func doubtful(t *testing.T) (*world, ledger.DoublePair) {
	w := linked(t)
	w.bank.shows(opening)
	w.sync()
	w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", []bank.Transaction{row("F1", 3, "-5", "Books and more")}})})
	w.bank.shows(opening, row("x", 5, "-5", "BOOKS 12"))
	w.sync()
	w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"), row("", 5, "-5", "BOOKS 12"))
	return w, w.onlyDouble()
}

func (w *world) doubles() (proposed, one []ledger.DoublePair) {
	w.t.Helper()
	proposed, one, err := w.feed.Doubles(w.t.Context(), "book")
	w.check(err)
	return proposed, one
}

func (w *world) onlyDouble() ledger.DoublePair {
	w.t.Helper()
	proposed, _ := w.doubles()
	if len(proposed) != 1 {
		w.t.Fatalf("doubles: %+v", proposed)
	}
	return proposed[0]
}

func (w *world) decide(d ledger.DoublePair, as ledger.DoubleState) {
	w.t.Helper()
	w.check(w.feed.DecideDouble(w.t.Context(), "book", d.New, d.Known+d.Standing, as, "u1"))
	w.drain()
}

func TestWhatMayBeOneIsProposedAndNotDone(t *testing.T) {
	w, d := doubtful(t)
	if d.NewRow.Description != "BOOKS 12" || d.KnownRow.Description != "Books and more" || d.Reason == "" {
		t.Errorf("%+v", d)
	}
	w.sync()
	w.onlyDouble() // still one
}

func TestWhatAPersonSaysIsOneLeavesTheBookOnceAndComesBackWhenAsked(t *testing.T) {
	w, d := doubtful(t)
	w.decide(d, ledger.IsOne)
	w.decide(d, ledger.IsOne) // clicked twice
	w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"))
	w.sync()
	w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", []bank.Transaction{row("F1", 3, "-5", "Books and more")}})})
	w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"))
	if e := w.entryOf("BOOKS 12"); e.Same != d.Known {
		t.Errorf("%+v", e)
	}
	for _, run := range w.runs() { // what is one is no matter of a run any more
		w.check(w.feed.Redo(t.Context(), run, "u1"))
		w.drain()
	}
	w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"))

	proposed, one := w.doubles()
	if len(proposed) != 0 || len(one) != 1 {
		t.Fatalf("proposed %+v, one %+v", proposed, one)
	}
	w.decide(one[0], ledger.AreTwo)
	w.decide(one[0], ledger.AreTwo)
	w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"), row("", 5, "-5", "BOOKS 12"))
	w.sync()
	if proposed, one = w.doubles(); len(proposed)+len(one) != 0 {
		t.Errorf("what a person says are two is proposed again: %+v, %+v", proposed, one)
	}
}

func TestOfTwoThatAreOneTheUntouchedDraftGoes(t *testing.T) {
	w, d := doubtful(t)
	w.book.edit("BOOKS 12", func(t *bkper.Transaction) { t.Draft, t.Posted = false, true })
	w.decide(d, ledger.IsOne)
	w.wantBook("Bank", opening, row("", 5, "-5", "BOOKS 12"))
}

func TestWhereAPersonHasWorkedOnBothNothingIsTakenOut(t *testing.T) {
	w, d := doubtful(t)
	for _, text := range []string{"BOOKS 12", "Books and more"} {
		w.book.edit(text, func(t *bkper.Transaction) { t.Draft, t.Posted = false, true })
	}
	w.decide(d, ledger.IsOne)
	w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"), row("", 5, "-5", "BOOKS 12"))
	if d := w.onlyDouble(); d.Hurdle == "" || d.Asked != "" {
		t.Errorf("%+v", d)
	}
}

func TestWhatAPersonTypedInUnderAnotherDayIsProposed(t *testing.T) {
	w := linked(t)
	w.bank.shows(opening)
	w.sync()
	typed := w.book.add(bkper.Transaction{
		Date: bank.NewDate(2026, 11, 3), Amount: "5", Description: "books for Ana", Posted: true,
		CreditAccount: &bkper.Account{ID: "Bank"}, DebitAccount: &bkper.Account{ID: "Books"},
	})
	w.bank.shows(opening, row("x", 5, "-5", "BOOKS 12"))
	w.sync()
	d := w.onlyDouble()
	if d.Standing != typed.ID || d.KnownRow.Description != "books for ana" || d.KnownRow.Date != typed.Date || !d.KnownRow.Amount.Equal(d.NewRow.Amount) {
		t.Fatalf("%+v", d)
	}
	w.decide(d, ledger.IsOne)
	w.wantBook("Bank", opening)
	if e := w.entryOf("BOOKS 12"); e.State != ledger.Matched || e.TransactionID != typed.ID {
		t.Errorf("%+v", e)
	}
	w.decide(d, ledger.AreTwo)
	w.wantBook("Bank", opening, row("", 5, "-5", "BOOKS 12"))
	if got := w.book.all[typed.ID]; got.Trashed || got.Description != "books for Ana" {
		t.Errorf("the person's own became %+v", got)
	}
}

func TestWhatMayBeOneIsProposedWhereverTheRunWasCutShort(t *testing.T) {
	for cut := 1; ; cut++ {
		w := linked(t)
		w.bank.shows(opening)
		w.sync()
		w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", []bank.Transaction{row("F1", 3, "-5", "Books and more")}})})
		w.bank.shows(opening, row("x", 5, "-5", "BOOKS 12"))
		w.power.cutAt = w.power.effects + cut
		w.sync()
		done := w.power.effects < w.power.cutAt
		w.sync()
		if proposed, _ := w.doubles(); len(proposed) != 1 {
			t.Errorf("cut at effect %d: %d proposals", cut, len(proposed))
		}
		if done {
			return
		}
	}
}

func TestADecisionCutShortIsCarriedOut(t *testing.T) {
	for cut := 1; ; cut++ {
		w, d := doubtful(t)
		w.check(w.feed.DecideDouble(t.Context(), "book", d.New, d.Known, ledger.IsOne, "u1"))
		w.power.cutAt = w.power.effects + cut
		w.drain()
		done := w.power.effects < w.power.cutAt
		w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"))
		if _, one := w.doubles(); len(one) != 1 {
			t.Errorf("cut at effect %d: %+v", cut, one)
		}
		if t.Failed() || done {
			return
		}
	}
}

func TestADecisionOnWhatIsNotKnownSaysSo(t *testing.T) {
	w := linked(t)
	if err := w.feed.DecideDouble(t.Context(), "book", "x", "y", ledger.IsOne, "u1"); !errs.Is(err, errs.NotFound) {
		t.Errorf("%v", err)
	}
}
