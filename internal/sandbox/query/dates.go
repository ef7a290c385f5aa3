package query

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

func (q *Query) addOn(value string, today bank.Date) error {
	from, next, err := period(value, today)
	if err != nil {
		return err
	}
	q.bound(from, next)
	return nil
}

// bound narrows the dates to from (inclusive) and before (exclusive).
func (q *Query) bound(from, before bank.Date) {
	if from.After(q.From) {
		q.From = from
	}
	if !before.IsZero() && (q.Before.IsZero() || before.Before(q.Before)) {
		q.Before = before
	}
}

// period returns the first day of the day, month or year that value names, and
// the first day behind it.
func period(value string, today bank.Date) (first, next bank.Date, err error) {
	if strings.HasPrefix(value, "$") {
		return relative(value, today)
	}
	parts := strings.Split(value, "-")
	if strings.Contains(value, "/") {
		parts = strings.Split(value, "/")
		for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
			parts[i], parts[j] = parts[j], parts[i]
		}
	}
	bad := fmt.Errorf("not a date: %q; write 2025, 2025-01 or 2025-01-31", value)
	numbers := make([]int, 0, 3)
	for _, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 || n > 9999 {
			return first, next, bad
		}
		numbers = append(numbers, n)
	}
	switch len(numbers) {
	case 1:
		return day(numbers[0], 1, 1), day(numbers[0]+1, 1, 1), nil
	case 2:
		if numbers[1] > 12 {
			return first, next, bad
		}
		return day(numbers[0], numbers[1], 1), day(numbers[0], numbers[1]+1, 1), nil
	case 3:
		first = day(numbers[0], numbers[1], numbers[2])
		if first.Year() != numbers[0] || int(first.Month()) != numbers[1] || first.Day() != numbers[2] {
			return first, next, bad
		}
		return first, first.AddDays(1), nil
	default:
		return first, next, bad
	}
}

// relative reads $d, $m or $y with an optional +N or -N.
func relative(value string, today bank.Date) (first, next bank.Date, err error) {
	bad := fmt.Errorf("not a date: %q; write $d, $m or $y with +N or -N", value)
	if len(value) < 2 {
		return first, next, bad
	}
	n := 0
	if offset := value[2:]; offset != "" {
		if offset[0] != '+' && offset[0] != '-' {
			return first, next, bad
		}
		n, err = strconv.Atoi(offset)
		if err != nil || n > 9999 || n < -9999 {
			return first, next, bad
		}
	}
	switch value[1] {
	case 'd':
		first = today.AddDays(n)
		return first, first.AddDays(1), nil
	case 'm':
		month := int(today.Month()) + n
		return day(today.Year(), month, 1), day(today.Year(), month+1, 1), nil
	case 'y':
		return day(today.Year()+n, 1, 1), day(today.Year()+n+1, 1, 1), nil
	default:
		return first, next, bad
	}
}

// day is that day; months and days beyond the calendar roll over.
func day(year, month, d int) bank.Date {
	return bank.DateOf(time.Date(year, time.Month(month), d, 0, 0, 0, 0, time.UTC))
}
