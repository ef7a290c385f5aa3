// Package sandbox is a stand-in for Bkper: a server that answers its REST API
// v5 and sends its events, for a machine with nothing on it. It keeps one
// database file, and its book "demo" with accounts and some months of history.
//
// The bearer tokens owner, editor, recorder, viewer and stranger are five
// users with those permissions on the demo book; the stranger has none.
//
// It behaves as Bkper's public clients and documents say. Where they say
// nothing it does what is hardest for an app:
//
//   - A single create with a remote id that stands on a live transaction
//     answers with that transaction, as if it had been created. Any one of
//     several remote ids is enough. They compare exactly, with their case.
//   - A batch leaves such items out of its answer, is in no order, and is
//     refused as a whole, with nothing recorded, when one item is refused; the
//     answer does not say which.
//   - Trashed transactions do not block their remote ids. One that is restored
//     may stand beside another with the same remote id.
//   - Lock and closing date refuse drafts too, on creation, edit, check, trash,
//     restore and merge; a transaction cannot be moved out of the locked time.
//   - A description is parsed even when one side is given: the name of any
//     other live account in it fills the missing side and leaves the text.
//     Amount and date are looked for only where they are not given. Hashtags
//     always leave the text. An edit takes hashtags, and parses nothing else.
//   - draft:true is never auto-posted, and nobody completes drafts: there is
//     no Bkper Agent here.
//   - An unknown account is refused with 404; an archived one, the same account
//     on both sides, and more decimals than the book has with 400. The sign of
//     an amount is dropped.
//   - A user who lacks a permission gets 403 with the reason "forbidden", the
//     same as one whose token has expired; one who lacks access gets 401.
//   - An edit of a transaction writes the whole of it: amount, sides, text,
//     properties, remote ids, urls and files that are left out are cleared. An
//     edit that changes nothing still causes an event, without
//     previousAttributes. Of other things, what is left out stays, but for the
//     groups of an account and the parent of a group, which are cleared.
//   - Posting by id posts what stands in the book and ignores other fields.
//   - Amounts come back without trailing zeros, whatever was sent.
//   - Deleting an account takes it off drafts without any event about them.
//   - A merge makes a new transaction, of the first before the second, with the
//     remote ids of both and merged_ before their ids; the originals go to the
//     trash a moment later, until when a remote id finds two or three. When the
//     amounts differ a draft of the difference is recorded, without sides and
//     remote id.
//   - Every list holds trashed transactions, but for queries by state or by
//     remote id. The cursor counts in the header only.
//   - Events are sent two at a time, in no certain order, also those that the
//     app caused itself. Their accounts and book are as they are when sent.
//     Answers of 429 are tried again for ever with growing waits, all other
//     failures five times. Installing the app sends nothing of what was before.
//   - The limit of a batch is the size of the request, 10 MB.
package sandbox
