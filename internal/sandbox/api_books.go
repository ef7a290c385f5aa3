package sandbox

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/sandbox/query"
)

func (s *Server) userRoutes(on routeTable) {
	on("GET /user", userRead(s, func(c *call) (any, error) {
		linked := false
		for _, connection := range s.connections {
			linked = linked || connection.User == c.user.Name && connection.Type == "BANK"
		}
		given, _, _ := strings.Cut(c.user.FullName, " ")
		return wireUser{
			ID: c.user.Name, Username: c.user.Name, Email: c.user.email(), Name: c.user.FullName,
			FullName: c.user.FullName, GivenName: given, Plan: "BUSINESS", Free: false, BankConnections: linked,
		}, nil
	}))
	on("GET /apps", userRead(s, func(*call) (any, error) {
		return wireList[wireApp]{Items: s.apps()}, nil
	}))
	on("GET /apps/{id}", userRead(s, func(c *call) (any, error) {
		for _, app := range s.apps() {
			if app.ID == c.path("id") {
				return app, nil
			}
		}
		return nil, notFound("App", c.path("id"))
	}))
}

// apps returns the apps there are: the one that is tried on the book.
func (s *Server) apps() []wireApp {
	if s.opts.AgentID == "" {
		return []wireApp{}
	}
	return []wireApp{{
		ID: s.opts.AgentID, Name: appName, Description: "Records the transactions of a bank account in a book.",
		APIVersion: "v5", Events: s.opts.Events, Patterns: s.opts.FilePatterns,
		Connectable: true, Installable: true, WebhookURL: s.eventsURL,
	}}
}

func (s *Server) bookRoutes(on routeTable) {
	list := userRead(s, s.listBooks)
	on("GET /books", list)
	on("GET /books/{$}", list)
	create := userWrite(s, createBook)
	on("POST /books", create)
	on("POST /books/{$}", create)
	on("GET /books/{book}", bookRead(s, seeBook, s.getBook))
	on("PUT /books/{book}", bookWrite(s, manage, updateBook))
	on("DELETE /books/{book}", bookWrite(s, own, deleteBook))
	on("GET /books/{book}/apps", bookRead(s, seeBook, func(b *book, _ *call) (any, error) {
		installed := slices.DeleteFunc(s.apps(), func(app wireApp) bool { return !b.installed(app.ID) })
		return wireList[wireApp]{Items: installed}, nil
	}))
}

func (s *Server) listBooks(c *call) (any, error) {
	wanted := strings.ToLower(c.param("query"))
	items := []*wireBook{}
	for _, b := range sortedBy(s.books, func(b *book) uint64 { return b.info.Seq }) {
		visible := !b.info.Deleted && b.permissionOf(c.user) != permissionNone
		if visible && strings.Contains(strings.ToLower(b.info.Name), wanted) {
			items = append(items, b.wire(c.user, s.opts.Now()))
		}
	}
	return wireList[*wireBook]{Items: items}, nil
}

func (s *Server) getBook(b *book, c *call) (any, error) {
	w := b.wire(c.user, s.opts.Now())
	w.Total = int64Text(int64(len(b.transactions)))
	if c.flag("loadAccounts") {
		w.Accounts = b.wireAccounts()
	}
	if c.flag("loadAccounts") || c.flag("loadGroups") {
		w.Groups = b.wireGroups()
	}
	return w, nil
}

type bookInput struct {
	Name           *string           `json:"name"`
	AutoPost       *bool             `json:"autoPost"`
	LockDate       *string           `json:"lockDate"`
	ClosingDate    *string           `json:"closingDate"`
	FractionDigits *int              `json:"fractionDigits"`
	Separator      *string           `json:"decimalSeparator"`
	DatePattern    *string           `json:"datePattern"`
	TimeZone       *string           `json:"timeZone"`
	Properties     map[string]string `json:"properties"`
}

func createBook(c *change, _ *call, in bookInput) (any, error) {
	seq := c.nextSeq()
	info := &bookInfo{
		Seq: seq, ID: c.s.opaqueID(seq), Collaborators: map[string]permission{c.user.Name: permissionOwner},
		AutoPost: true, FractionDigits: 2, Separator: "DOT", DatePattern: "dd/MM/yyyy", TimeZone: "UTC",
		AgentID: c.agent, Created: c.millis(), Updated: c.millis(),
	}
	if in.Name == nil || *in.Name == "" {
		return nil, badRequest("Book name is required")
	}
	if err := in.apply(info); err != nil {
		return nil, err
	}
	c.b = newBook(info)
	c.put(info)
	return c.b.wire(c.user, c.now), c.objectEvent("BOOK_CREATED", info.ID, c.b.wire(c.user, c.now), nil)
}

func updateBook(c *change, _ *call, in bookInput) (any, error) {
	old := c.b.info
	info := *old
	if err := in.apply(&info); err != nil {
		return nil, err
	}
	unlocks := info.LockDate.Before(old.LockDate) || info.ClosingDate.Before(old.ClosingDate)
	if unlocks {
		if err := c.require(own); err != nil {
			return nil, err
		}
	}
	info.Updated = c.millis()
	previous := map[string]string{}
	changed(previous, "name", old.Name, info.Name)
	changed(previous, "lockDate", dateText(old.LockDate), dateText(info.LockDate))
	changed(previous, "closingDate", dateText(old.ClosingDate), dateText(info.ClosingDate))
	differences(old.Properties, info.Properties, previous)
	c.put(&info)
	after := &book{info: &info}
	w := after.wire(c.user, c.now)
	return w, c.objectEvent("BOOK_UPDATED", info.ID, w, previous)
}

func changed(previous map[string]string, key, before, after string) {
	if before != after {
		previous[key] = before
	}
}

func (in bookInput) apply(info *bookInfo) error {
	if in.Name != nil && *in.Name != "" {
		info.Name = *in.Name
	}
	if in.AutoPost != nil {
		info.AutoPost = *in.AutoPost
	}
	if in.FractionDigits != nil {
		if *in.FractionDigits < 0 || *in.FractionDigits > 8 {
			return badRequest("Invalid fraction digits: %d", *in.FractionDigits)
		}
		info.FractionDigits = *in.FractionDigits
	}
	if in.Separator != nil {
		if *in.Separator != "DOT" && *in.Separator != "COMMA" {
			return badRequest("InvalidFormatException: no decimal separator: %.20s", *in.Separator)
		}
		info.Separator = *in.Separator
	}
	if in.DatePattern != nil && *in.DatePattern != "" {
		info.DatePattern = *in.DatePattern
	}
	if in.TimeZone != nil && *in.TimeZone != "" {
		info.TimeZone = *in.TimeZone
	}
	if in.Properties != nil {
		properties, err := cleanProperties(in.Properties)
		if err != nil {
			return err
		}
		info.Properties = properties
	}
	var err error
	if in.LockDate != nil {
		if info.LockDate, err = parseLock(*in.LockDate); err != nil {
			return err
		}
	}
	if in.ClosingDate != nil {
		info.ClosingDate, err = parseLock(*in.ClosingDate)
	}
	return err
}

// parseLock reads a date of a lock; empty and 1900-00-00 mean none.
func parseLock(text string) (bank.Date, error) {
	if text == "" || text == "1900-00-00" {
		return bank.Date{}, nil
	}
	d, err := bank.ParseDate(text)
	if err != nil {
		return bank.Date{}, badRequest("Invalid date: %.20s", text)
	}
	return d, nil
}

// lockedUntil is the last day on which nothing may change, zero if there is none.
func (b *book) lockedUntil() bank.Date {
	if b.info.ClosingDate.After(b.info.LockDate) {
		return b.info.ClosingDate
	}
	return b.info.LockDate
}

func (b *book) locked(d bank.Date) bool {
	until := b.lockedUntil()
	return !until.IsZero() && !d.After(until)
}

func deleteBook(c *change, _ *call, _ nothing) (any, error) {
	w := c.b.wire(c.user, c.now)
	if err := c.objectEvent("BOOK_DELETED", c.b.info.ID, w, nil); err != nil {
		return nil, err
	}
	info := *c.b.info
	info.Deleted, info.Updated = true, c.millis()
	c.put(&info)
	return w, nil
}

// objectEvent records an event of something other than a transaction.
func (c *change) objectEvent(kind, resource string, object any, previous map[string]string) error {
	data, err := json.Marshal(object)
	if err != nil {
		return err
	}
	c.event(&event{Type: kind, Resource: resource, Object: data, Previous: previous})
	return nil
}

// transactionEvent records an event of a transaction.
func (c *change) transactionEvent(kind string, t *transaction, previous map[string]string) {
	c.event(&event{Type: kind, Resource: t.ID, Transaction: t, Previous: previous})
}

// event records e, to be delivered if the app asked for its kind.
func (c *change) event(e *event) {
	e.Seq = c.nextSeq()
	e.ID, e.BookID = c.s.opaqueID(e.Seq), c.b.info.ID
	e.User, e.AgentID, e.Created = c.user.Name, c.agent, c.millis()
	if len(e.Previous) == 0 {
		e.Previous = nil
	}
	e.Waiting = c.s.subscribed(c.b, e)
	c.put(e)
}

func (b *book) wireAccounts() []*wireAccount {
	items := []*wireAccount{}
	for _, a := range b.sortedAccounts() {
		items = append(items, wireAccountOf(b, a))
	}
	return items
}

func (b *book) wireGroups() []*wireGroup {
	items := []*wireGroup{}
	for _, g := range b.sortedGroups() {
		items = append(items, wireGroupOf(b, g))
	}
	return items
}

// findAccount finds an account by id or name.
func (b *book) findAccount(idOrName string) *account {
	for id, a := range b.accounts {
		if int64Text(id) == idOrName {
			return a
		}
	}
	return b.accountByName(idOrName)
}

func (b *book) findGroup(idOrName string) *group {
	wanted := query.Normalize(idOrName)
	for id, g := range b.groups {
		if int64Text(id) == idOrName || query.Normalize(g.Name) == wanted {
			return g
		}
	}
	return nil
}
