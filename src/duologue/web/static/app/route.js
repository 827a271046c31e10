/** Where one is: the part of the address behind `#`. The server knows one page, and reloading stays where one was. */

import { signal } from "../shared/html.js";

/** @typedef {{page: string, room: string, seq: number}} Route */

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [page = "", room = "", seq = ""] = hash.replace(/^#\/?/, "").split("/");
  return { page, room: decodeURIComponent(room), seq: Number.parseInt(seq, 10) || 0 };
}

/** Where one is now. */
export const route = signal(parse(location.hash));

addEventListener("hashchange", () => {
  route.value = parse(location.hash);
});

/** @param {string} path such as `/room/7` @param {{replace?: boolean}} how `replace` leaves no way back to here */
export function go(path, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", `#${path}`);
  else if (location.hash !== `#${path}`) history.pushState(null, "", `#${path}`);
  route.value = parse(location.hash);
}
