package panel_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/reconcile"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/transfer"
)

// fakeUpkeep stands in for the services that keep books right.
type fakeUpkeep struct {
	*bench
	undoneBy          []string // users
	proposals, joined []transfer.View
	parted            []string // remote ids
	doubles           []ledger.DoublePair
	decidedBy         []string // users
	report            reconcile.Report
}

func (f *fakeUpkeep) Report(context.Context, string) (reconcile.Report, error) { return f.report, nil }

// undoer undoes and brings back at once.
type undoer struct{ *fakeUpkeep }

func (u undoer) Undo(ctx context.Context, run ledger.Run, userID string) error {
	u.undoneBy = append(u.undoneBy, userID)
	return u.set(ctx, run, run.Counts.Recorded)
}

func (u undoer) Redo(ctx context.Context, run ledger.Run, _ string) error { return u.set(ctx, run, 0) }

func (u undoer) set(ctx context.Context, run ledger.Run, undone int) error {
	return u.records.Runs.Update(ctx, u.engine, run.Key(), func(r ledger.Run) (ledger.Run, error) {
		r.Undone = undone
		return r, nil
	})
}

func (f *fakeUpkeep) Proposals(context.Context, string) ([]transfer.View, error) {
	return f.proposals, nil
}

func (f *fakeUpkeep) Joined(context.Context, string) ([]transfer.View, error) { return f.joined, nil }

func (f *fakeUpkeep) take(id string) (transfer.View, error) {
	at := slices.IndexFunc(f.proposals, func(v transfer.View) bool { return v.ID == id })
	if at < 0 {
		return transfer.View{}, errs.New(errs.NotFound, "This transfer is not known any more. Reload the page.")
	}
	v := f.proposals[at]
	f.proposals = slices.Delete(f.proposals, at, at+1)
	return v, nil
}

func (f *fakeUpkeep) Accept(ctx context.Context, book transfer.Book, bookID, id string) error {
	if _, err := book.Transaction(ctx, bookID, "none"); !errs.Is(err, errs.NotFound) {
		return err // the book is not opened as the person who asks
	}
	v, err := f.take(id)
	if err == nil {
		v.State, v.Reason = ledger.Joined, "Accepted by a person."
		f.joined = append(f.joined, v)
	}
	return err
}

func (f *fakeUpkeep) Reject(_ context.Context, _, id string) error {
	_, err := f.take(id)
	return err
}

func (f *fakeUpkeep) Undo(_ context.Context, _ transfer.Book, _, remoteID string) error {
	f.parted = append(f.parted, remoteID)
	f.joined = slices.DeleteFunc(f.joined, func(v transfer.View) bool { return v.Out.RemoteID == remoteID })
	return nil
}

func (f *fakeUpkeep) Doubles(context.Context, string) (proposed, one []ledger.DoublePair, err error) {
	for _, d := range f.doubles {
		if d.State == ledger.MayBeOne {
			proposed = append(proposed, d)
		} else {
			one = append(one, d)
		}
	}
	return proposed, one, nil
}

func (f *fakeUpkeep) DecideDouble(_ context.Context, _, later, earlier string, as ledger.DoubleState, userID string) error {
	at := slices.IndexFunc(f.doubles, func(d ledger.DoublePair) bool { return d.New == later && d.Known+d.Standing == earlier })
	if at < 0 {
		return errs.New(errs.NotFound, "This is not known any more. Reload the page.")
	}
	f.decidedBy = append(f.decidedBy, userID)
	switch text := f.doubles[at].NewRow.Description; {
	case as == ledger.AreTwo && text == "WITHDRAWN":
		f.doubles[at].Hurdle = "It does not come back."
	case as == ledger.AreTwo, text == "DELETED":
		f.doubles = slices.Delete(f.doubles, at, at+1)
	case text == "STUCK":
		f.doubles[at].Hurdle = "Somebody has worked on both."
	default:
		f.doubles[at].State = as
	}
	return nil
}

func aDouble(later, text string) ledger.DoublePair {
	row := func(day int, text string) bank.Transaction {
		return bank.Transaction{Date: bank.NewDate(2026, 11, day), Amount: money.MustParse("-12.5", "USD"), Description: text}
	}
	return ledger.DoublePair{
		Double: ledger.Double{New: later, Known: "known" + later, AccountID: "1", State: ledger.MayBeOne, Reason: "The same amount and like words, told by different sources 2 days apart."},
		NewRow: row(19, text), KnownRow: row(17, "Books and more "+nasty), NewTransaction: "tn" + later, KnownTransaction: "tk" + later,
	}
}

func aTransfer(id, reason string) transfer.View {
	end := func(side, account, accountID, amount, text string, day int) transfer.End {
		return transfer.End{
			RemoteID: id + side, TransactionID: "t" + id + side, AccountID: accountID, AccountName: account,
			Row: bank.Transaction{Date: bank.NewDate(2026, 11, day), Amount: money.MustParse(amount, "USD"), Description: text},
		}
	}
	return transfer.View{
		ID: id, State: ledger.Proposed, Reason: reason, At: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
		Out: end("o", "Checking", "1", "-420.5", "PAYMENT THANK YOU "+nasty, 17), In: end("i", "Credit Card", "2", "420.5", "AUTOPAY 8842", 19),
	}
}

func aReport(integration string) reconcile.Report {
	balance := func(id, account string, state reconcile.State, sentence string) reconcile.Balance {
		return reconcile.Balance{
			Integration: ledger.Integration{ID: id, AccountName: account, Institution: "Demo Bank New York", BankName: account, Currency: "USD"},
			State:       state, Sentence: sentence,
		}
	}
	agrees := balance("another", "Savings", reconcile.Agrees, "Agrees with the bank, which says 9000.00 USD on 2026-11-21.")
	agrees.Date, agrees.Booked = bank.NewDate(2026, 11, 21), money.MustParse("9000", "USD")
	differs := balance(integration, "Checking", reconcile.Differs, "Since 2026-11-18 the bank's balance is 12.00 USD less than the recorded transactions make.")
	differs.Date, differs.Booked = bank.NewDate(2026, 11, 21), money.MustParse("1500.1", "USD")
	differs.Difference, differs.Since = money.MustParse("-12", "USD"), bank.NewDate(2026, 11, 18)
	finding := func(kind ledger.FindingKind, text, sentence string, healed bool) ledger.Finding {
		return ledger.Finding{
			Kind: kind, Date: bank.NewDate(2026, 11, 18), Amount: money.MustParse("-12", "USD"), Text: text,
			RemoteID: "r" + string(kind), TransactionID: "t" + string(kind), Sentence: sentence, Healed: healed,
		}
	}
	return reconcile.Report{
		Balances: []reconcile.Balance{differs, agrees, balance("third", "Card", reconcile.Unknown, "The bank gives no balance to compare with.")},
		Reconciliation: ledger.Reconciliation{
			BookID: "demo", At: time.Now().Add(-3 * time.Hour), From: bank.NewDate(2026, 8, 24), Entries: 412, Transactions: 431, Healed: 1,
			Findings: []ledger.Finding{
				finding(ledger.FoundEdited, "COFFEE "+nasty, "The bank says -12.00 on 2026-11-18, the book says -21.00. It was changed there, so it stays.", false),
				finding(ledger.FoundTrashed, "LUNCH", "It was deleted in the book, so it stays out.", true),
			},
			Counts: map[ledger.FindingKind]int{ledger.FoundEdited: 1, ledger.FoundTrashed: 1},
		},
	}
}

// aRun puts a run with entries in several states into the ledger.
func (b *bench) aRun(finished bool) ledger.Run {
	b.t.Helper()
	run := ledger.Run{
		ID: "undoable", Kind: ledger.FileRun, BookID: "demo", AccountID: "1", AccountName: "Checking", Title: "november.ofx",
		StartedAt: time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC), Batches: 1, Counts: ledger.Counts{Came: 4, Recorded: 4},
		First: bank.NewDate(2026, 11, 1), Last: bank.NewDate(2026, 11, 2),
	}
	if finished {
		run.FinishedAt = run.StartedAt.Add(time.Second)
	}
	err := b.engine.Update(b.t.Context(), func(tx store.Tx) error {
		for n, e := range []ledger.Entry{
			{Run: run.ID, State: ledger.Recorded},
			{Run: run.ID, State: ledger.Merged},
			{Run: run.ID, State: ledger.Recorded, Touched: true},
			{Run: run.ID, State: ledger.Trashed},
			{Run: "another", State: ledger.Recorded},
		} {
			e.BookID, e.AccountID = "demo", "1"
			e.Row = bank.Transaction{Date: run.First, Amount: money.MustParse("-5", "USD"), Description: "ROW"}
			e.RemoteID = ledger.RemoteID("1", run.First, e.Row.Amount, n+1)
			if err := b.records.PutEntry(tx, e); err != nil {
				return err
			}
		}
		return b.records.Runs.Put(tx, run.Key(), run)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return run
}

func (b *bench) runPath(id string) string {
	b.t.Helper()
	for _, r := range b.call("owner", "GET", "/books/demo/runs", nil, http.StatusOK)["runs"].([]any) {
		if full := r.(object)["id"].(string); strings.HasSuffix(full, "-"+id) {
			return "/books/demo/runs/" + full
		}
	}
	b.t.Fatalf("there is no run %s", id)
	return ""
}

func TestARunIsUndoneAndBroughtBack(t *testing.T) {
	b := newBench(t)
	b.aRun(true)
	path := b.runPath("undoable")
	detail := b.call("editor", "GET", path, nil, http.StatusOK)
	if run := detail["run"].(object); detail["undoable"] != 2.0 || run["undone"] != 0.0 || run["interrupted"] != false {
		t.Errorf("before: %v", detail)
	}
	b.call("editor", "POST", path+"/undo", nil, http.StatusAccepted)
	if !slices.Equal(b.upkeep.undoneBy, []string{"editor"}) {
		t.Errorf("undone on behalf of %v", b.upkeep.undoneBy)
	}
	kept, err := b.records.Users.Load(t.Context(), b.engine, store.Key("editor"))
	if err != nil || len(kept.Token) == 0 {
		t.Errorf("nobody can act on behalf of the editor: %v", err)
	}
	if after := b.call("owner", "GET", path, nil, http.StatusOK)["run"].(object); after["undone"] != 4.0 {
		t.Errorf("undone: %v", after)
	}
	b.call("owner", "POST", path+"/redo", nil, http.StatusAccepted)
	if after := b.call("owner", "GET", path, nil, http.StatusOK)["run"].(object); after["undone"] != 0.0 {
		t.Errorf("brought back: %v", after)
	}
	for _, none := range []string{"/books/demo/runs/1-none", "/books/demo/runs/x"} {
		b.call("owner", "POST", none+"/undo", nil, http.StatusNotFound)
		b.call("owner", "POST", none+"/redo", nil, http.StatusNotFound)
	}
}

func TestARunThatGoesOnIsNotUndone(t *testing.T) {
	b := newBench(t)
	b.aRun(false)
	path := b.runPath("undoable")
	for _, what := range []string{"/undo", "/redo"} {
		if refused := b.call("owner", "POST", path+what, nil, http.StatusConflict); !strings.Contains(message(refused), "still recording") {
			t.Errorf("%s: %v", what, refused)
		}
	}
	if detail := b.call("owner", "GET", path, nil, http.StatusOK); detail["undoable"] != 0.0 || len(b.upkeep.undoneBy) > 0 {
		t.Errorf("%v", detail)
	}
}

func TestTransfersAreDecidedByAPerson(t *testing.T) {
	b := newBench(t)
	b.upkeep.proposals = []transfer.View{aTransfer("one", "Amounts fit, but two payments do."), aTransfer("two", "Amounts fit.")}
	all := b.call("editor", "GET", "/books/demo/transfers", nil, http.StatusOK)
	first := all["proposals"].([]any)[0].(object)
	if out := first["out"].(object); len(all["joined"].([]any)) != 0 || out["amount"] != "-420.50" || out["date"] != "2026-11-17" || out["accountName"] != "Checking" {
		t.Errorf("%v", all)
	}
	after := b.call("editor", "POST", "/books/demo/transfers/one/accept", nil, http.StatusOK)
	if len(after["proposals"].([]any)) != 1 || after["joined"].([]any)[0].(object)["id"] != "one" {
		t.Errorf("accepted: %v", after)
	}
	after = b.call("editor", "POST", "/books/demo/transfers/two/reject", nil, http.StatusOK)
	if len(after["proposals"].([]any)) != 0 || len(after["joined"].([]any)) != 1 {
		t.Errorf("rejected: %v", after)
	}
	after = b.call("owner", "POST", "/books/demo/transfers/one/undo", nil, http.StatusOK)
	if len(after["joined"].([]any)) != 0 || !slices.Equal(b.upkeep.parted, []string{"oneo"}) || b.feed.retried != 1 {
		t.Errorf("undone: %v, parted %v, %d times retried", after, b.upkeep.parted, b.feed.retried)
	}
	for _, what := range []string{"accept", "reject", "undo"} {
		b.call("owner", "POST", "/books/demo/transfers/one/"+what, nil, http.StatusNotFound)
	}
}

func TestHowTheBookStands(t *testing.T) {
	b := newBench(t)
	never := b.call("owner", "GET", "/books/demo/reconciliation", nil, http.StatusOK)
	if _, compared := never["at"]; compared || len(never["balances"].([]any)) != 0 || len(never["findings"].([]any)) != 0 {
		t.Errorf("before it was compared: %v", never)
	}
	b.upkeep.report = aReport("mine")
	v := b.call("editor", "GET", "/books/demo/reconciliation", nil, http.StatusOK)
	differs := v["balances"].([]any)[0].(object)
	if differs["state"] != "differs" || differs["difference"] != "-12.00" || differs["booked"] != "1500.10" || differs["since"] != "2026-11-18" || differs["integrationId"] != "mine" {
		t.Errorf("%v", differs)
	}
	if unknown := v["balances"].([]any)[2].(object); unknown["booked"] != nil || unknown["difference"] != nil || unknown["sentence"] == "" {
		t.Errorf("%v", unknown)
	}
	finding := v["findings"].([]any)[0].(object)
	if v["entries"] != 412.0 || finding["transactionId"] != "tedited" || finding["amount"] != "-12.00" || finding["healed"] != false {
		t.Errorf("%v", v)
	}
}

func TestWhatMayBeTwiceIsDecidedByAPerson(t *testing.T) {
	b := newBench(t)
	standing := aDouble("c", "THREE")
	standing.Known, standing.Standing, standing.KnownTransaction = "", "typed", "typed"
	b.upkeep.doubles = []ledger.DoublePair{aDouble("a", "ONE"), aDouble("b", "TWO"), standing}
	all := b.call("editor", "GET", "/books/demo/doubles", nil, http.StatusOK)
	if n := len(all["proposals"].([]any)); n != 3 {
		t.Fatalf("%v", all)
	}
	if earlier := all["proposals"].([]any)[2].(object)["earlier"].(object); earlier["transactionId"] != "typed" || earlier["remoteId"] != "" || earlier["date"] != "2026-11-17" {
		t.Errorf("%v", earlier)
	}
	after := b.call("editor", "POST", "/books/demo/doubles/a-knowna/one", nil, http.StatusAccepted)
	if len(after["proposals"].([]any)) != 2 || len(after["one"].([]any)) != 1 {
		t.Errorf("%v", after)
	}
	b.call("editor", "POST", "/books/demo/doubles/c-typed/one", nil, http.StatusAccepted)
	after = b.call("editor", "POST", "/books/demo/doubles/b-knownb/two", nil, http.StatusAccepted)
	if len(after["proposals"].([]any)) != 0 || len(after["one"].([]any)) != 2 || len(b.upkeep.decidedBy) != 3 {
		t.Errorf("%v by %v", after, b.upkeep.decidedBy)
	}
	for _, id := range []string{"x", "a-b"} {
		b.call("owner", "POST", "/books/demo/doubles/"+id+"/one", nil, http.StatusNotFound)
	}
}

func TestDecidingWhatMayBeTwiceInABrowser(t *testing.T) {
	tab := newBrowser(t)
	b := newBench(t)
	server := httptest.NewServer(b.handler)
	defer server.Close()
	b.upkeep.doubles = []ledger.DoublePair{aDouble("a", "BOOKS 12"), aDouble("b", "BUS"), aDouble("c", "STUCK")}
	tab.open(server.URL + "/panel?bookId=demo")
	tab.says("#to-review", "3")
	tab.click("#tab-review")
	tab.says("#doubles .line", "Books and more "+nasty)
	tab.allWell("doubles")
	tab.click("#doubles [data-key=a-knowna] [data-act=one]")
	tab.says("#one-title", "One that you said is the same")
	tab.click("#doubles [data-key=b-knownb] [data-act=two]")
	tab.says("#to-review", "1")
	tab.click("#doubles [data-key=c-knownc] [data-act=one]")
	tab.says("#doubles .note", "Somebody has worked on both.")
	tab.allWell("one decided")
	tab.click("#one-title")
	tab.click("#one [data-act=two]")
	tab.until("document.querySelector('#one-part').hidden")
	tab.says("#said", "Both are in the book again.")
}

func TestADecisionThatCameToNothingIsNotToldAsDoneInABrowser(t *testing.T) {
	tab := newBrowser(t)
	b := newBench(t)
	server := httptest.NewServer(b.handler)
	defer server.Close()
	b.upkeep.doubles = []ledger.DoublePair{aDouble("a", "DELETED"), aDouble("b", "WITHDRAWN")}
	tab.open(server.URL + "/panel?bookId=demo")
	tab.click("#tab-review")
	tab.click("#doubles [data-key=a-knowna] [data-act=one]")
	tab.says("#said", "Nothing was taken out of the book.")
	tab.click("#doubles [data-key=b-knownb] [data-act=one]")
	tab.says("#said", "It stands in the book once now.")
	tab.click("#one-title")
	tab.click("#one [data-act=two]")
	tab.says("#said", "Nothing was brought back.")
	tab.says("#one", "It does not come back.")
}

func TestKeepingABookRightInABrowser(t *testing.T) {
	tab := newBrowser(t)
	b := newBench(t)
	server := httptest.NewServer(b.handler)
	defer server.Close()
	integration := b.integrate("owner", b.connect("owner", "us_newyork", "US"))["id"].(string)
	b.aRun(true)
	b.upkeep.proposals = []transfer.View{aTransfer("one", "The amounts fit, but another payment does as well."), aTransfer("two", "The amounts fit.")}

	tab.open(server.URL + "/panel?bookId=demo")
	tab.click("#tab-activity")
	tab.click("#runs [data-act=undo][aria-label='Undo: november.ofx']")
	tab.says("#confirm-text", "Take 2 drafts that nobody has touched out of the book?")
	tab.allWell("asking")
	tab.click("#confirm button[value=no]")
	tab.until("document.activeElement.dataset.act === 'undo'")
	tab.until("document.querySelector('#runs [data-act=redo]') === null")
	tab.click("#runs [data-act=undo][aria-label='Undo: november.ofx']")
	tab.click("#confirm button[value=yes]")
	tab.says("#said", "4 drafts are taken out of the book.")
	tab.until("document.querySelector('[aria-label=\"Undo: november.ofx\"]') === null")
	tab.says("#runs .buttons", "4 drafts are taken out of the book.")
	tab.allWell("undone")
	tab.click("#runs [data-act=redo]")
	tab.says("#said", "4 drafts are in the book again.")
	tab.says("#runs [data-act=undo]", "Undo")

	// A run of which nothing is left untouched says so instead of asking.
	tab.click("#runs [data-act=undo][aria-label^='Undo: Demo Bank']")
	tab.says("#trouble", "Every draft of this run has been touched")

	tab.says("#to-review", "2")
	tab.click("#tab-review")
	tab.says("#compared", "The book was not compared with it yet")
	tab.says("#proposals .line", "PAYMENT THANK YOU "+nasty)
	tab.allWell("proposals")
	tab.click("#proposals [data-key=one] [data-act=join]")
	tab.says("#joined-title", "One transfer was joined")
	tab.click("#proposals [data-key=two] [data-act=apart]")
	tab.says("#no-transfers", "Nothing waits for you.")
	tab.click("#joined-title")
	tab.says("#joined", "Checking → Credit Card")
	tab.until("document.querySelector('#joined a').href === 'https://bkper.app/books/demo/transactions/toneo'")
	tab.allWell("joined")
	tab.click("#joined [data-act=part]")
	tab.click("#confirm button[value=yes]")
	tab.says("#no-transfers", "None was found yet.")

	b.upkeep.report = aReport(integration)
	tab.open(server.URL + "/panel?bookId=demo")
	tab.says("#integrations .note.warn", "12.00 USD less than the recorded transactions make")
	tab.allWell("a balance that differs")
	tab.click("#tab-review")
	tab.says("#to-review", "1")
	tab.says("#compared", "Compared 3 hours ago: 412 transactions of the bank")
	tab.says("#balances .chip.warn", "Differs")
	tab.says("#balances .chip.on", "Agrees")
	tab.says("#findings", "the book says -21.00")
	tab.says("#findings", "on Nov 18, 2026") // dates are as people write them
	tab.until("document.querySelector('#findings a').href.endsWith('/transactions/tedited')")
	tab.click("#healed-title")
	tab.says("#healed", "It was deleted in the book")
	tab.allWell("reconciliation")
}
