package demo

import (
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

// A row lives by the clock: it is seen as pending, is booked under another id,
// is edited, is withdrawn. Its whole life is known from the start, so what the
// bank knows at any moment is a matter of comparing.

// moment is a point in time in nanoseconds since 1970.
type moment int64

// never is the moment that does not come.
const never moment = 0

func momentOf(t time.Time) moment { return moment(t.UnixNano()) }

func (m moment) time() time.Time { return time.Unix(0, int64(m)) }

// by reports whether m has come at t.
func (m moment) by(t moment) bool { return m != never && m <= t }

// within reports whether m came after from, and at or before to.
func (m moment) within(from, to moment) bool { return m != never && m > from && m <= to }

// row is one movement with all that becomes of it.
type row struct {
	origin     bank.Date // the day it was made; with seq it names the row
	seq        int
	date       bank.Date // booking date
	units      int64
	text       string
	name       string // of the counterparty
	category   string
	kind       string
	instalment bank.Instalment

	held     int64  // amount while pending
	heldText string // text while pending
	seen     moment // pending from here
	ended    moment // no more pending
	noted    moment // the bank says that the pending one is no more
	booked   moment
	edited   moment // takes finalText
	final    string
	gone     moment // withdrawn
}

func (r *row) pendingAt(t moment) bool { return r.seen.by(t) && !r.ended.by(t) }
func (r *row) bookedAt(t moment) bool  { return r.booked.by(t) && !r.gone.by(t) }

// A row is told under days no further than this from the day it was made.
const (
	maxLag  = 3 // booked that many days later
	maxBack = 9 // told with a date that many days earlier
)

// lifePace is the pace of what happens to purchases of the daily life; all of
// it is over well within the overlap.
const lifePace = 10 * time.Hour

// buy adds a purchase with a life: how it goes on depends on the habits of the
// institution and on chance, how fast on pace.
func (b *daybook) buy(m merchant, units int64, at time.Time, seq int, pace time.Duration) {
	r := b.row(m, units, seq)
	h := b.inst
	steps := func(from, n int) time.Duration { return time.Duration(from+b.rng.IntN(n)) * pace }

	switch pending := h.pending != untold && b.kind != bank.Savings; {
	case h.late && b.rng.IntN(10) == 0:
		b.late(&r, at, pace)
	case pending && b.rng.IntN(14) == 0: // never booked
		b.hold(&r, m, at)
		r.ended = momentOf(at.Add(steps(2, 3)))
		r.noted = r.ended
	case pending:
		b.hold(&r, m, at)
		booked := at.Add(steps(2, 3))
		r.booked, r.ended, r.noted = momentOf(booked), momentOf(booked), momentOf(booked)
		r.date = bank.DateOf(booked.In(b.land.zone))
		if b.rng.IntN(3) == 0 {
			r.noted = momentOf(booked.Add(2 * pace))
		}
	case pace == lifePace:
		booked := at.Add(steps(0, 3))
		r.booked = momentOf(booked)
		r.date = bank.DateOf(booked.In(b.land.zone))
	default:
		r.booked = momentOf(at)
	}
	if h.withdraws && r.booked != never && b.rng.IntN(20) == 0 {
		r.gone = momentOf(r.booked.time().Add(4 * pace))
	}
	if h.edits && r.booked != never && b.rng.IntN(2) == 0 {
		r.final = r.text
		r.text = r.date.Time().Format("01.02 ") + r.text + "  "
		r.edited = momentOf(r.booked.time().Add(3 * pace))
	}
	b.rows = append(b.rows, r)
}

// late makes r appear days after its date: of daily life it appears later, of
// the live feed it appears now with an earlier date.
func (b *daybook) late(r *row, at time.Time, pace time.Duration) {
	days := 1 + b.rng.IntN(maxBack)
	if pace == lifePace {
		r.booked = momentOf(at.AddDate(0, 0, days))
		return
	}
	r.booked = momentOf(at)
	r.date = r.date.AddDays(-days)
}

// hold makes r pending from at on. What carries a tip was less then.
func (b *daybook) hold(r *row, m merchant, at time.Time) {
	r.seen = momentOf(at)
	r.held = r.units
	r.heldText = b.land.words.pending + r.text
	if m.tips && b.rng.IntN(2) == 0 {
		r.held = r.units * 100 / between(b.rng.Uint64(), 110, 125)
	}
}

// pulse is the clock of the live feed.
type pulse struct {
	seed   uint64
	opened time.Time
	pace   time.Duration
	volume int
}

// rush is how long after its start the feed runs at full pace; after it, one
// purchase per calm paces is made in daytime.
const (
	rush = time.Hour
	calm = 20
)

// live adds what the feed makes on the day of b.
func (p *pulse) live(b *daybook) {
	start, end := b.start, b.start.AddDate(0, 0, 1)
	if !end.After(p.opened) {
		return
	}
	shift := time.Duration(b.salt % uint64(p.pace)) //nolint:gosec // accounts do not beat as one; smaller than a pace
	opened := p.opened.Add(shift)
	rushed := p.beats(opened, p.pace, start, minTime(end, opened.Add(rush)))
	for _, beat := range rushed {
		p.beat(b, beat)
	}
	for _, beat := range p.beats(opened.Add(rush), calm*p.pace, start, end) {
		if hour := beat.at.In(b.land.zone).Hour(); hour >= 8 && hour < 22 {
			beat.n += int(rush/p.pace) + 1
			p.beat(b, beat)
		}
	}
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// beat is one purchase of the feed: its number and when it is made.
type beat struct {
	n  int
	at time.Time
}

// beats returns the multiples of pace after origin that fall into [from, to).
func (p *pulse) beats(origin time.Time, pace time.Duration, from, to time.Time) []beat {
	n := 1
	if from.After(origin) {
		n = max(1, int((from.Sub(origin)+pace-1)/pace))
	}
	var all []beat
	for at := origin.Add(time.Duration(n) * pace); at.Before(to); at = at.Add(pace) {
		all = append(all, beat{n, at})
		n++
	}
	return all
}

// liveRows keeps the numbers of live rows apart from those of daily life.
const liveRows = 1_000_000

func (p *pulse) beat(b *daybook, beat beat) {
	// A day of the feed has many beats: each draws for itself.
	own := *b
	own.rng = newRand(b.salt, liveRows+uint64(beat.n)) //nolint:gosec // a hash
	own.rows = nil
	pace := min(p.pace, 4*time.Hour)
	switch {
	case b.kind == bank.Savings:
		m := merchant{text: b.land.words.deposit, kind: b.land.kinds.transfer}
		own.buy(m, between(own.rng.Uint64(), 1, 999), beat.at, liveRows+beat.n, pace)
	case b.kind == bank.Checking && own.rng.IntN(4) == 0:
		m := b.land.people[own.rng.IntN(len(b.land.people))]
		own.buy(m, -between(own.rng.Uint64(), m.low, m.high), beat.at, liveRows+beat.n, pace)
	default:
		m := own.merchant()
		own.buy(m, -between(own.rng.Uint64(), m.low, m.high), beat.at, liveRows+beat.n, pace)
	}
	b.rows = append(b.rows, own.rows...)
}

// reissued returns how often the institution has given r a new id by t: every
// 10 paces of the rush, and at 4 in the morning, those booked with a date of
// the last days change.
func (a *account) reissued(r *row, t moment) int {
	if !a.inst.reissues || !r.booked.by(t) {
		return 0
	}
	const back = 2
	p := a.pulse
	n := 0
	today := bank.DateOf(p.opened.In(a.land.zone))
	if r.date.Sub(today) >= -back {
		every := 10 * p.pace
		from := max(0, r.booked.time().Sub(p.opened))
		to := min(rush, t.time().Sub(p.opened))
		if to > from {
			n += int(to/every) - int(from/every)
		}
	}
	for d := range back + 1 {
		day := r.date.AddDays(d)
		night := time.Date(day.Year(), day.Month(), day.Day(), 4, 0, 0, 0, a.land.zone)
		if night.After(p.opened) && momentOf(night).within(r.booked, t) {
			n++
		}
	}
	return n
}

// walk calls tell for each day from from to to, in order, with the rows made on
// that day or booked with that date, until tell returns false.
func (a *account) walk(from, to bank.Date, tell func(d bank.Date, rows []*row) bool) {
	days := to.Sub(from) + 1
	if days <= 0 {
		return
	}
	waiting := make([][]*row, days) // by day, counted from from
	made := from.AddDays(-maxLag)
	for n := range days {
		d := from.AddDays(n)
		for ; !made.After(d.AddDays(maxBack)) && !made.After(to); made = made.AddDays(1) {
			rows := a.day(made, make([]row, 0, 2+2*a.pulse.volume))
			for i := range rows {
				r := &rows[i]
				at, booked := made.Sub(from), r.date.Sub(from)
				if at >= 0 {
					waiting[at] = append(waiting[at], r)
				}
				if booked >= 0 && booked < days && booked != at {
					waiting[booked] = append(waiting[booked], r)
				}
			}
		}
		if !tell(d, waiting[n]) {
			return
		}
		waiting[n] = nil
	}
}

// transaction tells r as it is at t, under day d; ok is false if the bank does
// not tell it then.
func (a *account) transaction(r *row, d bank.Date, t moment, link uint64) (tx bank.Transaction, ok bool) {
	switch {
	case r.pendingAt(t) && r.origin == d:
		tx = bank.Transaction{Status: bank.Pending, Date: r.origin, Amount: a.amount(r.held), Description: r.heldText}
		tx.ID = a.pendingID(r, link)
	case r.bookedAt(t) && r.date == d:
		tx = bank.Transaction{Status: bank.Booked, Date: r.date, Amount: a.amount(r.units), Description: r.text, Instalment: r.instalment}
		if r.edited.by(t) {
			tx.Description = r.final
		}
		tx.ID = a.bookedID(r, t, link)
		if r.seen != never && a.inst.pending == linked {
			tx.PendingID = a.pendingID(r, link)
		}
	default:
		return bank.Transaction{}, false
	}
	if r.origin.Before(r.date) {
		tx.MadeOn = r.origin
	}
	tx.Kind = r.kind
	if a.inst.categories {
		tx.Category = r.category
	}
	if a.inst.parties {
		tx.ValueDate = tx.Date
		tx.Counterparty.Name = r.name
		if r.name != "" && strings.HasPrefix(r.kind, "SEPA") {
			tx.Counterparty.Account = iban(a.inst.country, r.name)
		}
	}
	return tx, true
}
