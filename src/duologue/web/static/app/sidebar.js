/** Conversations, people, and what a search finds. */

import { html, useEffect, useRef, useSignal } from "../shared/html.js";
import { Icon, Logo } from "../shared/icons.js";
import { chat, openRoom, people, presenceFor, rooms, user } from "./chat.js";
import { clockTime, shortTime } from "./dates.js";
import { Avatar, nameOf, presenceOf } from "./person.js";
import { go, route } from "./route.js";

const SEARCH_MS = 220; // after the last key

/** @typedef {import("./person.js").Somebody} Somebody */

export function Sidebar() {
  const query = useSignal("");
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const inPeople = route.value.page === "people";

  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const pressed = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "k") {
        event.preventDefault();
        field.current?.focus();
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);

  const unread = rooms.value.reduce((sum, room) => sum + room.unread, 0);
  return html`<section class="side" aria-label="Conversations and people">
    <header class="top">
      <a class="brand" href="#/" aria-label="Duologue, all conversations"><${Logo} size="30" />Duologue</a>
      <a class="me" href="#/devices" aria-label="Your account" title=${user.value?.email}>${user.value && html`<${Avatar} person=${user.value} dot=${false} />`}</a>
    </header>
    <div class="search" role="search">
      <${Icon} name="search" size="18" />
      <input ref=${field} type="search" placeholder="Search people and messages" aria-label="Search people and messages" autocomplete="off" spellcheck="false"
        aria-keyshortcuts="Control+K" value=${query} onInput=${(/** @type {InputEvent} */ event) => (query.value = /** @type {HTMLInputElement} */ (event.currentTarget).value)}
        onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && (query.value = "")} />
    </div>
    ${
      query.value.trim()
        ? html`<${Found} query=${query.value.trim()} onChosen=${() => (query.value = "")} />`
        : html`<nav class="tabs" aria-label="Lists">
              <a href="#/" aria-current=${inPeople ? undefined : "true"}>Conversations${unread > 0 && html`<b class="badge">${unread > 99 ? "99+" : unread}<span class="unseen"> unread</span></b>`}</a>
              <a href="#/people" aria-current=${inPeople ? "true" : undefined}>People</a>
            </nav>
            ${inPeople ? html`<${People} />` : html`<${Rooms} />`}`
    }
  </section>`;
}

function Rooms() {
  const all = rooms.value;
  if (!all.length) {
    return html`<div class="vacant small">
      <p><b>No conversations yet</b></p>
      <p>Find somebody under <a href="#/people">People</a> and say hello.</p>
    </div>`;
  }
  return html`<nav class="list" aria-label="Conversations"><ul>${all.map((room) => html`<${RoomLine} key=${room.id} room=${room} />`)}</ul></nav>`;
}

/** @param {{room: import("./chat.js").Room}} props */
function RoomLine({ room }) {
  const peer = presenceFor(room.peer);
  const newest = room.messages[0];
  const mine = newest && newest.senderId === user.value?.id;
  return html`<li><a class="entry ${room.unread ? "has-unread" : ""}" href="#/room/${room.id}" aria-current=${route.value.room === room.id ? "page" : undefined}>
    <${Avatar} person=${peer} />
    <span class="name">${nameOf(peer)}<span class="unseen">, ${peer.online ? "online" : "offline"}</span></span>
    <span class="when">${newest && shortTime(newest.createdAt)}</span>
    <span class="newest" dir="auto">${newest ? (newest.deletedAt ? html`<i>deleted</i>` : `${mine ? "You: " : ""}${newest.content.slice(0, 140)}`) : html`<i>Nothing said yet</i>`}</span>
    ${room.unread > 0 && html`<b class="badge">${room.unread > 99 ? "99+" : room.unread}<span class="unseen"> unread</span></b>`}
  </a></li>`;
}

function People() {
  const others = people.everybody.filter((person) => person.id !== user.value?.id);
  if (!people.ready.value) return html`<div class="vacant small"><p role="status">One moment…</p></div>`;
  if (!others.length) {
    return html`<div class="vacant small"><p><b>You are the first one here</b></p>
      <p>Open this page in a private window and register a second address: then there are two.</p></div>`;
  }
  return html`<div class="list" role="region" aria-label="People" tabindex="0"><ul>${others.map((person) => html`<${PersonLine} key=${person.id} person=${presenceFor(person)} />`)}</ul></div>`;
}

/** @param {{person: Somebody, onChosen?: () => void}} props */
function PersonLine({ person, onChosen }) {
  async function talk() {
    const room = await openRoom(person.id);
    if (!room) return;
    onChosen?.();
    go(`/room/${room}`);
  }
  return html`<li><button type="button" class="entry" onClick=${talk}>
    <${Avatar} person=${person} />
    <span class="name">${nameOf(person)}</span>
    <span class="newest">${person.email}</span>
    <span class=${person.online ? "when is-online" : "when"}>${presenceOf(person).replace("last seen ", "")}</span>
  </button></li>`;
}

/** @param {{query: string, onChosen: () => void}} props */
function Found({ query, onChosen }) {
  const result = useSignal(/** @type {{people: Somebody[], messages: import("./chat.js").Found[]} | null} */ (null));
  const failure = useSignal("");

  useEffect(() => {
    let left = false;
    const timer = setTimeout(async () => {
      try {
        const [directory, messages] = await Promise.all([chat.people({ query }), chat.search(query)]);
        if (left) return;
        result.value = { people: directory.users.filter((each) => each.id !== user.value?.id).slice(0, 8), messages: messages.results };
        failure.value = "";
      } catch (error) {
        if (!left) failure.value = /** @type {Error} */ (error).message;
      }
    }, SEARCH_MS);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [query]);

  const found = result.value;
  const words = found ? `${found.people.length} people and ${found.messages.length} messages found` : "";
  return html`<div class="list found" role="region" aria-label="Search results" tabindex="0">
    <p class="unseen" role="status">${failure.value || words}</p>
    ${failure.value && html`<p class="notice wrong">${failure.value}</p>`}
    ${found && !found.people.length && !found.messages.length && html`<div class="vacant small"><p><b>Nothing found</b></p><p>No person and no message has “${query}”.</p></div>`}
    ${found && found.people.length > 0 && html`<h2>People</h2><ul>${found.people.map((person) => html`<${PersonLine} key=${person.id} person=${presenceFor(person)} onChosen=${onChosen} />`)}</ul>`}
    ${
      found &&
      found.messages.length > 0 &&
      html`<h2>Messages</h2><ul>${found.messages.map(
        ({ message, peer }) => html`<li key=${message.id}><a class="entry" href="#/room/${message.roomId}/${message.seq}">
          <${Avatar} person=${presenceFor(peer)} />
          <span class="name">${message.senderId === user.value?.id ? `You to ${nameOf(peer)}` : nameOf(peer)}</span>
          <span class="when" title=${clockTime(message.createdAt)}>${shortTime(message.createdAt)}</span>
          <span class="newest lines" dir="auto">${marked(message.content, query)}</span>
        </a></li>`,
      )}</ul>`
    }
  </div>`;
}

/** The part of a text where the words are, with the words marked. @param {string} text @param {string} query */
function marked(text, query) {
  const words = query.split(/\s+/).filter(Boolean).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`(${words.join("|")})`, "giu");
  const at = text.search(pattern);
  const part = at > 60 ? `…${text.slice(at - 40, at + 140)}` : text.slice(0, 180);
  return part.split(pattern).map((piece, number) => (number % 2 ? html`<mark>${piece}</mark>` : piece));
}
