package match

import (
	"regexp"
	"strconv"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

// "PARC 02/12", "2 de 12", "Rate 2/12": a number, a separator, a larger number.
// A month with its year (02/2026) and a date (24/12/26) are none.
var instalmentForm = regexp.MustCompile(`(?i)(?:^|[^\d/.-])(\d{1,2})\s*(?:/|de|of|von)\s*(\d{1,2})(?:[^\d/.-]|$)`)

// InstalmentOf returns the place in a series that a transaction names, by the
// bank's own fields or else in its text; the zero value if it names none.
func InstalmentOf(t bank.Transaction) bank.Instalment {
	if t.Instalment.Of > 0 {
		return t.Instalment
	}
	m := instalmentForm.FindStringSubmatch(t.Description)
	if m == nil {
		return bank.Instalment{}
	}
	number, _ := strconv.Atoi(m[1])
	of, _ := strconv.Atoi(m[2])
	if number < 1 || of < 2 || number > of {
		return bank.Instalment{}
	}
	return bank.Instalment{Number: number, Of: of}
}
