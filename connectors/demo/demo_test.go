package demo

import (
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

// opened is when the feeds of these tests begin.
var opened = time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC)

// clock is the time of a test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a connector with a clock of its own.
func world(t testing.TB, cfg Config) (*Connector, *clock) {
	t.Helper()
	time := &clock{now: opened}
	cfg.Opened = opened
	c := New(connectors.Deps{Log: slog.New(slog.DiscardHandler), Now: time.Now, Rand: rand.Reader}, cfg)
	return c, time
}

var good = map[string]string{"user": "demo", "password": "demo"}

// signIn signs in at an institution that has a form.
func signIn(t testing.TB, c *Connector, institution string) seal.Secret {
	t.Helper()
	step, err := c.BeginLink(t.Context(), connectors.LinkRequest{Institution: institution, Country: findInstitution(institution).country})
	if err != nil {
		t.Fatal(err)
	}
	step, err = c.ContinueLink(t.Context(), []byte(step.Progress.Reveal()), good)
	if err != nil {
		t.Fatal(err)
	}
	if step.Done == nil {
		t.Fatal("the sign-in is not done")
	}
	return step.Done.Secret
}

// everything wants all accounts of an authorization.
func everything(t testing.TB, c *Connector, auth seal.Secret, since bank.Date) []connectors.Wanted {
	t.Helper()
	accounts, err := c.Accounts(t.Context(), auth)
	if err != nil {
		t.Fatal(err)
	}
	var wanted []connectors.Wanted
	for _, a := range accounts {
		wanted = append(wanted, connectors.Wanted{Key: a.Key, Since: since})
	}
	return wanted
}

// read reads one update and gathers it by account.
func read(t testing.TB, c *Connector, req connectors.FetchRequest) (map[string]*connectors.AccountPage, connectors.Page) {
	t.Helper()
	all := make(map[string]*connectors.AccountPage)
	for {
		page, err := c.Fetch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Accounts {
			sum := all[p.Key]
			if sum == nil {
				sum = &connectors.AccountPage{Key: p.Key}
				all[p.Key] = sum
			}
			sum.Transactions = append(sum.Transactions, p.Transactions...)
			sum.Removed = append(sum.Removed, p.Removed...)
			if p.Complete != (connectors.Days{}) {
				sum.Complete = p.Complete
			}
			if p.Balance != nil {
				sum.Balance = p.Balance
			}
			if p.Err != nil {
				sum.Err = p.Err
			}
		}
		req.State = page.Next
		if page.More != connectors.SameUpdate {
			return all, page
		}
	}
}

func booked(all []bank.Transaction) []bank.Transaction {
	var kept []bank.Transaction
	for _, tx := range all {
		if tx.Status == bank.Booked {
			tx.ID, tx.PendingID = "", ""
			kept = append(kept, tx)
		}
	}
	return kept
}

func find(all []bank.Transaction, text string) []bank.Transaction {
	var found []bank.Transaction
	for _, tx := range all {
		if strings.Contains(tx.Description, text) {
			found = append(found, tx)
		}
	}
	return found
}

func accountOf(c *Connector, institution string, kind bank.AccountKind) *account {
	for _, a := range c.accounts[institution] {
		if a.kind == kind {
			return a
		}
	}
	return nil
}

func history(c *Connector, institution string, kind bank.AccountKind) []bank.Transaction {
	return c.Truth(institution, accountOf(c, institution, kind).key, bank.Date{}, opened)
}

func TestSameSeedSameWorld(t *testing.T) {
	a, _ := world(t, Config{Seed: 7})
	b, _ := world(t, Config{Seed: 7})
	other, _ := world(t, Config{Seed: 8})
	for _, kind := range []bank.AccountKind{bank.Checking, bank.Savings, bank.CreditCard} {
		one := history(a, "us_newyork", kind)
		if diff := cmp.Diff(one, history(b, "us_newyork", kind)); diff != "" {
			t.Errorf("%s differs: %s", kind, diff)
		}
		if cmp.Equal(one, history(other, "us_newyork", kind)) {
			t.Errorf("%s is the same under another seed", kind)
		}
	}
}

func TestHistoryHoldsWhatLifeHolds(t *testing.T) {
	c, _ := world(t, Config{Seed: 1})
	checking, card, savings := history(c, "us_newyork", bank.Checking), history(c, "us_newyork", bank.CreditCard), history(c, "us_newyork", bank.Savings)
	both := append(slices.Clone(checking), card...)
	for text, least := range map[string]int{
		"ACME CORP PAYROLL": 23, "RENT OAKWOOD PROPERTIES": 23, "CON EDISON": 23, "VERIZON WIRELESS": 23,
		"NETFLIX.COM": 23, "SPOTIFY": 23, "MONTHLY SERVICE FEE": 23, "TRANSFER TO SAVINGS": 23, "CARD PAYMENT THANK YOU": 40,
		"WHOLE FOODS MARKET #": 20, "TRADER JOES #": 20, "STARBUCKS STORE #": 20, "BLUE BOTTLE COFFEE": 20, "UBER TRIP": 20,
		"SHELL OIL": 20, "AMAZON MKTPLACE": 20, "CVS PHARMACY": 20, "RETURN ": 3, "PARIS EUR": 5,
	} {
		if got := len(find(both, text)); got < least {
			t.Errorf("%s occurs %d times, want at least %d", text, got, least)
		}
	}
	if got := len(find(savings, "INTEREST PAYMENT")); got < 23 {
		t.Errorf("interest was paid %d times", got)
	}
	for _, all := range [][]bank.Transaction{checking, card, savings} {
		for _, tx := range all {
			if err := tx.Validate(); err != nil {
				t.Errorf("%+v: %v", tx, err)
			}
			if tx.Amount.IsZero() {
				t.Errorf("%+v is of nothing", tx)
			}
		}
	}
}

func TestOwnAccountsMirrorEachOther(t *testing.T) {
	c, _ := world(t, Config{Seed: 3})
	type move struct {
		date   bank.Date
		amount string
	}
	moves := func(all []bank.Transaction, negate bool) []move {
		var got []move
		for _, tx := range all {
			amount := tx.Amount
			if negate {
				amount = amount.Neg()
			}
			got = append(got, move{tx.Date, amount.String()})
		}
		return got
	}
	for _, way := range []struct {
		from, to         bank.AccountKind
		fromText, toText string
	}{
		{bank.Checking, bank.Savings, "Umbuchung auf Sparkonto", "Umbuchung von Girokonto"},
		{bank.Checking, bank.CreditCard, "Kreditkartenabrechnung", "Zahlung dankend erhalten"},
		{bank.Savings, bank.Checking, "Umbuchung auf Girokonto", "Umbuchung von Sparkonto"},
	} {
		out := moves(find(history(c, "de_berlin", way.from), way.fromText), true)
		in := moves(find(history(c, "de_berlin", way.to), way.toText), false)
		if diff := cmp.Diff(out, in, cmp.AllowUnexported(move{}), cmp.AllowUnexported(bank.Date{})); diff != "" || len(out) < 5 {
			t.Errorf("%s: %d moves, differ: %s", way.fromText, len(out), diff)
		}
	}
}

func TestInstalmentsShareDateAndAmount(t *testing.T) {
	c, _ := world(t, Config{Seed: 3})
	type place struct {
		date   bank.Date
		amount string
	}
	texts := make(map[place][]string)
	for _, tx := range find(history(c, "br_saopaulo", bank.CreditCard), " PARC ") {
		if tx.Instalment.Of != 10 || tx.Instalment.Number < 1 || tx.Instalment.Number > 10 {
			t.Errorf("%q is instalment %+v", tx.Description, tx.Instalment)
		}
		p := place{tx.Date, tx.Amount.String()}
		if slices.Contains(texts[p], tx.Description) {
			t.Errorf("%v has %q twice", p, tx.Description)
		}
		texts[p] = append(texts[p], tx.Description)
	}
	shared := 0
	for _, all := range texts {
		if len(all) > 1 {
			shared++
		}
	}
	if shared < 20 {
		t.Errorf("only %d days have several instalments", shared)
	}
}

func TestTheSameCoffeeIsBoughtTwice(t *testing.T) {
	c, _ := world(t, Config{Seed: 3})
	seen := make(map[string]int)
	for _, tx := range find(history(c, "us_newyork", bank.CreditCard), "STARBUCKS") {
		seen[tx.Date.String()+tx.Amount.String()+tx.Description]++
	}
	twins := 0
	for _, n := range seen {
		if n > 1 {
			twins++
		}
	}
	if twins < 5 {
		t.Errorf("%d days with twins", twins)
	}
}

func TestAmountsHaveTheDecimalsOfTheirCurrency(t *testing.T) {
	c, _ := world(t, Config{Seed: 1})
	for institution, digits := range map[string]int{"jp_tokyo": 0, "us_newyork": 2, "kw_kuwait": 3} {
		most := 0
		for _, tx := range history(c, institution, bank.CreditCard) {
			most = max(most, tx.Amount.Number().FractionDigits())
		}
		if most != digits {
			t.Errorf("%s has up to %d decimals, want %d", institution, most, digits)
		}
	}
}

func TestAPageSizeChangesNothing(t *testing.T) {
	c, time := world(t, Config{Seed: 5})
	time.advance(40 * 60e9)
	for _, institution := range []string{"br_saopaulo", "us_newyork", "de_berlin", "de_ohne", "jp_tokyo", "kw_kuwait"} {
		auth := signIn(t, c, institution)
		wanted := everything(t, c, auth, bank.NewDate(2026, 9, 1))
		want, _ := read(t, c, connectors.FetchRequest{Auth: auth, Wanted: wanted, Limit: 100_000})
		for _, w := range wanted {
			truth := c.Truth(institution, w.Key, w.Since, time.Now())
			if diff := cmp.Diff(truth, booked(want[w.Key].Transactions), cmp.AllowUnexported(bank.Date{}, money.Amount{}, money.Decimal{})); diff != "" {
				t.Errorf("%s %s is not the truth: %s", institution, w.Key, diff)
			}
		}
		for _, limit := range []int{1, 7, 100} {
			got, _ := read(t, c, connectors.FetchRequest{Auth: auth, Wanted: wanted, Limit: limit})
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(bank.Date{}), cmp.Comparer(money.Amount.Equal)); diff != "" {
				t.Errorf("%s by %d: %s", institution, limit, diff)
			}
		}
	}
}

func TestAnUpdateIsFixedAtItsFirstPage(t *testing.T) {
	c, time := world(t, Config{Seed: 5})
	time.advance(10 * 60e9)
	auth := signIn(t, c, "us_newyork")
	req := connectors.FetchRequest{Auth: auth, Wanted: everything(t, c, auth, bank.NewDate(2026, 11, 1)), Limit: 5}
	want, _ := read(t, c, req)

	got := make(map[string]int)
	for {
		page, err := c.Fetch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Accounts {
			got[p.Key] += len(p.Transactions)
		}
		req.State = page.Next
		time.advance(60e9)
		if page.More == connectors.NoMore {
			break
		}
	}
	for key, p := range want {
		if got[key] != len(p.Transactions) {
			t.Errorf("%s: %d transactions while time went on, %d at once", key, got[key], len(p.Transactions))
		}
	}
}

func TestTheBalanceIsOpeningPlusBooked(t *testing.T) {
	c, time := world(t, Config{Seed: 5})
	for _, institution := range []string{"us_newyork", "jp_tokyo", "kw_kuwait", "br_saopaulo"} {
		auth := signIn(t, c, institution)
		wanted := everything(t, c, auth, bank.Date{})
		opening := make(map[string]money.Amount)
		for round := range 4 {
			all, _ := read(t, c, connectors.FetchRequest{Auth: auth, Wanted: wanted, Limit: 1000})
			for key, p := range all {
				sum := p.Balance.Booked
				for _, tx := range booked(p.Transactions) {
					var err error
					if sum, err = sum.Add(tx.Amount.Neg()); err != nil {
						t.Fatal(err)
					}
				}
				if round == 0 {
					opening[key] = sum
				}
				if !sum.Equal(opening[key]) {
					t.Errorf("%s %s: opening is %s, was %s", institution, key, sum, opening[key])
				}
			}
			time.advance(7 * 60e9)
		}
	}
}

func TestWrongCredentialsAreRefusedWithAdvice(t *testing.T) {
	c, _ := world(t, Config{})
	step, err := c.BeginLink(t.Context(), connectors.LinkRequest{Institution: "us_newyork", Country: "US"})
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range []map[string]string{{"user": "demo", "password": "Demo"}, {"user": " demo", "password": "demo"}, {}, nil} {
		_, err := c.ContinueLink(t.Context(), []byte(step.Progress.Reveal()), answer)
		if !errs.Is(err, errs.InvalidCredentials) {
			t.Errorf("%v: %v", answer, err)
		}
		for _, word := range []string{"extra spaces", "capital letters", "punctuation"} {
			if !strings.Contains(errs.Public(err), word) {
				t.Errorf("%q does not mention %s", errs.Public(err), word)
			}
		}
	}
}

func TestHabitsOfSigningIn(t *testing.T) {
	t.Run("out: the bank does not answer", func(t *testing.T) {
		c, _ := world(t, Config{})
		step, err := c.BeginLink(t.Context(), connectors.LinkRequest{Institution: "us_outage", Country: "US"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.ContinueLink(t.Context(), []byte(step.Progress.Reveal()), good)
		if !errs.Is(err, errs.InstitutionDown) || errs.After(err) <= 0 {
			t.Errorf("err = %v, after %s", err, errs.After(err))
		}
	})
	t.Run("approval: the person acts at the bank first", func(t *testing.T) {
		c, time := world(t, Config{})
		step, err := c.BeginLink(t.Context(), connectors.LinkRequest{Institution: "gb_london", Country: "GB"})
		if err != nil {
			t.Fatal(err)
		}
		step, err = c.ContinueLink(t.Context(), []byte(step.Progress.Reveal()), good)
		if err != nil || step.Form == nil || len(step.Form.Fields) != 0 {
			t.Fatalf("step = %+v, %v", step, err)
		}
		if _, err := c.ContinueLink(t.Context(), []byte(step.Progress.Reveal()), nil); !errs.Is(err, errs.UserActionAtBank) {
			t.Errorf("before the approval: %v", err)
		}
		time.advance(approvalTakes)
		step, err = c.ContinueLink(t.Context(), []byte(step.Progress.Reveal()), nil)
		if err != nil || step.Done == nil {
			t.Errorf("after the approval: %+v, %v", step, err)
		}
	})
	t.Run("expiry: the bank wants the person again", func(t *testing.T) {
		c, time := world(t, Config{Seed: 2})
		auth := signIn(t, c, "de_frist")
		wanted := everything(t, c, auth, bank.NewDate(2026, 11, 10))
		_, last := read(t, c, connectors.FetchRequest{Auth: auth, Wanted: wanted, Limit: 50})
		time.advance(11 * 60e9)
		_, err := c.Fetch(t.Context(), connectors.FetchRequest{Auth: auth, Wanted: wanted, Limit: 50, State: last.Next})
		if !errs.Is(err, errs.NeedsReauth) {
			t.Fatalf("after the consent: %v", err)
		}
		again := signIn(t, c, "de_frist")
		got, _ := read(t, c, connectors.FetchRequest{Auth: again, Wanted: wanted, Limit: 50, State: last.Next})
		for _, w := range wanted {
			truth := c.Truth("de_frist", w.Key, w.Since, time.Now())
			if len(booked(got[w.Key].Transactions)) != len(truth) {
				t.Errorf("%s: %d of %d after reconnecting", w.Key, len(booked(got[w.Key].Transactions)), len(truth))
			}
		}
	})
	t.Run("revoke: the authorization opens nothing any more", func(t *testing.T) {
		c, _ := world(t, Config{})
		auth := signIn(t, c, "us_newyork")
		if err := c.Revoke(t.Context(), auth); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Accounts(t.Context(), auth); !errs.Is(err, errs.NeedsReauth) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestHabitsOfTelling(t *testing.T) {
	t.Run("short history is told with a word about it", func(t *testing.T) {
		c, time := world(t, Config{Seed: 2})
		auth := signIn(t, c, "br_breve")
		wanted := everything(t, c, auth, bank.NewDate(2026, 1, 1))
		got, last := read(t, c, connectors.FetchRequest{Auth: auth, Wanted: wanted, Limit: 50})
		for key, p := range got {
			if !errs.Is(p.Err, errs.HistoryNotAvailable) || !strings.Contains(errs.Public(p.Err), "2026-10-21") {
				t.Errorf("%s: err = %v", key, p.Err)
			}
			if len(p.Transactions) == 0 || p.Complete.From != bank.NewDate(2026, 10, 21) {
				t.Errorf("%s: %d transactions from %s on", key, len(p.Transactions), p.Complete.From)
			}
		}
		time.advance(60e9)
		got, _ = read(t, c, connectors.FetchRequest{Auth: auth, Wanted: wanted, Limit: 50, State: last.Next})
		for key, p := range got {
			if p.Err != nil {
				t.Errorf("%s: later: %v", key, p.Err)
			}
		}
	})
	t.Run("recent days come before the rest", func(t *testing.T) {
		c, _ := world(t, Config{Seed: 2})
		l, err := c.authorize(findInstitution("us_union"), progress{Version: 1})
		if err != nil {
			t.Fatal(err)
		}
		req := connectors.FetchRequest{Auth: l.Done.Secret, Limit: 200, Wanted: everything(t, c, l.Done.Secret, bank.NewDate(2026, 1, 1))}
		first, page := read(t, c, req)
		if page.More != connectors.NextUpdate {
			t.Fatalf("more = %v", page.More)
		}
		req.State = page.Next
		second, page := read(t, c, req)
		if page.More != connectors.NoMore {
			t.Fatalf("more = %v", page.More)
		}
		for key := range first {
			if first[key].Complete.From != bank.NewDate(2026, 10, 21) || second[key].Complete.From != bank.NewDate(2026, 1, 1) {
				t.Errorf("%s: complete %v, then %v", key, first[key].Complete, second[key].Complete)
			}
		}
	})
	t.Run("a bank without ids gives none", func(t *testing.T) {
		c, time := world(t, Config{Seed: 2})
		time.advance(30 * 60e9)
		auth := signIn(t, c, "de_ohne")
		got, _ := read(t, c, connectors.FetchRequest{Auth: auth, Limit: 200, Wanted: everything(t, c, auth, bank.NewDate(2026, 11, 1))})
		for key, p := range got {
			for _, tx := range p.Transactions {
				if tx.ID != "" || tx.PendingID != "" {
					t.Errorf("%s: %+v", key, tx)
				}
			}
			if len(p.Transactions) == 0 || len(p.Removed) > 0 {
				t.Errorf("%s: %d transactions, removed %v", key, len(p.Transactions), p.Removed)
			}
		}
	})
	t.Run("a bank naps", func(t *testing.T) {
		c, time := world(t, Config{})
		auth := signIn(t, c, "gb_naps")
		time.advance(9 * 60e9)
		_, err := c.Accounts(t.Context(), auth)
		if !errs.Is(err, errs.InstitutionDown) || errs.After(err) != 60e9 {
			t.Errorf("asleep: %v, after %s", err, errs.After(err))
		}
		time.advance(errs.After(err))
		if _, err := c.Accounts(t.Context(), auth); err != nil {
			t.Errorf("awake: %v", err)
		}
	})
	t.Run("an account is closed", func(t *testing.T) {
		c, time := world(t, Config{})
		auth := signIn(t, c, "mx_ciudad")
		wanted := everything(t, c, auth, bank.NewDate(2026, 11, 1))
		time.advance(61 * 60e9)
		got, _ := read(t, c, connectors.FetchRequest{Auth: auth, Limit: 200, Wanted: wanted})
		for _, w := range wanted {
			gone := w.Key == accountOf(c, "mx_ciudad", bank.Savings).key
			if errs.Is(got[w.Key].Err, errs.AccountGone) != gone {
				t.Errorf("%s: err = %v", w.Key, got[w.Key].Err)
			}
		}
	})
}

func TestAStateIsGoodForItsOwnOnly(t *testing.T) {
	c, _ := world(t, Config{Seed: 2})
	auth := signIn(t, c, "us_newyork")
	req := connectors.FetchRequest{Auth: auth, Limit: 5, Wanted: everything(t, c, auth, bank.NewDate(2026, 11, 1))}
	page, err := c.Fetch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name string, req connectors.FetchRequest) {
		t.Helper()
		if _, err := c.Fetch(t.Context(), req); !errs.Is(err, errs.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range page.Next {
		damaged := req
		damaged.State = slices.Clone(page.Next)
		damaged.State[i] ^= 1
		refused("with byte "+strconv.Itoa(i)+" changed", damaged)
	}
	later := req
	later.State = page.Next
	later.Wanted = everything(t, c, auth, bank.NewDate(2026, 11, 2))
	refused("of another period", later)
	other := signIn(t, c, "de_berlin")
	refused("of another bank", connectors.FetchRequest{Auth: other, Limit: 5, State: page.Next, Wanted: everything(t, c, other, bank.NewDate(2026, 11, 1))})
}

func TestAPeriodThatHasNotBegunHoldsNothing(t *testing.T) {
	c, _ := world(t, Config{Seed: 2})
	auth := signIn(t, c, "us_newyork")
	got, page := read(t, c, connectors.FetchRequest{Auth: auth, Limit: 5, Wanted: everything(t, c, auth, bank.NewDate(2027, 1, 1))})
	for key, p := range got {
		if len(p.Transactions) > 0 || p.Complete != (connectors.Days{}) || p.Balance == nil {
			t.Errorf("%s: %+v", key, p)
		}
	}
	if page.More != connectors.NoMore {
		t.Errorf("more = %v", page.More)
	}
}

// seen is what polling one account of an institution shows over time.
type seen struct {
	removed  map[string]int // in which poll
	pending  map[string]bank.Transaction
	links    map[string]string
	bookedIn map[string]int // in which poll it was first seen
	texts    map[string][]string
	latest   []bank.Transaction
	vanished int // booked ids that were not told again, without a word
	lateRows int
}

// poll asks an institution every half pace for an hour.
func poll(t *testing.T, institution string, kind bank.AccountKind) *seen {
	t.Helper()
	c, clock := world(t, Config{Seed: 11})
	auth := signIn(t, c, institution)
	s := &seen{
		removed: map[string]int{}, pending: map[string]bank.Transaction{},
		links: map[string]string{}, bookedIn: map[string]int{}, texts: map[string][]string{},
	}
	req := connectors.FetchRequest{Auth: auth, Limit: 1000, Wanted: []connectors.Wanted{
		{Key: accountOf(c, institution, kind).key, Since: bank.NewDate(2026, 11, 1)},
	}}
	for n := range 240 {
		all, page := read(t, c, req)
		p := all[req.Wanted[0].Key]
		for _, id := range p.Removed {
			s.removed[id] = n
		}
		now := make(map[string]bool)
		for _, tx := range p.Transactions {
			now[tx.ID] = true
			if tx.Status == bank.Pending {
				s.pending[tx.ID] = tx
				continue
			}
			if _, ok := s.bookedIn[tx.ID]; !ok {
				s.bookedIn[tx.ID] = n
				if n > 0 && tx.Date.Before(bank.DateOf(clock.Now()).AddDays(-1)) {
					s.lateRows++
				}
			}
			if tx.PendingID != "" {
				s.links[tx.PendingID] = tx.ID
			}
			if !slices.Contains(s.texts[tx.ID], tx.Description) {
				s.texts[tx.ID] = append(s.texts[tx.ID], tx.Description)
			}
		}
		for _, tx := range s.latest {
			if _, gone := s.removed[tx.ID]; tx.Status == bank.Booked && !now[tx.ID] && !gone && !tx.Date.Before(p.Complete.From) {
				s.vanished++
			}
		}
		s.latest = p.Transactions
		req.State = page.Next
		clock.advance(15 * time.Second)
	}
	return s
}

func TestPendingBecomesBooked(t *testing.T) {
	t.Run("under another id, with a link", func(t *testing.T) {
		s := poll(t, "br_saopaulo", bank.CreditCard)
		linked, dropped, tips, after := 0, 0, 0, 0
		for id, tx := range s.pending {
			told, gone := s.removed[id]
			if _, ok := s.links[id]; ok {
				linked++
				if told > s.bookedIn[s.links[id]] {
					after++
				}
			} else if gone {
				dropped++
			}
			for _, b := range s.latest {
				if b.ID == s.links[id] && !b.Amount.Equal(tx.Amount) {
					tips++
				}
			}
		}
		if linked < 20 || dropped < 1 || tips < 1 || after < 1 {
			t.Errorf("%d booked with a link, %d never booked, %d of another amount, %d removed after they were booked", linked, dropped, tips, after)
		}
	})
	t.Run("without a link", func(t *testing.T) {
		s := poll(t, "us_newyork", bank.CreditCard)
		if len(s.links) > 0 {
			t.Errorf("%d links", len(s.links))
		}
		removed := 0
		for id := range s.pending {
			if _, ok := s.removed[id]; ok {
				removed++
			}
		}
		if removed < 20 {
			t.Errorf("%d pending ones were removed", removed)
		}
	})
}

func TestBookedRowsChange(t *testing.T) {
	t.Run("withdrawn", func(t *testing.T) {
		s := poll(t, "us_newyork", bank.CreditCard)
		n := 0
		for id := range s.bookedIn {
			if _, ok := s.removed[id]; ok {
				n++
			}
		}
		if n < 1 || s.vanished > 0 {
			t.Errorf("%d booked rows were withdrawn, %d vanished", n, s.vanished)
		}
	})
	t.Run("under new ids", func(t *testing.T) {
		if s := poll(t, "de_berlin", bank.Checking); s.vanished < 100 || len(s.removed) > 0 {
			t.Errorf("%d ids vanished, %d were removed", s.vanished, len(s.removed))
		}
	})
	t.Run("with another text, and late", func(t *testing.T) {
		s := poll(t, "jp_tokyo", bank.CreditCard)
		edited := 0
		for _, texts := range s.texts {
			if len(texts) == 2 && strings.Contains(texts[0], texts[1]) {
				edited++
			}
		}
		if edited < 10 || s.lateRows < 3 {
			t.Errorf("%d texts changed, %d rows came late", edited, s.lateRows)
		}
	})
}

func TestTheFeedBeats(t *testing.T) {
	c, _ := world(t, Config{Seed: 1})
	key := accountOf(c, "de_berlin", bank.Savings).key
	count := func(at time.Time) int { return len(c.Truth("de_berlin", key, bank.NewDate(2026, 11, 19), at)) }
	before := count(opened)
	if got := count(opened.Add(time.Hour)) - before; got < 118 || got > 120 {
		t.Errorf("%d in the first hour, want one per 30 s", got)
	}
	hour := opened.Add(20 * time.Hour) // 10 in the morning in Berlin
	if got := count(hour.Add(time.Hour)) - count(hour); got != 6 {
		t.Errorf("%d in a later hour, want one per 10 min", got)
	}
	night := opened.Add(12 * time.Hour)
	if got := count(night.Add(time.Hour)) - count(night); got != 0 {
		t.Errorf("%d in an hour of the night", got)
	}
}

func TestTheBanksPage(t *testing.T) {
	c, time := world(t, Config{})
	server := httptest.NewServer(http.StripPrefix("/sandbox/bank", c.Pages()))
	defer server.Close()
	c.SetBankURL(server.URL + "/sandbox/bank")
	back := server.URL + "/link/return?state=abc"
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	step, err := c.BeginLink(t.Context(), connectors.LinkRequest{Institution: "us_union", Country: "US", ReturnURL: back})
	if err != nil {
		t.Fatal(err)
	}
	get := func() (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, step.Redirect, nil)
		if err != nil {
			t.Fatal(err)
		}
		return do(t, client, req)
	}
	if status, body := get(); status != http.StatusOK || !strings.Contains(body, "123456") {
		t.Fatalf("the page: %d %s", status, body)
	}
	page, err := url.Parse(step.Redirect)
	if err != nil {
		t.Fatal(err)
	}
	post := func(answers map[string]string) (int, string) {
		form := page.Query()
		for k, v := range answers {
			form.Set(k, v)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/sandbox/bank/signin", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return do(t, client, req)
	}
	if status, body := post(map[string]string{"user": "demo", "password": "demo", "otp": "000000"}); status != http.StatusUnprocessableEntity || !strings.Contains(body, "one-time code is wrong") {
		t.Errorf("a wrong code: %d", status)
	}
	if status, _ := post(map[string]string{"return": "https://evil.example/"}); status != http.StatusBadRequest {
		t.Errorf("a foreign address: %d", status)
	}

	answer := func(location string) map[string]string {
		to, err := url.Parse(location)
		if err != nil || !strings.HasPrefix(location, server.URL+"/link/return?") || to.Query().Get("state") != "abc" {
			t.Fatalf("sent to %q", location)
		}
		got := make(map[string]string)
		for k, v := range to.Query() {
			got[k] = v[0]
		}
		return got
	}
	_, location := post(map[string]string{"cancel": "1"})
	if _, err := c.ContinueLink(t.Context(), []byte(step.Progress.Reveal()), answer(location)); !errs.Is(err, errs.InvalidCredentials) {
		t.Errorf("cancelled: %v", err)
	}
	status, location := post(map[string]string{"user": "demo", "password": "demo", "otp": "123456"})
	if status != http.StatusSeeOther {
		t.Fatalf("the right code: %d", status)
	}
	other, err := c.BeginLink(t.Context(), connectors.LinkRequest{Institution: "us_union", Country: "US", ReturnURL: back})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ContinueLink(t.Context(), []byte(other.Progress.Reveal()), answer(location)); !errs.Is(err, errs.InvalidCredentials) {
		t.Errorf("with the code of another sign-in: %v", err)
	}
	done, err := c.ContinueLink(t.Context(), []byte(step.Progress.Reveal()), answer(location))
	if err != nil || done.Done == nil {
		t.Errorf("done: %+v, %v", done, err)
	}
	time.advance(11 * 60e9)
	if _, err := c.ContinueLink(t.Context(), []byte(step.Progress.Reveal()), answer(location)); !errs.Is(err, errs.InvalidCredentials) {
		t.Errorf("too late: %v", err)
	}
}

// do returns the status, and the body or, of a redirect, where it leads.
func do(t *testing.T, client *http.Client, req *http.Request) (int, string) {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if location := resp.Header.Get("Location"); location != "" {
		return resp.StatusCode, location
	}
	return resp.StatusCode, string(body)
}

// BenchmarkUpdate reads 10,000 transactions of one account.
func BenchmarkUpdate(b *testing.B) {
	c, _ := world(b, Config{Seed: 1, Volume: 10})
	auth := signIn(b, c, "us_newyork")
	req := connectors.FetchRequest{Auth: auth, Limit: 500, Wanted: []connectors.Wanted{{Key: accountOf(c, "us_newyork", bank.CreditCard).key}}}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		all, _ := read(b, c, req)
		n = len(all[req.Wanted[0].Key].Transactions)
	}
	b.ReportMetric(float64(n), "tx/op")
}

// BenchmarkPoll asks for news when there are few.
func BenchmarkPoll(b *testing.B) {
	c, clock := world(b, Config{Seed: 1})
	auth := signIn(b, c, "us_newyork")
	req := connectors.FetchRequest{Auth: auth, Limit: 500, Wanted: everything(b, c, auth, bank.Date{})}
	clock.advance(time.Hour)
	_, last := read(b, c, req)
	req.State = last.Next
	b.ReportAllocs()
	for b.Loop() {
		read(b, c, req)
	}
}

// BenchmarkTwoYears generates what one account has.
func BenchmarkTwoYears(b *testing.B) {
	c, _ := world(b, Config{Seed: 1})
	key := accountOf(c, "us_newyork", bank.Checking).key
	b.ReportAllocs()
	for b.Loop() {
		c.Truth("us_newyork", key, bank.Date{}, opened)
	}
}
