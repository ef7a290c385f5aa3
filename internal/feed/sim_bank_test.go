package feed_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// The bank: what it books, corrects, withdraws and numbers anew, and how it
// tells. What it does is bounded by what anybody could tell: a row is not
// corrected and numbered anew before the app has heard of the first.

// movement is one booked row of the simulated bank.
type movement struct {
	bank.Transaction
	number   int // never changes
	told     int // moments of the bank: since when it is there,
	revised  int // when it was last corrected or edited,
	reissued int // when it got another id
	gone     bool
	was      string // what it said before it was last corrected
}

type kind string

// The kinds of feed.
const (
	windowed   kind = "a window of whole days under ids"
	deltas     kind = "news under ids"
	nameless   kind = "a window of whole days without ids"
	positional kind = "a window of whole days, ids are places"
)

type removal struct {
	id string
	at int
}

func (l *life) newID() string {
	l.ids++
	return fmt.Sprintf("id%d", l.ids)
}

func (l *life) somethingAtTheBank() {
	l.moment++
	switch p := l.rand.IntN(100); {
	case p < 40 || l.aFileIsUnderWay():
		l.book1()
	case p < 50:
		l.announce()
	case p < 60:
		l.bookPending()
	case p < 66:
		l.reissue()
	case p < 74 && l.kind == nameless:
		l.reword()
	case p < 74:
		l.revise(func(m *movement) { m.Description = l.text() })
	case p < 80:
		l.revise(func(m *movement) { m.Amount = l.amount() })
	case p < 84:
		l.revise(func(m *movement) { m.Date = m.Date.AddDays(l.rand.IntN(3)) })
	case p < 87:
		l.replace()
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

// aFileIsUnderWay reports whether the rows of a file are not recorded yet: a file
// that is recorded late says again what was withdrawn since.
func (l *life) aFileIsUnderWay() bool {
	return slices.ContainsFunc(l.runs(), func(r ledger.Run) bool { return r.Kind == ledger.FileRun && r.FinishedAt.IsZero() })
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
	switch {
	case l.maybe(0.3):
		late = l.rand.IntN(5)
	case l.maybe(0.1) && l.toldOfOldDays():
		late = l.rand.IntN(25)
	}
	t := bank.Transaction{Status: bank.Booked, Date: later(l.day.AddDays(-late), firstOfMonth), Amount: l.amount(), Description: l.text()}
	if l.maybe(0.05) {
		l.typeAhead(t)
	}
	for range 1 + l.rand.IntN(5)/4 {
		l.add(t)
	}
}

// toldOfOldDays reports whether the app hears of rows that come weeks late.
func (l *life) toldOfOldDays() bool { return l.kind == deltas || l.window > 25 }

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
	if !l.toldOfOldDays() {
		t.Date = later(t.Date, l.day.AddDays(-4)) // else the app would never hear of it
	}
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
// asked is left alone: nobody could tell it from another row. And where only news
// is told, what the ledger does not know under the id it has: if recording fails
// until the run is given up, and the row is told under a third id before that is
// fetched again, nobody could tell either.
func (l *life) reissue() {
	from := l.day.AddDays(-l.rand.IntN(4))
	for _, m := range l.moves {
		if !m.gone && !m.Date.Before(from) && m.revised <= l.seen && (l.kind != deltas || l.isKnown(m)) {
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
	if m := l.pick(func(m *movement) bool {
		return m.told <= l.seen && l.isKnown(m) && l.tells(m) && !l.hasTwinInBetween(m)
	}); m != nil {
		m.was = lineOf(m.Transaction)
		change(m)
		m.revised = l.moment
		l.note("revised %s to %s", m.ID, lineOf(m.Transaction))
	}
}

// reword gives a row without an id other words: one that stands alone with its
// date and amount, when the app has recorded all that it was told. Until it has
// heard of it nothing else happens: nobody could tell.
func (l *life) reword() {
	l.calm()
	if m := l.pick(func(m *movement) bool { return m.told <= l.seen && l.tells(m) && l.standsAlone(m) }); m != nil {
		m.Description, m.revised = m.Description+" LTD", l.moment
		l.note("reworded %d to %s", m.number, lineOf(m.Transaction))
		l.calm()
	}
}

// standsAlone reports whether no other row is, or was, of the date and amount of a
// row that is no instalment.
func (l *life) standsAlone(m *movement) bool {
	return !strings.HasPrefix(m.Description, "PARC") && !slices.ContainsFunc(l.moves, func(other *movement) bool {
		return other != m && other.Date == m.Date && other.Amount.Equal(m.Amount)
	})
}

// replace gives a row that the app has been told of another id and says which it
// was, as where a tip is added: perhaps with another amount, day and text.
func (l *life) replace() {
	l.revise(func(m *movement) {
		// What is under way may withdraw its entry, or bring it back.
		e := l.entryOfID(m.ID)
		known := e.CurrentID(l.connectionID()) == m.ID && e.State != ledger.Removed && !slices.ContainsFunc(l.runs(), func(r ledger.Run) bool { return r.FinishedAt.IsZero() })
		if l.maybe(0.7) {
			m.Amount = l.amount()
		}
		if l.maybe(0.3) {
			m.Date = m.Date.AddDays(l.rand.IntN(3))
		}
		if l.maybe(0.3) {
			m.Description = l.text()
		}
		l.removed = append(l.removed, removal{m.ID, l.moment})
		m.PendingID, m.ID, m.reissued = m.ID, l.newID(), l.moment
		if known {
			l.witness.linked[m.ID] = m.PendingID
		}
	})
}

// entryOfID is the entry that an id of the bank leads to; one that was removed, if
// there is none.
func (l *life) entryOfID(id string) ledger.Entry {
	key := ledger.SourceKey("book", l.integration("i1").Origin, ledger.SourceID{Source: l.connectionID(), ID: id})
	ref, err := ledger.All().SourceIDs.Load(l.t.Context(), l.disk, key)
	if err != nil {
		return ledger.Entry{State: ledger.Removed}
	}
	e, err := ledger.All().Entries.Load(l.t.Context(), l.disk, ref.Entry)
	l.check(err)
	return e
}

// isKnown reports whether a row has its first id, or the ledger has heard of the
// present one. A row that is numbered anew, and corrected or withdrawn before
// that was recorded, cannot be told from another: where recording fails for
// hours it stays in the book, and the bank's balance shows it.
func (l *life) isKnown(m *movement) bool {
	if m.reissued == 0 {
		return true
	}
	return l.entryOfID(m.ID).RemoteID != ""
}

// hasTwinInBetween reports whether another row, that says or has said the same,
// was corrected or numbered anew and the ledger has not heard of it. Of two equal
// rows, one corrected and one with another number, nobody could tell which is
// which.
func (l *life) hasTwinInBetween(m *movement) bool {
	line := lineOf(m.Transaction)
	return slices.ContainsFunc(l.moves, func(other *movement) bool {
		switch {
		case other == m:
			return false
		case other.was == line:
			return l.recordedLine(other) != lineOf(other.Transaction)
		default:
			return !other.gone && lineOf(other.Transaction) == line && !l.isKnown(other)
		}
	})
}

// recordedLine is what the ledger has of a row under its present id.
func (l *life) recordedLine(m *movement) string {
	if e := l.entryOfID(m.ID); e.RemoteID != "" {
		return lineOf(e.Row)
	}
	return ""
}

// tells reports whether the app will surely be told of a change of a row: it
// lies in the window, also some days later.
func (l *life) tells(m *movement) bool { return l.kind == deltas || !m.Date.Before(l.day.AddDays(-4)) }

// withdraw takes a row back, unless it could be told to nobody: not without ids
// that last, nor between the refusal of the app's state and the answer to what it
// asks for then, which is everything.
func (l *life) withdraw() {
	if l.kind == nameless || l.kind == positional || l.refused {
		return
	}
	if m := l.pick(func(m *movement) bool { return m.told <= l.seen && l.isKnown(m) }); m != nil {
		m.gone = true
		delete(l.witness.linked, m.ID) // should it come back, it is new
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

// fetch is the bank's answer: a state is the moment it was given, and the place
// in the update of that moment.
func (l *life) fetch(req connectors.FetchRequest) (connectors.Page, error) {
	since, of, at := 0, 0, 0
	if len(req.State) > 0 {
		if _, err := fmt.Sscanf(string(req.State), "%d.%d.%d", &since, &of, &at); err != nil {
			return connectors.Page{}, errs.Wrap(errs.Conflict, err, "")
		}
	}
	l.seen, l.refused = max(l.seen, since), false
	switch {
	case l.maybe(l.trouble) || l.now.Before(l.bankDown):
		return connectors.Page{}, errs.New(errs.InstitutionDown, "")
	case l.maybe(l.trouble / 2):
		return connectors.Page{}, &errs.Error{Code: errs.RateLimited, After: time.Hour}
	case l.maybe(l.trouble/4) && (at > 0 || since > 0 && !l.withdrewSince(since)):
		l.note("the state of %d, at %d, is good for nothing any more", since, at)
		l.refused = at == 0 // within an update the app still has the state before it
		return connectors.Page{}, errs.New(errs.Conflict, "")
	}
	if at == 0 {
		l.moment++ // no two answers come from the same moment
		of = l.moment
		l.updates[of], l.days[of] = l.page(since), l.day
	}
	a := l.updates[of]
	switch {
	case at > 0 || since == 0 || l.withdrewSince(since): // who starts anew gets a state
	case l.maybe(l.oddities):
		l.note("the bank does not list the account")
		return connectors.Page{Next: stateOf(since)}, nil
	case l.maybe(l.oddities):
		l.note("the bank says that the account is gone")
		return connectors.Page{Next: stateOf(since), Accounts: []connectors.AccountPage{
			{Key: "checking", Err: errs.New(errs.AccountGone, "")},
		}}, nil
	case l.maybe(l.oddities) && l.kind != deltas:
		l.note("the bank tells less than it was asked for, and does not say so")
		a.Removed = nil
		a.Transactions = slices.DeleteFunc(slices.Clone(a.Transactions), func(t bank.Transaction) bool {
			return t.Date.Before(l.day.AddDays(-3))
		})
		return connectors.Page{Next: stateOf(since), Accounts: []connectors.AccountPage{a}}, nil
	}
	l.note("asked since %d", since)
	page := connectors.Page{Next: fmt.Appendf(nil, "%d.0.0", of)}
	rows := a.Transactions[min(at, len(a.Transactions)):]
	if len(rows) > l.pageSize {
		rows, page.More, page.Next = rows[:l.pageSize], connectors.SameUpdate, fmt.Appendf(nil, "%d.%d.%d", since, of, at+l.pageSize)
	} else {
		l.told[of] = l.updates[of]
	}
	if at > 0 {
		a.Removed = nil
	}
	a.Transactions = rows
	page.Accounts = []connectors.AccountPage{a}
	return page, nil
}

// stateOf is a state in which nothing was told after a moment; none before the
// first.
func stateOf(moment int) []byte {
	if moment == 0 {
		return nil
	}
	return fmt.Appendf(nil, "%d.0.0", moment)
}

// withdrewSince reports whether an id was taken back that the app has not heard
// of: who starts anew is not told.
func (l *life) withdrewSince(moment int) bool {
	return slices.ContainsFunc(l.removed, func(r removal) bool { return r.at > moment })
}

// page is what the bank has to say since a moment.
func (l *life) page(since int) connectors.AccountPage {
	a := connectors.AccountPage{Key: "checking"}
	from := firstOfMonth
	if since > 0 {
		from = later(l.days[since].AddDays(-l.window), firstOfMonth)
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
