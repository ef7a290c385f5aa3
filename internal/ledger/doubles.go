package ledger

import (
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// DoubleState says how a double stands.
type DoubleState string

// The states of a double.
const (
	MayBeOne DoubleState = "proposed" // for a person to decide
	IsOne    DoubleState = "one"      // one movement: one of the two was taken out of the book
	AreTwo   DoubleState = "two"      // a person says that they are two: never proposed again
)

// Double is a row that was recorded as new and may be a movement that was known
// by then: the app is not certain, so a person decides.
type Double struct {
	BookID    string `json:"bookId"`
	AccountID string `json:"accountId"` // of the book
	New       string `json:"new"`       // remote id of the entry that came later
	// Known is the remote id of the entry that was there before, or Standing
	// the transaction of the book that the app did not record.
	Known    string `json:"known,omitempty"`
	Standing string `json:"standing,omitempty"`
	// StandingDay and StandingText are of that transaction, in the words of
	// matching.
	StandingDay  bank.Date   `json:"standingDay,omitzero"`
	StandingText string      `json:"standingText,omitempty"`
	State        DoubleState `json:"state"`
	// Asked says what a person has decided and is being done, "" for nothing.
	Asked DoubleState `json:"asked,omitempty"`
	// Reason says in words why the two may be one.
	Reason string `json:"reason"`
	// Hurdle says in words why a decision could not be carried out.
	Hurdle string `json:"hurdle,omitempty"`
	// Gone is the remote id of the entry whose draft was taken out of the book,
	// and Draft that draft.
	Gone      string    `json:"gone,omitempty"`
	Draft     string    `json:"draft,omitempty"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// Key is the id of the record: the doubles of a book lie in the order of the
// days of what came later.
func (d Double) Key() string { return store.Key(d.BookID, d.New, d.Known+d.Standing) }

// DoublePair is a double with what it is about.
type DoublePair struct {
	Double
	NewRow   bank.Transaction
	KnownRow bank.Transaction // of a standing transaction: day, amount and text
	// The transactions of the book.
	NewTransaction, KnownTransaction string
}
