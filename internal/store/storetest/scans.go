package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/store"
)

func scans() []Check {
	return []Check{
		{"a scan goes by the bytes of the ids", func(s *subject) {
			ids := []string{"b", "a", "B", "aa", "a/", "a/b", "a0", "10", "9", "ä", "z", "\xff", "\x00", "a\x00", "日"}
			s.fill(ids...)
			slices.Sort(ids)
			s.wantScan(store.Span{}, ids...)
		}},
		{"a span begins with From and ends before To", func(s *subject) {
			s.fill("a", "b", "bb", "c", "d")
			s.wantScan(store.Span{From: "b"}, "b", "bb", "c", "d")
			s.wantScan(store.Span{From: "ba"}, "bb", "c", "d")
			s.wantScan(store.Span{To: "c"}, "a", "b", "bb")
			s.wantScan(store.Span{To: "bz"}, "a", "b", "bb")
			s.wantScan(store.Span{From: "b", To: "c"}, "b", "bb")
			s.wantScan(store.Span{From: "b", To: "b"})
			s.wantScan(store.Span{From: "c", To: "b"})
			s.wantScan(store.Span{From: "e"})
			s.wantScan(store.Span{To: "A"})
		}},
		{"a span may go backwards", func(s *subject) {
			s.fill("a", "b", "bb", "c", "d")
			s.wantScan(store.Span{Reverse: true}, "d", "c", "bb", "b", "a")
			s.wantScan(store.Span{From: "b", To: "c", Reverse: true}, "bb", "b")
			s.wantScan(store.Span{To: "cc", Reverse: true}, "c", "bb", "b", "a")
			s.wantScan(store.Span{To: "zz", Reverse: true}, "d", "c", "bb", "b", "a")
			s.wantScan(store.Span{To: "a", Reverse: true})
			s.wantScan(store.Span{From: "c", To: "b", Reverse: true})
		}},
		{"a span has a limit, from its own end", func(s *subject) {
			s.fill("a", "b", "c", "d")
			s.wantScan(store.Span{Limit: 2}, "a", "b")
			s.wantScan(store.Span{Limit: 9}, "a", "b", "c", "d")
			s.wantScan(store.Span{From: "b", Limit: 1}, "b")
			s.wantScan(store.Span{Limit: 2, Reverse: true}, "d", "c")
			s.wantScan(store.Span{To: "c", Limit: 1, Reverse: true}, "b")
		}},
		{"a prefix holds what begins with it and nothing else", func(s *subject) {
			s.fill("a", "a/", "a/\x00", "a/1", "a/\xff", "a/\xff\xff\xff", "a0", "a\xff", "a\xff1", "a\xff\xff", "b", "\xff", "\xff\xff", "\xff\xff1")
			s.wantScan(store.Prefix("a/"), "a/", "a/\x00", "a/1", "a/\xff", "a/\xff\xff\xff")
			s.wantScan(store.Prefix("a\xff"), "a\xff", "a\xff1", "a\xff\xff")
			s.wantScan(store.Prefix("\xff\xff"), "\xff\xff", "\xff\xff1")
			s.wantScan(store.Prefix("c"))
		}},
		{"the keys below some parts are a prefix", func(s *subject) {
			s.fill(store.Key("book", "1"), store.Key("book", "10"), store.Key("book", "1", "b"), store.Key("book", "1", "a/b"),
				store.Key("book", "1/a"), store.Key("book", "1", ""), store.Key("boo", "1", "x"))
			s.wantScan(store.Below("book", "1"), store.Key("book", "1", ""), store.Key("book", "1", "a/b"), store.Key("book", "1", "b"))
		}},
		{"a scan of nothing gives nothing", func(s *subject) {
			s.wantScan(store.Span{})
			s.wantScan(store.Span{Reverse: true})
			s.fill("a")
			s.update(func(tx store.Tx) error { return tx.Delete(things, "a") })
			s.wantScan(store.Span{})
		}},
		{"a scan ends when it is told to", func(s *subject) {
			s.fill("a", "b", "c")
			stop := errors.New("stop")
			for _, c := range []struct {
				more bool
				err  error
				want string
			}{{false, nil, "a"}, {false, stop, "a"}, {true, stop, "a"}, {true, nil, "a b c"}} {
				var ids []string
				err := s.engine.View(s.ctx, func(tx store.Tx) error {
					ids = nil
					return tx.Scan(things, store.Span{}, func(id string, _ []byte) (bool, error) {
						ids = append(ids, id)
						return c.more, c.err
					})
				})
				if got := strings.Join(ids, " "); got != c.want || !errors.Is(err, c.err) {
					s.Errorf("each returns %v, %v: scan gives %q, %v; want %q", c.more, c.err, got, err, c.want)
				}
			}
		}},
		{"documents can be read inside a scan", func(s *subject) {
			s.fill("a", "b")
			s.view(func(tx store.Tx) error {
				return tx.Scan(things, store.Span{}, func(id string, _ []byte) (bool, error) {
					doc, err := tx.Get(things, id)
					if err == nil && string(doc) != id {
						err = fmt.Errorf("document %q is %q", id, doc)
					}
					return true, err
				})
			})
		}},
		{"a scan in an Update sees what was there before it", func(s *subject) {
			s.fill("a", "b")
			var ids []string
			s.update(func(tx store.Tx) error {
				ids = nil
				err := tx.Scan(things, store.Span{}, func(id string, _ []byte) (bool, error) {
					ids = append(ids, id)
					return true, nil
				})
				if err != nil {
					return err
				}
				for _, id := range ids {
					if err := tx.Delete(things, id); err != nil {
						return err
					}
				}
				return tx.Put(things, "c", []byte("c"))
			})
			if !cmp.Equal(ids, []string{"a", "b"}) {
				s.Errorf("scan in an Update gives %q", ids)
			}
			s.wantScan(store.Span{}, "c")
		}},
		{"it does what a sorted map does", func(s *subject) {
			random := rand.New(rand.NewPCG(1, 2))
			alphabet := []string{"a", "b", "/", "\x00", "\xff", "é"}
			name := func() string {
				var b strings.Builder
				for range 1 + random.IntN(3) {
					b.WriteString(alphabet[random.IntN(len(alphabet))])
				}
				return b.String()
			}
			model := map[string]bool{}
			for range 60 {
				puts, deletes := []string{name(), name()}, []string{name()}
				s.update(func(tx store.Tx) error {
					for _, id := range puts {
						if err := tx.Put(things, id, []byte(id)); err != nil {
							return err
						}
					}
					return tx.Delete(things, deletes[0])
				})
				for _, id := range puts {
					model[id] = true
				}
				delete(model, deletes[0])
				for range 3 {
					span := store.Span{From: name(), To: name(), Limit: random.IntN(4), Reverse: random.IntN(2) == 0}
					if random.IntN(3) == 0 {
						span.To = ""
					}
					if random.IntN(3) == 0 {
						span = store.Prefix(span.From)
					}
					s.wantScan(span, inModel(model, span)...)
				}
			}
		}},
	}
}

func inModel(model map[string]bool, span store.Span) []string {
	var ids []string
	for id := range model {
		if id >= span.From && (span.To == "" || id < span.To) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if span.Reverse {
		slices.Reverse(ids)
	}
	if span.Limit > 0 && len(ids) > span.Limit {
		ids = ids[:span.Limit]
	}
	return ids
}

func (s *subject) wantScan(span store.Span, want ...string) {
	s.Helper()
	got := s.scan(span)
	if len(got)+len(want) > 0 && !cmp.Equal(got, want) {
		s.Errorf("scan of [%q, %q), limit %d, reverse %v, gives %q, want %q",
			span.From, span.To, span.Limit, span.Reverse, got, want)
	}
}
