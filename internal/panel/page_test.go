package panel_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// element is an element of a page with its attributes.
type element struct {
	tag  string
	attr map[string]string
	text string
}

// elements parses a page and returns its elements in order.
func elements(t *testing.T, page string) []element {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var all []element
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		e := element{tag: n.Data, attr: map[string]string{}}
		for _, a := range n.Attr {
			e.attr[a.Key] = a.Val
		}
		for c := range n.Descendants() {
			if c.Type == html.TextNode {
				e.text += c.Data
			}
		}
		all = append(all, e)
	}
	return all
}

func find(all []element, tag string) []element {
	return slices.DeleteFunc(slices.Clone(all), func(e element) bool { return e.tag != tag })
}

func (b *bench) page(token, path string, want int) string {
	b.t.Helper()
	w := b.do(b.request(token, "GET", path, nil))
	if w.Code != want || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		b.t.Fatalf("%s as %s: %d %s", path, token, w.Code, w.Body)
	}
	return w.Body.String()
}

// checkPage looks for what no page may have.
func checkPage(t *testing.T, page string) []element {
	t.Helper()
	all := elements(t, page)
	ids := map[string]bool{}
	for _, e := range all {
		if id := e.attr["id"]; id != "" {
			if ids[id] {
				t.Errorf("the id %s is there twice", id)
			}
			ids[id] = true
		}
	}
	for _, e := range all {
		for name, value := range e.attr {
			if strings.HasPrefix(name, "on") || name == "style" || strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "javascript:") {
				t.Errorf("<%s %s=%q> would not pass the policy", e.tag, name, value)
			}
			if (name == "for" || name == "aria-controls" || name == "aria-labelledby") && !ids[value] {
				t.Errorf("<%s %s=%q> leads nowhere", e.tag, name, value)
			}
		}
		switch e.tag {
		case "script":
			if e.attr["src"] == "" || e.text != "" {
				t.Errorf("a script inside the page: %q", e.text)
			}
		case "style":
			t.Errorf("a style inside the page: %q", e.text)
		case "img":
			if _, ok := e.attr["alt"]; !ok {
				t.Errorf("an image without alt: %v", e.attr)
			}
		case "button":
			if strings.TrimSpace(e.text) == "" && e.attr["aria-label"] == "" {
				t.Errorf("a button that says nothing: %v", e.attr)
			}
		case "input", "select":
			labelled := e.attr["type"] == "hidden" || slices.ContainsFunc(find(all, "label"), func(l element) bool { return l.attr["for"] == e.attr["id"] })
			if !labelled {
				t.Errorf("<%s> %v has no label", e.tag, e.attr)
			}
		}
	}
	if h := find(all, "html"); len(h) != 1 || h[0].attr["lang"] == "" {
		t.Error("the page has no language")
	}
	if len(find(all, "h1")) != 1 || len(find(all, "main")) != 1 || len(find(all, "title")) != 1 {
		t.Error("the page lacks a heading, a main part or a title")
	}
	return all
}

func TestThePanelsPage(t *testing.T) {
	b := newBench(t)
	all := checkPage(t, b.page("owner", "/panel?bookId=demo&accountId=7", http.StatusOK))
	body := find(all, "body")[0]
	if body.attr["data-book"] != "demo" || body.attr["data-account"] != "7" || body.attr["data-parents"] != "https://bkper.app https://app.bkper.com 'self'" {
		t.Errorf("body: %v", body.attr)
	}
	for _, e := range all {
		for _, name := range []string{"src", "href"} {
			if address := e.attr[name]; address != "" {
				if w := b.do(b.request("owner", "GET", address, nil)); w.Code != http.StatusOK {
					t.Errorf("%s: %d", address, w.Code)
				}
			}
		}
	}
	if tabs := slices.DeleteFunc(slices.Clone(all), func(e element) bool { return e.attr["role"] != "tab" }); len(tabs) != 5 {
		t.Errorf("%d tabs", len(tabs))
	}
}

func TestNoPageLetsABookSpeakMarkup(t *testing.T) {
	b := newBench(t)
	r := b.request("owner", "PUT", "/v5/books/demo", object{"id": "demo", "name": nasty})
	w := httptest.NewRecorder()
	if b.book.ServeHTTP(w, r); w.Code != http.StatusOK {
		t.Fatalf("renaming the book: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{
		"/panel?bookId=demo", "/panel?bookId=demo&accountId=%22%3E%3Cscript%3E1%3C/script%3E",
	} {
		all := checkPage(t, b.page("owner", path, http.StatusOK))
		if title := find(all, "title")[0].text; title != nasty+" – Bank Connections" && path == "/panel?bookId=demo" {
			t.Errorf("title %q", title)
		}
	}
	checkPage(t, b.page("viewer", "/panel?bookId=demo%22%3E%3Cscript%3E1%3C/script%3E", http.StatusNotFound))
	checkPage(t, b.page("owner", "/link/return?state=%3Cscript%3E1%3C/script%3E", http.StatusNotFound))
}

func TestARefusalIsAPageWithAClearSentence(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		token, path, says string
		status            int
	}{
		{"viewer", "/panel?bookId=demo", "You can view this book, but bank connections are for its owner and editors.", http.StatusForbidden},
		{"recorder", "/panel", "You can record in this book, but bank connections are for its owner and editors.", http.StatusForbidden},
		{"stranger", "/panel?bookId=demo", "This book is not shared with you.", http.StatusForbidden},
		{"nobody", "/panel?bookId=demo", "Sign in again.", http.StatusUnauthorized},
		{"owner", "/panel?bookId=none", "There is no such book.", http.StatusNotFound},
		{"owner", "/panel?bookId=" + strings.Repeat("x", 300), "There is no such book.", http.StatusNotFound},
		{"nobody", "/link/return?state=x", "Sign in again.", http.StatusUnauthorized},
	} {
		page := b.page(c.token, c.path, c.status)
		checkPage(t, page)
		if !strings.Contains(page, c.says) {
			t.Errorf("%s as %s says %s", c.path, c.token, page)
		}
	}
}

func TestOnOnesOwnMachineOneCanLookAsAnother(t *testing.T) {
	b := newBench(t)
	r := b.request("owner", "GET", "/panel?bookId=demo&as=viewer", nil)
	r.Header.Del("Authorization")
	w := b.do(r)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/panel?bookId=demo" {
		t.Fatalf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	next := b.request("owner", "GET", "/panel?bookId=demo", nil)
	next.Header.Del("Authorization")
	next.Header.Set("Cookie", strings.Split(w.Header().Get("Set-Cookie"), ";")[0])
	if got := b.do(next); got.Code != http.StatusForbidden || !strings.Contains(got.Body.String(), "Look as") {
		t.Errorf("as the viewer: %d %s", got.Code, got.Body)
	}
	bad := b.do(b.request("owner", "GET", "/panel?as=somebody", nil))
	if bad.Code != http.StatusUnauthorized || bad.Header().Get("Set-Cookie") != "" {
		t.Errorf("as somebody: %d %v", bad.Code, bad.Header())
	}
}

// TestScriptsWriteTextOnly keeps the scripts from the ways by which a text
// becomes markup or code.
func TestScriptsWriteTextOnly(t *testing.T) {
	risky := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|parseFloat`)
	files, err := fs.Glob(os.DirFS("web"), "*.js")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile("web/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if found := risky.Find(text); found != nil {
			t.Errorf("%s uses %s", name, found)
		}
	}
}
