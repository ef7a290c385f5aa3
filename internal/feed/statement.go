package feed

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/statement"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// ImportRequest is a statement file and where to record it.
type ImportRequest struct {
	UserID    string // on whose behalf; may record into the book
	BookID    string
	AccountID string
	FileName  string
	Content   []byte
	// FileAccount chooses among the accounts of a file that has several: the
	// number as the file gives it, or its end. "" where there is only one.
	FileAccount string
}

// Import hands the rows of a statement file to the queue: they go the same way
// as those of a bank's feed. It returns the run that records them. Rows that
// cannot be read are in its problems; an error means that nothing was taken.
func (s *Service) Import(ctx context.Context, r ImportRequest) (ledger.Run, error) {
	chart, err := s.Completer.Chart(ctx, s.Books.For(r.UserID), r.BookID, r.AccountID)
	if err != nil {
		return ledger.Run{}, err
	}
	account, ok := chart.Accounts[r.AccountID]
	if !ok {
		return ledger.Run{}, errs.New(errs.NotFound, "The book has no such account. Choose the account that the statement belongs to.")
	}
	if account.Type != bkper.Asset && account.Type != bkper.Liability {
		return ledger.Run{}, errs.New(errs.Invalid, account.Name+" holds no money: a bank statement goes to an asset or a liability account. Choose another.")
	}
	if err := s.learnBefore(ctx, r.BookID, r.UserID); err != nil {
		// The rows arrive all the same, for a person to complete.
		s.Log.WarnContext(ctx, "history not learned", "book", r.BookID, "error", err)
	}
	currency, err := s.currencyOf(ctx, r.BookID, r.AccountID)
	if err != nil {
		return ledger.Run{}, err
	}
	file, err := statement.Read(r.FileName, r.Content, statement.Options{Currency: currency})
	if err != nil {
		// The sentences of that package are written for people.
		return ledger.Run{}, errs.Wrap(errs.Invalid, err, capitalised(err.Error())+".")
	}
	st, days, err := choose(file, r.FileAccount)
	if err != nil {
		return ledger.Run{}, err
	}
	if currency != "" && st.Currency != "" && st.Currency != currency {
		return ledger.Run{}, errs.New(errs.Invalid, fmt.Sprintf("The file is in %s, but the bank account that records into %s is in %s. Choose another account.", st.Currency, account.Name, currency))
	}
	source := sourceOf(file, st, r)
	t := target{
		BookID: r.BookID, AccountID: r.AccountID, UserID: r.UserID,
		Source: source, Origin: "file:" + source, File: true,
	}
	run := ledger.Run{
		ID: s.NewID(), Kind: ledger.FileRun, BookID: r.BookID, AccountID: r.AccountID, AccountName: account.Name,
		Title: r.FileName, StartedBy: r.UserID, StartedAt: s.Now(), Problems: problems(file, st),
	}
	for n, t := range st.Transactions {
		st.Transactions[n] = within(t)
	}
	rows := sortOut(st.Transactions, bank.Date{})
	all := batch{target: t, Complete: days, Again: true}
	if err := s.publishRun(ctx, run, rows, all, func(store.Tx) error { return nil }); err != nil {
		return ledger.Run{}, fmt.Errorf("importing %s: %w", r.FileName, err)
	}
	return s.Run(ctx, run.Key())
}

// Run returns a run as it stands now.
func (s *Service) Run(ctx context.Context, key string) (ledger.Run, error) {
	return s.records.Runs.Load(ctx, s.Engine, key)
}

// currencyOf is the currency of the bank account that feeds an account of the
// book, "" if none does.
func (s *Service) currencyOf(ctx context.Context, bookID, accountID string) (money.Currency, error) {
	var currency money.Currency
	err := s.Engine.View(ctx, func(tx store.Tx) error {
		all, err := s.records.IntegrationsOfBook(tx, bookID)
		for _, i := range all {
			if i.AccountID == accountID {
				currency = i.Currency
			}
		}
		return err
	})
	return currency, err
}

// choose picks the account to import: the only one with transactions, or the
// one that was named. Several statements of it count as one; days are those
// that they cover.
func choose(file statement.File, name string) (st statement.Statement, days []connectors.Days, err error) {
	var chosen []statement.Statement
	var accounts []string
	for _, st := range file.Statements {
		if !slices.Contains(accounts, st.Account.AccountID) {
			accounts = append(accounts, st.Account.AccountID)
		}
		if name == "" && len(st.Transactions)+len(st.Problems) == 0 || !strings.HasSuffix(st.Account.AccountID, name) {
			continue
		}
		if covered := daysOf(st); !covered.From.IsZero() {
			days = append(days, covered)
		}
		if len(chosen) > 0 && chosen[0].Account.AccountID == st.Account.AccountID {
			chosen[0].Transactions = append(chosen[0].Transactions, st.Transactions...)
			chosen[0].Problems = append(chosen[0].Problems, st.Problems...)
			continue
		}
		chosen = append(chosen, st)
	}
	list := strings.Join(accounts, ", ")
	switch {
	case len(chosen) == 1:
		return chosen[0], days, nil
	case len(chosen) > 1 && name == "":
		err = errs.New(errs.Invalid, "The file holds statements of several accounts ("+list+"). Say which of them goes to this account of the book.")
	case name != "":
		err = errs.New(errs.Invalid, "The file has no single account "+name+". It has: "+list+".")
	default:
		err = errs.New(errs.Invalid, "The file holds no transactions.")
	}
	return statement.Statement{}, nil, err
}

// daysOf are the days of which a statement says everything: those it names, or
// else those from its first to its last row.
func daysOf(st statement.Statement) connectors.Days {
	days := connectors.Days{From: st.From, To: st.To}
	for _, t := range st.Transactions {
		if !st.From.IsZero() && !st.To.IsZero() {
			break
		}
		if days.From.IsZero() || t.Date.Before(days.From) {
			days.From = t.Date
		}
		if t.Date.After(days.To) {
			days.To = t.Date
		}
	}
	return days
}

func capitalised(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}

// sourceOf names who gave the ids of a file: the kind of file and the account
// it names, or else the account it goes to.
func sourceOf(file statement.File, st statement.Statement, r ImportRequest) string {
	account := st.Account.BankID + "/" + st.Account.AccountID
	if st.Account.AccountID == "" {
		account = "book/" + r.AccountID
	}
	return strings.ToLower(file.Format) + "/" + account
}

const mostProblems = 200

func problems(file statement.File, st statement.Statement) []string {
	var all []string
	for _, p := range append(file.Problems, st.Problems...) {
		text := p.Reason
		if p.Text != "" {
			text = p.Text + ": " + text
		}
		if p.Line > 0 {
			text = fmt.Sprintf("line %d: %s", p.Line, text)
		}
		all = append(all, text)
	}
	return all[:min(len(all), mostProblems)]
}
