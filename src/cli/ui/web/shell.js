// The frame: pages, keys, theme, and whether the server is heard.
import { html, render, useEffect, useLayoutEffect, useRef, useState, useStore } from './base.js';
import { brief, say } from './words.js';
import { go, link, parse, place } from './address.js';
import { follow, line, pending, refresh, soonAfter, useAnswer } from './data.js';
import { Announcer, Trouble } from './parts.js';
import { actionOf, HELP, useKeys } from './keys.js';
import { mark, marked, Runs } from './runs.js';
import { Waiting } from './questions.js';
import { Run } from './run.js';
import { Compare } from './compare.js';
import { Learning } from './learning.js';
import { Failures } from './failures.js';
import { CostPage } from './cost.js';

const PAGES = [['runs', 'Runs'], ['waiting', 'Waiting'], ['learning', 'Learning'], ['failures', 'Failures'], ['cost', 'Cost']];

/** Under which page of the frame an address belongs. */
const WITHIN = /** @type {any} */ ({ run: 'runs', compare: 'runs' });

/** @param {string} name */
function setTheme(name) {
  document.documentElement.dataset.theme = name;
  try { localStorage.setItem('kaizen-theme', name); } catch { /* kept for this visit only */ }
}

/** Takes the theme of the last visit; without one the system decides. */
function takeTheme() {
  try {
    const saved = localStorage.getItem('kaizen-theme');
    if (saved) document.documentElement.dataset.theme = saved;
  } catch { /* the system decides */ }
}

/** Changes between light and dark. */
function flip() {
  const { theme } = document.documentElement.dataset;
  const isDark = theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  setTheme(isDark ? 'light' : 'dark');
}

/** @param {{ dialog: any }} props */
const Help = ({ dialog }) => html`<dialog ref=${dialog} aria-labelledby="keys"><h2 id="keys">Keys</h2>
  <dl>${HELP.map(([keys, does]) => html`<dt>${keys.split(' ').map(key => html`<kbd>${key}</kbd> `)}</dt>
    <dd>${does}</dd>`)}</dl>
  <button type="button" class="btn" onClick=${() => dialog.current.close()}>Close</button></dialog>`;

/** @param {{ hello: any, page: string, showHelp: () => void }} props */
function Top({ hello, page, showHelp }) {
  const state = useStore(line);
  const counts = /** @type {any} */ ({ failures: hello.fresh_failures, waiting: hello.waiting });
  const names = /** @type {any} */ ({ failures: 'in the last day', waiting: 'runs wait for an answer' });

  return html`<header class="top"><a class="brand" href=${link(['runs'])}>kaizen <i>${hello.project}</i></a>
    <nav aria-label="Pages">${PAGES.map(([key, word]) => html`<a key=${key} href=${link([key])}
      aria-current=${key === (WITHIN[page] ?? page) ? 'page' : null}>${word}
      ${counts[key] ? html`<sup class=${key === 'waiting' ? 'go' : ''}
        title=${`${counts[key]} ${names[key]}`}>${counts[key]}</sup>` : null}</a>`)}</nav><span class="grow"></span>
    ${state === 'lost' ? html`<span class="live off">not connected</span>` : hello.running ? html`<span class="live">
      <b></b>${hello.running}<span> running</span></span>` : null}
    <a class="icon words" href="/words" target="_blank" rel="noopener">Words</a>
    <button type="button" class="icon keys" aria-label="Keys" onClick=${showHelp}>?</button>
    <button type="button" class="icon" aria-label="Light or dark" onClick=${flip}>◐</button></header>`;
}

/** @param {{ hello: any, at: import('./address.js').Place }} props */
function Page({ hello, at }) {
  const { page, rest, query } = at;
  if (page === 'run' && rest[0]) return html`<${Run} key=${rest[0]} id=${rest[0]} query=${query} />`;
  if (page === 'compare' && rest[1]) return html`<${Compare} key=${rest.join('/')} a=${rest[0]} b=${rest[1]}
    query=${query} />`;
  if (page === 'waiting') return html`<${Waiting} />`;
  if (page === 'learning') return html`<${Learning} name=${rest[0]} />`;
  if (page === 'failures') return html`<${Failures} query=${query} />`;
  if (page === 'cost') return html`<${CostPage} query=${query} />`;
  return html`<${Runs} hello=${hello} query=${query} />`;
}

/** Moves the focus along the rows of the page. @param {number} step */
function move(step) {
  const found = document.querySelectorAll('main .row, main .r[tabindex], main article[tabindex]');
  const rows = /** @type {HTMLElement[]} */ ([...found]);
  const from = rows.findIndex(row => row === document.activeElement || row.contains(document.activeElement));
  const chosen = rows.findIndex(row => row.getAttribute('aria-selected') === 'true');
  const at = from >= 0 ? from : chosen;
  const row = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))];
  if (!row) return;

  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: 'nearest' });
  // While an operation is shown, the next one is shown as the focus moves.
  if (row.dataset.op != null && parse(location.hash).query.op != null) row.click();
}

/** Opens the row that has the focus. */
function openRow() {
  const row = /** @type {HTMLElement | null} */ (document.activeElement);
  if (row?.dataset?.go) location.hash = row.dataset.go;
  else if (row?.matches('.r, g.node')) row.dispatchEvent(new MouseEvent('click', { bubbles: true }));
  else /** @type {HTMLElement | null} */ (row?.matches('article') ? row.querySelector('a') : null)?.click();
}

/** The keys of every page. @param {() => void} showHelp */
const common = showHelp => ({
  j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
  Enter: openRow, ' ': openRow, '?': showHelp,
  '/': () => document.getElementById('find')?.focus(),
  x: () => {
    const run = /** @type {HTMLElement | null} */ (document.activeElement?.closest('[data-run]'))?.dataset.run;
    if (run) mark(run);
  },
  c: () => { if (marked.get().length === 2) go(['compare', ...marked.get()]); },
});

/** @param {KeyboardEvent} event */
function pressed(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  if (target.matches('input:not([type=checkbox]), select, textarea')) {
    if (event.key === 'Escape') target.blur();
    return;
  }
  if (['Enter', ' '].includes(event.key) && target.closest('a, button, input, summary, label')) return;
  if (['ArrowDown', 'ArrowUp', ' '].includes(event.key) && !target.closest('.row, .r, g.node, article')) return;

  const action = actionOf(event.key);
  if (!action) return;
  event.preventDefault();
  action();
}

/** A click on a row of a table opens it. @param {any} event */
function clicked(event) {
  if (event.target.closest('a, button, input, label, select, textarea')) return;
  const row = event.target.closest('[data-go]');
  if (row && !getSelection()?.toString()) location.hash = row.dataset.go;
}

const STALE = 'This tab belongs to a `kaizen ui` that has ended.';

/** What is shown when the server does not let the page in. @param {{ problem: any }} props */
const Refused = ({ problem }) => html`<main id="main" tabindex="-1"><div class="page"><h1>kaizen</h1>
  ${problem.status === 401 ? html`<p>${say(STALE)}</p>` : null}<${Trouble} problem=${problem} />
  <button type="button" class="btn" onClick=${refresh}>try again</button></div></main>`;

/**
 * Says in the document which page is shown complete, for tests and other programs.
 * @param {string} page
 */
function useReady(page) {
  const awaited = useStore(pending);
  useEffect(() => {
    const { dataset } = document.documentElement;
    delete dataset.ready;
    if (awaited) return undefined;
    const frame = requestAnimationFrame(() => { if (!pending.get()) dataset.ready = page; });
    return () => cancelAnimationFrame(frame);
  }, [awaited, page]);
}

function App() {
  const at = useStore(place);
  const dialog = useRef(null);
  const [tick, setTick] = useState(0);
  const { data: hello, problem } = useAnswer('/api/hello', tick);
  const showHelp = () => dialog.current?.showModal();
  const run = at.page === 'run' ? at.rest[0] : '';

  useKeys(common(showHelp));
  useEffect(() => follow(run), [run]);
  useEffect(() => soonAfter(['runs', 'gone'], () => setTick((/** @type {number} */ n) => n + 1)), []);
  useLayoutEffect(() => {
    const name = at.page === 'run' ? `run ${brief(at.rest[0] ?? '')}` : at.page;
    document.title = hello?.project ? `${name} · ${hello.project} · kaizen` : 'kaizen';
  });
  useReady(at.page);

  // The page asks for what it shows while the frame still asks for its own figures.
  if (!hello && problem) return html`<${Refused} problem=${problem} />`;
  return html`<${Top} hello=${hello ?? {}} page=${at.page} showHelp=${showHelp} />
    <main id="main" tabindex="-1" onClick=${clicked}><${Page} hello=${hello ?? {}} at=${at} /></main>
    <${Announcer} /><${Help} dialog=${dialog} />`;
}

takeTheme();
addEventListener('keydown', pressed);
document.getElementById('skip')?.addEventListener('click', event => {
  event.preventDefault();
  document.getElementById('main')?.focus();
});
const root = document.getElementById('app');
root?.replaceChildren();
render(html`<${App} />`, root);
