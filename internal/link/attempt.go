package link

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/identity"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
)

const (
	attemptLasts  = 15 * time.Minute
	mostAttempts  = 50 // of one user at a time
	mostFields    = 20
	longestAnswer = 4096
	stateParam    = "state"
)

// BeginRequest says which bank a person wants to sign in at.
type BeginRequest struct {
	BookID          string // whose panel the person is in
	Connector       string
	Institution     string // its id
	Country         string
	PrivacyAccepted bool
	Since           bank.Date // the first day the person will want, as far as known
	Language        string    // BCP 47
	// Reconnect is the connection to renew. Connector, institution and country
	// are then those of the connection.
	Reconnect string
}

// Begin starts a sign-in at a bank. The attempt says what the person must do
// first; it is good for 15 minutes, and for this user only.
func (s *Service) Begin(ctx context.Context, user identity.User, req BeginRequest) (ledger.Attempt, error) {
	if !req.PrivacyAccepted {
		return ledger.Attempt{}, errs.New(errs.Invalid, "Read and accept the privacy notice first.")
	}
	if err := s.sweep(ctx, user.ID); err != nil {
		return ledger.Attempt{}, fmt.Errorf("beginning a sign-in: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectorDeadline)
	defer cancel()

	now := s.Now()
	attempt := ledger.Attempt{
		ID: owned(user.ID) + s.NewID(), UserID: user.ID, BookID: req.BookID,
		Connector: req.Connector, Country: req.Country,
		PrivacyAccepted: now, Expires: now.Add(attemptLasts),
	}
	var old seal.Secret
	if req.Reconnect != "" {
		connection, err := s.own(ctx, user, req.Reconnect)
		if err != nil {
			return ledger.Attempt{}, err
		}
		attempt.ConnectionID, attempt.Connector = connection.ID, connection.Connector
		attempt.Institution, attempt.Country = connection.Institution, connection.Country
		if old, err = s.secret(ctx, connection); err != nil {
			return ledger.Attempt{}, err
		}
	}
	connector, linker, err := s.linker(attempt.Connector)
	if err != nil {
		return ledger.Attempt{}, err
	}
	if req.Reconnect == "" {
		attempt.Institution, err = institution(ctx, connector, req.Country, req.Institution)
		if err != nil {
			return ledger.Attempt{}, err
		}
	}
	attempt.ReturnState = attempt.ID + "." + s.NewID()
	step, err := linker.BeginLink(ctx, connectors.LinkRequest{
		Institution: attempt.Institution.ID, Country: attempt.Country, UserRef: userRef(user.ID),
		Since: req.Since, Language: req.Language, Reconnect: old,
		ReturnURL: s.ReturnURL() + "?" + url.Values{stateParam: {attempt.ReturnState}}.Encode(),
	})
	if err != nil {
		return ledger.Attempt{}, fmt.Errorf("beginning a sign-in at %s: %w", attempt.Institution.ID, err)
	}
	if step.Done != nil {
		// There was nothing to ask, as when a renewal needs no person.
		if err := s.Records.Attempts.Save(ctx, s.Engine, store.Key(attempt.ID), attempt); err != nil {
			return ledger.Attempt{}, fmt.Errorf("keeping a sign-in: %w", err)
		}
		return s.finish(ctx, attempt, *step.Done)
	}
	if err := s.take(ctx, &attempt, step); err != nil {
		return ledger.Attempt{}, err
	}
	if err := s.Records.Attempts.Save(ctx, s.Engine, store.Key(attempt.ID), attempt); err != nil {
		return ledger.Attempt{}, fmt.Errorf("keeping a sign-in: %w", err)
	}
	return attempt, nil
}

// Attempt returns a sign-in of the user.
func (s *Service) Attempt(ctx context.Context, user identity.User, id string) (ledger.Attempt, error) {
	attempt, err := s.Records.Attempts.Load(ctx, s.Engine, store.Key(id))
	if err == nil && attempt.UserID != user.ID {
		err = store.ErrNotFound
	}
	if err != nil {
		return ledger.Attempt{}, fmt.Errorf("loading a sign-in: %w", gone(err, "sign-in"))
	}
	return attempt, nil
}

// Answer takes the person's answer to the form of an attempt. If the bank
// refuses it the attempt stays at its step, and the error says so. An attempt
// that is done stays done.
func (s *Service) Answer(ctx context.Context, user identity.User, id string, answer map[string]string) (ledger.Attempt, error) {
	return s.answer(ctx, user, id, func(a ledger.Attempt) error {
		if a.Step.Redirect != "" {
			return errs.New(errs.Conflict, "Go on in the bank's own window.")
		}
		return checkAnswer(a.Step.Fields, answer)
	}, answer)
}

// Return takes up an attempt when the person comes back from the bank's own
// page, with the query of the address they came back to. The state in it is
// good once. An attempt that the bank has refused cannot go on: its Problem
// says why.
func (s *Service) Return(ctx context.Context, user identity.User, query url.Values) (ledger.Attempt, error) {
	state := query.Get(stateParam)
	id, _, _ := strings.Cut(state, ".")
	attempt, err := s.Attempt(ctx, user, id)
	if err == nil && subtle.ConstantTimeCompare([]byte(attempt.ReturnState), []byte(state)) != 1 {
		err = errs.New(errs.NotFound, "")
	}
	if errs.Is(err, errs.NotFound) || errors.Is(err, store.ErrBadName) {
		return ledger.Attempt{}, errs.Wrap(errs.NotFound, err,
			"This sign-in did not begin here, or belongs to another user. Go back to the panel and start again.")
	}
	if err != nil {
		return ledger.Attempt{}, err
	}
	answer := make(map[string]string, len(query))
	for name := range query {
		if name != stateParam {
			answer[name] = query.Get(name)
		}
	}
	return s.answer(ctx, user, id, func(a ledger.Attempt) error {
		if a.Step.Redirect == "" {
			return errs.New(errs.Conflict, "You have come back from the bank already. Go on in the panel.")
		}
		return checkSizes(answer)
	}, answer)
}

func (s *Service) answer(
	ctx context.Context, user identity.User, id string, check func(ledger.Attempt) error, answer map[string]string,
) (ledger.Attempt, error) {
	attempt, err := s.Attempt(ctx, user, id)
	if err != nil {
		return ledger.Attempt{}, err
	}
	if attempt.Done != "" {
		return attempt, nil
	}
	// From here on the attempt is ours, until it goes on or its time is over.
	err = s.Records.Attempts.Update(ctx, s.Engine, store.Key(id), func(a ledger.Attempt) (ledger.Attempt, error) {
		attempt = a
		now := s.Now()
		switch {
		case a.Done != "":
			return a, nil
		case a.Problem != nil:
			return a, errs.New(a.Problem.Code, a.Problem.Sentence)
		case !now.Before(a.Expires):
			return a, errs.New(errs.Conflict, "This sign-in took longer than 15 minutes and has expired. Start again.")
		case now.Before(a.Busy):
			return a, errs.New(errs.Conflict, "The bank is still working on your last answer. One moment.")
		}
		if err := check(a); err != nil {
			return a, err
		}
		a.Busy = now.Add(connectorDeadline)
		return a, nil
	})
	if err != nil {
		return attempt, fmt.Errorf("answering a step of a sign-in: %w", gone(err, "sign-in"))
	}
	if attempt.Done != "" {
		return attempt, nil
	}
	// A person who closes the page must not leave a step half done.
	ctx = context.WithoutCancel(ctx)
	after, over, err := s.goOn(ctx, attempt, answer)
	if err != nil {
		return s.release(ctx, attempt, over, err)
	}
	return after, nil
}

// goOn hands the answer to the connector and keeps what follows. With an
// error, over says that the step cannot be answered again.
func (s *Service) goOn(ctx context.Context, attempt ledger.Attempt, answer map[string]string) (_ ledger.Attempt, over bool, _ error) {
	asking, cancel := context.WithTimeout(ctx, connectorDeadline)
	defer cancel()
	_, linker, err := s.linker(attempt.Connector)
	if err != nil {
		return attempt, true, err
	}
	progress, err := s.Sealer.Open(ctx, attempt.Progress, ledger.ProgressContext(attempt.ID))
	if err != nil {
		return attempt, true, fmt.Errorf("unsealing a sign-in: %w", err)
	}
	step, err := linker.ContinueLink(asking, progress, answer)
	if err != nil {
		// What the bank's own page has answered is good once, a form is not.
		over := attempt.Step.Redirect != "" && !errs.Transient(err)
		return attempt, over, fmt.Errorf("signing in at %s: %w", attempt.Institution.ID, err)
	}
	if step.Done != nil {
		after, err := s.finish(asking, attempt, *step.Done)
		return after, true, err
	}
	if err := s.take(ctx, &attempt, step); err != nil {
		return attempt, true, err
	}
	attempt.Busy = time.Time{}
	if err := s.Records.Attempts.Save(ctx, s.Engine, store.Key(attempt.ID), attempt); err != nil {
		return attempt, true, fmt.Errorf("keeping a sign-in: %w", err)
	}
	return attempt, false, nil
}

// release gives an attempt back after an error: to be answered again, or over.
func (s *Service) release(ctx context.Context, attempt ledger.Attempt, over bool, cause error) (ledger.Attempt, error) {
	err := s.Records.Attempts.Update(ctx, s.Engine, store.Key(attempt.ID), func(a ledger.Attempt) (ledger.Attempt, error) {
		a.Busy = time.Time{}
		if over && a.Done == "" {
			a.Problem, a.Progress = s.problemOf(cause), nil
		}
		attempt = a
		return a, nil
	})
	return attempt, errors.Join(cause, err)
}

// take makes a connector's step the step of the attempt.
func (s *Service) take(ctx context.Context, attempt *ledger.Attempt, step connectors.LinkStep) error {
	next := ledger.Step{}
	switch {
	case step.Form != nil:
		next.Title, next.Help = step.Form.Title, step.Form.Help
		for _, f := range step.Form.Fields {
			next.Fields = append(next.Fields, ledger.Field(f))
		}
	case step.Redirect != "":
		if !mayRedirect(step.Redirect) {
			return fmt.Errorf("%s sends people to an address that is not https", attempt.Connector)
		}
		next.Redirect = step.Redirect
	default:
		return fmt.Errorf("%s returned a step without anything to do", attempt.Connector)
	}
	progress, err := s.Sealer.Seal(ctx, []byte(step.Progress.Reveal()), ledger.ProgressContext(attempt.ID))
	if err != nil {
		return fmt.Errorf("sealing a sign-in: %w", err)
	}
	attempt.Progress, attempt.Step = progress, next
	return nil
}

// mayRedirect reports whether people may be sent to that address: over https,
// or to this machine itself, as where the demo bank is.
func mayRedirect(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	here := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && here
}

func checkAnswer(fields []ledger.Field, answer map[string]string) error {
	for _, f := range fields {
		if strings.TrimSpace(answer[f.Name]) == "" {
			return errs.New(errs.Invalid, "Fill in “"+f.Label+"”.")
		}
	}
	for name := range answer {
		if !slices.ContainsFunc(fields, func(f ledger.Field) bool { return f.Name == name }) {
			return errs.New(errs.Invalid, "This answers a question that the bank has not asked.")
		}
	}
	return checkSizes(answer)
}

func checkSizes(answer map[string]string) error {
	if len(answer) > mostFields {
		return errs.New(errs.Invalid, "This answer has too many parts.")
	}
	for _, text := range answer {
		if len(text) > longestAnswer {
			return errs.New(errs.Invalid, "This answer is too long.")
		}
	}
	return nil
}

func institution(ctx context.Context, c connectors.Connector, country, id string) (bank.Institution, error) {
	if !slices.Contains(c.Info().Countries, country) {
		return bank.Institution{}, errs.New(errs.Invalid, "This bank is not in that country.")
	}
	all, err := c.Institutions(ctx, country)
	if err != nil {
		return bank.Institution{}, fmt.Errorf("banks of %s in %s: %w", c.Info().ID, country, err)
	}
	for _, i := range all {
		if i.ID == id {
			return i, nil
		}
	}
	return bank.Institution{}, errs.New(errs.NotFound, "There is no such bank in that country.")
}

// sweep forgets the user's attempts whose time is over.
func (s *Service) sweep(ctx context.Context, userID string) error {
	return s.Engine.Update(ctx, func(tx store.Tx) error {
		var over []string
		live := 0
		err := s.Records.Attempts.Scan(tx, store.Prefix(store.Key(owned(userID))), func(id string, a ledger.Attempt) (bool, error) {
			if s.Now().Before(a.Expires) {
				live++
			} else {
				over = append(over, id)
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		if live >= mostAttempts {
			return &errs.Error{Code: errs.RateLimited, Public: "You have begun too many sign-ins. Wait some minutes, then try again.", After: attemptLasts}
		}
		for _, id := range over {
			if err := s.Records.Attempts.Delete(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}
