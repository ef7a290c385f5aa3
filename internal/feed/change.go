package feed

import (
	"context"
	"errors"
	"fmt"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// change is something that the bank now says differently of an entry.
type change struct {
	remoteID string
	row      bank.Transaction // what the bank says now
	removed  bool             // the bank says that it never happened
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
	case e.State == ledger.Parked && e.Problem != nil:
		line.Why = "the bank changed it, and it still waits: " + e.Problem.Sentence
	}
	return line
}

// change lets an untouched draft of ours follow the bank. What a person has
// touched is left as it is and flagged. The entry says what the bank says now
// only when that is done, so that a change cut short is found again. What was
// parked is claimed again when it is corrected, for tryCorrected.
func (w *work) change(ctx context.Context, c change) error {
	key, _ := ledger.EntryKey(w.BookID, c.remoteID)
	e, err := w.records.Entries.Load(ctx, w.Engine, key)
	if err != nil {
		return err
	}
	if (e.State == ledger.Claimed || e.State == ledger.Parked) && e.Tries > 0 {
		if _, err := w.confirm(ctx, &e); err != nil {
			return fmt.Errorf("looking for %s in the book: %w", e.RemoteID, err)
		}
		if err := w.mark(ctx, []ledger.Entry{e}); err != nil {
			return err
		}
	}
	was, from := e.Row.Amount, e.State
	if !c.removed {
		e.Row = c.row
	}
	if e.State == ledger.Recorded {
		if e, err = w.follow(ctx, e, c); err != nil {
			return err
		}
	}
	if c.removed { // before that is known to be done, so that a withdrawal cut short asks again
		if err := w.seekTakenOut(ctx, e); err != nil {
			return fmt.Errorf("looking for what was taken out for it: %w", err)
		}
	}
	var parked []ledger.Entry
	err = w.Engine.Update(ctx, func(tx store.Tx) error {
		parked = nil
		if err := w.leases.Check(tx, w.lease); err != nil {
			return err
		}
		if !c.removed { // a withdrawal was written down with the claim
			if err := w.isNews(tx); err != nil {
				return err
			}
		}
		now, err := w.records.Entries.Get(tx, key)
		if err != nil {
			return err
		}
		stays, correct, err := w.correctsOther(tx, now, c, was)
		if err != nil {
			return err
		}
		if !c.removed {
			now.Row, now.Withdrawn = c.row, false
		}
		switch now.State {
		case ledger.Parked, ledger.Claimed:
			switch {
			case c.removed:
				now.State, now.Problem = ledger.Removed, nil
			case now.State == ledger.Parked: // what the book had against it may be corrected
				parked = append(parked, now)
				now = w.claimAgain(now)
			}
		case ledger.Recorded:
			if from != ledger.Recorded { // who brought it back works on another account
				return &errs.Error{Code: errs.Unavailable, Err: fmt.Errorf("%s came back into the book meanwhile", e.RemoteID)}
			}
			now.State, now.Written, now.Flag = e.State, e.Written.Settled(), e.Flag
		case ledger.Matched:
			now.Flag = flagText(now, c)
		case ledger.Merged:
			if c.removed || !was.Equal(c.row.Amount) {
				now.Flag = flagText(now, c)
			}
		case ledger.Trashed, ledger.Removed, ledger.Undoing, ledger.Undone:
		}
		now.UpdatedAt = w.Now()
		if correct {
			stays.Flag, stays.UpdatedAt = otherSays(now, c), w.Now()
			if err := w.records.PutEntry(tx, stays); err != nil {
				return err
			}
		}
		return w.records.PutEntry(tx, now)
	})
	w.corrected = append(w.corrected, parked...)
	return err
}

// tryCorrected records entries that were parked and that the bank has corrected,
// and returns them as they were. Should it be cut short, they are claims that
// somebody takes up.
func (w *work) tryCorrected(ctx context.Context) ([]ledger.Entry, error) {
	parked := w.corrected
	w.corrected = nil
	if len(parked) == 0 {
		return nil, nil
	}
	var open []ledger.Entry
	err := w.Engine.View(ctx, func(tx store.Tx) error {
		open = nil
		for _, e := range parked {
			now, err := w.records.Entries.Get(tx, e.Key())
			if err != nil {
				return err
			}
			if now.State == ledger.Claimed {
				open = append(open, now)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = w.settle(ctx, open)
	return parked, errors.Join(err, w.recount(ctx, parked))
}

// correctsOther returns the entry that stands in the book for another, which a
// person said to be the same, and whether what the bank now says of the other
// puts it into doubt.
func (w *work) correctsOther(tx store.Tx, e ledger.Entry, c change, was money.Amount) (stays ledger.Entry, correct bool, err error) {
	if e.Same == "" {
		return stays, false, nil
	}
	stays, found, err := w.entryIn(tx, e.BookID, e.Same)
	return stays, found && mayStandForMore(stays) && (c.removed || !c.row.Amount.Equal(was) && !c.row.Amount.Equal(stays.Row.Amount)), err
}

// follow changes or trashes the draft of a recorded entry, whose row is what
// the bank says now.
func (w *work) follow(ctx context.Context, e ledger.Entry, c change) (ledger.Entry, error) {
	t, err := w.book.Transaction(ctx, w.BookID, e.TransactionID)
	switch {
	case errs.Is(err, errs.NotFound):
		return refused(e, c, err), nil
	case err != nil:
		return e, fmt.Errorf("reading the draft: %w", err)
	case t.Trashed && c.removed && e.Withdrawn:
		e.State = ledger.Removed // by us, whose reply was lost
		return e, nil
	case t.Trashed:
		e.State = ledger.Trashed
		return e, nil
	case !c.removed && !e.Touched && saysOnly(t, e):
		e.Written, e.Flag = ledger.WrittenOf(t, t.Properties[complete.ReasonProperty]), ""
		return e, nil
	case !c.removed && e.Touched && says(t, e):
		e.Flag = "" // there is nothing to tell
		return e, nil
	case e.Touched || !e.Written.Alone(t):
		e.Flag = flagText(e, c)
		return e, nil
	case e.Pair != "" && (c.removed || e.Written.Amount != string(bkper.AmountOf(e.Row.Amount.Number()))):
		// Joined a moment ago: the next try parts it first.
		return e, &errs.Error{Code: errs.Unavailable, Err: fmt.Errorf("%s stands for a transfer", e.RemoteID)}
	case c.removed:
		_, err = w.book.Trash(ctx, w.BookID, bkper.Transaction{ID: t.ID})
		if err == nil {
			e.State, e.Flag = ledger.Removed, ""
		}
	default:
		updated := t
		updated.Date, updated.Amount = e.Row.Date, bkper.AmountOf(e.Row.Amount.Number())
		updated.Description, updated.Draft = describe(e.Row), true
		updated.Properties = properties(e)
		if e.Written.Rule != "" { // what the person's rule gave stays
			for key, value := range t.Properties {
				if _, ours := updated.Properties[key]; !ours {
					updated.Properties[key] = value
				}
			}
			before := bank.Transaction{Description: t.Properties[complete.BankTextProperty], Counterparty: e.Row.Counterparty}
			if t.Description != describe(before) {
				updated.Description = t.Description
			}
		}
		if e.Written.Reason != "" {
			updated.Properties[complete.ReasonProperty] = e.Written.Reason
			if look := t.Properties[ledger.LookProperty]; look != "" {
				updated.Properties[ledger.LookProperty] = look
			}
		}
		setSides(&updated, e.AccountID, counterOf(t, e.AccountID), e.Row.Amount.Sign() < 0)
		if !e.Written.IsAbout(updated) {
			e.Written = e.Written.About(t, updated)
			if err := w.intendChange(ctx, e); err != nil {
				return e, err
			}
			return w.follow(ctx, e, c) // a person may have come before it
		}
		t, err = w.book.UpdateTransaction(ctx, w.BookID, updated)
		if err == nil {
			e.Written, e.Flag = ledger.WrittenOf(t, e.Written.Reason), ""
		}
	}
	if refusesItem(err) || refusesAll(err) {
		return refused(e, c, err), nil
	}
	if err != nil {
		return e, fmt.Errorf("changing the draft: %w", err)
	}
	return e, nil
}

// intendChange writes down what the draft of an entry is about to be changed to.
func (w *work) intendChange(ctx context.Context, e ledger.Entry) error {
	err := w.Engine.Update(ctx, func(tx store.Tx) error {
		if err := w.leases.Check(tx, w.lease); err != nil {
			return err
		}
		if err := w.isNews(tx); err != nil {
			return err
		}
		now, err := w.records.Entries.Get(tx, e.Key())
		if err != nil {
			return err
		}
		now.Written, now.UpdatedAt = e.Written, w.Now()
		return w.records.PutEntry(tx, now)
	})
	if err != nil {
		return fmt.Errorf("writing down how the draft is about to change: %w", err)
	}
	return nil
}

// isBehind reports whether the draft of an entry does not say what the bank
// says, or may not.
func isBehind(e ledger.Entry) bool {
	return e.State == ledger.Recorded && (e.Written == nil || e.Written.InDoubt() || e.Written.Date != e.Row.Date ||
		e.Written.Amount != string(bkper.AmountOf(e.Row.Amount.Number())) || e.Written.Rule == "" && e.Written.Description != describe(e.Row))
}

// refused flags an entry whose draft the book does not let follow.
func refused(e ledger.Entry, c change, err error) ledger.Entry {
	e.Flag = flagText(e, c)
	if !errs.Is(err, errs.NotFound) {
		e.Flag = bankSays(e, c) + " The book refused the change: " + errs.Public(err)
	}
	return e
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
	return bankSays(e, c) + " It was touched in the book, so it was left as it is."
}

// otherSays flags the entry that stands in the book for one that was taken out.
func otherSays(e ledger.Entry, c change) string {
	if c.removed {
		return fmt.Sprintf("The bank withdrew %s, %s, %q, which a person said to be this one.", e.Row.Date, e.Row.Amount, e.Row.Description)
	}
	return fmt.Sprintf("The bank now says %s, %s, %q of what a person said to be this one.", e.Row.Date, e.Row.Amount, e.Row.Description)
}

func bankSays(e ledger.Entry, c change) string {
	if c.removed {
		return "The bank withdrew this transaction."
	}
	return fmt.Sprintf("The bank now says %s, %s, %q.", e.Row.Date, e.Row.Amount, e.Row.Description)
}
