package learn

import (
	"bufio"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// shipped are the weights of every Learner that New returns. The file says how
// they were made; internal/learn/fit writes it.
//
//go:embed weights.txt
var shipped string

// Weights say how much each kind of evidence counts. They are fitted on
// labelled books of several organisations (internal/learn/fit).
type Weights struct {
	Evidence [evidences]float64 // for an account
	Unknown  [unknowns]float64  // for none of the known accounts
	Signs    [signs]float64     // that the best account is right
	// Asked and Right are what other books would say of a new one: of so many
	// answers of each degree of confidence so many were right.
	Asked, Right [degrees]float64
}

// The names of the weights, in the file and for people.
var (
	evidenceNames = [evidences]string{
		eBook: "book", eDirection: "direction", eBank: "bank", eHead: "head", eKey: "key", eKeyRecent: "key-recent",
		eKeyBank: "key-bank", eKeyAmount: "key-amount", eKeySize: "key-size", eText: "text", eAmount: "amount",
		eParty: "party", ePayee: "payee", eCategory: "category", eWay: "way", eWords: "words", eWordsBank: "words-bank",
		eStems: "stems", eTags: "tags", eLast: "last", eLastBank: "last-bank", eStreak: "streak",
		eSameDay: "same-day", eFit: "fit", eDue: "due", eName: "name", eAgainst: "against",
		eLike: "like", eConcepts: "concepts", eMeaning: "meaning", eWitness: "witness",
	}
	unknownNames = [unknowns]string{
		uBias: "bias", uLessons: "lessons", uRate: "rate", uUnseen: "unseen", uUnknown: "unknown-words",
	}
	signNames = [signs]string{
		sBias: "bias", sOdds: "odds", sLead: "lead", sNew: "new", sPure: "pure", sAccounts: "accounts",
		sStreak: "streak", sOthers: "others", sBankPure: "bank-pure", sFit: "fit", sKeyRecord: "key-record",
		sAccountRecord: "account-record", sBookRecord: "book-record", sAmountPure: "amount-pure",
		sWitness: "witness", sAgree: "agree", sWitnessLead: "witness-lead", sLikePure: "like-pure",
		sTextPure: "text-pure", sSizePure: "size-pure", sSeen: "seen", sUnknown: "unknown-words", sGap: "gap",
		sSameDay: "same-day", sKeyBankRecord: "key-bank-record", sWordPure: "word-pure",
	}
)

// section is one sort of weights in the file: lines of its name, the name of
// the weight and one number for each of its columns.
type section struct {
	name    string
	names   []string
	columns [][]float64
}

func (w *Weights) sections() []section {
	places := make([]string, degrees)
	for d := range places {
		places[d] = strconv.Itoa(d)
	}
	return []section{
		{"evidence", evidenceNames[:], [][]float64{w.Evidence[:]}},
		{"unknown", unknownNames[:], [][]float64{w.Unknown[:]}},
		{"sign", signNames[:], [][]float64{w.Signs[:]}},
		{"degree", places, [][]float64{w.Asked[:], w.Right[:]}},
	}
}

// Shipped returns the weights that New uses.
func Shipped() (*Weights, error) { return ParseWeights(shipped) }

// ParseWeights reads weights as String writes them. Empty lines, and lines that
// begin with #, say nothing. Every weight must be there once.
func ParseWeights(text string) (*Weights, error) {
	w := &Weights{}
	places := map[string][]*float64{}
	for _, s := range w.sections() {
		for i, name := range s.names {
			for _, column := range s.columns {
				places[s.name+" "+name] = append(places[s.name+" "+name], &column[i])
			}
		}
	}
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 2 {
			return nil, fmt.Errorf("line %d: %q is no weight", number, lines.Text())
		}
		name, values := fields[0]+" "+fields[1], fields[2:]
		columns, known := places[name]
		if !known || len(columns) != len(values) {
			return nil, fmt.Errorf("line %d: %q with %d values is not expected, or not again", number, name, len(values))
		}
		for i, value := range values {
			x, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return nil, fmt.Errorf("line %d: %s: %w", number, name, err)
			}
			*columns[i] = x
		}
		delete(places, name)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the weights: %w", err)
	}
	for name := range places {
		return nil, fmt.Errorf("there is no weight %q", name)
	}
	return w, nil
}

// String writes the weights as ParseWeights reads them.
func (w *Weights) String() string {
	var b strings.Builder
	for _, s := range w.sections() {
		b.WriteString("\n")
		for i, name := range s.names {
			fmt.Fprintf(&b, "%-8s %-15s", s.name, name)
			for _, column := range s.columns {
				fmt.Fprintf(&b, " %9.4f", column[i])
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// SetUnmeasured sets the weights of evidence that no labelled book holds
// (counterparty and its account, category, way of paying, hashtags, kinds of account). They are
// set by hand, below what was measured for like evidence.
func (w *Weights) SetUnmeasured() {
	for e, weight := range map[int]float64{eParty: 0.35, ePayee: 0.45, eCategory: 0.15, eWay: 0.1, eTags: 0.35, eAgainst: 2} {
		w.Evidence[e] = weight
	}
}

// AddAnswer counts an answer of a certain confidence, as so many answers.
func (w *Weights) AddAnswer(confidence float64, right bool, answers float64) {
	d := degree(confidence)
	w.Asked[d] += answers
	if right {
		w.Right[d] += answers
	}
}
