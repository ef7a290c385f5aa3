package feed

import (
	"context"
	"errors"
	"fmt"

	"github.com/bank-connections/bkper-bot/internal/bank"
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
