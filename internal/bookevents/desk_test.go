package bookevents_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/bookevents"
	"github.com/bank-connections/bkper-bot/internal/complete/completetest"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/storetest"
)

const book = completetest.BookID

// desk is where events arrive: a handler over a bench. A bank feeds the Credit
// Card.
type desk struct {
	*completetest.Bench
	handler *bookevents.Handler
	feed    *fakeFeed
	writes  *countedEngine
	seen    map[string]bool // events that news has returned
}

func newDesk(tb testing.TB) *desk {
	tb.Helper()
	b := completetest.New(tb)
	d := &desk{Bench: b, feed: &fakeFeed{}, writes: &countedEngine{Engine: storetest.Restless(b.DB)}, seen: map[string]bool{}}
	d.handler = &bookevents.Handler{
		Engine: d.writes, Books: books{b.App}, Users: users{}, Feed: d.feed, Completer: b.Completer,
		AgentID: completetest.AgentID, Now: b.Now,
	}
	d.integrate("card", "Credit Card")
	b.Calls()
	return d
}

// integrate lets a bank feed an account of the book.
func (d *desk) integrate(id, account string) {
	d.TB.Helper()
	d.save(ledger.Integration{
		ID: id, BookID: book, AccountID: d.Account(account), AccountName: account, ConnectionID: "c", BankKey: id, AddedBy: "owner",
	})
}

func (d *desk) save(i ledger.Integration) {
	d.TB.Helper()
	if err := d.DB.Update(d.TB.Context(), func(tx store.Tx) error { return d.Records.PutIntegration(tx, i) }); err != nil {
		d.TB.Fatal(err)
	}
}

func (d *desk) integration(id string) ledger.Integration {
	d.TB.Helper()
	i, err := d.Records.Integrations.Load(d.TB.Context(), d.DB, store.Key(book, id))
	if err != nil {
		d.TB.Fatal(err)
	}
	return i
}

// events returns all events of the book, oldest first.
func (d *desk) events() []bkper.Event {
	d.TB.Helper()
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	d.Ask(http.MethodGet, "/v5/books/demo/events?limit=200", "", &list)
	var all []bkper.Event
	for _, item := range slices.Backward(list.Items) {
		e, err := bkper.DecodeEvent(item)
		if err != nil {
			d.TB.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// news returns the events since it was asked last.
func (d *desk) news() []bkper.Event {
	d.TB.Helper()
	var news []bkper.Event
	for _, e := range d.events() {
		if !d.seen[e.ID] {
			d.seen[e.ID] = true
			news = append(news, e)
		}
	}
	return news
}

// handle hands events to the handler and returns its last answer. What
// completing causes is the app's own, and handled too.
func (d *desk) handle(events ...bkper.Event) bkper.EventResponse {
	d.TB.Helper()
	var answer bkper.EventResponse
	for _, e := range events {
		var err error
		if answer, err = d.handler.Handle(d.TB.Context(), e, seal.NewSecret("owner")); err != nil {
			d.TB.Fatalf("%s: %v", e.Type, err)
		}
	}
	return answer
}

// catchUp handles what is new and returns the answers that say something.
func (d *desk) catchUp() []string {
	d.TB.Helper()
	var said []string
	for _, e := range d.news() {
		a := d.handle(e)
		if a.Error+a.Warning != "" {
			said = append(said, a.Error+a.Warning)
		}
		if text, ok := a.Result.(string); ok {
			said = append(said, text)
		} else if a.Result != nil && a.Result != false {
			d.TB.Fatalf("the result is %v", a.Result)
		}
	}
	return said
}

// lesson returns the counter account that a transaction has taught for the side
// that money leaves, "" if none.
func (d *desk) lesson(e ledger.Entry) string {
	d.TB.Helper()
	counter := d.Lessons()[e.TransactionID+":from"].Account
	for _, name := range []string{"Gym", "Gifts", "Subscriptions", "Checking"} {
		if counter == d.Account(name) {
			return name
		}
	}
	return counter
}

// merge merges two transactions, lets the originals go to the trash, and
// returns the id of what they have become.
func (d *desk) merge(primary, secondary string) string {
	d.TB.Helper()
	var merged bkper.TransactionOperation
	d.Ask(http.MethodPatch, "/v5/books/demo/transactions/merge", fmt.Sprintf(`{"items":[{"id":%q},{"id":%q}]}`, primary, secondary), &merged)
	return merged.Transaction.ID
}

// finishMerge waits until the original is in the trash.
func (d *desk) finishMerge(original string) {
	d.TB.Helper()
	d.Advance(time.Second)
	ctx, cancel := context.WithCancel(d.TB.Context())
	done := make(chan error, 1)
	go func() { done <- d.Sandbox.Run(ctx) }()
	for deadline := time.Now().Add(5 * time.Second); !d.Transaction(original).Trashed; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			d.TB.Fatal("the merge does not end")
		}
	}
	cancel()
	if err := <-done; err != nil {
		d.TB.Fatal(err)
	}
}

type books struct{ book bookevents.Book }

func (b books) With(seal.Secret) bookevents.Book { return b.book }

type users struct{}

func (users) Remember(_ context.Context, token seal.Secret) (string, error) {
	return token.Reveal(), nil
}

// fakeFeed notes what it is asked for.
type fakeFeed struct {
	retried int
	parked  int
	err     error
	imports []feed.ImportRequest
	run     ledger.Run
}

func (f *fakeFeed) RetryParked(context.Context, string) (int, error) {
	f.retried++
	return f.parked, f.err
}

func (f *fakeFeed) Import(_ context.Context, r feed.ImportRequest) (ledger.Run, error) {
	f.imports = append(f.imports, r)
	return f.run, f.err
}

// countedEngine counts what is written, and can fail.
type countedEngine struct {
	store.Engine
	updates atomic.Int64
	broken  atomic.Bool
}

var errBroken = errors.New("the store is away")

func (e *countedEngine) Update(ctx context.Context, f func(store.Tx) error) error {
	e.updates.Add(1)
	if e.broken.Load() {
		return errBroken
	}
	return e.Engine.Update(ctx, f)
}

func (e *countedEngine) View(ctx context.Context, f func(store.Tx) error) error {
	if e.broken.Load() {
		return errBroken
	}
	return e.Engine.View(ctx, f)
}

// quietly reports what handling takes: book calls and store writes.
func (d *desk) quietly(f func()) (calls, writes int) {
	d.TB.Helper()
	d.Calls()
	before := d.writes.updates.Load()
	f()
	for _, n := range d.Calls() {
		calls += n
	}
	return calls, int(d.writes.updates.Load() - before)
}

// object is the body of an event about a thing of the book.
func event(tb testing.TB, what bkper.EventType, agent string, object any) bkper.Event {
	tb.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		tb.Fatal(err)
	}
	return bkper.Event{
		ID: "e", BookID: book, Type: what, Agent: bkper.EventAgent{ID: agent}, Data: bkper.EventData{Object: data},
	}
}

func contains(said []string, part string) bool {
	return slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, part) })
}
