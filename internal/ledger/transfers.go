package ledger

import (
	"time"

	"github.com/bank-connections/bkper-bot/internal/store"
)

// TransferState says what became of two entries that may be the ends of one
// transfer between own accounts.
type TransferState string

// The states of a transfer.
const (
	Proposed TransferState = "proposed" // for a person to decide
	Joining  TransferState = "joining"  // is being made one transaction
	Joined   TransferState = "joined"   // is one transaction
	Parting  TransferState = "parting"  // is being made two again
	Apart    TransferState = "apart"    // a person says that they are two: never paired again
)

// Transfer is money that left one own account and arrived at another, in two
// entries, and what was done to make them one transaction of the book. While it
// is Joining or Parting it is an intention: the book may stand anywhere between.
type Transfer struct {
	BookID string        `json:"bookId"`
	Out    string        `json:"out"` // remote id of the entry that the money left by
	In     string        `json:"in"`  // and of the one it arrived by
	State  TransferState `json:"state"`
	// Reason says in words why the two are one, or why that is only proposed.
	Reason string `json:"reason"`
	// Decided says that a person has accepted, rejected or undone it.
	Decided bool `json:"decided,omitempty"`
	// Tried says that it was begun and came to nothing: only a person begins
	// it again.
	Tried bool `json:"tried,omitempty"`
	// Then is what it becomes when the two are parted.
	Then TransferState `json:"then,omitempty"`

	First  TransferEnd `json:"first,omitzero"`  // whose transaction stays
	Second TransferEnd `json:"second,omitzero"` // whose draft goes to the trash
	// Filled says that the first has been seen to move both accounts. Only then
	// is the second trashed.
	Filled bool `json:"filled,omitempty"`

	Habit     TransferHabit `json:"habit"`
	UpdatedAt time.Time     `json:"updatedAt"`
}

// TransferEnd is one end of a transfer as it stood before it was joined.
type TransferEnd struct {
	RemoteID      string   `json:"remoteId"`
	TransactionID string   `json:"transactionId"`
	State         State    `json:"state"`
	Before        *Written `json:"before"`
}

// TransferHabit is what transfers have in common that recur.
type TransferHabit struct {
	From     string `json:"from"` // account id of the book
	To       string `json:"to"`
	OutText  string `json:"outText"` // the bank's texts without numbers and dates
	InText   string `json:"inText"`
	Currency string `json:"currency"`
}

// Key is the id of the record: the transfers of a book lie in the order of the
// days they began.
func (t Transfer) Key() string { return store.Key(t.BookID, t.Out, t.In) }

// AccountLease is the name of the lease under which the transactions of an
// account of a book are worked on.
func AccountLease(bookID, accountID string) string {
	return "account:" + store.Key(bookID, accountID)
}
