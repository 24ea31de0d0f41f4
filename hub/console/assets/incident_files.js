// A file is attached to the incident as soon as it is chosen; the list comes anew by itself, as every change does.
"use strict";
(() => {
  const token = JSON.parse(document.body.getAttribute("hx-headers:inherited"))["X-CSRF-Token"];

  document.addEventListener("change", async (event) => {
    const input = event.target, [file] = input.files ?? [];
    if (input.id !== "attach" || !file) return;
    if (file.size > Number(input.dataset.mostBytes)) return siaga.toast(input.dataset.notTaken, "fault");
    input.disabled = true;
    try {
      const answer = await fetch(`${input.dataset.to}?name=${encodeURIComponent(file.name)}`, {
        method: "POST", body: file, headers: { "X-CSRF-Token": token, "Content-Type": "application/octet-stream" } });
      if (!answer.ok) siaga.toast(input.dataset.notTaken, "fault");
    } catch { siaga.toast(siaga.words.unanswered, "fault"); }
    input.disabled = false;
    input.value = "";
  });
})();
