package errs

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// declaredCodes reads the constants of type Code from the source, so that a
// new one cannot be forgotten in the tables.
func declaredCodes(t *testing.T) []Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "errs.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var codes []Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		kind, ok := spec.Type.(*ast.Ident)
		if !ok || kind.Name != "Code" {
			return true
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, Code(text))
		}
		return true
	})
	if len(codes) < 17 {
		t.Fatalf("found %d codes only", len(codes))
	}
	return codes
}

func TestEveryCodeHasAnAnswer(t *testing.T) {
	codes := declaredCodes(t)
	declared := map[Code]bool{"": true}
	for _, code := range codes {
		declared[code] = true
		if _, ok := answers[code]; !ok {
			t.Errorf("%s has no answer", code)
		}
	}
	for code := range answers {
		if !declared[code] {
			t.Errorf("an answer for %q, which is no code", code)
		}
	}
}

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		code      Code
		http      int
		transient bool
	}{
		{InvalidCredentials, 422, false},
		{NeedsReauth, 409, false},
		{UserActionAtBank, 409, false},
		{InstitutionDown, 503, true},
		{RateLimited, 429, true},
		{HistoryNotAvailable, 422, false},
		{AccountGone, 410, false},
		{Config, 500, false},
		{Invalid, 400, false},
		{NotFound, 404, false},
		{Conflict, 409, false},
		{Unauthenticated, 401, false},
		{Forbidden, 403, false},
		{LostAccess, 403, false},
		{Locked, 409, false},
		{Unavailable, 503, true},
		{Internal, 500, true},
	} {
		t.Run(string(tt.code), func(t *testing.T) {
			for name, err := range map[string]error{
				"bare":    New(tt.code, "Say this."),
				"wrapped": fmt.Errorf("doing a thing: %w", Wrap(tt.code, errors.New("cause"), "Say this.")),
			} {
				event := http.StatusOK
				if tt.transient {
					event = http.StatusTooManyRequests
				}
				if got := HTTPStatus(err); got != tt.http {
					t.Errorf("%s: HTTPStatus is %d, want %d", name, got, tt.http)
				}
				if got := Transient(err); got != tt.transient {
					t.Errorf("%s: Transient is %v", name, got)
				}
				if got := EventStatus(err); got != event {
					t.Errorf("%s: EventStatus is %d, want %d", name, got, event)
				}
				if got := PushStatus(err); got != http.StatusServiceUnavailable {
					t.Errorf("%s: PushStatus is %d", name, got)
				}
				if got := Public(err); got != "Say this." {
					t.Errorf("%s: Public is %q", name, got)
				}
				if !Is(err, tt.code) {
					t.Errorf("%s: CodeOf is %q", name, CodeOf(err))
				}
			}
		})
	}
}

func TestTheTestOfAnswersKnowsEveryCode(t *testing.T) {
	if got, want := len(declaredCodes(t)), 17; got != want {
		t.Errorf("%d codes are declared, TestAnswers has %d rows", got, want)
	}
}

func TestNilIsDone(t *testing.T) {
	if HTTPStatus(nil) != 200 || PushStatus(nil) != 204 || EventStatus(nil) != 200 || Transient(nil) || CodeOf(nil) != "" || Public(nil) != "" || Is(nil, "") {
		t.Error("nil is not the answer to what went well")
	}
}

func TestSentencesAreForPeople(t *testing.T) {
	wellFormed := regexp.MustCompile(`^[A-Z][A-Za-z ,;'.]+\.$`)
	internals := regexp.MustCompile(`(?i)https?:|\b(error|null|nil|http|json|api|token|code|status|exception|panic|timeout)\b|_`)
	for code, a := range answers {
		if code == "" {
			continue
		}
		if !wellFormed.MatchString(a.sentence) {
			t.Errorf("%s: not whole sentences: %q", code, a.sentence)
		}
		if found := internals.FindString(a.sentence); found != "" {
			t.Errorf("%s: %q is nothing for people: %q", code, found, a.sentence)
		}
	}
}

func TestUnknownErrorsAreInternalAndTriedAgain(t *testing.T) {
	for name, err := range map[string]error{
		"a plain error":               errors.New("secret internals"),
		"a code that nobody declared": New("no_such_code", ""),
		"an error without a code":     &Error{Err: errors.New("secret internals")},
		"a plain error, wrapped":      fmt.Errorf("doing: %w", errors.New("secret internals")),
	} {
		if !Transient(err) || HTTPStatus(err) != 500 || EventStatus(err) != 429 || PushStatus(err) != 503 {
			t.Errorf("%s: counts as done or as final", name)
		}
		if got := Public(err); got != answers[Internal].sentence {
			t.Errorf("%s: people read %q", name, got)
		}
	}
}

func TestContextErrorsAreUnavailable(t *testing.T) {
	for _, err := range []error{context.Canceled, fmt.Errorf("fetching: %w", context.DeadlineExceeded)} {
		if !Is(err, Unavailable) || !Transient(err) {
			t.Errorf("%v is %s", err, CodeOf(err))
		}
	}
	if !Is(Wrap(Invalid, context.Canceled, ""), Invalid) {
		t.Error("the code of an Error does not win over its cause")
	}
}

func TestTheOutermostCodeWins(t *testing.T) {
	inner := &Error{Code: RateLimited, After: time.Minute, Public: "Inner."}
	outer := fmt.Errorf("b: %w", Wrap(Invalid, fmt.Errorf("a: %w", inner), ""))
	if !Is(outer, Invalid) || After(outer) != 0 {
		t.Errorf("got %s, after %s", CodeOf(outer), After(outer))
	}
	if After(fmt.Errorf("x: %w", inner)) != time.Minute {
		t.Error("After is lost by wrapping")
	}
	if After(errors.New("x")) != 0 {
		t.Error("a plain error asks to wait")
	}
	if !errors.Is(outer, inner) {
		t.Error("the cause is lost")
	}
}

func TestTheLogSeesCodeSentenceAndCause(t *testing.T) {
	err := Wrap(Locked, errors.New("status 400"), "Locked until May.")
	if got, want := err.Error(), "locked: Locked until May.: status 400"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := New(Locked, "").Error(), "locked"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
