package sandbox

import (
	"regexp"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

var (
	tagPattern  = regexp.MustCompile(`#([a-zA-Z0-9_]+)`)
	datePattern = regexp.MustCompile(`(?:^|\s)(\d{1,2})/(\d{1,2})(?:/(\d{4}))?(?:\s|$)`)
)

// takeTags moves the hashtags of text, outside of double quotes, into a list.
func takeTags(text string) (rest string, tags []string) {
	if !strings.Contains(text, "#") {
		return text, nil
	}
	var kept strings.Builder
	for i, part := range strings.Split(text, `"`) {
		if i > 0 {
			kept.WriteByte('"')
		}
		if i%2 == 1 {
			kept.WriteString(part)
			continue
		}
		for _, match := range tagPattern.FindAllStringSubmatch(part, -1) {
			tags = append(tags, match[1])
		}
		kept.WriteString(tagPattern.ReplaceAllString(part, " "))
	}
	return tidy(kept.String()), tags
}

// tidy joins the words of text with one space each.
func tidy(text string) string { return strings.Join(strings.Fields(text), " ") }

// parseDescription fills what t lacks from its description, as the person's
// own record text is read: the first amount, the first date, and names of
// accounts, the first of which is From and the second To. What was given as a
// field stays. Recognised text leaves the description. hasDate says whether
// the date of t was given.
func (c *change) parseDescription(t *transaction, hasDate bool) {
	if t.Description == "" {
		return
	}
	if !hasDate {
		c.parseDate(t)
	}
	for t.Credit == 0 || t.Debit == 0 {
		hit, ok := c.b.names.next(wordsOf(t.Description), t.Credit+t.Debit) // one of them is 0
		if !ok {
			break
		}
		if t.Credit == 0 {
			t.Credit = hit.account
		} else {
			t.Debit = hit.account
		}
		t.Description = tidy(t.Description[:hit.start] + " " + t.Description[hit.end:])
	}
	if t.Amount.IsZero() {
		c.parseAmount(t)
	}
}

func (c *change) parseDate(t *transaction) {
	at := datePattern.FindStringSubmatchIndex(t.Description)
	if at == nil {
		return
	}
	group := func(i int) string {
		if at[2*i] < 0 {
			return ""
		}
		return t.Description[at[2*i]:at[2*i+1]]
	}
	day, month, year := group(1), group(2), group(3)
	if strings.HasPrefix(c.b.info.DatePattern, "MM") {
		day, month = month, day
	}
	if year == "" {
		year = time.Date(t.Date.Year(), 1, 1, 0, 0, 0, 0, time.UTC).Format("2006")
	}
	d, err := time.Parse("2006-1-2", year+"-"+month+"-"+day)
	if err != nil {
		return
	}
	t.Date = bank.DateOf(d)
	t.Description = tidy(t.Description[:at[0]] + " " + t.Description[at[1]:])
}

func (c *change) parseAmount(t *transaction) {
	for _, w := range wordsOf(t.Description) {
		amount, ok := parseNumber(t.Description[w.start:w.end], c.b.info.Separator)
		if ok && !amount.IsZero() && amount.FractionDigits() <= c.b.info.FractionDigits {
			t.Amount = amount
			t.Description = tidy(t.Description[:w.start] + " " + t.Description[w.end:])
			return
		}
	}
}

// parseNumber reads an amount in the format of a book: 1,234.56 or 1.234,56.
func parseNumber(text, separator string) (money.Decimal, bool) {
	thousands, point := ",", "."
	if separator == "COMMA" {
		thousands, point = ".", ","
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, thousands, ""), point, ".")
	amount, err := money.ParseDecimal(text)
	if err != nil {
		return money.Decimal{}, false
	}
	return amount.Abs(), true
}
