package embedded

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// Run delivers to handler until ctx ends, several messages at a time but one
// per ordering key, and returns when the last handler has. What the end of ctx
// cut short is delivered again by the next Run. It returns an error only if the
// store is closed below it.
func (q *Queue) Run(ctx context.Context, handler queue.Handler) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var workers sync.WaitGroup
	workers.Add(q.options.Workers)
	for range q.options.Workers {
		q.options.Go(func() {
			defer workers.Done()
			if err := q.work(ctx, handler); err != nil {
				stop(err)
			}
		})
	}
	workers.Wait()
	if err := context.Cause(ctx); errors.Is(err, store.ErrClosed) {
		return fmt.Errorf("queue: run: %w", err)
	}
	return nil
}

func (q *Queue) work(ctx context.Context, handler queue.Handler) error {
	for ctx.Err() == nil {
		q.mu.Lock()
		changed := q.changed // before Step, so that nothing is missed between it and the waiting
		q.mu.Unlock()
		worked, next, err := q.Step(ctx, handler)
		switch {
		case errors.Is(err, store.ErrClosed):
			return err
		case err != nil:
			q.options.Log.ErrorContext(ctx, "queue: the store failed; the message is delivered again", "error", err)
		}
		if !worked {
			q.wait(ctx, next, changed)
		}
	}
	return nil
}

// wait returns at the time next, unless it is zero, at a change, and when ctx
// ends.
func (q *Queue) wait(ctx context.Context, next time.Time, changed <-chan struct{}) {
	var timer <-chan time.Time
	if !next.IsZero() {
		timer = q.options.After(next.Sub(q.options.Now()))
	}
	select {
	case <-timer:
	case <-changed:
	case <-ctx.Done():
	}
}

// Step delivers one message that is due, in the caller's goroutine, and settles
// it. It reports whether there was one, and when the next is due: zero if none
// waits that is not being delivered. A failing handler is no error of Step; a
// failing store is, and then the message is delivered again.
func (q *Queue) Step(ctx context.Context, handler queue.Handler) (worked bool, next time.Time, err error) {
	q.mu.Lock()
	t, worked := q.index.take(q.options.Now())
	q.mu.Unlock()
	if worked {
		err = q.deliver(ctx, t, handler)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return worked, q.index.next(), err
}

// deliver hands a message to the handler and settles what comes of it.
func (q *Queue) deliver(ctx context.Context, t taken, handler queue.Handler) error {
	settled := false
	defer func() { // however this ends, the lane comes back
		if !settled {
			due := q.options.Now().Add(q.options.Policy.MinBackoff)
			q.change(func() { q.index.putBack(t, due) })
		}
	}()

	body, err := readBody(ctx, q.engine, t.Body)
	switch {
	case err == nil:
		err = q.call(ctx, handler, queue.Delivery{
			Message:   queue.Message{ID: t.ID, Key: t.Key, Kind: t.Kind, Body: body},
			Attempt:   t.Attempts + 1,
			Published: t.Published,
		})
	case ctx.Err() == nil && !errors.Is(err, store.ErrNotFound): // without a body it fails until it is dead
		return fmt.Errorf("queue: read message %q: %w", t.ID, err)
	}

	lasting := context.WithoutCancel(ctx) // what happened is noted even if ctx has ended since
	switch {
	case err == nil:
		err = q.acknowledge(lasting, t)
	case ctx.Err() != nil: // cut short, which is nobody's failure
		q.change(func() { q.index.putBack(t, q.options.Now()) })
		err = nil
	case t.Attempts+1 >= q.options.Policy.MaxAttempts:
		err = q.giveUp(lasting, t, err)
	default:
		err = q.postpone(lasting, t, err)
	}
	settled = err == nil
	return err
}

// call runs the handler within the deadline. A panic is a failure like any
// other.
func (q *Queue) call(ctx context.Context, handler queue.Handler, d queue.Delivery) (err error) {
	ctx, cancel := context.WithTimeout(ctx, q.options.Policy.Deadline)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("handler panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return handler(ctx, d)
}

func (q *Queue) acknowledge(ctx context.Context, t taken) error {
	if err := remove(ctx, q.engine, t.entry); err != nil {
		return fmt.Errorf("queue: acknowledge message %q: %w", t.ID, err)
	}
	q.change(func() { q.index.done(t, q.options.Now()) })
	return nil
}

// postpone notes a failure; the message and those behind it in its key wait.
func (q *Queue) postpone(ctx context.Context, t taken, failure error) error {
	later := t.row
	later.Attempts++
	wait := q.options.Policy.Wait(later.Attempts, failure, q.options.Jitter())
	later.Due = q.options.Now().Add(wait)
	if err := waiting.Save(ctx, q.engine, t.place, later); err != nil {
		return fmt.Errorf("queue: postpone message %q: %w", t.ID, err)
	}
	q.options.Log.WarnContext(ctx, "queue: a delivery failed", "message", t.ID, "kind", t.Kind,
		"key", t.Key, "attempt", later.Attempts, "again_in", wait, "error", failure)
	q.change(func() {
		t.row = later
		q.index.putBack(t, later.Due)
	})
	return nil
}

// giveUp makes the message a dead letter; those behind it go on.
func (q *Queue) giveUp(ctx context.Context, t taken, failure error) error {
	last := t.row
	last.Attempts++
	letter := deadRow{Row: last, Code: errs.CodeOf(failure), Reason: errs.Public(failure), Died: q.options.Now()}
	if err := bury(ctx, q.engine, t.entry, letter); err != nil {
		return fmt.Errorf("queue: give up message %q: %w", t.ID, err)
	}
	q.options.Log.ErrorContext(ctx, "queue: a message is given up", "message", t.ID, "kind", t.Kind,
		"key", t.Key, "attempts", last.Attempts, "error", failure)
	q.change(func() { q.index.done(t, q.options.Now()) })
	return nil
}
