package reconcile

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
)

const checking = "100"

var desk = comparison{
	integrations: []ledger.Integration{{
		ID: "i", BookID: "b", AccountID: checking, AccountName: "Checking", Origin: "demo/bank/key", Currency: "USD", AddedBy: "u",
	}},
	before: noon,
}

var remoteID = ledger.RemoteID(checking, day(3), usd(-1250), 1)

// draft is the transaction that the app writes for an entry.
func draft() bkper.Transaction {
	return bkper.Transaction{
		ID: "t1", Date: day(3), Amount: "12.5", Description: "COFFEE", Draft: true,
		CreditAccount: &bkper.Account{ID: checking}, RemoteIDs: []string{remoteID},
		Properties: map[string]string{"bank_text": "COFFEE #1"},
	}
}

func entry(state ledger.State, change ...func(*ledger.Entry)) ledger.Entry {
	e := ledger.Entry{
		RemoteID: remoteID, BookID: "b", AccountID: checking, State: state, TransactionID: "t1", UpdatedAt: noon.Add(-time.Hour),
		Row: bank.Transaction{Date: day(3), Amount: usd(-1250), Description: "COFFEE #1", Status: bank.Booked},
	}
	if state == ledger.Recorded {
		e.Written = ledger.WrittenOf(draft(), "")
	}
	for _, f := range change {
		f(&e)
	}
	return e
}

func with(change func(*bkper.Transaction)) bkper.Transaction {
	t := draft()
	change(&t)
	return t
}

var (
	posted    = with(func(t *bkper.Transaction) { t.Posted, t.Draft, t.DebitAccount = true, false, &bkper.Account{ID: "200"} })
	trashed   = with(func(t *bkper.Transaction) { t.Trashed = true })
	merged    = with(func(t *bkper.Transaction) { t.ID = "t2" })
	otherDay  = with(func(t *bkper.Transaction) { t.Date = day(4) })
	otherSum  = with(func(t *bkper.Transaction) { t.Amount = "13" })
	noSum     = with(func(t *bkper.Transaction) { t.Amount = "" })
	elsewhere = with(func(t *bkper.Transaction) { t.CreditAccount = &bkper.Account{ID: "300"} })
)

func live(all ...bkper.Transaction) copies { return copies{live: all} }
func gone(all ...bkper.Transaction) copies { return copies{trashed: all} }

func touched(e *ledger.Entry) { e.Touched = true }

// own is what a person has typed in, and an entry that is known to be it.
var own = bkper.Transaction{ID: "typed", Date: day(1), Amount: "12.5", Posted: true, CreditAccount: &bkper.Account{ID: checking}}

func withdrawn(flag string) func(*ledger.Entry) {
	return func(e *ledger.Entry) { e.Withdrawn, e.Flag = true, flag }
}

func typed(e *ledger.Entry) { e.TransactionID, e.Same = "typed", "typed" }

func sameAs(remoteID string) func(*ledger.Entry) { return func(e *ledger.Entry) { e.Same = remoteID } }

func joined(e *ledger.Entry) { e.Pair = "bc1_20261104_aaaaaaaaaaaaaaaaaaaa" }

func TestEntriesAgainstTheBook(t *testing.T) {
	for _, test := range []struct {
		claim string
		e     ledger.Entry
		in    copies
		kind  ledger.FindingKind // "" if nothing differs
		heals string             // state, transaction and touched after healing, "" if nothing is healed
		says  string
	}{
		{"an untouched draft is right", entry(ledger.Recorded), live(draft()), "", "", ""},
		{"a transaction that a person posted is right", entry(ledger.Recorded, touched), live(posted), "", "", ""},
		{"posted without our hearing of it, it is a person's", entry(ledger.Recorded), live(posted), ledger.FoundChanged, "recorded t1 touched", "leaves it"},
		{"trashed in the book, it leaves a tombstone", entry(ledger.Recorded), gone(trashed), ledger.FoundTrashed, "trashed t1", "not recorded again"},
		{"a matched one that was trashed leaves a tombstone", entry(ledger.Matched), gone(trashed), ledger.FoundTrashed, "trashed t1", ""},
		{"a tombstone of what is trashed is right", entry(ledger.Trashed), gone(trashed), "", "", ""},
		{"a tombstone of what is gone is right", entry(ledger.Trashed), copies{sought: true}, "", "", ""},
		{"restored in the book, it counts as recorded", entry(ledger.Trashed), live(draft()), ledger.FoundLive, "recorded t1 touched", ""},
		{
			"restored untouched, it is still the app's draft",
			entry(ledger.Trashed, func(e *ledger.Entry) { e.Written = ledger.WrittenOf(draft(), "") }), live(draft()),
			ledger.FoundLive, "recorded t1", "",
		},
		{
			"a restored one that the app did not record is matched",
			entry(ledger.Trashed), live(with(func(t *bkper.Transaction) { t.RemoteIDs = nil })),
			ledger.FoundLive, "matched t1 touched", "",
		},
		{"what the bank withdrew and a person restored is the person's", entry(ledger.Removed), live(draft()), ledger.FoundLive, "recorded t1 touched", ""},
		{"restored after the bank withdrew it, it is flagged", entry(ledger.Trashed, withdrawn("")), live(draft()), ledger.FoundLive, "recorded t1 touched: " + ledger.StandsWithdrawn, ""},
		{"what the bank withdrew and a person restored is flagged", entry(ledger.Removed, withdrawn("")), live(draft()), ledger.FoundLive, "recorded t1 touched: " + ledger.StandsWithdrawn, ""},
		{"what is flagged already keeps its words", entry(ledger.Trashed, withdrawn("The bank withdrew it.")), live(draft()), ledger.FoundLive, "recorded t1 touched: The bank withdrew it.", ""},
		{"what the bank withdrew and is about to be trashed is left to the feed", entry(ledger.Recorded, withdrawn("")), live(draft()), "", "", ""},
		{"what the bank withdrew and stands there all the same is said", entry(ledger.Recorded, withdrawn(ledger.StandsWithdrawn)), live(draft()), ledger.FoundFlagged, "", ledger.StandsWithdrawn},
		{"also of what a person has typed in", entry(ledger.Matched, typed, withdrawn(ledger.StandsWithdrawn)), live(own), ledger.FoundFlagged, "", ledger.StandsWithdrawn},
		{"what the bank withdrew and is trashed is right", entry(ledger.Removed), gone(trashed), "", "", ""},
		{"a merge is followed", entry(ledger.Recorded, touched), copies{live: []bkper.Transaction{merged}, trashed: []bkper.Transaction{trashed}}, ledger.FoundMerged, "recorded t2 touched", "merged"},
		{"another day is named", entry(ledger.Recorded, touched), live(otherDay), ledger.FoundEdited, "", "The bank says -12.50 USD on 2026-11-04, the book says -12.50 USD on 2026-11-05"},
		{"another amount is named, and a person's", entry(ledger.Recorded), live(otherSum), ledger.FoundEdited, "recorded t1 touched", "-13.00 USD"},
		{"an amount that was taken away is named", entry(ledger.Recorded, touched), live(noSum), ledger.FoundEdited, "", "0.00 USD"},
		{"another account is named", entry(ledger.Recorded, touched), live(elsewhere), ledger.FoundElsewhere, "", "does not move Checking"},
		{
			"what the bank changed later is said in its own words",
			entry(ledger.Recorded, touched, func(e *ledger.Entry) { e.Flag = "The bank now says something else." }), live(otherSum),
			ledger.FoundFlagged, "", "The bank now says something else.",
		},
		{
			"two transactions that were merged may have either's day",
			entry(ledger.Recorded, touched), live(with(func(t *bkper.Transaction) {
				t.Date, t.RemoteIDs = day(5), append(t.RemoteIDs, ledger.RemoteID("900", day(5), usd(1250), 1))
			})),
			"", "", "",
		},
		{"a matched one may say what a person likes", entry(ledger.Matched), live(otherSum), "", "", ""},
		{"twice is named and left to a person", entry(ledger.Recorded), live(draft(), merged), ledger.FoundTwice, "", "2 times"},
		{"gone from the book, it is named", entry(ledger.Recorded), copies{sought: true}, ledger.FoundGone, "", "not even in the trash"},
		{"not listed and not sought, it may be elsewhere", entry(ledger.Recorded), copies{}, ledger.FoundGone, "", "another day"},
		{"a withdrawal under way is the feed's", entry(ledger.Recorded, func(e *ledger.Entry) { e.Withdrawn = true }), gone(trashed), "", "", ""},
		{"what was undone and restored by a person is the person's", entry(ledger.Undone), live(draft()), ledger.FoundLive, "recorded t1 touched", ""},
		{"what is being undone is the feed's", entry(ledger.Undoing), gone(trashed), "", "", ""},
		{"one end of a transfer is right", entry(ledger.Recorded, joined), live(otherDay), "", "", ""},
		{"one end of a transfer that was deleted is named and not healed", entry(ledger.Recorded, joined), gone(trashed), ledger.FoundGone, "", "transfer"},
		{"the other end of a transfer is right", entry(ledger.Merged, joined), live(elsewhere), "", "", ""},
		{"a claim that hangs is named", entry(ledger.Claimed), copies{}, ledger.FoundClaimed, "", "2026-11-22 11:00 UTC"},
		{"a claim that is in the book is left for the feed to confirm", entry(ledger.Claimed), live(draft()), ledger.FoundLive, "", "soon"},
		{"a claim that is in the trash is not recorded again", entry(ledger.Claimed), gone(trashed), ledger.FoundTrashed, "trashed t1", ""},
		{
			"a parked one says why",
			entry(ledger.Parked, func(e *ledger.Entry) {
				e.Problem = &ledger.Problem{Code: errs.Locked, Sentence: "The book is locked."}
			}),
			copies{},
			ledger.FoundParked, "", "The book is locked.",
		},
		{"taken out as another movement, it is right in the trash", entry(ledger.Undone, sameAs("bc1_x")), gone(trashed), "", "", ""},
		{"restored in the book, it is another movement no more", entry(ledger.Undone, sameAs("bc1_x")), live(draft()), ledger.FoundLive, "recorded t1 touched", "two again"},
		{"restored after the bank withdrew it, it is flagged too", entry(ledger.Undone, sameAs("bc1_x"), withdrawn("")), live(draft()), ledger.FoundLive, "recorded t1 touched: " + ledger.StandsWithdrawn, "two again"},
		{"what stands for a typed one is right while its own draft is in the trash", entry(ledger.Matched, typed), copies{live: live(own).live, trashed: gone(trashed).trashed}, "", "", ""},
		{"restored beside the typed one, it stands for it no more", entry(ledger.Matched, typed), live(own, draft()), ledger.FoundLive, "recorded t1 touched", "two again"},
		{"a typed one in the trash is a tombstone, whatever lies there besides", entry(ledger.Matched, typed), gone(trashed, with(func(t *bkper.Transaction) { *t = own; t.Trashed = true })), ledger.FoundTrashed, "trashed typed", ""},
		{"of a removed integration nothing is given to the feed", entry(ledger.Parked, func(e *ledger.Entry) { e.Integration = "removed" }), live(draft()), ledger.FoundLive, "recorded t1 touched", ""},
		{"a parked one that is in the book is given to the feed to confirm", entry(ledger.Parked), live(draft()), ledger.FoundLive, "claimed t1", "soon"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			v := desk.entry(test.e, test.in)
			if v.finding == nil {
				if test.kind != "" || v.healed != nil {
					t.Fatalf("nothing is found; healed %+v", v.healed)
				}
				return
			}
			if v.finding.Kind != test.kind || !strings.Contains(v.finding.Sentence, test.says) {
				t.Errorf("found %+v", v.finding)
			}
			if got := stateOf(v.healed); got != test.heals {
				t.Errorf("healed %q, want %q", got, test.heals)
			}
		})
	}
}

func stateOf(e *ledger.Entry) string {
	if e == nil {
		return ""
	}
	text := string(e.State) + " " + e.TransactionID
	if e.Touched {
		text += " touched"
	}
	if e.Flag != "" {
		text += ": " + e.Flag
	}
	return text
}

func TestForgottenEntriesAreMadeAnewWhereTheIdProvesThem(t *testing.T) {
	want := entry(ledger.Recorded, touched, func(e *ledger.Entry) {
		e.Written, e.UserID, e.Integration, e.Origins, e.UpdatedAt = nil, "u", "i", []string{"demo/bank/key"}, noon
	})
	v := desk.unknown("b", remoteID, live(otherDay), noon)
	if diff := cmp.Diff(&want, v.healed); diff != "" {
		t.Error("a live one, moved to another day:", diff)
	}
	want.State = ledger.Trashed
	if diff := cmp.Diff(&want, desk.unknown("b", remoteID, gone(trashed), noon).healed); diff != "" {
		t.Error("one in the trash:", diff)
	}
	if v := desk.unknown("b", remoteID, live(otherSum), noon); v.healed != nil || v.finding.Kind != ledger.FoundUnknown || !strings.Contains(v.finding.Sentence, "copied") {
		t.Errorf("one whose id proves nothing: %+v", v)
	}
	if v := desk.unknown("b", remoteID, gone(with(func(t *bkper.Transaction) { t.Trashed, t.Amount = true, "1" })), noon); v.finding != nil {
		t.Errorf("one in the trash whose id proves nothing: %+v", v)
	}
	two := desk
	two.integrations = append(slices.Clone(desk.integrations), ledger.Integration{ID: "j", AccountID: checking, Currency: "USD"})
	if e := two.unknown("b", remoteID, live(draft()), noon).healed; e == nil || e.Integration != "" || e.Origins != nil {
		t.Errorf("one of an account that two banks feed: %+v", e)
	}
}

// Whatever stands in the book: healing is done once, takes nothing back that a
// person has done, and never says recorded of what is not there.
func TestHealingSettles(t *testing.T) {
	states := []ledger.State{ledger.Claimed, ledger.Recorded, ledger.Matched, ledger.Parked, ledger.Trashed, ledger.Removed, ledger.Undoing, ledger.Undone, ledger.Merged}
	rapid.Check(t, func(t *rapid.T) {
		e := entry(rapid.SampledFrom(states).Draw(t, "state"), func(e *ledger.Entry) {
			e.Touched = rapid.Bool().Draw(t, "touched")
			e.Withdrawn = rapid.Bool().Draw(t, "withdrawn")
			e.Flag = rapid.SampledFrom([]string{"", "The bank withdrew it."}).Draw(t, "flag")
		})
		var in copies
		for n := range rapid.IntRange(0, 3).Draw(t, "copies") {
			in.add(with(func(tx *bkper.Transaction) {
				tx.ID = string(rune('a' + n))
				tx.Trashed = rapid.Bool().Draw(t, "trashed")
				tx.Posted = rapid.Bool().Draw(t, "posted")
				tx.Amount = rapid.SampledFrom([]bkper.Amount{"12.5", "13", ""}).Draw(t, "amount")
			}))
		}
		v := desk.entry(e, in)
		if v.finding == nil && v.healed != nil {
			t.Fatal("healed without a word")
		}
		if v.healed == nil {
			return
		}
		h := *v.healed
		switch {
		case e.Touched && !h.Touched:
			t.Fatal("a person's touch is forgotten")
		case h.State == ledger.Claimed && (e.State != ledger.Parked || h.Tries < 2):
			t.Fatalf("from %s, with %d tries, the feed would not look for it", e.State, h.Tries)
		case (h.State == ledger.Recorded || h.State == ledger.Matched || h.State == ledger.Claimed) != (len(in.live) > 0):
			t.Fatalf("healed to %s with %d in the book", h.State, len(in.live))
		case h.RemoteID != e.RemoteID || !cmp.Equal(h.Row, e.Row, cmp.Comparer(func(a, b money.Amount) bool { return a.Equal(b) })):
			t.Fatal("what the bank says was changed")
		}
		if again := desk.entry(h, in); again.healed != nil {
			t.Fatalf("healed again: %s, then %s", stateOf(v.healed), stateOf(again.healed))
		}
	})
}

func TestFindingsThatWaitForAPersonComeFirst(t *testing.T) {
	var verdicts []verdict
	for n := range mostFindings + 50 {
		verdicts = append(verdicts, verdict{finding: &ledger.Finding{Kind: ledger.FoundTrashed, Date: day(n), Healed: true}})
	}
	verdicts = append(verdicts, verdict{finding: &ledger.Finding{Kind: ledger.FoundTwice, Date: day(-10)}}, verdict{})
	var r ledger.Reconciliation
	note(&r, verdicts)
	if len(r.Findings) != mostFindings || r.Findings[0].Kind != ledger.FoundTwice || r.Findings[1].Date != day(mostFindings+49) {
		t.Errorf("%d findings, the first are %+v", len(r.Findings), r.Findings[:2])
	}
	if want := map[ledger.FindingKind]int{ledger.FoundTrashed: mostFindings + 50, ledger.FoundTwice: 1}; !cmp.Equal(r.Counts, want) || r.Healed != mostFindings+50 {
		t.Errorf("%v, %d healed", r.Counts, r.Healed)
	}
}
