package learn

import (
	"fmt"
	"slices"
	"strings"
)

// Suggest returns the best counter account for m, and false if there is
// nothing to go by. It changes nothing that can be observed.
func (l *Learner) Suggest(m Movement) (Suggestion, bool) {
	l.settle()
	q := l.question(m)
	a := l.answer(q, true)
	if a.top == nil {
		return Suggestion{}, false
	}
	s := Suggestion{
		Account:    l.accountIDs[a.top.number],
		Confidence: a.confidence,
		Reason:     l.reason(m, q, a),
	}
	if l.decidedBefore(m, q, a.top.number) {
		s.Reached = l.sureFrom().reached(degree(a.confidence))
	}
	s.Sure = s.SureAt(Sure98)
	return s, true
}

// decidedBefore reports whether people have decided on movements like this one,
// and for that account: under the same key, with the same counterparty, or
// under texts that hold at least half of its words. What only the name of an
// account or the habits of the book speak for is a guess, however often such
// guesses were right: SIXT RENT A CAR is no rent.
func (l *Learner) decidedBefore(m Movement, q *lesson, number int32) bool {
	if right, _ := l.went(q.key, number); right > 0 {
		return true
	}
	if q.party != 0 {
		if right, _ := l.went(q.party, number); right > 0 {
			return true
		}
	}
	all := coreWords(words(m.Text))
	named := nameWords(l.nameOf(number))
	held, often := 0, false
	for _, word := range all {
		if slices.Contains(named, word) {
			continue
		}
		right, _ := l.went(wordKey(word, q.arrives), number)
		if right == 0 {
			right, _ = l.went(hash(byStem, way(q.arrives), stem(word)), number)
		}
		if right > 0 {
			held++
		}
		often = often || right > 1
	}
	return often && 2*held >= len(all)
}

// reason says what speaks most directly for the answer.
func (l *Learner) reason(m Movement, q *lesson, a answer) string {
	number := a.top.number
	name := l.nameOf(number)
	if text := l.tell(q.key, quote(Key(m.Text)), number); text != "" {
		return text
	}
	if a.top.evidence[eName] >= 1 { // the whole name
		return "the text names the account " + name
	}
	if q.party != 0 {
		if text := l.tell(q.party, "movements with "+quote(m.Counterparty), number); text != "" {
			return text
		}
	}
	best := ""
	most := 0.0
	for _, word := range slices.Concat(coreWords(words(m.Text)), hashtags(m.Text)) {
		for _, e := range []struct {
			list  uint64
			which string
		}{
			{hash(byTag, way(q.arrives), word), "with the hashtag #" + word},
			{wordKey(word, q.arrives), "with the word " + quote(word)},
			{hash(byStem, way(q.arrives), stem(word)), "with a word like " + quote(word)},
		} {
			right, all := l.went(e.list, number)
			if share := float64(right) / float64(all+1); share > most {
				best, most = l.tell(e.list, e.which, number), share
			}
		}
	}
	if best != "" {
		return best
	}
	if text := l.tell(q.amount, "of the same amount", number); text != "" {
		return text
	}
	if text := l.tell(q.bank, "of this bank account", number); text != "" {
		return text
	}
	return name + " is often chosen in this book"
}

// tell says how many lessons of a list went to an account; "" if none did.
func (l *Learner) tell(list uint64, which string, number int32) string {
	right, all := l.went(list, number)
	if right == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d earlier %s went to %s", right, all, which, l.nameOf(number))
}

// went says how many of the latest lessons of a list went to an account.
func (l *Learner) went(list uint64, number int32) (right, all int) {
	places := l.latest(list, recordWindow)
	for _, at := range places {
		if l.rows[at].account == number {
			right++
		}
	}
	return right, len(places)
}

func (l *Learner) nameOf(number int32) string {
	if entry := l.chart[number]; entry != nil && entry.Name != "" {
		return entry.Name
	}
	return l.accountIDs[number]
}

func quote(text string) string { return `"` + strings.ToUpper(text) + `"` }
