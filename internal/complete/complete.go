// Package complete brings a person's rules and the learner to the book: it
// remembers the lessons that people give, suggests counter accounts for what is
// about to be recorded, and completes the drafts that a new lesson or a changed
// rule explains. Rules come first: the learner is asked where none decides.
package complete

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/learn"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/rules"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// Book is what completing needs of the book, on behalf of one user.
type Book interface {
	Book(ctx context.Context, bookID string, with bkper.BookDetail) (bkper.Book, error)
	Transactions(ctx context.Context, bookID, query string, pageSize int) iter.Seq2[bkper.Transaction, error]
	UpdateTransactions(ctx context.Context, bookID string, transactions []bkper.Transaction, updateChecked bool) (map[string]bkper.Transaction, error)
}

// Completer holds the learners of the books that were used lately. It is safe
// for concurrent use.
type Completer struct {
	engine  store.Engine
	records ledger.Collections
	rules   *rules.Store
	ruled   store.Collection[int] // book id: version of the rules that the open drafts were examined with
	now     func() time.Time

	mu    sync.Mutex
	books map[string]*learner
}

// New returns a Completer over the lessons in engine.
func New(engine store.Engine, now func() time.Time) *Completer {
	return &Completer{
		engine: engine, records: ledger.All(), rules: rules.NewStore(engine, nil), ruled: store.NewCollection[int]("rules_examined"),
		now: now, books: make(map[string]*learner),
	}
}

// learner is the learner of one book and what it was built from.
type learner struct {
	examining chan struct{} // holds a token while the open drafts are examined

	mu      sync.Mutex
	built   bool
	version int
	model   *learn.Learner
	chart   Chart
	readAt  time.Time // when the chart was read
	rules   readyRules
	offers  offers
}

const (
	chartAge  = 10 * time.Minute // a chart older than this is read again
	mostBooks = 200              // learners kept in memory
)

func (c *Completer) learner(bookID string) *learner {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.books[bookID]
	if !ok {
		if len(c.books) >= mostBooks {
			clear(c.books)
		}
		l = &learner{examining: make(chan struct{}, 1)}
		c.books[bookID] = l
	}
	return l
}

// ForgetChart makes the accounts of a book be read again before they are next
// used.
func (c *Completer) ForgetChart(bookID string) {
	l := c.learner(bookID)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readAt = time.Time{}
}

// Chart is a book with its accounts by their ids.
type Chart struct {
	Book     bkper.Book
	Accounts map[string]bkper.Account
}

// Name returns the name of an account, or its id if it is unknown.
func (c Chart) Name(id string) string {
	if a, ok := c.Accounts[id]; ok {
		return a.Name
	}
	return id
}

// isPermanent reports whether an account holds money or debt, and so can be
// the bank's side of a transaction.
func (c Chart) isPermanent(id string) bool {
	t := c.Accounts[id].Type
	return t == bkper.Asset || t == bkper.Liability
}

func (c Chart) forLearner() []learn.Account {
	kinds := map[bkper.AccountType]learn.AccountKind{
		bkper.Asset: learn.Asset, bkper.Liability: learn.Liability,
		bkper.Incoming: learn.Incoming, bkper.Outgoing: learn.Outgoing,
	}
	accounts := make([]learn.Account, 0, len(c.Accounts))
	for _, a := range c.Accounts {
		accounts = append(accounts, learn.Account{ID: a.ID, Name: a.Name, Kind: kinds[a.Type], Archived: a.Archived})
	}
	slices.SortFunc(accounts, func(a, b learn.Account) int { return cmp.Compare(a.ID, b.ID) })
	return accounts
}

// Chart returns the accounts of a book, read at most ten minutes ago, and just
// now if one of the needed accounts was not there then: it may be new.
func (c *Completer) Chart(ctx context.Context, book Book, bookID string, needed ...string) (Chart, error) {
	l := c.learner(bookID)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range needed {
		if _, ok := l.chart.Accounts[id]; !ok {
			l.readAt = time.Time{}
		}
	}
	if err := c.readChart(ctx, book, bookID, l); err != nil {
		return Chart{}, err
	}
	return l.chart, nil
}

// readChart needs l.mu.
func (c *Completer) readChart(ctx context.Context, book Book, bookID string, l *learner) error {
	if !l.readAt.IsZero() && c.now().Sub(l.readAt) < chartAge {
		return nil
	}
	read, err := book.Book(ctx, bookID, bkper.BookDetail{Accounts: true})
	if err != nil {
		return fmt.Errorf("reading the accounts of book %s: %w", bookID, err)
	}
	l.chart = Chart{Book: read, Accounts: make(map[string]bkper.Account, len(read.Accounts))}
	for _, a := range read.Accounts {
		l.chart.Accounts[a.ID] = a
	}
	l.readAt = c.now()
	if l.model != nil {
		l.model.SetAccounts(l.chart.forLearner())
	}
	return nil
}

// build brings the model up to the lessons in the store; it needs l.mu and a
// chart that was read.
func (c *Completer) build(ctx context.Context, bookID string, l *learner) error {
	changes, whole, state, err := c.catchUp(ctx, bookID, l.built, l.version)
	if err != nil {
		return err
	}
	if whole || !l.built {
		slices.SortFunc(changes.Put, func(a, b ledger.Lesson) int {
			return cmp.Or(a.Date.Compare(b.Date), cmp.Compare(a.ID, b.ID))
		})
		l.model = learn.New()
		l.model.SetAccounts(l.chart.forLearner())
	}
	for _, lesson := range changes.Put {
		teach(l.model, lesson)
	}
	for _, id := range changes.Gone {
		l.model.Unlearn(id)
	}
	l.version, l.built = state.Version, true
	return nil
}

// teach gives the model a lesson as it is stored. A stored amount is one that
// was parsed before; one that is not teaches nothing.
func teach(model *learn.Learner, lesson ledger.Lesson) {
	amount, err := money.ParseDecimal(lesson.Amount)
	if err != nil {
		return
	}
	model.Learn(learn.Lesson{
		Movement: learn.Movement{
			ID: lesson.ID, BankAccount: lesson.BankAccount, Date: lesson.Date, Amount: amount, Text: lesson.Text,
			Counterparty: lesson.Counterparty, CounterpartyAccount: lesson.CounterpartyAccount, Kind: lesson.Kind, Category: lesson.Category,
		},
		Account: lesson.Account,
	})
}

// MovementOf returns a bank transaction as the learner sees it.
func MovementOf(accountID string, t bank.Transaction) learn.Movement {
	return learn.Movement{
		BankAccount: accountID, Date: t.Date, Amount: t.Amount.Number(), Text: t.Description,
		Counterparty: t.Counterparty.Name, CounterpartyAccount: t.Counterparty.Account, Kind: t.Kind, Category: t.Category,
	}
}

// Suggestion is a counter account for one movement; Known is false where
// neither a rule nor the learner has an idea.
type Suggestion struct {
	learn.Suggestion
	Known bool
	// Look says in words why a person should look at it, once it is filled in;
	// "" where there is no need.
	Look string
}

// Suggest returns one suggestion for each entry. It is sure as the integration
// of the entry asks for. There is none where a rule gives more than the counter
// account: such a draft is recorded open and gets all at once, by Dress.
func (c *Completer) Suggest(ctx context.Context, book Book, bookID string, entries []ledger.Entry) ([]Suggestion, error) {
	decided, _, err := c.decide(ctx, book, bookID, entries)
	if err != nil {
		return nil, err
	}
	suggestions := make([]Suggestion, len(decided))
	for i, d := range decided {
		if !d.rule.Dresses() && d.Account != entries[i].AccountID {
			suggestions[i] = d.Suggestion
		}
	}
	return suggestions, nil
}

// decision is what is known of one movement: the counter account, and the rule
// that has decided, if one has.
type decision struct {
	Suggestion
	rule rules.Rule
}

// versions are the states of lessons, rules and settings that decisions went by.
type versions struct{ lessons, rules, settings int }

// decide asks the rules first and the learner where they name no account.
func (c *Completer) decide(ctx context.Context, book Book, bookID string, entries []ledger.Entry) ([]decision, versions, error) {
	settings, setting, err := c.settings(ctx, bookID)
	if err != nil {
		return nil, versions{}, err
	}
	l := c.learner(bookID)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := c.readChart(ctx, book, bookID, l); err != nil {
		return nil, versions{}, err
	}
	if err := c.readRules(ctx, bookID, l); err != nil {
		return nil, versions{}, err
	}
	if err := c.build(ctx, bookID, l); err != nil {
		return nil, versions{}, err
	}
	decided := make([]decision, len(entries))
	for i, e := range entries {
		d, m := &decided[i], MovementOf(e.AccountID, e.Row)
		d.rule, _ = l.rules.set.Match(rowOf(m), l.chart.forRules)
		if d.rule.Account != "" {
			d.Suggestion = Suggestion{Known: true, Suggestion: learn.Suggestion{
				Account: d.rule.Account, Confidence: 1, Sure: true, Reason: rules.Reason(d.rule, l.chart.forRules),
			}}
			continue
		}
		d.Suggestion.Suggestion, d.Known = l.model.Suggest(m)
		if d.Sure = d.SureAt(settings[e.Integration]); d.Sure {
			d.Look = lookAt(d.Suggestion.Suggestion, settings[e.Integration], e.RemoteID)
		}
	}
	return decided, versions{l.version, l.rules.book.Version, setting}, nil
}

// settings returns how sure the learner has to be, by integration, and which
// version of the settings that is.
func (c *Completer) settings(ctx context.Context, bookID string) (settings map[string]learn.Sureness, version int, err error) {
	settings = make(map[string]learn.Sureness)
	err = c.engine.View(ctx, func(tx store.Tx) error {
		state, _, err := c.records.Learning.Find(tx, store.Key(bookID))
		if err != nil {
			return err
		}
		version = state.Settings
		all, err := c.records.IntegrationsOfBook(tx, bookID)
		for _, i := range all {
			settings[i.ID] = learn.Sureness(i.Sureness)
		}
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("reading how sure the integrations of book %s ask to be: %w", bookID, err)
	}
	return settings, version, nil
}

// lookShare is one of how many completed drafts is picked at random for a
// person's look, whatever the learner thinks of it.
const lookShare = 40

// lookAt says why a person should look at a sure suggestion, "" if there is no
// need: those that would not be sure at the next stricter setting, and some
// picked by their remote ids. What people make of them are lessons like any
// other, which move the bar from which the learner is sure.
func lookAt(s learn.Suggestion, setting learn.Sureness, remoteID string) string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(remoteID)) // never fails
	switch {
	case s.Reached < learn.Sure99 && s.Reached <= cmp.Or(setting, learn.Sure98):
		return "among the less certain ones"
	case sum.Sum32()%lookShare == 0:
		return "picked at random"
	default:
		return ""
	}
}

// Teach remembers lessons and forgets others by their ids. It reports whether
// that changed anything: a lesson that is known already changes nothing.
func (c *Completer) Teach(ctx context.Context, bookID string, lessons []ledger.Lesson, forget []string) (bool, error) {
	return c.remember(ctx, bookID, func(tx store.Tx) (news, error) { return c.newsOf(tx, bookID, lessons, forget) })
}

// news are lessons to write and ids of lessons to forget.
type news struct {
	put   []ledger.Lesson
	gone  []string
	added int // lessons of put that are not there yet
}

func (n news) none() bool { return len(n.put)+len(n.gone) == 0 }

// remember writes lessons down and forgets others, as find says it of those that
// are known.
func (c *Completer) remember(ctx context.Context, bookID string, find func(store.Tx) (news, error)) (bool, error) {
	var found news
	var from int
	err := c.engine.Update(ctx, func(tx store.Tx) error {
		state, _, err := c.records.Learning.Find(tx, store.Key(bookID))
		if err != nil {
			return err
		}
		if found, err = find(tx); err != nil || found.none() {
			return err
		}
		for _, lesson := range found.put {
			if err := c.records.Lessons.Put(tx, store.Key(bookID, lesson.ID), lesson); err != nil {
				return err
			}
		}
		for _, id := range found.gone {
			if err := c.records.Lessons.Delete(tx, store.Key(bookID, id)); err != nil {
				return err
			}
		}
		from = state.Version
		state.Version++
		state.Lessons += found.added - len(found.gone)
		if err := c.records.LessonLog.Put(tx, ledger.LessonLogKey(bookID, state.Version), ledger.LessonChange{Put: found.put, Gone: found.gone}); err != nil {
			return err
		}
		return c.records.Learning.Put(tx, store.Key(bookID), state)
	})
	if err != nil {
		return false, fmt.Errorf("remembering lessons of book %s: %w", bookID, err)
	}
	if found.none() {
		return false, nil
	}
	c.keepUp(bookID, from, found.put, found.gone)
	return true, nil
}

// newsOf returns those of lessons and of ids to forget that would change
// something.
func (c *Completer) newsOf(tx store.Tx, bookID string, lessons []ledger.Lesson, forget []string) (news, error) {
	var n news
	for _, lesson := range lessons {
		old, found, err := c.records.Lessons.Find(tx, store.Key(bookID, lesson.ID))
		if err != nil {
			return n, err
		}
		if !found {
			n.added++
		}
		if !found || old != lesson {
			n.put = append(n.put, lesson)
		}
	}
	for _, id := range forget {
		_, found, err := c.records.Lessons.Find(tx, store.Key(bookID, id))
		if err != nil {
			return n, err
		}
		if found {
			n.gone = append(n.gone, id)
		}
	}
	return n, nil
}

// keepUp gives the model in memory what has just been stored on top of the
// version from. A model of another version is left alone: it has that already,
// or is built anew when it is next used.
func (c *Completer) keepUp(bookID string, from int, lessons []ledger.Lesson, gone []string) {
	l := c.learner(bookID)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.built || l.version != from {
		return
	}
	for _, lesson := range lessons {
		teach(l.model, lesson)
	}
	for _, id := range gone {
		l.model.Unlearn(id)
	}
	l.version++
}
