package panel

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
)

// pagePolicy is what pages may load: nothing but their own assets, and the
// logos of banks.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "

// panelData is what the panel's page is made of.
type panelData struct {
	Assets  string
	BookID  string
	Book    string
	User    string
	Account string   // of the book, preselected
	Parents string   // origins that may talk to the page, separated by spaces
	Tokens  []string // to switch between, on a person's own machine
	Token   string   // the current one of these
	BookURL string   // of the book's own pages, on a person's own machine
}

// messageData is a page that says one thing.
type messageData struct {
	Assets  string
	Title   string
	Message string
	Good    bool
	Close   bool // the window was opened by the panel and can close
	Tokens  []string
	BookID  string
}

// page wraps what answers with a page: every error is one too.
func (p *Panel) page(show func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		p.headers(c, pagePolicy+"'none'")
		defer p.rescue(c)
		if err := show(c); err != nil {
			p.failPage(c, err)
		}
	}
}

func (p *Panel) panelPage(c *gin.Context) error {
	p.headers(c, pagePolicy+strings.Join(p.FrameAncestors, " "))
	c.Writer.Header().Del("Cross-Origin-Resource-Policy") // Bkper shows this page in a frame
	query := c.Request.URL.Query()
	if p.Local != nil && query.Has("as") {
		return p.signInAs(c, query)
	}
	bookID := query.Get("bookId")
	if bookID == "" && p.Local != nil {
		bookID = p.Local.BookID
	}
	if bookID == "" {
		return errs.New(errs.Invalid, "Open Bank Connections from the menu of a book.")
	}
	if len(bookID) > longestID {
		return errs.New(errs.NotFound, "There is no such book.")
	}
	user, err := p.Users.Authenticate(c.Request)
	if err != nil {
		return err
	}
	book, err := p.permissions.open(c.Request.Context(), p.Books.As(bkper.StaticToken(user.Token)), user, bookID, true)
	if err != nil {
		return err
	}
	data := panelData{
		Assets: p.assets.base(), BookID: bookID, Book: book.Name, User: user.Name, Account: query.Get("accountId"),
		Parents: strings.Join(p.FrameAncestors, " "),
	}
	if data.User == "" {
		data.User = user.Email
	}
	if p.Local != nil {
		data.Tokens, data.BookURL = p.Local.Tokens, p.Local.BookURL
		if slices.Contains(data.Tokens, user.Token.Reveal()) {
			data.Token = user.Token.Reveal()
		}
	}
	return p.write(c, http.StatusOK, p.pages.panel, data)
}

// signInAs makes the browser another user of the stand-in book and shows the
// same page.
func (p *Panel) signInAs(c *gin.Context, query url.Values) error {
	if err := p.Local.SignIn(c.Writer, c.Request, query.Get("as")); err != nil {
		return err
	}
	query.Del("as")
	c.Redirect(http.StatusSeeOther, (&url.URL{Path: "/panel", RawQuery: query.Encode()}).String())
	return nil
}

// returnPage takes up a sign-in when the person comes back from the bank's own
// page. The panel goes on by itself in its own window.
func (p *Panel) returnPage(c *gin.Context) error {
	user, err := p.Users.Authenticate(c.Request)
	if err != nil {
		return err
	}
	attempt, err := p.Link.Return(c.Request.Context(), user, c.Request.URL.Query())
	if err != nil {
		return err
	}
	data := messageData{
		Assets: p.assets.base(), Title: "Signed in", Good: true, Close: true,
		Message: "You have signed in at " + attempt.Institution.Name + ". Go back to Bank Connections; this window can be closed.",
	}
	if attempt.Done == "" {
		data.Title = "One more step"
		data.Message = attempt.Institution.Name + " asks for something more. Go on in Bank Connections; this window can be closed."
	}
	return p.write(c, http.StatusOK, p.pages.message, data)
}

func (p *Panel) failPage(c *gin.Context, err error) {
	p.Log.InfoContext(c.Request.Context(), "a page was not shown", "route", c.FullPath(), "code", string(errs.CodeOf(err)), "error", err)
	data := messageData{
		Assets: p.assets.base(), Title: failTitle(err), Message: errs.Public(err),
		Close: c.FullPath() == "/link/return",
	}
	if p.Local != nil && c.FullPath() == "/panel" && (errs.Is(err, errs.Forbidden) || errs.Is(err, errs.Unauthenticated)) {
		data.Tokens, data.BookID = p.Local.Tokens, c.Query("bookId")
	}
	if err := p.write(c, errs.HTTPStatus(err), p.pages.message, data); err != nil {
		p.fail(c, err)
	}
}

func failTitle(err error) string {
	switch errs.CodeOf(err) {
	case errs.Forbidden, errs.Unauthenticated:
		return "No access"
	case errs.NotFound:
		return "Not found"
	default:
		return "This did not work"
	}
}

func (p *Panel) write(c *gin.Context, status int, page *template.Template, data any) error {
	var text bytes.Buffer
	if err := page.Execute(&text, data); err != nil {
		return fmt.Errorf("writing a page: %w", err)
	}
	c.Data(status, "text/html; charset=utf-8", text.Bytes())
	return nil
}
