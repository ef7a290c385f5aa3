package embedded

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/bank-connections/bkper-bot/internal/store"
)

func openDB(t *testing.T) *DB {
	t.Helper()
	db, err := Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// await returns when so many wait for their turn.
func (t *turns) await(n int) {
	for {
		t.mu.Lock()
		waiting := len(t.waiting)
		t.mu.Unlock()
		if waiting == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// together runs Updates of one group in this order, and returns their errors.
func together(t *testing.T, db *DB, updates ...func(store.Tx) error) []error {
	t.Helper()
	results := make([]error, len(updates))
	inside, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		results[0] = db.Update(t.Context(), func(tx store.Tx) error {
			close(inside)
			<-leave
			return updates[0](tx)
		})
	})
	<-inside
	for i, f := range updates[1:] {
		all.Go(func() { results[i+1] = db.Update(t.Context(), f) })
		db.turns.await(i + 1)
	}
	close(leave)
	all.Wait()
	return results
}

func put(id string) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.Put("things", id, []byte(id)) }
}

// committed returns how many transactions were committed, and the documents.
func committed(t *testing.T, db *DB) (transactions, documents int) {
	t.Helper()
	err := db.bolt.View(func(tx *bbolt.Tx) error {
		transactions = tx.ID()
		if things := tx.Bucket([]byte("things")); things != nil {
			documents = things.Stats().KeyN
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return transactions, documents
}

func TestThoseWhoWaitShareOneCommit(t *testing.T) {
	db := openDB(t)
	before, _ := committed(t, db)
	for i, err := range together(t, db, put("a"), put("b"), put("c"), put("d")) {
		if err != nil {
			t.Errorf("Update %d = %v", i, err)
		}
	}
	if after, documents := committed(t, db); after != before+1 || documents != 4 {
		t.Errorf("%d commits of %d documents, want one of 4", after-before, documents)
	}
}

func TestAGroupThatWritesNothingCommitsNothing(t *testing.T) {
	db := openDB(t)
	before, _ := committed(t, db)
	own := errors.New("own")
	failing := func(tx store.Tx) error { return errors.Join(put("a")(tx), own) }
	for i, err := range together(t, db, failing, failing) {
		if !errors.Is(err, own) {
			t.Errorf("Update %d = %v, want %v", i, err, own)
		}
	}
	if after, documents := committed(t, db); after != before || documents != 0 {
		t.Errorf("%d commits of %d documents, want none", after-before, documents)
	}
}

func TestAGroupDoesNotGrowForEver(t *testing.T) {
	db := openDB(t)
	before, _ := committed(t, db)
	updates := make([]func(store.Tx) error, maxGroup+1)
	for i := range updates {
		updates[i] = put(string(rune('a' + i)))
	}
	together(t, db, updates...)
	if after, documents := committed(t, db); after != before+2 || documents != maxGroup+1 {
		t.Errorf("%d commits of %d documents, want 2 of %d", after-before, documents, maxGroup+1)
	}
}

func TestAFailedCommitFailsAllWhoShareIt(t *testing.T) {
	db := openDB(t)
	seen := func(store.Tx) error { return errors.New("seen what is not committed") }
	breaking := func(tx store.Tx) error { return errors.Join(db.group.tx.Rollback(), put("c")(tx)) }
	for i, err := range together(t, db, put("a"), seen, put("b"), breaking) {
		if !errors.Is(err, bolterrors.ErrTxClosed) {
			t.Errorf("Update %d = %v, want %v", i, err, bolterrors.ErrTxClosed)
		}
	}
	if err := db.Update(t.Context(), put("d")); err != nil {
		t.Errorf("the next Update = %v", err)
	}
	if _, documents := committed(t, db); documents != 1 {
		t.Errorf("%d documents, want the last only", documents)
	}
}

func TestWhoPanicsLeavesTheGroupToTheOthers(t *testing.T) {
	db := openDB(t)
	inside, caught := make(chan struct{}), make(chan any, 1)
	go func() {
		defer func() { caught <- recover() }()
		_ = db.Update(t.Context(), func(tx store.Tx) error {
			close(inside)
			db.turns.await(1)
			panic(errors.Join(errors.New("own"), put("lost")(tx)))
		})
	}()
	<-inside
	if err := db.Update(t.Context(), put("a")); err != nil {
		t.Errorf("Update beside a panic = %v", err)
	}
	if p := <-caught; p == nil {
		t.Error("the panic was lost")
	}
	if _, documents := committed(t, db); documents != 1 {
		t.Errorf("%d documents, want 1", documents)
	}
}

func TestAWaiterThatGivesUpIsPassedOver(t *testing.T) {
	var turn turns
	if err := turn.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone, stays := make(chan error, 1), make(chan error, 1)
	go func() { gone <- turn.wait(ctx) }()
	turn.await(1)
	go func() { stays <- turn.wait(t.Context()) }()
	turn.await(2)
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("wait = %v, want %v", err, context.Canceled)
	}
	if !turn.passOn() {
		t.Error("nobody waits")
	}
	if err := <-stays; err != nil {
		t.Errorf("wait = %v", err)
	}
	if turn.passOn() {
		t.Error("the turn went to one who has given up")
	}
	turn.pass()
	if err := turn.wait(t.Context()); err != nil {
		t.Errorf("wait for a free turn = %v", err)
	}
}
