package sandbox

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	deliverers     = 2 // events under way at once: their order is not kept
	maxAttempts    = 5 // of deliveries that fail otherwise than by 429
	longestBackoff = 5 * time.Minute
	maxResponse    = 1 << 20
)

// waiting is an event to be delivered not before next, in ms since 1970.
type waiting struct {
	next     int64
	seq      uint64
	book, id string
}

// waitingQueue is a heap of what waits, by time and then by age.
type waitingQueue []waiting

func (q waitingQueue) Len() int { return len(q) }
func (q waitingQueue) Less(i, j int) bool {
	if q[i].next != q[j].next {
		return q[i].next < q[j].next
	}
	return q[i].seq < q[j].seq
}
func (q waitingQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *waitingQueue) Push(x any) { *q = append(*q, x.(waiting)) }

// Pop implements heap.Interface.
func (q *waitingQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func (q *waitingQueue) push(w waiting) { heap.Push(q, w) }

// subscribed reports whether the app is to be told of e.
func (s *Server) subscribed(b *book, e *event) bool {
	if s.opts.AgentID == "" || !b.installed(s.opts.AgentID) || !slices.Contains(s.opts.Events, e.Type) {
		return false
	}
	if e.Type != "FILE_CREATED" {
		return true
	}
	var f wireFile
	if err := json.Unmarshal(e.Object, &f); err != nil {
		return false
	}
	return slices.ContainsFunc(s.opts.FilePatterns, func(pattern string) bool {
		ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(f.Name))
		return err == nil && ok
	})
}

// Run delivers events and finishes merges until ctx ends. What is not
// delivered by then is delivered by the next Run, in this or another process.
func (s *Server) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for range deliverers {
		group.Go(func() error { return s.deliverAll(ctx) })
	}
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (s *Server) deliverAll(ctx context.Context) error {
	for {
		merged := s.finishMerges(ctx)
		next, pause := s.take(merged)
		if next == nil {
			if err := s.rest(ctx, pause); err != nil {
				return err
			}
			continue
		}
		s.wakeUp() // another deliverer may find more
		s.deliver(ctx, next)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// rest waits for work, at most for pause; 0 is until there is some.
func (s *Server) rest(ctx context.Context, pause time.Duration) error {
	var alarm <-chan time.Time
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.wake:
	case <-alarm:
	}
	return nil
}

// delivery is an event ready to be sent.
type delivery struct {
	url   string
	token string
	event *event
	body  []byte
}

// take takes the next due event off the queue. Without one, it returns how
// long to wait for the next or for the time also, 0 if for neither.
func (s *Server) take(also time.Time) (*delivery, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Now()
	pause := time.Duration(0)
	if !also.IsZero() {
		pause = max(also.Sub(now), time.Millisecond)
	}
	for s.eventsURL != "" && len(s.queue) > 0 {
		first := s.queue[0]
		if wait := time.UnixMilli(first.next).Sub(now); wait > 0 {
			if pause == 0 || wait < pause {
				pause = wait
			}
			return nil, pause
		}
		heap.Pop(&s.queue)
		b := s.books[first.book]
		e := b.event(first.id)
		if !e.Waiting || e.Next != first.next {
			continue // changed since it was queued
		}
		installer := s.installer(b)
		body, err := json.Marshal(s.wireEventOf(b, e, installer, now))
		if err != nil {
			s.opts.Log.Error("sandbox cannot write an event as JSON", "event", e.ID, "error", err)
			continue
		}
		return &delivery{s.eventsURL, installer.Name, e, body}, 0
	}
	return nil, pause
}

// installer is the user who installed the app, with whose token events come.
func (s *Server) installer(b *book) *user {
	for _, i := range b.sortedIntegrations() {
		if u := s.users[i.User]; u != nil && i.AgentID == s.opts.AgentID && i.ConnectionID == "" {
			return u
		}
	}
	return s.users[b.ownerName()]
}

// deliver sends an event once and records what came of it.
func (s *Server) deliver(ctx context.Context, d *delivery) {
	status, body, err := s.post(ctx, d)
	if ctx.Err() != nil { // as if it had not been tried
		s.requeue(d.event)
		return
	}
	s.write.Lock()
	defer s.write.Unlock()
	b := s.books[d.event.BookID]
	e := *b.event(d.event.ID)
	e.Attempts++
	e.Waiting = false
	switch {
	case err == nil && status >= 200 && status < 300:
		if r, worthRecording := readResponse(body); worthRecording {
			s.respond(&e, r)
		}
	case err == nil && status == http.StatusTooManyRequests, e.Attempts < maxAttempts:
		e.Waiting = true
		e.Next = s.opts.Now().Add(s.backoff(e.Attempts)).UnixMilli()
	case err != nil:
		s.respond(&e, botResponse{Type: "ERROR", Message: "The app did not answer: " + err.Error()})
	default:
		s.respond(&e, botResponse{Type: "ERROR", Message: fmt.Sprintf("The app answered %d: %.500s", status, body)})
	}
	c := s.begin(b, s.users[e.User], e.AgentID)
	c.put(&e)
	if err := c.commit(); err != nil {
		s.opts.Log.ErrorContext(ctx, "sandbox cannot record the response to an event", "event", e.ID, "error", err)
		s.requeue(d.event)
	}
}

// requeue puts an event back that was taken and is still waiting.
func (s *Server) requeue(e *event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.push(waiting{next: e.Next, seq: e.Seq, book: e.BookID, id: e.ID})
}

func (s *Server) backoff(attempts int) time.Duration {
	wait := s.opts.Backoff
	for i := 1; i < attempts && wait < longestBackoff; i++ {
		wait *= 2
	}
	return min(wait, longestBackoff)
}

func (s *Server) respond(e *event, r botResponse) {
	r.AgentID, r.CreatedAt = s.opts.AgentID, int64Text(s.opts.Now().UnixMilli())
	e.Responses = append(e.without(r.AgentID).Responses, r)
}

func (s *Server) post(ctx context.Context, d *delivery) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(d.body))
	if err != nil {
		return 0, nil, fmt.Errorf("prepare the delivery of an event: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("bkper-oauth-token", d.token)
	request.Header.Set("bkper-agent-id", s.opts.AgentID)
	response, err := s.opts.HTTP.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("deliver an event: %w", err)
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return 0, nil, fmt.Errorf("read the response to an event: %w", err)
	}
	return response.StatusCode, body, nil
}

// readResponse reads what an app answered to an event. A result of false, or
// none at all, is not recorded.
func readResponse(body []byte) (r botResponse, worthRecording bool) {
	var answer struct {
		Result  json.RawMessage `json:"result"`
		Warning json.RawMessage `json:"warning"`
		Error   json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return botResponse{Type: "ERROR", Message: fmt.Sprintf("The app answered no JSON: %.500s", body)}, true
	}
	for _, part := range []struct {
		kind string
		raw  json.RawMessage
	}{{"ERROR", answer.Error}, {"WARNING", answer.Warning}, {"INFO", answer.Result}} {
		if text := messageOf(part.raw); text != "" {
			return botResponse{Type: part.kind, Message: text}, true
		}
	}
	return r, false
}

// messageOf returns the text of a string, a list of strings, or other JSON.
func messageOf(raw json.RawMessage) string {
	var text string
	var list []string
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return text
	case json.Unmarshal(raw, &list) == nil:
		return strings.Join(list, "\n")
	case string(raw) == "false":
		return ""
	default:
		return string(raw)
	}
}
