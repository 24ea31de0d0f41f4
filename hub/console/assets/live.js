// Keeps an open page true: one event stream tells what changed, a pulse tells that the hub is there, and ages tick.
// On <body> it dispatches live-TOPIC and live-TOPIC-SUBJECT for each change, live-all when anything may have changed,
// and live-lost.
"use strict";
(() => {
  const words = JSON.parse(document.getElementById("words").textContent);
  const body = document.body;
  const TOPICS = ["incident", "alarm", "station", "gateway", "bed", "notice"];
  const PULSE_MS = 10_000, PATIENCE_MS = 5_000, RETRY_MS = 2_000, REST_MS = 30_000;
  let ahead = Number(body.dataset.now) - Date.now(); // the hub's clock less ours
  let lostAt = null, stream = null, streamUp = false, ended = false, resting = 0;

  const say = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
  const tell = (name, detail) => body.dispatchEvent(new CustomEvent(name, { detail }));
  const zone = body.dataset.zone;
  const clock = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false, timeZone: zone });
  const now = () => Date.now() + ahead;

  function span(ms) { // as hub/console/show.py writes it
    const s = Math.floor(Math.max(0, ms) / 1000), two = (n) => String(n).padStart(2, "0");
    if (s < 60) return `${s} ${words.s}`;
    if (s < 3600) return `${Math.floor(s / 60)} ${words.min}`;
    if (s < 86400) return `${Math.floor(s / 3600)} ${words.h} ${two(Math.floor(s / 60) % 60)} ${words.min}`;
    return `${Math.floor(s / 86400)} ${words.d} ${Math.floor(s / 3600) % 24} ${words.h}`;
  }

  // Where one is stays in sight on a narrow screen, where the pages are a row that scrolls.
  document.querySelector(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  function tick() {
    document.getElementById("clock").textContent = clock.format(now());
    for (const one of document.querySelectorAll(".age[data-ms]")) {
      const age = now() - Number(one.dataset.ms);
      const text = say(words.ago, { span: span(age) });
      if (one.textContent !== text) one.textContent = text;
      if (one.dataset.staleMs) one.classList.toggle("stale", age > Number(one.dataset.staleMs));
    }
  }

  function banner() { // says what is not of now, and since when; nothing where all is
    const line = document.getElementById("link");
    const part = document.querySelector(".unrenewed");
    const since = lostAt ?? (part ? Number(part.dataset.since) : null);
    line.hidden = since === null || ended;
    if (since !== null) line.textContent = say(lostAt === null ? words.unrenewed : words.offline, { time: clock.format(since) });
    body.classList.toggle("offline", lostAt !== null || ended);
  }

  function lost() {
    if (lostAt !== null || ended) return;
    lostAt = now();
    banner();
    tell("live-lost", { since: lostAt });
  }

  function found() {
    if (lostAt === null) return;
    lostAt = null;
    banner();
    tell("live-all");
  }

  function unrenewed(part) { // a part of the page that the hub did not give anew
    if (!part?.classList || part.classList.contains("unrenewed")) return;
    part.classList.add("unrenewed");
    part.dataset.since = now();
    banner();
  }

  function over() { // the session has ended
    ended = true;
    stream?.close();
    const line = document.getElementById("expired");
    line.querySelector("a").href = "/login?next=" + encodeURIComponent(location.pathname + location.search);
    line.hidden = false;
    banner();
  }

  async function pulse() {
    if (ended) return;
    try {
      const begun = Date.now();
      const answer = await fetch("/pulse", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.status === 401) return over();
      if (!answer.ok) return lost();
      const said = await answer.json();
      ahead = said.now_ms - (begun + Date.now()) / 2;
      if (streamUp) found();
    } catch { lost(); }
  }

  function listen() {
    if (ended) return;
    stream = new EventSource("/live" + (body.dataset.part ? "?part=" + body.dataset.part : ""));
    stream.addEventListener("hello", () => {
      streamUp = true;
      // At the first one too: what happened between the making of the page and this stream was told to neither.
      if (lostAt !== null) found(); else tell("live-all");
    });
    for (const topic of TOPICS)
      stream.addEventListener(topic, (event) => {
        const told = JSON.parse(event.data);
        tell(`live-${topic}`, told);
        if (told.subject) tell(`live-${topic}-${told.subject}`, told);
      });
    stream.addEventListener("part", (event) => { // a part of this page, as it is now
      const { target, html } = JSON.parse(event.data);
      const part = document.getElementById(target);
      if (part && globalThis.htmx) htmx.swap({ text: html, target: part, sourceElement: part, swap: "outerMorph" });
    });
    stream.addEventListener("missed", () => tell("live-all"));
    stream.onerror = () => {
      streamUp = false;
      lost();
      if (stream.readyState !== EventSource.CLOSED) return; // the browser comes back by itself
      pulse();
      const dead = stream;
      setTimeout(() => { if (stream === dead) listen(); }, RETRY_MS);
    };
  }

  function toast(text, kind) {
    const line = document.createElement("p");
    line.className = kind;
    line.textContent = text;
    document.getElementById("said").replaceChildren(line);
    clearTimeout(toast.timer);
    toast.timer = setTimeout(() => line.remove(), 8000);
  }

  document.addEventListener("htmx:response:error", (event) => {
    const { response, text } = event.detail.ctx;
    if (response.status === 401) return over();
    const { request, sourceElement } = event.detail.ctx;
    if (request.method === "GET") return unrenewed(sourceElement);
    const parsed = new DOMParser().parseFromString(text ?? "", "text/html");
    toast(parsed.body.textContent.trim() || words.unanswered, "fault");
    tell("live-all");
  });
  document.addEventListener("htmx:error", (event) => {
    const { request, sourceElement } = event.detail.ctx ?? {};
    if (request?.method === "GET") unrenewed(sourceElement);
    else if (request) toast(words.unanswered, "fault");
    if (request && "live" in body.dataset) pulse(); // is it the hub?
  });
  // Of two answers that overtook each other the newer stays: data-order is the hub's life and its count of changes.
  document.addEventListener("htmx:before:swap", (event) => {
    for (const { fragment, target } of event.detail.tasks) {
      const [life, number] = (fragment.querySelector("[data-order]")?.dataset.order ?? "").split(" ");
      const [shownLife, shown] = (target?.dataset?.order ?? "").split(" ");
      if (life && life === shownLife && Number(number) < Number(shown)) event.preventDefault();
    }
  });
  document.addEventListener("htmx:after:swap", () => { tick(); banner(); }); // what came anew has no such mark

  // A browser has few connections to a host: a page that nobody sees lets its stream go, if it has no sound to make.
  document.addEventListener("visibilitychange", () => {
    if (!("live" in body.dataset) || document.querySelector("[data-audible]")) return;
    clearTimeout(resting);
    if (document.hidden) resting = setTimeout(() => { stream?.close(); stream = null; streamUp = false; }, REST_MS);
    else if (stream === null) listen();
  });

  globalThis.siaga = { now, span, say, words, toast, clock };
  tick();
  setInterval(tick, 1000);
  if ("live" in body.dataset) {
    listen();
    setInterval(pulse, PULSE_MS);
  }
})();
