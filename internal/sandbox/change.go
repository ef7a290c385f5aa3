package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.etcd.io/bbolt"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

// change is what one request does, kept apart until all of it is known to be
// allowed. Nothing of it is seen by others before commit, and all of it
// afterwards. It is made and used with Server.write held.
type change struct {
	s     *Server
	b     *book // nil where the request is not about a book
	user  *user
	agent string
	now   time.Time
	seq   uint64

	puts         []record
	drops        []record
	contents     map[string][]byte // of files, by id; nil deletes
	accounts     map[int64]*account
	groups       map[int64]*group
	files        map[string]*file
	transactions map[string]*transaction
	remote       map[string]string // remote ids taken by this change
}

func (s *Server) begin(b *book, u *user, agent string) *change {
	return &change{s: s, b: b, user: u, agent: agent, now: s.opts.Now(), seq: s.lastSeq}
}

func (c *change) bookOf() *book { return c.b }

func (c *change) nextSeq() uint64 {
	c.seq++
	return c.seq
}

func (c *change) millis() int64 { return c.now.UnixMilli() }

// today is the day it is where the book is.
func (c *change) today() bank.Date { return c.b.today(c.now) }

func (b *book) today(now time.Time) bank.Date {
	zone, err := time.LoadLocation(b.info.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return bank.DateOf(now.In(zone))
}

func (c *change) account(id int64) *account {
	if a, changed := c.accounts[id]; changed {
		return a
	}
	return c.b.accounts[id]
}

func (c *change) group(id int64) *group {
	if g, changed := c.groups[id]; changed {
		return g
	}
	return c.b.groups[id]
}

func (c *change) file(id string) *file {
	if f, changed := c.files[id]; changed {
		return f
	}
	return c.b.files[id]
}

func (c *change) transaction(id string) *transaction {
	if t, changed := c.transactions[id]; changed {
		return t
	}
	return c.b.transactions[id]
}

// remoteOwner returns a live transaction that has the remote id, or nil.
func (c *change) remoteOwner(remoteID string) *transaction {
	if id, taken := c.remote[remoteID]; taken {
		return c.transaction(id)
	}
	for _, id := range c.b.byRemote[remoteID] {
		if t := c.transaction(id); !t.Trashed {
			return t
		}
	}
	return nil
}

// put stores r when the change is committed.
func (c *change) put(r record) {
	c.puts = append(c.puts, r)
	switch r := r.(type) {
	case *account:
		set(&c.accounts, r.ID, r)
	case *group:
		set(&c.groups, r.ID, r)
	case *file:
		set(&c.files, r.ID, r)
	case *transaction:
		set(&c.transactions, r.ID, r)
		if !r.Trashed {
			for _, id := range r.RemoteIDs {
				set(&c.remote, id, r.ID)
			}
		}
	}
}

func set[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = value
}

// drop deletes r when the change is committed.
func (c *change) drop(r record) {
	c.drops = append(c.drops, r)
	switch r := r.(type) {
	case *account:
		set(&c.accounts, r.ID, nil)
	case *group:
		set(&c.groups, r.ID, nil)
	case *file:
		set(&c.files, r.ID, nil)
	}
}

// commit makes the change durable, then visible.
func (c *change) commit() error {
	if len(c.puts)+len(c.drops) == 0 {
		return nil
	}
	if err := c.s.db.Update(c.write); err != nil {
		return fmt.Errorf("store a change of the sandbox book: %w", err)
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.lastSeq = c.seq
	for _, r := range c.puts {
		c.s.store(r)
	}
	for _, r := range c.drops {
		c.s.forget(r)
	}
	if len(c.s.queue) > 0 || len(c.s.merges) > 0 {
		c.s.wakeUp()
	}
	return nil
}

func (c *change) write(tx *bbolt.Tx) error {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	for _, r := range c.puts {
		start := buffer.Len()
		if err := encoder.Encode(r); err != nil {
			return err
		}
		// bbolt needs the value until the transaction ends: later records
		// may move the buffer, but never change these bytes.
		if err := tx.Bucket(r.bucket()).Put(r.key(), buffer.Bytes()[start:]); err != nil {
			return err
		}
	}
	for _, r := range c.drops {
		if err := tx.Bucket(r.bucket()).Delete(r.key()); err != nil {
			return err
		}
	}
	for id, content := range c.contents {
		var err error
		if bucket := tx.Bucket(bucketContents); content == nil {
			err = bucket.Delete([]byte(id))
		} else {
			err = bucket.Put([]byte(id), content)
		}
		if err != nil {
			return err
		}
	}
	return tx.Bucket(bucketMeta).Put(keyLastSeq, number(c.seq))
}

var (
	bucketMeta = []byte("meta")
	keyLastSeq = []byte("seq")
)

// load reads the database file into memory.
func (s *Server) load() error {
	buckets := [][]byte{
		bucketMeta, bucketBooks, bucketAccounts, bucketGroups, bucketTransactions, bucketIntegrations,
		bucketConnections, bucketFiles, bucketContents, bucketEvents, bucketMerges,
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("prepare the database: %w", err)
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		if last := tx.Bucket(bucketMeta).Get(keyLastSeq); len(last) == 8 {
			s.lastSeq = seqOf(last)
		}
		return errors.Join(
			loadBucket[bookInfo](s, tx), loadBucket[account](s, tx), loadBucket[group](s, tx),
			loadBucket[transaction](s, tx), loadBucket[integration](s, tx), loadBucket[connection](s, tx),
			loadBucket[file](s, tx), loadBucket[event](s, tx), loadBucket[merge](s, tx),
		)
	})
}

func loadBucket[T any, P interface {
	*T
	record
}](s *Server, tx *bbolt.Tx) error {
	return tx.Bucket(P(new(T)).bucket()).ForEach(func(_, value []byte) error {
		r := P(new(T))
		if err := json.Unmarshal(value, r); err != nil {
			return fmt.Errorf("read a record of %s: %w", r.bucket(), err)
		}
		s.store(r)
		return nil
	})
}

// properties returns old with what is given normalised: keys in Bkper's form,
// empty values left out. It refuses keys that are too long.
func cleanProperties(given map[string]string) (map[string]string, error) {
	clean := make(map[string]string, len(given))
	for key, value := range given {
		normal := propertyKey(key)
		switch {
		case len(normal) > maxPropertyKey:
			return nil, badRequest("Property key too long: %.60s", key)
		case normal != "" && value != "":
			clean[normal] = value
		}
	}
	if len(clean) == 0 {
		return nil, nil
	}
	return clean, nil
}

const maxPropertyKey = 30

// propertyKey returns key as Bkper keeps it: lower case, spaces as
// underscores, other punctuation removed.
func propertyKey(key string) string {
	normal := make([]byte, 0, len(key))
	for i := range len(key) {
		switch b := key[i]; {
		case b >= 'A' && b <= 'Z':
			normal = append(normal, b+'a'-'A')
		case b >= 'a' && b <= 'z', b >= '0' && b <= '9', b == '_':
			normal = append(normal, b)
		case b == ' ', b == '-':
			normal = append(normal, '_')
		}
	}
	return string(normal)
}

// differences returns the old values of properties that changed.
func differences(before, after map[string]string, into map[string]string) {
	for key, old := range before {
		if after[key] != old {
			into[key] = old
		}
	}
	for key := range maps.Keys(after) {
		if _, had := before[key]; !had {
			into[key] = ""
		}
	}
}
