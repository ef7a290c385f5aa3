package sandbox

import (
	"slices"
	"strconv"
	"time"
)

const (
	usualEvents = 50
	mostEvents  = 200
)

func (s *Server) eventRoutes(on routeTable) {
	const root = " /books/{book}/events"
	on("GET"+root, bookRead(s, seeTransactions, s.listEvents))
	on("GET"+root+"/backlog", bookRead(s, seeBook, func(b *book, _ *call) (any, error) {
		return wireBacklog{b.backlog()}, nil
	}))
	on("PUT"+root+"/{id}/responses/{agent}", bookWrite(s, manage, func(c *change, call *call, _ nothing) (any, error) {
		return c.eventAnswer(c.replay(call.path("id"), call.path("agent")))
	}))
	on("DELETE"+root+"/{id}/responses/{agent}", bookWrite(s, manage, func(c *change, call *call, _ nothing) (any, error) {
		e, err := c.existingEvent(call.path("id"))
		if err != nil {
			return nil, err
		}
		e = e.without(call.path("agent"))
		c.put(e)
		return c.eventAnswer(e, nil)
	}))
	on("PATCH"+root+"/replay/batch", bookWrite(s, manage, func(c *change, call *call, in inputList[reference]) (any, error) {
		for _, item := range in.Items {
			e, err := c.existingEvent(item.ID)
			if err != nil {
				return nil, err
			}
			if call.flag("errorsOnly") && !e.failed() {
				continue
			}
			if _, err := c.replay(e.ID, c.s.opts.AgentID); err != nil {
				return nil, err
			}
		}
		return nothing{}, nil
	}))
}

type wireBacklog struct {
	Count int `json:"count"`
}

// backlog is the number of events that wait to be delivered.
func (b *book) backlog() int {
	n := 0
	for _, e := range b.events {
		if e.Waiting {
			n++
		}
	}
	return n
}

// listEvents lists events, newest first. The parameter error asks for those that
// failed (true), did not fail (false), or all (not there). With a resource, error
// and type are ignored; with error, type is ignored.
func (s *Server) listEvents(b *book, c *call) (any, error) {
	limit, err := c.limit(usualEvents, mostEvents)
	if err != nil {
		return nil, err
	}
	after, err := c.instant("after")
	if err != nil {
		return nil, err
	}
	before, err := c.instant("before")
	if err != nil {
		return nil, err
	}
	below := uint64(1<<64 - 1)
	if cursor := c.r.Header.Get("cursor"); cursor != "" {
		if below, err = strconv.ParseUint(cursor, 36, 64); err != nil {
			return nil, badRequest("Invalid cursor")
		}
	}
	wanted := func(e *event) bool {
		if !after.IsZero() && e.Created < after.UnixMilli() || !before.IsZero() && e.Created >= before.UnixMilli() {
			return false
		}
		switch resource := c.param("resoureId"); {
		case resource != "":
			return e.Resource == resource
		case c.param("error") != "":
			return e.failed() == c.flag("error")
		default:
			return c.param("type") == "" || e.Type == c.param("type")
		}
	}
	list := wireList[*wireEvent]{Items: []*wireEvent{}}
	last := below
	for _, e := range slices.Backward(b.events) {
		if e.Seq >= below || !wanted(e) {
			continue
		}
		if len(list.Items) == limit {
			list.Cursor = strconv.FormatUint(last, 36)
			break
		}
		w := s.wireEventOf(b, e, c.user, s.opts.Now())
		w.Responses = e.Responses
		list.Items = append(list.Items, w)
		last = e.Seq
	}
	return list, nil
}

// instant reads a parameter in RFC 3339; the zero time if it is not there.
func (c *call) instant(name string) (time.Time, error) {
	text := c.param(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, badRequest("Invalid %s, not RFC 3339: %.40s", name, text)
	}
	return t, nil
}

func (c *change) existingEvent(id string) (*event, error) {
	e := c.b.event(id)
	if e == nil {
		return nil, notFound("Event", id)
	}
	return e, nil
}

// without returns e without the responses of an agent.
func (e *event) without(agentID string) *event {
	left := *e
	left.Responses = slices.DeleteFunc(slices.Clone(e.Responses), func(r botResponse) bool { return r.AgentID == agentID })
	return &left
}

// replay has an event delivered again, whatever became of it before.
func (c *change) replay(id, agentID string) (*event, error) {
	e, err := c.existingEvent(id)
	if err != nil {
		return nil, err
	}
	if agentID != c.s.opts.AgentID || !c.b.installed(agentID) {
		return nil, notFound("App", agentID)
	}
	e = e.without(agentID)
	e.Waiting, e.Attempts, e.Next = true, 0, 0
	c.put(e)
	return e, nil
}

func (c *change) eventAnswer(e *event, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	w := c.s.wireEventOf(c.b, e, c.user, c.now)
	w.Responses = e.Responses
	return w, nil
}
