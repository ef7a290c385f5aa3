package transfer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/feed/match"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// How many days money may be under way.
const (
	mostDays = 4
	debtDays = 5 // to a card or a loan
)

// Side is one entry that may be an end of a transfer.
type Side struct {
	RemoteID string
	Account  string // of the book
	Row      bank.Transaction
	Own      Own
	// Counter is the account that the app has filled in on the other side,
	// because the learner was sure.
	Counter string
	// Touched says that a person has changed its transaction, or recorded it.
	Touched bool
}

// Own is what is known of the own account that a side moves.
type Own struct {
	Name string // of the account in the book; may be empty
	Mask string // its last digits; may be empty
	Debt bool   // a card or a loan
}

// Past is what is known of earlier pairs.
type Past struct {
	// Apart are pairs that a person has called two.
	Apart map[Ends]bool
	// Habits are kinds of transfer that a person has decided on: true where
	// they were one.
	Habits map[ledger.TransferHabit]bool
}

// Ends are the remote ids of a pair.
type Ends struct{ Out, In string }

// Pairing is two sides that may be one transfer.
type Pairing struct {
	Out, In Side
	// Certain says that they are one. Otherwise it is for a person to say.
	Certain bool
	Reason  string // one sentence for a bookkeeper
	days    int
	tried   bool // joining it came to nothing
}

// doubted is a pairing that has turned out to be for a person to say.
func (p Pairing) doubted(why string) Pairing {
	p.Certain, p.tried = false, true
	p.Reason = edge{out: p.Out, in: p.In, days: p.days, why: why}.reason()
	return p
}

// Pair finds the sides that are one transfer. Each side is in one pairing at
// most, and what it returns does not depend on the order of the sides.
//
// Two sides may be one where money left one account and the same amount
// arrived at another within a few days. It is certain where neither could be
// another's, nobody has touched them, and the bank's texts, the learner or
// earlier decisions say so. Across currencies it is never certain, and it takes
// texts on both sides that say so.
func Pair(sides []Side, past Past) []Pairing {
	sides = slices.SortedFunc(slices.Values(sides), func(a, b Side) int { return cmp.Compare(a.RemoteID, b.RemoteID) })
	p := &pairer{past: past, taken: make(map[string]bool)}
	p.choose(p.edges(group(sides, func(s Side) string { return s.Row.Amount.Abs().String() }), p.sameAmount))
	rest := slices.DeleteFunc(sides, func(s Side) bool { return p.taken[s.RemoteID] })
	p.choose(p.edges([][]Side{rest}, p.otherCurrency))
	slices.SortFunc(p.pairings, func(a, b Pairing) int { return cmp.Compare(a.Out.RemoteID, b.Out.RemoteID) })
	return p.pairings
}

// group returns the sides that have the same key, in the order of the keys.
func group(sides []Side, key func(Side) string) [][]Side {
	byKey := make(map[string][]Side)
	var keys []string
	for _, s := range sides {
		k := key(s)
		if byKey[k] == nil {
			keys = append(keys, k)
		}
		byKey[k] = append(byKey[k], s)
	}
	slices.Sort(keys)
	groups := make([][]Side, len(keys))
	for n, k := range keys {
		groups[n] = byKey[k]
	}
	return groups
}

type pairer struct {
	past     Past
	taken    map[string]bool
	pairings []Pairing
}

// edge is two sides that could be one, with what speaks for it.
type edge struct {
	out, in Side
	days    int
	certain bool   // but for other partners
	why     string // it is certain, or not
	weight  int    // of the evidence
}

// edges returns all that could be one.
func (p *pairer) edges(groups [][]Side, join func(out, in Side) (edge, bool)) []edge {
	var found []edge
	for _, sides := range groups {
		var outs, ins []Side
		for _, s := range sides {
			switch s.Row.Amount.Sign() {
			case -1:
				outs = append(outs, s)
			case 1:
				ins = append(ins, s)
			}
		}
		slices.SortStableFunc(ins, func(a, b Side) int { return a.Row.Date.Compare(b.Row.Date) })
		for _, out := range outs {
			first, _ := slices.BinarySearchFunc(ins, out.Row.Date.AddDays(-debtDays), func(s Side, d bank.Date) int { return s.Row.Date.Compare(d) })
			for _, in := range ins[first:] {
				if in.Row.Date.Sub(out.Row.Date) > debtDays {
					break
				}
				if !p.possible(out, in) {
					continue
				}
				if e, ok := join(out, in); ok {
					found = append(found, e)
				}
			}
		}
	}
	return found
}

// possible reports whether two sides could be one, by their accounts and days.
func (p *pairer) possible(out, in Side) bool {
	return out.Account != in.Account && !p.past.Apart[Ends{out.RemoteID, in.RemoteID}] && apart(out, in) <= longest(out, in)
}

func apart(a, b Side) int {
	days := a.Row.Date.Sub(b.Row.Date)
	return max(days, -days)
}

func longest(out, in Side) int {
	if out.Own.Debt || in.Own.Debt {
		return debtDays
	}
	return mostDays
}

// sameAmount weighs two sides of the same amount.
func (p *pairer) sameAmount(out, in Side) (edge, bool) {
	o, i := signOf(out, in), signOf(in, out)
	if o == against || i == against {
		return edge{}, false
	}
	e := edge{out: out, in: in, days: apart(out, in), weight: int(o) + int(i)}
	confirmed, decided := p.past.Habits[HabitOf(out, in)]
	switch {
	case out.Touched || in.Touched:
		e.why = "one of them was touched in the book"
	case decided && !confirmed:
		e.why = "such a pair was called two before"
	case filledOtherwise(out, in) || filledOtherwise(in, out):
		e.why = "one of them was completed with another account"
	case out.Counter == in.Account || in.Counter == out.Account:
		e.certain, e.why = true, "earlier ones were such transfers"
	case confirmed:
		e.certain, e.why = true, "you have said so of such a pair before"
	case o == named || i == named:
		e.certain, e.why = true, "the bank names the other account"
	case o == strong && i >= weak || i == strong && o >= weak:
		e.certain, e.why = true, "the bank's texts say so: "+texts(out, in)
	default:
		e.why = "the bank's texts do not say so: " + texts(out, in)
	}
	if e.certain {
		e.weight += 10
	}
	return e, true
}

// filledOtherwise reports whether the learner was sure of another account.
func filledOtherwise(s, other Side) bool { return s.Counter != "" && s.Counter != other.Account }

// otherCurrency weighs two sides of different currencies, whose amounts cannot
// be compared.
func (p *pairer) otherCurrency(out, in Side) (edge, bool) {
	o, i := signOf(out, in), signOf(in, out)
	if out.Row.Amount.Currency() == in.Row.Amount.Currency() || o < strong || i < strong {
		return edge{}, false
	}
	return edge{out: out, in: in, days: apart(out, in), weight: int(o) + int(i), why: "their currencies differ"}, true
}

// choose takes the best edges, each side once. What could be another's is
// certain no more.
func (p *pairer) choose(edges []edge) {
	partners := make(map[string]int)
	for _, e := range edges {
		partners[e.out.RemoteID]++
		partners[e.in.RemoteID]++
	}
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.days, b.days), slices.Compare(a.names(), b.names()))
	})
	for _, e := range edges {
		if p.taken[e.out.RemoteID] || p.taken[e.in.RemoteID] {
			continue
		}
		p.taken[e.out.RemoteID], p.taken[e.in.RemoteID] = true, true
		if partners[e.out.RemoteID] > 1 || partners[e.in.RemoteID] > 1 {
			e.certain, e.why = false, "there is more than one that could belong together"
		}
		p.pairings = append(p.pairings, Pairing{Out: e.out, In: e.in, Certain: e.certain, Reason: e.reason(), days: e.days})
	}
}

// names are the remote ids, in an order that does not depend on the direction.
func (e edge) names() []string {
	return []string{min(e.out.RemoteID, e.in.RemoteID), max(e.out.RemoteID, e.in.RemoteID)}
}

func (e edge) reason() string {
	from, to := cmp.Or(e.out.Own.Name, "one own account"), cmp.Or(e.in.Own.Name, "another")
	amount := e.out.Row.Amount.Abs().String()
	if arrived := e.in.Row.Amount.Abs(); arrived.Currency() != e.out.Row.Amount.Currency() {
		amount += " (as " + arrived.String() + ")"
	}
	days := "the same day"
	if e.days > 0 {
		days = fmt.Sprintf("%s, %s", e.out.Row.Date, e.in.Row.Date)
	}
	if e.certain {
		return fmt.Sprintf("Transfer: %s from %s to %s, %s; %s.", amount, from, to, days, e.why)
	}
	return fmt.Sprintf("Perhaps a transfer: %s from %s to %s, %s; but %s.", amount, from, to, days, e.why)
}

func texts(out, in Side) string {
	all := []string{short(out.Row.Description), short(in.Row.Description)}
	return strings.Join(slices.Compact(all), " / ")
}

func short(text string) string {
	const most = 60
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, " ")), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}

// HabitOf returns what such transfers have in common.
func HabitOf(out, in Side) ledger.TransferHabit {
	return ledger.TransferHabit{
		From: out.Account, To: in.Account, OutText: habitText(out.Row.Description), InText: habitText(in.Row.Description),
		Currency: currencies(out.Row.Amount, in.Row.Amount),
	}
}

// habitText is a text without what changes from one transfer to the next.
func habitText(text string) string {
	var words []string
	for word := range strings.FieldsSeq(match.Text(text)) {
		if !strings.ContainsFunc(word, unicode.IsDigit) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

func currencies(out, in money.Amount) string {
	return string(out.Currency()) + ">" + string(in.Currency())
}
