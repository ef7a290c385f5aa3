package bkper

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bank-connections/bkper-bot/internal/errs"
)

// EventType says what happened. Types that are not listed here may come.
type EventType string

// The types of events.
const (
	TransactionCreated   EventType = "TRANSACTION_CREATED" // a draft, never a posted one
	TransactionPosted    EventType = "TRANSACTION_POSTED"
	TransactionUpdated   EventType = "TRANSACTION_UPDATED"
	TransactionChecked   EventType = "TRANSACTION_CHECKED"
	TransactionUnchecked EventType = "TRANSACTION_UNCHECKED"
	TransactionDeleted   EventType = "TRANSACTION_DELETED" // trashed
	TransactionRestored  EventType = "TRANSACTION_RESTORED"

	AccountCreated EventType = "ACCOUNT_CREATED"
	AccountUpdated EventType = "ACCOUNT_UPDATED"
	AccountDeleted EventType = "ACCOUNT_DELETED"

	GroupCreated EventType = "GROUP_CREATED"
	GroupUpdated EventType = "GROUP_UPDATED"
	GroupDeleted EventType = "GROUP_DELETED"

	BookCreated EventType = "BOOK_CREATED"
	BookUpdated EventType = "BOOK_UPDATED"
	BookDeleted EventType = "BOOK_DELETED"
	BookAudited EventType = "BOOK_AUDITED"

	FileCreated EventType = "FILE_CREATED"
	FileUpdated EventType = "FILE_UPDATED"
	FileDeleted EventType = "FILE_DELETED"

	QueryCreated EventType = "QUERY_CREATED"
	QueryUpdated EventType = "QUERY_UPDATED"
	QueryDeleted EventType = "QUERY_DELETED"

	CommentCreated EventType = "COMMENT_CREATED"
	CommentDeleted EventType = "COMMENT_DELETED"

	CollaboratorAdded   EventType = "COLLABORATOR_ADDED"
	CollaboratorUpdated EventType = "COLLABORATOR_UPDATED"
	CollaboratorRemoved EventType = "COLLABORATOR_REMOVED"

	IntegrationCreated EventType = "INTEGRATION_CREATED"
	IntegrationUpdated EventType = "INTEGRATION_UPDATED"
	IntegrationDeleted EventType = "INTEGRATION_DELETED"
)

// Event is something that happened in a book. It may arrive more than once
// and in any order; what it says of the resource may be old by then.
type Event struct {
	ID           string        `json:"id"`
	BookID       string        `json:"bookId"`
	Book         *Book         `json:"book,omitempty"` // without accounts
	User         EventUser     `json:"user,omitzero"`  // on whose behalf
	Agent        EventAgent    `json:"agent,omitzero"` // who caused this event, not who created the resource
	CreatedAt    Millis        `json:"createdAt,omitempty"`
	CreatedOn    string        `json:"createdOn,omitempty"` // RFC 3339
	Data         EventData     `json:"data,omitzero"`
	Resource     string        `json:"resource,omitempty"` // id of what it is about
	Type         EventType     `json:"type"`
	BotResponses []BotResponse `json:"botResponses,omitempty"`
}

// EventUser is the user in charge of an event.
type EventUser struct {
	AvatarURL string `json:"avatarUrl,omitempty"`
	Name      string `json:"name,omitempty"`
	Username  string `json:"username,omitempty"`
}

// EventAgent is the app, bot or bank that caused an event; zero for a person.
type EventAgent struct {
	ID   string `json:"id,omitempty"`
	Logo string `json:"logo,omitempty"`
	Name string `json:"name,omitempty"`
}

// EventData is the resource as it was when the event happened. Read it with
// the method of Event for its kind.
type EventData struct {
	Object             json.RawMessage `json:"object,omitempty"`
	PreviousAttributes json.RawMessage `json:"previousAttributes,omitempty"`
}

// BotResponse is what an app answered to an event.
type BotResponse struct {
	AgentID   string `json:"agentId,omitempty"`
	Type      string `json:"type,omitempty"` // INFO, WARNING or ERROR
	Message   string `json:"message,omitempty"`
	CreatedAt Millis `json:"createdAt,omitempty"`
}

// EventResponse is the answer to an event. Result is a string or []string to
// be shown in the activity of the book, or false to leave no trace there.
type EventResponse struct {
	Result  any    `json:"result,omitempty"`
	Error   string `json:"error,omitempty"`
	Warning string `json:"warning,omitempty"`
}

const largestEvent = 1 << 20

// DecodeEvent reads an event of at most 1 MiB that has an id, a book and a
// type. It refuses what two readers could understand differently: names that
// occur twice in an object, also in other capitals, and bytes that are no
// UTF-8. Errors are of code Invalid.
func DecodeEvent(body []byte) (Event, error) {
	event, err := decodeEvent(body)
	if err != nil {
		return Event{}, invalidEvent(err)
	}
	return event, nil
}

func invalidEvent(err error) error {
	return errs.Wrap(errs.Invalid, fmt.Errorf("reading an event: %w", err), "This is not an event of Bkper.")
}

func decodeEvent(body []byte) (Event, error) {
	var e Event
	switch {
	case len(body) > largestEvent:
		return e, fmt.Errorf("%d bytes are more than %d", len(body), largestEvent)
	case !utf8.Valid(body):
		return e, errors.New("it is not UTF-8")
	}
	if err := checkNames(body); err != nil {
		return e, err
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return e, err
	}
	if e.BookID == "" && e.Book != nil {
		e.BookID = e.Book.ID
	}
	switch {
	case e.ID == "":
		return e, errors.New("it has no id")
	case e.Type == "":
		return e, errors.New("it has no type")
	case e.BookID == "":
		return e, errors.New("it names no book")
	}
	return e, nil
}

// Previous returns what an attribute was before an update, and whether the
// event says so. Numbers and the like are returned as JSON writes them.
func (e Event) Previous(attribute string) (string, bool) {
	var attributes map[string]json.RawMessage
	if json.Unmarshal(e.Data.PreviousAttributes, &attributes) != nil {
		return "", false
	}
	raw, ok := attributes[attribute]
	if !ok || string(raw) == "null" {
		return "", false
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return string(raw), true
	}
	return text, true
}

// Transaction returns the transaction of a TRANSACTION_... event, its
// accounts in full.
func (e Event) Transaction() (TransactionOperation, error) {
	var operation TransactionOperation
	if err := e.object("TRANSACTION_", &operation); err != nil {
		return operation, err
	}
	if operation.Transaction.ID == "" {
		// Some events carry the transaction itself.
		if err := e.object("TRANSACTION_", &operation.Transaction); err != nil {
			return operation, err
		}
	}
	if operation.Transaction.ID == "" {
		return operation, invalidEvent(fmt.Errorf("%s carries no transaction", e.Type))
	}
	return operation, nil
}

// Account returns the account of an ACCOUNT_... event.
func (e Event) Account() (Account, error) { return object[Account](e, "ACCOUNT_") }

// Group returns the group of a GROUP_... event.
func (e Event) Group() (Group, error) { return object[Group](e, "GROUP_") }

// File returns the file of a FILE_... event, without its content.
func (e Event) File() (File, error) { return object[File](e, "FILE_") }

// Integration returns the integration of an INTEGRATION_... event.
func (e Event) Integration() (Integration, error) { return object[Integration](e, "INTEGRATION_") }

// Collaborator returns the collaborator of a COLLABORATOR_... event.
func (e Event) Collaborator() (Collaborator, error) {
	return object[Collaborator](e, "COLLABORATOR_")
}

// ChangedBook returns the book of a BOOK_... event, or what the event says of
// its book if it carries no other.
func (e Event) ChangedBook() (Book, error) {
	book, err := object[Book](e, "BOOK_")
	if errors.Is(err, errNoObject) && e.Book != nil {
		return *e.Book, nil
	}
	return book, err
}

var errNoObject = errors.New("it carries no object")

func object[T any](e Event, prefix string) (T, error) {
	var t T
	err := e.object(prefix, &t)
	return t, err
}

func (e Event) object(prefix string, out any) error {
	if !strings.HasPrefix(string(e.Type), prefix) {
		return invalidEvent(fmt.Errorf("%s is not an event of this kind: %s", e.Type, prefix))
	}
	if !bytes.HasPrefix(e.Data.Object, []byte("{")) {
		return invalidEvent(fmt.Errorf("%s: %w", e.Type, errNoObject))
	}
	if err := json.Unmarshal(e.Data.Object, out); err != nil {
		return invalidEvent(fmt.Errorf("object of %s: %w", e.Type, err))
	}
	return nil
}

// checkNames refuses objects in which a name occurs twice. Names that differ
// in capitals only count as the same, because encoding/json takes them so.
func checkNames(body []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	type level struct {
		names map[string]bool // nil for an array
		value bool            // the next token is the value of a name
	}
	var open []level
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		top := len(open) - 1
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			open = open[:top]
			continue
		}
		if top >= 0 && open[top].names != nil {
			if name, ok := token.(string); ok && !open[top].value {
				folded := fold(name)
				if open[top].names[folded] {
					return fmt.Errorf("the name %.60q occurs twice in an object", name)
				}
				open[top].names[folded] = true
				open[top].value = true
				continue
			}
			open[top].value = false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		}
		const deepest = 100
		if len(open) > deepest {
			return fmt.Errorf("it is nested deeper than %d", deepest)
		}
	}
}

// fold maps names that encoding/json takes for the same to the same text.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}
