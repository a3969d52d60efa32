"use strict";
/* What all pages share: making elements, vectors and tensors, numbers as text, colours, and pictures. No library. */

/* ---- documents, numbers, colours ---- */

/* An element: "tag.class", then, if it has any, an object of attributes and listeners (onclick), then what is in it. */
function element(space, kind, parts) {
  const [tag, ...classes] = kind.split("."), node = document.createElementNS("http://www.w3.org/" + space, tag);
  if (classes.length) node.setAttribute("class", classes.join(" "));
  const attributes = parts[0] && parts[0].constructor === Object ? parts.shift() : {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on"))
      node.addEventListener(name.slice(2), value);
    else
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...present(parts));
  return node;
}
/* Parts may be lists of parts, or null, undefined or false for nothing. */
const present = parts => [parts].flat(9).filter(c => c !== null && c !== undefined && c !== false);
const html = (kind, ...parts) => element("1999/xhtml", kind, parts);
const svg = (kind, ...parts) => element("2000/svg", kind, parts);
const para = (...parts) => html("p", ...parts);
const strong = (...parts) => html("b", ...parts);
const heading = (...parts) => html("h4", ...parts);
const note = text => html("p.note", text);
const figure = (caption, ...parts) => html("figure", ...parts, caption && html("figcaption", caption));
/* A table: names of the columns, and rows of cells, the first of which names the row. */
function table(head, rows, {foot, attributes = {}, caption, row = () => null} = {}) {
  const line = (cells, i) => html("tr", {class: row(i)},
    cells.map((c, k) => k ? html(typeof c === "string" ? "td.left" : "td", typeof c === "number" ? number(c) : c)
                          : html("th", {scope: "row"}, c)));
  return html("div.scroll",
    numbers(html("table", attributes, caption && html("caption", caption),
      head &&
        html("thead",
          html(
            "tr", head.map((t, k) => html(k && typeof rows[0][k] !== "string" ? "th" : "th.left", {scope: "col"}, t)))),
      html("tbody", rows.map(line)), foot && html("tfoot", line(foot, -1)))));
}
const range = count => Array.from({length: count}, (_, i) => i);
const sum = list => list.reduce((a, b) => a + b, 0);
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

/* {"shape","f32"} as {shape, data, row(i, ...)}: the numbers with these first indices. Decoded once, when asked for. */
const decoded = new WeakMap();
function tensor(array) {
  if (!array) return null;
  if (!decoded.has(array)) {
    const text = atob(array.f32), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    const numbers = new Float32Array(bytes.buffer), shape = array.shape;
    const row = (...index) => {
      let start = 0, size = numbers.length;
      index.forEach((i, axis) => {
        size /= shape[axis];
        start += i * size;
      });
      return numbers.subarray(start, start + size);
    };
    decoded.set(array, {shape, data: numbers, row});
  }
  return decoded.get(array);
}

const dot = (a, b) => {
  let s = 0;
  for (let i = 0; i < a.length; i++) s += a[i] * b[i];
  return s;
};
const length = a => Math.sqrt(dot(a, a));
const cosine = (a, b) => dot(a, b) / (length(a) * length(b) || 1);
const entropy = p => -sum([...p].map(x => (x > 0 ? x * Math.log2(x) : 0)));
function softmax(scores) {
  const top = Math.max(...scores), exps = scores.map(s => Math.exp(s - top)), total = sum(exps);
  return {top, exps, total, weights: exps.map(e => e / total)};
}

/* short: for reading; exact: 9 digits, which tell any two floats apart. */
const minus = text => text.replace(/-/g, "−");
function short(x, digits = 2) {
  if (!Number.isFinite(x)) return x > 0 ? "∞" : x < 0 ? "−∞" : "none";
  return minus(x.toFixed(digits)).replace(/^−(0\.?0*)$/, "$1");
}
const exact = x => (Number.isFinite(x) ? minus(String(Number(x.toPrecision(9)))) : short(x));
const percent = x => `${(100 * x).toFixed(x > 0 && x < 0.1 ? 1 : 0)} %`;
const thousands = x => x.toLocaleString("en-GB");

/* A number that shows all its digits in the bubble: pointed at, tapped, or reached by keyboard. */
const number = (x, digits) => html("span.n", {tabindex: -1, "data-v": x}, short(x, digits));
/* Makes the numbers inside one stop for Tab, walked through with the arrow keys. */
function numbers(node) {
  const first = node.querySelector(".n");
  if (first) {
    node.setAttribute("data-numbers", "");
    first.tabIndex = 0;
  }
  return node;
}

const bubble = html("div", {id: "bubble", role: "status"});
document.body.append(bubble);
function showBubble(target) {
  bubble.hidden = false;
  const box = target.getBoundingClientRect();
  bubble.textContent = exact(Number(target.dataset.v));
  bubble.style.left = Math.max(4, Math.min(box.left, innerWidth - bubble.offsetWidth - 4)) + "px";
  bubble.style.top = (box.top > 32 ? box.top - bubble.offsetHeight - 4 : box.bottom + 4) + "px";
}
const hideBubble = () => {
  const held = document.activeElement;
  if (held.matches(".n") && !bubble.hidden)
    showBubble(held);
  else
    bubble.textContent = "";
};
document.addEventListener("mouseover", e => (e.target.matches(".n") ? showBubble(e.target) : hideBubble()));
document.addEventListener("focusin", e => (e.target.matches(".n") ? showBubble(e.target) : hideBubble()));
document.addEventListener("scroll", hideBubble, {passive: true, capture: true});
document.addEventListener("keydown", e => {
  if (e.key === "Escape") {
    bubble.hidden = true;
    hideBubble();
  }
  const group = e.target.closest("[data-numbers]"), cell = e.target.closest("td");
  const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1}[e.key];
  if (!group || !step || !e.target.matches(".n")) return;
  let next;
  if (cell && (e.key === "ArrowUp" || e.key === "ArrowDown")) {
    const rows = [...group.querySelectorAll("tr")], at = rows.indexOf(cell.parentNode);
    for (let i = at + step; rows[i] && !next; i += step)
      next = rows[i].cells[cell.cellIndex] && rows[i].cells[cell.cellIndex].querySelector(".n");
  } else {
    const all = [...group.querySelectorAll(".n")];
    next = all[all.indexOf(e.target) + step];
  }
  e.preventDefault();
  if (!next) return;
  e.target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

/* Colours come from style.css; canvases are drawn again when light turns dark. */
let colours;
function readColours() {
  const style = getComputedStyle(document.documentElement), get = name => style.getPropertyValue("--" + name).trim();
  const stops = name => get(name).split(",").map(c => [1, 3, 5].map(i => parseInt(c.trim().slice(i, i + 2), 16)));
  const ramp = list => t => {
    const at = Math.max(0, Math.min(1, t || 0)) * (list.length - 1), i = Math.min(Math.floor(at), list.length - 2);
    return list[i].map((c, k) => Math.round(c + (list[i + 1][k] - c) * (at - i)));
  };
  colours = {
    ink: get("ink"),
    muted: get("muted"),
    line: get("line"),
    focus: get("focus"),
    warm: get("warm"),
    sans: get("sans"),
    heat: ramp(stops("heat")),
    diverge: ramp(stops("diverge"))
  };
}
readColours();
/* heat: by the square root, so that small shares can still be seen; diverge: -max .. max. */
const shade = (kind, x, max) => (
  kind === "heat" ? colours.heat(Math.sqrt(Math.max(0, x) / max)) : colours.diverge(0.5 + x / (2 * max)));

/* Black or white, whichever is easier to read upon a colour: 4.5 to 1 at least (WCAG 2, relative luminance). */
function inkUpon(rgb) {
  const [r, g, b] = rgb.map(x => (x <= 10 ? x / 255 / 12.92 : ((x / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
}

/* ---- pictures ---- */

/* draw(width) is called when the node comes into sight, and again when its width or the colours change. */
const pictures = new WeakMap();
const allPictures = () => [...document.querySelectorAll("[data-picture]")].filter(node => pictures.has(node));
const resized = new ResizeObserver(list => list.forEach(e => redraw(e.target)));
const sighted = new IntersectionObserver(list => list.forEach(e => {
  if (!e.isIntersecting) return;
  sighted.unobserve(e.target);
  redraw(e.target);
  resized.observe(e.target);
}),
  {rootMargin: "300px"});
function redraw(node, always) {
  const picture = pictures.get(node);
  if (!picture || !node.isConnected) {
    pictures.delete(node);
    resized.unobserve(node);
    return;
  }
  const width = node.clientWidth;
  if (!width || (width === picture.width && !always)) return;
  picture.width = width;
  picture.draw(width);
}
function lazy(node, draw) {
  pictures.set(node, {draw, width: 0});
  node.dataset.picture = "";
  sighted.observe(node);
  return node;
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  for (const node of allPictures())
    if (pictures.get(node).width) redraw(node, true);
});
function canvasOf(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = width + "px";
  canvas.style.height = height + "px";
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "12px " + colours.sans;
  pen.textBaseline = "middle";
  return pen;
}

/* A table made when it is opened. */
function later(summary, make) {
  const details = html("details", html("summary", summary));
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    const made = make();
    made.tabIndex = 0;
    details.append(made);
  });
  return details;
}
const tableOf = (rowNames, colNames, value) => later("The numbers as a table",
  () => table(["", ...colNames],
    rowNames.map(
      (r, i) => [r, ...colNames.map((_, j) => html("span.n", {"data-v": value(i, j)}, exact(value(i, j))))])));

const legendHeat = what => html("div.scale", what,
  html("span", {style: "display:inline-block;width:11rem;max-width:100%"},
    html("span.ramp", {style: "display:block;width:100%;background:linear-gradient(to right,var(--heat))"}),
    html("span", {style: "display:flex;justify-content:space-between"},
      ["0", ".06", ".25", ".56", "1"].map(t => html("span", t)))));
const legendDiverge = max => html("div.scale", "−" + short(max, 2),
  html("span.ramp", {style: "background:linear-gradient(to right,var(--diverge))"}), short(max, 2));

/* Numbers as coloured cells, rows x cols, with a line below that tells the one under the mouse or the cursor.
 * kind and max: see shade. wide: the most pixels of a cell; tall: height of a row (default: as wide).
 * wrap: rows too long for the page go on below, in bands. pick(r, c): clicked, or Enter. chosen: a row to mark.
 * masked(r, c): left empty. key: keeps focus and cursor when the picture is made anew. */
const cursors = {};
function cells({
  key,
  name,
  rowNames,
  colNames,
  rows = rowNames.length,
  cols = colNames.length,
  value,
  kind = "heat",
  max = 1,
  wide = 44,
  tall = 0,
  wrap = false,
  least = 8,
  pick,
  chosen = -1,
  describe,
  masked
}) {
  const canvas = html("canvas", {
    tabindex: 0,
    role: "application",
    "aria-roledescription": "picture of numbers",
    "aria-label": name + " Arrow keys go from cell to cell.",
    "data-key": key
  });
  const readout = html("output.readout");
  const host = html("div", canvas);
  const base = document.createElement("canvas");
  let shape, cursor = (key && cursors[key]) || null;
  const rowName = r => (rowNames ? rowNames[r] : "row " + r);
  const colName = c => (colNames ? colNames[c] : "number " + c);
  const tell = (r, c) => describe ? describe(r, c) : [strong(rowName(r), ", ", colName(c)), ": ", exact(value(r, c))];

  function draw(width) {
    let pen = canvasOf(base, width, 10);
    const left = rowNames ? Math.min(width * 0.34, Math.max(...rowNames.map(t => pen.measureText(t).width)) + 9) : 0;
    const longest = colNames ? Math.max(...colNames.map(t => pen.measureText(t).width)) : 0;
    let cell = Math.min(wide, (width - left - 2) / cols), per = cols;
    const turned = longest > cell - 4;
    if (turned && colNames) cell = Math.min(wide, (width - left - 2 - longest / 2) / cols);
    if (wrap && cell < least) {
      per = Math.max(8, Math.floor((width - left - 2) / least / 8) * 8);
      cell = (width - left - 2) / per;
    }
    if (cell > 4) cell = Math.floor(cell);
    const high = tall || cell, bands = Math.ceil(cols / per);
    const head = colNames ? (turned ? longest * 0.87 + 12 : 20) : wrap ? 16 : 2;
    const band = head + rows * high + (bands > 1 ? 8 : 2);
    const used = Math.ceil(left + per * cell + (turned && colNames ? longest / 2 : 0) + 2);
    shape = {left, cell, per, high, head, band, width: used, bands};
    pen = canvasOf(base, used, bands * band);
    for (let b = 0; b < bands; b++) {
      const count = Math.min(per, cols - b * per), top = b * band + head;
      pen.fillStyle = colours.muted;
      const every = Math.ceil(11 / cell);
      if (colNames)
        for (let c = 0; c < count; c += every) {
          pen.save();
          pen.translate(left + (c + 0.5) * cell, top - 7);
          if (turned) pen.rotate(-Math.PI / 3);
          pen.textAlign = turned ? "left" : "center";
          pen.fillText(colNames[b * per + c], 0, turned ? 2 : -3);
          pen.restore();
        }
      else if (wrap) {
        pen.font = "11px " + colours.sans;
        pen.fillText(String(b * per), left, top - 8);
        pen.textAlign = "right";
        if (count > 4) pen.fillText(String(b * per + count - 1), left + count * cell, top - 8);
        pen.textAlign = "left";
        pen.font = "12px " + colours.sans;
      }
      const everyRow = Math.ceil(12 / high);
      for (let r = 0; r < rows; r++) {
        if (rowNames && r % everyRow === 0) {
          pen.fillStyle = r === chosen ? colours.ink : colours.muted;
          pen.textAlign = "right";
          pen.fillText(rowNames[r], left - 7, top + (r + 0.5) * high, left - 8);
        }
        pen.textAlign = "center";
        for (let c = 0; c < count; c++) {
          const col = b * per + c, x = left + c * cell, y = top + r * high, gap = cell > 7 ? 1 : 0;
          if (masked && masked(r, col)) {
            pen.strokeStyle = colours.line;
            if (cell > 5) pen.strokeRect(x + 1.5, y + 1.5, cell - 3, high - 3);
            continue;
          }
          const v = value(r, col), rgb = shade(kind, v, max);
          pen.fillStyle = `rgb(${rgb})`;
          pen.fillRect(x, y, cell - gap + (gap ? 0 : 0.5), high - (high > 7 ? 1 : 0));
          if (cell >= 32 && high >= 18) {
            pen.fillStyle = inkUpon(rgb);
            pen.font = "11px " + colours.sans;
            pen.fillText(minus(v.toFixed(2)).replace(/^(−?)0\./, "$1."), x + cell / 2, y + high / 2 + 0.5);
            pen.font = "12px " + colours.sans;
          }
        }
        pen.textAlign = "left";
      }
    }
    paint();
  }
  /* What is drawn stays in base; upon a copy of it the chosen row and the cursor are framed. */
  function paint() {
    if (!shape) return;
    const {left, cell, per, high, head, band, width, bands} = shape, pen = canvasOf(canvas, width, bands * band);
    pen.drawImage(base, 0, 0, width, bands * band);
    const frame = (r, c, count, style) => {
      const b = Math.floor(c / per);
      pen.strokeStyle = style;
      pen.lineWidth = 2;
      pen.strokeRect(left + (c - b * per) * cell - 0.5, b * band + head + r * high - 0.5, count * cell, high);
    };
    if (chosen >= 0) frame(chosen, 0, Math.min(cols, per), colours.warm);
    if (cursor) frame(...cursor, 1, colours.focus);
  }
  function go(r, c) {
    cursor = [Math.max(0, Math.min(rows - 1, r)), Math.max(0, Math.min(cols - 1, c))];
    if (key) cursors[key] = cursor;
    readout.replaceChildren(...present(tell(...cursor)));
    paint();
  }
  function hit(e) {
    const box = canvas.getBoundingClientRect(), {left, cell, per, high, head, band} = shape;
    const y = e.clientY - box.top, b = Math.floor(y / band), r = Math.floor((y - b * band - head) / high);
    const c = b * per + Math.floor((e.clientX - box.left - left) / cell);
    return r >= 0 && r < rows && c >= b * per && c < Math.min(cols, (b + 1) * per) ? [r, c] : null;
  }
  const point = e => {
    const at = shape && hit(e);
    if (at && (!cursor || at[0] !== cursor[0] || at[1] !== cursor[1])) go(...at);
    return at;
  };
  canvas.addEventListener("mousemove", point);
  canvas.addEventListener("click", e => {
    const at = point(e);
    if (at && pick) pick(...at);
  });
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible")) go(...(cursor || [Math.max(0, chosen), 0]));
  });
  canvas.addEventListener("keydown", e => {
    const [r, c] = cursor || [0, 0];
    const to = {
      ArrowLeft: [r, c - 1],
      ArrowRight: [r, c + 1],
      ArrowUp: [r - 1, c],
      ArrowDown: [r + 1, c],
      Home: [r, 0],
      End: [r, cols - 1]
    }[e.key];
    if (to) {
      e.preventDefault();
      go(...to);
    }
    if (pick && (e.key === "Enter" || e.key === " ")) {
      e.preventDefault();
      pick(r, c);
    }
  });
  if (cursor && (cursor[0] >= rows || cursor[1] >= cols)) cursor = null;
  if (cursor) readout.replaceChildren(...present(tell(...cursor)));
  lazy(host, draw);
  return html("div", {class: "cells" + (pick ? " pick" : "")}, host, readout,
    tableOf(range(rows).map(rowName), range(cols).map(colName), value));
}

/* Vectors as coloured strips on one scale, below each other. */
function strips(list, options = {}) {
  const max = Math.max(1e-9, ...list.map(v => v.values.reduce((m, x) => Math.max(m, Math.abs(x)), 0)));
  return html("div", cells({
    name: list.map(v => v.name).join(", ") + ".",
    rowNames: list.map(v => v.name),
    rows: list.length,
    cols: list[0].values.length,
    value: (r, c) => list[r].values[c],
    kind: "diverge",
    max,
    wrap: true,
    tall: 22,
    wide: 46,
    ...options
  }),
    legendDiverge(max));
}

/* A table with a bar for each row: [{name, value, kind, none}]; a full bar is 1; none: a word instead of a number. */
function bars(rows, digits = 2) {
  return numbers(html("table.bars",
    html("tbody",
      rows.map(r => html("tr", html("th", {scope: "row"}, r.name),
                 html("td.track", r.none ? html("span", {class: "bar none"}) : html("span", {
                   class: "bar " + (r.kind || ""),
                   style: `width:${Math.max(0, Math.min(100, 100 * Math.abs(r.value)))}%`
                 })),
                 html("td", r.none || number(r.value, digits)))))));
}

/* Lines of values over 0, 1, 2 ... : series [{name, values, tone, dash}]; the figures of one point at a time are written below. */
function chart(options) {
  const host = html("div", {style: "min-height:18rem"});
  return lazy(host, width => host.replaceChildren(chartOf(options, Math.min(600, width))));
}
function chartOf({name, series, xName, yName}, W) {
  const H = 230, L = 48, R = 14, T = 12, B = 38, count = series[0].values.length,
        dashes = ["", "7 4", "2 3", "10 3 2 3"];
  const all = series.flatMap(s => [...s.values]), spread = Math.max(...all) - Math.min(...all) || 1;
  const low = Math.min(...all) - 0.04 * spread, high = Math.max(...all) + 0.04 * spread;
  const X = i => L + (W - L - R) * (count > 1 ? i / (count - 1) : 0.5),
        Y = v => T + (H - T - B) * (high - v) / (high - low);
  const step = niceStep((high - low) / 4), first = Math.ceil(low / step),
        ticks = range(6).map(i => (first + i) * step).filter(v => v <= high);
  const cursor = svg("line.cursor", {y1: T, y2: H - B, visibility: "hidden"}),
        readout = html("output.readout", "Point at the lines, or use the arrow keys.");
  const line = (s, k, attributes) => svg("polyline",
    {class: `line s${(s.tone ?? k) % 6 + 1}`, "stroke-dasharray": dashes[(s.dash ?? k) % 4], ...attributes});
  const picture = svg("svg", {
    viewBox: `0 0 ${W} ${H}`,
    width: W,
    tabindex: 0,
    role: "application",
    "aria-roledescription": "chart",
    "aria-label": name + " Left and right arrow go from point to point."
  },
    ticks.map(
      v => [svg("line.axis", {x1: L, x2: W - R, y1: Y(v), y2: Y(v)}),
        svg("text.muted", {x: L - 7, y: Y(v) + 4, "text-anchor": "end"}, minus(String(Number(v.toPrecision(6)))))]),
    range(count)
      .filter(i => i % Math.ceil(count / 9) === 0)
      .map(i => svg("text.muted", {x: X(i), y: H - B + 17, "text-anchor": "middle"}, String(i))),
    svg("text.muted", {x: (L + W - R) / 2, y: H - 4, "text-anchor": "middle"}, xName), cursor,
    series.map((s, k) => line(s, k, {points: [...s.values].map((v, i) => X(i) + "," + Y(v)).join(" ")})));
  let at = -1;
  function go(i) {
    at = Math.max(0, Math.min(count - 1, i));
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, X(at));
    cursor.removeAttribute("visibility");
    readout.replaceChildren(strong(`${xName} ${at}`), ": ",
      series.map(s => (series.length > 1 ? s.name + " " : "") + exact(s.values[at])).join("; "));
  }
  picture.addEventListener("mousemove", e => {
    const box = picture.getBoundingClientRect();
    go(Math.round(((e.clientX - box.left) * W / box.width - L) / (W - L - R) * (count - 1)));
  });
  picture.addEventListener("keydown", e => {
    const to = {ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: count - 1}[e.key];
    if (to !== undefined) {
      e.preventDefault();
      go(to);
    }
  });
  return html("div", html("div.small.muted", yName), picture,
    series.length > 1 &&
      html("ul.legend",
        series.map(
          (s, k) => html(
            "li", svg("svg", {width: 30, height: 10, "aria-hidden": true}, line(s, k, {points: "0,5 30,5"})), s.name))),
    readout, tableOf(range(count).map(i => `${xName} ${i}`), series.map(s => s.name), (i, k) => series[k].values[i]));
}
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find(f => f * power >= rough);
}

/* Arrow keys among nodes that carry data-r and data-c; one of them is in the order of Tab. */
function roving(container, selector, show, pick) {
  const all = [...container.querySelectorAll(selector)];
  if (!all.some(n => n.getAttribute("tabindex") === "0") && all[0]) all[0].setAttribute("tabindex", 0);
  const find = e => e.target.closest(selector);
  container.setAttribute("tabindex", -1); /* else SVG that listens to focus is a stop of its own */
  container.addEventListener("mouseover", e => {
    const n = find(e);
    if (n) show(n);
  });
  container.addEventListener("focusin", e => {
    const n = find(e);
    if (n && n.matches(":focus-visible")) show(n);
  });
  container.addEventListener("click", e => {
    const n = find(e);
    if (n) {
      show(n);
      if (pick) pick(n);
    }
  });
  container.addEventListener("keydown", e => {
    const n = find(e), move = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[e.key];
    if (!n) return;
    if (pick && (e.key === "Enter" || e.key === " ")) {
      e.preventDefault();
      pick(n);
    }
    if (!move) return;
    e.preventDefault();
    const r = +n.dataset.r + move[0], c = +n.dataset.c + move[1];
    const column = all.filter(m => +m.dataset.c === c);
    column.sort((a, b) => Math.abs(a.dataset.r - r) - Math.abs(b.dataset.r - r));
    const to = move[0] ? column.find(m => +m.dataset.r === r) : column[0];
    if (!to) return;
    n.setAttribute("tabindex", -1);
    to.setAttribute("tabindex", 0);
    to.focus();
  });
}
