import { useState } from "react";
import { useConversation } from "./useConversation.js";

/** @param {{chat: import("duologue").Duologue, roomId: string}} props */
export function Chat({ chat, roomId }) {
  const { messages, pending, peer, isPeerTyping, isLive, conversation } = useConversation(chat, roomId);
  const [text, setText] = useState("");

  /** @param {import("react").FormEvent} event */
  function submit(event) {
    event.preventDefault();
    conversation.send(text); // shown at once among `pending`
    setText("");
  }

  return (
    <form onSubmit={submit}>
      <h1>{peer?.displayName ?? peer?.email}</h1>
      <ul>
        {messages.map((message) => <li key={message.seq}>{message.content}</li>)}
        {pending.map((message) => <li key={message.clientId} aria-busy="true">{message.content}</li>)}
      </ul>
      <p>{isPeerTyping ? "is typing …" : isLive ? "" : "connecting …"}</p>
      <input
        aria-label="Message"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          conversation.typing();
        }}
      />
      <button>Send</button>
    </form>
  );
}
