package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// Options say where a server keeps its book and whom it tells of events.
type Options struct {
	Path string           // the database file; its folder must exist
	Now  func() time.Time // nil is time.Now
	// Rand returns a number from 0 to n-1. It makes ids and the order of batch
	// answers. nil is a random one. It is never called concurrently.
	Rand func(n int) int
	Log  *slog.Logger // nil discards
	HTTP *http.Client // delivers events; nil is a client with a deadline of 30 s
	// EventsURL is where events are sent, empty for nowhere. It may be set
	// later by SetEventsURL.
	EventsURL string
	AgentID   string   // of the app that is installed in the demo book
	Events    []string // the types of events that the app subscribed to
	// FilePatterns narrow FILE_CREATED to files whose names match one, such as
	// "*.ofx", without regard to case.
	FilePatterns []string
	// Backoff is the wait before the second delivery of an event; it doubles
	// from try to try up to five minutes. 0 is one second.
	Backoff time.Duration
}

// Server is a stand-in for Bkper. It is safe for concurrent use.
type Server struct {
	opts   Options
	db     *bbolt.DB
	faults *Faults
	api    http.Handler
	users  map[string]*user

	// write is held by the one change in the making until it is durable, so
	// that readers wait only while it is stored in memory, under mu.
	write sync.Mutex
	mu    sync.RWMutex

	books       map[string]*book
	connections map[string]*connection
	merges      map[uint64]*merge
	queue       waitingQueue // events to be delivered
	lastSeq     uint64
	eventsURL   string
	wake        chan struct{} // holds a token when there is work for Run
}

const openTimeout = time.Second

// Open opens the database file, or creates it with the demo book in it.
func Open(ctx context.Context, opts Options) (*Server, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Rand == nil {
		opts.Rand = rand.IntN
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.HTTP == nil {
		opts.HTTP = &http.Client{Timeout: 30 * time.Second}
	}
	if opts.Backoff <= 0 {
		opts.Backoff = time.Second
	}
	db, err := bbolt.Open(opts.Path, 0o600, &bbolt.Options{
		Timeout: openTimeout, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true,
	})
	if err != nil {
		return nil, fmt.Errorf("open the sandbox book at %s (is the app already running on it?): %w", opts.Path, err)
	}
	s := &Server{
		opts: opts, db: db, faults: newFaults(), users: fiveUsers(),
		books: map[string]*book{}, connections: map[string]*connection{}, merges: map[uint64]*merge{},
		eventsURL: opts.EventsURL, wake: make(chan struct{}, 1),
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the sandbox book at %s: %w", opts.Path, err), db.Close())
	}
	s.api = s.faults.wrap(s.routes())
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.load(); err != nil {
		return err
	}
	if s.lastSeq > 0 {
		return nil
	}
	return s.createDemoBook()
}

// Close closes the database file. Nothing may be asked of s afterwards.
func (s *Server) Close() error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the sandbox book: %w", err)
	}
	return nil
}

// API answers Bkper's REST API: paths that start with /v5/.
func (s *Server) API() http.Handler { return s.api }

// Faults returns the switches that make the API fail.
func (s *Server) Faults() *Faults { return s.faults }

// SetEventsURL says where events are sent from now on.
func (s *Server) SetEventsURL(url string) {
	s.mu.Lock()
	s.eventsURL = url
	s.mu.Unlock()
	s.wakeUp()
}

func (s *Server) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// user is one of the people who may use the server.
type user struct {
	Name     string // also the bearer token
	FullName string
}

func (u *user) email() string { return u.Name + "@example.com" }

// The tokens of the five users of the demo book.
const (
	ownerName    = "owner"
	editorName   = "editor"
	recorderName = "recorder"
	viewerName   = "viewer"
	strangerName = "stranger"
)

func fiveUsers() map[string]*user {
	users := map[string]*user{}
	for _, u := range []*user{
		{ownerName, "Olivia Owner"},
		{editorName, "Edgar Editor"},
		{recorderName, "Rita Recorder"},
		{viewerName, "Vera Viewer"},
		{strangerName, "Simon Stranger"},
	} {
		users[u.Name] = u
	}
	return users
}

// userByEmail finds a user by e-mail address or name.
func (s *Server) userByEmail(email string) *user {
	for _, u := range s.users {
		if u.email() == email || u.Name == email {
			return u
		}
	}
	return nil
}

// Numeric ids are as large as Bkper's, so that they do not fit 32 bits, nor
// the mantissa of a 32 bit float.
const numericBase = 4_811_000_000_000_000

func numericID(seq uint64) int64 { return numericBase + int64(seq) } //nolint:gosec // it counts what one file holds

const idAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// opaqueID returns an id that tells nothing, and is unique because of seq.
func (s *Server) opaqueID(seq uint64) string {
	id := make([]byte, 0, 24)
	id = append(id, "ag"...)
	for range 10 {
		id = append(id, idAlphabet[s.opts.Rand(len(idAlphabet))])
	}
	return string(strconv.AppendUint(id, seq, 36))
}
