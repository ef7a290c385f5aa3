package learn

import (
	"math"
	"slices"
)

// nameLetters is how long a word of an account's name must be to be looked
// for in texts.
const nameLetters = 4

// unusedName is how much more the whole name of an account says that nobody
// has chosen yet: its history cannot speak for it.
const unusedName = 2.5

// chartAccount is an account of the chart.
type chartAccount struct {
	Account
	number   int32
	words    []string    // of its name, those that are looked for in texts
	concepts [2][]uint64 // lists of what its name is about, by direction
}

func nameWords(name string) []string {
	var long []string
	for _, word := range coreWords(words(name)) {
		if len([]rune(word)) >= nameLetters {
			long = append(long, word)
		}
	}
	slices.Sort(long)
	return slices.Compact(long)
}

// share returns how much of the account's name the text of q holds.
func (a *chartAccount) share(q *lesson) float64 {
	held := 0
	for _, word := range a.words {
		if slices.Contains(q.wordList, wordKey(word, q.arrives)) {
			held++
		}
	}
	return float64(held) / float64(len(a.words))
}

// nameConcepts returns the lists of what a name is about, for money that leaves
// and that arrives.
func nameConcepts(name string) (lists [2][]uint64) {
	for _, concept := range concepts.of(words(name)) {
		lists[0] = append(lists[0], hash(byConcept, way(false), concept))
		lists[1] = append(lists[1], hash(byConcept, way(true), concept))
	}
	return lists
}

// meaning returns how much the account's name and the text of q are about the
// same, 0 to 1.
func (a *chartAccount) meaning(q *lesson) float64 {
	own := a.concepts[0]
	if q.arrives {
		own = a.concepts[1]
	}
	shared := 0.0
	for _, concept := range own {
		if slices.Contains(q.conceptList, concept) {
			shared++
		}
	}
	if shared == 0 {
		return 0
	}
	return shared / math.Sqrt(float64(len(own)*len(q.conceptList)))
}

// namedBy returns the accounts whose names have a word in common with q, each
// once.
func (l *Learner) namedBy(q *lesson) []*chartAccount {
	var found []*chartAccount
	for _, key := range q.wordList {
		for _, a := range l.named[key] {
			if !slices.Contains(found, a) {
				found = append(found, a)
			}
		}
	}
	return found
}

// used reports whether any settled lesson chose an account.
func (l *Learner) used(number int32) bool {
	return l.index[l.accountList(number, true)] != nil || l.index[l.accountList(number, false)] != nil
}

// addNames fills in the evidence that lies in the names of accounts.
func (l *Learner) addNames(q *lesson, named []*chartAccount) {
	if len(named) == 0 && len(q.conceptList) == 0 {
		return
	}
	for i := range l.work.candidates {
		c := &l.work.candidates[i]
		a := l.chart[c.number]
		if a == nil {
			continue
		}
		c.evidence[eMeaning] = a.meaning(q)
		if !slices.Contains(named, a) {
			continue
		}
		c.evidence[eName] = a.share(q)
		if c.evidence[eName] == 1 && !l.used(a.number) {
			c.evidence[eName] = unusedName
		}
	}
}

// open reports whether the chart lets an account be suggested.
func (l *Learner) open(number int32) bool {
	if l.chart == nil {
		return true
	}
	a := l.chart[number]
	return a != nil && !a.Archived
}

// against tells how unusual the direction of q is for an account of that
// kind: money rarely arrives from what is spent on, less rarely as a refund.
func (l *Learner) against(number int32, q *lesson) float64 {
	a := l.chart[number]
	switch {
	case a == nil:
		return 0
	case a.Kind == Incoming && !q.arrives:
		return -1
	case a.Kind == Outgoing && q.arrives:
		return -0.3
	}
	return 0
}
