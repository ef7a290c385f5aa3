package sandbox

import (
	"bytes"
	"context"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed web
var webFiles embed.FS

const pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// pages is the browser tool: what a person would do in Bkper's own screens.
type pages struct {
	s         *Server
	base      string // path below which the tool lives, without a slash at its end
	templates map[string]*template.Template
}

// Pages returns the browser tool for paths that start with base, such as
// "/sandbox". Requests must come with that prefix. Whoever reaches it may act
// as any of the five users: serve it to the own machine only.
func (s *Server) Pages(base string) http.Handler {
	p := &pages{s: s, base: strings.TrimSuffix(base, "/"), templates: pageTemplates()}
	mux := http.NewServeMux()
	show := func(path string, handler func(*visit) error) {
		mux.HandleFunc("GET "+p.base+path, p.handler(handler))
	}
	do := func(path string, handler func(*visit) error) {
		mux.HandleFunc("POST "+p.base+path, p.handler(func(v *visit) error { return v.act(handler) }))
	}
	if p.base != "" {
		show("", (*visit).showTransactions)
	}
	show("/{$}", (*visit).showTransactions)
	show("/events", (*visit).showEvents)
	show("/settings", (*visit).showSettings)
	show("/faults", (*visit).showFaults)
	show("/pulse", (*visit).showPulse)
	do("/act-as", (*visit).actAs)
	do("/transactions", (*visit).saveTransaction)
	do("/transactions/{verb}", (*visit).moveTransaction)
	do("/files", (*visit).uploadFile)
	do("/events/{id}/replay", (*visit).replayEvent)
	do("/settings", (*visit).saveSettings)
	do("/people", (*visit).savePerson)
	do("/faults", (*visit).addFault)
	do("/faults/clear", (*visit).clearFaults)
	assets, err := fs.Sub(webFiles, "web/assets")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	mux.Handle("GET "+p.base+"/assets/", http.StripPrefix(p.base+"/assets/", http.FileServerFS(assets)))
	protected := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		protected.ServeHTTP(w, r)
	})
}

func pageTemplates() map[string]*template.Template {
	templates := map[string]*template.Template{}
	for _, name := range []string{"transactions", "events", "settings", "faults", "problem"} {
		templates[name] = template.Must(template.ParseFS(webFiles, "web/layout.html", "web/"+name+".html"))
	}
	return templates
}

// visit is one request of the browser.
type visit struct {
	*pages
	w    http.ResponseWriter
	r    *http.Request
	user *user
	book *book   // nil when there is none that the user may see
	seq  *uint64 // of the last change that was there to be read, nil before read
}

const (
	userCookie  = "sandbox_user"
	flashCookie = "sandbox_flash"

	// Kinds of messages, one letter each.
	good    = "+"
	refused = "-"
)

func (p *pages) handler(handle func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{pages: p, w: w, r: r, user: p.s.users[ownerName]}
		if cookie, err := r.Cookie(userCookie); err == nil && p.s.users[cookie.Value] != nil {
			v.user = p.s.users[cookie.Value]
		}
		if err := handle(v); err != nil {
			v.problem(r.Context(), err)
		}
	}
}

func (v *visit) problem(ctx context.Context, err error) {
	answer, internal := asAPIError(err)
	if internal {
		v.s.opts.Log.ErrorContext(ctx, "sandbox page failed", "path", v.r.URL.Path, "error", err)
	}
	if err := v.render("problem", answer.status, "Sandbox", answer.message); err != nil {
		v.s.opts.Log.ErrorContext(ctx, "sandbox page cannot be written", "error", err)
		http.Error(v.w, "Internal error", http.StatusInternalServerError)
	}
}

// act does what a form asks for, and leads back to where the form stood, with
// a message if it was refused.
func (v *visit) act(handle func(*visit) error) error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxFileBody)
	if err := v.r.ParseMultipartForm(1 << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return badRequest("Cannot read the form: %.200s", err.Error())
	}
	err := handle(v)
	if err != nil {
		answer, internal := asAPIError(err)
		if internal {
			return err
		}
		v.flash(refused, answer.message)
	}
	http.Redirect(v.w, v.r, v.back(), http.StatusSeeOther)
	return nil
}

// back is the page that the form stood on: a path of this tool, never another.
func (v *visit) back() string {
	to := v.r.PostFormValue("back")
	rest, below := strings.CutPrefix(to, v.base)
	if below && (strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "?")) && !strings.HasPrefix(to, "//") && !strings.Contains(to, "\\") {
		return to
	}
	return v.base + "/"
}

// flash shows a message on the next page, refused or good.
func (v *visit) flash(kind, message string) {
	v.setCookie(flashCookie, base64.RawURLEncoding.EncodeToString([]byte(kind+message)), 60)
}

// takeFlash returns the message of the form before, once, and whether it is
// good.
func (v *visit) takeFlash() (message string, isGood bool) {
	cookie, err := v.r.Cookie(flashCookie)
	if err != nil {
		return "", false
	}
	v.setCookie(flashCookie, "", -1)
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || len(text) == 0 {
		return "", false
	}
	return string(text[1:]), string(text[:1]) == good
}

// setCookie sets a cookie of these pages, for so many seconds, 0 for as long as
// the browser is open.
func (v *visit) setCookie(name, value string, seconds int) {
	path := v.base
	if path == "" {
		path = "/"
	}
	http.SetCookie(v.w, &http.Cookie{ //nolint:gosec // not Secure: the tool is served over plain HTTP on the own machine
		Name: name, Value: value, Path: path, MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// layout is what every page has.
type layout struct {
	Base, Title, Here string
	Page              string
	User              *user
	Users             []*user
	Permission        permission
	Message           string
	Good              bool // the message is
	Seq               uint64
	Content           any
}

// read runs f with the book locked for reading. What changes after the first
// read of a visit is news to its page.
func (v *visit) read(f func() error) error {
	v.s.mu.RLock()
	defer v.s.mu.RUnlock()
	b, err := v.s.bookByID(demoBookID)
	if err != nil {
		return err
	}
	v.book = b
	if v.seq == nil {
		seq := v.s.lastSeq
		v.seq = &seq
	}
	return f()
}

// change runs f as a change of the demo book by the user.
func (v *visit) change(f func(*change) error) error {
	v.s.write.Lock()
	defer v.s.write.Unlock()
	b, err := v.s.bookByID(demoBookID)
	if err != nil {
		return err
	}
	c := v.s.begin(b, v.user, "")
	if err := f(c); err != nil {
		return err
	}
	return c.commit()
}

// render writes a page. It is called without locks but reads none but what
// content holds.
func (v *visit) render(name string, status int, title string, content any) error {
	v.s.mu.RLock()
	seq, p := v.s.lastSeq, permissionNone
	if b := v.s.books[demoBookID]; b != nil {
		p = b.permissionOf(v.user)
	}
	v.s.mu.RUnlock()
	if v.seq != nil {
		seq = *v.seq
	}
	page := layout{
		Base: v.base, Title: title, Here: v.r.URL.RequestURI(), Page: name, User: v.user,
		Users: sortedBy(v.s.users, userOrder), Permission: p, Seq: seq, Content: content,
	}
	page.Message, page.Good = v.takeFlash()
	var buffer bytes.Buffer
	if err := v.templates[name].ExecuteTemplate(&buffer, "layout", page); err != nil {
		return fmt.Errorf("write the page %s: %w", name, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(buffer.Bytes()) // a browser that has gone needs no page
	return nil
}

func userOrder(u *user) int {
	return map[string]int{ownerName: 1, editorName: 2, recorderName: 3, viewerName: 4, strangerName: 5}[u.Name]
}

func (v *visit) showPulse() error {
	v.s.mu.RLock()
	seq := v.s.lastSeq
	v.s.mu.RUnlock()
	v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprint(v.w, seq)
	return nil
}

func (v *visit) actAs() error {
	u := v.s.users[v.r.PostFormValue("user")]
	if u == nil {
		return notFound("User", v.r.PostFormValue("user"))
	}
	v.setCookie(userCookie, u.Name, 0)
	return nil
}
