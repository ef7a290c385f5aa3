package feed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/bank-connections/bkper-bot/internal/bkper"
)

// The book, as the real one may be: what is not known of Bkper is a setting,
// and every setting is lived with.

// repeated says what the book does with an item whose remote id it has.
type repeated string

// What a book may do with a remote id that it has.
const (
	answered repeated = "answered with what is there"
	leftOut  repeated = "left out of the answer"
	refusing repeated = "refused"
)

// settings are what is not known of the real book.
type settings struct {
	trashBlocks bool // a remote id in the trash counts as one that the book has
	batches     batches
	repeated    repeated
}

// batches says what the book does with a batch of which it refuses an item.
type batches string

// What a book may take of a batch that it refuses.
const (
	wholly   batches = "nothing"
	upToItem batches = "what comes before the item"
	allOther batches = "all but the item"
)

func (s settings) String() string {
	return fmt.Sprintf("trash blocks %v, of a refused batch it takes %s, repeated ids are %s", s.trashBlocks, s.batches, s.repeated)
}

func someSettings(r *rand.Rand) settings {
	return settings{
		trashBlocks: r.IntN(2) == 0, batches: []batches{wholly, upToItem, allOther}[r.IntN(3)], repeated: []repeated{answered, leftOut, refusing}[r.IntN(3)],
	}
}

var errRepeated = refusal(409, "conflict", "remote id already recorded")

// simBook is the book of a life: a fakeBook with settings, stamps of time, and
// news of what people do.
type simBook struct {
	*fakeBook
	settings settings
	clock    func() bkper.Millis
	stamp    bkper.Millis
	// cutShort says how many items of a batch are applied before it fails with
	// a lost reply; less than 0 for all of them and no failure.
	cutShort func(items int) int
	// forget says whether what was recorded is left out of the answer.
	forget func() bool
	sent   map[string]int // how often a remote id was sent
	// What the simulation wants to know of: what was recorded, what was looked
	// for, what is recorded although the trash has it, and what was recorded
	// without an answer.
	recorded func(t bkper.Transaction)
	looked   func(remoteID string)
	reborn   func(remoteID string, trashed []string)
	unheard  func(id string)
}

// now is the book's own clock: no two moments are the same.
func (b *simBook) now() bkper.Millis {
	b.stamp = max(b.stamp+1, b.clock())
	return b.stamp
}

// holder is what the book has under a remote id, what lives first.
func (b *simBook) holder(remoteID string) (bkper.Transaction, bool) {
	var held bkper.Transaction
	found := false
	for _, id := range b.ofRemote[remoteID] {
		switch t := b.all[id]; {
		case !t.Trashed:
			return t, true
		case b.settings.trashBlocks:
			held, found = t, true
		}
	}
	return held, found
}

// refusal says why an item of a batch is refused.
func (b *simBook) refusal(t bkper.Transaction) error {
	if _, held := b.holder(t.RemoteIDs[0]); held && b.settings.repeated == refusing {
		return errRepeated
	}
	return b.refuses(t)
}

func (b *simBook) CreateTransactions(_ context.Context, _ string, items []bkper.Transaction) (answer map[string]bkper.Transaction, err error) {
	var made []string
	err = b.call("create", func() error {
		b.largest = max(b.largest, len(items))
		if len(items) > 100 {
			return errInvalid
		}
		for _, t := range items {
			b.sent[t.RemoteIDs[0]]++
			if err := b.refusal(t); err != nil && b.settings.batches == wholly {
				return err
			}
		}
		applied := -1
		if b.settings.batches != wholly {
			applied = b.cutShort(len(items))
		}
		var refused error
		answer = map[string]bkper.Transaction{}
		for n, t := range items {
			if n == applied {
				return errAway
			}
			if err := b.refusal(t); err != nil {
				if b.settings.batches == upToItem {
					return err
				}
				refused = err
				continue
			}
			id := t.RemoteIDs[0]
			held, found := b.holder(id)
			switch {
			case found && b.settings.repeated == answered:
				answer[id] = held
			case found:
			default:
				if len(b.ofRemote[id]) > 0 {
					b.reborn(id, b.ofRemote[id])
				}
				t.CreatedAt = b.now()
				t.UpdatedAt = t.CreatedAt
				t = b.add(t)
				b.recorded(t)
				made = append(made, t.ID)
				if !b.forget() {
					answer[id] = t
				}
			}
		}
		return refused
	})
	if err != nil {
		answer = nil
		for _, id := range made {
			b.unheard(id)
		}
	}
	return answer, err
}

func (b *simBook) FindRemoteID(ctx context.Context, bookID, remoteID string) ([]bkper.Transaction, error) {
	found, err := b.fakeBook.FindRemoteID(ctx, bookID, remoteID)
	if err == nil {
		b.looked(remoteID)
	}
	return found, err
}

// change is a write of one transaction: where it stands, trash or posted, is
// not part of it.
func (b *simBook) change(t bkper.Transaction) bkper.Transaction {
	was := b.all[t.ID]
	t.Trashed, t.Posted, t.Checked, t.Draft = was.Trashed, was.Posted, was.Checked, was.Draft
	t.CreatedAt, t.UpdatedAt = was.CreatedAt, b.now()
	b.all[t.ID] = t
	return t
}

func (b *simBook) UpdateTransaction(_ context.Context, _ string, t bkper.Transaction) (changed bkper.Transaction, err error) {
	err = b.call("update", func() error {
		if err := b.refuses(t); err != nil {
			return err
		}
		changed = b.change(t)
		return nil
	})
	return changed, err
}

func (b *simBook) UpdateTransactions(_ context.Context, _ string, items []bkper.Transaction, _ bool) (answer map[string]bkper.Transaction, err error) {
	err = b.call("updates", func() error {
		for _, t := range items {
			if err := b.refuses(t); err != nil {
				return err
			}
		}
		answer = map[string]bkper.Transaction{}
		for _, t := range items {
			answer[t.ID] = b.change(t)
		}
		return nil
	})
	return answer, err
}

func (b *simBook) Trash(_ context.Context, _ string, t bkper.Transaction) (bkper.Transaction, error) {
	return b.move("trash", t.ID, true)
}

func (b *simBook) Restore(_ context.Context, _ string, t bkper.Transaction) (bkper.Transaction, error) {
	return b.move("restore", t.ID, false)
}

func (b *simBook) move(op, id string, trashed bool) (moved bkper.Transaction, err error) {
	err = b.call(op, func() error {
		moved = b.all[id]
		if err := b.refuses(moved); err != nil {
			return err
		}
		moved.Trashed, moved.UpdatedAt = trashed, b.now()
		b.all[id] = moved
		return nil
	})
	return moved, err
}

// What the handler of events asks besides.

func (b *simBook) File(context.Context, string, string) (bkper.File, error) {
	return bkper.File{}, errNoBook
}

func (b *simBook) Integrations(context.Context, string) ([]bkper.Integration, error) { return nil, nil }

// news is what the book tells of a transaction.
func (b *simBook) news(what bkper.EventType, t bkper.Transaction) bkper.Event {
	object, err := json.Marshal(bkper.TransactionOperation{Transaction: t})
	if err != nil {
		panic(err)
	}
	return bkper.Event{
		ID: fmt.Sprint("event", b.stamp), BookID: b.book.ID, CreatedAt: b.stamp, Type: what,
		Data: bkper.EventData{Object: object}, Resource: t.ID,
	}
}

// byPerson changes a transaction as a person does.
func (b *simBook) byPerson(t bkper.Transaction) bkper.Transaction {
	t.UpdatedAt = b.now()
	b.all[t.ID] = t
	for _, id := range t.RemoteIDs {
		if !slices.Contains(b.ofRemote[id], t.ID) {
			b.ofRemote[id] = append(b.ofRemote[id], t.ID)
		}
	}
	return t
}
