package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/store"
)

const importUsage = `usage: bot import FILE --book BOOK --account "ACCOUNT"

Records the statement FILE (OFX or QFX) into an account of a book. ACCOUNT is the
account's name or id. It works whether or not the program is running.`

// usageError says what is wrong with a command line, and how it is right.
type usageError struct{ problem string }

// Error implements error.
func (e usageError) Error() string { return e.problem + "\n\n" + importUsage }

// importArgs are the command line of `bot import`, in any order.
type importArgs struct{ file, book, account string }

// readImportArgs reads the command line; flag.ErrHelp asks for the usage.
func readImportArgs(args []string) (importArgs, error) {
	var a importArgs
	flags := flag.NewFlagSet("import", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&a.book, "book", "", "")
	flags.StringVar(&a.account, "account", "", "")
	for len(args) > 0 {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return a, err
		} else if err != nil {
			return a, usageError{err.Error()}
		}
		args = flags.Args()
		if len(args) == 0 {
			break
		}
		if a.file != "" {
			return a, usageError{"there are two files, " + a.file + " and " + args[0] + ": one at a time"}
		}
		a.file, args = args[0], args[1:]
	}
	if a.file == "" || a.book == "" || a.account == "" {
		return a, usageError{"a file, a book and an account are needed"}
	}
	return a, nil
}

// importFile records a statement file and returns when its rows are in the
// book. If the program runs on the data directory it asks that program, else it
// runs the program for as long as it takes.
func importFile(ctx context.Context, cfg Config, log *slog.Logger, args []string, stdout io.Writer) error {
	a, err := readImportArgs(args)
	if errors.Is(err, flag.ErrHelp) {
		_, err = fmt.Fprintln(stdout, importUsage)
		return err
	}
	if err != nil {
		return err
	}
	content, err := os.ReadFile(a.file)
	if err != nil {
		return fmt.Errorf("reading the statement: %w", err)
	}
	listener, err := listen(ctx, 0)
	if err != nil {
		return err
	}
	app, err := open(ctx, cfg, listener, outside{now: time.Now, log: log})
	if errors.Is(err, store.ErrInUse) {
		address, err := readAddress(cfg)
		if err != nil {
			return err
		}
		return runImport(ctx, address, a, content, stdout)
	}
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- app.run(running) }()
	err = runImport(ctx, app.url(), a, content, stdout)
	stop()
	return errors.Join(err, <-ended, app.close())
}

// runImport imports through the API of a running program.
func runImport(ctx context.Context, address string, a importArgs, content []byte, stdout io.Writer) error {
	api := apiClient{base: address + "/api/v1", http: &http.Client{Timeout: time.Minute}}
	account, err := api.account(ctx, a.book, a.account)
	if err != nil {
		return err
	}
	var started struct {
		Runs []importedRun `json:"runs"`
	}
	path := "/books/" + url.PathEscape(a.book) + "/statements?" +
		url.Values{"accountId": {account}, "name": {filepath.Base(a.file)}}.Encode()
	if err := api.call(ctx, http.MethodPost, path, content, &started); err != nil {
		return err
	}
	for _, run := range started.Runs {
		done, err := api.finished(ctx, a.book, run)
		if err != nil {
			return err
		}
		done.print(stdout)
		if done.Counts.Parked == 0 {
			continue
		}
		if err := api.printWaiting(ctx, a.book, done, stdout); err != nil {
			return err
		}
	}
	return nil
}

// importedRun is what the API says of a run, as far as it is printed.
type importedRun struct {
	ID         string    `json:"id"`
	Title      string    `json:"title"`
	FinishedAt time.Time `json:"finishedAt"`
	Counts     struct {
		Came      int `json:"came"`
		Recorded  int `json:"recorded"`
		Completed int `json:"completed"`
		Matched   int `json:"matched"`
		Skipped   int `json:"skipped"`
		Parked    int `json:"parked"`
	} `json:"counts"`
	Problems []string `json:"problems"`
}

func (r importedRun) print(w io.Writer) {
	c := r.Counts
	rows := "rows"
	if c.Came == 1 {
		rows = "row"
	}
	_, _ = fmt.Fprintf(w, "%s: %d %s, %d recorded (%d completed), %d known before, %d skipped, %d waiting\n",
		r.Title, c.Came, rows, c.Recorded, c.Completed, c.Matched, c.Skipped, c.Parked)
	for _, p := range r.Problems {
		_, _ = fmt.Fprintln(w, "  not read:", p)
	}
}

// apiClient calls the API of this program.
type apiClient struct {
	base string
	http *http.Client
}

// printWaiting says which rows of a run wait, and for what. Of a long run it
// names the first.
func (c apiClient) printWaiting(ctx context.Context, book string, run importedRun, w io.Writer) error {
	var detail struct {
		Lines []struct {
			Date    string `json:"date"`
			Amount  string `json:"amount"`
			Text    string `json:"text"`
			Outcome string `json:"outcome"`
			Why     string `json:"why"`
		} `json:"lines"`
	}
	if err := c.call(ctx, http.MethodGet, "/books/"+url.PathEscape(book)+"/runs/"+url.PathEscape(run.ID), nil, &detail); err != nil {
		return err
	}
	for _, l := range detail.Lines {
		if l.Outcome == "parked" {
			_, _ = fmt.Fprintf(w, "  waiting: %s %s %s: %s\n", l.Date, l.Amount, l.Text, l.Why)
		}
	}
	_, _ = fmt.Fprintln(w, "What waits is kept. Mend the reason, then press Try again in the panel, under Activity.")
	return nil
}

// account finds an account of the book that a statement may be of, by its
// name, whatever the case, or its id.
func (c apiClient) account(ctx context.Context, book, name string) (string, error) {
	var list struct {
		Accounts []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
			Type string `json:"type"`
		} `json:"accounts"`
	}
	if err := c.call(ctx, http.MethodGet, "/books/"+url.PathEscape(book)+"/accounts", nil, &list); err != nil {
		return "", err
	}
	var names []string
	for _, a := range list.Accounts {
		fits := a.Type == string(bkper.Asset) || a.Type == string(bkper.Liability)
		switch {
		case (a.ID == name || strings.EqualFold(a.Name, name)) && !fits:
			return "", fmt.Errorf("%s is an account of type %s: a statement is of an asset or a liability account", a.Name, a.Type)
		case a.ID == name || strings.EqualFold(a.Name, name):
			return a.ID, nil
		case fits:
			names = append(names, a.Name)
		}
	}
	return "", fmt.Errorf("the book %s has no account %q. A statement can go to: %s", book, name, strings.Join(names, ", "))
}

// finished waits until a run has ended.
func (c apiClient) finished(ctx context.Context, book string, run importedRun) (importedRun, error) {
	const between, most = 100 * time.Millisecond, 15 * time.Minute
	patience := time.After(most)
	for run.FinishedAt.IsZero() {
		select {
		case <-ctx.Done():
			return run, ctx.Err()
		case <-patience:
			return run, errors.New("the rows were taken, but the book has not taken all of them yet. They are tried again; the panel shows how it goes")
		case <-time.After(between):
		}
		var now struct {
			Run importedRun `json:"run"`
		}
		if err := c.call(ctx, http.MethodGet, "/books/"+url.PathEscape(book)+"/runs/"+url.PathEscape(run.ID), nil, &now); err != nil {
			return run, err
		}
		run = now.Run
	}
	return run, nil
}

func (c apiClient) call(ctx context.Context, method, path string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("asking the program: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	const most = 16 << 20
	answer, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return fmt.Errorf("reading the program's answer: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		var failed struct {
			Error struct {
				Message string `json:"message"`
			} `json:"error"`
		}
		if json.Unmarshal(answer, &failed) == nil && failed.Error.Message != "" {
			return errors.New(failed.Error.Message)
		}
		return fmt.Errorf("the program answered %s", response.Status)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("reading the program's answer: %w", err)
	}
	return nil
}
