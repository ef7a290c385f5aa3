// The way from "Connect a bank" to the saved integration, in one dialog.

import * as api from './api.js';
import { by, h, openPart, pressed, showTrouble } from './dom.js';
import { bankAccount, country as countryName, day, dot, logo } from './format.js';

const remembered = 'bank-connections-country';

/**
 * Makes the dialog ready. It needs the book's API, what is known of accounts
 * and integrations, and says when something has changed.
 */
export function connector({ book, state, changed, say }) {
  const dialog = by('connect');
  const title = by('connect-title');
  const trouble = by('connect-trouble');
  const place = by('connect-step');
  let visit = 0; // grows with every step, so that late answers are known as such
  let accepted = false; // the privacy notice, while the dialog is open

  dialog.querySelector('.close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    visit++;
    accepted = false;
    place.replaceChildren();
    // What opened the dialog may have gone meanwhile.
    if (document.activeElement === document.body) openPart().focus({ preventScroll: true });
  });

  function show(heading, ...content) {
    visit++;
    title.textContent = heading;
    showTrouble(trouble, null);
    place.replaceChildren(...content.filter(Boolean));
    if (!dialog.open) dialog.showModal();
    (place.querySelector('[autofocus]') ?? title).focus();
    return visit;
  }
  const current = (mine) => mine === visit && dialog.open;

  /** First step: the country and the privacy notice. */
  async function start() {
    const mine = show('Connect a bank', h('p', { class: 'quiet', role: 'status' }, 'One moment…'));
    let codes;
    try {
      codes = (await api.countries()).countries.map((c) => c.code);
    } catch (error) {
      if (current(mine)) showTrouble(trouble, error);
      return;
    }
    if (!current(mine)) return;
    const guess = localStorage.getItem(remembered) ?? new Intl.Locale(navigator.language).region;
    const select = h('select', { id: 'country', required: true, autofocus: true },
      h('option', { value: '' }, 'Choose a country…'),
      codes.map((code) => ({ code, name: countryName(code) })).sort((a, b) => a.name.localeCompare(b.name))
        .map((c) => h('option', { value: c.code, selected: c.code === guess }, c.name)));
    const accept = h('input', { type: 'checkbox', id: 'accept', required: true, checked: accepted });
    show('Connect a bank', h('form', {
      class: 'fields',
      on: {
        submit: (event) => {
          event.preventDefault();
          localStorage.setItem(remembered, select.value);
          accepted = true;
          search(select.value);
        },
      },
    },
    h('label', { for: 'country' }, 'Country of the bank'), select,
    by('privacy').content.cloneNode(true),
    h('label', { class: 'check' }, accept, 'I have read the privacy notice and accept it.'),
    h('p', { class: 'actions' }, h('button', { type: 'submit', class: 'primary' }, 'Continue'))));
  }

  /** Second step: the bank. */
  function search(country) {
    const list = h('ul', { class: 'choices', id: 'found' });
    const note = h('p', { class: 'quiet', role: 'status' });
    const input = h('input', {
      type: 'search', id: 'bank', autocomplete: 'off', spellcheck: 'false', autofocus: true, 'aria-controls': 'found',
      placeholder: 'Name of the bank or card',
    });
    let asked = 0;
    const find = async () => {
      const mine = ++asked;
      let found;
      try {
        found = await api.institutions(country, input.value);
      } catch (error) {
        if (mine === asked) showTrouble(trouble, error);
        return;
      }
      if (mine !== asked) return;
      showTrouble(trouble, null);
      list.replaceChildren(...found.institutions.map((i) => h('li', {}, h('button', {
        type: 'button', class: 'choice',
        on: { click: (event) => pressed(event.currentTarget, trouble, () => signIn({ connector: i.connector, institution: i.id, country }, i.name)) },
      }, logo(i), h('span', { class: 'grow' }, h('b', {}, i.name), i.website && h('span', { class: 'quiet' }, i.website.replace(/^https?:\/\//, ''))),
      state.connections.some((c) => c.institution.connector === i.connector && c.institution.id === i.id) && h('span', { class: 'chip off' }, 'Linked already')))));
      note.textContent = found.institutions.length === 0
        ? 'No bank of this name. Try fewer letters, or record a statement file instead.'
        : found.more ? 'There are more: type more letters.' : '';
    };
    // Enter takes the only bank found, or leads to the first of several.
    const take = async () => {
      clearTimeout(timer);
      await find();
      const choices = list.querySelectorAll('button');
      if (choices.length === 1) choices[0].click();
      else choices[0]?.focus();
    };
    let timer = 0;
    input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(find, 200); });
    show(`Banks – ${countryName(country)}`,
      h('form', { class: 'fields', on: { submit: (event) => { event.preventDefault(); take(); } } },
        h('label', { for: 'bank' }, 'Search your bank'), input),
      list, note,
      h('p', { class: 'actions' }, h('button', { type: 'button', on: { click: start } }, 'Back')));
    find();
  }

  /** Third step: begins to sign in, at a new bank or at one to reconnect. */
  async function signIn(what, name) {
    const mine = visit;
    const attempt = await api.begin({ bookId: book.id, privacyAccepted: true, language: navigator.language, ...what });
    if (current(mine)) step(attempt, { what, name });
  }

  /** Shows what the bank wants next. */
  function step(attempt, from) {
    const again = () => h('button', {
      type: 'button', class: 'primary', autofocus: true,
      on: { click: (event) => pressed(event.currentTarget, trouble, () => signIn(from.what, from.name)) },
    }, 'Start again');
    switch (attempt.status) {
      case 'done':
        finish(attempt.connectionId, from);
        return;
      case 'redirect':
        leave(attempt, from);
        return;
      case 'form':
        ask(attempt, from);
        return;
      default:
        show(from.name, h('p', { class: 'note bad', role: 'alert' }, attempt.problem?.sentence ?? 'This sign-in took too long and has expired.'),
          h('p', { class: 'actions' }, again()));
    }
  }

  /** A form of the bank. What is typed is sent and forgotten. */
  function ask(attempt, from) {
    const inputs = attempt.fields.map((field, n) => h('input', {
      id: `field-${n}`, name: field.name, required: true, autofocus: n === 0,
      type: field.secret ? 'password' : 'text',
      autocomplete: field.code ? 'one-time-code' : 'off', inputmode: field.code ? 'numeric' : null,
      autocapitalize: 'none', spellcheck: 'false', maxlength: 4096,
    }));
    const button = h('button', { type: 'submit', class: 'primary', autofocus: inputs.length === 0 }, inputs.length === 0 ? 'Continue' : 'Sign in');
    const form = h('form', { class: 'fields' },
      attempt.help && h('p', {}, attempt.help),
      inputs.flatMap((input, n) => [h('label', { for: input.id }, attempt.fields[n].label), input]),
      h('p', { class: 'actions' }, button));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      pressed(button, trouble, async () => {
        const mine = visit;
        const values = Object.fromEntries(inputs.map((input) => [input.name, input.value]));
        try {
          const next = await api.answer(attempt.id, values);
          if (current(mine)) step(next, from);
        } catch (error) {
          if (!current(mine)) return;
          // What was typed wrong is typed anew; the rest stays.
          for (const input of inputs) if (input.type === 'password') input.value = '';
          (inputs.find((input) => input.value === '') ?? inputs[0])?.focus();
          // While a person waits nobody else tries again.
          if (error.code === 'institution_down' || error.code === 'rate_limited') {
            error.message = `${from.name} is not answering now. Try again ${error.wait > 90 ? `in about ${Math.ceil(error.wait / 60)} minutes` : 'in a moment'}.`;
          }
          if (error.code === 'user_action_at_bank' && inputs.length === 0) {
            waitForApproval(mine, button, error.wait);
            return;
          }
          throw error;
        }
      });
    });
    show(attempt.title || from.name, form);
  }

  /** Presses Continue again by itself when the bank said to come back later. */
  function waitForApproval(mine, button, seconds) {
    trouble.replaceChildren(h('p', { class: 'note waiting' }, 'Waiting for the approval in the bank’s app. This goes on by itself.'));
    setTimeout(() => { if (current(mine)) button.click(); }, Math.max(seconds, 2) * 1000);
  }

  /** The bank's own page, in a window of its own; the dialog waits for it. */
  function leave(attempt, from) {
    const status = h('p', { role: 'status' }, 'The bank asks you to sign in on its own page. It opens in a new window; come back here afterwards.');
    const mine = show(from.name, status, h('p', { class: 'actions' }, h('a', {
      class: 'button primary', href: attempt.redirect, target: '_blank', rel: 'noopener noreferrer', autofocus: true,
      on: {
        click: () => {
          status.textContent = 'Waiting until you have signed in at the bank. This goes on by itself.';
          status.classList.add('waiting');
        },
      },
    }, `Go to ${from.name}`)));
    const watch = async () => {
      if (!current(mine)) return;
      let next = attempt;
      try {
        next = await api.attempt(attempt.id);
        showTrouble(trouble, null);
      } catch (error) {
        if (current(mine)) showTrouble(trouble, error);
      }
      if (!current(mine)) return;
      if (next.status !== 'redirect') step(next, from);
      else setTimeout(watch, 1200);
    };
    setTimeout(watch, 1200);
  }

  /** The bank is connected: say where its accounts record. */
  async function finish(connectionId, from) {
    await changed();
    if (from.what.reconnect) {
      dialog.close();
      say(`${from.name} is connected again.`);
      return;
    }
    const connection = await api.connection(connectionId).catch((error) => { showTrouble(trouble, error); return null; });
    if (connection) setUp(connection, null, `${from.name} is connected`);
  }

  /**
   * Last step: for each bank account the account of the book and the period.
   * keys narrows it to some of the accounts.
   */
  async function setUp(connection, keys, heading) {
    const mine = show(heading, h('p', { class: 'quiet', role: 'status' }, 'One moment…'));
    let accounts;
    try {
      accounts = (await book.accounts()).accounts;
    } catch (error) {
      if (current(mine)) showTrouble(trouble, error);
      return;
    }
    if (!current(mine)) return;
    const offered = connection.accounts.filter((a) => !a.gone && (!keys || keys.includes(a.key)));
    if (offered.length === 0) {
      show(heading, connection.problem && h('p', { class: 'note bad' }, connection.problem.sentence),
        h('p', {}, 'The bank has not told its accounts yet. Press “Sync now” on the connection in a while.'));
      return;
    }
    const rows = offered.map((a, n) => accountRow(connection, a, n, accounts, keys !== null));
    const button = h('button', { type: 'submit', class: 'primary' }, 'Save Integration');
    const form = h('form', { class: 'fields' },
      keys === null && h('p', {}, 'Say which account of the book each bank account records into, and since when.'),
      rows.map((row) => row.element),
      h('p', { class: 'actions' }, keys === null && h('button', { type: 'button', on: { click: () => dialog.close() } }, 'Later'), button));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      pressed(button, trouble, async () => {
        const chosen = rows.filter((row) => row.chosen() && !row.saved);
        if (chosen.length === 0) throw new Error('Choose an account of the book for at least one bank account.');
        const here = visit;
        for (const row of chosen) {
          await book.save(row.request());
          row.saved = true;
        }
        await changed();
        if (!current(here)) return;
        dialog.close();
        say(chosen.length === 1 ? 'Saved. Transactions arrive in a moment.' : `${chosen.length} integrations saved. Transactions arrive in a moment.`);
      });
    });
    show(heading, form);
  }

  /** The settings of one bank account. all are the accounts of the book. */
  function accountRow(connection, a, n, all, single) {
    const accounts = all.filter((x) => !x.archived && (x.type === 'ASSET' || x.type === 'LIABILITY'));
    const known = state.integrations.find((i) => i.bankKey === a.key && i.institution === connection.institution.name);
    const others = state.integrations.filter((i) => i !== known);
    const feeds = (id) => others.find((i) => i.accountId === id);
    // A bank that is linked anew may give its accounts other keys. Which is
    // which only the person knows, unless there is just one of that name.
    const left = known ? [] : others.filter((i) => i.institution === connection.institution.name && i.currency === a.currency
      && !connection.accounts.some((x) => !x.gone && x.key === i.bankKey));
    const likely = left.filter((i) => i.bankName === a.name);
    const called = (name) => (x) => x.name.toLocaleLowerCase() === name.trim().toLocaleLowerCase();
    const free = accounts.filter((x) => !feeds(x.id));
    const preset = known?.accountId ?? (likely.length === 1 ? likely[0].accountId : null) ?? ((single && free.find((x) => x.id === state.account)) || free.find(called(a.name)))?.id ?? '';
    const options = (type) => accounts.filter((x) => x.type === type)
      .map((x) => h('option', { value: x.id, selected: x.id === preset }, x.name));
    const mark = h('span', {});
    const select = h('select', { id: `into-${n}`, autofocus: n === 0, required: single },
      h('option', { value: '' }, single ? 'Choose an account…' : 'Do not record'),
      h('option', { value: 'new' }, 'Create a new account…'),
      h('optgroup', { label: 'Assets' }, options('ASSET')),
      h('optgroup', { label: 'Liabilities' }, options('LIABILITY')));
    const debt = a.kind === 'credit_card' || a.kind === 'loan';
    const name = h('input', { id: `name-${n}`, maxlength: 100, value: `${connection.institution.name} ${a.name}`.slice(0, 100) });
    const type = h('select', { id: `type-${n}` },
      h('option', { value: 'ASSET', selected: !debt }, 'Asset'), h('option', { value: 'LIABILITY', selected: debt }, 'Liability'));
    const fresh = h('div', { class: 'pair', hidden: true },
      h('div', {}, h('label', { for: name.id }, 'Name of the new account'), name),
      h('div', {}, h('label', { for: type.id }, 'Type'), type));
    const period = h('select', { id: `period-${n}` },
      a.periods.map((p) => h('option', { value: p.since, selected: known ? p.since === known.since : p.id === '30-days' }, `${p.label} (${day(p.since)})`)),
      h('option', { value: 'date', selected: known && !a.periods.some((p) => p.since === known.since) }, 'From a date…'));
    const same = h('input', { type: 'checkbox', id: `same-${n}`, checked: true });
    const sameText = h('span', {});
    const goesOn = h('label', { class: 'check', hidden: true }, same, sameText);
    const before = () => left.find((i) => i.accountId === select.value);
    const date = h('input', { type: 'date', id: `date-${n}`, max: api.today(), value: known?.since ?? '', 'aria-label': 'From this date' });
    const notes = h('div', { role: 'status' });
    const rest = h('div', { class: 'fields' }, fresh, goesOn, notes,
      h('label', { for: period.id }, 'Period'), period, date);
    const refresh = () => {
      const chosen = accounts.find((x) => x.id === select.value);
      mark.replaceChildren(...(chosen ? [dot(chosen.type)] : select.value === 'new' ? [dot(type.value)] : []));
      fresh.hidden = select.value !== 'new';
      name.required = !fresh.hidden;
      name.setCustomValidity(!fresh.hidden && all.some(called(name.value)) ? 'The book has an account of this name. Choose it from the list, or give the new one another name.' : '');
      goesOn.hidden = !before();
      sameText.textContent = before() ? `It is the account that recorded here before, as ${before().bankName}: nothing comes twice.` : '';
      const other = chosen && !(before() && same.checked) && feeds(chosen.id);
      const foreign = [...new Set(others.map((i) => i.currency))].filter((currency) => currency !== a.currency).sort();
      notes.replaceChildren(...[
        other && `${chosen.name} already receives ${other.institution} – ${other.bankName}. Choose another account, unless the two are one account at the bank.`,
        foreign.length > 0 && `This account is in ${a.currency}, and the book receives ${foreign.join(', ')} already. Amounts are recorded as they are, never converted: use one book for each currency.`,
        known && select.value !== known.accountId && `From now on. What is recorded already stays in ${known.accountName}.`,
      ].filter(Boolean).map((text) => h('p', { class: 'note warn' }, text)));
      date.hidden = period.value !== 'date';
      date.required = !date.hidden && select.value !== '';
      rest.hidden = select.value === '';
    };
    for (const input of [select, type, period, same]) input.addEventListener('change', refresh);
    name.addEventListener('input', refresh);
    refresh();
    return {
      saved: false,
      element: h('fieldset', {},
        h('legend', {}, a.name, ' ', h('span', { class: 'quiet' }, bankAccount(a))),
        h('label', { for: select.id }, 'Account of the book'),
        h('div', { class: 'row tight' }, mark, select), rest),
      chosen: () => select.value !== '',
      request: () => ({
        connectionId: connection.id,
        bankKey: a.key,
        since: period.value === 'date' ? date.value : period.value,
        ...(before() && same.checked ? { continues: before().id } : {}),
        ...(select.value === 'new' ? { newAccount: { name: name.value, type: type.value } } : { accountId: select.value }),
      }),
    };
  }

  return {
    start,
    /** Renews a connection: the same steps from the sign-in on. */
    reconnect: (connection) => {
      const name = connection.institution.name;
      const accept = h('input', { type: 'checkbox', id: 'accept', required: true, autofocus: true });
      const button = h('button', { type: 'submit', class: 'primary' }, 'Reconnect');
      show(`Reconnect ${name}`, h('form', {
        class: 'fields',
        on: {
          submit: (event) => {
            event.preventDefault();
            pressed(button, trouble, () => signIn({ reconnect: connection.id }, name));
          },
        },
      },
      h('p', {}, 'Sign in with the same login as before. The integrations go on where they stopped.'),
      by('privacy').content.cloneNode(true),
      h('label', { class: 'check' }, accept, 'I have read the privacy notice and accept it.'),
      h('p', { class: 'actions' }, button)));
    },
    /** Sets up one bank account, or changes how it is set up. */
    account: (connection, key) => setUp(connection, [key], connection.institution.name),
  };
}
