package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/sethvargo/go-envconfig"

	bkperbot "github.com/bank-connections/bkper-bot"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/learn"
	"github.com/bank-connections/bkper-bot/internal/learn/evaluate"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
	storefile "github.com/bank-connections/bkper-bot/internal/store/embedded"
)

// evaluateCommand is `bot evaluate`. Only a book needs settings: files are
// evaluated whatever the environment says.
func evaluateCommand(ctx context.Context, args []string, env envconfig.Lookuper, stdout, stderr io.Writer) int {
	read := func(ctx context.Context, bookID string) (evaluate.History, error) {
		cfg, err := readConfig(ctx, env)
		if err != nil {
			return evaluate.History{}, err
		}
		log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: cfg.LogLevel}))
		return bookHistory(ctx, cfg, log, bookID)
	}
	return evaluate.Main(ctx, args, stdout, stderr, evaluate.Outside{Book: read, Now: time.Now})
}

// bookHistory reads the posted history of a book, and changes nothing in it.
func bookHistory(ctx context.Context, cfg Config, log *slog.Logger, bookID string) (_ evaluate.History, err error) {
	manifest, err := bkperbot.ReadManifest()
	if err != nil {
		return evaluate.History{}, err
	}
	a := &app{cfg: cfg, log: log, now: time.Now}
	token := cfg.BkperToken
	if cfg.BkperURL == "" {
		if token.IsZero() {
			token = seal.NewSecret("owner")
		}
		address, end, err := a.standIn(ctx, manifest)
		if err != nil {
			return evaluate.History{}, fmt.Errorf("reaching the stand-in's book (set BKPER_URL and BKPER_TOKEN for a real one): %w", err)
		}
		defer func() { err = errors.Join(err, end()) }()
		a.cfg.BkperURL = address + "/sandbox/bkper"
	}
	history, err := readHistory(ctx, a.openBooks(manifest, nil).As(bkper.StaticToken(token)), bookID)
	if err != nil {
		return history, explainUnread(cfg, bookID, err)
	}
	return history, nil
}

// standIn returns where the stand-in book server is reached: at the program
// that runs on the data directory, or else at one that serves the book alone,
// until end is called. No bank is asked and no draft is recorded.
func (a *app) standIn(ctx context.Context, manifest bkperbot.Manifest) (address string, end func() error, err error) {
	db, err := storefile.Open(a.cfg.file("app.db"))
	if errors.Is(err, store.ErrInUse) {
		address, err := readAddress(a.cfg)
		return address, func() error { return nil }, err
	}
	if err != nil {
		return "", nil, err
	}
	a.db = db // it keeps the program from starting on this data meanwhile
	if a.listener, err = listen(ctx, 0); err != nil {
		return "", nil, errors.Join(err, db.Close())
	}
	if err := a.openSandbox(ctx, manifest); err != nil {
		return "", nil, errors.Join(err, a.close())
	}
	server := &http.Server{
		Handler:           http.StripPrefix("/sandbox/bkper", a.sandbox.API()),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(a.listener) }()
	return a.url(), func() error {
		err := server.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return errors.Join(err, a.close())
	}, nil
}

// What is read of a book: mostHistory is some hundred megabytes on the wire.
const (
	historyPage = 1000
	mostHistory = 100_000
	allHistory  = "after:1900-01-01"
)

// historyBook is what replaying needs of the book.
type historyBook interface {
	Book(ctx context.Context, bookID string, with bkper.BookDetail) (bkper.Book, error)
	Transactions(ctx context.Context, bookID, query string, pageSize int) iter.Seq2[bkper.Transaction, error]
}

// readHistory turns posted transactions into rows as the app learns them: each
// is asked for each of its accounts that hold money or debt.
func readHistory(ctx context.Context, book historyBook, bookID string) (evaluate.History, error) {
	read, err := book.Book(ctx, bookID, bkper.BookDetail{Accounts: true})
	if err != nil {
		return evaluate.History{}, fmt.Errorf("reading its accounts: %w", err)
	}
	chart := complete.Chart{Book: read, Accounts: make(map[string]bkper.Account, len(read.Accounts))}
	history := evaluate.History{Name: cmp.Or(read.Name, bookID)}
	for _, a := range read.Accounts {
		chart.Accounts[a.ID] = a
		history.Chart = append(history.Chart, knownAccount(a))
	}
	var entries []posted
	count, filled := 0, 0
	for t, err := range book.Transactions(ctx, bookID, allHistory, historyPage) {
		if err != nil {
			return evaluate.History{}, fmt.Errorf("reading its transactions: %w", err)
		}
		if count++; count > mostHistory {
			history.Note = fmt.Sprintf("only the first %d transactions that the book lists were read. ", mostHistory)
			break
		}
		lessons := lessonsOf(t, chart)
		if len(lessons) == 0 {
			continue
		}
		entries = append(entries, posted{t.Date, t.CreatedAt, t.ID, lessons})
		if t.Properties[complete.ReasonProperty] != "" {
			filled++
		}
	}
	if len(entries) == 0 {
		return evaluate.History{}, errors.New("it has no posted transactions of asset or liability accounts: there is nothing to replay yet")
	}
	if filled > 0 {
		history.Note += fmt.Sprintf("the app itself had completed %d of the %d transactions before they were posted: what nobody looked at there counts as right", filled, len(entries))
	}
	slices.SortFunc(entries, posted.compare)
	row := 0
	for _, e := range entries {
		for i := range e.lessons {
			row++
			e.lessons[i].ID = evaluate.ID(row)
		}
		history.Entries = append(history.Entries, e.lessons)
	}
	return history, nil
}

// posted is one posted transaction.
type posted struct {
	date    bank.Date
	created bkper.Millis
	id      string
	lessons []learn.Lesson
}

func (p posted) compare(q posted) int {
	return cmp.Or(p.date.Compare(q.date), cmp.Compare(p.created, q.created), cmp.Compare(p.id, q.id))
}

func lessonsOf(t bkper.Transaction, chart complete.Chart) []learn.Lesson {
	if !t.Posted {
		return nil
	}
	var lessons []learn.Lesson
	for _, l := range complete.LessonsOf(t, chart) {
		amount, err := money.ParseDecimal(l.Amount)
		if err != nil {
			continue // it teaches the app nothing either
		}
		lessons = append(lessons, learn.Lesson{
			Movement: learn.Movement{BankAccount: l.BankAccount, Date: l.Date, Amount: amount, Text: l.Text},
			Account:  l.Account,
		})
	}
	return lessons
}

func knownAccount(a bkper.Account) evaluate.Account {
	kinds := map[bkper.AccountType]learn.AccountKind{
		bkper.Asset: learn.Asset, bkper.Liability: learn.Liability, bkper.Incoming: learn.Incoming, bkper.Outgoing: learn.Outgoing,
	}
	known := evaluate.Account{Account: learn.Account{ID: a.ID, Name: a.Name, Kind: kinds[a.Type]}}
	if created := a.CreatedAt.Time(); !created.IsZero() {
		known.Since = bank.DateOf(created)
	}
	return known
}

// explainUnread says what a person can do about a book that could not be read.
func explainUnread(cfg Config, bookID string, err error) error {
	var failed *errs.Error
	if !errors.As(err, &failed) {
		return err
	}
	remedy := "Does BKPER_URL, " + cfg.BkperURL + ", name the book server, and does it run?"
	refused := []errs.Code{errs.Unauthenticated, errs.NotFound, errs.Forbidden, errs.LostAccess}
	switch answered := slices.Contains(refused, failed.Code); {
	case answered && cfg.BkperURL == "":
		remedy = "This machine's stand-in was asked, which has the book demo. Set BKPER_URL and BKPER_TOKEN to reach a real book."
	case answered:
		remedy = "Is the id " + bookID + " right, is the book shared with the user of BKPER_TOKEN, and is that token still good? `bkper auth token` prints a new one."
	}
	return fmt.Errorf("%w\n%s", err, remedy)
}
