package learn

import "math"

// Sureness is how sure the Learner has to be of an answer before it counts as
// sure: of 100 sure answers so many shall be right.
type Sureness int

// The settings a person can choose from; the zero value is Sure98.
const (
	Sure95 Sureness = 95
	Sure98 Sureness = 98
	Sure99 Sureness = 99
	Never  Sureness = 100 // nothing is sure
)

const (
	degrees      = 60
	priorAnswers = 200.0 // what other books say counts like so many own answers
	barWindow    = 1500  // lessons whose outcomes move the bars
	margin       = 0.98  // of the wrong answers that a setting allows, so many are let through
)

// settings are the targets that have a bar, the least strict first.
var settings = [...]Sureness{Sure95, Sure98, Sure99}

// bars say from which degree of confidence an answer is sure, by settings.
type bars [len(settings)]int8

// degree sorts confidences by their log odds, -4 to 8 in steps of 0.2.
func degree(confidence float64) int8 {
	return int8(min(degrees-1, max(0, math.Floor((logOdds(confidence)+4)*5))))
}

// reached returns the strictest setting at which a degree of confidence is
// sure, 0 if there is none.
func (b bars) reached(degree int8) Sureness {
	for i := len(settings) - 1; i >= 0; i-- {
		if degree >= b[i] {
			return settings[i]
		}
	}
	return 0
}

// sureFrom returns the degrees from which the answers to this book are right
// often enough. How often answers of a degree are right follows a curve, which
// begins as that of other books and becomes the book's own: the few wrong ones
// among the surest of one book would be too few to go by.
func (l *Learner) sureFrom() bars {
	if l.barsKnown {
		return l.bars
	}
	l.barsKnown = true
	scale := 0.0
	for _, n := range l.weights.Asked {
		scale += n
	}
	if scale > 0 {
		scale = priorAnswers / scale
	}
	var asked, right [degrees]float64
	for d := range asked {
		asked[d], right[d] = scale*l.weights.Asked[d], scale*l.weights.Right[d]
	}
	for i := max(0, len(l.rows)-barWindow); i < len(l.rows); i++ {
		if o := l.rows[i].outcome; o.top >= 0 {
			asked[o.degree]++
			if o.right {
				right[o.degree]++
			}
		}
	}
	curve := curveOf(&asked, &right)
	for i, setting := range settings {
		l.bars[i] = degrees
		var n, r float64
		for d := degrees - 1; d >= 0; d-- {
			n += asked[d]
			r += asked[d] * curve[d]
			if n > 0 && n-r <= margin*n*(1-float64(setting)/100) {
				l.bars[i] = int8(d)
			}
		}
	}
	return l.bars
}

// curveOf returns how often answers of each degree are right: the logistic
// regression on the log odds of the confidence that the answers speak for.
func curveOf(asked, right *[degrees]float64) (curve [degrees]float64) {
	const rounds = 8
	base, slope := 0.0, 1.0
	at := func(d int) float64 { return (float64(d)+0.5)/5 - 4 }
	for range rounds {
		const ridge = 1e-6
		var toBase, toSlope, mixed float64
		inBase, inSlope := ridge, ridge
		for d, n := range asked {
			if n == 0 {
				continue
			}
			x := at(d)
			p := 1 / (1 + math.Exp(-base-slope*x))
			excess, spread := n*p-right[d], n*p*(1-p)
			toBase += excess
			toSlope += excess * x
			inBase += spread
			mixed += spread * x
			inSlope += spread * x * x
		}
		if spread := inBase*inSlope - mixed*mixed; spread > 1e-9 {
			base -= (inSlope*toBase - mixed*toSlope) / spread
			slope -= (inBase*toSlope - mixed*toBase) / spread
		}
	}
	for d := range curve {
		curve[d] = 1 / (1 + math.Exp(-base-slope*at(d)))
	}
	return curve
}
