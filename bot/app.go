package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	bkperbot "github.com/bank-connections/bkper-bot"
	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/connectors/demo"
	"github.com/bank-connections/bkper-bot/connectors/registry"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/bookevents"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/identity"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/link"
	"github.com/bank-connections/bkper-bot/internal/panel"
	"github.com/bank-connections/bkper-bot/internal/queue"
	queuefile "github.com/bank-connections/bkper-bot/internal/queue/embedded"
	"github.com/bank-connections/bkper-bot/internal/reconcile"
	"github.com/bank-connections/bkper-bot/internal/rules"
	"github.com/bank-connections/bkper-bot/internal/sandbox"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
	storefile "github.com/bank-connections/bkper-bot/internal/store/embedded"
	"github.com/bank-connections/bkper-bot/internal/transfer"
)

// app is the program with everything open. It listens, but does nothing until
// it runs.
type app struct {
	cfg        Config
	log        *slog.Logger
	now        func() time.Time
	listener   net.Listener
	db         *storefile.DB
	queue      *queuefile.Queue
	registry   *registry.Registry
	sandbox    *sandbox.Server // nil if the book server is a real one
	feed       *feed.Service
	reconciler *reconcile.Service
	transfers  *transfer.Service
	events     *bookevents.Handler
	panel      *panel.Panel
	keeper     *identity.Keeper
}

// outside is what an app takes from the world besides its settings.
type outside struct {
	now func() time.Time
	log *slog.Logger
	// book carries the calls to the book server; nil is the network.
	book http.RoundTripper
}

const sandboxBook = "demo"

// longestDelivery is what the first fetch of a slow bank may take. It is below
// the feed's leases.
const longestDelivery = 5 * time.Minute

// open builds the app on an open listener. On an error everything it opened
// is closed again, the listener too.
func open(ctx context.Context, cfg Config, listener net.Listener, o outside) (_ *app, err error) {
	a := &app{cfg: cfg, log: o.log, now: o.now, listener: listener}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if a.db, err = storefile.Open(cfg.file("app.db")); err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	sealer, err := seal.OpenKeyFile(cfg.file("seal.key"), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("opening the key that seals secrets: %w", err)
	}
	if a.queue, err = queuefile.Open(ctx, a.db, queuefile.Options{
		Now: o.now, Log: o.log, Policy: queue.Policy{Deadline: longestDelivery},
	}); err != nil {
		return nil, fmt.Errorf("opening the queue: %w", err)
	}
	manifest, err := bkperbot.ReadManifest()
	if err != nil {
		return nil, err
	}
	token := cfg.BkperToken
	if cfg.BkperURL == "" {
		if err := a.openSandbox(ctx, manifest); err != nil {
			return nil, err
		}
		if token.IsZero() {
			token = seal.NewSecret("owner")
		}
	}
	if err := a.openRegistry(ctx); err != nil {
		return nil, err
	}
	books := a.openBooks(manifest, o.book)
	a.keeper = identity.NewKeeper(a.db, ledger.All().Users, sealer, o.now)
	completer := complete.New(a.db, o.now)
	away := absent{books, a.keeper}
	a.reconciler = &reconcile.Service{
		Engine: a.db, Now: o.now, Log: o.log, Book: func(userID string) reconcile.Book { return away.For(userID) },
	}
	a.transfers = &transfer.Service{Engine: a.db, Books: ends{books, a.keeper}, Now: o.now, NewID: newID, Log: o.log}
	a.feed = feed.New(feed.Deps{
		Engine: a.db, Queue: a.queue, Connectors: a.registry, Books: away, Sealer: sealer,
		Completer: completer, Reconciler: a.reconciler, Transfers: afterRun{a.transfers, completer, away, o.log}, Now: o.now, NewID: newID, Jitter: mathrand.Float64, Log: o.log,
	})
	a.events = &bookevents.Handler{
		Engine: a.db, Books: present{books}, Users: bearers{books, a.keeper}, Feed: a.feed, Completer: completer,
		AgentID: manifest.ID, Now: o.now,
	}
	return a, a.openPanel(books, completer, sealer, token)
}

func (a *app) openSandbox(ctx context.Context, manifest bkperbot.Manifest) (err error) {
	a.sandbox, err = sandbox.Open(ctx, sandbox.Options{
		Path: a.cfg.file("sandbox.db"), Now: a.now, Log: a.log, EventsURL: a.url() + "/events",
		AgentID: manifest.ID, Events: manifest.Events, FilePatterns: manifest.FilePatterns,
	})
	if err != nil {
		return fmt.Errorf("opening the stand-in book server: %w", err)
	}
	return nil
}

// openRegistry opens the connectors. The demo banks' live feed begins when the
// data directory is new, and goes on from there.
func (a *app) openRegistry(ctx context.Context) (err error) {
	born, err := a.born(ctx)
	if err != nil {
		return err
	}
	banks := demo.Config{BankURL: a.url() + "/sandbox/bank", Opened: born, Pace: a.cfg.DemoPace, Volume: a.cfg.DemoVolume}
	deps := connectors.Deps{HTTP: &http.Client{Timeout: 60 * time.Second}, Log: a.log, Now: a.now, Rand: rand.Reader}
	a.registry, err = registry.Open(deps, registry.Config{Demo: &banks})
	return err
}

// born returns when the data directory was first used.
func (a *app) born(ctx context.Context) (time.Time, error) {
	moments := store.NewCollection[time.Time]("moments")
	var born time.Time
	err := moments.Upsert(ctx, a.db, "born", func(old time.Time, found bool) (time.Time, error) {
		born = old
		if !found {
			born = a.now().UTC()
		}
		return born, nil
	})
	if err != nil {
		return born, fmt.Errorf("reading when this data directory was first used: %w", err)
	}
	return born, nil
}

func (a *app) openBooks(manifest bkperbot.Manifest, transport http.RoundTripper) *bkper.Service {
	if transport == nil {
		transport = network()
	}
	base := a.cfg.BkperURL
	if base == "" {
		base = a.url() + "/sandbox/bkper"
	}
	return bkper.New(bkper.Options{
		BaseURL: strings.TrimSuffix(base, "/"), HTTP: &http.Client{Transport: transport},
		AgentID: manifest.ID, APIKey: a.cfg.BkperAPIKey, Now: a.now, Jitter: mathrand.Float64,
	})
}

func network() http.RoundTripper {
	return &http.Transport{MaxIdleConnsPerHost: 32, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second}
}

func (a *app) openPanel(books *bkper.Service, completer *complete.Completer, sealer seal.Sealer, token seal.Secret) (err error) {
	local := identity.NewLocal(books, token, a.now)
	records := ledger.All()
	deps := panel.Deps{
		Users: local, Books: books, Keeper: a.keeper, Engine: a.db, Records: records,
		Link: &link.Service{
			Engine: a.db, Records: records, Connectors: a.registry.All(), Sealer: sealer, Books: books,
			Keeper: a.keeper, Wake: a.feed, Log: a.log, Now: a.now, NewID: newID,
			ReturnURL: func() string { return a.url() + "/link/return" },
		},
		Importer: importer{a.feed}, Retrier: a.feed, Undoer: a.feed, Transfers: a.transfers, Doubles: a.feed, Reconciler: a.reconciler,
		Rules: rules.NewStore(a.db, newID), Completer: completer, Examiner: a.feed,
		DeadLetters: a.queue, About: about, Now: a.now, Log: a.log,
	}
	if a.sandbox != nil {
		deps.Local = &panel.Local{SignIn: local.SignIn, Tokens: []string{"owner", "editor", "recorder", "viewer", "stranger"}, BookID: sandboxBook, BookURL: "/sandbox"}
	}
	a.panel, err = panel.New(deps)
	return err
}

// url is where this program is reached on this machine.
func (a *app) url() string { return "http://" + a.listener.Addr().String() }

// How often the clock looks for what is due, and for what is overdue.
const (
	tick  = 5 * time.Second
	sweep = 10 * time.Minute
)

// run serves and works until ctx ends, then lets what is under way end.
func (a *app) run(ctx context.Context) error {
	server := &http.Server{
		Handler:           a.routes(), //nolint:contextcheck // handlers have the context of their request
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
		WriteTimeout: 3 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		err := server.Serve(a.listener)
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("serving: %w", err)
	})
	group.Go(func() error {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 8*time.Second)
		defer cancel()
		if err := server.Shutdown(ending); err != nil {
			return errors.Join(err, server.Close())
		}
		return nil
	})
	group.Go(func() error { return a.queue.Run(ctx, a.feed.Handle) })
	if a.sandbox != nil {
		group.Go(func() error { return a.sandbox.Run(ctx) })
	}
	group.Go(func() error { return a.clock(ctx) })
	return group.Wait()
}

// clock asks the feed, again and again, for what is due.
func (a *app) clock(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	sweeper := time.NewTicker(sweep)
	defer sweeper.Stop()
	do := a.feed.Tick
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "looking for what is due failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			do = a.feed.Tick
		case <-sweeper.C:
			do = a.overdue
		}
	}
}

// overdue looks for what was cut short, and for books to be compared.
func (a *app) overdue(ctx context.Context) error {
	return errors.Join(a.feed.Sweep(ctx), a.feed.CompareDue(ctx))
}

func (a *app) close() error {
	var failed []error
	failed = append(failed, ignoreClosed(a.listener.Close()))
	if a.sandbox != nil {
		failed = append(failed, a.sandbox.Close())
	}
	if a.db != nil {
		failed = append(failed, a.db.Close())
	}
	return errors.Join(failed...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// newID returns 160 random bits as 32 letters and digits.
func newID() string {
	return strings.ToLower(base32.StdEncoding.EncodeToString(randomBytes(20)))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails: see crypto/rand
	return b
}

// absent opens the book for users who are away, with the tokens that are kept.
type absent struct {
	books  *bkper.Service
	keeper *identity.Keeper
}

func (b absent) For(userID string) feed.Book { return b.books.As(b.keeper.Source(userID)) }

// ends opens the book to join and part transfers.
type ends absent

func (b ends) For(userID string) transfer.Book { return b.books.As(b.keeper.Source(userID)) }

// afterRun lets the drafts of a run have what rules give besides the counter
// account, before it is looked for transfers among them.
type afterRun struct {
	*transfer.Service
	completer *complete.Completer
	books     absent
	log       *slog.Logger
}

// Look is that of the transfers. A book that refuses what rules give does not
// keep transfers from being found.
func (r afterRun) Look(ctx context.Context, bookID string, since bank.Date) (transfer.Looked, error) {
	_, err := r.completer.Dress(ctx, func(userID string) complete.Book { return r.books.For(userID) }, bookID)
	if errs.Transient(err) {
		return transfer.Looked{}, err
	}
	if err != nil {
		r.log.WarnContext(ctx, "drafts did not get what rules give", "book", bookID, "error", err)
	}
	return r.Service.Look(ctx, bookID, since)
}

// present opens the book with the token of an event.
type present struct{ books *bkper.Service }

func (b present) With(token seal.Secret) bookevents.Book { return b.books.As(bkper.StaticToken(token)) }

// bearers finds out whose a token is, and keeps it.
type bearers struct {
	books  *bkper.Service
	keeper *identity.Keeper
}

func (b bearers) Remember(ctx context.Context, token seal.Secret) (string, error) {
	u, err := b.books.As(bkper.StaticToken(token)).User(ctx)
	if err != nil {
		return "", fmt.Errorf("asking whose token came with the event: %w", err)
	}
	user := identity.User{ID: u.ID, Name: u.Name, Email: u.Email, Token: token}
	return user.ID, b.keeper.Remember(ctx, user)
}

// importer lets the panel import files.
type importer struct{ feed *feed.Service }

func (i importer) Import(ctx context.Context, userID, bookID, accountID, fileName string, content []byte) ([]ledger.Run, error) {
	run, err := i.feed.Import(ctx, feed.ImportRequest{
		UserID: userID, BookID: bookID, AccountID: accountID, FileName: fileName, Content: content,
	})
	if err != nil {
		return nil, err
	}
	return []ledger.Run{run}, nil
}

// about says which book or connection a dead letter concerns.
func about(d queue.DeadLetter) panel.Subject {
	bookID, connectionID := feed.SubjectOf(d.Key)
	return panel.Subject{BookID: bookID, ConnectionID: connectionID}
}
