// Package queuetest is the conformance suite of the queue: what every engine
// must do for those who publish and those who handle.
package queuetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bank-connections/bkper-bot/internal/queue"
)

// Queue is an engine during one check.
type Queue interface {
	queue.Publisher

	// Run delivers to handler until ctx ends and returns after the last
	// handler has.
	Run(ctx context.Context, handler queue.Handler) error

	// Dead returns dead letters, the newest first; limit 0 is all.
	Dead(ctx context.Context, limit int) ([]queue.DeadLetter, error)
	Replay(ctx context.Context, id string) error
	Discard(ctx context.Context, id string) error
}

// Harness is what the suite needs from an engine.
type Harness struct {
	// Open returns a new empty queue with that policy and closes it by
	// tb.Cleanup.
	Open func(tb testing.TB, policy queue.Policy) Queue

	// Reopen returns another queue on what q leaves behind if its process is
	// killed now. It is nil for a queue that cannot lose its process.
	Reopen func(tb testing.TB, q Queue, policy queue.Policy) Queue

	Limits Limits
}

// Limits are what is known about an engine. A zero field takes the value named
// behind it.
type Limits struct {
	// Unit is a time within which the engine surely starts a delivery that is
	// due. Policies of the suite are made of it. 1 s
	Unit time.Duration

	// RealTime says that the engine lives outside this process, so that time
	// must really pass. Else the checks run in a synctest bubble.
	RealTime bool

	// OrderEndsWithDeadLetters says that messages behind a dead letter of
	// their key come in any order.
	OrderEndsWithDeadLetters bool

	// Redelivers says that messages which are done may be delivered again.
	Redelivers bool
}

// Check is one thing that every engine must do.
type Check struct {
	Name string // a claim
	run  func(s *subject)
}

// Run holds an engine against every check, each on a queue of its own.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			if h.Limits.RealTime {
				c.Run(t, h)
				return
			}
			synctest.Test(t, func(t *testing.T) { c.Run(t, h) })
		})
	}
}

// Run holds an engine against the check, in the caller's time.
func (c Check) Run(tb testing.TB, h Harness) {
	tb.Helper()
	if h.Limits.Unit == 0 {
		h.Limits.Unit = time.Second
	}
	s := &subject{TB: tb, Harness: h, unit: h.Limits.Unit}
	s.policy = queue.Policy{
		MinBackoff: s.unit, MaxBackoff: 4 * s.unit, MaxAsked: 100 * s.unit, MaxAttempts: 5, Deadline: 20 * s.unit,
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 1000*s.unit)
	defer cancel()
	s.ctx = ctx
	s.queue = h.Open(tb, s.policy)
	c.run(s)
}

// subject is an engine during one check.
type subject struct {
	testing.TB
	Harness
	ctx    context.Context
	unit   time.Duration
	policy queue.Policy
	queue  Queue
}

// long is more than any wait of the policy.
func (s *subject) long() time.Duration { return 30 * s.unit }

func (s *subject) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *subject) publish(ids ...string) {
	s.Helper()
	s.must(s.queue.Publish(s.ctx, messages(ids...)...))
}

// messages returns messages whose key is what is before the dash of their ids.
func messages(ids ...string) []queue.Message {
	all := make([]queue.Message, 0, len(ids))
	for _, id := range ids {
		key, _, keyed := strings.Cut(id, "-")
		if !keyed {
			key = ""
		}
		all = append(all, queue.Message{ID: id, Key: key, Kind: "test", Body: []byte("body of " + id)})
	}
	return all
}

// reopen goes on with what a killed process leaves behind.
func (s *subject) reopen() {
	s.Helper()
	if s.Reopen == nil {
		s.Skip("this queue cannot lose its process")
	}
	s.queue = s.Reopen(s.TB, s.queue, s.policy)
}

// start runs the queue until the returned function is called, which returns
// when Run has.
func (s *subject) start(handler queue.Handler) (stop func()) {
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan struct{})
	q := s.queue
	go func() {
		defer close(ended)
		if err := q.Run(ctx, handler); err != nil && !errors.Is(err, context.Canceled) {
			s.Errorf("Run = %v", err)
		}
	}()
	return func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(s.long()):
			s.Error("Run does not end with its context")
		}
	}
}

// deliver runs the queue with handler until done returns true, and a little
// longer for what should not happen. It fails if done does not come true
// within limit.
func (s *subject) deliver(limit time.Duration, handler queue.Handler, done func() bool) {
	s.Helper()
	stop := s.start(handler)
	defer stop()
	for end := time.Now().Add(limit); !done(); {
		if time.Now().After(end) {
			s.Fatalf("nothing more happens after %s", limit)
		}
		time.Sleep(s.unit / 10)
	}
	time.Sleep(2 * s.unit)
}

// log is what handlers note: one line per thing that happened, in order.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *log) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}

// count returns how many lines are exactly this.
func (l *log) count(line string) int {
	n := 0
	for _, got := range l.all() {
		if got == line {
			n++
		}
	}
	return n
}

// holds returns a condition: all these lines are there.
func (l *log) holds(lines ...string) func() bool {
	return func() bool {
		for _, line := range lines {
			if l.count(line) == 0 {
				return false
			}
		}
		return true
	}
}
