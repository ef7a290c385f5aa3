package evaluate

import "github.com/bank-connections/bkper-bot/internal/learn"

// Report is what came out. Shares are between 0 and 1, and 0 where there was
// nothing to take a share of.
type Report struct {
	Counts
	Seconds     float64   `json:"seconds"`
	Curve       []Stretch `json:"curve"`       // the stretches that the book reaches
	Calibration []Band    `json:"calibration"` // every band
	Settings    []Setting `json:"settings"`    // what each setting would have completed
}

// Counts says how many rows there were and what was right among them.
type Counts struct {
	Rows      int     `json:"rows"`
	Suggested int     `json:"suggested"` // rows with any suggestion
	Correct   int     `json:"correct"`   // suggestions that were right
	Coverage  float64 `json:"coverage"`  // Suggested / Rows
	Precision float64 `json:"precision"` // Correct / Suggested
	Accuracy  float64 `json:"accuracy"`  // Correct / Rows
	Auto      Auto    `json:"auto"`
}

// Auto counts the suggestions that were sure enough to be written into drafts.
type Auto struct {
	Completed int     `json:"completed"`
	Correct   int     `json:"correct"`
	Coverage  float64 `json:"coverage"`  // Completed / rows
	Precision float64 `json:"precision"` // Correct / Completed
}

// Setting is what is completed when a person asks for it to be so sure.
type Setting struct {
	Sure learn.Sureness `json:"sure"` // of 100 completed so many shall be right
	Auto
}

// Stretch is a part of the life of a book.
type Stretch struct {
	From int `json:"from"` // row
	To   int `json:"to"`   // row; 0 is the last one
	Counts
}

// stretches are those of the learning curve, by their first and last rows.
var stretches = []struct{ from, to int }{{1, 50}, {51, 100}, {101, 200}, {201, 500}, {501, 1000}, {1001, 0}}

// Band is the suggestions of about the same confidence.
type Band struct {
	From    float64 `json:"from"` // the confidence is this or more
	To      float64 `json:"to"`   // and less than this; 1 is among the last
	Rows    int     `json:"rows"`
	Correct int     `json:"correct"`
	Said    float64 `json:"said"`  // mean confidence
	Right   float64 `json:"right"` // Correct / Rows
}

var bandEdges = []float64{0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1}

func newReport() *Report {
	r := &Report{Curve: []Stretch{}}
	for i := range len(bandEdges) - 1 {
		r.Calibration = append(r.Calibration, Band{From: bandEdges[i], To: bandEdges[i+1]})
	}
	for _, sure := range []learn.Sureness{learn.Sure95, learn.Sure98, learn.Sure99} {
		r.Settings = append(r.Settings, Setting{Sure: sure})
	}
	return r
}

// add counts a row, and its shares wait for finish. Rows come in order.
func (r *Report) add(row int, s learn.Suggestion, found, completed, right bool) {
	next := len(r.Curve)
	if next < len(stretches) && stretches[next].from == row {
		r.Curve = append(r.Curve, Stretch{From: stretches[next].from, To: stretches[next].to})
		next++
	}
	r.Counts.add(found, completed, right)
	r.Curve[next-1].add(found, completed, right)
	if !found {
		return
	}
	for i := range r.Settings {
		if r.Settings[i].Sure <= s.Reached {
			r.Settings[i].add(right)
		}
	}
	b := len(r.Calibration) - 1
	for b > 0 && s.Confidence < r.Calibration[b].From {
		b--
	}
	band := &r.Calibration[b]
	band.Rows++
	band.Said += s.Confidence
	if right {
		band.Correct++
	}
}

func (c *Counts) add(found, completed, right bool) {
	c.Rows++
	if !found {
		return
	}
	c.Suggested++
	if right {
		c.Correct++
	}
	if completed {
		c.Auto.add(right)
	}
}

func (a *Auto) add(right bool) {
	a.Completed++
	if right {
		a.Correct++
	}
}

// finish takes the shares.
func (r *Report) finish() {
	r.share()
	for i := range r.Curve {
		r.Curve[i].share()
	}
	for i := range r.Settings {
		r.Settings[i].share(r.Rows)
	}
	for i := range r.Calibration {
		b := &r.Calibration[i]
		b.Right = ratio(b.Correct, b.Rows)
		if b.Rows > 0 {
			b.Said /= float64(b.Rows)
		}
	}
}

func (c *Counts) share() {
	c.Coverage = ratio(c.Suggested, c.Rows)
	c.Precision = ratio(c.Correct, c.Suggested)
	c.Accuracy = ratio(c.Correct, c.Rows)
	c.Auto.share(c.Rows)
}

func (a *Auto) share(rows int) {
	a.Coverage = ratio(a.Completed, rows)
	a.Precision = ratio(a.Correct, a.Completed)
}

func (c *Counts) plus(o Counts) {
	c.Rows += o.Rows
	c.Suggested += o.Suggested
	c.Correct += o.Correct
	c.Auto.plus(o.Auto)
}

func (a *Auto) plus(o Auto) {
	a.Completed += o.Completed
	a.Correct += o.Correct
}

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Together is several reports: the rows of all of them in one pot, and the
// means over the books, for which a small book counts as much as a large one.
type Together struct {
	Report
	Mean  Mean   `json:"mean"`
	Books []Book `json:"files"`
}

// Book is the report on one history.
type Book struct {
	Name string `json:"file"`
	Note string `json:"note,omitempty"`
	Report
}

// Mean is means over books.
type Mean struct {
	Shares
	Curve    []MeanStretch `json:"curve"`
	Settings []MeanSetting `json:"settings"`
}

// Shares are the means of what Counts has under the same names.
type Shares struct {
	Books     int      `json:"books"`
	Coverage  float64  `json:"coverage"`
	Precision float64  `json:"precision"`
	Accuracy  float64  `json:"accuracy"`
	Auto      MeanAuto `json:"auto"`
}

// MeanAuto is means of the shares that Auto has under the same names. That of
// Precision is over the books in which anything was completed.
type MeanAuto struct {
	Coverage  float64 `json:"coverage"`
	Precision float64 `json:"precision"`
}

// MeanSetting is means of what a setting would have completed.
type MeanSetting struct {
	Sure learn.Sureness `json:"sure"`
	MeanAuto
}

// MeanStretch is means over the books that reach a stretch.
type MeanStretch struct {
	From int `json:"from"`
	To   int `json:"to"`
	Shares
}

// Join puts reports together.
func Join(books []Book) Together {
	t := Together{Report: *newReport(), Books: books}
	all := make([]Counts, len(books))
	for i, b := range books {
		all[i] = b.Counts
		t.plus(b.Counts)
		t.Seconds += b.Seconds
		for j, band := range b.Calibration {
			sum := &t.Calibration[j]
			sum.Rows += band.Rows
			sum.Correct += band.Correct
			sum.Said += band.Said * float64(band.Rows)
		}
	}
	t.Mean = Mean{Shares: meanOf(all), Curve: []MeanStretch{}}
	for i := range t.Settings {
		sum := &t.Settings[i]
		var each []Auto
		for _, b := range books {
			each = append(each, b.Settings[i].Auto)
			sum.plus(b.Settings[i].Auto)
		}
		t.Mean.Settings = append(t.Mean.Settings, MeanSetting{Sure: sum.Sure, MeanAuto: meanAuto(each)})
	}
	for i, s := range stretches {
		sum := Stretch{From: s.from, To: s.to}
		var reached []Counts
		for _, b := range books {
			if i < len(b.Curve) {
				reached = append(reached, b.Curve[i].Counts)
				sum.plus(b.Curve[i].Counts)
			}
		}
		if len(reached) > 0 {
			t.Curve = append(t.Curve, sum)
			t.Mean.Curve = append(t.Mean.Curve, MeanStretch{From: s.from, To: s.to, Shares: meanOf(reached)})
		}
	}
	t.finish()
	return t
}

func meanOf(books []Counts) Shares {
	m := Shares{Books: len(books)}
	if m.Books == 0 {
		return m
	}
	auto := make([]Auto, 0, m.Books)
	for _, b := range books {
		m.Coverage += b.Coverage
		m.Precision += b.Precision
		m.Accuracy += b.Accuracy
		auto = append(auto, b.Auto)
	}
	n := float64(m.Books)
	m.Coverage /= n
	m.Precision /= n
	m.Accuracy /= n
	m.Auto = meanAuto(auto)
	return m
}

func meanAuto(books []Auto) MeanAuto {
	var m MeanAuto
	completing := 0
	for _, b := range books {
		m.Coverage += b.Coverage
		m.Precision += b.Precision
		if b.Completed > 0 {
			completing++
		}
	}
	m.Coverage /= float64(max(len(books), 1))
	m.Precision /= float64(max(completing, 1))
	return m
}
