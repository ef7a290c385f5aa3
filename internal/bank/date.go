package bank

import (
	"fmt"
	"time"
)

// Date is a day of the calendar, without clock or zone, in the years 1 to 9999.
// The zero value is no date. Dates compare with == and order with Compare.
type Date struct {
	year  int
	month time.Month
	day   int
}

// NewDate returns that day; it panics if the calendar has no such day.
func NewDate(year int, month time.Month, day int) Date {
	d := Date{year, month, day}
	if DateOf(d.Time()) != d || !d.writable() {
		panic(fmt.Sprintf("no such day: %d-%d-%d", year, month, day))
	}
	return d
}

// ParseDate reads yyyy-mm-dd.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if d := DateOf(t); err == nil && d.writable() {
		return d, nil
	}
	return Date{}, fmt.Errorf("not a date (yyyy-mm-dd): %.20q", text)
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

// AddDays returns the day n days later, or earlier if n is negative. From no
// date it leads to no date.
func (d Date) AddDays(n int) Date {
	if d.IsZero() {
		return d
	}
	return DateOf(time.Date(d.year, d.month, d.day+n, 0, 0, 0, 0, time.UTC))
}

// Sub returns the number of days from e to d, negative if d is earlier. Both
// must be dates.
func (d Date) Sub(e Date) int {
	// Seconds, because a time.Duration ends after 292 years.
	const day = 24 * 60 * 60
	return int((d.Time().Unix() - e.Time().Unix()) / day)
}

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

// Equal reports whether d and e are the same day, as == does; packages that
// compare values of any type look for it.
func (d Date) Equal(e Date) bool { return d == e }

// Before reports whether d is earlier than e.
func (d Date) Before(e Date) bool { return d.Compare(e) < 0 }

// After reports whether d is later than e.
func (d Date) After(e Date) bool { return d.Compare(e) > 0 }

// String writes yyyy-mm-dd, and nothing for no date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Time().Format(time.DateOnly)
}

// writable reports whether ParseDate can read what String writes of d.
func (d Date) writable() bool { return d.year >= 1 && d.year <= 9999 }

// MarshalText writes what String writes. A day outside the years 1 to 9999,
// which only DateOf and AddDays can lead to, is an error.
func (d Date) MarshalText() ([]byte, error) {
	if !d.IsZero() && !d.writable() {
		return nil, fmt.Errorf("writing the date %s: its year is not in 1 to 9999", d)
	}
	return []byte(d.String()), nil
}

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
