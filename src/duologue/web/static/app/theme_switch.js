/** Light, dark, or as the system is. */

import { html, useSignal } from "../shared/html.js";
import { Icon } from "../shared/icons.js";

const KEY = "duologue.theme"; // read by shared/theme.js before the first paint
const CHOICES = /** @type {const} */ ([
  ["system", "As the system", "system"],
  ["light", "Light", "sun"],
  ["dark", "Dark", "moon"],
]);

export function ThemeSwitch() {
  const chosen = useSignal(document.documentElement.dataset.theme ?? "system");

  /** @param {string} theme */
  function choose(theme) {
    chosen.value = theme;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // Storage is switched off: it holds until the page is left.
    }
  }

  return html`<fieldset class="themes">
    <legend>Appearance</legend>
    ${CHOICES.map(
      ([theme, label, icon]) => html`<label class=${chosen.value === theme ? "chosen" : ""}>
        <input type="radio" class="unseen" name="theme" value=${theme} checked=${chosen.value === theme} onChange=${() => choose(theme)} />
        <${Icon} name=${icon} size="18" />${label}
      </label>`,
    )}
  </fieldset>`;
}
