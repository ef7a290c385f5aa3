// Command fit fits the weights of internal/learn on labelled books and writes
// them, with all that they were made of, into internal/learn/weights.txt:
//
//	go run ./internal/learn/fit ../shared/datasets
//	go run ./internal/learn/fit -check ../shared/datasets
//
// With -check it writes nothing. Either way it measures each book with weights
// that were fitted without the books of its organisation.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/learn"
	"github.com/bank-connections/bkper-bot/internal/learn/evaluate/labelled"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	} else if err != nil {
		fmt.Fprintln(os.Stderr, "fit:", err)
		os.Exit(1)
	}
}

// command is what was asked for.
type command struct {
	check bool
	out   string
	date  string
	files []string
}

func run(ctx context.Context, args []string, out, help io.Writer) error {
	c, err := parse(args, help)
	if err != nil {
		return err
	}
	var books []book
	for _, file := range c.files {
		b, err := read(file)
		if err != nil {
			return err
		}
		books = append(books, b)
	}
	f := newFitter(books, defaults)
	if len(f.organisations()) < 2 {
		return errors.New("the books are of one organisation: measuring needs books of others")
	}
	var held []result
	for _, b := range books {
		if err := ctx.Err(); err != nil {
			return err
		}
		held = append(held, measure(b, f.fit(b.organisation)))
	}
	if _, err := fmt.Fprintf(out, "Each book by weights that were fitted without its organisation, %% of rows:\n\n%s", table(held)); err != nil {
		return err
	}
	if c.check {
		return nil
	}
	w := f.fit()
	var known []result
	for _, b := range books {
		known = append(known, measure(b, w))
	}
	if err := os.WriteFile(c.out, []byte(c.provenance(f, held, known)+w.String()), 0o644); err != nil { //nolint:gosec // it is source code
		return fmt.Errorf("writing the weights: %w", err)
	}
	_, err = fmt.Fprintf(out, "\nBy the weights now in %s, which know every book:\n\n%s", c.out, table(known))
	return err
}

func parse(args []string, help io.Writer) (command, error) {
	var c command
	flags := flag.NewFlagSet("fit", flag.ContinueOnError)
	flags.SetOutput(help)
	flags.BoolVar(&c.check, "check", false, "measure only, write nothing")
	flags.StringVar(&c.out, "out", "internal/learn/weights.txt", "the `file` that takes the weights")
	flags.StringVar(&c.date, "date", "", "the `day` to be noted in it, yyyy-mm-dd")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	for _, name := range flags.Args() {
		files := []string{name}
		if info, err := os.Stat(name); err != nil {
			return c, err
		} else if info.IsDir() {
			if files, err = filepath.Glob(filepath.Join(name, "*.csv")); err != nil {
				return c, err
			}
		}
		c.files = append(c.files, files...)
	}
	if len(c.files) == 0 {
		return c, errors.New("give it labelled books: CSV files, or folders of them")
	}
	slices.Sort(c.files)
	return c, nil
}

// read reads one labelled history.
func read(file string) (book, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return book{}, err
	}
	rows, err := labelled.Read(bytes.NewReader(content))
	if err != nil {
		return book{}, fmt.Errorf("%s: %w", file, err)
	}
	b := book{
		name:         strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)),
		organisation: labelled.Organisation(file),
		hash:         fmt.Sprintf("%x", sha256.Sum256(content)),
	}
	for _, row := range rows {
		b.lessons = append(b.lessons, learn.Lesson{
			Movement: learn.Movement{
				ID:          fmt.Sprintf("%09d", row.Number),
				BankAccount: row.BankAccount,
				Date:        row.Date,
				Amount:      row.Amount,
				Text:        row.Text,
			},
			Account: row.Answer,
		})
	}
	return b, nil
}

func (f *fitter) organisations() []string {
	var all []string
	for _, b := range f.books {
		all = append(all, b.organisation)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// provenance says what the weights were made of.
func (c command) provenance(f *fitter, held, known []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The weights of internal/learn, written by: go run ./internal/learn/fit FOLDER\n\n")
	if c.date != "" {
		fmt.Fprintf(&b, "Fitted on %s\n", c.date)
	}
	fmt.Fprintf(&b, "Fitted on the books of %d organisations (%s).\n", len(f.organisations()), strings.Join(f.organisations(), ", "))
	fmt.Fprintf(&b, "Options: %+v\n\n", f.options)
	for _, book := range f.books {
		fmt.Fprintf(&b, "%-28s %6d rows, sha256 %s\n", book.name, len(book.lessons), book.hash)
	}
	fmt.Fprintf(&b, "\nEach book by weights that were fitted without its organisation, %% of rows:\n\n%s", table(held))
	fmt.Fprintf(&b, "\nBy these weights, which know every book:\n\n%s", table(known))
	var lines strings.Builder
	for line := range strings.Lines(b.String()) {
		lines.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
	return lines.String()
}
