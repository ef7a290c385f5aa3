package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
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
	// Withdrawn says that the bank withdraws the one that stays.
	Withdrawn bool `json:"withdrawn,omitempty"`
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

// proposeDoubles proposes doubles of what a run has recorded in some days.
func (s *Service) proposeDoubles(ctx context.Context, run ledger.Run, from, to bank.Date) error {
	w := &work{
		Service: s, target: target{BookID: run.BookID, AccountID: run.AccountID, UserID: run.StartedBy},
		book: s.Books.For(run.StartedBy),
	}
	// As the run itself has read it; a batch of context alone would need nothing.
	standing, err := w.standingOf(ctx, batch{target: w.target, Run: run.Key(), First: run.First, Last: run.Last, Rows: make([]row, 1)})
	if err != nil {
		return err
	}
	var fresh, known, typed []match.Movement
	open := 0
	err = s.Engine.View(ctx, func(tx store.Tx) (err error) {
		if fresh, known, err = s.movements(tx, run, from, to); err != nil || len(fresh) == 0 {
			return err
		}
		if typed, err = s.typedIn(tx, run.BookID, standing, fresh); err != nil {
			return err
		}
		open, err = s.openDoubles(tx, run.BookID)
		return err
	})
	if err != nil || len(fresh) == 0 {
		return err
	}
	byID := make(map[string]match.Movement)
	for _, m := range typed {
		byID[m.Ref] = m
	}
	var doubles []ledger.Double
	for _, d := range match.Doubles(fresh, append(known, typed...)) {
		double := ledger.Double{
			BookID: run.BookID, AccountID: run.AccountID, New: d.New, Known: d.Known,
			State: ledger.MayBeOne, Reason: d.Why, UpdatedAt: s.Now(),
		}
		if m, ok := byID[d.Known]; ok {
			double.Known, double.Standing, double.StandingDay, double.StandingText = "", d.Known, m.Dates[0], m.Texts[0]
		}
		doubles = append(doubles, double)
	}
	return s.putDoubles(ctx, run.BookID, doubles[:min(len(doubles), max(0, mostDoubles-open))])
}

// movements returns what a run has recorded in some days, and what it may be.
func (s *Service) movements(tx store.Tx, run ledger.Run, from, to bank.Date) (fresh, known []match.Movement, err error) {
	later, earlier, err := s.endsOfDoubles(tx, run.BookID)
	if err != nil {
		return nil, nil, err
	}
	seen := make(map[string]bool)
	err = s.records.EntriesOfDays(tx, run.BookID, from.AddDays(-doubleDays), to.AddDays(doubleDays), func(e ledger.Entry) {
		if e.AccountID != run.AccountID || seen[e.RemoteID] || later[e.RemoteID] {
			return
		}
		seen[e.RemoteID] = true
		switch {
		case e.Run == run.ID && isDraftOfOurs(e) && !e.Row.Date.Before(from) && !e.Row.Date.After(to):
			fresh = append(fresh, movementOf(e))
		case mayStandForMore(e) && !earlier[e.RemoteID]:
			known = append(known, movementOf(e))
		}
	})
	return fresh, known, err
}

// putDoubles writes proposals down, without those that something has come
// between meanwhile.
func (s *Service) putDoubles(ctx context.Context, bookID string, doubles []ledger.Double) error {
	if len(doubles) == 0 {
		return nil
	}
	return s.Engine.Update(ctx, func(tx store.Tx) error {
		later, earlier, err := s.endsOfDoubles(tx, bookID)
		if err != nil {
			return err
		}
		var puts []ledger.Double
		for _, d := range doubles {
			_, stands, err := s.viewDouble(tx, d)
			if err != nil {
				return err
			}
			if stands && !later[d.New] && !earlier[d.Known+d.Standing] {
				puts = append(puts, d)
			}
		}
		for _, d := range puts {
			if err := s.records.Doubles.Put(tx, d.Key(), d); err != nil {
				return err
			}
		}
		return nil
	})
}

// endsOfDoubles returns the later ones of all doubles of a book, about which
// nothing is asked again, and the earlier ones of those that are not two: one
// movement stands for one other at most.
func (s *Service) endsOfDoubles(tx store.Tx, bookID string) (later, earlier map[string]bool, err error) {
	later, earlier = make(map[string]bool), make(map[string]bool)
	err = s.records.Doubles.Scan(tx, store.Below(bookID), func(_ string, d ledger.Double) (bool, error) {
		later[d.New] = true
		if d.State != ledger.AreTwo {
			earlier[d.Known+d.Standing] = true
		}
		return true, nil
	})
	return later, earlier, err
}

// openDoubles counts the proposals of a book that a person sees.
func (s *Service) openDoubles(tx store.Tx, bookID string) (open int, err error) {
	err = s.records.Doubles.Scan(tx, store.Below(bookID), func(_ string, d ledger.Double) (bool, error) {
		if d.State != ledger.MayBeOne {
			return true, nil
		}
		_, stands, err := s.viewDouble(tx, d)
		if stands {
			open++
		}
		return open < mostDoubles, err
	})
	return open, err
}

func isDraftOfOurs(e ledger.Entry) bool {
	return e.State == ledger.Recorded && e.Pair == "" && !e.Withdrawn && e.TransactionID != ""
}

// mayStandForMore reports whether an entry stands in the book for its own sake,
// so that another row may be its movement.
func mayStandForMore(e ledger.Entry) bool {
	switch e.State {
	case ledger.Recorded, ledger.Matched, ledger.Merged:
		return e.Same == "" && (!e.Withdrawn || isReplaceable(e))
	default:
		return false
	}
}

// isGoing reports whether an entry is being taken out of the book for a double.
func isGoing(d ledger.Double, e ledger.Entry) bool {
	return d.State == ledger.MayBeOne && d.Gone == e.RemoteID && e.Same == "" && (e.State == ledger.Undoing || e.State == ledger.Undone)
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
			case d.State == ledger.IsOne && len(one) < mostDoubles:
				one = append(one, v)
			case d.State == ledger.MayBeOne && stands:
				proposed = append(proposed, v)
			}
			return true, nil
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the doubles of book %s: %w", bookID, err)
	}
	return proposed, one, nil
}

// viewDouble reads what a double is about, and reports whether by the ledger
// both stand in the book, each for its own sake.
func (s *Service) viewDouble(tx store.Tx, d ledger.Double) (ledger.DoublePair, bool, error) {
	v := ledger.DoublePair{Double: d, KnownTransaction: d.Standing}
	later, found, err := s.entryIn(tx, d.BookID, d.New)
	if err != nil || !found {
		return v, false, err
	}
	v.NewRow, v.NewTransaction = later.Row, later.TransactionID
	stands := isDraftOfOurs(later) || isGoing(d, later)
	if d.Standing != "" {
		v.KnownRow = bank.Transaction{Date: d.StandingDay, Amount: later.Row.Amount, Description: d.StandingText}
		claimed, err := s.isClaimed(tx, d)
		return v, stands && !claimed, err
	}
	known, found, err := s.entryIn(tx, d.BookID, d.Known)
	if err != nil || !found {
		return v, false, err
	}
	v.KnownRow, v.KnownTransaction = known.Row, known.TransactionID
	return v, stands && (mayStandForMore(known) || isGoing(d, known)), nil
}

// isClaimed reports whether the transaction that a person has typed in stands
// for another entry.
func (s *Service) isClaimed(tx store.Tx, d ledger.Double) (bool, error) {
	if d.Standing == "" {
		return false, nil
	}
	ref, found, err := s.records.Matched.Find(tx, store.Key(d.BookID, d.Standing))
	return found && ref.RemoteID != d.New, err
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

// isOfARun reports whether undoing a run, and redoing it, is about the entry:
// what a person knows to be another movement stays out of the book.
func isOfARun(e ledger.Entry) bool {
	return e.Same == "" && slices.Contains([]ledger.State{ledger.Recorded, ledger.Undoing, ledger.Undone}, e.State)
}
