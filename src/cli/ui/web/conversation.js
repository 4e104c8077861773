// What a model was sent and what it replied, a part of long texts at a time.
import { html, useState } from './base.js';
import { bytes, count, money, NONE, plain, plural, say, secs } from './words.js';
import { Copy, Status, Table, save } from './parts.js';

/**
 * @typedef {import('./types.js').Text} Text
 * @typedef {(at: string, from: number) => Promise<string>} Fetch reads the next part of a text
 */

/** @param {string} text */
const size = text => new TextEncoder().encode(text).length;

/**
 * JSON with line breaks, or nothing if a text is no JSON object or list.
 * @param {string} text
 */
function laidOut(text) {
  if (!/^\s*[[{]/.test(text)) return null;
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return null; }
}

/**
 * One message. Its text is shown as it is: no markup, no links.
 * @param {{ who: string, text: Text, says?: any, name: string, isReply?: boolean, fetch?: Fetch }} props
 */
export function Message({ who, text, says, name, isReply, fetch }) {
  const [more, setMore] = useState({ of: text.at, text: '', isLoading: false, failed: '' });
  const [isRaw, setIsRaw] = useState(false);
  const body = text.text + (more.of === text.at ? more.text : '');
  const have = size(body);
  const form = have >= text.bytes ? laidOut(body) : null;
  const hasRest = text.at != null && have < text.bytes && fetch;

  /** @param {boolean} isAll */
  const load = async isAll => {
    let found = body;
    setMore({ of: text.at, text: found.slice(text.text.length), isLoading: true, failed: '' });
    try {
      do {
        const part = await fetch?.(text.at ?? '', size(found));
        if (!part) break;
        found += part;
      } while (isAll && size(found) < text.bytes);
      if (isAll) save(found, `${name}.txt`);
      else setMore({ of: text.at, text: found.slice(text.text.length), isLoading: false, failed: '' });
    } catch (/** @type {any} */ problem) {
      setMore({ of: text.at, text: body.slice(text.text.length), isLoading: false, failed: problem.error ?? 'not loaded' });
      return;
    }
    if (isAll) setMore({ of: text.at, text: body.slice(text.text.length), isLoading: false, failed: '' });
  };

  return html`<div class=${isReply ? 'msg reply' : 'msg'}>
    <header><b>${who}</b><span class="grow">${says}</span>
      ${form ? html`<button type="button" class="copy" aria-pressed=${String(!isRaw)} onClick=${() => setIsRaw(!isRaw)}>
        ${isRaw ? 'with line breaks' : 'as it was'}</button>` : null}
      <${Copy} text=${body} what=${who} /></header>
    <pre tabindex="0" aria-label=${who}
      class=${form && !isRaw ? 'code' : ''}>${form && !isRaw ? form : body || html`<span
      class="dim">(empty)</span>`}</pre>
    ${hasRest ? html`<div class="cut"><span>${bytes(have)} of ${bytes(text.bytes)}</span>
      <button type="button" class="btn small" disabled=${more.isLoading}
        onClick=${() => load(false)}>next 64 kB</button>
      <button type="button" class="btn small" disabled=${more.isLoading} onClick=${() => load(true)}>save all</button>
      ${more.failed ? html`<span class="bad" role="alert">${say(more.failed)}</span>` : null}</div>` : null}
  </div>`;
}

/** What became of a call. @param {any} attempt */
function outcomeOf(attempt) {
  if (attempt.failure) return 'failed';
  if (attempt.reused) return 'reused';
  return attempt.took == null ? 'running' : 'completed';
}

/** @param {any} usage */
const tokens = usage => usage ? `${count(usage.input)} → ${count(usage.output)}` : NONE;

/** The calls of an operation as a table, where there is more than one. @param {{ attempts: any[] }} props */
export const Calls = ({ attempts }) => html`<${Table} label="Calls" name="try" head=${html`<th>call</th>
  <th class="num">began</th><th class="num">time</th><th class="num">tokens</th><th class="num">cost</th><th>outcome</th>`}>
  ${attempts.map((one, i) => html`<tr><td class="dim">${i + 1}</td><td class="num">+${secs(one.began)}</td>
    <td class="num">${secs(one.took)}</td><td class="num dim">${tokens(one.usage)}</td>
      <td class="num">${money(one.cost)}</td>
    <td><${Status} of=${outcomeOf(one)} word=${one.failure?.kind} /></td></tr>`)}<//>`;

/**
 * Earlier messages, folded.
 * @param {{ messages: any[], left: number, fetch?: Fetch, name: string }} props
 */
function Before({ messages, left, fetch, name }) {
  const [isOpen, setIsOpen] = useState(false);
  if (!messages.length && !left) return null;

  const roles = messages.map(one => one.role);
  const some = roles.length > 4 ? `${roles[0]} … ${roles[roles.length - 1]}` : roles.join(', ');
  return html`<div class="msg fold"><header><b>${plural(messages.length + left, 'earlier message')}</b>
      <span class="grow">${some || 'not kept in this run'}</span>
      ${messages.length ? html`<button type="button" class="copy" aria-expanded=${String(isOpen)}
        onClick=${() => setIsOpen(!isOpen)}>${isOpen ? 'hide' : 'show'}</button>` : null}</header></div>
    ${isOpen && left && messages.length ? html`<p
      class="dim">${plural(left, 'message')} before these are not shown.</p>` : null}
    ${isOpen ? messages.map((one, i) =>
      html`<${Message} key=${i} who=${one.role} text=${one} fetch=${fetch} name=${`${name}-${i}`} />`) : null}`;
}

/** What a request has besides its messages. */
const TERMS = [['settings', 'settings'], ['schema', 'schema of the reply'], ['tools', 'tools']];

/**
 * What else was sent, folded.
 * @param {{ attempt: any, fetch?: Fetch, name: string }} props
 */
function Terms({ attempt, fetch, name }) {
  const [isOpen, setIsOpen] = useState(false);
  const sent = TERMS.filter(([key]) => attempt[key]);
  if (!sent.length) return null;

  return html`<div class="msg fold"><header><b>also sent</b><span
    class="grow">${sent.map(([, word]) => word).join(', ')}</span>
      <button type="button" class="copy" aria-expanded=${String(isOpen)}
        aria-label=${`${isOpen ? 'hide' : 'show'} what else was sent`}
        onClick=${() => setIsOpen(!isOpen)}>${isOpen ? 'hide' : 'show'}</button></header></div>
    ${isOpen ? sent.map(([key, word]) =>
      html`<${Message} key=${key} who=${word} text=${attempt[key]} fetch=${fetch} name=${`${name}-${key}`} />`)
         : null}`;
}

/**
 * What is to be known of a reply, in few words.
 * @param {any} attempt
 */
function endingOf(attempt) {
  const mended = attempt.mended?.length ? `mended: ${attempt.mended.map(plain).join(', ')}` : '';
  const parts = [attempt.finish, attempt.cut ? 'cut off' : '', attempt.reused ? 'reused reply' : '', mended];
  return parts.filter(Boolean).join(' · ');
}

/**
 * The messages of one call.
 * @param {{ attempt: any, name: string, fetch?: Fetch }} props
 */
export function Exchange({ attempt, name, fetch }) {
  const { prompt, reply, calls, failure } = attempt;
  const all = attempt.messages ?? [];
  const newest = prompt ? null : all[all.length - 1];
  const earlier = newest ? all.slice(0, -1) : all;
  const left = attempt.messages_left ?? Math.max(0, (attempt.history ?? 0) - earlier.length);
  const says = attempt.repair ? 'asks for a repair' : attempt.step ? `step ${attempt.step + 1}` : attempt.says;

  return html`<${Before} messages=${earlier} left=${left} fetch=${fetch} name=${name} />
    <${Terms} attempt=${attempt} fetch=${fetch} name=${name} />
    ${newest ? html`<${Message} who=${newest.role} text=${newest} says=${says} name=${`${name}-newest`}
      fetch=${fetch} />` : null}
    ${prompt ? html`<${Message} who="prompt" text=${prompt} says=${says} name=${`${name}-prompt`} fetch=${fetch} />`
       : null}
    ${reply ? html`<${Message} who="reply" isReply text=${reply} says=${endingOf(attempt)} name=${`${name}-reply`}
      fetch=${fetch} />` : null}
    ${calls ? html`<${Message} who="calls of tools" isReply text=${calls} name=${`${name}-calls`} fetch=${fetch} />`
       : null}
    ${failure ? html`<div class="note bad"><strong>${failure.kind}</strong> · ${say(failure.message)}</div>` : null}
    ${attempt.retry_in_ms ? html`<p class="dim">retried after ${secs(attempt.retry_in_ms * 1000)}</p>` : null}`;
}

/**
 * The calls of tools of an operation.
 * @param {{ of: any[], fetch?: Fetch, name: string }} props
 */
export const Tools = ({ of, fetch, name }) => of.map((one, i) =>
  html`<${Message} key=${`${i}a`} who=${one.tool} text=${one.args}
    says=${`${one.step == null ? '' : `step ${one.step + 1}`}${one.approved === false ? ' · not approved' : ''}`}
    name=${`${name}-tool-${i}`} fetch=${fetch} />
  ${one.result ? html`<${Message} key=${`${i}r`} who="result" isReply text=${one.result}
    says=${one.cut ? `cut from ${bytes(one.bytes ?? 0)}` : ''}
    name=${`${name}-result-${i}`} fetch=${fetch} />` : null}
  ${one.failure ? html`<div class="note bad">${one.failure.kind ? html`<strong>${one.failure.kind}</strong> · `
     : null}${say(one.failure.message ?? plain(one.failure))}</div>` : null}`);
