package trial_test

import (
	"strings"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/store/trial"
)

func TestOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		check  func(testing.TB)
		failed bool
		skip   bool
		said   string
	}{
		"nothing wrong":                 {func(tb testing.TB) { tb.Log("well") }, false, false, "well"},
		"an error goes on":              {func(tb testing.TB) { tb.Errorf("bad %d", 1); tb.Log("after") }, true, false, "after"},
		"a fatal error ends the check":  {func(tb testing.TB) { tb.Fatal("bad"); tb.Log("after") }, true, false, "bad"},
		"a panic is a failure":          {func(testing.TB) { panic("ouch") }, true, false, "ouch"},
		"a failing clean-up is noticed": {func(tb testing.TB) { tb.Cleanup(func() { tb.Fatalf("late") }) }, true, false, "late"},
		"a skip is told":                {func(tb testing.TB) { tb.Skip("cannot") }, false, true, "cannot"},
	} {
		t.Run(name, func(t *testing.T) {
			got := trial.Run(t, c.check)
			if got.Failed != c.failed || got.Skipped != c.skip || !strings.Contains(got.Log, c.said) {
				t.Errorf("outcome %+v, want failed %v, skipped %v, saying %q", got, c.failed, c.skip, c.said)
			}
			if strings.Contains(got.Log, "after") && c.said != "after" {
				t.Errorf("the check went on after its end: %s", got.Log)
			}
		})
	}
}

func TestCleanUpsRunLastFirst(t *testing.T) {
	var order []string
	trial.Run(t, func(tb testing.TB) {
		tb.Cleanup(func() { order = append(order, "first") })
		tb.Cleanup(func() { order = append(order, "second") })
		tb.FailNow()
	})
	if got := strings.Join(order, " "); got != "second first" {
		t.Errorf("clean-ups ran %q", got)
	}
}
