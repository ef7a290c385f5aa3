// Package link is what people set up: the connections to their banks, and the
// integrations that say which account of a book a bank account records into.
//
// It asks the book with the person's own token whether they may, talks to
// connectors while a person signs in, and keeps what came of it. It never
// fetches transactions: it wakes whoever does.
package link

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/identity"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// Waker starts what goes on without the person.
type Waker interface {
	// Sync asks for the news of a connection.
	Sync(ctx context.Context, connectionID string) error
	// Learn asks to learn from the posted history of a book, on behalf of a user.
	Learn(ctx context.Context, bookID, userID string) error
}

// Service keeps connections and integrations. All fields must be set. It is
// safe for concurrent use, also by several processes on one store.
type Service struct {
	Engine     store.Engine
	Records    ledger.Collections
	Connectors []connectors.Connector // in the order in which they are offered
	Sealer     seal.Sealer
	Books      *bkper.Service
	Keeper     *identity.Keeper
	Wake       Waker
	Log        *slog.Logger
	Now        func() time.Time
	// NewID returns an id that cannot be guessed: at least 128 random bits in
	// letters and digits.
	NewID func() string
	// ReturnURL is the address to which banks send people back.
	ReturnURL func() string
}

// The longest that a connector may take for an answer to a person, and for
// ending what nobody waits for.
const (
	connectorDeadline = 60 * time.Second
	revokeDeadline    = 10 * time.Second
)

// mostInstitutions is how many institutions one search returns.
const mostInstitutions = 200

// Institution is a bank of one connector.
type Institution struct {
	Connector string
	bank.Institution
}

// Countries returns the countries in which some bank can be linked, as ISO
// 3166-1 alpha-2 codes, sorted.
func (s *Service) Countries() []string {
	var all []string
	for _, c := range s.Connectors {
		if _, ok := c.(connectors.Linker); ok {
			all = append(all, c.Info().Countries...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Institutions returns the banks of a country whose name has all words of the
// query in it, sorted by name, at most 200; more says that there are others.
// Letter case and accents do not count. A connector that does not answer is
// left out as long as another does.
func (s *Service) Institutions(ctx context.Context, country, query string) (found []Institution, more bool, err error) {
	if !slices.Contains(s.Countries(), country) {
		return nil, false, errs.New(errs.Invalid, "No bank can be linked in this country yet. Import a statement file instead.")
	}
	ctx, cancel := context.WithTimeout(ctx, connectorDeadline)
	defer cancel()
	words := strings.Fields(plain(query))
	answered := false
	var failed error
	for _, c := range s.Connectors {
		if _, ok := c.(connectors.Linker); !ok || !slices.Contains(c.Info().Countries, country) {
			continue
		}
		banks, err := c.Institutions(ctx, country)
		if err != nil {
			failed = fmt.Errorf("banks of %s in %s: %w", c.Info().ID, country, err)
			s.Log.WarnContext(ctx, "a connector did not list its banks", "connector", c.Info().ID, "country", country, "error", err)
			continue
		}
		answered = true
		for _, b := range banks {
			if hasAll(plain(b.Name), words) {
				found = append(found, Institution{Connector: c.Info().ID, Institution: b})
			}
		}
	}
	if !answered {
		return nil, false, failed
	}
	slices.SortStableFunc(found, func(a, b Institution) int { return cmp.Compare(plain(a.Name), plain(b.Name)) })
	if len(found) > mostInstitutions {
		return found[:mostInstitutions], true, nil
	}
	return found, false, nil
}

func hasAll(name string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(name, w) {
			return false
		}
	}
	return true
}

// plain is a text without letter case and accents.
func plain(text string) string {
	bare := transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), norm.NFC)
	out, _, err := transform.String(bare, text)
	if err != nil {
		out = text
	}
	return strings.ToLower(out)
}

func (s *Service) connector(id string) (connectors.Connector, error) {
	for _, c := range s.Connectors {
		if c.Info().ID == id {
			return c, nil
		}
	}
	return nil, errs.New(errs.NotFound, "There is no such way to a bank.")
}

func (s *Service) linker(id string) (connectors.Connector, connectors.Linker, error) {
	c, err := s.connector(id)
	if err != nil {
		return nil, nil, err
	}
	l, ok := c.(connectors.Linker)
	if !ok {
		return nil, nil, errs.New(errs.Invalid, "This bank cannot be linked from here.")
	}
	return c, l, nil
}

// owned is the beginning of the ids of all that belongs to a user, so that a
// range scan finds it. It says nothing of the user.
func owned(userID string) string {
	sum := sha256.Sum256([]byte("owned by\x00" + userID))
	return hex.EncodeToString(sum[:8]) + "_"
}

// userRef is what a connector is told of a user: always the same, and nothing
// about the person.
func userRef(userID string) string {
	sum := sha256.Sum256([]byte("user of connectors\x00" + userID))
	return hex.EncodeToString(sum[:16])
}

// gone turns the store's ErrNotFound into an answer for people.
func gone(err error, what string) error {
	if errors.Is(err, store.ErrNotFound) {
		return errs.Wrap(errs.NotFound, err, "There is no such "+what+".")
	}
	return err
}

func (s *Service) problem(code errs.Code, sentence string) *ledger.Problem {
	return &ledger.Problem{Code: code, Sentence: sentence, At: s.Now()}
}

func (s *Service) problemOf(err error) *ledger.Problem {
	return s.problem(errs.CodeOf(err), errs.Public(err))
}
