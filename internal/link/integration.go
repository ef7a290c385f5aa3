package link

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/identity"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

const longestName = 100

// SaveRequest says which bank account records into which account of a book,
// since when. Exactly one of AccountID and NewAccount is set.
type SaveRequest struct {
	ConnectionID string
	BankKey      string
	AccountID    string
	NewAccount   *NewAccount
	Since        bank.Date
	// Continues is the integration of the book whose bank account this is under
	// another key, as some banks give out when they are linked anew; "" for
	// none. Only a person can know it. What was recorded through it is known.
	Continues string
}

// NewAccount is an account to be created in the book. If the book has one of
// that name and type already, that one is taken.
type NewAccount struct {
	Name string
	// Type is Asset or Liability; "" is what fits the bank account.
	Type bkper.AccountType
}

// Saved is an integration as it was saved.
type Saved struct {
	ledger.Integration
	// New says that the bank account had no integration in this book before.
	New bool
}

// SaveIntegration makes a bank account record into an account of the book, or
// changes where and since when it does. A bank account has at most one
// integration in a book, also when its bank was linked anew: then the
// integration moves to the new connection. To save it again, with the same
// period or another, fetches everything since that day once more; nothing
// comes twice.
func (s *Service) SaveIntegration(ctx context.Context, user identity.User, bookID string, req SaveRequest) (Saved, error) {
	client := s.Books.As(bkper.StaticToken(user.Token))
	if _, err := identity.Permission(ctx, client, bookID); err != nil {
		return Saved{}, err
	}
	connection, account, err := s.source(ctx, user, req)
	if err != nil {
		return Saved{}, err
	}
	target, err := s.target(ctx, client, bookID, req, account)
	if err != nil {
		return Saved{}, err
	}
	if err := s.Keeper.Remember(ctx, user); err != nil {
		return Saved{}, err
	}

	now := s.Now()
	id := s.NewID()
	var saved Saved
	learn := false
	err = s.Engine.Update(ctx, func(tx store.Tx) error {
		current, err := s.ownIn(tx, user, connection.ID)
		if err != nil {
			return err
		}
		if err := usable(current); err != nil {
			return err
		}
		others, err := s.Records.IntegrationsOfBook(tx, bookID)
		if err != nil {
			return err
		}
		learning, _, err := s.Records.Learning.Find(tx, store.Key(bookID))
		if err != nil {
			return err
		}
		learn = learning.HistoryLearned.IsZero()

		origin := ledger.Origin(current.Connector, current.Institution.ID, account.Key)
		saved = Saved{New: true, Integration: ledger.Integration{ID: id, BookID: bookID, CreatedAt: now}}
		before, err := earlier(others, current, account, req.Continues)
		if err != nil {
			return err
		}
		if before != nil {
			saved = Saved{Integration: *before}
			saved.Resync++
			origin = before.Origin
		}
		saved.ConnectionID, saved.Origin = current.ID, origin
		saved.BankKey, saved.BankName, saved.Currency = account.Key, account.Name, account.Currency
		saved.Institution = current.Institution.Name
		saved.AccountID, saved.AccountName = target.ID, target.Name
		saved.Since, saved.Told, saved.AddedBy = req.Since, bank.Date{}, user.ID
		saved.Stopped, saved.Notice = nil, s.shared(others, saved.Integration)

		// The position is good for what was wanted before; the feed still asks
		// from there what was withdrawn since, before it fetches all anew.
		current.Wanted, current.NextSync = "", now
		if err := s.Records.Connections.Put(tx, store.Key(current.ID), current); err != nil {
			return err
		}
		if before != nil && before.ConnectionID != saved.ConnectionID {
			if err := s.Records.DeleteIntegration(tx, *before); err != nil {
				return err
			}
		}
		return s.Records.PutIntegration(tx, saved.Integration)
	})
	if err != nil {
		return Saved{}, fmt.Errorf("saving an integration: %w", err)
	}
	if err := s.start(ctx, saved, learn); err != nil {
		return saved, errs.Wrap(errs.Unavailable, err, "The integration is saved, but fetching could not be started. Press Save Integration again.")
	}
	return saved, nil
}

// earlier returns the integration of a book that a bank account has already, or
// goes on with; nil if there is none.
func earlier(all []ledger.Integration, c ledger.Connection, account ledger.BankAccount, continues string) (*ledger.Integration, error) {
	origin := ledger.Origin(c.Connector, c.Institution.ID, account.Key)
	at := slices.IndexFunc(all, func(i ledger.Integration) bool {
		return i.Origin == origin || i.ConnectionID == c.ID && i.BankKey == account.Key
	})
	if continues == "" || at >= 0 && all[at].ID == continues {
		if at < 0 {
			return nil, nil
		}
		return &all[at], nil
	}
	if at >= 0 {
		return nil, errs.New(errs.Invalid, "This bank account records into the book already. It cannot go on with another one's integration.")
	}
	at = slices.IndexFunc(all, func(i ledger.Integration) bool { return i.ID == continues })
	if at >= 0 {
		if other, listed := c.Account(all[at].BankKey); listed && !other.Gone {
			return nil, errs.New(errs.Conflict, "The bank lists "+other.Name+" besides, which records already: the two are different accounts.")
		}
	}
	switch {
	case at < 0:
		return nil, errs.New(errs.NotFound, "The integration to go on with is not there any more. Reload the page.")
	case all[at].Institution != c.Institution.Name || all[at].Currency != account.Currency:
		return nil, errs.New(errs.Invalid, "The integration to go on with is of another bank or currency.")
	}
	return &all[at], nil
}

func (s *Service) start(ctx context.Context, saved Saved, learn bool) error {
	if learn {
		if err := s.Wake.Learn(ctx, saved.BookID, saved.AddedBy); err != nil {
			return fmt.Errorf("asking to learn from book %s: %w", saved.BookID, err)
		}
	}
	if err := s.Wake.Sync(ctx, saved.ConnectionID); err != nil {
		return fmt.Errorf("asking for a sync of connection %s: %w", saved.ConnectionID, err)
	}
	return nil
}

// source returns the bank account that is to record.
func (s *Service) source(ctx context.Context, user identity.User, req SaveRequest) (ledger.Connection, ledger.BankAccount, error) {
	none := ledger.BankAccount{}
	c, err := s.own(ctx, user, req.ConnectionID)
	if err != nil {
		return c, none, err
	}
	if err := usable(c); err != nil {
		return c, none, err
	}
	account, ok := c.Account(req.BankKey)
	switch {
	case !ok:
		return c, none, errs.New(errs.NotFound, "This connection has no such bank account.")
	case account.Gone:
		return c, none, errs.New(errs.AccountGone, "")
	case req.Since.IsZero():
		return c, none, errs.New(errs.Invalid, "Choose the day to start from.")
	case req.Since.After(bank.DateOf(s.Now().UTC()).AddDays(1)):
		// One day more, because somewhere the next day has begun.
		return c, none, errs.New(errs.Invalid, "The day to start from is in the future.")
	}
	return c, account, nil
}

// target returns the account of the book, created if need be.
func (s *Service) target(
	ctx context.Context, client *bkper.Client, bookID string, req SaveRequest, from ledger.BankAccount,
) (bkper.Account, error) {
	if (req.AccountID == "") == (req.NewAccount == nil) {
		return bkper.Account{}, errs.New(errs.Invalid, "Choose the account of the book, or name a new one.")
	}
	if req.AccountID != "" {
		account, err := client.Account(ctx, bookID, req.AccountID)
		if err == nil && account.ID != req.AccountID {
			err = errs.New(errs.NotFound, "") // the book takes names as well
		}
		if errs.Is(err, errs.NotFound) {
			return account, errs.Wrap(errs.NotFound, err, "The book has no such account.")
		}
		if err != nil {
			return account, err
		}
		return account, fit(account)
	}
	wanted, err := newAccount(*req.NewAccount, from)
	if err != nil {
		return bkper.Account{}, err
	}
	known, err := accountNamed(ctx, client, bookID, wanted.Name)
	if err != nil {
		return bkper.Account{}, err
	}
	if known == nil {
		return client.CreateAccount(ctx, bookID, wanted)
	}
	if known.Type != wanted.Type {
		return bkper.Account{}, errs.New(errs.Conflict, "The book has an account of this name already, of another type. Choose another name.")
	}
	return *known, fit(*known)
}

func newAccount(n NewAccount, from ledger.BankAccount) (bkper.Account, error) {
	account := bkper.Account{Name: strings.TrimSpace(n.Name), Type: n.Type}
	if account.Type == "" {
		account.Type = bkper.Asset
		if from.Kind == bank.CreditCard || from.Kind == bank.Loan {
			account.Type = bkper.Liability
		}
	}
	if account.Name == "" || len(account.Name) > longestName || strings.ContainsFunc(account.Name, unicode.IsControl) {
		return account, errs.New(errs.Invalid, fmt.Sprintf("Name the new account, in at most %d letters.", longestName))
	}
	return account, fit(account)
}

// accountNamed returns the account of that name, or nil.
func accountNamed(ctx context.Context, client *bkper.Client, bookID, name string) (*bkper.Account, error) {
	accounts, err := client.Accounts(ctx, bookID)
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if plain(a.Name) == plain(name) {
			return &a, nil
		}
	}
	return nil, nil
}

// fit refuses accounts that a bank account cannot be.
func fit(a bkper.Account) error {
	switch {
	case a.Type != bkper.Asset && a.Type != bkper.Liability:
		return errs.New(errs.Invalid, "A bank account records into an asset or a liability account.")
	case a.Archived:
		return errs.New(errs.Invalid, "This account is archived. Choose another, or take it out of the archive first.")
	}
	return nil
}

// shared is the notice that other bank accounts record into the account of i.
func (s *Service) shared(others []ledger.Integration, i ledger.Integration) *ledger.Problem {
	var names []string
	for _, o := range others {
		if o.AccountID == i.AccountID && o.Origin != i.Origin {
			names = append(names, o.Institution+" "+o.BankName)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return s.problem(errs.Conflict, i.AccountName+" also receives "+strings.Join(names, ", ")+
		". If these are different accounts at the bank, give each its own account of the book.")
}

// RemoveIntegration stops a bank account from recording into the book and
// forgets the setting. What it has recorded stays in the book and stays known.
func (s *Service) RemoveIntegration(ctx context.Context, user identity.User, bookID, id string) error {
	if _, err := identity.Permission(ctx, s.Books.As(bkper.StaticToken(user.Token)), bookID); err != nil {
		return err
	}
	err := s.Engine.Update(ctx, func(tx store.Tx) error {
		i, err := s.Records.Integrations.Get(tx, store.Key(bookID, id))
		if err != nil {
			return err
		}
		return s.forget(tx, i)
	})
	if err != nil {
		return fmt.Errorf("removing an integration: %w", gone(err, "integration"))
	}
	return nil
}

// SetSureness says how sure the learner has to be to complete what an
// integration brings: 95, 98 or 99 of 100, or 100 for never. Open drafts that
// it is sure enough of then are completed; what is completed stays.
func (s *Service) SetSureness(ctx context.Context, user identity.User, bookID, id string, sureness int) (ledger.Integration, error) {
	var saved ledger.Integration
	if !slices.Contains([]int{95, 98, 99, 100}, sureness) {
		return saved, errs.New(errs.Invalid, "Choose 95, 98 or 99 % or never.")
	}
	if _, err := identity.Permission(ctx, s.Books.As(bkper.StaticToken(user.Token)), bookID); err != nil {
		return saved, err
	}
	if err := s.Keeper.Remember(ctx, user); err != nil {
		return saved, err
	}
	err := s.Engine.Update(ctx, func(tx store.Tx) (err error) {
		if saved, err = s.Records.Integrations.Get(tx, store.Key(bookID, id)); err != nil {
			return err
		}
		learning, _, err := s.Records.Learning.Find(tx, store.Key(bookID))
		if err != nil {
			return err
		}
		saved.Sureness = sureness
		if err := s.Records.PutIntegration(tx, saved); err != nil {
			return err
		}
		learning.Settings++ // the open drafts are to be examined again
		return s.Records.Learning.Put(tx, store.Key(bookID), learning)
	})
	if err != nil {
		return saved, fmt.Errorf("setting the sureness of an integration: %w", gone(err, "integration"))
	}
	if err := s.Wake.Learn(ctx, bookID, user.ID); err != nil {
		return saved, fmt.Errorf("asking to examine the drafts of book %s: %w", bookID, err)
	}
	return saved, nil
}

func (s *Service) forget(tx store.Tx, i ledger.Integration) error {
	if err := s.Records.DeleteIntegration(tx, i); err != nil {
		return err
	}
	return s.Records.Pending.Delete(tx, store.Key(i.ID))
}

// Integrations returns the integrations of a book, by institution and bank
// account. Whoever shows them has asked the book for the person's permission.
func (s *Service) Integrations(ctx context.Context, bookID string) (all []ledger.Integration, err error) {
	err = s.Engine.View(ctx, func(tx store.Tx) error {
		all, err = s.Records.IntegrationsOfBook(tx, bookID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing integrations: %w", err)
	}
	slices.SortStableFunc(all, func(a, b ledger.Integration) int {
		return strings.Compare(plain(a.Institution+" "+a.BankName), plain(b.Institution+" "+b.BankName))
	})
	return all, nil
}
