package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bank-connections/bkper-bot/internal/store"
)

func contention() []Check {
	return []Check{
		{"no update is lost under contention", func(s *subject) {
			const each = 5
			var mu sync.Mutex
			var written []int
			crowd := s.crowd()
			s.contend(func(int) error {
				for range each {
					var mine int
					err := numbers.Upsert(s.ctx, s.engine, "counter", func(old int, _ bool) (int, error) {
						crowd.gather()
						mine = old + 1
						return mine, nil
					})
					if err != nil {
						return err
					}
					mu.Lock()
					written = append(written, mine)
					mu.Unlock()
				}
				return nil
			})
			slices.Sort(written)
			for i, v := range written {
				if v != i+1 {
					s.Fatalf("the values written are %v, want 1 to %d once each", written, len(written))
				}
			}
			if got, err := numbers.Load(s.ctx, s.engine, "counter"); err != nil || got != len(written) {
				s.Errorf("the counter is %d, %v after %d increments", got, err, len(written))
			}
		}},
		{"what an Update has read is still so when it commits", func(s *subject) {
			// Each may take one from either account while both together hold more than one.
			s.must(numbers.Save(s.ctx, s.engine, "left", 1))
			s.must(numbers.Save(s.ctx, s.engine, "right", 1))
			crowd := s.crowd()
			s.contend(func(i int) error {
				return s.engine.Update(s.ctx, func(tx store.Tx) error {
					left, err := numbers.Get(tx, "left")
					if err != nil {
						return err
					}
					right, err := numbers.Get(tx, "right")
					crowd.gather()
					if err != nil || left+right <= 1 {
						return err
					}
					if i%2 == 0 {
						return numbers.Put(tx, "left", left-1)
					}
					return numbers.Put(tx, "right", right-1)
				})
			})
			both, err := numbers.All(s.ctx, s.engine, store.Span{})
			s.must(err)
			if len(both) != 2 || both[0]+both[1] != 1 {
				s.Errorf("the accounts hold %v, together they must hold 1", both)
			}
		}},
		{"what an Update has scanned is still so when it commits", func(s *subject) {
			const seats = 3
			crowd := s.crowd()
			s.contend(func(i int) error {
				return s.engine.Update(s.ctx, func(tx store.Tx) error {
					taken := 0
					err := numbers.Scan(tx, store.Prefix("seat"), func(string, int) (bool, error) {
						taken++
						return true, nil
					})
					crowd.gather()
					if err != nil || taken >= seats {
						return err
					}
					return numbers.Put(tx, fmt.Sprintf("seat %d", i), i)
				})
			})
			all, err := numbers.All(s.ctx, s.engine, store.Span{})
			s.must(err)
			if len(all) != seats {
				s.Errorf("%d seats are taken, there are %d", len(all), seats)
			}
		}},
		{"one of many creates", func(s *subject) {
			var mu sync.Mutex
			created := 0
			crowd := s.crowd()
			s.contend(func(i int) error {
				err := s.engine.Update(s.ctx, func(tx store.Tx) error {
					defer crowd.gather() // has read, has not committed
					return numbers.Create(tx, "one", i)
				})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					created++
				}
				return nil
			})
			if created != 1 {
				s.Errorf("%d created the same document", created)
			}
		}},
		{"who fails does not disturb who succeeds", func(s *subject) {
			own := errors.New("own")
			attempt := func(i, round int, end func() error) (err error) {
				defer func() {
					if p := recover(); p != nil {
						err = own
					}
				}()
				return s.engine.Update(s.ctx, func(tx store.Tx) error {
					count, _, err := numbers.Find(tx, "count")
					if err != nil {
						return err
					}
					return errors.Join(numbers.Put(tx, "count", count+1), numbers.Put(tx, fmt.Sprintf("of %d %d", i, round), 1), end())
				})
			}
			const rounds = 6
			s.contend(func(i int) error {
				for round := range rounds {
					var err, want error
					switch round % 3 {
					case 0:
						err = attempt(i, round, func() error { return nil })
					case 1:
						err, want = attempt(i, round, func() error { return own }), own
					case 2:
						err, want = attempt(i, round, func() error { panic("own") }), own
					}
					if !errors.Is(err, want) {
						return fmt.Errorf("round %d: %w, want %w", round, err, want)
					}
				}
				return nil
			})
			want := s.Limits.Writers * rounds / 3
			count, err := numbers.Load(s.ctx, s.engine, "count")
			s.must(err)
			written, err := numbers.All(s.ctx, s.engine, store.Prefix("of "))
			s.must(err)
			if count != want || len(written) != want {
				s.Errorf("%d succeeded, %d were counted and %d documents written", want, count, len(written))
			}
		}},
		{"work on different documents gets through", func(s *subject) {
			s.contend(func(i int) error {
				for range 5 {
					err := numbers.Upsert(s.ctx, s.engine, fmt.Sprint(i), func(old int, _ bool) (int, error) { return old + 1, nil })
					if err != nil {
						return err
					}
				}
				return nil
			})
			all, err := numbers.All(s.ctx, s.engine, store.Span{})
			s.must(err)
			for i, v := range all {
				if v != 5 {
					s.Errorf("document %d counts %d, want 5", i, v)
				}
			}
			if len(all) != s.Limits.Writers {
				s.Errorf("%d documents, want %d", len(all), s.Limits.Writers)
			}
		}},
	}
}

// contend runs f in as many goroutines as the engine can bear.
func (s *subject) contend(f func(i int) error) {
	s.Helper()
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range s.Limits.Writers {
		all.Go(func() {
			<-begin
			if err := f(i); err != nil {
				s.Errorf("writer %d: %v", i, err)
			}
		})
	}
	close(begin)
	all.Wait()
}

// crowd makes writers overlap, so that an engine which lets them do harm to
// each other does so every time.
type crowd struct {
	all   int
	grace time.Duration
	mu    sync.Mutex
	here  int
	full  chan struct{}
}

func (s *subject) crowd() *crowd {
	return &crowd{all: s.Limits.Writers, grace: s.Limits.Patience / 200, full: make(chan struct{})}
}

// gather returns when all writers are inside their transactions, or after a
// while, because an engine may let in one at a time. Only the first gathering
// waits.
func (c *crowd) gather() {
	c.mu.Lock()
	c.here++
	if c.here == c.all {
		close(c.full)
	}
	c.mu.Unlock()
	late := time.NewTimer(c.grace)
	defer late.Stop()
	select {
	case <-c.full:
	case <-late.C:
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.here < c.all {
			c.here = c.all
			close(c.full)
		}
	}
}
