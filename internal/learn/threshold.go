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
	caution      = 0.1   // standard deviations that the estimate must stay above the target
	barWindow    = 1500  // lessons whose outcomes move the bar
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
// often enough. They begin with what other books say and become the book's own.
func (l *Learner) sureFrom() bars {
	if l.barsKnown {
		return l.bars
	}
	var asked, right [degrees]float64
	for _, s := range latest(l.all.lessons, barWindow) {
		if o := s.outcome; o.top >= 0 {
			asked[o.degree]++
			if o.right {
				right[o.degree]++
			}
		}
	}
	scale := 0.0
	for _, n := range l.weights.Asked {
		scale += n
	}
	if scale > 0 {
		scale = priorAnswers / scale
	}
	for i, setting := range settings {
		l.bars[i] = degrees
		target := float64(setting) / 100
		n, r := 0.0, 0.0
		for d := degrees - 1; d >= 0; d-- {
			n += asked[d] + scale*l.weights.Asked[d]
			r += right[d] + scale*l.weights.Right[d]
			if n == 0 {
				continue
			}
			rate := r / n
			if rate-caution*math.Sqrt(rate*(1-rate)/n) >= target {
				l.bars[i] = int8(d)
			}
		}
	}
	l.barsKnown = true
	return l.bars
}
