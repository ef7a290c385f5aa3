// How dates, amounts and counts look. Amounts stay decimal texts all the way.

import { h } from './dom.js';

const dayFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const momentFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const relativeFormat = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

/** A calendar date: it belongs to no time zone. */
export function day(text) {
  return text ? dayFormat.format(new Date(text + 'T00:00:00Z')) : '';
}

/** A moment, as an element that says how long ago and stays true. */
export function when(text) {
  if (!text) return null;
  return h('time', { datetime: text, title: momentFormat.format(new Date(text)) }, ago(text));
}

/** A moment that is to come: one that has just passed is about to. */
export function next(text) {
  return text && h('time', { datetime: text, title: momentFormat.format(new Date(text)), data: { next: 'yes' } }, ago(text, true));
}

function ago(text, coming = false) {
  const seconds = (new Date(text).getTime() - Date.now()) / 1000;
  const size = Math.abs(seconds);
  if (size < 45 || (coming && seconds < 0)) return seconds > 0 || coming ? 'in a moment' : 'just now';
  if (size < 45 * 60) return relativeFormat.format(Math.round(seconds / 60), 'minute');
  if (size < 22 * 3600) return relativeFormat.format(Math.round(seconds / 3600), 'hour');
  if (size < 14 * 86400) return relativeFormat.format(Math.round(seconds / 86400), 'day');
  return momentFormat.format(new Date(text));
}

/** Brings all moments on the page up to date. */
export function refreshMoments() {
  for (const element of document.querySelectorAll('time[datetime]')) {
    const text = ago(element.dateTime, element.dataset.next === 'yes');
    if (element.textContent !== text) element.textContent = text;
  }
}

/** An amount with its currency. */
export function money(amount, currency) {
  const decimals = (amount.split('.')[1] ?? '').length;
  try {
    return new Intl.NumberFormat(undefined, {
      style: 'currency', currency, minimumFractionDigits: decimals, maximumFractionDigits: decimals,
    }).format(amount);
  } catch {
    return `${amount} ${currency}`;
  }
}

/** The name of a country. */
export function country(code) {
  try {
    return new Intl.DisplayNames(undefined, { type: 'region' }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** What came of rows, in words: "12 recorded (3 completed), 2 skipped". */
export function counts(c) {
  const parts = [];
  if (c.recorded) parts.push(`${c.recorded} recorded` + (c.completed ? ` (${c.completed} completed)` : ''));
  if (c.matched) parts.push(`${c.matched} there already`);
  if (c.changed) parts.push(`${c.changed} changed`);
  if (c.skipped) parts.push(`${c.skipped} skipped`);
  if (c.parked) parts.push(`${c.parked} waiting for you`);
  return parts.join(', ') || 'nothing new';
}

const accountKinds = { checking: 'Checking', savings: 'Savings', credit_card: 'Card', loan: 'Loan', other: 'Account' };

/** What a bank account is besides its name, with its last digits: "Card ••1234 EUR". */
export function bankAccount(a) {
  const kind = accountKinds[a.kind] ?? 'Account';
  const told = a.name.toLocaleLowerCase().includes(kind.toLocaleLowerCase());
  return [told ? '' : kind, a.mask ? `••${a.mask}` : '', a.currency].filter(Boolean).join(' ');
}

/** A dot in the colour of a type of account. */
export function dot(type) {
  return h('span', { class: 'dot ' + String(type).toLowerCase(), title: String(type).toLowerCase(), 'aria-hidden': 'true' });
}

/** The logo of an institution, or its first letter. */
export function logo(institution) {
  const letter = () => h('span', { class: 'logo letter', 'aria-hidden': 'true' }, (institution.name.trim()[0] ?? '?').toUpperCase());
  if (!/^(https:|data:image\/)/.test(institution.logo ?? '')) return letter();
  const image = h('img', { class: 'logo', src: institution.logo, alt: '', width: 36, height: 36, referrerpolicy: 'no-referrer' });
  image.addEventListener('error', () => image.replaceWith(letter()), { once: true });
  return image;
}

/** A problem with what the person can do about it. */
export function problem(p, kind, ...actions) {
  if (!p) return null;
  return h('div', { class: 'note ' + kind }, h('span', { class: 'grow' }, p.sentence), ...actions);
}
