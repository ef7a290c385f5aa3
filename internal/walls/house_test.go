package walls

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A house is the parsed source of one module.
type house struct {
	module string
	fset   *token.FileSet
	files  []file
	// knows has, by folder, what the program's own code there imports of ours.
	knows map[string][]door
}

type file struct {
	name    string // below the top level, with slashes
	dir     string
	test    bool // a _test.go file, or part of a kit
	syntax  *ast.File
	imports []door
}

// A door is one import: a folder of ours, or another's import path.
type door struct {
	to   string
	ours bool
	pos  token.Pos
}

// A finding is one breach, told as file:line: what (why).
type finding struct {
	file string
	line int
	text string
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.file, f.line, f.text) }

// readHouse parses every Go file of the module whose top level is top.
func readHouse(top fs.FS) (house, error) {
	goMod, err := fs.ReadFile(top, "go.mod")
	if err != nil {
		return house{}, err
	}
	firstLine, _, _ := strings.Cut(string(goMod), "\n")
	h := house{
		module: strings.TrimSpace(strings.TrimPrefix(firstLine, "module ")),
		fset:   token.NewFileSet(),
		knows:  map[string][]door{},
	}
	err = fs.WalkDir(top, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && unread(entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(top, name)
		if err != nil {
			return err
		}
		return h.add(name, text)
	})
	return h, err
}

// unread reports whether Go itself would not look into a folder of that name.
func unread(folder string) bool {
	return folder != "." && (folder[0] == '.' || folder[0] == '_' || folder == "testdata" || folder == "node_modules")
}

func (h *house) add(name string, text []byte) error {
	syntax, err := parser.ParseFile(h.fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	f := file{name: name, dir: path.Dir(name), syntax: syntax}
	f.test = strings.HasSuffix(name, "_test.go") || isKit(f.dir)
	for _, spec := range syntax.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		d := door{to: to, pos: spec.Pos()}
		if below, ours := strings.CutPrefix(to, h.module+"/"); ours {
			d.to, d.ours = below, true
		}
		f.imports = append(f.imports, d)
		if d.ours && !f.test {
			h.knows[f.dir] = append(h.knows[f.dir], d)
		}
	}
	h.files = append(h.files, f)
	return nil
}

// check returns every breach, in the order of the files.
func (h *house) check() []finding {
	var all []finding
	for _, f := range h.files {
		say := func(pos token.Pos, format string, args ...any) {
			all = append(all, finding{f.name, h.fset.Position(pos).Line, fmt.Sprintf(format, args...)})
		}
		for _, d := range f.imports {
			h.checkRooms(f, d, say)
			checkDoors(f, d, say)
			checkPure(f, d, say)
			checkKits(f, d, say)
		}
		checkWords(f, say)
		checkInit(f, say)
		checkFloats(f, say)
	}
	return all
}

type sayer func(pos token.Pos, format string, args ...any)

// checkRooms follows one import of the program's own code as far as it leads.
func (h *house) checkRooms(f file, d door, say sayer) {
	if f.test || !d.ours {
		return
	}
	for _, r := range rooms {
		if !matches(f.dir, r.room) {
			continue
		}
		allowed := append([]string{r.room}, r.may...)
		if chain := h.leadsOutside(d.to, allowed, map[string]bool{}); chain != nil {
			say(d.pos, "%s must not know %s (%s)", f.dir, strings.Join(chain, ", known to "), r.reason)
		}
	}
}

// leadsOutside returns the shortest way it finds from a folder to one that is
// not allowed, that one first, or nil.
func (h *house) leadsOutside(dir string, allowed []string, seen map[string]bool) []string {
	if !matchesAny(dir, allowed) {
		return []string{dir}
	}
	seen[dir] = true
	for _, next := range h.knows[dir] {
		if seen[next.to] {
			continue
		}
		if chain := h.leadsOutside(next.to, allowed, seen); chain != nil {
			return append(chain, dir)
		}
	}
	return nil
}

func checkDoors(f file, d door, say sayer) {
	for _, rule := range doors {
		if !matches(d.to, rule.to) || (rule.tests && f.test) || matchesAny(f.dir, rule.by) {
			continue
		}
		if d.ours && strings.HasPrefix(d.to, f.dir+"/") {
			continue // a package may always know its own inner rooms
		}
		say(d.pos, "%s must not import %s (%s)", f.dir, d.to, rule.reason)
	}
}

func checkPure(f file, d door, say sayer) {
	if !f.test && matchesAny(f.dir, pure) && !d.ours && matchesAny(d.to, outside) {
		say(d.pos, "%s must not import %s (it only thinks: no files, no network, no chance, no log)", f.dir, d.to)
	}
}

func checkKits(f file, d door, say sayer) {
	if !f.test && d.ours && isKit(d.to) {
		say(d.pos, "%s must not import %s (test code stays out of the program)", f.dir, d.to)
	}
}

func isKit(dir string) bool {
	return strings.HasSuffix(path.Base(dir), "test") || matchesAny(dir, kits)
}

func checkWords(f file, say sayer) {
	if f.test {
		return
	}
	packages := map[string]string{} // by the name they have in this file
	for _, spec := range f.syntax.Imports {
		to, _ := strconv.Unquote(spec.Path.Value)
		local := path.Base(strings.TrimSuffix(to, "/v2"))
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == "." {
			say(spec.Pos(), "%s must not dot-import %s (a name should say where it comes from)", f.dir, to)
		}
		packages[local] = to
	}
	called := map[ast.Expr]bool{}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			called[call.Fun] = true
		}
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		for _, w := range words {
			if packages[x.Name] != w.pkg || !slices.Contains(w.names, sel.Sel.Name) || matchesAny(f.dir, w.by) {
				continue
			}
			if called[sel] || !matchesAny(f.dir, w.fallback) {
				say(sel.Pos(), "%s must not use %s.%s (%s)", f.dir, x.Name, sel.Sel.Name, w.reason)
			}
		}
		return true
	})
}

func checkInit(f file, say sayer) {
	for _, decl := range f.syntax.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			say(fn.Pos(), "%s must not have an init function (what runs is called by name)", f.dir)
		}
	}
}

func checkFloats(f file, say sayer) {
	if f.test || !matchesAny(f.dir, exact) {
		return
	}
	floating := names(
		"float32", "float64", "complex64", "complex128", "Float", "Float32", "Float64", "NewFromFloat", "NewFromFloat32",
		"InexactFloat64", "ParseFloat", "FormatFloat", "AppendFloat",
	)
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			return !slices.Contains(inexact, f.name+" "+n.Name.Name)
		case *ast.TypeSpec:
			return !slices.Contains(inexact, f.name+" "+n.Name.Name)
		case *ast.Ident:
			if slices.Contains(floating, n.Name) {
				say(n.Pos(), "%s must not use %s (amounts are decimal)", f.dir, n.Name)
			}
		case *ast.BasicLit:
			if n.Kind == token.FLOAT || n.Kind == token.IMAG {
				say(n.Pos(), "%s must not hold the floating-point number %s (amounts are decimal)", f.dir, n.Value)
			}
		}
		return true
	})
}

func matchesAny(dir string, places []string) bool {
	return slices.ContainsFunc(places, func(place string) bool { return matches(dir, place) })
}

// matches reports whether a folder or import path lies in a place.
func matches(dir, place string) bool {
	if above, ok := strings.CutSuffix(place, "/..."); ok {
		return dir == above || strings.HasPrefix(dir, above+"/")
	}
	if above, ok := strings.CutSuffix(place, "/*"); ok {
		return strings.HasPrefix(dir, above+"/")
	}
	return dir == place
}
