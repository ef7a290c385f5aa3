package query_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/sandbox/query"
)

// row is a coffee bought by card on 2026-03-10.
type row struct {
	state  query.State
	failed bool
}

func (row) Date() bank.Date            { return bank.NewDate(2026, time.March, 10) }
func (row) Amount() money.Decimal      { return money.MustDecimal("12.5") }
func (row) Credit() (string, []string) { return "credit_card", []string{"cards", "liabilities"} }
func (row) Debit() (string, []string)  { return "restaurants", nil }
func (row) Description() string        { return "Café da Manhã STARBUCKS" }
func (row) Tags() []string             { return []string{"food"} }
func (row) RemoteIDs() []string        { return []string{"bank_1", "other"} }
func (r row) State() query.State       { return r.state }
func (r row) HasError() bool           { return r.failed }
func (row) Property(key string) string {
	return map[string]string{"institution": "Demo Bank"}[key]
}

var today = bank.NewDate(2026, time.March, 18)

func TestMatches(t *testing.T) {
	tests := []struct {
		query string
		want  bool
	}{
		{"", true},
		{"account:'Credit Card'", true},
		{`acc:"credit_card"`, true},
		{"account:Restaurants", true},
		{"account:Rest", false},
		{"from:'Credit Card'", true},
		{"to:'Credit Card'", false},
		{"to:restaurants", true},
		{"group:Cards", true},
		{"group:Liabilities", true},
		{"group:Other", false},
		{"on:2026", true},
		{"on:2026-03", true},
		{"on:2026-03-10", true},
		{"on:10/03/2026", true},
		{"on:3/2026", true},
		{"on:2025", false},
		{"on:2026-03-11", false},
		{"after:2026-03-10", true},
		{"after:2026-03-11", false},
		{"before:2026-03-10", false},
		{"before:2026-03-11", true},
		{"after:2026-03 before:2026-04", true},
		{"after:$m before:$m+1", true},
		{"after:$d-8", true},
		{"after:$d-7", false},
		{"on:$y", true},
		{"on:$y-1", false},
		{"before:$m-3", false},
		{"amount:12.5", true},
		{"amount:12.50", true},
		{"amount:12", false},
		{"amount>12", true},
		{"amount>=12.5", true},
		{"amount<12.5", false},
		{"amount<=12.5", true},
		{"starbucks", true},
		{"cafe", true},
		{"'cafe da manha'", true},
		{"tea", false},
		{"starbucks cafe", true},
		{"starbucks tea", false},
		{"#food", true},
		{"#FOOD", true},
		{"#rent", false},
		{"institution:'demo bank'", true},
		{"institution:'other bank'", false},
		{"unknown:value", false},
		{"is:unchecked", true},
		{"is:posted", true},
		{"is:draft", false},
		{"is:checked", false},
		{"is:trashed", false},
		{"remoteId:bank_1", true},
		{"remoteId:BANK_1", false},
		{"remoteid:other remoteId:bank_1", true},
		{"remoteId:bank_2", false},
		{"error:false", true},
		{"error:true", false},
	}
	for _, test := range tests {
		q, err := query.Parse(test.query, today)
		if err != nil {
			t.Errorf("%s: %v", test.query, err)
			continue
		}
		if got := q.Matches(row{state: query.Unchecked}); got != test.want {
			t.Errorf("%s matches: %v, want %v", test.query, got, test.want)
		}
	}
}

func TestTrashedRows(t *testing.T) {
	trashed := row{state: query.Trashed}
	for text, want := range map[string]bool{
		"": true, "starbucks": true, "remoteId:bank_1": false, "remoteId:bank_1 is:trashed": true,
		"is:trashed": true, "is:draft": false, "is:posted": false,
	} {
		q, err := query.Parse(text, today)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Matches(trashed); got != want {
			t.Errorf("%q finds a trashed row: %v, want %v", text, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"account:'open", `"open`, "on:yesterday", "on:2026-13", "on:2026-02-30", "on:2026-01-01-01", "after:$x", "after:$m*2", "on:$",
		"amount>much", "amount:1,5", "date>2026", "is:odd", "error:perhaps", "account:", "amount>", "remoteId:",
		"\xff", strings.Repeat("a", query.MaxLength+1),
	} {
		if _, err := query.Parse(text, today); err == nil {
			t.Errorf("%.40q was taken", text)
		}
	}
}

func TestNormalize(t *testing.T) {
	for text, want := range map[string]string{
		"Bank Account": "bank_account", " Ação--Joint_x ": "acao_joint_x", "": "", "_": "", "ÀÉ": "ae",
	} {
		if got := query.Normalize(text); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", text, got, want)
		}
	}
}

// FuzzParse holds that no text breaks the parser or the matcher, that a query
// says the same of the same row, and that a further term never finds more.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "account:'A B' after:$m-3 before:$m+1 #tag 'some text'", "amount>=12.50 is:draft", "remoteId:x is:trashed",
		"on:31/01/2026", "a:b:c", ":::", "'", "\"\"", "#", "key:\"v'v\"", "on:0001", "after:$y-9999", "à é", "amount:<5",
	} {
		f.Add(seed, "is:trashed")
	}
	f.Fuzz(func(t *testing.T, text, more string) {
		q, err := query.Parse(text, today)
		if err != nil {
			return
		}
		r := row{state: query.Unchecked}
		found := q.Matches(r)
		if q.Matches(r) != found {
			t.Fatalf("%q changed its mind", text)
		}
		narrow, err := query.Parse(text+" "+more, today)
		if err != nil {
			return
		}
		if narrow.Matches(r) && !found {
			t.Fatalf("%q finds what %q does not", text+" "+more, text)
		}
	})
}
