package bkper

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// Amount is an amount as Bkper writes it: absolute, "1234.56". "" is no
// amount, which a draft may well have.
type Amount string

// AmountOf writes the absolute value of d.
func AmountOf(d money.Decimal) Amount { return Amount(d.Abs().String()) }

// Decimal reads the amount. It is an error if there is none.
func (a Amount) Decimal() (money.Decimal, error) {
	if a == "" {
		return money.Decimal{}, fmt.Errorf("there is no amount: %w", money.ErrFormat)
	}
	return money.ParseDecimal(string(a))
}

// Millis is a moment in milliseconds since 1970, which Bkper writes as a
// string. 0 is not given.
type Millis int64

// Time returns the moment in UTC, the zero time if it is not given.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// MarshalJSON writes a string of digits.
func (m Millis) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, strconv.FormatInt(int64(m), 10)), nil
}

// UnmarshalJSON reads a string of digits or a number.
func (m *Millis) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	if text == "" || text == "null" {
		*m = 0
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("not a moment in milliseconds: %.30q", text)
	}
	*m = Millis(n)
	return nil
}

// Status is the state of a transaction in the book.
type Status string

// The states. Posted ones that were not checked are Posted.
const (
	Draft   Status = "draft"
	Posted  Status = "posted"
	Checked Status = "checked"
	Trashed Status = "trashed"
)

// Transaction is an entry of a book, or a draft of one. Money flows from
// CreditAccount to DebitAccount; either may be missing in a draft. In lists
// the accounts carry their id only.
type Transaction struct {
	ID            string            `json:"id,omitempty"`
	AgentID       string            `json:"agentId,omitempty"` // who created it
	AgentName     string            `json:"agentName,omitempty"`
	AgentLogo     string            `json:"agentLogo,omitempty"`
	AgentLogoDark string            `json:"agentLogoDark,omitempty"`
	Amount        Amount            `json:"amount,omitempty"`
	Date          bank.Date         `json:"date,omitzero"`
	DateValue     int               `json:"dateValue,omitempty"` // yyyymmdd
	DateFormatted string            `json:"dateFormatted,omitempty"`
	CreditAccount *Account          `json:"creditAccount,omitempty"`
	DebitAccount  *Account          `json:"debitAccount,omitempty"`
	Description   string            `json:"description,omitempty"`
	Draft         bool              `json:"draft,omitempty"` // written as true, it stays a draft even if complete
	Posted        bool              `json:"posted,omitempty"`
	Checked       bool              `json:"checked,omitempty"`
	Trashed       bool              `json:"trashed,omitempty"`
	Properties    map[string]string `json:"properties,omitempty"`
	RemoteIDs     []string          `json:"remoteIds,omitempty"`
	Tags          []string          `json:"tags,omitempty"`
	URLs          []string          `json:"urls,omitempty"`
	Files         []File            `json:"files,omitempty"`
	CreatedAt     Millis            `json:"createdAt,omitempty"`
	UpdatedAt     Millis            `json:"updatedAt,omitempty"`
	CreatedBy     string            `json:"createdBy,omitempty"`
}

// Status returns the state of t, as Bkper ranks them: trashed first, then
// draft, then checked.
func (t Transaction) Status() Status {
	switch {
	case t.Trashed:
		return Trashed
	case !t.Posted:
		return Draft
	case t.Checked:
		return Checked
	default:
		return Posted
	}
}

// HasRemoteID reports whether id is one of the remote ids of t.
func (t Transaction) HasRemoteID(id string) bool { return slices.Contains(t.RemoteIDs, id) }

// TransactionOperation is what became of one transaction, with the accounts
// it moved.
type TransactionOperation struct {
	Accounts    []Account   `json:"accounts,omitempty"`
	Transaction Transaction `json:"transaction"`
}

// TransactionList is one page of transactions. An empty Cursor says that
// there is no other page.
type TransactionList struct {
	Cursor string        `json:"cursor,omitempty"`
	Items  []Transaction `json:"items"`
}

// AccountType is one of the four types of account.
type AccountType string

// The types of account.
const (
	Asset     AccountType = "ASSET"
	Liability AccountType = "LIABILITY"
	Incoming  AccountType = "INCOMING"
	Outgoing  AccountType = "OUTGOING"
)

// Account is an account of a book. Its ID does not change, its name may.
type Account struct {
	ID                   string            `json:"id,omitempty"`
	Name                 string            `json:"name,omitempty"`
	NormalizedName       string            `json:"normalizedName,omitempty"`
	Type                 AccountType       `json:"type,omitempty"`
	Credit               bool              `json:"credit,omitempty"`
	Permanent            bool              `json:"permanent,omitempty"`
	Archived             bool              `json:"archived,omitempty"`
	HasTransactionPosted bool              `json:"hasTransactionPosted,omitempty"`
	Groups               []Group           `json:"groups,omitempty"`
	Properties           map[string]string `json:"properties,omitempty"`
	Balance              string            `json:"balance,omitempty"` // signed; only where the list was filtered by account
	BalanceVerified      bool              `json:"balanceVerified,omitempty"`
	AgentID              string            `json:"agentId,omitempty"`
	CreatedAt            Millis            `json:"createdAt,omitempty"`
	UpdatedAt            Millis            `json:"updatedAt,omitempty"`
}

// Group is a group of accounts.
type Group struct {
	ID             string            `json:"id,omitempty"`
	Name           string            `json:"name,omitempty"`
	NormalizedName string            `json:"normalizedName,omitempty"`
	Type           AccountType       `json:"type,omitempty"`
	Credit         bool              `json:"credit,omitempty"`
	Permanent      bool              `json:"permanent,omitempty"`
	Mixed          bool              `json:"mixed,omitempty"`
	Hidden         bool              `json:"hidden,omitempty"`
	Locked         bool              `json:"locked,omitempty"`
	HasAccounts    bool              `json:"hasAccounts,omitempty"`
	HasGroups      bool              `json:"hasGroups,omitempty"`
	Parent         *Group            `json:"parent,omitempty"`
	Properties     map[string]string `json:"properties,omitempty"`
	AgentID        string            `json:"agentId,omitempty"`
	CreatedAt      Millis            `json:"createdAt,omitempty"`
	UpdatedAt      Millis            `json:"updatedAt,omitempty"`
}

// Permission is what a user may do in a book.
type Permission string

// The permissions. They are no ladder: a Recorder records but does not view,
// a Viewer views but does not record.
const (
	Owner        Permission = "OWNER"
	Editor       Permission = "EDITOR"
	Poster       Permission = "POSTER"
	Recorder     Permission = "RECORDER"
	Viewer       Permission = "VIEWER"
	NoPermission Permission = "NONE"
)

// CanView reports whether transactions may be read.
func (p Permission) CanView() bool {
	return p == Owner || p == Editor || p == Poster || p == Viewer
}

// CanRecord reports whether drafts may be recorded.
func (p Permission) CanRecord() bool {
	return p == Owner || p == Editor || p == Poster || p == Recorder
}

// CanEdit reports whether accounts and the settings of the book may be
// changed.
func (p Permission) CanEdit() bool { return p == Owner || p == Editor }

// Book is a book. LockDate and ClosingDate are zero where there is none.
type Book struct {
	ID               string            `json:"id,omitempty"`
	Name             string            `json:"name,omitempty"`
	OwnerName        string            `json:"ownerName,omitempty"`
	Permission       Permission        `json:"permission,omitempty"` // of the user who asks
	Visibility       string            `json:"visibility,omitempty"` // PUBLIC or PRIVATE
	AutoPost         bool              `json:"autoPost,omitempty"`
	ClosingDate      bank.Date         `json:"closingDate,omitzero"`
	LockDate         bank.Date         `json:"lockDate,omitzero"`
	DatePattern      string            `json:"datePattern,omitempty"`
	DecimalSeparator string            `json:"decimalSeparator,omitempty"` // DOT or COMMA
	FractionDigits   int               `json:"fractionDigits"`
	TimeZone         string            `json:"timeZone,omitempty"` // IANA
	Properties       map[string]string `json:"properties,omitempty"`
	Accounts         []Account         `json:"accounts,omitempty"`
	Groups           []Group           `json:"groups,omitempty"`
	LogoURL          string            `json:"logoUrl,omitempty"`
	AgentID          string            `json:"agentId,omitempty"`
	CreatedAt        Millis            `json:"createdAt,omitempty"`
	UpdatedAt        Millis            `json:"updatedAt,omitempty"`
	LastUpdateMs     Millis            `json:"lastUpdateMs,omitempty"`
}

// LockedUntil returns the last day that is locked or closed, zero if none is:
// nothing may be posted on or before it.
func (b Book) LockedUntil() bank.Date {
	if b.ClosingDate.After(b.LockDate) {
		return b.ClosingDate
	}
	return b.LockDate
}

// UnmarshalJSON reads a book. Bkper writes a lock date that was taken away as
// 1900-00-00, which is no day of the calendar.
func (b *Book) UnmarshalJSON(data []byte) error {
	type plain Book
	shadow := struct {
		*plain
		LockDate    string `json:"lockDate"`
		ClosingDate string `json:"closingDate"`
	}{plain: (*plain)(b)}
	if err := json.Unmarshal(data, &shadow); err != nil {
		return err
	}
	var err error
	if b.LockDate, err = parseLock(shadow.LockDate); err != nil {
		return fmt.Errorf("lock date: %w", err)
	}
	if b.ClosingDate, err = parseLock(shadow.ClosingDate); err != nil {
		return fmt.Errorf("closing date: %w", err)
	}
	return nil
}

func parseLock(text string) (bank.Date, error) {
	if text == "" || strings.HasSuffix(text, "-00") {
		return bank.Date{}, nil
	}
	return bank.ParseDate(text)
}

// Content is the content of a file, base64 on the wire.
type Content []byte

// MarshalJSON writes standard base64.
func (c Content) MarshalJSON() ([]byte, error) { return json.Marshal([]byte(c)) }

// UnmarshalJSON reads base64 in either alphabet, padded or not.
func (c *Content) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/", "\r", "", "\n", "").Replace(text), "=")
	decoded, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("the content of the file is not base64: %w", err)
	}
	*c = decoded
	return nil
}

// File is a file of a book. Content is given only where one file is asked for.
type File struct {
	ID          string            `json:"id,omitempty"`
	Name        string            `json:"name,omitempty"`
	ContentType string            `json:"contentType,omitempty"`
	Content     Content           `json:"content,omitempty"`
	URL         string            `json:"url,omitempty"`
	Properties  map[string]string `json:"properties,omitempty"`
	AgentID     string            `json:"agentId,omitempty"`
	CreatedAt   Millis            `json:"createdAt,omitempty"`
	UpdatedAt   Millis            `json:"updatedAt,omitempty"`
}

// User is a user of Bkper.
type User struct {
	ID           string `json:"id,omitempty"`
	Username     string `json:"username,omitempty"`
	Email        string `json:"email,omitempty"`
	Name         string `json:"name,omitempty"`
	FullName     string `json:"fullName,omitempty"`
	GivenName    string `json:"givenName,omitempty"`
	AvatarURL    string `json:"avatarUrl,omitempty"`
	HostedDomain string `json:"hostedDomain,omitempty"`
	Plan         string `json:"plan,omitempty"`
}

// Collaborator is a user of a book.
type Collaborator struct {
	ID         string     `json:"id,omitempty"`
	Email      string     `json:"email,omitempty"`
	Permission Permission `json:"permission,omitempty"`
	AvatarURL  string     `json:"avatarUrl,omitempty"`
	AgentID    string     `json:"agentId,omitempty"`
	CreatedAt  Millis     `json:"createdAt,omitempty"`
	UpdatedAt  Millis     `json:"updatedAt,omitempty"`
}

// Integration is an app or a bank that works in a book. An app is installed
// in a book by an integration that names it in AgentID.
type Integration struct {
	ID             string            `json:"id,omitempty"`
	BookID         string            `json:"bookId,omitempty"`
	ConnectionID   string            `json:"connectionId,omitempty"`
	AgentID        string            `json:"agentId,omitempty"`
	Name           string            `json:"name,omitempty"`
	NormalizedName string            `json:"normalizedName,omitempty"`
	Logo           string            `json:"logo,omitempty"`
	LogoDark       string            `json:"logoDark,omitempty"`
	UserID         string            `json:"userId,omitempty"`
	AddedBy        string            `json:"addedBy,omitempty"`
	Properties     map[string]string `json:"properties,omitempty"`
	CreatedAt      Millis            `json:"createdAt,omitempty"`
	UpdatedAt      Millis            `json:"updatedAt,omitempty"`
	DateAddedMs    Millis            `json:"dateAddedMs,omitempty"`
	LastUpdateMs   Millis            `json:"lastUpdateMs,omitempty"`
}

// Connection is what Bkper itself keeps of a user's link to a service outside.
type Connection struct {
	ID          string            `json:"id,omitempty"`
	UUID        string            `json:"uuid,omitempty"`
	AgentID     string            `json:"agentId,omitempty"`
	Name        string            `json:"name,omitempty"`
	Logo        string            `json:"logo,omitempty"`
	Type        string            `json:"type,omitempty"` // APP or BANK
	Email       string            `json:"email,omitempty"`
	UserID      string            `json:"userId,omitempty"`
	Properties  map[string]string `json:"properties,omitempty"`
	CreatedAt   Millis            `json:"createdAt,omitempty"`
	UpdatedAt   Millis            `json:"updatedAt,omitempty"`
	DateAddedMs Millis            `json:"dateAddedMs,omitempty"`
}
