package ledger

import (
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// DayBalance is what the bank said last of an account's balance on a day.
type DayBalance struct {
	bank.Balance
	// Seen is when it was told. Runs that started later brought what came after.
	Seen time.Time `json:"seen"`
}

// PutBalance keeps the balance that an update has told, once the runs of that
// update have started. It only writes.
func (c Collections) PutBalance(tx store.Tx, integration string, b bank.Balance, seen time.Time) error {
	return c.Balances.Put(tx, store.Key(integration, b.Date.String()), DayBalance{Balance: b, Seen: seen})
}

// Opening is the balance from which the check of an integration counts: what
// the account held before the first transaction of a day.
type Opening struct {
	From   bank.Date    `json:"from"`
	Amount money.Amount `json:"amount"`
	// Day and Seen are of the bank's balance from which it was worked out, or
	// with which it agreed last.
	Day  bank.Date `json:"day"`
	Seen time.Time `json:"seen"`
}

// Reconciliation is what the last comparison of ledger and book came to.
type Reconciliation struct {
	BookID       string    `json:"bookId"`
	At           time.Time `json:"at"`
	From         bank.Date `json:"from"`         // the first day compared
	Entries      int       `json:"entries"`      // of the ledger, compared
	Transactions int       `json:"transactions"` // of the book, looked through
	// Findings are the first of those that Counts counts.
	Findings []Finding           `json:"findings,omitempty"`
	Counts   map[FindingKind]int `json:"counts,omitempty"`
	Healed   int                 `json:"healed,omitempty"`
	// Problem says why the book could not be read.
	Problem *Problem `json:"problem,omitempty"`
}

// FindingKind says in which way ledger and book differ.
type FindingKind string

// The kinds of finding.
const (
	FoundTrashed   FindingKind = "trashed"   // trashed in the book
	FoundLive      FindingKind = "live"      // in the book, against what the ledger said
	FoundChanged   FindingKind = "changed"   // a person's change that was not heard of
	FoundMerged    FindingKind = "merged"    // stands as another transaction now
	FoundEdited    FindingKind = "edited"    // says another date or amount than the bank
	FoundElsewhere FindingKind = "elsewhere" // does not move the account of the bank
	FoundFlagged   FindingKind = "flagged"   // the bank changed it after a person had touched it
	FoundTwice     FindingKind = "twice"     // several transactions of one remote id
	FoundGone      FindingKind = "gone"      // recorded, and not in the book
	FoundUnknown   FindingKind = "unknown"   // in the book under a remote id of ours that the ledger lacked
	FoundClaimed   FindingKind = "claimed"   // about to be recorded for long
	FoundParked    FindingKind = "parked"    // refused by the book
)

// Finding is one difference between ledger and book, for a bookkeeper.
type Finding struct {
	Kind          FindingKind  `json:"kind"`
	Date          bank.Date    `json:"date"`
	Amount        money.Amount `json:"amount"`
	Text          string       `json:"text"`
	RemoteID      string       `json:"remoteId"`
	TransactionID string       `json:"transactionId,omitempty"` // of the book
	Sentence      string       `json:"sentence"`
	Healed        bool         `json:"healed,omitempty"` // the ledger says now what the book says
}
