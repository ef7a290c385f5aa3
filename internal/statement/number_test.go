package statement

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/money"
)

func TestNumbers(t *testing.T) {
	tests := []struct {
		claim    string
		currency money.Currency
		others   string // amounts of the same statement
		in, want string // want "" is an error
	}{
		{"a point separates decimals", "USD", "", "12.50", "12.5"},
		{"a comma separates decimals", "EUR", "", "12,50", "12.5"},
		{"one decimal is one", "EUR", "", "12,5", "12.5"},
		{"four decimals are four", "USD", "", "115.8331", "115.8331"},
		{"a number may end with its point", "USD", "", "5.", "5"},
		{"a number may begin with its comma", "EUR", "", "-,50", "-0.5"},
		{"a sign may follow", "EUR", "", "12,50-", "-12.5"},
		{"a plus may follow", "EUR", "", "12,50+", "12.5"},
		{"a sign may stand apart", "EUR", "", "- 12,50", "-12.5"},
		{"the minus of typesetters is one", "EUR", "", "−12,50", "-12.5"},
		{"apostrophes separate thousands", "CHF", "", "1'234'567.50", "1234567.5"},
		{"so do those of typesetters", "CHF", "", "1’234.50", "1234.5"},
		{"apostrophes need no decimals", "CHF", "", "1'234", "1234"},
		{"spaces separate thousands", "EUR", "", "1 234 567,50", "1234567.5"},
		{"lakhs are thousands too", "INR", "", "12,34,567.50", "1234567.5"},
		{"two points are no decimals", "BRL", "", "1.234.567", "1234567"},
		{"zeros at both ends are nothing", "USD", "", "000012.500000000000", "12.5"},
		{"zero is zero", "USD", "", "-0,00", "0"},

		{"1.234 is in doubt", "USD", "", "1.234", ""},
		{"1,234 is in doubt", "USD", "", "1,234", ""},
		{"1,234 of dinars has decimals", "KWD", "", "1,234", "1.234"},
		{"1.234 of pesos has none", "CLP", "", "1.234", "1234"},
		{"1,234 is thousands beside 0.99", "USD", "0.99", "1,234", "1234"},
		{"1,234 is decimals beside 0,99", "USD", "0,99", "1,234", "1.234"},
		{"1.234 is thousands beside 0,99", "BRL", "0,99", "1.234", "1234"},
		{"1.234 is decimals beside 1234.500", "USD", "1234.500", "1.234", "1.234"},
		{"1,234 is thousands beside 1,234.50", "USD", "1,234.50", "1,234", "1234"},
		{"1.234 is thousands beside 1.234.567", "BRL", "1.234.567", "1.234", "1234"},
		{"1,234 of dinars is thousands beside 0.990", "KWD", "0.990", "1,234", "1234"},
		{"1,234 is in doubt beside others in doubt", "USD", "2,345 3.456 7", "1,234", ""},
		{"1,234 is in doubt beside both ways", "USD", "0.99 0,99", "1,234", ""},
		{"what is sure is read beside both ways", "USD", "0.99 0,99", "1.234,50", "1234.5"},
		{"0.123 is no thousands", "USD", "", "0.123", "0.123"},
		{"1234.567 is no thousands", "USD", "", "1234.567", "1234.567"},

		{"nothing is no number", "USD", "", "", ""},
		{"a sign is no number", "USD", "", "-", ""},
		{"a point is no number", "USD", "", ".", ""},
		{"two signs are no number", "USD", "", "--1", ""},
		{"signs on both sides are no number", "USD", "", "-1-", ""},
		{"letters are no number", "USD", "", "USD 1", ""},
		{"an exponent is no number", "USD", "", "1e5", ""},
		{"groups of one are no thousands", "USD", "", "1,2,3.50", ""},
		{"groups of four are no thousands", "USD", "", "1,2345.50", ""},
		{"two ways of thousands are none", "USD", "", "1,234'567.50", ""},
		{"two points of decimals are none", "USD", "", "1,234.5.6", ""},
		{"thousands do not follow decimals", "USD", "", "1.234,567,890", ""},
		{"an empty group is no thousands", "USD", "", ",123,456", ""},
		{"sixteen digits do not fit", "USD", "", "1234567890123456", ""},
		{"nine decimals do not fit", "USD", "", "0.123456789", ""},
		{"digits of other scripts are not read", "USD", "", "١٢", ""},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			n := newNumbers(test.currency, append(strings.Fields(test.others), test.in))
			got, err := n.read(test.in)
			switch {
			case test.want == "" && err == nil:
				t.Errorf("%q was read as %s, want an error", test.in, got)
			case test.want != "" && (err != nil || got.String() != test.want):
				t.Errorf("%q was read as %s, %v; want %s", test.in, got, err, test.want)
			}
		})
	}
}

func TestNumbersReadWhatAnyBankWrites(t *testing.T) {
	type style struct{ group, decimal string }
	styles := []style{{"", "."}, {"", ","}, {",", "."}, {".", ","}, {"'", "."}, {" ", ","}, {"\u00a0", ","}, {"\u202f", ","}, {"’", "."}}
	rapid.Check(t, func(t *rapid.T) {
		want := money.DecimalFromUnits(rapid.Int64Range(-99_999_999_999_999, 99_999_999_999_999).Draw(t, "cents"), 2)
		s := rapid.SampledFrom(styles).Draw(t, "style")
		fixed, err := want.Abs().StringFixed(2)
		if err != nil {
			t.Fatal(err)
		}
		whole, cents, _ := strings.Cut(fixed, ".")
		text := cents
		for i := len(whole); i > 0; i -= 3 {
			mark := s.group
			if i == len(whole) {
				mark = s.decimal
			}
			text = whole[max(0, i-3):i] + mark + text
		}
		if want.Sign() < 0 {
			text = rapid.SampledFrom([]string{"-" + text, text + "-", "- " + text, "−" + text}).Draw(t, "signed")
		}
		if got, err := newNumbers("BRL", nil).read(text); err != nil || !got.Equal(want) {
			t.Errorf("%q was read as %s, %v; want %s", text, got, err, want)
		}
	})
}

func FuzzNumbers(f *testing.F) {
	for _, seed := range []string{"1.234,50", "-.5", "1'234", "12,34,567.00", "1,234", "−1", "1e3", ".", "--", "1.2.3,4,5", "\x001"} {
		f.Add(seed, "0.99")
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		got, err := newNumbers("USD", []string{text, other}).read(text)
		if err != nil {
			return
		}
		keep := func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}
		digits := func(s string) string { return strings.Trim(strings.Map(keep, s), "0") }
		if want := digits(text); digits(got.String()) != want {
			t.Errorf("%q was read as %s: other digits", text, got)
		}
		if negative := strings.ContainsAny(text, "-−"); !got.IsZero() && negative != (got.Sign() < 0) {
			t.Errorf("%q was read as %s: another sign", text, got)
		}
	})
}
