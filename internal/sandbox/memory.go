package sandbox

import (
	"cmp"
	"slices"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/sandbox/query"
)

// book is one book as it is kept in memory, with its indexes. It changes only
// by store and forget, after the change is durable.
type book struct {
	info         *bookInfo
	accounts     map[int64]*account
	groups       map[int64]*group
	integrations map[int64]*integration
	files        map[string]*file
	transactions map[string]*transaction
	bySeq        map[uint64]*transaction
	byRemote     map[string][]string // ids of live transactions
	byDate       listing             // all transactions
	drafts       listing             // live drafts
	balances     map[int64]money.Decimal
	postings     map[int64]int // posted transactions of an account, trashed ones too
	events       []*event      // in the order of Seq
	eventIndex   map[string]int
	failures     map[string]int // failed events of a transaction
	names        *nameFinder    // of live accounts
}

func newBook(info *bookInfo) *book {
	return &book{
		info:         info,
		accounts:     map[int64]*account{},
		groups:       map[int64]*group{},
		integrations: map[int64]*integration{},
		files:        map[string]*file{},
		transactions: map[string]*transaction{},
		bySeq:        map[uint64]*transaction{},
		byRemote:     map[string][]string{},
		balances:     map[int64]money.Decimal{},
		postings:     map[int64]int{},
		eventIndex:   map[string]int{},
		failures:     map[string]int{},
		names:        newNameFinder(nil),
	}
}

// place is where a transaction stands in a listing. It holds no pointers, so
// that a long listing is cheap to insert into.
type place struct {
	date bank.Date
	seq  uint64
}

func placeOf(t *transaction) place { return place{t.Date, t.Seq} }

// compare orders newest first: by date, then by creation.
func (p place) compare(q place) int {
	if c := q.date.Compare(p.date); c != 0 {
		return c
	}
	return cmp.Compare(q.seq, p.seq)
}

// listing is a list of transactions, newest first.
type listing struct{ places []place }

func (l *listing) find(p place) (int, bool) {
	return slices.BinarySearchFunc(l.places, p, place.compare)
}

func (l *listing) insert(p place) {
	if i, found := l.find(p); !found {
		l.places = slices.Insert(l.places, i, p)
	}
}

func (l *listing) remove(p place) {
	if i, found := l.find(p); found {
		l.places = slices.Delete(l.places, i, i+1)
	}
}

// store makes r, which is durable, the state of its kind and key.
func (s *Server) store(r record) {
	switch r := r.(type) {
	case *bookInfo:
		if b := s.books[r.ID]; b != nil {
			b.info = r
		} else {
			s.books[r.ID] = newBook(r)
		}
	case *account:
		b := s.books[r.BookID]
		b.accounts[r.ID] = r
		b.names = newNameFinder(b.accounts)
	case *group:
		s.books[r.BookID].groups[r.ID] = r
	case *transaction:
		s.books[r.BookID].storeTransaction(r)
	case *integration:
		s.books[r.BookID].integrations[r.ID] = r
	case *connection:
		s.connections[r.ID] = r
	case *file:
		s.books[r.BookID].files[r.ID] = r
	case *event:
		s.books[r.BookID].storeEvent(r)
		if r.Waiting {
			s.queue.push(waiting{next: r.Next, seq: r.Seq, book: r.BookID, id: r.ID})
		}
	case *merge:
		s.merges[r.Seq] = r
	}
}

// forget takes r, which is durably deleted, out of memory.
func (s *Server) forget(r record) {
	switch r := r.(type) {
	case *account:
		b := s.books[r.BookID]
		delete(b.accounts, r.ID)
		b.names = newNameFinder(b.accounts)
	case *group:
		delete(s.books[r.BookID].groups, r.ID)
	case *integration:
		delete(s.books[r.BookID].integrations, r.ID)
	case *connection:
		delete(s.connections, r.ID)
	case *file:
		delete(s.books[r.BookID].files, r.ID)
	case *merge:
		delete(s.merges, r.Seq)
	}
}

func (b *book) storeTransaction(t *transaction) {
	if old := b.transactions[t.ID]; old != nil {
		b.unindex(old, t)
	}
	b.transactions[t.ID] = t
	b.bySeq[t.Seq] = t
	b.byDate.insert(placeOf(t))
	if t.state() == query.Draft {
		b.drafts.insert(placeOf(t))
	}
	if !t.Trashed {
		for _, id := range t.RemoteIDs {
			b.byRemote[id] = append(b.byRemote[id], t.ID)
		}
	}
	b.balance(t, 1)
}

// unindex takes old out of the indexes before next takes its place.
func (b *book) unindex(old, next *transaction) {
	if old.Date != next.Date {
		b.byDate.remove(placeOf(old))
	}
	if old.state() == query.Draft {
		b.drafts.remove(placeOf(old))
	}
	if !old.Trashed {
		for _, id := range old.RemoteIDs {
			left := slices.DeleteFunc(b.byRemote[id], func(other string) bool { return other == old.ID })
			if len(left) == 0 {
				delete(b.byRemote, id)
			} else {
				b.byRemote[id] = left
			}
		}
	}
	b.balance(old, -1)
}

// balance adds t to the balances, or takes it off when times is -1. A balance is
// the sum of debits less the sum of credits.
func (b *book) balance(t *transaction, times int) {
	if !t.Posted {
		return
	}
	b.postings[t.Credit] += times
	b.postings[t.Debit] += times
	if t.Trashed {
		return
	}
	amount := t.Amount
	if times < 0 {
		amount = amount.Neg()
	}
	b.balances[t.Debit] = b.balances[t.Debit].Add(amount)
	b.balances[t.Credit] = b.balances[t.Credit].Sub(amount)
}

func (b *book) storeEvent(e *event) {
	i, known := b.eventIndex[e.ID]
	if known {
		if b.events[i].failed() {
			b.failures[e.Resource]--
		}
		b.events[i] = e
	} else {
		b.eventIndex[e.ID] = len(b.events)
		b.events = append(b.events, e)
	}
	if e.failed() {
		b.failures[e.Resource]++
	}
}

func (b *book) event(id string) *event {
	if i, known := b.eventIndex[id]; known {
		return b.events[i]
	}
	return nil
}

// lookup is a view of a book: as it is, or with a change in the making.
type lookup interface {
	bookOf() *book
	account(id int64) *account
	group(id int64) *group
	file(id string) *file
}

func (b *book) bookOf() *book             { return b }
func (b *book) account(id int64) *account { return b.accounts[id] }
func (b *book) group(id int64) *group     { return b.groups[id] }
func (b *book) file(id string) *file      { return b.files[id] }

func (b *book) accountByName(name string) *account {
	wanted := query.Normalize(name)
	for _, a := range b.accounts {
		if query.Normalize(a.Name) == wanted {
			return a
		}
	}
	return nil
}

func (b *book) groupByName(name string) *group {
	wanted := query.Normalize(name)
	for _, g := range b.groups {
		if query.Normalize(g.Name) == wanted {
			return g
		}
	}
	return nil
}

// sortedAccounts returns the accounts by name.
func (b *book) sortedAccounts() []*account {
	return sortedBy(b.accounts, func(a *account) string { return query.Normalize(a.Name) })
}

func (b *book) sortedGroups() []*group {
	return sortedBy(b.groups, func(g *group) string { return query.Normalize(g.Name) })
}

func sortedBy[K comparable, V any, O cmp.Ordered](m map[K]V, order func(V) O) []V {
	list := make([]V, 0, len(m))
	for _, v := range m {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b V) int { return cmp.Compare(order(a), order(b)) })
	return list
}

// installed reports whether the app agentID is installed in the book.
func (b *book) installed(agentID string) bool {
	for _, i := range b.integrations {
		if i.AgentID == agentID && i.ConnectionID == "" {
			return true
		}
	}
	return false
}
