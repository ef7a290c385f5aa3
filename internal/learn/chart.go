package learn

import "slices"

// nameLetters is how long a word of an account's name must be to be looked
// for in texts.
const nameLetters = 4

// unusedName is how much more the whole name of an account says that nobody
// has chosen yet: its history cannot speak for it.
const unusedName = 2.5

// chartAccount is an account of the chart.
type chartAccount struct {
	Account
	number int32
	words  []string // of its name, those that are looked for in texts
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

// used reports whether any lesson chose an account.
func (l *Learner) used(number int32) bool {
	return l.index[l.accountList(number, true)] != nil || l.index[l.accountList(number, false)] != nil
}

// addNames fills in the evidence that lies in the names of accounts.
func (l *Learner) addNames(q *lesson, named []*chartAccount) {
	for _, a := range named {
		for i := range l.work.candidates {
			if c := &l.work.candidates[i]; c.number == a.number {
				c.evidence[eName] = a.share(q)
				if c.evidence[eName] == 1 && !l.used(a.number) {
					c.evidence[eName] = unusedName
				}
			}
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
