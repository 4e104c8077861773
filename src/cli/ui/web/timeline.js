// A run over time: a row for each operation, or one for many of a name. Only the rows in sight are elements.
import { classes, html, useLayoutEffect, useMemo, useRef, useState } from './base.js';
import { count, money, percent, say, secs } from './words.js';
import { apart, scaleOf, ticks } from './scale.js';
import { Demo, Glyph } from './parts.js';

/**
 * @typedef {import('./scale.js').Scale} Scale
 * @typedef {import('./scale.js').Span} Span
 * @typedef {import('./types.js').OpRow} OpRow
 * @typedef {import('./types.js').FoldRow} FoldRow
 * @typedef {import('./types.js').Line} Line
 */

/** Heights of rows, as in the style sheet. */
const HEIGHTS = { op: 26, fold: 38, flow: 24, more: 30 };
/** Rows that are kept above and below those in sight. */
const SPARE = 20;

/** How each part of a bar looks. */
const LOOKS = { wait: 'w', failed: 'f', pause: 'p', reused: 'u', live: 'live' };

/** @param {OpRow} row */
function label(row) {
  const cost = row.cost == null ? '' : `, ${money(row.cost)}`;
  return `${row.name}, ${row.outcome}, ${secs(row.took)}${cost}${row.critical ? ', on the critical path' : ''}`;
}

/** @param {{ row: OpRow, scale: Scale }} props */
function Bars({ row, scale }) {
  const { at, from, to } = scale;
  const last = Math.min(row.end ?? to, to);
  // What failed after its call was answered, such as in a check, is drawn as failed too.
  const isUnmarked = row.outcome === 'failed' && !row.segments.some(([kind]) => kind === 'failed');
  const lastCall = isUnmarked ? row.segments[row.segments.length - 1] : null;

  const bars = row.segments.filter(([, a, b]) => (b ?? to) >= from && a <= to).map((segment, i) => {
    const [kind, a, b, says] = segment;
    const left = at(Math.max(a, from));
    const width = at(Math.min(b ?? to, to)) - left;
    const look = segment === lastCall ? 'f' : /** @type {any} */ (LOOKS)[kind] ?? (row.critical ? 'crit' : '');
    return html`<i key=${i} class=${look} title=${says || kind} style=${{ left: `${left}%`, width: `${width}%` }}></i>`;
  });

  let note = row.label;
  if (row.outcome === 'skipped') note = row.because;
  if (!note) return bars;

  // Beside the bar where there is room, else before it.
  const isLate = at(last) > 70;
  const place = isLate ? { right: `${100 - at(Math.max(row.start ?? to, from))}%` } : { left: `${at(last)}%` };
  const look = classes(row.outcome === 'failed' && 'bad', isLate && 'end');
  return html`${bars}<small class=${look} style=${place}>${say(note)}</small>`;
}

/** @param {{ scale: Scale }} props */
const Gaps = ({ scale }) => scale.gaps.map(([a, b]) => html`<i class="gap" title=${`nothing ran for ${secs(b - a)}`}
  style=${{ left: `${scale.at(a)}%`, width: `${scale.at(b) - scale.at(a)}%` }}></i>`);

/** @param {any} props */
const OpLine = ({ row, scale, isPicked, index, isInside, tab }) => html`<div class="r" role="row" tabindex=${tab}
  data-op=${row.op} data-index=${index} aria-rowindex=${index + 2} aria-selected=${String(isPicked)} aria-label=${label(row)}>
  <div class=${classes('n', isInside && 'in')} role="rowheader">
    <${Glyph} of=${row.outcome} /><span title=${row.name}>${row.name}</span>${row.demo ? html`<${Demo} isSmall />`
       : null}
  </div>
  <div class="t" role="gridcell"><${Gaps} scale=${scale} /><${Bars} row=${row} scale=${scale} /></div>
  <div class="z" role="gridcell">${secs(row.took)}${row.cost == null ? null
    : html`<span class="x"> · ${money(row.cost)}</span>`}</div>
</div>`;

/**
 * The running operations of a fold over time, as an area.
 * @param {{ row: FoldRow, scale: Scale }} props
 */
function Density({ row, scale }) {
  const width = row.bins.length;
  const top = Math.max(1, ...row.bins.map(([running]) => running));
  const left = scale.at(Math.max(row.first, scale.from));
  const right = scale.at(Math.min(row.last, scale.to));
  if (right <= left && (row.last < scale.from || row.first > scale.to)) return null;

  const y = (/** @type {number} */ n) => (32 - 30 * Math.min(1, n / top)).toFixed(1);
  const area = row.bins.map(([running], i) => `L${i} ${y(running)}L${i + 1} ${y(running)}`).join('');
  const span = (row.last - row.first) / width;
  const from = Math.max(0, (scale.from - row.first) / span);
  const shown = Math.min(width, (scale.to - row.first) / span) - from;

  return html`<svg viewBox=${`${from} 0 ${shown} 32`} preserveAspectRatio="none" aria-hidden="true"
    style=${{ left: `${left}%`, width: `${Math.max(0.3, right - left)}%` }}>
    <path class="dense" d=${`M0 32${area}L${width} 32Z`} />
    ${row.bins.map(([, failed], i) => failed ? html`<rect class="fails" x=${i} width=${Math.max(0.8, shown / 160)}
      y="0" height="32" />` : null)}
  </svg>`;
}

/** @param {any} props */
function FoldLine({ row, scale, isOpen, index, tab }) {
  const { by } = row;
  const top = Math.max(0, ...row.bins.map((/** @type {number[]} */ [running]) => running));
  const failed = by.failed ? html`<span class="bad">${count(by.failed)} failed</span>` : null;
  const ended = row.n - (by.running ?? 0) - (by.waiting ?? 0);

  const state = ended < row.n
    ? html`${count(ended)} done, <span class="go">${count(by.running ?? 0)} running</span>${failed && ', '}${failed}`
    : html`${failed ?? (by.completed === row.n ? 'completed' : 'ended')} · p50 ${secs(row.p50)} · p95 ${secs(row.p95)}`;
  return html`<div class="r fold" role="row" tabindex=${tab} data-fold=${row.key} data-index=${index}
    aria-rowindex=${index + 2}
    aria-expanded=${String(isOpen)} aria-label=${`${count(row.n)} operations named ${row.fold}, ${by.failed || 'none'} failed`}>
    <div class="n" role="rowheader"><span aria-hidden="true">${isOpen ? '▾' : '▸'}</span>
      <span><strong>${row.fold}</strong> ×${count(row.n)}<br /><em>${state}</em></span></div>
    <div class="t" role="gridcell"><${Density} row=${row} scale=${scale} /></div>
    <div class="z" role="gridcell">${secs(row.last - row.first)}<span class="x"> · ${money(row.cost)}</span><br />
      <em class="dim">max ${top} at once</em></div>
  </div>`;
}

/** @param {any} props */
function Other({ line, index, tab }) {
  if (line.kind === 'flow') return html`<div class="r flow" role="row" aria-rowindex=${index + 2} data-index=${index}>
    <div class="n" role="rowheader"><strong>${line.name}</strong></div>
    <div class="t says" role="gridcell">${line.says}</div><div class="z"
      role="gridcell">${line.took == null ? null : secs(line.took)}</div></div>`;
  return html`<div class="r more-rows" role="row" aria-rowindex=${index + 2} tabindex=${tab} data-more=${line.key}
    data-index=${index}>
    <div class="n in" role="rowheader"><span class="as-link">${line.word}</span></div>
    <div class="t" role="gridcell"><small style=${{ left: 0 }}>${line.says}</small></div>
      <div class="z" role="gridcell"></div></div>`;
}

/** What was running over the whole run; dragging looks closer. @param {any} props */
function Overview({ run, view, zoom, setZoom }) {
  const flight = run.flight ?? [];
  const began = useRef(null);
  const peak = Math.max(1, ...flight);
  const width = flight.length || 1;
  const y = (/** @type {number} */ n) => (44 - 36 * n / peak).toFixed(1);

  const where = (/** @type {any} */ event) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * run.took;
  };
  const begin = (/** @type {any} */ event) => {
    began.current = where(event);
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  const end = (/** @type {any} */ event) => {
    const [a, b] = [began.current, where(event)].sort((x, z) => x - z);
    if (began.current != null) setZoom(b - a > run.took / 100 ? [Math.round(a), Math.round(b)] : null);
    began.current = null;
  };

  const area = flight.map((/** @type {number} */ n, /** @type {number} */ i) => `L${i} ${y(n)}L${i + 1} ${y(n)}`).join('');
  return html`<div class="over">
    <div>running<br />max ${run.metrics.max_in_flight || Math.max(0, ...flight)} at once</div>
    <svg viewBox=${`0 0 ${width} 46`} preserveAspectRatio="none" role="img"
      aria-label=${`Operations running over time, at most ${peak}. Drag to zoom in.`}
      onPointerDown=${begin}
      onPointerUp=${end}>
      <path class="flight" d=${`M0 44${area}L${width} 44Z`} />
      ${zoom ? html`<rect class="shade" x="0" y="0" height="46" width=${width * view[0] / run.took} />
        <rect class="shade" x=${width * view[1] / run.took} y="0" height="46"
          width=${width * (1 - view[1] / run.took)} />` : null}
    </svg><div></div></div>`;
}

/** When nothing ran, also after the last operation of a run that has ended. @param {any} run @returns {Span[]} */
function idleOf(run) {
  const gaps = run.gaps ?? [];
  const flight = run.flight ?? [];
  let end = flight.length;
  while (end > 0 && !flight[end - 1]) end -= 1;
  if (run.status === 'running' || !end || end === flight.length) return gaps;

  const from = end / flight.length * run.took;
  return gaps.some((/** @type {Span} */ gap) => gap[1] > from) ? gaps : [...gaps, [from, run.took]];
}

/** Where each line begins, and where the last one ends. @param {Line[]} lines */
export function topsOf(lines) {
  const tops = [0];
  for (const line of lines) tops.push(tops[tops.length - 1] + HEIGHTS[line.kind]);
  return tops;
}

/** The looks of bars that there are. @param {Line[]} lines @returns {Set<string>} */
function looksOf(lines) {
  const kinds = lines.flatMap(line => line.kind === 'op' ? line.row.segments.map(([kind]) => kind) : []);
  return new Set(kinds.map(kind => /** @type {any} */ (LOOKS)[kind]));
}

/**
 * The rows of a list that are in sight, and how high those above and below are.
 * @param {any} box the element around the rows
 * @param {Line[]} lines
 */
function useWindow(box, lines) {
  const [seen, setSeen] = useState([0, 60]);
  /** @type {number[]} */
  const tops = useMemo(() => topsOf(lines), [lines]);

  useLayoutEffect(() => {
    const look = () => {
      if (!box.current) return;
      const above = -box.current.getBoundingClientRect().top;
      const first = tops.findIndex(top => top > above);
      const end = tops.findIndex(top => top > above + innerHeight);
      const next = [Math.max(0, (first < 0 ? lines.length : first) - 1 - SPARE), (end < 0 ? lines.length : end) + SPARE];
      setSeen((/** @type {number[]} */ was) => was[0] === next[0] && was[1] === next[1] ? was : next);
    };
    const all = () => setSeen([0, lines.length]);
    /** @type {[string, () => void][]} */
    const events = [['scroll', look], ['resize', look], ['beforeprint', all], ['afterprint', look]];

    look();
    for (const [event, act] of events) addEventListener(event, act, true);
    return () => { for (const [event, act] of events) removeEventListener(event, act, true); };
  }, [lines.length, tops[lines.length]]);

  const [from, to] = [Math.min(seen[0], lines.length), Math.min(seen[1], lines.length)];
  return { from, to, above: tops[from], below: tops[lines.length] - tops[to] };
}

const KEYS = [
  ['crit', 'critical path'], ['', 'other'], ['f', 'failed'], ['p', 'pause before a retry'], ['u', 'reused reply'], ['w', 'waiting'],
];

/**
 * @param {{ run: any, lines: Line[], op: number | null, open: Set<string>, zoom: Span | null,
 *   setZoom: (zoom: Span | null) => void, pick: (event: any) => void }} props
 */
export function Timeline({ run, lines, op, open, zoom, setZoom, pick }) {
  const box = useRef(null);
  const view = zoom || [0, Math.max(run.took ?? 0, 1)];
  const scale = scaleOf(view[0], view[1], idleOf(run));
  const isSlim = innerWidth < 640;
  const marks = apart(ticks(view[0], view[1], isSlim ? 3 : 6), scale, isSlim ? 20 : 7);
  const { from, to, above, below } = useWindow(box, lines);

  const looks = useMemo(() => looksOf(lines), [lines]);
  const idle = scale.gaps.reduce((sum, [a, b]) => sum + b - a, 0);
  const isEven = !zoom && !scale.gaps.length && marks.length > 1;
  const step = isEven ? `${scale.at(marks[1]) - scale.at(marks[0])}%` : '100%';
  const picked = lines.findIndex(line => line.kind === 'op' ? line.row.op === op : false);
  const tabbed = picked < 0 ? lines.findIndex(line => line.kind !== 'flow') : picked;

  const rows = lines.slice(from, to).map((line, i) => {
    const index = from + i;
    const tab = index === tabbed ? 0 : -1;
    if (line.kind === 'op') {
      return html`<${OpLine} key=${line.key} row=${line.row} scale=${scale} isPicked=${line.row.op === op}
        index=${index} isInside=${line.isInside} tab=${tab} />`;
    }
    if (line.kind === 'fold') {
      return html`<${FoldLine} key=${line.key} row=${line.row} scale=${scale} isOpen=${open.has(line.key)}
        index=${index} tab=${tab} />`;
    }
    return html`<${Other} key=${line.key} line=${line} index=${index} tab=${tab} />`;
  });

  return html`<div class="tl" style=${{ '--step': step }} onClick=${pick}>
    <${Overview} run=${run} view=${view} zoom=${zoom} setZoom=${setZoom} />
    <div role="treegrid" aria-label="Operations over time" aria-rowcount=${lines.length + 1}>
      <div class="axis" role="row" aria-rowindex="1">
        <div role="columnheader">${zoom ? html`<button type="button" class="as-link"
          onClick=${() => setZoom(null)}>whole run</button>` : 'operation'}</div>
        <div class="t" role="columnheader" aria-label="time">${marks.map(t =>
          html`<span style=${{ left: `${scale.at(t)}%` }}>${t === 0 ? '0' : secs(t)}</span>`)}</div>
        <div role="columnheader"><span class="wide">time · cost</span><span class="only-narrow">time</span></div>
      </div>
      <div role="rowgroup" ref=${box} style=${{ paddingTop: `${above}px`, paddingBottom: `${below}px` }}>${rows}</div>
    </div>
    <div class="foot">${KEYS.filter(([look]) => look === '' || look === 'crit' || looks.has(look)).map(([look, word]) =>
      html`<span class="key"><i class=${look}></i>${word}</span>`)}<span class="grow"></span>
      ${idle ? html`<span>idle time is drawn short (${percent(idle / (view[1] - view[0]))} of the time)</span>` : null}</div>
  </div>`;
}
