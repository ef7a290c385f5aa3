package learn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// paid is a lesson: a movement of the checking account, and the account that a
// person chose.
func paid(id, date, amount, text, account string) Lesson {
	d, err := bank.ParseDate(date)
	if err != nil {
		panic(err)
	}
	return Lesson{Movement{ID: id, BankAccount: "checking", Date: d, Amount: money.MustDecimal(amount), Text: text}, account}
}

// asked is a movement of late 2026.
func asked(amount, text string) Movement { return paid("q", "2026-11-03", amount, text, "").Movement }

// monthly returns n lessons, one on the third of each month.
func monthly(n int, amount, text, account string) []Lesson {
	var all []Lesson
	for i := range n {
		all = append(all, paid(fmt.Sprint(text, account, i), fmt.Sprintf("2026-%02d-03", i+1), amount, text, account))
	}
	return all
}

func taught(all ...[]Lesson) *Learner {
	l := New()
	for _, some := range all {
		for _, s := range some {
			l.Learn(s)
		}
	}
	return l
}

// household is a book of some months.
func household(months int) *Learner {
	return taught(
		monthly(months, "-39.90", "NETFLIX.COM 4417", "subscriptions"),
		monthly(months, "-1200", "PIX ENVIADO IMOBILIARIA SOL", "rent"),
		monthly(months, "-154.10", "SUPERMERCADO DIA 0042", "groceries"),
		monthly(months, "5200", "SALARIO ACME LTDA", "salary"),
	)
}

func TestAnEmptyBookIsSilent(t *testing.T) {
	if got, ok := New().Suggest(asked("-39.90", "NETFLIX.COM")); ok {
		t.Errorf("%+v", got)
	}
}

func TestAFewEqualDecisionsMakeAMerchantSure(t *testing.T) {
	for n, sure := range map[int]bool{1: false, 2: false, 5: true, 6: true} {
		got, ok := taught(monthly(n, "-39.90", "NETFLIX.COM", "subscriptions")).Suggest(asked("-39.90", "NETFLIX.COM 4417"))
		want := fmt.Sprintf(`%d of %d earlier "NETFLIX" went to subscriptions`, n, n)
		if !ok || got.Account != "subscriptions" || got.Sure != sure || got.Reason != want {
			t.Errorf("after %d decisions: %+v", n, got)
		}
	}
	for _, m := range []Movement{asked("-39.90", "Netflix.com 0815"), asked("-1200", "Pix enviado Imobiliária Sol"), asked("5200", "SALARIO ACME")} {
		if got, _ := household(4).Suggest(m); !got.Sure {
			t.Errorf("%s in a young book: %+v", m.Text, got)
		}
	}
}

func TestDifferentDecisionsAreNotSure(t *testing.T) {
	l := household(6)
	for i := range 8 {
		l.Learn(paid(fmt.Sprint(i), fmt.Sprintf("2026-%02d-03", i+1), "-20", "AMAZON", []string{"books", "office"}[i%2]))
	}
	got, ok := l.Suggest(asked("-20", "AMAZON"))
	if !ok || got.SureAt(Sure95) {
		t.Errorf("%+v, %v", got, ok)
	}
	if got.Account != "office" || got.Reason != `4 of 8 earlier "AMAZON" went to office, 4 to books` {
		t.Errorf("it does not say what it wavers between: %+v", got)
	}
	if got.Alternatives[0].Account != "books" {
		t.Errorf("alternatives: %+v", got.Alternatives)
	}
}

func TestAlternativesShareWhatIsLeft(t *testing.T) {
	l := household(6)
	for i := range 30 {
		l.Learn(paid(fmt.Sprint(i), fmt.Sprintf("2026-%02d-%02d", i%9+1, i%28+1), "-20", "AMAZON", fmt.Sprint("account ", i%6)))
	}
	got, _ := l.Suggest(asked("-20", "AMAZON"))
	sum, last := got.Confidence+got.None, 1.0
	for _, a := range got.Alternatives.List() {
		if a.Account == got.Account || a.Probability > last {
			t.Errorf("%+v", got)
		}
		sum += a.Probability
		last = a.Probability
	}
	if len(got.Alternatives.List()) != 3 || sum > 1+1e-9 {
		t.Errorf("%v in all: %+v", sum, got)
	}
}

func TestTheSettingDecides(t *testing.T) {
	for reached, sure := range map[Sureness][5]bool{
		0:      {false, false, false, false, false},
		Sure95: {true, false, false, false, false},
		Sure98: {true, true, true, false, false},
		Sure99: {true, true, true, true, false},
	} {
		s := Suggestion{Reached: reached}
		for i, setting := range []Sureness{Sure95, 0, Sure98, Sure99, Never} {
			if s.SureAt(setting) != sure[i] {
				t.Errorf("reached %d, sure at %d: %v", reached, setting, !sure[i])
			}
		}
	}
}

func TestASplitPurchaseIsNotSure(t *testing.T) {
	l := household(6)
	for month := 1; month <= 6; month++ {
		for _, account := range []string{"groceries", "household"} {
			l.Learn(paid(fmt.Sprint(month, account), fmt.Sprintf("2026-%02d-05", month), "-50", "METRO MARKET", account))
		}
	}
	if got, ok := l.Suggest(asked("-50", "METRO MARKET")); !ok || got.Sure {
		t.Errorf("%+v, %v", got, ok)
	}
}

func TestTheLastDecisionAloneDoesNotDecide(t *testing.T) {
	l := household(9)
	l.Learn(paid("odd", "2026-10-03", "-39.90", "NETFLIX.COM 4417", "gifts"))
	soon := paid("q", "2026-10-13", "-39.90", "NETFLIX.COM 4417", "").Movement
	if got, _ := l.Suggest(soon); got.Account != "subscriptions" || got.Sure {
		t.Errorf("after nine others: %+v", got)
	}
	for i := range 3 {
		l.Learn(paid(fmt.Sprint("odd", i), fmt.Sprintf("2026-10-%02d", 10+i), "-39.90", "NETFLIX.COM 4417", "gifts"))
	}
	if got, _ := l.Suggest(asked("-39.90", "NETFLIX.COM 4417")); got.Account != "gifts" {
		t.Errorf("a lasting change is not followed: %+v", got)
	}
}

func TestACorrectionReplacesTheLesson(t *testing.T) {
	l := taught(monthly(4, "-12", "CLUB", "sport"))
	for _, s := range monthly(4, "-12", "CLUB", "sport") {
		s.Account = "leisure"
		l.Learn(s)
	}
	if got, _ := l.Suggest(asked("-12", "CLUB")); got.Account != "leisure" || !got.Sure || l.Lessons() != 4 {
		t.Errorf("%+v, %d lessons", got, l.Lessons())
	}
	for _, s := range monthly(4, "-12", "CLUB", "sport") {
		s.Account = ""
		l.Learn(s)
	}
	if l.Lessons() != 0 {
		t.Errorf("lessons without an account: %d", l.Lessons())
	}
}

func TestTheDirectionSeparatesAMerchant(t *testing.T) {
	l := taught(monthly(5, "-80", "ACME LTDA", "supplies"), monthly(5, "900", "ACME LTDA", "sales"))
	for amount, want := range map[string]string{"-80": "supplies", "900": "sales"} {
		if got, _ := l.Suggest(asked(amount, "ACME LTDA")); got.Account != want {
			t.Errorf("%s: %+v", amount, got)
		}
	}
}

func TestTheBankAccountSeparatesAMerchant(t *testing.T) {
	l := New()
	for i := range 5 {
		date := fmt.Sprintf("2026-%02d-03", i+1)
		l.Learn(paid(fmt.Sprint("a", i), date, "-30", "SHELL", "private"))
		company := paid(fmt.Sprint("b", i), date, "-30", "SHELL", "travel")
		company.BankAccount = "company card"
		l.Learn(company)
	}
	m := asked("-30", "SHELL")
	if got, _ := l.Suggest(m); got.Account != "private" {
		t.Errorf("%+v", got)
	}
	m.BankAccount = "company card"
	if got, _ := l.Suggest(m); got.Account != "travel" {
		t.Errorf("%+v", got)
	}
}

func TestTheNameOfAnAccountIsFoundInTheText(t *testing.T) {
	l := household(4)
	l.SetAccounts([]Account{
		{ID: "subscriptions", Name: "Subscriptions"},
		{ID: "rent", Name: "Rent"},
		{ID: "groceries", Name: "Groceries"},
		{ID: "salary", Name: "Salary", Kind: Incoming},
		{ID: "parking", Name: "Parking", Kind: Outgoing},
		{ID: "car", Name: "Car"},
	})
	got, ok := l.Suggest(asked("-4", "CITY PARKING 0331"))
	if !ok || got.Account != "parking" || got.Sure || !strings.HasPrefix(got.Reason, "the text names the account Parking; it may also be ") {
		t.Errorf("%+v", got)
	}
	if got, _ := l.Suggest(asked("-4", "CAR WASH")); strings.Contains(got.Reason, "names") {
		t.Errorf("three letters are too few: %+v", got)
	}
}

func TestOtherEvidenceStandsInForAnUnknownText(t *testing.T) {
	with := func(change func(*Movement)) (*Learner, Movement) {
		l := household(4)
		for _, s := range monthly(6, "-70", "TRF 81723", "cleaning") {
			change(&s.Movement)
			s.Text += " " + s.Date.String()
			l.Learn(s)
		}
		m := asked("-71", "ANOTHER TEXT")
		change(&m)
		return l, m
	}
	for name, change := range map[string]func(*Movement){
		"the counterparty": func(m *Movement) { m.Counterparty = "Maria Souza" },
		"its account":      func(m *Movement) { m.CounterpartyAccount = "DE89 3704 0044 0532 0130 00" },
		"a hashtag":        func(m *Movement) { m.Text = "x" + m.Text + " #cleaning" },
	} {
		l, m := with(change)
		if got, _ := l.Suggest(m); got.Account != "cleaning" || !strings.HasPrefix(got.Reason, "6 of 6 earlier") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestTheCategoryOfTheBankIsEvidence(t *testing.T) {
	l := household(6)
	for _, some := range [][]Lesson{monthly(6, "-31", "TRF 4711", "health"), monthly(6, "-33", "TRF 4712", "sport")} {
		for _, s := range some {
			s.Category = map[string]string{"health": "Pharmacies", "sport": "Gyms"}[s.Account]
			s.Text += " " + s.ID
			l.Learn(s)
		}
	}
	for category, want := range map[string]string{"Pharmacies": "health", "Gyms": "sport"} {
		m := asked("-32", "ANOTHER TEXT")
		m.Category = category
		if got, _ := l.Suggest(m); got.Account != want {
			t.Errorf("%s: %+v", category, got)
		}
	}
}

func TestAnAccountNumberIsTheSameHoweverItIsSpaced(t *testing.T) {
	l := household(4)
	for _, s := range monthly(6, "-70", "TRF 81723", "cleaning") {
		s.Text += " " + s.Date.String()
		s.CounterpartyAccount = "DE89 3704 0044 0532 0130 00"
		l.Learn(s)
	}
	m := asked("-71", "ANOTHER TEXT")
	m.CounterpartyAccount = "de89370400440532013000"
	if got, _ := l.Suggest(m); got.Account != "cleaning" {
		t.Errorf("%+v", got)
	}
}

func TestWhatTextsAreAboutIsKnownInAdvance(t *testing.T) {
	l := household(4)
	l.SetAccounts([]Account{
		{ID: "subscriptions", Name: "Subscriptions"},
		{ID: "rent", Name: "Rent"},
		{ID: "groceries", Name: "Groceries"},
		{ID: "salary", Name: "Salary", Kind: Incoming},
	})
	for _, text := range []string{"REWE MARKT BERLIN", "TESCO STORES 644", "Supermercado Extra"} {
		if got, _ := l.Suggest(asked("-41", text)); got.Account != "groceries" || got.Reason == "" {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestALastingChangeIsFollowed(t *testing.T) {
	l := taught(monthly(12, "-55", "CITY CLUB", "sport"))
	for i := range 4 {
		l.Learn(paid(fmt.Sprint("n", i), fmt.Sprintf("2027-%02d-03", i+1), "-55", "CITY CLUB", "leisure"))
	}
	if got, _ := l.Suggest(paid("q", "2027-05-03", "-55", "CITY CLUB", "").Movement); got.Account != "leisure" {
		t.Errorf("after four: %+v", got)
	}
}

func TestArchivedAndUnknownAccountsAreNotSuggested(t *testing.T) {
	l := taught(monthly(5, "-9", "GYM", "sport"))
	for name, chart := range map[string][]Account{
		"archived":  {{ID: "sport", Name: "Sport", Archived: true}},
		"not there": {},
	} {
		l.SetAccounts(chart)
		if got, ok := l.Suggest(asked("-9", "GYM")); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
	l.SetAccounts([]Account{{ID: "sport", Name: "Sport"}})
	if got, _ := l.Suggest(asked("-9", "GYM")); got.Account != "sport" || !got.Sure {
		t.Errorf("back again: %+v", got)
	}
}

func TestARenamedAccountKeepsItsLessons(t *testing.T) {
	l := taught(monthly(5, "-9", "GYM", "a1"))
	l.SetAccounts([]Account{{ID: "a1", Name: "Sport"}})
	l.SetAccounts([]Account{{ID: "a1", Name: "Health"}})
	if got, _ := l.Suggest(asked("-9", "GYM")); got.Account != "a1" || got.Reason != `5 of 5 earlier "GYM" went to Health` {
		t.Errorf("%+v", got)
	}
}

func TestABookThatContradictsItselfGetsASharperBar(t *testing.T) {
	// Merchants whose first three decisions agree and whose fourth does not.
	l := New()
	n := 0
	for merchant := range 60 {
		for i := range 4 {
			account := fmt.Sprint("account ", merchant%5)
			if i == 3 {
				account = fmt.Sprint("account ", (merchant+1)%5)
			}
			n++
			day := bank.NewDate(2024, 1, 1).AddDays(n)
			l.Learn(Lesson{Movement{ID: fmt.Sprint(n), BankAccount: "card", Date: day, Amount: money.MustDecimal("-10"), Text: fmt.Sprintf("shop%c%c", 'a'+rune(merchant/10), 'a'+rune(merchant%10))}, account})
		}
	}
	for i, s := range monthly(3, "-10", "FRESH MERCHANT", "account 1") {
		s.ID, s.BankAccount = fmt.Sprint("fresh", i), "card"
		l.Learn(s)
	}
	m := asked("-10", "FRESH MERCHANT")
	m.BankAccount = "card"
	if got, _ := l.Suggest(m); got.Sure {
		t.Errorf("three equal decisions were never enough in this book: %+v", got)
	}
}

func FuzzSuggest(f *testing.F) {
	for _, text := range []string{"NETFLIX.COM 4417", "", "\xff\xfe", "PIX ENVIADO #12 #casa", "コーヒー", "ﷺ", strings.Repeat("a b ", 400), "Ünïcödé’s", "#"} {
		f.Add(text, "party", "-1.5")
	}
	base := household(4)
	base.SetAccounts([]Account{{ID: "rent", Name: "Rent"}, {ID: "subscriptions", Name: "Netflix"}, {ID: "salary"}, {ID: "groceries"}})
	f.Fuzz(func(t *testing.T, text, party, amount string) {
		number, err := money.ParseDecimal(amount)
		if err != nil {
			number = money.MustDecimal("-1")
		}
		m := Movement{ID: text, BankAccount: party, Date: bank.NewDate(2026, 5, 5), Amount: number, Text: text, Counterparty: party, Kind: party, Category: text}
		before, _ := base.Suggest(m)
		base.Learn(Lesson{m, "rent"})
		if got, ok := base.Suggest(m); ok && (got.Confidence < 0 || got.Confidence > 1) {
			t.Errorf("%+v", got)
		}
		base.Unlearn(m.ID)
		after, _ := base.Suggest(m)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWithoutADecisionOnTheLikeNothingIsSure(t *testing.T) {
	chart := []Account{
		{ID: "subscriptions", Name: "Subscriptions", Kind: Outgoing},
		{ID: "rent", Name: "Rent", Kind: Outgoing},
		{ID: "groceries", Name: "Groceries", Kind: Outgoing},
		{ID: "salary", Name: "Salary", Kind: Incoming},
		{ID: "savings", Name: "Savings", Kind: Asset},
		{ID: "dividends", Name: "Dividends", Kind: Incoming},
		{ID: "clothing", Name: "Clothing", Kind: Outgoing},
	}
	empty := New()
	empty.SetAccounts(chart)
	known := taught(
		monthly(10, "-1200", "RENT OAKWOOD PROPERTIES", "rent"), monthly(10, "-39.90", "NETFLIX.COM", "subscriptions"),
		monthly(10, "-154.10", "WHOLE FOODS MARKET", "groceries"), monthly(10, "5200", "ACME CORP PAYROLL", "salary"),
		monthly(10, "-90", "TRANSFER TO SAVINGS", "savings"),
	)
	known.SetAccounts(chart)
	for _, text := range []string{
		"SIXT RENT A CAR BERLIN", "DIVIDENDS BAR AND GRILL", "SAVINGS MARKET", "CLOTHING DONATIONS CHARITY", "GROCERIES OF THE WORLD MUSEUM",
	} {
		for name, l := range map[string]*Learner{"an empty book": empty, "a book with other decisions": known} {
			if got, _ := l.Suggest(asked("-85", text)); got.Sure {
				t.Errorf("%s is sure of %s: %+v", name, text, got)
			}
		}
	}
	if got, _ := known.Suggest(asked("-1200", "RENT OAKWOOD PROPERTIES")); !got.Sure {
		t.Errorf("ten equal decisions are not enough: %+v", got)
	}
}
