package ledger

import (
	"bytes"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// PutEntry writes an entry and brings what it waits for in line with its
// state. All entries are written through here. It only writes.
func (c Collections) PutEntry(tx store.Tx, e Entry) error {
	if err := c.Entries.Put(tx, e.Key(), e); err != nil {
		return err
	}
	ref := Ref{RemoteID: e.RemoteID}
	if e.State == Matched && e.TransactionID != "" {
		if err := c.Matched.Put(tx, store.Key(e.BookID, e.TransactionID), ref); err != nil {
			return err
		}
	}
	if key, moved := e.movedKey(); moved {
		if err := c.Moved.Put(tx, key, ref); err != nil {
			return err
		}
	}
	for kind, waits := range map[Work]bool{
		ToConfirm:  e.State == Claimed,
		ToUnpark:   e.State == Parked,
		OpenDraft:  e.State == Recorded && !e.Touched && e.Pair == "" && e.Written != nil && e.Written.IsOpen(),
		FlaggedRow: e.Flag != "",
	} {
		key := WorkKey(e.BookID, kind, e.RemoteID)
		var err error
		if waits {
			err = c.Work.Put(tx, key, ref)
		} else {
			err = c.Work.Delete(tx, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// movedKey is where the entry is found by the day that the bank gives it now,
// if that is another than the day of its remote id.
func (e Entry) movedKey() (string, bool) {
	key := store.Key(e.BookID, e.Row.Date.String(), e.RemoteID)
	return key, key != e.Key()
}

// EntriesOfDays calls each for the entries of a book from one day to another,
// both included: by the day of the remote id or by the day that the bank gives
// now. It may call it twice for one.
func (c Collections) EntriesOfDays(tx store.Tx, bookID string, from, to bank.Date, each func(Entry)) error {
	return c.entriesOfDays(tx, bookID, from, to, func(string, []byte) bool { return true }, each)
}

// EntriesOfAmounts is EntriesOfDays for entries whose row has one of some
// amounts, as Amount.String writes them. Others may be among them. Of all
// entries whose remote ids are of these days, those ids go to id.
func (c Collections) EntriesOfAmounts(
	tx store.Tx, bookID string, from, to bank.Date, amounts map[string]bool, id func(remoteID string), each func(Entry),
) error {
	want := func(key string, doc []byte) bool {
		parts := store.Parts(key)
		id(parts[len(parts)-1])
		amount, ok := peekAmount(doc)
		return !ok || amounts[string(amount)]
	}
	return c.entriesOfDays(tx, bookID, from, to, want, each)
}

// peekAmount finds the amount of the row in an encoded entry. To read all of a
// day's entries takes much longer than to tell which of them matter.
func peekAmount(doc []byte) ([]byte, bool) {
	const key = `"amount":"` // a key: within a text its quotes are escaped
	_, rest, found := bytes.Cut(doc, []byte(key))
	amount, _, ended := bytes.Cut(rest, []byte{'"'})
	return amount, found && ended
}

func (c Collections) entriesOfDays(
	tx store.Tx, bookID string, from, to bank.Date, want func(key string, doc []byte) bool, each func(Entry),
) error {
	days := EntryDays(bookID, from, to)
	err := c.Entries.ScanIf(tx, days, want, func(_ string, e Entry) (bool, error) {
		each(e)
		return true, nil
	})
	if err != nil {
		return err
	}
	var keys []string
	err = c.Moved.Scan(tx, days, func(_ string, ref Ref) (bool, error) {
		if key, ok := EntryKey(bookID, ref.RemoteID); ok {
			keys = append(keys, key)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, key := range keys {
		e, found, err := c.Entries.Find(tx, key)
		if err != nil {
			return err
		}
		if found {
			each(e)
		}
	}
	return nil
}

// FindEntry finds the entry of a transaction of the book, by the remote ids it
// carries or as one that stood in the book already.
func (c Collections) FindEntry(tx store.Tx, bookID, transactionID string, remoteIDs []string) (Entry, bool, error) {
	ref, _, err := c.Matched.Find(tx, store.Key(bookID, transactionID))
	if err != nil {
		return Entry{}, false, err
	}
	for _, id := range append(remoteIDs, ref.RemoteID) {
		key, ours := EntryKey(bookID, id)
		if !ours {
			continue
		}
		e, found, err := c.Entries.Find(tx, key)
		if err != nil || found {
			return e, found, err
		}
	}
	return Entry{}, false, nil
}

// StandsWithdrawn says to people that the bank has withdrawn what stands in the
// book.
const StandsWithdrawn = "The bank withdrew this transaction. It stands in the book all the same."

// FlagInBook is the flag of an entry whose transaction is found in the book
// again, where a person wants it.
func (e Entry) FlagInBook() string {
	if e.Withdrawn && e.Flag == "" {
		return StandsWithdrawn
	}
	return e.Flag
}

// TrashedByUs reports whether a transaction of that state lies in the trash
// because the app has put it there: finding it there is no person's doing.
func (s State) TrashedByUs() bool {
	switch s {
	case Removed, Undoing, Undone, Merged:
		return true
	default:
		return false
	}
}
