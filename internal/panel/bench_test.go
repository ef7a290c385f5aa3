package panel_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/connectors/demo"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/identity"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/link"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/panel"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/rules"
	"github.com/bank-connections/bkper-bot/internal/sandbox"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/embedded"
)

// nasty is a text that would do harm as markup.
const nasty = `<script>window.hacked=1</script><img src=x onerror="window.hacked=1">`

var tokens = []string{"owner", "editor", "recorder", "viewer", "stranger"}

// bench is the panel over real rooms, but for the feed.
type bench struct {
	t       testing.TB
	handler http.Handler
	routes  gin.RoutesInfo
	feed    *fakeFeed
	upkeep  *fakeUpkeep
	engine  store.Engine
	records ledger.Collections
	books   *bkper.Service
	bank    *demo.Connector

	rules     *rules.Store
	completer *complete.Completer

	base string // of the pages; set where a browser comes
	book http.Handler

	described object // by /openapi.json
}

func newBench(t testing.TB) *bench {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	dir := t.TempDir()
	server, err := sandbox.Open(t.Context(), sandbox.Options{Path: filepath.Join(dir, "book.db")})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(server.API())
	db, err := embedded.Open(filepath.Join(dir, "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		api.Close()
		if err := errors.Join(server.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	sealer, err := seal.OpenKeyFile(filepath.Join(dir, "key"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	b := &bench{
		t: t, engine: db, records: ledger.All(), book: server.API(),
		books: bkper.New(bkper.Options{BaseURL: api.URL, Retry: bkper.RetryPolicy{Retries: -1}}),
		bank:  demo.New(connectors.Deps{HTTP: http.DefaultClient, Log: log, Now: time.Now, Rand: rand.Reader}, demo.Config{}),
	}
	b.feed = &fakeFeed{bench: b}
	b.upkeep = &fakeUpkeep{bench: b}
	b.rules, b.completer = rules.NewStore(db, newID), complete.New(db, time.Now)
	local := identity.NewLocal(b.books, seal.NewSecret("owner"), time.Now)
	keeper := identity.NewKeeper(db, b.records.Users, sealer, time.Now)
	p, err := panel.New(panel.Deps{
		Users: local, Books: b.books, Keeper: keeper, Engine: db, Records: b.records,
		Link: &link.Service{
			Engine: db, Records: b.records, Connectors: []connectors.Connector{b.bank}, Sealer: sealer, Books: b.books,
			Keeper: keeper, Wake: b.feed, Log: log, Now: time.Now,
			NewID:     newID,
			ReturnURL: func() string { return b.base + "/link/return" },
		},
		Importer: b.feed, Retrier: b.feed, DeadLetters: b.feed,
		Undoer: undoer{b.upkeep}, Transfers: b.upkeep, Doubles: b.upkeep, Reconciler: b.upkeep,
		Rules: b.rules, Completer: b.completer, Examiner: b.feed,
		About: func(d queue.DeadLetter) panel.Subject {
			kind, id, _ := strings.Cut(d.Key, ":")
			if kind == "book" {
				return panel.Subject{BookID: id}
			}
			return panel.Subject{ConnectionID: id}
		},
		Log: log, Now: time.Now,
		Local: &panel.Local{SignIn: local.SignIn, Tokens: tokens, BookID: "demo"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	p.Mount(r)
	r.NoRoute(p.NotFound)
	b.routes = r.Routes()
	r.Any("/sandbox/bank/*path", gin.WrapH(http.StripPrefix("/sandbox/bank", b.bank.Pages())))
	b.handler = r
	return b
}

func newID() string {
	id := make([]byte, 20)
	_, _ = rand.Read(id)
	return strings.ToLower(base32.StdEncoding.EncodeToString(id))
}

// fakeFeed stands in for the feed: it leaves the traces of one run with one
// row of each kind.
type fakeFeed struct {
	*bench
	mu       sync.Mutex
	synced   int
	imported []byte
	letters  []queue.DeadLetter
	replayed []string
	retried  int
	runs     int

	unwilling error // to examine open drafts
}

// LearnAgain begins to read the history, and comes no further.
func (f *fakeFeed) LearnAgain(ctx context.Context, bookID, _ string) error {
	return f.completer.ForgetHistoryRead(ctx, bookID)
}

// Learn examines the open drafts at once.
func (f *fakeFeed) Learn(ctx context.Context, bookID, userID string) error {
	if f.unwilling != nil {
		return f.unwilling
	}
	_, err := f.completer.Reexamine(ctx, f.books.As(bkper.StaticToken(seal.NewSecret(userID))), bookID)
	return err
}

func (f *fakeFeed) Sync(ctx context.Context, connectionID string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.synced++
	return f.engine.Update(ctx, func(tx store.Tx) error {
		integrations, err := f.records.IntegrationsOfConnection(tx, connectionID)
		if err != nil {
			return err
		}
		for _, i := range integrations {
			i.LastRun = time.Now()
			i.Totals = ledger.Counts{Came: 3, Recorded: 2, Completed: 1, Skipped: 1}
			rows := []bank.Transaction{{Status: bank.Pending, Date: bank.NewDate(2026, 11, 21), Amount: money.MustParse("-4.5", "USD"), Description: "Pending " + nasty}}
			if err := errors.Join(
				f.records.PutIntegration(tx, i),
				f.records.Pending.Put(tx, store.Key(i.ID), ledger.PendingRows{At: time.Now(), Rows: rows}),
				f.putRun(tx, ledger.SyncRun, i.ID, i.AccountID, i.Institution+", "+i.BankName),
			); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fakeFeed) putRun(tx store.Tx, kind ledger.RunKind, integration, account, title string) error {
	f.runs++
	run := f.run(kind, integration, account, title)
	amount := money.MustParse("-12", "USD")
	return errors.Join(
		f.records.Runs.Put(tx, run.Key(), run),
		f.records.Journal.Put(tx, store.Key(run.ID, "000000"), ledger.JournalPage{Lines: []ledger.JournalLine{
			{Date: bank.NewDate(2026, 11, 20), Amount: amount, Text: "COFFEE " + nasty, Outcome: "completed", Why: "as before: " + nasty},
			{Date: bank.NewDate(2026, 11, 20), Amount: amount, Text: "COFFEE", Outcome: "skipped", Why: "before the start date"},
		}}),
	)
}

func (f *fakeFeed) run(kind ledger.RunKind, integration, account, title string) ledger.Run {
	at := time.Date(2026, 11, 22, 10, 0, f.runs, 0, time.UTC)
	return ledger.Run{
		ID: fmt.Sprintf("run%02d", f.runs), Kind: kind, BookID: "demo", Integration: integration, AccountID: account, AccountName: "Checking",
		Title: title, StartedAt: at, FinishedAt: at, Counts: ledger.Counts{Came: 3, Recorded: 2, Completed: 1, Skipped: 1},
	}
}

func (f *fakeFeed) Import(ctx context.Context, _, bookID, accountID, fileName string, content []byte) ([]ledger.Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if bookID != "demo" || bytes.HasPrefix(content, []byte("not")) {
		return nil, errs.New(errs.Invalid, "This is not a statement.")
	}
	f.imported = content
	err := f.engine.Update(ctx, func(tx store.Tx) error { return f.putRun(tx, ledger.FileRun, "", accountID, fileName) })
	return []ledger.Run{f.run(ledger.FileRun, "", accountID, fileName)}, err
}

func (f *fakeFeed) RetryParked(context.Context, string) (int, error) {
	f.retried++
	return 1, nil
}

func (f *fakeFeed) Dead(context.Context, int) ([]queue.DeadLetter, error) { return f.letters, nil }

func (f *fakeFeed) Replay(_ context.Context, id string) error {
	f.replayed = append(f.replayed, id)
	return nil
}

// park puts a parked row into the demo book.
func (b *bench) park() {
	b.t.Helper()
	day, amount := bank.NewDate(2026, 1, 5), money.MustParse("-7.25", "USD")
	e := ledger.Entry{
		RemoteID: ledger.RemoteID("1", day, amount, 1), BookID: "demo", AccountID: "1", State: ledger.Parked,
		Row:     bank.Transaction{Date: day, Amount: amount, Description: "LATE " + nasty},
		Problem: &ledger.Problem{Code: errs.Locked, Sentence: "The book is locked on that date.", At: time.Now()},
	}
	err := b.engine.Update(b.t.Context(), func(tx store.Tx) error {
		return errors.Join(
			b.records.Entries.Put(tx, e.Key(), e),
			b.records.Work.Put(tx, ledger.WorkKey("demo", ledger.ToUnpark, e.RemoteID), ledger.Ref{RemoteID: e.RemoteID}),
		)
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// request makes a request from this machine as the user of a token.
func (b *bench) request(token, method, path string, body any) *http.Request {
	b.t.Helper()
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	r := httptest.NewRequestWithContext(b.t.Context(), method, "http://127.0.0.1:8080"+path, reader)
	r.RemoteAddr = "127.0.0.1:40000"
	r.Header.Set("Authorization", "Bearer "+token)
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (b *bench) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

// object is a piece of JSON.
type object = map[string]any

// call expects a status of the API and returns its answer.
func (b *bench) call(token, method, path string, body any, want int) object {
	b.t.Helper()
	w := b.do(b.request(token, method, "/api/v1"+path, body))
	if w.Code != want {
		b.t.Fatalf("%s %s as %s: status %d, want %d: %s", method, path, token, w.Code, want, w.Body)
	}
	var answer object
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		b.t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
	}
	if want < 400 {
		b.conforms(method, path, want, answer)
	}
	return answer
}

// conforms fails the test unless the answer is what the description of the API
// says of it.
func (b *bench) conforms(method, path string, status int, answer object) {
	b.t.Helper()
	if b.described == nil {
		if err := json.Unmarshal(b.do(b.request("owner", "GET", "/openapi.json", nil)).Body.Bytes(), &b.described); err != nil {
			b.t.Fatal(err)
		}
	}
	path, _, _ = strings.Cut(path, "?")
	for described, operations := range b.described["paths"].(object) {
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`\{\w+\}`).ReplaceAllString(described, "[^/]+") + "$")
		operation, _ := operations.(object)[strings.ToLower(method)].(object)
		if operation == nil || !pattern.MatchString("/api/v1"+path) {
			continue
		}
		response, _ := operation["responses"].(object)[strconv.Itoa(status)].(object)
		if response == nil {
			b.t.Errorf("%s %s: the status %d is not described", method, path, status)
			return
		}
		schema := response["content"].(object)["application/json"].(object)["schema"].(object)
		for _, problem := range b.against(schema, answer, "answer") {
			b.t.Errorf("%s %s: %s", method, path, problem)
		}
		return
	}
	b.t.Errorf("%s %s is not described", method, path)
}

// against returns in what a value is not as its schema says.
func (b *bench) against(schema object, value any, name string) (problems []string) {
	if ref, ok := schema["$ref"].(string); ok {
		schema = b.described["components"].(object)["schemas"].(object)[strings.TrimPrefix(ref, "#/components/schemas/")].(object)
	}
	wrong := func(what string) []string { return append(problems, fmt.Sprintf("%s is %v: %s", name, value, what)) }
	switch schema["type"] {
	case "object":
		fields, ok := value.(object)
		if !ok {
			return wrong("not an object")
		}
		if of, ok := schema["additionalProperties"].(object); ok { // a map
			for key, v := range fields {
				problems = append(problems, b.against(of, v, name+"."+key)...)
			}
			return problems
		}
		properties := schema["properties"].(object)
		for field, v := range fields {
			property, ok := properties[field].(object)
			if !ok {
				problems = append(problems, name+" has an undescribed field "+field)
				continue
			}
			problems = append(problems, b.against(property, v, name+"."+field)...)
		}
		for _, required := range schema["required"].([]any) {
			if _, ok := fields[required.(string)]; !ok {
				problems = append(problems, name+" lacks "+required.(string))
			}
		}
		return problems
	case "array":
		items, ok := value.([]any)
		if !ok {
			return wrong("not an array")
		}
		for n, item := range items {
			problems = append(problems, b.against(schema["items"].(object), item, fmt.Sprintf("%s[%d]", name, n))...)
		}
		return problems
	case "integer":
		if n, ok := value.(float64); !ok || n != float64(int(n)) {
			return wrong("not an integer")
		}
	case "boolean":
		if _, ok := value.(bool); !ok {
			return wrong("not true or false")
		}
	case "string":
		text, ok := value.(string)
		if !ok {
			return wrong("not a text")
		}
		if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, any(text)) {
			return wrong("none of the values it may have")
		}
		layout := map[any]string{"date": time.DateOnly, "date-time": time.RFC3339}[schema["format"]]
		if _, err := time.Parse(layout, text); layout != "" && err != nil {
			return wrong(err.Error())
		}
	default:
		return wrong(fmt.Sprintf("of no known type: %v", schema))
	}
	return nil
}

func message(answer object) string {
	e, _ := answer["error"].(object)
	text, _ := e["message"].(string)
	return text
}

func code(answer object) string {
	e, _ := answer["error"].(object)
	text, _ := e["code"].(string)
	return text
}

// connect links a demo bank over the API and returns the connection's id.
func (b *bench) connect(token, institution, country string) string {
	b.t.Helper()
	attempt := b.call(token, "POST", "/attempts", object{
		"bookId": "demo", "connector": "demo", "institution": institution, "country": country, "privacyAccepted": true,
	}, http.StatusCreated)
	id, _ := attempt["id"].(string)
	done := b.call(token, "POST", "/attempts/"+id+"/answer", object{"answer": object{"user": "demo", "password": "demo"}}, http.StatusOK)
	connection, _ := done["connectionId"].(string)
	if done["status"] != "done" || connection == "" {
		b.t.Fatalf("connecting: %v", done)
	}
	return connection
}

// accountID is the id of an account of the demo book.
func (b *bench) accountID(name string) string {
	b.t.Helper()
	a, err := b.books.As(bkper.StaticToken(seal.NewSecret("owner"))).Account(b.t.Context(), "demo", name)
	if err != nil {
		b.t.Fatal(err)
	}
	return a.ID
}

// integrate saves an integration for the first account of a connection.
func (b *bench) integrate(token, connection string) object {
	b.t.Helper()
	one := b.call(token, "GET", "/connections/"+connection, nil, http.StatusOK)
	first := one["accounts"].([]any)[0].(object)
	return b.call(token, "POST", "/books/demo/integrations", object{
		"connectionId": connection, "bankKey": first["key"], "accountId": b.accountID("Checking"), "since": "2026-11-01",
	}, http.StatusCreated)
}
