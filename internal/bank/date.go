package bank

import (
	"fmt"
	"time"
)

// Date is a day of the calendar, without clock or zone. The zero value is no
// date. Dates compare with == and order with Compare.
type Date struct {
	year  int
	month time.Month
	day   int
}

// NewDate returns that day; it panics if the calendar has no such day.
func NewDate(year int, month time.Month, day int) Date {
	d := DateOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
	if (d != Date{year, month, day}) {
		panic(fmt.Sprintf("no such day: %d-%d-%d", year, month, day))
	}
	return d
}

// ParseDate reads yyyy-mm-dd.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1 {
		return Date{}, fmt.Errorf("not a date (yyyy-mm-dd): %.20q", text)
	}
	return DateOf(t), nil
}

// DateOf returns the day that t falls on in t's own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// IsZero reports whether d is no date.
func (d Date) IsZero() bool { return d == Date{} }

// Year, Month and Day take d apart.
func (d Date) Year() int { return d.year }

// Month returns the month of d.
func (d Date) Month() time.Month { return d.month }

// Day returns the day of the month.
func (d Date) Day() int { return d.day }

// Time returns midnight UTC of d.
func (d Date) Time() time.Time { return time.Date(d.year, d.month, d.day, 0, 0, 0, 0, time.UTC) }

// Weekday returns the day of the week.
func (d Date) Weekday() time.Weekday { return d.Time().Weekday() }

// AddDays returns the day n days later, or earlier if n is negative.
func (d Date) AddDays(n int) Date { return DateOf(d.Time().AddDate(0, 0, n)) }

// Sub returns the number of days from e to d.
func (d Date) Sub(e Date) int { return int(d.Time().Sub(e.Time()).Hours() / 24) }

// Compare returns -1, 0 or +1 as d is before, equal to or after e. No date is
// before every date.
func (d Date) Compare(e Date) int {
	switch {
	case d == e:
		return 0
	case d.year != e.year:
		return sign(d.year - e.year)
	case d.month != e.month:
		return sign(int(d.month - e.month))
	default:
		return sign(d.day - e.day)
	}
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

// Before reports whether d is earlier than e.
func (d Date) Before(e Date) bool { return d.Compare(e) < 0 }

// After reports whether d is later than e.
func (d Date) After(e Date) bool { return d.Compare(e) > 0 }

// String writes yyyy-mm-dd, and nothing for no date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day)
}

// MarshalText writes what String writes.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what String writes.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
