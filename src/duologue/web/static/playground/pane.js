/** One of the two: what they see, what they can do to themselves, and their frames. */

import { html, useLayoutEffect, useRef, useSignal } from "../shared/html.js";
import { Inspector } from "./inspector.js";
import { readSlowly } from "./slow_reader.js";

/** @param {{line: import("./line.js").Line, other: string}} props */
export function Pane({ line, other }) {
  const { guest } = line;
  const text = useSignal("");
  const busy = useSignal(false);
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const messages = line.messages.value;

  useLayoutEffect(() => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [messages, line.typing.value]);

  /** @param {Event} event */
  function send(event) {
    event.preventDefault();
    if (!text.value.trim()) return;
    line.send(text.value);
    text.value = "";
  }

  async function slowly() {
    busy.value = true;
    try {
      await readSlowly(line);
    } catch (error) {
      line.note("failed", /** @type {Error} */ (error).message);
    } finally {
      busy.value = false;
    }
  }

  async function expire() {
    try {
      await line.expire();
    } catch (error) {
      line.note("failed", /** @type {Error} */ (error).message);
    }
  }

  return html`<section class="pane" aria-label=${guest.name}>
    <header>
      <h2>${guest.name}</h2><span class="address">${guest.email}</span>
      <span class="state ${line.state.value}" role="status">${line.state.value}</span>
    </header>
    <div class="talk" ref=${list} tabindex="0" role="log" aria-label="What ${guest.name} sees">
      ${!messages.length && html`<p class="none">Nothing said yet. What ${guest.name} writes, ${other} hears.</p>`}
      ${messages.map(
        (message) => html`<p key=${message.seq} class=${message.senderId === guest.id ? "mine" : "theirs"} dir="auto">${message.content}
          <small>${message.seq}${message.senderId === guest.id && message.seq <= line.read.value ? " · read" : ""}</small></p>`,
      )}
      ${line.typing.value && html`<p class="theirs typing">${other} is typing…</p>`}
    </div>
    <form onSubmit=${send}>
      <input aria-label="Message from ${guest.name}" placeholder="Message from ${guest.name}" autocomplete="off" maxlength="8000" value=${text}
        onInput=${(/** @type {InputEvent} */ event) => {
          text.value = /** @type {HTMLInputElement} */ (event.currentTarget).value;
          line.type();
        }} />
      <button class="button small">Send</button>
    </form>
    <div class="tricks" role="group" aria-label="What happens to ${guest.name}">
      <button type="button" class="button quiet small" onClick=${() => line.kill()}>Kill the socket</button>
      <button type="button" class="button quiet small" onClick=${() => line.sendTwice(text.value.trim() || "Said twice, stored once")}>Send twice</button>
      <button type="button" class="button quiet small" disabled=${busy.value} onClick=${slowly}>${busy.value ? "Reading slowly…" : "Slow reader"}</button>
      <button type="button" class="button quiet small" onClick=${expire}>Expire the token</button>
    </div>
    <${Inspector} line=${line} label="Frames of ${guest.name}" />
  </section>`;
}
