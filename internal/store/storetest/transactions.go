package storetest

import (
	"context"
	"errors"

	"github.com/bank-connections/bkper-bot/internal/store"
)

func transactions() []Check {
	return []Check{
		{"an error undoes all and comes back as it is", func(s *subject) {
			s.put("a", "old")
			own := errors.New("own")
			err := s.engine.Update(s.ctx, func(tx store.Tx) error {
				return errors.Join(tx.Put(things, "a", []byte("new")), tx.Put(things, "b", []byte("new")), own)
			})
			if !errors.Is(err, own) {
				s.Errorf("Update = %v, want %v", err, own)
			}
			s.untouched()
			if err := s.engine.View(s.ctx, func(store.Tx) error { return own }); !errors.Is(err, own) {
				s.Errorf("View = %v, want %v", err, own)
			}
		}},
		{"a panic undoes all and goes on", func(s *subject) {
			s.put("a", "old")
			var got any
			func() {
				defer func() { got = recover() }()
				_ = s.engine.Update(s.ctx, func(tx store.Tx) error {
					s.must(errors.Join(tx.Put(things, "a", []byte("new")), tx.Put(things, "b", []byte("new"))))
					panic("own")
				})
			}()
			if got != "own" {
				s.Errorf("the panic arrived as %v", got)
			}
			s.untouched()
			s.put("b", "the engine still works")
		}},
		{"a cancelled context writes nothing", func(s *subject) {
			s.put("a", "old")
			ctx, cancel := context.WithCancel(s.ctx)
			err := s.engine.Update(ctx, func(tx store.Tx) error {
				err := errors.Join(tx.Put(things, "a", []byte("new")), tx.Put(things, "b", []byte("new")))
				cancel()
				return err
			})
			if !errors.Is(err, context.Canceled) {
				s.Errorf("cancelled inside, Update = %v, want %v", err, context.Canceled)
			}
			s.untouched()
			ran := false
			err = s.engine.Update(ctx, func(store.Tx) error { ran = true; return nil })
			if !errors.Is(err, context.Canceled) || ran {
				s.Errorf("cancelled before, Update = %v, the function ran: %v", err, ran)
			}
			err = s.engine.View(ctx, func(store.Tx) error { ran = true; return nil })
			if !errors.Is(err, context.Canceled) || ran {
				s.Errorf("cancelled before, View = %v, the function ran: %v", err, ran)
			}
		}},
		{"a waiting Update gives up with its context", func(s *subject) {
			inside, leave, first := make(chan struct{}, 100), make(chan struct{}), make(chan error, 1)
			go func() {
				first <- s.engine.Update(s.ctx, func(tx store.Tx) error {
					inside <- struct{}{}
					<-leave
					return tx.Put(things, "a", []byte("first"))
				})
			}()
			<-inside
			ctx, cancel := context.WithTimeout(s.ctx, s.Limits.Patience/100)
			defer cancel()
			second := make(chan error, 1)
			go func() {
				second <- s.engine.Update(ctx, func(tx store.Tx) error {
					if _, err := tx.Get(things, "a"); err != nil && !errors.Is(err, store.ErrNotFound) {
						return err
					}
					<-ctx.Done() // an engine that lets it in must not commit it either
					return tx.Put(things, "a", []byte("second"))
				})
			}()
			select {
			case err := <-second:
				if !errors.Is(err, context.DeadlineExceeded) {
					s.Errorf("Update = %v, want %v", err, context.DeadlineExceeded)
				}
			case <-s.ctx.Done():
				s.Error("Update waits on although its context has ended")
			}
			close(leave)
			s.must(<-first)
			s.want("a", "first")
		}},
		{"View cannot write", func(s *subject) {
			s.put("a", "old")
			for name, write := range map[string]func(store.Tx) error{
				"put":    func(tx store.Tx) error { return tx.Put(things, "b", []byte("new")) },
				"delete": func(tx store.Tx) error { return tx.Delete(things, "a") },
				"hidden": func(tx store.Tx) error { _ = tx.Put(things, "b", []byte("new")); return nil },
			} {
				if err := s.engine.View(s.ctx, write); !errors.Is(err, store.ErrReadOnly) {
					s.Errorf("%s in a View = %v, want %v", name, err, store.ErrReadOnly)
				}
			}
			s.untouched()
		}},
		{"nothing is read after a write", func(s *subject) {
			s.put("a", "old")
			write := func(tx store.Tx) error { return tx.Put(things, "b", []byte("new")) }
			scan := func(tx store.Tx) error {
				return tx.Scan(things, store.Span{}, func(string, []byte) (bool, error) { return true, nil })
			}
			for name, f := range map[string]func(store.Tx) error{
				"get after put":        func(tx store.Tx) error { _ = write(tx); _, err := tx.Get(things, "a"); return err },
				"get after delete":     func(tx store.Tx) error { _ = tx.Delete(things, "a"); _, err := tx.Get(things, "a"); return err },
				"get of what was put":  func(tx store.Tx) error { _ = write(tx); _, err := tx.Get(things, "b"); return err },
				"get elsewhere":        func(tx store.Tx) error { _ = write(tx); _, err := tx.Get("others", "b"); return err },
				"scan after put":       func(tx store.Tx) error { _ = write(tx); return scan(tx) },
				"find after put":       func(tx store.Tx) error { _ = write(tx); _, _, err := numbers.Find(tx, "a"); return err },
				"create after put":     func(tx store.Tx) error { _ = write(tx); return numbers.Create(tx, "a", 1) },
				"hidden by the caller": func(tx store.Tx) error { _ = write(tx); _, _ = tx.Get(things, "a"); return nil },
				"put inside a scan": func(tx store.Tx) error {
					return tx.Scan(things, store.Span{}, func(string, []byte) (bool, error) { return false, write(tx) })
				},
			} {
				if err := s.engine.Update(s.ctx, f); !errors.Is(err, store.ErrReadAfterWrite) {
					s.Errorf("%s = %v, want %v", name, err, store.ErrReadAfterWrite)
				}
				s.untouched()
			}
		}},
		{"a transaction that is over does nothing more", func(s *subject) {
			s.put("a", "old")
			var after store.Tx
			s.update(func(tx store.Tx) error { after = tx; return nil })
			if err := after.Put(things, "b", nil); !errors.Is(err, store.ErrFinished) {
				s.Errorf("Put = %v, want %v", err, store.ErrFinished)
			}
			s.view(func(tx store.Tx) error { after = tx; return nil })
			if _, err := after.Get(things, "a"); !errors.Is(err, store.ErrFinished) {
				s.Errorf("Get = %v, want %v", err, store.ErrFinished)
			}
			s.untouched()
		}},
		{"View neither waits for an Update nor sees half of it", func(s *subject) {
			s.put("a", "old")
			s.update(func(tx store.Tx) error {
				if err := tx.Put(things, "a", []byte("new")); err != nil {
					return err
				}
				return s.beside(func() error {
					return s.engine.View(s.ctx, func(tx store.Tx) error {
						doc, err := tx.Get(things, "a")
						if err == nil && string(doc) != "old" {
							s.Errorf("a View beside the Update sees %q", doc)
						}
						return err
					})
				})
			})
			s.want("a", "new")
		}},
		{"View sees one moment, whatever is written meanwhile", func(s *subject) {
			s.fill("a", "b")
			s.view(func(tx store.Tx) error {
				if _, err := tx.Get(things, "a"); err != nil {
					return err
				}
				err := s.beside(func() error {
					return s.engine.Update(s.ctx, func(tx store.Tx) error {
						return errors.Join(tx.Put(things, "b", []byte("new")), tx.Put(things, "c", []byte("new")))
					})
				})
				if err != nil {
					return err
				}
				if doc, err := tx.Get(things, "b"); err != nil || string(doc) != "b" {
					s.Errorf("the View sees %q, %v, which was written after it began", doc, err)
				}
				n := 0
				err = tx.Scan(things, store.Span{}, func(string, []byte) (bool, error) { n++; return true, nil })
				if n != 2 {
					s.Errorf("the View counts %d documents, want the 2 of its beginning", n)
				}
				return err
			})
			s.want("c", "new")
		}},
		{"functions that run again do their work once", func(s *subject) {
			steady := s.engine
			s.engine = Restless(steady)
			s.put("a", "1")
			for range 3 {
				s.must(numbers.Upsert(s.ctx, s.engine, "n", func(old int, _ bool) (int, error) { return old + 1, nil }))
			}
			if n, err := numbers.Load(s.ctx, steady, "n"); n != 3 || err != nil {
				s.Errorf("three increments made %d, %v", n, err)
			}
			s.must(s.engine.Update(s.ctx, func(tx store.Tx) error { return numbers.Create(tx, "c", 1) }))
		}},
	}
}

// untouched fails unless a is "old" and b absent.
func (s *subject) untouched() {
	s.Helper()
	s.want("a", "old")
	if doc, err := s.get("b"); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("document b is %q, %v; want %v", doc, err, store.ErrNotFound)
	}
}

// beside runs f in another goroutine while the caller is in a transaction.
func (s *subject) beside(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-s.ctx.Done():
		return errors.New("a transaction beside this one waits for it")
	}
}
