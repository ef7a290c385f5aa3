// Package trial tries a check of a conformance suite on something that is
// known to be broken, and tells whether the check noticed, without failing the
// test that asks. A suite is proven by what it rejects.
package trial

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
)

// Outcome is what became of a check.
type Outcome struct {
	Failed  bool
	Skipped bool
	Log     string // all it said
}

// Run runs check with a testing.TB of its own, in a goroutine of its own, and
// waits for it and its clean-ups. A panic is a failure.
func Run(tb testing.TB, check func(tb testing.TB)) Outcome {
	tb.Helper()
	r := &recorder{TB: tb}
	inGoroutine(func() { r.guard(func() { check(r) }) })
	for {
		f := r.lastCleanup()
		if f == nil {
			break
		}
		inGoroutine(func() { r.guard(f) })
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return Outcome{Failed: r.failed, Skipped: r.skipped, Log: r.log.String()}
}

// inGoroutine runs f where a runtime.Goexit ends nothing else.
func inGoroutine(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// recorder is a testing.TB that notes failures instead of failing. What it does
// not define, such as TempDir, is that of the test that asks.
type recorder struct {
	testing.TB

	mu       sync.Mutex
	failed   bool
	skipped  bool
	log      strings.Builder
	cleanups []func()
}

func (r *recorder) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			r.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	f()
}

func (r *recorder) lastCleanup() func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.cleanups)
	if n == 0 {
		return nil
	}
	f := r.cleanups[n-1]
	r.cleanups = r.cleanups[:n-1]
	return f
}

func (r *recorder) note(failed, skipped bool, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.failed || failed
	r.skipped = r.skipped || skipped
	r.log.WriteString(strings.TrimSuffix(text, "\n") + "\n")
}

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Skipped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.skipped
}

func (r *recorder) Helper()         {}
func (r *recorder) Log(args ...any) { r.note(false, false, fmt.Sprintln(args...)) }
func (r *recorder) Logf(format string, args ...any) {
	r.note(false, false, fmt.Sprintf(format, args...))
}
func (r *recorder) Error(args ...any) { r.note(true, false, fmt.Sprintln(args...)) }
func (r *recorder) Errorf(format string, args ...any) {
	r.note(true, false, fmt.Sprintf(format, args...))
}
func (r *recorder) Fail()                             { r.note(true, false, "failed") }
func (r *recorder) FailNow()                          { r.Fail(); runtime.Goexit() }
func (r *recorder) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }

func (r *recorder) SkipNow() { r.note(false, true, "skipped"); runtime.Goexit() }

func (r *recorder) Skip(args ...any) { r.note(false, true, fmt.Sprintln(args...)); runtime.Goexit() }

func (r *recorder) Skipf(format string, args ...any) {
	r.note(false, true, fmt.Sprintf(format, args...))
	runtime.Goexit()
}
