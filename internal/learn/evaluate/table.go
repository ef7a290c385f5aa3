package evaluate

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Print writes the tables for people.
func (t Together) Print(w io.Writer) error {
	p := &page{}
	if len(t.Books) == 1 {
		p.one(t.Books[0])
	} else {
		p.several(t)
	}
	p.curve(t)
	p.settings(t)
	p.calibration(t.Calibration)
	for _, b := range t.Books {
		if b.Note != "" {
			p.line("", b.Name+": "+b.Note)
		}
	}
	_, err := w.Write(p.text.Bytes())
	return err
}

// page is what is printed.
type page struct{ text bytes.Buffer }

func (p *page) line(lines ...string) {
	for _, l := range lines {
		p.text.WriteString(l + "\n")
	}
}

// table writes rows of cells, the first column to the left.
func (p *page) table(rows [][]string) {
	widest := 0
	for _, row := range rows {
		widest = max(widest, len([]rune(row[0])))
	}
	const gap = 2
	var text bytes.Buffer
	t := tabwriter.NewWriter(&text, 0, 0, gap, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		first := row[0] + strings.Repeat(" ", widest-len([]rune(row[0])))
		_, _ = fmt.Fprintln(t, strings.Join(append([]string{first}, row[1:]...), "\t")+"\t") // a buffer takes all
	}
	_ = t.Flush()
	for line := range strings.Lines(text.String()) {
		p.text.WriteString(line[gap:])
	}
}

func (p *page) one(b Book) {
	p.table([][]string{
		{b.Name, "rows", "correct", "of all rows", "correct of these"},
		{"suggested", strconv.Itoa(b.Suggested), strconv.Itoa(b.Correct), percent(b.Coverage), percent(b.Precision)},
		{"completed", strconv.Itoa(b.Auto.Completed), strconv.Itoa(b.Auto.Correct), percent(b.Auto.Coverage), percent(b.Auto.Precision)},
	})
	p.line("", fmt.Sprintf("%d rows, %s of them suggested right, in %.2f s", b.Rows, percent(b.Accuracy), b.Seconds))
}

func (p *page) several(t Together) {
	rows := [][]string{{"", "rows", "suggested right", "first 50", "completed", "right of these"}}
	add := func(name, count string, accuracy, first, completed float64, precision string) {
		rows = append(rows, []string{name, count, percent(accuracy), percent(first), percent(completed), precision})
	}
	for _, b := range t.Books {
		first := 0.0
		if len(b.Curve) > 0 {
			first = b.Curve[0].Accuracy
		}
		add(b.Name, strconv.Itoa(b.Rows), b.Accuracy, first, b.Auto.Coverage, precision(b.Counts))
	}
	first, pooled := 0.0, 0.0
	if len(t.Curve) > 0 {
		first, pooled = t.Mean.Curve[0].Accuracy, t.Curve[0].Accuracy
	}
	add("mean of the books", "", t.Mean.Accuracy, first, t.Mean.Auto.Coverage, orNone(t.Mean.Auto.Precision, t.Auto.Completed))
	add("all rows together", strconv.Itoa(t.Rows), t.Accuracy, pooled, t.Auto.Coverage, precision(t.Counts))
	p.table(rows)
	p.line("", fmt.Sprintf("%d rows of %d books, in %.2f s", t.Rows, len(t.Books), t.Seconds))
}

// curve shows how the learner does as the book gets older: of several books
// the means, but for what was right of the completed, where all count alike.
func (p *page) curve(t Together) {
	if len(t.Curve) == 0 {
		return
	}
	head, books := []string{"learning curve"}, len(t.Books) > 1
	if books {
		head = append(head, "books")
	}
	rows := [][]string{append(head, "rows", "suggested right", "completed", "right of these")}
	for i, s := range t.Curve {
		m := t.Mean.Curve[i]
		row := []string{"rows " + span(s.From, s.To)}
		if books {
			row = append(row, strconv.Itoa(m.Books))
		}
		rows = append(rows, append(row, strconv.Itoa(s.Rows), percent(m.Accuracy), percent(m.Auto.Coverage), precision(s.Counts)))
	}
	p.line("")
	p.table(rows)
}

// settings shows what each setting would have completed, of several books as
// curve does.
func (p *page) settings(t Together) {
	rows := [][]string{{"a person asks for", "completed", "right of these"}}
	for i, s := range t.Settings {
		rows = append(rows, []string{
			fmt.Sprintf("%d %% right", s.Sure), percent(t.Mean.Settings[i].Coverage), orNone(s.Precision, s.Completed),
		})
	}
	p.line("")
	p.table(rows)
}

func (p *page) calibration(bands []Band) {
	rows := [][]string{{"how sure it said it was", "rows", "said", "was right"}}
	for _, b := range bands {
		if b.Rows > 0 {
			said := fmt.Sprintf("%g to %g %%", 100*b.From, 100*b.To)
			rows = append(rows, []string{"said " + said, strconv.Itoa(b.Rows), percent(b.Said), percent(b.Right)})
		}
	}
	if len(rows) > 1 {
		p.line("")
		p.table(rows)
	}
}

// span names rows, such as "1-50" and "from 1001".
func span(from, to int) string {
	if to == 0 {
		return fmt.Sprintf("from %d", from)
	}
	return fmt.Sprintf("%d-%d", from, to)
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

func precision(c Counts) string { return orNone(c.Auto.Precision, c.Auto.Completed) }

// orNone is a share, or a dash where there was nothing to take it of.
func orNone(share float64, of int) string {
	if of == 0 {
		return "-"
	}
	return percent(share)
}
