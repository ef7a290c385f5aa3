package rules

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/learn"
)

// Lesson is a row with the counter account that a person chose.
type Lesson struct {
	Row
	Account string // id
}

// Proposal is a rule that earlier decisions speak for without exception.
type Proposal struct {
	ID       string // the same for the same conditions and account
	Rule     Rule   // without id, switched on
	Merchant string // as its rows are called
	Count    int    // decisions that it would have made, all as people did
	Example  Row    // one of them
}

const (
	fewestLessons  = 5  // of a merchant, before a rule is proposed
	mostMerchants  = 60 // looked at, the most frequent ones
	shortestPhrase = 4  // letters
)

// Propose returns rules for merchants of which every row went to one account,
// the most frequent first. A rule is proposed only if it would have decided
// every lesson it fits as people did, whatever the merchant.
func Propose(lessons []Lesson) []Proposal {
	texts := distinct(lessons)
	var proposals []Proposal
	for _, m := range merchants(texts) {
		if p, ok := m.propose(texts); ok && !slices.ContainsFunc(proposals, func(o Proposal) bool { return o.ID == p.ID }) {
			proposals = append(proposals, p)
		}
	}
	return proposals
}

// sample stands for all lessons of the same text, direction and account.
type sample struct {
	Lesson
	folded string
	party  string
	count  int
}

func distinct(lessons []Lesson) []*sample {
	type key struct {
		text, party, account string
		sign                 int
	}
	known := make(map[key]*sample)
	var all []*sample
	for _, l := range lessons {
		k := key{l.Text, l.Counterparty, l.Account, l.Amount.Sign()}
		s := known[k]
		if s == nil {
			s = &sample{Lesson: l, folded: fold(l.Text), party: fold(l.Counterparty)}
			known[k] = s
			all = append(all, s)
		}
		s.count++
	}
	return all
}

type merchant struct {
	key     string
	account string // "" if they went to several
	samples []*sample
	count   int
}

// merchants returns those whose lessons of one direction went to one account,
// the most frequent first.
func merchants(texts []*sample) []*merchant {
	type id struct {
		key  string
		sign int
	}
	byKey := make(map[id]*merchant)
	for _, s := range texts {
		key := learn.Key(s.Text)
		if key == "" {
			continue
		}
		m := byKey[id{key, s.Amount.Sign()}]
		if m == nil {
			m = &merchant{key: key, account: s.Account}
			byKey[id{key, s.Amount.Sign()}] = m
		}
		if m.account != s.Account {
			m.account = ""
		}
		m.samples = append(m.samples, s)
		m.count += s.count
	}
	var all []*merchant
	for _, m := range byKey {
		if m.account != "" && m.count >= fewestLessons {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *merchant) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.key, b.key), cmp.Compare(a.account, b.account),
			cmp.Compare(a.samples[0].Amount.Sign(), b.samples[0].Amount.Sign()))
	})
	return all[:min(len(all), mostMerchants)]
}

// propose looks for the longest part of the merchant's name that all its texts
// hold, and then for the fewest conditions that let it decide right.
func (m *merchant) propose(texts []*sample) (Proposal, bool) {
	phrase := m.phrase()
	if phrase == "" {
		return Proposal{}, false
	}
	direction := Out
	if m.samples[0].Amount.Sign() > 0 {
		direction = In
	}
	for _, c := range []Conditions{{Contains: phrase}, {Contains: phrase, Direction: direction}} {
		count, pure := decides(c, m.account, texts)
		if !pure {
			continue
		}
		name := strings.ToUpper(phrase)
		return Proposal{
			ID: proposalID(c, m.account), Merchant: name, Count: count, Example: m.samples[0].Row,
			Rule: Rule{Name: clip(name), Enabled: true, Conditions: Conditions{Contains: name, Direction: c.Direction}, Outcome: Outcome{Account: m.account}},
		}, true
	}
	return Proposal{}, false
}

func (m *merchant) phrase() string {
	words := strings.Fields(m.key)
	for size := len(words); size > 0; size-- {
		for from := 0; from+size <= len(words); from++ {
			phrase := strings.Join(words[from:from+size], " ")
			if len([]rune(phrase)) >= shortestPhrase && !slices.ContainsFunc(m.samples, func(s *sample) bool { return !strings.Contains(s.folded, phrase) }) {
				return phrase
			}
		}
	}
	return ""
}

// decides counts the lessons that conditions of a text and a direction fit, and
// reports whether all of them went to the account.
func decides(c Conditions, account string, texts []*sample) (count int, pure bool) {
	for _, s := range texts {
		held := strings.Contains(s.folded, c.Contains) || strings.Contains(s.party, c.Contains)
		if !held || c.Direction == Out && s.Amount.Sign() >= 0 || c.Direction == In && s.Amount.Sign() <= 0 {
			continue
		}
		if s.Account != account {
			return 0, false
		}
		count += s.count
	}
	return count, true
}

func proposalID(c Conditions, account string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s", c.Contains, c.Direction, account))
	return hex.EncodeToString(sum[:10])
}
