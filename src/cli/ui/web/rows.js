// The rows of a run's timeline: asked for a page at a time, folds opened in place, kept up to date while it runs.
import { useEffect, useRef, useSetup, useState, useStore } from './base.js';
import { ask, epoch, listen, pending } from './data.js';
import { keyOf } from './lines.js';

/**
 * @typedef {import('./types.js').OpRow} OpRow
 * @typedef {import('./types.js').FoldRow} FoldRow
 * @typedef {import('./lines.js').Page} Page
 * @typedef {{ of: string, top: Page | null, listings: Record<string, Page>, problem: any }} State
 */

/** Between two requests for the rows of a run that is going on, in milliseconds. */
const PAUSE = 700;

/**
 * @param {Page} page
 * @param {Map<number, OpRow>} changed
 */
function patched(page, changed) {
  const rows = page.rows.map(row => {
    if (row.fold == null) return changed.get(row.op) ?? row;
    return { ...row, rows: row.rows.map((/** @type {OpRow} */ one) => changed.get(one.op) ?? one) };
  });
  return { ...page, rows };
}

/**
 * The rows of a run, and how to get more of them.
 * @param {string} run
 * @param {{ only: string, q: string }} filter
 */
export function useRows(run, { only, q }) {
  const asked = new URLSearchParams({ ...only && { only }, ...q && { q } });
  const path = `/api/run/${run}/rows?${asked}`;
  const version = useStore(epoch);
  const [state, setState] = useState(/** @type {State} */ ({ of: '', top: null, listings: {}, problem: null }));
  const timer = useRef(0);

  /** @param {(was: State) => Partial<State>} change */
  const update = change => setState((/** @type {State} */ was) => was.of === path ? { ...was, ...change(was) } : was);
  const reload = async () => {
    timer.current = 0;
    try {
      const top = await ask(path);
      update(was => ({ problem: null, ...(was.top?.rows.length ?? 0) > top.rows.length && top.next != null ? {} : { top } }));
    } catch (/** @type {any} */ problem) { update(() => ({ problem })); }
  };

  useSetup(() => {
    let isGone = false;
    pending.set(pending.get() + 1);
    const settle = (/** @type {any} */ found) => {
      pending.set(pending.get() - 1);
      if (isGone) return;
      setState((/** @type {State} */ was) => {
        const listings = was.of === path ? was.listings : {};
        return { of: path, listings, top: null, problem: null, ...found };
      });
    };
    ask(path).then(top => settle({ top }), problem => settle({ problem }));
    return () => { isGone = true; clearTimeout(timer.current); timer.current = 0; };
  }, [path, version]);

  // What changed is put in its place; what cannot be is asked for, but not more often than people can see.
  useEffect(() => listen('run', told => {
    const rows = Array.isArray(told.rows) ? told.rows : [];
    const changed = new Map(rows.map((/** @type {OpRow} */ row) => [row.op, row]));
    update(was => ({
      top: was.top && patched(was.top, changed),
      listings: Object.fromEntries(Object.entries(was.listings).map(([key, page]) => [key, patched(page, changed)])),
    }));
    timer.current ||= setTimeout(reload, PAUSE);
  }), [path]);

  // What cannot be had is said above the rows, which stay.
  const orSay = (/** @type {(...given: any[]) => Promise<void>} */ get) => (/** @type {any[]} */ ...given) =>
    get(...given).catch((/** @type {any} */ problem) => update(() => ({ problem })));
  const more = orSay(async () => {
    const page = await ask(`${path}&after=${encodeURIComponent(state.top?.next)}`);
    update(was => ({ problem: null, top: { rows: [...was.top?.rows ?? [], ...page.rows], next: page.next } }));
  });
  const list = orSay(async (/** @type {FoldRow} */ fold) => {
    const key = keyOf(fold);
    const known = state.listings[key];
    const from = known ? `&after=${encodeURIComponent(known.next)}` : '';
    const page = await ask(`${path}&flow=${fold.flow}&fold=${encodeURIComponent(fold.fold)}${from}`);
    const rows = [...known?.rows ?? [], ...page.rows];
    update(was => ({ problem: null, listings: { ...was.listings, [key]: { rows, next: page.next } } }));
  });
  return { ...state, isOld: state.of !== path, more, list };
}
