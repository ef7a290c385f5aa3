package bookevents

import (
	"context"
	"fmt"
	"slices"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// transaction follows what happened to a transaction of the book.
func (h *Handler) transaction(ctx context.Context, e bkper.Event, book Book) (bkper.EventResponse, error) {
	op, err := e.Transaction()
	if err != nil {
		return nothing(), err
	}
	known, err := h.known(ctx, e.BookID, op.Transaction)
	if err != nil || !known.concerns(op.Transaction) {
		return nothing(), err
	}
	now, err := h.current(ctx, book, e.BookID, op.Transaction, known)
	if err != nil {
		return nothing(), err
	}
	if known.found {
		if known.entry, err = h.follow(ctx, known.entry, now); err != nil {
			return nothing(), err
		}
	}
	lessons, forget, err := h.lessons(ctx, e, book, now, known)
	if now.ID != op.Transaction.ID {
		forget = append(forget, complete.LessonIDs(op.Transaction.ID)...)
	}
	if err != nil || len(lessons)+len(forget) == 0 {
		return nothing(), err
	}
	changed, err := h.Completer.Teach(ctx, e.BookID, lessons, forget)
	if err != nil || !changed {
		return nothing(), err
	}
	done, err := h.Completer.Reexamine(ctx, book, e.BookID)
	return say(complete.Summary(done)), err
}

// known is what the app knows of a transaction before it reads it.
type known struct {
	entry    ledger.Entry
	found    bool
	accounts []string // of the book, that integrations record into
}

func (h *Handler) known(ctx context.Context, bookID string, t bkper.Transaction) (known, error) {
	records := ledger.All()
	var k known
	err := h.Engine.View(ctx, func(tx store.Tx) error {
		k = known{}
		var err error
		if k.entry, k.found, err = records.FindEntry(tx, bookID, t.ID, slices.Clone(t.RemoteIDs)); err != nil {
			return err
		}
		integrations, err := records.IntegrationsOfBook(tx, bookID)
		for _, i := range integrations {
			k.accounts = append(k.accounts, i.AccountID)
		}
		return err
	})
	if err != nil {
		return k, fmt.Errorf("looking for transaction %s in the ledger: %w", t.ID, err)
	}
	return k, nil
}

// concerns reports whether a transaction is ours, or moves an account that a
// bank feeds.
func (k known) concerns(t bkper.Transaction) bool { return k.found || k.feeds(t) }

func (k known) feeds(t bkper.Transaction) bool {
	for _, a := range []*bkper.Account{t.CreditAccount, t.DebitAccount} {
		if a != nil && slices.Contains(k.accounts, a.ID) {
			return true
		}
	}
	return false
}

// current reads the transaction as it stands now. A merge leaves the original
// in the trash and moves its remote ids to another: then that one counts. One
// that the book has no more is as good as trashed.
func (h *Handler) current(ctx context.Context, book Book, bookID string, t bkper.Transaction, k known) (bkper.Transaction, error) {
	now, err := book.Transaction(ctx, bookID, t.ID)
	switch {
	case errs.Is(err, errs.NotFound):
		now = t
		now.Trashed = true
	case err != nil:
		return now, fmt.Errorf("reading transaction %s: %w", t.ID, err)
	}
	if !now.Trashed || !k.found || k.entry.State == ledger.Matched {
		return now, nil
	}
	same, err := book.FindRemoteID(ctx, bookID, k.entry.RemoteID)
	if err != nil {
		return now, fmt.Errorf("looking for where transaction %s went: %w", t.ID, err)
	}
	if len(same) > 0 && !same[0].Trashed {
		return same[0], nil
	}
	return now, nil
}

// follow lets the entry say what the book says.
func (h *Handler) follow(ctx context.Context, e ledger.Entry, t bkper.Transaction) (ledger.Entry, error) {
	records := ledger.All()
	err := h.Engine.Update(ctx, func(tx store.Tx) error {
		now, found, err := records.Entries.Find(tx, e.Key())
		if err != nil || !found {
			return err
		}
		e = now
		switch {
		case t.Trashed && e.State != ledger.Removed:
			// A tombstone: never recorded again, whatever the bank reports.
			e.State = ledger.Trashed
		case !t.Trashed && (e.State == ledger.Trashed || e.State == ledger.Removed):
			e.State = ledger.Recorded
		}
		e.TransactionID = t.ID
		e.Touched = e.Touched || !t.Trashed && e.Written != nil && !e.Written.Same(t)
		e.UpdatedAt = h.Now()
		return records.PutEntry(tx, e)
	})
	if err != nil {
		return e, fmt.Errorf("following transaction %s: %w", t.ID, err)
	}
	return e, nil
}

// lessons says what a transaction teaches now, and which lessons it takes back.
// It teaches when a person has chosen its counter account, or has posted what
// the app had filled in.
func (h *Handler) lessons(ctx context.Context, e bkper.Event, book Book, t bkper.Transaction, k known) (lessons []ledger.Lesson, forget []string, err error) {
	if t.Trashed {
		return nil, complete.LessonIDs(t.ID), nil
	}
	if e.Agent.ID == BkperAgent || !t.Posted && !k.found {
		return nil, nil, nil
	}
	if t.CreditAccount == nil || t.DebitAccount == nil {
		return nil, complete.LessonIDs(t.ID), nil
	}
	if k.found && !t.Posted && k.entry.Written != nil && filledByUs(*k.entry.Written, t) {
		return nil, nil, nil
	}
	chart, err := h.Completer.Chart(ctx, book, e.BookID)
	if err != nil {
		return nil, nil, err
	}
	lessons = complete.LessonsOf(t, chart)
	if k.found {
		lessons = complete.WithRow(lessons, k.entry.AccountID, k.entry.Row)
	}
	return lessons, stale(t.ID, lessons), nil
}

// filledByUs reports whether both accounts are those that the app has written.
func filledByUs(w ledger.Written, t bkper.Transaction) bool {
	return w.From == t.CreditAccount.ID && w.To == t.DebitAccount.ID
}

// stale are the lessons that a transaction gave before and gives no more.
func stale(transactionID string, lessons []ledger.Lesson) []string {
	return slices.DeleteFunc(complete.LessonIDs(transactionID), func(id string) bool {
		return slices.ContainsFunc(lessons, func(l ledger.Lesson) bool { return l.ID == id })
	})
}
