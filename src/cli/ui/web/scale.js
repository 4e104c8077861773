// Where moments stand on the axis of time. Idle time is drawn short, so that bursts stay readable.

/**
 * @typedef {[number, number]} Span
 * @typedef {{ at: (moment: number) => number, gaps: Span[], from: number, to: number }} Scale
 */

/** The share of the width that an idle time gets. */
const GAP = 0.03;
/** Idle time is drawn short if it would take more than this share of the width. */
const LONG = 0.12;

/**
 * Places the moments of a span between 0 and 100.
 * @param {number} from
 * @param {number} to
 * @param {Span[]} idle
 * @returns {Scale}
 */
export function scaleOf(from, to, idle = []) {
  const gaps = idle.filter(([a, b]) => a >= from && b <= to && b - a > (to - from) * LONG);
  const busy = to - from - gaps.reduce((sum, [a, b]) => sum + b - a, 0);
  const unit = (1 - GAP * gaps.length) / Math.max(busy, 1e-9);

  const at = (/** @type {number} */ moment) => {
    let x = 0;
    let last = from;
    for (const [a, b] of gaps) {
      if (moment <= a) break;
      x += (a - last) * unit;
      if (moment < b) return 100 * (x + GAP * (moment - a) / (b - a));
      x += GAP;
      last = b;
    }
    return 100 * Math.min(1, Math.max(0, x + (moment - last) * unit));
  };
  return { at, gaps, from, to };
}

/**
 * Round moments for the marks of an axis.
 * @param {number} from
 * @param {number} to
 * @param {number} [most]
 */
export function ticks(from, to, most = 6) {
  const raw = Math.max(to - from, 1e-9) / most;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(k => k * size).find(one => one >= raw) ?? 10 * size;

  const all = [];
  for (let t = Math.ceil(from / step - 1e-9) * step; t <= to + step * 1e-9; t += step) all.push(Math.round(t));
  return all;
}

/**
 * The moments that stand apart on an axis. Where idle time is drawn short, some would lie on each other.
 * @param {number[]} moments
 * @param {Scale} scale
 * @param {number} least the least distance, in percent
 */
export function apart(moments, scale, least) {
  let last = -least;
  return moments.filter(moment => {
    const at = scale.at(moment);
    if (at - last < least) return false;
    last = at;
    return true;
  });
}

/**
 * The part of an axis to look at after looking closer, or at more of it.
 * @param {Span} view
 * @param {number} whole
 * @param {number} factor below 1 to look closer
 * @returns {Span | null} `null` for all of it
 */
export function zoomed([from, to], whole, factor) {
  const middle = (from + to) / 2;
  const half = (to - from) / 2 * factor;
  if (2 * half >= whole) return null;

  const start = Math.max(0, Math.min(whole - 2 * half, middle - half));
  return [Math.round(start), Math.round(start + Math.max(2 * half, 10))];
}
