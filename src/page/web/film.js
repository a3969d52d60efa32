"use strict";
/* The film of a training run, with a slider: the loss, five sentences, the cross-attention of one of them, and words
 * as places. A frame is what src/train/film.h describes.
 *
 *     const film = filmPlayer({checks, floor});
 *     host.append(film.node);
 *     film.add(frame, ...);        frames may come one by one, while a model trains
 *
 * checks: [[step, loss], ...] of validation; floor: the least loss there can be. Both may be left out. What a frame
 * lacks is not shown; a frame that is not later than the one before is left out. */

const filmReduced = matchMedia("(prefers-reduced-motion: reduce)");
const FILM_MILLISECONDS = 260, FILM_LONGEST = 20000; /* between two frames; and of the whole film */

function filmBytes(text) {
  try {
    return Uint8Array.from(atob(text), c => c.charCodeAt(0));
  } catch {
    return new Uint8Array(0);
  }
}

/* A frame that can be drawn, or null. weights: rows of shares, 0 to 1. vectors: a unit vector for each word. */
function filmFrame(raw) {
  const texts = list => (Array.isArray(list) && list.every(x => typeof x === "string") ? list : []);
  if (!raw || !Number.isFinite(raw.step) || raw.step < 0) return null;
  const samples = (Array.isArray(raw.samples) ? raw.samples : [])
                    .filter(s => s && [s.source, s.reference, s.said].every(x => typeof x === "string"));
  const frame = {step: raw.step, loss: raw.loss, samples, shown: raw.shown, weights: null, vectors: null};
  frame.source = texts(raw.source);
  frame.target = texts(raw.target);
  frame.words = texts(raw.words);
  const S = frame.source.length, T = frame.target.length, shares = filmBytes(raw.attention);
  if (S * T > 0 && shares.length === S * T) frame.weights = range(T).map(i => Array.from(shares.slice(i * S, (i + 1) * S), b => b / 255));
  const places = new Int8Array(filmBytes(raw.places).buffer), width = raw.width;
  if (frame.words.length > 2 && width > 1 && places.length === frame.words.length * width)
    frame.vectors = frame.words.map((_, i) => {
      const v = Array.from(places.slice(i * width, (i + 1) * width)), size = length(v) || 1;
      return v.map(x => x / size);
    });
  return frame;
}

/* ---- Words as places ---- */

const filmMean = vectors => vectors[0].map((_, k) => sum(vectors.map(v => v[k])) / vectors.length);
const filmLess = (a, b) => a.map((x, k) => x - b[k]);

/* The group of each vector: those that lie close together (k-means, from starts that lie far apart). */
function filmGroups(vectors) {
  const distance = (a, b) => {
    const d = filmLess(a, b);
    return dot(d, d);
  };
  const farthest = from => vectors.reduce((best, v) => (from(v) > from(best) ? v : best));
  const count = Math.min(5, Math.floor(vectors.length / 6)), mean = filmMean(vectors);
  let centres = count > 1 ? [farthest(v => distance(v, mean))] : [mean], group = [];
  while (centres.length < count) centres.push(farthest(v => Math.min(...centres.map(c => distance(v, c)))));
  for (let round = 0; round < 20; round++) {
    group = vectors.map(v => centres.reduce((best, c, i) => (distance(v, c) < distance(v, centres[best]) ? i : best), 0));
    centres = centres.map((c, i) => {
      const own = vectors.filter((_, j) => group[j] === i);
      return own.length ? filmMean(own) : c;
    });
  }
  return {group, centres, sizes: centres.map((_, i) => group.filter(g => g === i).length)};
}

/* The two directions in which the groups' means differ most: principal axes, by power iteration. */
function filmAxes({centres, sizes}, vectors, before) {
  const mean = filmMean(vectors), axes = [];
  const points = centres.length > 2 ? centres.map((c, i) => filmLess(c, mean).map(x => x * Math.sqrt(sizes[i])))
                                    : vectors.map(v => filmLess(v, mean));
  for (let axis = 0; axis < 2; axis++) {
    let v = mean.map((_, k) => Math.sin(k + 1 + axis));
    for (let round = 0; round < 200; round++) {
      const next = mean.map(() => 0);
      for (const p of points) {
        const share = dot(p, v);
        p.forEach((x, k) => (next[k] += share * x));
      }
      for (const other of axes) {
        const share = dot(next, other);
        other.forEach((x, k) => (next[k] -= share * x));
      }
      const size = length(next);
      if (size < 1e-12) break;
      v = next.map(x => x / size);
    }
    axes.push(before && dot(before[axis], v) < 0 ? v.map(x => -x) : v);
  }
  return axes;
}

/* ---- What was said ---- */

/* The words of `said`, each with whether it is in the longest common subsequence with the reference. */
function filmCompare(said, reference) {
  const a = said.split(/\s+/).filter(Boolean), b = reference.split(/\s+/).filter(Boolean);
  const common = range(a.length + 1).map(() => new Array(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  const out = [];
  for (let i = 0, j = 0; i < a.length;) {
    if (j < b.length && a[i] === b[j]) {
      out.push([a[i++], true]);
      j++;
    } else if (j < b.length && common[i][j + 1] > common[i + 1][j])
      j++;
    else
      out.push([a[i++], false]);
  }
  return out;
}

/* The text with words that are out of line with the reference marked. */
function filmSaid({said, reference, right}) {
  if (said === "") return [html("span.muted", "(nothing)")];
  if (right) return [said];
  return filmCompare(said, reference).flatMap(([word, known]) => [known ? word : html("mark", word), " "]);
}

const filmTick = right => html("span.film-tick", right ? {role: "img", "aria-label": "exactly right"} : {}, right && "✓");

/* One or two sentences on what a frame shows, from its numbers. */
function filmStory({step, samples}, random) {
  if (!samples.length) return "";
  const words = samples.flatMap(s => filmCompare(s.said, s.reference)), right = samples.filter(s => s.right).length;
  /* A word that makes up a third of everything that was said. */
  const often = words.map(w => w[0]).find(w => words.filter(v => v[0] === w).length > Math.max(4, words.length / 3));
  const known = words.length ? words.filter(w => w[1]).length / words.length : 0;
  const whole = percent(known);
  if (right === samples.length) return right === 1 ? "The sentence is exactly right." : `All ${right} sentences are exactly right.`;
  if (right) return `${right} of ${samples.length} sentences ${right === 1 ? "is" : "are"} exactly right; ${whole} of the words said are in place.`;
  if (step === 0 && random) return "Nothing is learned yet: all numbers of the model are random, and so is what it says.";
  if (often) return `It says “${often}” over and over, whatever the sentence is.`;
  return `No sentence is right yet; ${whole} of the words said are in place.`;
}

/* ---- The player ---- */

function filmPlayer({checks = [], floor = NaN, random = true} = {}) {
  let frames = [], at = 0, playing = 0, followed = null, layout = null;

  const button = html("button.film-play", {type: "button", onclick: () => (playing ? stop() : play())});
  const slider = html("input", {type: "range", min: 0, max: 0, step: 1, value: 0, "aria-label": "Frame of the film",
    oninput: () => {
      stop();
      show(Number(slider.value));
    }});
  const told = html("p.film-step"), story = html("p.film-story", {"aria-live": "polite"});
  const track = svg("svg.film-track", {"aria-hidden": true});
  const said = html("ol.film-said");
  let grid = svg("svg.film-grid", {role: "group"});
  const gridRead = html("output.readout"), gridNote = html("p.film-note");
  const gridTitle = html("h3", "Where each word comes from");
  const sky = svg("svg.film-sky", {role: "img"}), skyNote = html("p.film-note", {"aria-live": "off"});
  const follow = html("select", {onchange: () => {
    followed = follow.value;
    draw();
  }});
  const gridBox = html("section.film-attention", gridTitle, html("div.film-host", grid), gridRead, gridNote);
  const skyBox = html("section.film-words", html("h3", "Where words are"),
    html("label", "Show the neighbours of ", follow), html("div.film-host", sky), skyNote);
  const saidBox = html("section.film-sentences", html("h3", "What it says"), said);
  const node = html("div.film",
    html("div.film-controls", html("div.film-head", button, html("div", told, story)), html("div.film-bar", track, slider)),
    html("div.film-parts", saidBox, gridBox, skyBox));

  /* ---- Time ---- */

  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    button.textContent = "▶ Play";
    story.setAttribute("aria-live", "polite");
  }
  function play() {
    let begin = null;
    const from = at >= frames.length - 1 ? 0 : at;
    const go = now => {
      if (begin === null) begin = now;
      const frame = from + (now - begin) / Math.min(FILM_MILLISECONDS, FILM_LONGEST / frames.length);
      if (frame >= frames.length - 1) stop();
      else playing = requestAnimationFrame(go);
      show(Math.min(frame, frames.length - 1));
    };
    button.textContent = "❚❚ Pause";
    story.setAttribute("aria-live", "off"); /* or a reader would speak all the time */
    playing = requestAnimationFrame(go);
  }
  function show(position) {
    at = filmReduced.matches ? Math.floor(position) : position;
    draw();
  }
  /* The number of the frame at a step, with a fraction between two frames. */
  function frameOf(step) {
    const after = frames.findIndex(f => f.step >= step);
    if (after <= 0) return after < 0 ? frames.length - 1 : 0;
    const [a, b] = [frames[after - 1].step, frames[after].step];
    return after - 1 + (step - a) / (b - a);
  }
  /* The frames on both sides of this moment, and how far it is from the first to the second. */
  function moment() {
    const i = Math.min(Math.floor(at), frames.length - 1);
    return {now: frames[i], next: frames[Math.min(i + 1, frames.length - 1)], share: at - i};
  }
  const mix = (a, b, share) => a + (b - a) * share;

  /* ---- The curve above the slider ---- */

  const bar = {width: 0, height: 116, left: 44, right: 12, top: 14, bottom: 24};
  function points(list) {
    const most = frames[frames.length - 1].step;
    return list.filter(([step, loss]) => Number.isFinite(loss) && step <= most).map(([step, loss]) => [frameOf(step), loss]);
  }
  function drawTrack() {
    if (!bar.width || !frames.length) return;
    const line = points(frames.map(f => [f.step, f.loss])), dots = points(checks);
    const values = [...line, ...dots].map(p => p[1]), count = Math.max(1, frames.length - 1);
    if (Number.isFinite(floor)) values.push(floor);
    const high = Math.max(...values, 1), low = Math.min(0, ...values);
    const {width, height, left, right, top, bottom} = bar, base = height - bottom;
    bar.x = i => left + (width - left - right) * (i / count);
    bar.y = v => base - (base - top) * (v - low) / (high - low);
    const step = niceStep((high - low) / 4), marks = range(8).map(i => i * step).filter(v => v >= low && v <= high);
    const text = (x, y, anchor, words) => svg("text.muted", {x, y, "text-anchor": anchor}, words);
    const steps = [];
    let free = -Infinity;
    frames.forEach((f, i) => {
      if (bar.x(i) < free || (i < frames.length - 1 && bar.x(i) > width - right - 40)) return;
      free = bar.x(i) + 52;
      steps.push(text(bar.x(i), height - 6, i === frames.length - 1 ? "end" : "middle", i ? thousands(f.step) : `step ${thousands(f.step)}`));
    });
    const path = line.map(p => `${bar.x(p[0]).toFixed(1)},${bar.y(p[1]).toFixed(1)}`).join(" ");
    track.setAttribute("viewBox", `0 0 ${width} ${height}`);
    track.replaceChildren(...marks.map(v => svg("line.axis", {x1: left, x2: width - right, y1: bar.y(v), y2: bar.y(v)})),
      ...marks.map(v => text(left - 7, bar.y(v) + 4, "end", String(Number(v.toPrecision(3))))), ...steps,
      text(left + 6, top - 2, "start", "loss"));
    if (Number.isFinite(floor))
      track.append(svg("line.film-floor", {x1: left, x2: width - right, y1: bar.y(floor), y2: bar.y(floor)}),
        text(width - right, bar.y(floor) + 13, "end", `no loss can be below ${floor.toFixed(3)}`));
    track.append(svg("polyline.film-loss", {points: path}), ...dots.map(p => svg("circle.film-check", {cx: bar.x(p[0]), cy: bar.y(p[1]), r: 3})));
    bar.line = line;
    bar.mark = svg("line.film-mark", {y1: top - 4, y2: base});
    bar.dot = svg("circle.film-dot", {r: 5});
    track.append(bar.mark, bar.dot);
  }
  function drawMark() {
    if (!bar.mark) return;
    const x = bar.x(at), line = bar.line, after = line.findIndex(p => p[0] >= at);
    bar.mark.setAttribute("x1", x);
    bar.mark.setAttribute("x2", x);
    bar.dot.setAttribute("visibility", line.length ? "visible" : "hidden");
    if (!line.length) return;
    const b = line[after < 0 ? line.length - 1 : after], a = after > 0 ? line[after - 1] : b;
    bar.dot.setAttribute("cx", x);
    bar.dot.setAttribute("cy", bar.y(b[0] > a[0] ? mix(a[1], b[1], Math.min(1, (at - a[0]) / (b[0] - a[0]))) : b[1]));
  }
  const seek = e => {
    if (!bar.x || !frames.length) return;
    const share = (e.clientX - track.getBoundingClientRect().left - bar.left) / (bar.width - bar.left - bar.right);
    stop();
    show(Math.round(Math.max(0, Math.min(1, share)) * (frames.length - 1)));
  };
  track.addEventListener("pointerdown", e => {
    track.setPointerCapture(e.pointerId);
    seek(e);
  });
  track.addEventListener("pointermove", e => {
    if (e.buttons) seek(e);
  });

  /* ---- Cross-attention ---- */

  let gridShape = "", gridWidth = 0;
  function drawGrid() {
    const {now, next, share} = moment(), W = now.weights;
    gridBox.hidden = !W;
    if (!W || !gridWidth) return;
    const shape = JSON.stringify([now.source, now.target, gridWidth]), S = now.source.length, T = now.target.length;
    const other = next.weights && JSON.stringify([next.source, next.target]) === JSON.stringify([now.source, now.target]) ? next.weights : W;
    if (shape !== gridShape) {
      gridShape = shape;
      const most = list => Math.min(18, Math.max(...list.map(w => w.length)));
      const left = 8 + 7.2 * most(now.target), top = 14 + 5.4 * most(now.source);
      const cell = Math.max(6, Math.min(38, (gridWidth - left - 4 - 3.6 * most(now.source)) / S));
      const clip = word => ([...word].length > 18 ? [...word].slice(0, 17).join("") + "…" : word);
      const before = grid;
      grid = before.cloneNode(); /* without the cells and what listens to them */
      before.replaceWith(grid);
      grid.setAttribute("viewBox", `0 0 ${gridWidth} ${top + T * cell + 2}`);
      grid.setAttribute("width", gridWidth);
      grid.replaceChildren(
        ...now.source.map((w, j) => svg("text.film-source", {transform: `translate(${left + (j + 0.5) * cell},${top - 6}) rotate(-45)`}, clip(w))),
        ...now.target.map((w, i) => svg("text.film-target", {x: left - 6, y: top + (i + 0.5) * cell + 4, "text-anchor": "end"}, clip(w))),
        ...range(T * S).map(k => svg("rect.film-cell", {
          x: left + k % S * cell, y: top + Math.floor(k / S) * cell, width: cell - 1, height: cell - 1, rx: Math.min(3, cell / 6),
          "data-r": Math.floor(k / S), "data-c": k % S, role: "img"})));
      grid.setAttribute("aria-label", `Cross-attention of ${T} words to ${S} words. Arrow keys go from cell to cell.`);
      roving(grid, "rect.film-cell", n => readCell(+n.dataset.r, +n.dataset.c));
      gridRead.textContent = "Point at a cell, or use the arrow keys.";
      gridRead.dataset.cell = "";
    }
    const cellsOf = grid.querySelectorAll("rect");
    for (let k = 0; k < T * S; k++) {
      const i = Math.floor(k / S), j = k % S;
      cellsOf[k].style.fill = `rgb(${shade("heat", mix(W[i][j], other[i][j], share), 1)})`;
    }
    if (gridRead.dataset.cell) readCell(...gridRead.dataset.cell.split(" ").map(Number));
    const sharp = sum(W.map(row => Math.max(...row))) / T, sample = now.samples[now.shown];
    gridTitle.textContent = "Where each word comes from";
    gridNote.textContent = `The sentence “${sample ? sample.source : now.source.join(" ")}”. Rows are the words of the right translation, ` +
      "columns those of the source. The stronger the colour of a cell, the more its word is looked at. " +
      `On average a word takes ${percent(sharp)} from the source word that it looks at most. If it looked at all words equally, this would be ${percent(1 / S)}.`;
  }
  function readCell(i, j) {
    const {now} = moment();
    if (!now.weights || !now.weights[i]) return;
    gridRead.dataset.cell = `${i} ${j}`;
    gridRead.replaceChildren(strong(now.target[i]), " takes ", strong(percent(now.weights[i][j])), " from ", strong(now.source[j]));
    const cell = grid.querySelector(`[data-r="${i}"][data-c="${j}"]`);
    cell.setAttribute("aria-label", gridRead.textContent);
  }

  /* ---- Words ---- */

  function layOut() {
    const last = frames[frames.length - 1];
    if (!last || !last.vectors) return;
    const groups = filmGroups(last.vectors), axes = filmAxes(groups, last.vectors, layout && layout.axes);
    const key = JSON.stringify(last.words);
    for (const f of frames) {
      f.xy = null;
      if (!f.vectors || JSON.stringify(f.words) !== key || f.vectors[0].length !== last.vectors[0].length) continue;
      const mean = filmMean(f.vectors);
      f.xy = f.vectors.map(v => axes.map(axis => dot(axis, filmLess(v, mean))));
    }
    const reach = k => [Math.min(...last.xy.map(p => p[k])), Math.max(...last.xy.map(p => p[k]))];
    if (!layout || layout.key !== key) {
      follow.replaceChildren(...last.words.slice().sort().map(w => html("option", {value: w}, w)));
      if (!last.words.includes(followed)) followed = last.words[closest(last)];
      follow.value = followed;
    }
    layout = {key, axes, group: groups.group, reach: [reach(0), reach(1)], words: last.words, left: []};
    skyShape = "";
  }
  /* The word whose three nearest are nearest. */
  function closest(frame) {
    const near = frame.words.map((_, i) => sum(neighbours(frame, i).map(n => n.cosine)));
    return near.indexOf(Math.max(...near));
  }
  function neighbours(frame, i) {
    return frame.vectors.map((v, j) => ({j, cosine: dot(v, frame.vectors[i])})).filter(n => n.j !== i)
      .sort((a, b) => b.cosine - a.cosine).slice(0, 3);
  }
  /* Which words have room for their names, and on which side: 0 right, 1 left. Those in `first` come first and have it. */
  function roomFor(all, first) {
    const taken = [], names = [];
    const order = [...first, ...range(all.length).filter(i => !first.includes(i))];
    for (const i of order) {
      const wide = 6.4 * layout.words[i].length + 8, [x, y] = all[i];
      const boxes = [[x - 4, x + wide], [x - wide, x + 4]];
      const sides = layout.left[i] ? [1, 0] : [0, 1];
      const side = sides.find(k => boxes[k][0] > 0 && boxes[k][1] < skyWidth &&
        !taken.some(t => t[0] < boxes[k][1] && t[1] > boxes[k][0] && Math.abs(t[2] - y) < 12)) ?? (first.includes(i) ? 0 : undefined);
      if (side === undefined) continue;
      names[i] = side;
      layout.left[i] = side === 1; /* stays there while it can */
      taken.push([...boxes[side], y]);
    }
    return names;
  }
  let skyShape = "", skyWidth = 0;
  function drawSky() {
    const {now, next, share} = moment();
    skyBox.hidden = !now.xy;
    if (!now.xy || !skyWidth) return;
    const height = Math.round(Math.min(460, Math.max(300, skyWidth * 0.86)));
    if (skyShape !== layout.key + skyWidth) {
      skyShape = layout.key + skyWidth;
      sky.setAttribute("viewBox", `0 0 ${skyWidth} ${height}`);
      sky.setAttribute("width", skyWidth);
      sky.replaceChildren(...range(3).map(() => svg("line.film-near")), ...layout.words.map((w, i) => svg(
        `g.film-word.g${layout.group[i] % 5 + 1}`, {onclick: () => {
          followed = follow.value = w;
          draw();
        }}, svg("circle", {r: 3}), svg("text", {x: 5, y: 4}, w))));
    }
    const place = i => [0, 1].map(k => {
      const to = next.xy || now.xy, v = mix(now.xy[i][k], to[i][k], share), [low, high] = layout.reach[k];
      const at = Math.max(0, Math.min(1, (v - low) / (high - low || 1)));
      return k ? 16 + (height - 32) * (1 - at) : 20 + (skyWidth - 60) * at;
    });
    const all = layout.words.map((_, i) => place(i)), chosen = layout.words.indexOf(followed);
    const near = chosen < 0 ? [] : neighbours(now, chosen);
    const names = roomFor(all, [chosen, ...near.map(n => n.j)].filter(i => i >= 0));
    sky.querySelectorAll("g").forEach((g, i) => {
      g.setAttribute("transform", `translate(${all[i].map(v => v.toFixed(1))})`);
      g.setAttribute("class", `film-word g${layout.group[i] % 5 + 1}${i === chosen ? " chosen" : near.some(n => n.j === i) ? " close" : ""}` +
        (names[i] === undefined ? " bare" : ""));
      const text = g.lastChild;
      text.setAttribute("x", names[i] ? -5 : 5);
      text.setAttribute("text-anchor", names[i] ? "end" : "start");
    });
    sky.querySelectorAll("line").forEach((line, k) => {
      line.setAttribute("visibility", near[k] ? "visible" : "hidden");
      if (!near[k]) return;
      [["x1", all[chosen][0]], ["y1", all[chosen][1]], ["x2", all[near[k].j][0]], ["y2", all[near[k].j][1]]]
        .forEach(([name, v]) => line.setAttribute(name, v.toFixed(1)));
    });
    const nearest = near.map(n => `“${layout.words[n.j]}”`);
    skyNote.textContent = (chosen < 0 ? "" : `Nearest to “${followed}” at this step: ${nearest.slice(0, -1).join(", ")} and ${nearest[nearest.length - 1]}. `) +
      "Words that end close together have one colour. A place is two directions of the embedding, the same in all frames: those in which these groups differ most at the end.";
    sky.setAttribute("aria-label", `${layout.words.length} words as places. ` + skyNote.textContent);
  }

  /* ---- All of it ---- */

  let drawn = null;
  function draw() {
    if (!frames.length) return;
    const {now} = moment();
    drawMark();
    drawGrid();
    drawSky();
    if (drawn === now) return;
    drawn = now;
    slider.value = frames.indexOf(now);
    slider.setAttribute("aria-valuetext", `step ${now.step}`);
    told.replaceChildren("step ", strong(thousands(now.step)), " of ", thousands(frames[frames.length - 1].step),
      ...(Number.isFinite(now.loss) ? [" · loss ", strong(now.loss.toFixed(2))] : []));
    story.textContent = filmStory(now, random);
    saidBox.hidden = !now.samples.length;
    said.replaceChildren(...now.samples.map(s => html("li", {class: s.right ? "is-right" : null},
      html("p.film-in", s.source), html("p.film-ref", s.reference),
      html("p.film-out", filmTick(s.right), html("span", filmSaid(s))))));
  }
  function add(...list) {
    const wasLast = at >= frames.length - 1;
    for (const raw of list) {
      const frame = filmFrame(raw);
      if (frame && !(frames.length && frame.step <= frames[frames.length - 1].step)) frames.push(frame);
    }
    slider.max = Math.max(0, frames.length - 1);
    button.disabled = slider.disabled = frames.length < 2;
    layOut();
    drawn = null;
    if (wasLast) at = Math.max(0, frames.length - 1);
    drawTrack();
    draw();
  }
  const resize = new ResizeObserver(() => {
    const inner = host => host.parentElement.clientWidth;
    bar.width = track.parentElement.clientWidth;
    gridWidth = inner(grid);
    skyWidth = inner(sky);
    drawTrack();
    draw();
  });
  for (const host of [track, grid, sky]) resize.observe(host.parentElement);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(draw)); /* once colours are read */
  stop();
  return {node, add, show, play, stop, frames: () => frames};
}
