package feed_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
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

// typedDouble is a row that may be what a person has typed in under another day.
func typedDouble(t *testing.T) (*world, bkper.Transaction, ledger.DoublePair) {
	w := linked(t)
	w.bank.shows(opening)
	w.sync()
	typed := w.typedBooks()
	w.bank.shows(opening, row("x", 5, "-5", "BOOKS 12"))
	w.sync()
	return w, typed, w.onlyDouble()
}

func (w *world) typedBooks() bkper.Transaction {
	return w.book.add(bkper.Transaction{
		Date: bank.NewDate(2026, 11, 3), Amount: "5", Description: "books for Ana", Posted: true,
		CreditAccount: &bkper.Account{ID: "Bank"}, DebitAccount: &bkper.Account{ID: "Books"},
	})
}

// isClosed checks that a proposal is neither shown nor to be decided.
func (w *world) isClosed(d ledger.DoublePair) {
	w.t.Helper()
	if proposed, one := w.doubles(); len(proposed)+len(one) != 0 {
		w.t.Errorf("still shown: %+v, %+v", proposed, one)
	}
	for _, as := range []ledger.DoubleState{ledger.IsOne, ledger.AreTwo} {
		if err := w.feed.DecideDouble(w.t.Context(), "book", d.New, d.Known+d.Standing, as, "u1"); !errs.Is(err, errs.NotFound) {
			w.t.Errorf("deciding it: %v", err)
		}
	}
	w.drain()
}

func TestTheLastOneStandingIsNeverTakenOut(t *testing.T) {
	known, later := row("", 3, "-5", "Books and more"), row("", 5, "-5", "BOOKS 12")
	for claim, c := range map[string]struct {
		in    string // the text of what somebody trashes in the book, of which no event was heard yet
		stays bank.Transaction
	}{
		"the later one is in the trash":   {"BOOKS 12", known},
		"the earlier one is in the trash": {"Books and more", later},
	} {
		t.Run(claim, func(t *testing.T) {
			w, d := doubtful(t)
			w.book.edit(c.in, func(t *bkper.Transaction) { t.Trashed = true })
			w.decide(d, ledger.IsOne)
			w.wantBook("Bank", opening, c.stays)
			if d := w.onlyDouble(); d.Hurdle == "" || d.Asked != "" || d.State != ledger.MayBeOne {
				t.Errorf("%+v", d)
			}
		})
	}
	t.Run("what a person typed in is in the trash", func(t *testing.T) {
		w, typed, d := typedDouble(t)
		typed.Trashed = true
		w.book.all[typed.ID] = typed
		w.decide(d, ledger.IsOne)
		w.wantBook("Bank", opening, later)
		if d := w.onlyDouble(); d.Hurdle == "" || d.Asked != "" {
			t.Errorf("%+v", d)
		}
	})
}

func TestAProposalOfWhichOneDoesNotStandIsClosed(t *testing.T) {
	for claim, do := range map[string]func(*world){
		"a person has deleted the later one":   func(w *world) { w.tellTrashed(w.entryOf("BOOKS 12")) },
		"a person has deleted the earlier one": func(w *world) { w.tellTrashed(w.entryOf("Books and more")) },
		"the bank has withdrawn the later one": func(w *world) {
			w.bank.tells([]string{"x"}, opening)
			w.sync()
		},
		"the earlier one's run was undone": func(w *world) {
			for _, r := range w.runs() {
				if r.Kind == ledger.FileRun {
					w.check(w.feed.Undo(w.t.Context(), r, "u1"))
				}
			}
			w.drain()
		},
	} {
		t.Run(claim, func(t *testing.T) {
			w, d := doubtful(t)
			do(w)
			before := w.book.live("Bank")
			w.isClosed(d)
			if diff := cmp.Diff(before, w.book.live("Bank")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatWasTakenOutComesBackWhenTheBankWithdrawsTheOther(t *testing.T) {
	for cut := 0; ; cut++ {
		w := linked(t)
		w.bank.shows(opening, row("x", 3, "-5", "Books and more"))
		w.sync()
		w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", []bank.Transaction{row("F0", 1, "-99", "OPENING"), row("F1", 5, "-5", "BOOKS 12")}})})
		w.decide(w.onlyDouble(), ledger.IsOne)
		w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"))
		w.bank.tells([]string{"x"}, row("y", 5, "-5", "BOOKS 12")) // the bank books it anew, under the other day
		if cut > 0 {
			w.power.cutAt = w.power.effects + cut
		}
		w.sync()
		done := cut > 0 && w.power.effects < w.power.cutAt
		w.sync()
		w.wantBook("Bank", opening, row("", 5, "-5", "BOOKS 12"))
		if proposed, one := w.doubles(); len(proposed)+len(one) != 0 || w.entryOf("BOOKS 12").Same != "" {
			t.Errorf("cut at effect %d: %+v, %+v", cut, proposed, one)
		}
		if t.Failed() || done {
			return
		}
	}
}

func TestWhatAPersonTypedInStandsForOneMovementOnly(t *testing.T) {
	t.Run("which another row has proven to be", func(t *testing.T) {
		w, typed, d := typedDouble(t)
		w.bank.shows(opening, row("x", 5, "-5", "BOOKS 12"), row("y", 3, "-5", "books for Ana"))
		w.sync()
		if e := w.entryOf("books for Ana"); e.State != ledger.Matched || e.TransactionID != typed.ID {
			t.Fatalf("%+v", e)
		}
		w.isClosed(d)
		w.wantBook("Bank", opening, row("", 5, "-5", "BOOKS 12"))
	})
	t.Run("for which it is proposed", func(t *testing.T) {
		w, _, d := typedDouble(t)
		w.bank.shows(opening, row("x", 5, "-5", "BOOKS 12"), row("y", 6, "-5", "BOOKS 13"))
		w.sync()
		if again := w.onlyDouble(); again.New != d.New {
			t.Errorf("%+v", again)
		}
	})
	t.Run("until a person says that it is another", func(t *testing.T) {
		w, typed, d := typedDouble(t)
		w.decide(d, ledger.IsOne)
		w.decide(d, ledger.AreTwo)
		w.bank.shows(opening, row("x", 5, "-5", "BOOKS 12"), row("y", 3, "-5", "books for Ana"))
		w.sync()
		if e := w.entryOf("books for Ana"); e.State != ledger.Matched || e.TransactionID != typed.ID {
			t.Errorf("%+v", e)
		}
	})
}

func TestWhatIsKnownStandsForOneMovementOnly(t *testing.T) {
	for _, as := range []ledger.DoubleState{ledger.IsOne, ""} {
		w, d := doubtful(t)
		if as != "" {
			w.decide(d, as)
		}
		before, _ := w.doubles()
		w.bank.shows(opening, row("x", 5, "-5", "BOOKS 12"), row("y", 6, "-5", "BOOKS 13"))
		w.sync()
		if proposed, _ := w.doubles(); len(proposed) != len(before) {
			t.Errorf("after %q: %+v", as, proposed)
		}
	}
}

func TestADecisionWhileAnotherIsCarriedOutIsCarriedOutToo(t *testing.T) {
	w, d := doubtful(t)
	asked := false
	w.book.trouble = func(op string) (error, error) {
		if op == "trash" && !asked {
			asked = true
			w.check(w.feed.DecideDouble(t.Context(), "book", d.New, d.Known, ledger.AreTwo, "u1"))
		}
		return nil, nil
	}
	w.decide(d, ledger.IsOne)
	if !asked {
		t.Fatal("nothing was taken out")
	}
	w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"), row("", 5, "-5", "BOOKS 12"))
	if proposed, one := w.doubles(); len(proposed)+len(one) != 0 {
		t.Errorf("%+v, %+v", proposed, one)
	}
}

func TestADecisionThatTheBookRefusesForGoodSaysSo(t *testing.T) {
	for claim, c := range map[string]struct {
		op  string
		err error
	}{
		"nobody may read the book any more": {"get", errLostAccess},
		"the draft is locked":               {"trash", errLocked},
		"nobody may write to the book":      {"trash", errLostAccess},
	} {
		t.Run(claim, func(t *testing.T) {
			w, d := doubtful(t)
			w.book.trouble = func(op string) (error, error) {
				if op == c.op {
					return c.err, nil
				}
				return nil, nil
			}
			w.decide(d, ledger.IsOne)
			w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"), row("", 5, "-5", "BOOKS 12"))
			if d := w.onlyDouble(); d.Asked != "" || d.Hurdle == "" {
				t.Errorf("%+v", d)
			}
			w.book.trouble = nil
			w.decide(d, ledger.IsOne)
			w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"))
		})
	}
}

func TestWhatCannotComeBackStaysOneAndSaysSo(t *testing.T) {
	for claim, typed := range map[string]bool{"of an entry": false, "of what a person typed in": true} {
		t.Run(claim, func(t *testing.T) {
			w, d := doubtful(t)
			if typed {
				w, _, d = typedDouble(t)
			}
			w.decide(d, ledger.IsOne)
			was := w.entryOf("BOOKS 12")
			before := w.book.live("Bank")
			w.book.trouble = func(op string) (error, error) {
				if op == "restore" {
					return errLocked, nil
				}
				return nil, nil
			}
			w.decide(d, ledger.AreTwo)
			_, one := w.doubles()
			if len(one) != 1 || one[0].Hurdle == "" || one[0].Asked != "" {
				t.Fatalf("%+v", one)
			}
			if e := w.entryOf("BOOKS 12"); e.Same != was.Same || e.State != was.State || e.TransactionID != was.TransactionID {
				t.Errorf("%+v became %+v", was, e)
			}
			w.book.trouble = nil
			w.decide(d, ledger.AreTwo)
			if after := w.book.live("Bank"); len(after) != len(before)+1 {
				t.Errorf("%v", after)
			}
		})
	}
}

func TestWhatStandsForATypedOneIsNoDraftOfOursAndBecomesItAgain(t *testing.T) {
	w, _, d := typedDouble(t)
	was := w.entryOf("BOOKS 12")
	w.decide(d, ledger.IsOne)
	if e := w.entryOf("BOOKS 12"); e.Written != nil || e.Touched {
		t.Errorf("%+v", e)
	}
	w.decide(d, ledger.AreTwo)
	if e := w.entryOf("BOOKS 12"); !cmp.Equal(e.Written, was.Written) || e.Touched || e.State != ledger.Recorded {
		t.Errorf("%+v", e)
	}
}

func TestTwoOfATypedOneCutShortIsCarriedOut(t *testing.T) {
	for cut := 1; ; cut++ {
		w, _, d := typedDouble(t)
		w.decide(d, ledger.IsOne)
		w.check(w.feed.DecideDouble(t.Context(), "book", d.New, d.Standing, ledger.AreTwo, "u1"))
		w.power.cutAt = w.power.effects + cut
		w.drain()
		done := w.power.effects < w.power.cutAt
		w.wantBook("Bank", opening, row("", 5, "-5", "BOOKS 12"))
		if proposed, one := w.doubles(); len(proposed)+len(one) != 0 {
			t.Errorf("cut at effect %d: %+v, %+v", cut, proposed, one)
		}
		if t.Failed() || done {
			return
		}
	}
}

func TestProposalsThatPeopleHaveSettledInTheBookLeaveRoomForOthers(t *testing.T) {
	w, _ := doubtful(t)
	e := w.entryOf("BOOKS 12")
	w.tellTrashed(e)
	for n := range 300 { // settled like this one, over the years
		d := ledger.Double{BookID: "book", AccountID: "Bank", New: ledger.RemoteID("Bank", bank.NewDate(2025, 1, 1).AddDays(n), e.Row.Amount, 1), Known: "x", State: ledger.MayBeOne}
		w.check(ledger.All().Doubles.Save(t.Context(), w.disk, d.Key(), d))
	}
	w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", []bank.Transaction{row("F2", 13, "-7", "Garden and more")}})})
	w.bank.shows(opening, row("x", 5, "-5", "BOOKS 12"), row("y", 15, "-7", "GARDEN 3"))
	w.sync()
	w.onlyDouble()
}

func TestWhatAPersonTypedInIsProposedAfterARestartToo(t *testing.T) {
	w := linked(t)
	w.bank.shows(opening)
	w.sync()
	w.typedBooks()
	w.bank.shows(opening, row("x", 5, "-5", "BOOKS 12"))
	restarted := false
	w.tap = func(d delivery) {
		if d.Kind == "doubles" && !restarted {
			restarted = true
			w.start()
		}
	}
	w.sync()
	w.sync()
	if w.onlyDouble(); !restarted {
		t.Error("nothing was looked for")
	}
}

func TestWhatTheBankCorrectsAfterItWasTakenOutIsFlaggedWhereItStands(t *testing.T) {
	for claim, c := range map[string]struct {
		tell func(*world)
		flag bool
	}{
		"another amount":      {func(w *world) { w.bank.shows(opening, row("x", 5, "-6", "BOOKS 12")) }, true},
		"it is withdrawn":     {func(w *world) { w.bank.tells([]string{"x"}) }, true},
		"other words":         {func(w *world) { w.bank.shows(opening, row("x", 5, "-5", "BOOKS 12 BERLIN")) }, false},
		"nothing has changed": {func(*world) {}, false},
	} {
		t.Run(claim, func(t *testing.T) {
			w, d := doubtful(t)
			w.decide(d, ledger.IsOne)
			c.tell(w)
			w.sync()
			if e := w.entryOf("Books and more"); (e.Flag != "") != c.flag {
				t.Errorf("flag %q", e.Flag)
			}
			w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"))
		})
	}
}

func TestWhatIsFlaggedForAnotherIsWithdrawnAllTheSame(t *testing.T) {
	for cut := 1; ; cut++ {
		w := linked(t)
		w.bank.shows(opening, row("x", 3, "-5", "Books and more"))
		w.sync()
		w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", []bank.Transaction{row("F0", 1, "-99", "OPENING"), row("F1", 5, "-5", "BOOKS 12")}})})
		w.decide(w.onlyDouble(), ledger.IsOne)
		e := w.entryOf("Books and more")
		e.Flag = "The bank now says otherwise of what a person said to be this one."
		w.check(w.disk.Update(t.Context(), func(tx store.Tx) error { return ledger.All().PutEntry(tx, e) }))
		w.bank.tells([]string{"x"})
		w.power.cutAt = w.power.effects + cut
		w.sync()
		done := w.power.effects < w.power.cutAt
		w.sync()
		w.wantBook("Bank", opening, row("", 5, "-5", "BOOKS 12"))
		if t.Failed() || done {
			return
		}
	}
}

func TestWhatTheBookTakesOnlyLaterIsLookedAtToo(t *testing.T) {
	w := linked(t)
	w.bank.shows(opening)
	w.sync()
	w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", []bank.Transaction{row("F1", 3, "-5", "Books and more")}})})
	w.bank.shows(opening, row("x", 5, "-5", "BOOKS 12"))
	w.book.refuse = func(t bkper.Transaction) error {
		if t.Description == "BOOKS 12" {
			return errInvalid
		}
		return nil
	}
	w.sync()
	w.book.refuse = nil
	_, err := w.feed.RetryParked(t.Context(), "book")
	w.check(err)
	w.drain()
	w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"), row("", 5, "-5", "BOOKS 12"))
	w.onlyDouble()
}

func TestWhatBecomesThatOfAThirdWhileItIsTakenOutComesBack(t *testing.T) {
	w, typed, d := typedDouble(t)
	w.book.trouble = func(op string) (error, error) {
		if op == "trash" { // from another account of the book
			w.check(ledger.All().Matched.Save(t.Context(), w.disk, store.Key("book", typed.ID), ledger.Ref{RemoteID: "bc1_third"}))
		}
		return nil, nil
	}
	w.decide(d, ledger.IsOne)
	w.wantBook("Bank", opening, row("", 5, "-5", "BOOKS 12"))
	if e := w.entryOf("BOOKS 12"); e.State != ledger.Recorded || e.Same != "" {
		t.Errorf("%+v", e)
	}
	if proposed, one := w.doubles(); len(proposed)+len(one) != 0 {
		t.Errorf("%+v, %+v", proposed, one)
	}
}

func TestWhatTheBankHasWithdrawnDoesNotComeBack(t *testing.T) {
	w, d := doubtful(t)
	w.decide(d, ledger.IsOne)
	w.bank.tells([]string{"x"})
	w.sync()
	w.decide(d, ledger.AreTwo)
	w.wantBook("Bank", opening, row("", 3, "-5", "Books and more"))
	if _, one := w.doubles(); len(one) != 1 || !strings.Contains(one[0].Hurdle, "the bank has withdrawn it") || one[0].Asked != "" {
		t.Errorf("%+v", one)
	}
	if e := w.entryOf("BOOKS 12"); e.Same != d.Known {
		t.Errorf("%+v", e)
	}
}

func TestWhatMayBeOneOfTwoIsProposedAsTheOneThatIsFree(t *testing.T) {
	w, d := doubtful(t)
	w.decide(d, ledger.IsOne)
	w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", []bank.Transaction{
		row("F1", 3, "-5", "Books and more"), row("F2", 2, "-5", "Books and maps"), row("F3", 1, "-1", "Tea"),
	}})})
	w.integrate("i2", "c1", "card", "Bank", firstOfMonth) // a second source of the same account
	w.bank.report = map[string]connectors.AccountPage{"card": {Transactions: []bank.Transaction{row("q", 1, "-3", "BUS"), row("y", 4, "-5", "BOOKS 13")}}}
	w.sync()
	if d := w.onlyDouble(); d.NewRow.Description != "BOOKS 13" || d.KnownRow.Description != "Books and maps" {
		t.Errorf("%+v", d)
	}
}
