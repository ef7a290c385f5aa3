package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/sandbox"
)

const agentID = "bank-connections"

var start = time.Date(2026, 3, 18, 15, 0, 0, 0, time.UTC)

// object is a piece of JSON.
type object = map[string]any

// bench is a server and its API over HTTP.
type bench struct {
	*sandbox.Server
	url string
	t   testing.TB
}

func open(t testing.TB, path string, change func(*sandbox.Options)) *sandbox.Server {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 7))
	opts := sandbox.Options{
		Path: path, Now: func() time.Time { return start }, Rand: random.IntN,
		Log: slog.New(slog.DiscardHandler), AgentID: agentID, Backoff: time.Millisecond,
	}
	if change != nil {
		change(&opts)
	}
	s, err := sandbox.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newBench(t testing.TB, change func(*sandbox.Options)) *bench {
	t.Helper()
	b := serve(t, open(t, filepath.Join(t.TempDir(), "book.db"), change))
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// serve answers the API of s over HTTP until the test ends.
func serve(t testing.TB, s *sandbox.Server) *bench {
	t.Helper()
	server := httptest.NewServer(s.API())
	t.Cleanup(server.Close)
	return &bench{s, server.URL, t}
}

// answer is what the API said.
type answer struct {
	status int
	body   object
}

// as sends a request with the token of a user. Headers come as name, value.
func (b *bench) as(token, method, path string, body any, headers ...string) answer {
	b.t.Helper()
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		payload = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, payload)
	if err != nil {
		b.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	a := answer{status: response.StatusCode}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &a.body); err != nil {
			b.t.Fatalf("%s %s answered no JSON: %s", method, path, data)
		}
	}
	return a
}

// ok is as owner, and fails the test when the answer is not a success.
func (b *bench) ok(method, path string, body any, headers ...string) object {
	b.t.Helper()
	a := b.as("owner", method, path, body, headers...)
	if a.status >= 300 {
		b.t.Fatalf("%s %s: %d %v", method, path, a.status, a.body)
	}
	return a.body
}
