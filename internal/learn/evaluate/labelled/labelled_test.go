package labelled

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

const good = "2020-01-03,-39.90,NETFLIX.COM,Checking,Subscriptions\n"

var same = cmp.Comparer(func(a, b money.Decimal) bool { return a.String() == b.String() })

func TestFormsOfOneFileReadTheSame(t *testing.T) {
	plain := Header + "\n" + good + strings.ReplaceAll(good, "01-03", "02-03")
	want := []Row{
		{Number: 1, Date: bank.NewDate(2020, 1, 3), Amount: money.MustDecimal("-39.90"), Text: "NETFLIX.COM", BankAccount: "Checking", Answer: "Subscriptions"},
		{Number: 2, Date: bank.NewDate(2020, 2, 3), Amount: money.MustDecimal("-39.90"), Text: "NETFLIX.COM", BankAccount: "Checking", Answer: "Subscriptions"},
	}
	moved := "Counter_Account,bank_account,description,amount,date\n" +
		"Subscriptions,Checking,NETFLIX.COM,-39.90,2020-01-03\nSubscriptions,Checking,NETFLIX.COM,-39.90,2020-02-03\n"
	for name, form := range map[string]string{
		"plain":             plain,
		"byte order mark":   "\ufeff" + plain,
		"CRLF":              strings.ReplaceAll(plain, "\n", "\r\n"),
		"quotes":            strings.ReplaceAll(plain, "NETFLIX.COM", `"NETFLIX.COM"`),
		"no newline at end": strings.TrimSuffix(plain, "\n"),
		"empty lines":       strings.ReplaceAll(plain, "\n", "\n\n"),
		"spaces":            strings.ReplaceAll(plain, ",-39.90,", ", -39.90 ,"),
		"a column more":     strings.ReplaceAll(plain, "\n", ",x\n"),
		"columns moved":     moved,
	} {
		got, err := Read(strings.NewReader(form))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got, same, cmpopts.EquateComparable(bank.Date{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAFileWithoutRowsHasNone(t *testing.T) {
	if got, err := Read(strings.NewReader(Header)); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestARowDatedEarlierCountsAsOfTheDayBefore(t *testing.T) {
	got, err := Read(strings.NewReader(Header + "\n" + strings.ReplaceAll(good, "01-03", "02-03") + good))
	if err != nil || len(got) != 2 || got[1].Date != bank.NewDate(2020, 2, 3) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestBadInputNamesTheLineTheReasonAndTheRemedy(t *testing.T) {
	const header = Header + "\n"
	for name, test := range map[string]struct{ history, want string }{
		"empty":           {"", "must begin with the line date,amount"},
		"missing column":  {"date,amount,description,bank_account\n", `line 1: the header has no column "counter_account": name the columns`},
		"semicolons":      {strings.ReplaceAll(header+good, ",", ";"), "line 1: the fields are not separated by commas"},
		"UTF-16":          {"\xff\xfed\x00a\x00", "save it as CSV in UTF-8"},
		"bad date":        {header + good + "03/01/2020,-5,coffee,Checking,Drinks\n", `line 3: date: not a date (yyyy-mm-dd): "03/01/2020": write`},
		"no such day":     {header + "2020-02-30,-5,coffee,Checking,Drinks\n", `line 2: date: not a date`},
		"bad amount":      {header + good + good + "2020-01-01,five,coffee,Checking,Drinks\n", "line 4: amount"},
		"decimal comma":   {header + "2020-01-01,\"-5,00\",coffee,Checking,Drinks\n", "write 1,234.50 that leaves the account as -1234.50"},
		"short line":      {header + "2020-01-01,-5,coffee\n", "line 2: bank_account is missing: the line has 3"},
		"no answer":       {header + "2020-01-01,-5,coffee,Checking,\n", "line 2: counter_account is empty: fill it in"},
		"open quote":      {header + good + "2020-01-01,-5,\"coffee,Checking,Drinks\n" + good, "line 3: a quotation mark opens a field and none closes it"},
		"quote inside":    {header + good + "2020-01-01,-5,cof\"fee,Checking,Drinks\n", "line 3: a quotation mark stands in a field without quotes"},
		"two lines a row": {header + strings.Replace(good, "NETFLIX.COM", "\"NETFLIX\n.COM\"", 1) + "x,-5,coffee,Checking,Drinks\n", "line 4: date"},
	} {
		_, err := Read(strings.NewReader(test.history))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

func TestBooksOfOneOrganisationAreKnownByTheirNames(t *testing.T) {
	for file, want := range map[string]string{
		"/data/uk_barnet_1617.csv":      "uk_barnet",
		"uk_barnet_2014.csv":            "uk_barnet",
		"uk_bham_westheath_primary.csv": "uk_bham",
		"us_hackclub.csv":               "us_hackclub",
		"history.csv":                   "history",
		"ab.csv":                        "ab",
		"my_book_2020.csv":              "my_book",
		"household_book.csv":            "household_book",
	} {
		if got := Organisation(file); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(Header + "\n" + good)
	f.Add("\ufeff" + Header + "\n" + strings.ReplaceAll(good, "NETFLIX.COM", "\"a\nb\"\"c\""))
	f.Add(Header + "\n2020-01-01,-5,\"open")
	f.Fuzz(func(t *testing.T, file string) {
		rows, err := Read(strings.NewReader(file))
		if err != nil && (rows != nil || strings.TrimSpace(err.Error()) == "") {
			t.Fatalf("%d rows beside the error %v", len(rows), err)
		}
		for i, row := range rows {
			if row.Number != i+1 || row.Answer == "" || row.Date.IsZero() || i > 0 && row.Date.Before(rows[i-1].Date) {
				t.Fatalf("row %d: %+v", i+1, row)
			}
		}
	})
}
