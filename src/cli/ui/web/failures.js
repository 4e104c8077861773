// What went wrong, by class: how often, since when, what it teaches, and where to look.
import { html } from './base.js';
import { ago, brief, count, plural, say } from './words.js';
import { adjust, link } from './address.js';
import { useAnswer } from './data.js';
import { Empty, Loading, Spark, Trouble } from './parts.js';

/** Names in a row, with commas. @param {any[]} items */
const listed = items => items.map((item, i) => html`${i ? ', ' : ''}${item}`);

/** Whether failures count against a pattern, and which. @param {any} of */
function whom(of) {
  if (!of.patterns.length) return 'Not recorded for a pattern';
  const names = listed(of.patterns.map((/** @type {string} */ one) => html`<strong>${one}</strong>`));
  return html`${of.blames ? 'Counts against ' : 'Does not count against '}${names}`;
}

/** When failures came. @param {any} of */
function whenOf(of) {
  if (of.first == null) return '';
  return of.first === of.last ? ago(of.last) : `first ${ago(of.first)}, last ${ago(of.last)}`;
}

/** @param {{ of: any }} props */
const Failure = ({ of }) => html`<article class="card" tabindex="-1">
  <div><div><span class="count">${count(of.count)}</span> <span
    class=${of.blames ? 'tag bad' : 'tag'}>${of.class}</span></div><h2 class="mono">${of.kind}</h2>
    <${Spark} values=${of.days ?? []} tone=${of.blames ? 'var(--bad)' : 'var(--dim)'} width=${150}
      height=${30} isFromZero />
    <div class="dim">${whenOf(of)}</div></div>
  <div><div class="on">${whom(of)}${of.tasks.length ? html` on ${listed(of.tasks.map((/** @type {string} */ one) =>
      html`<a href=${link(['learning', one])}>${one}</a>`))}` : null}</div>
    <pre tabindex="0">${of.message}</pre>${of.lesson ? html`<div class="lesson">${say(of.lesson)}</div>` : null}</div>
  <div>${of.runs?.length ? html`<h3>latest</h3>` : null}
    ${(of.runs ?? []).map((/** @type {any} */ one) => html`<div class="latest">
    <a class="mono" href=${link(['run', one.run], { op: one.op })}>${brief(one.run)}</a>${' '}<span
    class="dim">${one.says ?? ''}${one.at == null ? '' : ` ${ago(one.at)}`}</span></div>`)}
    ${of.avoided?.length ? html`<div class="avoided">
      <span class="tag bad">avoided: ${[of.avoided].flat().join(', ')}</span></div>` : null}</div></article>`;

/** @param {{ query: any }} props */
export function Failures({ query }) {
  const task = query.task ?? '';
  const { data, problem } = useAnswer(`/api/failures${task ? `?task=${encodeURIComponent(task)}` : ''}`);
  if (problem) return html`<div class="page"><h1>Failures</h1><${Trouble} problem=${problem} /></div>`;
  if (!data) return html`<div class="page"><h1>Failures</h1><${Loading} /></div>`;

  const total = data.rows.reduce((/** @type {number} */ sum, /** @type {any} */ one) => sum + one.count, 0);
  const choice = data.tasks?.length ? html`<label>task type <select value=${task}
    onChange=${(/** @type {any} */ event) => adjust({ task: event.target.value })}>
    <option value="">all</option>${data.tasks.map((/** @type {string} */ one) =>
      html`<option value=${one}>${one}</option>`)}</select></label>` : null;
  return html`<div class="page"><div class="head"><h1>Failures</h1>
      ${data.rows.length ? html`<span
        class="dim">${plural(total, 'failure')} of ${plural(data.rows.length, 'kind')}, the last 30 days</span>`
         : null}<span class="grow"></span>${choice}</div>
    ${data.rows.length ? html`<div class="fail">${data.rows.map((/** @type {any} */ one) =>
      html`<${Failure} key=${`${one.class}/${one.kind}`} of=${one} />`)}</div>`
      : html`<div class="card"><${Empty}
        title="No failures">${data.looked ?? 'Only the newest observations and runs were searched.'}<//></div>`}
    ${data.rows.length && data.looked ? html`<p class="dim">${say(data.looked)}</p>` : null}</div>`;
}
