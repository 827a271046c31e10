import { useEffect, useMemo, useReducer } from "react";

/** @type {(keyof import("duologue").ConversationEvents)[]} */
const EVENTS = ["message", "edited", "deleted", "sending", "sent", "failed", "typing", "read", "presence", "resumed"];

/**
 * A conversation as React state: it is open as long as the component is there, and drawn again whenever it changes.
 * @param {import("duologue").Duologue} chat
 * @param {string} roomId
 */
export function useConversation(chat, roomId) {
  const [, draw] = useReducer((/** @type {number} */ count) => count + 1, 0);
  const conversation = useMemo(() => chat.conversation(roomId), [chat, roomId]);

  useEffect(() => {
    const stops = EVENTS.map((event) => conversation.on(event, draw));
    conversation.open();
    return () => {
      for (const stop of stops) stop();
      conversation.close();
    };
  }, [conversation]);

  const { messages, pending, peer, isPeerTyping, isLive } = conversation;
  return { messages, pending, peer, isPeerTyping, isLive, conversation };
}
