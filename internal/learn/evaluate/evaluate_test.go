package evaluate

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const header = "date,amount,description,bank_account,counter_account\n"

func run(t *testing.T, history string) Report {
	t.Helper()
	report, err := Run(t.Context(), strings.NewReader(history), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// monthly returns a history of one merchant, n months long.
func monthly(n int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		fmt.Fprintf(&b, "%d-%02d-03,-39.90,NETFLIX.COM,Checking,Subscriptions\n", 2020+i/12, 1+i%12)
	}
	return b.String()
}

func TestEveryRowIsAskedBeforeItIsLearned(t *testing.T) {
	got := run(t, monthly(10))
	if got.Rows != 10 || got.Suggested != 9 || got.Correct != 9 {
		t.Errorf("the first row cannot be known, all others can: %+v", got)
	}
	if got.Coverage != 0.9 || got.Precision != 1 || got.Accuracy != 0.9 {
		t.Errorf("shares: %+v", got)
	}
	if a := got.Auto; a.Completed < 5 || a.Correct != a.Completed || a.Precision != 1 || a.Coverage != float64(a.Completed)/10 {
		t.Errorf("completed: %+v", a)
	}
}

func TestAnAccountIsNotSuggestedBeforeItWasSeen(t *testing.T) {
	got := run(t, header+
		"2020-01-01,-5,coffee,Checking,Drinks\n"+
		"2020-01-02,-700,Rent January,Checking,Rent\n")
	if got.Correct != 0 {
		t.Errorf("the name of an account to come was known: %+v", got)
	}
}

func TestZeroRowsAreSafe(t *testing.T) {
	if got := run(t, header); got != (Report{}) {
		t.Errorf("%+v", got)
	}
}

func TestFormsOfTheSameFileGiveTheSameReport(t *testing.T) {
	plain := monthly(8)
	want := run(t, plain)
	for name, form := range map[string]string{
		"byte order mark":     "\ufeff" + plain,
		"CRLF":                strings.ReplaceAll(plain, "\n", "\r\n"),
		"quotes":              strings.ReplaceAll(plain, "NETFLIX.COM", `"NETFLIX.COM"`),
		"no newline at end":   strings.TrimSuffix(plain, "\n"),
		"spaces":              strings.ReplaceAll(plain, ",-39.90,", ", -39.90 ,"),
		"a column more":       strings.ReplaceAll(plain, "\n", ",x\n"),
		"a text of two lines": strings.ReplaceAll(plain, "NETFLIX.COM", "\"NETFLIX\nCOM\""),
	} {
		if diff := cmp.Diff(want, run(t, form)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	moved := "counter_account,bank_account,description,amount,date\n" +
		strings.Repeat("Subscriptions,Checking,NETFLIX.COM,-39.90,2020-01-03\n", 8)
	if got := run(t, moved); got.Correct != want.Correct {
		t.Errorf("columns in another order: %+v", got)
	}
}

func TestRowsOutOfOrderAreTakenInTheOrderOfTheFile(t *testing.T) {
	lines := strings.SplitAfter(strings.TrimPrefix(monthly(200), header), "\n")
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	if got := run(t, header+strings.Join(lines, "")); got.Rows != 200 || got.Correct != 199 {
		t.Errorf("%+v", got)
	}
}

func TestBadInputNamesTheLineAndTheReason(t *testing.T) {
	good := "2020-01-01,-5,coffee,Checking,Drinks\n"
	for name, test := range map[string]struct{ history, want string }{
		"empty":          {"", "must begin with the line date,amount"},
		"missing column": {"date,amount,description,bank_account\n", `no column "counter_account"`},
		"bad date":       {header + good + "03/01/2020,-5,coffee,Checking,Drinks\n", "line 3: date"},
		"bad amount":     {header + good + good + "2020-01-01,five,coffee,Checking,Drinks\n", "line 4: amount"},
		"short line":     {header + "2020-01-01,-5,coffee\n", "line 2: bank_account is missing"},
		"no label":       {header + "2020-01-01,-5,coffee,Checking,\n", "line 2: counter_account is empty"},
		"open quote":     {header + good + "2020-01-01,-5,\"coffee,Checking,Drinks\n", "line 3"},
	} {
		_, err := Run(t.Context(), strings.NewReader(test.history), Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

func TestTheFutureDoesNotChangeAPrediction(t *testing.T) {
	predict := func(history string) []string {
		var out bytes.Buffer
		if _, err := Run(t.Context(), strings.NewReader(history), Options{Predictions: &out}); err != nil {
			t.Fatal(err)
		}
		return strings.SplitAfter(out.String(), "\n")
	}
	rng := rand.New(rand.NewPCG(3, 4))
	var b strings.Builder
	b.WriteString(header)
	for i := range 120 {
		shop := rng.IntN(9)
		fmt.Fprintf(&b, "2020-%02d-%02d,-%d.00,shop %c store,card%d,Account %d\n", 1+i/28, 1+i%28, 1+rng.IntN(50), 'a'+rune(shop), rng.IntN(2), (shop+rng.IntN(2))%6)
	}
	lines := strings.SplitAfter(b.String(), "\n")
	whole := predict(b.String())
	for _, n := range []int{20, 60, 100} {
		part := predict(strings.Join(lines[:n+1], ""))
		if diff := cmp.Diff(whole[:n+1], part[:n+1]); diff != "" {
			t.Errorf("after %d rows: %s", n, diff)
		}
	}
}

func TestACancelledRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, strings.NewReader(monthly(3)), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestSecondsComeFromTheGivenClock(t *testing.T) {
	at := time.Unix(0, 0)
	got, err := Run(t.Context(), strings.NewReader(monthly(3)), Options{Now: func() time.Time {
		at = at.Add(2 * time.Second)
		return at
	}})
	if err != nil || got.Seconds != 2 {
		t.Errorf("%v, %v", got.Seconds, err)
	}
}

func TestMainPrintsAsPinned(t *testing.T) {
	dir := t.TempDir()
	file, predictions := filepath.Join(dir, "book.csv"), filepath.Join(dir, "out.csv")
	if err := os.WriteFile(file, []byte(monthly(10)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{file, "--json", "--predictions", predictions},
		{"--json", "--predictions=" + predictions, file},
		{"--predictions", predictions, file, "-json"},
	} {
		var stdout, stderr bytes.Buffer
		if code := Main(t.Context(), args, &stdout, &stderr); code != 0 {
			t.Fatalf("%v: %d, %s", args, code, stderr.String())
		}
		var got map[string]any
		if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields("rows suggested correct coverage precision accuracy auto seconds") {
			if _, has := got[name]; !has {
				t.Errorf("%v: no %s in %s", args, name, stdout.String())
			}
		}
		for _, name := range strings.Fields("completed correct coverage precision") {
			if _, has := got["auto"].(map[string]any)[name]; !has {
				t.Errorf("%v: no auto.%s in %s", args, name, stdout.String())
			}
		}
		written, err := os.ReadFile(predictions)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(written)).ReadAll()
		if err != nil || len(rows) != 11 {
			t.Fatalf("%d lines, %v", len(rows), err)
		}
		if diff := cmp.Diff([][]string{{"row", "suggested_account", "confidence", "completed"}, {"1", "", "0.0000", "false"}}, rows[:2]); diff != "" {
			t.Error(diff)
		}
		if last := rows[10]; last[0] != "10" || last[1] != "Subscriptions" || last[3] != "true" {
			t.Errorf("last line: %v", last)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := Main(t.Context(), []string{file}, &stdout, &stderr); code != 0 || !strings.Contains(stdout.String(), "90.0 %") {
		t.Errorf("table: %d\n%s%s", code, stdout.String(), stderr.String())
	}
}

func TestMainRefusesWithAReason(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte(header+"x,1,2,3,4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "takes one file"},
		{[]string{"a.csv", "b.csv"}, 2, "takes one file"},
		{[]string{"--colour", "a.csv"}, 2, "colour"},
		{[]string{"--help"}, 0, "usage"},
		{[]string{"/no/such/file.csv"}, 1, "no such file"},
		{[]string{bad}, 1, "line 2: date"},
		{[]string{bad, "--predictions", "/no/such/folder/out.csv"}, 1, "no such file"},
	} {
		var stdout, stderr bytes.Buffer
		if code := Main(t.Context(), test.args, &stdout, &stderr); code != test.code || !strings.Contains(stderr.String(), test.want) {
			t.Errorf("%v: %d, %q", test.args, code, stderr.String())
		}
		if stdout.Len() > 0 {
			t.Errorf("%v printed %q", test.args, stdout.String())
		}
	}
}

// TestLabelledBooks holds the learner to what it reached on the beginnings of
// real books, less a little; the weights it ships were fitted on the same ones.
func TestLabelledBooks(t *testing.T) {
	files, err := filepath.Glob("../../../../shared/datasets/*.csv")
	if err != nil || len(files) == 0 {
		t.Skip("no labelled books beside the checkout (../shared/datasets)")
	}
	const maxRows = 800 // of each book, so that the race detector gets through
	var accuracy, coverage, completed, correct float64
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			book, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := bytes.SplitAfter(book, []byte("\n"))
			history := bytes.Join(lines[:min(len(lines), 1+maxRows)], nil)
			got, err := Run(t.Context(), bytes.NewReader(history), Options{Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%5d rows, accuracy %.1f %%, completed %.1f %% at %.1f %%, %.2f s", got.Rows,
				100*got.Accuracy, 100*got.Auto.Coverage, 100*got.Auto.Precision, got.Seconds)
			accuracy += got.Accuracy
			coverage += got.Auto.Coverage
			completed += float64(got.Auto.Completed)
			correct += float64(got.Auto.Correct)
		})
	}
	n := float64(len(files))
	t.Logf("mean accuracy %.2f %%, mean completed %.2f %%, pooled precision %.2f %%", 100*accuracy/n, 100*coverage/n, 100*correct/completed)
	if accuracy/n < 0.69 || coverage/n < 0.31 || correct/completed < 0.975 {
		t.Error("the learner got worse")
	}
}
