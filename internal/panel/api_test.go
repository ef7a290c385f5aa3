package panel_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/transfer"
)

var ginParam = regexp.MustCompile(`:(\w+)`)

func TestEveryRouteIsDescribedAndEveryDescriptionIsARoute(t *testing.T) {
	b := newBench(t)
	w := b.do(b.request("owner", "GET", "/openapi.json", nil))
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]object
		Components struct{ Schemas map[string]object }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatalf("openapi %q: %v", doc.OpenAPI, err)
	}
	var described, there []string
	for path, operations := range doc.Paths {
		for method, operation := range operations {
			described = append(described, strings.ToUpper(method)+" "+path)
			if operation["summary"] == "" || operation["operationId"] == "" {
				t.Errorf("%s %s lacks a summary or an id", method, path)
			}
		}
	}
	for _, r := range b.routes {
		if strings.HasPrefix(r.Path, "/api/") {
			there = append(there, r.Method+" "+ginParam.ReplaceAllString(r.Path, "{$1}"))
		}
	}
	slices.Sort(described)
	slices.Sort(there)
	if !slices.Equal(described, there) {
		t.Errorf("described:\n%s\nthere:\n%s", strings.Join(described, "\n"), strings.Join(there, "\n"))
	}
	for _, ref := range regexp.MustCompile(`#/components/schemas/(\w+)`).FindAllStringSubmatch(w.Body.String(), -1) {
		if doc.Components.Schemas[ref[1]] == nil {
			t.Errorf("the schema %s is missing", ref[1])
		}
	}
	for name, schema := range doc.Components.Schemas {
		properties, _ := schema["properties"].(object)
		for property := range properties {
			if name != "Field" && name != "BalanceCheck" && regexp.MustCompile(`(?i)^(secret|token|state|progress|returnState)$`).MatchString(property) {
				t.Errorf("%s.%s is nobody's business", name, property)
			}
		}
	}
}

// access says who may call a route.
type access string

const (
	anyone  access = "anyone whom Bkper knows"
	editors access = "owner and editors of the book"
	own     access = "the user whose it is"
)

func accessOf(path string) access {
	switch {
	case strings.Contains(path, ":bookId"), path == "/attempts", path == "/dead":
		return editors
	case strings.Contains(path, ":"):
		return own
	default:
		return anyone
	}
}

// TestWhoMayCallWhat tries every route as everybody who must not.
func TestWhoMayCallWhat(t *testing.T) {
	b := newBench(t)
	connection := b.connect("owner", "us_newyork", "US")
	integration := b.integrate("owner", connection)
	b.feed.letters = []queue.DeadLetter{{ID: "letter", Key: "connection:" + connection}}
	attempt := b.call("owner", "POST", "/attempts", beginning, http.StatusCreated)
	runs := b.call("owner", "GET", "/books/demo/runs", nil, http.StatusOK)["runs"].([]any)
	fill := strings.NewReplacer(
		":bookId", "demo", ":connectionId", connection, ":attemptId", attempt["id"].(string), ":integrationId", integration["id"].(string),
		":runId", runs[0].(object)["id"].(string), ":transferId", "pair", ":ruleId", "none", ":proposalId", "none", ":letterId", base64.RawURLEncoding.EncodeToString([]byte("letter")),
	)
	bodies := map[string]any{
		"/attempts":                   beginning,
		"/attempts/:attemptId/answer": object{"answer": object{"user": "demo", "password": "demo"}},
		"/books/:bookId/integrations": object{"connectionId": connection, "bankKey": "x", "accountId": "1", "since": "2026-11-01"},
		"/books/:bookId/statements":   "<OFX>",
		"/books/:bookId/rules":        object{"name": "X", "enabled": true, "contains": "x", "accountId": "1"},
		"/books/:bookId/rules/try":    object{"name": "X", "enabled": true, "contains": "x", "accountId": "1"},
	}
	queries := map[string]string{
		"/institutions": "?country=US", "/dead": "?bookId=demo", "/books/:bookId/statements": "?accountId=1&name=a.ofx",
	}
	b.upkeep.proposals = []transfer.View{aTransfer("pair", "Amounts fit.")}
	before := b.state()
	checked := 0
	for _, route := range b.routes {
		short, isAPI := strings.CutPrefix(route.Path, "/api/v1")
		if !isAPI {
			continue
		}
		try := func(token string, change func(*http.Request)) (int, object) {
			r := b.request(token, route.Method, fill.Replace(route.Path)+queries[short], bodies[short])
			if change != nil {
				change(r)
			}
			w := b.do(r)
			var answer object
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatalf("%s %s: %v", route.Method, route.Path, err)
			}
			return w.Code, answer
		}
		expect := func(who, token string, change func(*http.Request), want int) {
			t.Helper()
			checked++
			status, answer := try(token, change)
			if status != want || (want >= 400 && (message(answer) == "" || code(answer) == "")) {
				t.Errorf("%s %s as %s: %d %v, want %d", route.Method, short, who, status, answer, want)
			}
		}
		expect("nobody", "", nil, http.StatusUnauthorized)
		expect("somebody", "somebody", nil, http.StatusUnauthorized)
		expect("another machine", "owner", func(r *http.Request) { r.RemoteAddr = "10.1.2.3:4" }, http.StatusForbidden)
		expect("another name", "owner", func(r *http.Request) { r.Host = "evil.example" }, http.StatusForbidden)
		if route.Method != http.MethodGet {
			expect("another site", "owner", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, http.StatusForbidden)
			expect("another origin", "owner", func(r *http.Request) { r.Header.Set("Origin", "https://bkper.app") }, http.StatusForbidden)
		}
		switch accessOf(short) {
		case anyone:
			for _, token := range tokens {
				expect(token, token, nil, http.StatusOK)
			}
		case editors:
			for _, token := range []string{"recorder", "viewer", "stranger"} {
				expect(token, token, nil, http.StatusForbidden)
			}
		case own:
			for _, token := range []string{"editor", "recorder", "viewer", "stranger"} {
				expect("the other user "+token, token, nil, http.StatusNotFound)
			}
		}
		if route.Method == http.MethodGet {
			expect("owner", "owner", nil, http.StatusOK)
		}
	}
	if checked < 150 {
		t.Errorf("only %d calls were tried", checked)
	}
	if after := b.state(); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

var beginning = object{"bookId": "demo", "connector": "demo", "institution": "us_newyork", "country": "US", "privacyAccepted": true}

// state is what the owner sees and what the feed was asked for.
func (b *bench) state() string {
	b.t.Helper()
	connections := b.call("owner", "GET", "/connections", nil, http.StatusOK)
	integrations := b.call("owner", "GET", "/books/demo/integrations", nil, http.StatusOK)
	ruled := b.call("owner", "GET", "/books/demo/rules", nil, http.StatusOK)
	text, err := json.Marshal([]any{connections, integrations, ruled, b.feed.synced, b.feed.replayed, b.feed.retried, string(b.feed.imported), b.upkeep.undoneBy, len(b.upkeep.joined)})
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func TestTheJourneyOverTheAPI(t *testing.T) {
	b := newBench(t)
	ok := http.StatusOK
	if me := b.call("owner", "GET", "/me", nil, ok); me["id"] != "owner" || me["email"] != "owner@example.com" {
		t.Errorf("me: %v", me)
	}
	if all := b.call("owner", "GET", "/countries", nil, ok)["countries"].([]any); len(all) < 4 {
		t.Errorf("countries: %v", all)
	}
	found := b.call("owner", "GET", "/institutions?country=BR&q="+url.QueryEscape("sao paulo"), nil, ok)["institutions"].([]any)
	if len(found) != 1 || found[0].(object)["id"] != "br_saopaulo" {
		t.Errorf("found %v", found)
	}
	if refused := b.call("owner", "POST", "/attempts", object{"bookId": "demo", "connector": "demo", "institution": "br_saopaulo", "country": "BR", "privacyAccepted": false}, 400); !strings.Contains(message(refused), "privacy") {
		t.Errorf("without the privacy notice: %v", refused)
	}
	attempt := b.call("owner", "POST", "/attempts", object{"bookId": "demo", "connector": "demo", "institution": "br_saopaulo", "country": "BR", "privacyAccepted": true, "language": "pt-BR"}, 201)
	if attempt["status"] != "form" || len(attempt["fields"].([]any)) != 2 {
		t.Fatalf("attempt: %v", attempt)
	}
	path := "/attempts/" + attempt["id"].(string)
	wrong := b.call("owner", "POST", path+"/answer", object{"answer": object{"user": "demo", "password": "Demo "}}, 422)
	if code(wrong) != "invalid_credentials" || !strings.Contains(message(wrong), "spaces") {
		t.Errorf("wrong credentials: %v", wrong)
	}
	if still := b.call("owner", "GET", path, nil, ok); still["status"] != "form" {
		t.Errorf("after wrong credentials: %v", still)
	}
	done := b.call("owner", "POST", path+"/answer", object{"answer": object{"user": "demo", "password": "demo"}}, ok)
	id := done["connectionId"].(string)

	today := time.Now().UTC().Format(time.DateOnly)
	one := b.call("owner", "GET", "/connections/"+id+"?today="+today, nil, ok)
	account := one["accounts"].([]any)[0].(object)
	periods := account["periods"].([]any)
	if first := periods[0].(object); first["since"] != today || first["id"] != "today" || len(periods) != 5 {
		t.Errorf("periods: %v", periods)
	}
	b.call("owner", "GET", "/connections?today=2020-01-01", nil, 400)

	save := object{"connectionId": id, "bankKey": account["key"], "newAccount": object{"name": "Conta"}, "since": "2026-11-01"}
	saved := b.call("owner", "POST", "/books/demo/integrations", save, 201)
	if saved["accountName"] != "Conta" || saved["addedBy"] != "Olivia Owner" || saved["connectionStatus"] != "Connected" {
		t.Errorf("saved: %v", saved)
	}
	save["since"] = "2026-10-01"
	again := b.call("owner", "POST", "/books/demo/integrations", save, ok)
	if again["id"] != saved["id"] || again["since"] != "2026-10-01" {
		t.Errorf("saved again: %v", again)
	}
	listed := b.call("editor", "GET", "/books/demo/integrations", nil, ok)["integrations"].([]any)
	theirs := listed[0].(object)
	if len(listed) != 1 || theirs["connectionId"] != nil || theirs["addedBy"] != "Olivia Owner" || theirs["pending"] != 1.0 {
		t.Errorf("another editor sees %v", listed)
	}
	root := "/books/demo/integrations/" + saved["id"].(string)
	if rows := b.call("editor", "GET", root+"/pending", nil, ok)["rows"].([]any); len(rows) != 1 || rows[0].(object)["amount"] != "-4.50" {
		t.Errorf("pending: %v", rows)
	}
	before := b.feed.synced
	b.call("owner", "POST", "/connections/"+id+"/sync", nil, 202)
	if b.feed.synced != before+1 {
		t.Error("no sync was asked for")
	}
	if end := b.call("owner", "POST", "/connections/"+id+"/disconnect", nil, ok); end["stopped"] != 1.0 || end["revoked"] != true {
		t.Errorf("disconnecting: %v", end)
	}
	stopped := b.call("owner", "GET", "/books/demo/integrations", nil, ok)["integrations"].([]any)[0].(object)
	if stopped["connectionStatus"] != "Disconnected" || !strings.Contains(fmt.Sprint(stopped["stopped"]), "Reconnect") {
		t.Errorf("stopped: %v", stopped)
	}
	b.call("owner", "POST", "/connections/"+id+"/sync", nil, 409)
	renewal := b.call("owner", "POST", "/attempts", object{"bookId": "demo", "reconnect": id, "privacyAccepted": true}, 201)
	renewed := b.call("owner", "POST", "/attempts/"+renewal["id"].(string)+"/answer", object{"answer": object{"user": "demo", "password": "demo"}}, ok)
	if renewed["connectionId"] != id {
		t.Errorf("renewed: %v", renewed)
	}
	b.call("editor", "DELETE", root, nil, ok)
	b.call("editor", "DELETE", root, nil, 404)
	b.call("owner", "DELETE", "/connections/"+id, nil, ok)
	b.call("owner", "GET", "/connections/"+id, nil, 404)
}

func TestABankWithItsOwnPage(t *testing.T) {
	b := newBench(t)
	b.base = "http://127.0.0.1:8080"
	b.bank.SetBankURL(b.base + "/sandbox/bank")
	attempt := b.call("owner", "POST", "/attempts", object{"bookId": "demo", "connector": "demo", "institution": "us_union", "country": "US", "privacyAccepted": true}, 201)
	page, err := url.Parse(attempt["redirect"].(string))
	if attempt["status"] != "redirect" || err != nil {
		t.Fatalf("%v, %v", attempt, err)
	}
	form := page.Query()
	form.Set("user", "demo")
	form.Set("password", "demo")
	form.Set("otp", "123456")
	r := b.request("owner", "POST", page.Path, form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	back, err := url.Parse(b.do(r).Header().Get("Location"))
	if err != nil || back.Path != "/link/return" {
		t.Fatalf("the bank sends back to %v, %v", back, err)
	}
	if w := b.do(b.request("editor", "GET", back.RequestURI(), nil)); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "another user") {
		t.Errorf("another user comes back: %d %s", w.Code, w.Body)
	}
	for range 2 { // the browser may ask twice
		if w := b.do(b.request("owner", "GET", back.RequestURI(), nil)); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Signed in") {
			t.Errorf("coming back: %d %s", w.Code, w.Body)
		}
	}
	after := b.call("owner", "GET", "/attempts/"+attempt["id"].(string), nil, http.StatusOK)
	if after["status"] != "done" || after["redirect"] != nil {
		t.Errorf("%v", after)
	}
	if all := b.call("owner", "GET", "/connections", nil, http.StatusOK)["connections"].([]any); len(all) != 1 {
		t.Errorf("%d connections", len(all))
	}
}

func TestRunsComeNewestFirstInPages(t *testing.T) {
	b := newBench(t)
	connection := b.connect("owner", "us_newyork", "US")
	b.integrate("owner", connection)
	for range 24 {
		b.call("owner", "POST", "/connections/"+connection+"/sync", nil, http.StatusAccepted)
	}
	var ids []string
	cursor := ""
	for {
		page := b.call("owner", "GET", "/books/demo/runs?cursor="+cursor, nil, http.StatusOK)
		for _, r := range page["runs"].([]any) {
			ids = append(ids, r.(object)["id"].(string))
		}
		next, more := page["next"].(string)
		if !more {
			break
		}
		cursor = next
	}
	if len(ids) != 25 || !slices.IsSortedFunc(ids, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("%d runs: %v", len(ids), ids)
	}
	run := b.call("editor", "GET", "/books/demo/runs/"+ids[0], nil, http.StatusOK)
	lines := run["lines"].([]any)
	if len(lines) != 2 || lines[0].(object)["amount"] != "-12.00" || lines[0].(object)["text"] != "COFFEE "+nasty {
		t.Errorf("%v", run)
	}
	for _, path := range []string{"/runs/x", "/runs/1-x", "/runs/-1-x", "/runs/" + ids[0] + "x"} {
		b.call("owner", "GET", "/books/demo"+path, nil, http.StatusNotFound)
	}
	elsewhere := base64.RawURLEncoding.EncodeToString([]byte("other/00000000000001/x"))
	for _, cursor := range []string{"!", elsewhere} {
		b.call("owner", "GET", "/books/demo/runs?cursor="+cursor, nil, http.StatusBadRequest)
	}
}

func TestWhatWaitsForAPerson(t *testing.T) {
	b := newBench(t)
	b.park()
	connection := b.connect("owner", "us_newyork", "US")
	b.feed.letters = []queue.DeadLetter{
		{ID: "of/the book", Key: "book:demo", Kind: "record", Attempts: 20, Code: errs.Internal, Reason: "Something went wrong."},
		{ID: "of the connection", Key: "connection:" + connection},
		{ID: "of another book", Key: "book:other"},
		{ID: "of nobody", Key: "?"},
	}
	rows := b.call("editor", "GET", "/books/demo/parked", nil, http.StatusOK)["rows"].([]any)
	if len(rows) != 1 || rows[0].(object)["problem"].(object)["sentence"] != "The book is locked on that date." {
		t.Errorf("parked: %v", rows)
	}
	if n := b.call("editor", "POST", "/books/demo/parked/retry", nil, http.StatusAccepted); n["rows"] != 1.0 || b.feed.retried != 1 {
		t.Errorf("retried: %v", n)
	}
	for token, want := range map[string]int{"owner": 2, "editor": 1} {
		if letters := b.call(token, "GET", "/dead?bookId=demo", nil, http.StatusOK)["letters"].([]any); len(letters) != want {
			t.Errorf("%s sees %v", token, letters)
		}
	}
	name := func(id string) string { return "/dead/" + base64.RawURLEncoding.EncodeToString([]byte(id)) + "/replay" }
	b.call("editor", "POST", name("of/the book"), nil, http.StatusAccepted)
	b.call("editor", "POST", name("of the connection"), nil, http.StatusNotFound)
	b.call("owner", "POST", name("of another book"), nil, http.StatusNotFound)
	b.call("owner", "POST", name("of nobody"), nil, http.StatusNotFound)
	b.call("owner", "POST", "/dead/!/replay", nil, http.StatusNotFound)
	if !slices.Equal(b.feed.replayed, []string{"of/the book"}) {
		t.Errorf("replayed %v", b.feed.replayed)
	}
}

func TestUploadingAStatement(t *testing.T) {
	b := newBench(t)
	path := "/books/demo/statements?accountId=" + b.accountID("Checking") + "&name=" + url.QueryEscape("März.ofx")
	started := b.call("editor", "POST", path, "<OFX>", http.StatusAccepted)["runs"].([]any)
	if string(b.feed.imported) != "<OFX>" || len(started) != 1 || started[0].(object)["title"] != "März.ofx" {
		t.Errorf("started %v", started)
	}
	b.call("editor", "GET", "/books/demo/runs/"+started[0].(object)["id"].(string), nil, http.StatusOK)
	for claim, c := range map[string]struct{ path, body, says string }{
		"no statement":  {path, "not one", "not a statement"},
		"nothing in it": {path, "", "empty"},
		"no account":    {"/books/demo/statements?name=a.ofx", "<OFX>", "which account"},
		"no name":       {"/books/demo/statements?accountId=1", "<OFX>", "name of the file"},
		"too large":     {path, strings.Repeat("x", 20<<20+1), "20 MB"},
	} {
		if answer := b.call("owner", "POST", c.path, c.body, http.StatusBadRequest); !strings.Contains(message(answer), c.says) {
			t.Errorf("%s: %v", claim, answer)
		}
	}
}

func TestBodiesAreReadStrictly(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ claim, kind, body, says string }{
		{"an unknown field", "application/json", `{"bookId":"demo","admin":true}`, `no field "admin"`},
		{"a field of another kind", "application/json", `{"bookId":7}`, `"bookId" has the wrong kind`},
		{"no JSON", "application/json", `bookId=demo`, "not JSON"},
		{"half of it", "application/json", `{"bookId":`, "not JSON"},
		{"two values", "application/json", `{"bookId":"demo"}{}`, "more than one"},
		{"another content type", "text/plain", `{"bookId":"demo"}`, "application/json"},
		{"a form", "application/x-www-form-urlencoded", `bookId=demo`, "application/json"},
		{"too much", "application/json", `{"bookId":"` + strings.Repeat("x", 70000) + `"}`, "too large"},
		{"no date", "application/json", `{"bookId":"demo","privacyAccepted":true,"since":"31.01.2026"}`, "2026-01-31"},
		{"no book", "application/json", `{"privacyAccepted":true}`, "which book"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			r := b.request("owner", "POST", "/api/v1/attempts", c.body)
			r.Header.Set("Content-Type", c.kind)
			w := b.do(r)
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), strings.ReplaceAll(c.says, `"`, `\"`)) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if strings.Contains(w.Body.String(), "json:") || strings.Contains(w.Body.String(), "Body.") {
				t.Errorf("internals: %s", w.Body)
			}
		})
	}
}

func TestLostPermissionIsNoticed(t *testing.T) {
	b := newBench(t)
	b.call("editor", "GET", "/books/demo", nil, http.StatusOK)
	long := strings.Repeat("x", 300)
	b.call("owner", "GET", "/books/"+long, nil, http.StatusNotFound)
	b.call("owner", "GET", "/books/none/runs", nil, http.StatusNotFound)
	b.call("owner", "GET", "/institutions?country="+long, nil, http.StatusBadRequest)
}

// TestEveryAnswerHasSafeHeaders looks at one answer of each kind on each route.
func TestEveryAnswerHasSafeHeaders(t *testing.T) {
	b := newBench(t)
	asset := regexp.MustCompile(`/panel/assets/\w+/panel\.css`).FindString(b.do(b.request("owner", "GET", "/panel", nil)).Body.String())
	paths := []string{asset, "/panel/assets/x/panel.css", "/panel?bookId=none", "/nowhere"}
	for _, r := range b.routes {
		paths = append(paths, ginParam.ReplaceAllString(r.Path, "x"))
	}
	for _, path := range paths {
		for _, token := range []string{"owner", "viewer", "nobody"} {
			for _, method := range []string{"GET", "POST", "DELETE"} {
				w := b.do(b.request(token, method, path, nil))
				checkHeaders(t, method+" "+path+" as "+token, path, w)
			}
		}
	}
	if w := b.do(b.request("owner", "GET", asset, nil)); w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || w.Code != http.StatusOK {
		t.Errorf("asset: %d %v", w.Code, w.Header())
	}
}

func checkHeaders(t *testing.T, what, path string, w *httptest.ResponseRecorder) {
	t.Helper()
	h := w.Header()
	policy := h.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("%s: policy %q", what, policy)
	}
	framed := strings.HasPrefix(path, "/panel") && !strings.HasPrefix(path, "/panel/") && w.Code != http.StatusNotFound || strings.HasPrefix(path, "/panel?")
	isHTML := strings.HasPrefix(h.Get("Content-Type"), "text/html")
	want, resource := "frame-ancestors 'none'", "same-origin"
	if framed && isHTML {
		want, resource = "frame-ancestors https://bkper.app https://app.bkper.com 'self'", ""
	}
	if !strings.HasSuffix(policy, want) {
		t.Errorf("%s: policy %q, want %q at its end", what, policy, want)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "", "Cross-Origin-Resource-Policy": resource} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %s is %q", what, name, got)
		}
	}
	if cache := h.Get("Cache-Control"); cache != "no-store" && !strings.HasPrefix(path, "/panel/assets/") {
		t.Errorf("%s: Cache-Control is %q", what, cache)
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s: %s lets other sites in", what, name)
		}
	}
}
