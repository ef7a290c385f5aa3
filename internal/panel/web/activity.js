// The second part of the panel: what came, what became of it, what waits.

import { by, h, keyed, pressed, showTrouble } from './dom.js';
import { counts, day, money, problem, when } from './format.js';
import { undoing } from './upkeep.js';

const outcomes = {
  recorded: 'Recorded', completed: 'Completed', matched: 'There already', changed: 'Changed', skipped: 'Skipped', parked: 'Waiting for you',
};

/** Shows runs, parked rows and dead letters. */
export function activity({ book, state, act }) {
  const trouble = by('trouble');

  by('retry').addEventListener('click', (event) => pressed(event.currentTarget, trouble, async () => {
    const { rows } = await book.retry();
    await act.changed(rows === 1 ? 'One row is tried again.' : `${rows} rows are tried again.`);
  }));
  by('more-runs').addEventListener('click', (event) => pressed(event.currentTarget, trouble, async () => {
    const page = await book.runs(state.older ? state.olderNext : state.runsNext);
    state.older = [...(state.older ?? []), ...page.runs];
    state.olderNext = page.next;
    show();
  }));

  function run(r) {
    const lines = h('div', {});
    const details = h('details', { class: 'run', data: { part: 'rows' } },
      h('summary', { data: { act: 'open' } },
        h('span', { class: 'grow' }, h('b', {}, r.title), h('span', { class: 'flow' }, ` → ${r.accountName}`)),
        h('span', { class: 'quiet' }, when(r.startedAt)),
        h('span', { class: 'facts' }, r.done ? h('span', {}, counts(r.counts)) : h('span', { class: 'waiting' }, `recording… ${counts(r.counts)}`),
          r.first && h('span', {}, r.first === r.last ? day(r.first) : `${day(r.first)} – ${day(r.last)}`))),
      r.problems.map((text) => problem({ sentence: text }, 'warn')), lines);
    const load = async (cursor) => {
      try {
        const page = await book.run(r.id, cursor);
        const rows = page.lines.map(line);
        if (!cursor) lines.replaceChildren(h('ul', { class: 'rows' }));
        lines.querySelector('ul').append(...rows);
        lines.querySelector('.more')?.remove();
        if (lines.querySelector('li') === null) lines.replaceChildren(h('p', { class: 'quiet' }, r.counts.matched ? 'All that came was in the book already.' : 'Nothing new came.'));
        if (!page.next && r.counts.skipped && !page.lines.some((l) => l.outcome === 'skipped')) lines.append(h('p', { class: 'quiet' }, 'Skipped are rows that are still pending at the bank, that lie before the start date, or that have no amount.'));
        if (page.next) lines.append(h('button', { type: 'button', class: 'more', on: { click: (event) => pressed(event.currentTarget, trouble, () => load(page.next)) } }, 'More rows'));
      } catch (error) {
        showTrouble(trouble, error);
      }
    };
    details.addEventListener('toggle', () => { if (details.open) load(''); });
    return h('article', { class: 'card ran' }, details,
      r.interrupted && problem({ sentence: 'This run was cut short. Everything is fetched again, and nothing comes twice.' }, 'info'),
      undoing(r, { book, act, trouble }));
  }

  function line(l) {
    return h('li', { class: 'line' },
      h('span', { class: 'date' }, day(l.date)),
      h('span', { class: 'text' }, l.text, l.why && h('span', { class: 'why' }, l.why)),
      l.amount && h('span', { class: 'amount' }, money(l.amount, l.currency)),
      h('span', { class: 'outcome ' + l.outcome }, outcomes[l.outcome] ?? l.outcome));
  }

  function parked(r) {
    return h('li', { class: 'line' },
      h('span', { class: 'date' }, day(r.date)),
      h('span', { class: 'text' }, r.text, r.problem && h('span', { class: 'why' }, r.problem.sentence)),
      h('span', { class: 'amount' }, money(r.amount, r.currency)));
  }

  function letter(l) {
    return h('li', { class: 'line' },
      h('span', { class: 'date' }, when(l.died)),
      h('span', { class: 'text' }, l.reason, h('span', { class: 'why' }, `${l.kind}, tried ${l.attempts} times`)),
      h('button', {
        type: 'button', class: 'small', data: { act: 'replay' },
        on: { click: (event) => pressed(event.currentTarget, trouble, async () => { await book.replay(l.id); await act.changed('It is tried once more.'); }) },
      }, 'Try once more'));
  }

  function show() {
    const waiting = state.parked.length + state.dead.length;
    by('waiting').hidden = waiting === 0;
    by('waiting').textContent = waiting;
    by('parked-part').hidden = state.parked.length === 0;
    by('dead-part').hidden = state.dead.length === 0;
    keyed(by('parked'), state.parked, (r) => r.remoteId, parked);
    keyed(by('dead'), state.dead, (l) => l.id, letter);
    const known = new Set(state.runs.map((r) => r.id));
    const all = [...state.runs, ...(state.older ?? []).filter((r) => !known.has(r.id))];
    keyed(by('runs'), all, (r) => r.id, run);
    if (all.length === 0 && !by('runs').firstChild) by('runs').append(h('p', { class: 'quiet', data: { key: '' } }, 'Nothing has come yet.'));
    by('more-runs').hidden = !(state.older ? state.olderNext : state.runsNext);
    for (const details of by('runs').querySelectorAll('details[open]')) {
      if (!details.querySelector('ul, p')) details.dispatchEvent(new Event('toggle'));
    }
  }
  return show;
}
