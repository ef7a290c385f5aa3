package feed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/queue"
	queueembedded "github.com/bank-connections/bkper-bot/internal/queue/embedded"
	"github.com/bank-connections/bkper-bot/internal/reconcile"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// world is everything around the feed, owned by one test: time, chance, store,
// queue, bank and book. Nothing in it runs by itself.
type world struct {
	t      testing.TB
	now    time.Time
	chance func() float64
	disk   store.Engine // what lasts
	power  *power
	bank   *fakeBank
	book   *fakeBook
	queue  *queueembedded.Queue
	feed   *feed.Service
	ids    int
	policy queue.Policy
	tap    func(delivery)              // sees what is delivered
	handle queue.Handler               // instead of the feed's
	books  func(user string) feed.Book // instead of book
	moved  func()                      // after every write of the feed to the store
	// accepted sees what the queue has taken.
	accepted func([]queue.Message)

	completer *complete.Completer
}

type (
	delivery = queue.Delivery
	pageOf   = connectors.AccountPage
)

// days is a span of days of this month.
func days(from, to int) connectors.Days {
	return connectors.Days{From: bank.NewDate(2026, 11, from), To: bank.NewDate(2026, 11, to)}
}

var today = bank.NewDate(2026, 11, 22)

func newWorld(t testing.TB) *world { return newWorldOn(t, newMemory()) }

func newWorldOn(t testing.TB, disk store.Engine) *world {
	w := &world{
		t: t, now: today.Time().Add(12 * time.Hour), chance: func() float64 { return 0.5 },
		disk: disk, power: &power{}, policy: queue.Policy{MaxAttempts: 1000},
	}
	w.bank = &fakeBank{power: w.power, clock: w.clock}
	w.book = newFakeBook(w.power)
	w.start()
	w.connect("c1", "u1")
	return w
}

func (w *world) clock() time.Time { return w.now }

// start begins a process on what lasts: nothing that was in memory is left.
func (w *world) start() {
	w.t.Helper()
	w.power.on()
	engine := &cuttable{Engine: w.disk, power: w.power, troubled: true, wrote: w.moved}
	var err error
	w.queue, err = queueembedded.Open(w.t.Context(), &cuttable{Engine: w.disk, power: w.power}, queueembedded.Options{
		Now: w.clock, Jitter: w.chance, Policy: w.policy,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	silent := slog.New(slog.DiscardHandler)
	w.completer = complete.New(engine, w.clock)
	w.feed = feed.New(feed.Deps{
		Engine: engine, Queue: &cuttableQueue{Publisher: w.queue, power: w.power, accepted: w.accepted}, Connectors: w, Books: w, Sealer: plain{},
		Completer: w.completer, Now: w.clock, Jitter: w.chance,
		Reconciler: &reconcile.Service{
			Engine: engine, Book: func(user string) reconcile.Book { return w.For(user) }, Now: w.clock, Log: silent,
		},
		NewID: func() string { w.ids++; return fmt.Sprintf("n%d", w.ids) },
		Log:   silent,
	})
}

func (w *world) Get(id string) (connectors.Connector, error) {
	if id != "fake" {
		return nil, errs.New(errs.NotFound, "")
	}
	return w.bank, nil
}

func (w *world) For(userID string) feed.Book {
	if w.books != nil {
		return w.books(userID)
	}
	return w.book.as(userID)
}

// plain seals nothing.
type plain struct{}

func (plain) Open(_ context.Context, sealed []byte, _ string) ([]byte, error) { return sealed, nil }

// connect links the bank, with two accounts.
func (w *world) connect(id, user string) {
	w.t.Helper()
	c := ledger.Connection{
		ID: id, UserID: user, Connector: "fake", Institution: bank.Institution{ID: "bank", Name: "The Bank"},
		Status: ledger.Connected, Secret: []byte("secret of " + id),
		Accounts: []ledger.BankAccount{{Account: bank.Account{Key: "checking"}}, {Account: bank.Account{Key: "card"}}},
	}
	w.check(ledger.All().Connections.Save(w.t.Context(), w.disk, store.Key(id), c))
}

// integrate makes an account of the bank record into an account of the book.
func (w *world) integrate(id, connection, key, account string, since bank.Date) {
	w.t.Helper()
	w.put(ledger.Integration{
		ID: id, BookID: "book", AccountID: account, AccountName: account, ConnectionID: connection, BankKey: key,
		BankName: key, Institution: "The Bank", Origin: ledger.Origin("fake", "bank", key), Currency: "EUR",
		Since: since, AddedBy: "u1",
	})
}

func (w *world) put(i ledger.Integration) {
	w.t.Helper()
	w.check(w.disk.Update(w.t.Context(), func(tx store.Tx) error { return ledger.All().PutIntegration(tx, i) }))
}

func (w *world) integration(id string) ledger.Integration {
	w.t.Helper()
	i, err := ledger.All().Integrations.Load(w.t.Context(), w.disk, store.Key("book", id))
	w.check(err)
	return i
}

func (w *world) connection(id string) ledger.Connection {
	w.t.Helper()
	c, err := ledger.All().Connections.Load(w.t.Context(), w.disk, store.Key(id))
	w.check(err)
	return c
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// handler hands a delivery to the feed of the moment.
func (w *world) handler(ctx context.Context, d delivery) error {
	if w.tap != nil {
		w.tap(d)
	}
	if w.handle != nil {
		return w.handle(ctx, d)
	}
	return w.feed.Handle(ctx, d)
}

// step delivers one message, and lets time pass until one is due. It reports
// whether there was any.
func (w *world) step() bool {
	worked, next, err := w.queue.Step(w.t.Context(), w.handler)
	switch {
	case w.power.isCut():
		w.start()
		return true
	case err != nil && !errors.Is(err, errTrouble):
		w.t.Fatal(err)
	case worked || err != nil:
		return true
	case next.IsZero():
		return false
	case next.After(w.now):
		w.now = next
	}
	return true
}

// drain lets all be done that is to be done.
func (w *world) drain() {
	w.t.Helper()
	for n := 0; w.step(); n++ {
		if n > 20_000 {
			w.t.Fatal("the queue does not come to rest")
		}
	}
}

// sync asks for a sync an hour later and lets it be done.
func (w *world) sync() {
	w.t.Helper()
	w.syncAfter(time.Hour)
}

func (w *world) syncAfter(d time.Duration) {
	w.t.Helper()
	w.now = w.now.Add(d)
	err := w.feed.Sync(w.t.Context(), "c1")
	if w.power.isCut() {
		w.start()
		err = w.feed.Sync(w.t.Context(), "c1")
	}
	w.check(err)
	w.drain()
}

func (w *world) entries() []ledger.Entry {
	w.t.Helper()
	all, err := ledger.All().Entries.All(w.t.Context(), w.disk, store.Span{})
	w.check(err)
	return all
}

// states counts the entries of the ledger by their states.
func (w *world) states() map[ledger.State]int {
	w.t.Helper()
	n := map[ledger.State]int{}
	for _, e := range w.entries() {
		n[e.State]++
	}
	return n
}

// runs returns the runs of the book, the newest first.
func (w *world) runs() []ledger.Run {
	w.t.Helper()
	all, err := ledger.All().Runs.All(w.t.Context(), w.disk, store.Below("book"))
	w.check(err)
	return all
}

func (w *world) journal(run ledger.Run) []ledger.JournalLine {
	w.t.Helper()
	pages, err := ledger.All().Journal.All(w.t.Context(), w.disk, store.Below(run.ID))
	w.check(err)
	var lines []ledger.JournalLine
	for _, p := range pages {
		lines = append(lines, p.Lines...)
	}
	return lines
}

// addsUp checks the counts of a run that is done against each other and
// against its journal.
func (w *world) addsUp(run ledger.Run) {
	w.t.Helper()
	c := run.Counts
	if c.Came != c.Recorded+c.Matched+c.Skipped+c.Parked || run.FinishedAt.IsZero() {
		w.t.Errorf("run %s (%s) does not add up: %+v, finished %v", run.ID, run.Title, c, !run.FinishedAt.IsZero())
	}
	lines := map[string]int{}
	for _, l := range w.journal(run) {
		lines[l.Outcome]++
	}
	if lines["recorded"]+lines["completed"] != c.Recorded || lines["completed"] != c.Completed || lines["parked"] != c.Parked ||
		lines["changed"] != c.Changed || lines["matched"] > c.Matched || lines["skipped"] > c.Skipped {
		w.t.Errorf("run %s (%s) counts %+v, its journal has %v", run.ID, run.Title, c, lines)
	}
}

// wantBook compares what the app has recorded into an account of the book, and
// is not in the trash, with rows.
func (w *world) wantBook(account string, rows ...bank.Transaction) {
	w.t.Helper()
	var want []string
	for _, r := range rows {
		want = append(want, lineOf(r))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, w.book.live(account)); diff != "" {
		w.t.Errorf("the book (-bank +book):\n%s", diff)
	}
	for id, n := range w.book.liveRemoteIDs() {
		if n > 1 {
			w.t.Errorf("remote id %s stands in the book %d times", id, n)
		}
	}
}

func lineOf(r bank.Transaction) string {
	return fmt.Sprintf("%s %s %s", r.Date, r.Amount.Number(), r.Description)
}

// row is a booked row of a day of this month, in euros.
func row(id string, day int, amount, text string) bank.Transaction {
	return bank.Transaction{
		ID: id, Status: bank.Booked, Date: bank.NewDate(2026, 11, day), Amount: money.MustParse(amount, "EUR"), Description: text,
	}
}

func pending(r bank.Transaction) bank.Transaction { r.Status = bank.Pending; return r }

var firstOfMonth = bank.NewDate(2026, 11, 1)

// Trouble.

var (
	errTrouble = errors.New("the store is away")
	errCut     = errors.New("the power is cut")
)

// power counts everything that leaves the process, and can be cut there: the
// process is gone then, and nothing it tries has an effect.
type power struct {
	effects int
	cutAt   int  // this effect, from 1; 0 is never
	after   bool // it still happens, but nobody hears of it
	cut     bool
	trouble func() (before, after bool) // of the store
	strike  func() (cut, after bool)    // now
	// publish says whether the queue refuses the n-th call, or takes it and
	// does not say so.
	publish   func(n int) (before, after bool)
	published int
	// yield is called before everything that leaves the process, so that
	// others can go first.
	yield func(at string)
	// asked is called after every look into the feed's store, and every write to it.
	asked func()
}

// pause lets others go first.
func (p *power) pause(at string) {
	if p.yield != nil && !p.cut {
		p.yield(at)
	}
}

func (p *power) on()         { p.cut = false }
func (p *power) isCut() bool { return p.cut }

// effect does something that leaves the process.
func (p *power) effect(do func() error) error {
	if p.cut {
		return errCut
	}
	p.effects++
	cut, after := p.effects == p.cutAt, p.after
	if p.strike != nil {
		cut, after = p.strike()
	}
	if !cut {
		return do()
	}
	if after {
		_ = do() // whatever comes of it, nobody hears of it
	}
	p.cut = true
	return errCut
}

// cuttable is a store below the power. That of the queue has no other trouble:
// its file is on the same machine.
type cuttable struct {
	store.Engine
	power    *power
	troubled bool
	wrote    func() // after a write, if it is not nil
}

func (e *cuttable) View(ctx context.Context, f func(store.Tx) error) error {
	if e.power.cut {
		return errCut
	}
	defer e.heard()
	return e.Engine.View(ctx, f)
}

// heard notes that the feed has seen what its store says now.
func (e *cuttable) heard() {
	if e.troubled && e.power.asked != nil {
		e.power.asked()
	}
}

func (e *cuttable) Update(ctx context.Context, f func(store.Tx) error) error {
	if e.troubled {
		e.power.pause("store")
	}
	return e.power.effect(func() error {
		before, after := false, false
		if e.troubled && e.power.trouble != nil {
			before, after = e.power.trouble()
		}
		if before {
			return errTrouble
		}
		defer e.heard()
		err := e.Engine.Update(ctx, f)
		if err == nil && e.wrote != nil {
			e.wrote()
		}
		if err != nil || !after {
			return err
		}
		return errTrouble
	})
}

// cuttableQueue is a publisher whose answers may be lost.
type cuttableQueue struct {
	queue.Publisher
	power    *power
	accepted func([]queue.Message) // if it is not nil
}

func (q *cuttableQueue) Publish(ctx context.Context, messages ...queue.Message) error {
	q.power.pause("queue")
	if q.power.cut {
		return errCut
	}
	before, after := false, false
	if q.power.publish != nil {
		q.power.published++
		before, after = q.power.publish(q.power.published)
	}
	if before {
		return errTrouble
	}
	err := q.Publisher.Publish(ctx, messages...)
	if err == nil && q.accepted != nil {
		q.accepted(messages)
	}
	if err != nil || !after {
		return err
	}
	return errTrouble
}

func message(id, kind, body string) queue.Message {
	return queue.Message{ID: id, Kind: kind, Body: []byte(body)}
}

// refusal is an error as the client of the book returns it for an answer of
// that status.
func refusal(status int, reason, message string) error {
	return refusalAfter(status, reason, message, "")
}

// refusalAfter is a refusal that says when to try again.
func refusalAfter(status int, reason, message, after string) error {
	body := fmt.Sprintf(`{"error":{"code":%d,"message":%q,"errors":[{"reason":%q,"message":%q}]}}`, status, message, reason, message)
	service := bkper.New(bkper.Options{
		BaseURL: "https://book.example", Retry: bkper.RetryPolicy{Retries: -1},
		Now: time.Now, Jitter: func() float64 { return 0 },
		Sleep: func(context.Context, time.Duration) error { return nil },
		HTTP: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}, "Retry-After": {after}}, Body: io.NopCloser(strings.NewReader(body)),
			}, nil
		})},
	})
	client := service.As(bkper.StaticToken(seal.NewSecret("token")))
	_, err := client.CreateTransactions(context.Background(), "book", []bkper.Transaction{{RemoteIDs: []string{"x"}}})
	if err == nil {
		panic(fmt.Sprintf("status %d is no refusal", status))
	}
	return err
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var (
	errTooOften   = refusal(429, "rateLimitExceeded", "too often")
	errAway       = refusal(503, "backendError", "away")
	errInvalid    = refusal(400, "badRequest", "this is no transaction")
	errLocked     = refusal(400, "badRequest", "Cannot record on or before the lock date 2026-11-05")
	errLostAccess = refusal(401, "required", "The user is not a collaborator on the book")
	errNoBook     = refusal(404, "notFound", "no such book")
)

// fakeBank is a connector whose answers a test writes.
type fakeBank struct {
	power   *power
	clock   func() time.Time
	fetches []connectors.FetchRequest
	// fetch answers; if it is nil, report and complete do.
	fetch  func(connectors.FetchRequest) (connectors.Page, error)
	report map[string]connectors.AccountPage // by account, the same until it is changed
}

func (b *fakeBank) Info() connectors.Info {
	return connectors.Info{ID: "fake", Title: "Fake", PollEvery: 6 * time.Hour, Overlap: 14}
}

func (b *fakeBank) Institutions(context.Context, string) ([]bank.Institution, error) { return nil, nil }

func (b *fakeBank) Accounts(context.Context, seal.Secret) ([]bank.Account, error) { return nil, nil }

func (b *fakeBank) Fetch(_ context.Context, req connectors.FetchRequest) (page connectors.Page, err error) {
	b.power.pause("bank")
	b.fetches = append(b.fetches, req)
	err = b.power.effect(func() error {
		var err error
		if b.fetch != nil {
			page, err = b.fetch(req)
			return err
		}
		page = b.whole(req)
		return nil
	})
	return page, err
}

func (b *fakeBank) whole(req connectors.FetchRequest) connectors.Page {
	page := connectors.Page{Next: []byte("whole")}
	for _, want := range req.Wanted {
		if a, ok := b.report[want.Key]; ok {
			a.Key = want.Key
			page.Accounts = append(page.Accounts, a)
		}
	}
	return page
}

// shows sets what the bank reports of the checking account: these rows, on days
// it reports whole.
func (b *fakeBank) shows(rows ...bank.Transaction) {
	b.report = map[string]connectors.AccountPage{"checking": {
		Transactions: rows, Complete: connectors.Days{From: firstOfMonth, To: today},
	}}
}

// tells sets what the bank reports of the checking account: rows and removed
// ids, and nothing of the rest of their days.
func (b *fakeBank) tells(removed []string, rows ...bank.Transaction) {
	b.report = map[string]connectors.AccountPage{"checking": {Transactions: rows, Removed: removed}}
}
