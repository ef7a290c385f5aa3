package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// program is the whole program, started in the test's process on a port of its
// own, and driven over HTTP as people and Bkper would.
type program struct {
	t      testing.TB
	dir    string
	shift  atomic.Int64 // how far its clock is ahead of the real one
	volume int          // of the demo banks
	app    *app
	stop   context.CancelFunc
	ended  chan error
	log    *logBuffer
	client *http.Client
	calls  counter // of the app to the book
	level  slog.Level
	remote func() string // address of a program in another process, if it is one
}

// url is where the program is reached.
func (p *program) url() string {
	if p.remote != nil {
		return p.remote()
	}
	return p.app.url()
}

// counter counts the calls that the app makes to the book, by method.
type counter struct {
	mu    sync.Mutex
	count map[string]int
	next  http.RoundTripper
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.count[r.Method]++
	c.mu.Unlock()
	return c.next.RoundTrip(r)
}

// take returns the counts since it was last asked.
func (c *counter) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := c.count
	c.count = make(map[string]int)
	return count
}

// startProgram starts a program on a new data directory.
func startProgram(t testing.TB) *program {
	p := newProgram(t)
	p.start()
	return p
}

func newProgram(t testing.TB) *program {
	return &program{
		t: t, dir: t.TempDir(), log: &logBuffer{}, client: &http.Client{Timeout: time.Minute},
		volume: 1, calls: counter{count: make(map[string]int), next: network()}, level: slog.LevelDebug,
	}
}

func (p *program) now() time.Time { return time.Now().Add(time.Duration(p.shift.Load())) }

// pass lets time go by at the bank and in the program.
func (p *program) pass(d time.Duration) { p.shift.Add(int64(d)) }

func (p *program) config() Config {
	return Config{DataDir: p.dir, LogLevel: slog.LevelDebug, DemoPace: time.Minute, DemoVolume: p.volume}
}

func (p *program) start() {
	p.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	listener, err := listen(ctx, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: p.level}))
	if p.app, err = open(ctx, p.config(), listener, outside{now: p.now, log: log, book: &p.calls}); err != nil {
		p.t.Fatal(err)
	}
	if err := writeAddress(p.config(), p.app.url()); err != nil {
		p.t.Fatal(err)
	}
	app, ended := p.app, make(chan error, 1)
	go func() { ended <- app.run(ctx) }()
	p.stop, p.ended = stop, ended
	p.t.Cleanup(p.end)
}

// end stops the program; it may be started again on the same data.
func (p *program) end() {
	p.t.Helper()
	if p.stop == nil {
		return
	}
	p.stop()
	p.stop = nil
	if err := <-p.ended; err != nil {
		p.t.Errorf("the program ended with: %v", err)
	}
	if err := p.app.close(); err != nil {
		p.t.Errorf("closing: %v", err)
	}
	p.client.CloseIdleConnections()
}

// anySuccess stands for every status that says it is done.
const anySuccess = 0

// as calls the program's API as one of the stand-in's users, expects a status
// and reads the answer.
func (p *program) as(user, method, path string, body any, status int, into any) string {
	p.t.Helper()
	var content io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		content = bytes.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			p.t.Fatal(err)
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.url()+path, content)
	if err != nil {
		p.t.Fatal(err)
	}
	if user != "" {
		request.Header.Set("Authorization", "Bearer "+user)
	}
	if _, raw := body.([]byte); !raw {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := p.client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if response.StatusCode != status && (status != anySuccess || response.StatusCode/100 != 2) {
		p.t.Fatalf("%s %s as %s: status %d, want %d: %s", method, path, user, response.StatusCode, status, answer)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			p.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
	return string(answer)
}

func (p *program) get(path string, into any) string {
	p.t.Helper()
	return p.as("owner", http.MethodGet, "/api/v1"+path, nil, http.StatusOK, into)
}

func (p *program) post(path string, body any, status int, into any) string {
	p.t.Helper()
	return p.as("owner", http.MethodPost, "/api/v1"+path, body, status, into)
}

// book is the demo book as one of its users sees it, without the app.
func (p *program) book(user string) *bkper.Client {
	return bkper.New(bkper.Options{BaseURL: p.url() + "/sandbox/bkper", HTTP: p.client}).
		As(bkper.StaticToken(seal.NewSecret(user)))
}

// eventually waits for something that the program does by itself.
func (p *program) eventually(what string, done func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited in vain until %s\n%s", what, p.log.tail(30))
		}
	}
}

// settle waits until nothing is left to do: messages, and events on their way.
func (p *program) settle() {
	p.t.Helper()
	p.eventually("nothing is left to do", func() bool {
		waiting, _ := p.app.queue.Waiting(p.t.Context())
		var backlog struct {
			Count int `json:"count"`
		}
		p.as("owner", http.MethodGet, "/sandbox/bkper/v5/books/demo/events/backlog", nil, http.StatusOK, &backlog)
		return waiting == 0 && backlog.Count == 0
	})
}

type attemptAnswer struct {
	ID           string `json:"id"`
	Status       string `json:"status"`
	Redirect     string `json:"redirect"`
	ConnectionID string `json:"connectionId"`
	Fields       []struct {
		Name string `json:"name"`
	} `json:"fields"`
}

// begin starts a sign-in at a demo bank.
func (p *program) begin(institution, reconnect string) attemptAnswer {
	p.t.Helper()
	var a attemptAnswer
	p.post("/attempts", map[string]any{
		"bookId": "demo", "connector": "demo", "institution": institution, "country": strings.ToUpper(institution[:2]),
		"privacyAccepted": true, "since": bank.DateOf(p.now()).AddDays(-90).String(), "language": "en", "reconnect": reconnect,
	}, http.StatusCreated, &a)
	return a
}

// answer answers a step and expects a status.
func (p *program) answer(a *attemptAnswer, answer map[string]string, status int) string {
	p.t.Helper()
	return p.post("/attempts/"+a.ID+"/answer", map[string]any{"answer": answer}, status, a)
}

// link signs in at a demo bank, whatever it asks for, and returns the
// connection.
func (p *program) link(institution string) string { return p.signIn(institution, "") }

func (p *program) signIn(institution, reconnect string) string {
	p.t.Helper()
	a := p.begin(institution, reconnect)
	for steps := 0; a.ConnectionID == ""; steps++ {
		switch {
		case steps == 5:
			p.t.Fatalf("the sign-in at %s does not end: %+v", institution, a)
		case a.Redirect != "":
			p.signInAtTheBank(a.Redirect)
			p.get("/attempts/"+a.ID, &a)
		case len(a.Fields) == 0: // an approval in the bank's app
			p.pass(time.Minute)
			p.answer(&a, nil, http.StatusOK)
		default:
			p.answer(&a, map[string]string{"user": "demo", "password": "demo"}, http.StatusOK)
		}
	}
	return a.ConnectionID
}

// signInAtTheBank does what a person does on the bank's own page, and follows
// the way back to the app.
func (p *program) signInAtTheBank(page string) {
	p.t.Helper()
	address, err := url.Parse(page)
	if err != nil {
		p.t.Fatal(err)
	}
	form := address.Query()
	form.Set("user", "demo")
	form.Set("password", "demo")
	form.Set("otp", "123456")
	address.RawQuery = ""
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, address.String(), strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := p.client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		p.t.Fatalf("coming back from the bank: %s", response.Status)
	}
}

func (p *program) connection(id string) ledger.Connection {
	p.t.Helper()
	c, err := ledger.All().Connections.Load(p.t.Context(), p.app.db, ledgerKey(id))
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// accountOf returns the bank account of a kind in a connection.
func (p *program) accountOf(connection string, kind bank.AccountKind) ledger.BankAccount {
	p.t.Helper()
	for _, a := range p.connection(connection).Accounts {
		if a.Kind == kind {
			return a
		}
	}
	p.t.Fatalf("the connection has no %s account", kind)
	return ledger.BankAccount{}
}

// integrate makes a bank account record into an account of the book.
func (p *program) integrate(connection, bankKey, account string, since bank.Date) string {
	p.t.Helper()
	var saved struct {
		ID string `json:"id"`
	}
	p.post("/books/demo/integrations", map[string]any{
		"connectionId": connection, "bankKey": bankKey, "accountId": p.accountID(account), "since": since.String(),
	}, anySuccess, &saved)
	return saved.ID
}

// newAccount creates a card's account in the book, in which nothing stands yet.
func (p *program) newAccount(name string) {
	p.t.Helper()
	if _, err := p.book("owner").CreateAccount(p.t.Context(), "demo", bkper.Account{Name: name, Type: bkper.Liability}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *program) accountID(name string) string {
	p.t.Helper()
	a, err := p.book("owner").Account(p.t.Context(), "demo", name)
	if err != nil {
		p.t.Fatal(err)
	}
	return a.ID
}

// recorded returns what the app has recorded into an account and is not in the
// trash, by remote id.
func (p *program) recorded(account string) map[string]bkper.Transaction {
	p.t.Helper()
	id := p.accountID(account)
	found := make(map[string]bkper.Transaction)
	for t, err := range p.book("owner").Transactions(p.t.Context(), "demo", "", 1000) {
		if err != nil {
			p.t.Fatal(err)
		}
		if t.Trashed || t.AgentID != "bank-connections" || !onSide(t, id) {
			continue
		}
		for _, r := range t.RemoteIDs {
			if _, twice := found[r]; twice {
				p.t.Errorf("remote id %s is in the book twice", r)
			}
			found[r] = t
		}
	}
	return found
}

func onSide(t bkper.Transaction, account string) bool {
	return t.CreditAccount != nil && t.CreditAccount.ID == account || t.DebitAccount != nil && t.DebitAccount.ID == account
}

// stood are the rows of the bank for which a transaction of the same day and
// amount stood in the book already: the demo book has a history of its own.
func (p *program) stood(account string) []bank.Transaction {
	p.t.Helper()
	entries, err := ledger.All().Entries.All(p.t.Context(), p.app.db, store.Below("demo"))
	if err != nil {
		p.t.Fatal(err)
	}
	id := p.accountID(account)
	var rows []bank.Transaction
	for _, e := range entries {
		if e.State == ledger.Matched && e.AccountID == id {
			rows = append(rows, e.Row)
		}
	}
	return rows
}

// truth is what the bank has booked, and must be in the book once.
func (p *program) truth(institution, key string, since bank.Date) []bank.Transaction {
	p.t.Helper()
	return p.truthAt(p.now(), institution, key, since)
}

// truthAt is what the bank had booked at that moment.
func (p *program) truthAt(moment time.Time, institution, key string, since bank.Date) []bank.Transaction {
	return p.app.registry.Demo().Truth(institution, key, since, moment)
}

// sync asks for a sync as a person would, and waits for its end.
func (p *program) sync(connection string) {
	p.t.Helper()
	p.post("/connections/"+url.PathEscape(connection)+"/sync", nil, http.StatusAccepted, nil)
	p.settle()
}

// logBuffer keeps what the program logs.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) tail(lines int) string {
	all := strings.Split(b.String(), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
