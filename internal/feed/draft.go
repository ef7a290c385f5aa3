package feed

import (
	"strings"
	"unicode"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/ledger"
)

// draftOf is what the book shall record for an entry: always a draft, whatever
// the book does with complete transactions by itself.
func draftOf(e ledger.Entry, s complete.Suggestion) bkper.Transaction {
	t := bkper.Transaction{
		Date:        e.Row.Date,
		Amount:      bkper.AmountOf(e.Row.Amount.Number()),
		Description: describe(e.Row),
		Draft:       true,
		RemoteIDs:   []string{e.RemoteID},
		Properties:  properties(e),
	}
	counter := ""
	if s.Known && s.Sure {
		counter = s.Account
		complete.Explain(t.Properties, s)
	}
	setSides(&t, e.AccountID, counter, e.Row.Amount.Sign() < 0)
	return t
}

// setSides puts the account on the side that the direction asks for: money
// leaves the From side and arrives at the To side.
func setSides(t *bkper.Transaction, account, counter string, out bool) {
	own := &bkper.Account{ID: account}
	var other *bkper.Account
	if counter != "" {
		other = &bkper.Account{ID: counter}
	}
	if out {
		t.CreditAccount, t.DebitAccount = own, other
	} else {
		t.CreditAccount, t.DebitAccount = other, own
	}
}

func properties(e ledger.Entry) map[string]string {
	p := map[string]string{complete.BankTextProperty: e.Row.Description, ledger.RunProperty: e.Run}
	for key, value := range map[string]string{
		ledger.InstitutionProperty: e.Institution, ledger.CounterpartyProperty: e.Row.Counterparty.Name, ledger.KindProperty: e.Row.Kind,
	} {
		if value != "" {
			p[key] = value
		}
	}
	return p
}

// describe makes the bank's text readable: one line, single spaces, and no
// hashtags, because "STORE #1234" is none. The bank's own text is kept in a
// property.
func describe(t bank.Transaction) string {
	text := t.Description
	if strings.TrimSpace(text) == "" {
		text = t.Counterparty.Name
	}
	var b strings.Builder
	runes := []rune(strings.ToValidUTF8(text, " "))
	for n, r := range runes {
		switch {
		case r == '#' && n+1 < len(runes) && unicode.IsDigit(runes[n+1]):
			b.WriteString(" No. ")
		case r == '#' || unicode.IsControl(r):
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
