package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/queue/embedded"
	"github.com/bank-connections/bkper-bot/internal/store"
	storefile "github.com/bank-connections/bkper-bot/internal/store/embedded"
)

// bench is a queue that goes on by steps, on a clock that only the test moves.
type bench struct {
	t     *testing.T
	path  string
	db    *storefile.DB
	now   time.Time
	queue *embedded.Queue
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "app.db"), now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	b.open()
	t.Cleanup(func() { _ = b.db.Close() })
	return b
}

func (b *bench) open() {
	b.t.Helper()
	db, err := storefile.Open(b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.db = db
	b.queue, err = embedded.Open(b.t.Context(), db, embedded.Options{
		Now:    func() time.Time { return b.now },
		Jitter: func() float64 { return 0.5 },
		Policy: queue.Policy{MinBackoff: 2 * time.Second, MaxBackoff: 8 * time.Second, MaxAttempts: 3},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// crash reopens the file without settling anything.
func (b *bench) crash() {
	b.t.Helper()
	if err := b.db.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

func (b *bench) publish(ids ...string) {
	b.t.Helper()
	if err := b.queue.Publish(b.t.Context(), messages(ids...)...); err != nil {
		b.t.Fatal(err)
	}
}

// messages returns messages whose key is what is before the dash.
func messages(ids ...string) []queue.Message {
	var all []queue.Message
	for _, id := range ids {
		var key string
		for i := range id {
			if id[i] == '-' {
				key = id[:i]
			}
		}
		all = append(all, queue.Message{ID: id, Key: key, Kind: "test", Body: []byte("body of " + id)})
	}
	return all
}

// steps delivers all that is due and returns the ids in that order. Those that
// fail names do.
func (b *bench) steps(fail map[string]error) []string {
	b.t.Helper()
	var got []string
	for {
		worked, _, err := b.queue.Step(b.t.Context(), func(_ context.Context, d queue.Delivery) error {
			got = append(got, fmt.Sprintf("%s#%d", d.ID, d.Attempt))
			return fail[d.ID]
		})
		if err != nil {
			b.t.Fatal(err)
		}
		if !worked {
			return got
		}
	}
}

func (b *bench) want(got []string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("deliveries (-want +got):\n%s", diff)
	}
}

func TestKeysTakeTurns(t *testing.T) {
	b := newBench(t)
	b.publish("a-1", "a-2", "a-3", "b-1", "b-2", "free")
	b.want(b.steps(nil), "a-1#1", "b-1#1", "free#1", "a-2#1", "b-2#1", "a-3#1")
}

func TestAFailingMessageBlocksItsKeyOnlyAndOnlyUntilItIsDead(t *testing.T) {
	b := newBench(t)
	b.publish("a-1", "a-2", "b-1")
	broken := map[string]error{"a-1": errors.New("token 12345 refused")}
	b.want(b.steps(broken), "a-1#1", "b-1#1")

	// Half of the ceilings 2 s and 4 s.
	for _, wait := range []time.Duration{time.Second, 2 * time.Second} {
		b.now = b.now.Add(wait - time.Millisecond)
		b.want(b.steps(broken))
		b.crash() // it is remembered how often and until when
		_, next, err := b.queue.Step(t.Context(), nil)
		if err != nil || !next.Equal(b.now.Add(time.Millisecond)) {
			t.Errorf("next is due at %s (%v), want a millisecond after %s", next, err, b.now)
		}
		b.now = b.now.Add(time.Millisecond)
		if wait == time.Second {
			b.want(b.steps(broken), "a-1#2")
		} else {
			b.want(b.steps(broken), "a-1#3", "a-2#1")
		}
	}

	dead, err := b.queue.Dead(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	published := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	want := []queue.DeadLetter{{
		ID: "a-1", Key: "a", Kind: "test", Size: len("body of a-1"), Attempts: 3, Code: errs.Internal,
		Reason: errs.Public(errs.New(errs.Internal, "")), Published: published, Died: published.Add(3 * time.Second),
	}}
	if diff := cmp.Diff(want, dead); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
}

func TestAnErrorMayAskForALongerWait(t *testing.T) {
	b := newBench(t)
	b.publish("a-1")
	limited := &errs.Error{Code: errs.RateLimited, After: time.Minute}
	b.want(b.steps(map[string]error{"a-1": fmt.Errorf("fetch: %w", limited)}), "a-1#1")
	b.now = b.now.Add(59 * time.Second)
	b.want(b.steps(nil))
	b.now = b.now.Add(time.Second)
	b.want(b.steps(nil), "a-1#2")
}

func TestAReplayedDeadLetterGoesToTheEndOfItsKey(t *testing.T) {
	b := newBench(t)
	b.publish("a-1")
	broken := map[string]error{"a-1": errors.New("no")}
	for range 3 {
		b.steps(broken)
		b.now = b.now.Add(time.Minute)
	}
	b.publish("a-2")
	b.crash() // the place of a dead letter is not given again
	b.publish("a-3")
	if err := b.queue.Replay(t.Context(), "a-1"); err != nil {
		t.Fatal(err)
	}
	b.crash()
	var bodies []string
	for range 3 {
		_, _, err := b.queue.Step(t.Context(), func(_ context.Context, d queue.Delivery) error {
			bodies = append(bodies, fmt.Sprintf("%s#%d", d.Body, d.Attempt))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	b.want(bodies, "body of a-2#1", "body of a-3#1", "body of a-1#1")
	if dead, err := b.queue.Dead(t.Context(), 0); err != nil || len(dead) != 0 {
		t.Errorf("Dead = %v, %v; want none", dead, err)
	}
	for name, f := range map[string]func(context.Context, string) error{"Replay": b.queue.Replay, "Discard": b.queue.Discard} {
		if err := f(t.Context(), "a-1"); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s of a dead letter that is gone = %v, want %s", name, err, errs.NotFound)
		}
	}
}

func TestWhatIsPublishedDuringItsOwnDeliveryIsDeliveredAgain(t *testing.T) {
	b := newBench(t)
	b.publish("doorbell")
	b.publish("doorbell") // still waits: adds nothing
	if n, _ := b.queue.Waiting(t.Context()); n != 1 {
		t.Fatalf("%d messages wait, want 1", n)
	}
	_, _, err := b.queue.Step(t.Context(), func(ctx context.Context, _ queue.Delivery) error {
		return b.queue.Publish(ctx, messages("doorbell")...)
	})
	if err != nil {
		t.Fatal(err)
	}
	b.want(b.steps(nil), "doorbell#1")
}

func TestWhatWasNotAcknowledgedIsDeliveredAgainAfterACrash(t *testing.T) {
	b := newBench(t)
	b.publish("a-1", "a-2")
	_, _, err := b.queue.Step(t.Context(), func(context.Context, queue.Delivery) error {
		return b.db.Close() // it works, and then the acknowledgement is lost
	})
	if !errors.Is(err, store.ErrClosed) {
		t.Errorf("Step = %v, want %v", err, store.ErrClosed)
	}
	b.open()
	b.want(b.steps(nil), "a-1#1", "a-2#1")
	if n, oldest := b.queue.Waiting(t.Context()); n != 0 || !oldest.IsZero() {
		t.Errorf("Waiting = %d, %s; want none", n, oldest)
	}
}
