// The third part of the panel: a statement file.

import { by, h, pressed, showTrouble } from './dom.js';
import { counts, problem } from './format.js';

const largest = 20 * 1024 * 1024;

/** Makes the form work. Returns what refreshes its list of accounts. */
export function statement({ book, state, act }) {
  const form = by('statement-form');
  const select = by('statement-account');
  const file = by('statement-file');
  const result = by('statement-result');
  const button = form.querySelector('button');

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    pressed(button, result, async () => {
      const chosen = file.files[0];
      if (chosen.size > largest) throw new Error('The file is larger than 20 MB. Export a shorter period.');
      const { runs } = await book.upload(select.value, chosen);
      result.replaceChildren(h('p', { class: 'note info waiting' }, `${chosen.name} is being recorded…`));
      form.reset();
      offered = '';
      showAccounts();
      await act.changed();
      for (const run of runs) follow(run);
    });
  });

  async function follow(run) {
    for (let wait = 500; ; wait = Math.min(wait * 2, 4000)) {
      let now;
      try {
        now = (await book.run(run.id)).run;
      } catch (error) {
        showTrouble(result, error);
        return;
      }
      if (now.done) {
        result.querySelector('.waiting')?.remove();
        result.append(h('p', { class: 'note good' }, `${now.title} → ${now.accountName}: ${counts(now.counts)}.`),
          ...now.problems.map((text) => problem({ sentence: text }, 'warn')));
        await act.changed();
        return;
      }
      await new Promise((resolve) => { setTimeout(resolve, wait); });
    }
  }

  let offered = '';
  function showAccounts() {
    const fit = state.accounts.filter((a) => !a.archived && (a.type === 'ASSET' || a.type === 'LIABILITY'));
    const now = JSON.stringify(fit);
    if (now === offered) return;
    offered = now;
    const chosen = select.value || state.account;
    select.replaceChildren(h('option', { value: '' }, 'Choose an account…'),
      ...[['ASSET', 'Assets'], ['LIABILITY', 'Liabilities']].map(([type, label]) => h('optgroup', { label },
        fit.filter((a) => a.type === type).map((a) => h('option', { value: a.id, selected: a.id === chosen }, a.name)))));
  }
  return showAccounts;
}
