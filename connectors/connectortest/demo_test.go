package connectortest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/connectors/connectortest"
	"github.com/bank-connections/bkper-bot/connectors/demo"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
)

// start is when the demo feeds begin; start of every check, too.
var start = time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC)

// institutions are the demo banks and how a sign-in there ends.
var institutions = []struct {
	id   string
	want errs.Code
}{
	{"br_saopaulo", ""},
	{"br_breve", ""},
	{"us_newyork", ""},
	{"us_union", ""},
	{"us_outage", errs.InstitutionDown},
	{"de_berlin", ""},
	{"de_ohne", ""},
	{"de_frist", ""},
	{"jp_tokyo", ""},
	{"gb_london", ""},
	{"gb_naps", ""},
	{"pt_lisboa", ""},
	{"mx_ciudad", ""},
	{"kw_kuwait", ""},
}

// TestDemo holds the demo banks against the suite, each from the start of its
// feed on, when most happens.
func TestDemo(t *testing.T) {
	for _, i := range institutions {
		if i.want != "" {
			continue
		}
		t.Run(i.id, func(t *testing.T) {
			connectortest.Run(t, func(tb testing.TB) connectortest.Harness { return demoHarness(tb, i.id, "us_outage") })
		})
	}
}

// TestDemoTogether has the banks beside each other.
func TestDemoTogether(t *testing.T) {
	connectortest.Run(t, func(tb testing.TB) connectortest.Harness {
		return demoHarness(tb, "br_breve", "us_union", "jp_tokyo", "kw_kuwait")
	})
}

// demoHarness is the harness of the demo banks.
func demoHarness(tb testing.TB, ids ...string) connectortest.Harness {
	tb.Helper()
	clock := connectortest.NewClock(start)
	site := httptest.NewServer(nil)
	tb.Cleanup(site.Close)
	cfg := demo.Config{Seed: 42, BankURL: site.URL, Opened: start}
	bankItself := demo.New(connectors.Deps{Now: clock.Now}, cfg)
	site.Config.Handler = bankItself.Pages()

	h := connectortest.Harness{
		New:       func(deps connectors.Deps) connectors.Connector { return demo.New(deps, cfg) },
		Clock:     clock,
		ReturnURL: site.URL + "/return?state=1",
		Since:     bank.NewDate(2026, 10, 8),
		Truth: func(at connectortest.SignIn, key string, since bank.Date, moment time.Time) connectortest.Truth {
			return connectortest.Truth{
				Booked:  bankItself.Truth(at.Institution, key, since, moment),
				Pending: bankItself.TruthPending(at.Institution, key, since, moment),
			}
		},
		Pace:     demo.DefaultPace,
		Polls:    40,
		NoVendor: "the demo banks are not reached over HTTP",
	}
	for _, i := range institutions {
		for _, id := range ids {
			if id == i.id {
				h.SignIns = append(h.SignIns, connectortest.SignIn{
					Name: id, Institution: id, Country: strings.ToUpper(id[:2]), Want: i.want,
					Answer: person(site.Client(), clock),
				})
			}
		}
	}
	return h
}

// person answers as somebody does who knows what opens the demo banks.
func person(client *http.Client, clock *connectortest.Clock) func(context.Context, connectors.LinkStep) (map[string]string, error) {
	return func(ctx context.Context, step connectors.LinkStep) (map[string]string, error) {
		switch {
		case step.Redirect != "":
			return atTheBank(ctx, client, step.Redirect)
		case len(step.Form.Fields) == 0: // approves in the bank's app
			clock.Advance(10 * time.Second)
			return nil, nil
		default:
			return map[string]string{"user": "demo", "password": "demo"}, nil
		}
	}
}

// atTheBank signs in on the bank's own page and returns the query of the way
// back.
func atTheBank(ctx context.Context, client *http.Client, page string) (map[string]string, error) {
	u, err := url.Parse(page)
	if err != nil {
		return nil, err
	}
	form := u.Query()
	u.RawQuery = ""
	form.Set("user", "demo")
	form.Set("password", "demo")
	form.Set("otp", "123456")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := own.Do(req)
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	back, err := resp.Location()
	if errors.Is(err, http.ErrNoLocation) {
		return nil, fmt.Errorf("the bank's page answers %s", resp.Status)
	}
	if err != nil {
		return nil, err
	}
	answer := make(map[string]string)
	for name, values := range back.Query() {
		answer[name] = values[0]
	}
	return answer, nil
}
