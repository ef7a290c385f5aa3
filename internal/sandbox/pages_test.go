package sandbox_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// browser walks through the pages of a bench.
type browser struct {
	*bench
	site   string
	client *http.Client
}

func newBrowser(t *testing.T, b *bench) *browser {
	t.Helper()
	server := httptest.NewServer(b.Pages("/sandbox"))
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{b, server.URL, &http.Client{Jar: jar}}
}

func (b *browser) do(request *http.Request) (int, string) {
	b.t.Helper()
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response.StatusCode, string(page)
}

// open shows a page.
func (b *browser) open(path string) string {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.site+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	_, page := b.do(request)
	return page
}

// submit sends a form, name after value, and follows where it leads.
func (b *browser) submit(path string, fields ...string) (int, string) {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.site+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(request)
}

func mustHold(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
}

func TestAPersonCompletesADraftOnThePage(t *testing.T) {
	b := newBrowser(t, newBench(t, nil))
	row := b.create(draft("page", "ZEBRA BOOKS"))
	mustHold(t, b.open("/sandbox"), "ZEBRA BOOKS", "Checking", "/panel?bookId=demo", "draft")

	id := row["id"].(string)
	_, page := b.submit("/sandbox/transactions", "id", id, "debit", "nobody", "then", "post")
	mustHold(t, page, "The book has no account &#34;nobody&#34;")
	if strings.Contains(b.open("/sandbox/"), "nobody") {
		t.Error("the message stays for ever")
	}
	b.submit("/sandbox/transactions", "id", id, "debit", "education", "then", "post")
	got := b.get(id)
	if got["posted"] != true || b.sideName(got, "debitAccount") != "Education" || b.sideName(got, "creditAccount") != "Checking" {
		t.Errorf("posted %v", got)
	}
	for _, step := range []struct{ verb, flag string }{{"check", "checked"}, {"uncheck", ""}, {"trash", "trashed"}, {"restore", ""}} {
		b.submit("/sandbox/transactions/"+step.verb, "id", id)
		got := b.get(id)
		for _, flag := range []string{"checked", "trashed"} {
			if got[flag] != (flag == step.flag) {
				t.Errorf("after %s %s is %v", step.verb, flag, got[flag])
			}
		}
	}
	b.submit("/sandbox/transactions", "id", id, "date", "2026-03-01", "amount", "3", "credit", "Cash", "debit", "Gifts", "description", "for Ana #gift")
	if got := b.get(id); got["amount"] != "3" || got["date"] != "2026-03-01" || b.sideName(got, "creditAccount") != "Cash" || got["description"] != "for Ana" {
		t.Errorf("edited to %v", got)
	}
}

func TestAPersonRecordsOnThePage(t *testing.T) {
	b := newBrowser(t, newBench(t, nil))
	b.submit("/sandbox/transactions", "date", "2026-03-02", "amount", "9.90", "credit", "Cash", "debit", "Gifts", "description", "flowers", "then", "post")
	b.submit("/sandbox/transactions", "date", "", "amount", "5", "credit", "", "debit", "Gifts", "description", "thing")
	if found := b.find("flowers is:posted"); len(found) != 1 {
		t.Errorf("posted: %v", found)
	}
	if found := b.find("thing is:draft"); len(found) != 1 || found[0]["date"] != "2026-03-18" {
		t.Errorf("draft: %v", found)
	}
	mustHold(t, b.open("/sandbox/?tab=posted&q=flowers"), "9.90", "Gifts")
	mustHold(t, b.open("/sandbox/?tab=all&account=Gifts"), "flowers", "thing")
	mustHold(t, b.open("/sandbox/?q=is:odd"), "Invalid query")
	page := b.open("/sandbox/?tab=posted")
	older := regexp.MustCompile(`href="([^"]+after=[^"]+)"`).FindStringSubmatch(page)
	if older == nil {
		t.Fatal("no link to older rows")
	}
	if next := b.open(strings.ReplaceAll(older[1], "&amp;", "&")); strings.Contains(next, "flowers") || !strings.Contains(next, "row unchecked") {
		t.Error("the second page is not the second page")
	}
}

func TestEveryUserHasTheirOwnPages(t *testing.T) {
	b := newBrowser(t, newBench(t, nil))
	row := b.create(draft("who", "ZEBRA"))
	for user, texts := range map[string][]string{
		"stranger": {"not a collaborator"},
		"recorder": {"not view transactions"},
		"viewer":   {"ZEBRA", "VIEWER"},
	} {
		_, page := b.submit("/sandbox/act-as", "user", user)
		mustHold(t, page, texts...)
		if user == "recorder" && strings.Contains(page, "ZEBRA") {
			t.Error("the recorder sees a transaction")
		}
	}
	b.submit("/sandbox/act-as", "user", "viewer")
	_, page := b.submit("/sandbox/transactions", "id", row["id"].(string), "debit", "Gifts")
	mustHold(t, page, "may not edit drafts")
	_, page = b.submit("/sandbox/settings", "lockDate", "2026-01-01")
	mustHold(t, page, "may not edit the book")
	mustHold(t, b.open("/sandbox"), "VIEWER")
	_, page = b.submit("/sandbox/act-as", "user", "nobody")
	mustHold(t, page, "User NOT found")
}

func TestSettingsPage(t *testing.T) {
	b := newBrowser(t, newBench(t, nil))
	b.submit("/sandbox/settings", "lockDate", "2026-02-28", "closingDate", "", "autoPost", "")
	if book := b.ok("GET", "/v5/books/demo", nil); book["lockDate"] != "2026-02-28" || book["autoPost"] != false {
		t.Errorf("book %v", book)
	}
	_, page := b.submit("/sandbox/people", "person", "editor@example.com", "permission", "NONE", "back", "/sandbox/settings")
	mustHold(t, page, "2026-02-28", "Settings of Demo Book")
	b.refused(b.as("editor", "GET", "/v5/books/demo", nil), 401, "not a collaborator")
	b.submit("/sandbox/people", "person", "editor@example.com", "permission", "POSTER")
	if a := b.as("editor", "GET", "/v5/books/demo", nil); a.body["permission"] != "POSTER" {
		t.Errorf("editor: %v", a)
	}
}

func TestAFileDroppedOnAnAccount(t *testing.T) {
	b := newBrowser(t, newBench(t, nil))
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("account", b.accountID("Checking")); err != nil {
		t.Fatal(err)
	}
	part, err := form.CreateFormFile("file", "march.ofx")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(part, "OFXHEADER:100"); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.site+"/sandbox/files", &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	_, page := b.do(request)
	mustHold(t, page, "march.ofx is in the book", `class="message good"`)
	file := items(b.ok("GET", "/v5/books/demo/files", nil))[0]
	if file["name"] != "march.ofx" || file["properties"].(object)["account_id"] != b.accountID("Checking") || file["size"] != 13.0 {
		t.Errorf("file %v", file)
	}
	_, page = b.submit("/sandbox/files")
	mustHold(t, page, "Choose a file first", `class="message"`)
}

func TestARowSaysWhyItWasCompleted(t *testing.T) {
	b := newBrowser(t, newBench(t, nil))
	b.create(draft("why", "ZEBRA BOOKS", object{"properties": object{"completed_because": "3 of 3 earlier went to Books"}}))
	mustHold(t, b.open("/sandbox"), `<span class="why">3 of 3 earlier went to Books</span>`)
}

func TestALockedRowOffersNothingToDo(t *testing.T) {
	b := newBrowser(t, newBench(t, nil))
	row := b.create(draft("old", "ZEBRA BOOKS"))
	b.submit("/sandbox/settings", "lockDate", row["date"].(string))
	page := b.open("/sandbox?q=zebra")
	mustHold(t, page, "ZEBRA BOOKS", "Details")
	for _, verb := range []string{"/transactions/trash", "<summary>Edit"} {
		if strings.Contains(page, verb) {
			t.Errorf("a locked row offers %q", verb)
		}
	}
}

func TestEventsPageShowsAndReplays(t *testing.T) {
	a := newApp(t)
	a.tell(`{"result":"<b>Completed</b> 2 drafts"}`)
	b := newBrowser(t, delivering(t, a, "TRANSACTION_POSTED"))
	b.posted()
	b.settle()
	mustHold(t, b.open("/sandbox/events"), "TRANSACTION_POSTED", "&lt;b&gt;Completed&lt;/b&gt; 2 drafts", "Checking → Restaurants coffee")
	id := items(b.ok("GET", "/v5/books/demo/events", nil))[0]["id"].(string)
	b.submit("/sandbox/events/" + id + "/replay")
	b.settle()
	if got := len(a.events()); got != 2 {
		t.Errorf("delivered %d times", got)
	}
}

func TestFaultsPage(t *testing.T) {
	b := newBrowser(t, newBench(t, nil))
	_, page := b.submit("/sandbox/faults", "kind", "status-before", "status", "429", "path", "/v5/user", "times", "1", "seed", "3", "back", "/sandbox/faults")
	mustHold(t, page, "status-before", "/v5/user", "429", "0 of 1")
	if a := b.as("owner", "GET", "/v5/user", nil); a.status != 429 {
		t.Errorf("status %d", a.status)
	}
	if _, page := b.submit("/sandbox/act-as", "user", "owner", "back", "/sandbox?tab=trashed"); !strings.Contains(page, `?tab=trashed&amp;q=&amp;account=" aria-current="page"`) {
		t.Error("a form on /sandbox?tab=trashed does not lead back to it")
	}
	_, page = b.submit("/sandbox/faults", "kind", "odd")
	mustHold(t, page, "Unknown fault: odd")
	b.submit("/sandbox/faults/clear")
	if list := b.Faults().List(); len(list) != 0 {
		t.Errorf("faults %v", list)
	}
}

func TestPagesAreSafe(t *testing.T) {
	b := newBrowser(t, newBench(t, nil))
	b.create(draft("xss", `<script>alert(1)</script>`))
	if page := b.open("/sandbox/"); strings.Contains(page, "<script>alert") {
		t.Error("a description is not escaped")
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.site+"/sandbox/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := b.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}

	t.Run("a form of another site is refused", func(t *testing.T) {
		before := len(b.find(""))
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.site+"/sandbox/transactions", strings.NewReader("amount=1"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Sec-Fetch-Site", "cross-site")
		if status, _ := b.do(request); status != http.StatusForbidden {
			t.Errorf("status %d", status)
		}
		if after := len(b.find("")); after != before {
			t.Error("it was recorded")
		}
	})
	t.Run("a form leads to no other site", func(t *testing.T) {
		b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if r.URL.Host != strings.TrimPrefix(b.site, "http://") || r.URL.Path != "/sandbox/" {
				t.Errorf("led to %s", r.URL)
			}
			return nil
		}
		for _, back := range []string{"https://evil.example", "//evil.example", "/panel", "/sandboxes", "/sandbox.evil", `/sandbox/\evil`, ""} {
			b.submit("/sandbox/faults/clear", "back", back)
		}
	})
	t.Run("assets are served", func(t *testing.T) {
		mustHold(t, b.open("/sandbox/assets/sandbox.js"), "addEventListener")
		mustHold(t, b.open("/sandbox/assets/sandbox.css"), "--asset")
	})
}

func TestPulseMovesWithEveryChange(t *testing.T) {
	b := newBrowser(t, newBench(t, nil))
	before := b.open("/sandbox/pulse")
	if again := b.open("/sandbox/pulse"); again != before {
		t.Error("it moved by itself")
	}
	b.create(draft("pulse", "x"))
	if after := b.open("/sandbox/pulse"); after == before {
		t.Error("it stood still")
	}
}

// A page that is older than the number it carries would wait for news that it
// has missed already.
func TestAPageCarriesTheNumberOfWhatItShows(t *testing.T) {
	b := newBrowser(t, newBench(t, nil))
	number := regexp.MustCompile(`data-seq="\d+"`)
	for i := range 100 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.create(draft(fmt.Sprint("late ", i), "RACE"))
		}()
		during := b.open("/sandbox/?q=race")
		<-done
		after := b.open("/sandbox/?q=race")
		if number.FindString(during) == number.FindString(after) &&
			strings.Count(during, `class="row `) != strings.Count(after, `class="row `) {
			t.Fatal("two pages with the same number show different rows")
		}
	}
}
