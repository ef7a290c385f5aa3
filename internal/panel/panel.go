// Package panel is what people see inside their book: the pages, their assets,
// and the JSON API by which everything the panel can do can be done without it.
//
// Every request is authenticated, and every request about a book asks the book
// itself, with the person's own token, whether they may. Answers never hold
// secrets, internals, or anything of another user.
package panel

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/identity"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/link"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/rules"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// Importer records statement files.
type Importer interface {
	// Import takes a file in and returns its runs, one for each statement in
	// it; they go on after it returns. It does not keep content.
	Import(ctx context.Context, userID, bookID, accountID, fileName string, content []byte) ([]ledger.Run, error)
}

// Retrier tries again what the book has refused.
type Retrier interface {
	// RetryParked asks to record the parked rows of a book again, and returns
	// how many there are.
	RetryParked(ctx context.Context, bookID string) (int, error)
}

// DeadLetters are the messages that were given up.
type DeadLetters interface {
	Dead(ctx context.Context, limit int) ([]queue.DeadLetter, error)
	Replay(ctx context.Context, id string) error
}

// Subject is what a message is about: a book or a connection.
type Subject struct{ BookID, ConnectionID string }

// Deps is all that the panel stands on. All must be set but FrameAncestors and
// Local.
type Deps struct {
	Users       identity.Authenticator
	Books       *bkper.Service
	Link        *link.Service
	Keeper      *identity.Keeper
	Engine      store.Engine
	Records     ledger.Collections
	Importer    Importer
	Retrier     Retrier
	Undoer      Undoer
	Transfers   Transfers
	Doubles     Doubles
	Reconciler  Reconciler
	Rules       *rules.Store
	Completer   *complete.Completer
	Examiner    Examiner
	DeadLetters DeadLetters
	// About says what a dead letter is about. Letters about neither a book nor
	// a connection are shown to nobody.
	About func(queue.DeadLetter) Subject
	Log   *slog.Logger
	Now   func() time.Time

	// FrameAncestors are the origins that may show the panel in a frame, besides
	// Bkper's own and, on a person's own machine, itself.
	FrameAncestors []string
	// Local is set on a person's own machine only.
	Local *Local
}

// Local is what the panel can do on a person's own machine besides.
type Local struct {
	// SignIn makes the browser bring that token from now on.
	SignIn func(w http.ResponseWriter, r *http.Request, token string) error
	Tokens []string // offered on the page, to see what others may
	BookID string   // shown where the address names none
	// BookURL leads from the panel to the book, which frames it elsewhere.
	BookURL string
}

// Panel serves the panel. It is safe for concurrent use.
type Panel struct {
	Deps
	routes      []route
	openAPI     []byte
	assets      assets
	pages       pages
	permissions permissions
	origins     *http.CrossOriginProtection
}

// New returns the panel.
func New(d Deps) (*Panel, error) {
	d.FrameAncestors = append(slices.Clone(bkperOrigins), d.FrameAncestors...)
	if d.Local != nil {
		d.FrameAncestors = append(d.FrameAncestors, "'self'")
	}
	p := &Panel{Deps: d, origins: http.NewCrossOriginProtection(), permissions: newPermissions(d.Now)}
	p.routes = p.table()
	var err error
	if p.assets, err = loadAssets(); err != nil {
		return nil, fmt.Errorf("the panel's assets: %w", err)
	}
	if p.pages, err = loadPages(); err != nil {
		return nil, fmt.Errorf("the panel's pages: %w", err)
	}
	if p.openAPI, err = describe(p.routes); err != nil {
		return nil, fmt.Errorf("the description of the API: %w", err)
	}
	return p, nil
}

// Mount adds the routes of the panel.
func (p *Panel) Mount(r gin.IRouter) {
	r.GET("/panel", p.page(p.panelPage))
	r.GET("/link/return", p.page(p.returnPage))
	r.GET("/panel/assets/:version/:name", p.asset)
	r.GET("/openapi.json", p.openAPIFile)
	for _, route := range p.routes {
		r.Handle(route.method, apiRoot+route.path, p.api(route))
	}
}

// NotFound answers requests for what is not there.
func (p *Panel) NotFound(c *gin.Context) {
	p.headers(c, closedPolicy)
	p.fail(c, errs.New(errs.NotFound, "There is no such address here."))
}

const (
	apiRoot = "/api/v1"

	largestJSON = 64 << 10
	largestFile = 20 << 20
	longestID   = 200

	closedPolicy = "default-src 'none'; frame-ancestors 'none'"
)

// bkperOrigins are where Bkper shows its apps from.
var bkperOrigins = []string{"https://bkper.app", "https://app.bkper.com"}

// headers sets what every answer says to the browser.
func (p *Panel) headers(c *gin.Context, policy string) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// api wraps a route: headers, origin, person, permission, answer.
func (p *Panel) api(route route) gin.HandlerFunc {
	return func(c *gin.Context) {
		p.headers(c, closedPolicy)
		defer p.rescue(c)
		if err := p.origins.Check(c.Request); err != nil {
			p.fail(c, errs.Wrap(errs.Forbidden, err, "This request comes from another site."))
			return
		}
		call, err := p.begin(c, route)
		if err != nil {
			p.fail(c, err)
			return
		}
		status, answer, err := route.handle(call)
		if err != nil {
			p.fail(c, err)
			return
		}
		c.JSON(status, answer)
	}
}

// call is one request of a known person.
type call struct {
	panel  *Panel
	c      *gin.Context
	user   identity.User
	client *bkper.Client // acts as the user
	book   bkper.Book    // where the route names one
}

func (c *call) ctx() context.Context        { return c.c.Request.Context() }
func (c *call) param(name string) string    { return c.c.Param(name) }
func (c *call) query(name string) string    { return c.c.Query(name) }
func (c *call) records() ledger.Collections { return c.panel.Records }

func (p *Panel) begin(c *gin.Context, route route) (*call, error) {
	user, err := p.Users.Authenticate(c.Request)
	if err != nil {
		return nil, err
	}
	for _, param := range c.Params {
		if param.Value == "" || len(param.Value) > longestID {
			return nil, errs.New(errs.NotFound, "")
		}
	}
	for name, values := range c.Request.URL.Query() {
		for _, v := range values {
			if len(v) > longestID && name != "name" {
				return nil, errs.New(errs.Invalid, "The address of this request is too long.")
			}
		}
	}
	call := &call{panel: p, c: c, user: user, client: p.Books.As(bkper.StaticToken(user.Token))}
	if strings.Contains(route.path, "/:bookId") {
		if err := call.open(c.Param("bookId"), route.method != http.MethodGet); err != nil {
			return nil, err
		}
	}
	return call, nil
}

// open asks the book whether the person may. Who only looks is answered from
// a short memory, because an open panel asks every few seconds.
func (c *call) open(bookID string, fresh bool) error {
	if bookID == "" || len(bookID) > longestID {
		return errs.New(errs.Invalid, "Say which book this is about.")
	}
	book, err := c.panel.permissions.open(c.ctx(), c.client, c.user, bookID, fresh)
	c.book = book
	return err
}

// fail answers with an error. What people need not know goes to the log.
func (p *Panel) fail(c *gin.Context, err error) {
	status := errs.HTTPStatus(err)
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	p.Log.Log(c.Request.Context(), level, "a request was not fulfilled",
		"method", c.Request.Method, "route", c.FullPath(), "code", string(errs.CodeOf(err)), "error", err)
	if wait := errs.After(err); wait > 0 {
		c.Header("Retry-After", fmt.Sprint(int64((wait+time.Second-1)/time.Second)))
	}
	c.AbortWithStatusJSON(status, failure{errorView{Code: string(errs.CodeOf(err)), Message: errs.Public(err)}})
}

// rescue answers for a handler that panicked.
func (p *Panel) rescue(c *gin.Context) {
	trouble := recover()
	if trouble == nil {
		return
	}
	p.Log.ErrorContext(c.Request.Context(), "a handler panicked", "route", c.FullPath(), "panic", fmt.Sprint(trouble), "stack", string(debug.Stack()))
	if !c.Writer.Written() {
		p.fail(c, errs.New(errs.Internal, ""))
	}
}
