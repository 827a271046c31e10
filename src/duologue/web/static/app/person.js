/** People as they are shown: a name, a colour of their own, and whether they are there. */

import { html } from "../shared/html.js";
import { ago } from "./dates.js";

const TONES = 8;

/** @typedef {{id: number, email: string, displayName?: string | null, online?: boolean, lastSeenAt?: string | null}} Somebody */

/** The name someone chose, else what stands before the @ of the address. @param {Somebody} person */
export function nameOf(person) {
  if (person.displayName) return person.displayName;
  if (person.email.endsWith("@invalid")) return "Deleted account";
  const words = person.email.split("@")[0].split(/[._+-]+/).filter(Boolean);
  return words.map((word) => word[0].toUpperCase() + word.slice(1)).join(" ") || person.email;
}

/** `online`, or since when not. @param {Somebody} person */
export function presenceOf(person) {
  if (person.online) return "online";
  return person.lastSeenAt ? `last seen ${ago(person.lastSeenAt)}` : "offline";
}

/** @param {{person: Somebody, size?: "small" | "large" | "", dot?: boolean}} props */
export function Avatar({ person, size = "", dot = true }) {
  const letters = nameOf(person)
    .split(" ")
    .map((word) => /[\p{L}\p{N}]/u.exec(word)?.[0] ?? "")
    .filter(Boolean)
    .slice(0, 2)
    .join("");
  // The letters are drawn by the style: they are no text, and the name stands beside them.
  return html`<span class="avatar tone-${person.id % TONES} ${size}" data-letters=${letters} aria-hidden="true">
    ${dot && html`<i class=${person.online ? "dot on" : "dot"}></i>`}</span>`;
}
