package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/sandbox"
)

// app is a fake of the app that events are sent to.
type app struct {
	*httptest.Server
	mu       sync.Mutex
	got      []object
	headers  []http.Header
	statuses []int  // of the answers to come; 200 after these
	answer   string // body of answers
	once     string // body of the next answer, if not empty
}

func newApp(t *testing.T) *app {
	a := &app{answer: `{"result":false}`}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e object
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.got = append(a.got, e)
		a.headers = append(a.headers, r.Header.Clone())
		status := http.StatusOK
		if len(a.statuses) > 0 {
			status, a.statuses = a.statuses[0], a.statuses[1:]
		}
		body := a.answer
		if a.once != "" {
			body, a.once = a.once, ""
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body) // a server that has gone needs no answer
	}))
	t.Cleanup(a.Close)
	return a
}

// tell sets the next answers of the app.
func (a *app) tell(answer string, statuses ...int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer, a.statuses = answer, statuses
}

// answerOnce has the app answer first with one body, and then with another.
func (a *app) answerOnce(first, then string) {
	a.tell(then)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.once = first
}

func (a *app) events() []object {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.got)
}

var allEvents = []string{
	"TRANSACTION_CREATED", "TRANSACTION_POSTED", "TRANSACTION_UPDATED", "TRANSACTION_CHECKED", "TRANSACTION_UNCHECKED",
	"TRANSACTION_DELETED", "TRANSACTION_RESTORED", "ACCOUNT_CREATED", "ACCOUNT_UPDATED", "ACCOUNT_DELETED", "GROUP_CREATED",
	"GROUP_UPDATED", "GROUP_DELETED", "BOOK_UPDATED", "BOOK_DELETED", "FILE_CREATED", "FILE_UPDATED", "FILE_DELETED",
	"INTEGRATION_CREATED", "INTEGRATION_UPDATED", "INTEGRATION_DELETED", "COLLABORATOR_ADDED", "COLLABORATOR_UPDATED", "COLLABORATOR_REMOVED",
}

// delivering returns a server that delivers events of those types to the app.
func delivering(t *testing.T, a *app, types ...string) *bench {
	b := newBench(t, func(o *sandbox.Options) {
		o.EventsURL, o.Events, o.FilePatterns, o.Now = a.URL+"/events", types, []string{"*.ofx"}, time.Now
	})
	run(t, b.Server)
	return b
}

func (b *bench) backlog() float64 {
	b.t.Helper()
	return b.ok("GET", "/v5/books/demo/events/backlog", nil)["count"].(float64)
}

// settle waits until nothing is left to deliver.
func (b *bench) settle() {
	b.t.Helper()
	eventually(b.t.(*testing.T), "the backlog is empty", func() bool { return b.backlog() == 0 })
}

func kinds(events []object) []string {
	var list []string
	for _, e := range events {
		list = append(list, e["type"].(string))
	}
	return list
}

func TestEveryChangeCausesItsEvent(t *testing.T) {
	b := newBench(t, nil)
	const root = "/v5/books/demo"
	row := b.create(draft("e", "x"))
	b.edit(row["id"], object{
		"debitAccount": object{"name": "Groceries"}, "amount": "5", "date": "2026-03-16",
		"description": "y", "properties": object{"k": "v"},
	})
	for _, verb := range []string{"post", "check", "uncheck", "trash", "untrash"} {
		b.ok("PATCH", transactions+"/"+verb, object{"id": row["id"]})
		b.ok("PATCH", transactions+"/"+verb, object{"id": row["id"]}) // again, which changes nothing
	}
	b.posted()
	account := b.ok("POST", root+"/accounts", object{"name": "A", "type": "ASSET"})["id"]
	b.ok("PUT", root+"/accounts", object{"id": account, "name": "B"})
	b.ok("DELETE", root+"/accounts/"+account.(string), nil)
	b.ok("PUT", root, object{"lockDate": "2025-01-01"})

	list := items(b.ok("GET", root+"/events?limit=200", nil))
	slices.Reverse(list)
	want := []string{
		"TRANSACTION_CREATED", "TRANSACTION_UPDATED", "TRANSACTION_POSTED", "TRANSACTION_CHECKED", "TRANSACTION_UNCHECKED",
		"TRANSACTION_DELETED", "TRANSACTION_RESTORED", "TRANSACTION_POSTED",
		"ACCOUNT_CREATED", "ACCOUNT_UPDATED", "ACCOUNT_DELETED", "BOOK_UPDATED",
	}
	if diff := cmp.Diff(want, kinds(list)); diff != "" {
		t.Fatal(diff)
	}
	data := list[1]["data"].(object)
	if diff := cmp.Diff(object{
		"dateValue": "20260317", "amount": "12.34", "debitAccId": "", "description": "x", "k": "",
	}, data["previousAttributes"]); diff != "" {
		t.Error(diff)
	}
	if got := list[9]["data"].(object)["previousAttributes"]; got.(object)["name"] != "A" {
		t.Errorf("renamed account: %v", got)
	}
}

func TestAnEditOfNothingHasNoPreviousAttributes(t *testing.T) {
	b := newBench(t, nil)
	b.edit(b.create(draft("n", "x"))["id"], nil)
	e := items(b.ok("GET", "/v5/books/demo/events", nil))[0]
	if _, there := e["data"].(object)["previousAttributes"]; there || e["type"] != "TRANSACTION_UPDATED" {
		t.Errorf("event %v", e)
	}
}

func TestDeliveryCarriesFullAccountsAndHeaders(t *testing.T) {
	a := newApp(t)
	b := delivering(t, a, allEvents...)
	row := b.as("editor", "POST", transactions, complete(object{"draft": false}), "bkper-agent-id", agentID).body["transaction"].(object)
	b.settle()
	e := a.events()[0]
	operation := e["data"].(object)["object"].(object)
	sent := operation["transaction"].(object)
	from := sent["creditAccount"].(object)
	if from["name"] != "Checking" || from["groups"].([]any)[0].(object)["name"] != "Bank Accounts" || from["properties"] == nil {
		t.Errorf("credit account %v", from)
	}
	if e["type"] != "TRANSACTION_POSTED" || e["resource"] != row["id"] || e["bookId"] != "demo" || sent["posted"] != true {
		t.Errorf("event %v", e)
	}
	if e["user"].(object)["username"] != "editor" || e["agent"].(object)["id"] != agentID {
		t.Errorf("by %v through %v", e["user"], e["agent"])
	}
	book := e["book"].(object)
	if book["id"] != "demo" || book["accounts"] != nil || book["timeZone"] == nil || book["permission"] != "OWNER" {
		t.Errorf("book %v", book)
	}
	if e["botResponses"] != nil || e["createdAt"] == nil || e["createdOn"] == nil {
		t.Errorf("event %v", e)
	}
	h := a.headers[0]
	if h.Get("bkper-oauth-token") != "owner" || h.Get("bkper-agent-id") != agentID || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
}

func TestOnlySubscribedEventsAreDelivered(t *testing.T) {
	a := newApp(t)
	b := delivering(t, a, "TRANSACTION_POSTED", "FILE_CREATED")
	b.create(draft("d", "x"))
	b.ok("POST", "/v5/books/demo/files", object{"name": "a.csv", "content": ""})
	b.ok("POST", "/v5/books/demo/files", object{"name": "Statement.OFX", "content": ""})
	b.posted()
	b.settle()
	got := kinds(a.events())
	slices.Sort(got)
	if diff := cmp.Diff([]string{"FILE_CREATED", "TRANSACTION_POSTED"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestNothingIsDeliveredToABookWithoutTheApp(t *testing.T) {
	a := newApp(t)
	b := delivering(t, a, "TRANSACTION_POSTED")
	id := items(b.ok("GET", "/v5/books/demo/integrations", nil))[0]["id"].(string)
	b.ok("DELETE", "/v5/books/demo/integrations/"+id, nil)
	b.posted()
	if got := b.backlog(); got != 0 {
		t.Errorf("backlog %v", got)
	}
}

func TestResponses(t *testing.T) {
	tests := []struct {
		claim    string
		answer   string
		statuses []int
		calls    int
		kind     string // "" is no response
		message  string
	}{
		{claim: "a result is recorded", answer: `{"result":"Completed 2 drafts"}`, calls: 1, kind: "INFO", message: "Completed 2 drafts"},
		{claim: "a list of results is recorded", answer: `{"result":["a","b"]}`, calls: 1, kind: "INFO", message: "a\nb"},
		{claim: "a result of false is not recorded", answer: `{"result":false}`, calls: 1},
		{claim: "a warning is recorded", answer: `{"warning":"careful"}`, calls: 1, kind: "WARNING", message: "careful"},
		{claim: "an error with 200 is recorded", answer: `{"error":["line 1","line 2"]}`, calls: 1, kind: "ERROR", message: "line 1\nline 2"},
		{
			claim: "429 is tried again until it is well", answer: `{"result":"ok"}`,
			statuses: []int{429, 429, 429, 429, 429, 429, 429}, calls: 8, kind: "INFO", message: "ok",
		},
		{claim: "another failure is tried again", answer: `{"result":"ok"}`, statuses: []int{500, 503}, calls: 3, kind: "INFO", message: "ok"},
		{
			claim: "another failure is given up after five tries", answer: `no`,
			statuses: []int{500, 500, 500, 500, 500, 500}, calls: 5, kind: "ERROR", message: "The app answered 500: no",
		},
		{claim: "an answer that is no JSON is an error", answer: `<html>`, calls: 1, kind: "ERROR", message: "The app answered no JSON: <html>"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			a := newApp(t)
			a.tell(test.answer, test.statuses...)
			b := delivering(t, a, "TRANSACTION_POSTED")
			row := b.posted()
			b.settle()
			if got := len(a.events()); got != test.calls {
				t.Errorf("%d calls, want %d", got, test.calls)
			}
			e := items(b.ok("GET", "/v5/books/demo/events?resoureId="+row["id"].(string), nil))[0]
			responses, _ := e["botResponses"].([]any)
			if test.kind == "" {
				if len(responses) > 0 {
					t.Errorf("recorded %v", responses)
				}
				return
			}
			if len(responses) != 1 {
				t.Fatalf("recorded %v", responses)
			}
			r := responses[0].(object)
			if r["type"] != test.kind || r["message"] != test.message || r["agentId"] != agentID {
				t.Errorf("recorded %v", r)
			}
			if found := len(b.find("error:true")); found != map[string]int{"ERROR": 1}[test.kind] {
				t.Errorf("error:true finds %d", found)
			}
		})
	}
}

func TestReplay(t *testing.T) {
	a := newApp(t)
	b := delivering(t, a, "TRANSACTION_POSTED")
	a.tell(`{"error":"broken"}`)
	b.posted()
	b.settle()
	failed := items(b.ok("GET", "/v5/books/demo/events?error=true", nil))
	if len(failed) != 1 {
		t.Fatalf("failed events: %v", failed)
	}
	id := failed[0]["id"].(string)
	count := func(filter string) int { return len(items(b.ok("GET", "/v5/books/demo/events"+filter, nil))) }
	if all, fine := count(""), count("?error=false"); fine != all-1 {
		t.Errorf("%d of %d events did not fail", fine, all)
	}
	response := "/v5/books/demo/events/" + id + "/responses/" + agentID

	a.tell(`{"result":"well"}`)
	if e := b.ok("PUT", response, nil); e["id"] != id {
		t.Errorf("replay answered %v", e)
	}
	b.settle()
	if got := a.events(); len(got) != 2 || got[1]["id"] != id {
		t.Fatalf("delivered %d times", len(got))
	}
	if left := items(b.ok("GET", "/v5/books/demo/events?error=true", nil)); len(left) != 0 {
		t.Errorf("still failed: %v", left)
	}
	t.Run("a batch with errorsOnly leaves what went well", func(t *testing.T) {
		b.ok("PATCH", "/v5/books/demo/events/replay/batch?errorsOnly=true", object{"items": []object{{"id": id}}})
		b.settle()
		if got := len(a.events()); got != 2 {
			t.Errorf("delivered %d times", got)
		}
		b.ok("PATCH", "/v5/books/demo/events/replay/batch", object{"items": []object{{"id": id}}})
		b.settle()
		if got := len(a.events()); got != 3 {
			t.Errorf("delivered %d times", got)
		}
	})
	t.Run("a response can be deleted", func(t *testing.T) {
		e := b.ok("DELETE", response, nil)
		if e["botResponses"] != nil {
			t.Errorf("left %v", e["botResponses"])
		}
	})
	b.refused(b.as("owner", "PUT", "/v5/books/demo/events/"+id+"/responses/other", nil), 404, "App NOT found")
}

func TestTheBacklogSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.db")
	options := func(o *sandbox.Options) { o.Events, o.Now = []string{"TRANSACTION_POSTED"}, time.Now }
	first := serve(t, open(t, path, options))
	first.posted()
	first.posted()
	if got := first.backlog(); got != 2 {
		t.Errorf("backlog %v", got)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	a := newApp(t)
	second := serve(t, open(t, path, options))
	t.Cleanup(func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
	run(t, second.Server)
	second.SetEventsURL(a.URL)
	second.settle()
	if got := len(a.events()); got != 2 {
		t.Errorf("%d delivered", got)
	}
}

func TestEventsPage(t *testing.T) {
	b := newBench(t, nil)
	for i := range 5 {
		b.create(draft(fmt.Sprint("p", i), "x"))
	}
	list := b.ok("GET", "/v5/books/demo/events?limit=2", nil)
	n := len(items(list))
	for list["cursor"] != nil {
		list = b.ok("GET", "/v5/books/demo/events?limit=2", nil, "cursor", list["cursor"].(string))
		n += len(items(list))
	}
	if n != 5 {
		t.Errorf("%d events on the pages, want 5", n)
	}
	if got := items(b.ok("GET", "/v5/books/demo/events?after=2027-01-01T00:00:00Z", nil)); len(got) != 0 {
		t.Errorf("after the end: %v", got)
	}
	if got := items(b.ok("GET", "/v5/books/demo/events?type=ACCOUNT_CREATED", nil)); len(got) != 0 {
		t.Errorf("of another type: %v", got)
	}
	b.refused(b.as("owner", "GET", "/v5/books/demo/events?after=today", nil), 400, "RFC 3339")
}
