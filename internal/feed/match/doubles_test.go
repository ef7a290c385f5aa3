package match_test

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/feed/match"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// movement is one of a day of this month, told by some sources.
func movement(ref string, day int, amount, text string, origins ...string) match.Movement {
	return match.Movement{
		Ref: ref, Dates: []bank.Date{bank.NewDate(2026, 11, day)}, Amount: money.MustParse(amount, "EUR"),
		Texts: []string{match.Text(text)}, Origins: origins,
	}
}

func TestDoubles(t *testing.T) {
	first := movement("first", 2, "-99", "OPENING", "feed") // the feed tells of all days from here on
	replaced := movement("old", 3, "-20.00", "RESTAURANT LUNA", "feed")
	replaced.Replaceable = true
	made := movement("new", 9, "-5", "SHOES", "feed")
	made.Dates = append(made.Dates, bank.NewDate(2026, 11, 4))
	second := movement("new", 3, "-5", "LOJA 02/10", "feed")
	second.Instalment = bank.Instalment{Number: 2, Of: 10}
	third := movement("old", 3, "-5", "LOJA 03/10", "file")
	third.Instalment = bank.Instalment{Number: 3, Of: 10}
	for claim, c := range map[string]struct {
		fresh, known match.Movement
		one          bool
	}{
		"dates that two sources give a movement differ":          {movement("new", 5, "-5", "BOOKS 12", "feed"), movement("old", 3, "-5", "Books & more", "file"), true},
		"the purchase was on the day that the file gives":        {made, movement("old", 4, "-5", "The shoes", "file"), true},
		"a person has typed it in under another day":             {movement("new", 5, "-5", "BOOKS 12", "feed"), movement("old", 3, "-5", "books for Ana"), true},
		"one day, one amount, other words, other sources":        {movement("new", 3, "-5", "POS 8812", "feed"), movement("old", 3, "-5", "Bakery", "file"), true},
		"the bank has replaced a row that was changed, by a tip": {movement("new", 4, "-24.00", "RESTAURANT LUNA", "feed"), replaced, true},
		"one source has told both":                               {movement("new", 3, "-5", "BUS", "feed"), movement("old", 3, "-5", "BUS", "feed"), false},
		"another amount":                                         {movement("new", 3, "-5", "BUS", "feed"), movement("old", 3, "-5.01", "BUS", "file"), false},
		"the other direction":                                    {movement("new", 3, "-5", "BUS", "feed"), movement("old", 3, "5", "BUS", "file"), false},
		"more than some days apart":                              {movement("new", 8, "-5", "BUS", "feed"), movement("old", 3, "-5", "BUS", "file"), false},
		"other words on another day":                             {movement("new", 4, "-5", "BUS", "feed"), movement("old", 3, "-5", "BAKERY", "file"), false},
		"instalments of different numbers":                       {second, third, false},
		"a replacement that is another purchase":                 {movement("new", 4, "-60.00", "RESTAURANT LUNA", "feed"), replaced, false},
		"a replacement elsewhere":                                {movement("new", 4, "-20.00", "PETROL", "feed"), replaced, false},
		"the known one lies before all that the feed tells":      {movement("new", 3, "-5", "BUS", "feed"), movement("old", 1, "-5", "BUS", "file"), false},
	} {
		t.Run(claim, func(t *testing.T) {
			got := match.Doubles([]match.Movement{c.fresh}, []match.Movement{first, c.known})
			if (len(got) == 1) != c.one {
				t.Fatalf("%+v", got)
			}
			if c.one && (got[0].New != "new" || got[0].Known != "old" || got[0].Why == "") {
				t.Errorf("%+v", got[0])
			}
		})
	}
}

func TestTheNearestOfSeveralDoublesIsProposed(t *testing.T) {
	known := []match.Movement{movement("far", 2, "-5", "BUS", "file"), movement("near", 5, "-5", "BUS", "file"), movement("strange", 6, "-5", "TAXI", "file")}
	fresh := []match.Movement{movement("day", 1, "-1", "X", "feed"), movement("new", 6, "-5", "BUS", "feed"), movement("other", 6, "-5", "BUS", "feed")}
	got := match.Doubles(fresh, known)
	if len(got) != 2 || got[0].Known != "near" || got[0].New != "new" || got[1].Known != "far" && got[1].Known != "strange" || got[1].New != "other" {
		t.Errorf("%+v", got)
	}
}

func TestDoublesLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := func(name string) []match.Movement {
			var all []match.Movement
			for n := range rapid.IntRange(0, 6).Draw(t, name) {
				origins := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"feed", "file", "other"}), 0, 2, rapid.ID[string]).Draw(t, "origins")
				m := movement(name+string(rune('a'+n)), rapid.IntRange(1, 12).Draw(t, "day"),
					rapid.SampledFrom([]string{"-1", "-1.20", "1", "-2"}).Draw(t, "amount"), rapid.SampledFrom([]string{"BUS", "BUS 2", "TEA"}).Draw(t, "text"), origins...)
				m.Replaceable = rapid.Bool().Draw(t, "replaceable")
				all = append(all, m)
			}
			return all
		}
		fresh, known := some("new"), some("old")
		used := make(map[string]bool)
		for _, d := range match.Doubles(fresh, known) {
			if used[d.New] || used[d.Known] {
				t.Fatalf("%+v pairs one twice", d)
			}
			used[d.New], used[d.Known] = true, true
			n := fresh[slices.IndexFunc(fresh, func(m match.Movement) bool { return m.Ref == d.New })]
			o := known[slices.IndexFunc(known, func(m match.Movement) bool { return m.Ref == d.Known })]
			both := slices.ContainsFunc(n.Origins, func(origin string) bool { return slices.Contains(o.Origins, origin) })
			if !o.Replaceable && (both || !n.Amount.Equal(o.Amount)) || n.Amount.Sign() != o.Amount.Sign() {
				t.Fatalf("%+v and %+v are two", n, o)
			}
		}
	})
}

func TestDoublesOfThousandsAlikeComeToAnEnd(t *testing.T) {
	var fresh, known []match.Movement
	for n := range 3000 {
		fresh = append(fresh, movement("new"+strconv.Itoa(n), 1+n%25, "-5", "STALL 12", "feed"))
		known = append(known, movement("old"+strconv.Itoa(n), 1+n%25, "-5", "Stall and more", "file"))
	}
	if got := match.Doubles(fresh, known); len(got) == 0 || len(got) > len(fresh) {
		t.Errorf("%d doubles", len(got))
	}
}
