package link

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/identity"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// Connections returns the user's own connections, by the name of the
// institution. Their sealed parts are left out.
func (s *Service) Connections(ctx context.Context, user identity.User) ([]ledger.Connection, error) {
	all, err := s.Records.Connections.All(ctx, s.Engine, store.Prefix(store.Key(owned(user.ID))))
	if err != nil {
		return nil, fmt.Errorf("listing connections: %w", err)
	}
	all = slices.DeleteFunc(all, func(c ledger.Connection) bool { return c.UserID != user.ID })
	for i := range all {
		all[i] = visible(all[i])
	}
	slices.SortStableFunc(all, func(a, b ledger.Connection) int {
		return strings.Compare(plain(a.Institution.Name), plain(b.Institution.Name))
	})
	return all, nil
}

// Connection returns a connection of the user without its sealed parts.
func (s *Service) Connection(ctx context.Context, user identity.User, id string) (ledger.Connection, error) {
	c, err := s.own(ctx, user, id)
	return visible(c), err
}

func visible(c ledger.Connection) ledger.Connection {
	c.Secret, c.State, c.Wanted = nil, nil, ""
	return c
}

func (s *Service) own(ctx context.Context, user identity.User, id string) (c ledger.Connection, err error) {
	err = s.Engine.View(ctx, func(tx store.Tx) error {
		c, err = s.ownIn(tx, user, id)
		return err
	})
	return c, err
}

// ownIn answers for a connection of somebody else as for one that is not.
func (s *Service) ownIn(tx store.Tx, user identity.User, id string) (ledger.Connection, error) {
	if id == "" || len(id) > store.MaxID {
		return ledger.Connection{}, errs.New(errs.NotFound, "There is no such connection.")
	}
	c, err := s.Records.Connections.Get(tx, store.Key(id))
	if err == nil && c.UserID != user.ID {
		err = store.ErrNotFound
	}
	if err != nil {
		return ledger.Connection{}, fmt.Errorf("loading a connection: %w", gone(err, "connection"))
	}
	return c, nil
}

// secret returns what opens the connection, nothing for a disconnected one.
func (s *Service) secret(ctx context.Context, c ledger.Connection) (seal.Secret, error) {
	if len(c.Secret) == 0 {
		return seal.Secret{}, nil
	}
	text, err := s.Sealer.Open(ctx, c.Secret, ledger.SecretContext(c.ID))
	if err != nil {
		return seal.Secret{}, fmt.Errorf("unsealing a connection: %w", err)
	}
	return seal.NewSecret(string(text)), nil
}

// finish makes a connection of what a sign-in came to, or renews one, and
// starts fetching. Of two that finish the same attempt the first one counts.
func (s *Service) finish(ctx context.Context, attempt ledger.Attempt, auth connectors.Authorization) (ledger.Attempt, error) {
	connector, err := s.connector(attempt.Connector)
	if err != nil {
		return attempt, err
	}
	listed, listErr := connector.Accounts(ctx, auth.Secret)
	if listErr != nil {
		listed = nil
	}
	if listErr != nil && attempt.ConnectionID != "" {
		// What was linked before must not be given up for a sign-in of which it
		// is not known that it opens the same accounts.
		return attempt, fmt.Errorf("listing accounts at %s: %w", attempt.Institution.ID, listErr)
	}
	id := attempt.ConnectionID
	if id == "" {
		id = owned(attempt.UserID) + s.NewID()
	}
	sealed, err := s.Sealer.Seal(ctx, []byte(auth.Secret.Reveal()), ledger.SecretContext(id))
	if err != nil {
		return attempt, fmt.Errorf("sealing a connection: %w", err)
	}
	now := s.Now()
	err = s.Engine.Update(ctx, func(tx store.Tx) error {
		current, err := s.Records.Attempts.Get(tx, store.Key(attempt.ID))
		if err != nil {
			return err
		}
		if current.Done != "" {
			attempt = current
			return nil
		}
		connection := ledger.Connection{
			ID: id, UserID: attempt.UserID, Connector: attempt.Connector,
			Institution: attempt.Institution, Country: attempt.Country, CreatedAt: now,
		}
		var resumed []ledger.Integration
		if attempt.ConnectionID != "" {
			if connection, err = s.Records.Connections.Get(tx, store.Key(id)); err != nil {
				return err
			}
			if !sameLogin(connection.Accounts, listed) {
				return errs.New(errs.Conflict, "This sign-in opens none of the accounts of this connection. "+
					"Sign in as before, or link the bank as a new connection.")
			}
			integrations, err := s.Records.IntegrationsOfConnection(tx, id)
			if err != nil {
				return err
			}
			resumed = resume(integrations, listed)
		}
		connection.Status, connection.Problem, connection.Failures = ledger.Connected, nil, 0
		if listErr != nil {
			connection.Problem = s.problemOf(listErr)
		}
		connection.Secret, connection.Expires = sealed, auth.Expires
		if target, ok := connector.(connectors.WebhookTarget); ok {
			connection.Ref = target.AuthorizationRef(auth.Secret)
		}
		connection.PrivacyAccepted, connection.NextSync = attempt.PrivacyAccepted, now
		connection.Accounts = mergeAccounts(connection.Accounts, listed)

		attempt = current
		attempt.Done, attempt.Step, attempt.Progress, attempt.Busy = id, ledger.Step{}, nil, time.Time{}
		if err := s.Records.Connections.Put(tx, store.Key(id), connection); err != nil {
			return err
		}
		for _, i := range resumed {
			if err := s.Records.PutIntegration(tx, i); err != nil {
				return err
			}
		}
		return s.Records.Attempts.Put(tx, store.Key(attempt.ID), attempt)
	})
	if err != nil {
		return attempt, fmt.Errorf("keeping a connection: %w", gone(err, "connection"))
	}
	if err := s.Wake.Sync(ctx, attempt.Done); err != nil {
		// The clock takes it up: NextSync is now.
		s.Log.WarnContext(ctx, "a new connection waits for the clock", "connection", attempt.Done, "error", err)
	}
	return attempt, nil
}

// sameLogin reports whether the accounts that a sign-in opens are those of the
// connection: at least one is, or none was known.
func sameLogin(known []ledger.BankAccount, listed []bank.Account) bool {
	return len(known) == 0 || slices.ContainsFunc(listed, func(a bank.Account) bool {
		return slices.ContainsFunc(known, func(k ledger.BankAccount) bool { return k.Key == a.Key })
	})
}

// mergeAccounts is what the bank lists now, with the balances known, and what
// it lists no longer marked as gone.
func mergeAccounts(known []ledger.BankAccount, listed []bank.Account) []ledger.BankAccount {
	merged := make([]ledger.BankAccount, 0, len(listed))
	for _, a := range listed {
		m := ledger.BankAccount{Account: a}
		for _, k := range known {
			if k.Key == a.Key {
				m.Balance = k.Balance
			}
		}
		merged = append(merged, m)
	}
	for _, k := range known {
		if !slices.ContainsFunc(listed, func(a bank.Account) bool { return a.Key == k.Key }) {
			k.Gone = true
			merged = append(merged, k)
		}
	}
	return merged
}

// resume returns the integrations that a renewed connection sets going again.
func resume(integrations []ledger.Integration, listed []bank.Account) []ledger.Integration {
	var resumed []ledger.Integration
	for _, i := range integrations {
		if i.Stopped == nil {
			continue
		}
		back := slices.ContainsFunc(listed, func(a bank.Account) bool { return a.Key == i.BankKey })
		if back && (i.Stopped.Code == errs.NeedsReauth || i.Stopped.Code == errs.AccountGone) {
			i.Stopped = nil
			resumed = append(resumed, i)
		}
	}
	return resumed
}

// Sync asks for the news of a connection now. A connection whose accounts
// could not be listed when it was made lists them.
func (s *Service) Sync(ctx context.Context, user identity.User, id string) (ledger.Connection, error) {
	c, err := s.own(ctx, user, id)
	if err != nil {
		return ledger.Connection{}, err
	}
	if err := usable(c); err != nil {
		return ledger.Connection{}, err
	}
	if len(c.Accounts) == 0 {
		if c, err = s.listAccounts(ctx, c); err != nil {
			return ledger.Connection{}, err
		}
	}
	if err := s.Wake.Sync(ctx, id); err != nil {
		return ledger.Connection{}, fmt.Errorf("asking for a sync: %w", err)
	}
	return visible(c), nil
}

func usable(c ledger.Connection) error {
	switch c.Status {
	case ledger.Disconnected:
		return errs.New(errs.Conflict, "This connection is disconnected. Press Reconnect first.")
	case ledger.Reconnect:
		return errs.New(errs.NeedsReauth, "")
	default:
		return nil
	}
}

func (s *Service) listAccounts(ctx context.Context, c ledger.Connection) (ledger.Connection, error) {
	ctx, cancel := context.WithTimeout(ctx, connectorDeadline)
	defer cancel()
	connector, err := s.connector(c.Connector)
	if err != nil {
		return c, err
	}
	auth, err := s.secret(ctx, c)
	if err != nil {
		return c, err
	}
	listed, err := connector.Accounts(ctx, auth)
	if err != nil {
		return c, fmt.Errorf("listing accounts at %s: %w", c.Institution.ID, err)
	}
	err = s.Records.Connections.Update(ctx, s.Engine, store.Key(c.ID), func(old ledger.Connection) (ledger.Connection, error) {
		old.Accounts, old.Problem = mergeAccounts(old.Accounts, listed), nil
		c = old
		return old, nil
	})
	if err != nil {
		return c, fmt.Errorf("keeping accounts: %w", gone(err, "connection"))
	}
	return c, nil
}

// Ending says what became of ending a connection.
type Ending struct {
	Stopped int // integrations that record nothing any more
	// Revoked says that the provider has ended the authorization, NotRevoked in
	// words why it has not. Both are empty where it has no such power, and
	// where nothing was left to end.
	Revoked    bool
	NotRevoked string
}

// Disconnect ends a connection: what opens it is destroyed, here and, where
// that is possible, at the provider, and its integrations stop in all books.
// They are kept, so that Reconnect on the same connection sets them going
// again and nothing comes twice.
func (s *Service) Disconnect(ctx context.Context, user identity.User, id string) (Ending, error) {
	return s.end(ctx, user, id, func(tx store.Tx, c ledger.Connection, integrations []ledger.Integration) error {
		c.Status, c.Problem, c.Secret, c.Expires = ledger.Disconnected, nil, nil, time.Time{}
		c.NextSync, c.Failures = time.Time{}, 0
		if err := s.Records.Connections.Put(tx, store.Key(id), c); err != nil {
			return err
		}
		for _, i := range integrations {
			i.Stopped = s.problem(errs.NeedsReauth, "The bank is disconnected. Press Reconnect on the connection to go on.")
			if err := s.Records.PutIntegration(tx, i); err != nil {
				return err
			}
		}
		return nil
	})
}

// Remove ends a connection as Disconnect does and forgets it and its
// integrations. What they have recorded stays in the books and stays known, so
// that linking the bank anew doubles nothing.
func (s *Service) Remove(ctx context.Context, user identity.User, id string) (Ending, error) {
	return s.end(ctx, user, id, func(tx store.Tx, _ ledger.Connection, integrations []ledger.Integration) error {
		for _, i := range integrations {
			if err := s.forget(tx, i); err != nil {
				return err
			}
		}
		return s.Records.Connections.Delete(tx, store.Key(id))
	})
}

func (s *Service) end(
	ctx context.Context, user identity.User, id string,
	write func(store.Tx, ledger.Connection, []ledger.Integration) error,
) (Ending, error) {
	c, err := s.own(ctx, user, id)
	if err != nil {
		return Ending{}, err
	}
	ending := s.revoke(ctx, c)
	err = s.Engine.Update(ctx, func(tx store.Tx) error {
		ending.Stopped = 0
		current, err := s.ownIn(tx, user, id)
		if err != nil {
			return err
		}
		integrations, err := s.Records.IntegrationsOfConnection(tx, id)
		if err != nil {
			return err
		}
		ending.Stopped = len(integrations)
		return write(tx, current, integrations)
	})
	if err != nil {
		return Ending{}, fmt.Errorf("ending a connection: %w", err)
	}
	return ending, nil
}

// revoke ends the authorization at the provider, if that can be done. It never
// stands in the way of destroying the secret here.
func (s *Service) revoke(ctx context.Context, c ledger.Connection) Ending {
	ctx, cancel := context.WithTimeout(ctx, revokeDeadline)
	defer cancel()
	connector, err := s.connector(c.Connector)
	revoker, ok := connector.(connectors.Revoker)
	if err != nil || !ok || len(c.Secret) == 0 {
		return Ending{}
	}
	auth, err := s.secret(ctx, c)
	if err == nil {
		err = revoker.Revoke(ctx, auth)
	}
	if err != nil {
		s.Log.WarnContext(ctx, "an authorization was not revoked", "connection", c.ID, "connector", c.Connector, "error", err)
		return Ending{NotRevoked: "The app has destroyed its access, but could not tell " + c.Institution.Name +
			". You can withdraw the consent on the bank's own site as well."}
	}
	return Ending{Revoked: true}
}
