/** Every frame of a line, in and out, with its time. */

import { html, useLayoutEffect, useRef, useSignal } from "../shared/html.js";

/** @typedef {import("./line.js").Frame} Frame */

const WAYS = /** @type {const} */ ({ in: ["↓", "received"], out: ["↑", "sent"], event: ["•", "event"] });

/** @param {{line: import("./line.js").Line, label: string}} props */
export function Inspector({ line, label }) {
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const frames = line.frames.value;
  const stays = useRef(true);

  useLayoutEffect(() => {
    if (list.current && stays.current) list.current.scrollTop = list.current.scrollHeight;
  }, [frames]);

  function scrolled() {
    const box = /** @type {HTMLElement} */ (list.current);
    stays.current = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  }

  return html`<section class="inspector" aria-label=${label}>
    <header><h3>Frames</h3><span>${frames.length}</span><button type="button" class="link" onClick=${() => (line.frames.value = [])}>Clear</button></header>
    <div class="frames" ref=${list} onScroll=${scrolled} tabindex="0" role="log" aria-label=${label} aria-live="off">
      ${frames.map((frame, at) => html`<${Line} key=${frame.at} frame=${frame} gap=${at ? frame.at - frames[at - 1].at : 0} />`)}
    </div>
  </section>`;
}

/** @param {{frame: Frame, gap: number}} props */
function Line({ frame, gap }) {
  const open = useSignal(false);
  const [arrow, word] = WAYS[frame.way];
  const short = frame.text.length > 220 ? `${frame.text.slice(0, 220)}…` : frame.text;
  const head = html`<span class="arrow" aria-hidden="true">${arrow}</span><span class="unseen">${word}</span>
    <time>${stamp(frame.at)}</time><b>${frame.type}</b><span class="gap">${gap >= 1 ? `+${Math.round(gap)} ms` : ""}</span>
    <span class="size">${frame.size ? `${frame.size.toLocaleString()} B` : ""}</span>`;
  if (frame.way === "event") return html`<div class="frame event"><div class="head">${head}<span class="note">${frame.text}</span></div></div>`;
  return html`<div class="frame ${frame.way}">
    <button type="button" class="head" aria-expanded=${open.value} onClick=${() => (open.value = !open.value)}>${head}
      ${!open.value && html`<span class="note">${dataOf(short)}</span>`}</button>
    ${open.value && html`<pre>${JSON.stringify(JSON.parse(frame.text), null, 2)}</pre>`}
  </div>`;
}

/** Without the type, which stands before it. @param {string} text */
const dataOf = (text) => text.replace(/^\{"type":"[A-Z_]+",?("data":)?/, "").replace(/\}$/, "");

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });

/** @param {number} at milliseconds since the page began */
const stamp = (at) => clock.format(performance.timeOrigin + at);
