// Package reconcile holds what the app believes against what others say: the
// ledger against the balance that the bank gives, and against what stands in
// the book. It names what differs, for a bookkeeper, and lets the ledger say
// what the book says where that is safe. It never writes to the book.
package reconcile

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

const (
	windowDays   = 60               // days back that are compared
	every        = 24 * time.Hour   // how often a book is compared
	settlingTime = 10 * time.Minute // what changed later than so long ago is left to what is changing it
	mostFindings = 200              // kept of one comparison
	mostLookups  = 100              // transactions looked up one by one in one comparison
	mostHeals    = 100              // entries written in one transaction of the store
	pageSize     = 1000             // transactions of the book asked for at once
)

// Book is what a comparison reads of the book, on behalf of one user.
type Book interface {
	Transaction(ctx context.Context, bookID, id string) (bkper.Transaction, error)
	FindRemoteID(ctx context.Context, bookID, remoteID string) ([]bkper.Transaction, error)
	Transactions(ctx context.Context, bookID, query string, pageSize int) iter.Seq2[bkper.Transaction, error]
}

// Service compares. It is safe for concurrent use.
type Service struct {
	Engine store.Engine
	Book   func(userID string) Book // on behalf of a user who is away
	Now    func() time.Time
	Log    *slog.Logger
}

// Report is how a book stands: the balances as they are now, the rest as the
// last comparison found it.
type Report struct {
	ledger.Reconciliation
	Balances []Balance
}

// Report returns how a book stands. At is zero if it was never compared.
func (s *Service) Report(ctx context.Context, bookID string) (Report, error) {
	var r Report
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		r = Report{}
		var err error
		if r.Reconciliation, _, err = ledger.All().Reconciliations.Find(tx, store.Key(bookID)); err != nil {
			return err
		}
		accounts, err := s.accounts(tx, bookID)
		for _, a := range accounts {
			b, _ := a.check()
			r.Balances = append(r.Balances, b)
		}
		return err
	})
	if err != nil {
		return Report{}, fmt.Errorf("reading how book %s stands: %w", bookID, err)
	}
	r.BookID = bookID
	return r, nil
}

// Due returns the books that were not compared for a day, or never, though
// their first integration has had time to record something.
func (s *Service) Due(ctx context.Context) ([]string, error) {
	records := ledger.All()
	var due []string
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		due = nil
		var books []string
		err := records.Integrations.Scan(tx, store.Span{}, func(_ string, i ledger.Integration) (bool, error) {
			if s.Now().Sub(i.CreatedAt) >= settlingTime {
				books = append(books, i.BookID)
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		for _, id := range slices.Compact(books) { // they come in the order of their ids
			last, _, err := records.Reconciliations.Find(tx, store.Key(id))
			if err != nil {
				return err
			}
			if s.Now().Sub(last.At) >= every {
				due = append(due, id)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for books to compare: %w", err)
	}
	return due, nil
}

// Nightly compares ledger and book, heals what is safe to heal, and keeps the
// result. An error says that it is to be tried again; a book that lets nobody
// read it is no error but a part of the result. Doing it again does no harm.
func (s *Service) Nightly(ctx context.Context, bookID string) error {
	if err := s.settleOpenings(ctx, bookID); err != nil {
		return fmt.Errorf("comparing with the bank's balances: %w", err)
	}
	result, err := s.compare(ctx, bookID)
	if err != nil && !refuses(err) {
		return fmt.Errorf("comparing with book %s: %w", bookID, err)
	}
	if err != nil {
		s.Log.WarnContext(ctx, "book not compared", "book", bookID, "error", err)
		result.Problem = &ledger.Problem{Code: errs.CodeOf(err), Sentence: errs.Public(err), At: s.Now()}
	}
	return ledger.All().Reconciliations.Save(ctx, s.Engine, store.Key(bookID), result)
}

// settleOpenings keeps from where the balances of the book are counted.
func (s *Service) settleOpenings(ctx context.Context, bookID string) error {
	openings := make(map[string]ledger.Opening)
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		clear(openings)
		accounts, err := s.accounts(tx, bookID)
		for _, a := range accounts {
			if _, next := a.check(); next != nil {
				openings[a.integration.ID] = *next
			}
		}
		return err
	})
	if err != nil || len(openings) == 0 {
		return err
	}
	return s.Engine.Update(ctx, func(tx store.Tx) error {
		for id, o := range openings {
			if err := ledger.All().Openings.Put(tx, store.Key(id), o); err != nil {
				return err
			}
		}
		return nil
	})
}

// refuses reports whether an error says that this user cannot read the book,
// however often it is tried.
func refuses(err error) bool {
	switch errs.CodeOf(err) {
	case errs.LostAccess, errs.Forbidden, errs.Unauthenticated, errs.NotFound:
		return true
	default:
		return false
	}
}

// compare reads both sides, judges, and heals.
func (s *Service) compare(ctx context.Context, bookID string) (ledger.Reconciliation, error) {
	now := s.Now()
	from := bank.DateOf(now.UTC()).AddDays(-windowDays)
	result := ledger.Reconciliation{BookID: bookID, At: now, From: from}

	integrations, entries, err := s.ours(ctx, bookID, from)
	if err != nil || len(integrations) == 0 {
		return result, err
	}
	book, listed, err := s.theirs(ctx, bookID, from, integrations, entries)
	if err != nil {
		return result, err
	}
	result.Entries, result.Transactions = len(entries), listed.count
	if err := s.addListed(ctx, bookID, listed, entries); err != nil {
		return result, err
	}
	c := comparison{integrations: integrations, before: now.Add(-settlingTime)}
	verdicts, err := s.judge(ctx, book, c, entries, listed)
	if err != nil {
		return result, err
	}
	if err := s.heal(ctx, verdicts); err != nil {
		return result, fmt.Errorf("healing the ledger: %w", err)
	}
	note(&result, verdicts)
	return result, nil
}
