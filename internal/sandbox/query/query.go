// Package query reads the query language of Bkper's transaction list and
// tells which transactions a query asks for.
//
// A query is a list of terms, all of which must hold:
//
//	account:'Name' (or acc:), from:, to:, group:   sides
//	on:2025, on:2025-01, on:2025-01-31             a year, a month, a day
//	after: (inclusive), before: (exclusive)        ISO dates, dd/mm/yyyy, mm/yyyy, or $d, $m, $y with +N or -N
//	amount:10.5, amount>10, >=, <, <=              exact decimals
//	is:draft, is:posted, is:checked, is:unchecked, is:trashed
//	remoteId:abc, error:true, #tag
//	key:value                                      a custom property
//	word, 'some text', "some text"                 text of the description
//
// A value with white space stands in single or double quotes. There is no
// escape inside quotes. Names and texts compare without case and diacritics.
package query

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// MaxLength is the longest query in bytes that Parse takes.
const MaxLength = 4096

// State is one of the states that is: asks for.
type State string

// The states. Trashed comes before all others: a trashed draft is no draft.
const (
	Draft     State = "draft"
	Posted    State = "posted"
	Checked   State = "checked"
	Unchecked State = "unchecked"
	Trashed   State = "trashed"
)

// Row is what a query sees of a transaction. Names of accounts and groups are
// as Normalize writes them, empty where a side is missing.
type Row interface {
	Date() bank.Date
	Amount() money.Decimal // 0 if there is none
	Credit() (name string, groups []string)
	Debit() (name string, groups []string)
	Description() string
	Tags() []string
	RemoteIDs() []string
	Property(key string) string
	State() State // Draft, Checked, Unchecked or Trashed
	HasError() bool
}

// Query is a parsed query. The zero value asks for everything.
type Query struct {
	// From and Before bound the dates: From is inclusive, Before exclusive;
	// zero is no bound.
	From, Before bank.Date
	// States are the states asked for, all of which must hold.
	States []State
	// RemoteIDs are the remote ids asked for, all of which must be there.
	RemoteIDs []string
	// Accounts are the names after account:, as they were written.
	Accounts []string

	tests []func(Row) bool
}

// Wants reports whether the query asks for state by name.
func (q Query) Wants(state State) bool { return slices.Contains(q.States, state) }

// Matches reports whether row is asked for. As in Bkper, a query by remote id
// does not see trashed transactions unless it says is:trashed.
func (q Query) Matches(row Row) bool {
	date := row.Date()
	if !q.From.IsZero() && date.Before(q.From) || !q.Before.IsZero() && !date.Before(q.Before) {
		return false
	}
	state := row.State()
	if len(q.RemoteIDs) > 0 && state == Trashed && !q.Wants(Trashed) {
		return false
	}
	for _, wanted := range q.States {
		if !inState(state, wanted) {
			return false
		}
	}
	if len(q.RemoteIDs) > 0 {
		has := row.RemoteIDs()
		for _, wanted := range q.RemoteIDs {
			if !slices.Contains(has, wanted) {
				return false
			}
		}
	}
	for _, test := range q.tests {
		if !test(row) {
			return false
		}
	}
	return true
}

func inState(state, wanted State) bool {
	if wanted == Posted {
		return state == Checked || state == Unchecked
	}
	return state == wanted
}

// Parse reads text. Relative dates count from today. Its errors are for the
// person who wrote the query.
func Parse(text string, today bank.Date) (Query, error) {
	var q Query
	if len(text) > MaxLength {
		return q, fmt.Errorf("the query is longer than %d bytes", MaxLength)
	}
	if !utf8.ValidString(text) {
		return q, fmt.Errorf("the query is not UTF-8")
	}
	rest := text
	for {
		rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
		if rest == "" {
			return q, nil
		}
		t, tail, err := nextTerm(rest)
		if err != nil {
			return Query{}, err
		}
		if err := q.add(t, today); err != nil {
			return Query{}, err
		}
		rest = tail
	}
}

// term is a piece of a query: key, operator and value, or a value alone.
type term struct {
	key, op, value string
}

// nextTerm takes the first term off text, which does not start with a space.
func nextTerm(text string) (term, string, error) {
	if text[0] == '\'' || text[0] == '"' {
		value, rest, err := quoted(text)
		return term{value: value}, rest, err
	}
	end := strings.IndexFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || r == ':' || r == '<' || r == '>' || r == '\'' || r == '"'
	})
	if end < 0 {
		return term{value: text}, "", nil
	}
	if end == 0 { // an operator without a key is text
		_, size := utf8.DecodeRuneInString(text)
		return term{value: text[:size]}, text[size:], nil
	}
	key, rest := text[:end], text[end:]
	var op string
	switch {
	case strings.HasPrefix(rest, ">="), strings.HasPrefix(rest, "<="):
		op = rest[:2]
	case rest[0] == ':', rest[0] == '<', rest[0] == '>':
		op = rest[:1]
	default:
		return term{value: key}, rest, nil
	}
	rest = rest[len(op):]
	if rest != "" && (rest[0] == '\'' || rest[0] == '"') {
		value, tail, err := quoted(rest)
		return term{key, op, value}, tail, err
	}
	end = strings.IndexFunc(rest, unicode.IsSpace)
	if end < 0 {
		end = len(rest)
	}
	return term{key, op, rest[:end]}, rest[end:], nil
}

func quoted(text string) (value, rest string, err error) {
	quote := text[0]
	end := strings.IndexByte(text[1:], quote)
	if end < 0 {
		return "", "", fmt.Errorf("the quote %c is not closed", quote)
	}
	return text[1 : 1+end], text[2+end:], nil
}

func (q *Query) add(t term, today bank.Date) error {
	if t.op == "" {
		if t.value != "" {
			q.addText(t.value)
		}
		return nil
	}
	if t.value == "" {
		return fmt.Errorf("%s%s needs a value", t.key, t.op)
	}
	key := strings.ToLower(t.key)
	if t.op != ":" {
		if key != "amount" {
			return fmt.Errorf("%s compares amounts only, not %q", t.op, t.key)
		}
		return q.addAmount(t.op, t.value)
	}
	switch key {
	case "account", "acc":
		q.Accounts = append(q.Accounts, t.value)
		name := Normalize(t.value)
		q.test(func(r Row) bool { return isAccount(r.Credit, name) || isAccount(r.Debit, name) })
	case "from":
		name := Normalize(t.value)
		q.test(func(r Row) bool { return isAccount(r.Credit, name) })
	case "to":
		name := Normalize(t.value)
		q.test(func(r Row) bool { return isAccount(r.Debit, name) })
	case "group":
		name := Normalize(t.value)
		q.test(func(r Row) bool { return inGroup(r.Credit, name) || inGroup(r.Debit, name) })
	case "on":
		return q.addOn(t.value, today)
	case "after", "before":
		from, _, err := period(t.value, today)
		if err != nil {
			return err
		}
		if key == "after" {
			q.bound(from, bank.Date{})
		} else {
			q.bound(bank.Date{}, from)
		}
	case "amount":
		return q.addAmount("=", t.value)
	case "is":
		return q.addState(t.value)
	case "remoteid":
		q.RemoteIDs = append(q.RemoteIDs, t.value)
	case "error":
		wanted := strings.EqualFold(t.value, "true")
		if !wanted && !strings.EqualFold(t.value, "false") {
			return fmt.Errorf("error: takes true or false, not %q", t.value)
		}
		q.test(func(r Row) bool { return r.HasError() == wanted })
	default:
		value := Normalize(t.value)
		q.test(func(r Row) bool { return Normalize(r.Property(key)) == value })
	}
	return nil
}

func (q *Query) test(f func(Row) bool) { q.tests = append(q.tests, f) }

func (q *Query) addText(text string) {
	if tag, isTag := strings.CutPrefix(text, "#"); isTag && tag != "" {
		q.test(func(r Row) bool {
			for _, has := range r.Tags() {
				if strings.EqualFold(has, tag) {
					return true
				}
			}
			return false
		})
		return
	}
	folded := fold(text)
	q.test(func(r Row) bool { return strings.Contains(fold(r.Description()), folded) })
}

func (q *Query) addState(value string) error {
	switch state := State(strings.ToLower(value)); state {
	case Draft, Posted, Checked, Unchecked, Trashed:
		q.States = append(q.States, state)
		return nil
	default:
		return fmt.Errorf("is: takes draft, posted, checked, unchecked or trashed, not %q", value)
	}
}

func (q *Query) addAmount(op, value string) error {
	want, err := money.ParseDecimal(value)
	if err != nil {
		return fmt.Errorf("amount%s needs a number such as 12.50: %w", op, err)
	}
	q.test(func(r Row) bool {
		amount := r.Amount()
		if amount.IsZero() {
			return false
		}
		switch order := amount.Cmp(want); op {
		case ">":
			return order > 0
		case ">=":
			return order >= 0
		case "<":
			return order < 0
		case "<=":
			return order <= 0
		default:
			return order == 0
		}
	})
	return nil
}

func isAccount(side func() (string, []string), name string) bool {
	has, _ := side()
	return has == name
}

func inGroup(side func() (string, []string), name string) bool {
	_, groups := side()
	return slices.Contains(groups, name)
}
