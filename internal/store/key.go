package store

import "strings"

const (
	separator = '/'
	escape    = '0' // the byte after the separator, so that escaped bytes sort behind it
)

// Key joins the parts of an id with '/'. Different parts give different ids,
// and ids are ordered as their parts are, part by part. To keep both, every
// byte up to '0' inside a part is written behind a '0': "a-b" becomes "a0-b".
func Key(parts ...string) string {
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteByte(separator)
		}
		for j := range len(part) {
			if part[j] <= escape {
				b.WriteByte(escape)
			}
			b.WriteByte(part[j])
		}
	}
	return b.String()
}

// Below returns the span of all keys that begin with these parts and have at
// least one more.
func Below(parts ...string) Span {
	return Prefix(Key(parts...) + string(separator))
}

// Parts takes apart what Key has joined.
func Parts(id string) []string {
	parts := make([]string, 0, 4)
	part := make([]byte, 0, len(id))
	for i := 0; i < len(id); i++ {
		switch {
		case id[i] == separator:
			parts = append(parts, string(part))
			part = part[:0]
			continue
		case id[i] == escape && i+1 < len(id):
			i++
		}
		part = append(part, id[i])
	}
	return append(parts, string(part))
}
