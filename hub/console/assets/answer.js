// Tells once that a person sees the page: what fetches links for a preview runs no script, or shows nobody the page.
"use strict";
(() => {
  const { seen } = document.body.dataset;
  const tell = () => {
    if (document.visibilityState !== "visible") return;
    document.removeEventListener("visibilitychange", tell);
    fetch(seen, { method: "POST", keepalive: true }).catch(() => {}); // an answer proves the same
  };
  document.addEventListener("visibilitychange", tell);
  tell();
})();
