// The first part of the panel: integrations of the book, connections of the
// person.

import * as api from './api.js';
import { by, confirmed, h, keyed, pressed, showTrouble } from './dom.js';
import { bankAccount, country, counts, day, dot, logo, money, next, problem, when } from './format.js';
import { balance } from './upkeep.js';

const soon = 7 * 24 * 3600 * 1000; // before a consent ends

/** Shows both lists. do says what the buttons do. */
export function banks({ book, state, act }) {
  const trouble = by('trouble');
  const button = (name, label, work, kind = '') => h('button', {
    type: 'button', class: kind, data: { act: name }, on: { click: (event) => pressed(event.currentTarget, trouble, work) },
  }, label);

  function integration(i) {
    const mine = state.connections.find((c) => c.id === i.connectionId);
    const reconnect = () => mine && mine.status !== 'Connected' && button('reconnect', 'Reconnect', () => act.reconnect(mine), 'good');
    const type = state.accounts.find((a) => a.id === i.accountId)?.type;
    return h('article', { class: 'card' },
      h('div', { class: 'row' },
        logo(mine?.institution ?? { name: i.institution }),
        h('div', { class: 'grow' },
          h('h3', {}, `${i.institution} – ${i.bankName}`),
          h('p', { class: 'flow' }, '→ ', type && dot(type), ' ', h('b', {}, i.accountName))),
        i.stopped ? h('span', { class: 'chip off' }, 'Stopped') : i.connectionStatus === 'Connected' ? h('span', { class: 'chip on' }, 'Active') : h('span', { class: 'chip warn' }, i.connectionStatus || 'Stopped')),
      problem(i.stopped, 'bad', reconnect()),
      !i.stopped && problem(i.waiting, 'warn', nextTry(i), reconnect()),
      problem(i.notice, 'info', i.notice?.code === 'history_not_available'
        && button('import', 'Record a statement file', () => act.statement(i.accountId))),
      h('p', { class: 'facts' },
        h('span', {}, 'Since ', day(i.since)),
        // What is pending is skipped again at every sync: only runs count it.
        h('span', {}, counts({ ...i.totals, matched: 0, skipped: 0 })),
        i.lastRun && h('span', {}, 'last run ', when(i.lastRun)),
        !i.stopped && i.nextSync && h('span', {}, 'next ', next(i.nextSync)),
        i.addedBy && !mine && h('span', {}, 'by ', i.addedBy)),
      balance(i.check),
      sureness(i),
      i.pending > 0 && pending(i),
      h('div', { class: 'buttons' },
        mine && mine.status === 'Connected' && button('change', 'Change or fetch again', () => act.account(mine, i.bankKey)),
        button('remove', 'Remove', () => removeIntegration(i), 'quietly')));
  }

  /** How sure the learner has to be to complete what an integration brings. */
  function sureness(i) {
    const select = h('select', {
      'aria-label': `When to complete drafts of ${i.bankName}`, data: { act: 'sureness' },
      on: {
        change: () => pressed(select, trouble, async () => {
          try {
            await book.setSureness(i.id, select.value);
          } catch (error) {
            select.value = i.sureness; // it stays as it was
            throw error;
          }
          await act.changed(select.value === 'never' ? 'Its drafts are left to you.' : `It completes what is right ${select.value} times of 100.`);
        }),
      },
    }, [['95', 'when 95 % sure'], ['98', 'when 98 % sure'], ['99', 'when 99 % sure'], ['never', 'never']]
      .map(([value, label]) => h('option', { value, selected: value === i.sureness }, label)));
    return h('p', { class: 'setting quiet' }, h('label', {}, 'Completes drafts ', select));
  }

  /** When the bank is asked again, where it is the bank that does not answer. */
  function nextTry(of) {
    const code = (of.waiting ?? of.problem)?.code;
    return of.nextSync && (code === 'institution_down' || code === 'rate_limited') && h('span', {}, 'Next try ', next(of.nextSync), '.');
  }

  function pending(i) {
    const list = h('ul', { class: 'rows' });
    const details = h('details', { data: { part: 'pending' } },
      h('summary', { data: { act: 'pending' } }, `${i.pending} pending at the bank, not in the book yet`), list);
    details.addEventListener('toggle', async () => {
      if (!details.open) return;
      try {
        const { rows } = await book.pending(i.id);
        list.replaceChildren(...rows.map((r) => h('li', { class: 'line' },
          h('span', { class: 'date' }, day(r.date)), h('span', { class: 'text' }, r.text), h('span', { class: 'amount' }, money(r.amount, r.currency)))));
      } catch (error) {
        showTrouble(trouble, error);
      }
    });
    return details;
  }

  async function removeIntegration(i) {
    if (!await confirmed('Remove this integration?', `${i.institution} – ${i.bankName} will not record into ${i.accountName} any more. What is recorded stays in the book, and nothing comes twice if you link it again.`, 'Remove')) return;
    await book.remove(i.id);
    await act.changed('The integration is removed.');
  }

  function connection(c) {
    const chip = { Connected: 'on', Disconnected: 'off', Reconnect: 'warn' }[c.status];
    const name = c.institution.name;
    const ending = c.expires && c.status === 'Connected' ? new Date(c.expires).getTime() - Date.now() : Infinity;
    return h('article', { class: 'card' },
      h('div', { class: 'row' },
        logo(c.institution),
        h('div', { class: 'grow' }, h('h3', {}, name), h('p', { class: 'quiet' }, country(c.country))),
        h('span', { class: 'chip ' + chip }, c.status)),
      c.status === 'Disconnected'
        ? problem({ sentence: 'This bank is disconnected. Press Reconnect here, rather than connecting it anew, to go on.' }, 'info')
        : problem(c.problem, c.status === 'Reconnect' ? 'bad' : 'warn', c.status === 'Connected' && nextTry(c)),
      c.expires && c.status === 'Connected' && (ending < soon
        ? h('div', { class: 'note warn' }, h('span', { class: 'grow' }, 'The consent at the bank ends ', when(c.expires), '. Reconnect before that, so that nothing is missed.'))
        : h('p', { class: 'facts' }, h('span', {}, 'Consent until ', day(c.expires.slice(0, 10))))),
      h('ul', { class: 'rows' }, c.accounts.map((a) => account(c, a))),
      h('p', { class: 'facts' },
        c.lastSync && h('span', {}, 'Last sync ', when(c.lastSync)),
        c.status === 'Connected' && c.nextSync && h('span', {}, c.lastSync ? 'next ' : 'Next sync ', next(c.nextSync))),
      h('div', { class: 'buttons' },
        c.status === 'Connected'
          ? button('sync', 'Sync now', async () => { await api.syncNow(c.id); await act.changed(`${name} is being asked for news.`); })
          : button('reconnect', 'Reconnect', () => act.reconnect(c), 'good'),
        c.status === 'Connected' && ending < soon && button('renew', 'Reconnect', () => act.reconnect(c), 'good'),
        c.status !== 'Disconnected' && button('disconnect', 'Disconnect', () => end(c, false), 'quietly'),
        button('remove', 'Remove', () => end(c, true), 'quietly')));
  }

  function account(c, a) {
    const linked = state.integrations.find((i) => i.connectionId === c.id && i.bankKey === a.key);
    return h('li', { class: 'line' },
      h('span', { class: 'text' }, h('b', {}, a.name), ' ', h('span', { class: 'quiet' }, bankAccount(a)),
        a.gone && h('span', { class: 'quiet' }, ' – no longer listed by the bank')),
      a.balance && h('span', { class: 'amount', title: `Balance on ${day(a.balance.date)}` }, money(a.balance.amount, a.currency)),
      linked ? h('span', { class: 'quiet into' }, `→ ${linked.accountName}`)
        : c.status === 'Connected' && !a.gone && h('button', {
          type: 'button', class: 'small', data: { act: `link-${a.key}` }, 'aria-label': `Link Account ${a.name}`,
          on: { click: (event) => pressed(event.currentTarget, trouble, () => act.account(c, a.key)) },
        }, 'Link Account'));
  }

  async function end(c, forget) {
    const name = c.institution.name;
    const asked = forget
      ? await confirmed(`Remove ${name}?`, 'The access to the bank is destroyed, and its integrations are removed from all books. What is recorded stays, and nothing comes twice if you link it again.', 'Remove')
      : await confirmed(`Disconnect ${name}?`, 'The access to the bank is destroyed, and its integrations stop in all books. Reconnect sets them going again.', 'Disconnect');
    if (!asked) return;
    const ending = await (forget ? api.removeConnection(c.id) : api.disconnect(c.id));
    await act.changed([`${name} is ${forget ? 'removed' : 'disconnected'}.`, ending.notRevoked].filter(Boolean).join(' '));
  }

  return function show() {
    const none = state.connections.length === 0 && state.integrations.length === 0;
    by('welcome').hidden = !none;
    by('integrations-part').hidden = state.integrations.length === 0;
    by('connections-part').hidden = none;
    // What a card shows of others is part of what it is made of.
    keyed(by('integrations'), state.integrations.map((i) => ({
      ...i, connection: state.connections.find((c) => c.id === i.connectionId)?.status, type: state.accounts.find((a) => a.id === i.accountId)?.type,
      check: state.reconciliation.balances.find((b) => b.integrationId === i.id),
    })), (i) => i.id, integration);
    keyed(by('connections'), state.connections.map((c) => ({
      ...c, into: state.integrations.filter((i) => i.connectionId === c.id).map((i) => [i.bankKey, i.accountName]),
    })), (c) => c.id, connection);
  };
}
