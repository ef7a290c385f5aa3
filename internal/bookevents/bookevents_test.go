package bookevents_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/bookevents"
	"github.com/bank-connections/bkper-bot/internal/complete/completetest"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/sandbox"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

func (d *desk) putAccount(body string) {
	d.TB.Helper()
	d.Ask(http.MethodPut, "/v5/books/demo/accounts", body, nil)
}

func TestAnAccountIsFollowed(t *testing.T) {
	d := newDesk(t)
	d.integrate("other", "Checking")
	id := d.Account("Credit Card")
	t.Run("renamed", func(t *testing.T) {
		d.putAccount(fmt.Sprintf(`{"id":%q,"name":"Gold Card"}`, id))
		if said := d.catchUp(); len(said) != 0 || d.integration("card").AccountName != "Gold Card" {
			t.Errorf("it says %v, the name is %q", said, d.integration("card").AccountName)
		}
		if d.feed.retried != 0 {
			t.Error("a new name is no reason to try again")
		}
	})
	var archived, unarchived []bkper.Event
	t.Run("archived", func(t *testing.T) {
		d.putAccount(fmt.Sprintf(`{"id":%q,"archived":true}`, id))
		archived = d.news()
		a := d.handle(archived...)
		want := bkper.EventResponse{Warning: "1 bank account is stopped: The account Gold Card is archived. Unarchive it, or choose another for this bank account."}
		if diff := cmp.Diff(want, a); diff != "" {
			t.Error(diff)
		}
		if p := d.integration("card").Stopped; p == nil || p.Code != errs.NotFound {
			t.Errorf("stopped: %v", p)
		}
		if d.integration("other").Stopped != nil {
			t.Error("another account is stopped too")
		}
		if a := d.handle(archived...); a.Result != false || a.Warning != "" {
			t.Errorf("once more it says %v", a)
		}
	})
	t.Run("unarchived", func(t *testing.T) {
		d.putAccount(fmt.Sprintf(`{"id":%q,"archived":false}`, id))
		unarchived = d.news()
		d.feed.parked = 3
		if a := d.handle(unarchived...); a.Result != "Trying again to record 3 bank transactions that had to wait" || d.feed.retried != 1 {
			t.Errorf("it says %v, tried again %d times", a, d.feed.retried)
		}
	})
	t.Run("the event of the archiving comes late", func(t *testing.T) {
		card := d.integration("card")
		card.Stopped = nil
		d.save(card)
		d.handle(archived...)
		if p := d.integration("card").Stopped; p != nil {
			t.Errorf("stopped: %v", p)
		}
	})
	t.Run("deleted", func(t *testing.T) {
		created, err := d.Person.CreateAccount(t.Context(), book, bkper.Account{Name: "New Bank", Type: bkper.Asset})
		if err != nil {
			t.Fatal(err)
		}
		d.save(ledger.Integration{ID: "new", BookID: book, AccountID: created.ID, AccountName: "New Bank", ConnectionID: "c"})
		d.news()
		d.Ask(http.MethodDelete, "/v5/books/demo/accounts/"+created.ID, "", nil)
		if said := d.catchUp(); !contains(said, "The account New Bank was deleted. Choose another for this bank account.") {
			t.Errorf("it says %v", said)
		}
		if p := d.integration("new").Stopped; p == nil || p.Code != errs.NotFound {
			t.Errorf("stopped: %v", p)
		}
	})
	t.Run("one that no bank feeds takes no call", func(t *testing.T) {
		d.putAccount(fmt.Sprintf(`{"id":%q,"archived":true}`, d.Account("Gym")))
		events := d.news()
		if calls, writes := d.quietly(func() { d.handle(events...) }); calls+writes != 0 {
			t.Errorf("%d calls, %d writes", calls, writes)
		}
		if a, err := d.Completer.Chart(t.Context(), d.App, book); err != nil || !a.Accounts[d.Account("Gym")].Archived {
			t.Error("the accounts were not read again")
		}
	})
	t.Run("a book that cannot be read is asked again", func(t *testing.T) {
		d.Sandbox.Faults().Add(sandbox.Fault{Kind: sandbox.StatusBefore, Times: 3})
		_, err := d.handler.Handle(t.Context(), archived[0], seal.NewSecret("owner"))
		if errs.EventStatus(err) != http.StatusTooManyRequests {
			t.Errorf("error %v", err)
		}
	})
}

func TestWhatTheBookRefusedIsTriedAgain(t *testing.T) {
	for _, what := range []bkper.EventType{bkper.BookUpdated, bkper.CollaboratorAdded, bkper.CollaboratorUpdated} {
		d := newDesk(t)
		if a := d.handle(event(t, what, "", bkper.Book{ID: book})); a != (bkper.EventResponse{Result: false}) || d.feed.retried != 1 {
			t.Errorf("%s: %v, tried again %d times", what, a, d.feed.retried)
		}
		d.feed.parked = 1
		if a := d.handle(event(t, what, "", nil)); a.Result != "Trying again to record 1 bank transaction that had to wait" {
			t.Errorf("%s: %v", what, a)
		}
		d.feed.err = errors.New("the queue is full")
		_, err := d.handler.Handle(t.Context(), event(t, what, "", nil), seal.NewSecret("owner"))
		if errs.EventStatus(err) != http.StatusTooManyRequests {
			t.Errorf("%s: %v", what, err)
		}
	}
	d := newDesk(t)
	if d.handle(event(t, bkper.CollaboratorRemoved, "", nil)); d.feed.retried != 0 {
		t.Error("a permission that ends is no reason to try again")
	}
}

func TestABookThatIsDeletedStopsAll(t *testing.T) {
	d := newDesk(t)
	d.integrate("other", "Checking")
	deleted := event(t, bkper.BookDeleted, "", bkper.Book{ID: book})
	if a := d.handle(deleted); a != (bkper.EventResponse{Result: false}) || d.integration("card").Stopped != nil {
		t.Errorf("while the book is there it says %v", a)
	}
	d.handler.Books = books{noBook{d.App}}
	if a := d.handle(deleted); a.Warning != "2 bank accounts are stopped: The book was deleted." {
		t.Errorf("it says %v", a)
	}
	for _, id := range []string{"card", "other"} {
		if p := d.integration(id).Stopped; p == nil || p.Code != errs.NotFound || p.At != d.Now() {
			t.Errorf("%s: %v", id, p)
		}
	}
	if a := d.handle(deleted); a != (bkper.EventResponse{Result: false}) {
		t.Errorf("once more it says %v", a)
	}
	elsewhere := deleted
	elsewhere.BookID = "another"
	if a := d.handle(elsewhere); a != (bkper.EventResponse{Result: false}) {
		t.Errorf("of another book it says %v", a)
	}
}

// realBook can be embedded beside a method called Book.
type realBook = bookevents.Book

// noBook is a book that is no more.
type noBook struct{ realBook }

func (noBook) Book(context.Context, string, bkper.BookDetail) (bkper.Book, error) {
	return bkper.Book{}, errs.New(errs.NotFound, "")
}

// without is a book that the app may or may not be installed in.
type without struct {
	realBook
	installed []bkper.Integration
	err       error
}

func (w without) Integrations(context.Context, string) ([]bkper.Integration, error) {
	return w.installed, w.err
}

func TestTheAppsOwnComingAndGoing(t *testing.T) {
	app := bkper.Integration{ID: "1", AgentID: completetest.AgentID}
	tests := []struct {
		claim   string
		what    bkper.EventType
		told    bkper.Integration
		now     without
		stopped bool
		retried int
		status  int
	}{
		{"uninstalled", bkper.IntegrationDeleted, app, without{}, true, 0, http.StatusOK},
		{"uninstalled, and the book shut", bkper.IntegrationDeleted, app, without{err: errs.New(errs.LostAccess, "")}, true, 0, http.StatusOK},
		{"uninstalled and installed again meanwhile", bkper.IntegrationDeleted, app, without{installed: []bkper.Integration{app}}, false, 1, http.StatusOK},
		{"installed", bkper.IntegrationCreated, app, without{installed: []bkper.Integration{app}}, false, 1, http.StatusOK},
		{"installed and removed again meanwhile", bkper.IntegrationCreated, app, without{}, true, 0, http.StatusOK},
		{"another app", bkper.IntegrationDeleted, bkper.Integration{ID: "2", AgentID: "other"}, without{}, false, 0, http.StatusOK},
		{"a bank of Bkper's own is left", bkper.IntegrationDeleted, app, without{installed: []bkper.Integration{{AgentID: completetest.AgentID, ConnectionID: "c"}}}, true, 0, http.StatusOK},
		{"the book is away", bkper.IntegrationDeleted, app, without{err: errs.New(errs.Unavailable, "")}, false, 0, http.StatusTooManyRequests},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			d := newDesk(t)
			test.now.realBook = d.App
			d.handler.Books = books{test.now}
			a, err := d.handler.Handle(t.Context(), event(t, test.what, "", test.told), seal.NewSecret("owner"))
			if errs.EventStatus(err) != test.status {
				t.Errorf("error %v", err)
			}
			if stopped := d.integration("card").Stopped != nil; stopped != test.stopped || d.feed.retried != test.retried {
				t.Errorf("stopped %v, tried again %d times", stopped, d.feed.retried)
			}
			if test.stopped && !strings.Contains(a.Warning, "Install it again") {
				t.Errorf("it says %v", a)
			}
		})
	}
}

func (d *desk) upload(name, properties string) []bkper.Event {
	d.TB.Helper()
	d.Ask(http.MethodPost, "/v5/books/demo/files", fmt.Sprintf(`{"name":%q,"content":"T0ZY","properties":%s}`, name, properties), nil)
	return d.news()
}

func TestAStatementThatIsDroppedOnAnAccount(t *testing.T) {
	ran := func(came, matched int, problems ...string) ledger.Run {
		return ledger.Run{
			Title: "may.ofx", AccountName: "Checking", Problems: problems, Counts: ledger.Counts{Came: came, Matched: matched},
		}
	}
	invalid := errs.New(errs.Invalid, "The file holds no transactions.")
	tests := []struct {
		claim, name, properties string
		run                     ledger.Run
		err                     error
		want                    bkper.EventResponse
		imported                bool
		status                  int
	}{
		{"is recorded there", "may.ofx", `{"account_id":"77"}`, ran(12, 2), nil, bkper.EventResponse{Result: "Recording 10 rows of may.ofx into Checking"}, true, 200},
		{"a QFX file too, however it is written", "MAY.QFX", `{"account_id":"77"}`, ran(1, 0), nil, bkper.EventResponse{Result: "Recording 1 row of may.ofx into Checking"}, true, 200},
		{"was recorded before", "may.ofx", `{"account_id":"77"}`, ran(12, 12), nil, bkper.EventResponse{Result: "All 12 rows of may.ofx were recorded before"}, true, 200},
		{"has rows that cannot be read", "may.ofx", `{"account_id":"77"}`, ran(2, 0, "line 7: <b>no date"), nil, bkper.EventResponse{Result: "Recording 2 rows of may.ofx into Checking", Warning: "1 row could not be read. line 7: ‹b>no date"}, true, 200},
		{"has only such rows", "may.ofx", `{"account_id":"77"}`, ran(0, 0, "line 7: no date", "line 9: no date"), nil, bkper.EventResponse{Result: "There is nothing to record in may.ofx", Warning: "2 rows could not be read. line 7: no date"}, true, 200},
		{"says for no account", "<may>.ofx", `{}`, ledger.Run{}, nil, bkper.EventResponse{Warning: "Select the account that ‹may>.ofx belongs to, then drop the file again: its rows go to that account."}, false, 200},
		{"is attached to a transaction", "may.ofx", `{"account_id":"77","upload_method":"attachment"}`, ledger.Run{}, nil, bkper.EventResponse{Result: false}, false, 200},
		{"is another sort of file", "may.csv", `{"account_id":"77"}`, ledger.Run{}, nil, bkper.EventResponse{Result: false}, false, 200},
		{"has no extension", "ofx", `{"account_id":"77"}`, ledger.Run{}, nil, bkper.EventResponse{Result: false}, false, 200},
		{"cannot be read", "may.ofx", `{"account_id":"77"}`, ledger.Run{}, invalid, bkper.EventResponse{}, true, 200},
		{"comes while the queue is away", "may.ofx", `{"account_id":"77"}`, ledger.Run{}, errors.New("away"), bkper.EventResponse{}, true, 429},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			d := newDesk(t)
			d.feed.run, d.feed.err = test.run, test.err
			events := d.upload(test.name, test.properties)
			a, err := d.handler.Handle(t.Context(), events[0], seal.NewSecret("owner"))
			if errs.EventStatus(err) != test.status || !errors.Is(err, test.err) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(test.want, a); diff != "" && err == nil {
				t.Error(diff)
			}
			var want []feed.ImportRequest
			if test.imported {
				want = []feed.ImportRequest{{UserID: "owner", BookID: book, AccountID: "77", FileName: test.name, Content: []byte("OFX")}}
			}
			if diff := cmp.Diff(want, d.feed.imports); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("is deleted before it is read", func(t *testing.T) {
		d := newDesk(t)
		events := d.upload("may.ofx", `{"account_id":"77"}`)
		d.Ask(http.MethodDelete, "/v5/books/demo/files/"+events[0].Resource, "", nil)
		if a := d.handle(events...); a != (bkper.EventResponse{Result: false}) || len(d.feed.imports) != 0 {
			t.Errorf("it says %v", a)
		}
	})
	t.Run("comes while the book is away", func(t *testing.T) {
		d := newDesk(t)
		events := d.upload("may.ofx", `{"account_id":"77"}`)
		d.Sandbox.Faults().Add(sandbox.Fault{Kind: sandbox.StatusBefore, Times: 3})
		_, err := d.handler.Handle(t.Context(), events[0], seal.NewSecret("owner"))
		if errs.EventStatus(err) != http.StatusTooManyRequests || len(d.feed.imports) != 0 {
			t.Errorf("error %v", err)
		}
	})
}
