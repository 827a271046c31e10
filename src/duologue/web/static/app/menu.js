/** A button that opens a few commands (WAI-ARIA menu button pattern). */

import { html, useEffect, useId, useLayoutEffect, useRef, useState } from "../shared/html.js";
import { Icon } from "../shared/icons.js";

/** @typedef {{label: string, icon: import("../shared/icons.js").IconName, run: () => void, grave?: boolean}} Entry */

const EDGE = 8; // pixels to the window's edges
const STRAY = 24; // pixels its button may move away from it

/** @param {{label: string, entries: Entry[], class?: string, size?: number, tabindex?: number}} props */
export function Menu({ label, entries, class: style = "icon", size = 20, tabindex }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const list = useRef(/** @type {HTMLElement | null} */ (null));

  useLayoutEffect(() => {
    if (!open || !list.current || !button.current) return;
    // Fixed, because what scrolls would cut it off; above the button where there is no room below.
    const at = button.current.getBoundingClientRect();
    const box = list.current.getBoundingClientRect();
    const below = at.bottom + 4 + box.height + EDGE < innerHeight;
    list.current.style.top = `${below ? at.bottom + 4 : Math.max(EDGE, at.top - box.height - 4)}px`;
    list.current.style.left = `${Math.min(Math.max(EDGE, at.right - box.width), innerWidth - box.width - EDGE)}px`;
    items()[0]?.focus();
  }, [open]);

  useEffect(() => {
    if (!open) return undefined;
    /** @param {Event} event */
    const outside = (event) => {
      const target = /** @type {Node} */ (event.target);
      if (!list.current?.contains(target) && !button.current?.contains(target)) setOpen(false);
    };
    const place = () => button.current?.getBoundingClientRect().top ?? 0;
    const at = place();
    const moved = () => Math.abs(place() - at) > STRAY && setOpen(false);
    addEventListener("pointerdown", outside, true);
    addEventListener("scroll", moved, true);
    addEventListener("resize", moved);
    return () => {
      removeEventListener("pointerdown", outside, true);
      removeEventListener("scroll", moved, true);
      removeEventListener("resize", moved);
    };
  }, [open]);

  const items = () => /** @type {HTMLElement[]} */ ([...(list.current?.querySelectorAll("[role=menuitem]") ?? [])]);

  function close() {
    setOpen(false);
    button.current?.focus();
  }

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    const all = items();
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (next !== undefined) all[(next + all.length) % all.length]?.focus();
    else if (event.key === "Escape") close();
    else if (event.key === "Tab") setOpen(false);
    if (next !== undefined || event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  return html`<span class="menu">
    <button type="button" class=${style} ref=${button} aria-haspopup="menu" aria-expanded=${open} aria-controls=${open ? id : undefined} tabindex=${tabindex}
      aria-label=${label} title=${label} onClick=${() => setOpen(!open)}><${Icon} name="more" size=${size} /></button>
    ${
      open &&
      html`<div class="entries" role="menu" id=${id} aria-label=${label} ref=${list} onKeyDown=${pressed}>
        ${entries.map(
          (entry) => html`<button type="button" role="menuitem" tabindex="-1" class=${entry.grave ? "grave" : ""}
            onClick=${() => {
              close();
              entry.run();
            }}><${Icon} name=${entry.icon} size="18" />${entry.label}</button>`,
        )}
      </div>`
    }
  </span>`;
}
