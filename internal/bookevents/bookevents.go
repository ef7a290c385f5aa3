// Package bookevents is the way from the book to the learner: it hears of what
// people do in the book and lets the ledger and the learner follow.
//
// An event may come twice, late and out of order, so it is only taken as a
// hint: what it concerns is read from the book as it stands now, and what is
// written down is that state. Doing it again changes nothing.
package bookevents

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// Book is what events need of the book, on behalf of the user who installed
// the app there.
type Book interface {
	complete.Book
	Transaction(ctx context.Context, bookID, id string) (bkper.Transaction, error)
	FindRemoteID(ctx context.Context, bookID, remoteID string) ([]bkper.Transaction, error)
	File(ctx context.Context, bookID, id string) (bkper.File, error)
	Integrations(ctx context.Context, bookID string) ([]bkper.Integration, error)
}

// Books opens the book with the token that came with an event.
type Books interface {
	With(token seal.Secret) Book
}

// Users finds out whose token it is, and keeps it for what is done later on
// that user's behalf.
type Users interface {
	Remember(ctx context.Context, token seal.Secret) (userID string, err error)
}

// Feed is what events ask of the feed.
type Feed interface {
	RetryParked(ctx context.Context, bookID string) (int, error)
	Import(ctx context.Context, r feed.ImportRequest) (ledger.Run, error)
}

// Handler answers events. It is safe for concurrent use.
type Handler struct {
	Engine    store.Engine
	Books     Books
	Users     Users
	Feed      Feed
	Completer *complete.Completer
	AgentID   string // of this app: its own events are ignored
	Now       func() time.Time
}

// BkperAgent is the agent id of Bkper's own agent. What it fills in is a guess,
// and guesses do not teach.
const BkperAgent = "bookbot"

// nothing is the answer that leaves no trace in the book's activities.
func nothing() bkper.EventResponse { return bkper.EventResponse{Result: false} }

func say(text string) bkper.EventResponse {
	if text == "" {
		return nothing()
	}
	return bkper.EventResponse{Result: plain(text)}
}

func warn(text string) bkper.EventResponse { return bkper.EventResponse{Warning: plain(text)} }

// plain keeps names that people and banks give from being read as HTML, which
// Bkper renders in what apps answer.
func plain(text string) string { return strings.ReplaceAll(text, "<", "‹") }

// Handle does what an event calls for. An error that is transient asks for the
// event again; another one is told to the book.
func (h *Handler) Handle(ctx context.Context, e bkper.Event, token seal.Secret) (bkper.EventResponse, error) {
	if e.Agent.ID == h.AgentID {
		return nothing(), nil
	}
	switch e.Type {
	case bkper.TransactionPosted, bkper.TransactionUpdated, bkper.TransactionDeleted, bkper.TransactionRestored,
		bkper.TransactionChecked, bkper.TransactionUnchecked, bkper.TransactionCreated:
		return h.transaction(ctx, e, h.Books.With(token))
	case bkper.AccountUpdated, bkper.AccountDeleted:
		return h.account(ctx, e, h.Books.With(token))
	case bkper.BookUpdated, bkper.CollaboratorAdded, bkper.CollaboratorUpdated:
		return h.retry(ctx, e)
	case bkper.BookDeleted:
		return h.deleted(ctx, e, h.Books.With(token))
	case bkper.IntegrationCreated, bkper.IntegrationDeleted:
		return h.installation(ctx, e, h.Books.With(token))
	case bkper.FileCreated:
		return h.file(ctx, e, token)
	default:
		return nothing(), nil
	}
}

// retry follows an event after which the book may take what it refused before.
func (h *Handler) retry(ctx context.Context, e bkper.Event) (bkper.EventResponse, error) {
	h.Completer.ForgetChart(e.BookID)
	n, err := h.Feed.RetryParked(ctx, e.BookID)
	if err != nil || n == 0 {
		return nothing(), err
	}
	return say(fmt.Sprintf("Trying again to record %s that had to wait", quantity(n, "bank transaction"))), nil
}

// installation follows the app's own coming and going in a book.
func (h *Handler) installation(ctx context.Context, e bkper.Event, book Book) (bkper.EventResponse, error) {
	told, err := e.Integration()
	if err != nil {
		return nothing(), err
	}
	if told.AgentID != h.AgentID {
		return nothing(), nil
	}
	all, err := book.Integrations(ctx, e.BookID)
	if errs.Transient(err) {
		return nothing(), fmt.Errorf("reading the integrations of book %s: %w", e.BookID, err)
	}
	// A book that lets the app see nothing any more has removed it.
	if slices.ContainsFunc(all, func(i bkper.Integration) bool { return i.AgentID == h.AgentID && i.ConnectionID == "" }) {
		return h.retry(ctx, e)
	}
	return h.stop(ctx, e.BookID, nil, errs.New(errs.Forbidden, "The app was removed from the book. Install it again to go on."))
}

// deleted stops everything in a book that is no more.
func (h *Handler) deleted(ctx context.Context, e bkper.Event, book Book) (bkper.EventResponse, error) {
	_, err := book.Book(ctx, e.BookID, bkper.BookDetail{})
	switch {
	case err == nil:
		return nothing(), nil
	case errs.Transient(err):
		return nothing(), fmt.Errorf("reading book %s: %w", e.BookID, err)
	}
	return h.stop(ctx, e.BookID, nil, errs.New(errs.NotFound, "The book was deleted."))
}

// account follows a renamed, archived or deleted account.
func (h *Handler) account(ctx context.Context, e bkper.Event, book Book) (bkper.EventResponse, error) {
	told, err := e.Account()
	if err != nil {
		return nothing(), err
	}
	h.Completer.ForgetChart(e.BookID)
	concerned, err := h.isFed(ctx, e.BookID, told.ID)
	if err != nil || !concerned {
		return nothing(), err
	}
	chart, err := h.Completer.Chart(ctx, book, e.BookID)
	if err != nil {
		return nothing(), err
	}
	a, found := chart.Accounts[told.ID]
	concerns := func(i ledger.Integration) bool { return i.AccountID == told.ID }
	switch {
	case !found:
		return h.stop(ctx, e.BookID, concerns, errs.New(errs.NotFound, "The account "+told.Name+" was deleted. Choose another for this bank account."))
	case a.Archived:
		return h.stop(ctx, e.BookID, concerns, errs.New(errs.NotFound, "The account "+a.Name+" is archived. Unarchive it, or choose another for this bank account."))
	}
	stopped := false
	_, err = h.change(ctx, e.BookID, func(i *ledger.Integration) bool {
		if !concerns(*i) {
			return false
		}
		stopped = stopped || i.Stopped != nil
		renamed := i.AccountName != a.Name
		i.AccountName = a.Name
		return renamed
	})
	if err != nil || !stopped {
		return nothing(), err
	}
	return h.retry(ctx, e)
}

// isFed reports whether an integration records into an account of the book.
func (h *Handler) isFed(ctx context.Context, bookID, accountID string) (fed bool, err error) {
	err = h.Engine.View(ctx, func(tx store.Tx) error {
		all, err := ledger.All().IntegrationsOfBook(tx, bookID)
		fed = slices.ContainsFunc(all, func(i ledger.Integration) bool { return i.AccountID == accountID })
		return err
	})
	return fed, err
}

// stop ends the recording of those integrations of a book, nil for all, until a
// person acts.
func (h *Handler) stop(ctx context.Context, bookID string, concerns func(ledger.Integration) bool, why *errs.Error) (bkper.EventResponse, error) {
	n, err := h.change(ctx, bookID, func(i *ledger.Integration) bool {
		if i.Stopped != nil || concerns != nil && !concerns(*i) {
			return false
		}
		i.Stopped = &ledger.Problem{Code: why.Code, Sentence: why.Public, At: h.Now()}
		return true
	})
	if err != nil || n == 0 {
		return nothing(), err
	}
	return warn(fmt.Sprintf("%s %s stopped: %s", quantity(n, "bank account"), isOrAre(n), why.Public)), nil
}

// change applies f to the integrations of a book and returns how many it
// changed.
func (h *Handler) change(ctx context.Context, bookID string, f func(*ledger.Integration) bool) (int, error) {
	records := ledger.All()
	n := 0
	err := h.Engine.Update(ctx, func(tx store.Tx) error {
		n = 0
		all, err := records.IntegrationsOfBook(tx, bookID)
		if err != nil {
			return err
		}
		for _, i := range all {
			if !f(&i) {
				continue
			}
			n++
			if err := records.PutIntegration(tx, i); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// AccountProperty is the property of a file that says for which account of
// the book it was uploaded.
const AccountProperty = "account_id"

// attached reports whether a file belongs to a transaction, and so is no
// statement.
func attached(f bkper.File) bool { return f.Properties["upload_method"] == "attachment" }

// file records a statement that was dropped on an account.
func (h *Handler) file(ctx context.Context, e bkper.Event, token seal.Secret) (bkper.EventResponse, error) {
	named, err := e.File()
	if err != nil {
		return nothing(), err
	}
	switch strings.ToLower(path.Ext(named.Name)) {
	case ".ofx", ".qfx":
	default:
		return nothing(), nil
	}
	book := h.Books.With(token)
	f, err := book.File(ctx, e.BookID, named.ID)
	if errs.Is(err, errs.NotFound) {
		return nothing(), nil // deleted meanwhile
	}
	if err != nil {
		return nothing(), err
	}
	accountID := f.Properties[AccountProperty]
	switch {
	case attached(f):
		return nothing(), nil
	case accountID == "":
		return warn("Select the account that " + f.Name + " belongs to, then drop the file again: its rows go to that account."), nil
	}
	userID, err := h.Users.Remember(ctx, token)
	if err != nil {
		return nothing(), err
	}
	if _, err := h.Completer.Chart(ctx, book, e.BookID, accountID); err != nil { // the account may be new
		return nothing(), err
	}
	run, err := h.Feed.Import(ctx, feed.ImportRequest{
		UserID: userID, BookID: e.BookID, AccountID: accountID, FileName: f.Name, Content: f.Content,
	})
	if err != nil {
		return nothing(), err
	}
	answer := say(importSummary(run))
	if len(run.Problems) > 0 {
		answer.Warning = plain(quantity(len(run.Problems), "row") + " could not be read. " + run.Problems[0])
	}
	return answer, nil
}

func importSummary(run ledger.Run) string {
	news := run.Counts.Came - run.Counts.Matched - run.Counts.Skipped
	switch {
	case run.Counts.Came == run.Counts.Skipped:
		return "There is nothing to record in " + run.Title
	case news == 0:
		return fmt.Sprintf("All %s of %s were recorded before", quantity(run.Counts.Came-run.Counts.Skipped, "row"), run.Title)
	}
	return fmt.Sprintf("Recording %s of %s into %s", quantity(news, "row"), run.Title, run.AccountName)
}

func quantity(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
