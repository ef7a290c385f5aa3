package feed_test

import (
	"fmt"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

// account is an account of a statement file.
type account struct {
	id   string
	rows []bank.Transaction
}

// ofx writes a statement file. Without days it does not say which it covers.
func ofx(from, to string, accounts ...account) []byte {
	var b strings.Builder
	b.WriteString("OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nCHARSET:1252\n\n<OFX><BANKMSGSRSV1>")
	for _, a := range accounts {
		_, _ = fmt.Fprintf(&b, "<STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>1<ACCTID>%s<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST>", a.id)
		if from != "" {
			_, _ = fmt.Fprintf(&b, "<DTSTART>%s<DTEND>%s", from, to)
		}
		for _, r := range a.rows {
			_, _ = fmt.Fprintf(&b, "<STMTTRN><TRNTYPE>OTHER<DTPOSTED>%s<TRNAMT>%s<FITID>%s<NAME>%s</STMTTRN>\n",
				strings.ReplaceAll(r.Date.String(), "-", ""), r.Amount.Number(), r.ID, r.Description)
		}
		b.WriteString("</BANKTRANLIST></STMTRS></STMTTRNRS>")
	}
	b.WriteString("</BANKMSGSRSV1></OFX>")
	return []byte(b.String())
}
