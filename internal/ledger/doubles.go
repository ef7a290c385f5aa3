package ledger

import (
	"bytes"
	"slices"
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
	// or is about to be while this is a proposal, and Draft that draft.
	Gone  string `json:"gone,omitempty"`
	Draft string `json:"draft,omitempty"`
	// Written is what the app had written into the draft, where the entry
	// stands for what a person has typed in.
	Written   *Written  `json:"written,omitempty"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// Key is the id of the record: the doubles of a book lie in the order of the
// days of what came later.
func (d Double) Key() string { return store.Key(d.BookID, d.New, d.Known+d.Standing) }

// Stays is what stands in the book for both: the remote id of an entry, or the
// transaction that the app did not record. It means something once one is gone.
func (d Double) Stays() string {
	if d.Gone == d.Known {
		return d.New
	}
	return d.Known + d.Standing
}

// Two returns the double as two movements, of which none was taken out.
func (d Double) Two() Double {
	d.State, d.Asked, d.Hurdle, d.Gone, d.Draft, d.Written = AreTwo, "", "", "", "", nil
	return d
}

// DoublesOf returns the doubles of a book that are one movement and of which an
// entry is one of the two.
func (c Collections) DoublesOf(tx store.Tx, bookID, remoteID string) ([]Double, error) {
	var all []Double
	about := func(_ string, doc []byte) bool { return bytes.Contains(doc, []byte(remoteID)) }
	err := c.Doubles.ScanIf(tx, store.Below(bookID), about, func(_ string, d Double) (bool, error) {
		if d.State == IsOne && (d.New == remoteID || d.Known == remoteID) {
			all = append(all, d)
		}
		return true, nil
	})
	return all, err
}

// Restored returns what notes that a person has restored in the book an entry
// that was taken out as another movement: the two are two. It reads; what it
// returns only writes.
func (c Collections) Restored(tx store.Tx, e Entry, now time.Time) (note func() error, err error) {
	doubles, err := c.DoublesOf(tx, e.BookID, e.RemoteID)
	if err != nil {
		return nil, err
	}
	doubles = slices.DeleteFunc(doubles, func(d Double) bool { return d.Gone != e.RemoteID })
	var claims []string
	for n, d := range doubles {
		doubles[n] = d.Two()
		doubles[n].UpdatedAt = now
		ref, _, err := c.Matched.Find(tx, store.Key(d.BookID, d.Standing))
		if err != nil {
			return nil, err
		}
		if ref.RemoteID == e.RemoteID {
			claims = append(claims, store.Key(d.BookID, d.Standing))
		}
	}
	return func() error {
		for _, d := range doubles {
			if err := c.Doubles.Put(tx, d.Key(), d); err != nil {
				return err
			}
		}
		for _, key := range claims {
			if err := c.Matched.Delete(tx, key); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// DoublePair is a double with what it is about.
type DoublePair struct {
	Double
	NewRow   bank.Transaction
	KnownRow bank.Transaction // of a standing transaction: day, amount and text
	// The transactions of the book.
	NewTransaction, KnownTransaction string
}
