package sandbox

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/sandbox/query"
)

func (s *Server) transactionRoutes(on routeTable) {
	const root = " /books/{book}/transactions"
	on("GET"+root, bookRead(s, seeTransactions, s.listTransactions))
	on("GET"+root+"/count", bookRead(s, seeTransactions, s.countTransactions))
	on("GET"+root+"/{id}", bookRead(s, seeTransactions, func(b *book, c *call) (any, error) {
		t := b.transactions[c.path("id")]
		if t == nil {
			return nil, notFound("Transaction", c.path("id"))
		}
		return s.wireTransactionOf(b, t, idsOnly), nil
	}))
	on("POST"+root+"/load/batch", bookWrite(s, seeTransactions, loadBatch))
	on("POST"+root, bookWrite(s, recordDrafts, func(c *change, _ *call, in transactionInput) (any, error) {
		t, _, err := c.create(&in, false)
		return c.answer(t, err)
	}))
	on("PUT"+root, bookWrite(s, seeBook, func(c *change, _ *call, in transactionInput) (any, error) {
		return c.answer(c.update(&in, false))
	}))
	on("PATCH"+root+"/post", bookWrite(s, postDrafts, postOne))
	on("POST"+root+"/batch", bookWrite(s, recordDrafts, createBatch))
	on("PUT"+root+"/batch", bookWrite(s, seeBook, updateBatch))
	on("PATCH"+root+"/merge", bookWrite(s, seeBook, mergeTransactions))

	verbs := []struct {
		single, batch string
		need          ability
		do            func(*change, *call, string) (*transaction, error)
	}{
		{"", "post", postDrafts, func(c *change, _ *call, id string) (*transaction, error) { return c.postExisting(id) }},
		{"check", "check", manage, func(c *change, _ *call, id string) (*transaction, error) { return c.check(id, true) }},
		{"uncheck", "uncheck", manage, func(c *change, _ *call, id string) (*transaction, error) { return c.check(id, false) }},
		{"trash", "trash", seeBook, func(c *change, call *call, id string) (*transaction, error) {
			return c.trash(id, call.flag("trashChecked"))
		}},
		{"restore", "", seeBook, func(c *change, _ *call, id string) (*transaction, error) { return c.restore(id) }},
		{"untrash", "untrash", seeBook, func(c *change, _ *call, id string) (*transaction, error) { return c.restore(id) }},
	}
	for _, verb := range verbs {
		if verb.single != "" {
			on("PATCH"+root+"/"+verb.single, bookWrite(s, verb.need, func(c *change, call *call, in reference) (any, error) {
				return c.answer(verb.do(c, call, in.ID))
			}))
		}
		if verb.batch != "" {
			on("PATCH"+root+"/"+verb.batch+"/batch", bookWrite(s, verb.need, func(c *change, call *call, in inputList[reference]) (any, error) {
				for _, item := range in.Items {
					if _, err := verb.do(c, call, item.ID); err != nil {
						return nil, err
					}
				}
				return nothing{}, nil
			}))
		}
	}
}

// answer is the answer to a request about one transaction.
func (c *change) answer(t *transaction, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return c.s.wireOperationOf(c, t, idsOnly), nil
}

// postOne posts the draft with the given id as it stands in the book, or
// creates and posts at once where there is no id.
func postOne(c *change, _ *call, in transactionInput) (any, error) {
	if in.ID != "" {
		return c.answer(c.postExisting(in.ID))
	}
	t, _, err := c.create(&in, true)
	return c.answer(t, err)
}

// createBatch records all items, or none when one of them is refused. The
// answer leaves out those whose remote ids were known, and is in no order.
func createBatch(c *change, _ *call, in inputList[transactionInput]) (any, error) {
	items := make([]*wireTransaction, 0, len(in.Items))
	for i := range in.Items {
		t, known, err := c.create(&in.Items[i], false)
		if err != nil {
			return nil, err
		}
		if !known {
			items = append(items, c.s.wireTransactionOf(c, t, idsOnly))
		}
	}
	c.shuffle(items)
	return wireList[*wireTransaction]{Items: items}, nil
}

const mostLoaded = 200

// loadBatch answers with the transactions of some ids, in their order.
func loadBatch(c *change, _ *call, in inputList[reference]) (any, error) {
	if len(in.Items) > mostLoaded {
		return nil, badRequest("No more than %d transactions can be loaded at once", mostLoaded)
	}
	items := make([]*wireTransaction, 0, len(in.Items))
	for _, item := range in.Items {
		t, err := c.existing(item.ID)
		if err != nil {
			return nil, err
		}
		items = append(items, c.s.wireTransactionOf(c, t, idsOnly))
	}
	return wireList[*wireTransaction]{Items: items}, nil
}

func updateBatch(c *change, call *call, in inputList[transactionInput]) (any, error) {
	items := make([]*wireTransaction, 0, len(in.Items))
	for i := range in.Items {
		t, err := c.update(&in.Items[i], call.flag("updateChecked"))
		if err != nil {
			return nil, err
		}
		items = append(items, c.s.wireTransactionOf(c, t, idsOnly))
	}
	c.shuffle(items)
	return wireList[*wireTransaction]{Items: items}, nil
}

func (c *change) shuffle(items []*wireTransaction) {
	for i := len(items) - 1; i > 0; i-- {
		j := c.s.opts.Rand(i + 1)
		items[i], items[j] = items[j], items[i]
	}
}

const (
	usualTransactions = 100
	mostTransactions  = 1000
)

func (s *Server) listTransactions(b *book, c *call) (any, error) {
	q, err := query.Parse(c.param("query"), b.today(s.opts.Now()))
	if err != nil {
		return nil, badRequest("Invalid query: %s", err)
	}
	limit, err := c.limit(usualTransactions, mostTransactions)
	if err != nil {
		return nil, err
	}
	after, err := decodeCursor(c.r.Header.Get("cursor"))
	if err != nil {
		return nil, err
	}
	list := wireList[*wireTransaction]{Items: []*wireTransaction{}}
	only := b.onlyAccount(q)
	var running map[string]string
	if only != nil {
		list.Account = int64Text(only.ID)
		running = b.runningBalances(only)
	}
	var last *transaction
	for t := range b.search(q, after) {
		if len(list.Items) == limit {
			list.Cursor = encodeCursor(placeOf(last))
			break
		}
		w := s.wireTransactionOf(b, t, idsOnly)
		if only != nil {
			for _, side := range []*wireAccount{w.CreditAccount, w.DebitAccount} {
				if side != nil && side.ID == list.Account {
					side.Balance = running[t.ID]
				}
			}
		}
		list.Items = append(list.Items, w)
		last = t
	}
	return list, nil
}

type wireCount struct {
	Total int `json:"total"`
}

func (s *Server) countTransactions(b *book, c *call) (any, error) {
	q, err := query.Parse(c.param("query"), b.today(s.opts.Now()))
	if err != nil {
		return nil, badRequest("Invalid query: %s", err)
	}
	count := wireCount{}
	for range b.search(q, place{}) {
		count.Total++
	}
	return count, nil
}

// search yields the transactions that q asks for, newest first, from behind
// the place after on; the zero place is before all.
func (b *book) search(q query.Query, after place) func(yield func(*transaction) bool) {
	return func(yield func(*transaction) bool) {
		for _, p := range b.candidates(q) {
			if after.seq != 0 && after.compare(p) >= 0 {
				continue
			}
			if t := b.bySeq[p.seq]; q.Matches(row{b, t}) && !yield(t) {
				return
			}
		}
	}
}

// candidates returns a listing that holds at least all that q asks for.
func (b *book) candidates(q query.Query) []place {
	if len(q.RemoteIDs) > 0 && !q.Wants(query.Trashed) {
		var places []place
		for _, id := range b.byRemote[q.RemoteIDs[0]] {
			places = append(places, placeOf(b.transactions[id]))
		}
		slices.SortFunc(places, place.compare)
		return places
	}
	places := b.byDate.places
	if q.Wants(query.Draft) {
		places = b.drafts.places
	}
	first, last := 0, len(places)
	if !q.Before.IsZero() {
		first, _ = slices.BinarySearchFunc(places, q.Before, func(p place, before bank.Date) int {
			if p.date.Before(before) {
				return 1
			}
			return -1
		})
	}
	if !q.From.IsZero() {
		last, _ = slices.BinarySearchFunc(places, q.From, func(p place, from bank.Date) int {
			if p.date.Before(from) {
				return 1
			}
			return -1
		})
	}
	return places[first:max(first, last)]
}

// onlyAccount returns the account when q filters by exactly one.
func (b *book) onlyAccount(q query.Query) *account {
	if len(q.Accounts) != 1 {
		return nil
	}
	return b.accountByName(q.Accounts[0])
}

// runningBalances returns the balance of a permanent account at the end of each
// day, by the last transaction posted on it.
func (b *book) runningBalances(a *account) map[string]string {
	balances := map[string]string{}
	if !permanent(a.Type) {
		return balances
	}
	var day bank.Date
	total := b.balances[a.ID]
	for _, p := range b.byDate.places {
		t := b.bySeq[p.seq]
		if t.Credit != a.ID && t.Debit != a.ID || !t.Posted || t.Trashed {
			continue
		}
		if t.Date != day {
			day, balances[t.ID] = t.Date, signed(total, a).String()
		}
		if t.Debit == a.ID {
			total = total.Sub(t.Amount)
		}
		if t.Credit == a.ID {
			total = total.Add(t.Amount)
		}
	}
	return balances
}

// encodeCursor makes a text of the place that a page ended with.
func encodeCursor(p place) string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.date.String() + " " + strconv.FormatUint(p.seq, 10)))
}

func decodeCursor(text string) (place, error) {
	if text == "" {
		return place{}, nil
	}
	bad := badRequest("Invalid cursor")
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return place{}, bad
	}
	day, number, _ := strings.Cut(string(data), " ")
	date, err := bank.ParseDate(day)
	if err != nil {
		return place{}, bad
	}
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return place{}, bad
	}
	return place{date, seq}, nil
}
