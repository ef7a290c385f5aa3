package complete

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/learn"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/rules"
	"github.com/bank-connections/bkper-bot/internal/store"
)

const (
	mostLooked    = 1000 // latest bank transactions of a book that are looked through for what rules match
	mostMatches   = 20   // shown of each rule
	mostTried     = 50   // shown of a rule that is tried
	mostProposals = 10
)

// readyRules are the rules of a book as they were read last.
type readyRules struct {
	read bool
	book rules.Book
	set  rules.Set
}

// readRules brings the rules up to the store; it needs l.mu.
func (c *Completer) readRules(ctx context.Context, bookID string, l *learner) error {
	book, err := c.rules.Load(ctx, bookID)
	if err != nil {
		return err
	}
	if !l.rules.read || l.rules.book.Version != book.Version {
		l.rules = readyRules{read: true, book: book, set: rules.NewSet(book.Rules)}
	}
	return nil
}

// forRules finds accounts as rules see them.
func (c Chart) forRules(id string) (rules.Account, bool) {
	a, found := c.Accounts[id]
	return rules.Account{Name: a.Name, Archived: a.Archived}, found
}

func rowOf(m learn.Movement) rules.Row {
	return rules.Row{BankAccount: m.BankAccount, Amount: m.Amount, Text: m.Text, Counterparty: m.Counterparty}
}

func rowOfEntry(e ledger.Entry) rules.Row { return rowOf(MovementOf(e.AccountID, e.Row)) }

// Dress writes what rules give besides the counter account into the drafts that
// were just recorded, and completes them. It does nothing if no rule of the
// book gives more than an account. books opens the book on behalf of a user: of
// the one for whom the latest of these drafts was recorded.
func (c *Completer) Dress(ctx context.Context, books func(userID string) Book, bookID string) ([]Completed, error) {
	l := c.learner(bookID)
	if err := l.begin(ctx, bookID); err != nil {
		return nil, err
	}
	defer l.end()
	all, err := c.rules.Load(ctx, bookID)
	if err != nil || !all.Dresses() {
		return nil, err
	}
	open, err := c.openDrafts(ctx, bookID)
	if err != nil {
		return nil, err
	}
	if len(open) == 0 {
		return nil, nil
	}
	return c.examine(ctx, books(open[0].UserID), bookID, open)
}

// RuleReport is what people see of the rules of a book.
type RuleReport struct {
	rules.Book
	// Looked is how many bank transactions were looked through: the latest ones
	// that stand in the book.
	Looked    int
	Of        map[string]RuleState // by rule id
	Proposals []Offer
}

// RuleState is how one rule stands.
type RuleState struct {
	Words   string // which transactions it is about
	Problem string // why it matches nothing now, "" if it does
	Count   int    // of those looked through: where it is the first that matches
	Latest  []Match
}

// Match is a bank transaction that a rule matches.
type Match struct {
	Entry ledger.Entry
	// Completed says that this rule has completed the draft, or given it what
	// it has.
	Completed bool
	// First is the name of a rule that comes before and matches too, so that it
	// decides; only where a rule is tried.
	First string
}

// Offer is a rule that earlier decisions speak for.
type Offer struct {
	rules.Proposal
	Sentence string
}

// RuleReport says what each rule of a book matched lately, and which rules the
// lessons speak for.
func (c *Completer) RuleReport(ctx context.Context, book Book, bookID string) (RuleReport, error) {
	all, set, chart, err := c.rulesAndChart(ctx, book, bookID)
	if err != nil {
		return RuleReport{}, err
	}
	report := RuleReport{Book: all, Of: make(map[string]RuleState)}
	for _, r := range all.Rules {
		report.Of[r.ID] = RuleState{Words: rules.Words(r.Conditions, chart.forRules), Problem: rules.Problem(r, chart.forRules)}
	}
	latest, err := c.latest(ctx, bookID)
	if err != nil {
		return RuleReport{}, err
	}
	report.Looked = len(latest)
	for _, e := range latest {
		if err := ctx.Err(); err != nil {
			return RuleReport{}, fmt.Errorf("looking through book %s: %w", bookID, err)
		}
		r, ok := set.Match(rowOfEntry(e), chart.forRules)
		if !ok {
			continue
		}
		state := report.Of[r.ID]
		if state.Count++; len(state.Latest) < mostMatches {
			state.Latest = append(state.Latest, Match{Entry: e, Completed: completedBy(e, r)})
		}
		report.Of[r.ID] = state
	}
	report.Proposals, err = c.proposals(ctx, bookID, all, chart)
	return report, err
}

// completedBy reports whether a rule has completed the draft of an entry or
// given it what it has.
func completedBy(e ledger.Entry, r rules.Rule) bool {
	return e.Written != nil && (strings.HasPrefix(e.Written.Reason, rules.Origin(r)+":") || e.Written.Rule == r.Stamp())
}

func (c *Completer) rulesAndChart(ctx context.Context, book Book, bookID string) (rules.Book, rules.Set, Chart, error) {
	l := c.learner(bookID)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := c.readChart(ctx, book, bookID, l); err != nil {
		return rules.Book{}, rules.Set{}, Chart{}, err
	}
	if err := c.readRules(ctx, bookID, l); err != nil {
		return rules.Book{}, rules.Set{}, Chart{}, err
	}
	return l.rules.book, l.rules.set, l.chart, nil
}

// latest returns the latest bank transactions that stand in a book, the latest
// first.
func (c *Completer) latest(ctx context.Context, bookID string) ([]ledger.Entry, error) {
	var latest []ledger.Entry
	span := store.Below(bookID)
	span.Reverse, span.Limit = true, mostLooked
	err := c.engine.View(ctx, func(tx store.Tx) error {
		latest = nil
		return c.records.Entries.Scan(tx, span, func(_ string, e ledger.Entry) (bool, error) {
			if e.TransactionID != "" && (e.State == ledger.Recorded || e.State == ledger.Matched) {
				latest = append(latest, e)
			}
			return true, nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the latest transactions of book %s: %w", bookID, err)
	}
	return latest, nil
}

// Trial is what a rule would match.
type Trial struct {
	Words   string
	Problem string // why it could match nothing
	Looked  int    // open drafts of the book
	Count   int
	Matches []Match // the first of them, the latest first
}

// TryRule says which of the open drafts of a book a rule would match. With the
// id of a rule of the book it stands in its place, without one behind all.
func (c *Completer) TryRule(ctx context.Context, book Book, bookID string, r rules.Rule) (Trial, error) {
	r, err := r.Clean()
	if err != nil {
		return Trial{}, err
	}
	all, _, chart, err := c.rulesAndChart(ctx, book, bookID)
	if err != nil {
		return Trial{}, err
	}
	before := all.Rules
	if r.ID != "" {
		at := slices.IndexFunc(before, func(o rules.Rule) bool { return o.ID == r.ID })
		if at < 0 {
			return Trial{}, errs.New(errs.NotFound, "There is no such rule. It may have been deleted meanwhile.")
		}
		before = before[:at]
	}
	open, err := c.openDrafts(ctx, bookID)
	if err != nil {
		return Trial{}, err
	}
	r.Enabled = true
	alone, first := rules.NewSet([]rules.Rule{r}), rules.NewSet(before)
	trial := Trial{Words: rules.Words(r.Conditions, chart.forRules), Problem: rules.Problem(r, chart.forRules), Looked: len(open)}
	for _, e := range open {
		if err := ctx.Err(); err != nil {
			return Trial{}, fmt.Errorf("trying a rule of book %s: %w", bookID, err)
		}
		row := rowOfEntry(e)
		if _, ok := alone.Match(row, chart.forRules); !ok {
			continue
		}
		if trial.Count++; len(trial.Matches) == mostTried {
			continue
		}
		winner, _ := first.Match(row, chart.forRules)
		trial.Matches = append(trial.Matches, Match{Entry: e, First: winner.Name})
	}
	return trial, nil
}

// offers are the proposals of a book for one state of its lessons.
type offers struct {
	made    bool
	version int
	all     []rules.Proposal
}

// proposals returns what is neither declined nor decided by a rule of the book.
func (c *Completer) proposals(ctx context.Context, bookID string, all rules.Book, chart Chart) ([]Offer, error) {
	made, err := c.propose(ctx, bookID)
	if err != nil {
		return nil, err
	}
	declined, err := c.rules.Declined(ctx, bookID)
	if err != nil {
		return nil, err
	}
	var offered []Offer
	for _, p := range made {
		known := slices.ContainsFunc(all.Rules, func(r rules.Rule) bool { return r.Account != "" && rules.Fits(r, p.Example) })
		if known || declined[p.ID] || rules.Problem(p.Rule, chart.forRules) != "" {
			continue
		}
		offered = append(offered, Offer{
			Proposal: p,
			Sentence: fmt.Sprintf("%d of %d %s went to %s.", p.Count, p.Count, p.Merchant, chart.Name(p.Rule.Account)),
		})
		if len(offered) == mostProposals {
			break
		}
	}
	return offered, nil
}

// propose looks for proposals if the lessons have changed since that was last
// done.
func (c *Completer) propose(ctx context.Context, bookID string) ([]rules.Proposal, error) {
	l := c.learner(bookID)
	l.mu.Lock()
	known := l.offers
	l.mu.Unlock()
	var version int
	var lessons []rules.Lesson
	err := c.engine.View(ctx, func(tx store.Tx) error {
		lessons = nil
		state, _, err := c.records.Learning.Find(tx, store.Key(bookID))
		if version = state.Version; err != nil || known.made && known.version == version {
			return err
		}
		all, err := c.allLessons(tx, bookID, state)
		for _, lesson := range all {
			if amount, err := money.ParseDecimal(lesson.Amount); err == nil {
				lessons = append(lessons, rules.Lesson{Account: lesson.Account, Row: rules.Row{
					BankAccount: lesson.BankAccount, Amount: amount, Text: lesson.Text, Counterparty: lesson.Counterparty,
				}})
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the lessons of book %s: %w", bookID, err)
	}
	if !known.made || known.version != version {
		known = offers{made: true, version: version, all: rules.Propose(lessons)}
		l.mu.Lock()
		l.offers = known
		l.mu.Unlock()
	}
	return known.all, nil
}
