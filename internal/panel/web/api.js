// The JSON API of this app, as one user of one book.

/** An answer that says what went wrong, in a sentence for people. */
export class ApiError extends Error {
  constructor(code, message, wait) {
    super(message);
    this.code = code;
    this.wait = wait; // seconds until another try makes sense, 0 if unknown
  }
}

async function call(method, path, body, type = 'application/json') {
  let response;
  try {
    response = await fetch('/api/v1' + path, {
      method,
      headers: body === undefined ? {} : { 'Content-Type': type },
      body: body === undefined || body instanceof Blob ? body : JSON.stringify(body),
      cache: 'no-store',
    });
  } catch {
    throw new ApiError('unavailable', 'Bank Connections does not answer. It will be tried again.', 0);
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    const error = answer.error ?? { code: 'internal', message: 'Something went wrong. Try again.' };
    throw new ApiError(error.code, error.message, Number(response.headers.get('Retry-After')) || 0);
  }
  return answer;
}

const part = encodeURIComponent;

/** The calendar date of this device, yyyy-mm-dd. */
export function today() {
  const now = new Date();
  const two = (n) => String(n).padStart(2, '0');
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

export const countries = () => call('GET', '/countries');
export const institutions = (country, query) => call('GET', `/institutions?country=${part(country)}&q=${part(query)}`);

export const begin = (request) => call('POST', '/attempts', request);
export const attempt = (id) => call('GET', `/attempts/${part(id)}`);
export const answer = (id, values) => call('POST', `/attempts/${part(id)}/answer`, { answer: values });

export const connections = () => call('GET', `/connections?today=${today()}`);
export const connection = (id) => call('GET', `/connections/${part(id)}?today=${today()}`);
export const syncNow = (id) => call('POST', `/connections/${part(id)}/sync`);
export const disconnect = (id) => call('POST', `/connections/${part(id)}/disconnect`);
export const removeConnection = (id) => call('DELETE', `/connections/${part(id)}`);

/** What concerns one book. */
export function bookApi(id) {
  const root = `/books/${part(id)}`;
  return {
    id,
    accounts: () => call('GET', `${root}/accounts`),
    integrations: () => call('GET', `${root}/integrations`),
    save: (request) => call('POST', `${root}/integrations`, request),
    remove: (integration) => call('DELETE', `${root}/integrations/${part(integration)}`),
    setSureness: (integration, sureness) => call('PUT', `${root}/integrations/${part(integration)}/sureness`, { sureness }),
    learning: () => call('GET', `${root}/learning`),
    learnAgain: () => call('POST', `${root}/learning`),
    pending: (integration) => call('GET', `${root}/integrations/${part(integration)}/pending`),
    runs: (cursor = '') => call('GET', `${root}/runs?cursor=${part(cursor)}`),
    run: (run, cursor = '') => call('GET', `${root}/runs/${part(run)}?cursor=${part(cursor)}`),
    undo: (run) => call('POST', `${root}/runs/${part(run)}/undo`),
    redo: (run) => call('POST', `${root}/runs/${part(run)}/redo`),
    transfers: () => call('GET', `${root}/transfers`),
    joinTransfer: (transfer) => call('POST', `${root}/transfers/${part(transfer)}/accept`),
    keepApart: (transfer) => call('POST', `${root}/transfers/${part(transfer)}/reject`),
    partTransfer: (transfer) => call('POST', `${root}/transfers/${part(transfer)}/undo`),
    doubles: () => call('GET', `${root}/doubles`),
    sayOne: (double) => call('POST', `${root}/doubles/${part(double)}/one`),
    sayTwo: (double) => call('POST', `${root}/doubles/${part(double)}/two`),
    rules: () => call('GET', `${root}/rules`),
    createRule: (rule) => call('POST', `${root}/rules`, rule),
    changeRule: (rule, fields) => call('PUT', `${root}/rules/${part(rule)}`, fields),
    deleteRule: (rule, revision) => call('DELETE', `${root}/rules/${part(rule)}?revision=${revision}`),
    orderRules: (ids, order) => call('POST', `${root}/rules/order`, { ids, order }),
    tryRule: (fields) => call('POST', `${root}/rules/try`, fields),
    declineRule: (proposal) => call('POST', `${root}/rules/proposals/${part(proposal)}/decline`),
    reconciliation: () => call('GET', `${root}/reconciliation`),
    parked: () => call('GET', `${root}/parked`),
    retry: () => call('POST', `${root}/parked/retry`),
    upload: (account, file) => call('POST', `${root}/statements?accountId=${part(account)}&name=${part(file.name)}`, file, 'application/octet-stream'),
    dead: () => call('GET', `/dead?bookId=${part(id)}`),
    replay: (letter) => call('POST', `/dead/${part(letter)}/replay`),
  };
}
