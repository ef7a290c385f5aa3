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
	}
	if l.decidedBefore(q, a.top.number) {
		s.Reached = l.sureFrom().reached(degree(a.confidence))
	}
	s.Sure = s.SureAt(Sure98)
	rest := (1 - a.confidence) / max(1-a.top.p, 1e-9)
	s.None = min(1, a.pNew*rest)
	others := l.others(a.top)
	for i, c := range others {
		s.Alternatives[i] = Alternative{l.accountIDs[c.number], c.p * rest}
	}
	list, reason := l.reason(m, q, a)
	if s.Reached < Sure99 {
		reason += l.wavering(s, list, others)
	}
	s.Reason = reason
	return s, true
}

const (
	leastLikely = 0.01 // probability of an alternative that is worth a mention
	wavers      = 0.1  // probability of what a row wavers to
	wavesToNone = 0.3  // and of its being no known account
)

// others returns the likeliest candidates besides the best, the likeliest first.
func (l *Learner) others(top *candidate) []*candidate {
	var found []*candidate
	for i := range l.work.candidates {
		c := &l.work.candidates[i]
		if c == top || c.p < leastLikely {
			continue
		}
		at := len(found)
		for at > 0 && (c.p > found[at-1].p || c.p == found[at-1].p && l.accountIDs[c.number] < l.accountIDs[found[at-1].number]) {
			at--
		}
		if at == len(Alternatives{}) {
			continue
		}
		found = slices.Insert(found, at, c)
		found = found[:min(len(found), len(Alternatives{}))]
	}
	return found
}

// wavering says what else a movement may well be. Where the reason counts the
// lessons of a list, so does this.
func (l *Learner) wavering(s Suggestion, list uint64, others []*candidate) string {
	var counted, possible []string
	for i, c := range others {
		if s.Alternatives[i].Probability < wavers {
			break
		}
		name := l.nameOf(c.number)
		if right, _ := l.went(list, c.number); right > 0 {
			counted = append(counted, fmt.Sprintf(", %d to %s", right, name))
		} else {
			possible = append(possible, name)
		}
	}
	text := strings.Join(counted, "")
	if len(possible) > 0 {
		text += "; it may also be " + strings.Join(possible, " or ")
	}
	if s.None >= wavesToNone {
		text += "; it may be none of the accounts used so far"
	}
	return text
}

// decidedBefore reports whether people have decided on movements like this one,
// and for that account: under the same key, with the same counterparty, or
// under texts that hold at least half of its words. What only the name of an
// account or the habits of the book speak for is a guess, however often such
// guesses were right: SIXT RENT A CAR is no rent.
func (l *Learner) decidedBefore(q *lesson, number int32) bool {
	if right, _ := l.went(q.key, number); right > 0 {
		return true
	}
	if q.party != 0 {
		if right, _ := l.went(q.party, number); right > 0 {
			return true
		}
	}
	if q.payee != 0 {
		if right, _ := l.went(q.payee, number); right > 0 {
			return true
		}
	}
	named := nameWords(l.nameOf(number))
	held, often := 0, false
	for _, word := range q.core {
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
	return often && 2*held >= len(q.core)
}

// reason says what speaks most directly for the answer, and the list whose
// lessons it counts, 0 if it counts none.
func (l *Learner) reason(m Movement, q *lesson, a answer) (list uint64, text string) {
	number := a.top.number
	name := l.nameOf(number)
	if text := l.tell(q.key, quote(strings.Join(q.core, " ")), number); text != "" {
		return q.key, text
	}
	if a.top.evidence[eName] >= 1 { // the whole name
		return 0, "the text names the account " + name
	}
	if q.party != 0 {
		if text := l.tell(q.party, "movements with "+quote(m.Counterparty), number); text != "" {
			return q.party, text
		}
	}
	if q.payee != 0 {
		if text := l.tell(q.payee, "movements with the same account of the other party", number); text != "" {
			return q.payee, text
		}
	}
	best, most := "", 0.0
	for _, word := range slices.Concat(q.core, hashtags(m.Text)) {
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
				list, best, most = e.list, l.tell(e.list, e.which, number), share
			}
		}
	}
	if best != "" {
		return list, best
	}
	if a.top.evidence[eMeaning] > 0 {
		return 0, "the text is about what the account " + name + " is for"
	}
	if text := l.tell(q.amount, "of the same amount", number); text != "" {
		return q.amount, text
	}
	if text := l.tell(q.bank, "of this bank account", number); text != "" {
		return q.bank, text
	}
	return 0, name + " is often chosen in this book"
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
