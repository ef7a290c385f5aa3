package bank_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

func whole() bank.Transaction {
	return bank.Transaction{
		ID:           "t1",
		PendingID:    "p1",
		Status:       bank.Booked,
		Date:         bank.NewDate(2026, 11, 22),
		ValueDate:    bank.NewDate(2026, 11, 23),
		MadeOn:       bank.NewDate(2026, 11, 20),
		Amount:       money.MustParse("-12.50", "BRL"),
		Description:  "PADARIA 2/12",
		Counterparty: bank.Party{Name: "Padaria", Account: "123"},
		Category:     "food",
		Kind:         "PIX",
		Instalment:   bank.Instalment{Number: 2, Of: 12},
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		claim  string
		change func(*bank.Transaction)
		want   []string // parts of the error; none: valid
	}{
		{"a whole transaction is valid", func(*bank.Transaction) {}, nil},
		{"a pending one is valid", func(t *bank.Transaction) { t.Status = bank.Pending }, nil},
		{"an amount of 0 is valid", func(t *bank.Transaction) { t.Amount = money.MustParse("0", "BRL") }, nil},
		{"no id is valid", func(t *bank.Transaction) { t.ID = "" }, nil},
		{"no text is valid", func(t *bank.Transaction) { t.Description = "" }, nil},
		{"no date is a problem", func(t *bank.Transaction) { t.Date = bank.Date{} }, []string{"no date"}},
		{"no currency is a problem", func(t *bank.Transaction) { t.Amount = money.Amount{} }, []string{"currency"}},
		{"an unknown status is a problem", func(t *bank.Transaction) { t.Status = "maybe" }, []string{`"maybe"`}},
		{"every problem is told", func(t *bank.Transaction) { *t = bank.Transaction{} }, []string{"no date", "currency", "status"}},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			transaction := whole()
			test.change(&transaction)
			err := transaction.Validate()
			if (err == nil) != (test.want == nil) {
				t.Fatalf("Validate: %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestTransactionsRoundTripThroughJSON(t *testing.T) {
	for name, in := range map[string]bank.Transaction{
		"whole": whole(),
		"least": {Status: bank.Booked, Date: bank.NewDate(2026, 11, 22), Amount: money.MustParse("0", "JPY")},
		"none":  {},
	} {
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var out bank.Transaction
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("%s: reading back %s: %v", name, text, err)
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Errorf("%s reads back differently (-in +out):\n%s", name, diff)
		}
	}
}
