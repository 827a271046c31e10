/** Light or dark before the first paint, where somebody has chosen; otherwise the system decides. A plain script, so that nothing is drawn first. */
try {
  const chosen = localStorage.getItem("duologue.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is switched off: the system decides.
}
