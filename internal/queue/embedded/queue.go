// Package embedded is the queue in rows of the store, delivered in process, for
// a machine with nothing else on it. One Queue uses a store at a time.
package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// Options are what a Queue needs from outside. A zero field takes the value
// named behind it.
type Options struct {
	Policy  queue.Policy                         // its own defaults
	Workers int                                  // deliveries at the same time in Run; 4
	Now     func() time.Time                     // time.Now
	After   func(time.Duration) <-chan time.Time // time.After
	Jitter  func() float64                       // random numbers in [0, 1)
	Go      func(work func())                    // starts a goroutine
	Log     *slog.Logger                         // none
}

func (o Options) orDefault() Options {
	o.Policy = o.Policy.OrDefault()
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Go == nil {
		o.Go = func(work func()) { go work() }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Queue is a queue.Publisher that also delivers. It is safe for concurrent use.
type Queue struct {
	options Options
	engine  store.Engine
	adding  chan struct{} // one slot: held while messages are added, so that places grow in order

	mu      sync.Mutex
	index   index
	place   uint64        // the last one given
	changed chan struct{} // closed and replaced at every change of the index
}

// Open returns the queue whose rows are in engine, with all that waits there.
func Open(ctx context.Context, engine store.Engine, options Options) (*Queue, error) {
	q := &Queue{
		options: options.orDefault(),
		engine:  engine,
		adding:  make(chan struct{}, 1),
		changed: make(chan struct{}),
	}
	if err := engine.View(ctx, q.rebuild); err != nil {
		return nil, fmt.Errorf("queue: open: %w", err)
	}
	return q, nil
}

func (q *Queue) rebuild(tx store.Tx) (err error) {
	q.index = newIndex()
	if q.place, err = lastPlace(tx); err != nil {
		return err
	}
	return waiting.Scan(tx, store.Span{}, func(place string, r row) (bool, error) {
		q.index.add(&entry{place: place, row: r})
		return true, nil
	})
}

// Publish implements queue.Publisher. A message whose ID waits for its next
// delivery already adds nothing. One that is being delivered right now does
// not wait, so what is published meanwhile is delivered after it.
func (q *Queue) Publish(ctx context.Context, messages ...queue.Message) error {
	for _, m := range messages {
		if err := m.Check(); err != nil {
			return err
		}
	}
	if err := q.beginAdding(ctx); err != nil {
		return fmt.Errorf("queue: publish: %w", err)
	}
	defer q.endAdding()
	fresh := q.fresh(messages)
	for len(fresh) > 0 {
		n := fitting(fresh)
		if err := insert(ctx, q.engine, fresh[:n]); err != nil {
			return fmt.Errorf("queue: publish: %w", err)
		}
		q.change(func() {
			for _, a := range fresh[:n] {
				q.index.add(a.entry)
			}
		})
		fresh = fresh[n:]
	}
	return nil
}

// fresh gives places to those messages that do not wait already.
func (q *Queue) fresh(messages []queue.Message) []addition {
	now := q.options.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	var fresh []addition
	seen := map[string]bool{}
	for _, m := range messages {
		if q.index.byID[m.ID] != nil || seen[m.ID] {
			continue
		}
		seen[m.ID] = true
		place := q.nextPlace()
		fresh = append(fresh, addition{body: m.Body, entry: &entry{place: place, row: row{
			ID: m.ID, Key: m.Key, Kind: m.Kind, Body: place, Size: len(m.Body), Published: now, Due: now,
		}}})
	}
	return fresh
}

// Dead returns dead letters, the newest first, at most limit of them; 0 is all.
func (q *Queue) Dead(ctx context.Context, limit int) ([]queue.DeadLetter, error) {
	rows, err := dead.All(ctx, q.engine, store.Span{})
	if err != nil {
		return nil, fmt.Errorf("queue: list dead letters: %w", err)
	}
	slices.SortStableFunc(rows, func(a, b deadRow) int { return b.Died.Compare(a.Died) })
	if limit > 0 && len(rows) > limit {
		rows = rows[:limit]
	}
	letters := make([]queue.DeadLetter, 0, len(rows))
	for _, d := range rows {
		letters = append(letters, queue.DeadLetter{
			ID: d.Row.ID, Key: d.Row.Key, Kind: d.Row.Kind, Size: d.Row.Size, Attempts: d.Row.Attempts,
			Code: d.Code, Reason: d.Reason, Published: d.Row.Published, Died: d.Died,
		})
	}
	return letters, nil
}

// Replay puts the dead letter of that message ID to the end of its key, as if
// it were published now. It returns an errs.NotFound if there is none.
func (q *Queue) Replay(ctx context.Context, id string) error {
	if err := q.beginAdding(ctx); err != nil {
		return fmt.Errorf("queue: replay %q: %w", id, err)
	}
	defer q.endAdding()
	q.mu.Lock()
	place := q.nextPlace()
	q.mu.Unlock()
	e, err := unbury(ctx, q.engine, id, place, q.options.Now())
	if err != nil {
		return fmt.Errorf("queue: replay %q: %w", id, err)
	}
	q.change(func() { q.index.add(e) })
	return nil
}

// Discard removes the dead letter of that message ID for good. It returns an
// errs.NotFound if there is none.
func (q *Queue) Discard(ctx context.Context, id string) error {
	if err := discard(ctx, q.engine, id); err != nil {
		return fmt.Errorf("queue: discard %q: %w", id, err)
	}
	return nil
}

// Waiting returns how many messages are not done yet, those being delivered
// included, and when the oldest of them was published.
func (q *Queue) Waiting(context.Context) (n int, oldest time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.index.count, q.index.oldest()
}

// Idle waits until every message is done or dead.
func (q *Queue) Idle(ctx context.Context) error {
	for {
		q.mu.Lock()
		n, changed := q.index.count, q.changed
		q.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("queue: %d messages still wait: %w", n, ctx.Err())
		}
	}
}

func (q *Queue) beginAdding(ctx context.Context) error {
	select {
	case q.adding <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *Queue) endAdding() { <-q.adding }

// nextPlace is called with mu held.
func (q *Queue) nextPlace() string {
	q.place++
	return placeName(q.place)
}

// change calls f with mu held and wakes all who wait for a change.
func (q *Queue) change(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f()
	close(q.changed)
	q.changed = make(chan struct{})
}
