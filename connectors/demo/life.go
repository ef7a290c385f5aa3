package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// historyDays is how far back the stand-ins go before the feed began.
const historyDays = 730

// account is one account of an institution.
type account struct {
	inst    *institution
	land    *land
	kind    bank.AccountKind
	number  string
	key     string
	salt    uint64
	first   bank.Date // of its history
	closes  moment    // never: stays open
	opening int64     // balance before the first day
	pulse   *pulse
	card    *account // whose bill this account pays
	settled atomic.Pointer[settled]
	mu      sync.Mutex
	bills   map[int]int64 // by month: worked out once
}

// accountsOf returns the accounts of an institution.
func accountsOf(p *pulse, inst *institution) []*account {
	l := lands[inst.country]
	open := func(kind bank.AccountKind, opening int64) *account {
		salt := mix(p.seed, hashText(inst.id), hashText(string(kind)))
		number := fmt.Sprintf("%010d", salt%10_000_000_000)
		return &account{
			inst: inst, land: l, kind: kind, number: number, salt: salt, opening: opening, pulse: p, bills: make(map[int]int64),
			key:   fmt.Sprintf("%s_%012x", inst.id, mix(hashText(inst.id), hashText(number))>>16),
			first: bank.DateOf(p.opened.In(l.zone)).AddDays(-historyDays),
		}
	}
	checking := open(bank.Checking, 2*l.salary.low)
	savings := open(bank.Savings, 5*l.salary.low)
	card := open(bank.CreditCard, -l.salary.low/6)
	checking.card = card
	if inst.closesSavings {
		savings.closes = momentOf(p.opened.Add(time.Hour))
	}
	return []*account{checking, savings, card}
}

func (a *account) name() string {
	names := map[string][3]string{
		"BR": {"Conta corrente", "Poupança", "Cartão de crédito"},
		"DE": {"Girokonto", "Sparkonto", "Kreditkarte"},
		"JP": {"普通預金", "貯蓄預金", "クレジットカード"},
		"PT": {"Conta à ordem", "Conta poupança", "Cartão de crédito"},
		"MX": {"Cuenta", "Ahorro", "Tarjeta de crédito"},
		"GB": {"Current account", "Savings pot", "Credit card"},
	}
	own, ok := names[a.inst.country]
	if !ok {
		own = [3]string{"Checking", "Savings", "Credit Card"}
	}
	switch a.kind {
	case bank.Checking:
		return own[0]
	case bank.Savings:
		return own[1]
	default:
		return own[2]
	}
}

func (a *account) mask() string { return a.number[len(a.number)-4:] }

func (a *account) amount(units int64) money.Amount {
	return money.New(money.DecimalFromUnits(units, a.land.currency.Digits()), a.land.currency)
}

// day appends what was made on day d, in order, to the empty slice into: a
// function of the account, the day and the settings of the feed.
func (a *account) day(d bank.Date, into []row) []row {
	b := newDaybook(a, d, into)
	switch a.kind {
	case bank.Checking:
		b.household()
	case bank.Savings:
		b.saving()
	default:
		b.purchases()
		b.cardPaid()
	}
	a.pulse.live(b)
	return b.rows
}

// bill returns what a card account owes for the purchases of a month, not
// counting the live feed.
func (a *account) bill(year int, month time.Month) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := year*12 + int(month)
	if known, ok := a.bills[key]; ok {
		return known
	}
	var sum int64
	var rows []row
	for d := bank.NewDate(year, month, 1); d.Month() == month; d = d.AddDays(1) {
		b := newDaybook(a, d, rows[:0])
		b.purchases()
		rows = b.rows
		for i := range rows {
			if r := &rows[i]; r.booked != never && r.gone == never {
				sum -= r.units
			}
		}
	}
	sum = max(sum, 0)
	a.bills[key] = sum
	return sum
}

// daybook collects the rows of one account made on one day.
type daybook struct {
	*account
	date  bank.Date
	start time.Time // midnight at the bank
	month uint64    // counted from year 0
	due   []int     // days of the month whose payments are made today
	rng   *rand.Rand
	rows  []row
}

func newDaybook(a *account, d bank.Date, rows []row) *daybook {
	start := time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, a.land.zone)
	day := uint64(start.Unix() / (24 * 60 * 60)) //nolint:gosec // a hash
	b := &daybook{
		account: a, date: d, start: start,
		month: uint64(d.Year()*12 + int(d.Month()) - 1), //nolint:gosec // a hash
		rng:   newRand(a.salt, day),
		rows:  rows,
	}
	if weekend(d) {
		return b
	}
	b.due = append(b.due, d.Day())
	for e := d.AddDays(-1); weekend(e) && e.Month() == d.Month(); e = e.AddDays(-1) {
		b.due = append(b.due, e.Day())
	}
	return b
}

func weekend(d bank.Date) bool { return d.Weekday() == time.Saturday || d.Weekday() == time.Sunday }

func (b *daybook) isDue(day int) bool { return slices.Contains(b.due, day) }

func (b *daybook) lastOfMonth() bool { return b.date.AddDays(1).Day() == 1 }

// household is a day of the checking account.
func (b *daybook) household() {
	l := b.land
	if b.isDue(l.salary.day) {
		b.post(l.salary.merchant, l.salary.low)
	}
	for _, m := range l.bills {
		if b.isDue(m.day) {
			b.post(m.merchant, -b.monthly(m))
		}
	}
	if b.isDue(10) {
		b.post(merchant{text: l.words.toSavings, kind: l.kinds.transfer}, -b.saved())
	}
	if b.isDue(22) && b.month%4 == 3 {
		b.post(merchant{text: l.words.fromSavings, kind: l.kinds.transfer}, b.saved()/2)
	}
	if owed := b.billDue(b.card); owed > 0 {
		b.post(merchant{text: l.words.cardBill, kind: l.kinds.debit}, -owed)
	}
	if b.lastOfMonth() {
		b.post(merchant{text: l.words.fee, kind: l.kinds.fee}, -(l.salary.low / 450 / 100 * 100))
	}
	if b.rng.IntN(15) == 0 {
		b.post(merchant{text: l.words.cash, kind: l.kinds.cash}, -(l.salary.low / 60 / 1000 * 1000))
	}
	if b.rng.IntN(7) == 0 {
		m := l.people[b.rng.IntN(len(l.people))]
		b.post(m, -between(b.rng.Uint64(), m.low, m.high))
	}
	for range b.pulse.volume {
		if b.rng.IntN(3) == 0 {
			b.shop(b.merchant())
		}
	}
}

// saving is a day of the savings account.
func (b *daybook) saving() {
	l := b.land
	if b.isDue(10) {
		b.post(merchant{text: l.words.fromChecking, kind: l.kinds.transfer}, b.saved())
	}
	if b.isDue(22) && b.month%4 == 3 {
		b.post(merchant{text: l.words.toChecking, kind: l.kinds.transfer}, -(b.saved() / 2))
	}
	if b.lastOfMonth() {
		b.post(merchant{text: l.words.interest, kind: l.kinds.interest}, 1+between(mix(b.salt, b.month), 0, l.salary.low/200))
	}
}

// purchases is a day of the card, without the payment of its bill.
func (b *daybook) purchases() {
	l := b.land
	for _, m := range l.subs {
		if b.isDue(m.day) {
			b.post(m.merchant, -b.monthly(m))
		}
	}
	if b.isDue(11) {
		b.instalments()
	}
	for range b.pulse.volume {
		for range b.rng.IntN(4) {
			b.shop(b.merchant())
		}
	}
	if b.rng.IntN(40) == 0 {
		m := b.merchant()
		m.text = fmt.Sprintf(l.words.refund, m.text)
		b.post(m, between(b.rng.Uint64(), m.low, m.high))
	}
	if b.rng.IntN(30) == 0 {
		b.travel()
	}
}

// cardPaid is the other end of the bill.
func (b *daybook) cardPaid() {
	if owed := b.billDue(b.account); owed > 0 {
		b.post(merchant{text: b.land.words.cardThanks, kind: b.land.kinds.transfer}, owed)
	}
}

// billDue returns what is paid today for the last month of a card.
func (b *daybook) billDue(card *account) int64 {
	if !b.isDue(20) {
		return 0
	}
	last := bank.NewDate(b.date.Year(), b.date.Month(), 1).AddDays(-1)
	return card.bill(last.Year(), last.Month())
}

// instalments posts one payment of every running plan. Plans of the same price
// at the same store start in consecutive months, so that payments differ in
// nothing but their place in the series.
func (b *daybook) instalments() {
	const of = 10
	for n := range uint64(of) {
		if started := (b.month - n) % 6; started > 1 {
			continue
		}
		m := b.land.store
		place := int(n) + 1
		m.text = fmt.Sprintf(b.land.words.instalment, m.text, place, of)
		b.post(m, -m.low)
		b.rows[len(b.rows)-1].instalment = bank.Instalment{Number: place, Of: of}
	}
}

// travel posts a purchase in another currency, which its text tells.
func (b *daybook) travel() {
	l := b.land
	m := l.travel
	foreign := between(b.rng.Uint64(), m.low, m.high)
	amount, err := money.DecimalFromUnits(foreign, l.abroadDigits()).StringFixed(l.abroadDigits())
	if err != nil {
		amount = strconv.FormatInt(foreign, 10)
	}
	rate := money.DecimalFromUnits(l.rate, 4-l.abroadDigits()+l.currency.Digits()).String()
	if l.comma {
		amount, rate = strings.Replace(amount, ".", ",", 1), strings.Replace(rate, ".", ",", 1)
	}
	m.text = fmt.Sprintf(m.text, amount, rate)
	b.post(m, -(foreign*l.rate+5000)/10_000)
}

func (l *land) abroadDigits() int { return money.Currency(l.abroad).Digits() }

// saved is what goes from the checking to the savings account this month.
func (b *daybook) saved() int64 {
	salary := b.land.salary.low
	h := mix(b.pulse.seed, hashText(b.inst.id), b.month)
	return between(h, salary/25, salary/8) / 1000 * 1000
}

// monthly is what m costs this month.
func (b *daybook) monthly(m monthly) int64 {
	return between(mix(b.salt, b.month, hashText(m.text)), m.low, m.high)
}

// merchant picks somebody to buy from.
func (b *daybook) merchant() merchant {
	m := b.land.everyday[b.rng.IntN(len(b.land.everyday))]
	if strings.Contains(m.text, "{n}") {
		store := 1000 + mix(hashText(m.text), b.pulse.seed, b.rng.Uint64()%3)%9000
		m.text = strings.Replace(m.text, "{n}", strconv.FormatUint(store, 10), 1)
	}
	return m
}

// shop makes a purchase of the day, and the same coffee again now and then.
func (b *daybook) shop(m merchant) {
	units := -between(b.rng.Uint64(), m.low, m.high)
	at := b.start.Add(8*time.Hour + time.Duration(b.rng.IntN(14*60))*time.Minute)
	b.buy(m, units, at, len(b.rows), lifePace)
	if m.coffee && b.rng.IntN(3) == 0 {
		b.buy(m, units, at.Add(20*time.Minute), len(b.rows), lifePace)
	}
}

// post adds a row that is booked early that day and never changes.
func (b *daybook) post(m merchant, units int64) {
	r := b.row(m, units, len(b.rows))
	r.booked = momentOf(b.start.Add(6 * time.Hour))
	b.rows = append(b.rows, r)
}

func (b *daybook) row(m merchant, units int64, seq int) row {
	kind := m.kind
	if kind == "" {
		kind = b.land.kinds.card
	}
	return row{
		origin: b.date, date: b.date, seq: seq, units: units,
		text: m.text, name: m.name, category: m.category, kind: kind,
	}
}
