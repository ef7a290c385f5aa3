package walls

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const module = "example.org/app"

// breaches builds a house of the given files and returns what is wrong there.
func breaches(t *testing.T, files map[string]string) []finding {
	t.Helper()
	source := fstest.MapFS{"go.mod": {Data: []byte("module " + module + "\n")}}
	for name, text := range files {
		source[name] = &fstest.MapFile{Data: []byte(text)}
	}
	h, err := readHouse(source)
	if err != nil {
		t.Fatal(err)
	}
	return h.check()
}

// inside returns some folder that lies in a place.
func inside(place string) string {
	if above, ok := strings.CutSuffix(place, "/*"); ok {
		return above + "/inner"
	}
	return strings.TrimSuffix(place, "/...")
}

func importing(path string) string { return "package p\n\nimport _ \"" + path + "\"\n" }

func lines(found []finding) []string {
	var all []string
	for _, f := range found {
		all = append(all, f.String())
	}
	return all
}

// mentions reports whether a finding at file:line says all the words.
func mentions(found []finding, file string, line int, words ...string) bool {
	for _, f := range found {
		ok := f.file == file && f.line == line
		for _, w := range words {
			ok = ok && strings.Contains(f.text, w)
		}
		if ok {
			return true
		}
	}
	return false
}

func TestEveryRoomIsHeldToItsList(t *testing.T) {
	for _, r := range rooms {
		t.Run(r.room, func(t *testing.T) {
			name := inside(r.room) + "/a.go"
			direct := map[string]string{
				name:                          importing(module + "/internal/elsewhere"),
				"internal/elsewhere/b.go":     "package p\n",
				inside(r.room) + "/a_test.go": importing(module + "/internal/elsewhere"),
			}
			found := breaches(t, direct)
			if len(found) != 1 || !mentions(found, name, 3, "internal/elsewhere", r.reason) {
				t.Errorf("direct import, and one in a test: found %q; want only %s:3", lines(found), name)
			}
			for _, neighbour := range r.may {
				through := inside(neighbour)
				found := breaches(t, map[string]string{
					name:                      importing(module + "/" + through),
					through + "/b.go":         importing(module + "/internal/elsewhere"),
					"internal/elsewhere/c.go": "package p\n",
				})
				if !mentions(found, name, 3, "internal/elsewhere, known to "+through, r.reason) {
					t.Errorf("import through %s: found %q; want one at %s:3", through, lines(found), name)
				}
			}
		})
	}
}

func TestEveryDoorIsLocked(t *testing.T) {
	for _, d := range doors {
		t.Run(strings.ReplaceAll(d.to, "/", " "), func(t *testing.T) {
			target := inside(d.to)
			if ours(d.to) {
				target = module + "/" + target
			}
			found := breaches(t, map[string]string{"internal/elsewhere/a.go": importing(target)})
			if !mentions(found, "internal/elsewhere/a.go", 3, d.reason) {
				t.Errorf("the program: found %q; want one at internal/elsewhere/a.go:3", lines(found))
			}
			found = breaches(t, map[string]string{
				"internal/elsewhere/a_test.go":        importing(target),
				"internal/elsewhere/storetest/kit.go": importing(target),
			})
			want := 2
			if d.tests {
				want = 0
			}
			if len(found) < want || (want == 0 && len(found) > 0) {
				t.Errorf("two tests: found %q; want %d", lines(found), want)
			}
			for _, by := range d.by {
				found := breaches(t, map[string]string{inside(by) + "/a.go": importing(target)})
				if mentions(found, inside(by)+"/a.go", 3, d.reason) {
					t.Errorf("%s has the key, but: %q", by, lines(found))
				}
			}
		})
	}
}

func ours(place string) bool {
	for _, top := range names("bot", "connectors", "internal") {
		if matches(inside(place), top+"/...") {
			return true
		}
	}
	return false
}

func TestEveryForbiddenWordIsHeard(t *testing.T) {
	for _, w := range words {
		for _, name := range w.names {
			t.Run(w.pkg+"."+name, func(t *testing.T) {
				text := "package p\n\nimport other \"" + w.pkg + "\"\n\nvar f = other." + name + "\n"
				found := breaches(t, map[string]string{
					"internal/elsewhere/a.go":      text,
					"internal/elsewhere/a_test.go": text,
				})
				if len(found) != 1 || !mentions(found, "internal/elsewhere/a.go", 5, name, w.reason) {
					t.Errorf("found %q; want only internal/elsewhere/a.go:5", lines(found))
				}
				call := strings.Replace(text, "var f = other."+name, "func f() { other."+name+"() }", 1)
				for _, place := range w.by {
					for _, text := range names(text, call) {
						if found := breaches(t, map[string]string{inside(place) + "/a.go": text}); len(found) > 0 {
							t.Errorf("%s may, but: %q", place, lines(found))
						}
					}
				}
				for _, place := range w.fallback {
					file := inside(place) + "/a.go"
					if found := breaches(t, map[string]string{file: text}); mentions(found, file, 5, w.reason) {
						t.Errorf("%s may fall back on it, but: %q", place, lines(found))
					}
					if found := breaches(t, map[string]string{file: call}); !mentions(found, file, 5, name, w.reason) {
						t.Errorf("a call in %s: found %q; want one at %s:5", place, lines(found), file)
					}
				}
			})
		}
	}
}

func TestBreachesOfOtherKinds(t *testing.T) {
	for name, tc := range map[string]struct {
		file, text string
		want       []string
	}{
		"an init function": {
			"internal/feed/a.go", "package p\n\nfunc init() {}\n",
			[]string{"internal/feed/a.go:3: internal/feed must not have an init function (what runs is called by name)"},
		},
		"an init function in a test": {
			"internal/feed/a_test.go", "package p\n\nfunc init() {}\n",
			[]string{"internal/feed/a_test.go:3: internal/feed must not have an init function (what runs is called by name)"},
		},
		"a method called init is none": {"internal/feed/a.go", "package p\n\nfunc (t) init() {}\n", nil},
		"a floating-point amount": {
			"internal/money/a.go", "package p\n\ntype Amount float64\n",
			[]string{"internal/money/a.go:3: internal/money must not use float64 (amounts are decimal)"},
		},
		"a floating-point constant": {
			"connectors/demo/a.go", "package p\n\nvar rent = 950.10\n",
			[]string{"connectors/demo/a.go:3: connectors/demo must not hold the floating-point number 950.10 (amounts are decimal)"},
		},
		"a conversion by way of floating point": {
			"internal/statement/ofx/a.go", "package p\n\nimport \"strconv\"\n\nvar parse = strconv.ParseFloat\n",
			[]string{"internal/statement/ofx/a.go:5: internal/statement/ofx must not use ParseFloat (amounts are decimal)"},
		},
		"floating point in a confidence":            {"internal/learn/a.go", "package p\n\nvar sure float64 = 0.9\n", nil},
		"floating point in a test of an exact room": {"internal/money/a_test.go", "package p\n\nvar x float64 = 0.9\n", nil},
		"floating point where something else is counted": {
			"internal/bkper/service.go",
			"package p\n\nfunc wait(jitter float64) {}\n\ntype Options struct{ Jitter func() float64 }\n\nfunc pay(x float64) {}\n",
			[]string{"internal/bkper/service.go:7: internal/bkper must not use float64 (amounts are decimal)"},
		},
		"the disk in a room that only thinks": {
			"internal/learn/a.go", "package p\n\nimport _ \"os/exec\"\n",
			[]string{"internal/learn/a.go:3: internal/learn must not import os/exec (it only thinks: no files, no network, no chance, no log)"},
		},
		"a kit in the program": {
			"bot/a.go", importing(module + "/internal/store/storetest"),
			[]string{"bot/a.go:3: bot must not import internal/store/storetest (test code stays out of the program)"},
		},
		"a kit of another name in the program": {
			"bot/a.go", importing(module + "/" + kits[0]),
			[]string{"bot/a.go:3: bot must not import " + kits[0] + " (test code stays out of the program)"},
		},
		"a kit in a kit":                    {kits[0] + "/a.go", importing(module + "/internal/store/storetest"), nil},
		"a kit in a test":                   {"bot/a_test.go", importing(module + "/internal/store/storetest"), nil},
		"the disk in a test of such a room": {"internal/learn/a_test.go", "package p\n\nimport _ \"os\"\n", nil},
		"a URL in a room that only thinks":  {"internal/statement/ofx/a.go", "package p\n\nimport _ \"net/url\"\n", nil},
		"a dot import": {
			"internal/feed/a.go", "package p\n\nimport . \"time\"\n",
			[]string{"internal/feed/a.go:3: internal/feed must not dot-import time (a name should say where it comes from)"},
		},
		"a clock that is handed on":         {"internal/feed/a.go", "package p\n\nimport \"time\"\n\nvar wait = time.Second\n", nil},
		"a field called like a package":     {"internal/feed/a.go", "package p\n\nvar x = s.time.Now\n", nil},
		"a seeded source of randomness":     {"internal/feed/a.go", "package p\n\nimport \"math/rand/v2\"\n\nvar r = rand.New(rand.NewPCG(1, 2))\n", nil},
		"a folder that Go does not look at": {"internal/feed/testdata/a.go", "package p\n\nfunc init() {}\n", nil},
		"an inner room of a package":        {"internal/store/a.go", "package p\n\nimport _ \"" + module + "/internal/store/embedded\"\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := lines(breaches(t, map[string]string{tc.file: tc.text}))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestADocumentIsHeldToWhatExists(t *testing.T) {
	top := fstest.MapFS{
		"bkperapp.yaml":                   {},
		"internal/bank/bank.go":           {},
		"internal/store/storetest/kit.go": {},
	}
	page := strings.Join([]string{
		"See `bkperapp.yaml`, internal/bank, `internal/bank/bank.go` and ./internal/store/...,", // 1
		"then `internal/blank` or internal/bank/gone.go, or `gone.yaml`.",                       // 2
		"Not paths: https://example.org/internal/gone, /bot/x, time/tzdata, `POST /events`.",    // 3
		"```",                              // 4
		"internal/",                        // 5
		"  bank/      values",              // 6
		"    bank.go  the values",          // 7
		"  gone/      nothing",             // 8
		"  store/",                         // 9
		"    storetest/",                   // 10
		"```",                              // 11
		"  gone/ outside a fence is prose", // 12
	}, "\n")
	got := lines(missingPaths(top, "PAGE.md", page))
	want := []string{
		"PAGE.md:2: there is no file gone.yaml",
		"PAGE.md:2: there is no internal/blank",
		"PAGE.md:2: there is no internal/bank/gone.go",
		"PAGE.md:8: there is no internal/gone",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
