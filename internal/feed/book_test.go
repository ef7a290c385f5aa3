package feed_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/ledger"
)

// fakeBook is a book in memory, as hard on the app as the real one may be: a
// remote id that lives is left out of the answer to a batch, one in the trash
// does not block, a batch is refused as a whole, and answers get lost.
type fakeBook struct {
	power    *power
	book     bkper.Book
	all      map[string]bkper.Transaction
	made     int                 // transactions so far
	order    []string            // ids as they were created
	ofRemote map[string][]string // ids by remote id
	calls    map[string]int
	// trouble may fail a call before it is done, or after: the reply is lost.
	trouble func(op string) (before, after error)
	// refuse says why the book refuses an item.
	refuse func(bkper.Transaction) error
	// leaveOut leaves what was recorded out of the answer.
	leaveOut func(bkper.Transaction) bool
	// largest batch that was sent
	largest int
}

func newFakeBook(p *power) *fakeBook {
	b := &fakeBook{
		power: p, all: map[string]bkper.Transaction{}, ofRemote: map[string][]string{}, calls: map[string]int{},
		book: bkper.Book{ID: "book", FractionDigits: 2},
	}
	for id, kind := range map[string]bkper.AccountType{
		"Bank": bkper.Asset, "Card": bkper.Liability, "Food": bkper.Outgoing, "Salary": bkper.Incoming,
	} {
		b.book.Accounts = append(b.book.Accounts, bkper.Account{ID: id, Name: id, Type: kind})
	}
	return b
}

// as is the book for a user; all are alike.
func (b *fakeBook) as(string) *fakeBook { return b }

// call does one call of the API.
func (b *fakeBook) call(op string, do func() error) error {
	b.power.pause(op)
	return b.power.effect(func() error {
		b.calls[op]++
		var before, after error
		if b.trouble != nil {
			before, after = b.trouble(op)
		}
		if before != nil {
			return before
		}
		if err := do(); err != nil {
			return err
		}
		return after
	})
}

func (b *fakeBook) writes() int {
	return b.calls["create"] + b.calls["update"] + b.calls["updates"] + b.calls["trash"]
}

func (b *fakeBook) Book(_ context.Context, id string, _ bkper.BookDetail) (book bkper.Book, err error) {
	err = b.call("book", func() error {
		if id != b.book.ID {
			return errNoBook
		}
		book = b.book
		book.Accounts = slices.Clone(b.book.Accounts)
		return nil
	})
	return book, err
}

func (b *fakeBook) Transactions(_ context.Context, _, query string, _ int) iter.Seq2[bkper.Transaction, error] {
	return func(yield func(bkper.Transaction, error) bool) {
		var found []bkper.Transaction
		err := b.call("list", func() error {
			for _, id := range b.order {
				if t := b.all[id]; matches(t, query) {
					found = append(found, t)
				}
			}
			return nil
		})
		if err != nil {
			yield(bkper.Transaction{}, err)
			return
		}
		for _, t := range found {
			if !yield(t, nil) {
				return
			}
		}
	}
}

// matches knows the queries that the feed asks.
func matches(t bkper.Transaction, query string) bool {
	for _, word := range strings.Fields(query) {
		key, value, _ := strings.Cut(word, ":")
		value = strings.Trim(value, `'"`)
		switch key {
		case "account":
			if !onSide(t, value) {
				return false
			}
		case "after", "before":
			day, err := bank.ParseDate(value)
			if err != nil || key == "after" && t.Date.Before(day) || key == "before" && !t.Date.Before(day) {
				return false
			}
		case "is":
			if string(t.Status()) != value {
				return false
			}
		default:
			panic("the fake book does not know the query " + query)
		}
	}
	return true
}

func onSide(t bkper.Transaction, account string) bool {
	return t.CreditAccount != nil && t.CreditAccount.ID == account || t.DebitAccount != nil && t.DebitAccount.ID == account
}

func (b *fakeBook) Transaction(_ context.Context, _, id string) (t bkper.Transaction, err error) {
	err = b.call("get", func() error {
		var ok bool
		if t, ok = b.all[id]; !ok {
			return errNoBook
		}
		return nil
	})
	return t, err
}

func (b *fakeBook) FindRemoteID(_ context.Context, _, remoteID string) (found []bkper.Transaction, err error) {
	err = b.call("find", func() error {
		for _, trashed := range []bool{false, true} {
			for _, id := range b.ofRemote[remoteID] {
				if t := b.all[id]; t.Trashed == trashed {
					found = append(found, t)
				}
			}
		}
		return nil
	})
	return found, err
}

func (b *fakeBook) CreateTransactions(_ context.Context, _ string, items []bkper.Transaction) (answer map[string]bkper.Transaction, err error) {
	err = b.call("create", func() error {
		b.largest = max(b.largest, len(items))
		if len(items) > 100 {
			return errInvalid
		}
		for _, t := range items {
			if err := b.refuses(t); err != nil {
				return err
			}
		}
		answer = map[string]bkper.Transaction{}
		for _, t := range items {
			id := t.RemoteIDs[0]
			if slices.ContainsFunc(b.ofRemote[id], func(id string) bool { return !b.all[id].Trashed }) {
				continue
			}
			t = b.add(t)
			if b.leaveOut == nil || !b.leaveOut(t) {
				answer[id] = t
			}
		}
		return nil
	})
	if err != nil {
		answer = nil
	}
	return answer, err
}

func (b *fakeBook) refuses(t bkper.Transaction) error {
	if locked := b.book.LockedUntil(); !locked.IsZero() && !t.Date.After(locked) {
		return errLocked
	}
	for _, a := range []*bkper.Account{t.CreditAccount, t.DebitAccount} {
		if a != nil && !slices.ContainsFunc(b.book.Accounts, func(known bkper.Account) bool { return known.ID == a.ID && !known.Archived }) {
			return errInvalid
		}
	}
	if b.refuse != nil {
		return b.refuse(t)
	}
	return nil
}

// add puts a transaction into the book.
func (b *fakeBook) add(t bkper.Transaction) bkper.Transaction {
	b.made++
	t.ID = fmt.Sprintf("t%d", b.made)
	b.all[t.ID] = t
	b.order = append(b.order, t.ID)
	for _, id := range t.RemoteIDs {
		b.ofRemote[id] = append(b.ofRemote[id], t.ID)
	}
	return t
}

func (b *fakeBook) UpdateTransaction(_ context.Context, _ string, t bkper.Transaction) (bkper.Transaction, error) {
	err := b.call("update", func() error {
		if err := b.refuses(t); err != nil {
			return err
		}
		b.all[t.ID] = t
		return nil
	})
	return t, err
}

func (b *fakeBook) UpdateTransactions(_ context.Context, _ string, items []bkper.Transaction, _ bool) (answer map[string]bkper.Transaction, err error) {
	err = b.call("updates", func() error {
		answer = map[string]bkper.Transaction{}
		for _, t := range items {
			b.all[t.ID] = t
			answer[t.ID] = t
		}
		return nil
	})
	return answer, err
}

func (b *fakeBook) Trash(_ context.Context, _ string, t bkper.Transaction) (trashed bkper.Transaction, err error) {
	err = b.call("trash", func() error {
		trashed = b.all[t.ID]
		if err := b.refuses(trashed); err != nil {
			return err
		}
		trashed.Trashed = true
		b.all[t.ID] = trashed
		return nil
	})
	return trashed, err
}

func (b *fakeBook) Restore(_ context.Context, _ string, t bkper.Transaction) (restored bkper.Transaction, err error) {
	err = b.call("restore", func() error {
		restored = b.all[t.ID]
		if err := b.refuses(restored); err != nil {
			return err
		}
		restored.Trashed = false
		b.all[t.ID] = restored
		return nil
	})
	return restored, err
}

// What a person does in the book.

// named returns the transaction of that text that is not in the trash.
func (b *fakeBook) named(text string) bkper.Transaction {
	for _, id := range b.order {
		if t := b.all[id]; !t.Trashed && t.Description == text {
			return t
		}
	}
	panic("the book has no " + text)
}

func (b *fakeBook) edit(text string, change func(*bkper.Transaction)) {
	t := b.named(text)
	change(&t)
	b.all[t.ID] = t
}

// forget deletes what stands for an entry, as when the trash is emptied.
func (b *fakeBook) forget(e ledger.Entry) {
	delete(b.all, e.TransactionID)
	b.ofRemote[e.RemoteID] = nil
	b.order = slices.DeleteFunc(b.order, func(id string) bool { return id == e.TransactionID })
}

func (b *fakeBook) count(text string) (n int) {
	for _, t := range b.all {
		if !t.Trashed && t.Description == text {
			n++
		}
	}
	return n
}

// live returns what the app has recorded into an account and is not in the
// trash: day, signed amount and the bank's text.
func (b *fakeBook) live(account string) []string {
	var all []string
	for _, t := range b.all {
		if t.Trashed || len(t.RemoteIDs) == 0 || !onSide(t, account) {
			continue
		}
		amount, err := t.Amount.Decimal()
		if err != nil {
			panic(err)
		}
		if t.CreditAccount != nil && t.CreditAccount.ID == account {
			amount = amount.Neg()
		}
		all = append(all, fmt.Sprintf("%s %s %s", t.Date, amount, t.Properties["bank_text"]))
	}
	slices.Sort(all)
	return all
}

func (b *fakeBook) liveRemoteIDs() map[string]int {
	n := map[string]int{}
	for _, t := range b.all {
		for _, id := range t.RemoteIDs {
			if !t.Trashed {
				n[id]++
			}
		}
	}
	return n
}
