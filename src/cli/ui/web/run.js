// One run: figures, then its operations over time or as a graph, and one of them in full.
import { classes, flipped, html, useEffect, useRef, useState } from './base.js';
import { brief, count, moment, plural, say, secs } from './words.js';
import { adjust, link } from './address.js';
import { listen, partOf, useAnswer, usePages } from './data.js';
import { announce, Args, Choice, Demo, Empty, Loading, More, Status, Table, Time, Trouble } from './parts.js';
import { endedOf, Figures } from './figures.js';
import { Timeline } from './timeline.js';
import { Dag } from './graph.js';
import { Message } from './conversation.js';
import { Panel } from './panel.js';
import { Waits } from './questions.js';
import { Cases } from './cases.js';
import { keyOf, linesOf } from './lines.js';
import { useRows } from './rows.js';
import { closePanel, useReveal, useRunKeys, usualView, viewOf } from './walk.js';
import { Labels, Notes, Report, Stop } from './labels.js';

/**
 * Follows a run. What is heard of it replaces what was known; if that is not all, it is asked for again.
 * @param {string} id
 */
function useRun(id) {
  const [tick, setTick] = useState(0);
  const [, redraw] = useState(0);
  const timer = useRef(0);
  const { data, problem } = useAnswer(`/api/run/${id}`, tick);
  const known = useRef({ from: null, run: /** @type {any} */ (null) });
  if (data?.id === id && known.current.from !== data) known.current = { from: data, run: data };

  useEffect(() => {
    const again = () => { timer.current = 0; setTick((/** @type {number} */ n) => n + 1); };
    const stop = listen('run', told => {
      const { run } = known.current;
      if (told.run !== run?.id) return;
      announce(`run ${brief(id)} moved on`);
      if (told.line && told.flows) {
        const { run: _, rows: __, ...rest } = told;
        known.current.run = { ...run, ...told.line, ...rest };
        redraw((/** @type {number} */ n) => n + 1);
      } else if (told.seq !== run.seq) {
        timer.current ||= setTimeout(again, 500);
      }
    });
    const gone = listen('gone', told => { if (told.run === id || told.run === known.current.run?.id) again(); });
    return () => { stop(); gone(); clearTimeout(timer.current); timer.current = 0; };
  }, [id]);
  return { run: problem ? null : known.current.run, problem };
}

/** @param {{ run: any }} props */
function RunHead({ run }) {
  const m = run.metrics;
  const ended = endedOf(m);
  const demo = m.demo_calls === m.calls ? 'every call' : `${m.demo_calls} of ${plural(m.calls, 'call')}`;
  const progress = run.planned > ended ? `${count(ended)} of ${count(run.planned)}` : plural(ended, 'operation');
  const word = run.status === 'running' ? `running, ${progress}` : null;

  return html`<div class="title"><${Status} of=${run.status} word=${word} /><h1>${run.script}</h1>
    <span class="mono dim">${run.id}</span>
      ${run.demo ? html`<${Demo} />` : null}<${Labels} run=${run} /><span class="grow"></span>
      ${run.status === 'running' ? html`<${Stop} run=${run} />` : null}
      <a class=${classes('btn small', !run.before && 'off')} aria-disabled=${run.before ? null : 'true'}
        href=${run.before ? link(['compare', run.before, run.id]) : null}
        title=${run.before ? 'with the run of this script before it' : 'there is no earlier run of this script'}>Compare
        <kbd class="wide">c</kbd></a>
      <${Report} run=${run} /></div>
    <div class="sub"><${Time} at=${run.started_at} /><span>${moment(run.started_at)}</span>
      <${Args} of=${run.args} />
      <span>seed <span class="mono">${run.seed}</span></span><span>kaizen ${run.program}</span>
      ${run.resumes ? html`<span>resumes <a class="mono" href=${link(['run', run.resumes])}>${brief(run.resumes)}</a>
        </span>` : null}<${Notes} run=${run} /></div>
    ${run.failure ? html`<div class="note bad"><strong>${say(run.failure.title)}</strong> <span
      class="mono dim">${run.failure.place}</span>
      ${run.failure.text || run.failure.op != null ? html`<div
        class="pre">${say(run.failure.text)} ${run.failure.op == null ? null
        : html`<a href=${link(['run', run.id], { op: run.failure.op })}>show the operation</a>`}</div>` : null}</div>`
           : null}
    ${run.demo ? html`<div
      class="note warn">The demo model answered <strong>${demo}</strong> of this run. Times and costs are those of the demo,
      and nothing is learned from it.</div>` : null}
    ${run.waits ? html`<${Waits} run=${run.id} waits=${run.waits} />` : null}`;
}

/** @param {{ run: string }} props */
function Log({ run }) {
  const { rows, next, load, data, problem } = usePages(`/api/run/${run}/log`, 'after');
  if (problem) return html`<${Trouble} problem=${problem} />`;
  if (!data) return html`<${Loading} />`;
  if (!rows.length) return html`<div class="card"><${Empty}
    title="The log is empty">Scripts write to it with <code>log.info(..)</code>, and the optimizer with each
    of its decisions.<//></div>`;

  const looks = /** @type {any} */ ({ decision: 'go', warn: 'warn', error: 'bad', asked: 'go', answered: 'go' });
  return html`<div class="card"><${Table} label="Log" head=${html`<th class="num">after</th><th>kind</th>
    <th>text</th>`}>${rows.map(line => html`<tr key=${line.seq}>
      <td class="num dim mono">+${secs(line.at)}</td><td class="nowrap">
        <span class=${classes('tag', looks[line.kind])}>${line.kind}</span></td>
      <td class="log-text"><div
        class=${classes('pre', line.kind === 'told' && 'dim')}>${say(line.text)}</div>${line.why
        ? html`<div class="dim">${say(line.why)}</div>` : null}</td></tr>`)}<//>
    <${More} next=${next} load=${load} says=${plural(rows.length, 'line')} /></div>`;
}

/** @param {{ run: any, query: any, op: number | null, pick: (event: any) => void }} props */
function GraphView({ run, query, op, pick }) {
  const flows = run.flows ?? [];
  const chosen = flows.find((/** @type {any} */ one) => String(one.flow) === query.flow) ?? flows[0];
  const { data, problem } = useAnswer(chosen ? `/api/run/${run.id}/graph?flow=${chosen.flow}` : null);
  if (!chosen) return html`<div class="card"><${Empty} title="No graph">The run executed no operations.<//></div>`;

  return html`${flows.length > 1 ? html`<div class="tools"><label>flow <select value=${chosen.flow}
    onChange=${(/** @type {any} */ event) => adjust({ flow: event.target.value })}>
      ${flows.map((/** @type {any} */ one) => html`<option
        value=${one.flow}>${one.flow}${one.name ? ` · ${one.name}` : ''} · ${plural(one.ops, 'operation')}</option>`)}
      </select></label></div>` : null}
    ${problem ? html`<${Trouble} problem=${problem} />` : data ? html`<${Dag} graph=${data} op=${op} pick=${pick} />`
      : html`<${Loading} />`}`;
}

/** @param {any} run */
const views = run => [
  ...run.cases ? [['examples', 'Examples', 'e']] : [],
  ['timeline', 'Timeline', 't'], ['graph', 'Graph', 'g'], ['log', 'Log', 'l'], ['result', 'Result', 'v'],
];

/** @param {{ id: string, query: any }} props */
export function Run({ id, query }) {
  const { run, problem } = useRun(id);
  const only = query.only === 'failed' || query.only === 'critical' ? query.only : '';
  const rows = useRows(id, { only, q: query.find ?? '' });
  if (problem?.status === 404) return html`<div class="page"><h1 class="sr">Run</h1><div class="card">
    <${Empty} title=${html`There is no run <code>${id}</code>`}>
    It may have been deleted by <code>kaizen gc</code>. What was learned from it stays. <p>
      <a href=${link(['runs'])}>All runs</a></p><//></div></div>`;
  if (problem && !run) return html`<div class="page"><${Trouble} problem=${problem} /></div>`;
  if (!run) return html`<div class="page"></div>`;
  return html`<${RunPage} key=${id} run=${run} query=${query} only=${only} rows=${rows} />`;
}

/** @param {{ run: any, query: any, only: string, rows: any }} props */
function RunPage({ run, query, only, rows }) {
  const op = query.op == null || query.op === '' ? null : Number(query.op);
  const view = query.view || usualView(run);
  const zoom = /^\d+-\d+$/.test(query.zoom ?? '') ? /** @type {[number, number]} */ (query.zoom.split('-').map(Number)) : null;
  const open = new Set((query.open ?? '').split('\n').filter(Boolean));
  const lines = rows.top ? linesOf(run.flows ?? [], rows.top, rows.listings, open, zoom) : [];

  const setZoom = (/** @type {[number, number] | null} */ next) => adjust({ zoom: next ? next.join('-') : null });
  const toggle = (/** @type {string} */ key) => adjust({ open: flipped([...open], key).join('\n') });
  const more = (/** @type {string} */ key) => {
    const fold = rows.top?.rows.find((/** @type {any} */ row) => keyOf(row) === key);
    if (fold) rows.list(fold); else rows.more();
  };
  const pick = (/** @type {any} */ event) => {
    if (event.target.closest('a, button, input')) return;
    const row = event.target.closest('[data-op], [data-fold], [data-more]');
    if (row?.dataset.op != null) adjust({ op: row.dataset.op });
    if (row?.dataset.fold != null && view === 'timeline') toggle(row.dataset.fold);
    if (row?.dataset.fold != null && view === 'graph') adjust({ view: 'timeline', find: row.dataset.fold });
    if (row?.dataset.more != null) more(row.dataset.more);
  };

  useRunKeys({ run, query, view, lines, open, zoom, setZoom, more });
  useReveal(op, lines);
  const setView = (/** @type {string} */ key) => adjust({ view: viewOf(run, key) });
  return html`<div class=${classes('run', op != null && 'open')}><section aria-label="Run">
      <${RunHead} run=${run} /><${Figures} run=${run} />
      <div class="tools"><${Choice} label="View" value=${view} pick=${setView}
        of=${views(run).map(([key, word, letter]) => [key, html`${word} <kbd class="wide">${letter}</kbd>`])} />
        <span class="grow"></span>
        ${view === 'timeline' ? html`<${Choice} label="Rows" value=${only}
          pick=${(/** @type {string} */ key) => adjust({ only: key || null })}
            of=${[['', 'all'], ['failed', `failed ${run.metrics.failed || ''}`], ['critical', 'critical path']]} />
          <label class="find slim"><span class="dim" aria-hidden="true">⌕</span>
            <input id="find" type="search" placeholder="operation" aria-label="Find an operation"
            value=${query.find ?? ''}
            onInput=${(/** @type {any} */ event) => adjust({ find: event.target.value })} /><kbd class="wide">/</kbd>
              </label>` : null}</div>
      ${rows.problem && view === 'timeline' ? html`<${Trouble} problem=${rows.problem} />` : null}
      ${view === 'timeline' && rows.top && !lines.length ? html`<div class="card">
        <${Empty} title=${only || query.find ? 'No operation matches' : 'No operations'}>
        ${only || query.find ? html`All operations of the run were searched. <a
          href=${link(['run', run.id])}>Show all</a>`
          : 'The run has not executed any operations yet.'}<//></div>` : null}
      ${view === 'timeline' && lines.length ? html`<${Timeline} run=${run} lines=${lines}
        op=${op} open=${open} zoom=${zoom} setZoom=${setZoom} pick=${pick} />` : null}
      ${view === 'graph' ? html`<${GraphView} run=${run} query=${query} op=${op} pick=${pick} />` : null}
      ${view === 'log' ? html`<${Log} run=${run.id} />` : null}
      ${view === 'examples' ? html`<${Cases} run=${run.id} query=${query} />` : null}
      ${view === 'result' ? run.value ? html`<${Message} who="value of the script" text=${run.value}
        name=${`${brief(run.id)}-value`}
          fetch=${partOf(run.id)} />`
        : html`<div class="card"><${Empty}
          title="No result">${run.status === 'running' ? 'The run has not ended yet.' : 'The run ended without a value.'}<//></div>` : null}
    </section>${op == null ? null : html`<${Panel} run=${run.id} op=${op}
      query=${query} close=${() => closePanel(op)} />`}</div>`;
}
