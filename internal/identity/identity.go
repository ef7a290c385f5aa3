// Package identity says who is calling, and what Bkper lets them do: it turns
// a request into a user whose token the book's server has accepted, keeps the
// tokens of users for work that is done while they are away, and asks the book
// itself for their permission.
package identity

import (
	"context"
	"net/http"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

// User is a person whom Bkper knows.
type User struct {
	ID    string // Bkper's
	Name  string
	Email string
	Token seal.Secret // calls the book on the person's behalf
}

// Authenticator finds out who sends a request. Its errors are Unauthenticated
// when nobody can be made out, and Forbidden when the request must not come
// from where it comes.
type Authenticator interface {
	Authenticate(r *http.Request) (User, error)
}

// CanIntegrate reports whether a permission is enough to say which bank
// account records into a book, and to look at what came of it.
func CanIntegrate(p bkper.Permission) bool { return p.CanEdit() }

// Permission loads a book as the user of the client. It is an error of code
// Forbidden, with a sentence that says why, unless the user CanIntegrate.
func Permission(ctx context.Context, client *bkper.Client, bookID string) (bkper.Book, error) {
	book, err := client.Book(ctx, bookID, bkper.BookDetail{})
	switch {
	case errs.Is(err, errs.LostAccess), errs.Is(err, errs.Forbidden):
		return bkper.Book{}, errs.Wrap(errs.Forbidden, err, "This book is not shared with you. Ask its owner to share it.")
	case errs.Is(err, errs.NotFound):
		return bkper.Book{}, errs.Wrap(errs.NotFound, err, "There is no such book.")
	case err != nil:
		return bkper.Book{}, err
	}
	if !CanIntegrate(book.Permission) {
		return bkper.Book{}, errs.New(errs.Forbidden, refusal(book.Permission))
	}
	return book, nil
}

func refusal(p bkper.Permission) string {
	const who = "bank connections are for its owner and editors."
	switch p {
	case bkper.Viewer:
		return "You can view this book, but " + who
	case bkper.Recorder, bkper.Poster:
		return "You can record in this book, but " + who
	default:
		return "This book is not shared with you: " + who
	}
}
