package panel

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/rules"
)

// Examiner examines the open drafts of a book again, on behalf of a user whose
// token is kept. It goes on after it returns.
type Examiner interface {
	Learn(ctx context.Context, bookID, userID string) error
	// LearnAgain reads the posted history of the book from its beginning, too.
	LearnAgain(ctx context.Context, bookID, userID string) error
}

type rulesView struct {
	Rules     []ruleView         `json:"rules" doc:"In their order: the first that matches wins, before what the app has learned."`
	Order     int                `json:"order" doc:"Grows when a rule comes, goes or moves; say it when you move one."`
	Most      int                `json:"most" doc:"How many rules a book can have."`
	Looked    int                `json:"looked" doc:"How many bank transactions were looked through for what the rules match: the latest that stand in the book."`
	Proposals []ruleProposalView `json:"proposals" doc:"Rules that earlier decisions speak for, without exception. Create one to accept it."`
}

type ruleView struct {
	ID       string `json:"id"`
	Revision int    `json:"revision" doc:"Grows with every change; say it when you change or delete the rule."`
	ruleFields
	Words   string          `json:"words" doc:"Which transactions it is about, for people."`
	Problem string          `json:"problem,omitempty" doc:"Why it matches nothing as things are: a sentence."`
	Count   int             `json:"count" doc:"Of the bank transactions looked through, those where it is the first that matches."`
	Latest  []ruleMatchView `json:"latest" doc:"The latest of them."`
}

// ruleFields are what a person says of a rule.
type ruleFields struct {
	Name          string            `json:"name" doc:"At most 60 characters."`
	Enabled       bool              `json:"enabled"`
	Contains      string            `json:"contains,omitempty" doc:"The bank's text or the name of the other party holds this, whatever the case and the accents."`
	Matches       string            `json:"matches,omitempty" doc:"They match this pattern (RE2), whatever the case; instead of contains."`
	Min           string            `json:"min,omitempty" doc:"The smallest amount, without sign: a decimal."`
	Max           string            `json:"max,omitempty" doc:"The largest amount, without sign: a decimal."`
	Direction     string            `json:"direction,omitempty" enum:"in,out" doc:"Whether money arrives or leaves; left out: either."`
	BankAccountID string            `json:"bankAccountId,omitempty" doc:"The account of the book that the bank account records into."`
	AccountID     string            `json:"accountId,omitempty" doc:"The counter account to fill in."`
	Description   string            `json:"description,omitempty" doc:"Instead of the bank's text. At most 200 characters."`
	Tags          []string          `json:"tags,omitempty" doc:"Hashtags, at most 10."`
	Properties    map[string]string `json:"properties,omitempty" doc:"At most 5."`
}

type ruleMatchView struct {
	TransactionID string    `json:"transactionId" doc:"Of the book."`
	Date          bank.Date `json:"date"`
	Amount        string    `json:"amount" doc:"A decimal, negative where money leaves the account."`
	Currency      string    `json:"currency"`
	Text          string    `json:"text" doc:"The bank's."`
	Completed     bool      `json:"completed" doc:"This rule has completed the draft, or given it what it has."`
	First         string    `json:"first,omitempty" doc:"The name of a rule that comes before and decides."`
}

type ruleProposalView struct {
	ID       string   `json:"id"`
	Sentence string   `json:"sentence" doc:"What speaks for it."`
	Rule     ruleBody `json:"rule" doc:"To be created as it is, or changed before."`
}

type ruleBody struct {
	ruleFields
	Revision int `json:"revision,omitempty" doc:"Of the rule that you have seen, to change it."`
}

type ruleTrialBody struct {
	ruleFields
	ID string `json:"id,omitempty" doc:"Of the rule in whose place it is tried; left out: behind all others."`
}

type ruleTrialView struct {
	Words   string          `json:"words" doc:"Which transactions it is about, for people."`
	Problem string          `json:"problem,omitempty" doc:"Why it could match nothing: a sentence."`
	Looked  int             `json:"looked" doc:"Open drafts of the book that nobody has touched."`
	Count   int             `json:"count" doc:"Those of them that it would match."`
	Matches []ruleMatchView `json:"matches" doc:"The latest of these."`
}

type ruleOrderBody struct {
	IDs   []string `json:"ids" doc:"Of all rules of the book, in the new order."`
	Order int      `json:"order" doc:"The order that you have seen."`
}

func listRules(c *call) (int, any, error) {
	report, err := c.panel.Completer.RuleReport(c.ctx(), c.client, c.book.ID)
	if err != nil {
		return 0, nil, err
	}
	view := rulesView{Rules: []ruleView{}, Order: report.Order, Most: rules.MostRules, Looked: report.Looked, Proposals: []ruleProposalView{}}
	for _, r := range report.Rules {
		view.Rules = append(view.Rules, viewRule(r, report.Of[r.ID]))
	}
	for _, p := range report.Proposals {
		view.Proposals = append(view.Proposals, ruleProposalView{ID: p.ID, Sentence: p.Sentence, Rule: ruleBody{ruleFields: fieldsOf(p.Rule)}})
	}
	return http.StatusOK, view, nil
}

func createRule(c *call) (int, any, error) {
	var in ruleBody
	r, err := c.readRule(&in, &in.ruleFields)
	if err != nil {
		return 0, nil, err
	}
	if r, err = c.panel.Rules.Create(c.ctx(), c.book.ID, r); err != nil {
		return 0, nil, err
	}
	return c.changedRule(http.StatusCreated, r.ID)
}

func updateRule(c *call) (int, any, error) {
	var in ruleBody
	r, err := c.readRule(&in, &in.ruleFields)
	if err != nil {
		return 0, nil, err
	}
	r.ID, r.Revision = c.param("ruleId"), in.Revision
	if _, err = c.panel.Rules.Update(c.ctx(), c.book.ID, r); err != nil {
		return 0, nil, err
	}
	return c.changedRule(http.StatusOK, r.ID)
}

func deleteRule(c *call) (int, any, error) {
	revision, err := strconv.Atoi(c.query("revision"))
	if err != nil {
		return 0, nil, errs.New(errs.Invalid, "Say which revision of the rule you have seen.")
	}
	if err := c.panel.Rules.Delete(c.ctx(), c.book.ID, c.param("ruleId"), revision); err != nil {
		return 0, nil, err
	}
	c.examine()
	return listRules(c)
}

func arrangeRules(c *call) (int, any, error) {
	var in ruleOrderBody
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	if err := c.panel.Rules.Arrange(c.ctx(), c.book.ID, in.IDs, in.Order); err != nil {
		return 0, nil, err
	}
	c.examine()
	return listRules(c)
}

func declineRule(c *call) (int, any, error) {
	if err := c.panel.Rules.Decline(c.ctx(), c.book.ID, c.param("proposalId")); err != nil {
		return 0, nil, err
	}
	return listRules(c)
}

func tryRule(c *call) (int, any, error) {
	var in ruleTrialBody
	r, err := c.readRule(&in, &in.ruleFields)
	if err != nil {
		return 0, nil, err
	}
	r.ID = in.ID
	trial, err := c.panel.Completer.TryRule(c.ctx(), c.client, c.book.ID, r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, ruleTrialView{
		Words: trial.Words, Problem: trial.Problem, Looked: trial.Looked, Count: trial.Count, Matches: viewMatches(trial.Matches),
	}, nil
}

// readRule reads a body whose fields of a rule are in fields.
func (c *call) readRule(body any, fields *ruleFields) (rules.Rule, error) {
	if err := c.decode(body); err != nil {
		return rules.Rule{}, err
	}
	smallest, err := optionalAmount("smallest", fields.Min)
	if err != nil {
		return rules.Rule{}, err
	}
	largest, err := optionalAmount("largest", fields.Max)
	return rules.Rule{
		Name: fields.Name, Enabled: fields.Enabled,
		Conditions: rules.Conditions{
			Contains: fields.Contains, Matches: fields.Matches, Min: smallest, Max: largest,
			Direction: rules.Direction(fields.Direction), BankAccount: fields.BankAccountID,
		},
		Outcome: rules.Outcome{
			Account: fields.AccountID, Description: fields.Description, Tags: fields.Tags, Properties: fields.Properties,
		},
	}, err
}

func optionalAmount(which, text string) (money.Decimal, error) {
	if text == "" {
		return money.Decimal{}, nil
	}
	amount, err := money.ParseDecimal(text)
	if err != nil {
		return amount, errs.Wrap(errs.Invalid, err, "The "+which+" amount must be a number such as 12.50.")
	}
	return amount, nil
}

// changedRule sees to it that the open drafts follow a changed rule, and
// answers with the rule.
func (c *call) changedRule(status int, id string) (int, any, error) {
	c.examine()
	report, err := c.panel.Completer.RuleReport(c.ctx(), c.client, c.book.ID)
	if err != nil {
		return 0, nil, err
	}
	at := slices.IndexFunc(report.Rules, func(r rules.Rule) bool { return r.ID == id })
	if at < 0 {
		return 0, nil, errs.New(errs.NotFound, "The rule was deleted meanwhile.")
	}
	return status, viewRule(report.Rules[at], report.Of[id]), nil
}

// examine asks for the open drafts to be examined with the rules as they are
// now. If that cannot be asked for, the change of the rules is kept all the
// same: what is owed is done with the next lesson.
func (c *call) examine() {
	err := c.panel.Keeper.Remember(c.ctx(), c.user)
	if err == nil {
		err = c.panel.Examiner.Learn(c.ctx(), c.book.ID, c.user.ID)
	}
	if err != nil {
		c.panel.Log.WarnContext(c.ctx(), "open drafts do not follow the rules yet", "book", c.book.ID, "error", err)
	}
}

func viewRule(r rules.Rule, state complete.RuleState) ruleView {
	return ruleView{
		ID: r.ID, Revision: r.Revision, ruleFields: fieldsOf(r), Words: state.Words, Problem: state.Problem,
		Count: state.Count, Latest: viewMatches(state.Latest),
	}
}

func fieldsOf(r rules.Rule) ruleFields {
	return ruleFields{
		Name: r.Name, Enabled: r.Enabled, Contains: r.Contains, Matches: r.Matches, Min: limit(r.Min), Max: limit(r.Max),
		Direction: string(r.Direction), BankAccountID: r.BankAccount, AccountID: r.Account, Description: r.Description,
		Tags: r.Tags, Properties: r.Properties,
	}
}

func limit(amount money.Decimal) string {
	if amount.IsZero() {
		return ""
	}
	return amount.String()
}

func viewMatches(all []complete.Match) []ruleMatchView {
	views := []ruleMatchView{}
	for _, m := range all {
		row := m.Entry.Row
		views = append(views, ruleMatchView{
			TransactionID: m.Entry.TransactionID, Date: row.Date, Amount: decimal(row.Amount), Currency: string(row.Amount.Currency()),
			Text: row.Description, Completed: m.Completed, First: m.First,
		})
	}
	return views
}
