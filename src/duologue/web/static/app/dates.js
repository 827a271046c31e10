/** Times as people say them, in their own language and time zone. */

import { signal } from "../shared/html.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const shortWeekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long" });
const shortDate = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const fullDate = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const moment = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", hour: "numeric", minute: "2-digit" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** The present, for what says how long ago something was: it is drawn again twice a minute. */
const present = signal(Date.now());
setInterval(() => (present.value = Date.now()), MINUTE / 2);

/** Midnight of that day, as a key. @param {string} time */
export function dayOf(time) {
  return new Date(time).setHours(0, 0, 0, 0);
}

/** `14:03`. @param {string} time */
export const clockTime = (time) => clock.format(new Date(time));

/** `24 Nov 2026, 14:03`. @param {string} time */
export const momentOf = (time) => moment.format(new Date(time));

/** `Today`, `Yesterday`, `Tuesday`, `24 November`. @param {number} day from `dayOf` @param {number} now */
export function dayName(day, now = present.value) {
  const age = Math.round((new Date(now).setHours(0, 0, 0, 0) - day) / DAY);
  if (age <= 0) return "Today";
  if (age === 1) return "Yesterday";
  if (age < 7) return weekday.format(day);
  return (new Date(day).getFullYear() === new Date(now).getFullYear() ? date : fullDate).format(day);
}

/** For a line of a list: the time today, else the day. @param {string} time @param {number} now */
export function shortTime(time, now = present.value) {
  const age = Math.round((new Date(now).setHours(0, 0, 0, 0) - dayOf(time)) / DAY);
  if (age <= 0) return clockTime(time);
  if (age === 1) return "Yesterday";
  return (age < 7 ? shortWeekday : shortDate).format(new Date(time));
}

/** `5 minutes ago`. @param {string} time @param {number} now */
export function ago(time, now = present.value) {
  const age = Math.max(0, now - new Date(time).getTime());
  if (age < MINUTE) return "just now";
  if (age < HOUR) return relative.format(-Math.floor(age / MINUTE), "minute");
  if (age < DAY) return relative.format(-Math.floor(age / HOUR), "hour");
  if (age < 30 * DAY) return relative.format(-Math.floor(age / DAY), "day");
  return `on ${shortDate.format(new Date(time))}`;
}
