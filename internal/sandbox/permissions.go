package sandbox

import "slices"

// ability is one thing that a permission may allow.
type ability int

const (
	seeBook         ability = iota // the book, its accounts, groups, integrations and people
	seeTransactions                // transactions, files and events
	recordDrafts                   // create and trash drafts, upload files
	editDrafts                     // change drafts
	postDrafts                     // post complete drafts
	manage                         // edit, trash and check posted ones; accounts, settings, sharing, integrations
	own                            // unlock, delete the book
)

var abilityNames = map[ability]string{
	seeBook: "see the book", seeTransactions: "view transactions", recordDrafts: "record drafts",
	editDrafts: "edit drafts", postDrafts: "post transactions", manage: "edit the book", own: "act as its owner",
}

var allowed = map[permission][]ability{
	permissionOwner:    {seeBook, seeTransactions, recordDrafts, editDrafts, postDrafts, manage, own},
	permissionEditor:   {seeBook, seeTransactions, recordDrafts, editDrafts, postDrafts, manage},
	permissionPoster:   {seeBook, seeTransactions, recordDrafts, editDrafts, postDrafts},
	permissionRecorder: {seeBook, recordDrafts},
	permissionViewer:   {seeBook, seeTransactions},
}

func (p permission) can(a ability) bool { return slices.Contains(allowed[p], a) }

func (b *book) permissionOf(u *user) permission {
	if p, collaborates := b.info.Collaborators[u.Name]; collaborates {
		return p
	}
	return permissionNone
}

// require refuses u who may not do a in b.
func (b *book) require(u *user, a ability) error {
	p := b.permissionOf(u)
	switch {
	case p == permissionNone:
		return notCollaborator(u, b)
	case !p.can(a):
		return forbidden("The user [%s] with permission %s may not %s on the book [%s - %s]",
			u.email(), p, abilityNames[a], b.info.Name, b.info.ID)
	default:
		return nil
	}
}

// require refuses the change to a user who may not do a.
func (c *change) require(a ability) error { return c.b.require(c.user, a) }
