package complete

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// The lessons of a book lie in the store three times: one by one, to be looked
// up; as a log of what changed with each version, so that a model that is
// behind reads only what it lacks; and in pages of many, so that a model that
// begins reads some fifty documents and a short log where a book has a hundred
// thousand lessons. A change is written with its version in one transaction:
// two processes that teach at once come one after the other, and neither's
// lesson is lost.
const (
	pageLessons = 2000
	pageBytes   = 600_000 // before packing; a document holds 1 MiB
	packAfter   = 200     // changes in the log, and one for every packShare lessons
	packShare   = 200
)

// catchUp returns what a model of a version lacks to be up to date. whole says
// that it is everything, and the model begins anew.
func (c *Completer) catchUp(ctx context.Context, bookID string, built bool, version int) (changes ledger.LessonChange, whole bool, state ledger.Learning, err error) {
	err = c.engine.View(ctx, func(tx store.Tx) error {
		changes, whole = ledger.LessonChange{}, false
		if state, _, err = c.records.Learning.Find(tx, store.Key(bookID)); err != nil || built && version == state.Version {
			return err
		}
		if built && version >= state.Packed {
			var complete bool
			if changes, complete, err = c.log(tx, bookID, version, state.Version); err != nil || complete {
				return err
			}
		}
		whole = true
		lessons, err := c.allLessons(tx, bookID, state)
		changes = ledger.LessonChange{Put: lessons}
		return err
	})
	if err != nil {
		return changes, false, state, fmt.Errorf("reading the lessons of book %s: %w", bookID, err)
	}
	return changes, whole, state, nil
}

// log joins the changes after one version up to another, and reports whether it
// has all of them.
func (c *Completer) log(tx store.Tx, bookID string, after, upTo int) (joined ledger.LessonChange, complete bool, err error) {
	put, gone := make(map[string]ledger.Lesson), make(map[string]bool)
	n := 0
	span := store.Below(bookID)
	span.From = ledger.LessonLogKey(bookID, after+1)
	err = c.records.LessonLog.Scan(tx, span, func(_ string, change ledger.LessonChange) (bool, error) {
		n++
		for _, lesson := range change.Put {
			put[lesson.ID] = lesson
			delete(gone, lesson.ID)
		}
		for _, id := range change.Gone {
			delete(put, id)
			gone[id] = true
		}
		return true, nil
	})
	for _, id := range slices.Sorted(maps.Keys(put)) {
		joined.Put = append(joined.Put, put[id])
	}
	joined.Gone = slices.Sorted(maps.Keys(gone))
	return joined, n == upTo-after, err
}

// allLessons reads the lessons of a book: from the pages and the log, or one by
// one where these do not reach.
func (c *Completer) allLessons(tx store.Tx, bookID string, state ledger.Learning) ([]ledger.Lesson, error) {
	tail, complete, err := c.log(tx, bookID, state.Packed, state.Version)
	if err != nil {
		return nil, err
	}
	var lessons []ledger.Lesson
	if !complete {
		err := c.records.Lessons.Scan(tx, store.Below(bookID), func(_ string, lesson ledger.Lesson) (bool, error) {
			lessons = append(lessons, lesson)
			return true, nil
		})
		return lessons, err
	}
	changed := make(map[string]bool)
	for _, lesson := range tail.Put {
		changed[lesson.ID] = true
	}
	for _, id := range tail.Gone {
		changed[id] = true
	}
	if state.Packed > 0 {
		err = c.records.LessonPages.Scan(tx, store.Below(bookID, ledger.VersionName(state.Packed)), func(_ string, page ledger.LessonPage) (bool, error) {
			packed, err := unpackLessons(page.Packed)
			for _, lesson := range packed {
				if !changed[lesson.ID] {
					lessons = append(lessons, lesson)
				}
			}
			return true, err
		})
	}
	return append(lessons, tail.Put...), err
}

// pack writes the lessons of a book into pages once its log has grown long, and
// forgets the log. Whoever reads meanwhile reads the pages of before.
func (c *Completer) pack(ctx context.Context, bookID string) error {
	return c.packFrom(ctx, bookID, packAfter)
}

// packFrom packs from so many changes in the log on.
func (c *Completer) packFrom(ctx context.Context, bookID string, changes int) error {
	var state ledger.Learning
	var lessons []ledger.Lesson
	due := false
	err := c.engine.View(ctx, func(tx store.Tx) (err error) {
		if state, _, err = c.records.Learning.Find(tx, store.Key(bookID)); err != nil {
			return err
		}
		if due = state.Version-state.Packed >= changes+state.PackedLessons/packShare; !due {
			return nil
		}
		lessons, err = c.allLessons(tx, bookID, state)
		return err
	})
	if err != nil || !due {
		return err
	}
	count := len(lessons)
	version := ledger.VersionName(state.Version)
	for n := 0; len(lessons) > 0; n++ {
		page, rest, err := packLessons(lessons)
		if err != nil {
			return err
		}
		if err := c.records.LessonPages.Save(ctx, c.engine, store.Key(bookID, version, ledger.VersionName(n)), page); err != nil {
			return fmt.Errorf("writing page %d: %w", n, err)
		}
		lessons = rest
	}
	err = c.records.Learning.Update(ctx, c.engine, store.Key(bookID), func(now ledger.Learning) (ledger.Learning, error) {
		if now.Packed < state.Version {
			now.Packed, now.PackedLessons = state.Version, count
		}
		return now, nil
	})
	if err != nil {
		return err
	}
	return c.forgetPacked(ctx, bookID, state.Version)
}

// forgetPacked deletes the pages and the log that the pages of a version stand
// for. What a cut leaves behind is deleted the next time.
func (c *Completer) forgetPacked(ctx context.Context, bookID string, version int) error {
	const atOnce = 400
	for more := true; more; {
		var pages, changes []string
		err := c.engine.View(ctx, func(tx store.Tx) error {
			pages, changes = nil, nil
			span := store.Below(bookID)
			span.To, span.Limit = store.Key(bookID, ledger.VersionName(version)), atOnce
			err := c.records.LessonPages.ScanIf(tx, span, func(id string, _ []byte) bool {
				pages = append(pages, id)
				return false
			}, nil)
			if err != nil {
				return err
			}
			span.To = ledger.LessonLogKey(bookID, version+1)
			return c.records.LessonLog.ScanIf(tx, span, func(id string, _ []byte) bool {
				changes = append(changes, id)
				return false
			}, nil)
		})
		if err != nil {
			return err
		}
		more = len(pages)+len(changes) > 0
		err = c.engine.Update(ctx, func(tx store.Tx) error {
			for _, id := range pages {
				if err := c.records.LessonPages.Delete(tx, id); err != nil {
					return err
				}
			}
			for _, id := range changes {
				if err := c.records.LessonLog.Delete(tx, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// packLessons packs as many lessons as a page takes, and returns the rest.
func packLessons(lessons []ledger.Lesson) (page ledger.LessonPage, rest []ledger.Lesson, err error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	size, n := 0, 0
	for ; n < len(lessons) && n < pageLessons && size < pageBytes; n++ {
		line, err := json.Marshal(lessons[n])
		if err != nil {
			return page, nil, fmt.Errorf("packing lesson %s: %w", lessons[n].ID, err)
		}
		size += len(line)
		if _, err := w.Write(line); err != nil {
			return page, nil, err
		}
	}
	if err := w.Close(); err != nil {
		return page, nil, err
	}
	return ledger.LessonPage{Packed: packed.Bytes()}, lessons[n:], nil
}

func unpackLessons(packed []byte) ([]ledger.Lesson, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpacking lessons: %w", err)
	}
	var lessons []ledger.Lesson
	lines := json.NewDecoder(io.LimitReader(r, 4*pageBytes))
	for lines.More() {
		var lesson ledger.Lesson
		if err := lines.Decode(&lesson); err != nil {
			return nil, fmt.Errorf("unpacking lessons: %w", err)
		}
		lessons = append(lessons, lesson)
	}
	return lessons, nil
}
