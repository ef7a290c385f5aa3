package demo

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

// wayIn is how a person signs in at an institution.
type wayIn int

const (
	byForm     wayIn = iota // user and password
	byRedirect              // the bank's own page, with a one-time code
	byApproval              // user and password, then an approval in the bank's app
)

// pendingHabit is how an institution tells what is not booked yet.
type pendingHabit int

const (
	untold   pendingHabit = iota // only booked transactions are told
	linked                       // the booked one names the pending one
	unlinked                     // nothing links the two
)

// institution is one bank of the stand-ins and its habits, each of which some
// real bank has.
type institution struct {
	id, name string
	country  string // of lands
	colour   string // of its logo
	wayIn    wayIn
	pending  pendingHabit

	historyDays int           // how far back it tells, 0: all there is
	consent     time.Duration // how long an authorization lasts, 0: for ever

	out           bool // never answers after the password
	naps          bool // does not answer in the last 2 of every 10 minutes
	reissues      bool // gives the last days' transactions new ids now and then
	nameless      bool // gives no ids at all
	edits         bool // shortens the text of a booked transaction later
	late          bool // some transactions appear days after their date
	withdraws     bool // some booked transactions are taken back
	recentFirst   bool // tells the last 30 days first, then the rest
	closesSavings bool // the savings account is closed an hour after the start

	categories bool // tells its own category
	parties    bool // tells the counterparty's name and account
}

// The institutions. Their ids are names that tests may rely on.
var institutions = []institution{
	{
		id: "br_saopaulo", name: "Demo Bank São Paulo", country: "BR", colour: "#0a7d4f",
		pending: linked, categories: true, parties: true,
	},
	{
		id: "br_breve", name: "Demo Banco Breve", country: "BR", colour: "#d9480f",
		historyDays: 30, categories: true,
	},
	{
		id: "us_newyork", name: "Demo Bank New York", country: "US", colour: "#1c4e9c",
		pending: unlinked, withdraws: true,
	},
	{
		id: "us_union", name: "Demo Credit Union Oregon", country: "US", colour: "#2b8a3e",
		wayIn: byRedirect, pending: linked, recentFirst: true, late: true,
	},
	{id: "us_outage", name: "Demo Bank Outage", country: "US", colour: "#868e96", out: true},
	{
		id: "de_berlin", name: "Demo Bank Berlin", country: "DE", colour: "#c92a2a",
		reissues: true, parties: true,
	},
	{
		id: "de_ohne", name: "Demo Sparbank ohne Nummern", country: "DE", colour: "#a61e4d",
		nameless: true, parties: true,
	},
	{
		id: "de_frist", name: "Demo Bank Kurze Frist", country: "DE", colour: "#5f3dc4",
		pending: linked, consent: 10 * time.Minute, parties: true,
	},
	{
		id: "jp_tokyo", name: "Demo Bank Tokyo", country: "JP", colour: "#862e9c",
		edits: true, late: true, pending: unlinked,
	},
	{
		id: "gb_london", name: "Demo Bank London", country: "GB", colour: "#0b7285",
		wayIn: byApproval, pending: linked, categories: true,
	},
	{
		id: "gb_naps", name: "Demo Building Society Forty Winks", country: "GB", colour: "#495057",
		naps: true, late: true,
	},
	{
		id: "pt_lisboa", name: "Demo Banco Lisboa", country: "PT", colour: "#087f5b",
		wayIn: byRedirect, parties: true,
	},
	{
		id: "mx_ciudad", name: "Demo Banco Ciudad", country: "MX", colour: "#e67700",
		closesSavings: true, withdraws: true, pending: linked,
	},
	{id: "kw_kuwait", name: "Demo Bank Kuwait", country: "KW", colour: "#364fc7", pending: unlinked},
}

func findInstitution(id string) *institution {
	for i := range institutions {
		if institutions[i].id == id {
			return &institutions[i]
		}
	}
	return nil
}

// public is what the world may know of i.
func (i *institution) public() bank.Institution {
	days := i.historyDays
	if days == 0 {
		days = historyDays
	}
	return bank.Institution{
		ID: i.id, Name: i.name, Countries: []string{i.country},
		Website: "https://" + strings.ReplaceAll(i.id, "_", "-") + ".example", Logo: i.logo(), HistoryDays: days,
	}
}

// logo draws the initials of the name's last word on a coloured tile.
func (i *institution) logo() string {
	words := strings.Fields(i.name)
	letter := string([]rune(words[len(words)-1])[:1])
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48">`+
		`<rect width="48" height="48" rx="10" fill="%s"/><path d="M10 38h28v3H10z" fill="#fff" opacity=".6"/>`+
		`<text x="24" y="33" font-family="sans-serif" font-size="26" font-weight="700" text-anchor="middle" fill="#fff">%s</text></svg>`,
		i.colour, letter)
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(svg))
}

func countries() []string {
	var codes []string
	for _, i := range institutions {
		codes = append(codes, i.country)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}
