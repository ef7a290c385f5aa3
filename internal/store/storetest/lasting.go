package storetest

import (
	"errors"
	"time"

	"github.com/bank-connections/bkper-bot/internal/store"
)

func lasting() []Check {
	return []Check{
		{"what was committed is there after reopening, and nothing else", func(s *subject) {
			if s.Reopen == nil {
				s.Skip("this engine cannot lose its process")
			}
			s.fill("a", "b", "c")
			s.update(func(tx store.Tx) error { return tx.Delete(things, "b") })
			_ = s.engine.Update(s.ctx, func(tx store.Tx) error {
				return errors.Join(tx.Put(things, "d", []byte("d")), errors.New("undo this"))
			})
			s.update(func(tx store.Tx) error { return tx.Put(things, "last", []byte("last")) })
			for range 2 {
				s.engine = s.Reopen(s.TB, s.engine)
				s.wantScan(store.Span{}, "a", "c", "last")
			}
		}},
		{"a lease and its fence outlive the process", func(s *subject) {
			if s.Reopen == nil {
				s.Skip("this engine cannot lose its process")
			}
			c, l := s.leases()
			first := s.acquire(l, "sync", "ann")
			s.engine = s.Reopen(s.TB, s.engine)
			l.Engine = s.engine
			if _, err := l.Acquire(s.ctx, "sync", "bob", time.Minute); !errors.Is(err, store.ErrHeld) {
				s.Errorf("Acquire of a held lease = %v, want %v", err, store.ErrHeld)
			}
			s.holds(l, first, true)
			c.pass(time.Minute)
			if second := s.acquire(l, "sync", "bob"); second.Fence <= first.Fence {
				s.Errorf("the fence went from %d to %d", first.Fence, second.Fence)
			}
		}},
	}
}
