package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
)

// TestAnImportIsUndoneAndBroughtBack leaves in the book what a person has
// touched.
func TestAnImportIsUndoneAndBroughtBack(t *testing.T) {
	p := startProgram(t)
	type run struct {
		ID     string `json:"id"`
		Undone int    `json:"undone"`
	}
	var started struct {
		Runs []run `json:"runs"`
	}
	statement := []byte(statementFile)
	p.as("editor", http.MethodPost, "/api/v1/books/demo/statements?name=january.ofx&accountId="+p.accountID("Savings"), statement, http.StatusAccepted, &started)
	p.settle()
	before := p.recorded("Savings")
	if len(before) != 3 || len(started.Runs) != 1 {
		t.Fatalf("%d rows of %d runs", len(before), len(started.Runs))
	}
	for _, touched := range before {
		touched.Description += " by hand"
		if _, err := p.book("owner").UpdateTransaction(t.Context(), "demo", touched); err != nil {
			t.Fatal(err)
		}
		break
	}
	p.settle()
	path := "/books/demo/runs/" + started.Runs[0].ID
	var now struct {
		Run      run `json:"run"`
		Undoable int `json:"undoable"`
	}
	if p.get(path, &now); now.Undoable != 2 || now.Run.Undone != 0 {
		t.Errorf("before: %+v", now)
	}
	p.post(path+"/undo", nil, http.StatusAccepted, nil)
	p.settle()
	if p.get(path, &now); now.Undoable != 0 || now.Run.Undone != 2 {
		t.Errorf("undone: %+v", now)
	}
	if left := p.recorded("Savings"); len(left) != 1 {
		t.Errorf("%d rows are left, of which one was touched", len(left))
	}
	p.as("editor", http.MethodPost, "/api/v1/books/demo/statements?name=january.ofx&accountId="+p.accountID("Savings"), statement, http.StatusAccepted, nil)
	p.settle()
	if left := p.recorded("Savings"); len(left) != 1 {
		t.Errorf("the file again has brought back what was undone: %d rows", len(left))
	}
	p.post(path+"/redo", nil, http.StatusAccepted, nil)
	p.settle()
	if p.get(path, &now); now.Run.Undone != 0 || now.Undoable != 2 || len(p.recorded("Savings")) != 3 {
		t.Errorf("brought back: %+v, %d rows", now, len(p.recorded("Savings")))
	}
}

// TestABillIsTakenApartAgain undoes what was joined, over the API.
func TestABillIsTakenApartAgain(t *testing.T) {
	p := startProgram(t)
	since := bank.DateOf(p.now()).AddDays(-100)
	connection := p.link("us_newyork")
	p.integrate(connection, p.accountOf(connection, bank.Checking).Key, "Checking", since)
	p.integrate(connection, p.accountOf(connection, bank.CreditCard).Key, "Credit Card", since)
	p.settle()
	type pairs struct {
		Joined []struct {
			ID  string `json:"id"`
			Out struct {
				TransactionID string `json:"transactionId"`
				RemoteID      string `json:"remoteId"`
			} `json:"out"`
			In struct {
				RemoteID string `json:"remoteId"`
			} `json:"in"`
		} `json:"joined"`
	}
	var all, after pairs
	p.get("/books/demo/transfers", &all)
	if len(all.Joined) == 0 {
		t.Fatal("nothing was joined")
	}
	bill := all.Joined[0]
	p.post("/books/demo/transfers/"+bill.ID+"/undo", nil, http.StatusOK, &after)
	p.settle()
	if len(after.Joined) != len(all.Joined)-1 {
		t.Errorf("%d joined of %d", len(after.Joined), len(all.Joined))
	}
	ends := map[string]bkper.Transaction{"out": p.recorded("Checking")[bill.Out.RemoteID], "in": p.recorded("Credit Card")[bill.In.RemoteID]}
	if ends["out"].ID == "" || ends["in"].ID == "" || ends["out"].ID == ends["in"].ID {
		t.Errorf("the two ends: %+v", ends)
	}
	var report struct {
		Balances []struct {
			State    string `json:"state"`
			Sentence string `json:"sentence"`
		} `json:"balances"`
	}
	if text := p.get("/books/demo/reconciliation", &report); len(report.Balances) != 2 || !strings.Contains(text, `"sentence"`) {
		t.Errorf("reconciliation: %s", text)
	}
	for _, b := range report.Balances {
		if b.State == "differs" {
			t.Errorf("the balance differs though the bank has told all: %s", b.Sentence)
		}
	}
}
