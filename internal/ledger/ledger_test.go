package ledger_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/embedded"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestRemoteIDsNeverChange holds remote ids against those of earlier releases:
// another one for the same transaction would double it in every book. A change
// of the file is a change of the scheme, which takes another version.
func TestRemoteIDsNeverChange(t *testing.T) {
	golden := filepath.Join("testdata", "remoteids.golden")
	var got bytes.Buffer
	for _, account := range []string{"acc-1", "5629499534213120", "conta/ã", ""} {
		for _, day := range []bank.Date{bank.NewDate(2024, 2, 29), bank.NewDate(2026, 11, 22), bank.NewDate(1, 1, 1), bank.NewDate(9999, 12, 31)} {
			for _, amount := range []money.Amount{
				money.MustParse("-12.50", "BRL"), money.MustParse("12.5", "BRL"), money.MustParse("1000", "JPY"),
				money.MustParse("0.001", "KWD"), money.MustParse("-123456789012345.67", "EUR"),
			} {
				for _, n := range []int{1, 2, 100} {
					_, _ = fmt.Fprintf(&got, "%q %s %s %d = %s\n", account, day, amount, n, ledger.RemoteID(account, day, amount, n))
				}
			}
		}
	}
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("remote ids (-before +now):\n%s", diff)
	}
	seen := map[string]string{}
	for lines := bufio.NewScanner(&got); lines.Scan(); {
		of, id, _ := strings.Cut(lines.Text(), " = ")
		if seen[id] != "" {
			t.Errorf("%s and %s are both %s", of, seen[id], id)
		}
		seen[id] = of
	}
}

var (
	someDates = rapid.Custom(func(t *rapid.T) bank.Date {
		return bank.NewDate(2000, 1, 1).AddDays(rapid.IntRange(0, 20_000).Draw(t, "day"))
	})
	// Bytes that keys must escape are drawn more often.
	someNames = rapid.StringOfN(rapid.RuneFrom([]rune("ab/0-.!~ é")), 1, 12, 40)
)

func TestRemoteIDsAndTheirKeys(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_]{1,40}$`)
	rapid.Check(t, func(t *rapid.T) {
		book, account, day := someNames.Draw(t, "book"), someNames.Draw(t, "account"), someDates.Draw(t, "date")
		amount := money.New(money.DecimalFromUnits(rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "cents"), 2), "EUR")
		n := rapid.IntRange(1, 1000).Draw(t, "n")
		id := ledger.RemoteID(account, day, amount, n)
		if !form.MatchString(id) || bkper.CheckRemoteID(id) != nil {
			t.Fatalf("remote id %q", id)
		}
		if ledger.RemoteID(account, day, amount, n+1) == id || ledger.RemoteID(account, day.AddDays(1), amount, n) == id ||
			ledger.RemoteID(account+"x", day, amount, n) == id || ledger.RemoteID(account, day, amount.Neg(), n) == id && !amount.IsZero() {
			t.Errorf("%q is the id of others too", id)
		}
		key, ours := ledger.EntryKey(book, id)
		if want := []string{book, day.String(), id}; !ours || !slices.Equal(store.Parts(key), want) {
			t.Errorf("EntryKey(%q, %q) = %q, %v", book, id, store.Parts(key), ours)
		}
		if e := (ledger.Entry{BookID: book, RemoteID: id}); e.Key() != key {
			t.Errorf("Key() = %q, want %q", e.Key(), key)
		}
	})
}

func TestOtherRemoteIDsHaveNoEntry(t *testing.T) {
	ours := ledger.RemoteID("a", bank.NewDate(2026, 11, 22), money.MustParse("1", "EUR"), 1)
	for _, id := range []string{
		"", "x", "bc1_", strings.ToUpper(ours), ours + "x", "x" + ours, ours[:len(ours)-1],
		strings.Replace(ours, "bc1_", "bc2_", 1), strings.Replace(ours, "20261122", "20261322", 1),
		strings.Replace(ours, "20261122", "20260230", 1), ours + "\n", "merged_" + ours,
	} {
		if key, ok := ledger.EntryKey("book", id); ok {
			t.Errorf("EntryKey of %q is %q", id, key)
		}
	}
}

func TestEntryDaysAreTheDaysAndNoOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book := someNames.Draw(t, "book")
		from := someDates.Draw(t, "from")
		to := from.AddDays(rapid.IntRange(0, 40).Draw(t, "days"))
		day := rapid.OneOf(rapid.Just(from), rapid.Just(to), rapid.Just(from.AddDays(-1)), rapid.Just(to.AddDays(1)), someDates).Draw(t, "day")
		other := rapid.OneOf(rapid.Just(book), someNames, rapid.Just(book+"/"), rapid.Just(book+"0")).Draw(t, "other book")
		key, _ := ledger.EntryKey(other, ledger.RemoteID("a", day, money.MustParse("1", "EUR"), 1))
		span := ledger.EntryDays(book, from, to)
		want := other == book && !day.Before(from) && !day.After(to)
		if got := key >= span.From && key < span.To; got != want {
			t.Errorf("%q of %s in %q from %s to %s: %v", other, day, book, from, to, got)
		}
	})
}

func TestRunsAreNewestFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := func(name string) time.Time {
			return time.UnixMilli(rapid.Int64Range(0, 4_000_000_000_000).Draw(t, name)).UTC()
		}
		a, b := ledger.Run{BookID: "b", StartedAt: at("a"), ID: "x"}, ledger.Run{BookID: "b", StartedAt: at("b"), ID: "x"}
		if (a.Key() < b.Key()) != a.StartedAt.After(b.StartedAt) {
			t.Errorf("%s lies at %q, %s at %q", a.StartedAt, a.Key(), b.StartedAt, b.Key())
		}
	})
}

func TestABatchIsDoneOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := ledger.Run{Batches: rapid.IntRange(0, 40).Draw(t, "batches")}
		done := map[int]bool{}
		for !run.AllDone() {
			n := rapid.IntRange(0, run.Batches-1).Draw(t, "batch")
			if run.IsDone(n) != done[n] || run.MarkDone(n) == done[n] || !run.IsDone(n) {
				t.Fatalf("batch %d: done %v", n, done[n])
			}
			done[n] = true
		}
		if len(done) != run.Batches {
			t.Errorf("all done after %d of %d", len(done), run.Batches)
		}
	})
}

func TestCountsAdd(t *testing.T) {
	a := ledger.Counts{Came: 1, Recorded: 2, Completed: 3, Matched: 4, Changed: 5, Skipped: 6, Parked: 7}
	want := ledger.Counts{Came: 2, Recorded: 4, Completed: 6, Matched: 8, Changed: 10, Skipped: 12, Parked: 14}
	if got := a.Add(a); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestTheCurrentIDIsTheLastOfItsSource(t *testing.T) {
	e := ledger.Entry{IDs: []ledger.SourceID{{Source: "a", ID: "1"}, {Source: "a", ID: "2"}, {Source: "b", ID: "3"}}}
	for source, want := range map[string]string{"a": "2", "b": "3", "c": ""} {
		if got := e.CurrentID(source); got != want {
			t.Errorf("CurrentID(%q) = %q, want %q", source, got, want)
		}
	}
}

func draft() bkper.Transaction {
	return bkper.Transaction{
		ID: "t1", Date: bank.NewDate(2026, 11, 22), Amount: "12.5", Description: "coffee", Draft: true,
		CreditAccount: &bkper.Account{ID: "bank"}, DebitAccount: &bkper.Account{ID: "food"},
	}
}

func TestWhatWasWrittenIsUntouchedWhileTheBookSaysTheSame(t *testing.T) {
	tests := []struct {
		claim  string
		change func(*bkper.Transaction)
		same   bool
	}{
		{"as it was", func(*bkper.Transaction) {}, true},
		{"other decimals are the same amount", func(t *bkper.Transaction) { t.Amount = "12.50" }, true},
		{"names of accounts do not matter", func(t *bkper.Transaction) { t.CreditAccount = &bkper.Account{ID: "bank", Name: "Bank"} }, true},
		{"what was added does not matter for the missing side, but the draft is not ours alone", func(t *bkper.Transaction) { t.Properties = map[string]string{"a": "b"} }, true},
		{"another date", func(t *bkper.Transaction) { t.Date = t.Date.AddDays(1) }, false},
		{"another amount", func(t *bkper.Transaction) { t.Amount = "12.51" }, false},
		{"no amount", func(t *bkper.Transaction) { t.Amount = "" }, false},
		{"another text", func(t *bkper.Transaction) { t.Description = "Coffee" }, false},
		{"another account", func(t *bkper.Transaction) { t.DebitAccount = &bkper.Account{ID: "rent"} }, false},
		{"no account", func(t *bkper.Transaction) { t.DebitAccount = nil }, false},
		{"sides turned", func(t *bkper.Transaction) { t.CreditAccount, t.DebitAccount = t.DebitAccount, t.CreditAccount }, false},
		{"posted", func(t *bkper.Transaction) { t.Draft, t.Posted = false, true }, false},
		{"checked", func(t *bkper.Transaction) { t.Posted, t.Checked = true, true }, false},
		{"trashed", func(t *bkper.Transaction) { t.Trashed = true }, false},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			now := draft()
			test.change(&now)
			if got := ledger.WrittenOf(draft(), "because").Same(now); got != test.same {
				t.Errorf("Same is %v", got)
			}
			alone := test.same && now.Properties == nil
			if got := ledger.WrittenOf(draft(), "because").Alone(now); got != alone {
				t.Errorf("Alone is %v", got)
			}
		})
	}
	var nothing *ledger.Written
	if nothing.Same(draft()) {
		t.Error("what was never written is the same")
	}
	open := draft()
	open.DebitAccount = nil
	if !ledger.WrittenOf(open, "").IsOpen() || ledger.WrittenOf(draft(), "").IsOpen() {
		t.Error("a draft is open while it lacks a side")
	}
}

func openStore(t testing.TB) *embedded.DB {
	t.Helper()
	db, err := embedded.Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// workOf returns the kinds of work that wait in a book.
func workOf(ctx context.Context, t testing.TB, db store.Engine) []string {
	t.Helper()
	var kinds []string
	err := db.View(ctx, func(tx store.Tx) error {
		kinds = nil
		return ledger.All().Work.Scan(tx, store.Span{}, func(id string, _ ledger.Ref) (bool, error) {
			kinds = append(kinds, store.Parts(id)[0])
			return true, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return kinds
}

func TestAnEntryWaitsForWhatItsStateSays(t *testing.T) {
	records := ledger.All()
	day := bank.NewDate(2026, 11, 22)
	amount := money.MustParse("-12.5", "EUR")
	entry := ledger.Entry{
		BookID: "book", RemoteID: ledger.RemoteID("bank", day, amount, 1), AccountID: "bank",
		Row: bank.Transaction{Date: day, Amount: amount}, TransactionID: "t1",
	}
	open := draft()
	open.DebitAccount = nil
	// One after the other on one entry, so that what waited before must go.
	steps := []struct {
		claim  string
		change func(*ledger.Entry)
		want   []string
	}{
		{"a claim waits to be confirmed", func(e *ledger.Entry) { e.State = ledger.Claimed }, []string{"claim"}},
		{"a parked one waits for a person", func(e *ledger.Entry) { e.State = ledger.Parked }, []string{"parked"}},
		{"an open draft waits for its counter account", func(e *ledger.Entry) {
			e.State, e.Written = ledger.Recorded, ledger.WrittenOf(open, "")
		}, []string{"open"}},
		{"one that a person has touched does not", func(e *ledger.Entry) { e.Touched = true }, nil},
		{"a complete one waits for nothing", func(e *ledger.Entry) {
			e.Touched, e.Written = false, ledger.WrittenOf(draft(), "")
		}, nil},
		{"a flag waits for a person", func(e *ledger.Entry) { e.Flag = "differs" }, []string{"flag"}},
		{"a flagged open draft waits for both", func(e *ledger.Entry) { e.Written = ledger.WrittenOf(open, "") }, []string{"flag", "open"}},
		{"a trashed one waits for nothing", func(e *ledger.Entry) { e.State, e.Flag = ledger.Trashed, "" }, nil},
		{"nor does a removed one", func(e *ledger.Entry) { e.State = ledger.Removed }, nil},
		{"nor one that stood in the book", func(e *ledger.Entry) { e.State = ledger.Matched }, nil},
	}
	ctx, db := t.Context(), openStore(t)
	for _, step := range steps {
		step.change(&entry)
		if err := db.Update(ctx, func(tx store.Tx) error { return records.PutEntry(tx, entry) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, workOf(ctx, t, db)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.claim, diff)
		}
		if got, err := records.Entries.Load(ctx, db, entry.Key()); err != nil || got.State != entry.State {
			t.Errorf("%s: reads back as %s, %v", step.claim, got.State, err)
		}
	}
}

func TestFindEntry(t *testing.T) {
	records, ctx, db := ledger.All(), t.Context(), openStore(t)
	day, amount := bank.NewDate(2026, 11, 22), money.MustParse("1", "EUR")
	ours := ledger.Entry{BookID: "book", RemoteID: ledger.RemoteID("a", day, amount, 1), State: ledger.Recorded, TransactionID: "t1"}
	matched := ledger.Entry{BookID: "book", RemoteID: ledger.RemoteID("a", day, amount, 2), State: ledger.Matched, TransactionID: "t2"}
	for _, e := range []*ledger.Entry{&ours, &matched} {
		e.Row.Date = day
		if err := db.Update(ctx, func(tx store.Tx) error { return records.PutEntry(tx, *e) }); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		claim         string
		book, transID string
		remoteIDs     []string
		want          string
	}{
		{"by a remote id among others", "book", "t1", []string{"other", ours.RemoteID}, ours.RemoteID},
		{"by the remote id, whatever the transaction is called now", "book", "merged", []string{ours.RemoteID}, ours.RemoteID},
		{"by the transaction that stood in the book", "book", "t2", nil, matched.RemoteID},
		{"our own are not found by their transaction alone", "book", "t1", nil, ""},
		{"nothing is found in another book", "other", "t2", []string{ours.RemoteID}, ""},
		{"a foreign remote id leads nowhere", "book", "t3", []string{"other"}, ""},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			err := db.View(ctx, func(tx store.Tx) error {
				e, found, err := records.FindEntry(tx, test.book, test.transID, test.remoteIDs)
				if e.RemoteID != test.want || found != (test.want != "") {
					t.Errorf("found %q, %v", e.RemoteID, found)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestEntriesAreFoundOnTheDayTheBankGivesNow(t *testing.T) {
	records, ctx, db := ledger.All(), t.Context(), openStore(t)
	day, amount := bank.NewDate(2026, 11, 22), money.MustParse("1", "EUR")
	e := ledger.Entry{BookID: "book", RemoteID: ledger.RemoteID("a", day, amount, 1), State: ledger.Recorded}
	found := func(on bank.Date) (n int) {
		err := db.View(ctx, func(tx store.Tx) error {
			n = 0
			return records.EntriesOfDays(tx, "book", on, on, func(ledger.Entry) { n++ })
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, now := range []bank.Date{day, day.AddDays(3), day.AddDays(-40)} {
		e.Row.Date = now
		if err := db.Update(ctx, func(tx store.Tx) error { return records.PutEntry(tx, e) }); err != nil {
			t.Fatal(err)
		}
		if found(now) == 0 || found(day) == 0 {
			t.Errorf("of %s, now %s: found %d and %d times", day, now, found(day), found(now))
		}
	}
	if n := found(day.AddDays(1)); n != 0 {
		t.Errorf("found %d times on a day it never had", n)
	}
}

func TestIntegrationsAreFoundByBookAndByConnection(t *testing.T) {
	records, ctx, db := ledger.All(), t.Context(), openStore(t)
	i := ledger.Integration{ID: "i1", BookID: "book", ConnectionID: "old"}
	put := func(f func(store.Tx) error) {
		t.Helper()
		if err := db.Update(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	found := func(connection string) (of, in int) {
		err := db.View(ctx, func(tx store.Tx) error {
			byConnection, err := records.IntegrationsOfConnection(tx, connection)
			if err != nil {
				return err
			}
			inBook, err := records.IntegrationsOfBook(tx, "book")
			of, in = len(byConnection), len(inBook)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return of, in
	}
	put(func(tx store.Tx) error { return records.PutIntegration(tx, i) })
	if of, in := found("old"); of != 1 || in != 1 {
		t.Errorf("saved: %d of its connection, %d in its book", of, in)
	}
	moved := i
	moved.ConnectionID = "new"
	put(func(tx store.Tx) error { return records.PutIntegration(tx, moved) })
	if of, _ := found("old"); of != 0 {
		t.Error("the connection it has left still has it")
	}
	if of, in := found("new"); of != 1 || in != 1 {
		t.Errorf("moved: %d of its connection, %d in its book", of, in)
	}
	put(func(tx store.Tx) error { return records.DeleteIntegration(tx, moved) })
	if of, in := found("new"); of != 0 || in != 0 {
		t.Errorf("deleted: %d of its connection, %d in its book", of, in)
	}
}

func TestContextsOfSecretsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []string{ledger.TokenContext("a"), ledger.SecretContext("a"), ledger.ProgressContext("a"), ledger.TokenContext("b")} {
		if seen[c] {
			t.Errorf("the context %q is used twice", c)
		}
		seen[c] = true
	}
}

func TestEntriesOfAmountsAreThoseOfTheDaysWithTheseAmounts(t *testing.T) {
	engine, records, books := openStore(t), ledger.All(), 0
	rapid.Check(t, func(t *rapid.T) {
		books++
		book := fmt.Sprint("book", books)
		texts := rapid.SampledFrom([]string{"BUS", `{"amount":"-1 EUR"}`, `\"amount\":\"-2 EUR`, "café\n"})
		amounts := rapid.SampledFrom([]string{"-1", "-2", "-2.50"})
		for n := range rapid.IntRange(0, 8).Draw(t, "entries") {
			day := bank.NewDate(2026, 11, rapid.IntRange(1, 3).Draw(t, "day"))
			amount := money.MustParse(amounts.Draw(t, "amount"), "EUR")
			e := ledger.Entry{
				RemoteID: ledger.RemoteID("a", day, amount, n+1), BookID: book, Institution: texts.Draw(t, "institution"),
				IDs:     []ledger.SourceID{{Source: "s", ID: texts.Draw(t, "id")}},
				Row:     bank.Transaction{Date: day, Amount: amount, Description: texts.Draw(t, "text")},
				Written: &ledger.Written{Amount: amounts.Draw(t, "written")},
			}
			if rapid.Bool().Draw(t, "corrected") { // the remote id stays
				e.Row.Amount = money.MustParse(amounts.Draw(t, "now"), "EUR")
			}
			if err := engine.Update(context.Background(), func(tx store.Tx) error { return records.PutEntry(tx, e) }); err != nil {
				t.Fatal(err)
			}
		}
		wanted := map[string]bool{"-1 EUR": true, "-2 EUR": rapid.Bool().Draw(t, "two")}
		from, to := bank.NewDate(2026, 11, 1), bank.NewDate(2026, 11, 2)
		var want, got, wantIDs, gotIDs []string
		err := engine.View(context.Background(), func(tx store.Tx) error {
			err := records.EntriesOfDays(tx, book, from, to, func(e ledger.Entry) {
				wantIDs = append(wantIDs, e.RemoteID)
				if wanted[e.Row.Amount.String()] {
					want = append(want, e.RemoteID)
				}
			})
			if err != nil {
				return err
			}
			return records.EntriesOfAmounts(tx, book, from, to, wanted,
				func(id string) { gotIDs = append(gotIDs, id) }, func(e ledger.Entry) { got = append(got, e.RemoteID) })
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]string{want, wantIDs}, [][]string{got, gotIDs}); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
