// A new incident by hand: a site's name or a click on the sketch gives the place.
"use strict";
(() => {
  const place = document.getElementById("place"), chart = document.getElementById("chart");
  const lat = document.getElementById("lat"), lon = document.getElementById("lon");
  const mark = document.getElementById("chart-mark");
  const { north, west, degX, degY } = chart?.dataset ?? {};

  function show() { // the mark, where the fields say
    if (!chart) return;
    const there = lat.value !== "" && lon.value !== "";
    mark.classList.toggle("is-there", there);
    if (there) mark.setAttribute("transform",
      `translate(${(Number(lon.value) - west) / degX} ${(north - Number(lat.value)) / degY})`);
  }

  function choose(at) {
    lat.value = Number(at.lat).toFixed(6);
    lon.value = Number(at.lon).toFixed(6);
    show();
  }

  place.addEventListener("input", () => {
    const wanted = place.value.trim().toLowerCase();
    const site = [...document.querySelectorAll("#places option")].find((one) => one.value.toLowerCase() === wanted);
    if (site) choose(site.dataset);
  });
  chart?.addEventListener("click", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
    choose({ lat: Number(north) - at.y * degY, lon: Number(west) + at.x * degX });
  });
  for (const field of [lat, lon]) field.addEventListener("input", show);
  // Twice Enter is one incident: the key would see to it, but the second would hide what the first one says.
  document.getElementById("by-hand").addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => delete document.getElementById("by-hand").dataset.sent);
  show();
})();
