// Asking the server, and hearing from it. Every request bears the token; nothing else is sent anywhere.
import { store, useSetup, useState, useStore } from './base.js';

/**
 * What the server says when it cannot answer.
 * @typedef {{ status: number, error: string, help: string | null }} Problem
 */

const KEY = 'kaizen-token';

/** Takes the token out of the address, where nobody should read it over a shoulder. */
function takeToken() {
  const given = new URLSearchParams(location.hash.replace(/^#/, ''));
  const token = given.get('t');

  if (token) {
    try { localStorage.setItem(KEY, token); } catch { /* kept for this visit only */ }
    history.replaceState(null, '', `#${given.get('go') || '/runs'}`);
    return token;
  }
  try { return localStorage.getItem(KEY) || ''; } catch { return ''; }
}

const token = takeToken();

/**
 * @param {string} path
 * @param {RequestInit} [how]
 */
async function request(path, how = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...how, headers: { ...how.headers, 'X-Kaizen': token } });
  } catch {
    throw { status: 0, error: '`kaizen ui` does not answer', help: 'start it again with `kaizen ui`' };
  }
  if (answer.ok) return answer;

  /** @type {Problem} */
  const problem = { status: answer.status, error: `the server answered ${answer.status}`, help: null };
  try { Object.assign(problem, await answer.json()); } catch { /* the number has to do */ }
  if (answer.status === 401) problem.help ??= 'open the newest link that `kaizen ui` printed';
  throw problem;
}

/** @param {string} path */
export const ask = async path => (await request(path)).json();

/**
 * Reads the next part of a long text of a run.
 * @param {string} run
 * @returns {(at: string, from: number) => Promise<string>}
 */
export const partOf = run => async (at, from) => (await request(`/api/run/${run}/text/${at}?from=${from}`)).text();

/**
 * @param {string} path
 * @param {object} body
 */
const send = (path, body) => request(path, {
  method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' },
});

/**
 * @param {string} path
 * @param {object} body
 */
export const tell = async (path, body) => (await send(path, body)).json();

/**
 * @param {string} path
 * @param {object} body
 */
export const tellForText = async (path, body) => (await send(path, body)).text();

/**
 * Something that the server is asked to do, whether it is under way, and why it was refused.
 * @param {(...given: any[]) => Promise<any>} what
 */
export function useDeed(what) {
  const [state, setState] = useState({ isWaiting: false, problem: null });
  const run = async (/** @type {any[]} */ ...given) => {
    setState({ isWaiting: true, problem: null });
    try {
      await what(...given);
      setState({ isWaiting: false, problem: null });
    } catch (/** @type {any} */ problem) {
      setState({ isWaiting: false, problem });
    }
  };
  return { ...state, run };
}

/** How many answers of what is shown are still awaited. */
export const pending = store(0);

/** Grows when everything has to be asked for again. */
export const epoch = store(0);

/** Asks for everything again that is shown. */
export const refresh = () => epoch.set(epoch.get() + 1);

/**
 * The answer to a request. While another one is asked for, the one before stays, marked as old.
 * @param {string | null} path
 * @param {number} [again] another number asks again
 * @returns {{ data: any, problem: Problem | null, isOld: boolean }}
 */
export function useAnswer(path, again = 0) {
  const [state, setState] = useState({ path: null, data: null, problem: null });
  const version = useStore(epoch);

  useSetup(() => {
    if (path == null) return undefined;
    let isGone = false;
    pending.set(pending.get() + 1);
    const settle = (/** @type {any} */ next) => {
      if (!isGone) setState({ path, ...next });
      pending.set(pending.get() - 1);
    };
    ask(path).then(data => settle({ data, problem: null }), problem => settle({ data: null, problem }));
    return () => { isGone = true; };
  }, [path, version, again]);

  return { data: state.data, problem: state.problem, isOld: state.path !== path };
}

/**
 * A list that comes a page at a time.
 * @param {string | null} path
 * @param {string} cursor the name under which `next` goes back
 * @param {(answer: any) => { rows: any[], next: any }} [list] where an answer has the list
 */
export function usePages(path, cursor, list = answer => answer) {
  const first = useAnswer(path);
  const [more, setMore] = useState({ of: null, rows: [], next: null });
  const start = first.data && list(first.data);
  const isMine = more.of != null && more.of === first.data;
  const next = isMine ? more.next : start?.next ?? null;
  const rows = [...start?.rows ?? [], ...isMine ? more.rows : []];

  const load = async () => {
    const page = list(await ask(`${path}${path?.includes('?') ? '&' : '?'}${cursor}=${encodeURIComponent(next)}`));
    setMore({ of: first.data, rows: [...isMine ? more.rows : [], ...page.rows], next: page.next });
  };
  return { ...first, rows, next, load };
}

/** Whether the server is heard: `no` until it is, `yes`, or `lost`. */
export const line = store('no');

/** @type {Map<string, Set<(data: any) => void>>} */
const listeners = new Map();

/**
 * Calls a function for each live event of a kind.
 * @param {string} kind
 * @param {(data: any) => void} heard
 */
export function listen(kind, heard) {
  const all = listeners.get(kind) ?? new Set();
  listeners.set(kind, all.add(heard));
  return () => { all.delete(heard); };
}

/**
 * Calls a function a second after the first of several live events.
 * @param {string[]} kinds
 * @param {() => void} act
 */
export function soonAfter(kinds, act) {
  let timer = 0;
  const heard = () => {
    timer ||= setTimeout(() => {
      timer = 0;
      act();
    }, 1000);
  };

  const stops = kinds.map(kind => listen(kind, heard));
  return () => {
    stops.forEach(stop => stop());
    clearTimeout(timer);
  };
}

/** @type {{ run: string, cursor: string, stop: AbortController | null, wait: number }} */
const live = { run: '', cursor: '', stop: null, wait: 500 };

/**
 * Follows what happens, and what happens in a run if one is named.
 * @param {string} [run]
 */
export function follow(run = '') {
  if (live.stop && live.run === run) return;
  live.stop?.abort();
  if (live.run !== run) live.cursor = '';
  live.run = run;
  live.stop = null;
  if (document.hidden) return;

  live.stop = new AbortController();
  hear(live.stop);
}

/** @param {AbortController} stop */
async function hear(stop) {
  try {
    const asked = new URLSearchParams({ ...live.run && { run: live.run }, ...live.cursor && { after: live.cursor } });
    const answer = await request(`/api/live?${asked}`, { signal: stop.signal });
    if (line.get() === 'lost') refresh();
    line.set('yes');
    live.wait = 500;
    await read(answer);
  } catch { /* tried again below */ }
  if (stop.signal.aborted) return;

  // The server ended, or closed the stream: ask again, less and less often.
  if (live.wait > 500) line.set('lost');
  setTimeout(() => { if (!stop.signal.aborted) hear(stop); }, live.wait);
  live.wait = Math.min(8000, live.wait * 2);
}

/** @param {Response} answer */
async function read(answer) {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let kept = '';

  while (reader) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (kept + value).split('\n\n');
    kept = blocks.pop() ?? '';
    blocks.forEach(dispatch);
  }
}

/** @param {string} block */
function dispatch(block) {
  let kind = '';
  const data = [];

  for (const text of block.split('\n')) {
    if (text.startsWith('event:')) kind = text.slice(6).trim();
    if (text.startsWith('data:')) data.push(text.slice(5));
    if (text.startsWith('id:')) live.cursor = text.slice(3).trim();
  }
  if (kind === 'again') refresh();
  const told = data.length ? JSON.parse(data.join('\n')) : null;
  for (const heard of [...listeners.get(kind) ?? []]) heard(told);
}

// A hidden tab holds no stream: browsers allow six connections to a host.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    live.stop?.abort();
    live.stop = null;
  } else {
    follow(live.run);
  }
});
