package complete

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/embedded"
)

// counting is a store that counts the documents that are read.
type counting struct {
	store.Engine
	read int
}

func (c *counting) View(ctx context.Context, f func(store.Tx) error) error {
	return c.Engine.View(ctx, func(tx store.Tx) error { return f(&countingTx{tx, c}) })
}

type countingTx struct {
	store.Tx
	counts *counting
}

func (tx *countingTx) Get(collection, id string) ([]byte, error) {
	tx.counts.read++
	return tx.Tx.Get(collection, id)
}

func (tx *countingTx) Scan(collection string, span store.Span, each func(string, []byte) (bool, error)) error {
	return tx.Tx.Scan(collection, span, func(id string, doc []byte) (bool, error) {
		tx.counts.read++
		return each(id, doc)
	})
}

func openLessons(tb testing.TB) *counting {
	tb.Helper()
	db, err := embedded.Open(filepath.Join(tb.TempDir(), "app.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return &counting{Engine: db}
}

func lessonNo(n int, account string) ledger.Lesson {
	return ledger.Lesson{
		ID: fmt.Sprintf("%016d:from", n), BankAccount: "bank", Date: bank.NewDate(2020, 1, 1).AddDays(n % 2000), Amount: fmt.Sprint(-n%500 - 1),
		Text: fmt.Sprintf("CARD PURCHASE %04d MERCHANT NUMBER %d BERLIN", n%1000, n%300), Account: account,
	}
}

// known are the lessons that a model gets which begins now, in their order.
func known(tb testing.TB, c *Completer, book string) []ledger.Lesson {
	tb.Helper()
	changes, whole, _, err := c.catchUp(context.Background(), book, false, 0)
	if err != nil || !whole || len(changes.Gone) > 0 {
		tb.Fatalf("whole %v, gone %v: %v", whole, changes.Gone, err)
	}
	slices.SortFunc(changes.Put, func(a, b ledger.Lesson) int { return cmp.Compare(a.ID, b.ID) })
	return changes.Put
}

// What is taught, forgotten and packed in any order is known to a model that
// begins, and to one that follows.
func TestLessonsAreWhatWasTaughtAndNotForgotten(t *testing.T) {
	db, books := openLessons(t), 0
	rapid.Check(t, func(t *rapid.T) {
		books++
		book := fmt.Sprint("book", books)
		c, want, version := New(db, time.Now), make(map[string]ledger.Lesson), 0
		followed := make(map[string]ledger.Lesson)
		ctx := context.Background()
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1, 2:
				var put []ledger.Lesson
				var gone []string
				for n := range rapid.IntRange(1, 4).Draw(t, "lessons") {
					lesson := lessonNo(rapid.IntRange(0, 5).Draw(t, "lesson")*10+n, rapid.SampledFrom([]string{"food", "rent"}).Draw(t, "account"))
					if rapid.Bool().Draw(t, "forget") {
						gone = append(gone, lesson.ID)
						delete(want, lesson.ID)
					} else {
						put = append(put, lesson)
						want[lesson.ID] = lesson
					}
				}
				if _, err := c.Teach(ctx, book, put, gone); err != nil {
					t.Fatal(err)
				}
			case 3:
				if err := c.packFrom(ctx, book, 1); err != nil {
					t.Fatal(err)
				}
			case 4: // a model of another process follows
				changes, whole, state, err := c.catchUp(ctx, book, version > 0, version)
				if err != nil {
					t.Fatal(err)
				}
				if whole {
					clear(followed)
				}
				for _, lesson := range changes.Put {
					followed[lesson.ID] = lesson
				}
				for _, id := range changes.Gone {
					delete(followed, id)
				}
				version = state.Version
				if diff := gocmp.Diff(want, followed); diff != "" {
					t.Fatalf("one that follows (-want +got):\n%s", diff)
				}
			}
			got := make(map[string]ledger.Lesson)
			changes, _, _, err := c.catchUp(ctx, book, false, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, lesson := range changes.Put {
				got[lesson.ID] = lesson
			}
			if diff := gocmp.Diff(want, got); diff != "" || len(changes.Put) != len(got) {
				t.Fatalf("one that begins (-want +got):\n%s", diff)
			}
		}
	})
}

func TestTwoProcessesThatTeachAtOnceLoseNoLesson(t *testing.T) {
	db := openLessons(t)
	processes := []*Completer{New(db.Engine, time.Now), New(db.Engine, time.Now)}
	const each = 60
	var all sync.WaitGroup
	for p, c := range processes {
		all.Go(func() {
			for n := range each {
				if _, err := c.Teach(t.Context(), "book", []ledger.Lesson{lessonNo(2*n+p, "food")}, nil); err != nil {
					t.Error(err)
				}
				if n%20 == 10 {
					if err := c.packFrom(t.Context(), "book", 1); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	for p, c := range processes {
		if n := len(known(t, c, "book")); n != 2*each {
			t.Errorf("process %d knows %d lessons of %d", p, n, 2*each)
		}
	}
}

func TestAPackingCutShortLosesNothing(t *testing.T) {
	db := openLessons(t)
	c := New(db.Engine, time.Now)
	for n := range 5 {
		if _, err := c.Teach(t.Context(), "book", []ledger.Lesson{lessonNo(n, "food")}, nil); err != nil {
			t.Fatal(err)
		}
	}
	// A page of the version that was never finished.
	page, _, err := packLessons([]ledger.Lesson{lessonNo(99, "rent")})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.records.LessonPages.Save(t.Context(), db, store.Key("book", ledger.VersionName(3), ledger.VersionName(0)), page); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n := len(known(t, c, "book")); n != 5 {
			t.Errorf("%d lessons", n)
		}
		if err := c.packFrom(t.Context(), "book", 1); err != nil {
			t.Fatal(err)
		}
	}
	pages, err := c.records.LessonPages.All(t.Context(), db, store.Below("book"))
	if err != nil || len(pages) != 1 {
		t.Errorf("%d pages, %v", len(pages), err)
	}
}

// BenchmarkLessonsOf100000 reads the lessons of a book of a hundred thousand
// transactions for a model that begins.
func BenchmarkLessonsOf100000(b *testing.B) {
	const many, atOnce = 100_000, 500
	db := openLessons(b)
	c := New(db, time.Now)
	for start := 0; start < many; start += atOnce {
		var lessons []ledger.Lesson
		for n := start; n < start+atOnce; n++ {
			lessons = append(lessons, lessonNo(n, "food"))
		}
		if _, err := c.Teach(b.Context(), "book", lessons, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := c.packFrom(b.Context(), "book", 1); err != nil {
		b.Fatal(err)
	}
	for n := range 50 { // since then people went on
		if _, err := c.Teach(b.Context(), "book", []ledger.Lesson{lessonNo(many+n, "food")}, nil); err != nil {
			b.Fatal(err)
		}
	}
	pages, err := c.records.LessonPages.All(b.Context(), db, store.Below("book"))
	if err != nil {
		b.Fatal(err)
	}
	size := 0
	for _, p := range pages {
		size += len(p.Packed)
	}
	for b.Loop() {
		db.read = 0
		if n := len(known(b, c, "book")); n != many+50 {
			b.Fatalf("%d lessons", n)
		}
	}
	b.ReportMetric(float64(db.read), "docs-read")
	b.ReportMetric(float64(size)/1e6, "MB-packed")
}
