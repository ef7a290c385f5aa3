package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sethvargo/go-envconfig"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/learn"
)

// integrated starts a program whose card records into the book since some days
// ago, and returns its connection.
func integrated(t *testing.T, institution string, days int) (*program, string, bank.Date) {
	t.Helper()
	p := startProgram(t)
	since := bank.DateOf(p.now()).AddDays(-days)
	connection := p.link(institution)
	p.integrate(connection, p.accountOf(connection, bank.CreditCard).Key, "Credit Card", since)
	p.settle()
	return p, connection, since
}

// open returns drafts of the app that lack their counter account, by merchant.
func (p *program) open(account string) map[string][]bkper.Transaction {
	open := make(map[string][]bkper.Transaction)
	for _, r := range p.recorded(account) {
		if r.Status() == bkper.Draft && (r.CreditAccount == nil || r.DebitAccount == nil) {
			merchant := learn.Key(r.Properties["bank_text"])
			open[merchant] = append(open[merchant], r)
		}
	}
	return open
}

// complete fills the missing side as a person does in the book.
func (p *program) complete(user string, draft bkper.Transaction, account string) bkper.Transaction {
	p.t.Helper()
	counter := &bkper.Account{ID: p.accountID(account)}
	if draft.CreditAccount == nil {
		draft.CreditAccount = counter
	} else {
		draft.DebitAccount = counter
	}
	draft.Draft = true
	done, err := p.book(user).UpdateTransaction(p.t.Context(), "demo", draft)
	if err != nil {
		p.t.Fatal(err)
	}
	return done
}

func TestDraftsThatAPersonCompletesTeach(t *testing.T) {
	p, connection, since := integrated(t, "de_berlin", 90)
	var merchant string
	var drafts []bkper.Transaction
	for candidate, list := range p.open("Credit Card") {
		if len(list) > len(drafts) {
			merchant, drafts = candidate, list
		}
	}
	if len(drafts) < 5 {
		t.Fatalf("no merchant has enough open drafts: %d", len(drafts))
	}
	counter := "Groceries"
	for _, d := range drafts[:4] {
		p.complete("editor", d, counter)
		p.settle()
	}
	if left := p.open("Credit Card")[merchant]; len(left) > 0 {
		t.Errorf("%d drafts of %q are still open after 4 of %d were completed by hand", len(left), merchant, len(drafts))
	}
	for _, r := range p.recorded("Credit Card") {
		if learn.Key(r.Properties["bank_text"]) != merchant || r.Properties["completed_because"] == "" {
			continue
		}
		if r.DebitAccount == nil || r.DebitAccount.ID != p.accountID(counter) || r.Status() != bkper.Draft {
			t.Errorf("a completed draft is %+v", r)
		}
	}
	var events struct {
		Items []bkper.Event `json:"items"`
	}
	p.as("owner", http.MethodGet, "/sandbox/bkper/v5/books/demo/events?limit=200", nil, http.StatusOK, &events)
	said := false
	for _, e := range events.Items {
		for _, r := range e.BotResponses {
			said = said || strings.HasPrefix(r.Message, "Completed ") && strings.Contains(r.Message, "-> "+counter)
		}
	}
	if !said {
		t.Error("no event of the book was answered with what was completed")
	}

	p.pass(20 * 24 * time.Hour)
	p.sync(connection)
	p.exactlyOnce(t, "de_berlin", p.accountOf(connection, bank.CreditCard).Key, "Credit Card", since)
	if left := p.open("Credit Card")[merchant]; len(left) > 0 {
		t.Errorf("%d new rows of %q arrived without the counter account", len(left), merchant)
	}
}

func TestWhatAPersonDoesInTheBookStays(t *testing.T) {
	p, connection, since := integrated(t, "us_newyork", 60)
	ctx := t.Context()
	owner := p.book("owner")
	var drafts []bkper.Transaction
	for _, list := range p.open("Credit Card") {
		drafts = append(drafts, list...)
	}
	if len(drafts) < 5 {
		t.Fatalf("only %d open drafts", len(drafts))
	}
	edited, trashed, restored, posted, dated := drafts[0], drafts[1], drafts[2], drafts[3], drafts[4]

	edited.Description = "lunch with the auditor"
	edited.Draft = true
	if _, err := owner.UpdateTransaction(ctx, "demo", edited); err != nil {
		t.Fatal(err)
	}
	for _, d := range []bkper.Transaction{trashed, restored} {
		if _, err := owner.Trash(ctx, "demo", d); err != nil {
			t.Fatal(err)
		}
	}
	dated.Date, dated.Draft = dated.Date.AddDays(1), true
	if _, err := owner.UpdateTransaction(ctx, "demo", dated); err != nil {
		t.Fatal(err)
	}
	p.settle()
	if _, err := owner.Restore(ctx, "demo", restored); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Post(ctx, "demo", p.complete("owner", posted, "Travel")); err != nil {
		t.Fatal(err)
	}
	p.settle()

	key := p.accountOf(connection, bank.CreditCard).Key
	p.integrate(connection, key, "Credit Card", since) // fetch everything again
	p.settle()
	for range 3 {
		p.pass(30 * time.Hour)
		p.sync(connection)
	}
	now := func(was bkper.Transaction) bkper.Transaction {
		t.Helper()
		r, err := owner.Transaction(ctx, "demo", was.ID)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := now(edited); r.Description != "lunch with the auditor" {
		t.Errorf("the description is %q again", r.Description)
	}
	if r := now(trashed); !r.Trashed {
		t.Error("what was trashed is back")
	}
	if live := p.recorded("Credit Card"); live[trashed.RemoteIDs[0]].ID != "" {
		t.Error("what was trashed was recorded again")
	}
	if r := now(restored); r.Trashed {
		t.Error("what was restored is in the trash")
	}
	if r := now(posted); r.Status() != bkper.Posted {
		t.Errorf("what was posted is %s", r.Status())
	}
	if r := now(dated); r.Date != dated.Date {
		t.Errorf("the date is %s again", r.Date)
	}
	want := len(p.truth("us_newyork", key, since)) - 1 - len(p.stood("Credit Card")) // the trashed one, and what stood there
	if got := len(p.recorded("Credit Card")); got != want {
		t.Errorf("the book has %d, want %d", got, want)
	}
}

func TestADraftTypedByHandIsNotDoubled(t *testing.T) {
	p := startProgram(t)
	since := bank.DateOf(p.now()).AddDays(-30)
	connection := p.link("de_berlin")
	checking := p.accountOf(connection, bank.Checking)
	truth := p.truth("de_berlin", checking.Key, since)
	row := truth[len(truth)/2]
	own := &bkper.Account{ID: p.accountID("Checking")}
	byHand := bkper.Transaction{Date: row.Date, Amount: bkper.AmountOf(row.Amount.Number()), Description: "typed by hand", Draft: true}
	if row.Amount.Sign() < 0 {
		byHand.CreditAccount = own
	} else {
		byHand.DebitAccount = own
	}
	if _, err := p.book("owner").CreateTransaction(t.Context(), "demo", byHand); err != nil {
		t.Fatal(err)
	}
	p.integrate(connection, checking.Key, "Checking", since)
	p.settle()
	if got := len(p.recorded("Checking")); got != len(truth)-len(p.stood("Checking")) || len(p.stood("Checking")) == 0 {
		t.Errorf("%d of %d were recorded, and %d stood in the book", got, len(truth), len(p.stood("Checking")))
	}
}

func TestLockedDaysWaitAndTheOthersGoOn(t *testing.T) {
	p := startProgram(t)
	since := bank.DateOf(p.now()).AddDays(-40)
	lock := bank.DateOf(p.now()).AddDays(-20)
	setLock := func(day string) {
		p.as("owner", http.MethodPut, "/sandbox/bkper/v5/books/demo", map[string]any{"id": "demo", "name": "Demo Book", "lockDate": day}, http.StatusOK, nil)
	}
	setLock(lock.String())
	connection := p.link("de_berlin")
	checking := p.accountOf(connection, bank.Checking)
	p.integrate(connection, checking.Key, "Checking", since)
	p.settle()
	free := 0
	for _, r := range p.truth("de_berlin", checking.Key, since) {
		if r.Date.After(lock) {
			free++
		}
	}
	if got := len(p.recorded("Checking")) + len(p.stood("Checking")); got != free || free == 0 {
		t.Errorf("%d are in the book while it is locked, want %d", got, free)
	}
	if said := p.get("/books/demo/parked", nil); !strings.Contains(said, "locked") {
		t.Errorf("nothing says that rows wait: %s", said)
	}
	setLock("1900-00-00")
	p.settle()
	p.exactlyOnce(t, "de_berlin", checking.Key, "Checking", since)
}

func TestAmountsThatTheBookWouldRoundWait(t *testing.T) {
	p := startProgram(t)
	since := bank.DateOf(p.now()).AddDays(-30)
	connection := p.link("kw_kuwait")
	checking := p.accountOf(connection, bank.Checking)
	p.integrate(connection, checking.Key, "Checking", since)
	p.settle()
	var parked struct {
		Rows []struct {
			Amount string `json:"amount"`
		} `json:"rows"`
	}
	p.get("/books/demo/parked", &parked)
	recorded := p.recorded("Checking")
	if len(parked.Rows) == 0 || len(parked.Rows)+len(recorded) != len(p.truth("kw_kuwait", checking.Key, since)) {
		t.Errorf("%d wait and %d are recorded of %d", len(parked.Rows), len(recorded), len(p.truth("kw_kuwait", checking.Key, since)))
	}
}

const statementFile = `OFXHEADER:100
DATA:OFXSGML
VERSION:102
CHARSET:1252

<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD
<BANKACCTFROM><BANKID>1<ACCTID>778899<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20260101<DTEND>20260131
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20260105120000[-5:EST]<TRNAMT>-4.50<FITID>1<NAME>BLUE BOTTLE COFFEE</STMTTRN>
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20260105120000[-5:EST]<TRNAMT>-4.50<FITID>2<NAME>BLUE BOTTLE COFFEE</STMTTRN>
<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260131<TRNAMT>1200.00<FITID>3<NAME>ACME CORP PAYROLL</STMTTRN>
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20260120<FITID>4<NAME>NO AMOUNT</STMTTRN>
</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
`

func writeStatement(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "january.ofx")
	if err := os.WriteFile(file, []byte(statementFile), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// runBot runs the program's command line on the data directory of p.
func (p *program) runBot(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	env := envconfig.MapLookuper(map[string]string{"DATA_DIR": p.dir, "LOG_LEVEL": "error"})
	code = run(p.t.Context(), args, env, &out, &errs)
	return code, out.String(), errs.String()
}

func TestAStatementIsImportedOnce(t *testing.T) {
	file := writeStatement(t)
	imports := func(p *program, want string) {
		t.Helper()
		code, out, errs := p.runBot("import", file, "--book", "demo", "--account", "savings")
		if code != 0 || !strings.Contains(out, want) || !strings.Contains(out, "NO AMOUNT") {
			t.Errorf("exit %d, want %q and the row without amount in:\n%s%s", code, want, out, errs)
		}
	}
	t.Run("while the program runs, and again when it does not", func(t *testing.T) {
		p := startProgram(t)
		imports(p, "3 rows, 3 recorded")
		if got := len(p.recorded("Savings")); got != 3 {
			t.Errorf("the book has %d of 3 rows", got)
		}
		p.end()
		imports(p, "3 rows, 0 recorded (0 completed), 3 known before")
		p.start()
		if got := len(p.recorded("Savings")); got != 3 {
			t.Errorf("the book has %d rows after the second import", got)
		}
	})
	t.Run("on a directory where the program never ran", func(t *testing.T) {
		p := newProgram(t)
		imports(p, "3 rows, 3 recorded")
		p.start()
		if got := len(p.recorded("Savings")); got != 3 {
			t.Errorf("the book has %d of 3 rows", got)
		}
	})
	t.Run("dropped on an account of the book", func(t *testing.T) {
		p := startProgram(t)
		upload := map[string]any{
			"name": "january.ofx", "contentType": "application/x-ofx",
			"content":    base64.StdEncoding.EncodeToString([]byte(statementFile)),
			"properties": map[string]string{"account_id": p.accountID("Savings")},
		}
		for range 2 {
			p.as("owner", http.MethodPost, "/sandbox/bkper/v5/books/demo/files", upload, http.StatusOK, nil)
			p.settle()
		}
		if got := len(p.recorded("Savings")); got != 3 {
			t.Errorf("the book has %d of 3 rows", got)
		}
	})
}

func TestCommandsThatCannotBeDoneSayWhy(t *testing.T) {
	p := newProgram(t)
	file := writeStatement(t)
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no such account": {[]string{"import", file, "--book", "demo", "--account", "Nowhere"}, "Checking"},
		"no such book":    {[]string{"import", file, "--book", "other", "--account", "Checking"}, "book"},
		"no bank account": {[]string{"import", file, "--book", "demo", "--account", "Groceries"}, "asset or a liability"},
		"no account":      {[]string{"import", file, "--book", "demo"}, "usage"},
		"no file":         {[]string{"import", "nowhere.ofx", "--book", "demo", "--account", "Checking"}, "nowhere.ofx"},
		"another command": {[]string{"exprot"}, "exprot"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := p.runBot(c.args...)
			if code == 0 || !strings.Contains(errs, c.says) {
				t.Errorf("exit %d, %q lacks %q", code, errs, c.says)
			}
		})
	}
}

func TestHelpIsGiven(t *testing.T) {
	p := newProgram(t)
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"import", "--help"}, {"evaluate", "--help"}} {
		code, out, errs := p.runBot(args...)
		if code != 0 || !strings.Contains(out+errs, "usage: ") {
			t.Errorf("%v: exit %d, %q", args, code, out+errs)
		}
	}
}

func TestAnImportSaysWhichRowsWaitAndWhy(t *testing.T) {
	p := newProgram(t)
	file := filepath.Join(t.TempDir(), "fund.ofx")
	if err := os.WriteFile(file, []byte(strings.Replace(statementFile, "-4.50", "-4.5678", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := p.runBot("import", file, "--book", "demo", "--account", "Savings")
	for _, want := range []string{"1 waiting", "4.5678", "more decimals", "Try again"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, %q lacks %q\n%s", code, out, want, errs)
		}
	}
}

func TestEventsAreTakenFromThisMachineOnly(t *testing.T) {
	p := startProgram(t)
	event, err := json.Marshal(map[string]any{"id": "e1", "bookId": "demo", "type": "BOOK_UPDATED", "data": map[string]any{"object": map[string]any{"id": "demo"}}})
	if err != nil {
		t.Fatal(err)
	}
	post := func(host string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.app.url()+"/events", bytes.NewReader(event))
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		response, err := p.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	if got := post(""); got != http.StatusOK {
		t.Errorf("from this machine: %d", got)
	}
	if got := post("evil.example"); got != http.StatusForbidden {
		t.Errorf("under another host's name: %d", got)
	}
	if answer := p.as("", http.MethodPost, "/events", []byte("{"), http.StatusOK, nil); !strings.Contains(answer, "error") {
		t.Errorf("garbage was answered with %s", answer)
	}
}

func TestPagesElsewhereCannotSpeakForBkperOrTheQueue(t *testing.T) {
	p := startProgram(t)
	p.link("us_newyork")
	for _, path := range []string{"/events", "/push", "/webhooks/demo"} {
		for claim, headers := range map[string]map[string]string{
			"a browser of today":     {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
			"an old browser":         {"Origin": "https://evil.example"},
			"another program's page": {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
		} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.app.url()+path, strings.NewReader(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "text/plain") // what a page may send without asking
			for name, value := range headers {
				request.Header.Set(name, value)
			}
			response, err := p.client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %s was answered with %d", path, claim, response.StatusCode)
			}
		}
	}
}

func TestAskingForHealthWritesNothing(t *testing.T) {
	p := startProgram(t)
	p.settle()
	store := func() []byte {
		content, err := os.ReadFile(filepath.Join(p.dir, "app.db"))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	for range 5 { // the clock may write at the same moment
		before := store()
		p.as("", http.MethodGet, "/healthz", nil, http.StatusOK, nil)
		if bytes.Equal(before, store()) {
			return
		}
	}
	t.Error("the store is written to whenever somebody asks for health")
}

func TestPushDeliversAMessage(t *testing.T) {
	p := startProgram(t)
	connection := p.link("us_newyork")
	p.integrate(connection, p.accountOf(connection, bank.Savings).Key, "Savings", bank.DateOf(p.now()).AddDays(-30))
	p.settle()
	before := p.connection(connection).LastSync
	push := func(kind, data string, status int) {
		t.Helper()
		p.as("", http.MethodPost, "/push", map[string]any{"message": map[string]any{
			"data": base64.StdEncoding.EncodeToString([]byte(data)), "messageId": "1", "publishTime": p.now().UTC().Format(time.RFC3339Nano),
			"attributes": map[string]string{"id": "push-1", "kind": kind},
		}, "subscription": "s"}, status, nil)
	}
	push("sync", fmt.Sprintf(`{"connectionId":%q}`, connection), http.StatusNoContent)
	if !p.connection(connection).LastSync.After(before) {
		t.Error("the pushed message synced nothing")
	}
	push("unheard-of", "{}", http.StatusServiceUnavailable)
	push("sync", "{", http.StatusServiceUnavailable)
}

func TestNoSecretIsLoggedOrAnswered(t *testing.T) {
	p := startProgram(t)
	a := p.begin("us_newyork", "")
	p.answer(&a, map[string]string{"user": "demo", "password": "canary-password"}, http.StatusUnprocessableEntity)
	p.answer(&a, map[string]string{"user": "demo", "password": "demo"}, http.StatusOK)
	p.integrate(a.ConnectionID, p.accountOf(a.ConnectionID, bank.Checking).Key, "Checking", bank.DateOf(p.now()).AddDays(-10))
	p.settle()
	answers := p.get("/connections", nil) + p.get("/attempts/"+a.ID, nil) + p.get("/books/demo/integrations", nil)
	stored, err := os.ReadFile(filepath.Join(p.dir, "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"log": p.log.String(), "API": answers, "store": string(stored)} {
		for _, secret := range []string{"canary-password", `"token":"`, "Bearer owner"} {
			if strings.Contains(text, secret) && (what != "store" || secret != `"token":"`) {
				t.Errorf("%s holds %q", what, secret)
			}
		}
	}
}

// The book fills open sides with account names that it finds in descriptions.
// None of these was ever decided on by a person.
func TestNamesInDescriptionsFillNothing(t *testing.T) {
	p := startProgram(t)
	var rows strings.Builder
	texts := []string{"CLOTHING DONATIONS CHARITY", "SIXT RENT A CAR BERLIN", "DIVIDENDS BAR AND GRILL", "SAVINGS MARKET", "GROCERIES OF THE WORLD"}
	for n, text := range texts {
		fmt.Fprintf(&rows, "<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>202601%02d<TRNAMT>-%d.10<FITID>n%d<NAME>%s</STMTTRN>\n", n+10, n+10, n, text)
	}
	file := strings.Replace(statementFile, "</BANKTRANLIST>", rows.String()+"</BANKTRANLIST>", 1)
	p.post("/books/demo/statements?name=names.ofx&accountId="+p.accountID("Checking"), []byte(file), http.StatusAccepted, nil)
	p.settle()
	found := 0
	for _, r := range p.recorded("Checking") {
		text := r.Properties["bank_text"]
		if !slices.Contains(texts, text) {
			continue
		}
		found++
		if r.DebitAccount != nil || r.Description != text {
			t.Errorf("%q has become %q with a counter account: %v, %v", text, r.Description, r.DebitAccount, r.Properties)
		}
	}
	if found != len(texts) {
		t.Errorf("%d of %d rows are in the book", found, len(texts))
	}
	if open := len(p.open("Checking")); open == 0 {
		t.Error("no draft waits for its counter account")
	}
}
