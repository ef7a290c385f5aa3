package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/sandbox"
)

const createPath = "/v5/books/*/transactions/batch"

// raw sends a batch of two drafts and returns what came over the wire.
func raw(t *testing.T, b *bench) (status int, header http.Header, body string, err error) {
	t.Helper()
	data, err := json.Marshal(object{"items": []object{draft("f1", "x"), draft("f2", "x")}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+transactions+"/batch", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer owner")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(answer), err
}

func TestFaults(t *testing.T) {
	tests := []struct {
		claim    string
		fault    sandbox.Fault
		status   int // 0 is a broken connection
		body     string
		recorded int // of the two drafts
	}{
		{"429 before the work", sandbox.Fault{Kind: sandbox.StatusBefore, Status: 429, RetryAfter: "7"}, 429, "rateLimitExceeded", 0},
		{"503 before the work", sandbox.Fault{Kind: sandbox.StatusBefore}, 503, "backendError", 0},
		{"500 after the work", sandbox.Fault{Kind: sandbox.StatusAfter, Status: 500}, 500, "backendError", 2},
		{"a cut before the work", sandbox.Fault{Kind: sandbox.CutBefore}, 0, "", 0},
		{"a cut after the work", sandbox.Fault{Kind: sandbox.CutAfter}, 0, "", 2},
		{"a page instead of JSON", sandbox.Fault{Kind: sandbox.HTMLAfter}, 200, "<!DOCTYPE html>", 2},
		{"half an answer", sandbox.Fault{Kind: sandbox.TruncateJSON}, 200, `{"items"`, 2},
		{"half a batch, then 502", sandbox.Fault{Kind: sandbox.HalfBatch, Status: 502}, 502, "backendError", 1},
		{"latency answers rightly", sandbox.Fault{Kind: sandbox.Latency, Delay: time.Millisecond}, 200, `{"items"`, 2},
		{"a poisoned item is refused for ever", sandbox.Fault{Kind: sandbox.StatusBefore, Status: 400, Body: `"f2"`}, 400, "badRequest", 0},
		{"another method is spared", sandbox.Fault{Kind: sandbox.CutBefore, Method: "PUT"}, 200, `{"items"`, 2},
		{"another body is spared", sandbox.Fault{Kind: sandbox.CutBefore, Body: "f3"}, 200, `{"items"`, 2},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := newBench(t, nil)
			test.fault.Path = createPath
			b.Faults().Add(test.fault)
			status, header, body, err := raw(t, b)
			if (status == 0) != (err != nil) || status != test.status || !strings.Contains(body, test.body) {
				t.Errorf("status %d, body %.200q, error %v; want %d with %q", status, body, err, test.status, test.body)
			}
			if header.Get("Retry-After") != test.fault.RetryAfter {
				t.Errorf("Retry-After %q", header.Get("Retry-After"))
			}
			if json.Valid([]byte(body)) && test.fault.Kind == sandbox.TruncateJSON {
				t.Error("the truncated answer is whole")
			}
			b.Faults().Clear()
			if got := len(b.find("remoteId:f1")) + len(b.find("remoteId:f2")); got != test.recorded {
				t.Errorf("%d recorded, want %d", got, test.recorded)
			}
		})
	}
}

func TestFaultsEnd(t *testing.T) {
	b := newBench(t, nil)
	b.Faults().Add(sandbox.Fault{Kind: sandbox.StatusBefore, Status: 503, Path: "/v5/user", Times: 2})
	var got []int
	for range 4 {
		got = append(got, b.as("owner", "GET", "/v5/user", nil).status)
	}
	if fmt.Sprint(got) != "[503 503 200 200]" {
		t.Errorf("statuses %v", got)
	}
	if list := b.Faults().List(); len(list) != 1 || list[0].Hits != 2 {
		t.Errorf("list %+v", list)
	}
}

func TestFaultsRepeatBySeed(t *testing.T) {
	b := newBench(t, nil)
	b.Faults().Add(sandbox.Fault{Kind: sandbox.StatusBefore, Status: 503, Percent: 40})
	pattern := func(seed uint64) string {
		b.Faults().Seed(seed)
		var text strings.Builder
		for range 40 {
			fmt.Fprintf(&text, "%d ", b.as("owner", "GET", "/v5/user", nil).status)
		}
		return text.String()
	}
	first := pattern(42)
	if first != pattern(42) {
		t.Error("the same seed made other faults")
	}
	if first == pattern(43) || !strings.Contains(first, "200") || !strings.Contains(first, "503") {
		t.Errorf("seed 42: %s", first)
	}
}
