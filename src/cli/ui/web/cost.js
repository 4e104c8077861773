// What was paid, by day and by what; what was not paid because a reply was known; what is not known.
import { html } from './base.js';
import { count, money, percent, plural } from './words.js';
import { adjust, link } from './address.js';
import { useAnswer } from './data.js';
import { Choice, Empty, Figure, Loading, Meter, Table, Trouble } from './parts.js';
import { colour, Days } from './charts.js';

const BY = ['script', 'model', 'pattern'];

/** @param {{ row: any, by: string, total: number }} props */
const CostRow = ({ row, by, total }) => html`<tr><td>${by === 'script'
  ? html`<a href=${link(['runs'], { q: `script:${row.what}` })}>${row.what}</a>` : row.what}</td>
  <td class="num">${count(row.runs)}</td><td class="num wide">${count(row.calls)}</td>
    <td class="num wide">${money(row.per)}</td><td class="num">${money(row.cost)}</td>
  <td class="num">${percent(total && row.cost != null ? row.cost / total : null)}</td><td class="share-bar wide">
    <${Meter} share=${total && row.cost ? row.cost / total : 0} /></td></tr>`;

/** @param {{ query: any }} props */
export function CostPage({ query }) {
  const by = BY.includes(query.by) ? query.by : 'script';
  const { data, problem } = useAnswer(`/api/cost?by=${by}`);
  if (problem) return html`<div class="page"><h1>Cost</h1><${Trouble} problem=${problem} /></div>`;
  if (!data) return html`<div class="page"><h1>Cost</h1><${Loading} /></div>`;

  const isNothing = !data.total && !data.unknown && !data.saved;
  const head = html`<th>${by}</th><th class="num">runs</th><th class="num wide">calls</th>
    <th class="num wide">per run</th><th class="num">paid</th><th class="num">share</th><th class="wide">
    <span class="sr">share as a bar</span></th>`;
  return html`<div class="page stack"><div class="head"><h1>Cost</h1>
    <span class="dim">the last ${plural(data.days.length, 'day')}${data.prices ? `; ${data.prices}` : ''}</span>
    <span class="grow"></span>
      <${Choice} label="Cost by" value=${by}
        pick=${(/** @type {string} */ key) => adjust({ by: key === 'script' ? null : key })}
        of=${BY.map(one => [one, `by ${one}`])} /></div>
    ${isNothing ? html`<div class="card"><${Empty}
      title="Nothing was paid">No run called a model that costs something.
        Calls of the demo model are never counted.<//></div>` : html`
    <dl class="figs"><${Figure} name="paid" value=${money(data.total)} extra="calls with a known price" />
      <${Figure} name="unknown" value=${plural(data.unknown, 'call')} extra="no price is set for their model" />
      <${Figure} name="saved" value=${money(data.saved)} extra="replies that were reused" />
      <${Figure} name="stopped" value=${plural(data.caps, 'run')} extra="by a budget" /></dl>
    <section class="card"><header>
      <h2>By day</h2>${data.models.map((/** @type {string} */ name, /** @type {number} */ k) =>
      html`<span class=${`dim ${colour(k)}`}><span class="dot sq"></span>${name}</span>`)}</header>
      <${Days} days=${data.days} models=${data.models} /></section>
    <section class="card"><header><h2>By ${by}</h2></header><${Table} label=${`Cost by ${by}`}
      head=${head}>${data.by.map((/** @type {any} */ row) => html`<${CostRow} key=${row.what}
      row=${row} by=${by} total=${data.total} />`)}<//></section>`}</div>`;
}
