package ledger

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// RemoteID derives the remote id of a bank transaction in the book: the n-th
// (from 1) of that date and amount that records into the account. It depends
// on nothing that banks change, no provider id and no text, so a ledger that
// was lost would derive the same ids again. The book refuses an id it already
// holds; that is the last guard against doubles.
//
// The result is at most 40 bytes of [a-z0-9_]: version, date, hash. Its
// form never changes; another scheme takes another version.
func RemoteID(accountID string, date bank.Date, amount money.Amount, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "1\x00%s\x00%s\x00%s\x00%d", accountID, date, amount, n))
	hash := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:hashLength]
	return "bc1_" + date.Time().Format("20060102") + "_" + hash
}

const hashLength = 20

// EntryKey returns the id of the entry that a remote id belongs to: entries of
// a book lie in the order of their days. It reports false for ids that are not
// ours.
func EntryKey(bookID, remoteID string) (string, bool) {
	day, ours := RemoteDay(remoteID)
	if !ours {
		return "", false
	}
	return store.Key(bookID, day.String(), remoteID), true
}

// RemoteDay returns the day that a remote id was derived from. It reports false
// for ids that are not ours.
func RemoteDay(remoteID string) (bank.Date, bool) {
	rest, ours := strings.CutPrefix(remoteID, "bc1_")
	day, hash, found := strings.Cut(rest, "_")
	if !ours || !found || len(day) != 8 || len(hash) != hashLength || strings.Trim(hash, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return bank.Date{}, false
	}
	t, err := time.Parse("20060102", day)
	return bank.DateOf(t), err == nil
}

// EntryDays is the range of the entries of a book from one day to another,
// both included.
func EntryDays(bookID string, from, to bank.Date) store.Span {
	return store.Span{From: store.Key(bookID, from.String()), To: store.Key(bookID, to.AddDays(1).String())}
}

// Key is the id of the entry's record.
func (e Entry) Key() string {
	key, _ := EntryKey(e.BookID, e.RemoteID)
	return key
}

func pad(n int64) string { return fmt.Sprintf("%014d", n) }
