// Package rules holds a person's own fixed rules: which bank transactions they
// are about, and what shall become of their drafts. The first rule that matches
// wins, in the order that people give them.
//
// Deciding is pure (this file, match.go, propose.go); book.go keeps the rules of
// each book in the store.
package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// Direction says whether money leaves or arrives, seen from the bank account.
type Direction string

// The directions; "" is either.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// Rule is one rule of a book.
type Rule struct {
	ID       string `json:"id"`
	Revision int    `json:"revision"` // grows with every change
	Name     string `json:"name"`
	Enabled  bool   `json:"enabled"`
	Conditions
	Outcome
}

// Conditions say which bank transactions a rule is about: those that fulfil all
// that are set. At least one is.
type Conditions struct {
	// Contains is looked for in the bank's text and in the name of the other
	// party, whatever the case and the accents.
	Contains string `json:"contains,omitempty"`
	// Matches is a pattern (RE2) for the same, instead of Contains.
	Matches string `json:"matches,omitempty"`
	// Min and Max limit the amount without its sign, both included; zero is no
	// limit.
	Min         money.Decimal `json:"min,omitzero"`
	Max         money.Decimal `json:"max,omitzero"`
	Direction   Direction     `json:"direction,omitempty"`
	BankAccount string        `json:"bankAccount,omitempty"` // id of an account of the book
}

// Outcome says what becomes of a draft. At least one part is set.
type Outcome struct {
	Account     string            `json:"account,omitempty"`     // id of the counter account
	Description string            `json:"description,omitempty"` // instead of the bank's text
	Tags        []string          `json:"tags,omitempty"`        // hashtags, without #
	Properties  map[string]string `json:"properties,omitempty"`
}

// Dresses reports whether there is more to it than the counter account.
func (o Outcome) Dresses() bool {
	return o.Description != "" || len(o.Tags) > 0 || len(o.Properties) > 0
}

// Stamp tells one state of a rule from every other.
func (r Rule) Stamp() string { return fmt.Sprintf("%s.%d", r.ID, r.Revision) }

// The most of each that a rule can have. With them the rules of a book fit
// into one document of the store.
const (
	MostRules       = 100
	mostName        = 60  // characters
	mostText        = 200 // bytes, of Contains and Matches
	mostDescription = 200 // characters
	mostTags        = 10
	mostTag         = 40
	mostProperties  = 5
	mostKey         = 30  // Bkper's own limit
	mostValue       = 100 // characters
	mostID          = 200 // bytes
)

var (
	tagPattern = regexp.MustCompile(`^[a-zA-Z0-9_]+$`)
	keyPattern = regexp.MustCompile(`^[a-z0-9_]+$`)
)

// Clean returns the rule as it is kept: without spaces around texts, tags
// without #, property keys as Bkper writes them. An error says what a person
// must change, in a sentence.
func (r Rule) Clean() (Rule, error) {
	r.Name = strings.TrimSpace(r.Name)
	if r.Name == "" || utf8.RuneCountInString(r.Name) > mostName || !printable(r.Name) {
		return r, invalid("Give the rule a name of at most %d characters, on one line.", mostName)
	}
	var err error
	if r.Conditions, err = r.Conditions.clean(); err != nil {
		return r, err
	}
	if r.Outcome, err = r.Outcome.clean(); err != nil {
		return r, err
	}
	if r.Account != "" && r.Account == r.BankAccount {
		return r, invalid("The bank account cannot be its own counter account. Choose another account.")
	}
	return r, nil
}

func (c Conditions) clean() (Conditions, error) {
	c.Contains, c.Matches = strings.TrimSpace(c.Contains), strings.TrimSpace(c.Matches)
	switch {
	case c.Contains != "" && c.Matches != "":
		return c, invalid("Say either what the text contains or the pattern it matches, not both.")
	case len(c.Contains) > mostText || len(c.Matches) > mostText:
		return c, invalid("The text to look for is too long: at most %d characters.", mostText)
	case !utf8.ValidString(c.Contains) || c.Contains != "" && fold(c.Contains) == "":
		return c, invalid("The text to look for holds nothing that could be found.")
	}
	if _, err := compile(c.Matches); err != nil {
		return c, err
	}
	switch {
	case c.Min.Sign() < 0 || c.Max.Sign() < 0:
		return c, invalid("Amounts of a rule have no sign. Use the direction to tell money out from money in.")
	case c.Max.Sign() > 0 && c.Min.Cmp(c.Max) > 0:
		return c, invalid("The smallest amount is larger than the largest.")
	case c.Direction != "" && c.Direction != In && c.Direction != Out:
		return c, invalid("The direction must be in or out, or left out for both.")
	case len(c.BankAccount) > mostID:
		return c, invalid("There is no such bank account.")
	case c.none():
		return c, invalid("Say which transactions the rule is about: a text, an amount, a direction or a bank account.")
	}
	return c, nil
}

func (c Conditions) none() bool {
	return c.Contains == "" && c.Matches == "" && c.Min.IsZero() && c.Max.IsZero() && c.Direction == "" && c.BankAccount == ""
}

func (c Conditions) equal(d Conditions) bool {
	return fold(c.Contains) == fold(d.Contains) && c.Matches == d.Matches && c.Min.Equal(d.Min) && c.Max.Equal(d.Max) &&
		c.Direction == d.Direction && c.BankAccount == d.BankAccount
}

func (o Outcome) clean() (Outcome, error) {
	o.Description = strings.TrimSpace(o.Description)
	if utf8.RuneCountInString(o.Description) > mostDescription || !printable(o.Description) {
		return o, invalid("The description is too long, or not on one line: at most %d characters.", mostDescription)
	}
	if len(o.Account) > mostID {
		return o, invalid("There is no such account.")
	}
	var tags []string
	for _, tag := range o.Tags {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "#")
		if len(tag) > mostTag || !tagPattern.MatchString(tag) {
			return o, invalid("A hashtag is made of letters without accents, digits and underscores, at most %d of them: %q is none.", mostTag, clip(tag))
		}
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	if len(tags) > mostTags {
		return o, invalid("A rule can give at most %d hashtags.", mostTags)
	}
	o.Tags = tags
	properties, err := cleanProperties(o.Properties)
	if err != nil {
		return o, err
	}
	o.Properties = properties
	if o.Account == "" && !o.Dresses() {
		return o, invalid("Say what the rule does: choose an account, or give a description, hashtags or properties.")
	}
	return o, nil
}

// cleanProperties writes keys as Bkper does. Keys of the app's own, and those
// that Bkper hides, are no business of rules.
func cleanProperties(given map[string]string) (map[string]string, error) {
	if len(given) > mostProperties {
		return nil, invalid("A rule can give at most %d properties.", mostProperties)
	}
	var properties map[string]string
	for _, raw := range slices.Sorted(maps.Keys(given)) {
		value := strings.TrimSpace(given[raw])
		key := strings.Join(strings.Fields(strings.ToLower(raw)), "_")
		switch {
		case len(key) > mostKey || !keyPattern.MatchString(key):
			return nil, invalid("The key of a property is made of letters without accents, digits and underscores, at most %d of them: %q is none.", mostKey, clip(raw))
		case strings.HasSuffix(key, "_"):
			return nil, invalid("Properties that end with an underscore are hidden in Bkper. Call %q something else.", key)
		case strings.HasPrefix(key, "bank_") || key == ledger.ReasonProperty:
			return nil, invalid("The property %q is kept for what the bank says and why a draft was completed. Call it something else.", key)
		case value == "" || utf8.RuneCountInString(value) > mostValue || !printable(value):
			return nil, invalid("Give the property %q a value of at most %d characters, on one line.", key, mostValue)
		}
		if _, twice := properties[key]; twice {
			return nil, invalid("The property %q is there twice.", key)
		}
		if properties == nil {
			properties = make(map[string]string)
		}
		properties[key] = value
	}
	return properties, nil
}

func invalid(sentence string, of ...any) error {
	return errs.New(errs.Invalid, fmt.Sprintf(sentence, of...))
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// clip shortens what a person has sent, for a sentence.
func clip(text string) string {
	const most = 40
	runes := []rune(strings.ToValidUTF8(text, "?"))
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}
