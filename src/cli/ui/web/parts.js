// Small parts that every page uses: marks, figures, notices, buttons.
import { html, store, useState, useStore } from './base.js';
import { ago, costOf, moment, NONE, plain, plural, say } from './words.js';

/** The words of outcomes and statuses where they are not their own. */
const WORDS = { budget: 'out of budget' };

/** The colour of a status. */
const TONES = {
  ok: 'ok', completed: 'ok', failed: 'bad', crashed: 'bad', running: 'go',
  interrupted: 'warn', cancelled: 'warn', unfinished: 'warn', budget: 'warn', waiting: 'go', replaced: 'dim',
};

const CHECK = 'M2.5 6.5 5 9 10 3.2';
const CROSS = 'M3 3 9 9M9 3 3 9';
const BARS = 'M4 3V9M8 3V9';

/** The form of a status, so that its colour need not be seen. */
const FORMS = {
  ok: CHECK, completed: CHECK, failed: CROSS, crashed: CROSS, interrupted: BARS, budget: BARS, unfinished: BARS,
  skipped: 'M2.5 6H9M6.8 3.5 9.3 6 6.8 8.5', cancelled: 'M6 2A4 4 0 1 0 6 10A4 4 0 1 0 6 2M3.3 8.7 8.7 3.3',
  reused: 'M9.5 4.5A4 4 0 1 0 10 7M9.7 2V4.7H7', replaced: 'M9.5 4.5A4 4 0 1 0 10 7M9.7 2V4.7H7',
};

/**
 * A status as a form and a colour.
 * @param {{ of: string, x?: number, y?: number }} props
 */
export function Glyph({ of, x, y }) {
  const form = /** @type {any} */ (FORMS)[of];
  const tone = /** @type {any} */ (TONES)[of] || 'dim';

  let shape = html`<circle cx="6" cy="6" r="3.6" stroke-dasharray="2 2" />`;
  if (of === 'running') shape = html`<path d="M3.5 2 10 6 3.5 10Z" fill="currentColor" stroke="none" />`;
  if (form) shape = html`<path d=${form} />`;
  return html`<svg class=${`glyph ${tone}`} x=${x} y=${y} width="12" height="12" viewBox="0 0 12 12"
    aria-hidden="true">${shape}</svg>`;
}

/** @param {string} status */
const statusWord = status => /** @type {any} */ (WORDS)[status] || status;

/**
 * A status with its word, or with another one.
 * @param {{ of: string, word?: any }} props
 */
export const Status = ({ of, word }) =>
  html`<span class="st"><${Glyph} of=${of} /><span>${word || statusWord(of)}</span></span>`;

/**
 * A status whose word only a screen reader says, before something else.
 * @param {{ of: string, children?: any }} props
 */
export const Mark = ({ of, children }) =>
  html`<span class="st"><${Glyph} of=${of} /><span class="sr">${statusWord(of)}</span>${children}</span>`;

const DEMO = 'The built-in demo model answered. This says nothing about a real model, and nothing is learned from it.';

/** @param {{ isSmall?: boolean }} props */
export const Demo = ({ isSmall }) =>
  html`<span class="tag demo fix" title=${DEMO}>${isSmall ? 'demo' : 'demo model'}</span>`;

/** @param {{ at: number }} props */
export const Time = ({ at }) =>
  html`<time datetime=${new Date(at / 1000).toISOString()} title=${moment(at)}>${ago(at)}</time>`;

/** What is said to people who listen, at most every five seconds. */
const spoken = store('');
let spokenAt = 0;

/** @param {string} text */
export function announce(text, now = Date.now()) {
  if (now - spokenAt < 5000) return;
  spokenAt = now;
  spoken.set(text);
}

/** @param {{ text: string, label?: string, what?: string }} props */
export function Copy({ text, label = 'copy', what }) {
  const copy = async (/** @type {any} */ event) => {
    const button = event.currentTarget;
    event.stopPropagation();
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'copied';
    } catch {
      button.textContent = 'cannot copy';
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  };
  return html`<button type="button" class="copy" aria-label=${what ? `${label} ${what}`
     : null} onClick=${copy}>${label}</button>`;
}

/** A command for the terminal. @param {{ text: string }} props */
export const Command = ({ text }) =>
  html`<div class="cmd"><code tabindex="0">${text}</code><${Copy} text=${text} what=${text} /></div>`;

/**
 * One figure of a strip of figures.
 * @param {{ name: string, value: any, extra?: any, share?: number | null, title?: string }} props
 */
export const Figure = ({ name, value, extra, share, title }) => html`<div>
  <dt>${name}</dt><dd class="v">${value}</dd><dd class="x" title=${title}>${extra}</dd>
  ${share == null ? null : html`<dd><${Meter} share=${share} isHot=${share > 0.8} /></dd>`}
</div>`;

/** @param {{ share: number, isHot?: boolean }} props */
export const Meter = ({ share, isHot }) => html`<div class="meter" aria-hidden="true">
  <b class=${isHot ? 'hot' : ''} style=${{ width: `${Math.min(100, 100 * share)}%` }}></b></div>`;

/**
 * The costs of a run: `$0` for the demo, and what is known otherwise.
 * @param {{ cost: number | null, demo?: boolean, unknown?: number }} props
 */
export function Cost({ cost, demo, unknown }) {
  const title = cost != null && unknown && !demo ? `${plural(unknown, 'call')} without a known price` : null;
  return html`<span class=${demo ? 'dim' : ''} title=${title}>${costOf({ cost, demo, unknown })}</span>`;
}

/**
 * A small curve of the last values.
 * @param {{ values: number[], tone?: string, width?: number, height?: number, isFromZero?: boolean }} props
 */
export function Spark({ values, tone = 'var(--text)', width = 84, height = 26, isFromZero }) {
  if (values.length < 2) return html`<svg width=${width} height=${height} aria-hidden="true"></svg>`;
  const top = Math.max(...values, 1e-9);
  const low = isFromZero ? 0 : Math.min(...values) * 0.75;
  const step = (width - 4) / (values.length - 1);
  const y = (/** @type {number} */ v) => height - 3 - (height - 6) * (v - low) / (top - low || 1);

  const path = values.map((v, i) => `${i ? 'L' : 'M'}${(i * step).toFixed(1)} ${y(v).toFixed(1)}`).join('');
  return html`<svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} aria-hidden="true">
    <path d=${path} fill="none" stroke="var(--dim)" stroke-width="1.2" />
    <circle cx=${width - 4} cy=${y(values[values.length - 1])} r="2.2" style=${{ fill: tone }} />
  </svg>`;
}

/**
 * Buttons of which one is pressed.
 * @param {{ label: string, of: [string, any][], value: string, pick: (key: string) => void }} props
 */
export const Choice = ({ label, of, value, pick }) => html`<span class="seg" role="group" aria-label=${label}>
  ${of.map(([key, word]) => html`<button type="button" key=${key} aria-pressed=${String(key === value)}
    onClick=${() => pick(key)}>${word}</button>`)}
</span>`;

/**
 * A page with nothing on it, and why.
 * @param {{ title: any, children?: any, command?: string }} props
 */
export const Empty = ({ title, children, command }) => html`<div class="empty">
  <h2>${title}</h2><div>${children}</div>
  ${command ? html`<pre tabindex="0">${command}</pre>` : null}
</div>`;

/**
 * What went wrong when the server was asked.
 * @param {{ problem: import('./data.js').Problem }} props
 */
export const Trouble = ({ problem }) => html`<div class="note bad" role="alert">
  <strong>${say(problem.error)}</strong>${problem.help ? html`<div>${say(problem.help)}</div>` : null}
</div>`;

/** Says that something is being loaded, once that takes long enough to be noticed. */
export const Loading = () => html`<div class="empty loading" role="status">loading</div>`;

/** What a screen reader says when something changes. */
export const Announcer = () => html`<div class="sr" role="status" aria-live="polite">${useStore(spoken)}</div>`;

/**
 * The next page of a list.
 * @param {{ next: any, load: () => any, says: any, word?: string }} props
 */
export function More({ next, load, says, word = 'show more' }) {
  const [problem, setProblem] = useState(null);
  const more = async () => {
    setProblem(null);
    try { await load(); } catch (/** @type {any} */ found) { setProblem(found); }
  };
  return html`<div class="more"><span>${says}</span>
    ${next == null ? null : html`<button type="button" class="btn small" onClick=${more}>${word}</button>`}</div>
    ${problem ? html`<${Trouble} problem=${problem} />` : null}`;
}

/**
 * A table that scrolls sideways where it does not fit.
 * @param {{ label: string, name?: string, head: any[], children?: any }} props
 */
export const Table = ({ label, name, head, children }) => html`<div class="scroll" tabindex="0" role="group"
  aria-label=${label}>
  <table class=${name}><thead><tr>${head}</tr></thead><tbody>${children}</tbody></table></div>`;

/**
 * The facts in which two runs differ.
 * @param {{ label: string, a: any, b: any, of: any[] }} props
 */
export const Differing = ({ label, a, b, of }) => html`<${Table} label=${label} head=${html`<th>fact</th>
  <th>${a}</th><th>${b}</th>`}>${of.map(one => html`<tr><td class="dim">${say(one.what)}</td><td>
    <code>${one.a ?? NONE}</code></td><td><code>${one.b ?? NONE}</code></td></tr>`)}<//>`;

/** The parameters of a run. @param {{ of: Record<string, any> | null | undefined }} props */
export const Args = ({ of }) => Object.entries(of ?? {}).map(([name, value]) => html`<span class="arg">${name}=<span
  class="mono">${plain(value)}</span></span>`);

/** What people wrote. @param {{ of: { text: string, at: number }[] }} props */
export const Said = ({ of }) => of.map(one => html`<div class="said">${one.text} <span class="dim">
  <${Time} at=${one.at} /></span></div>`);

/**
 * The pieces of a word diff.
 * @param {{ of: [string, string][] }} props
 */
export const Pieces = ({ of }) => html`<div class="diff" tabindex="0">${of.map(([kind, text]) => {
  if (kind === '-') return html`<del>${text}</del>`;
  if (kind === '+') return html`<ins>${text}</ins>`;
  return text;
})}</div>`;

/** @param {string} text @param {string} name @param {string} kind */
export function save(text, name, kind = 'text/plain') {
  const target = document.createElement('a');
  target.href = URL.createObjectURL(new Blob([text], { type: kind }));
  target.download = name;
  target.click();
  setTimeout(() => URL.revokeObjectURL(target.href), 10000);
}
