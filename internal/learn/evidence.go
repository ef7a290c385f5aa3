package learn

import "math"

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
	eCategory         // lift of the bank's category
	eWay              // lift of the way of paying
	eWords            // mean lift of the words
	eWordsBank        // mean lift of the words on this bank account
	eStems            // mean lift of the beginnings of the words
	eTags             // mean lift of the hashtags
	eLast             // chosen the last time for this merchant
	eLastBank         // the same on this bank account
	eStreak           // logarithm of how many days in a row it was chosen for this merchant
	eSameDay          // chosen for this merchant on this very day
	eFit              // how much better the amount fits the account than the book
	eDue              // a week, a fortnight, a month, a quarter or a year since the last
	eName             // share of the account's name that the text holds
	eAgainst          // the direction is unusual for this kind of account
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
	cCategory
	cWay
	cWords
	cWordsBank = cWords + maxKeyWords
	cStems     = cWordsBank + maxKeyWords
	cTags      = cStems + maxKeyWords
	channels   = cTags + maxTags
)

const (
	maxTags    = 4
	bookWindow = 300 // lessons looked at, from the latest
	bankWindow = 150
	keyWindow  = 150
	wordWindow = 64
	fitWindow  = 32
	rateWindow = 100

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
	for c := cHead; c <= cParty; c++ {
		m[c] = memory{0.88, 0.6}
	}
	m[cKey] = memory{0.97, 0.6}
	m[cKeyRecent] = memory{0.75, 0.6}
	m[cCategory] = memory{0.97, 2}
	m[cWay] = memory{0.97, 5}
	return m
}()

// candidate is an account that may be suggested, with the evidence for it.
type candidate struct {
	number   int32
	evidence [evidences]float64
	p        float64
}

// workspace is the memory that one question after another uses.
type workspace struct {
	met        []int32 // accounts met in the lessons or named by the text
	isMet      []bool
	counts     [][channels]float64 // by account
	weight     [channels]float64   // of the next lesson
	total      [channels]float64
	none       [channels]float64 // lift of an account that a channel did not meet
	candidates []candidate
}

func (w *workspace) reset(accounts int) {
	for _, a := range w.met {
		w.isMet[a] = false
		w.counts[a] = [channels]float64{}
	}
	w.met = w.met[:0]
	for len(w.counts) < accounts {
		w.counts = append(w.counts, [channels]float64{})
		w.isMet = append(w.isMet, false)
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
	weight := w.weight[channel]
	w.counts[account][channel] += weight
	w.total[channel] += weight
	w.weight[channel] = weight * memories[channel].fade
}

// lift returns the evidence of a channel for an account whose share of the
// book is p.
func (w *workspace) lift(channel int, account int32, p float64) float64 {
	total := w.total[channel]
	if total == 0 {
		return 0
	}
	count := w.counts[account][channel]
	if count == 0 {
		return w.none[channel]
	}
	prior := memories[channel].prior
	return math.Log((count + prior*p) / ((total + prior) * p))
}

// merchant is what the merchant's own history says, whatever the account.
type merchant struct {
	accounts int   // different ones
	streak   int   // latest days in a row that had one account only, the same
	mixedDay bool  // this day has several
	last     int32 // account of the latest lesson; -1 without one
	lastBank int32 // the same on this bank account
}

// view is what a question brings to light besides the candidates.
type view struct {
	merchant merchant
	unknown  [unknowns]float64
}

// latest returns the last n lessons.
func latest(lessons []*lesson, n int) []*lesson { return lessons[max(0, len(lessons)-n):] }

// look gathers the evidence for q from the chart and from all lessons. Given
// a lesson, it looks as if only the lessons before that one were known, and
// leaves the chart of today out of it. It fills the candidates of the workspace.
func (l *Learner) look(q, before *lesson) view {
	w := &l.work
	w.reset(len(l.accountIDs))
	list := func(key uint64) []*lesson { return l.index[key].until(before) }
	book, ofKey := l.all.until(before), latest(list(q.key), keyWindow)

	w.countBook(q, latest(book, bookWindow))
	w.countAll(cBank, latest(list(q.bank), bankWindow))
	w.countAll(cHead, latest(list(q.head), keyWindow))
	w.countMerchant(q, ofKey)
	w.countAll(cAmount, latest(list(q.amount), keyWindow))
	w.countAll(cParty, latest(list(q.party), keyWindow))
	w.countAll(cCategory, latest(list(q.category), keyWindow))
	w.countAll(cWay, latest(list(q.way), bankWindow))
	unseen := 0
	for i, key := range q.wordList {
		lessons := latest(list(key), wordWindow)
		if len(lessons) == 0 {
			unseen++
		}
		w.countAll(cWords+i, lessons)
		w.countSameBank(cWordsBank+i, q, lessons)
	}
	for i, key := range q.stemList {
		w.countAll(cStems+i, latest(list(key), wordWindow))
	}
	for i, key := range q.tagList {
		w.countAll(cTags+i, latest(list(key), wordWindow))
	}
	w.endCount()

	v := view{merchant: w.merchantOf(q, ofKey)}
	v.unknown = [unknowns]float64{
		uBias:    1,
		uLessons: math.Log(float64(len(book) + 1)),
		uRate:    math.Log(l.newRate(latest(book, rateWindow))),
		uUnknown: float64(unseen) / float64(max(1, len(q.wordList))),
	}
	if len(ofKey) == 0 {
		v.unknown[uUnseen] = 1
	}
	var named []*chartAccount
	if before == nil {
		named = l.namedBy(q)
	}
	l.gatherCandidates(q, before, named)
	sizes := sizesOf(q, latest(book, bookWindow))
	for i := range w.candidates {
		l.weigh(&w.candidates[i], q, before, v.merchant, sizes)
	}
	w.addDays(q, ofKey)
	l.addNames(q, named)
	return v
}

// gatherCandidates makes a candidate of every account that was met or named
// and may be suggested.
func (l *Learner) gatherCandidates(q, before *lesson, named []*chartAccount) {
	w := &l.work
	for _, a := range named {
		w.meet(a.number)
	}
	for _, account := range w.met {
		if account != q.own && (before != nil || l.open(account)) {
			w.candidates = append(w.candidates, candidate{number: account})
		}
	}
}

// endCount works out what a channel says of an account it did not meet.
func (w *workspace) endCount() {
	for c, total := range w.total {
		w.none[c] = 0
		if total > 0 {
			w.none[c] = math.Log(memories[c].prior / (total + memories[c].prior))
		}
	}
}

func (w *workspace) countBook(q *lesson, lessons []*lesson) {
	for i := len(lessons) - 1; i >= 0; i-- {
		s := lessons[i]
		w.count(cBook, s.account)
		if s.arrives == q.arrives {
			w.count(cDirection, s.account)
		}
	}
}

func (w *workspace) countSameBank(channel int, q *lesson, lessons []*lesson) {
	for i := len(lessons) - 1; i >= 0; i-- {
		if s := lessons[i]; s.bank == q.bank {
			w.count(channel, s.account)
		}
	}
}

func (w *workspace) countAll(channel int, lessons []*lesson) {
	for i := len(lessons) - 1; i >= 0; i-- {
		w.count(channel, lessons[i].account)
	}
}

// countMerchant counts the lessons of the merchant.
func (w *workspace) countMerchant(q *lesson, lessons []*lesson) {
	for i := len(lessons) - 1; i >= 0; i-- {
		s := lessons[i]
		w.count(cKey, s.account)
		w.count(cKeyRecent, s.account)
		if s.bank == q.bank {
			w.count(cKeyBank, s.account)
		}
		if s.money == q.money {
			w.count(cKeyAmount, s.account)
		}
		if math.Abs(float64(s.size-q.size)) < sameSize {
			w.count(cKeySize, s.account)
		}
		if s.text == q.text {
			w.count(cText, s.account)
		}
	}
}

// weigh fills in the evidence that the channels give for a candidate.
func (l *Learner) weigh(c *candidate, q, before *lesson, m merchant, sizes bell) {
	w := &l.work
	size := float64(len(w.candidates))
	prior := memories[cBook].prior
	p := (w.counts[c.number][cBook] + prior) / (w.total[cBook] + prior*size)
	c.evidence[eBook] = math.Log(p)
	for e := eDirection; e <= eWay; e++ {
		c.evidence[e] = w.lift(e, c.number, p)
	}
	c.evidence[eWords] = w.meanLift(cWords, len(q.wordList), c.number, p)
	c.evidence[eWordsBank] = w.meanLift(cWordsBank, len(q.wordList), c.number, p)
	c.evidence[eStems] = w.meanLift(cStems, len(q.stemList), c.number, p)
	c.evidence[eTags] = w.meanLift(cTags, len(q.tagList), c.number, p)
	if m.last == c.number {
		c.evidence[eLast] = 1
		c.evidence[eStreak] = math.Log(float64(min(m.streak, 10) + 1))
	}
	if m.lastBank == c.number {
		c.evidence[eLastBank] = 1
	}
	own := latest(l.index[l.accountList(c.number, q.arrives)].until(before), fitWindow)
	c.evidence[eFit] = sizes.compare(own, float64(q.size))
	if before == nil {
		c.evidence[eAgainst] = l.against(c.number, q)
	}
}

func (w *workspace) meanLift(channel, n int, account int32, p float64) float64 {
	sum, seen := 0.0, 0
	for c := channel; c < channel+n; c++ {
		if w.total[c] > 0 {
			sum += w.lift(c, account, p)
			seen++
		}
	}
	if seen == 0 {
		return 0
	}
	return sum / float64(seen)
}

// addDays fills in the evidence that lies in the days of the merchant's
// lessons.
func (w *workspace) addDays(q *lesson, lessons []*lesson) {
	for i := range w.candidates {
		c := &w.candidates[i]
		if w.counts[c.number][cKey] == 0 {
			continue
		}
		for j := len(lessons) - 1; j >= 0; j-- {
			if s := lessons[j]; s.account == c.number {
				switch gap := q.day - s.day; {
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
func (w *workspace) merchantOf(q *lesson, lessons []*lesson) merchant {
	m := merchant{last: -1, lastBank: -1}
	if len(lessons) == 0 {
		return m
	}
	for _, account := range w.met {
		if w.counts[account][cKey] > 0 {
			m.accounts++
		}
	}
	for i := len(lessons) - 1; i >= 0 && m.lastBank < 0; i-- {
		if s := lessons[i]; s.bank == q.bank {
			m.lastBank = s.account
		}
	}
	m.last = lessons[len(lessons)-1].account
	day := int32(math.MinInt32)
	for i := len(lessons) - 1; i >= 0; i-- {
		s := lessons[i]
		if s.account != m.last {
			if s.day == day {
				m.streak-- // a day with several accounts decides nothing
			}
			break
		}
		if s.day != day {
			m.streak++
			day = s.day
		}
	}
	for i := len(lessons) - 1; i >= 0 && lessons[i].day == q.day; i-- {
		m.mixedDay = m.mixedDay || lessons[i].account != m.last
	}
	return m
}

// newRate estimates how often a lesson is the first of its account.
func (l *Learner) newRate(recent []*lesson) float64 {
	fresh := 0.0
	for _, s := range recent {
		if l.isFirst(s) {
			fresh++
		}
	}
	return (fresh + 1) / (float64(len(recent)) + 3)
}

func (l *Learner) isFirst(s *lesson) bool {
	same := l.index[l.accountList(s.account, s.arrives)]
	if same.lessons[0] != s {
		return false
	}
	other := l.index[l.accountList(s.account, !s.arrives)]
	return other == nil || compare(s, other.lessons[0]) < 0
}

// bell is a normal distribution of sizes.
type bell struct{ n, mean, variance float64 }

// sizesOf returns the sizes of the lessons in the direction of q.
func sizesOf(q *lesson, lessons []*lesson) bell {
	var n, sum, squares float64
	for _, s := range lessons {
		if s.arrives == q.arrives {
			n++
			sum += float64(s.size)
			squares += float64(s.size) * float64(s.size)
		}
	}
	if n == 0 {
		return bell{}
	}
	mean := sum / n
	return bell{n: n, mean: mean, variance: max(minVariance, squares/n-mean*mean)}
}

// compare returns how much better size fits the lessons than the book.
func (b bell) compare(lessons []*lesson, size float64) float64 {
	if len(lessons) == 0 || b.n == 0 {
		return 0
	}
	sum, n := b.mean, 1.0
	for _, s := range lessons {
		sum += float64(s.size)
		n++
	}
	mean := sum / n
	squares := 2*b.variance + (b.mean-mean)*(b.mean-mean)
	for _, s := range lessons {
		d := float64(s.size) - mean
		squares += d * d
	}
	variance := max(squares/(n+2), minVariance)
	density := func(mean, variance float64) float64 {
		return -0.5 * (math.Log(variance) + (size-mean)*(size-mean)/variance)
	}
	return min(3, max(-3, density(mean, variance)-density(b.mean, b.variance)))
}
