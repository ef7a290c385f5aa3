package sandbox

import (
	"slices"
	"strconv"

	"github.com/bank-connections/bkper-bot/internal/sandbox/query"
)

func (s *Server) groupRoutes(on routeTable) {
	on("GET /books/{book}/groups", bookRead(s, seeBook, func(b *book, _ *call) (any, error) {
		return wireList[*wireGroup]{Items: b.wireGroups()}, nil
	}))
	on("GET /books/{book}/groups/{id}", bookRead(s, seeBook, func(b *book, c *call) (any, error) {
		g := b.findGroup(c.path("id"))
		if g == nil {
			return nil, notFound("Group", c.path("id"))
		}
		return wireGroupOf(b, g), nil
	}))
	on("GET /books/{book}/groups/{id}/accounts", bookRead(s, seeBook, func(b *book, c *call) (any, error) {
		g := b.findGroup(c.path("id"))
		if g == nil {
			return nil, notFound("Group", c.path("id"))
		}
		items := []*wireAccount{}
		for _, a := range b.sortedAccounts() {
			if slices.Contains(a.Groups, g.ID) {
				items = append(items, wireAccountOf(b, a))
			}
		}
		return wireList[*wireAccount]{Items: items}, nil
	}))
	on("POST /books/{book}/groups", bookWrite(s, manage, func(c *change, _ *call, in groupInput) (any, error) {
		return c.createGroup(in)
	}))
	on("PUT /books/{book}/groups", bookWrite(s, manage, updateGroup))
	on("DELETE /books/{book}/groups/{id}", bookWrite(s, manage, deleteGroup))
	on("POST /books/{book}/groups/batch", bookWrite(s, manage, func(c *change, _ *call, in inputList[groupInput]) (any, error) {
		items := []*wireGroup{}
		for _, item := range in.Items {
			w, err := c.createGroup(item)
			if err != nil {
				return nil, err
			}
			items = append(items, w)
		}
		return wireList[*wireGroup]{Items: items}, nil
	}))
}

type groupInput struct {
	ID         string            `json:"id"`
	Name       *string           `json:"name"`
	Hidden     *bool             `json:"hidden"`
	Parent     *reference        `json:"parent"`
	Properties map[string]string `json:"properties"`
}

func (c *change) createGroup(in groupInput) (*wireGroup, error) {
	g := &group{
		ID: numericID(c.nextSeq()), BookID: c.b.info.ID,
		AgentID: c.agent, Created: c.millis(), Updated: c.millis(),
	}
	if in.Name == nil {
		return nil, badRequest("Group name is required")
	}
	if err := c.applyGroup(in, g); err != nil {
		return nil, err
	}
	c.put(g)
	w := wireGroupOf(c, g)
	return w, c.objectEvent("GROUP_CREATED", w.ID, w, nil)
}

func updateGroup(c *change, _ *call, in groupInput) (any, error) {
	old := c.resolveGroup(reference{ID: in.ID})
	if old == nil {
		return nil, notFound("Group", in.ID)
	}
	g := *old
	if err := c.applyGroup(in, &g); err != nil {
		return nil, err
	}
	g.Updated = c.millis()
	previous := map[string]string{}
	changed(previous, "name", old.Name, g.Name)
	differences(old.Properties, g.Properties, previous)
	c.put(&g)
	w := wireGroupOf(c, &g)
	return w, c.objectEvent("GROUP_UPDATED", w.ID, w, previous)
}

func (c *change) applyGroup(in groupInput, g *group) error {
	if in.Name != nil {
		if query.Normalize(*in.Name) == "" {
			return badRequest("Group name is required")
		}
		if other := c.groupNamed(*in.Name); other != nil && other.ID != g.ID {
			return badRequest("Group already exists: %.100s", *in.Name)
		}
		g.Name = *in.Name
	}
	if in.Hidden != nil {
		g.Hidden = *in.Hidden
	}
	if in.Properties != nil {
		properties, err := cleanProperties(in.Properties)
		if err != nil {
			return err
		}
		g.Properties = properties
	}
	g.Parent = 0
	if in.Parent == nil || in.Parent.ID+in.Parent.Name == "" {
		return nil
	}
	parent := c.resolveGroup(*in.Parent)
	if parent == nil {
		return notFound("Group", in.Parent.ID+in.Parent.Name)
	}
	for above := parent; above != nil; above = c.group(above.Parent) {
		if above.ID == g.ID {
			return badRequest("Group cannot be its own parent: %s", g.Name)
		}
	}
	g.Parent = parent.ID
	return nil
}

// deleteGroup deletes a group; its accounts and groups stay without it.
func deleteGroup(c *change, call *call, _ nothing) (any, error) {
	g := c.b.findGroup(call.path("id"))
	if g == nil {
		return nil, notFound("Group", call.path("id"))
	}
	w := wireGroupOf(c, g)
	for _, a := range c.b.accounts {
		if slices.Contains(a.Groups, g.ID) {
			left := *a
			left.Groups = slices.DeleteFunc(slices.Clone(a.Groups), func(id int64) bool { return id == g.ID })
			c.put(&left)
		}
	}
	for _, child := range c.b.groups {
		if child.Parent == g.ID {
			left := *child
			left.Parent = 0
			c.put(&left)
		}
	}
	c.drop(g)
	return w, c.objectEvent("GROUP_DELETED", w.ID, w, nil)
}

func (c *change) resolveGroup(ref reference) *group {
	if ref.ID != "" {
		return c.group(parseNumericID(ref.ID))
	}
	return c.groupNamed(ref.Name)
}

func (c *change) groupNamed(name string) *group {
	if g := c.b.groupByName(name); g != nil && c.group(g.ID) == g {
		return g
	}
	wanted := query.Normalize(name)
	for _, g := range c.groups {
		if g != nil && query.Normalize(g.Name) == wanted {
			return g
		}
	}
	return nil
}

// parseNumericID returns the id that text is, or 0, which nothing has.
func parseNumericID(text string) int64 {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return id
}
