package ofx_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/statement/ofx"
)

// everything is a file with every tag that means something, each value saying
// where it stands.
const everything = `OFXHEADER:100
<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>1<SEVERITY>ERROR<MESSAGE>refused</STATUS><FI><ORG>org</FI></SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1><STMTTRNRS><STATUS><CODE>0<SEVERITY>INFO<MESSAGE>well</STATUS>
<STMTRS><CURDEF>curdef<BANKACCTFROM><BANKID>bank<BRANCHID>branch<ACCTID>account<ACCTTYPE>type</BANKACCTFROM>
<BANKTRANLIST><DTSTART>start<DTEND>end
<STMTTRN><TRNTYPE>trntype<DTPOSTED>posted<DTUSER>user<DTAVAIL>avail<TRNAMT>amount<FITID>id<CORRECTFITID>correct<CORRECTACTION>action
<CHECKNUM>check<REFNUM>ref<NAME>name<PAYEE><NAME>payee</PAYEE><MEMO>memo<BANKACCTTO><BANKID>x<ACCTID>to</BANKACCTTO>
<CURRENCY><CURSYM>currency</CURRENCY><ORIGCURRENCY><CURSYM>x</ORIGCURRENCY></STMTTRN>
</BANKTRANLIST><BANKTRANLISTP><STMTTRNP><DTTRAN>tran<CCACCTTO><ACCTID>card</CCACCTTO></STMTTRNP></BANKTRANLISTP>
<AVAILBAL><BALAMT>x<DTASOF>x</AVAILBAL><LEDGERBAL><BALAMT>balance<DTASOF>asof</LEDGERBAL><BALLIST><BALAMT>x</BALLIST>
</STMTRS></STMTTRNRS></BANKMSGSRSV1>
<CREDITCARDMSGSRSV1><CCSTMTTRNRS><CCSTMTRS><ACCTID>card</CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1>
<INVSTMTMSGSRSV1><INVSTMTTRNRS><INVSTMTRS><INVACCTFROM><BROKERID>broker<ACCTID>shares</INVACCTFROM>
<INVTRANLIST><BUYSTOCK><INVBUY><INVTRAN><FITID>buy<DTTRADE>trade<MEMO>memo</INVTRAN><TOTAL>total</INVBUY></BUYSTOCK></INVTRANLIST>
<INVBAL><BALAMT>x</INVBAL></INVSTMTRS></INVSTMTTRNRS></INVSTMTMSGSRSV1></OFX>
`

func everythingRead() *ofx.Document {
	return &ofx.Document{
		Charset: "UTF-8", Institution: "org", Refusals: []string{"1: refused"},
		Statements: []ofx.Statement{
			{
				Kind: ofx.Bank, Line: 4, Currency: "curdef", BankID: "bank", BranchID: "branch", AccountID: "account", AccountType: "type",
				From: "start", To: "end", Ledger: ofx.Balance{Line: 10, Amount: "balance", Date: "asof"},
				Rows: []ofx.Row{
					{
						Kind: ofx.Movement, Line: 6, Type: "trntype", Posted: "posted", User: "user", Available: "avail", Amount: "amount", ID: "id",
						CorrectID: "correct", CorrectAction: "action", CheckNumber: "check", Reference: "ref", Name: "name", Payee: "payee",
						Memo: "memo", ToAccount: "to", Currency: "currency",
					},
					{Kind: ofx.PendingRow, Line: 9, Posted: "tran", ToAccount: "card"},
				},
			},
			{Kind: ofx.Card, Line: 12, AccountID: "card"},
			{
				Kind: ofx.Investment, Line: 13, BankID: "broker", AccountID: "shares",
				Rows: []ofx.Row{{Kind: ofx.InvestmentRow, Line: 14, ID: "buy", Posted: "trade", Amount: "total", Memo: "memo"}},
			},
		},
	}
}

func TestEveryTagIsTakenWhereItBelongs(t *testing.T) {
	got, err := ofx.Parse([]byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everythingRead(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryTagMayBeInSmallLetters(t *testing.T) {
	small := regexp.MustCompile(`</?[A-Z.0-9]+>`).ReplaceAllStringFunc(everything, strings.ToLower)
	got, err := ofx.Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everythingRead(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryClosingMayBeMissing(t *testing.T) {
	// But for the one that ends the parts of a row.
	open := regexp.MustCompile(`</[A-Z.0-9]+>`).ReplaceAllStringFunc(everything, func(tag string) string {
		if tag == "</PAYEE>" || tag == "</ORIGCURRENCY>" {
			return tag
		}
		return ""
	})
	got, err := ofx.Parse([]byte(open))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everythingRead(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIs(t *testing.T) {
	for claim, test := range map[string]struct {
		content string
		want    bool
	}{
		"a header is enough":             {"OFXHEADER:100", true},
		"a root is enough":               {"<?xml?>\n<ofx>", true},
		"a row is enough":                {"<STMTTRN>", true},
		"UTF-16 is looked through":       {"\xff\xfe<\x00O\x00F\x00X\x00>\x00", true},
		"nothing is no OFX":              {"", false},
		"a mark far inside is none":      {strings.Repeat(" ", 1<<17) + "<OFX>", false},
		"another format is no OFX":       {"!Type:Bank\nD01/02/2024", false},
		"a text about OFX is no OFX":     {"ask your bank for an OFX file", false},
		"a page with a tag of HTML only": {"<html><offset>", false},
	} {
		if got := ofx.Is([]byte(test.content)); got != test.want {
			t.Errorf("%s: Is(%.40q) = %t", claim, test.content, got)
		}
	}
}

func TestTooMuch(t *testing.T) {
	for _, unit := range []string{"<STMTTRN>", "<STMTRS>", "<INVTRAN>"} {
		if _, err := ofx.Parse([]byte(strings.Repeat(unit, 200_000))); !errors.Is(err, ofx.ErrTooMuch) {
			t.Errorf("200,000 %s: %v", unit, err)
		}
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	document, err := ofx.Parse([]byte(strings.Repeat("<STATUS><CODE>1<SEVERITY>ERROR</STATUS>", 1000)))
	if err != nil || len(document.Refusals) != 10 {
		t.Errorf("%d refusals are kept, %v", len(document.Refusals), err)
	}
}

func BenchmarkParseSample(b *testing.B) {
	content, err := os.ReadFile(filepath.Join("..", "testdata", "ofxparse", "checking.ofx"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ofx.Parse(content); err != nil {
			b.Fatal(err)
		}
	}
}
