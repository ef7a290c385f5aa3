package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/learn"
)

// book is a labelled history.
type book struct {
	name, organisation, hash string
	lessons                  []learn.Lesson
}

// options are the choices of the fit that are not fitted.
type options struct {
	evenness     float64 // a book weighs as its rows to the power of 1 - evenness
	choiceRidge  float64
	verdictRidge float64
}

var defaults = options{evenness: 0.5, choiceRidge: 1e-4, verdictRidge: 5}

// fitter fits weights on all books but those of some organisations. What it
// worked out once it keeps.
type fitter struct {
	options
	books    []book
	samples  [][]sample
	choices  map[string]*learn.Weights
	verdicts map[string][]verdict
}

func newFitter(books []book, o options) *fitter {
	f := &fitter{options: o, books: books, choices: map[string]*learn.Weights{}, verdicts: map[string][]verdict{}}
	for _, b := range books {
		f.samples = append(f.samples, f.observe(b))
	}
	return f
}

// replay asks about every lesson of a book when the ones before it are known.
func replay(b book, w *learn.Weights, ask func(*learn.Learner, int, learn.Lesson)) {
	l := learn.NewWith(w)
	l.SetAccounts(nil)
	var chart []learn.Account
	for i, s := range b.lessons {
		ask(l, i, s)
		if !slices.ContainsFunc(chart, func(a learn.Account) bool { return a.ID == s.Account }) {
			chart = append(chart, learn.Account{ID: s.Account, Name: s.Account})
			l.SetAccounts(chart)
		}
		l.Learn(s)
	}
}

func (f *fitter) weight(b book) float64 { return math.Pow(float64(len(b.lessons))/1500, -f.evenness) }

// observe returns the evidence of every row; it does not depend on weights.
func (f *fitter) observe(b book) []sample {
	var all []sample
	replay(b, &learn.Weights{}, func(l *learn.Learner, _ int, s learn.Lesson) {
		o := l.Observe(s.Movement)
		one := sample{unknown: o.Unknown, chosen: slices.Index(o.Accounts, s.Account), weight: f.weight(b)}
		for _, evidence := range o.Evidence {
			row := make([]float32, len(evidence))
			for e, x := range evidence {
				row[e] = float32(x)
			}
			one.evidence = append(one.evidence, row)
		}
		all = append(all, one)
	})
	return all
}

// choice fits how evidence counts, without the books of some organisations.
func (f *fitter) choice(without ...string) *learn.Weights {
	key := keyOf(without)
	if w := f.choices[key]; w != nil {
		return w
	}
	var books [][]sample
	for i, b := range f.books {
		if !slices.Contains(without, b.organisation) {
			books = append(books, f.samples[i])
		}
	}
	w := &learn.Weights{}
	fitted := fitChoice(books, len(w.Evidence), len(w.Unknown), f.choiceRidge)
	copy(w.Evidence[:], fitted)
	copy(w.Unknown[:], fitted[len(w.Evidence):])
	w.SetUnmeasured()
	f.choices[key] = w
	return w
}

// judge returns the answers to a book under weights that know neither its
// organisation nor those that are left out.
func (f *fitter) judge(b book, without ...string) []verdict {
	without = append(slices.Clone(without), b.organisation)
	key := b.name + " " + keyOf(without)
	if v, known := f.verdicts[key]; known {
		return v
	}
	var all []verdict
	replay(b, f.choice(without...), func(l *learn.Learner, _ int, s learn.Lesson) {
		if o := l.Observe(s.Movement); o.Best >= 0 {
			all = append(all, verdict{o.Signs, o.Accounts[o.Best] == s.Account, f.weight(b)})
		}
	})
	f.verdicts[key] = all
	return all
}

// fit returns the weights of all books but those of some organisations. How
// far answers can be trusted is learned from answers to books of organisations
// that the weights behind the answers do not know.
func (f *fitter) fit(without ...string) *learn.Weights {
	w := *f.choice(without...)
	var judged [][]verdict
	for _, b := range f.books {
		if !slices.Contains(without, b.organisation) {
			judged = append(judged, f.judge(b, without...))
		}
	}
	copy(w.Signs[:], fitVerdict(judged, len(w.Signs), f.verdictRidge))
	for _, book := range judged {
		for _, v := range book {
			w.AddAnswer(logistic(v.signs, w.Signs[:]), v.right, v.weight)
		}
	}
	return &w
}

func keyOf(without []string) string {
	without = slices.Clone(without)
	slices.Sort(without)
	return strings.Join(slices.Compact(without), " ")
}

// result is what weights reached on one book.
type result struct {
	book          book
	right, first  int
	done, correct [3]int // at each sureness
}

var settings = [3]learn.Sureness{learn.Sure95, learn.Sure98, learn.Sure99}

const firstRows = 50

func measure(b book, w *learn.Weights) result {
	r := result{book: b}
	replay(b, w, func(l *learn.Learner, i int, s learn.Lesson) {
		got, found := l.Suggest(s.Movement)
		if !found {
			return
		}
		right := 0
		if got.Account == s.Account {
			right = 1
		}
		r.right += right
		if i < firstRows {
			r.first += right
		}
		for at, setting := range settings {
			if got.SureAt(setting) {
				r.done[at]++
				r.correct[at] += right
			}
		}
	})
	return r
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// table writes what was reached, for people.
func table(results []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-28s %6s %8s %8s   %-15s %-15s %-15s\n", "book", "rows", "accuracy", "first 50", "done at 95", "done at 98", "done at 99")
	var accuracy, first float64
	var coverage [3]float64
	var done, correct [3]int
	rows := 0
	n := float64(len(results))
	for _, r := range results {
		count := len(r.book.lessons)
		fmt.Fprintf(&b, "%-28s %6d %8.2f %8.1f", r.book.name, count, share(r.right, count), share(r.first, min(count, firstRows)))
		for at := range settings {
			fmt.Fprintf(&b, "   %5.2f at %5.2f", share(r.done[at], count), share(r.correct[at], r.done[at]))
			coverage[at] += share(r.done[at], count) / n
			done[at] += r.done[at]
			correct[at] += r.correct[at]
		}
		b.WriteString("\n")
		accuracy += share(r.right, count) / n
		first += share(r.first, min(count, firstRows)) / n
		rows += count
	}
	fmt.Fprintf(&b, "%-28s %6d %8.2f %8.1f", "mean, pooled precision", rows, accuracy, first)
	for at := range settings {
		fmt.Fprintf(&b, "   %5.2f at %5.2f", coverage[at], share(correct[at], done[at]))
	}
	b.WriteString("\n")
	return b.String()
}
