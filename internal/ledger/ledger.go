// Package ledger is the app's memory: what is linked to what, every bank
// transaction that was delivered to a book and what became of it, the runs
// that brought them, and the lessons that books have taught.
//
// It holds records and the collections they lie in, and no behaviour beyond
// the keys by which records find each other. Ids of records are chosen so that
// a range scan answers every question that is asked: there are no indexes but
// the collections below.
package ledger

import (
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// Collections are where the records lie. The comment behind each names its key.
type Collections struct {
	Users        store.Collection[User]           // user id
	Connections  store.Collection[Connection]     // connection id
	Attempts     store.Collection[Attempt]        // attempt id
	Integrations store.Collection[Integration]    // store.Key(book id, integration id)
	ByConnection store.Collection[IntegrationRef] // store.Key(connection id, integration id)
	Entries      store.Collection[Entry]          // EntryKey
	SourceIDs    store.Collection[SourceRef]      // SourceKey
	Matched      store.Collection[Ref]            // store.Key(book id, transaction id): entries that stand for a transaction the app did not record
	Moved        store.Collection[Ref]            // store.Key(book id, day, remote id): entries that the bank has moved to another day than that of their remote id
	Work         store.Collection[Ref]            // WorkKey
	Runs         store.Collection[Run]            // RunKey
	Journal      store.Collection[JournalPage]    // store.Key(run id, page)
	Pending      store.Collection[PendingRows]    // integration id
	Lessons      store.Collection[Lesson]         // store.Key(book id, lesson id)
	Learning     store.Collection[Learning]       // book id
	LessonLog    store.Collection[LessonChange]   // LessonLogKey
	LessonPages  store.Collection[LessonPage]     // store.Key(book id, VersionName(version), VersionName(page))
	Transfers    store.Collection[Transfer]       // Transfer.Key
	Doubles      store.Collection[Double]         // Double.Key
	Balances     store.Collection[DayBalance]     // store.Key(integration id, day)
	Openings     store.Collection[Opening]        // integration id

	Reconciliations store.Collection[Reconciliation] // book id
}

// All are the collections by their names in the store.
func All() Collections {
	return Collections{
		Users:        store.NewCollection[User]("users"),
		Connections:  store.NewCollection[Connection]("connections"),
		Attempts:     store.NewCollection[Attempt]("attempts"),
		Integrations: store.NewCollection[Integration]("integrations"),
		ByConnection: store.NewCollection[IntegrationRef]("integrations_by_connection"),
		Entries:      store.NewCollection[Entry]("entries"),
		SourceIDs:    store.NewCollection[SourceRef]("source_ids"),
		Matched:      store.NewCollection[Ref]("matched"),
		Moved:        store.NewCollection[Ref]("moved"),
		Work:         store.NewCollection[Ref]("work"),
		Runs:         store.NewCollection[Run]("runs"),
		Journal:      store.NewCollection[JournalPage]("journal"),
		Pending:      store.NewCollection[PendingRows]("pending"),
		Lessons:      store.NewCollection[Lesson]("lessons"),
		Learning:     store.NewCollection[Learning]("learning"),
		LessonLog:    store.NewCollection[LessonChange]("lesson_log"),
		LessonPages:  store.NewCollection[LessonPage]("lesson_pages"),
		Transfers:    store.NewCollection[Transfer]("transfers"),
		Doubles:      store.NewCollection[Double]("doubles"),
		Balances:     store.NewCollection[DayBalance]("balances"),
		Openings:     store.NewCollection[Opening]("openings"),

		Reconciliations: store.NewCollection[Reconciliation]("reconciliations"),
	}
}

// User is a Bkper user on whose behalf the app records while the person is
// away.
type User struct {
	ID        string    `json:"id"` // Bkper's user id
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	Token     []byte    `json:"token"` // sealed
	UpdatedAt time.Time `json:"updatedAt"`
}

// ConnectionStatus is what a connection needs, in Bkper's words.
type ConnectionStatus string

// The statuses of a connection.
const (
	Connected    ConnectionStatus = "Connected"
	Disconnected ConnectionStatus = "Disconnected"
	Reconnect    ConnectionStatus = "Reconnect" // the person must sign in at the bank again
)

// Problem says why something does not go on, for the person who can mend it.
type Problem struct {
	Code     errs.Code `json:"code"`
	Sentence string    `json:"sentence"`
	At       time.Time `json:"at"`
	// Lock is the lock date of the book, where that is what is wrong.
	Lock bank.Date `json:"lock,omitzero"`
}

// Connection is a user's authorised link to one institution. It belongs to the
// user, not to a book.
type Connection struct {
	ID          string           `json:"id"`
	UserID      string           `json:"userId"`
	Connector   string           `json:"connector"`
	Institution bank.Institution `json:"institution"`
	Country     string           `json:"country"`
	Status      ConnectionStatus `json:"status"`
	Problem     *Problem         `json:"problem,omitempty"`
	Secret      []byte           `json:"secret,omitempty"` // sealed; none when disconnected
	Ref         string           `json:"ref,omitempty"`    // what the provider's webhooks call it
	Expires     time.Time        `json:"expires,omitzero"` // when the bank will want the person again
	Accounts    []BankAccount    `json:"accounts"`
	// PrivacyAccepted is when the person accepted the privacy policy.
	PrivacyAccepted time.Time `json:"privacyAccepted"`
	CreatedAt       time.Time `json:"createdAt"`

	// State is the connector's position after the last whole update, good for
	// the accounts and dates that Wanted describes.
	State    []byte    `json:"state,omitempty"`
	Wanted   string    `json:"wanted,omitempty"`
	LastSync time.Time `json:"lastSync,omitzero"`
	NextSync time.Time `json:"nextSync,omitzero"`
	Failures int       `json:"failures,omitempty"` // in a row
}

// BankAccount is one account or card inside a connection.
type BankAccount struct {
	bank.Account
	Balance *bank.Balance `json:"balance,omitempty"`
	Gone    bool          `json:"gone,omitempty"` // the bank no longer lists it
}

// Account returns the bank account of that stable key.
func (c Connection) Account(key string) (BankAccount, bool) {
	for _, a := range c.Accounts {
		if a.Key == key {
			return a, true
		}
	}
	return BankAccount{}, false
}

// Origin names a bank account over all connections: the same account linked
// anew has the same origin.
func Origin(connector, institution, accountKey string) string {
	return connector + "/" + institution + "/" + accountKey
}

// Attempt is a sign-in at a bank that is under way.
type Attempt struct {
	ID           string           `json:"id"`
	UserID       string           `json:"userId"`
	BookID       string           `json:"bookId"`                 // the book whose panel it began in
	ConnectionID string           `json:"connectionId,omitempty"` // with Reconnect: the connection it renews
	Connector    string           `json:"connector"`
	Institution  bank.Institution `json:"institution"`
	Country      string           `json:"country"`
	Progress     []byte           `json:"progress"` // sealed
	Step         Step             `json:"step"`
	// ReturnState comes back with the person from the bank's own page and
	// proves that it is the same sign-in. It is good once.
	ReturnState     string    `json:"returnState"`
	PrivacyAccepted time.Time `json:"privacyAccepted"`
	Expires         time.Time `json:"expires"`
	// Busy is until when an answer is being worked on, zero if none is.
	Busy time.Time `json:"busy,omitzero"`
	// Problem says why this sign-in came to nothing; it takes a new one.
	Problem *Problem `json:"problem,omitempty"`
	// Done is the connection that came of it.
	Done string `json:"done,omitempty"`
}

// Step is what the person must do next in an attempt.
type Step struct {
	Title    string  `json:"title,omitempty"`
	Help     string  `json:"help,omitempty"`
	Fields   []Field `json:"fields,omitempty"`
	Redirect string  `json:"redirect,omitempty"`
}

// Field is one line of a form.
type Field struct {
	Name   string `json:"name"`
	Label  string `json:"label"`
	Secret bool   `json:"secret,omitempty"`
	Code   bool   `json:"code,omitempty"`
}

// Integration says that a bank account records into an account of a book,
// since a day. It belongs to the book.
type Integration struct {
	ID           string         `json:"id"`
	BookID       string         `json:"bookId"`
	AccountID    string         `json:"accountId"` // of the book
	AccountName  string         `json:"accountName"`
	ConnectionID string         `json:"connectionId"`
	BankKey      string         `json:"bankKey"` // bank.Account.Key
	BankName     string         `json:"bankName"`
	Institution  string         `json:"institution"` // its name
	Origin       string         `json:"origin"`
	Currency     money.Currency `json:"currency"`
	Since        bank.Date      `json:"since"`
	AddedBy      string         `json:"addedBy"` // user id; the app records on this user's behalf
	CreatedAt    time.Time      `json:"createdAt"`
	// Sureness is how sure the learner has to be to complete what this brings:
	// of 100 completed drafts so many shall be right. 0 stands for 98, 100 for
	// never.
	Sureness int `json:"sureness,omitempty"`
	// Resync counts how often the person asked to fetch the period again.
	Resync int `json:"resync,omitempty"`
	// Stopped says why nothing is recorded any more, until a person acts.
	Stopped *Problem `json:"stopped,omitempty"`
	// Told is the last day up to which the bank has told every transaction since
	// Since, or what it left out was noticed.
	Told bank.Date `json:"told,omitzero"`
	// Notice says what the person should know while recording goes on.
	Notice  *Problem  `json:"notice,omitempty"`
	Totals  Counts    `json:"totals"`
	LastRun time.Time `json:"lastRun,omitzero"`
}

// Key is the id of the record.
func (i Integration) Key() string { return store.Key(i.BookID, i.ID) }

// IntegrationRef leads to an integration.
type IntegrationRef struct {
	BookID string `json:"bookId"`
	ID     string `json:"id"`
}

// Counts say what became of bank transactions.
type Counts struct {
	Came      int `json:"came"`      // reported by the bank or the file: the sum of recorded, matched, skipped and parked once all is done
	Recorded  int `json:"recorded"`  // now in the book because of this
	Completed int `json:"completed"` // of those: with the counter account
	Matched   int `json:"matched"`   // were in the book or the ledger already
	Changed   int `json:"changed"`   // changed or withdrawn by the bank
	Skipped   int `json:"skipped"`   // pending, before the start date, of no amount, or not understood
	Parked    int `json:"parked"`    // could not be recorded, waiting for a person
}

// Add returns the sum.
func (c Counts) Add(d Counts) Counts {
	return Counts{
		Came: c.Came + d.Came, Recorded: c.Recorded + d.Recorded, Completed: c.Completed + d.Completed,
		Matched: c.Matched + d.Matched, Changed: c.Changed + d.Changed, Skipped: c.Skipped + d.Skipped,
		Parked: c.Parked + d.Parked,
	}
}

// State says what became of a bank transaction.
type State string

// The states of an entry.
const (
	Claimed  State = "claimed"  // about to be recorded: an intention, never a reason to skip
	Recorded State = "recorded" // in the book
	Matched  State = "matched"  // stood in the book already, recorded by somebody else
	Parked   State = "parked"   // refused by the book; waits for a person
	Trashed  State = "trashed"  // deleted by a person: never recorded again
	Removed  State = "removed"  // withdrawn by the bank, and trashed by the app if it was in the book
	Undoing  State = "undoing"  // is being taken out of the book, with its run
	Undone   State = "undone"   // was taken out, and comes back only when asked
	Merged   State = "merged"   // the other end of a transfer, whose transaction stands for both (Pair)
)

// Entry is the memory of one bank transaction delivered to a book.
type Entry struct {
	RemoteID string `json:"remoteId"` // in the book; never changes
	BookID   string `json:"bookId"`
	// AccountID is the account of the book it records into.
	AccountID string `json:"accountId"`
	// Earlier are the accounts of the book that it was to go to before.
	Earlier     []string `json:"earlier,omitempty"`
	Integration string   `json:"integration,omitempty"` // none for statement files
	UserID      string   `json:"userId"`                // on whose behalf it is recorded
	Institution string   `json:"institution,omitempty"` // its name
	// Origins are the bank accounts or files that have reported it.
	Origins []string `json:"origins"`
	// IDs are the provider ids it has had, each with its source. The last one
	// of a source is the current one.
	IDs []SourceID       `json:"ids,omitempty"`
	Row bank.Transaction `json:"row"` // as last reported
	// Texts are other wordings of it, normalised, by other sources or after the
	// bank has edited its own.
	Texts []string `json:"texts,omitempty"`
	State State    `json:"state"`
	Run   string   `json:"run"` // that brought it
	// TransactionID is the transaction of the book.
	TransactionID string   `json:"transactionId,omitempty"`
	Written       *Written `json:"written,omitempty"`
	// Touched says that a person has changed the transaction in the book.
	Touched bool     `json:"touched,omitempty"`
	Problem *Problem `json:"problem,omitempty"` // why it is parked
	// Pair is the remote id of the other end, where the two are one transfer
	// between own accounts. It is set before the book is changed.
	Pair string `json:"pair,omitempty"`
	// Withdrawn says that the bank has taken it back. It is set before the
	// draft is trashed, so that a lost reply does not look like a person's
	// deletion.
	Withdrawn bool `json:"withdrawn,omitempty"`
	// TrashedAt is when, by Bkper's clock, an undo has put the transaction into
	// the trash, or found it there. Who has touched it since is a person.
	TrashedAt time.Time `json:"trashedAt,omitzero"`
	// Same says that a person knows it to be a movement that stands in the book
	// for another reason: the remote id of that entry, or the id of the
	// transaction of the book.
	Same string `json:"same,omitempty"`
	// Flag says in words what differs between bank and book after a person
	// has touched the transaction.
	Flag string `json:"flag,omitempty"`
	// Tries counts the tries to record it that may have reached the book, or may
	// yet, the one under way included. Before a second one it is looked for.
	Tries     int       `json:"tries,omitempty"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// CurrentID returns the id that a source gives the entry now, "" if none.
func (e Entry) CurrentID(source string) string {
	for n := len(e.IDs) - 1; n >= 0; n-- {
		if e.IDs[n].Source == source {
			return e.IDs[n].ID
		}
	}
	return ""
}

// EarlierIDs returns the ids that a source gave the entry before its current one.
func (e Entry) EarlierIDs(source string) []string {
	var ids []string
	current := e.CurrentID(source)
	for _, id := range e.IDs {
		if id.Source == source && id.ID != current {
			ids = append(ids, id.ID)
		}
	}
	return ids
}

// Written is what the app last wrote into the transaction of an entry. While
// the book still says the same, no person has touched it.
type Written struct {
	Date        bank.Date `json:"date"`
	Amount      string    `json:"amount"`
	Description string    `json:"description"`
	From        string    `json:"from,omitempty"` // account id
	To          string    `json:"to,omitempty"`
	// Reason says in words why the counter account was filled, if it was.
	Reason string `json:"reason,omitempty"`
	// Rule is what RuleProperty says.
	Rule string `json:"rule,omitempty"`
	// Besides stands for what the transaction had beyond what the app writes.
	Besides string `json:"besides,omitempty"`
	// At is when, by Bkper's clock, and Read when the state that the app had
	// read before was made.
	At   time.Time `json:"at,omitzero"`
	Read time.Time `json:"read,omitzero"`
	// Next is what the app is about to make of it: set before the book is
	// changed, so that a lost reply does not look like a person's edit. Until it
	// is known which of the two the book has, both are the app's.
	Next *Written `json:"next,omitempty"`
}

// SourceID is an id that a source gave a transaction. The source is the
// connection, or the kind of file and the account the file names.
type SourceID struct {
	Source string `json:"source"`
	ID     string `json:"id"`
}

// SourceRef leads from a provider's id to the entry.
type SourceRef struct {
	Entry string `json:"entry"` // id of the record
}

// Ref leads to an entry by its remote id.
type Ref struct {
	RemoteID string `json:"remoteId"`
}

// SourceKey is the id of a SourceRef: ids are unique at best within an account
// of a source.
func SourceKey(bookID, origin string, id SourceID) string {
	return store.Key(bookID, origin, id.Source, id.ID)
}

// Work says what an entry waits for. Key of a record: WorkKey.
type Work string

// What entries wait for.
const (
	OpenDraft  Work = "open"   // a draft of ours that lacks its counter account
	ToConfirm  Work = "claim"  // claimed, not confirmed
	ToUnpark   Work = "parked" // parked
	FlaggedRow Work = "flag"   // differs from the bank
)

// WorkKey is the id of a record of Work: each kind of work is a range, and
// within it each book.
func WorkKey(bookID string, w Work, remoteID string) string {
	return store.Key(string(w), bookID, remoteID)
}

// WorkOf is the range of one kind of work of a book.
func WorkOf(bookID string, w Work) store.Span { return store.Below(string(w), bookID) }

// RunKind says what started a run.
type RunKind string

// The kinds of run.
const (
	SyncRun RunKind = "sync"
	FileRun RunKind = "file"
)

// Run is one sync of an integration or one import of a file: the unit of undo.
type Run struct {
	ID          string    `json:"id"`
	Kind        RunKind   `json:"kind"`
	BookID      string    `json:"bookId"`
	Integration string    `json:"integration,omitempty"`
	AccountID   string    `json:"accountId"`
	AccountName string    `json:"accountName"`
	Title       string    `json:"title"` // institution and account, or the file's name
	StartedBy   string    `json:"startedBy"`
	StartedAt   time.Time `json:"startedAt"`
	FinishedAt  time.Time `json:"finishedAt,omitzero"`
	Counts      Counts    `json:"counts"`
	Batches     int       `json:"batches"`
	// Begun says that what a batch of it says is in the ledger: what earlier runs
	// say is old news from then on.
	Begun bool `json:"begun,omitempty"`
	// Done has a bit for every batch that is done, so that a batch delivered
	// twice counts once.
	Done []byte `json:"done,omitempty"`
	// Revises says that it changes or withdraws what an earlier run has
	// brought. Until it is done the ledger is behind the bank.
	Revises bool      `json:"revises,omitempty"`
	First   bank.Date `json:"first,omitzero"` // days of the rows that came
	Last    bank.Date `json:"last,omitzero"`
	// Undone counts the entries that were taken out of the book again.
	Undone int `json:"undone,omitempty"`
	// Interrupted says that it was cut short; everything is fetched again.
	Interrupted bool `json:"interrupted,omitempty"`
	// From is the state of the Connection before the update that the run is of:
	// what was withdrawn since is asked for again from there.
	From       []byte `json:"from,omitempty"`
	Connection string `json:"connection,omitempty"` // id
	// Problems are rows of a file that could not be read, in words.
	Problems []string `json:"problems,omitempty"`
}

// RunKey is the id of a run's record: newest first within a book.
func RunKey(bookID string, startedAt time.Time, id string) string {
	const farFuture = 1 << 42 // milliseconds; year 2109
	return store.Key(bookID, pad(farFuture-startedAt.UnixMilli()), id)
}

// Key is the id of the record.
func (r Run) Key() string { return RunKey(r.BookID, r.StartedAt, r.ID) }

// MarkDone notes that a batch is done; it reports whether that is new.
func (r *Run) MarkDone(batch int) bool {
	for len(r.Done) <= batch/8 {
		r.Done = append(r.Done, 0)
	}
	if r.IsDone(batch) {
		return false
	}
	r.Done[batch/8] |= 1 << (batch % 8)
	return true
}

// IsDone reports whether a batch is done.
func (r Run) IsDone(batch int) bool {
	return batch/8 < len(r.Done) && r.Done[batch/8]&(1<<(batch%8)) != 0
}

// AllDone reports whether every batch is done.
func (r Run) AllDone() bool {
	for b := range r.Batches {
		if !r.IsDone(b) {
			return false
		}
	}
	return true
}

// JournalPage says what one batch of a run did, row by row.
type JournalPage struct {
	Lines []JournalLine `json:"lines"`
}

// JournalLine says what became of one row, and why.
type JournalLine struct {
	Date     bank.Date    `json:"date"`
	Amount   money.Amount `json:"amount"`
	Text     string       `json:"text"`
	Outcome  string       `json:"outcome"` // recorded, completed, matched, changed, skipped, parked
	Why      string       `json:"why,omitempty"`
	RemoteID string       `json:"remoteId,omitempty"`
}

// PendingRows are what the bank has announced and not yet booked. They stay
// out of the book.
type PendingRows struct {
	At   time.Time          `json:"at"`
	Rows []bank.Transaction `json:"rows"`
}

// Lesson is a counter account that a person chose.
type Lesson struct {
	ID           string    `json:"id"`
	BankAccount  string    `json:"bankAccount"` // account id of the book
	Date         bank.Date `json:"date"`
	Amount       string    `json:"amount"` // signed from the bank account's view
	Text         string    `json:"text"`
	Counterparty string    `json:"counterparty,omitempty"`
	// CounterpartyAccount is its account or document number.
	CounterpartyAccount string `json:"counterpartyAccount,omitempty"`
	Kind                string `json:"kind,omitempty"`
	Category            string `json:"category,omitempty"`
	Account             string `json:"account"` // counter account id
}

// Learning is what a book's learner must know between lessons.
type Learning struct {
	Version        int       `json:"version"`                 // grows with every change of lessons
	Examined       int       `json:"examined,omitempty"`      // version whose lessons the open drafts were examined with
	Lessons        int       `json:"lessons,omitempty"`       // how many there are
	Settings       int       `json:"settings,omitempty"`      // grows with every change of how sure the learner has to be
	SettingsSeen   int       `json:"settingsSeen,omitempty"`  // those that the open drafts were examined with
	HistoryLearned time.Time `json:"historyLearned,omitzero"` // when the posted history had been read
	History        History   `json:"history,omitzero"`
	// Packed is the version of the lessons in the pages, 0 for none, and
	// PackedLessons how many these are.
	Packed        int `json:"packed,omitempty"`
	PackedLessons int `json:"packedLessons,omitempty"`
}

// History is how far the posted history of a book has been read, day by day.
type History struct {
	From bank.Date `json:"from,omitzero"`  // the first day
	Next bank.Date `json:"next,omitzero"`  // the first day that is not read yet
	To   bank.Date `json:"to,omitzero"`    // the last day
	Read int       `json:"read,omitempty"` // transactions
}

// LessonChange is what one version of a book's lessons has changed.
type LessonChange struct {
	Put  []Lesson `json:"put,omitempty"`
	Gone []string `json:"gone,omitempty"` // ids
}

// LessonPage is a part of the lessons of a book.
type LessonPage struct {
	Packed []byte `json:"packed"` // JSON texts, one after the other, by gzip
}

// LessonLogKey is the id of the change that made a version.
func LessonLogKey(bookID string, version int) string { return store.Key(bookID, VersionName(version)) }

// VersionName writes a number so that names are ordered as numbers are.
func VersionName(n int) string { return pad(int64(n)) }
