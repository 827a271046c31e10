/** The whole page: the entrance, or the conversations. */

import { html, render, useEffect } from "../shared/html.js";
import { Icon } from "../shared/icons.js";
import { ACCOUNT_PAGES, Account } from "./account.js";
import { begin, connection, ended, network, rooms, trouble, user } from "./chat.js";
import { Conversation } from "./conversation.js";
import { Entrance } from "./entrance.js";
import { route } from "./route.js";
import { Sidebar } from "./sidebar.js";

const TROUBLE_MS = 8_000;

function App() {
  if (user.value === undefined) return html`<p class="opening" role="status">${!network.value ? "You are offline." : "Duologue"}</p>`;
  if (user.value === null) {
    return html`${ended.value && html`<p class="line-above" role="status">${ended.value}</p>`}<${Entrance} />`;
  }
  return html`<${Frame} />`;
}

function Frame() {
  const { page, room, seq } = route.value;
  const unread = rooms.value.reduce((sum, each) => sum + each.unread, 0);
  const onStage = room || ACCOUNT_PAGES[page];

  useEffect(() => {
    if (!onStage) document.title = `${unread ? `(${unread}) ` : ""}Duologue`;
  }, [onStage, unread]);

  return html`<div class="frame ${onStage ? "on-stage" : ""}">
    <${ConnectionLine} />
    <main>
      <h1 class="unseen">Duologue</h1>
      <${Sidebar} />
      <div class="stage">${
        room
          ? html`<${Conversation} key=${room} room=${room} seq=${seq} />`
          : ACCOUNT_PAGES[page]
            ? html`<${Account} page=${page} />`
            : html`<${Vacant} />`
      }</div>
    </main>
    <${Trouble} />
  </div>`;
}

/** A clear line while nothing comes through, and a word when it does again. */
function ConnectionLine() {
  const state = network.value ? connection.value : "offline";
  return html`<div role="status" class="connection">
    ${
      state !== "online" &&
      html`<p><${Icon} name="offline" size="18" />${state === "connecting" ? "Connecting…" : "You are offline."} <span>What you write is kept, and sent as soon as you are back.</span></p>`
    }
  </div>`;
}

function Vacant() {
  return html`<div class="vacant stage-vacant">
    <svg width="168" height="120" viewBox="0 0 168 120" aria-hidden="true">
      <rect class="one" x="4" y="8" width="104" height="50" rx="22" /><rect class="two" x="60" y="62" width="104" height="50" rx="22" />
      <path class="words" d="M26 27h58M26 40h34M82 81h58M82 94h40" />
    </svg>
    <h2>Two people talk</h2>
    <p>Pick a conversation, or find somebody under <a href="#/people">People</a>.</p>
  </div>`;
}

function Trouble() {
  const text = trouble.value;
  useEffect(() => {
    if (!text) return undefined;
    const timer = setTimeout(() => (trouble.value = ""), TROUBLE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<div role="alert" class="trouble">${
    text &&
    html`<p><${Icon} name="warn" size="18" />${text}
      <button type="button" class="icon" aria-label="Close" onClick=${() => (trouble.value = "")}><${Icon} name="close" size="16" /></button></p>`
  }</div>`;
}

const place = /** @type {HTMLElement} */ (document.getElementById("app"));
place.replaceChildren();
render(html`<${App} />`, place);
begin();
