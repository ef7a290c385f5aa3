package bkperbot

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readManifest(t *testing.T) Manifest {
	t.Helper()
	m, err := ReadManifest()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestManifestAsksForWhatTheAppListensTo(t *testing.T) {
	m := readManifest(t)
	want := []string{
		"ACCOUNT_DELETED", "ACCOUNT_UPDATED", "BOOK_DELETED", "BOOK_UPDATED", "COLLABORATOR_ADDED", "COLLABORATOR_REMOVED",
		"COLLABORATOR_UPDATED", "FILE_CREATED", "INTEGRATION_CREATED", "INTEGRATION_DELETED", "TRANSACTION_DELETED", "TRANSACTION_POSTED",
		"TRANSACTION_RESTORED", "TRANSACTION_UPDATED",
	}
	got := slices.Sorted(slices.Values(m.Events))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestManifestNamesTheAppAsBkperWantsIt(t *testing.T) {
	m := readManifest(t)
	if !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(m.ID) {
		t.Errorf("id %q: Bkper takes lower-case letters, digits and hyphens only", m.ID)
	}
	if m.Name == "" || m.Description == "" {
		t.Errorf("name %q and description %q: people see both", m.Name, m.Description)
	}
	if m.MenuOpenMode != "EXPANDED" || m.APIVersion != "v5" {
		t.Errorf("menuOpenMode %q, apiVersion %q; want EXPANDED, v5", m.MenuOpenMode, m.APIVersion)
	}
}

func TestManifestLeadsToTheRoutesOfTheProgram(t *testing.T) {
	m := readManifest(t)
	for name, tc := range map[string]struct{ address, scheme, path string }{
		"menuUrl":       {m.MenuURL, "https", "/panel"},
		"menuUrlDev":    {m.MenuURLDev, "http", "/panel"},
		"webhookUrl":    {m.WebhookURL, "https", "/events"},
		"webhookUrlDev": {m.WebhookURLDev, "http", "/events"},
	} {
		address, query, _ := strings.Cut(tc.address, "?")
		u, err := url.Parse(address)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if u.Scheme != tc.scheme || u.Path != tc.path {
			t.Errorf("%s: %s://...%s; want %s://...%s", name, u.Scheme, u.Path, tc.scheme, tc.path)
		}
		if tc.path == "/panel" && query != "bookId=${book.id}&accountId=${account.id}" {
			t.Errorf("%s: the query is %q; the panel needs the book and the account", name, query)
		}
	}
}

func TestManifestPatternsCatchStatementFiles(t *testing.T) {
	m := readManifest(t)
	for file, want := range map[string]bool{"may.ofx": true, "may.qfx": true, "may.csv": false, "may.pdf": false} {
		got := slices.ContainsFunc(m.FilePatterns, func(pattern string) bool {
			matched, err := path.Match(pattern, file)
			return err == nil && matched
		})
		if got != want {
			t.Errorf("%s caught: %v; want %v", file, got, want)
		}
	}
}

func TestManifestOffersVisiblePropertyKeys(t *testing.T) {
	m := readManifest(t)
	keys := m.PropertiesSchema.Transaction.Keys
	if len(keys) == 0 {
		t.Error("no property keys for transactions")
	}
	for _, key := range keys {
		if !regexp.MustCompile(`^[a-z0-9_]{1,30}$`).MatchString(key) || strings.HasSuffix(key, "_") {
			t.Errorf("%q: a visible key has at most 30 of a-z 0-9 _ and does not end in _", key)
		}
	}
}
