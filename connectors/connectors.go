// Package connectors is the contract between the app and the code that talks
// to one aggregator or bank protocol each.
//
// A connector has the one base interface, Connector, and may have further
// powers (Linker, Revoker, WebhookVerifier), each an interface of its own that
// the app discovers by type assertion. A connector keeps nothing: what must last is handed
// to the app as Authorization and State and comes back with the next call. It
// touches nothing but its Deps and the network. Its errors are *errs.Error
// with one of the connector codes of that package; any other error counts as
// internal and is tried again. Three more codes say that the app asked for
// something that cannot be: not_found for an institution the connector does not
// have, invalid for a Progress, a country or a limit that it cannot read, and
// conflict for a State that it cannot use. A cancelled context comes back as
// the context's own error. It does not retry: the app owns the policy.
package connectors

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

// Deps is all that a connector may touch besides its settings.
type Deps struct {
	HTTP *http.Client
	Log  *slog.Logger
	Now  func() time.Time
	Rand io.Reader // for nonces
}

// Info describes a connector. It does not change while the program runs.
type Info struct {
	ID        string   // lower-case letters and digits: "plaid"; part of URLs and remote ids
	Title     string   // for people: "Plaid"
	Countries []string // ISO 3166-1 alpha-2, in capitals, sorted
	// PollEvery is how often the app may ask without a person waiting.
	PollEvery time.Duration
	// Overlap is how many days before the last update are fetched again.
	Overlap int
}

// Connector is what every connector can do. Its methods are called
// concurrently.
type Connector interface {
	Info() Info
	// Institutions returns the banks of one country (ISO 3166-1 alpha-2),
	// sorted by name.
	Institutions(ctx context.Context, country string) ([]bank.Institution, error)
	// Accounts returns the accounts that the authorization opens now.
	Accounts(ctx context.Context, auth seal.Secret) ([]bank.Account, error)
	// Fetch returns the next page of what the bank reports.
	Fetch(ctx context.Context, req FetchRequest) (Page, error)
}

// FetchRequest asks for one page.
type FetchRequest struct {
	Auth seal.Secret
	// Wanted are the accounts to report on. Rows of others may be left out.
	Wanted []Wanted
	// State is what the page before returned as Next, nil at the start. It is
	// good for these Wanted only: when they change, the app starts from nil. It
	// outlives a Reconnect. A State that is damaged, too old or of something
	// else gets an error of code conflict: then, too, the app starts from nil;
	// but where the State was one within an update, it begins that update again.
	State []byte
	// Limit is the most transactions that the page may hold, at least 1.
	Limit int
}

// Wanted names an account and the first day of interest.
type Wanted struct {
	Key   string // bank.Account.Key
	Since bank.Date
}

// Page is a part of an update. An update is one consistent view of what is new
// at the bank since a State: one or more pages, the last of which has a More
// other than SameUpdate. The app applies an update as a whole, and keeps only
// the Next of its last page; when it is interrupted it asks again from the
// state before the update.
type Page struct {
	Accounts []AccountPage
	Next     []byte // opaque, at most 64 KiB, the same bytes for the same position
	More     More
}

// More says what follows a page.
type More int

// What may follow a page.
const (
	NoMore     More = iota // the bank has nothing more to say for now
	SameUpdate             // further pages of this update follow
	NextUpdate             // this update is whole, and another can be fetched at once
)

// AccountPage is what a page says of one account. An account may occur in
// several pages of an update, once in each.
type AccountPage struct {
	Key string
	// Transactions are new, changed or repeated ones, in any order. The app
	// finds out which they are.
	Transactions []bank.Transaction
	// Removed are the ids of transactions that the bank says are no more:
	// pending ones that were never booked or that were booked under another
	// id, and booked ones that were withdrawn.
	Removed []string
	// Complete names days of which this update reports every booked
	// transaction that the bank has. The zero value: none. It may stand on any
	// page of the update and speaks of the update as a whole. Where ids are
	// missing, rows are told from each other by counting them, so then the days
	// of all rows must lie in it.
	Complete Days
	// Balance is what the bank says of the account, if it says.
	Balance *bank.Balance
	// Err says why there is nothing, or not everything, of this account while
	// others are well: account_gone, history_not_available.
	Err error
}

// Days is a span of calendar days, both ends included.
type Days struct {
	From bank.Date `json:"from"`
	To   bank.Date `json:"to"`
}

// Contains reports whether d lies in the span.
func (s Days) Contains(d bank.Date) bool {
	return !s.From.IsZero() && !d.Before(s.From) && !d.After(s.To)
}

// Linker is the power to let a person authorise the app at a bank, step by
// step. A connector that lacks it cannot be linked from the panel.
type Linker interface {
	// BeginLink returns the first step.
	BeginLink(ctx context.Context, req LinkRequest) (LinkStep, error)
	// ContinueLink takes the answer to the step whose Progress is given, and
	// returns the next step. On invalid_credentials the app shows the same
	// step again.
	ContinueLink(ctx context.Context, progress []byte, answer map[string]string) (LinkStep, error)
}

// LinkRequest says what to link.
type LinkRequest struct {
	Institution string // bank.Institution.ID
	Country     string
	UserRef     string    // opaque, stable, says nothing of the person
	Since       bank.Date // the first day the person wants
	Language    string    // BCP 47, of the person
	// ReturnURL is where a bank's own page sends the person back to. The app
	// has put its own state into it; the connector adds nothing the bank does
	// not add itself.
	ReturnURL string
	// Reconnect is the old authorization, if this renews a connection.
	Reconnect seal.Secret
}

// LinkStep is what the person must do next: exactly one of Form, Redirect and
// Done is set.
type LinkStep struct {
	Progress seal.Secret // opaque, comes back with ContinueLink; may hold secrets
	Form     *Form
	Redirect string // https URL of the bank's page; the answer is the query it returns with
	Done     *Authorization
}

// Form asks the person for something. Without fields it only asks to confirm
// that something has been done elsewhere, such as an approval in the bank's
// app; the answer is then empty.
type Form struct {
	Title  string
	Fields []Field
	Help   string
}

// Field is one line of a form.
type Field struct {
	Name   string // key of the answer
	Label  string
	Secret bool // not shown while typed, never kept
	Code   bool // a one-time code: digits, from the bank's app or message
}

// Authorization is the outcome of a link.
type Authorization struct {
	Secret  seal.Secret // opens Accounts and Fetch; sealed at rest
	Expires time.Time   // when the bank will want the person again; zero if unknown
}

// Revoker is the power to end an authorization at the provider.
type Revoker interface {
	Revoke(ctx context.Context, auth seal.Secret) error
}

// WebhookVerifier is the power to tell a genuine webhook of the provider from
// a forged one.
type WebhookVerifier interface {
	// VerifyWebhook returns what a genuine delivery says; every other one is
	// an error of code unauthenticated or invalid. It trusts nothing in body
	// beyond which authorization has news.
	VerifyWebhook(ctx context.Context, header http.Header, body []byte) (Delivery, error)
}

// Delivery is a doorbell: the authorization that has news.
type Delivery struct {
	Ref string // what AuthorizationRef returns for the connection it concerns
}

// WebhookTarget is the power to say which deliveries concern an authorization.
// A connector with WebhookVerifier has it too.
type WebhookTarget interface {
	AuthorizationRef(auth seal.Secret) string
}
