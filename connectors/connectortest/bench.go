package connectortest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

// bench is where one check works. It watches all that comes out of the
// connector for secrets.
type bench struct {
	testing.TB
	Harness
	goroutines goleak.Option // those that were there before

	mu      sync.Mutex
	log     bytes.Buffer
	nonce   *rand.ChaCha8
	secrets []string
	said    []string // texts of errors
}

func newBench(tb testing.TB, h Harness) *bench {
	return &bench{TB: tb, Harness: h, nonce: rand.NewChaCha8([32]byte{1}), goroutines: goleak.IgnoreCurrent()}
}

// Write implements io.Writer for the log.
func (b *bench) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.Write(p)
}

// Read implements io.Reader for nonces.
func (b *bench) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.nonce.Read(p)
}

// connector returns a connector as after a start of the program.
func (b *bench) connector() connectors.Connector {
	return b.New(connectors.Deps{
		HTTP: b.HTTP, Now: b.Clock.Now, Rand: b,
		Log: slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
}

// keepSecret says that a text must not be seen, nor a long text within it if it
// is JSON: a token is a secret without its wrapping, too. Short ones are words.
func (b *bench) keepSecret(text string) {
	const shortest, token = 8, 24
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(text) >= shortest {
		b.secrets = append(b.secrets, text)
	}
	var parts map[string]any
	if json.Unmarshal([]byte(text), &parts) != nil {
		return
	}
	for _, part := range parts {
		if inner, ok := part.(string); ok && len(inner) >= token {
			b.secrets = append(b.secrets, inner)
		}
	}
}

func (b *bench) checkSecrets() {
	b.Helper()
	said := b.log.String() + "\n" + strings.Join(b.said, "\n")
	for _, secret := range b.secrets {
		quoted := strconv.Quote(secret)
		for _, form := range []string{
			secret, quoted[1 : len(quoted)-1], url.QueryEscape(secret), url.PathEscape(secret),
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
		} {
			if strings.Contains(said, form) {
				b.Errorf("a secret was seen in an error or in the log: %.12q...", secret)
				break
			}
		}
	}
}

func (b *bench) checkGoroutines() {
	b.Helper()
	if b.HTTP != nil {
		b.HTTP.CloseIdleConnections()
	}
	if err := goleak.Find(b.goroutines); err != nil {
		b.Errorf("goroutines are left: %v", err)
	}
}

// codes are those that an error of a connector may have.
var codes = []errs.Code{
	errs.InvalidCredentials, errs.NeedsReauth, errs.UserActionAtBank, errs.InstitutionDown, errs.RateLimited,
	errs.HistoryNotAvailable, errs.AccountGone, errs.Config, errs.NotFound, errs.Invalid, errs.Conflict, errs.Unauthenticated,
}

// typed sees that err is one of the contract and returns its code, "" for nil.
func (b *bench) typed(err error) errs.Code {
	b.Helper()
	if err == nil {
		return ""
	}
	b.mu.Lock()
	b.said = append(b.said, err.Error(), fmt.Sprintf("%+v", err), errs.Public(err))
	b.mu.Unlock()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return errs.Unavailable
	}
	var own *errs.Error
	if !errors.As(err, &own) {
		b.Errorf("an error without a code: %T: %v", err, err)
		return errs.Internal
	}
	if !slices.Contains(codes, own.Code) {
		b.Errorf("an error of code %q, which no connector has: %v", own.Code, err)
	}
	return own.Code
}

// must stops the check on an error.
func (b *bench) must(what string, err error) {
	b.Helper()
	if err != nil {
		b.typed(err)
		b.Fatalf("%s: %v", what, err)
	}
}

// linker returns c's power to link, without which nothing can be checked.
func (b *bench) linker(c connectors.Connector) connectors.Linker {
	b.Helper()
	linker, ok := c.(connectors.Linker)
	if !ok {
		b.Fatal("the connector cannot be linked")
	}
	return linker
}

func (b *bench) begin(c connectors.Connector, s SignIn) (connectors.LinkStep, error) {
	b.Helper()
	step, err := b.linker(c).BeginLink(b.Context(), connectors.LinkRequest{
		Institution: s.Institution, Country: s.Country, UserRef: "user-1", Since: b.Since, Language: "en", ReturnURL: b.ReturnURL,
	})
	if err == nil {
		b.look(s, step)
	}
	return step, err
}

// look sees that a step is one, and keeps its secrets in mind.
func (b *bench) look(s SignIn, step connectors.LinkStep) {
	b.Helper()
	kinds := 0
	if step.Form != nil {
		kinds++
		for _, f := range step.Form.Fields {
			if f.Name == "" || f.Label == "" {
				b.Errorf("%s: a field without name or label: %+v", s.Name, f)
			}
		}
	}
	if step.Redirect != "" {
		kinds++
	}
	if step.Done != nil {
		kinds++
		if step.Done.Secret.IsZero() {
			b.Errorf("%s: an authorization without a secret", s.Name)
		}
		if e := step.Done.Expires; !e.IsZero() && !e.After(b.Clock.Now()) {
			b.Errorf("%s: the authorization has expired when it is given, at %s", s.Name, e)
		}
		b.keepSecret(step.Done.Secret.Reveal())
	}
	if kinds != 1 {
		b.Errorf("%s: a step is a form, a redirect or the end; this is %d of them", s.Name, kinds)
	}
	b.keepSecret(step.Progress.Reveal())
}

// maxSteps is more than a sign-in may take.
const maxSteps = 10

// goOn answers step until the way in ends.
func (b *bench) goOn(c connectors.Connector, s SignIn, step connectors.LinkStep) (*connectors.Authorization, error) {
	b.Helper()
	for range maxSteps {
		if step.Done != nil {
			return step.Done, nil
		}
		answer, err := s.Answer(b.Context(), step)
		if err != nil {
			b.Fatalf("%s: the harness cannot answer: %v", s.Name, err)
		}
		if step.Form != nil {
			for _, f := range step.Form.Fields {
				if f.Secret || f.Code {
					b.keepSecret(answer[f.Name])
				}
			}
		}
		next, err := b.linker(c).ContinueLink(b.Context(), []byte(step.Progress.Reveal()), answer)
		switch {
		case errs.Is(err, errs.UserActionAtBank):
			b.typed(err)
		case err != nil:
			return nil, err
		default:
			b.look(s, next)
			step = next
		}
	}
	b.Fatalf("%s: the sign-in does not end in %d steps", s.Name, maxSteps)
	return nil, nil
}

// link signs in with success.
func (b *bench) link(c connectors.Connector, s SignIn) seal.Secret {
	b.Helper()
	step, err := b.begin(c, s)
	b.must(s.Name+": beginning the sign-in", err)
	done, err := b.goOn(c, s, step)
	b.must(s.Name+": signing in", err)
	return done.Secret
}

// linked is an authorization with its accounts.
type linked struct {
	SignIn
	auth   seal.Secret
	wanted []connectors.Wanted
	rows   int // that the vendor knew then
}

// each calls do for each way in that succeeds.
func (b *bench) each(c connectors.Connector, do func(l linked)) {
	b.Helper()
	n := 0
	for _, s := range b.SignIns {
		if s.Want != "" {
			continue
		}
		n++
		do(b.open(c, s))
	}
	if n == 0 {
		b.Fatal("the harness has no way in that succeeds")
	}
}

// open signs in and asks for the accounts.
func (b *bench) open(c connectors.Connector, s SignIn) linked {
	b.Helper()
	l := linked{SignIn: s, auth: b.link(c, s)}
	accounts, err := c.Accounts(b.Context(), l.auth)
	if errs.Is(err, errs.InstitutionDown) { // as it said: later
		b.typed(err)
		b.Clock.Advance(max(errs.After(err), b.Pace))
		accounts, err = c.Accounts(b.Context(), l.auth)
	}
	b.must(s.Name+": accounts", err)
	for _, a := range accounts {
		l.wanted = append(l.wanted, connectors.Wanted{Key: a.Key, Since: b.Since})
		truth := b.Truth(s, a.Key, b.Since, b.Clock.Now())
		l.rows += len(truth.Booked) + len(truth.Pending)
	}
	if len(l.wanted) == 0 {
		b.Fatalf("%s: no accounts", s.Name)
	}
	return l
}

func (l linked) request(state []byte, limit int) connectors.FetchRequest {
	return connectors.FetchRequest{Auth: l.auth, Wanted: l.wanted, State: state, Limit: limit}
}

// update is what the pages of one update say of each account, put together.
type update struct {
	accounts map[string]*connectors.AccountPage
	next     []byte
	more     connectors.More
	states   [][]byte // Next of each page
}

// read reads one update.
func (b *bench) read(c connectors.Connector, l linked, state []byte, limit int) (update, error) {
	b.Helper()
	u := update{accounts: make(map[string]*connectors.AccountPage)}
	for range l.maxPages(limit) {
		page, err := c.Fetch(b.Context(), l.request(state, limit))
		if err != nil {
			return u, err
		}
		b.gather(l, limit, &u, page)
		state = page.Next
		if page.More != connectors.SameUpdate {
			u.next, u.more = page.Next, page.More
			b.checkUpdate(l, u)
			return u, nil
		}
	}
	b.Fatalf("%s: an update does not end: %d pages of %d", l.Name, l.maxPages(limit), limit)
	return u, nil
}

// maxPages is more than an update can take, new rows included.
func (l linked) maxPages(limit int) int {
	return 100 + 4*len(l.wanted) + 3*(l.rows+500)/limit
}

// gather adds a page to u, and sees that it is one.
func (b *bench) gather(l linked, limit int, u *update, page connectors.Page) {
	b.Helper()
	u.states = append(u.states, page.Next)
	n := 0
	here := make(map[string]bool)
	for _, p := range page.Accounts {
		if here[p.Key] {
			b.Errorf("%s: account %s occurs twice in a page", l.Name, p.Key)
		}
		here[p.Key] = true
		if !slices.ContainsFunc(l.wanted, func(w connectors.Wanted) bool { return w.Key == p.Key }) {
			b.Errorf("%s: account %s was not asked for", l.Name, p.Key)
		}
		n += len(p.Transactions)
		merge(u, p)
		if p.Err != nil {
			if code := b.typed(p.Err); code != errs.AccountGone && code != errs.HistoryNotAvailable {
				b.Errorf("%s: an error of code %q for one account", l.Name, code)
			}
		}
	}
	if n > limit {
		b.Errorf("%s: %d transactions in a page of %d", l.Name, n, limit)
	}
}

// merge adds what a page says of one account.
func merge(u *update, p connectors.AccountPage) {
	sum := u.accounts[p.Key]
	if sum == nil {
		sum = &connectors.AccountPage{Key: p.Key}
		u.accounts[p.Key] = sum
	}
	sum.Transactions = append(sum.Transactions, p.Transactions...)
	sum.Removed = append(sum.Removed, p.Removed...)
	if p.Complete != (connectors.Days{}) {
		sum.Complete = p.Complete
	}
	if p.Balance != nil {
		sum.Balance = p.Balance
	}
	if p.Err != nil {
		sum.Err = p.Err
	}
}

// checkUpdate sees that an update does not contradict itself.
func (b *bench) checkUpdate(l linked, u update) {
	b.Helper()
	for key, p := range u.accounts {
		ids := make(map[string]bool)
		for _, tx := range p.Transactions {
			if err := tx.Validate(); err != nil {
				b.Errorf("%s: a transaction that cannot be recorded: %v", l.Name, err)
			}
			if tx.ID != "" && ids[tx.ID] {
				b.Errorf("%s: account %s: id %s occurs twice in one update", l.Name, key, tx.ID)
			}
			ids[tx.ID] = true
			if digits := tx.Amount.Currency().Digits(); tx.Amount.Number().FractionDigits() > digits {
				b.Errorf("%s: %s has more than %d decimals", l.Name, tx.Amount, digits)
			}
		}
		for _, id := range p.Removed {
			if id == "" || ids[id] {
				b.Errorf("%s: account %s: id %q is removed and reported in one update", l.Name, key, id)
			}
		}
		if p.Complete.To.Before(p.Complete.From) {
			b.Errorf("%s: account %s: complete from %s to %s", l.Name, key, p.Complete.From, p.Complete.To)
		}
	}
}

// catchUp reads updates until there is no more.
func (b *bench) catchUp(c connectors.Connector, l linked, state []byte, limit int, each func(update)) ([]byte, error) {
	b.Helper()
	const most = 10
	for range most {
		u, err := b.read(c, l, state, limit)
		if err != nil {
			return state, err
		}
		each(u)
		state = u.next
		if u.more == connectors.NoMore {
			return state, nil
		}
	}
	b.Fatalf("%s: %d updates, and still more though the clock stands", l.Name, most)
	return nil, nil
}

// lines writes transactions for comparing: sorted, without ids.
func lines(all []bank.Transaction) []string {
	texts := make([]string, 0, len(all))
	for _, tx := range all {
		tx.ID, tx.PendingID = "", ""
		texts = append(texts, text(tx))
	}
	slices.Sort(texts)
	return texts
}

func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// diff says where two lists of lines differ, in few words; "" if they do not.
func diff(want, got []string) string {
	if slices.Equal(want, got) {
		return ""
	}
	const most = 1500
	d := cmp.Diff(want, got)
	if len(d) > most {
		d = d[:most] + "..."
	}
	return fmt.Sprintf("%d wanted, %d there (-want +got):\n%s", len(want), len(got), d)
}

func (b *bench) patience() time.Duration {
	if b.Patience > 0 {
		return b.Patience
	}
	return 2 * time.Second
}

// within fails if do takes longer than d.
func (b *bench) within(d time.Duration, what string, do func() error) error {
	b.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(d):
		b.Fatalf("%s: no answer after %s", what, d)
		return nil
	}
}
