package learn

import (
	"math"
)

// habits are what the weights of this book differ by from the shipped ones:
// each settled lesson moved them a little towards what would have found its
// account.
type habits struct {
	evidence [evidences]float64
	unknown  [unknowns]float64
	// Sums of squares of the moves asked for, so that each weight learns at
	// its own pace.
	evidenceMoves    [evidences]float64
	unknownMoves     [unknowns]float64
	signs, signMoves [signs]float64 // of trust in the best account
}

const (
	pace      = 0.1
	inertia   = 10.0
	trustPace = 0.02
	markEvery = 64
)

// outcome is what would have been suggested for a lesson before it was known.
type outcome struct {
	top    int32 // number of the account; -1: none
	right  bool
	degree int8 // of confidence
}

// settle works out, for every lesson of which that is not known, what would
// have been suggested from those before it, and forms the habits on the way.
// Only then can the lesson be looked at.
func (l *Learner) settle() {
	if l.witnesses.ahead {
		l.witnesses.goBack(len(l.rows), l.all)
	}
	for len(l.rows) < len(l.all) {
		at := len(l.rows)
		if at%markEvery == 0 {
			l.marks = append(l.marks[:at/markEvery], l.habits)
		}
		s := l.all[at]
		a := l.answer(s, false)
		r := row{bank: s.bank, text: s.text, money: s.money, account: s.account, day: s.day, size: s.size, arrives: s.arrives, outcome: outcome{top: -1}}
		if a.top != nil {
			r.outcome = outcome{top: a.top.number, right: a.top.number == s.account, degree: degree(a.confidence)}
			l.habits.learn(s.account, l.work.candidates, a)
		}
		r.first = !l.used(s.account)
		l.witnesses.learn(at, s, true)
		l.rows = append(l.rows, r)
		for _, key := range s.lists {
			found := l.index[key]
			if found == nil {
				found = &list{}
				l.index[key] = found
			}
			found.at, found.bell = append(found.at, int32(at)), bell{} //nolint:gosec // a book has no 2^31 lessons
		}
	}
}

// unsettle says that the lessons from that place on have others before them
// than when they were settled, or will be others.
func (l *Learner) unsettle(from int) {
	l.barsKnown = false
	if from >= len(l.rows) {
		return
	}
	mark := from / markEvery
	from = mark * markEvery
	for at := len(l.rows) - 1; at >= from; at-- {
		for _, key := range l.all[at].lists {
			found := l.index[key]
			found.at, found.bell = found.at[:len(found.at)-1], bell{}
			if len(found.at) == 0 {
				delete(l.index, key)
			}
		}
	}
	l.rows, l.habits = l.rows[:from], l.marks[mark]
	l.witnesses.ahead = true
}

// learn moves the weights one step of logistic regression towards an account.
func (h *habits) learn(account int32, candidates []candidate, a answer) {
	var evidence [evidences]float64
	unknown := 1.0 // the account was none of the known
	for i := range candidates {
		c := &candidates[i]
		excess := c.p
		if c.number == account {
			excess--
			unknown = 0
		}
		if math.Abs(excess) < 1e-4 {
			continue
		}
		for e, x := range c.evidence {
			evidence[e] += excess * x
		}
	}
	excess := a.confidence
	if a.top.number == account {
		excess--
	}
	for i, x := range a.signs {
		move := excess * x
		h.signMoves[i] += move * move
		h.signs[i] -= trustPace * move / math.Sqrt(inertia+h.signMoves[i])
	}
	for e, move := range evidence {
		step(&h.evidence[e], &h.evidenceMoves[e], move)
	}
	for u, x := range a.view.unknown {
		step(&h.unknown[u], &h.unknownMoves[u], (a.pNew-unknown)*x)
	}
}

func step(weight, moves *float64, move float64) {
	*moves += move * move
	*weight -= pace * move / math.Sqrt(inertia+*moves)
}
