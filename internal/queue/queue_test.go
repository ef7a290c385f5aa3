package queue_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/queue"
)

func TestWait(t *testing.T) {
	policy := queue.Policy{MinBackoff: 2 * time.Second, MaxBackoff: 10 * time.Minute}.OrDefault()
	asking := func(d time.Duration) error {
		return fmt.Errorf("sync: %w", &errs.Error{Code: errs.RateLimited, After: d})
	}
	for name, c := range map[string]struct {
		attempt int
		err     error
		random  float64
		want    time.Duration
	}{
		"the first ceiling is the least":           {1, errors.New("x"), 0.5, time.Second},
		"it doubles":                               {3, errors.New("x"), 0.5, 4 * time.Second},
		"the wait is any part of it":               {3, errors.New("x"), 0, 0},
		"it ends at the highest":                   {40, errors.New("x"), 0.5, 5 * time.Minute},
		"an error may ask for more":                {1, asking(time.Minute), 0.5, time.Minute},
		"but not for less":                         {3, asking(time.Second), 0.5, 4 * time.Second},
		"and not for more than an hour by default": {1, asking(24 * time.Hour), 0.5, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			if got := policy.Wait(c.attempt, c.err, c.random); got != c.want {
				t.Errorf("Wait(%d) = %s, want %s", c.attempt, got, c.want)
			}
		})
	}
}

func TestWaitIsNeverNegativeNorAboveItsCeiling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := queue.Policy{
			MinBackoff: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "min")),
			MaxBackoff: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "max")),
		}.OrDefault()
		got := p.Wait(rapid.IntRange(1, 1000).Draw(t, "attempt"), errors.New("x"), rapid.Float64Range(0, 0.999).Draw(t, "random"))
		if got < 0 || got > p.MaxBackoff {
			t.Fatalf("wait of %s, at most %s are allowed", got, p.MaxBackoff)
		}
	})
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	long := strings.Repeat("x", queue.MaxBody+1)
	for want, m := range map[string]queue.Message{
		"id of 0 bytes":                            {Kind: "k"},
		fmt.Sprintf("id of %d", queue.MaxID+1):     {ID: long[:queue.MaxID+1], Kind: "k"},
		fmt.Sprintf("key of %d", queue.MaxKey+1):   {ID: "i", Kind: "k", Key: long[:queue.MaxKey+1]},
		"kind of 0 bytes":                          {ID: "i"},
		fmt.Sprintf("kind of %d", queue.MaxKind+1): {ID: "i", Kind: long[:queue.MaxKind+1]},
		fmt.Sprintf("body of %d", queue.MaxBody+1): {ID: "i", Kind: "k", Body: []byte(long)},
	} {
		if err := m.Check(); !errors.Is(err, queue.ErrBadMessage) || !strings.Contains(err.Error(), want) {
			t.Errorf("Check = %v, want it to say %q", err, want)
		}
	}
	full := queue.Message{ID: long[:queue.MaxID], Key: long[:queue.MaxKey], Kind: long[:queue.MaxKind], Body: []byte(long[1:])}
	if err := full.Check(); err != nil {
		t.Errorf("a message of the limits: %v", err)
	}
}
