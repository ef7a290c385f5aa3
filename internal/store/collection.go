package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Collection is a collection whose documents are values of T, kept as JSON.
// It is a plain name: it opens nothing and may be copied.
type Collection[T any] struct{ name string }

// NewCollection returns the collection of that name: a-z, 0-9 and _, first a
// letter.
func NewCollection[T any](name string) Collection[T] { return Collection[T]{name} }

// Get returns a document, or ErrNotFound.
func (c Collection[T]) Get(tx Tx, id string) (T, error) {
	doc, err := tx.Get(c.name, id)
	if err != nil {
		var none T
		return none, err
	}
	return c.decode(id, doc)
}

// Find returns a document and whether there is one.
func (c Collection[T]) Find(tx Tx, id string) (v T, found bool, err error) {
	v, err = c.Get(tx, id)
	if errors.Is(err, ErrNotFound) {
		return v, false, nil
	}
	return v, err == nil, err
}

// Put creates or replaces a document.
func (c Collection[T]) Put(tx Tx, id string, v T) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return describe("encode", c.name, id, err)
	}
	return tx.Put(c.name, id, doc)
}

// Create puts a document that must not be there yet, else ErrExists. It reads,
// so it comes before the first write of its transaction, or is it.
func (c Collection[T]) Create(tx Tx, id string, v T) error {
	switch _, err := tx.Get(c.name, id); {
	case err == nil:
		return describe("create", c.name, id, ErrExists)
	case !errors.Is(err, ErrNotFound):
		return err
	}
	return c.Put(tx, id, v)
}

// Delete removes a document; nothing happens if it is absent.
func (c Collection[T]) Delete(tx Tx, id string) error { return tx.Delete(c.name, id) }

// Scan calls each for the documents of span in the order of their ids, until
// it returns false or an error.
func (c Collection[T]) Scan(tx Tx, span Span, each func(id string, v T) (bool, error)) error {
	return tx.Scan(c.name, span, func(id string, doc []byte) (bool, error) {
		v, err := c.decode(id, doc)
		if err != nil {
			return false, err
		}
		return each(id, v)
	})
}

// ScanIf is Scan for those documents that want, given their encoding, asks for:
// the others are not decoded.
func (c Collection[T]) ScanIf(tx Tx, span Span, want func(id string, doc []byte) bool, each func(id string, v T) (bool, error)) error {
	return tx.Scan(c.name, span, func(id string, doc []byte) (bool, error) {
		if !want(id, doc) {
			return true, nil
		}
		v, err := c.decode(id, doc)
		if err != nil {
			return false, err
		}
		return each(id, v)
	})
}

// Load returns a document in a transaction of its own.
func (c Collection[T]) Load(ctx context.Context, e Engine, id string) (v T, err error) {
	err = e.View(ctx, func(tx Tx) error {
		v, err = c.Get(tx, id)
		return err
	})
	return v, err
}

// Save creates or replaces a document in a transaction of its own.
func (c Collection[T]) Save(ctx context.Context, e Engine, id string, v T) error {
	return e.Update(ctx, func(tx Tx) error { return c.Put(tx, id, v) })
}

// Update replaces a document by what f makes of it, in a transaction of its
// own, or returns ErrNotFound. f may run more than once; if it returns an
// error nothing changes.
func (c Collection[T]) Update(ctx context.Context, e Engine, id string, f func(old T) (T, error)) error {
	return e.Update(ctx, func(tx Tx) error {
		old, err := c.Get(tx, id)
		if err != nil {
			return err
		}
		v, err := f(old)
		if err != nil {
			return err
		}
		return c.Put(tx, id, v)
	})
}

// Upsert is Update for a document that may be absent.
func (c Collection[T]) Upsert(ctx context.Context, e Engine, id string, f func(old T, found bool) (T, error)) error {
	return e.Update(ctx, func(tx Tx) error {
		old, found, err := c.Find(tx, id)
		if err != nil {
			return err
		}
		v, err := f(old, found)
		if err != nil {
			return err
		}
		return c.Put(tx, id, v)
	})
}

// All returns the documents of span in the order of their ids.
func (c Collection[T]) All(ctx context.Context, e Engine, span Span) ([]T, error) {
	var all []T
	err := e.View(ctx, func(tx Tx) error {
		all = nil
		return c.Scan(tx, span, func(_ string, v T) (bool, error) {
			all = append(all, v)
			return true, nil
		})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (c Collection[T]) decode(id string, doc []byte) (T, error) {
	var v T
	if err := json.Unmarshal(doc, &v); err != nil {
		var none T
		return none, fmt.Errorf("store: decode %s %q: %w", c.name, id, err)
	}
	return v, nil
}
