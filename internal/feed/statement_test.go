package feed_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
)

// account is an account of a statement file.
type account struct {
	id   string
	rows []bank.Transaction
}

// ofx writes a statement file. Without days it does not say which it covers.
func ofx(from, to string, accounts ...account) []byte {
	var b strings.Builder
	b.WriteString("OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nCHARSET:1252\n\n<OFX><BANKMSGSRSV1>")
	for _, a := range accounts {
		_, _ = fmt.Fprintf(&b, "<STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>1<ACCTID>%s<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST>", a.id)
		if from != "" {
			_, _ = fmt.Fprintf(&b, "<DTSTART>%s<DTEND>%s", from, to)
		}
		for _, r := range a.rows {
			_, _ = fmt.Fprintf(&b, "<STMTTRN><TRNTYPE>OTHER<DTPOSTED>%s<TRNAMT>%s<FITID>%s<NAME>%s</STMTTRN>\n",
				strings.ReplaceAll(r.Date.String(), "-", ""), r.Amount.Number(), r.ID, r.Description)
		}
		b.WriteString("</BANKTRANLIST></STMTRS></STMTTRNRS>")
	}
	b.WriteString("</BANKMSGSRSV1></OFX>")
	return []byte(b.String())
}

// importing imports a file and lets it be recorded.
func (w *world) importing(r feed.ImportRequest) ledger.Run {
	w.t.Helper()
	if r.UserID == "" {
		r.UserID, r.BookID = "u1", "book"
	}
	if r.AccountID == "" {
		r.AccountID = "Bank"
	}
	if r.FileName == "" {
		r.FileName = "statement.ofx"
	}
	w.now = w.now.Add(time.Minute)
	run, err := w.feed.Import(w.t.Context(), r)
	w.check(err)
	w.drain()
	run, err = w.feed.Run(w.t.Context(), run.Key())
	w.check(err)
	w.addsUp(run)
	return run
}

func TestAStatementIsRecorded(t *testing.T) {
	w := newWorld(t)
	run := w.importing(feed.ImportRequest{Content: ofx("20261101", "20261130", account{"123", []bank.Transaction{coffee, tea, wage}})})
	w.wantBook("Bank", coffee, tea, wage)
	if want := (ledger.Counts{Came: 3, Recorded: 3}); run.Counts != want || run.Kind != ledger.FileRun || run.Title != "statement.ofx" {
		t.Errorf("the run is %+v", run)
	}
}

func TestAFileInTheWrongAccountIsUndoneAndImportedIntoTheRightOne(t *testing.T) {
	w := newWorld(t)
	file := ofx("20261101", "20261130", account{"123", []bank.Transaction{coffee, tea}})
	wrong := w.importing(feed.ImportRequest{Content: file, AccountID: "Card"})
	again := w.importing(feed.ImportRequest{Content: file, AccountID: "Bank"})
	if again.Counts.Recorded != 0 || len(again.Problems) != 1 || !strings.Contains(again.Problems[0], "before, and left there: 2.") {
		t.Errorf("%+v", again)
	}
	w.check(w.feed.Undo(t.Context(), wrong, "u1"))
	w.drain()
	if right := w.importing(feed.ImportRequest{Content: file, AccountID: "Bank"}); right.Counts.Recorded != 2 || len(right.Problems) != 0 {
		t.Errorf("%+v", right)
	}
	w.wantBook("Bank", coffee, tea)
	w.wantBook("Card")
}

func TestAFileTwiceIsAFileOnce(t *testing.T) {
	nameless := func(rows ...bank.Transaction) []bank.Transaction {
		for n := range rows {
			rows[n].ID = ""
		}
		return rows
	}
	bus := row("x", 5, "-1", "BUS")
	for claim, rows := range map[string][]bank.Transaction{
		"with ids":                              {coffee, tea, bus},
		"with the same id for all":              {row("1", 3, "-1", "A"), row("1", 3, "-2", "B"), row("1", 4, "-1", "A")},
		"without ids":                           nameless(coffee, tea, wage),
		"with identical rows":                   nameless(bus, bus, bus),
		"with rows that differ in text only":    nameless(row("", 3, "-1", "A"), row("", 3, "-1", "B"), row("", 3, "-1", "C")),
		"with instalments of one date and size": nameless(row("", 3, "-1", "LOJA 01/03"), row("", 3, "-1", "LOJA 02/03"), row("", 3, "-1", "LOJA 03/03")),
	} {
		for _, days := range []string{"", "20261101"} {
			t.Run(claim+" "+days, func(t *testing.T) {
				w := newWorld(t)
				file := feed.ImportRequest{Content: ofx(days, "20261130", account{"123", rows})}
				w.importing(file)
				w.wantBook("Bank", rows...)
				writes := w.book.writes()
				run := w.importing(file)
				w.wantBook("Bank", rows...)
				if w.book.writes() != writes || run.Counts.Matched != len(rows) {
					t.Errorf("%d writes, counts %+v", w.book.writes()-writes, run.Counts)
				}
			})
		}
	}
}

func TestAFileThatNumbersItsRowsAnewDoublesNothing(t *testing.T) {
	w := newWorld(t)
	number := func(rows ...bank.Transaction) []bank.Transaction {
		for n := range rows {
			rows[n].ID = fmt.Sprint(n + 1)
		}
		return rows
	}
	january := number(coffee, tea, wage)
	longer := number(row("", 3, "-8", "LATE"), coffee, tea, wage, row("", 6, "-9", "NEXT"))
	for range 2 {
		w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", january})})
		w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", longer})})
	}
	w.wantBook("Bank", longer...)
}

func TestAFileAndAFeedOfOneAccountAreOne(t *testing.T) {
	inFile := func(r bank.Transaction, id, text string) bank.Transaction {
		r.ID, r.Description = id, text
		return r
	}
	file := feed.ImportRequest{Content: ofx("20261101", "20261130", account{"123", []bank.Transaction{
		inFile(coffee, "F1", "COFFEE SHOP BERLIN"), inFile(tea, "F2", "TEA"), inFile(wage, "F3", "Wage November"), row("F4", 2, "-5", "ONLY IN THE FILE"),
	}})}
	t.Run("the feed first", func(t *testing.T) {
		w := linked(t)
		w.bank.shows(coffee, tea, wage)
		w.sync()
		for range 2 {
			w.importing(file)
			w.sync()
		}
		w.wantBook("Bank", coffee, tea, wage, row("F4", 2, "-5", "ONLY IN THE FILE"))
		if w.book.calls["update"] != 0 {
			t.Errorf("%d drafts were changed to the words of another source", w.book.calls["update"])
		}
	})
	t.Run("the file first", func(t *testing.T) {
		w := linked(t)
		w.importing(file)
		w.bank.shows(coffee, tea, wage, row("d", 6, "-7", "ONLY IN THE FEED"))
		for range 2 {
			w.sync()
			w.importing(file)
		}
		w.wantBook("Bank", inFile(coffee, "", "COFFEE SHOP BERLIN"), tea, inFile(wage, "", "Wage November"),
			row("F4", 2, "-5", "ONLY IN THE FILE"), row("d", 6, "-7", "ONLY IN THE FEED"))
		corrected := changedTo(coffee, 3, "-2.60", "COFFEE")
		w.bank.shows(corrected, tea, wage, row("d", 6, "-7", "ONLY IN THE FEED"))
		w.sync()
		if w.book.count("COFFEE") != 1 || len(w.book.live("Bank")) != 5 {
			t.Errorf("the bank has corrected a row of the file: %v", w.book.live("Bank"))
		}
	})
	t.Run("before another row of the same size comes", func(t *testing.T) {
		w := linked(t)
		w.bank.shows(coffee)
		w.sync()
		shop, kiosk := row("", 3, "-2.50", "COFFEE SHOP"), row("", 3, "-2.50", "KIOSK")
		w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", []bank.Transaction{shop}})})
		w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", []bank.Transaction{shop, kiosk}})})
		w.wantBook("Bank", coffee, kiosk)
	})
	t.Run("but not a file of one account and a feed of another", func(t *testing.T) {
		w := linked(t)
		w.bank.shows(coffee, tea, wage)
		w.sync()
		other := file
		other.AccountID = "Card"
		w.importing(other)
		w.wantBook("Bank", coffee, tea, wage)
		if n := len(w.book.live("Card")); n != 4 {
			t.Errorf("Card has %d rows", n)
		}
	})
}

func TestAFileOfSeveralAccountsAsksWhich(t *testing.T) {
	w := newWorld(t)
	content := ofx("", "", account{"DE-111", []bank.Transaction{coffee}}, account{"DE-222", []bank.Transaction{tea}}, account{"DE-111", []bank.Transaction{wage}})
	_, err := w.feed.Import(t.Context(), feed.ImportRequest{UserID: "u1", BookID: "book", AccountID: "Bank", FileName: "all.ofx", Content: content})
	if !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Public(err), "DE-111, DE-222") {
		t.Errorf("without a choice: %v", err)
	}
	_, err = w.feed.Import(t.Context(), feed.ImportRequest{UserID: "u1", BookID: "book", AccountID: "Bank", FileName: "all.ofx", Content: content, FileAccount: "333"})
	if !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Public(err), "DE-111, DE-222") {
		t.Errorf("with a choice that it does not have: %v", err)
	}
	w.drain()
	w.wantBook("Bank")
	w.importing(feed.ImportRequest{Content: content, FileAccount: "222"})
	w.wantBook("Bank", tea)
	w.importing(feed.ImportRequest{Content: content, FileAccount: "DE-111"})
	w.wantBook("Bank", coffee, tea, wage)
}

func TestWhatAFileCannotSayIsReported(t *testing.T) {
	w := newWorld(t)
	content := strings.Replace(string(ofx("", "", account{"1", []bank.Transaction{coffee, tea}})), "<TRNAMT>-3", "<TRNAMT>", 1)
	run := w.importing(feed.ImportRequest{Content: []byte(content)})
	w.wantBook("Bank", coffee)
	if len(run.Problems) != 1 || !strings.Contains(run.Problems[0], "TEA") || !strings.Contains(run.Problems[0], "line ") {
		t.Errorf("problems %q", run.Problems)
	}
	for claim, r := range map[string]feed.ImportRequest{
		"a file of another kind":     {FileName: "a.pdf", Content: []byte("%PDF-1.4"), AccountID: "Bank"},
		"a file without rows":        {FileName: "a.ofx", Content: ofx("", "", account{"1", nil}), AccountID: "Bank"},
		"an account of another book": {FileName: "a.ofx", Content: []byte(content), AccountID: "Elsewhere"},
	} {
		r.UserID, r.BookID = "u1", "book"
		if _, err := w.feed.Import(t.Context(), r); err == nil || errs.Transient(err) || errs.Public(err) == "" {
			t.Errorf("%s: %v", claim, err)
		}
	}
}

func TestWhatAPersonDeletedIsNotBroughtBackByAFile(t *testing.T) {
	w := newWorld(t)
	file := feed.ImportRequest{Content: ofx("", "", account{"1", []bank.Transaction{coffee, tea}})}
	w.importing(file)
	w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Trashed = true })
	w.tellTrashed(w.entryOf("COFFEE"))
	w.importing(file)
	w.wantBook("Bank", tea)
}

func TestAFileTakesTheCurrencyOfItsAccount(t *testing.T) {
	w := linked(t)
	content := strings.Replace(string(ofx("", "", account{"1", []bank.Transaction{coffee}})), "<CURDEF>EUR", "", 1)
	w.importing(feed.ImportRequest{Content: []byte(content)})
	w.wantBook("Bank", coffee)
	if e := w.entryOf("COFFEE"); e.Row.Amount.Currency() != "EUR" {
		t.Errorf("the amount is %s", e.Row.Amount)
	}
}

func TestImportingAgainTriesWhatWasParked(t *testing.T) {
	w := newWorld(t)
	file := feed.ImportRequest{Content: ofx("", "", account{"1", []bank.Transaction{coffee, tea}})}
	w.book.book.LockDate = bank.NewDate(2026, 11, 5)
	w.importing(file)
	w.wantBook("Bank")
	w.book.book.LockDate = bank.Date{}
	w.now = w.now.Add(time.Hour)
	w.importing(file)
	w.wantBook("Bank", coffee, tea)
}
