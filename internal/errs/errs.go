// Package errs is the one error type that crosses rooms of this house, and the
// one table that says what each of its codes means to whoever is waiting for
// an answer: a person, Pub/Sub, or Bkper.
package errs

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Code classifies an error by what can be done about it.
type Code string

// Codes of connectors: what went wrong between the app and a bank.
const (
	InvalidCredentials  Code = "invalid_credentials"   // the bank refused what the person typed
	NeedsReauth         Code = "needs_reauth"          // the person must sign in at the bank again
	UserActionAtBank    Code = "user_action_at_bank"   // the bank waits for the person on its own site
	InstitutionDown     Code = "institution_down"      // the bank does not answer, later may be better
	RateLimited         Code = "rate_limited"          // asked too often; After says how long to wait
	HistoryNotAvailable Code = "history_not_available" // the bank does not go back that far
	AccountGone         Code = "account_gone"          // the bank no longer lists this account
	Config              Code = "config_error"          // an operator must mend keys or settings
)

// Codes of the app and of the book.
const (
	Invalid         Code = "invalid"         // the request or the data is wrong and will stay wrong
	NotFound        Code = "not_found"       // what was named does not exist
	Conflict        Code = "conflict"        // it exists already, or changed meanwhile
	Unauthenticated Code = "unauthenticated" // nobody is signed in, or the sign-in has expired
	Forbidden       Code = "forbidden"       // the person may not do this
	LostAccess      Code = "lost_access"     // the user is no longer a collaborator of the book
	Locked          Code = "locked"          // the book is locked or closed on that date
	Unavailable     Code = "unavailable"     // a part is away for a moment
	Internal        Code = "internal"        // nobody thought of this
)

// Error carries a code, a sentence for people, and the cause for the log.
type Error struct {
	Code   Code
	Public string        // a sentence a bookkeeper understands; "" takes the code's own
	After  time.Duration // with RateLimited, InstitutionDown, Unavailable: wait this long; 0 is unknown
	Err    error         // the cause, never shown to people
}

// New returns an error of that code with a sentence for people.
func New(code Code, public string) *Error { return &Error{Code: code, Public: public} }

// Wrap returns an error of that code caused by err, with a sentence for people.
func Wrap(code Code, err error, public string) *Error {
	return &Error{Code: code, Public: public, Err: err}
}

// Error writes code, sentence and cause, for the log.
func (e *Error) Error() string {
	text := string(e.Code)
	if e.Public != "" {
		text += ": " + e.Public
	}
	if e.Err != nil {
		text = fmt.Sprintf("%s: %v", text, e.Err)
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of err: that of the outermost Error in its chain,
// Unavailable for a cancelled or expired context, Internal for all else, and
// "" for nil.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e) && e.Code != "":
		return e.Code
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Unavailable
	default:
		return Internal
	}
}

// Is reports whether err has that code.
func Is(err error, code Code) bool { return err != nil && CodeOf(err) == code }

// Public returns the sentence of err for people. It never holds internals.
func Public(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Public != "" {
		return e.Public
	}
	return answerOf(err).sentence
}

// After returns how long err asks to wait before the next try, 0 if it does
// not say.
func After(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.After
	}
	return 0
}
