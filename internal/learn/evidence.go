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
	candidates []candidate
	scores     []float64
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
	prior := memories[channel].prior
	count := w.counts[account][channel]
	return math.Log((count + prior*p) / ((total + prior) * p))
}

// merchant is what the merchant's own history says, whatever the account.
type merchant struct {
	lessons  int // looked at
	accounts int // different ones among them
	recent   int // different ones among the last five
	streak   int // latest days in a row that had one account only, the same
	mixedDay bool
	last     int32 // account of the latest lesson; -1 without one
}

// view is what a question brings to light besides the candidates.
type view struct {
	lessons  int
	newRate  float64
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
	list := func(key uint64) []*lesson {
		if key == 0 {
			return nil
		}
		return l.index[key].until(before)
	}
	book := l.all.until(before)
	v := view{lessons: len(book), newRate: l.newRate(book)}
	var mean, square, n float64
	recent := latest(book, bookWindow)
	for i := len(recent) - 1; i >= 0; i-- {
		s := recent[i]
		w.count(cBook, s.account)
		if s.arrives == q.arrives {
			w.count(cDirection, s.account)
			n++
			mean += float64(s.size)
			square += float64(s.size) * float64(s.size)
		}
	}
	w.countAll(cBank, latest(list(q.bank), bankWindow))
	w.countAll(cHead, latest(list(q.head), keyWindow))
	w.countAll(cAmount, latest(list(q.amount), keyWindow))
	w.countAll(cParty, latest(list(q.party), keyWindow))
	w.countAll(cCategory, latest(list(q.category), keyWindow))
	w.countAll(cWay, latest(list(q.way), bankWindow))
	ofKey := latest(list(q.key), keyWindow)
	lastBank := w.countMerchant(q, ofKey)
	v.merchant = merchantOf(q, ofKey)
	for _, a := range w.met {
		if w.counts[a][cKey] > 0 {
			v.merchant.accounts++
		}
	}
	unseen := 0
	for i, key := range q.wordList {
		lessons := latest(list(key), wordWindow)
		if len(lessons) == 0 {
			unseen++
		}
		w.countAll(cWords+i, lessons)
		for j := len(lessons) - 1; j >= 0; j-- {
			if lessons[j].bank == q.bank {
				w.count(cWordsBank+i, lessons[j].account)
			}
		}
	}
	for i, key := range q.stemList {
		w.countAll(cStems+i, latest(list(key), wordWindow))
	}
	for i, key := range q.tagList[:min(len(q.tagList), maxTags)] {
		w.countAll(cTags+i, latest(list(key), wordWindow))
	}
	var named []*chartAccount
	if before == nil {
		named = l.namedBy(q)
	}
	for _, a := range named {
		w.meet(a.number)
	}

	v.unknown = [unknowns]float64{uBias: 1, uLessons: math.Log(float64(len(book) + 1)), uRate: math.Log(v.newRate)}
	if len(ofKey) == 0 {
		v.unknown[uUnseen] = 1
	}
	if len(q.wordList) > 0 {
		v.unknown[uUnknown] = float64(unseen) / float64(len(q.wordList))
	}

	for _, account := range w.met {
		if account != q.own && (before != nil || l.open(account)) {
			w.candidates = append(w.candidates, candidate{number: account})
		}
	}
	sizes := bell{n: n, mean: mean / max(n, 1), variance: max(0.05, square/max(n, 1)-(mean/max(n, 1))*(mean/max(n, 1)))}
	for i := range w.candidates {
		l.weigh(&w.candidates[i], q, before, v, sizes)
		c := &w.candidates[i]
		if lastBank >= 0 && c.number == lastBank {
			c.evidence[eLastBank] = 1
		}
	}
	w.addDays(q, ofKey)
	for _, a := range named {
		for i := range w.candidates {
			if c := &w.candidates[i]; c.number == a.number {
				c.evidence[eName] = a.share(q)
			}
		}
	}
	return v
}

func (w *workspace) countAll(channel int, lessons []*lesson) {
	for i := len(lessons) - 1; i >= 0; i-- {
		w.count(channel, lessons[i].account)
	}
}

// countMerchant counts the lessons of the merchant and returns the account of
// the latest one on the same bank account, or -1.
func (w *workspace) countMerchant(q *lesson, lessons []*lesson) int32 {
	lastBank := int32(-1)
	for i := len(lessons) - 1; i >= 0; i-- {
		s := lessons[i]
		w.count(cKey, s.account)
		w.count(cKeyRecent, s.account)
		if s.bank == q.bank {
			w.count(cKeyBank, s.account)
			if lastBank < 0 {
				lastBank = s.account
			}
		}
		if s.money == q.money {
			w.count(cKeyAmount, s.account)
		}
		if math.Abs(float64(s.size-q.size)) < 0.35 {
			w.count(cKeySize, s.account)
		}
		if s.text == q.text {
			w.count(cText, s.account)
		}
	}
	return lastBank
}

// weigh fills in the evidence that the channels give for a candidate.
func (l *Learner) weigh(c *candidate, q, before *lesson, v view, sizes bell) {
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
	c.evidence[eTags] = w.meanLift(cTags, min(len(q.tagList), maxTags), c.number, p)
	if v.merchant.last == c.number {
		c.evidence[eLast] = 1
		c.evidence[eStreak] = math.Log(float64(min(v.merchant.streak, 10) + 1))
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
func merchantOf(q *lesson, lessons []*lesson) merchant {
	m := merchant{lessons: len(lessons), last: -1}
	if len(lessons) == 0 {
		return m
	}
	m.last = lessons[len(lessons)-1].account
	m.recent = different(latest(lessons, 5))
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

func different(lessons []*lesson) int {
	n := 0
	for i, s := range lessons {
		fresh := true
		for _, t := range lessons[:i] {
			if t.account == s.account {
				fresh = false
				break
			}
		}
		if fresh {
			n++
		}
	}
	return n
}

// newRate estimates how often a lesson is the first of its account.
func (l *Learner) newRate(book []*lesson) float64 {
	recent := latest(book, rateWindow)
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
	variance := max(squares/(n+2), 0.05)
	density := func(mean, variance float64) float64 {
		return -0.5 * (math.Log(variance) + (size-mean)*(size-mean)/variance)
	}
	return min(3, max(-3, density(mean, variance)-density(b.mean, b.variance)))
}
