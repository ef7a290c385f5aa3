// Drives Bkper's own JavaScript client against the server whose base URL is the
// first argument. The second is the entry file of the client.
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

const [apiBaseUrl, client] = process.argv.slice(2);
const { Bkper, BkperError, Account, Transaction, File } = await import(pathToFileURL(client).href);

const as = (token) => new Bkper({
  apiBaseUrl,
  oauthTokenProvider: async () => token,
  agentIdProvider: async () => 'bank-connections',
  requestRetryHandler: async () => {},
});
const bkper = as('owner');

assert.equal((await bkper.getBooks())[0].getName(), 'Demo Book');
const book = await bkper.getBook('demo');
assert.equal(book.getPermission(), 'OWNER');

const accounts = await book.getAccounts();
assert.ok(accounts.length >= 40, 'accounts');
const checking = await book.getAccount('Checking');
const groceries = await book.getAccount('Groceries');
const added = await new Account(book).setName('From The Client').setType('OUTGOING').create();
assert.ok(added.getId());

// The list, page by page.
const seen = new Set();
let cursor;
do {
  const list = await book.listTransactions('', 50, cursor);
  for (const t of list.getItems()) seen.add(t.getId());
  cursor = list.getCursor();
} while (cursor);
assert.ok(seen.size > 200, 'history');

const draft = (remoteId) => new Transaction(book).setDate('2026-03-17').setAmount('12.34').from(checking)
  .setDescription('WHOLESALE 1').addRemoteId(remoteId);

// One transaction through its life.
const one = await draft('js_1').create();
assert.equal(one.isPosted(), false);
one.to(groceries);
await one.update();
await one.post();
assert.equal(one.isPosted(), true);
await one.check();
assert.equal(one.isChecked(), true);
await one.uncheck();
await one.trash();
assert.equal(one.isTrashed(), true);
assert.equal((await book.listTransactions('remoteId:js_1')).getItems().length, 0);
await one.untrash();
assert.equal((await book.getTransaction(one.getId())).isTrashed(), false);
assert.equal((await one.getDebitAccount()).getName(), 'Groceries');

// Created and posted at once.
const two = await draft('js_2').to(groceries).post();
assert.equal(two.isPosted(), true);

// Batches: a known remote id is left out of the answer.
const batch = await book.batchCreateTransactions([draft('js_1'), draft('js_3'), draft('js_4')]);
assert.deepEqual(batch.flatMap((t) => t.getRemoteIds()).sort(), ['js_3', 'js_4']);
await book.batchTrashTransactions(batch);
await book.batchUntrashTransactions(batch);

const merged = await book.mergeTransactions(batch[0].getId(), batch[1].getId());
assert.ok(merged.getRemoteIds().includes('js_3') && merged.getRemoteIds().includes('js_4'));

const file = await new File(book).setName('a.txt').setContentType('text/plain').setContent('aGk=').create();
assert.equal(await (await book.getFile(file.getId())).getContent(), 'aGk=');

assert.ok((await book.getBacklog()).getCount() >= 0);
assert.equal((await book.getApps())[0].getId(), 'bank-connections');

// Errors come as the client knows them.
await assert.rejects(as('stranger').getBook('demo'), (e) =>
  e instanceof BkperError && e.code === 401 && e.reason === 'required');
await assert.rejects(bkper.getApp('invalid-id'), (e) =>
  e instanceof BkperError && e.code === 404 && e.message === 'App NOT found! ID: invalid-id');

console.log('done');
