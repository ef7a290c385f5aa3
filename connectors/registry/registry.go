// Package registry is the one list of the connectors that this program has.
package registry

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/connectors/demo"
	"github.com/bank-connections/bkper-bot/internal/errs"
)

// Config are the settings of the connectors, one field each. A connector whose
// settings are nil is not there.
type Config struct {
	Demo *demo.Config
}

// Registry holds the connectors that are there. It does not change.
type Registry struct {
	all  []connectors.Connector // sorted by id
	demo *demo.Connector
}

// Open makes the connectors that cfg has settings for. The logger of each is
// tagged with its id.
func Open(deps connectors.Deps, cfg Config) (*Registry, error) {
	r := &Registry{}
	if cfg.Demo != nil {
		r.demo = demo.New(tagged(deps, demo.ID), *cfg.Demo)
		r.all = append(r.all, r.demo)
	}
	return r, r.check()
}

func tagged(deps connectors.Deps, id string) connectors.Deps {
	if deps.Log != nil {
		deps.Log = deps.Log.With("connector", id)
	}
	return deps
}

var idGrammar = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// check sorts the connectors and sees that each can be told from the others.
func (r *Registry) check() error {
	slices.SortFunc(r.all, func(a, b connectors.Connector) int { return strings.Compare(a.Info().ID, b.Info().ID) })
	last := ""
	for _, c := range r.all {
		switch id := c.Info().ID; {
		case !idGrammar.MatchString(id):
			return fmt.Errorf("registry: %q is not an id of a connector: lower-case letters and digits, a letter first", id)
		case id == last:
			return fmt.Errorf("registry: there are two connectors %q", id)
		default:
			last = id
		}
	}
	return nil
}

// Get returns the connector of that id; the error has code not_found.
func (r *Registry) Get(id string) (connectors.Connector, error) {
	for _, c := range r.all {
		if c.Info().ID == id {
			return c, nil
		}
	}
	return nil, errs.New(errs.NotFound, fmt.Sprintf("This app has no connector %.40q.", id))
}

// All returns the connectors sorted by id.
func (r *Registry) All() []connectors.Connector { return slices.Clone(r.all) }

// ByCountry returns the connectors that have banks in a country (ISO 3166-1
// alpha-2), sorted by id.
func (r *Registry) ByCountry(country string) []connectors.Connector {
	var found []connectors.Connector
	for _, c := range r.all {
		if slices.Contains(c.Info().Countries, country) {
			found = append(found, c)
		}
	}
	return found
}

// Demo returns the bank of the stand-ins, whose own pages the program serves,
// or nil.
func (r *Registry) Demo() *demo.Connector { return r.demo }
