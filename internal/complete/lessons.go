package complete

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/money"
	"github.com/bank-connections/bkper-bot/internal/store"
)

// BankTextProperty is the property of a recorded transaction that keeps the
// bank's own text, whatever becomes of the description.
const BankTextProperty = ledger.BankTextProperty

// LessonIDs are the ids of all lessons that a transaction can give.
func LessonIDs(transactionID string) []string {
	return []string{lessonID(transactionID, fromSide), lessonID(transactionID, toSide)}
}

// longestText is how much of a text is learned, in bytes. No bank is known to say
// more; people paste whole letters.
const longestText = 2000

const (
	fromSide = "from"
	toSide   = "to"
)

func lessonID(transactionID, side string) string { return transactionID + ":" + side }

// LessonsOf returns what a transaction of the book teaches: for each side that
// holds money or debt, that the other side is its counter account. A
// transaction without both sides, date and amount teaches nothing.
func LessonsOf(t bkper.Transaction, chart Chart) []ledger.Lesson {
	amount, err := t.Amount.Decimal()
	if err != nil || t.CreditAccount == nil || t.DebitAccount == nil || t.Date.IsZero() || t.Trashed {
		return nil
	}
	text := t.Properties[BankTextProperty]
	if text == "" {
		text = t.Description
	}
	if len(text) > longestText {
		text = strings.ToValidUTF8(text[:longestText], "")
	}
	lesson := func(side, account, counter string, signed money.Decimal) ledger.Lesson {
		return ledger.Lesson{
			ID: lessonID(t.ID, side), BankAccount: account, Account: counter,
			Date: t.Date, Amount: signed.String(), Text: text,
		}
	}
	from, to := t.CreditAccount.ID, t.DebitAccount.ID
	var lessons []ledger.Lesson
	if chart.isPermanent(from) {
		lessons = append(lessons, lesson(fromSide, from, to, amount.Neg()))
	}
	if chart.isPermanent(to) {
		lessons = append(lessons, lesson(toSide, to, from, amount))
	}
	return lessons
}

// WithRow adds to the lessons of a recorded bank transaction what the bank
// says of it beyond the text.
func WithRow(lessons []ledger.Lesson, accountID string, row bank.Transaction) []ledger.Lesson {
	for i := range lessons {
		if lessons[i].BankAccount != accountID {
			continue
		}
		lessons[i].Text = row.Description
		lessons[i].Counterparty, lessons[i].CounterpartyAccount = row.Counterparty.Name, row.Counterparty.Account
		lessons[i].Kind = row.Kind
		lessons[i].Category = row.Category
	}
	return lessons
}

// What is read of the posted history of a book.
const (
	historyYears = 10
	historyStep  = 182 // days read at once
	historyPage  = 1000
	lessonsATime = 200 // with the longest texts they fit into one document of the log
)

// LearnHistory learns from what was posted in a book in the last ten years, the
// oldest first, once in the life of a book. Each call reads half a year and
// reports whether that was the last; what it has read is remembered, so that it
// can be cut short anywhere. What is known of a transaction already is kept: it
// is newer than what is read here.
func (c *Completer) LearnHistory(ctx context.Context, book Book, bookID string) (done bool, err error) {
	state, err := c.Learning(ctx, bookID)
	if err != nil || !state.HistoryLearned.IsZero() {
		return err == nil, err
	}
	chart, err := c.Chart(ctx, book, bookID)
	if err != nil {
		return false, err
	}
	at := state.History
	if at.From.IsZero() {
		at.To = bank.DateOf(c.now().UTC())
		if at.From, err = historyBegins(ctx, book, bookID, at.To); err != nil {
			return false, fmt.Errorf("looking for the beginning of book %s: %w", bookID, err)
		}
		at.Next = at.From
	}
	query := "after:" + at.Next.String()
	next := at.Next.AddDays(historyStep)
	if last := next.After(at.To); !last { // what is dated later belongs to the last
		query += " before:" + next.String()
	}
	var lessons []ledger.Lesson
	for t, err := range book.Transactions(ctx, bookID, query, historyPage) {
		if err != nil {
			return false, fmt.Errorf("reading the history of book %s: %w", bookID, err)
		}
		at.Read++
		if t.Posted {
			lessons = append(lessons, LessonsOf(t, chart)...)
		}
	}
	for part := range slices.Chunk(lessons, lessonsATime) {
		if err := c.teachUnknown(ctx, bookID, part); err != nil {
			return false, err
		}
	}
	at.Next = next
	done = next.After(at.To)
	return done, c.records.Learning.Upsert(ctx, c.engine, store.Key(bookID),
		func(old ledger.Learning, _ bool) (ledger.Learning, error) {
			if old.History.Next != state.History.Next { // begun anew meanwhile
				done = false
				return old, nil
			}
			if old.History = at; done {
				old.HistoryLearned = c.now()
			}
			return old, nil
		})
}

// historyBegins returns the day from which on the history is read: a book that
// is young is asked little.
func historyBegins(ctx context.Context, book Book, bookID string, today bank.Date) (bank.Date, error) {
	from := today
	for _, years := range []int{1, 2, 5, historyYears} {
		from = bank.NewDate(today.Year()-years, today.Month(), 1)
		older := false
		for _, err := range book.Transactions(ctx, bookID, "before:"+from.String(), 1) {
			if err != nil {
				return from, err
			}
			older = true
			break
		}
		if !older {
			break
		}
	}
	return from, nil
}

// ForgetHistoryRead lets the posted history be read again from its beginning.
// What was learned stays.
func (c *Completer) ForgetHistoryRead(ctx context.Context, bookID string) error {
	return c.records.Learning.Upsert(ctx, c.engine, store.Key(bookID), func(old ledger.Learning, _ bool) (ledger.Learning, error) {
		old.HistoryLearned, old.History = time.Time{}, ledger.History{}
		return old, nil
	})
}

func (c *Completer) teachUnknown(ctx context.Context, bookID string, lessons []ledger.Lesson) error {
	_, err := c.remember(ctx, bookID, func(tx store.Tx) (news, error) {
		var unknown []ledger.Lesson
		for _, lesson := range lessons {
			_, found, err := c.records.Lessons.Find(tx, store.Key(bookID, lesson.ID))
			if err != nil {
				return news{}, err
			}
			if !found {
				unknown = append(unknown, lesson)
			}
		}
		return news{put: unknown, added: len(unknown)}, nil
	})
	return err
}

// Learning returns how the learning of a book stands.
func (c *Completer) Learning(ctx context.Context, bookID string) (state ledger.Learning, err error) {
	err = c.engine.View(ctx, func(tx store.Tx) error {
		state, _, err = c.records.Learning.Find(tx, store.Key(bookID))
		return err
	})
	if err != nil {
		return state, fmt.Errorf("reading the learning of book %s: %w", bookID, err)
	}
	return state, nil
}
