package panel

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"

	"github.com/gin-gonic/gin"

	"github.com/bank-connections/bkper-bot/internal/errs"
)

//go:embed web
var web embed.FS

// assets are the files that pages refer to. Their address carries the hash of
// all of them, so a browser keeps them for ever and never mixes two versions.
type assets struct {
	version string
	files   map[string]file
}

type file struct {
	kind    string
	content []byte
}

var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func loadAssets() (assets, error) {
	entries, err := fs.ReadDir(web, "web")
	if err != nil {
		return assets{}, err
	}
	all := assets{files: map[string]file{}}
	sum := sha256.New()
	for _, e := range entries {
		kind, ok := kinds[path.Ext(e.Name())]
		if !ok {
			continue
		}
		content, err := web.ReadFile("web/" + e.Name())
		if err != nil {
			return assets{}, err
		}
		all.files[e.Name()] = file{kind, content}
		sum.Write(fmt.Appendf(nil, "%s %d\n%s", e.Name(), len(content), content))
	}
	all.version = hex.EncodeToString(sum.Sum(nil))[:12]
	return all, nil
}

// base is the address below which the assets are.
func (a assets) base() string { return "/panel/assets/" + a.version }

func (p *Panel) asset(c *gin.Context) {
	p.headers(c, closedPolicy)
	f, ok := p.assets.files[c.Param("name")]
	if !ok || c.Param("version") != p.assets.version {
		p.fail(c, errs.New(errs.NotFound, "There is no such file."))
		return
	}
	c.Header("Cache-Control", "public, max-age=31536000, immutable")
	c.Data(http.StatusOK, f.kind, f.content)
}

// pages are the templates of whole pages.
type pages struct{ panel, message *template.Template }

func loadPages() (pages, error) {
	read := func(name string) (*template.Template, error) {
		return template.New(name).Option("missingkey=error").ParseFS(web, "web/"+name)
	}
	panel, err := read("panel.html")
	if err != nil {
		return pages{}, err
	}
	message, err := read("message.html")
	return pages{panel, message}, err
}
