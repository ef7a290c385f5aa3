package store

import (
	"context"
	"fmt"
)

// RunView runs f on raw, an engine's read-only transaction, behind the rules
// that are the same on every engine. Engines call it; others call View.
func RunView(ctx context.Context, raw Tx, f func(Tx) error) error {
	return run(&ruledTx{ctx: ctx, raw: raw, readOnly: true}, f)
}

// RunUpdate runs f on raw, an engine's writing transaction, behind the rules
// that are the same on every engine: names and sizes are checked, nothing is
// read after a write, errors say which document they are about, a cancelled
// context fails. The engine commits if it returns nil. Engines call it; others
// call Update.
func RunUpdate(ctx context.Context, raw Tx, f func(Tx) error) error {
	return run(&ruledTx{ctx: ctx, raw: raw}, f)
}

func run(tx *ruledTx, f func(Tx) error) error {
	defer func() { tx.finished = true }()
	if err := tx.ctx.Err(); err != nil {
		return fmt.Errorf("store: before the transaction: %w", err)
	}
	if err := f(tx); err != nil {
		return err
	}
	if tx.broken != nil {
		return tx.broken
	}
	if err := tx.ctx.Err(); err != nil {
		return fmt.Errorf("store: before the commit: %w", err)
	}
	return nil
}

// ruledTx keeps the rules around an engine's own transaction.
type ruledTx struct {
	ctx      context.Context // of the one transaction this value lives for
	raw      Tx
	readOnly bool
	wrote    bool
	written  int // bytes
	scanning int // depth
	finished bool
	broken   error // the first rule f broke; it fails even if f hides it
}

func (tx *ruledTx) Get(collection, id string) ([]byte, error) {
	doc, err := tx.get(collection, id)
	return doc, describe("get", collection, id, err)
}

func (tx *ruledTx) get(collection, id string) ([]byte, error) {
	if err := tx.mayRead(collection); err != nil {
		return nil, err
	}
	if err := tx.checkID(id); err != nil {
		return nil, err
	}
	return tx.raw.Get(collection, id)
}

func (tx *ruledTx) Put(collection, id string, doc []byte) error {
	err := tx.mayWrite(collection, id, len(doc))
	if err == nil {
		err = tx.raw.Put(collection, id, doc)
	}
	return describe("put", collection, id, err)
}

func (tx *ruledTx) Delete(collection, id string) error {
	err := tx.mayWrite(collection, id, 0)
	if err == nil {
		err = tx.raw.Delete(collection, id)
	}
	return describe("delete", collection, id, err)
}

func (tx *ruledTx) Scan(collection string, span Span, each func(string, []byte) (bool, error)) error {
	if err := tx.mayRead(collection); err != nil {
		return describe("scan", collection, span.From, err)
	}
	tx.scanning++
	defer func() { tx.scanning-- }()
	var own error // of each, handed on as it is
	err := tx.raw.Scan(collection, span, func(id string, doc []byte) (bool, error) {
		if err := tx.ctx.Err(); err != nil {
			return false, err
		}
		more, err := each(id, doc)
		own = err
		return more, err
	})
	if own != nil {
		return own
	}
	return describe("scan", collection, span.From, err)
}

func (tx *ruledTx) mayRead(collection string) error {
	if err := tx.mayUse(collection); err != nil {
		return err
	}
	if tx.wrote {
		return tx.refuse(ErrReadAfterWrite)
	}
	return nil
}

func (tx *ruledTx) mayWrite(collection, id string, size int) error {
	if err := tx.mayUse(collection); err != nil {
		return err
	}
	if err := tx.checkID(id); err != nil {
		return err
	}
	switch {
	case tx.readOnly:
		return tx.refuse(ErrReadOnly)
	case tx.scanning > 0:
		return tx.refuse(fmt.Errorf("write inside a scan: %w", ErrReadAfterWrite))
	case size > MaxDoc:
		return tx.refuse(fmt.Errorf("document of %d bytes, at most %d: %w", size, MaxDoc, ErrTooLarge))
	}
	tx.wrote = true
	tx.written += len(id) + size
	if tx.written > MaxUpdate {
		return tx.refuse(fmt.Errorf("transaction of more than %d bytes: %w", MaxUpdate, ErrTooLarge))
	}
	return nil
}

func (tx *ruledTx) mayUse(collection string) error {
	if tx.finished {
		return ErrFinished
	}
	if err := tx.ctx.Err(); err != nil {
		return err
	}
	if !goodName(collection) {
		return tx.refuse(fmt.Errorf("collection: %w", ErrBadName))
	}
	return nil
}

func (tx *ruledTx) checkID(id string) error {
	if id == "" || len(id) > MaxID {
		return tx.refuse(fmt.Errorf("id of %d bytes, 1 to %d are possible: %w", len(id), MaxID, ErrBadName))
	}
	return nil
}

// refuse notes that a rule was broken, so that the transaction fails.
func (tx *ruledTx) refuse(err error) error {
	if tx.broken == nil {
		tx.broken = fmt.Errorf("store: %w", err)
	}
	return err
}

func goodName(name string) bool {
	if name == "" || len(name) > MaxName {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c && c <= 'z'
		if !letter && (i == 0 || (c != '_' && (c < '0' || c > '9'))) {
			return false
		}
	}
	return true
}

func describe(action, collection, id string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store: %s %s %q: %w", action, collection, id, err)
}
