package learn

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheShippedWeightsSayWhereTheyComeFrom(t *testing.T) {
	w, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	if w.Evidence[eBook] <= 0 || w.Signs[sOdds] <= 0 || w.Asked[degrees/2] <= 0 {
		t.Errorf("weights that cannot be: %+v", w)
	}
	for _, want := range []string{"sha256", "rows", "organisations", "without its organisation", "Fitted on"} {
		if !strings.Contains(shipped, want) {
			t.Errorf("the weights do not say: %s", want)
		}
	}
}

func TestWeightsAreReadAsTheyAreWritten(t *testing.T) {
	w, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseWeights("# a comment\n\n" + w.String())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, again); diff != "" {
		t.Error(diff)
	}
}

func TestBadWeightsAreRefused(t *testing.T) {
	good := (&Weights{}).String()
	for name, text := range map[string]string{
		"a weight twice":        good + "evidence book 1\n",
		"an unknown weight":     good + "evidence luck 1\n",
		"a weight left out":     strings.Replace(good, "evidence book", "#", 1),
		"no number":             strings.Replace(good, "0.0000", "much", 1),
		"a column left out":     strings.Replace(good, "0.0000    0.0000", "0.0000", 1),
		"a word":                good + "evidence\n",
		"nothing":               "",
		"a line without an end": good + strings.Repeat("x", 1<<17),
	} {
		if w, err := ParseWeights(text); err == nil {
			t.Errorf("%s: %v", name, w)
		}
	}
}
