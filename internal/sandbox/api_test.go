package sandbox_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/sandbox"
)

func TestWhoMayCome(t *testing.T) {
	b := newBench(t, nil)
	tests := []struct {
		claim, token, path string
		status             int
		reason, message    string
	}{
		{"no token needs a login", "", "/v5/user", 403, "forbidden", "Login Required."},
		{"an unknown token needs a login", "mallory", "/v5/books/demo", 403, "forbidden", "Login Required."},
		{
			"a stranger is not a collaborator, with 401", "stranger", "/v5/books/demo", 401, "required",
			"The user [stranger@example.com] is not a collaborator on the book [Demo Book - demo]",
		},
		{"an unknown book is not found", "owner", "/v5/books/nothing", 404, "notFound", "Book NOT found! ID: nothing"},
		{"an unknown app is not found", "owner", "/v5/apps/invalid-id", 404, "notFound", "App NOT found! ID: invalid-id"},
		{"an unknown path is not found", "owner", "/v5/nothing", 404, "notFound", "Not Found"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			got := b.as(test.token, "GET", test.path, nil)
			want := object{"error": object{
				"code": float64(test.status), "message": test.message,
				"errors": []any{object{"domain": "global", "reason": test.reason, "message": test.message}},
			}}
			if got.status != test.status {
				t.Errorf("status %d, want %d", got.status, test.status)
			}
			if diff := cmp.Diff(want, got.body); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("a stranger sees no books", func(t *testing.T) {
		if got := b.as("stranger", "GET", "/v5/books/", nil); len(items(got.body)) != 0 {
			t.Errorf("sees %v", got)
		}
	})
	t.Run("a request that is no JSON is refused", func(t *testing.T) {
		b.refused(b.as("owner", "POST", transactions, "text"), 400, "Parse Error")
	})
}

func TestUserAndApps(t *testing.T) {
	b := newBench(t, nil)
	if got := b.ok("GET", "/v5/user", nil); got["username"] != "owner" || got["email"] != "owner@example.com" || got["bankConnections"] != false {
		t.Errorf("user: %v", got)
	}
	if got := items(b.ok("GET", "/v5/books/demo/apps", nil)); len(got) != 1 || got[0]["id"] != agentID {
		t.Errorf("installed: %v", got)
	}
	if got := b.ok("GET", "/v5/apps/"+agentID, nil); got["name"] != "Bank Connections" {
		t.Errorf("app: %v", got)
	}
}

func TestDemoBook(t *testing.T) {
	b := newBench(t, nil)
	book := b.ok("GET", "/v5/books/demo?loadAccounts=true&loadGroups=true", nil)
	if book["name"] != "Demo Book" || book["permission"] != "OWNER" || book["autoPost"] != true || book["fractionDigits"] != 2.0 {
		t.Errorf("book: %v", book)
	}
	types := map[any]int{}
	for _, a := range book["accounts"].([]any) {
		types[a.(object)["type"]]++
		if a.(object)["groups"] == nil {
			t.Errorf("%v is in no group", a.(object)["name"])
		}
	}
	if len(types) != 4 || types["ASSET"]+types["LIABILITY"]+types["INCOMING"]+types["OUTGOING"] < 40 {
		t.Errorf("accounts by type: %v", types)
	}
	if len(book["groups"].([]any)) < 8 {
		t.Errorf("groups: %v", book["groups"])
	}
	withAccounts := b.ok("GET", "/v5/books/demo?loadAccounts=true&loadGroups=false", nil)
	if diff := cmp.Diff(book["groups"], withAccounts["groups"]); diff != "" {
		t.Errorf("the groups that come with accounts: %s", diff)
	}
	if only := b.ok("GET", "/v5/books/demo?loadAccounts=false&loadGroups=true", nil); only["groups"] == nil || only["accounts"] != nil {
		t.Errorf("with groups alone: %v", only)
	}
	history := b.find("")
	if len(history) < 200 || len(history) > 320 {
		t.Errorf("%d rows of history", len(history))
	}
	for _, row := range history {
		if row["posted"] != true || row["date"].(string) >= "2026-03-18" {
			t.Fatalf("history has %v", row)
		}
	}
	if history[len(history)-1]["date"] != "2025-11-01" {
		t.Errorf("history starts on %v", history[len(history)-1]["date"])
	}
	for name, account := range map[string]string{"NETFLIX.COM": "Subscriptions", "WHOLE FOODS": "Groceries", "SHELL OIL": "Fuel"} {
		rows := b.find("'" + name + "'")
		if len(rows) < 2 || b.sideName(rows[0], "debitAccount") != account {
			t.Errorf("%s: %d rows, to %q", name, len(rows), b.sideName(rows[0], "debitAccount"))
		}
	}
	if got := items(b.ok("GET", "/v5/books/demo/events", nil)); len(got) != 0 {
		t.Errorf("a new book has %d events", len(got))
	}
}

func TestBooks(t *testing.T) {
	b := newBench(t, nil)
	if got := items(b.ok("GET", "/v5/books?query=dem", nil)); len(got) != 1 || got[0]["id"] != "demo" {
		t.Errorf("found %v", got)
	}
	updated := b.ok("PUT", "/v5/books/demo", object{"properties": object{"Some Key": "v"}, "closingDate": "2025-01-31"})
	if diff := cmp.Diff(object{"some_key": "v"}, updated["properties"]); diff != "" || updated["closingDate"] != "2025-01-31" || updated["name"] != "Demo Book" {
		t.Errorf("updated to %v", updated)
	}
	b.refused(b.as("owner", "PUT", "/v5/books/demo", object{"lockDate": "soon"}), 400, "Invalid date")

	id := b.ok("POST", "/v5/books", object{"name": "Second", "fractionDigits": 0})["id"].(string)
	b.refused(b.as("owner", "GET", "/v5/books/"+id+"/accounts/None", nil), 404, "Account NOT found")
	b.refused(b.as("editor", "GET", "/v5/books/"+id, nil), 401, "not a collaborator")
	b.refused(b.as("owner", "POST", "/v5/books/"+id+"/transactions", object{"amount": "1.5"}), 400, "fraction digits")
	b.ok("DELETE", "/v5/books/"+id, nil)
	b.refused(b.as("owner", "GET", "/v5/books/"+id, nil), 404, "Book NOT found")
	b.refused(b.as("owner", "POST", "/v5/books", object{"name": "Third", "decimalSeparator": "BAD"}), 400, "InvalidFormatException")
}

func TestAccountsAndGroups(t *testing.T) {
	b := newBench(t, nil)
	const root = "/v5/books/demo"
	group := b.ok("POST", root+"/groups", object{"name": "Pets", "parent": object{"name": "Living"}, "properties": object{"x": "y"}})
	created := items(b.ok("POST", root+"/accounts/batch", object{"items": []object{
		{"name": "Dog Food", "type": "OUTGOING", "groups": []object{{"id": group["id"]}}},
		{"name": "Ação Joint", "type": "ASSET", "properties": object{"Last Digits": "1234"}},
	}}))
	if len(created) != 2 || created[0]["groups"].([]any)[0].(object)["name"] != "Pets" {
		t.Fatalf("created %v", created)
	}
	if got := b.ok("GET", root+"/accounts/acao-joint", nil); got["id"] != created[1]["id"] || got["normalizedName"] != "acao_joint" ||
		got["permanent"] != true || got["hasTransactionPosted"] != false {
		t.Errorf("by normalised name: %v", got)
	}
	if got := items(b.ok("GET", root+"/groups/Pets/accounts", nil)); len(got) != 1 || got[0]["name"] != "Dog Food" {
		t.Errorf("accounts of the group: %v", got)
	}
	if got := items(b.ok("GET", root+"/accounts/Dog%20Food/groups", nil)); len(got) != 1 || got[0]["name"] != "Pets" {
		t.Errorf("groups of the account: %v", got)
	}
	b.refused(b.as("owner", "POST", root+"/accounts", object{"name": "dog_food"}), 400, "already exists")
	b.refused(b.as("owner", "POST", root+"/accounts", object{"name": "X", "type": "NONE"}), 400, "Invalid account type")
	b.refused(b.as("owner", "POST", root+"/groups", object{"name": "PETS"}), 400, "already exists")
	b.refused(b.as("owner", "PUT", root+"/groups", object{"id": group["id"], "parent": object{"id": group["id"]}}), 400, "own parent")

	renamed := items(b.ok("PUT", root+"/accounts/batch", object{"items": []object{{"id": created[0]["id"], "name": "Cat Food"}}}))
	if renamed[0]["name"] != "Cat Food" || renamed[0]["type"] != "OUTGOING" || renamed[0]["groups"] != nil {
		t.Errorf("renamed to %v, which should be left in no group", renamed)
	}
	if moved := b.ok("PUT", root+"/groups", object{"id": group["id"]}); moved["name"] != "Pets" || moved["parent"] != nil {
		t.Errorf("%v, which should have left its parent", moved)
	}
	b.ok("PUT", root+"/groups", object{"id": group["id"], "name": "Animals", "hidden": true})
	b.ok("DELETE", root+"/groups/"+group["id"].(string), nil)
	if got := items(b.ok("GET", root+"/accounts/Cat%20Food/groups", nil)); len(got) != 0 {
		t.Errorf("groups after their end: %v", got)
	}
	b.ok("POST", root+"/accounts/delete/batch", object{"items": []object{{"id": created[0]["id"]}, {"id": created[1]["id"]}}})
	b.refused(b.as("owner", "GET", root+"/accounts/Cat%20Food", nil), 404, "Account NOT found")
}

func TestListPagesByTheHeaderCursorOnly(t *testing.T) {
	b := newBench(t, nil)
	all := b.find("")
	seen := map[any]bool{}
	cursor, pages := "", 0
	for {
		list := b.ok("GET", transactions+"?limit=50", nil, "cursor", cursor)
		for _, row := range items(list) {
			if seen[row["id"]] {
				t.Fatalf("%v comes twice", row["id"])
			}
			seen[row["id"]] = true
		}
		if pages++; pages == 2 { // a row that is recorded meanwhile shifts nothing
			b.create(draft("meanwhile", "x"))
		}
		next, more := list["cursor"].(string)
		if !more {
			break
		}
		first, again := items(list), items(b.ok("GET", transactions+"?limit=50&cursor="+next, nil))
		if pages == 1 && first[0]["id"] != again[0]["id"] {
			t.Error("the query parameter cursor was not ignored")
		}
		cursor = next
	}
	if len(seen) != len(all) {
		t.Errorf("%d rows on %d pages, want %d", len(seen), pages, len(all))
	}
	b.refused(b.as("owner", "GET", transactions, nil, "cursor", "!"), 400, "cursor")
	if got := items(b.ok("GET", transactions, nil)); len(got) != 100 {
		t.Errorf("without a limit %d rows", len(got))
	}
	b.refused(b.as("owner", "GET", transactions+"?limit=0", nil), 400, "limit")
}

func TestListHasAccountIDsOnlyAndTrashedRows(t *testing.T) {
	b := newBench(t, nil)
	id := b.create(draft("trashed", "x"))["id"]
	b.ok("PATCH", transactions+"/trash", object{"id": id})
	row := items(b.ok("GET", transactions+"?limit=1", nil))[0]
	if row["id"] != id || row["trashed"] != true {
		t.Fatalf("the newest row is %v", row)
	}
	if diff := cmp.Diff(object{"id": b.accountID("Checking")}, row["creditAccount"]); diff != "" {
		t.Error(diff)
	}
	if got := b.find("is:draft"); len(got) != 0 {
		t.Errorf("is:draft finds %v", got)
	}
}

func TestListOfOneAccountHasItsBalanceAtTheEndOfEachDay(t *testing.T) {
	b := newBench(t, nil)
	id := b.ok("POST", "/v5/books/demo/accounts", object{"name": "Wallet", "type": "ASSET"})["id"]
	for day, amount := range map[string]string{"2026-03-16": "10.10", "2026-03-17": "0.20"} {
		b.create(complete(object{"draft": false, "date": day, "amount": amount, "debitAccount": object{"id": id}}))
	}
	b.create(complete(object{"draft": false, "amount": "5", "debitAccount": object{"id": id}})) // on the 17th too
	list := b.ok("GET", transactions+"?query="+escape("account:Wallet"), nil)
	if list["account"] != id {
		t.Errorf("account %v, want %v", list["account"], id)
	}
	var balances []any
	for _, row := range items(list) {
		balances = append(balances, row["debitAccount"].(object)["balance"])
	}
	if diff := cmp.Diff([]any{"15.3", nil, "10.1"}, balances); diff != "" {
		t.Error(diff)
	}
}

func TestQueriesByDateFindWhatTheListHolds(t *testing.T) {
	b := newBench(t, nil)
	b.create(draft("tagged", "x #food", object{"date": "2026-01-31", "properties": object{"institution": "Demo Bank"}}))
	all := b.find("")
	for query, holds := range map[string]func(date string) bool{
		"on:2026-02":                           func(d string) bool { return d >= "2026-02-01" && d < "2026-03-01" },
		"on:2026":                              func(d string) bool { return d >= "2026-01-01" },
		"after:2026-02-14":                     func(d string) bool { return d >= "2026-02-14" },
		"before:2026-02-14":                    func(d string) bool { return d < "2026-02-14" },
		"after:2025-12-24 before:2026-01-02":   func(d string) bool { return d >= "2025-12-24" && d < "2026-01-02" },
		"after:$m-1 before:$m":                 func(d string) bool { return d >= "2026-02-01" && d < "2026-03-01" },
		"after:2026-02-14 before:2026-02-13":   func(string) bool { return false },
		"on:2030":                              func(string) bool { return false },
		"is:draft on:2026-01 #food":            func(d string) bool { return d == "2026-01-31" },
		"institution:'demo bank' after:2025-1": func(d string) bool { return d == "2026-01-31" },
	} {
		var want, got []any
		for _, row := range all {
			special := row["remoteIds"] != nil
			if holds(row["date"].(string)) && (special || !strings.Contains(query, "#") && !strings.Contains(query, "institution")) {
				want = append(want, row["id"])
			}
		}
		for _, row := range b.find(query) {
			got = append(got, row["id"])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
}

func TestCount(t *testing.T) {
	b := newBench(t, nil)
	b.create(draft("c1", "x"))
	b.create(draft("c2", "x"))
	if got := b.ok("GET", transactions+"/count?query=is:draft", nil); got["total"] != 2.0 {
		t.Errorf("count: %v", got)
	}
	b.refused(b.as("owner", "GET", transactions+"/count?query=is:odd", nil), 400, "Invalid query")
}

func TestFiles(t *testing.T) {
	b := newBench(t, nil)
	const root = "/v5/books/demo/files"
	f := b.ok("POST", root, object{"name": "a.ofx", "contentType": "application/x-ofx", "content": "aGVsbG8=", "properties": object{"account_id": "17"}})
	if f["content"] != nil || f["size"] != 5.0 || f["properties"].(object)["account_id"] != "17" {
		t.Errorf("created %v", f)
	}
	if got := b.ok("GET", root+"/"+f["id"].(string), nil); got["content"] != "aGVsbG8=" {
		t.Errorf("content %v", got["content"])
	}
	second := b.ok("POST", root, object{"name": "b.txt", "content": ""})
	list := b.ok("GET", root+"?limit=1", nil)
	if len(items(list)) != 1 || list["cursor"] == nil {
		t.Errorf("first page %v", list)
	}
	list = b.ok("GET", root, nil, "cursor", list["cursor"].(string))
	if got := items(list); len(got) != 1 || got[0]["id"] != second["id"] {
		t.Errorf("second page %v", list)
	}
	row := b.create(draft("file", "x", object{"files": []object{{"id": f["id"]}}}))
	if got := row["files"].([]any)[0].(object); got["name"] != "a.ofx" {
		t.Errorf("attached %v", got)
	}
	b.ok("PUT", root, object{"id": f["id"], "name": "c.ofx"})
	b.ok("DELETE", root+"/"+f["id"].(string), nil)
	b.refused(b.as("owner", "GET", root+"/"+f["id"].(string), nil), 404, "File NOT found")
	b.refused(b.as("owner", "POST", root, object{"name": "x", "content": "?"}), 400, "base64")
}

func TestConnectionsAndIntegrations(t *testing.T) {
	b := newBench(t, nil)
	const root = "/v5/books/demo/integrations"
	connection := b.ok("POST", "/v5/user/connections", object{"name": "Demo Bank", "type": "BANK", "properties": object{"access_token": "x"}})
	if got := b.ok("GET", "/v5/user", nil); got["bankConnections"] != true {
		t.Errorf("user: %v", got)
	}
	b.refused(b.as("editor", "GET", "/v5/user/connections/"+connection["id"].(string), nil), 404, "Connection NOT found")
	integration := b.ok("POST", root, object{"connectionId": connection["id"], "properties": object{"account_id": "1"}})
	if integration["name"] != "Demo Bank" || integration["addedBy"] != "owner" {
		t.Errorf("integration: %v", integration)
	}
	b.refused(b.as("owner", "POST", root, object{"agentId": agentID}), 400, "installed already")
	b.ok("PUT", root, object{"id": integration["id"], "name": "Other"})
	if got := items(b.ok("GET", "/v5/user/connections/"+connection["id"].(string)+"/integrations", nil)); len(got) != 1 || got[0]["name"] != "Other" {
		t.Errorf("of the connection: %v", got)
	}
	b.ok("PUT", "/v5/user/connections", object{"id": connection["id"], "properties": object{"access_token": ""}})
	if got := b.ok("GET", "/v5/user/connections/"+connection["id"].(string), nil); len(got["properties"].(object)) != 0 {
		t.Errorf("token left: %v", got)
	}
	b.ok("DELETE", "/v5/user/connections/"+connection["id"].(string), nil)
	if got := items(b.ok("GET", root, nil)); len(got) != 1 || got[0]["agentId"] != agentID {
		t.Errorf("a deleted connection left %v", got)
	}
	b.ok("DELETE", root+"/"+items(b.ok("GET", root, nil))[0]["id"].(string), nil)
	if got := items(b.ok("GET", "/v5/books/demo/apps", nil)); len(got) != 0 {
		t.Errorf("still installed: %v", got)
	}
	b.ok("POST", root, object{"agentId": agentID})
}

func TestCollaborators(t *testing.T) {
	b := newBench(t, nil)
	const root = "/v5/books/demo/collaborators"
	b.ok("POST", root, object{"email": "editor@example.com", "permission": "VIEWER"})
	b.refused(b.as("editor", "POST", transactions, complete()), 403, "VIEWER")
	b.ok("DELETE", root+"/editor@example.com", nil)
	b.refused(b.as("editor", "GET", transactions, nil), 401, "not a collaborator")
	b.refused(b.as("owner", "DELETE", root+"/owner", nil), 400, "stays its owner")
	if got := items(b.ok("GET", root, nil)); len(got) != 3 {
		t.Errorf("collaborators: %v", got)
	}
	var kinds []any
	for _, e := range items(b.ok("GET", "/v5/books/demo/events", nil)) {
		kinds = append(kinds, e["type"])
	}
	if diff := cmp.Diff([]any{"COLLABORATOR_REMOVED", "COLLABORATOR_UPDATED"}, kinds); diff != "" {
		t.Error(diff)
	}
}

func TestEverythingSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.db")
	first := serve(t, open(t, path, nil))
	kept := first.create(draft("kept", "x", object{"properties": object{"a": "b"}}))
	trashed := first.create(draft("trashed", "x"))
	first.ok("PATCH", transactions+"/trash", object{"id": trashed["id"]})
	posted := first.posted()
	file := first.ok("POST", "/v5/books/demo/files", object{"name": "a.txt", "content": "aGk="})
	first.ok("PUT", "/v5/books/demo", object{"lockDate": "2025-06-30"})
	connection := first.ok("POST", "/v5/user/connections", object{"name": "Demo Bank"})
	paths := []string{
		transactions + "?limit=1000", "/v5/books/demo?loadAccounts=true&loadGroups=true", "/v5/books/demo/events?limit=200",
		"/v5/books/demo/files/" + file["id"].(string), "/v5/user/connections/" + connection["id"].(string),
		"/v5/books/demo/integrations", transactions + "?query=account:Checking",
	}
	before := map[string]object{}
	for _, path := range paths {
		before[path] = first.ok("GET", path, nil)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := serve(t, open(t, path, nil))
	t.Cleanup(func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, path := range paths {
		if diff := cmp.Diff(before[path], second.ok("GET", path, nil)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	if again := second.create(draft("kept", "x")); again["id"] != kept["id"] {
		t.Error("the remote id was forgotten")
	}
	if again := second.create(draft("trashed", "x")); again["id"] == trashed["id"] || again["id"] == posted["id"] {
		t.Errorf("a new transaction has the old id %v", again["id"])
	}
}

func TestOneDatabaseHasOneServer(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a lock")
	}
	path := filepath.Join(t.TempDir(), "book.db")
	s := open(t, path, nil)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := sandbox.Open(t.Context(), sandbox.Options{Path: path}); err == nil {
		t.Error("a second server opened the same file")
	}
}

// TestWireShapesOfThePublicClient holds the odd requests that Bkper's own
// JavaScript client sends: a trailing slash, an empty query, whole accounts as
// references, verbs with the whole transaction for a body.
func TestWireShapesOfThePublicClient(t *testing.T) {
	b := newBench(t, nil)
	account := b.ok("GET", "/v5/books/demo/accounts/Checking?", nil)
	body := draft("js", "x", object{"creditAccount": account, "createdAt": "1773846000000", "draft": nil})
	row := b.create(body)
	row["debitAccount"] = b.ok("GET", "/v5/books/demo/accounts/Groceries?", nil)
	updated := b.ok("PUT", transactions+"?", row)["transaction"].(object)
	for _, verb := range []string{"post", "check", "uncheck", "trash", "restore"} {
		updated = b.ok("PATCH", transactions+"/"+verb+"?", updated)["transaction"].(object)
	}
	if updated["posted"] != true || updated["trashed"] != false {
		t.Errorf("in the end %v", updated)
	}
	for _, path := range []string{
		"/v5/books/?", transactions + "?query=&limit=100", "/v5/books/demo/events?limit=50&resoureId=" + fmt.Sprint(row["id"]),
		"/v5/books/demo/events/backlog?", "/v5/books/demo/collaborators?", "/v5/user/connections?",
	} {
		if a := b.as("owner", http.MethodGet, path, nil); a.status != 200 {
			t.Errorf("%s: %v", path, a)
		}
	}
}
