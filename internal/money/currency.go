package money

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// ErrCurrency is wrapped by every error that an unknown currency code causes.
var ErrCurrency = errors.New("not an ISO 4217 currency code")

// Currency is an ISO 4217 alphabetic code in capitals: "BRL".
type Currency string

// ParseCurrency reads an ISO 4217 code in any case, without white space.
func ParseCurrency(code string) (Currency, error) {
	// The length is looked at before the case: capitals of some letters that
	// are not ASCII are ASCII, and shorter.
	if len(code) == 3 {
		if c := Currency(strings.ToUpper(code)); c.Known() {
			return c, nil
		}
	}
	return "", fmt.Errorf("%w: %q", ErrCurrency, clip(code))
}

// Known reports whether c is a code of the table in this package.
func (c Currency) Known() bool {
	_, known := digits()[c]
	return known
}

// Digits returns the number of decimals of c: 2 for BRL, 0 for JPY, 3 for
// KWD. Of an unknown code it returns 2.
func (c Currency) Digits() int {
	if n, known := digits()[c]; known {
		return n
	}
	return 2
}

// digits returns the number of decimals of every known currency.
var digits = sync.OnceValue(func() map[Currency]int {
	all := make(map[Currency]int, 256)
	for _, row := range currencies {
		for code := range strings.FieldsSeq(row.codes) {
			all[Currency(code)] = row.digits
		}
	}
	return all
})

// currencies are ISO 4217 lists one (current) and three (historic, the codes
// that old statements still carry) by their number of decimals. Codes that are
// no money one can hold an account in are left out: XTS, XXX, metals, bond
// units, drawing rights.
var currencies = []struct {
	digits int
	codes  string
}{
	{0, `
		BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF`},
	{2, `
		AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF
		CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL
		HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU
		MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR
		SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED
		VES WST XAD XCD XCG YER ZAR ZMW ZWG`},
	{3, `
		BHD IQD JOD KWD LYD OMR TND`},
	{4, `
		CLF UYW`},

	// Historic.
	{0, `
		ADP BEF BYB BYR ESP GRD ITL LUF MGF PTE ROL TPE TRL`},
	{2, `
		AFA ANG ATS AYM AZM BGL BGN CSD CUC CYP DEM EEK FIM FRF GHC GWP HRK IEP LTL LVL MRO MTL MZM NLG RUR SDD
		SIT SKK SLL SRG STD TMM USS VEB VEF YUM ZMK ZWD ZWL ZWN ZWR`},
}
