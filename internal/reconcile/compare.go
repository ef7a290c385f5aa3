package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// copies are the transactions of the book that stand for one entry.
type copies struct {
	live, trashed []bkper.Transaction
	sought        bool // they were looked up one by one: there are no others
}

// without leaves out of the trash what the app has put there because a person
// says that the entry is another movement.
func (in copies) without(e ledger.Entry) copies {
	if e.Same != "" {
		in.trashed = slices.DeleteFunc(slices.Clone(in.trashed), isDraftOf(e))
	}
	return in
}

func isDraftOf(e ledger.Entry) func(bkper.Transaction) bool {
	return func(t bkper.Transaction) bool { return t.HasRemoteID(e.RemoteID) }
}

// verdict is what comparing one entry came to.
type verdict struct {
	finding *ledger.Finding // nil if nothing differs
	old     time.Time       // when the entry was changed last; zero if the ledger had none
	healed  *ledger.Entry   // as it should be, nil if it is right
}

// comparison says what entries are held against. It is pure.
type comparison struct {
	integrations []ledger.Integration
	before       time.Time // entries changed later are left to what is changing them
}

// isSettled reports whether nothing is likely to be changing an entry.
func (c comparison) isSettled(e ledger.Entry) bool { return !e.UpdatedAt.After(c.before) }

// isMissing reports whether an entry should stand in the book and does not.
func isMissing(e ledger.Entry, in copies) bool {
	in = in.without(e)
	return (e.State == ledger.Recorded || e.State == ledger.Matched) && !e.Withdrawn && len(in.live)+len(in.trashed) == 0
}

// entry compares an entry with what stands for it in the book. What a person
// has done in the book is right; the ledger follows where no doubt is left.
func (c comparison) entry(e ledger.Entry, in copies) verdict {
	if e.Pair != "" {
		return paired(e, in)
	}
	if n := slices.IndexFunc(in.live, isDraftOf(e)); n >= 0 && e.Same != "" {
		after := e
		after.Same, after.State, after.TransactionID, after.Touched, after.Flag = "", ledger.Recorded, in.live[n].ID, true, e.FlagInBook()
		return healed(e, after, ledger.FoundLive, "It was taken out as another movement, and stands in the book again. The two count as two again.")
	}
	in = in.without(e)
	switch e.State {
	case ledger.Recorded, ledger.Matched:
		return c.standing(e, in)
	case ledger.Claimed, ledger.Parked:
		return c.waiting(e, in)
	case ledger.Trashed, ledger.Removed, ledger.Undone:
		if len(in.live) == 0 {
			return verdict{}
		}
		t, after := in.live[0], e
		after.State, after.TransactionID = ledger.Recorded, t.ID
		if !t.HasRemoteID(e.RemoteID) {
			after.State = ledger.Matched
		}
		// What the app itself has trashed only a person can want back.
		after.Touched = e.Touched || e.State.TrashedByUs() || !e.Written.Same(t)
		after.Flag = e.FlagInBook()
		return healed(e, after, ledger.FoundLive, "It was deleted before, and stands in the book again. It counts as recorded again.")
	default:
		return verdict{}
	}
}

// paired compares one end of a transfer. What follows from it is decided for
// both ends together, and not here.
func paired(e ledger.Entry, in copies) verdict {
	if e.State != ledger.Recorded || len(in.live) > 0 || e.Withdrawn {
		return verdict{}
	}
	return found(e, ledger.FoundGone, "It is one end of a transfer between own accounts, whose transaction is not in the book any more.")
}

// waiting compares an entry that is not known to be in the book. One that is there
// under its remote id the feed takes for recorded by itself, and lets it say what
// the bank says by now.
func (c comparison) waiting(e ledger.Entry, in copies) verdict {
	after := e
	after.Problem = nil
	switch {
	case len(in.live) > 0 && in.live[0].HasRemoteID(e.RemoteID) && c.isTriedAgain(e):
		after.State, after.Tries = ledger.Claimed, max(e.Tries, 2)
		return healed(e, after, ledger.FoundLive, "It stands in the book, and was thought to be waiting. It will count as recorded soon.")
	case len(in.live) > 0:
		after.State, after.TransactionID, after.Touched = ledger.Recorded, in.live[0].ID, true
		return healed(e, after, ledger.FoundLive, "It stands in the book, and was thought to be waiting. It counts as recorded now.")
	case len(in.trashed) > 0:
		after.State, after.TransactionID = ledger.Trashed, in.trashed[0].ID
		return healed(e, after, ledger.FoundTrashed, "It is in the trash of the book, and was thought to be waiting. It is not recorded again.")
	case e.State == ledger.Parked && e.Problem != nil:
		return found(e, ledger.FoundParked, "It is not in the book. "+e.Problem.Sentence)
	case e.State == ledger.Parked:
		return found(e, ledger.FoundParked, "It is not in the book: the book refused it.")
	default:
		return found(e, ledger.FoundClaimed, fmt.Sprintf("It has been about to be recorded since %s. It will be tried again.", e.UpdatedAt.UTC().Format("2006-01-02 15:04 UTC")))
	}
}

// isTriedAgain reports whether the feed takes up a claim of the entry: of a removed
// integration its person wants nothing more.
func (c comparison) isTriedAgain(e ledger.Entry) bool {
	return e.Integration == "" || slices.ContainsFunc(c.integrations, func(i ledger.Integration) bool { return i.ID == e.Integration })
}

// standing compares an entry that should stand in the book.
func (c comparison) standing(e ledger.Entry, in copies) verdict {
	if e.Withdrawn && e.Flag == "" {
		return verdict{} // the feed is about to trash it
	}
	after := e
	switch {
	case len(in.live) > 1:
		return found(e, ledger.FoundTwice, fmt.Sprintf("It stands in the book %d times. Trash all but one.", len(in.live)))
	case len(in.live) == 1:
		return c.compared(e, in.live[0])
	case len(in.trashed) > 0:
		after.State, after.TransactionID = ledger.Trashed, in.trashed[0].ID
		return healed(e, after, ledger.FoundTrashed, "It was deleted in the book. It is not recorded again.")
	case in.sought:
		return found(e, ledger.FoundGone, "It was recorded, and the book does not have it any more, not even in the trash. It is not recorded again: add it by hand if it is missed.")
	default:
		return found(e, ledger.FoundGone, "It is not among the book's transactions of these days. It may have been moved to another day.")
	}
}

// compared compares an entry with the one transaction that stands for it. One
// that a person recorded is the person's own.
func (c comparison) compared(e ledger.Entry, t bkper.Transaction) verdict {
	after := e
	after.TransactionID = t.ID
	after.Touched = e.Touched || e.Written != nil && !e.Written.Same(t)
	v := healed(e, after, ledger.FoundMerged, "It was merged with another transaction of the book, which stands for it now.")
	changed := after.Touched != e.Touched
	if changed {
		v.finding.Kind = ledger.FoundChanged
		v.finding.Sentence = "It was changed in the book. The app leaves it as it is from now on."
	}
	says, ours := amountOf(t, e.AccountID)
	switch {
	case !e.Withdrawn && (e.State == ledger.Matched || e.Written != nil && e.Written.Same(t)):
	case e.Flag != "":
		v.finding.Kind, v.finding.Sentence = ledger.FoundFlagged, e.Flag
		return v
	case !ours:
		v.finding.Kind = ledger.FoundElsewhere
		v.finding.Sentence = fmt.Sprintf("In the book it does not move %s any more. It was changed there, so it stays.", c.name(e.AccountID))
		return v
	case !says.Equal(e.Row.Amount.Number()) || t.Date != e.Row.Date && !isMerged(t):
		v.finding.Kind = ledger.FoundEdited
		v.finding.Sentence = fmt.Sprintf("The bank says %s on %s, the book says %s on %s. It was changed there, so it stays.",
			readable(e.Row.Amount), e.Row.Date, readable(money.New(says, e.Row.Amount.Currency())), t.Date)
		return v
	}
	if !changed && after.TransactionID == e.TransactionID {
		return verdict{}
	}
	return v
}

// isMerged reports whether a transaction stands for several entries, whose
// dates may differ.
func isMerged(t bkper.Transaction) bool {
	n := 0
	for _, id := range t.RemoteIDs {
		if _, ours := ledger.RemoteDay(id); ours {
			n++
		}
	}
	return n > 1
}

// unknown judges a remote id of ours in the book that the ledger lacks. If the
// id can be derived again from what stands there, the entry is made anew.
func (c comparison) unknown(bookID, remoteID string, in copies, now time.Time) verdict {
	all := slices.Concat(in.live, in.trashed)
	for _, t := range all {
		if e, ok := c.derive(bookID, remoteID, t); ok {
			e.UpdatedAt = now
			sentence := "The app had forgotten that it recorded this, and knows it again."
			if t.Trashed {
				e.State = ledger.Trashed
				sentence = "The app had forgotten that this was deleted, and knows it again. It is not recorded again."
			}
			return verdict{finding: findingOf(e, ledger.FoundUnknown, sentence), healed: &e}
		}
	}
	if len(in.live) == 0 {
		return verdict{}
	}
	t := in.live[0]
	amount, _ := t.Amount.Decimal()
	e := ledger.Entry{RemoteID: remoteID, TransactionID: t.ID, Row: bank.Transaction{
		Date: t.Date, Amount: money.New(amount, c.integrations[0].Currency), Description: t.Description,
	}}
	return found(e, ledger.FoundUnknown, "It carries an id of this app, which does not know it: perhaps it was copied from another book, or was changed since.")
}

// mostEquals is how many transactions of one day, account and amount are
// thought possible where an id is derived again.
const mostEquals = 50

// derive makes the entry of a transaction anew, if its remote id proves that
// it is a row of an account of this book. A person may have changed everything
// else, so the entry counts as touched.
func (c comparison) derive(bookID, remoteID string, t bkper.Transaction) (ledger.Entry, bool) {
	day, _ := ledger.RemoteDay(remoteID)
	for _, i := range c.integrations {
		number, ours := amountOf(t, i.AccountID)
		if !ours {
			continue
		}
		amount := money.New(number, i.Currency)
		for n := range mostEquals {
			if ledger.RemoteID(i.AccountID, day, amount, n+1) != remoteID {
				continue
			}
			e := ledger.Entry{
				RemoteID: remoteID, BookID: bookID, AccountID: i.AccountID, UserID: i.AddedBy,
				State: ledger.Recorded, TransactionID: t.ID, Touched: true,
				Row: bank.Transaction{
					Status: bank.Booked, Date: day, Amount: amount,
					Description: cmp.Or(t.Properties[complete.BankTextProperty], t.Description),
				},
			}
			if c.feeds(i.AccountID) == 1 {
				e.Integration, e.Institution, e.Origins = i.ID, i.Institution, []string{i.Origin}
			}
			return e, true
		}
	}
	return ledger.Entry{}, false
}

// feeds is how many integrations record into an account.
func (c comparison) feeds(accountID string) int {
	n := 0
	for _, i := range c.integrations {
		if i.AccountID == accountID {
			n++
		}
	}
	return n
}

func (c comparison) name(accountID string) string {
	for _, i := range c.integrations {
		if i.AccountID == accountID {
			return i.AccountName
		}
	}
	return "the account of the bank"
}

// amountOf returns the amount of a transaction from the view of an account, and
// whether the account is one of its sides. No amount is 0.
func amountOf(t bkper.Transaction, account string) (money.Decimal, bool) {
	amount, err := t.Amount.Decimal()
	if err != nil {
		amount = money.Decimal{}
	}
	switch {
	case t.DebitAccount != nil && t.DebitAccount.ID == account:
		return amount, true
	case t.CreditAccount != nil && t.CreditAccount.ID == account:
		return amount.Neg(), true
	default:
		return amount, false
	}
}

func found(e ledger.Entry, kind ledger.FindingKind, sentence string) verdict {
	return verdict{finding: findingOf(e, kind, sentence), old: e.UpdatedAt}
}

// healed is the verdict that an entry should be another, if it is.
func healed(e, after ledger.Entry, kind ledger.FindingKind, sentence string) verdict {
	v := found(after, kind, sentence)
	v.old = e.UpdatedAt
	if after.State != e.State || after.TransactionID != e.TransactionID || after.Touched != e.Touched {
		v.healed = &after
	}
	return v
}

func findingOf(e ledger.Entry, kind ledger.FindingKind, sentence string) *ledger.Finding {
	return &ledger.Finding{
		Kind: kind, Date: e.Row.Date, Amount: e.Row.Amount, Text: e.Row.Description,
		RemoteID: e.RemoteID, TransactionID: e.TransactionID, Sentence: sentence,
	}
}

// note counts the verdicts and keeps the first: those that wait for a person
// before those that are healed, the newest first.
func note(r *ledger.Reconciliation, verdicts []verdict) {
	r.Counts = make(map[ledger.FindingKind]int)
	for _, v := range verdicts {
		if v.finding == nil {
			continue
		}
		r.Counts[v.finding.Kind]++
		if v.finding.Healed {
			r.Healed++
		}
		r.Findings = append(r.Findings, *v.finding)
	}
	slices.SortFunc(r.Findings, func(a, b ledger.Finding) int {
		switch {
		case a.Healed && !b.Healed:
			return 1
		case b.Healed && !a.Healed:
			return -1
		}
		return cmp.Or(b.Date.Compare(a.Date), cmp.Compare(a.RemoteID, b.RemoteID))
	})
	r.Findings = slices.Clip(r.Findings[:min(len(r.Findings), mostFindings)])
}
