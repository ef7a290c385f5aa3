// Small tools for the page. Texts from banks and books reach the page as text
// nodes and attribute values only, never as markup.

/**
 * Makes an element. Properties: `class`, `on` (handlers by event), `data`,
 * and attributes; false, null and undefined leave an attribute out.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name === 'on') {
      for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    } else if (name === 'data') {
      Object.assign(element.dataset, value);
    } else {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== ''));
  return element;
}

/** The element of that id. */
export function by(id) {
  return document.getElementById(id);
}

/**
 * Shows items in a list, and touches only what has changed, so that focus and
 * opened parts stay where they are while the page refreshes itself.
 */
export function keyed(list, items, keyOf, render) {
  const present = new Map([...list.children].map((child) => [child.dataset.key, child]));
  let before = null;
  for (const item of items) {
    const key = String(keyOf(item));
    const state = JSON.stringify(item);
    let node = present.get(key);
    present.delete(key);
    if (!node || node.shownState !== state) {
      const fresh = render(item);
      fresh.dataset.key = key;
      fresh.shownState = state;
      if (node) replace(node, fresh);
      node = fresh;
    }
    const place = before ? before.nextSibling : list.firstChild;
    if (place !== node) list.insertBefore(node, place);
    before = node;
  }
  for (const gone of present.values()) gone.remove();
}

/** Replaces a node and gives focus and opened parts to the new one. */
function replace(node, fresh) {
  for (const part of node.querySelectorAll('details[open][data-part]')) {
    const same = fresh.querySelector(`details[data-part="${part.dataset.part}"]`);
    if (same) same.open = true;
  }
  if (node.open) fresh.open = true;
  const focused = node.contains(document.activeElement) ? document.activeElement.dataset.act : null;
  node.replaceWith(fresh);
  if (focused) fresh.querySelector(`[data-act="${focused}"]`)?.focus();
}

/** Shows an error where people look for it; none takes it away. */
export function showTrouble(place, error) {
  place.replaceChildren(...(error ? [h('p', { class: 'note bad' }, error.message)] : []));
}

/**
 * Runs what a button does: the button waits, an error is shown in place. The
 * focus that a waiting button loses comes back, to its like if the page has
 * made the card anew, to the page if there is none.
 */
export async function pressed(button, place, work) {
  if (button.disabled) return undefined;
  const focused = document.activeElement === button;
  const card = button.closest('[data-key]')?.dataset.key;
  button.disabled = true;
  button.setAttribute('aria-busy', 'true');
  showTrouble(place, null);
  try {
    return await work();
  } catch (error) {
    showTrouble(place, error);
    return undefined;
  } finally {
    button.disabled = false;
    button.removeAttribute('aria-busy');
    if (focused && document.activeElement === document.body) {
      const like = button.isConnected ? button : document.querySelector(`[data-key="${CSS.escape(card)}"] [data-act="${CSS.escape(button.dataset.act)}"]`);
      (like ?? openPart()).focus({ preventScroll: true });
    }
  }
}

/** The part of the page that is shown. */
export function openPart() {
  return document.querySelector('[role=tabpanel]:not([hidden])');
}

/** Asks whether to go on; yes is what the button says that does it. */
export function confirmed(title, text, yes) {
  const dialog = by('confirm');
  by('confirm-title').textContent = title;
  by('confirm-text').textContent = text;
  by('confirm-yes').textContent = yes;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      // The button that asked is disabled and cannot take the focus back yet.
      if (dialog.contains(document.activeElement)) document.activeElement.blur();
      resolve(dialog.returnValue === 'yes');
    }, { once: true });
  });
}
