package transfer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
)

var (
	day      = bank.NewDate(2026, 11, 20)
	checking = Own{Name: "Checking", Mask: "4711"}
	savings  = Own{Name: "Savings", Mask: "0815"}
	card     = Own{Name: "Credit Card", Mask: "1881", Debt: true}
)

// side is a side of an own account: days after day, an amount such as "-12.50
// USD", and the bank's text, with kind and category after bars.
func side(id string, own Own, days int, amount, text string) Side {
	number, currency, _ := strings.Cut(amount, " ")
	parts := append(strings.Split(text, "|"), "", "")
	return Side{RemoteID: id, Account: own.Name, Own: own, Row: bank.Transaction{
		Date: day.AddDays(days), Amount: money.MustParse(number, money.Currency(currency)),
		Description: parts[0], Kind: parts[1], Category: parts[2], Status: bank.Booked,
	}}
}

func with(s Side, change func(*Side)) Side {
	change(&s)
	return s
}

// verdict is a pairing in short: "a>b certain".
func verdicts(pairings []Pairing) []string {
	all := make([]string, len(pairings))
	for n, p := range pairings {
		all[n] = p.Out.RemoteID + ">" + p.In.RemoteID
		if p.Certain {
			all[n] += " certain"
		}
	}
	return all
}

func TestPair(t *testing.T) {
	bill := side("a", checking, 0, "-512.30 USD", "CARD PAYMENT THANK YOU|ACH")
	paid := side("b", card, 1, "512.30 USD", "CARD PAYMENT THANK YOU|TRANSFER")
	unclear := side("a", checking, 0, "-512.30 USD", "ACME 0042|ACH")
	arrived := side("b", savings, 1, "512.30 USD", "INCOMING|TRANSFER")
	tests := []struct {
		claim string
		sides []Side
		past  Past
		want  []string
	}{
		{"a card payment is certain", []Side{bill, paid}, Past{}, []string{"a>b certain"}},
		{"it may arrive before it leaves", []Side{bill, with(paid, func(s *Side) { s.Row.Date = day.AddDays(-2) })}, Past{}, []string{"a>b certain"}},
		{
			"a transfer to savings is certain",
			[]Side{
				side("a", checking, 0, "-400 USD", "TRANSFER TO SAVINGS"), side("b", savings, 4, "400.00 USD", "TRANSFER FROM CHECKING"),
			},
			Past{},
			[]string{"a>b certain"},
		},
		{"after more than four days it is none", []Side{
			side("a", checking, 0, "-400 USD", "TRANSFER TO SAVINGS"), side("b", savings, 5, "400 USD", "TRANSFER FROM CHECKING"),
		}, Past{}, nil},
		{"a card may take five days", []Side{bill, with(paid, func(s *Side) { s.Row.Date = day.AddDays(5) })}, Past{}, []string{"a>b certain"}},
		{"and not six", []Side{bill, with(paid, func(s *Side) { s.Row.Date = day.AddDays(6) })}, Past{}, nil},
		{"a cent is a difference", []Side{bill, with(paid, func(s *Side) { s.Row.Amount = money.MustParse("512.31", "USD") })}, Past{}, nil},
		{"within one account of the book it is none", []Side{bill, with(paid, func(s *Side) { s.Account = bill.Account })}, Past{}, nil},
		{"two that leave are none", []Side{bill, with(paid, func(s *Side) { s.Row.Amount = bill.Row.Amount })}, Past{}, nil},
		{"without words it is proposed", []Side{unclear, arrived}, Past{}, []string{"a>b"}},
		{"words on one side alone are not enough", []Side{
			side("a", checking, 0, "-30 USD", "PIZZA 0042"), side("b", card, 0, "30 USD", "PAYMENT THANK YOU"),
		}, Past{}, []string{"a>b"}},
		{"one text and a payment on the other side are", []Side{
			side("a", checking, 0, "-30 USD", "BIGBANK AUTOPAY|ACH"), side("b", card, 0, "30 USD", "AUTOPAY PAYMENT - THANK YOU"),
		}, Past{}, []string{"a>b certain"}},
		{"thanks for a payment mean nothing without a card", []Side{
			side("a", checking, 0, "-30 USD", "ACME|ACH"), side("b", savings, 0, "30 USD", "PAYMENT THANK YOU"),
		}, Past{}, []string{"a>b"}},
		{"a purchase is no transfer", []Side{
			side("a", checking, 0, "-4.75 USD", "STARBUCKS 0042|POS"), side("b", savings, 0, "4.75 USD", "ROUND UP DEPOSIT|TRANSFER"),
		}, Past{}, nil},
		{"two that could have left are proposed once", []Side{bill, with(bill, func(s *Side) { s.RemoteID = "c" }), paid}, Past{}, []string{"a>b"}},
		{
			"two that could have arrived are proposed once",
			[]Side{bill, paid, with(paid, func(s *Side) { s.RemoteID, s.Row.Description = "c", "REFUND" })},
			Past{},
			[]string{"a>b"},
		},
		{"two and two are proposed by two, the closest first", []Side{
			bill, with(bill, func(s *Side) { s.RemoteID, s.Row.Date = "c", day.AddDays(3) }),
			paid, with(paid, func(s *Side) { s.RemoteID, s.Row.Date = "d", day.AddDays(3) }),
		}, Past{}, []string{"a>b", "c>d"}},
		{"what a person touched is proposed", []Side{with(bill, func(s *Side) { s.Touched = true }), paid}, Past{}, []string{"a>b"}},
		{"what the learner is sure of is certain", []Side{with(unclear, func(s *Side) { s.Counter = savings.Name }), arrived}, Past{}, []string{"a>b certain"}},
		{"on the other side too", []Side{unclear, with(arrived, func(s *Side) { s.Counter = checking.Name })}, Past{}, []string{"a>b certain"}},
		{"what the learner thinks is something else is proposed", []Side{with(bill, func(s *Side) { s.Counter = "Fees" }), paid}, Past{}, []string{"a>b"}},
		{"the number of the other account is certain", []Side{
			with(unclear, func(s *Side) { s.Row.Counterparty.Account = "DE02 1203 0000 0000 0815" }), arrived,
		}, Past{}, []string{"a>b certain"}},
		{"its last digits in the text of a payment too", []Side{
			side("a", checking, 0, "-512.30 USD", "ONLINE PMT TO xxxx0815"), arrived,
		}, Past{}, []string{"a>b certain"}},
		{
			"what a person has confirmed is certain the next time",
			[]Side{unclear, arrived},
			Past{Habits: map[ledger.TransferHabit]bool{HabitOf(unclear, arrived): true}},
			[]string{"a>b certain"},
		},
		{
			"what a person has refused is asked the next time",
			[]Side{bill, paid},
			Past{Habits: map[ledger.TransferHabit]bool{HabitOf(bill, paid): false}},
			[]string{"a>b"},
		},
		{"what a person has called two is never paired", []Side{bill, paid}, Past{Apart: map[Ends]bool{{"a", "b"}: true}}, nil},
		{
			"and is no other possibility either",
			[]Side{bill, paid, with(paid, func(s *Side) { s.RemoteID = "c" })},
			Past{Apart: map[Ends]bool{{"a", "c"}: true}},
			[]string{"a>b certain"},
		},
		{"across currencies it is proposed where both say so", []Side{
			side("a", checking, 0, "-100 USD", "TRANSFER TO SAVINGS"), side("b", savings, 1, "92.10 EUR", "TRANSFER FROM CHECKING"),
		}, Past{}, []string{"a>b"}},
		{"and not where one does not", []Side{
			side("a", checking, 0, "-100 USD", "TRANSFER TO SAVINGS"), side("b", savings, 1, "92.10 EUR", "INCOMING|TRANSFER"),
		}, Past{}, nil},
		{"the same number of another currency is another amount", []Side{
			bill, with(paid, func(s *Side) { s.Row.Amount, s.Row.Description = money.MustParse("512.30", "EUR"), "INCOMING" }),
		}, Past{}, nil},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			if diff := cmp.Diff(test.want, verdicts(Pair(test.sides, test.past)), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheReasonSaysItInWords(t *testing.T) {
	out, in := side("a", checking, 0, "-512.30 USD", "CARD PAYMENT  THANK YOU"), side("b", card, 1, "512.30 USD", "CARD PAYMENT THANK YOU")
	certain := Pair([]Side{out, in}, Past{})[0].Reason
	if want := "Transfer: 512.3 USD from Checking to Credit Card, 2026-11-20, 2026-11-21; the bank's texts say so: CARD PAYMENT THANK YOU."; certain != want {
		t.Errorf("%q, want %q", certain, want)
	}
	out.Touched, out.Own.Name, in.Own.Name, in.Row.Date = true, "", "", out.Row.Date
	doubt := Pair([]Side{out, in}, Past{})[0].Reason
	if want := "Perhaps a transfer: 512.3 USD from one own account to another, the same day; but one of them was touched in the book."; doubt != want {
		t.Errorf("%q, want %q", doubt, want)
	}
}

func TestSigns(t *testing.T) {
	tests := map[sign][]string{
		strong: {
			"TRANSFER TO SAVINGS", "Transfer from current", "Online Transfer to SAV ...1", "TO SAVINGS POT", "FROM CURRENT ACCOUNT", "INTERNAL TRANSFER 42",
			"TRANSF PARA POUPANCA", "TRANSF DE CONTA CORRENTE", "TRF PARA CONTA POUPANCA", "TRF DE CONTA A ORDEM", "Transferência entre contas", "PIX MESMA TITULARIDADE",
			"Umbuchung auf Sparkonto", "Übertrag auf Tagesgeld", "TRASPASO A AHORRO", "Transferencia desde mi cuenta",
			"CARD PAYMENT THANK YOU", "CHASE CREDIT CRD AUTOPAY", "PAYMENT RECEIVED - THANK YOU", "CREDIT CARD DIRECT DEBIT", "Credit card settlement",
			"PAGTO FATURA CARTAO", "PAGAMENTO CARTAO CREDITO", "PAGAMENTO RECEBIDO OBRIGADO", "Kreditkartenabrechnung", "Zahlung dankend erhalten",
			"PAGO TARJETA DE CREDITO", "SU PAGO GRACIAS", "ACME||LOAN_PAYMENTS_CREDIT_CARD_PAYMENT",
		},
		weak: {
			"TRANSFER TO J RIVERA", "PIX ENVIADO MARIA SILVA", "Danke für das Essen Lena Schmidt|SEPA-Überweisung", "ACME|ACH", "PAGTO FATURA ENERGIA", "RENT|Standing order",
		},
		nothing: {"ACME CORP", "UMBUCHUNGEN GMBH CO", "THE PAYMENTER", "TO SAVINGSVILLE"},
		against: {"CARD PAYMENT TO TESCO|Card payment", "STARBUCKS|POS", "INTEREST PAYMENT|INTEREST", "RENDIMENTO POUPANCA|Rendimento", "ｶﾌｪ|カード"},
	}
	for want, texts := range tests {
		for _, text := range texts {
			if got := signOf(side("a", checking, 0, "-1 USD", text), Side{Own: Own{Debt: true}}); got != want {
				t.Errorf("%q: sign %d, want %d", text, got, want)
			}
		}
	}
}

func sides() *rapid.Generator[[]Side] {
	one := rapid.Custom(func(t *rapid.T) Side {
		own := rapid.SampledFrom([]Own{checking, savings, card}).Draw(t, "own")
		s := side("", own, rapid.IntRange(0, 12).Draw(t, "day"),
			rapid.SampledFrom([]string{"-1 USD", "1 USD", "-2 USD", "2 USD", "-1 EUR", "1 EUR"}).Draw(t, "amount"),
			rapid.SampledFrom([]string{"TRANSFER TO SAVINGS", "CARD PAYMENT THANK YOU", "ACME|ACH", "ACME|POS", "SHOP"}).Draw(t, "text"))
		s.Touched = rapid.IntRange(0, 5).Draw(t, "touched") == 0
		s.Counter = rapid.SampledFrom([]string{"", "", "", "Savings", "Fees"}).Draw(t, "counter")
		return s
	})
	return rapid.Custom(func(t *rapid.T) []Side {
		all := rapid.SliceOfN(one, 0, 14).Draw(t, "sides")
		for n := range all {
			all[n].RemoteID = fmt.Sprintf("r%02d", n)
		}
		return all
	})
}

func TestLawsOfPairing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := sides().Draw(t, "all")
		pairings := Pair(all, Past{})
		used := make(map[string]bool)
		for _, p := range pairings {
			for _, s := range []Side{p.Out, p.In} {
				if used[s.RemoteID] {
					t.Fatalf("%s is in two pairings: %v", s.RemoteID, verdicts(pairings))
				}
				used[s.RemoteID] = true
			}
			if p.Out.Row.Amount.Sign() >= 0 || p.In.Row.Amount.Sign() <= 0 || p.Out.Account == p.In.Account {
				t.Fatalf("no transfer: %+v", p)
			}
			if !p.Certain {
				continue
			}
			if p.Out.Touched || p.In.Touched || !p.Out.Row.Amount.Neg().Equal(p.In.Row.Amount) {
				t.Fatalf("certain of %+v", p)
			}
			for _, other := range all {
				if other.RemoteID == p.Out.RemoteID || other.RemoteID == p.In.RemoteID {
					continue
				}
				for _, mine := range []Side{p.Out, p.In} {
					alone := Pair([]Side{mine, other}, Past{})
					if len(alone) == 1 && other.Row.Amount.Abs().Equal(mine.Row.Amount.Abs()) {
						t.Fatalf("%s could be %s too, and is certain", mine.RemoteID, other.RemoteID)
					}
				}
			}
		}
		shuffled := rapid.Permutation(all).Draw(t, "shuffled")
		if diff := cmp.Diff(verdicts(pairings), verdicts(Pair(shuffled, Past{}))); diff != "" {
			t.Fatalf("the order matters: %s", diff)
		}
		turned := slices.Clone(all)
		for n := range turned {
			turned[n].Row.Amount = turned[n].Row.Amount.Neg()
		}
		var want, got []string
		for _, p := range pairings {
			want = append(want, fmt.Sprint(p.In.RemoteID, p.Out.RemoteID, p.Certain))
		}
		for _, p := range Pair(turned, Past{}) {
			got = append(got, fmt.Sprint(p.Out.RemoteID, p.In.RemoteID, p.Certain))
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("the direction matters: %s", diff)
		}
	})
}
