// The level of a river post: lowest and highest value of each step as a band, the thresholds as lines that differ by
// their dashes and not only by colour, and gaps as what they are: hatched, with no line across.
"use strict";
(() => {
  const box = document.getElementById("plot");
  if (!box || typeof uPlot === "undefined") return;
  const words = JSON.parse(document.getElementById("plot-words").textContent);
  const { thresholds, labels, unit: measure = "m" } = JSON.parse(box.dataset.plot);
  const { zone, lang, station } = box.dataset;
  const minutes = Number(box.dataset.minutes);
  const RENEW_MS = Math.min(Math.max(minutes * 100, 5_000), 60_000); // a step of the curve, about
  const DASHES = { 1: [], 2: [12, 5], 3: [3, 5], 4: [1, 6] };
  const SHAPES = { 1: "■", 2: "▲", 3: "◆", 4: "○" };

  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const TONE = { 1: colour("--critical"), 2: colour("--high"), 3: colour("--medium"), 4: colour("--muted") };
  const TEXT = colour("--text"), MUTED = colour("--muted"), LINE = colour("--line"), CURVE = "#cfd9e2";
  const scale = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const font = (size, weight = 400) => `${weight} ${Math.round(size * scale() * devicePixelRatio)}px system-ui, sans-serif`;

  const metres = new Intl.NumberFormat(lang === "en" ? "en" : "id", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const parts = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour12: false, ...options });
  const clock = parts({ hour: "2-digit", minute: "2-digit" });
  const seconds = parts({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const day = parts({ day: "2-digit", month: "2-digit" });
  const at = (s) => `${day.format(s * 1000).replace("/", "-")} ${seconds.format(s * 1000)}`;

  let said = null; // the last answer
  let chart = null;
  let looking = false; // a person has chosen a part; new data must not take it away

  function columns() { // a null where a gap begins, so that no line crosses it
    const t = [], low = [], high = [], middle = [];
    const gaps = said.gaps.filter(([, , partly]) => !partly);
    let next = 0;
    for (const [ms, least, most] of said.points) {
      while (next < gaps.length && gaps[next][0] <= ms) {
        const begin = gaps[next++][0] / 1000;
        if (t.length && begin > t.at(-1) && begin < ms / 1000) { t.push(begin); low.push(null); high.push(null); middle.push(null); }
      }
      t.push(Math.min(ms + said.step_s * 500, said.to_ms) / 1000); low.push(least); high.push(most); middle.push((least + most) / 2);
    }
    return [t, middle, high, low];
  }

  function edges() { // a post that was heard for a small part of the time only is not squeezed to the edge
    const begun = said.points.length ? said.points[0][0] : said.from_ms;
    const min = begun - said.from_ms > (said.to_ms - said.from_ms) / 2 ? begun - (said.to_ms - begun) / 12 : said.from_ms;
    return { min: Math.min(min, said.to_ms - 60_000) / 1000, max: said.to_ms / 1000 };
  }

  function height(_, min, max) { // room for the curve and for the next threshold above it
    const above = thresholds.find(({ m }) => m > (max ?? 0));
    const top = Math.max(max ?? 0, above ? above.m : 0), bottom = Math.min(min ?? top, thresholds[0]?.m ?? Infinity);
    const room = Math.max((top - bottom) * 0.08, 0.05);
    return [bottom - room, top + room];
  }

  function hatch(ctx) {
    const size = Math.round(8 * devicePixelRatio), tile = document.createElement("canvas");
    tile.width = tile.height = size;
    const pen = tile.getContext("2d");
    pen.strokeStyle = "#55636f"; pen.lineWidth = devicePixelRatio * 1.5;
    pen.beginPath();
    for (const shift of [-size, 0, size]) { pen.moveTo(shift, size); pen.lineTo(shift + size, 0); }
    pen.stroke();
    return ctx.createPattern(tile, "repeat");
  }

  function drawGaps(u) {
    const { ctx, bbox } = u, pattern = hatch(ctx);
    ctx.save();
    ctx.beginPath(); ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height); ctx.clip();
    for (const [from, to, partly] of said.gaps) {
      const x0 = Math.max(u.valToPos(from / 1000, "x", true), bbox.left), x1 = u.valToPos(to / 1000, "x", true);
      const width = Math.max(x1 - x0, 2 * devicePixelRatio);
      ctx.globalAlpha = partly ? 0.35 : 0.8;
      ctx.fillStyle = pattern;
      ctx.fillRect(x0, bbox.top, width, bbox.height);
      const text = partly ? words.partly : siaga.say(words.gap, { span: siaga.span(to - from) });
      ctx.globalAlpha = 1;
      ctx.font = font(12);
      const room = ctx.measureText(text).width + 12 * devicePixelRatio;
      if (width < room) continue;
      const middle = x0 + width / 2, base = bbox.top + bbox.height - 16 * scale() * devicePixelRatio;
      ctx.fillStyle = "#182027e0";
      ctx.fillRect(middle - room / 2, base - 11 * scale() * devicePixelRatio, room, 22 * scale() * devicePixelRatio);
      ctx.fillStyle = TEXT; ctx.textAlign = "center"; ctx.textBaseline = "middle";
      ctx.fillText(text, middle, base);
    }
    ctx.restore();
  }

  function drawThresholds(u) {
    const { ctx, bbox } = u, unit = devicePixelRatio * scale();
    ctx.save();
    ctx.beginPath(); ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height); ctx.clip();
    for (const one of thresholds) {
      const y = Math.round(u.valToPos(one.m, "y", true));
      if (y < bbox.top || y > bbox.top + bbox.height) continue;
      ctx.strokeStyle = TONE[one.siaga]; ctx.lineWidth = 1.5 * unit;
      ctx.setLineDash(DASHES[one.siaga].map((n) => n * unit));
      ctx.beginPath(); ctx.moveTo(bbox.left, y); ctx.lineTo(bbox.left + bbox.width, y); ctx.stroke();
      ctx.font = font(12, 600); ctx.textAlign = "left"; ctx.textBaseline = "bottom";
      const text = `${SHAPES[one.siaga]} ${one.label}  ${metres.format(one.m)} ${measure}`;
      const room = ctx.measureText(text).width + 10 * unit;
      ctx.fillStyle = "#182027d8"; ctx.fillRect(bbox.left + 4 * unit, y - 19 * unit, room, 17 * unit);
      ctx.fillStyle = TONE[one.siaga]; ctx.fillText(text, bbox.left + 9 * unit, y - 3 * unit);
    }
    ctx.restore();
  }

  function drawChanges(u) {
    const { ctx, bbox } = u, unit = devicePixelRatio * scale();
    ctx.save();
    for (const one of said.changes) {
      const x = Math.round(u.valToPos(one.t_ms / 1000, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      const number = 4 - one.new_severity;
      ctx.strokeStyle = TONE[number]; ctx.globalAlpha = 0.45; ctx.lineWidth = unit;
      ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
      ctx.globalAlpha = 1; ctx.fillStyle = TONE[number]; ctx.font = font(13);
      ctx.textAlign = "center"; ctx.textBaseline = "bottom";
      ctx.fillText(SHAPES[number], x, bbox.top - 2 * unit);
    }
    ctx.restore();
  }

  const times = (_u, splits, _axis, _space, step_s) => {
    if (step_s < 60) return splits.map((s) => seconds.format(s * 1000));
    let before = "";
    return splits.map((s) => {
      const today = day.format(s * 1000).replace("/", "-");
      const text = minutes > 12 * 60 && today !== before ? `${clock.format(s * 1000)}\n${today}` : clock.format(s * 1000);
      before = today;
      return text;
    });
  };

  function options() {
    const level = { points: { show: false }, value: (_, m) => (m == null ? "–" : `${metres.format(m)} ${measure}`) };
    const unit = scale(), axis = { stroke: MUTED, font: `${Math.round(13 * unit)}px system-ui, sans-serif`, grid: { stroke: LINE, width: 1 }, ticks: { stroke: LINE, width: 1 } };
    return {
      ...size(),
      tzDate: (s) => uPlot.tzDate(new Date(s * 1000), zone),
      padding: [18 * unit, 12 * unit, 0, 0],
      scales: { x: { time: true, range: (u, min, max) => (looking ? [min, max] : [edges().min, edges().max]) }, y: { range: height } },
      axes: [
        { ...axis, values: times, space: 70 * unit, size: (minutes > 12 * 60 ? 56 : 36) * unit },
        { ...axis, values: (_, splits) => splits.map((m) => `${metres.format(m)} ${measure}`), size: 72 * unit },
      ],
      series: [
        { label: words.time, value: (_, s) => (s == null ? "–" : at(s)) },
        { ...level, label: words.level, stroke: CURVE, width: 2 },
        { ...level, label: words.high },
        { ...level, label: words.low },
      ],
      bands: [{ series: [2, 3], fill: "#cfd9e238" }],
      cursor: { points: { size: 7 }, drag: { x: true, y: false } },
      legend: { live: true },
      hooks: {
        drawAxes: [drawGaps],
        draw: [drawThresholds, drawChanges],
        setSelect: [(u) => { looking = u.select.width > 4; }],
        ready: [(u) => u.over.addEventListener("dblclick", () => { looking = false; u.setScale("x", edges()); }, true)],
      },
    };
  }

  const size = () => ({ width: box.clientWidth, height: Math.round(Math.min(Math.max(innerHeight * 0.45, 260), 900)) });

  function draw() {
    if (chart) {
      const { min, max } = chart.scales.x;
      chart.batch(() => {
        chart.setData(columns(), false);
        chart.setScale("x", looking ? { min, max } : edges());
      });
    } else {
      chart = new uPlot(options(), columns(), box);
    }
  }

  function away(text) {
    const line = document.getElementById("plot-away");
    line.textContent = text;
    line.hidden = !text;
    box.classList.toggle("is-stale", Boolean(text));
  }

  let asking = false;
  async function renew() {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch(box.dataset.source, { cache: "no-store", signal: AbortSignal.timeout(10_000) });
      if (!answer.ok) { away(words.unread); return; }
      const told = await answer.json();
      if (told.away) { away(told.since_ms ? siaga.say(chart ? words.away : words.blank, { time: siaga.clock.format(told.since_ms) }) : words.unread); return; }
      said = told;
      away("");
      draw();
    } catch { away(words.unread); } finally { asking = false; }
  }

  let renewedAt = 0;
  const body = document.body;
  const due = () => { // live, but no oftener than a new step is there
    if (document.hidden || Date.now() - renewedAt < RENEW_MS) return;
    renewedAt = Date.now();
    renew();
  };
  body.addEventListener("live-station", ({ detail }) => {
    if (detail.kind !== "value" && detail.subject === station) renewedAt = 0; // a change of the level is shown at once
    due();
  });
  body.addEventListener("live-all", () => { renewedAt = 0; due(); });
  document.addEventListener("visibilitychange", due);
  setInterval(due, RENEW_MS);
  new ResizeObserver(() => chart?.setSize(size())).observe(box);
  due();
})();
