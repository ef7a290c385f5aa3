package sandbox

import (
	"encoding/base64"
	"mime"
	"path/filepath"

	"go.etcd.io/bbolt"
)

const (
	maxFileSize = 20 << 20
	usualFiles  = 100
	mostFiles   = 1000
)

func (s *Server) fileRoutes(on routeTable) {
	const root = " /books/{book}/files"
	on("GET"+root, bookRead(s, seeTransactions, listFiles))
	on("GET"+root+"/{id}", bookRead(s, seeTransactions, s.getFile))
	on("POST"+root, bookWrite(s, recordDrafts, func(c *change, _ *call, in fileInput) (any, error) {
		return c.createFile(in)
	}))
	on("PUT"+root, bookWrite(s, manage, updateFile))
	on("DELETE"+root+"/{id}", bookWrite(s, manage, func(c *change, call *call, _ nothing) (any, error) {
		f := c.file(call.path("id"))
		if f == nil {
			return nil, notFound("File", call.path("id"))
		}
		c.drop(f)
		set(&c.contents, f.ID, nil)
		w := wireFileOf(f)
		return w, c.objectEvent("FILE_DELETED", f.ID, w, nil)
	}))
}

func listFiles(b *book, c *call) (any, error) {
	limit, err := c.limit(usualFiles, mostFiles)
	if err != nil {
		return nil, err
	}
	list := wireList[*wireFile]{Items: []*wireFile{}}
	after := c.r.Header.Get("cursor")
	for _, f := range sortedBy(b.files, func(f *file) uint64 { return f.Seq }) {
		switch {
		case after != "":
			if f.ID == after {
				after = ""
			}
		case len(list.Items) == limit:
			list.Cursor = list.Items[limit-1].ID
			return list, nil
		default:
			list.Items = append(list.Items, wireFileOf(f))
		}
	}
	return list, nil
}

func (s *Server) getFile(b *book, c *call) (any, error) {
	f := b.files[c.path("id")]
	if f == nil {
		return nil, notFound("File", c.path("id"))
	}
	w := wireFileOf(f)
	err := s.db.View(func(tx *bbolt.Tx) error {
		w.Content = base64.StdEncoding.EncodeToString(tx.Bucket(bucketContents).Get([]byte(f.ID)))
		return nil
	})
	return w, err
}

type fileInput struct {
	ID          string            `json:"id"`
	Name        *string           `json:"name"`
	ContentType *string           `json:"contentType"`
	Content     *string           `json:"content"`
	Properties  map[string]string `json:"properties"`
}

func (c *change) createFile(in fileInput) (*wireFile, error) {
	seq := c.nextSeq()
	f := &file{
		Seq: seq, ID: c.s.opaqueID(seq), BookID: c.b.info.ID,
		AgentID: c.agent, Created: c.millis(), Updated: c.millis(),
	}
	if in.Name == nil || *in.Name == "" {
		return nil, badRequest("File name is required")
	}
	if in.Content == nil {
		return nil, badRequest("File content is required")
	}
	if err := c.applyFile(in, f); err != nil {
		return nil, err
	}
	c.put(f)
	w := wireFileOf(f)
	return w, c.objectEvent("FILE_CREATED", f.ID, w, nil)
}

func updateFile(c *change, _ *call, in fileInput) (any, error) {
	old := c.file(in.ID)
	if old == nil {
		return nil, notFound("File", in.ID)
	}
	f := *old
	if err := c.applyFile(in, &f); err != nil {
		return nil, err
	}
	f.Updated = c.millis()
	previous := map[string]string{}
	changed(previous, "name", old.Name, f.Name)
	differences(old.Properties, f.Properties, previous)
	c.put(&f)
	w := wireFileOf(&f)
	return w, c.objectEvent("FILE_UPDATED", f.ID, w, previous)
}

func (c *change) applyFile(in fileInput, f *file) error {
	if in.Name != nil && *in.Name != "" {
		f.Name = *in.Name
	}
	if in.ContentType != nil {
		f.ContentType = *in.ContentType
	}
	if f.ContentType == "" {
		f.ContentType = contentTypeOf(f.Name)
	}
	if in.Properties != nil {
		properties, err := cleanProperties(in.Properties)
		if err != nil {
			return err
		}
		f.Properties = properties
	}
	if in.Content == nil {
		return nil
	}
	content, err := base64.StdEncoding.DecodeString(*in.Content)
	if err != nil {
		return badRequest("File content is not base64")
	}
	if len(content) > maxFileSize {
		return badRequest("File is larger than %d bytes", maxFileSize)
	}
	f.Size = len(content)
	set(&c.contents, f.ID, content)
	return nil
}

func contentTypeOf(name string) string {
	if t := mime.TypeByExtension(filepath.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}
