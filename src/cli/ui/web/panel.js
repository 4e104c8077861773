// One operation in full: what failed, its calls and messages, and what to do about it.
import { html, useRef, useSetup, useState } from './base.js';
import { brief, costOf, count, plural, quoted, say, secs } from './words.js';
import { link } from './address.js';
import { partOf, refresh, tell, useAnswer, useDeed } from './data.js';
import { Command, Demo, Glyph, Loading, Said, Trouble } from './parts.js';
import { Calls, Exchange, Message, Tools } from './conversation.js';

/** @param {any} props */
const Links = ({ name, of, run, query }) => of?.length ? html`<dt>${name}</dt>
  <dd class="links">${of.map((/** @type {any} */ one) =>
  html`<a key=${one.op} href=${link(['run', run], { ...query, op: one.op })}>
    <${Glyph} of=${one.outcome} />${one.name}</a>`)}</dd>` : null;

/** @param {{ row: any, lesson: string | null }} props */
function Failed({ row, lesson }) {
  if (row.outcome === 'skipped') return html`<section><div class="note">Skipped: ${say(row.because)}.</div></section>`;
  if (!row.failure) return null;

  return html`<section><div class="note bad"><strong>${row.failure.kind}</strong> · ${say(row.failure.message)}
    ${row.failure.place ? html`<div class="mono dim">${row.failure.place}</div>` : null}
    ${lesson ? html`<div class="lesson-line">→ ${say(lesson)}</div>` : null}</div></section>`;
}

/** All calls, and the messages of one of them. @param {any} props */
function Conversation({ run, row, attempts }) {
  const [chosen, choose] = useState(attempts.length - 1);
  const at = Math.min(chosen, attempts.length - 1);
  const fetch = partOf(run);

  return html`${attempts.length > 1 ? html`<section><h3>Calls</h3><${Calls} attempts=${attempts} /></section>` : null}
    <section><h3>Messages<span class="grow"></span>${attempts.length > 1
      ? html`<label class="plain">of call <select value=${at}
      onChange=${(/** @type {any} */ event) => choose(Number(event.target.value))}>
      ${attempts.map((/** @type {any} */ _, /** @type {number} */ i) =>
        html`<option value=${i}>${i + 1}</option>`)}</select></label>` : null}</h3>
    <${Exchange} key=${`${row.op}-${at}`} attempt=${attempts[at]} name=${`${brief(run)}-${row.name}`}
      fetch=${fetch} /></section>`;
}

/** Thumbs and notes. @param {any} props */
function Verdict({ run, row, more }) {
  const [note, setNote] = useState('');
  const good = more.verdict?.good;
  const { isWaiting, problem, run: write } = useDeed(async (/** @type {string} */ path, /** @type {object} */ body) => {
    await tell(path, { run, op: row.op, ...body });
    setNote('');
    refresh();
  });

  const submit = (/** @type {any} */ event) => {
    event.preventDefault();
    if (note.trim()) write('/api/note', { text: note });
  };
  const thumb = (/** @type {boolean} */ value, /** @type {string} */ sign, /** @type {string} */ word) =>
    html`<button type="button"
    aria-pressed=${String(good === value)} aria-label=${word} title=${word} disabled=${isWaiting}
    onClick=${() => write('/api/verdict', { good: good === value ? null : value })}>${sign}</button>`;

  return html`<section><h3>Verdict and notes</h3>
    <form class="thumbs" onSubmit=${submit}>
      ${thumb(true, '▲', 'A good answer')}${thumb(false, '▼', 'A bad answer')}
      <input class="field" placeholder="note" aria-label="Note" maxlength="2000" value=${note}
        onInput=${(/** @type {any} */ event) => setNote(event.target.value)} />
      <button class="btn" disabled=${isWaiting || !note.trim()}>add</button>
    </form>
    <p class="dim small" role="status">${isWaiting ? 'waiting for the store …' : more.teaches
      ? 'A verdict replaces the score of this execution, and the optimizer learns from it.'
      : 'A verdict is stored as a note; nothing is learned from it.'}</p>
    ${problem ? html`<${Trouble} problem=${problem} />` : null}
    <${Said} of=${more.notes ?? []} />
  </section>`;
}

/** @param {{ run: string, row: any, more: any }} props */
function Facts({ run, row, more }) {
  const last = (more.attempts ?? [])[(more.attempts ?? []).length - 1] ?? {};
  const facts = [
    ['operation', `${row.op} in flow ${row.flow}`], ['kind', row.does],
    ['request', last.key && `${last.key}${last.sample ? ` · sample ${last.sample}` : ''}`],
    ['served by', last.served_by], ['waited', row.waited ? `${secs(row.waited)} for its inputs` : ''],
    ['median', more.median == null ? '' : `${secs(more.median)}${more.of ? ` in ${plural(more.of, 'earlier run')}` : ''}`],
  ];
  return html`<section><h3>In a terminal</h3><${Command} text=${`kaizen fork ${run} --at=${quoted(row.name)}`} />
    <${Command} text=${`kaizen show ${quoted(`${run}:${row.name}`)}`} /></section>
    <section><h3>Facts</h3><dl class="kv">${facts.filter(([, value]) => value).map(([name, value]) =>
      html`<dt>${name}</dt><dd class=${name === 'request' ? 'mono' : ''}>${value}</dd>`)}</dl></section>`;
}

/** Whether the panel lies over the page rather than beside it. */
export const coversPage = () => matchMedia('(max-width: 980px)').matches;

/**
 * The panel of one operation.
 * @param {{ run: string, op: number, query: any, close: () => void }} props
 */
export function Panel({ run, op, query, close }) {
  const box = useRef(null);
  const { data, problem, isOld } = useAnswer(`/api/run/${run}/op/${op}`);
  // Where the panel covers the page, the focus goes into it.
  useSetup(() => { if (data && coversPage()) box.current?.focus({ preventScroll: true }); }, [op, data == null]);
  if (problem) return html`<aside class="side" aria-label="Operation"><section><${Trouble} problem=${problem} />
    </section></aside>`;
  if (!data) return html`<aside class="side" aria-label="Operation"><${Loading} /></aside>`;

  const { row } = data;
  const attempts = data.attempts ?? [];
  const fetch = partOf(run);
  return html`<aside ref=${box} class="side" aria-label=${`Operation ${row.name}`} aria-busy=${String(isOld)} tabindex="-1">
    <header><div class="h"><${Glyph} of=${row.outcome} /><h2 title=${row.name}>${row.name}</h2>
        ${row.critical ? html`<span class="tag">critical path</span>` : null}${row.demo ? html`<${Demo} />`
           : null}<span class="grow"></span>
        <button type="button" class="icon" aria-label="Close" onClick=${close}>✕</button></div>
      <div class="f"><span>${row.outcome}</span><span>${secs(row.took)}</span>
        ${row.tokens ? html`<span>${count(row.tokens[0])} → ${count(row.tokens[1])} tokens</span>` : null}
        ${attempts.length ? html`<span>cost ${costOf(row)}</span>` : null}
        <span>${row.model || row.does}</span></div></header>
    <${Failed} row=${row} lesson=${data.lesson} />
    ${attempts.length ? html`<${Conversation} key=${row.op} run=${run} row=${row} attempts=${attempts} />` : null}
    ${data.tools?.length ? html`<section><h3>Tools</h3><${Tools} of=${data.tools} fetch=${fetch}
      name=${`${brief(run)}-${row.name}`} /></section>` : null}
    ${data.value && data.value.text !== attempts[attempts.length - 1]?.reply?.text ? html`<section><h3>Result</h3>
      <${Message} key=${row.op} who="value" isReply text=${data.value} name=${`${brief(run)}-${row.name}`}
      fetch=${fetch} /></section>` : null}
    ${data.inputs?.length || data.used?.length ? html`<section><h3>Inputs and uses</h3><dl class="kv">
      <${Links} name="inputs" of=${data.inputs} run=${run} query=${query} />
        <${Links} name="used by" of=${data.used} run=${run} query=${query} /></dl></section>` : null}
    ${row.outcome === 'completed' || row.outcome === 'failed' ? html`<${Verdict} key=${`v${row.op}`} run=${run}
      row=${row} more=${data} />` : null}
    <${Facts} run=${run} row=${row} more=${data} />
  </aside>`;
}
