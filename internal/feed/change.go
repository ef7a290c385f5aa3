package feed

import (
	"context"
	"fmt"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// change is something that the bank now says differently of an entry.
type change struct {
	remoteID string
	removed  bool // the bank says that it never happened
}

func (c change) line(e ledger.Entry) ledger.JournalLine {
	line := ledger.JournalLine{
		Date: e.Row.Date, Amount: e.Row.Amount, Text: e.Row.Description, RemoteID: e.RemoteID,
		Outcome: "changed", Why: "the bank changed it, and the draft follows",
	}
	switch {
	case e.Flag != "":
		line.Why = e.Flag
	case c.removed:
		line.Why = "the bank withdrew it, and the draft was trashed"
	}
	return line
}

// change lets an untouched draft of ours follow the bank. What a person has
// touched is left as it is and flagged.
func (w *work) change(ctx context.Context, c change) error {
	key, _ := ledger.EntryKey(w.BookID, c.remoteID)
	e, err := w.records.Entries.Load(ctx, w.Engine, key)
	if err != nil {
		return err
	}
	switch e.State {
	case ledger.Parked, ledger.Claimed:
		if c.removed {
			e.State, e.Problem = ledger.Removed, nil
		}
	case ledger.Recorded:
		if e, err = w.follow(ctx, e, c); err != nil {
			return err
		}
	case ledger.Matched:
		e.Flag = flagText(e, c)
	case ledger.Trashed, ledger.Removed:
		return nil
	}
	e.UpdatedAt = w.Now()
	return w.Engine.Update(ctx, func(tx store.Tx) error {
		if err := w.leases.Check(tx, w.lease); err != nil {
			return err
		}
		return w.records.PutEntry(tx, e)
	})
}

// follow changes or trashes the draft of a recorded entry.
func (w *work) follow(ctx context.Context, e ledger.Entry, c change) (ledger.Entry, error) {
	t, err := w.book.Transaction(ctx, w.BookID, e.TransactionID)
	switch {
	case errs.Is(err, errs.NotFound):
		e.Flag = flagText(e, c)
		return e, nil
	case err != nil:
		return e, fmt.Errorf("reading the draft: %w", err)
	case t.Trashed:
		e.State = ledger.Trashed
		return e, nil
	case !e.Written.Same(t):
		e.Flag = flagText(e, c)
		return e, nil
	case c.removed:
		_, err = w.book.Trash(ctx, w.BookID, bkper.Transaction{ID: t.ID})
		if err == nil {
			e.State = ledger.Removed
		}
	default:
		updated := t
		updated.Date, updated.Amount = e.Row.Date, bkper.AmountOf(e.Row.Amount.Number())
		updated.Description, updated.Draft = describe(e.Row), true
		updated.Properties = properties(e)
		if e.Written.Reason != "" {
			updated.Properties[complete.ReasonProperty] = e.Written.Reason
		}
		setSides(&updated, e.AccountID, counterOf(t, e.AccountID), e.Row.Amount.Sign() < 0)
		t, err = w.book.UpdateTransaction(ctx, w.BookID, updated)
		if err == nil {
			e.Written = ledger.WrittenOf(t, e.Written.Reason)
		}
	}
	if refusesItem(err) {
		e.Flag = flagText(e, c) + " The book refused the change: " + errs.Public(err)
		return e, nil
	}
	if err != nil {
		return e, fmt.Errorf("changing the draft: %w", err)
	}
	return e, nil
}

func counterOf(t bkper.Transaction, account string) string {
	for _, a := range []*bkper.Account{t.CreditAccount, t.DebitAccount} {
		if a != nil && a.ID != account {
			return a.ID
		}
	}
	return ""
}

func flagText(e ledger.Entry, c change) string {
	if c.removed {
		return "The bank withdrew this transaction. It was touched in the book, so it was left as it is."
	}
	return fmt.Sprintf("The bank now says %s, %s, %q. It was touched in the book, so it was left as it is.",
		e.Row.Date, e.Row.Amount, e.Row.Description)
}
