package learn

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	maxText     = 1000 // bytes of a text that are looked at
	maxKeyWords = 6    // words of a merchant key
	stemLetters = 4    // letters of a word that survive a bank's cutting of texts
)

// Key returns the merchant of a bank's text as far as it can be told: lower
// case words without accents, without store numbers, dates and card digits,
// and without the words that only say how the money moved. Where that leaves
// nothing, the words stay as they are. Texts with equal keys belong together.
func Key(text string) string {
	return strings.Join(merchantWords(text), " ")
}

// merchantWords returns the words of a bank's text that name the other party,
// each once.
func merchantWords(text string) []string {
	return coreWords(words(withoutProcessor(text)))
}

// withoutProcessor cuts off what stands before a star, if it is the sign of a
// firm that takes payments for others: SQ *BLUE BOTTLE.
func withoutProcessor(text string) string {
	before, after, found := strings.Cut(text, "*")
	if found && processors[strings.ToLower(strings.TrimSpace(before))] {
		return after
	}
	return text
}

// words splits text into lower case words of letters and digits, without
// accents. An apostrophe joins what stands around it.
func words(text string) []string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	text = strings.ToValidUTF8(text, " ")
	var (
		found []string
		word  strings.Builder
	)
	end := func() {
		if word.Len() > 0 {
			found = append(found, word.String())
			word.Reset()
		}
	}
	for _, r := range norm.NFKD.String(text) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			word.WriteRune(unicode.ToLower(r))
		case unicode.Is(unicode.Mn, r) || r == '\'' || r == '’' || r == '`' || r == '´':
		default:
			end()
		}
	}
	end()
	return found
}

// coreWords keeps the words that name the other party, at most maxKeyWords.
func coreWords(all []string) []string {
	var core []string
	for i, word := range all {
		if len(core) == maxKeyWords {
			break
		}
		if names(word) && !(months[word] && besideNumber(all, i)) && !slices.Contains(core, word) {
			core = append(core, word)
		}
	}
	if len(core) == 0 {
		core = all[:min(len(all), maxKeyWords)]
	}
	return core
}

// names reports whether word can be part of a name: not a number or a code,
// not a single letter, not a word for a way of paying.
func names(word string) bool {
	letters, digits, wide := 0, 0, false
	for _, r := range word {
		if unicode.IsDigit(r) {
			digits++
			continue
		}
		letters++
		wide = wide || r >= 0x2E80 // one Chinese character can be a name
	}
	switch {
	case digits > 1 || digits == 1 && letters < 3:
		return false
	case letters < 2 && !wide:
		return false
	}
	return !paymentWords[word]
}

func besideNumber(all []string, i int) bool {
	return i > 0 && isNumber(all[i-1]) || i+1 < len(all) && isNumber(all[i+1])
}

func isNumber(word string) bool {
	for _, r := range word {
		if !unicode.IsDigit(r) {
			return false
		}
	}
	return true
}

// stem is the beginning of a word: banks cut texts at a fixed length.
func stem(word string) string {
	n := 0
	for i := range word {
		if n == stemLetters {
			return word[:i]
		}
		n++
	}
	return word
}

// hashtags returns the #words of text, lower case. A # before a number is a
// store, not a tag.
func hashtags(text string) []string {
	if !strings.Contains(text, "#") {
		return nil
	}
	if len(text) > maxText {
		text = text[:maxText]
	}
	var found []string
	for _, part := range strings.Split(text, "#")[1:] {
		end := strings.IndexFunc(part, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-'
		})
		if end >= 0 {
			part = part[:end]
		}
		if part != "" && !isNumber(part) {
			found = append(found, strings.ToLower(part))
		}
	}
	return found
}

// paymentWords say how money moved, through whom, or what kind of company it
// went to, in the languages of many banks; they name no merchant.
var paymentWords = set(`
	pos atm card cards visa mastercard maestro amex debit credit purchase
	payment payments paid pay transfer transfers direct standing order deposit
	withdrawal contactless online internet mobile ref reference txn transaction
	trx auth recurring autopay bill billpay ach eft chq check cheque inc llc ltd
	limited plc corp co company gmbh ag kg ug ohg mbh srl spa sarl sas bv nv oy
	ab sa the of and at to from for by on in via www http https com net org
	sq sqr paypal pp pypl izettle iz zettle sumup stripe
	compra compras cartao debito credito pagamento pagamentos pagto pgto pag
	pago transferencia transf enviado enviada recebido recebida pix ted doc tev
	boleto titulo deposito saque tarifa parcela parc ltda eireli me epp sa cia
	de da do das dos em para por com no na e
	kartenzahlung lastschrift basislastschrift folgelastschrift
	erstlastschrift uberweisung gutschrift dauerauftrag girocard sepa ec elv
	zahlung kauf karte nr mandat mandatsref glaubiger und der die das von fur an
	bei eur usd gbp brl
	tarjeta pago adeudo recibo transferencia domiciliacion y el la los las del
	paiement achat carte cb prlv prelevement virement vir et le les du des
	pagamento carta addebito bonifico acquisto
	eref mref kref cred svwz abwa abwe ueberweisung ueberw sagt danke dankt
	eletronico eletronica inst tarj checkcard dda pur ext trnsfr xfer fpi fpo bgc
	pagseguro mercadopago pty pvt llp plc ооо оао зао пао
`)

// processors stand before a star in front of the merchant.
var processors = set(`
	sq sqc sqr tst sp mp pp paypal iz izettle zettle sumup stripe pag pagseguro
	mercadopago ec klarna adyen mollie wpy fs cko dd ppl ebanx pagbank stone
	infinitepay ifd cielo getnet ton in bt
`)

var months = set(`
	jan feb mar apr may jun jul aug sep sept oct nov dec january february march
	april june july august september october november december
	fev abr mai ago set out dez janeiro fevereiro marco maio junho julho agosto
	setembro outubro novembro dezembro
	januar februar marz juni juli oktober dezember okt
`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, word := range strings.Fields(words) {
		m[word] = true
	}
	return m
}
