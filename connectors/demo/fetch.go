package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
)

// state is where the app stands: the update it has, and the place in the one
// it is reading, whose moment is fixed by its first page.
type state struct {
	Version int    `json:"v"`
	For     string `json:"for"`            // fingerprint of institution and wanted accounts
	Last    moment `json:"last,omitempty"` // of the update before; never: there was none
	Link    uint64 `json:"link,omitempty"` // under which that update was made
	All     bool   `json:"all,omitempty"`  // that update left out older days

	Now     moment    `json:"now,omitempty"` // of the update being read; never: none
	NowLink uint64    `json:"nowLink,omitempty"`
	Account int       `json:"account,omitempty"` // index in wanted
	Day     bank.Date `json:"day,omitzero"`
	Told    int       `json:"told,omitempty"` // transactions told of that day
}

const stateVersion = 1

// marshal writes the state and a check sum, which finds what was damaged or
// made up.
func (s state) marshal() ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("writing the state: %w", err)
	}
	return fmt.Appendf(text, "#%08x", crc32.ChecksumIEEE(text)), nil
}

var errState = errors.New("the state is damaged")

func parseState(data []byte) (state, error) {
	text, sum, found := strings.Cut(string(data), "#")
	var s state
	if want, err := strconv.ParseUint(sum, 16, 32); !found || err != nil || uint32(want) != crc32.ChecksumIEEE([]byte(text)) || len(sum) != 8 {
		return state{}, errState
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return state{}, errState
	}
	if s.Version != stateVersion {
		return state{}, fmt.Errorf("the state is of version %d", s.Version)
	}
	return s, nil
}

// Fetch implements connectors.Connector.
func (c *Connector) Fetch(ctx context.Context, req connectors.FetchRequest) (connectors.Page, error) {
	if err := ctx.Err(); err != nil {
		return connectors.Page{}, err
	}
	link, err := c.open(req.Auth)
	if err != nil {
		return connectors.Page{}, err
	}
	if req.Limit < 1 {
		return connectors.Page{}, errs.New(errs.Invalid, "A page holds at least 1 transaction.")
	}
	s, err := c.resume(link, req)
	if err != nil {
		return connectors.Page{}, err
	}
	u := update{Connector: c, inst: findInstitution(link.Institution), state: s, limit: req.Limit, wanted: req.Wanted}
	for u.state.Account < len(req.Wanted) && u.count < req.Limit {
		if err := u.tell(ctx); err != nil {
			return connectors.Page{}, err
		}
	}
	return u.page()
}

// resume reads the state of the request, and starts an update if none is being
// read.
func (c *Connector) resume(link link, req connectors.FetchRequest) (state, error) {
	s := state{Version: stateVersion, For: fingerprint(link.Institution, req.Wanted)}
	if len(req.State) > 0 {
		old, err := parseState(req.State)
		if err == nil && (old.For != s.For || old.Account < 0 || old.Account > len(req.Wanted)) {
			err = errors.New("the state is of another institution or of other accounts")
		}
		if err != nil {
			return state{}, errs.Wrap(errs.Conflict, err, "What was fetched before cannot be continued; it must be fetched from the start.")
		}
		s = old
	}
	if s.Now == never {
		s.Now = max(momentOf(c.deps.Now()), s.Last) // a clock that went back has no news
		s.NowLink = link.ref()
	}
	return s, nil
}

func fingerprint(institution string, wanted []connectors.Wanted) string {
	h := mix(hashText(institution))
	for _, w := range wanted {
		h = mix(h, hashText(w.Key), hashText(w.Since.String()))
	}
	return strconv.FormatUint(h, 36)
}

// update is one page of an update in the making.
type update struct {
	*Connector
	inst   *institution
	state  state
	limit  int
	wanted []connectors.Wanted
	count  int // transactions in the page
	pages  []connectors.AccountPage
}

// window is what an update tells of one account: the days, and since when
// pending and withdrawn ones are looked for.
type window struct {
	days    connectors.Days
	since   moment
	clipped bool // more was wanted than the bank tells
}

func (u *update) window(a *account, wanted bank.Date) window {
	today := a.today(u.state.Now)
	w := window{days: connectors.Days{From: later(wanted, a.first), To: today}, since: u.state.Last}
	switch {
	case u.state.All:
	case u.state.Last != never:
		w.days.From = later(w.days.From, a.today(u.state.Last).AddDays(-overlap))
	case u.inst.recentFirst:
		w.days.From = later(w.days.From, today.AddDays(-30))
	}
	if w.since == never {
		w.since = momentOf(u.state.Now.time().AddDate(0, 0, -overlap))
	}
	if u.inst.historyDays > 0 {
		if told := today.AddDays(-u.inst.historyDays); w.days.From.Before(told) {
			w.days.From, w.clipped = told, true
		}
	}
	return w
}

// tell goes on with the account at hand until it is told or the page is full.
func (u *update) tell(ctx context.Context) error {
	want := u.wanted[u.state.Account]
	out := connectors.AccountPage{Key: want.Key}
	a := u.account(u.inst.id, want.Key)
	if a == nil || a.closes.by(u.state.Now) {
		out.Err = errs.New(errs.AccountGone, "")
		u.finish(out)
		return nil
	}
	w := u.window(a, want.Since)
	from := w.days.From
	if !u.state.Day.IsZero() {
		from = u.state.Day
	}
	var stopped error
	whole := true
	a.walk(from, w.days.To, func(d bank.Date, rows []*row) bool {
		if stopped = ctx.Err(); stopped != nil || u.count == u.limit {
			whole = false
			u.state.Day = d
			return false
		}
		if u.state.Told == 0 {
			out.Removed = append(out.Removed, u.removed(a, w, d, rows)...)
		}
		place := 0
		for _, r := range rows {
			tx, ok := a.transaction(r, d, u.state.Now, u.state.NowLink)
			if !ok {
				continue
			}
			if place++; place <= u.state.Told {
				continue
			}
			if u.count == u.limit {
				whole = false
				u.state.Day, u.state.Told = d, place-1
				return false
			}
			out.Transactions = append(out.Transactions, tx)
			u.count++
		}
		u.state.Told = 0
		return true
	})
	if stopped != nil {
		return stopped
	}
	if !whole {
		u.pages = append(u.pages, out)
		return nil
	}
	if !w.days.From.After(w.days.To) {
		out.Complete = w.days
	}
	out.Balance = &bank.Balance{Booked: a.balance(u.state.Now), Date: w.days.To}
	if w.clipped {
		out.Err = errs.New(errs.HistoryNotAvailable, fmt.Sprintf(
			"%s tells its last %d days only, from %s on. Import a statement file for what lies before.",
			u.inst.name, u.inst.historyDays, w.days.From))
	}
	u.finish(out)
	return nil
}

func (u *update) finish(out connectors.AccountPage) {
	u.pages = append(u.pages, out)
	u.state.Account++
	u.state.Day, u.state.Told = bank.Date{}, 0
}

// removed returns the ids that are no more since the update before, of the rows
// told under day d.
func (u *update) removed(a *account, w window, d bank.Date, rows []*row) []string {
	if u.inst.nameless {
		return nil
	}
	known := u.state.Link
	if known == 0 {
		known = u.state.NowLink
	}
	var ids []string
	for _, r := range rows {
		relinked := known != u.state.NowLink && r.seen.by(w.since) && !r.noted.by(u.state.Now)
		if r.origin == d && r.seen != never && (r.noted.within(w.since, u.state.Now) || relinked) {
			ids = append(ids, a.pendingID(r, known))
		}
		if r.date == d && r.gone.within(w.since, u.state.Now) {
			ids = append(ids, a.bookedID(r, r.gone, known))
		}
	}
	return ids
}

// page returns what was collected, and where to go on.
func (u *update) page() (connectors.Page, error) {
	page := connectors.Page{Accounts: u.pages, More: connectors.SameUpdate}
	next := u.state
	if u.state.Account >= len(u.wanted) {
		page.More = connectors.NoMore
		next = state{Version: stateVersion, For: u.state.For, Last: u.state.Now, Link: u.state.NowLink}
		if u.state.Last == never && u.inst.recentFirst {
			next.All = true
			page.More = connectors.NextUpdate
		}
	}
	var err error
	page.Next, err = next.marshal()
	return page, err
}

// The ids. They are good for one link only, so that a bank linked anew shows
// its accounts and transactions under other ids.

func (a *account) id(link uint64) string { return "acc-" + hexID(mix(a.salt, link)) }

func (a *account) pendingID(r *row, link uint64) string {
	if a.inst.nameless {
		return ""
	}
	return "p-" + hexID(mix(a.salt, link, dayHash(r.origin), uint64(r.seq), 1)) //nolint:gosec // a hash
}

func (a *account) bookedID(r *row, t moment, link uint64) string {
	if a.inst.nameless {
		return ""
	}
	return "t-" + hexID(mix(a.salt, link, dayHash(r.origin), uint64(r.seq), 2, uint64(a.reissued(r, t)))) //nolint:gosec // a hash
}

func dayHash(d bank.Date) uint64 { return uint64(d.Time().Unix()) } //nolint:gosec // a hash

func hexID(h uint64) string { return strconv.FormatUint(h, 16) }

// iban makes up an account number that no bank has: its check digits are 00.
func iban(country, name string) string {
	return fmt.Sprintf("%s00%018d", country, hashText(name)%1_000_000_000_000_000_000)
}

// asleep reports whether the institution sleeps at t, and until when.
func (i *institution) asleep(opened, t time.Time) (time.Duration, bool) {
	const cycle, nap = 10 * time.Minute, 2 * time.Minute
	into := t.Sub(opened) % cycle
	if !i.naps || into < cycle-nap {
		return 0, false
	}
	return cycle - into, true
}
