package learn

import "math"

// The signs that tell whether the best account is the right one.
const (
	sBias          = iota
	sOdds          // log odds of its probability
	sLead          // logarithm of its lead over the second
	sNew           // probability that no known account is right
	sPure          // log odds of its share of the merchant's lessons
	sAccounts      // logarithm of the merchant's different accounts
	sStreak        // logarithm of its days in a row
	sOthers        // logarithm of the merchant's lessons with other accounts
	sBankPure      // log odds of its share of the merchant's on this bank account
	sFit           // how well the amount fits
	sKeyRecord     // log odds of having been right with this merchant
	sAccountRecord // with this account
	sBookRecord    // in this book
	sAmountPure    // log odds of its share of the merchant's at this amount
	signs
)

const (
	keyRecord       = 12  // earlier answers looked at for a merchant
	bookRecord      = 300 // and for a book
	splitConfidence = 0.5
)

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
	candidates := l.work.candidates
	a := answer{view: v}
	if len(candidates) == 0 {
		return a
	}
	fresh := 0.0
	for i, x := range v.unknown {
		fresh += (l.weights.Unknown[i] + l.habits.unknown[i]) * x
	}
	highest := fresh
	for i := range candidates {
		c := &candidates[i]
		c.p = 0
		for e, x := range c.evidence {
			c.p += (l.weights.Evidence[e] + l.habits.evidence[e]) * x
		}
		highest = max(highest, c.p)
	}
	a.pNew = math.Exp(fresh - highest)
	sum := a.pNew
	for i := range candidates {
		candidates[i].p = math.Exp(candidates[i].p - highest)
		sum += candidates[i].p
	}
	a.pNew /= sum
	for i := range candidates {
		c := &candidates[i]
		c.p /= sum
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
		sum += l.weights.Signs[i] * x
	}
	a.confidence = 1 / (1 + math.Exp(-sum))
	if a.view.merchant.mixedDay {
		// A purchase that is being split: one part says nothing of the next.
		a.confidence = min(a.confidence, splitConfidence)
	}
	return a
}

func (l *Learner) signsOf(a answer, q, before *lesson) (x [signs]float64) {
	w, m, number := &l.work, a.view.merchant, a.top.number
	counts := &w.counts[number]
	x[sBias] = 1
	x[sOdds] = logOdds(a.top.p)
	x[sLead] = min(8, math.Log((a.top.p+1e-9)/(a.second+1e-9)))
	x[sNew] = a.pNew
	x[sPure] = oddsOf(counts[cKey], w.total[cKey])
	x[sAccounts] = math.Log(float64(m.accounts + 1))
	if m.last == number {
		x[sStreak] = math.Log(float64(min(m.streak, 12) + 1))
	}
	x[sOthers] = math.Log(1 + max(0, w.total[cKey]-counts[cKey]))
	x[sBankPure] = oddsOf(counts[cKeyBank], w.total[cKeyBank])
	x[sAmountPure] = oddsOf(counts[cKeyAmount], w.total[cKeyAmount])
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

func (r record) odds() float64 { return oddsOf(r.right, r.asked) }

// oddsOf returns the log odds of a part, 0 if there is nothing.
func oddsOf(part, whole float64) float64 {
	return math.Log((part + 0.5) / (max(0, whole-part) + 0.5))
}

func logOdds(p float64) float64 {
	return math.Log((p + 1e-6) / (1 - p + 1e-6))
}
