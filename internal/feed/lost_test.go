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
)

// Messages that are lost, and what is given up and told again for them.

// news makes the bank tell what came and what went at each moment since the
// state, which is how many moments were told; from nothing, what there is.
func (b *fakeBank) news(moments ...pageOf) {
	b.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
		since, fresh := 0, len(req.State) == 0
		if _, err := fmt.Sscanf(string(req.State), "m%d", &since); err != nil && !fresh {
			return connectors.Page{}, errs.New(errs.Conflict, "")
		}
		told := pageOf{Key: "checking"}
		for _, m := range moments[since:] {
			told.Transactions = slices.DeleteFunc(told.Transactions, func(t bank.Transaction) bool { return slices.Contains(m.Removed, t.ID) })
			told.Transactions = append(told.Transactions, m.Transactions...)
			if !fresh {
				told.Removed = append(told.Removed, m.Removed...)
			}
		}
		return connectors.Page{Accounts: []pageOf{told}, Next: fmt.Appendf(nil, "m%d", len(moments))}, nil
	}
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
