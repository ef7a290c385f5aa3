package sandbox_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/sandbox"
)

func escape(text string) string { return url.QueryEscape(text) }

// run runs a server's deliveries until the test ends.
func run(t *testing.T, s *sandbox.Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// eventually fails the test unless the claim comes true within some seconds.
func eventually(t *testing.T, claim string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not so in the end: %s", claim)
}
