package link_test

import (
	"bytes"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/identity"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/link"
	"github.com/bank-connections/bkper-bot/internal/store"
)

func TestPeriods(t *testing.T) {
	ids := func(periods []link.Period) string {
		var all []string
		for _, p := range periods {
			all = append(all, p.ID+" "+p.Since.String())
		}
		return strings.Join(all, ", ")
	}
	for _, c := range []struct {
		claim   string
		today   bank.Date
		history int
		want    string
	}{
		{
			"all choices where the bank does not say how far back it tells", bank.NewDate(2026, 11, 22), 0,
			"today 2026-11-22, 30-days 2026-10-23, 90-days 2026-08-24, this-year 2026-01-01, all 2024-11-22",
		},
		{
			"what the bank does not tell is not offered", bank.NewDate(2026, 11, 22), 60,
			"today 2026-11-22, 30-days 2026-10-23, all 2026-09-23",
		},
		{
			"on the first day of a year", bank.NewDate(2027, 1, 1), 730,
			"today 2027-01-01, 30-days 2026-12-02, 90-days 2026-10-03, this-year 2027-01-01, all 2025-01-01",
		},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if got := ids(link.Periods(c.today, c.history)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestInstitutionsAreFoundWithoutCaseAndAccents(t *testing.T) {
	b := newBench(t)
	for query, want := range map[string]int{"": 2, "ITAU": 1, "banco": 2, "brasil banco": 1, "nubank": 0} {
		found, more, err := b.Institutions(t.Context(), "BR", query)
		if err != nil || more || len(found) != want {
			t.Errorf("%q finds %v, %v, %v", query, found, more, err)
		}
	}
	_, _, err := b.Institutions(t.Context(), "FR", "")
	wantCode(t, err, errs.Invalid)
	if got := b.Countries(); !cmp.Equal(got, []string{"BR", "DE"}) {
		t.Errorf("countries %v", got)
	}
}

func TestASignInWithAForm(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	attempt, err := b.begin(owner, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.bank.wrong = errs.New(errs.InvalidCredentials, "")
	refused, err := b.Answer(ctx, owner, attempt.ID, credentials)
	wantCode(t, err, errs.InvalidCredentials)
	if len(refused.Step.Fields) != 2 || refused.Problem != nil {
		t.Errorf("after wrong credentials: %+v", refused)
	}
	b.bank.wrong = nil
	code, err := b.Answer(ctx, owner, attempt.ID, map[string]string{"user": "careful", "password": "x"})
	if err != nil || code.Step.Title != "Code" || code.Done != "" {
		t.Fatalf("second step: %+v, %v", code, err)
	}
	done, err := b.Answer(ctx, owner, attempt.ID, map[string]string{"otp": "123"})
	if err != nil || done.Done == "" {
		t.Fatalf("done: %+v, %v", done, err)
	}
	again, err := b.Answer(ctx, owner, attempt.ID, map[string]string{"otp": "123"})
	if err != nil || again.Done != done.Done {
		t.Errorf("answered again: %+v, %v", again, err)
	}
	all, err := b.Connections(ctx, owner)
	if err != nil || len(all) != 1 || len(all[0].Accounts) != 2 || all[0].Status != ledger.Connected || all[0].Secret != nil {
		t.Errorf("connections: %+v, %v", all, err)
	}
	if !cmp.Equal(b.wake.synced, []string{done.Done}) {
		t.Errorf("synced %v", b.wake.synced)
	}
}

func TestWhatABeginningNeeds(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		claim  string
		change func(*link.BeginRequest)
		code   errs.Code
	}{
		{"the privacy notice is accepted", func(r *link.BeginRequest) { r.PrivacyAccepted = false }, errs.Invalid},
		{"a connector", func(r *link.BeginRequest) { r.Connector = "none" }, errs.NotFound},
		{"a bank of that country", func(r *link.BeginRequest) { r.Country = "DE" }, errs.NotFound},
		{"a country of the connector", func(r *link.BeginRequest) { r.Country = "FR" }, errs.Invalid},
		{"a connection of one's own to reconnect", func(r *link.BeginRequest) { r.Reconnect = "x" }, errs.NotFound},
	} {
		t.Run(c.claim, func(t *testing.T) {
			_, err := b.begin(owner, c.change)
			wantCode(t, err, c.code)
			if len(b.bank.requests) != 0 {
				t.Error("the bank was asked")
			}
		})
	}
}

func TestWhatAnAnswerNeeds(t *testing.T) {
	for _, c := range []struct {
		claim  string
		who    identity.User
		answer map[string]string
		later  time.Duration
		code   errs.Code
	}{
		{"all fields", owner, map[string]string{"user": "ann"}, 0, errs.Invalid},
		{"more than white space", owner, map[string]string{"user": "ann", "password": "  "}, 0, errs.Invalid},
		{"no other field", owner, map[string]string{"user": "a", "password": "b", "admin": "c"}, 0, errs.Invalid},
		{"a sensible length", owner, map[string]string{"user": "a", "password": strings.Repeat("x", 5000)}, 0, errs.Invalid},
		{"the user who began", editor, credentials, 0, errs.NotFound},
		{"to come within 15 minutes", owner, credentials, 15 * time.Minute, errs.Conflict},
	} {
		t.Run(c.claim, func(t *testing.T) {
			b := newBench(t)
			attempt, err := b.begin(owner, nil)
			if err != nil {
				t.Fatal(err)
			}
			b.now = b.now.Add(c.later)
			_, err = b.Answer(t.Context(), c.who, attempt.ID, c.answer)
			wantCode(t, err, c.code)
			if len(b.bank.answers) != 0 {
				t.Error("the bank was asked")
			}
		})
	}
}

func TestADoubleClickConnectsOnce(t *testing.T) {
	b := newBench(t)
	attempt, err := b.begin(owner, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.bank.entered, b.bank.leave = make(chan struct{}), make(chan struct{})
	var first error
	var wait sync.WaitGroup
	wait.Go(func() { _, first = b.Answer(t.Context(), owner, attempt.ID, credentials) })
	<-b.bank.entered
	_, second := b.Answer(t.Context(), owner, attempt.ID, credentials)
	close(b.bank.leave)
	wait.Wait()
	if first != nil {
		t.Error(first)
	}
	wantCode(t, second, errs.Conflict)
	if all, err := b.Connections(t.Context(), owner); err != nil || len(all) != 1 {
		t.Errorf("%d connections, %v", len(all), err)
	}
}

func TestASignInOnTheBanksOwnPage(t *testing.T) {
	page := func(r *link.BeginRequest) { r.Institution, r.Country = "page", "DE" }
	back := func(t *testing.T, b *bench) url.Values {
		t.Helper()
		u, err := url.Parse(b.bank.requests[len(b.bank.requests)-1].ReturnURL)
		if err != nil || u.Host != "app.example" {
			t.Fatalf("return URL %v, %v", u, err)
		}
		query := u.Query()
		query.Set("code", "granted")
		return query
	}
	t.Run("comes back once", func(t *testing.T) {
		b := newBench(t)
		attempt, err := b.begin(owner, page)
		if err != nil || attempt.Step.Redirect == "" {
			t.Fatalf("%+v, %v", attempt, err)
		}
		_, err = b.Answer(t.Context(), owner, attempt.ID, map[string]string{"code": "granted"})
		wantCode(t, err, errs.Conflict)
		done, err := b.Return(t.Context(), owner, back(t, b))
		if err != nil || done.Done == "" {
			t.Fatalf("%+v, %v", done, err)
		}
		if !cmp.Equal(b.bank.answers, []map[string]string{{"code": "granted"}}) {
			t.Errorf("the connector got %v", b.bank.answers)
		}
		again, err := b.Return(t.Context(), owner, back(t, b))
		if err != nil || again.Done != done.Done || len(b.bank.answers) != 1 {
			t.Errorf("the second time: %+v, %v, %d answers", again, err, len(b.bank.answers))
		}
	})
	t.Run("not as another user", func(t *testing.T) {
		b := newBench(t)
		if _, err := b.begin(owner, page); err != nil {
			t.Fatal(err)
		}
		_, err := b.Return(t.Context(), editor, back(t, b))
		wantCode(t, err, errs.NotFound)
		if len(b.bank.answers) != 0 {
			t.Error("the bank was asked")
		}
	})
	t.Run("not with a state that is not ours", func(t *testing.T) {
		b := newBench(t)
		attempt, err := b.begin(owner, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range []string{"", ".", attempt.ID, attempt.ID + ".", attempt.ID + ".id999", strings.Repeat("x", 1000)} {
			_, err := b.Return(t.Context(), owner, url.Values{"state": {state}, "code": {"granted"}})
			wantCode(t, err, errs.NotFound)
		}
	})
	t.Run("a refusal ends it and says why", func(t *testing.T) {
		b := newBench(t)
		attempt, err := b.begin(owner, page)
		if err != nil {
			t.Fatal(err)
		}
		b.bank.wrong = errs.New(errs.InvalidCredentials, "The bank has not confirmed this.")
		_, err = b.Return(t.Context(), owner, back(t, b))
		wantCode(t, err, errs.InvalidCredentials)
		b.bank.wrong = nil
		attempt, err = b.Attempt(t.Context(), owner, attempt.ID)
		if err != nil || attempt.Problem == nil || attempt.Problem.Sentence != "The bank has not confirmed this." || attempt.Progress != nil {
			t.Errorf("%+v, %v", attempt, err)
		}
		_, err = b.Return(t.Context(), owner, back(t, b))
		wantCode(t, err, errs.InvalidCredentials)
	})
	t.Run("an outage can be tried again", func(t *testing.T) {
		b := newBench(t)
		if _, err := b.begin(owner, page); err != nil {
			t.Fatal(err)
		}
		b.bank.wrong = errs.New(errs.InstitutionDown, "")
		_, err := b.Return(t.Context(), owner, back(t, b))
		wantCode(t, err, errs.InstitutionDown)
		b.bank.wrong = nil
		if done, err := b.Return(t.Context(), owner, back(t, b)); err != nil || done.Done == "" {
			t.Errorf("%+v, %v", done, err)
		}
	})
}

func TestSecretsLieSealedOrNotAtAll(t *testing.T) {
	b := newBench(t)
	c := b.connect(owner)
	b.save(owner, c, "k1", "Checking", "2026-11-01")
	if _, err := b.begin(owner, nil); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(b.dir, "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	if at := bytes.Index(file, []byte("canary")); at >= 0 {
		t.Errorf("in the store: %q", file[at:at+40])
	}
	opened, err := b.Sealer.Open(t.Context(), c.Secret, ledger.SecretContext(c.ID))
	if err != nil || string(opened) != "canary-access-1" {
		t.Errorf("opened %q, %v", opened, err)
	}
}

func TestConnectionsAreTheUsersOwn(t *testing.T) {
	b := newBench(t)
	c := b.connect(owner)
	ctx := t.Context()
	if all, err := b.Connections(ctx, editor); err != nil || len(all) != 0 {
		t.Errorf("another user sees %v, %v", all, err)
	}
	day := bank.NewDate(2026, 11, 1)
	for claim, try := range map[string]func() error{
		"look":       func() error { _, err := b.Connection(ctx, editor, c.ID); return err },
		"sync":       func() error { _, err := b.Sync(ctx, editor, c.ID); return err },
		"disconnect": func() error { _, err := b.Disconnect(ctx, editor, c.ID); return err },
		"remove":     func() error { _, err := b.Remove(ctx, editor, c.ID); return err },
		"reconnect": func() error {
			_, err := b.begin(editor, func(r *link.BeginRequest) { r.Reconnect = c.ID })
			return err
		},
		"integrate": func() error {
			_, err := b.SaveIntegration(ctx, editor, "demo", link.SaveRequest{ConnectionID: c.ID, BankKey: "k1", AccountID: b.account("Checking"), Since: day})
			return err
		},
	} {
		t.Run(claim, func(t *testing.T) { wantCode(t, try(), errs.NotFound) })
	}
	if got := b.connection(c.ID); !cmp.Equal(got, c) {
		t.Errorf("something changed: %s", cmp.Diff(c, got))
	}
}

func TestAnIntegrationNeedsTheBooksPermissionAndSense(t *testing.T) {
	b := newBench(t)
	mine, theirs := b.connect(owner), b.connect(viewer)
	good := link.SaveRequest{ConnectionID: mine.ID, BankKey: "k1", AccountID: b.account("Checking"), Since: bank.NewDate(2026, 11, 1)}
	for _, c := range []struct {
		claim  string
		who    identity.User
		book   string
		change func(*link.SaveRequest)
		code   errs.Code
	}{
		{"a viewer may not", viewer, "demo", func(r *link.SaveRequest) { r.ConnectionID = theirs.ID }, errs.Forbidden},
		{"nobody may in a book that is not", owner, "other", nil, errs.NotFound},
		{"the bank account must be there", owner, "demo", func(r *link.SaveRequest) { r.BankKey = "k9" }, errs.NotFound},
		{"the account must be there", owner, "demo", func(r *link.SaveRequest) { r.AccountID = "999999" }, errs.NotFound},
		{"the account is named by its id", owner, "demo", func(r *link.SaveRequest) { r.AccountID = "Checking" }, errs.NotFound},
		{"an account must be chosen", owner, "demo", func(r *link.SaveRequest) { r.AccountID = "" }, errs.Invalid},
		{"not both kinds of account", owner, "demo", func(r *link.SaveRequest) { r.NewAccount = &link.NewAccount{Name: "x"} }, errs.Invalid},
		{"expenses are no bank account", owner, "demo", func(r *link.SaveRequest) { r.AccountID = b.account("Groceries") }, errs.Invalid},
		{"a day must be chosen", owner, "demo", func(r *link.SaveRequest) { r.Since = bank.Date{} }, errs.Invalid},
		{"not in the future", owner, "demo", func(r *link.SaveRequest) { r.Since = bank.NewDate(2026, 11, 24) }, errs.Invalid},
		{"a new account needs a name", owner, "demo", func(r *link.SaveRequest) { r.AccountID, r.NewAccount = "", &link.NewAccount{Name: " "} }, errs.Invalid},
		{"a new account is no expense", owner, "demo", func(r *link.SaveRequest) {
			r.AccountID, r.NewAccount = "", &link.NewAccount{Name: "Fees", Type: bkper.Outgoing}
		}, errs.Invalid},
		{"a new account has a name of its own", owner, "demo", func(r *link.SaveRequest) {
			r.AccountID, r.NewAccount = "", &link.NewAccount{Name: "checking", Type: bkper.Liability}
		}, errs.Conflict},
	} {
		t.Run(c.claim, func(t *testing.T) {
			req := good
			if c.change != nil {
				c.change(&req)
			}
			_, err := b.SaveIntegration(t.Context(), c.who, c.book, req)
			wantCode(t, err, c.code)
		})
	}
	if all := b.integrations(); len(all) != 0 {
		t.Errorf("saved nevertheless: %+v", all)
	}
}

func TestSavingAnIntegration(t *testing.T) {
	b := newBench(t)
	c := b.connect(owner)
	b.wake.synced = nil
	saved := b.save(owner, c, "k1", "Checking", "2026-11-01")
	if !saved.New || saved.AccountName != "Checking" || saved.Origin != "fake/form/k1" || saved.AddedBy != "owner" || saved.Currency != "BRL" {
		t.Errorf("%+v", saved)
	}
	if !cmp.Equal(b.wake.synced, []string{c.ID}) || !cmp.Equal(b.wake.learnt, []string{"demo for owner"}) {
		t.Errorf("woken: %v %v", b.wake.synced, b.wake.learnt)
	}
	if token, err := b.Keeper.Token(t.Context(), "owner"); err != nil || token.Reveal() != "owner" {
		t.Errorf("the owner is not remembered: %v", err)
	}
}

func TestSavingAgainFetchesThePeriodAgain(t *testing.T) {
	b := newBench(t)
	c := b.connect(owner)
	first := b.save(owner, c, "k1", "Checking", "2026-11-01")
	err := b.Engine.Update(t.Context(), func(tx store.Tx) error {
		c := c
		c.State, c.Wanted, c.LastSync = []byte("far"), "k1 since", b.now
		if err := b.Records.Connections.Put(tx, store.Key(c.ID), c); err != nil {
			return err
		}
		if err := b.Records.Learning.Put(tx, store.Key("demo"), ledger.Learning{HistoryLearned: b.now}); err != nil {
			return err
		}
		i := first.Integration
		i.Stopped = &ledger.Problem{Code: errs.LostAccess}
		return b.Records.PutIntegration(tx, i)
	})
	if err != nil {
		t.Fatal(err)
	}
	b.wake.learnt = nil
	second := b.save(owner, c, "k1", "Savings", "2026-09-01")
	if second.New || second.ID != first.ID || second.Resync != 1 || second.Stopped != nil || second.AccountName != "Savings" || second.CreatedAt != first.CreatedAt {
		t.Errorf("%+v", second)
	}
	got := b.connection(c.ID)
	if string(got.State) != "far" || got.Wanted != "" || got.LastSync.IsZero() {
		t.Errorf("the connection: %+v", got)
	}
	if len(b.integrations()) != 1 || len(b.wake.learnt) != 0 {
		t.Errorf("%d integrations, learnt %v", len(b.integrations()), b.wake.learnt)
	}
}

func TestABankLinkedAnewTakesItsIntegrationsOver(t *testing.T) {
	b := newBench(t)
	old := b.connect(owner)
	first := b.save(owner, old, "k1", "Checking", "2026-11-01")
	fresh := b.connect(owner)
	if fresh.ID == old.ID {
		t.Fatal("linking anew gave the same connection")
	}
	moved := b.save(owner, fresh, "k1", "Checking", "2026-11-01")
	if moved.New || moved.ID != first.ID || moved.ConnectionID != fresh.ID {
		t.Errorf("%+v", moved)
	}
	err := b.Engine.View(t.Context(), func(tx store.Tx) error {
		for id, want := range map[string]int{old.ID: 0, fresh.ID: 1} {
			all, err := b.Records.IntegrationsOfConnection(tx, id)
			if err != nil || len(all) != want {
				t.Errorf("%s feeds %v, %v", id, all, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestABankLinkedAnewUnderOtherKeysGoesOnWhereAPersonSaysSo(t *testing.T) {
	b := newBench(t)
	old := b.connect(owner)
	first := b.save(owner, old, "k1", "Checking", "2026-11-01")
	b.bank.accounts[0].Key = "other" // the bank gives out other keys now
	fresh := b.connect(owner)
	on := link.SaveRequest{
		ConnectionID: fresh.ID, BankKey: "other", AccountID: b.account("Checking"), Since: bank.NewDate(2026, 11, 1), Continues: first.ID,
	}
	for range 2 { // the second time it is known without being said
		moved, err := b.SaveIntegration(t.Context(), owner, "demo", on)
		if err != nil || moved.New || moved.ID != first.ID || moved.Origin != first.Origin || moved.ConnectionID != fresh.ID || moved.BankKey != "other" {
			t.Fatalf("%+v, %v", moved, err)
		}
		on.Continues = ""
	}
	if all := b.integrations(); len(all) != 1 {
		t.Errorf("%+v", all)
	}

	for claim, c := range map[string]struct {
		change func(*link.SaveRequest)
		code   errs.Code
	}{
		"an integration that is not there":              {func(r *link.SaveRequest) { r.BankKey, r.Continues = "k2", "x" }, errs.NotFound},
		"an account that has an integration of its own": {func(r *link.SaveRequest) { r.Continues = "x" }, errs.Invalid},
	} {
		t.Run(claim, func(t *testing.T) {
			req := on
			c.change(&req)
			_, err := b.SaveIntegration(t.Context(), owner, "demo", req)
			wantCode(t, err, c.code)
		})
	}
}

func TestNobodyGoesOnWithTheIntegrationOfAnAccountThatIsThere(t *testing.T) {
	b := newBench(t)
	old := b.connect(owner)
	first := b.save(owner, old, "k1", "Checking", "2026-11-01")
	request := func(c ledger.Connection, key string) link.SaveRequest {
		return link.SaveRequest{
			ConnectionID: c.ID, BankKey: key, AccountID: b.account("Checking"), Since: bank.NewDate(2026, 11, 1), Continues: first.ID,
		}
	}
	_, err := b.SaveIntegration(t.Context(), owner, "demo", request(old, "k2"))
	wantCode(t, err, errs.Conflict)

	b.bank.accounts[0].Key, b.bank.accounts[1].Key = "n1", "n2"
	fresh := b.connect(owner)
	if _, err := b.SaveIntegration(t.Context(), owner, "demo", request(fresh, "n1")); err != nil {
		t.Fatal(err)
	}
	_, err = b.SaveIntegration(t.Context(), owner, "demo", request(fresh, "n2")) // of two, one at most
	wantCode(t, err, errs.Conflict)
	if all := b.integrations(); len(all) != 1 || all[0].BankKey != "n1" {
		t.Errorf("%+v", all)
	}
}

func TestHowSureTheLearnerHasToBeIsSetAndStays(t *testing.T) {
	b := newBench(t)
	c := b.connect(owner)
	i := b.save(owner, c, "k1", "Checking", "2026-11-01")
	err := b.Records.Learning.Save(t.Context(), b.Engine, store.Key("demo"), ledger.Learning{Version: 7, Examined: 7})
	if err != nil {
		t.Fatal(err)
	}
	if saved, err := b.SetSureness(t.Context(), editor, "demo", i.ID, 95); err != nil || saved.Sureness != 95 {
		t.Fatalf("%+v, %v", saved, err)
	}
	state, err := b.Records.Learning.Load(t.Context(), b.Engine, store.Key("demo"))
	if err != nil || state.Settings == state.SettingsSeen || len(b.wake.learnt) == 0 {
		t.Errorf("the open drafts are not examined again: %+v, %v, %v", state, b.wake.learnt, err)
	}
	if again := b.save(owner, c, "k1", "Checking", "2026-10-01"); again.Sureness != 95 {
		t.Errorf("saved again it is %d", again.Sureness)
	}
	_, err = b.SetSureness(t.Context(), owner, "demo", i.ID, 50)
	wantCode(t, err, errs.Invalid)
	_, err = b.SetSureness(t.Context(), owner, "demo", "x", 95)
	wantCode(t, err, errs.NotFound)
	_, err = b.SetSureness(t.Context(), viewer, "demo", i.ID, 95)
	wantCode(t, err, errs.Forbidden)
}

func TestTwoBankAccountsInOneAccountAreNoticed(t *testing.T) {
	b := newBench(t)
	c := b.connect(owner)
	if one := b.save(owner, c, "k1", "Checking", "2026-11-01"); one.Notice != nil {
		t.Errorf("%+v", one.Notice)
	}
	two := b.save(owner, c, "k2", "Checking", "2026-11-01")
	if two.Notice == nil || !strings.Contains(two.Notice.Sentence, "Banco Itaú Conta") {
		t.Errorf("%+v", two.Notice)
	}
}

func TestANewAccountIsCreatedOnce(t *testing.T) {
	b := newBench(t)
	c := b.connect(owner)
	ids := map[string]bool{}
	for range 2 {
		saved, err := b.SaveIntegration(t.Context(), owner, "demo", link.SaveRequest{
			ConnectionID: c.ID, BankKey: "k2", NewAccount: &link.NewAccount{Name: " Cartão Itaú "}, Since: bank.NewDate(2026, 11, 1),
		})
		if err != nil {
			t.Fatal(err)
		}
		ids[saved.AccountID] = true
	}
	account, err := b.Books.As(bkper.StaticToken(owner.Token)).Account(t.Context(), "demo", "Cartão Itaú")
	if err != nil || account.Type != bkper.Liability || len(ids) != 1 || !ids[account.ID] {
		t.Errorf("%+v, %v, %v", account, ids, err)
	}
}

func TestAnIntegrationIsSavedEvenIfNobodyWakes(t *testing.T) {
	b := newBench(t)
	c := b.connect(owner)
	b.wake.err = errors.New("the queue is full")
	_, err := b.SaveIntegration(t.Context(), owner, "demo", link.SaveRequest{
		ConnectionID: c.ID, BankKey: "k1", AccountID: b.account("Checking"), Since: bank.NewDate(2026, 11, 1),
	})
	wantCode(t, err, errs.Unavailable)
	if len(b.integrations()) != 1 || b.connection(c.ID).NextSync.After(b.now) {
		t.Error("it is not saved, or not due")
	}
}

func TestDisconnectAndReconnect(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	c := b.connect(owner)
	b.save(owner, c, "k1", "Checking", "2026-11-01")
	b.save(owner, c, "k2", "Credit Card", "2026-11-01")
	keep := []byte("position")
	err := b.Records.Connections.Update(ctx, b.Engine, store.Key(c.ID), func(c ledger.Connection) (ledger.Connection, error) {
		c.State = keep
		return c, nil
	})
	if err != nil {
		t.Fatal(err)
	}

	ending, err := b.Disconnect(ctx, owner, c.ID)
	if err != nil || ending != (link.Ending{Stopped: 2, Revoked: true}) {
		t.Fatalf("%+v, %v", ending, err)
	}
	got := b.connection(c.ID)
	if got.Status != ledger.Disconnected || got.Secret != nil || !got.NextSync.IsZero() || !cmp.Equal(b.bank.revoked, []string{"canary-access-1"}) {
		t.Errorf("%+v, revoked %v", got, b.bank.revoked)
	}
	for _, i := range b.integrations() {
		if i.Stopped == nil || i.Stopped.Code != errs.NeedsReauth {
			t.Errorf("still going: %+v", i)
		}
	}
	_, err = b.Sync(ctx, owner, c.ID)
	wantCode(t, err, errs.Conflict)
	if again, err := b.Disconnect(ctx, owner, c.ID); err != nil || again.Revoked {
		t.Errorf("a second time: %+v, %v", again, err)
	}

	// The card is gone at the bank, and another account has been opened.
	b.bank.accounts = []bank.Account{
		{Key: "k1", ID: "11", Name: "Conta", Kind: bank.Checking, Currency: "BRL"},
		{Key: "k3", ID: "13", Name: "Poupança", Kind: bank.Savings, Currency: "BRL"},
	}
	attempt, err := b.begin(owner, func(r *link.BeginRequest) {
		*r = link.BeginRequest{BookID: "demo", PrivacyAccepted: true, Reconnect: c.ID}
	})
	if err == nil {
		attempt, err = b.Answer(ctx, owner, attempt.ID, credentials)
	}
	if err != nil || attempt.Done != c.ID {
		t.Fatalf("%+v, %v", attempt, err)
	}
	got = b.connection(c.ID)
	if got.Status != ledger.Connected || got.Secret == nil || !bytes.Equal(got.State, keep) {
		t.Errorf("%+v", got)
	}
	gone := map[string]bool{}
	for _, a := range got.Accounts {
		gone[a.Key] = a.Gone
	}
	if !cmp.Equal(gone, map[string]bool{"k1": false, "k2": true, "k3": false}) {
		t.Errorf("accounts gone: %v", gone)
	}
	for _, i := range b.integrations() {
		if (i.Stopped == nil) != (i.BankKey == "k1") {
			t.Errorf("%s stopped: %v", i.BankKey, i.Stopped)
		}
	}
}

func TestReconnectingWithAnotherLoginIsRefused(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	c := b.connect(owner)
	b.bank.accounts = []bank.Account{{Key: "z", Name: "Of somebody else", Currency: "BRL"}}
	reconnect := func() (ledger.Attempt, error) {
		attempt, err := b.begin(owner, func(r *link.BeginRequest) { r.Reconnect = c.ID })
		if err != nil {
			t.Fatal(err)
		}
		attempt, err = b.Answer(ctx, owner, attempt.ID, credentials)
		if attempt.Done != "" || attempt.Problem == nil {
			t.Errorf("%+v", attempt)
		}
		return attempt, err
	}
	_, err := reconnect()
	wantCode(t, err, errs.Conflict)
	b.bank.listErr = errs.New(errs.InstitutionDown, "")
	_, err = reconnect()
	wantCode(t, err, errs.InstitutionDown)
	if got := b.connection(c.ID); !cmp.Equal(got, c) {
		t.Errorf("the connection changed: %s", cmp.Diff(c, got))
	}
	if old := b.bank.requests[len(b.bank.requests)-1].Reconnect.Reveal(); old != "canary-access-1" {
		t.Errorf("the connector got %q as the old authorization", old)
	}
}

func TestAConnectionWhoseAccountsAreNotListedListsThemLater(t *testing.T) {
	b := newBench(t)
	b.bank.listErr = errs.New(errs.InstitutionDown, "")
	c := b.connect(owner)
	if len(c.Accounts) != 0 || c.Problem == nil || c.Problem.Code != errs.InstitutionDown {
		t.Errorf("%+v", c)
	}
	_, err := b.Sync(t.Context(), owner, c.ID)
	wantCode(t, err, errs.InstitutionDown)
	b.bank.listErr = nil
	c, err = b.Sync(t.Context(), owner, c.ID)
	if err != nil || len(c.Accounts) != 2 || c.Problem != nil {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestRemovingAConnectionRemovesItsIntegrations(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	c := b.connect(owner)
	saved := b.save(owner, c, "k1", "Checking", "2026-11-01")
	if err := b.Records.Pending.Save(ctx, b.Engine, store.Key(saved.ID), ledger.PendingRows{At: b.now}); err != nil {
		t.Fatal(err)
	}
	b.bank.noRevoke = errors.New("the provider is away")
	ending, err := b.Remove(ctx, owner, c.ID)
	if err != nil || ending.Stopped != 1 || ending.Revoked || !strings.Contains(ending.NotRevoked, "Banco Itaú") {
		t.Errorf("%+v, %v", ending, err)
	}
	if all := b.integrations(); len(all) != 0 {
		t.Errorf("left: %+v", all)
	}
	if _, err := b.Connection(ctx, owner, c.ID); !errs.Is(err, errs.NotFound) {
		t.Errorf("the connection: %v", err)
	}
	if _, err := b.Records.Pending.Load(ctx, b.Engine, store.Key(saved.ID)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("pending rows: %v", err)
	}
}

func TestRemovingAnIntegration(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	c := b.connect(owner)
	saved := b.save(owner, c, "k1", "Checking", "2026-11-01")
	wantCode(t, b.RemoveIntegration(ctx, viewer, "demo", saved.ID), errs.Forbidden)
	wantCode(t, b.RemoveIntegration(ctx, owner, "demo", "none"), errs.NotFound)
	if err := b.RemoveIntegration(ctx, editor, "demo", saved.ID); err != nil {
		t.Error(err)
	}
	if all := b.integrations(); len(all) != 0 {
		t.Errorf("left: %+v", all)
	}
}

func TestOldAttemptsAreForgottenAndNewOnesBounded(t *testing.T) {
	b := newBench(t)
	var err error
	for n := range 60 {
		if _, err = b.begin(owner, nil); err != nil {
			if n != 50 {
				t.Errorf("the %d. was refused", n+1)
			}
			break
		}
	}
	wantCode(t, err, errs.RateLimited)
	if _, err := b.begin(editor, nil); err != nil {
		t.Errorf("another user: %v", err)
	}
	b.now = b.now.Add(16 * time.Minute)
	if _, err := b.begin(owner, nil); err != nil {
		t.Error(err)
	}
	all, err := b.Records.Attempts.All(t.Context(), b.Engine, store.Span{})
	if err != nil || len(all) != 2 {
		t.Errorf("%d attempts are kept, %v", len(all), err)
	}
}
