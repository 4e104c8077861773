// The figures of a run that stand above everything else.
import { html } from './base.js';
import { costOf, count, money, NONE, percent, plural, secs, short } from './words.js';
import { Figure } from './parts.js';

/** How many operations of a run have ended. @param {any} metrics */
export const endedOf = metrics => metrics.completed + metrics.failed + metrics.skipped + (metrics.cancelled ?? 0);

/** The seven figures. @param {{ run: any }} props */
export function Figures({ run }) {
  const m = run.metrics;
  const parts = ['failed', 'skipped', 'cancelled'].filter(kind => m[kind]).map(kind => `${count(m[kind])} ${kind}`);
  const total = endedOf(m);
  const retries = m.retries ? plural(m.retries, 'retry', 'retries') : '';
  const calls = [retries, m.reused ? `${count(m.reused)} reused` : ''].filter(Boolean).join(' · ');
  const cost = costOf({ cost: m.cost, demo: run.demo, unknown: m.unknown_costs });
  const budget = m.budget ? `of ${money(m.budget)}` : 'no limit set';
  const limit = m.unknown_costs ? `${count(m.unknown_costs)} without a price` : budget;

  return html`<dl class="figs">
    <${Figure} name="time" value=${secs(run.took)}
      extra=${run.median == null ? 'first run' : `median ${secs(run.median)}`} />
    <${Figure} name="critical path" value=${secs(m.critical_path_time)}
      extra=${run.took ? `${percent(m.critical_path_time / run.took)} of the time` : ''} />
    <${Figure} name="speedup" value=${m.speedup == null ? NONE : `${m.speedup.toFixed(1)}×`}
      extra=${m.op_time == null ? '' : `${secs(m.op_time)} in turn`}
      title="total time of all operations divided by the elapsed time" />
    <${Figure} name="operations" value=${count(total)}
      extra=${parts.length ? parts.join(', ') : total ? 'all completed' : ''} title=${parts.join(', ')} />
    <${Figure} name="calls" value=${count(m.calls)} extra=${calls || 'no retries'}
      title=${m.saved ? `reused replies saved ${money(m.saved)}` : null} />
    <${Figure} name="tokens" value=${`${short(m.input)} → ${short(m.output)}`}
      extra=${m.cached && m.input ? `${percent(m.cached / m.input)} from cache` : 'in → out'} />
    <${Figure} name="cost" value=${cost} extra=${limit} share=${m.budget && m.cost != null ? m.cost / m.budget
       : null} /></dl>`;
}
