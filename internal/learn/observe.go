package learn

import "slices"

// Observation is what a Learner sees in a movement, as the numbers that Weights
// are fitted on.
type Observation struct {
	Accounts []string    // that may be suggested
	Evidence [][]float64 // of each account, in the order of Weights.Evidence
	Unknown  []float64   // in the order of Weights.Unknown
	Best     int         // place of the best account; -1 if there is none
	Signs    []float64   // of the best account, in the order of Weights.Signs
}

// Observe returns what is seen in a movement.
func (l *Learner) Observe(m Movement) Observation {
	l.settle()
	q := l.question(m)
	a := l.answer(q, true)
	o := Observation{Best: -1, Unknown: slices.Clone(a.view.unknown[:])}
	for i := range l.work.candidates {
		c := &l.work.candidates[i]
		o.Accounts = append(o.Accounts, l.accountIDs[c.number])
		o.Evidence = append(o.Evidence, slices.Clone(c.evidence[:]))
		if c == a.top {
			x := l.signsOf(a, q)
			o.Best, o.Signs = i, x[:]
		}
	}
	return o
}
