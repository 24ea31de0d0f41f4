// The sound of what nobody has acknowledged, the news for who listens to the page, and the note that was sent.
"use strict";
(() => {
  const { words, say } = siaga;
  const MUTE_MS = 60_000;
  // By priority: what is played (Hz, from s, for s) and how often, until it is acknowledged.
  const TONES = {
    1: { every: 1200, notes: [[988, 0, .16], [740, .18, .16], [988, .36, .16], [740, .54, .16]] },
    2: { every: 2500, notes: [[784, 0, .18], [784, .26, .18], [988, .52, .24]] },
    3: { every: 5000, notes: [[587, 0, .2], [698, .28, .2]] },
    4: { every: 10000, notes: [[494, 0, .25]] },
  };
  const LOST = [[220, 0, .5]];
  const state = document.getElementById("sound-state");
  const mute = document.getElementById("sound-mute");
  const muteText = document.getElementById("sound-mute-text");
  let audio = null, mutedUntil = 0, nextAt = 0, known = null;

  function play(notes) {
    audio ??= new AudioContext();
    if (audio.state !== "running") { audio.resume().then(show); return show(); }
    for (const [hertz, from, long] of notes) {
      const tone = audio.createOscillator(), loud = audio.createGain();
      const at = audio.currentTime + .02 + from;
      tone.type = "triangle";
      tone.frequency.value = hertz;
      loud.gain.setValueAtTime(0, at);
      loud.gain.linearRampToValueAtTime(.5, at + .015);
      loud.gain.setValueAtTime(.5, at + long - .03);
      loud.gain.linearRampToValueAtTime(0, at + long);
      tone.connect(loud).connect(audio.destination);
      tone.start(at);
      tone.stop(at + long + .02);
    }
  }

  function show() { // what is to be known about the sound
    document.body.dataset.audio = audio?.state ?? "none"; // also for tests
    const left = Math.ceil((mutedUntil - Date.now()) / 1000);
    if (muteText) muteText.textContent = left > 0 ? say(words.muted, { seconds: left }) : words.mute;
    mute?.classList.toggle("muted-now", left > 0);
    if (!state) return;
    const text = audio?.state === "running" ? words.heard : words.blocked;
    if (state.textContent !== text) state.textContent = text;
    state.classList.toggle("fault", audio?.state !== "running");
  }

  function ringing() {
    return [...document.querySelectorAll("[data-sound]")].map((one) => Number(one.dataset.sound));
  }

  function beat() {
    show();
    const worst = Math.min(...ringing());
    if (!TONES[worst] || Date.now() < mutedUntil || Date.now() < nextAt) return;
    nextAt = Date.now() + TONES[worst].every;
    play(TONES[worst].notes);
  }

  function look() { // what is new since the last look
    const rows = [...document.querySelectorAll("[data-rings]")];
    const fresh = known === null ? [] : rows.filter((row) => !known.has(row.dataset.rings));
    known = new Set(rows.map((row) => row.dataset.rings));
    if (!fresh.length) return;
    mutedUntil = 0; // a mute is for what one knows
    nextAt = 0;
    document.getElementById("news").textContent = fresh.map((row) => row.dataset.news).join(". ");
    beat();
  }

  document.getElementById("sound-test")?.addEventListener("click", () => {
    audio ??= new AudioContext();
    audio.resume().then(() => { show(); play(TONES[2].notes); });
  });
  mute?.addEventListener("click", () => { mutedUntil = mutedUntil > Date.now() ? 0 : Date.now() + MUTE_MS; show(); });
  document.addEventListener("pointerdown", () => audio?.resume().then(show));
  document.addEventListener("keydown", () => audio?.resume().then(show));
  document.addEventListener("htmx:after:swap", look);
  document.body.addEventListener("live-lost", () => play(LOST));

  // A note that was taken is no longer in its field; one that was refused stays for another try.
  document.addEventListener("htmx:after:request", (event) => {
    const { request, response, sourceElement } = event.detail.ctx;
    const form = sourceElement.closest?.("#steps");
    if (!form || request.method === "GET" || response.status >= 400) return;
    if (!/\/(acknowledge|claim|let-go)$/.test(request.action)) form.querySelector("textarea").value = "";
  });

  try { audio = new AudioContext(); } catch { audio = null; }
  look();
  show();
  setInterval(beat, 250);
})();
