package learn

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// bookOf returns n lessons of 1,000 merchants and 200 accounts.
func bookOf(n int) []Lesson {
	all := make([]Lesson, n)
	for i := range all {
		merchant := (i*i + 7*i) % 1000
		all[i] = Lesson{
			Movement: Movement{
				ID:          fmt.Sprintf("%08d", i),
				BankAccount: fmt.Sprint("bank ", merchant%5),
				Date:        bank.NewDate(2015, 1, 1).AddDays(i * 4000 / n),
				Amount:      money.DecimalFromUnits(int64(-100-(i*37)%9000), 2),
				Text:        fmt.Sprintf("CARD merchant%c%c store%c %d", 'a'+rune(merchant/40), 'a'+rune(merchant%40), 'a'+rune(merchant%7), i),
			},
			Account: fmt.Sprint("account ", merchant%199),
		}
	}
	return all
}

func BenchmarkSuggest(b *testing.B) {
	all := bookOf(50_000)
	l := taught(all)
	l.Suggest(all[0].Movement)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		l.Suggest(all[i%len(all)].Movement)
	}
}

func BenchmarkLearn(b *testing.B) {
	all := bookOf(50_000)
	b.ReportAllocs()
	l := New()
	for i := range b.N {
		if i%len(all) == 0 {
			l = New()
		}
		l.Learn(all[i%len(all)])
	}
}

// BenchmarkLearnAndSettle is what learning costs in all: the lesson, and what
// the next Suggest has to work off for it.
func BenchmarkLearnAndSettle(b *testing.B) {
	all := bookOf(50_000)
	l := New()
	for i := range b.N {
		if i%len(all) == 0 {
			l = New()
		}
		l.Learn(all[i%len(all)])
		l.settle()
	}
}

func BenchmarkUnlearnAndLearn(b *testing.B) {
	all := bookOf(50_000)
	l := taught(all)
	b.ResetTimer()
	for i := range b.N {
		s := all[(i*7919)%len(all)]
		l.Unlearn(s.ID)
		l.Learn(s)
	}
}

// BenchmarkRebuild is what an app does that starts with 10,000 stored lessons.
func BenchmarkRebuild(b *testing.B) {
	all := bookOf(10_000)
	b.ResetTimer()
	for range b.N {
		taught(all).Suggest(all[0].Movement)
	}
}

func BenchmarkMemory(b *testing.B) {
	all := bookOf(50_000)
	for range b.N {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		l := taught(all)
		l.Suggest(all[0].Movement)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(all)), "B/lesson")
		runtime.KeepAlive(l)
	}
}
