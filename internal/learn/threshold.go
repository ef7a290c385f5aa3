package learn

import "math"

const (
	degrees      = 60
	target       = 0.98  // of what is sure, so much shall be right
	priorAnswers = 200.0 // what other books say counts like so many own answers
	caution      = 0.1   // standard deviations that the estimate must stay above the target
	barWindow    = 1500  // lessons whose outcomes move the bar
	never        = int8(degrees)
)

// degree sorts confidences by their log odds, -4 to 8 in steps of 0.2.
func degree(confidence float64) int8 {
	return int8(min(degrees-1, max(0, math.Floor((logOdds(confidence)+4)*5))))
}

// sureFrom returns the degree from which the answers to this book are right
// often enough. It begins with what other books say and becomes the book's own.
func (l *Learner) sureFrom() int8 {
	if l.barKnown {
		return l.bar
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
	for _, n := range l.weights.asked {
		scale += n
	}
	if scale > 0 {
		scale = priorAnswers / scale
	}
	l.bar, l.barKnown = never, true
	n, r := 0.0, 0.0
	for d := degrees - 1; d >= 0; d-- {
		n += asked[d] + scale*l.weights.asked[d]
		r += right[d] + scale*l.weights.right[d]
		if n == 0 {
			continue
		}
		rate := r / n
		if rate-caution*math.Sqrt(rate*(1-rate)/n) >= target {
			l.bar = int8(d)
		}
	}
	return l.bar
}
