package connectortest

import (
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/errs"
)

// Vendor is the knob board of a fake vendor server.
type Vendor struct {
	// Break makes the vendor answer every call with fault, until Heal.
	Break func(fault Fault)
	Heal  func()
	// Statuses says what each HTTP status of the vendor means. 429 and 503 are
	// also tried with Retry-After.
	Statuses map[int]errs.Code
}

// Fault is an answer that a vendor should not give. It serves itself.
type Fault struct {
	Name    string
	Status  int // 0 is 200
	Header  http.Header
	Body    string
	Endless bool // the body goes on until the client leaves
	Hang    bool // no answer until the client leaves
	Cut     bool // the connection ends before the body does
}

// endless is more than a connector should read of one answer.
const endless = 64 << 20

// ServeHTTP gives the answer.
func (f Fault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)) // so that the server sees the client leave
	if f.Hang {
		<-r.Context().Done()
		return
	}
	maps.Copy(w.Header(), f.Header)
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	if f.Status != 0 {
		w.WriteHeader(f.Status)
	}
	_, err := io.WriteString(w, f.Body)
	padding := strings.Repeat(" ", 32<<10)
	for sent := 0; f.Endless && err == nil; sent += len(padding) {
		if sent > endless { // spare the machine that reads it all
			<-r.Context().Done()
			return
		}
		_, err = io.WriteString(w, padding)
	}
	if f.Cut {
		if flusher, ok := w.(http.Flusher); ok {
			flusher.Flush()
		}
		panic(http.ErrAbortHandler)
	}
}

// badBodies are the answers of status 200 that no connector may take for one.
func badBodies() []Fault {
	html := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	return []Fault{
		{Name: "a page for people", Header: html, Body: "<!doctype html><title>Maintenance</title><h1>We will be back</h1>"},
		{Name: "a page for people that says it is JSON", Body: "<html><body>Gateway</body></html>"},
		{Name: "nothing", Body: ""},
		{Name: "half of an answer", Body: `{"accounts":[{"key":"`},
		{Name: "half of an answer, then no connection", Body: `{"accounts":[{"key":"`, Cut: true},
		{Name: "an answer without end", Body: `{"accounts":[`, Endless: true},
		{Name: "the wrong kind of thing", Body: `"ok"`},
	}
}
