/**
 * The messages of a conversation, drawn in a window: only those near the viewport are in the document, however many there are.
 *
 * They are cut into slices by `seq`, so that a slice stays the same when older ones come in front. Slices out of sight are two empty boxes of the
 * heights that were measured. The scroller grows upwards (`column-reverse`): it rests at its end by itself, and what comes in above moves nothing.
 */

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../shared/html.js";
import { Icon } from "../shared/icons.js";
import { dayName, dayOf } from "./dates.js";
import { Message, stateOf } from "./message.js";

/** @typedef {import("./message.js").Shown} Shown */
/** @typedef {{key: number, messages: Shown[], before: Shown | undefined, after: Shown | undefined}} Slice */

const SLICE = 16; // messages; about a screenful
const GUESS = 68; // pixels of a message that was never drawn
const AHEAD = 1200; // pixels drawn beyond the viewport, each way: a fast flick moves 800 between two frames
const EARLIER = 2400; // pixels from the top at which older messages are fetched
const AT_END = 90; // pixels from the end that still count as being there
const PAUSE = 5 * 60_000; // between two messages that do not belong together any more

/** @param {Shown[]} messages ascending by `seq`; those not yet stored come last, with `seq` 0 @returns {Slice[]} */
export function slices(messages) {
  /** @type {Slice[]} */
  const found = [];
  messages.forEach((message, at) => {
    const key = message.seq ? Math.floor(message.seq / SLICE) : (found.at(-1)?.key ?? 0);
    if (found.at(-1)?.key !== key) found.push({ key, messages: [], before: messages[at - 1], after: undefined });
    const slice = /** @type {Slice} */ (found.at(-1));
    slice.messages.push(message);
    slice.after = messages[at + 1];
  });
  return found;
}

/** Whether the second goes on where the first stopped. @param {Shown | undefined} one @param {Shown | undefined} two */
function together(one, two) {
  if (!one || !two || one.senderId !== two.senderId || dayOf(one.createdAt) !== dayOf(two.createdAt)) return false;
  return Math.abs(new Date(two.createdAt).getTime() - new Date(one.createdAt).getTime()) < PAUSE;
}

/**
 * @param {{messages: Shown[], me: number, author: string, label: string, delivered: number, read: number, unreadFrom: number, complete: boolean, found: number,
 *   typing: boolean, onEarlier: () => void, onEnd: (atEnd: boolean) => void, onEdit: (message: Shown) => void, onDelete: (message: Shown) => void,
 *   onRetry: (message: Shown) => void, beginning: unknown}} props
 */
export function Timeline(props) {
  const { messages, label, complete, found, onEarlier, onEnd } = props;
  const all = useMemo(() => slices(messages), [messages]);
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const heights = useRef(/** @type {Map<number, number>} */ (new Map()));
  const anchor = useRef(/** @type {{seq: string, top: number} | null} */ (null));
  const rest = useRef(0); // of a pixel, which a scroller does not move by: else it would add up with each message
  const [range, setRange] = useState([0, Number.POSITIVE_INFINITY]); // slices drawn, counted from the end
  const [away, setAway] = useState(false);

  /** @param {Slice} slice */
  const heightOf = (slice) => heights.current.get(slice.key) ?? slice.messages.length * GUESS;

  /** Which slices are near the viewport; counted from the end, so that older ones coming in change nothing. */
  function look() {
    const box = scroller.current;
    if (!box) return;
    const bottom = -box.scrollTop; // column-reverse: 0 at the end, negative above
    const atEnd = bottom < AT_END;
    let from = 0;
    let below = 0;
    while (from < all.length - 1 && below + heightOf(all[all.length - 1 - from]) < bottom - AHEAD) below += heightOf(all[all.length - 1 - from++]);
    let to = from;
    let drawn = below;
    while (to < all.length && drawn < bottom + box.clientHeight + AHEAD) drawn += heightOf(all[all.length - 1 - to++]);
    setRange((before) => (before[0] === from && before[1] === to ? before : [from, to]));
    setAway(!atEnd);
    onEnd(atEnd);
    if (!complete && box.scrollHeight - box.clientHeight - bottom < EARLIER) onEarlier();
  }

  /** The message that is read, and where it stands; nothing at the end, which stays in sight by itself. */
  function standing() {
    const box = scroller.current;
    if (!box || -box.scrollTop < AT_END) return null;
    const top = box.getBoundingClientRect().top;
    for (const each of /** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll("[data-seq]"))) {
      const rect = each.getBoundingClientRect();
      if (rect.bottom > top) return { seq: each.dataset.seq ?? "", top: rect.top };
    }
    return null;
  }

  const waiting = useRef(0);
  function scrolled() {
    waiting.current ||= requestAnimationFrame(() => {
      waiting.current = 0;
      look();
    });
  }
  useEffect(() => () => cancelAnimationFrame(waiting.current), []);

  const [from, to] = range;
  const last = all.length - Math.min(from, all.length);
  const first = Math.max(0, all.length - to);
  const visible = all.slice(first, last);

  // Looked up here, before anything is drawn: since the last scroll event one may have scrolled on.
  const drawing = useRef(/** @type {unknown[]} */ ([]));
  if (drawing.current[0] !== all || drawing.current[1] !== from || drawing.current[2] !== to) {
    drawing.current = [all, from, to];
    anchor.current = standing();
  }

  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box) return;
    for (const each of /** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll("[data-slice]"))) {
      heights.current.set(Number(each.dataset.slice), each.getBoundingClientRect().height);
    }
    // Something came in below while one reads above: what is read stays where it is.
    if (anchor.current) {
      const { seq, top } = anchor.current;
      const same = box.querySelector(`[data-seq="${seq}"]`);
      const moved = () => (same ? same.getBoundingClientRect().top - top + rest.current : 0);
      if (Math.abs(moved()) >= 1) box.scrollTop += moved();
      const left = moved();
      rest.current = Math.abs(left) < 1 ? left : 0; // more than that: there was nowhere to scroll to
      anchor.current = null;
    }
    look();
  }, [all, from, to, complete]);

  useEffect(() => {
    const box = /** @type {HTMLElement} */ (scroller.current);
    const observer = new ResizeObserver(scrolled); // lines break elsewhere now: what comes in sight is measured again
    observer.observe(box);
    return () => observer.disconnect();
  }, []);

  const shown = useRef(0);
  useLayoutEffect(() => {
    const at = found && found !== shown.current ? all.findIndex((slice) => slice.messages.some((message) => message.seq === found)) : -1;
    const box = scroller.current;
    if (at < 0 || !box) return;
    const target = box.querySelector(`[data-seq="${found}"]`);
    if (!target) {
      box.scrollTop = -all.slice(at + 1).reduce((sum, slice) => sum + heightOf(slice), 0);
      look();
      return;
    }
    shown.current = found;
    target.scrollIntoView({ block: "center" });
    /** @type {HTMLElement} */ (target).focus({ preventScroll: true });
  }, [found, all, from, to]);

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    const box = scroller.current;
    if (!box || (event.key !== "ArrowUp" && event.key !== "ArrowDown" && event.key !== "Enter")) return;
    const articles = /** @type {HTMLElement[]} */ ([...box.querySelectorAll("article")]);
    const at = articles.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (event.key === "Enter") {
      if (at < 0) return;
      event.preventDefault(); // else the same key chooses the first command of the menu it has opened
      /** @type {HTMLElement | null} */ (articles[at].querySelector("button.more"))?.click();
      return;
    }
    const next = at < 0 ? articles.at(-1) : articles[at + (event.key === "ArrowUp" ? -1 : 1)];
    if (event.target !== box && at < 0) return; // in a menu
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
    event.preventDefault();
  }

  const above = all.slice(0, first).reduce((sum, slice) => sum + heightOf(slice), 0);
  const below = all.slice(last).reduce((sum, slice) => sum + heightOf(slice), 0);
  return html`<div class="timeline">
    <div class="scroller" ref=${scroller} onScroll=${scrolled} onKeyDown=${pressed} role="region" aria-label=${label} tabindex="0">
      <div class="messages">
        ${complete ? props.beginning : html`<p class="earlier" role="status">${messages.length > 0 && "Earlier messages…"}</p>`}
        <div style=${{ height: `${above}px` }}></div>
        ${visible.map((slice) => html`<${Drawn} key=${slice.key} slice=${slice} ...${props} />`)}
        <div style=${{ height: `${below}px` }}></div>
        ${props.typing && html`<div class="message theirs typing first last"><div class="bubble"><i></i><i></i><i></i></div></div>`}
      </div>
    </div>
    ${
      away &&
      html`<button type="button" class="icon end" aria-label="To the newest message" title="To the newest message"
        onClick=${() => scroller.current?.scrollTo({ top: 0 })}><${Icon} name="down" /></button>`
    }
  </div>`;
}

/** @param {{slice: Slice} & Parameters<typeof Timeline>[0]} props */
function Drawn({ slice, me, author, delivered, read, unreadFrom, found, onEdit, onDelete, onRetry }) {
  const lines = /** @type {unknown[]} */ ([]);
  let before = slice.before;
  slice.messages.forEach((message, at) => {
    const after = slice.messages[at + 1] ?? slice.after;
    const day = dayOf(message.createdAt);
    const unread = unreadFrom > 0 && message.seq === unreadFrom;
    if (!before || dayOf(before.createdAt) !== day) lines.push(html`<h3 class="day" key="day-${day}"><span>${dayName(day)}</span></h3>`);
    if (unread) lines.push(html`<p class="unread" key="unread"><span>New messages</span></p>`);
    const mine = message.senderId === me;
    lines.push(html`<${Message} key=${message.clientId || message.id} message=${message} mine=${mine} author=${author} found=${found === message.seq && found > 0}
      first=${unread || !together(before, message)} last=${!together(message, after)} mark=${stateOf(message, delivered, read)}
      onEdit=${onEdit} onDelete=${onDelete} onRetry=${onRetry} />`);
    before = message;
  });
  return html`<div data-slice=${slice.key}>${lines}</div>`;
}
