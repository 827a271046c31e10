// In Node 22 or newer; before that, `npm install ws` and `globalThis.WebSocket = (await import('ws')).default`.
// Usage: node talk.mjs http://localhost:4000 alice@example.com "two people talk" "Hello, Bob!"
// Says it, prints the next message that the other says, and leaves.
import { join } from "./talk.js";

const [url, email, password, content] = process.argv.slice(2);
const login = await fetch(`${url}/auth/login`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ email, password }),
});
const { user } = await login.json();
const cookie = login.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");

const room = await join(
  url,
  (message) => {
    if (message.senderId === user.id) return;
    console.log(message.content);
    room.leave();
  },
  { cookie },
);
room.say(content);
