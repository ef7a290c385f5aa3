package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/learn"
	"github.com/bank-connections/bkper-bot/internal/learn/evaluate/labelled"
)

// folder holds books of two organisations whose merchants keep to one account,
// most of the time.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	chance := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"aa_first_2020", "aa_first_2021", "bb_second_2020"} {
		var b strings.Builder
		fmt.Fprintln(&b, labelled.Header)
		for i := range 120 {
			merchant := chance.IntN(12)
			account := merchant % 5
			if chance.IntN(10) == 0 {
				account = chance.IntN(5)
			}
			fmt.Fprintf(&b, "2020-%02d-%02d,-%d.00,shop%c %s,card,account %d\n", 1+i/10, 1+i%10*2, 10+chance.IntN(90), 'a'+rune(merchant), name[:2], account)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".csv"), []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTheSameBooksGiveTheSameWeights(t *testing.T) {
	dir, out := folder(t), filepath.Join(t.TempDir(), "weights.txt")
	var first string
	for range 2 {
		var said bytes.Buffer
		if err := run(t.Context(), []string{"-out", out, "-date", "2026-11-22", dir}, &said, io.Discard); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := learn.ParseWeights(string(text)); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"aa_first, bb_second", "2026-11-22", "120 rows, sha256 ", "aa_first_2021"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		if first == "" {
			first = string(text) + said.String()
		} else if got := string(text) + said.String(); got != first {
			t.Errorf("first\n%s\nthen\n%s", first, got)
		}
	}
}

func TestCheckWritesNothing(t *testing.T) {
	dir, out := folder(t), filepath.Join(t.TempDir(), "weights.txt")
	var said bytes.Buffer
	if err := run(t.Context(), []string{"-check", "-out", out, dir}, &said, io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("it wrote weights")
	}
	if lines := strings.Split(said.String(), "\n"); len(lines) != 8 || !strings.HasPrefix(lines[6], "mean") {
		t.Errorf("it said\n%s", said.String())
	}
}

// TestABookIsMeasuredByOthers holds that the weights a book is measured with do
// not know its rows: other labels in it leave them as they are.
func TestABookIsMeasuredByOthers(t *testing.T) {
	dir := folder(t)
	var weights [2]string
	for i := range weights {
		var books []book
		for _, name := range []string{"aa_first_2020", "aa_first_2021", "bb_second_2020"} {
			b, err := read(filepath.Join(dir, name+".csv"))
			if err != nil {
				t.Fatal(err)
			}
			if i == 1 && b.organisation == "aa_first" {
				for at := range b.lessons {
					b.lessons[at].Account = fmt.Sprint("other ", at%3)
				}
			}
			books = append(books, b)
		}
		weights[i] = newFitter(books, defaults).fit("aa_first").String()
	}
	if weights[0] != weights[1] {
		t.Error("the labels of a book change the weights that it is measured with")
	}
}

func TestWhatCannotBeFittedIsSaid(t *testing.T) {
	one := folder(t)
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte("date\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"give it labelled books": {"-check"},
		"no such file":           {"/no/such/folder"},
		"bad.csv":                {bad},
		"of one organisation":    {filepath.Join(one, "aa_first_2020.csv"), filepath.Join(one, "aa_first_2021.csv")},
		"flag":                   {"-colour"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
