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
	sWitness       // log odds by the witness
	sAgree         // it is the witness's best, too
	sWitnessLead   // logarithm of its lead in the witness's opinion
	sLikePure      // log odds of its share of the merchant's most alike
	sTextPure      // and of the very text's
	sSizePure      // and of the merchant's at about this amount
	sSeen          // logarithm of the merchant's lessons
	sUnknown       // share of the words that are new
	sGap           // logarithm of the days since the merchant's last
	sSameDay       // the merchant had lessons on this day
	sKeyBankRecord // log odds of having been right with this merchant on this bank account
	sWordPure      // mean log odds of its share of the words'
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
	signs      [signs]float64
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
	w := &l.work
	for e := range w.weights {
		w.weights[e] = l.weights.Evidence[e] + l.habits.evidence[e]
	}
	for i := range candidates {
		c := &candidates[i]
		c.p = 0
		for e, x := range c.evidence {
			c.p += w.weights[e] * x
		}
		highest = max(highest, c.p)
	}
	a.pNew = math.Exp(fresh - highest)
	sum := a.pNew
	for i := range candidates {
		c := &candidates[i]
		if score := c.p - highest; score > lowestScore {
			c.p = math.Exp(score)
		} else {
			c.p = 0
		}
		sum += c.p
	}
	a.pNew /= sum
	for i := range candidates {
		candidates[i].p /= sum
	}
	keepSteady(candidates, v.merchant)
	for i := range candidates {
		c := &candidates[i]
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

// keepSteady sees to it that one decision alone does not decide against many
// before it: the account of the many takes the place of the odd one.
func keepSteady(candidates []candidate, m merchant) {
	if m.steady < 0 {
		return
	}
	var steady, odd *candidate
	for i := range candidates {
		switch c := &candidates[i]; c.number {
		case m.steady:
			steady = c
		case m.last:
			odd = c
		}
	}
	if steady != nil && odd != nil && odd.p > steady.p {
		odd.p, steady.p = steady.p, odd.p
	}
}

// answer works out the best account for q from the settled lessons.
func (l *Learner) answer(q *lesson, outside bool) answer {
	a := l.rank(l.look(q, outside))
	if a.top == nil {
		return a
	}
	sum := 0.0
	a.signs = l.signsOf(a, q)
	for i, x := range a.signs {
		sum += (l.weights.Signs[i] + l.habits.signs[i]) * x
	}
	a.confidence = 1 / (1 + math.Exp(-sum))
	if a.view.merchant.mixedDay {
		// A purchase that is being split: one part says nothing of the next.
		a.confidence = min(a.confidence, splitConfidence)
	}
	return a
}

func (l *Learner) signsOf(a answer, q *lesson) (x [signs]float64) {
	w, m, number := &l.work, a.view.merchant, a.top.number
	counts := &w.counts[number]
	pure := func(channel int) float64 { return oddsOf(counts[channel], w.total[channel]) }
	x[sBias] = 1
	x[sOdds] = logOdds(a.top.p)
	x[sLead] = min(8, math.Log((a.top.p+1e-9)/(a.second+1e-9)))
	x[sNew] = a.pNew
	x[sAccounts] = math.Log(float64(m.accounts + 1))
	if m.last == number {
		x[sStreak] = math.Log(float64(min(m.streak, 12) + 1))
	}
	x[sOthers] = math.Log(1 + max(0, w.total[cKey]-counts[cKey]))
	x[sFit] = a.top.evidence[eFit]
	x[sPure], x[sBankPure], x[sAmountPure] = pure(cKey), pure(cKeyBank), pure(cKeyAmount)
	x[sLikePure], x[sTextPure], x[sSizePure] = pure(cLike), pure(cText), pure(cKeySize)
	x[sSeen] = math.Log(1 + w.total[cKey])
	x[sUnknown] = a.view.unknown[uUnknown]
	if m.sameDay {
		x[sSameDay] = 1
	}
	if seen := w.groupSeen[0]; seen > 0 {
		for c := groups[0].first; c < endOf(0); c++ {
			if w.total[c] > 0 {
				x[sWordPure] += pure(c) / seen
			}
		}
	}
	if a.view.second {
		l.addWitness(&x, number)
	}
	l.addRecords(&x, q, number)
	return x
}

// addWitness fills in the signs that the second opinion gives.
func (l *Learner) addWitness(x *[signs]float64, number int32) {
	own, other := l.witnesses.of(number), 0.0
	for place, p := range l.witnesses.opinion {
		if l.witnesses.asked.accounts[place] != number {
			other = max(other, p)
		}
	}
	x[sWitness] = logOdds(own)
	x[sWitnessLead] = max(-8, min(8, math.Log((own+1e-6)/(other+1e-6))))
	if own > other {
		x[sAgree] = 1
	}
}

// addRecords fills in the signs that lie in what was right before.
func (l *Learner) addRecords(x *[signs]float64, q *lesson, number int32) {
	var key, keyBank, account, book record
	ofKey := l.latest(q.key, 40)
	for i, at := range ofKey {
		r := &l.rows[at]
		if i >= len(ofKey)-keyRecord {
			key.add(r.outcome, 0.85)
		}
		if r.bank == q.bank {
			keyBank.add(r.outcome, 0.85)
		}
	}
	if n := len(ofKey); n > 0 {
		x[sGap] = math.Log(float64(1 + max(0, q.day-l.rows[ofKey[n-1]].day)))
	}
	for i := max(0, len(l.rows)-bookRecord); i < len(l.rows); i++ {
		o := l.rows[i].outcome
		book.add(o, 0.99)
		if o.top == number {
			account.add(o, 0.97)
		}
	}
	x[sKeyRecord], x[sKeyBankRecord] = key.odds(), keyBank.odds()
	x[sAccountRecord], x[sBookRecord] = account.odds(), book.odds()
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
