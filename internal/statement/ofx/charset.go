package ofx

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// decode returns content as text, and the name of the character set it was
// read in. The bytes have the first word: a byte order mark, or being good
// UTF-8, which texts in other sets never are by chance. Then comes what the
// file declares, and if that is nothing, unknown, or Unicode against the
// evidence, windows-1252, which most such files are in.
func decode(content []byte) (text, charset string) {
	if content, ok := bytes.CutPrefix(content, []byte("\xef\xbb\xbf")); ok {
		return strings.ToValidUTF8(string(content), "\ufffd"), "UTF-8"
	}
	if endian, ok := isUTF16(content); ok {
		wide := unicode.UTF16(endian, unicode.UseBOM)
		return decodeAs(wide, content), "UTF-16"
	}
	declared := declaredCharset(content)
	if utf8.Valid(content) || !isMultiByte(declared) && isMostlyUTF8(content) {
		return strings.ToValidUTF8(string(content), "\ufffd"), "UTF-8"
	}
	if set, err := htmlindex.Get(declared); err == nil {
		return decodeAs(set, content), declared
	}
	return decodeAs(charmap.Windows1252, content), "windows-1252"
}

func decodeAs(set encoding.Encoding, content []byte) string {
	// The decoders of x/text put U+FFFD for what they cannot read and have no
	// other error. Should one come all the same, the bytes are the text.
	text, err := set.NewDecoder().Bytes(content)
	if err != nil {
		text = content
	}
	return strings.ToValidUTF8(string(text), "\ufffd")
}

// isUTF16 tells UTF-16 by its mark, or by the zero half of its first letters.
func isUTF16(content []byte) (unicode.Endianness, bool) {
	switch {
	case bytes.HasPrefix(content, []byte{0xff, 0xfe}):
		return unicode.LittleEndian, true
	case bytes.HasPrefix(content, []byte{0xfe, 0xff}):
		return unicode.BigEndian, true
	}
	const letters = 16
	var zeros [2]int
	for i, b := range content[:min(len(content), 2*letters)] {
		if b == 0 {
			zeros[i%2]++
		}
	}
	switch {
	case zeros[0] == 0 && zeros[1] == letters:
		return unicode.LittleEndian, true
	case zeros[1] == 0 && zeros[0] == letters:
		return unicode.BigEndian, true
	}
	return unicode.LittleEndian, false
}

// isMostlyUTF8 reports whether more letters are good UTF-8 than bytes are not:
// banks cut texts to a number of bytes, and so through letters.
func isMostlyUTF8(content []byte) bool {
	good, bad := 0, 0
	for len(content) > 0 {
		r, size := utf8.DecodeRune(content)
		switch {
		case r == utf8.RuneError && size == 1:
			bad++
		case size > 1:
			good++
		}
		content = content[size:]
	}
	return good > bad
}

// isMultiByte reports whether a name is of a set in which letters of several
// bytes may look like UTF-8 here and there.
func isMultiByte(name string) bool {
	switch name {
	case "shift_jis", "euc-jp", "euc-kr", "gbk", "gb18030", "big5":
		return true
	}
	return false
}

// declaredCharset returns the name that htmlindex has for the set which the
// file says it is in; "" if it names none, or only Unicode.
func declaredCharset(content []byte) string {
	head := strings.ToUpper(string(content[:min(len(content), 4<<10)]))
	for _, key := range []string{"CHARSET:", "ENCODING:", "ENCODING="} { // the last one in XML
		name := headerValue(head, key)
		if set := canonicalCharset(name); set != "" && !strings.HasPrefix(set, "utf-") {
			return set
		}
	}
	return ""
}

// headerValue returns the value behind a key of the header. Where an OFX 1
// header is written on one line, the next key may follow without anything in
// between.
func headerValue(head, key string) string {
	_, rest, _ := strings.Cut(head, key)
	rest = strings.TrimLeft(rest, " \t\"'")
	end := strings.IndexFunc(rest, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
	value := rest[:max(end, 0)]
	for _, next := range []string{"CHARSET", "COMPRESSION"} {
		value, _, _ = strings.Cut(value, next)
	}
	return value
}

// canonicalCharset understands, beside the usual names, those of the OFX 1
// header: 1252, 8859-1, CP1250.
func canonicalCharset(name string) string {
	name = strings.ToLower(name)
	for _, known := range []string{name, "windows-" + strings.TrimPrefix(name, "cp"), "iso-" + name} {
		set, err := htmlindex.Get(known)
		if err != nil {
			continue
		}
		canonical, err := htmlindex.Name(set)
		if err == nil && canonical != "replacement" { // that one reads nothing
			return canonical
		}
	}
	return ""
}
