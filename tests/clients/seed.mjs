// The seed's client in Node: its own fetch, and the `ws` package, once for each way to pass the token.
// Usage: node seed.mjs <port> <email> <password>; prints a line for everything that happens.
import WebSocket from 'ws';

const [port, email, password] = process.argv.slice(2);
const api = `http://localhost:${port}`;

const login = await fetch(`${api}/auth/login`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ email, password }),
});
const cookie = login.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');

const res = await fetch(`${api}/msg/room`, { headers: { cookie } });
const { rooms, token } = await res.json();

const address = `ws://localhost:${port}/room/${rooms[0].id}`;
const ways = {
  query: () => new WebSocket(`${address}?token=${token}`),
  cookie: () => new WebSocket(address, { headers: { cookie } }),
  header: () => new WebSocket(address, { headers: { Authorization: `Bearer ${token}` } }),
};

for (const [way, open] of Object.entries(ways)) {
  const ws = open();
  await new Promise((resolve, reject) => {
    ws.on('error', reject);
    ws.on('open', () => ws.send(JSON.stringify({ content: `Hello by ${way}!` })));
    ws.on('message', (data) => {
      const msg = JSON.parse(data);
      console.log(way, msg.type, msg.data.content);
      ws.close();
    });
    ws.on('close', () => {
      console.log(way, 'closed');
      resolve();
    });
  });
}
