package seal

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const canary = "canary-7f3a9"

// holder has the secret in every place from which something could print it.
type holder struct {
	Exported   Secret
	hidden     Secret
	Pointer    *Secret
	hiddenPtr  *Secret
	List       []Secret
	hiddenList []Secret
	Map        map[string]Secret
	hiddenMap  map[string]Secret
	Any        any
	hiddenAny  any
	Inner      struct{ hidden Secret }
}

func newHolder() holder {
	s := NewSecret(canary)
	h := holder{
		Exported: s, hidden: s, Pointer: &s, hiddenPtr: &s, List: []Secret{s}, hiddenList: []Secret{s},
		Map: map[string]Secret{"k": s}, hiddenMap: map[string]Secret{"k": s}, Any: s, hiddenAny: s,
	}
	h.Inner.hidden = s
	return h
}

func TestNoVerbPrintsASecret(t *testing.T) {
	s, h := NewSecret(canary), newHolder()
	hexed := fmt.Sprintf("%x", canary)
	for _, verb := range "vTtbcdoOqxXUeEfFgGsqpw" {
		for _, flags := range []string{"", "+", "#", " ", "0", "-", "80", ".200", "#+"} {
			for name, value := range map[string]any{"value": s, "pointer": &s, "struct": h, "struct pointer": &h, "list": []any{s, h}} {
				format := "%" + flags + string(verb)
				text := fmt.Sprintf(format, value)
				if strings.Contains(text, canary) || strings.Contains(strings.ToLower(text), hexed) {
					t.Errorf("%s of a %s: %s", format, name, text)
				}
			}
		}
	}
	if got := fmt.Sprint(s); got != "[secret]" {
		t.Errorf("prints as %q", got)
	}
}

func TestNoEncodingHoldsASecret(t *testing.T) {
	s, h := NewSecret(canary), newHolder()
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		log := slog.New(handler)
		log.Info("m", "secret", s, "pointer", &s, "holder", h, "holder pointer", &h, slog.Group("g", "s", s))
		log.With("secret", s).Error("m", "err", errors.Join(fmt.Errorf("with %v", h)))
	}
	if err := json.NewEncoder(&out).Encode(h); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(&out).Encode(map[string]any{"s": s, "p": &s}); err != nil {
		t.Fatal(err)
	}
	if err := xml.NewEncoder(&out).EncodeElement(s, xml.StartElement{Name: xml.Name{Local: "s"}}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), canary) {
		t.Error(out.String())
	}
}

func TestSecretGivesBackItsText(t *testing.T) {
	s := NewSecret(canary)
	if s.Reveal() != canary || s.IsZero() {
		t.Error("the text is lost")
	}
	var read Secret
	if err := json.Unmarshal([]byte(`"`+canary+`"`), &read); err != nil || read.Reveal() != canary {
		t.Errorf("a setting is read as %q, %v", read.Reveal(), err)
	}
	for name, empty := range map[string]Secret{"zero": {}, "empty text": NewSecret("")} {
		if !empty.IsZero() || empty.Reveal() != "" || !empty.Equal(Secret{}) {
			t.Errorf("%s is not empty", name)
		}
	}
	if err := read.UnmarshalText(nil); err != nil || !read.IsZero() {
		t.Error("reading nothing leaves something")
	}
}

func TestSecretsAreEqualByText(t *testing.T) {
	if !NewSecret("a").Equal(NewSecret("a")) {
		t.Error("the same text is not equal")
	}
	if NewSecret("a").Equal(NewSecret("b")) || NewSecret("a").Equal(NewSecret("aa")) || NewSecret("a").Equal(Secret{}) {
		t.Error("another text is equal")
	}
}
