package feed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/store"
)

func TestWhatTheBankAnswersDecidesTheConnection(t *testing.T) {
	tests := []struct {
		claim  string
		err    error
		status ledger.ConnectionStatus
		wait   time.Duration // until it is asked again; 0 is never
	}{
		{"needs_reauth stops polling until the person reconnects", errs.New(errs.NeedsReauth, ""), ledger.Reconnect, 0},
		{"so do invalid credentials", errs.New(errs.InvalidCredentials, ""), ledger.Reconnect, 0},
		{"user_action_at_bank waits", errs.New(errs.UserActionAtBank, ""), ledger.Connected, time.Hour},
		{"institution_down backs off", errs.New(errs.InstitutionDown, ""), ledger.Connected, 30 * time.Second},
		{"rate_limited waits as long as it is told", &errs.Error{Code: errs.RateLimited, After: 2 * time.Hour}, ledger.Connected, 2 * time.Hour},
		{"rate_limited without a word backs off", errs.New(errs.RateLimited, ""), ledger.Connected, 30 * time.Second},
		{"config_error waits for the operator", errs.New(errs.Config, ""), ledger.Connected, 6 * time.Hour},
		{"an error nobody thought of backs off", errors.New("what is this"), ledger.Connected, 30 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			w := linked(t)
			w.bank.fetch = func(connectors.FetchRequest) (connectors.Page, error) { return connectors.Page{}, test.err }
			w.sync()
			c := w.connection("c1")
			if c.Status != test.status || c.Problem == nil || c.Problem.Code != errs.CodeOf(test.err) || c.Problem.Sentence == "" || c.Failures != 1 {
				t.Errorf("the connection is %s, %d failures, %+v", c.Status, c.Failures, c.Problem)
			}
			wait := c.NextSync.Sub(w.now)
			if c.NextSync.IsZero() {
				wait = 0
			}
			if wait != test.wait {
				t.Errorf("it is asked again after %s, want %s", wait, test.wait)
			}
			if len(w.bank.fetches) != 1 {
				t.Errorf("the bank was asked %d times", len(w.bank.fetches))
			}
			if test.wait == 0 {
				return
			}
			w.bank.fetch = nil
			w.bank.shows(coffee)
			w.now = c.NextSync.Add(-time.Second)
			w.tick()
			w.wantBook("Bank")
			w.now = c.NextSync
			w.tick()
			w.wantBook("Bank", coffee)
			if c := w.connection("c1"); c.Problem != nil || c.Failures != 0 {
				t.Errorf("after a good sync the connection has %+v", c.Problem)
			}
		})
	}
}

func (w *world) tick() {
	w.t.Helper()
	w.check(w.feed.Tick(w.t.Context()))
	w.drain()
}

func TestABankThatStaysDownIsAskedLessAndLess(t *testing.T) {
	w := linked(t)
	w.bank.fetch = func(connectors.FetchRequest) (connectors.Page, error) {
		return connectors.Page{}, errs.New(errs.InstitutionDown, "")
	}
	w.sync()
	var waits []time.Duration
	for range 12 {
		c := w.connection("c1")
		waits = append(waits, c.NextSync.Sub(w.now))
		w.now = c.NextSync
		w.tick()
	}
	if !slices.IsSorted(waits) || waits[11] != 6*time.Hour || waits[1] != time.Minute {
		t.Errorf("the waits are %v", waits)
	}
}

func TestTheClockAsksWhenItIsTime(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee)
	w.sync()
	if next := w.connection("c1").NextSync.Sub(w.now); next != 6*time.Hour {
		t.Errorf("the next sync is in %s", next)
	}
	w.bank.shows(coffee, tea)
	for range 5 {
		w.tick()
	}
	if len(w.bank.fetches) != 1 {
		t.Errorf("asked %d times before the time has come", len(w.bank.fetches))
	}
	w.now = w.now.Add(6 * time.Hour)
	w.check(w.feed.Tick(t.Context()))
	w.check(w.feed.Tick(t.Context())) // before the first was done
	w.drain()
	w.wantBook("Bank", coffee, tea)
	if len(w.bank.fetches) != 2 {
		t.Errorf("asked %d times, want 2", len(w.bank.fetches))
	}
}

func TestSyncsAskedForWhileOneIsUnderWayAreOne(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee)
	for range 10 {
		w.check(w.feed.Sync(t.Context(), "c1"))
	}
	w.now = w.now.Add(time.Millisecond)
	w.drain()
	if n := len(w.bank.fetches); n != 1 {
		t.Errorf("the bank was asked %d times", n)
	}
}

func TestAnAccountThatIsGoneStopsThatIntegrationOnly(t *testing.T) {
	w := linked(t)
	w.integrate("i2", "c1", "card", "Card", firstOfMonth)
	w.bank.report = map[string]pageOf{
		"checking": {Err: errs.New(errs.AccountGone, "")},
		"card":     {Transactions: []bank.Transaction{tea}},
	}
	w.sync()
	w.wantBook("Card", tea)
	if i := w.integration("i1"); i.Stopped == nil || i.Stopped.Code != errs.AccountGone {
		t.Errorf("the integration of the account that is gone is %+v", i.Stopped)
	}
	if i := w.integration("i2"); i.Stopped != nil {
		t.Errorf("the other one is %+v", i.Stopped)
	}
	if a, _ := w.connection("c1").Account("checking"); !a.Gone {
		t.Error("the account is not marked as gone")
	}
	if _, err := w.feed.RetryParked(t.Context(), "book"); err != nil {
		t.Fatal(err)
	}
	w.drain()
	if w.integration("i1").Stopped == nil {
		t.Error("a retry of what the book refused has resumed what the bank has ended")
	}
}

func TestAShortHistoryIsRecordedWithANotice(t *testing.T) {
	w := linked(t)
	w.bank.report = map[string]pageOf{"checking": {
		Transactions: []bank.Transaction{coffee}, Err: errs.New(errs.HistoryNotAvailable, "Only since 3 November."),
		Balance: &bank.Balance{Booked: money.MustParse("99", "EUR"), Date: today},
	}}
	w.sync()
	w.wantBook("Bank", coffee)
	i := w.integration("i1")
	if i.Stopped != nil || i.Notice == nil || i.Notice.Sentence != "Only since 3 November." {
		t.Errorf("stopped %+v, notice %+v", i.Stopped, i.Notice)
	}
	if a, _ := w.connection("c1").Account("checking"); a.Balance == nil || a.Balance.Booked.String() != "99 EUR" {
		t.Errorf("the balance is %+v", a.Balance)
	}
}

func TestDaysThatTheBankLeavesOutWithoutAWordAreNoticed(t *testing.T) {
	day := func(n int) bank.Date { return bank.NewDate(2026, 11, n) }
	for claim, c := range map[string]struct {
		told  bank.Date
		whole connectors.Days
		want  string // of the days that are missing
	}{
		"all that was asked for":                   {bank.Date{}, days(1, 22), ""},
		"less than was asked for":                  {bank.Date{}, days(10, 22), "from 2026-11-01 to 2026-11-09"},
		"a window that overlaps what is told":      {day(15), days(10, 22), ""},
		"a window that begins where it has ended":  {day(15), days(16, 22), ""},
		"a window that leaves days between":        {day(15), days(18, 22), "from 2026-11-16 to 2026-11-17"},
		"news, of which nobody says what is whole": {day(15), connectors.Days{}, ""},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			i := w.integration("i1")
			i.Told = c.told
			w.put(i)
			w.bank.report = map[string]pageOf{"checking": {Transactions: []bank.Transaction{row("z", 20, "-1", "Z")}, Complete: c.whole}}
			for range 2 { // the second time says the same of the rest
				w.sync()
			}
			i = w.integration("i1")
			if (i.Notice != nil) != (c.want != "") || i.Notice != nil && !strings.Contains(i.Notice.Sentence, c.want) {
				t.Errorf("notice %+v", i.Notice)
			}
			if i.Stopped != nil || !c.whole.To.IsZero() && i.Told != day(21) {
				t.Errorf("stopped %+v, told to %s", i.Stopped, i.Told)
			}
		})
	}
}

// pages makes the bank answer with these updates, each of several pages. Their
// states are "u<update>" and "u<update>p<page>".
func (b *fakeBank) updates(updates ...[]connectors.AccountPage) {
	b.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
		update, at := 0, 0
		if n, _ := fmt.Sscanf(string(req.State), "u%dp%d", &update, &at); n < 1 && len(req.State) > 0 {
			return connectors.Page{}, errs.New(errs.Conflict, "")
		}
		if update >= len(updates) {
			return connectors.Page{Next: fmt.Appendf(nil, "u%d", update)}, nil
		}
		page := connectors.Page{Accounts: []connectors.AccountPage{updates[update][at]}}
		switch {
		case at+1 < len(updates[update]):
			page.More, page.Next = connectors.SameUpdate, fmt.Appendf(nil, "u%dp%d", update, at+1)
		case update+1 < len(updates):
			page.More, page.Next = connectors.NextUpdate, fmt.Appendf(nil, "u%d", update+1)
		default:
			page.Next = fmt.Appendf(nil, "u%d", update+1)
		}
		return page, nil
	}
}

func checking(rows ...bank.Transaction) connectors.AccountPage {
	return connectors.AccountPage{Key: "checking", Transactions: rows}
}

func TestPagesOfUpdatesAreRecordedAndTheStateIsKept(t *testing.T) {
	w := linked(t)
	w.bank.updates(
		[]connectors.AccountPage{checking(coffee), checking(tea)},
		[]connectors.AccountPage{checking(wage)},
	)
	w.sync()
	w.wantBook("Bank", coffee, tea, wage)
	if c := w.connection("c1"); string(c.State) != "u2" {
		t.Errorf("the state is %q", c.State)
	}
	var states []string
	for _, f := range w.bank.fetches {
		states = append(states, string(f.State))
		if f.Auth.Reveal() != "secret of c1" || f.Limit < 1 || len(f.Wanted) != 1 || f.Wanted[0] != (connectors.Wanted{Key: "checking", Since: firstOfMonth}) {
			t.Errorf("asked for %+v", f)
		}
	}
	if diff := cmp.Diff([]string{"", "u0p1", "u1"}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func TestAnInterruptedUpdateBeginsAgainFromTheSameState(t *testing.T) {
	w := linked(t)
	w.bank.updates([]connectors.AccountPage{checking(coffee)}, []connectors.AccountPage{checking(tea), checking(wage)})
	ask := w.bank.fetch
	w.bank.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
		if string(req.State) == "u1p1" {
			return connectors.Page{}, errs.New(errs.InstitutionDown, "")
		}
		return ask(req)
	}
	w.sync()
	w.wantBook("Bank", coffee)
	if c := w.connection("c1"); string(c.State) != "u1" {
		t.Errorf("the state is %q, want that before the update", c.State)
	}
	w.bank.fetch = ask
	w.sync()
	w.wantBook("Bank", coffee, tea, wage)
}

func TestWhatTheBankHasSaidSinceStays(t *testing.T) {
	before, since := row("a", 3, "-2.50", "COFFEE"), row("a", 3, "-3.50", "COFFEE AND CAKE")
	for name, at := range map[string]string{"before its run is written": "bank", "before the queue has its rows": "queue"} {
		t.Run("a sync is overtaken by its own redelivery, in the same moment, "+name, func(t *testing.T) {
			w := linked(t)
			w.bank.shows(before)
			var sync *delivery
			w.tap = func(d delivery) {
				if d.Kind == "sync" && sync == nil {
					sync = &d
				}
			}
			overtaken := false
			overtake := func(here string) {
				if here == at && sync != nil && !overtaken {
					overtaken = true
					w.bank.shows(since)
					w.check(w.feed.Handle(t.Context(), *sync))
				}
			}
			w.bank.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
				page := w.bank.whole(req)
				overtake("bank")
				return page, nil
			}
			w.power.yield = func(here string) {
				if here == "queue" {
					overtake(here)
				}
			}
			w.sync()
			w.wantBook("Bank", since)
			if n := w.book.calls["update"]; !overtaken || n > 0 {
				t.Errorf("overtaken %v, and a draft was changed %d times", overtaken, n)
			}
		})
	}
}

func TestASyncBringsNothingThatIsWantedOtherwiseBeforeItsRunIsWritten(t *testing.T) {
	tests := map[string]struct {
		change func(*world, ledger.Integration)
		from   string // the state of the connection, and
		of     string // the connection that then tells everything
	}{
		"its state was set back, so that the bank tells again": {func(w *world, i ledger.Integration) {
			c := w.connection("c1")
			c.State = []byte("earlier")
			w.check(ledger.All().Connections.Save(w.t.Context(), w.disk, store.Key("c1"), c))
			i.Resync++
			w.put(i)
		}, "earlier", "c1"},
		"the integration has another connection": {func(w *world, i ledger.Integration) {
			w.connect("c2", "u1")
			w.check(w.disk.Update(w.t.Context(), func(tx store.Tx) error { return ledger.All().DeleteIntegration(tx, i) }))
			i.ConnectionID = "c2"
			w.put(i)
		}, "", "c2"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			w := linked(t)
			w.bank.shows(coffee)
			w.sync()
			w.bank.shows(coffee, tea)
			changed := false
			w.bank.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
				if !changed {
					changed = true
					c.change(w, w.integration("i1"))
				}
				return w.bank.whole(req), nil
			}
			w.sync()
			w.check(w.feed.Sync(t.Context(), c.of))
			w.drain()
			w.wantBook("Bank", coffee, tea)
			var told []string
			for _, r := range w.runs() {
				told = append(told, r.Connection+" from "+string(r.From))
			}
			if diff := cmp.Diff([]string{c.of + " from " + c.from, "c1 from "}, told); diff != "" {
				t.Errorf("runs, the newest first (-want +got):\n%s", diff)
			}
		})
	}
}

// The row that takes the place of a withdrawn one is not recorded yet when the
// withdrawn one is told again: they are two.
func TestWhatTheBankBringsBackWhileItsPlaceIsBeingTakenIsRecorded(t *testing.T) {
	w := linked(t)
	news := w.news()
	news.tell(nil, coffee)
	w.sync()
	other := coffee
	other.ID = "other"
	synced := 0
	w.handle = func(ctx context.Context, d delivery) error {
		if d.Kind == "record" && synced < 2 {
			return errAway
		}
		if d.Kind == "sync" {
			synced++
		}
		return w.feed.Handle(ctx, d)
	}
	news.tell([]string{coffee.ID}, other)
	w.check(w.feed.Sync(t.Context(), "c1"))
	for synced < 1 {
		w.step()
	}
	w.now = w.now.Add(time.Minute)
	news.tell(nil, coffee)
	w.sync()
	w.wantBook("Bank", coffee, other)
}

func TestAStateTheBankCannotUseBeginsAnew(t *testing.T) {
	w := linked(t)
	w.bank.updates([]connectors.AccountPage{checking(coffee, tea)})
	w.sync()
	c := w.connection("c1")
	c.State = []byte("damaged")
	w.check(ledger.All().Connections.Save(t.Context(), w.disk, store.Key("c1"), c))
	w.bank.updates([]connectors.AccountPage{checking(coffee, tea, wage)})
	w.sync()
	w.wantBook("Bank", coffee, tea, wage)
	if c := w.connection("c1"); string(c.State) != "u1" || c.Problem != nil {
		t.Errorf("the state is %q, %+v", c.State, c.Problem)
	}
}

// changing makes a bank tell of an update in two pages, and withdraw a row and
// refuse to go on before the second, so often.
func (b *fakeBank) changing(times int) {
	withdrawn := false
	b.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
		page := connectors.Page{Next: []byte("u1")}
		switch state := string(req.State); {
		case state == "u1p1" && times > 0:
			times--
			withdrawn = true
			return connectors.Page{}, errs.New(errs.Conflict, "")
		case state == "u1p1":
			page.Accounts, page.Next = []connectors.AccountPage{checking(wage)}, []byte("u2")
		case state == "u1":
			page.Accounts, page.Next, page.More = []connectors.AccountPage{checking(tea)}, []byte("u1p1"), connectors.SameUpdate
			if withdrawn {
				page.Accounts[0].Removed = []string{coffee.ID}
			}
		case withdrawn:
			page.Accounts, page.Next = []connectors.AccountPage{checking(tea, wage)}, []byte("u2")
		default:
			page.Accounts = []connectors.AccountPage{checking(coffee)}
		}
		return page, nil
	}
}

func TestAnUpdateThatIsRefusedMidwayBeginsAgainFromTheSameState(t *testing.T) {
	w := linked(t)
	w.bank.changing(1)
	w.sync()
	w.wantBook("Bank", coffee)
	w.sync()
	w.wantBook("Bank", tea, wage) // who begins from nothing hears of no withdrawal
	if c := w.connection("c1"); string(c.State) != "u2" || c.Problem != nil {
		t.Errorf("the state is %q, %+v", c.State, c.Problem)
	}
}

func TestAnUpdateThatIsAlwaysRefusedMidwayIsAskedForLater(t *testing.T) {
	w := linked(t)
	w.bank.changing(20)
	w.sync()
	w.sync()
	w.wantBook("Bank", coffee)
	if c := w.connection("c1"); string(c.State) != "u1" || c.Problem == nil || c.Status != ledger.Connected || c.NextSync.IsZero() {
		t.Errorf("%+v", c)
	}
	w.bank.changing(0)
	w.sync()
	w.wantBook("Bank", coffee, tea, wage)
}

func TestABankThatTurnsInCirclesIsStopped(t *testing.T) {
	w := linked(t)
	w.bank.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
		return connectors.Page{More: connectors.SameUpdate, Next: req.State}, nil
	}
	w.sync()
	if c := w.connection("c1"); c.Problem == nil {
		t.Error("nothing was noted")
	}
}

func TestAnotherPeriodFetchesEverythingAgain(t *testing.T) {
	w := newWorld(t)
	w.integrate("i1", "c1", "checking", "Bank", bank.NewDate(2026, 11, 4))
	w.bank.updates([]connectors.AccountPage{checking(coffee, tea, wage)})
	w.sync()
	w.wantBook("Bank", wage)
	i := w.integration("i1")
	i.Since, i.Resync = firstOfMonth, 1
	w.put(i)
	asked := len(w.bank.fetches)
	w.sync()
	w.wantBook("Bank", coffee, tea, wage)
	if again := w.bank.fetches[asked]; len(again.State) != 0 || again.Wanted[0].Since != firstOfMonth {
		t.Errorf("asked for %+v", again)
	}
	w.addsUp(w.runs()[0])
}

func TestEverythingAgainUnderOtherIDsDoublesNothing(t *testing.T) {
	w := linked(t)
	w.bank.tells(nil, coffee, coffee2, tea)
	w.sync()
	i := w.integration("i1") // the person asks for all of it again
	i.Resync++
	w.put(i)
	again := []bank.Transaction{coffee, coffee2, tea, row("n", 5, "-9", "NEW")}
	for n := range again[:3] {
		again[n].ID = name("again", n)
	}
	w.bank.tells(nil, again...)
	w.sync()
	w.wantBook("Bank", again...)
}

func TestARowThatHasMovedToAnotherDayIsKnownThereUnderAnotherID(t *testing.T) {
	w := linked(t)
	w.bank.tells(nil, coffee, tea)
	w.sync()
	moved := changedTo(coffee, 9, "-2.50", "COFFEE")
	w.bank.tells(nil, moved)
	w.sync()
	moved.ID = "again"
	w.bank.updates([]connectors.AccountPage{{Key: "checking", Transactions: []bank.Transaction{moved}, Complete: days(8, 10)}})
	w.sync()
	w.wantBook("Bank", tea, moved)
}

var coffee2 = row("a2", 3, "-2.50", "COFFEE")

func TestTheStateMovesOnlyWhenTheQueueHasTheRows(t *testing.T) {
	w := linked(t)
	w.bank.updates([]connectors.AccountPage{checking(coffee, tea)})
	w.check(w.feed.Sync(t.Context(), "c1"))
	fails := 0
	w.power.publish = func(int) (bool, bool) {
		fails++
		return fails <= 2, fails == 3 // twice refused, once taken without a word
	}
	for fails < 4 && w.step() {
		if fails < 3 && w.connection("c1").State != nil {
			t.Fatal("the state has moved on without the rows")
		}
	}
	w.drain()
	w.wantBook("Bank", coffee, tea)
	if string(w.connection("c1").State) != "u1" {
		t.Errorf("the state is %q", w.connection("c1").State)
	}
}

// TestACutAnywhereLosesAndDoublesNothing cuts the power at every effect that a
// life of the feed has, before and after the effect, once each.
func TestACutAnywhereLosesAndDoublesNothing(t *testing.T) {
	hotel := row("h", 9, "-80", "HOTEL")
	life := func(w *world) []bank.Transaction {
		w.bank.shows(coffee, tea, wage, hotel, row("e", 5, "-1", "BUS"), row("f", 5, "-1", "BUS"), pending(row("p", 20, "-100", "TAXI")))
		w.sync()
		taxi := row("q", 21, "-120", "TAXI")
		now := []bank.Transaction{
			changedTo(coffee, 3, "-2.60", "COFFEE 2"), tea, row("e2", 5, "-1", "BUS"), row("f2", 5, "-1", "BUS"), hotel, taxi,
			row("n", 3, "-3", "TEA"),
		}
		w.bank.shows(now...)
		page := w.bank.report["checking"]
		page.Removed = []string{"c", "p"}
		w.bank.report["checking"] = page
		w.sync()
		return now
	}
	whole := linked(t)
	whole.wantBook("Bank", life(whole)...)
	effects := whole.power.effects
	for n := 1; n <= effects; n++ {
		for _, after := range []bool{false, true} {
			w := linked(t)
			w.power.cutAt, w.power.after = n, after
			want := life(w)
			w.tick()
			w.wantBook("Bank", want...)
			for _, r := range w.runs() {
				if !r.FinishedAt.IsZero() {
					w.addsUp(r)
				}
			}
			for _, e := range w.entries() {
				if e.State == ledger.Claimed || e.Flag != "" {
					t.Errorf("%s is %s, flagged %q", e.Row.Description, e.State, e.Flag)
				}
			}
			if t.Failed() {
				t.Fatalf("cut at effect %d of %d, after it: %v", n, effects, after)
			}
		}
	}
	t.Logf("%d effects", effects)
}

func TestAnyMessageMayFailForAWhile(t *testing.T) {
	for _, op := range []string{"book", "list", "create", "find", "get", "update", "trash"} {
		for _, err := range []error{errAway, errTooOften} {
			w := linked(t)
			w.bank.shows(coffee, tea, wage)
			down := 4
			w.book.trouble = func(o string) (error, error) {
				if o != op || down == 0 {
					return nil, nil
				}
				down--
				return err, nil
			}
			w.sync()
			now := changedTo(coffee, 3, "-2.60", "COFFEE 2")
			w.bank.tells([]string{"b"}, now)
			w.sync()
			w.wantBook("Bank", now, wage)
			if t.Failed() {
				t.Fatalf("%s failed with %v", op, err)
			}
		}
	}
}

func TestWhatNobodyHandlesIsAnError(t *testing.T) {
	w := linked(t)
	for _, d := range []delivery{
		{Message: message("x", "nothing", "{}")}, {Message: message("y", "record", "not JSON")},
	} {
		if err := w.feed.Handle(t.Context(), d); err == nil {
			t.Errorf("a message of kind %s with %s is done", d.Kind, d.Body)
		}
	}
}

func TestARemovedConnectionHasNothingToSync(t *testing.T) {
	w := linked(t)
	for _, status := range []ledger.ConnectionStatus{ledger.Disconnected, ledger.Reconnect} {
		c := w.connection("c1")
		c.Status = status
		w.check(ledger.All().Connections.Save(t.Context(), w.disk, store.Key("c1"), c))
		w.sync()
	}
	w.check(w.feed.Sync(t.Context(), "never was"))
	w.drain()
	if len(w.bank.fetches) != 0 {
		t.Errorf("the bank was asked %d times", len(w.bank.fetches))
	}
}

func TestTheBellRingsForItsConnection(t *testing.T) {
	w := linked(t)
	c := w.connection("c1")
	c.Ref = "item-1"
	w.check(ledger.All().Connections.Save(t.Context(), w.disk, store.Key("c1"), c))
	w.bank.shows(coffee)
	for ref, want := range map[string]int{"": 0, "item-2": 0, "item-1": 1} {
		w.bank.fetches = nil
		w.now = w.now.Add(time.Minute)
		w.check(w.feed.Ring(t.Context(), "fake", ref))
		w.drain()
		if len(w.bank.fetches) != want {
			t.Errorf("the bell of %q: the bank was asked %d times, want %d", ref, len(w.bank.fetches), want)
		}
	}
	w.check(w.feed.Ring(t.Context(), "other", "item-1"))
	if n, _ := w.queue.Waiting(t.Context()); n != 0 {
		t.Error("the bell of another connector was answered")
	}
}

func TestSimilarDraftsArriveCompletedOnceTaught(t *testing.T) {
	w := linked(t)
	for n := range 30 {
		w.book.add(bkper.Transaction{
			Date: bank.NewDate(2026, 9, 1).AddDays(n), Amount: bkper.Amount(fmt.Sprint(3 + n%4)), Description: "STARBUCKS",
			Posted: true, CreditAccount: &bkper.Account{ID: "Bank"}, DebitAccount: &bkper.Account{ID: "Food"},
		})
	}
	w.check(w.feed.Learn(t.Context(), "book", "u1"))
	w.drain()
	w.bank.shows(row("s", 6, "-4", "STARBUCKS"), row("u", 6, "-77", "SOMETHING ELSE"))
	w.sync()
	got, other := w.book.named("STARBUCKS"), w.book.named("SOMETHING ELSE")
	for _, id := range w.book.order {
		if r := w.book.all[id]; len(r.RemoteIDs) > 0 && r.Description == "STARBUCKS" {
			got = r
		}
	}
	if got.DebitAccount == nil || got.DebitAccount.ID != "Food" || !got.Draft || got.Properties["completed_because"] == "" {
		t.Errorf("the draft is %+v", got)
	}
	if other.DebitAccount != nil {
		t.Errorf("a guess was written: %+v", other)
	}
	c := w.runs()[0].Counts
	if c.Recorded != 2 || c.Completed != 1 {
		t.Errorf("counts %+v", c)
	}
	w.addsUp(w.runs()[0])
}

func TestAFailureFromBeforeAReconnectDoesNotUndoIt(t *testing.T) {
	w := linked(t)
	w.bank.fetch = func(connectors.FetchRequest) (connectors.Page, error) {
		err := ledger.All().Connections.Update(t.Context(), w.disk, store.Key("c1"), func(c ledger.Connection) (ledger.Connection, error) {
			c.Secret = append(c.Secret, '!') // the person has signed in again
			return c, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return connectors.Page{}, errs.New(errs.NeedsReauth, "")
	}
	w.sync()
	if c := w.connection("c1"); c.Status != ledger.Connected || c.Problem != nil {
		t.Errorf("the connection is %s, %+v", c.Status, c.Problem)
	}
}
