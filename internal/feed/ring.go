package feed

import (
	"context"
	"errors"
	"fmt"

	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// Ring asks for what is new of the connections that a provider's webhook is
// about. A ref that nobody has is no error: the connection may be gone.
func (s *Service) Ring(ctx context.Context, connector, ref string) error {
	var ids []string
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		ids = nil
		return s.records.Connections.Scan(tx, store.Span{}, func(_ string, c ledger.Connection) (bool, error) {
			if c.Connector == connector && c.Ref == ref && ref != "" && c.Status == ledger.Connected {
				ids = append(ids, c.ID)
			}
			return true, nil
		})
	})
	if err != nil {
		return fmt.Errorf("looking for the connection of a webhook: %w", err)
	}
	var failed []error
	for _, id := range ids {
		failed = append(failed, s.Sync(ctx, id))
	}
	return errors.Join(failed...)
}
