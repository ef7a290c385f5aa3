// Package evaluate measures the learner on histories whose counter accounts
// are known: for every row it asks for a suggestion, compares it with what a
// person chose, and only then lets the learner know.
package evaluate

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/learn"
	"github.com/bank-connections/bkper-bot/internal/learn/evaluate/labelled"
)

// History is what happened in one book.
type History struct {
	Name string
	// Entries are in the order in which they happened. What stands in one entry
	// is asked before any of it is learned: the two sides of a transfer. The
	// ids of the lessons must be in that order too.
	Entries [][]learn.Lesson
	// Chart names the accounts. One that it lacks has its id for a name.
	Chart []Account
	// Note says what a reader of the report should know; may be empty.
	Note string
}

// Account is an account of the book and the day since which it is known. Before
// that day, and on any day if Since is zero, it is known once it was used.
type Account struct {
	learn.Account
	Since bank.Date
}

// ReadCSV reads a labelled history, as labelled.Read describes it.
func ReadCSV(name string, file io.Reader) (History, error) {
	rows, err := labelled.Read(file)
	if err != nil {
		return History{}, err
	}
	history := History{Name: name, Entries: make([][]learn.Lesson, len(rows))}
	for i, row := range rows {
		history.Entries[i] = []learn.Lesson{{
			Movement: learn.Movement{
				ID: ID(row.Number), BankAccount: row.BankAccount, Date: row.Date, Amount: row.Amount, Text: row.Text,
			},
			Account: row.Answer,
		}}
	}
	return history, nil
}

// ID is the id of a lesson that keeps the lessons of one day in their order.
func ID(number int) string { return fmt.Sprintf("%09d", number) }

// Options say how Replay goes about it.
type Options struct {
	// Sure is the setting at which drafts count as completed.
	Sure learn.Sureness
	// Each is told what was suggested for every row, in order; may be nil.
	Each func(Prediction)
	// Now is the clock that Report.Seconds is measured with; nil leaves it 0.
	Now func() time.Time
}

// Prediction is what was suggested for one row.
type Prediction struct {
	Row  int    // 1 is the first
	Name string // of the account
	learn.Suggestion
	Completed bool // it was sure enough to be written into the draft
}

// Replay lets a new learner live through a history.
func Replay(ctx context.Context, history History, options Options) (Report, error) {
	now := options.Now
	if now == nil {
		now = func() time.Time { return time.Time{} }
	}
	start := now()
	learner := learn.New()
	chart := newChart(learner, history.Chart)
	report := newReport()
	row := 0
	for _, entry := range history.Entries {
		if err := ctx.Err(); err != nil {
			return Report{}, fmt.Errorf("evaluating row %d: %w", row+1, err)
		}
		for _, lesson := range entry {
			row++
			chart.passTo(lesson.Date)
			suggestion, found := learner.Suggest(lesson.Movement)
			completed := found && suggestion.SureAt(options.Sure)
			report.add(row, suggestion, found, completed, suggestion.Account == lesson.Account)
			if options.Each != nil {
				options.Each(Prediction{Row: row, Name: chart.name(suggestion.Account), Suggestion: suggestion, Completed: completed})
			}
		}
		for _, lesson := range entry {
			chart.use(lesson.Account)
			learner.Learn(lesson)
		}
	}
	report.finish()
	report.Seconds = now().Sub(start).Seconds()
	return *report, nil
}

// chart tells the learner of each account when it becomes known.
type chart struct {
	learner *learn.Learner
	all     map[string]learn.Account
	coming  []Account // known from a day on, the earliest first
	known   map[string]bool
	now     []learn.Account
}

func newChart(learner *learn.Learner, accounts []Account) *chart {
	c := &chart{learner: learner, all: make(map[string]learn.Account), known: make(map[string]bool)}
	for _, a := range accounts {
		a.Archived = false // it is now, but was not when it was used
		c.all[a.ID] = a.Account
		if !a.Since.IsZero() {
			c.coming = append(c.coming, a)
		}
	}
	slices.SortStableFunc(c.coming, func(a, b Account) int { return a.Since.Compare(b.Since) })
	learner.SetAccounts(nil)
	return c
}

// passTo makes known what is known on that day.
func (c *chart) passTo(day bank.Date) {
	before := len(c.now)
	for len(c.coming) > 0 && !c.coming[0].Since.After(day) {
		c.add(c.coming[0].ID)
		c.coming = c.coming[1:]
	}
	if len(c.now) > before {
		c.learner.SetAccounts(c.now)
	}
}

// use makes an account known that a person has chosen.
func (c *chart) use(id string) {
	if !c.known[id] {
		c.add(id)
		c.learner.SetAccounts(c.now)
	}
}

func (c *chart) add(id string) {
	if c.known[id] {
		return
	}
	c.known[id] = true
	account, named := c.all[id]
	if !named {
		account = learn.Account{ID: id, Name: id}
	}
	c.now = append(c.now, account)
}

func (c *chart) name(id string) string {
	if account, named := c.all[id]; named {
		return account.Name
	}
	return id
}
