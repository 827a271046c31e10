/** A question before something that cannot be taken back. */

import { html, render, useEffect, useRef } from "../shared/html.js";

/** @param {{title: string, text: string, yes: string, grave?: boolean}} question @returns {Promise<boolean>} */
export function ask(question) {
  return new Promise((resolve) => {
    const place = document.body.appendChild(document.createElement("div"));
    /** @param {boolean} answer */
    const answered = (answer) => {
      render(null, place);
      place.remove();
      resolve(answer);
    };
    render(html`<${Question} ...${question} answered=${answered} />`, place);
  });
}

/** @param {{title: string, text: string, yes: string, grave?: boolean, answered: (answer: boolean) => void}} props */
function Question({ title, text, yes, grave = true, answered }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => dialog.current?.showModal(), []);
  return html`<dialog ref=${dialog} class="question" aria-labelledby="question" onClose=${() => answered(dialog.current?.returnValue === "yes")}>
    <form method="dialog">
      <h2 id="question">${title}</h2>
      <p>${text}</p>
      <div class="answers">
        <button class="button quiet small" value="no">Cancel</button>
        <button class="button small ${grave ? "grave" : ""}" value="yes">${yes}</button>
      </div>
    </form>
  </dialog>`;
}
