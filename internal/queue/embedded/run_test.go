package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/queue/embedded"
	"github.com/bank-connections/bkper-bot/internal/store"
	storefile "github.com/bank-connections/bkper-bot/internal/store/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openStore(tb testing.TB) *storefile.DB {
	tb.Helper()
	db, err := storefile.Open(filepath.Join(tb.TempDir(), "app.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func openQueue(tb testing.TB, e store.Engine, options embedded.Options) *embedded.Queue {
	tb.Helper()
	q, err := embedded.Open(tb.Context(), e, options)
	if err != nil {
		tb.Fatal(err)
	}
	return q
}

// run runs the queue until the returned function is called, which returns what
// Run does.
func run(ctx context.Context, q *embedded.Queue, handler queue.Handler) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx, handler) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func TestIdleWaitsForTheLast(t *testing.T) {
	q := openQueue(t, openStore(t), embedded.Options{})
	var mu sync.Mutex
	var got []string
	stop := run(t.Context(), q, func(ctx context.Context, d queue.Delivery) error {
		if d.ID == "a-1" {
			if err := q.Publish(ctx, messages("a-2")...); err != nil {
				return err
			}
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, d.ID)
		return nil
	})
	if err := q.Publish(t.Context(), messages("a-1")...); err != nil {
		t.Fatal(err)
	}
	if err := q.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	if !slices.Equal(got, []string{"a-1", "a-2"}) {
		t.Errorf("idle after %q", got)
	}
	mu.Unlock()
	if err := stop(); err != nil {
		t.Errorf("Run = %v", err)
	}
}

func TestIdleGivesUpWithItsContext(t *testing.T) {
	q := openQueue(t, openStore(t), embedded.Options{})
	if err := q.Publish(t.Context(), messages("a-1")...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.Idle(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Idle = %v, want %v", err, context.Canceled)
	}
}

func TestRunEndsWithAnErrorWhenTheStoreIsClosed(t *testing.T) {
	db := openStore(t)
	q := openQueue(t, db, embedded.Options{})
	if err := q.Publish(t.Context(), messages("a-1", "b-1", "c-1")...); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := q.Run(t.Context(), func(context.Context, queue.Delivery) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Run = %v, want %v", err, store.ErrClosed)
	}
}

func TestWhatTheEndOfRunCutShortIsNoAttempt(t *testing.T) {
	db := openStore(t)
	q := openQueue(t, db, embedded.Options{})
	if err := q.Publish(t.Context(), messages("a-1")...); err != nil {
		t.Fatal(err)
	}
	attempts := make(chan int, 1)
	for range 3 {
		stop := run(t.Context(), q, func(ctx context.Context, d queue.Delivery) error {
			attempts <- d.Attempt
			<-ctx.Done()
			return ctx.Err()
		})
		if n := <-attempts; n != 1 {
			t.Errorf("attempt %d", n)
		}
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
	}
}

func TestADeliveryThatFinishesDuringShutdownIsAcknowledged(t *testing.T) {
	db := openStore(t)
	q := openQueue(t, db, embedded.Options{})
	if err := q.Publish(t.Context(), messages("a-1")...); err != nil {
		t.Fatal(err)
	}
	inside := make(chan struct{})
	stop := run(t.Context(), q, func(ctx context.Context, _ queue.Delivery) error {
		close(inside)
		<-ctx.Done()
		return nil
	})
	<-inside
	if err := stop(); err != nil {
		t.Errorf("Run = %v", err)
	}
	if n, _ := openQueue(t, db, embedded.Options{}).Waiting(t.Context()); n != 0 {
		t.Errorf("%d messages wait, want none", n)
	}
}

func TestTheLogTellsEachFailureOnce(t *testing.T) {
	var log bytes.Buffer
	q := openQueue(t, openStore(t), embedded.Options{
		Log:    slog.New(slog.NewTextHandler(&log, nil)),
		Jitter: func() float64 { return 0 },
		Policy: queue.Policy{MaxAttempts: 2},
	})
	if err := q.Publish(t.Context(), messages("a-1")...); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, _, err := q.Step(t.Context(), func(_ context.Context, d queue.Delivery) error {
			if d.Attempt == 1 {
				panic("ouch")
			}
			return errors.New("no such account")
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"ouch", "run_test.go", "no such account", "is given up", "level=WARN", "level=ERROR", "message=a-1"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not tell %q:\n%s", want, log.String())
		}
	}
	if n := strings.Count(log.String(), "msg="); n != 2 {
		t.Errorf("%d lines for two failures:\n%s", n, log.String())
	}
}

// flaky is an engine that fails when told to.
type flaky struct {
	store.Engine
	fail bool
}

var errAway = errors.New("the store is away")

func (f *flaky) View(ctx context.Context, do func(store.Tx) error) error {
	if f.fail {
		return errAway
	}
	return f.Engine.View(ctx, do)
}

func (f *flaky) Update(ctx context.Context, do func(store.Tx) error) error {
	if f.fail {
		return errAway
	}
	return f.Engine.Update(ctx, do)
}

func TestAFailingStoreLosesNothing(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	engine := &flaky{Engine: openStore(t)}
	q := openQueue(t, engine, embedded.Options{Now: func() time.Time { return now }, Policy: queue.Policy{MaxAttempts: 2}})
	step := func(handler queue.Handler) (bool, error) {
		now = now.Add(time.Hour)
		worked, _, err := q.Step(t.Context(), handler)
		return worked, err
	}
	good := func(context.Context, queue.Delivery) error { return nil }

	engine.fail = true
	if err := q.Publish(t.Context(), messages("a-1")...); !errors.Is(err, errAway) {
		t.Errorf("Publish = %v, want %v", err, errAway)
	}
	if n, _ := q.Waiting(t.Context()); n != 0 {
		t.Errorf("%d wait that were not published", n)
	}
	engine.fail = false
	if err := q.Publish(t.Context(), messages("a-1")...); err != nil {
		t.Fatal(err)
	}

	engine.fail = true
	if worked, err := step(good); !worked || !errors.Is(err, errAway) {
		t.Errorf("without its body: %v, %v; want %v", worked, err, errAway)
	}
	for name, result := range map[string]error{"an acknowledgement": nil, "a failure": errors.New("no")} {
		engine.fail = false
		_, err := step(func(context.Context, queue.Delivery) error {
			engine.fail = true
			return result
		})
		if !errors.Is(err, errAway) {
			t.Errorf("%s that cannot be noted: %v, want %v", name, err, errAway)
		}
	}
	for range 2 { // two failures can be noted, the second is the last
		engine.fail = false
		if _, err := step(func(_ context.Context, d queue.Delivery) error {
			engine.fail = d.Attempt == 2
			return errors.New("no")
		}); (err != nil) != engine.fail {
			t.Errorf("Step = %v", err)
		}
	}
	engine.fail = true
	if _, err := q.Dead(t.Context(), 0); !errors.Is(err, errAway) {
		t.Errorf("Dead = %v, want %v", err, errAway)
	}
	engine.fail = false
	if worked, err := step(good); !worked || err != nil {
		t.Errorf("in the end: %v, %v", worked, err)
	}
	if n, _ := q.Waiting(t.Context()); n != 0 {
		t.Errorf("%d messages wait", n)
	}
}

func TestAMessageWhoseBodyIsGoneEndsAsADeadLetter(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	db := openStore(t)
	q := openQueue(t, db, embedded.Options{Now: func() time.Time { return now }, Policy: queue.Policy{MaxAttempts: 2}})
	if err := q.Publish(t.Context(), messages("a-1", "a-2")...); err != nil {
		t.Fatal(err)
	}
	err := db.Update(t.Context(), func(tx store.Tx) error { return tx.Delete("queue_bodies", fmt.Sprintf("%016x", 1)) })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 3 {
		now = now.Add(time.Hour)
		if _, _, err := q.Step(t.Context(), func(_ context.Context, d queue.Delivery) error {
			got = append(got, d.ID)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	dead, err := q.Dead(t.Context(), 0)
	if err != nil || len(dead) != 1 || dead[0].ID != "a-1" || dead[0].Code != errs.Internal {
		t.Errorf("Dead = %+v, %v; want a-1", dead, err)
	}
	if !slices.Equal(got, []string{"a-2"}) {
		t.Errorf("delivered %q, want a-2", got)
	}
}

// TestAnyHistory lets chance publish, deliver, fail, wait and crash, and holds
// the queue against what it promises: each message is done at least once or is
// a dead letter, and the first deliveries of a key are in its order.
func TestAnyHistory(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		empty(t, db)
		now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		engine := &flaky{Engine: db}
		var q *embedded.Queue
		restart := func() { // all but the rows is lost
			engine.fail = false
			var err error
			q, err = embedded.Open(ctx, engine, embedded.Options{
				Now: func() time.Time { return now }, Jitter: func() float64 { return 0.5 },
				Policy: queue.Policy{MinBackoff: time.Second, MaxBackoff: 4 * time.Second, MaxAttempts: 3},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		restart()

		published := map[string][]string{} // by key
		tried := map[string][]string{}
		done, failures := map[string]bool{}, map[string]int{}
		n := 0
		handle := func(outcome string) queue.Handler {
			return func(_ context.Context, d queue.Delivery) error {
				if string(d.Body) != "body of "+d.ID {
					t.Fatalf("%s has the body %q", d.ID, d.Body)
				}
				if !slices.Contains(tried[d.Key], d.ID) {
					tried[d.Key] = append(tried[d.Key], d.ID)
				}
				switch outcome {
				case "fail":
					failures[d.ID]++
					return errors.New("no")
				case "crash":
					engine.fail = true // the work is done, and nothing can be noted
				}
				done[d.ID] = true
				return nil
			}
		}
		for range rapid.IntRange(5, 25).Draw(t, "steps") {
			switch action := rapid.SampledFrom([]string{"publish", "publish", "again", "succeed", "fail", "fail", "crash", "restart", "wait"}).Draw(t, "action"); action {
			case "publish":
				key := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")
				n++
				id := fmt.Sprintf("%s-%d", key, n)
				published[key] = append(published[key], id)
				if err := q.Publish(ctx, messages(id)...); err != nil {
					t.Fatal(err)
				}
			case "again":
				if ids := published["a"]; len(ids) > 0 && !done[ids[len(ids)-1]] && failures[ids[len(ids)-1]] == 0 {
					if err := q.Publish(ctx, messages(ids[len(ids)-1])...); err != nil {
						t.Fatal(err)
					}
				}
			case "succeed", "fail":
				if _, _, err := q.Step(ctx, handle(action)); err != nil {
					t.Fatal(err)
				}
			case "crash":
				_, _, err := q.Step(ctx, handle(action))
				if err != nil && !errors.Is(err, errAway) {
					t.Fatal(err)
				}
				restart()
			case "restart":
				restart()
			case "wait":
				now = now.Add(2 * time.Second)
			}
		}
		for worked := true; worked; {
			now = now.Add(time.Minute)
			var err error
			if worked, _, err = q.Step(ctx, handle("succeed")); err != nil {
				t.Fatal(err)
			}
		}
		dead, err := q.Dead(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range dead {
			if failures[d.ID] != 3 {
				t.Fatalf("%s is dead after %d failures", d.ID, failures[d.ID])
			}
			done[d.ID] = true
		}
		for key, ids := range published {
			if !slices.Equal(tried[key], ids) {
				t.Fatalf("key %s was published as %q and delivered as %q", key, ids, tried[key])
			}
			for _, id := range ids {
				if !done[id] {
					t.Fatalf("%s is lost", id)
				}
			}
		}
		if left, _ := q.Waiting(ctx); left != 0 {
			t.Fatalf("%d messages wait", left)
		}
		if bodies := ids(t, db, "queue_bodies"); len(bodies) != len(dead) {
			t.Fatalf("%d bodies are kept for %d dead letters", len(bodies), len(dead))
		}
	})
}

func ids(t *rapid.T, e store.Engine, collection string) (all []string) {
	err := e.View(context.Background(), func(tx store.Tx) error {
		return tx.Scan(collection, store.Span{}, func(id string, _ []byte) (bool, error) {
			all = append(all, id)
			return true, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// empty removes all rows of the queue.
func empty(t *rapid.T, e store.Engine) {
	for _, collection := range []string{"queue_waiting", "queue_bodies", "queue_dead"} {
		rows := ids(t, e, collection)
		if len(rows) == 0 {
			continue
		}
		err := e.Update(context.Background(), func(tx store.Tx) error {
			for _, id := range rows {
				if err := tx.Delete(collection, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
