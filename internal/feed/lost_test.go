package feed_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// Messages that are lost, and what is given up and told again for them.

// news makes the bank tell of the checking account what came and what went at
// each moment since the state, which is how many moments were told; from nothing,
// what there is.
func (b *fakeBank) news(moments ...pageOf) { b.newsOf(map[string][]pageOf{"checking": moments}) }

// newsOf is news of several accounts.
func (b *fakeBank) newsOf(accounts map[string][]pageOf) {
	b.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
		since, fresh := 0, len(req.State) == 0
		if _, err := fmt.Sscanf(string(req.State), "m%d", &since); err != nil && !fresh {
			return connectors.Page{}, errs.New(errs.Conflict, "")
		}
		var page connectors.Page
		for key, moments := range accounts {
			page.Next = fmt.Appendf(nil, "m%d", len(moments))
			page.Accounts = append(page.Accounts, toldSince(key, moments[since:], fresh))
		}
		return page, nil
	}
}

func toldSince(key string, moments []pageOf, fresh bool) pageOf {
	told := pageOf{Key: key}
	for _, m := range moments {
		told.Transactions = slices.DeleteFunc(told.Transactions, func(t bank.Transaction) bool { return slices.Contains(m.Removed, t.ID) })
		told.Transactions = append(told.Transactions, m.Transactions...)
		if !fresh {
			told.Removed = append(told.Removed, m.Removed...)
		}
	}
	return told
}

// losing lets all messages that record get lost while something happens.
func (w *world) losing(do func()) {
	w.handle = func(ctx context.Context, d delivery) error {
		if d.Kind == "record" {
			return nil
		}
		return w.feed.Handle(ctx, d)
	}
	do()
	w.handle = nil
}

// sweeps lets so much time pass that lost messages are given up, and gives them
// up.
func (w *world) sweeps() {
	w.t.Helper()
	w.now = w.now.Add(4 * time.Hour)
	w.check(w.feed.Sweep(w.t.Context()))
}

// meanwhile lets something happen while the bank answers the next question.
func (b *fakeBank) meanwhile(do func()) {
	ask := b.fetch
	b.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
		b.fetch = ask
		do()
		return ask(req)
	}
}

func TestAWithdrawalInALostMessageIsToldAgainHoweverOftenItIsLost(t *testing.T) {
	came, went, more := pageOf{Transactions: []bank.Transaction{coffee, tea}}, pageOf{Removed: []string{coffee.ID}}, pageOf{Transactions: []bank.Transaction{wage}}
	w := linked(t)
	w.bank.news(came)
	w.sync()
	w.losing(func() {
		w.bank.news(came, went)
		w.sync()
		w.bank.news(came, went, more)
		w.bank.meanwhile(w.sweeps) // while a sync is on its way from behind the withdrawal
		w.sync()
		w.sweeps()
	})
	w.drain()
	w.wantBook("Bank", tea, wage)
}

func TestAnotherNumberInALostMessageDoublesNothing(t *testing.T) {
	again, third := coffee, coffee
	again.ID, third.ID = "a2", "a3"
	came := pageOf{Transactions: []bank.Transaction{coffee, tea}}
	once := pageOf{Transactions: []bank.Transaction{again}, Removed: []string{coffee.ID}}
	twice := pageOf{Transactions: []bank.Transaction{third}, Removed: []string{again.ID}}
	w := linked(t)
	w.bank.news(came)
	w.sync()
	w.losing(func() {
		w.bank.news(came, once)
		w.sync()
	})
	w.bank.news(came, once, twice)
	w.bank.meanwhile(w.sweeps)
	w.sync()
	w.wantBook("Bank", coffee, tea)
	if n := len(w.entries()); n != 2 {
		t.Errorf("the ledger has %d entries", n)
	}
}

func TestWhatOneAccountLostIsToldAgainAlthoughAnotherLosesSomethingLater(t *testing.T) {
	for claim, book := range map[string]string{"of the same book": "book", "of another book": "another"} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			i := w.integration("i1")
			i.ID, i.BookID, i.BankKey, i.AccountID, i.Origin = "i2", book, "card", "Card", ledger.Origin("fake", "bank", "card")
			w.put(i)
			came, went := pageOf{Transactions: []bank.Transaction{coffee, tea}}, pageOf{Removed: []string{coffee.ID}}
			quiet, later := pageOf{}, pageOf{Transactions: []bank.Transaction{wage}}
			w.bank.newsOf(map[string][]pageOf{"checking": {came}})
			w.sync()
			w.losing(func() {
				w.bank.newsOf(map[string][]pageOf{"checking": {came, went}})
				w.sync()
				w.now = w.now.Add(2 * time.Hour)
				w.bank.newsOf(map[string][]pageOf{"checking": {came, went, quiet}, "card": {quiet, quiet, later}})
				w.sync()
				ask := w.bank.fetch
				w.bank.fetch = func(connectors.FetchRequest) (connectors.Page, error) {
					return connectors.Page{}, errs.New(errs.InstitutionDown, "")
				}
				w.now = w.now.Add(time.Hour) // the first is given up, not yet the second
				w.check(w.feed.Sweep(w.t.Context()))
				w.drain()
				w.sweeps()
				w.bank.fetch = ask
			})
			w.sync()
			w.wantBook("Bank", tea)
			if book == "book" { // there is no other here
				w.wantBook("Card", wage)
			}
		})
	}
}

// A sync takes several updates; one account has news in more of them than the
// other.
func TestWhatOneAccountLostIsToldAgainAlthoughAnotherLosesSomethingInALaterUpdate(t *testing.T) {
	w := linked(t)
	w.integrate("i2", "c1", "card", "Card", firstOfMonth)
	first := []connectors.AccountPage{checking(coffee, tea)}
	w.bank.updates(first)
	w.sync()
	third := []connectors.AccountPage{{Key: "card", Transactions: []bank.Transaction{row("k", 5, "-7", "CINEMA")}}}
	w.losing(func() {
		second, gone := []connectors.AccountPage{checking(wage)}, []connectors.AccountPage{{Key: "checking", Removed: []string{coffee.ID}}}
		w.bank.updates(first, second, gone, third)
		w.sync()
	})
	ask := w.bank.fetch
	w.bank.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
		if len(req.State) == 0 { // what there is
			return connectors.Page{Next: []byte("u4"), Accounts: []connectors.AccountPage{checking(tea, wage), third[0]}}, nil
		}
		return ask(req)
	}
	w.sweeps()
	w.drain()
	w.wantBook("Bank", tea, wage)
}

func TestWhatIsWithdrawnWhileEverythingIsToldAgainIsWithdrawn(t *testing.T) {
	came, went := pageOf{Transactions: []bank.Transaction{coffee, tea}}, pageOf{Removed: []string{coffee.ID}}
	for question := 1; question <= 3; question++ {
		w := linked(t)
		w.bank.news(came)
		w.sync()
		i := w.integration("i1")
		i.Resync++
		w.put(i)
		before, asked := w.bank.fetch, 0
		w.bank.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
			if asked++; asked < question {
				return before(req)
			}
			w.bank.news(came, went)
			return w.bank.fetch(req)
		}
		w.sync()
		w.sync()
		w.wantBook("Bank", tea)
	}
}

func TestGivingUpARunOfARemovedIntegrationLeavesThoseOfOthers(t *testing.T) {
	w := linked(t)
	w.integrate("i2", "c1", "card", "Card", firstOfMonth)
	w.bank.both(coffee, wage)
	w.losing(w.sync)
	// as they were written before runs knew their connection
	for _, r := range w.runs() {
		r.Connection = ""
		w.check(ledger.All().Runs.Save(t.Context(), w.disk, r.Key(), r))
	}
	card := w.integration("i2")
	w.check(w.disk.Update(t.Context(), func(tx store.Tx) error { return ledger.All().DeleteIntegration(tx, card) }))
	w.sweeps()
	w.drain()
	w.wantBook("Bank", coffee)
}
