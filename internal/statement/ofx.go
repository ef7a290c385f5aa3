package statement

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/statement/ofx"
)

// Bounds of what a transaction takes over. The standard has 32 letters for a
// name and 255 for a memo and an id.
const (
	maxDescription = 1000 // letters
	maxName        = 200  // letters
	maxID          = 255  // bytes
)

func readOFX(name string, content []byte, opts Options) (File, error) {
	document, err := ofx.Parse(content)
	if err != nil {
		return File{}, fmt.Errorf("%w: %s: %w. Ask the bank for a shorter period", ErrTooLarge, name, err)
	}
	refusals := make([]string, len(document.Refusals))
	for i, refusal := range document.Refusals {
		refusals[i] = clip(refusal, 200)
	}
	if len(document.Statements) == 0 {
		if len(refusals) > 0 {
			return File{}, fmt.Errorf("%w: %s holds an error of the bank instead (%s). Download it again",
				ErrEmpty, name, strings.Join(refusals, "; "))
		}
		return File{}, fmt.Errorf("%w: %s looks like an OFX file but has no statement in it. Download it again", ErrEmpty, name)
	}
	file := File{Format: "OFX", Charset: document.Charset, Institution: clip(document.Institution, maxName)}
	for _, refusal := range refusals {
		file.Problems = append(file.Problems, Problem{
			Text:   refusal,
			Reason: "The bank reports an error for a part of this file. If an account is missing, download it again.",
		})
	}
	for _, s := range document.Statements {
		file.Statements = append(file.Statements, ofxStatement(s, opts))
	}
	return file, nil
}

func ofxStatement(from ofx.Statement, opts Options) Statement {
	declared, _ := money.ParseCurrency(from.Currency) // "" if there is none, which is told below
	to := Statement{
		Account: AccountRef{
			BankID:    clip(from.BankID, maxName),
			BranchID:  clip(from.BranchID, maxName),
			AccountID: clip(from.AccountID, maxName),
			Type:      ofxAccountKind(from.Kind, from.AccountType),
			Currency:  declared,
		},
		Currency: ofxCurrency(declared, from.Rows, opts),
		From:     ofxDate(from.From),
		To:       ofxDate(from.To),
	}
	if from.Currency != "" && declared == "" && to.Currency != "" {
		to.Problems = append(to.Problems, Problem{
			Line:   from.Line,
			Text:   clip(from.Currency, 40),
			Reason: fmt.Sprintf("The statement's currency is not an ISO code. It was taken to be %q; check that this is right.", to.Currency),
		})
	}

	amounts := make([]string, 0, len(from.Rows)+1)
	amounts = append(amounts, from.Ledger.Amount)
	for _, row := range from.Rows {
		amounts = append(amounts, row.Amount)
	}
	n := newNumbers(to.Currency, amounts)

	to.Transactions = slices.Grow(to.Transactions, len(from.Rows))
	for i, row := range from.Rows {
		transaction, err := ofxTransaction(row, to.Currency, n)
		if err != nil {
			to.Problems = append(to.Problems, Problem{
				Row:    i + 1,
				Line:   row.Line,
				Text:   ofxRowText(row),
				Reason: sentence(err),
			})
			continue
		}
		to.Transactions = append(to.Transactions, transaction)
	}
	dropSharedIDs(to.Transactions)

	if from.Ledger.Amount != "" {
		balance, err := ofxBalance(from.Ledger, to, n)
		if err != nil {
			to.Problems = append(to.Problems, Problem{
				Line:   from.Ledger.Line,
				Text:   clip(from.Ledger.Amount+" "+from.Ledger.Date, 120),
				Reason: sentence(fmt.Errorf("the balance was left out: %w", err)),
			})
		} else {
			to.Balance = &balance
		}
	}
	return to
}

// dropSharedIDs leaves out the ids that several transactions have: they tell
// none of them from the others.
func dropSharedIDs(transactions []bank.Transaction) {
	times := make(map[string]int, len(transactions))
	for _, t := range transactions {
		times[t.ID]++
	}
	for i, t := range transactions {
		if times[t.ID] > 1 {
			transactions[i].ID = ""
		}
	}
}

// ofxCurrency returns what the amounts of a statement are in. What the file
// names goes before what is assumed; if CURDEF is missing, its rows may name
// one currency between them.
func ofxCurrency(declared money.Currency, rows []ofx.Row, opts Options) money.Currency {
	if declared != "" {
		return declared
	}
	var named money.Currency
	for _, row := range rows {
		c, err := money.ParseCurrency(row.Currency)
		switch {
		case err != nil: // it says none
		case named == "":
			named = c
		case named != c:
			return opts.Currency
		}
	}
	if named != "" {
		return named
	}
	return opts.Currency
}

// ofxTransaction returns the transaction that a row is, or why it is none.
func ofxTransaction(row ofx.Row, currency money.Currency, n numbers) (bank.Transaction, error) {
	if err := ofxRefuse(row, currency); err != nil {
		return bank.Transaction{}, err
	}
	number, err := n.read(row.Amount)
	if err != nil {
		return bank.Transaction{}, fmt.Errorf("%w. Enter it by hand", err)
	}
	date := ofxDate(row.Posted)
	if date.IsZero() {
		return bank.Transaction{}, fmt.Errorf("its date %q is not a day of the calendar. Enter it by hand", clip(row.Posted, 40))
	}
	id := row.ID
	if len(id) > maxID {
		id = "" // a part of it would not name it
	}
	party := row.Payee
	if party == "" {
		party = row.Name
	}
	return bank.Transaction{
		ID:          id,
		Status:      bank.Booked,
		Date:        date,
		ValueDate:   ofxDate(row.Available),
		MadeOn:      ofxDate(row.User),
		Amount:      money.New(number, currency),
		Description: clip(ofxDescription(row), maxDescription),
		Counterparty: bank.Party{
			Name:    clip(party, maxName),
			Account: clip(row.ToAccount, maxName),
		},
		Kind: clip(ofxKind(row.Type), maxName),
	}, nil
}

// ofxRefuse says why a row cannot be a transaction whatever its values are.
func ofxRefuse(row ofx.Row, currency money.Currency) error {
	switch {
	case row.Kind == ofx.InvestmentRow:
		return errors.New("it buys, sells or earns an investment, which this app does not read. Enter by hand what it moved in cash")
	case row.Kind == ofx.PendingRow, strings.EqualFold(row.Type, "HOLD"):
		return errors.New("it is pending at the bank. Import a later statement once it is booked")
	case row.CorrectID != "" && strings.EqualFold(row.CorrectAction, "DELETE"):
		return fmt.Errorf("the bank takes back an earlier transaction (%q). Delete that one from the book by hand", clip(row.CorrectID, 60))
	case row.CorrectID != "" || row.CorrectAction != "":
		return fmt.Errorf("the bank corrects an earlier transaction (%q). Correct that one in the book by hand", clip(row.CorrectID, 60))
	case row.Amount == "":
		return errors.New("it has no amount (TRNAMT). Enter it by hand")
	case row.Posted == "":
		return errors.New("it has no date (DTPOSTED). Enter it by hand")
	case currency == "":
		return errors.New("neither the file nor the account says which currency it is in. Choose an account that has one, and import again")
	}
	if row.Currency == "" {
		return nil
	}
	if foreign, err := money.ParseCurrency(row.Currency); err == nil && foreign != currency {
		return fmt.Errorf("its amount is in %s, not in %s. Enter by hand what the bank booked in %s", foreign, currency, currency)
	}
	return nil
}

func ofxBalance(from ofx.Balance, statement Statement, n numbers) (bank.Balance, error) {
	if statement.Currency == "" {
		return bank.Balance{}, errors.New("its currency is not known")
	}
	number, err := n.read(from.Amount)
	if err != nil {
		return bank.Balance{}, err
	}
	date := ofxDate(from.Date)
	if date.IsZero() {
		date = statement.To
	}
	if date.IsZero() {
		return bank.Balance{}, errors.New("it has no date")
	}
	return bank.Balance{Booked: money.New(number, statement.Currency), Date: date}, nil
}

// ofxDate returns the day that the first eight digits say, zero if they say
// none. What follows is a clock and a zone that banks write wrongly; the day is
// the bank's own in any case.
func ofxDate(text string) bank.Date {
	if len(text) < 8 {
		return bank.Date{}
	}
	date, err := bank.ParseDate(text[:4] + "-" + text[4:6] + "-" + text[6:8])
	if err != nil && len(text) >= len("2006-01-02") {
		date, err = bank.ParseDate(text[:10]) // some write it so
	}
	if err != nil || date.Year() < 1900 {
		return bank.Date{} // 0001 is how some programs write that there is none
	}
	return date
}

// ofxDescription returns the bank's text: name and memo, without saying twice
// what both say. A row without either is described by what else it says.
func ofxDescription(row ofx.Row) string {
	name, memo := row.Name, row.Memo
	if name == "" {
		name = row.Payee
	}
	text := name + " " + memo
	switch {
	case memo == "" || contains(name, memo):
		text = name
	case name == "" || contains(memo, name):
		text = memo
	}
	number := strings.TrimLeft(row.CheckNumber, "0 ")
	isCheck := strings.EqualFold(row.Type, "CHECK")
	switch {
	case text == "":
		if number == "" {
			number = row.Reference
		}
		return strings.TrimSpace(ofxKind(row.Type) + " " + number)
	case isCheck && !strings.Contains(text, number):
		return text + " " + number
	}
	return text
}

// contains reports whether whole says part, in whatever case.
func contains(whole, part string) bool {
	return strings.Contains(strings.ToLower(whole), strings.ToLower(part))
}

// ofxKind says in words what a TRNTYPE means; one that the standard does not
// have says it itself.
func ofxKind(trntype string) string {
	if words, ok := ofxKinds[strings.ToUpper(trntype)]; ok {
		return words
	}
	return trntype
}

var ofxKinds = map[string]string{
	"CREDIT":      "Credit",
	"DEBIT":       "Debit",
	"INT":         "Interest",
	"DIV":         "Dividend",
	"FEE":         "Fee",
	"SRVCHG":      "Service charge",
	"DEP":         "Deposit",
	"ATM":         "Cash machine",
	"POS":         "Point of sale",
	"XFER":        "Transfer",
	"CHECK":       "Check",
	"PAYMENT":     "Payment",
	"CASH":        "Cash withdrawal",
	"DIRECTDEP":   "Direct deposit",
	"DIRECTDEBIT": "Direct debit",
	"REPEATPMT":   "Standing order",
	"OTHER":       "Other",
}

func ofxAccountKind(kind ofx.Kind, accttype string) bank.AccountKind {
	switch kind {
	case ofx.Card:
		return bank.CreditCard
	case ofx.Investment:
		return bank.OtherKind
	case ofx.Bank:
	}
	switch strings.ToUpper(accttype) {
	case "CHECKING":
		return bank.Checking
	case "SAVINGS", "MONEYMRKT", "CD":
		return bank.Savings
	case "CREDITLINE":
		return bank.Loan
	}
	return bank.OtherKind
}

// ofxRowText shows a row to the person who has to find it.
func ofxRowText(row ofx.Row) string {
	parts := []string{row.Posted, row.Amount, row.Name, row.Memo, row.ID}
	return clip(strings.Join(strings.Fields(strings.Join(parts, " ")), " "), 120)
}

// sentence makes a sentence of an error.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
