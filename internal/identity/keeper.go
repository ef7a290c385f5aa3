package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// Keeper keeps the tokens of users, sealed, for what the app does on their
// behalf while they are away.
type Keeper struct {
	engine store.Engine
	users  store.Collection[ledger.User]
	sealer seal.Sealer
	now    func() time.Time
}

// NewKeeper returns a keeper of the users in that collection.
func NewKeeper(engine store.Engine, users store.Collection[ledger.User], sealer seal.Sealer, now func() time.Time) *Keeper {
	return &Keeper{engine: engine, users: users, sealer: sealer, now: now}
}

// Remember keeps a user. It writes only what has changed.
func (k *Keeper) Remember(ctx context.Context, u User) error {
	if u.ID == "" || u.Token.IsZero() {
		return fmt.Errorf("remembering a user: %w", errs.New(errs.Unauthenticated, ""))
	}
	old, err := k.users.Load(ctx, k.engine, store.Key(u.ID))
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return fmt.Errorf("remembering a user: %w", err)
	case old.Name == u.Name && old.Email == u.Email:
		token, err := k.open(ctx, u.ID, old.Token)
		if err == nil && token.Equal(u.Token) {
			return nil
		}
		// A token that does not open any more is replaced like any other.
	}
	sealed, err := k.sealer.Seal(ctx, []byte(u.Token.Reveal()), ledger.TokenContext(u.ID))
	if err != nil {
		return fmt.Errorf("sealing a user's token: %w", err)
	}
	record := ledger.User{ID: u.ID, Name: u.Name, Email: u.Email, Token: sealed, UpdatedAt: k.now()}
	if err := k.users.Save(ctx, k.engine, store.Key(u.ID), record); err != nil {
		return fmt.Errorf("remembering a user: %w", err)
	}
	return nil
}

// Token returns the token of a user, or an error of code Unauthenticated if
// none is kept.
func (k *Keeper) Token(ctx context.Context, userID string) (seal.Secret, error) {
	user, err := k.users.Load(ctx, k.engine, store.Key(userID))
	if errors.Is(err, store.ErrNotFound) {
		return seal.Secret{}, errs.Wrap(errs.Unauthenticated, err, "The user of this integration has to sign in again.")
	}
	if err != nil {
		return seal.Secret{}, fmt.Errorf("a user's token: %w", err)
	}
	return k.open(ctx, userID, user.Token)
}

func (k *Keeper) open(ctx context.Context, userID string, sealed []byte) (seal.Secret, error) {
	token, err := k.sealer.Open(ctx, sealed, ledger.TokenContext(userID))
	if err != nil {
		return seal.Secret{}, fmt.Errorf("unsealing a user's token: %w", err)
	}
	return seal.NewSecret(string(token)), nil
}

// Source returns the tokens of one user, as calls to the book want them.
func (k *Keeper) Source(userID string) bkper.TokenSource { return source{k, userID} }

type source struct {
	keeper *Keeper
	userID string
}

func (s source) Token(ctx context.Context) (seal.Secret, error) {
	return s.keeper.Token(ctx, s.userID)
}
