package main

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/learn"
)

// lived is what became of the rows that were completed.
type lived struct{ done, right int }

func (l lived) precision() float64 { return share(l.right, l.done) }

// live replays a book in which what was completed is learned as after says: it
// gets the row with the right account and the completed one, and returns the
// account to learn, "" to learn nothing.
func live(b book, w *learn.Weights, after func(s learn.Lesson, completed string) string) lived {
	var all lived
	l := learn.NewWith(w)
	l.SetAccounts(nil)
	var chart []learn.Account
	for _, s := range b.lessons {
		got, found := l.Suggest(s.Movement)
		learned := s.Account
		if found && got.Sure {
			all.done++
			if got.Account == s.Account {
				all.right++
			}
			learned = after(s, got.Account)
		}
		if learned == "" {
			continue
		}
		if !slices.ContainsFunc(chart, func(a learn.Account) bool { return a.ID == learned }) {
			chart = append(chart, learn.Account{ID: learned, Name: learned})
			l.SetAccounts(chart)
		}
		s.Account = learned
		l.Learn(s)
	}
	return all
}

// TestWhatTheAppCompletedMustNotTeach is the experiment behind the rule that
// only people teach: where completed rows are learned as if a person had
// confirmed them, the learner proves itself right ever more often and is wrong
// ever more often. Where only one in ten of them is looked at, and the others
// teach nothing, it stays as right as it says.
func TestWhatTheAppCompletedMustNotTeach(t *testing.T) {
	files, err := filepath.Glob("../../../../shared/datasets/*.csv")
	if err != nil || len(files) == 0 {
		t.Skip("no labelled books beside the checkout (../shared/datasets)")
	}
	const rows = 700 // of each book, to be quick
	w, err := learn.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	var corrected, believed, checked lived
	add := func(to *lived, one lived) {
		to.done += one.done
		to.right += one.right
	}
	for _, file := range files {
		b, err := read(file)
		if err != nil {
			t.Fatal(err)
		}
		b.lessons = b.lessons[:min(rows, len(b.lessons))]
		chance := rand.New(rand.NewPCG(1, 2))
		add(&corrected, live(b, w, func(s learn.Lesson, _ string) string { return s.Account }))
		add(&believed, live(b, w, func(_ learn.Lesson, completed string) string { return completed }))
		add(&checked, live(b, w, func(s learn.Lesson, _ string) string {
			if chance.IntN(10) == 0 {
				return s.Account
			}
			return ""
		}))
	}
	t.Logf("corrected by a person: %d completed, %.1f %% right", corrected.done, corrected.precision())
	t.Logf("learned as completed:  %d completed, %.1f %% right", believed.done, believed.precision())
	t.Logf("one in ten looked at:  %d completed, %.1f %% right", checked.done, checked.precision())
	if believed.precision() > corrected.precision()-1 {
		t.Error("learning what was completed does no harm: the rule that only people teach rests on it")
	}
	if checked.precision() < believed.precision() || checked.precision() < 95.5 || checked.done*2 < corrected.done {
		t.Error("looking at one in ten does not keep the learner right")
	}
}
