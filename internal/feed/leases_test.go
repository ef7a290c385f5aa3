package feed_test

import (
	"context"
	"iter"
	"log/slog"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/queue"
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

// takesAll is a book that records whatever it is told to, under a remote id that
// it has too.
type takesAll struct{ *fakeBook }

func (b takesAll) CreateTransactions(_ context.Context, _ string, items []bkper.Transaction) (map[string]bkper.Transaction, error) {
	answer := map[string]bkper.Transaction{}
	err := b.call("create", func() error {
		for _, t := range items {
			answer[t.RemoteIDs[0]] = b.add(t)
		}
		return nil
	})
	return answer, err
}

// processOn begins a process on another book.
func (w *world) processOn(b feed.Book) *process {
	p := &process{w: w}
	p.Service = feed.New(w.deps(p, b))
	return p
}

// asked returns the only message that waits.
func (p *process) asked() queue.Message {
	p.w.t.Helper()
	if len(p.waiting) != 1 {
		p.w.t.Fatalf("%d messages wait, not one", len(p.waiting))
	}
	m := p.waiting[0]
	p.waiting = nil
	return m
}

func TestAllWhoWorkOnOneAccountTakeTurns(t *testing.T) {
	type job struct {
		*process
		queue.Message
	}
	for claim, c := range map[string]struct {
		begin func(*testing.T) (_ *world, one, other job)
		at    string // the call of the book at which the other comes
		want  []bank.Transaction
	}{
		"a retry and a batch": {
			begin: func(t *testing.T) (*world, job, job) {
				w := linked(t)
				first, second := w.processOn(takesAll{w.book}), w.processOn(takesAll{w.book})
				w.book.book.LockDate = coffee.Date
				w.bank.tells(nil, coffee)
				first.waiting = first.fetch()
				first.handAll() // it is parked
				w.book.book.LockDate = bank.Date{}
				i := w.integration("i1") // the person asks for all of it again
				i.Resync++
				w.put(i)
				batch := second.fetch()[0]
				_, err := first.RetryParked(t.Context(), "book")
				w.check(err)
				return w, job{first, first.asked()}, job{second, batch}
			},
			at: "create", want: []bank.Transaction{coffee},
		},
		"a batch and an undo": {
			begin: func(t *testing.T) (*world, job, job) {
				w := linked(t)
				first, second := w.process(), w.process()
				w.bank.tells(nil, coffee)
				first.waiting = first.fetch()
				first.handAll()
				w.bank.tells(nil, dearer)
				batch := first.fetch()[0]
				w.check(second.Undo(t.Context(), w.runs()[1], "u1"))
				return w, job{first, batch}, job{second, second.asked()}
			},
			at: "update", want: nil,
		},
		"a batch and what a person says of a double": {
			begin: func(t *testing.T) (*world, job, job) {
				w, d := doubtful(t)
				first, second := w.process(), w.process()
				w.bank.shows(opening, row("x", 5, "-5", "BOOKS 13"))
				batch := first.fetch()[0]
				w.check(second.DecideDouble(t.Context(), "book", d.New, d.Known, ledger.IsOne, "u1"))
				return w, job{first, batch}, job{second, second.asked()}
			},
			at: "update", want: []bank.Transaction{opening, row("", 3, "-5", "Books and more")},
		},
	} {
		t.Run(claim, func(t *testing.T) {
			w, one, other := c.begin(t)
			met, otherErr := false, error(nil)
			w.onceAt(c.at, func() { met, otherErr = true, other.hand(other.Message) })
			oneErr := one.hand(one.Message)
			for range 3 { // delivered again
				if oneErr != nil {
					oneErr = one.hand(one.Message)
				}
				if otherErr != nil {
					otherErr = other.hand(other.Message)
				}
			}
			w.check(oneErr)
			w.check(otherErr)
			one.handAll()
			other.handAll()
			w.wantBook("Bank", c.want...)
			if !met {
				t.Error("they did not meet")
			}
		})
	}
}

func TestTwoSyncsOfOneConnectionAskTheBankOnce(t *testing.T) {
	w := linked(t)
	first, second := w.process(), w.process()
	asked := w.now
	w.check(first.Sync(t.Context(), "c1"))
	w.check(second.Sync(t.Context(), "c1"))
	m, other := first.asked(), delivery{Message: second.asked(), Attempt: 1, Published: asked}
	w.now = w.now.Add(time.Second)
	var otherErr error
	w.bank.fetch = func(connectors.FetchRequest) (connectors.Page, error) {
		if len(w.bank.fetches) == 1 {
			otherErr = second.Handle(t.Context(), other)
		}
		return connectors.Page{Accounts: []pageOf{checking(coffee)}, Next: []byte("1")}, nil
	}
	w.check(first.hand(m))
	if otherErr != nil {
		w.check(second.Handle(t.Context(), other)) // delivered again
	}
	first.handAll()
	second.handAll()
	w.wantBook("Bank", coffee)
	if n := len(w.bank.fetches); n != 1 {
		t.Errorf("the bank was asked %d times", n)
	}
}

func TestASyncThatWakesLateTellsNoOldBalance(t *testing.T) {
	w := linked(t)
	first, second := w.process(), w.process()
	balance := "99"
	asleep := func() {}
	w.bank.fetch = func(connectors.FetchRequest) (connectors.Page, error) {
		b := &bank.Balance{Booked: money.MustParse(balance, "EUR"), Date: today}
		asleep() // when the bank has answered
		return connectors.Page{Accounts: []pageOf{{Key: "checking", Balance: b}}, Next: []byte("always the same")}, nil
	}
	first.fetch()
	asleep = func() {
		asleep = func() {}
		w.now = w.now.Add(7 * time.Minute) // no lease lasts as long
		balance = "120"
		second.fetch()
	}
	w.now = w.now.Add(time.Second)
	w.check(first.Sync(t.Context(), "c1"))
	m := first.asked()
	if first.hand(m) != nil {
		w.check(first.hand(m)) // delivered again
	}
	if a, _ := w.connection("c1").Account("checking"); balance != "120" || a.Balance == nil || a.Balance.Booked.String() != "120 EUR" {
		t.Errorf("the balance is %+v", a.Balance)
	}
}

func TestAnUndoThatWakesLateLeavesWhatWasBroughtBack(t *testing.T) {
	w := linked(t)
	first, second := w.process(), w.process()
	w.bank.tells(nil, coffee)
	first.waiting = first.fetch()
	first.handAll()
	run := w.runs()[0]
	w.check(first.Undo(t.Context(), run, "u1"))
	m := first.asked()
	slept := false
	w.power.trouble = func() (bool, bool) {
		if w.book.calls["trash"] == 1 && !slept { // what comes of it is to be written down
			slept = true
			w.now = w.now.Add(7 * time.Minute)
			w.check(second.hand(m))
			w.check(second.Redo(t.Context(), run, "u1"))
			second.handAll()
		}
		return false, false
	}
	_ = first.hand(m) // the other has acknowledged it
	w.wantBook("Bank", coffee)
	w.bank.tells(nil, dearer)
	first.waiting = first.fetch()
	first.handAll()
	w.wantBook("Bank", dearer)
	if e := w.entryOf("COFFEE"); !slept || e.State != ledger.Recorded || w.runs()[1].Undone != 0 {
		t.Errorf("slept %v; what stands in the book is %s, %d of its run are undone", slept, e.State, w.runs()[1].Undone)
	}
}

func TestWhoWakesWhileAnotherIsAtWorkLeavesItToTheOther(t *testing.T) {
	for claim, c := range map[string]struct {
		asleep string // the call of the book in which it sleeps
		wakes  error  // what it hears then
		lost   error  // instead of the book's reply to the other
		want   []bank.Transaction
	}{
		"before it has claimed": {asleep: "list", want: []bank.Transaction{coffee, tea}},
		"before it marks":       {asleep: "create", wakes: errTooOften, lost: errAway, want: []bank.Transaction{tea}},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			first, second := w.processOn(takesAll{w.book}), w.processOn(takesAll{w.book})
			w.bank.tells(nil, coffee, tea)
			m := first.fetch()[0]
			var pause func()
			var secondErr error
			goOn, stop := iter.Pull(func(yield func(struct{}) bool) {
				pause = func() { yield(struct{}{}) }
				secondErr = second.hand(m)
			})
			defer stop()
			slept, atWork := false, false
			w.book.trouble = func(op string) (before, after error) {
				switch {
				case op == c.asleep && !slept:
					slept = true
					w.now = w.now.Add(7 * time.Minute) // no lease lasts as long
					goOn()
					return c.wakes, nil
				case op == "create" && !atWork:
					atWork = true
					pause()
					return nil, c.lost
				}
				return nil, nil
			}
			_ = first.hand(m) // the other has it now
			goOn()
			if c.lost != nil {
				w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Trashed = true })
			}
			if secondErr != nil {
				w.check(second.hand(m)) // delivered again
			}
			w.wantBook("Bank", c.want...)
			if !slept || !atWork {
				t.Errorf("slept %v, at work %v", slept, atWork)
			}
		})
	}
}

func TestWhoeverWakesLateWhatAPersonSaysOfADoubleIsDone(t *testing.T) {
	both := []bank.Transaction{opening, row("", 3, "-5", "Books and more"), row("", 5, "-5", "BOOKS 12")}
	for claim, before := range map[string][]ledger.DoubleState{
		"one, and then that they are two": {ledger.IsOne, ledger.AreTwo},
		"that they are two after all":     {ledger.AreTwo},
	} {
		t.Run(claim, func(t *testing.T) {
			for n, slept := 1, true; slept; n++ { // before which of its writes the first sleeps
				w, d := doubtful(t)
				if len(before) == 1 {
					w.decide(d, ledger.IsOne)
				}
				first, second := w.process(), w.process()
				say := func(as ledger.DoubleState) {
					w.check(second.DecideDouble(t.Context(), "book", d.New, d.Known, as, "u1"))
				}
				say(before[0])
				m := second.asked()
				rest := func() {
					for _, as := range before[1:] {
						say(as)
					}
					second.handAll()
				}
				writes := 0
				slept = false
				w.power.trouble = func() (bool, bool) {
					if writes++; writes == n {
						slept = true
						w.now = w.now.Add(7 * time.Minute) // no lease lasts as long
						w.check(second.hand(m))
						rest()
					}
					return false, false
				}
				_ = first.hand(m) // the other has acknowledged it
				w.power.trouble = nil
				if !slept {
					rest()
				}
				first.handAll()
				w.wantBook("Bank", both...)
				if _, one := w.doubles(); len(one) > 0 || w.entryOf("BOOKS 12").State != ledger.Recorded {
					t.Errorf("%d are said to be one; what stands in the book is %s", len(one), w.entryOf("BOOKS 12").State)
				}
				if t.Failed() {
					t.Fatalf("it slept before write %d", n)
				}
			}
		})
	}
}

// After a person has moved the mapping, somebody else works on the same rows under
// the lease of the other account: nobody takes the one that has run out.
func TestWhoHasOutlivedItsLeaseRecordsNothing(t *testing.T) {
	w := linked(t)
	first, second := w.processOn(takesAll{w.book}), w.processOn(takesAll{w.book})
	w.bank.tells(nil, coffee)
	m := first.fetch()[0]
	w.book.trouble = func(op string) (before, after error) {
		if op == "create" {
			return errAway, nil // it was not recorded, which nobody knows
		}
		return nil, nil
	}
	if err := first.hand(m); err == nil {
		t.Fatal("the book was not away")
	}
	slept := false
	w.book.trouble = func(op string) (before, after error) {
		if op == "list" && w.book.calls["find"] > 0 && !slept { // it was looked for, and is not there
			slept = true
			w.now = w.now.Add(20 * time.Minute) // no lease lasts as long
			i := w.integration("i1")
			i.AccountID = "Card"
			w.put(i)
			w.check(second.Sweep(t.Context()))
			second.handAll()
			w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Trashed = true })
		}
		return nil, nil
	}
	if err := first.Handle(t.Context(), delivery{Message: m, Attempt: 2, Published: w.now}); err == nil {
		t.Error("it was acknowledged")
	}
	if !slept || w.book.count("COFFEE") != 0 {
		t.Errorf("slept %v, what a person has trashed stands in the book %d times", slept, w.book.count("COFFEE"))
	}
}
