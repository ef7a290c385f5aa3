// Package connectortest is the suite that every connector must pass. It holds a
// connector against its contract, and against the truth of a fake vendor that
// the harness brings: nothing lost, nothing doubled, exact, typed, bounded,
// silent about secrets.
//
// The suite itself is proven by broken connectors that it must reject.
package connectortest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

// Harness is what the suite must know of a connector and its fake vendor.
type Harness struct {
	// New returns a connector to the vendor. The suite calls it often: each
	// call stands for a restart of the program.
	New func(deps connectors.Deps) connectors.Connector
	// HTTP is the client for Deps; nil where the connector uses none.
	HTTP *http.Client
	// Clock is the time of the connector and of the vendor.
	Clock *Clock

	// SignIns are the ways in to try, at least one of which succeeds.
	SignIns []SignIn
	// ReturnURL is where a bank's own page sends the person back to.
	ReturnURL string

	// Since is the first day of interest, some weeks before the clock.
	Since bank.Date
	// Truth is what the vendor knows.
	Truth func(at SignIn, accountKey string, since bank.Date, moment time.Time) Truth
	// Pace is how far the clock goes between two polls, and Polls how many of
	// them show all that can become of a transaction.
	Pace  time.Duration
	Polls int
	// Grace is how long the vendor may keep to itself that a pending
	// transaction is no more; 0 is 12 paces.
	Grace time.Duration

	// Vendor breaks the fake vendor. A connector that speaks no HTTP leaves it
	// nil and says so in NoVendor.
	Vendor   *Vendor
	NoVendor string

	// Patience is how long a call may take to see that nobody waits for it;
	// 0 is 2 s.
	Patience time.Duration

	// Webhooks are deliveries; needed by a connector that verifies them.
	Webhooks *Webhooks
}

// SignIn is one way in at one institution.
type SignIn struct {
	Name                 string
	Institution, Country string
	// Answer gives the right answer to a step. It is asked again for the same
	// step when the bank waits for the person (user_action_at_bank).
	Answer func(ctx context.Context, step connectors.LinkStep) (map[string]string, error)
	// Want is the code of the error in which the sign-in ends; "" is none.
	Want errs.Code
}

// Truth is what the vendor knows of one account at one moment. The suite does
// not look at ids in it.
type Truth struct {
	Booked, Pending []bank.Transaction
}

// Webhooks are deliveries of the vendor for one authorization. The suite adds
// forgeries of its own: changed body, no body, no header.
type Webhooks struct {
	Genuine func(auth seal.Secret) []Vector
	Forged  func(auth seal.Secret) []Vector // wrong key, stale, replayed, for somebody else
}

// Vector is one delivery.
type Vector struct {
	Name   string
	Header http.Header
	Body   []byte
}

// Check is one claim that the suite makes.
type Check struct {
	Name string
	run  func(b *bench)
}

// Checks returns the claims in the order in which Run tries them.
func Checks() []Check {
	return []Check{
		{"it says who it is", checkInfo},
		{"institutions are listed by country, sorted by name", checkInstitutions},
		{"each way in ends as it should", checkSignIn},
		{"wrong credentials are refused, the right ones then accepted", checkCredentials},
		{"accounts keep their keys when the bank is linked anew", checkAccounts},
		{"pages of any size add up to the truth", checkPages},
		{"reading goes on after a restart at any page", checkResume},
		{"the state is small, stable and checked", checkState},
		{"polling while transactions change arrives at the truth", checkLife},
		{"opening balance and booked transactions make the balance", checkBalance},
		{"dates do not depend on the zone of the machine", checkZones},
		{"the same question gets the same answer", checkAgain},
		{"many may ask at once", checkTogether},
		{"an unknown account is gone, the others are well", checkGone},
		{"an authorization that opens nothing needs a new sign-in", checkAuthorization},
		{"cancelling ends a call at once", checkCancel},
		{"faults of the vendor become the right errors", checkVendor},
		{"only genuine webhooks are believed", checkWebhooks},
	}
}

// Run holds a connector against every check. Open is called for each of them,
// so that none sees what another has done; it may register cleanups.
func Run(t *testing.T, open func(tb testing.TB) Harness) {
	t.Helper()
	for _, check := range Checks() {
		t.Run(check.Name, func(t *testing.T) { check.Run(t, open) })
	}
}

// Run makes one check. After it, whatever it was, no secret may have appeared
// in an error or in the log, and no goroutine may be left.
func (c Check) Run(tb testing.TB, open func(tb testing.TB) Harness) {
	tb.Helper()
	b := newBench(tb, open(tb))
	c.run(b)
	b.checkSecrets()
	b.checkGoroutines()
}
