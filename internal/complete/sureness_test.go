package complete_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/complete/completetest"
	"github.com/bank-connections/bkper-bot/internal/learn"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// asked lets an integration of the book ask for a sureness.
func asked(b *completetest.Bench, integration string, sureness learn.Sureness) {
	b.TB.Helper()
	i := ledger.Integration{ID: integration, BookID: completetest.BookID, Sureness: int(sureness)}
	err := b.DB.Update(b.TB.Context(), func(tx store.Tx) error { return b.Records.PutIntegration(tx, i) })
	if err != nil {
		b.TB.Fatal(err)
	}
}

func TestEachIntegrationAsksHowSureTheLearnerHasToBe(t *testing.T) {
	b := taught(t)
	for integration, sureness := range map[string]learn.Sureness{"never": learn.Never, "some": learn.Sure95, "usual": 0} {
		asked(b, integration, sureness)
	}
	entry := func(integration string) ledger.Entry {
		return ledger.Entry{AccountID: b.Account("Credit Card"), Row: completetest.Row(0, -1549, "NETFLIX.COM 77"), Integration: integration}
	}
	got, err := b.Completer.Suggest(t.Context(), b.App, completetest.BookID, []ledger.Entry{entry("never"), entry("some"), entry("usual"), entry("")})
	if err != nil {
		t.Fatal(err)
	}
	for n, sure := range []bool{false, true, true, true} {
		if got[n].Sure != sure || !got[n].Known || got[n].Account != b.Account("Subscriptions") {
			t.Errorf("entry %d: %+v, want sure %v", n, got[n], sure)
		}
	}
}

func TestWhatIsNeverToBeCompletedStaysOpenAfterALesson(t *testing.T) {
	b := completetest.New(t)
	asked(b, "never", learn.Never)
	entries := b.Record("Credit Card", rows(2, "NETFLIX.COM 77")...)
	entries[0].Integration = "never"
	err := b.DB.Update(t.Context(), func(tx store.Tx) error { return b.Records.PutEntry(tx, entries[0]) })
	if err != nil {
		t.Fatal(err)
	}
	b.Teach("NETFLIX.COM 12", "Credit Card", "Subscriptions", 12)
	reexamine(t, b)
	if isFilled(b, entries[0]) || !isFilled(b, entries[1]) {
		t.Errorf("filled: %v and %v", isFilled(b, entries[0]), isFilled(b, entries[1]))
	}
}

func TestASettingMadeWhileDraftsAreExaminedIsNotForgotten(t *testing.T) {
	b := taught(t)
	b.Record("Credit Card", rows(1, known)...)
	set := false
	b.Before(func(r *http.Request) {
		if r.Method != http.MethodPut || set {
			return
		}
		set = true // the draft is being completed, and a person sets the sureness
		err := b.Records.Learning.Update(t.Context(), b.DB, store.Key(book), func(l ledger.Learning) (ledger.Learning, error) {
			l.Settings++
			return l, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	reexamine(t, b)
	for want := range 2 {
		state, err := b.Completer.Learning(t.Context(), book)
		if err != nil || !set || state.SettingsSeen != want {
			t.Errorf("%+v, %v", state, err)
		}
		reexamine(t, b)
	}
}

func TestAShareOfWhatIsCompletedIsWorthALook(t *testing.T) {
	b := taught(t)
	var entries []ledger.Entry
	for n := range 400 {
		entries = append(entries, ledger.Entry{
			RemoteID: fmt.Sprint("r", n), AccountID: b.Account("Credit Card"), Row: completetest.Row(0, -1549, "NETFLIX.COM 77"),
		})
	}
	looks := func() map[string]int {
		got, err := b.Completer.Suggest(t.Context(), b.App, completetest.BookID, entries)
		if err != nil {
			t.Fatal(err)
		}
		n := make(map[string]int)
		for _, s := range got {
			if !s.Sure {
				t.Fatalf("%+v", s)
			}
			n[s.Look]++
		}
		return n
	}
	if n := looks(); n["picked at random"] < 3 || n["picked at random"] > 30 || n["among the less certain ones"] != 0 {
		t.Errorf("of 400: %v", n)
	}
}

func TestALookIsWrittenWithTheReasonAndTakenBackWithANewOne(t *testing.T) {
	properties := map[string]string{"a": "b"}
	complete.Explain(properties, complete.Suggestion{Suggestion: learn.Suggestion{Reason: "why"}, Look: "picked at random"})
	if properties[ledger.LookProperty] != "picked at random" || properties[complete.ReasonProperty] != "why" {
		t.Errorf("%v", properties)
	}
	complete.Explain(properties, complete.Suggestion{Suggestion: learn.Suggestion{Reason: "why now"}})
	if _, there := properties[ledger.LookProperty]; there || properties[complete.ReasonProperty] != "why now" || properties["a"] != "b" {
		t.Errorf("%v", properties)
	}
}
