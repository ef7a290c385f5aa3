package store

import (
	"context"
	"fmt"
	"time"
)

// Leases lets one holder at a time work on a named thing. A lease ends by
// itself, so a holder may lose it without noticing; what must not happen twice
// calls Check in the transaction that makes it last.
type Leases struct {
	Engine Engine
	Now    func() time.Time
}

// Lease is the right to work on Name until it expires or another takes it.
type Lease struct {
	Name, Owner string
	Fence       int64 // grows with each acquisition of Name
	Until       time.Time
}

// HeldError says that another holds the lease, and until when. It is ErrHeld.
type HeldError struct {
	Name  string
	Until time.Time // zero if it was released
}

// Error implements error.
func (e *HeldError) Error() string {
	if e.Until.IsZero() {
		return fmt.Sprintf("store: lease %q is no longer held", e.Name)
	}
	return fmt.Sprintf("store: lease %q is held until %s", e.Name, e.Until.UTC().Format(time.RFC3339))
}

// Is makes errors.Is(err, ErrHeld) true.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// Leases are never deleted, so that their fences only grow.
var leases = NewCollection[leaseDoc]("leases")

type leaseDoc struct {
	Owner string    `json:"owner,omitempty"` // "" if released
	Fence int64     `json:"fence"`
	Until time.Time `json:"until,omitzero"`
}

// Acquire takes the lease for ttl. While another owner holds it, it returns a
// HeldError. The same owner may take it again, as after a crash; then the
// former acquisition is lost. So an owner is one piece of work, not a process.
func (l Leases) Acquire(ctx context.Context, name, owner string, ttl time.Duration) (Lease, error) {
	if owner == "" || ttl <= 0 {
		return Lease{}, fmt.Errorf("store: lease %q needs an owner and a time to live", name)
	}
	var lease Lease
	err := leases.Upsert(ctx, l.Engine, Key(name), func(old leaseDoc, _ bool) (leaseDoc, error) {
		now := l.Now()
		if old.Owner != "" && old.Owner != owner && now.Before(old.Until) {
			return old, &HeldError{Name: name, Until: old.Until}
		}
		lease = Lease{Name: name, Owner: owner, Fence: old.Fence + 1, Until: now.Add(ttl)}
		return leaseDoc{Owner: owner, Fence: lease.Fence, Until: lease.Until}, nil
	})
	if err != nil {
		return Lease{}, err
	}
	return lease, nil
}

// Renew lets the holder keep the lease until ttl from now. It returns a
// HeldError once another has taken it or it was released. An expired lease
// that nobody took can be renewed.
func (l Leases) Renew(ctx context.Context, lease Lease, ttl time.Duration) (Lease, error) {
	renewed := lease
	err := l.Engine.Update(ctx, func(tx Tx) error {
		if err := l.Check(tx, lease); err != nil {
			return err
		}
		renewed.Until = l.Now().Add(ttl)
		return leases.Put(tx, Key(lease.Name), leaseDoc{Owner: lease.Owner, Fence: lease.Fence, Until: renewed.Until})
	})
	if err != nil {
		return Lease{}, err
	}
	return renewed, nil
}

// Release gives the lease back. If another holds it meanwhile nothing happens.
func (l Leases) Release(ctx context.Context, lease Lease) error {
	return l.Engine.Update(ctx, func(tx Tx) error {
		doc, _, err := leases.Find(tx, Key(lease.Name))
		if err != nil || !doc.heldBy(lease) {
			return err
		}
		return leases.Put(tx, Key(lease.Name), leaseDoc{Fence: doc.Fence})
	})
}

// Check returns a HeldError unless the lease is still the newest acquisition
// and was not released. It reads, so it comes before the first write of the
// transaction; what that transaction writes is then safe from another holder,
// even if the lease has expired.
func (l Leases) Check(tx Tx, lease Lease) error {
	doc, _, err := leases.Find(tx, Key(lease.Name))
	if err != nil {
		return err
	}
	if !doc.heldBy(lease) {
		return &HeldError{Name: lease.Name, Until: doc.Until}
	}
	return nil
}

func (d leaseDoc) heldBy(lease Lease) bool {
	return d.Owner != "" && d.Owner == lease.Owner && d.Fence == lease.Fence
}
