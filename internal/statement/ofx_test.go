package statement_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/statement"
	"github.com/bank-connections/bkper-bot/internal/statement/ofx"
)

const sgmlHeader = "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:USASCII\r\nCHARSET:1252\r\n" +
	"COMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n"

// body is a statement in BRL of those rows.
func body(rows string) string {
	return "<OFX>\n<BANKMSGSRSV1>\n<STMTTRNRS>\n<STMTRS>\n<CURDEF>BRL\n<BANKACCTFROM><BANKID>0341<ACCTID>77-1<ACCTTYPE>CHECKING</BANKACCTFROM>\n" +
		"<BANKTRANLIST>\n<DTSTART>20240101<DTEND>20240131\n" + rows + "\n</BANKTRANLIST>\n</STMTRS>\n</STMTTRNRS>\n</BANKMSGSRSV1>\n</OFX>\n"
}

// file is a whole file of those rows.
func file(rows string) string { return sgmlHeader + body(rows) }

// row is a row with that amount and those further tags.
func row(amount, more string) string {
	return "<STMTTRN><DTPOSTED>20240105<TRNAMT>" + amount + "<FITID>F1" + more + "</STMTTRN>"
}

// told writes what was read of a file as lines: transactions, then problems.
func told(f statement.File) []string {
	var lines []string
	for _, s := range f.Statements {
		for _, t := range s.Transactions {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s [%s] %s", t.Date, t.Amount, t.ID, t.Description)))
		}
		for _, p := range s.Problems {
			lines = append(lines, fmt.Sprintf("row %d: %s", p.Row, p.Reason))
		}
	}
	for _, p := range f.Problems {
		lines = append(lines, "file: "+p.Reason)
	}
	return lines
}

func read(t *testing.T, content string) statement.File {
	t.Helper()
	f, err := statement.Read("extrato.ofx", []byte(content), statement.Options{Currency: "BRL"})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestQuirksOfRealFiles(t *testing.T) {
	netflix := []string{"2024-01-05 -12.5 BRL [F1] NETFLIX"}
	tests := []struct {
		claim, content string
		want           []string
	}{
		// The syntax.
		{"tags may stay open", file(row("-12.50", "<NAME>NETFLIX")), netflix},
		{"tags may be closed", file("<STMTTRN><TRNTYPE>DEBIT</TRNTYPE><DTPOSTED>20240105</DTPOSTED><TRNAMT>-12.50</TRNAMT>" +
			"<FITID>F1</FITID><NAME>NETFLIX</NAME></STMTTRN>"), netflix},
		{"an XML header may stand over an SGML body", `<?xml version="1.0" encoding="UTF-8"?><?OFX OFXHEADER="200" VERSION="203"?>` +
			body(row("-12.50", "<NAME>NETFLIX")), netflix},
		{"a file may be one line", strings.ReplaceAll(strings.ReplaceAll(file(row("-12.50", "<NAME>NETFLIX")), "\r\n", ""), "\n", ""), netflix},
		{"an SGML header may be one line with spaces", strings.ReplaceAll(sgmlHeader, "\r\n", " ") + body(row("-12.50", "<NAME>NETFLIX")), netflix},
		{"the header may have another version", strings.Replace(file(row("-12.50", "<NAME>NETFLIX")), "OFXHEADER:100", "OFXHEADER:101", 1), netflix},
		{"there may be no header", body(row("-12.50", "<NAME>NETFLIX")), netflix},
		{"there may be lines in front of the header", "\n\n\n  " + file(row("-12.50", "<NAME>NETFLIX")), netflix},
		{"lines may end as on an old Mac", strings.ReplaceAll(file(row("-12.50", "<NAME>NETFLIX")), "\n", "\r"), netflix},
		{"tags may be in small letters", strings.ToLower("<OFX><STMTRS><CURDEF>BRL") +
			"<stmttrn><dtposted>20240105<trnamt>-12.50<fitid>F1<name>NETFLIX</stmttrn>", netflix},
		{"tags may have attributes and white space", `<OFX xmlns="x"><STMTRS ><CURDEF>BRL` +
			`<STMTTRN id="1"><DTPOSTED >20240105<TRNAMT>-12.50</TRNAMT ><FITID>F1<NAME>NETFLIX</STMTTRN>`, netflix},
		{"closings may be of another element", file("<STMTTRN><DTPOSTED>20240105</TRNTYPE><TRNAMT>-12.50</STATUS><FITID>F1</FITID></OFX><NAME>NETFLIX</MEMO></STMTTRN>"), netflix},
		{
			"a row may lack its closing", file(strings.TrimSuffix(row("-12.50", "<NAME>NETFLIX"), "</STMTTRN>") + row("1.00", "<FITID>F2<NAME>B")),
			[]string{"2024-01-05 -12.5 BRL [] NETFLIX", "2024-01-05 1 BRL [] B"},
		},
		{"the last row may lack its closing", "<OFX><STMTRS><CURDEF>BRL<STMTTRN><DTPOSTED>20240105<TRNAMT>-12.50<FITID>F1<NAME>NETFLIX<LEDGERBAL><BALAMT>5<DTASOF>20240131", netflix},
		{
			"a file may be cut off", "<OFX><STMTRS><CURDEF>BRL" + row("-12.50", "<NAME>NETFLIX") + "<STMTTRN><TRNTYPE>DEB",
			append(append([]string{}, netflix...), "row 2: It has no amount (TRNAMT). Enter it by hand."),
		},
		{"empty tags are nothing", file("<STMTTRN><CHECKNUM><DTPOSTED>20240105<TRNAMT>-12.50<REFNUM></REFNUM><FITID>F1<MEMO/><NAME>NETFLIX<MEMO>\n</STMTTRN>"), netflix},
		{"unknown tags are nothing", file(row("-12.50", "<X.Y_Z-1>what<NAME>NETFLIX<TRANSACTIONSPLIT>No<CATEGORY><NAME.X>x</CATEGORY>")), netflix},
		{"rows may stand outside of any statement", "<OFX>" + row("-12.50", "<NAME>NETFLIX"), netflix},
		{"a statement may be closed too early", strings.Replace(file("</STMTRS>"+row("-12.50", "<NAME>NETFLIX")), "<BANKTRANLIST>", "</BANKTRANLIST>", 1), netflix},
		{"comments are nothing", file(row("-12.50", "<NAME>NETFLIX<!-- <STMTTRN> -->")), netflix},
		{"an unended comment is text", file(row("-12.50", "<NAME>NETFLIX <!-- 1")), []string{"2024-01-05 -12.5 BRL [F1] NETFLIX <!-- 1"}},
		{"an unended CDATA section is text", file(row("-12.50", "<NAME>A <![CDATA[ 1")), []string{"2024-01-05 -12.5 BRL [F1] A <![CDATA[ 1"}},

		// Dates.
		{"a clock behind the day is ignored", file("<STMTTRN><DTPOSTED>20231229120000.000<TRNAMT>1<FITID>F1</STMTTRN>"), []string{"2023-12-29 1 BRL [F1]"}},
		{"a zone never moves the day west", file("<STMTTRN><DTPOSTED>20231231235959[-5:EST]<TRNAMT>1<FITID>F1</STMTTRN>"), []string{"2023-12-31 1 BRL [F1]"}},
		{"a zone never moves the day east", file("<STMTTRN><DTPOSTED>20240101000000.000[+9:JST]<TRNAMT>1<FITID>F1</STMTTRN>"), []string{"2024-01-01 1 BRL [F1]"}},
		{"a zone may be malformed", file("<STMTTRN><DTPOSTED>20231229120000[-:EST]<TRNAMT>1<FITID>F1</STMTTRN>"), []string{"2023-12-29 1 BRL [F1]"}},
		{"a zone in Brazil is no other", file("<STMTTRN><DTPOSTED>20231229000000[-3:GMT]<TRNAMT>1<FITID>F1</STMTTRN>"), []string{"2023-12-29 1 BRL [F1]"}},
		{"a day may be written with hyphens", file("<STMTTRN><DTPOSTED>2023-12-29T00:00:00<TRNAMT>1<FITID>F1</STMTTRN>"), []string{"2023-12-29 1 BRL [F1]"}},
		{
			"30 February is reported", file("<STMTTRN><DTPOSTED>20230230<TRNAMT>1<FITID>F1</STMTTRN>"),
			[]string{`row 1: Its date "20230230" is not a day of the calendar. Enter it by hand.`},
		},
		{
			"the year 1 is no date", file("<STMTTRN><DTPOSTED>00010101000000<TRNAMT>1<FITID>F1</STMTTRN>"),
			[]string{`row 1: Its date "00010101000000" is not a day of the calendar. Enter it by hand.`},
		},

		// Amounts.
		{"decimals may follow a comma", file(row("-12,50", "<NAME>NETFLIX")), netflix},
		{"thousands may be set apart", file(row("-1.234.567,50", "")), []string{"2024-01-05 -1234567.5 BRL [F1]"}},
		{"thousands may be set apart the other way", file(row("-1,234,567.50", "")), []string{"2024-01-05 -1234567.5 BRL [F1]"}},
		{"thousands may be set apart by spaces that do not break", file(row("1&#160;234,50", "")), []string{"2024-01-05 1234.5 BRL [F1]"}},
		{"a plus is nothing", file(row("+12.50", "")), []string{"2024-01-05 12.5 BRL [F1]"}},
		{"a digit before the point may be missing", file(row("-.50", "")), []string{"2024-01-05 -0.5 BRL [F1]"}},
		{"zeros in front are nothing", file(row("-00000000001500.0000", "")), []string{"2024-01-05 -1500 BRL [F1]"}},
		{"more decimals than the currency has are kept", file(row("115.8331", "")), []string{"2024-01-05 115.8331 BRL [F1]"}},
		{"an amount of zero is kept", file(row("0.00", "")), []string{"2024-01-05 0 BRL [F1]"}},
		{
			"a sign is kept whatever the type says", file(row("12.50", "<TRNTYPE>DEBIT") + row("-12.50", "<TRNTYPE>CREDIT")),
			[]string{"2024-01-05 12.5 BRL [] Debit", "2024-01-05 -12.5 BRL [] Credit"},
		},
		{
			"1,234 is read as the other amounts are written", file(row("1,234", "") + "<STMTTRN><DTPOSTED>20240106<TRNAMT>0.99<FITID>F2</STMTTRN>"),
			[]string{"2024-01-05 1234 BRL [F1]", "2024-01-06 0.99 BRL [F2]"},
		},
		{"1,234 alone is never guessed", file(row("1,234", "")), []string{`row 1: Its amount "1,234" may be 1234 or 1.234. Enter it by hand.`}},
		{"what is no amount is reported", file(row("twelve", "")), []string{`row 1: Its amount "twelve" is not a number this app understands. Enter it by hand.`}},
		{"an exponent is no amount", file(row("1e3", "")), []string{`row 1: Its amount "1e3" is not a number this app understands. Enter it by hand.`}},

		// What is missing.
		{
			"a missing amount is reported, and the other rows are read", file("<STMTTRN><DTPOSTED>20240105<FITID>F0<NAME>X</STMTTRN>" + row("-12.50", "<NAME>NETFLIX")),
			append(append([]string{}, netflix...), "row 1: It has no amount (TRNAMT). Enter it by hand."),
		},
		{
			"a missing date is reported, even if another is there", file("<STMTTRN><DTUSER>20240105<TRNAMT>1<FITID>F0</STMTTRN>"),
			[]string{"row 1: It has no date (DTPOSTED). Enter it by hand."},
		},
		{"a missing id is no problem", file("<STMTTRN><DTPOSTED>20240105<TRNAMT>-12.50<NAME>NETFLIX</STMTTRN>"), []string{"2024-01-05 -12.5 BRL [] NETFLIX"}},
		{"an empty row is reported", file("<STMTTRN></STMTTRN>"), []string{"row 1: It has no amount (TRNAMT). Enter it by hand."}},
		{"a missing CURDEF is that of the account", strings.Replace(file(row("-12.50", "<NAME>NETFLIX")), "<CURDEF>BRL\n", "", 1), netflix},
		{"an empty CURDEF too", strings.Replace(file(row("-12.50", "<NAME>NETFLIX")), "<CURDEF>BRL", "<CURDEF>", 1), netflix},
		{
			"a CURDEF that is none is told", strings.Replace(file(row("-12.50", "<NAME>NETFLIX")), "<CURDEF>BRL", "<CURDEF>R$", 1),
			append(append([]string{}, netflix...), `row 0: The statement's currency is not an ISO code. It was taken to be "BRL"; check that this is right.`),
		},

		// Duplicates.
		{
			"the same row twice is two payments", file(row("-4.00", "<NAME>CAFE") + row("-4.00", "<NAME>CAFE")),
			[]string{"2024-01-05 -4 BRL [] CAFE", "2024-01-05 -4 BRL [] CAFE"},
		},

		// Texts.
		{"a memo may stand alone", file(row("1", "<MEMO>PIX ENVIADO")), []string{"2024-01-05 1 BRL [F1] PIX ENVIADO"}},
		{"name and memo are both told", file(row("1", "<NAME>PIX ENVIADO<MEMO>Joao")), []string{"2024-01-05 1 BRL [F1] PIX ENVIADO Joao"}},
		{"a memo that says the name again is enough", file(row("1", "<NAME>DIVIDEND FOR 03<MEMO>Dividend for 03/01/2011")), []string{"2024-01-05 1 BRL [F1] Dividend for 03/01/2011"}},
		{"a name that says the memo is enough", file(row("1", "<NAME>CARD CAFE PARIS<MEMO>CAFE")), []string{"2024-01-05 1 BRL [F1] CARD CAFE PARIS"}},
		{"white space is collapsed", file(row("1", "<NAME>  A \t B\r\n C\x00D\x1f ")), []string{"2024-01-05 1 BRL [F1] A B C D"}},
		{"a memo may go over lines", file(row("1", "<MEMO>first\nsecond\n")), []string{"2024-01-05 1 BRL [F1] first second"}},
		{"several memos add up", file(row("1", "<MEMO>first<MEMO>second<MEMO>second")), []string{"2024-01-05 1 BRL [F1] first second second"}},
		{"entities are read", file(row("1", "<NAME>A&amp;B &lt;C&gt; D&apos;E&#39;F&#x20AC;&nbsp;&eacute;")), []string{"2024-01-05 1 BRL [F1] A&B <C> D'E'F€ é"}},
		{"what only looks like an entity stays", file(row("1", "<NAME>AT&T R&REGAL; B&COPY M&M")), []string{"2024-01-05 1 BRL [F1] AT&T R&REGAL; B&COPY M&M"}},
		{"what only looks like a tag stays", file(row("1", "<NAME>I <3 <John> a<b < c <")), []string{"2024-01-05 1 BRL [F1] I <3 <John> a<b < c <"}},
		{"CDATA is taken as it is", file(row("1", "<NAME>A <![CDATA[<STMTTRN> &amp; ]]> B")), []string{"2024-01-05 1 BRL [F1] A <STMTTRN> &amp; B"}},
		{"a payee says the name", file(row("1", "<PAYEE><NAME>ACME<ADDR1>1 Road</PAYEE><MEMO>rent")), []string{"2024-01-05 1 BRL [F1] ACME rent"}},
		{
			"a check tells its number", file("<STMTTRN><TRNTYPE>CHECK<DTPOSTED>20240105<TRNAMT>-1<FITID>F1<CHECKNUM>0001001<NAME>CHECK PAID</STMTTRN>"),
			[]string{"2024-01-05 -1 BRL [F1] CHECK PAID 1001"},
		},
		{
			"a check tells it once", file("<STMTTRN><TRNTYPE>CHECK<DTPOSTED>20240105<TRNAMT>-1<FITID>F1<CHECKNUM>0001001<NAME>CHECK #1001</STMTTRN>"),
			[]string{"2024-01-05 -1 BRL [F1] CHECK #1001"},
		},
		{
			"a number 0 is none", file("<STMTTRN><TRNTYPE>CHECK<DTPOSTED>20240105<TRNAMT>-1<FITID>F1<CHECKNUM>0<NAME>A</STMTTRN>"),
			[]string{"2024-01-05 -1 BRL [F1] A"},
		},
		{
			"zeros with spaces before a check's number are no part of it", file("<STMTTRN><TRNTYPE>CHECK<DTPOSTED>20240105<TRNAMT>-1<FITID>F1<CHECKNUM>00 001<NAME>A</STMTTRN>" +
				"<STMTTRN><TRNTYPE>X<DTPOSTED>20240105<TRNAMT>-1<FITID>F2<CHECKNUM>0 7</STMTTRN>"),
			[]string{"2024-01-05 -1 BRL [F1] A 1", "2024-01-05 -1 BRL [F2] X 7"},
		},
		{
			"a row without texts is described by its type and number", file("<STMTTRN><TRNTYPE>CHECK<DTPOSTED>20240105<TRNAMT>-1<FITID>F1<CHECKNUM>1001</STMTTRN>" +
				"<STMTTRN><TRNTYPE>XFER<DTPOSTED>20240105<TRNAMT>-1<FITID>F2<REFNUM>R9</STMTTRN>"),
			[]string{"2024-01-05 -1 BRL [F1] Check 1001", "2024-01-05 -1 BRL [F2] Transfer R9"},
		},

		// Money of other currencies.
		{"a foreign purchase is what it was converted to", file(row("-12.50", "<NAME>NETFLIX<ORIGCURRENCY><CURRATE>5.1<CURSYM>USD</ORIGCURRENCY>")), netflix},
		{"an amount in the statement's own currency is one", file(row("-12.50", "<NAME>NETFLIX<CURRENCY><CURRATE>1.00<CURSYM>BRL</CURRENCY>")), netflix},
		{
			"an amount in another currency is reported", file(row("-12.50", "<CURRENCY><CURRATE>5.1<CURSYM>USD</CURRENCY>")),
			[]string{"row 1: Its amount is in USD, not in BRL. Enter by hand what the bank booked in BRL."},
		},
		{
			"a currency may be written without its parts", file(row("-12.50", "<CURRENCY>USD")),
			[]string{"row 1: Its amount is in USD, not in BRL. Enter by hand what the bank booked in BRL."},
		},
		{
			"rows may name the currency that the statement does not", strings.Replace(file(row("-12.50", "<CURRENCY><CURSYM>AUD</CURRENCY>")), "<CURDEF>BRL", "<CURDEF></CURDEF>", 1),
			[]string{"2024-01-05 -12.5 AUD [F1]"},
		},
		{
			"rows of two currencies name none", strings.Replace(file(row("-1", "<CURRENCY><CURSYM>AUD</CURRENCY>")+row("-12.50", "<CURRENCY><CURSYM>BRL</CURRENCY>")), "<CURDEF>BRL", "", 1),
			[]string{"2024-01-05 -12.5 BRL [F1]", "row 1: Its amount is in AUD, not in BRL. Enter by hand what the bank booked in BRL."},
		},

		// What is no booked movement.
		{
			"a replaced transaction is reported", file(row("-12.50", "<CORRECTFITID>F0<CORRECTACTION>REPLACE")),
			[]string{"row 1: The bank corrects an earlier transaction (\"F0\"). Correct that one in the book by hand."},
		},
		{
			"a deleted transaction is reported", file(row("-12.50", "<CORRECTFITID>F0<CORRECTACTION>DELETE")),
			[]string{"row 1: The bank takes back an earlier transaction (\"F0\"). Delete that one from the book by hand."},
		},
		{
			"a pending row is reported", file("<BANKTRANLISTP><DTASOF>20240131<STMTTRNP><TRNTYPE>DEBIT<DTTRAN>20240130<TRNAMT>-1</STMTTRNP></BANKTRANLISTP>"),
			[]string{"row 1: It is pending at the bank. Import a later statement once it is booked."},
		},
		{
			"a hold is reported", file("<STMTTRN><TRNTYPE>HOLD<DTPOSTED>20240105<TRNAMT>-1</STMTTRN>"),
			[]string{"row 1: It is pending at the bank. Import a later statement once it is booked."},
		},
		{
			"a bought share is reported, the cash beside it read", "<OFX><INVSTMTRS><CURDEF>BRL<INVTRANLIST><BUYSTOCK><INVBUY><INVTRAN><FITID>I1<DTTRADE>20240104<MEMO>ACME</INVTRAN>" +
				"<UNITS>1<TOTAL>-10.00</INVBUY></BUYSTOCK><INVBANKTRAN>" + row("-12.50", "<NAME>NETFLIX") + "<SUBACCTFUND>CASH</INVBANKTRAN></INVTRANLIST></INVSTMTRS>",
			append(append([]string{}, netflix...), "row 1: It buys, sells or earns an investment, which this app does not read. Enter by hand what it moved in cash."),
		},
		{
			"an error of the bank beside a statement is told", strings.Replace(file(row("-12.50", "<NAME>NETFLIX")), "<STMTRS>",
				"<STATUS><CODE>2003<SEVERITY>ERROR<MESSAGE>Account not found</STATUS></STMTTRNRS><STMTTRNRS><STMTRS>", 1),
			append(append([]string{}, netflix...), "file: The bank reports an error for a part of this file. If an account is missing, download it again."),
		},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			if diff := cmp.Diff(test.want, told(read(t, test.content))); diff != "" {
				t.Errorf("(-want +got):\n%s\nof %s", diff, test.content)
			}
		})
	}
}

func TestEveryFieldOfARow(t *testing.T) {
	f := read(t, file("<STMTTRN><TRNTYPE>REPEATPMT<DTPOSTED>20240105120000[-3:BRT]<DTUSER>20240103<DTAVAIL>20240106<TRNAMT>-950,00"+
		"<FITID>F1<SRVRTID>S<CHECKNUM>7<REFNUM>R<PAYEE><NAME>Jane<CITY>X</PAYEE><BANKACCTTO><BANKID>1<ACCTID>DE02120300000000202051<ACCTTYPE>SAVINGS</BANKACCTTO>"+
		"<MEMO>RENT</STMTTRN>"))
	want := []bank.Transaction{{
		ID: "F1", Status: bank.Booked, Date: bank.NewDate(2024, 1, 5), MadeOn: bank.NewDate(2024, 1, 3), ValueDate: bank.NewDate(2024, 1, 6),
		Amount: money.MustParse("-950", "BRL"), Description: "Jane RENT", Kind: "Standing order",
		Counterparty: bank.Party{Name: "Jane", Account: "DE02120300000000202051"},
	}}
	if diff := cmp.Diff(want, f.Statements[0].Transactions); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := f.Statements[0].Account; got.AccountID != "77-1" || got.Type != bank.Checking {
		t.Errorf("the account of the other side was taken for the statement's own: %+v", got)
	}
}

func TestKindsInWords(t *testing.T) {
	for in, want := range map[string]string{"POS": "Point of sale", "xfer": "Transfer", "PIX": "PIX", "": "", "DIRECTDEBIT": "Direct debit"} {
		f := read(t, file("<STMTTRN><TRNTYPE>"+in+"<DTPOSTED>20240105<TRNAMT>1</STMTTRN>"))
		if got := f.Statements[0].Transactions[0].Kind; got != want {
			t.Errorf("TRNTYPE %q is %q, want %q", in, got, want)
		}
	}
}

func TestAFileMayHaveSeveralStatements(t *testing.T) {
	f := read(t, sgmlHeader+"<OFX><SIGNONMSGSRSV1><SONRS><FI><ORG>Banco X<FID>1</FI></SONRS></SIGNONMSGSRSV1>"+
		"<BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>BRL<BANKACCTFROM><BANKID>1<BRANCHID>22<ACCTID>A<ACCTTYPE>SAVINGS</BANKACCTFROM><BANKTRANLIST>"+
		row("1", "")+"</BANKTRANLIST><LEDGERBAL><BALAMT>1.234,56<DTASOF>20240131120000</LEDGERBAL><AVAILBAL><BALAMT>9<DTASOF>20240101</AVAILBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1>"+
		"<CREDITCARDMSGSRSV1><CCSTMTTRNRS><CCSTMTRS><CURDEF>usd<CCACCTFROM><ACCTID>C</CCACCTFROM><BANKTRANLIST><DTSTART>20240101<DTEND>20240131"+
		row("-2", "")+"</BANKTRANLIST><LEDGERBAL><BALAMT>-7<DTASOF></LEDGERBAL></CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1>"+
		"<SIGNUPMSGSRSV1><ACCTINFOTRNRS><ACCTINFO><BANKACCTFROM><BANKID>9<ACCTID>other<ACCTTYPE>CHECKING</BANKACCTFROM></ACCTINFO></ACCTINFOTRNRS></SIGNUPMSGSRSV1></OFX>")
	day := bank.NewDate(2024, 1, 5)
	want := statement.File{Format: "OFX", Charset: "UTF-8", Institution: "Banco X", Statements: []statement.Statement{
		{
			Account:      statement.AccountRef{BankID: "1", BranchID: "22", AccountID: "A", Type: bank.Savings, Currency: "BRL"},
			Currency:     "BRL",
			Transactions: []bank.Transaction{{ID: "F1", Status: bank.Booked, Date: day, Amount: money.MustParse("1", "BRL")}},
			Balance:      &bank.Balance{Booked: money.MustParse("1234.56", "BRL"), Date: bank.NewDate(2024, 1, 31)},
		},
		{
			Account:  statement.AccountRef{AccountID: "C", Type: bank.CreditCard, Currency: "USD"},
			Currency: "USD", From: bank.NewDate(2024, 1, 1), To: bank.NewDate(2024, 1, 31),
			Transactions: []bank.Transaction{{ID: "F1", Status: bank.Booked, Date: day, Amount: money.MustParse("-2", "USD")}},
			Balance:      &bank.Balance{Booked: money.MustParse("-7", "USD"), Date: bank.NewDate(2024, 1, 31)},
		},
	}}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestABalanceThatCannotBeReadIsTold(t *testing.T) {
	f := read(t, "<OFX><STMTRS><CURDEF>BRL\n<LEDGERBAL><BALAMT>lots<DTASOF>20240131</LEDGERBAL>")
	want := []statement.Problem{{
		Line: 2, Text: "lots 20240131",
		Reason: `The balance was left out: its amount "lots" is not a number this app understands.`,
	}}
	if diff := cmp.Diff(want, f.Statements[0].Problems); diff != "" || f.Statements[0].Balance != nil {
		t.Errorf("balance %v, problems (-want +got):\n%s", f.Statements[0].Balance, diff)
	}
}

func TestAProblemNamesItsPlace(t *testing.T) {
	f := read(t, file(row("1", "")+"\n"+"<STMTTRN>\n<DTPOSTED>20240106\n<NAME>"+strings.Repeat("é", 500)+"</STMTTRN>"))
	p := f.Statements[0].Problems[0]
	if p.Row != 2 || p.Line != 20 {
		t.Errorf("the problem is said to be in row %d, line %d; want row 2, line 20", p.Row, p.Line)
	}
	if !strings.HasPrefix(p.Text, "20240106 éé") || utf8.RuneCountInString(p.Text) > 121 {
		t.Errorf("the row is shown as %q", p.Text)
	}
}

func TestWithoutAnyCurrencyEveryRowIsAProblem(t *testing.T) {
	content := strings.Replace(file(row("1", "")+row("2", "")), "<CURDEF>BRL", "", 1)
	for _, none := range []money.Currency{"", "R$", "usd"} {
		f, err := statement.Read("a.ofx", []byte(content), statement.Options{Currency: none})
		if err != nil {
			t.Fatal(err)
		}
		s := f.Statements[0]
		if len(s.Transactions) != 0 || len(s.Problems) != 2 || s.Currency != "" || !strings.Contains(s.Problems[0].Reason, "currency") {
			t.Errorf("read as %+v", s)
		}
	}
}

func TestVeryLongTextsAreBounded(t *testing.T) {
	long := strings.Repeat("word ", 1<<18)
	f := read(t, file("<STMTTRN><TRNTYPE>"+long+"<DTPOSTED>20240105<TRNAMT>1<FITID>"+long+"<NAME>"+long+"<MEMO>x"+long+"</STMTTRN>"))
	got := f.Statements[0].Transactions[0]
	if n := len(got.Description) + len(got.Kind) + len(got.Counterparty.Name); n > 2000 || got.ID != "" {
		t.Errorf("kept %d bytes of texts and the id %.20q", n, got.ID)
	}
}

func TestCharacterSets(t *testing.T) {
	const text = "PÃO DE AÇÚCAR – CAFÉ € 10"
	encode := func(set encoding.Encoding, content string) string {
		encoded, err := set.NewEncoder().String(content)
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	xml := func(set string) string {
		return `<?xml version="1.0" encoding="` + set + `"?>` + body(row("1", "<NAME>"+text))
	}
	sgml := func(encoding, charset string) string {
		return strings.NewReplacer("USASCII", encoding, "1252", charset).Replace(file(row("1", "<NAME>"+text)))
	}
	oneLine := strings.ReplaceAll(sgml("USASCII", "8859-15"), "\r\n", "")
	noDash := func(content string) string { return strings.ReplaceAll(content, "–", "-") }
	latin1 := func(content string) string { return strings.ReplaceAll(noDash(content), "€", "$") }
	cut := file(row("1", "<NAME>"+text) + row("2", "<NAME>CAFÉ PANIFICADORA S\xc3"))
	tests := []struct {
		claim, content, charset, want string
	}{
		{"UTF-8 is read as such whatever is declared", sgml("USASCII", "1252"), "UTF-8", text},
		{"a byte order mark is dropped", "\ufeff" + sgml("UTF-8", "NONE"), "UTF-8", text},
		{"windows-1252 is read as declared", encode(charmap.Windows1252, sgml("USASCII", "1252")), "windows-1252", text},
		{"windows-1252 is found behind a declared UTF-8", encode(charmap.Windows1252, xml("UTF-8")), "windows-1252", text},
		{"windows-1252 is found behind a declared nothing", encode(charmap.Windows1252, sgml("USASCII", "NONE")), "windows-1252", text},
		{"windows-1252 is found behind a set that is not to be read", encode(charmap.Windows1252, xml("ISO-2022-KR")), "windows-1252", text},
		{"windows-1252 is found behind a declared nonsense", encode(charmap.Windows1252, xml("x-none-such")), "windows-1252", text},
		{"ISO-8859-1 is read as windows-1252, which has it all", encode(charmap.ISO8859_1, latin1(xml("ISO-8859-1"))), "windows-1252", latin1(text)},
		{"ISO-8859-15 has its euro", encode(charmap.ISO8859_15, noDash(xml("ISO-8859-15"))), "iso-8859-15", noDash(text)},
		{"so it has with the short name", encode(charmap.ISO8859_15, noDash(sgml("USASCII", "8859-15"))), "iso-8859-15", noDash(text)},
		{"so it has in a header of one line", encode(charmap.ISO8859_15, noDash(oneLine)), "iso-8859-15", noDash(text)},
		{"windows-1250 goes by its number", encode(charmap.Windows1250, "ENCODING:USASCII CHARSET:1250 "+body(row("1", "<NAME>ŽABKA ŁÓDŹ"))), "windows-1250", "ŽABKA ŁÓDŹ"},
		{"Shift JIS is read as declared", encode(japanese.ShiftJIS, `<?xml version="1.0" encoding="Shift_JIS"?>`+body(row("1", "<NAME>ｾﾌﾞﾝ 東京電力"))), "shift_jis", "ｾﾌﾞﾝ 東京電力"},
		{"UTF-16 is told by its mark", encode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), xml("UTF-16")), "UTF-16", text},
		{"UTF-16 is told by its zeros", encode(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), xml("UTF-8")), "UTF-16", text},
		{"letters cut in half do not change the set", cut, "UTF-8", text},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			f := read(t, test.content)
			if f.Charset != test.charset {
				t.Errorf("read as %s, want %s", f.Charset, test.charset)
			}
			if got := f.Statements[0].Transactions[0].Description; got != test.want {
				t.Errorf("read %q, want %q", got, test.want)
			}
		})
	}
}

func TestWhatCannotBeReadAtAll(t *testing.T) {
	tests := []struct {
		claim, name string
		content     []byte
		want        error
		says        string
	}{
		{"another format is refused by what is supported", "/tmp/bank.csv", []byte("date;amount\n2024-01-05;1\n"), statement.ErrUnsupported, "bank.csv. It reads OFX and QFX"},
		{"an empty file is refused", "bank", nil, statement.ErrUnsupported, "OFX and QFX"},
		{"an error page named .ofx is refused", "bank.OFX", []byte("<html><body>Session expired</body></html>"), statement.ErrEmpty, "Download it again"},
		{
			"an answer without a statement tells the bank's error", "bank.qfx",
			[]byte("<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>15500<SEVERITY>ERROR<MESSAGE>Signon invalid</STATUS>"), statement.ErrEmpty, "15500: Signon invalid",
		},
		{"a file too large is refused by its size", "bank.ofx", make([]byte, statement.MaxSize+1), statement.ErrTooLarge, "20 MB"},
		{"a file of far too many rows is refused", "bank.ofx", bytes.Repeat([]byte("<STMTTRN>"), 100_001), statement.ErrTooLarge, "rows"},
		{"a file of far too many statements is refused", "bank.ofx", bytes.Repeat([]byte("<STMTRS>"), 2_000), statement.ErrTooLarge, "statements"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			f, err := statement.Read(test.name, test.content, statement.Options{Currency: "BRL"})
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Read: %v; want %v saying %q", err, test.want, test.says)
			}
			if diff := cmp.Diff(statement.File{}, f); diff != "" {
				t.Errorf("it returned a file beside the error: %s", diff)
			}
		})
	}
}

func TestTheContentSaysWhatAFileIs(t *testing.T) {
	f, err := statement.Read("download.txt", []byte(file(row("1", ""))), statement.Options{})
	if err != nil || f.Format != "OFX" {
		t.Errorf("an OFX file of another name: %q, %v", f.Format, err)
	}
}

// samples are the files of other projects, with the number of rows that an
// independent parser finds in them.
var samples = map[string]int{
	"anzcc.ofx": 1, "bank_medium.ofx": 3, "checking.ofx": 3, "fidelity-savings.ofx": 4, "multiple_accounts.ofx": 0,
	"ofx-v102-empty-tags.ofx": 1, "suncorp.ofx": 1,
}

func TestSampleFiles(t *testing.T) {
	for name, want := range samples {
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join("testdata", "ofxparse", name))
			if err != nil {
				t.Fatal(err)
			}
			f, err := statement.Read(name, content, statement.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, problems := 0, 0
			for _, s := range f.Statements {
				got += len(s.Transactions)
				problems += len(s.Problems)
			}
			if got != want || problems != 0 {
				t.Errorf("%d transactions and %d problems, want %d and none: %q", got, problems, want, told(f))
			}
		})
	}
}

// TestAnotherParserSeesTheSame holds the reader against libofx where its tool
// is installed (Debian: apt-get install ofx).
func TestAnotherParserSeesTheSame(t *testing.T) {
	tool, err := exec.LookPath("ofxdump")
	if err != nil {
		t.Skip("ofxdump is not installed")
	}
	files, err := filepath.Glob("testdata/ofxparse/*.ofx")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	large := filepath.Join(t.TempDir(), "large.ofx")
	if err := os.WriteFile(large, []byte(manyRows(300)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range append(files, large) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			// Its exit status says that it also found something to complain of.
			dump, err := exec.CommandContext(t.Context(), tool, path).Output()
			if _, complains := errors.AsType[*exec.ExitError](err); err != nil && !complains {
				t.Fatal(err)
			}
			var want []string
			for _, part := range strings.Split(string(dump), "ofx_proc_transaction():")[1:] {
				_, part, _ = strings.Cut(part, "Total money amount: ")
				amount, _, _ := strings.Cut(part, "\n")
				want = append(want, amount)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := statement.Read(path, content, statement.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range f.Statements {
				for _, transaction := range s.Transactions {
					got = append(got, cents(t, transaction.Amount))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("amounts (-libofx +ours):\n%s", diff)
			}
		})
	}
}

// cents writes an amount as ofxdump does, which rounds to two decimals.
func cents(t *testing.T, a money.Amount) string {
	t.Helper()
	if text, err := a.Number().StringFixed(2); err == nil {
		return text
	}
	whole, fraction, _ := strings.Cut(a.Number().String(), ".")
	rounded := map[string]string{"8331": "83", "1063": "11", "122": "12"}[fraction]
	if rounded == "" {
		t.Fatalf("no rounding is known here for %s", a)
	}
	return whole + "." + rounded
}

// manyRows is a file of n rows as a bank would write them.
func manyRows(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<STMTTRN>\r\n<TRNTYPE>DEBIT\r\n<DTPOSTED>2024%02d%02d120000[-3:BRT]\r\n<TRNAMT>-%d.%02d\r\n<FITID>2024%08d\r\n"+
			"<CHECKNUM>%06d\r\n<NAME>PAGTO CARTAO %d\r\n<MEMO>PAGTO CARTAO %d PADARIA SAO JOAO &amp; CIA LTDA\r\n</STMTTRN>\r\n",
			i%12+1, i%28+1, i%900+1, i%100, i, i, i%50, i%50)
	}
	return file(b.String())
}

func TestTimeIsLinearWhateverIsInTheFile(t *testing.T) {
	for name, test := range map[string]struct {
		unit string
		size int // such that quadratic time is minutes
	}{
		"nothing but <":          {"<", 1 << 20},
		"openings":               {"<A>", 1 << 20},
		"rows never closed":      {"<STMTTRN><MEMO>a", 1 << 20},
		"tags never ended":       {"<STMTTRN ", 1 << 20},
		"CDATA never ended":      {"<![CDATA[", 12 << 20},
		"comments never ended":   {"<!--", 8 << 20},
		"instructions":           {"<?", 2 << 20},
		"entities never ended":   {"&amp", 2 << 20},
		"one memo after another": {"<MEMO>aaaaaaa", 2 << 20},
		"zeros":                  {"\x00", 2 << 20},
		"closings":               {"</STMTTRN>", 2 << 20},
		"broken letters":         {"\xc3\xc3\xa9", 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			content := "<OFX><STMTRS><CURDEF>BRL<STMTTRN><MEMO>" + strings.Repeat(test.unit, test.size/len(test.unit))
			start := time.Now()
			_, err := statement.Read("a.ofx", []byte(content), statement.Options{})
			if err != nil && !errors.Is(err, statement.ErrTooLarge) {
				t.Error(err)
			}
			// Linear time is below a second.
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v for %d bytes", took, len(content))
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	paths, err := filepath.Glob("testdata/ofxparse/*.ofx")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no samples: %v", err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	for _, seed := range []string{
		"", "<OFX>", file(row("-12.50", "<NAME>NETFLIX")), body(row("1.234,56", "<MEMO>a&#0;b&amp;")),
		strings.Repeat("<STMTRS><STMTTRN><PAYEE>", 50), strings.Repeat("<A>", 200), strings.Repeat("\x00", 100),
		"<STMTTRN><DTPOSTED>20240105<TRNAMT>1<NAME>\xc3\x28\xff<![CDATA[<STMTTRN>]]>", "<STMTTRN><TRNAMT>-<DTPOSTED>99999999",
		"\xff\xfe<\x00O\x00F\x00X\x00>\x00", "<!--<STMTTRN>--><stmttrn/><STMTTRN a='>'>", "<STMTRS><CURDEF>JPY<LEDGERBAL><BALAMT>1,234<DTASOF>20240101",
		"CHARSET:932<STMTTRN>\x81", "<STMTTRN><CURRENCY>USD<CORRECTFITID>1<CORRECTACTION>DELETE", "<INVTRAN><TOTAL>1<STMTTRNP><STATUS><SEVERITY>ERROR",
		"<STMTTRN><TRNTYPE>X<DTPOSTED>20240105<TRNAMT>1<CHECKNUM>0 7<REFNUM>R",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := statement.Read("a.ofx", content, statement.Options{Currency: "BRL"})
		if err != nil {
			if !utf8.ValidString(err.Error()) {
				t.Errorf("the error is not valid UTF-8: %q", err)
			}
			return
		}
		document, err := ofx.Parse(content)
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		for i, s := range file.Statements {
			found := len(document.Statements[i].Rows)
			checkStatement(t, s, found)
			rows += found
		}
		// Said another way, where nothing can hide a tag.
		if !bytes.Contains(content, []byte("<!")) && !bytes.Contains(content, []byte("<?")) &&
			(file.Charset == "UTF-8" || file.Charset == "windows-1252") {
			if opened := bytes.Count(content, []byte("<STMTTRN>")); rows < opened {
				t.Errorf("%d rows of %d", rows, opened)
			}
		}
	})
}

func checkStatement(t *testing.T, s statement.Statement, rows int) {
	t.Helper()
	told := len(s.Transactions)
	for _, p := range s.Problems {
		if p.Row > 0 {
			told++
		}
		if !utf8.ValidString(p.Text) || !utf8.ValidString(p.Reason) || p.Reason == "" {
			t.Errorf("a problem that does not say what is wrong in valid UTF-8: %+v", p)
		}
	}
	if told != rows {
		t.Errorf("%d rows became %d transactions and problems", rows, told)
	}
	for _, transaction := range s.Transactions {
		if err := transaction.Validate(); err != nil {
			t.Errorf("%+v: %v", transaction, err)
		}
		for _, date := range []bank.Date{transaction.Date, transaction.ValueDate, transaction.MadeOn} {
			if again, err := bank.ParseDate(date.String()); !date.IsZero() && (err != nil || again != date) {
				t.Errorf("%v is no day", date)
			}
		}
		if text := transaction.Description; !utf8.ValidString(text) || strings.Join(strings.Fields(text), " ") != text || strings.ContainsRune(text, 0) {
			t.Errorf("the description %q is not clean", text)
		}
		if _, err := transaction.Amount.MarshalText(); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkReadTenThousandRows(b *testing.B) {
	content := []byte(manyRows(10_000))
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := statement.Read("a.ofx", content, statement.Options{})
		if err != nil || len(f.Statements[0].Transactions) != 10_000 {
			b.Fatalf("%v", err)
		}
	}
}
