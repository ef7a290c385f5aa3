package transfer_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/connectors/demo"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/complete/completetest"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/sandbox"
	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/transfer"
)

const book = completetest.BookID

// world is a book whose accounts are fed, and the service at work in it.
type world struct {
	*completetest.Bench
	*transfer.Service
	wrap func(transfer.Book) transfer.Book
}

// For opens the book for the app.
func (w *world) For(string) transfer.Book {
	if w.wrap != nil {
		return w.wrap(w.App)
	}
	return w.App
}

func newWorld(t testing.TB) *world {
	w := &world{Bench: completetest.New(t)}
	serial := 0
	w.Service = &transfer.Service{
		Engine: w.DB, Books: w, Now: w.Bench.Now, Log: slog.New(slog.DiscardHandler),
		NewID: func() string { serial++; return fmt.Sprint(serial) },
	}
	connection := ledger.Connection{ID: "c1", Accounts: []ledger.BankAccount{
		{Account: bank.Account{Key: "Checking", Mask: "4711", Kind: bank.Checking}},
		{Account: bank.Account{Key: "Savings", Mask: "0815", Kind: bank.Savings}},
		{Account: bank.Account{Key: "Credit Card", Mask: "1881", Kind: bank.CreditCard}},
	}}
	must(t, w.Records.Connections.Save(t.Context(), w.DB, store.Key("c1"), connection))
	for _, a := range connection.Accounts {
		must(t, w.DB.Update(t.Context(), func(tx store.Tx) error {
			return w.Records.PutIntegration(tx, ledger.Integration{
				ID: "i " + a.Key, BookID: book, AccountID: w.Account(a.Key), AccountName: a.Key, ConnectionID: "c1", BankKey: a.Key,
			})
		}))
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// look looks until there is no more.
func (w *world) look(t testing.TB) transfer.Looked {
	t.Helper()
	var all transfer.Looked
	for {
		done, err := w.Look(t.Context(), book, bank.Date{})
		must(t, err)
		all.Joined, all.Proposed = all.Joined+done.Joined, all.Proposed+done.Proposed
		if !done.More {
			return all
		}
	}
}

// bill records both ends of a card payment.
func (w *world) bill() (out, in ledger.Entry) {
	return w.Record("Checking", completetest.Row(5, -51230, "CARD PAYMENT THANK YOU"))[0],
		w.Record("Credit Card", completetest.Row(4, 51230, "CARD PAYMENT THANK YOU"))[0]
}

// wantJoined checks that the book holds one draft for both.
func (w *world) wantJoined(t testing.TB, first, second ledger.Entry) {
	t.Helper()
	from, to := first, second
	if first.Row.Amount.Sign() > 0 {
		from, to = second, first
	}
	kept, gone := w.Transaction(first.TransactionID), w.Transaction(second.TransactionID)
	if kept.Status() != bkper.Draft || kept.CreditAccount == nil || kept.DebitAccount == nil ||
		kept.CreditAccount.ID != from.AccountID || kept.DebitAccount.ID != to.AccountID {
		t.Errorf("the first draft is %+v", kept)
	}
	if !kept.HasRemoteID(first.RemoteID) || !kept.HasRemoteID(second.RemoteID) {
		t.Errorf("its remote ids are %v", kept.RemoteIDs)
	}
	if !strings.HasPrefix(kept.Properties[complete.ReasonProperty], "Transfer: ") || kept.Properties[complete.BankTextProperty] == "" {
		t.Errorf("its properties are %v", kept.Properties)
	}
	if !gone.Trashed {
		t.Errorf("the second draft is %+v", gone)
	}
	f, s := w.Entry(first), w.Entry(second)
	if f.State != ledger.Recorded || f.Pair != second.RemoteID || f.Touched || !f.Written.Same(kept) || f.Written.Reason == "" {
		t.Errorf("the first entry is %+v", f)
	}
	if s.State != ledger.Merged || s.Pair != first.RemoteID {
		t.Errorf("the second entry is %+v", s)
	}
}

// wantApart checks that the book holds an open draft for each.
func (w *world) wantApart(t testing.TB, entries ...ledger.Entry) {
	t.Helper()
	for _, e := range entries {
		draft, now := w.Transaction(e.TransactionID), w.Entry(e)
		if now.State != ledger.Recorded || now.Pair != "" || !e.Written.Same(draft) || !now.Written.Same(draft) || now.Written.Reason != "" {
			t.Errorf("the entry is %+v,\nits draft %+v", now, draft)
		}
		if diff := cmp.Diff([]string{e.RemoteID}, draft.RemoteIDs); diff != "" {
			t.Error(diff)
		}
		if draft.Properties[complete.ReasonProperty] != "" {
			t.Errorf("it still says why: %v", draft.Properties)
		}
	}
}

func TestACardPaymentBecomesOneTransaction(t *testing.T) {
	w := newWorld(t)
	out, in := w.bill()
	w.Calls()
	if done := w.look(t); done != (transfer.Looked{Joined: 1}) {
		t.Errorf("%+v", done)
	}
	// read twice, written three times, read before each step and after the last
	if calls := w.Calls(); calls[http.MethodPut] != 2 || calls[http.MethodPatch] != 1 || calls[http.MethodGet] > 12 {
		t.Errorf("it took %v calls", calls)
	}
	w.wantJoined(t, out, in)
	w.Calls()
	if done := w.look(t); done != (transfer.Looked{}) || w.Calls()[http.MethodGet] != 0 {
		t.Errorf("looking again does %+v", done)
	}
	joined, err := w.Joined(t.Context(), book)
	must(t, err)
	if len(joined) != 1 || joined[0].Out.AccountName != "Checking" || joined[0].In.AccountName != "Credit Card" || joined[0].Reason == "" {
		t.Errorf("%+v", joined)
	}
}

func TestOnlyDaysThatAreKnownWithTheirNeighboursAreLookedAt(t *testing.T) {
	w := newWorld(t)
	// The second that could have left lies before what is read.
	w.Record("Checking", completetest.Row(29, -700, "TRANSFER TO SAVINGS"), completetest.Row(31, -700, "TRANSFER TO SAVINGS"))
	w.Record("Savings", completetest.Row(29, 700, "TRANSFER FROM CHECKING"))
	done, err := w.Look(t.Context(), book, bank.DateOf(completetest.Start).AddDays(-20))
	if err != nil || done != (transfer.Looked{}) {
		t.Errorf("%+v, %v", done, err)
	}
	if done := w.look(t); done != (transfer.Looked{Proposed: 1}) {
		t.Errorf("%+v", done)
	}
}

func TestTheOlderStaysAndWhatMovesBothBeforeIt(t *testing.T) {
	t.Run("the older", func(t *testing.T) {
		w := newWorld(t)
		in := w.Record("Savings", completetest.Row(9, 40000, "TRANSFER FROM CHECKING"))[0]
		out := w.Record("Checking", completetest.Row(8, -40000, "TRANSFER TO SAVINGS"))[0]
		w.look(t)
		w.wantJoined(t, in, out)
	})
	t.Run("what the learner has completed", func(t *testing.T) {
		w := newWorld(t)
		out := w.Record("Checking", completetest.Row(9, -40000, "ACME 17"))[0]
		in := w.Record("Savings", completetest.Row(8, 40000, "INCOMING"))[0]
		w.complete(t, in, "Checking")
		w.look(t)
		w.wantJoined(t, in, out)
		must(t, w.Undo(t.Context(), w.App, book, out.RemoteID))
		w.wantApart(t, in, out)
	})
	t.Run("what the learner has completed on both sides", func(t *testing.T) {
		w := newWorld(t)
		out, in := w.bill()
		w.complete(t, out, "Credit Card")
		w.complete(t, in, "Checking")
		w.look(t)
		w.wantJoined(t, out, in)
	})
}

// complete lets the app fill in what the learner is sure of.
func (w *world) complete(t testing.TB, e ledger.Entry, account string) {
	t.Helper()
	draft := w.Transaction(e.TransactionID)
	if draft.CreditAccount == nil {
		draft.CreditAccount = &bkper.Account{ID: w.Account(account)}
	} else {
		draft.DebitAccount = &bkper.Account{ID: w.Account(account)}
	}
	draft.Draft = true
	draft.Properties[complete.ReasonProperty] = "Learned."
	draft, err := w.App.UpdateTransaction(t.Context(), book, draft)
	must(t, err)
	e.Written = ledger.WrittenOf(draft, "Learned.")
	must(t, w.DB.Update(t.Context(), func(tx store.Tx) error { return w.Records.PutEntry(tx, e) }))
}

func TestAJoinedDraftIsOpenNoMore(t *testing.T) {
	w := newWorld(t)
	w.bill()
	w.look(t)
	open, err := w.Records.Work.All(t.Context(), w.DB, ledger.WorkOf(book, ledger.OpenDraft))
	must(t, err)
	if len(open) != 0 {
		t.Errorf("%v wait for a counter account", open)
	}
}

func TestUndo(t *testing.T) {
	for name, ends := range map[string]func(out, in ledger.Entry) string{
		"by the first":  func(out, _ ledger.Entry) string { return out.RemoteID },
		"by the second": func(_, in ledger.Entry) string { return in.RemoteID },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			out, in := w.bill()
			w.look(t)
			must(t, w.Undo(t.Context(), w.Person, book, ends(out, in)))
			w.wantApart(t, out, in)
			if done := w.look(t); done != (transfer.Looked{}) {
				t.Errorf("then %+v", done)
			}
			w.wantApart(t, out, in)
		})
	}
	t.Run("an entry that was led to the transfer comes back to its own draft", func(t *testing.T) {
		w := newWorld(t)
		out, in := w.bill()
		w.look(t)
		led := w.Entry(in)
		led.TransactionID, led.Touched = out.TransactionID, true
		must(t, w.DB.Update(t.Context(), func(tx store.Tx) error { return w.Records.PutEntry(tx, led) }))
		must(t, w.Undo(t.Context(), w.Person, book, in.RemoteID))
		if now := w.Entry(in); now.TransactionID != in.TransactionID || now.Touched {
			t.Errorf("%+v", now)
		}
		w.wantApart(t, out, in)
	})
	t.Run("such pairs are proposed from then on", func(t *testing.T) {
		w := newWorld(t)
		out, _ := w.bill()
		w.look(t)
		must(t, w.Undo(t.Context(), w.Person, book, out.RemoteID))
		next := []ledger.Entry{
			w.Record("Checking", completetest.Row(15, -7000, "CARD PAYMENT THANK YOU"))[0],
			w.Record("Credit Card", completetest.Row(15, 7000, "CARD PAYMENT THANK YOU"))[0],
		}
		if done := w.look(t); done != (transfer.Looked{Proposed: 1}) {
			t.Errorf("%+v", done)
		}
		w.wantApart(t, next...)
	})
	t.Run("what a person made of it otherwise stays", func(t *testing.T) {
		w := newWorld(t)
		out, in := w.bill()
		w.look(t)
		w.Change(out.TransactionID, func(t *bkper.Transaction) { t.Description = "Visa October" })
		must(t, w.Undo(t.Context(), w.Person, book, out.RemoteID))
		if now := w.Transaction(out.TransactionID); now.Description != "Visa October" || now.DebitAccount != nil || len(now.RemoteIDs) != 1 {
			t.Errorf("the first is %+v", now)
		}
		w.wantApart(t, in)
	})
	for name, do := range map[string]func(w *world, id string){
		"a posted one is left to the person":  func(w *world, id string) { w.Do(w.Person.Post, id) },
		"a trashed one is left to the person": func(w *world, id string) { w.Do(w.Person.Trash, id) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			out, in := w.bill()
			w.look(t)
			do(w, out.TransactionID)
			before := w.Transaction(out.TransactionID)
			if err := w.Undo(t.Context(), w.Person, book, out.RemoteID); !errs.Is(err, errs.Conflict) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(before, w.Transaction(out.TransactionID)); diff != "" || !w.Transaction(in.TransactionID).Trashed {
				t.Error(diff)
			}
		})
	}
	t.Run("a locked book keeps it joined", func(t *testing.T) {
		w := newWorld(t)
		out, in := w.bill()
		w.look(t)
		w.Ask(http.MethodPut, "/v5/books/demo", fmt.Sprintf(`{"lockDate":%q}`, out.Row.Date), nil)
		if err := w.Undo(t.Context(), w.Person, book, out.RemoteID); err == nil || errs.Transient(err) {
			t.Errorf("error %v", err)
		}
		w.wantJoined(t, out, in)
		w.Ask(http.MethodPut, "/v5/books/demo", `{"lockDate":"1900-00-00"}`, nil)
		must(t, w.Undo(t.Context(), w.Person, book, out.RemoteID))
		w.wantApart(t, out, in)
	})
	t.Run("what is no transfer is not found", func(t *testing.T) {
		w := newWorld(t)
		out, _ := w.bill()
		if err := w.Undo(t.Context(), w.Person, book, out.RemoteID); !errs.Is(err, errs.NotFound) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a draft that left the trash is recorded anew by the feed", func(t *testing.T) {
		w := newWorld(t)
		out, in := w.bill()
		w.look(t)
		must(t, w.Undo(t.Context(), emptyTrash{w.App}, book, out.RemoteID))
		w.wantApart(t, out)
		if e := w.Entry(in); e.State != ledger.Parked || e.Problem == nil || e.TransactionID != "" || e.Pair != "" {
			t.Errorf("%+v", e)
		}
	})
}

func TestPart(t *testing.T) {
	w := newWorld(t)
	out, in := w.bill()
	must(t, w.Part(t.Context(), book, out.RemoteID)) // not joined yet
	for _, e := range []ledger.Entry{out, in} {
		w.look(t)
		w.wantJoined(t, out, in)
		must(t, w.Part(t.Context(), book, e.RemoteID))
		w.wantApart(t, out, in)
	}
	w.look(t)
	w.Change(out.TransactionID, rename)
	if err := w.Part(t.Context(), book, in.RemoteID); !errs.Is(err, errs.Conflict) {
		t.Errorf("error %v", err)
	}
	if !w.Transaction(in.TransactionID).Trashed || w.Entry(in).State != ledger.Merged {
		t.Error("what a person has changed was parted")
	}
}

// emptyTrash is a book whose trash has been emptied.
type emptyTrash struct{ *bkper.Client }

func (b emptyTrash) Restore(ctx context.Context, bookID string, _ bkper.Transaction) (bkper.Transaction, error) {
	return b.Client.Restore(ctx, bookID, bkper.Transaction{ID: "none"})
}

func TestWhatAPersonTouchedIsProposed(t *testing.T) {
	for name, touch := range map[string]func(w *world, out, in ledger.Entry){
		"the first renamed":                     func(w *world, out, _ ledger.Entry) { w.Change(out.TransactionID, rename) },
		"the second renamed":                    func(w *world, _, in ledger.Entry) { w.Change(in.TransactionID, rename) },
		"the first completed":                   func(w *world, out, _ ledger.Entry) { w.Fill(out.TransactionID, "Credit Card") },
		"the second completed with the account": func(w *world, _, in ledger.Entry) { w.Fill(in.TransactionID, "Checking") },
		"the first completed and posted": func(w *world, out, _ ledger.Entry) {
			w.Fill(out.TransactionID, "Credit Card")
			w.Do(w.Person.Post, out.TransactionID)
		},
	} {
		for _, told := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, event came: %v", name, told), func(t *testing.T) {
				w := newWorld(t)
				out, in := w.bill()
				touch(w, out, in)
				if told {
					for _, e := range []ledger.Entry{out, in} {
						e.Touched = !e.Written.Same(w.Transaction(e.TransactionID))
						must(t, w.DB.Update(t.Context(), func(tx store.Tx) error { return w.Records.PutEntry(tx, e) }))
					}
				}
				before := []bkper.Transaction{w.Transaction(out.TransactionID), w.Transaction(in.TransactionID)}
				if done := w.look(t); done != (transfer.Looked{Proposed: 1}) {
					t.Errorf("%+v", done)
				}
				if diff := cmp.Diff(before, []bkper.Transaction{w.Transaction(out.TransactionID), w.Transaction(in.TransactionID)}); diff != "" {
					t.Error(diff)
				}
				w.Calls()
				if done := w.look(t); done != (transfer.Looked{}) || w.Calls()[http.MethodGet] != 0 {
					t.Errorf("looking again does %+v", done)
				}
				w.accept(t)
				if a, b := w.Transaction(out.TransactionID), w.Transaction(in.TransactionID); a.Trashed == b.Trashed {
					t.Errorf("accepted: %+v\n%+v", a, b)
				}
				must(t, w.Undo(t.Context(), w.Person, book, out.RemoteID))
				for n, e := range []ledger.Entry{out, in} {
					now := w.Transaction(e.TransactionID)
					before[n].UpdatedAt, now.UpdatedAt = 0, 0
					if diff := cmp.Diff(before[n], now); diff != "" {
						t.Errorf("after undo: %s", diff)
					}
				}
			})
		}
	}
}

func rename(t *bkper.Transaction) { t.Description = "my card" }

// accept accepts the only proposal.
func (w *world) accept(t testing.TB) {
	t.Helper()
	proposals, err := w.Proposals(t.Context(), book)
	must(t, err)
	if len(proposals) != 1 || proposals[0].Reason == "" {
		t.Fatalf("%d proposals: %+v", len(proposals), proposals)
	}
	must(t, w.Accept(t.Context(), w.Person, book, proposals[0].ID))
	must(t, w.Accept(t.Context(), w.Person, book, proposals[0].ID))
}

func TestWhatAPersonDecidedOtherwiseIsNotProposed(t *testing.T) {
	w := newWorld(t)
	out, in := w.bill()
	for _, e := range []ledger.Entry{out, in} {
		w.Fill(e.TransactionID, "Groceries")
		w.Do(w.Person.Post, e.TransactionID)
	}
	if done := w.look(t); done != (transfer.Looked{}) {
		t.Errorf("%+v", done)
	}
	if all, err := w.Proposals(t.Context(), book); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestProposals(t *testing.T) {
	unclear := func(w *world) (out, in ledger.Entry) {
		return w.Record("Checking", completetest.Row(5, -51230, "ACME 0042"))[0], w.Record("Savings", completetest.Row(4, 51230, "INCOMING"))[0]
	}
	t.Run("accepted is one, and such pairs are joined from then on", func(t *testing.T) {
		w := newWorld(t)
		out, in := unclear(w)
		w.look(t)
		w.wantApart(t, out, in)
		w.accept(t)
		w.wantJoined(t, out, in)
		w.Advance(time.Hour)
		a := w.Record("Checking", completetest.Row(2, -700, "ACME 0043"))[0]
		b := w.Record("Savings", completetest.Row(2, 700, "INCOMING"))[0]
		w.look(t)
		w.wantJoined(t, a, b)
	})
	t.Run("rejected are two for ever", func(t *testing.T) {
		w := newWorld(t)
		out, in := unclear(w)
		w.look(t)
		all, err := w.Proposals(t.Context(), book)
		must(t, err)
		must(t, w.Reject(t.Context(), book, all[0].ID))
		must(t, w.Reject(t.Context(), book, all[0].ID))
		if done := w.look(t); done != (transfer.Looked{}) {
			t.Errorf("%+v", done)
		}
		w.wantApart(t, out, in)
		if err := w.Accept(t.Context(), w.Person, book, all[0].ID); !errs.Is(err, errs.Conflict) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("after one was rejected the other possibility is proposed", func(t *testing.T) {
		w := newWorld(t)
		w.Record("Checking", completetest.Row(5, -700, "TRANSFER TO SAVINGS"))
		w.Record("Savings", completetest.Row(5, 700, "TRANSFER FROM CHECKING"), completetest.Row(4, 700, "TRANSFER FROM CHECKING"))
		w.look(t)
		first, err := w.Proposals(t.Context(), book)
		must(t, err)
		must(t, w.Reject(t.Context(), book, first[0].ID))
		if done := w.look(t); done != (transfer.Looked{Proposed: 1}) {
			t.Errorf("%+v", done)
		}
		second, err := w.Proposals(t.Context(), book)
		must(t, err)
		if len(second) != 1 || second[0].ID == first[0].ID {
			t.Errorf("%+v", second)
		}
	})
	t.Run("a joined one is not rejected but undone", func(t *testing.T) {
		w := newWorld(t)
		w.bill()
		w.look(t)
		all, err := w.Joined(t.Context(), book)
		must(t, err)
		if err := w.Reject(t.Context(), book, all[0].ID); !errs.Is(err, errs.Conflict) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("they go when the pair turns out to be certain", func(t *testing.T) {
		w := newWorld(t)
		out, in := unclear(w)
		w.look(t)
		w.complete(t, out, "Savings")
		if done := w.look(t); done.Joined != 1 {
			t.Errorf("%+v", done)
		}
		w.wantJoined(t, out, in)
		if all, err := w.Proposals(t.Context(), book); err != nil || len(all) != 0 {
			t.Errorf("%+v, %v", all, err)
		}
	})
	t.Run("they go with an end", func(t *testing.T) {
		w := newWorld(t)
		out, _ := unclear(w)
		w.look(t)
		out.State = ledger.Trashed
		must(t, w.DB.Update(t.Context(), func(tx store.Tx) error { return w.Records.PutEntry(tx, out) }))
		if all, err := w.Proposals(t.Context(), book); err != nil || len(all) != 0 {
			t.Errorf("%+v, %v", all, err)
		}
		w.look(t)
		if kept, err := w.Records.Transfers.All(t.Context(), w.DB, store.Below(book)); err != nil || len(kept) != 0 {
			t.Errorf("kept %+v, %v", kept, err)
		}
	})
	t.Run("what is not known is not found", func(t *testing.T) {
		w := newWorld(t)
		for _, id := range []string{"", "-", "a-b", strings.Repeat("x", 1000)} {
			if err := w.Accept(t.Context(), w.Person, book, id); !errs.Is(err, errs.NotFound) {
				t.Errorf("%q: error %v", id, err)
			}
			if err := w.Reject(t.Context(), book, id); !errs.Is(err, errs.NotFound) {
				t.Errorf("%q: error %v", id, err)
			}
		}
	})
	t.Run("there are never more than 200", func(t *testing.T) {
		w := newWorld(t)
		var outs, ins []bank.Transaction
		for n := range int64(230) {
			outs = append(outs, completetest.Row(5, -100-n, "ACME"))
			ins = append(ins, completetest.Row(5, 100+n, "INCOMING"))
		}
		w.Record("Checking", outs...)
		w.Record("Savings", ins...)
		if done := w.look(t); done.Proposed != 200 {
			t.Errorf("%+v", done)
		}
		if done := w.look(t); done.Proposed != 0 {
			t.Errorf("then %+v", done)
		}
	})
}

func TestALockedBookLeavesItToThePerson(t *testing.T) {
	w := newWorld(t)
	out, in := w.bill()
	w.Ask(http.MethodPut, "/v5/books/demo", fmt.Sprintf(`{"lockDate":%q}`, out.Row.Date), nil) // the second is not locked
	w.look(t)
	w.wantApart(t, out, in)
	w.Calls()
	w.look(t)
	if calls := w.Calls(); len(calls) != 0 {
		t.Errorf("it tries again: %v", calls)
	}
	w.Ask(http.MethodPut, "/v5/books/demo", `{"lockDate":"1900-00-00"}`, nil)
	w.accept(t)
	w.wantJoined(t, out, in)
}

func TestABusyAccountIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	out, in := w.bill()
	leases := store.Leases{Engine: w.DB, Now: w.Bench.Now}
	lease, err := leases.Acquire(t.Context(), ledger.AccountLease(book, in.AccountID), "feed", time.Minute)
	must(t, err)
	if _, err := w.Look(t.Context(), book, bank.Date{}); !errs.Is(err, errs.Unavailable) {
		t.Errorf("error %v", err)
	}
	w.wantApart(t, out, in)
	must(t, leases.Release(t.Context(), lease))
	w.look(t)
	w.wantJoined(t, out, in)
}

var errCrash = errors.New("crash")

// crashes fails everything from the n-th effect on; the n-th is done or not.
type crashes struct {
	at, seen int
	done     bool
}

func (c *crashes) run(effect func() error) error {
	c.seen++
	switch {
	case c.seen > c.at:
		return errCrash
	case c.seen == c.at && !c.done:
		return errCrash
	}
	err := effect()
	if c.seen == c.at {
		return errors.Join(errCrash, err)
	}
	return err
}

type crashingEngine struct {
	store.Engine
	*crashes
}

func (e crashingEngine) Update(ctx context.Context, f func(store.Tx) error) error {
	return e.run(func() error { return e.Engine.Update(ctx, f) })
}

type crashingBook struct {
	transfer.Book
	*crashes
}

func (b crashingBook) call(do func() (bkper.Transaction, error)) (t bkper.Transaction, err error) {
	err = b.run(func() error { t, err = do(); return err })
	return t, err
}

func (b crashingBook) UpdateTransaction(ctx context.Context, id string, t bkper.Transaction) (bkper.Transaction, error) {
	return b.call(func() (bkper.Transaction, error) { return b.Book.UpdateTransaction(ctx, id, t) })
}

func (b crashingBook) Trash(ctx context.Context, id string, t bkper.Transaction) (bkper.Transaction, error) {
	return b.call(func() (bkper.Transaction, error) { return b.Book.Trash(ctx, id, t) })
}

func (b crashingBook) Restore(ctx context.Context, id string, t bkper.Transaction) (bkper.Transaction, error) {
	return b.call(func() (bkper.Transaction, error) { return b.Book.Restore(ctx, id, t) })
}

// crash runs do so that it is cut short at each effect in turn, before and
// after it, and calls then when everything works again.
func crash(t *testing.T, prepare func(w *world) (do func() error), then func(t *testing.T, w *world, got error)) {
	for at := 1; ; at++ {
		cut := false
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprintf("effect %d, done: %v", at, done), func(t *testing.T) {
				w := newWorld(t)
				do := prepare(w)
				c := &crashes{at: at, done: done}
				engine := w.Service.Engine
				w.Service.Engine = crashingEngine{engine, c}
				w.wrap = func(b transfer.Book) transfer.Book { return crashingBook{b, c} }
				err := do()
				cut = cut || c.seen >= at
				w.Service.Engine, w.wrap = engine, nil
				w.Advance(time.Hour) // leases end
				then(t, w, err)
			})
		}
		if !cut {
			if at < 8 {
				t.Errorf("only %d effects", at-1)
			}
			return
		}
	}
}

func TestACrashAtAnyStepOfJoining(t *testing.T) {
	var out, in ledger.Entry
	crash(t, func(w *world) func() error {
		out, in = w.bill()
		return func() error {
			_, err := w.Look(w.TB.Context(), book, bank.Date{})
			return err
		}
	}, func(t *testing.T, w *world, _ error) {
		w.look(t)
		w.wantJoined(t, out, in)
	})
}

func TestACrashAtAnyStepOfUndoing(t *testing.T) {
	var out, in ledger.Entry
	crash(t, func(w *world) func() error {
		out, in = w.bill()
		w.look(w.TB)
		return func() error { return w.Undo(w.TB.Context(), w.For(""), book, in.RemoteID) }
	}, func(t *testing.T, w *world, err error) {
		w.look(t)
		begun := w.Entry(out).Pair == ""
		if !begun {
			if err == nil {
				t.Error("it says that it is undone")
			}
			must(t, w.Undo(t.Context(), w.App, book, in.RemoteID))
		}
		w.wantApart(t, out, in)
		w.look(t)
		w.wantApart(t, out, in)
	})
}

// between lets a person do something before a call of the app reaches the book.
type between struct {
	transfer.Book
	update, trash func(n int)
	updates       *int
}

func (b between) UpdateTransaction(ctx context.Context, id string, t bkper.Transaction) (bkper.Transaction, error) {
	*b.updates++
	b.update(*b.updates)
	return b.Book.UpdateTransaction(ctx, id, t)
}

func (b between) Trash(ctx context.Context, id string, t bkper.Transaction) (bkper.Transaction, error) {
	b.trash(1)
	return b.Book.Trash(ctx, id, t)
}

// reading does something before a transaction is read.
type reading struct {
	transfer.Book
	before func()
}

func (b reading) Transaction(ctx context.Context, bookID, id string) (bkper.Transaction, error) {
	b.before()
	return b.Book.Transaction(ctx, bookID, id)
}

func TestWhatAPersonDoesMeanwhileStays(t *testing.T) {
	nothing := func(int) {}
	meanwhile := func(t *testing.T, do func(w *world, out, in ledger.Entry) between) (w *world, out, in ledger.Entry) {
		w = newWorld(t)
		out, in = w.bill()
		b := do(w, out, in)
		w.wrap = func(book transfer.Book) transfer.Book {
			b.Book, b.updates = book, new(int)
			return b
		}
		w.look(t)
		w.wrap = nil
		w.look(t)
		return w, out, in
	}
	t.Run("another account chosen after the fill brings the second back", func(t *testing.T) {
		w, out, in := meanwhile(t, func(w *world, out, _ ledger.Entry) between {
			return between{update: nothing, trash: func(int) {
				w.Change(out.TransactionID, func(t *bkper.Transaction) { t.DebitAccount.ID = w.Account("Groceries") })
			}}
		})
		if first := w.Transaction(out.TransactionID); first.DebitAccount.ID != w.Account("Groceries") || first.HasRemoteID(in.RemoteID) {
			t.Errorf("the first is %+v", first)
		}
		w.wantApart(t, in)
	})
	t.Run("a transfer posted before it has both ids is a transfer", func(t *testing.T) {
		w, out, in := meanwhile(t, func(w *world, out, _ ledger.Entry) between {
			return between{update: nothing, trash: func(int) { w.Do(w.Person.Post, out.TransactionID) }}
		})
		if first := w.Transaction(out.TransactionID); first.Status() != bkper.Posted || !w.Transaction(in.TransactionID).Trashed || w.Entry(in).State != ledger.Merged {
			t.Errorf("the first is %+v", first)
		}
	})
	t.Run("a second that was trashed before stays there", func(t *testing.T) {
		w, out, in := meanwhile(t, func(w *world, _, in ledger.Entry) between {
			return between{trash: nothing, update: func(n int) {
				if n == 1 {
					w.Do(w.Person.Trash, in.TransactionID)
				}
			}}
		})
		if first := w.Transaction(out.TransactionID); first.DebitAccount != nil || !w.Transaction(in.TransactionID).Trashed {
			t.Errorf("the first is %+v", first)
		}
	})
	t.Run("a second that was renamed before stays as it is", func(t *testing.T) {
		w, out, in := meanwhile(t, func(w *world, _, in ledger.Entry) between {
			return between{trash: nothing, update: func(n int) {
				if n == 1 {
					w.Change(in.TransactionID, rename)
				}
			}}
		})
		if second := w.Transaction(in.TransactionID); second.Description != "my card" || second.Trashed || w.Entry(in).Pair != "" {
			t.Errorf("the second is %+v", second)
		}
		w.wantApart(t, out)
		w.accept(t)
		if !w.Transaction(in.TransactionID).Trashed {
			t.Error("it was accepted in vain")
		}
	})
	t.Run("a second that is trashed while it is undone stays there", func(t *testing.T) {
		w := newWorld(t)
		out, in := w.bill()
		w.look(t)
		b := between{Book: w.App, updates: new(int), trash: nothing, update: func(n int) {
			if n == 2 {
				w.Do(w.Person.Trash, in.TransactionID)
			}
		}}
		must(t, w.Undo(t.Context(), b, book, out.RemoteID))
		w.wantApart(t, out)
		if !w.Transaction(in.TransactionID).Trashed || w.Entry(in).State != ledger.Trashed {
			t.Errorf("%+v", w.Entry(in))
		}
	})
	t.Run("an entry that another has taken is left alone", func(t *testing.T) {
		w := newWorld(t)
		out, in := w.bill()
		in.Pair = "bc1_20260101_aaaaaaaaaaaaaaaaaaaa"
		w.wrap = func(b transfer.Book) transfer.Book {
			return reading{b, func() {
				must(t, w.DB.Update(t.Context(), func(tx store.Tx) error { return w.Records.PutEntry(tx, in) }))
			}}
		}
		if done := w.look(t); done.Joined != 0 || w.Entry(out).Pair != "" || w.Transaction(in.TransactionID).Trashed {
			t.Errorf("%+v", done)
		}
	})
	t.Run("a transfer that was deleted stays deleted", func(t *testing.T) {
		w, out, in := meanwhile(t, func(w *world, out, _ ledger.Entry) between {
			return between{trash: nothing, update: func(n int) {
				if n == 2 {
					w.Do(w.Person.Trash, out.TransactionID)
				}
			}}
		})
		if !w.Transaction(out.TransactionID).Trashed || !w.Transaction(in.TransactionID).Trashed || w.Entry(in).State != ledger.Merged {
			t.Errorf("%+v", w.Entry(in))
		}
	})
}

func TestFaultsOfTheBookDoNoHarm(t *testing.T) {
	for _, kind := range sandbox.FaultKinds() {
		for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodGet} {
			t.Run(fmt.Sprint(kind, method), func(t *testing.T) {
				w := newWorld(t)
				out, in := w.bill()
				w.Sandbox.Faults().Add(sandbox.Fault{Kind: kind, Method: method, Times: 4})
				for range 5 {
					if _, err := w.Look(t.Context(), book, bank.Date{}); err == nil {
						break
					}
				}
				w.Sandbox.Faults().Clear()
				w.look(t)
				w.wantJoined(t, out, in)
			})
		}
	}
}

func TestEveryCardPaymentOfADemoBankBecomesOneTransaction(t *testing.T) {
	w := newWorld(t)
	c := demo.New(connectors.Deps{Log: slog.New(slog.DiscardHandler), Now: w.Bench.Now, Rand: rand.Reader}, demo.Config{Opened: completetest.Start})
	step, err := c.BeginLink(t.Context(), connectors.LinkRequest{Institution: "us_newyork", Country: "US"})
	must(t, err)
	step, err = c.ContinueLink(t.Context(), []byte(step.Progress.Reveal()), map[string]string{"user": "demo", "password": "demo"})
	must(t, err)
	accounts, err := c.Accounts(t.Context(), step.Done.Secret)
	must(t, err)
	since := bank.DateOf(completetest.Start).AddDays(-300)
	name := map[bank.AccountKind]string{bank.Checking: "Checking", bank.Savings: "Savings", bank.CreditCard: "Credit Card"}
	byAccount := make(map[string][]ledger.Entry)
	rows := 0
	for _, a := range accounts {
		truth := c.Truth("us_newyork", a.Key, since, completetest.Start)
		byAccount[name[a.Kind]] = w.Record(name[a.Kind], truth...)
		rows += len(truth)
	}
	var done transfer.Looked
	for {
		d, err := w.Look(t.Context(), book, since)
		must(t, err)
		done.Joined, done.Proposed = done.Joined+d.Joined, done.Proposed+d.Proposed
		if !d.More {
			break
		}
	}
	bills, merged := 0, 0
	for account, entries := range byAccount {
		for _, e := range entries {
			now := w.Entry(e)
			isTransfer := strings.Contains(e.Row.Description, "CARD PAYMENT") || strings.Contains(e.Row.Description, "TRANSFER ")
			if isTransfer != (now.Pair != "") {
				t.Errorf("%s %s %s %s: pair %q", account, e.Row.Date, e.Row.Amount, e.Row.Description, now.Pair)
			}
			if account == "Checking" && strings.Contains(e.Row.Description, "CARD PAYMENT") {
				bills++
			}
			if now.State == ledger.Merged {
				merged++
			}
		}
	}
	if bills < 8 || merged != done.Joined {
		t.Errorf("%d bills, %d merged, %+v", bills, merged, done)
	}
	live := 0
	for tx, err := range w.Person.Transactions(t.Context(), book, bkper.IsDraft, 1000) {
		must(t, err)
		if !tx.Trashed && strings.HasPrefix(strings.Join(tx.RemoteIDs, ""), "bc1_") {
			live++
		}
	}
	if live != rows-merged {
		t.Errorf("%d drafts of %d rows, %d transfers", live, rows, merged)
	}
	t.Logf("%d rows, %d card bills, %d transfers, %d proposals", rows, bills, merged, done.Proposed)
}
