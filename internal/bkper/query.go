package bkper

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/bank-connections/bkper-bot/internal/errs"
)

// IsTrashed, IsDraft and the like narrow a query.
const (
	IsTrashed   = "is:trashed"
	IsDraft     = "is:draft"
	IsChecked   = "is:checked"
	IsUnchecked = "is:unchecked"
)

const longestRemoteID = 128

// CheckRemoteID reports what keeps id from being a remote id that can be
// searched for without quotes: it has 1 to 128 of the letters A to Z and a to
// z, digits and underscores.
func CheckRemoteID(id string) error {
	if id == "" || len(id) > longestRemoteID {
		return fmt.Errorf("a remote id has 1 to %d characters, not %d", longestRemoteID, len(id))
	}
	for i := range len(id) {
		switch b := id[i]; {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '_':
		default:
			return fmt.Errorf("a remote id has letters, digits and underscores only: %q", id)
		}
	}
	return nil
}

// QueryRemoteID returns the query that finds a remote id.
func QueryRemoteID(id string) (string, error) {
	if err := CheckRemoteID(id); err != nil {
		return "", notDone(err)
	}
	return "remoteId:" + id, nil
}

// QueryAccount returns the query that finds the transactions of an account,
// on either side.
func QueryAccount(name string) (string, error) {
	quoted, err := Quote(name)
	if err != nil {
		return "", err
	}
	return "account:" + quoted, nil
}

// Quote puts a name or text into the quotes of the query language. That
// language has no escapes: a text with both kinds of quotes cannot be written.
func Quote(text string) (string, error) {
	switch {
	case text == "" || strings.ContainsFunc(text, unicode.IsControl):
		return "", notDone(fmt.Errorf("cannot be searched for: %.60q", text))
	case !strings.Contains(text, "'"):
		return "'" + text + "'", nil
	case !strings.Contains(text, `"`):
		return `"` + text + `"`, nil
	default:
		return "", notDone(fmt.Errorf("cannot be searched for, it has both kinds of quotes: %.60q", text))
	}
}

func notDone(err error) error {
	return errs.Wrap(errs.Invalid, &failure{op: "query", text: err.Error(), outcome: NotDone}, "")
}
