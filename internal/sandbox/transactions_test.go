package sandbox_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/sandbox"
)

const transactions = "/v5/books/demo/transactions"

// draft is a body with the bank's side, as a feed writes it.
func draft(remoteID, description string, more ...object) object {
	body := object{
		"date": "2026-03-17", "amount": "12.34", "creditAccount": object{"name": "Checking"},
		"description": description, "remoteIds": []string{remoteID}, "draft": true,
	}
	for _, m := range more {
		maps.Copy(body, m)
	}
	return body
}

// create records one transaction as owner and returns it.
func (b *bench) create(body object) object {
	b.t.Helper()
	return b.ok("POST", transactions, body)["transaction"].(object)
}

// complete is a transaction that lacks nothing.
func complete(more ...object) object {
	return draft("", "coffee", append([]object{{"debitAccount": object{"name": "Restaurants"}, "remoteIds": nil}}, more...)...)
}

func (b *bench) posted() object {
	b.t.Helper()
	return b.create(complete(object{"draft": false}))
}

func (b *bench) get(id any) object {
	b.t.Helper()
	return b.ok("GET", fmt.Sprintf("%s/%v", transactions, id), nil)
}

// edit writes a transaction as it was read, with some changes.
func (b *bench) edit(id any, changes object) object {
	b.t.Helper()
	return b.ok("PUT", transactions, b.edited(id, changes))["transaction"].(object)
}

func (b *bench) edited(id any, changes object) object {
	b.t.Helper()
	body := b.get(id)
	maps.Copy(body, changes)
	return body
}

// find returns the items of a query.
func (b *bench) find(query string) []object {
	b.t.Helper()
	return items(b.ok("GET", transactions+"?limit=1000&query="+escape(query), nil))
}

func items(list object) []object {
	var found []object
	for _, item := range list["items"].([]any) {
		found = append(found, item.(object))
	}
	return found
}

func (b *bench) accountID(name string) string {
	b.t.Helper()
	return b.ok("GET", "/v5/books/demo/accounts/"+url.PathEscape(name), nil)["id"].(string)
}

// sideName returns the name of the account on one side, "" if there is none.
func (b *bench) sideName(t object, side string) string {
	b.t.Helper()
	a, there := t[side].(object)
	if !there {
		return ""
	}
	return b.ok("GET", "/v5/books/demo/accounts/"+a["id"].(string), nil)["name"].(string)
}

// refused fails the test unless the answer has that status and its message
// holds the text.
func (b *bench) refused(a answer, status int, text string) {
	b.t.Helper()
	message := ""
	if e, isError := a.body["error"].(object); isError {
		message, _ = e["message"].(string)
	}
	if a.status != status || !strings.Contains(message, text) {
		b.t.Errorf("answer %d %q, want %d with %q", a.status, message, status, text)
	}
}

func TestCreate(t *testing.T) {
	tests := []struct {
		claim string
		body  object
		// what comes back
		posted       bool
		from, to     string
		description  string
		amount, date string
		tags         []any
	}{
		{
			claim: "a draft stays a draft although complete and auto-post is on",
			body:  complete(), from: "Checking", to: "Restaurants", description: "coffee",
		},
		{
			claim: "a complete transaction without draft is posted",
			body:  complete(object{"draft": false}), posted: true, from: "Checking", to: "Restaurants", description: "coffee",
		},
		{
			claim: "an incomplete one is a draft whatever was asked",
			body:  draft("a", "thing", object{"draft": false}), from: "Checking", description: "thing",
		},
		{
			claim: "a missing side is filled from an account name in the description, which is stripped",
			body:  draft("b", "paid RENT oakwood"), from: "Checking", to: "Rent", description: "paid oakwood",
		},
		{
			claim: "the longest account name wins",
			body:  draft("c", "loan interest of march"), from: "Checking", to: "Loan Interest", description: "of march",
		},
		{
			claim: "the account that is given already does not fill the other side",
			body:  draft("d", "checking fee"), from: "Checking", description: "checking fee",
		},
		{
			claim: "an account name inside a word is none",
			body:  draft("e", "RENTAL"), from: "Checking", description: "RENTAL",
		},
		{
			claim: "an account name in double quotes is none",
			body:  draft("f", `"rent" x`), from: "Checking", description: `"rent" x`,
		},
		{
			claim: "diacritics do not hide an account name",
			body:  draft("g", "SAVÍNGS move"), from: "Checking", to: "Savings", description: "move",
		},
		{
			claim: "a bare text is parsed: amount, date, From first, To second, tags",
			body:  object{"description": "Savings Groceries 15/02/2026 market 1,063.20 #food"},
			from:  "Savings", to: "Groceries", description: "market", amount: "1063.2", date: "2026-02-15", tags: []any{"food"}, posted: true,
		},
		{
			claim: "given fields are not taken from the description",
			body:  draft("h", "PIX 23.50 04/02"), from: "Checking", description: "PIX 23.50 04/02", amount: "12.34", date: "2026-03-17",
		},
		{
			claim: "hashtags move from the description into tags",
			body:  draft("i", "shop #1234 street"), from: "Checking", description: "shop street", tags: []any{"1234"},
		},
		{
			claim: "the sign of an amount is dropped",
			body:  draft("j", "x", object{"amount": "-7.50"}), from: "Checking", description: "x", amount: "7.5",
		},
		{
			claim: "an amount of 0 is none",
			body:  draft("k", "x", object{"amount": "0"}), from: "Checking", description: "x", amount: "-",
		},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := newBench(t, nil)
			got := b.create(test.body)
			if got["posted"] != test.posted || got["draft"] != !test.posted {
				t.Errorf("posted %v, draft %v; want posted %v", got["posted"], got["draft"], test.posted)
			}
			if from, to := b.sideName(got, "creditAccount"), b.sideName(got, "debitAccount"); from != test.from || to != test.to {
				t.Errorf("from %q to %q, want %q and %q", from, to, test.from, test.to)
			}
			if got["description"] != test.description {
				t.Errorf("description %q, want %q", got["description"], test.description)
			}
			if test.amount == "-" {
				if got["amount"] != nil {
					t.Errorf("amount %v, want none", got["amount"])
				}
			} else if test.amount != "" && got["amount"] != test.amount {
				t.Errorf("amount %v, want %v", got["amount"], test.amount)
			}
			if test.date != "" && got["date"] != test.date {
				t.Errorf("date %v, want %v", got["date"], test.date)
			}
			if test.tags != nil {
				if diff := cmp.Diff(test.tags, got["tags"]); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestCreateRefuses(t *testing.T) {
	tests := []struct {
		claim  string
		body   object
		status int
		text   string
	}{
		{"more decimals than the book has", complete(object{"amount": "1.005"}), 400, "fraction digits"},
		{"an amount that is no number", complete(object{"amount": "1,5"}), 400, "Invalid amount"},
		{"an amount that is no string", complete(object{"amount": 1.5}), 400, "Parse Error"},
		{"a day that is not in the calendar", complete(object{"date": "2026-02-30"}), 400, "Invalid date"},
		{"an account that is not there by name", complete(object{"debitAccount": object{"name": "Nobody"}}), 404, "Account NOT found! ID: Nobody"},
		{"an account that is not there by id", complete(object{"debitAccount": object{"id": "17"}}), 404, "Account NOT found! ID: 17"},
		{"the same account on both sides", complete(object{"debitAccount": object{"name": "Checking"}}), 400, "same account"},
		{"a property key that is too long", complete(object{"properties": object{strings.Repeat("k", 31): "v"}}), 400, "Property key"},
		{"a file that is not there", complete(object{"files": []object{{"id": "x"}}}), 404, "File NOT found"},
	}
	b := newBench(t, nil)
	before := len(b.find(""))
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := &bench{b.Server, b.url, t}
			b.refused(b.as("owner", "POST", transactions, test.body), test.status, test.text)
		})
	}
	if after := len(b.find("")); after != before {
		t.Errorf("refused transactions left %d rows", after-before)
	}
}

func TestRemoteIDs(t *testing.T) {
	b := newBench(t, nil)
	first := b.create(draft("bank_1", "one"))

	t.Run("a second single create answers with the first", func(t *testing.T) {
		again := b.create(draft("bank_1", "other text"))
		if again["id"] != first["id"] || again["description"] != "one" {
			t.Errorf("answered %v", again)
		}
	})
	t.Run("any one of several remote ids is enough", func(t *testing.T) {
		again := b.create(draft("bank_2", "two", object{"remoteIds": []string{"bank_2", "bank_1"}}))
		if again["id"] != first["id"] {
			t.Errorf("answered %v", again)
		}
	})
	t.Run("a batch leaves out known ones, and twins within itself", func(t *testing.T) {
		got := items(b.ok("POST", transactions+"/batch", object{"items": []object{
			draft("bank_1", "one"), draft("bank_3", "three"), draft("bank_3", "three again"), draft("bank_4", "four"),
		}}))
		var ids []string
		for _, item := range got {
			ids = append(ids, item["remoteIds"].([]any)[0].(string))
		}
		slices.Sort(ids)
		if diff := cmp.Diff([]string{"bank_3", "bank_4"}, ids); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a trashed one does not block, and is found only with is:trashed", func(t *testing.T) {
		b.ok("PATCH", transactions+"/trash", object{"id": first["id"]})
		if found := b.find("remoteId:bank_1"); len(found) != 0 {
			t.Errorf("found %v", found)
		}
		if found := b.find("remoteId:bank_1 is:trashed"); len(found) != 1 || found[0]["id"] != first["id"] {
			t.Errorf("found %v in the trash", found)
		}
		second := b.create(draft("bank_1", "one"))
		if second["id"] == first["id"] {
			t.Error("the trashed one was answered")
		}
		b.ok("PATCH", transactions+"/restore", object{"id": first["id"]})
		if found := b.find("remoteId:bank_1"); len(found) != 2 {
			t.Errorf("after the restore %d are live, want both", len(found))
		}
	})
	t.Run("an update cannot take the remote id of another", func(t *testing.T) {
		other := b.create(draft("bank_9", "nine"))
		b.refused(b.as("owner", "PUT", transactions, b.edited(other["id"], object{"remoteIds": []string{"bank_9", "bank_3"}})), 400, "Remote id already exists")
	})
}

func TestBatchAnswersAreNotInTheOrderOfTheRequest(t *testing.T) {
	b := newBench(t, nil)
	var bodies []object
	for i := range 50 {
		bodies = append(bodies, draft(fmt.Sprintf("r%02d", i), "x"))
	}
	var got []string
	for _, item := range items(b.ok("POST", transactions+"/batch", object{"items": bodies})) {
		got = append(got, item["remoteIds"].([]any)[0].(string))
	}
	if len(got) != 50 || slices.IsSorted(got) {
		t.Errorf("%d answered, sorted %v", len(got), slices.IsSorted(got))
	}
}

func TestABatchWithOneBadItemRecordsNothing(t *testing.T) {
	b := newBench(t, nil)
	b.refused(b.as("owner", "POST", transactions+"/batch", object{"items": []object{
		draft("good_1", "x"), draft("bad_1", "x", object{"amount": "1.005"}), draft("good_2", "x"),
	}}), 400, "fraction digits")
	for _, id := range []string{"good_1", "bad_1", "good_2"} {
		if found := b.find("remoteId:" + id); len(found) != 0 {
			t.Errorf("%s was recorded", id)
		}
	}
}

func TestAutoPostOffKeepsCompleteOnesAsDrafts(t *testing.T) {
	b := newBench(t, nil)
	b.ok("PUT", "/v5/books/demo", object{"autoPost": false})
	if b.posted()["posted"] != false {
		t.Error("posted although auto-post is off")
	}
}

func TestLifeOfATransaction(t *testing.T) {
	b := newBench(t, nil)
	id := b.create(draft("life", "thing"))["id"]
	patch := func(verb string) answer { return b.as("owner", "PATCH", transactions+"/"+verb, object{"id": id}) }

	b.refused(patch("post"), 400, "incomplete")
	b.refused(patch("check"), 400, "draft")
	b.edit(id, object{"debitAccount": object{"name": "Groceries"}})
	if got := b.get(id); got["posted"] != false || got["amount"] != "12.34" {
		t.Errorf("completing a draft gave %v", got)
	}
	if a := patch("post"); a.status != 200 {
		t.Fatalf("post: %v", a)
	}
	b.refused(b.as("owner", "PUT", transactions, b.edited(id, object{"amount": "0"})), 400, "incomplete")
	b.edit(id, object{"amount": "20"})
	if a := patch("check"); a.status != 200 {
		t.Fatalf("check: %v", a)
	}
	b.refused(b.as("owner", "PUT", transactions, object{"id": id, "amount": "21"}), 400, "checked")
	b.refused(patch("trash"), 400, "checked")
	b.refused(b.as("owner", "PATCH", transactions+"/trash/batch", object{"items": []object{{"id": id}}}), 400, "checked")
	if a := patch("uncheck"); a.status != 200 {
		t.Fatalf("uncheck: %v", a)
	}
	if a := patch("trash"); a.status != 200 {
		t.Fatalf("trash: %v", a)
	}
	b.refused(b.as("owner", "PUT", transactions, object{"id": id, "amount": "21"}), 400, "trashed")
	b.refused(patch("post"), 400, "trashed")
	if a := patch("untrash"); a.status != 200 {
		t.Fatalf("untrash: %v", a)
	}
	if got := b.get(id); got["posted"] != true || got["trashed"] != false || got["amount"] != "20" {
		t.Errorf("in the end %v", got)
	}
	b.refused(b.as("owner", "PATCH", transactions+"/trash", object{"id": "nothing"}), 404, "Transaction NOT found! ID: nothing")
}

func TestBatchVerbs(t *testing.T) {
	b := newBench(t, nil)
	one, two := b.create(complete())["id"], b.create(complete())["id"]
	both := object{"items": []object{{"id": one}, {"id": two}}}
	for _, step := range []struct {
		path, flag string
		want       bool
	}{
		{"post/batch", "posted", true},
		{"check/batch", "checked", true},
		{"uncheck/batch", "checked", false},
		{"trash/batch", "trashed", true},
		{"untrash/batch", "trashed", false},
		{"check/batch", "checked", true},
		{"trash/batch?trashChecked=true", "trashed", true},
	} {
		if a := b.as("owner", "PATCH", transactions+"/"+step.path, both); a.status != 204 {
			t.Fatalf("%s: %v", step.path, a)
		}
		for _, id := range []any{one, two} {
			if got := b.get(id)[step.flag]; got != step.want {
				t.Errorf("after %s %s is %v", step.path, step.flag, got)
			}
		}
	}
}

func TestBatchUpdateEditsCheckedOnesWithTheFlagOnly(t *testing.T) {
	b := newBench(t, nil)
	id := b.posted()["id"]
	b.ok("PATCH", transactions+"/check", object{"id": id})
	edit := object{"items": []object{b.edited(id, object{"description": "new"})}}
	b.refused(b.as("owner", "PUT", transactions+"/batch", edit), 400, "checked")
	b.ok("PUT", transactions+"/batch?updateChecked=true", edit)
	if got := b.get(id); got["description"] != "new" || got["checked"] != true {
		t.Errorf("got %v", got)
	}
}

func TestPostWithoutIDCreatesAndPosts(t *testing.T) {
	b := newBench(t, nil)
	got := b.ok("PATCH", transactions+"/post", complete())["transaction"].(object)
	if got["posted"] != true {
		t.Errorf("got %v", got)
	}
	b.refused(b.as("owner", "PATCH", transactions+"/post", draft("p", "x")), 400, "incomplete")
	if found := b.find("remoteId:p"); len(found) != 0 {
		t.Error("the refused one was recorded")
	}
}

func TestPostWithIDTakesNoOtherField(t *testing.T) {
	b := newBench(t, nil)
	id := b.create(complete())["id"]
	b.ok("PATCH", transactions+"/post", object{"id": id, "amount": "99", "description": "changed"})
	if got := b.get(id); got["amount"] != "12.34" || got["posted"] != true {
		t.Errorf("got %v", got)
	}
}

func TestProperties(t *testing.T) {
	b := newBench(t, nil)
	body := draft("props", "x", object{"properties": object{"Bank Text": "A", "feed_": "1", "odd!?key": "B", "gone": ""}})
	got := b.create(body)
	want := object{"bank_text": "A", "feed_": "1", "oddkey": "B"}
	if diff := cmp.Diff(want, got["properties"]); diff != "" {
		t.Error(diff)
	}
	t.Run("an update replaces all properties, and null or empty clears", func(t *testing.T) {
		b.edit(got["id"], object{"properties": object{"feed_": nil, "bank_text": "C"}})
		if diff := cmp.Diff(object{"bank_text": "C"}, b.get(got["id"])["properties"]); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnUpdateClearsWhatItLeavesOut(t *testing.T) {
	b := newBench(t, nil)
	row := b.create(draft("whole", "x #tag", object{"properties": object{"a": "b"}, "urls": []string{"https://example.com"}}))
	got := b.ok("PUT", transactions, object{"id": row["id"], "debitAccount": object{"name": "Gifts"}})["transaction"].(object)
	for _, field := range []string{"amount", "creditAccount", "remoteIds", "urls"} {
		if got[field] != nil {
			t.Errorf("%s is still %v", field, got[field])
		}
	}
	if got["description"] != "" || len(got["properties"].(object)) != 0 {
		t.Errorf("left %v", got)
	}
	if got["date"] != "2026-03-17" || !cmp.Equal(got["tags"], []any{"tag"}) {
		t.Errorf("date and tags do not stay: %v", got)
	}
	if found := b.find("remoteId:whole"); len(found) != 0 {
		t.Error("the remote id is still known")
	}
}

func TestAnArchivedAccountMayStay(t *testing.T) {
	b := newBench(t, nil)
	row := b.create(draft("arch", "x", object{"debitAccount": object{"name": "Groceries"}}))
	b.ok("PUT", "/v5/books/demo/accounts", object{"id": b.accountID("Groceries"), "archived": true})
	if got := b.edit(row["id"], object{"amount": "1"}); b.sideName(got, "debitAccount") != "Groceries" {
		t.Errorf("got %v", got)
	}
}

func TestLocks(t *testing.T) {
	for _, field := range []string{"lockDate", "closingDate"} {
		t.Run(field, func(t *testing.T) {
			b := newBench(t, nil)
			old, draftID := b.posted()["id"], b.create(draft("d", "x"))["id"]
			trashed := b.create(draft("t", "x"))["id"]
			b.ok("PATCH", transactions+"/trash", object{"id": trashed})
			b.ok("PUT", "/v5/books/demo", object{field: "2026-03-17"})
			for claim, a := range map[string]answer{
				"a draft":              b.as("owner", "POST", transactions, draft("new", "x")),
				"a batch":              b.as("owner", "POST", transactions+"/batch", object{"items": []object{draft("new", "x")}}),
				"an edit":              b.as("owner", "PUT", transactions, object{"id": old, "amount": "1"}),
				"an edit of a draft":   b.as("owner", "PUT", transactions, object{"id": draftID, "amount": "1"}),
				"a move out of it":     b.as("owner", "PUT", transactions, b.edited(draftID, object{"date": "2026-03-18"})),
				"a check":              b.as("owner", "PATCH", transactions+"/check", object{"id": old}),
				"trash":                b.as("owner", "PATCH", transactions+"/trash", object{"id": old}),
				"a restore":            b.as("owner", "PATCH", transactions+"/restore", object{"id": trashed}),
				"create and post":      b.as("owner", "PATCH", transactions+"/post", complete()),
				"a merge":              b.as("owner", "PATCH", transactions+"/merge", object{"items": []object{{"id": old}, {"id": draftID}}}),
				"a batch of one trash": b.as("owner", "PATCH", transactions+"/trash/batch", object{"items": []object{{"id": draftID}}}),
			} {
				if a.status != 400 || !strings.Contains(fmt.Sprint(a.body), "locked until 2026-03-17") {
					t.Errorf("%s: %v", claim, a)
				}
			}
			if got := b.create(draft("later", "x", object{"date": "2026-03-18"})); got["date"] != "2026-03-18" {
				t.Errorf("the day after: %v", got)
			}
			b.refused(b.as("editor", "PUT", "/v5/books/demo", object{field: "1900-00-00"}), 403, "owner")
			b.ok("PUT", "/v5/books/demo", object{field: "1900-00-00"})
			b.create(draft("new", "x"))
		})
	}
}

func TestPermissions(t *testing.T) {
	b := newBench(t, nil)
	b.ok("POST", "/v5/books/demo/collaborators", object{"email": "stranger@example.com", "permission": "POSTER"})
	users := []string{"owner", "editor", "stranger", "recorder", "viewer"} // the stranger is a POSTER here
	acts := []struct {
		claim string
		may   string // one y or n for each user
		do    func(as string) answer
	}{
		{"view transactions", "yyyny", func(as string) answer { return b.as(as, "GET", transactions, nil) }},
		{"view events", "yyyny", func(as string) answer { return b.as(as, "GET", "/v5/books/demo/events", nil) }},
		{"view accounts", "yyyyy", func(as string) answer { return b.as(as, "GET", "/v5/books/demo/accounts", nil) }},
		{"record drafts", "yyyyn", func(as string) answer { return b.as(as, "POST", transactions, complete()) }},
		{"record drafts in a batch", "yyyyn", func(as string) answer {
			return b.as(as, "POST", transactions+"/batch", object{"items": []object{complete()}})
		}},
		{"delete drafts", "yyyyn", func(as string) answer {
			return b.as(as, "PATCH", transactions+"/trash", object{"id": b.create(complete())["id"]})
		}},
		{"edit drafts", "yyynn", func(as string) answer {
			return b.as(as, "PUT", transactions, b.edited(b.create(complete())["id"], object{"amount": "3"}))
		}},
		{"post", "yyynn", func(as string) answer {
			return b.as(as, "PATCH", transactions+"/post", object{"id": b.create(complete())["id"]})
		}},
		{"edit posted ones", "yynnn", func(as string) answer {
			return b.as(as, "PUT", transactions, b.edited(b.posted()["id"], object{"amount": "3"}))
		}},
		{"trash posted ones", "yynnn", func(as string) answer {
			return b.as(as, "PATCH", transactions+"/trash", object{"id": b.posted()["id"]})
		}},
		{"check", "yynnn", func(as string) answer {
			return b.as(as, "PATCH", transactions+"/check", object{"id": b.posted()["id"]})
		}},
		{"create accounts", "yynnn", func(as string) answer {
			return b.as(as, "POST", "/v5/books/demo/accounts", object{"name": "New of " + as, "type": "ASSET"})
		}},
		{"create groups", "yynnn", func(as string) answer {
			return b.as(as, "POST", "/v5/books/demo/groups", object{"name": "Group of " + as})
		}},
		{"lock", "yynnn", func(as string) answer {
			return b.as(as, "PUT", "/v5/books/demo", object{"lockDate": "2025-01-01"})
		}},
		{"unlock", "ynnnn", func(as string) answer {
			b.ok("PUT", "/v5/books/demo", object{"lockDate": "2025-01-01"})
			return b.as(as, "PUT", "/v5/books/demo", object{"lockDate": "1900-00-00"})
		}},
		{"share", "yynnn", func(as string) answer {
			return b.as(as, "POST", "/v5/books/demo/collaborators", object{"email": "viewer", "permission": "VIEWER"})
		}},
		{"upload files", "yyyyn", func(as string) answer {
			return b.as(as, "POST", "/v5/books/demo/files", object{"name": "a.txt", "content": "aGk="})
		}},
		{"delete the book", "-nnnn", func(as string) answer { return b.as(as, "DELETE", "/v5/books/demo", nil) }},
	}
	for _, act := range acts {
		for i, as := range users {
			switch act.may[i] {
			case 'y':
				if a := act.do(as); a.status >= 300 {
					t.Errorf("%s may not %s: %v", as, act.claim, a)
				}
			case 'n':
				if a := act.do(as); a.status != 403 {
					t.Errorf("%s may %s: %v", as, act.claim, a)
				}
			}
		}
	}
	t.Run("a complete transaction of a recorder stays a draft", func(t *testing.T) {
		a := b.as("recorder", "POST", transactions, complete(object{"draft": false}))
		if a.status != 200 || a.body["transaction"].(object)["posted"] != false {
			t.Errorf("got %v", a)
		}
	})
}

func TestMerge(t *testing.T) {
	b := newBench(t, func(o *sandbox.Options) { o.Now = time.Now })
	run(t, b.Server)
	merge := func(items ...object) object {
		t.Helper()
		return b.ok("PATCH", transactions+"/merge", object{"items": items})["transaction"].(object)
	}
	t.Run("by ids the first goes before the second, and fills what it lacks from it", func(t *testing.T) {
		posted := b.posted()
		bank := b.create(draft("bank_7", "COFFEE SHOP downtown", object{"properties": object{"institution": "Demo"}}))
		merged := merge(object{"id": posted["id"]}, object{"id": bank["id"]})
		if merged["id"] == posted["id"] || merged["id"] == bank["id"] {
			t.Error("the merged one has an old id")
		}
		if merged["posted"] != true || merged["description"] != "coffee" || merged["properties"].(object)["institution"] != "Demo" {
			t.Errorf("merged into %v", merged)
		}
		if diff := cmp.Diff([]any{"bank_7", "merged_" + posted["id"].(string), "merged_" + bank["id"].(string)}, merged["remoteIds"]); diff != "" {
			t.Error(diff)
		}
		eventually(t, "both originals are in the trash", func() bool {
			return b.get(posted["id"])["trashed"] == true && b.get(bank["id"])["trashed"] == true
		})
		if found := b.find("remoteId:bank_7"); len(found) != 1 || found[0]["id"] != merged["id"] {
			t.Errorf("remoteId:bank_7 finds %v", found)
		}
	})
	t.Run("what the request says goes before what the book has", func(t *testing.T) {
		one := b.create(object{"description": "persisted one", "properties": object{"conflict": "p1", "a": "1"}})
		two := b.create(object{"description": "persisted two", "properties": object{"conflict": "p2", "b": "2"}})
		merged := merge(
			object{"id": one["id"], "amount": " ", "description": " ", "properties": object{"conflict": "s1"}},
			object{
				"id": two["id"], "amount": "70.00", "date": "2026-08-07", "creditAccount": object{"name": "Cash"},
				"debitAccount": object{"name": "Gifts"}, "description": "submitted two", "properties": object{"conflict": "s2"},
			})
		if merged["amount"] != "70" || merged["date"] != "2026-08-07" || merged["description"] != "submitted two" || merged["posted"] != false {
			t.Errorf("merged into %v", merged)
		}
		if diff := cmp.Diff(object{"conflict": "s1", "a": "1", "b": "2"}, merged["properties"]); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("different amounts leave a draft of the difference", func(t *testing.T) {
		one := b.create(draft("m1", "one", object{"amount": "100"}))
		two := b.create(draft("m2", "two", object{"amount": "83.50"}))
		if kept := merge(object{"id": one["id"]}, object{"id": two["id"]}); kept["amount"] != "100" {
			t.Errorf("kept %v", kept["amount"])
		}
		if found := b.find("amount:16.50 is:draft"); len(found) != 1 || found[0]["remoteIds"] != nil {
			t.Errorf("found %v", found)
		}
	})
	t.Run("what cannot be merged is refused", func(t *testing.T) {
		one, two := b.create(draft("m3", "x"))["id"], b.create(draft("m4", "x"))["id"]
		try := func(items ...object) answer {
			return b.as("owner", "PATCH", transactions+"/merge", object{"items": items})
		}
		b.refused(try(object{"id": one}, object{"id": one}), 400, "distinct")
		b.refused(try(object{"id": one}, object{"id": "nothing"}), 400, "not found")
		b.refused(try(object{"id": one, "debitAccount": object{"name": "Checking"}}, object{"id": two}), 400, "same account")
		if b.get(one)["trashed"] != false {
			t.Error("a refused merge trashed an original")
		}
	})
}

func TestLoadByIDsKeepsTheirOrder(t *testing.T) {
	b := newBench(t, nil)
	one, two := b.create(draft("l1", "x"))["id"], b.create(draft("l2", "x"))["id"]
	got := items(b.ok("POST", transactions+"/load/batch", object{"items": []object{{"id": two}, {"id": one}}}))
	if len(got) != 2 || got[0]["id"] != two || got[1]["id"] != one {
		t.Errorf("got %v", got)
	}
}

func TestAccountOfOnlyDraftsCanBeDeletedAndLeavesThem(t *testing.T) {
	b := newBench(t, nil)
	gym := b.accountID("Gym")
	id := b.create(draft("gym", "x", object{"debitAccount": object{"id": gym}}))["id"]
	b.ok("DELETE", "/v5/books/demo/accounts/"+gym, nil)
	if got := b.get(id); got["debitAccount"] != nil {
		t.Errorf("the draft still names it: %v", got)
	}
	b.refused(b.as("owner", "DELETE", "/v5/books/demo/accounts/"+b.accountID("Groceries"), nil), 400, "only be archived")
	archived := b.ok("PUT", "/v5/books/demo/accounts", object{"id": b.accountID("Groceries"), "archived": true})
	if archived["archived"] != true || archived["name"] != "Groceries" {
		t.Errorf("archived gave %v", archived)
	}
	b.refused(b.as("owner", "POST", transactions, draft("z", "x", object{"debitAccount": object{"name": "Groceries"}})), 400, "archived")
}
