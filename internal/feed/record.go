package feed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/feed/match"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// record brings one batch into the book. Doing it again changes nothing that
// is done.
func (s *Service) record(ctx context.Context, d queue.Delivery, b batch) error {
	b, what, paired, err := s.aim(ctx, b)
	switch {
	case err != nil:
		return err
	case what == isDone: // perhaps it was cut short behind that
		return s.afterRun(ctx, b)
	case what == isOvertaken:
		return s.fetchAgain(ctx, b.Run)
	}
	if err := s.part(ctx, b.BookID, paired); err != nil {
		return err
	}
	if err := s.bring(ctx, d, b, what); err != nil {
		return err
	}
	return s.afterRun(ctx, b)
}

// afterRun looks for doubles and transfers when the last batch of a run is done,
// and has its drafts examined if the history was learned meanwhile.
func (s *Service) afterRun(ctx context.Context, b batch) error {
	var run ledger.Run
	err := s.Engine.View(ctx, func(tx store.Tx) (err error) {
		run, _, err = s.records.Runs.Find(tx, b.Run)
		return err
	})
	if err != nil || run.FinishedAt.IsZero() {
		return err
	}
	if run.Counts.Recorded > 0 {
		if err := s.seekDoubles(ctx, run); err != nil {
			return err
		}
		owed, err := s.Completer.OweSince(ctx, run.BookID, run.StartedAt)
		if err != nil {
			return err
		}
		if owed {
			if err := s.Learn(ctx, run.BookID, b.UserID); err != nil {
				return err
			}
		}
	}
	return s.seekTransfers(ctx, b.BookID, run.First.AddDays(-transferDays))
}

// bring claims, records and marks a batch under the lease of its account.
func (s *Service) bring(ctx context.Context, d queue.Delivery, b batch, what fate) error {
	lease, err := s.leases.Acquire(ctx, b.key(), d.ID, leaseTime)
	if err != nil {
		return busy(err)
	}
	defer s.release(ctx, lease)

	w := &work{Service: s, lease: lease, target: b.target, book: s.Books.For(b.UserID), run: b.RunID, record: b.Run, again: d.Attempt > 1}
	if what == isUnwanted {
		return w.drop(ctx, b)
	}
	if err := w.keepsTurn(ctx, b); err != nil {
		return err
	}
	standing, err := w.standingOf(ctx, b)
	if err != nil {
		return err
	}
	claim, err := w.claim(ctx, b, standing)
	if err != nil {
		return fmt.Errorf("claiming: %w", err)
	}
	if claim.done {
		return nil
	}
	if err := errors.Join(w.settle(ctx, claim.open), w.recount(ctx, claim.parked)); err != nil {
		return err
	}
	for _, c := range claim.changes {
		if err := w.change(ctx, c); err != nil {
			return fmt.Errorf("following a change at the bank: %w", err)
		}
	}
	corrected, err := w.tryCorrected(ctx)
	if err != nil {
		return fmt.Errorf("trying again what the bank has corrected: %w", err)
	}
	if err := s.seekDoublesOf(ctx, b.BookID, slices.Concat(w.late(claim.open), corrected)); err != nil {
		return err
	}
	return w.close(ctx, b, func(tx store.Tx) (summary, error) { return w.journal(tx, b, claim) })
}

// late are the entries that an earlier run has brought and this one tries again.
func (w *work) late(entries []ledger.Entry) []ledger.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e ledger.Entry) bool { return e.Run == w.run })
}

// fate is what a batch has come to before it is worked on.
type fate int

const (
	isWanted    fate = iota
	isDone           // delivered again after it was done
	isUnwanted       // its integration was removed: its person wants the rows no more
	isOvertaken      // it was given up, and what the bank has said since is in the ledger: it is old news
)

// aim follows the integration of a batch to where it records now, and finds out
// whether anything is to be done.
func (s *Service) aim(ctx context.Context, b batch) (_ batch, what fate, paired []string, err error) {
	err = s.Engine.View(ctx, func(tx store.Tx) error {
		what, paired = isWanted, nil
		run, found, err := s.records.Runs.Find(tx, b.Run)
		if err != nil {
			return err
		}
		if found && (run.IsDone(b.Number) || run.Interrupted) {
			what = isDone
			return nil
		}
		if overtaken, err := s.inTurn(tx, run); err != nil || overtaken {
			what = isOvertaken
			return err
		}
		to, found, err := s.retarget(tx, b.target)
		if !found {
			what = isUnwanted
		}
		b.target = to
		if err == nil && run.Revises {
			paired, err = s.pairedChanges(tx, b)
		}
		return err
	})
	return b, what, paired, err
}

// inTurn reports whether a later run of the same integration is in the ledger
// already: then this one was a dead letter, and would bring back what the bank
// has corrected since. It asks to wait while an earlier run is under way
// into another account of the book, as after a person has changed the account:
// messages keep their order within an account only.
func (s *Service) inTurn(tx store.Tx, run ledger.Run) (overtaken bool, err error) {
	if run.Kind != ledger.SyncRun {
		return false, nil
	}
	span := s.recentRuns(run.BookID)
	span.To = max(span.To, run.Key())
	err = s.records.Runs.Scan(tx, span, func(_ string, r ledger.Run) (bool, error) {
		switch {
		case r.Integration != run.Integration:
		case r.StartedAt.After(run.StartedAt):
			overtaken = r.Begun
		case r.StartedAt.Before(run.StartedAt) && r.AccountID != run.AccountID && r.FinishedAt.IsZero():
			return false, &errs.Error{Code: errs.Unavailable, After: turnWait, Err: fmt.Errorf("run %s, from before the account was changed, is not done", r.ID)}
		}
		return !overtaken, nil
	})
	return overtaken, err
}

// keepsTurn reports an error where a later run has begun since the batch asked
// whether it is wanted: before it had the lease.
func (w *work) keepsTurn(ctx context.Context, b batch) error {
	return w.Engine.View(ctx, func(tx store.Tx) error {
		run, _, err := w.records.Runs.Find(tx, b.Run)
		if err != nil || run.IsDone(b.Number) || run.Interrupted {
			return err
		}
		overtaken, err := w.inTurn(tx, run)
		if overtaken {
			return &errs.Error{Code: errs.Unavailable, Err: fmt.Errorf("a later run than %s has begun", run.ID)}
		}
		return err
	})
}

// turnWait is when a batch asks again whether it is its turn.
const turnWait = 10 * time.Second

// pairedChanges returns the ends of joined transfers that the bank withdraws or
// whose amount it changes.
func (s *Service) pairedChanges(tx store.Tx, b batch) ([]string, error) {
	k, err := s.lookUp(tx, b)
	if err != nil {
		return nil, err
	}
	var paired []string
	for n, v := range k.verdicts {
		if e := k.entries[v.Ref]; e.Pair != "" && b.changed(e, v.How, b.Rows[n].Transaction) && !e.Row.Amount.Equal(b.Rows[n].Amount) {
			paired = append(paired, e.RemoteID)
		}
	}
	for _, e := range k.removed {
		if e.Pair != "" {
			paired = append(paired, e.RemoteID)
		}
	}
	return paired, nil
}

// retarget follows an integration to where it records now. It reports whether
// there is one, or need be none.
func (s *Service) retarget(tx store.Tx, t target) (target, bool, error) {
	if t.Integration == "" {
		return t, true, nil
	}
	i, found, err := s.records.Integrations.Find(tx, store.Key(t.BookID, t.Integration))
	if found {
		t.AccountID, t.UserID = i.AccountID, i.AddedBy
	}
	return t, found, err
}

// drop notes that the rows of a batch are wanted no more.
func (w *work) drop(ctx context.Context, b batch) error {
	return w.close(ctx, b, func(store.Tx) (summary, error) {
		var sum summary
		for _, r := range b.Rows {
			if !r.Context {
				sum.lines = append(sum.lines, skippedLine(r.Transaction, "the integration was removed before it was recorded"))
			}
		}
		sum.counts.Skipped = len(sum.lines)
		return sum, nil
	})
}

// work is one piece of work on an account of a book, under its lease.
type work struct {
	*Service
	target
	lease  store.Lease
	book   Book
	run    string            // id of the run, if it is one
	record string            // key of its record, "" if it is none
	again  bool              // it is not the first try
	hints  map[string]string // what the learner makes of an open draft, by remote id
	// corrected are entries that were parked until the bank corrected them.
	corrected []ledger.Entry
}

// isNews reports an error where the run was given up meanwhile: the bank has been
// asked again, what it said then may be in the queue already, and whoever
// compared it with the ledger did not know of what this run says.
func (w *work) isNews(tx store.Tx) error {
	if w.record == "" {
		return nil
	}
	run, _, err := w.records.Runs.Find(tx, w.record)
	if err == nil && run.Interrupted {
		return &errs.Error{Code: errs.Unavailable, Err: fmt.Errorf("run %s was given up", run.ID)}
	}
	return err
}

// claimed is what the claim of a batch found and decided.
type claimed struct {
	refs    []string       // remote id of each row, in the order of the batch
	hows    []match.How    // how it was paired; New also for rows that were claimed from the book
	open    []ledger.Entry // to be recorded, or in doubt whether they are
	parked  []ledger.Entry // those of them that were parked, as they were
	changes []change
	done    bool // it was done, or given up, meanwhile: what it says is old by now
}

// claim decides under a transaction what each row is, and writes down what is
// about to be recorded.
func (w *work) claim(ctx context.Context, b batch, standing byAmount) (claimed, error) {
	var result claimed
	err := w.Engine.Update(ctx, func(tx store.Tx) error {
		result = claimed{refs: make([]string, len(b.Rows)), hows: make([]match.How, len(b.Rows))}
		if err := w.leases.Check(tx, w.lease); err != nil {
			return err
		}
		run, found, err := w.records.Runs.Find(tx, b.Run)
		if err != nil {
			return err
		}
		if result.done = run.IsDone(b.Number) || run.Interrupted; result.done {
			return nil
		}
		k, err := w.lookUp(tx, b)
		if err != nil {
			return err
		}
		fresh := k.fresh(b)
		rows := awaited(b, fresh)
		free, err := w.unmatched(tx, standing, rows)
		if err != nil {
			return err
		}
		puts := w.decide(b, k, &result)
		puts = append(puts, w.decideFresh(b, k, fresh, match.Claim(rows, free), &result)...)
		if found && !run.Begun {
			run.Begun = true
			if err := w.records.Runs.Put(tx, run.Key(), run); err != nil {
				return err
			}
		}
		return w.put(tx, puts)
	})
	return result, err
}

// fresh are the rows that no entry stands for.
func (k known) fresh(b batch) []int {
	var fresh []int
	for n, v := range k.verdicts {
		if v.How == match.New && !b.Rows[n].Context {
			fresh = append(fresh, n)
		}
	}
	return fresh
}

// unmatched returns the standing transactions that the rows may be, without
// those that entries stand for already.
func (w *work) unmatched(tx store.Tx, standing byAmount, rows []match.Awaited) ([]match.Standing, error) {
	var free []match.Standing
	seen := make(map[string]bool)
	for _, r := range rows {
		if seen[r.Amount] {
			continue
		}
		seen[r.Amount] = true
		for _, st := range standing[r.Amount] {
			_, found, err := w.records.Matched.Find(tx, store.Key(w.BookID, st.ID))
			if err != nil {
				return nil, err
			}
			if !found {
				free = append(free, st)
			}
		}
	}
	return free, nil
}

// entryPut is an entry to write, with the ids that lead to it.
type entryPut struct {
	entry ledger.Entry
	ids   []ledger.SourceID
}

// decide says what becomes of the entries that rows stand for, and of those
// that the bank withdraws. It is pure but for the clock.
func (w *work) decide(b batch, k known, result *claimed) []entryPut {
	var puts []entryPut
	for n, r := range b.Rows {
		v := k.verdicts[n]
		if r.Context {
			continue
		}
		result.hows[n] = v.How
		if v.How == match.New {
			continue
		}
		result.refs[n] = v.Ref
		e, ids := w.meet(k.entries[v.Ref], r.Transaction)
		if w.newText(e, v.How, r.Transaction) {
			e.Texts = append(slices.Clone(e.Texts), match.Text(r.Description))
		}
		if w.changed(e, v.How, r.Transaction) || e.Withdrawn {
			result.changes = append(result.changes, change{remoteID: e.RemoteID, row: r.Transaction})
		}
		if e.State == ledger.Claimed || e.State == ledger.Parked && b.Again {
			if e.State == ledger.Parked {
				result.parked = append(result.parked, e)
			}
			e = w.claimAgain(e)
			result.open = append(result.open, e)
		}
		puts = append(puts, entryPut{e, ids})
	}
	for _, e := range k.removed {
		result.changes = append(result.changes, change{remoteID: e.RemoteID, removed: true})
		e.Flag = "" // it would say that the withdrawal is done
		e.Withdrawn, e.UpdatedAt = true, w.Now()
		puts = append(puts, entryPut{entry: e})
	}
	slices.SortFunc(result.changes, func(a, b change) int { return strings.Compare(a.remoteID, b.remoteID) })
	return puts
}

// decideFresh claims the rows that no entry stands for. standing are the ids of
// those transactions of the book that stand for them already, "" for none.
func (w *work) decideFresh(b batch, k known, fresh []int, standing []string, result *claimed) []entryPut {
	puts := make([]entryPut, len(fresh))
	for i, n := range fresh {
		e, ids := w.newEntry(b, b.Rows[n].Transaction, k.taken)
		if standing[i] != "" {
			e.State, e.TransactionID = ledger.Matched, standing[i]
		} else {
			e.Tries = 1
			result.open = append(result.open, e)
		}
		result.refs[n] = e.RemoteID
		puts[i] = entryPut{e, ids}
	}
	return puts
}

// claimAgain takes up an entry that was claimed or parked before, for where the
// work records now.
func (w *work) claimAgain(e ledger.Entry) ledger.Entry {
	e.State, e.Problem = ledger.Claimed, nil
	if e.AccountID != w.AccountID && !slices.Contains(e.Earlier, e.AccountID) {
		e.Earlier = append(slices.Clone(e.Earlier), e.AccountID)
	}
	e.AccountID, e.UserID, e.UpdatedAt = w.AccountID, w.UserID, w.Now()
	if w.Integration != "" {
		e.Integration = w.Integration
	}
	e.Tries++
	return e
}

// mostIDs is how many ids of one source an entry keeps. Some banks issue new
// ones with every update.
const mostIDs = 10

// meet notes in an entry that this source has reported it too.
func (w *work) meet(e ledger.Entry, t bank.Transaction) (ledger.Entry, []ledger.SourceID) {
	var ids []ledger.SourceID
	e.IDs, e.Origins = slices.Clone(e.IDs), slices.Clone(e.Origins)
	if newID(e, w.Source, t.ID) {
		id := ledger.SourceID{Source: w.Source, ID: t.ID}
		e.IDs, ids = withCurrent(e.IDs, id), append(ids, id)
	}
	if !slices.Contains(e.Origins, w.Origin) {
		e.Origins = append(e.Origins, w.Origin)
	}
	if e.Integration == "" {
		e.Integration = w.Integration
	}
	if e.Withdrawn && !isBehind(e) { // the bank has thought better of it
		e.Withdrawn, e.Flag = false, ""
	}
	e.UpdatedAt = w.Now()
	return e, ids
}

// withCurrent makes an id the current one of its source, which is the last, and
// forgets the oldest where they are too many.
func withCurrent(ids []ledger.SourceID, id ledger.SourceID) []ledger.SourceID {
	ids = append(slices.DeleteFunc(ids, func(old ledger.SourceID) bool { return old == id }), id)
	same := 0
	for n := len(ids) - 1; n >= 0; n-- {
		if ids[n].Source == id.Source {
			same++
		}
		if same > mostIDs {
			return slices.Delete(ids, n, n+1)
		}
	}
	return ids
}

// newEntry claims a row: the n-th of its day and amount in the account.
func (w *work) newEntry(b batch, t bank.Transaction, taken map[string]bool) (ledger.Entry, []ledger.SourceID) {
	remoteID := ""
	for n := 1; remoteID == "" || taken[remoteID]; n++ {
		remoteID = ledger.RemoteID(w.AccountID, t.Date, t.Amount, n)
	}
	taken[remoteID] = true
	e := ledger.Entry{
		RemoteID: remoteID, BookID: w.BookID, AccountID: w.AccountID, Integration: w.Integration,
		UserID: w.UserID, Institution: w.Institution,
		Origins: []string{w.Origin}, Row: t, State: ledger.Claimed, Run: b.RunID, UpdatedAt: w.Now(),
	}
	if t.ID != "" {
		e.IDs = []ledger.SourceID{{Source: w.Source, ID: t.ID}}
	}
	return e, e.IDs
}

// put writes entries with what leads to them and what they wait for.
func (w *work) put(tx store.Tx, puts []entryPut) error {
	for _, p := range puts {
		if err := w.records.PutEntry(tx, p.entry); err != nil {
			return err
		}
		for _, id := range p.ids {
			key := ledger.SourceKey(w.BookID, w.Origin, id)
			if err := w.records.SourceIDs.Put(tx, key, ledger.SourceRef{Entry: p.entry.Key()}); err != nil {
				return err
			}
		}
	}
	return nil
}

// awaited are the fresh rows as standing transactions of the book would show
// them.
func awaited(b batch, fresh []int) []match.Awaited {
	rows := make([]match.Awaited, len(fresh))
	for i, n := range fresh {
		rows[i] = awaitedOf(b.Rows[n].Transaction)
	}
	return rows
}

func awaitedOf(t bank.Transaction) match.Awaited {
	row := match.Awaited{Dates: []bank.Date{t.Date}, Amount: t.Amount.Number().String(), Text: match.Text(t.Description)}
	for _, d := range []bank.Date{t.MadeOn, t.ValueDate} {
		if !d.IsZero() {
			row.Dates = append(row.Dates, d)
		}
	}
	return row
}

// settle brings claimed entries into the book. Those whose earlier tries may
// have reached the book are looked up there first.
func (w *work) settle(ctx context.Context, open []ledger.Entry) error {
	settled, err := w.confirmOrCreate(ctx, open)
	// What is known of some is kept even when others must be tried again.
	if markErr := w.mark(ctx, settled); markErr != nil {
		return fmt.Errorf("marking what was recorded: %w", markErr)
	}
	return err
}

// confirmOrCreate returns the entries of which something new is known: recorded,
// parked, or still claimed but surely not sent. With an error, the fate of the
// others is unknown.
func (w *work) confirmOrCreate(ctx context.Context, open []ledger.Entry) ([]ledger.Entry, error) {
	var settled, fresh []ledger.Entry
	for n, e := range open {
		if e.Tries <= 1 {
			fresh = append(fresh, e)
			continue
		}
		found, err := w.confirm(ctx, &e)
		if err != nil {
			unsent := notSent(append(fresh, open[n:]...))
			if refusesAll(err) {
				parked, err := w.stop(ctx, unsent, err)
				return append(settled, parked...), err
			}
			return append(settled, unsent...), fmt.Errorf("looking for %s in the book: %w", e.RemoteID, err)
		}
		if found {
			settled = append(settled, e)
		} else { // an earlier try may be asleep: it goes on counting
			fresh = append(fresh, e)
		}
	}
	late := slices.ContainsFunc(fresh, func(e ledger.Entry) bool { return w.again || e.Run != w.run })
	if late {
		matched, rest, err := w.standNow(ctx, fresh)
		if err != nil {
			return append(settled, notSent(fresh)...), err
		}
		settled, fresh = append(settled, matched...), rest
	}
	created, err := w.create(ctx, fresh)
	return append(settled, created...), err
}

// notSent takes back that this try may have reached the book. Those before it may
// reach it yet.
func notSent(entries []ledger.Entry) []ledger.Entry {
	for n := range entries {
		entries[n].Tries = max(0, entries[n].Tries-1)
	}
	return entries
}

// confirm looks an entry up in the book by its remote id, and reports whether
// it is there, in the trash too.
func (w *work) confirm(ctx context.Context, e *ledger.Entry) (bool, error) {
	found, err := w.book.FindRemoteID(ctx, e.BookID, e.RemoteID)
	if err != nil || len(found) == 0 {
		return false, err
	}
	t := found[0]
	e.AccountID = accountIn(t, *e)
	asMade := t.CreatedAt != 0 && t.CreatedAt == t.UpdatedAt
	if !t.Trashed && (asMade || e.TransactionID == t.ID && e.Written.Alone(t)) { // nobody has changed it since
		as, err := w.correct(ctx, []ledger.Entry{*e}, map[string]bkper.Transaction{e.RemoteID: t})
		if err != nil {
			return false, fmt.Errorf("correcting what stands in the book: %w", err)
		}
		t = as[e.RemoteID]
	}
	adopt(e, t)
	return true, nil
}

// adopt takes over what was in the book before this try.
func adopt(e *ledger.Entry, t bkper.Transaction) {
	e.TransactionID, e.Problem, e.AccountID = t.ID, nil, accountIn(t, *e)
	if t.Trashed {
		e.State = ledger.Trashed
		return
	}
	e.State = ledger.Recorded
	e.Written = ledger.WrittenOf(t, t.Properties[complete.ReasonProperty])
	// It may have been there for a while.
	e.Touched = e.Touched || !saysOnly(t, *e)
	e.Flag = leftBehind(t, *e)
}

// accountIn is the account of an entry where it stands in the book: that of an
// earlier try, before the mapping was moved, or where it was to go now.
func accountIn(t bkper.Transaction, e ledger.Entry) string {
	if _, ours := signed(t, e.AccountID); ours {
		return e.AccountID
	}
	for _, account := range e.Earlier {
		if _, ours := signed(t, account); ours {
			return account
		}
	}
	return e.AccountID
}

// leftBehind flags an entry of which the book says another date, amount or account
// than the bank: it was sent before the bank corrected it, arrived later, and is a
// person's by now, or the book does not let it follow.
func leftBehind(t bkper.Transaction, e ledger.Entry) string {
	amount, ours := signed(t, e.AccountID)
	if ours && amount.Equal(e.Row.Amount.Number()) && t.Date == e.Row.Date {
		return e.Flag
	}
	return bankSays(e, change{}) + " The book says something else, and was left as it is."
}

// saysOnly reports whether a transaction of the book says nothing but what the
// app records for the entry.
func saysOnly(t bkper.Transaction, e ledger.Entry) bool {
	filled := t.CreditAccount != nil && t.DebitAccount != nil
	return t.Status() == bkper.Draft && says(t, e) && (!filled || t.Properties[complete.ReasonProperty] != "")
}

// says reports whether a transaction of the book says what the bank says.
func says(t bkper.Transaction, e ledger.Entry) bool {
	amount, ours := signed(t, e.AccountID)
	return ours && amount.Equal(e.Row.Amount.Number()) && t.Date == e.Row.Date && t.Description == describe(e.Row)
}

// create records entries and returns those of which something new is known.
// With an error, the fate of the others is not.
func (w *work) create(ctx context.Context, entries []ledger.Entry) ([]ledger.Entry, error) {
	settled, fit, err := w.sift(ctx, entries)
	if err != nil {
		return settled, err
	}
	created, err := w.createDrafts(ctx, fit)
	if !refusesItem(err) {
		return append(settled, created...), err
	}
	// Perhaps the book is not what we took it for: locked since, or with an
	// account less.
	w.Completer.ForgetChart(w.BookID)
	inDoubt(fit)
	unfit, fit, err := w.sift(ctx, fit)
	settled = append(settled, unfit...)
	if err != nil {
		return settled, err
	}
	created, err = w.isolate(ctx, fit, true)
	return append(settled, created...), err
}

// sift parks what the book would refuse or round, and returns what may be
// recorded.
func (w *work) sift(ctx context.Context, entries []ledger.Entry) (parked, fit []ledger.Entry, err error) {
	if len(entries) == 0 {
		return nil, nil, nil
	}
	chart, err := w.Completer.Chart(ctx, w.book, w.BookID, w.AccountID)
	if err == nil {
		err = recordable(chart, w.AccountID)
	}
	if refusesAll(err) {
		parked, err = w.stop(ctx, notSent(entries), err)
		return parked, nil, err
	}
	if err != nil {
		return notSent(entries), nil, err
	}
	for _, e := range entries {
		if err := fits(e, chart.Book); err != nil {
			e = w.park(notSent([]ledger.Entry{e})[0], err)
			if e.Problem.Code == errs.Locked {
				e.Problem.Lock = chart.Book.LockedUntil()
			}
			parked = append(parked, e)
		} else {
			fit = append(fit, e)
		}
	}
	return parked, fit, nil
}

// isolate records entries of which the book has refused some in one call: it
// tries halves, halves of these, and parks what is refused alone. partly says that
// the book may have taken any of them all the same.
func (w *work) isolate(ctx context.Context, entries []ledger.Entry, partly bool) ([]ledger.Entry, error) {
	settled, rest, err := w.taken(ctx, entries, partly)
	if err != nil {
		return settled, err
	}
	partly = len(settled) > 0
	for part := range slices.Chunk(rest, max(1, (len(rest)+1)/2)) {
		created, err := w.createDrafts(ctx, part)
		switch {
		case refusesItem(err) && len(part) == 1:
			created, err = w.refuse(ctx, part[0], err)
		case refusesItem(err):
			created, err = w.isolate(ctx, part, partly)
		}
		settled = append(settled, created...)
		if err != nil {
			return settled, err
		}
	}
	return settled, nil
}

// taken splits a batch that was refused into the entries that the book has taken
// all the same, and the rest, which is to be sent again. Unless each is to be looked
// for, the others are only if the first is there: a book that takes what comes
// before the item that it refuses has that.
func (w *work) taken(ctx context.Context, entries []ledger.Entry, each bool) (settled, rest []ledger.Entry, err error) {
	for n, e := range entries {
		found := false
		if n == 0 || each || len(settled) > 0 {
			if found, err = w.confirm(ctx, &e); err != nil {
				return settled, nil, fmt.Errorf("looking for %s in the book: %w", e.RemoteID, err)
			}
		}
		if found {
			settled = append(settled, e)
		} else {
			rest = append(rest, e)
		}
	}
	return settled, rest, nil
}

// inDoubt notes of entries whose batch was refused that the book may have taken
// some of them before it came to the one it refused: whoever tries them later
// looks first.
func inDoubt(entries []ledger.Entry) {
	for n := range entries {
		entries[n].Tries = max(entries[n].Tries, 2)
	}
}

// refuse parks an entry that the book has refused alone, unless it was refused
// because the book has it already.
func (w *work) refuse(ctx context.Context, e ledger.Entry, why error) ([]ledger.Entry, error) {
	found, err := w.confirm(ctx, &e)
	if err != nil {
		return nil, fmt.Errorf("looking for %s in the book: %w", e.RemoteID, err)
	}
	if !found {
		e = w.park(notSent([]ledger.Entry{e})[0], why)
	}
	return []ledger.Entry{e}, nil
}

// recordable checks that an account of the book can still be recorded into.
func recordable(chart complete.Chart, account string) error {
	a, ok := chart.Accounts[account]
	switch {
	case !ok:
		return errs.New(errs.NotFound, "The account of the book that this bank account records into was deleted. Choose another.")
	case a.Archived:
		return errs.New(errs.NotFound, "The account "+a.Name+" of the book is archived. Unarchive it, or choose another.")
	}
	return nil
}

// fits checks what the book would refuse or round.
func fits(e ledger.Entry, book bkper.Book) error {
	if locked := book.LockedUntil(); !locked.IsZero() && !e.Row.Date.After(locked) {
		return errs.New(errs.Locked, "The book is locked up to "+locked.String()+".")
	}
	if digits := e.Row.Amount.Number().FractionDigits(); digits > book.FractionDigits {
		return errs.New(errs.Invalid, fmt.Sprintf("%s has more decimals than the book keeps (%d). Change the decimals of the book.", e.Row.Amount, book.FractionDigits))
	}
	return nil
}

// refusesAll reports whether an error says that nothing can be recorded on
// behalf of this user, whatever it is.
func refusesAll(err error) bool {
	switch errs.CodeOf(err) {
	case errs.LostAccess, errs.Forbidden, errs.Unauthenticated, errs.NotFound:
		return true
	default:
		return false
	}
}

// refusesItem reports whether an error says that the book surely did nothing
// and would refuse the same again.
func refusesItem(err error) bool {
	switch errs.CodeOf(err) {
	case errs.Invalid, errs.Locked, errs.Conflict, errs.NotFound:
		return bkper.OutcomeOf(err) == bkper.NotDone
	default:
		return false
	}
}

// createDrafts records entries in one call. An error that refusesItem knows
// says that the book refused one of them, and would again.
func (w *work) createDrafts(ctx context.Context, entries []ledger.Entry) ([]ledger.Entry, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	drafts, err := w.drafts(ctx, entries)
	if refusesAll(err) {
		return w.stop(ctx, notSent(entries), err)
	}
	if err != nil {
		return notSent(entries), fmt.Errorf("asking the learner: %w", err)
	}
	if err := w.mayGoOn(ctx); err != nil { // it may have taken long
		return notSent(entries), err
	}
	created, err := w.book.CreateTransactions(ctx, w.BookID, drafts)
	switch {
	case err == nil:
		return w.answered(ctx, entries, drafts, created)
	case refusesItem(err):
		return nil, err
	case refusesAll(err) && bkper.OutcomeOf(err) == bkper.NotDone:
		return w.stop(ctx, notSent(entries), err)
	}
	err = fmt.Errorf("recording %d drafts: %w", len(entries), err)
	if bkper.OutcomeOf(err) == bkper.NotDone {
		return notSent(entries), err
	}
	return nil, err
}

// correct lets drafts that nobody has changed since they were made say what is
// to be recorded. Bkper looks for account names in a description and fills the
// side that was left open with what it finds; but a counter account is filled
// only when earlier decisions speak for it. And a try that everybody had given up
// may have made the draft of what the bank has corrected since. If the book
// insists, it has its way.
func (w *work) correct(ctx context.Context, entries []ledger.Entry, created map[string]bkper.Transaction) (map[string]bkper.Transaction, error) {
	var corrections []bkper.Transaction
	remoteIDs := make(map[string]string)
	for _, e := range entries {
		t, ok := created[e.RemoteID]
		_, ours := signed(t, e.AccountID)
		if !ok || !ours || t.Status() != bkper.Draft || saysOnly(t, e) {
			continue
		}
		counter := ""
		if t.Properties[complete.ReasonProperty] != "" {
			counter = counterOf(t, e.AccountID)
		}
		t.Date, t.Amount, t.Description, t.Draft = e.Row.Date, bkper.AmountOf(e.Row.Amount.Number()), describe(e.Row), true
		t.Properties = maps.Clone(t.Properties)
		if t.Properties == nil {
			t.Properties = make(map[string]string)
		}
		maps.Copy(t.Properties, properties(e))
		setSides(&t, e.AccountID, counter, e.Row.Amount.Sign() < 0)
		corrections = append(corrections, t)
		remoteIDs[t.ID] = e.RemoteID
	}
	if len(corrections) == 0 {
		return created, nil
	}
	if err := w.mayGoOn(ctx); err != nil {
		return nil, err
	}
	corrected, err := w.book.UpdateTransactions(ctx, w.BookID, corrections, false)
	if refusesItem(err) {
		return created, nil
	}
	if err != nil {
		return nil, err
	}
	result := maps.Clone(created)
	for id, t := range corrected {
		result[remoteIDs[id]] = t
	}
	return result, nil
}

// mayGoOn reports an error where somebody else may be at work by now, under this
// lease or that of the account that the mapping was moved to, or the bank was asked
// again: what stands in the book may say what it has said since.
func (w *work) mayGoOn(ctx context.Context) error {
	if w.Now().After(w.lease.Until) {
		return &errs.Error{Code: errs.Unavailable, Err: fmt.Errorf("the lease %s has run out", w.lease.Name)}
	}
	return w.Engine.View(ctx, func(tx store.Tx) error {
		if err := w.leases.Check(tx, w.lease); err != nil {
			return err
		}
		return w.isNews(tx)
	})
}

// answered reads the answer of the book. A transaction that is missing there
// was in the book already, or was left out: only looking it up can tell. One
// that was changed since it was made was there before, and may be a person's.
func (w *work) answered(ctx context.Context, entries []ledger.Entry, drafts []bkper.Transaction, created map[string]bkper.Transaction) ([]ledger.Entry, error) {
	recorded := make([]ledger.Entry, 0, len(entries))
	var missing []ledger.Entry
	there := make(map[string]bkper.Transaction) // before this try
	for id, t := range created {
		if t.Trashed || t.CreatedAt != t.UpdatedAt {
			there[id] = t
		}
	}
	created = without(created, there)
	created, err := w.correct(ctx, entries, created)
	if err != nil {
		return nil, fmt.Errorf("correcting what the book has made of drafts: %w", err)
	}
	for n, e := range entries {
		if t, ok := there[e.RemoteID]; ok {
			adopt(&e, t)
			recorded = append(recorded, e)
			continue
		}
		t, ok := created[e.RemoteID]
		if !ok {
			missing = append(missing, e)
			continue
		}
		e.State, e.TransactionID, e.Problem = ledger.Recorded, t.ID, nil
		e.Written = ledger.WrittenOf(t, drafts[n].Properties[complete.ReasonProperty])
		e.Flag = leftBehind(t, e)
		recorded = append(recorded, e)
	}
	var lost []string
	for _, e := range missing {
		found, err := w.confirm(ctx, &e)
		if err != nil {
			return recorded, fmt.Errorf("looking for %s in the book: %w", e.RemoteID, err)
		}
		if found {
			recorded = append(recorded, e)
		} else {
			lost = append(lost, e.RemoteID)
		}
	}
	if len(lost) > 0 {
		return recorded, &errs.Error{Code: errs.Unavailable, Err: fmt.Errorf("the book did not record %s and does not say why", strings.Join(lost, ", "))}
	}
	return recorded, nil
}

// without returns the transactions that are not among the others.
func without(all, others map[string]bkper.Transaction) map[string]bkper.Transaction {
	rest := maps.Clone(all)
	maps.DeleteFunc(rest, func(id string, _ bkper.Transaction) bool {
		_, found := others[id]
		return found
	})
	return rest
}

// park keeps an entry out of the book, with the reason, until a person acts.
func (w *work) park(e ledger.Entry, err error) ledger.Entry {
	e.State, e.Problem = ledger.Parked, w.problem(err)
	return e
}

// stop parks entries because nothing can be recorded into this account any
// more, and stops the integration until a person acts.
func (w *work) stop(ctx context.Context, entries []ledger.Entry, err error) ([]ledger.Entry, error) {
	w.Completer.ForgetChart(w.BookID)
	w.Log.WarnContext(ctx, "recording stopped", "book", w.BookID, "integration", w.Integration, "error", err)
	if w.Integration != "" {
		stopErr := w.Engine.Update(ctx, func(tx store.Tx) error {
			i, found, err2 := w.records.Integrations.Find(tx, store.Key(w.BookID, w.Integration))
			if err2 != nil || !found || i.Stopped != nil {
				return err2
			}
			i.Stopped = w.problem(err)
			return w.records.PutIntegration(tx, i)
		})
		if stopErr != nil {
			return nil, stopErr
		}
	}
	parked := make([]ledger.Entry, len(entries))
	for n, e := range entries {
		parked[n] = w.park(e, err)
	}
	return parked, nil
}

// mark writes down what became of entries. What a person has done to one
// meanwhile, as events have told, stays, and so does what the bank has told of
// it: after a person has chosen another account of the book, another work may be
// under the lease of that one. What the bank has corrected or withdrawn meanwhile
// follows.
func (w *work) mark(ctx context.Context, settled []ledger.Entry) error {
	if len(settled) == 0 {
		return nil
	}
	var behind []ledger.Entry
	err := w.Engine.Update(ctx, func(tx store.Tx) error {
		behind = nil
		if err := w.leases.Check(tx, w.lease); err != nil {
			return err
		}
		entries := make([]ledger.Entry, 0, len(settled))
		for _, e := range settled {
			now, found, err := w.records.Entries.Find(tx, e.Key())
			if err != nil {
				return err
			}
			switch {
			case !found:
			case now.State == ledger.Removed && e.State == ledger.Recorded:
				e = unconfirmed(asTold(e, now))
				behind = append(behind, e)
			case now.State != ledger.Claimed && now.State != ledger.Parked:
				if e.TransactionID != "" {
					now.TransactionID = e.TransactionID
				}
				e = now
			default:
				was := isBehind(e)
				e = asTold(e, now)
				if isBehind(e) && !was {
					e = unconfirmed(e)
					behind = append(behind, e)
				}
			}
			e.UpdatedAt = w.Now()
			entries = append(entries, e)
		}
		for _, e := range entries {
			if err := w.records.PutEntry(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, e := range behind {
		if err := w.change(ctx, change{remoteID: e.RemoteID, row: e.Row, removed: e.Withdrawn}); err != nil {
			return fmt.Errorf("following a change at the bank: %w", err)
		}
	}
	return nil
}

// unconfirmed makes a claim of an entry whose draft has to follow the bank: should
// that be cut short, who takes up claims lets it follow.
func unconfirmed(e ledger.Entry) ledger.Entry {
	e.State, e.Tries = ledger.Claimed, max(e.Tries, 2)
	return e
}

// asTold returns an entry with what the bank has told of it by now.
func asTold(e, now ledger.Entry) ledger.Entry {
	e.IDs, e.Origins, e.Texts = now.IDs, now.Origins, now.Texts
	e.Row, e.Withdrawn, e.Earlier = now.Row, now.Withdrawn, now.Earlier
	e.Tries = max(e.Tries, min(now.Tries-1, 1)) // the other work may have sent it
	return e
}

// summary says what has become of a batch.
type summary struct {
	lines  []ledger.JournalLine
	counts ledger.Counts
	still  int // of the parked ones: earlier runs have counted them as such
}

// totals are the counts as they add to those of earlier runs.
func (s summary) totals() ledger.Counts {
	c := s.counts
	c.Parked, c.Matched = c.Parked-s.still, c.Matched+s.still
	return c
}

// close writes the journal of the batch and counts it, once.
func (w *work) close(ctx context.Context, b batch, journal func(store.Tx) (summary, error)) error {
	return w.Engine.Update(ctx, func(tx store.Tx) error {
		if err := w.leases.Check(tx, w.lease); err != nil {
			return err
		}
		run, found, err := w.records.Runs.Find(tx, b.Run)
		if err != nil || !found {
			return err
		}
		if !run.MarkDone(b.Number) {
			return nil
		}
		i, hasIntegration, err := w.records.Integrations.Find(tx, store.Key(b.BookID, b.Integration))
		if err != nil {
			return err
		}
		sum, err := journal(tx)
		if err != nil {
			return err
		}
		run.Counts = run.Counts.Add(sum.counts)
		if run.AllDone() {
			run.FinishedAt = w.Now()
		}
		if err := w.records.Runs.Put(tx, b.Run, run); err != nil {
			return err
		}
		if hasIntegration {
			i.Totals = i.Totals.Add(sum.totals())
			if err := w.records.PutIntegration(tx, i); err != nil {
				return err
			}
		}
		return w.records.Journal.Put(tx, store.Key(b.RunID, pageName(b.Number)), ledger.JournalPage{Lines: sum.lines})
	})
}

// journal says what became of each row of the batch, by its entry as it is now.
func (w *work) journal(tx store.Tx, b batch, c claimed) (summary, error) {
	var sum summary
	for n, r := range b.Rows {
		if r.Context {
			continue
		}
		key, _ := ledger.EntryKey(b.BookID, c.refs[n])
		e, err := w.records.Entries.Get(tx, key)
		if err != nil {
			return summary{}, err
		}
		line := ledger.JournalLine{Date: r.Date, Amount: r.Amount, Text: r.Description, RemoteID: e.RemoteID}
		line.Outcome, line.Why = outcome(e, b.RunID, c.hows[n])
		if line.Outcome == "recorded" {
			line.Why = w.hints[e.RemoteID]
		}
		switch line.Outcome {
		case "completed":
			sum.counts.Recorded++
			sum.counts.Completed++
		case "recorded":
			sum.counts.Recorded++
		case "parked":
			sum.counts.Parked++
			if e.Run != b.RunID {
				sum.still++
			}
		default:
			sum.counts.Matched++
		}
		sum.lines = append(sum.lines, line)
	}
	for _, change := range c.changes {
		key, _ := ledger.EntryKey(b.BookID, change.remoteID)
		e, err := w.records.Entries.Get(tx, key)
		if err != nil {
			return summary{}, err
		}
		sum.counts.Changed++
		sum.lines = append(sum.lines, change.line(e))
	}
	return sum, nil
}

// outcome says in one word what a row has become, and why.
func outcome(e ledger.Entry, run string, how match.How) (word, why string) {
	switch {
	case e.State == ledger.Parked:
		return "parked", e.Problem.Sentence
	case e.Run != run:
		return "matched", how.Why()
	case e.State == ledger.Matched:
		return "matched", "it stood in the book already"
	case e.State == ledger.Trashed:
		return "matched", "it was deleted in the book"
	case e.State == ledger.Merged:
		return "matched", "it is the other end of a transfer"
	case e.Written != nil && e.Written.Reason != "":
		return "completed", e.Written.Reason
	default:
		return "recorded", ""
	}
}

// drafts builds what the book shall record, with the counter accounts that the
// learner is sure of.
func (w *work) drafts(ctx context.Context, entries []ledger.Entry) ([]bkper.Transaction, error) {
	suggestions, err := w.Completer.Suggest(ctx, w.book, w.BookID, entries)
	if err != nil {
		return nil, err
	}
	drafts := make([]bkper.Transaction, len(entries))
	if w.hints == nil {
		w.hints = make(map[string]string)
	}
	for n, e := range entries {
		drafts[n] = draftOf(e, suggestions[n])
		if s := suggestions[n]; s.Known && !s.Sure {
			w.hints[e.RemoteID] = s.Reason
		}
	}
	return drafts, nil
}

// signed returns the amount of a book transaction from the view of an account,
// and whether the account is one of its sides.
func signed(t bkper.Transaction, account string) (money.Decimal, bool) {
	amount, err := t.Amount.Decimal()
	switch {
	case err != nil:
		return money.Decimal{}, false
	case t.DebitAccount != nil && t.DebitAccount.ID == account:
		return amount, true
	case t.CreditAccount != nil && t.CreditAccount.ID == account:
		return amount.Neg(), true
	default:
		return money.Decimal{}, false
	}
}
