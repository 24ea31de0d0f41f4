"use strict";

(() => {
  const body = document.body;
  const words = JSON.parse(document.getElementById("words").textContent);
  const lang = body.dataset.lang;
  const EVERY_MS = 1000;
  let sliding = null; // the slider that is in somebody's hand is not moved by what comes from the demo

  const mark = (element, text, kind) => {
    if (element.textContent !== text) element.textContent = text;
    element.classList.toggle("off", kind === "off");
    element.classList.toggle("between", kind === "between");
  };

  const press = (action, target, on) => {
    for (const button of document.querySelectorAll(`button[data-action="${action}"]`)) {
      if (button.dataset.target === target && !button.hasAttribute("aria-busy")) button.disabled = !on;
    }
  };

  function showParts(now) {
    for (const element of document.querySelectorAll("[data-health-of]")) {
      const part = element.dataset.healthOf, is = now.parts[part];
      mark(element, words[is], is === "up" ? "" : is === "starting" || is === "stopping" ? "between" : "off");
      const up = is === "up", down = is === "down";
      if (part === "influx") {
        press("influx_stop", "", up || is === "frozen");
        press("influx_freeze", "", up);
        press("influx_start", "", down || is === "frozen");
      } else if (part === "hub") {
        press("hub_restart", "", up);
        press("hub_kill", "", up);
        press("hub_start", "", down);
      } else if (part === "broker") {
        press("broker_kill", "", up);
        press("broker_start", "", down);
      } else {
        press("power_off", part, up);
        press("power_on", part, down);
      }
    }
    for (const element of document.querySelectorAll("[data-revoked-of]")) {
      const revoked = now.revoked.includes(element.dataset.revokedOf);
      mark(element, words[revoked ? "is_revoked" : "trusted"], revoked ? "off" : "");
      press("revoke", element.dataset.revokedOf, !revoked);
      press("enrol", element.dataset.revokedOf, revoked);
    }
    for (const element of document.querySelectorAll("[data-cut-of]")) {
      const cut = now.cut.includes(element.dataset.cutOf);
      mark(element, words[cut ? "is_cut" : "connected"], cut ? "off" : "");
      press("cut", element.dataset.cutOf, !cut);
      press("restore", element.dataset.cutOf, cut);
    }
    for (const element of document.querySelectorAll("[data-code-of]")) element.textContent = now.codes[element.dataset.codeOf] ?? "";
    for (const element of document.querySelectorAll("[data-silent-of]")) {
      const silent = now.silent.includes(element.dataset.silentOf);
      mark(element, words[silent ? "silent" : "answers"], silent ? "off" : "");
      press("silence", element.dataset.silentOf, !silent);
      press("answer", element.dataset.silentOf, silent);
    }
    press("heal", "", now.disturbed);
  }

  function showRivers(now) {
    for (const river of document.querySelectorAll("[data-river]")) {
      const is = now.rivers[river.dataset.river];
      const level = is.level_m, held = is.held_m;
      river.querySelector("[data-level]").textContent = level === null ? "–" : level.toFixed(2);
      const siaga = river.querySelector("[data-siaga]");
      const severity = is.severity || 0;
      siaga.textContent = river.dataset.labels.split("|")[severity];
      siaga.className = `mark-priority siaga-${4 - severity}`;
      river.querySelector("[data-held]").textContent = held === null ? words.story : `${words.held} ${held.toFixed(2)} m`;
      press("flow", river.dataset.river, held !== null);
      const slider = river.querySelector("[data-slider]");
      if (slider !== sliding) {
        const value = held === null ? level : held;
        if (value !== null) slider.value = value;
        river.querySelector("[data-wanted]").textContent = `${Number(slider.value).toFixed(2)} m`;
      }
    }
  }

  const clock = (seconds) => {
    const whole = Math.floor(seconds);
    return `${String(Math.floor(whole / 60)).padStart(2, "0")}:${String(whole % 60).padStart(2, "0")}`;
  };

  function showStory(story) {
    if (story === null) return;
    const next = story.next === null ? words.calm : `${clock(story.next.at_s)} ${story.next[lang]}`;
    document.getElementById("story").textContent =
      `${words.round} ${story.round}, ${clock(story.after_s)} / ${clock(story.duration_s)}. ${words.comes}: ${next}.`;
  }

  function showDiary(diary) {
    const list = document.getElementById("diary");
    if (!diary.length || Number(list.dataset.newest) === diary[0].number) return;
    list.dataset.newest = diary[0].number;
    list.replaceChildren(...diary.map((one, at) => {
      const item = document.createElement("li");
      const said = document.createElement("b");
      const text = one.ok ? capital(one[`said_${lang}`]) : one[`said_${lang}`];
      said.textContent = one.ok ? `${text}. ` : `${words.not_done}: ${text}. `;
      item.append(said, one[`look_${lang}`] + " ");
      item.classList.toggle("refused", !one.ok);
      item.classList.toggle("past", at > 0);
      item.classList.toggle("second", at === 1);
      if (one.page) {
        const link = document.createElement("a");
        link.href = body.dataset.pages + one.page;
        link.target = "siaga";
        link.textContent = `${words.see} ${one.page}`;
        item.append(link);
      }
      return item;
    }));
  }

  function capital(text) {
    return text.charAt(0).toUpperCase() + text.slice(1);
  }

  async function look() {
    try {
      const answer = await fetch("/state", { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      const now = await answer.json();
      showParts(now);
      showRivers(now);
      showDiary(now.diary);
      showStory(now.story);
      document.getElementById("gone").hidden = true;
    } catch {
      document.getElementById("gone").hidden = false;
    }
  }

  async function act(element, levelM) {
    element.setAttribute("aria-busy", "true");
    element.disabled = element.tagName === "BUTTON";
    const wish = { action: element.dataset.action, target: element.dataset.target };
    if (levelM !== undefined) wish.level_m = levelM;
    try {
      await fetch("/do", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Control-Token": body.dataset.token },
        body: JSON.stringify(wish),
      });
    } catch { /* the next look says that the demo is gone */ }
    element.removeAttribute("aria-busy");
    element.disabled = false;
    await look();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-action]");
    if (!button) return;
    act(button, button.dataset.levelM === undefined ? undefined : Number(button.dataset.levelM));
  });
  document.addEventListener("input", (event) => {
    const slider = event.target.closest("[data-slider]");
    if (!slider) return;
    sliding = slider;
    slider.closest("[data-river]").querySelector("[data-wanted]").textContent = `${Number(slider.value).toFixed(2)} m`;
  });
  document.addEventListener("change", async (event) => {
    const slider = event.target.closest("[data-slider]");
    if (!slider) return;
    await act(slider, Number(slider.value));
    sliding = null;
  });

  (async function forever() {
    await look();
    setTimeout(forever, EVERY_MS);
  })();
})();
