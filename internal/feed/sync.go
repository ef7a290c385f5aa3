package feed

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
)

const (
	leaseTime   = 6 * time.Minute // longer than any delivery may take
	pageLimit   = 500             // transactions asked for at once
	mostPages   = 2000            // of one update; more means that the bank turns in circles
	mostUpdates = 50              // taken in one delivery; then another message goes on

	mostBeginnings = 4 // of one update, that is refused midway each time

	minPollWait = 30 * time.Second
	maxPollWait = 6 * time.Hour
	actionWait  = time.Hour // until a bank that waits for the person is asked again
)

type syncMessage struct {
	ConnectionID string `json:"connectionId"`
}

// Sync asks for what is new of a connection. Asking again before that was done
// does no harm.
func (s *Service) Sync(ctx context.Context, connectionID string) error {
	return s.publish(ctx, "sync:"+connectionID+":"+s.NewID(), connectionKey(connectionID), kindSync, syncMessage{connectionID})
}

// Tick asks for every connection whose time has come. The clock calls it.
func (s *Service) Tick(ctx context.Context) error {
	now := s.Now()
	var due []ledger.Connection
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		due = nil
		return s.records.Connections.Scan(tx, store.Span{}, func(_ string, c ledger.Connection) (bool, error) {
			if c.Status == ledger.Connected && !c.NextSync.IsZero() && !c.NextSync.After(now) {
				due = append(due, c)
			}
			return true, nil
		})
	})
	if err != nil {
		return fmt.Errorf("looking for connections that are due: %w", err)
	}
	var failed []error
	for _, c := range due {
		// If the process ends between the two, it is asked for twice.
		err := s.Sync(ctx, c.ID)
		if err == nil {
			err = s.updateConnection(ctx, c.ID, func(c *ledger.Connection) {
				if !c.NextSync.After(now) { // else that sync is done by now
					c.NextSync = now.Add(maxPollWait)
				}
			})
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// source is a connection that is being synced.
type source struct {
	connection   ledger.Connection
	connector    connectors.Connector
	auth         seal.Secret
	integrations []ledger.Integration
	wanted       []connectors.Wanted
	started      time.Time
	runs         time.Time // when the runs of the update start that is taken
	lease        store.Lease
}

// sync fetches what is new, hands it to the queue in batches, and moves the
// connection's state on once the queue has accepted it.
func (s *Service) sync(ctx context.Context, d queue.Delivery, m syncMessage) error {
	lease, err := s.leases.Acquire(ctx, "sync/"+m.ConnectionID, d.ID, leaseTime)
	if err != nil {
		return busy(err)
	}
	defer s.release(ctx, lease)

	src, err := s.openSource(ctx, m.ConnectionID)
	if err != nil || src == nil {
		return err
	}
	src.lease = lease
	if src.connection.LastSync.After(d.Published) && src.connection.Wanted == wantedKey(src.integrations) {
		return nil // a sync that began after this was asked for has done it
	}
	state := src.connection.State
	whole := src.connection.Wanted != wantedKey(src.integrations)
	var left []byte // the state that everything is told again for
	if whole {
		left, state = state, nil
	}
	for range mostUpdates {
		u, err := src.fetchUpdate(ctx, state)
		if errs.Is(err, errs.Conflict) && state != nil {
			state, whole = nil, true // the connector cannot go on from there
			continue
		}
		if err != nil {
			return s.bankFailed(ctx, src, err)
		}
		if err := src.addWithdrawn(ctx, &u, left); err != nil {
			return s.bankFailed(ctx, src, err)
		}
		left = nil
		if err := s.publishUpdate(ctx, src, u, whole); errors.Is(err, queue.ErrBadMessage) || errors.Is(err, store.ErrBadName) || errors.Is(err, store.ErrTooLarge) {
			return s.bankFailed(ctx, src, err) // it will not go better by itself: the person is told
		} else if err != nil {
			return err
		}
		if err := s.moveOn(ctx, src, u); err != nil {
			return err
		}
		if u.more == connectors.NoMore {
			return nil
		}
		src.connection.State, src.runs = u.next, src.runs.Add(time.Millisecond)
		state, whole = u.next, false
	}
	return s.Sync(ctx, m.ConnectionID)
}

// openSource returns nil where there is nothing to sync.
func (s *Service) openSource(ctx context.Context, connectionID string) (*source, error) {
	src := &source{started: s.Now()}
	found := false
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		var err error
		src.connection, found, err = s.records.Connections.Find(tx, store.Key(connectionID))
		if err != nil || !found {
			return err
		}
		src.integrations, err = s.records.IntegrationsOfConnection(tx, connectionID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading connection %s: %w", connectionID, err)
	}
	src.runs = startOfRuns(src.started, src.integrations)
	src.integrations = active(src.integrations)
	if !found || src.connection.Status != ledger.Connected || len(src.integrations) == 0 {
		return nil, nil
	}
	if src.connector, err = s.Connectors.Get(src.connection.Connector); err != nil {
		return nil, err
	}
	secret, err := s.Sealer.Open(ctx, src.connection.Secret, ledger.SecretContext(connectionID))
	if err != nil {
		return nil, fmt.Errorf("unsealing connection %s: %w", connectionID, err)
	}
	src.auth = seal.NewSecret(string(secret))
	src.wanted = wantedOf(src.integrations)
	return src, nil
}

// startOfRuns is when the runs of a sync start: after all that the connection has
// had. By when they started, the runs of all its integrations are in the order in
// which the bank was asked.
func startOfRuns(now time.Time, integrations []ledger.Integration) time.Time {
	for _, i := range integrations {
		if !now.After(i.LastRun) {
			now = i.LastRun.Add(time.Millisecond)
		}
	}
	return now
}

// active returns the integrations that have not stopped.
func active(integrations []ledger.Integration) []ledger.Integration {
	return slices.DeleteFunc(slices.Clone(integrations), func(i ledger.Integration) bool { return i.Stopped != nil })
}

// wantedOf returns the accounts to ask for. Two integrations of one account
// are asked for once, since the earlier of their days.
func wantedOf(integrations []ledger.Integration) []connectors.Wanted {
	since := make(map[string]bank.Date)
	for _, i := range integrations {
		if day, ok := since[i.BankKey]; !ok || i.Since.Before(day) {
			since[i.BankKey] = i.Since
		}
	}
	wanted := make([]connectors.Wanted, 0, len(since))
	for key, day := range since {
		wanted = append(wanted, connectors.Wanted{Key: key, Since: day})
	}
	slices.SortFunc(wanted, func(a, b connectors.Wanted) int { return cmp.Compare(a.Key, b.Key) })
	return wanted
}

// wantedKey describes what a state is good for. When a person saves the period
// again it changes, and everything is fetched again.
func wantedKey(integrations []ledger.Integration) string {
	parts := make([]string, len(integrations))
	for n, i := range integrations {
		parts[n] = fmt.Sprintf("%s %s %s %d", i.ID, i.BankKey, i.Since, i.Resync)
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

// update is one whole update of a connection.
type update struct {
	accounts map[string]*accountUpdate // by stable key
	fresh    bool                      // it began from nothing
	next     []byte
	more     connectors.More
}

type accountUpdate struct {
	rows     []bank.Transaction
	removed  []string
	complete []connectors.Days
	fresh    bool // as the update
	balance  *bank.Balance
	err      error
}

// fetchUpdate reads one update. A Conflict says that the connector cannot go on
// from the state. Where it cannot go on in the midst of the update, as when the
// bank has changed something meanwhile, the update begins again from the same
// state: who begins from nothing hears of no withdrawal.
func (src *source) fetchUpdate(ctx context.Context, state []byte) (update, error) {
	var refusal error
	for range mostBeginnings {
		u, midway, err := src.readUpdate(ctx, state)
		if !midway || !errs.Is(err, errs.Conflict) {
			return u, err
		}
		refusal = err
	}
	return update{}, &errs.Error{Code: errs.InstitutionDown, Err: fmt.Errorf("an update was begun %d times and refused midway: %w", mostBeginnings, refusal)}
}

// readUpdate reads the pages of one update, and reports whether it has come to
// read any. An update is applied as a whole: when it is interrupted the next try
// begins from the same state.
func (src *source) readUpdate(ctx context.Context, state []byte) (_ update, midway bool, _ error) {
	u := update{accounts: make(map[string]*accountUpdate), fresh: len(state) == 0}
	for n := range mostPages {
		page, err := src.connector.Fetch(ctx, connectors.FetchRequest{
			Auth: src.auth, Wanted: src.wanted, State: state, Limit: pageLimit,
		})
		if err != nil {
			return update{}, n > 0, err
		}
		for _, a := range page.Accounts {
			u.add(a)
		}
		if page.More == connectors.SameUpdate && bytes.Equal(page.Next, state) {
			return update{}, true, fmt.Errorf("the connector %s gives the same page again", src.connection.Connector)
		}
		u.next, u.more = page.Next, page.More
		if page.More != connectors.SameUpdate {
			return u, true, nil
		}
		state = page.Next
	}
	return update{}, true, fmt.Errorf("the connector %s gives more than %d pages", src.connection.Connector, mostPages)
}

// addWithdrawn adds to an update that began from nothing what the bank has
// withdrawn since the state that is left for it, if there is one: it tells that
// only to who goes on from there. It is asked after the update, so that nothing is
// withdrawn between the two and told to neither.
func (src *source) addWithdrawn(ctx context.Context, u *update, left []byte) error {
	if len(left) == 0 {
		return nil
	}
	withdrawn, err := src.fetchWithdrawn(ctx, left)
	if err == nil {
		u.withdraw(withdrawn)
	}
	return err
}

// fetchWithdrawn returns the ids, by account, that the bank has withdrawn since
// a state.
func (src *source) fetchWithdrawn(ctx context.Context, state []byte) (map[string][]string, error) {
	withdrawn := make(map[string][]string)
	for range mostUpdates {
		u, err := src.fetchUpdate(ctx, state)
		if errs.Is(err, errs.Conflict) {
			break // the connector cannot go on from there
		}
		if err != nil {
			return nil, err
		}
		for key, a := range u.accounts {
			withdrawn[key] = append(withdrawn[key], a.removed...)
		}
		if state = u.next; u.more == connectors.NoMore {
			break
		}
	}
	return withdrawn, nil
}

// withdraw adds what an earlier update has withdrawn, unless this one has it
// again.
func (u *update) withdraw(ids map[string][]string) {
	for key, gone := range ids {
		a, listed := u.accounts[key]
		if !listed {
			if len(gone) > 0 {
				u.accounts[key] = &accountUpdate{removed: gone, fresh: u.fresh}
			}
			continue
		}
		has := make(map[string]bool)
		for _, t := range a.rows {
			has[t.ID] = true
		}
		a.removed = append(a.removed, slices.DeleteFunc(gone, func(id string) bool { return has[id] })...)
	}
}

func (u *update) add(p connectors.AccountPage) {
	a, ok := u.accounts[p.Key]
	if !ok {
		a = &accountUpdate{fresh: u.fresh}
		u.accounts[p.Key] = a
	}
	for _, t := range p.Transactions {
		a.rows = append(a.rows, within(t))
	}
	for _, id := range p.Removed {
		a.removed = append(a.removed, shortID(id))
	}
	if !p.Complete.From.IsZero() {
		a.complete = append(a.complete, p.Complete)
	}
	if p.Balance != nil {
		a.balance = p.Balance
	}
	if p.Err != nil {
		a.err = p.Err
	}
}

// publishUpdate turns the update into runs, one for each integration it
// concerns, and hands them to the queue.
func (s *Service) publishUpdate(ctx context.Context, src *source, u update, whole bool) error {
	for _, i := range src.integrations {
		a, ok := u.accounts[i.BankKey]
		if !ok {
			continue
		}
		if err := s.startRun(ctx, src, i, a, whole); err != nil {
			return fmt.Errorf("integration %s: %w", i.ID, err)
		}
	}
	return nil
}

// asFetched returns the connection and its integrations, while what is being
// fetched is what is wanted: nobody else fetches, nobody has set the state back,
// and nobody wants something else or nothing any more.
func (s *Service) asFetched(tx store.Tx, src *source) (ledger.Connection, []ledger.Integration, error) {
	if err := s.leases.Check(tx, src.lease); err != nil {
		return ledger.Connection{}, nil, err
	}
	c, found, err := s.records.Connections.Find(tx, store.Key(src.connection.ID))
	if err != nil {
		return c, nil, err
	}
	current, err := s.records.IntegrationsOfConnection(tx, src.connection.ID)
	if err != nil {
		return c, nil, err
	}
	if !found || !bytes.Equal(c.State, src.connection.State) || wantedKey(active(current)) != wantedKey(src.integrations) {
		err = &errs.Error{Code: errs.Unavailable, Err: fmt.Errorf("what is wanted of connection %s has changed", src.connection.ID)}
	}
	return c, current, err
}

// moveOn keeps the state after an update, and what else the bank has told.
func (s *Service) moveOn(ctx context.Context, src *source, u update) error {
	poll := src.connector.Info().PollEvery
	return s.Engine.Update(ctx, func(tx store.Tx) error {
		c, current, err := s.asFetched(tx, src)
		if err != nil {
			return err
		}
		for n, account := range c.Accounts {
			if a, ok := u.accounts[account.Key]; ok {
				c.Accounts[n].Gone = errs.Is(a.err, errs.AccountGone)
				if a.balance != nil {
					c.Accounts[n].Balance = a.balance
				}
			}
		}
		c.State, c.Wanted = u.next, wantedKey(src.integrations)
		c.LastSync, c.Failures, c.Problem = src.started, 0, nil
		c.NextSync = s.Now().Add(spread(max(poll, time.Second), s.Jitter()))
		if err := s.records.Connections.Put(tx, store.Key(c.ID), c); err != nil {
			return err
		}
		for _, i := range current {
			if a, ok := u.accounts[i.BankKey]; ok && a.balance != nil {
				if err := s.records.PutBalance(tx, i.ID, *a.balance, s.Now()); err != nil {
					return err
				}
			}
			if a, ok := u.accounts[i.BankKey]; ok && i.Stopped == nil && s.noteAccount(&i, a) {
				if err := s.records.PutIntegration(tx, i); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// noteAccount writes into an integration what the bank says of its account, and
// reports whether that changed it.
func (s *Service) noteAccount(i *ledger.Integration, a *accountUpdate) bool {
	before := *i
	switch {
	case errs.Is(a.err, errs.AccountGone):
		i.Stopped = s.problem(a.err)
	case a.err != nil && (i.Notice == nil || i.Notice.Code != errs.CodeOf(a.err)):
		i.Notice = s.problem(a.err)
	}
	if from, to, untold := s.untold(i, a); untold && a.err == nil {
		i.Notice = s.problem(errs.New(errs.HistoryNotAvailable, fmt.Sprintf(
			"The bank has told nothing of the days from %s to %s. Import a statement file of these days, so that nothing is missing.", from, to)))
	}
	if to := s.toldTo(a); to.After(i.Told) {
		i.Told = to
	}
	return *i != before
}

// toldTo is the last day that an update tells whole; the zero date if none. Of
// this day and those of the future nobody knows the whole.
func (s *Service) toldTo(a *accountUpdate) (to bank.Date) {
	for _, days := range a.complete {
		if to.IsZero() || days.To.After(to) {
			to = days.To
		}
	}
	if yesterday := bank.DateOf(s.Now().UTC()).AddDays(-1); to.After(yesterday) {
		return yesterday
	}
	return to
}

// untold returns the days that were to be told, and that an update which tells
// whole days leaves out without a word: some banks answer with less than they
// are asked for.
func (s *Service) untold(i *ledger.Integration, a *accountUpdate) (from, to bank.Date, untold bool) {
	if len(a.complete) == 0 || i.Told.IsZero() && !a.fresh { // what was told before nobody has noted
		return from, to, false
	}
	first := a.complete[0].From
	for _, days := range a.complete {
		if days.From.Before(first) {
			first = days.From
		}
	}
	from, to = i.Since, first.AddDays(-1)
	if !i.Told.IsZero() && !i.Told.Before(from) {
		from = i.Told.AddDays(1)
	}
	return from, to, from.Before(first)
}

// bankFailed keeps what the person should know and decides when to ask again.
// The failure is recorded, so the message is done; the clock asks again.
func (s *Service) bankFailed(ctx context.Context, src *source, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	code := errs.CodeOf(err)
	s.Log.WarnContext(ctx, "sync failed", "connection", src.connection.ID, "connector", src.connection.Connector, "code", string(code), "error", err)
	return s.updateConnection(ctx, src.connection.ID, func(c *ledger.Connection) {
		if c.Status != ledger.Connected || !bytes.Equal(c.Secret, src.connection.Secret) {
			return // the person has disconnected or reconnected meanwhile
		}
		c.Problem = s.problem(err)
		c.Failures++
		switch code {
		case errs.NeedsReauth, errs.InvalidCredentials:
			c.Status = ledger.Reconnect
			c.NextSync = time.Time{}
		case errs.UserActionAtBank:
			c.NextSync = s.Now().Add(actionWait)
		case errs.Config:
			c.NextSync = s.Now().Add(maxPollWait)
		default:
			wait := min(minPollWait<<min(c.Failures-1, 12), maxPollWait)
			c.NextSync = s.Now().Add(max(spread(wait, s.Jitter()), errs.After(err)))
		}
	})
}

func (s *Service) updateConnection(ctx context.Context, id string, change func(*ledger.Connection)) error {
	err := s.records.Connections.Update(ctx, s.Engine, store.Key(id), func(c ledger.Connection) (ledger.Connection, error) {
		change(&c)
		return c, nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil // removed meanwhile
	}
	return err
}

// spread varies a wait by a fifth either way, so that what began together does
// not stay together.
func spread(d time.Duration, jitter float64) time.Duration {
	return d + time.Duration((jitter-0.5)*0.4*float64(d))
}

func (s *Service) release(ctx context.Context, lease store.Lease) {
	if err := s.leases.Release(context.WithoutCancel(ctx), lease); err != nil {
		s.Log.WarnContext(ctx, "lease not released", "lease", lease.Name, "error", err)
	}
}

// busy says of a lease that is held: later.
func busy(err error) error {
	if errors.Is(err, store.ErrHeld) {
		return &errs.Error{Code: errs.Unavailable, After: time.Second, Err: err}
	}
	return err
}
