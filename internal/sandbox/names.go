package sandbox

import (
	"slices"
	"strings"
	"unicode"

	"github.com/bank-connections/bkper-bot/internal/sandbox/query"
)

// nameFinder finds names of accounts in texts.
type nameFinder struct {
	byFirstWord map[string][]knownName // longest name first
}

type knownName struct {
	words   []string
	account int64
}

// newNameFinder returns a finder of the accounts that are not archived.
func newNameFinder(accounts map[int64]*account) *nameFinder {
	f := &nameFinder{byFirstWord: map[string][]knownName{}}
	for _, a := range sortedBy(accounts, func(a *account) int64 { return a.ID }) {
		words := strings.Split(query.Normalize(a.Name), "_")
		if a.Archived || words[0] == "" {
			continue
		}
		f.byFirstWord[words[0]] = append(f.byFirstWord[words[0]], knownName{words, a.ID})
	}
	for _, names := range f.byFirstWord {
		slices.SortStableFunc(names, func(a, b knownName) int { return len(b.words) - len(a.words) })
	}
	return f
}

// word is a word of a text: where it stands, and its normal form.
type word struct {
	start, end int
	normal     string
}

// wordsOf takes text apart at white space, hyphens and underscores, which
// are alike in names. Text in double quotes has no words.
func wordsOf(text string) []word {
	var words []word
	start, inQuotes := -1, false
	flush := func(end int) {
		if start >= 0 {
			words = append(words, word{start, end, query.Normalize(text[start:end])})
			start = -1
		}
	}
	for i, r := range text {
		switch {
		case r == '"':
			flush(i)
			inQuotes = !inQuotes
		case inQuotes:
		case unicode.IsSpace(r) || r == '-' || r == '_':
			flush(i)
		case start < 0:
			start = i
		}
	}
	flush(len(text))
	return words
}

// found is an account that a text names between two of its bytes.
type found struct {
	start, end int
	account    int64
}

// next returns the first name in words, other than that of account not.
func (f *nameFinder) next(words []word, not int64) (found, bool) {
	for i := range words {
		for _, name := range f.byFirstWord[words[i].normal] {
			if name.account == not || i+len(name.words) > len(words) {
				continue
			}
			matches := true
			for j := range name.words {
				matches = matches && words[i+j].normal == name.words[j]
			}
			if matches {
				return found{words[i].start, words[i+len(name.words)-1].end, name.account}, true
			}
		}
	}
	return found{}, false
}
