package feed

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/feed/match"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

const (
	standingPage    = 1000
	daysBefore      = 7 // a person may have written the day of the purchase
	runsInCache     = 8
	remoteIDVersion = "bc1_"
)

// byAmount are standing transactions by their amount.
type byAmount map[string][]match.Standing

// standingCache keeps what stood in an account when a run began, so that a run
// reads the book once and not once a batch.
type standingCache struct {
	mu    sync.Mutex
	runs  []string // and accounts, oldest first
	byRun map[string]byAmount
}

func newStandingCache() *standingCache {
	return &standingCache{byRun: make(map[string]byAmount)}
}

func (c *standingCache) get(run string) (byAmount, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.byRun[run]
	return s, ok
}

func (c *standingCache) put(run string, s byAmount) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byRun[run]; !ok {
		c.runs = append(c.runs, run)
	}
	c.byRun[run] = s
	if len(c.runs) > runsInCache {
		delete(c.byRun, c.runs[0])
		c.runs = c.runs[1:]
	}
}

// standingOf returns what others than the app have recorded into the account in
// the days of the run. If the book cannot be read for good, there is nothing to
// compare with, and recording will say why.
func (w *work) standingOf(ctx context.Context, b batch) (byAmount, error) {
	if !needsStanding(b) {
		return nil, nil
	}
	name := b.Run + " " + b.AccountID // a run may be led to another account
	if s, ok := w.Service.standing.get(name); ok && !w.again {
		return s, nil
	}
	all, err := w.readStanding(ctx, b)
	if refusesAll(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what stands in the book: %w", err)
	}
	s := make(byAmount)
	for _, t := range all {
		s[t.Amount] = append(s[t.Amount], t)
	}
	w.Service.standing.put(name, s)
	return s, nil
}

// standNow separates entries that are about to be recorded later than they were
// claimed: those for which a transaction stands in the book by now, because a
// person did not want to wait, are matched with it.
func (w *work) standNow(ctx context.Context, entries []ledger.Entry) (matched, rest []ledger.Entry, err error) {
	days := batch{First: entries[0].Row.Date, Last: entries[0].Row.Date}
	rows := make([]match.Awaited, len(entries))
	for n, e := range entries {
		rows[n] = awaitedOf(e.Row)
		if e.Row.Date.Before(days.First) {
			days.First = e.Row.Date
		}
		if e.Row.Date.After(days.Last) {
			days.Last = e.Row.Date
		}
	}
	all, err := w.readStanding(ctx, days)
	if refusesAll(err) {
		return nil, entries, nil // recording will say why
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading what stands in the book: %w", err)
	}
	standing := make(byAmount)
	for _, t := range all {
		standing[t.Amount] = append(standing[t.Amount], t)
	}
	var free []match.Standing
	err = w.Engine.View(ctx, func(tx store.Tx) (err error) {
		free, err = w.unmatched(tx, standing, rows)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for n, id := range match.Claim(rows, free) {
		e := entries[n]
		if id == "" {
			rest = append(rest, e)
			continue
		}
		e.State, e.TransactionID, e.Problem = ledger.Matched, id, nil
		matched = append(matched, e)
	}
	return matched, rest, nil
}

func needsStanding(b batch) bool {
	for _, r := range b.Rows {
		if !r.Context {
			return true
		}
	}
	return false
}

func (w *work) readStanding(ctx context.Context, b batch) ([]match.Standing, error) {
	chart, err := w.Completer.Chart(ctx, w.book, w.BookID, w.AccountID)
	if err != nil {
		return nil, err
	}
	query := fmt.Sprintf("after:%s before:%s", b.First.AddDays(-daysBefore), b.Last.AddDays(1+daysBefore))
	if account, err := bkper.QueryAccount(chart.Name(w.AccountID)); err == nil {
		query = account + " " + query
	}
	var all []match.Standing
	for t, err := range w.book.Transactions(ctx, w.BookID, query, standingPage) {
		if err != nil {
			return nil, err
		}
		amount, ours := signed(t, w.AccountID)
		if t.Trashed || !ours || recordedByUs(t) {
			continue
		}
		all = append(all, match.Standing{ID: t.ID, Date: t.Date, Amount: amount.String(), Text: match.Text(t.Description)})
	}
	return all, nil
}

// recordedByUs reports whether a transaction carries a remote id of the ledger.
func recordedByUs(t bkper.Transaction) bool {
	for _, id := range t.RemoteIDs {
		if _, ok := ledger.EntryKey("", id); ok && strings.HasPrefix(id, remoteIDVersion) {
			return true
		}
	}
	return false
}
