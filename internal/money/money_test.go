package money_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/money"
)

// grammar is what ParseDecimal promises to read, said another way.
var grammar = regexp.MustCompile(`^-?(0|[1-9]\d{0,14})(\.\d{1,8})?$`)

func TestParseDecimal(t *testing.T) {
	tests := []struct {
		claim, in, want string // want "" is an error
	}{
		{"a whole number is kept", "12", "12"},
		{"a fraction is kept to the last digit", "-12.34567891", "-12.34567891"},
		{"zeros at the end are not written", "1.50", "1.5"},
		{"a point before zeros only is not written", "100.00", "100"},
		{"a round number keeps its zeros", "1000", "1000"},
		{"there is one zero", "-0", "0"},
		{"a zero with decimals is the same zero", "-0.00", "0"},
		{"fifteen digits fit", "999999999999999.99999999", "999999999999999.99999999"},
		{"a number that binary fractions cannot hold is exact", "0.1", "0.1"},

		{"nothing is no number", "", ""},
		{"a sign alone is no number", "-", ""},
		{"two signs are no number", "--1", ""},
		{"plus is no sign here", "+1", ""},
		{"sixteen digits do not fit", "1000000000000000", ""},
		{"nine decimals do not fit", "0.123456789", ""},
		{"leading zeros are refused", "01", ""},
		{"a point needs digits before it", ".5", ""},
		{"a point needs digits behind it", "5.", ""},
		{"two points are no number", "1.2.3", ""},
		{"a comma is no point", "1,5", ""},
		{"an exponent is refused", "1e3", ""},
		{"an exponent that would fill the memory is refused", "1e20000000", ""},
		{"white space is refused", " 1", ""},
		{"a new line at the end is refused", "1\n", ""},
		{"underscores are refused", "1_000", ""},
		{"hexadecimal is refused", "0x10", ""},
		{"a quotient is refused", "1/3", ""},
		{"NaN is refused", "NaN", ""},
		{"infinity is refused", "Inf", ""},
		{"digits of other scripts are refused", "١", ""},
		{"a very long text is refused", strings.Repeat("9", 1<<20), ""},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			got, err := money.ParseDecimal(test.in)
			if test.want == "" {
				if !errors.Is(err, money.ErrFormat) {
					t.Fatalf("ParseDecimal(%.40q) = %v, %v; want an error that wraps ErrFormat", test.in, got, err)
				}
				if len(err.Error()) > 200 {
					t.Errorf("the error quotes too much: %d bytes", len(err.Error()))
				}
				return
			}
			if err != nil || got.String() != test.want {
				t.Errorf("ParseDecimal(%q) = %q, %v; want %q", test.in, got, err, test.want)
			}
		})
	}
}

func TestFractionDigitsAreThoseNeeded(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "10": 0, "1.50": 1, "-0.00000001": 8, "1.000": 0} {
		if got := money.MustDecimal(text).FractionDigits(); got != want {
			t.Errorf("FractionDigits of %s = %d, want %d", text, got, want)
		}
	}
}

func TestStringFixed(t *testing.T) {
	tests := []struct {
		claim, in string
		digits    int
		want      string // "" is an error
	}{
		{"zeros are added", "1.5", 2, "1.50"},
		{"zeros are dropped", "1.500", 2, "1.50"},
		{"a whole number may have no decimals", "12.00", 0, "12"},
		{"zero has a form too", "-0", 2, "0.00"},
		{"a digit other than 0 is never dropped", "1.005", 2, ""},
		{"nor rounded away to a whole number", "0.5", 0, ""},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			got, err := money.MustDecimal(test.in).StringFixed(test.digits)
			if got != test.want || (err != nil) != (test.want == "") {
				t.Errorf("StringFixed(%s, %d) = %q, %v; want %q", test.in, test.digits, got, err, test.want)
			}
		})
	}
}

func TestDecimalFromUnits(t *testing.T) {
	for _, test := range []struct {
		units  int64
		digits int
		want   string
	}{{1234, 2, "12.34"}, {-5, 3, "-0.005"}, {1200, 2, "12"}, {0, 2, "0"}, {1234, 0, "1234"}} {
		if got := money.DecimalFromUnits(test.units, test.digits).String(); got != test.want {
			t.Errorf("DecimalFromUnits(%d, %d) = %s, want %s", test.units, test.digits, got, test.want)
		}
	}
}

// decimals draws numbers of the grammar, short ones more often.
func decimals() *rapid.Generator[money.Decimal] {
	return rapid.Custom(func(t *rapid.T) money.Decimal {
		text := rapid.OneOf(
			rapid.StringMatching(`-?(0|[1-9]\d{0,2})(\.\d{1,2})?`),
			rapid.StringMatching(`-?(0|[1-9]\d{0,14})(\.\d{1,8})?`),
		).Draw(t, "number")
		return money.MustDecimal(text)
	})
}

func TestDecimalLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := decimals().Draw(t, "a"), decimals().Draw(t, "b"), decimals().Draw(t, "c")
		zero := money.Decimal{}
		hold := func(law string, ok bool) {
			if !ok {
				t.Errorf("%s does not hold for %s, %s, %s", law, a, b, c)
			}
		}
		hold("a+b = b+a", a.Add(b).Equal(b.Add(a)))
		hold("(a+b)+c = a+(b+c)", a.Add(b).Add(c).Equal(a.Add(b.Add(c))))
		hold("a+0 = a", a.Add(zero).Equal(a))
		hold("a-a = 0", a.Sub(a).IsZero())
		hold("a*3 = a+a+a", a.Times(3).Equal(a.Add(a).Add(a)))
		hold("a-b = a+(-b)", a.Sub(b).Equal(a.Add(b.Neg())))
		hold("(a+b)-b = a", a.Add(b).Sub(b).Equal(a))
		hold("-(-a) = a", a.Neg().Neg().Equal(a))
		hold("|a| = a or -a, and not negative", a.Abs().Sign() >= 0 && (a.Abs().Equal(a) || a.Abs().Equal(a.Neg())))
		hold("the order is that of the difference", a.Cmp(b) == a.Sub(b).Sign())
		hold("the order turns with its sides", a.Cmp(b) == -b.Cmp(a))
		hold("equal numbers have equal texts, and no others", a.Equal(b) == (a.String() == b.String()))
		hold("a number equals itself however it came to be", a.Add(b).Sub(b).String() == a.String())
		hold("a text of the grammar reads back", readsBack(a))
		hold("a sum is exact to the last digit", a.Add(b).FractionDigits() <= max(a.FractionDigits(), b.FractionDigits()))
	})
}

func readsBack(d money.Decimal) bool {
	again, err := money.ParseDecimal(d.String())
	return err == nil && again.Equal(d) && again.String() == d.String()
}

func FuzzParseDecimal(f *testing.F) {
	for _, seed := range []string{
		"0", "-0", "12.34", "-0.5", "999999999999999.99999999", "1e3", "1e20000000", "+1", ".5", "5.", "01", "1,5",
		"NaN", "0x1p-2", "1_000.00", "1/3", "", "-", "--1", "1.2.3", "1 ", "\x001", "١٢", "1234567890123456", "0.123456789",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := money.ParseDecimal(text)
		if want := grammar.MatchString(text); (err == nil) != want {
			t.Fatalf("ParseDecimal(%q): %v; the grammar says %t", text, err, want)
		}
		if err != nil {
			if !errors.Is(err, money.ErrFormat) {
				t.Fatalf("ParseDecimal(%q): %v does not wrap ErrFormat", text, err)
			}
			return
		}
		if !readsBack(d) {
			t.Fatalf("%q is written %q, which does not read back", text, d)
		}
		amount, err := money.Parse(text, "BRL")
		if err != nil || !amount.Number().Equal(d) {
			t.Fatalf("Parse(%q, BRL) = %v, %v", text, amount, err)
		}
	})
}

func FuzzAmountText(f *testing.F) {
	for _, seed := range []string{"", "0 BRL", "-12.5 EUR", "12.50 EUR", "1  EUR", "1 eur", "1 XXX", "1", " ", " EUR", "1 EUR ", "-0 JPY"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var a money.Amount
		if a.UnmarshalText([]byte(text)) != nil {
			return
		}
		written, err := a.MarshalText()
		if err != nil {
			t.Fatalf("%q was read as %v, which cannot be written: %v", text, a, err)
		}
		var again money.Amount
		if err := again.UnmarshalText(written); err != nil || !again.Equal(a) {
			t.Fatalf("%q was written %q and read back as %v, %v", text, written, again, err)
		}
	})
}

func TestParse(t *testing.T) {
	tests := []struct {
		claim, number string
		currency      money.Currency
		want          string
		err           error
	}{
		{"an amount is a number and a currency", "-12.50", "BRL", "-12.5 BRL", nil},
		{"more decimals than the currency has are kept", "1.005", "USD", "1.005 USD", nil},
		{"decimals of a currency without any are kept", "1.5", "JPY", "1.5 JPY", nil},
		{"a bad number is refused", "1,5", "USD", "", money.ErrFormat},
		{"an unknown currency is refused", "1", "ABC", "", money.ErrCurrency},
		{"no currency is refused", "1", "", "", money.ErrCurrency},
		{"a code in small letters is no code", "1", "usd", "", money.ErrCurrency},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			got, err := money.Parse(test.number, test.currency)
			if got.String() != test.want || !errors.Is(err, test.err) {
				t.Errorf("Parse(%q, %q) = %q, %v; want %q, %v", test.number, test.currency, got, err, test.want, test.err)
			}
		})
	}
}

func TestAmountsOfDifferentCurrenciesNeverMeet(t *testing.T) {
	brl, usd := money.MustParse("1", "BRL"), money.MustParse("1", "USD")
	if _, err := brl.Add(usd); !errors.Is(err, money.ErrCurrencyMismatch) {
		t.Errorf("1 BRL + 1 USD: %v, want ErrCurrencyMismatch", err)
	}
	if brl.Equal(usd) {
		t.Error("1 BRL equals 1 USD")
	}
	sum, err := brl.Add(money.MustParse("0.50", "BRL"))
	if err != nil || sum.String() != "1.5 BRL" {
		t.Errorf("1 BRL + 0.50 BRL = %v, %v", sum, err)
	}
}

func TestAmountSigns(t *testing.T) {
	a := money.MustParse("-2.50", "EUR")
	if a.Sign() != -1 || a.Neg().Sign() != 1 || a.IsZero() || !a.Abs().Equal(a.Neg()) || !a.Neg().Neg().Equal(a) {
		t.Errorf("the signs of %v are wrong", a)
	}
	if zero := money.MustParse("0.00", "EUR"); !zero.IsZero() || zero.Sign() != 0 {
		t.Errorf("%v is not zero", zero)
	}
}

func TestAmountsRoundTripThroughJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type box struct{ A, None money.Amount }
		in := box{A: money.New(decimals().Draw(t, "number"), rapid.SampledFrom([]money.Currency{"BRL", "JPY", "KWD", "CLF"}).Draw(t, "currency"))}
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out box
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Errorf("%s reads back differently (-in +out):\n%s", text, diff)
		}
	})
}

func TestWhatCannotBeReadBackIsNotWritten(t *testing.T) {
	most := money.MustDecimal("999999999999999")
	if text, err := most.Add(most).MarshalText(); !errors.Is(err, money.ErrFormat) {
		t.Errorf("a sum of sixteen digits was written as %q, %v", text, err)
	}
	if text, err := money.New(most.Add(most), "BRL").MarshalText(); !errors.Is(err, money.ErrFormat) {
		t.Errorf("an amount of sixteen digits was written as %q, %v", text, err)
	}
	if text, err := money.New(most, "").MarshalText(); !errors.Is(err, money.ErrCurrency) {
		t.Errorf("an amount without a currency was written as %q, %v", text, err)
	}
}

func TestParseCurrency(t *testing.T) {
	for in, want := range map[string]money.Currency{"BRL": "BRL", "brl": "BRL", "xCg": "XCG"} {
		if got, err := money.ParseCurrency(in); err != nil || got != want {
			t.Errorf("ParseCurrency(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "B", "BR", "BRLL", "BRL ", " BR", "R$", "XXX", "XAU", "ABC", "ınr", "D A", "\x00\x00\x00"} {
		if got, err := money.ParseCurrency(in); !errors.Is(err, money.ErrCurrency) || got != "" {
			t.Errorf("ParseCurrency(%q) = %q, %v; want an error that wraps ErrCurrency", in, got, err)
		}
	}
}

func TestDigitsOfCurrencies(t *testing.T) {
	for code, want := range map[money.Currency]int{
		"BRL": 2, "JPY": 0, "KWD": 3, "CLF": 4, "UYW": 4, "XCG": 2, "ZWG": 2, "SLE": 2, "VED": 2, "MRU": 2, "STN": 2,
		"XAD": 2, "ITL": 0, "ESP": 0, "DEM": 2, "LVL": 2, "TRL": 0, "unknown": 2,
	} {
		if got := code.Digits(); got != want {
			t.Errorf("%s has %d decimals, want %d", code, got, want)
		}
	}
}

// The codes that the outside list does not have, or does not give decimals.
var newer = map[string]int{"XAD": 2, "UYW": 4}

func TestEveryCurrencyOfTheOutsideListIsKnownWithItsDecimals(t *testing.T) {
	text, err := os.ReadFile("testdata/currencies.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	for line := range strings.Lines(string(text)) {
		code, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(digits)
		if err != nil {
			t.Fatal(err)
		}
		want[code] = n
	}
	maps.Copy(want, newer)
	got := map[string]int{}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			for c := 'A'; c <= 'Z'; c++ {
				if code := string([]rune{a, b, c}); money.Currency(code).Known() {
					got[code] = money.Currency(code).Digits()
				}
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table differs from the list (-list +table):\n%s", diff)
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := money.Parse("-1234.56", "BRL"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAmountString(b *testing.B) {
	a := money.MustParse("-1234.56", "BRL")
	b.ReportAllocs()
	for b.Loop() {
		_ = a.String()
	}
}

func BenchmarkCurrencyKnown(b *testing.B) {
	for b.Loop() {
		if !money.Currency("ZWG").Known() {
			b.Fatal("ZWG is not known")
		}
	}
}
