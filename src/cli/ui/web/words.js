// Figures as words. Times are microseconds, money is dollars, and what is unknown is never 0.
import { html } from './base.js';

/** What is written where nothing is to be said. */
export const NONE = '–';

/** @param {number} n */
const two = n => String(n).padStart(2, '0');

/**
 * A duration.
 * @param {number | null | undefined} micros
 */
export function secs(micros) {
  if (micros == null) return NONE;
  const s = micros / 1e6;

  if (s < 0.0995) return `${Math.round(s * 1000)} ms`;
  if (s < 9.95) return `${s.toFixed(s < 1 ? 2 : 1)} s`;
  if (s < 99.5) return `${s.toFixed(0)} s`;
  if (s < 5970) {
    const whole = Math.round(s);
    return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  }
  return `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} min`;
}

/**
 * An amount of money.
 * @param {number | null | undefined} dollars
 */
export function money(dollars) {
  if (dollars == null) return 'unknown';
  if (dollars === 0) return '$0';
  const size = Math.abs(dollars);
  if (size < 0.000095) return `$${dollars.toPrecision(1)}`;
  return `$${dollars.toFixed(size < 0.0095 ? 4 : size < 0.095 ? 3 : 2)}`;
}

/**
 * What something cost: nothing where the demo model answered, and at least what is known where some is not.
 * @param {{ cost: number | null, demo?: boolean, unknown?: number }} of
 */
export function costOf({ cost, demo, unknown }) {
  if (demo) return money(0);
  return cost != null && unknown ? `≥ ${money(cost)}` : money(cost);
}

/** @param {number | null | undefined} n */
export function count(n) {
  if (n == null) return NONE;
  if (n < 10000) return n.toLocaleString('en');
  if (n < 999500) return `${(n / 1000).toFixed(n < 99500 ? 1 : 0)}k`;
  return `${(n / 1e6).toFixed(1)}M`;
}

/**
 * A count in few characters.
 * @param {number | null | undefined} n
 */
export function short(n) {
  if (n == null || n < 1000) return n == null ? NONE : String(n);
  if (n < 9950) return `${(n / 1000).toFixed(1)}k`;
  return n < 999500 ? `${Math.round(n / 1000)}k` : count(n);
}

/** @param {number | null | undefined} share */
export const percent = share => share == null ? NONE : `${Math.round(100 * share)} %`;

/** @param {number | null | undefined} value */
export const score = value => value == null ? NONE : value.toFixed(2);

/** @param {number} n */
export function bytes(n) {
  if (n < 1000) return `${n} B`;
  return n < 999500 ? `${(n / 1000).toFixed(n < 9950 ? 1 : 0)} kB` : `${(n / 1e6).toFixed(1)} MB`;
}

/**
 * A count with its noun.
 * @param {number} n
 * @param {string} one
 * @param {string} [many]
 */
export const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many || `${one}s`}`;

/** When a report was made: it counts from then. @type {number | null} */
let made = null;

/** @param {number} at microseconds since 1970 */
export const countFrom = at => { made = at; };

/**
 * How long ago a moment was.
 * @param {number} at microseconds since 1970
 */
export function ago(at) {
  const now = made ?? Date.now() * 1000;
  const s = (now - at) / 1e6;
  if (s < 0) return moment(at);
  if (s < 60) return `${Math.round(s)} s ago`;
  if (s < 3600) return `${Math.round(s / 60)} min ago`;
  return s < 86400 ? `${Math.round(s / 3600)} h ago` : `${Math.round(s / 86400)} d ago`;
}

/**
 * A moment in UTC.
 * @param {number} at microseconds since 1970
 */
export function moment(at) {
  const date = new Date(at / 1000);
  const day = `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} UTC`;
}

/**
 * The end of a run's id, which tells runs apart at a glance. Commands take the whole id.
 * @param {string} id
 */
export const brief = id => id.slice(-6);

/**
 * A message, with what stands in backticks set as code.
 * @param {string | null | undefined} text
 */
export function say(text) {
  const parts = String(text ?? '').split('`');
  if (parts.length % 2 === 0) return text;
  return parts.map((part, i) => i % 2 ? html`<code>${part}</code>` : part);
}

/**
 * A value as one line: a text as it is, anything else as JSON.
 * @param {any} value
 */
export const plain = value => typeof value === 'string' ? value : JSON.stringify(value);

/**
 * A text as a shell reads it.
 * @param {string} text
 */
export const quoted = text => /^[\w./:@=+-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
