package panel

import (
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/link"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// The shapes of requests and answers. The description of the API is made of
// them: a doc tag says what a field is, an enum tag which values it takes.

type failure struct {
	Error errorView `json:"error"`
}

type errorView struct {
	Code    string `json:"code" doc:"What can be done about it, for programs."`
	Message string `json:"message" doc:"The same for people: a sentence."`
}

type done struct{}

type meView struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

type countriesView struct {
	Countries []countryView `json:"countries"`
}

type countryView struct {
	Code string `json:"code" doc:"ISO 3166-1 alpha-2."`
}

type institutionsView struct {
	Institutions []institutionView `json:"institutions"`
	More         bool              `json:"more" doc:"There are others: search with more letters."`
}

type institutionView struct {
	Connector   string `json:"connector"`
	ID          string `json:"id" doc:"Unique within its connector."`
	Name        string `json:"name"`
	Website     string `json:"website,omitempty"`
	Logo        string `json:"logo,omitempty" doc:"An https or data URL."`
	HistoryDays int    `json:"historyDays,omitempty" doc:"How many days back the bank tells, if that is known."`
}

type beginBody struct {
	BookID          string `json:"bookId" doc:"The book whose panel the person is in."`
	Connector       string `json:"connector,omitempty"`
	Institution     string `json:"institution,omitempty" doc:"Its id."`
	Country         string `json:"country,omitempty" doc:"ISO 3166-1 alpha-2."`
	PrivacyAccepted bool   `json:"privacyAccepted" doc:"The person has accepted the privacy notice. Must be true."`
	Since           string `json:"since,omitempty" doc:"The first day the person will want, yyyy-mm-dd, as far as known."`
	Language        string `json:"language,omitempty" doc:"BCP 47."`
	Reconnect       string `json:"reconnect,omitempty" doc:"The connection to renew; connector, institution and country are then its own."`
}

type attemptView struct {
	ID           string       `json:"id"`
	Status       string       `json:"status" enum:"form,redirect,done,failed,expired"`
	Institution  string       `json:"institution" doc:"Its name."`
	Title        string       `json:"title,omitempty"`
	Help         string       `json:"help,omitempty"`
	Fields       []fieldView  `json:"fields" doc:"What to ask the person; none if they only have to confirm."`
	Redirect     string       `json:"redirect,omitempty" doc:"The bank's own page, to be opened in a window of its own."`
	ConnectionID string       `json:"connectionId,omitempty" doc:"What came of it."`
	Problem      *problemView `json:"problem,omitempty"`
	Expires      time.Time    `json:"expires"`
}

type fieldView struct {
	Name   string `json:"name" doc:"The key of the answer."`
	Label  string `json:"label"`
	Secret bool   `json:"secret" doc:"Not to be shown while typed."`
	Code   bool   `json:"code" doc:"A one-time code."`
}

type answerBody struct {
	Answer map[string]string `json:"answer" doc:"A value for each field of the step."`
}

type problemView struct {
	Code     string    `json:"code"`
	Sentence string    `json:"sentence"`
	At       time.Time `json:"at"`
}

type connectionsView struct {
	Connections []connectionView `json:"connections"`
}

type connectionView struct {
	ID          string            `json:"id"`
	Institution institutionView   `json:"institution"`
	Country     string            `json:"country"`
	Status      string            `json:"status" enum:"Connected,Disconnected,Reconnect"`
	Problem     *problemView      `json:"problem,omitempty"`
	Expires     time.Time         `json:"expires,omitzero" doc:"When the bank will want the person again, if it says."`
	Accounts    []bankAccountView `json:"accounts"`
	CreatedAt   time.Time         `json:"createdAt"`
	LastSync    time.Time         `json:"lastSync,omitzero"`
	NextSync    time.Time         `json:"nextSync,omitzero"`
}

type bankAccountView struct {
	Key      string        `json:"key" doc:"Stays the same when the bank is linked anew."`
	Name     string        `json:"name"`
	Mask     string        `json:"mask,omitempty" doc:"Its last digits."`
	Kind     string        `json:"kind" enum:"checking,savings,credit_card,loan,other"`
	Currency string        `json:"currency" doc:"ISO 4217."`
	Balance  *balanceView  `json:"balance,omitempty"`
	Gone     bool          `json:"gone" doc:"The bank no longer lists it."`
	Periods  []link.Period `json:"periods" doc:"How far back to fetch: choices for people. Any other day will do as well."`
}

type balanceView struct {
	Amount string    `json:"amount" doc:"A decimal, signed."`
	Date   bank.Date `json:"date"`
}

type endingView struct {
	Stopped    int    `json:"stopped" doc:"How many integrations record nothing any more."`
	Revoked    bool   `json:"revoked" doc:"The provider has ended the authorization."`
	NotRevoked string `json:"notRevoked,omitempty" doc:"Why it has not, if it should have."`
}

type bookView struct {
	ID               string    `json:"id"`
	Name             string    `json:"name"`
	Permission       string    `json:"permission"`
	TimeZone         string    `json:"timeZone,omitempty"`
	FractionDigits   int       `json:"fractionDigits"`
	DecimalSeparator string    `json:"decimalSeparator,omitempty" enum:"DOT,COMMA"`
	DatePattern      string    `json:"datePattern,omitempty"`
	LockDate         bank.Date `json:"lockDate,omitzero"`
	ClosingDate      bank.Date `json:"closingDate,omitzero"`
}

type accountsView struct {
	Accounts []accountView `json:"accounts"`
}

type accountView struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Type     string `json:"type" enum:"ASSET,LIABILITY,INCOMING,OUTGOING"`
	Archived bool   `json:"archived"`
}

type integrationsView struct {
	Integrations []integrationView `json:"integrations"`
}

type integrationView struct {
	ID               string       `json:"id"`
	AccountID        string       `json:"accountId" doc:"The account of the book."`
	AccountName      string       `json:"accountName"`
	ConnectionID     string       `json:"connectionId,omitempty" doc:"If it is the caller's own."`
	ConnectionStatus string       `json:"connectionStatus,omitempty" enum:"Connected,Disconnected,Reconnect"`
	Institution      string       `json:"institution" doc:"Its name."`
	BankKey          string       `json:"bankKey"`
	BankName         string       `json:"bankName" doc:"What the bank calls the account."`
	Currency         string       `json:"currency"`
	Since            bank.Date    `json:"since"`
	AddedBy          string       `json:"addedBy" doc:"The name of the user on whose behalf it records."`
	CreatedAt        time.Time    `json:"createdAt"`
	Stopped          *problemView `json:"stopped,omitempty" doc:"Why nothing is recorded any more."`
	Notice           *problemView `json:"notice,omitempty" doc:"What to know while recording goes on."`
	Waiting          *problemView `json:"waiting,omitempty" doc:"Why the bank has told nothing of late."`
	Sureness         string       `json:"sureness" enum:"95,98,99,never" doc:"How sure the learner has to be to complete a draft: so many of 100 shall be right."`
	Totals           countsView   `json:"totals"`
	Pending          int          `json:"pending" doc:"Rows that the bank has announced and not booked."`
	LastRun          time.Time    `json:"lastRun,omitzero" doc:"When something came last."`
	LastSync         time.Time    `json:"lastSync,omitzero" doc:"When the bank was asked last."`
	NextSync         time.Time    `json:"nextSync,omitzero"`
}

type countsView struct {
	Came      int `json:"came" doc:"Reported by the bank or the file."`
	Recorded  int `json:"recorded" doc:"In the book because of this."`
	Completed int `json:"completed" doc:"Of those: with the counter account."`
	Matched   int `json:"matched" doc:"Were there already."`
	Changed   int `json:"changed" doc:"Changed or withdrawn by the bank."`
	Skipped   int `json:"skipped" doc:"Before the start date, or not readable."`
	Parked    int `json:"parked" doc:"Could not be recorded and wait for a person."`
}

type saveBody struct {
	ConnectionID string          `json:"connectionId"`
	BankKey      string          `json:"bankKey"`
	AccountID    string          `json:"accountId,omitempty" doc:"The account of the book, unless newAccount is given."`
	NewAccount   *newAccountBody `json:"newAccount,omitempty" doc:"An account to create in the book."`
	Since        string          `json:"since" doc:"The first day to record, yyyy-mm-dd."`
	Continues    string          `json:"continues,omitempty" doc:"The integration whose bank account this is under another key, where a bank that was linked anew gives out other keys: nothing that it has recorded comes twice."`
}

type newAccountBody struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty" enum:"ASSET,LIABILITY" doc:"Left out: what fits the bank account."`
}

type pendingView struct {
	At   time.Time        `json:"at,omitzero" doc:"When the bank said so."`
	Rows []pendingRowView `json:"rows"`
}

type pendingRowView struct {
	Date     bank.Date `json:"date"`
	Amount   string    `json:"amount" doc:"A decimal, negative where money leaves the account."`
	Currency string    `json:"currency"`
	Text     string    `json:"text"`
}

type runsView struct {
	Runs []runView `json:"runs" doc:"The newest first."`
	Next string    `json:"next,omitempty" doc:"The cursor of the next page, if there is one."`
}

type startedView struct {
	Runs []runView `json:"runs" doc:"One for each statement in the file. They go on; ask for them by id."`
}

type runView struct {
	ID            string     `json:"id"`
	Kind          string     `json:"kind" enum:"sync,file"`
	IntegrationID string     `json:"integrationId,omitempty"`
	AccountID     string     `json:"accountId"`
	AccountName   string     `json:"accountName"`
	Title         string     `json:"title"`
	StartedAt     time.Time  `json:"startedAt"`
	FinishedAt    time.Time  `json:"finishedAt,omitzero"`
	Done          bool       `json:"done"`
	Counts        countsView `json:"counts"`
	First         bank.Date  `json:"first,omitzero" doc:"The days of what came."`
	Last          bank.Date  `json:"last,omitzero"`
	Undone        int        `json:"undone" doc:"How many of the recorded were taken out of the book again."`
	Interrupted   bool       `json:"interrupted" doc:"It was cut short; everything is fetched again."`
	Problems      []string   `json:"problems" doc:"Rows of a file that could not be read."`
}

type runDetailView struct {
	Run      runView    `json:"run"`
	Undoable int        `json:"undoable" doc:"How many drafts undo would take out, as far as is known: recorded and touched by nobody. Counted on the first page."`
	Lines    []lineView `json:"lines" doc:"What became of each row."`
	Next     string     `json:"next,omitempty" doc:"The cursor of further lines, if there are any."`
}

type lineView struct {
	Date     bank.Date `json:"date,omitzero"`
	Amount   string    `json:"amount,omitempty"`
	Currency string    `json:"currency,omitempty"`
	Text     string    `json:"text"`
	Outcome  string    `json:"outcome" enum:"recorded,completed,matched,changed,skipped,parked"`
	Why      string    `json:"why,omitempty"`
}

type parkedView struct {
	Rows []parkedRowView `json:"rows"`
	More bool            `json:"more"`
}

type parkedRowView struct {
	RemoteID  string       `json:"remoteId"`
	AccountID string       `json:"accountId"`
	Date      bank.Date    `json:"date"`
	Amount    string       `json:"amount"`
	Currency  string       `json:"currency"`
	Text      string       `json:"text"`
	Problem   *problemView `json:"problem,omitempty"`
	Tries     int          `json:"tries"`
}

type retriedView struct {
	Rows int `json:"rows" doc:"How many are tried again."`
}

type deadView struct {
	Letters []letterView `json:"letters"`
}

type letterView struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Attempts  int       `json:"attempts"`
	Code      string    `json:"code"`
	Reason    string    `json:"reason"`
	Published time.Time `json:"published"`
	Died      time.Time `json:"died"`
}

// decimal writes an amount with the decimals of its currency, or more where
// the bank gave more.
func decimal(a money.Amount) string {
	if text, err := a.Number().StringFixed(a.Currency().Digits()); err == nil {
		return text
	}
	return a.Number().String()
}

func viewInstitution(connector string, i bank.Institution) institutionView {
	return institutionView{
		Connector: connector, ID: i.ID, Name: i.Name, Website: i.Website, Logo: i.Logo, HistoryDays: i.HistoryDays,
	}
}

func viewProblem(p *ledger.Problem) *problemView {
	if p == nil {
		return nil
	}
	sentence := p.Sentence
	if sentence == "" {
		sentence = errs.Public(errs.New(p.Code, ""))
	}
	return &problemView{Code: string(p.Code), Sentence: sentence, At: p.At}
}

func viewAttempt(a ledger.Attempt, now time.Time) attemptView {
	v := attemptView{
		ID: a.ID, Institution: a.Institution.Name, Expires: a.Expires, Fields: []fieldView{},
		ConnectionID: a.Done, Problem: viewProblem(a.Problem),
	}
	switch {
	case a.Done != "":
		v.Status = "done"
	case a.Problem != nil:
		v.Status = "failed"
	case !now.Before(a.Expires):
		v.Status = "expired"
	case a.Step.Redirect != "":
		v.Status, v.Redirect = "redirect", a.Step.Redirect
	default:
		v.Status, v.Title, v.Help = "form", a.Step.Title, a.Step.Help
		for _, f := range a.Step.Fields {
			v.Fields = append(v.Fields, fieldView(f))
		}
	}
	return v
}

func viewConnection(c ledger.Connection, today bank.Date) connectionView {
	v := connectionView{
		ID: c.ID, Institution: viewInstitution(c.Connector, c.Institution), Country: c.Country,
		Status: string(c.Status), Problem: viewProblem(c.Problem), Expires: c.Expires,
		CreatedAt: c.CreatedAt, LastSync: c.LastSync, NextSync: c.NextSync, Accounts: []bankAccountView{},
	}
	for _, a := range c.Accounts {
		account := bankAccountView{
			Key: a.Key, Name: a.Name, Mask: a.Mask, Kind: string(a.Kind), Currency: string(a.Currency), Gone: a.Gone,
			Periods: link.Periods(today, c.Institution.HistoryDays),
		}
		if a.Balance != nil {
			account.Balance = &balanceView{Amount: decimal(a.Balance.Booked), Date: a.Balance.Date}
		}
		v.Accounts = append(v.Accounts, account)
	}
	return v
}

func viewRun(r ledger.Run) runView {
	v := runView{
		ID: runID(r), Kind: string(r.Kind), IntegrationID: r.Integration, AccountID: r.AccountID, AccountName: r.AccountName,
		Title: r.Title, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, Done: isOver(r),
		Counts: countsView(r.Counts), First: r.First, Last: r.Last, Undone: r.Undone, Interrupted: r.Interrupted, Problems: []string{},
	}
	v.Problems = append(v.Problems, r.Problems...)
	return v
}

func viewLine(l ledger.JournalLine) lineView {
	v := lineView{Date: l.Date, Text: l.Text, Outcome: l.Outcome, Why: l.Why}
	if l.Amount.Currency() != "" {
		v.Amount, v.Currency = decimal(l.Amount), string(l.Amount.Currency())
	}
	return v
}
