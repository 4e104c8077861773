// The lines of a timeline: headings of flows, operations, and folds of many with one name.
import { count, plural } from './words.js';

/**
 * @typedef {import('./types.js').FoldRow} FoldRow
 * @typedef {import('./types.js').Line} Line
 * @typedef {{ rows: any[], next: any }} Page
 */

/** What a fold is known by in a run. @param {FoldRow} row */
export const keyOf = row => `${row.flow}/${row.fold}`;

/**
 * The lines of an opened fold: those worth a look, or all of them a page at a time.
 * @param {FoldRow} row
 * @param {Page | undefined} listing
 * @returns {Line[]}
 */
function inside(row, listing) {
  const key = keyOf(row);
  const rows = listing?.rows ?? row.rows ?? [];
  /** @type {Line[]} */
  const lines = rows.map(one => ({ kind: 'op', key: `${key}#${one.op}`, row: one, isInside: true }));

  const left = row.n - rows.length;
  if (left <= 0 || (listing && listing.next == null)) return lines;
  const says = listing ? 'the next 200' : 'failed and slowest are shown; this lists all of them, a page at a time';
  return [...lines, { kind: 'more', key, word: `${count(left)} more`, says }];
}

/** @param {any} flow @param {any[]} all */
function heading(flow, all) {
  const within = all.find(one => one.flow === flow.within);
  if (flow.flow === 0) return `${plural(flow.ops, 'operation')} outside flows`;
  const parts = [`flow ${flow.flow}`, plural(flow.ops, 'operation')];
  if (flow.max_concurrent && flow.max_concurrent < flow.ops) parts.push(`limit ${flow.max_concurrent} at once`);
  if (within) parts.push(`within ${within.name || `flow ${within.flow}`}`);
  return parts.join(' · ');
}

/** The heading of a flow. @param {any} flow @param {any[]} all @returns {Line} */
function headOf(flow, all) {
  const name = flow.name || (flow.flow === 0 ? 'script' : `flow ${flow.flow}`);
  return { kind: 'flow', key: `flow${flow.flow}`, name, says: heading(flow, all), took: flow.took ?? null };
}

/**
 * What the timeline shows, from the rows of a run.
 * @param {any[]} flows
 * @param {Page} top
 * @param {Record<string, Page>} listings
 * @param {Set<string>} open
 * @param {[number, number] | null} zoom
 * @returns {Line[]}
 */
export function linesOf(flows, top, listings, open, zoom) {
  const isSeen = (/** @type {any} */ a, /** @type {any} */ b) =>
    !zoom || a == null || !((b ?? Infinity) < zoom[0] || a > zoom[1]);
  /** @type {Line[]} */
  const lines = [];
  let last = null;

  for (const row of top.rows) {
    const isFold = row.fold != null;
    if (!(isFold ? isSeen(row.first, row.last) : isSeen(row.start, row.end))) continue;
    if (row.flow !== last) {
      last = row.flow;
      const flow = flows.find(one => one.flow === row.flow);
      if (flow) lines.push(headOf(flow, flows));
    }

    if (!isFold) {
      lines.push({ kind: 'op', key: `#${row.op}`, row });
      continue;
    }
    const key = keyOf(row);
    lines.push({ kind: 'fold', key, row: { ...row, key } });
    const within = open.has(key) ? inside(row, listings[key]) : [];
    lines.push(...within.filter(line => line.kind !== 'op' || isSeen(line.row.start, line.row.end)));
  }
  if (top.next != null) lines.push({ kind: 'more', key: '', word: 'more', says: 'the next 200 rows' });
  return lines;
}
