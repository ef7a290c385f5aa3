// Package money holds exact amounts of money. No binary floating point is
// used anywhere in it, and no operation rounds unless its name says so.
package money

import (
	"errors"
	"fmt"

	"github.com/shopspring/decimal"
)

// ErrFormat is wrapped by every error that a malformed number causes.
var ErrFormat = errors.New("not a decimal number")

// The longest number that Parse takes. Fifteen digits hold any balance that
// a bank has reported; eight decimals are the most a Bkper book can hold.
const (
	maxIntegerDigits  = 15
	maxFractionDigits = 8
)

// Decimal is an exact decimal number. The zero value is 0. Use Equal or Cmp
// to compare two of them; == also compares how they were written.
type Decimal struct {
	d decimal.Decimal
}

// ParseDecimal reads -?digits[.digits] with at most 15 digits before the point
// and 8 behind it, no leading zeros, no exponent, no sign but minus, and no
// white space. Everything else is an error that wraps ErrFormat. There is one
// zero: "-0" reads as 0 and is written "0".
func ParseDecimal(text string) (Decimal, error) {
	if err := checkGrammar(text); err != nil {
		return Decimal{}, err
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return Decimal{}, fmt.Errorf("%w: %q", ErrFormat, clip(text))
	}
	return Decimal{d}, nil
}

// MustDecimal is ParseDecimal for constants in code; it panics on an error.
func MustDecimal(text string) Decimal {
	d, err := ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}

// DecimalFromUnits returns units times 10 to the power of minus digits:
// DecimalFromUnits(1234, 2) is 12.34.
func DecimalFromUnits(units int64, digits int) Decimal {
	return Decimal{decimal.New(units, int32(-digits))} //nolint:gosec // a currency has few decimals
}

func checkGrammar(text string) error {
	rest := text
	if len(rest) > 0 && rest[0] == '-' {
		rest = rest[1:]
	}
	whole := countDigits(rest)
	switch {
	case whole == 0:
		return fmt.Errorf("%w: %q", ErrFormat, clip(text))
	case whole > maxIntegerDigits:
		return fmt.Errorf("%w: %q has more than %d digits before the point", ErrFormat, clip(text), maxIntegerDigits)
	case whole > 1 && rest[0] == '0':
		return fmt.Errorf("%w: %q starts with a zero", ErrFormat, clip(text))
	}
	rest = rest[whole:]
	if rest == "" {
		return nil
	}
	if rest[0] != '.' {
		return fmt.Errorf("%w: %q", ErrFormat, clip(text))
	}
	rest = rest[1:]
	fraction := countDigits(rest)
	if fraction == 0 || fraction != len(rest) {
		return fmt.Errorf("%w: %q", ErrFormat, clip(text))
	}
	if fraction > maxFractionDigits {
		return fmt.Errorf("%w: %q has more than %d decimals", ErrFormat, clip(text), maxFractionDigits)
	}
	return nil
}

func countDigits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// clip bounds what an error quotes of a foreign text.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// Add returns d + e.
func (d Decimal) Add(e Decimal) Decimal { return Decimal{d.d.Add(e.d)} }

// Sub returns d - e.
func (d Decimal) Sub(e Decimal) Decimal { return Decimal{d.d.Sub(e.d)} }

// Times returns d multiplied by n.
func (d Decimal) Times(n int64) Decimal { return Decimal{d.d.Mul(decimal.NewFromInt(n))} }

// Neg returns -d.
func (d Decimal) Neg() Decimal { return Decimal{d.d.Neg()} }

// Abs returns d without its sign.
func (d Decimal) Abs() Decimal { return Decimal{d.d.Abs()} }

// Cmp returns -1, 0 or +1 as d is less than, equal to or greater than e.
func (d Decimal) Cmp(e Decimal) int { return d.d.Cmp(e.d) }

// Equal reports whether d and e are the same number: 1.5 equals 1.50.
func (d Decimal) Equal(e Decimal) bool { return d.d.Equal(e.d) }

// Sign returns -1, 0 or +1.
func (d Decimal) Sign() int { return d.d.Sign() }

// IsZero reports whether d is 0.
func (d Decimal) IsZero() bool { return d.d.IsZero() }

// FractionDigits returns how many decimals d needs: 1.50 needs 1.
func (d Decimal) FractionDigits() int {
	s := d.String()
	for i := range len(s) {
		if s[i] == '.' {
			return len(s) - i - 1
		}
	}
	return 0
}

// String writes d in the grammar of ParseDecimal, without trailing zeros
// behind the point, so that equal numbers have equal texts. A sum may be
// longer than what ParseDecimal takes.
func (d Decimal) String() string { return d.d.String() }

// StringFixed writes d with exactly digits decimals. It is an error if that
// would drop anything but zeros.
func (d Decimal) StringFixed(digits int) (string, error) {
	if d.FractionDigits() > digits {
		return "", fmt.Errorf("%s has more than %d decimals", d, digits)
	}
	return d.d.StringFixed(int32(digits)), nil //nolint:gosec // not less than FractionDigits
}

// MarshalText writes what String writes. A number that UnmarshalText would
// refuse, such as a very large sum, is an error: what cannot be read back is
// not written.
func (d Decimal) MarshalText() ([]byte, error) {
	text := d.String()
	if err := checkGrammar(text); err != nil {
		return nil, fmt.Errorf("writing the number: %w", err)
	}
	return []byte(text), nil
}

// UnmarshalText reads what ParseDecimal reads.
func (d *Decimal) UnmarshalText(text []byte) error {
	parsed, err := ParseDecimal(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
