package rules_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/rules"
	"github.com/bank-connections/bkper-bot/internal/store/embedded"
	"github.com/bank-connections/bkper-bot/internal/store/storetest"
)

func newStore(t *testing.T) *rules.Store {
	t.Helper()
	db, err := embedded.Open(filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	serial := 0
	return rules.NewStore(storetest.Restless(db), func() string { serial++; return fmt.Sprintf("r%d", serial) })
}

func create(t *testing.T, s *rules.Store, text string) rules.Rule {
	t.Helper()
	r, err := s.Create(t.Context(), "demo", rule(text, rules.Conditions{Contains: text}, "meals"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func load(t *testing.T, s *rules.Store) (all rules.Book, names string) {
	t.Helper()
	all, err := s.Load(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, r := range all.Rules {
		order = append(order, r.Name)
	}
	return all, strings.Join(order, " ")
}

func refused(t *testing.T, err error, code errs.Code, says string) {
	t.Helper()
	if !errs.Is(err, code) || !strings.Contains(errs.Public(err), says) {
		t.Errorf("%v, want %s with %q", err, code, says)
	}
}

func TestRulesAreKeptInTheirOrder(t *testing.T) {
	s := newStore(t)
	if all, _ := load(t, s); all.Version != 0 || len(all.Rules) != 0 {
		t.Errorf("before the first: %v", all)
	}
	a, b, c := create(t, s, "aa"), create(t, s, "bb"), create(t, s, "cc")
	all, names := load(t, s)
	if names != "aa bb cc" || cmp.Diff(all.Rules, []rules.Rule{a, b, c}) != "" {
		t.Fatalf("%v", all)
	}
	if err := s.Arrange(t.Context(), "demo", []string{c.ID, a.ID, b.ID}, all.Order); err != nil {
		t.Fatal(err)
	}
	now, names := load(t, s)
	if names != "cc aa bb" || now.Version == all.Version {
		t.Errorf("%s: %v", names, now)
	}
	refused(t, s.Arrange(t.Context(), "demo", []string{a.ID, b.ID, c.ID}, all.Order), errs.Conflict, "changed meanwhile")
	for _, ids := range [][]string{{a.ID, b.ID}, {a.ID, a.ID, b.ID}, {a.ID, b.ID, "none"}, {a.ID, b.ID, c.ID, a.ID}, nil} {
		refused(t, s.Arrange(t.Context(), "demo", ids, now.Order), errs.Invalid, "each rule")
	}
	if err := s.Delete(t.Context(), "demo", a.ID, a.Revision); err != nil {
		t.Fatal(err)
	}
	if _, names := load(t, s); names != "cc bb" {
		t.Error(names)
	}
	if other, err := s.Load(t.Context(), "another"); err != nil || len(other.Rules) != 0 {
		t.Errorf("another book has %v, %v", other, err)
	}
}

func TestTwoEditorsNeverOverwriteEachOther(t *testing.T) {
	s := newStore(t)
	seen, other := create(t, s, "aa"), create(t, s, "bb")
	mine := seen
	mine.Name = "mine"
	kept, err := s.Update(t.Context(), "demo", mine)
	if err != nil || kept.Revision != seen.Revision+1 {
		t.Fatalf("%v, %v", kept, err)
	}
	theirs := seen
	theirs.Name = "theirs"
	_, err = s.Update(t.Context(), "demo", theirs)
	refused(t, err, errs.Conflict, `"mine" was changed meanwhile`)
	refused(t, s.Delete(t.Context(), "demo", seen.ID, seen.Revision), errs.Conflict, "changed meanwhile")
	if _, names := load(t, s); names != "mine bb" {
		t.Error(names)
	}
	if _, err := s.Update(t.Context(), "demo", other); err != nil {
		t.Errorf("another rule is another matter: %v", err)
	}
	if err := s.Delete(t.Context(), "demo", kept.ID, kept.Revision); err != nil {
		t.Fatal(err)
	}
	_, err = s.Update(t.Context(), "demo", kept)
	refused(t, err, errs.NotFound, "no such rule")
	refused(t, s.Delete(t.Context(), "demo", kept.ID, kept.Revision), errs.NotFound, "no such rule")
}

func TestWhatIsNotKept(t *testing.T) {
	s := newStore(t)
	create(t, s, "Café")
	before, _ := load(t, s)
	_, err := s.Create(t.Context(), "demo", rule("again", rules.Conditions{Contains: "CAFE"}, "rent"))
	refused(t, err, errs.Conflict, `"Café" is about the same`)
	_, err = s.Create(t.Context(), "demo", rules.Rule{Name: "empty"})
	refused(t, err, errs.Invalid, "which transactions")
	if after, _ := load(t, s); cmp.Diff(before, after) != "" {
		t.Error("something was kept")
	}
}

func TestABookHasRoomForItsLargestRules(t *testing.T) {
	s := newStore(t)
	wide := func(n int) string { return strings.Repeat("😀", n) }
	for n := range rules.MostRules {
		r := rule(wide(60), rules.Conditions{Contains: fmt.Sprintf("%s%d", strings.Repeat("\"", 190), n)}, strings.Repeat("a", 200))
		r.Description = strings.Repeat("<", 200)
		r.Properties = map[string]string{}
		for k := range 5 {
			r.Properties[fmt.Sprintf("%s%d", strings.Repeat("k", 29), k)] = strings.Repeat("<", 100)
		}
		for k := range 10 {
			r.Tags = append(r.Tags, fmt.Sprintf("%s%d", strings.Repeat("t", 39), k))
		}
		if _, err := s.Create(t.Context(), "demo", r); err != nil {
			t.Fatalf("rule %d: %v", n, err)
		}
	}
	_, err := s.Create(t.Context(), "demo", rule("one more", rules.Conditions{Contains: "more"}, "meals"))
	refused(t, err, errs.Invalid, "at most 100 rules")
}

func TestADeclinedProposalIsRemembered(t *testing.T) {
	s := newStore(t)
	for _, id := range []string{"one", "two", "one"} {
		if err := s.Decline(t.Context(), "demo", id); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Declined(t.Context(), "demo")
	if err != nil || len(got) != 2 || !got["one"] || !got["two"] {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := s.Declined(t.Context(), "another"); err != nil || len(got) != 0 {
		t.Errorf("another book: %v, %v", got, err)
	}
}

func lessons(n int, text, amount, account string) []rules.Lesson {
	all := make([]rules.Lesson, n)
	for i := range all {
		all[i] = rules.Lesson{Account: account, Row: row(amount, fmt.Sprintf(text, 100+i))}
	}
	return all
}

func TestWhatIsProposed(t *testing.T) {
	pure := lessons(12, "POS STARBUCKS %d LISBOA", "-4", "meals")
	for claim, test := range map[string]struct {
		lessons []rules.Lesson
		want    string // text, direction, account, count
	}{
		"a merchant that always went to one account": {pure, "STARBUCKS  meals 12"},
		"not one that is too new":                    {pure[:4], ""},
		"not one that once went elsewhere":           {slices.Concat(pure, lessons(1, "POS STARBUCKS %d LISBOA", "-4", "rent")), ""},
		"what all its texts hold":                    {slices.Concat(lessons(6, "SQ *BLUE BOTTLE %d", "-4", "meals")), "BLUE BOTTLE  meals 6"},
		"with a direction where the other way went elsewhere": {
			slices.Concat(lessons(6, "ACME %d", "-4", "meals"), lessons(6, "ACME %d", "4", "rent")), "ACME out meals 6; ACME in rent 6",
		},
		"without a direction where both ways agree": {
			slices.Concat(lessons(6, "ACME %d", "-4", "meals"), lessons(5, "ACME %d", "4", "meals")), "ACME  meals 11",
		},
		"not a text that other merchants hold too": {slices.Concat(lessons(6, "RENT %d", "-4", "rent"), lessons(2, "CAR RENTAL %d", "-4", "meals")), ""},
		"not a name of few letters":                {lessons(9, "BP %d", "-4", "meals"), ""},
		"the most frequent first": {
			slices.Concat(lessons(5, "NETFLIX %d", "-4", "meals"), lessons(9, "OAKWOOD %d", "-4", "rent")), "OAKWOOD  rent 9; NETFLIX  meals 5",
		},
	} {
		t.Run(claim, func(t *testing.T) {
			var got []string
			for _, p := range rules.Propose(test.lessons) {
				got = append(got, fmt.Sprintf("%s %s %s %d", p.Rule.Contains, p.Rule.Direction, p.Rule.Account, p.Count))
				clean, err := p.Rule.Clean()
				if err != nil || !rules.Fits(clean, p.Example) {
					t.Errorf("the rule %v cannot be made: %v", p.Rule, err)
				}
				right := 0
				for _, l := range test.lessons {
					if !rules.Fits(clean, l.Row) {
						continue
					}
					if l.Account != clean.Account {
						t.Errorf("%v would have decided %v", clean, l)
					}
					right++
				}
				if right != p.Count {
					t.Errorf("it fits %d, and says %d", right, p.Count)
				}
			}
			if text := strings.Join(got, "; "); text != test.want {
				t.Errorf("proposed %s", text)
			}
		})
	}
}

func BenchmarkPropose(b *testing.B) {
	var all []rules.Lesson
	for n := range 100_000 {
		merchant := n % 4000
		all = append(all, rules.Lesson{
			Account: fmt.Sprintf("a%d", merchant%50),
			Row:     row(fmt.Sprintf("-%d", 1+n%90), fmt.Sprintf("POS MERCHANT%c%c%c STORE %04d", 'A'+merchant%26, 'A'+merchant/26%26, 'A'+merchant/676, n%700)),
		})
	}
	for b.Loop() {
		rules.Propose(all)
	}
}

func BenchmarkMatch(b *testing.B) {
	var all []rules.Rule
	for n := range rules.MostRules {
		all = append(all, rule(fmt.Sprint(n), rules.Conditions{Contains: fmt.Sprintf("merchant %d", n)}, "meals"))
	}
	set, asked := rules.NewSet(all), row("-12.50", "POS PÃO DE AÇÚCAR 0312 SAO PAULO")
	for b.Loop() {
		set.Match(asked, book)
	}
}

func TestThePatternsOfABookAreBoundedTogether(t *testing.T) {
	s := newStore(t)
	large := func(n int) rules.Rule {
		return rule(fmt.Sprint(n), rules.Conditions{Matches: fmt.Sprintf("(.*[a-z]){30}%c", 'a'+n)}, "meals")
	}
	kept := 0
	var err error
	for ; err == nil; kept++ {
		_, err = s.Create(t.Context(), "demo", large(kept))
	}
	refused(t, err, errs.Invalid, "too large together")
	if kept < 10 || kept > 20 {
		t.Errorf("the pattern number %d was refused", kept)
	}
	plain := create(t, s, "plain")
	plain.Conditions = large(25).Conditions
	_, err = s.Update(t.Context(), "demo", plain)
	refused(t, err, errs.Invalid, "too large together")
}

// BenchmarkMatchWorst asks the slowest patterns that a book can have about a
// long text.
func BenchmarkMatchWorst(b *testing.B) {
	var all []rules.Rule
	for n := range 14 {
		all = append(all, rule(fmt.Sprint(n), rules.Conditions{Matches: fmt.Sprintf("(.*[a-z]){30}%dz", n)}, "meals"))
	}
	set, asked := rules.NewSet(all), row("-12.50", strings.Repeat("abcde fghij ", 12))
	for b.Loop() {
		set.Match(asked, book)
	}
}
