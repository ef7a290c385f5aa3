package feed_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// linked is a world whose checking account records into Bank.
func linked(t testing.TB) *world {
	w := newWorld(t)
	w.integrate("i1", "c1", "checking", "Bank", firstOfMonth)
	return w
}

var (
	coffee = row("a", 3, "-2.50", "COFFEE")
	tea    = row("b", 3, "-3", "TEA")
	wage   = row("c", 4, "1000", "WAGE")
)

func TestRowsOfTheBankBecomeDrafts(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee, tea, wage)
	w.sync()
	w.wantBook("Bank", coffee, tea, wage)
	in, out := w.book.named("WAGE"), w.book.named("COFFEE")
	if !in.Draft || in.DebitAccount.ID != "Bank" || in.CreditAccount != nil || in.Amount != "1000" {
		t.Errorf("money that arrives is recorded as %+v", in)
	}
	if !out.Draft || out.CreditAccount.ID != "Bank" || out.DebitAccount != nil || out.Amount != "2.5" || len(out.RemoteIDs) != 1 {
		t.Errorf("money that leaves is recorded as %+v", out)
	}
	want := ledger.Counts{Came: 3, Recorded: 3}
	if run := w.runs()[0]; run.Counts != want || w.integration("i1").Totals != want {
		t.Errorf("counts %+v, totals %+v, want %+v", run.Counts, w.integration("i1").Totals, want)
	}
	w.addsUp(w.runs()[0])
}

func TestTheSameAgainMakesNoWriteAndNoRun(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee, tea, wage, row("", 5, "-1", "NAMELESS"), row("", 5, "-1", "NAMELESS"))
	w.sync()
	writes := w.book.writes()
	w.sync()
	if n := w.book.writes() - writes; n != 0 || len(w.runs()) != 1 {
		t.Errorf("the second sync made %d writes and %d runs", n, len(w.runs())-1)
	}
}

func TestALostReplyRecordsNothingTwice(t *testing.T) {
	lost := func(n int, err error) func(string) (error, error) {
		return func(op string) (error, error) {
			if op != "create" || n == 0 {
				return nil, nil
			}
			n--
			return nil, err
		}
	}
	for claim, err := range map[string]error{"500": errAway, "a network error": refusal(502, "", ""), "no answer in time": refusal(408, "", "")} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.bank.shows(coffee, tea, wage)
			w.book.trouble = lost(2, err)
			w.sync()
			w.wantBook("Bank", coffee, tea, wage)
			w.addsUp(w.runs()[0])
			if len(w.book.all) != 3 {
				t.Errorf("the book has %d transactions", len(w.book.all))
			}
		})
	}
	t.Run("and what a person trashed before the next try is not recreated", func(t *testing.T) {
		w := linked(t)
		w.bank.shows(coffee, tea)
		w.book.trouble = lost(1, errAway)
		w.check(w.feed.Sync(t.Context(), "c1"))
		for w.book.calls["create"] == 0 {
			w.step()
		}
		w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Trashed = true })
		w.drain()
		w.wantBook("Bank", tea)
		if n := w.states(); n[ledger.Trashed] != 1 || n[ledger.Recorded] != 1 {
			t.Errorf("states %v", n)
		}
	})
	t.Run("and what a person edited before the next try counts as touched", func(t *testing.T) {
		w := linked(t)
		w.bank.shows(coffee)
		w.book.trouble = lost(1, errAway)
		w.check(w.feed.Sync(t.Context(), "c1"))
		for w.book.calls["create"] == 0 {
			w.step()
		}
		w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Description = "coffee with Ana" })
		w.drain()
		changed := coffee
		changed.Amount = money.MustParse("-2.60", "EUR")
		w.bank.shows(changed)
		w.sync()
		if got := w.book.named("coffee with Ana"); got.Amount != "2.5" {
			t.Errorf("the edited draft was changed: %+v", got)
		}
	})
}

func TestAnAnswerMayLackWhatWasRecorded(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee, tea, wage)
	w.book.leaveOut = func(t bkper.Transaction) bool { return t.Description == "TEA" }
	w.sync()
	w.wantBook("Bank", coffee, tea, wage)
	w.addsUp(w.runs()[0])
	if w.book.calls["create"] != 1 {
		t.Errorf("%d calls to create", w.book.calls["create"])
	}
}

func TestARemoteIDInTheTrashDoesNotBlock(t *testing.T) {
	w := linked(t)
	remote := ledger.RemoteID("Bank", coffee.Date, coffee.Amount, 1)
	w.book.add(bkper.Transaction{Date: coffee.Date, Amount: "2.5", RemoteIDs: []string{remote}, Trashed: true})
	w.bank.shows(coffee)
	w.sync()
	w.wantBook("Bank", coffee)
}

func TestTooManyRequestsAreMetWithFewer(t *testing.T) {
	w := linked(t)
	var rows []bank.Transaction
	for n := range 100 {
		rows = append(rows, row(fmt.Sprint("r", n), 1+n/10, "-1", fmt.Sprint("R", n)))
	}
	w.bank.shows(rows...)
	refused := 0
	w.book.trouble = func(op string) (error, error) {
		if op == "create" && refused < 5 {
			refused++
			return errTooOften, nil
		}
		return nil, nil
	}
	w.sync()
	w.wantBook("Bank", rows...)
	if w.book.calls["create"] != 6 || w.book.calls["find"] != 0 {
		t.Errorf("after 5 refusals for too many requests: %d creates and %d look-ups, want 6 and 0", w.book.calls["create"], w.book.calls["find"])
	}
}

func TestABatchHoldsAHundredAtMost(t *testing.T) {
	w := linked(t)
	var rows []bank.Transaction
	for n := range 1234 {
		rows = append(rows, row(fmt.Sprint("r", n), 1+n%20, fmt.Sprint("-", 1+n%7), fmt.Sprint("R", n%50)))
	}
	w.bank.shows(rows...)
	w.sync()
	w.wantBook("Bank", rows...)
	if most := len(rows)/100 + 1; w.book.calls["create"] > most || w.book.largest > 100 {
		t.Errorf("%d calls to create with up to %d rows, want at most %d with 100", w.book.calls["create"], w.book.largest, most)
	}
	if calls := w.book.calls["create"] + w.book.calls["book"] + w.book.calls["list"]; calls > len(rows)/100+20 {
		t.Errorf("%d calls of the book", calls)
	}
	w.addsUp(w.runs()[0])
}

func TestADayLargerThanABatchIsToldApart(t *testing.T) {
	w := linked(t)
	var rows []bank.Transaction
	for range 250 {
		rows = append(rows, row("", 3, "-1", "BUS"))
	}
	w.bank.shows(rows...)
	w.sync()
	w.sync()
	w.wantBook("Bank", rows...)
	rows = append(rows, row("", 3, "-1", "BUS"))
	w.bank.shows(rows...)
	w.sync()
	w.wantBook("Bank", rows...)
}

func TestWhatTheBookRefusesIsParkedAndTheRestGoesOn(t *testing.T) {
	for _, bad := range []int{1, 2, 99, 100} {
		t.Run(fmt.Sprint(bad, " of 100"), func(t *testing.T) {
			w := linked(t)
			var good, all []bank.Transaction
			for n := range 100 {
				text := "GOOD"
				if n*bad%100 < bad {
					text = "BAD"
				}
				r := row(fmt.Sprint("r", n), 3, "-1", fmt.Sprint(text, n))
				if all = append(all, r); text == "GOOD" {
					good = append(good, r)
				}
			}
			w.bank.shows(all...)
			w.book.refuse = func(t bkper.Transaction) error {
				if strings.HasPrefix(t.Description, "BAD") {
					return errInvalid
				}
				return nil
			}
			w.sync()
			w.wantBook("Bank", good...)
			w.addsUp(w.runs()[0])
			if n := w.states(); n[ledger.Parked] != bad || n[ledger.Recorded] != 100-bad {
				t.Errorf("states %v", n)
			}
			for _, l := range w.journal(w.runs()[0]) {
				if l.Outcome == "parked" && !strings.Contains(l.Why, "this is no transaction") {
					t.Errorf("parked because %q", l.Why)
				}
			}
			// One call is refused, then two for each of seven halvings.
			if most := 1 + 2*7*bad; w.book.calls["create"] > min(most, 200) {
				t.Errorf("%d calls to create, at most %d", w.book.calls["create"], most)
			}
			creates := w.book.calls["create"]
			w.sync()
			if w.book.calls["create"] != creates {
				t.Error("what is parked was tried again by itself")
			}
		})
	}
}

func TestALockedDateIsParkedAndRetried(t *testing.T) {
	w := linked(t)
	late := row("d", 10, "-4", "LATE")
	w.book.book.LockDate = bank.NewDate(2026, 11, 5)
	w.bank.shows(coffee, late)
	w.sync()
	w.wantBook("Bank", late)
	w.addsUp(w.runs()[0])
	if w.book.calls["create"] != 1 {
		t.Errorf("%d calls to create: the lock date was known", w.book.calls["create"])
	}
	if n, err := w.feed.RetryParked(t.Context(), "book"); n != 1 || err != nil {
		t.Errorf("RetryParked: %d, %v", n, err)
	}
	w.drain()
	w.wantBook("Bank", late)

	w.book.book.LockDate = bank.Date{}
	if _, err := w.feed.RetryParked(t.Context(), "book"); err != nil {
		t.Fatal(err)
	}
	w.drain()
	w.wantBook("Bank", coffee, late)
	if totals, want := w.integration("i1").Totals, (ledger.Counts{Came: 2, Recorded: 2}); totals != want {
		t.Errorf("totals %+v, want %+v", totals, want)
	}
	if n, err := w.feed.RetryParked(t.Context(), "book"); n != 0 || err != nil {
		t.Errorf("RetryParked with nothing parked: %d, %v", n, err)
	}
}

// Nobody presses a button, and the news of the book never came, or what it led to
// was lost.
func TestWhatWaitsForABookIsTriedWhenTheBookIsCompared(t *testing.T) {
	w := linked(t)
	late := row("d", 10, "-4", "LATE")
	w.book.book.LockDate = bank.NewDate(2026, 11, 5)
	w.bank.shows(coffee, late)
	w.sync()
	nextDay(w)
	w.wantBook("Bank", late)
	if n := w.states(); n[ledger.Parked] != 1 {
		t.Errorf("states of a locked book: %v", n)
	}
	w.book.book.LockDate = bank.Date{}
	nextDay(w)
	w.wantBook("Bank", coffee, late)
	if totals, want := w.integration("i1").Totals, (ledger.Counts{Came: 2, Recorded: 2}); totals != want {
		t.Errorf("totals %+v, want %+v", totals, want)
	}
}

func TestALockThatTheBookDoesNotShowIsNotTriedEveryDay(t *testing.T) {
	w := linked(t)
	w.book.refuse = func(bkper.Transaction) error { return errLocked }
	w.bank.shows(coffee, tea, wage)
	w.sync()
	writes := w.book.writes()
	nextDay(w)
	if n := w.book.writes() - writes; n != 0 {
		t.Errorf("the book was asked %d times to record what it has refused", n)
	}
}

func TestWhatAFormerUserCouldNotRecordIsTriedOnBehalfOfTheNext(t *testing.T) {
	w := linked(t)
	w.book.book.LockDate = coffee.Date
	w.bank.shows(coffee)
	w.sync()
	i := w.integration("i1")
	i.AddedBy = "u2"
	w.put(i)
	left := newFakeBook(w.power)
	left.trouble = func(string) (error, error) { return errLostAccess, nil }
	w.books = func(user string) feed.Book {
		if user == "u1" {
			return left
		}
		return w.book
	}
	w.book.book.LockDate = bank.Date{}
	nextDay(w)
	w.wantBook("Bank", coffee)
}

func TestWhatWasParkedAndAFileRecordsIsParkedNoMore(t *testing.T) {
	w := linked(t)
	w.book.book.LockDate = coffee.Date
	w.bank.shows(coffee)
	w.sync()
	w.book.book.LockDate = bank.Date{}
	w.now = w.now.Add(time.Hour)
	w.importing(feed.ImportRequest{Content: ofx("20261101", "20261122", account{"1", []bank.Transaction{coffee}})})
	w.wantBook("Bank", coffee)
	if totals, want := w.integration("i1").Totals, (ledger.Counts{Came: 1, Recorded: 1}); totals != want {
		t.Errorf("totals %+v, want %+v", totals, want)
	}
}

func TestWhatTheBookRefusedIsTriedAgainWhenTheBankCorrectsIt(t *testing.T) {
	bad, good := row("x", 3, "-9", "BAD"), row("x", 3, "-9", "GOOD")
	for claim, c := range map[string]struct {
		trouble func(w *world) // when the bank corrects it
		says    bank.Transaction
		want    []bank.Transaction
		totals  ledger.Counts
	}{
		"at once":          {says: good, want: []bank.Transaction{coffee, good}, totals: ledger.Counts{Came: 3, Recorded: 2, Matched: 1, Changed: 1}},
		"and parked again": {says: row("x", 3, "-8", "BAD"), want: []bank.Transaction{coffee}, totals: ledger.Counts{Came: 3, Recorded: 1, Matched: 1, Parked: 1, Changed: 1}},
		"and again when that is cut short": {
			says: good, want: []bank.Transaction{coffee, good},
			trouble: func(w *world) {
				creates := w.book.calls["create"]
				w.book.trouble = func(op string) (before, after error) {
					if op == "create" && w.book.calls["create"] == creates+1 {
						return errAway, nil
					}
					return nil, nil
				}
			},
		},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.book.refuse = isBad
			w.bank.tells(nil, coffee, bad)
			w.sync()
			if c.trouble != nil {
				c.trouble(w)
			}
			sought := 0
			w.tap = func(d delivery) {
				if d.Kind == "doubles" {
					sought++
				}
			}
			w.bank.tells(nil, c.says)
			w.sync()
			w.wantBook("Bank", c.want...)
			if recorded := len(c.want) > 1; recorded != (sought > 0) {
				t.Errorf("doubles of it were sought %d times", sought)
			}
			w.addsUp(w.runs()[0])
			if totals := w.integration("i1").Totals; c.trouble == nil && totals != c.totals {
				t.Errorf("totals %+v, want %+v", totals, c.totals)
			}
		})
	}
}

func TestABookLockedMeanwhileIsNotHalvedRowByRow(t *testing.T) {
	w := linked(t)
	w.bank.shows(row("x", 20, "-1", "FIRST"))
	w.sync() // now the accounts of the book are known
	var rows []bank.Transaction
	for n := range 100 {
		rows = append(rows, row(fmt.Sprint("r", n), 3, "-1", fmt.Sprint("R", n)))
	}
	w.book.book.LockDate = bank.NewDate(2026, 11, 5)
	w.bank.shows(rows...)
	creates := w.book.calls["create"]
	w.syncAfter(time.Minute) // within the time for which they are known
	if n := w.book.calls["create"] - creates; n > 1 {
		t.Errorf("%d calls to create, all refused", n)
	}
	if n := w.states(); n[ledger.Parked] != 100 {
		t.Errorf("states %v", n)
	}
}

func TestPlacesOfTheDecimalPoint(t *testing.T) {
	w := linked(t)
	fine := row("x", 3, "-1.234", "FINE")
	w.bank.shows(fine, coffee)
	w.sync()
	w.wantBook("Bank", coffee)
	if lines := w.journal(w.runs()[0]); !strings.Contains(fmt.Sprint(lines), "more decimals") {
		t.Errorf("the journal does not say why: %v", lines)
	}
	w.book.book.FractionDigits = 3
	if _, err := w.feed.RetryParked(t.Context(), "book"); err != nil {
		t.Fatal(err)
	}
	w.drain()
	w.wantBook("Bank", coffee, fine)
}

func TestLostAccessParksStopsAndResumes(t *testing.T) {
	lose := func(op string, err error) func(w *world) {
		return func(w *world) {
			w.book.trouble = func(o string) (error, error) {
				if op == "" || o == op {
					return err, nil
				}
				return nil, nil
			}
		}
	}
	tests := map[string]struct {
		lose func(w *world)
		code errs.Code
	}{
		"the user is no collaborator any more":                {lose("", errLostAccess), errs.LostAccess},
		"the user may read and no longer record":              {lose("create", refusal(403, "forbidden", "no permission")), errs.Forbidden},
		"the token has expired":                               {lose("", refusal(401, "authError", "expired")), errs.Unauthenticated},
		"the book is gone":                                    {lose("", errNoBook), errs.NotFound},
		"the account is archived":                             {func(w *world) { w.archive("Bank", true) }, errs.NotFound},
		"the account was deleted while its number was cached": {func(w *world) { w.deleteAccount("Bank") }, errs.NotFound},
	}
	asked := func(w *world) {
		_, err := w.feed.RetryParked(w.t.Context(), "book")
		w.check(err)
		w.drain()
	}
	for claim, test := range tests {
		for how, resume := range map[string]func(*world){"a person asks": asked, "the book is compared": nextDay} {
			t.Run(claim+", "+how, func(t *testing.T) {
				w := linked(t)
				w.bank.shows(coffee)
				w.sync()
				accounts := append([]bkper.Account(nil), w.book.book.Accounts...)
				test.lose(w)
				w.bank.shows(coffee, tea, wage)
				w.syncAfter(time.Minute) // what is known of the book is out of date
				w.wantBook("Bank", coffee)
				i := w.integration("i1")
				if i.Stopped == nil || i.Stopped.Code != test.code || i.Stopped.Sentence == "" {
					t.Fatalf("stopped: %+v, want %s", i.Stopped, test.code)
				}
				if n := w.states(); n[ledger.Parked] != 2 {
					t.Errorf("states %v", n)
				}
				w.addsUp(w.runs()[0])
				fetches := len(w.bank.fetches)
				w.sync()
				if len(w.bank.fetches) != fetches {
					t.Error("the bank is still asked")
				}

				w.book.trouble, w.book.book.Accounts = nil, accounts
				w.bank.shows(coffee, tea, wage, row("d", 5, "-4", "MEANWHILE"))
				resume(w)
				if test.code == errs.Forbidden && how != "a person asks" {
					asked(w) // who reads the book does not see that
				}
				w.wantBook("Bank", coffee, tea, wage, row("d", 5, "-4", "MEANWHILE"))
				if i := w.integration("i1"); i.Stopped != nil {
					t.Errorf("still stopped: %+v", i.Stopped)
				}
			})
		}
	}
}

// nextDay lets the book be compared with the ledger.
func nextDay(w *world) {
	w.now = w.now.Add(25 * time.Hour)
	w.check(w.feed.CompareDue(w.t.Context()))
	w.drain()
}

func (w *world) archive(id string, archived bool) {
	accounts := append([]bkper.Account(nil), w.book.book.Accounts...)
	for n := range accounts {
		if accounts[n].ID == id {
			accounts[n].Archived = archived
		}
	}
	w.book.book.Accounts = accounts
}

func (w *world) deleteAccount(id string) {
	var left []bkper.Account
	for _, a := range w.book.book.Accounts {
		if a.ID != id {
			left = append(left, a)
		}
	}
	w.book.book.Accounts = left
}

func TestSavingTheIntegrationTriesWhatWasParked(t *testing.T) {
	w := linked(t)
	w.deleteAccount("Bank")
	w.bank.shows(coffee, tea)
	w.sync()
	if n := w.states(); n[ledger.Parked] != 2 {
		t.Fatalf("states %v", n)
	}
	i := w.integration("i1") // the person chooses another account
	i.AccountID, i.Stopped, i.Resync = "Card", nil, 1
	w.put(i)
	w.sync()
	w.wantBook("Card", coffee, tea)
	w.addsUp(w.runs()[0])
}

func TestARemovedIntegrationDropsItsMessages(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee, tea)
	w.check(w.feed.Sync(t.Context(), "c1"))
	w.step() // the sync, not the batch
	i := w.integration("i1")
	w.check(w.disk.Update(t.Context(), func(tx store.Tx) error { return ledger.All().DeleteIntegration(tx, i) }))
	w.drain()
	if len(w.book.all) != 0 || len(w.entries()) != 0 {
		t.Errorf("the book has %d transactions, the ledger %d entries", len(w.book.all), len(w.entries()))
	}
	w.addsUp(w.runs()[0])
	if c := w.runs()[0].Counts; c.Skipped != 2 {
		t.Errorf("counts %+v", c)
	}
	t.Run("and what it had parked, until it is saved again", func(t *testing.T) {
		w := linked(t)
		w.book.book.LockDate = bank.NewDate(2026, 11, 5)
		w.bank.shows(coffee)
		w.sync()
		i := w.integration("i1")
		w.check(w.disk.Update(t.Context(), func(tx store.Tx) error { return ledger.All().DeleteIntegration(tx, i) }))
		w.book.book.LockDate = bank.Date{}
		if n, err := w.feed.RetryParked(t.Context(), "book"); n != 0 || err != nil {
			t.Errorf("RetryParked: %d, %v", n, err)
		}
		w.drain()
		w.wantBook("Bank")
		w.integrate("i2", "c1", "checking", "Card", firstOfMonth)
		w.sync()
		w.wantBook("Card", coffee)
	})
}

func TestTheStartDateIsRespected(t *testing.T) {
	w := newWorld(t)
	w.integrate("i1", "c1", "checking", "Bank", bank.NewDate(2026, 11, 4))
	w.bank.shows(coffee, tea, wage)
	w.sync()
	w.wantBook("Bank", wage)
	if c := w.runs()[0].Counts; c.Skipped != 2 || c.Came != 3 {
		t.Errorf("counts %+v", c)
	}
	w.addsUp(w.runs()[0])
}

func TestPendingRowsStayOutOfTheBook(t *testing.T) {
	kept := func(w *world) (texts []string) {
		rows, err := ledger.All().Pending.Load(w.t.Context(), w.disk, "i1")
		w.check(err)
		for _, r := range rows.Rows {
			texts = append(texts, r.Description)
		}
		return texts
	}
	hotel := pending(row("p", 20, "-100", "HOTEL"))
	t.Run("and are recorded once when they are booked, under another id and amount", func(t *testing.T) {
		w := linked(t)
		w.bank.shows(coffee, hotel)
		w.sync()
		w.wantBook("Bank", coffee)
		if diff := cmp.Diff([]string{"HOTEL"}, kept(w)); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
		w.addsUp(w.runs()[0])
		booked := row("q", 21, "-120", "HOTEL BERLIN")
		booked.PendingID = "p"
		w.bank.shows(coffee, booked)
		w.sync()
		w.wantBook("Bank", coffee, booked)
		if left := kept(w); len(left) != 0 {
			t.Errorf("still announced: %v", left)
		}
	})
	t.Run("and are kept while the bank has nothing new to say of them", func(t *testing.T) {
		w := linked(t)
		w.bank.tells(nil, coffee, hotel)
		w.sync()
		w.bank.tells(nil, tea)
		w.sync()
		if diff := cmp.Diff([]string{"HOTEL"}, kept(w)); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
		w.bank.tells([]string{"p"})
		w.sync()
		if left := kept(w); len(left) != 0 {
			t.Errorf("still announced: %v", left)
		}
		w.wantBook("Bank", coffee, tea)
	})
	t.Run("and are not kept for ever", func(t *testing.T) {
		w := linked(t)
		w.bank.tells(nil, coffee, hotel)
		w.sync()
		w.now = w.now.AddDate(0, 3, 0)
		w.bank.tells(nil, tea)
		w.sync()
		if left := kept(w); len(left) != 0 {
			t.Errorf("still announced: %v", left)
		}
	})
	t.Run("and what is booked under the same id in the same update counts as booked", func(t *testing.T) {
		w := linked(t)
		w.bank.shows(row("p", 20, "-100", "HOTEL"), hotel)
		w.sync()
		w.wantBook("Bank", row("p", 20, "-100", "HOTEL"))
	})
}

func TestRowsThatMoveNoMoneyOrMakeNoSenseAreInTheJournal(t *testing.T) {
	w := linked(t)
	nothing := row("z", 3, "0", "NOTHING")
	undated := row("y", 3, "-1", "UNDATED")
	undated.Date = bank.Date{}
	w.bank.shows(coffee, nothing, undated)
	w.sync()
	w.wantBook("Bank", coffee)
	why := map[string]string{}
	for _, l := range w.journal(w.runs()[0]) {
		if l.Outcome == "skipped" {
			why[l.Text] = l.Why
		}
	}
	if !strings.Contains(why["NOTHING"], "amount is 0") || !strings.Contains(why["UNDATED"], "no date") {
		t.Errorf("skipped because %v", why)
	}
	w.addsUp(w.runs()[0])
}

func TestTheLastOfTwoReportsOfOneIDCounts(t *testing.T) {
	w := linked(t)
	w.bank.tells(nil, row("a", 3, "-2.50", "OLD"), row("a", 3, "-2.60", "NEW"))
	w.sync()
	w.wantBook("Bank", row("a", 3, "-2.60", "NEW"))
}

func TestTwoIntegrationsIntoOneAccountAreBothRecorded(t *testing.T) {
	w := linked(t)
	w.integrate("i2", "c1", "card", "Bank", firstOfMonth)
	page := connectors.AccountPage{Transactions: []bank.Transaction{coffee, tea}, Complete: connectors.Days{From: firstOfMonth, To: today}}
	w.bank.report = map[string]connectors.AccountPage{"checking": page, "card": page}
	w.sync()
	w.wantBook("Bank", coffee, tea, coffee, tea)
	w.sync()
	w.wantBook("Bank", coffee, tea, coffee, tea)
}

func TestAMovedMappingLeavesTheOldAndSendsTheNew(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee)
	w.sync()
	w.check(w.feed.Sync(t.Context(), "c1"))
	i := w.integration("i1")
	i.AccountID, i.Resync = "Card", 1
	w.put(i)
	w.bank.shows(coffee, tea)
	w.sync()
	w.wantBook("Bank", coffee)
	w.wantBook("Card", tea)
	t.Run("also for rows that are on their way", func(t *testing.T) {
		w := linked(t)
		w.bank.shows(coffee)
		w.check(w.feed.Sync(t.Context(), "c1"))
		w.step()
		i := w.integration("i1")
		i.AccountID = "Card"
		w.put(i)
		w.drain()
		w.wantBook("Bank")
		w.wantBook("Card", coffee)
	})
}

func TestABankLinkedAnewDoublesNothing(t *testing.T) {
	w := linked(t)
	w.bank.shows(coffee, tea, wage, row("", 5, "-1", "BUS"), row("", 5, "-1", "BUS"))
	w.sync()
	w.connect("c2", "u1")
	i := w.integration("i1")
	w.check(w.disk.Update(t.Context(), func(tx store.Tx) error { return ledger.All().DeleteIntegration(tx, i) }))
	i.ConnectionID, i.Resync = "c2", 1
	w.put(i)
	other := func(r bank.Transaction, id string) bank.Transaction { r.ID = id; return r }
	again := []bank.Transaction{
		other(coffee, "n1"), other(tea, "n2"), row("n3", 4, "1000", "WAGE NOVEMBER"), row("n4", 5, "-1", "BUS"), row("n5", 5, "-1", "BUS"),
	}
	w.bank.shows(append(again, row("n6", 6, "-7", "NEW"))...)
	w.now = w.now.Add(1e9)
	w.check(w.feed.Sync(t.Context(), "c2"))
	w.drain()
	w.wantBook("Bank", coffee, tea, again[2], row("", 5, "-1", "BUS"), row("", 5, "-1", "BUS"), row("n6", 6, "-7", "NEW"))
	if d := w.states(); d[ledger.Recorded] != 6 {
		t.Errorf("states %v", d)
	}
}

func TestAStandingTransactionIsClaimedNotDoubled(t *testing.T) {
	standing := func(text, date string) bkper.Transaction {
		day, err := bank.ParseDate(date)
		if err != nil {
			t.Fatal(err)
		}
		return bkper.Transaction{
			Date: day, Amount: "2.50", Description: text, Draft: true,
			CreditAccount: &bkper.Account{ID: "Bank"}, DebitAccount: &bkper.Account{ID: "Food"},
		}
	}
	w := linked(t)
	mine := w.book.add(standing("coffee with Ana", "2026-11-03"))
	w.book.add(standing("another day", "2026-11-20"))
	gone := standing("in the trash", "2026-11-03")
	gone.Trashed = true
	w.book.add(gone)
	w.bank.shows(coffee, row("a2", 3, "-2.50", "COFFEE"), tea)
	w.sync()
	w.wantBook("Bank", row("a2", 3, "-2.50", "COFFEE"), tea)
	if n := w.states(); n[ledger.Matched] != 1 || n[ledger.Recorded] != 2 {
		t.Errorf("states %v", n)
	}
	if got := w.book.all[mine.ID]; !cmp.Equal(got, mine) {
		t.Errorf("the claimed draft was changed: %v", cmp.Diff(mine, got))
	}
	w.addsUp(w.runs()[0])
	w.sync()
	w.bank.shows(coffee, row("a2", 3, "-2.50", "COFFEE"), tea, row("a3", 3, "-2.50", "COFFEE"))
	w.sync()
	w.wantBook("Bank", row("a2", 3, "-2.50", "COFFEE"), row("a3", 3, "-2.50", "COFFEE"), tea)
}

func TestWhatWaitedAndWasTypedByHandMeanwhileIsNotDoubled(t *testing.T) {
	w := linked(t)
	late := row("d", 10, "-4", "LATE")
	w.book.book.LockDate = bank.NewDate(2026, 11, 5)
	w.bank.shows(coffee, late)
	w.sync()
	w.book.book.LockDate = bank.Date{}
	w.book.add(bkper.Transaction{
		Date: coffee.Date, Amount: "2.50", Description: "did not want to wait", Draft: true,
		CreditAccount: &bkper.Account{ID: "Bank"}, DebitAccount: &bkper.Account{ID: "Food"},
	})
	if _, err := w.feed.RetryParked(t.Context(), "book"); err != nil {
		t.Fatal(err)
	}
	w.drain()
	w.wantBook("Bank", late)
	if n := w.states(); n[ledger.Matched] != 1 || n[ledger.Recorded] != 1 {
		t.Errorf("states %v", n)
	}
}

func TestRowsWithoutMeasureAreRecorded(t *testing.T) {
	t.Run("an id of many bytes", func(t *testing.T) {
		w := linked(t)
		long := row(strings.Repeat("x", 2000), 3, "-1", "LONG")
		w.bank.shows(coffee, long)
		w.sync()
		w.sync()
		w.wantBook("Bank", coffee, long)
	})
	t.Run("thousands of equal amounts on one day, with long texts", func(t *testing.T) {
		w := linked(t)
		var rows []bank.Transaction
		for n := range 650 {
			rows = append(rows, row(fmt.Sprint("fee", n), 3, "-1", fmt.Sprint("FEE ", n, strings.Repeat(" of the processor", 110))))
		}
		w.bank.shows(rows...)
		w.sync()
		if n := w.states(); n[ledger.Recorded] != len(rows) {
			t.Errorf("states %v", n)
		}
	})
}

func TestTheJournalSaysWhatTheLearnerWaversBetween(t *testing.T) {
	w := linked(t)
	var lessons []ledger.Lesson
	for n := range 8 {
		lessons = append(lessons, ledger.Lesson{
			ID: fmt.Sprint("l", n), BankAccount: "Bank", Date: coffee.Date.AddDays(-n - 1), Amount: "-2.5", Text: "COFFEE",
			Account: []string{"Food", "Card"}[n%2],
		})
	}
	_, err := complete.New(w.disk, w.clock).Teach(t.Context(), "book", lessons, nil)
	w.check(err)
	w.bank.shows(coffee)
	w.sync()
	line := w.journal(w.runs()[0])[0]
	if line.Outcome != "recorded" || !strings.Contains(line.Why, "Food") || !strings.Contains(line.Why, "Card") {
		t.Errorf("%+v", line)
	}
}
