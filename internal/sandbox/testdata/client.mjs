// Drives Bkper's own JavaScript client against the server whose base URL is the
// first argument. The second is the entry file of the client. The server sends
// TRANSACTION_CHECKED to an app whose first answer is the error "broken" and
// whose later ones have the result "well".
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

const [apiBaseUrl, client] = process.argv.slice(2);
const { Bkper, BkperError, Account, Book, Collaborator, Connection, File, Group, Integration, Transaction } =
  await import(pathToFileURL(client).href);

let retries = 0;
const config = (token) => ({
  apiBaseUrl,
  oauthTokenProvider: async () => token,
  agentIdProvider: async () => 'bank-connections',
  requestRetryHandler: async () => { retries++; },
});
const as = (token) => new Bkper(config(token));
const bkper = as('owner');

// refused expects an error of the client's own kind, without any retry.
const refused = async (code, message, call) => {
  const before = retries;
  await assert.rejects(call, (e) => e instanceof BkperError && e.code === code && e.message.includes(message));
  assert.equal(retries, before, 'retried');
};

// Methods that came with later versions of the client are left out where they
// are not there, and named at the end.
const without = [];
const since = async (object, method, use) => {
  if (typeof object[method] === 'function') await use();
  else without.push(`${object.constructor.name}.${method}`);
};

// The user, the book, its people and its apps.
const user = await bkper.getUser();
assert.equal(user.getEmail(), (await (await bkper.getBook('demo')).getCollaborators())
  .find((c) => c.getPermission() === 'OWNER').getEmail());
assert.equal((await bkper.getBooks())[0].getName(), 'Demo Book');
assert.equal((await bkper.getBooks('no such book')).length, 0);
const book = await bkper.getBook('demo');
assert.equal(book.getPermission(), 'OWNER');
assert.equal((await (await as('viewer').getBook('demo'))).getPermission(), 'VIEWER');
assert.equal(book.getFractionDigits(), 2);
assert.ok(book.getTotalTransactions() > 200);
assert.equal(book.getLockDate(), undefined);
assert.equal((await book.getApps())[0].getId(), 'bank-connections');
assert.ok((await bkper.getApps()).some((app) => app.hasEvents() && app.isInstallable()));

// A book with accounts is one with groups, too: no account is loaded again.
const whole = await bkper.getBook('demo', true);
const accounts = await whole.getAccounts();
assert.ok(accounts.length >= 40, 'accounts');
const types = new Set(accounts.map((a) => a.getType()));
assert.deepEqual([...types].sort(), ['ASSET', 'INCOMING', 'LIABILITY', 'OUTGOING']);
assert.ok((await whole.getGroups()).some((g) => g.getDepth() > 0), 'a tree of groups');
const living = await whole.getGroup('living');
assert.equal(living.getName(), 'Living');
const ofChecking = (await whole.getAccount('Checking')).json().groups[0].id;
assert.ok((await (await whole.getGroup(ofChecking)).getAccounts()).some((a) => a.getName() === 'Checking'));
assert.deepEqual((await (await bkper.getBook('demo')).getAccounts()).map((a) => a.getId()), accounts.map((a) => a.getId()));

// Accounts and groups.
const checking = await book.getAccount('Checking');
const groceries = await book.getAccount('groceries');
assert.equal(checking.isPermanent(), true);
assert.equal(checking.isCredit(), false);
assert.equal(checking.hasTransactionPosted(), true);
assert.deepEqual((await checking.getGroups()).map((g) => g.getId()), [ofChecking]);

const pets = await new Group(book).setName('Pets').setParent(living).setProperty('Kind Of', 'x').create();
assert.equal(pets.getProperty('kind_of'), 'x');
const [food] = await book.batchCreateGroups([new Group(book).setName('Pet Food').setParent(pets)]);
assert.equal((await book.getGroup('Pet Food')).json().parent.name, 'Pets');
await food.setParent(null).update();
assert.equal(food.hasParent(), false, 'a group leaves its parent');
await refused(400, 'already exists', () => new Group(book).setName('pets').create());

const added = await new Account(book).setName('From The Client').setType('OUTGOING').addGroup(pets).setProperty('code', '7').create();
assert.ok(added.getId());
assert.deepEqual((await pets.getAccounts()).map((a) => a.getId()), [added.getId()]);
const both = await book.batchCreateAccounts(
  ['Vet', 'Toys'].map((name) => new Account(book).setName(name).setType('OUTGOING').addGroup({ name: 'Pets' })));
assert.deepEqual(both.map((a) => a.json().groups[0].name), ['Pets', 'Pets']);
await added.setName('Renamed').setGroups([]).setProperty('code', null).update();
assert.deepEqual([added.getName(), added.json().groups, added.getProperty('code')], ['Renamed', undefined, undefined]);
await added.setArchived(true).update();
assert.equal((await book.getAccount('Renamed')).isArchived(), true);
await since(book, 'batchUpdateAccounts', async () => {
  const [vet] = await book.batchUpdateAccounts([both[0].setName('Animal Doctor')]);
  assert.equal(vet.getName(), 'Animal Doctor');
});
await both[1].remove();
await refused(404, 'Toys', () => book.getAccount('Toys'));
await since(book, 'batchDeleteAccounts', async () => {
  assert.equal((await book.batchDeleteAccounts([both[0]])).length, 1);
});
await refused(400, 'archived', () => checking.remove());
await food.remove();
await pets.remove();

// The list, page by page, the count, and the balance of the day.
const list = async (query) => (await book.listTransactions(query)).getItems();
const seen = new Set();
let cursor;
do {
  const page = await book.listTransactions('', 50, cursor);
  for (const t of page.getItems()) seen.add(t.getId());
  cursor = page.getCursor();
} while (cursor);
assert.ok(seen.size > 200, 'history');
assert.equal(await book.countTransactions(), seen.size);
assert.equal(await book.countTransactions("account:'Groceries' is:draft"), 0);
const ofAccount = await book.listTransactions("account:'Checking'", 1);
assert.equal((await ofAccount.getAccount()).getName(), 'Checking');
assert.ok((await ofAccount.getFirst().getAccountBalance()).toNumber());
await refused(400, 'query', () => book.listTransactions("account:'"));

const draft = (remoteId) => new Transaction(book).setDate('2026-03-17').setAmount('12.34').from(checking)
  .setDescription('WHOLESALE 1').addRemoteId(remoteId);

// One transaction through its life.
const one = await draft('js_1').setProperty('Institution Name', 'Demo').create();
assert.equal(one.isPosted(), false);
assert.equal(one.getAgentId(), 'bank-connections');
assert.equal(one.getProperty('institution_name'), 'Demo');
assert.equal(one.getDateFormatted(), book.formatDate(book.parseDate('2026-03-17')));
assert.equal(one.getDateValue(), 20260317);
assert.ok(one.getAmount().eq('12.34'));
await refused(400, '', () => one.post());
one.to(groceries).setDescription('WHOLESALE 1 #food').addUrl('https://example.com/1');
await one.update();
assert.deepEqual(one.getTags(), ['food']);
assert.deepEqual(one.getUrls(), ['https://example.com/1']);
await one.from(null).update();
assert.equal(await one.getCreditAccount(), undefined, 'a side is cleared');
await one.from(checking).update();
await one.post();
assert.equal(one.isPosted(), true);
await one.check();
assert.equal(one.isChecked(), true);
await one.uncheck();
assert.equal(one.isChecked(), false);
await one.trash();
assert.equal(one.isTrashed(), true);
assert.equal((await list('remoteId:js_1')).length, 0);
assert.equal((await list('is:trashed')).length, 1);
await one.untrash();
assert.equal((await book.getTransaction(one.getId())).isTrashed(), false);
assert.equal((await one.getDebitAccount()).getName(), 'Groceries');
assert.equal((await one.getOtherAccount('Checking')).getName(), 'Groceries');

// Created and posted at once; a remote id that is known.
const two = await draft('js_2').to(groceries).post();
assert.equal(two.isPosted(), true);
assert.equal((await draft('js_2').create()).getId(), two.getId());

// Batches: a known remote id is left out of the answer.
const batch = await book.batchCreateTransactions([draft('js_1'), draft('js_3'), draft('js_4')]);
assert.deepEqual(batch.flatMap((t) => t.getRemoteIds()).sort(), ['js_3', 'js_4']);
await book.batchTrashTransactions(batch);
await book.batchUntrashTransactions(batch);
const updated = await book.batchUpdateTransactions(batch.map((t) => t.to(groceries)));
assert.deepEqual(updated.map((t) => t.getId()).sort(), batch.map((t) => t.getId()).sort());
await book.batchPostTransactions(updated);
await book.batchCheckTransactions(updated);
assert.equal((await list("is:checked remoteId:js_3")).length, 1);
await refused(400, 'checked', () => book.batchTrashTransactions(updated));
const renamed = updated.map((t) => t.setDescription('RENAMED'));
await refused(400, 'checked', () => book.batchUpdateTransactions(renamed));
await book.batchUpdateTransactions(renamed, true);
await book.batchUncheckTransactions(updated);
await since(book, 'getTransactionsByIds', async () => {
  const ids = updated.map((t) => t.getId());
  assert.deepEqual((await book.getTransactionsByIds(ids)).map((t) => t.getDescription()), ['RENAMED', 'RENAMED']);
});

await since(book, 'mergeTransactions', async () => {
  const merged = await book.mergeTransactions(batch[0].getId(), batch[1]);
  assert.ok(merged.getRemoteIds().includes('js_3') && merged.getRemoteIds().includes('js_4'));
  assert.ok(merged.getRemoteIds().includes(`merged_${batch[0].getId()}`));
  assert.deepEqual([merged.isPosted(), merged.isChecked()], [true, false]);
  await refused(400, 'distinct', () => book.mergeTransactions(one.getId(), one.getId()));
  await refused(400, 'not found', () => book.mergeTransactions(one.getId(), 'nonexistent'));
});

// Files, alone and on a transaction.
const file = await new File(book).setName('a.txt').setContentType('text/plain').setContent('aGk=').create();
assert.equal(file.getSize(), 2);
assert.equal(await (await book.getFile(file.getId())).getContent(), 'aGk=');
await file.setName('b.txt').setProperty('account_id', checking.getId()).update();
assert.equal(await (await book.getFile(file.getId())).getContent(), 'aGk=', 'the content stays');
const receipt = new File(book).setName('receipt.txt').setContentType('text/plain').setContent('aGk=');
const withFile = await draft('js_5').addFile(receipt).create();
assert.deepEqual(withFile.getFiles().map((f) => [f.getName(), f.getProperty('upload_method')]), [['receipt.txt', 'attachment']]);
assert.equal(await withFile.getFiles()[0].getContent(), 'aGk=');
await withFile.removeFile(withFile.getFiles()[0]).update();
assert.equal(withFile.getFiles().length, 0);
await since(book, 'listFiles', async () => {
  const first = await book.listFiles(1);
  assert.equal(first.size(), 1);
  assert.equal((await book.listFiles(1, first.getCursor())).getFirst().getName(), 'receipt.txt');
});
await since(file, 'remove', async () => {
  await file.remove();
  await refused(404, 'File', () => book.getFile(file.getId()));
});

// Connections and integrations.
const connection = await new Connection(undefined, config('owner')).setName('Demo Bank').setType('BANK').setUUID('u-1')
  .setAgentId('bank-connections').setProperty('access_token', 'secret').create();
assert.equal(connection.getEmail(), user.getEmail());
assert.equal((await user.getConnections()).length, 1);
assert.equal((await (await as('editor').getUser()).getConnections()).length, 0, 'those of others are not seen');
await since(connection, 'update', async () => {
  connection.clearTokenProperties();
  await connection.update();
});
const same = await user.getConnection(connection.getId());
assert.deepEqual([same.getName(), same.getType(), same.getUUID()], ['Demo Bank', 'BANK', 'u-1']);
assert.equal((await bkper.getUser()).hasUsedConnections(), true);

const integration = await book.createIntegration(new Integration({ connectionId: connection.getId() })
  .setProperty('account_id', checking.getId()));
assert.deepEqual([integration.getName(), integration.getBookId()], ['Demo Bank', 'demo']);
assert.deepEqual((await connection.getIntegrations()).map((i) => i.getId()), [integration.getId()]);
const changed = await book.updateIntegration(integration.setProperty('last_run_', '2026-03-17').json());
assert.equal(changed.getProperty('last_run_'), '2026-03-17');
await since(Integration.prototype, 'update', async () => {
  assert.equal((await changed.setName('Main').update()).getName(), 'Main');
});
const before = (await book.getIntegrations()).length;
await changed.remove();
assert.equal((await book.getIntegrations()).length, before - 1);
await book.createIntegration({ connectionId: connection.getId() });
await connection.remove();
assert.equal((await book.getIntegrations()).length, before - 1, 'a connection takes its integrations with it');
await refused(404, 'Connection', () => user.getConnection(connection.getId()));

// Collaborators.
await new Collaborator(book).setEmail('stranger@example.com').setPermission('POSTER').create('Welcome').then(
  async (stranger) => {
    assert.equal((await as('stranger').getBook('demo')).getPermission(), 'POSTER');
    await stranger.setPermission('VIEWER').update();
    await stranger.remove();
  });

// Events, what the app answered, replay and backlog.
const delivered = async () => {
  for (let i = 0; (await book.getBacklog()).getCount() > 0; i++) {
    assert.ok(i < 200, 'the backlog does not become empty');
    await new Promise((done) => setTimeout(done, 20));
  }
};
const events = async (...filter) => (await book.listEvents(...filter)).getItems();
await delivered();
const failed = await events(null, null, true, null, 10);
assert.equal(failed.length, 1, 'one event failed');
assert.equal(failed[0].hasErrorResponse(), true);
const [response] = failed[0].getBotResponses();
assert.deepEqual([response.getAgentId(), response.getType(), response.getMessage()], ['bank-connections', 'ERROR', 'broken']);
const all = await events(null, null, null, null, 200);
const fine = await events(null, null, false, null, 200);
assert.equal(fine.length, all.length - 1, 'all others did not');
assert.ok(fine.every((e) => !e.hasErrorResponse()));
assert.ok(all.some((e) => e.getType() === 'ACCOUNT_CREATED' && e.getAgent().getId() === 'bank-connections' && e.getUser().getName()));
const life = (await events(null, null, true, one.getId(), 50)).map((e) => e.getType().replace('TRANSACTION_', ''));
assert.deepEqual(life.reverse(), ['CREATED', 'UPDATED', 'UPDATED', 'UPDATED', 'POSTED', 'CHECKED', 'UNCHECKED', 'DELETED', 'RESTORED']);
assert.equal((await events({ type: 'GROUP_DELETED', limit: 10 })).length, 2);
assert.equal((await events({ afterDate: '2100-01-01T00:00:00Z', limit: 10 })).length, 0);
const page = await book.listEvents(null, null, null, null, 3);
const next = await book.listEvents(null, null, null, null, 3, page.getCursor());
assert.deepEqual([...page.getItems(), ...next.getItems()].map((e) => e.getId()), all.slice(0, 6).map((e) => e.getId()));

await response.replay();
await delivered();
assert.equal((await events(null, null, true, null, 10)).length, 0);
const answered = async () => (await events(null, null, null, failed[0].json().resource, 50))
  .find((e) => e.getId() === failed[0].getId()).getBotResponses();
const [well] = await answered();
assert.deepEqual([well.getType(), well.getMessage()], ['INFO', 'well']);
await well.remove();
assert.equal((await answered()).length, 0);
await book.batchReplayEvents(failed, true);
await delivered();
assert.equal((await answered()).length, 0, 'only errors are replayed');
await book.batchReplayEvents(failed);
await delivered();
assert.equal((await answered()).length, 1);

// A book of one's own, its settings, and its locks.
const mine = await new Book(undefined, config('editor')).setName('Mine').create();
assert.equal(mine.getPermission(), 'OWNER');
await mine.setAutoPost(false).setDecimalSeparator('COMMA').setLockDate('2026-01-31').setProperty('k', 'v').update();
assert.deepEqual([mine.getAutoPost(), mine.getLockDate(), mine.getProperty('k')], [false, '2026-01-31', 'v']);
const cash = await new Account(mine).setName('Cash').setType('ASSET').create();
const late = await new Transaction(mine).setDate('2026-02-01').setAmount('1,5').from(cash).setDescription('x').create();
assert.equal(late.getAmount().toString(), '1.5');
assert.equal(late.isLocked(), false);
await refused(400, '', () => new Transaction(mine).setDate('2026-01-31').setAmount('1').from(cash).setDescription('x').create());
await mine.setLockDate(null).update();
assert.equal(mine.getLockDate(), undefined);
await mine.remove();
await refused(404, 'Book', () => as('editor').getBook(mine.getId()));
const odd = new Book({ name: 'Odd', decimalSeparator: 'BAD' }, config('owner'));
await refused(400, 'InvalidFormatException', () => odd.create());

// Errors come as the client knows them.
await assert.rejects(as('stranger').getBook('demo'), (e) =>
  e instanceof BkperError && e.code === 401 && e.reason === 'required');
await assert.rejects(as('nobody').getBooks(), (e) =>
  e instanceof BkperError && e.code === 403 && e.reason === 'forbidden');
await since(bkper, 'getApp', () => refused(404, 'App NOT found! ID: invalid-id', () => bkper.getApp('invalid-id')));

if (without.length > 0) console.log('not in this client:', without.join(', '));
console.log('done');
