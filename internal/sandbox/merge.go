package sandbox

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/money"
)

// mergeDelay is how long the originals of a merge live beside the result.
const mergeDelay = 300 * time.Millisecond

// mergeTransactions makes one new transaction of two: the primary first, then
// the secondary. What the request says of either goes before what the book
// has, the primary before the secondary. The originals go to the trash a
// moment later, each with an event of its own. When their amounts differ, a
// draft of the difference is recorded.
func mergeTransactions(c *change, _ *call, in inputList[transactionInput]) (any, error) {
	if len(in.Items) != 2 || in.Items[0].ID == in.Items[1].ID {
		return nil, badRequest("Merge takes two distinct transactions")
	}
	var pair [2]*transaction
	for i := range in.Items {
		t := c.transaction(in.Items[i].ID)
		if t == nil {
			return nil, badRequest("Transaction not found: %s", in.Items[i].ID)
		}
		if err := c.requireFor(t, editDrafts); err != nil {
			return nil, err
		}
		if t.Trashed || t.Checked {
			return nil, badRequest("Transaction is trashed or checked: %s", t.ID)
		}
		if err := c.refuseLocked(t.Date); err != nil {
			return nil, err
		}
		pair[i] = t
	}
	t, err := c.joined(pair, in.Items)
	if err != nil {
		return nil, err
	}
	c.put(t)
	c.recorded(t)
	primary, secondary := pair[0].Amount, pair[1].Amount
	if !primary.IsZero() && !secondary.IsZero() && !primary.Equal(secondary) {
		c.recordDifference(t, primary.Sub(secondary).Abs())
	}
	c.put(&merge{
		Seq: c.nextSeq(), BookID: c.b.info.ID, IDs: []string{pair[0].ID, pair[1].ID},
		User: c.user.Name, Agent: c.agent, Due: c.now.Add(mergeDelay).UnixMilli(),
	})
	return c.answer(t, nil)
}

// recorded records the event that t came into the book.
func (c *change) recorded(t *transaction) {
	if t.Posted {
		c.transactionEvent("TRANSACTION_POSTED", t, nil)
	} else {
		c.transactionEvent("TRANSACTION_CREATED", t, nil)
	}
}

// joined returns what becomes of a pair, given what the request says of each.
func (c *change) joined(pair [2]*transaction, said []transactionInput) (*transaction, error) {
	var asked [2]*transaction // only what the request says
	for i := range pair {
		asked[i] = &transaction{}
		if err := said[i].apply(c, asked[i]); err != nil {
			return nil, err
		}
	}
	seq := c.nextSeq()
	t := &transaction{
		Seq: seq, ID: c.s.opaqueID(seq), BookID: c.b.info.ID, AgentID: c.agent, CreatedBy: c.user.Name,
		Created: c.millis(), Updated: c.millis(),
	}
	for _, from := range []*transaction{asked[0], asked[1], pair[0], pair[1]} {
		if t.Date.IsZero() {
			t.Date = from.Date
		}
		if t.Amount.IsZero() {
			t.Amount = from.Amount
		}
		if t.Credit == 0 {
			t.Credit = from.Credit
		}
		if t.Debit == 0 {
			t.Debit = from.Debit
		}
		if t.Description == "" {
			t.Description = strings.TrimSpace(from.Description)
		}
		for key, value := range from.Properties {
			if _, taken := t.Properties[key]; !taken {
				set(&t.Properties, key, value)
			}
		}
		t.RemoteIDs = union(t.RemoteIDs, from.RemoteIDs)
		t.URLs = union(t.URLs, from.URLs)
		t.Tags = union(t.Tags, from.Tags)
		t.Files = union(t.Files, from.Files)
	}
	t.RemoteIDs = union(t.RemoteIDs, []string{"merged_" + pair[0].ID, "merged_" + pair[1].ID})
	t.Posted = (pair[0].Posted || pair[1].Posted) && t.complete()
	if err := c.refuseLocked(t.Date); err != nil {
		return nil, err
	}
	return t, refuseSameAccount(t)
}

func (c *change) recordDifference(merged *transaction, amount money.Decimal) {
	seq := c.nextSeq()
	t := &transaction{
		Seq: seq, ID: c.s.opaqueID(seq), BookID: merged.BookID, Date: merged.Date, Amount: amount,
		Description: merged.Description, AgentID: c.agent, CreatedBy: c.user.Name, Created: c.millis(), Updated: c.millis(),
	}
	c.put(t)
	c.recorded(t)
}

func union(a, b []string) []string {
	joined := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(joined, s) {
			joined = append(joined, s)
		}
	}
	return joined
}

// finishMerges trashes the originals of merges that are due, and returns when
// the next one is due, or the zero time.
func (s *Server) finishMerges(ctx context.Context) (next time.Time) {
	s.write.Lock()
	defer s.write.Unlock()
	now := s.opts.Now().UnixMilli()
	for _, m := range sortedBy(s.merges, func(m *merge) uint64 { return m.Seq }) {
		if m.Due > now {
			if due := time.UnixMilli(m.Due); next.IsZero() || due.Before(next) {
				next = due
			}
			continue
		}
		if err := s.finishMerge(m); err != nil {
			s.opts.Log.ErrorContext(ctx, "sandbox cannot finish a merge", "book", m.BookID, "error", err)
			return s.opts.Now().Add(time.Second)
		}
	}
	return next
}

func (s *Server) finishMerge(m *merge) error {
	c := s.begin(s.books[m.BookID], s.users[m.User], m.Agent)
	for _, id := range m.IDs {
		if old := c.transaction(id); !old.Trashed {
			t := c.touch(old)
			t.Trashed, t.Checked = true, false
			c.put(t)
			c.transactionEvent("TRANSACTION_DELETED", t, nil)
		}
	}
	c.drop(m)
	return c.commit()
}
