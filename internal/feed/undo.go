package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/store"
)

type undoMessage struct {
	BookID string `json:"bookId"`
	Run    string `json:"run"` // key of the run's record
	UserID string `json:"userId"`
	Back   bool   `json:"back,omitempty"` // bring back what was undone
}

// Undo asks to take out of the book what a run has recorded and nobody has
// touched. The ledger remembers it as undone: it is not recorded again, whatever
// the bank reports, until Redo asks for it.
func (s *Service) Undo(ctx context.Context, run ledger.Run, userID string) error {
	return s.askUndo(ctx, run, userID, false)
}

// Redo asks to bring back what Undo took out.
func (s *Service) Redo(ctx context.Context, run ledger.Run, userID string) error {
	return s.askUndo(ctx, run, userID, true)
}

func (s *Service) askUndo(ctx context.Context, run ledger.Run, userID string, back bool) error {
	m := undoMessage{BookID: run.BookID, Run: run.Key(), UserID: userID, Back: back}
	return s.publish(ctx, "undo:"+run.ID+":"+s.NewID(), accountKey(run.BookID, run.AccountID), kindUndo, m)
}

func (s *Service) undo(ctx context.Context, d queue.Delivery, m undoMessage) error {
	var run ledger.Run
	found := false
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		var err error
		run, found, err = s.records.Runs.Find(tx, m.Run)
		return err
	})
	if err != nil || !found {
		return err
	}
	if err := s.partRun(ctx, run); err != nil {
		return err
	}
	t := target{BookID: run.BookID, AccountID: run.AccountID, Integration: run.Integration, UserID: m.UserID}
	lease, err := s.leases.Acquire(ctx, t.key(), d.ID, leaseTime)
	if err != nil {
		return busy(err)
	}
	defer s.release(ctx, lease)
	w := &work{Service: s, target: t, lease: lease, book: s.Books.For(m.UserID)}

	do := w.takeOut
	if m.Back {
		do = w.bringBack
	}
	entries, err := s.entriesOf(ctx, run)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(entries, batchSize) {
		if err := do(ctx, part); err != nil {
			return fmt.Errorf("run %s: %w", run.ID, err)
		}
	}
	return w.closeUndo(ctx, m.Run)
}

// entriesOf returns the entries that a run has brought into the book and those
// of them that were undone.
func (s *Service) entriesOf(ctx context.Context, run ledger.Run) ([]ledger.Entry, error) {
	return s.broughtBy(ctx, run, isOfARun)
}

// isOfARun reports whether undoing a run, and redoing it, is about the entry:
// what a person knows to be another movement stays out of the book.
func isOfARun(e ledger.Entry) bool {
	return e.Same == "" && slices.Contains([]ledger.State{ledger.Recorded, ledger.Undoing, ledger.Undone}, e.State)
}

// partRun makes two transactions again of the transfers that the run has an end
// of: undoing it must not take the other end's movement out of the book.
func (s *Service) partRun(ctx context.Context, run ledger.Run) error {
	ends, err := s.broughtBy(ctx, run, func(e ledger.Entry) bool { return e.Pair != "" })
	if err != nil {
		return err
	}
	remoteIDs := make([]string, len(ends))
	for n, e := range ends {
		remoteIDs[n] = e.RemoteID
	}
	return s.part(ctx, run.BookID, remoteIDs)
}

// broughtBy returns those entries of a run that are wanted.
func (s *Service) broughtBy(ctx context.Context, run ledger.Run, wanted func(ledger.Entry) bool) ([]ledger.Entry, error) {
	if run.First.IsZero() {
		return nil, nil
	}
	all, err := s.records.Entries.All(ctx, s.Engine, ledger.EntryDays(run.BookID, run.First, run.Last))
	if err != nil {
		return nil, fmt.Errorf("reading what run %s has recorded: %w", run.ID, err)
	}
	return slices.DeleteFunc(all, func(e ledger.Entry) bool { return e.Run != run.ID || !wanted(e) }), nil
}

// takeOut trashes the untouched drafts among the entries, one by one. First the
// intention is written down, so that what it finds in the trash later is known
// to be its own doing and not a person's. For none but the one that it is about
// to trash: what another try finds to do, a person may do meanwhile.
func (w *work) takeOut(ctx context.Context, entries []ledger.Entry) error {
	var settled []ledger.Entry
	for _, e := range entries {
		if e.State == ledger.Undone || e.State == ledger.Recorded && (e.Touched || e.Pair != "") {
			continue
		}
		t, err := w.book.Transaction(ctx, w.BookID, e.TransactionID)
		switch {
		case errs.Is(err, errs.NotFound) && e.State != ledger.Undoing: // not there to be taken out
		case err != nil && !errs.Is(err, errs.NotFound):
			return errors.Join(fmt.Errorf("reading transaction %s: %w", e.TransactionID, err), w.keep(ctx, settled))
		case e.State == ledger.Undoing && (err != nil || t.Trashed):
			e.State, e.TrashedAt = ledger.Undone, t.UpdatedAt.Time()
			settled = append(settled, e)
		case e.Written.Alone(t):
			e, err = w.trash(ctx, e)
			settled = append(settled, e)
			if err != nil {
				return errors.Join(err, w.keep(ctx, settled))
			}
		case e.State == ledger.Undoing:
			e.State, e.Touched = ledger.Recorded, true
			if e.Withdrawn || isBehind(e) { // what the bank said while it was going, nobody was told
				e.Flag = flagText(e, change{row: e.Row, removed: e.Withdrawn})
			}
			settled = append(settled, e)
		}
	}
	return w.keep(ctx, settled)
}

// trash takes one draft out of the book and returns what became of its entry.
func (w *work) trash(ctx context.Context, e ledger.Entry) (ledger.Entry, error) {
	was := e.State
	e.State, e.TrashedAt = ledger.Undoing, time.Time{}
	if err := w.keep(ctx, []ledger.Entry{e}); err != nil {
		return e, err
	}
	t, err := w.book.Trash(ctx, w.BookID, bkper.Transaction{ID: e.TransactionID})
	switch {
	case err == nil:
		e.State, e.TrashedAt = ledger.Undone, t.UpdatedAt.Time()
		return e, nil
	case refusesItem(err):
		e.State = ledger.Recorded
		e.Flag = "It could not be undone: " + errs.Public(err)
		return e, nil
	case bkper.OutcomeOf(err) == bkper.NotDone:
		e.State = was
	}
	return e, fmt.Errorf("trashing transaction %s: %w", e.TransactionID, err)
}

// bringBack restores what was undone; what the trash holds no more is recorded
// again.
func (w *work) bringBack(ctx context.Context, entries []ledger.Entry) error {
	var back []ledger.Entry
	var again []ledger.Entry
	var behind []ledger.Entry // what the bank has changed meanwhile
	for _, e := range entries {
		if isToGo(e) || !e.Touched && isBehind(e) {
			behind = append(behind, e) // an earlier try came no further
		}
		if e.State != ledger.Undone || e.Withdrawn { // the bank has taken it back meanwhile
			continue
		}
		t, err := w.book.Transaction(ctx, w.BookID, e.TransactionID)
		if err == nil && t.Trashed && !e.TrashedAt.IsZero() && t.UpdatedAt.Time().After(e.TrashedAt) {
			// It was out of the trash meanwhile, perhaps by an earlier try, and a
			// person has put it there again.
			e.State = ledger.Trashed
			back = append(back, e)
			continue
		}
		if err == nil && t.Trashed {
			t, err = w.book.Restore(ctx, w.BookID, bkper.Transaction{ID: e.TransactionID})
		}
		switch {
		case errs.Is(err, errs.NotFound):
			again = append(again, w.claimAgain(e))
			continue
		case refusesItem(err):
			e.Flag = "It could not be brought back: " + errs.Public(err)
		case err != nil:
			return fmt.Errorf("restoring transaction %s: %w", e.TransactionID, err)
		default:
			e.State, e.Touched = ledger.Recorded, !e.Written.Same(t)
		}
		back = append(back, e)
	}
	if err := w.keep(ctx, append(back, again...)); err != nil {
		return err
	}
	back, err := w.asTheyAre(ctx, back)
	if err != nil {
		return err
	}
	for _, e := range back { // while they came back, what the bank said concerned nobody
		if isToGo(e) || isBehind(e) {
			behind = append(behind, e)
		}
	}
	for _, e := range behind {
		if err := w.change(ctx, change{remoteID: e.RemoteID, row: e.Row, removed: e.Withdrawn}); err != nil {
			return fmt.Errorf("following a change at the bank: %w", err)
		}
	}
	return w.settle(ctx, again)
}

// isToGo reports whether an entry stands in the book, and the bank has withdrawn
// it, and neither was it taken out nor anybody told.
func isToGo(e ledger.Entry) bool {
	return e.State == ledger.Recorded && e.Withdrawn && !withdrawn(e)
}

// asTheyAre returns entries as the ledger has them by now.
func (w *work) asTheyAre(ctx context.Context, entries []ledger.Entry) ([]ledger.Entry, error) {
	now := make([]ledger.Entry, len(entries))
	err := w.Engine.View(ctx, func(tx store.Tx) (err error) {
		for n, e := range entries {
			if now[n], err = w.records.Entries.Get(tx, e.Key()); err != nil {
				return fmt.Errorf("reading entry %s: %w", e.RemoteID, err)
			}
		}
		return nil
	})
	return now, err
}

// keep writes entries down, unless a person's doing has changed their state
// meanwhile.
func (w *work) keep(ctx context.Context, entries []ledger.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return w.Engine.Update(ctx, func(tx store.Tx) error {
		if err := w.leases.Check(tx, w.lease); err != nil {
			return err
		}
		var puts []ledger.Entry
		for _, e := range entries {
			now, err := w.records.Entries.Get(tx, e.Key())
			if err != nil {
				return err
			}
			if now.State == ledger.Trashed {
				continue
			}
			now.State, now.Flag, now.Touched, now.Tries = e.State, e.Flag, now.Touched || e.Touched, e.Tries
			now.TrashedAt, now.UpdatedAt = e.TrashedAt, w.Now()
			puts = append(puts, now)
		}
		for _, e := range puts {
			if err := w.records.PutEntry(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// closeUndo notes in the run how many of its entries are undone.
func (w *work) closeUndo(ctx context.Context, key string) error {
	run, err := w.records.Runs.Load(ctx, w.Engine, key)
	if err != nil {
		return err
	}
	entries, err := w.Service.entriesOf(ctx, run)
	if err != nil {
		return err
	}
	undone := 0
	for _, e := range entries {
		if e.State == ledger.Undone {
			undone++
		}
	}
	return w.records.Runs.Update(ctx, w.Engine, key, func(run ledger.Run) (ledger.Run, error) {
		run.Undone = undone
		return run, nil
	})
}
