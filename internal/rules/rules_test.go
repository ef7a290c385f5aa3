package rules_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/rules"
)

// book has two open accounts, one that is archived, and no other.
func book(id string) (rules.Account, bool) {
	a, found := map[string]rules.Account{
		"checking": {Name: "Checking"}, "card": {Name: "Credit Card"}, "meals": {Name: "Meals"}, "rent": {Name: "Rent"},
		"old": {Name: "Old Things", Archived: true},
	}[id]
	return a, found
}

func amount(text string) money.Decimal { return money.MustDecimal(text) }

func row(amount, text string) rules.Row {
	return rules.Row{BankAccount: "checking", Amount: money.MustDecimal(amount), Text: text}
}

func rule(name string, c rules.Conditions, account string) rules.Rule {
	return rules.Rule{ID: name, Revision: 1, Name: name, Enabled: true, Conditions: c, Outcome: rules.Outcome{Account: account}}
}

func TestWhatARuleFits(t *testing.T) {
	for claim, test := range map[string]struct {
		of   rules.Conditions
		row  rules.Row
		fits bool
	}{
		"a text whatever the case":                 {rules.Conditions{Contains: "starbucks"}, row("-4", "POS STARBUCKS 0312"), true},
		"a text whatever the accents of the bank":  {rules.Conditions{Contains: "pao de acucar"}, row("-4", "PÃO DE AÇÚCAR"), true},
		"a text whatever the accents of the rule":  {rules.Conditions{Contains: "Café"}, row("-4", "CAFE RIO"), true},
		"a text whatever the spaces":               {rules.Conditions{Contains: "cafe rio"}, row("-4", "CAFE \t  RIO"), true},
		"a text with signs as it is":               {rules.Conditions{Contains: "SQ *BLUE"}, row("-4", "SQ *BLUE BOTTLE"), true},
		"another text":                             {rules.Conditions{Contains: "starbucks"}, row("-4", "COSTA"), false},
		"the name of the other party":              {rules.Conditions{Contains: "acme"}, rules.Row{Amount: amount("4"), Text: "SEPA", Counterparty: "Acme GmbH"}, true},
		"a pattern whatever the case":              {rules.Conditions{Matches: `^uber\b`}, row("-4", "UBER TRIP"), true},
		"a pattern where it does not match":        {rules.Conditions{Matches: `^uber\b`}, row("-4", "UBEREATS"), false},
		"a pattern without the accents":            {rules.Conditions{Matches: `^cafe$`}, row("-4", "CAFÉ"), true},
		"a pattern of the other party":             {rules.Conditions{Matches: `^acme`}, rules.Row{Amount: amount("4"), Text: "SEPA", Counterparty: "Acme"}, true},
		"the smallest amount itself":               {rules.Conditions{Min: amount("10")}, row("-10.00", "X"), true},
		"less than the smallest":                   {rules.Conditions{Min: amount("10")}, row("-9.99", "X"), false},
		"the largest amount itself":                {rules.Conditions{Max: amount("10")}, row("10", "X"), true},
		"more than the largest":                    {rules.Conditions{Max: amount("10")}, row("10.01", "X"), false},
		"money out":                                {rules.Conditions{Direction: rules.Out}, row("-1", "X"), true},
		"money in, where out is asked for":         {rules.Conditions{Direction: rules.Out}, row("1", "X"), false},
		"money out, where in is asked for":         {rules.Conditions{Direction: rules.In}, row("-1", "X"), false},
		"the bank account":                         {rules.Conditions{BankAccount: "checking"}, row("-1", "X"), true},
		"another bank account":                     {rules.Conditions{BankAccount: "card"}, row("-1", "X"), false},
		"all conditions but one":                   {rules.Conditions{Contains: "x", Direction: rules.Out, Min: amount("2")}, row("-1", "X"), false},
		"no condition at all":                      {rules.Conditions{}, row("-1", "X"), false},
		"a text with bytes that are no characters": {rules.Conditions{Contains: "cafe"}, row("-1", "\xff CAFE \xc3"), true},
	} {
		t.Run(claim, func(t *testing.T) {
			if got := rules.Fits(rule("it", test.of, "meals"), test.row); got != test.fits {
				t.Errorf("fits: %v", got)
			}
		})
	}
}

func TestTheFirstRuleThatCanBeFollowedWins(t *testing.T) {
	any4 := rules.Conditions{Contains: "x"}
	off := rule("off", any4, "meals")
	off.Enabled = false
	for claim, test := range map[string]struct {
		all  []rules.Rule
		want string
	}{
		"the first of two":                {[]rules.Rule{rule("a", any4, "meals"), rule("b", any4, "rent")}, "a"},
		"the same the other way round":    {[]rules.Rule{rule("b", any4, "rent"), rule("a", any4, "meals")}, "b"},
		"not one that is switched off":    {[]rules.Rule{off, rule("b", any4, "rent")}, "b"},
		"not one of an archived account":  {[]rules.Rule{rule("a", any4, "old"), rule("b", any4, "rent")}, "b"},
		"not one of an account that left": {[]rules.Rule{rule("a", any4, "gone"), rule("b", any4, "rent")}, "b"},
		"not one of a bank account that left": {
			[]rules.Rule{rule("a", rules.Conditions{Contains: "x", BankAccount: "gone"}, "meals"), rule("b", any4, "rent")}, "b",
		},
		"not one that books the bank account against itself": {[]rules.Rule{rule("a", any4, "checking"), rule("b", any4, "rent")}, "b"},
		"not one that does not fit":                          {[]rules.Rule{rule("a", rules.Conditions{Contains: "y"}, "meals"), rule("b", any4, "rent")}, "b"},
		"none":                                               {[]rules.Rule{rule("a", rules.Conditions{Contains: "y"}, "meals")}, ""},
	} {
		t.Run(claim, func(t *testing.T) {
			got, ok := rules.NewSet(test.all).Match(row("-4", "X"), book)
			if got.ID != test.want || ok != (test.want != "") {
				t.Errorf("%q, %v", got.ID, ok)
			}
		})
	}
}

func TestARuleSaysWhyItMatchesNothing(t *testing.T) {
	for claim, test := range map[string]struct {
		rule rules.Rule
		want string
	}{
		"nothing is wrong":        {rule("a", rules.Conditions{Contains: "x"}, "meals"), ""},
		"no account is needed":    {rule("a", rules.Conditions{Contains: "x"}, ""), ""},
		"its account is gone":     {rule("a", rules.Conditions{Contains: "x"}, "gone"), "no longer in the book"},
		"its account is archived": {rule("a", rules.Conditions{Contains: "x"}, "old"), "Old Things is archived"},
		"its bank account is":     {rule("a", rules.Conditions{Contains: "x", BankAccount: "old"}, "meals"), "Old Things is archived"},
	} {
		t.Run(claim, func(t *testing.T) {
			if got := rules.Problem(test.rule, book); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Error(got)
			}
		})
	}
}

func TestARuleIsKeptClean(t *testing.T) {
	given := rules.Rule{
		Name: "  Rent ", Conditions: rules.Conditions{Contains: " Oakwood "},
		Outcome: rules.Outcome{
			Account: "rent", Description: " Rent of the flat ", Tags: []string{"#home", " home", "flat_2"},
			Properties: map[string]string{"Cost Center": " 7 ", "who": "me"},
		},
	}
	got, err := given.Clean()
	if err != nil {
		t.Fatal(err)
	}
	want := rules.Rule{
		Name: "Rent", Conditions: rules.Conditions{Contains: "Oakwood"},
		Outcome: rules.Outcome{
			Account: "rent", Description: "Rent of the flat", Tags: []string{"home", "flat_2"},
			Properties: map[string]string{"cost_center": "7", "who": "me"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if again, err := got.Clean(); err != nil || cmp.Diff(got, again) != "" {
		t.Errorf("cleaned twice: %v, %v", again, err)
	}
}

func TestWhatARuleCannotBe(t *testing.T) {
	for claim, test := range map[string]struct {
		change func(*rules.Rule)
		want   string
	}{
		"without a name":                 {func(r *rules.Rule) { r.Name = " " }, "name"},
		"of a name of two lines":         {func(r *rules.Rule) { r.Name = "a\nb" }, "name"},
		"of a long name":                 {func(r *rules.Rule) { r.Name = strings.Repeat("x", 61) }, "at most 60"},
		"about everything":               {func(r *rules.Rule) { r.Conditions = rules.Conditions{} }, "which transactions"},
		"of text and pattern":            {func(r *rules.Rule) { r.Matches = "x" }, "not both"},
		"of a long text":                 {func(r *rules.Rule) { r.Contains = strings.Repeat("x", 201) }, "too long"},
		"of a text that folds away":      {func(r *rules.Rule) { r.Contains = "\u0301" }, "nothing that could be found"},
		"of a broken pattern":            {func(r *rules.Rule) { r.Contains, r.Matches = "", "uber(" }, "missing closing )"},
		"of a pattern RE2 does not have": {func(r *rules.Rule) { r.Contains, r.Matches = "", `(a)\1` }, "not a pattern"},
		"of a pattern that is too large": {func(r *rules.Rule) { r.Contains, r.Matches = "", `((x{99}){99}){99}` }, "not a pattern"},
		"of a pattern that repeats":      {func(r *rules.Rule) { r.Contains, r.Matches = "", `(.*a){300}b` }, "repeats too much"},
		"of a pattern for everything":    {func(r *rules.Rule) { r.Contains, r.Matches = "", ".*" }, "would match everything"},
		"of a negative amount":           {func(r *rules.Rule) { r.Min = amount("-1") }, "no sign"},
		"of amounts the wrong way round": {func(r *rules.Rule) { r.Min, r.Max = amount("2"), amount("1") }, "larger than the largest"},
		"of another direction":           {func(r *rules.Rule) { r.Direction = "up" }, "in or out"},
		"without effect":                 {func(r *rules.Rule) { r.Account = "" }, "what the rule does"},
		"of a bank account to itself":    {func(r *rules.Rule) { r.BankAccount = "meals" }, "its own counter account"},
		"of a description of two lines":  {func(r *rules.Rule) { r.Description = "a\nb" }, "one line"},
		"of a hashtag that is none":      {func(r *rules.Rule) { r.Tags = []string{"two words"} }, "two words"},
		"of a hashtag with accents":      {func(r *rules.Rule) { r.Tags = []string{"café"} }, "accents"},
		"of many hashtags":               {func(r *rules.Rule) { r.Tags = strings.Split("a,b,c,d,e,f,g,h,i,j,k", ",") }, "at most 10"},
		"of a hidden property":           {func(r *rules.Rule) { r.Properties = map[string]string{"mine_": "x"} }, "hidden"},
		"of a property of the bank's":    {func(r *rules.Rule) { r.Properties = map[string]string{"bank_text": "x"} }, "kept for"},
		"of a property of the app's":     {func(r *rules.Rule) { r.Properties = map[string]string{"completed_because": "x"} }, "kept for"},
		"of a property without a value":  {func(r *rules.Rule) { r.Properties = map[string]string{"mine": " "} }, "a value"},
		"of a property that is twice":    {func(r *rules.Rule) { r.Properties = map[string]string{"a b": "x", "A_B": "y"} }, "twice"},
		"of a key that is too long":      {func(r *rules.Rule) { r.Properties = map[string]string{strings.Repeat("k", 31): "x"} }, "at most 30"},
		"of many properties": {
			func(r *rules.Rule) {
				r.Properties = map[string]string{"a": "1", "b": "1", "c": "1", "d": "1", "e": "1", "f": "1"}
			}, "at most 5",
		},
	} {
		t.Run(claim, func(t *testing.T) {
			r := rule("Meals", rules.Conditions{Contains: "x"}, "meals")
			test.change(&r)
			if _, err := r.Clean(); !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Public(err), test.want) {
				t.Errorf("it says %q", errs.Public(err))
			}
		})
	}
}

func TestReasonsAreWords(t *testing.T) {
	for want, c := range map[string]rules.Conditions{
		`your rule "Rent": the text contains "Oakwood", the amount is from 900 to 1000.5, money out, on Checking`: {
			Contains: "Oakwood", Min: amount("900"), Max: amount("1000.5"), Direction: rules.Out, BankAccount: "checking",
		},
		`your rule "Rent": the text matches ^oak, the amount is 900, money in`:    {Matches: "^oak", Min: amount("900"), Max: amount("900.00"), Direction: rules.In},
		`your rule "Rent": the amount is at least 900`:                            {Min: amount("900")},
		`your rule "Rent": the amount is at most 900, on an account that is gone`: {Max: amount("900"), BankAccount: "gone"},
	} {
		if got := rules.Reason(rule("Rent", c, "rent"), book); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

var ruleGen = rapid.Custom(func(t *rapid.T) rules.Rule {
	text := rapid.SampledFrom([]string{"", "uber", "Café", "x", "rent"}).Draw(t, "contains")
	c := rules.Conditions{
		Contains: text, Direction: rapid.SampledFrom([]rules.Direction{"", rules.In, rules.Out}).Draw(t, "direction"),
		BankAccount: rapid.SampledFrom([]string{"", "checking", "card", "old", "gone"}).Draw(t, "bank account"),
		Min:         money.DecimalFromUnits(rapid.Int64Range(0, 3).Draw(t, "min"), 0),
	}
	if text == "" {
		c.Matches = rapid.SampledFrom([]string{"", "^u", "r.?n"}).Draw(t, "matches")
	}
	r := rule(rapid.StringMatching("[a-z]{8}").Draw(t, "name"), c, rapid.SampledFrom([]string{"", "meals", "rent", "old", "gone", "checking"}).Draw(t, "account"))
	r.Enabled = rapid.Bool().Draw(t, "enabled")
	return r
})

var rowGen = rapid.Custom(func(t *rapid.T) rules.Row {
	return rules.Row{
		BankAccount: rapid.SampledFrom([]string{"checking", "card"}).Draw(t, "bank account"),
		Amount:      money.DecimalFromUnits(rapid.Int64Range(-5, 5).Draw(t, "amount"), 0),
		Text:        rapid.SampledFrom([]string{"", "UBER TRIP", "CAFE X", "Rent café", "nothing"}).Draw(t, "text"),
	}
})

// The rule that wins is the first one that is switched on, fits, and can be
// followed; what stands behind it changes nothing, and asking changes nothing.
func TestOrderDecides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(ruleGen, 0, 8).Draw(t, "rules")
		row := rowGen.Draw(t, "row")
		set := rules.NewSet(all)
		got, ok := set.Match(row, book)
		if again, okAgain := set.Match(row, book); ok != okAgain || cmp.Diff(got, again) != "" {
			t.Fatalf("asked twice: %v, then %v", got, again)
		}
		eligible := func(r rules.Rule) bool {
			return r.Enabled && rules.Fits(r, row) && rules.Problem(r, book) == "" && r.Account != row.BankAccount
		}
		for n, r := range all {
			if !eligible(r) {
				continue
			}
			if !ok || got.ID != r.ID {
				t.Fatalf("%v wins before %v", got, r)
			}
			if first, _ := rules.NewSet(all[:n+1]).Match(row, book); first.ID != r.ID {
				t.Fatalf("without what follows %v wins", first)
			}
			return
		}
		if ok {
			t.Fatalf("%v wins, and may not", got)
		}
	})
}

// Whatever the pattern: it is refused with a sentence, or is one that RE2 knows,
// that is not for everything, and that can be asked about any text.
func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"uber", "^uber\\b", "a|b", "(", "(?P<x>a)", ".*", "x{1000}", "\\pL+", "[[:alpha:]]", "(?i)x", "(?-i)X", "\\Q.", "$^", "\xff", "a**"} {
		f.Add(seed, "UBER TRIP 0312 \u00e9")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		r := rule("it", rules.Conditions{Matches: pattern}, "meals")
		clean, err := r.Clean()
		if err != nil {
			if !errs.Is(err, errs.Invalid) || errs.Public(err) == "" {
				t.Fatalf("%q: %v", pattern, err)
			}
			return
		}
		if len(pattern) > 2000 || rules.Fits(clean, row("-1", "")) {
			t.Fatalf("%q is for everything", pattern)
		}
		fits := rules.Fits(clean, row("-1", text))
		if again := rules.Fits(clean, row("-1", text)); fits != again {
			t.Fatalf("%q fits %q once", pattern, text)
		}
		if len(text) < 100 && strings.ToValidUTF8(text, " ") == text && regexp.MustCompile("(?i)"+clean.Matches).MatchString(text) && !fits {
			t.Fatalf("%q does not fit %q", pattern, text)
		}
	})
}
