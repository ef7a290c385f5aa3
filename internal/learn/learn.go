// Package learn finds the counter account of a bank movement from what people
// decided about earlier ones, says how sure it is and why.
//
// Evidence for every account of the book (evidence.go) is read from lists of
// similar lessons: of the same merchant, words, bank account, amount and so on.
// Weights turn it into a probability for each account and for none of them
// (model.go); a few signs tell how far the best one can be trusted. Each lesson
// shows whether it would have been guessed right, which moves the weights
// a little (settle.go) and the bar from which an answer counts as sure
// (threshold.go), so that about 98 of 100 sure answers are right in each book.
//
// What a Learner knows is a function of the set of its lessons and of the
// chart, never of the order in which they came: a lesson taken back leaves no
// trace. The package is pure: no clock, no randomness, no I/O.
package learn

import (
	"cmp"
	"slices"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// AccountKind is the type of an account of the book.
type AccountKind string

// The kinds of account, as Bkper has them; "" is unknown.
const (
	Asset     AccountKind = "asset"
	Liability AccountKind = "liability"
	Incoming  AccountKind = "incoming"
	Outgoing  AccountKind = "outgoing"
)

// Account is an account of the book's chart.
type Account struct {
	ID       string
	Name     string
	Kind     AccountKind
	Archived bool
}

// Movement is a bank transaction whose counter account is asked for.
type Movement struct {
	ID           string // unique in the book
	BankAccount  string // id of the book account that it is recorded into
	Date         bank.Date
	Amount       money.Decimal // signed from the bank account's view: positive arrives
	Text         string        // as the bank wrote it
	Counterparty string        // name or number of the other party; may be empty
	Kind         string        // what the bank calls this way of paying; may be empty
	Category     string        // the bank's own category; may be empty
}

// Lesson is a movement with the counter account that a person chose.
type Lesson struct {
	Movement
	Account string // id of the counter account
}

// Suggestion is the best counter account for a movement.
type Suggestion struct {
	Account    string
	Confidence float64  // probability of being right, 0 to 1
	Sure       bool     // right often enough, at Sure98, to be written into the draft
	Reached    Sureness // the strictest setting at which it is sure; 0 if there is none
	Reason     string   // one sentence for a bookkeeper
}

// SureAt reports whether the suggestion is sure enough at a setting.
func (s Suggestion) SureAt(setting Sureness) bool {
	if setting == 0 {
		setting = Sure98
	}
	return s.Reached >= setting
}

// Learner knows the decisions of one book. Its methods, Suggest included, must
// not be called at the same time: they share working memory. Learn and Unlearn
// are cheap; the next Suggest works off what they changed, some 50 microseconds
// for each lesson from the earliest changed one on, in the order of the dates.
type Learner struct {
	chart      map[int32]*chartAccount    // nil: not known, every learned account will do
	named      map[uint64][]*chartAccount // accounts by the words of their names
	weights    *Weights
	accounts   map[string]int32 // account id -> its number, the place in accountIDs
	accountIDs []string
	lists      [][2]uint64 // by account: its lists for money that leaves and that arrives
	byID       map[string]*lesson
	all        history
	index      map[uint64]*history
	settled    int      // lessons, from the first, whose outcome is worked out
	habits     habits   // after the settled lessons
	marks      []habits // before every markEvery-th of them
	bars       bars
	barsKnown  bool
	work       workspace
}

// New returns a Learner without lessons. Until SetAccounts is called, every
// account of a lesson may be suggested.
func New() *Learner {
	weights, err := Shipped()
	if err != nil {
		panic("learn: the embedded weights cannot be read: " + err.Error()) // a test reads them
	}
	return NewWith(weights)
}

// NewWith returns a Learner like New, with other weights.
func NewWith(weights *Weights) *Learner {
	return &Learner{
		weights:  weights,
		accounts: map[string]int32{},
		byID:     map[string]*lesson{},
		index:    map[uint64]*history{},
	}
}

// Lessons returns how many lessons are known.
func (l *Learner) Lessons() int { return len(l.byID) }

// SetAccounts replaces the chart of the book. Accounts that it lacks, or that
// are archived, are no longer suggested; what was learned about them is kept.
func (l *Learner) SetAccounts(accounts []Account) {
	l.chart = make(map[int32]*chartAccount, len(accounts))
	l.named = map[uint64][]*chartAccount{}
	accounts = slices.SortedFunc(slices.Values(accounts), func(a, b Account) int { return cmp.Compare(a.ID, b.ID) })
	for _, a := range accounts {
		entry := &chartAccount{Account: a, number: l.account(a.ID), words: nameWords(a.Name)}
		l.chart[entry.number] = entry
		if a.Archived {
			continue
		}
		for _, word := range entry.words {
			for _, arrives := range []bool{true, false} {
				key := wordKey(word, arrives)
				l.named[key] = append(l.named[key], entry)
			}
		}
	}
}

// Learn takes in what a person decided. A lesson with the id of an earlier one
// replaces it; one without an account only takes the earlier one back.
func (l *Learner) Learn(lesson Lesson) {
	if lesson.Account == "" {
		l.Unlearn(lesson.ID)
		return
	}
	fresh := l.newLesson(lesson)
	if old := l.byID[lesson.ID]; old != nil {
		if old.content == fresh.content {
			return
		}
		l.remove(old)
	}
	l.insert(fresh)
}

// Unlearn takes back the lesson with that id, if there is one.
func (l *Learner) Unlearn(id string) {
	if old := l.byID[id]; old != nil {
		l.remove(old)
	}
}

func (l *Learner) insert(s *lesson) {
	l.byID[s.id] = s
	l.unsettle(l.all.insert(s))
	for _, key := range s.lists {
		h := l.index[key]
		if h == nil {
			h = &history{}
			l.index[key] = h
		}
		h.insert(s)
	}
}

func (l *Learner) remove(s *lesson) {
	delete(l.byID, s.id)
	l.unsettle(l.all.remove(s))
	for _, key := range s.lists {
		h := l.index[key]
		h.remove(s)
		if len(h.lessons) == 0 {
			delete(l.index, key)
		}
	}
}

// account returns the number that stands for an account id.
func (l *Learner) account(id string) int32 {
	n, known := l.accounts[id]
	if !known {
		n = int32(len(l.accountIDs)) //nolint:gosec // a book has no 2^31 accounts
		l.accounts[id] = n
		l.accountIDs = append(l.accountIDs, id)
		l.lists = append(l.lists, [2]uint64{hash(byAccount, "-", id), hash(byAccount, "+", id)})
	}
	return n
}

// accountList returns the list of the lessons in which an account was chosen.
func (l *Learner) accountList(number int32, arrives bool) uint64 {
	if arrives {
		return l.lists[number][1]
	}
	return l.lists[number][0]
}

// history is a list of lessons in the order of their dates.
type history struct{ lessons []*lesson }

func compare(a, b *lesson) int {
	if c := cmp.Compare(a.day, b.day); c != 0 {
		return c
	}
	return cmp.Compare(a.id, b.id)
}

// insert returns the place that s has now.
func (h *history) insert(s *lesson) int {
	at := h.before(s)
	h.lessons = slices.Insert(h.lessons, at, s)
	return at
}

// remove returns the place that s had.
func (h *history) remove(s *lesson) int {
	at := h.before(s)
	h.lessons = slices.Delete(h.lessons, at, at+1)
	return at
}

// before returns how many lessons come before s; all of them if s is nil.
func (h *history) before(s *lesson) int {
	n := len(h.lessons)
	if s == nil || n == 0 || compare(h.lessons[n-1], s) < 0 {
		return n
	}
	at, _ := slices.BinarySearchFunc(h.lessons, s, compare)
	return at
}

// until returns the lessons before s, all of them if s is nil.
func (h *history) until(s *lesson) []*lesson {
	if h == nil {
		return nil
	}
	return h.lessons[:h.before(s)]
}
