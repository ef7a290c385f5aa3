package feed_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// entryOf returns the one entry of that bank text.
func (w *world) entryOf(text string) ledger.Entry {
	w.t.Helper()
	for _, e := range w.entries() {
		if e.Row.Description == text {
			return e
		}
	}
	w.t.Fatalf("the ledger has no %s", text)
	return ledger.Entry{}
}

// tell does to the ledger what the events of the book do when a person trashes
// a transaction.
func (w *world) tellTrashed(e ledger.Entry) {
	w.t.Helper()
	e.State = ledger.Trashed
	w.check(w.disk.Update(w.t.Context(), func(tx store.Tx) error { return ledger.All().PutEntry(tx, e) }))
}

func changedTo(r bank.Transaction, day int, amount, text string) bank.Transaction {
	r.Date, r.Amount, r.Description = bank.NewDate(2026, 11, day), money.MustParse(amount, "EUR"), text
	return r
}

func TestAnUntouchedDraftFollowsTheBank(t *testing.T) {
	for claim, now := range map[string]bank.Transaction{
		"another amount":    changedTo(coffee, 3, "-2.60", "COFFEE"),
		"another day":       changedTo(coffee, 6, "-2.50", "COFFEE"),
		"another text":      changedTo(coffee, 3, "-2.50", "COFFEE #7 ANA"),
		"another direction": changedTo(coffee, 3, "2.50", "COFFEE"),
		"everything":        changedTo(coffee, 7, "12", "REFUND"),
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.bank.shows(coffee, tea)
			w.sync()
			remote := w.book.named("COFFEE").RemoteIDs[0]
			w.bank.shows(now, tea)
			w.sync()
			w.wantBook("Bank", now, tea)
			if len(w.book.all) != 2 || w.book.liveRemoteIDs()[remote] != 1 {
				t.Error("it is not the same draft")
			}
			run := w.runs()[0]
			if run.Counts.Changed != 1 {
				t.Errorf("counts %+v", run.Counts)
			}
			w.addsUp(run)
			writes, runs := w.book.writes(), len(w.runs())
			w.sync()
			if w.book.writes() != writes || len(w.runs()) != runs {
				t.Error("the same again was written again")
			}
		})
	}
}

func TestADraftKeepsItsCounterAccountWhenItFollows(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee)
	w.sync()
	w.book.edit("COFFEE", func(t *bkper.Transaction) {
		t.DebitAccount = &bkper.Account{ID: "Food"}
		t.Properties["completed_because"] = "told so"
	})
	e := w.entryOf("COFFEE")
	e.Written = ledger.WrittenOf(w.book.named("COFFEE"), "told so")
	w.check(w.disk.Update(t.Context(), func(tx store.Tx) error { return ledger.All().PutEntry(tx, e) }))
	now := changedTo(coffee, 3, "2.70", "COFFEE BACK")
	w.bank.shows(now)
	w.sync()
	got := w.book.named("COFFEE BACK")
	if got.CreditAccount.ID != "Food" || got.DebitAccount.ID != "Bank" || got.Properties["completed_because"] != "told so" || !got.Draft {
		t.Errorf("the draft is %+v", got)
	}
}

func TestWhatAPersonTouchedIsFlagged(t *testing.T) {
	touch := map[string]func(*bkper.Transaction){
		"edited":  func(t *bkper.Transaction) { t.Amount = "2.40" },
		"posted":  func(t *bkper.Transaction) { t.Draft, t.Posted = false, true },
		"checked": func(t *bkper.Transaction) { t.Draft, t.Posted, t.Checked = false, true, true },
		"completed by hand": func(t *bkper.Transaction) {
			t.DebitAccount = &bkper.Account{ID: "Food"}
		},
		"given a property": func(t *bkper.Transaction) {
			t.Properties = maps.Clone(t.Properties)
			t.Properties["project"] = "attic"
		},
		"given a receipt": func(t *bkper.Transaction) { t.URLs = []string{"https://example.com/receipt"} },
		"given a file":    func(t *bkper.Transaction) { t.Files = []bkper.File{{ID: "f1"}} },
	}
	for claim, touch := range touch {
		for _, removed := range []bool{false, true} {
			name := claim + " and then changed by the bank"
			if removed {
				name = claim + " and then withdrawn by the bank"
			}
			t.Run(name, func(t *testing.T) {
				w := linked(t)
				w.bank.shows(coffee, tea)
				w.sync()
				w.book.edit("COFFEE", touch)
				before := w.book.named("COFFEE")
				if removed {
					w.bank.tells([]string{"a"})
				} else {
					w.bank.shows(changedTo(coffee, 3, "-2.60", "COFFEE"), tea)
				}
				w.sync()
				if now := w.book.named("COFFEE"); now.Amount != before.Amount || now.Status() != before.Status() {
					t.Errorf("the transaction was changed: %+v", now)
				}
				e := w.entryOf("COFFEE")
				if !strings.Contains(e.Flag, "touched in the book") || e.State != ledger.Recorded {
					t.Errorf("the entry is %s, flagged %q", e.State, e.Flag)
				}
				w.addsUp(w.runs()[0])
				runs := len(w.runs())
				w.sync()
				if len(w.runs()) != runs {
					t.Error("the same again made another run")
				}
			})
		}
	}
}

func TestAWithdrawnRowTrashesItsUntouchedDraft(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee, tea)
	w.sync()
	w.bank.tells([]string{"a", "unknown"})
	w.sync()
	w.wantBook("Bank", tea)
	if n := w.states(); n[ledger.Removed] != 1 {
		t.Errorf("states %v", n)
	}
	run := w.runs()[0]
	if run.Counts.Changed != 1 {
		t.Errorf("counts %+v", run.Counts)
	}
	w.addsUp(run)
	runs, writes := len(w.runs()), w.book.writes()
	w.sync()
	if len(w.runs()) != runs || w.book.writes() != writes {
		t.Error("the same again made another run or write")
	}
	t.Run("and when the bank takes that back it is recorded again", func(t *testing.T) {
		w.bank.tells(nil, coffee)
		w.sync()
		w.wantBook("Bank", coffee, tea)
	})
	t.Run("and a new row like it is a new row", func(t *testing.T) {
		w.bank.tells([]string{"a"}, row("z", 3, "-2.50", "COFFEE"), row("y", 3, "-2.50", "COFFEE"))
		w.sync()
		w.wantBook("Bank", coffee, coffee, tea)
	})
}

func TestAWithdrawalThatComesBackUnderAnotherIDFindsWhatAPersonTouched(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee)
	w.sync()
	w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Draft, t.Posted = false, true })
	w.bank.tells([]string{"a"})
	w.sync()
	w.bank.tells(nil, row("z", 3, "-2.50", "COFFEE"))
	w.sync()
	w.wantBook("Bank", coffee)
	if e := w.entryOf("COFFEE"); e.Flag != "" || e.Withdrawn {
		t.Errorf("still flagged: %+v", e)
	}
}

func TestARemovedIDAndItsNewOneInOneUpdateAreOneRow(t *testing.T) {
	w := linked(t)
	w.bank.tells(nil, coffee, tea)
	w.sync()
	w.bank.tells([]string{"a"}, row("z", 3, "-2.50", "COFFEE"))
	w.sync()
	w.wantBook("Bank", coffee, tea)
	if len(w.book.all) != 2 {
		t.Errorf("the book has %d transactions", len(w.book.all))
	}
	t.Run("and when the old id is removed once more, nothing happens", func(t *testing.T) {
		w.bank.tells([]string{"a"})
		w.sync()
		w.wantBook("Bank", coffee, tea)
	})
	t.Run("also when they are many", func(t *testing.T) {
		w := linked(t)
		var rows, again []bank.Transaction
		var gone []string
		for n := range 350 {
			r := row(name("old", n), 1+n/20, "-1", "BUS")
			rows, gone = append(rows, r), append(gone, r.ID)
			r.ID = name("new", n)
			again = append(again, r)
		}
		w.bank.tells(nil, rows...)
		w.sync()
		w.bank.tells(gone, again...)
		w.sync()
		w.wantBook("Bank", rows...)
		if w.book.calls["trash"] != 0 {
			t.Errorf("%d drafts were trashed", w.book.calls["trash"])
		}
	})
}

func name(prefix string, n int) string {
	return prefix + string(rune('A'+n/26)) + string(rune('a'+n%26))
}

func linkedTo(id string, r bank.Transaction) bank.Transaction { r.PendingID = id; return r }

func TestALinkToARowThatIsStillThereTakesNothingFromIt(t *testing.T) {
	many := []bank.Transaction{coffee}
	for n := range 110 {
		many = append(many, row(fmt.Sprint("x", n), 4, fmt.Sprint("-", n+10), "BUS"))
	}
	for claim, told := range map[string][][]bank.Transaction{
		"on another day":                  {{coffee}, {coffee, linkedTo("a", row("l", 5, "-3", "TEA"))}},
		"on another day, and is reworded": {{coffee, linkedTo("a", row("l", 5, "-3", "TEA"))}, {coffee, linkedTo("a", row("l", 5, "-3", "TEA HOUSE"))}},
		"in another batch":                {append(many, linkedTo("a", row("l", 5, "-3", "TEA")))},
		"until it is corrected and the other withdrawn": {
			{coffee, linkedTo("a", row("l", 3, "-2.50", "COFFEE"))}, {linkedTo("a", row("l", 3, "-2.60", "COFFEE SHOP"))},
		},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			for _, rows := range told {
				w.bank.shows(rows...)
				if len(told) > 1 && len(rows) == 1 && rows[0].PendingID != "" {
					w.bank.tells([]string{rows[0].PendingID}, rows...)
				}
				w.sync()
				w.wantBook("Bank", rows...)
			}
		})
	}
}

func TestIDsThatChangeWithEverySyncDoubleNothing(t *testing.T) {
	w := linked(t)
	for n := range 30 {
		w.bank.shows(row(name("a", n), 3, "-2.50", "COFFEE"), row(name("b", n), 3, "-2.50", "COFFEE"), row(name("c", n), 3, "-3", "TEA"))
		w.sync()
	}
	w.wantBook("Bank", coffee, coffee, tea)
	for _, e := range w.entries() {
		if len(e.IDs) > 10 {
			t.Errorf("an entry keeps %d ids", len(e.IDs))
		}
	}
}

func TestIDsThatAreOnlyPlacesDoubleNothing(t *testing.T) {
	w := linked(t)
	var shown []bank.Transaction
	show := func(late bank.Transaction) {
		shown = append([]bank.Transaction{late}, shown...)
		for n := range shown {
			shown[n].ID = name("2026-11-03-", n)
		}
		w.bank.shows(shown...)
		w.sync()
		w.wantBook("Bank", shown...)
	}
	show(coffee)
	show(tea)
	w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Draft, t.Posted = false, true })
	show(row("", 3, "-3", "TEA"))
	show(row("", 3, "-2.50", "COFFEE"))
	show(row("", 3, "-8", "TEA"))
	for _, e := range w.entries() {
		if e.Flag != "" {
			t.Errorf("%s is flagged: %s", e.Row.Description, e.Flag)
		}
	}
}

func TestWhatAPersonTrashedIsNeverRecreated(t *testing.T) {
	after := map[string]func(w *world){
		"when the bank shows it again":          func(*world) {},
		"when everything is fetched anew":       func(w *world) { i := w.integration("i1"); i.Resync++; w.put(i) },
		"when the bank re-issues its id":        func(w *world) { w.bank.shows(row("z", 3, "-2.50", "COFFEE"), tea) },
		"when the bank edits its text":          func(w *world) { w.bank.shows(changedTo(coffee, 3, "-2.50", "COFFEE SHOP"), tea) },
		"when the bank withdraws it":            func(w *world) { w.bank.tells([]string{"a"}) },
		"when the bank changes its amount":      func(w *world) { w.bank.shows(changedTo(coffee, 3, "-9", "COFFEE"), tea) },
		"when the bank moves it to another day": func(w *world) { w.bank.shows(changedTo(coffee, 9, "-2.50", "COFFEE"), tea) },
	}
	for claim, do := range after {
		for _, told := range []bool{true, false} {
			name := claim
			if !told {
				name += " and the event was lost"
			}
			t.Run(name, func(t *testing.T) {
				w := linked(t)
				w.bank.shows(coffee, tea)
				w.sync()
				w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Trashed = true })
				if told {
					w.tellTrashed(w.entryOf("COFFEE"))
				}
				do(w)
				w.sync()
				w.sync()
				w.wantBook("Bank", tea)
			})
		}
	}
}

func TestARowMovedToAnotherDayIsFoundThere(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee)
	w.sync()
	moved := changedTo(coffee, 18, "-2.50", "COFFEE")
	w.bank.shows(moved)
	w.sync()
	moved.ID = "z" // and now under another id, in an update of those days only
	w.bank.report = map[string]pageOf{"checking": {Transactions: []bank.Transaction{moved}, Complete: days(17, 19)}}
	w.sync()
	w.wantBook("Bank", moved)
}

func TestADayCorrectedAndTakenByAnotherRow(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee)
	w.sync()
	rows := []bank.Transaction{row("new", 3, "-2.50", "COFFEE"), changedTo(coffee, 20, "-2.50", "COFFEE")}
	for n := range 150 { // so that the two are far apart
		rows = append(rows, row(name("x", n), 10, "-1", "BUS"))
	}
	w.bank.shows(rows...)
	w.sync()
	w.wantBook("Bank", rows...)
}

func TestAChangeTheBookRefusesIsFlagged(t *testing.T) {
	for claim, err := range map[string]error{"invalid": errInvalid, "locked": errLocked, "no access": errLostAccess} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.bank.shows(coffee, tea)
			w.sync()
			w.book.trouble = func(op string) (error, error) {
				if op == "update" || op == "trash" {
					return err, nil
				}
				return nil, nil
			}
			w.bank.tells([]string{"b"}, changedTo(coffee, 3, "-2.60", "COFFEE"))
			w.sync()
			w.wantBook("Bank", changedTo(coffee, 3, "-2.50", "COFFEE"), tea)
			for _, text := range []string{"COFFEE", "TEA"} {
				if e := w.entryOf(text); !strings.Contains(e.Flag, "The book refused the change") {
					t.Errorf("%s is flagged %q", text, e.Flag)
				}
			}
			w.addsUp(w.runs()[0])
		})
	}
}

func TestALostReplyToAChangeIsNoTouch(t *testing.T) {
	for _, op := range []string{"update", "trash"} {
		t.Run(op, func(t *testing.T) {
			w := linked(t)
			w.bank.shows(coffee, tea)
			w.sync()
			lost := 0
			w.book.trouble = func(o string) (error, error) {
				if o == op && lost < 2 {
					lost++
					return nil, errAway
				}
				return nil, nil
			}
			now := changedTo(coffee, 3, "-2.60", "COFFEE 2")
			w.bank.tells([]string{"b"}, now)
			w.sync()
			w.wantBook("Bank", now)
			for _, e := range w.entries() {
				if e.Flag != "" || e.Row.Description == "TEA" && e.State != ledger.Removed {
					t.Errorf("%s: %s, flagged %q", e.Row.Description, e.State, e.Flag)
				}
			}
		})
	}
}

func TestChangesThatOvertakeTheirRowsCount(t *testing.T) {
	late := func(w *world, more ...func()) {
		w.t.Helper()
		// Nothing is recorded while the book is away; the bank goes on.
		w.book.trouble = func(string) (error, error) { return errAway, nil }
		for _, tell := range more {
			tell()
			w.now = w.now.Add(1e9)
			w.check(w.feed.Sync(w.t.Context(), "c1"))
			for range 20 {
				w.step()
			}
		}
		w.book.trouble = nil
		w.drain()
	}
	t.Run("a row withdrawn before it was recorded", func(t *testing.T) {
		w := linked(t)
		late(w, func() { w.bank.tells(nil, coffee, tea) }, func() { w.bank.tells([]string{"a"}) })
		w.wantBook("Bank", tea)
	})
	t.Run("a row changed before it was recorded", func(t *testing.T) {
		w := linked(t)
		late(w, func() { w.bank.tells(nil, coffee, tea) }, func() { w.bank.tells(nil, changedTo(coffee, 3, "-2.60", "COFFEE")) })
		w.wantBook("Bank", changedTo(coffee, 3, "-2.60", "COFFEE"), tea)
	})
	t.Run("a row withdrawn and back before the first was done", func(t *testing.T) {
		w := linked(t)
		w.bank.tells(nil, coffee, tea)
		w.sync()
		late(w, func() { w.bank.tells([]string{"a"}) }, func() { w.bank.tells(nil, coffee) })
		w.wantBook("Bank", coffee, tea)
	})
	t.Run("a row changed and changed back before the first was done", func(t *testing.T) {
		w := linked(t)
		w.bank.tells(nil, coffee, tea)
		w.sync()
		late(w, func() { w.bank.tells(nil, changedTo(coffee, 3, "-2.60", "COFFEE")) }, func() { w.bank.tells(nil, coffee) })
		w.wantBook("Bank", coffee, tea)
	})
	t.Run("a row re-issued before it was recorded", func(t *testing.T) {
		w := linked(t)
		late(w, func() { w.bank.tells(nil, coffee) }, func() { w.bank.tells([]string{"a"}, row("z", 3, "-2.50", "COFFEE")) })
		w.wantBook("Bank", coffee)
	})
}

func TestABatchDeliveredAgainAfterItsTimeDoesNothing(t *testing.T) {
	w := linked(t)
	var deliveries []delivery
	w.tap = func(d delivery) { deliveries = append(deliveries, d) }
	w.bank.tells(nil, coffee, tea)
	w.sync()
	w.bank.tells([]string{"a"}, changedTo(tea, 3, "-4", "TEA"))
	w.sync()
	calls := w.book.writes()
	for _, d := range deliveries {
		w.check(w.feed.Handle(t.Context(), d))
	}
	w.drain()
	w.wantBook("Bank", changedTo(tea, 3, "-4", "TEA"))
	if w.book.writes() != calls {
		t.Errorf("%d more writes", w.book.writes()-calls)
	}
}

func TestWhatAPersonsRuleGaveStaysWhenTheBankChangesARow(t *testing.T) {
	for claim, c := range map[string]struct {
		rule       func(*bkper.Transaction)
		text, prop string
	}{
		"a description and a property": {func(t *bkper.Transaction) {
			t.Description, t.Properties["who"] = "A break #coffee", "me"
		}, "A break #coffee", "me"},
		"a property only":                   {func(t *bkper.Transaction) { t.Properties["who"] = "me" }, "COFFEE 2", "me"},
		"what somebody has taken off again": {func(t *bkper.Transaction) { t.Properties = nil }, "COFFEE 2", ""},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.bank.shows(coffee)
			w.sync()
			w.book.edit("COFFEE", func(t *bkper.Transaction) {
				t.Properties = maps.Clone(t.Properties)
				c.rule(t)
			})
			e := w.entryOf("COFFEE")
			w.check(ledger.All().Entries.Update(t.Context(), w.disk, e.Key(), func(e ledger.Entry) (ledger.Entry, error) {
				e.Written = ledger.WrittenOf(w.book.all[e.TransactionID], "")
				e.Written.Rule = "r1.1"
				return e, nil
			}))
			now := coffee
			now.Amount, now.Description = money.MustParse("-2.80", "EUR"), "COFFEE 2"
			w.bank.shows(now)
			w.sync()
			got := w.book.all[e.TransactionID]
			if got.Amount != "2.8" || got.Properties["who"] != c.prop || got.Properties["bank_text"] != "COFFEE 2" {
				t.Errorf("%+v", got)
			}
			if c.prop != "" && got.Description != c.text {
				t.Errorf("described as %q", got.Description)
			}
			if e := w.entryOf("COFFEE 2"); e.Written == nil || e.Flag != "" {
				t.Errorf("%+v, %+v", e, e.Written)
			}
		})
	}
}

// aChangeIsCutShort lets the book take a change of a draft and answer nothing,
// until nobody tries any more.
func (w *world) aChangeIsCutShort(says ...bank.Transaction) {
	w.t.Helper()
	w.policy.MaxAttempts = 2
	w.start()
	answered := true
	w.book.trouble = func(op string) (before, after error) {
		if answered = answered && op != "update"; !answered {
			return nil, errAway
		}
		return nil, nil
	}
	w.bank.shows(says...)
	w.sync()
	w.book.trouble = nil
	if w.book.calls["update"] != 1 {
		w.t.Fatalf("%d updates", w.book.calls["update"])
	}
}

func TestAChangeCutShortIsNotTakenForAPersons(t *testing.T) {
	revised := changedTo(coffee, 3, "-2.60", "COFFEE")
	twin := coffee
	twin.ID = "z"
	for claim, says := range map[string][]bank.Transaction{
		"the bank says it again":            {revised},
		"the bank takes it back":            {coffee},
		"the bank corrects it once more":    {changedTo(coffee, 3, "-2.70", "COFFEE")},
		"another row says what it has said": {changedTo(coffee, 3, "-2.70", "CAFÉ"), twin},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.bank.shows(coffee)
			w.sync()
			w.aChangeIsCutShort(revised)
			w.now = w.now.Add(25 * time.Hour)
			w.check(w.feed.CompareDue(t.Context()))
			w.drain()
			w.bank.shows(says...)
			w.check(w.feed.Sweep(t.Context()))
			w.drain()
			w.wantBook("Bank", says...)
			for _, e := range w.entries() {
				if e.Touched || e.Flag != "" {
					t.Errorf("%s counts as touched (%v), flagged %q", lineOf(e.Row), e.Touched, e.Flag)
				}
			}
		})
	}
}

func TestWhatAPersonEditsBehindAChangeCutShortIsFlagged(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee)
	w.sync()
	w.aChangeIsCutShort(changedTo(coffee, 3, "-2.60", "COFFEE"))
	w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Amount = "9" })
	w.bank.shows(changedTo(coffee, 3, "-2.70", "COFFEE"))
	w.now = w.now.Add(25 * time.Hour)
	w.check(w.feed.Sweep(t.Context()))
	w.drain()
	if got := w.book.named("COFFEE"); got.Amount != "9" {
		t.Errorf("what a person edited was changed: %+v", got)
	}
	if e := w.entryOf("COFFEE"); e.Flag == "" || e.Written.InDoubt() {
		t.Errorf("flagged %q, in doubt %v", e.Flag, e.Written.InDoubt())
	}
	runs := len(w.runs())
	w.sync()
	if len(w.runs()) != runs {
		t.Error("the same again made another run")
	}
}

func TestWhatAPersonDeletesBehindAChangeCutShortMakesNoRuns(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee)
	w.sync()
	w.aChangeIsCutShort(changedTo(coffee, 3, "-2.60", "COFFEE"))
	w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Trashed = true })
	w.tellTrashed(w.entryOf("COFFEE"))
	w.now = w.now.Add(25 * time.Hour)
	w.check(w.feed.Sweep(t.Context()))
	w.drain()
	w.sync()
	runs := len(w.runs())
	w.sync()
	w.sync()
	if more := len(w.runs()) - runs; more != 0 {
		t.Errorf("the same again made %d more runs", more)
	}
	w.wantBook("Bank")
}

// While a run is under way it is given up, and the bank is asked again and says
// otherwise.
func TestAChangeOfARunThatWasGivenUpIsNotWrittenOverWhatTheBankSaysNow(t *testing.T) {
	for claim, cut := range map[string]struct {
		before string // the call of the book before which it is given up
		nth    int
	}{
		"before it is written down":              {"get", 1},
		"after it is written down":               {"get", 2},
		"before the book is changed":             {"update", 1},
		"while it reads what stands in the book": {"list", 1},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.bank.shows(coffee)
			w.sync()
			calls := 0
			w.book.trouble = func(op string) (before, after error) {
				if op != cut.before {
					return nil, nil
				}
				if calls++; calls == cut.nth {
					w.now = w.now.Add(4 * time.Hour)
					w.bank.shows(coffee)
					w.check(w.feed.Sweep(t.Context()))
					_, _, err := w.queue.Step(t.Context(), w.handler)
					w.check(err)
				}
				return nil, nil
			}
			w.bank.shows(changedTo(coffee, 3, "-2.60", "COFFEE"))
			w.sync()
			if calls < cut.nth {
				t.Fatalf("%d calls", calls)
			}
			w.wantBook("Bank", coffee)
			if e := w.entryOf("COFFEE"); e.Touched || e.Flag != "" || lineOf(e.Row) != lineOf(coffee) {
				t.Errorf("the ledger has %s, touched %v, flagged %q", lineOf(e.Row), e.Touched, e.Flag)
			}
		})
	}
}
