package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// staleClaim is the age from which a claim is taken up by a retry: its message
// has had its tries by then, or is lost.
const staleClaim = 15 * time.Minute

const mostRetried = 5000 // entries of one retry

type retryMessage struct {
	BookID string `json:"bookId"`
	Claims bool   `json:"claims,omitempty"` // stale claims only, nothing that is parked
}

// RetryParked tries again what the book has refused, and goes on with
// integrations that had stopped for that. It returns how many entries are
// parked now.
func (s *Service) RetryParked(ctx context.Context, bookID string) (int, error) {
	resumed, err := s.resume(ctx, bookID)
	if err != nil {
		return 0, fmt.Errorf("resuming integrations of book %s: %w", bookID, err)
	}
	waiting, err := s.waiting(ctx, bookID)
	if err != nil {
		return 0, err
	}
	if len(waiting) > 0 {
		if err := s.publish(ctx, "retry:"+bookID+":"+s.NewID(), bookKey(bookID), kindRetry, retryMessage{BookID: bookID}); err != nil {
			return 0, err
		}
	}
	var failed []error
	for _, connection := range resumed {
		failed = append(failed, s.Sync(ctx, connection))
	}
	return len(waiting), errors.Join(failed...)
}

// retryOpened tries again what is parked if the book would take some of it by
// now: it was unlocked, its account is back, or the user was let in again.
func (s *Service) retryOpened(ctx context.Context, bookID string) error {
	shut, err := s.shutOut(ctx, bookID)
	if err != nil {
		return err
	}
	for _, user := range slices.Sorted(maps.Keys(shut)) {
		s.Completer.ForgetChart(bookID)
		chart, err := s.Completer.Chart(ctx, s.Books.For(user), bookID)
		if refusesAll(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("looking what book %s takes by now: %w", bookID, err)
		}
		if slices.ContainsFunc(shut[user], func(e ledger.Entry) bool { return recordable(chart, e.AccountID) == nil && fits(e, chart.Book) == nil }) {
			_, err := s.RetryParked(ctx, bookID)
			return err
		}
	}
	return nil
}

// shutOut returns the entries that are parked for a reason that whoever reads the
// book sees, by the user on whose behalf they would be recorded, and with the
// account that they would go to.
func (s *Service) shutOut(ctx context.Context, bookID string) (map[string][]ledger.Entry, error) {
	waiting, err := s.waiting(ctx, bookID)
	if err != nil {
		return nil, err
	}
	var shut map[string][]ledger.Entry
	err = s.Engine.View(ctx, func(tx store.Tx) error {
		shut = make(map[string][]ledger.Entry)
		for _, e := range waiting {
			if e.State != ledger.Parked || e.Problem == nil || !showsInBook(*e.Problem) {
				continue
			}
			to, _, err := s.retarget(tx, target{BookID: bookID, AccountID: e.AccountID, Integration: e.Integration, UserID: e.UserID})
			if err != nil {
				return err
			}
			e.AccountID = to.AccountID
			shut[to.UserID] = append(shut[to.UserID], e)
		}
		return nil
	})
	return shut, err
}

// showsInBook reports whether it can be seen in the book that a problem is no more,
// without trying to record. A lock that the book does not show cannot: each day
// every row would be tried alone.
func showsInBook(p ledger.Problem) bool {
	switch p.Code {
	case errs.Locked:
		return !p.Lock.IsZero()
	case errs.LostAccess, errs.Unauthenticated, errs.NotFound:
		return true
	default:
		return false
	}
}

// resume lets integrations go on that had stopped because of the book, and
// returns their connections. If the reason stands, they stop again.
func (s *Service) resume(ctx context.Context, bookID string) ([]string, error) {
	s.Completer.ForgetChart(bookID)
	var connections []string
	err := s.Engine.Update(ctx, func(tx store.Tx) error {
		connections = nil
		all, err := s.records.IntegrationsOfBook(tx, bookID)
		if err != nil {
			return err
		}
		for _, i := range all {
			if i.Stopped == nil || !stoppedByBook(i.Stopped.Code) {
				continue
			}
			i.Stopped = nil
			connections = append(connections, i.ConnectionID)
			if err := s.records.PutIntegration(tx, i); err != nil {
				return err
			}
		}
		return nil
	})
	slices.Sort(connections)
	return slices.Compact(connections), err
}

func stoppedByBook(code errs.Code) bool {
	switch code {
	case errs.LostAccess, errs.Forbidden, errs.Unauthenticated, errs.NotFound:
		return true
	default:
		return false
	}
}

// waiting returns the entries of a book that are parked, or claimed for so long
// that nobody works on them any more.
func (s *Service) waiting(ctx context.Context, bookID string) ([]ledger.Entry, error) {
	var entries []ledger.Entry
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		entries = nil
		var refs []string
		for _, kind := range []ledger.Work{ledger.ToUnpark, ledger.ToConfirm} {
			span := ledger.WorkOf(bookID, kind)
			span.Limit = mostRetried
			err := s.records.Work.Scan(tx, span, func(_ string, ref ledger.Ref) (bool, error) {
				refs = append(refs, ref.RemoteID)
				return true, nil
			})
			if err != nil {
				return err
			}
		}
		for _, ref := range refs {
			key, _ := ledger.EntryKey(bookID, ref)
			e, found, err := s.records.Entries.Find(tx, key)
			if err != nil {
				return err
			}
			if !found || !s.mayRetry(e) {
				continue
			}
			// Of a removed integration its person wants nothing more.
			_, wanted, err := s.retarget(tx, target{BookID: bookID, Integration: e.Integration})
			if err != nil {
				return err
			}
			if wanted {
				entries = append(entries, e)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading what waits in book %s: %w", bookID, err)
	}
	return entries, nil
}

func (s *Service) mayRetry(e ledger.Entry) bool {
	return e.State == ledger.Parked || e.State == ledger.Claimed && s.Now().Sub(e.UpdatedAt) > staleClaim
}

// retry records waiting entries, account by account.
func (s *Service) retry(ctx context.Context, d queue.Delivery, m retryMessage) error {
	entries, err := s.waiting(ctx, m.BookID)
	if err != nil {
		return err
	}
	if m.Claims {
		entries = slices.DeleteFunc(entries, func(e ledger.Entry) bool { return e.State != ledger.Claimed })
	}
	type account struct{ integration, user, account string }
	groups := make(map[account][]ledger.Entry)
	for _, e := range entries {
		a := account{e.Integration, e.UserID, e.AccountID}
		groups[a] = append(groups[a], e)
	}
	order := make([]account, 0, len(groups))
	for a := range groups {
		order = append(order, a)
	}
	slices.SortFunc(order, func(a, b account) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.integration, b.integration), cmp.Compare(a.user, b.user))
	})
	var failed []error
	for _, a := range order {
		t := target{BookID: m.BookID, AccountID: a.account, Integration: a.integration, UserID: a.user}
		failed = append(failed, s.retryAccount(ctx, d.ID, t, groups[a]))
	}
	failed = append(failed, s.seekDoublesOf(ctx, m.BookID, entries))
	return errors.Join(failed...)
}

// seekDoublesOf asks to look for doubles in the runs of those entries that were
// waiting and are recorded now.
func (s *Service) seekDoublesOf(ctx context.Context, bookID string, entries []ledger.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var runs []ledger.Run
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		runs = nil
		wanted := make(map[string]bool)
		for _, e := range entries {
			now, err := s.records.Entries.Get(tx, e.Key())
			if err != nil {
				return err
			}
			if now.State == ledger.Recorded {
				wanted[now.Run] = true
			}
		}
		if len(wanted) == 0 {
			return nil
		}
		return s.records.Runs.Scan(tx, store.Below(bookID), func(_ string, r ledger.Run) (bool, error) {
			if wanted[r.ID] {
				runs = append(runs, r)
			}
			return len(runs) < len(wanted), nil
		})
	})
	if err != nil {
		return fmt.Errorf("looking for the runs of what was tried again: %w", err)
	}
	for _, r := range runs {
		if err := s.seekDoubles(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) retryAccount(ctx context.Context, owner string, t target, entries []ledger.Entry) error {
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		var err error
		t, _, err = s.retarget(tx, t)
		return err
	})
	if err != nil {
		return err
	}
	lease, err := s.leases.Acquire(ctx, t.key(), owner, leaseTime)
	if err != nil {
		return busy(err)
	}
	defer s.release(ctx, lease)
	w := &work{Service: s, target: t, lease: lease, book: s.Books.For(t.UserID), again: true}
	for part := range slices.Chunk(entries, batchSize) {
		open, withdrawn, err := w.reclaim(ctx, part)
		if err != nil {
			return fmt.Errorf("claiming again: %w", err)
		}
		err = w.settle(ctx, open)
		for _, e := range withdrawn {
			if removeErr := w.change(ctx, change{remoteID: e.RemoteID, removed: true}); removeErr != nil {
				err = errors.Join(err, fmt.Errorf("withdrawing what the bank has withdrawn: %w", removeErr))
			}
		}
		if countErr := w.recount(ctx, part); countErr != nil {
			return countErr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reclaim turns waiting entries into claims of the account they go to now. It
// leaves those that the bank has withdrawn as they are.
func (w *work) reclaim(ctx context.Context, entries []ledger.Entry) (open, withdrawn []ledger.Entry, err error) {
	err = w.Engine.Update(ctx, func(tx store.Tx) error {
		open, withdrawn = nil, nil
		if err := w.leases.Check(tx, w.lease); err != nil {
			return err
		}
		for _, e := range entries {
			now, found, err := w.records.Entries.Find(tx, e.Key())
			if err != nil {
				return err
			}
			switch {
			case !found || !w.mayRetry(now):
			case now.Withdrawn:
				withdrawn = append(withdrawn, now)
			default:
				open = append(open, w.claimAgain(now))
			}
		}
		for _, e := range open {
			if err := w.records.PutEntry(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	return open, withdrawn, err
}

// recount moves those of the entries that were parked and are no more to what
// they have become, in the totals of their integrations.
func (w *work) recount(ctx context.Context, before []ledger.Entry) error {
	before = slices.DeleteFunc(slices.Clone(before), func(e ledger.Entry) bool { return e.State != ledger.Parked || e.Integration == "" })
	if len(before) == 0 {
		return nil
	}
	return w.Engine.Update(ctx, func(tx store.Tx) error {
		changes := make(map[string]ledger.Counts) // by integration
		for _, e := range before {
			now, err := w.records.Entries.Get(tx, e.Key())
			if err != nil {
				return err
			}
			change := changes[e.Integration]
			switch now.State {
			case ledger.Parked, ledger.Claimed:
				continue
			case ledger.Recorded:
				change.Recorded, change.Parked = change.Recorded+1, change.Parked-1
			default:
				change.Matched, change.Parked = change.Matched+1, change.Parked-1
			}
			changes[e.Integration] = change
		}
		var moved []ledger.Integration
		for _, id := range slices.Sorted(maps.Keys(changes)) {
			i, found, err := w.records.Integrations.Find(tx, store.Key(w.BookID, id))
			if err != nil {
				return err
			}
			if found {
				i.Totals = i.Totals.Add(changes[id])
				moved = append(moved, i)
			}
		}
		for _, i := range moved {
			if err := w.records.PutIntegration(tx, i); err != nil {
				return err
			}
		}
		return nil
	})
}
