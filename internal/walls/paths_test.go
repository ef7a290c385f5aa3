package walls

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// What counts as a path in a document: one that begins in a top-level folder,
// or the name of a file between backticks.
var (
	pathBelowTop = regexp.MustCompile(`(?:^|[^\w./-])(?:\./)?((?:bot|connectors|internal|\.ci)/[\w./-]*\w)`)
	fileName     = regexp.MustCompile("`([\\w.-]+\\.(?:go|mod|sum|ya?ml|md|css|js|html))`")
	treeLine     = regexp.MustCompile(`^( *)([\w.-]+/|[\w.-]+\.(?:go|mod|sum|ya?ml|md))(?: |$)`)
)

// missingPaths returns the paths that a document names and top does not have.
// A fenced block may draw the folders as a tree, by indentation.
func missingPaths(top fs.FS, page, text string) []finding {
	var all []finding
	known := fileNames(top)
	var tree treePath
	fenced := false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "```") {
			fenced, tree = !fenced, nil
			continue
		}
		var named []string
		for _, m := range pathBelowTop.FindAllStringSubmatch(line, -1) {
			named = append(named, m[1])
		}
		if m := treeLine.FindStringSubmatch(line); fenced && m != nil {
			tree = tree.at(len(m[1]), m[2])
			named = append(named, tree.String())
		}
		for _, m := range fileName.FindAllStringSubmatch(line, -1) {
			if !known[m[1]] {
				all = append(all, finding{page, i + 1, fmt.Sprintf("there is no file %s", m[1])})
			}
		}
		for _, name := range named {
			if _, err := fs.Stat(top, name); err != nil {
				all = append(all, finding{page, i + 1, fmt.Sprintf("there is no %s", name)})
			}
		}
	}
	return all
}

// A treePath is the way from the top of a drawn tree to one of its lines.
type treePath []struct {
	indent int
	name   string
}

// at returns the way to the next line of the tree.
func (p treePath) at(indent int, name string) treePath {
	for len(p) > 0 && p[len(p)-1].indent >= indent {
		p = p[:len(p)-1]
	}
	return append(p, struct {
		indent int
		name   string
	}{indent, name})
}

func (p treePath) String() string {
	var names []string
	for _, step := range p {
		names = append(names, step.name)
	}
	return path.Join(names...)
}

// fileNames returns the names, without folder, of all files below top.
func fileNames(top fs.FS) map[string]bool {
	found := map[string]bool{}
	_ = fs.WalkDir(top, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case !entry.IsDir():
			found[path.Base(name)] = true
		}
		return nil
	})
	return found
}
