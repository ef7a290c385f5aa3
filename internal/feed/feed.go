// Package feed is the way from the bank to the book: it syncs connections and
// imports statement files, finds out which rows are new, records them as drafts
// exactly once, and keeps the journal of what became of each.
//
// The order of effects is always the same: fetched; durable in the queue; the
// connector's state moved on; claimed in the ledger; recorded in the book;
// marked in the ledger; acknowledged. A reply that did not come means unknown:
// what was claimed and not confirmed is looked up in the book by its remote
// id, trash included, before it is recorded again.
package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/transfer"
)

// Book is what the feed needs of the book, on behalf of one user.
type Book interface {
	complete.Book
	Transaction(ctx context.Context, bookID, id string) (bkper.Transaction, error)
	FindRemoteID(ctx context.Context, bookID, remoteID string) ([]bkper.Transaction, error)
	CreateTransactions(ctx context.Context, bookID string, transactions []bkper.Transaction) (map[string]bkper.Transaction, error)
	UpdateTransaction(ctx context.Context, bookID string, t bkper.Transaction) (bkper.Transaction, error)
	Trash(ctx context.Context, bookID string, t bkper.Transaction) (bkper.Transaction, error)
	Restore(ctx context.Context, bookID string, t bkper.Transaction) (bkper.Transaction, error)
}

// Books opens the book on behalf of a user who is away.
type Books interface {
	For(userID string) Book
}

// Connectors finds a connector by its id.
type Connectors interface {
	Get(id string) (connectors.Connector, error)
}

// Unsealer opens what was sealed for a context.
type Unsealer interface {
	Open(ctx context.Context, sealed []byte, context string) ([]byte, error)
}

// Reconciler compares ledger and book.
type Reconciler interface {
	Nightly(ctx context.Context, bookID string) error
	// Due returns the books that have not been compared for a day.
	Due(ctx context.Context) ([]string, error)
}

// Transfers makes one transaction of the two ends of a transfer between own
// accounts.
type Transfers interface {
	// Look examines what was recorded since a day; More asks to look again.
	Look(ctx context.Context, bookID string, since bank.Date) (transfer.Looked, error)
	// Part makes two transactions of what was joined, because one end is about
	// to change. Nothing happens where there is no pair; a Conflict says that a
	// person has touched it.
	Part(ctx context.Context, bookID, remoteID string) error
}

// Deps is everything the feed touches, so that a test can own all of it: the
// feed starts no goroutine and knows no other clock or chance.
type Deps struct {
	Engine     store.Engine
	Queue      queue.Publisher
	Connectors Connectors
	Books      Books
	Sealer     Unsealer
	Completer  *complete.Completer
	Reconciler Reconciler
	Transfers  Transfers // nil leaves transfers alone
	Now        func() time.Time
	NewID      func() string  // short, unique
	Jitter     func() float64 // [0, 1)
	Log        *slog.Logger
}

// Service is the feed. It is safe for concurrent use.
type Service struct {
	Deps
	records  ledger.Collections
	leases   store.Leases
	standing *standingCache
}

// New returns the feed.
func New(d Deps) *Service {
	return &Service{
		Deps: d, records: ledger.All(), leases: store.Leases{Engine: d.Engine, Now: d.Now},
		standing: newStandingCache(),
	}
}

// Kinds of message that the feed publishes to itself.
const (
	kindSync      = "sync"      // fetch what is new of a connection
	kindRecord    = "record"    // record one batch of a run
	kindRetry     = "retry"     // try parked entries of a book again
	kindLearn     = "learn"     // learn the posted history of a book
	kindReconcile = "reconcile" // compare ledger and book
	kindUndo      = "undo"      // take what a run recorded out of the book, or bring it back
	kindTransfers = "transfers" // find transfers between own accounts
	kindDoubles   = "doubles"   // find rows that may be what was known before
	kindDecide    = "decide"    // carry out what a person has said of a double
)

// Handle does what a message asks for. It returns nil only for what is done,
// or has failed for good and is recorded as such.
func (s *Service) Handle(ctx context.Context, d queue.Delivery) error {
	switch d.Kind {
	case kindSync:
		return handle(ctx, d, s.sync)
	case kindRecord:
		return handle(ctx, d, s.record)
	case kindRetry:
		return handle(ctx, d, s.retry)
	case kindLearn:
		return handle(ctx, d, s.learn)
	case kindReconcile:
		return handle(ctx, d, s.reconcile)
	case kindTransfers:
		return handle(ctx, d, s.lookForTransfers)
	case kindUndo:
		return handle(ctx, d, s.undo)
	case kindDoubles:
		return handle(ctx, d, s.lookForDoubles)
	case kindDecide:
		return handle(ctx, d, s.decide)
	default:
		return fmt.Errorf("message %s: nothing handles the kind %q", d.ID, d.Kind)
	}
}

func handle[T any](ctx context.Context, d queue.Delivery, do func(context.Context, queue.Delivery, T) error) error {
	var body T
	if err := unpack(d.Body, &body); err != nil {
		return fmt.Errorf("reading message %s of kind %s: %w", d.ID, d.Kind, err)
	}
	if err := do(ctx, d, body); err != nil {
		return fmt.Errorf("%s: %w", d.Kind, err)
	}
	return nil
}

// Ordering keys of messages: what concerns one thing is done one after the
// other.
func connectionKey(id string) string             { return "connection:" + store.Key(id) }
func bookKey(id string) string                   { return "book:" + store.Key(id) }
func accountKey(bookID, accountID string) string { return ledger.AccountLease(bookID, accountID) }

// SubjectOf returns the book or the connection that the messages of an ordering
// key are about.
func SubjectOf(key string) (bookID, connectionID string) {
	kind, id, _ := strings.Cut(key, ":")
	parts := store.Parts(id)
	switch kind {
	case "connection":
		return "", parts[0]
	case "book", "account":
		return parts[0], ""
	default:
		return "", ""
	}
}

// message builds a message; body always marshals, it is one of ours.
func message(id, key, kind string, body any) (queue.Message, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return queue.Message{}, fmt.Errorf("writing a message of kind %s: %w", kind, err)
	}
	return queue.Message{ID: id, Key: key, Kind: kind, Body: data}, nil
}

func (s *Service) publish(ctx context.Context, id, key, kind string, body any) error {
	m, err := message(id, key, kind, body)
	if err != nil {
		return err
	}
	return s.Queue.Publish(ctx, m)
}

type learnMessage struct {
	BookID string `json:"bookId"`
	UserID string `json:"userId"`
}

// Learn asks for the posted history of a book to be learned, if that was not
// done, and for its open drafts to be examined with what is known; on behalf of
// a user who may see it.
func (s *Service) Learn(ctx context.Context, bookID, userID string) error {
	return s.publish(ctx, "learn:"+bookID+":"+s.NewID(), bookKey(bookID), kindLearn, learnMessage{BookID: bookID, UserID: userID})
}

// LearnAgain asks for the posted history to be read from its beginning.
func (s *Service) LearnAgain(ctx context.Context, bookID, userID string) error {
	if err := s.Completer.ForgetHistoryRead(ctx, bookID); err != nil {
		return err
	}
	return s.Learn(ctx, bookID, userID)
}

// learn takes one step through the history and asks for the next, so that other
// work on the book comes in between.
func (s *Service) learn(ctx context.Context, _ queue.Delivery, m learnMessage) error {
	book := s.Books.For(m.UserID)
	done, err := s.Completer.LearnHistory(ctx, book, m.BookID)
	switch {
	case err != nil && errs.Transient(err):
		return err
	case err != nil: // without the history the learner knows what people teach it
		s.Log.WarnContext(ctx, "history not learned", "book", m.BookID, "error", err)
	case !done:
		return s.Learn(ctx, m.BookID, m.UserID)
	}
	if _, err := s.Completer.Reexamine(ctx, book, m.BookID); err != nil {
		return err
	}
	return s.seekTransfers(ctx, m.BookID, bank.Date{})
}

// learnBefore learns the history of a book before a file is recorded into it: a
// short one at once, so that its rows arrive completed; a longer one goes on
// behind.
func (s *Service) learnBefore(ctx context.Context, bookID, userID string) error {
	const atOnce = 2000 // transactions
	for {
		done, err := s.Completer.LearnHistory(ctx, s.Books.For(userID), bookID)
		if err != nil || done {
			return err
		}
		state, err := s.Completer.Learning(ctx, bookID)
		if err != nil {
			return err
		}
		if state.History.Read > atOnce {
			return s.Learn(ctx, bookID, userID)
		}
	}
}

// problem describes an error for the person who can mend it.
func (s *Service) problem(err error) *ledger.Problem {
	return &ledger.Problem{Code: errs.CodeOf(err), Sentence: errs.Public(err), At: s.Now()}
}
