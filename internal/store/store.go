// Package store keeps what must last: typed collections of documents over a
// small engine. Two engines can stand below it, an embedded file and Firestore;
// both pass the suite in storetest, and code that is right on one of them is
// right on the other, because the stricter rule of the two holds on both.
package store

import (
	"context"
	"errors"
)

// Errors of every engine. They come wrapped with the collection and the id;
// compare with errors.Is.
var (
	ErrNotFound       = errors.New("not found")
	ErrExists         = errors.New("exists already")
	ErrHeld           = errors.New("held by another")
	ErrInUse          = errors.New("in use by another process")
	ErrClosed         = errors.New("store is closed")
	ErrTooLarge       = errors.New("too large")
	ErrBadName        = errors.New("not a name the store can keep")
	ErrReadOnly       = errors.New("write in a read-only transaction")
	ErrReadAfterWrite = errors.New("read after a write: read everything first, then write")
	ErrFinished       = errors.New("transaction is over")
)

// Limits of every engine, in bytes.
const (
	MaxDoc    = 1_000_000 // one document
	MaxUpdate = 8_000_000 // all documents and ids written by one Update
	MaxID     = 480       // an id; any bytes, at least one
	MaxName   = 64        // the name of a collection: a-z, 0-9 and _, first a letter
)

// Engine runs transactions. Its functions must not start another transaction:
// the one inside may wait for the one outside for ever.
type Engine interface {
	// View runs f on a consistent snapshot. It does not wait for an Update
	// under way. It returns the error of f.
	View(ctx context.Context, f func(Tx) error) error

	// Update runs f and keeps all it wrote, or, when it returns an error or f
	// panics, nothing of it. Updates are serialisable, and durable when Update
	// returns nil. f may run more than once, so it must set what it returns
	// through variables anew each time and do nothing else that lasts. All its
	// reads come before its first write.
	Update(ctx context.Context, f func(Tx) error) error
}

// Tx is one transaction, used by one goroutine and only while its function
// runs. Documents are opaque bytes in named collections; ids are ordered by
// their bytes.
type Tx interface {
	// Get returns a document, or ErrNotFound. The bytes are the caller's.
	Get(collection, id string) ([]byte, error)

	// Put creates or replaces a document. It keeps no reference to doc.
	Put(collection, id string, doc []byte) error

	// Delete removes a document; nothing happens if it is absent.
	Delete(collection, id string) error

	// Scan calls each for the documents of span in the order of their ids,
	// until it returns false or an error; Scan returns that error. The bytes
	// are the caller's. each must not write.
	Scan(collection string, span Span, each func(id string, doc []byte) (bool, error)) error
}

// Span is a range of ids.
type Span struct {
	From, To string // [From, To); "" leaves that end open
	Limit    int    // at most so many; 0 is all
	Reverse  bool   // from the end of the range to its beginning
}

// Prefix returns the span of all ids that begin with p.
func Prefix(p string) Span {
	end := []byte(p)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) > 0 {
		end[len(end)-1]++
	}
	return Span{From: p, To: string(end)}
}
