package sandbox

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
)

// mergeDelay is how long the originals of a merge live beside the result.
const mergeDelay = 300 * time.Millisecond

// mergeTransactions makes one new transaction of two. The originals go to the
// trash a moment later, each with an event of its own. When the amounts
// differ, a draft of the difference is recorded.
func mergeTransactions(c *change, _ *call, in inputList[reference]) (any, error) {
	if len(in.Items) != 2 || in.Items[0].ID == in.Items[1].ID {
		return nil, badRequest("Merge takes exactly two transactions")
	}
	var pair []*transaction
	for _, item := range in.Items {
		t, err := c.existing(item.ID)
		if err != nil {
			return nil, err
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
		pair = append(pair, t)
	}
	kept, other := pair[0], pair[1]
	if other.Posted && !kept.Posted || other.Posted == kept.Posted && other.Seq > kept.Seq {
		kept, other = other, kept
	}
	t := c.joined(kept, other)
	c.put(t)
	c.recorded(t)
	if !kept.Amount.IsZero() && !other.Amount.IsZero() && !kept.Amount.Equal(other.Amount) {
		c.recordDifference(kept, other)
	}
	c.put(&merge{
		Seq: c.nextSeq(), BookID: c.b.info.ID, IDs: []string{kept.ID, other.ID},
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

func (c *change) joined(kept, other *transaction) *transaction {
	t := c.touch(kept)
	t.Seq = c.nextSeq()
	t.ID, t.Created, t.CreatedBy, t.AgentID = c.s.opaqueID(t.Seq), c.millis(), c.user.Name, c.agent
	if t.Amount.IsZero() {
		t.Amount = other.Amount
	}
	if t.Credit == 0 {
		t.Credit = other.Credit
	}
	if t.Debit == 0 {
		t.Debit = other.Debit
	}
	t.Description = joinTexts(kept.Description, other.Description)
	t.RemoteIDs = union(kept.RemoteIDs, other.RemoteIDs)
	t.URLs = union(kept.URLs, other.URLs)
	t.Tags = union(kept.Tags, other.Tags)
	t.Files = union(kept.Files, other.Files)
	for key, value := range other.Properties {
		set(&t.Properties, key, value)
	}
	return t
}

func (c *change) recordDifference(kept, other *transaction) {
	seq := c.nextSeq()
	t := &transaction{
		Seq: seq, ID: c.s.opaqueID(seq), BookID: kept.BookID, Date: kept.Date,
		Amount: kept.Amount.Sub(other.Amount).Abs(), Description: joinTexts(kept.Description, other.Description),
		AgentID: c.agent, CreatedBy: c.user.Name, Created: c.millis(), Updated: c.millis(),
	}
	c.put(t)
	c.transactionEvent("TRANSACTION_CREATED", t, nil)
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

var textSplit = regexp.MustCompile(`[ \-_]+`)

// joinTexts adds to kept the words of other that it lacks.
func joinTexts(kept, other string) string {
	has := strings.ToLower(kept)
	for _, w := range textSplit.Split(other, -1) {
		if w != "" && !strings.Contains(has, strings.ToLower(w)) {
			kept += " " + w
		}
	}
	return strings.TrimSpace(kept)
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
