// Package learn finds the counter account of a bank movement from what people
// decided about earlier ones, says how sure it is and why.
//
// Evidence for every account of the book (evidence.go) is read from lists of
// similar lessons: of the same merchant, words, bank account, amount and so on,
// from what the words are about (concepts.go), from the names of the accounts,
// and from a second witness that learns this book's words by itself
// (witness.go). Weights (weights.txt, made by internal/learn/fit) turn it into a
// probability for each account and for none of them (model.go); a few signs
// tell how far the best one can be trusted. Each lesson shows whether it would
// have been guessed right, which moves the weights a little (settle.go) and the
// bars from which an answer counts as sure (threshold.go), so that in each book
// about as many of 100 sure answers are right as the setting says.
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

	// CounterpartyAccount is the other party's account or document number (IBAN,
	// CNPJ and the like), however it is spaced; may be empty.
	CounterpartyAccount string
}

// Lesson is a movement with the counter account that a person chose.
type Lesson struct {
	Movement
	Account string // id of the counter account
}

// Suggestion is the best counter account for a movement.
type Suggestion struct {
	Account      string
	Confidence   float64      // probability of being right, 0 to 1
	Sure         bool         // right often enough, at Sure98, to be written into the draft
	Reached      Sureness     // the strictest setting at which it is sure; 0 if there is none
	Reason       string       // one sentence for a bookkeeper
	Alternatives Alternatives // what else it may be
	None         float64      // probability that it is none of the accounts known from lessons or by name
}

// Alternatives are the likeliest other accounts, the likeliest first. Where
// there are fewer, the last ones have no Account.
type Alternatives [3]Alternative

// List returns those that there are.
func (a Alternatives) List() []Alternative {
	n := 0
	for n < len(a) && a[n].Account != "" {
		n++
	}
	return a[:n]
}

// Alternative is an account that was not thought the best.
type Alternative struct {
	Account     string
	Probability float64 // 0 to 1; with Confidence and None they sum up to 1 at most
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
// are cheap; the next Suggest works off what they changed, some 40 microseconds
// for each lesson from the earliest changed one on, in the order of the dates,
// and if that one is not the last, up to some 30 milliseconds for the witness.
type Learner struct {
	chart      map[int32]*chartAccount    // nil: not known, every learned account will do
	named      map[uint64][]*chartAccount // accounts by the words of their names
	weights    *Weights
	accounts   map[string]int32 // account id -> its number, the place in accountIDs
	accountIDs []string
	lists      [][2]uint64 // by account: its lists for money that leaves and that arrives
	byID       map[string]*lesson
	all        []*lesson // in the order of their dates
	rows       []row     // of the settled lessons: the first of all whose outcome is worked out
	index      map[uint64]*list
	habits     habits    // after the settled lessons
	marks      []habits  // before every markEvery-th of them
	witnesses  witnesses // after the settled lessons
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
		index:    map[uint64]*list{},
	}
}

// Lessons returns how many lessons are known.
func (l *Learner) Lessons() int { return len(l.byID) }

// SetAccounts replaces the chart of the book. Accounts that it lacks, or that
// are archived, are no longer suggested; what was learned about them is kept.
func (l *Learner) SetAccounts(accounts []Account) {
	old := l.chart
	l.chart = make(map[int32]*chartAccount, len(accounts))
	l.named = map[uint64][]*chartAccount{}
	var changed []int32
	accounts = slices.SortedFunc(slices.Values(accounts), func(a, b Account) int { return cmp.Compare(a.ID, b.ID) })
	for _, a := range accounts {
		number := l.account(a.ID)
		entry := old[number]
		if entry == nil || entry.Account != a {
			entry = &chartAccount{Account: a, number: number, words: nameWords(a.Name), concepts: nameConcepts(a.Name)}
			changed = append(changed, number)
		}
		l.chart[number] = entry
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
	for number := range old {
		if l.chart[number] == nil {
			changed = append(changed, number)
		}
	}
	for _, number := range changed {
		// What the name said of earlier lessons has changed with it.
		for _, arrives := range []bool{true, false} {
			if own := l.index[l.accountList(number, arrives)]; own != nil {
				l.unsettle(int(own.at[0]))
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
	at := l.before(s)
	l.unsettle(at)
	l.all = slices.Insert(l.all, at, s)
}

func (l *Learner) remove(s *lesson) {
	delete(l.byID, s.id)
	at := l.before(s)
	l.unsettle(at)
	l.all = slices.Delete(l.all, at, at+1)
}

// before returns how many lessons come before s.
func (l *Learner) before(s *lesson) int {
	n := len(l.all)
	if n == 0 || compare(l.all[n-1], s) < 0 {
		return n
	}
	at, _ := slices.BinarySearchFunc(l.all, s, compare)
	return at
}

func compare(a, b *lesson) int {
	if c := cmp.Compare(a.day, b.day); c != 0 {
		return c
	}
	return cmp.Compare(a.id, b.id)
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

// row is what is looked at of a settled lesson again and again.
type row struct {
	bank, text, money uint64
	account, day      int32
	arrives, first    bool // first: of its account
	size              float32
	outcome           outcome
}

// list holds the places of like lessons among the settled ones, in their order.
type list struct {
	at   []int32
	bell bell // of the sizes of the latest; n is 0 if not worked out
}

// latest returns the last n places of a list.
func (l *Learner) latest(key uint64, n int) []int32 {
	found := l.index[key]
	if found == nil {
		return nil
	}
	return found.at[max(0, len(found.at)-n):]
}
