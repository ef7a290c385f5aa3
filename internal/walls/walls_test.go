// Package walls holds the house together: tests that read the whole source and
// say, by file and line, which import crosses a wall between two rooms, and
// which code reaches for what should have been passed in. The tables in this
// file are the walls; .golangci.yml has the same for those who run a linter.
package walls

import (
	"os"
	"path/filepath"
	"testing"
)

// A place is a folder below the top level. "a/b" is that folder, "a/b/..." is
// it and all below it, "a/b/*" is all below it without it. In doors, packages
// of others are written the same way, by their import path.

// rooms says which packages of ours a room may know, directly or through
// others. What is not listed may know whatever no door below forbids.
var rooms = []struct {
	room   string
	may    []string
	reason string
}{
	{"internal/money", nil, "money stands on nothing of ours"},
	{"internal/errs", nil, "errors stand on nothing of ours"},
	{"internal/seal/...", places("internal/errs"), "secrets are known to all, so they know nobody"},
	{"internal/bank", places("internal/money"), "bank holds plain values"},
	{"internal/learn/...", places("internal/bank", "internal/money"), "learning is pure"},
	{"internal/statement/...", places("internal/bank", "internal/money"), "reading a file needs no book and no store"},
	{
		"connectors/...",
		places("internal/bank", "internal/money", "internal/errs", "internal/seal/..."),
		"a connector sees the bank, never the store, the queue, the book or the panel",
	},
	{"internal/store/...", places("internal/errs"), "the store keeps what it is given and knows no meaning"},
	{"internal/queue/...", places("internal/errs", "internal/store/..."), "the queue carries what it is given and knows no meaning"},
	{"internal/bkper/...", places("internal/bank", "internal/money", "internal/errs", "internal/seal/..."), "the client knows Bkper, not this app"},
}

// doors says who alone may import a package, ours or another's. Tests pass
// where tests is true.
var doors = []struct {
	to     string
	by     []string
	tests  bool
	reason string
}{
	{"bot/...", places("bot/..."), false, "the program is above every room"},
	{"internal/panel/...", places("bot/...", "internal/panel/..."), false, "the panel is above every other room"},
	{"internal/sandbox/...", places("bot/...", "internal/sandbox/..."), true, "stand-ins are wired by the program only"},
	{"connectors/registry/...", places("bot/..."), true, "the list of connectors is handed in by the program"},
	{"internal/store/embedded/...", places("bot/...", "internal/queue/embedded/..."), true, "the program chooses the engine"},
	{"internal/queue/embedded/...", places("bot/..."), true, "the program chooses the engine"},
	{"connectors/*", places("bot/...", "connectors/registry/..."), true, "the app knows the contract, and one connector does not know another"},
	{"github.com/gin-gonic/...", places("bot/...", "internal/panel/..."), false, "routes are known to bot and panel only"},
	{"github.com/gin-contrib/...", places("bot/...", "internal/panel/..."), false, "routes are known to bot and panel only"},
	{"github.com/shopspring/decimal", places("internal/money"), false, "amounts have one type, money.Amount"},
	{"go.etcd.io/bbolt/...", places("internal/store/embedded/...", "internal/queue/embedded/...", "internal/sandbox/..."), false, "the file is the embedded engines' own"},
	{"github.com/sethvargo/go-envconfig", places("bot/..."), false, "settings are read once, in bot, and handed in"},
	{"cloud.google.com/...", nil, false, "no cloud engine stands yet"},
	{"google.golang.org/api/...", nil, false, "no cloud engine stands yet"},
	{"log", nil, false, "a *slog.Logger is handed in"},
	{"io/ioutil", nil, false, "io and os have it all"},
	{"github.com/pkg/errors", nil, false, "errors and fmt have it all"},
	{"github.com/stretchr/...", nil, false, "tests use testing and go-cmp"},
	{"math/rand", nil, true, "randomness has a seed: math/rand/v2"},
	{"testing/...", nil, true, "test code stays out of the program"},
	{"github.com/google/go-cmp/...", nil, true, "test code stays out of the program"},
	{"pgregory.net/rapid", nil, true, "test code stays out of the program"},
	{"go.uber.org/goleak", nil, true, "test code stays out of the program"},
	{"github.com/chromedp/...", nil, true, "test code stays out of the program"},
}

// kits are packages made for tests, besides those whose name ends in "test".
// They may do what tests may, and only tests and other kits import them.
var kits = places("internal/store/trial")

// words says which names of other packages the program's own code must not
// reach for, neither to call them nor to hand them on. Tests may.
var words = []struct {
	pkg      string
	names    []string
	by       []string // places that may
	fallback []string // places that may hand it on, as the usual value of an option, but not call it
	reason   string
}{
	{"os", names("Getenv", "LookupEnv", "Environ", "ExpandEnv"), nil, nil, "settings are read once, in bot's one struct"},
	{"syscall", names("Getenv", "Environ"), nil, nil, "settings are read once, in bot's one struct"},
	{"time", names("Now", "Since", "Until", "Sleep", "Tick"), places("bot/..."), adapters, "the clock is handed in"},
	{"time", names("Local"), nil, nil, "the machine's zone means nothing to a bank or a book"},
	{"crypto/rand", names("Reader", "Read", "Int", "Prime", "Text"), places("bot/..."), nil, "randomness is handed in"},
	{
		"math/rand/v2",
		names("ExpFloat64", "Float32", "Float64", "Int", "Int32", "Int32N", "Int64", "Int64N", "IntN", "N", "NormFloat64",
			"Perm", "Shuffle", "Uint", "Uint32", "Uint32N", "Uint64", "Uint64N", "UintN"),
		places("bot/..."), adapters, "randomness is handed in, or has a seed: rand.New(...)",
	},
	{
		"net/http",
		names("DefaultClient", "DefaultTransport", "DefaultServeMux", "Get", "Head", "Post", "PostForm"),
		places("bot/..."), nil, "the HTTP client is handed in, with its limits",
	},
	{
		"log/slog",
		names("Default", "SetDefault", "Debug", "Info", "Warn", "Error", "DebugContext", "InfoContext", "WarnContext", "ErrorContext"),
		places("bot/..."), nil, "a *slog.Logger is handed in",
	},
}

// adapters are the rooms at the edge that take real time and real chance when
// they are given none; evaluate tells how long it took.
var adapters = places("internal/bkper", "internal/queue/embedded", "internal/sandbox", "internal/learn/evaluate")

// exact lists the places where amounts pass: no binary floating point there,
// neither as a type, nor as a constant, nor through somebody's conversion.
var exact = places(
	"internal/money", "internal/bank", "internal/statement/...", "internal/ledger/...", "internal/feed/...",
	"internal/bkper/...", "internal/sandbox/...", "internal/reconcile", "internal/transfer", "connectors/...",
)

// inexact lists the declarations in those places that count something other
// than money.
var inexact = names(
	"internal/bkper/service.go Options", // the jitter of waits
	"internal/bkper/service.go New",
	"internal/bkper/service.go wait",
	"internal/feed/feed.go Deps", // the jitter of polls
	"internal/feed/sync.go spread",
)

// pure lists the rooms that only think: the same question has the same answer,
// whatever the machine. They import nothing of outside.
var (
	pure = places(
		"internal/money", "internal/bank", "internal/learn", "internal/statement/...", "internal/feed/match/...",
	)
	outside = places("os/...", "net", "net/http/...", "syscall", "log/slog", "database/...", "crypto/rand", "math/rand/...")
)

func places(p ...string) []string { return p }
func names(n ...string) []string  { return n }

func TestTheHouseHoldsItsWalls(t *testing.T) {
	house, err := readHouse(os.DirFS(root(t)))
	if err != nil {
		t.Fatal(err)
	}
	if len(house.files) < 10 {
		t.Fatalf("only %d Go files found below %s", len(house.files), root(t))
	}
	for _, f := range house.check() {
		t.Error(f)
	}
}

func TestArchitectureNamesOnlyWhatExists(t *testing.T) {
	const page = "ARCHITECTURE.md"
	text, err := os.ReadFile(filepath.Join(root(t), page))
	if os.IsNotExist(err) {
		t.Skip("there is no " + page + " yet")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range missingPaths(os.DirFS(root(t)), page, string(text)) {
		t.Error(f)
	}
}

// root returns the top level of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return dir
}
