package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sethvargo/go-envconfig"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/learn"
	"github.com/bank-connections/bkper-bot/internal/learn/evaluate"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// evaluated runs `bot evaluate` with settings and returns its exit code and
// what it printed.
func evaluated(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = run(t.Context(), append([]string{"evaluate"}, args...), envconfig.MapLookuper(env), &out, &problems)
	return code, out.String(), problems.String()
}

func TestABookIsEvaluatedWhetherOrNotTheProgramRuns(t *testing.T) {
	p := newProgram(t)
	env := map[string]string{"DATA_DIR": p.dir}
	measure := func() evaluate.Report {
		t.Helper()
		code, stdout, stderr := evaluated(t, env, "--book", "demo", "--json")
		var got evaluate.Report
		if err := json.Unmarshal([]byte(stdout), &got); code != 0 || err != nil {
			t.Fatalf("%d, %v: %s%s", code, err, stdout, stderr)
		}
		got.Seconds = 0
		return got
	}
	alone := measure()
	if alone.Rows < 100 || alone.Accuracy < 0.7 || alone.Auto.Precision < 0.95 {
		t.Errorf("a person of habits: %+v", alone.Counts)
	}
	p.start()
	p.calls.take()
	if diff := cmp.Diff(alone, measure()); diff != "" {
		t.Errorf("while the program runs: %s", diff)
	}
	if calls := p.calls.take(); len(calls) != 0 {
		t.Errorf("the program was made to call the book: %v", calls)
	}
	drafts := 0
	for tx, err := range p.book("owner").Transactions(t.Context(), "demo", bkper.IsDraft, 0) {
		if err != nil {
			t.Fatal(err)
		}
		drafts++
		t.Logf("%+v", tx)
	}
	if drafts != 0 {
		t.Errorf("%d drafts came of it", drafts)
	}
}

func TestABookThatCannotBeReadIsExplained(t *testing.T) {
	p := startProgram(t)
	server := p.url() + "/sandbox/bkper"
	for _, test := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"DATA_DIR": p.dir}, "stand-in was asked, which has the book demo. Set BKPER_URL and BKPER_TOKEN"},
		{map[string]string{"BKPER_URL": server}, "BKPER_URL is set without BKPER_TOKEN"},
		{map[string]string{"BKPER_URL": server, "BKPER_TOKEN": "owner"}, "Is the id other right"},
		{map[string]string{"BKPER_URL": server, "BKPER_TOKEN": "nobody"}, "`bkper auth token` prints a new one"},
		{map[string]string{"BKPER_URL": server + "/elsewhere/", "BKPER_TOKEN": "owner"}, "other"},
	} {
		code, stdout, stderr := evaluated(t, test.env, "--book", "other")
		if code != 1 || stdout != "" || !strings.Contains(stderr, "evaluate --book other: ") || !strings.Contains(stderr, test.want) {
			t.Errorf("%v: %d, %q, %q", test.env, code, stdout, stderr)
		}
	}
	gone, err := listen(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + gone.Addr().String()
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var out, problems bytes.Buffer
	code := run(ctx, []string{"evaluate", "--book", "demo"}, envconfig.MapLookuper(map[string]string{"BKPER_URL": address, "BKPER_TOKEN": "owner"}), &out, &problems)
	if code != 1 || !strings.Contains(problems.String(), "name the book server, and does it run?") {
		t.Errorf("%d, %s", code, problems.String())
	}
}

func TestARealBooksServerIsAskedWithItsToken(t *testing.T) {
	p := startProgram(t)
	env := map[string]string{"BKPER_URL": p.url() + "/sandbox/bkper/", "BKPER_TOKEN": "viewer", "DATA_DIR": filepath.Join(t.TempDir(), "none")}
	code, stdout, stderr := evaluated(t, env, "--book", "demo")
	if code != 0 || !strings.Contains(stdout, "Demo Book") {
		t.Errorf("%d: %s%s", code, stdout, stderr)
	}
	if _, err := os.Stat(env["DATA_DIR"]); !os.IsNotExist(err) {
		t.Errorf("the data directory was touched: %v", err)
	}
}

func TestFilesAreEvaluatedWhateverTheSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "book.csv")
	history := "date,amount,description,bank_account,counter_account\n2020-01-01,-5,coffee,Card,Drinks\n"
	if err := os.WriteFile(file, []byte(history), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := evaluated(t, map[string]string{"PORT": "no number"}, file); code != 0 || !strings.Contains(stdout, "1 rows") {
		t.Errorf("%d: %s%s", code, stdout, stderr)
	}
}

// shelf is a book whose transactions come in the order they lie here.
type shelf struct {
	book         bkper.Book
	transactions []bkper.Transaction
}

func (s shelf) Book(context.Context, string, bkper.BookDetail) (bkper.Book, error) {
	return s.book, nil
}

func (s shelf) Transactions(context.Context, string, string, int) iter.Seq2[bkper.Transaction, error] {
	return func(yield func(bkper.Transaction, error) bool) {
		for _, t := range s.transactions {
			if !yield(t, nil) {
				return
			}
		}
	}
}

func TestPostedTransactionsBecomeRowsOldestFirst(t *testing.T) {
	created := time.Date(2024, 2, 1, 12, 0, 0, 0, time.UTC)
	book := shelf{book: bkper.Book{Name: "Ours", Accounts: []bkper.Account{
		{ID: "1", Name: "Bank", Type: bkper.Asset, CreatedAt: bkper.Millis(created.UnixMilli())},
		{ID: "2", Name: "Card", Type: bkper.Liability},
		{ID: "3", Name: "Rent", Type: bkper.Outgoing, Archived: true},
		{ID: "4", Name: "Salary", Type: bkper.Incoming},
	}}}
	add := func(id, day, from, to string, at int64, change func(*bkper.Transaction)) {
		date, err := bank.ParseDate("2024-03-" + day)
		if err != nil {
			t.Fatal(err)
		}
		tx := bkper.Transaction{
			ID: id, Date: date, Amount: "10", Posted: true, CreatedAt: bkper.Millis(at), Description: id,
			CreditAccount: &bkper.Account{ID: from}, DebitAccount: &bkper.Account{ID: to},
		}
		if change != nil {
			change(&tx)
		}
		book.transactions = append(book.transactions, tx)
	}
	add("rent", "05", "1", "3", 7, func(tx *bkper.Transaction) {
		tx.Properties = map[string]string{complete.BankTextProperty: "RENT 44", complete.ReasonProperty: "because"}
	})
	add("transfer", "02", "1", "2", 9, nil)
	add("second that day", "01", "1", "3", 6, nil)
	add("first that day", "01", "4", "1", 5, nil)
	add("draft", "01", "1", "3", 4, func(tx *bkper.Transaction) { tx.Posted = false })
	add("trashed", "01", "1", "3", 3, func(tx *bkper.Transaction) { tx.Trashed = true })
	add("between others", "01", "4", "3", 2, nil)
	add("one side", "01", "1", "3", 1, func(tx *bkper.Transaction) { tx.DebitAccount = nil })

	got, err := readHistory(t.Context(), book, "b1")
	if err != nil {
		t.Fatal(err)
	}
	row := func(number int, day, account, amount, text, answer string) learn.Lesson {
		date, err := bank.ParseDate("2024-03-" + day)
		if err != nil {
			t.Fatal(err)
		}
		return learn.Lesson{Account: answer, Movement: learn.Movement{
			ID: evaluate.ID(number), BankAccount: account, Date: date, Amount: money.MustDecimal(amount), Text: text,
		}}
	}
	want := evaluate.History{
		Name: "Ours",
		Entries: [][]learn.Lesson{
			{row(1, "01", "1", "10", "first that day", "4")},
			{row(2, "01", "1", "-10", "second that day", "3")},
			{row(3, "02", "1", "-10", "transfer", "2"), row(4, "02", "2", "10", "transfer", "1")},
			{row(5, "05", "1", "-10", "RENT 44", "3")},
		},
		Chart: []evaluate.Account{
			{Account: learn.Account{ID: "1", Name: "Bank", Kind: learn.Asset}, Since: bank.NewDate(2024, 2, 1)},
			{Account: learn.Account{ID: "2", Name: "Card", Kind: learn.Liability}},
			{Account: learn.Account{ID: "3", Name: "Rent", Kind: learn.Outgoing}},
			{Account: learn.Account{ID: "4", Name: "Salary", Kind: learn.Incoming}},
		},
		Note: "the app itself had completed 1 of the 4 transactions before they were posted: what nobody looked at there counts as right",
	}
	sameAmount := cmp.Comparer(func(a, b money.Decimal) bool { return a.String() == b.String() })
	if diff := cmp.Diff(want, got, sameAmount, cmpopts.EquateComparable(bank.Date{})); diff != "" {
		t.Error(diff)
	}
	book.transactions = book.transactions[4:]
	if _, err := readHistory(t.Context(), book, "b1"); err == nil || !strings.Contains(err.Error(), "nothing to replay yet") {
		t.Errorf("no rows: %v", err)
	}
}

func TestOfAVeryLongBookTheReportSaysWhatWasRead(t *testing.T) {
	book := shelf{
		book: bkper.Book{Accounts: []bkper.Account{{ID: "1", Type: bkper.Asset}, {ID: "2", Type: bkper.Outgoing}}},
	}
	tx := bkper.Transaction{
		Date: bank.NewDate(2024, 1, 1), Amount: "1", Posted: true,
		CreditAccount: &bkper.Account{ID: "1"}, DebitAccount: &bkper.Account{ID: "2"},
	}
	book.transactions = make([]bkper.Transaction, mostHistory+1)
	for i := range book.transactions {
		book.transactions[i] = tx
		book.transactions[i].ID = fmt.Sprint(i)
	}
	got, err := readHistory(t.Context(), book, "b1")
	if err != nil || len(got.Entries) != mostHistory || !strings.Contains(got.Note, "only the first 100000") || got.Name != "b1" {
		t.Errorf("%d rows, %q, %v", len(got.Entries), got.Note, err)
	}
}
