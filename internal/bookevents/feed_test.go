package bookevents_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// pile is a queue whose messages are worked off by hand.
type pile struct{ messages []queue.Message }

func (p *pile) Publish(_ context.Context, messages ...queue.Message) error {
	p.messages = append(p.messages, messages...)
	return nil
}

// For opens the book for a user who is away.
func (b books) For(string) feed.Book { return b.book.(*bkper.Client) }

// withFeed gives the desk the feed itself, and returns what works off its
// queue.
func (d *desk) withFeed() (work func()) {
	p := &pile{}
	serial := 0
	s := feed.New(feed.Deps{
		Engine: d.DB, Queue: p, Books: books{d.App}, Completer: d.Completer, Now: d.Now,
		NewID:  func() string { serial++; return fmt.Sprintf("id%d", serial) },
		Jitter: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
	})
	d.handler.Feed = s
	return func() {
		d.TB.Helper()
		for len(p.messages) > 0 {
			next := p.messages[0]
			p.messages = p.messages[1:]
			if err := s.Handle(d.TB.Context(), queue.Delivery{Message: next, Attempt: 1, Published: d.Now()}); err != nil {
				d.TB.Fatal(err)
			}
		}
	}
}

const statementFile = `OFXHEADER:100
DATA:OFXSGML
VERSION:102
ENCODING:USASCII
CHARSET:1252

<OFX><BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STMTRS><CURDEF>USD
<BANKACCTFROM><BANKID>1<ACCTID>42<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20261101<DTEND>20261120
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20261105<TRNAMT>-10.00<FITID>a<NAME>QQ BAKERY</STMTTRN>
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20261118<TRNAMT>-20.00<FITID>b<NAME>XX CINEMA</STMTTRN>
</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>`

func TestFromAFileInALockedBookToDrafts(t *testing.T) {
	d := newDesk(t)
	work := d.withFeed()
	d.Ask(http.MethodPut, "/v5/books/demo", `{"lockDate":"2026-11-10"}`, nil)
	d.news()
	content := base64.StdEncoding.EncodeToString([]byte(statementFile))
	d.Ask(http.MethodPost, "/v5/books/demo/files", fmt.Sprintf(
		`{"name":"nov.ofx","content":%q,"properties":{"account_id":%q}}`, content, d.Account("Checking")), nil)
	files := d.news()
	if a := d.handle(files...); a.Result != "Recording 2 rows of nov.ofx into Checking" {
		t.Fatalf("it says %v", a)
	}
	work()
	check := func(claim string, recorded, parked int) {
		t.Helper()
		states := map[ledger.State]int{}
		all, err := d.Records.Entries.All(t.Context(), d.DB, store.Below(book))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			states[e.State]++
		}
		if len(all) != 2 || states[ledger.Recorded] != recorded || states[ledger.Parked] != parked {
			t.Errorf("%s: %v", claim, states)
		}
	}
	check("locked", 1, 1)
	if a := d.handle(files...); a.Result != "All 2 rows of nov.ofx were recorded before" && a.Result != "Recording 1 row of nov.ofx into Checking" {
		t.Errorf("once more it says %v", a)
	}
	work()
	check("the same file again", 1, 1)

	d.Ask(http.MethodPut, "/v5/books/demo", `{"lockDate":"1900-00-00"}`, nil)
	if said := d.catchUp(); !contains(said, "Trying again to record 1 bank transaction that had to wait") {
		t.Errorf("it says %v", said)
	}
	work()
	check("unlocked", 2, 0)
}

func TestAFileForAnAccountThatIsNew(t *testing.T) {
	d := newDesk(t)
	work := d.withFeed()
	if _, err := d.Completer.Chart(t.Context(), d.App, book); err != nil { // the accounts are known
		t.Fatal(err)
	}
	created, err := d.Person.CreateAccount(t.Context(), book, bkper.Account{Name: "New Bank", Type: bkper.Asset})
	if err != nil {
		t.Fatal(err)
	}
	d.Ask(http.MethodPost, "/v5/books/demo/files", fmt.Sprintf(
		`{"name":"nov.ofx","content":%q,"properties":{"account_id":%q}}`,
		base64.StdEncoding.EncodeToString([]byte(statementFile)), created.ID), nil)
	if said := d.catchUp(); !contains(said, "Recording 2 rows of nov.ofx into New Bank") {
		t.Errorf("it says %v", said)
	}
	work()
}
