// Package evaluate measures the learner on a labelled history: for every row it
// asks for a suggestion, compares it with what a person chose, and only then
// lets the learner know.
package evaluate

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/learn"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// columns are the names that the header must hold, in any order.
var columns = []string{"date", "amount", "description", "bank_account", "counter_account"}

// Options say what Run does besides measuring.
type Options struct {
	// Predictions takes one CSV line per row, if not nil.
	Predictions io.Writer
	// Now is the clock that Report.Seconds is measured with; nil leaves it 0.
	Now func() time.Time
}

// Report is what came out. Shares are between 0 and 1, and 0 where there was
// nothing to take a share of.
type Report struct {
	Rows      int     `json:"rows"`
	Suggested int     `json:"suggested"` // rows with any suggestion
	Correct   int     `json:"correct"`   // suggestions that were right
	Coverage  float64 `json:"coverage"`  // Suggested / Rows
	Precision float64 `json:"precision"` // Correct / Suggested
	Accuracy  float64 `json:"accuracy"`  // Correct / Rows
	Auto      Auto    `json:"auto"`
	Seconds   float64 `json:"seconds"`
}

// Auto counts the suggestions that were sure enough to be written into drafts.
type Auto struct {
	Completed int     `json:"completed"`
	Correct   int     `json:"correct"`
	Coverage  float64 `json:"coverage"`  // Completed / rows
	Precision float64 `json:"precision"` // Correct / Completed
}

// Run replays a CSV of date (yyyy-mm-dd), amount (negative leaves the bank
// account), description, bank_account and counter_account, in the order of its
// rows; a row dated before an earlier one counts as of that one's day. An
// error about the data names the line.
func Run(ctx context.Context, history io.Reader, options Options) (Report, error) {
	now := options.Now
	if now == nil {
		now = func() time.Time { return time.Time{} }
	}
	start := now()
	rows, err := newReader(history)
	if err != nil {
		return Report{}, err
	}
	predictions, err := newPredictions(options.Predictions)
	if err != nil {
		return Report{}, err
	}
	var (
		report  Report
		learner = learn.New()
		chart   = newChart(learner)
	)
	for {
		if err := ctx.Err(); err != nil {
			return Report{}, fmt.Errorf("evaluating row %d: %w", report.Rows+1, err)
		}
		lesson, err := rows.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Report{}, err
		}
		suggestion, found := learner.Suggest(lesson.Movement)
		report.add(suggestion, found, lesson.Account)
		if err := predictions.add(report.Rows, suggestion); err != nil {
			return Report{}, err
		}
		chart.add(lesson.Account)
		learner.Learn(lesson)
	}
	report.Coverage = ratio(report.Suggested, report.Rows)
	report.Precision = ratio(report.Correct, report.Suggested)
	report.Accuracy = ratio(report.Correct, report.Rows)
	report.Auto.Coverage = ratio(report.Auto.Completed, report.Rows)
	report.Auto.Precision = ratio(report.Auto.Correct, report.Auto.Completed)
	report.Seconds = now().Sub(start).Seconds()
	return report, predictions.flush()
}

func (r *Report) add(suggestion learn.Suggestion, found bool, account string) {
	r.Rows++
	if !found {
		return
	}
	right := 0
	if suggestion.Account == account {
		right = 1
	}
	r.Suggested++
	r.Correct += right
	if suggestion.Sure {
		r.Auto.Completed++
		r.Auto.Correct += right
	}
}

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// chart tells the learner of each account when it is first seen.
type chart struct {
	learner  *learn.Learner
	known    map[string]bool
	accounts []learn.Account
}

func newChart(learner *learn.Learner) *chart {
	learner.SetAccounts(nil)
	return &chart{learner: learner, known: map[string]bool{}}
}

func (c *chart) add(account string) {
	if c.known[account] {
		return
	}
	c.known[account] = true
	c.accounts = append(c.accounts, learn.Account{ID: account, Name: account})
	c.learner.SetAccounts(c.accounts)
}

// reader reads the rows of a history.
type reader struct {
	csv    *csv.Reader
	places []int // of columns
	rows   int
	latest bank.Date
}

func newReader(history io.Reader) (*reader, error) {
	buffered := bufio.NewReader(history)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\ufeff" {
		if _, err := buffered.Discard(len(mark)); err != nil {
			return nil, fmt.Errorf("reading the byte order mark: %w", err)
		}
	}
	r := &reader{csv: csv.NewReader(buffered)}
	r.csv.ReuseRecord = true
	r.csv.FieldsPerRecord = -1
	header, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file is empty; it must begin with the line %s", strings.Join(columns, ","))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	for _, name := range columns {
		at := slices.IndexFunc(header, func(field string) bool { return strings.EqualFold(strings.TrimSpace(field), name) })
		if at < 0 {
			return nil, fmt.Errorf("line 1: the header has no column %q; it must hold %s", name, strings.Join(columns, ","))
		}
		r.places = append(r.places, at)
	}
	return r, nil
}

// next returns the next row, or io.EOF.
func (r *reader) next() (learn.Lesson, error) {
	record, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return learn.Lesson{}, io.EOF
	}
	if err != nil {
		return learn.Lesson{}, fmt.Errorf("reading the rows: %w", err) // names the line itself
	}
	r.rows++
	line, _ := r.csv.FieldPos(0)
	var fields [5]string
	for i, at := range r.places {
		if at >= len(record) {
			return learn.Lesson{}, fmt.Errorf("line %d: %s is missing: the line has %d fields", line, columns[i], len(record))
		}
		fields[i] = strings.TrimSpace(record[at])
	}
	date, err := bank.ParseDate(fields[0])
	if err != nil {
		return learn.Lesson{}, fmt.Errorf("line %d: date: %w", line, err)
	}
	amount, err := money.ParseDecimal(fields[1])
	if err != nil {
		return learn.Lesson{}, fmt.Errorf("line %d: amount: %w", line, err)
	}
	if fields[4] == "" {
		return learn.Lesson{}, fmt.Errorf("line %d: counter_account is empty", line)
	}
	if date.Before(r.latest) {
		date = r.latest
	}
	r.latest = date
	return learn.Lesson{
		Movement: learn.Movement{
			ID:          fmt.Sprintf("%09d", r.rows), // keeps rows of one day in their order
			BankAccount: fields[3],
			Date:        date,
			Amount:      amount,
			Text:        fields[2],
		},
		Account: fields[4],
	}, nil
}

// predictions writes what was suggested for each row.
type predictions struct{ csv *csv.Writer }

func newPredictions(w io.Writer) (predictions, error) {
	if w == nil {
		return predictions{}, nil
	}
	p := predictions{csv.NewWriter(w)}
	return p, p.write("row", "suggested_account", "confidence", "completed")
}

func (p predictions) add(row int, s learn.Suggestion) error {
	if p.csv == nil {
		return nil
	}
	return p.write(strconv.Itoa(row), s.Account, strconv.FormatFloat(s.Confidence, 'f', 4, 64), strconv.FormatBool(s.Sure))
}

func (p predictions) write(fields ...string) error {
	if err := p.csv.Write(fields); err != nil {
		return fmt.Errorf("writing the predictions: %w", err)
	}
	return nil
}

func (p predictions) flush() error {
	if p.csv == nil {
		return nil
	}
	p.csv.Flush()
	if err := p.csv.Error(); err != nil {
		return fmt.Errorf("writing the predictions: %w", err)
	}
	return nil
}
