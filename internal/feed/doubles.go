package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/feed/match"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/store"
)

const (
	doubleDays  = 5   // beyond the days of a run, in which to look for what a row may be
	mostDoubles = 200 // open at once in a book
)

type doublesMessage struct {
	Run string `json:"run"` // key of its record
}

type decideMessage struct {
	Double string `json:"double"` // key of its record
	UserID string `json:"userId"`
}

// seekDoubles asks to look for rows of a run that may be what was known before.
func (s *Service) seekDoubles(ctx context.Context, run ledger.Run) error {
	return s.publish(ctx, "doubles:"+run.ID+":"+s.NewID(), accountKey(run.BookID, run.AccountID), kindDoubles, doublesMessage{run.Key()})
}

// lookForDoubles proposes to a person what the matcher could not be certain of.
// Looking again proposes nothing anew.
func (s *Service) lookForDoubles(ctx context.Context, _ queue.Delivery, m doublesMessage) error {
	run, err := s.records.Runs.Load(ctx, s.Engine, m.Run)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for from := run.First; !from.After(run.Last); from = from.AddDays(windowDays) {
		to := from.AddDays(windowDays - 1)
		if to.After(run.Last) {
			to = run.Last
		}
		if err := s.proposeDoubles(ctx, run, from, to); err != nil {
			return fmt.Errorf("looking for doubles from %s to %s: %w", from, to, err)
		}
	}
	return nil
}

// windowDays bounds what is in memory at once.
const windowDays = 60

func (s *Service) proposeDoubles(ctx context.Context, run ledger.Run, from, to bank.Date) error {
	standing, _ := s.standing.get(run.Key() + " " + run.AccountID)
	return s.Engine.Update(ctx, func(tx store.Tx) error {
		decided, open, err := s.doublesOf(tx, run.BookID)
		if err != nil {
			return err
		}
		var fresh, known []match.Movement
		seen := make(map[string]bool)
		err = s.records.EntriesOfDays(tx, run.BookID, from.AddDays(-doubleDays), to.AddDays(doubleDays), func(e ledger.Entry) {
			if e.AccountID != run.AccountID || seen[e.RemoteID] || decided[e.RemoteID] {
				return
			}
			seen[e.RemoteID] = true
			switch {
			case e.Run == run.ID && isDraftOfOurs(e) && !e.Row.Date.Before(from) && !e.Row.Date.After(to):
				fresh = append(fresh, movementOf(e))
			case mayStandForMore(e):
				known = append(known, movementOf(e))
			}
		})
		if err != nil || len(fresh) == 0 {
			return err
		}
		typed, err := s.typedIn(tx, run.BookID, standing, fresh)
		if err != nil {
			return err
		}
		byID := make(map[string]match.Movement)
		for _, m := range typed {
			byID[m.Ref] = m
		}
		for _, d := range match.Doubles(fresh, append(known, typed...)) {
			double := ledger.Double{
				BookID: run.BookID, AccountID: run.AccountID, New: d.New, Known: d.Known,
				State: ledger.MayBeOne, Reason: d.Why, UpdatedAt: s.Now(),
			}
			if m, ok := byID[d.Known]; ok {
				double.Known, double.Standing, double.StandingDay, double.StandingText = "", d.Known, m.Dates[0], m.Texts[0]
			}
			if open++; open > mostDoubles {
				return nil
			}
			if err := s.records.Doubles.Put(tx, double.Key(), double); err != nil {
				return err
			}
		}
		return nil
	})
}

// doublesOf returns the remote ids of the later ones of all doubles of a book,
// and counts those that are open.
func (s *Service) doublesOf(tx store.Tx, bookID string) (decided map[string]bool, open int, err error) {
	decided = make(map[string]bool)
	err = s.records.Doubles.Scan(tx, store.Below(bookID), func(_ string, d ledger.Double) (bool, error) {
		decided[d.New] = true
		if d.State == ledger.MayBeOne {
			open++
		}
		return true, nil
	})
	return decided, open, err
}

func isDraftOfOurs(e ledger.Entry) bool {
	return e.State == ledger.Recorded && e.Pair == "" && !e.Withdrawn && e.TransactionID != ""
}

// mayStandForMore reports whether a later row may be the movement of an entry.
func mayStandForMore(e ledger.Entry) bool {
	switch e.State {
	case ledger.Recorded, ledger.Matched, ledger.Trashed, ledger.Merged:
		return !e.Withdrawn || isReplaceable(e)
	default:
		return false
	}
}

// isReplaceable reports whether the bank has withdrawn an entry that stands in
// the book because a person had touched it.
func isReplaceable(e ledger.Entry) bool {
	return e.Withdrawn && e.Flag != "" && e.State == ledger.Recorded
}

func movementOf(e ledger.Entry) match.Movement {
	a := awaitedOf(e.Row)
	return match.Movement{
		Ref: e.RemoteID, Dates: a.Dates, Amount: e.Row.Amount, Texts: append([]string{a.Text}, e.Texts...),
		Origins: e.Origins, Instalment: match.InstalmentOf(e.Row), Replaceable: isReplaceable(e),
	}
}

// typedIn returns the standing transactions of the book that have the amount of
// a row and stand for none.
func (s *Service) typedIn(tx store.Tx, bookID string, standing byAmount, fresh []match.Movement) ([]match.Movement, error) {
	rows := make([]match.Awaited, len(fresh))
	for n, m := range fresh {
		rows[n] = match.Awaited{Amount: m.Amount.Number().String()}
	}
	w := &work{Service: s, target: target{BookID: bookID}}
	free, err := w.unmatched(tx, standing, rows)
	if err != nil {
		return nil, err
	}
	var typed []match.Movement
	for _, st := range free {
		for _, m := range fresh {
			if m.Amount.Number().String() == st.Amount { // of its currency: the account has one
				typed = append(typed, match.Movement{Ref: st.ID, Dates: []bank.Date{st.Date}, Amount: m.Amount, Texts: []string{st.Text}})
				break
			}
		}
	}
	return typed, nil
}

// Doubles returns what waits for a person in a book, and what a person has said
// to be one, the latest first.
func (s *Service) Doubles(ctx context.Context, bookID string) (proposed, one []ledger.DoublePair, err error) {
	err = s.Engine.View(ctx, func(tx store.Tx) error {
		proposed, one = nil, nil
		span := store.Below(bookID)
		span.Reverse = true
		return s.records.Doubles.Scan(tx, span, func(_ string, d ledger.Double) (bool, error) {
			if d.State == ledger.AreTwo {
				return true, nil
			}
			v, stands, err := s.viewDouble(tx, d)
			switch {
			case err != nil:
				return false, err
			case d.State == ledger.IsOne:
				one = append(one, v)
			case stands:
				proposed = append(proposed, v)
			}
			return len(one) < mostDoubles, nil
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the doubles of book %s: %w", bookID, err)
	}
	return proposed, one, nil
}

// viewDouble reads what a double is about, and reports whether both stand in
// the book still.
func (s *Service) viewDouble(tx store.Tx, d ledger.Double) (ledger.DoublePair, bool, error) {
	v := ledger.DoublePair{Double: d, KnownTransaction: d.Standing}
	later, found, err := s.entryIn(tx, d.BookID, d.New)
	if err != nil || !found {
		return v, false, err
	}
	v.NewRow, v.NewTransaction = later.Row, later.TransactionID
	if d.Standing != "" {
		v.KnownRow = bank.Transaction{Date: d.StandingDay, Amount: later.Row.Amount, Description: d.StandingText}
		return v, isDraftOfOurs(later), nil
	}
	known, found, err := s.entryIn(tx, d.BookID, d.Known)
	if err != nil || !found {
		return v, false, err
	}
	v.KnownRow, v.KnownTransaction = known.Row, known.TransactionID
	return v, isDraftOfOurs(later) && mayStandForMore(known), nil
}

func (s *Service) entryIn(tx store.Tx, bookID, remoteID string) (ledger.Entry, bool, error) {
	key, ours := ledger.EntryKey(bookID, remoteID)
	if !ours {
		return ledger.Entry{}, false, nil
	}
	return s.records.Entries.Find(tx, key)
}

// DecideDouble notes that a person says that a double is one movement, or two,
// and asks for it to be done. The later entry's draft leaves the book where
// nobody has touched it, else the earlier one's; what was taken out comes back
// when the person thinks better of it.
func (s *Service) DecideDouble(ctx context.Context, bookID, later, earlier string, as ledger.DoubleState, userID string) error {
	key := ledger.Double{BookID: bookID, New: later, Known: earlier}.Key()
	err := s.records.Doubles.Update(ctx, s.Engine, key, func(d ledger.Double) (ledger.Double, error) {
		d.Asked, d.Hurdle, d.UpdatedAt = as, "", s.Now()
		return d, nil
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrBadName) {
		return errs.Wrap(errs.NotFound, err, "This is not known any more. Reload the page.")
	}
	if err != nil {
		return err
	}
	d, err := s.records.Doubles.Load(ctx, s.Engine, key)
	if err != nil {
		return err
	}
	return s.publish(ctx, "decide:"+s.NewID(), accountKey(bookID, d.AccountID), kindDecide, decideMessage{Double: key, UserID: userID})
}

// decide carries out what a person has said of a double.
func (s *Service) decide(ctx context.Context, delivery queue.Delivery, m decideMessage) error {
	d, err := s.records.Doubles.Load(ctx, s.Engine, m.Double)
	if errors.Is(err, store.ErrNotFound) || err == nil && d.Asked == "" {
		return nil
	}
	if err != nil {
		return err
	}
	t := target{BookID: d.BookID, AccountID: d.AccountID, UserID: m.UserID}
	lease, err := s.leases.Acquire(ctx, t.key(), delivery.ID, leaseTime)
	if err != nil {
		return busy(err)
	}
	defer s.release(ctx, lease)
	w := &work{Service: s, target: t, lease: lease, book: s.Books.For(m.UserID)}
	switch {
	case d.Asked == ledger.AreTwo:
		err = w.makeTwo(ctx, d)
	case d.State == ledger.IsOne: // it is done
		err = w.settleDouble(ctx, d, ledger.IsOne, "")
	default:
		err = w.makeOne(ctx, d)
	}
	if err != nil {
		return fmt.Errorf("double %s: %w", m.Double, err)
	}
	return nil
}

// makeOne takes one of the two out of the book.
func (w *work) makeOne(ctx context.Context, d ledger.Double) error {
	candidates := []string{d.New}
	if d.Known != "" {
		candidates = append(candidates, d.Known)
	}
	for _, remoteID := range candidates {
		e, found, err := w.load(ctx, d.BookID, remoteID)
		if err != nil {
			return err
		}
		if !found || !isOfARun(e) {
			continue
		}
		if err := w.takeOut(ctx, []ledger.Entry{e}); err != nil {
			return err
		}
		if e, _, err = w.load(ctx, d.BookID, remoteID); err != nil {
			return err
		}
		if e.State == ledger.Undone {
			return w.keepDouble(ctx, d, e)
		}
	}
	return w.settleDouble(ctx, d, ledger.MayBeOne,
		"Somebody has worked on both in the book, so the app leaves them as they are. Delete there the one that is too many.")
}

// settleDouble notes what has come of a decision.
func (w *work) settleDouble(ctx context.Context, d ledger.Double, state ledger.DoubleState, hurdle string) error {
	d.State, d.Asked, d.Hurdle, d.UpdatedAt = state, "", hurdle, w.Now()
	if state == ledger.AreTwo {
		d.Gone, d.Draft = "", ""
	}
	return w.records.Doubles.Save(ctx, w.Engine, d.Key(), d)
}

// keepDouble notes that an entry, which has left the book, is the movement of
// the other.
func (w *work) keepDouble(ctx context.Context, d ledger.Double, gone ledger.Entry) error {
	d.State, d.Asked, d.UpdatedAt = ledger.IsOne, "", w.Now()
	d.Gone, d.Draft = gone.RemoteID, gone.TransactionID
	return w.Engine.Update(ctx, func(tx store.Tx) error {
		if err := w.leases.Check(tx, w.lease); err != nil {
			return err
		}
		e, err := w.records.Entries.Get(tx, gone.Key())
		if err != nil {
			return err
		}
		e.Same = d.Known + d.Standing
		if gone.RemoteID == d.Known {
			e.Same = d.New
		}
		if d.Standing != "" { // no other row may take it for its own
			e.State, e.TransactionID = ledger.Matched, d.Standing
		}
		e.UpdatedAt = w.Now()
		if err := w.records.PutEntry(tx, e); err != nil {
			return err
		}
		return w.records.Doubles.Put(tx, d.Key(), d)
	})
}

// makeTwo brings back what was taken out, if anything was.
func (w *work) makeTwo(ctx context.Context, d ledger.Double) error {
	if d.Gone != "" {
		e, found, err := w.load(ctx, d.BookID, d.Gone)
		if err != nil {
			return err
		}
		if found && e.Same != "" {
			if e, err = w.standAlone(ctx, d, e); err != nil {
				return err
			}
		}
		if found {
			if err := w.bringBack(ctx, []ledger.Entry{e}); err != nil {
				return err
			}
		}
	}
	return w.settleDouble(ctx, d, ledger.AreTwo, "")
}

// standAlone makes an entry an undone one again, that is the movement of no
// other.
func (w *work) standAlone(ctx context.Context, d ledger.Double, e ledger.Entry) (ledger.Entry, error) {
	err := w.Engine.Update(ctx, func(tx store.Tx) (err error) {
		if err := w.leases.Check(tx, w.lease); err != nil {
			return err
		}
		if e, err = w.records.Entries.Get(tx, e.Key()); err != nil {
			return err
		}
		e.Same, e.UpdatedAt = "", w.Now()
		if d.Standing != "" && e.State == ledger.Matched {
			e.State, e.TransactionID = ledger.Undone, d.Draft
			if err := w.records.Matched.Delete(tx, store.Key(d.BookID, d.Standing)); err != nil {
				return err
			}
		}
		return w.records.PutEntry(tx, e)
	})
	return e, err
}

func (w *work) load(ctx context.Context, bookID, remoteID string) (e ledger.Entry, found bool, err error) {
	err = w.Engine.View(ctx, func(tx store.Tx) error {
		e, found, err = w.entryIn(tx, bookID, remoteID)
		return err
	})
	return e, found, err
}

// isOfARun reports whether undoing a run, and redoing it, is about the entry:
// what a person knows to be another movement stays out of the book.
func isOfARun(e ledger.Entry) bool {
	return e.Same == "" && slices.Contains([]ledger.State{ledger.Recorded, ledger.Undoing, ledger.Undone}, e.State)
}
