// Package ofx reads OFX files (versions 1 and 2, and QFX) as banks really write
// them: it finds the statements in them and says what each row says, in the
// file's own words. What the words mean as money and dates is not its business.
//
// It is lenient on purpose. Closing tags may be missing, doubled, misplaced or
// of another element; version 1 and 2 may be mixed; the declared character set
// may be wrong. It never fails on such things and needs time linear to the size
// of the file, whatever is in it.
package ofx

import (
	"bytes"
	"errors"
	"fmt"
)

// The most that a file may hold. A real one holds a few thousand rows.
const (
	maxRows       = 100_000
	maxStatements = 1_000
)

// ErrTooMuch is wrapped by the error for a file with more rows or statements
// than any bank would write.
var ErrTooMuch = errors.New("too much for one statement file")

// Document is what a file says.
type Document struct {
	// Charset is the character set the file was read in: "UTF-8",
	// "windows-1252". It may differ from the one that the file declares.
	Charset     string
	Institution string // the bank's name (ORG)
	Statements  []Statement
	// Refusals are the errors that the bank answered instead of a statement:
	// "15500: signon invalid".
	Refusals []string
}

// Kind says what account a statement is of.
type Kind int

// The kinds of statement.
const (
	Bank Kind = iota
	Card
	Investment
)

// Statement is one statement of a file. Its values are texts as the file has
// them, in valid UTF-8, white space collapsed, "" where the file has nothing.
type Statement struct {
	Kind        Kind
	Line        int
	Currency    string // CURDEF
	BankID      string // BANKID, of an investment account BROKERID
	BranchID    string
	AccountID   string
	AccountType string
	From, To    string // DTSTART, DTEND
	Ledger      Balance
	Rows        []Row
}

// Balance is the ledger balance as the file writes it.
type Balance struct {
	Line         int
	Amount, Date string
}

// RowKind says what a row is.
type RowKind int

// The kinds of row. Only a Movement is booked money of the account; a Pending
// row is announced, and an Investment row buys or sells something.
const (
	Movement RowKind = iota
	PendingRow
	InvestmentRow
)

// Row is one transaction of a statement, in the words of the file.
type Row struct {
	Kind          RowKind
	Line          int
	Type          string // TRNTYPE
	Posted        string // DTPOSTED
	User          string // DTUSER: when the person paid
	Available     string // DTAVAIL: when the money counts
	Amount        string // TRNAMT
	ID            string // FITID
	CorrectID     string // CORRECTFITID
	CorrectAction string // REPLACE or DELETE
	CheckNumber   string
	Reference     string // REFNUM
	Name          string
	Payee         string // the name within PAYEE
	Memo          string
	ToAccount     string // the account of the other side, if it is named
	// Currency is that of the amount where the row says so (CURRENCY). That of
	// a purchase whose amount is converted already (ORIGCURRENCY) is left out.
	Currency string
}

// Is reports whether content looks like an OFX file, by its beginning.
func Is(content []byte) bool {
	head := content[:min(len(content), 64<<10)]
	if bytes.IndexByte(head, 0) >= 0 { // UTF-16, for all that matters here
		head = bytes.ReplaceAll(head, []byte{0}, nil)
	}
	head = bytes.ToUpper(head)
	for _, mark := range []string{"OFXHEADER", "<OFX", "<STMTTRN>"} {
		if bytes.Contains(head, []byte(mark)) {
			return true
		}
	}
	return false
}

// Parse reads a whole file. A file without any statement is no error; one with
// far too many rows is, and wraps ErrTooMuch.
func Parse(content []byte) (*Document, error) {
	text, charset := decode(content)
	p := parser{tokens: newTokens(text), document: &Document{Charset: charset}}
	for p.tokens.next() {
		tag := p.tokens.tag
		if tag.closing {
			p.close(tag.name)
		} else {
			p.open(tag.name)
		}
		if p.rows > maxRows {
			return nil, fmt.Errorf("%w: more than %d rows", ErrTooMuch, maxRows)
		}
		if len(p.document.Statements) > maxStatements {
			return nil, fmt.Errorf("%w: more than %d statements", ErrTooMuch, maxStatements)
		}
	}
	p.endStatement()
	return p.document, nil
}
