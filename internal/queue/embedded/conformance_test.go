package embedded_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/queue/embedded"
	"github.com/bank-connections/bkper-bot/internal/queue/queuetest"
	storefile "github.com/bank-connections/bkper-bot/internal/store/embedded"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	paths := map[queuetest.Queue]string{}
	open := func(tb testing.TB, path string, policy queue.Policy) queuetest.Queue {
		tb.Helper()
		db, err := storefile.Open(path)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = db.Close() })
		q, err := embedded.Open(tb.Context(), db, embedded.Options{Policy: policy})
		if err != nil {
			tb.Fatal(err)
		}
		paths[q] = path
		return q
	}
	queuetest.Run(t, queuetest.Harness{
		Open: func(tb testing.TB, policy queue.Policy) queuetest.Queue {
			return open(tb, filepath.Join(tb.TempDir(), "app.db"), policy)
		},
		Reopen: func(tb testing.TB, q queuetest.Queue, policy queue.Policy) queuetest.Queue {
			// A copy of the open file is what a killed process leaves behind.
			left, err := os.ReadFile(paths[q])
			if err != nil {
				tb.Fatal(err)
			}
			path := filepath.Join(tb.TempDir(), "app.db")
			if err := os.WriteFile(path, left, 0o600); err != nil {
				tb.Fatal(err)
			}
			return open(tb, path, policy)
		},
	})
}
