package complete

import (
	"context"
	"fmt"

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
		lessons[i].Counterparty = row.Counterparty.Name
		lessons[i].Kind = row.Kind
		lessons[i].Category = row.Category
	}
	return lessons
}

// What is read of the posted history of a book when it is first linked.
const (
	historyDays  = 730
	mostHistory  = 10_000
	historyPage  = 1000
	lessonsATime = 500
)

// LearnHistory learns from what was posted in the book in the last two years,
// once in the life of a book. It returns how many lessons that gave. What is
// known of a transaction already is kept: it is newer than what is read here.
func (c *Completer) LearnHistory(ctx context.Context, book Book, bookID string) (int, error) {
	state, found, err := c.learning(ctx, bookID)
	if err != nil || (found && !state.HistoryLearned.IsZero()) {
		return 0, err
	}
	chart, err := c.Chart(ctx, book, bookID)
	if err != nil {
		return 0, err
	}
	since := bank.DateOf(c.now().UTC()).AddDays(-historyDays)
	var lessons []ledger.Lesson
	read := 0
	for t, err := range book.Transactions(ctx, bookID, "after:"+since.String(), historyPage) {
		if err != nil {
			return 0, fmt.Errorf("reading the history of book %s: %w", bookID, err)
		}
		if read++; read > mostHistory {
			break
		}
		if t.Posted {
			lessons = append(lessons, LessonsOf(t, chart)...)
		}
	}
	for start := 0; start < len(lessons); start += lessonsATime {
		part := lessons[start:min(start+lessonsATime, len(lessons))]
		if err := c.teachUnknown(ctx, bookID, part); err != nil {
			return 0, err
		}
	}
	return len(lessons), c.records.Learning.Upsert(ctx, c.engine, store.Key(bookID),
		func(old ledger.Learning, _ bool) (ledger.Learning, error) {
			old.HistoryLearned = c.now()
			return old, nil
		})
}

func (c *Completer) teachUnknown(ctx context.Context, bookID string, lessons []ledger.Lesson) error {
	_, err := c.remember(ctx, bookID, func(tx store.Tx) ([]ledger.Lesson, []string, error) {
		var unknown []ledger.Lesson
		for _, lesson := range lessons {
			_, found, err := c.records.Lessons.Find(tx, store.Key(bookID, lesson.ID))
			if err != nil {
				return nil, nil, err
			}
			if !found {
				unknown = append(unknown, lesson)
			}
		}
		return unknown, nil, nil
	})
	return err
}

func (c *Completer) learning(ctx context.Context, bookID string) (state ledger.Learning, found bool, err error) {
	err = c.engine.View(ctx, func(tx store.Tx) error {
		var err error
		state, found, err = c.records.Learning.Find(tx, store.Key(bookID))
		return err
	})
	return state, found, err
}
