// The address: everything that is shown stands after its `#`, so it can be bookmarked and sent.
import { store } from './base.js';

/**
 * @typedef {Record<string, string | number | null | undefined>} Query
 * @typedef {{ page: string, rest: string[], query: Record<string, string> }} Place
 */

/**
 * Reads an address such as `#/run/1m89?op=3`.
 * @param {string} hash
 * @returns {Place}
 */
export function parse(hash) {
  const [path, query] = hash.replace(/^#\/?/, '').split('?');
  const [page, ...rest] = path.split('/').map(part => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  return { page: page || 'runs', rest, query: Object.fromEntries(new URLSearchParams(query || '')) };
}

/**
 * Writes an address. Parts are escaped, so no name can lead anywhere else.
 * @param {string[]} path
 * @param {Query} [query]
 */
export function link(path, query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value != null && value !== '');
  const asked = new URLSearchParams(kept.map(([key, value]) => [key, String(value)]));
  const parts = path.map(encodeURIComponent).join('/');
  return `#/${parts}${kept.length ? `?${asked}` : ''}`;
}

/** Where the page is. */
export const place = store(parse(location.hash));

/**
 * Goes to a place.
 * @param {string[]} path
 * @param {Query} [query]
 */
export function go(path, query) {
  location.hash = link(path, query);
}

/**
 * Changes parts of the query and stays on the page. Nothing is added to the history.
 * @param {Query} change
 */
export function adjust(change) {
  const { page, rest, query } = place.get();
  history.replaceState(null, '', link([page, ...rest], { ...query, ...change }));
  place.set(parse(location.hash));
}

addEventListener('hashchange', () => {
  if (location.hash === '#main') return;
  place.set(parse(location.hash));
});
