package bkper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

// The bounds of bodies in bytes, and of a call.
const (
	largestRequest = 8 << 20
	largestAnswer  = 32 << 20
	defaultTimeout = 30 * time.Second
)

// Options say where Bkper is and how to speak to it.
type Options struct {
	BaseURL string       // https://api.bkper.app; paths /v5/... are appended
	HTTP    *http.Client // its transport is used; redirects are never followed
	AgentID string       // the app, as Bkper knows it
	APIKey  seal.Secret  // optional, for a quota of one's own

	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error // the waits between tries
	Jitter func() float64                                   // [0, 1)

	Retry   RetryPolicy
	Timeout time.Duration // of a call with all its tries; 0 is 30 s
}

// RetryPolicy bounds what a call does by itself before it gives up. Longer
// waits are the caller's.
type RetryPolicy struct {
	Retries int           // after the first try; 0 is 2, less is none
	Base    time.Duration // the first wait is up to this, the next up to twice; 0 is 400 ms
	Budget  time.Duration // all waits together; 0 is 5 s
}

// Service is Bkper, for whoever has a token.
type Service struct {
	base    string
	baseErr error
	http    http.Client
	opt     Options

	largestRequest, largestAnswer int
}

// New returns a service. What is missing in the options takes the usual
// value: real time, real chance.
func New(opt Options) *Service {
	s := &Service{
		opt: opt, base: strings.TrimRight(opt.BaseURL, "/"),
		largestRequest: largestRequest, largestAnswer: largestAnswer,
	}
	if u, err := url.Parse(s.base); err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		s.baseErr = errors.New("the address of Bkper is not an http or https URL")
	}
	if opt.HTTP != nil {
		s.http = *opt.HTTP
	}
	s.http.Jar = nil
	s.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if opt.Now == nil {
		s.opt.Now = time.Now
	}
	if opt.Sleep == nil {
		s.opt.Sleep = sleep
	}
	if opt.Jitter == nil {
		s.opt.Jitter = rand.Float64
	}
	if opt.Timeout == 0 {
		s.opt.Timeout = defaultTimeout
	}
	r := &s.opt.Retry
	if r.Retries == 0 {
		r.Retries = 2
	}
	if r.Base == 0 {
		r.Base = 400 * time.Millisecond
	}
	if r.Budget == 0 {
		r.Budget = 5 * time.Second
	}
	return s
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TokenSource gives the token of one user. Token is asked for once per call
// and may answer from memory. After Bkper has refused a token as expired the
// source is asked again, and the call is repeated once if the answer is
// another token.
type TokenSource interface {
	Token(ctx context.Context) (seal.Secret, error)
}

// Refresher is a TokenSource that can be told that a token has expired. It
// returns another one, which may have been fetched meanwhile by somebody else.
type Refresher interface {
	TokenSource
	Refresh(ctx context.Context, expired seal.Secret) (seal.Secret, error)
}

// StaticToken returns a source of always the same token.
func StaticToken(token seal.Secret) TokenSource { return static{token} }

type static struct{ token seal.Secret }

func (s static) Token(context.Context) (seal.Secret, error) { return s.token, nil }

// As returns a client that acts as the user of these tokens. It may be used
// concurrently.
func (s *Service) As(tokens TokenSource) *Client { return &Client{service: s, tokens: tokens} }

// Client acts on Bkper as one user. Errors of its methods are *errs.Error;
// see OutcomeOf.
type Client struct {
	service *Service
	tokens  TokenSource
}

// request is one call, before it has a token.
type request struct {
	method string
	path   []string // segments behind /v5/, not yet escaped
	query  url.Values
	cursor string
	body   any
	out    any // nil if no answer is expected
	repeat bool
}

func (r request) op() string {
	escaped := make([]string, len(r.path))
	for i, segment := range r.path {
		escaped[i] = url.PathEscape(segment)
	}
	return r.method + " /v5/" + strings.Join(escaped, "/")
}

// fail returns the error of a call that is wrong before it is sent.
func (r request) fail(code errs.Code, text, public string) error {
	return errs.Wrap(code, &failure{op: r.op(), text: text, outcome: NotDone}, public)
}

// attempt is what one try came to, if it failed.
type attempt struct {
	verdict
	after   time.Duration
	text    string // for the log
	message string // Bkper's own words
	cause   error
}

func (c *Client) do(ctx context.Context, r request) error {
	s := c.service
	if s.baseErr != nil {
		return r.fail(errs.Config, s.baseErr.Error(), "The address of Bkper in the settings of this app is wrong.")
	}
	for _, segment := range r.path {
		if segment == "" || segment == "." || segment == ".." {
			return r.fail(errs.Invalid, fmt.Sprintf("%q cannot name anything", segment), "")
		}
	}
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return r.fail(errs.Invalid, err.Error(), "")
		}
		if len(body) > s.largestRequest {
			return r.fail(errs.Invalid, fmt.Sprintf("%d bytes are too many for one call", len(body)), "This is too much for one call to Bkper.")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	outcome := NotDone
	token, err := c.token(ctx, r, nil, outcome)
	if err != nil {
		return err
	}
	refreshed, waited := false, time.Duration(0)
	for try := 0; ; {
		a := s.send(ctx, r, body, token)
		if a == nil {
			return nil
		}
		if a.outcome == Unknown && r.method != http.MethodGet {
			// Whatever a later try says, this one may have been done.
			outcome = Unknown
		}
		if a.expired && !refreshed {
			refreshed = true
			fresh, err := c.token(ctx, r, &token, outcome)
			if err != nil {
				return err
			}
			if !fresh.Equal(token) {
				token = fresh
				continue
			}
		}
		result := &errs.Error{
			Code: a.code, Public: sentence(a.code, a.message), After: a.after,
			Err: &failure{op: r.op(), text: a.text, outcome: outcome, cause: a.cause},
		}
		if !a.again || try >= s.opt.Retry.Retries || (!r.repeat && outcome == Unknown) || ctx.Err() != nil {
			return result
		}
		wait := s.wait(try, a.after)
		if waited+wait > s.opt.Retry.Budget {
			return result
		}
		if err := s.opt.Sleep(ctx, wait); err != nil {
			return result
		}
		waited += wait
		try++
	}
}

// wait is full jitter over a doubling span, on top of what Bkper asks for.
func (s *Service) wait(try int, after time.Duration) time.Duration {
	return after + time.Duration(s.opt.Jitter()*float64(s.opt.Retry.Base<<try))
}

// token asks the source for a token, or for another one than expired. The
// outcome is that of the call so far.
func (c *Client) token(ctx context.Context, r request, expired *seal.Secret, outcome Outcome) (seal.Secret, error) {
	var token seal.Secret
	var err error
	if refresher, ok := c.tokens.(Refresher); ok && expired != nil {
		token, err = refresher.Refresh(ctx, *expired)
	} else {
		token, err = c.tokens.Token(ctx)
	}
	if err == nil && token.IsZero() {
		err = errs.New(errs.Unauthenticated, "")
	}
	if err != nil {
		return token, &errs.Error{
			Code: errs.CodeOf(err), Public: errs.Public(err), After: errs.After(err),
			Err: &failure{op: r.op(), text: "getting a token: " + err.Error(), outcome: outcome, cause: err},
		}
	}
	return token, nil
}

// send tries once.
func (s *Service) send(ctx context.Context, r request, body []byte, token seal.Secret) *attempt {
	secrets := []string{token.Reveal(), s.opt.APIKey.Reveal()}
	broken := func(outcome Outcome, doing string, err error) *attempt {
		a := &attempt{
			verdict: verdict{code: errs.Unavailable, outcome: outcome, again: true},
			text:    doing + ": " + oneLine(withoutURL(err).Error(), secrets),
		}
		for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
			if errors.Is(err, known) {
				a.cause = known
			}
		}
		return a
	}

	// The address is built from escaped parts, so that an account may be
	// called "a/b".
	address := s.base + strings.TrimPrefix(r.op(), r.method+" ")
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var asked, connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, reader)
	if err != nil {
		return broken(NotDone, "making the request", err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	req.Header.Set("Accept", "application/json")
	if s.opt.AgentID != "" {
		req.Header.Set("bkper-agent-id", s.opt.AgentID)
	}
	if !s.opt.APIKey.IsZero() {
		req.Header.Set("bkper-api-key", s.opt.APIKey.Reveal())
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.cursor != "" {
		req.Header.Set("cursor", r.cursor)
	}

	if ctx.Err() != nil {
		return broken(NotDone, "calling", ctx.Err())
	}
	res, err := s.http.Do(req)
	if err != nil {
		outcome := Unknown
		if neverSent(err) || (asked.Load() && !connected.Load()) {
			outcome = NotDone
		}
		return broken(outcome, "calling", err)
	}
	defer func() { _ = res.Body.Close() }()
	ok := res.StatusCode >= 200 && res.StatusCode < 300
	if ok && r.out == nil {
		_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection can be used again
		return nil
	}
	answer, err := s.readAnswer(res)
	if ok {
		if err == nil {
			err = json.Unmarshal(answer, r.out)
		}
		if err != nil {
			return broken(Unknown, fmt.Sprintf("status %d, reading the answer", res.StatusCode), err)
		}
		return nil
	}

	var envelope struct {
		Error struct {
			Message string `json:"message"`
			Errors  []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	}
	if err == nil {
		// What is no envelope leaves it empty: the status says enough.
		_ = json.Unmarshal(answer, &envelope)
	}
	reason := ""
	if len(envelope.Error.Errors) > 0 {
		reason = envelope.Error.Errors[0].Reason
	}
	message := oneLine(envelope.Error.Message, secrets)
	a := &attempt{
		verdict: classify(res.StatusCode, reason, message),
		message: message,
		text:    fmt.Sprintf("status %d %s %s", res.StatusCode, oneLine(reason, secrets), message),
	}
	if a.again {
		a.after = retryAfter(res.Header.Get("Retry-After"), s.opt.Now())
	}
	return a
}

// readAnswer returns a JSON body of bounded size.
func (s *Service) readAnswer(res *http.Response) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, fmt.Errorf("it is not JSON but %.60q", res.Header.Get("Content-Type"))
	}
	var buf bytes.Buffer
	if res.ContentLength > 0 && res.ContentLength <= int64(s.largestAnswer) {
		buf.Grow(int(res.ContentLength) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(io.LimitReader(res.Body, int64(s.largestAnswer)+1)); err != nil {
		return nil, err
	}
	if buf.Len() > s.largestAnswer {
		return nil, fmt.Errorf("it is longer than %d bytes", s.largestAnswer)
	}
	if trimmed := bytes.TrimSpace(buf.Bytes()); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, errors.New("it is not a JSON object")
	}
	return buf.Bytes(), nil
}

// neverSent recognises errors that come before the first byte is sent.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || errors.Is(err, syscall.ECONNREFUSED)
}

// withoutURL takes the address out of an error of package http: the query
// tells what was searched for.
func withoutURL(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}
