package statement

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/bank-connections/bkper-bot/internal/money"
)

// numbers reads amounts as banks write them: 1234.50, 1.234,50, 1'234.50,
// +12, -.50, 12,50-. The sign may stand on either side.
//
// A lone comma or point with three digits behind it may separate thousands or
// decimals. It is read as the other amounts of the same statement are written;
// if they do not tell, as the currency has it: decimals if it has three,
// thousands if it has none. If that does not tell either, it is an error: an
// amount is never guessed.
type numbers struct {
	currency money.Currency
	decimal  byte // what separates decimals, 0 if that is not known
}

// newNumbers looks at how the amounts of a statement are written.
func newNumbers(currency money.Currency, amounts []string) numbers {
	n := numbers{currency: currency}
	for _, text := range amounts {
		_, digits, err := splitSign(text)
		if err != nil {
			continue
		}
		mark, sure := decimalMark(digits)
		switch {
		case !sure:
		case n.decimal == 0:
			n.decimal = mark
		case n.decimal != mark:
			n.decimal = 0
			return n // it has both
		}
	}
	return n
}

// read returns the exact number that text means.
func (n numbers) read(text string) (money.Decimal, error) {
	sign, digits, err := splitSign(text)
	if err != nil {
		return money.Decimal{}, err
	}
	mark, sure := decimalMark(digits)
	if !sure {
		mark, err = n.guess(digits, mark)
		if err != nil {
			return money.Decimal{}, err
		}
	}
	whole, fraction := digits, ""
	if i := strings.LastIndexByte(digits, mark); i >= 0 && mark != 0 {
		whole, fraction = digits[:i], digits[i+1:]
	}
	whole, ok := ungroup(whole)
	if !ok || strings.ContainsAny(fraction, ".,'") || whole+fraction == "" {
		return money.Decimal{}, errAmount(text)
	}
	canonical := sign + "0"
	if whole = strings.TrimLeft(whole, "0"); whole != "" {
		canonical = sign + whole
	}
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		canonical += "." + fraction
	}
	d, err := money.ParseDecimal(canonical)
	if err != nil {
		return money.Decimal{}, errAmount(text)
	}
	return d, nil
}

// guess decides on a lone mark that is followed by three digits. It returns
// the mark of decimals, 0 if there are none.
func (n numbers) guess(digits string, mark byte) (byte, error) {
	decimals := n.currency.Digits()
	switch {
	case mark == 0: // digits only
		return 0, nil
	case n.decimal == mark, n.decimal == 0 && decimals == 3:
		return mark, nil
	case n.decimal != 0, decimals == 0:
		return 0, nil
	}
	whole, fraction, _ := strings.Cut(digits, string(mark))
	return 0, fmt.Errorf("its amount %q may be %s%s or %s.%s", digits, whole, fraction, whole, fraction)
}

// splitSign takes the sign off an amount, and the spaces that banks put into
// it; what is left are digits, points, commas and apostrophes.
func splitSign(text string) (sign, digits string, err error) {
	digits = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return -1
		case r == '\u2212': // the minus of typesetters
			return '-'
		case r == '\u2019': // and their apostrophe
			return '\''
		}
		return r
	}, text)
	switch {
	case strings.HasPrefix(digits, "-"):
		sign, digits = "-", digits[1:]
	case strings.HasPrefix(digits, "+"):
		digits = digits[1:]
	case strings.HasSuffix(digits, "-"):
		sign, digits = "-", digits[:len(digits)-1]
	case strings.HasSuffix(digits, "+"):
		digits = digits[:len(digits)-1]
	}
	if digits == "" || strings.Trim(digits, "0123456789.,'") != "" {
		return "", "", errAmount(text)
	}
	return sign, digits, nil
}

func errAmount(text string) error {
	return fmt.Errorf("its amount %q is not a number this app understands", clip(text, 40))
}

// decimalMark returns what separates decimals in digits, 0 if they have none,
// and whether that is sure. If it is not, it returns the mark in question.
func decimalMark(digits string) (mark byte, sure bool) {
	i := strings.LastIndexAny(digits, ".,")
	if i < 0 {
		return 0, false
	}
	mark, other := digits[i], '.'+','-digits[i]
	before := digits[:i]
	switch {
	case strings.IndexByte(before, mark) >= 0: // 1.234.567: thousands
		return other, strings.IndexByte(before, other) < 0
	case strings.ContainsAny(before, ".,'"): // 1.234,56
		return mark, true
	case len(digits)-i-1 == 3 && len(before) >= 1 && len(before) <= 3 && before[0] != '0': // 1,234
		return mark, false
	}
	return mark, true
}

// ungroup takes thousands apart: 1,234,567, also the Indian way, 12,34,567.
func ungroup(whole string) (string, bool) {
	i := strings.IndexAny(whole, ".,'")
	if i < 0 {
		return whole, true
	}
	groups := strings.Split(whole, whole[i:i+1])
	if len(groups[0]) < 1 || len(groups[0]) > 3 {
		return "", false
	}
	for i, group := range groups[1:] {
		last := i == len(groups)-2
		if strings.ContainsAny(group, ".,'") || len(group) != 3 && (last || len(group) != 2) {
			return "", false
		}
	}
	return strings.Join(groups, ""), true
}
