/** A conversation: who it is with, what was said, and where one writes. */

import { html, useEffect, useMemo, useRef, useState } from "../shared/html.js";
import { Icon } from "../shared/icons.js";
import { block, blocked, presenceFor, rooms, unblock, user } from "./chat.js";
import { Composer } from "./composer.js";
import { ask } from "./dialog.js";
import { Menu } from "./menu.js";
import { Avatar, nameOf, presenceOf } from "./person.js";
import { Talk } from "./talk.js";
import { Timeline } from "./timeline.js";

/** @typedef {import("./message.js").Shown} Shown */

/** @param {{room: string, seq: number}} props `seq` of a message that was searched for, else 0 */
export function Conversation({ room: id, seq }) {
  const talk = useMemo(() => new Talk(id), [id]);
  const room = rooms.value.find((each) => each.id === id);
  const [editing, setEditing] = useState(/** @type {Shown | null} */ (null));
  const [said, setSaid] = useState("");
  const page = useRef(/** @type {HTMLElement | null} */ (null));

  useEffect(() => {
    talk.open();
    const stop = talk.onHeard((message) => setSaid(`${peer ? nameOf(peer) : "The other"}: ${message.content}`));
    const seen = () => talk.seen();
    addEventListener("focus", seen);
    document.addEventListener("visibilitychange", seen);
    return () => {
      stop();
      removeEventListener("focus", seen);
      document.removeEventListener("visibilitychange", seen);
      talk.leave();
    };
  }, [talk]);

  useEffect(() => {
    if (seq) talk.reach(seq);
  }, [talk, seq]);

  const peer = room && presenceFor(room.peer);
  const name = peer ? nameOf(peer) : "";
  useEffect(() => {
    if (name) document.title = `${name} · Duologue`;
  }, [name]);

  if (!room || !peer) {
    return html`<section class="conversation" aria-label="Conversation">
      <header class="bar"><a class="icon back" href="#/" aria-label="Back to the conversations"><${Icon} name="back" /></a></header>
      <div class="vacant"><p role="status">${talk.failure.value || (rooms.value.length ? "There is no such conversation." : "One moment…")}</p></div>
    </section>`;
  }

  const isBlocked = blocked.value.has(peer.id);
  const messages = talk.shown.value;
  const me = user.value?.id ?? 0;

  /** @param {Shown} message */
  async function remove(message) {
    const question = { title: "Delete this message?", text: `${name} will no longer see it either. This cannot be taken back.`, yes: "Delete" };
    if (await ask(question)) await talk.remove(message.id);
  }

  async function toggleBlock() {
    if (!peer) return;
    if (isBlocked) {
      await unblock(peer.id);
      return;
    }
    const question = { title: `Block ${name}?`, text: `You will hear nothing more from ${peer.email}, until you unblock them. What was said stays.`, yes: "Block" };
    if (await ask(question)) await block(peer.id);
  }

  function editLast() {
    const own = messages.findLast((message) => message.senderId === me && !message.deletedAt && !message.state);
    if (own) setEditing(own);
  }

  return html`<section class="conversation" aria-label="Conversation with ${name}" ref=${page}>
    <header class="bar">
      <a class="icon back" href="#/" aria-label="Back to the conversations"><${Icon} name="back" /></a>
      <${Avatar} person=${peer} />
      <div class="who">
        <h2>${name}</h2>
        <p>${talk.typing.value ? html`<span class="is-typing">is typing…</span>` : html`<span title=${peer.email}>${presenceOf(peer)}</span>`}</p>
      </div>
      <${Menu} label="More about ${name}" entries=${[{ label: isBlocked ? `Unblock ${name}` : `Block ${name}`, icon: "block", grave: !isBlocked, run: toggleBlock }]} />
    </header>
    <${Timeline} messages=${messages} me=${me} author=${name} label="Messages with ${name}" delivered=${talk.delivered.value} read=${talk.read.value}
      unreadFrom=${talk.unreadFrom.value} complete=${talk.complete.value} found=${talk.reached.value ? seq : 0} typing=${talk.typing.value}
      onEarlier=${talk.earlier} onEnd=${talk.ended} onEdit=${setEditing} onDelete=${remove} onRetry=${talk.retry}
      beginning=${
        talk.ready.value &&
        html`<div class="beginning"><${Avatar} person=${peer} size="large" dot=${false} /><h3>${name}</h3><p>${peer.email}</p>
          <p>${messages.length ? "This is where your conversation begins." : `Say hello. Only you and ${name} can read it.`}</p></div>`
      } />
    <p class="unseen" aria-live="polite">${said}</p>
    ${talk.failure.value && html`<p class="failure" role="alert"><${Icon} name="warn" size="18" />${talk.failure.value}
      <button type="button" class="icon" aria-label="Close" onClick=${() => (talk.failure.value = "")}><${Icon} name="close" size="16" /></button></p>`}
    <${Composer} key=${id} room=${id} name=${name} editing=${editing} closed=${isBlocked ? `You have blocked ${name}.` : ""} onSend=${talk.send} onTyping=${talk.type}
      onEdited=${(/** @type {Shown} */ message, /** @type {string} */ text) => talk.edit(message.id, text)} onStop=${() => setEditing(null)} onEditLast=${editLast} />
  </section>`;
}
