package bookevents_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/bookevents"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/complete/completetest"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/sandbox"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
)

func rows(n int, text string) []bank.Transaction {
	all := make([]bank.Transaction, n)
	for i := range all {
		all[i] = completetest.Row(i, int64(-1549-i), text)
	}
	return all
}

func TestOwnEventsAreIgnored(t *testing.T) {
	d := newDesk(t)
	e := d.Record("Credit Card", completetest.Row(1, -1549, "NETFLIX"))[0]
	app := d.Transaction(e.TransactionID)
	app.DebitAccount = &bkper.Account{ID: d.Account("Gym")}
	if _, err := d.App.UpdateTransaction(t.Context(), book, app); err != nil {
		t.Fatal(err)
	}
	d.Do(d.App.Trash, e.TransactionID)
	events := d.news()
	if len(events) != 3 {
		t.Fatalf("%d events", len(events))
	}
	calls, writes := d.quietly(func() {
		for _, e := range events {
			if a := d.handle(e); a != (bkper.EventResponse{Result: false}) {
				t.Errorf("%s: %v", e.Type, a)
			}
		}
	})
	if calls+writes != 0 {
		t.Errorf("%d calls, %d writes", calls, writes)
	}
}

func TestWhatAPersonCompletesTeachesAndCompletesTheLikeAtOnce(t *testing.T) {
	for claim, decide := range map[string]func(d *desk, e ledger.Entry){
		"completed": func(d *desk, e ledger.Entry) { d.Fill(e.TransactionID, "Gym") },
		"posted": func(d *desk, e ledger.Entry) {
			d.Fill(e.TransactionID, "Gym")
			d.Do(d.Person.Post, e.TransactionID)
		},
	} {
		t.Run(claim, func(t *testing.T) {
			d := newDesk(t)
			entries := d.Record("Credit Card", rows(20, "ZUMBA CLUB 77")...)
			d.catchUp()
			for n, e := range entries[:15] {
				decide(d, e)
				said := d.catchUp()
				if d.lesson(e) != "Gym" {
					t.Fatalf("it taught %q", d.lesson(e))
				}
				if len(said) == 0 {
					continue // the learner is not sure yet
				}
				left := 20 - n - 1
				want := fmt.Sprintf("Completed %d drafts: ZUMBA CLUB -> Gym", left)
				if diff := cmp.Diff([]string{want}, said); diff != "" {
					t.Error(diff)
				}
				for _, e := range entries[n+1:] {
					if now := d.Transaction(e.TransactionID); now.DebitAccount == nil || now.Posted {
						t.Errorf("%+v is not a completed draft", now)
					}
				}
				return
			}
			t.Error("after 15 lessons nothing was completed")
		})
	}
}

func TestAnAccountThatIsNewTeachesAndIsFilledInAtOnce(t *testing.T) {
	d := newDesk(t)
	entries := d.Record("Credit Card", rows(20, "ZUMBA CLUB 77")...)
	d.Fill(entries[0].TransactionID, "Gym") // so that the accounts are known
	d.catchUp()
	created, err := d.Person.CreateAccount(t.Context(), book, bkper.Account{Name: "Dance", Type: bkper.Outgoing})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries[:15] {
		d.Change(e.TransactionID, func(t *bkper.Transaction) { t.DebitAccount = &bkper.Account{ID: created.ID} })
		if contains(d.catchUp(), "-> Dance") {
			return
		}
	}
	t.Error("nothing was completed with the new account")
}

func TestNothingToSayIsFalse(t *testing.T) {
	d := newDesk(t)
	e := d.Record("Credit Card", completetest.Row(1, -1549, "NETFLIX"))[0]
	d.Fill(e.TransactionID, "Gym")
	if said := d.catchUp(); len(said) != 0 {
		t.Errorf("it says %v", said)
	}
	for what, object := range map[bkper.EventType]any{
		"SOMETHING_NEW": nil, bkper.CommentCreated: nil, bkper.GroupCreated: bkper.Group{ID: "1"}, bkper.AccountCreated: bkper.Account{ID: "1"},
	} {
		if a := d.handle(event(t, what, "", object)); a != (bkper.EventResponse{Result: false}) {
			t.Errorf("%s: %v", what, a)
		}
	}
}

func TestAnEventWithoutItsObjectIsRefusedForGood(t *testing.T) {
	d := newDesk(t)
	for _, what := range []bkper.EventType{
		bkper.TransactionPosted, bkper.AccountUpdated, bkper.AccountDeleted, bkper.IntegrationDeleted, bkper.FileCreated,
	} {
		_, err := d.handler.Handle(t.Context(), event(t, what, "", nil), seal.NewSecret("owner"))
		if err == nil || errs.EventStatus(err) != http.StatusOK {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestBkpersOwnAgentTeachesNothing(t *testing.T) {
	d := newDesk(t)
	bookbot := d.As(bookevents.BkperAgent)
	e := d.Record("Credit Card", completetest.Row(1, -1549, "NETFLIX"))[0]
	guess := d.Transaction(e.TransactionID)
	guess.DebitAccount = &bkper.Account{ID: d.Account("Gym")}
	if _, err := bookbot.UpdateTransaction(t.Context(), book, guess); err != nil {
		t.Fatal(err)
	}
	d.catchUp()
	if got := d.Lessons(); len(got) != 0 {
		t.Errorf("it taught %v", got)
	}
	if got := d.Entry(e); !got.Touched {
		t.Error("the draft is still taken for the app's own")
	}
	d.Do(d.Person.Post, e.TransactionID) // a person agrees
	d.catchUp()
	if d.lesson(e) != "Gym" {
		t.Errorf("the person taught %q", d.lesson(e))
	}
}

func TestALessonFollowsItsTransaction(t *testing.T) {
	d := newDesk(t)
	e := d.Record("Credit Card", completetest.Row(1, -1549, "NETFLIX"))[0]
	id := e.TransactionID
	steps := []struct {
		claim string
		do    func()
		want  string // taught
		state ledger.State
	}{
		{"an open draft teaches nothing", func() { d.Change(id, func(t *bkper.Transaction) { t.Description += " x" }) }, "", ledger.Recorded},
		{"completing teaches", func() { d.Fill(id, "Gym") }, "Gym", ledger.Recorded},
		{"a correction replaces the lesson", func() { d.Fill(id, "Gifts") }, "Gifts", ledger.Recorded},
		{"emptying the side takes it back", func() { d.Change(id, func(t *bkper.Transaction) { t.DebitAccount = &bkper.Account{} }) }, "", ledger.Recorded},
		{"posting teaches", func() { d.Fill(id, "Gym"); d.Do(d.Person.Post, id) }, "Gym", ledger.Recorded},
		{"a correction after posting replaces it", func() { d.Fill(id, "Gifts") }, "Gifts", ledger.Recorded},
		{"checking changes nothing", func() { d.Do(d.Person.Check, id) }, "Gifts", ledger.Recorded},
		{"unchecking changes nothing", func() { d.Do(d.Person.Uncheck, id) }, "Gifts", ledger.Recorded},
		{"the trash unlearns and leaves a tombstone", func() { d.Do(d.Person.Trash, id) }, "", ledger.Trashed},
		{"restoring takes it back and teaches again", func() { d.Do(d.Person.Restore, id) }, "Gifts", ledger.Recorded},
	}
	for _, step := range steps {
		step.do()
		d.catchUp()
		got := d.Entry(e)
		if d.lesson(e) != step.want || got.State != step.state || got.TransactionID != id {
			t.Errorf("%s: taught %q, state %s", step.claim, d.lesson(e), got.State)
		}
	}
	if !d.Entry(e).Touched {
		t.Error("the ledger does not know that a person has touched it")
	}
}

func TestWhatTheAppFilledInTeachesWhenItIsPosted(t *testing.T) {
	filled := func(t *testing.T) (*desk, ledger.Entry) {
		d := newDesk(t)
		d.Teach("NETFLIX", "Credit Card", "Gym", 30)
		e := d.Record("Credit Card", completetest.Row(1, -1549, "NETFLIX"))[0]
		if _, err := d.Completer.Reexamine(t.Context(), d.App, book); err != nil {
			t.Fatal(err)
		}
		if d.Entry(e).Written.To != d.Account("Gym") {
			t.Fatal("the draft was not completed")
		}
		d.news()
		return d, e
	}
	t.Run("not by an edit of something else", func(t *testing.T) {
		d, e := filled(t)
		d.Change(e.TransactionID, func(t *bkper.Transaction) { t.Description += " mine" })
		d.catchUp()
		if d.lesson(e) != "" {
			t.Errorf("taught %q", d.lesson(e))
		}
	})
	t.Run("by posting it", func(t *testing.T) {
		d, e := filled(t)
		d.Do(d.Person.Post, e.TransactionID)
		d.catchUp()
		if d.lesson(e) != "Gym" {
			t.Errorf("taught %q", d.lesson(e))
		}
	})
	t.Run("a correction teaches, going back to the app's choice takes it back", func(t *testing.T) {
		d, e := filled(t)
		d.Fill(e.TransactionID, "Gifts")
		d.catchUp()
		if d.lesson(e) != "Gifts" {
			t.Errorf("taught %q", d.lesson(e))
		}
		d.Fill(e.TransactionID, "Gym")
		d.catchUp()
		if d.lesson(e) != "" {
			t.Errorf("then taught %q", d.lesson(e))
		}
	})
}

func TestTheBanksWordsAreLearnedNotThePersons(t *testing.T) {
	d := newDesk(t)
	row := completetest.Row(1, -1549, "NETFLIX 0815")
	row.Counterparty.Name, row.Kind = "Netflix Inc", "card"
	e := d.Record("Credit Card", row)[0]
	d.Change(e.TransactionID, func(t *bkper.Transaction) {
		t.Description, t.DebitAccount = "for the kids", &bkper.Account{ID: d.Account("Gym")}
	})
	d.catchUp()
	got := d.Lessons()[e.TransactionID+":from"]
	if got.Text != "NETFLIX 0815" || got.Counterparty != "Netflix Inc" || got.Kind != "card" {
		t.Errorf("learned %+v", got)
	}
}

func TestWhatIsReadAndWhatIsNot(t *testing.T) {
	d := newDesk(t)
	record := func(from, to string, posted bool) string {
		t.Helper()
		created, err := d.Person.CreateTransaction(t.Context(), book, bkper.Transaction{
			Date: completetest.Row(1, 1, "").Date, Amount: "12.30", Description: "BY HAND", Draft: !posted,
			CreditAccount: &bkper.Account{ID: d.Account(from)}, DebitAccount: &bkper.Account{ID: d.Account(to)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return created.ID
	}
	tests := []struct {
		claim  string
		do     func()
		calls  bool
		taught int
	}{
		{"posted in an account that no bank feeds", func() { record("Checking", "Gym", true) }, false, 0},
		{"a person's draft in an account that a bank feeds", func() { record("Credit Card", "Gym", false) }, false, 0},
		{"posted in an account that a bank feeds", func() { record("Credit Card", "Gym", true) }, true, 1},
		{"posted transfer to an account that a bank feeds", func() { record("Checking", "Credit Card", true) }, true, 3},
	}
	for _, test := range tests {
		test.do()
		calls, _ := d.quietlyAfter(func(events []bkper.Event) { d.handle(events...) })
		if (calls > 0) != test.calls || len(d.Lessons()) != test.taught {
			t.Errorf("%s: %d calls, lessons %v", test.claim, calls, d.Lessons())
		}
	}
	t.Run("what the history has taught is followed, whichever account it moves", func(t *testing.T) {
		d := newDesk(t)
		d.LearnHistory(d.App)
		for id, lesson := range d.Lessons() {
			if lesson.Text != "RENT OAKWOOD PROPERTIES" {
				continue
			}
			transaction, _, _ := strings.Cut(id, ":")
			d.Change(transaction, func(t *bkper.Transaction) { t.DebitAccount = &bkper.Account{ID: d.Account("Gifts")} })
			d.catchUp()
			if got := d.Lessons()[id].Account; got != d.Account("Gifts") {
				t.Errorf("after a correction it teaches %s", got)
			}
			d.Do(d.Person.Trash, transaction)
			d.catchUp()
			if _, still := d.Lessons()[id]; still {
				t.Error("it teaches from the trash")
			}
			return
		}
		t.Fatal("the history has no rent")
	})
}

// quietlyAfter is quietly for the events that are new.
func (d *desk) quietlyAfter(f func([]bkper.Event)) (calls, writes int) {
	d.TB.Helper()
	events := d.news()
	return d.quietly(func() { f(events) })
}

func TestTheSameEventTwiceChangesNothing(t *testing.T) {
	d := newDesk(t)
	e := d.Record("Credit Card", completetest.Row(1, -1549, "NETFLIX"))[0]
	d.Fill(e.TransactionID, "Gym")
	d.Do(d.Person.Post, e.TransactionID)
	events := d.news()
	d.handle(events...)
	entry, lessons := d.Entry(e), d.Lessons()
	d.Advance(60e9)
	for range 2 {
		d.handle(events...)
	}
	if diff := cmp.Diff(entry, d.Entry(e)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(lessons, d.Lessons()); diff != "" {
		t.Error(diff)
	}
}

func TestADeletedTransactionIsATombstone(t *testing.T) {
	d := newDesk(t)
	e := d.Record("Credit Card", completetest.Row(1, -1549, "NETFLIX"))[0]
	d.Fill(e.TransactionID, "Gym")
	d.Do(d.Person.Post, e.TransactionID)
	events := d.news()
	d.handle(events...)
	t.Run("when the book has it no more", func(t *testing.T) {
		path := "/v5/books/demo/transactions/" + e.TransactionID
		d.Sandbox.Faults().Add(sandbox.Fault{Kind: sandbox.StatusBefore, Status: http.StatusNotFound, Method: http.MethodGet, Path: path, Times: 1})
		d.Do(d.Person.Trash, e.TransactionID) // so that no survivor is found either
		d.handle(events[len(events)-1])
		if got := d.Entry(e); got.State != ledger.Trashed || len(d.Lessons()) != 0 {
			t.Errorf("state %s, lessons %v", got.State, d.Lessons())
		}
	})
	t.Run("one that the bank has withdrawn stays withdrawn", func(t *testing.T) {
		withdrawn := d.Entry(e)
		withdrawn.State = ledger.Removed
		d.put(withdrawn)
		d.handle(d.news()...)
		if got := d.Entry(e); got.State != ledger.Removed {
			t.Errorf("state %s", got.State)
		}
	})
}

func TestWhatTheBankWithdrewAndAPersonRestoresIsFlagged(t *testing.T) {
	for claim, state := range map[string]ledger.State{
		"trashed by the app":    ledger.Removed,
		"trashed by the person": ledger.Trashed,
	} {
		t.Run(claim, func(t *testing.T) {
			d := newDesk(t)
			e := d.Record("Credit Card", completetest.Row(1, -1549, "NETFLIX"))[0]
			d.Do(d.Person.Trash, e.TransactionID)
			d.catchUp()
			e.State, e.Withdrawn = state, true
			d.put(e)
			d.Do(d.Person.Restore, e.TransactionID)
			d.catchUp()
			if got := d.Entry(e); got.State != ledger.Recorded || !got.Touched || !strings.Contains(got.Flag, "withdrew") {
				t.Errorf("restored it is %+v", got)
			}
		})
	}
}

func TestWhatAPersonDeletesWhileItIsBeingUndoneIsATombstone(t *testing.T) {
	for _, state := range []ledger.State{ledger.Undoing, ledger.Undone} {
		for claim, then := range map[string]struct {
			do   func(d *desk, id string)
			want ledger.State
		}{
			"a person's doing": {func(*desk, string) {}, ledger.Trashed},
			"the app's, done after it": {func(d *desk, id string) {
				d.Do(d.Person.Restore, id)
				d.Advance(time.Minute)
				d.Do(d.App.Trash, id)
			}, state},
		} {
			t.Run(fmt.Sprint(state, ": ", claim), func(t *testing.T) {
				d := newDesk(t)
				e := d.Record("Credit Card", completetest.Row(1, -1549, "NETFLIX"))[0]
				d.catchUp()
				undoing := d.Entry(e)
				undoing.State = state
				d.put(undoing)
				d.Do(d.Person.Trash, e.TransactionID)
				deleted := d.news()
				then.do(d, e.TransactionID)
				d.handle(deleted...)
				if got := d.Entry(e); got.State != then.want {
					t.Errorf("it counts as %s, want %s", got.State, then.want)
				}
			})
		}
	}
}

func (d *desk) put(e ledger.Entry) {
	d.TB.Helper()
	if err := d.DB.Update(d.TB.Context(), func(tx store.Tx) error { return d.Records.PutEntry(tx, e) }); err != nil {
		d.TB.Fatal(err)
	}
}

func TestWhatStoodInTheBookIsFollowedToo(t *testing.T) {
	d := newDesk(t)
	byHand, err := d.Person.CreateTransaction(t.Context(), book, bkper.Transaction{
		Date: completetest.Row(1, 1, "").Date, Amount: "15.49", Description: "netflix", Draft: true,
		CreditAccount: &bkper.Account{ID: d.Account("Credit Card")},
	})
	if err != nil {
		t.Fatal(err)
	}
	row := completetest.Row(1, -1549, "NETFLIX")
	e := ledger.Entry{
		RemoteID: ledger.RemoteID(d.Account("Credit Card"), row.Date, row.Amount, 1), BookID: book, AccountID: d.Account("Credit Card"),
		State: ledger.Matched, Row: row, TransactionID: byHand.ID,
	}
	d.put(e)
	steps := []struct {
		claim string
		do    func()
		want  string
		state ledger.State
	}{
		{"completing teaches", func() { d.Fill(byHand.ID, "Gym") }, "Gym", ledger.Matched},
		{"the trash is a tombstone", func() { d.Do(d.Person.Trash, byHand.ID) }, "", ledger.Trashed},
		{"restored it is as before", func() { d.Do(d.Person.Restore, byHand.ID) }, "Gym", ledger.Matched},
	}
	for _, step := range steps {
		step.do()
		d.catchUp()
		if got := d.Entry(e); d.lesson(e) != step.want || got.State != step.state {
			t.Errorf("%s: taught %q, state %s", step.claim, d.lesson(e), got.State)
		}
	}
}

// A draft was recorded, the answer was lost, and a person was faster than the
// next try.
func TestWhatAPersonChangesBeforeItIsConfirmedIsTheirs(t *testing.T) {
	d := newDesk(t)
	e := d.Record("Credit Card", completetest.Row(1, -1549, "NETFLIX"))[0]
	claimed := e
	claimed.State, claimed.Written, claimed.TransactionID = ledger.Claimed, nil, ""
	d.put(claimed)
	d.Fill(e.TransactionID, "Gym")
	d.catchUp()
	got := d.Entry(e)
	if got.State != ledger.Recorded || !got.Touched || got.TransactionID != e.TransactionID || got.Written != nil || d.lesson(e) != "Gym" {
		t.Errorf("entry %+v, taught %q", got, d.lesson(e))
	}
}

func TestAMergeKeepsTheEntry(t *testing.T) {
	for _, withPosted := range []bool{true, false} {
		for _, order := range []string{"as it happens", "survivor last", "originals last", "originals only"} {
			t.Run(fmt.Sprintf("posted %v, %s", withPosted, order), func(t *testing.T) {
				d := newDesk(t)
				e := d.Record("Credit Card", completetest.Row(1, -1549, "NETFLIX"))[0]
				byHand, err := d.Person.CreateTransaction(t.Context(), book, bkper.Transaction{
					Date: e.Row.Date, Amount: "15.49", Description: "by hand", Draft: !withPosted,
					CreditAccount: &bkper.Account{ID: e.AccountID}, DebitAccount: &bkper.Account{ID: d.Account("Gym")},
				})
				if err != nil {
					t.Fatal(err)
				}
				d.catchUp()
				survivor := d.merge(byHand.ID, e.TransactionID)
				var first, last []bkper.Event
				if order == "as it happens" {
					d.catchUp()
				}
				d.finishMerge(e.TransactionID)
				for _, ev := range d.news() {
					isSurvivor := ev.Resource == survivor
					switch {
					case isSurvivor && order == "originals only":
					case isSurvivor == (order == "survivor last"):
						last = append(last, ev)
					default:
						first = append(first, ev)
					}
				}
				d.handle(append(first, last...)...)
				got := d.Entry(e)
				if got.State != ledger.Recorded || got.TransactionID != survivor || !got.Touched {
					t.Errorf("entry %+v", got)
				}
				lessons := d.Lessons()
				if len(lessons) != 1 || lessons[survivor+":from"].Account != d.Account("Gym") || lessons[survivor+":from"].Text != "NETFLIX" {
					t.Errorf("lessons %v", lessons)
				}
			})
		}
	}
}

func TestAMergeOfTwoRowsOfTheBankKeepsBothEntries(t *testing.T) {
	d := newDesk(t)
	both := d.Record("Credit Card", completetest.Row(1, -1549, "NETFLIX"), completetest.Row(0, -1549, "NETFLIX AGAIN"))
	survivor := d.merge(both[0].TransactionID, both[1].TransactionID)
	d.finishMerge(both[0].TransactionID)
	d.catchUp()
	d.Fill(survivor, "Gym")
	d.catchUp()
	check := func(state ledger.State, lessons int) {
		t.Helper()
		for _, e := range both {
			if got := d.Entry(e); got.State != state || got.TransactionID != survivor {
				t.Errorf("entry %+v", got)
			}
		}
		if got := d.Lessons(); len(got) != lessons {
			t.Errorf("lessons %v", got)
		}
	}
	check(ledger.Recorded, 1)
	d.Do(d.Person.Trash, survivor)
	d.catchUp()
	check(ledger.Trashed, 0)
}

func TestWhatMayGoBetterLaterIsAskedForAgain(t *testing.T) {
	d := newDesk(t)
	d.Teach("NETFLIX", "Credit Card", "Gym", 30)
	entries := d.Record("Credit Card", rows(5, "NETFLIX")...)
	d.Fill(entries[0].TransactionID, "Gym")
	all := d.news()
	last := all[len(all)-1]
	failing := func(claim string) {
		t.Helper()
		a, err := d.handler.Handle(t.Context(), last, seal.NewSecret("owner"))
		if errs.EventStatus(err) != http.StatusTooManyRequests {
			t.Errorf("%s: %v, %v", claim, a, err)
		}
	}
	d.writes.broken.Store(true)
	failing("the store is away")
	d.writes.broken.Store(false)
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		d.Sandbox.Faults().Add(sandbox.Fault{Kind: sandbox.StatusBefore, Method: method, Times: 3})
		failing(method + " fails")
	}
	if a := d.handle(last); a.Result != "Completed 4 drafts: NETFLIX -> Gym" {
		t.Errorf("then it says %v", a)
	}
	if a := d.handle(last); a.Result != false {
		t.Errorf("once more it says %v", a)
	}
}

func TestWhatStaysWrongIsToldOnce(t *testing.T) {
	d := newDesk(t)
	e := d.Record("Credit Card", completetest.Row(1, -1549, "NETFLIX"))[0]
	d.Fill(e.TransactionID, "Gym")
	all := d.news()
	for _, fault := range []sandbox.Fault{
		{Status: http.StatusForbidden}, {Status: http.StatusUnauthorized}, {Status: http.StatusBadRequest},
	} {
		fault.Kind, fault.Method, fault.Times = sandbox.StatusBefore, http.MethodGet, 1
		d.Sandbox.Faults().Add(fault)
		_, err := d.handler.Handle(t.Context(), all[len(all)-1], seal.NewSecret("owner"))
		if err == nil || errs.EventStatus(err) != http.StatusOK || errs.Public(err) == "" {
			t.Errorf("%d: %v", fault.Status, err)
		}
	}
}

func TestNamesAreNoHTML(t *testing.T) {
	d := newDesk(t)
	created, err := d.Person.CreateAccount(t.Context(), book, bkper.Account{Name: "<img src=x>", Type: bkper.Outgoing})
	if err != nil {
		t.Fatal(err)
	}
	entries := d.Record("Credit Card", rows(20, "ZUMBA CLUB 77")...)
	d.catchUp()
	for _, e := range entries[:15] {
		d.Change(e.TransactionID, func(t *bkper.Transaction) { t.DebitAccount = &bkper.Account{ID: created.ID} })
		if said := d.catchUp(); len(said) > 0 {
			if strings.Contains(said[0], "<") || !strings.Contains(said[0], "img src=x") {
				t.Errorf("it says %v", said)
			}
			return
		}
	}
	t.Error("nothing was said")
}

func TestLessonIDsAreTheOnesThatAreTakenBack(t *testing.T) {
	d := newDesk(t)
	d.integrate("checking", "Checking")
	e := d.Record("Credit Card", completetest.Row(1, -1549, "A TRANSFER"))[0]
	d.Fill(e.TransactionID, "Checking")
	d.catchUp()
	for _, id := range complete.LessonIDs(e.TransactionID) {
		if _, ok := d.Lessons()[id]; !ok {
			t.Errorf("a transfer does not teach %s", id)
		}
	}
	d.Fill(e.TransactionID, "Gym") // one side has no lesson any more
	d.catchUp()
	if got := d.Lessons(); len(got) != 1 || got[e.TransactionID+":from"].Account != d.Account("Gym") {
		t.Errorf("lessons %v", got)
	}
}

// Bkper has no conditional update: what a person writes between the app's
// reading and its writing is written over. The event that tells of it brings it
// back.
func TestWhatAPersonWritesWhileTheAppWritesIsGivenBack(t *testing.T) {
	for claim, c := range map[string]struct {
		edit func(*bkper.Transaction, *desk)
		want func(bkper.Transaction, *desk) bool
	}{
		"a description": {
			func(t *bkper.Transaction, _ *desk) { t.Description = "by hand" },
			func(t bkper.Transaction, d *desk) bool {
				return t.Description == "by hand" && t.DebitAccount.ID == d.Account("Groceries")
			},
		},
		"a date": {
			func(t *bkper.Transaction, _ *desk) { t.Date = t.Date.AddDays(-1) },
			func(t bkper.Transaction, d *desk) bool { return t.DebitAccount.ID == d.Account("Groceries") },
		},
		"another counter account": {
			func(t *bkper.Transaction, d *desk) { t.DebitAccount = &bkper.Account{ID: d.Account("Travel")} },
			func(t bkper.Transaction, d *desk) bool { return t.DebitAccount.ID == d.Account("Travel") },
		},
	} {
		t.Run(claim, func(t *testing.T) {
			d := newDesk(t)
			entries := d.Record("Credit Card", rows(5, "CORNER SHOP")...)
			var edited bkper.Transaction
			d.Before(func(r *http.Request) {
				if r.Method != http.MethodPut || r.Header.Get("bkper-agent-id") != completetest.AgentID {
					return
				}
				d.Before(nil)
				d.Change(entries[4].TransactionID, func(t *bkper.Transaction) { c.edit(t, d) })
				edited = d.Transaction(entries[4].TransactionID)
				d.Advance(time.Second)
			})
			for _, e := range entries[:4] {
				d.Fill(e.TransactionID, "Groceries")
				d.Advance(time.Second)
				d.catchUp()
			}
			if edited.ID == "" {
				t.Fatal("the app has not written into the draft that the person edits")
			}
			d.catchUp()
			got := d.Transaction(entries[4].TransactionID)
			if !c.want(got, d) || got.Date != edited.Date || got.Description != edited.Description || got.Posted {
				t.Errorf("the draft is %+v, the person had made it %+v", got, edited)
			}
			if e := d.Entry(entries[4]); !e.Touched {
				t.Error("the draft counts as untouched")
			}
			again := d.events()
			d.handle(again...)
			if now := d.Transaction(entries[4].TransactionID); now.UpdatedAt != got.UpdatedAt {
				t.Error("hearing of it again has changed it again")
			}
		})
	}
}

func TestWhatWasTakenOutAsAnotherMovement(t *testing.T) {
	for claim, isTyped := range map[string]bool{"of an entry": false, "of what a person typed in": true} {
		t.Run(claim, func(t *testing.T) {
			d := newDesk(t)
			both := d.Record("Credit Card", completetest.Row(3, -1549, "Films"), completetest.Row(1, -1549, "NETFLIX"))
			e := both[1]
			d.Fill(e.TransactionID, "Gym") // of which the app hears late
			late := d.news()
			d.Do(d.App.Trash, e.TransactionID)
			double := ledger.Double{
				BookID: book, AccountID: e.AccountID, New: e.RemoteID, Known: both[0].RemoteID,
				State: ledger.IsOne, Gone: e.RemoteID, Draft: e.TransactionID,
			}
			out := e
			out.State, out.Same = ledger.Undone, both[0].RemoteID
			if isTyped {
				typed, err := d.Person.CreateTransaction(t.Context(), book, bkper.Transaction{
					Date: completetest.Row(3, 1, "").Date, Amount: "15.49", Description: "netflix", Posted: true,
					CreditAccount: &bkper.Account{ID: d.Account("Credit Card")}, DebitAccount: &bkper.Account{ID: d.Account("Gym")},
				})
				if err != nil {
					t.Fatal(err)
				}
				double.Known, double.Standing, double.Written = "", typed.ID, e.Written
				out.State, out.TransactionID, out.Same, out.Written = ledger.Matched, typed.ID, typed.ID, nil
			}
			d.put(out)
			err := d.DB.Update(t.Context(), func(tx store.Tx) error { return d.Records.Doubles.Put(tx, double.Key(), double) })
			if err != nil {
				t.Fatal(err)
			}
			d.handle(append(late, d.news()...)...)
			if got := d.Entry(e); got.State != out.State || got.TransactionID != out.TransactionID || got.Same != out.Same || got.Touched != out.Touched {
				t.Errorf("late events of the draft make it %+v", got)
			}
			d.Do(d.Person.Restore, e.TransactionID)
			d.catchUp()
			if got := d.Entry(e); got.State != ledger.Recorded || got.TransactionID != e.TransactionID || got.Same != "" || !got.Touched {
				t.Errorf("restored by a person it is %+v", got)
			}
			now, err := d.Records.Doubles.Load(t.Context(), d.DB, double.Key())
			if err != nil || now.State != ledger.AreTwo || now.Gone != "" {
				t.Errorf("%+v, %v", now, err)
			}
			if _, err := d.Records.Matched.Load(t.Context(), d.DB, store.Key(book, out.TransactionID)); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("what a person typed in still stands for it: %v", err)
			}
		})
	}
}
