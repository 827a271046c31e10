/** Line icons on a grid of 24, drawn for these pages. They say nothing to a screen reader: what they stand for is written beside them. */

import { html } from "./html.js";

const PATHS = {
  back: "M15 5l-7 7 7 7",
  block: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM5.6 5.600l12.8 12.8",
  check: "M5 12.500l4.5 4.500L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  code: "M8.5 7L3.5 12l5 5M15.5 7l5 5-5 5",
  compose: "M12 20h8M16.2 4.300a2 2 0 0 1 2.9 0l.6.6a2 2 0 0 1 0 2.900L8.5 19 4 20l1-4.500z",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  devices: "M3 5h13v9H3zM1.5 18H12M17 9h5v10h-5z",
  down: "M6 10l6 6 6-6",
  key: "M14.5 3.500a6 6 0 1 1-4 10.400L4 20.500v-4h3v-3l2.6-2.600a6 6 0 0 1 4.9-7.400zM16.5 8.500h.01",
  leave: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
  mail: "M3 5.500h18v13H3zM3.5 6l8.5 7 8.5-7",
  moon: "M20 14.500A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.500z",
  more: "M4.6 12a.4.4 0 1 0 .8 0 .4.4 0 1 0-.8 0M11.6 12a.4.4 0 1 0 .8 0 .4.4 0 1 0-.8 0M18.6 12a.4.4 0 1 0 .8 0 .4.4 0 1 0-.8 0",
  offline: "M3 3l18 18M8.5 8.100A11 11 0 0 0 2 11.500M12 7a15 15 0 0 1 10 4.500M5.5 15a9 9 0 0 1 5-2.600M15.5 13.200A9 9 0 0 1 18.5 15M12 19.500h.01",
  people: "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 20.500a7 7 0 0 1 14 0M16 3.300a4 4 0 0 1 0 7.400M18.5 14.500a7 7 0 0 1 3.5 6",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.500L20.5 20.5",
  send: "M4 12l16-8-6 16-3-6.500z",
  shield: "M12 3l8 4v5c0 5-3.5 8-8 9-4.5-1-8-4-8-9V7z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2.500M12 19.500V22M2 12h2.500M19.5 12H22M5 5l1.7 1.700M17.3 17.300L19 19M19 5l-1.7 1.700M6.7 17.300L5 19",
  system: "M3 4.500h18v12H3zM9 20.500h6M12 16.500v4",
  trash: "M4 7h16M9 7V4h6v3M6.5 7l1 13h9l1-13",
  wait: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.500l3 1.5",
  warn: "M12 4l9 16H3zM12 10v4.500M12 17.500h.01",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {{name: IconName, size?: number}} props */
export function Icon({ name, size = 20 }) {
  return html`<svg width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}

/** Two voices, and what they share. @param {{size?: number}} props */
export function Logo({ size = 34 }) {
  return html`<svg class="logo" width=${size} height=${size} viewBox="0 0 32 32" aria-hidden="true">
    <path class="a" d="M12.5 4a9.5 9.5 0 1 1-3.7 18.3L3.9 24a.7.7 0 0 1-.9-.9l1.5-4.6A9.5 9.5 0 0 1 12.5 4z" />
    <path class="b" d="M19.5 9a9.5 9.5 0 0 1 8 14.5l1.5 4.6a.7.7 0 0 1-.9.9l-4.9-1.7A9.5 9.5 0 1 1 19.5 9z" />
    <path class="both" d="M20.92 9.11a9.5 9.5 0 0 1-9.84 13.78a9.5 9.5 0 0 1 9.84-13.78z" />
  </svg>`;
}
