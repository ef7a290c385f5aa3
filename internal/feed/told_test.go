package feed_test

import (
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/queue"
)

// retriesCoffee lets the book refuse a coffee, and returns the message to try it
// again.
func (p *process) retriesCoffee() queue.Message {
	w := p.w
	w.book.refuse = func(bkper.Transaction) error { return errInvalid }
	w.bank.tells(nil, coffee)
	p.waiting = p.fetch()
	p.handAll() // it is parked
	_, err := p.RetryParked(w.t.Context(), "book")
	w.check(err)
	return p.asked()
}

// TestWhatTheBankTellsMeanwhileOutlivesATry lets a message that tells of an entry
// be worked on while the entry is tried again: a person has just chosen another
// account of the book, so the two are under different leases.
func TestWhatTheBankTellsMeanwhileOutlivesATry(t *testing.T) {
	for claim, c := range map[string]struct {
		removed []string
		told    bank.Transaction
		account string // of the book, that it ends in
		accepts bool   // the book, when it is tried again
		next    func(*fakeBank)
		want    bank.Transaction
	}{
		"the id that a row has now": {
			removed: []string{"a"}, told: row("a2", 3, "-2.50", "COFFEE"), account: "Card",
			next: func(b *fakeBank) { b.tells([]string{"a2"}, row("a3", 3, "-2.50", "COFFEE")) }, want: coffee,
		},
		"the amount that a row has now": {
			told: row("a", 3, "-2.60", "COFFEE"), account: "Bank", accepts: true,
			next: func(b *fakeBank) { b.tells(nil) }, want: row("", 3, "-2.60", "COFFEE"),
		},
		"the text that a row has now": {
			told: row("a", 3, "-2.50", "COFFEE BAR"), account: "Bank", accepts: true,
			next: func(b *fakeBank) { b.tells(nil) }, want: row("", 3, "-2.50", "COFFEE BAR"),
		},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			first, second := w.process(), w.process()
			retry := first.retriesCoffee()
			w.bank.tells(c.removed, c.told)
			news := second.fetch()[0]
			came := false
			w.book.trouble = func(op string) (error, error) {
				if op == "create" && !came {
					came = true
					i := w.integration("i1") // the person chooses another account
					i.AccountID = "Card"
					w.put(i)
					w.check(second.hand(news))
					if c.accepts {
						w.book.refuse = nil
					}
				}
				return nil, nil
			}
			w.check(first.hand(retry))
			if !came {
				t.Fatal("nothing was tried")
			}
			w.book.trouble, w.book.refuse = nil, nil
			c.next(w.bank)
			second.waiting = second.fetch()
			second.handAll()
			_, err := first.RetryParked(t.Context(), "book")
			w.check(err)
			first.handAll()
			w.wantBook(c.account, c.want)
			if n := len(w.entries()); n != 1 || w.entries()[0].Flag != "" {
				t.Errorf("one row is %d entries: %+v", n, w.entries())
			}
		})
	}
}

func TestATryThatWasNotSentForgetsNotWhatAnotherAccountHasSent(t *testing.T) {
	w := linked(t)
	first, second := w.processOn(takesAll{w.book}), w.processOn(takesAll{w.book})
	w.book.book.LockDate = coffee.Date
	w.bank.tells(nil, coffee)
	first.waiting = first.fetch()
	first.handAll() // it is parked, and was not sent
	w.book.book.LockDate = bank.Date{}
	_, err := first.RetryParked(t.Context(), "book")
	w.check(err)
	retry := first.asked()
	w.bank.tells(nil, row("a", 3, "-2.50", "COFFEE BAR"))
	news := second.fetch()[0]
	came := false
	w.book.trouble = func(string) (error, error) {
		if came {
			return nil, nil
		}
		came = true
		i := w.integration("i1")
		i.AccountID = "Card"
		w.put(i)
		w.book.trouble = func(op string) (error, error) {
			if op == "create" {
				return nil, errAway
			}
			return nil, nil
		}
		if err := second.hand(news); err == nil {
			t.Error("the reply was not lost")
		}
		w.book.trouble = func(string) (error, error) { return nil, nil }
		return errAway, nil
	}
	if err := first.hand(retry); err == nil {
		t.Error("the book was not away")
	}
	w.book.trouble = nil
	second.waiting = append(second.waiting, news)
	second.handAgain()
	first.waiting = append(first.waiting, retry)
	first.handAgain()
	w.now = w.now.Add(time.Hour)
	w.check(first.Sweep(t.Context()))
	first.handAgain()
	if n := w.book.count("COFFEE") + w.book.count("COFFEE BAR"); n != 1 {
		t.Errorf("it stands in the book %d times", n)
	}
}

func TestAFileFindsWhatWasToGoToItsAccountBeforeTheMappingWasMoved(t *testing.T) {
	for claim, now := range map[string]bank.Date{
		"and is parked still":        coffee.Date,
		"and is in the other by now": {},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.book.book.LockDate = coffee.Date
			w.bank.shows(coffee)
			w.sync() // it is parked
			i := w.integration("i1")
			i.AccountID, i.Resync = "Card", 1
			w.put(i)
			w.book.book.LockDate = now
			w.sync()
			w.book.book.LockDate = bank.Date{}
			w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", []bank.Transaction{coffee}})})
			w.sync()
			_, err := w.feed.RetryParked(t.Context(), "book")
			w.check(err)
			w.drain()
			if n := w.book.count("COFFEE"); n != 1 || len(w.entries()) != 1 {
				t.Errorf("it stands in the book %d times, and in the ledger: %+v", n, w.entries())
			}
		})
	}
}

func TestWhatATryHasToFollowAndDoesNotReachFollowsLater(t *testing.T) {
	for claim, c := range map[string]struct {
		removed []string
		now     []bank.Transaction
	}{
		"a correction": {nil, []bank.Transaction{row("a", 3, "-2.60", "COFFEE")}},
		"a withdrawal": {[]string{"a"}, nil},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			first, second := w.process(), w.process()
			retry := first.retriesCoffee()
			w.bank.tells(c.removed, c.now...)
			news, came, cut := second.fetch()[0], false, false
			w.book.trouble = func(op string) (error, error) {
				switch {
				case op == "create" && !came:
					came = true
					i := w.integration("i1") // the person chooses another account
					i.AccountID = "Card"
					w.put(i)
					w.check(second.hand(news))
					w.book.refuse, cut = nil, true
				case cut && (op == "get" || op == "find"):
					return errAway, nil
				}
				return nil, nil
			}
			if err := first.hand(retry); err == nil || !cut {
				t.Fatal("it was not cut short")
			}
			w.book.trouble = nil
			w.bank.tells(nil) // nothing new
			first.waiting = append(first.waiting, retry)
			first.handAgain()
			w.sweeps()
			w.drain()
			w.wantBook("Bank", c.now...)
			for _, e := range w.entries() {
				if e.Flag != "" || e.State == ledger.Claimed {
					t.Errorf("it is %s, and flagged %q", e.State, e.Flag)
				}
			}
		})
	}
}
