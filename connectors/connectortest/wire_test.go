package connectortest_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/connectors/connectortest"
	"github.com/bank-connections/bkper-bot/connectors/demo"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

// The demo banks behind a little HTTP API with webhooks, and a connector to it:
// the checks of vendors and webhooks are proven on them.

// wireRequest and wirePage are the bodies of that API.
type wireRequest struct {
	Auth   string              `json:"auth"`
	Wanted []connectors.Wanted `json:"wanted"`
	State  []byte              `json:"state"`
	Limit  int                 `json:"limit"`
}

type wirePage struct {
	Accounts []wireAccount    `json:"accounts"`
	Next     []byte           `json:"next"`
	More     *connectors.More `json:"more"`
}

type wireAccount struct {
	Key          string             `json:"key"`
	Transactions []bank.Transaction `json:"transactions"`
	Removed      []string           `json:"removed"`
	Complete     connectors.Days    `json:"complete"`
	Balance      *bank.Balance      `json:"balance"`
	Code         errs.Code          `json:"code"`
}

// wireStatuses says what the API's statuses mean.
func wireStatuses() map[int]errs.Code {
	return map[int]errs.Code{
		400: errs.Invalid, 401: errs.NeedsReauth, 403: errs.Config, 404: errs.Config, 409: errs.Conflict, 429: errs.RateLimited,
		500: errs.InstitutionDown, 502: errs.InstitutionDown, 503: errs.InstitutionDown, 504: errs.InstitutionDown, 418: errs.InstitutionDown,
	}
}

// wireServer is the vendor.
type wireServer struct {
	bank *demo.Connector
	mu   sync.Mutex
	bad  *connectortest.Fault
}

func (s *wireServer) setFault(f *connectortest.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad = f
}

func (s *wireServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	bad := s.bad
	s.mu.Unlock()
	if bad != nil {
		bad.ServeHTTP(w, r)
		return
	}
	var req wireRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	page, err := s.bank.Fetch(r.Context(), connectors.FetchRequest{Auth: seal.NewSecret(req.Auth), Wanted: req.Wanted, State: req.State, Limit: req.Limit})
	if err != nil {
		status := map[errs.Code]int{errs.Invalid: 400, errs.NeedsReauth: 401, errs.Conflict: 409}[errs.CodeOf(err)]
		if status == 0 {
			status = http.StatusServiceUnavailable
		}
		http.Error(w, "refused", status)
		return
	}
	out := wirePage{Next: page.Next, More: &page.More}
	for _, p := range page.Accounts {
		out.Accounts = append(out.Accounts, wireAccount{p.Key, p.Transactions, p.Removed, p.Complete, p.Balance, errs.CodeOf(p.Err)})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}

// wire is the connector. All but Fetch and webhooks is the demo's.
type wire struct {
	*demo.Connector
	deps connectors.Deps
	base string
	wire wireSpoils
}

// wireSpoils are mistakes that a connector over HTTP may make.
type wireSpoils struct {
	oneCode    bool // every failure is the bank's
	noWait     bool // does not read Retry-After
	noDate     bool // reads Retry-After in seconds only
	trusts     bool // takes a body that it cannot read for an empty page
	unbounded  bool // reads bodies without end
	deaf       bool // calls without the context
	talks      bool // quotes bodies in errors
	signature  bool // does not look at the signature
	age        bool // does not look at the time
	nobody     bool // does not say whom a delivery concerns
	afterwards bool // signs the parsed body, not the received one
}

func (w *wire) Fetch(ctx context.Context, req connectors.FetchRequest) (connectors.Page, error) {
	body, err := json.Marshal(wireRequest{req.Auth.Reveal(), req.Wanted, req.State, req.Limit})
	if err != nil {
		return connectors.Page{}, fmt.Errorf("writing the request: %w", err)
	}
	if w.wire.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+"/fetch", bytes.NewReader(body))
	if err != nil {
		return connectors.Page{}, fmt.Errorf("writing the request: %w", err)
	}
	resp, err := w.deps.HTTP.Do(call)
	if err != nil {
		return connectors.Page{}, w.down(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	limit := int64(8 << 20)
	if w.wire.unbounded {
		limit = 1 << 40
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	if err != nil {
		return connectors.Page{}, w.down(ctx, err)
	}
	if resp.StatusCode != http.StatusOK {
		return connectors.Page{}, w.refused(resp, text)
	}
	var in wirePage
	if err := json.Unmarshal(text, &in); err != nil || in.More == nil {
		if w.wire.trusts {
			return connectors.Page{}, nil
		}
		return connectors.Page{}, errs.Wrap(errs.InstitutionDown, errors.New("the answer is not a page"), "")
	}
	page := connectors.Page{Next: in.Next, More: *in.More}
	for _, p := range in.Accounts {
		out := connectors.AccountPage{Key: p.Key, Transactions: p.Transactions, Removed: p.Removed, Complete: p.Complete, Balance: p.Balance}
		if p.Code != "" {
			out.Err = errs.New(p.Code, "")
		}
		page.Accounts = append(page.Accounts, out)
	}
	return page, nil
}

func (w *wire) down(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errs.Wrap(errs.InstitutionDown, err, "")
}

func (w *wire) refused(resp *http.Response, body []byte) error {
	code, ok := wireStatuses()[resp.StatusCode]
	if !ok || w.wire.oneCode {
		code = errs.InstitutionDown
	}
	e := &errs.Error{Code: code, Err: fmt.Errorf("status %d", resp.StatusCode)}
	if w.wire.talks {
		e.Err = fmt.Errorf("status %d: %s", resp.StatusCode, body)
	}
	after := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(after); err == nil && !w.wire.noWait {
		e.After = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(after); err == nil && !w.wire.noWait && !w.wire.noDate {
		e.After = at.Sub(w.deps.Now())
	}
	return e
}

var wireKey = []byte("the key of these webhooks")

func sign(key []byte, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func (w *wire) AuthorizationRef(auth seal.Secret) string {
	sum := sha256.Sum256([]byte(auth.Reveal()))
	return hex.EncodeToString(sum[:8])
}

func (w *wire) VerifyWebhook(_ context.Context, header http.Header, body []byte) (connectors.Delivery, error) {
	stamp := header.Get("X-Time")
	unix, err := strconv.ParseInt(stamp, 10, 64)
	age := w.deps.Now().Sub(time.Unix(unix, 0))
	if !w.wire.age && (err != nil || age > 5*time.Minute || age < -time.Minute) {
		return connectors.Delivery{}, errs.New(errs.Unauthenticated, "")
	}
	signed := body
	var in struct{ Ref string }
	bad := json.Unmarshal(body, &in)
	if w.wire.afterwards {
		signed, _ = json.Marshal(in)
	}
	if !w.wire.signature && !hmac.Equal([]byte(sign(wireKey, stamp, signed)), []byte(header.Get("X-Signature"))) {
		return connectors.Delivery{}, errs.New(errs.Unauthenticated, "")
	}
	if bad != nil {
		return connectors.Delivery{}, errs.New(errs.Invalid, "")
	}
	if w.wire.nobody {
		in.Ref = ""
	}
	return connectors.Delivery{Ref: in.Ref}, nil
}

// wireHarness is the harness of the demo banks behind HTTP.
func wireHarness(tb testing.TB, spoils wireSpoils, patience time.Duration) connectortest.Harness {
	tb.Helper()
	h := demoHarness(tb, "us_newyork")
	itself := demo.New(connectors.Deps{Now: h.Clock.Now, Rand: rand.Reader}, demo.Config{Seed: 42, Opened: start})
	vendor := &wireServer{bank: itself}
	server := httptest.NewServer(vendor)
	tb.Cleanup(func() {
		server.CloseClientConnections() // of clients that do not hear
		server.Close()
	})
	h.NoVendor = ""
	h.Patience = patience
	h.HTTP = server.Client()
	h.New = func(deps connectors.Deps) connectors.Connector {
		return &wire{Connector: itself, deps: deps, base: server.URL, wire: spoils}
	}
	h.Vendor = &connectortest.Vendor{
		Break:    func(f connectortest.Fault) { vendor.setFault(&f) },
		Heal:     func() { vendor.setFault(nil) },
		Statuses: wireStatuses(),
	}
	vector := func(name string, auth seal.Secret, key []byte, age time.Duration) connectortest.Vector {
		body, err := json.Marshal(struct{ Ref string }{(&wire{}).AuthorizationRef(auth)})
		if err != nil {
			tb.Fatal(err)
		}
		stamp := strconv.FormatInt(h.Clock.Now().Add(-age).Unix(), 10)
		header := http.Header{"X-Time": {stamp}, "X-Signature": {sign(key, stamp, body)}}
		return connectortest.Vector{Name: name, Header: header, Body: body}
	}
	h.Webhooks = &connectortest.Webhooks{
		Genuine: func(auth seal.Secret) []connectortest.Vector {
			return []connectortest.Vector{vector("fresh", auth, wireKey, 0), vector("a minute old", auth, wireKey, time.Minute)}
		},
		Forged: func(auth seal.Secret) []connectortest.Vector {
			return []connectortest.Vector{vector("another key", auth, []byte("guess"), 0), vector("an hour old", auth, wireKey, time.Hour)}
		},
	}
	return h
}

// TestWire holds the connector over HTTP against the suite.
func TestWire(t *testing.T) {
	connectortest.Run(t, func(tb testing.TB) connectortest.Harness { return wireHarness(tb, wireSpoils{}, 0) })
}

func TestTheSuiteRejectsBrokenConnectorsOverHTTP(t *testing.T) {
	const vendor, webhooks = "faults of the vendor become the right errors", "only genuine webhooks are believed"
	for _, m := range []struct {
		name   string
		check  string
		spoils wireSpoils
	}{
		{"blames the bank for everything", vendor, wireSpoils{oneCode: true}},
		{"does not read Retry-After", vendor, wireSpoils{noWait: true}},
		{"does not read dates in Retry-After", vendor, wireSpoils{noDate: true}},
		{"takes garbage for no news", vendor, wireSpoils{trusts: true}},
		{"reads bodies without end", vendor, wireSpoils{unbounded: true}},
		{"calls without the context", vendor, wireSpoils{deaf: true}},
		{"quotes the vendor in errors", vendor, wireSpoils{talks: true}},
		{"does not check signatures", webhooks, wireSpoils{signature: true}},
		{"does not check the time", webhooks, wireSpoils{age: true}},
		{"does not say whom a delivery concerns", webhooks, wireSpoils{nobody: true}},
		{"checks the signature of what it understood", webhooks, wireSpoils{afterwards: true}},
	} {
		t.Run(m.name, func(t *testing.T) {
			for _, check := range connectortest.Checks() {
				if check.Name != m.check {
					continue
				}
				r := record(t, func(tb testing.TB) {
					check.Run(tb, func(tb testing.TB) connectortest.Harness { return wireHarness(tb, m.spoils, 400*time.Millisecond) })
				})
				if !r.Failed() {
					t.Errorf("%q let it pass", m.check)
				} else {
					t.Logf("%.200s", strings.TrimSpace(r.failures[0]))
				}
			}
		})
	}
}
