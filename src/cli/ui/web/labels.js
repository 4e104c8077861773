// Labels and notes of a run, and what can be done with it: stop it, save its report.
import { html, useRef, useSetup, useState } from './base.js';
import { brief, say } from './words.js';
import { refresh, tell, tellForText, useDeed } from './data.js';
import { Said, Trouble, save } from './parts.js';

/** A reference to a field that gets the focus when it appears. @param {boolean} isThere */
function useFocus(isThere) {
  const field = useRef(null);
  useSetup(() => { if (isThere) field.current?.focus(); }, [isThere]);
  return field;
}

/** @param {{ run: any }} props */
export function Labels({ run }) {
  const [isOpen, setIsOpen] = useState(false);
  const field = useFocus(isOpen);
  const [text, setText] = useState('');
  const add = useDeed(async () => {
    await tell('/api/label', { run: run.id, add: text.trim() });
    setText('');
    setIsOpen(false);
    refresh();
  });
  const drop = useDeed(async (/** @type {string} */ tag) => {
    await tell('/api/label', { run: run.id, remove: tag });
    refresh();
  });

  const submit = (/** @type {any} */ event) => { event.preventDefault(); if (text.trim()) add.run(); };
  const problem = add.problem ?? drop.problem;
  return html`${(run.tags ?? []).map((/** @type {string} */ tag) =>
    html`<span class="tag">${tag}<button type="button" class="tiny" aria-label=${`Remove the label ${tag}`}
      onClick=${() => drop.run(tag)}>✕</button></span>`)}
    ${isOpen ? html`<form class="inline" onSubmit=${submit}><input class="field" aria-label="Label"
      placeholder="label" maxlength="60" value=${text} ref=${field}
        onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
          <button class="btn small" disabled=${add.isWaiting}>add</button></form>`
    : html`<button type="button" class="btn small ghost" onClick=${() => setIsOpen(true)}>+ label</button>`}
    ${problem ? html`<${Trouble} problem=${problem} />` : null}`;
}

/** Notes on the run, and a line for another one. @param {{ run: any }} props */
export function Notes({ run }) {
  const [isOpen, setIsOpen] = useState(false);
  const field = useFocus(isOpen);
  const [text, setText] = useState('');
  const add = useDeed(async () => {
    await tell('/api/note', { run: run.id, text });
    setText('');
    setIsOpen(false);
    refresh();
  });

  const own = (run.notes ?? []).filter((/** @type {any} */ one) => one.op == null);
  const submit = (/** @type {any} */ event) => { event.preventDefault(); if (text.trim()) add.run(); };
  return html`<div class="notes">
    <${Said} of=${own} />
    ${isOpen ? html`<form class="inline" onSubmit=${submit}><input class="field" aria-label="Note on the run"
      placeholder="note" maxlength="2000" value=${text}
        ref=${field} onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
          <button class="btn small" disabled=${add.isWaiting}>add</button></form>`
    : html`<button type="button" class="btn small ghost" onClick=${() => setIsOpen(true)}>+ note</button>`}
    ${add.problem ? html`<${Trouble} problem=${add.problem} />` : null}</div>`;
}

/** Stops the run, after asking once. @param {{ run: any }} props */
export function Stop({ run }) {
  const [isAsked, setIsAsked] = useState(false);
  const stop = useDeed(async () => {
    await tell('/api/stop', { run: run.id });
    setIsAsked(false);
    refresh();
  });

  if (stop.problem) return html`<${Trouble} problem=${stop.problem} />`;
  if (!isAsked) return html`<button type="button" class="btn small stop"
    onClick=${() => setIsAsked(true)}>Stop…</button>`;
  return html`<span class="confirm" role="group"
    aria-label="Stop the run">${say('Stop it, as Ctrl-C does? `kaizen resume` continues it.')}
    <button type="button" class="btn small stop" disabled=${stop.isWaiting} onClick=${stop.run}>stop</button>
    <button type="button" class="btn small" onClick=${() => setIsAsked(false)}>keep running</button></span>`;
}

/** Saves the report of the run as one file. @param {{ run: any }} props */
export function Report({ run }) {
  const report = useDeed(async () => {
    save(await tellForText('/api/report', { run: run.id }), `report-${brief(run.id)}.html`, 'text/html');
  });
  return html`<button type="button" class="btn small" disabled=${report.isWaiting}
    onClick=${report.run}>${report.isWaiting ? 'building …' : 'Report'}</button>
    ${report.problem ? html`<${Trouble} problem=${report.problem} />` : null}`;
}
