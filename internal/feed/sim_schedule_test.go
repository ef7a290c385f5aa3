package feed_test

import (
	"iter"
	"slices"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/queue"
)

// The schedule: who goes on when.
//
// Every delivery runs as a coroutine that hands over before each call that
// leaves the process: to the store, the queue, the bank, the book. One runs at
// a time, and chance says which is next, so that any two deliveries can
// overlap in any way and the same seed does it again.

// schedule holds the deliveries under way.
type schedule struct {
	tasks []*task
	// current is the one that runs; nil while the world outside does.
	current *task
}

// task is a delivery under way.
type task struct {
	kind, message string                  // of its message, and its id; "" before it has one
	began         bkper.Millis            // by the clock of the book
	at            string                  // the call it is about to make
	asleep        bool                    // it is not chosen: the process hangs
	asked         bkper.Millis            // when it last saw the store, by the clock of the book,
	askedAt       time.Time               // and by that of the world
	looked        map[string]bkper.Millis // when it last looked for a remote id
	hands         func(string) bool
	next          func() (string, bool)
	stop          func()
}

// begin starts a task, which runs to its first call.
func (s *schedule) begin(now bkper.Millis, do func(t *task)) {
	t := &task{began: now, looked: map[string]bkper.Millis{}}
	t.next, t.stop = iter.Pull(func(yield func(string) bool) {
		t.hands = yield
		do(t)
	})
	s.tasks = append(s.tasks, t)
	s.resume(t)
}

// resume lets a task run to its next call, or its end.
func (s *schedule) resume(t *task) {
	before := s.current
	s.current = t
	at, more := t.next()
	s.current = before
	t.at = at
	if !more {
		s.tasks = slices.DeleteFunc(s.tasks, func(other *task) bool { return other == t })
	}
}

// overwriting are the calls that put something in the place of what was read a
// moment ago. Bkper takes them without conditions: what somebody else has
// written in between is lost, and no app can prevent it. So nobody comes in
// between here; what becomes of what people do in that moment, package
// bookevents gives back, and its tests say so.
var overwriting = []string{"update", "updates", "trash", "restore"}

// yield hands over before a call. The chart of a book is read under a lock of
// the process, where nobody can wait for another.
func (s *schedule) yield(at string) {
	if s.current == nil || at == "book" || slices.Contains(overwriting, at) {
		return
	}
	s.current.hands(at)
}

// askedTheStore notes when a delivery last saw the store, where it hears that it
// has lost its lease.
func (l *life) askedTheStore() {
	if t := l.schedule.current; t != nil {
		t.asked, t.askedAt = l.simBook.now(), l.now
	}
}

// hasHung reports whether a delivery may have lost its lease by time and not have
// heard of it.
func (l *life) hasHung(t *task) bool { return l.now.Sub(t.askedAt) >= shortLease }

// finish runs all tasks to their ends, one after the other.
func (s *schedule) finish() {
	for len(s.tasks) > 0 {
		s.resume(s.tasks[0])
	}
}

// stopAll lets go of what a life that failed has left behind.
func (s *schedule) stopAll() {
	for _, t := range s.tasks {
		t.stop()
	}
}

// awake are the tasks that may go on.
func (s *schedule) awake() []*task {
	var all []*task
	for _, t := range s.tasks {
		if !t.asleep {
			all = append(all, t)
		}
	}
	return all
}

const (
	mostTasks  = 3               // under way at once, redeliveries not counted
	longSleep  = 7 * time.Minute // longer than any lease
	shortLease = 6 * time.Minute // no lease is shorter
)

// work lets n things happen: a delivery begins, one goes on, one falls asleep
// for longer than its lease, one wakes up.
func (l *life) work(n int) {
	for range n {
		l.stepOnce()
		if l.power.isCut() {
			l.reboot()
		}
	}
}

func (l *life) stepOnce() {
	awake := l.schedule.awake()
	switch {
	case len(l.schedule.tasks) > 0 && l.maybe(0.01*l.hangs):
		t := l.schedule.tasks[l.rand.IntN(len(l.schedule.tasks))]
		t.asleep = !t.asleep
		l.now = l.now.Add(longSleep)
		l.note("asleep %v before %s of %s", t.asleep, t.at, t.kind)
	case len(awake) > 0 && (len(l.schedule.tasks) >= mostTasks || l.maybe(0.7)):
		l.schedule.resume(awake[l.rand.IntN(len(awake))])
	case len(l.schedule.tasks) >= mostTasks:
		l.schedule.tasks[0].asleep = false
	default:
		l.beginDelivery()
	}
}

// beginDelivery takes the next message that is due; where none is, time passes.
func (l *life) beginDelivery() {
	idle, next := false, time.Time{}
	l.schedule.begin(l.simBook.now(), func(t *task) {
		worked, due, err := l.queue.Step(l.t.Context(), l.handler)
		idle, next = !worked && err == nil, due
	})
	if idle && next.After(l.now) && len(l.schedule.tasks) == 0 {
		l.now = next
	}
}

// reboot is the end of a process and the beginning of another: whatever was
// under way ends without an effect.
func (l *life) reboot() {
	l.note("the power is cut")
	l.schedule.finish()
	l.start()
}

// again delivers a message a second time: while it is being handled, or after
// it was done. What comes of it, nobody waits for.
func (l *life) again(d queue.Delivery) {
	d.Attempt++
	l.schedule.begin(l.simBook.now(), func(t *task) {
		t.kind, t.message = d.Kind, d.ID
		l.note("delivered again: %s", d.ID)
		if err := l.feed.Handle(l.t.Context(), d); err != nil {
			l.note("failed, again: %s: %v", d.ID, err)
		}
	})
}
