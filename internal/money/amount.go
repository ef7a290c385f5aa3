package money

import (
	"errors"
	"fmt"
	"strings"
)

// ErrCurrencyMismatch is returned where two amounts of different currencies
// meet in one sum or comparison.
var ErrCurrencyMismatch = errors.New("amounts of different currencies")

// Amount is an exact, signed amount of one currency. The zero value has no
// currency and is not valid.
type Amount struct {
	number   Decimal
	currency Currency
}

// New returns the amount of number in currency.
func New(number Decimal, currency Currency) Amount {
	return Amount{number: number, currency: currency}
}

// Parse reads number in the grammar of ParseDecimal. An amount may have more
// decimals than its currency: banks report such, and they are kept as they are.
func Parse(number string, currency Currency) (Amount, error) {
	d, err := ParseDecimal(number)
	if err != nil {
		return Amount{}, err
	}
	if !currency.Known() {
		return Amount{}, fmt.Errorf("%w: %q", ErrCurrency, clip(string(currency)))
	}
	return Amount{number: d, currency: currency}, nil
}

// MustParse is Parse for constants in code; it panics on an error.
func MustParse(number string, currency Currency) Amount {
	a, err := Parse(number, currency)
	if err != nil {
		panic(err)
	}
	return a
}

// Number returns the amount without its currency.
func (a Amount) Number() Decimal { return a.number }

// Currency returns the currency of the amount.
func (a Amount) Currency() Currency { return a.currency }

// Neg returns -a.
func (a Amount) Neg() Amount { return Amount{a.number.Neg(), a.currency} }

// Abs returns a without its sign.
func (a Amount) Abs() Amount { return Amount{a.number.Abs(), a.currency} }

// Sign returns -1, 0 or +1.
func (a Amount) Sign() int { return a.number.Sign() }

// IsZero reports whether the number is 0, in whatever currency. Mind that
// encoding/json asks it for the option omitzero, which would drop 0 BRL.
func (a Amount) IsZero() bool { return a.number.IsZero() }

// Equal reports whether a and b are the same number of the same currency.
func (a Amount) Equal(b Amount) bool {
	return a.currency == b.currency && a.number.Equal(b.number)
}

// Add returns a + b, or ErrCurrencyMismatch.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.currency != b.currency {
		return Amount{}, fmt.Errorf("%w: %s and %s", ErrCurrencyMismatch, a.currency, b.currency)
	}
	return Amount{a.number.Add(b.number), a.currency}, nil
}

// String writes number, space, currency: "-12.5 EUR", and nothing for the zero
// value. Equal amounts have equal texts. It is the form for logs, keys and
// storage, not for people.
func (a Amount) String() string {
	if a.currency == "" && a.number.IsZero() {
		return ""
	}
	return a.number.String() + " " + string(a.currency)
}

// MarshalText writes what String writes. An amount that UnmarshalText would
// refuse is an error: what cannot be read back is not written.
func (a Amount) MarshalText() ([]byte, error) {
	text := a.String()
	if text == "" {
		return nil, nil
	}
	number := text[:len(text)-len(a.currency)-1]
	if err := checkGrammar(number); err != nil {
		return nil, fmt.Errorf("writing the amount: %w", err)
	}
	if !a.currency.Known() {
		return nil, fmt.Errorf("writing the amount: %w: %q", ErrCurrency, clip(string(a.currency)))
	}
	return []byte(text), nil
}

// UnmarshalText reads what String writes; no text is the zero value.
func (a *Amount) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*a = Amount{}
		return nil
	}
	number, code, found := strings.Cut(string(text), " ")
	if !found {
		return fmt.Errorf("%w: %q lacks a currency", ErrFormat, clip(string(text)))
	}
	parsed, err := Parse(number, Currency(code))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}
