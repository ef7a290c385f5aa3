package bkper

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// reply is one scripted answer.
type reply struct {
	status int
	header map[string]string
	body   string
	err    error
	// then runs before the answer is given.
	then func()
}

// script answers one reply after the other, the last one for ever, and keeps
// what it was asked. It stands in for the network.
type script struct {
	mu      sync.Mutex
	replies []reply
	asked   []*http.Request
	bodies  []string
	waits   []time.Duration
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body := ""
	if req.Body != nil {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	r := s.replies[min(len(s.asked), len(s.replies)-1)]
	s.asked, s.bodies = append(s.asked, req), append(s.bodies, body)
	if r.then != nil {
		r.then()
	}
	if r.err != nil {
		return nil, r.err
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if r.status == 0 {
		r.status = http.StatusOK
	}
	res := &http.Response{
		StatusCode: r.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}},
		Body:   io.NopCloser(strings.NewReader(r.body)), ContentLength: int64(len(r.body)), Request: req,
	}
	for k, v := range r.header {
		res.Header.Set(k, v)
	}
	return res, nil
}

// options never really wait, and always wait the longest jitter.
func (s *script) options() Options {
	return Options{
		BaseURL: "https://bkper.test/base/", HTTP: &http.Client{Transport: s}, AgentID: "the-app",
		Now:    func() time.Time { return now },
		Jitter: func() float64 { return 0.5 },
		Sleep: func(ctx context.Context, d time.Duration) error {
			s.waits = append(s.waits, d)
			return ctx.Err()
		},
	}
}

func (s *script) client() *Client {
	return New(s.options()).As(StaticToken(seal.NewSecret("owner")))
}

func replies(r ...reply) *script { return &script{replies: r} }

// calls are one call of each way to be repeated.
var calls = []struct {
	name           string
	reads, repeats bool
	do             func(context.Context, *Client) error
}{
	{"a read", true, true, func(ctx context.Context, c *Client) error {
		_, err := c.Book(ctx, "b", BookDetail{})
		return err
	}},
	{"a batch create", false, false, func(ctx context.Context, c *Client) error {
		_, err := c.CreateTransactions(ctx, "b", []Transaction{{RemoteIDs: []string{"r1"}}})
		return err
	}},
	{"a batch update", false, true, func(ctx context.Context, c *Client) error {
		_, err := c.UpdateTransactions(ctx, "b", []Transaction{{ID: "t1"}}, false)
		return err
	}},
	{"a batch trash", false, true, func(ctx context.Context, c *Client) error {
		return c.TrashTransactions(ctx, "b", []Transaction{{ID: "t1"}}, false)
	}},
}

func TestEveryStatusHasItsMeaning(t *testing.T) {
	type meaning struct {
		code    errs.Code
		outcome Outcome
		again   bool
	}
	special := map[int]meaning{
		401: {errs.Unauthenticated, NotDone, false},
		403: {errs.Unauthenticated, NotDone, false},
		404: {errs.NotFound, NotDone, false},
		408: {errs.Unavailable, Unknown, true},
		409: {errs.Conflict, NotDone, false},
		410: {errs.NotFound, NotDone, false},
		423: {errs.Locked, NotDone, false},
		425: {errs.Unavailable, Unknown, true},
		429: {errs.RateLimited, NotDone, true},
	}
	for status := 200; status < 1000; status++ {
		want, ok := special[status]
		switch {
		case ok:
		case status < 300:
			want = meaning{"", Done, false}
		case status >= 400 && status < 500:
			want = meaning{errs.Invalid, NotDone, false}
		case status >= 500 && status < 600:
			want = meaning{errs.Unavailable, Unknown, true}
		default:
			want = meaning{errs.Unavailable, Unknown, false}
		}
		for _, call := range calls {
			s := replies(reply{status: status, body: `{}`})
			err := call.do(t.Context(), s.client())
			outcome, tries := want.outcome, 1
			if call.reads && outcome == Unknown {
				outcome = NotDone
			}
			if want.again && (call.repeats || want.outcome == NotDone) {
				tries = 3
			}
			if got := errs.CodeOf(err); got != want.code {
				t.Errorf("%d, %s: code %q, want %q", status, call.name, got, want.code)
			}
			if got := OutcomeOf(err); got != outcome {
				t.Errorf("%d, %s: outcome %s, want %s", status, call.name, got, outcome)
			}
			if len(s.asked) != tries {
				t.Errorf("%d, %s: %d tries, want %d", status, call.name, len(s.asked), tries)
			}
			var e *errs.Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%d, %s: the error is a %T", status, call.name, err)
			}
		}
	}
}

func envelope(status int, reason, message string) reply {
	return reply{status: status, body: fmt.Sprintf(
		`{"error":{"code":%d,"message":%q,"errors":[{"domain":"global","reason":%q,"message":%q}]}}`, status, message, reason, message)}
}

func TestReasonsAndMessagesRefineTheStatus(t *testing.T) {
	for name, tt := range map[string]struct {
		reply  reply
		code   errs.Code
		public string // "" for that of the code
	}{
		"401 required is lost access":        {envelope(401, "required", "The user [x@y.z] is not a collaborator on the book [Contas - id]"), errs.LostAccess, ""},
		"401 else is an expired token":       {envelope(401, "authError", "Invalid Credentials"), errs.Unauthenticated, "The sign-in at Bkper has expired. Sign in again."},
		"403 Login Required is expired too":  {envelope(403, "forbidden", "Login Required."), errs.Unauthenticated, "The sign-in at Bkper has expired. Sign in again."},
		"403 forbidden is a permission":      {envelope(403, "forbidden", "User has no permission to create accounts"), errs.Forbidden, ""},
		"403 without a reason":               {reply{status: 403, header: map[string]string{"Content-Type": "text/html"}, body: "<html>"}, errs.Unauthenticated, "The sign-in at Bkper has expired. Sign in again."},
		"403 of a quota is a limit":          {envelope(403, "userRateLimitExceeded", "User Rate Limit Exceeded"), errs.RateLimited, "Bkper was asked too often. It will be tried again later."},
		"400 keeps the message":              {envelope(400, "badRequest", "Account [Rent] is archived."), errs.Invalid, "The book refused this: Account [Rent] is archived."},
		"400 without errors":                 {reply{status: 400, body: `{"error":{"code":400,"message":"Bad request"}}`}, errs.Invalid, "The book refused this: Bad request."},
		"400 without an envelope":            {reply{status: 400, header: map[string]string{"Content-Type": "text/plain"}, body: "no"}, errs.Invalid, ""},
		"400 with an envelope of other kind": {reply{status: 400, body: `{"error":"no"}`}, errs.Invalid, ""},
		"400 with control characters":        {reply{status: 400, body: `{"error":{"message":"a\n\u0000b\u202e  c"}}`}, errs.Invalid, "The book refused this: a b c."},
		"400 of a locked date":               {envelope(400, "badRequest", "Cannot record on or before the lock date 2026-01-31"), errs.Locked, ""},
		"400 of a book locked until":         {envelope(400, "badRequest", "Cannot change a transaction of 2026-01-30: the book is locked until 2026-01-31"), errs.Locked, ""},
		"422 of a closed period":             {envelope(422, "invalid", "The period is closed"), errs.Locked, ""},
		"403 of a closing date":              {envelope(403, "forbidden", "Date is before closing date"), errs.Locked, ""},
		"409 of a locked book":               {envelope(409, "conflict", "Locked book"), errs.Locked, ""},
		"409 else":                           {envelope(409, "conflict", "Account already exists"), errs.Conflict, ""},
		"400 of a block is not a lock":       {envelope(400, "badRequest", "Unlock the blocked clock"), errs.Invalid, "The book refused this: Unlock the blocked clock."},
		"400 of a checked transaction":       {envelope(400, "badRequest", "Transaction is checked and locked"), errs.Invalid, "The book refused this: Transaction is checked and locked."},
		"404 that speaks of a lock":          {envelope(404, "notFound", "Book is locked"), errs.NotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := replies(tt.reply)
			_, err := s.client().CreateTransaction(t.Context(), "b", Transaction{})
			if !errs.Is(err, tt.code) || OutcomeOf(err) != NotDone {
				t.Errorf("got %v", err)
			}
			want := tt.public
			if want == "" {
				want = errs.Public(errs.New(tt.code, ""))
			}
			if got := errs.Public(err); got != want {
				t.Errorf("people read %q, want %q", got, want)
			}
		})
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	s := replies(envelope(400, "badRequest", strings.Repeat("word ", 10_000)))
	_, err := s.client().User(t.Context())
	if n := len(errs.Public(err)); n > 400 {
		t.Errorf("people read %d bytes", n)
	}
	if n := len(err.Error()); n > 1000 {
		t.Errorf("the log reads %d bytes", n)
	}
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"7":                             7 * time.Second,
		" 120 ":                         2 * time.Minute,
		"3600":                          time.Hour,
		"3601":                          time.Hour,
		"9223372036854775807":           time.Hour,
		"-5":                            0,
		"1.5":                           0,
		"soon":                          0,
		"99999999999999999999":          0,
		"Sun, 22 Nov 2026 10:00:30 GMT": 30 * time.Second,
		"Sun, 22 Nov 2026 09:00:00 GMT": 0,
		"Mon, 23 Nov 2026 10:00:00 GMT": time.Hour,
		"Sun Nov 22 10:01:00 2026":      time.Minute,
	} {
		s := replies(reply{status: 429, header: map[string]string{"Retry-After": header}})
		opt := s.options()
		opt.Retry.Retries = -1
		_, err := New(opt).As(StaticToken(seal.NewSecret("owner"))).User(t.Context())
		if got := errs.After(err); got != want || !errs.Is(err, errs.RateLimited) {
			t.Errorf("%q: wait %s, want %s (%v)", header, got, want, err)
		}
	}
}

func TestWaitsGrowAndHonourRetryAfterWithinTheBudget(t *testing.T) {
	after := func(seconds string) reply {
		return reply{status: 503, header: map[string]string{"Retry-After": seconds}}
	}
	for name, tt := range map[string]struct {
		replies []reply
		waits   []time.Duration
		after   time.Duration
	}{
		"half of 400 ms, then half of 800":    {[]reply{{status: 500}}, []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}, 0},
		"a short Retry-After comes on top":    {[]reply{after("1")}, []time.Duration{1200 * time.Millisecond, 1400 * time.Millisecond}, time.Second},
		"a long one is the caller's":          {[]reply{after("5")}, nil, 5 * time.Second},
		"all waits together are bounded":      {[]reply{after("3")}, []time.Duration{3200 * time.Millisecond}, 3 * time.Second},
		"one that comes late counts as well":  {[]reply{{status: 500}, after("60")}, []time.Duration{200 * time.Millisecond}, time.Minute},
		"the last answer says how long":       {[]reply{after("1"), after("2"), {status: 500}}, []time.Duration{1200 * time.Millisecond, 2400 * time.Millisecond}, 0},
		"what will not get better is not due": {[]reply{{status: 400, header: map[string]string{"Retry-After": "1"}}}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := replies(tt.replies...)
			_, err := s.client().User(t.Context())
			if fmt.Sprint(s.waits) != fmt.Sprint(tt.waits) {
				t.Errorf("waits %v, want %v", s.waits, tt.waits)
			}
			if got := errs.After(err); err == nil || got != tt.after {
				t.Errorf("then asks to wait %s, want %s", got, tt.after)
			}
		})
	}
}

func TestARepeatedCallSucceeds(t *testing.T) {
	s := replies(reply{status: 503}, reply{err: errors.New("connection reset")}, reply{body: `{"id":"b"}`})
	book, err := s.client().Book(t.Context(), "b", BookDetail{})
	if err != nil || book.ID != "b" || len(s.asked) != 3 {
		t.Errorf("%v, %v after %d tries", book, err, len(s.asked))
	}
	s = replies(reply{status: 429}, reply{body: `{"items":[{"id":"t","remoteIds":["r1"]}]}`})
	created, err := s.client().CreateTransactions(t.Context(), "b", []Transaction{{RemoteIDs: []string{"r1"}}})
	if err != nil || created["r1"].ID != "t" || len(s.bodies) != 2 || s.bodies[0] != s.bodies[1] {
		t.Errorf("%v, %v after %v", created, err, s.bodies)
	}
}

func TestWhatMayBeDoneStaysUnknownWhateverIsSaidLater(t *testing.T) {
	for name, last := range map[string]reply{
		"refused":       envelope(400, "badRequest", "Transaction is in the trash"),
		"limited":       {status: 429},
		"lost access":   envelope(401, "required", "no collaborator"),
		"not found":     {status: 404},
		"no connection": {err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}},
	} {
		s := replies(reply{status: 502}, last)
		_, err := s.client().Trash(t.Context(), "b", Transaction{ID: "t"})
		if OutcomeOf(err) != Unknown || len(s.asked) < 2 {
			t.Errorf("%s: %v after %d tries", name, err, len(s.asked))
		}
	}
	t.Run("the token cannot be renewed", func(t *testing.T) {
		s := replies(reply{status: 502}, reply{status: 401})
		tokens := &refresher{tokens: []string{"one"}, err: errs.New(errs.NeedsReauth, "Sign in.")}
		_, err := New(s.options()).As(tokens).Trash(t.Context(), "b", Transaction{ID: "t"})
		if OutcomeOf(err) != Unknown || !errs.Is(err, errs.NeedsReauth) {
			t.Error(err)
		}
	})
}

func TestGarbageIsNoAnswer(t *testing.T) {
	for name, garbage := range map[string]reply{
		"a page":            {header: map[string]string{"Content-Type": "text/html"}, body: "<html>ok</html>"},
		"JSON under a lie":  {header: map[string]string{"Content-Type": "text/plain"}, body: `{"items":[]}`},
		"no content type":   {header: map[string]string{"Content-Type": ""}, body: `{"items":[]}`},
		"nothing":           {body: ""},
		"blanks":            {body: " \n"},
		"null":              {body: "null"},
		"a list":            {body: `[]`},
		"cut off":           {body: `{"items":[{"id":"t`},
		"more than one":     {body: `{"items":[]} {"items":[]}`},
		"of another kind":   {body: `{"items":{"id":1},"id":1}`},
		"a date of no sort": {body: `{"items":[{"id":"t1","date":"31/12/2026"}],"lockDate":"31/12/2026"}`},
		"204":               {status: 204},
	} {
		for _, call := range calls[:3] {
			s := replies(garbage)
			err := call.do(t.Context(), s.client())
			want, tries := Unknown, 1
			if call.reads {
				want = NotDone
			}
			if call.repeats {
				tries = 3
			}
			if !errs.Is(err, errs.Unavailable) || OutcomeOf(err) != want || len(s.asked) != tries {
				t.Errorf("%s for %s: %v after %d tries", name, call.name, err, len(s.asked))
			}
		}
	}
}

// refresher gives one token after the other.
type refresher struct {
	tokens  []string
	err     error // when there are no more
	next    int
	expired []string
}

func (r *refresher) Token(context.Context) (seal.Secret, error) {
	return seal.NewSecret(r.tokens[r.next]), nil
}

func (r *refresher) Refresh(_ context.Context, expired seal.Secret) (seal.Secret, error) {
	r.expired = append(r.expired, expired.Reveal())
	if r.next+1 >= len(r.tokens) && r.err != nil {
		return seal.Secret{}, r.err
	}
	r.next = min(r.next+1, len(r.tokens)-1)
	return seal.NewSecret(r.tokens[r.next]), nil
}

// asker is a source without Refresh whose answer changes.
type asker func() (seal.Secret, error)

func (a asker) Token(context.Context) (seal.Secret, error) { return a() }

func TestAnExpiredTokenIsRenewedOnce(t *testing.T) {
	expired := []reply{{status: 401}, envelope(401, "authError", "Invalid Credentials"), {status: 403}, envelope(403, "forbidden", "Login Required.")}
	for _, first := range expired {
		for _, call := range calls {
			s := replies(first, reply{body: `{}`})
			tokens := &refresher{tokens: []string{"one", "two", "three"}}
			if err := call.do(t.Context(), New(s.options()).As(tokens)); err != nil {
				t.Fatalf("%s: %v", call.name, err)
			}
			if len(s.asked) != 2 || s.asked[1].Header.Get("Authorization") != "Bearer two" || fmt.Sprint(tokens.expired) != "[one]" {
				t.Errorf("%s: %d tries, told of %v", call.name, len(s.asked), tokens.expired)
			}
			if len(s.waits) != 0 {
				t.Errorf("%s: waited %v for it", call.name, s.waits)
			}

			s = replies(first)
			tokens = &refresher{tokens: []string{"one", "two", "three"}}
			err := call.do(t.Context(), New(s.options()).As(tokens))
			if !errs.Is(err, errs.Unauthenticated) || OutcomeOf(err) != NotDone || len(s.asked) != 2 || len(tokens.expired) != 1 {
				t.Errorf("%s, refused again: %v after %d tries", call.name, err, len(s.asked))
			}
		}
	}
}

func TestARefusalThatIsNotOfTheTokenDoesNotRenewIt(t *testing.T) {
	for _, r := range []reply{envelope(401, "required", "not a collaborator"), envelope(403, "forbidden", "no permission"), {status: 404}, {status: 400}} {
		s := replies(r)
		tokens := &refresher{tokens: []string{"one", "two"}}
		if _, err := New(s.options()).As(tokens).User(t.Context()); err == nil || len(tokens.expired) != 0 || len(s.asked) != 1 {
			t.Errorf("%v: renewed %v, %d tries", err, tokens.expired, len(s.asked))
		}
	}
}

func TestASourceWithoutRefreshIsAskedAgain(t *testing.T) {
	n := 0
	s := replies(reply{status: 401}, reply{body: `{}`})
	tokens := asker(func() (seal.Secret, error) { n++; return seal.NewSecret(fmt.Sprint("token", n)), nil })
	if _, err := New(s.options()).As(tokens).User(t.Context()); err != nil || len(s.asked) != 2 {
		t.Errorf("another token: %v after %d tries", err, len(s.asked))
	}
	s = replies(reply{status: 401})
	if _, err := s.client().User(t.Context()); !errs.Is(err, errs.Unauthenticated) || len(s.asked) != 1 {
		t.Errorf("the same token: %v after %d tries", err, len(s.asked))
	}
}

func TestWithoutATokenNothingIsSent(t *testing.T) {
	for name, tt := range map[string]struct {
		token seal.Secret
		err   error
		code  errs.Code
	}{
		"none":        {seal.Secret{}, nil, errs.Unauthenticated},
		"revoked":     {seal.Secret{}, errs.New(errs.NeedsReauth, "Sign in."), errs.NeedsReauth},
		"unreachable": {seal.Secret{}, &errs.Error{Code: errs.Unavailable, After: time.Minute}, errs.Unavailable},
		"plain error": {seal.Secret{}, errors.New("no"), errs.Internal},
	} {
		s := replies(reply{body: `{}`})
		_, err := New(s.options()).As(asker(func() (seal.Secret, error) { return tt.token, tt.err })).
			CreateTransactions(t.Context(), "b", []Transaction{{RemoteIDs: []string{"r"}}})
		if !errs.Is(err, tt.code) || OutcomeOf(err) != NotDone || len(s.asked) != 0 {
			t.Errorf("%s: %v after %d tries", name, err, len(s.asked))
		}
		if tt.err != nil && !errors.Is(err, tt.err) || errs.After(err) != errs.After(tt.err) {
			t.Errorf("%s: the cause is lost: %v", name, err)
		}
	}
}

func TestHeadersSayWhoAsks(t *testing.T) {
	s := replies(reply{body: `{}`})
	opt := s.options()
	opt.APIKey = seal.NewSecret("the-key")
	if _, err := New(opt).As(StaticToken(seal.NewSecret("tok"))).CreateAccount(t.Context(), "b", Account{Name: "A"}); err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"Authorization": "Bearer tok", "bkper-agent-id": "the-app", "bkper-api-key": "the-key",
		"Content-Type": "application/json", "Accept": "application/json",
	} {
		if got := s.asked[0].Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if _, ok := s.asked[0].Header["Cursor"]; ok {
		t.Error("a cursor without need")
	}
}

// TestNoErrorTellsASecret lets a hostile server say the secrets back in every
// place that could end in an error.
func TestNoErrorTellsASecret(t *testing.T) {
	const token, key = "ya29.canary-token-that-is-rather-long-1", "canary-api-key-2"
	both := token + " " + key
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}
	answer := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	handlers := map[string]http.HandlerFunc{
		"broken status line": raw("HTTP/1.1 " + token + " " + key + "\r\n\r\n"),
		"broken protocol":    raw(both + "\r\n\r\n"),
		"broken header":      raw("HTTP/1.1 200 OK\r\n" + both + "\r\n\r\n"),
		"broken length":      raw("HTTP/1.1 200 OK\r\nContent-Length: " + token + "\r\n\r\n"),
		"closed":             raw(""),
		"content type":       answer(200, both, "{}"),
		"date":               answer(200, "application/json", `{"items":[{"date":"`+token+`"}],"lockDate":"`+token+`","createdAt":"`+key+`"}`),
		"moment":             answer(200, "application/json", `{"items":[{"createdAt":"`+token+`"}],"createdAt":"`+key+`"}`),
	}
	for status := 300; status < 600; status++ {
		handlers[fmt.Sprint(status)] = answer(status, "application/json", `{"error":{"message":"`+both+`","errors":[{"reason":"`+both+`"}]}}`)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for name, handler := range handlers {
		server := httptest.NewUnstartedServer(handler)
		server.Start()
		client := New(Options{
			BaseURL: server.URL, HTTP: &http.Client{Transport: transport}, APIKey: seal.NewSecret(key),
			Retry: RetryPolicy{Retries: -1},
		}).As(StaticToken(seal.NewSecret(token)))
		_, err1 := client.TransactionPage(t.Context(), "b", "secret-query", 0, "secret-cursor")
		_, err2 := client.CreateTransactions(t.Context(), "b", []Transaction{{RemoteIDs: []string{"r"}, Description: "secret-description"}})
		_, err3 := client.Book(t.Context(), "b", BookDetail{})
		server.Close()
		for _, err := range []error{err1, err2, err3} {
			if err == nil {
				if name != "moment" && name != "date" {
					t.Errorf("%s: no error", name)
				}
				continue
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				for _, text := range []string{e.Error(), errs.Public(e), fmt.Sprintf("%+v %#v", e, e)} {
					if strings.Contains(text, "canary") || strings.Contains(text, "secret-") {
						t.Errorf("%s: %s", name, text)
					}
				}
			}
		}
	}
}

func TestTheAddressOfBkperIsChecked(t *testing.T) {
	for _, address := range []string{"", "bkper", "ftp://api.bkper.app", "https://user:canary@api.bkper.app", "https://", ":"} {
		_, err := New(Options{BaseURL: address}).As(StaticToken(seal.NewSecret("t"))).User(t.Context())
		if !errs.Is(err, errs.Config) || OutcomeOf(err) != NotDone || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestNamesThatWouldChangeThePathAreRefused(t *testing.T) {
	s := replies(reply{body: `{}`})
	for _, name := range []string{"", ".", ".."} {
		if _, err := s.client().Account(t.Context(), "b", name); !errs.Is(err, errs.Invalid) || OutcomeOf(err) != NotDone {
			t.Errorf("%q: %v", name, err)
		}
	}
	if len(s.asked) != 0 {
		t.Error("something was sent")
	}
	if _, err := s.client().Account(t.Context(), "b", "a/b ?#%é"); err != nil {
		t.Fatal(err)
	}
	if got, want := s.asked[0].URL.EscapedPath(), "/base/v5/books/b/accounts/a%2Fb%20%3F%23%25%C3%A9"; got != want {
		t.Errorf("path %s, want %s", got, want)
	}
}

// serve starts a real server and returns a client of it that waits for nothing
// but the network.
func serve(t *testing.T, timeout time.Duration, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return New(Options{
		BaseURL: server.URL, HTTP: server.Client(), Timeout: timeout,
		Sleep: func(context.Context, time.Duration) error { return nil },
	}).As(StaticToken(seal.NewSecret("owner")))
}

func create(ctx context.Context, c *Client) error {
	_, err := c.CreateTransactions(ctx, "b", []Transaction{{RemoteIDs: []string{"r"}}})
	return err
}

func TestARefusedConnectionDidNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	tries := 0
	client := New(Options{
		BaseURL: "http://" + address, HTTP: &http.Client{Transport: &http.Transport{}},
		Sleep: func(context.Context, time.Duration) error { tries++; return nil },
	}).As(StaticToken(seal.NewSecret("owner")))
	if err := create(t.Context(), client); OutcomeOf(err) != NotDone || !errs.Is(err, errs.Unavailable) || tries != 2 {
		t.Errorf("%v after %d waits", err, tries)
	}
}

func TestWhatATransportTellsOfDialingIsBelieved(t *testing.T) {
	for name, tt := range map[string]struct {
		err     error
		outcome Outcome
		tries   int
	}{
		"refused":        {fmt.Errorf("calling: %w", syscall.ECONNREFUSED), NotDone, 3},
		"dial timeout":   {&net.OpError{Op: "dial", Err: context.DeadlineExceeded}, NotDone, 3},
		"reset":          {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, Unknown, 1},
		"write":          {&net.OpError{Op: "write", Err: syscall.EPIPE}, Unknown, 1},
		"nothing at all": {io.EOF, Unknown, 1},
	} {
		s := replies(reply{err: tt.err})
		if err := create(t.Context(), s.client()); OutcomeOf(err) != tt.outcome || !errs.Is(err, errs.Unavailable) || len(s.asked) != tt.tries {
			t.Errorf("%s: %v after %d tries", name, err, len(s.asked))
		}
	}
}

func TestAnUnknownHostOrCertificateDidNothing(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	lookup := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "bkper.test", IsNotFound: true}
	}}
	for name, tt := range map[string]struct {
		address   string
		transport *http.Transport
	}{
		"host":        {"http://bkper.test", lookup},
		"certificate": {server.URL, &http.Transport{}},
	} {
		client := New(Options{
			BaseURL: tt.address, HTTP: &http.Client{Transport: tt.transport},
			Sleep: func(context.Context, time.Duration) error { return nil },
		}).As(StaticToken(seal.NewSecret("owner")))
		if err := create(t.Context(), client); OutcomeOf(err) != NotDone || !errs.Is(err, errs.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAConnectionCutAfterSendingIsUnknown(t *testing.T) {
	var asked atomic.Int32
	cut := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			_, _ = io.Copy(io.Discard, r.Body)
			conn, buf, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			cutOff(conn, buf, text)
		}
	}
	for name, text := range map[string]string{
		"before the answer":    "",
		"in the status":        "HTTP/1.1 2",
		"in the headers":       "HTTP/1.1 200 OK\r\nContent-Ty",
		"in the body":          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"items\":[",
		"in the chunked body":  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"ite",
		"after a body of type": "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
	} {
		asked.Store(0)
		client := serve(t, 0, cut(text))
		if err := create(t.Context(), client); OutcomeOf(err) != Unknown || !errs.Is(err, errs.Unavailable) || asked.Load() != 1 {
			t.Errorf("%s: %v after %d tries", name, err, asked.Load())
		}
		asked.Store(0)
		if _, err := client.User(t.Context()); OutcomeOf(err) != NotDone || asked.Load() != 3 {
			t.Errorf("%s, reading: %v after %d tries", name, err, asked.Load())
		}
	}
}

// cutOff writes text and closes with a reset.
func cutOff(conn net.Conn, buf *bufio.ReadWriter, text string) {
	_, _ = buf.WriteString(text)
	_ = buf.Flush()
	if text == "" {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	_ = conn.Close()
}

func TestASlowAnswerEndsAtTheDeadlineAsUnknown(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	for name, first := range map[string]string{"no answer": "", "one byte": "{"} {
		var asked atomic.Int32
		client := serve(t, 60*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			_, _ = io.Copy(io.Discard, r.Body)
			if first != "" {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, first)
				_ = http.NewResponseController(w).Flush()
			}
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		})
		err := create(t.Context(), client)
		if OutcomeOf(err) != Unknown || !errs.Is(err, errs.Unavailable) || !errors.Is(err, context.DeadlineExceeded) || asked.Load() != 1 {
			t.Errorf("%s: %v after %d tries", name, err, asked.Load())
		}
	}
}

func TestACancelledCallEndsAtOnce(t *testing.T) {
	started := make(chan struct{}, 1)
	client := serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		started <- struct{}{}
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-started
		cancel()
	}()
	if err := create(ctx, client); OutcomeOf(err) != Unknown || !errors.Is(err, context.Canceled) || !errs.Is(err, errs.Unavailable) {
		t.Errorf("in the middle: %v", err)
	}
	if err := create(ctx, client); OutcomeOf(err) != NotDone || !errors.Is(err, context.Canceled) {
		t.Errorf("before it begins: %v", err)
	}

	ctx, cancel = context.WithCancel(t.Context())
	s := replies(reply{status: 503, then: cancel})
	if _, err := s.client().Book(ctx, "b", BookDetail{}); err == nil || len(s.asked) != 1 {
		t.Errorf("between tries: %v after %d tries", err, len(s.asked))
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if err := sleep(ctx, time.Nanosecond); err != nil {
		t.Error(err)
	}
	cancel()
	if err := sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		client := serve(t, 0, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		if err := create(t.Context(), client); OutcomeOf(err) != Unknown || !errs.Is(err, errs.Unavailable) {
			t.Errorf("%d: %v", status, err)
		}
		if _, err := client.User(t.Context()); err == nil {
			t.Errorf("%d: a read follows", status)
		}
	}
	if elsewhere.Load() != 0 {
		t.Error("the token was sent elsewhere")
	}
}

func TestBodiesAreBounded(t *testing.T) {
	const limit = 1000
	bounded := func(s *script) *Client {
		service := New(s.options())
		if service.largestRequest != 8<<20 || service.largestAnswer != 32<<20 {
			t.Errorf("bounds of %d and %d bytes", service.largestRequest, service.largestAnswer)
		}
		service.largestRequest, service.largestAnswer = limit, limit
		return service.As(StaticToken(seal.NewSecret("owner")))
	}
	s := replies(reply{body: `{}`})
	_, err := bounded(s).CreateTransaction(t.Context(), "b", Transaction{Description: strings.Repeat("x", limit)})
	if !errs.Is(err, errs.Invalid) || OutcomeOf(err) != NotDone || len(s.asked) != 0 {
		t.Errorf("a request that is too long: %v", err)
	}
	for length, want := range map[int]bool{limit: true, limit + 1: false, 10 * limit: false} {
		s := replies(reply{body: "{}" + strings.Repeat(" ", length-2)})
		err := create(t.Context(), bounded(s))
		if want != (err == nil) || !want && (OutcomeOf(err) != Unknown || !strings.Contains(err.Error(), "longer than")) {
			t.Errorf("an answer of %d bytes: %v", length, err)
		}
	}
}

func TestAnEndlessAnswerIsLeft(t *testing.T) {
	client := serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for line := bytes.Repeat([]byte(" "), 10_000); ; {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	})
	client.service.largestAnswer = 100_000
	if err := create(t.Context(), client); OutcomeOf(err) != Unknown || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
}

func TestOutcomeOfOtherErrorsIsUnknown(t *testing.T) {
	if OutcomeOf(nil) != Done || OutcomeOf(errors.New("x")) != Unknown || OutcomeOf(errs.New(errs.Invalid, "")) != Unknown {
		t.Error("an error of others is taken for certain")
	}
	s := replies(reply{status: 400})
	_, err := s.client().User(t.Context())
	if OutcomeOf(fmt.Errorf("recording: %w", errs.Wrap(errs.Internal, err, ""))) != NotDone {
		t.Error("wrapping loses the outcome")
	}
	if got := fmt.Sprint(Done, NotDone, Unknown); got != "done not done unknown" {
		t.Error(got)
	}
}
