package ofx

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokens walks over the tags of a text, each with the value that stands behind
// it: all up to the next tag. Whether that value has a closing tag of its own
// does not matter.
type tokens struct {
	text  string
	small bool // tags are in small letters
	pos   int  // behind the current tag and its value
	tag   tag
	ahead tag // at pos; its name is "" at the end of the text

	// The value of the current tag: what is plain by now, where it had to be
	// taken apart, and the raw rest.
	plain []string
	raw   string

	line    int // of the place counted
	counted int

	noCDATAEnd, noCommentEnd bool // none occurs any more
}

type tag struct {
	name    string // in capitals
	closing bool
	start   int
	length  int
}

// The longest tag that counts as one: its name, and with attributes.
const (
	maxName = 40
	maxTag  = 400
)

func newTokens(text string) *tokens {
	t := &tokens{text: text, small: strings.Contains(text, "<ofx"), line: 1}
	t.run() // what is in front of the first tag belongs to nothing
	return t
}

// next goes to the next tag, and reports whether there is one.
func (t *tokens) next() bool {
	if t.ahead.name == "" {
		return false
	}
	t.tag = t.ahead
	t.pos += t.tag.length
	t.run()
	return true
}

// run goes on to the next tag and keeps what it passes as the value.
func (t *tokens) run() {
	t.raw, t.plain, t.ahead = "", nil, tag{}
	begin := t.pos
	for t.ahead.name == "" {
		i := strings.IndexByte(t.text[t.pos:], '<')
		if i < 0 {
			t.pos = len(t.text)
			break
		}
		t.pos += i
		if t.ahead = t.readTag(t.text[t.pos:]); t.ahead.name != "" {
			t.ahead.start = t.pos
			break
		}
		text, length := t.special()
		if length == 0 {
			t.pos++ // a plain <
			continue
		}
		t.plain = append(t.plain, unescape(t.text[begin:t.pos]), text)
		t.pos += length
		begin = t.pos
	}
	t.raw = t.text[begin:t.pos]
}

// special reads what begins like a tag at pos and is none: a comment, an
// instruction or a CDATA section. It returns the text within and the length,
// 0 if there is nothing of the kind. An end that was not found once is not
// looked for again: that would take time without bound.
func (t *tokens) special() (text string, length int) {
	const cdata, comment = "<![CDATA[", "<!--"
	rest := t.text[t.pos:]
	switch {
	case strings.HasPrefix(rest, cdata) && !t.noCDATAEnd:
		end := strings.Index(rest, "]]>")
		if t.noCDATAEnd = end < 0; !t.noCDATAEnd {
			return rest[len(cdata):end], end + 3
		}
	case strings.HasPrefix(rest, comment) && !t.noCommentEnd:
		end := strings.Index(rest, "-->")
		if t.noCommentEnd = end < 0; !t.noCommentEnd {
			return "", end + 3
		}
	case strings.HasPrefix(rest, "<?"), strings.HasPrefix(rest, "<!DOCTYPE"):
		rest = rest[:min(len(rest), maxTag)]
		if end := strings.IndexAny(rest[1:], "<>") + 1; end > 0 && rest[end] == '>' {
			return "", end + 1
		}
	}
	return "", 0
}

// readTag reads the tag that text, beginning with <, begins with. Its name is
// "" if it is none. A name with small letters is one only in a file that writes
// all its tags so, because people write <John> in their texts.
func (t *tokens) readTag(text string) tag {
	begin := 1
	if strings.HasPrefix(text, "</") {
		begin = 2
	}
	i := begin
	small := false
	for i < len(text) && i-begin <= maxName && isNameByte(text[i], i == begin) {
		small = small || text[i] >= 'a'
		i++
	}
	name := text[begin:i]
	if small {
		if !t.small {
			return tag{}
		}
		name = strings.ToUpper(name)
	}
	if i < len(text) && text[i] != '>' {
		if !strings.ContainsRune(" \t\r\n/", rune(text[i])) {
			return tag{}
		}
		i += max(0, strings.IndexAny(text[i:min(len(text), maxTag)], "<>"))
	}
	if name == "" || i >= len(text) || text[i] != '>' {
		return tag{}
	}
	return tag{name: name, closing: begin == 2, length: i + 1}
}

func isNameByte(b byte, first bool) bool {
	letter := b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
	return letter || !first && (b >= '0' && b <= '9' || b == '.' || b == '_' || b == '-')
}

// lineOf returns the line of the current tag. Lines are counted only as far as
// they are asked for.
func (t *tokens) lineOf() int {
	t.line += strings.Count(t.text[t.counted:t.tag.start], "\n")
	t.counted = t.tag.start
	return t.line
}

// value returns the value behind the current tag: entities read, white space
// and control characters collapsed to single spaces, valid UTF-8.
func (t *tokens) value() string {
	value := unescape(t.raw)
	if t.plain != nil {
		value = strings.Join(t.plain, "") + value
	}
	return collapse(value)
}

// unescape reads the entities of a text. One without its semicolon is none:
// R&REGAL stays what it is.
func unescape(s string) string {
	i := strings.IndexByte(s, '&')
	if i < 0 {
		return s
	}
	var b strings.Builder
	for ; i >= 0; i = strings.IndexByte(s, '&') {
		b.WriteString(s[:i])
		s = s[i:]
		const most = 12
		length := strings.IndexByte(s[:min(len(s), most)], ';') + 1
		plain := html.UnescapeString(s[:length])
		if length == 0 || s[1] != '#' && strings.HasSuffix(plain, ";") {
			// None, or only the beginning of the name is one.
			plain, length = "&", 1
		}
		b.WriteString(plain)
		s = s[length:]
	}
	b.WriteString(s)
	return b.String()
}

// collapse makes one space of each run of white space and control characters,
// drops those at both ends and what shows nothing, and mends broken UTF-8.
func collapse(s string) string {
	s = strings.TrimSpace(s)
	if isCollapsed(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	gap := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			gap = b.Len() > 0
			continue
		case r == '\ufeff' || r == '\u200b':
			continue
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isCollapsed reports whether a text without white space at its ends, all of
// ASCII, is what collapse makes of it.
func isCollapsed(s string) bool {
	space := false
	for i := range len(s) {
		b := s[i]
		if b >= utf8.RuneSelf || b < ' ' || b == 0x7f || b == ' ' && space {
			return false
		}
		space = b == ' '
	}
	return true
}
