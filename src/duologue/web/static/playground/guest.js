/** Somebody of the playground: made for it, with a token instead of a cookie, so that two of them fit into one window. */

/** @typedef {{name: string, id: number, email: string, token: string}} Guest */

/**
 * @param {string} method @param {string} path @param {unknown} [body] @param {string} [token]
 * @returns {Promise<any>}
 */
export async function ask(method, path, body, token) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  // Without cookies: where there is one, it decides before the token.
  const answer = await fetch(path, { method, headers, credentials: "omit", body: body === undefined ? undefined : JSON.stringify(body) });
  const said = await answer.json().catch(() => undefined);
  if (!answer.ok) throw new Error(said?.message ?? `The server answered ${answer.status}.`);
  return said;
}

/** @param {string} name in small letters @returns {Promise<Guest>} */
export async function arrive(name) {
  const { user, token } = await ask("POST", "/dev/guests", { name });
  return { name: name.charAt(0).toUpperCase() + name.slice(1), id: user.id, email: user.email, token };
}

/** Another token that holds for so long; below zero it has run out already. @param {Guest} guest @param {number} seconds */
export async function renew(guest, seconds) {
  const { token } = await ask("POST", "/dev/guests/token", { token: guest.token, seconds });
  guest.token = token;
}

/** The id of the room of two guests. @param {Guest} one @param {Guest} two @returns {Promise<string>} */
export async function roomOf(one, two) {
  return (await ask("POST", "/msg/room", { otherUserId: two.id }, one.token)).id;
}

/**
 * Whether somebody is signed in by a cookie: a socket would take that before the token. Then the page goes to the other name of this
 * machine, which has cookies of its own; false if it is on its way there.
 * @returns {Promise<"free" | "leaving" | "taken">}
 */
export async function jarState() {
  const answer = await fetch("/auth/profile");
  if (answer.status === 401) return "free";
  const other = /** @type {Record<string, string>} */ ({ localhost: "127.0.0.1", "127.0.0.1": "localhost" })[location.hostname];
  if (!other || location.hash === "#moved") return "taken";
  location.replace(`${location.protocol}//${other}:${location.port}/playground#moved`);
  return "leaving";
}
