package registry

import (
	"context"
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/connectors/demo"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

var deps = connectors.Deps{Log: slog.New(slog.DiscardHandler), Now: time.Now, Rand: rand.Reader}

func TestOpenHoldsWhatHasSettings(t *testing.T) {
	none, err := Open(deps, Config{})
	if err != nil || len(none.All()) != 0 || none.Demo() != nil {
		t.Errorf("without settings: %v, %v", none.All(), err)
	}
	r, err := Open(deps, Config{Demo: &demo.Config{Seed: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.All()) != 1 || r.Demo() == nil {
		t.Errorf("with demo: %v", r.All())
	}
	c, err := r.Get("demo")
	if err != nil || c.Info().ID != demo.ID {
		t.Errorf("get: %v, %v", c, err)
	}
	if _, err := r.Get("plaid"); !errs.Is(err, errs.NotFound) {
		t.Errorf("get of what is not there: %v", err)
	}
	if got := r.ByCountry("JP"); len(got) != 1 {
		t.Errorf("JP: %v", got)
	}
	if got := r.ByCountry("AQ"); len(got) != 0 {
		t.Errorf("AQ: %v", got)
	}
}

// named is a connector with an id and nothing else.
type named string

func (n named) Info() connectors.Info { return connectors.Info{ID: string(n)} }
func (named) Institutions(context.Context, string) ([]bank.Institution, error) {
	return nil, nil
}
func (named) Accounts(context.Context, seal.Secret) ([]bank.Account, error) { return nil, nil }
func (named) Fetch(context.Context, connectors.FetchRequest) (connectors.Page, error) {
	return connectors.Page{}, nil
}

func TestIDsAreToldApart(t *testing.T) {
	for _, bad := range [][]connectors.Connector{{named("Demo")}, {named("a-b")}, {named("")}, {named("x"), named("y"), named("x")}} {
		r := &Registry{all: bad}
		if err := r.check(); err == nil {
			t.Errorf("%v passed", bad)
		}
	}
	r := &Registry{all: []connectors.Connector{named("y"), named("x")}}
	if err := r.check(); err != nil || r.All()[0] != named("x") {
		t.Errorf("%v, %v", r.All(), err)
	}
}
