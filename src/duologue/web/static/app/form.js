/** Forms: fields with their errors beside them, and one submission at a time. */

import { html, useId, useRef, useState } from "../shared/html.js";

/** @typedef {{code?: string, message: string, retryAfter?: number, details?: {field: string, message: string}[]}} Failure */

/** @typedef {{busy: boolean, failure: Failure | null, submit: (event: Event) => void, wrong: (field: string) => string}} FormState */

/**
 * Runs `send` with the form's values; what it throws is shown. The first field at fault gets the focus.
 * @param {(values: Record<string, string>) => Promise<unknown>} send
 * @returns {FormState}
 */
export function useForm(send) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(/** @type {Failure | null} */ (null));
  const running = useRef(false);

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (running.current) return;
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    running.current = true;
    setBusy(true);
    setFailure(null);
    try {
      await send(Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)])));
    } catch (error) {
      const known = /** @type {Failure} */ (error);
      setFailure(known);
      const field = known.details?.map((detail) => form.elements.namedItem(detail.field)).find(Boolean);
      if (field instanceof HTMLElement) field.focus();
    } finally {
      running.current = false;
      setBusy(false);
    }
  }

  /** @param {string} field */
  const wrong = (field) => failure?.details?.find((detail) => detail.field === field)?.message ?? "";
  return { busy, failure, submit, wrong };
}

/** What is wrong with the whole, unless a field says it. @param {{form: FormState, fields: string[]}} props */
export function FormFailure({ form, fields }) {
  const { failure } = form;
  if (!failure || fields.some((field) => form.wrong(field))) return html`<div role="alert"></div>`;
  return html`<div role="alert"><p class="notice wrong">${failure.message}</p></div>`;
}

/**
 * @param {{label: string, name: string, form: FormState, type?: string, hint?: string, value?: string, aside?: unknown, class?: string,
 *   [attribute: string]: unknown}} props
 */
export function Field({ label, name, form, type = "text", hint = "", value, aside, class: style = "", ...attributes }) {
  const id = useId();
  const [shown, setShown] = useState(false);
  const wrong = form.wrong(name);
  const about = [wrong && `${id}-wrong`, hint && `${id}-hint`].filter(Boolean).join(" ");
  const input = html`<input id=${id} name=${name} type=${shown ? "text" : type} class=${style} defaultValue=${value}
    aria-invalid=${wrong ? "true" : undefined} aria-describedby=${about || undefined} ...${attributes} />`;
  return html`<div class="field">
    <div class="row"><label for=${id}>${label}</label>${aside}</div>
    ${
      type === "password"
        ? html`<div class="secret">${input}
            <button type="button" aria-pressed=${shown} aria-label="Show ${label.toLowerCase()}" onClick=${() => setShown(!shown)}>
              ${shown ? "Hide" : "Show"}</button></div>`
        : input
    }
    ${wrong && html`<p class="wrong" id="${id}-wrong">${sentence(wrong)}</p>`}
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
  </div>`;
}

/** The server says what is wrong as the rest of a sentence: `is too short`. @param {string} words */
function sentence(words) {
  const text = /^(is|has|must|contains|may|was|needs)\b/.test(words) ? `This ${words}` : words;
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/** @param {{form: FormState, children?: unknown}} props */
export function Submit({ form, children }) {
  return html`<button class="button wide" aria-disabled=${form.busy}>${form.busy ? "One moment…" : children}</button>`;
}
