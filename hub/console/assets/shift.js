// That somebody has heard the sound can be said only after it was played on this page.
"use strict";
(() => {
  const said = ["sound-heard", "take-heard"].map((id) => document.getElementById(id)).filter(Boolean);
  for (const one of said) one.disabled = true;
  document.getElementById("sound-test")?.addEventListener("click", () => {
    for (const one of said) one.disabled = false;
  });
})();
