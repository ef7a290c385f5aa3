package main

import (
	"net/http"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

func TestARuleDecidesWhatComes(t *testing.T) {
	p := startProgram(t)
	p.post("/books/demo/rules", map[string]any{
		"name": "Coffee", "enabled": true, "contains": "starbucks", "accountId": p.accountID("Gifts"),
		"description": "A coffee", "tags": []string{"coffee"}, "properties": map[string]string{"who": "me"},
	}, http.StatusCreated, nil)
	p.post("/books/demo/rules", map[string]any{
		"name": "Small", "enabled": true, "max": "20", "direction": "out", "accountId": p.accountID("Donations"),
	}, http.StatusCreated, nil)
	connection := p.link("us_newyork")
	card := p.accountOf(connection, bank.CreditCard)
	p.integrate(connection, card.Key, "Credit Card", bank.DateOf(p.now().UTC()).AddDays(-90))
	p.settle()
	coffees, small := 0, 0
	for _, now := range p.recorded("Credit Card") {
		account := ""
		if now.DebitAccount != nil {
			account = now.DebitAccount.ID
		}
		switch {
		case now.Description == "A coffee":
			coffees++
			if account != p.accountID("Gifts") || len(now.Tags) != 1 || now.Properties["who"] != "me" || !now.Draft || now.Posted {
				t.Errorf("a coffee became %+v", now)
			}
		case account == p.accountID("Donations"):
			small++
			if now.Properties["completed_because"] != `your rule "Small": the amount is at most 20, money out` {
				t.Errorf("the reason is %q", now.Properties["completed_because"])
			}
		}
	}
	if coffees == 0 || small == 0 {
		t.Errorf("%d coffees, %d small amounts", coffees, small)
	}
}
