package storetest

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/store"
)

func documents() []Check {
	return []Check{
		{"a document is what was put last", func(s *subject) {
			s.put("a", "first")
			s.put("b", "other")
			s.want("a", "first")
			s.put("a", "second")
			s.want("a", "second")
			s.want("b", "other")
			s.update(func(tx store.Tx) error { return tx.Delete(things, "a") })
			if doc, err := s.get("a"); !errors.Is(err, store.ErrNotFound) {
				s.Errorf("after its deletion the document is %q, %v; want %v", doc, err, store.ErrNotFound)
			}
			s.want("b", "other")
		}},
		{"the last write of a transaction counts", func(s *subject) {
			s.put("b", "old")
			s.update(func(tx store.Tx) error {
				return errors.Join(
					tx.Put(things, "a", []byte("1")), tx.Delete(things, "a"), tx.Put(things, "a", []byte("2")),
					tx.Put(things, "b", []byte("3")), tx.Delete(things, "b"),
				)
			})
			s.want("a", "2")
			if _, err := s.get("b"); !errors.Is(err, store.ErrNotFound) {
				s.Errorf("put, then deleted: %v, want %v", err, store.ErrNotFound)
			}
		}},
		{"a document holds any bytes, or none", func(s *subject) {
			every := make([]byte, 256)
			for i := range every {
				every[i] = byte(i)
			}
			for _, doc := range []string{"", string(every), "{}", "\xff", "null"} {
				s.put("a", doc)
				s.want("a", doc)
			}
		}},
		{"an id holds any bytes", func(s *subject) {
			ids := []string{
				"a", "A", " a", "a ", "a/b", "/", "//", ".", "..", "__a__", "a\x00", "\x00", "\xff", "\xff\xff", "a\xff",
				"é", "e\u0301", "日本", "a?b#c%2f", strings.Repeat("x", store.MaxID), strings.Repeat("\xff", store.MaxID),
			}
			s.fill(ids...)
			for _, id := range ids {
				s.want(id, id)
			}
			if n := len(s.scan(store.Span{})); n != len(ids) {
				s.Errorf("%d documents, want %d", n, len(ids))
			}
		}},
		{"names that no engine can keep are refused", func(s *subject) {
			long := strings.Repeat("x", store.MaxID+1)
			for name, use := range map[string]func(tx store.Tx) error{
				"get without id":      func(tx store.Tx) error { _, err := tx.Get(things, ""); return err },
				"get with a long id":  func(tx store.Tx) error { _, err := tx.Get(things, long); return err },
				"put without id":      func(tx store.Tx) error { return tx.Put(things, "", nil) },
				"put with a long id":  func(tx store.Tx) error { return tx.Put(things, long, nil) },
				"delete without id":   func(tx store.Tx) error { return tx.Delete(things, "") },
				"no collection":       func(tx store.Tx) error { return tx.Put("", "a", nil) },
				"collection of paths": func(tx store.Tx) error { return tx.Put("a/b", "a", nil) },
				"collection of upper": func(tx store.Tx) error { return tx.Put("Things", "a", nil) },
			} {
				if err := s.engine.Update(s.ctx, use); !errors.Is(err, store.ErrBadName) {
					s.Errorf("%s: %v, want %v", name, err, store.ErrBadName)
				}
			}
		}},
		{"collections are apart", func(s *subject) {
			s.put("a", "1")
			s.update(func(tx store.Tx) error { return tx.Put("others", "a", []byte("2")) })
			s.want("a", "1")
			s.update(func(tx store.Tx) error { return tx.Delete("others", "a") })
			s.want("a", "1")
			s.update(func(tx store.Tx) error { return tx.Put("thing", "b", []byte("3")) })
			s.update(func(tx store.Tx) error { return tx.Delete(things, "a") })
			s.wantScan(store.Span{})
		}},
		{"what is absent is ErrNotFound and nothing else", func(s *subject) {
			_, err := s.get("absent")
			if !errors.Is(err, store.ErrNotFound) {
				s.Errorf("Get = %v, want %v", err, store.ErrNotFound)
			} else if text := err.Error(); !strings.Contains(text, things) || !strings.Contains(text, "absent") {
				s.Errorf("error %q does not say which document it is about", text)
			}
			if _, err := numbers.Load(s.ctx, s.engine, "absent"); !errors.Is(err, store.ErrNotFound) {
				s.Errorf("Load = %v, want %v", err, store.ErrNotFound)
			}
			s.view(func(tx store.Tx) error {
				if v, found, err := numbers.Find(tx, "absent"); v != 0 || found || err != nil {
					s.Errorf("Find = %v, %v, %v; want nothing", v, found, err)
				}
				return nil
			})
			err = numbers.Update(s.ctx, s.engine, "absent", func(int) (int, error) {
				s.Error("the function of Update runs on nothing")
				return 1, nil
			})
			if !errors.Is(err, store.ErrNotFound) {
				s.Errorf("Update = %v, want %v", err, store.ErrNotFound)
			}
			s.update(func(tx store.Tx) error { return tx.Delete(things, "absent") })
			s.update(func(tx store.Tx) error { return tx.Delete("nowhere", "absent") })
		}},
		{"Create never replaces", func(s *subject) {
			create := func(v int) error {
				return s.engine.Update(s.ctx, func(tx store.Tx) error { return numbers.Create(tx, "a", v) })
			}
			s.must(create(1))
			if err := create(2); !errors.Is(err, store.ErrExists) {
				s.Errorf("second Create = %v, want %v", err, store.ErrExists)
			}
			if v, err := numbers.Load(s.ctx, s.engine, "a"); v != 1 || err != nil {
				s.Errorf("the document is %v, %v; want 1", v, err)
			}
		}},
		{"Upsert and Update see what is there", func(s *subject) {
			for want := 1; want <= 3; want++ {
				s.must(numbers.Upsert(s.ctx, s.engine, "a", func(old int, found bool) (int, error) {
					if found != (want > 1) || old != want-1 {
						s.Errorf("old value %d, %v; want %d", old, found, want-1)
					}
					return old + 1, nil
				}))
			}
			s.must(numbers.Update(s.ctx, s.engine, "a", func(old int) (int, error) { return old * 10, nil }))
			if all, err := numbers.All(s.ctx, s.engine, store.Span{}); err != nil || !cmp.Equal(all, []int{30}) {
				s.Errorf("All = %v, %v; want 30", all, err)
			}
		}},
		{"bytes that are read are the caller's", func(s *subject) {
			s.put("a", "abc")
			var kept []byte
			s.view(func(tx store.Tx) error {
				got, err := tx.Get(things, "a")
				if err != nil {
					return err
				}
				scribble(got)
				kept, err = tx.Get(things, "a")
				return err
			})
			s.view(func(tx store.Tx) error {
				return tx.Scan(things, store.Span{}, func(_ string, doc []byte) (bool, error) {
					scribble(doc)
					return true, nil
				})
			})
			s.want("a", "abc")
			for range 20 { // whatever the engine keeps in that place next
				s.put("a", strings.Repeat("z", 3000))
				s.put("a", "xyz")
			}
			if string(kept) != "abc" {
				s.Errorf("bytes read earlier became %q", kept)
			}
		}},
		{"bytes that were put are not looked at again", func(s *subject) {
			doc := []byte("abc")
			s.update(func(tx store.Tx) error {
				copy(doc, "abc")
				if err := tx.Put(things, "a", doc); err != nil {
					return err
				}
				scribble(doc)
				return nil
			})
			s.want("a", "abc")
		}},
		{"a document of the limit fits, a larger one is refused", func(s *subject) {
			s.update(func(tx store.Tx) error { return tx.Put(things, "a", bytes.Repeat([]byte("x"), store.MaxDoc)) })
			if doc, err := s.get("a"); len(doc) != store.MaxDoc || err != nil {
				s.Errorf("%d bytes came back, %v; want %d", len(doc), err, store.MaxDoc)
			}
			err := s.engine.Update(s.ctx, func(tx store.Tx) error {
				return errors.Join(tx.Put(things, "b", []byte("1")), tx.Put(things, "a", make([]byte, store.MaxDoc+1)))
			})
			if !errors.Is(err, store.ErrTooLarge) {
				s.Errorf("Put of a byte more = %v, want %v", err, store.ErrTooLarge)
			}
			if _, err := s.get("b"); !errors.Is(err, store.ErrNotFound) {
				s.Errorf("the transaction was refused and wrote: %v", err)
			}
		}},
		{"a transaction of the limit fits, a larger one is refused", func(s *subject) {
			const n = store.MaxUpdate / store.MaxDoc
			write := func(size int) error {
				return s.engine.Update(s.ctx, func(tx store.Tx) error {
					for i := range n {
						if err := tx.Put(things, string(rune('a'+i)), make([]byte, size)); err != nil {
							return err
						}
					}
					return nil
				})
			}
			s.must(write(store.MaxDoc - 1))
			if err := write(store.MaxDoc); !errors.Is(err, store.ErrTooLarge) {
				s.Errorf("Update of %d bytes and ids = %v, want %v", store.MaxUpdate, err, store.ErrTooLarge)
			}
		}},
		{"a transaction holds a thousand writes", func(s *subject) {
			const n = 1000
			s.update(func(tx store.Tx) error {
				for i := range n {
					if err := numbers.Put(tx, store.Key("many", string(rune(0x4e00+i))), i); err != nil {
						return err
					}
				}
				return nil
			})
			all, err := numbers.All(s.ctx, s.engine, store.Below("many"))
			s.must(err)
			for i, v := range all {
				if v != i {
					s.Fatalf("document %d holds %d", i, v)
				}
			}
			if len(all) != n {
				s.Errorf("%d documents, want %d", len(all), n)
			}
		}},
		{"an instant stays the same instant", func(s *subject) {
			kathmandu := time.FixedZone("", 5*3600+45*60)
			for _, at := range []time.Time{
				{},
				time.Date(2026, 11, 22, 23, 59, 59, 123456789, kathmandu), time.Date(1970, 1, 1, 0, 0, 0, 1, time.UTC),
				time.Date(2026, 3, 29, 2, 30, 0, 0, time.FixedZone("", -11*3600)),
			} {
				s.must(notes.Save(s.ctx, s.engine, "a", note{At: at}))
				if got, err := notes.Load(s.ctx, s.engine, "a"); err != nil || !got.At.Equal(at) {
					s.Errorf("%s came back as %s, %v", at, got.At, err)
				}
			}
		}},
		{"a document of another shape is an error that names it", func(s *subject) {
			s.must(notes.Save(s.ctx, s.engine, "odd", note{Text: "x"}))
			_, err := store.NewCollection[int]("notes").Load(s.ctx, s.engine, "odd")
			if err == nil || !strings.Contains(err.Error(), "odd") {
				s.Errorf("Load = %v, want an error that names the document", err)
			}
		}},
		{"many engines do not share documents", func(s *subject) {
			other := s.Open(s.TB)
			s.put("a", "1")
			err := other.View(s.ctx, func(tx store.Tx) error { _, err := tx.Get(things, "a"); return err })
			if !errors.Is(err, store.ErrNotFound) {
				s.Errorf("another engine gives %v, want %v", err, store.ErrNotFound)
			}
		}},
	}
}

func scribble(b []byte) {
	for i := range b {
		b[i] = '!'
	}
}
