// The chosen alarms and the opened groups of the list: it is made anew with each change, and they must stay.
"use strict";
(() => {
  const chosen = new Set(), open = new Set();
  const bulk = document.getElementById("bulk"), count = document.getElementById("bulk-count");

  function show() {
    for (const box of document.querySelectorAll('#alarms-list input[name="ids"]')) box.checked = chosen.has(box.value);
    for (const group of document.querySelectorAll("#alarms-list details")) group.open = open.has(group.id);
    if (!bulk) return;
    count.textContent = siaga.say(count.dataset.words, { n: chosen.size });
    for (const button of bulk.querySelectorAll("button")) button.disabled = chosen.size === 0;
  }

  function forget() { // what is not in the list any more is not chosen
    const there = new Set([...document.querySelectorAll('#alarms-list input[name="ids"]')].map((box) => box.value));
    for (const id of chosen) if (!there.has(id)) chosen.delete(id);
  }

  document.addEventListener("change", ({ target }) => {
    if (target.matches('#alarms-list input[name="ids"]')) {
      if (target.checked) chosen.add(target.value); else chosen.delete(target.value);
      show();
    }
    if (target.matches("#filter select")) target.form.requestSubmit();
  });
  document.addEventListener("toggle", ({ target }) => {
    if (!target.matches("#alarms-list details")) return;
    if (target.open) open.add(target.id); else open.delete(target.id);
  }, true);
  document.addEventListener("htmx:after:request", ({ detail }) => {
    const { request, response, sourceElement } = detail.ctx;
    if (request.method === "GET" || response.status >= 400 || !sourceElement.closest("#bulk")) return;
    chosen.clear();
    const reason = bulk.querySelector('input[name="note"]');
    if (reason) reason.value = "";
  });
  document.addEventListener("htmx:after:swap", () => { forget(); show(); });
  bulk?.addEventListener("submit", (event) => event.preventDefault());
  show();
})();
