package bkper

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/bank-connections/bkper-bot/internal/errs"
)

// Outcome is what is known of the effect of a call.
type Outcome int

// The outcomes. A call that only reads never ends as Unknown.
const (
	Unknown Outcome = iota // it may be done or not, in whole or in part
	NotDone                // it is surely not done
	Done                   // it is done
)

// String names the outcome.
func (o Outcome) String() string {
	switch o {
	case Done:
		return "done"
	case NotDone:
		return "not done"
	default:
		return "unknown"
	}
}

// OutcomeOf returns what is known of a call that returned err: Done for nil,
// and Unknown for every error that is not of this package.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Done
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f.outcome
	}
	return Unknown
}

// failure is the cause inside the *errs.Error of every failed call. Its text
// is free of tokens, and it keeps no error whose text might not be.
type failure struct {
	op      string // method and path, no query
	text    string
	outcome Outcome
	cause   error // of a kind whose text is known, for errors.Is
}

func (f *failure) Error() string {
	return fmt.Sprintf("%s: %s (%s)", f.op, f.text, f.outcome)
}

func (f *failure) Unwrap() error { return f.cause }

// verdict is what an HTTP status with its error envelope means.
type verdict struct {
	code    errs.Code
	outcome Outcome
	again   bool // the same call may go better in a moment
	expired bool // the token looks expired
}

// verdicts is the table of every status that means something of its own. What
// is missing is decided by its hundreds.
var verdicts = map[int]verdict{
	http.StatusUnauthorized:    {code: errs.Unauthenticated, outcome: NotDone, expired: true},
	http.StatusForbidden:       {code: errs.Unauthenticated, outcome: NotDone, expired: true},
	http.StatusNotFound:        {code: errs.NotFound, outcome: NotDone},
	http.StatusGone:            {code: errs.NotFound, outcome: NotDone},
	http.StatusConflict:        {code: errs.Conflict, outcome: NotDone},
	http.StatusLocked:          {code: errs.Locked, outcome: NotDone},
	http.StatusRequestTimeout:  {code: errs.Unavailable, outcome: Unknown, again: true},
	http.StatusTooEarly:        {code: errs.Unavailable, outcome: Unknown, again: true},
	http.StatusTooManyRequests: {code: errs.RateLimited, outcome: NotDone, again: true},
}

// classify is the one place that says what a status other than 2xx means.
func classify(status int, reason, message string) verdict {
	v, ok := verdicts[status]
	switch {
	case status == http.StatusUnauthorized && reason == "required":
		return verdict{code: errs.LostAccess, outcome: NotDone}
	case status == http.StatusForbidden && isQuota(reason):
		return verdict{code: errs.RateLimited, outcome: NotDone, again: true}
	case status >= 400 && status < 500 && v.code != errs.NotFound && !v.again && saysLocked(message):
		return verdict{code: errs.Locked, outcome: NotDone}
	case status == http.StatusForbidden && reason == "forbidden" && !strings.Contains(strings.ToLower(message), "login required"):
		return verdict{code: errs.Forbidden, outcome: NotDone}
	case ok:
		return v
	case status >= 400 && status < 500:
		return verdict{code: errs.Invalid, outcome: NotDone}
	case status >= 500 && status < 600:
		return verdict{code: errs.Unavailable, outcome: Unknown, again: true}
	default: // a redirect, or no HTTP at all
		return verdict{code: errs.Unavailable, outcome: Unknown}
	}
}

// isQuota knows the reasons by which Google's gateways say "too often" in a
// 403.
func isQuota(reason string) bool {
	switch reason {
	case "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded":
		return true
	}
	return false
}

var lockedWords = regexp.MustCompile(`\block(ed)? ?date\b|\bclosing ?date\b` +
	`|\b(book|period|date|month|year) (is|was|has been|are) (already )?(locked|closed)\b` +
	`|\b(locked|closed) (book|period|date|month|year|until|up to|on or before)\b`)

// saysLocked reports whether Bkper's message is about a locked or closed
// period. Its wording is not documented; what is not recognised stays Invalid.
func saysLocked(message string) bool { return lockedWords.MatchString(strings.ToLower(message)) }

const longestAfter = time.Hour

// retryAfter reads a Retry-After header, seconds or a date, into at most an
// hour; 0 where it says nothing of use.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	var after time.Duration
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		after = time.Duration(min(max(seconds, 0), int64(longestAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		after = at.Sub(now)
	}
	return min(max(after, 0), longestAfter)
}

// oneLine makes a foreign text fit for a log and for people: one line, no
// control characters, bounded, without the secrets of the call.
func oneLine(text string, secrets []string) string {
	for _, s := range secrets {
		// Shorter ones are words, such as the tokens of the sandbox. The start
		// is looked for as well, because a text may have been cut.
		const enough = 12
		if len(s) >= enough {
			text = strings.ReplaceAll(text, s, "[secret]")
			text = strings.ReplaceAll(text, s[:enough], "[secret]")
		}
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(text), " ")
	const most = 300
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return text
}

// sentence returns what people are told of a failure, "" for what the code
// says by itself.
func sentence(code errs.Code, message string) string {
	switch {
	case code == errs.Invalid && message != "":
		return "The book refused this: " + strings.TrimRight(message, ".") + "."
	case code == errs.Unauthenticated:
		return "The sign-in at Bkper has expired. Sign in again."
	case code == errs.Unavailable:
		return "Bkper is not answering. Try again."
	case code == errs.RateLimited:
		return "Bkper was asked too often. It will be tried again later."
	default:
		return ""
	}
}
