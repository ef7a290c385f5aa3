package sandbox

import (
	"errors"
	"fmt"
	"net/http"
)

// apiError is an answer other than success, in Bkper's terms.
type apiError struct {
	status  int
	reason  string
	message string
}

func (e *apiError) Error() string { return e.message }

func badRequest(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "badRequest", fmt.Sprintf(format, args...)}
}

func notFound(kind, id string) error {
	return &apiError{http.StatusNotFound, "notFound", fmt.Sprintf("%s NOT found! ID: %s", kind, id)}
}

func forbidden(format string, args ...any) error {
	return &apiError{http.StatusForbidden, "forbidden", fmt.Sprintf(format, args...)}
}

// notCollaborator is Bkper's answer to a user without access to the book: a
// 401, although the token is good.
func notCollaborator(u *user, b *book) error {
	return &apiError{
		http.StatusUnauthorized, "required",
		fmt.Sprintf("The user [%s] is not a collaborator on the book [%s - %s]", u.email(), b.info.Name, b.info.ID),
	}
}

type errorEnvelope struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Code    int         `json:"code"`
	Message string      `json:"message"`
	Errors  []errorItem `json:"errors,omitempty"`
}

type errorItem struct {
	Domain  string `json:"domain"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

func (e *apiError) envelope() errorEnvelope {
	return errorEnvelope{errorBody{e.status, e.message, []errorItem{{"global", e.reason, e.message}}}}
}

// asAPIError returns err as an answer; what is no apiError is an internal one.
func asAPIError(err error) (answer *apiError, internal bool) {
	if errors.As(err, &answer) {
		return answer, false
	}
	return &apiError{http.StatusInternalServerError, "internalError", "Internal error"}, true
}
