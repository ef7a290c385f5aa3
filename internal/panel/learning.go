package panel

import (
	"net/http"
	"strconv"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/errs"
)

type learningView struct {
	Lessons int         `json:"lessons" doc:"Decisions of people that the learner knows."`
	History historyView `json:"history" doc:"How far the posted history of the book is read."`
}

type historyView struct {
	Done  bool      `json:"done"`
	From  bank.Date `json:"from,omitzero" doc:"The first day; left out before it has begun."`
	UpTo  bank.Date `json:"upTo,omitzero" doc:"The last day that is read."`
	To    bank.Date `json:"to,omitzero" doc:"The last day there is to read."`
	Read  int       `json:"read" doc:"Transactions that were read."`
	Share int       `json:"share" doc:"Of 100."`
}

type surenessBody struct {
	Sureness string `json:"sureness" enum:"95,98,99,never"`
}

func learning(c *call) (int, any, error) {
	view, err := c.learning()
	return http.StatusOK, view, err
}

func learnAgain(c *call) (int, any, error) {
	if err := c.panel.Keeper.Remember(c.ctx(), c.user); err != nil {
		return 0, nil, err
	}
	if err := c.panel.Examiner.LearnAgain(c.ctx(), c.book.ID, c.user.ID); err != nil {
		return 0, nil, err
	}
	view, err := c.learning()
	return http.StatusAccepted, view, err
}

func (c *call) learning() (learningView, error) {
	state, err := c.panel.Completer.Learning(c.ctx(), c.book.ID)
	if err != nil {
		return learningView{}, err
	}
	at := state.History
	v := learningView{Lessons: state.Lessons, History: historyView{
		Done: !state.HistoryLearned.IsZero(), From: at.From, To: at.To, Read: at.Read,
	}}
	switch {
	case v.History.Done:
		v.History.UpTo, v.History.Share = at.To, 100
	case at.From.Before(at.Next):
		v.History.UpTo = at.Next.AddDays(-1)
		v.History.Share = 100 * at.Next.Sub(at.From) / (at.To.Sub(at.From) + 1)
	}
	return v, nil
}

func setSureness(c *call) (int, any, error) {
	var in surenessBody
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	sureness, err := readSureness(in.Sureness)
	if err != nil {
		return 0, nil, err
	}
	i, err := c.panel.Link.SetSureness(c.ctx(), c.user, c.book.ID, c.param("integrationId"), sureness)
	if err != nil {
		return 0, nil, err
	}
	view, err := c.showIntegration(i)
	return http.StatusOK, view, err
}

const never = "never"

func readSureness(text string) (int, error) {
	if text == never {
		return 100, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > 99 {
		return 0, errs.New(errs.Invalid, "The sureness is 95, 98, 99 or never.")
	}
	return n, nil
}

func viewSureness(n int) string {
	switch n {
	case 0:
		return "98"
	case 100:
		return never
	default:
		return strconv.Itoa(n)
	}
}
