package panel

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/identity"
)

const (
	permissionLasts = 15 * time.Second
	mostPermissions = 1000
)

// permissions remembers for a moment who may look into which book. Refusals
// are not remembered.
type permissions struct {
	now   func() time.Time
	mu    *sync.Mutex
	known map[permissionKey]permission
}

type permissionKey struct {
	token  [sha256.Size]byte
	bookID string
}

type permission struct {
	book  bkper.Book
	until time.Time
}

func newPermissions(now func() time.Time) permissions {
	return permissions{now: now, mu: new(sync.Mutex), known: map[permissionKey]permission{}}
}

// open returns the book if the user may, from the memory unless it must be
// fresh.
func (p permissions) open(ctx context.Context, client *bkper.Client, user identity.User, bookID string, fresh bool) (bkper.Book, error) {
	key := permissionKey{sha256.Sum256([]byte(user.Token.Reveal())), bookID}
	p.mu.Lock()
	known, ok := p.known[key]
	p.mu.Unlock()
	if ok && !fresh && p.now().Before(known.until) {
		return known.book, nil
	}
	book, err := identity.Permission(ctx, client, bookID)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		delete(p.known, key)
		return bkper.Book{}, err
	}
	if len(p.known) >= mostPermissions {
		clear(p.known)
	}
	p.known[key] = permission{book: book, until: p.now().Add(permissionLasts)}
	return book, nil
}
