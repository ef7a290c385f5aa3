package queuetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/queue/queuetest"
	"github.com/bank-connections/bkper-bot/internal/store/trial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The suite is proven here: by a queue in memory that passes, and by the same
// queue with one fault at a time, each of which a check must notice.

func TestAQueueWithoutFaultsPasses(t *testing.T) {
	queuetest.Run(t, harness(faults{}))
}

func TestADeclaredLimitIsNotHeldAgainstAQueue(t *testing.T) {
	h := harness(faults{redelivers: true})
	h.Limits.Redelivers = true
	queuetest.Run(t, h)
}

func TestEachFaultIsNoticed(t *testing.T) {
	for _, c := range []struct {
		fault   faults
		noticed string // by the check of this name, and maybe by others
	}{
		{faults{name: "loses what failed", loseOnError: true}, "what failed is delivered again, with its attempts counted"},
		{faults{name: "does not count attempts", noCount: true}, "what failed is delivered again, with its attempts counted"},
		{faults{name: "acknowledges panics", ackPanics: true}, "a panic of a handler is a failure of one message"},
		{faults{name: "has no deadline", noDeadline: true}, "a delivery has a deadline"},
		{faults{name: "waits too long", wait: func(queue.Policy, int, error) time.Duration { return 5 * time.Second }}, "waits grow and are not longer than they may be"},
		{faults{name: "does not wait when asked", wait: func(p queue.Policy, n int, _ error) time.Duration { return p.Wait(n, nil, 0.5) }}, "an error may ask for a wait"},
		{faults{name: "waits for ever when asked", wait: func(_ queue.Policy, _ int, err error) time.Duration { return errs.After(err) }}, "an error may not ask for ever"},
		{faults{name: "delivers the newest first", newestFirst: true}, "a key is delivered in order, one at a time"},
		{faults{name: "delivers a key at the same time", noLock: true}, "a key is delivered in order, one at a time"},
		{faults{name: "overtakes a failing message", overtake: true}, "a failing message blocks its own key and no other"},
		{faults{name: "stops at a failing message", stopAll: true}, "a failing message blocks its own key and no other"},
		{faults{name: "delivers one at a time", workers: 1}, "a key is delivered in order, one at a time"},
		{faults{name: "has one key for all without", emptyKey: true}, "messages without a key do not wait for each other"},
		{faults{name: "serves whoever came first", unfair: true}, "one with many messages does not hold up one with few"},
		{faults{name: "acknowledges before the end", ackFirst: true}, "what a handler had not finished is delivered again"},
		{faults{name: "forgets on reopening", forget: true}, "what was published outlives the process, in order"},
		{faults{name: "shuffles on reopening", shuffle: true}, "what was published outlives the process, in order"},
		{faults{name: "forgets attempts on reopening", forgetAttempts: true}, "attempts and dead letters outlive the process"},
		{faults{name: "forgets dead letters on reopening", forgetDead: true}, "attempts and dead letters outlive the process"},
		{faults{name: "forgets acknowledgements on reopening", forgetAcks: true}, "what is done stays done after reopening"},
		{faults{name: "delivers again what is done", redelivers: true}, "what is done is done"},
		{faults{name: "never gives up", immortal: true}, "what never succeeds becomes a dead letter that says why"},
		{faults{name: "gives up early", impatient: true}, "what never succeeds becomes a dead letter that says why"},
		{faults{name: "tells the cause", tellCause: true}, "what never succeeds becomes a dead letter that says why"},
		{faults{name: "blocks a key behind a dead letter", deadBlocks: true}, "behind a dead letter its key goes on"},
		{faults{name: "forgets what it gave up", loseDead: true}, "a replayed dead letter is delivered from its first attempt"},
		{faults{name: "replays nothing", noReplay: true}, "a replayed dead letter is delivered from its first attempt"},
		{faults{name: "keeps a replayed dead letter", keepReplayed: true}, "a replayed dead letter is delivered from its first attempt"},
		{faults{name: "replays with its attempts", replayAttempts: true}, "a replayed dead letter may die again"},
		{faults{name: "discards nothing", noDiscard: true}, "a discarded dead letter is gone"},
		{faults{name: "discards by delivering", discardReplays: true}, "a discarded dead letter is gone"},
		{faults{name: "takes no message that died", deadIDs: true}, "what died and is published again is delivered"},
		{faults{name: "lists the oldest dead letters first", oldestDead: true}, "the newest dead letters come first"},
		{faults{name: "keeps text only", text: true}, "a message arrives as it was published"},
		{faults{name: "loses kinds", noKind: true}, "a message arrives as it was published"},
		{faults{name: "refuses large messages", maxBody: 500_000}, "a message arrives as it was published"},
		{faults{name: "keeps the publisher's bytes", alias: true}, "a published body is not looked at again"},
		{faults{name: "is not woken", asleep: true}, "what is published while it runs is delivered soon"},
		{faults{name: "drops what it delivers already", dedupeInFlight: true}, "what is published during its own delivery is delivered after it"},
		{faults{name: "refuses a call halfway", checkLate: true}, "a message that no queue takes is refused with all of its call"},
		{faults{name: "takes anything", noCheck: true}, "a message that no queue takes is refused with all of its call"},
		{faults{name: "drops the end of large calls", maxCall: 5_000_000}, "many large messages are published in one call"},
		{faults{name: "loses messages of publishers at once", race: true}, "many publishers at once lose nothing"},
		{faults{name: "ends before its handlers", leaveEarly: true}, "Run ends with its context, after its handlers"},
		{faults{name: "deadlocks when a handler publishes", holdLock: true}, "a handler may publish"},
	} {
		t.Run(c.fault.name, func(t *testing.T) {
			for _, check := range queuetest.Checks() {
				if check.Name != c.noticed {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					outcome := trial.Run(t, func(tb testing.TB) { check.Run(tb, harness(c.fault)) })
					if !outcome.Failed {
						t.Errorf("the check passes; it said: %s", outcome.Log)
					}
				})
				return
			}
			t.Fatalf("there is no check %q", c.noticed)
		})
	}
}

// faults says what is wrong with a queue.
type faults struct {
	name           string
	loseOnError    bool
	noCount        bool
	ackPanics      bool
	noDeadline     bool
	wait           func(p queue.Policy, attempt int, err error) time.Duration
	newestFirst    bool
	noLock         bool
	overtake       bool
	stopAll        bool
	workers        int
	emptyKey       bool
	unfair         bool
	ackFirst       bool
	forget         bool
	shuffle        bool
	forgetAttempts bool
	forgetDead     bool
	forgetAcks     bool
	redelivers     bool
	immortal       bool
	impatient      bool
	tellCause      bool
	deadBlocks     bool
	loseDead       bool
	noReplay       bool
	keepReplayed   bool
	replayAttempts bool
	noDiscard      bool
	discardReplays bool
	deadIDs        bool
	oldestDead     bool
	text           bool
	noKind         bool
	maxBody        int
	alias          bool
	asleep         bool
	dedupeInFlight bool
	checkLate      bool
	noCheck        bool
	maxCall        int
	race           bool
	leaveEarly     bool
	holdLock       bool
}

func harness(f faults) queuetest.Harness {
	return queuetest.Harness{
		Open: func(_ testing.TB, policy queue.Policy) queuetest.Queue { return newMemory(f, policy) },
		Reopen: func(_ testing.TB, q queuetest.Queue, policy queue.Policy) queuetest.Queue {
			return q.(*memory).reopen(policy)
		},
	}
}

// item is a message that waits or, in memory.dead, that died.
type item struct {
	queue.Message
	attempts  int
	published time.Time
	due       time.Time
	away      bool // being delivered
	died      time.Time
	failure   error
}

// memory is a queue in memory.
type memory struct {
	faults
	policy queue.Policy

	publishing sync.Mutex // for holdLock

	mu      sync.Mutex
	items   []*item // in order of publishing
	dead    []*item
	acked   []*item
	served  map[string]int // by key, the turn of its last delivery
	turn    int
	changed chan struct{}
	slots   chan struct{}
}

func newMemory(f faults, policy queue.Policy) *memory {
	workers := f.workers
	if workers == 0 {
		workers = 4
	}
	return &memory{
		faults: f, policy: policy.OrDefault(),
		served: map[string]int{}, changed: make(chan struct{}), slots: make(chan struct{}, workers),
	}
}

func (m *memory) reopen(policy queue.Policy) *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	again := newMemory(m.faults, policy)
	if m.forget {
		return again
	}
	for _, i := range m.items {
		left := *i
		left.away = false
		if m.forgetAttempts {
			left.attempts = 0
		}
		again.items = append(again.items, &left)
	}
	if m.forgetAcks {
		again.items = append(again.items, m.acked...)
	}
	if m.shuffle {
		slices.Reverse(again.items)
	}
	if !m.forgetDead {
		again.dead = append(again.dead, m.dead...)
	}
	return again
}

// wake is called with mu held.
func (m *memory) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memory) Publish(_ context.Context, messages ...queue.Message) error {
	if m.holdLock {
		if !m.publishing.TryLock() {
			return errors.New("would wait for ever")
		}
		defer m.publishing.Unlock()
	}
	for _, msg := range messages {
		err := msg.Check()
		switch {
		case m.maxBody > 0 && len(msg.Body) > m.maxBody:
			return errors.New("too large")
		case err != nil && !m.noCheck && !m.checkLate:
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	items := slices.Clone(m.items)
	if m.race {
		m.mu.Unlock()
		time.Sleep(time.Microsecond)
		m.mu.Lock()
	}
	size := 0
	for _, msg := range messages {
		if err := msg.Check(); err != nil && m.checkLate {
			m.items = items
			return err
		}
		if size += len(msg.Body); m.maxCall > 0 && size > m.maxCall {
			break
		}
		if slices.ContainsFunc(items, func(i *item) bool { return i.ID == msg.ID && (!i.away || m.dedupeInFlight) }) {
			continue
		}
		if m.deadIDs && slices.ContainsFunc(m.dead, func(i *item) bool { return i.ID == msg.ID }) {
			continue
		}
		if !m.alias {
			msg.Body = slices.Clone(msg.Body)
		}
		if m.text {
			msg.Body = []byte(strings.ToValidUTF8(string(msg.Body), "?"))
		}
		if m.noKind {
			msg.Kind = ""
		}
		items = append(items, &item{Message: msg, published: time.Now(), due: time.Now()})
	}
	m.items = items
	if !m.asleep {
		m.wake()
	}
	return nil
}

func (m *memory) Run(ctx context.Context, handler queue.Handler) error {
	var handlers sync.WaitGroup
	defer func() {
		if !m.leaveEarly {
			handlers.Wait()
		}
	}()
	for {
		select {
		case m.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		i, changed := m.next()
		if i == nil {
			<-m.slots
			pause := m.policy.MinBackoff / 20
			if m.asleep {
				pause = 10 * m.policy.MinBackoff
			}
			select {
			case <-time.After(pause):
			case <-changed:
			case <-ctx.Done():
				return nil
			}
			continue
		}
		handlers.Go(func() {
			m.deliver(ctx, i, handler)
			<-m.slots
		})
		if ctx.Err() != nil {
			return nil
		}
	}
}

// next takes the item that comes next.
func (m *memory) next() (*item, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var best *item
	seen := map[string]bool{}
	items := m.items
	if m.newestFirst {
		items = slices.Clone(items)
		slices.Reverse(items)
	}
	if m.deadBlocks {
		for _, d := range m.dead {
			seen[d.Key] = true
		}
	}
	for _, i := range items {
		late := i.due.After(time.Now())
		if late && m.stopAll {
			return nil, m.changed
		}
		if i.Key != "" || m.emptyKey {
			if seen[i.Key] {
				continue
			}
			seen[i.Key] = (!late || !m.overtake) && !(m.noLock && i.away)
		}
		if i.away || late {
			continue
		}
		if best == nil || (!m.unfair && m.served[i.Key] < m.served[best.Key]) {
			best = i
		}
	}
	if best != nil {
		best.away = true
		m.turn++
		if best.Key != "" {
			m.served[best.Key] = m.turn
		}
		if m.ackFirst {
			m.remove(best)
		}
	}
	return best, m.changed
}

// remove is called with mu held.
func (m *memory) remove(i *item) {
	m.items = slices.DeleteFunc(slices.Clone(m.items), func(other *item) bool { return other == i })
}

func (m *memory) deliver(ctx context.Context, i *item, handler queue.Handler) {
	err := m.call(ctx, i, handler)
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.wake()
	i.away = false
	if !m.noCount {
		i.attempts++
	}
	last := m.policy.MaxAttempts
	if m.impatient {
		last = 2
	}
	switch {
	case err == nil && m.redelivers && i.attempts < 3:
		i.due = time.Now().Add(m.policy.MinBackoff)
	case err == nil, m.loseOnError:
		m.remove(i)
		m.acked = append(m.acked, i)
	case ctx.Err() != nil:
		i.attempts--
	case i.attempts >= last && !m.immortal:
		m.remove(i)
		i.died, i.failure = time.Now(), err
		m.dead = slices.DeleteFunc(m.dead, func(d *item) bool { return d.ID == i.ID })
		m.dead = append(m.dead, i)
	default:
		wait := m.wait
		if wait == nil {
			wait = func(p queue.Policy, attempt int, err error) time.Duration { return p.Wait(attempt, err, 0.5) }
		}
		i.due = time.Now().Add(wait(m.policy, i.attempts, err))
	}
}

func (m *memory) call(ctx context.Context, i *item, handler queue.Handler) (err error) {
	if !m.noDeadline {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, m.policy.Deadline)
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil && !m.ackPanics {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if m.holdLock {
		m.publishing.Lock()
		defer m.publishing.Unlock()
	}
	return handler(ctx, queue.Delivery{Message: i.Message, Attempt: i.attempts + 1, Published: i.published})
}

func (m *memory) Dead(_ context.Context, limit int) ([]queue.DeadLetter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []queue.DeadLetter
	for _, i := range m.dead {
		d := queue.DeadLetter{
			ID: i.ID, Key: i.Key, Kind: i.Kind, Size: len(i.Body), Attempts: i.attempts,
			Code: errs.CodeOf(i.failure), Reason: errs.Public(i.failure), Published: i.published, Died: i.died,
		}
		if m.tellCause {
			d.Reason = i.failure.Error()
		}
		all = append(all, d)
	}
	if !m.oldestDead {
		slices.Reverse(all)
	}
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return all, nil
}

func (m *memory) Replay(_ context.Context, id string) error {
	i, err := m.take(id, m.keepReplayed)
	if err != nil || m.noReplay || m.loseDead {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	again := *i
	again.published, again.due = time.Now(), time.Now()
	if !m.replayAttempts {
		again.attempts = 0
	}
	m.items = append(slices.Clone(m.items), &again)
	m.wake()
	return nil
}

func (m *memory) Discard(ctx context.Context, id string) error {
	if m.discardReplays {
		return m.Replay(ctx, id)
	}
	_, err := m.take(id, m.noDiscard)
	return err
}

// take returns the dead letter and, unless keep, removes it.
func (m *memory) take(id string, keep bool) (*item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := slices.IndexFunc(m.dead, func(i *item) bool { return i.ID == id })
	if n < 0 {
		return nil, errs.New(errs.NotFound, "")
	}
	i := m.dead[n]
	if !keep {
		m.dead = slices.Delete(slices.Clone(m.dead), n, n+1)
	}
	return i, nil
}
