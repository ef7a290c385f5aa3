package link_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/identity"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/link"
	"github.com/bank-connections/bkper-bot/internal/sandbox"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/embedded"
)

// fakeBank is a connector whose bank does what the test says.
type fakeBank struct {
	mu       sync.Mutex
	requests []connectors.LinkRequest
	answers  []map[string]string
	accounts []bank.Account
	listErr  error
	wrong    error // instead of going on
	once     sync.Once
	entered  chan struct{} // closed by the first ContinueLink
	leave    chan struct{} // the first ContinueLink waits for it
	revoked  []string
	noRevoke error
	tokens   int
}

func (*fakeBank) Info() connectors.Info {
	return connectors.Info{ID: "fake", Title: "Fake", Countries: []string{"BR", "DE"}, PollEvery: time.Hour, Overlap: 14}
}

func (*fakeBank) Institutions(_ context.Context, country string) ([]bank.Institution, error) {
	if country == "DE" {
		return []bank.Institution{{ID: "page", Name: "Bank with a Page", Countries: []string{"DE"}}}, nil
	}
	return []bank.Institution{
		{ID: "form", Name: "Banco Itaú", Countries: []string{"BR"}, HistoryDays: 60},
		{ID: "plain", Name: "Banco do Brasil", Countries: []string{"BR"}},
	}, nil
}

func (f *fakeBank) Accounts(context.Context, seal.Secret) ([]bank.Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.accounts, f.listErr
}

func (*fakeBank) Fetch(context.Context, connectors.FetchRequest) (connectors.Page, error) {
	return connectors.Page{}, errors.New("nothing is fetched here")
}

func (f *fakeBank) BeginLink(_ context.Context, req connectors.LinkRequest) (connectors.LinkStep, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, req)
	if req.Institution == "page" {
		return connectors.LinkStep{Progress: seal.NewSecret("page"), Redirect: "https://bank.example/signin"}, nil
	}
	return connectors.LinkStep{Progress: seal.NewSecret("form"), Form: &connectors.Form{
		Title: "Sign in", Fields: []connectors.Field{{Name: "user", Label: "User"}, {Name: "password", Label: "Password", Secret: true}},
	}}, nil
}

func (f *fakeBank) ContinueLink(_ context.Context, progress []byte, answer map[string]string) (connectors.LinkStep, error) {
	f.once.Do(func() {
		if f.entered != nil {
			close(f.entered)
			<-f.leave
		}
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers = append(f.answers, answer)
	if f.wrong != nil {
		return connectors.LinkStep{}, f.wrong
	}
	if string(progress) == "form" && answer["user"] == "careful" {
		return connectors.LinkStep{Progress: seal.NewSecret("code"), Form: &connectors.Form{
			Title: "Code", Fields: []connectors.Field{{Name: "otp", Label: "Code", Code: true}},
		}}, nil
	}
	f.tokens++
	return connectors.LinkStep{Done: &connectors.Authorization{Secret: seal.NewSecret(fmt.Sprintf("canary-access-%d", f.tokens))}}, nil
}

func (f *fakeBank) Revoke(_ context.Context, auth seal.Secret) error {
	f.revoked = append(f.revoked, auth.Reveal())
	return f.noRevoke
}

// waker notes what is asked of it.
type waker struct {
	mu     sync.Mutex
	synced []string
	learnt []string
	err    error
}

func (w *waker) Sync(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.synced = append(w.synced, id)
	return w.err
}

func (w *waker) Learn(_ context.Context, bookID, userID string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.learnt = append(w.learnt, bookID+" for "+userID)
	return w.err
}

type bench struct {
	*link.Service
	t    *testing.T
	bank *fakeBank
	wake *waker
	now  time.Time
	dir  string
	ids  int
}

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, wake: &waker{}, now: start, dir: t.TempDir(), bank: &fakeBank{accounts: []bank.Account{
		{Key: "k1", ID: "1", Name: "Conta", Mask: "1234", Kind: bank.Checking, Currency: "BRL"},
		{Key: "k2", ID: "2", Name: "Cartão", Kind: bank.CreditCard, Currency: "BRL"},
	}}}
	server, err := sandbox.Open(t.Context(), sandbox.Options{Path: filepath.Join(b.dir, "book.db")})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(server.API())
	db, err := embedded.Open(filepath.Join(b.dir, "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		api.Close()
		if err := errors.Join(server.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	sealer, err := seal.OpenKeyFile(filepath.Join(b.dir, "key"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return b.now }
	records := ledger.All()
	var ids sync.Mutex
	b.Service = &link.Service{
		Engine: db, Records: records, Connectors: []connectors.Connector{b.bank}, Sealer: sealer,
		Books: bkper.New(bkper.Options{BaseURL: api.URL, Retry: bkper.RetryPolicy{Retries: -1}}),
		Wake:  b.wake, Log: slog.New(slog.DiscardHandler), Now: clock,
		NewID: func() string {
			ids.Lock()
			defer ids.Unlock()
			b.ids++
			return fmt.Sprintf("id%03d", b.ids)
		},
		ReturnURL: func() string { return "https://app.example/link/return" },
	}
	b.Keeper = identity.NewKeeper(db, records.Users, sealer, clock)
	return b
}

func user(token string) identity.User {
	return identity.User{ID: token, Name: token, Email: token + "@example.com", Token: seal.NewSecret(token)}
}

var owner, editor, viewer = user("owner"), user("editor"), user("viewer")

func (b *bench) begin(who identity.User, change func(*link.BeginRequest)) (ledger.Attempt, error) {
	b.t.Helper()
	req := link.BeginRequest{BookID: "demo", Connector: "fake", Institution: "form", Country: "BR", PrivacyAccepted: true}
	if change != nil {
		change(&req)
	}
	return b.Begin(b.t.Context(), who, req)
}

var credentials = map[string]string{"user": "ann", "password": "canary-password"}

// connect links the bank with the form.
func (b *bench) connect(who identity.User) ledger.Connection {
	b.t.Helper()
	attempt, err := b.begin(who, nil)
	if err == nil {
		attempt, err = b.Answer(b.t.Context(), who, attempt.ID, credentials)
	}
	if err != nil || attempt.Done == "" {
		b.t.Fatalf("connecting: %+v, %v", attempt, err)
	}
	return b.connection(attempt.Done)
}

func (b *bench) connection(id string) ledger.Connection {
	b.t.Helper()
	c, err := b.Records.Connections.Load(b.t.Context(), b.Engine, store.Key(id))
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *bench) account(name string) string {
	b.t.Helper()
	a, err := b.Books.As(bkper.StaticToken(owner.Token)).Account(b.t.Context(), "demo", name)
	if err != nil {
		b.t.Fatal(err)
	}
	return a.ID
}

func (b *bench) save(who identity.User, c ledger.Connection, key, account string, since string) link.Saved {
	b.t.Helper()
	day, err := bank.ParseDate(since)
	if err != nil {
		b.t.Fatal(err)
	}
	saved, err := b.SaveIntegration(b.t.Context(), who, "demo", link.SaveRequest{
		ConnectionID: c.ID, BankKey: key, AccountID: b.account(account), Since: day,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return saved
}

func (b *bench) integrations() []ledger.Integration {
	b.t.Helper()
	all, err := b.Integrations(b.t.Context(), "demo")
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

func wantCode(t *testing.T, err error, code errs.Code) {
	t.Helper()
	if errs.CodeOf(err) != code {
		t.Errorf("got %v, want code %q", err, code)
	}
}
