package sandbox

import (
	"encoding/base64"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/sandbox/query"
)

const rowsPerPage = 60

// reasonProperty is where Bank Connections says why it completed a draft.
const reasonProperty = "completed_because"

type tab struct {
	Name, Label string
	Query       string
	Count       int
	Current     bool
}

// tabs are the transactions by state.
var tabs = []tab{
	{Name: "drafts", Label: "Drafts", Query: "is:draft"},
	{Name: "posted", Label: "Posted", Query: "is:unchecked"},
	{Name: "checked", Label: "Checked", Query: "is:checked"},
	{Name: "trashed", Label: "Trash", Query: "is:trashed"},
	{Name: "all", Label: "All"},
}

type accountView struct {
	ID, Name, Kind, Balance, Query string
	Negative, Current              bool
}

type accountGroupView struct {
	Label, Kind string
	Accounts    []accountView
}

type rowView struct {
	ID, Date, DateText, Amount, Description string
	Credit, Debit                           *accountView
	State                                   query.State
	Complete, First, Locked, Editable       bool
	Tags, Files                             []string
	Agent, By, Reason                       string
	Properties                              map[string]string
	RemoteIDs                               []string
}

type transactionsView struct {
	Book       *wireBook
	Tabs       []tab
	Tab        string
	Search     string
	Account    string
	Groups     []accountGroupView
	Names      []string
	Rows       []rowView
	Older      string
	Today      string
	Readable   bool
	AccountIDs []accountView
}

func (v *visit) showTransactions() error {
	view := &transactionsView{}
	err := v.read(func() error {
		if err := v.book.require(v.user, seeBook); err != nil {
			return err
		}
		return v.fillTransactions(view)
	})
	if err != nil {
		return err
	}
	return v.render("transactions", http.StatusOK, view.Book.Name, view)
}

func (v *visit) fillTransactions(view *transactionsView) error {
	form := v.r.URL.Query()
	now := v.s.opts.Now()
	view.Book = v.book.wire(v.user, now)
	view.Today = v.book.today(now).String()
	view.Search = strings.TrimSpace(form.Get("q"))
	view.Account = form.Get("account")
	view.Tab = form.Get("tab")
	if view.Tab == "" {
		view.Tab = tabs[0].Name
	}
	view.Groups = v.accountGroups(view.Account, view.Tab)
	for _, a := range v.book.sortedAccounts() {
		if !a.Archived {
			view.Names = append(view.Names, a.Name)
			view.AccountIDs = append(view.AccountIDs, accountView{ID: int64Text(a.ID), Name: a.Name, Kind: strings.ToLower(a.Type)})
		}
	}
	view.Readable = v.book.permissionOf(v.user).can(seeTransactions)
	if !view.Readable {
		return nil
	}
	text := view.Search
	if view.Account != "" {
		text += " account:'" + view.Account + "'"
	}
	for _, t := range tabs {
		t.Current = t.Name == view.Tab
		q, err := query.Parse(t.Query+" "+text, v.book.today(now))
		if err != nil {
			return badRequest("Invalid query: %s", err)
		}
		for range v.book.search(q, place{}) {
			t.Count++
		}
		view.Tabs = append(view.Tabs, t)
		if !t.Current {
			continue
		}
		if err := v.fillRows(view, q, form); err != nil {
			return err
		}
	}
	return nil
}

func (v *visit) fillRows(view *transactionsView, q query.Query, form url.Values) error {
	after, err := decodeCursor(form.Get("after"))
	if err != nil {
		return err
	}
	first := true
	var last *transaction
	for t := range v.book.search(q, after) {
		if len(view.Rows) == rowsPerPage {
			form.Set("after", encodeCursor(placeOf(last)))
			view.Older = v.base + "/?" + form.Encode()
			break
		}
		row := v.rowOf(t)
		if t.state() == query.Draft && !row.Complete && !row.Locked && first {
			row.First, first = true, false
		}
		view.Rows = append(view.Rows, row)
		last = t
	}
	return nil
}

func (v *visit) rowOf(t *transaction) rowView {
	row := rowView{
		ID: t.ID, Date: t.Date.String(), DateText: formatDate(t.Date, v.book.info.DatePattern), Description: t.Description,
		Credit: v.sideView(t.Credit), Debit: v.sideView(t.Debit), State: t.state(), Complete: t.complete(),
		Locked: v.book.locked(t.Date), Tags: t.Tags, By: t.CreatedBy, Properties: t.Properties, RemoteIDs: t.RemoteIDs,
		Agent: v.s.agentName(t.AgentID), Reason: t.Properties[reasonProperty],
	}
	row.Editable = !row.Locked && (row.State == query.Draft || row.State == query.Unchecked)
	if !t.Amount.IsZero() {
		row.Amount = v.book.format(t)
	}
	for _, id := range t.Files {
		if f := v.book.files[id]; f != nil {
			row.Files = append(row.Files, f.Name)
		}
	}
	return row
}

// format writes the amount of t with the decimals of the book.
func (b *book) format(t *transaction) string {
	text, err := t.Amount.StringFixed(b.info.FractionDigits)
	if err != nil { // the book had more decimals once
		return t.Amount.String()
	}
	return text
}

func (v *visit) sideView(id int64) *accountView {
	a := v.book.accounts[id]
	if a == nil {
		return nil
	}
	return &accountView{ID: int64Text(id), Name: a.Name, Kind: strings.ToLower(a.Type)}
}

// accountGroups lists the accounts with their balances, by type.
func (v *visit) accountGroups(current, tabName string) []accountGroupView {
	groups := []accountGroupView{
		{Label: "Assets", Kind: "asset"},
		{Label: "Liabilities", Kind: "liability"},
		{Label: "Incoming", Kind: "incoming"},
		{Label: "Outgoing", Kind: "outgoing"},
	}
	mayRead := v.book.permissionOf(v.user).can(seeTransactions)
	for _, a := range v.book.sortedAccounts() {
		kind := strings.ToLower(a.Type)
		balance := signed(v.book.balances[a.ID], a)
		view := accountView{ID: int64Text(a.ID), Name: a.Name, Kind: kind, Negative: balance.Sign() < 0, Current: a.Name == current}
		if text, err := balance.StringFixed(v.book.info.FractionDigits); err == nil && mayRead {
			view.Balance = text
		}
		form := url.Values{"tab": {tabName}}
		if !view.Current {
			form.Set("account", a.Name)
		}
		view.Query = v.base + "/?" + form.Encode()
		for i := range groups {
			if groups[i].Kind == kind && !(a.Archived && balance.IsZero()) {
				groups[i].Accounts = append(groups[i].Accounts, view)
			}
		}
	}
	return groups
}

// saveTransaction creates or edits a transaction, and posts it if asked to.
// What the form does not have stays as it is.
func (v *visit) saveTransaction() error {
	id, post := v.r.PostFormValue("id"), v.r.PostFormValue("then") == "post"
	return v.change(func(c *change) error {
		if id == "" {
			return v.createTransaction(c, post)
		}
		old, err := c.existing(id)
		if err != nil {
			return err
		}
		in := inputOf(c, old)
		if err := v.fill(c, in); err != nil {
			return err
		}
		if _, err := c.update(in, false); err != nil {
			return err
		}
		if !post {
			return nil
		}
		_, err = c.postExisting(id)
		return err
	})
}

func (v *visit) createTransaction(c *change, post bool) error {
	if err := c.require(recordDrafts); err != nil {
		return err
	}
	if post {
		if err := c.require(postDrafts); err != nil {
			return err
		}
	}
	in := &transactionInput{Draft: true}
	if err := v.fill(c, in); err != nil {
		return err
	}
	_, _, err := c.create(in, post)
	return err
}

// fill writes into in what the form has.
func (v *visit) fill(c *change, in *transactionInput) error {
	for name, field := range map[string]**string{"date": &in.Date, "amount": &in.Amount, "description": &in.Description} {
		if v.r.PostForm.Has(name) {
			value := strings.TrimSpace(v.r.PostFormValue(name))
			*field = &value
		}
	}
	for name, side := range map[string]**reference{"credit": &in.Credit, "debit": &in.Debit} {
		if v.r.PostForm.Has(name) {
			account := strings.TrimSpace(v.r.PostFormValue(name))
			if account != "" && c.accountNamed(account) == nil {
				return badRequest("The book has no account %q. Choose one of the list", account)
			}
			*side = &reference{Name: account}
		}
	}
	in.freshTags = v.r.PostForm.Has("description")
	return nil
}

// moveTransaction posts, checks, unchecks, trashes or restores.
func (v *visit) moveTransaction() error {
	id := v.r.PostFormValue("id")
	return v.change(func(c *change) error {
		if err := c.require(seeTransactions); err != nil {
			return err
		}
		var err error
		switch verb := v.r.PathValue("verb"); verb {
		case "post":
			_, err = c.postExisting(id)
		case "check", "uncheck":
			if err = c.require(manage); err == nil {
				_, err = c.check(id, verb == "check")
			}
		case "trash":
			_, err = c.trash(id, false)
		case "restore":
			_, err = c.restore(id)
		default:
			err = notFound("Action", verb)
		}
		return err
	})
}

// uploadFile puts a file into the book, as if dropped on an account.
func (v *visit) uploadFile() error {
	upload, header, err := v.r.FormFile("file")
	if err != nil {
		return badRequest("Choose a file first")
	}
	defer func() { _ = upload.Close() }() // it was only read
	in, err := fileOf(upload, header)
	if err != nil {
		return err
	}
	if account := v.r.PostFormValue("account"); account != "" {
		in.Properties = map[string]string{"account_id": account}
	}
	err = v.change(func(c *change) error {
		if err := c.require(recordDrafts); err != nil {
			return err
		}
		_, err := c.createFile(in)
		return err
	})
	if err == nil {
		v.flash(good, *in.Name+" is in the book. What apps make of it stands under Events.")
	}
	return err
}

func fileOf(upload multipart.File, header *multipart.FileHeader) (fileInput, error) {
	data, err := io.ReadAll(io.LimitReader(upload, maxFileSize+1))
	if err != nil {
		return fileInput{}, badRequest("Cannot read the file")
	}
	name, content := header.Filename, base64.StdEncoding.EncodeToString(data)
	return fileInput{Name: &name, Content: &content}, nil
}
