// Package labelled reads histories whose counter accounts people have chosen:
// the files that the learner is measured on and its weights are fitted on.
package labelled

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// Header is the first line of a history. The columns may stand in any order,
// among others.
const Header = "date,amount,description,bank_account,counter_account"

// Row is one movement and the answer that a person gave.
type Row struct {
	Number      int           // 1 is the first row after the header
	Date        bank.Date     // never before the date of an earlier row
	Amount      money.Decimal // negative leaves the bank account
	Text        string
	BankAccount string
	Answer      string // the counter account
}

// Organisation says whose book a file holds, by its name: files of the form
// country_organisation_book.csv are of one organisation where the first two
// parts are equal. Any other file is an organisation of its own.
func Organisation(file string) string {
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	parts := strings.SplitN(name, "_", 3)
	if len(parts) < 2 || len(parts[0]) != 2 {
		return name
	}
	return parts[0] + "_" + parts[1]
}

// Read reads a history whole, in the order of its rows. A row dated before an
// earlier one counts as of that one's day. An error names the line and what it
// should be instead.
func Read(history io.Reader) ([]Row, error) {
	r, err := newReader(history)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for {
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
}

// The columns, in the order of Header.
const (
	dateColumn = iota
	amountColumn
	textColumn
	bankColumn
	answerColumn
	columns
)

type reader struct {
	csv    *csv.Reader
	names  []string
	places [columns]int
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
	if mark, err := buffered.Peek(2); err == nil && (string(mark) == "\xff\xfe" || string(mark) == "\xfe\xff") {
		return nil, errors.New("the file is UTF-16: save it as CSV in UTF-8")
	}
	r := &reader{csv: csv.NewReader(buffered), names: strings.Split(Header, ",")}
	r.csv.ReuseRecord = true
	r.csv.FieldsPerRecord = -1
	header, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file is empty: it must begin with the line %s", Header)
	}
	if err != nil {
		return nil, explain(err)
	}
	for column, name := range r.names {
		at := slices.IndexFunc(header, func(field string) bool { return strings.EqualFold(strings.TrimSpace(field), name) })
		if at < 0 && len(header) == 1 && strings.ContainsAny(header[0], ";\t|") {
			return nil, fmt.Errorf("line 1: the fields are not separated by commas: save the file with commas, beginning with the line %s", Header)
		}
		if at < 0 {
			return nil, fmt.Errorf("line 1: the header has no column %q: name the columns %s, in any order", name, Header)
		}
		r.places[column] = at
	}
	return r, nil
}

// next returns the next row, or io.EOF.
func (r *reader) next() (Row, error) {
	record, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return Row{}, io.EOF
	}
	if err != nil {
		return Row{}, explain(err)
	}
	r.rows++
	line, _ := r.csv.FieldPos(0)
	var fields [columns]string
	for column, at := range r.places {
		if at >= len(record) {
			return Row{}, fmt.Errorf("line %d: %s is missing: the line has %d of the fields that the header names", line, r.names[column], len(record))
		}
		fields[column] = strings.TrimSpace(record[at])
	}
	date, err := bank.ParseDate(fields[dateColumn])
	if err != nil {
		return Row{}, fmt.Errorf("line %d: date: %w: write the 31st of January 2020 as 2020-01-31", line, err)
	}
	amount, err := money.ParseDecimal(fields[amountColumn])
	if err != nil {
		return Row{}, fmt.Errorf("line %d: amount: %w: write 1,234.50 that leaves the account as -1234.50", line, err)
	}
	if fields[answerColumn] == "" {
		return Row{}, fmt.Errorf("line %d: counter_account is empty: fill it in, or leave the row out", line)
	}
	if date.Before(r.latest) {
		date = r.latest
	}
	r.latest = date
	return Row{
		Number: r.rows, Date: date, Amount: amount, Text: fields[textColumn],
		BankAccount: fields[bankColumn], Answer: fields[answerColumn],
	}, nil
}

// explain says of a file that is no CSV where it goes wrong.
func explain(err error) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return fmt.Errorf("reading the file: %w", err)
	}
	switch {
	case errors.Is(parse.Err, csv.ErrQuote):
		return fmt.Errorf("line %d: a quotation mark opens a field and none closes it: close it, and double those inside, as in \"the \"\"Bell\"\"\"", parse.StartLine)
	case errors.Is(parse.Err, csv.ErrBareQuote):
		return fmt.Errorf("line %d: a quotation mark stands in a field without quotes: put the field in quotes and double it, as in \"the \"\"Bell\"\"\"", parse.Line)
	default:
		return fmt.Errorf("line %d: this is no CSV: %w", parse.Line, parse.Err)
	}
}
