package evaluate

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/learn"
)

const usage = `usage: evaluate FILE.csv... [--book ID]... [--sure 95|98|99|never]
                [--json] [--predictions OUT.csv] [--plot OUT.svg]

FILE.csv is a labelled history, oldest row first, with the header
date,amount,description,bank_account,counter_account

`

// Outside is what the command takes from the world besides files.
type Outside struct {
	// Book reads the posted history of a book, oldest first.
	Book func(ctx context.Context, bookID string) (History, error)
	Now  func() time.Time
}

// Main is the command "evaluate": it returns the exit code, 0 if all went
// well, 1 if a file or book could not be evaluated, 2 if the arguments are
// wrong. Flags may stand before and behind the files. Nothing is printed or
// written unless all of it could be evaluated.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer, outside Outside) int {
	asked := command{outside: outside}
	flags := flag.NewFlagSet("evaluate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		say(stderr, usage)
		flags.PrintDefaults()
	}
	flags.Func("sure", "complete what is this sure: `95, 98 (default), 99 or never`", func(text string) error {
		settings := map[string]learn.Sureness{"95": learn.Sure95, "98": learn.Sure98, "99": learn.Sure99, "never": learn.Never}
		sure, known := settings[text]
		if !known {
			return errors.New("it is 95, 98, 99 or never")
		}
		asked.sure = sure
		return nil
	})
	flags.BoolVar(&asked.json, "json", false, "print one JSON object instead of tables")
	flags.StringVar(&asked.predictions, "predictions", "", "write what was suggested for each row to this CSV `file`")
	flags.StringVar(&asked.plot, "plot", "", "draw the learning curve into this SVG `file`")
	flags.Func("book", "replay the posted history of the book with this `ID`, the one that BKPER_URL and BKPER_TOKEN reach", func(id string) error {
		if id == "" {
			return errors.New("name a book")
		}
		asked.ids = append(asked.ids, id)
		return nil
	})
	for rest := args; ; {
		if err := flags.Parse(rest); errors.Is(err, flag.ErrHelp) {
			return 0
		} else if err != nil {
			return 2
		}
		if flags.NArg() == 0 {
			break
		}
		asked.files = append(asked.files, flags.Arg(0))
		rest = flags.Args()[1:]
	}
	if len(asked.files)+len(asked.ids) == 0 {
		say(stderr, "evaluate takes a file at least, or a book\n")
		flags.Usage()
		return 2
	}
	if err := asked.run(ctx, stdout); err != nil {
		say(stderr, fmt.Sprintf("evaluate %v\n", err))
		return 1
	}
	return 0
}

// say writes for a person; if nobody can hear it, there is nobody to tell.
func say(w io.Writer, text string) { _, _ = io.WriteString(w, text) }

type command struct {
	files, ids        []string
	outside           Outside
	sure              learn.Sureness
	predictions, plot string
	json              bool
}

func (c command) run(ctx context.Context, stdout io.Writer) error {
	for _, out := range []string{c.predictions, c.plot} {
		if err := c.keepInput(out); err != nil {
			return err
		}
	}
	lines := newPredictions(len(c.files)+len(c.ids) > 1)
	var books []Book
	replay := func(name string, read func() (History, error)) error {
		start := c.outside.Now()
		history, err := read()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		took := c.outside.Now().Sub(start).Seconds()
		report, err := Replay(ctx, history, Options{Sure: c.sure, Now: c.outside.Now, Each: lines.of(name)})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		report.Seconds += took
		books = append(books, Book{Name: history.Name, Note: history.Note, Report: report})
		return nil
	}
	for _, file := range c.files {
		if err := replay(file, func() (History, error) { return readFile(file) }); err != nil {
			return err
		}
	}
	for _, id := range c.ids {
		if err := replay("--book "+id, func() (History, error) { return c.outside.Book(ctx, id) }); err != nil {
			return err
		}
	}
	together := Join(books)
	if c.predictions != "" {
		if err := lines.write(c.predictions); err != nil {
			return err
		}
	}
	if c.plot != "" {
		if err := os.WriteFile(c.plot, together.SVG(), 0o644); err != nil { //nolint:gosec // a picture for everybody
			return fmt.Errorf("writing the picture: %w", err)
		}
	}
	switch {
	case !c.json:
		return together.Print(stdout)
	case len(books) == 1:
		return json.NewEncoder(stdout).Encode(books[0].Report)
	default:
		return json.NewEncoder(stdout).Encode(together)
	}
}

// keepInput refuses to write over a file that is to be read.
func (c command) keepInput(out string) error {
	if out == "" {
		return nil
	}
	there, err := os.Stat(out)
	if err != nil {
		return nil //nolint:nilerr // what is not there is not written over
	}
	for _, file := range c.files {
		if in, err := os.Stat(file); err == nil && os.SameFile(in, there) {
			return fmt.Errorf("%s is to be read: write to another file", out)
		}
	}
	return nil
}

func readFile(path string) (History, error) {
	file, err := os.Open(path)
	if err != nil {
		return History{}, err
	}
	defer func() { _ = file.Close() }() // it was only read
	return ReadCSV(strings.TrimSuffix(filepath.Base(path), ".csv"), file)
}

// predictions is the CSV of what was suggested. Of several histories each line
// says, behind all else, which one it is of.
type predictions struct {
	text    bytes.Buffer
	csv     *csv.Writer
	several bool
}

func newPredictions(several bool) *predictions {
	p := &predictions{several: several}
	p.csv = csv.NewWriter(&p.text)
	p.line("file", "row", "suggested_account", "confidence", "completed")
	return p
}

// of takes the predictions for one history.
func (p *predictions) of(name string) func(Prediction) {
	return func(s Prediction) {
		p.line(name, strconv.Itoa(s.Row), s.Name, strconv.FormatFloat(s.Confidence, 'f', 4, 64), strconv.FormatBool(s.Completed))
	}
}

func (p *predictions) line(name string, fields ...string) {
	if p.several {
		fields = append(fields, name)
	}
	_ = p.csv.Write(fields) // a buffer takes all
}

func (p *predictions) write(path string) error {
	p.csv.Flush()
	if err := os.WriteFile(path, p.text.Bytes(), 0o644); err != nil { //nolint:gosec // as the history that it is of
		return fmt.Errorf("writing the predictions: %w", err)
	}
	return nil
}
