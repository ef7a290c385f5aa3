package panel_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/transfer"
)

// draft records an open draft into Checking, as the feed does, and returns its
// transaction's id.
func (b *bench) draft(day int, cents int64, text string) string {
	b.t.Helper()
	own := b.accountID("Checking")
	row := bank.Transaction{Date: bank.NewDate(2026, 11, day), Amount: money.New(money.DecimalFromUnits(cents, 2), "USD"), Description: text, Status: bank.Booked}
	e := ledger.Entry{
		RemoteID: ledger.RemoteID(own, row.Date, row.Amount, 1), BookID: "demo", AccountID: own, State: ledger.Recorded, Row: row,
	}
	client := b.books.As(bkper.StaticToken(seal.NewSecret("owner")))
	made, err := client.CreateTransactions(b.t.Context(), "demo", []bkper.Transaction{{
		Date: row.Date, Amount: bkper.AmountOf(row.Amount.Number()), Description: text, Draft: true, CreditAccount: &bkper.Account{ID: own},
		RemoteIDs: []string{e.RemoteID}, Properties: map[string]string{complete.BankTextProperty: text},
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	t := made[e.RemoteID]
	e.TransactionID, e.Written = t.ID, ledger.WrittenOf(t, "")
	if err := b.engine.Update(b.t.Context(), func(tx store.Tx) error { return b.records.PutEntry(tx, e) }); err != nil {
		b.t.Fatal(err)
	}
	return t.ID
}

func (b *bench) transaction(id string) bkper.Transaction {
	b.t.Helper()
	t, err := b.books.As(bkper.StaticToken(seal.NewSecret("owner"))).Transaction(b.t.Context(), "demo", id)
	if err != nil {
		b.t.Fatal(err)
	}
	return t
}

// teach gives so many lessons of a text.
func (b *bench) teach(text, account string, n int) {
	b.t.Helper()
	var all []ledger.Lesson
	for i := range n {
		all = append(all, ledger.Lesson{
			ID: fmt.Sprintf("%s%d:from", text, i), BankAccount: b.accountID("Checking"), Account: b.accountID(account),
			Date: bank.NewDate(2026, 10, 1+i), Amount: "-4.5", Text: text,
		})
	}
	if _, err := b.completer.Teach(b.t.Context(), "demo", all, nil); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) ruleNames(token string) string {
	b.t.Helper()
	var names []string
	for _, r := range b.call(token, "GET", "/books/demo/rules", nil, http.StatusOK)["rules"].([]any) {
		names = append(names, r.(object)["name"].(string))
	}
	return strings.Join(names, " ")
}

const ofRules = "/books/demo/rules"

func TestRulesOverTheAPI(t *testing.T) {
	b := newBench(t)
	rent := b.accountID("Rent")
	id := b.draft(3, -90000, "OAKWOOD PROPERTIES")
	b.draft(4, -1200, "QWXZ "+nasty)
	if none := b.call("editor", "GET", ofRules, nil, http.StatusOK); len(none["rules"].([]any)) != 0 || none["looked"] != 2.0 || none["most"] != 100.0 {
		t.Errorf("before the first: %v", none)
	}
	fields := object{
		"name": "Rent", "enabled": true, "contains": "oakwood", "min": "500", "max": "1000.50", "direction": "out",
		"bankAccountId": b.accountID("Checking"), "accountId": rent, "description": "Rent of the flat", "tags": []string{"#home"},
		"properties": object{"Cost Center": "7"},
	}
	trial := b.call("owner", "POST", ofRules+"/try", fields, http.StatusOK)
	if trial["count"] != 1.0 || trial["looked"] != 2.0 || trial["matches"].([]any)[0].(object)["transactionId"] != id ||
		trial["words"] != `the text contains "oakwood", the amount is from 500 to 1000.5, money out, on Checking` {
		t.Errorf("tried: %v", trial)
	}
	if now := b.transaction(id); now.DebitAccount != nil || b.ruleNames("owner") != "" {
		t.Error("trying has changed something")
	}
	made := b.call("owner", "POST", ofRules, fields, http.StatusCreated)
	if made["revision"] != 1.0 || made["count"] != 1.0 || made["min"] != "500" || made["properties"].(object)["cost_center"] != "7" {
		t.Errorf("created: %v", made)
	}
	if match := made["latest"].([]any)[0].(object); match["completed"] != true || match["amount"] != "-900.00" {
		t.Errorf("matched: %v", match)
	}
	now := b.transaction(id)
	if now.DebitAccount == nil || now.DebitAccount.ID != rent || now.Description != "Rent of the flat" || len(now.Tags) != 1 || !now.Draft || now.Posted {
		t.Errorf("the open draft became %+v", now)
	}
	path := ofRules + "/" + made["id"].(string)
	changed := object{"name": "Flat", "enabled": false, "contains": "oakwood", "accountId": rent, "revision": 1}
	if after := b.call("editor", "PUT", path, changed, http.StatusOK); after["revision"] != 2.0 || after["count"] != 0.0 || after["description"] != nil {
		t.Errorf("changed: %v", after)
	}
	if conflict := b.call("owner", "PUT", path, changed, http.StatusConflict); code(conflict) != "conflict" || !strings.Contains(message(conflict), "make your change again") {
		t.Errorf("a second editor: %v", conflict)
	}
	b.call("owner", "DELETE", path+"?revision=1", nil, http.StatusConflict)
	b.call("owner", "DELETE", path, nil, http.StatusBadRequest)
	if left := b.call("owner", "DELETE", path+"?revision=2", nil, http.StatusOK); len(left["rules"].([]any)) != 0 {
		t.Errorf("deleted: %v", left)
	}
	b.call("owner", "DELETE", path+"?revision=2", nil, http.StatusNotFound)
	b.call("owner", "PUT", path, changed, http.StatusNotFound)
	if now := b.transaction(id); now.DebitAccount.ID != rent {
		t.Error("what the rule has completed went with it")
	}
}

func TestRulesOfTheAPIAreInOrder(t *testing.T) {
	b := newBench(t)
	var ids []string
	for _, name := range []string{"one", "two", "three"} {
		made := b.call("owner", "POST", ofRules, object{"name": name, "enabled": true, "contains": name, "accountId": b.accountID("Rent")}, http.StatusCreated)
		ids = append(ids, made["id"].(string))
	}
	order := b.call("owner", "GET", ofRules, nil, http.StatusOK)["order"]
	moved := object{"ids": []string{ids[2], ids[0], ids[1]}, "order": order}
	b.call("editor", "POST", ofRules+"/order", moved, http.StatusOK)
	if got := b.ruleNames("owner"); got != "three one two" {
		t.Error(got)
	}
	if conflict := b.call("owner", "POST", ofRules+"/order", moved, http.StatusConflict); !strings.Contains(message(conflict), "move the rule again") {
		t.Errorf("%v", conflict)
	}
	b.call("owner", "POST", ofRules+"/order", object{"ids": ids[:2], "order": order.(float64) + 1}, http.StatusBadRequest)
}

func TestWhatTheAPIRefusesOfRules(t *testing.T) {
	b := newBench(t)
	rent := b.accountID("Rent")
	for claim, test := range map[string]struct {
		body object
		want string
	}{
		"no condition":     {object{"name": "x", "enabled": true, "accountId": rent}, "which transactions"},
		"no outcome":       {object{"name": "x", "enabled": true, "contains": "x"}, "what the rule does"},
		"a broken pattern": {object{"name": "x", "enabled": true, "matches": "(", "accountId": rent}, "not a pattern"},
		"no number":        {object{"name": "x", "enabled": true, "min": "1,5", "accountId": rent}, "smallest amount must be a number"},
		"no other number":  {object{"name": "x", "enabled": true, "max": "lots", "accountId": rent}, "largest amount must be a number"},
		"a strange field":  {object{"name": "x", "enabled": true, "priority": 1}, "no field"},
	} {
		for _, path := range []string{ofRules, ofRules + "/try"} {
			if refused := b.call("owner", "POST", path, test.body, http.StatusBadRequest); !strings.Contains(message(refused), test.want) {
				t.Errorf("%s: %v", claim, refused)
			}
		}
	}
	b.call("owner", "POST", ofRules+"/try", object{"name": "x", "enabled": true, "contains": "x", "accountId": rent, "id": "none"}, http.StatusNotFound)
	kept := object{"name": "x", "enabled": true, "contains": "x", "accountId": rent}
	b.call("owner", "POST", ofRules, kept, http.StatusCreated)
	b.call("owner", "POST", ofRules, kept, http.StatusConflict)
	if got := b.ruleNames("owner"); got != "x" {
		t.Error(got)
	}
}

func TestARuleOfAnAccountThatIsGoneSaysSo(t *testing.T) {
	b := newBench(t)
	made := b.call("owner", "POST", ofRules, object{"name": "x", "enabled": true, "contains": "x", "accountId": "none"}, http.StatusCreated)
	if problem, _ := made["problem"].(string); !strings.Contains(problem, "no longer in the book") {
		t.Errorf("%v", made)
	}
}

func TestProposedRulesOverTheAPI(t *testing.T) {
	b := newBench(t)
	b.teach("POS STARBUCKS 0312", "Restaurants", 12)
	b.teach("OAKWOOD PROPERTIES", "Rent", 6)
	proposals := b.call("owner", "GET", ofRules, nil, http.StatusOK)["proposals"].([]any)
	first, second := proposals[0].(object), proposals[1].(object)
	if len(proposals) != 2 || first["sentence"] != "12 of 12 STARBUCKS went to Restaurants." {
		t.Fatalf("%v", proposals)
	}
	b.call("owner", "POST", ofRules, first["rule"], http.StatusCreated)
	after := b.call("editor", "POST", ofRules+"/proposals/"+second["id"].(string)+"/decline", nil, http.StatusOK)
	if len(after["proposals"].([]any)) != 0 || len(after["rules"].([]any)) != 1 {
		t.Errorf("%v", after)
	}
}

// A change of the rules is kept even if the open drafts cannot follow now.
func TestRulesAreKeptWhenDraftsCannotFollow(t *testing.T) {
	b := newBench(t)
	b.feed.unwilling = errors.New("the queue is away")
	b.call("owner", "POST", ofRules, object{"name": "x", "enabled": true, "contains": "x", "accountId": b.accountID("Rent")}, http.StatusCreated)
	if got := b.ruleNames("owner"); got != "x" {
		t.Error(got)
	}
}

func TestRulesInABrowser(t *testing.T) {
	tab := newBrowser(t)
	b := newBench(t)
	server := httptest.NewServer(b.handler)
	defer server.Close()
	b.park() // two badges leave less room for the tabs
	b.upkeep.proposals = []transfer.View{aTransfer("one", "The amounts fit.")}
	oak := b.draft(3, -90000, "OAKWOOD PROPERTIES "+nasty)
	b.draft(4, -1200, "QWXZ")
	b.teach("POS STARBUCKS 0312", "Restaurants", 12)
	b.teach("SHELL OIL", "Transport", 6)

	tab.open(server.URL + "/panel?bookId=demo")
	tab.click("#tab-rules")
	tab.says("#no-rules", "There are no rules yet.")
	tab.do("narrow", chromedp.EmulateViewport(360, 800))
	tab.until("document.querySelector('.tabs').scrollWidth <= document.querySelector('.tabs').clientWidth")
	tab.says("#rule-proposals", "12 of 12 STARBUCKS went to Restaurants")
	tab.allWell("proposals")
	tab.click("#rule-proposals [data-act=accept]")
	tab.says("#said", "STARBUCKS is a rule now.")
	tab.click("#rule-proposals [data-act=decline]")
	tab.says("#said", "not proposed again")
	tab.until("document.querySelector('#rule-proposals').children.length === 0")

	tab.click("#add-rule")
	tab.says("#rule-title", "Add a rule")
	tab.click("#rule-form .primary")
	tab.until("document.querySelector('#rule-name').matches(':invalid')")
	tab.typeIn("#rule-name", "Flat")
	tab.click("#rule-form .primary")
	tab.says("#rule-trouble", "Say which transactions the rule is about")
	tab.typeIn("#rule-text", "oakwood")
	tab.pick("#rule-direction", "Money out")
	tab.pick("#rule-account", "Rent")
	tab.says("#rule-trial", "1 of 2 open drafts") // by itself
	tab.says("#rule-trial .line", "OAKWOOD PROPERTIES "+nasty)
	tab.allWell("trying")
	tab.click("#rule-more summary")
	tab.typeIn("#rule-description", "Rent of the flat")
	tab.typeIn("#rule-tags", "#home")
	tab.click("#add-property")
	tab.typeIn("#property-key-0", "cost center")
	tab.typeIn("#property-value-0", "7")
	tab.allWell("more")
	tab.click("#rule-form .primary")
	tab.says("#said", "Saved")
	tab.says("#rules-list .card", "1 matched")
	if now := b.transaction(oak); now.Description != "Rent of the flat" || now.Properties["cost_center"] != "7" {
		t.Errorf("the draft became %+v", now)
	}
	tab.click("#rules-list .card:nth-child(2) summary")
	tab.says("#rules-list .line", "OAKWOOD PROPERTIES "+nasty)
	tab.allWell("rules")

	// The order is changed by keyboard, and the focus goes with the rule.
	tab.until("(document.querySelector('#rules-list .card:nth-child(2) [data-act=up]').focus(), true)")
	tab.do("press", chromedp.KeyEvent("\r"))
	tab.until("document.querySelector('#rules-list .card:nth-child(1) h3').textContent.includes('Flat')")
	tab.until("document.querySelector('#rules-list .card:nth-child(1)').contains(document.activeElement)")
	tab.until("document.querySelector('#rules-list .card:nth-child(1) [data-act=up]').disabled")
	if got := b.ruleNames("owner"); got != "Flat STARBUCKS" {
		t.Error(got)
	}

	tab.click("#rules-list .card:nth-child(1) [data-act=switch]")
	tab.says("#rules-list .card:nth-child(1) .chip", "Off")

	// Somebody else is faster: what was typed is not lost.
	tab.click("#rules-list .card:nth-child(1) [data-act=edit]")
	tab.until("document.querySelector('#rule-tags').value === '#home'")
	all := b.call("editor", "GET", ofRules, nil, http.StatusOK)["rules"].([]any)
	theirs := all[0].(object)
	b.call("editor", "PUT", ofRules+"/"+theirs["id"].(string), object{
		"name": "Theirs", "enabled": true, "contains": "oakwood", "accountId": b.accountID("Rent"), "revision": theirs["revision"],
	}, http.StatusOK)
	tab.until("(document.querySelector('#rule-name').value = '', true)")
	tab.typeIn("#rule-name", "Mine")
	tab.click("#rule-form .primary")
	tab.says("#rule-trouble", "was changed meanwhile")
	tab.until("document.querySelector('#rule-name').value === 'Mine'")
	tab.allWell("a conflict")
	tab.click("#rule-form .close-rule")
	tab.says("#rules-list .card:nth-child(1)", "Theirs")

	tab.click("#rules-list .card:nth-child(1) [data-act=delete]")
	tab.says("#confirm", "Delete the rule Theirs?")
	tab.click("#confirm button[value=yes]")
	tab.says("#said", "The rule is deleted.")
	tab.until("document.querySelectorAll('#rules-list .card').length === 1")
	tab.allWell("deleted")
}
