package learn

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestKeyKeepsWhatNamesTheMerchant(t *testing.T) {
	for text, want := range map[string]string{
		"NETFLIX.COM":                                  "netflix",
		"Netflix.com 4417 12/05":                       "netflix",
		"POS PURCHASE STARBUCKS #1234":                 "starbucks",
		"SQ *BLUE BOTTLE":                              "blue bottle",
		"PAYPAL *SPOTIFY":                              "spotify",
		"PIX ENVIADO JOÃO DA SILVA 03/05":              "joao silva",
		"COMPRA CARTAO 05 MAI PADARIA REAL LTDA":       "padaria real",
		"Kartenzahlung REWE Markt GmbH":                "rewe markt",
		"SEPA-Lastschrift Stadtwerke München AG":       "stadtwerke munchen",
		"SAINSBURY'S S/MKT 0042":                       "sainsburys mkt",
		"AMAZON.COM*MK4TR7XY0":                         "amazon",
		"7ELEVEN 33021":                                "7eleven",
		"B&Q 1234":                                     "b q 1234",
		"May Fair Hotel":                               "may fair hotel",
		"TRF 81723":                                    "trf",
		"IZ *CAFE LUNA":                                "cafe luna",
		"TST* JOES DINER":                              "joes diner",
		"SQC*TACO STAND":                               "taco stand",
		"MP *LOJA DO ZE":                               "loja ze",
		"PAG*PADARIAREAL":                              "padariareal",
		"SUMUP *BAKERY":                                "bakery",
		"GOOGLE *YOUTUBE":                              "google youtube",
		"UBER *TRIP HELP.UBER.COM":                     "uber trip help",
		"TED 341 0001 ACME COMERCIO LTDA":              "acme comercio",
		"PIX RECEBIDO - MARIA DAS DORES - 12/05":       "maria dores",
		"SEPA UEBERWEISUNG MULLER GMBH & CO. KG":       "muller",
		"VODAFONE EREF+123 MREF+456 CRED+DE98ZZZ":      "vodafone",
		"CARTE 12/05 CARREFOUR CB*1234":                "carrefour",
		"COMPRA TARJ. 4444XXXXXXXX1234 MERCADONA":      "mercadona",
		"CHECKCARD 0512 WALGREENS #4411":               "walgreens",
		"DEBIT CARD PURCHASE XXXXX1234 SHELL OIL 5744": "shell oil",

		"CARD PAYMENT TO TESCO STORES 3297,12.34 GBP ON 12-05-2024": "tesco stores",

		"ACME S.p.A.":      "acme",
		"FOO S.A. DE C.V.": "foo",
		"BAZ PTY LTD":      "baz",
		"ООО Ромашка":      "ромашка",
		"كارفور 1234":      "كارفور",

		"株式会社ローソン": "株式会社ローソン",
		"セブンイレブン":  "セフンイレフン",

		"":                                  "",
		"***":                               "",
		"4711":                              "4711",
		"one two three four five six seven": "one two three four five six",
	} {
		if got := Key(text); got != want {
			t.Errorf("Key(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestStoreNumbersAreNoHashtags(t *testing.T) {
	if diff := cmp.Diff([]string{"trip-2026", "viagem"}, hashtags("SHOP #1234 #Trip-2026, # #viagem")); diff != "" {
		t.Error(diff)
	}
}

func FuzzKey(f *testing.F) {
	for _, text := range []string{"NETFLIX.COM 4417", "\xff", "ﷺ ﷺ", "é", "B&Q", strings.Repeat("x", 2000), "한국은행", "İstanbul"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key := Key(text)
		if !utf8.ValidString(key) {
			t.Errorf("%q", key)
		}
		if len(text) < maxText/4 && Key(strings.ToUpper(key)) == "" && key != "" {
			t.Errorf("the key %q of %q has no key", key, text)
		}
	})
}
