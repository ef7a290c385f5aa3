package panel

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/ledger"
)

// Doubles are the rows that may be what was known before.
type Doubles interface {
	// Doubles returns what waits for a person, and what a person has said to be
	// one movement, the latest first.
	Doubles(ctx context.Context, bookID string) (proposed, one []ledger.DoublePair, err error)
	// DecideDouble goes on after it returns, on behalf of a user whose token is
	// kept. earlier is the remote id or the transaction that was known.
	DecideDouble(ctx context.Context, bookID, later, earlier string, as ledger.DoubleState, userID string) error
}

type doublesView struct {
	Proposals []doubleView `json:"proposals" doc:"Wait for a person to decide. The latest first."`
	One       []doubleView `json:"one" doc:"A person has said that they are one movement. The latest first."`
}

type doubleView struct {
	ID       string          `json:"id"`
	Reason   string          `json:"reason" doc:"Why the two may be one: a sentence."`
	Hurdle   string          `json:"hurdle,omitempty" doc:"Why the last decision could not be carried out."`
	Deciding bool            `json:"deciding" doc:"A decision is being carried out."`
	Later    transferEndView `json:"later" doc:"What was recorded as new."`
	Earlier  transferEndView `json:"earlier" doc:"What was known by then. A transaction that the app did not record has no remote id."`
	At       time.Time       `json:"at"`
}

func doubles(c *call) (int, any, error) {
	view, err := c.doubles()
	return http.StatusOK, view, err
}

func sayOne(c *call) (int, any, error) { return c.decideDouble(ledger.IsOne) }
func sayTwo(c *call) (int, any, error) { return c.decideDouble(ledger.AreTwo) }

func (c *call) decideDouble(as ledger.DoubleState) (int, any, error) {
	later, earlier, found := strings.Cut(c.param("doubleId"), "-")
	if !found {
		return 0, nil, errs.New(errs.NotFound, "This is not known any more. Reload the page.")
	}
	if err := c.panel.Keeper.Remember(c.ctx(), c.user); err != nil {
		return 0, nil, err
	}
	if err := c.panel.Doubles.DecideDouble(c.ctx(), c.book.ID, later, earlier, as, c.user.ID); err != nil {
		return 0, nil, err
	}
	view, err := c.doubles()
	return http.StatusAccepted, view, err
}

func (c *call) doubles() (doublesView, error) {
	proposed, one, err := c.panel.Doubles.Doubles(c.ctx(), c.book.ID)
	if err != nil {
		return doublesView{}, err
	}
	return doublesView{viewDoubles(proposed), viewDoubles(one)}, nil
}

func viewDoubles(all []ledger.DoublePair) []doubleView {
	views := []doubleView{}
	for _, d := range all {
		v := doubleView{
			ID: d.New + "-" + d.Known + d.Standing, Reason: d.Reason, Hurdle: d.Hurdle, Deciding: d.Asked != "", At: d.UpdatedAt,
			Later:   transferEndView{AccountID: d.AccountID, TransactionID: d.NewTransaction, RemoteID: d.New},
			Earlier: transferEndView{AccountID: d.AccountID, TransactionID: d.KnownTransaction, RemoteID: d.Known},
		}
		v.Later.tell(d.NewRow)
		v.Earlier.tell(d.KnownRow)
		views = append(views, v)
	}
	return views
}
