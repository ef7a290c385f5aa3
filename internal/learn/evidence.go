package learn

import (
	"math"
	mathbits "math/bits"
	"slices"
)

// The evidence for an account, each a number that is 0 where it says nothing.
// A lift is the logarithm of how much more often the account was chosen in
// such cases than in the book at large.
const (
	eBook      = iota // logarithm of the account's share of the book
	eDirection        // lift of the direction
	eBank             // lift of the bank account
	eHead             // lift of the merchant's first word
	eKey              // lift of the merchant, long memory
	eKeyRecent        // lift of the merchant, short memory
	eKeyBank          // lift of the merchant on this bank account
	eKeyAmount        // lift of the merchant at exactly this amount
	eKeySize          // lift of the merchant at about this amount
	eText             // lift of the very text
	eAmount           // lift of exactly this amount on this bank account
	eParty            // lift of the counterparty
	ePayee            // lift of the counterparty's account
	eCategory         // lift of the bank's category
	eWay              // lift of the way of paying
	eLike             // lift of the merchant where amount, bank account and text are alike
	eWords            // mean lift of the words
	eWordsBank        // mean lift of the words on this bank account
	eStems            // mean lift of the beginnings of the words
	eTags             // mean lift of the hashtags
	eConcepts         // mean lift of what the words are about
	eLast             // chosen the last time for this merchant
	eLastBank         // the same on this bank account
	eStreak           // logarithm of how many days in a row it was chosen for this merchant
	eSameDay          // chosen for this merchant on this very day
	eFit              // how much better the amount fits the account than the book
	eDue              // a week, a fortnight, a month, a quarter or a year since the last
	eName             // share of the account's name that the text holds
	eAgainst          // the direction is unusual for this kind of account
	eMeaning          // how much the text and the account's name are about the same
	eWitness          // logarithm of the probability by the witness
	evidences
)

// The evidence for an account that the book has not used yet.
const (
	uBias    = iota
	uLessons // logarithm of the lessons known
	uRate    // logarithm of the share of first uses among the last lessons
	uUnseen  // the merchant is new
	uUnknown // share of the words that are new
	unknowns
)

// Channels count, side by side, how often each account was chosen in one sort
// of similar case. The first ones stand in the order of their evidence.
const (
	cBook = iota
	cDirection
	cBank
	cHead
	cKey
	cKeyRecent
	cKeyBank
	cKeyAmount
	cKeySize
	cText
	cAmount
	cParty
	cPayee
	cCategory
	cWay
	cLike
	cWords
	cWordsBank = cWords + maxKeyWords
	cStems     = cWordsBank + maxKeyWords
	cTags      = cStems + maxKeyWords
	cConcepts  = cTags + maxTags
	channels   = cConcepts + maxConcepts
)

const (
	maxTags     = 4
	maxConcepts = 4

	bookWindow = 300 // lessons looked at, from the latest
	bankWindow = 150
	keyWindow  = 150
	wordWindow = 64
	fitWindow  = 32
	rateWindow = 100

	recordWindow = 2000 // lessons that are counted for people

	mostFar     = 24  // accounts looked at that only the book at large speaks for
	nearShare   = 0.1 // of the lessons of a word that bring an account near
	nearOpinion = -5  // and the logarithm of the witness's opinion that does
	steadyRun   = 8   // decisions that one odd one does not outweigh

	sameSize    = 0.35 // sizes that differ by less are about the same amount
	minVariance = 0.05 // of sizes: no account is fixed to one amount
)

// memory is how a channel weighs the past: the next older lesson counts fade
// times as much, and prior lessons' worth of the book's habits are mixed in.
type memory struct{ fade, prior float64 }

var memories = func() (m [channels]memory) {
	for c := range m {
		m[c] = memory{0.97, 0.8}
	}
	m[cBook] = memory{0.99, 0.3}
	m[cDirection] = memory{0.985, 5}
	m[cBank] = memory{0.97, 5}
	for c := cHead; c <= cPayee; c++ {
		m[c] = memory{0.88, 0.6}
	}
	m[cKey] = memory{0.97, 0.6}
	m[cKeyRecent] = memory{0.75, 0.6}
	m[cCategory] = memory{0.97, 2}
	m[cWay] = memory{0.97, 5}
	m[cLike] = memory{0.88, 0.4}
	return m
}()

// candidate is an account that may be suggested, with the evidence for it.
type candidate struct {
	number   int32
	evidence [evidences]float64
	p        float64
}

// group is a run of channels whose lifts are averaged, one channel for each
// word, hashtag and so on.
type group struct{ first, evidence int }

var groups = [...]group{{cWords, eWords}, {cWordsBank, eWordsBank}, {cStems, eStems}, {cTags, eTags}, {cConcepts, eConcepts}}

// workspace is the memory that one question after another uses.
type workspace struct {
	met        []int32 // accounts met in the lessons or named by the text
	isMet      []bool
	counts     [][channels]float64 // by account
	weight     [channels]float64   // of the next lesson
	total      [channels]float64
	none       [channels]float64 // lift of an account that a channel did not meet
	groupNone  [len(groups)]float64
	groupSeen  [len(groups)]float64 // channels of a group that met anybody
	touched    []uint64             // by account: the channels that met it, as bits
	far        [evidences]float64   // the evidence for an account that no channel met
	candidates []candidate
	weights    [evidences]float64 // shipped and habits
	fit        fit
}

func (w *workspace) reset(accounts int) {
	for _, a := range w.met {
		w.isMet[a], w.touched[a] = false, 0
		w.counts[a] = [channels]float64{}
	}
	w.met = w.met[:0]
	for len(w.counts) < accounts {
		w.counts = append(w.counts, [channels]float64{})
		w.isMet = append(w.isMet, false)
		w.touched = append(w.touched, 0)
	}
	for c := range w.weight {
		w.weight[c], w.total[c] = 1, 0
	}
	w.candidates = w.candidates[:0]
}

func (w *workspace) meet(account int32) {
	if !w.isMet[account] {
		w.isMet[account] = true
		w.met = append(w.met, account)
	}
}

// count adds a lesson to a channel, the latest first.
func (w *workspace) count(channel int, account int32) {
	w.meet(account)
	w.touched[account] |= 1 << channel
	weight := w.weight[channel]
	w.counts[account][channel] += weight
	w.total[channel] += weight
	w.weight[channel] = weight * memories[channel].fade
}

// countPart adds a lesson that is like the question only in part.
func (w *workspace) countPart(channel int, account int32, part float64) {
	w.meet(account)
	w.touched[account] |= 1 << channel
	weight := w.weight[channel] * part
	w.counts[account][channel] += weight
	w.total[channel] += weight
	w.weight[channel] *= 1 - (1-memories[channel].fade)*part
}

// lift returns the evidence of a channel for an account whose share of the
// book is p.
func (w *workspace) lift(channel int, account int32, p float64) float64 {
	count := w.counts[account][channel]
	if count == 0 {
		return w.none[channel]
	}
	prior := memories[channel].prior
	return math.Log((count + prior*p) / ((w.total[channel] + prior) * p))
}

// merchant is what the merchant's own history says, whatever the account.
type merchant struct {
	accounts int   // different ones
	streak   int   // latest days in a row that had one account only, the same
	sameDay  bool  // there were lessons on this day
	mixedDay bool  // with several accounts
	last     int32 // account of the latest lesson; -1 without one
	lastBank int32 // the same on this bank account
	steady   int32 // account that steadyRun lessons chose before the last one did not; -1: none
}

// view is what a question brings to light besides the candidates.
type view struct {
	merchant merchant
	unknown  [unknowns]float64
	second   bool // there is a second opinion
}

// look gathers the evidence for q from all settled lessons and from the names
// of the accounts. It fills the candidates of the workspace: the accounts that
// were met, and if q is a question from outside, those named by the text, but
// then only those that may be suggested today.
func (l *Learner) look(q *lesson, outside bool) view {
	w := &l.work
	w.reset(len(l.accountIDs))
	ofKey := l.latest(q.key, keyWindow)
	l.countBook(q)
	l.countAll(cBank, l.latest(q.bank, bankWindow))
	l.countAll(cHead, l.latest(q.head, keyWindow))
	l.countMerchant(q, ofKey)
	l.countAll(cAmount, l.latest(q.amount, keyWindow))
	l.countAll(cParty, l.latest(q.party, keyWindow))
	l.countAll(cPayee, l.latest(q.payee, keyWindow))
	l.countAll(cCategory, l.latest(q.category, keyWindow))
	l.countAll(cWay, l.latest(q.way, bankWindow))
	unseen := 0
	for i, key := range q.wordList {
		places := l.latest(key, wordWindow)
		if len(places) == 0 {
			unseen++
		}
		l.countWord(i, q, places)
	}
	for i, key := range q.stemList {
		l.countAll(cStems+i, l.latest(key, wordWindow))
	}
	for i, key := range q.tagList {
		l.countAll(cTags+i, l.latest(key, wordWindow))
	}
	for i, key := range q.conceptList {
		l.countAll(cConcepts+i, l.latest(key, wordWindow))
	}
	w.endCount()

	v := view{merchant: l.merchantOf(q, ofKey), second: l.witnesses.ask(q)}
	v.unknown = [unknowns]float64{
		uBias:    1,
		uLessons: math.Log(float64(len(l.rows) + 1)),
		uRate:    math.Log(l.newRate()),
		uUnknown: float64(unseen) / float64(max(1, len(q.wordList))),
	}
	if len(ofKey) == 0 {
		v.unknown[uUnseen] = 1
	}
	named := l.namedBy(q)
	if outside {
		for _, a := range named {
			w.meet(a.number)
		}
	}
	far := 0
	for _, account := range w.met { // those that the book met, the latest first
		if account == q.own || outside && !l.open(account) {
			continue
		}
		if !l.isNear(account, named) {
			if far++; far > mostFar {
				continue
			}
		}
		w.candidates = append(w.candidates, candidate{number: account})
	}
	for i := range w.candidates {
		l.weigh(&w.candidates[i], q, v)
	}
	l.addDays(q, ofKey)
	l.addNames(q, named)
	return v
}

// isNear reports whether more than the book at large speaks for an account.
func (l *Learner) isNear(account int32, named []*chartAccount) bool {
	w := &l.work
	touched := w.touched[account] &^ general
	if touched&alone != 0 {
		return true
	}
	for bits := touched; bits != 0; bits &= bits - 1 {
		if channel := mathbits.TrailingZeros64(bits); w.counts[account][channel] > nearShare*w.total[channel] {
			return true
		}
	}
	return l.witnesses.logOf(account) > nearOpinion ||
		slices.ContainsFunc(named, func(a *chartAccount) bool { return a.number == account })
}

// endCount works out what a channel says of an account it did not meet.
func (w *workspace) endCount() {
	for c, total := range w.total {
		w.none[c] = 0
		if total > 0 {
			w.none[c] = math.Log(memories[c].prior / (total + memories[c].prior))
		}
	}
	for g, group := range groups {
		w.groupNone[g], w.groupSeen[g] = 0, 0
		for c := group.first; c < endOf(g); c++ {
			w.groupNone[g] += w.none[c]
			if w.total[c] > 0 {
				w.groupSeen[g]++
			}
		}
		w.groupNone[g] /= max(1, w.groupSeen[g])
	}
	w.far = [evidences]float64{}
	copy(w.far[eDirection:eLike+1], w.none[eDirection:])
	for g, group := range groups {
		w.far[group.evidence] = w.groupNone[g]
	}
}

func endOf(g int) int {
	if g+1 < len(groups) {
		return groups[g+1].first
	}
	return channels
}

// countBook counts the latest lessons of the book.
func (l *Learner) countBook(q *lesson) {
	w := &l.work
	var n, sum, squares float64
	for i := len(l.rows) - 1; i >= max(0, len(l.rows)-bookWindow); i-- {
		r := &l.rows[i]
		w.count(cBook, r.account)
		if r.arrives == q.arrives {
			w.count(cDirection, r.account)
			n++
			sum += float64(r.size)
			squares += float64(r.size) * float64(r.size)
		}
	}
	w.fit = bell{n, sum, squares}.fitOf(float64(q.size))
}

func (l *Learner) countAll(channel int, places []int32) {
	w := &l.work
	weight, total, fade := w.weight[channel], w.total[channel], memories[channel].fade
	for i := len(places) - 1; i >= 0; i-- {
		account := l.rows[places[i]].account
		w.meet(account)
		w.counts[account][channel] += weight
		total += weight
		weight *= fade
		w.touched[account] |= 1 << channel
	}
	w.weight[channel], w.total[channel] = weight, total
}

// countWord counts the lessons of a word, and those on the same bank account.
func (l *Learner) countWord(word int, q *lesson, places []int32) {
	l.countAll(cWords+word, places)
	w := &l.work
	for i := len(places) - 1; i >= 0; i-- {
		if r := &l.rows[places[i]]; r.bank == q.bank {
			w.count(cWordsBank+word, r.account)
		}
	}
}

const (
	likeWindow = 64  // lessons of the merchant that are compared so closely
	likeSize   = 0.5 // difference of sizes that makes lessons a third as alike
	likeBank   = 0.3 // how alike lessons on different bank accounts are
	likeText   = 0.8 // and of different texts
)

// countMerchant counts the lessons of the merchant.
func (l *Learner) countMerchant(q *lesson, places []int32) {
	w := &l.work
	for i := len(places) - 1; i >= 0; i-- {
		r := &l.rows[places[i]]
		apart := math.Abs(float64(r.size - q.size))
		w.count(cKey, r.account)
		if len(places)-i <= likeWindow {
			w.count(cKeyRecent, r.account)
		}
		alike := 1.0
		if r.bank == q.bank {
			w.count(cKeyBank, r.account)
		} else {
			alike *= likeBank
		}
		if r.money == q.money {
			w.count(cKeyAmount, r.account)
		}
		if apart < sameSize {
			w.count(cKeySize, r.account)
		}
		if r.text == q.text {
			w.count(cText, r.account)
		} else {
			alike *= likeText
		}
		if len(places)-i <= likeWindow {
			w.countPart(cLike, r.account, alike*math.Exp(-apart/likeSize))
		}
	}
}

// general are the channels that meet most accounts, whatever is asked.
const general = 1<<cBook | 1<<cDirection | 1<<cBank | 1<<cWay

// alone are the channels that are evidence by themselves.
const alone = 1<<(cLike+1) - 1<<cDirection

// weigh fills in the evidence that the channels give for a candidate.
func (l *Learner) weigh(c *candidate, q *lesson, v view) {
	w, number := &l.work, c.number
	prior := memories[cBook].prior
	p := (w.counts[number][cBook] + prior) / (w.total[cBook] + prior*float64(len(w.met)))
	c.evidence = w.far
	c.evidence[eBook] = math.Log(p)
	touched := w.touched[number]
	for bits := touched & alone; bits != 0; bits &= bits - 1 {
		channel := mathbits.TrailingZeros64(bits)
		c.evidence[channel] = w.lift(channel, number, p)
	}
	for g, group := range groups {
		if touched>>group.first&(1<<(endOf(g)-group.first)-1) == 0 {
			continue
		}
		sum := 0.0
		for channel := group.first; channel < endOf(g); channel++ {
			if w.total[channel] > 0 {
				sum += w.lift(channel, number, p)
			}
		}
		c.evidence[group.evidence] = sum / w.groupSeen[g]
	}
	if m := v.merchant; m.last == number {
		c.evidence[eLast] = 1
		c.evidence[eStreak] = math.Log(float64(min(m.streak, 10) + 1))
	}
	if v.merchant.lastBank == number {
		c.evidence[eLastBank] = 1
	}
	if own := l.index[l.accountList(number, q.arrives)]; own != nil {
		if own.bell.n == 0 {
			own.bell = l.bellOf(own.at[max(0, len(own.at)-fitWindow):])
		}
		c.evidence[eFit] = w.fit.within(own.bell)
	}
	if v.second {
		c.evidence[eWitness] = max(lowestOpinion, l.witnesses.logOf(number))
	}
	c.evidence[eAgainst] = l.against(number, q)
}

// addDays fills in the evidence that lies in the days of the merchant's
// lessons.
func (l *Learner) addDays(q *lesson, places []int32) {
	w := &l.work
	for i := range w.candidates {
		c := &w.candidates[i]
		if w.counts[c.number][cKey] == 0 {
			continue
		}
		for j := len(places) - 1; j >= 0; j-- {
			if r := &l.rows[places[j]]; r.account == c.number {
				switch gap := q.day - r.day; {
				case gap == 0:
					c.evidence[eSameDay] = 1
				case due(gap):
					c.evidence[eDue] = 1
				}
				break
			}
		}
	}
}

func due(days int32) bool {
	return days >= 6 && days <= 8 || days >= 13 && days <= 15 || days >= 26 && days <= 33 ||
		days >= 85 && days <= 95 || days >= 360 && days <= 370
}

// merchantOf sums up the latest lessons of a merchant.
func (l *Learner) merchantOf(q *lesson, places []int32) merchant {
	m := merchant{last: -1, lastBank: -1, steady: -1}
	if len(places) == 0 {
		return m
	}
	w := &l.work
	for _, account := range w.met {
		if w.counts[account][cKey] > 0 {
			m.accounts++
		}
	}
	for i := len(places) - 1; i >= 0 && m.lastBank < 0; i-- {
		if r := &l.rows[places[i]]; r.bank == q.bank {
			m.lastBank = r.account
		}
	}
	m.last = l.rows[places[len(places)-1]].account
	if n := len(places) - 1; n >= steadyRun {
		steady := l.rows[places[n-1]].account
		for _, at := range places[n-steadyRun : n] {
			if l.rows[at].account != steady {
				steady = -1
				break
			}
		}
		// An amount unlike the steady ones may well be another matter.
		if steady >= 0 && steady != m.last && w.counts[steady][cKeySize] > 0 {
			m.steady = steady
		}
	}
	day := int32(math.MinInt32)
	for i := len(places) - 1; i >= 0; i-- {
		r := &l.rows[places[i]]
		if r.account != m.last {
			if r.day == day {
				m.streak-- // a day with several accounts decides nothing
			}
			break
		}
		if r.day != day {
			m.streak++
			day = r.day
		}
	}
	for i := len(places) - 1; i >= 0 && l.rows[places[i]].day == q.day; i-- {
		m.sameDay = true
		m.mixedDay = m.mixedDay || l.rows[places[i]].account != m.last
	}
	return m
}

// newRate estimates how often a lesson is the first of its account.
func (l *Learner) newRate() float64 {
	recent := l.rows[max(0, len(l.rows)-rateWindow):]
	fresh := 0.0
	for i := range recent {
		if recent[i].first {
			fresh++
		}
	}
	return (fresh + 1) / (float64(len(recent)) + 3)
}

// bell is a normal distribution of sizes.
type bell struct{ n, sum, squares float64 }

func (l *Learner) bellOf(places []int32) bell {
	var b bell
	for _, at := range places {
		size := float64(l.rows[at].size)
		b.n++
		b.sum += size
		b.squares += size * size
	}
	return b
}

// fit compares amounts of accounts with those of the book.
type fit struct {
	known                         bool
	size, mean, variance, density float64
}

// fitOf returns how well size fits the book.
func (b bell) fitOf(size float64) fit {
	if b.n == 0 {
		return fit{}
	}
	f := fit{known: true, size: size, mean: b.sum / b.n}
	f.variance = max(minVariance, b.squares/b.n-f.mean*f.mean)
	f.density = f.densityIn(f.mean, f.variance)
	return f
}

func (f fit) densityIn(mean, variance float64) float64 {
	return -0.5 * (math.Log(variance) + (f.size-mean)*(f.size-mean)/variance)
}

// within returns how much better the size fits some lessons than the book.
func (f fit) within(some bell) float64 {
	if some.n == 0 || !f.known {
		return 0
	}
	mean := (f.mean + some.sum) / (some.n + 1)
	squares := 2*f.variance + (f.mean-mean)*(f.mean-mean) + some.squares - 2*mean*some.sum + some.n*mean*mean
	variance := max(squares/(some.n+2), minVariance)
	return min(3, max(-3, f.densityIn(mean, variance)-f.density))
}
