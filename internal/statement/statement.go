// Package statement reads the files that banks offer for download into bank
// transactions. Each format has its syntax in a package below this one; what
// the words of a file mean as money, dates and texts is decided here.
//
// Nothing of a file is dropped in silence: each row becomes a transaction or a
// Problem that says what is wrong with it and what to do.
package statement

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/statement/ofx"
)

// MaxSize is the size in bytes of the largest file that is read.
const MaxSize = 20 << 20

// What is wrong with a file that cannot be read at all. The text of each error
// of Read is a sentence for people.
var (
	ErrTooLarge    = errors.New("the file is too large")
	ErrUnsupported = errors.New("the file is not of a format this app reads")
	ErrEmpty       = errors.New("the file holds no bank statement")
)

// File is what one file says.
type File struct {
	Format      string // "OFX"
	Charset     string // the character set it was read in: "UTF-8", "windows-1252"
	Institution string // the bank, if the file names it
	Statements  []Statement
	Problems    []Problem // of the file as a whole
}

// Statement is what a file says of one account. A file may have several of the
// same account.
type Statement struct {
	Account AccountRef
	// Currency is what the amounts are in: that of the file, or else the one
	// assumed by Options. It is "" if neither names one; then every row is a
	// problem.
	Currency money.Currency
	From, To bank.Date // the days it covers, as it says; zero if it does not
	// Transactions are all booked. The same row twice is two payments. An ID
	// that the statement gives to several rows names none of them and is left
	// out.
	Transactions []bank.Transaction
	// Balance is the booked balance, nil if the file has none. Of a card it is
	// negative while something is owed, if the bank keeps to the standard.
	Balance  *bank.Balance
	Problems []Problem
}

// AccountRef is an account as the file names it.
type AccountRef struct {
	BankID    string
	BranchID  string
	AccountID string
	Type      bank.AccountKind
	Currency  money.Currency // "" if the file does not say
}

// Problem is something of the file that did not become a transaction.
type Problem struct {
	Row    int    // the how-manieth row of its statement, from 1; 0 if it is no row
	Line   int    // the line of the file, from 1; 0 if it is of the file as a whole
	Text   string // what stands there, clipped
	Reason string // what is wrong and what to do: sentences for people
}

// Options is what the file itself may not say.
type Options struct {
	// Currency is assumed where the file names none. It is that of the account
	// that the statement goes to.
	Currency money.Currency
}

// Read reads a file of any supported format, told by its content and, if that
// does not tell, by its name. It fails only if nothing can be read at all; the
// error wraps one of the errors of this package.
func Read(name string, content []byte, opts Options) (File, error) {
	name = clip(path.Base(name), 80)
	if len(content) > MaxSize {
		return File{}, fmt.Errorf("%w: %s has %d MB, the most is %d MB. Ask the bank for a shorter period",
			ErrTooLarge, name, len(content)>>20, MaxSize>>20)
	}
	if !opts.Currency.Known() {
		opts.Currency = ""
	}
	extension := strings.ToLower(path.Ext(name))
	switch {
	case ofx.Is(content), extension == ".ofx", extension == ".qfx":
		return readOFX(name, content, opts)
	}
	return File{}, fmt.Errorf("%w: %s. It reads OFX and QFX files. Ask the bank for one; "+
		"it may be called Quicken, Money or Web Connect there", ErrUnsupported, name)
}

// clip bounds s to that many letters.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}
