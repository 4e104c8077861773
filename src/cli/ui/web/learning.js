// What was learned about a task type: which pattern, how sure, since when, and why it was chosen.
import { html, useEffect } from './base.js';
import { brief, count, percent, plural, say, score, moment } from './words.js';
import { link } from './address.js';
import { refresh, soonAfter, useAnswer, usePages } from './data.js';
import { Empty, Loading, Mark, More, Table, Time, Trouble } from './parts.js';
import { colour, Progress, Standings, Whiskers } from './charts.js';

const EXAMPLE = 'let o = optimizer();\nlet done = o.run("sentiment", patterns, text);';

/** @param {{ n: number }} props */
const Nothing = ({ n }) => html`<div class="page"><h1 class="sr">Learning</h1><div class="card">
  <${Empty} title="Nothing was learned yet" command=${EXAMPLE}>
    The store holds ${n ? `${plural(n, 'observation')} of the demo model, which do not count` : 'no observation'}.${' '}
    Scripts record them with <code>o.run(..)</code> or <code>o.record_execution(..)</code>.<//></div></div>`;

/** @param {any} props */
const Decision = ({ of, patterns }) => html`<tr
  class=${colour(Math.max(0, patterns.findIndex((/** @type {any} */ one) => one.name === of.pattern)))}>
  <td class="dim nowrap">${of.at == null ? '' : html`<${Time} at=${of.at} />`}</td><td class="nowrap">
    <span class="dot"></span>${of.pattern}${of.explored ? html` <span class="tag go">exploration</span>` : null}</td>
  <td class="num">${percent(of.probability)}</td><td class="why">${say(of.reason)}</td>
  <td class="num">${of.failed ? html`<${Mark} of="failed">${of.failed}<//>` : score(of.score)}</td>
  <td>${of.run ? html`<a class="mono"
    href=${link(['run', of.run], of.op == null ? {} : { op: of.op })}>${brief(of.run)}</a>` : null}</td></tr>`;

const DECISION_HEAD = html`<th>when</th><th>chosen</th><th class="num">probability</th><th>reason</th>
  <th class="num">score</th><th>run</th>`;

/** Where an answer has the list of decisions. @param {any} answer */
const decisionsOf = answer => answer.decisions ?? { rows: [], next: null };

/** Decisions, newest first. @param {{ rows: any[], next: any, load: () => any, patterns: any[] }} props */
function Decisions({ rows, next, load, patterns }) {
  if (!rows.length) return null;
  return html`<section class="card"><header><h2>Decisions</h2><span
    class="dim">newest first, each with the reason given at the time</span></header>
    <${Table} label="Decisions" head=${DECISION_HEAD}>${rows.map(one =>
      html`<${Decision} of=${one} patterns=${patterns} />`)}<//>
    ${next == null ? null : html`<${More} next=${next} load=${load}
      says=${plural(rows.length, 'decision')} />`}</section>`;
}

/** What would be chosen now, and the evidence. @param {{ task: any }} props */
const Standing = ({ task }) => html`<section class="card"><header><h2>${task.task}</h2>
    <span class="dim">${plural(task.n, 'execution')}${task.since == null ? '' : ` since ${moment(task.since).slice(0, 10)}`}</span>
    <span class="grow"></span><span class="dim">${task.objective}</span></header>
  <div class="say">${say(task.says)}${task.tested ? html`<p class="dim small">${say(task.tested)}</p>` : null}</div>
  <${Whiskers} patterns=${task.patterns} />
    <${Standings} patterns=${task.patterns} /></section>`;

/** @param {{ name: string }} props */
function Task({ name }) {
  const path = `/api/learning/${encodeURIComponent(name)}`;
  const { rows, next, load, data, problem } = usePages(path, 'before', decisionsOf);
  if (problem) return html`<${Trouble} problem=${problem} />`;
  if (!data) return html`<${Loading} />`;
  return html`<div class="stack"><${Standing} task=${data} />
    <section class="card"><header><h2>What was chosen, and how well it did</h2>
      <span class="dim">${plural(data.n, 'execution')} in their order${data.smooth > 1 ? `; mean of ${data.smooth}` : ''}</span></header>
      <${Progress} task=${data} /></section>
    <${Decisions} rows=${rows} next=${next} load=${load} patterns=${data.patterns} /></div>`;
}

/** @param {{ name: string | undefined }} props */
export function Learning({ name }) {
  const { data, problem } = useAnswer('/api/learning');
  // Many may be recorded in a row; once a second is often enough.
  useEffect(() => soonAfter(['learning'], refresh), []);
  if (problem) return html`<div class="page"><h1>Learning</h1><${Trouble} problem=${problem} /></div>`;
  if (!data) return html`<div class="page"><h1 class="sr">Learning</h1></div>`;
  if (!data.tasks.length) return html`<${Nothing} n=${data.demo_observations ?? 0} />`;

  const chosen = name && data.tasks.some((/** @type {any} */ one) => one.task === name) ? name : data.tasks[0].task;
  return html`<div class="page"><h1 class="sr">Learning: ${chosen}</h1><div class="learn">
    <nav class="card tasks" aria-label="Task types">${data.tasks.map((/** @type {any} */ one) =>
      html`<a key=${one.task} href=${link(['learning', one.task])}
      aria-current=${one.task === chosen ? 'page' : null}><span>${one.task}</span>
        <span class="dim">n=${count(one.n)}</span><small>${say(one.state)}</small></a>`)}</nav>
    <${Task} key=${chosen} name=${chosen} /></div></div>`;
}
