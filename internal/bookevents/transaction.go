package bookevents

import (
	"context"
	"fmt"
	"maps"
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
	told := op.Transaction
	k, err := h.known(ctx, e.BookID, told)
	if err != nil || !k.concerns(e.Type, told) {
		return nothing(), err
	}
	now, err := h.current(ctx, book, e.BookID, told)
	if err != nil {
		return nothing(), err
	}
	if now, err = h.giveBack(ctx, book, e, told, now, k); err != nil {
		return nothing(), err
	}
	var gone []string
	if now.Trashed {
		survivor, merged, err := h.survivor(ctx, book, e.BookID, now, k)
		if err != nil {
			return nothing(), err
		}
		if merged {
			gone = complete.LessonIDs(now.ID)
			now = survivor
			if k, err = h.known(ctx, e.BookID, now); err != nil {
				return nothing(), err
			}
		}
	}
	if err := h.follow(ctx, k.entries, now, isDeletedBy(e, now)); err != nil {
		return nothing(), err
	}
	lessons, forget, err := h.lessons(ctx, e, book, now, k)
	if err != nil {
		return nothing(), err
	}
	forget = append(forget, gone...)
	if len(lessons)+len(forget) == 0 {
		return nothing(), nil
	}
	if _, err := h.Completer.Teach(ctx, e.BookID, lessons, forget); err != nil {
		return nothing(), err
	}
	// Also when this was known already: an earlier try may have come no further.
	done, err := h.Completer.Reexamine(ctx, book, e.BookID)
	return say(complete.Summary(done)), err
}

// known is what the app knows of a transaction before it reads it.
type known struct {
	entries []ledger.Entry // after a merge, one transaction may stand for several
	taught  bool           // it has given lessons
	fed     bool           // it moves an account that a bank feeds
}

func (h *Handler) known(ctx context.Context, bookID string, t bkper.Transaction) (known, error) {
	records := ledger.All()
	var k known
	err := h.Engine.View(ctx, func(tx store.Tx) error {
		k = known{}
		for _, remoteID := range append(slices.Clone(t.RemoteIDs), "") { // "" for one that stood in the book already
			e, found, err := records.FindEntry(tx, bookID, t.ID, []string{remoteID})
			if err != nil {
				return err
			}
			if found && !slices.ContainsFunc(k.entries, func(other ledger.Entry) bool { return other.RemoteID == e.RemoteID }) {
				k.entries = append(k.entries, e)
			}
		}
		for _, id := range complete.LessonIDs(t.ID) {
			_, found, err := records.Lessons.Find(tx, store.Key(bookID, id))
			if err != nil {
				return err
			}
			k.taught = k.taught || found
		}
		integrations, err := records.IntegrationsOfBook(tx, bookID)
		for _, i := range integrations {
			k.fed = k.fed || moves(t, i.AccountID)
		}
		return err
	})
	if err != nil {
		return k, fmt.Errorf("looking for transaction %s in the ledger: %w", t.ID, err)
	}
	return k, nil
}

func moves(t bkper.Transaction, accountID string) bool {
	return t.CreditAccount != nil && t.CreditAccount.ID == accountID || t.DebitAccount != nil && t.DebitAccount.ID == accountID
}

// concerns reports whether an event is worth reading its transaction: it is
// ours, has taught something, or moves an account that a bank feeds. A draft
// that others have recorded teaches nothing before it is posted.
func (k known) concerns(what bkper.EventType, told bkper.Transaction) bool {
	switch {
	case len(k.entries) > 0 || k.taught:
		return true
	case !told.Posted && (what == bkper.TransactionCreated || what == bkper.TransactionUpdated):
		return false
	default:
		return k.fed
	}
}

// current reads the transaction as it stands now. One that the book has no more
// is as good as trashed.
func (h *Handler) current(ctx context.Context, book Book, bookID string, told bkper.Transaction) (bkper.Transaction, error) {
	now, err := book.Transaction(ctx, bookID, told.ID)
	switch {
	case errs.Is(err, errs.NotFound):
		told.Trashed = true
		return told, nil
	case err != nil:
		return now, fmt.Errorf("reading transaction %s: %w", told.ID, err)
	}
	return now, nil
}

// giveBack restores what a person wrote and the app has written over, because
// the two came at the same moment. What the app wanted to add stays where the
// person has put nothing.
func (h *Handler) giveBack(ctx context.Context, book Book, e bkper.Event, told, now bkper.Transaction, k known) (bkper.Transaction, error) {
	lost := slices.ContainsFunc(k.entries, func(entry ledger.Entry) bool {
		return entry.Written.WrittenOver(told, e.CreatedAt.Time(), now)
	})
	if !lost || now.Trashed || now.Checked || e.Agent.ID == BkperAgent {
		return now, nil
	}
	restored := now
	restored.Date, restored.Amount, restored.Description = told.Date, told.Amount, told.Description
	if told.CreditAccount != nil {
		restored.CreditAccount = told.CreditAccount
	}
	if told.DebitAccount != nil {
		restored.DebitAccount = told.DebitAccount
	}
	restored.Properties = maps.Clone(now.Properties)
	maps.Copy(restored.Properties, told.Properties)
	restored.Draft = !now.Posted
	updated, err := book.UpdateTransactions(ctx, e.BookID, []bkper.Transaction{restored}, false)
	if err != nil {
		return now, fmt.Errorf("giving back what a person wrote into transaction %s: %w", now.ID, err)
	}
	if t, ok := updated[now.ID]; ok {
		return t, nil
	}
	return now, nil
}

// survivor returns the transaction that a trashed one was merged into: a merge
// leaves the originals in the trash and gives their remote ids to a new one.
func (h *Handler) survivor(ctx context.Context, book Book, bookID string, trashed bkper.Transaction, k known) (bkper.Transaction, bool, error) {
	for _, e := range k.entries {
		if !trashed.HasRemoteID(e.RemoteID) {
			continue
		}
		same, err := book.FindRemoteID(ctx, bookID, e.RemoteID)
		if err != nil {
			return bkper.Transaction{}, false, fmt.Errorf("looking for where transaction %s went: %w", trashed.ID, err)
		}
		if len(same) > 0 && !same[0].Trashed {
			return same[0], true, nil
		}
	}
	return bkper.Transaction{}, false, nil
}

// isDeletedBy reports whether an event tells why a transaction lies in the trash:
// nothing was done to it since. Also where the app was about to trash it itself.
func isDeletedBy(e bkper.Event, now bkper.Transaction) bool {
	return e.Type == bkper.TransactionDeleted && e.Agent.ID != BkperAgent && now.Trashed && !now.UpdatedAt.Time().After(e.CreatedAt.Time())
}

// follow lets the entries of a transaction say what the book says. deleted: a
// person has put it into the trash.
func (h *Handler) follow(ctx context.Context, entries []ledger.Entry, t bkper.Transaction, deleted bool) error {
	if len(entries) == 0 {
		return nil
	}
	records := ledger.All()
	err := h.Engine.Update(ctx, func(tx store.Tx) error {
		var changed []ledger.Entry
		var notes []func() error
		for _, e := range entries {
			old, found, err := records.Entries.Find(tx, e.Key())
			if err != nil {
				return err
			}
			now := followed(old, t, deleted)
			if found && (now.State != old.State || now.TransactionID != old.TransactionID || now.Touched != old.Touched) {
				now.UpdatedAt = h.Now()
				changed = append(changed, now)
				if old.Same != now.Same {
					note, err := records.Restored(tx, old, h.Now())
					if err != nil {
						return err
					}
					notes = append(notes, note)
				}
			}
		}
		for _, e := range changed {
			if err := records.PutEntry(tx, e); err != nil {
				return err
			}
		}
		for _, note := range notes {
			if err := note(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("following transaction %s: %w", t.ID, err)
	}
	return nil
}

// followed returns the entry as its transaction stands in the book now.
func followed(e ledger.Entry, t bkper.Transaction, deleted bool) ledger.Entry {
	if e.State == ledger.Merged {
		if !t.Trashed && t.ID == e.TransactionID { // a person has restored it
			e.State, e.Touched = ledger.Recorded, true
		}
		return e // otherwise the other end says what became of it
	}
	ours := t.HasRemoteID(e.RemoteID)
	if e.Same != "" && ours { // its draft, which the app has taken out as another movement
		if !t.Trashed { // a person says that it is none
			e.Same, e.State, e.TransactionID, e.Touched, e.Flag = "", ledger.Recorded, t.ID, true, e.FlagInBook()
		}
		return e
	}
	switch {
	case t.Trashed && deleted && (e.State == ledger.Undoing || e.State == ledger.Undone):
		// A person came before the app: redoing the run does not bring it back.
		e.State = ledger.Trashed
	case t.Trashed && e.State.TrashedByUs():
	case t.Trashed:
		// A tombstone: never recorded again, whatever the bank reports.
		e.State = ledger.Trashed
	case ours && e.State == ledger.Claimed:
		// It was recorded, no answer came, and somebody has changed it since.
		e.State, e.Touched = ledger.Recorded, true
	case e.State == ledger.Trashed || e.State == ledger.Removed || e.State == ledger.Undone:
		e.State, e.Touched, e.Flag = ledger.Matched, true, e.FlagInBook() // a person wants it
		if ours {
			e.State = ledger.Recorded
		}
	}
	e.TransactionID = t.ID
	e.Touched = e.Touched || !t.Trashed && e.Written != nil && !e.Written.Same(t)
	return e
}

// lessons says what a transaction teaches now, and which lessons it takes back.
// It teaches when a person has chosen its counter account, or has posted what
// the app had filled in.
func (h *Handler) lessons(ctx context.Context, e bkper.Event, book Book, t bkper.Transaction, k known) (lessons []ledger.Lesson, forget []string, err error) {
	switch {
	case t.Trashed:
		return nil, complete.LessonIDs(t.ID), nil
	case e.Agent.ID == BkperAgent || !t.Posted && len(k.entries) == 0:
		return nil, nil, nil
	case t.CreditAccount == nil || t.DebitAccount == nil || !t.Posted && filledByUs(k.entries, t):
		return nil, complete.LessonIDs(t.ID), nil
	}
	chart, err := h.Completer.Chart(ctx, book, e.BookID, t.CreditAccount.ID, t.DebitAccount.ID)
	if err != nil {
		return nil, nil, err
	}
	lessons = complete.LessonsOf(t, chart)
	for _, entry := range k.entries {
		lessons = complete.WithRow(lessons, entry.AccountID, entry.Row)
	}
	return lessons, stale(t.ID, lessons), nil
}

// filledByUs reports whether both accounts are those that the app has written.
func filledByUs(entries []ledger.Entry, t bkper.Transaction) bool {
	return slices.ContainsFunc(entries, func(e ledger.Entry) bool {
		return e.Written != nil && e.Written.From == t.CreditAccount.ID && e.Written.To == t.DebitAccount.ID
	})
}

// stale are the lessons that a transaction gave before and gives no more.
func stale(transactionID string, lessons []ledger.Lesson) []string {
	return slices.DeleteFunc(complete.LessonIDs(transactionID), func(id string) bool {
		return slices.ContainsFunc(lessons, func(l ledger.Lesson) bool { return l.ID == id })
	})
}
