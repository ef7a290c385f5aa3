package bank_test

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

// dates draws days of the whole range, those near today more often.
func dates() *rapid.Generator[bank.Date] {
	return rapid.Custom(func(t *rapid.T) bank.Date {
		year := rapid.OneOf(rapid.IntRange(1990, 2040), rapid.IntRange(1, 9999)).Draw(t, "year")
		// A day that a month lacks becomes one of the next month, within the year.
		return bank.DateOf(time.Date(year, time.Month(rapid.IntRange(1, 11).Draw(t, "month")),
			rapid.IntRange(1, 60).Draw(t, "day"), 12, 0, 0, 0, time.UTC))
	})
}

func TestDateLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, e := dates().Draw(t, "d"), dates().Draw(t, "e")
		n := rapid.IntRange(-5000, 5000).Draw(t, "n")
		hold := func(law string, ok bool) {
			if !ok {
				t.Errorf("%s does not hold for %s, %s, %d", law, d, e, n)
			}
		}
		hold("d+n-n = d", d.AddDays(n).AddDays(-n) == d)
		hold("(d+n)-d = n", d.AddDays(n).Sub(d) == n)
		hold("e+(d-e) = d", e.AddDays(d.Sub(e)) == d)
		hold("the order is that of time", d.Compare(e) == d.Time().Compare(e.Time()))
		hold("the order is that of the text", (d.String() < e.String()) == d.Before(e))
		hold("the order turns with its sides", d.Before(e) == e.After(d))
		hold("equal means neither before nor after", (d == e) == (!d.Before(e) && !d.After(e)))
		hold("the weekday moves on by one", d.AddDays(1).Weekday() == (d.Weekday()+1)%7)

		again, err := bank.ParseDate(d.String())
		hold("the text reads back", err == nil && again == d)
	})
}

func TestTheDayIsThatOfTheTimesOwnLocation(t *testing.T) {
	for _, zone := range []string{"UTC", "America/New_York", "America/Sao_Paulo", "Asia/Tokyo", "Pacific/Kiritimati"} {
		place, err := time.LoadLocation(zone)
		if err != nil {
			t.Skipf("no time zones here: %v", err)
		}
		// The second day is one without a midnight in Sao Paulo.
		for _, want := range []bank.Date{bank.NewDate(2024, 2, 29), bank.NewDate(2018, 11, 4)} {
			for _, clock := range []time.Duration{90 * time.Minute, 12 * time.Hour, 22*time.Hour + 59*time.Minute} {
				at := time.Date(want.Year(), want.Month(), want.Day(), int(clock.Hours()), int(clock.Minutes())%60, 0, 0, place)
				if got := bank.DateOf(at); got != want {
					t.Errorf("DateOf(%v) = %s, want %s", at, got, want)
				}
			}
		}
	}
}

func TestParseDateRefusesWhatIsNoDay(t *testing.T) {
	for _, text := range []string{
		"", "2024", "2024-1-02", "2024-01-2", "24-01-02", "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-10",
		"2024-01-00", "0000-01-01", "10000-01-01", "-001-01-01", "2024-01-02T00:00:00Z", " 2024-01-02", "2024-01-02 ",
		"20240102", "02/01/2024", "2024–01–02", "٢٠٢٤-01-02",
	} {
		if got, err := bank.ParseDate(text); err == nil || !got.IsZero() {
			t.Errorf("ParseDate(%q) = %s, %v; want an error", text, got, err)
		}
	}
}

func TestNewDatePanicsOnADayThatIsNone(t *testing.T) {
	for _, day := range []struct{ year, month, day int }{{2023, 2, 29}, {2024, 13, 1}, {2024, 1, 0}, {0, 1, 1}, {10000, 1, 1}, {0, 0, 0}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("NewDate%v did not panic", day)
				}
			}()
			bank.NewDate(day.year, time.Month(day.month), day.day)
		}()
	}
}

func TestNoDate(t *testing.T) {
	var none bank.Date
	first := bank.NewDate(1, 1, 1)
	switch {
	case !none.IsZero(), none.String() != "":
		t.Errorf("the zero value is %q", none)
	case !none.Before(first), first.Compare(none) != 1, none.Compare(none) != 0:
		t.Error("no date is not before every date")
	case !none.AddDays(30).IsZero():
		t.Errorf("no date and 30 days is %s", none.AddDays(30))
	case first.IsZero():
		t.Error("the first day counts as no date")
	}
}

func TestDatesInJSON(t *testing.T) {
	type box struct {
		D bank.Date
		O bank.Date `json:",omitzero"`
	}
	text, err := json.Marshal(box{D: bank.NewDate(2026, 11, 22)})
	if want := `{"D":"2026-11-22"}`; err != nil || string(text) != want {
		t.Errorf("written as %s, %v; want %s: omitzero leaves no date out", text, err, want)
	}
	text, err = json.Marshal(box{O: bank.NewDate(2026, 11, 22)})
	if want := `{"D":"","O":"2026-11-22"}`; err != nil || string(text) != want {
		t.Errorf("written as %s, %v; want %s", text, err, want)
	}
	var back box
	if err := json.Unmarshal(text, &back); err != nil || !back.D.IsZero() || back.O != bank.NewDate(2026, 11, 22) {
		t.Errorf("%s reads back as %v, %v", text, back, err)
	}
	if err := json.Unmarshal([]byte(`{"D":"2026-02-30"}`), &back); err == nil {
		t.Error("30 February was read from JSON")
	}
}

func TestADayThatCannotBeReadBackIsNotWritten(t *testing.T) {
	late := bank.NewDate(9999, 12, 31).AddDays(1)
	if text, err := late.MarshalText(); err == nil {
		t.Errorf("%s was written as %q", late, text)
	}
}

func FuzzParseDate(f *testing.F) {
	for _, seed := range []string{"2026-11-22", "2024-02-29", "2023-02-29", "0001-01-01", "0000-00-00", "9999-12-31", "", "2024-1-1", "2024-01-01Z"} {
		f.Add(seed)
	}
	shape := regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := bank.ParseDate(text)
		switch {
		case err != nil && !d.IsZero():
			t.Errorf("ParseDate(%q) gives both %s and %v", text, d, err)
		case err == nil && (!shape.MatchString(text) || d.String() != text):
			t.Errorf("ParseDate(%q) = %s", text, d)
		}
	})
}

func BenchmarkParseDate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bank.ParseDate("2026-11-22"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDateString(b *testing.B) {
	d := bank.NewDate(2026, 11, 22)
	b.ReportAllocs()
	for b.Loop() {
		_ = d.String()
	}
}

func BenchmarkDateAddDays(b *testing.B) {
	d := bank.NewDate(2026, 11, 22)
	for b.Loop() {
		_ = d.AddDays(-14)
	}
}
