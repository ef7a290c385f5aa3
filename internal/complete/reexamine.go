package complete

import (
	"context"
	"fmt"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/learn"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// ReasonProperty is the property of a draft that says in words why its counter
// account was filled.
const ReasonProperty = "completed_because"

// Completed is a draft that was completed.
type Completed struct {
	Text    string // the bank's
	Account string // name of the counter account
}

const (
	mostOpen    = 5000 // open drafts looked at after one lesson
	updateBatch = 100
	draftPage   = 1000
)

// Reexamine completes the open drafts of a book that the learner is now sure
// of. It touches a draft only while the book still says what the app wrote.
func (c *Completer) Reexamine(ctx context.Context, book Book, bookID string) ([]Completed, error) {
	open, err := c.openDrafts(ctx, bookID)
	if err != nil || len(open) == 0 {
		return nil, err
	}
	movements := make([]learn.Movement, len(open))
	for i, e := range open {
		movements[i] = MovementOf(e.AccountID, e.Row)
	}
	suggestions, err := c.Suggest(ctx, book, bookID, movements)
	if err != nil {
		return nil, err
	}
	sure := make(map[string]completion)
	for i, e := range open {
		if suggestions[i].Known && suggestions[i].Sure && suggestions[i].Account != e.AccountID {
			sure[e.TransactionID] = completion{entry: e, suggestion: suggestions[i].Suggestion}
		}
	}
	if len(sure) == 0 {
		return nil, nil
	}
	todo, err := c.untouched(ctx, book, bookID, sure)
	if err != nil {
		return nil, err
	}
	chart, err := c.Chart(ctx, book, bookID)
	if err != nil {
		return nil, err
	}
	var done []Completed
	for start := 0; start < len(todo); start += updateBatch {
		part := todo[start:min(start+updateBatch, len(todo))]
		if err := c.write(ctx, book, bookID, part); err != nil {
			return done, err
		}
		for _, p := range part {
			done = append(done, Completed{Text: p.entry.Row.Description, Account: chart.Name(p.suggestion.Account)})
		}
	}
	return done, nil
}

// completion is an entry, its draft as it was just read, and what to fill in.
type completion struct {
	entry      ledger.Entry
	draft      bkper.Transaction
	suggestion learn.Suggestion
}

func (c *Completer) openDrafts(ctx context.Context, bookID string) ([]ledger.Entry, error) {
	var open []ledger.Entry
	err := c.engine.View(ctx, func(tx store.Tx) error {
		var refs []ledger.Ref
		span := store.Below(bookID, string(ledger.OpenDraft))
		span.Limit = mostOpen
		err := c.records.Work.Scan(tx, span, func(_ string, ref ledger.Ref) (bool, error) {
			refs = append(refs, ref)
			return true, nil
		})
		if err != nil {
			return err
		}
		open = make([]ledger.Entry, 0, len(refs))
		for _, ref := range refs {
			key, _ := ledger.EntryKey(bookID, ref.RemoteID)
			e, found, err := c.records.Entries.Find(tx, key)
			if err != nil {
				return err
			}
			if found && e.State == ledger.Recorded && e.TransactionID != "" && e.Written != nil {
				open = append(open, e)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the open drafts of book %s: %w", bookID, err)
	}
	return open, nil
}

// untouched returns those completions whose draft nobody has touched. It reads
// all drafts of the book at once: one call where single reads would be many.
func (c *Completer) untouched(ctx context.Context, book Book, bookID string, sure map[string]completion) ([]completion, error) {
	var todo []completion
	for t, err := range book.Transactions(ctx, bookID, bkper.IsDraft, draftPage) {
		if err != nil {
			return nil, fmt.Errorf("reading the drafts of book %s: %w", bookID, err)
		}
		p, ok := sure[t.ID]
		if !ok || !p.entry.Written.Same(t) {
			continue
		}
		p.draft = t
		todo = append(todo, p)
		delete(sure, t.ID)
	}
	return todo, nil
}

// write fills in the counter accounts and remembers what was written.
func (c *Completer) write(ctx context.Context, book Book, bookID string, part []completion) error {
	updates := make([]bkper.Transaction, len(part))
	for i, p := range part {
		updates[i] = Fill(p.draft, p.suggestion)
	}
	updated, err := book.UpdateTransactions(ctx, bookID, updates, false)
	if err != nil {
		return fmt.Errorf("completing %d drafts of book %s: %w", len(part), bookID, err)
	}
	return c.engine.Update(ctx, func(tx store.Tx) error {
		var entries []ledger.Entry
		for _, p := range part {
			e, found, err := c.records.Entries.Find(tx, p.entry.Key())
			if err != nil {
				return err
			}
			if t, ok := updated[p.entry.TransactionID]; ok && found {
				e.Written = ledger.WrittenOf(t, p.suggestion.Reason)
				e.UpdatedAt = c.now()
				entries = append(entries, e)
			}
		}
		for _, e := range entries {
			if err := c.records.PutEntry(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Fill returns the draft with its missing side filled, still a draft, and with
// the reason as a property. Everything else is as it was: Bkper takes an
// update as the whole of what can be written.
func Fill(draft bkper.Transaction, s learn.Suggestion) bkper.Transaction {
	counter := &bkper.Account{ID: s.Account}
	filled := draft
	if filled.CreditAccount == nil {
		filled.CreditAccount = counter
	} else {
		filled.DebitAccount = counter
	}
	filled.Draft = true
	filled.Properties = map[string]string{ReasonProperty: s.Reason}
	for k, v := range draft.Properties {
		if k != ReasonProperty {
			filled.Properties[k] = v
		}
	}
	return filled
}

// Summary says what was completed, in one line for the activity of the book;
// "" if nothing was.
func Summary(done []Completed) string {
	if len(done) == 0 {
		return ""
	}
	const most = 3
	var parts []string
	seen := make(map[string]bool)
	for _, d := range done {
		part := learn.Key(d.Text) + " -> " + d.Account
		if !seen[part] {
			seen[part] = true
			parts = append(parts, part)
		}
	}
	more := ""
	if len(parts) > most {
		more = fmt.Sprintf(" and %d more", len(parts)-most)
		parts = parts[:most]
	}
	noun := "drafts"
	if len(done) == 1 {
		noun = "draft"
	}
	return fmt.Sprintf("Completed %d %s: %s%s", len(done), noun, strings.Join(parts, ", "), more)
}
