// Package demo is the bank of the stand-ins: a connector whose institutions,
// accounts and transactions are made up, so that the whole app can be tried and
// proven on a machine with nothing on it.
//
// What its banks know is a function of the seed, the institution, the account
// and the moment; nothing is stored. They behave as badly as real banks do:
// pending transactions are booked under another id and amount, some never;
// rows appear late, are edited, are withdrawn; ids change or are missing. Which
// institution has which habit says the table in institutions.go.
//
// Sign in with user "demo" and password "demo"; a one-time code is 123456.
package demo

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

// ID is the id of the connector.
const ID = "demo"

// overlap is more days than any habit needs to show itself after a date.
const overlap = 14

// DefaultPace is the pace where the settings give none.
const DefaultPace = 30 * time.Second

// Config are the settings of the stand-ins.
type Config struct {
	// Seed chooses among worlds.
	Seed uint64
	// BankURL is where Pages is reached, such as
	// http://127.0.0.1:8080/sandbox/bank. It may be given later by SetBankURL.
	BankURL string
	// Opened is when the live feed begins; the history reaches two years
	// back from it. Keep it over restarts. Zero is the moment of New.
	Opened time.Time
	// Pace is the time between live purchases of one account in the first
	// hour after Opened; later there is one per 20 paces in daytime. Zero is
	// DefaultPace.
	Pace time.Duration
	// Volume multiplies the purchases of daily life, not the live ones; zero is
	// 1. Ten makes a card of about 11,000 transactions.
	Volume int
}

// Connector is the bank of the stand-ins and the connector to it.
type Connector struct {
	deps     connectors.Deps
	cfg      Config
	bankURL  atomic.Pointer[string]
	accounts map[string][]*account // by institution
	infoOf   connectors.Info

	mu      sync.Mutex
	revoked map[uint64]bool // links that were ended; a restart forgives them
}

var (
	_ connectors.Connector = (*Connector)(nil)
	_ connectors.Linker    = (*Connector)(nil)
	_ connectors.Revoker   = (*Connector)(nil)
)

// New returns the stand-ins.
func New(deps connectors.Deps, cfg Config) *Connector {
	if cfg.Opened.IsZero() {
		cfg.Opened = deps.Now()
	}
	if cfg.Pace <= 0 {
		cfg.Pace = DefaultPace
	}
	cfg.Volume = max(cfg.Volume, 1)
	c := &Connector{
		deps: deps, cfg: cfg, accounts: make(map[string][]*account), revoked: make(map[uint64]bool),
		infoOf: connectors.Info{ID: ID, Title: "Demo banks", Countries: countries(), PollEvery: 15 * time.Second, Overlap: overlap},
	}
	c.SetBankURL(cfg.BankURL)
	p := &pulse{seed: cfg.Seed, opened: cfg.Opened.UTC().Round(0), pace: cfg.Pace, volume: cfg.Volume}
	for i := range institutions {
		c.accounts[institutions[i].id] = accountsOf(p, &institutions[i])
	}
	return c
}

// SetBankURL says where Pages is reached.
func (c *Connector) SetBankURL(base string) {
	base = strings.TrimRight(base, "/")
	c.bankURL.Store(&base)
}

// Info implements connectors.Connector.
func (c *Connector) Info() connectors.Info {
	info := c.infoOf
	info.Countries = slices.Clone(info.Countries)
	return info
}

// Institutions implements connectors.Connector.
func (c *Connector) Institutions(ctx context.Context, country string) ([]bank.Institution, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var found []bank.Institution
	for i := range institutions {
		if institutions[i].country == country {
			found = append(found, institutions[i].public())
		}
	}
	slices.SortFunc(found, func(a, b bank.Institution) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// Accounts implements connectors.Connector.
func (c *Connector) Accounts(ctx context.Context, auth seal.Secret) ([]bank.Account, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	link, err := c.open(auth)
	if err != nil {
		return nil, err
	}
	var open []bank.Account
	for _, a := range c.accounts[link.Institution] {
		if !a.closes.by(momentOf(c.deps.Now())) {
			open = append(open, bank.Account{
				Key: a.key, ID: a.id(link.ref()), Name: a.name(), Mask: a.mask(), Kind: a.kind, Currency: a.land.currency,
			})
		}
	}
	return open, nil
}

// Truth returns the booked transactions that the bank knows of an account at
// that moment, dated since or later, in order of date and without ids. It is
// nil for an account the bank does not have.
func (c *Connector) Truth(institution, accountKey string, since bank.Date, at time.Time) []bank.Transaction {
	return c.known(institution, accountKey, since, at, bank.Booked)
}

// TruthPending is Truth of what is pending.
func (c *Connector) TruthPending(institution, accountKey string, since bank.Date, at time.Time) []bank.Transaction {
	return c.known(institution, accountKey, since, at, bank.Pending)
}

func (c *Connector) known(institution, accountKey string, since bank.Date, at time.Time, status bank.Status) []bank.Transaction {
	a := c.account(institution, accountKey)
	if a == nil {
		return nil
	}
	var all []bank.Transaction
	t := momentOf(at)
	a.walk(later(since, a.first), a.today(t), func(d bank.Date, rows []*row) bool {
		for _, r := range rows {
			if tx, ok := a.transaction(r, d, t, 0); ok && tx.Status == status {
				tx.ID, tx.PendingID = "", ""
				all = append(all, tx)
			}
		}
		return true
	})
	return all
}

func (c *Connector) account(institution, key string) *account {
	for _, a := range c.accounts[institution] {
		if a.key == key {
			return a
		}
	}
	return nil
}

// settled is the sum of all rows made up to a day, whose lives were over.
type settled struct {
	until bank.Date
	sum   int64
}

// balance returns what the account holds at t by its booked transactions. It
// remembers the sum of the days on which nothing can change any more.
func (a *account) balance(t moment) money.Amount {
	today := a.today(t)
	over := today.AddDays(-overlap - maxLag)
	done := a.settled.Load()
	if done == nil || done.until.After(over) {
		done = &settled{until: a.first.AddDays(-maxLag - 1), sum: a.opening}
	}
	sum := done.sum
	var rows []row
	for d := done.until.AddDays(1); !d.After(today); d = d.AddDays(1) {
		rows = a.day(d, rows[:0])
		for i := range rows {
			if r := &rows[i]; !r.date.Before(a.first) && r.bookedAt(t) {
				sum += r.units
			}
		}
		if d == over {
			a.settled.Store(&settled{until: d, sum: sum})
		}
	}
	return a.amount(sum)
}

// today is the day it is at the bank.
func (a *account) today(t moment) bank.Date { return bank.DateOf(t.time().In(a.land.zone)) }

func later(a, b bank.Date) bank.Date {
	if a.Before(b) {
		return b
	}
	return a
}

func newRand(a, b uint64) *rand.Rand {
	return rand.New(rand.NewPCG(a, b)) //nolint:gosec // must be repeatable, keeps no secret
}
