package complete_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/complete/completetest"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// small is a chart of one account of each type.
var small = complete.Chart{Accounts: map[string]bkper.Account{
	"bank": {ID: "bank", Type: bkper.Asset}, "card": {ID: "card", Type: bkper.Liability},
	"pay": {ID: "pay", Type: bkper.Incoming}, "food": {ID: "food", Type: bkper.Outgoing},
}}

func TestLessonsOf(t *testing.T) {
	day := bank.NewDate(2026, 11, 3)
	of := func(from, to string, change func(*bkper.Transaction)) bkper.Transaction {
		t := bkper.Transaction{ID: "t", Date: day, Amount: "12.30", Description: "MARKET", Posted: true}
		if from != "" {
			t.CreditAccount = &bkper.Account{ID: from}
		}
		if to != "" {
			t.DebitAccount = &bkper.Account{ID: to}
		}
		if change != nil {
			change(&t)
		}
		return t
	}
	lesson := func(id, account, counter, amount, text string) ledger.Lesson {
		return ledger.Lesson{ID: id, BankAccount: account, Account: counter, Date: day, Amount: amount, Text: text}
	}
	tests := []struct {
		claim string
		t     bkper.Transaction
		want  []ledger.Lesson
	}{
		{"money that leaves", of("bank", "food", nil), []ledger.Lesson{lesson("t:from", "bank", "food", "-12.3", "MARKET")}},
		{"money that arrives", of("pay", "bank", nil), []ledger.Lesson{lesson("t:to", "bank", "pay", "12.3", "MARKET")}},
		{"a transfer teaches both its sides", of("bank", "card", nil), []ledger.Lesson{
			lesson("t:from", "bank", "card", "-12.3", "MARKET"), lesson("t:to", "card", "bank", "12.3", "MARKET"),
		}},
		{"the bank's own text counts, not what a person made of it", of("bank", "food", func(t *bkper.Transaction) {
			t.Properties = map[string]string{complete.BankTextProperty: "MKT 0815"}
		}), []ledger.Lesson{lesson("t:from", "bank", "food", "-12.3", "MKT 0815")}},
		{"no bank account, no lesson", of("pay", "food", nil), nil},
		{"no From", of("", "bank", nil), nil},
		{"no To", of("bank", "", nil), nil},
		{"no amount", of("bank", "food", func(t *bkper.Transaction) { t.Amount = "" }), nil},
		{"no date", of("bank", "food", func(t *bkper.Transaction) { t.Date = bank.Date{} }), nil},
		{"what is in the trash", of("bank", "food", func(t *bkper.Transaction) { t.Trashed = true }), nil},
		{"an account that the book does not have", of("gone", "food", nil), nil},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			got := complete.LessonsOf(test.t, small)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			for _, lesson := range got {
				if !slices.Contains(complete.LessonIDs("t"), lesson.ID) {
					t.Errorf("%s is not among the ids of the lessons of t", lesson.ID)
				}
			}
		})
	}
}

func TestWithRowAddsWhatTheBankSaysToItsOwnSideOnly(t *testing.T) {
	transfer := bkper.Transaction{
		ID: "t", Date: bank.NewDate(2026, 11, 3), Amount: "5", Description: "edited",
		CreditAccount: &bkper.Account{ID: "bank"}, DebitAccount: &bkper.Account{ID: "card"},
	}
	row := completetest.Row(1, -500, "AS THE BANK SAYS")
	row.Kind, row.Category, row.Counterparty = "PIX", "Transfer", bank.Party{Name: "Maria", Account: "DE02"}
	got := complete.WithRow(complete.LessonsOf(transfer, small), "bank", row)
	if got[0].Text != "AS THE BANK SAYS" || got[0].Counterparty != "Maria" || got[0].CounterpartyAccount != "DE02" || got[0].Kind != "PIX" || got[0].Category != "Transfer" {
		t.Errorf("its own side: %+v", got[0])
	}
	if got[1].Text != "edited" || got[1].Counterparty+got[1].CounterpartyAccount+got[1].Kind+got[1].Category != "" {
		t.Errorf("the other side: %+v", got[1])
	}
}

// learnHistory learns to the end and returns how many lessons came.
func learnHistory(tb testing.TB, b *completetest.Bench, book complete.Book) int {
	tb.Helper()
	before := len(b.Lessons())
	b.LearnHistory(book)
	return len(b.Lessons()) - before
}

func TestHistoryIsLearnedOnceFromWhatIsPosted(t *testing.T) {
	b := completetest.New(t)
	draft := b.Record("Credit Card", completetest.Row(2, -1549, "A DRAFT"))[0]
	b.Fill(draft.TransactionID, "Gym")
	trashed := b.Record("Credit Card", completetest.Row(2, -1649, "A TRASHED ONE"))[0]
	b.Fill(trashed.TransactionID, "Gym")
	b.Do(b.Person.Post, trashed.TransactionID)
	b.Do(b.Person.Trash, trashed.TransactionID)

	n := learnHistory(t, b, b.App)
	lessons := b.Lessons()
	if n != len(lessons) || n < 100 {
		t.Errorf("it says %d lessons, there are %d", n, len(lessons))
	}
	for _, id := range append(complete.LessonIDs(draft.TransactionID), complete.LessonIDs(trashed.TransactionID)...) {
		if _, ok := lessons[id]; ok {
			t.Errorf("learned %v", lessons[id])
		}
	}
	transfers := map[string]int{}
	for _, lesson := range lessons {
		if lesson.Text == "TRANSFER TO SAVINGS" {
			transfers[lesson.BankAccount+" "+lesson.Account]++
		}
	}
	checking, savings := b.Account("Checking"), b.Account("Savings")
	if out, in := transfers[checking+" "+savings], transfers[savings+" "+checking]; out == 0 || out != in || len(transfers) != 2 {
		t.Errorf("transfers teach %v", transfers)
	}
	b.Calls()
	if n := learnHistory(t, b, b.App); n != 0 || len(b.Calls()) != 0 {
		t.Errorf("once more: %d lessons", n)
	}
	// It is remembered: another program knows it too.
	b.Completer = complete.New(b.DB, b.Now)
	if n := learnHistory(t, b, b.App); n != 0 || len(b.Calls()) != 0 {
		t.Errorf("by another Completer: %d lessons", n)
	}
	b.Record("Credit Card", completetest.Row(0, -1549, "NETFLIX.COM"))
	if done := reexamine(t, b); len(done) != 1 || done[0].Account != "Subscriptions" {
		t.Errorf("with the history it completes %v", done)
	}
}

func TestHistoryDoesNotReplaceWhatAPersonHasTaughtMeanwhile(t *testing.T) {
	b := completetest.New(t)
	learnHistory(t, b, b.App)
	before := b.Lessons()
	var id string
	for id = range before {
		break
	}
	corrected := before[id]
	corrected.Account = b.Account("Donations")
	if _, err := b.Completer.Teach(t.Context(), book, []ledger.Lesson{corrected}, nil); err != nil {
		t.Fatal(err)
	}
	// As if the first time had come no further than its lessons.
	if err := b.Records.Learning.Save(t.Context(), b.DB, store.Key(book), ledger.Learning{Version: 9}); err != nil {
		t.Fatal(err)
	}
	learnHistory(t, b, b.App)
	before[id] = corrected
	if diff := cmp.Diff(before, b.Lessons()); diff != "" {
		t.Error(diff)
	}
}

// ancient is a book with a transaction on every tenth day of many years.
type ancient struct {
	realBook
	accounts func(string) string
	queries  []string
	fails    bool
}

func (a *ancient) Transactions(_ context.Context, _, query string, _ int) iter.Seq2[bkper.Transaction, error] {
	a.queries = append(a.queries, query)
	after, before := bank.Date{}, bank.NewDate(9999, 1, 1)
	for _, term := range strings.Fields(query) {
		if day, ok := strings.CutPrefix(term, "after:"); ok {
			after, _ = bank.ParseDate(day)
		} else if day, ok := strings.CutPrefix(term, "before:"); ok {
			before, _ = bank.ParseDate(day)
		}
	}
	return func(yield func(bkper.Transaction, error) bool) {
		for n := range 500 {
			day := bank.NewDate(2012, 1, 1).AddDays(11 * n)
			if day.Before(after) || !day.Before(before) {
				continue
			}
			if a.fails && day.Year() == 2020 {
				yield(bkper.Transaction{}, errs.New(errs.Unavailable, ""))
				return
			}
			if !yield(bkper.Transaction{
				ID: fmt.Sprint(n), Posted: true, Date: day, Amount: "5", Description: "GYM",
				CreditAccount: &bkper.Account{ID: a.accounts("Checking")}, DebitAccount: &bkper.Account{ID: a.accounts("Gym")},
			}, nil) {
				return
			}
		}
	}
}

func TestHistoryOfTenYearsIsReadTheOldestFirstAndGoesOnWhereItWasCut(t *testing.T) {
	b := completetest.New(t)
	a := &ancient{realBook: b.App, accounts: b.Account, fails: true}
	var err error
	for steps := 0; err == nil; steps++ {
		if _, err = b.Completer.LearnHistory(t.Context(), a, book); steps > 30 {
			t.Fatal("it never fails")
		}
	}
	state, stateErr := b.Completer.Learning(t.Context(), book)
	if stateErr != nil || state.History.Next.Year() > 2020 || state.History.Read != state.Lessons || state.Lessons != len(b.Lessons()) || state.Lessons < 90 {
		t.Errorf("cut at %+v with %d lessons of %d: %v", state.History, state.Lessons, len(b.Lessons()), stateErr)
	}
	a.fails, a.queries = false, nil
	learnHistory(t, b, a)
	if first := a.queries[0]; !strings.HasPrefix(first, "after:"+state.History.Next.String()) {
		t.Errorf("it goes on with %q", first)
	}
	state, _ = b.Completer.Learning(t.Context(), book)
	if state.HistoryLearned.IsZero() || state.Lessons != len(b.Lessons()) || state.Lessons < 300 || state.Lessons > 340 {
		t.Errorf("%+v", state)
	}
	if err := b.Completer.ForgetHistoryRead(t.Context(), book); err != nil {
		t.Fatal(err)
	}
	if n := learnHistory(t, b, a); n != 0 {
		t.Errorf("read again it gives %d more lessons", n)
	}
}

func TestALetterPastedIntoADescriptionIsLearnedInPart(t *testing.T) {
	long := strings.Repeat("é", 3000)
	all := complete.LessonsOf(bkper.Transaction{
		ID: "t", Date: bank.NewDate(2026, 11, 3), Amount: "5", Description: long,
		CreditAccount: &bkper.Account{ID: "bank"}, DebitAccount: &bkper.Account{ID: "food"},
	}, small)
	if len(all) != 1 || all[0].Text != long[:2000] {
		t.Errorf("%d bytes", len(all[0].Text))
	}
}

func TestAYoungBookIsAskedLittle(t *testing.T) {
	b := completetest.New(t)
	b.Calls()
	learnHistory(t, b, b.App)
	if calls := b.Calls()["GET"]; calls > 6 {
		t.Errorf("%d reads", calls)
	}
}

func TestTeach(t *testing.T) {
	b := completetest.New(t)
	ctx := t.Context()
	lesson := ledger.Lesson{
		ID: "a:from", BankAccount: b.Account("Checking"), Date: bank.NewDate(2026, 11, 1), Amount: "-5",
		Text: "X", Account: b.Account("Gym"),
	}
	version := func() int {
		state, err := b.Records.Learning.Load(ctx, b.DB, store.Key(book))
		if err != nil {
			t.Fatal(err)
		}
		return state.Version
	}
	teach := func(want bool, lessons []ledger.Lesson, forget ...string) {
		t.Helper()
		changed, err := b.Completer.Teach(ctx, book, lessons, forget)
		if err != nil || changed != want {
			t.Errorf("changed %v, error %v", changed, err)
		}
	}
	teach(true, []ledger.Lesson{lesson})
	was := version()
	teach(false, []ledger.Lesson{lesson}, "b:from")
	if version() != was {
		t.Error("what is known already made a new version")
	}
	corrected := lesson
	corrected.Account = b.Account("Gifts")
	teach(true, []ledger.Lesson{corrected})
	if got := b.Lessons(); len(got) != 1 || got["a:from"] != corrected {
		t.Errorf("lessons %v", got)
	}
	teach(true, nil, complete.LessonIDs("a")...)
	if got := b.Lessons(); len(got) != 0 || version() != was+2 {
		t.Errorf("lessons %v, version %d", got, version())
	}
	teach(false, nil, complete.LessonIDs("a")...)
}

func suggestion(tb testing.TB, c *completetest.Bench, by *complete.Completer, text string) complete.Suggestion {
	tb.Helper()
	got, err := by.Suggest(tb.Context(), c.App, book, []ledger.Entry{
		{AccountID: c.Account("Credit Card"), Row: completetest.Row(0, -1000, text)},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return got[0]
}

func TestTwoCompletersOnOneStoreSeeEachOthersLessons(t *testing.T) {
	b := completetest.New(t)
	one, two := b.Completer, complete.New(b.DB, b.Now)
	for range 2 { // both have built their models
		suggestion(t, b, one, "SHOP")
		suggestion(t, b, two, "SHOP")
	}
	b.Teach("SHOP", "Credit Card", "Gifts", 10)
	if got := suggestion(t, b, two, "SHOP"); got.Account != b.Account("Gifts") {
		t.Errorf("the other suggests %v", got)
	}
	b.Completer = two
	b.Teach("SHOP", "Credit Card", "Clothing", 40)
	if got, want := suggestion(t, b, one, "SHOP"), suggestion(t, b, complete.New(b.DB, b.Now), "SHOP"); got != want {
		t.Errorf("the first suggests %v, a new one %v", got, want)
	}
}

func TestAChartIsReadAgainForAnAccountThatIsNew(t *testing.T) {
	b := completetest.New(t)
	if _, err := b.Completer.Chart(t.Context(), b.App, book); err != nil {
		t.Fatal(err)
	}
	created, err := b.Person.CreateAccount(t.Context(), book, bkper.Account{Name: "Streaming", Type: bkper.Outgoing})
	if err != nil {
		t.Fatal(err)
	}
	b.Calls()
	chart, err := b.Completer.Chart(t.Context(), b.App, book, b.Account("Gym"))
	if err != nil || chart.Name(created.ID) != created.ID || len(b.Calls()) != 0 {
		t.Errorf("known accounts alone: %q, %v", chart.Name(created.ID), err)
	}
	chart, err = b.Completer.Chart(t.Context(), b.App, book, b.Account("Gym"), created.ID)
	if err != nil || chart.Name(created.ID) != "Streaming" {
		t.Errorf("with the new one: %q, %v", chart.Name(created.ID), err)
	}
}

// Whatever two Completers on one store are taught, in whatever order their
// calls overlap, the model that each has in memory answers as one that is built
// anew from the store.
func TestAModelInMemoryEqualsOneThatIsRebuilt(t *testing.T) {
	b := completetest.New(t)
	books := 0
	texts := []string{"NETFLIX 1", "NETFLIX 2", "SHELL OIL", "PIX MARIA", ""}
	accounts := []string{"Gym", "Fuel", "Gifts", "Checking", "Credit Card"}
	rapid.Check(t, func(rt *rapid.T) {
		books++
		bookID := fmt.Sprintf("book%d", books)
		view := renamed{b.App, bookID}
		both := []*complete.Completer{complete.New(b.DB, b.Now), complete.New(b.DB, b.Now)}
		var entries []ledger.Entry
		for _, text := range texts {
			for _, cents := range []int64{-1549, 2000} {
				entries = append(entries, ledger.Entry{AccountID: b.Account("Credit Card"), Row: completetest.Row(0, cents, text)})
			}
		}
		ask := func(c *complete.Completer) []complete.Suggestion {
			got, err := c.Suggest(t.Context(), view, bookID, entries)
			if err != nil {
				rt.Fatal(err)
			}
			return got
		}
		id := rapid.Custom(func(rt *rapid.T) string { return fmt.Sprintf("t%d:from", rapid.IntRange(0, 5).Draw(rt, "id")) })
		lesson := rapid.Custom(func(rt *rapid.T) ledger.Lesson {
			return ledger.Lesson{
				ID: id.Draw(rt, "lesson"), BankAccount: b.Account("Credit Card"),
				Date:   bank.DateOf(completetest.Start).AddDays(-rapid.IntRange(0, 9).Draw(rt, "days")),
				Amount: money.DecimalFromUnits(rapid.Int64Range(-3000, 3000).Draw(rt, "cents"), 2).String(),
				Text:   rapid.SampledFrom(texts).Draw(rt, "text"), Account: b.Account(rapid.SampledFrom(accounts).Draw(rt, "account")),
			}
		})
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			c := both[rapid.IntRange(0, 1).Draw(rt, "who")]
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				ask(c)
			default:
				lessons := rapid.SliceOfN(lesson, 0, 3).Draw(rt, "lessons")
				forget := rapid.SliceOfN(id, 0, 2).Draw(rt, "forget")
				if _, err := c.Teach(t.Context(), bookID, lessons, forget); err != nil {
					rt.Fatal(err)
				}
			}
		}
		want := ask(complete.New(b.DB, b.Now))
		for _, c := range both {
			if diff := cmp.Diff(want, ask(c)); diff != "" {
				rt.Fatal(diff)
			}
		}
	})
}

// renamed is the demo book under another id.
type renamed struct {
	realBook
	id string
}

func (r renamed) Book(ctx context.Context, _ string, with bkper.BookDetail) (bkper.Book, error) {
	return r.realBook.Book(ctx, book, with)
}

// late is a store whose caller does something between the end of a transaction
// and the moment it hears of it.
type late struct {
	store.Engine
	then func()
}

func (l *late) Update(ctx context.Context, do func(store.Tx) error) error {
	err := l.Engine.Update(ctx, do)
	if then := l.then; then != nil {
		l.then = nil
		then()
	}
	return err
}

func TestLessonsThatOvertakeEachOther(t *testing.T) {
	lesson := func(b *completetest.Bench, id, account string) []ledger.Lesson {
		return []ledger.Lesson{{
			ID: id, BankAccount: b.Account("Credit Card"), Date: bank.NewDate(2026, 11, 1), Amount: "-5", Text: "SHOP", Account: b.Account(account),
		}}
	}
	// Each claim says what happens between a lesson's being stored and its
	// coming into the model.
	for claim, between := range map[string]func(b *completetest.Bench, c *complete.Completer){
		"another lesson of the same transaction": func(b *completetest.Bench, c *complete.Completer) {
			_, err := c.Teach(t.Context(), book, lesson(b, "a:from", "Clothing"), nil)
			if err != nil {
				t.Error(err)
			}
		},
		"the model is built, then another program teaches": func(b *completetest.Bench, c *complete.Completer) {
			b.Teach("OTHER", "Credit Card", "Gym", 1)
			suggestion(t, b, c, "SHOP")
			suggestion(t, b, c, "SHOP")
		},
	} {
		t.Run(claim, func(t *testing.T) {
			b := completetest.New(t)
			engine := &late{Engine: b.DB}
			c := complete.New(engine, b.Now)
			suggestion(t, b, c, "SHOP")
			engine.then = func() { between(b, c) }
			if _, err := c.Teach(t.Context(), book, lesson(b, "a:from", "Gifts"), nil); err != nil {
				t.Fatal(err)
			}
			b.Teach("THIRD", "Credit Card", "Rent", 1)
			for _, text := range []string{"SHOP", "OTHER", "THIRD"} {
				if got, want := suggestion(t, b, c, text), suggestion(t, b, complete.New(b.DB, b.Now), text); got != want {
					t.Errorf("%s: %v, a new one says %v", text, got, want)
				}
			}
		})
	}
}

func TestLessonsOfBooksStayApart(t *testing.T) {
	b := completetest.New(t)
	b.Teach("SHOP", "Credit Card", "Gifts", 10)
	got, err := b.Completer.Suggest(t.Context(), renamed{b.App, "other"}, "other", []ledger.Entry{
		{AccountID: b.Account("Credit Card"), Row: completetest.Row(0, -1000, "SHOP")},
	})
	if err != nil || got[0].Known {
		t.Errorf("another book suggests %v, %v", got, err)
	}
	if ids := slices.Collect(maps.Keys(b.Lessons())); len(ids) != 10 {
		t.Errorf("lessons %v", ids)
	}
}
