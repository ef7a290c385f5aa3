package learn

import (
	"math"
	"slices"
)

// witness is a second opinion: a multinomial logistic regression on what a
// movement holds, learned lesson by lesson (AdaGrad). Unlike the evidence it
// weighs the words, amounts and bank accounts of this book against each other.
type witness struct {
	rows     map[uint64][]cell // by feature
	accounts []int32           // in the order in which they were first chosen
	places   []int32           // by account: its place in accounts, plus one
}

// cell is what a feature says for an account.
type cell struct {
	place  int32 // of the account
	weight float32
	moves  float32 // sum of the squares of its moves
}

const (
	witnessPace    = 0.5
	witnessInertia = 1e-3
	witnessCut     = 5e-3 // less probability moves nothing
	witnessBlock   = 2048 // lessons
	lowestOpinion  = -9.0 // logarithm of the least probability that is told apart from none
	lowestScore    = -12  // what is so far below the best has no probability
)

// witnesses are the one that is asked and the one that will follow it, so that
// no more than two blocks of lessons are remembered, and going back is cheap.
type witnesses struct {
	asked, next witness
	ahead       bool // they know lessons that are not settled any more
	features    []uint64
	opinion     []float64 // on the accounts of the one that is asked: probabilities
	logs        []float64 // and their logarithms
	stranger    float64   // the logarithm of the opinion on any other account
	moves       []cell
}

// learn takes in the lesson at a place. Lessons must come in their order. It is
// quicker if it was asked about this very lesson just now.
func (w *witnesses) learn(at int, s *lesson, wasAsked bool) {
	if at%witnessBlock == 0 {
		wasAsked = false // the one that was asked is another now
		if at != witnessBlock {
			w.asked = w.next
		}
		w.next = witness{rows: map[uint64][]cell{}}
		if at == 0 {
			w.asked = witness{rows: map[uint64][]cell{}}
		}
	}
	if !wasAsked {
		w.features = s.appendFeatures(w.features[:0])
		w.predict(&w.asked)
	}
	w.teach(&w.asked, s.account)
	if at >= witnessBlock {
		w.predict(&w.next)
		w.teach(&w.next, s.account)
	}
}

// goBack makes the witnesses know only the first lessons.
func (w *witnesses) goBack(to int, all []*lesson) {
	w.asked, w.next, w.ahead = witness{}, witness{}, false
	block := to / witnessBlock
	if to > 0 && to%witnessBlock == 0 {
		block-- // the block has not begun
	}
	from := max(0, block-1) * witnessBlock
	if from > 0 { // the first lesson of the block is where next begins
		w.next = witness{rows: map[uint64][]cell{}}
		for at := from; at < to; at++ {
			if at == from+witnessBlock {
				w.asked, w.next = w.next, witness{rows: map[uint64][]cell{}}
			}
			w.features = all[at].appendFeatures(w.features[:0])
			if at >= from+witnessBlock {
				w.predict(&w.asked)
				w.teach(&w.asked, all[at].account)
			}
			w.predict(&w.next)
			w.teach(&w.next, all[at].account)
		}
		return
	}
	for at := range to {
		w.learn(at, all[at], false)
	}
}

// ask works out the opinion on q; it reports whether there is one.
func (w *witnesses) ask(q *lesson) bool {
	w.stranger = -math.Log(float64(len(w.asked.accounts) + 1))
	w.features = q.appendFeatures(w.features[:0])
	return w.predict(&w.asked)
}

// predict reports whether there was anything to go by.
func (w *witnesses) predict(by *witness) bool {
	w.opinion = append(w.opinion[:0], make([]float64, len(by.accounts))...)
	if len(w.opinion) == 0 {
		return false
	}
	for _, feature := range w.features {
		for _, c := range by.rows[feature] {
			w.opinion[c.place] += float64(c.weight)
		}
	}
	highest, sum := slices.Max(w.opinion), 0.0
	w.logs = append(w.logs[:0], w.opinion...)
	for i, score := range w.logs {
		w.opinion[i] = 0
		if score -= highest; score > lowestScore {
			w.opinion[i] = math.Exp(score)
			sum += w.opinion[i]
		}
	}
	logSum := highest + math.Log(sum)
	for i := range w.opinion {
		w.opinion[i] /= sum
		w.logs[i] -= logSum
	}
	return true
}

// teach moves a witness, whose opinion was worked out just now, one step
// towards an account.
func (w *witnesses) teach(by *witness, account int32) {
	own, known := by.place(account)
	if !known {
		own = by.add(account)
		w.opinion = append(w.opinion, 0)
	}
	w.moves = w.moves[:0]
	for place, p := range w.opinion {
		if place == int(own) {
			p--
		}
		if math.Abs(p) >= witnessCut {
			w.moves = append(w.moves, cell{place: int32(place), weight: float32(p)})
		}
	}
	for _, feature := range w.features {
		cells := by.rows[feature]
		for _, m := range w.moves {
			i := 0
			for i < len(cells) && cells[i].place != m.place {
				i++
			}
			if i == len(cells) {
				cells = append(cells, cell{place: m.place})
			}
			c := &cells[i]
			c.moves += m.weight * m.weight
			c.weight -= float32(witnessPace * float64(m.weight) / math.Sqrt(float64(c.moves)+witnessInertia))
		}
		by.rows[feature] = cells
	}
}

func (by *witness) place(account int32) (place int32, known bool) {
	if int(account) >= len(by.places) || by.places[account] == 0 {
		return 0, false
	}
	return by.places[account] - 1, true
}

func (by *witness) add(account int32) (place int32) {
	by.accounts = append(by.accounts, account)
	for len(by.places) <= int(account) {
		by.places = append(by.places, 0)
	}
	by.places[account] = int32(len(by.accounts)) //nolint:gosec // a book has no 2^31 accounts
	return by.places[account] - 1
}

// of returns the opinion on an account. One that the witness has not met is
// like any other.
func (w *witnesses) of(account int32) float64 {
	if place, known := w.asked.place(account); known {
		return w.opinion[place]
	}
	return 1 / float64(len(w.asked.accounts)+1)
}

// logOf returns the logarithm of the opinion on an account.
func (w *witnesses) logOf(account int32) float64 {
	if place, known := w.asked.place(account); known {
		return w.logs[place]
	}
	return w.stranger
}

// appendFeatures appends what a witness goes by.
func (s *lesson) appendFeatures(to []uint64) []uint64 {
	const (
		everything = iota + 1
		ofSize
	)
	direction := uint64(0)
	if s.arrives {
		direction = 1
	}
	size := mix(ofSize, uint64(int64(math.Floor(float64(s.size)/math.Ln2))+100)*2+direction) //nolint:gosec // never below -7
	to = append(to, mix(everything, direction), s.bank, size, s.amount)
	to = append(to, s.wordList...)
	to = append(to, s.stemList...)
	to = append(to, s.conceptList...)
	to = append(to, s.tagList...)
	if s.key != 0 {
		to = append(to, s.key, mix(s.key, s.bank))
	}
	if s.head != 0 {
		to = append(to, mix(s.head, s.bank), mix(s.head, size))
	}
	if s.party != 0 {
		to = append(to, s.party)
	}
	if s.payee != 0 {
		to = append(to, s.payee)
	}
	if s.category != 0 {
		to = append(to, s.category)
	}
	return to
}

// mix returns a hash of two hashes.
func mix(a, b uint64) uint64 {
	h := (a ^ b*0x9E3779B97F4A7C15) * 1099511628211
	return h ^ h>>29
}
