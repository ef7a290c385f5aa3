package feed_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/store"
)

var (
	seeds = flag.Int("feed.seeds", usualLives, "how many lives to simulate")
	seed  = flag.Int("feed.seed", -1, "simulate this one life only")
)

// TestLives lives random lives of a bank account: rows come late, twice,
// pending, are corrected, withdrawn, brought back, and re-issued under other
// ids; files are imported, the bank is linked anew, people trash and edit;
// and everything that can fail does: calls before and after they are done,
// stores, publishing, and the power. When the trouble is over, the ledger is
// the bank, and the book is the ledger.
func TestLives(t *testing.T) {
	first, last := 0, *seeds
	if *seed >= 0 {
		first, last = *seed, *seed+1
	}
	for s := first; s < last; s++ {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			t.Parallel()
			l := newLife(t, uint64(s))
			l.live()
			if t.Failed() {
				t.Logf("%s: see it with -feed.seed=%d", l.kind, s)
			}
		})
	}
}

// movement is one booked row of the simulated bank.
type movement struct {
	bank.Transaction
	number   int // never changes
	told     int // moments of the bank: since when it is there,
	revised  int // when it was last corrected or edited,
	reissued int // when it got another id
	gone     bool
}

type kind string

// The kinds of feed.
const (
	windowed   kind = "a window of whole days under ids"
	deltas     kind = "news under ids"
	nameless   kind = "a window of whole days without ids"
	positional kind = "a window of whole days, ids are places"
)

type life struct {
	*world
	rand    *rand.Rand
	kind    kind
	moves   []*movement
	pending []bank.Transaction
	removed []removal
	moment  int // grows with everything that happens at the bank
	seen    int // the moment of the last state the app came back with
	day     bank.Date
	days    map[int]bank.Date // by the moment
	ids     int
	trouble float64
	person  map[string]bkper.Transaction // what a person has touched, as it must stay
	link    int
}

type removal struct {
	id string
	at int
}

func newLife(t testing.TB, seed uint64) *life {
	l := &life{
		rand: rand.New(rand.NewPCG(seed, 1)), day: firstOfMonth, days: map[int]bank.Date{}, person: map[string]bkper.Transaction{},
	}
	l.kind = []kind{windowed, windowed, deltas, deltas, nameless, positional}[l.rand.IntN(6)]
	l.world = newWorld(t)
	l.world.chance = l.rand.Float64
	l.integrate("i1", "c1", "checking", "Bank", firstOfMonth)
	l.bank.fetch = l.fetch
	l.book.refuse = func(t bkper.Transaction) error {
		if strings.HasPrefix(t.Description, "BAD") {
			return errInvalid
		}
		return nil
	}
	return l
}

func (l *life) maybe(p float64) bool { return l.rand.Float64() < p }

func (l *life) one(of ...string) string { return of[l.rand.IntN(len(of))] }

// note tells the one life that is lived alone.
func (l *life) note(format string, args ...any) {
	if *seed >= 0 {
		l.t.Logf("%3d %s: "+format, append([]any{l.moment, l.now.Format("02 15:04:05")}, args...)...)
	}
}

func (l *life) live() {
	l.failed = func(d delivery, err error) { l.note("failed: %s: %v", d.ID, err) }
	l.tap = func(d delivery) { l.note("delivery %d of %s: %.2000s", d.Attempt, d.ID, d.Body) }
	l.makeTrouble()
	for range 25 {
		for range 1 + l.rand.IntN(4) {
			l.somethingAtTheBank()
		}
		if l.maybe(0.2) {
			l.day = l.day.AddDays(1)
		}
		l.now = l.now.Add(time.Duration(1+l.rand.IntN(60)) * time.Minute)
		if l.maybe(0.7) {
			l.ask()
		}
		for range l.rand.IntN(12) {
			l.step()
		}
		l.somebodyInTheBook()
		switch {
		case l.maybe(0.03):
			l.relink()
		case l.maybe(0.05):
			l.importFile()
		}
	}
	l.calm()
	l.verdict()
}

// makeTrouble lets everything fail now and then.
func (l *life) makeTrouble() {
	l.trouble = []float64{0, 0.01, 0.03, 0.1}[l.rand.IntN(4)]
	l.book.trouble = func(string) (before, after error) {
		switch {
		case l.maybe(l.trouble):
			return []error{errAway, errTooOften, errTooOften, errLostAccess}[l.rand.IntN(4)], nil
		case l.maybe(l.trouble):
			return nil, errAway
		}
		return nil, nil
	}
	both := func() (bool, bool) { return l.maybe(l.trouble / 2), l.maybe(l.trouble / 2) }
	l.power.trouble = both
	l.power.publish = func(int) (bool, bool) { return both() }
	l.power.strike = func() (bool, bool) { return l.maybe(l.trouble / 4), l.maybe(0.5) }
}

// calm ends all trouble and lets everything be done.
func (l *life) calm() {
	trouble, troubled := l.book.trouble, l.trouble
	l.book.trouble, l.trouble = nil, 0
	l.drain()
	if _, err := l.feed.RetryParked(l.t.Context(), "book"); err != nil {
		l.t.Fatal(err)
	}
	for range 2 {
		l.drain()
		l.now = l.now.Add(time.Minute)
		l.ask()
	}
	l.drain()
	l.book.trouble, l.trouble = trouble, troubled
}

// ask asks for a sync until somebody listens.
func (l *life) ask() {
	for range 100 {
		err := l.feed.Sync(l.t.Context(), l.connectionID())
		if l.power.isCut() {
			l.start()
		}
		if err == nil {
			return
		}
	}
	l.t.Fatal("nobody listens")
}

func (l *life) connectionID() string { return fmt.Sprintf("c%d", l.link+1) }

func (l *life) newID() string {
	l.ids++
	return fmt.Sprintf("id%d", l.ids)
}

func (l *life) somethingAtTheBank() {
	l.moment++
	switch p := l.rand.IntN(100); {
	case p < 40:
		l.book1()
	case p < 50:
		l.announce()
	case p < 60:
		l.bookPending()
	case p < 66:
		l.reissue()
	case p < 74:
		l.revise(func(m *movement) { m.Description = l.text() })
	case p < 80:
		l.revise(func(m *movement) { m.Amount = l.amount() })
	case p < 84:
		l.revise(func(m *movement) { m.Date = m.Date.AddDays(l.rand.IntN(3)) })
	case p < 92:
		l.withdraw()
	case p < 95:
		l.bringBack()
	default:
		for range 3 {
			l.book1()
		}
	}
}

func (l *life) text() string {
	return l.one("COFFEE", "TEA", "COFFEE 2", "PARC 01/03", "PARC 02/03", "BAD")
}

func (l *life) amount() money.Amount {
	return money.MustParse(l.one("-1", "-1", "-2.50", "-2.51", "7"), "EUR")
}

// book1 books a row, now and then under an earlier day, or twice.
func (l *life) book1() {
	late := 0
	if l.maybe(0.3) {
		late = l.rand.IntN(5)
	}
	t := bank.Transaction{Status: bank.Booked, Date: later(l.day.AddDays(-late), firstOfMonth), Amount: l.amount(), Description: l.text()}
	for range 1 + l.rand.IntN(5)/4 {
		l.add(t)
	}
}

func (l *life) add(t bank.Transaction) {
	t.ID = l.newID()
	l.note("booked %s %s, pending %s", t.ID, lineOf(t), t.PendingID)
	l.moves = append(l.moves, &movement{Transaction: t, number: len(l.moves) + 1, told: l.moment})
}

func later(a, b bank.Date) bank.Date {
	if a.Before(b) {
		return b
	}
	return a
}

func (l *life) announce() {
	l.pending = append(l.pending, bank.Transaction{
		ID: l.newID(), Status: bank.Pending, Date: l.day, Amount: l.amount(), Description: l.text(),
	})
}

// bookPending books an announced row under another id, perhaps with another
// amount and without saying which it was.
func (l *life) bookPending() {
	if len(l.pending) == 0 {
		return
	}
	t := l.pending[0]
	l.pending = l.pending[1:]
	l.removed = append(l.removed, removal{t.ID, l.moment})
	if l.maybe(0.2) {
		return // it was never booked
	}
	t.Status, t.PendingID = bank.Booked, t.ID
	if l.maybe(0.5) {
		t.PendingID = ""
	}
	if l.maybe(0.3) {
		t.Amount = l.amount()
	}
	l.add(t)
}

// pick returns a row that the bank still has.
func (l *life) pick(fit func(*movement) bool) *movement {
	var all []*movement
	for _, m := range l.moves {
		if !m.gone && fit(m) {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[l.rand.IntN(len(all))]
}

// reissue gives other ids to some days. What was corrected since the app last
// asked is left alone: nobody could tell it from another row.
func (l *life) reissue() {
	from := l.day.AddDays(-l.rand.IntN(4))
	for _, m := range l.moves {
		if !m.gone && !m.Date.Before(from) && m.revised <= l.seen {
			l.removed = append(l.removed, removal{m.ID, l.moment})
			was := m.ID
			m.ID, m.PendingID, m.reissued = l.newID(), "", l.moment
			l.note("re-issued %s as %s", was, m.ID)
		}
	}
}

// revise corrects a row that the app has been told of under the id it has.
func (l *life) revise(change func(*movement)) {
	if l.kind == nameless || l.kind == positional {
		return // nobody could tell
	}
	if m := l.pick(func(m *movement) bool { return m.told <= l.seen && m.reissued <= l.seen && l.tells(m) }); m != nil {
		change(m)
		m.revised = l.moment
		l.note("revised %s to %s", m.ID, lineOf(m.Transaction))
	}
}

// tells reports whether the app will surely be told of a change of a row: it
// lies in the window, also some days later.
func (l *life) tells(m *movement) bool { return l.kind == deltas || !m.Date.Before(l.day.AddDays(-4)) }

func (l *life) withdraw() {
	if l.kind == nameless || l.kind == positional {
		return // nobody would be told
	}
	if m := l.pick(func(m *movement) bool { return m.told <= l.seen }); m != nil {
		m.gone = true
		l.note("withdrew %s", m.ID)
		l.removed = append(l.removed, removal{m.ID, l.moment})
	}
}

func (l *life) bringBack() {
	for _, m := range l.moves {
		if m.gone && l.tells(m) {
			m.gone, m.told = false, l.moment
			l.note("brought back %s", m.ID)
			l.removed = slices.DeleteFunc(l.removed, func(r removal) bool { return r.id == m.ID })
			return
		}
	}
}

// fetch is the bank's answer: a state is the moment it was given.
func (l *life) fetch(req connectors.FetchRequest) (connectors.Page, error) {
	since, at := 0, 0
	if len(req.State) > 0 {
		if _, err := fmt.Sscanf(string(req.State), "%d.%d", &since, &at); err != nil {
			return connectors.Page{}, errs.Wrap(errs.Conflict, err, "")
		}
	}
	l.seen = max(l.seen, since)
	if l.maybe(l.trouble) {
		return connectors.Page{}, errs.New(errs.InstitutionDown, "")
	}
	a := l.page(since)
	l.days[l.moment] = l.day
	l.note("asked since %d", since)
	const most = 7
	page := connectors.Page{Next: fmt.Appendf(nil, "%d.0", l.moment)}
	rows := a.Transactions[min(at, len(a.Transactions)):]
	if len(rows) > most {
		rows, page.More, page.Next = rows[:most], connectors.SameUpdate, fmt.Appendf(nil, "%d.%d", since, at+most)
	}
	if at > 0 {
		a.Removed = nil
	}
	a.Transactions = rows
	page.Accounts = []connectors.AccountPage{a}
	return page, nil
}

// page is what the bank has to say since a moment.
func (l *life) page(since int) connectors.AccountPage {
	a := connectors.AccountPage{Key: "checking"}
	from := firstOfMonth
	if since > 0 {
		from = later(l.days[since].AddDays(-10), firstOfMonth)
	}
	if l.kind != deltas {
		a.Complete = connectors.Days{From: from, To: l.day.AddDays(5)}
	}
	for _, m := range l.moves {
		if m.gone || l.kind == deltas && max(m.told, m.revised, m.reissued) <= since || l.kind != deltas && m.Date.Before(from) {
			continue
		}
		t := m.Transaction
		if l.kind == nameless {
			t.ID, t.PendingID = "", ""
		}
		a.Transactions = append(a.Transactions, t)
	}
	slices.SortStableFunc(a.Transactions, func(x, y bank.Transaction) int { return x.Date.Compare(y.Date) })
	if l.kind == positional {
		places := map[bank.Date]int{}
		for n := len(a.Transactions) - 1; n >= 0; n-- { // the newest row has the first place
			t := &a.Transactions[n]
			t.ID, t.PendingID = fmt.Sprintf("%s-%d", t.Date, places[t.Date]), ""
			places[t.Date]++
		}
		return a
	}
	a.Transactions = append(a.Transactions, l.pending...)
	if l.kind == nameless {
		for n := range a.Transactions {
			a.Transactions[n].ID = ""
		}
		return a
	}
	for _, r := range l.removed {
		if r.at > since && since > 0 {
			a.Removed = append(a.Removed, r.id)
		}
	}
	return a
}

// somebodyInTheBook trashes, edits or posts a draft.
func (l *life) somebodyInTheBook() {
	if !l.maybe(0.15) || len(l.book.order) == 0 {
		return
	}
	id := l.book.order[l.rand.IntN(len(l.book.order))]
	t := l.book.all[id]
	if _, touched := l.person[id]; touched || t.Trashed {
		return
	}
	switch l.rand.IntN(3) {
	case 0:
		t.Trashed = true
	case 1:
		t.Description = "as a person has it"
	case 2:
		t.Draft, t.Posted = false, true
	}
	l.book.all[id], l.person[id] = t, t
	l.note("a person: %s %s trashed %v", id, l.lineOf(t), t.Trashed)
	if !t.Trashed {
		return
	}
	for _, e := range l.entries() { // the event of the book
		if e.RemoteID == t.RemoteIDs[0] && e.State != ledger.Removed {
			e.TransactionID = t.ID
			l.tellTrashed(e)
		}
	}
}

// relink links the bank anew: another connection, other ids.
func (l *life) relink() {
	l.calm()
	i := l.integration("i1")
	l.check(l.disk.Update(l.t.Context(), func(tx store.Tx) error { return ledger.All().DeleteIntegration(tx, i) }))
	l.link++
	l.connect(l.connectionID(), "u1")
	i.ConnectionID, i.Resync, i.Stopped = l.connectionID(), i.Resync+1, nil
	l.put(i)
	l.moment++
	for _, m := range l.moves {
		m.ID, m.PendingID, m.reissued = l.newID(), "", l.moment
	}
	l.removed, l.seen = nil, 0 // under these ids the app was told of nothing
	l.ask()
}

// importFile imports a statement of the last days, perhaps before the feed has
// told of all of it.
func (l *life) importFile() {
	for _, m := range l.moves {
		if max(m.revised, m.reissued) > l.seen || m.gone {
			return
		}
	}
	if l.kind == nameless || l.kind == positional {
		l.calm() // without ids nobody could tell a row of the file from a late one
	}
	var rows []bank.Transaction
	for _, m := range l.moves {
		if !m.gone && m.Date.After(l.day.AddDays(-6)) {
			t := m.Transaction
			t.ID = fmt.Sprint("F", m.number)
			rows = append(rows, t)
		}
	}
	if len(rows) == 0 {
		return
	}
	l.calm()
	_, err := l.feed.Import(l.t.Context(), feed.ImportRequest{
		UserID: "u1", BookID: "book", AccountID: "Bank", FileName: "last.ofx", Content: ofx("", "", account{"123", rows}),
	})
	if l.power.isCut() {
		l.start()
	}
	if err != nil && !errors.Is(err, errTrouble) && !errors.Is(err, errCut) && !errs.Transient(err) &&
		!errs.Is(err, errs.LostAccess) {
		l.t.Fatal(err)
	}
}

// verdict holds the ledger against the bank, and the book against the ledger.
func (l *life) verdict() {
	l.t.Helper()
	var truth, known, recorded []string
	withdrawn := map[string]int{}
	for _, m := range l.moves {
		if m.gone {
			withdrawn[lineOf(m.Transaction)]++
		} else {
			truth = append(truth, lineOf(m.Transaction))
		}
	}
	var tombs []string
	for _, e := range l.entries() {
		switch {
		case e.State == ledger.Claimed:
			l.t.Errorf("%s of %s is claimed for ever", e.RemoteID, lineOf(e.Row))
		case e.State == ledger.Removed, e.Withdrawn:
			continue
		case e.State == ledger.Trashed:
			tombs = append(tombs, lineOf(e.Row))
			continue
		}
		known = append(known, lineOf(e.Row))
		if e.State != ledger.Recorded {
			continue
		}
		recorded = append(recorded, e.RemoteID)
		t := l.book.all[e.TransactionID]
		if strings.Contains(e.Flag, "refused the change") {
			continue
		}
		if _, touched := l.person[t.ID]; !touched && (t.Date != e.Row.Date || lineOf(e.Row) != l.lineOf(t)) {
			l.t.Errorf("the book has %s, the ledger %s", l.lineOf(t), lineOf(e.Row))
		}
	}
	// A tombstone may be left of a row that the bank has withdrawn after a
	// person had trashed it: it is in the way of nothing.
	for _, line := range tombs {
		if count(truth, line) <= count(known, line) && withdrawn[line] > 0 {
			withdrawn[line]--
			continue
		}
		known = append(known, line)
	}
	slices.Sort(truth)
	slices.Sort(known)
	if diff := cmp.Diff(truth, known); diff != "" {
		l.t.Errorf("the ledger (-bank +ledger):\n%s", diff)
	}
	live := l.book.liveRemoteIDs()
	for id, n := range live {
		if n > 1 || !slices.Contains(recorded, id) && !l.withdrawnAndTouched(id) {
			l.t.Errorf("remote id %s stands in the book %d times, recorded: %v", id, n, slices.Contains(recorded, id))
		}
	}
	for _, id := range recorded {
		if live[id] != 1 {
			l.t.Errorf("remote id %s is recorded, and stands in the book %d times", id, live[id])
		}
	}
	for id, want := range l.person {
		if diff := cmp.Diff(want, l.book.all[id]); diff != "" {
			l.t.Errorf("what a person has touched was changed (-was +is):\n%s", diff)
		}
		if want.Trashed && live[want.RemoteIDs[0]] > 0 {
			l.t.Errorf("what a person has trashed was recreated: %s", want.RemoteIDs[0])
		}
	}
	for _, run := range l.runs() {
		if !run.FinishedAt.IsZero() {
			l.addsUp(run)
		}
	}
	if l.t.Failed() {
		for _, e := range l.entries() {
			l.note("%s %s %s %v try %d withdrawn %v flag %q", e.State, lineOf(e.Row), e.RemoteID, e.IDs, e.Tries, e.Withdrawn, e.Flag)
		}
	}
}

func count(lines []string, line string) (n int) {
	for _, other := range lines {
		if other == line {
			n++
		}
	}
	return n
}

func (l *life) withdrawnAndTouched(remoteID string) bool {
	return slices.ContainsFunc(l.entries(), func(e ledger.Entry) bool {
		return e.RemoteID == remoteID && e.Withdrawn && e.Flag != ""
	})
}

func (l *life) lineOf(t bkper.Transaction) string {
	amount, err := t.Amount.Decimal()
	if err != nil {
		l.t.Error(err)
	}
	if t.CreditAccount != nil && t.CreditAccount.ID == "Bank" {
		amount = amount.Neg()
	}
	return fmt.Sprintf("%s %s %s", t.Date, amount, t.Properties["bank_text"])
}
