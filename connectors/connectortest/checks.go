package connectortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

// canary is a secret that is easy to find where it should not be.
const canary = "canary-5f1d7c3a9be04826"

var (
	idGrammar = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	country   = regexp.MustCompile(`^[A-Z]{2}$`)
)

func checkInfo(b *bench) {
	info := b.connector().Info()
	if !idGrammar.MatchString(info.ID) {
		b.Errorf("the id %q is not lower-case letters and digits, a letter first", info.ID)
	}
	if info.Title == "" {
		b.Error("it has no title")
	}
	if len(info.Countries) == 0 || !slices.IsSorted(info.Countries) || len(slices.Compact(slices.Clone(info.Countries))) != len(info.Countries) {
		b.Errorf("the countries are none, not sorted or not different: %v", info.Countries)
	}
	for _, code := range info.Countries {
		if !country.MatchString(code) {
			b.Errorf("%q is not a country code in capitals", code)
		}
	}
	if info.PollEvery <= 0 || info.Overlap < 0 {
		b.Errorf("poll every %s with an overlap of %d days", info.PollEvery, info.Overlap)
	}
	if again := b.connector().Info(); text(again) != text(info) {
		b.Errorf("after a restart it is another: %+v, was %+v", again, info)
	}
}

func checkInstitutions(b *bench) {
	c := b.connector()
	names := make(map[string]string)
	for _, code := range c.Info().Countries {
		all, err := c.Institutions(b.Context(), code)
		b.must("institutions of "+code, err)
		if len(all) == 0 {
			b.Errorf("%s is among the countries and has no institutions", code)
		}
		if !slices.IsSortedFunc(all, func(x, y bank.Institution) int { return strings.Compare(x.Name, y.Name) }) {
			b.Errorf("the institutions of %s are not sorted by name", code)
		}
		here := make(map[string]bool)
		for _, i := range all {
			if i.ID == "" || i.Name == "" || here[i.ID] {
				b.Errorf("%s: an institution without id or name, or twice: %+v", code, i)
			}
			here[i.ID] = true
			if name, ok := names[i.ID]; ok && name != i.Name {
				b.Errorf("%s names %q and %q", i.ID, name, i.Name)
			}
			names[i.ID] = i.Name
			if !slices.Contains(i.Countries, code) {
				b.Errorf("%s is listed for %s, but is in %v", i.ID, code, i.Countries)
			}
			if i.Logo != "" && !strings.HasPrefix(i.Logo, "https://") && !strings.HasPrefix(i.Logo, "data:image/") {
				b.Errorf("%s: the logo is neither https nor data: %.40s", i.ID, i.Logo)
			}
			if i.HistoryDays < 0 {
				b.Errorf("%s: %d days of history", i.ID, i.HistoryDays)
			}
		}
	}
	for _, s := range b.SignIns {
		if _, ok := names[s.Institution]; !ok {
			b.Errorf("%s is not listed", s.Institution)
		}
	}
	if all, err := c.Institutions(b.Context(), "ZZ"); len(all) > 0 {
		b.Errorf("%d institutions in no country", len(all))
	} else {
		b.typed(err)
	}
}

func checkSignIn(b *bench) {
	for _, s := range b.SignIns {
		c := b.connector()
		step, err := b.begin(c, s)
		if err == nil {
			if step.Redirect != "" {
				if u, err := url.Parse(step.Redirect); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
					b.Errorf("%s: not a page to send people to: %s", s.Name, step.Redirect)
				}
			}
			// The person may come back after a restart.
			_, err = b.goOn(b.connector(), s, step)
		}
		if got := b.typed(err); got != s.Want {
			b.Errorf("%s: ended with code %q, want %q: %v", s.Name, got, s.Want, err)
		}
		if (s.Want == errs.InstitutionDown || s.Want == errs.RateLimited) && errs.After(err) < 0 {
			b.Errorf("%s: wait %s", s.Name, errs.After(err))
		}
	}
	c := b.connector()
	if _, err := b.begin(c, SignIn{Institution: "no-such-bank-anywhere", Country: "ZZ"}); b.typed(err) != errs.NotFound {
		b.Errorf("an unknown institution: %v", err)
	}
	for _, junk := range [][]byte{nil, []byte("junk"), []byte("{}"), []byte("\xff\x00")} {
		if _, err := b.linker(c).ContinueLink(b.Context(), junk, nil); err == nil {
			b.Errorf("progress %q was accepted", junk)
		} else {
			b.typed(err)
		}
	}
}

func checkCredentials(b *bench) {
	c := b.connector()
	b.keepSecret(canary)
	for _, s := range b.SignIns {
		step, err := b.begin(c, s)
		if err != nil {
			b.typed(err)
			continue
		}
		wrong := map[string]string{"code": canary, "state": canary, "error": "access_denied"}
		if step.Form != nil {
			wrong = make(map[string]string)
			for _, f := range step.Form.Fields {
				wrong[f.Name] = canary
			}
		}
		for _, answer := range []map[string]string{wrong, {}, nil} {
			_, err := b.linker(c).ContinueLink(b.Context(), []byte(step.Progress.Reveal()), answer)
			if code := b.typed(err); code != errs.InvalidCredentials {
				b.Errorf("%s: a wrong answer gets code %q: %v", s.Name, code, err)
			}
			if err != nil && errs.Public(err) == "" {
				b.Errorf("%s: nothing to tell the person", s.Name)
			}
		}
		_, err = b.goOn(c, s, step)
		if got := b.typed(err); got != s.Want {
			b.Errorf("%s: the right answer after wrong ones: code %q, want %q: %v", s.Name, got, s.Want, err)
		}
	}
}

func checkAccounts(b *bench) {
	owner := make(map[string]string)
	for _, s := range b.SignIns {
		if s.Want != "" {
			continue
		}
		list := func() map[string]bank.Account {
			c := b.connector()
			all, err := c.Accounts(b.Context(), b.link(c, s))
			b.must(s.Name+": accounts", err)
			byKey := make(map[string]bank.Account)
			for _, a := range all {
				if _, twice := byKey[a.Key]; twice || a.Key == "" {
					b.Errorf("%s: two accounts share the key %q, or have none", s.Name, a.Key)
				}
				if a.Name == "" || a.Kind == "" || !a.Currency.Known() {
					b.Errorf("%s: an account without name, kind or currency: %+v", s.Name, a)
				}
				byKey[a.Key] = a
			}
			return byKey
		}
		first, again := list(), list()
		for key, a := range first {
			if at, ok := owner[key]; ok && at != s.Institution {
				b.Errorf("%s and %s share the account key %s", at, s.Institution, key)
			}
			owner[key] = s.Institution
			other, ok := again[key]
			a.ID, other.ID = "", ""
			if !ok || a != other {
				b.Errorf("%s: linked anew, account %+v is %+v", s.Name, a, other)
			}
		}
		if len(first) != len(again) {
			b.Errorf("%s: %d accounts, linked anew %d", s.Name, len(first), len(again))
		}
	}
}

// all fits any update of the suite into one page.
const all = 1_000_000

func checkPages(b *bench) {
	c := b.connector()
	b.each(c, func(l linked) {
		for _, limit := range []int{all, 100, 7, 1} {
			mirrors := make(map[string]*mirror)
			for _, w := range l.wanted {
				mirrors[w.Key] = newMirror()
			}
			_, err := b.catchUp(c, l, nil, limit, func(u update) {
				for key, p := range u.accounts {
					if m := mirrors[key]; m != nil {
						m.apply(b, l.Name, p)
					}
				}
			})
			b.must(fmt.Sprintf("%s: pages of %d", l.Name, limit), err)
			for _, w := range l.wanted {
				mirrors[w.Key].compare(b, l, w, 0)
			}
		}
		_, err := c.Fetch(b.Context(), l.request(nil, 0))
		if err == nil {
			b.Errorf("%s: a page of 0 transactions was accepted", l.Name)
		}
		b.typed(err)
	})
}

func checkResume(b *bench) {
	const limit = 23
	c := b.connector()
	b.each(c, func(l linked) {
		whole, err := b.read(c, l, nil, limit)
		b.must(l.Name, err)
		// Every page from another connector, in the middle of the update.
		parts := update{accounts: make(map[string]*connectors.AccountPage)}
		var state []byte
		for i := range whole.states {
			page, err := b.connector().Fetch(b.Context(), l.request(state, limit))
			b.must(fmt.Sprintf("%s: page %d after a restart", l.Name, i+1), err)
			b.gather(l, limit, &parts, page)
			state = page.Next
		}
		for key, p := range whole.accounts {
			var got []bank.Transaction
			if other := parts.accounts[key]; other != nil {
				got = other.Transactions
			}
			if d := diff(lines(p.Transactions), lines(got)); d != "" {
				b.Errorf("%s: account %s with a restart before each page: %s", l.Name, key, d)
			}
		}
		// An update that was interrupted is asked for again from before it.
		b.Clock.Advance(b.Pace)
		mirrors := make(map[string]*mirror)
		for _, w := range l.wanted {
			mirrors[w.Key] = newMirror()
		}
		_, err = b.catchUp(b.connector(), l, nil, limit, func(u update) {
			for key, p := range u.accounts {
				mirrors[key].apply(b, l.Name, p)
			}
		})
		b.must(l.Name+": reading again after an interrupted update", err)
		for _, w := range l.wanted {
			mirrors[w.Key].compare(b, l, w, 0)
		}
	})
}

func checkState(b *bench) {
	const limit, largest = 50, 64 << 10
	c := b.connector()
	b.each(c, func(l linked) {
		first, err := b.read(c, l, nil, limit)
		b.must(l.Name, err)
		second, err := b.read(b.connector(), l, nil, limit)
		b.must(l.Name, err)
		if !slices.EqualFunc(first.states, second.states, bytes.Equal) {
			b.Errorf("%s: the same pages lead to other states", l.Name)
		}
		for _, state := range first.states {
			if len(state) == 0 || len(state) > largest {
				b.Errorf("%s: a state of %d bytes", l.Name, len(state))
			}
		}
		last := first.next
		damaged := [][]byte{[]byte("junk"), {0}, []byte("{}"), []byte("null"), bytes.Repeat([]byte{'['}, largest)}
		if len(last) > 1 {
			damaged = append(damaged, last[:len(last)/2], last[:len(last)-1], append(slices.Clone(last), 'x'))
		}
		for _, state := range damaged {
			_, err := c.Fetch(b.Context(), l.request(state, limit))
			if code := b.typed(err); code != errs.Conflict {
				b.Errorf("%s: the state %.40q gets code %q, want %q: %v", l.Name, state, code, errs.Conflict, err)
			}
		}
	})
}

func checkLife(b *bench) {
	const limit = 60
	grace := b.Grace
	if grace == 0 {
		grace = 12 * b.Pace
	}
	b.each(b.connector(), func(l linked) {
		mirrors := make(map[string]*mirror)
		for _, w := range l.wanted {
			mirrors[w.Key] = newMirror()
		}
		var state []byte
		var c connectors.Connector
		for n := range b.Polls {
			if n%5 == 0 { // the program starts anew now and then
				c = b.connector()
			}
			next, err := b.catchUp(c, l, state, limit, func(u update) {
				for key, p := range u.accounts {
					if m := mirrors[key]; m != nil {
						m.apply(b, l.Name, p)
					}
				}
			})
			switch code := b.typed(err); code {
			case "":
				state = next
				if n%7 == 0 || n == b.Polls-1 {
					for _, w := range l.wanted {
						mirrors[w.Key].compare(b, l, w, grace)
					}
				}
			case errs.InstitutionDown, errs.RateLimited: // later
			case errs.NeedsReauth:
				l.auth = b.link(b.connector(), l.SignIn)
			default:
				b.Fatalf("%s: poll %d: code %q: %v", l.Name, n, code, err)
			}
			b.Clock.Advance(b.Pace)
		}
	})
}

func checkBalance(b *bench) {
	c := b.connector()
	b.each(c, func(l linked) {
		opening := make(map[string]money.Amount)
		for round := range 3 {
			_, err := b.catchUp(c, l, nil, all, func(u update) {
				if u.more == connectors.NextUpdate {
					return
				}
				for key, p := range u.accounts {
					if p.Balance == nil || errs.Is(p.Err, errs.HistoryNotAvailable) {
						continue
					}
					sum := p.Balance.Booked
					for _, tx := range p.Transactions {
						if tx.Status != bank.Booked {
							continue
						}
						var err error
						if sum, err = sum.Add(tx.Amount.Neg()); err != nil {
							b.Fatalf("%s: account %s: balance and transaction: %v", l.Name, key, err)
						}
					}
					if was, ok := opening[key]; ok && !was.Equal(sum) {
						b.Errorf("%s: account %s: the balance less what was booked is %s, was %s (round %d): is a sign wrong?", l.Name, key, sum, was, round)
					}
					opening[key] = sum
				}
			})
			if code := b.typed(err); code != "" && code != errs.InstitutionDown && code != errs.NeedsReauth {
				b.Errorf("%s: code %q: %v", l.Name, code, err)
			}
			b.Clock.Advance(5 * b.Pace)
		}
	})
}

func checkZones(b *bench) {
	b.each(b.connector(), func(l linked) {
		var want string
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("east", 14*60*60), time.FixedZone("west", -12*60*60), time.FixedZone("odd", 5*60*60+45*60)} {
			inZone(zone, func() {
				u, err := b.read(b.connector(), l, nil, all)
				b.must(l.Name+" in zone "+zone.String(), err)
				got := text(u.accounts)
				if want == "" {
					want = got
				}
				if got != want {
					b.Errorf("%s: in zone %s it tells something else", l.Name, zone)
				}
			})
		}
	})
}

// inZone calls do while the machine stands in another zone. It changes what
// time.Local points to, not the pointer, which servers in the background read
// whenever they ask for the time.
func inZone(zone *time.Location, do func()) {
	_, _ = time.Now().Local().Zone() // so that the real one has been loaded
	was := *time.Local
	defer func() { *time.Local = was }()
	*time.Local = *zone
	do()
}

func checkAgain(b *bench) {
	const limit = 40
	c := b.connector()
	b.each(c, func(l linked) {
		first, err := c.Fetch(b.Context(), l.request(nil, limit))
		b.must(l.Name, err)
		state := first.Next
		for _, from := range [][]byte{nil, state} {
			one, err := c.Fetch(b.Context(), l.request(from, limit))
			b.must(l.Name, err)
			for _, other := range []connectors.Connector{c, b.connector()} {
				two, err := other.Fetch(b.Context(), l.request(slices.Clone(from), limit))
				b.must(l.Name, err)
				if text(one) != text(two) {
					b.Errorf("%s: the same request has two answers", l.Name)
				}
			}
		}
		if first.More == connectors.SameUpdate {
			// What is being read is one view, though time goes on.
			one, err := c.Fetch(b.Context(), l.request(state, limit))
			b.must(l.Name, err)
			b.Clock.Advance(4 * b.Pace)
			two, err := c.Fetch(b.Context(), l.request(state, limit))
			if code := b.typed(err); err != nil {
				if code == errs.InstitutionDown || code == errs.NeedsReauth {
					return
				}
				b.Errorf("%s: %v", l.Name, err)
			} else if text(one.Accounts) != text(two.Accounts) {
				b.Errorf("%s: a page of an update changes while time goes on", l.Name)
			}
		}
	})
}

func checkTogether(b *bench) {
	const askers, limit = 4, 200
	c := b.connector()
	var open []linked
	var want []string
	b.each(c, func(l linked) {
		if len(open) == askers {
			return
		}
		u, err := b.read(c, l, nil, limit)
		b.must(l.Name, err)
		open = append(open, l)
		want = append(want, text(u.accounts))
	})
	got := make([]string, askers*2)
	failed := make([]error, askers*2)
	var wait sync.WaitGroup
	for i := range got {
		l := open[i%len(open)]
		wait.Go(func() {
			u := update{accounts: make(map[string]*connectors.AccountPage)}
			var state []byte
			for range 10_000 {
				page, err := c.Fetch(b.Context(), l.request(state, limit))
				if err != nil {
					failed[i] = err
					return
				}
				for _, p := range page.Accounts {
					merge(&u, p)
				}
				state = page.Next
				if page.More != connectors.SameUpdate {
					break
				}
			}
			got[i] = text(u.accounts)
		})
	}
	wait.Wait()
	for i := range got {
		l := open[i%len(open)]
		b.must(l.Name+": asking together", failed[i])
		if got[i] != want[i%len(open)] {
			b.Errorf("%s: asked together with others, it tells something else", l.Name)
		}
	}
}

func checkGone(b *bench) {
	c := b.connector()
	b.each(c, func(l linked) {
		alone, err := b.read(c, l, nil, all)
		b.must(l.Name, err)
		stranger := connectors.Wanted{Key: "no-such-account", Since: b.Since}
		with := l
		with.wanted = append(slices.Clone(l.wanted), stranger)
		u, err := b.read(c, with, nil, all)
		b.must(l.Name+": with an unknown account among the wanted", err)
		p := u.accounts[stranger.Key]
		if p == nil || !errs.Is(p.Err, errs.AccountGone) {
			b.Errorf("%s: an unknown account is not told to be gone: %+v", l.Name, p)
		}
		for key, want := range alone.accounts {
			got := u.accounts[key]
			if got == nil {
				b.Errorf("%s: account %s is missing beside an unknown one", l.Name, key)
			} else if d := diff(lines(want.Transactions), lines(got.Transactions)); d != "" {
				b.Errorf("%s: account %s beside an unknown one: %s", l.Name, key, d)
			}
		}
		none := l
		none.wanted = nil
		if page, err := c.Fetch(b.Context(), none.request(nil, all)); err != nil || page.More == connectors.SameUpdate {
			b.Errorf("%s: with no account wanted: more %d, %v", l.Name, page.More, err)
		}
	})
}

func checkAuthorization(b *bench) {
	c := b.connector()
	b.keepSecret(canary)
	for _, auth := range []seal.Secret{{}, seal.NewSecret(canary), seal.NewSecret(`{"` + canary + `":"` + canary + `"}`)} {
		_, err := c.Accounts(b.Context(), auth)
		if code := b.typed(err); code != errs.NeedsReauth {
			b.Errorf("accounts: code %q, want %q: %v", code, errs.NeedsReauth, err)
		}
		_, err = c.Fetch(b.Context(), connectors.FetchRequest{Auth: auth, Limit: 10})
		if code := b.typed(err); code != errs.NeedsReauth {
			b.Errorf("fetch: code %q, want %q: %v", code, errs.NeedsReauth, err)
		}
	}
	revoker, ok := c.(connectors.Revoker)
	if !ok {
		return
	}
	b.each(c, func(l linked) {
		b.must(l.Name+": revoking", revoker.Revoke(b.Context(), l.auth))
		_, err := c.Fetch(b.Context(), l.request(nil, 10))
		if code := b.typed(err); code != errs.NeedsReauth {
			b.Errorf("%s: after revoking: code %q: %v", l.Name, code, err)
		}
		// Nobody knows whether the answer to the first was lost.
		b.typed(revoker.Revoke(b.Context(), l.auth))
	})
}

func checkCancel(b *bench) {
	c := b.connector()
	cancelled, cancel := context.WithCancel(b.Context())
	cancel()
	b.each(c, func(l linked) {
		calls := map[string]func() error{
			"accounts":     func() error { _, err := c.Accounts(cancelled, l.auth); return err },
			"institutions": func() error { _, err := c.Institutions(cancelled, l.Country); return err },
			"fetch":        func() error { _, err := c.Fetch(cancelled, l.request(nil, all)); return err },
		}
		for name, call := range calls {
			err := b.within(b.patience(), l.Name+": a cancelled "+name, call)
			if err == nil && name == "institutions" {
				continue // it may know them by heart
			}
			if !errors.Is(err, context.Canceled) {
				b.Errorf("%s: a cancelled %s returns %v", l.Name, name, err)
			}
			b.typed(err)
		}
	})
}

func checkVendor(b *bench) {
	if b.Vendor == nil {
		if b.NoVendor == "" {
			b.Fatal("the harness has no vendor, and does not say why")
		}
		b.Skip(b.NoVendor)
	}
	c := b.connector()
	b.each(c, func(l linked) {
		fetch := func(ctx context.Context) error {
			_, err := c.Fetch(ctx, l.request(nil, 10))
			return err
		}
		for status, want := range b.Vendor.Statuses {
			b.broken(c, l, Fault{Status: status, Body: `{"error":"` + l.auth.Reveal() + `"}`}, want, 0)
		}
		for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			want := b.Vendor.Statuses[status]
			b.broken(c, l, Fault{Status: status, Header: http.Header{"Retry-After": {"7"}}}, want, 7*time.Second)
			date := b.Clock.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
			b.broken(c, l, Fault{Status: status, Header: http.Header{"Retry-After": {date}}}, want, 90*time.Second)
			b.broken(c, l, Fault{Status: status, Header: http.Header{"Retry-After": {"soon"}}}, want, 0)
		}
		for _, fault := range badBodies() {
			b.broken(c, l, fault, errs.InstitutionDown, 0)
		}
		b.Vendor.Break(Fault{Hang: true})
		short, cancel := context.WithTimeout(b.Context(), 50*time.Millisecond)
		err := b.within(b.patience(), l.Name+": a vendor that hangs", func() error { return fetch(short) })
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			b.Errorf("%s: a vendor that hangs: %v", l.Name, err)
		}
		b.typed(err)
		b.Vendor.Heal()
		if err := fetch(b.Context()); err != nil {
			b.Errorf("%s: when the vendor is well again: %v", l.Name, err)
		}
	})
}

// broken fetches while the vendor has a fault.
func (b *bench) broken(c connectors.Connector, l linked, fault Fault, want errs.Code, after time.Duration) {
	b.Helper()
	what := fmt.Sprintf("%s: %s status %d, %v", l.Name, fault.Name, fault.Status, fault.Header)
	b.Vendor.Break(fault)
	defer b.Vendor.Heal()
	err := b.within(2*b.patience(), what, func() error {
		_, err := c.Fetch(b.Context(), l.request(nil, 10))
		return err
	})
	if code := b.typed(err); code != want {
		b.Errorf("%s: code %q, want %q: %v", what, code, want, err)
	}
	if got := errs.After(err); got < after-2*time.Second || got > after {
		b.Errorf("%s: wait %s, want %s", what, got, after)
	}
}

func checkWebhooks(b *bench) {
	c := b.connector()
	verifier, ok := c.(connectors.WebhookVerifier)
	if !ok {
		b.Skip("the connector takes no webhooks")
	}
	target, ok := c.(connectors.WebhookTarget)
	if !ok || b.Webhooks == nil {
		b.Fatal("a connector that verifies webhooks says whom they concern, and its harness brings some")
	}
	b.each(c, func(l linked) {
		refuse := func(name string, header http.Header, body []byte) {
			_, err := verifier.VerifyWebhook(b.Context(), header, body)
			if code := b.typed(err); code != errs.Unauthenticated && code != errs.Invalid {
				b.Errorf("%s: %s gets code %q: %v", l.Name, name, code, err)
			}
		}
		genuine := b.Webhooks.Genuine(l.auth)
		if len(genuine) == 0 {
			b.Fatalf("%s: the harness has no genuine webhook", l.Name)
		}
		for _, v := range genuine {
			got, err := verifier.VerifyWebhook(b.Context(), v.Header.Clone(), slices.Clone(v.Body))
			if ref := target.AuthorizationRef(l.auth); err != nil || ref == "" || got.Ref != ref {
				b.Errorf("%s: %s is for %q, want %q: %v", l.Name, v.Name, got.Ref, ref, err)
			}
			b.typed(err)
			refuse(v.Name+" with one more space", v.Header, append(slices.Clone(v.Body), ' '))
			refuse(v.Name+" without body", v.Header, nil)
			refuse(v.Name+" without header", http.Header{}, v.Body)
		}
		for _, v := range b.Webhooks.Forged(l.auth) {
			refuse(v.Name, v.Header, v.Body)
		}
	})
}
