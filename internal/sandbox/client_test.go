package sandbox_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestThePublicClientWorksAgainstIt drives Bkper's own JavaScript client, the
// npm package bkper-js, unmodified but for its base URL. The package is looked
// for below the folder that BKPER_JS_DIR names.
func TestThePublicClientWorksAgainstIt(t *testing.T) {
	dir := os.Getenv("BKPER_JS_DIR")
	if dir == "" {
		t.Skip("BKPER_JS_DIR is not set: npm install --prefix DIR bkper-js (or build it into DIR/node_modules), then BKPER_JS_DIR=DIR")
	}
	client := filepath.Join(dir, "node_modules", "bkper-js")
	data, err := os.ReadFile(filepath.Join(client, "package.json"))
	if err != nil {
		t.Fatalf("BKPER_JS_DIR holds no bkper-js: %v", err)
	}
	var manifest struct {
		Main string `json:"main"`
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	a := newApp(t)
	a.answerOnce(`{"error":"broken"}`, `{"result":"well"}`)
	b := delivering(t, a, "TRANSACTION_CHECKED")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	output, err := exec.CommandContext(ctx, "node", "testdata/client.mjs", b.url, filepath.Join(client, manifest.Main)).CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(output)), "done") {
		t.Fatalf("%v\n%s", err, output)
	}
	t.Logf("%s", output)
}
