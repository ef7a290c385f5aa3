package bkper

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/money"
)

func TestEveryCallIsSentAsDocumented(t *testing.T) {
	tx := Transaction{ID: "t1", RemoteIDs: []string{"r1"}}
	const txBody = `{"id":"t1","remoteIds":["r1"]}`
	for _, tt := range []struct {
		want string // method, path and query, body
		do   func(context.Context, *Client) error
	}{
		{"GET /v5/user", func(ctx context.Context, c *Client) error { _, err := c.User(ctx); return err }},
		{"GET /v5/books", func(ctx context.Context, c *Client) error { _, err := c.Books(ctx); return err }},
		{"GET /v5/books/b", func(ctx context.Context, c *Client) error { _, err := c.Book(ctx, "b", BookDetail{}); return err }},
		{"GET /v5/books/b?loadAccounts=true&loadGroups=true", func(ctx context.Context, c *Client) error {
			_, err := c.Book(ctx, "b", BookDetail{Accounts: true, Groups: true})
			return err
		}},
		{"GET /v5/books/b/accounts", func(ctx context.Context, c *Client) error { _, err := c.Accounts(ctx, "b"); return err }},
		{"GET /v5/books/b/accounts/Caf%C3%A9%20&%20Co", func(ctx context.Context, c *Client) error {
			_, err := c.Account(ctx, "b", "Café & Co")
			return err
		}},
		{`POST /v5/books/b/accounts {"name":"Bank","type":"ASSET","groups":[{"id":"9"}]}`, func(ctx context.Context, c *Client) error {
			_, err := c.CreateAccount(ctx, "b", Account{Name: "Bank", Type: Asset, Groups: []Group{{ID: "9"}}})
			return err
		}},
		{"GET /v5/books/b/groups", func(ctx context.Context, c *Client) error { _, err := c.Groups(ctx, "b"); return err }},
		{"GET /v5/books/b/transactions/t1", func(ctx context.Context, c *Client) error { _, err := c.Transaction(ctx, "b", "t1"); return err }},
		{"GET /v5/books/b/transactions?limit=200", func(ctx context.Context, c *Client) error {
			_, err := c.TransactionPage(ctx, "b", "", 0, "")
			return err
		}},
		{"GET /v5/books/b/transactions?limit=1000&query=account%3A%27A+B%27+is%3Adraft", func(ctx context.Context, c *Client) error {
			_, err := c.TransactionPage(ctx, "b", "account:'A B' is:draft", 5000, "")
			return err
		}},
		{`POST /v5/books/b/transactions/batch {"items":[` + txBody + `]}`, func(ctx context.Context, c *Client) error {
			_, err := c.CreateTransactions(ctx, "b", []Transaction{tx})
			return err
		}},
		{"POST /v5/books/b/transactions " + txBody, func(ctx context.Context, c *Client) error { _, err := c.CreateTransaction(ctx, "b", tx); return err }},
		{`PUT /v5/books/b/transactions/batch {"items":[` + txBody + `]}`, func(ctx context.Context, c *Client) error {
			_, err := c.UpdateTransactions(ctx, "b", []Transaction{tx}, false)
			return err
		}},
		{`PUT /v5/books/b/transactions/batch?updateChecked=true {"items":[` + txBody + `]}`, func(ctx context.Context, c *Client) error {
			_, err := c.UpdateTransactions(ctx, "b", []Transaction{tx}, true)
			return err
		}},
		{"PUT /v5/books/b/transactions " + txBody, func(ctx context.Context, c *Client) error { _, err := c.UpdateTransaction(ctx, "b", tx); return err }},
		{"PATCH /v5/books/b/transactions/post " + txBody, func(ctx context.Context, c *Client) error { _, err := c.Post(ctx, "b", tx); return err }},
		{"PATCH /v5/books/b/transactions/check " + txBody, func(ctx context.Context, c *Client) error { _, err := c.Check(ctx, "b", tx); return err }},
		{"PATCH /v5/books/b/transactions/uncheck " + txBody, func(ctx context.Context, c *Client) error { _, err := c.Uncheck(ctx, "b", tx); return err }},
		{"PATCH /v5/books/b/transactions/trash " + txBody, func(ctx context.Context, c *Client) error { _, err := c.Trash(ctx, "b", tx); return err }},
		{"PATCH /v5/books/b/transactions/restore " + txBody, func(ctx context.Context, c *Client) error { _, err := c.Restore(ctx, "b", tx); return err }},
		{`PATCH /v5/books/b/transactions/trash/batch {"items":[` + txBody + `]}`, func(ctx context.Context, c *Client) error {
			return c.TrashTransactions(ctx, "b", []Transaction{tx}, false)
		}},
		{`PATCH /v5/books/b/transactions/trash/batch?trashChecked=true {"items":[` + txBody + `]}`, func(ctx context.Context, c *Client) error {
			return c.TrashTransactions(ctx, "b", []Transaction{tx}, true)
		}},
		{`PATCH /v5/books/b/transactions/post/batch {"items":[` + txBody + `]}`, func(ctx context.Context, c *Client) error {
			return c.PostTransactions(ctx, "b", []Transaction{tx})
		}},
		{"GET /v5/books/b/files/f1", func(ctx context.Context, c *Client) error { _, err := c.File(ctx, "b", "f1"); return err }},
		{"GET /v5/books/b/integrations", func(ctx context.Context, c *Client) error { _, err := c.Integrations(ctx, "b"); return err }},
		{`POST /v5/books/b/integrations {"agentId":"the-app"}`, func(ctx context.Context, c *Client) error {
			_, err := c.CreateIntegration(ctx, "b", Integration{AgentID: "the-app"})
			return err
		}},
		{`PUT /v5/books/b/integrations {"id":"7","name":"N"}`, func(ctx context.Context, c *Client) error {
			_, err := c.UpdateIntegration(ctx, "b", Integration{ID: "7", Name: "N"})
			return err
		}},
		{"DELETE /v5/books/b/integrations/7", func(ctx context.Context, c *Client) error { return c.DeleteIntegration(ctx, "b", "7") }},
	} {
		s := replies(reply{body: `{}`})
		if err := tt.do(t.Context(), s.client()); err != nil {
			t.Errorf("%s: %v", tt.want, err)
			continue
		}
		got := strings.TrimSpace(s.asked[0].Method + " " + strings.TrimPrefix(s.asked[0].URL.RequestURI(), "/base") + " " + s.bodies[0])
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAnswersAreRead(t *testing.T) {
	s := replies(reply{body: `{"accounts":[{"id":"1"}],"transaction":{"id":"t1","posted":true}}`})
	posted, err := s.client().Post(t.Context(), "b", Transaction{ID: "t1"})
	if err != nil || posted.ID != "t1" || posted.Status() != Posted {
		t.Errorf("an operation: %+v, %v", posted, err)
	}
	s = replies(reply{body: `{"items":[{"id":"1","name":"Bank"},{"id":"2"}]}`})
	accounts, err := s.client().Accounts(t.Context(), "b")
	if err != nil || len(accounts) != 2 || accounts[0].Name != "Bank" {
		t.Errorf("a list: %+v, %v", accounts, err)
	}
	s = replies(reply{body: `{}`})
	if accounts, err := s.client().Accounts(t.Context(), "b"); err != nil || len(accounts) != 0 {
		t.Errorf("an empty list, which Bkper leaves out: %+v, %v", accounts, err)
	}
	s = replies(reply{status: 204})
	if err := s.client().DeleteIntegration(t.Context(), "b", "7"); err != nil {
		t.Errorf("no answer where none is expected: %v", err)
	}
}

func TestBatchAnswersAreMappedByRemoteID(t *testing.T) {
	request := []Transaction{
		{RemoteIDs: []string{"r1"}}, {RemoteIDs: []string{"r2", "r2b"}}, {RemoteIDs: []string{"r3"}}, {RemoteIDs: []string{"r4"}},
	}
	for name, tt := range map[string]struct {
		answer string
		want   map[string]string
	}{
		"in another order":             {`{"items":[{"id":"c","remoteIds":["r3"]},{"id":"d","remoteIds":["r4"]},{"id":"a","remoteIds":["r1"]},{"id":"b","remoteIds":["r2b","r2"]}]}`, map[string]string{"r1": "a", "r2": "b", "r2b": "b", "r3": "c", "r4": "d"}},
		"with some missing":            {`{"items":[{"id":"c","remoteIds":["r3"]}]}`, map[string]string{"r3": "c"}},
		"with all missing":             {`{}`, map[string]string{}},
		"with an empty list":           {`{"items":[]}`, map[string]string{}},
		"with null":                    {`{"items":null}`, map[string]string{}},
		"with others nobody asked for": {`{"items":[{"id":"x","remoteIds":["zz"]},{"id":"y"},{"id":"a","remoteIds":["zz","r1"]}]}`, map[string]string{"r1": "a"}},
	} {
		s := replies(reply{body: tt.answer})
		created, err := s.client().CreateTransactions(t.Context(), "b", request)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := map[string]string{}
		for id, tx := range created {
			got[id] = tx.ID
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}

	s := replies(reply{body: `{"items":[{"id":"2","description":"two"},{"id":"1"}]}`})
	updated, err := s.client().UpdateTransactions(t.Context(), "b", []Transaction{{ID: "1"}, {ID: "2"}, {ID: "3"}}, false)
	if err != nil || len(updated) != 2 || updated["2"].Description != "two" {
		t.Errorf("an update: %v, %v", updated, err)
	}
}

func TestBatchesThatCannotBeRightAreNotSent(t *testing.T) {
	many := func(n int) []Transaction {
		out := make([]Transaction, n)
		for i := range out {
			out[i] = Transaction{ID: fmt.Sprint("t", i), RemoteIDs: []string{fmt.Sprint("r", i)}}
		}
		return out
	}
	s := replies(reply{body: `{}`})
	c, ctx := s.client(), t.Context()
	for name, do := range map[string]func() error{
		"create more than 100":       func() error { _, err := c.CreateTransactions(ctx, "b", many(101)); return err },
		"update more than 100":       func() error { _, err := c.UpdateTransactions(ctx, "b", many(101), false); return err },
		"trash more than 100":        func() error { return c.TrashTransactions(ctx, "b", many(101), false) },
		"post more than 100":         func() error { return c.PostTransactions(ctx, "b", many(101)) },
		"create without a remote id": func() error { _, err := c.CreateTransactions(ctx, "b", []Transaction{{}}); return err },
		"create with a bad remote id": func() error {
			_, err := c.CreateTransactions(ctx, "b", []Transaction{{RemoteIDs: []string{"a-b"}}})
			return err
		},
		"create the same remote id":     func() error { _, err := c.CreateTransactions(ctx, "b", append(many(2), many(1)...)); return err },
		"update without an id":          func() error { _, err := c.UpdateTransactions(ctx, "b", []Transaction{{}}, false); return err },
		"trash without an id":           func() error { return c.TrashTransactions(ctx, "b", []Transaction{{}}, false) },
		"post one without an id":        func() error { _, err := c.Post(ctx, "b", Transaction{}); return err },
		"update one without an id":      func() error { _, err := c.UpdateTransaction(ctx, "b", Transaction{}); return err },
		"update a nameless integration": func() error { _, err := c.UpdateIntegration(ctx, "b", Integration{}); return err },
		"find a bad remote id":          func() error { _, err := c.FindRemoteID(ctx, "b", "a b"); return err },
	} {
		if err := do(); !errs.Is(err, errs.Invalid) || OutcomeOf(err) != NotDone {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(s.asked) != 0 {
		t.Errorf("%d calls were sent", len(s.asked))
	}
	if created, err := c.CreateTransactions(ctx, "b", nil); err != nil || len(created) != 0 || len(s.asked) != 0 {
		t.Errorf("nothing to create: %v, %v", created, err)
	}
	if err := c.TrashTransactions(ctx, "b", nil, false); err != nil || len(s.asked) != 0 {
		t.Errorf("nothing to trash: %v", err)
	}
	if _, err := c.CreateTransactions(ctx, "b", many(100)); err != nil {
		t.Errorf("100: %v", err)
	}
}

func ids(t *testing.T, c *Client) (ids []string, err error) {
	t.Helper()
	for tx, e := range c.Transactions(t.Context(), "b", "q", 2) {
		if e != nil {
			return ids, e
		}
		ids = append(ids, tx.ID)
	}
	return ids, nil
}

func page(cursor string, ids ...string) reply {
	p := TransactionList{Cursor: cursor}
	for _, id := range ids {
		p.Items = append(p.Items, Transaction{ID: id})
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return reply{body: string(body)}
}

func TestAllPagesAreListed(t *testing.T) {
	for name, tt := range map[string]struct {
		pages   []reply
		want    string
		cursors string
	}{
		"one page":                         {[]reply{page("", "1", "2")}, "[1 2]", "[]"},
		"nothing":                          {[]reply{page("")}, "[]", "[]"},
		"three pages":                      {[]reply{page("c1", "1"), page("c2", "2"), page("", "3")}, "[1 2 3]", "[ c1 c2]"},
		"an empty page in between":         {[]reply{page("c1", "1"), page("c2"), page("", "3")}, "[1 3]", "[ c1 c2]"},
		"the same cursor again ends it":    {[]reply{page("c1", "1"), page("c1", "2"), page("c9", "3")}, "[1 2]", "[ c1]"},
		"an earlier cursor again ends it":  {[]reply{page("c1", "1"), page("c2", "2"), page("c1", "3"), page("c9", "4")}, "[1 2 3]", "[ c1 c2]"},
		"a page that fails once is reread": {[]reply{page("c1", "1"), {status: 503}, page("", "2")}, "[1 2]", "[ c1 c1]"},
	} {
		s := replies(tt.pages...)
		got, err := ids(t, s.client())
		if err != nil || fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, %v, want %s", name, got, err, tt.want)
		}
		var cursors []string
		for _, r := range s.asked {
			cursors = append(cursors, r.Header.Get("cursor"))
			if r.URL.Query().Has("cursor") || r.URL.Query().Get("limit") != "2" || r.URL.Query().Get("query") != "q" {
				t.Errorf("%s: asked %s", name, r.URL)
			}
		}
		if fmt.Sprint(cursors) != tt.cursors {
			t.Errorf("%s: cursors %v, want %s", name, cursors, tt.cursors)
		}
	}
}

func TestAListThatBreaksEndsWithItsError(t *testing.T) {
	s := replies(page("c1", "1"), reply{status: 400})
	got, err := ids(t, s.client())
	if fmt.Sprint(got) != "[1]" || !errs.Is(err, errs.Invalid) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAListMayBeLeftEarly(t *testing.T) {
	s := replies(page("c1", "1", "2"), page("", "3"))
	for _, err := range s.client().Transactions(t.Context(), "b", "", 0) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if len(s.asked) != 1 {
		t.Errorf("%d pages were read", len(s.asked))
	}
}

func TestARemoteIDIsFoundInTheTrashToo(t *testing.T) {
	s := replies(
		reply{body: `{"items":[{"id":"old","trashed":true,"remoteIds":["r_1"]},{"id":"live","remoteIds":["x","r_1"]},{"id":"other","remoteIds":["r_12"]}]}`},
		reply{body: `{"items":[{"id":"old","trashed":true,"remoteIds":["r_1"]},{"id":"older","trashed":true,"remoteIds":["r_1"]}]}`},
	)
	found, err := s.client().FindRemoteID(t.Context(), "b", "r_1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tx := range found {
		got = append(got, tx.ID)
	}
	if !slices.Equal(got, []string{"live", "old", "older"}) {
		t.Errorf("found %v", got)
	}
	for i, want := range []string{"remoteId:r_1", "remoteId:r_1 is:trashed"} {
		if got := s.asked[i].URL.Query().Get("query"); got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
	}
	s = replies(page(""), reply{status: 400})
	if found, err := s.client().FindRemoteID(t.Context(), "b", "r_1"); err == nil {
		t.Errorf("half an answer is taken for a whole one: %v", found)
	}
}

func TestQuotes(t *testing.T) {
	for text, want := range map[string]string{
		"Bank":        "'Bank'",
		"Bank Brasil": "'Bank Brasil'",
		"Joe's":       `"Joe's"`,
		`5" pipes`:    `'5" pipes'`,
		"a:b is:x":    "'a:b is:x'",
	} {
		if got, err := Quote(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a\nb", "a\x00", `Joe's 5" pipes`} {
		if got, err := Quote(text); !errs.Is(err, errs.Invalid) || OutcomeOf(err) != NotDone {
			t.Errorf("%q: %s, %v", text, got, err)
		}
		if got, err := QueryAccount(text); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
	if got, err := QueryAccount("My Bank"); err != nil || got != "account:'My Bank'" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestRemoteIDsHaveLettersDigitsAndUnderscores(t *testing.T) {
	for _, id := range []string{"a", "Z", "0", "_", "bc1_aB9_", strings.Repeat("x", 128)} {
		if err := CheckRemoteID(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		if q, err := QueryRemoteID(id); err != nil || q != "remoteId:"+id {
			t.Errorf("%s: %s, %v", id, q, err)
		}
	}
	for _, id := range []string{"", " ", "a b", "a-b", "a:b", "a'", "é", "a\n", "x/y", strings.Repeat("x", 129)} {
		if CheckRemoteID(id) == nil {
			t.Errorf("%q is taken", id)
		}
		if q, err := QueryRemoteID(id); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %s, %v", id, q, err)
		}
	}
}

func TestStatusRanks(t *testing.T) {
	for want, list := range map[Status][]Transaction{
		Trashed: {{Trashed: true}, {Trashed: true, Posted: true}, {Trashed: true, Posted: true, Checked: true}},
		Draft:   {{}, {Draft: true}, {Checked: true}},
		Checked: {{Posted: true, Checked: true}},
		Posted:  {{Posted: true}},
	} {
		for _, tx := range list {
			if got := tx.Status(); got != want {
				t.Errorf("%+v is %s, want %s", tx, got, want)
			}
		}
	}
}

func TestPermissions(t *testing.T) {
	got := ""
	for _, p := range []Permission{Owner, Editor, Poster, Recorder, Viewer, NoPermission, ""} {
		got += fmt.Sprintf("%s view=%v record=%v edit=%v\n", p, p.CanView(), p.CanRecord(), p.CanEdit())
	}
	want := `OWNER view=true record=true edit=true
EDITOR view=true record=true edit=true
POSTER view=true record=true edit=false
RECORDER view=false record=true edit=false
VIEWER view=true record=false edit=false
NONE view=false record=false edit=false
 view=false record=false edit=false
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnAbsentAmountIsNotZero(t *testing.T) {
	var tx Transaction
	if err := json.Unmarshal([]byte(`{"id":"t"}`), &tx); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Amount.Decimal(); tx.Amount != "" || err == nil {
		t.Error("no amount is read as one")
	}
	if err := json.Unmarshal([]byte(`{"amount":"0.00"}`), &tx); err != nil {
		t.Fatal(err)
	}
	if d, err := tx.Amount.Decimal(); err != nil || !d.IsZero() {
		t.Errorf("zero: %s, %v", d, err)
	}
	if got := AmountOf(money.MustDecimal("-12.30")); got != "12.3" {
		t.Errorf("an outflow is written as %s", got)
	}
	if _, err := Amount("1e3").Decimal(); err == nil {
		t.Error("an exponent is read")
	}
}

func TestADraftIsWrittenAsDocumented(t *testing.T) {
	got, err := json.Marshal(Transaction{
		Date: bank.NewDate(2025, 1, 15), Amount: AmountOf(money.MustDecimal("-100.50")), CreditAccount: &Account{ID: "5"},
		Description: "Paper <A&B>", Draft: true, RemoteIDs: []string{"r1"}, Properties: map[string]string{"bank_text_": "PAPER"},
	})
	want := `{"amount":"100.5","date":"2025-01-15","creditAccount":{"id":"5"},"description":"Paper \u003cA\u0026B\u003e","draft":true,"properties":{"bank_text_":"PAPER"},"remoteIds":["r1"]}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}

func TestABookKnowsItsLock(t *testing.T) {
	for body, want := range map[string]string{
		`{}`: "",
		`{"lockDate":"1900-00-00","closingDate":"1900-00-00"}`: "",
		`{"lockDate":"","closingDate":null}`:                   "",
		`{"lockDate":"2026-01-31"}`:                            "2026-01-31",
		`{"closingDate":"2025-12-31"}`:                         "2025-12-31",
		`{"lockDate":"2026-01-31","closingDate":"2025-12-31"}`: "2026-01-31",
		`{"lockDate":"2025-01-31","closingDate":"2025-12-31"}`: "2025-12-31",
	} {
		book := Book{LockDate: bank.NewDate(2000, 1, 1)}
		if err := json.Unmarshal([]byte(body), &book); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if got := book.LockedUntil().String(); got != want {
			t.Errorf("%s: locked until %q, want %q", body, got, want)
		}
	}
	for _, body := range []string{`{"lockDate":"31/01/2026"}`, `{"closingDate":"soon"}`, `{"lockDate":5}`} {
		var book Book
		if err := json.Unmarshal([]byte(body), &book); err == nil {
			t.Errorf("%s is read as %s", body, book.LockedUntil())
		}
	}
	whole := `{"id":"b","name":"N","permission":"EDITOR","lockDate":"2026-01-31","fractionDigits":2,"accounts":[{"id":"1"}],"createdAt":"5"}`
	var book Book
	if err := json.Unmarshal([]byte(whole), &book); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(book)
	if err != nil || string(again) != whole {
		t.Errorf("%s, %v", again, err)
	}
}

func TestMoments(t *testing.T) {
	for text, want := range map[string]Millis{`"1736900000000"`: 1736900000000, `1736900000000`: 1736900000000, `""`: 0, `null`: 0, `"0"`: 0} {
		m := Millis(1)
		if err := json.Unmarshal([]byte(text), &m); err != nil || m != want {
			t.Errorf("%s: %d, %v", text, m, err)
		}
	}
	for _, text := range []string{`"soon"`, `1.5`, `true`, `{}`, `[]`} {
		var m Millis
		if err := json.Unmarshal([]byte(text), &m); err == nil {
			t.Errorf("%s is read as %d", text, m)
		}
	}
	if got := Millis(1736900000000).Time().Format("2006-01-02T15:04:05Z07:00"); got != "2025-01-15T00:13:20Z" {
		t.Error(got)
	}
	if !Millis(0).Time().IsZero() {
		t.Error("no moment is one")
	}
}

func TestContentIsReadInEveryBase64(t *testing.T) {
	for _, text := range []string{"+/8=", "-_8=", "+/8", "-_8", "+/\\r\\n8=\\n", "-\\/8"} {
		var f File
		if err := json.Unmarshal([]byte(`{"content":"`+text+`"}`), &f); err != nil || string(f.Content) != "\xfb\xff" {
			t.Errorf("%s: %x, %v", text, f.Content, err)
		}
	}
	for _, text := range []string{`"!"`, `5`, `"AAAAA"`} {
		var f File
		if err := json.Unmarshal([]byte(`{"content":`+text+`}`), &f); err == nil {
			t.Errorf("%s is read as %x", text, f.Content)
		}
	}
	out, err := json.Marshal(File{ID: "f", Content: Content("\xfb\xff")})
	if err != nil || string(out) != `{"id":"f","content":"+/8="}` {
		t.Errorf("%s, %v", out, err)
	}
	var f File
	if err := json.Unmarshal([]byte(`{"content":null}`), &f); err != nil || len(f.Content) != 0 {
		t.Errorf("null: %x, %v", f.Content, err)
	}
}

func BenchmarkCreate100(b *testing.B) {
	var request, answer []Transaction
	for i := range 100 {
		tx := Transaction{
			Date: bank.NewDate(2026, 1, 15), Amount: "12.34", CreditAccount: &Account{ID: "5"}, Description: "COMPRA CARTAO 1234 PADARIA",
			Draft: true, RemoteIDs: []string{fmt.Sprint("bc1_", i)}, Properties: map[string]string{"bank_text": "COMPRA CARTAO 1234 PADARIA SP"},
		}
		request = append(request, tx)
		tx.ID = fmt.Sprint("t", i)
		answer = append(answer, tx)
	}
	body, err := json.Marshal(TransactionList{Items: answer})
	if err != nil {
		b.Fatal(err)
	}
	s := replies(reply{body: string(body)})
	client := s.client()
	for b.Loop() {
		s.asked, s.bodies = nil, nil
		if created, err := client.CreateTransactions(b.Context(), "b", request); err != nil || len(created) != 100 {
			b.Fatal(len(created), err)
		}
	}
}
