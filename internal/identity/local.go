package identity

import (
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

const (
	localCookie  = "bc_user"
	provenFor    = time.Minute
	mostProven   = 100
	longestToken = 4096
)

// Local is the sign-in of a program that runs on the person's own machine: it
// serves nobody else, and takes who is there for the user of its own token
// unless the request brings another. Every token is shown to the book's
// server, whose answer is remembered for a minute.
//
// A request must come from this machine and must name this machine as its
// host, because a page elsewhere can point a name of its own at 127.0.0.1 and
// have the person's browser call it.
type Local struct {
	books *bkper.Service
	token seal.Secret
	now   func() time.Time

	mu     sync.Mutex
	proven map[[sha256.Size]byte]proof
}

type proof struct {
	user  User
	until time.Time
}

var _ Authenticator = (*Local)(nil)

// NewLocal returns the sign-in of this machine. The token stands for requests
// that bring none.
func NewLocal(books *bkper.Service, token seal.Secret, now func() time.Time) *Local {
	return &Local{books: books, token: token, now: now, proven: map[[sha256.Size]byte]proof{}}
}

// Authenticate takes the token of the Authorization header, else that of the
// cookie that SignIn sets, else its own.
func (l *Local) Authenticate(r *http.Request) (User, error) {
	if err := FromThisMachine(r); err != nil {
		return User{}, err
	}
	token, err := l.tokenOf(r)
	if err != nil {
		return User{}, err
	}
	return l.prove(r, token)
}

// SignIn makes the browser bring that token from now on. It is an error if
// the book's server does not know it.
func (l *Local) SignIn(w http.ResponseWriter, r *http.Request, token string) error {
	if err := FromThisMachine(r); err != nil {
		return err
	}
	if err := checkToken(token); err != nil {
		return err
	}
	if _, err := l.prove(r, seal.NewSecret(token)); err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // not Secure: one's own machine is reached over http
		Name: localCookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	return nil
}

// FromThisMachine is an error of code Forbidden unless the request comes from
// this machine, directly, and to a name of this machine.
func FromThisMachine(r *http.Request) error {
	const sentence = "This program serves only the machine it runs on. Open it as http://127.0.0.1 there."
	refuse := func(why string) error { return errs.Wrap(errs.Forbidden, errors.New(why), sentence) }
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !isLoopback(from) {
		return refuse("the request comes from another machine")
	}
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host"} {
		if r.Header.Get(header) != "" {
			return refuse("the request comes through a proxy")
		}
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if !strings.EqualFold(host, "localhost") && !isLoopback(host) {
		return refuse("the request names another host")
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (l *Local) tokenOf(r *http.Request) (seal.Secret, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return seal.Secret{}, errs.New(errs.Unauthenticated, "Sign in with a bearer token.")
		}
		return seal.NewSecret(token), checkToken(token)
	}
	if cookie, err := r.Cookie(localCookie); err == nil {
		return seal.NewSecret(cookie.Value), checkToken(cookie.Value)
	}
	return l.token, nil
}

func checkToken(token string) error {
	odd := func(c rune) bool { return c <= ' ' || c > '~' }
	if token == "" || len(token) > longestToken || strings.ContainsFunc(token, odd) {
		return errs.New(errs.Unauthenticated, "This token cannot be read. Sign in again.")
	}
	return nil
}

func (l *Local) prove(r *http.Request, token seal.Secret) (User, error) {
	key := sha256.Sum256([]byte(token.Reveal()))
	l.mu.Lock()
	known, ok := l.proven[key]
	l.mu.Unlock()
	if ok && l.now().Before(known.until) {
		return known.user, nil
	}
	person, err := l.books.As(bkper.StaticToken(token)).User(r.Context())
	if err != nil {
		return User{}, err
	}
	if person.ID == "" {
		return User{}, errs.Wrap(errs.Unauthenticated, errors.New("the book's server gave the user no id"), "")
	}
	user := User{ID: person.ID, Name: person.Name, Email: person.Email, Token: token}
	if user.Name == "" {
		user.Name = person.FullName
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.proven) >= mostProven {
		clear(l.proven)
	}
	l.proven[key] = proof{user: user, until: l.now().Add(provenFor)}
	return user, nil
}
