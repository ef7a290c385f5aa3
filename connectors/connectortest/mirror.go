package connectortest

import (
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
)

// mirror is what the simplest faithful app would know of one account after the
// updates it was given.
type mirror struct {
	booked  []bank.Transaction
	pending map[string]bank.Transaction
	seen    map[string]time.Time // when each pending id was last reported
	was     map[string]bool      // ids that have been booked
	from    bank.Date            // told from here on, if later than wanted
	gone    bool
}

func newMirror() *mirror {
	return &mirror{pending: make(map[string]bank.Transaction), seen: make(map[string]time.Time), was: make(map[string]bool)}
}

// apply takes what an update says of the account, as the contract says how.
func (m *mirror) apply(b *bench, name string, p *connectors.AccountPage) {
	b.Helper()
	if errs.Is(p.Err, errs.AccountGone) {
		m.gone = true
		return
	}
	if errs.Is(p.Err, errs.HistoryNotAvailable) {
		m.from = p.Complete.From
	}
	told := make(map[string]bool)
	for _, id := range p.Removed {
		told[id] = true
		delete(m.pending, id)
	}
	for _, tx := range p.Transactions {
		if tx.ID != "" && tx.Status == bank.Booked {
			told[tx.ID] = true
		}
	}
	kept := m.booked[:0]
	for _, tx := range m.booked {
		if !told[tx.ID] && !p.Complete.Contains(tx.Date) {
			kept = append(kept, tx)
		}
	}
	m.booked = kept
	for _, tx := range p.Transactions {
		if tx.Status == bank.Pending {
			if m.was[tx.ID] {
				b.Errorf("%s: %s was booked and is pending again", name, tx.ID)
			}
			m.pending[tx.ID] = tx
			m.seen[tx.ID] = b.Clock.Now()
			continue
		}
		m.booked = append(m.booked, tx)
		if tx.ID != "" {
			m.was[tx.ID] = true
			delete(m.pending, tx.ID)
		}
		delete(m.pending, tx.PendingID)
	}
}

// compare holds the mirror against the truth. Pending ones may be forgotten up
// to grace after the vendor has.
func (m *mirror) compare(b *bench, l linked, w connectors.Wanted, grace time.Duration) {
	b.Helper()
	if m.gone {
		return
	}
	since := w.Since
	if since.Before(m.from) {
		since = m.from
	}
	truth := b.Truth(l.SignIn, w.Key, since, b.Clock.Now())
	if d := diff(lines(truth.Booked), lines(m.booked)); d != "" {
		b.Fatalf("%s: account %s at %s: booked: %s", l.Name, w.Key, b.Clock.Now().Format(time.TimeOnly), d)
	}
	left := make(map[string]int)
	for _, line := range lines(truth.Pending) {
		left[line]++
	}
	for id, tx := range m.pending {
		line := lines([]bank.Transaction{tx})[0]
		if left[line] > 0 {
			left[line]--
		} else if b.Clock.Now().Sub(m.seen[id]) > grace {
			b.Errorf("%s: account %s: %s is pending no more, and was never removed or booked by name", l.Name, w.Key, id)
		}
	}
	for line, n := range left {
		if n > 0 {
			b.Errorf("%s: account %s: pending and not reported: %s", l.Name, w.Key, line)
		}
	}
}
