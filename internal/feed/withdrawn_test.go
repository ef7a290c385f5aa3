package feed_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// A bank tells what it has withdrawn only to who goes on from a state before it.
func TestWhatALostRunWithdrewIsToldAgainWhereASyncOverlapsTheSweep(t *testing.T) {
	w := linked(t)
	w.policy.MaxAttempts = 2
	w.start()
	rent := row("r", 5, "-900", "RENT")
	moments := []connectors.AccountPage{
		1: checking(coffee, tea), 2: {Key: "checking", Removed: []string{coffee.ID}, Transactions: []bank.Transaction{wage}}, 3: checking(rent),
	}
	anew := []connectors.AccountPage{1: moments[1], 2: checking(tea, wage), 3: checking(tea, wage, rent)}
	now := 1
	during := func(since int) {}
	w.bank.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
		page := connectors.Page{Next: fmt.Append(nil, now)}
		since, _ := strconv.Atoi(string(req.State))
		during(since)
		if since == 0 {
			page.Accounts = []connectors.AccountPage{anew[now]}
			return page, nil
		}
		page.Accounts = append(page.Accounts, moments[since+1:now+1]...)
		return page, nil
	}
	w.sync()

	// While the book is away nothing is recorded, and runs are lost.
	w.book.trouble = func(string) (error, error) { return errAway, nil }
	now = 2
	w.sync()
	w.now = w.now.Add(4 * time.Hour)
	now = 3
	swept := false
	during = func(since int) {
		if since == 2 && !swept { // the sweep sets the state back to 1
			swept = true
			w.check(w.feed.Sweep(t.Context()))
		}
	}
	w.sync()
	if !swept {
		t.Fatal("no sync overlapped the sweep")
	}
	w.now = w.now.Add(4 * time.Hour)
	w.book.trouble = nil
	w.check(w.feed.Sweep(t.Context()))
	w.drain()
	w.wantBook("Bank", tea, wage, rent)
}

func TestWhatTheBankWithdrewIsNotRecordedByATryLater(t *testing.T) {
	for claim, c := range map[string]struct {
		trouble func(op string) (before, after error)
		inBook  bool // when the bank withdraws it
	}{
		"of what never reached the book": {func(op string) (error, error) {
			if op == "create" {
				return errAway, nil
			}
			return nil, nil
		}, false},
		"of what reached the book unheard": {func(op string) (error, error) {
			if op == "create" {
				return nil, errAway
			}
			return nil, nil
		}, true},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.policy.MaxAttempts = 1
			w.start()
			w.book.trouble = c.trouble
			w.bank.tells(nil, coffee)
			w.sync()
			w.book.trouble = func(string) (error, error) { return errAway, nil }
			w.bank.tells([]string{coffee.ID})
			w.sync()
			if e := w.entries()[0]; e.State != ledger.Claimed || !e.Withdrawn || w.book.count("COFFEE") == 1 != c.inBook {
				t.Fatalf("the withdrawal was not cut short: %+v", e)
			}
			w.book.trouble = nil
			creates := w.book.calls["create"]
			w.now = w.now.Add(time.Hour)
			w.check(w.feed.Sweep(t.Context()))
			w.drain()
			w.wantBook("Bank")
			if e := w.entries()[0]; e.State != ledger.Removed || w.book.calls["create"] != creates {
				t.Errorf("%+v, %d more creates", e, w.book.calls["create"]-creates)
			}
		})
	}
	t.Run("and one that came back is", func(t *testing.T) {
		w := linked(t)
		w.policy.MaxAttempts = 1
		w.start()
		w.book.trouble = func(string) (error, error) { return errAway, nil }
		for _, tell := range []func(){
			func() { w.bank.tells(nil, coffee) }, func() { w.bank.tells([]string{coffee.ID}) }, func() { w.bank.tells(nil, coffee) },
		} {
			tell()
			w.sync()
		}
		w.book.trouble = nil
		w.now = w.now.Add(time.Hour)
		w.check(w.feed.Sweep(t.Context()))
		w.drain()
		w.sync()
		w.wantBook("Bank", coffee)
	})
}

func TestWhatTheComparisonFindsInTheBookFollowsTheBank(t *testing.T) {
	w := linked(t)
	w.giveUpAfter(1)
	w.book.trouble = func(op string) (error, error) {
		if op == "create" {
			return nil, errAway // it is done all the same
		}
		return nil, nil
	}
	w.bank.tells(nil, coffee)
	w.sync()
	w.book.trouble = nil
	w.book.edit("COFFEE", func(t *bkper.Transaction) { t.CreatedAt, t.UpdatedAt = 1000, 1000 })
	w.bank.tells(nil, dearer)
	w.now = w.now.Add(25 * time.Hour)
	w.check(w.feed.CompareDue(t.Context()))
	w.drain()
	w.sweeps()
	w.drain()
	w.wantBook("Bank", dearer)
	if e := w.entries()[0]; e.State != ledger.Recorded || e.Touched || e.Flag != "" {
		t.Errorf("it is %s, touched %v, and flagged %q", e.State, e.Touched, e.Flag)
	}
}

// Of what the daily comparison has made anew, nobody knows what the app wrote: only the book can tell whether it says what the bank says.
func TestWhatWasFoundInTheBookAndComesBackIsComparedWithTheBook(t *testing.T) {
	dearer := changedTo(coffee, 3, "-2.60", "COFFEE")
	for claim, c := range map[string]struct {
		back    bank.Transaction
		flagged bool
	}{
		"changed, it stays flagged":   {dearer, true},
		"unchanged, there is no flag": {coffee, false},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.bank.tells(nil, coffee)
			w.sync()
			found := w.entries()[0] // as the daily comparison makes it anew
			found.Written, found.Touched = nil, true
			w.check(w.disk.Update(t.Context(), func(tx store.Tx) error { return ledger.All().PutEntry(tx, found) }))
			w.bank.tells(nil, c.back)
			w.sync()
			w.bank.tells([]string{coffee.ID})
			w.sync()
			if e := w.entries()[0]; !e.Withdrawn || e.Flag == "" {
				t.Fatalf("nobody is told of the withdrawal: %+v", e)
			}
			w.bank.tells(nil, c.back)
			w.sync()
			w.wantBook("Bank", coffee) // a person's
			if e := w.entries()[0]; e.Withdrawn || strings.Contains(e.Flag, "The bank now says") != c.flagged || e.Flag != "" != c.flagged {
				t.Errorf("the bank has it as %s again, and the entry is %+v", lineOf(c.back), e)
			}
			runs := len(w.runs())
			w.sync()
			if len(w.runs()) != runs {
				t.Error("the same again made another run")
			}
		})
	}
}
