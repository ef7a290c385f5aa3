package evaluate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/learn"
	"github.com/bank-connections/bkper-bot/internal/learn/evaluate/labelled"
)

const header = labelled.Header + "\n"

func history(t testing.TB, file string) History {
	t.Helper()
	h, err := ReadCSV("book", strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func replay(t testing.TB, h History, options Options) Report {
	t.Helper()
	report, err := Replay(t.Context(), h, options)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func run(t testing.TB, file string) Report {
	t.Helper()
	return replay(t, history(t, file), Options{})
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

func TestAnAccountIsSuggestedByItsNameSinceItIsKnown(t *testing.T) {
	for since, want := range map[bank.Date]int{
		bank.NewDate(2020, 1, 1): 1,
		bank.NewDate(2020, 1, 2): 1,
		bank.NewDate(2020, 1, 3): 0,
		{}:                       0,
	} {
		h := history(t, header+"2020-01-02,-700,Rent January,Checking,7\n")
		h.Chart = []Account{{learn.Account{ID: "7", Name: "Rent", Kind: learn.Outgoing, Archived: true}, since}}
		var name string
		got := replay(t, h, Options{Each: func(p Prediction) { name = p.Name }})
		if got.Correct != want || (want == 1 && name != "Rent") {
			t.Errorf("known since %v: %d right, %q", since, got.Correct, name)
		}
	}
}

func TestBothSidesOfATransferAreAskedBeforeEitherIsLearned(t *testing.T) {
	rows := history(t, header+"2020-01-02,-700,to savings,Checking,Savings\n2020-01-02,700,to savings,Savings,Checking\n").Entries
	suggested := 0
	replay(t, History{Entries: [][]learn.Lesson{append(rows[0], rows[1]...)}}, Options{Each: func(p Prediction) {
		if p.Account != "" {
			suggested++
		}
	}})
	if suggested != 0 {
		t.Errorf("%d sides were known from the other", suggested)
	}
}

func TestZeroRowsAreSafe(t *testing.T) {
	if got := run(t, header); got.Rows != 0 || got.Accuracy != 0 || len(got.Curve) != 0 {
		t.Errorf("%+v", got)
	}
	if got := Join(nil); got.Mean.Accuracy != 0 || len(got.SVG()) == 0 || got.Print(io.Discard) != nil {
		t.Errorf("%+v", got)
	}
}

func TestRowsOutOfOrderAreTakenInTheOrderOfTheFile(t *testing.T) {
	lines := strings.SplitAfter(strings.TrimPrefix(monthly(200), header), "\n")
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	if got := run(t, header+strings.Join(lines, "")); got.Rows != 200 || got.Correct != 199 {
		t.Errorf("%+v", got)
	}
}

// predicted returns what was suggested for each row.
func predicted(t testing.TB, h History) []Prediction {
	t.Helper()
	var all []Prediction
	replay(t, h, Options{Each: func(p Prediction) { all = append(all, p) }})
	return all
}

// TestTheFutureDoesNotChangeAPrediction changes all that comes after a row:
// it is taken away, put into another order, given other answers, other texts,
// accounts that were never seen, and is said again and again.
func TestTheFutureDoesNotChangeAPrediction(t *testing.T) {
	books := map[string]History{"made": history(t, shops(100))}
	for i, file := range labelledBooks() {
		if i%4 != 0 {
			continue // two of the eight are enough, and quick
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		h := history(t, string(content))
		h.Entries = h.Entries[:min(len(h.Entries), 100)]
		books[filepath.Base(file)] = h
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for name, book := range books {
		whole := predicted(t, book)
		for _, n := range []int{5, 70} {
			for change, future := range futures(book.Entries[n:], rng) {
				changed := book
				changed.Entries = slices.Concat(book.Entries[:n], future)
				if diff := cmp.Diff(whole[:n], predicted(t, changed)[:n]); diff != "" {
					t.Errorf("%s: rows up to %d, where the later ones are %s: %s", name, n, change, diff)
				}
			}
		}
	}
}

// futures are other lives after the same past.
func futures(entries [][]learn.Lesson, rng *rand.Rand) map[string][][]learn.Lesson {
	change := func(what func(i int, l *learn.Lesson)) [][]learn.Lesson {
		changed := make([][]learn.Lesson, len(entries))
		for i, e := range entries {
			l := e[0]
			what(i, &l)
			changed[i] = []learn.Lesson{l}
		}
		return changed
	}
	order := rng.Perm(len(entries))
	return map[string][][]learn.Lesson{
		"gone":         nil,
		"shuffled":     change(func(i int, l *learn.Lesson) { id := l.ID; *l = entries[order[i]][0]; l.ID = id }),
		"new accounts": change(func(i int, l *learn.Lesson) { l.Account = fmt.Sprint("new ", i%9) }),
		"other answers": change(func(i int, l *learn.Lesson) {
			l.Account = entries[order[i]][0].Account
		}),
		"of one text": change(func(_ int, l *learn.Lesson) { l.Text = entries[0][0].Text }),
		"all alike":   change(func(_ int, l *learn.Lesson) { id := l.ID; *l = entries[0][0]; l.ID = id }),
	}
}

// shops returns a history of a few shops, coded a little differently now and
// then.
func shops(n int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString(header)
	day := bank.NewDate(2020, 1, 1)
	for i := range n {
		shop := rng.IntN(9)
		fmt.Fprintf(&b, "%s,-%d.00,shop %c store,card%d,Account %d\n", day.AddDays(i/3), 1+rng.IntN(50), 'a'+rune(shop), rng.IntN(2), (shop+rng.IntN(2))%6)
	}
	return b.String()
}

func labelledBooks() []string {
	files, err := filepath.Glob("../../../../shared/datasets/*.csv")
	if err != nil {
		return nil
	}
	return files
}

func TestTheCurveHoldsEveryRowOnce(t *testing.T) {
	for _, n := range []int{1, 50, 51, 201, 1100} {
		got := run(t, shops(n))
		var sum Counts
		for i, s := range got.Curve {
			if s.From != stretches[i].from || s.To != stretches[i].to || s.Rows == 0 {
				t.Errorf("%d rows: stretch %d is %+v", n, i, s)
			}
			sum.plus(s.Counts)
		}
		sum.share()
		if diff := cmp.Diff(got.Counts, sum); diff != "" {
			t.Errorf("%d rows: %s", n, diff)
		}
		said := 0
		for _, b := range got.Calibration {
			said += b.Rows
			if b.Rows > 0 && (b.Said < b.From || b.Said > b.To) {
				t.Errorf("%d rows: band %+v", n, b)
			}
		}
		if said != got.Suggested {
			t.Errorf("%d suggested, %d in bands", got.Suggested, said)
		}
	}
}

func TestASettingCompletesWhatIsSoSure(t *testing.T) {
	h := history(t, shops(300)+strings.TrimPrefix(monthly(60), header))
	all := replay(t, h, Options{}).Settings
	for i, sure := range []learn.Sureness{learn.Sure95, learn.Sure98, learn.Sure99} {
		if got := replay(t, h, Options{Sure: sure}).Auto; all[i].Sure != sure || all[i].Auto != got {
			t.Errorf("%d: %+v beside %+v", sure, all[i], got)
		}
	}
	if got := replay(t, h, Options{}).Auto; got != all[1].Auto || got.Completed == 0 {
		t.Errorf("98 is usual: %+v", got)
	}
	if got := replay(t, h, Options{Sure: learn.Never}).Auto; got != (Auto{}) {
		t.Errorf("never: %+v", got)
	}
	if all[0].Completed < all[1].Completed || all[1].Completed < all[2].Completed {
		t.Errorf("the stricter completes more: %+v", all)
	}
}

func TestMeansAreOverBooksAndSumsOverRows(t *testing.T) {
	book := func(rows, correct, completed, kept int) Book {
		c := Counts{Rows: rows, Suggested: rows, Correct: correct, Auto: Auto{Completed: completed, Correct: kept}}
		r := newReport()
		r.Counts = c
		r.Curve = append(r.Curve, Stretch{From: 1, To: 50, Counts: c})
		r.Settings[0].Auto = c.Auto
		r.Calibration[6] = Band{From: 0.99, To: 1, Rows: rows, Correct: correct, Said: 0.995 * float64(rows)}
		r.finish()
		return Book{Name: "b", Report: *r}
	}
	long := book(300, 300, 100, 99)
	long.Curve = append(long.Curve, Stretch{From: 51, To: 100, Counts: Counts{Rows: 50, Correct: 25, Accuracy: 0.5}})
	got := Join([]Book{book(100, 0, 0, 0), long})
	if got.Rows != 400 || got.Accuracy != 0.75 || got.Auto.Coverage != 0.25 || got.Auto.Precision != 0.99 {
		t.Errorf("sums: %+v", got.Counts)
	}
	want := Shares{Books: 2, Coverage: 1, Precision: 0.5, Accuracy: 0.5, Auto: MeanAuto{Coverage: 1.0 / 6, Precision: 0.99}}
	if diff := cmp.Diff(want, got.Mean.Shares, near); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, got.Mean.Curve[0].Shares, near); diff != "" {
		t.Error(diff)
	}
	if m := got.Mean.Curve[1]; m.Books != 1 || m.Accuracy != 0.5 || len(got.Mean.Curve) != 2 || got.Curve[1].Accuracy != 0.5 {
		t.Errorf("the second stretch: %+v", m)
	}
	if s := got.Settings[0]; s.Completed != 100 || s.Coverage != 0.25 || got.Mean.Settings[0].MeanAuto != want.Auto {
		t.Errorf("settings: %+v, %+v", s, got.Mean.Settings[0])
	}
	if b := got.Calibration[6]; b.Rows != 400 || b.Right != 0.75 || math.Abs(b.Said-0.995) > 1e-9 {
		t.Errorf("band: %+v", b)
	}
}

var near = cmpopts.EquateApprox(0, 1e-9)

func TestACancelledRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Replay(ctx, history(t, monthly(3)), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestSecondsComeFromTheGivenClock(t *testing.T) {
	at := time.Unix(0, 0)
	got := replay(t, history(t, monthly(3)), Options{Now: func() time.Time {
		at = at.Add(2 * time.Second)
		return at
	}})
	if got.Seconds != 2 {
		t.Errorf("%v", got.Seconds)
	}
}

// TestLabelledBooks holds the learner to what it reached on the beginnings of
// real books, less a little; the weights it ships were fitted on the same ones.
func TestLabelledBooks(t *testing.T) {
	files := labelledBooks()
	if len(files) == 0 {
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
			got := replay(t, history(t, string(bytes.Join(lines[:min(len(lines), 1+maxRows)], nil))), Options{Now: time.Now})
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

// BenchmarkReplay4000 is evaluate on 4,000 rows of the largest labelled book,
// or of a made one where there is none.
func BenchmarkReplay4000(b *testing.B) {
	file := []byte(shops(4000))
	for _, name := range labelledBooks() {
		if content, err := os.ReadFile(name); err == nil && len(content) > len(file) {
			file = content
		}
	}
	lines := bytes.SplitAfter(file, []byte("\n"))
	file = bytes.Join(lines[:min(len(lines), 4001)], nil)
	b.ReportAllocs()
	for b.Loop() {
		replay(b, history(b, string(file)), Options{})
	}
}
