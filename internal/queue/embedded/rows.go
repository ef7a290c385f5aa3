package embedded

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// The rows. A message is a small row by its place in the queue and a body,
// which stays where it is until the message is done or discarded. A place is
// sixteen hexadecimal digits, so that the order of ids is that of publishing.
var (
	waiting = store.NewCollection[row]("queue_waiting")  // by place
	dead    = store.NewCollection[deadRow]("queue_dead") // by message ID
)

const bodies = "queue_bodies" // by row.Body

// row is a waiting message without its body.
type row struct {
	ID        string    `json:"id"`
	Key       string    `json:"key,omitempty"`
	Kind      string    `json:"kind"`
	Body      string    `json:"body"` // the id of its body
	Size      int       `json:"size"` // of its body
	Published time.Time `json:"published"`
	Attempts  int       `json:"attempts,omitempty"` // that failed
	Due       time.Time `json:"due"`                // not before
}

// deadRow is a dead letter.
type deadRow struct {
	Row    row       `json:"row"`
	Code   errs.Code `json:"code"`
	Reason string    `json:"reason"`
	Died   time.Time `json:"died"`
}

func placeName(n uint64) string { return fmt.Sprintf("%016x", n) }

// lastPlace returns the highest place in use. Bodies of dead letters keep
// theirs, so it is found among the bodies and the waiting.
func lastPlace(tx store.Tx) (uint64, error) {
	last := ""
	end := store.Span{Limit: 1, Reverse: true}
	err := tx.Scan(bodies, end, func(id string, _ []byte) (bool, error) {
		last = id
		return false, nil
	})
	if err != nil {
		return 0, err
	}
	err = waiting.Scan(tx, end, func(id string, _ row) (bool, error) {
		last = max(last, id)
		return false, nil
	})
	if err != nil {
		return 0, err
	}
	if last == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(last, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("place in the queue: %w", err)
	}
	return n, nil
}

// addition is a message on its way into the rows.
type addition struct {
	*entry
	body []byte
}

// fitting returns how many of the additions, at least one, fit into one
// transaction of the store.
func fitting(additions []addition) int {
	const rowSize = 2*queue.MaxID + 2*queue.MaxKey + 2*queue.MaxKind + 1000 // more than any row takes
	size := 0
	for n, a := range additions {
		size += len(a.body) + rowSize
		if size > store.MaxUpdate && n > 0 {
			return n
		}
	}
	return len(additions)
}

func insert(ctx context.Context, e store.Engine, additions []addition) error {
	return e.Update(ctx, func(tx store.Tx) error {
		for _, a := range additions {
			if err := tx.Put(bodies, a.Body, a.body); err != nil {
				return err
			}
			if err := waiting.Put(tx, a.place, a.row); err != nil {
				return err
			}
		}
		return nil
	})
}

func readBody(ctx context.Context, e store.Engine, id string) (body []byte, err error) {
	err = e.View(ctx, func(tx store.Tx) error {
		body, err = tx.Get(bodies, id)
		return err
	})
	return body, err
}

func remove(ctx context.Context, e store.Engine, w *entry) error {
	return e.Update(ctx, func(tx store.Tx) error {
		if err := waiting.Delete(tx, w.place); err != nil {
			return err
		}
		return tx.Delete(bodies, w.Body)
	})
}

// bury makes w a dead letter, in place of an earlier one of the same ID.
func bury(ctx context.Context, e store.Engine, w *entry, d deadRow) error {
	return e.Update(ctx, func(tx store.Tx) error {
		earlier, found, err := dead.Find(tx, w.ID)
		if err != nil {
			return err
		}
		if err := dead.Put(tx, w.ID, d); err != nil {
			return err
		}
		if found && earlier.Row.Body != w.Body {
			if err := tx.Delete(bodies, earlier.Row.Body); err != nil {
				return err
			}
		}
		return waiting.Delete(tx, w.place)
	})
}

// unbury makes the dead letter of that ID wait again at a place.
func unbury(ctx context.Context, e store.Engine, id, place string, now time.Time) (*entry, error) {
	var w *entry
	err := e.Update(ctx, func(tx store.Tx) error {
		d, err := getDead(tx, id)
		if err != nil {
			return err
		}
		w = &entry{place: place, row: d.Row}
		w.Attempts, w.Published, w.Due = 0, now, now
		if err := waiting.Put(tx, place, w.row); err != nil {
			return err
		}
		return dead.Delete(tx, id)
	})
	return w, err
}

// discard removes the dead letter of that ID for good.
func discard(ctx context.Context, e store.Engine, id string) error {
	return e.Update(ctx, func(tx store.Tx) error {
		d, err := getDead(tx, id)
		if err != nil {
			return err
		}
		if err := dead.Delete(tx, id); err != nil {
			return err
		}
		return tx.Delete(bodies, d.Row.Body)
	})
}

func getDead(tx store.Tx, id string) (deadRow, error) {
	d, err := dead.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		err = errs.Wrap(errs.NotFound, err, "There is no such dead letter: it was replayed or discarded.")
	}
	return d, err
}
