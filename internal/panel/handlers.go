package panel

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/link"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// The most of each that one answer holds.
const (
	mostRuns         = 20
	mostJournalPages = 10
	mostParked       = 200
	mostLetters      = 100
	mostDead         = 1000 // of all books
)

func me(c *call) (int, any, error) {
	return http.StatusOK, meView{ID: c.user.ID, Name: c.user.Name, Email: c.user.Email}, nil
}

func countries(c *call) (int, any, error) {
	view := countriesView{Countries: []countryView{}}
	for _, code := range c.panel.Link.Countries() {
		view.Countries = append(view.Countries, countryView{code})
	}
	return http.StatusOK, view, nil
}

func institutions(c *call) (int, any, error) {
	found, more, err := c.panel.Link.Institutions(c.ctx(), c.query("country"), c.query("q"))
	if err != nil {
		return 0, nil, err
	}
	view := institutionsView{Institutions: []institutionView{}, More: more}
	for _, i := range found {
		view.Institutions = append(view.Institutions, viewInstitution(i.Connector, i.Institution))
	}
	return http.StatusOK, view, nil
}

func begin(c *call) (int, any, error) {
	var in beginBody
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	if err := c.open(in.BookID, true); err != nil {
		return 0, nil, err
	}
	since, err := optionalDate("since", in.Since)
	if err != nil {
		return 0, nil, err
	}
	a, err := c.panel.Link.Begin(c.ctx(), c.user, link.BeginRequest{
		BookID: in.BookID, Connector: in.Connector, Institution: in.Institution, Country: in.Country,
		PrivacyAccepted: in.PrivacyAccepted, Since: since, Language: in.Language, Reconnect: in.Reconnect,
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, viewAttempt(a, c.panel.Now()), nil
}

func attempt(c *call) (int, any, error) {
	a, err := c.panel.Link.Attempt(c.ctx(), c.user, c.param("attemptId"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, viewAttempt(a, c.panel.Now()), nil
}

func answer(c *call) (int, any, error) {
	var in answerBody
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	a, err := c.panel.Link.Answer(c.ctx(), c.user, c.param("attemptId"), in.Answer)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, viewAttempt(a, c.panel.Now()), nil
}

func connections(c *call) (int, any, error) {
	today, err := c.today()
	if err != nil {
		return 0, nil, err
	}
	all, err := c.panel.Link.Connections(c.ctx(), c.user)
	if err != nil {
		return 0, nil, err
	}
	view := connectionsView{Connections: []connectionView{}}
	for _, one := range all {
		view.Connections = append(view.Connections, viewConnection(one, today))
	}
	return http.StatusOK, view, nil
}

func connection(c *call) (int, any, error) {
	today, err := c.today()
	if err != nil {
		return 0, nil, err
	}
	one, err := c.panel.Link.Connection(c.ctx(), c.user, c.param("connectionId"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, viewConnection(one, today), nil
}

func syncConnection(c *call) (int, any, error) {
	today, err := c.today()
	if err != nil {
		return 0, nil, err
	}
	one, err := c.panel.Link.Sync(c.ctx(), c.user, c.param("connectionId"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, viewConnection(one, today), nil
}

func disconnect(c *call) (int, any, error) {
	ending, err := c.panel.Link.Disconnect(c.ctx(), c.user, c.param("connectionId"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, endingView(ending), nil
}

func removeConnection(c *call) (int, any, error) {
	ending, err := c.panel.Link.Remove(c.ctx(), c.user, c.param("connectionId"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, endingView(ending), nil
}

func book(c *call) (int, any, error) {
	b := c.book
	return http.StatusOK, bookView{
		ID: b.ID, Name: b.Name, Permission: string(b.Permission), TimeZone: b.TimeZone, FractionDigits: b.FractionDigits,
		DecimalSeparator: b.DecimalSeparator, DatePattern: b.DatePattern, LockDate: b.LockDate, ClosingDate: b.ClosingDate,
	}, nil
}

func accounts(c *call) (int, any, error) {
	all, err := c.client.Accounts(c.ctx(), c.book.ID)
	if err != nil {
		return 0, nil, err
	}
	slices.SortFunc(all, func(a, b bkper.Account) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	view := accountsView{Accounts: []accountView{}}
	for _, a := range all {
		view.Accounts = append(view.Accounts, accountView{ID: a.ID, Name: a.Name, Type: string(a.Type), Archived: a.Archived})
	}
	return http.StatusOK, view, nil
}

func integrations(c *call) (int, any, error) {
	all, err := c.panel.Link.Integrations(c.ctx(), c.book.ID)
	if err != nil {
		return 0, nil, err
	}
	view := integrationsView{Integrations: []integrationView{}}
	err = c.panel.Engine.View(c.ctx(), func(tx store.Tx) error {
		view.Integrations = view.Integrations[:0]
		for _, i := range all {
			v, err := c.viewIntegration(tx, i)
			if err != nil {
				return err
			}
			view.Integrations = append(view.Integrations, v)
		}
		return nil
	})
	if err != nil {
		return 0, nil, fmt.Errorf("listing integrations: %w", err)
	}
	return http.StatusOK, view, nil
}

func (c *call) viewIntegration(tx store.Tx, i ledger.Integration) (integrationView, error) {
	connection, known, err := c.records().Connections.Find(tx, store.Key(i.ConnectionID))
	if err != nil {
		return integrationView{}, err
	}
	user, _, err := c.records().Users.Find(tx, store.Key(i.AddedBy))
	if err != nil {
		return integrationView{}, err
	}
	rows, _, err := c.records().Pending.Find(tx, store.Key(i.ID))
	if err != nil {
		return integrationView{}, err
	}
	v := integrationView{
		ID: i.ID, AccountID: i.AccountID, AccountName: i.AccountName, Institution: i.Institution,
		BankKey: i.BankKey, BankName: i.BankName, Currency: string(i.Currency), Since: i.Since,
		AddedBy: user.Name, CreatedAt: i.CreatedAt, Stopped: viewProblem(i.Stopped), Notice: viewProblem(i.Notice),
		Totals: countsView(i.Totals), Pending: len(rows.Rows), LastRun: i.LastRun, Sureness: viewSureness(i.Sureness),
	}
	if known {
		v.ConnectionStatus, v.Waiting = string(connection.Status), viewProblem(connection.Problem)
		v.LastSync, v.NextSync = connection.LastSync, connection.NextSync
		if connection.UserID == c.user.ID {
			v.ConnectionID = connection.ID
		}
	}
	return v, nil
}

func saveIntegration(c *call) (int, any, error) {
	var in saveBody
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	since, err := optionalDate("since", in.Since)
	if err != nil {
		return 0, nil, err
	}
	req := link.SaveRequest{ConnectionID: in.ConnectionID, BankKey: in.BankKey, AccountID: in.AccountID, Since: since, Continues: in.Continues}
	if in.NewAccount != nil {
		req.NewAccount = &link.NewAccount{Name: in.NewAccount.Name, Type: bkper.AccountType(in.NewAccount.Type)}
	}
	saved, err := c.panel.Link.SaveIntegration(c.ctx(), c.user, c.book.ID, req)
	if err != nil {
		return 0, nil, err
	}
	view, err := c.showIntegration(saved.Integration)
	if err != nil {
		return 0, nil, err
	}
	if saved.New {
		return http.StatusCreated, view, nil
	}
	return http.StatusOK, view, nil
}

func (c *call) showIntegration(i ledger.Integration) (view integrationView, err error) {
	err = c.panel.Engine.View(c.ctx(), func(tx store.Tx) error {
		view, err = c.viewIntegration(tx, i)
		return err
	})
	if err != nil {
		return view, fmt.Errorf("showing an integration: %w", err)
	}
	return view, nil
}

func removeIntegration(c *call) (int, any, error) {
	err := c.panel.Link.RemoveIntegration(c.ctx(), c.user, c.book.ID, c.param("integrationId"))
	return http.StatusOK, done{}, err
}

func pending(c *call) (int, any, error) {
	id := c.param("integrationId")
	var rows ledger.PendingRows
	err := c.panel.Engine.View(c.ctx(), func(tx store.Tx) error {
		if _, err := c.records().Integrations.Get(tx, store.Key(c.book.ID, id)); err != nil {
			return err
		}
		var err error
		rows, _, err = c.records().Pending.Find(tx, store.Key(id))
		return err
	})
	if err != nil {
		return 0, nil, notFound(err, "integration")
	}
	view := pendingView{At: rows.At, Rows: []pendingRowView{}}
	for _, r := range rows.Rows {
		view.Rows = append(view.Rows, pendingRowView{
			Date: r.Date, Amount: decimal(r.Amount), Currency: string(r.Amount.Currency()), Text: r.Description,
		})
	}
	return http.StatusOK, view, nil
}

// runID names a run within its book: when it started, and its own id.
func runID(r ledger.Run) string {
	return strconv.FormatInt(r.StartedAt.UnixMilli(), 10) + "-" + r.ID
}

func runKey(bookID, id string) (string, error) {
	milli, rest, ok := strings.Cut(id, "-")
	n, err := strconv.ParseInt(milli, 10, 64)
	if !ok || err != nil || n < 0 || rest == "" {
		return "", errs.New(errs.NotFound, "There is no such run.")
	}
	return ledger.RunKey(bookID, time.UnixMilli(n), rest), nil
}

func runs(c *call) (int, any, error) {
	span, err := page(store.Below(c.book.ID), c.query("cursor"))
	if err != nil {
		return 0, nil, err
	}
	span.Limit = mostRuns + 1
	view := runsView{Runs: []runView{}}
	err = c.panel.Engine.View(c.ctx(), func(tx store.Tx) error {
		view = runsView{Runs: []runView{}}
		return c.records().Runs.Scan(tx, span, func(id string, r ledger.Run) (bool, error) {
			if len(view.Runs) == mostRuns {
				view.Next = cursor(id)
				return false, nil
			}
			view.Runs = append(view.Runs, viewRun(r))
			return true, nil
		})
	})
	if err != nil {
		return 0, nil, fmt.Errorf("listing runs: %w", err)
	}
	return http.StatusOK, view, nil
}

func run(c *call) (int, any, error) {
	key, err := runKey(c.book.ID, c.param("runId"))
	if err != nil {
		return 0, nil, err
	}
	_, id, _ := strings.Cut(c.param("runId"), "-")
	span, err := page(store.Below(id), c.query("cursor"))
	if err != nil {
		return 0, nil, err
	}
	span.Limit = mostJournalPages + 1
	var view runDetailView
	err = c.panel.Engine.View(c.ctx(), func(tx store.Tx) error {
		view = runDetailView{Lines: []lineView{}}
		r, err := c.records().Runs.Get(tx, key)
		if err != nil {
			return err
		}
		view.Run = viewRun(r)
		if c.query("cursor") == "" {
			if view.Undoable, err = undoable(tx, c.records(), r); err != nil {
				return err
			}
		}
		pages := 0
		return c.records().Journal.Scan(tx, span, func(id string, p ledger.JournalPage) (bool, error) {
			if pages == mostJournalPages {
				view.Next = cursor(id)
				return false, nil
			}
			pages++
			for _, l := range p.Lines {
				view.Lines = append(view.Lines, viewLine(l))
			}
			return true, nil
		})
	})
	if err != nil {
		return 0, nil, notFound(err, "run")
	}
	return http.StatusOK, view, nil
}

func parked(c *call) (int, any, error) {
	view := parkedView{}
	span := ledger.WorkOf(c.book.ID, ledger.ToUnpark)
	span.Limit = mostParked + 1
	err := c.panel.Engine.View(c.ctx(), func(tx store.Tx) error {
		view = parkedView{Rows: []parkedRowView{}}
		var refs []string
		err := c.records().Work.Scan(tx, span, func(_ string, ref ledger.Ref) (bool, error) {
			refs = append(refs, ref.RemoteID)
			return true, nil
		})
		if err != nil {
			return err
		}
		if len(refs) > mostParked {
			refs, view.More = refs[:mostParked], true
		}
		for _, remoteID := range refs {
			key, ok := ledger.EntryKey(c.book.ID, remoteID)
			if !ok {
				continue
			}
			e, found, err := c.records().Entries.Find(tx, key)
			if err != nil {
				return err
			}
			if !found || e.State != ledger.Parked {
				continue
			}
			view.Rows = append(view.Rows, parkedRowView{
				RemoteID: e.RemoteID, AccountID: e.AccountID, Date: e.Row.Date, Amount: decimal(e.Row.Amount),
				Currency: string(e.Row.Amount.Currency()), Text: e.Row.Description, Problem: viewProblem(e.Problem), Tries: e.Tries,
			})
		}
		return nil
	})
	if err != nil {
		return 0, nil, fmt.Errorf("listing parked rows: %w", err)
	}
	return http.StatusOK, view, nil
}

func retryParked(c *call) (int, any, error) {
	// Whoever presses this may be another than the one whose rights were lost.
	n, err := c.panel.Retrier.RetryParked(c.ctx(), c.book.ID)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, retriedView{n}, nil
}

func uploadStatement(c *call) (int, any, error) {
	accountID, name := c.query("accountId"), c.query("name")
	if accountID == "" || name == "" || len(name) > 255 {
		return 0, nil, errs.New(errs.Invalid, "Say which account of the book the statement belongs to, and the name of the file.")
	}
	content, err := io.ReadAll(http.MaxBytesReader(c.c.Writer, c.c.Request.Body, largestFile))
	switch {
	case isTooLarge(err):
		return 0, nil, errs.Wrap(errs.Invalid, err, "The file is larger than 20 MB. Export a shorter period.")
	case err != nil:
		return 0, nil, errs.Wrap(errs.Invalid, err, "The file did not arrive whole. Send it again.")
	case len(content) == 0:
		return 0, nil, errs.New(errs.Invalid, "The file is empty.")
	}
	if err := c.panel.Keeper.Remember(c.ctx(), c.user); err != nil {
		return 0, nil, err
	}
	started, err := c.panel.Importer.Import(c.ctx(), c.user.ID, c.book.ID, accountID, name, content)
	if err != nil {
		return 0, nil, err
	}
	view := startedView{Runs: []runView{}}
	for _, r := range started {
		view.Runs = append(view.Runs, viewRun(r))
	}
	return http.StatusAccepted, view, nil
}

func deadLetters(c *call) (int, any, error) {
	bookID := c.query("bookId")
	if err := c.open(bookID, false); err != nil {
		return 0, nil, err
	}
	own, err := c.panel.Link.Connections(c.ctx(), c.user)
	if err != nil {
		return 0, nil, err
	}
	letters, err := c.panel.DeadLetters.Dead(c.ctx(), mostDead)
	if err != nil {
		return 0, nil, err
	}
	view := deadView{Letters: []letterView{}}
	for _, l := range letters {
		about := c.panel.About(l)
		mine := about.BookID == bookID || slices.ContainsFunc(own, func(o ledger.Connection) bool { return o.ID == about.ConnectionID })
		if mine && len(view.Letters) < mostLetters {
			view.Letters = append(view.Letters, letterView{
				ID: base64.RawURLEncoding.EncodeToString([]byte(l.ID)), Kind: l.Kind, Attempts: l.Attempts,
				Code: string(l.Code), Reason: l.Reason, Published: l.Published, Died: l.Died,
			})
		}
	}
	return http.StatusOK, view, nil
}

func replay(c *call) (int, any, error) {
	none := errs.New(errs.NotFound, "There is nothing of that id to try again.")
	id, err := base64.RawURLEncoding.DecodeString(c.param("letterId"))
	if err != nil {
		return 0, nil, none
	}
	letters, err := c.panel.DeadLetters.Dead(c.ctx(), mostDead)
	if err != nil {
		return 0, nil, err
	}
	at := slices.IndexFunc(letters, func(l queue.DeadLetter) bool { return l.ID == string(id) })
	if at < 0 {
		return 0, nil, none
	}
	switch about := c.panel.About(letters[at]); {
	case about.BookID != "":
		if err := c.open(about.BookID, true); err != nil {
			return 0, nil, none
		}
	case about.ConnectionID != "":
		if _, err := c.panel.Link.Connection(c.ctx(), c.user, about.ConnectionID); err != nil {
			return 0, nil, none
		}
	default:
		return 0, nil, none
	}
	return http.StatusAccepted, done{}, c.panel.DeadLetters.Replay(c.ctx(), string(id))
}

// page narrows a span to what follows a cursor.
func page(span store.Span, cursor string) (store.Span, error) {
	if cursor == "" {
		return span, nil
	}
	from, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || string(from) < span.From || string(from) >= span.To {
		return span, errs.New(errs.Invalid, "This cursor is not one of this list.")
	}
	span.From = string(from)
	return span, nil
}

func cursor(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

func notFound(err error, what string) error {
	if errors.Is(err, store.ErrNotFound) {
		return errs.Wrap(errs.NotFound, err, "There is no such "+what+".")
	}
	return err
}

// today is the caller's calendar date if it can be one, else that of UTC.
func (c *call) today() (bank.Date, error) {
	here := bank.DateOf(c.panel.Now().UTC())
	today, err := optionalDate("today", c.query("today"))
	if err != nil || today.IsZero() {
		return here, err
	}
	if days := today.Sub(here); days < -1 || days > 1 {
		return here, errs.New(errs.Invalid, "The clock of this device is wrong: "+today.String()+" is not today.")
	}
	return today, nil
}

func optionalDate(name, text string) (bank.Date, error) {
	if text == "" {
		return bank.Date{}, nil
	}
	d, err := bank.ParseDate(text)
	if err != nil {
		return d, errs.Wrap(errs.Invalid, err, name+" must be a date such as 2026-01-31.")
	}
	return d, nil
}

// decode reads the JSON body of a request into v, strictly.
func (c *call) decode(v any) error {
	kind, _, err := mime.ParseMediaType(c.c.GetHeader("Content-Type"))
	if err != nil || kind != "application/json" {
		return errs.New(errs.Invalid, "The body must be JSON, with the content type application/json.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.c.Writer, c.c.Request.Body, largestJSON))
	if isTooLarge(err) {
		return errs.Wrap(errs.Invalid, err, "The body of this request is too large.")
	}
	if err != nil {
		return errs.Wrap(errs.Invalid, err, "The body of this request did not arrive whole.")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return errs.Wrap(errs.Invalid, err, jsonSentence(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errs.New(errs.Invalid, "The body holds more than one JSON value.")
	}
	return nil
}

func jsonSentence(err error) string {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		return fmt.Sprintf("The field %.60q has the wrong kind of value.", wrongType.Field)
	}
	if _, field, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return fmt.Sprintf("There is no field %.60s here.", field)
	}
	return "The body is not JSON of the form that is wanted here."
}

func isTooLarge(err error) bool {
	var tooLarge *http.MaxBytesError
	return errors.As(err, &tooLarge)
}
