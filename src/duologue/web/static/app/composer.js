/** Where one writes: Enter sends, Shift and Enter is a new line, Arrow up in an empty field edits one's last message. */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../shared/html.js";
import { Icon } from "../shared/icons.js";

/** @typedef {import("./message.js").Shown} Shown */

const LONGEST = 8_000; // characters; the server counts likewise
const COUNTED_FROM = 7_000;
const DRAFT = "duologue.draft.";

const draft = {
  /** @param {string} room */
  get: (room) => sessionStorage.getItem(DRAFT + room) ?? "",
  /** @param {string} room @param {string} text */
  set: (room, text) => (text ? sessionStorage.setItem(DRAFT + room, text) : sessionStorage.removeItem(DRAFT + room)),
};

/**
 * @param {{room: string, name: string, editing: Shown | null, closed: string, onSend: (text: string) => void, onTyping: () => void,
 *   onEdited: (message: Shown, text: string) => void, onStop: () => void, onEditLast: () => void}} props
 */
export function Composer({ room, name, editing, closed, onSend, onTyping, onEdited, onStop, onEditLast }) {
  const [text, setText] = useState(() => draft.get(room));
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const isTouch = matchMedia("(pointer: coarse)").matches;

  useEffect(() => {
    setText(editing ? editing.content : draft.get(room));
    if (editing || !isTouch) field.current?.focus();
  }, [editing, room]);

  useLayoutEffect(() => {
    const box = field.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + 2}px`;
  }, [text]);

  const length = text.length > COUNTED_FROM ? [...text].length : 0;
  const empty = !text.trim();
  const refused = empty || length > LONGEST;

  /** @param {string} value */
  function typed(value) {
    setText(value);
    if (editing) return;
    draft.set(room, value);
    if (value) onTyping();
  }

  function send() {
    if (refused) return;
    if (editing) {
      if (text !== editing.content) onEdited(editing, text);
      onStop();
      return;
    }
    onSend(text);
    setText("");
    draft.set(room, "");
    field.current?.focus();
  }

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey && !isTouch) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape" && editing) {
      event.stopPropagation();
      onStop();
    } else if (event.key === "ArrowUp" && !text && !editing) {
      event.preventDefault();
      onEditLast();
    }
  }

  if (closed) return html`<p class="closed" role="status"><${Icon} name="block" size="18" />${closed}</p>`;
  return html`<form class="composer" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), send())}>
    ${
      editing &&
      html`<div class="editing"><${Icon} name="compose" size="16" /><span>Editing your message</span>
        <button type="button" class="link" onClick=${onStop}>Cancel</button></div>`
    }
    <div class="line">
      <textarea ref=${field} rows="1" dir="auto" aria-label=${editing ? "Edit the message" : `Message to ${name}`} placeholder=${`Message to ${name}`}
        enterkeyhint=${isTouch ? "enter" : "send"} value=${text} aria-describedby=${length ? "length" : undefined}
        onInput=${(/** @type {InputEvent} */ event) => typed(/** @type {HTMLTextAreaElement} */ (event.currentTarget).value)} onKeyDown=${pressed}></textarea>
      <button class="send" aria-label=${editing ? "Save" : "Send"} title=${editing ? "Save" : "Send"} disabled=${refused}>
        <${Icon} name=${editing ? "check" : "send"} size="20" /></button>
    </div>
    ${length > 0 && html`<p id="length" class=${length > LONGEST ? "length over" : "length"}>${length.toLocaleString()} of ${LONGEST.toLocaleString()} characters</p>`}
  </form>`;
}
