package transfer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
)

// job is a transfer that is being joined or parted, under its leases. Each step
// reads where the book stands and does one thing more.
type job struct {
	*Service
	held      *held
	book      Book
	t         ledger.Transfer
	from, to  string // account ids of the book
	idRefused bool   // the book does not let the first have both remote ids
}

// mostSteps is more than any way from one end to the other takes.
const mostSteps = 12

// work takes steps until the transfer is joined or parted, and returns what it
// has become. What the book refuses for good is taken back and left to a
// person.
func (s *Service) work(ctx context.Context, h *held, book Book, t ledger.Transfer, from, to string) (ledger.Transfer, error) {
	j := &job{Service: s, held: h, book: book, t: t, from: from, to: to}
	for range mostSteps {
		first, err := readOne(ctx, book, t.BookID, t.First.TransactionID)
		if err != nil {
			return j.t, err
		}
		second, err := readOne(ctx, book, t.BookID, t.Second.TransactionID)
		if err != nil {
			return j.t, err
		}
		done, err := j.step(ctx, first, second)
		if err != nil || done {
			return j.t, err
		}
	}
	return j.t, fmt.Errorf("the transfer %s does not come to an end", t.Key())
}

func (j *job) step(ctx context.Context, first, second bkper.Transaction) (done bool, err error) {
	if j.t.State == ledger.Parting {
		done, err = j.part(ctx, first, second)
		if refused(err) && !j.t.Tried && first.HasRemoteID(j.t.Second.RemoteID) {
			return true, errors.Join(err, j.joined(ctx, first)) // nothing was done yet
		}
		return done, err
	}
	done, err = j.join(ctx, first, second)
	if refused(err) {
		j.Log.WarnContext(ctx, "the book refuses a transfer", "book", j.t.BookID, "transfer", j.t.Key(), "error", err)
		err = j.giveUp(ctx, "the book refused it: "+strings.TrimSuffix(errs.Public(err), "."))
	}
	return done, err
}

// refused reports whether an error says that the book surely did nothing and
// would refuse the same again.
func refused(err error) bool {
	switch errs.CodeOf(err) {
	case errs.Invalid, errs.Locked, errs.Conflict, errs.NotFound:
		return bkper.OutcomeOf(err) == bkper.NotDone
	default:
		return false
	}
}

// join takes one step towards one transaction.
func (j *job) join(ctx context.Context, first, second bkper.Transaction) (done bool, err error) {
	whole := moves(first, j.from, j.to)
	switch {
	case first.Trashed && second.Trashed && j.t.Filled:
		return true, j.joined(ctx, first) // a person has deleted the transfer
	case first.Trashed, !whole && !j.t.First.Before.Same(first), !second.Trashed && !j.t.Second.Before.Same(second):
		return false, j.giveUp(ctx, "a draft was changed in the book meanwhile")
	case second.Trashed && (!whole || !j.t.Filled):
		return false, j.giveUp(ctx, "a draft was deleted in the book meanwhile")
	case !whole:
		_, err = j.book.UpdateTransaction(ctx, j.t.BookID, j.filled(first))
		return false, wrap("filling in the other account", err)
	case !j.t.Filled:
		return false, j.noteFilled(ctx, first, true)
	case !second.Trashed:
		_, err = j.book.Trash(ctx, j.t.BookID, bkper.Transaction{ID: second.ID})
		return false, wrap("trashing the second draft", err)
	case j.isOurs(first) && !first.HasRemoteID(j.t.Second.RemoteID) && !j.idRefused:
		_, err = j.book.UpdateTransaction(ctx, j.t.BookID, j.standingForBoth(first))
		if j.idRefused = refused(err); j.idRefused {
			return false, nil // the ledger knows both
		}
		return false, wrap("giving the first draft the second remote id", err)
	default:
		return true, j.joined(ctx, first)
	}
}

// part takes one step towards two transactions.
func (j *job) part(ctx context.Context, first, second bkper.Transaction) (done bool, err error) {
	ours := j.isOurs(first) || j.t.Then == ledger.Apart && first.Status() == bkper.Draft && moves(first, j.from, j.to)
	switch {
	case ours && first.HasRemoteID(j.t.Second.RemoteID):
		_, err = j.book.UpdateTransaction(ctx, j.t.BookID, j.standingForOne(first))
		return false, wrap("taking the second remote id from the first draft", err)
	case second.Trashed && j.t.Filled:
		_, err = j.book.Restore(ctx, j.t.BookID, bkper.Transaction{ID: second.ID})
		if refused(err) && errs.Is(err, errs.NotFound) { // it has left the trash
			if ours && j.isFilledIn() {
				if first, err = j.book.UpdateTransaction(ctx, j.t.BookID, j.emptied(first)); err != nil {
					return false, wrap("taking the other account from the first draft", err)
				}
			}
			return true, j.parted(ctx, first, second)
		}
		return false, wrap("restoring the second draft", err)
	case j.t.Filled:
		return false, j.noteFilled(ctx, first, false)
	case ours && j.isFilledIn():
		_, err = j.book.UpdateTransaction(ctx, j.t.BookID, j.emptied(first))
		return false, wrap("taking the other account from the first draft", err)
	default:
		return true, j.parted(ctx, first, second)
	}
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// isOurs reports whether the first draft is as it was, but for the accounts of
// the transfer.
func (j *job) isOurs(first bkper.Transaction) bool {
	whole := *j.t.First.Before
	whole.From, whole.To = j.from, j.to
	return whole.Same(first)
}

// isFilledIn reports whether it was the app that made the first draft move both
// accounts: now, or by what it had learned. A person's choice stays.
func (j *job) isFilledIn() bool {
	before := j.t.First.Before
	return before.From != j.from || before.To != j.to || before.Reason != ""
}

// before is what the first draft is to say when the two are parted.
func (j *job) before() ledger.Written {
	w := *j.t.First.Before
	if w.From == j.from && w.To == j.to && w.Reason != "" {
		w.Reason = ""
		if j.t.First.RemoteID == j.t.Out {
			w.To = ""
		} else {
			w.From = ""
		}
	}
	return w
}

// filled is the first draft with both accounts and the reason.
func (j *job) filled(first bkper.Transaction) bkper.Transaction {
	t := withReason(first, j.t.Reason)
	t.CreditAccount, t.DebitAccount = &bkper.Account{ID: j.from}, &bkper.Account{ID: j.to}
	return t
}

// standingForBoth is the first draft with both remote ids.
func (j *job) standingForBoth(first bkper.Transaction) bkper.Transaction {
	t := withReason(first, j.t.Reason)
	t.RemoteIDs = append(slices.Clone(first.RemoteIDs), j.t.Second.RemoteID)
	return t
}

// standingForOne is the first draft without the second remote id.
func (j *job) standingForOne(first bkper.Transaction) bkper.Transaction {
	t := first
	if !j.isFilledIn() {
		t = withReason(first, j.t.First.Before.Reason)
	}
	t.RemoteIDs = slices.DeleteFunc(slices.Clone(first.RemoteIDs), func(id string) bool { return id == j.t.Second.RemoteID })
	t.Draft = true
	return t
}

// emptied is the first draft with the accounts it had before.
func (j *job) emptied(first bkper.Transaction) bkper.Transaction {
	before := j.before()
	t := withReason(first, before.Reason)
	t.CreditAccount, t.DebitAccount = accountOf(before.From), accountOf(before.To)
	return t
}

func accountOf(id string) *bkper.Account {
	if id == "" {
		return nil
	}
	return &bkper.Account{ID: id}
}

// withReason is a draft, still a draft, with a reason in words, "" for none.
// Everything else is as it was: Bkper takes an update as the whole of what can
// be written.
func withReason(t bkper.Transaction, reason string) bkper.Transaction {
	t.Draft = true
	t.Properties = maps.Clone(t.Properties)
	if t.Properties == nil {
		t.Properties = make(map[string]string)
	}
	delete(t.Properties, complete.ReasonProperty)
	if reason != "" {
		t.Properties[complete.ReasonProperty] = reason
	}
	return t
}

// noteFilled notes that the first moves both accounts, so that the second may
// be trashed; or that the second is out of the trash again.
func (j *job) noteFilled(ctx context.Context, first bkper.Transaction, filled bool) error {
	j.t.Filled = filled
	return j.update(ctx, j.held, j.t, func(e *ledger.Entry) error {
		if filled {
			j.remember(e, first)
		}
		return nil
	})
}

// remember notes in the first entry what the app has written.
func (j *job) remember(e *ledger.Entry, first bkper.Transaction) {
	if e.RemoteID == j.t.First.RemoteID && e.State == ledger.Recorded && j.isOurs(first) {
		e.Written = ledger.WrittenOf(first, first.Properties[complete.ReasonProperty])
	}
}

// joined marks that the first stands for both.
func (j *job) joined(ctx context.Context, first bkper.Transaction) error {
	j.t.State, j.t.Then = ledger.Joined, ""
	return j.update(ctx, j.held, j.t, func(e *ledger.Entry) error {
		j.remember(e, first)
		if e.RemoteID == j.t.Second.RemoteID {
			e.State = ledger.Merged
		}
		return nil
	})
}

// giveUp turns to taking back what was begun, and leaves the rest to a person.
func (j *job) giveUp(ctx context.Context, why string) error {
	j.t.State, j.t.Then, j.t.Tried = ledger.Parting, ledger.Proposed, true
	j.t.Reason = "Perhaps a transfer; but " + why + "."
	return j.update(ctx, j.held, j.t, func(*ledger.Entry) error { return nil })
}

// parted marks that each stands for itself.
func (j *job) parted(ctx context.Context, first, second bkper.Transaction) error {
	lost := second.Trashed && j.t.Filled
	j.t.Decided = j.t.Then == ledger.Apart
	j.t.State, j.t.Then, j.t.Filled = j.t.Then, "", false
	before := j.before()
	return j.update(ctx, j.held, j.t, func(e *ledger.Entry) error {
		e.Pair = ""
		switch {
		case e.RemoteID == j.t.First.RemoteID:
			if e.State == ledger.Recorded && before.Same(first) {
				e.Written = ledger.WrittenOf(first, before.Reason)
			}
		case lost:
			// The feed records it anew when it is tried again.
			e.State, e.TransactionID, e.Tries = ledger.Parked, "", 1
			e.Problem = &ledger.Problem{
				Code: errs.NotFound, At: j.Now(),
				Sentence: "It was taken out of a transfer, and its draft is in the trash of the book no more. Try again to record it anew.",
			}
		case second.Trashed && e.State == ledger.Merged:
			e.State = ledger.Trashed
		case !second.Trashed && (e.State == ledger.Merged || e.State == ledger.Trashed):
			e.State, e.TransactionID = j.t.Second.State, second.ID
			e.Touched = e.Written != nil && !e.Written.Same(second)
		}
		return nil
	})
}
