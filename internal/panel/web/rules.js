// The person's own rules: the list in its order, what each has matched, what
// earlier decisions propose, and the dialog in which a rule is made.

import { by, confirmed, h, keyed, openPart, pressed, showTrouble } from './dom.js';
import { day, dot, money, problem } from './format.js';

const thinking = 350; // milliseconds without a key, before a rule is tried
const shown = 5; // drafts of a trial

const own = ['ASSET', 'LIABILITY'];
const types = [['OUTGOING', 'Outgoing'], ['INCOMING', 'Incoming'], ['LIABILITY', 'Liabilities'], ['ASSET', 'Assets']];
const matched = (n) => (n === 0 ? 'Nothing matched' : `${n} matched`);

/** A sentence that begins like one. */
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The part of the panel with the rules. Returns what shows them. */
export function rules({ book, state, act }) {
  const trouble = by('trouble');
  const edit = editor({ book, state, act });
  const button = (name, label, about, kind, work, disabled = false) => h('button', {
    type: 'button', class: kind, disabled, data: { act: name }, 'aria-label': `${label}: ${about}`,
    on: { click: (event) => pressed(event.currentTarget, trouble, work) },
  }, label);

  function card(r) {
    const n = r.place;
    return h('article', { class: r.enabled ? 'card rule' : 'card rule off' },
      h('div', { class: 'row' },
        h('div', { class: 'grow' },
          h('h3', {}, h('span', { class: 'quiet' }, `${n + 1}. `), r.name),
          h('p', { class: 'quiet' }, sentence(r.words))),
        h('span', { class: r.enabled && !r.problem ? 'chip on' : r.enabled ? 'chip warn' : 'chip off' }, r.enabled ? 'On' : 'Off')),
      outcome(r),
      problem(r.problem && { sentence: r.problem }, 'warn'),
      r.count > 0
        ? h('details', { data: { part: 'matched' } },
          h('summary', { data: { act: 'matched' } }, `${matched(r.count)} of the latest ${r.looked} bank transactions`),
          h('ul', { class: 'rows' }, r.latest.map((m) => line(m, true))),
          r.count > r.latest.length && h('p', { class: 'quiet' }, `These are the latest ${r.latest.length}.`))
        : r.enabled && h('p', { class: 'quiet' }, `${matched(0)} of the latest ${r.looked} bank transactions.`),
      h('div', { class: 'buttons' },
        button('up', '↑ Up', r.name, 'small', () => move(r, -1), n === 0),
        button('down', '↓ Down', r.name, 'small', () => move(r, 1), n === r.last),
        button('edit', 'Edit', r.name, 'small', () => edit(r)),
        button('switch', r.enabled ? 'Switch off' : 'Switch on', r.name, 'small', async () => {
          await book.changeRule(r.id, { ...fields(r), enabled: !r.enabled, revision: r.revision });
          await act.changed(`${r.name} is switched ${r.enabled ? 'off' : 'on'}.`);
        }),
        button('delete', 'Delete', r.name, 'small quietly', async () => {
          if (!await confirmed(`Delete the rule ${r.name}?`, 'What it has completed stays as it is. What comes from now on goes to the next rule that matches, or to what the app has learned.', 'Delete')) return;
          take(await book.deleteRule(r.id, r.revision));
          await act.changed('The rule is deleted.');
        })));
  }

  /** What a rule does, in a line or two. */
  function outcome(r) {
    const account = state.accounts.find((a) => a.id === r.accountId);
    const more = [
      r.description && `“${r.description}”`, ...(r.tags ?? []).map((tag) => '#' + tag),
      ...Object.entries(r.properties ?? {}).map(([key, value]) => `${key}: ${value}`),
    ].filter(Boolean);
    return h('p', { class: 'flow' }, '→ ',
      r.accountId && [account && dot(account.type), ' ', h('b', {}, account?.name ?? 'an account that is gone'), more.length > 0 && ', '], more.join(', '));
  }

  function line(m, done) {
    const href = document.body.dataset.bookUrl
      || `https://bkper.app/books/${encodeURIComponent(book.id)}/transactions/${encodeURIComponent(m.transactionId)}`;
    return h('li', { class: 'line' },
      h('span', { class: 'date' }, day(m.date)),
      h('span', { class: 'text' }, m.text || 'No text', done && !m.completed && h('span', { class: 'why' }, 'not by this rule')),
      h('span', { class: 'amount' }, money(m.amount, m.currency)),
      h('a', { class: 'into', href, target: '_blank', rel: 'noopener noreferrer' }, 'Open in the book'));
  }

  async function move(r, step) {
    const ids = state.rules.rules.map((one) => one.id);
    const at = ids.indexOf(r.id);
    ids.splice(at, 1);
    ids.splice(at + step, 0, r.id);
    try {
      take(await book.orderRules(ids, state.rules.order));
    } catch (error) {
      if (error.code === 'conflict') take(await book.rules());
      throw error;
    }
    // The focus goes with the rule, so that it can be moved on by keyboard.
    const moved = by('rules-list').querySelector(`[data-key="${CSS.escape(r.id)}"]`);
    const next = [step < 0 ? 'up' : 'down', step < 0 ? 'down' : 'up'].map((way) => moved.querySelector(`[data-act=${way}]`)).find((b) => !b.disabled);
    next?.focus();
    await act.changed(`${r.name} is number ${at + step + 1} of ${ids.length} now.`);
  }

  function proposal(p) {
    return h('article', { class: 'card' },
      h('div', { class: 'row tight proposal' },
        h('p', { class: 'grow' }, p.sentence, ' Make it a rule?'),
        h('div', { class: 'buttons' },
          button('accept', 'Make it a rule', p.sentence, 'good', async () => {
            await book.createRule(p.rule);
            await act.changed(`${p.rule.name} is a rule now.`);
          }),
          button('decline', 'No', p.sentence, 'quietly', async () => {
            take(await book.declineRule(p.id));
            await act.changed('It stays as it is, and is not proposed again.');
          }))));
  }

  function take(all) {
    state.rules = all;
    show();
  }

  by('add-rule').addEventListener('click', () => edit(null));
  by('learn-again').addEventListener('click', (event) => pressed(event.currentTarget, trouble, async () => {
    await book.learnAgain();
    await act.changed('The history is being read again. What is learned stays.');
  }));

  /** What the learner knows, in a sentence or two. */
  function learned({ lessons, history }) {
    const known = lessons === 1 ? 'It knows one decision.' : `It knows ${lessons} decisions.`;
    if (history.done) return `${known} The history is read.`;
    return history.upTo ? `${known} The history is being read: ${history.share} %, up to ${day(history.upTo)}.` : `${known} The history is not read yet.`;
  }

  function show() {
    const all = state.rules;
    if (!all) return;
    by('learned').textContent = learned(state.learning);
    by('no-rules').textContent = all.rules.length === 0 ? 'There are no rules yet.' : '';
    by('add-rule').disabled = all.rules.length >= all.most;
    by('proposals-part').hidden = all.proposals.length === 0;
    keyed(by('rule-proposals'), all.proposals, (p) => p.id, proposal);
    keyed(by('rules-list'), all.rules.map((r, place) => ({
      ...r, place, last: all.rules.length - 1, looked: all.looked, account: state.accounts.find((a) => a.id === r.accountId)?.name,
    })), (r) => r.id, card);
  }
  return show;
}

/** What a person says of a rule, of what the app says of it. */
function fields(r) {
  const { name, enabled, contains, matches, min, max, direction, bankAccountId, accountId, description, tags, properties } = r;
  return { name, enabled, contains, matches, min, max, direction, bankAccountId, accountId, description, tags, properties };
}

/** The dialog in which a rule is made or changed. Returns what opens it. */
function editor({ book, state, act }) {
  const dialog = by('rule');
  const form = by('rule-form');
  const trouble = by('rule-trouble');
  const trial = by('rule-trial');
  const input = (name) => by('rule-' + name);
  let editing = null; // the rule that is changed, as it was seen
  let timer = 0;
  let visit = 0; // grows with every trial, so that late answers are known as such

  function fill(r) {
    form.reset();
    input('name').value = r?.name ?? '';
    input('kind').value = r?.matches ? 'matches' : 'contains';
    input('text').value = r?.matches ?? r?.contains ?? '';
    input('min').value = r?.min ?? '';
    input('max').value = r?.max ?? '';
    input('direction').value = r?.direction ?? '';
    input('description').value = r?.description ?? '';
    input('tags').value = (r?.tags ?? []).map((tag) => '#' + tag).join(' ');
    choices(input('bank'), 'Any bank account', state.accounts.filter((a) => own.includes(a.type)), r?.bankAccountId);
    choices(input('account'), 'Leave it to what the app has learned', state.accounts, r?.accountId);
    by('rule-properties').replaceChildren();
    for (const [key, value] of Object.entries(r?.properties ?? {})) property(key, value);
    by('rule-more').open = Boolean(r?.description || r?.tags || r?.properties);
    showTrouble(trouble, null);
    tryLater(0);
  }

  /** Offers accounts; one that is chosen is there even if it is gone or archived. */
  function choices(select, none, accounts, chosen) {
    const fit = accounts.filter((a) => !a.archived || a.id === chosen);
    select.replaceChildren(h('option', { value: '' }, none),
      ...types.map(([type, label]) => [label, fit.filter((a) => a.type === type)]).filter(([, of]) => of.length > 0)
        .map(([label, of]) => h('optgroup', { label }, of.map((a) => h('option', { value: a.id }, a.archived ? `${a.name} (archived)` : a.name)))),
      ...(chosen && !fit.some((a) => a.id === chosen) ? [h('option', { value: chosen }, 'An account that is gone')] : []));
    select.value = chosen ?? '';
  }

  function property(key, value) {
    const n = by('rule-properties').children.length;
    const box = (part, label, text, most) => {
      const id = `property-${part}-${n}`;
      return h('div', {}, h('label', { for: id }, label), h('input', { id, value: text, maxlength: most, autocomplete: 'off', data: { part } }));
    };
    const row = h('div', { class: 'halves' }, box('key', 'Property', key, 30), box('value', 'Value', value, 100));
    by('rule-properties').append(row);
    return row;
  }

  by('add-property').addEventListener('click', () => property('', '').querySelector('input').focus());

  function read() {
    const text = (name) => input(name).value.trim() || undefined;
    const number = (name) => text(name)?.replace(/^(\d+),(\d+)$/, '$1.$2');
    const properties = {};
    for (const row of by('rule-properties').children) {
      const [key, value] = [...row.querySelectorAll('input')].map((i) => i.value.trim());
      if (key || value) properties[key] = value;
    }
    const tags = input('tags').value.split(/[\s,]+/).filter(Boolean);
    return {
      name: text('name') ?? '', enabled: editing?.enabled ?? true, [input('kind').value]: text('text'),
      min: number('min'), max: number('max'), direction: text('direction'), bankAccountId: text('bank'), accountId: text('account'),
      description: text('description'), tags: tags.length > 0 ? tags : undefined,
      properties: Object.keys(properties).length > 0 ? properties : undefined,
    };
  }

  /** Says which open drafts the rule would match, when the person pauses. */
  function tryLater(wait = thinking) {
    clearTimeout(timer);
    const mine = ++visit;
    timer = setTimeout(async () => {
      const r = read();
      const { contains, matches, min, max, direction, bankAccountId } = r;
      if (![contains, matches, min, max, direction, bankAccountId].some(Boolean)) {
        trial.replaceChildren(h('p', { class: 'quiet' }, 'Say which transactions it is about, and see here which open drafts that would be.'));
        return;
      }
      if (!r.accountId && !r.description && !r.tags && !r.properties) r.tags = ['tried']; // it matches the same, whatever it does
      try {
        const answer = await book.tryRule({ ...r, name: r.name || 'New rule', enabled: true, id: editing?.id });
        if (mine === visit) trial.replaceChildren(...tried(answer));
      } catch (error) {
        if (mine === visit) trial.replaceChildren(h('p', { class: 'note warn' }, error.message));
      }
    }, wait);
  }

  function tried(t) {
    const all = `${t.looked} open ${t.looked === 1 ? 'draft' : 'drafts'}`;
    return [
      problem(t.problem && { sentence: t.problem }, 'warn'),
      h('p', {}, t.looked === 0 ? 'There are no open drafts to try it on.' : h('b', {}, `It would match ${t.count} of ${all}.`)),
      t.count > 0 && h('ul', { class: 'rows' }, t.matches.slice(0, shown).map((m) => h('li', { class: 'line' },
        h('span', { class: 'date' }, day(m.date)),
        h('span', { class: 'text' }, m.text || 'No text', m.first && h('span', { class: 'why' }, `decided by ${m.first}, which comes before`)),
        h('span', { class: 'amount' }, money(m.amount, m.currency))))),
      t.count > shown && h('p', { class: 'quiet' }, `And ${t.count - shown} more.`),
    ].filter(Boolean);
  }

  form.addEventListener('input', () => tryLater());
  form.addEventListener('change', () => tryLater());
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    pressed(form.querySelector('[type=submit]'), trouble, async () => {
      const r = read();
      try {
        await (editing ? book.changeRule(editing.id, { ...r, revision: editing.revision }) : book.createRule(r));
      } catch (error) {
        if (error.code !== 'conflict' || !editing) throw error;
        await faster(error);
        return;
      }
      dialog.close();
      await act.changed('Saved. The open drafts follow.');
    });
  });

  /** Somebody else has changed the rule: what was typed stays, the person decides. */
  async function faster(error) {
    state.rules = await book.rules();
    const now = state.rules.rules.find((r) => r.id === editing.id);
    if (!now) throw error;
    trouble.replaceChildren(h('div', { class: 'note warn' },
      h('span', { class: 'grow' }, error.message, ' To save yours all the same, press Save once more.'),
      h('button', { type: 'button', class: 'small', on: { click: () => { editing = now; fill(now); } } }, 'Show it as it is now')));
    editing = now;
  }

  for (const close of dialog.querySelectorAll('.close-rule')) close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    visit++;
    clearTimeout(timer);
    act.changed();
    // What opened the dialog may have gone meanwhile.
    if (document.activeElement === document.body) openPart().focus({ preventScroll: true });
  });

  return (r) => {
    editing = r;
    by('rule-title').textContent = r ? 'Change a rule' : 'Add a rule';
    trial.replaceChildren();
    fill(r);
    dialog.showModal();
    input('name').focus();
  };
}
