package match_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/feed/match"
)

// Small alphabets, so that rows collide.
var (
	someDays    = rapid.SampledFrom([]bank.Date{monday, tuesday, tuesday.AddDays(1)})
	someAmounts = rapid.SampledFrom([]string{tenEuros, elevenEuros})
	someTexts   = rapid.SampledFrom([]string{"coffee", "tea", "parc 01 12"})
	someIDs     = rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e", "f"})
)

// drawRows draws rows with different ids.
func drawRows(t *rapid.T) []match.Row {
	var rows []match.Row
	seen := map[string]bool{"": false}
	for range rapid.IntRange(0, 8).Draw(t, "rows") {
		r := match.Row{
			ID: someIDs.Draw(t, "id"), PendingID: someIDs.Draw(t, "pending"),
			Date: someDays.Draw(t, "day"), Amount: someAmounts.Draw(t, "amount"), Text: someTexts.Draw(t, "text"),
		}
		if seen[r.ID] {
			r.ID = ""
		}
		seen[r.ID] = r.ID != ""
		rows = append(rows, r)
	}
	return rows
}

func drawEntries(t *rapid.T) []match.Entry {
	var entries []match.Entry
	for n := range rapid.IntRange(0, 8).Draw(t, "entries") {
		e := match.Entry{
			Ref: fmt.Sprintf("e%d", n), ID: someIDs.Draw(t, "id"),
			Date: someDays.Draw(t, "day"), Amount: someAmounts.Draw(t, "amount"), Text: someTexts.Draw(t, "text"),
			Withdrawn: rapid.Bool().Draw(t, "withdrawn"), Own: rapid.Bool().Draw(t, "own"),
		}
		entries = append(entries, e)
	}
	return entries
}

func drawUpdate(t *rapid.T) match.Update {
	u := match.Update{
		Rows:    drawRows(t),
		Removed: rapid.SliceOfN(someIDs, 0, 3).Draw(t, "removed"),
		Present: rapid.SliceOfN(someIDs, 0, 1).Draw(t, "present"),
		WeakIDs: rapid.Bool().Draw(t, "weak"),
	}
	whole := map[bank.Date]bool{}
	for _, d := range rapid.SliceOfN(someDays, 0, 3).Draw(t, "complete") {
		whole[d] = true
	}
	u.Complete = func(d bank.Date) bool { return whole[d] }
	return u
}

func TestEachEntryIsUsedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, entries := drawUpdate(t), drawEntries(t)
		verdicts := match.Match(u, entries)
		if len(verdicts) != len(u.Rows) {
			t.Fatalf("%d verdicts for %d rows", len(verdicts), len(u.Rows))
		}
		used := map[string]bool{}
		for n, v := range verdicts {
			if (v.How == match.New) != (v.Ref == "") {
				t.Errorf("row %d: %v", n, v)
			}
			if v.Ref != "" && used[v.Ref] {
				t.Errorf("entry %s is paired twice", v.Ref)
			}
			used[v.Ref] = true
		}
	})
}

func TestTheOrderOfEntriesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, entries := drawUpdate(t), drawEntries(t)
		shuffled := rapid.Permutation(entries).Draw(t, "shuffled")
		if diff := cmp.Diff(match.Match(u, entries), match.Match(u, shuffled)); diff != "" {
			t.Errorf("verdicts (-one order +another):\n%s", diff)
		}
	})
}

// kinds counts the verdicts, and which entries were paired.
func kinds(verdicts []match.Verdict) map[match.Verdict]int {
	all := map[match.Verdict]int{}
	for _, v := range verdicts {
		all[v]++
	}
	return all
}

func TestIdenticalRowsMayComeInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, entries := drawUpdate(t), drawEntries(t)
		for n := range u.Rows { // ids and links are what tells identical rows apart
			u.Rows[n].ID, u.Rows[n].PendingID = "", ""
		}
		before := kinds(match.Match(u, entries))
		u.Rows = rapid.Permutation(u.Rows).Draw(t, "shuffled")
		if diff := cmp.Diff(before, kinds(match.Match(u, entries))); diff != "" {
			t.Errorf("verdicts (-one order +another):\n%s", diff)
		}
	})
}

// remember does to the entries what the ledger does with verdicts.
func remember(u match.Update, entries []match.Entry, verdicts []match.Verdict) []match.Entry {
	known := map[string]match.Entry{}
	for _, e := range entries {
		known[e.Ref] = e
	}
	for n, v := range verdicts {
		r := u.Rows[n]
		e, ok := known[v.Ref]
		if !ok {
			e = match.Entry{Ref: fmt.Sprintf("e%d", len(known)), Date: r.Date, Amount: r.Amount, Text: r.Text, Instalment: r.Instalment, Own: true}
		}
		if v.How == match.ByID || v.How == match.ByLink {
			e.Date, e.Amount, e.Text, e.Instalment = r.Date, r.Amount, r.Text, r.Instalment
		}
		if r.ID != "" {
			e.ID = r.ID
		}
		e.Withdrawn = false
		known[e.Ref] = e
	}
	return slices.Collect(maps.Values(known))
}

func TestTheSameAgainBringsNothingNew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, entries := drawUpdate(t), drawEntries(t)
		u.Present = nil
		nameless := rapid.Bool().Draw(t, "nameless") // a bank gives ids or it does not
		for n := range u.Rows {
			if nameless {
				u.Rows[n].ID, u.Rows[n].PendingID = "", ""
			} else if u.Rows[n].ID == "" {
				u.Rows[n].ID = fmt.Sprint("x", n)
			}
		}
		for n := range entries {
			if nameless {
				entries[n].ID = ""
			}
		}
		for range 3 {
			entries = remember(u, entries, match.Match(u, entries))
		}
		for n, v := range match.Match(u, entries) {
			if v.How == match.New {
				t.Errorf("row %d %+v is new again, with %+v", n, u.Rows[n], entries)
			}
		}
	})
}

func TestIDsReissuedForWholeDaysBringNothingNew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := match.Update{Rows: drawRows(t), Complete: always}
		entries := remember(first, nil, match.Match(first, nil))
		for again := range 3 {
			next := match.Update{Complete: always, Rows: rapid.Permutation(first.Rows).Draw(t, "shuffled")}
			for n := range next.Rows {
				next.Rows[n].PendingID = ""
				next.Rows[n].ID = fmt.Sprintf("again%d-%d", again, n)
			}
			verdicts := match.Match(next, entries)
			for n, v := range verdicts {
				if v.How == match.New {
					t.Errorf("row %d %+v is new", n, next.Rows[n])
				}
			}
			entries = remember(next, entries, verdicts)
		}
	})
}

func TestRowsSideBySideAreNeverTakenForOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, entries := drawUpdate(t), drawEntries(t)
		byRef := map[string]match.Entry{}
		for _, e := range entries {
			byRef[e.Ref] = e
		}
		at := map[string]match.Row{}
		for _, r := range u.Rows {
			at[r.ID] = r
		}
		for n, v := range match.Match(u, entries) {
			if v.How == match.New || v.How == match.ByID {
				continue
			}
			e := byRef[v.Ref]
			if holder, here := at[e.ID]; e.ID != "" && here && e.ID != u.Rows[n].ID && v.How != match.ByLink &&
				holder.Date == e.Date && holder.Amount == e.Amount && holder.Text == e.Text {
				t.Errorf("row %d %+v was taken for %+v, whose id stands on %+v", n, u.Rows[n], e, holder)
			}
		}
	})
}

func TestNoMovementIsLostWhereIDsArePositional(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Late rows push the others of their day to other places.
		var shown []match.Row
		var entries []match.Entry
		for range rapid.IntRange(1, 6).Draw(t, "updates") {
			at := rapid.IntRange(0, len(shown)).Draw(t, "at")
			shown = slices.Insert(shown, at, match.Row{Date: monday, Amount: someAmounts.Draw(t, "amount"), Text: someTexts.Draw(t, "text")})
			u := match.Update{Complete: always, Rows: slices.Clone(shown)}
			for n := range u.Rows {
				u.Rows[n].ID = fmt.Sprintf("%s-%d", monday, n)
			}
			entries = remember(u, entries, match.Match(u, entries))
		}
		count := func(amounts []string) map[string]int {
			all := map[string]int{}
			for _, a := range amounts {
				all[a]++
			}
			return all
		}
		var bankSays, ledgerSays []string
		for _, r := range shown {
			bankSays = append(bankSays, r.Amount)
		}
		for _, e := range entries {
			ledgerSays = append(ledgerSays, e.Amount)
		}
		if diff := cmp.Diff(count(bankSays), count(ledgerSays)); diff != "" {
			t.Errorf("amounts (-bank +ledger):\n%s", diff)
		}
	})
}

func TestClaimIsOneToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rows []match.Awaited
		for range rapid.IntRange(0, 6).Draw(t, "rows") {
			rows = append(rows, match.Awaited{
				Dates:  rapid.SliceOfN(someDays, 1, 3).Draw(t, "days"),
				Amount: someAmounts.Draw(t, "amount"), Text: someTexts.Draw(t, "text"),
			})
		}
		var standing []match.Standing
		for n := range rapid.IntRange(0, 6).Draw(t, "standing") {
			standing = append(standing, match.Standing{
				ID: fmt.Sprint(n), Date: someDays.Draw(t, "day"), Amount: someAmounts.Draw(t, "amount"), Text: someTexts.Draw(t, "text"),
			})
		}
		claims := match.Claim(rows, standing)
		used := map[string]bool{}
		for n, id := range claims {
			if id == "" {
				continue
			}
			at := slices.IndexFunc(standing, func(s match.Standing) bool { return s.ID == id })
			if used[id] || standing[at].Amount != rows[n].Amount || !slices.Contains(rows[n].Dates, standing[at].Date) {
				t.Errorf("row %+v claims %+v", rows[n], standing[at])
			}
			used[id] = true
		}
		for n, r := range rows { // what is left would not have fitted
			for _, s := range standing {
				if claims[n] == "" && !used[s.ID] && s.Amount == r.Amount && slices.Contains(r.Dates, s.Date) {
					t.Errorf("row %+v and %+v were left over", r, s)
				}
			}
		}
	})
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "Café ***", "ﬁ № Å \u0308", "İ ẞ ǅ", "a\xffb", "１２", "ſ", "ϓ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		once := match.Text(in)
		switch {
		case !utf8.ValidString(once):
			t.Errorf("Text(%q) = %q is not UTF-8", in, once)
		case match.Text(once) != once:
			t.Errorf("Text(%q) = %q, and of that %q", in, once, match.Text(once))
		case strings.TrimSpace(once) != once || strings.Contains(once, "  "):
			t.Errorf("Text(%q) = %q has stray spaces", in, once)
		}
	})
}

func FuzzInstalmentOf(f *testing.F) {
	for _, seed := range []string{"PARC 02/12", "12/2026", "24/12/26", "10-12", "24/11 02/12", "1/2/3 4 de 5", "99/99", "٣/١٢"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		i := match.InstalmentOf(bank.Transaction{Description: text})
		if i == (bank.Instalment{}) {
			return
		}
		if i.Number < 1 || i.Of < 2 || i.Number > i.Of || i.Of > 99 {
			t.Errorf("InstalmentOf(%q) = %v", text, i)
		}
	})
}
