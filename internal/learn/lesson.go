package learn

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// lesson is what is kept of a Lesson or looked at in a Movement: everything
// that two movements can have in common, texts as hashes.
type lesson struct {
	id          string
	day         int32 // days since 1970
	account     int32 // number of the counter account; -1 in a question
	own         int32 // number of the bank account; -1 if it is no known account
	arrives     bool
	size        float32 // logarithm of the amount, evidence only
	content     uint64
	bank        uint64
	text        uint64
	amount      uint64 // list of this amount on this bank account
	money       uint64 // the amount alone
	key         uint64
	head        uint64
	party       uint64
	category    uint64
	payee       uint64 // the account of the counterparty
	way         uint64
	wordList    []uint64 // lists of the words, with the direction
	stemList    []uint64
	tagList     []uint64
	conceptList []uint64
	core        []string // words of the text; nil once it is learned
	lists       []uint64 // every list that the lesson stands in, each once
}

// The sorts of lists in the index.
const (
	byBank     = "bank"
	byKey      = "key"
	byText     = "text"
	byHead     = "head"
	byWord     = "word"
	byStem     = "stem"
	byTag      = "tag"
	byParty    = "party"
	byPayee    = "payee"
	byCategory = "category"
	byWay      = "way"
	byAmount   = "amount"
	byAccount  = "account"
	byConcept  = "concept"
)

func (l *Learner) newLesson(from Lesson) *lesson {
	s := newQuestion(from.Movement)
	s.account, s.own = l.account(from.Account), l.account(from.BankAccount)
	s.core = nil
	s.content = hash(from.Account, from.BankAccount, from.Date.String(), from.Amount.String(),
		from.Text, from.Counterparty, from.Kind, from.Category, from.CounterpartyAccount)
	s.lists = append(s.lists, s.bank, s.amount, l.accountList(s.account, s.arrives))
	for _, key := range []uint64{s.key, s.head, s.party, s.payee, s.category, s.way} {
		if key != 0 {
			s.lists = append(s.lists, key)
		}
	}
	s.lists = slices.Concat(s.lists, s.wordList, s.stemList, s.tagList, s.conceptList)
	slices.Sort(s.lists)
	s.lists = slices.Clip(slices.Compact(s.lists))
	return s
}

// question returns a movement as it is looked at when its account is asked for.
func (l *Learner) question(m Movement) *lesson {
	q := newQuestion(m)
	if own, known := l.accounts[m.BankAccount]; known {
		q.own = own
	}
	return q
}

func newQuestion(m Movement) *lesson {
	core := merchantWords(m.Text)
	way := way(m.Amount.Sign() > 0)
	s := &lesson{
		id:      m.ID,
		core:    core,
		day:     int32(m.Date.Time().Unix() / 86400), //nolint:gosec // a four digit year
		account: -1,
		own:     -1,
		arrives: m.Amount.Sign() > 0,
		size:    float32(size(m)),
		bank:    hash(byBank, way, m.BankAccount),
		amount:  hash(byAmount, way, m.Amount.String(), m.BankAccount),
		money:   hash(byAmount, m.Amount.String()),
	}
	if len(core) > 0 {
		s.text = hash(byText, strings.ToLower(strings.TrimSpace(m.Text)))
		s.key = hash(byKey, way, strings.Join(core, " "))
		s.head = hash(byHead, way, core[0])
	}
	if party := strings.Join(words(m.Counterparty), " "); party != "" {
		s.party = hash(byParty, way, party)
	}
	if payee := strings.Join(words(m.CounterpartyAccount), ""); payee != "" {
		s.payee = hash(byPayee, way, payee)
	}
	if m.Category != "" {
		s.category = hash(byCategory, way, m.Category)
	}
	if m.Kind != "" {
		s.way = hash(byWay, way, m.Kind)
	}
	for _, word := range core {
		s.wordList = append(s.wordList, wordKey(word, s.arrives))
		s.stemList = append(s.stemList, hash(byStem, way, stem(word)))
	}
	for _, concept := range concepts.of(core) {
		s.conceptList = append(s.conceptList, hash(byConcept, way, concept))
	}
	for _, tag := range hashtags(m.Text) {
		s.tagList = append(s.tagList, hash(byTag, way, tag))
	}
	s.wordList, s.stemList, s.tagList = distinct(s.wordList), distinct(s.stemList), distinct(s.tagList)
	s.conceptList = distinct(s.conceptList)
	s.conceptList = s.conceptList[:min(len(s.conceptList), maxConcepts)]
	s.tagList = s.tagList[:min(len(s.tagList), maxTags)]
	return s
}

func wordKey(word string, arrives bool) uint64 { return hash(byWord, way(arrives), word) }

func way(arrives bool) string {
	if arrives {
		return "+"
	}
	return "-"
}

// size is the logarithm of the amount: how big a movement is, as evidence of
// what it was for; never an amount of money.
func size(m Movement) float64 {
	f, err := strconv.ParseFloat(m.Amount.Abs().String(), 64)
	if err != nil || f < 0.01 {
		f = 0.01
	}
	return math.Log(f)
}

func distinct(keys []uint64) []uint64 {
	slices.Sort(keys)
	return slices.Compact(keys)
}

// hash is FNV-1a over the parts and the gaps between them; never 0.
func hash(parts ...string) uint64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	for _, part := range parts {
		for i := range len(part) {
			h = (h ^ uint64(part[i])) * prime
		}
		h = (h ^ 0xFF) * prime // no part holds this byte: it is not UTF-8
	}
	return max(h, 1)
}
