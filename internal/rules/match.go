package rules

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/bank-connections/bkper-bot/internal/money"
)

// Row is a bank transaction as rules see it.
type Row struct {
	BankAccount  string        // id of the book's account that it is recorded into
	Amount       money.Decimal // signed from that account's view: positive arrives
	Text         string        // the bank's
	Counterparty string        // name of the other party; may be empty
}

// Account is what rules need to know of an account of the book.
type Account struct {
	Name     string
	Archived bool
}

// Accounts finds an account of the book by its id.
type Accounts func(id string) (Account, bool)

const (
	longestText = 1000 // how much of a bank's text is looked at, in bytes
	mostSteps   = 200  // of a pattern
	allSteps    = 2000 // of the patterns of a book
)

// Set is rules made ready to be asked, in their order. It never changes.
type Set struct{ rules []ready }

type ready struct {
	Rule
	contains string // folded
	pattern  *regexp.Regexp
}

// NewSet makes clean rules ready. A rule whose pattern is none never matches.
func NewSet(all []Rule) Set {
	var s Set
	for _, r := range all {
		if one, ok := prepare(r); ok {
			s.rules = append(s.rules, one)
		}
	}
	return s
}

func prepare(r Rule) (ready, bool) {
	pattern, err := compile(r.Matches)
	return ready{Rule: r, contains: fold(r.Contains), pattern: pattern}, err == nil && !r.none()
}

// compile returns nil for no pattern. Patterns ignore the case. They run in time
// that grows with the text and the steps of the pattern, and both are bounded:
// nobody can write one that keeps the app busy.
func compile(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil //nolint:nilnil // no pattern is no error
	}
	compiled, err := regexp.Compile("(?i)" + pattern)
	if err != nil {
		return nil, invalid("This is not a pattern: %s. Use \"contains\" to look for a text as it is.", patternTrouble(err))
	}
	if stepsOf(pattern) > mostSteps {
		return nil, invalid("This pattern is too large: it repeats too much. Ask for less.")
	}
	if compiled.MatchString("") {
		return nil, invalid("This pattern matches even an empty text, so it would match everything. Ask for at least one letter.")
	}
	return compiled, nil
}

// stepsOf says how large a pattern is that compiles.
func stepsOf(pattern string) int {
	parsed, err := syntax.Parse("(?i)"+pattern, syntax.Perl)
	if err != nil {
		return mostSteps + 1
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return mostSteps + 1
	}
	return len(program.Inst)
}

func patternTrouble(err error) string {
	_, trouble, found := strings.Cut(err.Error(), "error parsing regexp: ")
	if !found {
		trouble = err.Error()
	}
	return clip(strings.Replace(trouble, "(?i)", "", 1))
}

// Match returns the first rule that is switched on, can be followed, and fits
// the row. A rule cannot be followed where Problem finds one, nor where it would
// make the bank account its own counter account.
func (s Set) Match(row Row, accounts Accounts) (Rule, bool) {
	q := question{row, fold(row.Text), fold(row.Counterparty)}
	for _, r := range s.rules {
		if r.Enabled && r.fits(q) && r.Account != row.BankAccount && Problem(r.Rule, accounts) == "" {
			return r.Rule, true
		}
	}
	return Rule{}, false
}

// Fits reports whether the conditions of a rule hold for a row, whether it is
// switched on or not.
func Fits(r Rule, row Row) bool {
	one, ok := prepare(r)
	return ok && one.fits(question{row, fold(row.Text), fold(row.Counterparty)})
}

// question is a row with its texts folded.
type question struct {
	Row
	text, party string
}

func (r ready) fits(q question) bool {
	amount := q.Amount.Abs()
	switch {
	case r.BankAccount != "" && r.BankAccount != q.BankAccount,
		r.Direction == In && q.Amount.Sign() <= 0,
		r.Direction == Out && q.Amount.Sign() >= 0,
		!r.Min.IsZero() && amount.Cmp(r.Min) < 0,
		!r.Max.IsZero() && amount.Cmp(r.Max) > 0,
		r.contains != "" && !strings.Contains(q.text, r.contains) && !strings.Contains(q.party, r.contains):
		return false
	case r.pattern == nil:
		return true
	}
	return r.matches(head(q.Text), q.text) || r.matches(head(q.Counterparty), q.party)
}

// matches tries the pattern on a text as it is, and folded.
func (r ready) matches(text, folded string) bool {
	return text != "" && r.pattern.MatchString(text) || folded != "" && folded != text && r.pattern.MatchString(folded)
}

// fold returns a text without case, accents and doubled spaces.
func fold(text string) string {
	var b strings.Builder
	space := false
	for _, r := range norm.NFKD.String(head(text)) {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = b.Len() > 0
		case unicode.Is(unicode.Mn, r):
		default:
			if space {
				b.WriteByte(' ')
				space = false
			}
			b.WriteRune(unicode.ToLower(unicode.ToUpper(r)))
		}
	}
	return b.String()
}

// head is the part of a text that is looked at.
func head(text string) string {
	if len(text) > longestText {
		text = text[:longestText]
	}
	return strings.ToValidUTF8(text, " ")
}

// Problem says why a rule cannot be followed now, in a sentence; "" if it can.
func Problem(r Rule, accounts Accounts) string {
	for _, id := range []string{r.Account, r.BankAccount} {
		if id == "" {
			continue
		}
		switch a, found := accounts(id); {
		case !found:
			return "An account of this rule is no longer in the book, so the rule matches nothing. Choose another account."
		case a.Archived:
			return fmt.Sprintf("The account %s is archived, so the rule matches nothing. Unarchive it, or choose another account.", a.Name)
		}
	}
	return ""
}

// Reason says in words why a rule has chosen an account.
func Reason(r Rule, accounts Accounts) string {
	return Origin(r) + ": " + Words(r.Conditions, accounts)
}

// Origin is how every Reason of a rule begins, as long as it keeps its name.
func Origin(r Rule) string { return fmt.Sprintf("your rule %q", r.Name) }

// Words says in words which transactions a rule is about.
func Words(c Conditions, accounts Accounts) string {
	var parts []string
	add := func(format string, of ...any) { parts = append(parts, fmt.Sprintf(format, of...)) }
	switch {
	case c.Contains != "":
		add("the text contains %q", c.Contains)
	case c.Matches != "":
		add("the text matches %s", c.Matches)
	}
	switch {
	case !c.Min.IsZero() && c.Min.Equal(c.Max):
		add("the amount is %s", c.Min)
	case !c.Min.IsZero() && !c.Max.IsZero():
		add("the amount is from %s to %s", c.Min, c.Max)
	case !c.Min.IsZero():
		add("the amount is at least %s", c.Min)
	case !c.Max.IsZero():
		add("the amount is at most %s", c.Max)
	}
	switch c.Direction {
	case In:
		add("money in")
	case Out:
		add("money out")
	}
	if c.BankAccount != "" {
		name := "an account that is gone"
		if a, found := accounts(c.BankAccount); found {
			name = a.Name
		}
		add("on %s", name)
	}
	return strings.Join(parts, ", ")
}
