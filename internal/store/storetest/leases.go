package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bank-connections/bkper-bot/internal/store"
)

func leases() []Check {
	const ttl = time.Minute
	return []Check{
		{"a lease is held until it expires", func(s *subject) {
			c, l := s.leases()
			first := s.acquire(l, "sync", "ann")
			if !first.Until.Equal(c.now().Add(ttl)) || first.Name != "sync" || first.Owner != "ann" {
				s.Errorf("Acquire = %+v at %s", first, c.now())
			}
			c.pass(ttl - time.Nanosecond)
			_, err := l.Acquire(s.ctx, "sync", "bob", ttl)
			var held *store.HeldError
			if !errors.Is(err, store.ErrHeld) || !errors.As(err, &held) || !held.Until.Equal(first.Until) {
				s.Errorf("Acquire of a held lease = %v, want a HeldError until %s", err, first.Until)
			}
			s.acquire(l, "other", "bob")
			c.pass(time.Nanosecond)
			second := s.acquire(l, "sync", "bob")
			if second.Fence <= first.Fence {
				s.Errorf("the fence went from %d to %d", first.Fence, second.Fence)
			}
			s.holds(l, first, false)
			s.holds(l, second, true)
		}},
		{"an owner may take its lease again and loses the former", func(s *subject) {
			_, l := s.leases()
			first := s.acquire(l, "sync", "ann")
			second := s.acquire(l, "sync", "ann")
			if second.Fence <= first.Fence {
				s.Errorf("the fence went from %d to %d", first.Fence, second.Fence)
			}
			s.holds(l, first, false)
			s.holds(l, second, true)
		}},
		{"a renewed lease lasts longer under the same fence", func(s *subject) {
			c, l := s.leases()
			first := s.acquire(l, "sync", "ann")
			c.pass(ttl / 2)
			renewed, err := l.Renew(s.ctx, first, ttl)
			s.must(err)
			if renewed.Fence != first.Fence || !renewed.Until.Equal(c.now().Add(ttl)) {
				s.Errorf("Renew = %+v at %s", renewed, c.now())
			}
			c.pass(ttl / 2)
			if _, err := l.Acquire(s.ctx, "sync", "bob", ttl); !errors.Is(err, store.ErrHeld) {
				s.Errorf("Acquire of a renewed lease = %v, want %v", err, store.ErrHeld)
			}
			c.pass(ttl)
			_, err = l.Renew(s.ctx, renewed, ttl) // expired, and still nobody else's
			s.must(err)
			c.pass(2 * ttl)
			s.acquire(l, "sync", "bob")
			if _, err := l.Renew(s.ctx, renewed, ttl); !errors.Is(err, store.ErrHeld) {
				s.Errorf("Renew of a lost lease = %v, want %v", err, store.ErrHeld)
			}
		}},
		{"a released lease is free, and its fence goes on", func(s *subject) {
			_, l := s.leases()
			first := s.acquire(l, "sync", "ann")
			s.must(l.Release(s.ctx, first))
			s.must(l.Release(s.ctx, first))
			s.holds(l, first, false)
			if _, err := l.Renew(s.ctx, first, ttl); !errors.Is(err, store.ErrHeld) {
				s.Errorf("Renew of a released lease = %v, want %v", err, store.ErrHeld)
			}
			second := s.acquire(l, "sync", "bob")
			if second.Fence <= first.Fence {
				s.Errorf("the fence went from %d to %d", first.Fence, second.Fence)
			}
		}},
		{"a former holder releases nothing", func(s *subject) {
			c, l := s.leases()
			first := s.acquire(l, "sync", "ann")
			c.pass(ttl)
			second := s.acquire(l, "sync", "bob")
			s.must(l.Release(s.ctx, first))
			s.holds(l, second, true)
			if _, err := l.Acquire(s.ctx, "sync", "ann", ttl); !errors.Is(err, store.ErrHeld) {
				s.Errorf("Acquire = %v, want %v", err, store.ErrHeld)
			}
		}},
		{"who lost the lease cannot write behind a check", func(s *subject) {
			c, l := s.leases()
			first := s.acquire(l, "sync", "ann")
			c.pass(ttl)
			s.acquire(l, "sync", "bob")
			err := s.engine.Update(s.ctx, func(tx store.Tx) error {
				if err := l.Check(tx, first); err != nil {
					return err
				}
				return tx.Put(things, "a", []byte("late"))
			})
			if !errors.Is(err, store.ErrHeld) {
				s.Errorf("Update = %v, want %v", err, store.ErrHeld)
			}
			if _, err := s.get("a"); !errors.Is(err, store.ErrNotFound) {
				s.Errorf("the former holder wrote: %v", err)
			}
		}},
		{"one of many gets the lease", func(s *subject) {
			c, l := s.leases()
			crowd := s.crowd()
			l.Now = func() time.Time { // asked inside the transaction, after the reading
				crowd.gather()
				return c.now()
			}
			var mu sync.Mutex
			var winners []string
			s.contend(func(i int) error {
				owner := fmt.Sprint("owner ", i)
				_, err := l.Acquire(s.ctx, "sync", owner, ttl)
				if errors.Is(err, store.ErrHeld) {
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				winners = append(winners, owner)
				return err
			})
			if len(winners) != 1 {
				s.Errorf("%q hold one lease", winners)
			}
		}},
		{"a lease has an owner and an end", func(s *subject) {
			_, l := s.leases()
			if _, err := l.Acquire(s.ctx, "sync", "", ttl); err == nil {
				s.Error("nobody acquired a lease")
			}
			if _, err := l.Acquire(s.ctx, "sync", "ann", 0); err == nil {
				s.Error("a lease of no length was acquired")
			}
		}},
	}
}

// clock is the time of the leases under test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func (s *subject) leases() (*clock, store.Leases) {
	c := &clock{at: time.Date(2026, 11, 22, 23, 30, 0, 0, time.FixedZone("", -3*3600))}
	return c, store.Leases{Engine: s.engine, Now: c.now}
}

func (s *subject) acquire(l store.Leases, name, owner string) store.Lease {
	s.Helper()
	lease, err := l.Acquire(s.ctx, name, owner, time.Minute)
	s.must(err)
	return lease
}

func (s *subject) holds(l store.Leases, lease store.Lease, want bool) {
	s.Helper()
	err := s.engine.View(s.ctx, func(tx store.Tx) error { return l.Check(tx, lease) })
	switch {
	case want:
		s.must(err)
	case !errors.Is(err, store.ErrHeld):
		s.Errorf("Check of a lost lease = %v, want %v", err, store.ErrHeld)
	}
}
