/**
 * Duologue without a client: fetch the rooms and the token, open a socket, say something, hear the other.
 *
 * A page that lives for longer also has to refresh its token, to come back with `?after=<the last seq it has>`, and to say
 * again, with the same `clientId`, what was not acknowledged. The client in ../../clients/js does all that.
 *
 * @param {string} url where the server is
 * @param {(message: {seq: number, senderId: number, content: string}) => void} heard
 * @param {Record<string, string>} [headers] the cookie, where no browser sends it
 */
export async function join(url, heard, headers = {}) {
  // 1. Fetch rooms and token
  const answer = await fetch(`${url}/msg/room`, { headers, credentials: "include" });
  const { rooms, token } = await answer.json();

  // 2. Connect; with after=0 the history comes first
  const ws = new WebSocket(`${url.replace(/^http/, "ws")}/room/${rooms[0].id}?token=${token}&after=0`);

  // 3. Receive: what was said before, and what the other says from now on
  ws.onmessage = (event) => {
    const { type, data } = JSON.parse(event.data);
    if (type === "NEW_MESSAGE") heard(data);
  };
  await new Promise((resolve, reject) => {
    ws.onopen = resolve;
    ws.onerror = reject;
  });

  // 4. Send
  return { say: (/** @type {string} */ content) => ws.send(JSON.stringify({ content })), leave: () => ws.close() };
}
