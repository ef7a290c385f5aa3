package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

func open(t *testing.T, path string) *KeyFile {
	t.Helper()
	k, err := OpenKeyFile(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sealed(t *testing.T, k Sealer, plain, context string) []byte {
	t.Helper()
	s, err := k.Seal(t.Context(), []byte(plain), context)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealedTextComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	first, second := open(t, path), open(t, path) // as before and after a restart
	for _, plain := range []string{"", "a", strings.Repeat("token ", 10_000)} {
		s := sealed(t, first, plain, "connection 1")
		if len(plain) > 1 && bytes.Contains(s, []byte(plain)) {
			t.Error("the plain text shows")
		}
		got, err := second.Open(t.Context(), s, "connection 1")
		if err != nil || string(got) != plain {
			t.Errorf("%d bytes came back as %d, %v", len(plain), len(got), err)
		}
	}
}

func TestTheSameTextIsSealedDifferentlyEachTime(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "key"))
	if bytes.Equal(sealed(t, k, "x", "c"), sealed(t, k, "x", "c")) {
		t.Error("a nonce was used twice")
	}
}

func TestWhatWasChangedDoesNotOpen(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "key"))
	s := sealed(t, k, "plain", "context")
	for i := range s {
		for _, bit := range []byte{1, 0x80} {
			changed := bytes.Clone(s)
			changed[i] ^= bit
			if got, err := k.Open(t.Context(), changed, "context"); !errors.Is(err, ErrOpen) || got != nil {
				t.Errorf("byte %d changed: got %q, %v", i, got, err)
			}
		}
	}
	for n := range s {
		if _, err := k.Open(t.Context(), s[:n], "context"); !errors.Is(err, ErrOpen) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := k.Open(t.Context(), append(s, 0), "context"); !errors.Is(err, ErrOpen) {
		t.Errorf("one byte more: %v", err)
	}
	if _, err := k.Open(t.Context(), nil, "context"); !errors.Is(err, ErrOpen) {
		t.Errorf("nothing at all: %v", err)
	}
}

func TestAnotherContextDoesNotOpen(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "key"))
	a, b := sealed(t, k, "token of a", "connection a"), sealed(t, k, "token of b", "connection b")
	for _, wrong := range []struct {
		sealed  []byte
		context string
	}{{a, "connection b"}, {b, "connection a"}, {a, ""}, {a, "connection a "}, {a, "connection"}} {
		if _, err := k.Open(t.Context(), wrong.sealed, wrong.context); !errors.Is(err, ErrOpen) {
			t.Errorf("opened with %q: %v", wrong.context, err)
		}
	}
	if _, err := k.Seal(t.Context(), []byte("x"), ""); err == nil {
		t.Error("sealed without a context")
	}
}

func TestAnotherKeyDoesNotOpen(t *testing.T) {
	dir := t.TempDir()
	s := sealed(t, open(t, filepath.Join(dir, "a")), "plain", "context")
	if _, err := open(t, filepath.Join(dir, "b")).Open(t.Context(), s, "context"); !errors.Is(err, ErrOpen) {
		t.Errorf("opened: %v", err)
	}
}

func TestRotationKeepsOldTextsOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	old := open(t, path)
	before := sealed(t, old, "plain", "context")

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := "00000000000000ab " + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n"
	if err := os.WriteFile(path, append(text, line...), 0o600); err != nil {
		t.Fatal(err)
	}
	rotated := open(t, path)
	if got, err := rotated.Open(t.Context(), before, "context"); err != nil || string(got) != "plain" {
		t.Errorf("what was sealed before: %q, %v", got, err)
	}
	after := sealed(t, rotated, "plain", "context")
	if _, err := old.Open(t.Context(), after, "context"); !errors.Is(err, ErrOpen) {
		t.Errorf("the old key still seals: %v", err)
	}

	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	alone := open(t, path)
	if _, err := alone.Open(t.Context(), after, "context"); err != nil {
		t.Errorf("after the old line is gone: %v", err)
	}
	if _, err := alone.Open(t.Context(), before, "context"); !errors.Is(err, ErrOpen) {
		t.Errorf("a key that is gone still opens: %v", err)
	}
}

func TestTheKeyFileIsForItsOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes mean nothing here")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	open(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("created as %v, %v", info.Mode(), err)
	}
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o660, 0o610} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeyFile(path, rand.Reader); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("%04o: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestACreatedKeyLeavesNothingElse(t *testing.T) {
	dir := t.TempDir()
	open(t, filepath.Join(dir, "key"))
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestManyStartsAtOnceShareOneKey(t *testing.T) {
	for round := range 20 {
		path := filepath.Join(t.TempDir(), "key")
		var keys [8]*KeyFile
		var group sync.WaitGroup
		for i := range keys {
			group.Go(func() {
				k, err := OpenKeyFile(path, rand.Reader)
				if err != nil {
					t.Error(err)
				}
				keys[i] = k
			})
		}
		group.Wait()
		if t.Failed() {
			t.FailNow()
		}
		s := sealed(t, keys[0], "plain", "context")
		for i, k := range keys {
			if _, err := k.Open(t.Context(), s, "context"); err != nil {
				t.Errorf("round %d, %d: %v", round, i, err)
			}
		}
	}
}

func TestBadKeyFilesAreRefused(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, text := range map[string]string{
		"empty":         "",
		"comment only":  "# nothing\n\n",
		"one word":      "0011223344556677\n",
		"three words":   "0011223344556677 " + key + " more\n",
		"short id":      "0011 " + key + "\n",
		"id is no hex":  "xx11223344556677 " + key + "\n",
		"short key":     "0011223344556677 AAAA\n",
		"no base64":     "0011223344556677 !!!!\n",
		"id used twice": "0011223344556677 " + key + "\n0011223344556677 " + key + "\n",
		"too large":     strings.Repeat("#", largestKeyFile+1),
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenKeyFile(path, rand.Reader)
		if err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), key) {
			t.Errorf("%s: the error shows the key", name)
		}
	}
	dir := t.TempDir()
	if _, err := OpenKeyFile(dir, rand.Reader); err == nil {
		t.Error("a directory is taken for a key file")
	}
	if _, err := OpenKeyFile(filepath.Join(dir, "no", "such", "key"), rand.Reader); err == nil {
		t.Error("a file in a directory that does not exist is taken")
	}
}

func TestNoRandomnessNoKeyAndNoSeal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	broken := iotest.ErrReader(errors.New("no randomness"))
	if _, err := OpenKeyFile(path, broken); err == nil {
		t.Fatal("a key without randomness")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a key file without randomness")
	}
	open(t, path)
	k, err := OpenKeyFile(path, broken)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Seal(t.Context(), []byte("x"), "c"); err == nil {
		t.Error("sealed without a nonce")
	}
}

func TestAKeyFileDoesNotPrintItsKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	key := bytes.Repeat([]byte{0xC7}, 32)
	text := "0011223344556677 " + base64.StdEncoding.EncodeToString(key)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	k := open(t, path)
	for _, format := range []string{"%v", "%+v", "%#v", "%x", "%d", "%s"} {
		out := strings.ToLower(fmt.Sprintf(format, k))
		if strings.Contains(out, "c7c7") || strings.Contains(out, "199 199") || strings.Contains(out, "0xc7") {
			t.Errorf("%s: %s", format, out)
		}
	}
}

func BenchmarkSealAndOpen(b *testing.B) {
	k, err := OpenKeyFile(filepath.Join(b.TempDir(), "key"), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	plain := bytes.Repeat([]byte("t"), 500)
	for b.Loop() {
		s, err := k.Seal(b.Context(), plain, "connection")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := k.Open(b.Context(), s, "connection"); err != nil {
			b.Fatal(err)
		}
	}
}
