package sandbox

import (
	"errors"
	"fmt"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// demoBookID is the id of the book that a new server has.
const demoBookID = "demo"

const demoZone = "America/Sao_Paulo"

var demoGroups = []struct{ name, parent string }{
	{"Assets", ""},
	{"Bank Accounts", "Assets"},
	{"Investments", "Assets"},
	{"Liabilities", ""},
	{"Credit Cards", "Liabilities"},
	{"Loans", "Liabilities"},
	{"Revenue", ""},
	{"Expenses", ""},
	{"Living", "Expenses"},
	{"Home", "Expenses"},
	{"Financial", "Expenses"},
}

var demoAccounts = []struct{ name, kind, group string }{
	{"Checking", "ASSET", "Bank Accounts"},
	{"Savings", "ASSET", "Bank Accounts"},
	{"Cash", "ASSET", "Assets"},
	{"Brokerage", "ASSET", "Investments"},
	{"Retirement Fund", "ASSET", "Investments"},
	{"Car", "ASSET", "Assets"},
	{"Accounts Receivable", "ASSET", "Assets"},
	{"Credit Card", "LIABILITY", "Credit Cards"},
	{"Store Card", "LIABILITY", "Credit Cards"},
	{"Car Loan", "LIABILITY", "Loans"},
	{"Student Loan", "LIABILITY", "Loans"},
	{"Taxes Payable", "LIABILITY", "Liabilities"},
	{"Salary", "INCOMING", "Revenue"},
	{"Interest", "INCOMING", "Revenue"},
	{"Dividends", "INCOMING", "Revenue"},
	{"Refunds", "INCOMING", "Revenue"},
	{"Freelance", "INCOMING", "Revenue"},
	{"Gifts Received", "INCOMING", "Revenue"},
	{"Opening Balances", "INCOMING", "Revenue"},
	{"Rent", "OUTGOING", "Home"},
	{"Utilities", "OUTGOING", "Home"},
	{"Phone", "OUTGOING", "Home"},
	{"Household", "OUTGOING", "Home"},
	{"Home Repairs", "OUTGOING", "Home"},
	{"Groceries", "OUTGOING", "Living"},
	{"Restaurants", "OUTGOING", "Living"},
	{"Transport", "OUTGOING", "Living"},
	{"Fuel", "OUTGOING", "Living"},
	{"Health", "OUTGOING", "Living"},
	{"Subscriptions", "OUTGOING", "Living"},
	{"Clothing", "OUTGOING", "Living"},
	{"Education", "OUTGOING", "Living"},
	{"Travel", "OUTGOING", "Living"},
	{"Entertainment", "OUTGOING", "Living"},
	{"Gym", "OUTGOING", "Living"},
	{"Gifts", "OUTGOING", "Living"},
	{"Donations", "OUTGOING", "Living"},
	{"Insurance", "OUTGOING", "Financial"},
	{"Bank Fees", "OUTGOING", "Financial"},
	{"Loan Interest", "OUTGOING", "Financial"},
	{"Taxes", "OUTGOING", "Financial"},
}

// habit is something that the person of the demo book pays or earns again and
// again: on each day of the month that is listed, or every so many days.
type habit struct {
	description string
	from, to    string // accounts
	days        []int  // of the month
	every       int    // days
	least, most int64  // cents
	numbered    bool   // the text ends in a number, as of a shop
}

var demoHabits = []habit{
	{"ACME CORP PAYROLL", "Salary", "Checking", []int{5, 20}, 0, 284000, 284000, false},
	{"INTEREST PAYMENT", "Interest", "Savings", []int{28}, 0, 810, 1290, false},
	{"RENT OAKWOOD PROPERTIES", "Checking", "Rent", []int{1}, 0, 165000, 165000, false},
	{"CON EDISON", "Checking", "Utilities", []int{12}, 0, 7900, 13900, false},
	{"VERIZON WIRELESS", "Checking", "Phone", []int{15}, 0, 6500, 6500, false},
	{"MONTHLY SERVICE FEE", "Checking", "Bank Fees", []int{28}, 0, 1200, 1200, false},
	{"CARD PAYMENT THANK YOU", "Checking", "Credit Card", []int{25}, 0, 92000, 138000, false},
	{"TRANSFER TO SAVINGS", "Checking", "Savings", []int{6}, 0, 40000, 40000, false},
	{"NETFLIX.COM", "Credit Card", "Subscriptions", []int{8}, 0, 1549, 1549, false},
	{"SPOTIFY", "Credit Card", "Subscriptions", []int{11}, 0, 1099, 1099, false},
	{"UBER TRIP", "Credit Card", "Transport", nil, 5, 780, 3450, false},
	{"SHELL OIL", "Credit Card", "Fuel", nil, 11, 3200, 6100, true},
	{"WHOLE FOODS MARKET", "Credit Card", "Groceries", nil, 6, 2650, 14200, true},
	{"TRADER JOES", "Credit Card", "Groceries", nil, 9, 1800, 8700, true},
	{"STARBUCKS", "Credit Card", "Restaurants", nil, 3, 425, 1190, true},
	{"BLUE BOTTLE COFFEE", "Credit Card", "Restaurants", nil, 7, 550, 1420, false},
	{"AMAZON MKTPLACE", "Credit Card", "Household", nil, 8, 890, 11900, false},
	{"CVS PHARMACY", "Credit Card", "Health", nil, 17, 620, 4900, true},
}

const demoMonths = 4

// createDemoBook makes the book of a new server: accounts in groups, and some
// months of posted history that ended yesterday. It leaves no events.
func (s *Server) createDemoBook() error {
	now := s.opts.Now()
	info := &bookInfo{
		Seq: 1, ID: demoBookID, Name: "Demo Book",
		Collaborators: map[string]permission{
			ownerName: permissionOwner, editorName: permissionEditor,
			recorderName: permissionRecorder, viewerName: permissionViewer,
		},
		AutoPost: true, FractionDigits: 2, Separator: "DOT", DatePattern: "dd/MM/yyyy", TimeZone: demoZone,
		Created: now.UnixMilli(), Updated: now.UnixMilli(),
	}
	c := s.begin(newBook(info), s.users[ownerName], "")
	c.nextSeq()
	c.put(info)
	groups := map[string]int64{}
	for _, g := range demoGroups {
		r := &group{ID: numericID(c.nextSeq()), BookID: info.ID, Name: g.name, Parent: groups[g.parent], Created: c.millis(), Updated: c.millis()}
		groups[g.name] = r.ID
		c.put(r)
	}
	accounts := map[string]int64{}
	for _, a := range demoAccounts {
		r := &account{
			ID: numericID(c.nextSeq()), BookID: info.ID, Name: a.name, Type: a.kind,
			Groups: []int64{groups[a.group]}, Created: c.millis(), Updated: c.millis(),
		}
		accounts[a.name] = r.ID
		c.put(r)
	}
	if s.opts.AgentID != "" {
		c.put(&integration{
			ID: numericID(c.nextSeq()), BookID: info.ID, AgentID: s.opts.AgentID, Name: appName,
			User: ownerName, Created: c.millis(), Updated: c.millis(),
		})
	}
	if err := c.writeHistory(accounts); err != nil {
		return err
	}
	if err := c.commit(); err != nil {
		return fmt.Errorf("create the demo book: %w", err)
	}
	return nil
}

func (c *change) writeHistory(accounts map[string]int64) error {
	today := c.today()
	first := bank.DateOf(time.Date(today.Year(), today.Month()-demoMonths, 1, 0, 0, 0, 0, time.UTC))
	for _, opening := range []struct {
		account string
		cents   int64
	}{{"Checking", 412055}, {"Savings", 850000}, {"Cash", 18000}, {"Brokerage", 1200000}} {
		c.history(first, opening.cents, accounts["Opening Balances"], accounts[opening.account], "Opening balance")
	}
	for day := first; day.Before(today); day = day.AddDays(1) {
		for i, h := range demoHabits {
			if !h.happens(day, first, i) {
				continue
			}
			from, to := accounts[h.from], accounts[h.to]
			if from == 0 || to == 0 {
				return errors.New("the history of the demo book names an unknown account: " + h.from + " or " + h.to)
			}
			cents := h.least
			if h.most > h.least {
				cents += int64(c.s.opts.Rand(int(h.most - h.least + 1)))
			}
			text := h.description
			if h.numbered {
				text = fmt.Sprintf("%s %04d", text, 100+c.s.opts.Rand(9000))
			}
			c.history(day, cents, from, to, text)
		}
	}
	return nil
}

// happens reports whether the habit, the i-th, happens on that day.
func (h habit) happens(day, first bank.Date, i int) bool {
	for _, d := range h.days {
		if day.Day() == d {
			return true
		}
	}
	return h.every > 0 && (day.Sub(first)+i)%h.every == 0
}

func (c *change) history(day bank.Date, cents, from, to int64, description string) {
	seq := c.nextSeq()
	at := day.Time().Add(18 * time.Hour).UnixMilli()
	c.put(&transaction{
		Seq: seq, ID: c.s.opaqueID(seq), BookID: demoBookID, Date: day, Amount: money.DecimalFromUnits(cents, 2),
		Credit: from, Debit: to, Description: description, Posted: true,
		CreatedBy: ownerName, Created: at, Updated: at,
	})
}
