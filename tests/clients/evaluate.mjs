// Node as tests drive a page of Chromium: a line of JSON on the standard input is an expression, `await` and all.
// Usage: node evaluate.mjs; answers {id, value} or {id, error}, and {logged} for what the script tells by console.log.
// With SPEED=n its time goes n times faster than that of the others.
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const speed = Number(process.env.SPEED ?? 1);
const [setTimer, present] = [globalThis.setTimeout, performance.now.bind(performance)];
globalThis.setTimeout = (work, wait, ...rest) => setTimer(work, wait / speed, ...rest);
performance.now = () => present() * speed;

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
console.log = (...words) => say({ logged: words.map(String).join(' ') });
Object.assign(globalThis, await import('../../clients/js/duologue.js'));
globalThis.WebSocket ??= WebSocket; // before Node 22

for await (const line of createInterface({ input: process.stdin })) {
  const { id, script } = JSON.parse(line);
  new Promise((resolve) => resolve((0, eval)(`(async () => (${script}))()`))).then(
    (value) => say({ id, value }),
    (error) => say({ id, error: error?.stack ?? String(error) }),
  );
}
process.exit();
