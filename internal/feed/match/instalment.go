package match

import (
	"regexp"
	"strconv"
	"strings"

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
	rest := t.Description
	if !hasSeparator(rest) { // as most: the pattern takes its time
		return bank.Instalment{}
	}
	for m := instalmentForm.FindStringSubmatchIndex(rest); m != nil; m = instalmentForm.FindStringSubmatchIndex(rest) {
		number, _ := strconv.Atoi(rest[m[2]:m[3]])
		of, _ := strconv.Atoi(rest[m[4]:m[5]])
		if number >= 1 && of >= 2 && number <= of {
			return bank.Instalment{Number: number, Of: of}
		}
		rest = rest[m[5]:] // what stood behind the second number may stand before another
	}
	return bank.Instalment{}
}

// hasSeparator reports whether what may separate two numbers stands between
// digits.
func hasSeparator(s string) bool {
	for n := 1; n < len(s); n++ {
		var end int
		switch s[n] | 0x20 { // lower case
		case '/':
			end = n + 1
		case 'd', 'o':
			end = n + 2
		case 'v':
			end = n + 3
		default:
			continue
		}
		before, after := strings.TrimRight(s[:n], spaces), strings.TrimLeft(s[min(end, len(s)):], spaces)
		if before != "" && isDigit(before[len(before)-1]) && after != "" && isDigit(after[0]) {
			return true
		}
	}
	return false
}

const spaces = " \t\n\f\r" // as \s of the pattern

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
