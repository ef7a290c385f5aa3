package feed_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/complete"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/queue"
)

// Cases in which something comes twice, late, or after it was overtaken: scripts
// of what random lives have found, and of what they seldom come upon.

// process is a process on what lasts. Its messages wait until the test hands
// them over.
type process struct {
	*feed.Service
	w       *world
	waiting []queue.Message
}

func (p *process) Publish(_ context.Context, messages ...queue.Message) error {
	p.waiting = append(p.waiting, messages...)
	return nil
}

// books is one book for everybody.
type books struct{ feed.Book }

func (b books) For(string) feed.Book { return b.Book }

func (w *world) deps(q queue.Publisher, b feed.Book) feed.Deps {
	engine := &cuttable{Engine: w.disk, power: w.power, troubled: true}
	return feed.Deps{
		Engine: engine, Queue: q, Connectors: w, Books: books{b}, Sealer: plain{},
		Completer: complete.New(engine, w.clock), Now: w.clock, Jitter: w.chance,
		NewID: func() string { w.ids++; return name("o", w.ids) },
		Log:   slog.New(slog.DiscardHandler),
	}
}

// process begins another process.
func (w *world) process() *process {
	p := &process{w: w}
	p.Service = feed.New(w.deps(p, w.book))
	return p
}

// with lets the feed see the book through another one.
func (w *world) with(b feed.Book) { w.feed = feed.New(w.deps(w.queue, b)) }

// hand delivers a message.
func (p *process) hand(m queue.Message) error {
	return p.Handle(p.w.t.Context(), delivery{Message: m, Attempt: 1, Published: p.w.now})
}

// handAll delivers what waits, and what comes of it.
func (p *process) handAll() {
	p.w.t.Helper()
	for n := 0; len(p.waiting) > 0; n++ {
		m := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.w.check(p.hand(m))
		if n > 1000 {
			p.w.t.Fatal("it does not come to rest")
		}
	}
}

// fetch syncs and returns the batches that are to be recorded.
func (p *process) fetch() []queue.Message {
	p.w.t.Helper()
	p.w.now = p.w.now.Add(1e9)
	p.w.check(p.Sync(p.w.t.Context(), "c1"))
	m := p.waiting[len(p.waiting)-1]
	p.waiting = p.waiting[:len(p.waiting)-1]
	p.w.check(p.hand(m))
	batches := p.waiting
	p.waiting = nil
	return batches
}

// answering is a book that answers a remote id that it knows with what it has
// under it, in the trash too.
type answering struct{ *fakeBook }

func (b answering) CreateTransactions(ctx context.Context, book string, items []bkper.Transaction) (map[string]bkper.Transaction, error) {
	known := map[string]bkper.Transaction{}
	var unknown []bkper.Transaction
	for _, t := range items {
		if ids := b.ofRemote[t.RemoteIDs[0]]; len(ids) > 0 {
			known[t.RemoteIDs[0]] = b.all[ids[0]]
		} else {
			unknown = append(unknown, t)
		}
	}
	answer, err := b.fakeBook.CreateTransactions(ctx, book, unknown)
	for id, t := range known {
		if err == nil {
			answer[id] = t
		}
	}
	return answer, err
}

func TestWhatABookAnswersUnderAKnownIDMayBeAPersons(t *testing.T) {
	for claim, c := range map[string]struct {
		person  func(*bkper.Transaction) // nil for nobody
		state   ledger.State
		follows bool
	}{
		"nobody has touched it": {nil, ledger.Recorded, true},
		"edited":                {func(t *bkper.Transaction) { t.Description = "coffee with Ana" }, ledger.Recorded, false},
		"posted":                {func(t *bkper.Transaction) { t.Draft, t.Posted = false, true }, ledger.Recorded, false},
		"trashed":               {func(t *bkper.Transaction) { t.Trashed = true }, ledger.Trashed, false},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.with(answering{w.book})
			// As before the ledger was lost.
			before := w.book.add(bkper.Transaction{
				Date: coffee.Date, Amount: "2.5", Description: "COFFEE", Draft: true, CreditAccount: &bkper.Account{ID: "Bank"},
				RemoteIDs:  []string{ledger.RemoteID("Bank", coffee.Date, coffee.Amount, 1)},
				Properties: map[string]string{"bank_text": "COFFEE"}, CreatedAt: 1000, UpdatedAt: 1000,
			})
			if c.person != nil {
				w.book.edit("COFFEE", func(t *bkper.Transaction) {
					c.person(t)
					t.UpdatedAt = 2000
				})
				before = w.book.all[before.ID]
			}
			w.bank.shows(coffee, tea)
			w.sync()
			if e := w.entryOf("COFFEE"); e.State != c.state || e.TransactionID != before.ID {
				t.Errorf("the entry is %s of %q", e.State, e.TransactionID)
			}
			w.bank.shows(dearer, tea)
			w.sync()
			now := w.book.all[before.ID]
			if c.follows != (now.Amount == "2.6") {
				t.Errorf("after a change at the bank it is %+v", now)
			}
			if !c.follows && (now.Description != before.Description || now.Amount != before.Amount || now.Status() != before.Status()) {
				t.Errorf("what a person has touched was changed: %+v", now)
			}
			if len(w.book.all) != 2 {
				t.Errorf("the book has %d transactions", len(w.book.all))
			}
		})
	}
}

// takesSome is a book that records items one after the other until it comes to
// one that it refuses.
type takesSome struct{ *fakeBook }

func (b takesSome) CreateTransactions(ctx context.Context, book string, items []bkper.Transaction) (map[string]bkper.Transaction, error) {
	all := map[string]bkper.Transaction{}
	for _, t := range items {
		answer, err := b.fakeBook.CreateTransactions(ctx, book, []bkper.Transaction{t})
		if err != nil {
			return nil, err
		}
		maps.Copy(all, answer)
	}
	return all, nil
}

// refuseKnown lets the book refuse a remote id that it has.
func (w *world) refuseKnown(also func(bkper.Transaction) error) {
	w.book.refuse = func(t bkper.Transaction) error {
		if t.ID == "" && w.book.liveRemoteIDs()[t.RemoteIDs[0]] > 0 {
			return refusal(409, "conflict", "there already")
		}
		if also != nil {
			return also(t)
		}
		return nil
	}
}

func TestWhatIsRefusedBecauseItIsThereIsNotParked(t *testing.T) {
	t.Run("since before the ledger was lost", func(t *testing.T) {
		w := linked(t)
		w.refuseKnown(nil)
		w.book.add(bkper.Transaction{
			Date: coffee.Date, Amount: "2.5", Description: "COFFEE", Draft: true, CreditAccount: &bkper.Account{ID: "Bank"},
			RemoteIDs:  []string{ledger.RemoteID("Bank", coffee.Date, coffee.Amount, 1)},
			Properties: map[string]string{"bank_text": "COFFEE"},
		})
		w.bank.shows(coffee, tea, wage)
		w.sync()
		w.wantBook("Bank", coffee, tea, wage)
		if n := w.states(); n[ledger.Recorded] != 3 {
			t.Errorf("states %v", n)
		}
		w.addsUp(w.runs()[0])
		w.bank.shows(dearer, tea, wage)
		w.sync()
		w.wantBook("Bank", dearer, tea, wage)
	})
	t.Run("since the book took some of a batch that it refused", func(t *testing.T) {
		w := linked(t)
		w.with(takesSome{w.book})
		bad := row("x", 3, "-9", "BAD")
		w.refuseKnown(isBad)
		w.bank.shows(coffee, tea, bad, wage)
		w.sync()
		w.wantBook("Bank", coffee, tea, wage)
		if n := w.states(); n[ledger.Recorded] != 3 || n[ledger.Parked] != 1 {
			t.Errorf("states %v", n)
		}
		w.addsUp(w.runs()[0])
	})
}

func isBad(t bkper.Transaction) error {
	if t.Description == "BAD" {
		return errInvalid
	}
	return nil
}

// takesOthers is a book that takes all of a batch but what it refuses.
type takesOthers struct{ *fakeBook }

func (b takesOthers) CreateTransactions(ctx context.Context, book string, items []bkper.Transaction) (map[string]bkper.Transaction, error) {
	all := map[string]bkper.Transaction{}
	var refused error
	for _, t := range items {
		answer, err := b.fakeBook.CreateTransactions(ctx, book, []bkper.Transaction{t})
		if err != nil {
			refused = err
		}
		maps.Copy(all, answer)
	}
	if refused != nil {
		return nil, refused
	}
	return all, nil
}

func TestOfABatchThatWasRefusedTheBookMayHaveSome(t *testing.T) {
	for claim, c := range map[string]struct {
		book  func(*fakeBook) feed.Book
		trash string // what a person trashes right after the batch was refused
		want  []bank.Transaction
	}{
		"what came before the item": {func(b *fakeBook) feed.Book { return takesSome{b} }, "COFFEE", []bank.Transaction{tea, wage}},
		"all but the item":          {func(b *fakeBook) feed.Book { return takesOthers{b} }, "TEA", []bank.Transaction{coffee, wage}},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.with(c.book(w.book))
			w.book.refuse = isBad
			w.bank.shows(coffee, row("x", 3, "-9", "BAD"), tea, wage)
			w.book.trouble = func(op string) (error, error) {
				if op == "book" && w.book.calls["create"] > 0 { // what has changed there?
					w.book.trouble = nil
					w.book.edit(c.trash, func(t *bkper.Transaction) { t.Trashed = true })
				}
				return nil, nil
			}
			w.sync()
			w.wantBook("Bank", c.want...)
			if e := w.entryOf(c.trash); e.State != ledger.Trashed {
				t.Errorf("what a person has trashed is %s", e.State)
			}
			w.addsUp(w.runs()[0])
		})
	}
}

var dearer = coffeeAt("-2.60")

func TestAParkedRowThatIsInTheBookFollowsTheBank(t *testing.T) {
	for claim, c := range map[string]struct {
		tell func(*world)
		want []bank.Transaction
	}{
		"changed":   {func(w *world) { w.bank.tells(nil, dearer) }, []bank.Transaction{dearer, tea}},
		"withdrawn": {func(w *world) { w.bank.tells([]string{"a"}) }, []bank.Transaction{tea}},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.with(takesSome{w.book})
			w.book.refuse = func(bkper.Transaction) error {
				if len(w.book.all) == 0 {
					return nil
				}
				w.book.book.LockDate = tea.Date // after the first was recorded
				return errLocked
			}
			w.bank.tells(nil, coffee, tea)
			w.sync()
			if n := w.states(); n[ledger.Parked] != 2 || w.book.count("COFFEE") != 1 {
				t.Fatalf("states %v, in the book %d", n, w.book.count("COFFEE"))
			}
			w.book.refuse, w.book.book.LockDate = nil, firstOfMonth.AddDays(-1)
			c.tell(w)
			w.sync()
			_, err := w.feed.RetryParked(t.Context(), "book")
			w.check(err)
			w.drain()
			w.wantBook("Bank", c.want...)
		})
	}
}

// A delivery that slept records what was parked meanwhile, and what the bank has
// corrected or withdrawn since.
func TestWhatArrivesAfterItWasParkedAndIsFoundByComparingIsNotTakenForAPersons(t *testing.T) {
	for claim, c := range map[string]struct {
		tell func(*world)
		want []bank.Transaction
	}{
		"the bank says the same":    {func(*world) {}, []bank.Transaction{coffee}},
		"the bank has corrected it": {func(w *world) { w.bank.tells(nil, dearer) }, []bank.Transaction{dearer}},
		"the bank corrects it later": {func(w *world) {
			w.now = w.now.Add(25 * time.Hour)
			w.check(w.feed.CompareDue(t.Context()))
			w.drain()
			w.bank.tells(nil, dearer)
		}, []bank.Transaction{dearer}},
		"the bank withdraws it later": {func(w *world) {
			w.now = w.now.Add(25 * time.Hour)
			w.check(w.feed.CompareDue(t.Context()))
			w.drain()
			w.bank.tells([]string{coffee.ID})
		}, nil},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.book.refuse = func(bkper.Transaction) error { return errInvalid }
			w.bank.tells(nil, coffee)
			w.sync()
			if e := w.entryOf("COFFEE"); e.State != ledger.Parked {
				t.Fatalf("it is %s", e.State)
			}
			w.book.refuse = nil
			w.book.add(bkper.Transaction{
				Date: coffee.Date, Amount: "2.5", Description: "COFFEE", Draft: true, CreditAccount: &bkper.Account{ID: "Bank"},
				RemoteIDs:  []string{ledger.RemoteID("Bank", coffee.Date, coffee.Amount, 1)},
				Properties: map[string]string{"bank_text": "COFFEE"}, CreatedAt: 1000, UpdatedAt: 1000,
			})
			c.tell(w)
			w.sync()
			w.now = w.now.Add(25 * time.Hour)
			w.check(w.feed.CompareDue(t.Context()))
			w.drain()
			w.sweeps()
			w.drain()
			w.wantBook("Bank", c.want...)
			for _, e := range w.entries() {
				if e.State == ledger.Claimed || e.Touched || e.Flag != "" {
					t.Errorf("%s is %s, touched %v, flagged %q", lineOf(e.Row), e.State, e.Touched, e.Flag)
				}
			}
		})
	}
}

// stamped is a book that says when what it records was made and changed, and
// leaves a remote id that lives out of its answer.
type stamped struct{ *fakeBook }

func (b stamped) CreateTransactions(ctx context.Context, book string, items []bkper.Transaction) (map[string]bkper.Transaction, error) {
	items = slices.Clone(items)
	for n := range items {
		items[n].CreatedAt, items[n].UpdatedAt = 1000, 1000
	}
	return b.fakeBook.CreateTransactions(ctx, book, items)
}

func TestWhatWasSentBeforeTheBankCorrectedItAndArrivesLateSaysWhatTheBankSays(t *testing.T) {
	later := changedTo(coffee, 4, "2.60", "CAFE") // another day, direction and text
	for claim, c := range map[string]struct {
		person func(*bkper.Transaction) // to what has arrived
		refuse bool                     // what is changed then
		now    bank.Transaction         // what the bank says
		want   bank.Transaction
		told   bool // that it does not say what the bank says
	}{
		"the amount":            {now: dearer, want: dearer},
		"the text":              {now: changedTo(coffee, 3, "-2.50", "CAFE"), want: changedTo(coffee, 3, "-2.50", "CAFE")},
		"all of it":             {now: later, want: later},
		"the book refuses that": {now: later, refuse: true, want: coffee, told: true},
		"a person has edited it": {
			person: func(t *bkper.Transaction) { t.Description, t.UpdatedAt = "with Ana", 2000 },
			now:    dearer, want: coffee, told: true,
		},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			first, second := w.processOn(stamped{w.book}), w.processOn(stamped{w.book})
			w.bank.tells(nil, coffee)
			m := first.fetch()[0]
			w.onceAt("create", func() { // it sleeps, and what it has sent is on its way
				w.now = w.now.Add(7 * time.Minute) // no lease lasts as long
				w.book.book.LockDate = later.Date
				second.waiting = []queue.Message{m}
				second.handAll()
				w.bank.tells(nil, c.now)
				second.waiting = second.fetch()
				second.handAll()
				if n := w.states(); n[ledger.Parked] != 1 {
					t.Fatalf("states %v", n)
				}
				w.book.book.LockDate = bank.Date{}
			})
			if err := first.hand(m); err == nil {
				t.Fatal("it did not wake late")
			}
			if c.person != nil {
				w.book.edit("COFFEE", c.person)
			}
			w.book.trouble = func(op string) (error, error) {
				if op == "updates" && c.refuse {
					return errLocked, nil // a moment ago
				}
				return nil, nil
			}
			_, err := second.RetryParked(t.Context(), "book")
			w.check(err)
			second.handAll()
			w.wantBook("Bank", c.want)
			if e := w.entryOf(c.now.Description); e.State != ledger.Recorded || (e.Flag != "") != c.told {
				t.Errorf("it is %s, and flagged %q", e.State, e.Flag)
			}
			if c.told {
				return
			}
			w.bank.tells([]string{c.now.ID}) // nobody has touched it: it goes on following
			second.waiting = second.fetch()
			second.handAll()
			w.wantBook("Bank")
		})
	}
}

func TestWhoWakesLateLeavesWhatWasRecordedMeanwhile(t *testing.T) {
	for claim, of := range map[string]func(*world) feed.Book{
		"left out of the answer": func(w *world) feed.Book { return stamped{w.book} },
		"answered":               func(w *world) feed.Book { return answering{w.book} },
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			first, second := w.processOn(of(w)), w.processOn(stamped{w.book})
			w.bank.tells(nil, coffee)
			m := first.fetch()[0]
			w.onceAt("create", func() { // before it is done
				w.now = w.now.Add(7 * time.Minute) // no lease lasts as long
				w.book.book.LockDate = coffee.Date
				second.waiting = []queue.Message{m}
				second.handAll() // it is parked
				w.book.book.LockDate = bank.Date{}
				w.bank.tells(nil, dearer)
				second.waiting = second.fetch()
				second.handAll()
				_, err := second.RetryParked(t.Context(), "book")
				w.check(err)
				second.handAll()
				w.wantBook("Bank", dearer)
			})
			if err := first.hand(m); err == nil {
				t.Fatal("it did not wake late")
			}
			w.wantBook("Bank", dearer)
			if e := w.entryOf("COFFEE"); e.State != ledger.Recorded || e.Touched || e.Flag != "" {
				t.Errorf("it is %s, touched %v, and flagged %q", e.State, e.Touched, e.Flag)
			}
		})
	}
}

// newsBank is a bank that tells, one update after the other, what is new since
// a state. To who has none it tells what it has, and not what it has withdrawn.
type newsBank struct{ updates []connectors.AccountPage }

// news makes the bank of the checking account a newsBank.
func (w *world) news() *newsBank {
	n := &newsBank{}
	w.bank.fetch = n.fetch
	return n
}

func (n *newsBank) tell(removed []string, rows ...bank.Transaction) {
	n.updates = append(n.updates, connectors.AccountPage{Key: "checking", Removed: removed, Transactions: rows})
}

func (n *newsBank) fetch(req connectors.FetchRequest) (connectors.Page, error) {
	next := len(n.updates)
	page := connectors.Page{Accounts: []connectors.AccountPage{{Key: "checking", Transactions: n.rows()}}}
	if len(req.State) > 0 {
		since, err := strconv.Atoi(string(req.State))
		if err != nil {
			return page, err
		}
		page.Accounts = nil
		if since < next {
			page.Accounts, next = n.updates[since:since+1], since+1
		}
		if next < len(n.updates) {
			page.More = connectors.NextUpdate
		}
	}
	page.Next = []byte(strconv.Itoa(next))
	return page, nil
}

// rows are all that the bank has.
func (n *newsBank) rows() (rows []bank.Transaction) {
	for _, u := range n.updates {
		told := slices.Clone(u.Removed)
		for _, t := range u.Transactions {
			told = append(told, t.ID)
		}
		rows = slices.DeleteFunc(rows, func(t bank.Transaction) bool { return slices.Contains(told, t.ID) })
		rows = append(rows, u.Transactions...)
	}
	return rows
}

// coffeeAt is the coffee as the bank corrects it.
func coffeeAt(amount string) bank.Transaction { return changedTo(coffee, 3, amount, "COFFEE") }

// onceAt does something at the next call of the book of that kind.
func (w *world) onceAt(op string, do func()) {
	w.book.trouble = func(o string) (error, error) {
		if o == op {
			w.book.trouble = nil
			do()
		}
		return nil, nil
	}
}

// onceBeforeAWrite does something before the feed writes into the store.
func (w *world) onceBeforeAWrite(do func()) {
	w.power.trouble = func() (bool, bool) {
		w.power.trouble = nil
		do()
		return false, false
	}
}

func TestWhatWasLookedForInVainIsLookedForAgain(t *testing.T) {
	for claim, c := range map[string]struct {
		trouble func(op string, times int) error
		again   func(*process, queue.Message) error
	}{
		"where the book was away then": {
			trouble: func(op string, times int) error {
				if op == "find" && times > 1 {
					return errAway
				}
				return nil
			},
			again: func(p *process, m queue.Message) error { return p.hand(m) },
		},
		"where the book refused it then": {
			trouble: func(op string, _ int) error {
				if op == "create" {
					return errLocked
				}
				return nil
			},
			again: func(p *process, _ queue.Message) error {
				_, err := p.RetryParked(p.w.t.Context(), "book")
				p.handAll()
				return err
			},
		},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			first, second := w.processOn(takesAll{w.book}), w.processOn(takesAll{w.book})
			w.bank.tells(nil, coffee, tea)
			m := first.fetch()[0]
			w.onceAt("create", func() { // it sleeps, and what it has sent is on its way
				w.now = w.now.Add(7 * time.Minute) // no lease lasts as long
				times := map[string]int{}
				w.book.trouble = func(op string) (error, error) {
					times[op]++
					return c.trouble(op, times[op]), nil
				}
				_ = second.hand(m)
				w.book.trouble = nil
			})
			if err := first.hand(m); err == nil {
				t.Fatal("it did not wake late")
			}
			w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Trashed = true })
			w.check(c.again(second, m))
			w.wantBook("Bank", tea)
		})
	}
}

func TestWhoWakesWhenItsWorkIsDoneAndOutOfDateChangesNothing(t *testing.T) {
	for claim, asleep := range map[string]func(*world, func()){
		"before it has the lease":  func(w *world, do func()) { w.onceBeforeAWrite(do) },
		"while it reads the draft": func(w *world, do func()) { w.onceAt("get", do) },
		"while it lists the book":  func(w *world, do func()) { w.onceAt("list", do) },
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			first, second := w.process(), w.process()
			news := w.news()
			news.tell(nil, coffee, tea)
			first.waiting = first.fetch()
			first.handAll()
			news.tell(nil, coffeeAt("-2.60"))
			m := first.fetch()[0]
			slept := false
			asleep(w, func() {
				slept = true
				w.now = w.now.Add(7 * time.Minute) // no lease lasts as long
				second.waiting = []queue.Message{m}
				second.handAll()
				news.tell(nil, coffeeAt("-2.70"))
				second.waiting = second.fetch()
				second.handAll()
			})
			if first.hand(m) != nil {
				w.check(first.hand(m)) // delivered again
			}
			first.handAll()
			w.wantBook("Bank", coffeeAt("-2.70"), tea)
			if e := w.entryOf("COFFEE"); !slept || e.Flag != "" || e.Row.Amount.String() != "-2.7 EUR" {
				t.Errorf("slept %v; the ledger has %s, flagged %q", slept, e.Row.Amount, e.Flag)
			}
			news.tell(nil, coffeeAt("-2.80"))
			first.waiting = first.fetch()
			first.handAll()
			w.wantBook("Bank", coffeeAt("-2.80"), tea)
			for _, run := range w.runs() {
				w.addsUp(run)
			}
		})
	}
}

func TestWhoWakesWhenItsRunWasGivenUpChangesNothing(t *testing.T) {
	w := linked(t)
	first, second := w.process(), w.process()
	news := w.news()
	news.tell(nil, coffee, tea)
	first.waiting = first.fetch()
	first.handAll()
	news.tell(nil, coffeeAt("-2.60"))
	m := first.fetch()[0]
	w.onceBeforeAWrite(func() {
		w.now = w.now.Add(4 * time.Hour)
		w.check(second.Sweep(t.Context()))
		second.handAll()
		w.wantBook("Bank", coffeeAt("-2.60"), tea)
		news.tell(nil, coffeeAt("-2.70"))
		second.waiting = second.fetch()
		second.handAll()
	})
	w.check(first.hand(m))
	first.handAll()
	w.wantBook("Bank", coffeeAt("-2.70"), tea)
}

func TestTwoAtWorkOnOneAccountTakeTurns(t *testing.T) {
	w := linked(t)
	first, second := w.process(), w.process()
	news := w.news()
	news.tell(nil, coffee, tea)
	first.waiting = first.fetch()
	first.handAll()
	news.tell(nil, coffeeAt("-2.60"))
	earlier := first.fetch()[0]
	news.tell(nil, coffeeAt("-2.70"))
	later := second.fetch()[0]
	var laterErr error
	w.onceAt("update", func() { laterErr = second.hand(later) })
	earlierErr := first.hand(earlier)
	for range 3 { // delivered again
		if earlierErr != nil {
			earlierErr = first.hand(earlier)
		}
		if laterErr != nil {
			laterErr = second.hand(later)
		}
	}
	w.check(earlierErr)
	w.check(laterErr)
	first.handAll()
	second.handAll()
	w.wantBook("Bank", coffeeAt("-2.70"), tea)
	if e := w.entryOf("COFFEE"); e.Flag != "" {
		t.Errorf("flagged %q", e.Flag)
	}
}

// giveUpAfter lets a message be a dead letter after so many failures.
func (w *world) giveUpAfter(failures int) {
	w.policy.MaxAttempts = failures
	w.start()
}

func (w *world) replayDead() {
	w.t.Helper()
	dead, err := w.queue.Dead(w.t.Context(), 0)
	w.check(err)
	if len(dead) == 0 {
		w.t.Fatal("there is no dead letter")
	}
	for _, d := range dead {
		w.check(w.queue.Replay(w.t.Context(), d.ID))
	}
	w.drain()
}

// away lets every call of the book fail while do is done.
func (w *world) away(do func()) { w.failing("", do) }

// failing lets one kind of call of the book fail while do is done, or every one.
func (w *world) failing(kind string, do func()) {
	w.book.trouble = func(op string) (error, error) {
		if kind == "" || op == kind {
			return errAway, nil
		}
		return nil, nil
	}
	do()
	w.book.trouble = nil
}

func TestADeadLetterBringsNoOldNews(t *testing.T) {
	rent := row("d", 4, "-700", "RENT")
	for claim, c := range map[string]struct {
		tell func(*newsBank)
		want []bank.Transaction
	}{
		"the bank has corrected a row since": {func(n *newsBank) { n.tell(nil, coffeeAt("-2.70"), rent) }, []bank.Transaction{coffeeAt("-2.70"), tea, wage, rent}},
		"the bank has withdrawn a row since": {func(n *newsBank) { n.tell([]string{"a"}, rent) }, []bank.Transaction{tea, wage, rent}},
	} {
		for how, later := range map[string]func(*world){
			"and that is done":       func(w *world) { w.sync() },
			"and that has but begun": func(w *world) { w.failing("create", w.sync) },
		} {
			t.Run(claim+", "+how, func(t *testing.T) {
				w := linked(t)
				w.giveUpAfter(2)
				news := w.news()
				news.tell(nil, coffee, tea)
				w.sync()
				news.tell(nil, coffeeAt("-2.60"), wage)
				w.away(w.sync) // no more than a dead letter is left of it
				w.wantBook("Bank", coffee, tea)
				c.tell(news)
				dead, err := w.queue.Dead(t.Context(), 0)
				w.check(err)
				later(w)
				w.check(w.queue.Replay(t.Context(), dead[0].ID))
				w.drain()
				w.wantBook("Bank", c.want...)
				for _, e := range w.entries() {
					if e.Flag != "" {
						t.Errorf("%s is flagged %q", e.Row.Description, e.Flag)
					}
				}
				for _, run := range w.runs() {
					if run.FinishedAt.IsZero() {
						t.Errorf("run %s is under way for ever", run.ID)
					}
				}
			})
		}
	}
}

func TestWhatIsOvertakenBeforeItHasTheLeaseBringsNoOldNews(t *testing.T) {
	w := linked(t)
	first, second := w.process(), w.process()
	news := w.news()
	news.tell(nil, coffee)
	first.waiting = first.fetch()
	first.handAll()
	news.tell(nil, coffeeAt("-2.60"))
	old := first.fetch()[0]
	news.tell(nil, coffeeAt("-2.70"))
	later := first.fetch()[0]
	w.onceBeforeAWrite(func() { w.check(second.hand(later)) })
	if err := first.hand(old); err == nil {
		t.Fatal("it was not overtaken")
	}
	w.wantBook("Bank", coffeeAt("-2.70"))
	first.waiting = append(first.waiting, old)
	first.handAgain()
	w.wantBook("Bank", coffeeAt("-2.70"))
}

func TestARunThatWasGivenUpRecordsNothingMore(t *testing.T) {
	for claim, c := range map[string]struct {
		before, after func(*world, *newsBank) // everything is fetched again
		want          []bank.Transaction
	}{
		"though nobody has said anything since": {
			want: []bank.Transaction{coffeeAt("-2.60"), tea, wage},
		},
		"and the bank has thought better of it": {
			before: func(_ *world, n *newsBank) { n.tell([]string{"c"}, coffee) },
			want:   []bank.Transaction{coffee, tea},
		},
		"and the bank withdraws it then": {
			after: func(w *world, n *newsBank) { n.tell([]string{"c"}); w.sync() },
			want:  []bank.Transaction{coffeeAt("-2.60"), tea},
		},
		"and a person trashes it then": {
			after: func(w *world, _ *newsBank) {
				w.book.edit("COFFEE", func(t *bkper.Transaction) { t.Trashed = true })
				w.tellTrashed(w.entryOf("COFFEE"))
			},
			want: []bank.Transaction{tea, wage},
		},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.giveUpAfter(2)
			news := w.news()
			news.tell(nil, coffee, tea)
			w.sync()
			news.tell(nil, coffeeAt("-2.60"), wage)
			w.away(w.sync)
			if c.before != nil {
				c.before(w, news)
			}
			w.now = w.now.Add(4 * time.Hour)
			w.check(w.feed.Sweep(t.Context()))
			w.drain()
			if c.after != nil {
				c.after(w, news)
			}
			w.wantBook("Bank", c.want...)
			writes, runs := w.book.writes(), len(w.runs())
			w.replayDead()
			w.wantBook("Bank", c.want...)
			if w.book.writes() != writes || len(w.runs()) != runs {
				t.Errorf("%d more writes and %d more runs", w.book.writes()-writes, len(w.runs())-runs)
			}
		})
	}
}

func TestClaimsThatNobodyConfirmedAreSweptUp(t *testing.T) {
	for claim, op := range map[string]string{"the book never heard of them": "create", "the book's reply was lost": ""} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.giveUpAfter(1)
			w.bank.tells(nil, coffee, tea)
			w.book.trouble = func(o string) (error, error) {
				switch o {
				case op:
					return errAway, nil
				case "create":
					return nil, errAway
				}
				return nil, nil
			}
			w.sync()
			w.book.trouble = nil
			if n := w.states(); n[ledger.Claimed] != 2 {
				t.Fatalf("states %v", n)
			}
			w.now = w.now.Add(time.Minute)
			w.check(w.feed.Sweep(t.Context()))
			if n, _ := w.queue.Waiting(t.Context()); n != 0 {
				t.Error("what may be under way is swept up")
			}
			w.now = w.now.Add(20 * time.Minute)
			w.check(w.feed.Sweep(t.Context()))
			w.drain()
			w.wantBook("Bank", coffee, tea)
			if n := w.states(); n[ledger.Recorded] != 2 || len(w.book.all) != 2 {
				t.Errorf("states %v, %d transactions", n, len(w.book.all))
			}
		})
	}
}

func TestARunWhoseMessagesAreLostIsFetchedAgain(t *testing.T) {
	for claim, before := range map[string][]bank.Transaction{"the first of all": nil, "a later one": {coffee, tea}} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			news := w.news()
			if len(before) > 0 {
				news.tell(nil, before...)
				w.sync()
			}
			news.tell([]string{"b"}, coffeeAt("-2.60"), wage)
			w.away(func() {
				w.giveUpAfter(1)
				w.sync()
			})
			w.sync() // the bank has nothing new
			w.wantBook("Bank", before...)
			w.now = w.now.Add(4 * time.Hour)
			w.check(w.feed.Sweep(t.Context()))
			w.drain()
			w.wantBook("Bank", coffeeAt("-2.60"), wage)
			runs := w.runs()
			w.addsUp(runs[0])
			w.now = w.now.Add(4 * time.Hour)
			w.check(w.feed.Sweep(t.Context()))
			w.drain()
			if len(w.runs()) != len(runs) {
				t.Error("it is fetched again and again")
			}
		})
	}
}

// save is what a person does who saves an integration again.
func (w *world) save(change func(*ledger.Integration)) {
	w.t.Helper()
	i := w.integration("i1")
	change(&i)
	i.Resync++
	w.put(i)
}

func TestWhatIsUnderWayWhenAnIntegrationIsSavedIsNeitherLostNorDoubled(t *testing.T) {
	changes := map[string]struct {
		since   int
		change  func(*ledger.Integration)
		account string
	}{
		"another account of the book": {1, func(i *ledger.Integration) { i.AccountID = "Card" }, "Card"},
		"an earlier day":              {4, func(i *ledger.Integration) { i.Since = firstOfMonth }, "Bank"},
		"a later day":                 {1, func(i *ledger.Integration) { i.Since = firstOfMonth.AddDays(1) }, "Bank"},
	}
	orders := map[string]func(earlier, later []queue.Message) []queue.Message{
		"in order":        func(earlier, later []queue.Message) []queue.Message { return slices.Concat(earlier, later) },
		"the later first": func(earlier, later []queue.Message) []queue.Message { return slices.Concat(later, earlier) },
		"the earlier twice": func(earlier, later []queue.Message) []queue.Message {
			return slices.Concat(earlier, later, earlier)
		},
	}
	for claim, c := range changes {
		for order, ordered := range orders {
			t.Run(claim+", "+order, func(t *testing.T) {
				w := newWorld(t)
				w.integrate("i1", "c1", "checking", "Bank", bank.NewDate(2026, 11, c.since))
				p := w.process()
				news := w.news()
				bus := row("z", 7, "-1", "BUS")
				news.tell(nil, coffee, tea, bus)
				earlier := p.fetch()
				news.tell([]string{"z"}, coffeeAt("-2.60"), wage)
				w.save(c.change)
				later := p.fetch()
				p.waiting = ordered(earlier, later)
				p.handAgain()
				want := []bank.Transaction{coffeeAt("-2.60"), tea, wage}
				w.wantBook(c.account, want...)
				if c.account != "Bank" {
					w.wantBook("Bank")
				}
				p.waiting = p.fetch()
				p.handAgain()
				w.wantBook(c.account, want...)
				for _, run := range w.runs() {
					if run.FinishedAt.IsZero() {
						t.Errorf("run %s is under way for ever", run.ID)
					}
					if c.account != "Bank" && run.Interrupted {
						t.Errorf("run %s was given up, though the later one had only to wait", run.ID)
					}
				}
			})
		}
	}
}

// handAgain delivers what waits, and what fails later again.
func (p *process) handAgain() {
	p.w.t.Helper()
	for n := 0; len(p.waiting) > 0; n++ {
		m := p.waiting[0]
		p.waiting = p.waiting[1:]
		if err := p.hand(m); err != nil {
			p.waiting = append(p.waiting, m)
			p.w.now = p.w.now.Add(time.Minute)
		}
		if n > 100 {
			p.w.t.Fatal("it does not come to rest")
		}
	}
}

func TestFetchingAllAgainHearsWhatWasWithdrawn(t *testing.T) {
	w := linked(t)
	p := w.process()
	news := w.news()
	rent := row("r", 1, "-700", "RENT")
	news.tell(nil, coffee, tea, rent)
	p.waiting = p.fetch()
	p.handAll()
	w.book.edit("RENT", func(t *bkper.Transaction) { t.Draft, t.Posted = false, true })
	news.tell(nil, wage)
	underWay := p.fetch()
	news.tell([]string{"a", "b", "r"})
	news.tell(nil, tea) // after all
	w.save(func(*ledger.Integration) {})
	p.waiting = slices.Concat(underWay, p.fetch())
	p.handAll()
	w.wantBook("Bank", tea, wage, rent)
	if e := w.entryOf("RENT"); e.Flag == "" {
		t.Error("nobody is told that the bank has withdrawn what a person has posted")
	}
	if e := w.entryOf("TEA"); e.Flag != "" || e.Withdrawn {
		t.Errorf("what the bank has brought back is withdrawn: %v, flagged %q", e.Withdrawn, e.Flag)
	}
}

// onceAsked does something while the bank answers: what it says is from before.
func (w *world) onceAsked(do func()) {
	ask := w.bank.fetch
	w.bank.fetch = func(req connectors.FetchRequest) (connectors.Page, error) {
		page, err := ask(req)
		w.bank.fetch = ask
		do()
		return page, err
	}
}

func TestALateSyncMovesTheStateNeitherBackNorOn(t *testing.T) {
	t.Run("after another has moved it on", func(t *testing.T) {
		w := linked(t)
		late, other := w.process(), w.process()
		news := w.news()
		news.tell(nil, coffee)
		late.waiting = late.fetch()
		late.handAll()
		news.tell(nil, tea)
		w.onceAsked(func() {
			w.now = w.now.Add(7 * time.Minute) // no lease lasts as long
			news.tell(nil, wage)
			other.waiting = other.fetch()
			other.handAll()
			if state := string(w.connection("c1").State); state != "3" {
				t.Errorf("the state is %q", state)
			}
		})
		w.check(late.Sync(t.Context(), "c1"))
		m := late.waiting[0]
		if late.hand(m) == nil {
			t.Error("it is content with what it has")
		}
		if state := string(w.connection("c1").State); state != "3" {
			t.Errorf("the state is %q", state)
		}
		late.handAgain()
		w.wantBook("Bank", coffee, tea, wage)
	})
	t.Run("after all was asked for again", func(t *testing.T) {
		w := linked(t)
		w.giveUpAfter(2)
		news := w.news()
		news.tell(nil, coffee, tea)
		w.sync()
		news.tell([]string{"b"}, wage)
		w.away(w.sync)
		news.tell(nil, row("z", 7, "-1", "BUS"))
		w.onceAsked(func() {
			w.now = w.now.Add(4 * time.Hour)
			w.check(w.feed.Sweep(t.Context())) // the run whose messages are dead letters
			if state := string(w.connection("c1").State); state != "1" {
				t.Errorf("the state is %q", state)
			}
		})
		w.sync()
		w.wantBook("Bank", coffee, wage, row("z", 7, "-1", "BUS"))
	})
	t.Run("after the person has saved the integration", func(t *testing.T) {
		w := newWorld(t)
		w.integrate("i1", "c1", "checking", "Bank", wage.Date)
		news := w.news()
		news.tell(nil, coffee, tea, wage)
		w.onceAsked(func() { w.save(func(i *ledger.Integration) { i.Since = firstOfMonth }) })
		w.sync()
		w.wantBook("Bank", coffee, tea, wage)
	})
}

func TestRedoFollowsWhatTheBankHasSaidMeanwhile(t *testing.T) {
	bus := row("z", 7, "-1", "BUS")
	for claim, c := range map[string]struct {
		tell func(*newsBank)
		want []bank.Transaction
	}{
		"nothing":                {func(*newsBank) {}, []bank.Transaction{coffee, tea}},
		"it has withdrawn a row": {func(n *newsBank) { n.tell([]string{"a"}) }, []bank.Transaction{tea}},
		"it has changed a row":   {func(n *newsBank) { n.tell(nil, coffeeAt("-2.60")) }, []bank.Transaction{coffeeAt("-2.60"), tea}},
		"it has changed a row and withdrawn it": {func(n *newsBank) {
			n.tell(nil, coffeeAt("-2.60"))
			n.tell([]string{"a"})
		}, []bank.Transaction{tea}},
		"it has withdrawn a row and brought it back": {func(n *newsBank) {
			n.tell([]string{"a"})
			n.tell(nil, coffeeAt("-2.60"))
		}, []bank.Transaction{coffeeAt("-2.60"), tea}},
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			news := w.news()
			news.tell(nil, coffee, tea)
			w.sync()
			run := w.runs()[0]
			news.tell(nil, bus)
			w.sync()
			w.check(w.feed.Undo(t.Context(), run, "u1"))
			w.drain()
			w.wantBook("Bank", bus)
			c.tell(news)
			w.sync()
			w.wantBook("Bank", bus)
			for range 2 {
				w.check(w.feed.Redo(t.Context(), run, "u1"))
				w.drain()
				w.wantBook("Bank", append(c.want, bus)...)
			}
			w.sync()
			w.wantBook("Bank", append(c.want, bus)...)
			news.tell([]string{"b"}, coffeeAt("-2.80"))
			w.sync()
			w.check(w.feed.Redo(t.Context(), run, "u1")) // also of what the bank has brought back only now
			w.drain()
			w.wantBook("Bank", coffeeAt("-2.80"), bus)
			for _, e := range w.entries() {
				if e.Flag != "" {
					t.Errorf("%s is flagged %q", e.Row.Description, e.Flag)
				}
			}
		})
	}
}

func TestRedoCutShortFollowsTheBankAllTheSame(t *testing.T) {
	failures := map[string][2]error{"before it was done": {errAway, nil}, "and the reply was lost": {nil, errAway}}
	for _, op := range []string{"get", "restore", "update"} {
		for claim, failure := range failures {
			t.Run(op+" "+claim, func(t *testing.T) {
				w := linked(t)
				w.bank.shows(coffee, tea)
				w.sync()
				run := w.runs()[0]
				w.check(w.feed.Undo(t.Context(), run, "u1"))
				w.drain()
				w.bank.shows(dearer, tea)
				w.sync()
				n := 0
				w.book.trouble = func(o string) (error, error) {
					if o != op || n == 2 {
						return nil, nil
					}
					n++
					return failure[0], failure[1]
				}
				w.check(w.feed.Redo(t.Context(), run, "u1"))
				w.drain()
				w.wantBook("Bank", dearer, tea)
				if e := w.entryOf("COFFEE"); n == 0 || e.Flag != "" || e.Touched {
					t.Errorf("after %d failures: flagged %q, touched %v", n, e.Flag, e.Touched)
				}
			})
		}
	}
}

func TestATombstoneOfWhatTheBankWithdrewIsInNobodysWay(t *testing.T) {
	for claim, told := range map[string]bool{"the event has told of it": true, "the event was lost": false} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			news := w.news()
			twin := row("a2", 3, "-2.50", "COFFEE")
			news.tell(nil, coffee, twin, tea)
			w.sync()
			var trashed ledger.Entry
			for _, e := range w.entries() {
				if e.IDs[0].ID == coffee.ID {
					trashed = e
				}
			}
			inTrash := w.book.all[trashed.TransactionID]
			inTrash.Trashed = true
			w.book.all[inTrash.ID] = inTrash
			if told {
				w.tellTrashed(trashed)
			}
			news.tell([]string{"a"})
			w.sync()
			w.wantBook("Bank", twin, tea)
			runs, writes := len(w.runs()), w.book.writes()
			news.tell([]string{"a"}) // once more
			w.sync()
			if len(w.runs()) != runs || w.book.writes() != writes {
				t.Errorf("the same withdrawal again made %d runs and %d writes", len(w.runs())-runs, w.book.writes()-writes)
			}

			other := row("o", 3, "-2.50", "CAKE")
			news.tell(nil, other)
			w.sync()
			w.wantBook("Bank", twin, tea, other)

			again := row("n", 3, "-2.50", "COFFEE")
			news.tell([]string{"a2"}, again) // another id for the twin
			w.sync()
			w.wantBook("Bank", again, tea, other)
			news.tell([]string{"n"})
			w.sync()
			w.wantBook("Bank", tea, other)

			for _, e := range w.entries() {
				if e.Flag != "" || told && e.RemoteID == trashed.RemoteID && e.State != ledger.Trashed {
					t.Errorf("%s is %s, flagged %q", e.Row.Description, e.State, e.Flag)
				}
			}
		})
	}
}

func TestWhatAPersonHasDeletedForGoodIsNotRecordedAgain(t *testing.T) {
	for claim, tell := range map[string]func(*world){
		"under another id":       func(w *world) { w.bank.shows(row("z", 3, "-2.50", "COFFEE"), tea) },
		"in other words":         func(w *world) { w.bank.shows(changedTo(coffee, 3, "-2.50", "COFFEE 7"), tea) },
		"with another amount":    func(w *world) { w.bank.shows(dearer, tea) },
		"when all is told again": func(w *world) { w.save(func(*ledger.Integration) {}) },
	} {
		t.Run(claim, func(t *testing.T) {
			w := linked(t)
			w.bank.shows(coffee, tea)
			w.sync()
			e := w.entryOf("COFFEE")
			w.tellTrashed(e)
			w.book.forget(e)
			tell(w)
			w.sync()
			w.wantBook("Bank", tea)
			_, err := w.feed.RetryParked(t.Context(), "book")
			w.check(err)
			w.drain()
			w.wantBook("Bank", tea)
		})
	}
}

func TestAWithdrawnRowKeepsItsRemoteID(t *testing.T) {
	w := linked(t)
	w.with(answering{w.book}) // a repeated id would find what lies in the trash
	w.bank.tells(nil, coffee, tea)
	w.sync()
	first := w.runs()[0]
	w.bank.tells([]string{"a"})
	w.sync()
	cake := row("z", 3, "-2.50", "CAKE")
	w.bank.tells(nil, cake)
	w.sync()
	w.wantBook("Bank", cake, tea)
	if n := w.states(); n[ledger.Removed] != 1 || n[ledger.Recorded] != 2 {
		t.Errorf("states %v", n)
	}
	w.check(w.feed.Undo(t.Context(), first, "u1"))
	w.drain()
	w.wantBook("Bank", cake)
}

func TestWhatAnAnswerLacksFollowsTheBankAllTheSame(t *testing.T) {
	w := linked(t)
	w.book.leaveOut = func(t bkper.Transaction) bool { return t.Description != "WAGE" }
	w.bank.tells(nil, coffee, tea, wage)
	w.sync()
	w.bank.tells([]string{"b"}, dearer)
	w.sync()
	w.wantBook("Bank", dearer, wage)
	for _, e := range w.entries() {
		if e.Flag != "" {
			t.Errorf("%s is flagged %q", e.Row.Description, e.Flag)
		}
	}
}

// forgetful is a book that takes an item and loses it.
type forgetful struct {
	*fakeBook
	loses func(bkper.Transaction) bool
}

func (b forgetful) CreateTransactions(ctx context.Context, book string, items []bkper.Transaction) (map[string]bkper.Transaction, error) {
	return b.fakeBook.CreateTransactions(ctx, book, slices.DeleteFunc(slices.Clone(items), b.loses))
}

func TestWhatABookLosesWithoutAWordIsRecordedAgain(t *testing.T) {
	w := linked(t)
	lost := 0
	w.with(forgetful{w.book, func(t bkper.Transaction) bool {
		if t.Description != "TEA" || lost == 3 {
			return false
		}
		lost++
		return true
	}})
	w.bank.shows(coffee, tea, wage)
	w.sync()
	w.wantBook("Bank", coffee, tea, wage)
	if n := w.states(); n[ledger.Recorded] != 3 {
		t.Errorf("states %v", n)
	}
	w.addsUp(w.runs()[0])
}
