// Runs that wait for people: their questions, and a form for each answer.
import { html, useEffect, useState } from './base.js';
import { brief, moment, plain, plural, say } from './words.js';
import { link } from './address.js';
import { refresh, soonAfter, tell, useAnswer, useDeed, usePages } from './data.js';
import { Command, Empty, Loading, More, Status, Time, Trouble } from './parts.js';

/** @param {any} question */
function hint(question) {
  const parts = [];
  if (question.schema) parts.push(`an answer of the form ${plain(question.schema)}, as JSON`);
  if (question.default != null) parts.push(`an empty answer means ${plain(question.default)}`);
  if (question.due != null) parts.push(`waits until ${moment(question.due)}`);
  return parts.join('; ');
}

/** @param {{ run: string, question: any }} props */
function Question({ run, question }) {
  const [typed, setTyped] = useState('');
  const [done, setDone] = useState(/** @type {any} */ (null));
  const id = `answer-${run}-${question.number}`;

  const { isWaiting, problem, run: answer } = useDeed(async (/** @type {string} */ text) => {
    setDone(null);
    const told = await tell('/api/answer', { run, question: question.number, answer: text });
    setDone(told);
    if (!told.command) refresh();
  });
  const submit = (/** @type {any} */ event) => { event.preventDefault(); answer(typed); };

  const options = (question.options ?? []).map(plain);
  return html`<form class="question" onSubmit=${submit}>
    <label for=${id}><strong>${question.op ? html`<code>${question.op}</code> asks: ` : null}${question.text}</strong>
      </label>
    ${options.length ? html`<div class="options" role="group"
      aria-label="Answers">${options.map((/** @type {string} */ option) =>
        html`<button type="button" class="btn" disabled=${isWaiting}
          onClick=${() => answer(option)}>${option}</button>`)}</div>` : null}
    <div class="answer-line">${options.length ? html`<span class="dim">or type it</span>` : null}
      <textarea id=${id} class="field" rows=${question.schema ? 3 : 1} value=${typed}
        onInput=${(/** @type {any} */ event) => setTyped(event.target.value)}></textarea>
      <button class="btn main"
        disabled=${isWaiting || (!typed.trim() && question.default == null)}>answer</button></div>
    ${hint(question) ? html`<p class="dim small">${hint(question)}</p>` : null}
    <div role="status">${isWaiting ? html`<p class="dim">sending the answer …</p>` : null}
      ${done ? html`<p
        class="ok">${done.command
          ? 'The answer fits. Give it in a terminal, which continues the run:' : 'Answered. The run continues.'}</p>` : null}</div>
    ${done?.command ? html`<${Command} text=${done.command} />` : null}
    ${problem ? html`<${Trouble} problem=${problem} />` : null}
  </form>`;
}

/**
 * Everything that a suspended run waits for.
 * @param {{ run: string, waits: any }} props
 */
export const Waits = ({ run, waits }) => html`<div class="note go waits">
  ${waits.questions?.length ? null
    : html`<strong>Suspended.</strong> Nothing is running, and everything so far is kept.`}
  ${(waits.questions ?? []).map((/** @type {any} */ one) => html`<${Question} key=${one.number}
    run=${run} question=${one} />`)}
  ${(waits.timers ?? []).map((/** @type {any} */ one) =>
    html`<p>Waits until ${moment(one.due)}. <code>kaizen resume ${run}</code> continues it then.</p>`)}
</div>`;

/** What the page does with answers. */
const LEAD = 'These runs use no process while they wait. The page checks an answer and shows the command that gives '
  + 'it: `kaizen answer` continues the run.';

/** One run of the page of waiting runs. @param {{ line: any }} props */
function WaitingRun({ line }) {
  const { data, problem } = useAnswer(`/api/run/${line.id}`);
  return html`<article class="card waiting"><header><h2><a href=${link(['run', line.id])}>${line.script}</a></h2>
    <${Status} of="waiting" />
      <span class="mono dim">${brief(line.id)}</span><span class="dim">${line.params}</span><span class="grow"></span>
        <span class="dim"><${Time} at=${line.started_at} /></span></header>
    ${problem ? html`<${Trouble} problem=${problem} />` : null}
    ${data?.waits ? html`<${Waits} run=${line.id} waits=${data.waits} />` : data
      ? html`<p class="dim pad">It is no longer waiting.</p>` : html`<${Loading} />`}</article>`;
}

/** The page of all runs that wait. */
export function Waiting() {
  // Asks again soon after a run began, ended or was answered.
  useEffect(() => soonAfter(['runs'], refresh), []);
  const { rows, next, load, data, problem } = usePages('/api/runs?q=status:waiting', 'before');
  if (problem) return html`<div class="page"><${Trouble} problem=${problem} /></div>`;
  if (!data) return html`<div class="page"><h1>Waiting for an answer</h1></div>`;

  if (!rows.length) return html`<div class="page"><h1 class="sr">Waiting</h1><div class="card">
    <${Empty} title="No run waits for an answer"
    command=${'let answer = ask("Release 1.2?", #{ options: ["yes", "no"] });'}>A script asks people with <code>ask</code>.
    Where nobody answers on a terminal,
    its run is suspended and appears here.<//></div></div>`;
  return html`<div class="page stack"><div class="head"><h1>Waiting for an answer</h1>
    <span class="dim">${plural(rows.length, 'run')}${next == null ? '' : ' so far'}</span></div>
    <p class="dim lead">${say(LEAD)}</p>
    ${rows.map((/** @type {any} */ line) => html`<${WaitingRun} key=${line.id} line=${line} />`)}
    ${next == null ? null : html`<${More} next=${next} load=${load} says="" />`}</div>`;
}
