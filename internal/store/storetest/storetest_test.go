package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/storetest"
	"github.com/bank-connections/bkper-bot/internal/store/trial"
)

// The suite is proven here: by an engine in memory that passes, on which
// functions do run again, and by the same engine with one fault at a time,
// each of which a check must notice.

func TestAnEngineWithoutFaultsPasses(t *testing.T) {
	storetest.Run(t, harness(faults{}))
}

func TestEachFaultIsNoticed(t *testing.T) {
	for _, c := range []struct {
		fault   faults
		noticed string // by the check of this name, and maybe by others
	}{
		{faults{name: "loses updates", commit: commitAlways}, "no update is lost under contention"},
		{faults{name: "checks what is written, not what is read", commit: commitUnlessWrittenChanged}, "what an Update has read is still so when it commits"},
		{faults{name: "does not see phantoms", commit: commitUnlessDocumentsChanged}, "what an Update has scanned is still so when it commits"},
		{faults{name: "keeps what an error should undo", keepOnError: true}, "an error undoes all and comes back as it is"},
		{faults{name: "keeps what failed beside others", keepOnError: true}, "who fails does not disturb who succeeds"},
		{faults{name: "hides the error", hideError: true}, "an error undoes all and comes back as it is"},
		{faults{name: "keeps what a panic should undo", keepOnPanic: true}, "a panic undoes all and goes on"},
		{faults{name: "swallows panics", swallowPanic: true}, "a panic undoes all and goes on"},
		{faults{name: "ignores contexts", ignoreContext: true}, "a cancelled context writes nothing"},
		{faults{name: "waits without its context", oneAtATime: true}, "a waiting Update gives up with its context"},
		{faults{name: "has no rules", noRules: true}, "nothing is read after a write"},
		{faults{name: "has no limits", noRules: true}, "a document of the limit fits, a larger one is refused"},
		{faults{name: "has no limits for transactions", noRules: true}, "a transaction of the limit fits, a larger one is refused"},
		{faults{name: "takes any name", noRules: true}, "names that no engine can keep are refused"},
		{faults{name: "writes in a View", noRules: true}, "View cannot write"},
		{faults{name: "works on after the end", noRules: true}, "a transaction that is over does nothing more"},
		{faults{name: "sees later writes in a View", liveView: true}, "View sees one moment, whatever is written meanwhile"},
		{faults{name: "lets a View wait for an Update", viewWaits: true}, "View neither waits for an Update nor sees half of it"},
		{faults{name: "scans without order", order: unordered}, "a scan goes by the bytes of the ids"},
		{faults{name: "orders without case", order: withoutCase}, "a scan goes by the bytes of the ids"},
		{faults{name: "includes the end of a span", span: includeTo}, "a span begins with From and ends before To"},
		{faults{name: "excludes the beginning of a span", span: excludeFrom}, "a span begins with From and ends before To"},
		{faults{name: "makes prefixes too wide", span: prefixTooWide}, "a prefix holds what begins with it and nothing else"},
		{faults{name: "makes prefixes too narrow", span: prefixTooNarrow}, "a prefix holds what begins with it and nothing else"},
		{faults{name: "ignores limits", span: noLimit}, "a span has a limit, from its own end"},
		{faults{name: "limits before it turns round", span: limitFirst}, "a span has a limit, from its own end"},
		{faults{name: "never turns round", span: noReverse}, "a span may go backwards"},
		{faults{name: "does not stop a scan", scanOn: true}, "a scan ends when it is told to"},
		{faults{name: "hands out its own bytes", aliasGet: true}, "bytes that are read are the caller's"},
		{faults{name: "keeps the caller's bytes", aliasPut: true}, "bytes that were put are not looked at again"},
		{faults{name: "keeps text only", text: true}, "a document holds any bytes, or none"},
		{faults{name: "has ids of text only", textIDs: true}, "an id holds any bytes"},
		{faults{name: "mixes collections", oneCollection: true}, "collections are apart"},
		{faults{name: "mixes engines", shared: &cell{}}, "many engines do not share documents"},
		{faults{name: "has its own error for absent documents", ownNotFound: true}, "what is absent is ErrNotFound and nothing else"},
		{faults{name: "gives empty documents for absent ones", emptyNotFound: true}, "Create never replaces"},
		{faults{name: "cannot delete what is absent", deleteFails: true}, "what is absent is ErrNotFound and nothing else"},
		{faults{name: "forgets deletions", noDelete: true}, "a document is what was put last"},
		{faults{name: "puts only once", putOnce: true}, "a document is what was put last"},
		{faults{name: "forgets everything on reopening", forget: forgetAll}, "what was committed is there after reopening, and nothing else"},
		{faults{name: "forgets the last transaction on reopening", forget: forgetLast}, "what was committed is there after reopening, and nothing else"},
		{faults{name: "forgets leases on reopening", forget: forgetAll}, "a lease and its fence outlive the process"},
	} {
		t.Run(c.fault.name, func(t *testing.T) {
			for _, check := range storetest.Checks() {
				if check.Name != c.noticed {
					continue
				}
				h := harness(c.fault)
				h.Limits.Patience = time.Second
				if c.fault.viewWaits || c.fault.oneAtATime {
					h.Limits.Patience = 100 * time.Millisecond // the check ends by it
				}
				if outcome := trial.Run(t, func(tb testing.TB) { check.Run(tb, h) }); !outcome.Failed {
					t.Errorf("the check passes; it said: %s", outcome.Log)
				}
				return
			}
			t.Fatalf("there is no check %q", c.noticed)
		})
	}
}

func TestLeasesNeedAnEngineThatLosesNoUpdate(t *testing.T) {
	fault := faults{commit: commitAlways}
	for _, check := range storetest.Checks() {
		if check.Name != "one of many gets the lease" {
			continue
		}
		if outcome := trial.Run(t, func(tb testing.TB) { check.Run(tb, harness(fault)) }); !outcome.Failed {
			t.Error("many hold one lease and the check passes")
		}
	}
}

// faults says what is wrong with an engine.
type faults struct {
	name          string
	commit        commitRule
	keepOnError   bool
	hideError     bool
	keepOnPanic   bool
	swallowPanic  bool
	ignoreContext bool
	oneAtATime    bool
	noRules       bool
	liveView      bool
	viewWaits     bool
	order         func(a, b string) int
	span          spanFault
	scanOn        bool
	aliasGet      bool
	aliasPut      bool
	text          bool
	textIDs       bool
	oneCollection bool
	shared        *cell
	ownNotFound   bool
	emptyNotFound bool
	deleteFails   bool
	noDelete      bool
	putOnce       bool
	forget        forgetting
}

type (
	commitRule int
	spanFault  int
	forgetting int
)

const (
	commitUnlessReadChanged commitRule = iota // right
	commitAlways
	commitUnlessWrittenChanged
	commitUnlessDocumentsChanged
)

const (
	rightSpan spanFault = iota
	includeTo
	excludeFrom
	prefixTooWide
	prefixTooNarrow
	noLimit
	limitFirst
	noReverse
)

const (
	forgetNothing forgetting = iota
	forgetAll
	forgetLast
)

func unordered(a, b string) int {
	if c := len(a) - len(b); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

func withoutCase(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }

func harness(f faults) storetest.Harness {
	return storetest.Harness{
		Open: func(testing.TB) store.Engine {
			data := f.shared
			if data == nil {
				data = &cell{}
			}
			return &memory{faults: f, data: data}
		},
		Reopen: func(_ testing.TB, e store.Engine) store.Engine {
			old := e.(*memory)
			switch f.forget {
			case forgetAll:
				return &memory{faults: f, data: &cell{}}
			case forgetLast:
				return &memory{faults: f, data: &cell{docs: old.data.before}}
			}
			return &memory{faults: f, data: old.data}
		},
	}
}

// memory is an engine that works on snapshots and commits if nothing it has
// read was changed meanwhile; otherwise the function runs again.
type memory struct {
	faults
	data   *cell
	single sync.Mutex // for oneAtATime and viewWaits
}

type name struct{ collection, id string }

// cell holds a version of all documents. A version is never changed.
type cell struct {
	mu     sync.Mutex
	docs   map[name][]byte
	before map[name][]byte
}

func (c *cell) snapshot() map[name][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.docs
}

func (m *memory) View(ctx context.Context, f func(store.Tx) error) error {
	if m.viewWaits {
		m.single.Lock()
		defer m.single.Unlock()
	}
	tx := &memoryTx{m: m, docs: m.data.snapshot()}
	if m.noRules {
		return f(tx)
	}
	if m.ignoreContext {
		ctx = context.WithoutCancel(ctx)
	}
	return store.RunView(ctx, tx, f)
}

func (m *memory) Update(ctx context.Context, f func(store.Tx) error) error {
	if m.viewWaits || m.oneAtATime {
		m.single.Lock()
		defer m.single.Unlock()
	}
	if m.ignoreContext {
		ctx = context.WithoutCancel(ctx)
	}
	for {
		tx := &memoryTx{m: m, docs: m.data.snapshot(), writes: map[name][]byte{}}
		err := m.attempt(ctx, tx, f)
		if err != nil && !m.keepOnError {
			if m.hideError {
				return nil
			}
			return err
		}
		if m.tryCommit(tx) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("memory: too much contention: %w", ctx.Err())
		}
	}
}

func (m *memory) attempt(ctx context.Context, tx *memoryTx, f func(store.Tx) error) (err error) {
	defer func() {
		if !m.keepOnPanic && !m.swallowPanic {
			return
		}
		if p := recover(); p != nil {
			if m.keepOnPanic {
				m.tryCommit(tx)
			}
			if !m.swallowPanic {
				panic(p)
			}
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if m.noRules {
		return f(tx)
	}
	return store.RunUpdate(ctx, tx, f)
}

func (m *memory) tryCommit(tx *memoryTx) bool {
	m.data.mu.Lock()
	defer m.data.mu.Unlock()
	if m.conflict(tx) {
		return false
	}
	after := map[name][]byte{}
	maps.Copy(after, m.data.docs)
	for n, doc := range tx.writes {
		switch {
		case doc == nil && !m.noDelete:
			delete(after, n)
		case doc != nil && (!m.putOnce || after[n] == nil):
			after[n] = doc
		}
	}
	m.data.before, m.data.docs = m.data.docs, after
	return true
}

func (m *memory) conflict(tx *memoryTx) bool {
	now := &memoryTx{m: m, docs: m.data.docs}
	changed := func(n name) bool { return string(tx.docs[n]) != string(now.docs[n]) }
	switch m.commit {
	case commitAlways:
		return false
	case commitUnlessWrittenChanged:
		for n := range tx.writes {
			if changed(n) {
				return true
			}
		}
		return false
	case commitUnlessDocumentsChanged:
		return slices.ContainsFunc(tx.read, changed)
	}
	return slices.ContainsFunc(tx.read, changed) || slices.ContainsFunc(tx.scanned, func(collection string) bool {
		return !slices.EqualFunc(tx.ids(collection), now.ids(collection), func(a, b string) bool {
			return a == b && !changed(name{collection, a})
		})
	})
}

type memoryTx struct {
	m       *memory
	docs    map[name][]byte
	writes  map[name][]byte // nil deletes
	read    []name
	scanned []string
}

func (t *memoryTx) name(collection, id string) name {
	if t.m.oneCollection {
		collection = ""
	}
	if t.m.textIDs {
		id = strings.ToValidUTF8(id, "\ufffd")
	}
	return name{collection, id}
}

func (t *memoryTx) Get(collection, id string) ([]byte, error) {
	n := t.name(collection, id)
	t.read = append(t.read, n)
	docs := t.docs
	if t.m.liveView {
		docs = t.m.data.snapshot()
	}
	doc, ok := docs[n]
	switch {
	case ok && t.m.aliasGet:
		return doc, nil
	case ok:
		return slices.Clone(doc), nil
	case t.m.ownNotFound:
		return nil, errors.New("no such document")
	case t.m.emptyNotFound:
		return []byte("0"), nil
	}
	return nil, store.ErrNotFound
}

func (t *memoryTx) Put(collection, id string, doc []byte) error {
	if !t.m.aliasPut {
		doc = append([]byte{}, doc...)
	}
	if t.m.text {
		doc = []byte(strings.ToValidUTF8(string(doc), "?"))
	}
	if t.writes == nil { // a View without rules
		t.writes = map[name][]byte{}
	}
	t.writes[t.name(collection, id)] = doc
	return nil
}

func (t *memoryTx) Delete(collection, id string) error {
	n := t.name(collection, id)
	if _, ok := t.docs[n]; !ok && t.m.deleteFails {
		return errors.New("nothing to delete")
	}
	if t.writes != nil {
		t.writes[n] = nil
	}
	return nil
}

func (t *memoryTx) ids(collection string) []string {
	collection = t.name(collection, "").collection
	var ids []string
	for n := range t.docs {
		if n.collection == collection {
			ids = append(ids, n.id)
		}
	}
	order := t.m.order
	if order == nil {
		order = strings.Compare
	}
	slices.SortFunc(ids, order)
	return ids
}

func (t *memoryTx) Scan(collection string, span store.Span, each func(string, []byte) (bool, error)) error {
	t.scanned = append(t.scanned, t.name(collection, "").collection)
	ids := slices.DeleteFunc(t.ids(collection), func(id string) bool { return !t.inside(id, span) })
	limit := func() {
		if span.Limit > 0 && span.Limit < len(ids) && t.m.span != noLimit {
			ids = ids[:span.Limit]
		}
	}
	if t.m.span == limitFirst {
		limit()
	}
	if span.Reverse && t.m.span != noReverse {
		slices.Reverse(ids)
	}
	limit()
	for _, id := range ids {
		doc := t.docs[name{t.name(collection, "").collection, id}]
		if !t.m.aliasGet {
			doc = slices.Clone(doc)
		}
		more, err := each(id, doc)
		if t.m.scanOn {
			continue
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (t *memoryTx) inside(id string, span store.Span) bool {
	from, to := id >= span.From, span.To == "" || id < span.To
	switch t.m.span {
	case includeTo:
		to = to || id == span.To
	case excludeFrom:
		from = span.From == "" || id > span.From
	case prefixTooWide: // compares one byte too little of the end
		to = to || strings.HasPrefix(id, span.To[:len(span.To)-1]) && id[len(span.To)-1:] <= span.To[len(span.To)-1:]+"\xff"
	case prefixTooNarrow: // believes that nothing follows a \xff
		to = to && !strings.HasSuffix(id, "\xff\xff\xff")
	}
	return from && to
}
