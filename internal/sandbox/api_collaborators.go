package sandbox

import "maps"

func (s *Server) collaboratorRoutes(on routeTable) {
	const root = " /books/{book}/collaborators"
	on("GET"+root, bookRead(s, seeBook, func(b *book, _ *call) (any, error) {
		items := []wireCollaborator{}
		for _, u := range sortedBy(s.users, func(u *user) string { return u.Name }) {
			if p := b.permissionOf(u); p != permissionNone {
				items = append(items, wireCollaborator{u.Name, u.email(), p})
			}
		}
		return wireList[wireCollaborator]{Items: items}, nil
	}))
	on("POST"+root, bookWrite(s, manage, func(c *change, _ *call, in wireCollaborator) (any, error) {
		return c.share(in.Email, in.Permission)
	}))
	on("DELETE"+root+"/{id}", bookWrite(s, manage, func(c *change, call *call, _ nothing) (any, error) {
		return c.unshare(call.path("id"))
	}))
}

// share gives the user with that e-mail address a permission, or another one.
func (c *change) share(email string, p permission) (*wireCollaborator, error) {
	u := c.s.userByEmail(email)
	if u == nil {
		return nil, notFound("User", email)
	}
	if _, known := allowed[p]; !known || p == permissionOwner {
		return nil, badRequest("Invalid permission: %.20s", string(p))
	}
	had := c.b.permissionOf(u)
	if had == permissionOwner {
		return nil, badRequest("The owner of a book stays its owner")
	}
	info := *c.b.info
	info.Collaborators = maps.Clone(info.Collaborators)
	info.Collaborators[u.Name] = p
	c.put(&info)
	w := &wireCollaborator{u.Name, u.email(), p}
	if had == permissionNone {
		return w, c.objectEvent("COLLABORATOR_ADDED", u.Name, w, nil)
	}
	return w, c.objectEvent("COLLABORATOR_UPDATED", u.Name, w, map[string]string{"permission": string(had)})
}

// unshare takes all permission from a user.
func (c *change) unshare(idOrEmail string) (*wireCollaborator, error) {
	u := c.s.userByEmail(idOrEmail)
	if u == nil || c.b.permissionOf(u) == permissionNone {
		return nil, notFound("Collaborator", idOrEmail)
	}
	had := c.b.permissionOf(u)
	if had == permissionOwner {
		return nil, badRequest("The owner of a book stays its owner")
	}
	info := *c.b.info
	info.Collaborators = maps.Clone(info.Collaborators)
	delete(info.Collaborators, u.Name)
	c.put(&info)
	w := &wireCollaborator{u.Name, u.email(), had}
	return w, c.objectEvent("COLLABORATOR_REMOVED", u.Name, w, nil)
}
