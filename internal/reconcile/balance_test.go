package reconcile

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/connectors/demo"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// day is so many days after the first of November.
func day(n int) bank.Date { return bank.NewDate(2026, 11, 1).AddDays(n) }

func at(n int) time.Time { return day(n).Time().Add(20 * time.Hour) }

func usd(units int64) money.Amount { return money.New(money.DecimalFromUnits(units, 2), "USD") }

func told(n int, units int64) ledger.DayBalance {
	return ledger.DayBalance{Balance: bank.Balance{Booked: usd(units), Date: day(n)}, Seen: at(n)}
}

// made is a transaction of a day, brought by a run of another.
func made(on int, units int64, brought int) movement {
	return movement{date: day(on), amount: money.DecimalFromUnits(units, 2), told: at(brought).Add(-time.Minute)}
}

func TestBalance(t *testing.T) {
	since := func(n int) ledger.Integration { return ledger.Integration{ID: "i", Since: day(n), Currency: "USD"} }
	opened := &ledger.Opening{From: day(0), Amount: usd(10_000), Day: day(20), Seen: at(20)}
	for _, test := range []struct {
		claim string
		a     account
		state State
		units int64 // difference
		first bank.Date
		says  string
	}{
		{
			"a bank that gives no balance is not known",
			account{integration: since(0)},
			Unknown, 0,
			bank.Date{},
			"gives no balance",
		},
		{
			"the first balance agrees with itself",
			account{integration: since(-90), balances: []ledger.DayBalance{told(20, 12_345)}, movements: []movement{made(3, 345, 20)}},
			Agrees, 0,
			bank.Date{},
			"123.45 USD on 2026-11-21",
		},
		{
			"while a run is under way nothing is said",
			account{integration: since(-90), busy: true, balances: []ledger.DayBalance{told(20, 12_345)}},
			Unknown, 0,
			bank.Date{},
			"being recorded",
		},
		{
			"opening and transactions make the balance",
			account{integration: since(-90), opening: opened, balances: []ledger.DayBalance{told(20, 9_500), told(21, 9_400)}, movements: []movement{
				made(0, -300, 20), made(20, -200, 20), made(21, -100, 21), made(-1, 77, 20),
			}},
			Agrees, 0,
			bank.Date{},
			"Agrees",
		},
		{
			"what came after a balance was told is not in it",
			account{integration: since(-90), opening: opened, balances: []ledger.DayBalance{told(21, 9_900)}, movements: []movement{
				made(21, -100, 21), made(21, -50, 22), made(22, -70, 21),
			}},
			Agrees, 0,
			bank.Date{},
			"Agrees",
		},
		{
			"a transaction that the bank has not told is missed since the day it was booked",
			account{integration: since(-90), opening: opened, movements: []movement{made(21, -100, 21), made(23, -500, 23)}, balances: []ledger.DayBalance{
				told(20, 10_000), told(21, 9_900), told(22, 9_877), told(23, 9_377), told(24, 9_377),
			}},
			Differs, -23, day(22), "Since 2026-11-23 the bank's balance is 0.23 USD less",
		},
		{
			"a transaction told late heals the days between",
			account{integration: since(-90), opening: opened, movements: []movement{made(21, -100, 23)}, balances: []ledger.DayBalance{
				told(21, 9_900), told(22, 9_900), told(23, 9_900),
			}},
			Agrees, 0,
			bank.Date{},
			"Agrees",
		},
		{
			"history that comes after the first balance changes nothing",
			account{integration: since(-90), balances: []ledger.DayBalance{told(20, 10_000), told(21, 10_000)}, movements: []movement{
				made(3, -200, 21), made(12, -100, 20),
			}},
			Agrees, 0,
			bank.Date{},
			"Agrees",
		},
		{
			"something told twice shows as money that the bank has",
			account{integration: since(-90), opening: opened, movements: []movement{made(21, -100, 21), made(21, -100, 21)}, balances: []ledger.DayBalance{told(21, 9_900)}},
			Differs, 100, day(21), "1.00 USD more",
		},
		{
			"soon after the start a difference may come of what was before it",
			account{
				integration: since(20), opening: &ledger.Opening{From: day(20), Amount: usd(10_000), Day: day(20), Seen: at(20)},
				balances: []ledger.DayBalance{told(20, 10_000), told(22, 9_000)},
			},
			Unknown, -1000,
			bank.Date{},
			"from 2026-12-05 on",
		},
		{
			"a start that was moved forward opens anew",
			account{integration: since(10), opening: opened, balances: []ledger.DayBalance{told(20, 9_500), told(29, 9_323)}, movements: []movement{
				made(0, -300, 20), made(20, -200, 20), made(21, -100, 21),
			}},
			Agrees, 0,
			bank.Date{},
			"Agrees",
		},
		{
			"a day that agreed stays so, though the bank has changed what it told of it",
			account{integration: since(-90), opening: opened, movements: []movement{made(20, -600, 20)}, balances: []ledger.DayBalance{
				told(20, 10_000), told(21, 9_500),
			}},
			Differs, 100, day(21), "more",
		},
	} {
		t.Run(test.claim, func(t *testing.T) {
			b, _ := test.a.check()
			if b.State != test.state || !b.Difference.Number().Equal(money.DecimalFromUnits(test.units, 2)) || b.Since != test.first || !strings.Contains(b.Sentence, test.says) {
				t.Errorf("%+v", b)
			}
		})
	}
}

func TestTheOpeningFollowsWhatAgrees(t *testing.T) {
	a := account{integration: ledger.Integration{Since: day(-300)}, balances: []ledger.DayBalance{told(0, 5_000)}, movements: []movement{made(-10, 700, 0)}}
	b, o := a.check()
	if b.State != Agrees || o.From != day(-14) || !o.Amount.Equal(usd(4_300)) || o.Day != day(0) {
		t.Fatalf("%+v, %+v", b, o)
	}
	a.opening, a.balances = o, []ledger.DayBalance{told(0, 5_000), told(100, 6_000)}
	a.movements = append(a.movements, made(50, 1_000, 60))
	if b, o = a.check(); b.State != Agrees || o.From != day(40) || !o.Amount.Equal(usd(5_000)) || o.Day != day(100) {
		t.Fatalf("%+v, %+v", b, o)
	}
	a.opening, a.balances = o, []ledger.DayBalance{told(101, 5_999)}
	if b, o = a.check(); b.State != Differs || o != nil {
		t.Errorf("%+v, %+v", b, o)
	}
}

// A bank that tells everything agrees, however late it books; one that keeps a
// single transaction back differs by that, since the first balance with it.
func TestBalancesFindExactlyWhatIsMissing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const days = 40
		a := account{integration: ledger.Integration{Since: day(-60)}}
		type row struct {
			movement
			booked int
		}
		var rows []row
		for range rapid.IntRange(0, 60).Draw(t, "rows") {
			booked := rapid.IntRange(-30, days).Draw(t, "booked")
			on := booked - rapid.IntRange(0, lookBack).Draw(t, "late")
			units := rapid.Int64Range(-10_000, 10_000).Filter(func(u int64) bool { return u != 0 }).Draw(t, "units")
			rows = append(rows, row{made(on, units, max(booked, 0)), booked})
		}
		missing := rapid.IntRange(-1, len(rows)-1).Draw(t, "missing")
		for n, r := range rows {
			if n != missing {
				a.movements = append(a.movements, r.movement)
			}
		}
		want, first := Agrees, bank.Date{}
		for n := range days + 1 {
			sum := rapid.Int64Range(0, 1).Draw(t, "told") // not every day
			if sum == 0 && n > 0 && n < days {
				continue
			}
			booked := money.DecimalFromUnits(123_456, 2)
			for i, r := range rows {
				if r.booked <= n {
					booked = booked.Add(r.amount)
					if i == missing && r.booked > 0 && want == Agrees {
						want, first = Differs, day(n)
					}
				}
			}
			a.balances = append(a.balances, ledger.DayBalance{Balance: bank.Balance{Booked: money.New(booked, "USD"), Date: day(n)}, Seen: at(n)})
		}
		b, _ := a.check()
		if b.State != want || b.Since != first {
			t.Fatalf("%s since %q, want %s since %q: %s", b.State, b.Since, want, first, b.Sentence)
		}
		if want == Differs && !b.Difference.Number().Equal(rows[missing].amount) {
			t.Fatalf("differs by %s", b.Difference)
		}
	})
}

// ideal is what an app that makes no mistake has of a demo account.
type ideal struct{ account }

// take brings an update into the book, as the feed does: what is reported
// completely replaces what was known of these days. It returns how many were
// withdrawn.
func (i *ideal) take(p connectors.AccountPage, now time.Time) (removed int) {
	var kept []movement
	key := func(d bank.Date, n money.Decimal) string { return d.String() + " " + n.String() }
	times := make(map[string][]time.Time)
	for _, m := range i.movements {
		if !p.Complete.Contains(m.date) {
			kept = append(kept, m)
			continue
		}
		k := key(m.date, m.amount)
		times[k] = append(times[k], m.told)
	}
	for _, t := range p.Transactions {
		if t.Status != bank.Booked || t.Date.Before(i.integration.Since) {
			continue
		}
		m := movement{date: t.Date, amount: t.Amount.Number(), told: now}
		if k := key(m.date, m.amount); len(times[k]) > 0 {
			m.told, times[k] = times[k][0], times[k][1:]
		}
		kept = append(kept, m)
	}
	for _, left := range times {
		removed += len(left)
	}
	i.movements = kept
	if p.Balance == nil {
		return removed
	}
	d := ledger.DayBalance{Balance: *p.Balance, Seen: now.Add(time.Second)}
	if n := len(i.balances); n > 0 && i.balances[n-1].Date == d.Date {
		i.balances = i.balances[:n-1]
	}
	i.balances = append(i.balances, d)
	return removed
}

// The demo banks book late, withdraw, and give no ids. Their balances agree all
// the same, whatever the first day is.
func TestDemoBanksAgree(t *testing.T) {
	countries := map[string]string{"us_newyork": "US", "jp_tokyo": "JP", "de_ohne": "DE"}
	for institution, country := range countries {
		for _, back := range []int{0, 20} {
			t.Run(fmt.Sprintf("%s since %d days", institution, back), func(t *testing.T) {
				t.Parallel()
				now := noon
				c := demo.New(connectors.Deps{
					Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), Rand: rand.NewChaCha8([32]byte{}),
				}, demo.Config{Seed: 7})
				auth := signIn(t, c, institution, country)
				accounts, err := c.Accounts(t.Context(), auth)
				if err != nil {
					t.Fatal(err)
				}
				books := make(map[string]*ideal)
				var wanted []connectors.Wanted
				for _, a := range accounts {
					since := bank.DateOf(now).AddDays(-back)
					books[a.Key] = &ideal{account: account{integration: ledger.Integration{ID: a.Key, Since: since}}}
					wanted = append(wanted, connectors.Wanted{Key: a.Key, Since: since})
				}
				var state []byte
				removed := 0
				for step := range 30 {
					for more := connectors.NextUpdate; more == connectors.NextUpdate; {
						var pages []connectors.AccountPage
						pages, state, more = fetch(t, c, connectors.FetchRequest{Auth: auth, Wanted: wanted, State: state, Limit: 500})
						for _, p := range pages {
							removed += books[p.Key].take(p, now)
						}
					}
					for key, i := range books {
						b, next := i.check()
						if b.State == Differs || b.State == Unknown && (back >= lookBack || len(i.balances) == 0) {
							t.Fatalf("step %d, %s: %s", step, key, b.Sentence)
						}
						if step%3 == 2 && next != nil {
							i.opening = next
							i.balances = slices.Clone(i.balances[len(i.balances)-1:])
						}
					}
					if step < 8 {
						now = now.Add(7 * time.Minute)
					} else {
						now = now.Add(17 * time.Hour)
					}
				}
				if institution == "us_newyork" && removed == 0 {
					t.Error("nothing was withdrawn: it proves little")
				}
			})
		}
	}
}

func signIn(t *testing.T, c *demo.Connector, institution, country string) seal.Secret {
	t.Helper()
	step, err := c.BeginLink(t.Context(), connectors.LinkRequest{Institution: institution, Country: country})
	if err != nil {
		t.Fatal(err)
	}
	step, err = c.ContinueLink(t.Context(), []byte(step.Progress.Reveal()), map[string]string{"user": "demo", "password": "demo"})
	if err != nil || step.Done == nil {
		t.Fatal(step, err)
	}
	return step.Done.Secret
}

// fetch reads one update.
func fetch(t *testing.T, c connectors.Connector, req connectors.FetchRequest) ([]connectors.AccountPage, []byte, connectors.More) {
	t.Helper()
	whole := make(map[string]*connectors.AccountPage)
	for {
		page, err := c.Fetch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page.Accounts {
			all, ok := whole[a.Key]
			if !ok {
				all = &connectors.AccountPage{Key: a.Key}
				whole[a.Key] = all
			}
			all.Transactions = append(all.Transactions, a.Transactions...)
			if a.Balance != nil {
				all.Balance, all.Complete = a.Balance, a.Complete
			}
		}
		if page.More == connectors.SameUpdate {
			req.State = page.Next
			continue
		}
		var pages []connectors.AccountPage
		for _, a := range whole {
			pages = append(pages, *a)
		}
		return pages, page.Next, page.More
	}
}
