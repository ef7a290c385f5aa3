package main

import "math"

// sample is one row of a book: the evidence for each account that could be
// suggested, and which one a person chose.
type sample struct {
	evidence [][]float32
	unknown  []float64
	chosen   int // place in evidence; -1: none of them
	weight   float64
}

// fitChoice returns the weights of evidence and unknown, one behind the other,
// under which what people chose is most likely: a multinomial logistic
// regression, by Newton's method. ridge is the cost of a weight's square.
func fitChoice(books [][]sample, evidence, unknown int, ridge float64) []float64 {
	const rounds = 25
	n := evidence + unknown
	total := 0.0
	for _, book := range books {
		for i := range book {
			total += book[i].weight
		}
	}
	look := func(weights []float64) (cost float64, gradient []float64, hessian [][]float64) {
		gradient, hessian = make([]float64, n), newMatrix(n)
		for _, book := range books {
			for i := range book {
				cost += addChoice(&book[i], weights, gradient, hessian)
			}
		}
		for i, w := range weights {
			cost += 0.5 * ridge * total * w * w
			gradient[i] += ridge * total * w
			hessian[i][i] += ridge * total
		}
		return cost, gradient, hessian
	}
	return descend(n, rounds, look)
}

// descend looks for the weights of least cost by Newton's method, with shorter
// steps where a whole one would lead astray.
func descend(n, rounds int, look func([]float64) (cost float64, gradient []float64, hessian [][]float64)) []float64 {
	const enough = 1e-7
	weights := make([]float64, n)
	cost, gradient, hessian := look(weights)
	for range rounds {
		step, stride := solve(hessian, gradient), 1.0
		next := make([]float64, n)
		var nextCost float64
		for ; stride > 1e-3; stride /= 2 {
			for i := range next {
				next[i] = weights[i] - stride*step[i]
			}
			if nextCost, gradient, hessian = look(next); nextCost < cost {
				break
			}
		}
		gain := cost - nextCost
		if gain <= 0 {
			break
		}
		weights, cost = next, nextCost
		if gain < enough*cost {
			break
		}
	}
	return weights
}

// addChoice adds what one sample says of the weights and returns its cost.
func addChoice(s *sample, weights, gradient []float64, hessian [][]float64) float64 {
	const nothing = 1e-4 // less probability moves nothing
	first := len(weights) - len(s.unknown)
	scores := make([]float64, len(s.evidence))
	fresh := 0.0
	for u, x := range s.unknown {
		fresh += weights[first+u] * x
	}
	highest := fresh
	for j, evidence := range s.evidence {
		for e, x := range evidence {
			scores[j] += weights[e] * float64(x)
		}
		highest = max(highest, scores[j])
	}
	sum := math.Exp(fresh - highest)
	pNew := sum
	for j := range scores {
		scores[j] = math.Exp(scores[j] - highest)
		sum += scores[j]
	}
	pNew /= sum
	mean, row := make([]float64, len(weights)), make([]float64, len(weights))
	add := func(p float64, chosen bool) {
		excess := p
		if chosen {
			excess--
		}
		if math.Abs(excess) < nothing && p < nothing {
			return
		}
		for a, x := range row {
			if x == 0 {
				continue
			}
			gradient[a] += s.weight * excess * x
			mean[a] += p * x
			for b := 0; b <= a; b++ {
				hessian[a][b] += s.weight * p * x * row[b]
			}
		}
	}
	for j, evidence := range s.evidence {
		for e, x := range evidence {
			row[e] = float64(x)
		}
		add(scores[j]/sum, j == s.chosen)
	}
	clear(row)
	copy(row[first:], s.unknown)
	add(pNew, s.chosen < 0)
	probability := pNew
	if s.chosen >= 0 {
		probability = scores[s.chosen] / sum
	}
	for a, x := range mean {
		if x != 0 {
			for b := 0; b <= a; b++ {
				hessian[a][b] -= s.weight * x * mean[b]
			}
		}
	}
	return -s.weight * math.Log(max(probability, 1e-300))
}

// verdict is one answer with the signs that were seen with it.
type verdict struct {
	signs  []float64
	right  bool
	weight float64
}

// fitVerdict returns the weights of the signs: a logistic regression by
// Newton's method.
func fitVerdict(books [][]verdict, signs int, ridge float64) []float64 {
	const rounds = 12
	weights := make([]float64, signs)
	for range rounds {
		gradient, hessian := make([]float64, signs), newMatrix(signs)
		for i := range signs {
			gradient[i], hessian[i][i] = ridge*weights[i], ridge
		}
		for _, book := range books {
			for _, v := range book {
				p := logistic(v.signs, weights)
				excess := p
				if v.right {
					excess--
				}
				for a, x := range v.signs {
					gradient[a] += v.weight * excess * x
					for b := 0; b <= a; b++ {
						hessian[a][b] += v.weight * p * (1 - p) * x * v.signs[b]
					}
				}
			}
		}
		for i, step := range solve(hessian, gradient) {
			weights[i] -= step
		}
	}
	return weights
}

func logistic(signs, weights []float64) float64 {
	sum := 0.0
	for i, x := range signs {
		sum += weights[i] * x
	}
	return 1 / (1 + math.Exp(-sum))
}

func newMatrix(n int) [][]float64 {
	m := make([][]float64, n)
	for i := range m {
		m[i] = make([]float64, n)
	}
	return m
}

// solve returns x with m·x = y, m symmetric and positive, given by its lower
// half; it uses up both.
func solve(m [][]float64, y []float64) []float64 {
	n := len(m)
	for i := range n { // Cholesky
		for j := 0; j <= i; j++ {
			sum := m[i][j]
			for k := range j {
				sum -= m[i][k] * m[j][k]
			}
			if i == j {
				m[i][i] = math.Sqrt(max(sum, 1e-12))
			} else {
				m[i][j] = sum / m[j][j]
			}
		}
	}
	for i := range n {
		for k := range i {
			y[i] -= m[i][k] * y[k]
		}
		y[i] /= m[i][i]
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			y[i] -= m[k][i] * y[k]
		}
		y[i] /= m[i][i]
	}
	return y
}
