package transfer

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/bank-connections/bkper-bot/internal/feed/match"
)

// sign is what the bank says of one side: how much it looks like the end of a
// transfer between own accounts.
type sign int

const (
	against sign = iota - 1 // it is a purchase, cash, a fee or interest
	nothing                 // it says nothing of use
	weak                    // money was sent, or paid: to whomever
	strong                  // a transfer between own accounts, or the payment of a card
	named                   // it names the other account by its number
)

// signOf reads what the bank says of a side, other being the possible other
// end.
func signOf(s, other Side) sign {
	text, kind, category := match.Text(s.Row.Description), match.Text(s.Row.Kind), match.Text(s.Row.Category)
	sent := weakWords.MatchString(text + " " + kind + " " + category)
	debt := s.Own.Debt || other.Own.Debt
	switch {
	case namesAccount(s, other.Own.Mask, sent):
		return named
	case ownTransfer.MatchString(text), ownTransfer.MatchString(category),
		debt && (debtPayment.MatchString(text) || debtPayment.MatchString(category)):
		return strong
	case otherKinds[kind]:
		return against
	case sent:
		return weak
	default:
		return nothing
	}
}

// ownTransfer are texts, as match.Text returns them, that banks give to
// transfers between accounts of one holder.
var ownTransfer = anyOf(
	// English
	`(transfer|xfer|tfr|trf|trsf) (to|from|into|out of) (my |your |own |the )?(savings?|sav|checking|chk|chequing|current|money market|brokerage|deposit|credit|card|loan|account|acct)`,
	`(to|from) (my |your |own )?(savings?|checking|chequing|current)( (account|acct|pot|goal|x?\d+))?$`,
	`(savings|checking|pot|online|internal|account|book|own account|inter ?account|self) (transfer|xfer)`,
	`between (my |your |own )?(accounts|acc?ts)`,
	// Portuguese
	`(transf\w*|trf|tef|ted|doc|pix) (para |de |da |do |a |entre )?(\w+ )?(poupanca|conta corrente|conta a ordem|contas|conta propria|mesma titularidade)`,
	`(aplicacao|resgate|transf\w*) .*(poupanca|mesma titularidade)`,
	// German
	`umbuchung`, `eigenubertrag`, `(konto|geld)?ubertrag (auf|von|zu|vom|zum)`,
	// Spanish
	`tras?pas+o`, `transferencia (a|de|desde|entre) (mi |mis |su |sus )?(cuentas?|ahorros?)`,
)

// debtPayment are texts that banks give to the payment of a card or a loan, on
// either side.
var debtPayment = anyOf(
	// English
	`(payment|pymt|pmt|autopay)s?( \w+)? thank you`, `thank you for your payment`, `payment received`,
	`(credit|loan) ?(card|crd|cd)?s?( \w+)? (payment|pymt|pmt|epay|bill|settlement|autopay|direct debit)`, `card (bill|settlement|autopay)`,
	// Portuguese
	`fatura .*cartao`, `cartao .*fatura`, `(pag\w*|pgto|deb\w*) (do |de )?cartao (de )?credito`, `pagamento recebido`,
	// German
	`kreditkarten?(n)?(abrechnung|abr|zahlung|ausgleich)`, `kreditkarte .*(abrechnung|ausgleich)`, `dankend erhalten`,
	// Spanish
	`pago .*tarjeta`, `pago t[dc]c`, `(su|por tu|por su) pago`, `pago recibido`,
)

// weakWords say that money was sent or paid, to whomever.
var weakWords = anyOf(
	`transfers?`, `transf\w*`, `xfer`, `tfr`, `trf`, `tef`, `ted`, `doc`, `pix`, `spei`, `ach`, `bacs`, `sepa`, `wire`, `e?payments?`, `pymt`, `pmt`,
	`autopay`, `epay`, `deposit\w*`, `deposit`, `direct debit`, `debit`, `standing order`, `settlement`,
	`pag\w*`, `pgto`, `pagos?`, `debito`, `abono`, `domiciliacion`,
	`uberweisung`, `lastschrift`, `dauerauftrag`, `gutschrift`, `zahlung\w*`, `einzahlung`,
)

// otherKinds are ways of paying that are never a transfer.
var otherKinds = set(
	"pos", "k pos", "card", "card payment", "card purchase", "debit card", "purchase", "refund", "atm", "cash", "cash withdrawal",
	"fee", "fees", "service charge", "charge", "interest", "profit", "dividend", "payroll", "salary", "check", "cheque",
	"compra", "compra no cartao", "cartao", "saque", "levantamento", "tarifa", "comissao", "rendimento", "juros", "estorno",
	"kartenzahlung", "bargeldauszahlung", "entgelt", "zinsen", "gehalt", "lohn",
	"tarjeta", "retiro", "comision", "intereses", "カード", "手数料", "利息",
)

// anyOf matches one of the patterns, as whole words.
func anyOf(patterns ...string) *regexp.Regexp {
	return regexp.MustCompile(`(^| )(` + strings.Join(patterns, "|") + `)( |$)`)
}

func set(kinds ...string) map[string]bool {
	all := make(map[string]bool, len(kinds))
	for _, kind := range kinds {
		all[match.Text(kind)] = true
	}
	return all
}

// enoughDigits is how many digits name an account among one's own.
const enoughDigits = 4

// namesAccount reports whether a side names the account with that mask: as the
// number of its counterparty, or, where it says that money was sent, in its
// text.
func namesAccount(s Side, mask string, sent bool) bool {
	mask = digits(mask)
	if len(mask) < enoughDigits {
		return false
	}
	if strings.HasSuffix(digits(s.Row.Counterparty.Account), mask) {
		return true
	}
	if !sent {
		return false
	}
	for word := range strings.FieldsSeq(match.Text(s.Row.Description)) {
		if strings.TrimLeft(word, "x") == mask {
			return true
		}
	}
	return false
}

func digits(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, text)
}
