package bkper

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/bank-connections/bkper-bot/internal/errs"
)

// LargestBatch is how many transactions one call may carry.
const LargestBatch = 100

// Page sizes of lists of transactions.
const (
	defaultPage = 200
	largestPage = 1000
)

type list[T any] struct {
	Items []T `json:"items"`
}

// User returns the user of the token.
func (c *Client) User(ctx context.Context) (User, error) {
	var user User
	err := c.get(ctx, &user, nil, "user")
	return user, err
}

// Books returns the books that the user sees, without accounts.
func (c *Client) Books(ctx context.Context) ([]Book, error) {
	var books list[Book]
	err := c.get(ctx, &books, nil, "books")
	return books.Items, err
}

// BookDetail says what to load with a book.
type BookDetail struct{ Accounts, Groups bool }

// Book returns a book.
func (c *Client) Book(ctx context.Context, id string, with BookDetail) (Book, error) {
	query := url.Values{}
	if with.Accounts {
		query.Set("loadAccounts", "true")
	}
	if with.Groups {
		query.Set("loadGroups", "true")
	}
	var book Book
	err := c.get(ctx, &book, query, "books", id)
	return book, err
}

// Accounts returns all accounts of the book, archived ones too.
func (c *Client) Accounts(ctx context.Context, bookID string) ([]Account, error) {
	var accounts list[Account]
	err := c.get(ctx, &accounts, nil, "books", bookID, "accounts")
	return accounts.Items, err
}

// Account returns the account of that id or name.
func (c *Client) Account(ctx context.Context, bookID, idOrName string) (Account, error) {
	var account Account
	err := c.get(ctx, &account, nil, "books", bookID, "accounts", idOrName)
	return account, err
}

// CreateAccount creates an account and returns it with its id.
func (c *Client) CreateAccount(ctx context.Context, bookID string, account Account) (Account, error) {
	var created Account
	err := c.do(ctx, request{method: http.MethodPost, path: []string{"books", bookID, "accounts"}, body: account, out: &created})
	return created, err
}

// Groups returns all groups of the book.
func (c *Client) Groups(ctx context.Context, bookID string) ([]Group, error) {
	var groups list[Group]
	err := c.get(ctx, &groups, nil, "books", bookID, "groups")
	return groups.Items, err
}

// Transaction returns one transaction.
func (c *Client) Transaction(ctx context.Context, bookID, id string) (Transaction, error) {
	var t Transaction
	err := c.get(ctx, &t, nil, "books", bookID, "transactions", id)
	return t, err
}

// TransactionPage returns one page of what the query finds; "" as cursor asks
// for the first. A limit of 0 is 200; Bkper gives at most 1000.
func (c *Client) TransactionPage(ctx context.Context, bookID, query string, limit int, cursor string) (TransactionList, error) {
	if limit <= 0 {
		limit = defaultPage
	}
	values := url.Values{"limit": {strconv.Itoa(min(limit, largestPage))}}
	if query != "" {
		values.Set("query", query)
	}
	var page TransactionList
	err := c.do(ctx, request{
		method: http.MethodGet, path: []string{"books", bookID, "transactions"},
		query: values, cursor: cursor, out: &page, repeat: true,
	})
	return page, err
}

// Transactions returns all that the query finds, in pages of pageSize (0 is
// 200). An error is the last thing it yields. Whether trashed transactions are
// among what is found is not the same for every query: look at Trashed.
func (c *Client) Transactions(ctx context.Context, bookID, query string, pageSize int) iter.Seq2[Transaction, error] {
	return func(yield func(Transaction, error) bool) {
		seen := map[string]bool{"": true}
		for cursor := ""; ; {
			page, err := c.TransactionPage(ctx, bookID, query, pageSize, cursor)
			if err != nil {
				yield(Transaction{}, err)
				return
			}
			for _, t := range page.Items {
				if !yield(t, nil) {
					return
				}
			}
			cursor = page.Cursor
			if seen[cursor] {
				return
			}
			seen[cursor] = true
		}
	}
}

// FindRemoteID returns the transactions of the book that carry the remote id,
// trashed ones too, those not trashed first.
func (c *Client) FindRemoteID(ctx context.Context, bookID, remoteID string) ([]Transaction, error) {
	query, err := QueryRemoteID(remoteID)
	if err != nil {
		return nil, err
	}
	var live, trashed []Transaction
	seen := map[string]bool{}
	for _, query := range []string{query, query + " " + IsTrashed} {
		for t, err := range c.Transactions(ctx, bookID, query, 0) {
			switch {
			case err != nil:
				return nil, err
			case seen[t.ID] || !t.HasRemoteID(remoteID):
			case t.Trashed:
				trashed = append(trashed, t)
			default:
				live = append(live, t)
			}
			seen[t.ID] = true
		}
	}
	return append(live, trashed...), nil
}

// CreateTransactions records up to LargestBatch transactions, each with at
// least one remote id, none of which occurs twice. It returns what the book
// recorded, by remote id. One that is missing there was in the book already,
// or was not recorded: only FindRemoteID can tell.
//
// It is never repeated while the outcome of a try is Unknown, because the book
// records again what a person has trashed.
func (c *Client) CreateTransactions(ctx context.Context, bookID string, transactions []Transaction) (map[string]Transaction, error) {
	r := request{method: http.MethodPost, path: []string{"books", bookID, "transactions", "batch"}}
	asked := make(map[string]bool, len(transactions))
	for i, t := range transactions {
		if len(t.RemoteIDs) == 0 {
			return nil, r.fail(errs.Invalid, fmt.Sprintf("transaction %d has no remote id", i), "")
		}
		for _, id := range t.RemoteIDs {
			if err := CheckRemoteID(id); err != nil {
				return nil, r.fail(errs.Invalid, err.Error(), "")
			}
			if asked[id] {
				return nil, r.fail(errs.Invalid, "remote id "+id+" occurs twice", "")
			}
			asked[id] = true
		}
	}
	items, err := c.batch(ctx, r, transactions)
	if err != nil {
		return nil, err
	}
	created := make(map[string]Transaction, len(items))
	for _, t := range items {
		for _, id := range t.RemoteIDs {
			if asked[id] {
				created[id] = t
			}
		}
	}
	return created, nil
}

// UpdateTransactions writes up to LargestBatch transactions, each with its id,
// and returns what they became, by id. Checked ones are refused or left alone
// unless updateChecked.
func (c *Client) UpdateTransactions(ctx context.Context, bookID string, transactions []Transaction, updateChecked bool) (map[string]Transaction, error) {
	r := request{method: http.MethodPut, path: []string{"books", bookID, "transactions", "batch"}, repeat: true}
	if updateChecked {
		r.query = url.Values{"updateChecked": {"true"}}
	}
	if err := r.needIDs(transactions); err != nil {
		return nil, err
	}
	items, err := c.batch(ctx, r, transactions)
	if err != nil {
		return nil, err
	}
	updated := make(map[string]Transaction, len(items))
	for _, t := range items {
		updated[t.ID] = t
	}
	return updated, nil
}

// TrashTransactions trashes up to LargestBatch transactions. Checked ones are
// refused or left alone unless trashChecked.
func (c *Client) TrashTransactions(ctx context.Context, bookID string, transactions []Transaction, trashChecked bool) error {
	r := request{method: http.MethodPatch, path: []string{"books", bookID, "transactions", "trash", "batch"}, repeat: true}
	if trashChecked {
		r.query = url.Values{"trashChecked": {"true"}}
	}
	return c.batchOf(ctx, r, transactions)
}

// PostTransactions posts up to LargestBatch drafts.
func (c *Client) PostTransactions(ctx context.Context, bookID string, transactions []Transaction) error {
	return c.batchOf(ctx, request{method: http.MethodPatch, path: []string{"books", bookID, "transactions", "post", "batch"}, repeat: true}, transactions)
}

// batch sends transactions and returns those of the answer.
func (c *Client) batch(ctx context.Context, r request, transactions []Transaction) ([]Transaction, error) {
	if len(transactions) == 0 {
		return nil, nil
	}
	if len(transactions) > LargestBatch {
		return nil, r.fail(errs.Invalid, fmt.Sprintf("%d transactions are more than %d", len(transactions), LargestBatch), "")
	}
	var answer list[Transaction]
	r.body, r.out = list[Transaction]{transactions}, &answer
	err := c.do(ctx, r)
	return answer.Items, err
}

// batchOf sends transactions that have ids, and expects no answer.
func (c *Client) batchOf(ctx context.Context, r request, transactions []Transaction) error {
	if err := r.needIDs(transactions); err != nil || len(transactions) == 0 {
		return err
	}
	if len(transactions) > LargestBatch {
		return r.fail(errs.Invalid, fmt.Sprintf("%d transactions are more than %d", len(transactions), LargestBatch), "")
	}
	r.body = list[Transaction]{transactions}
	return c.do(ctx, r)
}

func (r request) needIDs(transactions []Transaction) error {
	for i, t := range transactions {
		if t.ID == "" {
			return r.fail(errs.Invalid, fmt.Sprintf("transaction %d has no id", i), "")
		}
	}
	return nil
}

// CreateTransaction records one transaction. What it answers to a remote id
// that exists already is not documented: for bank rows use CreateTransactions.
func (c *Client) CreateTransaction(ctx context.Context, bookID string, t Transaction) (Transaction, error) {
	return c.operate(ctx, request{method: http.MethodPost, path: []string{"books", bookID, "transactions"}, body: t})
}

// UpdateTransaction writes a transaction that has an id.
func (c *Client) UpdateTransaction(ctx context.Context, bookID string, t Transaction) (Transaction, error) {
	return c.change(ctx, http.MethodPut, bookID, t)
}

// Post posts a draft. As with all these, give the transaction as it was read:
// Bkper takes its content along with its id.
func (c *Client) Post(ctx context.Context, bookID string, t Transaction) (Transaction, error) {
	return c.change(ctx, http.MethodPatch, bookID, t, "post")
}

// Check marks a posted transaction as checked.
func (c *Client) Check(ctx context.Context, bookID string, t Transaction) (Transaction, error) {
	return c.change(ctx, http.MethodPatch, bookID, t, "check")
}

// Uncheck makes a checked transaction editable again.
func (c *Client) Uncheck(ctx context.Context, bookID string, t Transaction) (Transaction, error) {
	return c.change(ctx, http.MethodPatch, bookID, t, "uncheck")
}

// Trash moves a transaction to the trash.
func (c *Client) Trash(ctx context.Context, bookID string, t Transaction) (Transaction, error) {
	return c.change(ctx, http.MethodPatch, bookID, t, "trash")
}

// Restore takes a transaction back out of the trash.
func (c *Client) Restore(ctx context.Context, bookID string, t Transaction) (Transaction, error) {
	return c.change(ctx, http.MethodPatch, bookID, t, "restore")
}

// change sends a transaction that must have an id, without which Bkper would
// create it.
func (c *Client) change(ctx context.Context, method, bookID string, t Transaction, verb ...string) (Transaction, error) {
	r := request{method: method, path: append([]string{"books", bookID, "transactions"}, verb...), body: t, repeat: true}
	if err := r.needIDs([]Transaction{t}); err != nil {
		return Transaction{}, err
	}
	return c.operate(ctx, r)
}

func (c *Client) operate(ctx context.Context, r request) (Transaction, error) {
	var operation TransactionOperation
	r.out = &operation
	err := c.do(ctx, r)
	return operation.Transaction, err
}

// File returns a file with its content.
func (c *Client) File(ctx context.Context, bookID, id string) (File, error) {
	var file File
	err := c.get(ctx, &file, nil, "books", bookID, "files", id)
	return file, err
}

// Integrations returns what works in the book: apps and banks.
func (c *Client) Integrations(ctx context.Context, bookID string) ([]Integration, error) {
	var integrations list[Integration]
	err := c.get(ctx, &integrations, nil, "books", bookID, "integrations")
	return integrations.Items, err
}

// CreateIntegration adds an integration to the book. With nothing but an
// AgentID it installs that app.
func (c *Client) CreateIntegration(ctx context.Context, bookID string, integration Integration) (Integration, error) {
	var created Integration
	err := c.do(ctx, request{method: http.MethodPost, path: []string{"books", bookID, "integrations"}, body: integration, out: &created})
	return created, err
}

// UpdateIntegration writes an integration that has an id.
func (c *Client) UpdateIntegration(ctx context.Context, bookID string, integration Integration) (Integration, error) {
	var updated Integration
	r := request{method: http.MethodPut, path: []string{"books", bookID, "integrations"}, body: integration, out: &updated, repeat: true}
	if integration.ID == "" {
		return updated, r.fail(errs.Invalid, "the integration has no id", "")
	}
	err := c.do(ctx, r)
	return updated, err
}

// DeleteIntegration takes an integration out of the book.
func (c *Client) DeleteIntegration(ctx context.Context, bookID, id string) error {
	return c.do(ctx, request{method: http.MethodDelete, path: []string{"books", bookID, "integrations", id}, repeat: true})
}

func (c *Client) get(ctx context.Context, out any, query url.Values, path ...string) error {
	return c.do(ctx, request{method: http.MethodGet, path: path, query: query, out: out, repeat: true})
}
