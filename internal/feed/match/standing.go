package match

import (
	"slices"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

// Standing is a transaction that stands in the book and that the app did not
// record: typed in by a person, or imported by other means.
type Standing struct {
	ID     string
	Date   bank.Date
	Amount string // signed from the account's view, canonical text without currency
	Text   string
}

// Awaited is a new row that may stand in the book already.
type Awaited struct {
	Dates  []bank.Date // the booking date first, then the other dates the bank gives
	Amount string      // as in Standing
	Text   string
}

// Claim pairs new rows with standing transactions of the same signed amount and
// day, each with one at most, and returns the id of the standing transaction
// for each row, "" for none. Where several could be paired, those whose texts
// share a word go first: for the sum of the account it makes no difference
// which of two equal movements the person has typed in, for the reader it does.
func Claim(rows []Awaited, standing []Standing) []string {
	claimed := make([]string, len(rows))
	used := make(map[string]bool)
	for _, accept := range []func(Awaited, Standing) bool{sameDayAndWord, sameDay} {
		for i, r := range rows {
			if claimed[i] != "" {
				continue
			}
			for _, s := range standing {
				if !used[s.ID] && s.Amount == r.Amount && accept(r, s) {
					claimed[i], used[s.ID] = s.ID, true
					break
				}
			}
		}
	}
	return claimed
}

func sameDay(r Awaited, s Standing) bool { return slices.Contains(r.Dates, s.Date) }

func sameDayAndWord(r Awaited, s Standing) bool {
	if !sameDay(r, s) {
		return false
	}
	words := strings.Fields(r.Text)
	for _, w := range strings.Fields(s.Text) {
		if len(w) > 2 && slices.Contains(words, w) {
			return true
		}
	}
	return false
}
