package ledger

import "github.com/bank-connections/bkper-bot/internal/store"

// PutIntegration writes an integration so that both its book and its
// connection find it. All integrations are written and deleted through here.
func (c Collections) PutIntegration(tx store.Tx, i Integration) error {
	if err := c.Integrations.Put(tx, i.Key(), i); err != nil {
		return err
	}
	return c.ByConnection.Put(tx, store.Key(i.ConnectionID, i.ID), IntegrationRef{BookID: i.BookID, ID: i.ID})
}

// DeleteIntegration forgets an integration. What it has recorded stays known.
func (c Collections) DeleteIntegration(tx store.Tx, i Integration) error {
	if err := c.Integrations.Delete(tx, i.Key()); err != nil {
		return err
	}
	return c.ByConnection.Delete(tx, store.Key(i.ConnectionID, i.ID))
}

// IntegrationsOfConnection returns the integrations that a connection feeds.
func (c Collections) IntegrationsOfConnection(tx store.Tx, connectionID string) ([]Integration, error) {
	var keys []string
	err := c.ByConnection.Scan(tx, store.Below(connectionID), func(_ string, ref IntegrationRef) (bool, error) {
		keys = append(keys, store.Key(ref.BookID, ref.ID))
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	var all []Integration
	for _, key := range keys {
		i, found, err := c.Integrations.Find(tx, key)
		if err != nil {
			return nil, err
		}
		if found && i.ConnectionID == connectionID {
			all = append(all, i)
		}
	}
	return all, nil
}

// IntegrationsOfBook returns the integrations of a book.
func (c Collections) IntegrationsOfBook(tx store.Tx, bookID string) ([]Integration, error) {
	var all []Integration
	err := c.Integrations.Scan(tx, store.Below(bookID), func(_ string, i Integration) (bool, error) {
		all = append(all, i)
		return true, nil
	})
	return all, err
}
