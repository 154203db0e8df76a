// Keys and the few buttons. Nothing here is needed to read an answer; all of it works without a mouse.

import { at } from "./dom.js";

export function listenToKeys({ turns }) {
  at("keys-button").addEventListener("click", () => at("keys").showModal());
  at("focus-button").addEventListener("click", toggleFocus);
  at("theme-button").addEventListener("click", toggleTheme);
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || at("keys").open) return;
    if (event.target instanceof HTMLInputElement) return;
    const act = keys(turns)[event.key];
    if (!act) return;
    act();
    event.preventDefault();
  });
}

const keys = (turns) => ({
  j: () => step(1),
  k: () => step(-1),
  h: () => at("heard").focus(),
  f: toggleFocus,
  d: toggleTheme,
  c: () => navigator.clipboard?.writeText(turns.currentAnswer),
  "?": () => at("keys").showModal(),
  Escape: () => {
    at("stage").focus();
    window.scrollTo({ top: 0 });
  },
});

function step(by) {
  const rows = [...document.querySelectorAll("#turns summary")];
  const here = rows.indexOf(document.activeElement);
  rows[Math.min(Math.max(here + by, 0), rows.length - 1)]?.focus();
}

// Only the answer: for somebody who talks and looks at the page from the corner of the eye.
function toggleFocus() {
  const focused = document.body.classList.toggle("focused");
  at("focus-button").setAttribute("aria-pressed", String(focused));
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}
