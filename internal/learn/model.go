package learn

import (
	"math"
	"slices"
)

// The signs that tell whether the best account is the right one.
const (
	sBias          = iota
	sOdds          // log odds of its probability
	sLead          // logarithm of its lead over the second
	sNew           // probability that no known account is right
	sSeen          // logarithm of the merchant's lessons
	sPure          // log odds of its share of them
	sUnseen        // the merchant is new
	sAccounts      // logarithm of the merchant's different accounts
	sRecent        // different accounts among the last five
	sLast          // it was the last one
	sStreak        // logarithm of its days in a row
	sOthers        // logarithm of the merchant's lessons with other accounts
	sBankPure      // log odds of its share of the merchant's on this bank account
	sMixedDay      // the merchant has several accounts on this day
	sLessons       // logarithm of the lessons of the book
	sNewRate       // logarithm of the share of first uses
	sFit           // how well the amount fits
	sKeyRecord     // log odds of having been right with this merchant
	sAccountRecord // with this account
	sBookRecord    // in this book
	sAmountPure    // log odds of its share of the merchant's at this amount
	signs
)

type weights struct {
	evidence [evidences]float64
	unknown  [unknowns]float64
	signs    [signs]float64
	// asked and right are what other books would say of a new one: of so many
	// answers of each degree of confidence so many were right.
	asked, right [degrees]float64
}

const (
	keyRecord  = 12  // earlier answers looked at for a merchant
	bookRecord = 300 // and for a book
)

// outcome is what would have been suggested for a lesson before it was known.
type outcome struct {
	top    int32 // number of the account; -1: none
	right  bool
	degree int8 // of confidence
}

// answer is the best account with all that is known about it.
type answer struct {
	top        *candidate // nil if there is no candidate
	second     float64    // probability
	pNew       float64
	confidence float64
	view       view
}

// rank gives the candidates their probabilities and finds the best.
func (l *Learner) rank(v view) answer {
	w := &l.work
	a := answer{view: v}
	if len(w.candidates) == 0 {
		return a
	}
	fresh := 0.0
	for i, x := range v.unknown {
		fresh += l.weights.unknown[i] * x
	}
	w.scores = append(w.scores[:0], fresh)
	for i := range w.candidates {
		c := &w.candidates[i]
		c.p = 0
		for e, x := range c.evidence {
			c.p += l.weights.evidence[e] * x
		}
		w.scores = append(w.scores, c.p)
	}
	// In the order of their sizes, so that the sum does not depend on the
	// order in which the accounts were met.
	slices.Sort(w.scores)
	highest := w.scores[len(w.scores)-1]
	sum := 0.0
	for _, score := range w.scores {
		sum += math.Exp(score - highest)
	}
	a.pNew = math.Exp(fresh-highest) / sum
	for i := range w.candidates {
		c := &w.candidates[i]
		c.p = math.Exp(c.p-highest) / sum
		switch {
		case a.top == nil:
			a.top = c
		case c.p > a.top.p || c.p == a.top.p && l.accountIDs[c.number] < l.accountIDs[a.top.number]:
			a.second = a.top.p
			a.top = c
		default:
			a.second = max(a.second, c.p)
		}
	}
	return a
}

// answer works out the best account for q from the lessons before one, from
// all of them if before is nil.
func (l *Learner) answer(q, before *lesson) answer {
	a := l.rank(l.look(q, before))
	if a.top == nil {
		return a
	}
	sum := 0.0
	for i, x := range l.signsOf(a, q, before) {
		sum += l.weights.signs[i] * x
	}
	a.confidence = 1 / (1 + math.Exp(-sum))
	return a
}

// settle works out, for every lesson of which that is not known, what would
// have been suggested from those before it.
func (l *Learner) settle() {
	for ; l.settled < len(l.all.lessons); l.settled++ {
		s := l.all.lessons[l.settled]
		a := l.answer(s, s)
		s.outcome = outcome{top: -1}
		if a.top != nil {
			s.outcome = outcome{top: a.top.number, right: a.top.number == s.account, degree: degree(a.confidence)}
		}
	}
}

func (l *Learner) signsOf(a answer, q, before *lesson) (x [signs]float64) {
	w, m, number := &l.work, a.view.merchant, a.top.number
	counts := &w.counts[number]
	x[sBias] = 1
	x[sOdds] = logOdds(a.top.p)
	x[sLead] = min(8, math.Log((a.top.p+1e-9)/(a.second+1e-9)))
	x[sNew] = a.pNew
	x[sSeen] = math.Log(float64(m.lessons + 1))
	x[sPure] = share(counts[cKey], w.total[cKey])
	if m.lessons == 0 {
		x[sUnseen] = 1
	}
	x[sAccounts] = math.Log(float64(m.accounts + 1))
	x[sRecent] = float64(m.recent)
	if m.last == number {
		x[sLast] = 1
		x[sStreak] = math.Log(float64(min(m.streak, 12) + 1))
	}
	x[sOthers] = math.Log(1 + max(0, w.total[cKey]-counts[cKey]))
	x[sBankPure] = share(counts[cKeyBank], w.total[cKeyBank])
	x[sAmountPure] = share(counts[cKeyAmount], w.total[cKeyAmount])
	if m.mixedDay {
		x[sMixedDay] = 1
	}
	x[sLessons] = math.Log(float64(a.view.lessons + 1))
	x[sNewRate] = math.Log(a.view.newRate)
	x[sFit] = a.top.evidence[eFit]
	var key, account, book record
	for _, s := range latest(l.index[q.key].until(before), keyRecord) {
		key.add(s.outcome, 0.85)
	}
	for _, s := range latest(l.all.until(before), bookRecord) {
		book.add(s.outcome, 0.99)
		if s.outcome.top == number {
			account.add(s.outcome, 0.97)
		}
	}
	x[sKeyRecord] = key.odds()
	x[sAccountRecord] = account.odds()
	x[sBookRecord] = book.odds()
	return x
}

// record is how often answers were right, the latest counting most.
type record struct{ asked, right float64 }

func (r *record) add(o outcome, fade float64) {
	r.asked, r.right = r.asked*fade+1, r.right*fade
	if o.right {
		r.right++
	}
}

func (r record) odds() float64 { return share(r.right, r.asked) }

// share returns the log odds of a part, 0 if there is nothing.
func share(part, whole float64) float64 {
	return math.Log((part + 0.5) / (max(0, whole-part) + 0.5))
}

func logOdds(p float64) float64 {
	return math.Log((p + 1e-6) / (1 - p + 1e-6))
}
