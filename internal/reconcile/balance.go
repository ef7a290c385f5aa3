package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// State says whether what the bank has told adds up to its balance.
type State string

// The states of a balance.
const (
	Agrees  State = "agrees"
	Differs State = "differs"
	Unknown State = "unknown" // it cannot be told, or not yet
)

// Balance is the bank's balance of one integration, held against the opening
// plus everything that the bank has told since.
type Balance struct {
	Integration ledger.Integration
	State       State
	Date        bank.Date    // of the bank's balance, zero if it gives none
	Booked      money.Amount // what the bank says
	// Difference is what the bank says less what the ledger makes, not zero
	// where the two differ. Since is the first day on which they did, as far
	// as the bank gave a balance then.
	Difference money.Amount
	Since      bank.Date
	Sentence   string // for a bookkeeper
}

// lookBack is how many days before a balance its opening lies: within them a
// bank may still book, change or withdraw transactions. While fewer are known,
// a difference can come of what the bank did before the first day of the
// integration, and proves nothing.
const lookBack = 14

// movement is what the ledger holds of one bank transaction.
type movement struct {
	date   bank.Date
	amount money.Decimal
	told   time.Time // when the run that brought it started; zero: long ago
}

// account is an integration with what its balance check needs.
type account struct {
	integration ledger.Integration
	balances    []ledger.DayBalance // by day, from that of the opening on
	opening     *ledger.Opening     // nil before the first check
	movements   []movement          // from the first day that counts on
	busy        bool                // a run is under way
}

// check compares. next is the opening to keep for the next check, nil if that
// stays as it is.
//
// A balance is that of a moment and of a day: it counts what was told before,
// dated up to that day. The opening moves on with each balance that agrees, so
// that old history need not be read, nor be right, for ever.
func (a account) check() (b Balance, next *ledger.Opening) {
	b = Balance{Integration: a.integration, State: Unknown}
	if len(a.balances) == 0 {
		b.Sentence = "The bank gives no balance to compare with."
		return b, nil
	}
	last := a.balances[len(a.balances)-1]
	b.Date, b.Booked = last.Date, last.Booked
	if a.busy {
		b.Sentence = "Transactions are being recorded. The balance is compared when that is done."
		return b, nil
	}
	o := a.opening
	if o == nil {
		o = a.open(a.balances[0])
		next = o
	}
	if a.integration.Since.After(o.From) || o.Amount.Currency() != last.Booked.Currency() {
		o = a.open(last) // what went before is not comparable any more
		next = o
	}
	young := last.Date.Sub(o.From) < lookBack
	switch difference := a.difference(*o, last); {
	case difference.IsZero():
		b.State = Agrees
		b.Sentence = fmt.Sprintf("Agrees with the bank, which says %s on %s.", readable(last.Booked), last.Date)
		return b, a.moveOn(*o, last)
	case young:
		b.Difference = difference
		b.Sentence = fmt.Sprintf("The bank's balance moved by %s more than what it told, perhaps by transactions from before %s, the first day that is recorded. It can be compared from %s on.",
			readable(difference), a.integration.Since, o.From.AddDays(lookBack))
		return b, a.open(last)
	default:
		b.State, b.Difference, b.Since = Differs, difference, a.firstDay(*o)
		b.Sentence = fmt.Sprintf("Since %s the bank's balance is %s %s than the recorded transactions make. The bank has not told all that it booked, or told something twice.",
			b.Since, readable(difference.Abs()), moreOrLess(difference))
		return b, next
	}
}

// open works out the opening under which a balance agrees.
func (a account) open(d ledger.DayBalance) *ledger.Opening {
	o := ledger.Opening{From: d.Date.AddDays(-lookBack), Day: d.Date, Seen: d.Seen}
	if a.integration.Since.After(o.From) {
		o.From = a.integration.Since
	}
	o.Amount = money.New(d.Booked.Number().Sub(a.sum(o.From, d)), d.Booked.Currency())
	return &o
}

// moveOn returns the opening after a balance that agrees.
func (a account) moveOn(o ledger.Opening, d ledger.DayBalance) *ledger.Opening {
	moved := ledger.Opening{From: o.From, Amount: o.Amount, Day: d.Date, Seen: d.Seen}
	if from := d.Date.AddDays(-windowDays); from.After(o.From) {
		moved.From = from
		moved.Amount = money.New(d.Booked.Number().Sub(a.sum(from, d)), d.Booked.Currency())
	}
	return &moved
}

// sum adds up what a balance counts, from a day on.
func (a account) sum(from bank.Date, d ledger.DayBalance) money.Decimal {
	var sum money.Decimal
	for _, m := range a.movements {
		if !m.date.Before(from) && !m.date.After(d.Date) && !m.told.After(d.Seen) {
			sum = sum.Add(m.amount)
		}
	}
	return sum
}

// difference is what the bank says less what the ledger makes.
func (a account) difference(o ledger.Opening, d ledger.DayBalance) money.Amount {
	made := o.Amount.Number().Add(a.sum(o.From, d))
	return money.New(d.Booked.Number().Sub(made), d.Booked.Currency())
}

// firstDay is the first day, after the last that agreed, from which on every
// balance differs.
func (a account) firstDay(o ledger.Opening) bank.Date {
	first := len(a.balances) - 1
	for n := first - 1; n >= 0; n-- {
		d := a.balances[n]
		if !d.Seen.After(o.Seen) || a.difference(o, d).IsZero() {
			break
		}
		first = n
	}
	return a.balances[first].Date
}

func moreOrLess(difference money.Amount) string {
	if difference.Sign() < 0 {
		return "less"
	}
	return "more"
}

// readable writes an amount with the decimals of its currency.
func readable(a money.Amount) string {
	text, err := a.Number().StringFixed(a.Currency().Digits())
	if err != nil {
		text = a.Number().String()
	}
	return text + " " + string(a.Currency())
}

// accounts reads what the balance checks of a book need.
func (s *Service) accounts(tx store.Tx, bookID string) ([]account, error) {
	records := ledger.All()
	integrations, err := records.IntegrationsOfBook(tx, bookID)
	if err != nil {
		return nil, err
	}
	all := make([]account, len(integrations))
	var from bank.Date              // the earliest day that counts
	runsFrom := s.Now().Add(-every) // and the earliest run
	for n, i := range integrations {
		a := account{integration: i}
		if a.balances, a.opening, err = balancesOf(tx, i.ID); err != nil {
			return nil, err
		}
		all[n] = a
		if len(a.balances) == 0 {
			continue
		}
		day, seen := a.balances[0].Date.AddDays(-windowDays), a.balances[0].Seen
		if a.opening != nil && a.opening.From.Before(day) {
			day = a.opening.From
		}
		if from.IsZero() || day.Before(from) {
			from = day
		}
		if seen.Before(runsFrom) {
			runsFrom = seen
		}
	}
	if from.IsZero() {
		return all, nil // no bank gives a balance
	}
	told := make(map[string]time.Time)
	err = records.Runs.Scan(tx, store.Below(bookID), func(_ string, r ledger.Run) (bool, error) {
		if r.StartedAt.Before(runsFrom) {
			return false, nil
		}
		told[r.ID] = r.StartedAt
		// What is under way for longer is a dead letter, and waits for a person.
		if r.FinishedAt.IsZero() && s.Now().Sub(r.StartedAt) < every {
			for n := range all {
				i := all[n].integration
				all[n].busy = all[n].busy || r.Integration == i.ID || r.AccountID == i.AccountID
			}
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	var others []ledger.Entry // that a person knows to be other movements
	add := func(e, other ledger.Entry) {
		for n := range all {
			i := all[n].integration
			if counts(e, i, integrations) && !counts(other, i, integrations) {
				m := movement{date: e.Row.Date, amount: e.Row.Amount.Number(), told: told[e.Run]}
				all[n].movements = append(all[n].movements, m)
			}
		}
	}
	err = records.EntriesOfDays(tx, bookID, from, farFuture(s.Now()), func(e ledger.Entry) {
		switch {
		case seen[e.RemoteID]:
		case e.Same != "":
			others = append(others, e)
		default:
			add(e, ledger.Entry{})
		}
		seen[e.RemoteID] = true
	})
	if err != nil {
		return nil, err
	}
	for _, e := range others {
		var other ledger.Entry // none for what a person has typed in
		if key, ours := ledger.EntryKey(bookID, e.Same); ours {
			if other, _, err = records.Entries.Find(tx, key); err != nil {
				return nil, err
			}
		}
		add(e, other)
	}
	return all, nil
}

// balancesOf reads the balances of an integration from the day of its opening
// on, and that opening.
func balancesOf(tx store.Tx, integration string) ([]ledger.DayBalance, *ledger.Opening, error) {
	var opening *ledger.Opening
	days := store.Below(integration)
	o, found, err := ledger.All().Openings.Find(tx, store.Key(integration))
	if err != nil {
		return nil, nil, err
	}
	if found {
		opening = &o
		days.From = store.Key(integration, o.Day.String())
	}
	var balances []ledger.DayBalance
	err = ledger.All().Balances.Scan(tx, days, func(_ string, d ledger.DayBalance) (bool, error) {
		balances = append(balances, d)
		return true, nil
	})
	return balances, opening, err
}

// counts reports whether the bank's balance of an integration counts an entry:
// whatever became of it in the book, unless the bank took it back. What only
// files have told counts where no other bank feeds the account. Of two that a
// person knows to be one movement, both may count here.
func counts(e ledger.Entry, i ledger.Integration, all []ledger.Integration) bool {
	if e.State == ledger.Removed || e.Withdrawn || e.Row.Amount.Currency() != i.Currency {
		return false
	}
	if slices.Contains(e.Origins, i.Origin) {
		return true
	}
	if e.State == ledger.Undone { // the person takes back what a file has told
		return false
	}
	isBank := func(origin string) bool { return !strings.HasPrefix(origin, "file:") }
	isOther := func(o ledger.Integration) bool { return o.AccountID == i.AccountID && o.ID != i.ID }
	return e.AccountID == i.AccountID && !slices.ContainsFunc(e.Origins, isBank) && !slices.ContainsFunc(all, isOther)
}

// farFuture is later than any date that banks give.
func farFuture(now time.Time) bank.Date { return bank.DateOf(now.UTC()).AddDays(366) }
