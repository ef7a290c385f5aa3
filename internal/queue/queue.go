// Package queue keeps what must be done: messages that are delivered at least
// once, in order within an ordering key, again and later when their handler
// fails, and that end as dead letters, from where a person can replay them.
// Two engines can stand below it, rows of the embedded store and Pub/Sub; both
// pass the suite in queuetest.
package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bank-connections/bkper-bot/internal/errs"
)

// ErrBadMessage says that a message cannot be published as it is.
var ErrBadMessage = errors.New("not a message the queue can keep")

// Limits of a message on every engine, in bytes.
const (
	MaxID   = 400
	MaxKey  = 400
	MaxKind = 100
	MaxBody = 1_000_000
)

// Message is something to be done.
//
// The publisher chooses the ID, the same for the same work. The embedded queue
// adds nothing when a message of that ID still waits for its next delivery;
// Pub/Sub delivers it twice. So a handler must do no harm when it runs again,
// with the same message or with another of the same ID, and a message that
// replaces one of the same ID must mean the same.
type Message struct {
	ID   string
	Key  string // ordering key: one delivery at a time, in order of publishing; "" for none
	Kind string // what to do; the handler chooses by it
	Body []byte
}

// Check returns ErrBadMessage, with the reason, for a message that no queue
// takes.
func (m Message) Check() error {
	switch {
	case m.ID == "" || len(m.ID) > MaxID:
		return fmt.Errorf("queue: message %q: id of %d bytes, 1 to %d are possible: %w", m.Kind, len(m.ID), MaxID, ErrBadMessage)
	case len(m.Key) > MaxKey:
		return fmt.Errorf("queue: message %q: ordering key of %d bytes, at most %d: %w", m.ID, len(m.Key), MaxKey, ErrBadMessage)
	case m.Kind == "" || len(m.Kind) > MaxKind:
		return fmt.Errorf("queue: message %q: kind of %d bytes, 1 to %d are possible: %w", m.ID, len(m.Kind), MaxKind, ErrBadMessage)
	case len(m.Body) > MaxBody:
		return fmt.Errorf("queue: message %q: body of %d bytes, at most %d: %w", m.ID, len(m.Body), MaxBody, ErrBadMessage)
	}
	return nil
}

// Delivery is a message on its way to a handler.
type Delivery struct {
	Message
	Attempt   int       // 1 for the first; one that the process did not survive is not counted
	Published time.Time // when the queue took it
}

// Publisher takes messages.
type Publisher interface {
	// Publish returns nil when all messages are durable. On an error it is
	// unknown which are: publish them again. Messages of one key are delivered
	// in the order given.
	Publish(ctx context.Context, messages ...Message) error
}

// Handler does what a delivery asks for. nil means that it is done, or that it
// has failed for good and this was recorded; any error means again, later. The
// context ends at the policy's deadline.
type Handler func(ctx context.Context, d Delivery) error

// Policy says how often and when a failed delivery is tried again.
type Policy struct {
	MinBackoff  time.Duration // ceiling of the wait after the first failure; it doubles with each
	MaxBackoff  time.Duration // ceiling of all waits
	MaxAsked    time.Duration // longest wait that an error may ask for (errs.After)
	MaxAttempts int           // failures after which a message is a dead letter
	Deadline    time.Duration // of one delivery
}

// OrDefault returns the policy with the usual values where p has none: waits
// from 2 s to 10 min, an hour where it is asked for, 20 attempts of 100 s.
func (p Policy) OrDefault() Policy {
	usual := Policy{
		MinBackoff:  2 * time.Second,
		MaxBackoff:  10 * time.Minute,
		MaxAsked:    time.Hour,
		MaxAttempts: 20,
		Deadline:    100 * time.Second,
	}
	if p.MinBackoff <= 0 {
		p.MinBackoff = usual.MinBackoff
	}
	if p.MaxBackoff <= 0 {
		p.MaxBackoff = max(usual.MaxBackoff, p.MinBackoff)
	}
	if p.MaxAsked <= 0 {
		p.MaxAsked = usual.MaxAsked
	}
	if p.MaxAttempts <= 0 {
		p.MaxAttempts = usual.MaxAttempts
	}
	if p.Deadline <= 0 {
		p.Deadline = usual.Deadline
	}
	return p
}

// Wait returns how long to wait after the attempt that failed with err: a
// random part of an exponentially growing ceiling (full jitter), and at least
// what err asks for. Random is in [0, 1).
func (p Policy) Wait(attempt int, err error, random float64) time.Duration {
	ceiling := p.MinBackoff
	for i := 1; i < attempt && ceiling < p.MaxBackoff; i++ {
		ceiling *= 2
	}
	ceiling = min(ceiling, p.MaxBackoff)
	asked := min(errs.After(err), p.MaxAsked)
	return max(time.Duration(random*float64(ceiling)), asked)
}

// DeadLetter is a message that was given up after its last attempt. It says why
// in words that hold no secrets.
type DeadLetter struct {
	ID, Key, Kind string
	Size          int // bytes of the body
	Attempts      int
	Code          errs.Code // of the last error
	Reason        string    // the last error's sentence for people
	Published     time.Time
	Died          time.Time
}
