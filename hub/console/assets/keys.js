// Keys of every page: ? lists them, g and a letter goes to a page, and a letter presses what has it as data-shortcut.
// Loaded before anything is shown: a g that went unheard would leave its letter to press a button of the page.
"use strict";
(() => {
  const GOING = "keys-going"; // until when a letter after g counts: kept by the tab, for a g just before a page's end
  const dialog = () => document.getElementById("keys");
  const typing = (one) => one.matches("input, textarea, select, [contenteditable]");

  function gone() { // whether a g came just now; it counts once
    const until = Number(sessionStorage.getItem(GOING));
    sessionStorage.removeItem(GOING);
    return Date.now() < until;
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#keys-open")) dialog().showModal();
  });

  // What is clicked or sent before htmx is there waits for it: it would be lost, and nobody told.
  const early = new Set();
  const hold = (event) => {
    const one = event.target.closest?.(event.type === "click" ? "button[hx-post]" : "form[hx-post]");
    if (!one) return;
    event.preventDefault();
    early.add(one);
  };
  for (const type of ["click", "submit"]) document.addEventListener(type, hold);
  document.addEventListener("DOMContentLoaded", () => setTimeout(() => { // after htmx has begun, which it does so too
    for (const type of ["click", "submit"]) document.removeEventListener(type, hold);
    for (const one of early) if (one.matches("form")) one.requestSubmit(); else one.click();
  }));

  function choice(digit, target) { // of the group that has the focus
    return target.closest?.("fieldset")?.querySelector(`[data-digit="${CSS.escape(digit)}"]`);
  }

  function choose(step) { // the next or the previous row that can be chosen
    const rows = [...document.querySelectorAll("[data-row]")].filter((one) => one.checkVisibility());
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement?.closest("[data-row]"));
    const to = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step));
    rows[to].focus();
    rows[to].scrollIntoView({ block: "nearest" });
  }

  function press(key) { // within the chosen row, else outside all rows, else, of those that wait, the first
    const row = document.activeElement?.closest("[data-row]");
    const all = [...document.querySelectorAll(`[data-shortcut="${key}"]`)];
    const found = row?.querySelector(`[data-shortcut="${key}"]`)
      ?? all.find((one) => !one.closest("[data-row]"))
      ?? (row && key !== "a" ? null : all[0]);
    if (!found) return false;
    if (typing(found) && found.type !== "checkbox") found.focus(); else found.click();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { target, key } = event;
    if (key === "Escape" && target instanceof Element && typing(target)) return target.blur();
    const chosen = choice(key, target);
    if (chosen) {
      event.preventDefault();
      chosen.checked = true;
      return chosen.focus();
    }
    if (dialog()?.open || !(target instanceof Element) || typing(target)) return;
    if (key === "?") return dialog()?.showModal();
    if (gone()) return document.querySelector(`.top nav a[data-key="${CSS.escape(key)}"]`)?.click();
    if (key === "g") return sessionStorage.setItem(GOING, Date.now() + 1500);
    if (key === "j" || key === "k") { event.preventDefault(); return choose(key === "j" ? 1 : -1); }
    if (key === "Enter" && target.matches("[data-row]")) return target.querySelector(":scope > details > summary, a.title").click();
    if (/^[a-z]$/.test(key) && press(key)) event.preventDefault();
  });
})();
