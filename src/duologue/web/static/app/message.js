/** One message: what it says, when, and how far it has come. */

import { html } from "../shared/html.js";
import { Icon } from "../shared/icons.js";
import { clockTime, momentOf } from "./dates.js";
import { Menu } from "./menu.js";

/**
 * @typedef {{id: string, seq: number, senderId: number, content: string, createdAt: string, editedAt?: string | null, deletedAt?: string | null,
 *   clientId?: string, state?: "sending" | "failed", reason?: string}} Shown
 */

const ADDRESS = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/g;

/** The text with its web addresses as links. @param {string} text */
function linked(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    parts.push(text.slice(end, match.index), html`<a href=${match[0]} target="_blank" rel="noopener noreferrer nofollow">${match[0]}</a>`);
    end = match.index + match[0].length;
  }
  return end ? [...parts, text.slice(end)] : text;
}

const MARKS = /** @type {const} */ ({
  sending: "Sending",
  failed: "Not sent",
  sent: "Sent",
  delivered: "Delivered",
  read: "Read",
});

/** How far one's own message has come. @param {Shown} message @param {number} delivered @param {number} read @returns {keyof typeof MARKS} */
export function stateOf(message, delivered, read) {
  if (message.state) return message.state;
  if (message.seq <= read) return "read";
  return message.seq <= delivered ? "delivered" : "sent";
}

/** @param {{state: keyof typeof MARKS}} props */
export function Mark({ state }) {
  const double = state === "delivered" || state === "read";
  const drawing =
    state === "sending"
      ? html`<path d="M8 3.500a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM8 5.800V8l1.6 1" />`
      : state === "failed"
        ? html`<path d="M8 4v5M8 12h.01" />`
        : html`<path d=${double ? "M1.5 8.500l3 3 6-7M7.5 11l.5.5 6-7" : "M3.5 8.500l3 3 6-7"} />`;
  return html`<span class="mark ${state}" title=${MARKS[state]}>
    <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"
      aria-hidden="true">${drawing}</svg><span class="unseen">${MARKS[state]}</span></span>`;
}

/**
 * @param {{message: Shown, mine: boolean, author: string, first: boolean, last: boolean, mark: keyof typeof MARKS, found: boolean,
 *   onEdit: (message: Shown) => void, onDelete: (message: Shown) => void, onRetry: (message: Shown) => void}} props
 * `first` and `last` of what one person says without a pause.
 */
export function Message({ message, mine, author, first, last, mark, found, onEdit, onDelete, onRetry }) {
  const gone = Boolean(message.deletedAt);
  const entries = gone ? [] : actions(message, mine, onEdit, onDelete);
  const classes = ["message", mine ? "mine" : "theirs", first && "first", last && "last", gone && "gone", found && "found", message.state];
  return html`<article class=${classes.filter(Boolean).join(" ")} tabindex="-1" data-seq=${message.seq || undefined} data-id=${message.id || undefined}
    aria-label="${mine ? "You" : author}, ${clockTime(message.createdAt)}">
    <div class="bubble">
      <div class="words" dir="auto"><span class="text">${gone ? "This message was deleted." : linked(message.content)}</span>
      <span class="meta">${message.editedAt && !gone && html`<span title="Edited ${momentOf(message.editedAt)}">edited</span>`}
        <time datetime=${message.createdAt} title=${momentOf(message.createdAt)}>${clockTime(message.createdAt)}</time>
        ${mine && !gone && html`<${Mark} state=${mark} />`}</span></div>
    </div>
    ${entries.length > 0 && html`<${Menu} label="Message from ${clockTime(message.createdAt)}" class="icon more" size=${18} tabindex=${-1} entries=${entries} />`}
    ${
      message.state === "failed" &&
      html`<p class="failed"><${Icon} name="warn" size="16" />${message.reason || "Not sent."} <button type="button" class="link"
        onClick=${() => onRetry(message)}>Try again</button></p>`
    }
  </article>`;
}

/** @param {Shown} message @param {boolean} mine @param {(message: Shown) => void} onEdit @param {(message: Shown) => void} onDelete */
function actions(message, mine, onEdit, onDelete) {
  /** @type {import("./menu.js").Entry[]} */
  const entries = [{ label: "Copy text", icon: "copy", run: () => navigator.clipboard?.writeText(message.content) }];
  if (mine && !message.state) {
    entries.push({ label: "Edit", icon: "compose", run: () => onEdit(message) });
    entries.push({ label: "Delete", icon: "trash", grave: true, run: () => onDelete(message) });
  }
  return entries;
}
