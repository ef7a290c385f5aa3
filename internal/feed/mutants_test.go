package feed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/feed"
	"github.com/bank-connections/bkper-bot/internal/feed/match"
)

var (
	withMutants  = flag.Bool("feed.mutants", false, "see whether broken designs are caught; takes minutes")
	writeMutants = flag.Bool("feed.mutants.write", false, "the same, and write what caught them into "+mutantsTable)
)

// mutantsTable names the document that lists the mutants for readers.
const mutantsTable = "MUTANTS.md"

// mutantLives is how many lives a mutant may live before it must be caught.
const mutantLives = 100

// mutant is the feed with one rule broken. The product knows nothing of it: its
// files are replaced while a test binary is built.
type mutant struct {
	name  string // says what is wrong with it
	from  string // where the broken design is described
	edits []edit
	// caughtBy is the test that shows the case, where mutantLives lives do not come
	// upon it, or may not. It may be one of package match.
	caughtBy string
}

// edit replaces a text that occurs exactly once in a file, whose path counts
// from this folder.
type edit struct{ file, old, new string }

// TestMutantsAreCaught breaks the feed in every way that the table names, and
// wants the simulation to notice.
func TestMutantsAreCaught(t *testing.T) {
	if !*withMutants && !*writeMutants {
		t.Skip("takes minutes; ask for it with -feed.mutants")
	}
	healthy := map[string][]string{".": {"TestLives"}} // the tests by their folders
	for _, m := range mutants {
		if folder, test := m.test(); !slices.Contains(healthy[folder], test) {
			healthy[folder] = append(healthy[folder], test)
		}
	}
	for folder, tests := range healthy {
		binary := mutant{name: "nothing is wrong"}.build(t, folder)
		if out, err := runTests(t, binary, folder, "^("+strings.Join(tests, "|")+")$"); err != nil {
			t.Fatalf("the feed itself does not pass, so that no mutant proves anything: %v\n%s", err, last(out))
		}
	}
	var mu sync.Mutex
	found := make(map[string]string) // what caught it, by name
	t.Run("each", func(t *testing.T) {
		for _, m := range mutants {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				c := m.judge(t)
				t.Log(c)
				mu.Lock()
				defer mu.Unlock()
				found[m.name] = c
			})
		}
	})
	if *writeMutants && !t.Failed() {
		if err := os.WriteFile(mutantsTable, []byte(tableOf(t, found)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// judge lets a mutant live until it is caught, or else runs the test that shows the
// case, and returns by what it was caught.
func (m mutant) judge(t *testing.T) string {
	t.Helper()
	binary := m.build(t, ".")
	out, err := runTests(t, binary, ".", "^TestLives$")
	if err != nil {
		failed := failedLives(t, out)
		if len(failed) == 0 {
			t.Fatalf("no life failed, the run did: %v\n%s", err, last(out))
		}
		return fmt.Sprint("`TestLives`, life ", slices.Min(failed))
	}
	if m.caughtBy == "" {
		t.Fatalf("%d lives do not notice it", mutantLives)
	}
	folder, test := m.test()
	if folder != "." {
		binary = m.build(t, folder)
	}
	out, err = runTests(t, binary, folder, "^"+test+"$")
	if err == nil {
		t.Fatalf("neither %d lives nor %s notice it", mutantLives, m.caughtBy)
	}
	if !bytes.Contains(out, []byte("--- FAIL: "+test)) {
		t.Fatalf("%s did not fail, the run did: %v\n%s", m.caughtBy, err, last(out))
	}
	return "`" + m.caughtBy + "`"
}

// apply returns the changed files by their paths.
func (m mutant) apply(t *testing.T) map[string]string {
	t.Helper()
	changed := make(map[string]string)
	for _, e := range m.edits {
		text, ok := changed[e.file]
		if !ok {
			original, err := os.ReadFile(e.file)
			if err != nil {
				t.Fatal(err)
			}
			text = string(original)
		}
		if n := strings.Count(text, e.old); n != 1 {
			t.Fatalf("bring the mutant %q up to date: %s has this %d times, not once:\n%s", m.name, e.file, n, e.old)
		}
		changed[e.file] = strings.Replace(text, e.old, e.new, 1)
	}
	return changed
}

// test is the one that is to fail, and its folder.
func (m mutant) test() (folder, test string) {
	switch name, inMatch := strings.CutPrefix(m.caughtBy, "match."); {
	case m.caughtBy == "":
		return ".", "TestLives"
	case inMatch:
		return "./match", name
	default:
		return ".", name
	}
}

// build makes the test binary of a package with the mutant in it.
func (m mutant) build(t *testing.T, folder string) string {
	t.Helper()
	dir := t.TempDir()
	replace := make(map[string]string)
	for file, text := range m.apply(t) {
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, strconv.Itoa(len(replace))+".go")
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[path] = to
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "mutant.test")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-ldflags=-s -w", "-overlay", list, "-o", binary, folder)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("it does not build: %v\n%s", err, out)
	}
	return binary
}

// runTests runs those tests of a binary. A run that hangs has failed.
func runTests(t *testing.T, binary, folder, pattern string) ([]byte, error) {
	t.Helper()
	const most = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), most+10*time.Second)
	defer cancel()
	run := exec.CommandContext(ctx, binary, "-test.run", pattern, "-test.timeout", most.String())
	if folder == "." {
		run.Args = append(run.Args, "-feed.seeds", strconv.Itoa(mutantLives))
	} else {
		run.Args = append(run.Args, "-rapid.nofailfile") // the failure is wanted
	}
	run.Dir = folder
	out, err := run.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("running the tests: %v", err)
	}
	return out, err
}

// failedLife also knows the life in which a run panicked or hung.
var failedLife = regexp.MustCompile(`(?m)^(?:\s*--- FAIL: TestLives/|\t+TestLives/)(\d+) `)

func failedLives(t *testing.T, out []byte) []int {
	t.Helper()
	var failed []int
	for _, found := range failedLife.FindAllSubmatch(out, -1) {
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			t.Fatal(err)
		}
		failed = append(failed, n)
	}
	return failed
}

// last is the end of what a run has said.
func last(out []byte) []byte {
	const most = 4000
	return out[max(0, len(out)-most):]
}

// TestMutantsAreUpToDate wants every text that a mutant replaces to be there, and
// each mutant to have a name of its own.
func TestMutantsAreUpToDate(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	for _, m := range mutants {
		if names[m.name] {
			t.Errorf("two mutants are named %q", m.name)
		}
		names[m.name] = true
		m.apply(t)
	}
}

// TestMutantsAreListed compares the table for readers with the one above.
func TestMutantsAreListed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(mutantsTable)
	if err != nil {
		t.Fatal(err)
	}
	var listed, want []string
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 && !strings.HasPrefix(cells[1], " ---") && strings.TrimSpace(cells[1]) != tableHead {
			listed = append(listed, strings.TrimSpace(cells[1]))
		}
	}
	for _, m := range mutants {
		want = append(want, m.name)
	}
	if !slices.Equal(listed, want) {
		t.Errorf("%s and the table differ; write it with -run TestMutantsAreCaught -feed.mutants.write", mutantsTable)
	}
}

const tableHead = "What is broken"

// tableOf is the document with what a run has found.
func tableOf(t *testing.T, found map[string]string) string {
	t.Helper()
	text, err := os.ReadFile(mutantsTable)
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(text), "| "+tableHead)
	var b strings.Builder
	fmt.Fprintf(&b, "%s| %s | From | Caught by |\n| --- | --- | --- |\n", before, tableHead)
	for _, m := range mutants {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.name, m.from, found[m.name])
	}
	return b.String()
}

// Files of the edits.
const (
	changeFile    = "change.go"
	matchFile     = "match/match.go"
	reconcileFile = "reconcile.go"
	recordFile    = "record.go"
	retryFile     = "retry.go"
	runFile       = "run.go"
	standingFile  = "match/standing.go"
	sweepFile     = "sweep.go"
	syncFile      = "sync.go"
	undoFile      = "undo.go"
	entriesFile   = "../ledger/entries.go"
	ledgerFile    = "../ledger/ledger.go"
	leaseFile     = "../store/lease.go"
)

// allSteps is the body of match.Match.
const allSteps = `	m.byID(isSame)
	m.byLink()
	m.byFingerprint(m.displaced)
	m.byID(fits)
	if !u.WeakIDs {
		m.byID(anything)
		m.byFingerprint(m.vanished)
		m.byExchange()
	}
	m.byFingerprint(m.vacant)
	m.byAmount()
`

// sameHash makes the identity of a row nothing but a hash of what it says, as
// many feeds do: what has the same hash is known, all else is new.
func sameHash(of string) []edit {
	return []edit{
		{runFile, "k.verdicts = match.Match(b.update(), k.forMatching(b.target))", "k.verdicts = k.byHash(b)"},
		{runFile, "// entryOf finds the entry of a provider's id.", `
func (b batch) hashed() []string {
	ids := make([]string, len(b.Rows))
	occurrences := make(map[string]int)
	for place, r := range b.Rows {
		_ = place
		what := r.Date.String() + " " + r.Amount.String()
		text := r.Description
		occurrence := func(of string) int { occurrences[of]++; return occurrences[of] }
		_, _ = text, occurrence
		sum := sha256.Sum256(fmt.Append(nil, ` + of + `))
		n := int(sum[0])<<24 | int(sum[1])<<16 | int(sum[2])<<8 | int(sum[3])
		ids[place] = ledger.RemoteID(b.AccountID, r.Date, r.Amount, n)
	}
	return ids
}

func (k known) byHash(b batch) []match.Verdict {
	verdicts := make([]match.Verdict, len(b.Rows))
	for n, id := range b.hashed() {
		if _, ok := k.entries[id]; ok {
			verdicts[n] = match.Verdict{How: match.ByText, Ref: id}
		}
	}
	return verdicts
}

// entryOf finds the entry of a provider's id.`},
		{recordFile, "e, ids := w.newEntry(b, b.Rows[n].Transaction, k.taken)", "e, ids := w.newEntry(b, b.Rows[n].Transaction, k.taken)\n\t\te.RemoteID = b.hashed()[n]"},
	}
}

// steps makes the matcher take only these steps.
func steps(those string) []edit { return []edit{{matchFile, allSteps, those}} }

// forgetTries lets a try write down its own count of tries, whatever another has
// counted meanwhile.
var forgetTries = edit{recordFile, "\te.Tries = max(e.Tries, min(now.Tries-1, 1)) // the other work may have sent it\n", ""}

func without(step string) []edit { return steps(strings.Replace(allSteps, step, "", 1)) }

var mutants = []mutant{
	// The way to the book.
	{
		name: "the connector's state moves on before the rows are in the queue", from: "5.1 row 1",
		edits: []edit{{syncFile, "\t\tif err := s.publishUpdate(", "\t\tif err := s.moveOn(ctx, src, u); err != nil {\n\t\t\treturn err\n\t\t}\n\t\tif err := s.publishUpdate("}},
	},
	{
		name: "an update is applied page by page", from: "order of effects",
		edits: []edit{{syncFile, "if page.More != connectors.SameUpdate {", "if page.More != connectors.SameUpdate || len(page.Next) > 0 {"}},
	},
	{
		name: "a row is marked as recorded before the book is asked", from: "5.1 row 2",
		edits: []edit{{recordFile, "Row: t, State: ledger.Claimed,", "Row: t, State: ledger.Recorded,"}},
	},
	{
		name: "a claim is a reason to skip", from: "5.1 row 2",
		edits: []edit{
			{recordFile, "if e.State == ledger.Claimed || e.State == ledger.Parked && b.Again {", "if e.State == ledger.Parked && b.Again {"},
			{retryFile, "e.State == ledger.Parked || e.State == ledger.Claimed && s.Now().Sub(e.UpdatedAt) > staleClaim", "e.State == ledger.Parked"},
		},
	},
	{
		name: "every try makes a remote id anew, and nothing is claimed before", from: "5.1 row 3",
		edits: []edit{
			{recordFile, "for n := 1; remoteID == \"\" || taken[remoteID]; n++ {", "for n := int(w.Now().UnixNano()); remoteID == \"\" || taken[remoteID]; n++ {"},
			{recordFile, "if err := w.records.PutEntry(tx, p.entry); err != nil {", "if p.entry.State == ledger.Claimed && p.entry.Tries == 1 {\n\t\t} else if err := w.records.PutEntry(tx, p.entry); err != nil {"},
		},
	},
	{
		name: "the remote id is the message and the place in it, and nothing is claimed before", from: "5.1 row 4",
		edits: []edit{
			{recordFile, "\tremoteID := \"\"\n\tfor n := 1; remoteID == \"\"", "\tremoteID := \"\"\n\tplace := 0\n\tfor _, c := range w.lease.Owner {\n\t\tplace = place*31 + int(c)\n\t}\n\tfor n := place; remoteID == \"\""},
			{recordFile, "if err := w.records.PutEntry(tx, p.entry); err != nil {", "if p.entry.State == ledger.Claimed && p.entry.Tries == 1 {\n\t\t} else if err := w.records.PutEntry(tx, p.entry); err != nil {"},
		},
	},
	{
		name: "what was claimed and not confirmed is recorded again without looking", from: "5.1 rows 5, 7t", caughtBy: "TestALostReplyRecordsNothingTwice",
		edits: []edit{{recordFile, "if e.Tries <= 1 {", "if e.Tries <= 1 || e.State == ledger.Claimed {"}},
	},
	{
		name: "the trash is not looked into before something is recorded again", from: "5.1 rows 7t, 11t, 12t", caughtBy: "TestALostReplyRecordsNothingTwice",
		edits: []edit{{recordFile, "\tif err != nil || len(found) == 0 {\n\t\treturn false, err\n\t}\n\tt := found[0]", "\tif err != nil || len(found) == 0 || found[0].Trashed {\n\t\treturn false, err\n\t}\n\tt := found[0]"}},
	},
	{
		name: "each message has a lease of its own", from: "5.1 row 6a", caughtBy: "TestAllWhoWorkOnOneAccountTakeTurns",
		edits: []edit{{recordFile, "s.leases.Acquire(ctx, b.key(), d.ID, leaseTime)", "s.leases.Acquire(ctx, b.key()+d.ID, d.ID, leaseTime)"}},
	},
	{
		name: "a lease that was lost is not noticed", from: "5.1 row 6, A15", caughtBy: "TestWhoWakesWhileAnotherIsAtWorkLeavesItToTheOther",
		edits: []edit{{leaseFile, "\tif !doc.heldBy(lease) {\n\t\treturn &HeldError{Name: lease.Name, Until: doc.Until}\n\t}\n\treturn nil", "\t_ = doc\n\treturn nil"}, {recordFile, "if w.Now().After(w.lease.Until) {", "if w.Now().After(w.lease.Until) && w.record == \"-\" {"}},
	},
	{
		name: "a lease can be taken while another holds it", from: "5.1 row 6, A14", caughtBy: "TestAllWhoWorkOnOneAccountTakeTurns",
		edits: []edit{{leaseFile, "if old.Owner != \"\" && old.Owner != owner && now.Before(old.Until) {", "if old.Owner != \"\" && old.Owner != owner && now.Before(old.Until) && ttl < 0 {"}},
	},
	{
		name: "a row that the book refuses is dropped", from: "5.1 row 8",
		edits: []edit{{recordFile, "created, err = w.refuse(ctx, part[0], err)", "created, err = nil, nil"}},
	},
	{
		name: "a batch that the book refuses fails as a whole and is acknowledged", from: "5.1 row 9",
		edits: []edit{{recordFile, "created, err = w.isolate(ctx, fit, true)\n\treturn append(settled, created...), err", "return settled, nil"}},
	},
	{
		name: "a batch that the book refuses is parked as a whole", from: "5.1 row 9, B5", caughtBy: "TestWhatTheBookRefusesIsParkedAndTheRestGoesOn",
		edits: []edit{{recordFile, "\t\t\tcreated, err = w.isolate(ctx, part, partly)\n", "\t\t\tcreated = nil\n\t\t\tfor _, e := range notSent(part) {\n\t\t\t\tcreated = append(created, w.park(e, err))\n\t\t\t}\n\t\t\terr = nil\n"}},
	},
	{
		name: "what is parked is never offered again", from: "5.1 row 10", caughtBy: "TestALockedDateIsParkedAndRetried",
		edits: []edit{{retryFile, "\tif len(waiting) > 0 {\n", "\tif len(waiting) > 0 && bookID == \"\" {\n"}},
	},
	{
		name: "claims that nobody confirmed are not swept up", from: "5.1 row 10, B6, B7", caughtBy: "TestClaimsThatNobodyConfirmedAreSweptUp",
		edits: []edit{{sweepFile, "if found && e.State == ledger.Claimed && s.mayRetry(e) {", "if found && e.State == ledger.Parked {"}},
	},
	{
		name: "runs that were cut short are not swept up", from: "5.1 row 10, B6, B7", caughtBy: "TestARunWhoseMessagesAreLostIsFetchedAgain",
		edits: []edit{{sweepFile, "now.Sub(run.StartedAt) > staleRun", "now.Sub(run.StartedAt) < 0"}},
	},
	{
		name: "a failed batch is acknowledged", from: "order of effects", caughtBy: "TestNoMessageIsDoneBeforeItsRowsAreInTheBook",
		edits: []edit{{recordFile, "w.settle(ctx, claim.open), w.recount(ctx, claim.parked)); err != nil {\n\t\treturn err\n", "w.settle(ctx, claim.open), w.recount(ctx, claim.parked)); err != nil {\n\t\tw.again = true\n"}},
	},
	{
		name: "what was recorded is not marked when others failed", from: "order of effects", caughtBy: "TestTooManyRequestsAreMetWithFewer",
		edits: []edit{{recordFile, "if markErr := w.mark(ctx, settled); markErr != nil {", "if err != nil {\n\t\treturn err\n\t}\n\tif markErr := w.mark(ctx, settled); markErr != nil {"}},
	},
	{
		name: "a try whose reply was lost is taken for one that did nothing", from: "section 1: ok, fail, unknown", caughtBy: "TestALostReplyRecordsNothingTwice",
		edits: []edit{{recordFile, "\tif bkper.OutcomeOf(err) == bkper.NotDone {\n\t\treturn notSent(entries), err\n\t}\n\treturn nil, err", "\treturn notSent(entries), err"}},
	},
	{
		name: "what the book leaves out of its answer is taken for recorded", from: "C5", caughtBy: "TestWhatAnAnswerLacksFollowsTheBankAllTheSame",
		edits: []edit{{recordFile, "\t\tif !ok {\n\t\t\tmissing = append(missing, e)\n\t\t\tcontinue\n\t\t}\n", "\t\tif !ok {\n\t\t\te.State = ledger.Recorded\n\t\t\trecorded = append(recorded, e)\n\t\t\tcontinue\n\t\t}\n"}},
	},
	{
		name: "whether the lease was lost is not asked before something is recorded", from: "5.1 row 6, A15", caughtBy: "TestWhoHasOutlivedItsLeaseRecordsNothing",
		edits: []edit{{recordFile, "\tif err := w.mayGoOn(ctx); err != nil { // it may", "\tif err := w.mayGoOn(ctx); err != nil && ctx.Err() != nil { // it may"}},
	},
	{
		name: "who has outlived its lease goes on to record", from: "5.1 row 6, A15", caughtBy: "TestWhoHasOutlivedItsLeaseRecordsNothing",
		edits: []edit{{recordFile, "if w.Now().After(w.lease.Until) {", "if w.Now().After(w.lease.Until) && w.record == \"-\" {"}},
	},
	{
		name: "what was shut out of the book waits for a message that says that it is no more", from: "5.1 row 10, B6", caughtBy: "TestWhatWaitsForABookIsTriedWhenTheBookIsCompared",
		edits: []edit{{reconcileFile, "return s.retryOpened(ctx, m.BookID)", "return nil"}},
	},
	{
		name: "a tombstone is recorded again", from: "I5, C12", caughtBy: "TestWhatAPersonHasDeletedForGoodIsNotRecordedAgain",
		edits: []edit{{recordFile, "if e.State == ledger.Claimed || e.State == ledger.Parked && b.Again {", "if e.State == ledger.Claimed || e.State == ledger.Trashed || e.State == ledger.Parked && b.Again {"}},
	},
	{
		name: "what a person has trashed is new when the bank reports it", from: "I5, C12",
		edits: []edit{{runFile, "if !b.mayBe(e) || e.State == ledger.Removed {", "if !b.mayBe(e) || e.State == ledger.Removed || e.State == ledger.Trashed {"}},
	},
	{
		name: "a run that was given up records what its late messages carry", from: "B3, B7", caughtBy: "TestARunThatWasGivenUpRecordsNothingMore",
		edits: []edit{
			{recordFile, "if found && (run.IsDone(b.Number) || run.Interrupted) {", "if found && run.IsDone(b.Number) {"},
			{recordFile, "run.IsDone(b.Number) || run.Interrupted; result.done", "run.IsDone(b.Number); result.done"},
		},
	},
	{
		name: "a dead letter brings back what later runs have corrected", from: "B3, B6", caughtBy: "TestADeadLetterBringsNoOldNews",
		edits: []edit{{recordFile, "overtaken = r.Begun", "overtaken = len(r.Done) > 1000"}},
	},
	{
		name: "what was looked for in vain is not looked for again", from: "I2, I5", caughtBy: "TestWhatWasLookedForInVainIsLookedForAgain",
		edits: []edit{{recordFile, "\t\t} else { // an earlier try may be asleep: it goes on counting\n", "\t\t} else {\n\t\t\te.Tries = 1\n"}, forgetTries},
	},
	{
		name: "what was refused is not looked for", from: "I2, I5", caughtBy: "TestWhatWasLookedForInVainIsLookedForAgain",
		edits: []edit{{recordFile, "\t\te = w.park(notSent([]ledger.Entry{e})[0], why)\n", "\t\te.Tries = 0\n\t\te = w.park(e, why)\n"}, forgetTries},
	},
	{
		name: "what the book refuses alone is not looked for", from: "C4, repeated ids refused", caughtBy: "TestWhatIsRefusedBecauseItIsThereIsNotParked",
		edits: []edit{{recordFile, "\tfound, err := w.confirm(ctx, &e)\n\tif err != nil {\n\t\treturn nil, fmt.Errorf(\"looking for %s in the book: %w\", e.RemoteID, err)\n\t}\n\tif !found {\n\t\te = w.park(", "\tfound, err := false, error(nil)\n\tif err != nil {\n\t\treturn nil, fmt.Errorf(\"looking for %s in the book: %w\", e.RemoteID, err)\n\t}\n\tif !found {\n\t\te = w.park("}, {recordFile, "if found, err = w.confirm(ctx, &e); err != nil {", "if found = false; err != nil {"}},
	},
	{
		name: "a batch that was refused is taken for one of which nothing was recorded", from: "C4",
		edits: []edit{{recordFile, "\tsettled, rest, err := w.taken(ctx, entries, partly)\n", "\tsettled, rest, err := entries[:0:0], entries, error(nil)\n"}},
	},
	{
		name: "what the book has refused stays parked though the bank corrects it", from: "5.1 row 10",
		edits: []edit{{changeFile, "case now.State == ledger.Parked: // what", "case now.State == ledger.Parked && now.RemoteID == \"\": // what"}},
	},

	// Identity.
	{name: "identity is a hash of date, amount and text", from: "5.2", edits: sameHash(`what, " ", text`)},
	{name: "identity is a hash of date, amount, text and the place in the batch", from: "5.2", edits: sameHash(`what, " ", text, " ", place`)},
	{name: "identity is a hash of date, amount, text and which of several it is", from: "5.2", edits: sameHash(`what, " ", text, " ", occurrence(what+text)`)},
	{name: "identity is a hash of date, amount, normalised text and which of several it is", from: "5.2", edits: sameHash(`what, " ", match.Text(text), " ", occurrence(what+match.Text(text))`)},
	{name: "identity is a hash of date, amount and which of several it is, whether the day is complete or not", from: "5.2", edits: sameHash(`what, " ", occurrence(what)`)},
	{name: "identity is the provider's id alone", from: "5.2", edits: steps("\tm.byID(func(Row, Entry) bool { return true })\n")},
	{name: "identity is the provider's link alone", from: "5.2", edits: steps("\tm.byLink()\n")},
	{name: "identity is date, amount and text alone", from: "5.2", edits: steps("\tm.byFingerprint(func(Entry) bool { return true })\n")},
	{name: "identity is date and amount alone", from: "5.2", edits: steps("\tm.byAmount()\n")},

	// The matching steps.
	{name: "no step by id", from: "matching", edits: steps("\tm.byLink()\n\tm.byFingerprint(m.vacant)\n\tm.byAmount()\n")},
	{name: "no step by id where the row says the same", from: "matching", caughtBy: "match.TestMatch", edits: without("\tm.byID(isSame)\n")},
	{name: "no step by text for entries whose id has gone to another row", from: "matching", caughtBy: "TestIDsThatAreOnlyPlacesDoubleNothing", edits: without("\tm.byFingerprint(m.displaced)\n")},
	{name: "no step by id where date and amount are the same", from: "matching", caughtBy: "match.TestMatch", edits: without("\tm.byID(fits)\n")},
	{name: "no step by id where the bank corrects date or amount", from: "matching", caughtBy: "match.TestMatch", edits: without("\t\tm.byID(anything)\n")},
	{name: "no step by the entry that an exchange of ids has left", from: "matching", caughtBy: "match.TestMatch", edits: without("\t\tm.byExchange()\n")},
	{name: "an exchange of ids goes before what rows say", from: "matching", caughtBy: "match.TestMatch", edits: without("\t\tm.byFingerprint(m.vanished)\n")},
	{name: "no step by the provider's link", from: "matching", caughtBy: "match.TestMatch", edits: without("\tm.byLink()\n")},
	{name: "no step by date, amount and text", from: "matching", edits: without("\tm.byFingerprint(m.vacant)\n")},
	{name: "no step by date and amount", from: "matching", caughtBy: "match.TestMatch", edits: without("\tm.byAmount()\n")},
	{
		name: "an entry stands for several rows of one id", from: "matching, one to one",
		edits: []edit{{matchFile, "if m.usedBy[e] == nobody && such(m.entries[e]) {", "if such(m.entries[e]) {"}},
	},
	{
		name: "an entry stands for several rows of one text", from: "matching, one to one",
		edits: []edit{{matchFile, "\t\t\tif m.usedBy[e] != nobody {\n\t\t\t\tcontinue\n\t\t\t}\n\t\t\thow := ByText", "\t\t\thow := ByText"}},
	},
	{
		name: "a link that was followed counts no more", from: "matching, link", caughtBy: "match.TestMatch",
		edits: []edit{{matchFile, "return slices.Contains(e.Before, r.PendingID) })", "return len(e.Before) > 1000 })"}},
	},
	{
		name: "a link goes before a known id", from: "matching, link", caughtBy: "match.TestMatch",
		edits: []edit{{matchFile, "return len(m.holders[r.ID]) == 0 })", "return true })"}},
	},
	{
		name: "a batch does not know that a row is linked to one that the bank still shows", from: "matching, link", caughtBy: "TestALinkToARowThatIsStillThereTakesNothingFromIt",
		edits: []edit{{runFile, "if r.PendingID != \"\" && shown[r.PendingID] {", "if r.PendingID != \"\" && shown[r.PendingID] && r.ID == \"\" {"}},
	},
	{
		name: "what rows say goes before the provider's link", from: "matching, link",
		edits: steps(strings.Replace(strings.Replace(allSteps, "\tm.byLink()\n", "", 1), "\t\tm.byFingerprint(m.vanished)\n", "\t}\n\tm.byLink()\n\tif !u.WeakIDs {\n\t\tm.byFingerprint(m.vanished)\n", 1)),
	},
	{
		name: "date and amount decide among several", from: "matching, one to one", caughtBy: "match.TestMatch",
		edits: []edit{{matchFile, "if len(left) != 1 || len(free[key]) != 1 {", "if len(free[key]) == 0 {"}},
	},
	{
		name: "rows side by side under different ids are taken for one", from: "matching, vacancy",
		edits: []edit{{matchFile, "\tcase e.ID == \"\":\n\t\treturn true\n", "\tcase e.ID != \"-\":\n\t\treturn true\n"}},
	},
	{
		name: "the place of an entry without an id is not vacant", from: "matching, vacancy",
		edits: []edit{{matchFile, "\tcase e.ID == \"\":\n\t\treturn true\n", "\tcase e.ID == \"\":\n\t\treturn false\n"}},
	},
	{
		name: "ids of rows that the batch lacks are taken for gone", from: "matching, Present", caughtBy: "match.TestMatch",
		edits: []edit{{matchFile, "\t\tm.present[id] = true\n", "\t\tm.present[id] = false\n"}},
	},
	{
		name: "ids that the bank says are no more keep their place", from: "matching, Removed", caughtBy: "TestARemovedIDAndItsNewOneInOneUpdateAreOneRow",
		edits: []edit{{matchFile, "return m.removed[e.ID] || e.Withdrawn", "return e.Withdrawn"}},
	},
	{
		name: "ids of withdrawn entries keep their place", from: "matching, Withdrawn", caughtBy: "match.TestMatch",
		edits: []edit{{matchFile, "return m.removed[e.ID] || e.Withdrawn ||", "return m.removed[e.ID] ||"}},
	},
	{
		name: "ids that a fresh start does not report keep their place", from: "matching, Fresh", caughtBy: "TestEverythingAgainUnderOtherIDsDoublesNothing",
		edits: []edit{{matchFile, "(m.update.Fresh || m.complete(e.Date))", "m.complete(e.Date)"}},
	},
	{
		name: "ids that a complete day does not report keep their place", from: "matching, Complete", caughtBy: "match.TestIDsReissuedForWholeDaysBringNothingNew",
		edits: []edit{{matchFile, "(m.update.Fresh || m.complete(e.Date))", "m.update.Fresh"}},
	},
	{
		name: "days that are reported in part are taken for complete", from: "matching, Complete",
		edits: []edit{{matchFile, "return m.update.Complete != nil && m.update.Complete(d)", "return d.IsZero() || m.update.Complete == nil || true"}},
	},
	{
		name: "a row whose entry was taken does not get the entry of the row that took it", from: "matching, displaced ids", caughtBy: "match.TestMatch",
		edits: []edit{{matchFile, "\t\t\tid = m.update.Rows[m.usedBy[e]].ID\n", "\t\t\tbreak\n"}},
	},
	{
		name: "a link counts though the pending row stands on another day", from: "matching, link", caughtBy: "TestALinkToARowThatIsStillThereIsNone",
		edits: []edit{{matchFile, "|| m.present[r.PendingID] || m.here(r.PendingID) {", "|| m.here(r.PendingID) {"}},
	},
	{
		name: "withdrawn entries are not the last choice", from: "matching, Withdrawn", caughtBy: "match.TestMatch",
		edits: []edit{{matchFile, "if a.Withdrawn != b.Withdrawn { // these are the last choice", "if a.Withdrawn != b.Withdrawn && a.Ref == \"\" {"}},
	},
	{
		name: "withdrawn entries are paired by date and amount", from: "matching, Withdrawn", caughtBy: "match.TestMatch",
		edits: []edit{{matchFile, "if m.usedBy[i] == nobody && !e.Withdrawn && m.vacant(e) {", "if m.usedBy[i] == nobody && m.vacant(e) {"}},
	},
	{
		name: "other wordings of an entry are forgotten", from: "matching, texts", caughtBy: "TestAFileAndAFeedOfOneAccountAreOne",
		edits: []edit{{runFile, "Others: e.Texts, ", ""}},
	},
	{
		name: "instalments are told apart by their text only", from: "matching, instalments", caughtBy: "match.TestMatch",
		edits: []edit{{matchFile, "if differ(row.Instalment, entry.Instalment) || !m.onlyOnes(row, entry) {", "if !m.onlyOnes(row, entry) {"}},
	},
	{
		name: "without ids a row with another text on a part of a day is the same row", from: "matching, Complete", caughtBy: "match.TestMatch",
		edits: []edit{{matchFile, "if differ(row.Instalment, entry.Instalment) || !m.onlyOnes(row, entry) {", "if differ(row.Instalment, entry.Instalment) {"}},
	},
	{
		name: "ids of statement files are as good as those of feeds", from: "matching, WeakIDs", caughtBy: "TestFilesOfTwoPeriodsMayNumberAlike",
		edits: []edit{{runFile, "Fresh: b.Fresh, WeakIDs: b.File,", "Fresh: b.Fresh,"}},
	},
	{
		name: "ids of statement files bring corrections", from: "matching, WeakIDs", caughtBy: "match.TestMatch",
		edits: []edit{{matchFile, "\tif !u.WeakIDs {\n\t\tm.byID(anything)\n", "\tif len(u.Rows) > 0 {\n\t\tm.byID(anything)\n"}},
	},
	{
		name: "rows of two files are paired by date and amount", from: "matching, WeakIDs", caughtBy: "match.TestMatch",
		edits: []edit{{matchFile, "if m.update.WeakIDs && row.ID != \"\" && entry.ID != \"\" {", "if m.update.WeakIDs && row.ID != \"\" && entry.ID == \"-\" {"}},
	},
	{
		name: "an id that an entry had before still brings corrections", from: "matching, ids",
		edits: []edit{{ledgerFile, "\tfor n := len(e.IDs) - 1; n >= 0; n-- {\n\t\tif e.IDs[n].Source == source {", "\tfor n := range e.IDs {\n\t\tif e.IDs[n].Source == source {"}},
	},
	{
		name: "two bank accounts that feed one account are taken for each other", from: "matching, C18", caughtBy: "TestTwoIntegrationsIntoOneAccountAreBothRecorded",
		edits: []edit{{runFile, "return t.File || !slices.ContainsFunc(e.Origins, func(o string) bool { return !isFileOrigin(o) })", "return true"}},
	},
	{
		name: "what comes from a file and what comes from the feed are never the same", from: "matching, files",
		edits: []edit{{runFile, "return t.File || !slices.ContainsFunc(e.Origins, func(o string) bool { return !isFileOrigin(o) })", "return false"}},
	},

	// What a batch must know.
	{
		name: "a batch lacks the other rows of its days", from: "5.2, complete days",
		edits: []edit{{runFile, "\t\tcase !days[r.Date]:\n\t\t\tcontinue\n", "\t\tcase !days[r.Date] || len(days) > 0:\n\t\t\tcontinue\n"}},
	},
	{
		name: "rows of one id in one update are several rows", from: "A10", caughtBy: "TestTheLastOfTwoReportsOfOneIDCounts",
		edits: []edit{{runFile, "if t.ID != \"\" && last[t.ID] != n {", "if t.ID != \"\" && last[t.ID] != n && n < 0 {"}},
	},
	{
		name: "an entry that the bank has moved is not found by its new day", from: "B3", caughtBy: "TestARowThatHasMovedToAnotherDayIsKnownThereUnderAnotherID",
		edits: []edit{{entriesFile, "if key, ok := EntryKey(bookID, ref.RemoteID); ok {", "if key, ok := EntryKey(bookID, ref.RemoteID); ok && false {"}},
	},
	{
		name: "an entry is found by its days only, not by its id", from: "B3",
		edits: []edit{{runFile, "if current[id] || id == \"\" {", "if current[id] || id == \"\" || len(b.Rows) > 0 {"}},
	},
	{
		name: "what runs under way will do is not waited for", from: "B3",
		edits: []edit{{runFile, "if r.FinishedAt.IsZero() && (r.AccountID", "if r.FinishedAt.IsZero() && r.ID == \"\" && (r.AccountID"}},
	},
	{
		name: "the remote id of something withdrawn is given to another row", from: "I5", caughtBy: "TestAWithdrawnRowKeepsItsRemoteID",
		edits: []edit{{runFile, "\t\tk.taken[e.RemoteID] = true\n", "\t\tk.taken[e.RemoteID] = e.State != ledger.Removed\n"}},
	},
	{
		name: "what the bank brings back is still withdrawn", from: "F8",
		edits: []edit{{runFile, "if !b.mayBe(e) || e.State == ledger.Removed {", "if !b.mayBe(e) {"}},
	},
	{
		name: "what the app has recorded itself is taken for a person's", from: "identity", caughtBy: "TestAStandingTransactionIsClaimedNotDoubled",
		edits: []edit{{"standing.go", "if t.Trashed || !ours || recordedByUs(t) {", "if t.Trashed || !ours {"}},
	},

	// What the bank changes and withdraws.
	{
		name: "a withdrawal counts though another row has taken the place", from: "9.11",
		edits: []edit{{runFile, "if ok && !kept[e.RemoteID] && e.CurrentID(b.Source) == id", "if ok && e.CurrentID(b.Source) == id"}},
	},
	{
		name: "a withdrawal of an earlier id counts", from: "9.11", caughtBy: "TestARemovedIDAndItsNewOneInOneUpdateAreOneRow",
		edits: []edit{{runFile, "if ok && !kept[e.RemoteID] && e.CurrentID(b.Source) == id", "if ok && !kept[e.RemoteID]"}},
	},
	{
		name: "withdrawals are left out", from: "9.11",
		edits: []edit{{recordFile, "\tfor _, e := range k.removed {\n\t\tresult", "\tfor _, e := range map[string]ledger.Entry{} {\n\t\tresult"}},
	},
	{
		name: "a draft is trashed before the ledger says that the bank withdrew it", from: "order of effects",
		edits: []edit{{recordFile, "e.Withdrawn, e.UpdatedAt = true, w.Now()", "e.UpdatedAt = w.Now()"}},
	},
	{
		name: "the ledger follows the bank before the draft does", from: "order of effects",
		edits: []edit{{recordFile, "result.changes = append(result.changes, change{remoteID: e.RemoteID, row: r.Transaction})", "result.changes = append(result.changes, change{remoteID: e.RemoteID, row: r.Transaction})\n\t\t\te.Row = r.Transaction"}},
	},
	{
		name: "a draft is changed before it is written down to what", from: "order of effects", caughtBy: "TestAChangeCutShortIsNotTakenForAPersons",
		edits: []edit{{changeFile, "if !e.Written.IsAbout(updated) {", "if t.ID == \"\" {"}},
	},
	{
		name: "a run that was given up goes on to change drafts", from: "order of effects", caughtBy: "TestAChangeOfARunThatWasGivenUpIsNotWrittenOverWhatTheBankSaysNow",
		edits: []edit{{recordFile, "if err == nil && run.Interrupted {\n\t\treturn &errs", "if err == nil && run.Interrupted && run.ID == \"\" {\n\t\treturn &errs"}},
	},
	{
		name: "what an undo has surely not taken out, it takes for its own doing later", from: "I5", caughtBy: "TestWhatAPersonTrashesBetweenTheTriesOfAnUndoStaysInTheTrash",
		edits: []edit{{undoFile, "\t\te.State = was\n", "\t\t_ = was\n"}},
	},
	{
		name: "a run is written although nobody wants it as it was fetched any more", from: "order of effects", caughtBy: "TestASyncBringsNothingThatIsWantedOtherwiseBeforeItsRunIsWritten",
		edits: []edit{{runFile, "if err := may(tx); err != nil {", "if err := may(tx); err != nil && run.ID == \"\" {"}},
	},
	{
		name: "runs are in the order in which their syncs began", from: "B3", caughtBy: "TestWhatTheBankHasSaidSinceStays",
		edits: []edit{{syncFile, "if !now.After(i.LastRun) {", "if now.IsZero() {"}},
	},
	{
		name: "the runs of all updates of a sync start at once", from: "B7", caughtBy: "TestWhatOneAccountLostIsToldAgainAlthoughAnotherLosesSomethingInALaterUpdate",
		edits: []edit{{syncFile, "u.next, src.runs.Add(time.Millisecond)", "u.next, src.runs.Add(0)"}},
	},
	{
		name: "who fetches everything again is not told what the bank has withdrawn", from: "9.11", caughtBy: "TestFetchingAllAgainHearsWhatWasWithdrawn",
		edits: []edit{{syncFile, "if err := src.addWithdrawn(ctx, &u, left); err != nil {", "if err := src.addWithdrawn(ctx, &u, left[:0]); err != nil {"}},
	},
	{
		name: "an update that is refused midway begins from nothing", from: "F8", caughtBy: "TestAnUpdateThatIsRefusedMidwayBeginsAgainFromTheSameState",
		edits: []edit{{syncFile, "if !midway || !errs.Is(err, errs.Conflict) {", "if !midway || !errs.Is(err, errs.Conflict) || u.more == 0 {"}},
	},
	{
		name: "of a connection only the runs of one account are given up", from: "B7", caughtBy: "TestWhatOneAccountLostIsToldAgainAlthoughAnotherLosesSomethingLater",
		edits: []edit{{sweepFile, "(r.Integration == run.Integration || connection != \"\" && r.Connection == connection)", "r.Integration == run.Integration"}},
	},
	{
		name: "a try later records what the bank has withdrawn", from: "9.11", caughtBy: "TestWhatTheBankWithdrewIsNotRecordedByATryLater",
		edits: []edit{{retryFile, "case now.Withdrawn:", "case now.Withdrawn && now.RemoteID == \"\":"}},
	},
	{
		name: "a redo takes back that the bank has withdrawn a row", from: "9.11", caughtBy: "TestRedoingARunLeavesWhatTheBankWithdrewMeanwhile",
		edits: []edit{{undoFile, "if e.State != ledger.Undone || e.Withdrawn {", "if e.State != ledger.Undone {"}, {undoFile, "row: e.Row, removed: e.Withdrawn}); err", "row: e.Row}); err"}},
	},
	{
		name: "what the bank withdraws while a redo is under way, nobody hears", from: "I2", caughtBy: "TestWhatTheBankSaysWhileARunIsBroughtBackIsFollowed",
		edits: []edit{{undoFile, "if isToGo(e) || isBehind(e) {", "if isBehind(e) {"}},
	},
	{
		name: "whether it is a run's turn is asked before the lease only", from: "B3, B6", caughtBy: "TestWhatIsOvertakenBeforeItHasTheLeaseBringsNoOldNews",
		edits: []edit{{recordFile, "if err != nil || run.IsDone(b.Number) || run.Interrupted {\n\t\t\treturn err\n\t\t}\n\t\tovertaken", "if err != nil || run.ID != \"\" {\n\t\t\treturn err\n\t\t}\n\t\tovertaken"}},
	},
	{
		name: "what a try has to follow counts as recorded", from: "I2, I3", caughtBy: "TestWhatATryHasToFollowAndDoesNotReachFollowsLater",
		edits: []edit{{recordFile, "\te.State, e.Tries = ledger.Claimed, max(e.Tries, 2)\n\treturn e\n", "\treturn e\n"}},
	},
	{
		name: "a try that was not sent forgets what another account has sent", from: "I2", caughtBy: "TestATryThatWasNotSentForgetsNotWhatAnotherAccountHasSent",
		edits: []edit{forgetTries},
	},
	{
		name: "a try writes back what the bank said before it", from: "I1", caughtBy: "TestWhatTheBankTellsMeanwhileOutlivesATry",
		edits: []edit{{recordFile, "\t\t\t\twas := isBehind(e)\n\t\t\t\te = asTold(e, now)\n", "\t\t\t\twas := isBehind(e)\n"}},
	},
	{
		name: "a run that gives an entry another id revises nothing", from: "B3", caughtBy: "TestWhatTheBankBringsBackWhileItsPlaceIsBeingTakenIsRecorded",
		edits: []edit{{runFile, "p.revises || revised || newID(e, b.Source, r.ID) && e.CurrentID(b.Source) != \"\"", "p.revises || revised"}},
	},
	{
		name: "corrections of the bank are left out", from: "9.11",
		edits: []edit{{runFile, "\tcase e.Row.Date != r.Date, !e.Row.Amount.Equal(r.Amount):\n\t\treturn true", "\tcase e.Row.Date != r.Date, !e.Row.Amount.Equal(r.Amount):\n\t\treturn false"}},
	},
	{
		name: "other words of the bank are left out", from: "9.11",
		edits: []edit{{runFile, "return t.hasBrought(e) && e.Row.Description != r.Description", "return false"}},
	},
	{
		name: "a changed row that is in doubt is not looked for in the book", from: "9.5", caughtBy: "TestAParkedRowThatIsInTheBookFollowsTheBank",
		edits: []edit{{changeFile, "if (e.State == ledger.Claimed || e.State == ledger.Parked) && e.Tries > 0 {", "if (e.State == ledger.Claimed || e.State == ledger.Parked) && e.Tries > 1000 {"}},
	},
	{
		name: "the draft follows the bank though a person has touched it", from: "I6, C13",
		edits: []edit{{changeFile, "case e.Touched || !e.Written.Alone(t):", "case e.Touched && !e.Written.Alone(t) && t.ID == \"\":"}},
	},
	{
		name: "what is found in the trash by a withdrawal was put there by a person", from: "9.11", caughtBy: "TestALostReplyToAChangeIsNoTouch",
		edits: []edit{{changeFile, "case t.Trashed && c.removed && e.Withdrawn:", "case t.Trashed && c.removed && e.Withdrawn && t.ID == \"\":"}},
	},
	{
		name: "of what is found in the book again it is not asked whether a person has touched it", from: "I6", caughtBy: "TestALostReplyRecordsNothingTwice",
		edits: []edit{{recordFile, "e.Touched = e.Touched || !saysOnly(t, *e)", "e.Touched = false"}},
	},
}

// Cases that the lives do not come upon.

func TestFilesOfTwoPeriodsMayNumberAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	early := []bank.Transaction{row("1", 2, "-1", "COFFEE"), row("2", 3, "-2", "TEA")}
	late := []bank.Transaction{row("1", 10, "-3", "CAKE"), row("2", 11, "-4", "JUICE")}
	for _, rows := range [][]bank.Transaction{early, late, early} {
		w.importing(feed.ImportRequest{Content: ofx("", "", account{"123", rows})})
	}
	w.wantBook("Bank", append(early, late...)...)
}

func TestALinkToARowThatIsStillThereIsNone(t *testing.T) {
	t.Parallel()
	first := bank.NewDate(2026, 11, 1)
	entry := match.Entry{Ref: "e", ID: "p", Date: first, Amount: "-1 EUR", Text: "coffee"}
	linked := match.Row{ID: "b", PendingID: "p", Date: first.AddDays(1), Amount: "-1 EUR", Text: "coffee"}
	for _, c := range []struct {
		present []string
		want    match.How
	}{
		{nil, match.ByLink},
		{[]string{"p"}, match.New},
	} {
		got := match.Match(match.Update{Rows: []match.Row{linked}, Present: c.present}, []match.Entry{entry})
		if got[0].How != c.want {
			t.Errorf("with %v elsewhere in the update the row is %v, not %v", c.present, got[0].How, c.want)
		}
	}
}
