// Package storetest is the conformance suite of the store: what every engine
// must do, so that code written on one of them is right on another.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/store"
)

// Harness is what the suite needs from an engine.
type Harness struct {
	// Open returns a new empty engine and closes it by tb.Cleanup.
	Open func(tb testing.TB) store.Engine

	// Reopen lets go of an engine of Open and returns another on the same
	// data. It is nil for an engine that cannot lose its process.
	Reopen func(tb testing.TB, e store.Engine) store.Engine

	Limits Limits
}

// Limits are what is known about an engine. A zero field takes the value named
// behind it.
type Limits struct {
	Writers  int           // how many may contend for one document; 8
	Patience time.Duration // the longest that a check may wait; 20 s
}

// Check is one thing that every engine must do.
type Check struct {
	Name string // a claim
	run  func(s *subject)
}

// Run holds an engine against the suite.
func (c Check) Run(tb testing.TB, h Harness) {
	tb.Helper()
	if h.Limits.Writers == 0 {
		h.Limits.Writers = 8
	}
	if h.Limits.Patience == 0 {
		h.Limits.Patience = 20 * time.Second
	}
	ctx, cancel := context.WithTimeout(tb.Context(), h.Limits.Patience)
	defer cancel()
	c.run(&subject{TB: tb, Harness: h, ctx: ctx, engine: h.Open(tb)})
}

// Run holds an engine against every check, each on an engine of its own.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, h) })
	}
}

// Checks returns the suite.
func Checks() []Check {
	var all []Check
	for _, group := range [][]Check{documents(), scans(), transactions(), contention(), leases(), lasting()} {
		all = append(all, group...)
	}
	return all
}

// subject is an engine during one check.
type subject struct {
	testing.TB
	Harness
	ctx    context.Context // ends with the suite's patience
	engine store.Engine
}

const things = "things" // the collection that most checks use

var (
	numbers = store.NewCollection[int]("numbers")
	notes   = store.NewCollection[note]("notes")
)

type note struct {
	Text string
	At   time.Time
}

// must ends the check on an error.
func (s *subject) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *subject) view(f func(store.Tx) error) {
	s.Helper()
	s.must(s.engine.View(s.ctx, f))
}

func (s *subject) update(f func(store.Tx) error) {
	s.Helper()
	s.must(s.engine.Update(s.ctx, f))
}

func (s *subject) put(id, doc string) {
	s.Helper()
	s.update(func(tx store.Tx) error { return tx.Put(things, id, []byte(doc)) })
}

// get returns a document and its error.
func (s *subject) get(id string) (doc string, err error) {
	err = s.engine.View(s.ctx, func(tx store.Tx) error {
		got, err := tx.Get(things, id)
		doc = string(got)
		return err
	})
	return doc, err
}

// want fails unless the document is this.
func (s *subject) want(id, doc string) {
	s.Helper()
	if got, err := s.get(id); err != nil || got != doc {
		s.Errorf("document %q is %q, %v; want %q", id, got, err, doc)
	}
}

// scan returns the ids of a span, and checks that each document holds its id.
func (s *subject) scan(span store.Span) []string {
	s.Helper()
	var ids []string
	s.view(func(tx store.Tx) error {
		ids = nil
		return tx.Scan(things, span, func(id string, doc []byte) (bool, error) {
			if string(doc) != id {
				s.Errorf("scan gives %q for %q", doc, id)
			}
			ids = append(ids, id)
			return true, nil
		})
	})
	return ids
}

// fill puts documents that hold their ids.
func (s *subject) fill(ids ...string) {
	s.Helper()
	s.update(func(tx store.Tx) error {
		for _, id := range ids {
			if err := tx.Put(things, id, []byte(id)); err != nil {
				return err
			}
		}
		return nil
	})
}
