package connectortest_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/connectors/connectortest"
	"github.com/bank-connections/bkper-bot/connectors/demo"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

// altered is the demo connector with methods that may be replaced.
type altered struct {
	*demo.Connector
	deps         connectors.Deps
	info         func(connectors.Info) connectors.Info
	institutions func([]bank.Institution) []bank.Institution
	accounts     func([]bank.Account) []bank.Account
	begin        func(connectors.LinkStep) connectors.LinkStep
	goOn         func(progress []byte, answer map[string]string, next goOnFunc) (connectors.LinkStep, error)
	fetch        func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error)
}

type (
	goOnFunc  = func(context.Context, []byte, map[string]string) (connectors.LinkStep, error)
	fetchFunc = func(context.Context, connectors.FetchRequest) (connectors.Page, error)
)

func (a *altered) Info() connectors.Info {
	if a.info == nil {
		return a.Connector.Info()
	}
	return a.info(a.Connector.Info())
}

func (a *altered) Institutions(ctx context.Context, country string) ([]bank.Institution, error) {
	all, err := a.Connector.Institutions(ctx, country)
	if a.institutions != nil {
		all = a.institutions(all)
	}
	return all, err
}

func (a *altered) Accounts(ctx context.Context, auth seal.Secret) ([]bank.Account, error) {
	all, err := a.Connector.Accounts(ctx, auth)
	if a.accounts != nil {
		all = a.accounts(all)
	}
	return all, err
}

func (a *altered) BeginLink(ctx context.Context, req connectors.LinkRequest) (connectors.LinkStep, error) {
	step, err := a.Connector.BeginLink(ctx, req)
	if a.begin != nil {
		step = a.begin(step)
	}
	return step, err
}

func (a *altered) ContinueLink(ctx context.Context, progress []byte, answer map[string]string) (connectors.LinkStep, error) {
	if a.goOn == nil {
		return a.Connector.ContinueLink(ctx, progress, answer)
	}
	return a.goOn(progress, answer, a.Connector.ContinueLink)
}

func (a *altered) Fetch(ctx context.Context, req connectors.FetchRequest) (connectors.Page, error) {
	if a.fetch == nil {
		return a.Connector.Fetch(ctx, req)
	}
	return a.fetch(ctx, req, a.Connector.Fetch)
}

// pages alters each page after it was read.
func pages(change func(req connectors.FetchRequest, page *connectors.Page)) func(*altered) {
	return func(a *altered) {
		a.fetch = func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error) {
			page, err := next(ctx, req)
			if err == nil {
				change(req, &page)
			}
			return page, err
		}
	}
}

// rows alters each transaction.
func rows(change func(tx *bank.Transaction)) func(*altered) {
	return pages(func(_ connectors.FetchRequest, page *connectors.Page) {
		for _, p := range page.Accounts {
			for i := range p.Transactions {
				change(&p.Transactions[i])
			}
		}
	})
}

// The checks by which mutants are caught.
const (
	info         = "it says who it is"
	institution  = "institutions are listed by country, sorted by name"
	wayIn        = "each way in ends as it should"
	credentials  = "wrong credentials are refused, the right ones then accepted"
	accountKeys  = "accounts keep their keys when the bank is linked anew"
	pageSizes    = "pages of any size add up to the truth"
	resuming     = "reading goes on after a restart at any page"
	stateChecked = "the state is small, stable and checked"
	life         = "polling while transactions change arrives at the truth"
	balance      = "opening balance and booked transactions make the balance"
	zones        = "dates do not depend on the zone of the machine"
	again        = "the same question gets the same answer"
	together     = "many may ask at once"
	gone         = "an unknown account is gone, the others are well"
	openNothing  = "an authorization that opens nothing needs a new sign-in"
	cancelling   = "cancelling ends a call at once"
)

// mutants are connectors that are wrong in one way each.
var mutants = []struct {
	name  string
	check string // that must reject it
	spoil func(*altered)
}{
	{"has an id in capitals", info, func(a *altered) {
		a.info = func(i connectors.Info) connectors.Info { i.ID = "Demo"; return i }
	}},
	{"lists countries out of order", info, func(a *altered) {
		a.info = func(i connectors.Info) connectors.Info { slices.Reverse(i.Countries); return i }
	}},
	{"lists institutions out of order", institution, func(a *altered) {
		a.institutions = func(all []bank.Institution) []bank.Institution { slices.Reverse(all); return all }
	}},
	{"asks for two things in one step", wayIn, func(a *altered) {
		a.begin = func(s connectors.LinkStep) connectors.LinkStep { s.Redirect = "https://bank.example/"; return s }
	}},
	{"gives an error without a code at sign-in", credentials, func(a *altered) {
		a.goOn = func(p []byte, answer map[string]string, next goOnFunc) (connectors.LinkStep, error) {
			step, err := next(context.Background(), p, answer)
			if err != nil {
				err = fmt.Errorf("sign-in: %s", errs.Public(err))
			}
			return step, err
		}
	}},
	{"quotes the password in an error", credentials, func(a *altered) {
		a.goOn = func(p []byte, answer map[string]string, next goOnFunc) (connectors.LinkStep, error) {
			step, err := next(context.Background(), p, answer)
			if err != nil {
				err = errs.Wrap(errs.CodeOf(err), fmt.Errorf("signing in with %v", answer), "")
			}
			return step, err
		}
	}},
	{"lets anybody in", credentials, func(a *altered) {
		a.goOn = func(p []byte, _ map[string]string, next goOnFunc) (connectors.LinkStep, error) {
			return next(context.Background(), p, map[string]string{"user": "demo", "password": "demo"})
		}
	}},
	{"takes the provider's account id for the key", accountKeys, func(a *altered) {
		a.accounts = func(all []bank.Account) []bank.Account {
			for i := range all {
				all[i].Key = all[i].ID
			}
			return all
		}
	}},
	{"drops the last page", pageSizes, pages(func(req connectors.FetchRequest, page *connectors.Page) {
		if req.State != nil && page.More == connectors.NoMore {
			for i := range page.Accounts {
				page.Accounts[i].Transactions = nil
			}
		}
	})},
	{"repeats rows under other ids", pageSizes, pages(func(_ connectors.FetchRequest, page *connectors.Page) {
		for i, p := range page.Accounts {
			if n := len(p.Transactions); n > 1 {
				p.Transactions[n-1] = p.Transactions[0]
				p.Transactions[n-1].ID += "x"
				page.Accounts[i] = p
			}
		}
	})},
	{"takes pending for booked", pageSizes, rows(func(tx *bank.Transaction) { tx.Status = bank.Booked })},
	{"loses the cents", pageSizes, rows(func(tx *bank.Transaction) {
		whole, _, _ := strings.Cut(tx.Amount.Number().String(), ".")
		tx.Amount = money.MustParse(whole, tx.Amount.Currency())
	})},
	{"cleans the bank's text", pageSizes, rows(func(tx *bank.Transaction) { tx.Description = strings.ToLower(tx.Description) })},
	{"fills pages beyond the limit", pageSizes, func(a *altered) {
		a.fetch = func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error) {
			req.Limit *= 2
			return next(ctx, req)
		}
	}},
	{"never comes to an end", pageSizes, pages(func(_ connectors.FetchRequest, page *connectors.Page) {
		page.More, page.Next = connectors.SameUpdate, nil
	})},
	{"has more for ever", pageSizes, pages(func(_ connectors.FetchRequest, page *connectors.Page) {
		if page.More == connectors.NoMore {
			page.More = connectors.NextUpdate
		}
	})},
	{"hides that the history is short", pageSizes, pages(func(_ connectors.FetchRequest, page *connectors.Page) {
		for i := range page.Accounts {
			page.Accounts[i].Err = nil
		}
	})},
	{"writes the authorization to the log", pageSizes, func(a *altered) {
		a.fetch = func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error) {
			a.deps.Log.LogAttrs(ctx, slog.LevelDebug, "fetching", slog.String("auth", req.Auth.Reveal()))
			return next(ctx, req)
		}
	}},
	{"leaves a goroutine behind", pageSizes, func(a *altered) {
		a.fetch = func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error) {
			go func() { time.Sleep(3 * time.Second) }()
			return next(ctx, req)
		}
	}},
	{"keeps the place in memory", resuming, func(a *altered) {
		var mu sync.Mutex
		places := make(map[string][]byte)
		a.fetch = func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error) {
			mu.Lock()
			defer mu.Unlock()
			req.State = places[string(req.State)]
			page, err := next(ctx, req)
			handle := fmt.Sprintf("place %d", len(places)+1)
			places[handle] = page.Next
			page.Next = []byte(handle)
			return page, err
		}
	}},
	{"writes another state each time", stateChecked, func(a *altered) {
		n := 0
		a.fetch = func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error) {
			if state, _, found := bytes.Cut(req.State, []byte("|")); found {
				req.State = state
			}
			page, err := next(ctx, req)
			n++
			page.Next = fmt.Appendf(page.Next, "|%d", n)
			return page, err
		}
	}},
	{"writes a state without bounds", stateChecked, func(a *altered) {
		a.fetch = func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error) {
			req.State = bytes.TrimRight(req.State, " ")
			page, err := next(ctx, req)
			page.Next = append(page.Next, bytes.Repeat([]byte{' '}, 70<<10)...)
			return page, err
		}
	}},
	{"starts over by itself when the state is damaged", stateChecked, func(a *altered) {
		a.fetch = func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error) {
			page, err := next(ctx, req)
			if errs.Is(err, errs.Conflict) {
				req.State = nil
				return next(ctx, req)
			}
			return page, err
		}
	}},
	{"forgets what was removed", life, pages(func(_ connectors.FetchRequest, page *connectors.Page) {
		for i := range page.Accounts {
			page.Accounts[i].Removed = nil
		}
	})},
	{"takes booked for pending", life, pages(func(req connectors.FetchRequest, page *connectors.Page) {
		for _, p := range page.Accounts {
			if req.State != nil && len(p.Transactions) > 0 {
				p.Transactions[0].Status = bank.Pending
			}
		}
	})},
	{"reports what it removes", life, pages(func(_ connectors.FetchRequest, page *connectors.Page) {
		for i, p := range page.Accounts {
			if n := len(p.Transactions); n > 0 {
				page.Accounts[i].Removed = append(p.Removed, p.Transactions[n-1].ID)
			}
		}
	})},
	{"claims days that it did not read", life, pages(func(_ connectors.FetchRequest, page *connectors.Page) {
		for i, p := range page.Accounts {
			if !p.Complete.From.IsZero() {
				page.Accounts[i].Complete.From = p.Complete.From.AddDays(-20)
			}
		}
	})},
	{"looks back one day only", life, pages(func(req connectors.FetchRequest, page *connectors.Page) {
		if req.State == nil {
			return
		}
		for i, p := range page.Accounts {
			page.Accounts[i].Transactions = slices.DeleteFunc(p.Transactions, func(tx bank.Transaction) bool {
				return tx.Date.Before(bank.DateOf(start))
			})
		}
	})},
	{"has the sign the wrong way round", balance, rows(func(tx *bank.Transaction) { tx.Amount = tx.Amount.Neg() })},
	{"passes dates through the zone of the machine", zones, rows(func(tx *bank.Transaction) {
		tx.Date = bank.DateOf(tx.Date.Time().In(time.Local))
	})},
	{"names rows by chance", again, func(a *altered) {
		n := 0
		rows(func(tx *bank.Transaction) { n++; tx.ID = fmt.Sprint(n) })(a)
	}},
	{"keeps pages by state alone", together, func(a *altered) {
		var kept sync.Map
		a.fetch = func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error) {
			if page, ok := kept.Load(string(req.State)); ok {
				return page.(connectors.Page), nil
			}
			page, err := next(ctx, req)
			if err == nil {
				kept.Store(string(req.State), page)
			}
			return page, err
		}
	}},
	{"fails as a whole for one account", gone, func(a *altered) {
		a.fetch = func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error) {
			page, err := next(ctx, req)
			for _, p := range page.Accounts {
				if p.Err != nil {
					return connectors.Page{}, p.Err
				}
			}
			return page, err
		}
	}},
	{"says nothing of an account that is gone", gone, pages(func(_ connectors.FetchRequest, page *connectors.Page) {
		page.Accounts = slices.DeleteFunc(page.Accounts, func(p connectors.AccountPage) bool { return errs.Is(p.Err, errs.AccountGone) })
	})},
	{"gives an error without a code", openNothing, func(a *altered) {
		a.fetch = func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error) {
			page, err := next(ctx, req)
			if err != nil {
				err = fmt.Errorf("fetch: %s", errs.Public(err))
			}
			return page, err
		}
	}},
	{"does not hear that it is cancelled", cancelling, func(a *altered) {
		a.fetch = func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error) {
			return next(context.WithoutCancel(ctx), req)
		}
	}},
	{"hangs when it is cancelled", cancelling, func(a *altered) {
		a.fetch = func(ctx context.Context, req connectors.FetchRequest, next fetchFunc) (connectors.Page, error) {
			if ctx.Err() != nil {
				time.Sleep(2 * time.Second)
			}
			return next(ctx, req)
		}
	}},
}

// mutantHarness has few banks, so that all mutants are tried quickly.
func mutantHarness(tb testing.TB, change func(*altered)) connectortest.Harness {
	tb.Helper()
	h := demoHarness(tb, "us_newyork", "br_breve")
	h.Patience = 500 * time.Millisecond
	inner := h.New
	h.New = func(deps connectors.Deps) connectors.Connector {
		a := &altered{Connector: inner(deps).(*demo.Connector), deps: deps}
		change(a)
		return a
	}
	return h
}

func TestTheSuiteRejectsBrokenConnectors(t *testing.T) {
	checks := make(map[string]connectortest.Check)
	for _, c := range connectortest.Checks() {
		checks[c.Name] = c
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			check, ok := checks[m.check]
			if !ok {
				t.Fatalf("there is no check %q", m.check)
			}
			r := record(t, func(tb testing.TB) {
				check.Run(tb, func(tb testing.TB) connectortest.Harness { return mutantHarness(tb, m.spoil) })
			})
			if !r.Failed() {
				t.Errorf("%q let it pass", m.check)
			} else {
				t.Logf("%.200s", r.failures[0])
			}
		})
	}
}

// What is altered in nothing must pass: a check that rejects everything proves
// nothing.
func TestTheSuiteAcceptsAnUnbrokenConnector(t *testing.T) {
	for _, check := range connectortest.Checks() {
		r := record(t, func(tb testing.TB) {
			check.Run(tb, func(tb testing.TB) connectortest.Harness { return mutantHarness(tb, func(*altered) {}) })
		})
		if r.Failed() {
			t.Errorf("%s: %v", check.Name, r.failures)
		}
	}
}
