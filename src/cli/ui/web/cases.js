// Compare patterns on examples: an input in each row, a pattern in each column.
import { classes, html } from './base.js';
import { money, percent, plural, score, secs } from './words.js';
import { adjust, link } from './address.js';
import { usePages } from './data.js';
import { Choice, Empty, Glyph, Loading, Meter, More, Table, Trouble } from './parts.js';

/** The filters of the table. */
const ONLY = [['', 'all'], ['differ', 'where they differ'], ['wrong', 'wrong']];

/** What an empty table means, by filter. */
const NOTHING = {
  '': 'No inputs were recorded', wrong: 'No answer is wrong', differ: 'The patterns did equally well on every input',
};

/**
 * One pattern on one input.
 * @param {{ cell: any, run: string, query: any, isDim: boolean }} props
 */
function Cell({ cell, run, query, isDim }) {
  if (!cell) return html`<td class="case dim">not run</td>`;
  const judged = cell.score == null ? 'not judged' : `score ${score(cell.score)}`;
  const figures = [judged, money(cell.cost), secs(cell.took)].join(' · ');
  const answer = cell.error ?? cell.answer ?? 'no answer';

  const body = html`<span class="st"><${Glyph}
    of=${cell.wrong ? 'failed' : cell.score == null ? 'waiting' : 'completed'} />
    <span class="sr">${cell.wrong ? 'wrong' : cell.score == null ? '' : 'right'}</span></span>
    <span class=${classes('answer-text', cell.error && 'bad')}>${answer}</span>
      <span class="dim figures">${figures}</span>`;
  return html`<td class=${classes('case', cell.wrong && 'wrong', isDim && 'faint')}>${cell.op == null
    ? html`<div>${body}</div>`
    : html`<a href=${link(['run', run], { ...query, op: cell.op })}
      aria-current=${query.op === String(cell.op) ? 'true' : null}>${body}</a>`}</td>`;
}

/** @param {{ pattern: any, query: any }} props */
function PatternHead({ pattern, query }) {
  const isJudged = pattern.score != null || pattern.judged > 0;
  const wrong = pattern.wrong ?? (isJudged ? pattern.n - pattern.right : 0);
  const isChosen = query.only === 'wrong' && query.pattern === pattern.name;
  const share = percent(pattern.n ? pattern.right / pattern.n : null);
  const judged = isJudged ? [`${share} right`, `score ${score(pattern.score)}`] : [];
  const figures = [...judged, money(pattern.cost), secs(pattern.took)];
  const toggle = () => adjust(isChosen ? { only: null, pattern: null } : { only: 'wrong', pattern: pattern.name });

  return html`<th scope="col" class="pattern"><strong>${pattern.name}</strong>
    ${isJudged ? html`<${Meter} share=${pattern.n ? pattern.right / pattern.n : 0} />` : null}
    <span class="dim">${figures.join(' · ')}</span>
    ${wrong ? html`<button type="button" class="btn small" aria-pressed=${String(isChosen)}
      onClick=${toggle}>${wrong} wrong</button>` : html`<span
      class=${isJudged ? 'ok' : 'dim'}>${isJudged ? 'none wrong' : 'not judged'}</span>`}</th>`;
}

/**
 * The table of a run that compared patterns.
 * @param {{ run: string, query: any }} props
 */
export function Cases({ run, query }) {
  const only = query.only === 'wrong' || query.only === 'differ' ? query.only : '';
  const asked = new URLSearchParams({ ...only && { only }, ...query.task && { task: query.task } });
  const { rows, next, load, data, problem } = usePages(`/api/run/${run}/cases${String(asked) ? `?${asked}` : ''}`, 'after');
  if (problem) return html`<${Trouble} problem=${problem} />`;
  if (!data) return html`<${Loading} />`;

  const names = data.patterns.map((/** @type {any} */ one) => one.name);
  const at = names.indexOf(query.pattern);
  const shown = only === 'wrong' && at >= 0 ? rows.filter(row => row.cells[at]?.wrong) : rows;
  return html`<div class="card"><header><h2>Compare patterns on examples</h2>
      ${data.tasks?.length > 1 ? html`<label>task type <select value=${data.task}
        onChange=${(/** @type {any} */ event) => adjust({ task: event.target.value, only: null, pattern: null })}>
        ${data.tasks.map((/** @type {string} */ one) => html`<option value=${one}>${one}</option>`)}</select></label>`
      : html`<span class="dim">${data.task}</span>`}<span class="grow"></span>
      <${Choice} label="Examples" of=${ONLY} value=${only}
        pick=${(/** @type {string} */ key) => adjust({ only: key || null, pattern: null })} /></header>
    ${shown.length ? html`<${Table} label="Examples" name="cases" head=${html`<th class="num">#</th><th>input</th>
      <th>expected</th>${data.patterns.map((/** @type {any} */ one) =>
        html`<${PatternHead} key=${one.name} pattern=${one} query=${query} />`)}`}>
      ${shown.map((/** @type {any} */ row) => html`<tr key=${`${row.task}-${row.number}`}>
        <td class="num dim">${row.number}</td><td class="input">
          <div tabindex=${row.input.length > 160 ? 0 : null}>${row.input}</div></td>
        <td class="expected">${row.expected ?? html`<span class="dim">unknown</span>`}</td>
        ${row.cells.map((/** @type {any} */ cell, /** @type {number} */ i) =>
          html`<${Cell} key=${i} cell=${cell} run=${run}
          query=${query} isDim=${at >= 0 && i !== at} />`)}</tr>`)}<//>
      <${More} next=${next} load=${load}
        says=${`${plural(shown.length, 'input')}${at >= 0 ? `, wrong with ${query.pattern}` : ''}`} />`
    : html`<${Empty} title=${/** @type {any} */ (NOTHING)[only]}>
        ${only ? 'Choose another filter to see the other inputs.'
          : 'The run was recorded by a version that did not store them.'}<//>`}
  </div>`;
}
