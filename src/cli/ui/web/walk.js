// Walking through a run by keys: views, failures, zoom, the runs beside it.
import { useEffect } from './base.js';
import { plain, quoted } from './words.js';
import { adjust, go } from './address.js';
import { announce } from './parts.js';
import { useKeys } from './keys.js';
import { zoomed } from './scale.js';
import { topsOf } from './timeline.js';
import { coversPage } from './panel.js';

/** @typedef {import('./types.js').Line} Line */

/**
 * The command that repeats a run.
 * @param {any} run
 */
export function command(run) {
  const params = Object.entries(run.args ?? {}).map(([name, value]) => ` -p ${quoted(`${name}=${plain(value)}`)}`);
  return `kaizen run ${quoted(run.script)}${params.join('')} --seed ${run.seed}`;
}

/** The index of the row that has the focus, or of the chosen operation. @param {Line[]} lines @param {string} op */
function here(lines, op) {
  const row = document.activeElement?.closest('[data-index]');
  if (row) return Number(/** @type {HTMLElement} */ (row).dataset.index);
  return lines.findIndex(line => line.kind === 'op' && String(line.row.op) === op);
}

/**
 * The next failed operation after a line; folds that hide some are opened.
 * @param {Line[]} lines
 * @param {number} from
 * @param {Set<string>} open
 */
function nextFailure(lines, from, open) {
  for (const line of [...lines.slice(from + 1), ...lines.slice(0, from + 1)]) {
    if (line.kind === 'op' && line.row.outcome === 'failed') return { op: line.row.op, open };
    if (line.kind !== 'fold' || open.has(line.key) || !line.row.by.failed) continue;
    const first = line.row.rows.find(row => row.outcome === 'failed');
    if (first) return { op: first.op, open: new Set([...open, line.key]) };
  }
  return null;
}

/** The view that is shown where the address names none. @param {any} run */
export const usualView = run => run.cases ? 'examples' : 'timeline';

/** A view as the address names it. @param {any} run @param {string} view */
export const viewOf = (run, view) => view === usualView(run) ? null : view;

/** The keys of a run. @param {any} given */
export function useRunKeys({ run, query, view, lines, open, zoom, setZoom, more }) {
  const show = (/** @type {string} */ key) => () => adjust({ view: viewOf(run, key) });
  const visit = (/** @type {string | null} */ id) => () => { if (id) go(['run', id]); };
  const whole = Math.max(run.took ?? 0, 1);
  const look = (/** @type {number} */ factor) => () => setZoom(zoomed(zoom ?? [0, whole], whole, factor));

  const fail = () => {
    const found = nextFailure(lines, here(lines, query.op), open);
    if (!found) announce('no operation failed');
    else adjust({ op: found.op, open: [...found.open].join('\n'), view: viewOf(run, 'timeline') });
  };
  const all = () => {
    const line = lines[here(lines, query.op)];
    if (line?.kind === 'fold') {
      adjust({ open: [...new Set([...open, line.key])].join('\n') });
      more(line.key);
    } else {
      const fold = [...lines.slice(0, Math.max(0, here(lines, query.op)) + 1)].reverse().find(one => one.kind === 'fold');
      if (fold) more(fold.key);
    }
  };

  /** @type {import('./keys.js').Keys} */
  const onTimeline = view === 'timeline'
    ? { '+': look(0.5), '=': look(0.5), '-': look(2), '−': look(2), 0: () => setZoom(null), o: all } : {};
  useKeys({
    t: show('timeline'), g: show('graph'), l: show('log'), v: show('result'), ...run.cases ? { e: show('examples') } : {},
    f: fail, '[': visit(run.before), ']': visit(run.after),
    c: () => { if (run.before) go(['compare', run.before, run.id]); },
    y: () => { navigator.clipboard?.writeText(command(run)).then(
        () => announce('copied the command'), () => announce('the command cannot be copied')); },
    Escape: () => { if (query.op != null) closePanel(query.op); },
    ...onTimeline,
  });
}

/** Closes the panel and goes back to the row it was opened from. @param {string} op */
export function closePanel(op) {
  adjust({ op: null });
  requestAnimationFrame(() => rowOf(op)?.focus({ preventScroll: true }));
}

/** @param {string | number} op @returns {HTMLElement | null} */
const rowOf = op => document.querySelector(`:is(.tl, .dag) [data-op="${CSS.escape(String(op))}"]`);

/**
 * Brings the row of the chosen operation into sight.
 * @param {number | null} op
 * @param {Line[]} lines
 */
export function useReveal(op, lines) {
  const index = lines.findIndex(line => line.kind === 'op' && line.row.op === op);

  useEffect(() => {
    const body = /** @type {HTMLElement | null} */ (document.querySelector('.tl [role=rowgroup]'));
    if (op == null || index < 0 || !body) return;
    const top = body.getBoundingClientRect().top + topsOf(lines)[index];

    if (top < 70 || top > innerHeight - 60) {
      const section = body.closest('.run > section');
      const scroller = section && section.scrollHeight > section.clientHeight + 1 ? section : document.scrollingElement;
      scroller?.scrollBy({ top: top - innerHeight / 2 });
    }
    const isFree = !coversPage() && (document.activeElement === document.body || document.activeElement?.closest('.tl'));
    if (isFree) requestAnimationFrame(() => rowOf(op)?.focus({ preventScroll: true }));
  }, [op, index < 0]);
}
