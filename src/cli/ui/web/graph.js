// The graph of a flow. The places come from dagre, which is loaded when the first graph is shown.
import { classes, html, useEffect, useState } from './base.js';
import { count, secs, short } from './words.js';
import { Glyph } from './parts.js';

/**
 * @typedef {import('./types.js').GraphNode} GraphNode
 * @typedef {import('./types.js').GraphEdge} GraphEdge
 * @typedef {{ nodes: GraphNode[], edges: GraphEdge[], left?: number }} Graph
 */

/** The size of a node. */
const BOX = { width: 128, height: 48 };

/** The script that this is a part of; libraries stand beside it. */
const script = /** @type {HTMLScriptElement | null} */ (document.currentScript)?.src;

/** @type {Promise<any> | null} */
let loading = null;

/** Loads dagre once; a report has it in itself. */
function dagre() {
  const inside = /** @type {any} */ (window).dagre;
  loading ??= inside ? Promise.resolve(inside) : import(new URL('dagre.js', script).href);
  return loading;
}

/**
 * Gives every node and edge of a graph its place.
 * @param {Graph} graph
 * @param {any} library
 */
function placed(graph, library) {
  const plan = new library.graphlib.Graph();
  plan.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: 46, edgesep: 8, marginx: 6, marginy: 6 });
  plan.setDefaultEdgeLabel(() => ({}));
  graph.nodes.forEach((_, i) => plan.setNode(String(i), { ...BOX }));
  graph.edges.forEach(edge => plan.setEdge(String(edge.from), String(edge.to)));
  library.layout(plan);

  const nodes = graph.nodes.map((node, i) => {
    const { x, y } = plan.node(String(i));
    return { ...node, x: x - BOX.width / 2, y: y - BOX.height / 2, w: BOX.width, h: BOX.height };
  });
  const edges = graph.edges.map(edge => {
    const points = plan.edge(String(edge.from), String(edge.to)).points.slice(1, -1);
    const [start, end] = [nodes[edge.from], nodes[edge.to]];
    const inner = points.flatMap((/** @type {any} */ p) => [p.x, p.y]);
    return { ...edge, line: [start.x + start.w, start.y + start.h / 2, ...inner, end.x, end.y + end.h / 2] };
  });
  const { width, height } = plan.graph();
  return { nodes, edges, w: Math.max(width || 0, BOX.width), h: Math.max(height || 0, BOX.height) };
}

/**
 * Gives the nodes of a graph without edges their places, for which no library is needed.
 * @param {Graph} graph
 */
function stacked(graph) {
  const step = BOX.height + 14;
  const place = (/** @type {number} */ i) => ({ x: 6, y: 6 + i * step, w: BOX.width, h: BOX.height });
  const nodes = graph.nodes.map((node, i) => ({ ...node, ...place(i) }));
  return { nodes, edges: [], w: BOX.width + 12, h: nodes.length * step - 2 };
}

/**
 * A smooth line through points.
 * @param {number[]} p
 */
function curve(p) {
  let path = `M${p[0]} ${p[1]}`;
  for (let i = 2; i < p.length; i += 2) {
    const middle = (p[i - 2] + p[i]) / 2;
    path += `C${middle} ${p[i - 1]} ${middle} ${p[i + 1]} ${p[i]} ${p[i + 1]}`;
  }
  return path;
}

/** @param {string} name */
const cut = name => name.length > 15 ? `${name.slice(0, 14)}…` : name;

/** @param {GraphNode} node */
function says(node) {
  if (node.outcome === 'skipped') return 'skipped';
  const failed = node.failed ? ` · ${count(node.failed)} failed` : '';
  if (node.n && node.n > 1) return `×${count(node.n)} · ${secs(node.took)}${failed}`;
  const tokens = node.tokens ? node.tokens[0] + node.tokens[1] : 0;
  return secs(node.took) + (tokens ? ` · ${short(tokens)} tok` : '');
}

/** @param {{ node: any, longest: number, isPicked: boolean }} props */
const Node = ({ node, longest, isPicked }) => html`<g class=${classes('node', node.critical && 'crit', node.outcome)}
  tabindex="0"
  role="button" aria-pressed=${String(isPicked)} aria-label=${`${cut(node.name)} ${says(node)}, ${node.outcome}`}
  data-op=${node.fold ? null : node.op} data-fold=${node.fold ? node.fold : null}>
  ${node.name === cut(node.name) ? null : html`<title>${node.name}</title>`}
  ${node.fold ? html`<rect class="box" x=${node.x + 5} y=${node.y + 5} width=${node.w} height=${node.h} rx="6" />`
     : null}
  <rect class="box" x=${node.x} y=${node.y} width=${node.w} height=${node.h} rx="6" />
  <${Glyph} of=${node.outcome} x=${node.x + 9} y=${node.y + 9} />
  <text x=${node.x + 27} y=${node.y + 19}>${cut(node.name)}</text>${' '}
  <text class="s" x=${node.x + 9} y=${node.y + 37}>${says(node)}</text>
  <rect class="dur" x=${node.x + 1} y=${node.y + node.h - 4} height="3" rx="1.5"
    width=${Math.max(2, (node.w - 2) * (node.took || 0) / longest)} />
</g>`;

/** @param {{ graph: Graph, op: number | null, pick?: (event: any) => void }} props */
export function Dag({ graph, op, pick }) {
  const [library, setLibrary] = useState(/** @type {any} */ (window).dagre ?? null);
  const [isMissing, setIsMissing] = useState(false);
  const isPlain = graph.edges.length === 0;
  useEffect(() => {
    if (!library && !isPlain) dagre().then(found => setLibrary(found), () => setIsMissing(true));
  }, [isPlain]);

  if (isMissing) return html`<div
    class="note warn">The graph cannot be drawn: <code>dagre.js</code> was not loaded.</div>`;
  if (!library && !isPlain) return html`<div class="dag"></div>`;
  const { nodes, edges, w, h } = isPlain ? stacked(graph) : placed(graph, library);
  const longest = Math.max(1, ...nodes.map(node => node.took || 0));

  return html`<div class="dag" tabindex="0" role="group" aria-label="Graph of the flow" onClick=${pick}>
    <svg style=${{ '--w': `${w}px` }} viewBox=${`0 0 ${w} ${h + 6}`}>
      ${edges.map(edge => html`<path class=${classes('e', edge.critical && 'crit')} d=${curve(edge.line)} />`)}
      ${nodes.map(node => html`<${Node}
        key=${node.fold ?? node.op} node=${node} longest=${longest} isPicked=${node.op != null && node.op === op} />`)}
    </svg>
    ${graph.left ? html`<p class="dim">${count(graph.left)} edges that follow from others are left out.</p>` : null}
  </div>`;
}
