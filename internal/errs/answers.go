package errs

import "net/http"

// answer is what a code means to those who wait for an answer.
type answer struct {
	sentence  string // for people, where the error brings none of its own
	status    int    // HTTP status to the panel and its API
	transient bool   // the same call may succeed later, without anybody doing anything
}

// answers is the table. A code that is missing counts as Internal.
var answers = map[Code]answer{
	"": {"", http.StatusOK, false},

	InvalidCredentials:  {"The bank refused these credentials. Look for extra spaces, capital letters and punctuation, and try again.", http.StatusUnprocessableEntity, false},
	NeedsReauth:         {"The bank wants you to sign in again. Press Reconnect.", http.StatusConflict, false},
	UserActionAtBank:    {"The bank asks you to do something on its own site first. Then try again.", http.StatusConflict, false},
	InstitutionDown:     {"The bank is not answering. It will be tried again.", http.StatusServiceUnavailable, true},
	RateLimited:         {"Asked too often. It will be tried again later.", http.StatusTooManyRequests, true},
	HistoryNotAvailable: {"The bank does not tell its history that far back. Import a statement file for the rest.", http.StatusUnprocessableEntity, false},
	AccountGone:         {"The bank no longer lists this account.", http.StatusGone, false},
	Config:              {"This bank cannot be reached until the operator of this app mends its settings.", http.StatusInternalServerError, false},

	Invalid:         {"This cannot be right as it is.", http.StatusBadRequest, false},
	NotFound:        {"There is no such thing here.", http.StatusNotFound, false},
	Conflict:        {"This has changed meanwhile. Load it again.", http.StatusConflict, false},
	Unauthenticated: {"Sign in first.", http.StatusUnauthorized, false},
	Forbidden:       {"Your permission on this book does not allow this.", http.StatusForbidden, false},
	LostAccess:      {"The book is no longer shared with the user who saved this integration.", http.StatusForbidden, false},
	Locked:          {"The book is locked on that date.", http.StatusConflict, false},
	Unavailable:     {"This is not available for a moment. Try again.", http.StatusServiceUnavailable, true},
	Internal:        {"Something went wrong here. Try again; if it stays so, tell the operator of this app.", http.StatusInternalServerError, true},
}

func answerOf(err error) answer {
	if a, ok := answers[CodeOf(err)]; ok {
		return a
	}
	return answers[Internal]
}

// Transient reports whether the same call may succeed later without anybody
// doing anything. An error nobody thought of counts as transient, because to
// give up on it could lose something.
func Transient(err error) bool { return err != nil && answerOf(err).transient }

// HTTPStatus returns the status of an answer to the panel or a user of its API.
func HTTPStatus(err error) int { return answerOf(err).status }

// PushStatus returns the status of an answer to Pub/Sub. A handler returns nil
// for what is done and for permanent failures that it has recorded; every
// error, known or not, is delivered again and ends as a dead letter.
func PushStatus(err error) int {
	if err == nil {
		return http.StatusNoContent
	}
	return http.StatusServiceUnavailable
}

// EventStatus returns the status of an answer to an event of Bkper: 429 is the
// one status that Bkper promises to retry, so it answers all that may go
// better later; 200 carries everything else in its body.
func EventStatus(err error) int {
	if Transient(err) {
		return http.StatusTooManyRequests
	}
	return http.StatusOK
}
