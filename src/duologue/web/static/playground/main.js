/** The playground: two guests, their room, and what goes to and fro. */

import { html, render, signal } from "../shared/html.js";
import { Logo } from "../shared/icons.js";
import { arrive, jarState, roomOf } from "./guest.js";
import { Line } from "./line.js";
import { Pane } from "./pane.js";

const lines = signal(/** @type {Line[]} */ ([]));
const trouble = signal("");

function Playground() {
  return html`<header class="head">
      <a class="brand" href="/"><${Logo} size="30" />Duologue</a>
      <h1>Playground</h1>
      <nav aria-label="More"><a href="/docs">API</a><a href="/protocol">Protocol</a><a href="/dev/mailbox">Mailbox</a><a href="/">Chat</a></nav>
    </header>
    <main>
      <p class="lead">Two guests in one room, each on a bare WebSocket. Open a frame to read it; what each means stands at <a href="/protocol">/protocol</a>.
        The buttons do what happens to clients in the wild.</p>
      <div role="alert">${trouble.value && html`<p class="notice">${trouble.value} <a href="/playground">Try again</a></p>`}</div>
      ${
        lines.value.length
          ? html`<div class="panes">${lines.value.map((line, at) => html`<${Pane} key=${line.guest.id} line=${line} other=${lines.value[1 - at].guest.name} />`)}</div>`
          : !trouble.value && html`<p class="none" role="status">Two guests are arriving…</p>`
      }
    </main>`;
}

async function begin() {
  const jar = await jarState();
  if (jar === "leaving") return;
  if (jar === "taken") {
    trouble.value = "You are signed in here, and a socket takes the cookie before the token: sign out, or open the playground in a private window.";
    return;
  }
  const [one, two] = await Promise.all([arrive("ada"), arrive("ben")]);
  const room = await roomOf(one, two);
  lines.value = [new Line(one, room), new Line(two, room)];
  for (const line of lines.value) line.connect();
}

render(html`<${Playground} />`, /** @type {HTMLElement} */ (document.getElementById("playground")));
begin().catch((error) => {
  trouble.value = error.message;
});
