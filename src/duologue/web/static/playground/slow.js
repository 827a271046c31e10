/**
 * A reader that stops reading: a worker that never returns to its event loop takes nothing from its socket, so the server's outbox for it fills.
 * In: `{url}`, then `{room, token, until}`: not to read before that `seq` is stored. Out: `{type: "open"}`,
 * `{type: "closed", code, reason, heard, last, ordered}`.
 */

const POLL_MS = 150;
const PATIENCE_MS = 60_000;

let heard = 0;
let last = 0;
let ordered = true;

onmessage = ({ data }) => {
  if (data.url) listen(data.url);
  else stall(data);
};

/** @param {string} url */
function listen(url) {
  const socket = new WebSocket(url);
  socket.onopen = () => postMessage({ type: "open" });
  socket.onmessage = (event) => {
    const { seq } = JSON.parse(event.data).data;
    ordered &&= seq === last + 1;
    heard += 1;
    last = seq;
  };
  socket.onclose = ({ code, reason }) => postMessage({ type: "closed", code, reason, heard, last, ordered });
}

/** Waits without an `await`, which would read. @param {{room: string, token: string, until: number}} what */
function stall({ room, token, until }) {
  const deadline = performance.now() + PATIENCE_MS;
  let newest = 0;
  while (newest < until && performance.now() < deadline) {
    const pause = performance.now() + POLL_MS;
    while (performance.now() < pause);
    const request = new XMLHttpRequest();
    request.open("GET", `/msg/room/${room}/messages?limit=1`, false);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.send();
    newest = request.status === 200 ? (JSON.parse(request.responseText)[0]?.seq ?? 0) : newest;
  }
}
