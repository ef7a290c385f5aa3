package money

import (
	"errors"
	"fmt"
	"strings"
)

// ErrCurrency is wrapped by every error that an unknown currency code causes.
var ErrCurrency = errors.New("not an ISO 4217 currency code")

// Currency is an ISO 4217 alphabetic code in capitals: "BRL".
type Currency string

// ParseCurrency reads an ISO 4217 code in any case, without white space.
func ParseCurrency(code string) (Currency, error) {
	c := Currency(strings.ToUpper(code))
	if !c.Known() {
		return "", fmt.Errorf("%w: %q", ErrCurrency, clip(code))
	}
	return c, nil
}

// Known reports whether c is a code of the table in this package.
func (c Currency) Known() bool {
	_, ok := digitsOf(c)
	return ok
}

// Digits returns the number of decimals of c: 2 for BRL, 0 for JPY, 3 for
// KWD. Of an unknown code it returns 2.
func (c Currency) Digits() int {
	if n, ok := digitsOf(c); ok {
		return n
	}
	return 2
}

// digitsOf looks c up in ISO 4217 lists one (current) and three (historic, the
// codes that old statements still carry). Codes that are no money one can hold
// an account in (XTS, XXX, metals, bond units) are left out.
func digitsOf(c Currency) (int, bool) {
	if len(c) != 3 {
		return 0, false
	}
	for _, row := range currencies {
		if strings.Contains(row.codes, string(c)) && strings.Index(row.codes, string(c))%4 == 0 {
			return row.digits, true
		}
	}
	return 0, false
}

// currencies lists the codes by their number of decimals, each code followed
// by one space or the end.
var currencies = []struct {
	digits int
	codes  string
}{
	{0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"},
	{3, "BHD IQD JOD KWD LYD OMR TND"},
	{4, "CLF UYW"},
	{2, "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD " +
		"CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP " +
		"GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL " +
		"MAD MDL MGA MKD MMK MNT MOP MRO MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP " +
		"PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STD STN SVC SYP SZL THB TJS TMT " +
		"TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VEF VES WST XAD XCD XCG YER ZAR ZMW ZWG ZWL"},
}
