package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

// killable is the real program in a process of its own.
type killable struct {
	t       *testing.T
	binary  string
	dir     string
	command *exec.Cmd
	address string
}

func buildKillable(t *testing.T) *killable {
	t.Helper()
	k := &killable{t: t, binary: filepath.Join(t.TempDir(), "bot"), dir: t.TempDir()}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", k.binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	t.Cleanup(k.kill)
	return k
}

// start runs the program and waits for its address.
func (k *killable) start() {
	k.t.Helper()
	k.command = exec.CommandContext(context.Background(), k.binary)
	k.command.Env = append(os.Environ(), "PORT=0", "DATA_DIR="+k.dir, "LOG_LEVEL=error", "DEMO_VOLUME=5")
	out, err := k.command.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := k.command.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.address = ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 && fields[0] == "Panel" {
			address, err := url.Parse(fields[1])
			if err != nil {
				k.t.Fatal(err)
			}
			k.address = "http://" + address.Host
			return
		}
	}
	k.t.Fatal("the program printed no address")
}

// kill ends the program as a power cut would.
func (k *killable) kill() {
	if k.command == nil {
		return
	}
	_ = k.command.Process.Kill() // it may have ended already
	_ = k.command.Wait()         // killed
	k.command = nil
}

// fault makes the stand-in book fail.
func (k *killable) fault(values url.Values) {
	k.t.Helper()
	request, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, k.address+"/sandbox/faults", strings.NewReader(values.Encode()))
	if err != nil {
		k.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		k.t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		k.t.Fatalf("setting a fault: %s", response.Status)
	}
}

// Five thousand bank transactions, the program killed thirty times while it
// records them, and a book that loses replies, refuses and answers garbage.
func TestKilledThirtyTimesNothingIsLostOrDoubled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes about half a minute; left out with -short")
	}
	k := buildKillable(t)
	k.start()
	// The same harness drives the process through its address.
	p := newProgram(t)
	p.dir, p.level, p.volume = k.dir, slog.LevelError, 5
	p.remote = func() string { return k.address }

	since := bank.DateOf(p.now()).AddDays(-700)
	connection := p.link("us_newyork")
	var linked struct {
		Accounts []struct {
			Key, Kind string
		} `json:"accounts"`
	}
	p.get("/connections/"+connection, &linked)
	card := ""
	for _, a := range linked.Accounts {
		if a.Kind == string(bank.CreditCard) {
			card = a.Key
		}
	}
	p.newAccount("Killed Card")
	p.integrate(connection, card, "Killed Card", since)

	random := rand.New(rand.NewPCG(1, 2)) // always the same chance
	trashed := make(map[string]bool)
	for n := range 30 {
		for _, fault := range []url.Values{
			{"kind": {"cut-after"}, "path": {"/v5/books/*/transactions/batch"}, "percent": {"15"}},
			{"kind": {"half-batch"}, "path": {"/v5/books/*/transactions/batch"}, "percent": {"10"}},
			{"kind": {"truncate-json"}, "method": {"GET"}, "percent": {"5"}},
			{"kind": {"status-before"}, "status": {"429"}, "retryAfter": {"1"}, "percent": {"5"}, "seed": {fmt.Sprint(n)}},
		} {
			k.fault(fault)
		}
		time.Sleep(time.Duration(30+random.IntN(250)) * time.Millisecond)
		k.kill()
		k.start()
		if n%5 == 4 { // a person throws one away now and then
			for id, r := range p.recorded("Killed Card") {
				if _, err := p.book("owner").Trash(t.Context(), "demo", r); err != nil {
					t.Fatal(err)
				}
				trashed[id] = true
				break
			}
		}
	}
	k.kill()

	// The faults are over, and the longest wait between two tries. What was
	// begun is finished.
	p.remote = nil
	p.pass(15 * time.Minute)
	p.start()
	p.settle()
	asked := p.now()
	p.sync(connection)
	recorded := p.recorded("Killed Card")
	for id := range trashed {
		if _, back := recorded[id]; back {
			t.Errorf("%s was trashed and is back", id)
		}
		delete(recorded, id)
	}
	// The bank goes on: what it books from here on need not be in the book yet.
	truth := p.truthAt(asked, "us_newyork", card, since)
	if len(truth) < 5000 {
		t.Errorf("the bank has only %d transactions", len(truth))
	}
	got := bookLines(t, recorded, p.accountID("Killed Card"))
	missing, _ := difference(bankLines(truth), got)
	_, doubled := difference(bankLines(p.truth("us_newyork", card, since)), got)
	if len(doubled) > 0 || len(missing) != len(trashed) {
		t.Errorf("missing in the book, where %d were trashed: %v; too many: %v", len(trashed), missing, doubled)
	}
}

// difference returns what only a has and what only b has, both sorted.
func difference(a, b []string) (onlyA, onlyB []string) {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0] < b[0]:
			onlyA, a = append(onlyA, a[0]), a[1:]
		case len(a) == 0 || b[0] < a[0]:
			onlyB, b = append(onlyB, b[0]), b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	return onlyA, onlyB
}
