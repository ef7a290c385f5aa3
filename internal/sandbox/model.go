package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/sandbox/query"
)

// A record is one thing that is stored. Records do not change once they are
// stored: a change stores another one under the same key.
type record interface {
	bucket() []byte
	key() []byte
}

// Buckets of the database file, one per kind of record.
var (
	bucketBooks        = []byte("books")
	bucketAccounts     = []byte("accounts")
	bucketGroups       = []byte("groups")
	bucketTransactions = []byte("transactions")
	bucketIntegrations = []byte("integrations")
	bucketConnections  = []byte("connections")
	bucketFiles        = []byte("files")
	bucketContents     = []byte("contents") // of files, raw
	bucketEvents       = []byte("events")
	bucketMerges       = []byte("merges")
)

// permission is what a user may do with a book.
type permission string

const (
	permissionOwner    permission = "OWNER"
	permissionEditor   permission = "EDITOR"
	permissionPoster   permission = "POSTER"
	permissionRecorder permission = "RECORDER"
	permissionViewer   permission = "VIEWER"
	permissionNone     permission = "NONE"
)

type bookInfo struct {
	Seq            uint64                `json:"seq"`
	ID             string                `json:"id"`
	Name           string                `json:"name"`
	Collaborators  map[string]permission `json:"collaborators"` // by user name
	AutoPost       bool                  `json:"autoPost"`
	LockDate       bank.Date             `json:"lockDate,omitzero"`
	ClosingDate    bank.Date             `json:"closingDate,omitzero"`
	FractionDigits int                   `json:"fractionDigits"`
	Separator      string                `json:"separator"` // DOT or COMMA
	DatePattern    string                `json:"datePattern"`
	TimeZone       string                `json:"timeZone"`
	Properties     map[string]string     `json:"properties,omitempty"`
	AgentID        string                `json:"agentId,omitempty"`
	Deleted        bool                  `json:"deleted,omitempty"`
	Created        int64                 `json:"created"` // ms since 1970, as all times here
	Updated        int64                 `json:"updated"`
}

type account struct {
	ID         int64             `json:"id"`
	BookID     string            `json:"bookId"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Archived   bool              `json:"archived,omitempty"`
	Groups     []int64           `json:"groups,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
	AgentID    string            `json:"agentId,omitempty"`
	Created    int64             `json:"created"`
	Updated    int64             `json:"updated"`
}

type group struct {
	ID         int64             `json:"id"`
	BookID     string            `json:"bookId"`
	Name       string            `json:"name"`
	Parent     int64             `json:"parent,omitempty"`
	Hidden     bool              `json:"hidden,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
	AgentID    string            `json:"agentId,omitempty"`
	Created    int64             `json:"created"`
	Updated    int64             `json:"updated"`
}

type transaction struct {
	Seq         uint64            `json:"seq"` // order of creation
	ID          string            `json:"id"`
	BookID      string            `json:"bookId"`
	Date        bank.Date         `json:"date"`
	Amount      money.Decimal     `json:"amount"` // 0 is none
	Credit      int64             `json:"credit,omitempty"`
	Debit       int64             `json:"debit,omitempty"`
	Description string            `json:"description,omitempty"`
	Posted      bool              `json:"posted,omitempty"`
	Checked     bool              `json:"checked,omitempty"`
	Trashed     bool              `json:"trashed,omitempty"`
	Properties  map[string]string `json:"properties,omitempty"`
	RemoteIDs   []string          `json:"remoteIds,omitempty"`
	Tags        []string          `json:"tags,omitempty"`
	URLs        []string          `json:"urls,omitempty"`
	Files       []string          `json:"files,omitempty"` // ids
	AgentID     string            `json:"agentId,omitempty"`
	CreatedBy   string            `json:"createdBy"`
	Created     int64             `json:"created"`
	Updated     int64             `json:"updated"`
}

// complete reports whether t has all that posting needs.
func (t *transaction) complete() bool {
	return t.Credit != 0 && t.Debit != 0 && !t.Amount.IsZero() && !t.Date.IsZero()
}

func (t *transaction) state() query.State {
	switch {
	case t.Trashed:
		return query.Trashed
	case !t.Posted:
		return query.Draft
	case t.Checked:
		return query.Checked
	default:
		return query.Unchecked
	}
}

// clone returns a copy that may be changed without t changing.
func (t *transaction) clone() *transaction {
	c := *t
	c.Properties = maps.Clone(t.Properties)
	c.RemoteIDs = slices.Clone(t.RemoteIDs)
	c.Tags = slices.Clone(t.Tags)
	c.URLs = slices.Clone(t.URLs)
	c.Files = slices.Clone(t.Files)
	return &c
}

type integration struct {
	ID           int64             `json:"id"`
	BookID       string            `json:"bookId"`
	ConnectionID string            `json:"connectionId,omitempty"`
	AgentID      string            `json:"agentId,omitempty"`
	Name         string            `json:"name"`
	User         string            `json:"user"`
	Properties   map[string]string `json:"properties,omitempty"`
	Created      int64             `json:"created"`
	Updated      int64             `json:"updated"`
}

type connection struct {
	ID         string            `json:"id"`
	UUID       string            `json:"uuid,omitempty"`
	User       string            `json:"user"`
	AgentID    string            `json:"agentId,omitempty"`
	Name       string            `json:"name"`
	Logo       string            `json:"logo,omitempty"`
	Type       string            `json:"type"`
	Properties map[string]string `json:"properties,omitempty"`
	Created    int64             `json:"created"`
	Updated    int64             `json:"updated"`
}

// file is all of a file but its content.
type file struct {
	Seq         uint64            `json:"seq"`
	ID          string            `json:"id"`
	BookID      string            `json:"bookId"`
	Name        string            `json:"name"`
	ContentType string            `json:"contentType"`
	Size        int               `json:"size"`
	Properties  map[string]string `json:"properties,omitempty"`
	AgentID     string            `json:"agentId,omitempty"`
	Created     int64             `json:"created"`
	Updated     int64             `json:"updated"`
}

type event struct {
	Seq      uint64 `json:"seq"`
	ID       string `json:"id"`
	BookID   string `json:"bookId"`
	Type     string `json:"type"`
	Resource string `json:"resource"`
	User     string `json:"user"`
	AgentID  string `json:"agentId,omitempty"`
	Created  int64  `json:"created"`
	// Transaction is the state that the event is about; events of other
	// resources have their Object instead, as it is sent.
	Transaction *transaction      `json:"transaction,omitempty"`
	Object      json.RawMessage   `json:"object,omitempty"`
	Previous    map[string]string `json:"previous,omitempty"`
	Responses   []botResponse     `json:"responses,omitempty"`
	// Waiting says that the event must yet be delivered, not before Next.
	Waiting  bool  `json:"waiting,omitempty"`
	Attempts int   `json:"attempts,omitempty"`
	Next     int64 `json:"next,omitempty"`
}

type botResponse struct {
	AgentID   string `json:"agentId"`
	Type      string `json:"type"` // INFO, WARNING or ERROR
	Message   string `json:"message"`
	CreatedAt string `json:"createdAt"`
}

func (e *event) failed() bool {
	return slices.ContainsFunc(e.Responses, func(r botResponse) bool { return r.Type == "ERROR" })
}

// merge is the clean-up that a merge has yet to do: two originals to trash.
type merge struct {
	Seq    uint64   `json:"seq"`
	BookID string   `json:"bookId"`
	IDs    []string `json:"ids"`
	User   string   `json:"user"`
	Agent  string   `json:"agent,omitempty"`
	Due    int64    `json:"due"`
}

func seqOf(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func (r *bookInfo) bucket() []byte    { return bucketBooks }
func (r *bookInfo) key() []byte       { return []byte(r.ID) }
func (r *account) bucket() []byte     { return bucketAccounts }
func (r *account) key() []byte        { return []byte(int64Text(r.ID)) }
func (r *group) bucket() []byte       { return bucketGroups }
func (r *group) key() []byte          { return []byte(int64Text(r.ID)) }
func (t *transaction) bucket() []byte { return bucketTransactions }
func (t *transaction) key() []byte    { return number(t.Seq) }
func (r *integration) bucket() []byte { return bucketIntegrations }
func (r *integration) key() []byte    { return []byte(int64Text(r.ID)) }
func (r *connection) bucket() []byte  { return bucketConnections }
func (r *connection) key() []byte     { return []byte(r.ID) }
func (r *file) bucket() []byte        { return bucketFiles }
func (r *file) key() []byte           { return []byte(r.ID) }
func (e *event) bucket() []byte       { return bucketEvents }
func (e *event) key() []byte          { return number(e.Seq) }
func (r *merge) bucket() []byte       { return bucketMerges }
func (r *merge) key() []byte          { return number(r.Seq) }
