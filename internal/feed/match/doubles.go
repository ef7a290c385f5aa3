package match

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// Movement is money that moved in one account, as some sources tell it.
type Movement struct {
	Ref    string
	Dates  []bank.Date // the booking date first, then the other dates of it
	Amount money.Amount
	Texts  []string // as Text returns them
	// Origins are the sources that have told it; none for what a person has
	// typed in.
	Origins    []string
	Instalment bank.Instalment
	// Replaceable says that the bank has taken it back, and that it stands in
	// the book all the same, because a person had touched it.
	Replaceable bool
}

// Double says that two movements may be one, and why in words.
type Double struct {
	New, Known string // Ref
	Why        string
}

// What makes two movements one in doubt.
const (
	doubtDays    = 4  // between the dates that two sources give a movement
	doubtPercent = 30 // by which a bank corrects what it books anew, as by a tip
	// mostWeighed bounds the pairs of like amounts and days that are weighed:
	// nobody would decide about so many.
	mostWeighed = 50_000
)

// Doubles finds among rows that were recorded as new those that may be
// movements that were known. That is so where no source has told both, so that
// nobody knows them to be two, where amounts agree and dates nearly, and where
// the texts share a word or the days are the same; or where the bank has taken
// one back that a person had touched, and tells one like it since. Each
// movement is in one pair at most; the nearest go first.
//
// It is for a person to decide: that nobody has told both does not make them
// one.
func Doubles(fresh, known []Movement) []Double {
	first := firstDays(fresh, known)
	type pair struct {
		fresh, known int
		strange      bool
		days         int
		why          string
	}
	var replaceable []int // of any amount
	ofAmount := make(map[string][]int)
	for k, o := range known {
		if o.Replaceable {
			replaceable = append(replaceable, k)
		} else {
			ofAmount[o.Amount.String()] = append(ofAmount[o.Amount.String()], k)
		}
	}
	var pairs []pair
	weighed := 0
	for f, n := range fresh {
		for _, k := range slices.Concat(replaceable, ofAmount[n.Amount.String()]) {
			o := known[k]
			days := apart(n.Dates, o.Dates)
			if days > doubtDays || weighed == mostWeighed {
				continue
			}
			weighed++
			if why := mayBeOne(n, o, days, first); why != "" {
				pairs = append(pairs, pair{f, k, !shareWord(n.Texts, o.Texts), days, why})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		if a.strange != b.strange {
			return map[bool]int{false: -1, true: 1}[a.strange]
		}
		return cmp.Or(cmp.Compare(a.days, b.days), cmp.Compare(a.fresh, b.fresh), cmp.Compare(a.known, b.known))
	})
	usedNew, usedKnown := make(map[int]bool), make(map[int]bool)
	var doubles []Double
	for _, p := range pairs {
		if usedNew[p.fresh] || usedKnown[p.known] {
			continue
		}
		usedNew[p.fresh], usedKnown[p.known] = true, true
		doubles = append(doubles, Double{New: fresh[p.fresh].Ref, Known: known[p.known].Ref, Why: p.why})
	}
	return doubles
}

// firstDays returns the first day that each source tells of.
func firstDays(all ...[]Movement) map[string]bank.Date {
	first := make(map[string]bank.Date)
	for _, m := range slices.Concat(all...) {
		for _, o := range m.Origins {
			if day, ok := first[o]; !ok || m.Dates[0].Before(day) {
				first[o] = m.Dates[0]
			}
		}
	}
	return first
}

// mayBeOne says in words why two movements so many days apart may be one, "" if
// they are two.
func mayBeOne(n, known Movement, days int, first map[string]bank.Date) string {
	toldByBoth := slices.ContainsFunc(n.Origins, func(o string) bool { return slices.Contains(known.Origins, o) })
	switch {
	case differ(n.Instalment, known.Instalment), n.Amount.Currency() != known.Amount.Currency():
		return ""
	case known.Replaceable:
		if !toldByBoth || n.Amount.Sign() != known.Amount.Sign() || !near(n.Amount, known.Amount) || !shareWord(n.Texts, known.Texts) {
			return ""
		}
		return fmt.Sprintf("The bank has withdrawn %s of %s, which was changed in the book, and tells this one since.", known.Amount, known.Dates[0])
	case toldByBoth, !n.Amount.Equal(known.Amount), isBefore(known, n.Origins, first):
		return ""
	case days == 0:
		return "The same amount on the same day, told by different sources in different words."
	case shareWord(n.Texts, known.Texts):
		return fmt.Sprintf("The same amount and like words, told by different sources %s apart.", plural(days))
	default:
		return ""
	}
}

func plural(days int) string {
	if days == 1 {
		return "a day"
	}
	return fmt.Sprintf("%d days", days)
}

// isBefore reports whether a movement lies before the first day that sources
// tell of: they would not have told it.
func isBefore(m Movement, origins []string, first map[string]bank.Date) bool {
	return !slices.ContainsFunc(origins, func(o string) bool { return !m.Dates[0].Before(first[o]) })
}

// apart is the least number of days between dates of one and of the other.
func apart(a, b []bank.Date) int {
	least := doubtDays + 1
	for _, x := range a {
		for _, y := range b {
			least = min(least, max(x.Sub(y), y.Sub(x)))
		}
	}
	return least
}

// near reports whether an amount differs by little from another.
func near(a, other money.Amount) bool {
	difference := a.Number().Sub(other.Number()).Abs()
	return difference.Times(100).Cmp(other.Number().Abs().Times(doubtPercent)) <= 0
}

// shareWord reports whether some text of one has a word of more than two
// letters in common with some text of the other.
func shareWord(a, b []string) bool {
	for _, x := range a {
		words := strings.Fields(x)
		for _, y := range b {
			for w := range strings.FieldsSeq(y) {
				if len(w) > 2 && strings.ContainsFunc(w, unicode.IsLetter) && slices.Contains(words, w) {
					return true
				}
			}
		}
	}
	return false
}
