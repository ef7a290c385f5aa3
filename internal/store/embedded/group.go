package embedded

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/bank-connections/bkper-bot/internal/store"
)

// maxGroup is how many Updates may share a commit, so that the first of them
// does not wait for ever.
const maxGroup = 64

// group is one bbolt transaction that several Updates share: they run one after
// the other, each sees what those before it have written, and one commit makes
// them all durable. To write to the disk costs more than anything else here.
type group struct {
	tx      *bbolt.Tx
	members int
	wrote   bool
	err     error         // set before ended is closed
	ended   chan struct{} // when the group is committed or undone
}

// write is one change of a document; doc is nil for its deletion.
type write struct {
	collection, id string
	doc            []byte
}

// Put implements store.Tx.
func (t *boltTx) Put(collection, id string, doc []byte) error {
	t.writes = append(t.writes, write{collection, id, append([]byte{}, doc...)}) // the caller's bytes may change
	return nil
}

// Delete implements store.Tx.
func (t *boltTx) Delete(collection, id string) error {
	t.writes = append(t.writes, write{collection: collection, id: id})
	return nil
}

// join runs f as a member of g, in its turn, and returns when g has ended. If
// f fails or panics nothing of it is written, and the others are not concerned.
// Even then what f has seen holds only if g is committed.
func (db *DB) join(ctx context.Context, g *group, f func(store.Tx) error) error {
	returned := false
	defer func() {
		if !returned { // f panics: the others still need the commit
			db.leave(g)
		}
	}()
	tx := &boltTx{tx: g.tx}
	err := store.RunUpdate(ctx, tx, f)
	returned = true
	if err == nil {
		g.err = g.apply(tx.writes)
	}
	db.leave(g)
	<-g.ended
	if g.err != nil {
		return fmt.Errorf("store: commit: %w", g.err)
	}
	return err
}

// leave gives the turn to the next member, or ends the group if there is none.
func (db *DB) leave(g *group) {
	g.members++
	if g.members < maxGroup && g.err == nil && db.turns.passOn() {
		return
	}
	if g.err == nil && g.wrote {
		g.err = g.tx.Commit()
	}
	if g.err != nil || !g.wrote {
		_ = g.tx.Rollback() // nothing to do for it after some errors of Commit
	}
	close(g.ended)
	db.group = nil
	db.turns.pass()
}

func (g *group) apply(writes []write) error {
	for _, w := range writes {
		g.wrote = true
		bucket, err := g.tx.CreateBucketIfNotExists([]byte(w.collection))
		if err != nil {
			return err
		}
		if w.doc == nil {
			err = bucket.Delete([]byte(w.id))
		} else {
			err = bucket.Put([]byte(w.id), w.doc)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// turns is a lock that is handed over in the order of asking, that can be
// waited for within a context, and whose holder sees whether others wait.
type turns struct {
	mu      sync.Mutex
	taken   bool
	waiting []chan struct{}
}

// wait returns nil when it is the caller's turn.
func (t *turns) wait(ctx context.Context) error {
	t.mu.Lock()
	if !t.taken {
		t.taken = true
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	t.waiting = append(t.waiting, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.waiting, mine); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
		return ctx.Err()
	}
	return nil // the turn has come meanwhile and must be used
}

// passOn gives the turn to one who waits, and reports whether there is one.
func (t *turns) passOn() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		return false
	}
	close(t.waiting[0])
	t.waiting = slices.Delete(t.waiting, 0, 1)
	return true
}

// pass ends the caller's turn.
func (t *turns) pass() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.taken = false
		return
	}
	close(t.waiting[0])
	t.waiting = slices.Delete(t.waiting, 0, 1)
}
