package ledger

import (
	"time"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// WrittenOf remembers a transaction as the book answered it. What the book
// made of a description is what counts, not what was sent.
func WrittenOf(t bkper.Transaction, reason string) *Written {
	return &Written{
		Date: t.Date, Amount: string(t.Amount), Description: t.Description,
		From: accountID(t.CreditAccount), To: accountID(t.DebitAccount), Reason: reason, At: t.UpdatedAt.Time(),
	}
}

// Same reports whether a transaction is still the untouched draft that the app
// wrote: not posted, not trashed, with the same date, amount, description and
// accounts.
func (w *Written) Same(t bkper.Transaction) bool {
	return t.Status() == bkper.Draft && w.holds(t)
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
// the event that tells of the edit still has it. Both moments are of Bkper's
// clock.
func (w *Written) WrittenOver(told bkper.Transaction, at time.Time, now bkper.Transaction) bool {
	return w.holds(now) && !w.holds(told) && w.At.After(at)
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

func accountID(a *bkper.Account) string {
	if a == nil {
		return ""
	}
	return a.ID
}
