package demo

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

// What opens the stand-ins.
const (
	user     = "demo"
	password = "demo"
	oneTime  = "123456"
)

// approvalTakes is how long the stand-in waits before it approves a sign-in by
// itself, as a person would do in the bank's app.
const approvalTakes = 15 * time.Second

// grantLasts is how long the person may take from the bank's page back to the
// app.
const grantLasts = 10 * time.Minute

// link is what an authorization holds.
type link struct {
	Version     int    `json:"v"`
	Institution string `json:"institution"`
	Token       string `json:"token"` // of this link only
	Linked      moment `json:"linked"`
}

// ref names the link without giving away its token.
func (l link) ref() uint64 { return mix(hashText(l.Token), hashText(l.Institution)) | 1 }

// open reads an authorization and sees whether the institution lets it in.
func (c *Connector) open(auth seal.Secret) (link, error) {
	var l link
	inst := (*institution)(nil)
	if err := json.Unmarshal([]byte(auth.Reveal()), &l); err == nil && l.Version == 1 {
		inst = findInstitution(l.Institution)
	}
	if inst == nil || l.Token == "" {
		// The cause could quote the secret: it is left out.
		return link{}, errs.New(errs.NeedsReauth, "")
	}
	c.mu.Lock()
	revoked := c.revoked[l.ref()]
	c.mu.Unlock()
	now := c.deps.Now()
	if expires := inst.expires(l.Linked.time()); revoked || !expires.IsZero() && !now.Before(expires) {
		return link{}, errs.New(errs.NeedsReauth, "")
	}
	if inst.out {
		return link{}, outage(inst, 5*time.Minute)
	}
	if wait, asleep := inst.asleep(c.cfg.Opened, now); asleep {
		return link{}, outage(inst, wait)
	}
	return l, nil
}

func outage(inst *institution, after time.Duration) error {
	return &errs.Error{Code: errs.InstitutionDown, Public: inst.name + " is not answering. It will be tried again.", After: after}
}

func (i *institution) expires(linked time.Time) time.Time {
	if i.consent == 0 {
		return time.Time{}
	}
	return linked.Add(i.consent)
}

// progress is where a person stands on the way in.
type progress struct {
	Version     int    `json:"v"`
	Institution string `json:"institution"`
	Request     string `json:"request"`           // names the way in on the bank's page
	Approve     moment `json:"approve,omitempty"` // set: waits for the approval from then on
}

// BeginLink implements connectors.Linker.
func (c *Connector) BeginLink(ctx context.Context, req connectors.LinkRequest) (connectors.LinkStep, error) {
	if err := ctx.Err(); err != nil {
		return connectors.LinkStep{}, err
	}
	inst := findInstitution(req.Institution)
	if inst == nil || inst.country != req.Country {
		return connectors.LinkStep{}, errs.New(errs.NotFound, "There is no such demo bank in that country.")
	}
	request, err := c.token()
	if err != nil {
		return connectors.LinkStep{}, err
	}
	p := progress{Version: 1, Institution: inst.id, Request: request}
	if inst.wayIn == byRedirect {
		page, err := c.signInURL(inst, request, req.ReturnURL)
		if err != nil {
			return connectors.LinkStep{}, err
		}
		return p.step(connectors.LinkStep{Redirect: page})
	}
	return p.step(connectors.LinkStep{Form: &connectors.Form{
		Title: "Sign in to " + inst.name,
		Help:  `This bank is made up: the user is "demo" and the password is "demo".`,
		Fields: []connectors.Field{
			{Name: "user", Label: "User"},
			{Name: "password", Label: "Password", Secret: true},
		},
	}})
}

func (p progress) step(step connectors.LinkStep) (connectors.LinkStep, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return connectors.LinkStep{}, fmt.Errorf("writing the progress: %w", err)
	}
	step.Progress = seal.NewSecret(string(text))
	return step, nil
}

// ContinueLink implements connectors.Linker.
func (c *Connector) ContinueLink(ctx context.Context, data []byte, answer map[string]string) (connectors.LinkStep, error) {
	if err := ctx.Err(); err != nil {
		return connectors.LinkStep{}, err
	}
	var p progress
	if err := json.Unmarshal(data, &p); err != nil || p.Version != 1 || findInstitution(p.Institution) == nil {
		return connectors.LinkStep{}, errs.New(errs.Invalid, "This sign-in cannot be continued. Start it again.")
	}
	inst := findInstitution(p.Institution)
	switch {
	case inst.wayIn == byRedirect:
		if err := c.checkGrant(inst, p.Request, answer); err != nil {
			return connectors.LinkStep{}, err
		}
	case p.Approve != never:
		if wait := approvalTakes - c.deps.Now().Sub(p.Approve.time()); wait > 0 {
			return connectors.LinkStep{}, &errs.Error{Code: errs.UserActionAtBank, After: wait, Public: inst.name +
				" asks you to approve this sign-in in its app first. (This stand-in approves by itself after some seconds.) Then continue."}
		}
	case answer["user"] != user || answer["password"] != password:
		return connectors.LinkStep{}, errs.New(errs.InvalidCredentials, inst.name+
			" refused these credentials. Look for extra spaces, capital letters and punctuation, and try again.")
	case inst.out:
		return connectors.LinkStep{}, outage(inst, 5*time.Minute)
	case inst.wayIn == byApproval:
		p.Approve = momentOf(c.deps.Now())
		return p.step(connectors.LinkStep{Form: &connectors.Form{
			Title: "Approve in the app of " + inst.name,
			Help:  "Open the bank's app, approve the sign-in, then continue here. This stand-in approves by itself after 15 seconds.",
		}})
	}
	return c.authorize(inst, p)
}

func (c *Connector) authorize(inst *institution, p progress) (connectors.LinkStep, error) {
	token, err := c.token()
	if err != nil {
		return connectors.LinkStep{}, err
	}
	l := link{Version: 1, Institution: inst.id, Token: token, Linked: momentOf(c.deps.Now())}
	text, err := json.Marshal(l)
	if err != nil {
		return connectors.LinkStep{}, fmt.Errorf("writing the authorization: %w", err)
	}
	return p.step(connectors.LinkStep{Done: &connectors.Authorization{
		Secret: seal.NewSecret(string(text)), Expires: inst.expires(l.Linked.time()),
	}})
}

// Revoke implements connectors.Revoker.
func (c *Connector) Revoke(ctx context.Context, auth seal.Secret) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var l link
	if err := json.Unmarshal([]byte(auth.Reveal()), &l); err != nil || l.Token == "" {
		return nil // it opens nothing
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revoked[l.ref()] = true
	return nil
}

func (c *Connector) token() (string, error) {
	var nonce [16]byte
	if _, err := io.ReadFull(c.deps.Rand, nonce[:]); err != nil {
		return "", fmt.Errorf("drawing a nonce: %w", err)
	}
	return hex.EncodeToString(nonce[:]), nil
}

// signInURL is the bank's own page for one way in.
func (c *Connector) signInURL(inst *institution, request, back string) (string, error) {
	base := *c.bankURL.Load()
	if base == "" {
		return "", errs.Wrap(errs.Config, errors.New("the URL of the demo bank's own page is not set"), "")
	}
	if !c.mayReturn(back) {
		return "", errs.Wrap(errs.Config, fmt.Errorf("the demo bank sends nobody to %.100q: neither its own host nor loopback", back), "")
	}
	query := url.Values{"institution": {inst.id}, "request": {request}, "return": {back}}
	return base + "/signin?" + query.Encode(), nil
}

// mayReturn reports whether the bank's page sends people to that address: only
// to its own host and to this machine, so that it cannot be used to send them
// anywhere.
func (c *Connector) mayReturn(back string) bool {
	to, err := url.Parse(back)
	if err != nil || to.User != nil || to.Scheme != "http" && to.Scheme != "https" {
		return false
	}
	base, err := url.Parse(*c.bankURL.Load())
	if err == nil && base.Host == to.Host && to.Host != "" {
		return true
	}
	switch to.Hostname() {
	case "127.0.0.1", "::1", "localhost":
		return true
	}
	return false
}

// grant is what the bank's page sends back with the person: proof that they
// signed in there, for one request.
func (c *Connector) grant(inst *institution, request string, at time.Time) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, strconv.AppendUint([]byte("demo bank grant "), c.cfg.Seed, 16))
	_, _ = io.WriteString(mac, inst.id+"\n"+request+"\n"+stamp) // a hash takes all
	return stamp + "." + hex.EncodeToString(mac.Sum(nil))
}

func (c *Connector) checkGrant(inst *institution, request string, answer map[string]string) error {
	stamp, _, _ := strings.Cut(answer["code"], ".")
	unix, err := strconv.ParseInt(stamp, 10, 64)
	at := time.Unix(unix, 0)
	if err != nil || !hmac.Equal([]byte(c.grant(inst, request, at)), []byte(answer["code"])) || c.deps.Now().Sub(at) > grantLasts {
		return errs.New(errs.InvalidCredentials, inst.name+" did not confirm the sign-in. Start it again.")
	}
	return nil
}
