package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// Book is all rules of a book.
type Book struct {
	Version int    `json:"version"` // grows with every change
	Order   int    `json:"order"`   // grows when a rule comes, goes or moves
	Rules   []Rule `json:"rules"`
}

// Dresses reports whether a rule that is switched on gives more than accounts.
func (b Book) Dresses() bool {
	return slices.ContainsFunc(b.Rules, func(r Rule) bool { return r.Enabled && r.Dresses() })
}

func (b Book) at(id string) int {
	return slices.IndexFunc(b.Rules, func(r Rule) bool { return r.ID == id })
}

// Store keeps the rules of books. Who changes a rule says which state of it he
// has seen, so that two editors never overwrite each other unknowingly.
type Store struct {
	engine   store.Engine
	newID    func() string
	books    store.Collection[Book]     // book id
	declined store.Collection[struct{}] // store.Key(book id, proposal id)
}

// NewStore returns the rules that lie in engine. newID makes short unique ids.
func NewStore(engine store.Engine, newID func() string) *Store {
	return &Store{
		engine: engine, newID: newID,
		books: store.NewCollection[Book]("rules"), declined: store.NewCollection[struct{}]("rules_declined"),
	}
}

// Find returns the rules of a book, none if there never were any.
func (s *Store) Find(tx store.Tx, bookID string) (Book, error) {
	b, _, err := s.books.Find(tx, store.Key(bookID))
	return b, err
}

// Load is Find in a transaction of its own.
func (s *Store) Load(ctx context.Context, bookID string) (Book, error) {
	var b Book
	err := s.engine.View(ctx, func(tx store.Tx) (err error) {
		b, err = s.Find(tx, bookID)
		return err
	})
	if err != nil {
		return b, fmt.Errorf("reading the rules of book %s: %w", bookID, err)
	}
	return b, nil
}

// Create adds a rule behind all others and returns it as it is kept. Id and
// revision of what is given mean nothing.
func (s *Store) Create(ctx context.Context, bookID string, r Rule) (Rule, error) {
	r, err := r.Clean()
	if err != nil {
		return Rule{}, err
	}
	r.ID, r.Revision = s.newID(), 1
	return r, s.change(ctx, bookID, func(b *Book) error {
		if len(b.Rules) >= MostRules {
			return invalid("A book can have at most %d rules. Delete one that matches nothing any more.", MostRules)
		}
		if same := slices.IndexFunc(b.Rules, func(o Rule) bool { return o.Conditions.equal(r.Conditions) }); same >= 0 {
			return errs.New(errs.Conflict, fmt.Sprintf("The rule %q is about the same transactions already. Change that one.", b.Rules[same].Name))
		}
		b.Rules = append(b.Rules, r)
		b.Order++
		return b.checkPatterns()
	})
}

// Update replaces the rule of that id if it still has that revision, and
// returns it as it is kept: a Conflict says that somebody was faster.
func (s *Store) Update(ctx context.Context, bookID string, r Rule) (Rule, error) {
	r, err := r.Clean()
	if err != nil {
		return Rule{}, err
	}
	seen := r.Revision
	r.Revision++
	return r, s.change(ctx, bookID, func(b *Book) error {
		at, err := b.seen(r.ID, seen)
		if err != nil {
			return err
		}
		b.Rules[at] = r
		return b.checkPatterns()
	})
}

// Delete removes the rule of that id if it still has that revision.
func (s *Store) Delete(ctx context.Context, bookID, id string, revision int) error {
	return s.change(ctx, bookID, func(b *Book) error {
		at, err := b.seen(id, revision)
		if err != nil {
			return err
		}
		b.Rules = slices.Delete(b.Rules, at, at+1)
		b.Order++
		return nil
	})
}

// Arrange puts the rules into another order, given by their ids, if the order
// is still the one that was seen.
func (s *Store) Arrange(ctx context.Context, bookID string, ids []string, seen int) error {
	return s.change(ctx, bookID, func(b *Book) error {
		if seen != b.Order {
			return errs.New(errs.Conflict, "The rules were changed meanwhile. Look at them as they are now, and move the rule again.")
		}
		var arranged []Rule
		for n, id := range ids {
			at := b.at(id)
			if at < 0 || slices.Contains(ids[:n], id) {
				break
			}
			arranged = append(arranged, b.Rules[at])
		}
		if len(arranged) != len(b.Rules) || len(ids) != len(b.Rules) {
			return invalid("Name each rule of the book once, in the new order.")
		}
		b.Rules = arranged
		b.Order++
		return nil
	})
}

// seen returns the place of a rule whose revision somebody has seen.
func (b *Book) seen(id string, revision int) (int, error) {
	at := b.at(id)
	switch {
	case at < 0:
		return 0, errs.New(errs.NotFound, "There is no such rule. It may have been deleted meanwhile.")
	case b.Rules[at].Revision != revision:
		return 0, errs.New(errs.Conflict, fmt.Sprintf("The rule %q was changed meanwhile. Look at it as it is now, and make your change again.", b.Rules[at].Name))
	}
	return at, nil
}

// checkPatterns keeps the patterns of a book from being slow together.
func (b *Book) checkPatterns() error {
	steps := 0
	for _, r := range b.Rules {
		if r.Matches != "" {
			steps += stepsOf(r.Matches)
		}
	}
	if steps > allSteps {
		return invalid("The patterns of this book are too large together. Look for a text with \"contains\" where you can.")
	}
	return nil
}

func (s *Store) change(ctx context.Context, bookID string, f func(*Book) error) error {
	err := s.books.Upsert(ctx, s.engine, store.Key(bookID), func(b Book, _ bool) (Book, error) {
		b.Rules = slices.Clone(b.Rules)
		b.Version++
		err := f(&b)
		return b, err
	})
	if _, told := errors.AsType[*errs.Error](err); err == nil || told {
		return err
	}
	return fmt.Errorf("changing the rules of book %s: %w", bookID, err)
}

// Decline remembers that a proposal is not wanted.
func (s *Store) Decline(ctx context.Context, bookID, proposalID string) error {
	if err := s.declined.Save(ctx, s.engine, store.Key(bookID, proposalID), struct{}{}); err != nil {
		return fmt.Errorf("declining a rule for book %s: %w", bookID, err)
	}
	return nil
}

// Declined returns the ids of the proposals of a book that are not wanted.
func (s *Store) Declined(ctx context.Context, bookID string) (map[string]bool, error) {
	ids := make(map[string]bool)
	err := s.engine.View(ctx, func(tx store.Tx) error {
		clear(ids)
		return s.declined.Scan(tx, store.Below(bookID), func(id string, _ struct{}) (bool, error) {
			parts := store.Parts(id)
			ids[parts[len(parts)-1]] = true
			return true, nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the declined rules of book %s: %w", bookID, err)
	}
	return ids, nil
}
