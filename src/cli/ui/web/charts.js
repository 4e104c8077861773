// Pictures of what was learned and paid. Each has its figures in a table beside it, and a name for screen readers.
import { classes, html } from './base.js';
import { count, money, NONE, percent, say, score, secs } from './words.js';
import { Table, Time } from './parts.js';

/** Colours of patterns, in their order. @param {number} i */
export const colour = i => `c${i % 6}`;

/** Whether pictures are drawn for a narrow page. */
const isSlim = () => innerWidth < 640;

/**
 * @param {{ pattern: any, i: number, y: number, x: (v: number) => number, left: number, right: number, slim: boolean }} props
 */
function Whisker({ pattern, i, y, x, left, right, slim }) {
  const stroke = pattern.avoided ? 'var(--rule)' : 'var(--c)';
  const figures = slim ? `${score(pattern.score)}  n=${count(pattern.n)}`
    : `${score(pattern.score)}  [${score(pattern.low)}, ${score(pattern.high)}]  n=${count(pattern.n)}`;
  const name = slim && pattern.name.length > 11 ? `${pattern.name.slice(0, 10)}…` : pattern.name;

  return html`<g class=${colour(i)}><text class="l" x=${left - 12} y=${y + 4} text-anchor="end">${name}</text>
    <line x1=${x(pattern.low)} x2=${x(pattern.high)} y1=${y} y2=${y} stroke=${stroke}
      stroke-width="2.4" stroke-dasharray=${pattern.n < 5 ? '3 3' : null} />
    ${[pattern.low, pattern.high].map(v => html`<line x1=${x(v)} x2=${x(v)} y1=${y - 4} y2=${y + 4} stroke=${stroke}
      stroke-width="1.6" />`)}
    <circle cx=${x(pattern.score)} cy=${y} r="5" fill=${pattern.avoided ? 'var(--face)' : stroke} stroke=${stroke}
      stroke-width="1.6" />
    <text x=${right + 14} y=${y + 4}>${figures}</text></g>`;
}

/** Where the axis of scores ends: at 1, or sooner if all are low. @param {any[]} patterns */
function topOf(patterns) {
  const most = Math.max(...patterns.map(one => one.high ?? one.score ?? 0));
  return [0.2, 0.4].find(top => most <= top) ?? 1;
}

/**
 * The score of each pattern with its interval. A bracket joins those that cannot be told apart.
 * @param {{ patterns: any[] }} props
 */
export function Whiskers({ patterns }) {
  const slim = isSlim();
  const [width, left, edge] = slim ? [400, 86, 92] : [860, 150, 200];
  const right = width - edge;
  const height = 8 + patterns.length * 27 + 24;
  const top = topOf(patterns);
  const x = (/** @type {number} */ v) => left + (right - left) * Math.max(0, Math.min(1, (v ?? 0) / top));
  const y = (/** @type {number} */ i) => 8 + 27 * (i + 0.5);

  const near = patterns.map((one, i) => one.near ? y(i) : null).filter(one => one != null);
  const bracket = near.length > 1 ? `M${right + 4} ${Math.min(...near)}h5V${Math.max(...near)}h-5` : null;
  return html`<div class="plot"><svg class="ch" viewBox=${`0 0 ${width} ${height}`} role="img"
    aria-label="Score of each pattern with its 90 % interval; the table has the figures">
    ${[0, 0.25, 0.5, 0.75, 1].map(part => part * top).map(v => html`
      <line class="grid" x1=${x(v)} x2=${x(v)} y1="8" y2=${height - 20} />
      <text x=${x(v)} y=${height - 5} text-anchor="middle">${Number(v.toFixed(2))}</text>`)}
    ${patterns.map((one, i) => html`<${Whisker} pattern=${one} i=${i}
      y=${y(i)} x=${x} left=${left} right=${right} slim=${slim} />`)}
    ${bracket ? html`<path d=${bracket} fill="none" stroke="var(--dim)" />` : null}</svg></div>`;
}

const STANDING = html`<th>pattern</th><th class="num">score</th><th class="num">interval</th><th class="num">n</th>
  <th class="num">success</th>
  <th class="num">quality</th><th class="num">time</th><th class="num">cost</th><th class="num">last</th><th>note</th>`;

/** The figures of each pattern. @param {{ patterns: any[] }} props */
export const Standings = ({ patterns }) => html`<${Table} label="Patterns" head=${STANDING}>${patterns.map((one, i) =>
  html`<tr class=${colour(i)}>
  <td class="nowrap"><span class="dot"></span>${one.name}</td><td class="num">${score(one.score)}</td>
  <td class="num dim">${score(one.low)} to ${score(one.high)}</td><td class="num">${count(one.n)}</td>
    <td class="num">${percent(one.success)}</td>
  <td class="num">${score(one.quality)}</td><td class="num">${secs(one.time)}</td>
    <td class="num">${one.cost == null ? NONE : money(one.cost)}</td>
  <td class="num dim">${one.last == null ? NONE : html`<${Time} at=${one.last} />`}</td>
  <td>${one.avoided ? html`<span class="tag bad">${one.avoided}</span>` : one.note
    ? html`<span class="dim">${say(one.note)}</span>` : null}</td></tr>`)}<//>`;

/**
 * A change; those beside each other stand on different lines.
 * @param {{ at: number, says: string, x: number, height: number, i: number }} props
 */
const Change = ({ at, says, x, height, i }) => html`<g class="change"><line x1=${x} x2=${x} y1="10" y2=${height + 56} />
  <text x=${x + (at > 0.5 ? -6 : 6)} y=${134 - 15 * (i % 3)} text-anchor=${at > 0.5 ? 'end' : 'start'}>${says}</text>
    </g>`;

/**
 * The mean score over the executions with its band, and below what was chosen.
 * @param {{ task: any }} props
 */
export function Progress({ task }) {
  const slim = isSlim();
  const [width, left, edge] = slim ? [400, 26, 92] : [860, 40, 130];
  const right = width - edge;
  const height = 168;
  const curve = task.curve ?? [];
  const choices = task.choices ?? [];
  if (curve.length < 2) return html`<p class="dim pad">There are too few executions for a curve.</p>`;

  const x = (/** @type {number} */ i) => left + (right - left) * i / (curve.length - 1);
  const y = (/** @type {number} */ v) => 12 + 126 * (1 - v);
  const point = (/** @type {number} */ i, /** @type {number} */ v) => `${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
  const line = (/** @type {number} */ part) =>
    `M${curve.map((/** @type {number[]} */ v, /** @type {number} */ i) => point(i, v[part])).join('L')}`;
  const low = curve.map((/** @type {number[]} */ v, /** @type {number} */ i) => `L${point(i, v[1])}`).reverse();
  const last = curve[curve.length - 1];
  const step = (right - left) / Math.max(1, choices.length);

  return html`<div class="plot"><svg class="ch" viewBox=${`0 0 ${width} ${height + 78}`} role="img"
      aria-label=${`Mean score, from ${score(curve[0][0])} to ${score(last[0])}; the table of patterns has the figures`}>
    ${[0, 0.5, 1].map(v => html`<line class="grid" x1=${left} x2=${right} y1=${y(v)} y2=${y(v)} />
      <text x=${left - 8} y=${y(v) + 4} text-anchor="end">${v}</text>`)}
    <path class="band" d=${`${line(2)}${low.join('')}Z`} /><path class="mean" d=${line(0)} />
    <text class="l" x=${right + 10} y=${y(last[0]) + 4}>score ${score(last[0])}</text>
    ${choices.map((/** @type {number[]} */ shares, /** @type {number} */ i) =>
      html`<${Shares} shares=${shares} x=${left + i * step} width=${step + 0.3} top=${height + 12} />`)}
    ${(task.changes ?? []).map((/** @type {any} */ one, /** @type {number} */ i) =>
      html`<${Change} i=${i} at=${one.at} says=${one.says} x=${x(one.at * (curve.length - 1))} height=${height} />`)}
    ${choices.length ? html`<${ShareNames}
      patterns=${task.patterns} shares=${choices[choices.length - 1]} x=${right + 10} top=${height + 12} />` : null}
    <text x=${left} y=${height + 74}>first</text><text x=${right} y=${height + 74}
      text-anchor="end">execution ${count(task.n)}</text></svg></div>`;
}

/** What was chosen in a part of the executions. @param {any} props */
function Shares({ shares, x, width, top }) {
  let at = 0;
  return shares.map((/** @type {number} */ share, /** @type {number} */ i) => {
    const y = top + 44 * at;
    at += share;
    return share > 0 ? html`<rect class=${classes('share', colour(i))} x=${x} y=${y} width=${width}
      height=${44 * share} />` : null;
  });
}

/** @param {any} props */
function ShareNames({ patterns, shares, x, top }) {
  let at = 0;
  return shares.map((/** @type {number} */ share, /** @type {number} */ i) => {
    const middle = at + share / 2;
    at += share;
    return share > 0.25 || (share > 0.14 && !isSlim()) ? html`<text class="l" x=${x}
      y=${top + 4 + 44 * middle}>${patterns[i]?.name} ${percent(share)}</text>` : null;
  });
}

/**
 * What was paid on each day, by model.
 * @param {{ days: any[], models: string[] }} props
 */
export function Days({ days, models }) {
  const slim = isSlim();
  const [width, height, left] = [slim ? 400 : 1000, 150, 48];
  const total = (/** @type {{ models: number[] }} */ day) => day.models.reduce((sum, v) => sum + v, 0);
  const top = Math.max(...days.map(total), 1e-9);
  const step = (width - left) / Math.max(1, days.length);
  const y = (/** @type {number} */ v) => 10 + (height - 34) * (1 - v / top);
  const every = Math.ceil(days.length / (slim ? 3 : 7));

  const bars = days.map((day, i) => {
    let at = 0;
    return day.models.map((/** @type {number} */ v, /** @type {number} */ k) => {
      const upper = y(at + v);
      const bar = v > 0 ? html`<rect class=${classes('share', colour(k))} x=${left + i * step + 1}
        width=${Math.max(1, step - 2)} y=${upper} height=${Math.max(0, y(at) - upper)}>
        <title>${`${day.day}, ${models[k]}: ${money(v)}`}</title></rect>` : null;
      at += v;
      return bar;
    });
  });
  return html`<div class="plot"><svg class="ch" viewBox=${`0 0 ${width} ${height}`} role="img"
    aria-label="Cost of each day by model; the table has the figures">
    ${[0, top / 2, top].map(v => html`<line class="grid" x1=${left} x2=${width} y1=${y(v)} y2=${y(v)} />
      <text x=${left - 6} y=${y(v) + 4} text-anchor="end">${money(v)}</text>`)}
    ${bars}${days.map((day, i) => i % every === 0 ? html`<text x=${left + i * step + step / 2} y=${height - 6}
      text-anchor="middle">${day.day.slice(5)}</text>` : null)}</svg></div>`;
}
