package transfer

import (
	"context"
	"fmt"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// pair are the two transactions of a transfer with their entries, as just read
// from the book.
type pair struct {
	out, in member
}

type member struct {
	entry ledger.Entry
	t     bkper.Transaction
}

// read reads both transactions. One that the book has no more is as good as
// trashed.
func read(ctx context.Context, book Book, out, in ledger.Entry) (pair, error) {
	p := pair{out: member{entry: out}, in: member{entry: in}}
	for _, m := range []*member{&p.out, &p.in} {
		var err error
		if m.t, err = readOne(ctx, book, m.entry.BookID, m.entry.TransactionID); err != nil {
			return p, err
		}
	}
	return p, nil
}

func readOne(ctx context.Context, book Book, bookID, id string) (bkper.Transaction, error) {
	t, err := book.Transaction(ctx, bookID, id)
	if errs.Is(err, errs.NotFound) {
		return bkper.Transaction{ID: id, Trashed: true}, nil
	}
	if err != nil {
		return t, fmt.Errorf("reading transaction %s: %w", id, err)
	}
	return t, nil
}

// moves reports whether a transaction moves money from one account to the
// other.
func moves(t bkper.Transaction, from, to string) bool {
	return !t.Trashed && sideID(t.CreditAccount) == from && sideID(t.DebitAccount) == to
}

func sideID(a *bkper.Account) string {
	if a == nil {
		return ""
	}
	return a.ID
}

// A condition says whether a transaction may be used as it stands.
type condition func(member) bool

// untouched holds while the book says what the app has written.
func untouched(m member) bool {
	return m.entry.State == ledger.Recorded && !m.entry.Touched && m.entry.Written.Alone(m.t)
}

// asItStands holds for all that a person may want to join.
func asItStands(member) bool { return true }

// arrange decides which of the two stays: the one that moves both accounts
// already, a posted one before a draft, else the older. Its error is a Conflict
// that says what stands in the way.
func (p pair) arrange(may condition) (first member, err error) {
	from, to := p.out.entry.AccountID, p.in.entry.AccountID
	open := func(m member) bool { // a draft in which nobody has chosen another account
		return m.t.Status() == bkper.Draft &&
			(moves(m.t, from, to) || m.t.CreditAccount == nil || m.t.DebitAccount == nil || untouched(m))
	}
	rank := func(m member) int {
		switch {
		case !moves(m.t, from, to) && !open(m):
			return 0
		case !moves(m.t, from, to):
			return 1
		case m.t.Status() == bkper.Draft:
			return 2
		default:
			return 3
		}
	}
	older, newer := p.out, p.in
	if p.in.entry.Row.Date.Before(p.out.entry.Row.Date) {
		older, newer = p.in, p.out
	}
	for _, m := range []member{older, newer} {
		amount, err := m.t.Amount.Decimal()
		switch {
		case !may(m):
			return first, errs.New(errs.Conflict, "It was changed in the book meanwhile.")
		case m.t.Trashed:
			return first, errs.New(errs.Conflict, "One of the two was deleted in the book.")
		case err != nil || !amount.Equal(m.entry.Row.Amount.Number().Abs()):
			return first, errs.New(errs.Conflict, "One of the two has another amount in the book than at the bank.")
		}
	}
	switch {
	case rank(older) >= rank(newer) && rank(older) > 0 && open(newer):
		return older, nil
	case rank(newer) > 0 && open(older):
		return newer, nil
	default:
		return first, errs.New(errs.Conflict, "The two were completed or posted apart. Make one of them move both accounts in the book, and delete the other.")
	}
}

// join makes one transaction of two entries. A Conflict says what stands in the
// way; then each stands for itself as before.
func (s *Service) join(ctx context.Context, book Book, out, in ledger.Entry, t ledger.Transfer, may condition) error {
	h, err := s.hold(ctx, out, in)
	if err != nil {
		return err
	}
	defer s.release(ctx, h)
	p, err := read(ctx, book, out, in)
	if err != nil {
		return err
	}
	first, err := p.arrange(may)
	if err != nil {
		return err
	}
	second := p.in
	if first.entry.RemoteID == in.RemoteID {
		second = p.out
	}
	t.BookID, t.Out, t.In, t.State = out.BookID, out.RemoteID, in.RemoteID, ledger.Joining
	t.First, t.Second = endBefore(first), endBefore(second)
	if err := s.intend(ctx, h, t, out, in); err != nil {
		return err
	}
	t, err = s.work(ctx, h, book, t, out.AccountID, in.AccountID)
	if err == nil && t.State != ledger.Joined {
		return errs.New(errs.Conflict, t.Reason)
	}
	return err
}

func endBefore(m member) ledger.TransferEnd {
	return ledger.TransferEnd{
		RemoteID: m.entry.RemoteID, TransactionID: m.t.ID, State: m.entry.State,
		Before: ledger.WrittenOf(m.t, m.t.Properties[complete.ReasonProperty]),
	}
}

// intend writes down what is about to be done, unless an entry has changed
// since it was read.
func (s *Service) intend(ctx context.Context, h *held, t ledger.Transfer, read ...ledger.Entry) error {
	return s.update(ctx, h, t, func(e *ledger.Entry) error {
		for _, old := range read {
			if old.RemoteID == e.RemoteID && (!isFree(*e) || e.Touched != old.Touched || e.TransactionID != old.TransactionID) {
				return errs.New(errs.Conflict, "It was changed in the book meanwhile.")
			}
		}
		e.Pair = t.Out
		if e.RemoteID == t.Out {
			e.Pair = t.In
		}
		return nil
	})
}

// update writes a transfer and what change makes of both its entries.
func (s *Service) update(ctx context.Context, h *held, t ledger.Transfer, change func(*ledger.Entry) error) error {
	records := ledger.All()
	t.UpdatedAt = s.Now()
	err := s.Engine.Update(ctx, func(tx store.Tx) error {
		if err := h.check(tx); err != nil {
			return err
		}
		var entries []ledger.Entry
		for _, remoteID := range []string{t.Out, t.In} {
			e, found, err := entry(tx, records, t.BookID, remoteID)
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			if err := change(&e); err != nil {
				return err
			}
			e.UpdatedAt = t.UpdatedAt
			entries = append(entries, e)
		}
		for _, e := range entries {
			if err := records.PutEntry(tx, e); err != nil {
				return err
			}
		}
		return records.Transfers.Put(tx, t.Key(), t)
	})
	if err != nil {
		return fmt.Errorf("writing the transfer %s: %w", t.Key(), err)
	}
	return nil
}

// goOn goes on with a transfer that was cut short.
func (s *Service) goOn(ctx context.Context, t ledger.Transfer) error {
	var out, in ledger.Entry
	err := s.Engine.View(ctx, func(tx store.Tx) (err error) {
		out, in, _, err = ends(tx, ledger.All(), t)
		return err
	})
	if err != nil {
		return err
	}
	h, err := s.hold(ctx, out, in)
	if err != nil {
		return err
	}
	defer s.release(ctx, h)
	// It may have been finished before the leases were had.
	now, err := ledger.All().Transfers.Load(ctx, s.Engine, t.Key())
	if err != nil || now.State != ledger.Joining && now.State != ledger.Parting {
		return err
	}
	_, err = s.work(ctx, h, s.Books.For(out.UserID), now, out.AccountID, in.AccountID)
	return err
}

// part makes two of a joined transfer again, and then what then says.
func (s *Service) part(ctx context.Context, book Book, t ledger.Transfer, then ledger.TransferState) error {
	var out, in ledger.Entry
	err := s.Engine.View(ctx, func(tx store.Tx) (err error) {
		out, in, _, err = ends(tx, ledger.All(), t)
		return err
	})
	if err != nil {
		return err
	}
	h, err := s.hold(ctx, out, in)
	if err != nil {
		return err
	}
	defer s.release(ctx, h)
	first, err := readOne(ctx, book, t.BookID, t.First.TransactionID)
	if err != nil {
		return err
	}
	j := &job{t: t, from: out.AccountID, to: in.AccountID}
	switch {
	case first.Trashed:
		return errs.New(errs.Conflict, "The transfer was deleted in the book. Restore it there first.")
	case first.Status() != bkper.Draft && j.isFilledIn():
		return errs.New(errs.Conflict, "The transfer was posted. Change its account in the book, or delete it there and restore both drafts.")
	case then != ledger.Apart && !j.isOurs(first):
		return errs.New(errs.Conflict, "The transfer was changed in the book.")
	}
	t.State, t.Then = ledger.Parting, then
	if err := s.update(ctx, h, t, func(*ledger.Entry) error { return nil }); err != nil {
		return err
	}
	_, err = s.work(ctx, h, book, t, out.AccountID, in.AccountID)
	return err
}
