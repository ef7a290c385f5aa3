package feed

import (
	"context"
	"errors"
	"fmt"

	"github.com/bank-connections/bkper-bot/internal/queue"
)

type reconcileMessage struct {
	BookID string `json:"bookId"`
}

// CompareDue asks for the books to be compared with the ledger whose time has
// come. The clock calls it now and then.
func (s *Service) CompareDue(ctx context.Context) error {
	due, err := s.Reconciler.Due(ctx)
	if err != nil {
		return fmt.Errorf("looking for books to compare: %w", err)
	}
	var failed []error
	for _, bookID := range due {
		failed = append(failed, s.publish(ctx, "reconcile:"+bookID, bookKey(bookID), kindReconcile, reconcileMessage{bookID}))
	}
	return errors.Join(failed...)
}

// reconcile compares a book with the ledger, and tries again what was shut out of
// the book and is no more: should nobody have told.
func (s *Service) reconcile(ctx context.Context, _ queue.Delivery, m reconcileMessage) error {
	if err := s.Reconciler.Nightly(ctx, m.BookID); err != nil {
		return err
	}
	return s.retryOpened(ctx, m.BookID)
}
