package sandbox

import (
	"slices"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/sandbox/query"
)

// transactionInput is what a client may write of a transaction.
type transactionInput struct {
	ID          string            `json:"id"`
	Date        *string           `json:"date"`
	Amount      *string           `json:"amount"`
	Credit      *reference        `json:"creditAccount"`
	Debit       *reference        `json:"debitAccount"`
	Description *string           `json:"description"`
	Draft       bool              `json:"draft"`
	Checked     *bool             `json:"checked"` // in batch updates with updateChecked only
	Properties  map[string]string `json:"properties"`
	RemoteIDs   *[]string         `json:"remoteIds"`
	URLs        *[]string         `json:"urls"`
	Files       *[]reference      `json:"files"`

	// freshTags makes the hashtags of the description all there are. Clients
	// cannot write tags: they only add to them.
	freshTags bool
}

// inputOf returns what would write t as it is.
func inputOf(c *change, t *transaction) *transactionInput {
	date, amount, files := dateText(t.Date), t.Amount.String(), []reference{}
	for _, id := range t.Files {
		if c.file(id) != nil {
			files = append(files, reference{ID: id})
		}
	}
	return &transactionInput{
		ID: t.ID, Date: &date, Amount: &amount, Credit: &reference{ID: idText(t.Credit)}, Debit: &reference{ID: idText(t.Debit)},
		Description: &t.Description, Properties: t.Properties, RemoteIDs: &t.RemoteIDs, URLs: &t.URLs, Files: &files,
	}
}

// apply writes the given fields into t. It refuses what the book does not take.
func (in *transactionInput) apply(c *change, t *transaction) error {
	if in.Date != nil && *in.Date != "" {
		d, err := bank.ParseDate(*in.Date)
		if err != nil {
			return badRequest("Invalid date: %.20s", *in.Date)
		}
		t.Date = d
	}
	if in.Amount != nil {
		amount, err := c.readAmount(*in.Amount)
		if err != nil {
			return err
		}
		t.Amount = amount
	}
	var err error
	if t.Credit, err = c.readSide(in.Credit, t); err != nil {
		return err
	}
	if t.Debit, err = c.readSide(in.Debit, t); err != nil {
		return err
	}
	if in.Description != nil {
		var tags []string
		t.Description, tags = takeTags(*in.Description)
		if in.freshTags {
			t.Tags = nil
		}
		t.Tags = union(t.Tags, tags)
	}
	if in.Properties != nil {
		if t.Properties, err = cleanProperties(in.Properties); err != nil {
			return err
		}
	}
	if in.RemoteIDs != nil {
		t.RemoteIDs = withoutEmpty(*in.RemoteIDs)
	}
	if in.URLs != nil {
		t.URLs = withoutEmpty(*in.URLs)
	}
	if in.Files == nil {
		return nil
	}
	t.Files = nil
	for _, ref := range *in.Files {
		if c.file(ref.ID) == nil {
			return notFound("File", ref.ID)
		}
		t.Files = append(t.Files, ref.ID)
	}
	return nil
}

func withoutEmpty(list []string) []string {
	var kept []string
	for _, s := range list {
		if s != "" && !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// readAmount reads an amount: empty and 0 are none, a sign is dropped, more
// decimals than the book has are refused.
func (c *change) readAmount(text string) (money.Decimal, error) {
	if strings.TrimSpace(text) == "" {
		return money.Decimal{}, nil
	}
	amount, err := money.ParseDecimal(text)
	if err != nil {
		return amount, badRequest("Invalid amount: %.40s", text)
	}
	if digits := c.b.info.FractionDigits; amount.FractionDigits() > digits {
		return amount, badRequest("Amount %s has more than %d fraction digits", text, digits)
	}
	return amount.Abs(), nil
}

// readSide finds the account that a side names; without a name it is none. An
// archived account may stay where t had it.
func (c *change) readSide(ref *reference, t *transaction) (int64, error) {
	if ref == nil || ref.ID+ref.Name == "" {
		return 0, nil
	}
	a := c.resolveAccount(*ref)
	if a == nil {
		return 0, notFound("Account", ref.ID+ref.Name)
	}
	if before := c.transaction(t.ID); a.Archived && (before == nil || before.Credit != a.ID && before.Debit != a.ID) {
		return 0, badRequest("Account is archived: %s", a.Name)
	}
	return a.ID, nil
}

// refuseLocked refuses to touch the day d when the book is locked on it.
func (c *change) refuseLocked(d bank.Date) error {
	if !c.b.locked(d) {
		return nil
	}
	return badRequest("Cannot change a transaction of %s: the book is locked until %s", d, c.b.lockedUntil())
}

// refuseSameAccount refuses a transaction from an account to itself.
func refuseSameAccount(t *transaction) error {
	if t.Credit != 0 && t.Credit == t.Debit {
		return badRequest("Credit and debit are the same account")
	}
	return nil
}

// create records a transaction. When one of its remote ids stands already on a
// live transaction, that one is returned instead, and known is true. With post
// it is posted at once, or refused.
func (c *change) create(in *transactionInput, post bool) (t *transaction, known bool, err error) {
	if in.RemoteIDs != nil {
		for _, id := range *in.RemoteIDs {
			if owner := c.remoteOwner(id); owner != nil {
				return owner, true, nil
			}
		}
	}
	seq := c.nextSeq()
	t = &transaction{
		Seq: seq, ID: c.s.opaqueID(seq), BookID: c.b.info.ID, Date: c.today(),
		AgentID: c.agent, CreatedBy: c.user.Name, Created: c.millis(), Updated: c.millis(),
	}
	if err := in.apply(c, t); err != nil {
		return nil, false, err
	}
	c.parseDescription(t, in.Date != nil && *in.Date != "")
	if err := c.refuseLocked(t.Date); err != nil {
		return nil, false, err
	}
	if err := refuseSameAccount(t); err != nil {
		return nil, false, err
	}
	if post && !t.complete() {
		return nil, false, incomplete(t)
	}
	mayPost := c.b.permissionOf(c.user).can(postDrafts)
	t.Posted = post || c.b.info.AutoPost && !in.Draft && t.complete() && mayPost
	c.put(t)
	c.recorded(t)
	return t, false, nil
}

func incomplete(t *transaction) error {
	return badRequest("Transaction is incomplete and cannot be posted: %s", t.Description)
}

// existing returns the transaction with that id.
func (c *change) existing(id string) (*transaction, error) {
	t := c.transaction(id)
	if t == nil {
		return nil, notFound("Transaction", id)
	}
	return t, nil
}

// requireFor refuses a user who may not do what needs drafts on a draft, and
// manage on a posted transaction.
func (c *change) requireFor(t *transaction, drafts ability) error {
	if t.Posted {
		return c.require(manage)
	}
	return c.require(drafts)
}

// touch returns a copy of old to be changed now.
func (c *change) touch(old *transaction) *transaction {
	t := old.clone()
	t.Updated = c.millis()
	return t
}

// update writes the whole of a transaction: what is left out is cleared, but
// for the date. setChecked lets it edit checked ones, and take over the checked
// flag.
func (c *change) update(in *transactionInput, setChecked bool) (*transaction, error) {
	old, err := c.existing(in.ID)
	if err != nil {
		return nil, err
	}
	if err := c.requireFor(old, editDrafts); err != nil {
		return nil, err
	}
	switch {
	case old.Trashed:
		return nil, badRequest("Transaction is trashed: %s", old.ID)
	case old.Checked && !setChecked:
		return nil, badRequest("Transaction is checked: %s", old.ID)
	}
	if err := c.refuseLocked(old.Date); err != nil {
		return nil, err
	}
	t := c.touch(old)
	t.Amount, t.Credit, t.Debit, t.Description = money.Decimal{}, 0, 0, ""
	t.Properties, t.RemoteIDs, t.URLs, t.Files = nil, nil, nil, nil
	if err := in.apply(c, t); err != nil {
		return nil, err
	}
	if setChecked && in.Checked != nil {
		t.Checked = *in.Checked && t.Posted
	}
	if err := c.refuseLocked(t.Date); err != nil {
		return nil, err
	}
	if err := refuseSameAccount(t); err != nil {
		return nil, err
	}
	if t.Posted && !t.complete() {
		return nil, badRequest("A posted transaction cannot be made incomplete: %s", t.ID)
	}
	for _, id := range t.RemoteIDs {
		if owner := c.remoteOwner(id); owner != nil && owner.ID != t.ID && !slices.Contains(old.RemoteIDs, id) {
			return nil, badRequest("Remote id already exists: %.100s", id)
		}
	}
	c.put(t)
	c.transactionEvent("TRANSACTION_UPDATED", t, previousOf(old, t))
	return t, nil
}

// previousOf returns the old values of what an update changed, nil if that is
// nothing that events name.
func previousOf(old, t *transaction) map[string]string {
	previous := map[string]string{}
	if old.Date != t.Date {
		previous["dateValue"] = int64Text(int64(dateValue(old.Date)))
	}
	if !old.Amount.Equal(t.Amount) {
		previous["amount"] = old.Amount.String()
	}
	changed(previous, "creditAccId", idText(old.Credit), idText(t.Credit))
	changed(previous, "debitAccId", idText(old.Debit), idText(t.Debit))
	changed(previous, "description", old.Description, t.Description)
	differences(old.Properties, t.Properties, previous)
	return previous
}

func idText(id int64) string {
	if id == 0 {
		return ""
	}
	return int64Text(id)
}

// postExisting posts a draft that is complete as it stands in the book.
func (c *change) postExisting(id string) (*transaction, error) {
	old, err := c.existing(id)
	switch {
	case err != nil:
		return nil, err
	case old.Trashed:
		return nil, badRequest("Transaction is trashed: %s", old.ID)
	case old.Posted:
		return old, nil
	case !old.complete():
		return nil, incomplete(old)
	}
	if err := c.require(postDrafts); err != nil {
		return nil, err
	}
	if err := c.refuseLocked(old.Date); err != nil {
		return nil, err
	}
	t := c.touch(old)
	t.Posted = true
	c.put(t)
	c.transactionEvent("TRANSACTION_POSTED", t, nil)
	return t, nil
}

// check sets or takes off the mark that a posted transaction was reviewed.
func (c *change) check(id string, checked bool) (*transaction, error) {
	old, err := c.existing(id)
	switch {
	case err != nil:
		return nil, err
	case old.Trashed:
		return nil, badRequest("Transaction is trashed: %s", old.ID)
	case !old.Posted:
		return nil, badRequest("Transaction is a draft and cannot be checked: %s", old.ID)
	case old.Checked == checked:
		return old, nil
	}
	if err := c.refuseLocked(old.Date); err != nil {
		return nil, err
	}
	t := c.touch(old)
	t.Checked = checked
	c.put(t)
	kind := "TRANSACTION_UNCHECKED"
	if checked {
		kind = "TRANSACTION_CHECKED"
	}
	c.transactionEvent(kind, t, nil)
	return t, nil
}

// trash moves a transaction to the trash; a checked one only when checkedToo.
func (c *change) trash(id string, checkedToo bool) (*transaction, error) {
	old, err := c.existing(id)
	if err != nil {
		return nil, err
	}
	if err := c.requireFor(old, recordDrafts); err != nil {
		return nil, err
	}
	switch {
	case old.Trashed:
		return old, nil
	case old.Checked && !checkedToo:
		return nil, badRequest("Transaction is checked: %s", old.ID)
	}
	if err := c.refuseLocked(old.Date); err != nil {
		return nil, err
	}
	t := c.touch(old)
	t.Trashed, t.Checked = true, false
	c.put(t)
	c.transactionEvent("TRANSACTION_DELETED", t, nil)
	return t, nil
}

// restore takes a transaction out of the trash, even when another one with
// the same remote id was recorded meanwhile.
func (c *change) restore(id string) (*transaction, error) {
	old, err := c.existing(id)
	if err != nil {
		return nil, err
	}
	if err := c.requireFor(old, recordDrafts); err != nil {
		return nil, err
	}
	if !old.Trashed {
		return old, nil
	}
	if err := c.refuseLocked(old.Date); err != nil {
		return nil, err
	}
	t := c.touch(old)
	t.Trashed = false
	c.put(t)
	c.transactionEvent("TRANSACTION_RESTORED", t, nil)
	return t, nil
}

// row shows a transaction to a query.
type row struct {
	b *book
	t *transaction
}

func (r row) Date() bank.Date            { return r.t.Date }
func (r row) Amount() money.Decimal      { return r.t.Amount }
func (r row) Description() string        { return r.t.Description }
func (r row) Tags() []string             { return r.t.Tags }
func (r row) RemoteIDs() []string        { return r.t.RemoteIDs }
func (r row) Property(key string) string { return r.t.Properties[key] }
func (r row) State() query.State         { return r.t.state() }
func (r row) HasError() bool             { return r.b.failures[r.t.ID] > 0 }
func (r row) Credit() (string, []string) { return r.side(r.t.Credit) }
func (r row) Debit() (string, []string)  { return r.side(r.t.Debit) }
func (r row) side(id int64) (string, []string) {
	a := r.b.accounts[id]
	if a == nil {
		return "", nil
	}
	var groups []string
	for _, id := range a.Groups {
		for g := r.b.groups[id]; g != nil; g = r.b.groups[g.Parent] {
			groups = append(groups, query.Normalize(g.Name))
		}
	}
	return query.Normalize(a.Name), groups
}
