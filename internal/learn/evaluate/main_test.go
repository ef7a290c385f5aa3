package evaluate

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// written puts a history into a file and returns its path.
func written(t *testing.T, name, history string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(history), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// evaluated runs evaluate and returns its exit code and what it printed.
func evaluated(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(t.Context(), args, &out, &errs, Outside{Book: oneBook, Now: time.Now})
	return code, out.String(), errs.String()
}

func oneBook(_ context.Context, id string) (History, error) {
	if id != "ours" {
		return History{}, errors.New("no such book")
	}
	h, err := ReadCSV("Our Book", strings.NewReader(monthly(10)))
	h.Note = "half of it was done by the app"
	return h, err
}

func readPredictions(t *testing.T, path string) [][]string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestOneFileIsReportedAsPinned(t *testing.T) {
	file := written(t, "book.csv", monthly(10))
	predictions := filepath.Join(t.TempDir(), "out.csv")
	for _, args := range [][]string{
		{file, "--json", "--predictions", predictions},
		{"--json", "--predictions=" + predictions, file},
		{"--predictions", predictions, file, "-json"},
	} {
		code, stdout, stderr := evaluated(t, args...)
		if code != 0 || strings.Count(stdout, "\n") != 1 {
			t.Fatalf("%v: %d, %s%s", args, code, stdout, stderr)
		}
		var got struct {
			Rows, Suggested, Correct      int
			Coverage, Precision, Accuracy float64
			Auto                          struct {
				Completed, Correct  int
				Coverage, Precision float64
			}
			Seconds *float64
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		if got.Rows != 10 || got.Suggested != 9 || got.Correct != 9 || got.Coverage != 0.9 || got.Precision != 1 || got.Accuracy != 0.9 ||
			got.Seconds == nil || *got.Seconds <= 0 {
			t.Errorf("%v: %s", args, stdout)
		}
		if a := got.Auto; a.Completed < 4 || a.Correct != a.Completed || a.Precision != 1 || a.Coverage != float64(a.Completed)/10 {
			t.Errorf("%v: %s", args, stdout)
		}
		var names map[string]json.RawMessage
		if err := json.Unmarshal([]byte(stdout), &names); err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields("rows suggested correct coverage precision accuracy auto seconds curve calibration settings") {
			if _, has := names[name]; !has {
				t.Errorf("%v: no %s in %s", args, name, stdout)
			}
		}
		rows := readPredictions(t, predictions)
		if diff := cmp.Diff([][]string{{"row", "suggested_account", "confidence", "completed"}, {"1", "", "0.0000", "false"}}, rows[:2]); diff != "" || len(rows) != 11 {
			t.Errorf("%d lines: %s", len(rows), diff)
		}
		if last := rows[10]; last[0] != "10" || last[1] != "Subscriptions" || last[3] != "true" {
			t.Errorf("last line: %v", last)
		}
	}
}

func TestOneFileIsShownToPeople(t *testing.T) {
	code, stdout, stderr := evaluated(t, written(t, "book.csv", monthly(60)))
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{
		"book", "60 rows, 98.3 % of them suggested right", "learning curve", "rows 1-50 ", "rows 51-100 ",
		"98 % right ", "how sure it said it was", "said 95 to 99 % ",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "\n ") || strings.HasPrefix(stdout, " ") {
		t.Errorf("lines begin with spaces:\n%s", stdout)
	}
}

func TestSeveralAreReportedEachAndTogether(t *testing.T) {
	first, second := written(t, "first.csv", monthly(10)), written(t, "second.csv", shops(60))
	predictions := filepath.Join(t.TempDir(), "out.csv")
	code, stdout, stderr := evaluated(t, first, second, "--book", "ours", "--json", "--predictions", predictions)
	if code != 0 {
		t.Fatal(stderr)
	}
	var got Together
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if got.Rows != 80 || got.Mean.Books != 3 || len(got.Books) != 3 {
		t.Fatalf("%s", stdout)
	}
	for i, want := range []struct {
		name string
		rows int
	}{{"first", 10}, {"second", 60}, {"Our Book", 10}} {
		if b := got.Books[i]; b.Name != want.name || b.Rows != want.rows {
			t.Errorf("book %d: %s of %d rows, want %v", i, b.Name, b.Rows, want)
		}
	}
	rows := readPredictions(t, predictions)
	if len(rows) != 81 || strings.Join(rows[0], ",") != "row,suggested_account,confidence,completed,file" ||
		rows[10][0] != "10" || rows[10][4] != first || rows[11][0] != "1" || rows[11][4] != second || rows[80][4] != "--book ours" {
		t.Errorf("%d lines: %v, %v, %v", len(rows), rows[0], rows[10], rows[11])
	}
	_, stdout, _ = evaluated(t, first, second, "--book", "ours")
	for _, want := range []string{"first ", "second ", "Our Book ", "mean of the books", "all rows together", "80 rows of 3 books", "Our Book: half of it"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
}

func TestNothingIsCompletedAtNever(t *testing.T) {
	code, stdout, _ := evaluated(t, written(t, "book.csv", monthly(30)), "--sure", "never", "--json")
	var got Report
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 || got.Auto.Completed != 0 || got.Settings[1].Completed == 0 {
		t.Errorf("%d, %v: %s", code, err, stdout)
	}
}

func TestThePictureIsWellFormedAndSaysWhatItShows(t *testing.T) {
	dir := t.TempDir()
	plot := filepath.Join(dir, "curve.svg")
	odd := written(t, `a<b>&"c.csv`, shops(120))
	for _, files := range [][]string{{odd}, {odd, written(t, "short.csv", monthly(3))}, {written(t, "none.csv", header)}} {
		if code, _, stderr := evaluated(t, append(files, "--plot", plot)...); code != 0 {
			t.Fatal(stderr)
		}
		picture, err := os.ReadFile(plot)
		if err != nil {
			t.Fatal(err)
		}
		for decoder := xml.NewDecoder(bytes.NewReader(picture)); ; {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v: %v", files, err)
			}
		}
		for _, want := range []string{"Learning curve", "rows of the book, oldest first", "share of rows", "100 %", "prefers-color-scheme: dark"} {
			if !bytes.Contains(picture, []byte(want)) {
				t.Errorf("%v: no %q in the picture", files, want)
			}
		}
		if bytes.Contains(picture, []byte("NaN")) || bytes.Contains(picture, []byte("http://")) && bytes.Count(picture, []byte("http://")) > 1 {
			t.Errorf("%v: %s", files, picture)
		}
		if len(files) > 1 != bytes.Contains(picture, []byte(`class="book"`)) {
			t.Errorf("%v: the curves of the books", files)
		}
	}
}

func TestMainRefusesWithAReason(t *testing.T) {
	good, bad := written(t, "good.csv", monthly(3)), written(t, "bad.csv", header+"x,1,2,3,4\n")
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "takes a file at least, or a book"},
		{[]string{"--colour", "a.csv"}, 2, "colour"},
		{[]string{"--sure", "97", good}, 2, "95, 98, 99 or never"},
		{[]string{"--book", "", good}, 2, "name a book"},
		{[]string{"--help"}, 0, "usage"},
		{[]string{"/no/such/file.csv"}, 1, "no such file"},
		{[]string{good, bad}, 1, bad + ": line 2: date"},
		{[]string{"--book", "theirs"}, 1, "--book theirs: no such book"},
		{[]string{good, "--predictions", "/no/such/folder/out.csv"}, 1, "no such file"},
		{[]string{good, "--plot", "/no/such/folder/out.svg"}, 1, "no such file"},
		{[]string{good, "--predictions", good}, 1, "is to be read: write to another file"},
		{[]string{good, "--plot", good}, 1, "is to be read: write to another file"},
	} {
		code, stdout, stderr := evaluated(t, test.args...)
		if code != test.code || !strings.Contains(stderr, test.want) {
			t.Errorf("%v: %d, %q", test.args, code, stderr)
		}
		if stdout != "" {
			t.Errorf("%v printed %q", test.args, stdout)
		}
	}
	if kept, err := os.ReadFile(good); err != nil || string(kept) != monthly(3) {
		t.Error("the file that was read is not what it was")
	}
}

func TestNothingIsWrittenUnlessAllCouldBeEvaluated(t *testing.T) {
	good, bad := written(t, "good.csv", monthly(3)), written(t, "bad.csv", header+"x,1,2,3,4\n")
	out := filepath.Join(t.TempDir(), "out")
	if code, _, _ := evaluated(t, good, bad, "--predictions", out+".csv", "--plot", out+".svg"); code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, end := range []string{".csv", ".svg"} {
		if _, err := os.Stat(out + end); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", end, err)
		}
	}
}
