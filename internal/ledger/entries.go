package ledger

import "github.com/bank-connections/bkper-bot/internal/store"

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
	for kind, waits := range map[Work]bool{
		ToConfirm:  e.State == Claimed,
		ToUnpark:   e.State == Parked,
		OpenDraft:  e.State == Recorded && !e.Touched && e.Written != nil && e.Written.IsOpen(),
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
