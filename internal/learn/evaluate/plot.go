package evaluate

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// The picture, in pixels: the field of the curves and what is around it.
const (
	plotWidth, plotHeight = 850, 520
	plotLeft, plotRight   = 74.0, 690.0
	plotTop, plotBottom   = 92.0, 440.0
	labelGap              = 14.0 // from one text to the next below it
)

// plotStyle has a palette for light and one for dark; the picture brings its
// own ground, so that it can be read wherever it is put.
const plotStyle = `
  svg { --ground: #ffffff; --ink: #1f2328; --soft: #59636e; --grid: #d8dee4; --right: #0b57d0; --done: #a34100; --kept: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    svg { --ground: #15191f; --ink: #e6edf3; --soft: #9aa7b4; --grid: #30363d; --right: #79b8ff; --done: #ffa657; --kept: #56d364 }
  }
  .ground { fill: var(--ground) }
  text { font-family: system-ui, -apple-system, "Segoe UI", sans-serif; font-size: 13px; fill: var(--ink) }
  .head { font-size: 18px; font-weight: 600 }
  .soft { fill: var(--soft) }
  .value { font-size: 12px; paint-order: stroke; stroke: var(--ground); stroke-width: 4px; stroke-linejoin: round }
  .grid { stroke: var(--grid); stroke-width: 1 }
  .axis { stroke: var(--soft); stroke-width: 1 }
  .curve { fill: none; stroke-width: 2.5; stroke-linejoin: round }
  .book { fill: none; stroke: var(--right); stroke-width: 1; opacity: 0.5 }
  .right { stroke: var(--right) } .done { stroke: var(--done); stroke-dasharray: 7 4 } .kept { stroke: var(--kept); stroke-dasharray: 2 4; stroke-linecap: round }
  .fill-right { fill: var(--right) } .fill-done { fill: var(--done) } .fill-kept { fill: var(--kept) }
`

// series is one curve: a share for each stretch, -1 where there is none.
type series struct {
	name, class string
	shares      []float64
}

// SVG draws the learning curve: of several books the means, as the table has
// them, over the thin curves of each book.
func (t Together) SVG() []byte {
	d := &drawing{columns: max(1, len(t.Curve))}
	title, what := "Learning curve", fmt.Sprintf("means of %d books, %d rows; thin: each book's share suggested right", len(t.Books), t.Rows)
	if len(t.Books) == 1 {
		what = fmt.Sprintf("%s, %d rows", t.Books[0].Name, t.Rows)
	}
	d.write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title">`+"\n",
		plotWidth, plotHeight, plotWidth, plotHeight)
	d.write("<title id=\"title\">%s: %s</title>\n<style>%s</style>\n", title, escaped(what), plotStyle)
	d.write(`<rect class="ground" width="%d" height="%d"/>`+"\n", plotWidth, plotHeight)
	d.text(plotLeft, 36, "head", "start", title)
	d.text(plotLeft, 58, "soft", "start", what)
	d.axes(t.Curve)
	if len(t.Books) > 1 {
		for _, b := range t.Books {
			d.path("book", accuracies(b.Curve), b.Name)
		}
	}
	all := []series{{name: "right of completed", class: "kept"}, {name: "suggested right", class: "right"}, {name: "completed", class: "done"}}
	for i, s := range t.Curve {
		kept := -1.0
		if s.Auto.Completed > 0 {
			kept = s.Auto.Precision
		}
		for j, share := range []float64{kept, t.Mean.Curve[i].Accuracy, t.Mean.Curve[i].Auto.Coverage} {
			all[j].shares = append(all[j].shares, share)
		}
	}
	for _, s := range all {
		d.path("curve "+s.class, s.shares, s.name)
	}
	d.values(all)
	d.write("</svg>\n")
	return d.out.Bytes()
}

func accuracies(curve []Stretch) []float64 {
	shares := make([]float64, len(curve))
	for i, s := range curve {
		shares[i] = s.Accuracy
	}
	return shares
}

type drawing struct {
	out     bytes.Buffer
	columns int
}

func (d *drawing) write(format string, a ...any) { fmt.Fprintf(&d.out, format, a...) }

func (d *drawing) x(column int) float64 {
	return plotLeft + (plotRight-plotLeft)*(float64(column)+0.5)/float64(d.columns)
}

func (d *drawing) y(share float64) float64 { return plotBottom - (plotBottom-plotTop)*share }

func (d *drawing) text(x, y float64, class, anchor, text string) {
	d.write(`<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>`+"\n", x, y, class, anchor, escaped(text))
}

func (d *drawing) axes(curve []Stretch) {
	for p := 0; p <= 100; p += 20 {
		y := d.y(float64(p) / 100)
		d.write(`<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`+"\n", plotLeft, plotRight, y, y)
		d.text(plotLeft-10, y+4, "soft", "end", fmt.Sprintf("%d %%", p))
	}
	d.write(`<line class="axis" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`+"\n", plotLeft, plotRight, plotBottom, plotBottom)
	for i, s := range curve {
		d.text(d.x(i), plotBottom+22, "soft", "middle", span(s.From, s.To))
	}
	d.text((plotLeft+plotRight)/2, plotBottom+52, "", "middle", "rows of the book, oldest first")
	middle := (plotTop + plotBottom) / 2
	d.write(`<text transform="translate(20 %.1f) rotate(-90)" text-anchor="middle">share of rows</text>`+"\n", middle)
}

// path draws a curve, with gaps where there is no share.
func (d *drawing) path(class string, shares []float64, name string) {
	var way strings.Builder
	pen := "M"
	for i, share := range shares {
		if share < 0 {
			pen = "M"
			continue
		}
		fmt.Fprintf(&way, "%s%.1f %.1f", pen, d.x(i), d.y(share))
		pen = "L"
	}
	if way.Len() > 0 {
		d.write(`<path class="%s" d="%s"><title>%s</title></path>`+"\n", class, way.String(), escaped(name))
	}
}

// values marks the points of the curves with their numbers, and the ends of
// the curves with their names.
func (d *drawing) values(all []series) {
	type label struct {
		y    float64
		text string
		of   series
	}
	for i := range d.columns {
		var labels []label
		for _, s := range all {
			if i >= len(s.shares) || s.shares[i] < 0 {
				continue
			}
			share := s.shares[i]
			d.write(`<circle class="fill-%s" cx="%.1f" cy="%.1f" r="4"/>`+"\n", s.class, d.x(i), d.y(share))
			labels = append(labels, label{y: d.y(share) - 9, text: fmt.Sprintf("%.1f", 100*share), of: s})
		}
		// From the lowest up: each is lifted above the one below it.
		slices.SortStableFunc(labels, func(a, b label) int { return int(b.y*10) - int(a.y*10) })
		for j, l := range labels {
			if j > 0 {
				l.y = min(l.y, labels[j-1].y-labelGap)
				labels[j] = l
			}
			d.text(d.x(i), l.y, "value", "middle", l.text)
			if i == d.columns-1 {
				d.write(`<text x="%.1f" y="%.1f" class="value fill-%s">%s</text>`+"\n", d.x(i)+26, l.y, l.of.class, l.of.name)
			}
		}
	}
}

// escaped is text as XML has it.
func escaped(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a buffer takes all
	return b.String()
}
