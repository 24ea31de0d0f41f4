// The commissioning page: what the gateway says now comes anew beside forms that stay as they are, photos are made
// small before they go, and a signature is drawn with a finger.
"use strict";
(() => {
  const RENEW_MS = 2000, LARGEST_PX = 1600, QUALITY = 0.8, STEP = 6;
  const root = () => document.getElementById("commissioning");
  const token = JSON.parse(document.body.getAttribute("hx-headers:inherited"))["X-CSRF-Token"];

  async function renew() {
    if (document.hidden) return;
    try {
      const answer = await fetch(`${root().dataset.here}?part=live`, { headers: { "HX-Request": "true" } });
      if (!answer.ok) throw new Error(answer.status);
      const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const one of parsed.querySelectorAll("[id^='live-']")) {
        const shown = document.getElementById(one.id);
        if (shown && shown.outerHTML !== one.outerHTML) shown.replaceWith(document.importNode(one, true));
      }
      root().classList.remove("unrenewed");
    } catch { root().classList.add("unrenewed"); }
  }
  setInterval(renew, RENEW_MS);

  // Photos

  async function small(file) {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, LARGEST_PX / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  }

  document.addEventListener("change", async (event) => {
    const input = event.target;
    if (input.id !== "photo" || !input.files.length) return;
    let body;
    try { body = await small(input.files[0]); } catch { return siaga.toast(input.dataset.tooLarge, "fault"); }
    input.disabled = true;
    try {
      const answer = await fetch(`${root().dataset.here}/photos`, {
        method: "POST", body, headers: { "X-CSRF-Token": token, "Content-Type": "image/jpeg", "HX-Request": "true" } });
      const text = await answer.text();
      if (answer.ok) htmx.swap({ text, target: root(), sourceElement: root(), swap: "outerMorph" });
      else siaga.toast(new DOMParser().parseFromString(text, "text/html").body.textContent.trim(), "fault");
    } catch { siaga.toast(siaga.words.unanswered, "fault"); }
    const shown = document.getElementById("photo");
    if (shown) { shown.disabled = false; shown.value = ""; }
  });

  // The signature

  let strokes = [], drawing = null;
  const canvas = () => document.getElementById("signature");

  function show() { // as it is now: on the canvas, and in the form
    const board = canvas();
    if (!board) return;
    document.getElementById("strokes").value =
      strokes.map((stroke) => stroke.map(([x, y]) => `${x}.${y}`).join("-")).join("_");
    const pen = board.getContext("2d");
    pen.clearRect(0, 0, board.width, board.height);
    pen.lineWidth = 5;
    pen.lineCap = pen.lineJoin = "round";
    pen.strokeStyle = "#e8eef3";
    for (const stroke of strokes) {
      pen.beginPath();
      stroke.forEach(([x, y], at) => (at ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      if (stroke.length === 1) pen.lineTo(stroke[0][0] + 0.1, stroke[0][1]);
      pen.stroke();
    }
  }

  function point(event) {
    const board = canvas(), box = board.getBoundingClientRect();
    const within = (value, most) => Math.min(most, Math.max(0, Math.round(value)));
    return [within((event.clientX - box.left) / box.width * board.width, board.width),
      within((event.clientY - box.top) / box.height * board.height, board.height)];
  }

  document.addEventListener("pointerdown", (event) => {
    if (event.target.id !== "signature" || strokes.length >= 200) return;
    event.preventDefault();
    event.target.setPointerCapture(event.pointerId);
    strokes.push(drawing = [point(event)]);
    show();
  });
  document.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    const [x, y] = point(event), [lastX, lastY] = drawing.at(-1);
    if (Math.hypot(x - lastX, y - lastY) < STEP || strokes.flat().length >= 3000) return;
    drawing.push([x, y]);
    show();
  });
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => { drawing = null; });
  document.addEventListener("click", (event) => {
    if (event.target.id !== "clear-signature") return;
    strokes = [];
    show();
  });
  document.addEventListener("htmx:after:swap", show); // a swap may have emptied the field
})();
