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
    if (dialog()?.open || !(target instanceof Element) || typing(target)) return;
    if (key === "?") return dialog()?.showModal();
    if (gone()) return document.querySelector(`.top nav a[data-key="${CSS.escape(key)}"]`)?.click();
    if (key === "g") return sessionStorage.setItem(GOING, Date.now() + 1500);
    if (key === "j" || key === "k") { event.preventDefault(); return choose(key === "j" ? 1 : -1); }
    if (key === "Enter" && target.matches("[data-row]")) return target.querySelector(":scope > details > summary, a.title").click();
    if (/^[a-z]$/.test(key) && press(key)) event.preventDefault();
  });
})();
