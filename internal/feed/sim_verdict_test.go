package feed_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// The verdict: what must hold of every life. The names are those of the
// invariants:
//
//	I1  at most one live transaction stands for a row of the bank
//	I2  every row is in the book, or parked, or trashed by a person, or undone
//	I3  what nobody touched says what the bank says
//	I4  the sums are the same, to the last decimal
//	I5  what a person trashed stays in the trash
//	I6  what a person touched stays as it is
//	I9  there is an end to the calls for one row, and silence brings none
//	I10 a message is acknowledged only when what it asked for lasts
//	I11 the same rows get the same remote ids, however they are told
//	I12 the state of a connection never passes rows that do not last

// witness sees effects as they happen.
type witness struct {
	published map[string]bool   // rows that the queue has taken
	state     string            // of the connection, as it was seen last
	moment    int               // the latest that the state has passed
	made      map[string]making // how transactions came into the book
	linked    map[string]string // the known id that the bank says an id replaces
	excused   map[string]bool   // remote ids that came back where the book alone could have prevented it
}

func newWitness() witness {
	return witness{published: map[string]bool{}, made: map[string]making{}, linked: map[string]string{}, excused: map[string]bool{}}
}

// batchBody is what the witness reads of a message that records.
type batchBody struct {
	RunID  string `json:"runId"`
	Number int    `json:"number"`
	Rows   []struct {
		bank.Transaction
		Context bool `json:"context"`
	} `json:"rows"`
}

func rowKey(t bank.Transaction) string { return t.ID + " " + lineOf(t) }

// accept sees what the queue has taken.
func (l *life) accept(messages []queue.Message) {
	for _, m := range messages {
		if m.Kind != "record" {
			continue
		}
		var b batchBody
		l.check(json.Unmarshal(m.Body, &b))
		for _, r := range b.Rows {
			if !r.Context {
				l.witness.published[rowKey(r.Transaction)] = true
			}
		}
	}
}

// stateMoved sees every write to the store. It checks I12.
func (l *life) stateMoved() {
	c, err := ledger.All().Connections.Load(l.t.Context(), l.disk, store.Key(l.connectionID()))
	if err != nil || string(c.State) == l.witness.state {
		return
	}
	l.witness.state = string(c.State)
	if len(c.State) == 0 { // linked anew
		return
	}
	moment := 0
	if _, err := fmt.Sscanf(string(c.State), "%d.0.0", &moment); err != nil {
		l.t.Errorf("I12: the state %q is none of the bank's", c.State)
	}
	if moment <= l.witness.moment {
		return // it was set back, so that the bank tells again
	}
	l.witness.moment = moment
	since := l.integration("i1").Since
	if !strings.Contains(c.Wanted, since.String()) {
		return // it is no good for what is wanted now, and not used
	}
	var lines []string
	for _, r := range l.told[moment].Transactions {
		if r.Status != bank.Booked || l.witness.published[rowKey(r)] || r.Date.Before(since) {
			continue
		}
		if lines == nil {
			for _, e := range l.entries() {
				lines = append(lines, lineOf(e.Row))
			}
		}
		if !slices.Contains(lines, lineOf(r)) {
			l.t.Errorf("I12: the state passed %s, which is neither in the queue nor in the ledger", rowKey(r))
		}
	}
}

// acknowledged sees a message that was handled. It checks I10.
func (l *life) acknowledged(d queue.Delivery) {
	if d.Kind != "record" || l.power.isCut() {
		return
	}
	var b batchBody
	l.check(json.Unmarshal(d.Body, &b))
	page, err := ledger.All().Journal.Load(l.t.Context(), l.disk, store.Key(b.RunID, fmt.Sprintf("%06d", b.Number)))
	if err != nil && l.toldAgain(b.RunID) {
		return
	}
	if err != nil {
		l.t.Errorf("I10: %s was acknowledged, and the journal does not know of it: %v", d.ID, err)
		return
	}
	for _, line := range page.Lines {
		key, ours := ledger.EntryKey("book", line.RemoteID)
		if !ours {
			continue // it was not wanted any more
		}
		e, err := ledger.All().Entries.Load(l.t.Context(), l.disk, key)
		_, inBook := l.book.all[e.TransactionID]
		if err != nil || (e.State == ledger.Recorded || e.State == ledger.Matched) && !inBook {
			l.t.Errorf("I10: %s was acknowledged, and %s is %s, in the book: %v, %v", d.ID, lineOf(e.Row), e.State, inBook, err)
		}
	}
}

// toldAgain reports whether a run was given up, and the bank is asked again.
func (l *life) toldAgain(run string) bool {
	return slices.ContainsFunc(l.runs(), func(r ledger.Run) bool { return r.ID == run && r.Interrupted })
}

// making is how a transaction came into the book.
type making struct {
	by   *task // nil where no delivery was under way
	at   bkper.Millis
	hung bool // whoever recorded it may have lost its lease before
}

// overtook reports whether another delivery of the message of t has recorded,
// since t last saw the store, or since t looked whether it has.
func (m making) overtook(t *task, remoteID string) bool {
	return m.by != nil && m.by.message == t.message && (m.at > t.asked || t.looked[remoteID] > 0)
}

// recorded sees what comes into the book.
func (l *life) recorded(t bkper.Transaction) {
	m := making{by: l.schedule.current, at: t.CreatedAt}
	m.hung = m.by != nil && l.hasHung(m.by)
	l.witness.made[t.ID] = m
}

// looked sees what is looked for in the book.
func (l *life) looked(remoteID string) {
	if t := l.schedule.current; t != nil {
		t.looked[remoteID] = l.simBook.now()
	}
}

// reborn sees what is recorded although the trash holds it. That is excused
// only where it was recorded and trashed while the delivery was under way, which
// has not looked for it since, and nothing kept the two from being under way at
// once: one of them hung for longer than its lease right before it recorded, or
// they have one message, and a second delivery takes the lease from the first
// without waiting. Then the book alone could have refused.
func (l *life) reborn(remoteID string, trashed []string) {
	e, err := ledger.All().Entries.Load(l.t.Context(), l.disk, first(ledger.EntryKey("book", remoteID)))
	l.check(err)
	t := l.schedule.current
	for _, id := range trashed {
		m, made := l.witness.made[id]
		if !made {
			continue // typed by a person who merged it
		}
		if t == nil || m.at < t.began || m.by == t || t.looked[remoteID] > m.at || !m.hung && !l.hasHung(t) && !m.overtook(t, remoteID) {
			l.t.Errorf("I5: %s was recorded again, and the trash has it: %+v", remoteID, e)
			return
		}
	}
	l.note("%s is recorded again: the book does not mind its trash", remoteID)
	l.witness.excused[remoteID] = true
}

func first[T any](v T, _ bool) T { return v }

// verdict checks what must hold when all is done.
func (l *life) verdict() {
	l.t.Helper()
	entries := l.entries()
	l.knowsEveryRow(entries)
	l.followsLinks(entries)
	l.standsOnce(entries)
	l.saysWhatTheBankSays(entries)
	l.addsUpTo(entries)
	l.leavesPeopleAlone()
	l.resurrectionsAreExplained(entries)
	l.worksWithinBounds()
	l.givesTheSameRemoteIDs()
	for _, run := range l.runs() {
		if !run.FinishedAt.IsZero() && !run.Interrupted {
			l.addsUp(run)
		}
	}
	if l.t.Failed() {
		for _, e := range l.entries() {
			l.note("%s %s %s %s %v try %d withdrawn %v touched %v flag %q", e.State, lineOf(e.Row), e.RemoteID, e.TransactionID, e.IDs, e.Tries, e.Withdrawn, e.Touched, e.Flag)
		}
	}
}

// booked are the rows that the bank has.
func (l *life) booked() (rows []bank.Transaction) {
	for _, m := range l.moves {
		if !m.gone {
			rows = append(rows, m.Transaction)
		}
	}
	return rows
}

// counts reports whether an entry stands for a row that the bank has.
func counts(e ledger.Entry) bool { return e.State != ledger.Removed && !e.Withdrawn }

// knowsEveryRow is I2, with I1 as far as the ledger goes: each row has one
// entry, whose state says what became of it. A tombstone may be left of a row
// that the bank has withdrawn after a person had trashed it: it is in the way
// of nothing.
func (l *life) knowsEveryRow(entries []ledger.Entry) {
	l.t.Helper()
	left := map[string]int{}
	for _, r := range l.booked() {
		left[lineOf(r)]++
	}
	var tombs, more []string
	for _, e := range entries {
		if e.State == ledger.Claimed || e.State == ledger.Undoing {
			l.t.Errorf("I2: %s of %s is %s for ever", e.RemoteID, lineOf(e.Row), e.State)
		}
		if e.State == ledger.Parked && counts(e) && !strings.HasPrefix(e.Row.Description, "BAD") {
			l.t.Errorf("I2: %s of %s is parked for ever (%v), and the book has nothing against it", e.RemoteID, lineOf(e.Row), e.Problem)
		}
		switch line := lineOf(e.Row); {
		case !counts(e):
		case e.State == ledger.Trashed:
			tombs = append(tombs, line)
		case left[line] > 0:
			left[line]--
		default:
			more = append(more, line)
		}
	}
	for _, line := range tombs {
		left[line]--
	}
	for line, n := range left {
		if n > 0 {
			l.t.Errorf("I2: %d of the rows %q are lost", n, line)
		}
	}
	if len(more) > 0 {
		l.t.Errorf("I1: the ledger has more than the bank: %q", more)
	}
}

// followsLinks is I1 where the bank says which row a row replaces: it is the same
// entry, whatever has become of that.
func (l *life) followsLinks(entries []ledger.Entry) {
	l.t.Helper()
	has := func(e ledger.Entry, id string) bool {
		return slices.Contains(e.IDs, ledger.SourceID{Source: l.connectionID(), ID: id})
	}
	for _, e := range entries {
		for id, before := range l.witness.linked {
			if has(e, id) && !has(e, before) && len(e.IDs) < mostIDs {
				l.t.Errorf("I1: the bank said that %s replaces %s, and the ledger has it as another row: %v", id, before, e.IDs)
			}
		}
	}
}

// mostIDs is how many ids an entry keeps, at least.
const mostIDs = 10

// standsOnce is I1 and the book's part of I2: of every recorded entry one
// transaction lives, of all others none that nobody has touched.
func (l *life) standsOnce(entries []ledger.Entry) {
	l.t.Helper()
	live := l.book.liveRemoteIDs()
	known := map[string]bool{}
	for _, e := range entries {
		known[e.RemoteID] = true
		n, want := live[e.RemoteID], 0
		if e.State == ledger.Recorded || e.State == ledger.Matched && l.book.all[e.TransactionID].HasRemoteID(e.RemoteID) {
			want = 1
		}
		if n == 1 && e.State == ledger.Matched && l.isFoundTwice(e.RemoteID) {
			continue // recorded by a delivery that slept while a person typed it: the person is told
		}
		if n > 1 && l.witness.excused[e.RemoteID] && l.isFoundTwice(e.RemoteID) {
			continue // recorded by a delivery that slept while the run was undone, and the run was redone: the person is told
		}
		if n != want {
			l.t.Errorf("I1, I2: %s %s is %s, and stands in the book %d times", lineOf(e.Row), e.RemoteID, e.State, n)
		}
		if e.State == ledger.Recorded && e.Withdrawn && e.Flag == "" {
			l.t.Errorf("I2: %s was withdrawn and stands in the book, and nobody is told", lineOf(e.Row))
		}
		if t := l.book.all[e.TransactionID]; e.State == ledger.Matched && (t.Trashed || t.ID == "") {
			l.t.Errorf("I2: %s is matched with %q, which the book has not", lineOf(e.Row), e.TransactionID)
		}
		if t := l.book.all[e.TransactionID]; e.State == ledger.Trashed && !t.Trashed {
			l.t.Errorf("I2: %s counts as deleted by a person, and is not", lineOf(e.Row))
		}
	}
	for id := range live {
		if !known[id] {
			l.t.Errorf("I1: %s stands in the book, and the ledger knows nothing of it", id)
		}
	}
}

// isFoundTwice reports whether the daily comparison tells people of two
// transactions where one should be.
func (l *life) isFoundTwice(remoteID string) bool {
	found, err := ledger.All().Reconciliations.Load(l.t.Context(), l.disk, store.Key("book"))
	l.check(err)
	return slices.ContainsFunc(found.Findings, func(f ledger.Finding) bool { return f.RemoteID == remoteID && f.Kind == ledger.FoundTwice })
}

// follows reports whether a transaction is to say what the bank says: nobody has
// touched it, or taken it out of the trash, and it is not flagged.
func (l *life) follows(e ledger.Entry, t bkper.Transaction) bool {
	_, touched := l.touched[t.ID]
	return e.State == ledger.Recorded && e.Flag == "" && !touched && !l.restored[t.ID] && !l.witness.excused[e.RemoteID]
}

// saysWhatTheBankSays is I3.
func (l *life) saysWhatTheBankSays(entries []ledger.Entry) {
	l.t.Helper()
	for _, e := range entries {
		t := l.book.all[e.TransactionID]
		if !l.follows(e, t) {
			continue
		}
		if lineOf(e.Row) != l.lineOf(t) {
			l.t.Errorf("I3: the book has %s, the bank %s", l.lineOf(t), lineOf(e.Row))
		}
	}
}

// addsUpTo is I4: what lives, is parked, trashed and undone is what the bank
// has booked.
func (l *life) addsUpTo(entries []ledger.Entry) {
	l.t.Helper()
	var bankSum, sum money.Decimal
	left := map[string]int{}
	for _, r := range l.booked() {
		bankSum = bankSum.Add(r.Amount.Number())
		left[lineOf(r)]++
	}
	slices.SortStableFunc(entries, func(a, b ledger.Entry) int { // tombstones last
		return map[bool]int{true: 1}[a.State == ledger.Trashed] - map[bool]int{true: 1}[b.State == ledger.Trashed]
	})
	for _, e := range entries {
		line := lineOf(e.Row)
		if !counts(e) || e.State == ledger.Trashed && left[line] == 0 {
			continue
		}
		left[line]--
		amount := e.Row.Amount.Number()
		if t := l.book.all[e.TransactionID]; l.follows(e, t) {
			amount = l.amountOf(t)
		}
		sum = sum.Add(amount)
	}
	if !sum.Equal(bankSum) {
		l.t.Errorf("I4: the bank has booked %s, the book accounts for %s", bankSum, sum)
	}
}

// leavesPeopleAlone is I6, and I5 where nobody could excuse it.
func (l *life) leavesPeopleAlone() {
	l.t.Helper()
	live := l.book.liveRemoteIDs()
	for id, want := range l.touched {
		if diff := cmp.Diff(want, l.book.all[id]); diff != "" {
			l.t.Errorf("I6: what a person has touched was changed (-was +is):\n%.2000s", diff)
		}
		for _, remoteID := range want.RemoteIDs {
			if want.Trashed && !l.merged[id] && live[remoteID] > 0 && !l.witness.excused[remoteID] {
				l.t.Errorf("I5: what a person has trashed was recreated: %s", remoteID)
			}
		}
	}
}

// resurrectionsAreExplained is the rest of I5: what came back because the book
// does not mind its trash, is not passed over in silence.
func (l *life) resurrectionsAreExplained(entries []ledger.Entry) {
	l.t.Helper()
	if len(l.witness.excused) > 0 && l.simBook.settings.trashBlocks {
		l.t.Errorf("I5: %v came back, and the book minds its trash", l.witness.excused)
	}
	live := l.book.liveRemoteIDs()
	for _, e := range entries {
		if l.witness.excused[e.RemoteID] && live[e.RemoteID] > 0 && e.State != ledger.Recorded {
			l.t.Errorf("I5: %s came back, and the ledger says %s", e.RemoteID, e.State)
		}
	}
}

// Bounds of the work, far above what the worst life took.
const (
	mostSends = 300 // of one remote id
	mostCalls = 60  // of the book, for each row
)

// worksWithinBounds is I9.
func (l *life) worksWithinBounds() {
	l.t.Helper()
	for id, n := range l.simBook.sent {
		if n > mostSends {
			l.t.Errorf("I9: %s was sent to the book %d times", id, n)
		}
	}
	calls := 0
	for _, n := range l.book.calls {
		calls += n
	}
	if calls > mostCalls*(len(l.moves)+20) {
		l.t.Errorf("I9: %d calls of the book for %d rows: %v", calls, len(l.moves), l.book.calls)
	}
	writes := l.book.writes()
	l.ask()
	l.drain()
	if n := l.book.writes() - writes; n > 0 {
		l.t.Errorf("I9: the bank has nothing new, and the book was written to %d times", n)
	}
}

// givesTheSameRemoteIDs is I11: a new app, told of the same rows in other pages
// and another order within each day, derives the same remote ids.
func (l *life) givesTheSameRemoteIDs() {
	l.t.Helper()
	rows := l.booked()
	for n := range rows {
		rows[n].PendingID = ""
	}
	slices.SortStableFunc(rows, func(a, b bank.Transaction) int { return a.Date.Compare(b.Date) })
	one := remoteIDsOf(l.t, rows, 500)
	l.rand.Shuffle(len(rows), func(a, b int) { rows[a], rows[b] = rows[b], rows[a] })
	if diff := cmp.Diff(one, remoteIDsOf(l.t, rows, 1+l.rand.IntN(9))); diff != "" {
		l.t.Errorf("I11: the remote ids (-told at once +in pages, in another order):\n%.2000s", diff)
	}
}

func remoteIDsOf(t testing.TB, rows []bank.Transaction, size int) []string {
	w := newWorld(t)
	w.integrate("i1", "c1", "checking", "Bank", firstOfMonth)
	w.bank.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
		at := 0
		_, _ = fmt.Sscanf(string(req.State), "%d", &at)
		part, page := rows[min(at, len(rows)):], connectors.Page{Next: []byte("0")}
		if len(part) > size {
			part, page.More, page.Next = part[:size], connectors.SameUpdate, fmt.Appendf(nil, "%d", at+size)
		}
		page.Accounts = []connectors.AccountPage{{Key: "checking", Transactions: part}}
		return page, nil
	}
	w.syncAfter(time.Hour)
	var ids []string
	for _, e := range w.entries() {
		ids = append(ids, e.RemoteID)
	}
	return ids
}

func (l *life) lineOf(t bkper.Transaction) string {
	return fmt.Sprintf("%s %s %s", t.Date, l.amountOf(t), t.Properties["bank_text"])
}

// amountOf is the amount from the view of the account that a bank feeds.
func (l *life) amountOf(t bkper.Transaction) money.Decimal {
	amount, err := t.Amount.Decimal()
	if err != nil {
		l.t.Errorf("the amount of %+v: %v", t, err)
	}
	if t.CreditAccount != nil && (t.CreditAccount.ID == "Bank" || t.CreditAccount.ID == "Card") {
		amount = amount.Neg()
	}
	return amount
}
