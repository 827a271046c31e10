/** What the pages are drawn with, under one roof. */

import htm from "../../vendor/preact/htm.js";
import { h } from "../../vendor/preact/preact.js";

export { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "../../vendor/preact/hooks.js";
export { render } from "../../vendor/preact/preact.js";
export { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect } from "../../vendor/preact/signals.js";

/** Templates: html`<p class=${name}>Hello</p>`. What is put in is text, never markup. */
export const html = htm.bind(h);
