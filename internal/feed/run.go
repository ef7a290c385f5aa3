package feed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/feed/match"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// batchSize is the most rows that one message records: what the book takes in
// one call.
const batchSize = 100

// publishAtOnce bounds how much one transaction of the queue writes: a message
// of 100 rows is about 50 KB.
const publishAtOnce = 40

// target is where rows go, and from where they come.
type target struct {
	BookID      string `json:"bookId"`
	AccountID   string `json:"accountId"`
	Integration string `json:"integration,omitempty"` // none for statement files
	UserID      string `json:"userId"`                // on whose behalf
	Source      string `json:"source"`                // who gave the ids
	Origin      string `json:"origin"`
	Institution string `json:"institution,omitempty"` // its name
	File        bool   `json:"file,omitempty"`
}

// key orders what is recorded into one account of a book.
func (t target) key() string { return accountKey(t.BookID, t.AccountID) }

// row is a row of a batch. A row of Context needs nothing itself: it is there
// because rows of one day are matched together.
type row struct {
	bank.Transaction
	Context bool `json:"context,omitempty"`
}

// batch is the body of a message: up to batchSize rows that need something,
// with all other rows that the same update has on their days.
type batch struct {
	target
	Run      string            `json:"run"` // key of the run's record
	RunID    string            `json:"runId"`
	Number   int               `json:"number"` // from 0 within the run
	Rows     []row             `json:"rows"`
	Removed  []string          `json:"removed,omitempty"`
	Complete []connectors.Days `json:"complete,omitempty"`
	// First and Last are the days of the whole run.
	First bank.Date `json:"first"`
	Last  bank.Date `json:"last"`
}

func (b batch) isComplete(d bank.Date) bool {
	return slices.ContainsFunc(b.Complete, func(days connectors.Days) bool { return days.Contains(d) })
}

// startRun turns what an update says of one account into a run: it sorts the
// rows out, keeps pending ones for the panel, and hands those that need
// something to the queue. An update that brings nothing new leaves no run,
// unless a person has asked for the whole period.
func (s *Service) startRun(ctx context.Context, src *source, i ledger.Integration, a *accountUpdate, whole bool) error {
	t := target{
		BookID: i.BookID, AccountID: i.AccountID, Integration: i.ID, UserID: i.AddedBy,
		Source: src.connection.ID, Origin: i.Origin, Institution: i.Institution,
	}
	run := ledger.Run{
		ID: s.NewID(), Kind: ledger.SyncRun, BookID: i.BookID, Integration: i.ID,
		AccountID: i.AccountID, AccountName: i.AccountName,
		Title: i.Institution + ", " + i.BankName, StartedBy: i.AddedBy, StartedAt: s.Now(),
	}
	sorted := sortOut(a.rows, i.Since)
	if err := s.keepPending(ctx, i.ID, sorted.pending); err != nil {
		return err
	}
	return s.publishRun(ctx, t, run, sorted, a.removed, a.complete, whole)
}

// sorted are the rows of an update by what can be done with them.
type sorted struct {
	booked  []bank.Transaction // by day, within a day as they came
	pending []bank.Transaction
	skipped []ledger.JournalLine
	early   int // before the start date
}

// sortOut separates the rows that can be recorded from those that cannot. The
// same id twice in one update is one row, reported twice: the last one counts.
func sortOut(rows []bank.Transaction, since bank.Date) sorted {
	var out sorted
	last := make(map[string]int)
	for n, t := range rows {
		if t.ID != "" {
			last[t.ID] = n
		}
	}
	for n, t := range rows {
		if t.ID != "" && last[t.ID] != n {
			continue
		}
		switch err := t.Validate(); {
		case err != nil:
			out.skipped = append(out.skipped, skippedLine(t, "it cannot be read: "+err.Error()))
		case t.Status == bank.Pending:
			out.pending = append(out.pending, t)
		case t.Date.Before(since):
			out.early++
		case t.Amount.IsZero():
			out.skipped = append(out.skipped, skippedLine(t, "its amount is 0: it moves no money"))
		default:
			out.booked = append(out.booked, t)
		}
	}
	slices.SortStableFunc(out.booked, func(a, b bank.Transaction) int { return a.Date.Compare(b.Date) })
	return out
}

func skippedLine(t bank.Transaction, why string) ledger.JournalLine {
	return ledger.JournalLine{Date: t.Date, Amount: t.Amount, Text: t.Description, Outcome: "skipped", Why: why}
}

// mostPending bounds what is kept of announced rows.
const mostPending = 500

func (s *Service) keepPending(ctx context.Context, integration string, rows []bank.Transaction) error {
	rows = rows[:min(len(rows), mostPending)]
	return s.records.Pending.Save(ctx, s.Engine, store.Key(integration), ledger.PendingRows{At: s.Now(), Rows: rows})
}

// publishRun compares the rows with the ledger, writes the run, and hands the
// rows that need something to the queue.
func (s *Service) publishRun(ctx context.Context, t target, run ledger.Run, rows sorted, removed []string, complete []connectors.Days, always bool) error {
	p := batch{target: t, Removed: removed, Complete: complete}
	for _, transaction := range rows.booked {
		p.Rows = append(p.Rows, row{Transaction: transaction})
	}
	var needed []bool
	var gone []string
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		known, err := s.lookUp(tx, p)
		if err != nil {
			return err
		}
		needed, gone = known.needs(p)
		return nil
	})
	if err != nil {
		return fmt.Errorf("comparing with the ledger: %w", err)
	}
	batches := cut(p, needed)
	if len(gone) > 0 {
		if len(batches) == 0 {
			batches = append(batches, batch{target: t, Complete: complete})
		}
		batches[0].Removed = gone
	}
	if len(batches) == 0 && !always {
		return nil
	}
	run.Batches = len(batches)
	run.Counts = ledger.Counts{
		Came: len(rows.booked), Skipped: rows.early + len(rows.skipped),
		Matched: len(rows.booked) - count(needed),
	}
	if len(rows.booked) > 0 {
		run.First, run.Last = rows.booked[0].Date, rows.booked[len(rows.booked)-1].Date
	}
	if len(batches) == 0 {
		run.FinishedAt = s.Now()
	}
	if err := s.writeRun(ctx, run, rows.skipped); err != nil {
		return err
	}
	return s.publishBatches(ctx, run, batches)
}

// writeRun writes the run, the journal of the rows that were skipped, and the
// run's part in the integration's totals.
func (s *Service) writeRun(ctx context.Context, run ledger.Run, skipped []ledger.JournalLine) error {
	return s.Engine.Update(ctx, func(tx store.Tx) error {
		i, found, err := s.records.Integrations.Find(tx, store.Key(run.BookID, run.Integration))
		if err != nil {
			return err
		}
		if err := s.records.Runs.Put(tx, run.Key(), run); err != nil {
			return err
		}
		if found {
			i.LastRun = run.StartedAt
			i.Totals = i.Totals.Add(run.Counts)
			if err := s.records.PutIntegration(tx, i); err != nil {
				return err
			}
		}
		if len(skipped) == 0 {
			return nil
		}
		return s.records.Journal.Put(tx, store.Key(run.ID, skippedPage), ledger.JournalPage{Lines: bounded(skipped)})
	})
}

// skippedPage is the journal page of the rows that never reached a batch.
const skippedPage = "skipped"

func bounded(lines []ledger.JournalLine) []ledger.JournalLine {
	const most = 500
	return lines[:min(len(lines), most)]
}

func (s *Service) publishBatches(ctx context.Context, run ledger.Run, batches []batch) error {
	messages := make([]queue.Message, 0, min(len(batches), publishAtOnce))
	for n := range batches {
		b := &batches[n]
		b.Run, b.RunID, b.Number, b.First, b.Last = run.Key(), run.ID, n, run.First, run.Last
		body, err := json.Marshal(b)
		if err != nil {
			return fmt.Errorf("writing batch %d: %w", n, err)
		}
		sum := sha256.Sum256(body)
		id := fmt.Sprintf("record:%s:%d:%s", run.ID, n, hex.EncodeToString(sum[:8]))
		messages = append(messages, queue.Message{ID: id, Key: b.key(), Kind: kindRecord, Body: body})
		if len(messages) == publishAtOnce || n == len(batches)-1 {
			if err := s.Queue.Publish(ctx, messages...); err != nil {
				return err
			}
			messages = messages[:0]
		}
	}
	return nil
}

// cut divides the rows that need something into batches, by day. Each batch
// brings along the other rows of its days, because rows of one day and amount
// can only be told apart together; their order is the same in every batch.
func cut(p batch, needed []bool) []batch {
	var batches []batch
	for start := 0; start < len(p.Rows); {
		if !needed[start] {
			start++
			continue
		}
		end, size := start, 0
		for end < len(p.Rows) && size < batchSize {
			if needed[end] {
				size++
			}
			end++
		}
		batches = append(batches, p.part(start, end, needed))
		start = end
	}
	return batches
}

// part is the batch of the needed rows from start to end, which lie in the
// order of their days.
func (p batch) part(start, end int, needed []bool) batch {
	days := make(map[bank.Date]bool)
	for n := start; n < end; n++ {
		if needed[n] {
			days[p.Rows[n].Date] = true
		}
	}
	first, last := start, end
	for first > 0 && days[p.Rows[first-1].Date] {
		first--
	}
	for last < len(p.Rows) && days[p.Rows[last].Date] {
		last++
	}
	b := batch{target: p.target, Complete: p.Complete}
	for n := first; n < last; n++ {
		r := p.Rows[n]
		if !days[r.Date] {
			continue
		}
		if n < start || n >= end || !needed[n] {
			r = contextRow(r)
		}
		b.Rows = append(b.Rows, r)
	}
	return b
}

// contextRow is a row reduced to what matching compares.
func contextRow(r row) row {
	return row{Context: true, Transaction: bank.Transaction{
		ID: r.ID, PendingID: r.PendingID, Status: r.Status, Date: r.Date, Amount: r.Amount,
		Description: r.Description, Instalment: r.Instalment,
	}}
}

func count(marks []bool) int {
	n := 0
	for _, m := range marks {
		if m {
			n++
		}
	}
	return n
}

// known is what the ledger holds that the rows of a batch may stand for.
type known struct {
	verdicts []match.Verdict
	entries  map[string]ledger.Entry // by remote id; those the rows may be
	taken    map[string]bool         // remote ids in use on the days of the rows
	removed  map[string]ledger.Entry // by the provider's id that is no more
}

// lookUp reads the entries that rows of the batch may stand for and matches
// them. It only reads.
func (s *Service) lookUp(tx store.Tx, b batch) (known, error) {
	k := known{entries: make(map[string]ledger.Entry), taken: make(map[string]bool), removed: make(map[string]ledger.Entry)}
	withID := make(map[string]string) // provider id -> remote id
	add := func(e ledger.Entry) {
		k.taken[e.RemoteID] = true
		if !b.mayBe(e) {
			return
		}
		k.entries[e.RemoteID] = e
		for _, id := range e.IDs {
			if id.Source == b.Source {
				withID[id.ID] = e.RemoteID
			}
		}
	}
	if len(b.Rows) > 0 {
		first, last := b.Rows[0].Date, b.Rows[len(b.Rows)-1].Date
		err := s.records.Entries.Scan(tx, ledger.EntryDays(b.BookID, first, last), func(_ string, e ledger.Entry) (bool, error) {
			add(e)
			return true, nil
		})
		if err != nil {
			return k, err
		}
	}
	var ids []string
	for _, r := range b.Rows {
		ids = append(ids, r.ID, r.PendingID)
	}
	for _, id := range append(ids, b.Removed...) {
		if _, ok := withID[id]; ok || id == "" {
			continue
		}
		e, found, err := s.entryOf(tx, b.target, id)
		if err != nil {
			return k, err
		}
		if found {
			add(e)
		}
	}
	k.verdicts = match.Match(b.update(), k.forMatching(b.Source))
	k.noteRemoved(b, withID)
	return k, nil
}

// entryOf finds the entry of a provider's id.
func (s *Service) entryOf(tx store.Tx, t target, id string) (ledger.Entry, bool, error) {
	ref, found, err := s.records.SourceIDs.Find(tx, ledger.SourceKey(t.BookID, t.Origin, ledger.SourceID{Source: t.Source, ID: id}))
	if err != nil || !found {
		return ledger.Entry{}, false, err
	}
	return s.records.Entries.Find(tx, ref.Entry)
}

// mayBe reports whether a row of this batch may stand for the entry: it comes
// from the same bank account, or one of the two comes from a file for the same
// account of the book. Two bank accounts that feed one account of the book are
// never taken for each other.
func (t target) mayBe(e ledger.Entry) bool {
	if slices.Contains(e.Origins, t.Origin) {
		return true
	}
	if e.AccountID != t.AccountID {
		return false
	}
	return t.File || !slices.ContainsFunc(e.Origins, func(o string) bool { return !isFileOrigin(o) })
}

func (k known) forMatching(source string) []match.Entry {
	entries := make([]match.Entry, 0, len(k.entries))
	for _, e := range k.entries {
		m := match.Entry{
			Ref: e.RemoteID, Date: e.Row.Date, Amount: e.Row.Amount.String(), Text: match.Text(e.Row.Description),
			Instalment: match.InstalmentOf(e.Row),
		}
		for _, id := range e.IDs {
			if id.Source == source {
				m.IDs = append(m.IDs, id.ID)
			}
		}
		entries = append(entries, m)
	}
	return entries
}

func (b batch) update() match.Update {
	u := match.Update{Rows: make([]match.Row, len(b.Rows)), Removed: b.Removed, Complete: b.isComplete, WeakIDs: b.File}
	for n, r := range b.Rows {
		u.Rows[n] = match.Row{
			ID: r.ID, PendingID: r.PendingID, Date: r.Date, Amount: r.Amount.String(),
			Text: match.Text(r.Description), Instalment: match.InstalmentOf(r.Transaction),
		}
	}
	return u
}

// noteRemoved finds the entries of ids that are no more and that no row of
// the update has taken over.
func (k *known) noteRemoved(b batch, withID map[string]string) {
	paired := make(map[string]bool)
	for _, v := range k.verdicts {
		paired[v.Ref] = true
	}
	for _, id := range b.Removed {
		if ref, ok := withID[id]; ok && !paired[ref] && k.entries[ref].State != ledger.Removed {
			k.removed[id] = k.entries[ref]
		}
	}
}

// needs says for each row whether anything must be done about it, and which
// removed ids concern the ledger.
func (k known) needs(b batch) (rows []bool, removed []string) {
	rows = make([]bool, len(b.Rows))
	for n, v := range k.verdicts {
		if v.How == match.New {
			rows[n] = true
			continue
		}
		e := k.entries[v.Ref]
		rows[n] = e.State == ledger.Claimed || newID(e, b.Source, b.Rows[n].ID) || changed(e, v.How, b.Rows[n].Transaction)
	}
	for _, id := range b.Removed {
		if _, ok := k.removed[id]; ok {
			removed = append(removed, id)
		}
	}
	return rows, removed
}

func newID(e ledger.Entry, source, id string) bool {
	return id != "" && !slices.Contains(e.IDs, ledger.SourceID{Source: source, ID: id})
}

// changed reports whether the bank now says something else of the entry. Only
// a row that is surely the same can change it: another source words the same
// movement differently.
func changed(e ledger.Entry, how match.How, t bank.Transaction) bool {
	if how != match.ByID && how != match.ByLink {
		return false
	}
	return e.Row.Date != t.Date || !e.Row.Amount.Equal(t.Amount) || e.Row.Description != t.Description
}

func isFileOrigin(origin string) bool { return len(origin) > 5 && origin[:5] == "file:" }

func pageName(n int) string { return strconv.Itoa(n + 1_000_000)[1:] }
