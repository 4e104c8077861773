// The list of runs: newest first, a page at a time. Rows of live runs change where they stand.
import { flipped, html, store, useEffect, useState, useStore } from './base.js';
import { brief, count, plural, secs, short } from './words.js';
import { adjust, go, link } from './address.js';
import { announce, Cost, Demo, Empty, Loading, Mark, More, Spark, Table, Time, Trouble } from './parts.js';
import { listen, usePages } from './data.js';

/** @typedef {import('./types.js').RunLine} RunLine */

/**
 * The runs that are marked, to be compared.
 * @type {import('./base.js').Store<string[]>}
 */
export const marked = store(/** @type {string[]} */ ([]));

/** @param {string} id */
export function mark(id) {
  marked.set(flipped(marked.get(), id));
}

/** @param {string} script */
const base = script => script.replace(/(^| )scripts\//g, '$1');

/** The words of a filter. @param {string} query */
const wordsOf = query => query.split(/\s+/).filter(Boolean);

/**
 * Adds words to the filter, or takes them out.
 * @param {string} query
 * @param {string[]} words
 */
function toggle(query, words) {
  const all = wordsOf(query);
  const rest = all.filter(one => !words.includes(one));
  return (rest.length < all.length ? rest : [...all, ...words]).join(' ');
}

/** @param {{ script: any, query: string }} props */
function Tile({ script, query }) {
  const words = wordsOf(script.name).map(part => `script:${part}`);
  const isChosen = words.every(word => wordsOf(query).includes(word));
  return html`<button type="button" aria-pressed=${String(isChosen)}
    onClick=${() => go(['runs'], { q: toggle(query, words) })}>
    <strong title=${script.name}>${base(script.name)}</strong>
      <${Spark} values=${script.took} tone=${script.failed ? 'var(--bad)' : 'var(--ok)'} />
    <span>${plural(script.runs, 'run')}${script.failed ? html` · <span
      class="bad">${count(script.failed)} failed</span>` : null}</span>
    <span class="m" title="median time">${secs(script.median)}</span></button>`;
}

/** @param {{ ops: import('./types.js').Outcomes }} props */
function Outcomes({ ops }) {
  const all = /** @type {[string, number][]} */ (Object.entries(ops).filter(([, n]) => n));
  const total = all.reduce((sum, [, n]) => sum + n, 0) || 1;
  const looks = /** @type {any} */ ({ completed: '', failed: 'f', running: 'r', skipped: 's', cancelled: 's' });

  const parts = ['completed', 'failed', 'running', 'skipped', 'cancelled'].filter(kind => /** @type {any} */ (ops)[kind]);
  return html`<span class="ops" role="img" aria-label=${all.map(([kind, n]) => `${n} ${kind}`).join(', ') || 'none'}>
    ${parts.map(kind => html`<i class=${looks[kind]}
      style=${{ width: `${100 * /** @type {any} */ (ops)[kind] / total}%` }}></i>`)}</span>`;
}

/** @param {{ run: RunLine }} props */
function Took({ run }) {
  const isRunning = run.status === 'running';
  const share = run.median && run.took != null ? Math.min(1, run.took / (2 * run.median)) : 0;
  const isSlow = run.median && run.took != null && run.took > 1.5 * run.median;
  const look = isRunning ? 'go' : isSlow ? 'slow' : '';

  return html`<span class="took"><i aria-hidden="true"
    title=${run.median ? `the line is the script's median, ${secs(run.median)}` : 'no earlier run to compare with'}>
    <b class=${look} style=${{ width: `${100 * share}%` }}></b>${run.median ? html`<u></u>` : null}</i>
    <span class=${isRunning ? 'go' : ''}>${secs(run.took)}</span></span>`;
}

/** @param {{ run: RunLine }} props */
function Counts({ run }) {
  const { ops } = run;
  const total = Object.values(ops).reduce((sum, n) => sum + (n ?? 0), 0);
  if (run.status === 'running') {
    return html`<span class="dim">${count(ops.completed + ops.failed)} of ${count(total)}${ops.failed
      ? html` <span class="bad">${count(ops.failed)} failed</span>` : null}</span>`;
  }
  return ops.failed ? html`<span class="bad">${count(ops.failed)} of ${count(total)} failed</span>`
    : html`<span class="dim">${count(total)}</span>`;
}

/** @param {{ run: RunLine, isMarked: boolean }} props */
const RunRow = ({ run, isMarked }) => html`<tr class="row" tabindex="-1" data-go=${link(['run', run.id])}
  data-run=${run.id} aria-selected=${isMarked ? 'true' : null}>
  <td><label class="tick"><input type="checkbox" aria-label=${`Mark run ${run.id}`} checked=${isMarked}
    onChange=${() => mark(run.id)} /></label></td>
  <td class="nowrap"><${Mark} of=${run.status}><a class="mono" href=${link(['run', run.id])}>${brief(run.id)}</a><//>
    </td>
  <td class="main"><div><span class="fix">${base(run.script)}</span>
    <span class="dim give" title=${run.params}>${run.params}</span>
    ${run.failure ? html`<span class=${run.status === 'failed' ? 'bad' : 'warn'}
      title=${run.failure}>${run.failure}</span>` : null}
    ${run.status === 'waiting' ? html`<span class="fix go">waits for an answer</span>` : null}
    ${run.note ? html`<span class="note-text" title=${run.note}>${run.note}</span>` : null}${run.demo
      ? html`<${Demo} isSmall />` : null}
    ${run.resumes ? html`<span class="tag fix" title=${`resumes run ${run.resumes}`}>↩ ${brief(run.resumes)}</span>`
       : null}
    ${(run.tags ?? []).map(tag => html`<span class="tag fix">${tag}</span>`)}</div></td>
  <td class="wide nowrap"><${Time} at=${run.started_at} /></td>
  <td class="wide"><${Took} run=${run} /></td><td class="only-narrow num">${secs(run.took)}</td>
  <td class="wide nowrap"><${Outcomes} ops=${run.ops} /> <${Counts} run=${run} /></td>
  <td class="num wide">${count(run.calls)}${run.reused ? html`<span class="dim"> +${count(run.reused)} reused</span>`
     : null}</td>
  <td class="num wide dim">${short(run.tokens[0])} / ${short(run.tokens[1])}</td>
  <td class="num"><${Cost} cost=${run.cost} demo=${run.demo} unknown=${run.unknown_costs} /></td>
</tr>`;

const RUN_HEAD = html`<th><span class="sr">Marked</span></th><th>run</th><th>script</th><th class="wide">started</th>
  <th class="wide">time, against the median</th><th class="only-narrow num">time</th><th class="wide">operations</th>
  <th class="num wide">calls</th><th class="num wide">tokens</th><th class="num">cost</th>`;

/**
 * The rows with what was heard since they were asked for.
 * @param {RunLine[]} rows
 * @param {Map<string, RunLine>} heard
 * @param {boolean} takesNew
 */
function merged(rows, heard, takesNew) {
  const known = new Set(rows.map(run => run.id));
  const fresh = takesNew ? [...heard.values()].filter(run => !known.has(run.id)) : [];
  const newest = rows.length ? rows[0].started_at : 0;
  const first = fresh.filter(run => run.started_at >= newest).sort((a, b) => b.started_at - a.started_at);
  return [...first, ...rows.map(run => heard.get(run.id) ?? run)];
}

/** The runs that changed since the page was loaded. @param {string} path */
function useHeard(path) {
  const [heard, setHeard] = useState({ path, runs: new Map() });
  useEffect(() => listen('runs', told => setHeard((/** @type {any} */ was) => {
    const runs = new Map(was.path === path ? was.runs : []);
    for (const run of told.rows ?? told) runs.set(run.id, run);
    announce(`${plural(runs.size, 'run')} changed`);
    return { path, runs };
  })), [path]);
  return heard.path === path ? heard.runs : new Map();
}

/** @param {{ hello: any, query: any }} props */
export function Runs({ hello, query }) {
  const q = query.q ?? '';
  const path = `/api/runs${q ? `?q=${encodeURIComponent(q)}` : ''}`;
  const { rows, next, load, problem, data } = usePages(path, 'before');
  const heard = useHeard(path);
  const chosen = useStore(marked);
  const all = merged(rows, heard, !q);

  if (data && !all.length && !q) return html`<${NoRuns} hello=${hello} />`;
  return html`<div class="page"><h1 class="sr">Runs</h1>
    <div class="scripts" role="group" aria-label="Scripts, with the times of their last 30 runs">
      ${(hello.scripts ?? []).slice(0, 10).map((/** @type {any} */ one) =>
        html`<${Tile} key=${one.name} script=${one} query=${q} />`)}</div>
    <div class="head"><label class="find"><span class="dim" aria-hidden="true">⌕</span>
        <input id="find" type="search" value=${q} aria-label="Filter runs"
          placeholder="script:review  status:failed  cost:>0.10  tag:nightly  or any text"
          onChange=${(/** @type {any} */ event) => adjust({ q: event.target.value.trim() })} /><kbd>/</kbd></label>
      ${q ? html`<button type="button" class="btn" onClick=${() => go(['runs'])}>clear</button>` : hello.runs
        ? html`<span class="dim">${plural(hello.runs, 'run')}</span>` : null}</div>
    ${problem ? html`<${Trouble} problem=${problem} />` : null}
    <div class="card">${all.length ? html`<${Table} label="Runs" name="runs" head=${RUN_HEAD}>
        ${all.map(run => html`<${RunRow} key=${run.id} run=${run} isMarked=${chosen.includes(run.id)} />`)}<//>
      <${More} next=${next} load=${load} word="older ↓"
        says=${`${next == null ? plural(all.length, 'run') : `newest ${count(all.length)}`}${q ? ' found' : ''}`} />`
      : data ? html`<${Empty}
        title="No run matches">Looked for <code>${q}</code> in all runs. A filter may hold <code>script:</code>, <code>status:</code>,
          <code>tag:</code>, <code>is:demo</code>, <code>cost:>0.1</code>, <code>took:>60</code>,
          <code>after:2026-11-01</code> or any text.<//>` : problem ? null : html`<${Loading} />`}</div>
    ${chosen.length ? html`<${Marked} chosen=${chosen} />` : null}</div>`;
}

/** @param {{ chosen: string[] }} props */
const Marked = ({ chosen }) => html`<div class="bulk" role="status">${plural(chosen.length, 'run')} marked
  <button type="button" class="btn small" disabled=${chosen.length !== 2}
    onClick=${() => go(['compare', ...chosen])}>compare <kbd>c</kbd></button>
  <button type="button" class="btn small" onClick=${() => marked.set([])}>clear</button></div>`;

/** @param {{ hello: any }} props */
const NoRuns = ({ hello }) => html`<div class="page"><h1 class="sr">Runs</h1><div class="card">
  <${Empty} title="No runs yet" command="kaizen run scripts/main.rhai">
    ${hello.empty ? 'There is no store yet at ' : 'Looked in '}<code>${hello.store ?? '.kaizen/kaizen.db'}</code>${hello.empty
      ? '. The first run creates it, and this page shows it at once.' : ': the store holds no run.'}<//></div></div>`;
