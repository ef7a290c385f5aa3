// What keeps a book right: runs undone, transfers between own accounts, what may
// be recorded twice, and how banks and book agree.

import { by, confirmed, h, keyed, pressed } from './dom.js';
import { day, money, problem, when } from './format.js';

const patience = 20000; // milliseconds to wait for an undo before leaving it to itself

const drafts = (n) => (n === 1 ? 'One draft' : `${n} drafts`);
const are = (n) => (n === 1 ? 'is' : 'are');

/** A sentence with its dates as people here write them. */
function readable(sentence) {
  return sentence.replace(/\b\d{4}-\d{2}-\d{2}\b/g, (date) => (Number.isNaN(Date.parse(date)) ? date : day(date)));
}

/** The buttons that undo a run and bring it back, if there is anything to. */
export function undoing(r, { book, act, trouble }) {
  const button = (name, label, work) => h('button', {
    type: 'button', class: 'small', data: { act: name }, 'aria-label': `${label}: ${r.title}`,
    on: { click: (event) => pressed(event.currentTarget, trouble, work) },
  }, label);
  const undo = r.done && r.counts.recorded > r.undone && button('undo', 'Undo', async () => {
    const { undoable } = await book.run(r.id);
    if (undoable === 0) throw new Error('Every draft of this run has been touched in the book, so none can be taken out here.');
    const sure = await confirmed('Undo this run?', `Take ${undoable === 1 ? 'one draft' : `${undoable} drafts`} that nobody has touched out of the book? `
      + 'What was changed or recorded there stays. What is taken out lies in the trash of the book, and is not recorded again unless you bring it back.', 'Undo');
    if (!sure) return;
    await book.undo(r.id);
    const n = await undone((now) => now > r.undone) - r.undone;
    await act.changed(n > 0 ? `${drafts(n)} ${are(n)} taken out of the book.` : 'The drafts are being taken out of the book. This can take a while.');
  });
  const redo = r.undone > 0 && button('redo', 'Bring back', async () => {
    await book.redo(r.id);
    const n = r.undone - await undone((now) => now < r.undone);
    await act.changed(n > 0 ? `${drafts(n)} ${are(n)} in the book again.` : 'The drafts are being brought back. This can take a while.');
  });

  /** Waits until the number of what is undone is as wanted, and returns it. */
  async function undone(wanted) {
    for (let waited = 0, wait = 200; ; waited += wait, wait = Math.min(wait * 2, 2000)) {
      const now = (await book.run(r.id)).run.undone;
      if (wanted(now) || waited > patience) return now;
      await new Promise((resolve) => { setTimeout(resolve, wait); });
    }
  }

  return (undo || redo) && h('div', { class: r.undone > 0 ? 'buttons undone' : 'buttons' },
    r.undone > 0 && h('span', { class: 'quiet grow' }, `${drafts(r.undone)} ${are(r.undone)} taken out of the book.`), undo, redo);
}

/** How the balance of an integration agrees with the bank, in a line. */
export function balance(check) {
  if (!check) return null;
  return check.state === 'differs'
    ? problem({ sentence: readable(check.sentence) }, 'warn')
    : h('p', { class: 'quiet' }, readable(check.sentence));
}

/** The part of the panel with transfers, doubles and reconciliation. */
export function review({ book, state, act }) {
  const trouble = by('trouble');
  const button = (name, label, about, kind, work) => h('button', {
    type: 'button', class: kind, data: { act: name }, 'aria-label': `${label}: ${about}`,
    on: { click: (event) => pressed(event.currentTarget, trouble, work) },
  }, label);

  /** Leads to a transaction of the book. */
  function inBook(id) {
    if (!id) return null;
    const href = document.body.dataset.bookUrl
      || `https://bkper.app/books/${encodeURIComponent(book.id)}/transactions/${encodeURIComponent(id)}`;
    return h('a', { class: 'into', href, target: '_blank', rel: 'noopener noreferrer' }, 'Open in the book');
  }

  const way = (t) => `${t.out.accountName || 'an account'} → ${t.in.accountName || 'an account'}`;
  const sum = (t) => money(t.in.amount, t.in.currency);

  function end(e, where) {
    return h('li', { class: 'line' },
      h('span', { class: 'date' }, day(e.date)),
      h('span', { class: 'text' }, e.text || 'No text', h('span', { class: 'why' }, `${where} ${e.accountName || 'an account'}`)),
      h('span', { class: 'amount' }, money(e.amount, e.currency)), inBook(e.transactionId));
  }

  function proposal(t) {
    return h('article', { class: 'card' },
      h('div', { class: 'row' }, h('h3', { class: 'grow' }, way(t)), h('b', { class: 'sum' }, sum(t))),
      h('ul', { class: 'rows' }, end(t.out, 'left'), end(t.in, 'arrived at')),
      h('p', { class: 'quiet' }, readable(t.reason)),
      h('div', { class: 'buttons' },
        button('join', 'Join', way(t), 'good', async () => {
          await book.joinTransfer(t.id);
          await act.changed('They are one transaction now.');
        }),
        button('apart', 'Not a transfer', way(t), 'quietly', async () => {
          await book.keepApart(t.id);
          await act.changed('They stay two, and are not proposed again.');
        })));
  }

  function joined(t) {
    const texts = [...new Set([t.out.text, t.in.text])].filter(Boolean).join(' / ');
    return h('li', { class: 'line' },
      h('span', { class: 'date' }, day(t.out.date)),
      h('span', { class: 'text' }, h('b', {}, way(t)), h('span', { class: 'why' }, texts), h('span', { class: 'why' }, readable(t.reason))),
      h('span', { class: 'amount' }, sum(t)), inBook(t.out.transactionId),
      button('part', 'Undo', way(t), 'small', async () => {
        if (!await confirmed('Undo this transfer?', `${way(t)}, ${sum(t)}: it becomes two transactions again, one in each account, and the two are not joined again.`, 'Undo')) return;
        await book.partTransfer(t.id);
        await act.changed('They are two transactions again.');
      }));
  }

  /** Waits until a decision is carried out, and returns what became of it: its double, if there is one, and whether it is one movement. */
  async function carriedOut(id) {
    for (let waited = 0, wait = 200; ; waited += wait, wait = Math.min(wait * 2, 2000)) {
      const now = await book.doubles();
      const isIt = (d) => d.id === id;
      const one = now.one.find(isIt);
      const found = one ?? now.proposals.find(isIt);
      if (!found?.deciding || waited > patience) return { found, isOne: Boolean(one) };
      await new Promise((resolve) => { setTimeout(resolve, wait); });
    }
  }

  function side(e, where) {
    return h('li', { class: 'line' },
      h('span', { class: 'date' }, day(e.date)),
      h('span', { class: 'text' }, e.text || 'No text', h('span', { class: 'why' }, where)),
      h('span', { class: 'amount' }, money(e.amount, e.currency)), inBook(e.transactionId));
  }

  function double(d) {
    const about = d.later.text || 'no text';
    return h('article', { class: 'card' },
      h('div', { class: 'row' }, h('h3', { class: 'grow' }, about), h('b', { class: 'sum' }, money(d.later.amount, d.later.currency))),
      h('ul', { class: 'rows' }, side(d.earlier, d.earlier.remoteId ? 'recorded before' : 'recorded by hand'), side(d.later, 'recorded later')),
      h('p', { class: 'quiet' }, readable(d.reason)),
      d.hurdle && problem({ sentence: d.hurdle }, 'warn'),
      h('div', { class: 'buttons' },
        button('one', 'The same', about, 'good', async () => {
          await book.sayOne(d.id);
          const { found, isOne } = await carriedOut(d.id);
          await act.changed(found?.deciding ? 'The draft is being taken out of the book. This can take a while.'
            : isOne ? 'It stands in the book once now.' : 'Nothing was taken out of the book.');
        }),
        button('two', 'Different', about, 'quietly', async () => {
          await book.sayTwo(d.id);
          const { found } = await carriedOut(d.id);
          await act.changed(found ? 'That is being noted. This can take a while.' : 'They stay two, and are not proposed again.');
        })));
  }

  function once(d) {
    const about = d.later.text || 'no text';
    return h('li', { class: 'line' },
      h('span', { class: 'date' }, day(d.later.date)),
      h('span', { class: 'text' }, about, h('span', { class: 'why' }, readable(d.hurdle ?? d.reason))),
      h('span', { class: 'amount' }, money(d.later.amount, d.later.currency)),
      button('two', 'Undo', about, 'small', async () => {
        await book.sayTwo(d.id);
        const { found } = await carriedOut(d.id);
        await act.changed(found?.deciding ? 'The draft is being brought back. This can take a while.'
          : found ? 'Nothing was brought back.' : 'Both are in the book again.');
      }));
  }

  const chips = { agrees: ['on', 'Agrees'], differs: ['warn', 'Differs'], unknown: ['off', 'Not known'] };

  function check(b) {
    const [kind, label] = chips[b.state];
    return h('li', { class: 'line check' },
      h('span', { class: 'text' }, h('b', {}, b.accountName), ' ', h('span', { class: 'quiet' }, `${b.institution} – ${b.bankName}`)),
      b.difference && b.state === 'differs' && h('b', { class: 'amount' }, money(b.difference, b.currency)),
      h('span', { class: 'chip ' + kind }, label),
      h('span', { class: b.state === 'differs' ? 'why differs' : 'why' }, readable(b.sentence)));
  }

  function finding(f) {
    return h('li', { class: 'line' },
      h('span', { class: 'date' }, day(f.date)),
      h('span', { class: 'text' }, f.text || 'No text', h('span', { class: 'why' }, readable(f.sentence))),
      f.amount && h('span', { class: 'amount' }, money(f.amount, f.currency)), inBook(f.transactionId));
  }

  function compared(r) {
    if (!r.at) return ['The book was not compared with it yet. That is done once a day, the first time when the first transactions have settled.'];
    if (r.problem) return ['The book could not be compared ', when(r.at), '.'];
    return ['Compared ', when(r.at), `: ${r.entries} transactions of the bank since ${day(r.from)}, with ${r.transactions} of the book.`];
  }

  let shown = '';
  function showReconciliation(r) {
    keyed(by('balances'), r.balances, (b) => b.integrationId, check);
    const open = r.findings.filter((f) => !f.healed);
    const healed = r.findings.filter((f) => f.healed);
    const keyOf = (f) => `${f.kind} ${f.remoteId} ${f.transactionId ?? ''}`;
    keyed(by('findings'), open, keyOf, finding);
    keyed(by('healed'), healed, keyOf, finding);
    by('healed-part').hidden = healed.length === 0;
    by('healed-title').textContent = r.healed === 1 ? 'One change of the book that the app has taken over' : `${r.healed} changes of the book that the app has taken over`;
    by('findings-title').hidden = open.length === 0;
    const now = JSON.stringify([r.at, r.entries, r.transactions, r.problem]);
    if (now === shown) return;
    shown = now;
    by('compared').replaceChildren(...compared(r));
    by('compare-trouble').replaceChildren(...[problem(r.problem, 'warn')].filter(Boolean));
    const all = r.counts.reduce((n, c) => n + c.count, 0);
    by('findings-note').textContent = !r.at || r.problem ? ''
      : all === 0 ? 'Nothing differs between what the bank has told and the book.'
        : all > r.findings.length ? `These are the first ${r.findings.length} of ${all} differences.` : '';
  }

  return function show() {
    const { proposals, joined: done } = state.transfers;
    const { proposals: perhaps, one } = state.doubles;
    const todo = proposals.length + perhaps.length + state.reconciliation.balances.filter((b) => b.state === 'differs').length;
    by('to-review').hidden = todo === 0;
    by('to-review').textContent = todo;
    keyed(by('proposals'), proposals, (t) => t.id, proposal);
    keyed(by('joined'), done, (t) => t.id, joined);
    by('joined-part').hidden = done.length === 0;
    by('joined-title').textContent = done.length === 1 ? 'One transfer was joined' : `${done.length} transfers were joined`;
    by('no-transfers').hidden = proposals.length > 0;
    by('no-transfers').textContent = done.length > 0 ? 'Nothing waits for you.' : 'None was found yet.';
    keyed(by('doubles'), perhaps, (d) => d.id, double);
    keyed(by('one'), one, (d) => d.id, once);
    by('doubles-part').hidden = perhaps.length + one.length === 0;
    by('one-part').hidden = one.length === 0;
    by('one-title').textContent = one.length === 1 ? 'One that you said is the same' : `${one.length} that you said are the same`;
    showReconciliation(state.reconciliation);
  };
}
