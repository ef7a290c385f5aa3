package ledger

import (
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// WrittenOf remembers a transaction as the book answered it. What the book
// made of a description is what counts, not what was sent.
func WrittenOf(t bkper.Transaction, reason string) *Written {
	return &Written{
		Date: t.Date, Amount: string(t.Amount), Description: t.Description,
		From: accountID(t.CreditAccount), To: accountID(t.DebitAccount), Reason: reason,
	}
}

// Same reports whether a transaction is still the untouched draft that the app
// wrote: not posted, not trashed, with the same date, amount, description and
// accounts.
func (w *Written) Same(t bkper.Transaction) bool {
	return w != nil && t.Status() == bkper.Draft &&
		t.Date == w.Date && sameAmount(string(t.Amount), w.Amount) && t.Description == w.Description &&
		accountID(t.CreditAccount) == w.From && accountID(t.DebitAccount) == w.To
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
