package complete_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/complete/completetest"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/rules"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// shelf is the rules of the bench's book.
func shelf(b *completetest.Bench) *rules.Store {
	serial := 0
	return rules.NewStore(b.DB, func() string { serial++; return fmt.Sprintf("rule%d", serial) })
}

func aRule(tb testing.TB, s *rules.Store, text string, o rules.Outcome) rules.Rule {
	tb.Helper()
	r, err := s.Create(tb.Context(), book, rules.Rule{
		Name: "My " + text, Enabled: true, Conditions: rules.Conditions{Contains: text}, Outcome: o,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func suggest(tb testing.TB, b *completetest.Bench, text string) complete.Suggestion {
	tb.Helper()
	got, err := b.Completer.Suggest(tb.Context(), b.App, book, []ledger.Entry{
		{AccountID: b.Account("Credit Card"), Row: completetest.Row(1, -1549, text)},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return got[0]
}

func dress(tb testing.TB, b *completetest.Bench) []complete.Completed {
	tb.Helper()
	done, err := b.Completer.Dress(tb.Context(), func(string) complete.Book { return b.App }, book)
	if err != nil {
		tb.Fatal(err)
	}
	return done
}

func TestARuleWinsOverTheLearner(t *testing.T) {
	b := taught(t)
	s := shelf(b)
	if got := suggest(t, b, known); got.Account != b.Account("Subscriptions") || !got.Sure {
		t.Fatalf("the learner says %v", got)
	}
	r := aRule(t, s, "netflix", rules.Outcome{Account: b.Account("Gym")})
	got := suggest(t, b, known)
	if got.Account != b.Account("Gym") || !got.Sure || !got.Known || got.Reason != `your rule "My netflix": the text contains "netflix"` {
		t.Errorf("with the rule: %+v", got)
	}
	r.Enabled = false
	if _, err := s.Update(t.Context(), book, r); err != nil {
		t.Fatal(err)
	}
	if got := suggest(t, b, known); got.Account != b.Account("Subscriptions") {
		t.Errorf("with the rule switched off: %+v", got)
	}
}

func TestARuleWithoutAUsableAccountLeavesItToTheLearner(t *testing.T) {
	b := taught(t)
	s := shelf(b)
	aRule(t, s, "netflix", rules.Outcome{Account: b.Account("Gym")})
	aRule(t, s, "netflix.com", rules.Outcome{Account: "gone"})
	archive(t, b, "Gym")
	b.Completer.ForgetChart(book)
	if got := suggest(t, b, known); got.Account != b.Account("Subscriptions") {
		t.Errorf("%+v", got)
	}
	report := report(t, b)
	if p := report.Of["rule1"].Problem; !strings.Contains(p, "Gym is archived") {
		t.Errorf("the report says %q", p)
	}
	if p := report.Of["rule2"].Problem; !strings.Contains(p, "no longer in the book") {
		t.Errorf("the report says %q", p)
	}
}

func TestAChangedRuleReachesTheOpenDrafts(t *testing.T) {
	b := completetest.New(t)
	s := shelf(b)
	entries := b.Record("Credit Card", append(rows(3, "OAKWOOD PROPERTIES"), rows(2, "QWXZ")...)...)
	if done := reexamine(t, b); done != nil {
		t.Fatalf("before there is a rule: %v", done)
	}
	r := aRule(t, s, "oakwood", rules.Outcome{Account: b.Account("Rent")})
	done := reexamine(t, b)
	if len(done) != 3 || done[0].Account != "Rent" {
		t.Fatalf("completed %v", done)
	}
	for _, e := range entries[:3] {
		now := b.Transaction(e.TransactionID)
		if now.DebitAccount.ID != b.Account("Rent") || now.Posted || !strings.HasPrefix(now.Properties[complete.ReasonProperty], `your rule "My oakwood"`) {
			t.Errorf("the draft became %+v", now)
		}
	}
	if lessons := b.Lessons(); len(lessons) != 0 {
		t.Errorf("what a rule has done taught %v", lessons)
	}
	b.Calls()
	if done := reexamine(t, b); done != nil || len(b.Calls()) != 0 {
		t.Errorf("the same rules completed %v once more", done)
	}
	r.Contains, r.Account = "qwxz", b.Account("Gym")
	if _, err := s.Update(t.Context(), book, r); err != nil {
		t.Fatal(err)
	}
	if done := reexamine(t, b); len(done) != 2 || done[0].Account != "Gym" {
		t.Errorf("after the change: %v", done)
	}
	if now := b.Transaction(entries[0].TransactionID); now.DebitAccount.ID != b.Account("Rent") {
		t.Error("what was complete has changed")
	}
}

func TestARuleLeavesAloneWhatAPersonHasTouched(t *testing.T) {
	b := completetest.New(t)
	s := shelf(b)
	entries := b.Record("Credit Card", rows(3, "OAKWOOD PROPERTIES")...)
	b.Change(entries[0].TransactionID, func(t *bkper.Transaction) { t.Description += " mine" })
	b.Fill(entries[1].TransactionID, "Gym")
	b.Change(entries[2].TransactionID, func(t *bkper.Transaction) { t.URLs = []string{"https://example.com/receipt"} })
	before := []bkper.Transaction{b.Transaction(entries[0].TransactionID), b.Transaction(entries[1].TransactionID)}
	aRule(t, s, "oakwood", rules.Outcome{Account: b.Account("Rent"), Description: "Rent of the flat", Properties: map[string]string{"who": "me"}})
	reexamine(t, b)
	after := []bkper.Transaction{b.Transaction(entries[0].TransactionID), b.Transaction(entries[1].TransactionID)}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	// A receipt is a person's work: the side is filled in, and nothing else.
	if now := b.Transaction(entries[2].TransactionID); now.DebitAccount == nil || now.Description != "OAKWOOD PROPERTIES" || now.Properties["who"] != "" || len(now.URLs) != 1 {
		t.Errorf("with a receipt: %+v", now)
	}
}

func TestARuleGivesMoreThanAnAccount(t *testing.T) {
	b := completetest.New(t)
	s := shelf(b)
	r := aRule(t, s, "oakwood", rules.Outcome{
		Account: b.Account("Rent"), Description: "Rent of the flat", Tags: []string{"home"}, Properties: map[string]string{"cost_center": "7"},
	})
	if got := suggest(t, b, "OAKWOOD PROPERTIES"); got.Known {
		t.Fatalf("it must be recorded open, and not as %v", got)
	}
	e := b.Record("Credit Card", completetest.Row(2, -90000, "OAKWOOD PROPERTIES"))[0]
	if done := dress(t, b); len(done) != 1 || done[0].Account != "Rent" {
		t.Fatalf("completed %v", done)
	}
	now := b.Transaction(e.TransactionID)
	if now.Description != "Rent of the flat" || cmp.Diff(now.Tags, []string{"home"}) != "" || now.Properties["cost_center"] != "7" ||
		now.DebitAccount.ID != b.Account("Rent") || !now.Draft || now.Properties[complete.BankTextProperty] != "OAKWOOD PROPERTIES" {
		t.Errorf("the draft became %+v", now)
	}
	if got := b.Entry(e); got.Touched || !got.Written.Alone(now) || got.Written.Rule != r.Stamp() {
		t.Errorf("the ledger says %+v", got.Written)
	}
	b.Calls()
	if done := dress(t, b); done != nil || len(b.Calls()) != 0 {
		t.Errorf("dressed again: %v", done)
	}
}

func TestARuleWithoutAnAccountLeavesTheAccountToTheLearner(t *testing.T) {
	b := taught(t)
	s := shelf(b)
	aRule(t, s, "x", rules.Outcome{Tags: []string{"fun"}})
	sure := b.Record("Credit Card", completetest.Row(2, -1549, known+" X"))[0]
	unsure := b.Record("Credit Card", completetest.Row(2, -7000, "QWXZ UNKNOWN"))[0]
	if done := dress(t, b); len(done) != 1 || done[0].Account != "Subscriptions" {
		t.Fatalf("completed %v", done)
	}
	now := b.Transaction(sure.TransactionID)
	if !isFilled(b, sure) || cmp.Diff(now.Tags, []string{"fun"}) != "" || !strings.Contains(now.Properties[complete.ReasonProperty], "Subscriptions") {
		t.Errorf("%+v", now)
	}
	now = b.Transaction(unsure.TransactionID)
	if now.DebitAccount != nil || cmp.Diff(now.Tags, []string{"fun"}) != "" || now.Properties[complete.ReasonProperty] != "" || now.Description != "QWXZ UNKNOWN" {
		t.Errorf("%+v", now)
	}
	b.Calls()
	if done := dress(t, b); done != nil || len(b.Calls()) != 0 {
		t.Errorf("an open draft was dressed again: %v", done)
	}
}

func TestDressingAsksNothingWhereRulesGiveAccountsOnly(t *testing.T) {
	b := completetest.New(t)
	aRule(t, shelf(b), "oakwood", rules.Outcome{Account: b.Account("Rent")})
	b.Record("Credit Card", rows(3, "OAKWOOD PROPERTIES")...)
	b.Calls()
	if done := dress(t, b); done != nil || len(b.Calls()) != 0 {
		t.Errorf("%v", done)
	}
}

func TestALostAnswerToDressingIsTakenUp(t *testing.T) {
	b := completetest.New(t)
	aRule(t, shelf(b), "oakwood", rules.Outcome{Account: b.Account("Rent"), Description: "Rent of the flat", Tags: []string{"home"}})
	e := b.Record("Credit Card", completetest.Row(2, -90000, "OAKWOOD PROPERTIES"))[0]
	reexamine(t, b)
	written := b.Transaction(e.TransactionID)
	if err := b.DB.Update(t.Context(), func(tx store.Tx) error { return b.Records.PutEntry(tx, e) }); err != nil { // as before the answer
		t.Fatal(err)
	}
	if done := dress(t, b); len(done) != 1 {
		t.Errorf("completed %v", done)
	}
	now := b.Transaction(e.TransactionID)
	if diff := cmp.Diff(written, now); diff != "" {
		t.Errorf("it was written twice: %s", diff)
	}
	if got := b.Entry(e); !got.Written.Alone(now) || got.Written.IsOpen() {
		t.Errorf("the ledger says %+v", got.Written)
	}
}

func report(tb testing.TB, b *completetest.Bench) complete.RuleReport {
	tb.Helper()
	r, err := b.Completer.RuleReport(tb.Context(), b.App, book)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestEachRuleShowsWhatItMatched(t *testing.T) {
	b := completetest.New(t)
	s := shelf(b)
	b.Record("Credit Card", append(rows(25, "OAKWOOD PROPERTIES"), rows(2, "QWXZ")...)...)
	first := aRule(t, s, "oakwood", rules.Outcome{Account: b.Account("Rent")})
	reexamine(t, b)
	b.Record("Credit Card", completetest.Row(0, -100, "OAKWOOD PARKING"))
	second := aRule(t, s, "properties", rules.Outcome{Account: b.Account("Gym")})
	got := report(t, b)
	state := got.Of[first.ID]
	if got.Looked != 28 || state.Count != 26 || len(state.Latest) != 20 || state.Words != `the text contains "oakwood"` || state.Problem != "" {
		t.Errorf("looked through %d: %d, %d shown", got.Looked, state.Count, len(state.Latest))
	}
	for n, m := range state.Latest[:3] {
		if open := m.Entry.Row.Description == "OAKWOOD PARKING"; m.Completed == open {
			t.Errorf("match %d: %v", n, m)
		}
	}
	if got.Of[second.ID].Count != 0 {
		t.Errorf("what the first has decided is also the second's: %v", got.Of[second.ID])
	}
}

func TestARuleIsTriedBeforeItIsKept(t *testing.T) {
	b := completetest.New(t)
	s := shelf(b)
	b.Record("Credit Card", append(rows(60, "OAKWOOD PROPERTIES"), rows(2, "QWXZ")...)...)
	kept := aRule(t, s, "qwxz", rules.Outcome{Account: b.Account("Gym")})
	draft := rules.Rule{Name: "new", Conditions: rules.Conditions{Direction: rules.Out}, Outcome: rules.Outcome{Account: b.Account("Rent")}}
	trial, err := b.Completer.TryRule(t.Context(), b.App, book, draft)
	if err != nil || trial.Count != 62 || len(trial.Matches) != 50 || trial.Looked != 62 || trial.Words != "money out" {
		t.Fatalf("%d of %d, %d shown, %v", trial.Count, trial.Looked, len(trial.Matches), err)
	}
	taken := 0
	for _, m := range trial.Matches {
		if m.First == kept.Name {
			taken++
		}
	}
	if taken != 2 {
		t.Errorf("%d are said to be another rule's", taken)
	}
	kept.Contains = "oakwood"
	if trial, err = b.Completer.TryRule(t.Context(), b.App, book, kept); err != nil || trial.Count != 60 || trial.Matches[0].First != "" {
		t.Errorf("in its own place: %d, %v", trial.Count, err)
	}
	draft.Account = "gone"
	if trial, err = b.Completer.TryRule(t.Context(), b.App, book, draft); err != nil || trial.Count != 0 || trial.Problem == "" {
		t.Errorf("without an account: %+v, %v", trial, err)
	}
	draft.Name = ""
	if _, err = b.Completer.TryRule(t.Context(), b.App, book, draft); !errs.Is(err, errs.Invalid) {
		t.Errorf("one that cannot be: %v", err)
	}
	kept.ID = "none"
	if _, err = b.Completer.TryRule(t.Context(), b.App, book, kept); !errs.Is(err, errs.NotFound) {
		t.Errorf("one that is not there: %v", err)
	}
	if all, err := s.Load(t.Context(), book); err != nil || len(all.Rules) != 1 || reexamine(t, b) == nil {
		t.Errorf("trying has changed something: %v, %v", all, err)
	}
}

func TestProposalsComeFromLessons(t *testing.T) {
	b := completetest.New(t)
	s := shelf(b)
	b.Teach("POS STARBUCKS 0312", "Credit Card", "Restaurants", 12)
	b.Teach("OAKWOOD PROPERTIES", "Checking", "Rent", 6)
	offered := func() string {
		var all []string
		for _, p := range report(t, b).Proposals {
			all = append(all, p.Sentence)
		}
		return strings.Join(all, " ")
	}
	if got := offered(); got != "12 of 12 STARBUCKS went to Restaurants. 6 of 6 OAKWOOD PROPERTIES went to Rent." {
		t.Fatal(got)
	}
	if err := s.Decline(t.Context(), book, report(t, b).Proposals[1].ID); err != nil {
		t.Fatal(err)
	}
	if got := offered(); got != "12 of 12 STARBUCKS went to Restaurants." {
		t.Errorf("one was declined: %s", got)
	}
	b.Teach("OAKWOOD PROPERTIES", "Checking", "Rent", 1)
	if got := offered(); strings.Contains(got, "OAKWOOD") {
		t.Errorf("it is offered again: %s", got)
	}
	if _, err := s.Create(t.Context(), book, report(t, b).Proposals[0].Rule); err != nil {
		t.Fatal(err)
	}
	if got := offered(); got != "" {
		t.Errorf("it is a rule now: %s", got)
	}
	if got := suggest(t, b, "POS STARBUCKS 9999"); got.Account != b.Account("Restaurants") || !strings.HasPrefix(got.Reason, "your rule") {
		t.Errorf("%+v", got)
	}
}

func TestNoProposalForAnArchivedAccountOrAfterADoubt(t *testing.T) {
	b := completetest.New(t)
	b.Teach("POS STARBUCKS 0312", "Credit Card", "Restaurants", 12)
	b.Teach("OAKWOOD PROPERTIES", "Checking", "Rent", 6)
	archive(t, b, "Rent")
	b.Teach("POS STARBUCKS 0312", "Credit Card", "Gym", 1)
	if got := report(t, b).Proposals; len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// BenchmarkRuleReport is what an open Rules tab costs in a large book.
func BenchmarkRuleReport(b *testing.B) {
	bench := completetest.New(b)
	s := shelf(bench)
	for n := range rules.MostRules {
		aRule(b, s, fmt.Sprintf("merchant %d", n), rules.Outcome{Account: bench.Account("Rent")})
	}
	err := bench.DB.Update(b.Context(), func(tx store.Tx) error {
		for n := range 3000 {
			r := completetest.Row(n%400, int64(-1549-n), fmt.Sprintf("MERCHANT %d STORE", n%500))
			e := ledger.Entry{
				RemoteID: ledger.RemoteID("1", r.Date, money.New(r.Amount.Number(), "USD"), n), BookID: book, AccountID: "1",
				State: ledger.Recorded, Row: r, TransactionID: fmt.Sprint(n), Written: &ledger.Written{From: "1"},
			}
			if err := bench.Records.PutEntry(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		report(b, bench)
	}
}
