// Package transfer makes one transaction of two: money that leaves one
// integrated account and arrives at another within a few days, as when a card
// is paid from the checking account, is reported by both banks and so recorded
// twice.
//
// Where it is certain (Pair) and nobody has touched either draft, the first
// draft gets the other account as its missing side and stands for both, and the
// second goes to the trash. Otherwise it is proposed. Both can be undone.
//
// The order of effects: the intention is written into the ledger; the first
// draft gets the account; that is noted; the second is trashed; the first gets
// its remote id too; the ledger is marked. Before each step both transactions
// are read, so what was cut short goes on from where the book stands, and
// nothing is done twice.
package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// Book is what joining needs of the book, on behalf of one user.
type Book interface {
	Transaction(ctx context.Context, bookID, id string) (bkper.Transaction, error)
	UpdateTransaction(ctx context.Context, bookID string, t bkper.Transaction) (bkper.Transaction, error)
	Trash(ctx context.Context, bookID string, t bkper.Transaction) (bkper.Transaction, error)
	Restore(ctx context.Context, bookID string, t bkper.Transaction) (bkper.Transaction, error)
}

// Books opens the book on behalf of a user who is away.
type Books interface {
	For(userID string) Book
}

// Service pairs what the feed has recorded. It is safe for concurrent use.
type Service struct {
	Engine store.Engine
	Books  Books
	Now    func() time.Time
	NewID  func() string // short, unique
	Log    *slog.Logger
}

// Look examines at most so much at a time.
const (
	usualDays    = 60  // back from today
	windowDays   = 60  // of entries in memory
	marginDays   = 10  // a side, its partners, and their partners
	mostJoins    = 20  // of one Look: each takes about six calls
	mostProposed = 200 // open at once in a book
	leaseTime    = 3 * time.Minute
)

// Looked says what a Look has come to.
type Looked struct {
	Joined   int
	Proposed int
	// More says that there is more to join: look again.
	More bool
}

// Look finishes what was cut short in a book, then joins and proposes transfers
// among what was recorded from since on; no date is 60 days back. Looking again
// changes nothing that is done. A transient error asks for it again.
func (s *Service) Look(ctx context.Context, bookID string, since bank.Date) (Looked, error) {
	today := bank.DateOf(s.Now().UTC())
	if since.IsZero() {
		since = today.AddDays(-usualDays)
	}
	var done Looked
	if err := s.resume(ctx, bookID); err != nil {
		return done, err
	}
	// Banks date some rows in the future.
	for from := since; !from.After(today.AddDays(marginDays)); from = from.AddDays(windowDays) {
		w, err := s.window(ctx, bookID, from, from.AddDays(windowDays-1))
		if err != nil {
			return done, fmt.Errorf("reading book %s from %s on: %w", bookID, from, err)
		}
		if err := s.lookAt(ctx, w, &done); err != nil || done.More {
			return done, err
		}
	}
	return done, nil
}

// lookAt joins and proposes what lies in a window.
func (s *Service) lookAt(ctx context.Context, w *window, done *Looked) error {
	for _, p := range Pair(w.sides, w.past) {
		if day := p.Out.Row.Date; day.Before(w.from) || day.After(w.to) {
			continue
		}
		known, found := w.known[Ends{p.Out.RemoteID, p.In.RemoteID}]
		if p.Certain && !known.Tried {
			if done.Joined == mostJoins {
				done.More = true
				return nil
			}
			joined, err := s.joinCertain(ctx, w, p)
			if err := s.passOver(ctx, w.bookID, err); err != nil {
				return err
			}
			if joined {
				done.Joined++
			}
			if joined || err != nil {
				continue
			}
			p = p.doubted("one of them was changed in the book")
		}
		if found || w.isProposed(p) || w.proposals >= mostProposed {
			continue
		}
		proposed, err := s.propose(ctx, w, p)
		if err := s.passOver(ctx, w.bookID, err); err != nil {
			return err
		}
		if proposed {
			w.proposals++
			done.Proposed++
		}
	}
	return nil
}

// passOver logs an error for good, which must not keep other pairs back, and
// returns any other. What was begun goes on with the next Look.
func (s *Service) passOver(ctx context.Context, bookID string, err error) error {
	if err == nil || errs.Transient(err) {
		return err
	}
	s.Log.WarnContext(ctx, "transfer passed over", "book", bookID, "error", err)
	return nil
}

// joinCertain joins a certain pair on behalf of the user who records the first.
// It reports false if the drafts are not as the app has written them.
func (s *Service) joinCertain(ctx context.Context, w *window, p Pairing) (bool, error) {
	out, in := w.entries[p.Out.RemoteID], w.entries[p.In.RemoteID]
	err := s.join(ctx, s.Books.For(out.UserID), out, in, ledger.Transfer{Reason: p.Reason, Habit: HabitOf(p.Out, p.In)}, untouched)
	if errs.Is(err, errs.Conflict) {
		return false, nil
	}
	return err == nil, err
}

// propose keeps a pair for a person to decide, unless the book shows that a
// person has decided otherwise.
func (s *Service) propose(ctx context.Context, w *window, p Pairing) (bool, error) {
	out, in := w.entries[p.Out.RemoteID], w.entries[p.In.RemoteID]
	t := ledger.Transfer{
		BookID: w.bookID, Out: out.RemoteID, In: in.RemoteID, State: ledger.Proposed,
		Reason: p.Reason, Habit: HabitOf(p.Out, p.In), Tried: p.tried, UpdatedAt: s.Now(),
	}
	if p.Out.Touched || p.In.Touched || p.tried {
		pair, err := read(ctx, s.Books.For(out.UserID), out, in)
		if err != nil {
			return false, err
		}
		if _, err := pair.arrange(asItStands); err != nil {
			// Two transactions of which a person has made something else.
			t.State, t.Reason = ledger.Apart, errs.Public(err)
		}
	}
	records, known := ledger.All(), false
	err := s.Engine.Update(ctx, func(tx store.Tx) (err error) {
		// It may be known from having been begun and taken back.
		if _, known, err = records.Transfers.Find(tx, t.Key()); err != nil || known {
			return err
		}
		return records.Transfers.Put(tx, t.Key(), t)
	})
	return err == nil && !known && t.State == ledger.Proposed, err
}

// window is what is known of some days of a book.
type window struct {
	bookID    string
	from, to  bank.Date
	entries   map[string]ledger.Entry
	sides     []Side
	past      Past
	known     map[Ends]ledger.Transfer
	inOpen    map[string]bool // entries of open proposals
	proposals int
}

func (w *window) isProposed(p Pairing) bool {
	return w.inOpen[p.Out.RemoteID] || w.inOpen[p.In.RemoteID]
}

func (s *Service) window(ctx context.Context, bookID string, from, to bank.Date) (*window, error) {
	var w *window
	records := ledger.All()
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		w = &window{bookID: bookID, from: from, to: to, entries: make(map[string]ledger.Entry)}
		err := records.EntriesOfDays(tx, bookID, from.AddDays(-marginDays), to.AddDays(marginDays), func(e ledger.Entry) {
			if isFree(e) {
				w.entries[e.RemoteID] = e
			}
		})
		if err != nil {
			return err
		}
		if err := w.readPast(tx, records); err != nil {
			return err
		}
		owns, err := readOwns(tx, records, bookID)
		if err != nil {
			return err
		}
		for _, e := range w.entries {
			w.sides = append(w.sides, sideOf(e, owns.of(e)))
		}
		return nil
	})
	return w, err
}

// isFree reports whether an entry may become an end of a transfer.
func isFree(e ledger.Entry) bool {
	return (e.State == ledger.Recorded || e.State == ledger.Matched) && e.TransactionID != "" && e.Pair == "" && !e.Withdrawn && !e.Written.InDoubt()
}

func sideOf(e ledger.Entry, own Own) Side {
	s := Side{
		RemoteID: e.RemoteID, Account: e.AccountID, Row: e.Row, Own: own,
		Touched: e.Touched || e.State != ledger.Recorded || e.Written == nil,
	}
	if !s.Touched && !e.Written.IsOpen() {
		s.Counter = e.Written.From
		if e.Row.Amount.Sign() < 0 {
			s.Counter = e.Written.To
		}
	}
	return s
}

// readPast reads what was decided before. The latest decision makes a habit.
func (w *window) readPast(tx store.Tx, records ledger.Collections) error {
	w.past = Past{Apart: make(map[Ends]bool), Habits: make(map[ledger.TransferHabit]bool)}
	w.known, w.inOpen = make(map[Ends]ledger.Transfer), make(map[string]bool)
	decided := make(map[ledger.TransferHabit]time.Time)
	return records.Transfers.Scan(tx, store.Below(w.bookID), func(_ string, t ledger.Transfer) (bool, error) {
		ends := Ends{t.Out, t.In}
		w.known[ends] = t
		switch t.State {
		case ledger.Proposed:
			w.proposals++
			w.inOpen[t.Out], w.inOpen[t.In] = true, true
		case ledger.Apart:
			w.past.Apart[ends] = true
		case ledger.Joining, ledger.Joined, ledger.Parting:
		}
		if t.Decided && !t.UpdatedAt.Before(decided[t.Habit]) {
			decided[t.Habit] = t.UpdatedAt
			w.past.Habits[t.Habit] = t.State == ledger.Joined
		}
		return true, nil
	})
}

// owns is what is known of own accounts, by integration and by account of the
// book.
type owns map[string]Own

func (o owns) of(e ledger.Entry) Own {
	if own, ok := o[e.Integration]; ok && e.Integration != "" {
		return own
	}
	return o[e.AccountID]
}

func readOwns(tx store.Tx, records ledger.Collections, bookID string) (owns, error) {
	all := make(owns)
	integrations, err := records.IntegrationsOfBook(tx, bookID)
	if err != nil {
		return nil, err
	}
	for _, i := range integrations {
		own := Own{Name: i.AccountName}
		c, found, err := records.Connections.Find(tx, store.Key(i.ConnectionID))
		if err != nil {
			return nil, err
		}
		if a, ok := c.Account(i.BankKey); found && ok {
			own.Mask, own.Debt = a.Mask, a.Kind == bank.CreditCard || a.Kind == bank.Loan
		}
		all[i.ID], all[i.AccountID] = own, own
	}
	return all, nil
}

// resume goes on with what was cut short, and forgets proposals that have come
// to nothing.
func (s *Service) resume(ctx context.Context, bookID string) error {
	open, err := s.transfers(ctx, bookID, ledger.Joining, ledger.Parting)
	if err != nil {
		return err
	}
	var failed []error
	for _, t := range open {
		if err := s.passOver(ctx, bookID, s.goOn(ctx, t)); err != nil {
			failed = append(failed, fmt.Errorf("going on with the transfer %s: %w", t.Key(), err))
		}
	}
	return errors.Join(append(failed, s.tidy(ctx, bookID))...)
}

func (s *Service) transfers(ctx context.Context, bookID string, states ...ledger.TransferState) ([]ledger.Transfer, error) {
	all, err := ledger.All().Transfers.All(ctx, s.Engine, store.Below(bookID))
	if err != nil {
		return nil, fmt.Errorf("reading the transfers of book %s: %w", bookID, err)
	}
	return slices.DeleteFunc(all, func(t ledger.Transfer) bool { return !slices.Contains(states, t.State) }), nil
}

// tidy forgets the proposals of which an end is free no more.
func (s *Service) tidy(ctx context.Context, bookID string) error {
	records := ledger.All()
	return s.Engine.Update(ctx, func(tx store.Tx) error {
		var stale []string
		err := records.Transfers.Scan(tx, store.Below(bookID), func(key string, t ledger.Transfer) (bool, error) {
			if t.State != ledger.Proposed {
				return true, nil
			}
			_, _, free, err := ends(tx, records, t)
			if !free {
				stale = append(stale, key)
			}
			return true, err
		})
		if err != nil {
			return err
		}
		for _, key := range stale {
			if err := records.Transfers.Delete(tx, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// ends reads the entries of a transfer, and whether both are free.
func ends(tx store.Tx, records ledger.Collections, t ledger.Transfer) (out, in ledger.Entry, free bool, err error) {
	out, foundOut, err := entry(tx, records, t.BookID, t.Out)
	if err != nil {
		return out, in, false, err
	}
	in, foundIn, err := entry(tx, records, t.BookID, t.In)
	return out, in, err == nil && foundOut && foundIn && isFree(out) && isFree(in), err
}

func entry(tx store.Tx, records ledger.Collections, bookID, remoteID string) (ledger.Entry, bool, error) {
	key, ours := ledger.EntryKey(bookID, remoteID)
	if !ours {
		return ledger.Entry{}, false, nil
	}
	return records.Entries.Find(tx, key)
}

// View is a transfer as people see it.
type View struct {
	ID      string
	State   ledger.TransferState // Proposed or Joined
	Reason  string               // one sentence for a bookkeeper
	Out, In End
	At      time.Time // when it was proposed or joined
}

// End is one end of a View.
type End struct {
	RemoteID      string
	TransactionID string // of the book
	AccountID     string // of the book
	AccountName   string // "" if unknown
	Row           bank.Transaction
}

const mostViews = 200

// Proposals returns what waits for a person in a book, the latest first.
func (s *Service) Proposals(ctx context.Context, bookID string) ([]View, error) {
	return s.views(ctx, bookID, ledger.Proposed)
}

// Joined returns the transfers of a book that are one transaction, the latest
// first.
func (s *Service) Joined(ctx context.Context, bookID string) ([]View, error) {
	return s.views(ctx, bookID, ledger.Joined)
}

func (s *Service) views(ctx context.Context, bookID string, state ledger.TransferState) ([]View, error) {
	records := ledger.All()
	var views []View
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		views = nil
		owns, err := readOwns(tx, records, bookID)
		if err != nil {
			return err
		}
		span := store.Below(bookID)
		span.Reverse = true
		return records.Transfers.Scan(tx, span, func(_ string, t ledger.Transfer) (bool, error) {
			if t.State != state {
				return true, nil
			}
			out, in, free, err := ends(tx, records, t)
			if err == nil && (free || state == ledger.Joined) {
				views = append(views, View{
					ID: idOf(t), State: t.State, Reason: t.Reason, At: t.UpdatedAt,
					Out: endOf(out, owns), In: endOf(in, owns),
				})
			}
			return len(views) < mostViews, err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the transfers of book %s: %w", bookID, err)
	}
	return views, nil
}

func endOf(e ledger.Entry, owns owns) End {
	return End{
		RemoteID: e.RemoteID, TransactionID: e.TransactionID, AccountID: e.AccountID, AccountName: owns[e.AccountID].Name, Row: e.Row,
	}
}

// idOf names a transfer within its book, in letters, digits, _ and -.
func idOf(t ledger.Transfer) string { return t.Out + "-" + t.In }

// find returns the transfer of that id.
func (s *Service) find(ctx context.Context, bookID, id string) (t ledger.Transfer, out, in ledger.Entry, err error) {
	first, second, _ := strings.Cut(id, "-")
	t.BookID, t.Out, t.In = bookID, first, second
	records := ledger.All()
	err = s.Engine.View(ctx, func(tx store.Tx) error {
		t, err = records.Transfers.Get(tx, t.Key())
		if err != nil {
			return err
		}
		out, in, _, err = ends(tx, records, t)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrBadName) {
		err = errs.Wrap(errs.NotFound, err, "This transfer is not known any more. Reload the page.")
	}
	return t, out, in, err
}

// Accept makes a proposed pair one transaction, on behalf of the person who has
// decided so. A Conflict says in words what stands in the way.
func (s *Service) Accept(ctx context.Context, book Book, bookID, id string) error {
	t, out, in, err := s.find(ctx, bookID, id)
	switch {
	case err != nil:
		return err
	case t.State == ledger.Joined:
		return nil
	case t.State != ledger.Proposed || !isFree(out) || !isFree(in):
		return errs.New(errs.Conflict, "This proposal has been dealt with meanwhile.")
	}
	reason := fmt.Sprintf("Transfer: accepted by a person. %s arrived on %s: %s.", in.Row.Amount.Abs(), in.Row.Date, short(in.Row.Description))
	return s.join(ctx, book, out, in, ledger.Transfer{Reason: reason, Habit: t.Habit, Decided: true}, asItStands)
}

// Reject remembers that a proposed pair are two.
func (s *Service) Reject(ctx context.Context, bookID, id string) error {
	t, _, _, err := s.find(ctx, bookID, id)
	if err != nil {
		return err
	}
	return ledger.All().Transfers.Update(ctx, s.Engine, t.Key(), func(t ledger.Transfer) (ledger.Transfer, error) {
		switch t.State {
		case ledger.Apart:
			return t, nil
		case ledger.Proposed:
			t.State, t.Decided, t.UpdatedAt = ledger.Apart, true, s.Now()
			return t, nil
		default:
			return t, errs.New(errs.Conflict, "These two are one transaction already. Undo that instead.")
		}
	})
}

// Undo makes two transactions of a joined transfer again, on behalf of a
// person, and remembers that they are two. It is named by the remote id of
// either end. A Conflict says in words what stands in the way.
func (s *Service) Undo(ctx context.Context, book Book, bookID, remoteID string) error {
	t, err := s.transferOf(ctx, bookID, remoteID)
	switch {
	case err != nil:
		return err
	case t.State != ledger.Joined:
		return errs.New(errs.Conflict, "This transfer is being worked on. Try again in a moment.")
	}
	return s.part(ctx, book, t, ledger.Apart)
}

// Part makes two transactions of a joined transfer again because one end is
// about to leave the book: the bank withdraws or changes it, or its run is
// undone. Nothing is remembered: if both stay, they may be joined again. An
// entry that is no end of a transfer is left alone. A Conflict says that a
// person has changed the transfer. The caller holds no lease of an account.
func (s *Service) Part(ctx context.Context, bookID, remoteID string) error {
	t, err := s.transferOf(ctx, bookID, remoteID)
	switch {
	case errs.Is(err, errs.NotFound):
		return nil
	case err != nil:
		return err
	case t.State != ledger.Joined:
		if err := s.goOn(ctx, t); err != nil {
			return err
		}
		return s.Part(ctx, bookID, remoteID)
	}
	out, found, err := s.load(ctx, bookID, t.Out)
	if err != nil || !found {
		return err
	}
	return s.part(ctx, s.Books.For(out.UserID), t, ledger.Proposed)
}

func (s *Service) load(ctx context.Context, bookID, remoteID string) (e ledger.Entry, found bool, err error) {
	err = s.Engine.View(ctx, func(tx store.Tx) (err error) {
		e, found, err = entry(tx, ledger.All(), bookID, remoteID)
		return err
	})
	return e, found, err
}

// transferOf returns the transfer that an entry is an end of.
func (s *Service) transferOf(ctx context.Context, bookID, remoteID string) (t ledger.Transfer, err error) {
	records := ledger.All()
	err = s.Engine.View(ctx, func(tx store.Tx) error {
		e, found, err := entry(tx, records, bookID, remoteID)
		if err != nil {
			return err
		}
		if !found || e.Pair == "" {
			return errs.New(errs.NotFound, "This transaction is no end of a transfer between own accounts.")
		}
		out, in := e.RemoteID, e.Pair
		if e.Row.Amount.Sign() > 0 {
			out, in = in, out
		}
		t, err = records.Transfers.Get(tx, ledger.Transfer{BookID: bookID, Out: out, In: in}.Key())
		return err
	})
	return t, err
}

// hold takes the leases under which the feed works on the accounts of both
// entries.
func (s *Service) hold(ctx context.Context, out, in ledger.Entry) (*held, error) {
	h := &held{leases: store.Leases{Engine: s.Engine, Now: s.Now}}
	owner := "transfer:" + s.NewID()
	names := []string{ledger.AccountLease(out.BookID, out.AccountID), ledger.AccountLease(in.BookID, in.AccountID)}
	slices.SortFunc(names, cmp.Compare[string])
	for _, name := range slices.Compact(names) {
		lease, err := h.leases.Acquire(ctx, name, owner, leaseTime)
		if errors.Is(err, store.ErrHeld) {
			err = &errs.Error{Code: errs.Unavailable, After: time.Second, Err: err}
		}
		if err != nil {
			s.release(ctx, h)
			return nil, err
		}
		h.all = append(h.all, lease)
	}
	return h, nil
}

// held are the leases of one piece of work.
type held struct {
	leases store.Leases
	all    []store.Lease
}

// check returns an error if one was lost.
func (h *held) check(tx store.Tx) error {
	for _, lease := range h.all {
		if err := h.leases.Check(tx, lease); err != nil {
			return &errs.Error{Code: errs.Unavailable, After: time.Second, Err: err}
		}
	}
	return nil
}

func (s *Service) release(ctx context.Context, h *held) {
	for _, lease := range h.all {
		if err := h.leases.Release(context.WithoutCancel(ctx), lease); err != nil {
			s.Log.WarnContext(ctx, "lease not released", "lease", lease.Name, "error", err)
		}
	}
}
