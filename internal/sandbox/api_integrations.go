package sandbox

func (s *Server) integrationRoutes(on routeTable) {
	const root = " /books/{book}/integrations"
	on("GET"+root, bookRead(s, seeBook, func(b *book, _ *call) (any, error) {
		items := []*wireIntegration{}
		for _, i := range b.sortedIntegrations() {
			items = append(items, wireIntegrationOf(i))
		}
		return wireList[*wireIntegration]{Items: items}, nil
	}))
	on("POST"+root, bookWrite(s, manage, createIntegration))
	on("PUT"+root, bookWrite(s, manage, updateIntegration))
	on("DELETE"+root+"/{id}", bookWrite(s, manage, func(c *change, call *call, _ nothing) (any, error) {
		i := c.b.integrations[parseNumericID(call.path("id"))]
		if i == nil {
			return nil, notFound("Integration", call.path("id"))
		}
		return c.deleteIntegration(i)
	}))

	on("GET /user/connections", userRead(s, func(c *call) (any, error) {
		items := []*wireConnection{}
		for _, connection := range sortedBy(s.connections, func(c *connection) string { return c.ID }) {
			if connection.User == c.user.Name {
				items = append(items, s.wireConnectionOf(connection))
			}
		}
		return wireList[*wireConnection]{Items: items}, nil
	}))
	on("GET /user/connections/{id}", userRead(s, func(c *call) (any, error) {
		connection, err := s.ownConnection(c, c.path("id"))
		if err != nil {
			return nil, err
		}
		return s.wireConnectionOf(connection), nil
	}))
	on("GET /user/connections/{id}/integrations", userRead(s, func(c *call) (any, error) {
		connection, err := s.ownConnection(c, c.path("id"))
		if err != nil {
			return nil, err
		}
		items := []*wireIntegration{}
		for _, b := range s.books {
			for _, i := range b.sortedIntegrations() {
				if i.ConnectionID == connection.ID {
					items = append(items, wireIntegrationOf(i))
				}
			}
		}
		return wireList[*wireIntegration]{Items: items}, nil
	}))
	on("POST /user/connections", userWrite(s, createConnection))
	on("PUT /user/connections", userWrite(s, updateConnection))
	on("DELETE /user/connections/{id}", userWrite(s, deleteConnection))
}

func (b *book) sortedIntegrations() []*integration {
	return sortedBy(b.integrations, func(i *integration) int64 { return i.ID })
}

type integrationInput struct {
	ID           string            `json:"id"`
	ConnectionID string            `json:"connectionId"`
	AgentID      string            `json:"agentId"`
	Name         *string           `json:"name"`
	Properties   map[string]string `json:"properties"`
}

func createIntegration(c *change, call *call, in integrationInput) (any, error) {
	i := &integration{
		ID: numericID(c.nextSeq()), BookID: c.b.info.ID, ConnectionID: in.ConnectionID, AgentID: in.AgentID,
		User: c.user.Name, Created: c.millis(), Updated: c.millis(),
	}
	switch {
	case in.ConnectionID != "":
		connection, err := c.s.ownConnection(call, in.ConnectionID)
		if err != nil {
			return nil, err
		}
		i.Name = connection.Name
		if i.AgentID == "" {
			i.AgentID = connection.AgentID
		}
	case in.AgentID == "":
		return nil, badRequest("An integration needs an agentId or a connectionId")
	case in.AgentID != c.s.opts.AgentID:
		return nil, notFound("App", in.AgentID)
	case c.b.installed(in.AgentID):
		return nil, badRequest("App is installed already: %s", in.AgentID)
	default:
		i.Name = c.s.agentName(in.AgentID)
	}
	if err := in.apply(i); err != nil {
		return nil, err
	}
	c.put(i)
	w := wireIntegrationOf(i)
	return w, c.objectEvent("INTEGRATION_CREATED", w.ID, w, nil)
}

func (in integrationInput) apply(i *integration) error {
	if in.Name != nil && *in.Name != "" {
		i.Name = *in.Name
	}
	if in.Properties == nil {
		return nil
	}
	properties, err := cleanProperties(in.Properties)
	i.Properties = properties
	return err
}

func updateIntegration(c *change, _ *call, in integrationInput) (any, error) {
	old := c.b.integrations[parseNumericID(in.ID)]
	if old == nil {
		return nil, notFound("Integration", in.ID)
	}
	i := *old
	if err := in.apply(&i); err != nil {
		return nil, err
	}
	i.Updated = c.millis()
	previous := map[string]string{}
	changed(previous, "name", old.Name, i.Name)
	differences(old.Properties, i.Properties, previous)
	c.put(&i)
	w := wireIntegrationOf(&i)
	return w, c.objectEvent("INTEGRATION_UPDATED", w.ID, w, previous)
}

func (c *change) deleteIntegration(i *integration) (*wireIntegration, error) {
	w := wireIntegrationOf(i)
	if err := c.objectEvent("INTEGRATION_DELETED", w.ID, w, nil); err != nil {
		return nil, err
	}
	c.drop(i)
	return w, nil
}

// ownConnection finds a connection of the calling user. Those of others do
// not exist for them.
func (s *Server) ownConnection(c *call, id string) (*connection, error) {
	connection := s.connections[id]
	if connection == nil || connection.User != c.user.Name {
		return nil, notFound("Connection", id)
	}
	return connection, nil
}

type connectionInput struct {
	ID         string            `json:"id"`
	UUID       *string           `json:"uuid"`
	AgentID    string            `json:"agentId"`
	Name       *string           `json:"name"`
	Logo       *string           `json:"logo"`
	Type       string            `json:"type"`
	Properties map[string]string `json:"properties"`
}

func (in connectionInput) apply(connection *connection) error {
	if in.UUID != nil {
		connection.UUID = *in.UUID
	}
	if in.Name != nil && *in.Name != "" {
		connection.Name = *in.Name
	}
	if in.Logo != nil {
		connection.Logo = *in.Logo
	}
	if in.Properties == nil {
		return nil
	}
	properties, err := cleanProperties(in.Properties)
	connection.Properties = properties
	return err
}

func createConnection(c *change, _ *call, in connectionInput) (any, error) {
	if in.Type == "" {
		in.Type = "APP"
	}
	if in.Type != "APP" && in.Type != "BANK" {
		return nil, badRequest("Invalid connection type: %.20s", in.Type)
	}
	if in.Name == nil || *in.Name == "" {
		return nil, badRequest("Connection name is required")
	}
	if in.AgentID == "" {
		in.AgentID = c.agent
	}
	connection := &connection{
		ID: c.s.opaqueID(c.nextSeq()), User: c.user.Name, AgentID: in.AgentID, Type: in.Type,
		Created: c.millis(), Updated: c.millis(),
	}
	if err := in.apply(connection); err != nil {
		return nil, err
	}
	c.put(connection)
	return c.s.wireConnectionOf(connection), nil
}

func updateConnection(c *change, call *call, in connectionInput) (any, error) {
	old, err := c.s.ownConnection(call, in.ID)
	if err != nil {
		return nil, err
	}
	connection := *old
	if err := in.apply(&connection); err != nil {
		return nil, err
	}
	connection.Updated = c.millis()
	c.put(&connection)
	return c.s.wireConnectionOf(&connection), nil
}

// deleteConnection deletes a connection and its integrations in all books.
func deleteConnection(c *change, call *call, _ nothing) (any, error) {
	connection, err := c.s.ownConnection(call, call.path("id"))
	if err != nil {
		return nil, err
	}
	for _, b := range sortedBy(c.s.books, func(b *book) uint64 { return b.info.Seq }) {
		c.b = b
		for _, i := range b.sortedIntegrations() {
			if i.ConnectionID != connection.ID {
				continue
			}
			if _, err := c.deleteIntegration(i); err != nil {
				return nil, err
			}
		}
	}
	c.drop(connection)
	return c.s.wireConnectionOf(connection), nil
}
