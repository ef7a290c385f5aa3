package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/store"
)

func ledgerKey(id string) string { return store.Key(id) }

// bankLines are what must stand in the book: days and amounts, from the
// account's view.
func bankLines(rows []bank.Transaction) []string {
	var lines []string
	for _, r := range rows {
		lines = append(lines, r.Date.String()+" "+r.Amount.Number().String())
	}
	slices.Sort(lines)
	return lines
}

func bookLines(t *testing.T, recorded map[string]bkper.Transaction, account string) []string {
	t.Helper()
	var lines []string
	seen := make(map[string]bool) // a transfer carries the ids of both its ends
	for _, r := range recorded {
		if seen[r.ID] {
			continue
		}
		seen[r.ID] = true
		amount, err := r.Amount.Decimal()
		if err != nil {
			t.Fatalf("transaction %s: %v", r.ID, err)
		}
		if r.CreditAccount != nil && r.CreditAccount.ID == account {
			amount = amount.Neg()
		}
		lines = append(lines, r.Date.String()+" "+amount.String())
	}
	slices.Sort(lines)
	return lines
}

// exactlyOnce compares the book with what the bank knows.
func (p *program) exactlyOnce(t *testing.T, institution, key, account string, since bank.Date) {
	t.Helper()
	got := append(bookLines(t, p.recorded(account), p.accountID(account)), bankLines(p.stood(account))...)
	slices.Sort(got)
	want := bankLines(p.truth(institution, key, since))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the book differs from the bank (-bank +book):\n%s", diff)
	}
	if len(want) == 0 {
		t.Error("the bank has nothing to compare with")
	}
}

func TestFromABankToABook(t *testing.T) {
	p := startProgram(t)
	since := bank.DateOf(p.now()).AddDays(-90)
	connection := p.link("us_newyork")
	checking := p.accountOf(connection, bank.Checking)
	p.integrate(connection, checking.Key, "Checking", since)
	p.settle()
	p.exactlyOnce(t, "us_newyork", checking.Key, "Checking", since)

	completed := 0
	for _, r := range p.recorded("Checking") {
		if r.Status() != bkper.Draft {
			t.Errorf("%s %q is %s: everything the app records is a draft", r.Date, r.Description, r.Status())
		}
		if strings.Contains(r.Description, "#") || len(r.Tags) > 0 {
			t.Errorf("%q has become a hashtag: %v", r.Description, r.Tags)
		}
		if r.Properties["completed_because"] != "" {
			completed++
			if r.CreditAccount == nil || r.DebitAccount == nil {
				t.Errorf("%q says why it was completed, and is not", r.Description)
			}
		}
	}
	if completed == 0 {
		t.Error("nothing was completed: the posted history of the book taught nothing")
	}
	if strings.Contains(p.log.String(), "level=ERROR") {
		t.Errorf("errors were logged:\n%s", p.log.tail(50))
	}
}

// Every habit that a bank may have: ids issued anew, no ids at all, texts edited
// later, rows that come late, rows withdrawn, pending ones with and without a
// link, recent days first, a short history.
func TestExactlyOnceWhateverTheBankDoes(t *testing.T) {
	for _, institution := range []string{
		"br_saopaulo", "us_newyork", "us_union", "de_berlin", "de_ohne", "jp_tokyo", "gb_london", "gb_naps", "pt_lisboa", "mx_ciudad",
	} {
		t.Run(institution, func(t *testing.T) {
			t.Parallel()
			p := startProgram(t)
			since := bank.DateOf(p.now()).AddDays(-45)
			connection := p.link(institution)
			card := p.accountOf(connection, bank.CreditCard)
			p.integrate(connection, card.Key, "Credit Card", since)
			p.settle()
			for range 12 {
				p.pass(7 * time.Minute)
				p.sync(connection)
			}
			for range 6 {
				p.pass(31 * time.Hour)
				p.sync(connection)
			}
			// The bank that naps answers a few minutes later.
			p.pass(5 * time.Minute)
			p.sync(connection)
			p.exactlyOnce(t, institution, card.Key, "Credit Card", since)
		})
	}
}

func TestWhatThePersonTypesWrongIsSaid(t *testing.T) {
	p := startProgram(t)
	t.Run("the privacy policy comes first", func(t *testing.T) {
		p.post("/attempts", map[string]any{
			"bookId": "demo", "connector": "demo", "institution": "us_newyork", "country": "US", "privacyAccepted": false,
			"since": "2026-01-01", "language": "en",
		}, http.StatusBadRequest, nil)
	})
	t.Run("wrong credentials can be typed again", func(t *testing.T) {
		a := p.begin("us_newyork", "")
		said := p.answer(&a, map[string]string{"user": "Demo ", "password": "demo"}, http.StatusUnprocessableEntity)
		for _, word := range []string{"invalid_credentials", "spaces", "capital", "punctuation"} {
			if !strings.Contains(said, word) {
				t.Errorf("the answer lacks %q: %s", word, said)
			}
		}
		p.answer(&a, map[string]string{"user": "demo", "password": "demo"}, http.StatusOK)
		if a.ConnectionID == "" {
			t.Error("the right credentials did not connect")
		}
	})
	t.Run("a bank that is down says so", func(t *testing.T) {
		a := p.begin("us_outage", "")
		said := p.answer(&a, map[string]string{"user": "demo", "password": "demo"}, http.StatusServiceUnavailable)
		if !strings.Contains(said, "institution_down") {
			t.Errorf("got %s", said)
		}
	})
	t.Run("a start date in the future is refused", func(t *testing.T) {
		connection := p.link("us_newyork")
		p.post("/books/demo/integrations", map[string]any{
			"connectionId": connection, "bankKey": p.accountOf(connection, bank.Checking).Key,
			"accountId": p.accountID("Checking"), "since": bank.DateOf(p.now()).AddDays(5).String(),
		}, http.StatusBadRequest, nil)
	})
	t.Run("who may not edit the book may not connect it", func(t *testing.T) {
		for user, status := range map[string]int{"viewer": http.StatusForbidden, "recorder": http.StatusForbidden, "stranger": http.StatusForbidden} {
			said := p.as(user, http.MethodGet, "/api/v1/books/demo/integrations", nil, status, nil)
			if !strings.Contains(said, "message") {
				t.Errorf("%s is told nothing: %s", user, said)
			}
		}
	})
	t.Run("nobody sees the connections of others", func(t *testing.T) {
		p.link("us_newyork")
		if said := p.as("editor", http.MethodGet, "/api/v1/connections", nil, http.StatusOK, nil); strings.Contains(said, "us_newyork") {
			t.Errorf("the editor sees %s", said)
		}
	})
}

func TestSavingThePeriodAgainFetchesAgainAndDoublesNothing(t *testing.T) {
	p := startProgram(t)
	today := bank.DateOf(p.now())
	connection := p.link("us_newyork")
	checking := p.accountOf(connection, bank.Checking)
	p.integrate(connection, checking.Key, "Checking", today.AddDays(-30))
	p.settle()
	p.exactlyOnce(t, "us_newyork", checking.Key, "Checking", today.AddDays(-30))
	p.integrate(connection, checking.Key, "Checking", today.AddDays(-120))
	p.settle()
	p.exactlyOnce(t, "us_newyork", checking.Key, "Checking", today.AddDays(-120))
	before := len(p.recorded("Checking"))
	p.integrate(connection, checking.Key, "Checking", today.AddDays(-120))
	p.settle()
	if after := len(p.recorded("Checking")); after != before {
		t.Errorf("the book had %d, now %d", before, after)
	}
	var runs struct {
		Runs []struct {
			Counts struct {
				Came, Recorded, Matched, Skipped int
			} `json:"counts"`
			Done bool `json:"done"`
		} `json:"runs"`
	}
	p.get("/books/demo/runs", &runs)
	if last := runs.Runs[0]; !last.Done || last.Counts.Recorded != 0 || last.Counts.Came != last.Counts.Matched+last.Counts.Skipped || last.Counts.Matched == 0 {
		t.Errorf("the last run says %+v: all must have been known", last)
	}
}

func TestReconnectAndLinkingAnewDoubleNothing(t *testing.T) {
	p := startProgram(t)
	since := bank.DateOf(p.now()).AddDays(-60)
	connection := p.link("br_saopaulo")
	checking := p.accountOf(connection, bank.Checking)
	p.integrate(connection, checking.Key, "Checking", since)
	p.settle()

	p.post("/connections/"+connection+"/disconnect", nil, http.StatusOK, nil)
	p.pass(50 * time.Hour)
	if p.connection(connection).Secret != nil {
		t.Error("the bank's token is still kept")
	}
	if again := p.signIn("br_saopaulo", connection); again != connection {
		t.Errorf("reconnecting made another connection: %s", again)
	}
	p.settle()
	p.exactlyOnce(t, "br_saopaulo", checking.Key, "Checking", since)

	p.as("owner", http.MethodDelete, "/api/v1/connections/"+connection, nil, http.StatusOK, nil)
	p.pass(50 * time.Hour)
	anew := p.link("br_saopaulo")
	p.integrate(anew, checking.Key, "Checking", since)
	p.settle()
	p.exactlyOnce(t, "br_saopaulo", checking.Key, "Checking", since)
}

func TestConsentThatEndsAsksForReconnect(t *testing.T) {
	p := startProgram(t)
	since := bank.DateOf(p.now()).AddDays(-30)
	connection := p.link("de_frist")
	checking := p.accountOf(connection, bank.Checking)
	p.integrate(connection, checking.Key, "Checking", since)
	p.settle()
	p.pass(time.Hour)
	p.post("/connections/"+connection+"/sync", nil, http.StatusAccepted, nil)
	p.settle()
	if c := p.connection(connection); c.Status != "Reconnect" || c.Problem == nil || c.Problem.Code != "needs_reauth" {
		t.Fatalf("the connection is %s, %+v", c.Status, c.Problem)
	}
	p.signIn("de_frist", connection)
	p.settle()
	p.exactlyOnce(t, "de_frist", checking.Key, "Checking", since)
}

func TestShortHistoryIsRecordedAndSaid(t *testing.T) {
	p := startProgram(t)
	since := bank.DateOf(p.now()).AddDays(-300)
	connection := p.link("br_breve")
	checking := p.accountOf(connection, bank.Checking)
	p.integrate(connection, checking.Key, "Checking", since)
	p.settle()
	if len(p.recorded("Checking")) == 0 {
		t.Error("nothing of the short history was recorded")
	}
	if said := p.get("/books/demo/integrations", nil); !strings.Contains(said, "history_not_available") {
		t.Errorf("the integration does not say that the history is short: %s", said)
	}
}

func TestARestartInTheMiddleLosesAndDoublesNothing(t *testing.T) {
	p := newProgram(t)
	p.volume = 3
	p.start()
	since := bank.DateOf(p.now()).AddDays(-400)
	connection := p.link("us_newyork")
	card := p.accountOf(connection, bank.CreditCard)
	p.integrate(connection, card.Key, "Credit Card", since)
	for range 6 {
		time.Sleep(60 * time.Millisecond)
		p.end()
		p.start()
	}
	p.settle()
	p.exactlyOnce(t, "us_newyork", card.Key, "Credit Card", since)
}

func TestAnAccountCreatedInThePanelIsRecordedInto(t *testing.T) {
	p := startProgram(t)
	since := bank.DateOf(p.now()).AddDays(-20)
	connection := p.link("de_berlin")
	p.integrate(connection, p.accountOf(connection, bank.Checking).Key, "Checking", since) // the accounts of the book are read
	p.settle()
	savings := p.accountOf(connection, bank.Savings)
	p.post("/books/demo/integrations", map[string]any{
		"connectionId": connection, "bankKey": savings.Key, "since": since.String(),
		"newAccount": map[string]string{"name": "Berlin Savings", "type": "ASSET"},
	}, http.StatusCreated, nil)
	p.settle()
	p.exactlyOnce(t, "de_berlin", savings.Key, "Berlin Savings", since)
}

func TestACardBillIsOneTransactionNotTwo(t *testing.T) {
	p := startProgram(t)
	since := bank.DateOf(p.now()).AddDays(-100)
	connection := p.link("us_newyork")
	checking, card := p.accountOf(connection, bank.Checking), p.accountOf(connection, bank.CreditCard)
	p.integrate(connection, checking.Key, "Checking", since)
	p.integrate(connection, card.Key, "Credit Card", since)
	p.settle()
	p.exactlyOnce(t, "us_newyork", checking.Key, "Checking", since)
	p.exactlyOnce(t, "us_newyork", card.Key, "Credit Card", since)
	bills := 0
	for _, r := range p.recorded("Credit Card") {
		if onSide(r, p.accountID("Checking")) && onSide(r, p.accountID("Credit Card")) && len(r.RemoteIDs) == 2 {
			bills++
		}
	}
	if bills == 0 {
		t.Error("no card bill moves both accounts")
	}
}
