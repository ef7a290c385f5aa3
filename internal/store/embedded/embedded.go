// Package embedded is the store's engine in one file of the data directory,
// for a machine with nothing else on it. One process uses the file at a time.
package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/bank-connections/bkper-bot/internal/store"
)

// lockWait is how long Open waits for another process to let go of the file.
const lockWait = time.Second

// mapped is how many bytes of address space are reserved for the file. Only
// when it outgrows them must a writer wait for readers.
const mapped = 1 << 30

// DB is an open file. It implements store.Engine and is safe for concurrent
// use.
type DB struct {
	bolt  *bbolt.DB
	turns turns
	group *group // of the Updates that commit together; used by whose turn it is
}

// Open opens the file, and creates it and its folder if there is none: the
// file is readable by its owner only. It returns store.ErrInUse when another
// process still holds the file after a second.
func Open(path string) (*DB, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: create the data directory: %w", err)
	}
	options := *bbolt.DefaultOptions
	options.Timeout = lockWait
	options.FreelistType = bbolt.FreelistMapType
	if strconv.IntSize == 64 && runtime.GOOS != "windows" { // Windows would make the file as large
		options.InitialMmapSize = mapped
	}
	bolt, err := bbolt.Open(path, 0o600, &options)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("store: open %s: %w", path, store.ErrInUse)
	case err != nil:
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	if err := syncDir(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("store: make %s durable: %w", path, err), bolt.Close())
	}
	return &DB{bolt: bolt}, nil
}

// Close waits for transactions under way and lets go of the file.
func (db *DB) Close() error {
	if err := db.bolt.Close(); err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	return nil
}

// View implements store.Engine.
func (db *DB) View(ctx context.Context, f func(store.Tx) error) error {
	return closed(db.bolt.View(func(tx *bbolt.Tx) error {
		return store.RunView(ctx, &boltTx{tx: tx}, f)
	}))
}

// Update implements store.Engine. Those that wait for each other share one
// commit.
func (db *DB) Update(ctx context.Context, f func(store.Tx) error) error {
	if err := db.turns.wait(ctx); err != nil {
		return fmt.Errorf("store: wait for another transaction: %w", err)
	}
	if db.group == nil {
		tx, err := db.bolt.Begin(true)
		if err != nil {
			db.turns.pass()
			return closed(err)
		}
		db.group = &group{tx: tx, ended: make(chan struct{})}
	}
	return db.join(ctx, db.group, f)
}

func closed(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return fmt.Errorf("store: %w", store.ErrClosed)
	}
	return err
}

// boltTx is a transaction with one bucket per collection. Its writes are kept
// aside until its function has succeeded; nothing is read after them.
type boltTx struct {
	tx     *bbolt.Tx
	writes []write
}

func (t *boltTx) Get(collection, id string) ([]byte, error) {
	bucket := t.tx.Bucket([]byte(collection))
	if bucket == nil {
		return nil, store.ErrNotFound
	}
	doc := bucket.Get([]byte(id))
	if doc == nil {
		return nil, store.ErrNotFound
	}
	return bytes.Clone(doc), nil // bbolt's bytes end with the transaction
}

func (t *boltTx) Scan(collection string, span store.Span, each func(string, []byte) (bool, error)) error {
	bucket := t.tx.Bucket([]byte(collection))
	if bucket == nil {
		return nil
	}
	cursor := bucket.Cursor()
	from, to := []byte(span.From), []byte(span.To)
	inside := func(id []byte) bool {
		return id != nil && bytes.Compare(id, from) >= 0 && (len(to) == 0 || bytes.Compare(id, to) < 0)
	}
	id, doc := cursor.Seek(from)
	next := cursor.Next
	if span.Reverse {
		id, doc = last(cursor, to)
		next = cursor.Prev
	}
	for n := 0; inside(id) && (span.Limit <= 0 || n < span.Limit); n++ {
		more, err := each(string(id), slices.Clone(doc))
		if err != nil || !more {
			return err
		}
		id, doc = next()
	}
	return nil
}

// last moves to the last id before to, or the very last if to is empty.
func last(cursor *bbolt.Cursor, to []byte) (id, doc []byte) {
	if len(to) == 0 {
		return cursor.Last()
	}
	if id, _ := cursor.Seek(to); id == nil {
		return cursor.Last()
	}
	return cursor.Prev()
}
