package embedded_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/store"
	"github.com/bank-connections/bkper-bot/internal/store/embedded"
)

func TestWhatWasSavedIsThereAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "app.db")
	numbers := store.NewCollection[int]("numbers")
	ctx := context.Background()

	db, err := embedded.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := numbers.Save(ctx, db, "seven", 7); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, err = embedded.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if got, err := numbers.Load(ctx, db, "seven"); err != nil || got != 7 {
		t.Errorf("Load = %v, %v; want 7", got, err)
	}
}
