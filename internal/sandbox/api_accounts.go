package sandbox

import (
	"slices"

	"github.com/bank-connections/bkper-bot/internal/sandbox/query"
)

func (s *Server) accountRoutes(on routeTable) {
	on("GET /books/{book}/accounts", bookRead(s, seeBook, func(b *book, _ *call) (any, error) {
		return wireList[*wireAccount]{Items: b.wireAccounts()}, nil
	}))
	on("GET /books/{book}/accounts/{id}", bookRead(s, seeBook, func(b *book, c *call) (any, error) {
		a := b.findAccount(c.path("id"))
		if a == nil {
			return nil, notFound("Account", c.path("id"))
		}
		return wireAccountOf(b, a), nil
	}))
	on("GET /books/{book}/accounts/{id}/groups", bookRead(s, seeBook, func(b *book, c *call) (any, error) {
		a := b.findAccount(c.path("id"))
		if a == nil {
			return nil, notFound("Account", c.path("id"))
		}
		items := []*wireGroup{}
		for _, id := range a.Groups {
			if g := b.groups[id]; g != nil {
				items = append(items, wireGroupOf(b, g))
			}
		}
		return wireList[*wireGroup]{Items: items}, nil
	}))
	on("POST /books/{book}/accounts", bookWrite(s, manage, func(c *change, _ *call, in accountInput) (any, error) {
		return c.createAccount(in)
	}))
	on("PUT /books/{book}/accounts", bookWrite(s, manage, func(c *change, _ *call, in accountInput) (any, error) {
		return c.updateAccount(in)
	}))
	on("DELETE /books/{book}/accounts/{id}", bookWrite(s, manage, func(c *change, call *call, _ nothing) (any, error) {
		return c.deleteAccount(call.path("id"))
	}))
	on("POST /books/{book}/accounts/batch", bookWrite(s, manage, accountBatch((*change).createAccount)))
	on("PUT /books/{book}/accounts/batch", bookWrite(s, manage, accountBatch((*change).updateAccount)))
	on("POST /books/{book}/accounts/delete/batch", bookWrite(s, manage, accountBatch(
		func(c *change, in accountInput) (*wireAccount, error) { return c.deleteAccount(in.ID) })))
}

func accountBatch(one func(*change, accountInput) (*wireAccount, error)) func(*change, *call, inputList[accountInput]) (any, error) {
	return func(c *change, _ *call, in inputList[accountInput]) (any, error) {
		items := []*wireAccount{}
		for _, item := range in.Items {
			w, err := one(c, item)
			if err != nil {
				return nil, err
			}
			items = append(items, w)
		}
		return wireList[*wireAccount]{Items: items}, nil
	}
}

// inputList is the body of a batch.
type inputList[T any] struct {
	Items []T `json:"items"`
}

// reference names a thing by its id, or by its name where that is allowed.
type reference struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type accountInput struct {
	ID         string            `json:"id"`
	Name       *string           `json:"name"`
	Type       *string           `json:"type"`
	Archived   *bool             `json:"archived"`
	Groups     []reference       `json:"groups"`
	Properties map[string]string `json:"properties"`
}

var accountTypes = []string{"ASSET", "LIABILITY", "INCOMING", "OUTGOING"}

func (c *change) createAccount(in accountInput) (*wireAccount, error) {
	a := &account{
		ID: numericID(c.nextSeq()), BookID: c.b.info.ID, Type: accountTypes[0],
		AgentID: c.agent, Created: c.millis(), Updated: c.millis(),
	}
	if in.Name == nil {
		return nil, badRequest("Account name is required")
	}
	if err := c.applyAccount(in, a); err != nil {
		return nil, err
	}
	c.put(a)
	w := wireAccountOf(c, a)
	return w, c.objectEvent("ACCOUNT_CREATED", w.ID, w, nil)
}

func (c *change) updateAccount(in accountInput) (*wireAccount, error) {
	old := c.resolveAccount(reference{ID: in.ID})
	if old == nil {
		return nil, notFound("Account", in.ID)
	}
	a := *old
	if err := c.applyAccount(in, &a); err != nil {
		return nil, err
	}
	a.Updated = c.millis()
	previous := map[string]string{}
	changed(previous, "name", old.Name, a.Name)
	differences(old.Properties, a.Properties, previous)
	c.put(&a)
	w := wireAccountOf(c, &a)
	return w, c.objectEvent("ACCOUNT_UPDATED", w.ID, w, previous)
}

func (c *change) applyAccount(in accountInput, a *account) error {
	if in.Name != nil {
		if query.Normalize(*in.Name) == "" {
			return badRequest("Account name is required")
		}
		if other := c.accountNamed(*in.Name); other != nil && other.ID != a.ID {
			return badRequest("Account already exists: %.100s", *in.Name)
		}
		a.Name = *in.Name
	}
	if in.Type != nil && *in.Type != "" {
		if !slices.Contains(accountTypes, *in.Type) {
			return badRequest("Invalid account type: %.30s", *in.Type)
		}
		a.Type = *in.Type
	}
	if in.Archived != nil {
		a.Archived = *in.Archived
	}
	if in.Properties != nil {
		properties, err := cleanProperties(in.Properties)
		if err != nil {
			return err
		}
		a.Properties = properties
	}
	a.Groups = nil
	for _, ref := range in.Groups {
		g := c.resolveGroup(ref)
		if g == nil {
			return notFound("Group", ref.ID+ref.Name)
		}
		a.Groups = append(a.Groups, g.ID)
	}
	return nil
}

// deleteAccount deletes an account that was never posted to. Drafts that name
// it lose that side, without an event of their own.
func (c *change) deleteAccount(id string) (*wireAccount, error) {
	a := c.resolveAccount(reference{ID: id})
	if a == nil {
		return nil, notFound("Account", id)
	}
	if c.b.postings[a.ID] > 0 {
		return nil, badRequest("Account has transactions posted and can only be archived: %s", a.Name)
	}
	for _, t := range c.b.transactions {
		if t.Credit != a.ID && t.Debit != a.ID {
			continue
		}
		left := t.clone()
		if left.Credit == a.ID {
			left.Credit = 0
		}
		if left.Debit == a.ID {
			left.Debit = 0
		}
		c.put(left)
	}
	w := wireAccountOf(c, a)
	c.drop(a)
	return w, c.objectEvent("ACCOUNT_DELETED", w.ID, w, nil)
}

// resolveAccount finds the account that ref names, as the change sees it.
func (c *change) resolveAccount(ref reference) *account {
	if ref.ID != "" {
		return c.account(parseNumericID(ref.ID))
	}
	return c.accountNamed(ref.Name)
}

func (c *change) accountNamed(name string) *account {
	if a := c.b.accountByName(name); a != nil && c.account(a.ID) == a {
		return a
	}
	wanted := query.Normalize(name)
	for _, a := range c.accounts {
		if a != nil && query.Normalize(a.Name) == wanted {
			return a
		}
	}
	return nil
}
