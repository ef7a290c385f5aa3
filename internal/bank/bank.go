// Package bank holds what banks tell, as plain values: institutions, accounts,
// transactions, balances and calendar dates.
package bank

import (
	"errors"
	"fmt"

	"github.com/bank-connections/bkper-bot/internal/money"
)

// Institution is a bank or card issuer that a connector can reach.
type Institution struct {
	ID        string   `json:"id"`        // unique within its connector
	Name      string   `json:"name"`      // as its customers know it
	Countries []string `json:"countries"` // ISO 3166-1 alpha-2, in capitals
	Website   string   `json:"website,omitempty"`
	Logo      string   `json:"logo,omitempty"` // https or data URL
	// HistoryDays is how many days back the bank tells; 0 if that is unknown.
	HistoryDays int `json:"historyDays,omitempty"`
}

// AccountKind says what an account is to its holder.
type AccountKind string

// The kinds of account. A CreditCard and a Loan are debts: their balance is
// negative while something is owed.
const (
	Checking   AccountKind = "checking"
	Savings    AccountKind = "savings"
	CreditCard AccountKind = "credit_card"
	Loan       AccountKind = "loan"
	OtherKind  AccountKind = "other"
)

// Account is one account or card of a connection.
type Account struct {
	// Key is stable: it names the same account after the person has linked
	// the bank anew, when every id of the provider has changed.
	Key      string         `json:"key"`
	ID       string         `json:"id"`             // the provider's id, good for this connection only
	Name     string         `json:"name"`           // as the bank calls it
	Mask     string         `json:"mask,omitempty"` // its last digits
	Kind     AccountKind    `json:"kind"`
	Currency money.Currency `json:"currency"`
}

// Balance is what the bank says an account held at the end of a day, or now.
type Balance struct {
	Booked money.Amount `json:"booked"` // of booked transactions only
	Date   Date         `json:"date"`
}

// Status says whether a transaction is final.
type Status string

// The statuses. A pending transaction may still change its amount, its text
// and its id, or never be booked.
const (
	Booked  Status = "booked"
	Pending Status = "pending"
)

// Transaction is one movement of an account as the bank reported it.
type Transaction struct {
	// ID is the provider's id, unique at best within the account, and empty
	// where the bank gives none.
	ID string `json:"id,omitempty"`
	// PendingID is the provider's own link: the id of the pending
	// transaction that this one books.
	PendingID string `json:"pendingId,omitempty"`
	Status    Status `json:"status"`
	// Date is the booking date; of a pending transaction, when it occurred.
	Date Date `json:"date"`
	// ValueDate and MadeOn are the other dates some banks give: when interest
	// counts from, and when the person paid. Zero if not given.
	ValueDate Date `json:"valueDate,omitzero"`
	MadeOn    Date `json:"madeOn,omitzero"`
	// Amount is signed from the holder's view of the account: negative leaves
	// it, positive arrives, for cards alike.
	Amount money.Amount `json:"amount"`
	// Description is the bank's text, unchanged.
	Description  string     `json:"description"`
	Counterparty Party      `json:"counterparty,omitzero"`
	Category     string     `json:"category,omitempty"` // the bank's own
	Kind         string     `json:"kind,omitempty"`     // what the bank calls this way of paying: PIX, SEPA direct debit
	Instalment   Instalment `json:"instalment,omitzero"`
}

// Party is the other end of a movement, as far as the bank tells it.
type Party struct {
	Name    string `json:"name,omitempty"`
	Account string `json:"account,omitempty"` // IBAN or number
}

// Instalment is the place of a transaction in a series: 2 of 12.
type Instalment struct {
	Number int `json:"number"`
	Of     int `json:"of"`
}

// Validate reports what a transaction lacks to be one: a date, an amount with a
// known currency, a status. Banks do report amounts of 0, so that is none of
// its business, nor is a missing id or description.
func (t Transaction) Validate() error {
	var problems []error
	if t.Date.IsZero() {
		problems = append(problems, errors.New("it has no date"))
	}
	if !t.Amount.Currency().Known() {
		problems = append(problems, errors.New("its amount has no known currency"))
	}
	if t.Status != Booked && t.Status != Pending {
		problems = append(problems, fmt.Errorf("its status is %q", t.Status))
	}
	return errors.Join(problems...)
}
