package feed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"

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

// batchBytes bounds the texts of a batch, far below what a message may hold.
const batchBytes = 400_000

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
// with what else the same update says that bears on them.
type batch struct {
	target
	Run    string `json:"run"` // key of the run's record
	RunID  string `json:"runId"`
	Number int    `json:"number"` // from 0 within the run
	Rows   []row  `json:"rows"`
	// Removed are the ids whose entries are to be withdrawn.
	Removed []string `json:"removed,omitempty"`
	// Gone are ids that the update says are no more, Present those of rows that
	// it has on other days, as far as they concern entries on the days of Rows.
	Gone     []string          `json:"gone,omitempty"`
	Present  []string          `json:"present,omitempty"`
	Complete []connectors.Days `json:"complete,omitempty"`
	// Fresh says that the connector began from nothing.
	Fresh bool `json:"fresh,omitempty"`
	// Again says that a person asked for all of this: what was parked is tried
	// again.
	Again bool `json:"again,omitempty"`
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
		Title: i.Institution + ", " + i.BankName, StartedBy: i.AddedBy,
		StartedAt: src.runs, Connection: src.connection.ID, From: src.connection.State,
	}
	sorted := sortOut(a.rows, i.Since)
	if err := s.keepPending(ctx, i.ID, a, sorted.pending, whole); err != nil {
		return err
	}
	all := batch{target: t, Removed: a.removed, Complete: a.complete, Fresh: a.fresh, Again: whole}
	return s.publishRun(ctx, run, sorted, all, func(tx store.Tx) error {
		_, _, err := s.asFetched(tx, src)
		return err
	})
}

// sorted are the rows of an update by what can be done with them.
type sorted struct {
	booked  []bank.Transaction // by day, within a day as they came
	pending []bank.Transaction
	skipped []ledger.JournalLine
	early   int // before the start date
}

// leftOut is how many rows are not to be recorded.
func (s sorted) leftOut() int { return len(s.pending) + len(s.skipped) + s.early }

// sortOut separates the rows that can be recorded from those that cannot. The
// same id twice in one update is one row, reported twice: the last one counts,
// but what is booked stays so.
func sortOut(rows []bank.Transaction, since bank.Date) sorted {
	var out sorted
	last := make(map[string]int)
	for n, t := range rows {
		if before, ok := last[t.ID]; t.ID != "" && (!ok || t.Status == bank.Booked || rows[before].Status != bank.Booked) {
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

const (
	mostPending = 500 // announced rows kept of one integration
	pendingDays = 60  // an announced row that was neither booked nor withdrawn by then is forgotten
)

// keepPending keeps the announced rows for the panel: those of this update, and
// those of earlier ones that it says nothing of.
func (s *Service) keepPending(ctx context.Context, integration string, a *accountUpdate, rows []bank.Transaction, whole bool) error {
	told := make(map[string]bool)
	for _, id := range a.removed {
		told[id] = true
	}
	for _, t := range a.rows {
		told[t.ID], told[t.PendingID] = true, true
	}
	oldest := bank.DateOf(s.Now()).AddDays(-pendingDays)
	b := batch{Complete: a.complete}
	over := func(t bank.Transaction) bool {
		return whole || t.ID == "" || told[t.ID] || b.isComplete(t.Date) || t.Date.Before(oldest)
	}
	return s.records.Pending.Upsert(ctx, s.Engine, store.Key(integration), func(old ledger.PendingRows, _ bool) (ledger.PendingRows, error) {
		all := append(slices.DeleteFunc(old.Rows, over), rows...)
		slices.SortStableFunc(all, func(a, b bank.Transaction) int { return b.Date.Compare(a.Date) })
		return ledger.PendingRows{At: s.Now(), Rows: all[:min(len(all), mostPending)]}, nil
	})
}

// publishRun compares the rows with the ledger, writes the run, and hands the
// rows that need something to the queue. all says where they go and what else
// the update tells; its rows are those of sorted. may says, when the run is
// written, whether it still may be.
func (s *Service) publishRun(ctx context.Context, run ledger.Run, rows sorted, all batch, may func(store.Tx) error) error {
	for _, transaction := range rows.booked {
		all.Rows = append(all.Rows, row{Transaction: transaction})
	}
	all.Gone = all.Removed
	var p plan
	elsewhere := 0
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		before, err := s.underWay(tx, all.target)
		if err != nil {
			return err
		}
		k, err := s.lookUp(tx, all)
		if err != nil {
			return err
		}
		p = k.plan(all, before)
		if elsewhere = 0; all.File {
			elsewhere = k.recordedElsewhere(all.AccountID)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("comparing with the ledger: %w", err)
	}
	if elsewhere > 0 {
		run.Problems = append(run.Problems, fmt.Sprintf("Recorded into another account of the book before, and left there: %d. "+
			"If that was a mistake, undo the run that recorded them and import the file again.", elsewhere))
	}
	batches := p.cut(all)
	if len(batches) == 0 && !all.Again {
		return nil
	}
	run.Batches, run.Revises = len(batches), p.revises
	run.Counts = ledger.Counts{
		Came: len(rows.booked) + rows.leftOut(), Skipped: rows.leftOut(),
		Matched: len(rows.booked) - count(p.needed),
	}
	if len(rows.booked) > 0 {
		run.First, run.Last = rows.booked[0].Date, rows.booked[len(rows.booked)-1].Date
	}
	if len(batches) == 0 {
		run.FinishedAt = s.Now()
	}
	if err := s.writeRun(ctx, run, rows.skipped, may); err != nil {
		return err
	}
	return s.publishBatches(ctx, run, batches)
}

// runTime is how long the batches of a run may be under way. Later they are
// done, or dead letters that wait for a person.
const runTime = 24 * time.Hour

// recentRuns are the runs of a book that may be under way.
func (s *Service) recentRuns(bookID string) store.Span {
	span := store.Below(bookID)
	span.To = ledger.RunKey(bookID, s.Now().Add(-runTime), "")
	return span
}

// underWay reports what earlier runs into the same account have still to do.
func (s *Service) underWay(tx store.Tx, t target) (before struct{ any, revising bool }, err error) {
	err = s.records.Runs.Scan(tx, s.recentRuns(t.BookID), func(_ string, r ledger.Run) (bool, error) {
		if r.FinishedAt.IsZero() && (r.AccountID == t.AccountID || t.Integration != "" && r.Integration == t.Integration) {
			before.any, before.revising = true, before.revising || r.Revises
		}
		return true, nil
	})
	return before, err
}

// writeRun writes the run, the journal of the rows that were skipped, and the
// run's part in the integration's totals, if it still may be.
func (s *Service) writeRun(ctx context.Context, run ledger.Run, skipped []ledger.JournalLine, may func(store.Tx) error) error {
	return s.Engine.Update(ctx, func(tx store.Tx) error {
		if err := may(tx); err != nil {
			return err
		}
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
		body, err := packed(b)
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

// plan is what a run has to do.
type plan struct {
	needed  []bool   // rows that need something
	removed []string // ids whose entries are to be withdrawn
	revises bool
	// gone and moved are ids that bear on the matching of rows on a day: those
	// that are no more, and those of entries of which the update says another
	// date or amount. No day means any day.
	gone, moved map[string]bank.Date
}

// cut divides the rows that need something into batches, by day.
func (p plan) cut(all batch) []batch {
	var batches []batch
	shown := make(map[string]bool) // ids that the update shows
	for _, r := range all.Rows {
		shown[r.ID] = true
	}
	for start := 0; start < len(all.Rows); {
		if !p.needed[start] {
			start++
			continue
		}
		end, size, bytes := start, 0, 0
		for end < len(all.Rows) && size < batchSize && bytes < batchBytes {
			if p.needed[end] {
				size++
				bytes += len(all.Rows[end].Description)
			}
			end++
		}
		batches = append(batches, p.part(all, shown, start, end))
		start = end
	}
	if len(p.removed) > 0 && len(batches) == 0 {
		batches = append(batches, batch{target: all.target, Complete: all.Complete})
	}
	if len(batches) > 0 {
		batches[0].Removed = p.removed
	}
	return batches
}

// part is the batch of the needed rows from start to end, which lie in the
// order of their days. It brings along the other rows of these days, because
// rows of one day can only be told apart together; their order is the same in
// every batch.
func (p plan) part(all batch, shown map[string]bool, start, end int) batch {
	type movement struct {
		date   bank.Date
		amount string
	}
	days := make(map[bank.Date]bool)
	movements := make(map[movement]bool)
	of := func(r row) movement { return movement{r.Date, r.Amount.String()} }
	for n := start; n < end; n++ {
		if p.needed[n] {
			days[all.Rows[n].Date] = true
			movements[of(all.Rows[n])] = true
		}
	}
	first, last := start, end
	for first > 0 && days[all.Rows[first-1].Date] {
		first--
	}
	for last < len(all.Rows) && days[all.Rows[last].Date] {
		last++
	}
	b := batch{target: all.target, Complete: all.Complete, Fresh: all.Fresh, Again: all.Again, Gone: onDays(p.gone, days)}
	here := make(map[string]bool)
	for n, others := first, 0; n < last; n++ {
		r := all.Rows[n]
		switch {
		case n >= start && n < end && p.needed[n]:
		case !days[r.Date]:
			continue
		case movements[of(r)]:
			r = contextRow(r, r.Description)
		case r.ID != "" && others < mostOthers:
			r = contextRow(r, "")
			others++
		default:
			continue
		}
		b.Rows = append(b.Rows, r)
		here[r.ID] = true
	}
	b.Present = onDays(p.moved, days)
	for _, r := range b.Rows {
		if r.PendingID != "" && shown[r.PendingID] { // what a row is linked to may stand on another day
			b.Present = append(b.Present, r.PendingID)
		}
	}
	b.Present = slices.DeleteFunc(b.Present, func(id string) bool { return here[id] })
	return b
}

// mostOthers bounds the rows of other amounts that a batch brings along.
const mostOthers = 4000

// onDays returns the ids that concern one of the days.
func onDays(ids map[string]bank.Date, days map[bank.Date]bool) []string {
	var all []string
	for id, day := range ids {
		if day.IsZero() || days[day] {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return all
}

// contextRow is a row reduced to what matching compares. The text counts only
// among rows of the same day and amount.
func contextRow(r row, text string) row {
	return row{Context: true, Transaction: bank.Transaction{
		ID: r.ID, PendingID: r.PendingID, Status: r.Status, Date: r.Date, Amount: r.Amount,
		Description: text, Instalment: r.Instalment,
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
	ofID     map[string]ledger.Entry // by the provider's id that is no more
	removed  map[string]ledger.Entry // by remote id; to be withdrawn
}

// lookUp reads the entries that rows of the batch may stand for and matches
// them. It only reads.
func (s *Service) lookUp(tx store.Tx, b batch) (known, error) {
	k := known{
		entries: make(map[string]ledger.Entry), taken: make(map[string]bool),
		ofID: make(map[string]ledger.Entry), removed: make(map[string]ledger.Entry),
	}
	current := make(map[string]bool) // ids of this source whose entries are read
	add := func(e ledger.Entry) {
		k.taken[e.RemoteID] = true
		// What the bank has withdrawn is over. If it comes back it is new.
		if !b.mayBe(e) || e.State == ledger.Removed {
			return
		}
		k.entries[e.RemoteID] = e
		current[e.CurrentID(b.Source)] = true
	}
	if len(b.Rows) > 0 {
		amounts := make(map[string]bool)
		for _, r := range b.Rows {
			amounts[r.Amount.String()] = true
		}
		take := func(remoteID string) { k.taken[remoteID] = true }
		err := s.records.EntriesOfAmounts(tx, b.BookID, b.Rows[0].Date, b.Rows[len(b.Rows)-1].Date, amounts, take, add)
		if err != nil {
			return k, err
		}
	}
	for _, r := range b.Rows {
		for _, id := range []string{r.ID, r.PendingID} {
			if current[id] || id == "" {
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
	}
	for _, ids := range [][]string{b.Gone, b.Removed} {
		for _, id := range ids {
			e, found, err := s.entryOf(tx, b.target, id)
			if err != nil {
				return k, err
			}
			if found {
				k.ofID[id] = e
			}
		}
	}
	k.verdicts = match.Match(b.update(), k.forMatching(b.target))
	k.noteRemoved(b)
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
// account of the book, or for one that it was to go to before the mapping was
// moved. Two bank accounts that feed one account of the book are never taken for
// each other. What was undone in another account is over for a file: the person
// says anew where it belongs.
func (t target) mayBe(e ledger.Entry) bool {
	if t.File && e.State == ledger.Undone && e.AccountID != t.AccountID {
		return false
	}
	if slices.Contains(e.Origins, t.Origin) {
		return true
	}
	if e.AccountID != t.AccountID && !slices.Contains(e.Earlier, t.AccountID) {
		return false
	}
	return t.File || !slices.ContainsFunc(e.Origins, func(o string) bool { return !isFileOrigin(o) })
}

func (k known) forMatching(t target) []match.Entry {
	entries := make([]match.Entry, 0, len(k.entries))
	for _, e := range k.entries {
		entries = append(entries, match.Entry{
			Ref: e.RemoteID, ID: e.CurrentID(t.Source), Before: e.EarlierIDs(t.Source), Date: e.Row.Date, Amount: e.Row.Amount.String(),
			Text: match.Text(e.Row.Description), Others: e.Texts, Instalment: match.InstalmentOf(e.Row),
			Withdrawn: e.Withdrawn, Own: t.hasBrought(e),
		})
	}
	return entries
}

func (b batch) update() match.Update {
	u := match.Update{
		Rows: make([]match.Row, len(b.Rows)), Present: b.Present, Removed: b.Gone,
		Complete: b.isComplete, Fresh: b.Fresh, WeakIDs: b.File,
	}
	for n, r := range b.Rows {
		u.Rows[n] = match.Row{
			ID: r.ID, PendingID: r.PendingID, Date: r.Date, Amount: r.Amount.String(),
			Text: match.Text(r.Description), Instalment: match.InstalmentOf(r.Transaction),
		}
	}
	return u
}

// noteRemoved finds the entries that the bank withdraws: their current id is no
// more, and no row of the update has taken their place.
func (k *known) noteRemoved(b batch) {
	kept := make(map[string]bool)
	for _, v := range k.verdicts {
		kept[v.Ref] = true
	}
	for _, id := range b.Removed {
		e, ok := k.ofID[id]
		if ok && !kept[e.RemoteID] && e.CurrentID(b.Source) == id && !withdrawn(e) {
			k.removed[e.RemoteID] = e
		}
	}
}

// withdrawn reports whether everything was done that a withdrawal asks for.
func withdrawn(e ledger.Entry) bool {
	return e.State == ledger.Removed || e.Withdrawn && (e.State == ledger.Trashed || e.Flag != "")
}

// plan says what must be done, after what earlier runs will have done.
func (k known) plan(b batch, before struct{ any, revising bool }) plan {
	p := plan{
		needed: make([]bool, len(b.Rows)), revises: before.revising,
		gone: make(map[string]bank.Date), moved: make(map[string]bank.Date),
	}
	for n, v := range k.verdicts {
		r := b.Rows[n]
		if v.How == match.New {
			p.needed[n] = true
			continue
		}
		e := k.entries[v.Ref]
		if r.ID != "" && (e.Row.Date != r.Date || !e.Row.Amount.Equal(r.Amount)) {
			p.moved[r.ID] = e.Row.Date
		}
		revised := e.Withdrawn || b.changed(e, v.How, r.Transaction)
		// An id that loses its entry to another may be told again, of a row of its own.
		p.revises = p.revises || revised || newID(e, b.Source, r.ID) && e.CurrentID(b.Source) != ""
		p.needed[n] = before.revising || revised || e.State == ledger.Claimed || b.Again && e.State == ledger.Parked ||
			newID(e, b.Source, r.ID) || b.newText(e, v.How, r.Transaction)
	}
	for _, id := range b.Removed {
		e, found := k.ofID[id]
		_, over := k.removed[e.RemoteID]
		if found {
			p.gone[id] = e.Row.Date
		} else if before.any {
			p.gone[id] = bank.Date{} // a row that is under way may have it
		}
		if over || before.any { // with rows under way it is too early to tell
			p.removed = append(p.removed, id)
			p.revises = true
		}
	}
	return p
}

// recordedElsewhere counts the rows that stand in another account of the book.
func (k known) recordedElsewhere(accountID string) (n int) {
	for _, v := range k.verdicts {
		if e := k.entries[v.Ref]; v.How != match.New && e.AccountID != accountID && e.State == ledger.Recorded {
			n++
		}
	}
	return n
}

func newID(e ledger.Entry, source, id string) bool { return id != "" && e.CurrentID(source) != id }

// newText reports whether another source has its own wording for the entry,
// that is to be remembered.
func (t target) newText(e ledger.Entry, how match.How, r bank.Transaction) bool {
	return how == match.ByAmount && !t.hasBrought(e) && len(e.Texts) < mostTexts && !slices.Contains(e.Texts, match.Text(r.Description))
}

// mostTexts is how many other wordings of an entry are remembered.
const mostTexts = 5

// hasBrought reports whether the entry came from here.
func (t target) hasBrought(e ledger.Entry) bool {
	return len(e.Origins) > 0 && e.Origins[0] == t.Origin
}

// changed reports whether the bank now says something else of the entry, or has
// and nobody knows whether the draft has followed. Another source than the one
// that has brought it words the same movement differently, which is no change.
func (t target) changed(e ledger.Entry, how match.How, r bank.Transaction) bool {
	switch {
	case e.Row.Date != r.Date, !e.Row.Amount.Equal(r.Amount):
		return true // only who has the same id gets here
	case e.State == ledger.Recorded && e.Written.InDoubt() && t.hasBrought(e):
		return true
	case how == match.ByText, how == match.Reissued:
		return false
	default:
		return t.hasBrought(e) && e.Row.Description != r.Description
	}
}

func isFileOrigin(origin string) bool { return len(origin) > 5 && origin[:5] == "file:" }

func pageName(n int) string { return strconv.Itoa(n + 1_000_000)[1:] }
