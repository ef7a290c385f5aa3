package sandbox

import (
	"strconv"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/sandbox/query"
)

// The JSON types of the API, as far as this server fills them.

type wireBook struct {
	ID               string            `json:"id"`
	Name             string            `json:"name"`
	OwnerName        string            `json:"ownerName"`
	Permission       permission        `json:"permission"`
	Visibility       string            `json:"visibility"`
	AutoPost         bool              `json:"autoPost"`
	ClosingDate      string            `json:"closingDate,omitempty"`
	LockDate         string            `json:"lockDate,omitempty"`
	DatePattern      string            `json:"datePattern"`
	DecimalSeparator string            `json:"decimalSeparator"`
	FractionDigits   int               `json:"fractionDigits"`
	TimeZone         string            `json:"timeZone"`
	TimeZoneOffset   int               `json:"timeZoneOffset"`
	PageSize         int               `json:"pageSize"`
	Period           string            `json:"period"`
	PeriodStartMonth string            `json:"periodStartMonth"`
	Properties       map[string]string `json:"properties"`
	Accounts         []*wireAccount    `json:"accounts,omitempty"`
	Groups           []*wireGroup      `json:"groups,omitempty"`
	Total            string            `json:"totalTransactions,omitempty"`
	AgentID          string            `json:"agentId,omitempty"`
	CreatedAt        string            `json:"createdAt"`
	UpdatedAt        string            `json:"updatedAt"`
	LastUpdateMs     string            `json:"lastUpdateMs"`
}

type wireAccount struct {
	ID                   string            `json:"id"`
	Name                 string            `json:"name,omitempty"`
	NormalizedName       string            `json:"normalizedName,omitempty"`
	Type                 string            `json:"type,omitempty"`
	Credit               *bool             `json:"credit,omitempty"`
	Permanent            *bool             `json:"permanent,omitempty"`
	Archived             *bool             `json:"archived,omitempty"`
	HasTransactionPosted *bool             `json:"hasTransactionPosted,omitempty"`
	Groups               []*wireGroup      `json:"groups,omitempty"`
	Properties           map[string]string `json:"properties,omitzero"`
	Balance              string            `json:"balance,omitempty"`
	AgentID              string            `json:"agentId,omitempty"`
	CreatedAt            string            `json:"createdAt,omitempty"`
	UpdatedAt            string            `json:"updatedAt,omitempty"`
}

type wireGroup struct {
	ID             string            `json:"id"`
	Name           string            `json:"name,omitempty"`
	NormalizedName string            `json:"normalizedName,omitempty"`
	Type           string            `json:"type,omitempty"`
	Credit         bool              `json:"credit"`
	Permanent      bool              `json:"permanent"`
	Mixed          bool              `json:"mixed"`
	Hidden         bool              `json:"hidden"`
	HasAccounts    bool              `json:"hasAccounts"`
	HasGroups      bool              `json:"hasGroups"`
	Parent         *wireGroup        `json:"parent,omitempty"`
	Properties     map[string]string `json:"properties"`
	AgentID        string            `json:"agentId,omitempty"`
	CreatedAt      string            `json:"createdAt,omitempty"`
	UpdatedAt      string            `json:"updatedAt,omitempty"`
}

type wireTransaction struct {
	ID            string            `json:"id"`
	AgentID       string            `json:"agentId,omitempty"`
	AgentName     string            `json:"agentName,omitempty"`
	Amount        string            `json:"amount,omitempty"`
	Date          string            `json:"date"`
	DateValue     int               `json:"dateValue"`
	DateFormatted string            `json:"dateFormatted"`
	CreditAccount *wireAccount      `json:"creditAccount,omitempty"`
	DebitAccount  *wireAccount      `json:"debitAccount,omitempty"`
	Description   string            `json:"description"`
	Draft         bool              `json:"draft"`
	Posted        bool              `json:"posted"`
	Checked       bool              `json:"checked"`
	Trashed       bool              `json:"trashed"`
	Properties    map[string]string `json:"properties"`
	RemoteIDs     []string          `json:"remoteIds,omitempty"`
	Tags          []string          `json:"tags,omitempty"`
	URLs          []string          `json:"urls,omitempty"`
	Files         []*wireFile       `json:"files,omitempty"`
	CreatedAt     string            `json:"createdAt"`
	UpdatedAt     string            `json:"updatedAt"`
	CreatedBy     string            `json:"createdBy"`
}

type wireOperation struct {
	Accounts    []*wireAccount   `json:"accounts"`
	Transaction *wireTransaction `json:"transaction"`
}

type wireList[T any] struct {
	Account string `json:"account,omitempty"`
	Cursor  string `json:"cursor,omitempty"`
	Items   []T    `json:"items"`
}

type wireFile struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	ContentType string            `json:"contentType"`
	Content     string            `json:"content,omitempty"`
	Size        int               `json:"size"`
	URL         string            `json:"url"`
	Properties  map[string]string `json:"properties"`
	AgentID     string            `json:"agentId,omitempty"`
	CreatedAt   string            `json:"createdAt"`
	UpdatedAt   string            `json:"updatedAt"`
}

type wireIntegration struct {
	ID             string            `json:"id"`
	BookID         string            `json:"bookId"`
	ConnectionID   string            `json:"connectionId,omitempty"`
	AgentID        string            `json:"agentId,omitempty"`
	Name           string            `json:"name"`
	NormalizedName string            `json:"normalizedName"`
	UserID         string            `json:"userId"`
	AddedBy        string            `json:"addedBy"`
	Properties     map[string]string `json:"properties"`
	CreatedAt      string            `json:"createdAt"`
	UpdatedAt      string            `json:"updatedAt"`
	DateAddedMs    string            `json:"dateAddedMs"`
	LastUpdateMs   string            `json:"lastUpdateMs"`
}

type wireConnection struct {
	ID          string            `json:"id"`
	UUID        string            `json:"uuid,omitempty"`
	AgentID     string            `json:"agentId,omitempty"`
	Name        string            `json:"name"`
	Logo        string            `json:"logo,omitempty"`
	Type        string            `json:"type"`
	Email       string            `json:"email"`
	UserID      string            `json:"userId"`
	Properties  map[string]string `json:"properties"`
	CreatedAt   string            `json:"createdAt"`
	UpdatedAt   string            `json:"updatedAt"`
	DateAddedMs string            `json:"dateAddedMs"`
}

type wireCollaborator struct {
	ID         string     `json:"id"`
	Email      string     `json:"email"`
	Permission permission `json:"permission"`
}

type wireUser struct {
	ID              string `json:"id"`
	Username        string `json:"username"`
	Email           string `json:"email"`
	Name            string `json:"name"`
	FullName        string `json:"fullName"`
	GivenName       string `json:"givenName"`
	Plan            string `json:"plan"`
	Free            bool   `json:"free"`
	BankConnections bool   `json:"bankConnections"`
}

type wireApp struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	APIVersion  string   `json:"apiVersion"`
	Events      []string `json:"events,omitempty"`
	Patterns    []string `json:"filePatterns,omitempty"`
	Connectable bool     `json:"connectable"`
	Installable bool     `json:"installable"`
	Published   bool     `json:"published"`
	WebhookURL  string   `json:"webhookUrl,omitempty"`
}

type wireEvent struct {
	ID        string        `json:"id"`
	BookID    string        `json:"bookId"`
	Book      *wireBook     `json:"book"`
	User      wireActor     `json:"user"`
	Agent     *wireAgent    `json:"agent,omitempty"`
	CreatedAt string        `json:"createdAt"`
	CreatedOn string        `json:"createdOn"`
	Data      wireEventData `json:"data"`
	Resource  string        `json:"resource"`
	Type      string        `json:"type"`
	Responses []botResponse `json:"botResponses,omitempty"`
}

type wireActor struct {
	AvatarURL string `json:"avatarUrl"`
	Name      string `json:"name"`
	Username  string `json:"username"`
}

type wireAgent struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Logo string `json:"logo,omitempty"`
}

type wireEventData struct {
	Object   any               `json:"object"`
	Previous map[string]string `json:"previousAttributes,omitempty"`
}

func int64Text(id int64) string { return strconv.FormatInt(id, 10) }

func dateText(d bank.Date) string { return d.String() }

// orEmpty spares clients a null.
func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func (b *book) wire(u *user, now time.Time) *wireBook {
	zone, err := time.LoadLocation(b.info.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	_, offset := now.In(zone).Zone()
	updated := int64Text(b.info.Updated)
	return &wireBook{
		ID: b.info.ID, Name: b.info.Name, OwnerName: b.ownerName(), Permission: b.permissionOf(u),
		Visibility: "PRIVATE", AutoPost: b.info.AutoPost,
		ClosingDate: dateText(b.info.ClosingDate), LockDate: dateText(b.info.LockDate),
		DatePattern: b.info.DatePattern, DecimalSeparator: b.info.Separator, FractionDigits: b.info.FractionDigits,
		TimeZone: b.info.TimeZone, TimeZoneOffset: -offset / 60, PageSize: 100, Period: "MONTH", PeriodStartMonth: "JANUARY",
		Properties: orEmpty(b.info.Properties), AgentID: b.info.AgentID,
		CreatedAt: int64Text(b.info.Created), UpdatedAt: updated, LastUpdateMs: updated,
	}
}

func (b *book) ownerName() string {
	for name, p := range b.info.Collaborators {
		if p == permissionOwner {
			return name
		}
	}
	return ""
}

func permanent(accountType string) bool { return accountType == "ASSET" || accountType == "LIABILITY" }

func credits(accountType string) bool { return accountType == "LIABILITY" || accountType == "INCOMING" }

// wireAccountOf returns all of an account, its groups included.
func wireAccountOf(v lookup, a *account) *wireAccount {
	if a == nil {
		return nil
	}
	credit, stays, archived := credits(a.Type), permanent(a.Type), a.Archived
	posted := v.bookOf().postings[a.ID] > 0
	w := &wireAccount{
		ID: int64Text(a.ID), Name: a.Name, NormalizedName: query.Normalize(a.Name), Type: a.Type,
		Credit: &credit, Permanent: &stays, Archived: &archived, HasTransactionPosted: &posted,
		Properties: orEmpty(a.Properties), AgentID: a.AgentID,
		CreatedAt: int64Text(a.Created), UpdatedAt: int64Text(a.Updated),
	}
	for _, id := range a.Groups {
		if g := v.group(id); g != nil {
			w.Groups = append(w.Groups, wireGroupOf(v, g))
		}
	}
	return w
}

func wireGroupOf(v lookup, g *group) *wireGroup {
	w := &wireGroup{
		ID: int64Text(g.ID), Name: g.Name, NormalizedName: query.Normalize(g.Name), Hidden: g.Hidden,
		Properties: orEmpty(g.Properties), AgentID: g.AgentID,
		CreatedAt: int64Text(g.Created), UpdatedAt: int64Text(g.Updated),
	}
	b := v.bookOf()
	types := map[string]bool{}
	for _, a := range b.accounts {
		for _, id := range a.Groups {
			if id == g.ID {
				w.HasAccounts = true
				types[a.Type] = true
				w.Type, w.Credit, w.Permanent = a.Type, credits(a.Type), permanent(a.Type)
			}
		}
	}
	if len(types) > 1 {
		w.Type, w.Mixed = "", true
	}
	for _, other := range b.groups {
		w.HasGroups = w.HasGroups || other.Parent == g.ID
	}
	if parent := v.group(g.Parent); parent != nil {
		w.Parent = &wireGroup{
			ID: int64Text(parent.ID), Name: parent.Name, NormalizedName: query.Normalize(parent.Name),
			Properties: orEmpty(parent.Properties),
		}
	}
	return w
}

// sides says how much of its accounts a transaction carries.
type sides bool

const (
	idsOnly      sides = false // as in lists and answers
	fullAccounts sides = true  // as in events
)

func (s *Server) wireTransactionOf(v lookup, t *transaction, how sides) *wireTransaction {
	w := &wireTransaction{
		ID: t.ID, AgentID: t.AgentID, AgentName: s.agentName(t.AgentID),
		Date: dateText(t.Date), DateValue: dateValue(t.Date), DateFormatted: formatDate(t.Date, v.bookOf().info.DatePattern),
		CreditAccount: side(v, t.Credit, how), DebitAccount: side(v, t.Debit, how),
		Description: t.Description, Draft: !t.Posted, Posted: t.Posted, Checked: t.Checked, Trashed: t.Trashed,
		Properties: orEmpty(t.Properties), RemoteIDs: t.RemoteIDs, Tags: t.Tags, URLs: t.URLs,
		CreatedAt: int64Text(t.Created), UpdatedAt: int64Text(t.Updated), CreatedBy: t.CreatedBy,
	}
	if !t.Amount.IsZero() {
		w.Amount = t.Amount.String()
	}
	for _, id := range t.Files {
		if f := v.file(id); f != nil {
			w.Files = append(w.Files, wireFileOf(f))
		}
	}
	return w
}

func side(v lookup, id int64, how sides) *wireAccount {
	if id == 0 {
		return nil
	}
	if how == fullAccounts {
		if a := v.account(id); a != nil {
			return wireAccountOf(v, a)
		}
	}
	return &wireAccount{ID: int64Text(id)}
}

func (s *Server) wireOperationOf(v lookup, t *transaction, how sides) *wireOperation {
	op := &wireOperation{Accounts: []*wireAccount{}, Transaction: s.wireTransactionOf(v, t, how)}
	for _, id := range []int64{t.Credit, t.Debit} {
		if a := v.account(id); a != nil {
			op.Accounts = append(op.Accounts, wireAccountOf(v, a))
		}
	}
	return op
}

func dateValue(d bank.Date) int { return d.Year()*10000 + int(d.Month())*100 + d.Day() }

// formatDate writes d in a pattern of dd, MM and yyyy.
func formatDate(d bank.Date, pattern string) string {
	iso := d.String()
	if len(iso) != len(time.DateOnly) {
		return iso
	}
	return strings.NewReplacer("yyyy", iso[:4], "MM", iso[5:7], "dd", iso[8:]).Replace(pattern)
}

func wireFileOf(f *file) *wireFile {
	return &wireFile{
		ID: f.ID, Name: f.Name, ContentType: f.ContentType, Size: f.Size,
		URL:        "https://bkper.app/books/" + f.BookID + "/files/" + f.ID,
		Properties: orEmpty(f.Properties), AgentID: f.AgentID,
		CreatedAt: int64Text(f.Created), UpdatedAt: int64Text(f.Updated),
	}
}

func wireIntegrationOf(i *integration) *wireIntegration {
	created, updated := int64Text(i.Created), int64Text(i.Updated)
	return &wireIntegration{
		ID: int64Text(i.ID), BookID: i.BookID, ConnectionID: i.ConnectionID, AgentID: i.AgentID,
		Name: i.Name, NormalizedName: query.Normalize(i.Name), UserID: i.User, AddedBy: i.User,
		Properties: orEmpty(i.Properties), CreatedAt: created, UpdatedAt: updated,
		DateAddedMs: created, LastUpdateMs: updated,
	}
}

func (s *Server) wireConnectionOf(c *connection) *wireConnection {
	w := &wireConnection{
		ID: c.ID, UUID: c.UUID, AgentID: c.AgentID, Name: c.Name, Logo: c.Logo, Type: c.Type, UserID: c.User,
		Properties: orEmpty(c.Properties),
		CreatedAt:  int64Text(c.Created), UpdatedAt: int64Text(c.Updated), DateAddedMs: int64Text(c.Created),
	}
	if u := s.users[c.User]; u != nil {
		w.Email = u.email()
	}
	return w
}

// appName is what agents and the app list call the app.
const appName = "Bank Connections"

func (s *Server) agentName(id string) string {
	if id != "" && id == s.opts.AgentID {
		return appName
	}
	return id
}

// wireEventOf returns an event as u sees it, without the responses to it. The
// accounts and the book in it are as they are now.
func (s *Server) wireEventOf(b *book, e *event, u *user, now time.Time) *wireEvent {
	w := &wireEvent{
		ID: e.ID, BookID: e.BookID, Book: b.wire(u, now), Resource: e.Resource, Type: e.Type,
		CreatedAt: int64Text(e.Created), CreatedOn: time.UnixMilli(e.Created).UTC().Format("2006-01-02T15:04:05.000Z"),
		User: wireActor{Username: e.User, Name: e.User},
		Data: wireEventData{Previous: e.Previous},
	}
	if actor := s.users[e.User]; actor != nil {
		w.User.Name = actor.FullName
	}
	if e.AgentID != "" {
		w.Agent = &wireAgent{ID: e.AgentID, Name: s.agentName(e.AgentID)}
	}
	if e.Transaction != nil {
		w.Data.Object = s.wireOperationOf(b, e.Transaction, fullAccounts)
	} else {
		w.Data.Object = e.Object
	}
	return w
}
