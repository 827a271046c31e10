/**
 * A reader that stops reading: a worker whose thread is busy takes nothing from its socket, so the server's outbox for it fills.
 * In: `{url, block}`, then `{count}`. Out: `{type: "open"}`, `{type: "closed", code, reason, heard, last, ordered}`.
 */

/** @type {WebSocket} */
let socket;
let heard = 0;
let last = 0;
let ordered = true;

onmessage = ({ data }) => {
  if (data.url) {
    socket = new WebSocket(data.url);
    socket.onopen = () => postMessage({ type: "open" });
    socket.onmessage = (event) => {
      const { seq } = JSON.parse(event.data).data;
      ordered &&= seq === last + 1;
      heard += 1;
      last = seq;
    };
    socket.onclose = ({ code, reason }) => postMessage({ type: "closed", code, reason, heard, last, ordered });
  } else {
    const until = performance.now() + data.block;
    while (performance.now() < until); // which is the point
    postMessage({ type: "awake" });
  }
};
