package bkper

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/errs"
)

// posted is a delivery as section 4 of Bkper's documentation shows it.
const posted = `{
	"id": "e1", "bookId": "b1",
	"book": {"id": "b1", "name": "Books", "permission": "OWNER", "timeZone": "America/Sao_Paulo", "lockDate": "1900-00-00", "fractionDigits": 2},
	"user": {"avatarUrl": "https://x/y.png", "name": "Ana", "username": "ana"},
	"agent": {"id": "bkper-web", "logo": "", "name": "Bkper"},
	"createdAt": "1736900000000", "createdOn": "2025-01-15T00:13:20.000Z",
	"data": {
		"object": {
			"accounts": [{"id": "5"}],
			"transaction": {
				"id": "t1", "amount": "100.50", "date": "2025-01-15", "dateValue": 20250115, "posted": true, "description": "Paper",
				"creditAccount": {"id": "5", "name": "Bank", "groups": [{"id": "9", "properties": {"k": "v"}}]},
				"debitAccount": {"id": "6", "name": "Office", "properties": {"id": "1"}},
				"remoteIds": ["bc1_x"], "somethingNew": {"a": [1, 2]}
			}
		},
		"previousAttributes": {"dateValue": "20250114", "amount": "99", "number": 5, "nothing": null, "list": ["a"]}
	},
	"resource": "t1", "type": "TRANSACTION_UPDATED", "somethingElse": true
}`

func decode(t *testing.T, body string) Event {
	t.Helper()
	e, err := DecodeEvent([]byte(body))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return e
}

func TestATransactionEventIsRead(t *testing.T) {
	e := decode(t, posted)
	if e.ID != "e1" || e.BookID != "b1" || e.Type != TransactionUpdated || e.Agent.ID != "bkper-web" || e.User.Username != "ana" ||
		e.CreatedAt != 1736900000000 || e.Resource != "t1" || e.Book.TimeZone != "America/Sao_Paulo" || !e.Book.LockedUntil().IsZero() {
		t.Errorf("%+v", e)
	}
	op, err := e.Transaction()
	if err != nil {
		t.Fatal(err)
	}
	tx := op.Transaction
	if tx.ID != "t1" || tx.Amount != "100.50" || tx.Date.String() != "2025-01-15" || tx.Status() != Posted || !tx.HasRemoteID("bc1_x") ||
		tx.CreditAccount.Groups[0].Properties["k"] != "v" || tx.DebitAccount.Name != "Office" || op.Accounts[0].ID != "5" {
		t.Errorf("%+v", op)
	}
}

func TestPreviousAttributesAreReadAsFarAsTheyGo(t *testing.T) {
	e := decode(t, posted)
	for attribute, want := range map[string]string{"dateValue": "20250114", "amount": "99", "number": "5", "list": `["a"]`} {
		if got, ok := e.Previous(attribute); !ok || got != want {
			t.Errorf("%s: %q, %v", attribute, got, ok)
		}
	}
	for _, attribute := range []string{"nothing", "description", ""} {
		if got, ok := e.Previous(attribute); ok {
			t.Errorf("%s: %q", attribute, got)
		}
	}
	for _, previous := range []string{"", `"previousAttributes": null,`, `"previousAttributes": "text",`, `"previousAttributes": [1],`, `"previousAttributes": 5,`, `"previousAttributes": {},`} {
		e := decode(t, `{"id":"e","bookId":"b","type":"TRANSACTION_UPDATED","data":{`+previous+`"object":{"id":"t"}}}`)
		if got, ok := e.Previous("amount"); ok {
			t.Errorf("%s gives %q", previous, got)
		}
	}
}

func TestATransactionMayComeWithoutItsOperation(t *testing.T) {
	for name, object := range map[string]string{
		"operation":             `{"accounts":[],"transaction":{"id":"t1","description":"D"}}`,
		"bare":                  `{"id":"t1","description":"D"}`,
		"bare, with null":       `{"id":"t1","description":"D","transaction":null}`,
		"operation with blanks": `  {"transaction" : {"id":"t1","description":"D"}}`,
	} {
		e := decode(t, `{"id":"e","bookId":"b","type":"TRANSACTION_POSTED","data":{"object":`+object+`}}`)
		if op, err := e.Transaction(); err != nil || op.Transaction.ID != "t1" || op.Transaction.Description != "D" {
			t.Errorf("%s: %+v, %v", name, op, err)
		}
	}
	for name, data := range map[string]string{
		"no data": `null`, "empty data": `{}`, "null": `{"object":null}`, "text": `{"object":"t1"}`, "list": `{"object":[]}`,
		"empty": `{"object":{}}`, "no id": `{"object":{"transaction":{"description":"D"}}}`, "wrong kind": `{"object":{"transaction":{"id":5}}}`,
		"wrong kind, bare": `{"object":{"id":"t1","amount":[]}}`, "bad date": `{"object":{"id":"t1","date":"01/02/2026"}}`,
	} {
		e := decode(t, `{"id":"e","bookId":"b","type":"TRANSACTION_POSTED","data":`+data+`}`)
		if op, err := e.Transaction(); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %+v, %v", name, op, err)
		}
	}
}

// allTypes are the 31 types of Bkper's type definitions.
var allTypes = []EventType{
	TransactionCreated, TransactionPosted, TransactionUpdated, TransactionChecked, TransactionUnchecked, TransactionDeleted, TransactionRestored,
	AccountCreated, AccountUpdated, AccountDeleted, GroupCreated, GroupUpdated, GroupDeleted,
	BookCreated, BookUpdated, BookDeleted, BookAudited, FileCreated, FileUpdated, FileDeleted,
	QueryCreated, QueryUpdated, QueryDeleted, CommentCreated, CommentDeleted,
	CollaboratorAdded, CollaboratorUpdated, CollaboratorRemoved, IntegrationCreated, IntegrationUpdated, IntegrationDeleted,
}

func TestEveryTypeIsReadByItsOwnMethodOnly(t *testing.T) {
	methods := map[string]func(Event) (string, error){
		"TRANSACTION":  func(e Event) (string, error) { v, err := e.Transaction(); return v.Transaction.ID, err },
		"ACCOUNT":      func(e Event) (string, error) { v, err := e.Account(); return v.ID, err },
		"GROUP":        func(e Event) (string, error) { v, err := e.Group(); return v.ID, err },
		"BOOK":         func(e Event) (string, error) { v, err := e.ChangedBook(); return v.ID, err },
		"FILE":         func(e Event) (string, error) { v, err := e.File(); return v.ID, err },
		"INTEGRATION":  func(e Event) (string, error) { v, err := e.Integration(); return v.ID, err },
		"COLLABORATOR": func(e Event) (string, error) { v, err := e.Collaborator(); return v.ID, err },
	}
	seen := map[EventType]bool{}
	for _, kind := range allTypes {
		if seen[kind] {
			t.Errorf("%s is listed twice", kind)
		}
		seen[kind] = true
		e := decode(t, fmt.Sprintf(`{"id":"e","bookId":"b","type":%q,"data":{"object":{"id":"x1","name":"N"}}}`, kind))
		if e.Type != kind {
			t.Errorf("%s is read as %s", kind, e.Type)
		}
		own, _, _ := strings.Cut(string(kind), "_")
		for name, method := range methods {
			id, err := method(e)
			if name == own && (err != nil || id != "x1") {
				t.Errorf("%s: %q, %v", kind, id, err)
			}
			if name != own && !errs.Is(err, errs.Invalid) {
				t.Errorf("%s is read as %s: %q", kind, name, id)
			}
		}
	}
	if len(seen) != 31 {
		t.Errorf("%d types", len(seen))
	}
}

func TestAnUnknownTypeIsNoError(t *testing.T) {
	e := decode(t, `{"id":"e","bookId":"b","type":"MOON_PHASE_CHANGED","data":{"object":[1]}}`)
	if e.Type != "MOON_PHASE_CHANGED" || string(e.Data.Object) != "[1]" {
		t.Errorf("%+v", e)
	}
}

func TestABookEventMaySpeakOfItsBookOnly(t *testing.T) {
	for _, data := range []string{`{}`, `null`, `{"object":null}`} {
		e := decode(t, `{"id":"e","type":"BOOK_UPDATED","book":{"id":"b","lockDate":"2026-01-31"},"data":`+data+`}`)
		if book, err := e.ChangedBook(); err != nil || book.LockedUntil().String() != "2026-01-31" || e.BookID != "b" {
			t.Errorf("%s: %+v, %v", data, book, err)
		}
	}
	e := decode(t, `{"id":"e","bookId":"b","type":"BOOK_UPDATED"}`)
	if book, err := e.ChangedBook(); !errs.Is(err, errs.Invalid) {
		t.Errorf("%+v, %v", book, err)
	}
	e = decode(t, `{"id":"e","type":"ACCOUNT_CREATED","book":{"id":"b"}}`)
	if book, err := e.ChangedBook(); !errs.Is(err, errs.Invalid) {
		t.Errorf("an account event: %+v, %v", book, err)
	}
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	deep := strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000)
	for name, body := range map[string]string{
		"nothing":                   ``,
		"text":                      `hello`,
		"null":                      `null`,
		"a list":                    `[]`,
		"cut off":                   posted[:len(posted)/2],
		"two of them":               posted + posted,
		"a tail":                    posted + "x",
		"no id":                     `{"bookId":"b","type":"T"}`,
		"no type":                   `{"id":"e","bookId":"b"}`,
		"no book":                   `{"id":"e","type":"T","book":{}}`,
		"an id of no kind":          `{"id":5,"bookId":"b","type":"T"}`,
		"the same name":             `{"id":"e","bookId":"b","type":"T","type":"U"}`,
		"the same name in capitals": `{"id":"e","bookId":"b","type":"T","TYPE":"U"}`,
		"the same name, escaped":    `{"id":"e","bookId":"b","type":"T","t\u0079pe":"U"}`,
		"the same name, Kelvin":     `{"id":"e","bookId":"b","type":"T","booKId":"c"}`,
		"the same name, deep down":  `{"id":"e","bookId":"b","type":"T","data":{"object":{"a":[{"amount":"1","amount":"2"}]}}}`,
		"bytes that are no UTF-8":   "{\"id\":\"e\",\"bookId\":\"b\",\"type\":\"T\xff\"}",
		"nested too deep":           `{"id":"e","bookId":"b","type":"T","data":{"object":` + deep + `}}`,
		"too long":                  `{"id":"e","bookId":"b","type":"T","x":"` + strings.Repeat("x", largestEvent) + `"}`,
		"a book of no kind":         `{"id":"e","bookId":"b","type":"T","book":{"fractionDigits":"two"}}`,
	} {
		if e, err := DecodeEvent([]byte(body)); !errs.Is(err, errs.Invalid) || e.ID != "" {
			t.Errorf("%s: %+v, %.200v", name, e, err)
		} else if got := errs.Public(err); got != "This is not an event of Bkper." {
			t.Errorf("%s: people read %q", name, got)
		}
	}
}

func TestTheSameNameInAnotherObjectIsFine(t *testing.T) {
	decode(t, `{"id":"e","bookId":"b","type":"T","data":{"object":{"id":"x","list":[{"id":"1"},{"id":"2"}],"type":"y"}},"":{"":{}}}`)
}

func TestTheLongestEventIsRead(t *testing.T) {
	head, tail := `{"id":"e","bookId":"b","type":"T","x":"`, `"}`
	decode(t, head+strings.Repeat("x", largestEvent-len(head)-len(tail))+tail)
}

func TestResponsesAreWrittenAsBkperExpects(t *testing.T) {
	for want, r := range map[string]EventResponse{
		`{"result":false}`:                   {Result: false},
		`{"result":"Done."}`:                 {Result: "Done."},
		`{"result":["a","b"],"warning":"w"}`: {Result: []string{"a", "b"}, Warning: "w"},
		`{"error":"The book is locked."}`:    {Error: "The book is locked."},
	} {
		if got, err := json.Marshal(r); err != nil || string(got) != want {
			t.Errorf("%s, want %s (%v)", got, want, err)
		}
	}
}

func TestEventErrorsAreErrors(t *testing.T) {
	_, err := DecodeEvent(nil)
	var e *errs.Error
	if !errors.As(err, &e) || e.Err == nil {
		t.Errorf("%T", err)
	}
}

// FuzzDecodeEvent: whatever arrives, nothing panics, and an event that is
// taken says the same after it has been written and read again.
func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(posted))
	for _, kind := range allTypes {
		f.Add(fmt.Appendf(nil, `{"id":"e","book":{"id":"b"},"type":%q,"data":{"object":{"id":"x","content":"AA=="},"previousAttributes":null}}`, kind))
	}
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"id":"e","bookId":"b","type":"T","type":"U"}`, `{"id":"\ud800","bookId":"b","type":"T"}`,
		`{"id":"e","bookId":"b","type":"TRANSACTION_POSTED","data":{"object":{"transaction":{"id":"t","amount":"1.5","date":"2026-01-31"}},"previousAttributes":{"amount":1}}}`,
		`{"id":"e","bookId":"b","type":"BOOK_UPDATED","book":{"lockDate":"1900-00-00","closingDate":"2026-02-30"}}`,
		`{"id":"e","bookId":"b","type":"FILE_CREATED","createdAt":"9223372036854775808"}`,
		`{"id":"e","bookId":"b","type":"T","data":{"object":"` + "\xff" + `"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := DecodeEvent(body)
		if err != nil {
			if !errs.Is(err, errs.Invalid) {
				t.Fatalf("not invalid: %v", err)
			}
			return
		}
		if e.ID == "" || e.Type == "" || e.BookID == "" {
			t.Fatalf("taken without its names: %+v", e)
		}
		_, _ = e.Transaction()
		_, _ = e.Account()
		_, _ = e.Group()
		_, _ = e.ChangedBook()
		_, _ = e.File()
		_, _ = e.Integration()
		_, _ = e.Collaborator()
		_, _ = e.Previous("amount")
		written, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if len(written) > largestEvent {
			return // escapes may make it longer
		}
		again, err := DecodeEvent(written)
		if err != nil {
			t.Fatalf("not read again: %v\n%s", err, written)
		}
		rewritten, err := json.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(written), string(rewritten)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkDecodeEvent(b *testing.B) {
	body := []byte(posted)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		e, err := DecodeEvent(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := e.Transaction(); err != nil {
			b.Fatal(err)
		}
	}
}
