package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// WrittenOf remembers a transaction as the book answered it. What the book
// made of a description is what counts, not what was sent.
func WrittenOf(t bkper.Transaction, reason string) *Written {
	return &Written{
		Date: t.Date, Amount: string(t.Amount), Description: t.Description,
		From: accountID(t.CreditAccount), To: accountID(t.DebitAccount), Reason: reason,
		Rule: t.Properties[RuleProperty], Besides: besides(t), At: t.UpdatedAt.Time(),
	}
}

// Onto says on which state of the transaction the app has written.
func (w *Written) Onto(read bkper.Transaction) *Written {
	w.Read = read.UpdatedAt.Time()
	return w
}

// About says what the app is about to make of the transaction, as it has just
// read it.
func (w *Written) About(read, next bkper.Transaction) *Written {
	about := *w
	if w.InDoubt() && !w.holds(read) {
		about = *w.Next
	}
	about.Next = WrittenOf(next, w.Reason)
	return &about
}

// IsAbout reports whether the app was about to make that of the transaction.
func (w *Written) IsAbout(t bkper.Transaction) bool {
	return w.InDoubt() && w.Next.holds(t) && w.Next.Besides == besides(t)
}

// Settled says that it is known again what the app has written.
func (w *Written) Settled() *Written {
	if !w.InDoubt() {
		return w
	}
	settled := *w
	settled.Next = nil
	return &settled
}

// InDoubt reports whether the app was about to change the transaction, and
// nobody knows whether it has.
func (w *Written) InDoubt() bool { return w != nil && w.Next != nil }

// Same reports whether a transaction is still the untouched draft that the app
// wrote: not posted, not trashed, with the same date, amount, description and
// accounts. A missing side may be filled in then.
func (w *Written) Same(t bkper.Transaction) bool {
	return t.Status() == bkper.Draft && (w.holds(t) || w.InDoubt() && w.Next.holds(t))
}

// Alone reports whether, besides, nobody has added anything to the draft: no
// property, no file, no link. Then it may be changed, or leave the book.
func (w *Written) Alone(t bkper.Transaction) bool {
	return w.Same(t) && (besides(t) == w.Besides || w.InDoubt() && besides(t) == w.Next.Besides)
}

// holds reports whether a transaction has what the app wrote, whatever its
// state.
func (w *Written) holds(t bkper.Transaction) bool {
	return w != nil && t.Date == w.Date && sameAmount(string(t.Amount), w.Amount) && t.Description == w.Description &&
		accountID(t.CreditAccount) == w.From && accountID(t.DebitAccount) == w.To
}

// WrittenOver reports whether the app has written over what a person did: the
// book now says what the app wrote, but before that, at that moment, a person
// had made something else of it. Bkper takes an update whole and without
// conditions, so an edit between the app's reading and its writing is lost;
// the event that tells of the edit still has it. All moments are of Bkper's
// clock. What the person did before the app read it was either seen, or taken
// back by that person.
func (w *Written) WrittenOver(told bkper.Transaction, at time.Time, now bkper.Transaction) bool {
	return w.holds(now) && !w.holds(told) && w.At.After(at) && !w.Read.IsZero() && at.After(w.Read)
}

// IsOpen reports whether a side is missing.
func (w *Written) IsOpen() bool { return w.From == "" || w.To == "" }

func sameAmount(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := money.ParseDecimal(a)
	y, errY := money.ParseDecimal(b)
	return errX == nil && errY == nil && x.Equal(y)
}

// besides says in one text what a transaction has beyond what the app writes:
// properties of others, links and files. A draft that a person has added a
// receipt to is a person's work.
func besides(t bkper.Transaction) string {
	var all []string
	for key, value := range t.Properties {
		if !isOwnProperty(key) {
			all = append(all, key+"="+value)
		}
	}
	all = append(all, t.URLs...)
	for _, f := range t.Files {
		all = append(all, f.ID)
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	sum := sha256.Sum256([]byte(strings.Join(all, "\x00")))
	return hex.EncodeToString(sum[:8])
}

func accountID(a *bkper.Account) string {
	if a == nil {
		return ""
	}
	return a.ID
}
