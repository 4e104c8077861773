// The report: the pictures of the page in one file, in the order in which they are read. It asks nobody anything.
import { flipped, html, render, useState } from './base.js';
import { brief, count, countFrom, money, moment, plural, say, secs } from './words.js';
import { Args, Demo, Differing, Empty, Glyph, Pieces, Status } from './parts.js';
import { Figures } from './figures.js';
import { linesOf } from './lines.js';
import { Timeline } from './timeline.js';
import { Dag } from './graph.js';
import { Exchange, Message, Tools } from './conversation.js';
import { Standings, Whiskers } from './charts.js';

/** The first words of what came of an operation. @param {any} op */
function gist(op) {
  const last = (op.attempts ?? [])[(op.attempts ?? []).length - 1];
  if (op.row.failure) return `${op.row.failure.kind}: ${op.row.failure.message}`;
  return (last?.reply ?? op.value)?.text.slice(0, 140) ?? op.row.because ?? '';
}

/** One operation with its messages, folded. @param {{ op: any, run: any }} props */
const Operation = ({ op, run }) => html`<details id=${`op-${run.id}-${op.row.op}`}><summary>
  <${Glyph} of=${op.row.outcome} /><strong>${op.row.name}</strong>
    <span class="sr">${op.row.outcome}</span><span class="grow">${gist(op)}</span>
    <span class="dim nowrap">${secs(op.row.took)}${op.row.cost == null ? '' : ` · ${money(op.row.cost)}`}</span>
      </summary>
  <div class="inside">${op.row.failure ? html`<div class="note bad">
    <strong>${op.row.failure.kind}</strong> · ${say(op.row.failure.message)}
      ${op.lesson ? html`<div>→ ${say(op.lesson)}</div>` : null}</div>` : null}
    ${(op.attempts ?? []).map((/** @type {any} */ one, /** @type {number} */ i) => html`${op.attempts.length > 1
      ? html`<h3>call ${i + 1} of ${op.attempts.length}</h3>` : null}
      <${Exchange} attempt=${one} name=${`${brief(run.id)}-${op.row.name}`} />`)}
    ${op.tools?.length ? html`<h3>tools</h3><${Tools} of=${op.tools} name=${`${brief(run.id)}-${op.row.name}`} />`
       : null}
    ${op.value && op.value.text !== op.attempts?.[op.attempts.length - 1]?.reply?.text
      ? html`<${Message} who="value" isReply text=${op.value} name=${`${brief(run.id)}-${op.row.name}`} />` : null}
    ${(op.notes ?? []).map((/** @type {any} */ one) => html`<div class="said">${one.text}</div>`)}</div></details>`;

/** The operations of a run over time. @param {{ of: any }} props */
function Times({ of }) {
  const [open, setOpen] = useState(new Set());
  const [zoom, setZoom] = useState(null);
  const [op, setOp] = useState(null);
  const lines = linesOf(of.run.flows ?? [], { rows: of.rows, next: null }, {}, open, zoom).filter(line => line.kind !== 'more');

  const pick = (/** @type {any} */ event) => {
    if (event.target.closest('button')) return;
    const { dataset } = event.target.closest('[data-op], [data-fold]') ?? {};
    if (dataset?.fold != null) setOpen(new Set(flipped([...open], dataset.fold)));
    if (dataset?.op == null) return;
    setOp(Number(dataset.op));
    const details = document.getElementById(`op-${of.run.id}-${dataset.op}`);
    details?.setAttribute('open', '');
    details?.querySelector('summary')?.focus();
    details?.scrollIntoView({ block: 'start' });
  };
  return html`<${Timeline} run=${of.run} lines=${lines} op=${op} open=${open} zoom=${zoom} setZoom=${setZoom}
    pick=${pick} />`;
}

/** @param {{ run: any }} props */
const RunFacts = ({ run }) => html`<div class="sub"><${Status} of=${run.status} /><span class="mono">${run.id}</span>
  <span>${moment(run.started_at)}</span><${Args} of=${run.args} /><span>kaizen ${run.program}</span></div>`;

/** One run, from its figures to its operations. @param {{ of: any, isOnly: boolean }} props */
const One = ({ of, isOnly }) => html`${isOnly ? null : html`<h2>Run ${brief(of.run.id)}: ${of.run.script}</h2>
  <${RunFacts} run=${of.run} />`}
  ${of.run.demo ? html`<div
    class="note warn">The built-in demo model answered. The figures say nothing about a real model.</div>` : null}
  ${of.run.failure ? html`<div class="note bad"><strong>${say(of.run.failure.title)}</strong> <span
    class="mono dim">${of.run.failure.place}</span>
    <div class="pre">${say(of.run.failure.text)}</div></div>` : null}
  <${Figures} run=${of.run} />
  ${of.run.value ? html`<h2>Result</h2><div
    class="answer">${of.run.value.text}${of.run.value.bytes > of.run.value.text.length * 4 ? ' …' : ''}</div>` : null}
  <h2>Where the time went</h2>${of.rows.length ? html`<${Times} of=${of} />` : html`<div class="card">
    <${Empty} title="No operations">The run executed none.<//></div>`}
  ${(of.graphs ?? []).length ? html`<h2>The flow</h2>${of.graphs.map((/** @type {any} */ graph) =>
    html`<${Dag} graph=${graph} op=${null} />`)}` : null}`;

/** @param {{ of: any }} props */
const Against = ({ of }) => html`<h2>Compared with run ${brief(of.a.id)}</h2><div class="card">
    ${of.differs.length ? html`<${Differing} label="What was different before" a=${brief(of.a.id)} b=${brief(of.b.id)}
      of=${of.differs} />`
    : html`<p class="pad dim">Parameters, files, models and versions are the same.</p>`}</div>
  <p>${plural(of.total - of.same, 'operation')} of ${count(of.total)} differ. ${of.result?.says ?? ''}</p>
  ${of.result?.pieces?.length ? html`<${Pieces} of=${of.result.pieces} />` : null}`;

/** @param {{ of: any }} props */
const Learned = ({ of }) => html`<div class="card"><header><h3>${of.task}</h3>
  <span class="dim">${plural(of.n, 'execution')}</span></header>
  <div class="say">${say(of.says)}</div><${Whiskers} patterns=${of.patterns} />
    <${Standings} patterns=${of.patterns} /></div>`;

/** @param {{ data: any }} props */
function Whole({ data }) {
  const [first] = data.runs;
  const isOnly = data.runs.length === 1;
  return html`<div class="report"><header><div class="title"><h1>${data.title}</h1>${first.run.demo
    ? html`<${Demo} />` : null}</div>
      ${isOnly ? html`<${RunFacts} run=${first.run} />` : null}</header>
    ${[data.lead].flat().map(one => html`<p class="lead">${say(one)}</p>`)}
    ${data.left ? html`<p class="dim">Left out: ${say(data.left)}</p>` : null}
    ${data.runs.map((/** @type {any} */ of) => html`<${One} key=${of.run.id} of=${of} isOnly=${isOnly} />`)}
    ${data.compare ? html`<${Against} of=${data.compare} />` : null}
    ${data.learning?.length ? html`<h2>What was learned</h2>${data.learning.map((/** @type {any} */ one) =>
      html`<${Learned} of=${one} />`)}` : null}
    ${data.failures?.length ? html`<h2>What went wrong</h2>${data.failures.map((/** @type {any} */ one) => html`<p>
      <span class="tag">${one.class}</span> <strong>${count(one.count)}×</strong>${' '}
      <code>${one.kind}</code> ${one.message}<br /><span class="dim">${say(one.lesson)}</span></p>`)}` : null}
    ${data.runs.map((/** @type {any} */ of) =>
      html`<h2>${of.run.planned > of.ops.length ? 'Operations' : 'Every operation'}${isOnly ? '' : ` of ${brief(of.run.id)}`}</h2>
      ${of.ops.map((/** @type {any} */ op) => html`<${Operation} key=${op.row.op} op=${op} run=${of.run} />`)}`)}
    <footer>Made by kaizen ${data.program} from the journal of ${data.project} on ${moment(data.now)}.
      This file loads nothing and sends nothing.
      Secrets that kaizen knows were removed when the journal was written. Read it before you share it.</footer>
        </div>`;
}

const given = JSON.parse(document.getElementById('data')?.textContent ?? 'null');
const page = document.getElementById('main');
if (given && page) {
  countFrom(given.now);
  page.replaceChildren();
  render(html`<${Whole} data=${given} />`, page);
  document.documentElement.dataset.ready = 'report';
}
