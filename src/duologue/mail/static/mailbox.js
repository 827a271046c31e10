// Keeps the page fresh without losing what is open, and copies codes.
"use strict";

const EVERY_MS = 2000;
const live = document.getElementById("live");

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.code);
  } catch {
    // No clipboard outside of https and localhost: select the code, so that Ctrl-C takes it.
    getSelection().selectAllChildren(button.previousElementSibling);
    return;
  }
  button.textContent = "Copied";
  button.classList.add("done");
  setTimeout(() => {
    button.textContent = "Copy";
    button.classList.remove("done");
  }, 1500);
});

async function refresh() {
  const answer = await fetch(location.href, { cache: "no-store" });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [before, after] = [document.getElementById("mails"), fresh.getElementById("mails")];
  if (before.dataset.newest === after.dataset.newest) return;
  // Mails that are shown already keep their element, with whatever is open in it.
  const known = before.querySelector("article") !== null;
  for (const article of after.querySelectorAll("article")) {
    const shown = document.getElementById(article.id);
    if (shown) article.replaceWith(shown);
    else if (known || before.querySelector(".empty")) article.classList.add("new");
  }
  before.replaceWith(after);
  document.title = fresh.title;
}

async function loop() {
  if (!document.hidden) {
    try {
      await refresh();
      live.textContent = "";
      live.className = "";
    } catch {
      live.textContent = "The server does not answer; trying again…";
      live.className = "lost";
    }
  }
  setTimeout(loop, EVERY_MS);
}

setTimeout(loop, EVERY_MS);
