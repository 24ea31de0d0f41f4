"""What is looked for in a page, as functions that run in it; most give a list of texts."""

TEXTS = """
() => {
  const found = [];
  const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (node.nodeType === Node.TEXT_NODE) {
      if (!node.parentElement.closest("script, style, noscript, bdi, [lang]:not(html)")) found.push(node.data);
      continue;
    }
    for (const name of ["aria-label", "title", "placeholder", "alt", "data-news"])
      if (node.hasAttribute(name)) found.push(node.getAttribute(name));
  }
  return [...new Set(found.map((text) => text.replace(/\\s+/g, " ").trim()).filter((text) => /\\p{L}/u.test(text)))];
}
"""
"""Every text of the page, hidden ones too: what a screen reader says counts."""

CONTRAST = """
() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const light = (channels) => {
    const [r, g, b] = channels.map((c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (one) => {
    const layers = [];
    for (let at = one; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      layers.unshift(colour);
    }
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const one = node.parentElement;
    if (!node.data.trim() || !one.checkVisibility() || one.closest("script, noscript, :disabled, svg, .unseen, .skip"))
      continue;
    const style = getComputedStyle(one), below = ground(one), text = over(rgba(style.color), below);
    const [a, b] = [light(text), light(below)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5))
      poor.push(`${ratio.toFixed(2)} ${one.tagName}.${one.className}: ${node.data.trim().slice(0, 40)}`);
  }
  return poor;
}
"""
"""Texts that stand out too little from what is under them (WCAG 2 AA: 4.5, large ones 3), with the ratio."""

NAMELESS = """
() => {
  const text = (one) => (one.getAttribute("aria-label") ?? one.textContent).trim();
  const poor = [];
  for (const one of document.querySelectorAll("button, a[href], summary")) if (!text(one)) poor.push(one.outerHTML);
  for (const one of document.querySelectorAll("img:not([alt])")) poor.push(one.outerHTML);
  for (const one of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!one.labels.length && !one.getAttribute("aria-label")) poor.push(one.outerHTML);
  for (const one of document.querySelectorAll("svg:not([aria-hidden=true]):not([aria-label])"))
    poor.push(one.outerHTML.slice(0, 80));
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) poor.push(`two have the id ${id}`);
  if (document.querySelectorAll("h1").length !== 1) poor.push("not one h1");
  return poor;
}
"""
"""What a screen reader could not name, and what a page may have only once."""

FOCUS = """
() => {
  const one = document.activeElement, { outlineStyle, outlineWidth } = getComputedStyle(one);
  one.dataset.at ??= one === document.body ? "body" : Math.random();
  return [one.dataset.at, outlineStyle + outlineWidth];
}
"""
"""Where the keys are now, as a mark of its own, and how that is shown."""
