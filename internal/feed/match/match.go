// Package match says which rows that a bank reports are already known, and
// which are new. It is pure: rows and entries in, verdicts out.
//
// No provider's id can be trusted alone: ids are missing, positional, re-issued,
// or differ between a file and a feed. So rows are paired with entries of the
// ledger in five steps, each entry with one row at most, each step only with
// what the steps before have left over:
//
//  1. the provider's id;
//  2. the provider's own link to the pending row;
//  3. date, amount and normalised text, with multiplicity: the second of two
//     identical coffees is the second coffee;
//  4. date and amount, where exactly one row and one entry are left; not where
//     a file gave an id to both, because the days of two files may overlap in part;
//  5. the rest is new.
//
// Steps 3 and 4 pair a row only with an entry whose place is vacant: this
// source has given it no id, or the id it gave is gone from days of which the
// bank has just reported everything or from an update that began from nothing,
// or the bank has said that the id is no more, or it now stands on a row of
// another date or amount. So two rows that a
// bank shows side by side under different ids are never taken for one.
//
// An id that now stands on another row may be a correction, or the number of a
// place that another row has moved into. It is the latter where the update holds
// a row that is, in date, amount and text, what the id stood for before: then
// step 3 goes first, but for rows that are linked. The row that has the id now is
// then known by what it says, if an entry that says so has vanished without a word;
// else it takes the entry that the other row has left. An id that an entry has had
// before its current one never brings a correction.
package match

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

// Row is one booked row of an update.
type Row struct {
	ID, PendingID string // of this source; may be empty
	Date          bank.Date
	Amount        string // canonical text with currency
	Text          string // what Text returns of the bank's description
	Instalment    bank.Instalment
}

// Entry is one entry of the ledger that a row may stand for.
type Entry struct {
	Ref        string
	ID         string   // that this source gives it now; may be empty
	Before     []string // ids that this source gave it before
	Date       bank.Date
	Amount     string
	Text       string
	Others     []string // other texts it is known by
	Instalment bank.Instalment
	// Withdrawn says that the source has taken its id back earlier.
	Withdrawn bool
	// Own says that it was the origin of this update that brought it, in the
	// words of Text.
	Own bool
}

// Update is what one source reports of one account at one time.
type Update struct {
	Rows []Row // in a stable order
	// Present are the ids of further rows of the update, that are not to be
	// paired.
	Present []string
	// Removed are ids that the source says are no more.
	Removed []string
	// Complete reports whether every booked row of that day is among Rows.
	Complete func(bank.Date) bool
	// Fresh says that the source began from nothing: an id that it does not
	// report is no more.
	Fresh bool
	// WeakIDs says that an id means nothing where date or amount differ, as in
	// statement files.
	WeakIDs bool
}

// How says by which step a row was paired.
type How int

// The steps.
const (
	New      How = iota // no entry stands for the row
	ByID                // the provider's id
	ByLink              // the provider's link to the pending row
	ByText              // date, amount, text; the source had given no id
	Reissued            // the same, under another id than before
	ByAmount            // date and amount alone, one row and one entry left
)

// Why says a verdict in words, for the journal.
func (h How) Why() string {
	switch h {
	case ByID:
		return "the bank's id is known"
	case ByLink:
		return "the bank says it books a row that is known"
	case ByText:
		return "date, amount and text are those of a row that is known"
	case Reissued:
		return "the bank gave a known row another id"
	case ByAmount:
		return "the only row and the only entry of that date and amount"
	default:
		return "new"
	}
}

// Verdict says what a row is.
type Verdict struct {
	How How
	Ref string // of the entry, unless New
}

// Match returns one verdict for each row of the update.
func Match(u Update, entries []Entry) []Verdict {
	m := newMatcher(u, entries)
	m.byID(isSame)
	m.byLink()
	m.byFingerprint(m.displaced)
	m.byID(fits)
	if !u.WeakIDs {
		m.byID(anything)
		m.byFingerprint(m.vanished)
		m.byExchange()
	}
	m.byFingerprint(m.vacant)
	m.byAmount()
	return m.verdicts
}

const nobody = -1

type matcher struct {
	update   Update
	entries  []Entry
	verdicts []Verdict
	usedBy   []int            // the row that an entry is paired with, or nobody
	holders  map[string][]int // entries by their id
	rows     map[string][]int // rows by their id
	present  map[string]bool  // ids of rows that are not here
	removed  map[string]bool
}

func newMatcher(u Update, entries []Entry) *matcher {
	m := &matcher{
		update: u, entries: slices.Clone(entries),
		verdicts: make([]Verdict, len(u.Rows)), usedBy: slices.Repeat([]int{nobody}, len(entries)),
		holders: make(map[string][]int), rows: make(map[string][]int),
		present: make(map[string]bool), removed: make(map[string]bool),
	}
	slices.SortStableFunc(m.entries, func(a, b Entry) int {
		if a.Withdrawn != b.Withdrawn { // these are the last choice
			return map[bool]int{true: 1, false: -1}[a.Withdrawn]
		}
		return strings.Compare(a.Ref, b.Ref)
	})
	for i, e := range m.entries {
		if e.ID != "" {
			m.holders[e.ID] = append(m.holders[e.ID], i)
		}
	}
	for i, r := range u.Rows {
		if r.ID != "" {
			m.rows[r.ID] = append(m.rows[r.ID], i)
		}
	}
	for _, id := range u.Present {
		m.present[id] = true
	}
	for _, id := range u.Removed {
		m.removed[id] = true
	}
	return m
}

func (m *matcher) pair(row, entry int, how How) {
	m.verdicts[row] = Verdict{How: how, Ref: m.entries[entry].Ref}
	m.usedBy[entry] = row
}

// fits reports whether a row is of the date and amount of an entry.
func fits(r Row, e Entry) bool { return r.Date == e.Date && r.Amount == e.Amount }

// anything is what a bank may make of a row that it corrects.
func anything(Row, Entry) bool { return true }

// isSame reports whether a row says what the entry says.
func isSame(r Row, e Entry) bool {
	return fits(r, e) && (r.Text == e.Text || slices.Contains(e.Others, r.Text))
}

// byID pairs rows with the entries whose id they have, where accept allows it.
func (m *matcher) byID(accept func(Row, Entry) bool) {
	for i, r := range m.update.Rows {
		if m.verdicts[i].How != New {
			continue
		}
		if e := m.free(r.ID, func(e Entry) bool { return accept(r, e) }); e != nobody {
			m.pair(i, e, ByID)
		}
	}
}

// byExchange pairs rows whose entry another row has taken, because it says what
// the entry says, with the entry that this has left: their ids have changed hands.
func (m *matcher) byExchange() {
	for i, r := range m.update.Rows {
		if m.verdicts[i].How != New {
			continue
		}
		seen := make(map[string]bool)
		for id := r.ID; id != "" && !seen[id]; {
			seen[id] = true
			e := m.holder(id)
			if e == nobody {
				break
			}
			if m.usedBy[e] == nobody {
				m.pair(i, e, ByID)
				break
			}
			id = m.update.Rows[m.usedBy[e]].ID
		}
	}
}

// holder is the entry of an id. Of several, as files that number anew may leave
// behind, it is one that is free.
func (m *matcher) holder(id string) int {
	last := nobody
	for _, e := range m.holders[id] {
		if last = e; m.usedBy[e] == nobody {
			break
		}
	}
	return last
}

// byLink pairs rows under an unknown id with the entry of the row that the bank
// says they replace; and again where that was done before.
func (m *matcher) byLink() {
	for i, r := range m.update.Rows {
		if r.PendingID == "" || m.verdicts[i].How != New || m.present[r.PendingID] || m.here(r.PendingID) {
			continue
		}
		if e := m.free(r.ID, func(e Entry) bool { return slices.Contains(e.Before, r.PendingID) }); e != nobody {
			m.pair(i, e, ByID) // the link was followed before
		} else if e := m.free(r.PendingID, func(Entry) bool { return len(m.holders[r.ID]) == 0 }); e != nobody {
			m.pair(i, e, ByLink)
		}
	}
}

// free is a free entry of an id, nobody if there is none such.
func (m *matcher) free(id string, such func(Entry) bool) int {
	for _, e := range m.holders[id] {
		if m.usedBy[e] == nobody && such(m.entries[e]) {
			return e
		}
	}
	return nobody
}

// fingerprint is what steps 3 and 4 compare; step 4 leaves the text empty.
type fingerprint struct {
	date         bank.Date
	amount, text string
}

func (m *matcher) byFingerprint(may func(Entry) bool) {
	free := make(map[fingerprint][]int)
	for i, e := range m.entries {
		if m.usedBy[i] != nobody || !may(e) {
			continue
		}
		for _, text := range append([]string{e.Text}, e.Others...) {
			key := fingerprint{e.Date, e.Amount, text}
			free[key] = append(free[key], i)
		}
	}
	for i, r := range m.update.Rows {
		if m.verdicts[i].How != New {
			continue
		}
		for _, e := range free[fingerprint{r.Date, r.Amount, r.Text}] {
			if m.usedBy[e] != nobody {
				continue
			}
			how := ByText
			if m.entries[e].ID != "" {
				how = Reissued
			}
			m.pair(i, e, how)
			break
		}
	}
}

func (m *matcher) byAmount() {
	free := make(map[fingerprint][]int)
	for i, e := range m.entries {
		if m.usedBy[i] == nobody && !e.Withdrawn && m.vacant(e) {
			key := fingerprint{date: e.Date, amount: e.Amount}
			free[key] = append(free[key], i)
		}
	}
	rows := make(map[fingerprint][]int)
	for i, r := range m.update.Rows {
		if m.verdicts[i].How == New {
			key := fingerprint{date: r.Date, amount: r.Amount}
			rows[key] = append(rows[key], i)
		}
	}
	for key, left := range rows {
		if len(left) != 1 || len(free[key]) != 1 {
			continue
		}
		row, entry := m.update.Rows[left[0]], m.entries[free[key][0]]
		if differ(row.Instalment, entry.Instalment) || !m.onlyOnes(row, entry) {
			continue
		}
		if m.update.WeakIDs && row.ID != "" && entry.ID != "" {
			continue
		}
		m.pair(left[0], free[key][0], ByAmount)
	}
}

// onlyOnes reports whether there is no other row that the update has left out.
// Where a feed gives no ids and less than the whole day, a row with another
// text is rather another row.
func (m *matcher) onlyOnes(r Row, e Entry) bool {
	return r.ID != "" || m.update.WeakIDs || !e.Own || m.complete(e.Date)
}

// vacant reports whether a row without a known id may stand for the entry.
func (m *matcher) vacant(e Entry) bool {
	switch {
	case e.ID == "":
		return true
	case m.present[e.ID]:
		return false
	case m.here(e.ID):
		return m.standsOn(e.ID, func(r Row) bool { return !fits(r, e) })
	default:
		return m.removed[e.ID] || e.Withdrawn || m.vanished(e)
	}
}

// vanished reports whether the id of the entry is nowhere to be seen where it
// should be, and nobody has said why.
func (m *matcher) vanished(e Entry) bool {
	return e.ID != "" && !m.here(e.ID) && !m.present[e.ID] && !m.removed[e.ID] && !e.Withdrawn &&
		(m.update.Fresh || m.complete(e.Date))
}

// displaced reports whether the id of the entry now stands on another row.
func (m *matcher) displaced(e Entry) bool {
	return m.here(e.ID) && !m.present[e.ID] && m.standsOn(e.ID, func(r Row) bool { return !isSame(r, e) })
}

// here reports whether a row has the id.
func (m *matcher) here(id string) bool { return len(m.rows[id]) > 0 }

// standsOn reports whether every row that has the id is such a one.
func (m *matcher) standsOn(id string, such func(Row) bool) bool {
	return !slices.ContainsFunc(m.rows[id], func(row int) bool { return !such(m.update.Rows[row]) })
}

func (m *matcher) complete(d bank.Date) bool { return m.update.Complete != nil && m.update.Complete(d) }

// differ reports whether two rows say that they are different instalments.
func differ(a, b bank.Instalment) bool {
	return a.Of > 0 && b.Of > 0 && a != b
}

// Text returns a description in the form that is compared: lower case, without
// accents and punctuation, words separated by one space. Digits stay: they tell
// instalments and stores apart.
func Text(description string) string {
	var b strings.Builder
	space := false
	for _, r := range norm.NFKD.String(strings.ToValidUTF8(description, " ")) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			b.WriteRune(unicode.ToLower(r))
		case unicode.Is(unicode.Mn, r):
			// an accent that NFKD has split off
		default:
			space = true
		}
	}
	return b.String()
}
