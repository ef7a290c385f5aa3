// The panel: loads what it shows, keeps it fresh while it is looked at, and
// follows the book it is framed by.

import * as api from './api.js';
import { activity } from './activity.js';
import { banks } from './banks.js';
import { connector } from './connect.js';
import { by, h, showTrouble } from './dom.js';
import { refreshMoments } from './format.js';
import { rules } from './rules.js';
import { statement } from './statement.js';
import { review } from './upkeep.js';

const every = 4000; // milliseconds between looks
const soon = 1000; // the same, just after the person has done something
const brisk = 12000; // how long that is
const seldom = 20000; // between looks at what is found out in the background
const patience = 30000; // at most, when the app does not answer

const page = document.body.dataset;
const book = api.bookApi(page.book);
const state = {
  account: page.account, accounts: [], connections: [], integrations: [], runs: [], runsNext: '', parked: [], dead: [],
  transfers: { proposals: [], joined: [] }, doubles: { proposals: [], one: [] }, reconciliation: { balances: [], findings: [], counts: [] },
  rules: null, // until they are looked at
  learning: null, // with them
};

let timer = 0;
let failures = 0;
let looking = null;
let acted = -Infinity; // when the person last did something
let reviewed = -Infinity; // when transfers, doubles and reconciliation were loaded
let ruled = -Infinity; // when the rules were, which are loaded only while they are looked at

/** Loads everything once. Calls that come meanwhile wait for the next one. */
async function look() {
  clearTimeout(timer);
  looking ??= (async () => {
    try {
      const [connections, integrations, runs, parked, dead] = await Promise.all([
        api.connections(), book.integrations(), book.runs(), book.parked(), book.dead(),
      ]);
      if (state.accounts.length === 0 || integrations.integrations.some((i) => !state.accounts.some((a) => a.id === i.accountId))) {
        state.accounts = (await book.accounts()).accounts;
      }
      Object.assign(state, {
        connections: connections.connections, integrations: integrations.integrations,
        runs: runs.runs, runsNext: runs.next ?? '', parked: parked.rows, dead: dead.letters,
      });
      const now = performance.now();
      if (now - reviewed > seldom || now - acted < brisk) {
        [state.transfers, state.doubles, state.reconciliation] = await Promise.all([book.transfers(), book.doubles(), book.reconciliation()]);
        reviewed = now;
      }
      if (!by('rules').hidden && (now - ruled > seldom || now - acted < brisk)) {
        [state.rules, state.learning] = await Promise.all([book.rules(), book.learning()]);
        ruled = now;
      }
      if (failures > 0) showTrouble(by('trouble'), null);
      failures = 0;
      for (const show of shows) show();
      refreshMoments();
      document.body.dataset.ready = 'yes';
    } catch (error) {
      failures++;
      showTrouble(by('trouble'), error);
    } finally {
      looking = null;
    }
  })();
  await looking;
  clearTimeout(timer);
  if (document.visibilityState === 'visible') timer = setTimeout(look, pause());
}

/** How long to wait for the next look. */
function pause() {
  if (failures > 0) return Math.min(every * 2 ** Math.min(failures, 5), patience);
  return performance.now() - acted < brisk ? soon : every;
}

/** After the person has changed something: look now, and say what was done. */
async function changed(text) {
  acted = performance.now();
  await looking;
  await look();
  if (text) say(text);
}

let saying = 0;
function say(text) {
  clearTimeout(saying);
  by('said').replaceChildren(h('p', { class: 'note good' }, text));
  saying = setTimeout(() => by('said').replaceChildren(), 8000);
}

const connect = connector({ book, state, changed, say });
const act = {
  changed,
  reconnect: connect.reconnect,
  account: connect.account,
  statement: (account) => {
    open(by('tab-statement'), true);
    by('statement-account').value = account;
  },
};
const shows = [banks({ book, state, act }), activity({ book, state, act }), review({ book, state, act }), rules({ book, state, act }), statement({ book, state, act })];

for (const button of document.querySelectorAll('.connect')) button.addEventListener('click', connect.start);

const tabs = [...document.querySelectorAll('[role=tab]')];
function open(tab, focus) {
  if (tab.getAttribute('aria-selected') !== 'true') scrollTo(0, 0);
  for (const one of tabs) {
    const chosen = one === tab;
    one.setAttribute('aria-selected', String(chosen));
    one.tabIndex = chosen ? 0 : -1;
    by(one.getAttribute('aria-controls')).hidden = !chosen;
  }
  if (focus) tab.focus();
  if (tab.id === 'tab-rules') again();
}

/** Looks at once, for what is loaded only while it is looked at. */
async function again() {
  ruled = -Infinity;
  await looking;
  await look();
}

tabs.forEach((tab, n) => {
  tab.addEventListener('click', () => open(tab, false));
  tab.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) open(tabs[(n + step + tabs.length) % tabs.length], true);
  });
});

document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') look();
});

// The book tells where the person is now. Only what frames this page is
// believed, and only about addresses of this page.
window.addEventListener('message', (event) => {
  const parents = page.parents.replace("'self'", location.origin).split(' ');
  if (window.parent === window || event.source !== window.parent || !parents.includes(event.origin)) return;
  if (event.data?.type !== 'bkper:app-url-changed' || typeof event.data.url !== 'string') return;
  const next = URL.canParse(event.data.url) ? new URL(event.data.url) : null;
  if (next === null || next.origin !== location.origin || next.pathname !== location.pathname) return;
  if ((next.searchParams.get('bookId') ?? '') !== page.book) {
    location.replace(next);
    return;
  }
  history.replaceState(null, '', next);
  state.account = next.searchParams.get('accountId') ?? '';
});

look();
