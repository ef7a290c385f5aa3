package complete

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/learn"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/rules"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// ReasonProperty is the property of a draft that says in words why its counter
// account was filled.
const ReasonProperty = ledger.ReasonProperty

// Completed is a draft that was completed.
type Completed struct {
	Text    string // the bank's
	Account string // name of the counter account
}

const (
	mostOpen    = 5000 // open drafts looked at after one lesson, the latest ones
	updateBatch = 100
	draftPage   = 1000
	mostRefused = 10 // drafts that the book may refuse before it is left in peace
)

// Reexamine completes the open drafts of a book that a rule decides or the
// learner is now sure of, if rules or lessons have changed since that was last
// done. It touches a draft only while the book still says what the app wrote.
// What a failed call leaves undone is owed, and done by the next one.
//
// Bkper has no conditional update: what a person changes in a draft in the
// moment between its listing and its update is overwritten by what the app has
// just read. What a page of drafts has is written before the next one is read,
// so that this moment is short.
func (c *Completer) Reexamine(ctx context.Context, book Book, bookID string) ([]Completed, error) {
	l := c.learner(bookID)
	if err := l.begin(ctx, bookID); err != nil {
		return nil, err
	}
	defer l.end()
	if err := c.pack(ctx, bookID); err != nil {
		return nil, fmt.Errorf("packing the lessons of book %s: %w", bookID, err)
	}
	owed, err := c.owed(ctx, bookID)
	if err != nil || !owed {
		return nil, err
	}
	open, err := c.openDrafts(ctx, bookID)
	if err != nil {
		return nil, err
	}
	return c.examine(ctx, book, bookID, open)
}

// begin waits until nobody else examines the open drafts; end lets others.
func (l *learner) begin(ctx context.Context, bookID string) error {
	select {
	case l.examining <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the drafts of book %s: %w", bookID, ctx.Err())
	}
}

func (l *learner) end() { <-l.examining }

// OweSince notes that the open drafts of a book are to be examined, if its posted
// history was learned at that moment or later: what was recorded meanwhile may
// have been decided without it, and not been there when the drafts were examined.
func (c *Completer) OweSince(ctx context.Context, bookID string, moment time.Time) (owed bool, err error) {
	err = c.engine.Update(ctx, func(tx store.Tx) error {
		state, _, err := c.records.Learning.Find(tx, store.Key(bookID))
		if err != nil {
			return err
		}
		if owed = !state.HistoryLearned.IsZero() && !state.HistoryLearned.Before(moment); !owed {
			return nil
		}
		state.Settings++
		return c.records.Learning.Put(tx, store.Key(bookID), state)
	})
	if err != nil {
		return false, fmt.Errorf("noting that the drafts of book %s are to be examined: %w", bookID, err)
	}
	return owed, nil
}

// owed reports whether rules or lessons have changed since the open drafts were
// examined.
func (c *Completer) owed(ctx context.Context, bookID string) (owed bool, err error) {
	err = c.engine.View(ctx, func(tx store.Tx) error {
		state, _, err := c.records.Learning.Find(tx, store.Key(bookID))
		if err != nil {
			return err
		}
		book, err := c.rules.Find(tx, bookID)
		if err != nil {
			return err
		}
		ruled, _, err := c.ruled.Find(tx, store.Key(bookID))
		owed = state.Examined != state.Version || state.SettingsSeen != state.Settings || ruled != book.Version
		return err
	})
	if err != nil {
		return false, fmt.Errorf("reading what the drafts of book %s were examined with: %w", bookID, err)
	}
	return owed, nil
}

// examine asks rules and learner about open drafts and writes what they decide.
func (c *Completer) examine(ctx context.Context, book Book, bookID string, open []ledger.Entry) ([]Completed, error) {
	decided, seen, err := c.decide(ctx, book, bookID, open)
	if err != nil {
		return nil, err
	}
	wanted := make(map[string]completion)
	for i, e := range open {
		if p := completionOf(e, decided[i]); p.fills() || p.dresses() {
			wanted[e.TransactionID] = p
		}
	}
	chart, err := c.Chart(ctx, book, bookID)
	if err != nil {
		return nil, err
	}
	r := &reexamination{Completer: c, book: book, bookID: bookID, chart: chart}
	err = r.complete(ctx, wanted)
	if err != nil && !refuses(err) {
		return r.done, err
	}
	// What the book refuses is not owed: it would be refused again.
	if stateErr := c.examined(ctx, bookID, seen); err == nil {
		err = stateErr
	}
	return r.done, err
}

// examined notes that the open drafts were examined with those lessons and
// rules.
func (c *Completer) examined(ctx context.Context, bookID string, seen versions) error {
	err := c.engine.Update(ctx, func(tx store.Tx) error {
		state, _, err := c.records.Learning.Find(tx, store.Key(bookID))
		if err != nil {
			return err
		}
		ruled, _, err := c.ruled.Find(tx, store.Key(bookID))
		if err != nil {
			return err
		}
		if seen.lessons > state.Examined || seen.settings > state.SettingsSeen {
			state.Examined, state.SettingsSeen = max(state.Examined, seen.lessons), max(state.SettingsSeen, seen.settings)
			if err := c.records.Learning.Put(tx, store.Key(bookID), state); err != nil {
				return err
			}
		}
		if seen.rules > ruled {
			return c.ruled.Put(tx, store.Key(bookID), seen.rules)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("noting that the drafts of book %s were examined: %w", bookID, err)
	}
	return nil
}

func (c *Completer) openDrafts(ctx context.Context, bookID string) ([]ledger.Entry, error) {
	var open []ledger.Entry
	err := c.engine.View(ctx, func(tx store.Tx) error {
		var refs []ledger.Ref
		span := ledger.WorkOf(bookID, ledger.OpenDraft)
		span.Limit, span.Reverse = mostOpen, true
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
			if found && e.State == ledger.Recorded && e.TransactionID != "" && e.Written != nil && !e.Written.InDoubt() {
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

// completion is an entry, its draft as it was just read, and what to write.
type completion struct {
	entry      ledger.Entry
	draft      bkper.Transaction
	suggestion Suggestion // of no account if there is none to fill in
	rule       rules.Rule // that gives more than the account; of no id if there is none
}

func completionOf(e ledger.Entry, d decision) completion {
	p := completion{entry: e}
	if d.Known && d.Sure && d.Account != e.AccountID {
		p.suggestion = d.Suggestion
	}
	if d.rule.Dresses() && d.rule.Stamp() != e.Written.Rule {
		p.rule = d.rule
	}
	return p
}

func (p completion) fills() bool   { return p.suggestion.Account != "" }
func (p completion) dresses() bool { return p.rule.ID != "" }

// isDone reports whether the book shows the draft as an earlier attempt has
// left it, of which no answer came.
func (p completion) isDone(t bkper.Transaction) bool {
	w := *p.entry.Written
	if p.fills() && w.From == "" {
		w.From = p.suggestion.Account
	} else if p.fills() {
		w.To = p.suggestion.Account
	}
	dressed := p.dresses() && t.Properties[ledger.RuleProperty] == p.rule.Stamp()
	if dressed {
		w.Description = t.Description
	}
	return (dressed || t.Properties[ReasonProperty] != "") && w.Same(t)
}

// update is what the draft shall say. A draft to which a person has added
// something keeps its description and properties.
func (p completion) update() (t bkper.Transaction, changes bool) {
	t = p.draft
	if p.dresses() && p.entry.Written.Alone(t) {
		t, changes = Dress(t, p.rule), true
	}
	if p.fills() {
		t, changes = Fill(t, p.suggestion), true
	}
	return t, changes
}

// reexamination is one pass over the drafts of a book.
type reexamination struct {
	*Completer
	book    Book
	bookID  string
	chart   Chart
	reread  bool // the chart was read after the book had refused something
	done    []Completed
	refused int
}

// complete writes what is wanted, by transaction id, where nobody has touched
// the draft. It lists the drafts of the book: one call where single reads
// would be many.
func (r *reexamination) complete(ctx context.Context, wanted map[string]completion) error {
	if len(wanted) == 0 {
		return nil
	}
	var part []completion
	listed := 0
	for t, err := range r.book.Transactions(ctx, r.bookID, bkper.IsDraft, draftPage) {
		if err != nil {
			return fmt.Errorf("reading the drafts of book %s: %w", r.bookID, err)
		}
		p, ok := wanted[t.ID]
		delete(wanted, t.ID)
		p.draft = t
		switch {
		case !ok || r.locks(t):
		case p.entry.Written.Same(t):
			part = append(part, p)
		case p.isDone(t):
			if err := r.note(ctx, []completion{p}, map[string]bkper.Transaction{t.ID: t}); err != nil {
				return err
			}
		}
		// To read the next page takes its time: what this one has goes first.
		if listed++; len(part) == updateBatch || listed%draftPage == 0 {
			if err := r.write(ctx, part); err != nil {
				return err
			}
			part = nil
		}
		if len(wanted) == 0 {
			break
		}
	}
	return r.write(ctx, part)
}

// write updates the drafts and remembers what was written.
func (r *reexamination) write(ctx context.Context, part []completion) error {
	var updates []bkper.Transaction
	for _, p := range part {
		if t, changes := p.update(); changes {
			updates = append(updates, t)
		}
	}
	if len(updates) == 0 {
		return nil
	}
	updated, err := r.update(ctx, updates)
	// What is known to be written is remembered even if others have failed.
	if noteErr := r.note(ctx, part, updated); noteErr != nil {
		return noteErr
	}
	if err != nil {
		return fmt.Errorf("completing %d drafts of book %s: %w", len(updates), r.bookID, err)
	}
	return nil
}

// locks reports whether the book is locked on the day of a draft.
func (r *reexamination) locks(t bkper.Transaction) bool {
	locked := r.chart.Book.LockedUntil()
	return !locked.IsZero() && !t.Date.After(locked)
}

// update writes drafts in one call and returns what became of them, by id. If
// the book refuses them, those on whose days it was locked since it was read
// are left out; of the others halves are tried, until those that cause it are
// found. All these stay as they are.
func (r *reexamination) update(ctx context.Context, drafts []bkper.Transaction) (map[string]bkper.Transaction, error) {
	if len(drafts) == 0 {
		return nil, nil
	}
	updated, err := r.book.UpdateTransactions(ctx, r.bookID, drafts, false)
	if err == nil || !refuses(err) {
		return updated, err
	}
	r.ForgetChart(r.bookID) // the book is not what it was taken for
	if !r.reread {
		chart, err := r.Chart(ctx, r.book, r.bookID)
		if err != nil {
			return nil, err
		}
		r.chart, r.reread = chart, true
		if open := slices.DeleteFunc(slices.Clone(drafts), r.locks); len(open) < len(drafts) {
			return r.update(ctx, open)
		}
	}
	if len(drafts) == 1 {
		if r.refused++; r.refused > mostRefused {
			return nil, err
		}
		return nil, nil
	}
	half := len(drafts) / 2
	first, err := r.update(ctx, drafts[:half])
	if err != nil {
		return first, err
	}
	second, err := r.update(ctx, drafts[half:])
	all := make(map[string]bkper.Transaction, len(first)+len(second))
	maps.Copy(all, first)
	maps.Copy(all, second)
	return all, err
}

// refuses reports whether an error says that the book has surely done nothing,
// because of what one of the drafts is.
func refuses(err error) bool {
	switch errs.CodeOf(err) {
	case errs.Invalid, errs.Locked, errs.Conflict, errs.NotFound:
		return bkper.OutcomeOf(err) == bkper.NotDone
	default:
		return false
	}
}

// note writes down what the book has answered, by transaction id. What it did not
// answer is not known to be done.
func (r *reexamination) note(ctx context.Context, part []completion, updated map[string]bkper.Transaction) error {
	if len(updated) == 0 {
		return nil
	}
	err := r.engine.Update(ctx, func(tx store.Tx) error {
		var entries []ledger.Entry
		for _, p := range part {
			e, found, err := r.records.Entries.Find(tx, p.entry.Key())
			if err != nil {
				return err
			}
			if t, ok := updated[p.entry.TransactionID]; ok && found {
				e.Written = ledger.WrittenOf(t, cmp.Or(t.Properties[ReasonProperty], p.suggestion.Reason)).Onto(p.draft)
				e.UpdatedAt = r.now()
				entries = append(entries, e)
			}
		}
		for _, e := range entries {
			if err := r.records.PutEntry(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("noting the completed drafts of book %s: %w", r.bookID, err)
	}
	for _, p := range part {
		if t, ok := updated[p.entry.TransactionID]; ok && p.fills() && t.CreditAccount != nil && t.DebitAccount != nil {
			r.done = append(r.done, Completed{Text: p.entry.Row.Description, Account: r.chart.Name(p.suggestion.Account)})
		}
	}
	return nil
}

// Fill returns the draft with its missing side filled, still a draft, and with
// the reason as a property. Everything else is as it was: Bkper takes an
// update as the whole of what can be written.
func Fill(draft bkper.Transaction, s Suggestion) bkper.Transaction {
	counter := &bkper.Account{ID: s.Account}
	filled := draft
	if filled.CreditAccount == nil {
		filled.CreditAccount = counter
	} else {
		filled.DebitAccount = counter
	}
	filled.Draft = true
	filled.Properties = maps.Clone(draft.Properties)
	if filled.Properties == nil {
		filled.Properties = make(map[string]string)
	}
	Explain(filled.Properties, s)
	return filled
}

// Explain writes into the properties of a draft why its counter account was
// filled in.
func Explain(properties map[string]string, s Suggestion) {
	properties[ReasonProperty] = s.Reason
	delete(properties, ledger.LookProperty)
	if s.Look != "" {
		properties[ledger.LookProperty] = s.Look
	}
}

// Dress returns the draft, still a draft, with what a rule gives besides the
// counter account. What the rule does not speak of is as it was.
func Dress(draft bkper.Transaction, r rules.Rule) bkper.Transaction {
	dressed := draft
	dressed.Draft = true
	if r.Description != "" {
		dressed.Description = r.Description
	}
	for _, tag := range r.Tags {
		if !slices.Contains(draft.Tags, tag) {
			dressed.Description = strings.TrimSpace(dressed.Description + " #" + tag)
		}
	}
	dressed.Properties = maps.Clone(draft.Properties)
	if dressed.Properties == nil {
		dressed.Properties = make(map[string]string)
	}
	maps.Copy(dressed.Properties, r.Properties)
	dressed.Properties[ledger.RuleProperty] = r.Stamp()
	return dressed
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
		merchant := strings.ToUpper(learn.Key(d.Text))
		if merchant == "" {
			merchant = "(no text)"
		}
		part := merchant + " -> " + d.Account
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
