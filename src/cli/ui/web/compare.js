// Two runs side by side: what was different before, and what came of it.
import { html } from './base.js';
import { brief, count, money, NONE, plural, say, secs } from './words.js';
import { adjust, go, link } from './address.js';
import { useAnswer, usePages } from './data.js';
import { Cost, Differing, Empty, Loading, Mark, More, Pieces, Status, Table, Time, Trouble } from './parts.js';
import { useKeys } from './keys.js';

/** @param {{ of: string }} props */
const Side = ({ of }) => html`<span class=${`ab ${of}`}>${of}</span>`;

/** @param {{ of: string, run: any }} props */
const SideHead = ({ of, run }) => html`<div class=${`card ${of}`}><h2><${Side} of=${of} /><${Status} of=${run.status} />
    <a href=${link(['run', run.id])}>${run.script}</a><span class="mono dim">${brief(run.id)}</span></h2>
  <div class="sub"><${Time} at=${run.started_at} /><span>${secs(run.took)}</span>
    <${Cost} cost=${run.cost} demo=${run.demo} unknown=${run.unknown_costs} />
    <span>${plural(run.calls, 'call')}</span></div></div>`;

/**
 * How much more or less something is in the second run.
 * @param {{ a: number | null, b: number | null, show: (n: number | null) => string }} props
 */
function Delta({ a, b, show }) {
  if (a == null || b == null) return null;
  const change = b - a;
  if (Math.abs(change) < 1e-9 || show(Math.abs(change)) === '0 ms') return html`<span class="dim">same</span>`;
  return html`<span class=${change < 0 ? 'ok' : 'bad'}>${change < 0 ? '−' : '+'}${show(Math.abs(change))}</span>`;
}

/** What to do where more than one fact differs. */
const ADVICE = 'Change one thing at a time, or let `kaizen compare` repeat both on the same tasks: the result says which '
  + 'is better, with an interval.';

/** Where an answer has the list of operations. @param {any} answer */
const opsOf = answer => ({ rows: answer.ops, next: answer.next });

/** What differs, as words. */
const CHANGES = /** @type {any} */ ({
  same: 'same', words: 'reply', prompt: 'prompt', outcome: 'outcome', only_a: 'only in A', only_b: 'only in B',
  result: 'reply', model: 'model', request: 'settings', calls: 'number of calls',
});

/**
 * In what an operation differs, and of what that may be the consequence.
 * @param {{ op: any }} props
 */
function DifferenceWords({ op }) {
  const all = op.changed?.length && !op.change.startsWith('only') ? op.changed : [op.change];
  const words = op.words ? `, ${count(op.changed_words)} of ${plural(op.words, 'word')}` : '';
  const follows = op.follows?.length ? html` <span class="dim">follows from ${op.follows.join(', ')}</span>` : null;
  return html`${all.map((/** @type {string} */ word) => CHANGES[word] ?? word).join(', ')}${words}${follows}`;
}

/** The word diff of an operation in both runs. @param {{ a: string, b: string, op: any }} props */
function Words({ a, b, op }) {
  const { data, problem } = useAnswer(op.a && op.b ? `/api/compare/${a}:${op.a.op}/${b}:${op.b.op}` : null);
  if (!op.a || !op.b) {
    const [run, only] = op.a ? [a, op.a] : [b, op.b];
    return html`<p class="dim">Only one of the runs executed it. <a
      href=${link(['run', run], { op: only.op })}>Show it</a></p>`;
  }
  if (problem) return html`<${Trouble} problem=${problem} />`;
  if (!data) return html`<p class="dim">comparing …</p>`;
  const links = html`<p class="dim">Show the operation in <a href=${link(['run', a], { op: op.a.op })}>run A</a> or <a
    href=${link(['run', b], { op: op.b.op })}>run B</a>.</p>`;

  if (data.gave_up) return html`<p class="dim">The texts are too long to compare word by word.</p>${links}`;
  return html`${data.prompt ? html`<h3>prompt</h3><${Pieces} of=${data.prompt} />`
    : html`<h3>the prompts are the same</h3>`}
    ${data.reply ? html`<h3>reply</h3><${Pieces} of=${data.reply} />`
      : html`<h3>the replies are the same</h3>`}${links}`;
}

/** @param {any} props */
function PairRow({ op, longest, a, b, isOpen, place }) {
  const one = op.a ?? op.b;
  const bar = (/** @type {any} */ side, /** @type {string} */ of) => side
    ? html`<i class=${of} style=${{ width: `${100 * (side.took ?? 0) / longest}%` }}></i>` : null;

  return html`<tr class="row" tabindex="-1" data-go=${place} aria-selected=${isOpen ? 'true' : null}>
      <td class="nowrap"><button type="button" class="as-text" aria-expanded=${String(isOpen)}
        onClick=${() => adjust({ op: isOpen ? null : op.name })}>${isOpen ? '▾' : '▸'} ${op.name}</button></td>
      <td class="nowrap">${op.a ? html`<${Mark} of=${op.a.outcome} />` : NONE} → ${op.b
        ? html`<${Mark} of=${op.b.outcome} />` : NONE}</td>
      <td class="bars"><div class="pairbar" aria-hidden="true">${bar(op.a, 'A')}${bar(op.b, 'B')}</div></td>
      <td class="num">${op.a && op.b
        ? html`<${Delta} a=${op.a.took} b=${op.b.took} show=${secs} />` : secs(one.took)}</td>
      <td class="num wide">${op.a && op.b
        ? html`<${Delta} a=${op.a.cost} b=${op.b.cost} show=${money} />` : money(one.cost)}</td>
      <td class=${op.change === 'same' ? 'dim' : ''}><${DifferenceWords} op=${op} /></td></tr>
    ${isOpen ? html`<tr class="inside"><td colspan="6"><${Words} a=${a} b=${b} op=${op} /></td></tr>` : null}`;
}

/** @param {{ data: any }} props */
function Differences({ data }) {
  // A seed differs in nearly all runs, and alone it is chance.
  const facts = data.differs.filter((/** @type {any} */ one) => one.what !== 'seed');
  return html`<div class="card"><header><h2>What was different before</h2>
    <span class="dim">${plural(data.differs.length, 'fact')}</span></header>
  ${data.differs.length ? html`<${Differing} label="Facts that differ" a=${html`<${Side} of="A" />`}
      b=${html`<${Side} of="B" />`} of=${data.differs} />`
    : html`<p class="dim pad">Parameters, files, models and versions are the same.
      What differs below is chance, or was decided by a model.</p>`}
  ${facts.length > 1 ? html`<div class="note warn inset">
    <strong>${plural(facts.length, 'fact')} differ</strong>, so no single one explains what follows.${' '}
    ${say(ADVICE)}</div>` : null}</div>`;
}

/** @param {{ a: string, b: string, query: any }} props */
export function Compare({ a, b, query }) {
  const { rows, next, load, data, problem } = usePages(`/api/compare/${a}/${b}`, 'after', opsOf);
  const isAll = query.all === '1';
  useKeys({ d: () => adjust({ all: isAll ? null : '1' }) });
  if (problem) return html`<div class="page"><h1>Compare</h1><${Trouble} problem=${problem} /></div>`;
  if (!data) return html`<div class="page"><h1>Compare</h1><${Loading} /></div>`;

  const differ = rows.filter(op => op.change !== 'same');
  const total = data.total ?? rows.length;
  const shown = isAll ? rows : differ;
  const longest = Math.max(1, ...rows.flatMap(op => [op.a?.took ?? 0, op.b?.took ?? 0]));
  const place = (/** @type {any} */ op) => link(['compare', a, b], { ...query, op: query.op === op.name ? null : op.name });

  return html`<div class="page stack"><div class="head"><h1>Compare</h1><span class="grow"></span>
      <button type="button" class="btn small" onClick=${() => go(['compare', b, a], query)}>swap</button></div>
    <div class="two"><${SideHead} of="A" run=${data.a} /><${SideHead} of="B" run=${data.b} /></div>
    <${Differences} data=${data} />
    <div class="card"><header><h2>Operations</h2><span
      class="dim">${count(total - data.same)} of ${count(total)} differ</span>
      <span class="grow"></span>
        <label class="check"><input type="checkbox" checked=${!isAll}
          onChange=${() => adjust({ all: isAll ? null : '1' })} /> only what differs <kbd class="wide">d</kbd></label>
          </header>
      ${shown.length ? html`<${Table} label="Operations of both runs" name="cmp" head=${html`<th>operation</th>
        <th>outcome</th><th>time</th><th class="num">Δ time</th><th class="num wide">Δ cost</th><th>what differs</th>`}>
          ${shown.map(op => html`<${PairRow} key=${op.name}
            op=${op} longest=${longest} a=${data.a.id} b=${data.b.id} isOpen=${query.op === op.name}
            place=${place(op)} />`)}<//>`
        : html`<${Empty} title="No operation differs">Prompts, replies and outcomes are the same.<//>`}
      ${next == null ? null : html`<${More} next=${next} load=${load}
        says=${plural(rows.length, 'operation')} />`}</div>
    ${data.result ? html`<div class="card"><header><h2>Result</h2><span class="dim">${data.result.says}</span></header>
      ${data.result.pieces?.length ? html`<div class="pad"><${Pieces} of=${data.result.pieces} /></div>`
        : html`<p class="dim pad">the same</p>`}</div>` : null}</div>`;
}
