package feed_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/bookevents"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/seal"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// The people: in the book they trash, restore, edit, complete, check, merge and
// type ahead of the bank; at the desk they lock and unlock, undo and redo runs,
// move the mapping and the start date, link anew, import files, replay what was
// given up. The app hears of what happens in the book late, twice and in any
// order, from the real handler of events.

// mayAct reports whether people act now: not while a run is being undone or a
// double decided, which read all transactions before they trash them (see
// overwriting).
func (l *life) mayAct() bool {
	return !slices.ContainsFunc(l.schedule.tasks, func(t *task) bool { return t.kind == "undo" || t.kind == "decide" })
}

// somebodyInTheBook does something to a transaction; most likely where it hurts
// most: to what was just recorded and nobody has heard of.
func (l *life) somebodyInTheBook() {
	last := len(l.unheard) - 1
	switch {
	case len(l.book.order) == 0 || !l.mayAct():
	case last >= 0 && l.maybe(0.5):
		id := l.unheard[last]
		l.unheard = l.unheard[:last]
		l.actsOn(l.book.all[id], l.rand.IntN(6))
	case l.maybe(0.1):
		l.actsOn(l.book.all[l.book.order[l.rand.IntN(len(l.book.order))]], l.rand.IntN(12))
	}
}

// actsOn does the n-th of what people do to transactions.
func (l *life) actsOn(t bkper.Transaction, n int) {
	_, touched := l.touched[t.ID]
	locked := l.book.book.LockedUntil()
	switch {
	case !locked.IsZero() && !t.Date.After(locked) || l.merged[t.ID]:
	case t.Trashed && touched && l.holdsNobody(t.RemoteIDs):
		t.Trashed, l.restored[t.ID] = false, true
		l.does(bkper.TransactionRestored, t)
		if !l.edited[t.ID] { // what is restored as it was is as it was
			delete(l.touched, t.ID)
		}
	case t.Trashed:
	case n < 4:
		t.Trashed = true
		l.does(bkper.TransactionDeleted, t)
	case t.Checked:
	case n < 6:
		t.Description = "as a person has it"
		l.does(bkper.TransactionUpdated, t)
	case n < 8:
		l.does(bkper.TransactionPosted, posted(t))
	case n < 9:
		t = posted(t)
		t.Checked = true
		l.does(bkper.TransactionChecked, t)
	case n < 10 && len(t.RemoteIDs) > 0:
		l.merge(t)
	}
}

// does puts what a person made of a transaction into the book, and the news of
// it on its way.
func (l *life) does(what bkper.EventType, t bkper.Transaction) {
	t = l.simBook.byPerson(t)
	l.touched[t.ID] = t
	l.edited[t.ID] = l.edited[t.ID] || what != bkper.TransactionDeleted && what != bkper.TransactionRestored
	l.events = append(l.events, l.simBook.news(what, t))
	l.note("a person: %s %s %s", what, t.ID, l.lineOf(t))
}

// holdsNobody reports whether nothing live in the book has one of the ids.
func (l *life) holdsNobody(remoteIDs []string) bool {
	live := l.book.liveRemoteIDs()
	return !slices.ContainsFunc(remoteIDs, func(id string) bool { return live[id] > 0 })
}

// posted is a transaction completed and posted.
func posted(t bkper.Transaction) bkper.Transaction {
	for _, side := range []**bkper.Account{&t.CreditAccount, &t.DebitAccount} {
		if *side == nil {
			*side = &bkper.Account{ID: "Food"}
		}
	}
	t.Draft, t.Posted = false, true
	return t
}

// merge merges a transaction of ours with one that a person has typed: the
// typed one takes its remote ids, ours goes to the trash.
func (l *life) merge(ours bkper.Transaction) {
	typed := ours
	typed.ID, typed.Description = "", "typed by hand"
	typed.CreatedAt = l.simBook.now()
	typed = l.book.add(typed)
	l.merged[ours.ID] = true
	ours.Trashed = true
	l.does(bkper.TransactionDeleted, ours)
	l.does(bkper.TransactionUpdated, typed)
}

// typeAhead records by hand what the bank is about to tell, perhaps in other
// words or under another day.
func (l *life) typeAhead(row bank.Transaction) {
	if l.maybe(0.3) {
		row.Description = l.text()
	}
	if l.maybe(0.3) {
		row.Date = later(row.Date.AddDays(-1), firstOfMonth)
	}
	t := bkper.Transaction{Date: row.Date, Amount: bkper.AmountOf(row.Amount.Number()), Description: row.Description, Draft: true}
	if row.Amount.Sign() < 0 {
		t.CreditAccount = &bkper.Account{ID: l.integration("i1").AccountID}
	} else {
		t.DebitAccount = &bkper.Account{ID: l.integration("i1").AccountID}
	}
	t.CreatedAt = l.simBook.now()
	l.does(bkper.TransactionCreated, l.book.add(t))
}

// deliverEvents tells the app of up to n things that happened in the book.
func (l *life) deliverEvents(n int) {
	for ; n > 0 && len(l.events) > 0; n-- {
		at := l.rand.IntN(len(l.events))
		e := l.events[at]
		handler := &bookevents.Handler{
			Engine: &cuttable{Engine: l.disk, power: l.power, troubled: true}, Books: eventBooks{l.simBook}, Feed: l.feed,
			Completer: l.completer, AgentID: "bank-connections", Now: l.clock,
		}
		heard := l.try(func(ctx context.Context) error {
			_, err := handler.Handle(ctx, e, seal.NewSecret("token"))
			return err
		})
		l.note("event %s of %s, heard: %v", e.Type, e.Resource, heard)
		if heard && (l.trouble == 0 || l.maybe(0.9)) { // else it comes twice
			l.events = slices.Delete(l.events, at, at+1)
		}
	}
}

type eventBooks struct{ book *simBook }

func (b eventBooks) With(seal.Secret) bookevents.Book { return b.book }

// somebodyAtTheDesk does something to the app, or to what it works with.
func (l *life) somebodyAtTheDesk() {
	switch {
	case l.maybe(0.03):
		l.relink()
	case l.maybe(0.05):
		l.importFile()
	case l.maybe(0.04):
		l.undo(false)
	case l.maybe(0.04):
		l.undo(true)
	case l.maybe(0.15):
		l.decideDouble()
	case l.maybe(0.03):
		l.remap()
	case l.maybe(0.03):
		l.moveStart()
	case l.maybe(0.05):
		l.lock()
	case l.maybe(0.2):
		l.unlock()
	case l.maybe(0.1):
		l.saveAgain()
	case l.maybe(0.05):
		l.retryParked()
	case l.maybe(0.03):
		l.replayDead()
	case l.trouble > 0 && l.maybe(0.05): // an outage longer than all retries
		l.bookDown = l.now.Add(time.Duration(10+l.rand.IntN(300)) * time.Minute)
	case l.trouble > 0 && l.maybe(0.05):
		l.bankDown = l.now.Add(time.Duration(10+l.rand.IntN(300)) * time.Minute)
	}
}

func (l *life) lock() {
	l.book.book.LockDate = l.day.AddDays(-l.rand.IntN(5))
	l.note("locked until %s", l.book.book.LockDate)
}

func (l *life) unlock() {
	if l.book.book.LockDate.IsZero() {
		return
	}
	l.book.book.LockDate = bank.Date{}
	l.note("unlocked")
	l.events = append(l.events, bkper.Event{BookID: "book", Type: bkper.BookUpdated, CreatedAt: l.simBook.now()})
}

func (l *life) retryParked() {
	l.try(func(ctx context.Context) error {
		_, err := l.feed.RetryParked(ctx, "book")
		return err
	})
}

// saveAgain saves an integration that has stopped because the bank did not list
// its account.
func (l *life) saveAgain() {
	i := l.integration("i1")
	if i.Stopped != nil && i.Stopped.Code == errs.AccountGone {
		i.Stopped = nil
		i.Resync++
		l.put(i)
	}
}

// undo takes out of the book what a run has brought, or brings it back.
func (l *life) undo(back bool) {
	var runs []ledger.Run
	for _, r := range l.runs() {
		if !r.FinishedAt.IsZero() && (r.Undone > 0) == back && r.Counts.Recorded > 0 {
			runs = append(runs, r)
		}
	}
	if len(runs) == 0 {
		return
	}
	run := runs[l.rand.IntN(len(runs))]
	l.note("undo of %s, back: %v", run.ID, back)
	do := l.feed.Undo
	if back {
		do = l.feed.Redo
	}
	l.try(func(ctx context.Context) error { return do(ctx, run, "u1") })
}

// decideDouble says of two rows that may be one movement that they are, or that
// they are not, or thinks better of what was said. Whether it is true, nobody
// knows.
func (l *life) decideDouble() {
	proposed, one, err := l.feed.Doubles(l.t.Context(), "book")
	l.check(err)
	all := slices.Concat(proposed, one)
	if len(all) == 0 {
		return
	}
	d := all[l.rand.IntN(len(all))]
	as := ledger.AreTwo
	if d.State == ledger.MayBeOne && l.maybe(0.7) {
		as = ledger.IsOne
	}
	l.note("of %s and %s: they are %s", d.New, d.Known+d.Standing, as)
	l.try(func(ctx context.Context) error {
		return l.feed.DecideDouble(ctx, "book", d.New, d.Known+d.Standing, as, "u1")
	})
}

// replayDead replays what was given up: a person always does where nobody else
// can.
func (l *life) replayDead() {
	letters, err := l.queue.Dead(l.t.Context(), 0)
	l.check(err)
	for _, d := range letters {
		fetched := d.Kind == "sync" || d.Kind == "retry" || d.Kind == "reconcile" || d.Kind == "record" && !l.ofFile(d.ID)
		if l.replays || !fetched {
			l.note("replay of %s", d.ID)
			l.try(func(ctx context.Context) error { return l.queue.Replay(ctx, d.ID) })
		}
	}
}

// ofFile reports whether a message records rows of a statement file.
func (l *life) ofFile(id string) bool {
	return slices.ContainsFunc(l.runs(), func(r ledger.Run) bool {
		var number int
		var rest string
		n, _ := fmt.Sscanf(id, "record:"+r.ID+":%d:%s", &number, &rest)
		return r.Kind == ledger.FileRun && n > 0
	})
}

// allTold reports whether the app was told of all that the bank has changed.
func (l *life) allTold() bool {
	return !slices.ContainsFunc(l.moves, func(m *movement) bool { return max(m.revised, m.reissued) > l.seen })
}

// remap lets the bank account record into another account of the book.
func (l *life) remap() {
	i := l.integration("i1")
	i.AccountID = map[string]string{"Bank": "Card", "Card": "Bank"}[i.AccountID]
	i.AccountName, i.Stopped = i.AccountID, nil
	l.put(i)
	l.remapped = true
	l.note("records into %s", i.AccountID)
}

// moveStart moves the start date, and back.
func (l *life) moveStart() {
	if !l.allTold() {
		return
	}
	i := l.integration("i1")
	i.Since = i.Since.AddDays(4)
	l.put(i)
	l.note("starts on %s", i.Since)
	l.ask()
	l.work(20)
	i = l.integration("i1")
	i.Since = firstOfMonth
	l.put(i)
	l.note("starts on %s", i.Since)
	l.ask()
}

// relink links the bank anew: another connection, other ids.
func (l *life) relink() {
	l.calm()
	i := l.integration("i1")
	l.check(l.disk.Update(l.t.Context(), func(tx store.Tx) error { return ledger.All().DeleteIntegration(tx, i) }))
	l.link++
	l.note("linked anew: %s", l.connectionID())
	l.connect(l.connectionID(), "u1")
	i.ConnectionID, i.Resync, i.Stopped = l.connectionID(), i.Resync+1, nil
	l.put(i)
	l.moment++
	for _, m := range l.moves {
		m.ID, m.PendingID, m.reissued = l.newID(), "", l.moment
	}
	clear(l.witness.linked)
	l.removed, l.seen = nil, 0 // under these ids the app was told of nothing
	l.ask()
}

// importFile imports a statement of the last days, perhaps before the feed has
// told of all of it.
func (l *life) importFile() {
	if l.remapped || !l.allTold() || slices.ContainsFunc(l.moves, func(m *movement) bool { return m.gone }) {
		return
	}
	if l.kind == nameless || l.kind == positional {
		l.calm() // without ids nobody could tell a row of the file from a late one
	}
	var rows []bank.Transaction
	for _, m := range l.moves {
		if m.Date.After(l.day.AddDays(-6)) {
			t := m.Transaction
			t.ID = fmt.Sprint("F", m.number)
			rows = append(rows, t)
		}
	}
	if len(rows) == 0 {
		return
	}
	l.calm()
	l.note("a file of %d rows", len(rows))
	l.try(func(ctx context.Context) error {
		_, err := l.feed.Import(ctx, feed.ImportRequest{
			UserID: "u1", BookID: "book", AccountID: "Bank", FileName: "last.ofx", Content: ofx("", "", account{"123", rows}),
		})
		return err
	})
}
