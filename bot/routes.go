package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/identity"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// routes is every address this program answers.
func (a *app) routes() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.ContextWithFallback = true
	r.HandleMethodNotAllowed = true
	_ = r.SetTrustedProxies(nil) // nil is always a valid list
	r.Use(a.logged, a.guarded, safeHeaders)
	r.NoRoute(a.panel.NotFound)
	r.NoMethod(func(c *gin.Context) {
		c.JSON(http.StatusMethodNotAllowed, gin.H{"error": gin.H{"code": errs.Invalid, "message": "This address does not take " + c.Request.Method + "."}})
	})

	r.GET("/healthz", a.health)
	r.GET("/", func(c *gin.Context) { c.Redirect(http.StatusFound, "/panel") })
	a.panel.Mount(r)

	noPages := a.noPages()
	r.POST("/events", a.local, noPages, a.bookEvent())
	r.POST("/push", a.local, noPages, a.push)
	r.POST("/webhooks/:connector", noPages, a.webhook)

	if a.sandbox != nil {
		r.Any("/sandbox/bkper/*path", a.local, gin.WrapH(http.StripPrefix("/sandbox/bkper", a.sandbox.API())))
		if bank := a.registry.Demo(); bank != nil {
			r.Any("/sandbox/bank/*path", a.local, gin.WrapH(http.StripPrefix("/sandbox/bank", bank.Pages())))
		}
		pages := gin.WrapH(a.sandbox.Pages("/sandbox"))
		r.Any("/sandbox", a.local, pages)
		r.NoRoute(a.sandboxOr(pages, a.panel.NotFound))
	}
	return r
}

// sandboxOr answers what lies below /sandbox besides the servers there. The
// router cannot have a wildcard beside them.
func (a *app) sandboxOr(pages, otherwise gin.HandlerFunc) gin.HandlerFunc {
	const below = "/sandbox/"
	return func(c *gin.Context) {
		if path := c.Request.URL.Path; len(path) < len(below) || path[:len(below)] != below {
			otherwise(c)
			return
		}
		c.Status(http.StatusOK) // the router has written 404 ahead of time
		if a.local(c); !c.IsAborted() {
			pages(c)
		}
	}
}

// health answers 200 when the store answers.
func (a *app) health(c *gin.Context) {
	if err := a.db.View(c, func(store.Tx) error { return nil }); err != nil {
		a.fail(c, errs.HTTPStatus(err), err)
		return
	}
	c.String(http.StatusOK, "ok\n")
}

// local lets only this machine in. In the cloud a verifier of Google's tokens
// takes its place.
func (a *app) local(c *gin.Context) {
	if err := identity.FromThisMachine(c.Request); err != nil {
		a.fail(c, errs.HTTPStatus(err), err)
		c.Abort()
	}
}

// noPages keeps out the pages of other sites: the browser of a person on this
// machine would post for them what only Bkper, the queue or a provider may say.
// None of these is a browser.
func (a *app) noPages() gin.HandlerFunc {
	origins := http.NewCrossOriginProtection()
	return func(c *gin.Context) {
		if err := origins.Check(c.Request); err != nil {
			a.fail(c, http.StatusForbidden, errs.Wrap(errs.Forbidden, err, "This request comes from another site."))
			c.Abort()
		}
	}
}

// fail answers with the sentence for people, and logs the cause.
func (a *app) fail(c *gin.Context, status int, err error) {
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	a.log.Log(c, level, "request failed", "method", c.Request.Method, "route", c.FullPath(), "status", status, "error", err)
	c.JSON(status, gin.H{"error": gin.H{"code": errs.CodeOf(err), "message": errs.Public(err)}})
}

// logged writes a line for each request at level debug: the route, never the
// query, where banks put codes.
func (a *app) logged(c *gin.Context) {
	if !a.log.Enabled(c, slog.LevelDebug) {
		c.Next()
		return
	}
	start := a.now()
	c.Next()
	a.log.DebugContext(c, "request", "method", c.Request.Method, "route", c.FullPath(),
		"status", c.Writer.Status(), "took", a.now().Sub(start).Round(time.Microsecond))
}

// guarded answers 500 where a handler panics, and shows nobody why.
func (a *app) guarded(c *gin.Context) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if err, ok := cause.(error); ok && err == http.ErrAbortHandler { //nolint:errorlint // the value that net/http compares
			panic(cause)
		}
		a.log.ErrorContext(c, "panic", "route", c.FullPath(), "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
		c.AbortWithStatus(http.StatusInternalServerError)
	}()
	c.Next()
}

// safeHeaders are those of every answer; pages that need others replace them.
func safeHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}
