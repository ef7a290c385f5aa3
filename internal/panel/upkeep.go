package panel

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/reconcile"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/transfer"
)

// Undoer takes what a run has recorded out of the book, and brings it back, on
// behalf of a user whose token is kept. Both go on after they return.
type Undoer interface {
	Undo(ctx context.Context, run ledger.Run, userID string) error
	Redo(ctx context.Context, run ledger.Run, userID string) error
}

// Transfers are the pairs of entries that are one transfer, or may be one.
type Transfers interface {
	Proposals(ctx context.Context, bookID string) ([]transfer.View, error)
	Joined(ctx context.Context, bookID string) ([]transfer.View, error)
	Accept(ctx context.Context, book transfer.Book, bookID, id string) error
	Reject(ctx context.Context, bookID, id string) error
	// Undo is named by the remote id of either end.
	Undo(ctx context.Context, book transfer.Book, bookID, remoteID string) error
}

// Reconciler says how ledger, banks and book agree.
type Reconciler interface {
	Report(ctx context.Context, bookID string) (reconcile.Report, error)
}

type undoneView struct {
	Run runView `json:"run" doc:"As it stood when this was asked for. It goes on: ask for the run until undone has changed."`
}

type transfersView struct {
	Proposals []transferView `json:"proposals" doc:"Wait for a person to decide. The latest first."`
	Joined    []transferView `json:"joined" doc:"Are one transaction of the book. The latest first."`
}

type transferView struct {
	ID     string          `json:"id"`
	Reason string          `json:"reason" doc:"Why the two are one, or why that is only proposed: a sentence."`
	Out    transferEndView `json:"out" doc:"Where the money left."`
	In     transferEndView `json:"in" doc:"Where it arrived."`
	At     time.Time       `json:"at" doc:"When it was proposed or joined."`
}

type transferEndView struct {
	AccountID     string    `json:"accountId" doc:"The account of the book."`
	AccountName   string    `json:"accountName,omitempty"`
	Date          bank.Date `json:"date,omitzero"`
	Amount        string    `json:"amount" doc:"A decimal, negative where money leaves the account."`
	Currency      string    `json:"currency"`
	Text          string    `json:"text" doc:"The bank's."`
	TransactionID string    `json:"transactionId,omitempty" doc:"Of the book."`
	RemoteID      string    `json:"remoteId"`
}

type reconciliationView struct {
	Balances     []balanceCheckView `json:"balances" doc:"Of each integration, as they are now."`
	At           time.Time          `json:"at,omitzero" doc:"When the book was compared last; left out if it never was."`
	From         bank.Date          `json:"from,omitzero" doc:"The first day compared."`
	Entries      int                `json:"entries" doc:"Bank transactions compared."`
	Transactions int                `json:"transactions" doc:"Transactions of the book looked through."`
	Healed       int                `json:"healed" doc:"Differences that the app has taken over from the book by itself."`
	Findings     []findingView      `json:"findings" doc:"The first of those that counts counts."`
	Counts       []findingCountView `json:"counts" doc:"All findings by kind."`
	Problem      *problemView       `json:"problem,omitempty" doc:"Why the book could not be read."`
}

type balanceCheckView struct {
	IntegrationID string    `json:"integrationId"`
	AccountName   string    `json:"accountName" doc:"Of the book."`
	Institution   string    `json:"institution" doc:"Its name."`
	BankName      string    `json:"bankName" doc:"What the bank calls the account."`
	Currency      string    `json:"currency"`
	State         string    `json:"state" enum:"agrees,differs,unknown" doc:"Whether what the bank has told adds up to its balance; unknown: it cannot be told, or not yet."`
	Sentence      string    `json:"sentence" doc:"The same for people."`
	Booked        string    `json:"booked,omitempty" doc:"What the bank says: a decimal, signed."`
	Date          bank.Date `json:"date,omitzero" doc:"Of that balance."`
	Difference    string    `json:"difference,omitempty" doc:"What the bank says less what its transactions make, if it is not zero."`
	Since         bank.Date `json:"since,omitzero" doc:"The first day on which they differed."`
}

type findingView struct {
	Kind          string    `json:"kind" enum:"trashed,live,changed,merged,edited,elsewhere,flagged,twice,gone,unknown,claimed,parked"`
	Date          bank.Date `json:"date,omitzero"`
	Amount        string    `json:"amount,omitempty" doc:"A decimal, negative where money leaves the account."`
	Currency      string    `json:"currency,omitempty"`
	Text          string    `json:"text"`
	Sentence      string    `json:"sentence" doc:"What differs."`
	TransactionID string    `json:"transactionId,omitempty" doc:"Of the book."`
	RemoteID      string    `json:"remoteId"`
	Healed        bool      `json:"healed" doc:"The app has taken over what the book says: nothing is to be done."`
}

type findingCountView struct {
	Kind  string `json:"kind" enum:"trashed,live,changed,merged,edited,elsewhere,flagged,twice,gone,unknown,claimed,parked"`
	Count int    `json:"count"`
}

func undoRun(c *call) (int, any, error) { return c.turn(c.panel.Undoer.Undo) }
func redoRun(c *call) (int, any, error) { return c.turn(c.panel.Undoer.Redo) }

// turn asks to undo a run or to bring it back.
func (c *call) turn(ask func(context.Context, ledger.Run, string) error) (int, any, error) {
	key, err := runKey(c.book.ID, c.param("runId"))
	if err != nil {
		return 0, nil, err
	}
	r, err := c.records().Runs.Load(c.ctx(), c.panel.Engine, key)
	if err != nil {
		return 0, nil, notFound(err, "run")
	}
	if !isOver(r) {
		return 0, nil, errs.New(errs.Conflict, "This run is still recording. Wait until it is done.")
	}
	if err := c.panel.Keeper.Remember(c.ctx(), c.user); err != nil {
		return 0, nil, err
	}
	if err := ask(c.ctx(), r, c.user.ID); err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, undoneView{viewRun(r)}, nil
}

func isOver(r ledger.Run) bool { return !r.FinishedAt.IsZero() || r.AllDone() }

// undoable counts the drafts that undoing a run would take out of the book, as
// far as is known without asking the book.
func undoable(tx store.Tx, records ledger.Collections, r ledger.Run) (n int, err error) {
	if r.First.IsZero() || !isOver(r) {
		return 0, nil
	}
	err = records.Entries.Scan(tx, ledger.EntryDays(r.BookID, r.First, r.Last), func(_ string, e ledger.Entry) (bool, error) {
		// The ends of a transfer are made two again before they are taken out.
		inBook := e.State == ledger.Recorded || e.State == ledger.Merged || e.State == ledger.Undoing
		if e.Run == r.ID && inBook && !e.Touched {
			n++
		}
		return true, nil
	})
	return n, err
}

func transfers(c *call) (int, any, error) {
	proposals, err := c.panel.Transfers.Proposals(c.ctx(), c.book.ID)
	if err != nil {
		return 0, nil, err
	}
	joined, err := c.panel.Transfers.Joined(c.ctx(), c.book.ID)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, transfersView{viewTransfers(proposals), viewTransfers(joined)}, nil
}

func acceptTransfer(c *call) (int, any, error) {
	if err := c.panel.Transfers.Accept(c.ctx(), c.client, c.book.ID, c.param("transferId")); err != nil {
		return 0, nil, err
	}
	return transfers(c)
}

func rejectTransfer(c *call) (int, any, error) {
	if err := c.panel.Transfers.Reject(c.ctx(), c.book.ID, c.param("transferId")); err != nil {
		return 0, nil, err
	}
	return transfers(c)
}

func undoTransfer(c *call) (int, any, error) {
	joined, err := c.panel.Transfers.Joined(c.ctx(), c.book.ID)
	if err != nil {
		return 0, nil, err
	}
	at := slices.IndexFunc(joined, func(v transfer.View) bool { return v.ID == c.param("transferId") })
	if at < 0 {
		return 0, nil, errs.New(errs.NotFound, "There is no such transfer. It may have been undone meanwhile.")
	}
	if err := c.panel.Transfers.Undo(c.ctx(), c.client, c.book.ID, joined[at].Out.RemoteID); err != nil {
		return 0, nil, err
	}
	// An end that the book has lost meanwhile is recorded again.
	if _, err := c.panel.Retrier.RetryParked(c.ctx(), c.book.ID); err != nil {
		return 0, nil, err
	}
	return transfers(c)
}

func reconciliation(c *call) (int, any, error) {
	report, err := c.panel.Reconciler.Report(c.ctx(), c.book.ID)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, viewReconciliation(report), nil
}

func viewTransfers(all []transfer.View) []transferView {
	views := []transferView{}
	for _, t := range all {
		views = append(views, transferView{ID: t.ID, Reason: t.Reason, Out: viewEnd(t.Out), In: viewEnd(t.In), At: t.At})
	}
	return views
}

func viewEnd(e transfer.End) transferEndView {
	v := transferEndView{
		AccountID: e.AccountID, AccountName: e.AccountName, TransactionID: e.TransactionID, RemoteID: e.RemoteID,
	}
	v.tell(e.Row)
	return v
}

// tell fills in what the bank says.
func (v *transferEndView) tell(row bank.Transaction) {
	v.Date, v.Amount, v.Currency, v.Text = row.Date, decimal(row.Amount), string(row.Amount.Currency()), row.Description
}

func viewReconciliation(r reconcile.Report) reconciliationView {
	v := reconciliationView{
		Balances: []balanceCheckView{}, At: r.At, From: r.From, Entries: r.Entries, Transactions: r.Transactions,
		Healed: r.Healed, Findings: []findingView{}, Counts: []findingCountView{}, Problem: viewProblem(r.Problem),
	}
	for _, b := range r.Balances {
		i := b.Integration
		check := balanceCheckView{
			IntegrationID: i.ID, AccountName: i.AccountName, Institution: i.Institution, BankName: i.BankName,
			Currency: string(i.Currency), State: string(b.State), Sentence: b.Sentence, Date: b.Date, Since: b.Since,
		}
		if !b.Date.IsZero() {
			check.Booked = decimal(b.Booked)
		}
		if !b.Difference.IsZero() {
			check.Difference = decimal(b.Difference)
		}
		v.Balances = append(v.Balances, check)
	}
	for _, f := range r.Findings {
		view := findingView{
			Kind: string(f.Kind), Date: f.Date, Text: f.Text, Sentence: f.Sentence,
			TransactionID: f.TransactionID, RemoteID: f.RemoteID, Healed: f.Healed,
		}
		if f.Amount.Currency() != "" || !f.Amount.IsZero() {
			view.Amount, view.Currency = decimal(f.Amount), string(f.Amount.Currency())
		}
		v.Findings = append(v.Findings, view)
	}
	for kind, n := range r.Counts {
		v.Counts = append(v.Counts, findingCountView{string(kind), n})
	}
	slices.SortFunc(v.Counts, func(a, b findingCountView) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind, b.Kind))
	})
	return v
}
