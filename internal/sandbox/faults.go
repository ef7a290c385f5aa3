package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FaultKind is a way to fail.
type FaultKind string

// The ways to fail. "Before" means that nothing was done, "after" that all
// was done and only the answer is wrong or missing.
const (
	Latency      FaultKind = "latency"       // answers rightly, after Delay
	StatusBefore FaultKind = "status-before" // answers Status
	StatusAfter  FaultKind = "status-after"  // does the work, then answers Status
	CutBefore    FaultKind = "cut-before"    // closes the connection
	CutAfter     FaultKind = "cut-after"     // does the work, then closes the connection
	HTMLAfter    FaultKind = "html-after"    // does the work, then answers 200 with a page
	TruncateJSON FaultKind = "truncate-json" // does the work, then answers half of it
	HalfBatch    FaultKind = "half-batch"    // does the first half of a batch, then answers Status
)

// FaultKinds are all ways to fail.
func FaultKinds() []FaultKind {
	return []FaultKind{Latency, StatusBefore, StatusAfter, CutBefore, CutAfter, HTMLAfter, TruncateJSON, HalfBatch}
}

// Fault makes requests fail that fit all that it names.
type Fault struct {
	Kind   FaultKind
	Method string // "" is any
	// Path is a pattern of path.Match such as "/v5/books/*/transactions/batch";
	// "" is any.
	Path string
	// Body is a text that the body of the request must hold; "" is any. With
	// StatusBefore and Status 400 it makes items that are refused for ever.
	Body       string
	Status     int           // 0 is 503
	RetryAfter string        // header of that name, with StatusBefore and StatusAfter; "" is none
	Delay      time.Duration // before anything else
	Times      int           // how often at most; 0 is for ever
	Percent    int           // how many of a hundred requests, by the seed; 0 is all
}

// Faults are the switches that make an API fail. They are safe for concurrent
// use.
type Faults struct {
	mu     sync.Mutex
	rules  []*faultRule
	random *rand.Rand
}

type faultRule struct {
	Fault
	hits int
}

func newFaults() *Faults {
	f := &Faults{}
	f.Seed(1)
	return f
}

// Seed starts the chance of Percent anew, so that a run can be repeated.
func (f *Faults) Seed(seed uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.random = rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a run must be repeatable
}

// Add switches a fault on. Of several that fit a request, the one added first
// applies.
func (f *Faults) Add(fault Fault) {
	if fault.Status == 0 {
		fault.Status = http.StatusServiceUnavailable
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, &faultRule{Fault: fault})
}

// Clear switches all faults off.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// FaultStatus is a fault that is switched on, and how often it applied.
type FaultStatus struct {
	Fault
	Hits int
}

// List returns the faults that are switched on.
func (f *Faults) List() []FaultStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]FaultStatus, 0, len(f.rules))
	for _, rule := range f.rules {
		list = append(list, FaultStatus{rule.Fault, rule.hits})
	}
	return list
}

// pick returns the fault that applies to a request, or nil.
func (f *Faults) pick(method, urlPath string, body func() string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, rule := range f.rules {
		if rule.Times > 0 && rule.hits >= rule.Times || rule.Method != "" && rule.Method != method {
			continue
		}
		if fits, err := path.Match(rule.Path, urlPath); rule.Path != "" && (err != nil || !fits) {
			continue
		}
		if rule.Body != "" && !strings.Contains(body(), rule.Body) {
			continue
		}
		if rule.Percent > 0 && f.random.IntN(100) >= rule.Percent {
			continue
		}
		rule.hits++
		fault := rule.Fault
		return &fault
	}
	return nil
}

func (f *Faults) quiet() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.rules) == 0
}

// wrap lets the faults loose on an API.
func (f *Faults) wrap(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.quiet() {
			api.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxFileBody))
		if err != nil {
			http.Error(w, "cannot read the request", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		fault := f.pick(r.Method, r.URL.Path, func() string { return string(body) })
		if fault == nil {
			api.ServeHTTP(w, r)
			return
		}
		fault.apply(w, r, body, api)
	})
}

func (f *Fault) apply(w http.ResponseWriter, r *http.Request, body []byte, api http.Handler) {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	switch f.Kind {
	case StatusBefore:
		f.answer(w)
	case CutBefore:
		cut(w)
	case StatusAfter:
		work(api, r)
		f.answer(w)
	case CutAfter:
		work(api, r)
		cut(w)
	case HTMLAfter:
		work(api, r)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>Error</title><p>That is all we know.")
	case TruncateJSON:
		answer := work(api, r)
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		w.WriteHeader(answer.status)
		_, _ = w.Write(answer.body.Bytes()[:answer.body.Len()/2])
	case HalfBatch:
		half := halfOf(body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(half)), int64(len(half))
		work(api, r)
		f.answer(w)
	default:
		api.ServeHTTP(w, r)
	}
}

func (f *Fault) answer(w http.ResponseWriter) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	reason := map[int]string{400: "badRequest", 401: "required", 403: "forbidden", 404: "notFound", 429: "rateLimitExceeded"}[f.Status]
	if reason == "" {
		reason = "backendError"
	}
	message := http.StatusText(f.Status)
	if message == "" {
		message = "Status " + strconv.Itoa(f.Status)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(f.Status)
	// The one who gets a fault for an answer may have gone.
	_ = json.NewEncoder(w).Encode((&apiError{f.Status, reason, message}).envelope())
}

// cut closes the connection without an answer.
func cut(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the way of net/http to say the same
	}
	_ = connection.Close() // it is cut either way
}

// work does a request and returns the answer that nobody gets to see.
func work(api http.Handler, r *http.Request) *recorder {
	answer := &recorder{header: http.Header{}, status: http.StatusOK}
	api.ServeHTTP(answer, r)
	return answer
}

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) { r.status = status }

// Write implements http.ResponseWriter.
func (r *recorder) Write(data []byte) (int, error) { return r.body.Write(data) }

// halfOf returns a batch with the first half of its items.
func halfOf(body []byte) []byte {
	var list inputList[json.RawMessage]
	if err := json.Unmarshal(body, &list); err != nil {
		return body
	}
	list.Items = list.Items[:len(list.Items)/2]
	half, err := json.Marshal(list)
	if err != nil {
		return body
	}
	return half
}
