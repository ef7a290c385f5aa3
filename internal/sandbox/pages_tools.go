package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const eventsPerPage = 100

type eventView struct {
	ID, Type, Time, User, Agent, Text string
	Waiting                           bool
	Attempts                          int
	Responses                         []botResponse
	Replay                            bool
}

type eventsView struct {
	Events  []eventView
	Backlog int
	URL     string
	More    int
}

func (v *visit) showEvents() error {
	view := &eventsView{}
	err := v.read(func() error {
		if err := v.book.require(v.user, seeTransactions); err != nil {
			return err
		}
		view.Backlog, view.URL = v.book.backlog(), v.s.eventsURL
		replay := v.book.permissionOf(v.user).can(manage) && v.book.installed(v.s.opts.AgentID)
		for _, e := range slices.Backward(v.book.events) {
			if len(view.Events) == eventsPerPage {
				view.More = len(v.book.events) - eventsPerPage
				break
			}
			view.Events = append(view.Events, eventView{
				ID: e.ID, Type: e.Type, User: e.User, Agent: v.s.agentName(e.AgentID), Text: v.describe(e),
				Time:    time.UnixMilli(e.Created).UTC().Format("2006-01-02 15:04:05"),
				Waiting: e.Waiting, Attempts: e.Attempts, Responses: e.Responses, Replay: replay && !e.Waiting,
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.render("events", http.StatusOK, "Events", view)
}

// describe says in some words what an event is about.
func (v *visit) describe(e *event) string {
	if t := e.Transaction; t != nil {
		name := func(id int64) string {
			if a := v.book.accounts[id]; a != nil {
				return a.Name
			}
			return "?"
		}
		return tidy(t.Date.String() + " " + v.book.format(t) + " " + name(t.Credit) + " → " + name(t.Debit) + " " + t.Description)
	}
	var named struct{ Name, Email string }
	if err := json.Unmarshal(e.Object, &named); err != nil {
		return e.Resource
	}
	return named.Name + named.Email
}

func (v *visit) replayEvent() error {
	return v.change(func(c *change) error {
		if err := c.require(manage); err != nil {
			return err
		}
		_, err := c.replay(v.r.PathValue("id"), v.s.opts.AgentID)
		return err
	})
}

type settingsView struct {
	Book      *wireBook
	People    []wireCollaborator
	Choices   []permission
	Installed []string
	Agent     string
}

func (v *visit) showSettings() error {
	view := &settingsView{
		Choices: []permission{permissionEditor, permissionPoster, permissionRecorder, permissionViewer, permissionNone},
		Agent:   v.s.opts.AgentID,
	}
	err := v.read(func() error {
		if err := v.book.require(v.user, seeBook); err != nil {
			return err
		}
		view.Book = v.book.wire(v.user, v.s.opts.Now())
		for _, u := range sortedBy(v.s.users, userOrder) {
			view.People = append(view.People, wireCollaborator{u.Name, u.email(), v.book.permissionOf(u)})
		}
		for _, i := range v.book.sortedIntegrations() {
			view.Installed = append(view.Installed, i.Name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.render("settings", http.StatusOK, "Settings", view)
}

func (v *visit) saveSettings() error {
	lock, closing := v.r.PostFormValue("lockDate"), v.r.PostFormValue("closingDate")
	autoPost := v.r.PostFormValue("autoPost") == "on"
	return v.change(func(c *change) error {
		if err := c.require(manage); err != nil {
			return err
		}
		_, err := updateBook(c, nil, bookInput{LockDate: &lock, ClosingDate: &closing, AutoPost: &autoPost})
		return err
	})
}

func (v *visit) savePerson() error {
	person, wanted := v.r.PostFormValue("person"), permission(v.r.PostFormValue("permission"))
	return v.change(func(c *change) error {
		if err := c.require(manage); err != nil {
			return err
		}
		if wanted == permissionNone {
			_, err := c.unshare(person)
			return err
		}
		_, err := c.share(person, wanted)
		return err
	})
}

type faultsView struct {
	Kinds  []FaultKind
	Faults []FaultStatus
}

func (v *visit) showFaults() error {
	return v.render("faults", http.StatusOK, "Faults", &faultsView{FaultKinds(), v.s.faults.List()})
}

func (v *visit) addFault() error {
	number := func(name string) int {
		n, err := strconv.Atoi(v.r.PostFormValue(name))
		if err != nil {
			return 0
		}
		return n
	}
	fault := Fault{
		Kind: FaultKind(v.r.PostFormValue("kind")), Method: v.r.PostFormValue("method"),
		Path: strings.TrimSpace(v.r.PostFormValue("path")), Body: v.r.PostFormValue("body"), Status: number("status"),
		RetryAfter: v.r.PostFormValue("retryAfter"), Delay: time.Duration(number("delay")) * time.Millisecond,
		Times: number("times"), Percent: number("percent"),
	}
	if !slices.Contains(FaultKinds(), fault.Kind) {
		return badRequest("Unknown fault: %.40s", string(fault.Kind))
	}
	if fault.Status != 0 && (fault.Status < 200 || fault.Status > 599) {
		return badRequest("Not a status: %d", fault.Status)
	}
	if seed := v.r.PostFormValue("seed"); seed != "" {
		n, err := strconv.ParseUint(seed, 10, 64)
		if err != nil {
			return badRequest("Not a seed: %.20s", seed)
		}
		v.s.faults.Seed(n)
	}
	v.s.faults.Add(fault)
	return nil
}

func (v *visit) clearFaults() error {
	v.s.faults.Clear()
	return nil
}
