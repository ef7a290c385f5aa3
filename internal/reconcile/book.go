package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// ours reads the integrations of a book and the entries since a day, by their
// remote ids.
func (s *Service) ours(ctx context.Context, bookID string, from bank.Date) ([]ledger.Integration, map[string]ledger.Entry, error) {
	var integrations []ledger.Integration
	entries := make(map[string]ledger.Entry)
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		clear(entries)
		var err error
		if integrations, err = ledger.All().IntegrationsOfBook(tx, bookID); err != nil {
			return err
		}
		return ledger.All().EntriesOfDays(tx, bookID, from, farFuture(s.Now()), func(e ledger.Entry) { entries[e.RemoteID] = e })
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the ledger: %w", err)
	}
	return integrations, entries, nil
}

// listing is what the book has that concerns us.
type listing struct {
	byRemote map[string][]bkper.Transaction // remote ids of ours
	byID     map[string]bkper.Transaction   // those that entries name
	count    int                            // all that were looked through
}

// theirs lists what the book has since some days before the first, trash
// included, as the first of the integrations' users who may. It returns the
// book as that user sees it, too.
func (s *Service) theirs(
	ctx context.Context, bookID string, from bank.Date, integrations []ledger.Integration, entries map[string]ledger.Entry,
) (book Book, l listing, err error) {
	named := make(map[string]bool, len(entries))
	for _, e := range entries {
		named[e.TransactionID] = true
	}
	query := "after:" + from.AddDays(-lookBack).String()
	var users []string
	for _, i := range integrations {
		if slices.Contains(users, i.AddedBy) {
			continue
		}
		users = append(users, i.AddedBy)
		book = s.Book(i.AddedBy)
		if l, err = list(ctx, book, bookID, []string{query, query + " " + bkper.IsTrashed}, named); err == nil || !refuses(err) {
			return book, l, err
		}
	}
	return book, l, err
}

// list reads what queries find, and keeps what concerns us.
func list(ctx context.Context, book Book, bookID string, queries []string, named map[string]bool) (listing, error) {
	l := listing{byRemote: make(map[string][]bkper.Transaction), byID: make(map[string]bkper.Transaction)}
	seen := make(map[string]bool)
	for _, query := range queries {
		for t, err := range book.Transactions(ctx, bookID, query, pageSize) {
			if err != nil {
				return l, fmt.Errorf("listing transactions: %w", err)
			}
			if seen[t.ID] {
				continue
			}
			seen[t.ID] = true
			l.count++
			if named[t.ID] {
				l.byID[t.ID] = t
			}
			for _, id := range t.RemoteIDs {
				if _, ours := ledger.RemoteDay(id); ours {
					l.byRemote[id] = append(l.byRemote[id], t)
				}
			}
		}
	}
	return l, nil
}

// copies are the listed transactions of an entry: those with its remote id, and
// the one that it names.
func (l listing) copies(e ledger.Entry) copies {
	var in copies
	for _, t := range l.byRemote[e.RemoteID] {
		in.add(t)
	}
	if t, found := l.byID[e.TransactionID]; found && !t.HasRemoteID(e.RemoteID) {
		in.add(t)
	}
	return in
}

func (c *copies) add(t bkper.Transaction) {
	if t.Trashed {
		c.trashed = append(c.trashed, t)
	} else {
		c.live = append(c.live, t)
	}
}

// addListed adds the entries of other days whose remote ids the book lists.
func (s *Service) addListed(ctx context.Context, bookID string, l listing, entries map[string]ledger.Entry) error {
	var others []string
	for id := range l.byRemote {
		if _, known := entries[id]; !known {
			others = append(others, id)
		}
	}
	return s.Engine.View(ctx, func(tx store.Tx) error {
		for _, id := range others {
			key, _ := ledger.EntryKey(bookID, id)
			e, found, err := ledger.All().Entries.Find(tx, key)
			if err != nil {
				return fmt.Errorf("reading the ledger: %w", err)
			}
			if found {
				entries[id] = e
			}
		}
		return nil
	})
}

// judge compares every entry, and every remote id of ours in the book that has
// none. What the listing lacks is looked up, as far as that is not too much.
func (s *Service) judge(ctx context.Context, book Book, c comparison, entries map[string]ledger.Entry, l listing) ([]verdict, error) {
	var verdicts []verdict
	lookups := 0
	for _, id := range slices.Sorted(maps.Keys(entries)) {
		e := entries[id]
		if !c.isSettled(e) {
			continue
		}
		in := l.copies(e)
		if isMissing(e, in) && lookups < mostLookups {
			lookups++
			var err error
			if in, err = lookUp(ctx, book, e); err != nil {
				return nil, fmt.Errorf("looking for %s: %w", id, err)
			}
		}
		if v := c.entry(e, in); v.finding != nil {
			verdicts = append(verdicts, v)
		}
	}
	bookID := c.integrations[0].BookID
	for _, id := range slices.Sorted(maps.Keys(l.byRemote)) {
		if _, known := entries[id]; known {
			continue
		}
		v := c.unknown(bookID, id, l.copies(ledger.Entry{RemoteID: id}), s.Now())
		if v.finding != nil {
			verdicts = append(verdicts, v)
		}
	}
	return verdicts, nil
}

// lookUp finds the transactions of an entry wherever they are in the book.
func lookUp(ctx context.Context, book Book, e ledger.Entry) (copies, error) {
	in := copies{sought: true}
	same, err := book.FindRemoteID(ctx, e.BookID, e.RemoteID)
	if err != nil {
		return in, err
	}
	for _, t := range same {
		in.add(t)
	}
	if e.TransactionID == "" || slices.ContainsFunc(same, func(t bkper.Transaction) bool { return t.ID == e.TransactionID }) {
		return in, nil
	}
	t, err := book.Transaction(ctx, e.BookID, e.TransactionID)
	switch {
	case errs.Is(err, errs.NotFound):
		return in, nil
	case err != nil:
		return in, err
	}
	in.add(t)
	return in, nil
}

// heal writes the entries that should be others, unless they have changed since
// they were read, and says in the findings which.
func (s *Service) heal(ctx context.Context, verdicts []verdict) error {
	sick := make([]verdict, 0, len(verdicts))
	for _, v := range verdicts {
		if v.healed != nil {
			sick = append(sick, v)
		}
	}
	for part := range slices.Chunk(sick, mostHeals) {
		err := s.Engine.Update(ctx, func(tx store.Tx) error {
			var puts []verdict
			var notes []func() error
			for _, v := range part {
				v.finding.Healed = false
				now, err := ledger.All().Entries.Get(tx, v.healed.Key())
				switch {
				case errors.Is(err, store.ErrNotFound) && v.old.IsZero():
				case err != nil && !errors.Is(err, store.ErrNotFound):
					return err
				case err != nil || !now.UpdatedAt.Equal(v.old):
					continue
				}
				puts = append(puts, v)
				if now.Same != v.healed.Same {
					note, err := ledger.All().Restored(tx, now, s.Now())
					if err != nil {
						return err
					}
					notes = append(notes, note)
				}
			}
			for _, v := range puts {
				v.healed.UpdatedAt = s.Now()
				if err := ledger.All().PutEntry(tx, *v.healed); err != nil {
					return err
				}
				v.finding.Healed = true
			}
			for _, note := range notes {
				if err := note(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
