// Package completetest is a bench for tests of what completes drafts: a book
// that answers over HTTP, a store, and drafts recorded as the feed records
// them.
package completetest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/sandbox"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/embedded"
	"github.com/bank-connections/bkper-bot/internal/store/storetest"
)

// The names of what is there.
const (
	BookID  = "demo"
	AgentID = "bank-connections"
)

// Start is the time when a bench begins. Its clock moves by Advance only.
var Start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// Bench is a book with what the app keeps of it.
type Bench struct {
	TB        testing.TB
	Sandbox   *sandbox.Server
	App       *bkper.Client // the app, on behalf of the owner
	Person    *bkper.Client // the owner
	DB        *embedded.DB
	Records   ledger.Collections
	Completer *complete.Completer

	accounts map[string]string // ids by name
	serial   int
	url      string

	mu     sync.Mutex
	calls  map[string]int
	now    time.Time
	before func(*http.Request)
}

// New returns a bench that lasts as long as the test.
func New(tb testing.TB) *Bench {
	tb.Helper()
	b := &Bench{TB: tb, Records: ledger.All(), calls: map[string]int{}, accounts: map[string]string{}, now: Start}
	random := rand.New(rand.NewPCG(1, 2))
	var err error
	b.Sandbox, err = sandbox.Open(tb.Context(), sandbox.Options{
		Path: filepath.Join(tb.TempDir(), "book.db"), Now: b.Now, Rand: random.IntN, AgentID: AgentID,
	})
	b.must(err)
	tb.Cleanup(func() { b.must(b.Sandbox.Close()) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.calls[r.Method]++
		before := b.before
		b.mu.Unlock()
		if before != nil {
			before(r)
		}
		b.Sandbox.API().ServeHTTP(w, r)
	}))
	tb.Cleanup(server.Close)
	b.url = server.URL
	b.App, b.Person = b.As(AgentID), b.As("")
	b.DB, err = embedded.Open(filepath.Join(tb.TempDir(), "store.db"))
	b.must(err)
	tb.Cleanup(func() { b.must(b.DB.Close()) })
	b.Completer = complete.New(storetest.Restless(b.DB), b.Now)
	book, err := b.Person.Book(tb.Context(), BookID, bkper.BookDetail{Accounts: true})
	b.must(err)
	for _, a := range book.Accounts {
		b.accounts[a.Name] = a.ID
	}
	b.Calls()
	return b
}

// As returns the owner's client by way of an agent, "" for none.
func (b *Bench) As(agent string) *bkper.Client {
	return bkper.New(bkper.Options{
		BaseURL: b.url, AgentID: agent, Now: b.Now, Jitter: func() float64 { return 0 },
		Sleep: func(context.Context, time.Duration) error { return nil },
	}).As(bkper.StaticToken(seal.NewSecret("owner")))
}

// Ask sends the owner's request to the API of the book server, reads the answer
// into out unless it is nil, and fails the test unless all goes well.
func (b *Bench) Ask(method, path, body string, out any) {
	b.TB.Helper()
	request, err := http.NewRequestWithContext(b.TB.Context(), method, path, strings.NewReader(body))
	b.must(err)
	request.Header.Set("Authorization", "Bearer owner")
	answer := httptest.NewRecorder()
	b.Sandbox.API().ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		b.TB.Fatalf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
	if out != nil {
		b.must(json.Unmarshal(answer.Body.Bytes(), out))
	}
}

func (b *Bench) must(err error) {
	b.TB.Helper()
	if err != nil {
		b.TB.Fatal(err)
	}
}

// Before lets f look at each request before the book does it, nil for nobody.
func (b *Bench) Before(f func(*http.Request)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before = f
}

// Now is the clock of the bench.
func (b *Bench) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// Advance moves the clock.
func (b *Bench) Advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// Calls returns how many calls the book has had since the last time it was
// asked, by method.
func (b *Bench) Calls() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	calls := b.calls
	b.calls = map[string]int{}
	return calls
}

// Account returns the id of an account of the demo book.
func (b *Bench) Account(name string) string {
	b.TB.Helper()
	id, ok := b.accounts[name]
	if !ok {
		b.TB.Fatalf("the demo book has no account %q", name)
	}
	return id
}

// Row is what a bank reports: so many days before the start, cents that leave
// or arrive, and the text.
func Row(daysAgo int, cents int64, text string) bank.Transaction {
	amount := money.New(money.DecimalFromUnits(cents, 2), "USD")
	return bank.Transaction{Date: bank.DateOf(Start).AddDays(-daysAgo), Amount: amount, Description: text, Status: bank.Booked}
}

// Record records rows of a bank into an account as open drafts.
func (b *Bench) Record(account string, rows ...bank.Transaction) []ledger.Entry {
	b.TB.Helper()
	entries := make([]ledger.Entry, 0, len(rows))
	for start := 0; start < len(rows); start += bkper.LargestBatch {
		entries = append(entries, b.record(account, rows[start:min(start+bkper.LargestBatch, len(rows))])...)
	}
	return entries
}

func (b *Bench) record(account string, rows []bank.Transaction) []ledger.Entry {
	b.TB.Helper()
	own := &bkper.Account{ID: b.Account(account)}
	var entries []ledger.Entry
	var drafts []bkper.Transaction
	for _, row := range rows {
		b.serial++
		e := ledger.Entry{
			RemoteID: ledger.RemoteID(own.ID, row.Date, row.Amount, b.serial), BookID: BookID, AccountID: own.ID,
			State: ledger.Recorded, Row: row,
		}
		t := bkper.Transaction{
			Date: row.Date, Amount: bkper.AmountOf(row.Amount.Number()), Description: row.Description, Draft: true,
			RemoteIDs: []string{e.RemoteID}, Properties: map[string]string{complete.BankTextProperty: row.Description},
		}
		if row.Amount.Sign() < 0 {
			t.CreditAccount = own
		} else {
			t.DebitAccount = own
		}
		entries, drafts = append(entries, e), append(drafts, t)
	}
	created, err := b.App.CreateTransactions(b.TB.Context(), BookID, drafts)
	b.must(err)
	b.must(b.DB.Update(b.TB.Context(), func(tx store.Tx) error {
		for i := range entries {
			t := created[entries[i].RemoteID]
			entries[i].TransactionID, entries[i].Written = t.ID, ledger.WrittenOf(t, "")
			if err := b.Records.PutEntry(tx, entries[i]); err != nil {
				return err
			}
		}
		return nil
	}))
	return entries
}

// Teach gives so many lessons of a text, as if people had given them on other
// days.
func (b *Bench) Teach(text, account, counter string, lessons int) {
	b.TB.Helper()
	var all []ledger.Lesson
	for n := range lessons {
		b.serial++
		row := Row(20+7*n, int64(-1000-10*n), text)
		all = append(all, ledger.Lesson{
			ID: fmt.Sprintf("given%d:from", b.serial), BankAccount: b.Account(account), Date: row.Date,
			Amount: row.Amount.Number().String(), Text: text, Account: b.Account(counter),
		})
	}
	_, err := b.Completer.Teach(b.TB.Context(), BookID, all, nil)
	b.must(err)
}

// LearnHistory learns what was posted in the book, to the end.
func (b *Bench) LearnHistory(book complete.Book) {
	b.TB.Helper()
	for done := false; !done; {
		var err error
		done, err = b.Completer.LearnHistory(b.TB.Context(), book, BookID)
		b.must(err)
	}
}

// Transaction returns a transaction as the book shows it.
func (b *Bench) Transaction(id string) bkper.Transaction {
	b.TB.Helper()
	t, err := b.Person.Transaction(b.TB.Context(), BookID, id)
	b.must(err)
	return t
}

// Entry returns an entry as the ledger has it now.
func (b *Bench) Entry(e ledger.Entry) ledger.Entry {
	b.TB.Helper()
	now, err := b.Records.Entries.Load(b.TB.Context(), b.DB, e.Key())
	b.must(err)
	return now
}

// Lessons returns the lessons of the book by their ids.
func (b *Bench) Lessons() map[string]ledger.Lesson {
	b.TB.Helper()
	all, err := b.Records.Lessons.All(b.TB.Context(), b.DB, store.Below(BookID))
	b.must(err)
	lessons := make(map[string]ledger.Lesson, len(all))
	for _, lesson := range all {
		lessons[lesson.ID] = lesson
	}
	return lessons
}

// Change lets the person change a transaction of the book.
func (b *Bench) Change(id string, change func(*bkper.Transaction)) {
	b.TB.Helper()
	t := b.Transaction(id)
	change(&t)
	_, err := b.Person.UpdateTransaction(b.TB.Context(), BookID, t)
	b.must(err)
}

// Fill lets the person choose the missing account of a draft.
func (b *Bench) Fill(id, account string) {
	b.TB.Helper()
	b.Change(id, func(t *bkper.Transaction) {
		if t.CreditAccount == nil {
			t.CreditAccount = &bkper.Account{ID: b.Account(account)}
		} else {
			t.DebitAccount = &bkper.Account{ID: b.Account(account)}
		}
	})
}

// Do lets the person do something with a transaction of the book.
func (b *Bench) Do(what func(context.Context, string, bkper.Transaction) (bkper.Transaction, error), id string) {
	b.TB.Helper()
	_, err := what(b.TB.Context(), BookID, bkper.Transaction{ID: id})
	b.must(err)
}
