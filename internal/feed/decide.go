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

// DecideDouble notes that a person says that a double is one movement, or two,
// and asks for it to be done. The later entry's draft leaves the book where
// nobody has touched it, else the earlier one's; what was taken out comes back
// when the person thinks better of it. What is not open is NotFound.
func (s *Service) DecideDouble(ctx context.Context, bookID, later, earlier string, as ledger.DoubleState, userID string) error {
	key := ledger.Double{BookID: bookID, New: later, Known: earlier}.Key()
	var d ledger.Double
	done := false
	err := s.Engine.Update(ctx, func(tx store.Tx) (err error) {
		if d, err = s.records.Doubles.Get(tx, key); err != nil {
			return err
		}
		if done = d.State == as && d.Asked == ""; done {
			return nil
		}
		if err := s.isOpen(tx, d); err != nil {
			return err
		}
		d.Asked, d.Hurdle, d.UpdatedAt = as, "", s.Now()
		return s.records.Doubles.Put(tx, key, d)
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrBadName) {
		return errs.Wrap(errs.NotFound, err, "This is not known any more. Reload the page.")
	}
	if err != nil || done {
		return err
	}
	return s.publish(ctx, "decide:"+s.NewID(), accountKey(bookID, d.AccountID), kindDecide, decideMessage{Double: key, UserID: userID})
}

// isOpen says why a person cannot decide a double any more, if so.
func (s *Service) isOpen(tx store.Tx, d ledger.Double) error {
	if d.State == ledger.IsOne {
		return nil
	}
	_, stands, err := s.viewDouble(tx, d)
	if err == nil && (d.State != ledger.MayBeOne || !stands) {
		return store.ErrNotFound
	}
	return err
}

// Why a decision could not be carried out.
const (
	isMissing   = "One of the two is not in the book any more, so the app leaves the other as it is."
	isTaken     = "Another row of the bank stands for that transaction by now, so the app leaves both as they are."
	isMerged    = "The two are one transaction of the book already."
	isWorkedOn  = "Somebody has worked on both in the book, so the app leaves them as they are. Delete there the one that is too many."
	isWithdrawn = "It does not come back: the bank has withdrawn it meanwhile."
	isLost      = "It could not be brought back into the book."
)

// decide carries out what a person has said of a double, or brings back what
// was taken out for an entry that the bank has withdrawn since.
func (s *Service) decide(ctx context.Context, delivery queue.Delivery, m decideMessage) error {
	d, err := s.records.Doubles.Load(ctx, s.Engine, m.Double)
	if errors.Is(err, store.ErrNotFound) {
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
	if d, err = s.records.Doubles.Load(ctx, s.Engine, m.Double); err != nil { // it may have been settled meanwhile
		return err
	}
	switch {
	case m.Withdrawn:
		err = w.followWithdrawal(ctx, d)
	case d.Asked == "":
	case d.Asked == ledger.AreTwo:
		err = w.makeTwo(ctx, d)
	case d.State == ledger.MayBeOne:
		err = w.makeOne(ctx, d)
	default: // it is done
		err = w.settleDouble(ctx, d, d.State, "")
	}
	if refusesAll(err) {
		err = w.settleDouble(ctx, d, d.State, errs.Public(err))
	}
	if err != nil {
		return fmt.Errorf("double %s: %w", m.Double, err)
	}
	return nil
}

// end is one of the two of a double, as ledger and book have it now.
type end struct {
	entry  ledger.Entry // none for what a person has typed in
	draft  bkper.Transaction
	stands bool // or is being taken out for the double
	mayGo  bool // nobody has touched it
}

// makeOne takes one of the two out of the book, once both were seen to stand
// there. The other one stays, whatever comes of it.
func (w *work) makeOne(ctx context.Context, d ledger.Double) error {
	later, err := w.endOf(ctx, d, d.New)
	if err != nil {
		return err
	}
	earlier, err := w.earlierEnd(ctx, d)
	if err != nil {
		return err
	}
	goes := later
	if earlier.mayGo && (!later.mayGo || isGoing(d, earlier.entry)) {
		goes = earlier
	}
	switch {
	case !later.stands || !earlier.stands:
		return w.giveUp(ctx, d, isMissing)
	case later.draft.ID != "" && later.draft.ID == earlier.draft.ID:
		return w.giveUp(ctx, d, isMerged)
	case !goes.mayGo:
		return w.giveUp(ctx, d, isWorkedOn)
	}
	if d, err = w.intend(ctx, d, goes.entry); err != nil {
		return err
	}
	if err := w.takeOut(ctx, []ledger.Entry{goes.entry}); err != nil {
		return err
	}
	e, _, err := w.load(ctx, d.BookID, d.Gone)
	switch {
	case err != nil:
		return err
	case e.State != ledger.Undone && e.Flag != goes.entry.Flag:
		return w.giveUp(ctx, d, e.Flag)
	case e.State != ledger.Undone:
		return w.giveUp(ctx, d, isWorkedOn)
	}
	taken, err := w.keepDouble(ctx, d, e, "")
	if err == nil && taken {
		return w.giveUp(ctx, d, isTaken)
	}
	return err
}

func (w *work) endOf(ctx context.Context, d ledger.Double, remoteID string) (end, error) {
	e, found, err := w.load(ctx, d.BookID, remoteID)
	switch {
	case err != nil || !found:
		return end{}, err
	case isGoing(d, e):
		return end{entry: e, stands: true, mayGo: true}, nil
	case !mayStandForMore(e):
		return end{}, nil
	}
	id := e.TransactionID
	if e.State == ledger.Merged { // the other end of a transfer stands for it
		other, _, err := w.load(ctx, d.BookID, e.Pair)
		if err != nil {
			return end{}, err
		}
		id = other.TransactionID
	}
	t, live, err := w.live(ctx, id)
	return end{
		entry: e, draft: t, stands: live,
		mayGo: live && isDraftOfOurs(e) && !e.Touched && e.Written.Alone(t),
	}, err
}

func (w *work) earlierEnd(ctx context.Context, d ledger.Double) (end, error) {
	if d.Standing == "" {
		return w.endOf(ctx, d, d.Known)
	}
	t, live, err := w.live(ctx, d.Standing)
	return end{draft: t, stands: live}, err
}

// live reads a transaction, and reports whether it stands in the book.
func (w *work) live(ctx context.Context, id string) (bkper.Transaction, bool, error) {
	t, err := w.book.Transaction(ctx, w.BookID, id)
	if errs.Is(err, errs.NotFound) {
		return t, false, nil
	}
	if err != nil {
		return t, false, fmt.Errorf("reading transaction %s: %w", id, err)
	}
	return t, !t.Trashed, nil
}

// intend notes which entry is about to leave the book, so that a later try
// knows its own doing.
func (w *work) intend(ctx context.Context, d ledger.Double, goes ledger.Entry) (ledger.Double, error) {
	err := w.records.Doubles.Update(ctx, w.Engine, d.Key(), func(now ledger.Double) (ledger.Double, error) {
		now.Gone, now.Draft = goes.RemoteID, goes.TransactionID
		d.Gone, d.Draft = now.Gone, now.Draft
		return now, nil
	})
	return d, err
}

// giveUp leaves both in the book, and says why.
func (w *work) giveUp(ctx context.Context, d ledger.Double, hurdle string) error {
	hindered, err := w.comeBack(ctx, d)
	if err != nil {
		return err
	}
	if hindered == "" {
		if d, err = w.intend(ctx, d, ledger.Entry{}); err != nil {
			return err
		}
	}
	return w.settleDouble(ctx, d, ledger.MayBeOne, hurdle)
}

// settleDouble notes what has come of a decision. What a person has asked for
// meanwhile stays asked for.
func (w *work) settleDouble(ctx context.Context, d ledger.Double, state ledger.DoubleState, hurdle string) error {
	return w.records.Doubles.Update(ctx, w.Engine, d.Key(), func(now ledger.Double) (ledger.Double, error) {
		return settled(now, d.Asked, state, hurdle, w.Now()), nil
	})
}

func settled(d ledger.Double, asked, state ledger.DoubleState, hurdle string, at time.Time) ledger.Double {
	if state == ledger.AreTwo {
		d = d.Two()
	}
	if d.Asked == asked {
		d.Asked = ""
	}
	d.State, d.Hurdle, d.UpdatedAt = state, hurdle, at
	return d
}

// keepDouble notes that an entry, which has left the book, is the movement of
// the other, unless the other has become that of a third.
func (w *work) keepDouble(ctx context.Context, d ledger.Double, gone ledger.Entry, hurdle string) (taken bool, err error) {
	err = w.Engine.Update(ctx, func(tx store.Tx) error {
		if err := w.leases.Check(tx, w.lease); err != nil {
			return err
		}
		now, err := w.records.Doubles.Get(tx, d.Key())
		if err != nil {
			return err
		}
		e, err := w.records.Entries.Get(tx, gone.Key())
		if err != nil {
			return err
		}
		if taken, err = w.isClaimed(tx, now); err != nil || taken {
			return err
		}
		now = settled(now, d.Asked, ledger.IsOne, hurdle, w.Now())
		now.Gone, now.Draft = gone.RemoteID, gone.TransactionID
		e.Same, e.UpdatedAt = now.Stays(), w.Now()
		if d.Standing != "" { // no other row may take it for its own
			now.Written, e.Written = e.Written, nil
			e.State, e.TransactionID = ledger.Matched, d.Standing
		}
		if err := w.records.PutEntry(tx, e); err != nil {
			return err
		}
		return w.records.Doubles.Put(tx, d.Key(), now)
	})
	return taken, err
}

// makeTwo brings back what was taken out, if anything was.
func (w *work) makeTwo(ctx context.Context, d ledger.Double) error {
	hurdle, err := w.comeBack(ctx, d)
	if err != nil {
		return err
	}
	if hurdle != "" {
		return w.settleDouble(ctx, d, d.State, hurdle)
	}
	return w.settleDouble(ctx, d, ledger.AreTwo, "")
}

// comeBack brings back what was taken out, if anything was, or says in words
// what hinders that.
func (w *work) comeBack(ctx context.Context, d ledger.Double) (hurdle string, err error) {
	if d.Gone == "" {
		return "", nil
	}
	e, found, err := w.load(ctx, d.BookID, d.Gone)
	switch {
	case err != nil || !found:
		return "", err
	case e.Withdrawn && e.State != ledger.Recorded:
		return isWithdrawn, nil
	case e.State == ledger.Undoing:
		e.State = ledger.Undone
		err = w.keep(ctx, []ledger.Entry{e})
	case e.Same != "":
		e, err = w.standAlone(ctx, d, e)
	}
	if err != nil {
		return "", err
	}
	if err := w.bringBack(ctx, []ledger.Entry{e}); err != nil {
		return "", err
	}
	if e, _, err = w.load(ctx, d.BookID, d.Gone); err != nil {
		return "", err
	}
	switch {
	case slices.Contains([]ledger.State{ledger.Recorded, ledger.Claimed, ledger.Parked}, e.State):
		return "", nil // what the book refuses to record waits among the parked
	case e.State == ledger.Undone && d.State == ledger.IsOne:
		_, err = w.keepDouble(ctx, d, e, isLost)
	}
	if e.Flag != "" {
		return e.Flag, err
	}
	return isLost, err
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
		ref, _, err := w.records.Matched.Find(tx, store.Key(d.BookID, d.Standing))
		if err != nil {
			return err
		}
		e.Same, e.State, e.TransactionID, e.UpdatedAt = "", ledger.Undone, d.Draft, w.Now()
		if d.Written != nil {
			e.Written = d.Written
		}
		if ref.RemoteID == e.RemoteID {
			if err := w.records.Matched.Delete(tx, store.Key(d.BookID, d.Standing)); err != nil {
				return err
			}
		}
		return w.records.PutEntry(tx, e)
	})
	return e, err
}

// seekTakenOut asks to bring back what was taken out for an entry, which the
// bank withdraws. It is done after the withdrawal.
func (w *work) seekTakenOut(ctx context.Context, e ledger.Entry) error {
	var ones []ledger.Double
	err := w.Engine.View(ctx, func(tx store.Tx) (err error) {
		ones, err = w.records.DoublesOf(tx, e.BookID, e.RemoteID)
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range ones {
		if d.Stays() != e.RemoteID {
			continue
		}
		m := decideMessage{Double: d.Key(), UserID: w.UserID, Withdrawn: true}
		if err := w.publish(ctx, "decide:"+w.NewID(), accountKey(d.BookID, d.AccountID), kindDecide, m); err != nil {
			return err
		}
	}
	return nil
}

// followWithdrawal brings back what was taken out for an entry, if that has
// left the book because the bank has withdrawn it.
func (w *work) followWithdrawal(ctx context.Context, d ledger.Double) error {
	stays, found, err := w.load(ctx, d.BookID, d.Stays())
	if err != nil || !found || d.State != ledger.IsOne || stays.State != ledger.Removed {
		return err
	}
	return w.makeTwo(ctx, d)
}

func (w *work) load(ctx context.Context, bookID, remoteID string) (e ledger.Entry, found bool, err error) {
	err = w.Engine.View(ctx, func(tx store.Tx) error {
		e, found, err = w.entryIn(tx, bookID, remoteID)
		return err
	})
	return e, found, err
}
