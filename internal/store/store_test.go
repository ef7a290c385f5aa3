package store_test

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bank-connections/bkper-bot/internal/store"
)

func TestKeyIsReadableWhereItCanBe(t *testing.T) {
	for _, c := range []struct {
		parts []string
		want  string
	}{
		{nil, ""},
		{[]string{"book"}, "book"},
		{[]string{"book", "Bank:Main"}, "book/Bank:Main"},
		{[]string{"a/b", "c"}, "a0/b/c"},
		{[]string{"a", "b/c"}, "a/b0/c"},
		{[]string{"10"}, "100"},
		{[]string{"", ""}, "/"},
		{[]string{"2026-11"}, "200260-11"},
	} {
		if got := store.Key(c.parts...); got != c.want {
			t.Errorf("Key(%q) = %q, want %q", c.parts, got, c.want)
		}
	}
}

var keyParts = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "/", "0", "1", "-", ".", "\x00", "\xff", "b"}), 0, 3).Draw(t, "bytes"), "")
}), 1, 3)

func TestKeysAreOrderedAsTheirParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := keyParts.Draw(t, "a"), keyParts.Draw(t, "b")
		if got, want := cmp.Compare(store.Key(a...), store.Key(b...)), slices.Compare(a, b); got != want {
			t.Fatalf("keys %q and %q compare %d, their parts %d", store.Key(a...), store.Key(b...), got, want)
		}
	})
}

func TestPartsTakesApartWhatKeyHasJoined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := keyParts.Draw(t, "parts")
		if got := store.Parts(store.Key(parts...)); !slices.Equal(got, parts) {
			t.Fatalf("Parts(%q) = %q, want %q", store.Key(parts...), got, parts)
		}
	})
}

func TestBelowHoldsExactlyTheLongerKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts, other := keyParts.Draw(t, "parts"), keyParts.Draw(t, "other")
		id, span := store.Key(other...), store.Below(parts...)
		inside := id >= span.From && (span.To == "" || id < span.To)
		want := len(other) > len(parts) && slices.Equal(other[:len(parts)], parts)
		if inside != want {
			t.Fatalf("key %q is below %q: %v, want %v", id, store.Key(parts...), inside, want)
		}
	})
}

func TestPrefixHoldsExactlyWhatBeginsWithIt(t *testing.T) {
	ids := rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xfe, 0xff}), 0, 4).Draw(t, "bytes"))
	})
	rapid.Check(t, func(t *rapid.T) {
		prefix, id := ids.Draw(t, "prefix"), ids.Draw(t, "id")
		span := store.Prefix(prefix)
		inside := id >= span.From && (span.To == "" || id < span.To)
		if want := strings.HasPrefix(id, prefix); inside != want {
			t.Fatalf("%q in Prefix(%q): %v, want %v", id, prefix, inside, want)
		}
	})
}

func TestAHeldErrorSaysUntilWhen(t *testing.T) {
	until := time.Date(2026, 11, 22, 9, 30, 0, 0, time.FixedZone("", 3600))
	for _, c := range []struct {
		err  store.HeldError
		want string
	}{
		{store.HeldError{Name: "sync", Until: until}, "2026-11-22T08:30:00Z"},
		{store.HeldError{Name: "sync"}, "no longer held"},
	} {
		if !strings.Contains(c.err.Error(), c.want) || !strings.Contains(c.err.Error(), "sync") {
			t.Errorf("error %q does not say %q", c.err.Error(), c.want)
		}
		if !errors.Is(&c.err, store.ErrHeld) {
			t.Errorf("%v is not %v", &c.err, store.ErrHeld)
		}
	}
}
