package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// staleRun is the age from which an unfinished run is taken for cut short: its
// messages have had their tries by then, or are lost.
const staleRun = 3 * time.Hour

// Sweep finds what is older than it should be, so that nothing depends on a
// message arriving: claims that nobody confirmed are looked up in the book, and
// where batches of a run are missing everything is fetched again. The clock
// calls it now and then.
func (s *Service) Sweep(ctx context.Context) error {
	books, runs, err := s.overdue(ctx)
	if err != nil {
		return fmt.Errorf("looking for what is overdue: %w", err)
	}
	var failed []error
	for bookID := range books {
		failed = append(failed, s.publish(ctx, "sweep:"+bookID+":"+s.NewID(), bookKey(bookID), kindRetry, retryMessage{BookID: bookID, Claims: true}))
	}
	for _, run := range runs {
		failed = append(failed, s.fetchAgain(ctx, run.Key()))
	}
	return errors.Join(failed...)
}

// overdue returns the books with stale claims and the runs that were cut short.
func (s *Service) overdue(ctx context.Context) (books map[string]bool, cut []ledger.Run, err error) {
	now := s.Now()
	err = s.Engine.View(ctx, func(tx store.Tx) error {
		books, cut = make(map[string]bool), nil
		err := s.records.Work.Scan(tx, store.Below(string(ledger.ToConfirm)), func(key string, ref ledger.Ref) (bool, error) {
			bookID := store.Parts(key)[1]
			if books[bookID] {
				return true, nil
			}
			entryKey, _ := ledger.EntryKey(bookID, ref.RemoteID)
			e, found, err := s.records.Entries.Find(tx, entryKey)
			if found && e.State == ledger.Claimed && s.mayRetry(e) {
				books[bookID] = true
			}
			return true, err
		})
		if err != nil {
			return err
		}
		var known []string
		err = s.records.Integrations.Scan(tx, store.Span{}, func(key string, _ ledger.Integration) (bool, error) {
			if bookID := store.Parts(key)[0]; len(known) == 0 || known[len(known)-1] != bookID {
				known = append(known, bookID)
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		for _, bookID := range known {
			recent := store.Below(bookID)
			recent.Limit = mostRunsSwept
			err := s.records.Runs.Scan(tx, recent, func(_ string, run ledger.Run) (bool, error) {
				if run.FinishedAt.IsZero() && run.Kind == ledger.SyncRun && now.Sub(run.StartedAt) > staleRun {
					cut = append(cut, run)
				}
				return true, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return books, cut, err
}

// mostRunsSwept is how many of a book's newest runs are looked at.
const mostRunsSwept = 200

// fetchAgain lets the bank tell everything again, and what it has withdrawn since
// before a run: what a lost message carried is new to the ledger, all else is
// known. The messages of the run, and of others that are under way, do nothing
// any more: what they bring is told again too.
func (s *Service) fetchAgain(ctx context.Context, run string) error {
	connection := ""
	err := s.Engine.Update(ctx, func(tx store.Tx) error {
		connection = ""
		now, found, err := s.records.Runs.Find(tx, run)
		if err != nil || !found || !now.FinishedAt.IsZero() {
			return err
		}
		i, integrated, err := s.records.Integrations.Find(tx, store.Key(now.BookID, now.Integration))
		if err != nil {
			return err
		}
		cut, err := s.unfinished(tx, now, i.ConnectionID)
		if err != nil {
			return err
		}
		var c ledger.Connection
		connected := false
		if integrated { // else nobody wants its rows any more
			c, connected, err = s.records.Connections.Find(tx, store.Key(i.ConnectionID))
			if err != nil {
				return err
			}
		}
		for _, r := range cut {
			if connected && r.Connection == c.ID && len(r.From) > 0 {
				c.State = r.From // the oldest is the last
			}
			r.FinishedAt, r.Interrupted = s.Now(), true
			if err := s.records.Runs.Put(tx, r.Key(), r); err != nil {
				return err
			}
		}
		if !integrated {
			return nil
		}
		connection = i.ConnectionID
		if connected {
			if err := s.records.Connections.Put(tx, store.Key(c.ID), c); err != nil {
				return err
			}
		}
		i.Resync++
		return s.records.PutIntegration(tx, i)
	})
	if err != nil || connection == "" {
		return err
	}
	return s.Sync(ctx, connection)
}

// unfinished returns a run and those of the same integration or connection that
// are under way too, the newest first. A connection has one state for all its
// accounts: were those of another account left, giving them up later would move
// it on again, behind what this one has lost.
func (s *Service) unfinished(tx store.Tx, run ledger.Run, connection string) ([]ledger.Run, error) {
	books := []string{run.BookID}
	if connection != "" {
		fed, err := s.records.IntegrationsOfConnection(tx, connection)
		if err != nil {
			return nil, err
		}
		for _, i := range fed {
			books = append(books, i.BookID)
		}
	}
	slices.Sort(books)
	var all []ledger.Run
	for _, book := range slices.Compact(books) {
		span := store.Below(book)
		span.Limit = mostRunsSwept
		err := s.records.Runs.Scan(tx, span, func(_ string, r ledger.Run) (bool, error) {
			if r.Kind == ledger.SyncRun && r.FinishedAt.IsZero() && (r.Integration == run.Integration || connection != "" && r.Connection == connection) {
				all = append(all, r)
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	if !slices.ContainsFunc(all, func(r ledger.Run) bool { return r.ID == run.ID }) {
		all = append(all, run) // an older one
	}
	slices.SortStableFunc(all, func(a, b ledger.Run) int { return b.StartedAt.Compare(a.StartedAt) })
	return all, nil
}
