/** The button "Slow reader": somebody writes megabytes to a socket that nobody reads, and the server lets go of it. */

import { arrive, ask, roomOf } from "./guest.js";

const MESSAGES = 400; // of 32 KB: what the kernel and the browser hold by themselves is about 5 MB
const CONTENT = "🎉".repeat(7_900);
const AT_ONCE = 6; // requests: a browser has no more under way
const PATIENCE_MS = 90_000;

/** @param {import("./line.js").Line} line whose guest it is; the main room is left alone */
export async function readSlowly(line) {
  const writer = await arrive("crowd");
  const room = await roomOf(line.guest, writer);
  const worker = new Worker(new URL("./slow.js", import.meta.url));
  /** @type {Promise<{code: number, reason: string, heard: number, last: number, ordered: boolean}>} */
  const closed = new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data }) => data.type === "closed" && resolve(data));
    setTimeout(() => reject(new Error("The server kept the slow reader.")), PATIENCE_MS);
  });
  closed.catch(() => undefined); // heard below
  try {
    await new Promise((resolve) => {
      worker.addEventListener("message", resolve, { once: true });
      worker.postMessage({ url: `${location.origin.replace(/^http/, "ws")}/room/${room}?token=${line.guest.token}` });
    });
    line.note("slow reader", "a second socket is open, and stops reading");
    worker.postMessage({ room, token: line.guest.token, until: MESSAGES });
    let next = 0;
    const write = async () => {
      while (next++ < MESSAGES) await ask("POST", `/msg/room/${room}/messages`, { content: CONTENT }, writer.token);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, write));
    line.note("slow reader", `${MESSAGES} messages of 32 KB are written to it`);
    const { code, reason, heard, last, ordered } = await closed;
    line.note(`closed ${code}`, `${reason}; ${heard} of ${MESSAGES} had arrived${ordered ? ", none missing in between" : ", with gaps"}: it comes back with after=${last}`);
  } finally {
    worker.terminate();
  }
}
