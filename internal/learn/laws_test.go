package learn

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// state writes down everything that a Learner knows, accounts by their ids.
func (l *Learner) state() string {
	l.settle()
	var b strings.Builder
	var parts []string
	id := func(number int32) string {
		if number < 0 {
			return "none"
		}
		return l.accountIDs[number]
	}
	for i, s := range l.all {
		o := l.rows[i].outcome
		fmt.Fprintf(&b, "lesson %s %x %s %s %v %d %v\n", s.id, s.content, id(s.account), id(o.top), o.right, o.degree, l.rows[i].first)
	}
	for _, key := range slices.Sorted(maps.Keys(l.index)) {
		fmt.Fprintf(&b, "list %x", key)
		for _, at := range l.index[key].at {
			fmt.Fprintf(&b, " %s", l.all[at].id)
		}
		fmt.Fprintln(&b)
	}
	for name, w := range map[string]*witness{"asked": &l.witnesses.asked, "next": &l.witnesses.next} {
		lines := []string{}
		for feature, cells := range w.rows {
			line := []string{}
			for _, c := range cells {
				line = append(line, fmt.Sprint(id(w.accounts[c.place]), c.weight, c.moves))
			}
			slices.Sort(line)
			lines = append(lines, fmt.Sprintf("%s %x %v", name, feature, line))
		}
		slices.Sort(lines)
		parts = append(parts, strings.Join(lines, "\n"))
	}
	slices.Sort(parts)
	fmt.Fprintln(&b, strings.Join(parts, "\n"))
	fmt.Fprintf(&b, "%d known, %+v, sure from %d\n", len(l.byID), l.habits, l.sureFrom())
	return b.String()
}

func lessonGen(ids int) *rapid.Generator[Lesson] {
	return rapid.Custom(func(t *rapid.T) Lesson {
		text := rapid.SampledFrom([]string{"NETFLIX.COM", "Amazon Mktp 1234", "PIX ENVIADO JOAO SILVA", "rent may #home", "", "4711", "SQ *COFFEE", "コーヒー 東京"}).Draw(t, "text")
		return Lesson{
			Movement: Movement{
				ID:                  fmt.Sprint("id", rapid.IntRange(0, ids).Draw(t, "id")),
				BankAccount:         rapid.SampledFrom([]string{"checking", "card", "books"}).Draw(t, "bank"),
				Date:                bank.NewDate(2026, 1, 1).AddDays(rapid.IntRange(0, 40).Draw(t, "day")),
				Amount:              money.DecimalFromUnits(int64(rapid.SampledFrom([]int{-1000, -995, -20, 0, 500000}).Draw(t, "amount")), 2),
				Text:                text,
				Counterparty:        rapid.SampledFrom([]string{"", "Joao"}).Draw(t, "party"),
				CounterpartyAccount: rapid.SampledFrom([]string{"", "DE89 3704"}).Draw(t, "payee"),
				Category:            rapid.SampledFrom([]string{"", "travel"}).Draw(t, "category"),
			},
			Account: rapid.SampledFrom([]string{"books", "rent", "food", "salary", "travel"}).Draw(t, "account"),
		}
	})
}

// distinctLessons draws lessons of different ids.
func distinctLessons(t *rapid.T) []Lesson {
	all := rapid.SliceOfN(lessonGen(0), 0, 150).Draw(t, "lessons")
	for i := range all {
		all[i].ID = fmt.Sprintf("%03d", i)
	}
	return all
}

func seeded(t *rapid.T) *rand.Rand { return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)) }

func TestTheOrderOfLessonsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := distinctLessons(t)
		want := taught(all).state()
		seeded(t).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		l := New()
		for i, s := range all {
			l.Learn(s)
			if i%7 == 0 {
				l.Suggest(all[0].Movement)
			}
		}
		if diff := cmp.Diff(want, l.state()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestLearnedAndTakenBackIsNeverLearned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := distinctLessons(t)
		var kept, dropped []Lesson
		l := New()
		for i, s := range all {
			l.Learn(s)
			if rapid.Bool().Draw(t, "drop") {
				dropped = append(dropped, s)
			} else {
				kept = append(kept, s)
			}
			if i%5 == 0 {
				l.Suggest(s.Movement)
			}
		}
		seeded(t).Shuffle(len(dropped), func(i, j int) { dropped[i], dropped[j] = dropped[j], dropped[i] })
		for i, s := range dropped {
			l.Unlearn(s.ID)
			if i%5 == 0 {
				l.Suggest(s.Movement)
			}
		}
		never := taught(kept)
		if diff := cmp.Diff(never.state(), l.state()); diff != "" {
			t.Fatal(diff)
		}
		question := lessonGen(0).Draw(t, "question").Movement
		want, wantOK := never.Suggest(question)
		got, ok := l.Suggest(question)
		if diff := cmp.Diff(want, got); diff != "" || ok != wantOK {
			t.Fatal(diff)
		}
	})
}

// TestTheFutureChangesNothingBefore holds that what would have been suggested
// for a lesson does not depend on the ones after it.
func TestTheFutureChangesNothingBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := distinctLessons(t)
		slices.SortFunc(all, func(a, b Lesson) int { return a.Date.Compare(b.Date) })
		for i := range all {
			all[i].ID = fmt.Sprintf("%03d", i)
		}
		now := rapid.IntRange(0, len(all)).Draw(t, "now")
		past, whole := taught(all[:now]), taught(all)
		past.settle()
		whole.settle()
		for i := range now {
			was, is := past.rows[i].outcome, whole.rows[i].outcome
			if was.right != is.right || was.degree != is.degree {
				t.Fatalf("lesson %d of %d: %+v, with %d more %+v", i, now, was, len(all)-now, is)
			}
		}
	})
}

func TestOnlyTheLatestLessonOfAnIDCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(lessonGen(20), 0, 100).Draw(t, "lessons")
		l := New()
		latest := map[string]Lesson{}
		for _, s := range all {
			l.Learn(s)
			l.Learn(s)
			latest[s.ID] = s
		}
		want := taught(slices.Collect(maps.Values(latest)))
		if diff := cmp.Diff(want.state(), l.state()); diff != "" {
			t.Fatal(diff)
		}
		if l.Lessons() != len(latest) {
			t.Fatalf("%d lessons, want %d", l.Lessons(), len(latest))
		}
	})
}

func TestSuggestChangesNothingAndAnswersAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := taught(distinctLessons(t))
		l.SetAccounts([]Account{{ID: "books", Name: "Books"}, {ID: "rent", Name: "Rent"}, {ID: "food", Archived: true}, {ID: "new", Name: "Netflix"}})
		before := l.state()
		m := lessonGen(0).Draw(t, "question").Movement
		first, _ := l.Suggest(m)
		l.Suggest(lessonGen(0).Draw(t, "other").Movement)
		second, _ := l.Suggest(m)
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(before, l.state()); diff != "" {
			t.Fatal(diff)
		}
		switch first.Account {
		case "", "books", "rent", "new":
			if first.Account == m.BankAccount && first.Account != "" {
				t.Fatalf("suggests the bank account itself: %+v", first)
			}
		default:
			t.Fatalf("suggests an account that is archived or not in the chart: %+v", first)
		}
		if first.Confidence < 0 || first.Confidence > 1 || (first.Account != "") != (first.Reason != "") {
			t.Fatalf("%+v", first)
		}
	})
}

func TestTheOrderOfTheChartDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := distinctLessons(t)
		chart := []Account{{ID: "books", Name: "Books Amazon"}, {ID: "rent", Name: "Rent"}, {ID: "food", Name: "Coffee food"}, {ID: "salary"}}
		a, b := taught(all), taught(all)
		a.SetAccounts(chart)
		seeded(t).Shuffle(len(chart), func(i, j int) { chart[i], chart[j] = chart[j], chart[i] })
		b.SetAccounts(chart)
		m := lessonGen(0).Draw(t, "question").Movement
		want, _ := a.Suggest(m)
		got, _ := b.Suggest(m)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestALongBookTakesBackAsWell goes back over the places where one witness
// hands over to the next.
func TestALongBookTakesBackAsWell(t *testing.T) {
	all := bookOf(2*witnessBlock + 200)
	l := taught(all)
	want := l.state()
	for _, at := range []int{2*witnessBlock + 1, 2*witnessBlock - 1, 10} {
		l.Unlearn(all[at].ID)
		l.settle()
		l.Learn(all[at])
		if l.state() != want {
			t.Errorf("lesson %d taken back and learned again leaves a trace", at)
		}
	}
}
