package embedded_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/embedded"
	"github.com/bank-connections/bkper-bot/internal/store/storetest"
)

func open(tb testing.TB, path string) *embedded.DB {
	tb.Helper()
	db, err := embedded.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func TestConformance(t *testing.T) {
	paths := map[store.Engine]string{}
	storetest.Run(t, storetest.Harness{
		Open: func(tb testing.TB) store.Engine {
			path := filepath.Join(tb.TempDir(), "app.db")
			db := open(tb, path)
			paths[db] = path
			return db
		},
		Reopen: func(tb testing.TB, e store.Engine) store.Engine {
			// A copy of the open file is what a killed process leaves behind.
			left, err := os.ReadFile(paths[e])
			if err != nil {
				tb.Fatal(err)
			}
			path := filepath.Join(tb.TempDir(), "app.db")
			if err := os.WriteFile(path, left, 0o600); err != nil {
				tb.Fatal(err)
			}
			db := open(tb, path)
			paths[db] = path
			return db
		},
	})
}

func TestTheFileIsItsOwnersOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	open(t, filepath.Join(dir, "app.db"))
	for path, want := range map[string]fs.FileMode{dir: fs.ModeDir | 0o700, filepath.Join(dir, "app.db"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %s, want %s", filepath.Base(path), info.Mode(), want)
		}
	}
}

// holder makes a second process that holds the file: this test binary again.
const holder = "STORE_TEST_HOLD"

func TestMain(m *testing.M) {
	if path := os.Getenv(holder); path != "" {
		hold(path)
	}
	os.Exit(m.Run())
}

// hold opens the file, says so, and holds it until its input ends.
func hold(path string) {
	db, err := embedded.Open(path)
	if err != nil {
		os.Exit(1)
	}
	if _, err := os.Stdout.WriteString("held\n"); err != nil {
		os.Exit(1)
	}
	var b [1]byte
	_, _ = os.Stdin.Read(b[:])
	if db.Close() != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func TestAFileThatAnotherProcessHoldsIsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), holder+"="+path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said [5]byte
	if _, err := stdout.Read(said[:]); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Open(path); !errors.Is(err, store.ErrInUse) {
		t.Errorf("Open = %v, want %v", err, store.ErrInUse)
	}
	if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestAFileThatIsNoStoreIsRefusedAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	text := strings.Repeat("date,amount\n", 1000)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Open(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Open = %v, want an error that names the file", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("the file was changed (%v)", err)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "app.db"))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	nothing := func(store.Tx) error { return nil }
	if err := db.View(t.Context(), nothing); !errors.Is(err, store.ErrClosed) {
		t.Errorf("View = %v, want %v", err, store.ErrClosed)
	}
	if err := db.Update(t.Context(), nothing); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Update = %v, want %v", err, store.ErrClosed)
	}
}
