package reconcile_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete/completetest"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/reconcile"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/storetest"
)

const book = completetest.BookID

// desk is a book whose Credit Card a bank feeds.
type desk struct {
	*completetest.Bench
	*reconcile.Service
	card ledger.Integration
}

func newDesk(t *testing.T) *desk {
	b := completetest.New(t)
	d := &desk{Bench: b, Service: &reconcile.Service{
		Engine: storetest.Restless(b.DB), Book: func(string) reconcile.Book { return b.App }, Now: b.Now, Log: slog.New(slog.DiscardHandler),
	}}
	d.card = ledger.Integration{
		ID: "card", BookID: book, AccountID: d.Account("Credit Card"), AccountName: "Credit Card", Origin: "demo/bank/card",
		Currency: "USD", AddedBy: "owner", Since: bank.DateOf(completetest.Start).AddDays(-90), CreatedAt: completetest.Start,
	}
	d.update(func(tx store.Tx) error { return d.Records.PutIntegration(tx, d.card) })
	return d
}

func (d *desk) Now() time.Time { return d.Bench.Now() }

func (d *desk) update(f func(store.Tx) error) {
	d.TB.Helper()
	if err := d.DB.Update(d.TB.Context(), f); err != nil {
		d.TB.Fatal(err)
	}
}

// night lets enough time go by and compares.
func (d *desk) night() reconcile.Report {
	d.TB.Helper()
	d.Advance(time.Hour)
	if err := d.Nightly(d.TB.Context(), book); err != nil {
		d.TB.Fatal(err)
	}
	r, err := d.Report(d.TB.Context(), book)
	if err != nil {
		d.TB.Fatal(err)
	}
	return r
}

// found says for each finding its kind, its text, and whether it is healed.
func found(r reconcile.Report) []string {
	var all []string
	for _, f := range r.Findings {
		text := string(f.Kind) + " " + f.Text
		if f.Healed {
			text += ", healed"
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

func (d *desk) expect(r reconcile.Report, want ...string) {
	d.TB.Helper()
	if diff := cmp.Diff(want, found(r)); diff != "" {
		d.TB.Error(diff)
	}
}

func TestABookThatIsAsTheLedgerSaysHasNoFindings(t *testing.T) {
	d := newDesk(t)
	d.Record("Credit Card", completetest.Row(2, -1000, "A"), completetest.Row(50, -1000, "B"))
	r := d.night()
	d.expect(r)
	if r.Entries != 2 || r.Transactions < 2 || !r.At.Equal(d.Now()) || r.Problem != nil {
		t.Errorf("%+v", r.Reconciliation)
	}
}

func TestWhatPeopleDidUnheardIsHealedOnce(t *testing.T) {
	d := newDesk(t)
	var rows []bank.Transaction
	for n, text := range []string{"trashed", "restored", "posted", "moved", "edited", "lost", "lost and trashed", "gone", "young"} {
		rows = append(rows, completetest.Row(n+1, int64(-1000-n), text))
	}
	e := d.Record("Credit Card", rows...)
	d.Do(d.Person.Trash, e[0].TransactionID)
	d.update(func(tx store.Tx) error {
		restored := e[1]
		restored.State = ledger.Trashed
		return d.Records.PutEntry(tx, restored)
	})
	d.Fill(e[2].TransactionID, "Gym")
	d.Do(d.Person.Post, e[2].TransactionID)
	d.Change(e[3].TransactionID, func(t *bkper.Transaction) { t.Date = t.Date.AddDays(-200) })
	d.Change(e[4].TransactionID, func(t *bkper.Transaction) { t.Amount = "77" })
	lost := []ledger.Entry{d.asFed(e[5]), d.asFed(e[6])}
	d.Do(d.Person.Trash, lost[1].TransactionID)
	d.update(func(tx store.Tx) error {
		never := e[7]
		never.RemoteID, never.TransactionID = ledger.RemoteID(d.card.AccountID, never.Row.Date, never.Row.Amount, 40), ""
		return d.Records.PutEntry(tx, never)
	})
	d.Do(d.Person.Trash, e[8].TransactionID)
	d.update(func(tx store.Tx) error {
		young := e[8]
		young.UpdatedAt = d.Now().Add(59 * time.Minute)
		return d.Records.PutEntry(tx, young)
	})
	d.Calls()

	d.expect(d.night(),
		"changed posted, healed", "edited edited, healed", "edited moved, healed", "gone gone",
		"live restored, healed", "trashed trashed, healed", "unknown lost and trashed, healed", "unknown lost, healed",
	)
	calls := d.Calls()
	delete(calls, http.MethodGet)
	if len(calls) > 0 {
		t.Errorf("the book was written to: %v", calls)
	}
	for n, want := range map[int]ledger.State{0: ledger.Trashed, 1: ledger.Recorded, 2: ledger.Recorded, 3: ledger.Recorded, 4: ledger.Recorded, 8: ledger.Recorded} {
		if now := d.Entry(e[n]); now.State != want || now.Touched != (n >= 2 && n <= 4) {
			t.Errorf("%s is %s, touched %t", e[n].Row.Description, now.State, now.Touched)
		}
	}
	if now := d.Entry(lost[0]); now.State != ledger.Recorded || now.TransactionID != lost[0].TransactionID || !now.Touched {
		t.Errorf("lost: %+v", now)
	}
	if now := d.Entry(lost[1]); now.State != ledger.Trashed {
		t.Errorf("lost and trashed: %+v", now)
	}

	d.expect(d.night(), "edited edited", "edited moved", "gone gone", "trashed young, healed")
	d.expect(d.night(), "edited edited", "edited moved", "gone gone")
}

// asFed records the row of an entry once more under the remote id that the feed
// would give it, and lets the ledger forget it.
func (d *desk) asFed(e ledger.Entry) ledger.Entry {
	d.TB.Helper()
	d.update(func(tx store.Tx) error { return d.Records.Entries.Delete(tx, e.Key()) })
	e.RemoteID = ledger.RemoteID(e.AccountID, e.Row.Date, e.Row.Amount, 1)
	d.Change(e.TransactionID, func(t *bkper.Transaction) { t.RemoteIDs = []string{e.RemoteID} })
	return e
}

func TestWhatChangesWhileItIsComparedIsLeftAlone(t *testing.T) {
	d := newDesk(t)
	e := d.Record("Credit Card", completetest.Row(1, -1000, "A"))[0]
	d.Do(d.Person.Trash, e.TransactionID)
	d.Book = func(string) reconcile.Book {
		return meanwhile{d.App, func() {
			d.update(func(tx store.Tx) error {
				now := e
				now.Flag, now.UpdatedAt = "changed", d.Now()
				return d.Records.PutEntry(tx, now)
			})
		}}
	}
	d.expect(d.night(), "trashed A")
	if now := d.Entry(e); now.State != ledger.Recorded || now.Flag != "changed" {
		t.Errorf("%+v", now)
	}
}

// meanwhile does something while the book is being listed.
type meanwhile struct {
	*bkper.Client
	do func()
}

func (m meanwhile) Transactions(ctx context.Context, bookID, query string, pageSize int) iter.Seq2[bkper.Transaction, error] {
	m.do()
	return m.Client.Transactions(ctx, bookID, query, pageSize)
}

// refusing is a book that lists nothing.
type refusing struct {
	*bkper.Client
	err error
}

func (r refusing) Transactions(context.Context, string, string, int) iter.Seq2[bkper.Transaction, error] {
	return func(yield func(bkper.Transaction, error) bool) { yield(bkper.Transaction{}, r.err) }
}

func TestABookThatOneUserCannotReadIsReadByAnother(t *testing.T) {
	d := newDesk(t)
	second := d.card
	second.ID, second.AddedBy, second.AccountID = "zz", "another", d.Account("Checking")
	d.update(func(tx store.Tx) error { return d.Records.PutIntegration(tx, second) })
	refused := map[string]error{"owner": errs.New(errs.Forbidden, "You may not see this book.")}
	d.Book = func(user string) reconcile.Book {
		if err := refused[user]; err != nil {
			return refusing{d.App, err}
		}
		return d.App
	}
	if r := d.night(); r.Problem != nil || r.Transactions == 0 {
		t.Errorf("%+v", r)
	}
	refused["another"] = errs.New(errs.LostAccess, "Sign in again.")
	if r := d.night(); r.Problem == nil || r.Problem.Sentence != "Sign in again." {
		t.Errorf("%+v", r)
	}
	refused["another"] = errs.New(errs.Unavailable, "")
	if err := d.Nightly(t.Context(), book); !errs.Is(err, errs.Unavailable) {
		t.Error("what may go better later is not tried again:", err)
	}
}

func TestBooksAreDueADayLater(t *testing.T) {
	d := newDesk(t)
	due := func() string {
		t.Helper()
		books, err := d.Due(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(books, " ")
	}
	if got := due(); got != "" {
		t.Error("due before anything was recorded:", got)
	}
	other := d.card
	other.ID, other.Origin = "other", "demo/bank/other"
	d.update(func(tx store.Tx) error { return d.Records.PutIntegration(tx, other) })
	d.Advance(time.Hour)
	if got := due(); got != book {
		t.Error("never compared, and due are:", got)
	}
	d.night()
	if got := due(); got != "" {
		t.Error("due at once:", got)
	}
	d.Advance(24 * time.Hour)
	if got := due(); got != book {
		t.Error("due after a day:", got)
	}
}

// tell lets the bank tell rows and its balance, in a run of this moment.
func (d *desk) tell(run string, cents int64, rows ...bank.Transaction) ledger.Run {
	d.TB.Helper()
	r := ledger.Run{ID: run, BookID: book, Integration: d.card.ID, AccountID: d.card.AccountID, StartedAt: d.Now(), FinishedAt: d.Now()}
	entries := d.Record("Credit Card", rows...)
	d.update(func(tx store.Tx) error {
		for _, e := range entries {
			e.Run, e.Origins, e.UpdatedAt = run, []string{d.card.Origin}, d.Now()
			if err := d.Records.PutEntry(tx, e); err != nil {
				return err
			}
		}
		if err := d.Records.Runs.Put(tx, r.Key(), r); err != nil {
			return err
		}
		b := bank.Balance{Booked: money.New(money.DecimalFromUnits(cents, 2), "USD"), Date: bank.DateOf(d.Now())}
		return d.Records.PutBalance(tx, d.card.ID, b, d.Now())
	})
	return r
}

func (d *desk) balance() string {
	d.TB.Helper()
	r, err := d.Report(d.TB.Context(), book)
	if err != nil {
		d.TB.Fatal(err)
	}
	b := r.Balances[0]
	return fmt.Sprintf("%s %s %s", b.State, b.Difference.Number(), b.Since)
}

func TestTheBanksBalanceIsHeldAgainstTheLedger(t *testing.T) {
	d := newDesk(t)
	expect := func(want string) {
		t.Helper()
		if got := strings.TrimSpace(d.balance()); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	expect("unknown 0")
	d.tell("r1", 100_000, completetest.Row(3, -1000, "A"), completetest.Row(1, -500, "B"))
	expect("agrees 0")
	d.night()
	d.Advance(23 * time.Hour)
	d.tell("r2", 98_000, completetest.Row(0, -2000, "C"))
	expect("agrees 0")
	d.Advance(24 * time.Hour)
	d.tell("r3", 97_000) // the bank keeps 10.00 back
	expect("differs -10 2026-11-24")
	d.night()
	d.Advance(23 * time.Hour)
	run := d.tell("r4", 96_000, completetest.Row(-3, -1000, "D"))
	expect("differs -10 2026-11-24")
	d.update(func(tx store.Tx) error {
		run.FinishedAt = time.Time{}
		return d.Records.Runs.Put(tx, run.Key(), run)
	})
	expect("unknown 0")
	d.Advance(25 * time.Hour) // a run that never ends says nothing for ever
	d.tell("r5", 96_000, completetest.Row(-2, -1000, "the missing one"))
	expect("agrees 0")
	d.night()

	// What files tell counts where the account has one bank; what another bank
	// tells does not.
	d.update(func(tx store.Tx) error {
		e := ledger.Entry{RemoteID: ledger.RemoteID(d.card.AccountID, d.today(), usd(-5), 9), BookID: book, AccountID: d.card.AccountID, State: ledger.Parked}
		e.Row = bank.Transaction{Date: d.today(), Amount: usd(-5)}
		e.Origins = []string{"demo/bank/other"}
		return d.Records.PutEntry(tx, e)
	})
	expect("agrees 0")
	d.update(func(tx store.Tx) error {
		e := ledger.Entry{RemoteID: ledger.RemoteID(d.card.AccountID, d.today(), usd(-7), 9), BookID: book, AccountID: d.card.AccountID, State: ledger.Parked}
		e.Row = bank.Transaction{Date: d.today(), Amount: usd(-7)}
		e.Origins = []string{"file:ofx/1/2"}
		return d.Records.PutEntry(tx, e)
	})
	expect("differs 0.07 " + d.today().String())
}

func (d *desk) today() bank.Date { return bank.DateOf(d.Now()) }

func usd(cents int64) money.Amount { return money.New(money.DecimalFromUnits(cents, 2), "USD") }

// entryOf reads the entry of a text.
func (d *desk) entryOf(text string) (e ledger.Entry) {
	d.TB.Helper()
	d.update(func(tx store.Tx) error {
		return d.Records.EntriesOfDays(tx, book, d.today().AddDays(-9), d.today().AddDays(3), func(other ledger.Entry) {
			if other.Row.Description == text {
				e = other
			}
		})
	})
	if e.RemoteID == "" {
		d.TB.Fatalf("the ledger has no %s", text)
	}
	return e
}

func (d *desk) put(entries ...ledger.Entry) {
	d.TB.Helper()
	d.update(func(tx store.Tx) error {
		for _, e := range entries {
			if err := d.Records.PutEntry(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestWhatIsOneMovementCountsOnceInTheBalance(t *testing.T) {
	for claim, c := range map[string]struct {
		cents int64 // of the bank's balance, with the movement
		same  func(d *desk, late, old ledger.Entry) (ledger.Entry, ledger.Entry)
	}{
		"an entry that counts itself": {98_000, func(_ *desk, late, old ledger.Entry) (ledger.Entry, ledger.Entry) {
			late.State, late.Same = ledger.Undone, old.RemoteID
			return late, old
		}},
		"an entry that the bank has taken back": {98_000, func(_ *desk, late, old ledger.Entry) (ledger.Entry, ledger.Entry) {
			old.Withdrawn, old.Flag, old.Touched = true, "The bank withdrew this transaction.", true
			late.State, late.Same = ledger.Undone, old.RemoteID
			return late, old
		}},
		"what a person typed in, which no bank has told": {96_000, func(d *desk, late, old ledger.Entry) (ledger.Entry, ledger.Entry) {
			typed, err := d.Person.CreateTransaction(d.TB.Context(), book, bkper.Transaction{
				Date: late.Row.Date.AddDays(-100), Amount: "20", Description: "typed", Posted: true,
				CreditAccount: &bkper.Account{ID: d.Account("Credit Card")}, DebitAccount: &bkper.Account{ID: d.Account("Gym")},
			})
			if err != nil {
				d.TB.Fatal(err)
			}
			late.State, late.TransactionID, late.Same, late.Written = ledger.Matched, typed.ID, typed.ID, nil
			return late, old
		}},
	} {
		t.Run(claim, func(t *testing.T) {
			d := newDesk(t)
			d.tell("r1", 100_000, completetest.Row(3, -1000, "A"))
			d.night()
			d.Advance(23 * time.Hour)
			d.tell("r2", 98_000, completetest.Row(0, -2000, "OLD"))
			d.night()
			d.Advance(23 * time.Hour)
			d.tell("r3", c.cents, completetest.Row(-1, -2000, "LATE"))
			late, old := c.same(d, d.entryOf("LATE"), d.entryOf("OLD"))
			d.Do(d.App.Trash, d.entryOf("LATE").TransactionID)
			d.put(late, old)
			if got := strings.TrimSpace(d.balance()); got != "agrees 0" {
				t.Error(got)
			}
			r := d.night()
			if r.Healed > 0 || slices.ContainsFunc(r.Findings, func(f ledger.Finding) bool { return f.Text == "LATE" }) {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

func TestAnUndoneStatementIsNothingThatTheBankHasTold(t *testing.T) {
	d := newDesk(t)
	d.tell("r1", 100_000, completetest.Row(3, -1000, "A"))
	d.night()
	d.Advance(23 * time.Hour)
	d.tell("r2", 98_000, completetest.Row(0, -2000, "OF A FILE"), completetest.Row(0, -2000, "B"))
	e := d.entryOf("OF A FILE")
	e.Origins, e.Integration = []string{"file:ofx/1/123"}, ""
	d.put(e)
	d.night()
	if got := strings.TrimSpace(d.balance()); got == "agrees 0" {
		t.Errorf("while it stands: %s", got)
	}
	e.State = ledger.Undone
	d.put(e)
	if got := strings.TrimSpace(d.balance()); got != "agrees 0" {
		t.Errorf("undone: %s", got)
	}
}

func TestWhatAPersonRestoresIsAnotherMovementNoMore(t *testing.T) {
	d := newDesk(t)
	e := d.Record("Credit Card", completetest.Row(2, -1000, "OLD"), completetest.Row(1, -1000, "LATE"))
	late := e[1]
	late.State, late.Same = ledger.Undone, e[0].RemoteID
	double := ledger.Double{
		BookID: book, AccountID: late.AccountID, New: late.RemoteID, Known: e[0].RemoteID,
		State: ledger.IsOne, Gone: late.RemoteID, Draft: late.TransactionID,
	}
	third := ledger.Double{BookID: book, New: "bc1_third", Known: late.RemoteID, State: ledger.IsOne, Gone: "bc1_third"}
	d.Do(d.App.Trash, late.TransactionID)
	d.put(late)
	d.update(func(tx store.Tx) error {
		if err := d.Records.Doubles.Put(tx, third.Key(), third); err != nil {
			return err
		}
		return d.Records.Doubles.Put(tx, double.Key(), double)
	})
	d.expect(d.night())
	d.Do(d.Person.Restore, late.TransactionID)
	d.expect(d.night(), "live LATE, healed")
	now, err := d.Records.Doubles.Load(t.Context(), d.DB, double.Key())
	if err != nil || now.State != ledger.AreTwo || now.Gone != "" || d.Entry(late).Same != "" {
		t.Errorf("%+v, %v; same as %q", now, err, d.Entry(late).Same)
	}
	if now, err = d.Records.Doubles.Load(t.Context(), d.DB, third.Key()); err != nil || now.State != ledger.IsOne {
		t.Errorf("what stands for a third became %+v, %v", now, err)
	}
	d.expect(d.night())
}
