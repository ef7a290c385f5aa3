package feed

import (
	"context"
	"fmt"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/queue"
)

// transferDays is how many days apart the two ends of a transfer may lie.
const transferDays = 5

type transfersMessage struct {
	BookID string    `json:"bookId"`
	Since  bank.Date `json:"since,omitzero"`
}

// seekTransfers asks to look for transfers among what was recorded since a day,
// the zero date for the usual time.
func (s *Service) seekTransfers(ctx context.Context, bookID string, since bank.Date) error {
	if s.Transfers == nil {
		return nil
	}
	return s.publish(ctx, "transfers:"+bookID+":"+s.NewID(), bookKey(bookID), kindTransfers, transfersMessage{BookID: bookID, Since: since})
}

func (s *Service) lookForTransfers(ctx context.Context, _ queue.Delivery, m transfersMessage) error {
	found, err := s.Transfers.Look(ctx, m.BookID, m.Since)
	if err != nil {
		return fmt.Errorf("looking for transfers in book %s: %w", m.BookID, err)
	}
	if found.More {
		return s.seekTransfers(ctx, m.BookID, m.Since)
	}
	return nil
}

// part makes two transactions again of joined transfers. Those that a person
// has touched stay as they are. It needs the leases of both accounts, so the
// caller holds none.
func (s *Service) part(ctx context.Context, bookID string, remoteIDs []string) error {
	for _, id := range remoteIDs {
		if err := s.Transfers.Part(ctx, bookID, id); err != nil && !errs.Is(err, errs.Conflict) {
			return fmt.Errorf("parting the transfer of %s: %w", id, err)
		}
	}
	return nil
}
