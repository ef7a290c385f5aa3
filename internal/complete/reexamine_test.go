package complete_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/complete/completetest"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/learn"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/sandbox"
	"github.com/bank-connections/bkper-bot/internal/store"
)

const book = completetest.BookID

// known is a text whose account the learner is sure of after taught.
const known = "NETFLIX.COM"

func taught(tb testing.TB) *completetest.Bench {
	tb.Helper()
	b := completetest.New(tb)
	b.Teach(known, "Credit Card", "Subscriptions", 30)
	return b
}

// rows are so many rows of a text, one a day.
func rows(n int, text string) []bank.Transaction {
	all := make([]bank.Transaction, n)
	for i := range all {
		all[i] = completetest.Row(i%400, int64(-1549-i), text)
	}
	return all
}

func reexamine(tb testing.TB, b *completetest.Bench) []complete.Completed {
	tb.Helper()
	done, err := b.Completer.Reexamine(tb.Context(), b.App, book)
	if err != nil {
		tb.Fatal(err)
	}
	return done
}

func isFilled(b *completetest.Bench, e ledger.Entry) bool {
	t := b.Transaction(e.TransactionID)
	return t.DebitAccount != nil && t.DebitAccount.ID == b.Account("Subscriptions")
}

func TestOpenDraftsThatALessonExplainsAreCompleted(t *testing.T) {
	b := taught(t)
	entries := b.Record("Credit Card", append(rows(7, known), rows(2, "QWXZ UNKNOWN")...)...)
	done := reexamine(t, b)
	if len(done) != 7 || done[0].Account != "Subscriptions" || done[0].Text != known {
		t.Fatalf("completed %v", done)
	}
	for _, e := range entries[:7] {
		now := b.Transaction(e.TransactionID)
		if !isFilled(b, e) || now.Posted || !now.Draft || now.Trashed {
			t.Errorf("the draft became %+v", now)
		}
		if reason := now.Properties[complete.ReasonProperty]; !strings.Contains(reason, "Subscriptions") {
			t.Errorf("the reason is %q", reason)
		}
		if got := b.Entry(e); got.Touched || !got.Written.Same(now) || got.Written.Reason != now.Properties[complete.ReasonProperty] {
			t.Errorf("the ledger says %+v", got)
		}
	}
	for _, e := range entries[7:] {
		if now := b.Transaction(e.TransactionID); now.DebitAccount != nil {
			t.Errorf("an unknown merchant went to %v", now.DebitAccount)
		}
	}
	b.Calls()
	if done := reexamine(t, b); done != nil || len(b.Calls()) != 0 {
		t.Errorf("the same lessons completed %v once more", done)
	}
}

func TestWhatAPersonHasTouchedIsNeverCompleted(t *testing.T) {
	other := &bkper.Account{}
	touches := map[string]func(b *completetest.Bench, id string){
		"another date": func(b *completetest.Bench, id string) {
			b.Change(id, func(t *bkper.Transaction) { t.Date = t.Date.AddDays(-1) })
		},
		"another amount": func(b *completetest.Bench, id string) {
			b.Change(id, func(t *bkper.Transaction) { t.Amount = "15.50" })
		},
		"another description": func(b *completetest.Bench, id string) {
			b.Change(id, func(t *bkper.Transaction) { t.Description += " mine" })
		},
		"another bank account": func(b *completetest.Bench, id string) {
			b.Change(id, func(t *bkper.Transaction) { t.CreditAccount = &bkper.Account{ID: b.Account("Store Card")} })
		},
		"a counter account": func(b *completetest.Bench, id string) { b.Fill(id, "Gym") },
		"the very counter account that is sure": func(b *completetest.Bench, id string) {
			b.Fill(id, "Subscriptions")
		},
		"sides swapped": func(b *completetest.Bench, id string) {
			b.Change(id, func(t *bkper.Transaction) { t.CreditAccount, t.DebitAccount = other, t.CreditAccount })
		},
		"posted": func(b *completetest.Bench, id string) {
			b.Fill(id, "Gym")
			b.Do(b.Person.Post, id)
		},
		"posted and checked": func(b *completetest.Bench, id string) {
			b.Fill(id, "Gym")
			b.Do(b.Person.Post, id)
			b.Do(b.Person.Check, id)
		},
		"trashed": func(b *completetest.Bench, id string) { b.Do(b.Person.Trash, id) },
	}
	b := taught(t)
	for claim, touch := range touches {
		t.Run(claim, func(t *testing.T) {
			e := b.Record("Credit Card", completetest.Row(3, -1549, known))[0]
			touch(b, e.TransactionID)
			before := b.Transaction(e.TransactionID)
			b.Teach(known, "Credit Card", "Subscriptions", 1)
			if done := reexamine(t, b); len(done) != 0 {
				t.Errorf("completed %v", done)
			}
			if diff := cmp.Diff(before, b.Transaction(e.TransactionID)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("what the ledger knows as touched is not even looked at", func(t *testing.T) {
		e := b.Record("Credit Card", completetest.Row(3, -1549, known))[0]
		e.Touched = true
		if err := b.DB.Update(t.Context(), func(tx store.Tx) error { return b.Records.PutEntry(tx, e) }); err != nil {
			t.Fatal(err)
		}
		b.Teach(known, "Credit Card", "Subscriptions", 1)
		if done := reexamine(t, b); len(done) != 0 {
			t.Errorf("completed %v", done)
		}
	})
}

func TestADraftKeepsAllElseThatIsWritable(t *testing.T) {
	b := taught(t)
	e := b.Record("Credit Card", completetest.Row(3, -1549, known))[0]
	before := b.Transaction(e.TransactionID)
	before.URLs = []string{"https://example.com/receipt"}
	before.Properties["mine"] = "kept"
	before.RemoteIDs = append(before.RemoteIDs, "another_one")
	if _, err := b.Person.UpdateTransaction(t.Context(), book, before); err != nil {
		t.Fatal(err)
	}
	before = b.Transaction(e.TransactionID)
	reexamine(t, b)
	after := b.Transaction(e.TransactionID)
	before.Properties[complete.ReasonProperty] = after.Properties[complete.ReasonProperty]
	before.DebitAccount = &bkper.Account{ID: b.Account("Subscriptions")}
	if diff := cmp.Diff(before, after, cmpopts.IgnoreFields(bkper.Transaction{}, "UpdatedAt")); diff != "" {
		t.Error(diff)
	}
}

func TestFillFillsTheMissingSide(t *testing.T) {
	own, counter := &bkper.Account{ID: "own"}, &bkper.Account{ID: "counter"}
	s := complete.Suggestion{Suggestion: learn.Suggestion{Account: "counter", Reason: "because"}, Look: "picked at random"}
	for claim, draft := range map[string]bkper.Transaction{
		"money that leaves":  {ID: "1", CreditAccount: own, Properties: map[string]string{"a": "b", complete.ReasonProperty: "old"}},
		"money that arrives": {ID: "1", DebitAccount: own, Properties: map[string]string{"a": "b"}},
	} {
		t.Run(claim, func(t *testing.T) {
			given := draft.Properties
			copied := maps.Clone(given)
			got := complete.Fill(draft, s)
			want := draft
			want.Draft = true
			want.Properties = map[string]string{"a": "b", complete.ReasonProperty: "because", ledger.LookProperty: "picked at random"}
			if want.CreditAccount == nil {
				want.CreditAccount = counter
			} else {
				want.DebitAccount = counter
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(copied, given); diff != "" {
				t.Errorf("the draft that was given has changed: %s", diff)
			}
		})
	}
}

func TestWhatIsNeverFilledIn(t *testing.T) {
	b := completetest.New(t)
	t.Run("the bank account itself", func(t *testing.T) {
		b.Teach("SELF TRANSFER QQ", "Checking", "Credit Card", 30)
		e := b.Record("Credit Card", completetest.Row(2, -1549, "SELF TRANSFER QQ"))[0]
		reexamine(t, b)
		if now := b.Transaction(e.TransactionID); now.DebitAccount != nil && now.DebitAccount.ID == e.AccountID {
			t.Error("both sides are the bank account")
		}
	})
	t.Run("an archived account", func(t *testing.T) {
		b.Teach(known, "Credit Card", "Subscriptions", 30)
		archive(t, b, "Subscriptions")
		b.Completer.ForgetChart(book)
		e := b.Record("Credit Card", completetest.Row(2, -1549, known))[0]
		if done := reexamine(t, b); len(done) != 0 || isFilled(b, e) {
			t.Errorf("completed %v", done)
		}
	})
	t.Run("an account that was archived since the accounts were read", func(t *testing.T) {
		b.Teach("SPOTIFY ABC", "Credit Card", "Gym", 30)
		if _, err := b.Completer.Chart(t.Context(), b.App, book); err != nil {
			t.Fatal(err)
		}
		archive(t, b, "Gym")
		e := b.Record("Credit Card", completetest.Row(2, -1549, "SPOTIFY ABC"))[0]
		if done := reexamine(t, b); len(done) != 0 {
			t.Errorf("completed %v", done)
		}
		if now := b.Transaction(e.TransactionID); now.DebitAccount != nil {
			t.Errorf("filled with %v", now.DebitAccount)
		}
	})
}

func archive(t *testing.T, b *completetest.Bench, name string) {
	t.Helper()
	b.Ask(http.MethodPut, "/v5/books/demo/accounts", fmt.Sprintf(`{"id":%q,"archived":true}`, b.Account(name)), nil)
}

const batchPath = "/v5/books/*/transactions/batch"

func TestWhatFailsIsOwed(t *testing.T) {
	tests := []struct {
		claim  string
		fault  sandbox.Fault
		filled int // of 5, right after the failure
	}{
		{"the book is away", sandbox.Fault{Kind: sandbox.StatusBefore}, 0},
		{"the answer was lost", sandbox.Fault{Kind: sandbox.StatusAfter}, 5},
		{"the connection was cut after the work", sandbox.Fault{Kind: sandbox.CutAfter}, 5},
		{"the answer was half", sandbox.Fault{Kind: sandbox.TruncateJSON}, 5},
		{"half of the batch was written", sandbox.Fault{Kind: sandbox.HalfBatch}, 2},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := taught(t)
			entries := b.Record("Credit Card", rows(5, known)...)
			test.fault.Method, test.fault.Path, test.fault.Times = http.MethodPut, batchPath, 3 // the client's own tries
			b.Sandbox.Faults().Add(test.fault)
			done, err := b.Completer.Reexamine(t.Context(), b.App, book)
			if !errs.Transient(err) || len(done) != 0 {
				t.Fatalf("completed %v, error %v", done, err)
			}
			filled := 0
			for _, e := range entries {
				if isFilled(b, e) {
					filled++
				}
			}
			if filled < test.filled || test.filled == 0 && filled > 0 {
				t.Fatalf("%d drafts are filled after the failure", filled)
			}
			// Another Completer, as after a crash, does what is owed.
			b.Completer = complete.New(b.DB, b.Now)
			if done := reexamine(t, b); len(done) != 5 {
				t.Errorf("then completed %v", done)
			}
			for _, e := range entries {
				now := b.Transaction(e.TransactionID)
				if got := b.Entry(e); !isFilled(b, e) || !got.Written.Same(now) || got.Touched {
					t.Errorf("draft %+v, ledger %+v", now, got)
				}
			}
		})
	}
	t.Run("the answer to money that arrives was lost", func(t *testing.T) {
		b := completetest.New(t)
		learnHistory(t, b, b.App)
		e := b.Record("Checking", completetest.Row(0, 284000, "ACME CORP PAYROLL"))[0]
		b.Sandbox.Faults().Add(sandbox.Fault{Kind: sandbox.StatusAfter, Method: http.MethodPut, Path: batchPath, Times: 3})
		if _, err := b.Completer.Reexamine(t.Context(), b.App, book); !errs.Transient(err) {
			t.Fatalf("error %v", err)
		}
		if done := reexamine(t, b); len(done) != 1 || b.Entry(e).Written.From != b.Account("Salary") {
			t.Errorf("then completed %v", done)
		}
	})
	t.Run("the drafts cannot be listed", func(t *testing.T) {
		b := taught(t)
		b.Record("Credit Card", rows(3, known)...)
		if _, err := b.Completer.Chart(t.Context(), b.App, book); err != nil {
			t.Fatal(err)
		}
		b.Sandbox.Faults().Add(sandbox.Fault{Kind: sandbox.StatusBefore, Method: http.MethodGet, Times: 3})
		if _, err := b.Completer.Reexamine(t.Context(), b.App, book); !errs.Transient(err) {
			t.Fatalf("error %v", err)
		}
		if done := reexamine(t, b); len(done) != 3 {
			t.Errorf("then completed %v", done)
		}
	})
	t.Run("the store fails after the book was written", func(t *testing.T) {
		b := taught(t)
		entries := b.Record("Credit Card", rows(3, known)...)
		failing := &flaky{Engine: b.DB, updates: 0}
		if _, err := complete.New(failing, b.Now).Reexamine(t.Context(), b.App, book); err == nil {
			t.Fatal("no error")
		}
		if done := reexamine(t, b); len(done) != 3 || b.Entry(entries[0]).Written.IsOpen() {
			t.Errorf("then completed %v", done)
		}
	})
}

// flaky is a store that fails after so many updates.
type flaky struct {
	store.Engine
	updates int
}

func (f *flaky) Update(ctx context.Context, do func(store.Tx) error) error {
	if f.updates == 0 {
		return errs.New(errs.Unavailable, "")
	}
	f.updates--
	return f.Engine.Update(ctx, do)
}

func TestWhatAPersonMadeOfALostCompletionStays(t *testing.T) {
	b := taught(t)
	e := b.Record("Credit Card", completetest.Row(2, -1549, known))[0]
	b.Sandbox.Faults().Add(sandbox.Fault{Kind: sandbox.StatusAfter, Method: http.MethodPut, Path: batchPath, Times: 3})
	if _, err := b.Completer.Reexamine(t.Context(), b.App, book); err == nil {
		t.Fatal("no error")
	}
	b.Change(e.TransactionID, func(t *bkper.Transaction) { t.DebitAccount.ID = b.Account("Gym") })
	if done := reexamine(t, b); len(done) != 0 {
		t.Errorf("completed %v", done)
	}
	if now := b.Transaction(e.TransactionID); now.DebitAccount.ID != b.Account("Gym") {
		t.Errorf("the person's account became %v", now.DebitAccount)
	}
	if got := b.Entry(e); got.Written.To != "" {
		t.Error("the ledger takes the person's choice for the app's")
	}
}

func TestOneRefusedDraftDoesNotKeepTheOthersBack(t *testing.T) {
	b := taught(t)
	entries := b.Record("Credit Card", rows(20, known)...)
	// Read before the book is locked on the days of the last three.
	if _, err := b.Completer.Chart(t.Context(), b.App, book); err != nil {
		t.Fatal(err)
	}
	b.Ask(http.MethodPut, "/v5/books/demo", fmt.Sprintf(`{"lockDate":%q}`, entries[17].Row.Date), nil)
	b.Calls()
	if done := reexamine(t, b); len(done) != 17 {
		t.Errorf("completed %d", len(done))
	}
	if calls := b.Calls(); calls[http.MethodPut] > 20 {
		t.Errorf("it took %v calls", calls)
	}
	b.Teach(known, "Credit Card", "Subscriptions", 1)
	if done := reexamine(t, b); len(done) != 0 {
		t.Errorf("then completed %v", done)
	}
	if calls := b.Calls(); calls[http.MethodPut] != 0 {
		t.Errorf("a lock that is known took %v calls", calls)
	}
}

func TestABookLockedSinceItWasReadKeepsBackOnlyWhatIsLocked(t *testing.T) {
	b := taught(t)
	entries := b.Record("Credit Card", rows(20, known)...)
	if _, err := b.Completer.Chart(t.Context(), b.App, book); err != nil {
		t.Fatal(err)
	}
	// Locked then, on the days of all but the first three: more than would be
	// tried one by one.
	b.Ask(http.MethodPut, "/v5/books/demo", fmt.Sprintf(`{"lockDate":%q}`, entries[3].Row.Date), nil)
	b.Calls()
	if done := reexamine(t, b); len(done) != 3 {
		t.Errorf("completed %d", len(done))
	}
	if calls := b.Calls(); calls[http.MethodPut] != 2 {
		t.Errorf("it took %v calls", calls)
	}
}

// The drafts were examined before these were there, and these decided before the
// history was learned.
func TestWhatIsRecordedWhileTheHistoryIsLearnedIsExamined(t *testing.T) {
	b := taught(t)
	before := b.Now().Add(-time.Minute)
	b.LearnHistory(b.App)
	reexamine(t, b)
	b.Record("Credit Card", rows(3, known)...)
	if done := reexamine(t, b); done != nil {
		t.Fatal("they were examined without a reason")
	}
	if owed, err := b.Completer.OweSince(t.Context(), book, b.Now().Add(time.Minute)); owed || err != nil {
		t.Errorf("owed although it was learned before: %v, %v", owed, err)
	}
	if owed, err := b.Completer.OweSince(t.Context(), book, before); !owed || err != nil {
		t.Errorf("not owed: %v", err)
	}
	if done := reexamine(t, b); len(done) != 3 {
		t.Errorf("completed %d", len(done))
	}
	if done := reexamine(t, b); done != nil {
		t.Error("they are examined again and again")
	}
}

func TestABookThatRefusesEverythingIsLeftInPeace(t *testing.T) {
	b := taught(t)
	b.Record("Credit Card", rows(150, known)...)
	b.Sandbox.Faults().Add(sandbox.Fault{Kind: sandbox.StatusBefore, Status: http.StatusBadRequest, Method: http.MethodPut, Path: batchPath})
	b.Calls()
	_, err := b.Completer.Reexamine(t.Context(), b.App, book)
	if err == nil || errs.Transient(err) {
		t.Errorf("error %v", err)
	}
	if calls := b.Calls(); calls[http.MethodPut] > 40 {
		t.Errorf("it took %v calls", calls)
	}
	if done := reexamine(t, b); done != nil || b.Calls()[http.MethodPut] != 0 {
		t.Error("it tries again without a new lesson")
	}
}

// quiet is a book that does not answer all that it was asked to write.
type quiet struct{ realBook }

// realBook can be embedded beside a method called Book.
type realBook = complete.Book

func (q quiet) UpdateTransactions(ctx context.Context, bookID string, ts []bkper.Transaction, checked bool) (map[string]bkper.Transaction, error) {
	return q.realBook.UpdateTransactions(ctx, bookID, ts[:1], checked)
}

func TestOnlyWhatTheBookHasAnsweredIsDone(t *testing.T) {
	b := taught(t)
	b.Record("Credit Card", rows(4, known)...)
	done, err := b.Completer.Reexamine(t.Context(), quiet{b.App}, book)
	if err != nil || len(done) != 1 {
		t.Errorf("completed %v, error %v", done, err)
	}
}

// meddled is a book in which a person changes a draft after it was listed.
type meddled struct {
	realBook
	meddle func()
}

func (m meddled) Transactions(ctx context.Context, bookID, query string, size int) iter.Seq2[bkper.Transaction, error] {
	return func(yield func(bkper.Transaction, error) bool) {
		for t, err := range m.realBook.Transactions(ctx, bookID, query, size) {
			m.meddle()
			if !yield(t, err) {
				return
			}
		}
	}
}

func TestBetweenListingAndUpdate(t *testing.T) {
	tests := map[string]func(b *completetest.Bench, e ledger.Entry){
		"a draft that was trashed stays so": func(b *completetest.Bench, e ledger.Entry) { b.Do(b.Person.Trash, e.TransactionID) },
		"a draft that was posted and checked stays so": func(b *completetest.Bench, e ledger.Entry) {
			b.Fill(e.TransactionID, "Gym")
			b.Do(b.Person.Post, e.TransactionID)
			b.Do(b.Person.Check, e.TransactionID)
		},
	}
	for claim, change := range tests {
		t.Run(claim, func(t *testing.T) {
			b := taught(t)
			entries := b.Record("Credit Card", rows(5, known)...)
			victim := entries[2]
			var once sync.Once
			done, err := b.Completer.Reexamine(t.Context(), meddled{b.App, func() { once.Do(func() { change(b, victim) }) }}, book)
			if err != nil {
				t.Fatal(err)
			}
			if len(done) != 4 || isFilled(b, victim) {
				t.Errorf("completed %v, victim %+v", done, b.Transaction(victim.TransactionID))
			}
		})
	}
}

// paged is a book with so many further drafts behind those that are there.
type paged struct {
	realBook
	more int
	next func() // before the first draft of the second page is read
}

func (l paged) Transactions(ctx context.Context, bookID, query string, size int) iter.Seq2[bkper.Transaction, error] {
	return func(yield func(bkper.Transaction, error) bool) {
		n := 0
		all := func(t bkper.Transaction, err error) bool {
			if n == size {
				l.next()
			}
			n++
			return yield(t, err)
		}
		for t, err := range l.realBook.Transactions(ctx, bookID, query, size) {
			if !all(t, err) {
				return
			}
		}
		for i := range l.more {
			if !all(bkper.Transaction{ID: fmt.Sprintf("further %d", i), Draft: true}, nil) {
				return
			}
		}
	}
}

func TestWhatAPageHasIsWrittenBeforeTheNextIsRead(t *testing.T) {
	b := taught(t)
	entries := b.Record("Credit Card", rows(3, known)...)
	b.Do(b.Person.Trash, entries[2].TransactionID) // so that the listing does not end before its end
	asked := false
	_, err := b.Completer.Reexamine(t.Context(), paged{b.App, 2000, func() {
		asked = true
		for _, e := range entries[:2] {
			if !isFilled(b, e) {
				t.Errorf("%s waits for the next page", e.RemoteID)
			}
		}
	}}, book)
	if err != nil || !asked {
		t.Errorf("error %v, next page read %v", err, asked)
	}
}

func TestTwoPassesAtOnceCompleteEachDraftOnce(t *testing.T) {
	b := taught(t)
	b.Record("Credit Card", rows(30, known)...)
	var group sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for range 4 {
		group.Go(func() {
			done, err := b.Completer.Reexamine(t.Context(), b.App, book)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			total += len(done)
		})
	}
	group.Wait()
	if total != 30 {
		t.Errorf("%d completions of 30 drafts", total)
	}
}

func TestManyDraftsTakeFewCalls(t *testing.T) {
	b := taught(t)
	b.Record("Credit Card", rows(250, known)...)
	b.Calls()
	if done := reexamine(t, b); len(done) != 250 {
		t.Errorf("completed %d", len(done))
	}
	if diff := cmp.Diff(map[string]int{http.MethodGet: 2, http.MethodPut: 3}, b.Calls()); diff != "" {
		t.Error(diff)
	}
}

func TestSummary(t *testing.T) {
	of := func(text, account string, n int) []complete.Completed {
		all := make([]complete.Completed, n)
		for i := range all {
			all[i] = complete.Completed{Text: text, Account: account}
		}
		return all
	}
	join := func(all ...[]complete.Completed) (joined []complete.Completed) {
		for _, one := range all {
			joined = append(joined, one...)
		}
		return joined
	}
	for want, done := range map[string][]complete.Completed{
		"": nil,
		"Completed 1 draft: NETFLIX -> Subscriptions":  of("Netflix 0815", "Subscriptions", 1),
		"Completed 7 drafts: NETFLIX -> Subscriptions": of("NETFLIX 1234", "Subscriptions", 7),
		"Completed 2 drafts: (no text) -> Fees":        of("", "Fees", 2),
		"Completed 5 drafts: A1AB -> A, BB -> B, CC -> C and 1 more": join(
			of("A1AB", "A", 2), of("BB", "B", 1), of("CC", "C", 1), of("DD", "D", 1)),
	} {
		if got := complete.Summary(done); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWhatTheBookMakesOfADescriptionIsNoPersonsTouch(t *testing.T) {
	b := taught(t)
	b.Teach("NETFLIX.COM #tv", "Credit Card", "Subscriptions", 10)
	e := b.Record("Credit Card", completetest.Row(2, -1549, "NETFLIX.COM   #tv"))[0]
	if now := b.Transaction(e.TransactionID); now.Description == e.Row.Description {
		t.Fatal("the book left the description as it was")
	}
	if done := reexamine(t, b); len(done) != 1 {
		t.Fatalf("completed %v", done)
	}
	if now := b.Transaction(e.TransactionID); !b.Entry(e).Written.Same(now) {
		t.Errorf("the app takes its own draft for a person's: %+v", now)
	}
}
