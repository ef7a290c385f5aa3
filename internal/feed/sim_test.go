package feed_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/queue"
)

var (
	seeds  = flag.Int("feed.seeds", usualLives, "how many lives to simulate")
	hangs  = flag.Float64("feed.hangs", 1, "how often, in percent of all steps, a handler falls asleep for longer than its lease; half of the lives")
	keepOn = flag.Bool("feed.keepon", false, "live the others although one has failed")
	seed   = flag.Int("feed.seed", -1, "simulate this one life only, and tell it")
)

// TestLives lives random lives of a bank account on the real handlers: the bank
// (sim_bank_test.go), the people (sim_people_test.go) and the book
// (sim_book_test.go) do whatever such do, deliveries overlap and fall asleep
// (sim_schedule_test.go), and everything that can fail does: calls before and
// after they are done, in part, for longer than all retries; stores;
// publishing; the power. When the trouble is over, everything is held against
// the invariants (sim_verdict_test.go).
func TestLives(t *testing.T) {
	first, last := 0, *seeds
	if *seed >= 0 {
		first, last = *seed, *seed+1
	}
	var failed atomic.Bool
	for s := first; s < last; s++ {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			t.Parallel()
			if failed.Load() && !*keepOn {
				t.Skip("another life has failed")
			}
			l := newLife(t, uint64(s))
			defer func() {
				l.schedule.stopAll()
				if t.Failed() {
					failed.Store(true)
					t.Logf("%s; %s: see it with -feed.seed=%d", l.kind, l.simBook.settings, s)
				}
			}()
			l.live()
		})
	}
}

// life is one life of a bank account.
type life struct {
	*world
	rand     *rand.Rand
	schedule schedule

	// The bank.
	kind     kind
	window   int // days that it tells again
	pageSize int
	moves    []*movement
	pending  []bank.Transaction
	removed  []removal
	moment   int  // grows with everything that happens at the bank
	seen     int  // the moment of the last state the app came back with
	refused  bool // the app has to start anew, and has not asked yet
	day      bank.Date
	days     map[int]bank.Date              // by the moment
	updates  map[int]connectors.AccountPage // by the moment they are of
	told     map[int]connectors.AccountPage // the updates told to their ends, by the moment of their state
	link     int
	bankDown time.Time // until then it does not answer

	// The book and its people.
	simBook  *simBook
	bookDown time.Time                    // until then it does not answer
	touched  map[string]bkper.Transaction // what a person has touched, as it must stay
	edited   map[string]bool              // of these: what was not only trashed
	restored map[string]bool              // what a person has taken out of the trash, by its id
	merged   map[string]bool              // what a person has merged into another, by its id
	events   []bkper.Event                // not delivered yet
	unheard  []string                     // what was recorded and nobody heard of, by its id
	remapped bool

	// What fails, and how often.
	trouble  float64 // calls, stores, publishing, the power
	oddities float64 // of the bank's answers
	overlaps float64 // deliveries that begin twice
	hangs    float64 // handlers that fall asleep
	loses    float64 // messages that never arrive
	replays  bool    // a person replays dead letters; else the sweeper has to do
	presses  bool    // a person asks for all that is parked to be tried again, not only when recording has stopped

	witness witness
}

func newLife(t testing.TB, seed uint64) *life {
	l := &life{
		rand: rand.New(rand.NewPCG(seed, 1)), day: firstOfMonth, days: map[int]bank.Date{},
		updates: map[int]connectors.AccountPage{}, told: map[int]connectors.AccountPage{},
		touched: map[string]bkper.Transaction{}, merged: map[string]bool{}, restored: map[string]bool{}, edited: map[string]bool{},
		witness: newWitness(),
	}
	l.kind = []kind{windowed, windowed, deltas, deltas, nameless, positional}[l.rand.IntN(6)]
	l.window, l.pageSize = []int{10, 45}[l.rand.IntN(2)], []int{3, 7, 500}[l.rand.IntN(3)]
	l.world = newWorld(t)
	l.world.chance = l.rand.Float64
	l.policy.MaxAttempts = []int{4, 20, 1000}[l.rand.IntN(3)]
	l.integrate("i1", "c1", "checking", "Bank", firstOfMonth)
	l.bank.fetch = l.fetch
	l.book.refuse = func(t bkper.Transaction) error {
		if strings.HasPrefix(t.Properties["bank_text"], "BAD") {
			return errInvalid
		}
		return nil
	}
	l.simBook = &simBook{
		fakeBook: l.book, settings: someSettings(l.rand), sent: map[string]int{},
		clock: func() bkper.Millis { return bkper.Millis(l.now.UnixMilli()) },
		cutShort: func(items int) int {
			if l.maybe(l.trouble) {
				return l.rand.IntN(items + 1)
			}
			return -1
		},
		forget: func() bool { return l.maybe(l.trouble) },
	}
	l.simBook.recorded, l.simBook.looked, l.simBook.reborn = l.recorded, l.looked, l.reborn
	l.simBook.unheard = func(id string) { l.unheard = append(l.unheard, id) }
	l.books = func(string) feed.Book { return l.simBook }
	l.handle = l.deliver
	l.power.yield, l.power.asked = l.schedule.yield, l.askedTheStore
	l.world.moved, l.world.accepted = l.stateMoved, l.accept
	l.start()
	return l
}

func (l *life) maybe(p float64) bool { return l.rand.Float64() < p }

func (l *life) one(of ...string) string { return of[l.rand.IntN(len(of))] }

// note tells the one life that is lived alone.
func (l *life) note(format string, args ...any) {
	if *seed >= 0 {
		l.t.Logf("%3d %s: "+format, append([]any{l.moment, l.now.Format("02 15:04:05")}, args...)...)
	}
}

func (l *life) live() {
	l.makeTrouble()
	for range 25 {
		for range 1 + l.rand.IntN(4) {
			l.somethingAtTheBank()
		}
		switch {
		case l.maybe(0.2):
			l.day = l.day.AddDays(1)
		case l.maybe(0.05) && l.day.Before(today):
			l.day = l.day.AddDays(3)
		}
		l.now = l.now.Add(time.Duration(1+l.rand.IntN(60)) * time.Minute)
		if l.maybe(0.7) {
			l.ask()
		}
		for range 3 {
			l.work(l.rand.IntN(20))
			l.somebodyInTheBook()
			l.deliverEvents(l.rand.IntN(3))
		}
		if l.maybe(0.1) {
			l.clockStrikes()
		}
		l.somebodyAtTheDesk()
	}
	l.calm()
	l.trouble, l.oddities, l.overlaps, l.hangs, l.loses = 0, 0, 0, 0, 0
	// The ledger is compared with the book once a day; what that finds to be done is
	// done soon after.
	for _, later := range []time.Duration{25 * time.Hour, time.Hour} {
		l.now = l.now.Add(later)
		l.clockStrikes()
		l.drain()
	}
	l.verdict()
}

// deliver handles a delivery, and now and then a second one at the same time.
func (l *life) deliver(ctx context.Context, d queue.Delivery) error {
	l.now = l.now.Add(5 * time.Millisecond)
	if l.mayBeLost(d) && l.maybe(l.loses) {
		l.note("%s is lost", d.ID)
		return nil
	}
	l.note("delivery %d of %s: %.20000s", d.Attempt, d.ID, d.Body)
	if t := l.schedule.current; t != nil {
		t.kind, t.message = d.Kind, d.ID
		if d.Kind != "undo" && d.Kind != "decide" && l.maybe(l.overlaps) {
			l.again(d)
		}
	}
	err := l.feed.Handle(ctx, d)
	if err != nil {
		l.note("failed: %s: %v", d.ID, err)
		return err
	}
	l.acknowledged(d)
	return nil
}

// mayBeLost reports whether nothing depends on a message arriving: what people
// have asked for, or have given, is asked of nobody again.
func (l *life) mayBeLost(d queue.Delivery) bool {
	return d.Kind == "sync" || d.Kind == "retry" || d.Kind == "reconcile" || d.Kind == "record" && !l.ofFile(d.ID)
}

// makeTrouble lets everything fail now and then.
func (l *life) makeTrouble() {
	l.trouble = []float64{0, 0.01, 0.03, 0.1}[l.rand.IntN(4)]
	l.oddities = []float64{0, 0.05}[l.rand.IntN(2)]
	l.overlaps = []float64{0, 0.1, 0.3}[l.rand.IntN(3)]
	l.hangs = *hangs * float64(l.rand.IntN(2))
	l.loses = []float64{0, 0, 0.02}[l.rand.IntN(3)]
	l.replays, l.presses = l.maybe(0.5), l.maybe(0.5)
	failures := []error{errAway, errTooOften, refusalAfter(429, "rateLimitExceeded", "too often", "600"), errLostAccess}
	l.book.trouble = func(op string) (before, after error) {
		switch {
		case l.now.Before(l.bookDown):
			return errAway, nil
		case l.maybe(l.trouble):
			return failures[l.rand.IntN(len(failures))], nil
		case l.maybe(l.trouble), op == "create" && l.maybe(3*l.trouble): // the worst that can happen
			return nil, errAway
		}
		return nil, nil
	}
	both := func() (bool, bool) { return l.maybe(l.trouble / 2), l.maybe(l.trouble / 2) }
	l.power.trouble = both
	l.power.publish = func(int) (bool, bool) { return both() }
	l.power.strike = func() (bool, bool) { return l.maybe(l.trouble / 4), l.maybe(0.5) }
}

// calm ends all trouble and lets everything be done.
func (l *life) calm() {
	trouble, oddities, overlaps, hangs, loses := l.trouble, l.oddities, l.overlaps, l.hangs, l.loses
	l.trouble, l.oddities, l.overlaps, l.hangs, l.loses = 0, 0, 0, 0, 0
	l.bookDown, l.bankDown = time.Time{}, time.Time{}
	l.note("calm")
	l.schedule.finish()
	l.unlock()
	for range 2 {
		l.deliverEvents(1000)
		l.drain()
		l.replayDead()
		l.saveAgain()
		if l.presses || l.integration("i1").Stopped != nil {
			l.retryParked()
		}
		l.drain()
		l.now = l.now.Add(4 * time.Hour)
		l.clockStrikes()
		l.drain()
		l.now = l.now.Add(time.Minute)
		l.ask()
		l.drain()
	}
	l.trouble, l.oddities, l.overlaps, l.hangs, l.loses = trouble, oddities, overlaps, hangs, loses
}

// try does what a person or a clock does, whose attempt may fail, and reports
// whether it went well.
func (l *life) try(do func(ctx context.Context) error) bool {
	err := do(l.t.Context())
	if l.power.isCut() {
		l.reboot()
	}
	if err != nil {
		l.note("failed: %v", err)
	}
	if err != nil && l.trouble == 0 && !errs.Transient(err) {
		l.t.Fatal(err)
	}
	return err == nil
}

// ask asks for a sync until somebody listens.
func (l *life) ask() {
	for range 100 {
		if l.try(func(ctx context.Context) error { return l.feed.Sync(ctx, l.connectionID()) }) {
			return
		}
	}
	l.t.Fatal("nobody listens")
}

// clockStrikes is what the clock asks for.
func (l *life) clockStrikes() {
	l.try(func(ctx context.Context) error { return l.feed.Tick(ctx) })
	l.try(func(ctx context.Context) error { return l.feed.Sweep(ctx) })
	l.try(func(ctx context.Context) error { return l.feed.CompareDue(ctx) })
}

func (l *life) connectionID() string { return fmt.Sprintf("c%d", l.link+1) }
