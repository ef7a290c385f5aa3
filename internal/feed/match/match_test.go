package match_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/feed/match"
)

var (
	monday  = bank.NewDate(2026, 11, 16)
	tuesday = monday.AddDays(1)
)

// row is a row of monday; change what a test is about.
func row(id, amount, text string) match.Row {
	return match.Row{
		ID: id, Date: monday, Amount: amount, Text: match.Text(text),
		Instalment: match.InstalmentOf(bank.Transaction{Description: text}),
	}
}

func on(d bank.Date, r match.Row) match.Row { r.Date = d; return r }

func linked(pending string, r match.Row) match.Row { r.PendingID = pending; return r }

// entry is an entry of monday. Its last id is its current one.
func entry(ref, amount, text string, ids ...string) match.Entry {
	id, last := "", len(ids)-1
	if last >= 0 {
		id, ids = ids[last], ids[:last]
	}
	return match.Entry{
		Ref: ref, ID: id, Before: ids, Date: monday, Amount: amount, Text: match.Text(text), Own: true,
		Instalment: match.InstalmentOf(bank.Transaction{Description: text}),
	}
}

func withdrawn(e match.Entry) match.Entry { e.Withdrawn = true; return e }

func foreign(e match.Entry) match.Entry { e.Own = false; return e }

func always(bank.Date) bool { return true }

func never(bank.Date) bool { return false }

const tenEuros, elevenEuros = "-10 EUR", "-11 EUR"

func TestMatch(t *testing.T) {
	fresh := match.Verdict{}
	is := func(how match.How, ref string) match.Verdict { return match.Verdict{How: how, Ref: ref} }
	tests := []struct {
		claim   string
		update  match.Update
		entries []match.Entry
		want    []match.Verdict
	}{
		{
			"a row without an entry is new",
			match.Update{Rows: []match.Row{row("a", tenEuros, "coffee")}},
			nil,
			[]match.Verdict{fresh},
		},
		{
			"a known id is known whatever else has changed",
			match.Update{Rows: []match.Row{on(tuesday, row("a", elevenEuros, "coffee and tip"))}},
			[]match.Entry{entry("1", tenEuros, "coffee", "a")},
			[]match.Verdict{is(match.ByID, "1")},
		},
		{
			"an id is stronger than an equal row",
			match.Update{Rows: []match.Row{row("b", tenEuros, "coffee"), row("a", tenEuros, "coffee")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "a"), entry("2", tenEuros, "coffee", "b")},
			[]match.Verdict{is(match.ByID, "2"), is(match.ByID, "1")},
		},
		{
			"the bank's own link leads to the row it books, whatever else has changed",
			match.Update{Rows: []match.Row{linked("p", on(tuesday, row("a", elevenEuros, "CAFE 0042")))}},
			[]match.Entry{entry("1", tenEuros, "coffee", "p")},
			[]match.Verdict{is(match.ByLink, "1")},
		},
		{
			"the bank's own link goes before what rows say",
			match.Update{Complete: always, Removed: []string{"p"}, Rows: []match.Row{linked("p", row("a", tenEuros, "coffee"))}},
			[]match.Entry{entry("1", tenEuros, "coffee", "gone"), entry("2", tenEuros, "coffee", "p")},
			[]match.Verdict{is(match.ByLink, "2")},
		},
		{
			"the bank's own link goes before what a row says that another has said",
			match.Update{Removed: []string{"p"}, Rows: []match.Row{linked("p", row("a", tenEuros, "tea")), row("b", tenEuros, "coffee")}},
			[]match.Entry{entry("1", elevenEuros, "coffee", "p"), entry("2", tenEuros, "tea", "b")},
			[]match.Verdict{is(match.ByLink, "1"), is(match.ByID, "2")},
		},
		{
			"what the bank has withdrawn is the last choice",
			match.Update{Rows: []match.Row{row("b", tenEuros, "coffee")}},
			[]match.Entry{withdrawn(entry("1", tenEuros, "coffee", "a")), entry("2", tenEuros, "coffee")},
			[]match.Verdict{is(match.ByText, "2")},
		},
		{
			"a known id goes before a link to another row",
			match.Update{Removed: []string{"p"}, Rows: []match.Row{linked("p", row("a", tenEuros, "coffee shop"))}},
			[]match.Entry{entry("1", tenEuros, "coffee", "p"), entry("2", tenEuros, "coffee", "a")},
			[]match.Verdict{is(match.ByID, "2")},
		},
		{
			"a link that was followed when the update was cut short is followed again",
			match.Update{Removed: []string{"p"}, Rows: []match.Row{linked("p", row("a", tenEuros, "tea")), row("b", tenEuros, "coffee")}},
			[]match.Entry{entry("1", elevenEuros, "coffee", "p", "a"), entry("2", tenEuros, "tea", "b")},
			[]match.Verdict{is(match.ByID, "1"), is(match.ByID, "2")},
		},
		{
			"a link to a row that the bank still shows is none",
			match.Update{Rows: []match.Row{linked("p", row("a", tenEuros, "coffee")), row("p", tenEuros, "coffee")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "p")},
			[]match.Verdict{fresh, is(match.ByID, "1")},
		},
		{
			"without ids date, amount and text tell",
			match.Update{Rows: []match.Row{row("", tenEuros, "coffee"), row("", elevenEuros, "coffee"), on(tuesday, row("", tenEuros, "coffee"))}},
			[]match.Entry{entry("1", tenEuros, "coffee")},
			[]match.Verdict{is(match.ByText, "1"), fresh, fresh},
		},
		{
			"the second of two identical coffees is the second coffee",
			match.Update{Rows: []match.Row{row("", tenEuros, "coffee"), row("", tenEuros, "coffee"), row("", tenEuros, "coffee")}},
			[]match.Entry{entry("1", tenEuros, "coffee"), entry("2", tenEuros, "coffee")},
			[]match.Verdict{is(match.ByText, "1"), is(match.ByText, "2"), fresh},
		},
		{
			"ids that are re-issued for a whole day lead to the same entries",
			match.Update{Complete: always, Rows: []match.Row{row("x", tenEuros, "coffee"), row("y", tenEuros, "coffee"), row("z", elevenEuros, "tea")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "a"), entry("2", tenEuros, "coffee", "b"), entry("3", elevenEuros, "tea", "c")},
			[]match.Verdict{is(match.Reissued, "1"), is(match.Reissued, "2"), is(match.Reissued, "3")},
		},
		{
			"of a day that was not reported whole another id is another row",
			match.Update{Complete: never, Rows: []match.Row{row("x", tenEuros, "coffee")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "a")},
			[]match.Verdict{fresh},
		},
		{
			"completeness counts on the day of the entry",
			match.Update{
				Complete: func(d bank.Date) bool { return d == tuesday },
				Rows:     []match.Row{row("x", tenEuros, "coffee"), on(tuesday, row("y", tenEuros, "coffee"))},
			},
			[]match.Entry{entry("1", tenEuros, "coffee", "a")},
			[]match.Verdict{fresh, fresh},
		},
		{
			"an update that says nothing of completeness vacates nothing",
			match.Update{Rows: []match.Row{row("x", tenEuros, "coffee")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "a")},
			[]match.Verdict{fresh},
		},
		{
			"a source that begins from nothing and lacks an id has given it up",
			match.Update{Fresh: true, Rows: []match.Row{row("x", tenEuros, "coffee"), row("y", tenEuros, "coffee")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "a"), entry("2", tenEuros, "coffee", "y")},
			[]match.Verdict{is(match.Reissued, "1"), is(match.ByID, "2")},
		},
		{
			"an id that the bank removes makes room for the row under its new id",
			match.Update{Removed: []string{"a"}, Rows: []match.Row{row("x", tenEuros, "coffee")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "a")},
			[]match.Verdict{is(match.Reissued, "1")},
		},
		{
			"an id that the bank had removed earlier makes room as well",
			match.Update{Rows: []match.Row{row("x", tenEuros, "coffee")}},
			[]match.Entry{withdrawn(entry("1", tenEuros, "coffee", "a"))},
			[]match.Verdict{is(match.Reissued, "1")},
		},
		{
			"a row that may be one of two is not the one that was withdrawn",
			match.Update{Rows: []match.Row{row("x", tenEuros, "coffee")}},
			[]match.Entry{withdrawn(entry("1", tenEuros, "coffee")), entry("2", tenEuros, "coffee")},
			[]match.Verdict{is(match.ByText, "2")},
		},
		{
			"what was withdrawn earlier comes back in its own words only",
			match.Update{Rows: []match.Row{row("x", tenEuros, "tea")}},
			[]match.Entry{withdrawn(entry("1", tenEuros, "coffee", "a"))},
			[]match.Verdict{fresh},
		},
		{
			"two corrections that pass a content on stay two rows",
			match.Update{Rows: []match.Row{row("a", elevenEuros, "parc 3"), row("b", tenEuros, "coffee")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "a"), entry("2", elevenEuros, "coffee", "b")},
			[]match.Verdict{is(match.ByID, "2"), is(match.Reissued, "1")},
		},
		{
			"what another source has once called so is known by that text",
			match.Update{Rows: []match.Row{row("", tenEuros, "tea"), row("", tenEuros, "bus")}},
			[]match.Entry{{Ref: "1", Date: monday, Amount: tenEuros, Text: "coffee", Others: []string{"tea"}}},
			[]match.Verdict{is(match.ByText, "1"), fresh},
		},
		{
			"a removed id that the update has is present",
			match.Update{Removed: []string{"a"}, Rows: []match.Row{row("x", tenEuros, "coffee"), row("a", tenEuros, "coffee")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "a")},
			[]match.Verdict{fresh, is(match.ByID, "1")},
		},
		{
			"an id that stands on a row elsewhere in the update is present",
			match.Update{Complete: always, Present: []string{"a"}, Rows: []match.Row{row("x", tenEuros, "coffee")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "a")},
			[]match.Verdict{fresh},
		},
		{
			"two rows side by side under different ids are two",
			match.Update{Complete: always, Rows: []match.Row{row("a", tenEuros, "coffee"), row("b", tenEuros, "coffee")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "a")},
			[]match.Verdict{is(match.ByID, "1"), fresh},
		},
		{
			"a text that the bank has edited is the same row, if it is the only one left",
			match.Update{Complete: always, Rows: []match.Row{row("", tenEuros, "EXAMPLE STORE")}},
			[]match.Entry{entry("1", tenEuros, "12.03 EXAMPLE STORE")},
			[]match.Verdict{is(match.ByAmount, "1")},
		},
		{
			"two rows left of one date and amount are not told apart without their texts",
			match.Update{Complete: always, Rows: []match.Row{row("", tenEuros, "one"), row("", tenEuros, "two")}},
			[]match.Entry{entry("1", tenEuros, "three")},
			[]match.Verdict{fresh, fresh},
		},
		{
			"two entries left of one date and amount are not told apart without their texts",
			match.Update{Complete: always, Rows: []match.Row{row("", tenEuros, "one")}},
			[]match.Entry{entry("1", tenEuros, "two"), entry("2", tenEuros, "three")},
			[]match.Verdict{fresh},
		},
		{
			"one is left on both sides when the others have found each other by their texts",
			match.Update{Complete: always, Rows: []match.Row{row("", tenEuros, "one"), row("", tenEuros, "two, edited")}},
			[]match.Entry{entry("1", tenEuros, "one"), entry("2", tenEuros, "two")},
			[]match.Verdict{is(match.ByText, "1"), is(match.ByAmount, "2")},
		},
		{
			"a feed without ids that reports less than the day brings another row, not another text",
			match.Update{Complete: never, Rows: []match.Row{row("", tenEuros, "bakery")}},
			[]match.Entry{entry("1", tenEuros, "coffee")},
			[]match.Verdict{fresh},
		},
		{
			"instalments of one date and amount are never merged",
			match.Update{Complete: always, Rows: []match.Row{row("x", tenEuros, "LOJA PARC 02/12")}},
			[]match.Entry{entry("1", tenEuros, "LOJA PARC 01/12", "a")},
			[]match.Verdict{fresh},
		},
		{
			"an instalment is itself under another wording",
			match.Update{Complete: always, Rows: []match.Row{row("x", tenEuros, "LOJA 2 de 12")}},
			[]match.Entry{entry("1", tenEuros, "LOJA PARC 02/12", "a")},
			[]match.Verdict{is(match.ByAmount, "1")},
		},
		{
			"what a feed has recorded is known in a file",
			match.Update{WeakIDs: true, Rows: []match.Row{row("FIT1", tenEuros, "COFFEE"), row("FIT2", elevenEuros, "BAKERY GMBH BERLIN")}},
			[]match.Entry{foreign(entry("1", tenEuros, "coffee")), foreign(entry("2", elevenEuros, "bakery"))},
			[]match.Verdict{is(match.ByText, "1"), is(match.ByAmount, "2")},
		},
		{
			"what a file has recorded is known in a feed",
			match.Update{Rows: []match.Row{row("a", tenEuros, "coffee"), row("b", elevenEuros, "bakery")}},
			[]match.Entry{foreign(entry("1", tenEuros, "COFFEE")), foreign(entry("2", elevenEuros, "BAKERY GMBH BERLIN"))},
			[]match.Verdict{is(match.ByText, "1"), is(match.ByAmount, "2")},
		},
		{
			"of two rows in a feed the file had one",
			match.Update{Rows: []match.Row{row("a", tenEuros, "coffee"), row("b", tenEuros, "coffee")}},
			[]match.Entry{foreign(entry("1", tenEuros, "coffee"))},
			[]match.Verdict{is(match.ByText, "1"), fresh},
		},
		{
			"an id of a file means nothing on another date or amount",
			match.Update{WeakIDs: true, Rows: []match.Row{row("1", elevenEuros, "coffee"), on(tuesday, row("2", tenEuros, "tea"))}},
			[]match.Entry{entry("1", tenEuros, "coffee", "1"), entry("2", tenEuros, "tea", "2")},
			[]match.Verdict{fresh, fresh},
		},
		{
			"an id of a file names a row whose text has changed",
			match.Update{WeakIDs: true, Rows: []match.Row{row("1", tenEuros, "COFFEE 12.03")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "1")},
			[]match.Verdict{is(match.ByID, "1")},
		},
		{
			"two files that share a day are not two wordings of one row",
			match.Update{WeakIDs: true, Complete: always, Rows: []match.Row{row("b1", tenEuros, "beer")}},
			[]match.Entry{entry("1", tenEuros, "lunch", "a9")},
			[]match.Verdict{fresh},
		},
		{
			"a file that numbers its rows anew brings what is known",
			match.Update{WeakIDs: true, Rows: []match.Row{row("1", elevenEuros, "late"), row("2", tenEuros, "coffee")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "1")},
			[]match.Verdict{fresh, is(match.Reissued, "1")},
		},
		{
			"an id that an entry had before names another row now",
			match.Update{WeakIDs: true, Rows: []match.Row{row("1", tenEuros, "coffee"), row("1b", elevenEuros, "late")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "1"), entry("2", elevenEuros, "late", "1", "1b")},
			[]match.Verdict{is(match.ByID, "1"), is(match.ByID, "2")},
		},
		{
			"rows that a late one has pushed to other places keep their entries",
			match.Update{Rows: []match.Row{row("d-0", "-5 EUR", "late"), row("d-1", tenEuros, "coffee"), row("d-2", elevenEuros, "tea")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "d-0"), entry("2", elevenEuros, "tea", "d-1")},
			[]match.Verdict{fresh, is(match.Reissued, "1"), is(match.Reissued, "2")},
		},
		{
			"and keep them when the same comes again",
			match.Update{Rows: []match.Row{row("d-0", "-5 EUR", "late"), row("d-1", tenEuros, "coffee"), row("d-2", elevenEuros, "tea")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "d-0", "d-1"), entry("2", elevenEuros, "tea", "d-1", "d-2"), entry("3", "-5 EUR", "late", "d-0")},
			[]match.Verdict{is(match.ByID, "3"), is(match.ByID, "1"), is(match.ByID, "2")},
		},
		{
			"rows that have moved up to the place of one that is gone keep their entries",
			match.Update{Complete: always, Rows: []match.Row{row("d-0", tenEuros, "coffee"), row("d-1", elevenEuros, "tea")}},
			[]match.Entry{entry("0", "-5 EUR", "late", "d-0"), entry("1", tenEuros, "coffee", "d-1"), entry("2", elevenEuros, "tea", "d-2")},
			[]match.Verdict{is(match.Reissued, "1"), is(match.Reissued, "2")},
		},
		{
			"a row at the place of another takes the entry of the place that the other has moved to",
			match.Update{Complete: always, Rows: []match.Row{row("d-0", tenEuros, "coffee"), row("d-1", "-12 EUR", "tea")}},
			[]match.Entry{entry("0", "-5 EUR", "late", "d-0"), entry("1", tenEuros, "coffee", "d-1")},
			[]match.Verdict{is(match.Reissued, "1"), is(match.ByID, "0")},
		},
		{
			"not that of a row that the bank withdraws, though it says the same",
			match.Update{Complete: always, Removed: []string{"gone"}, Rows: []match.Row{row("a", "-12 EUR", "tea"), row("b", tenEuros, "coffee")}},
			[]match.Entry{entry("0", "-5 EUR", "late", "a"), entry("1", "-12 EUR", "tea", "b"), entry("2", tenEuros, "coffee", "gone")},
			[]match.Verdict{is(match.Reissued, "1"), is(match.ByID, "0")},
		},
		{
			"the bank corrects the row that it says, not the twin of it",
			match.Update{Complete: always, Rows: []match.Row{row("a", tenEuros, "coffee"), row("b", elevenEuros, "tea")}},
			[]match.Entry{entry("2", tenEuros, "coffee", "a"), entry("1", tenEuros, "coffee", "b")},
			[]match.Verdict{is(match.ByID, "2"), is(match.ByID, "1")},
		},
		{
			"and not one that is not there any more, though it said the same",
			match.Update{Complete: always, Rows: []match.Row{row("a", elevenEuros, "tea")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "a"), entry("2", elevenEuros, "tea", "b")},
			[]match.Verdict{is(match.ByID, "1")},
		},
		{
			"an id that an entry had before its current one brings no correction",
			match.Update{Rows: []match.Row{row("old", elevenEuros, "tea")}},
			[]match.Entry{entry("1", tenEuros, "coffee", "old", "new")},
			[]match.Verdict{fresh},
		},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			if diff := cmp.Diff(test.want, match.Match(test.update, test.entries)); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryVerdictHasItsWords(t *testing.T) {
	seen := map[string]bool{}
	for how := match.New; how <= match.ByAmount; how++ {
		why := how.Why()
		if why == "" || seen[why] {
			t.Errorf("%d is said as %q", how, why)
		}
		seen[why] = true
	}
}

func TestClaim(t *testing.T) {
	stands := func(id string, d bank.Date, amount, text string) match.Standing {
		return match.Standing{ID: id, Date: d, Amount: amount, Text: match.Text(text)}
	}
	awaits := func(amount, text string, days ...bank.Date) match.Awaited {
		return match.Awaited{Dates: days, Amount: amount, Text: match.Text(text)}
	}
	tests := []struct {
		claim    string
		rows     []match.Awaited
		standing []match.Standing
		want     []string
	}{
		{
			"a standing draft of the day and amount is claimed, whatever its text",
			[]match.Awaited{awaits("-10", "CARD 4711 STARBUCKS", monday)},
			[]match.Standing{stands("t1", monday, "-10", "coffee with Ana")},
			[]string{"t1"},
		},
		{
			"another day is another movement",
			[]match.Awaited{awaits("-10", "coffee", monday)},
			[]match.Standing{stands("t1", tuesday, "-10", "coffee")},
			[]string{""},
		},
		{
			"another amount or direction is another movement",
			[]match.Awaited{awaits("-10", "coffee", monday)},
			[]match.Standing{stands("t1", monday, "-10.01", "coffee"), stands("t2", monday, "10", "coffee")},
			[]string{""},
		},
		{
			"the day of the purchase counts too",
			[]match.Awaited{awaits("-10", "coffee", tuesday, monday)},
			[]match.Standing{stands("t1", monday, "-10", "coffee")},
			[]string{"t1"},
		},
		{
			"each standing one is claimed once",
			[]match.Awaited{awaits("-10", "coffee", monday), awaits("-10", "coffee", monday)},
			[]match.Standing{stands("t1", monday, "-10", "coffee")},
			[]string{"t1", ""},
		},
		{
			"two for two",
			[]match.Awaited{awaits("-10", "coffee", monday), awaits("-10", "coffee", monday)},
			[]match.Standing{stands("t1", monday, "-10", "coffee"), stands("t2", monday, "-10", "coffee")},
			[]string{"t1", "t2"},
		},
		{
			"those that share a word go first",
			[]match.Awaited{awaits("-10", "one", monday), awaits("-10", "bakery schmidt", monday)},
			[]match.Standing{stands("t1", monday, "-10", "schmidt, bread"), stands("t2", monday, "-10", "other")},
			[]string{"t2", "t1"},
		},
		{
			"short words do not count as shared",
			[]match.Awaited{awaits("-10", "de la rue", monday), awaits("-10", "cafe de paris", monday)},
			[]match.Standing{stands("t1", monday, "-10", "de paris")},
			[]string{"", "t1"},
		},
		{"nothing is claimed where nothing stands", []match.Awaited{awaits("-10", "coffee", monday)}, nil, []string{""}},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			if diff := cmp.Diff(test.want, match.Claim(test.rows, test.standing)); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "",
		"  Café   Ångström ":          "cafe angstrom",
		"PAG*JoseDaSilva":             "pag josedasilva",
		"STORE #1234":                 "store 1234",
		"Müller & Söhne GmbH":         "muller sohne gmbh",
		"MU\u0308LLER":                "muller",
		"ﬁrst №5":                     "first no5",
		"スターバックス 渋谷":                  "スターハックス 渋谷",
		"PARC 02/12":                  "parc 02 12",
		"***":                         "",
		"A\u00a0B\tC\r\nD":            "a b c d",
		"12.03 EXAMPLE STORE   ":      "12 03 example store",
		"bad \xff bytes":              "bad bytes",
		"İSTANBUL":                    "istanbul",
		"１２３ ＡＢＣ":                     "123 abc",
		"naïve — coöperation… “fine”": "naive cooperation fine",
	} {
		if got := match.Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestInstalmentOf(t *testing.T) {
	for text, want := range map[string]bank.Instalment{
		"LOJA PARC 02/12":           {Number: 2, Of: 12},
		"LOJA 2 de 12":              {Number: 2, Of: 12},
		"LOJA 2 DE 12":              {Number: 2, Of: 12},
		"Rate 2/12":                 {Number: 2, Of: 12},
		"Rate 3 von 10":             {Number: 3, Of: 10},
		"payment 1 of 3":            {Number: 1, Of: 3},
		"12/12":                     {Number: 12, Of: 12},
		"24/11 LOJA 02/12":          {Number: 2, Of: 12},
		"24/11 02/12":               {Number: 2, Of: 12},
		"LOJA (02/12)":              {Number: 2, Of: 12},
		"rent 12/2026":              {},
		"rent 2026/12":              {},
		"24/12/26":                  {},
		"1/2/2026":                  {},
		"10-12":                     {},
		"10.12":                     {},
		"24/12 purchase":            {},
		"0/12":                      {},
		"1/1":                       {},
		"13/12":                     {},
		"order 123/124":             {},
		"no numbers":                {},
		"":                          {},
		"Parcela 3/10 24/12/26":     {Number: 3, Of: 10},
		"AMZN 24/12/26 parc. 04/06": {Number: 4, Of: 6},
	} {
		if got := match.InstalmentOf(bank.Transaction{Description: text}); got != want {
			t.Errorf("InstalmentOf(%q) = %v, want %v", text, got, want)
		}
	}
	told := bank.Transaction{Description: "PARC 02/12", Instalment: bank.Instalment{Number: 3, Of: 6}}
	if got := match.InstalmentOf(told); got != told.Instalment {
		t.Errorf("the bank's own fields say %v, got %v", told.Instalment, got)
	}
}
