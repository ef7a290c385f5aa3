// What the pages can do beyond forms: choosing a person at once, keys, files
// dropped on accounts, and news of what came in meanwhile.

const { base, seq } = document.body.dataset;

for (const button of document.querySelectorAll('.no-script')) button.hidden = true;

for (const select of document.querySelectorAll('select[data-submit]')) {
  select.addEventListener('change', () => select.form.requestSubmit());
}

// With a keyboard, one draft after the other: type an account, press Enter.
if (matchMedia('(min-width: 801px)').matches) {
  document.querySelector('[data-first]')?.focus({ preventScroll: true });
}

const typing = () => document.activeElement?.matches('input, select, textarea') ?? false;

document.addEventListener('keydown', (event) => {
  if (event.key === '/' && !typing()) {
    event.preventDefault();
    document.querySelector('[data-search]')?.focus();
  }
  if (event.key === 'Escape' && typing()) document.activeElement.blur();
});

let uploading = false; // a page that goes away takes the files that wait with it

for (const item of document.querySelectorAll('[data-account]')) {
  item.addEventListener('dragover', (event) => {
    event.preventDefault();
    item.classList.add('over');
  });
  item.addEventListener('dragleave', () => item.classList.remove('over'));
  item.addEventListener('drop', async (event) => {
    event.preventDefault();
    item.classList.remove('over');
    uploading = true;
    for (const file of event.dataTransfer.files) {
      const form = new FormData();
      form.set('account', item.dataset.account);
      form.set('back', location.pathname + location.search);
      form.set('file', file);
      await fetch(`${base}/files`, { method: 'POST', body: form, redirect: 'manual' });
    }
    location.reload();
  });
}

// A page that somebody works on is not taken away: it offers the news instead.
const fresh = document.querySelector('[data-fresh]');
fresh.addEventListener('click', () => location.reload());

const busy = () =>
  uploading ||
  [...document.querySelectorAll('input, select')].some((field) =>
    field.type === 'checkbox' ? field.checked !== field.defaultChecked
      : field.tagName === 'INPUT' && field.value !== field.defaultValue) ||
  document.querySelector('details[open]') !== null;

const look = async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch(`${base}/pulse`);
    if (!answer.ok || (await answer.text()) === seq) return;
  } catch {
    return; // the server is away; it will be back
  }
  if (busy()) fresh.hidden = false;
  else location.reload();
};

setInterval(look, 2000);
