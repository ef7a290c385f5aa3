package identity_test

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/identity"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/sandbox"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/embedded"
)

// bench is a book server, a clock, and how often the server was asked.
type bench struct {
	books *bkper.Service
	asked atomic.Int64
	now   time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	server, err := sandbox.Open(t.Context(), sandbox.Options{Path: filepath.Join(t.TempDir(), "book.db")})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.asked.Add(1)
		server.API().ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		api.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	b.books = bkper.New(bkper.Options{BaseURL: api.URL, Retry: bkper.RetryPolicy{Retries: -1}})
	return b
}

func (b *bench) local(token string) *identity.Local {
	return identity.NewLocal(b.books, seal.NewSecret(token), func() time.Time { return b.now })
}

func request(change func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/api/v1/me", nil)
	r.RemoteAddr = "127.0.0.1:50000"
	if change != nil {
		change(r)
	}
	return r
}

func TestOnlyThisMachineIsServed(t *testing.T) {
	for _, c := range []struct {
		claim  string
		change func(*http.Request)
		served bool
	}{
		{"by its address", nil, true},
		{"by its name", func(r *http.Request) { r.Host = "LocalHost:8080" }, true},
		{"by its name without a port", func(r *http.Request) { r.Host = "localhost" }, true},
		{"over IPv6", func(r *http.Request) { r.RemoteAddr, r.Host = "[::1]:4", "[::1]:8080" }, true},
		{"over IPv6 without a port", func(r *http.Request) { r.RemoteAddr, r.Host = "[::1]:4", "[::1]" }, true},
		{"not from another machine", func(r *http.Request) { r.RemoteAddr = "192.168.1.7:4" }, false},
		{"not by a name that only points here", func(r *http.Request) { r.Host = "evil.example:8080" }, false},
		{"not by a name that begins like this one", func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, false},
		{"not by localhost of elsewhere", func(r *http.Request) { r.Host = "localhost.evil.example" }, false},
		{"not without a host", func(r *http.Request) { r.Host = "" }, false},
		{"not without an address", func(r *http.Request) { r.RemoteAddr = "" }, false},
		{"not through a proxy", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "8.8.8.8") }, false},
	} {
		t.Run(c.claim, func(t *testing.T) {
			err := identity.FromThisMachine(request(c.change))
			if c.served != (err == nil) || (!c.served && !errs.Is(err, errs.Forbidden)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTheTokenSaysWhoIsCalling(t *testing.T) {
	b := newBench(t)
	local := b.local("owner")
	bearer := func(header string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", header) }
	}
	cookie := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "bc_user", Value: value}) }
	}
	for _, c := range []struct {
		claim  string
		change func(*http.Request)
		id     string
		code   errs.Code
	}{
		{"the configured one where none is brought", nil, "owner", ""},
		{"the header", bearer("Bearer viewer"), "viewer", ""},
		{"the cookie", cookie("editor"), "editor", ""},
		{"the header before the cookie", func(r *http.Request) { cookie("editor")(r); bearer("bearer viewer")(r) }, "viewer", ""},
		{"an unknown one is nobody, not the owner", bearer("Bearer somebody"), "", errs.Unauthenticated},
		{"an unknown cookie is nobody", cookie("somebody"), "", errs.Unauthenticated},
		{"an empty header is nobody", bearer("Bearer "), "", errs.Unauthenticated},
		{"another scheme is nobody", bearer("Basic b3duZXI6"), "", errs.Unauthenticated},
		{"one of odd characters is nobody", bearer("Bearer own er"), "", errs.Unauthenticated},
		{"one that is too long is nobody", bearer("Bearer " + strings.Repeat("x", 5000)), "", errs.Unauthenticated},
		{"from elsewhere no token helps", func(r *http.Request) { bearer("Bearer owner")(r); r.RemoteAddr = "10.0.0.1:1" }, "", errs.Forbidden},
	} {
		t.Run(c.claim, func(t *testing.T) {
			user, err := local.Authenticate(request(c.change))
			if user.ID != c.id || errs.CodeOf(err) != c.code {
				t.Errorf("got %q, %v", user.ID, err)
			}
			if err == nil && (user.Name == "" || user.Email == "" || user.Token.Reveal() != c.id) {
				t.Errorf("incomplete user %+v", user)
			}
		})
	}
}

func TestATokenIsProvenOnceAMinute(t *testing.T) {
	b := newBench(t)
	local := b.local("owner")
	ask := func() {
		t.Helper()
		if _, err := local.Authenticate(request(nil)); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	b.now = b.now.Add(59 * time.Second)
	ask()
	if n := b.asked.Load(); n != 1 {
		t.Errorf("asked %d times within a minute", n)
	}
	b.now = b.now.Add(2 * time.Second)
	ask()
	if n := b.asked.Load(); n != 2 {
		t.Errorf("asked %d times after a minute", n)
	}
}

func TestSigningInSetsACookieThatScriptsAndOtherSitesDoNotGet(t *testing.T) {
	local := newBench(t).local("owner")
	w := httptest.NewRecorder()
	if err := local.SignIn(w, request(nil), "viewer"); err != nil {
		t.Fatal(err)
	}
	got := w.Result().Cookies()
	if len(got) != 1 || got[0].Value != "viewer" || !got[0].HttpOnly || got[0].SameSite != http.SameSiteStrictMode || got[0].Path != "/" {
		t.Errorf("got %+v", got)
	}
	w = httptest.NewRecorder()
	if err := local.SignIn(w, request(nil), "somebody"); !errs.Is(err, errs.Unauthenticated) || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("an unknown token got %v and %q", err, w.Header())
	}
}

func TestTheBookSaysWhoMayIntegrate(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		token, book, says string
		code              errs.Code
	}{
		{"owner", "demo", "", ""},
		{"editor", "demo", "", ""},
		{"recorder", "demo", "You can record in this book, but bank connections are for its owner and editors.", errs.Forbidden},
		{"viewer", "demo", "You can view this book, but bank connections are for its owner and editors.", errs.Forbidden},
		{"stranger", "demo", "This book is not shared with you. Ask its owner to share it.", errs.Forbidden},
		{"owner", "other", "There is no such book.", errs.NotFound},
	} {
		t.Run(c.token+" of "+c.book, func(t *testing.T) {
			book, err := identity.Permission(t.Context(), b.books.As(bkper.StaticToken(seal.NewSecret(c.token))), c.book)
			if errs.CodeOf(err) != c.code {
				t.Fatalf("got %v", err)
			}
			if err != nil && (errs.Public(err) != c.says || book.ID != "") {
				t.Errorf("got %q and book %q", errs.Public(err), book.ID)
			}
			if err == nil && book.Name == "" {
				t.Error("the book has no name")
			}
		})
	}
}

func TestTheKeeper(t *testing.T) {
	dir := t.TempDir()
	db, err := embedded.Open(filepath.Join(dir, "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	sealer, err := seal.OpenKeyFile(filepath.Join(dir, "key"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	users := ledger.All().Users
	keeper := identity.NewKeeper(db, users, sealer, func() time.Time { return now })
	ctx := t.Context()
	user := identity.User{ID: "u10", Name: "Ann", Email: "ann@example.com", Token: seal.NewSecret("canary-token-1")}
	kept := func() []ledger.User {
		t.Helper()
		all, err := users.All(ctx, db, store.Span{})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}

	if _, err := keeper.Token(ctx, "u10"); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("the token of a user who is not known: %v", err)
	}
	if err := keeper.Remember(ctx, user); err != nil {
		t.Fatal(err)
	}
	token, err := keeper.Source("u10").Token(ctx)
	if err != nil || token.Reveal() != "canary-token-1" {
		t.Errorf("got %q, %v", token.Reveal(), err)
	}
	before := kept()
	now = now.Add(time.Hour)
	if err := keeper.Remember(ctx, user); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, kept()); diff != "" {
		t.Errorf("remembering the same again wrote:\n%s", diff)
	}
	user.Token = seal.NewSecret("canary-token-2")
	if err := keeper.Remember(ctx, user); err != nil {
		t.Fatal(err)
	}
	if token, err := keeper.Token(ctx, "u10"); err != nil || token.Reveal() != "canary-token-2" {
		t.Errorf("the new token: %q, %v", token.Reveal(), err)
	}
	if err := keeper.Remember(ctx, identity.User{ID: "u11"}); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("a user without a token: %v", err)
	}

	// A sealed token that is moved to another user does not open there.
	if err := users.Save(ctx, db, "u12", kept()[0]); err != nil {
		t.Fatal(err)
	}
	if token, err := keeper.Token(ctx, "u12"); err == nil {
		t.Errorf("a moved token opened as %q", token.Reveal())
	}
	file, err := os.ReadFile(filepath.Join(dir, "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(file, []byte("canary")) {
		t.Error("a token lies in the store as it is")
	}
}
