"use strict";
/* The lesson: what its parts share, the sentence on top, the map of the machine, and the player of scenes.
 *
 * A scene is {id, title, map, needs(data), draw(host, lesson, step), caption(data, step), steps, names}:
 *
 *     map       names of the parts of the machine that are lit (machine.js)
 *     about     the one of them that is explained beside the story, the first if not said
 *     needs     whether the data has what the scene shows; else it is left out
 *     draw      fills the empty element host; again when data, choice, step or width change
 *     caption   what to see, made from the data: a text, or a list of texts and elements
 *     steps     how many steps it has, 1 if not said */
const scenes = [];

/* ---- state ---- */

const lesson = {
  data: null,   /* format nmt.inspect (src/inspect/FORMAT.md), or null before the first sentence */
  engine: null, /* the model in the page, where there is one */
  languages: {source: "", target: ""}, /* codes of those that it translates, as HTML's `lang` has them; "": not known */
  hero: null,   /* the sentence that is drawn on top */
  field: document.getElementById("field"), /* where a sentence is typed, where one can be */
  numbers: false,                          /* whether numbers are shown */
  choice: {block: 0, head: 0, row: 0, word: 0},
  picked: "", /* text of the source word that the reader chose */
  lit: null,  /* {side, word}: the word that is touched */
  watchers: new Set(),

  /* Calls back with what changed: "data", "choice", "lit" or "numbers". Returns a function that ends it. */
  watch(call) {
    lesson.watchers.add(call);
    return () => lesson.watchers.delete(call);
  },
  tell(what) {
    for (const call of [...lesson.watchers]) call(what);
  },
  /* A sentence opens on what its data says is worth seeing. Where the reader chose a word and the sentence has it, too,
   * it opens on that word. The same sentence again, from a model that has changed, keeps the choice. */
  show(data) {
    const before = lesson.data && lesson.data.source, now = data && data.source, opens = data && (data.chosen || data.arithmetic);
    lesson.data = data;
    if (opens && !(before && now && before.text === now.text)) {
      const kept = lesson.picked && lesson.words("source").find(w => w.text === lesson.picked), {block, head, row = 0} = opens;
      const encoder = i => data.attention && data.attention[i] && data.attention[i].kind === "encoder";
      if (!kept || !encoder(lesson.choice.block)) Object.assign(lesson.choice, {block, head, row});
      lesson.choice.word = kept ? kept.tokens[0] : opens.word ?? row;
      if (kept && encoder(lesson.choice.block)) lesson.choice.row = kept.tokens[0];
    }
    lesson.clamp();
    lesson.lit = null;
    lesson.tell("data");
  },
  clamp() {
    const c = lesson.choice, {attention = [], source} = lesson.data || {};
    const within = (i, count) => Math.max(0, Math.min(count - 1, i | 0));
    c.block = within(c.block, (attention || []).length);
    c.word = within(c.word, source ? source.tokens.length : 0);
    const b = (attention || [])[c.block];
    if (!b) return;
    c.head = within(c.head, b.p.shape[0]);
    c.row = within(c.row, b.p.shape[1]);
  },
  choose(change) {
    Object.assign(lesson.choice, change);
    lesson.clamp();
    const at = ((lesson.data && lesson.data.attention) || [])[lesson.choice.block];
    const word = at && at.kind === "encoder" && lesson.words("source").find(w => w.tokens.includes(lesson.choice.row));
    if (word) lesson.picked = word.text;
    writeAddress();
    lesson.tell("choice");
  },
  /* Lights a word in every part of the page; side null: none. Elements with data-side and data-word follow by class. */
  light(side, word) {
    const next = side && word >= 0 ? {side, word: +word} : null, last = lesson.lit;
    if (next ? last && last.side === next.side && last.word === next.word : !last) return;
    lesson.lit = next;
    lesson.markLit(document);
    lesson.tell("lit");
  },
  markLit(root) {
    for (const node of root.querySelectorAll(".lit")) node.classList.remove("lit");
    document.documentElement.classList.toggle("lighting", Boolean(lesson.lit));
    if (!lesson.lit) return;
    const {side, word} = lesson.lit;
    for (const node of root.querySelectorAll(`[data-side="${side}"][data-word="${word}"]`)) node.classList.add("lit");
  },
  showNumbers(on) {
    if (on === lesson.numbers) return;
    lesson.numbers = on;
    document.documentElement.classList.toggle("numbers", on);
    lesson.tell("numbers");
  },
  /* Width and height for the picture of a scene. */
  size(host) {
    const W = Math.max(260, host.clientWidth);
    return [W, Math.round(Math.max(300, Math.min(0.56 * innerHeight, 540, W < 560 ? 1.15 * W : W)))];
  },
  /* Calls draw(t) with t from 0 to 1 within ms, or once with 1 where motion is not wanted. Returns a function that ends it. */
  move(ms, draw) {
    if (matchMedia("(prefers-reduced-motion: reduce), print").matches || player.still || document.getElementById("printed").firstChild) {
      draw(1);
      return () => {};
    }
    const begin = performance.now();
    let frame;
    const next = now => {
      const t = Math.max(0, Math.min(1, (now - begin) / ms));
      draw(t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2);
      if (t < 1) frame = requestAnimationFrame(next);
    };
    draw(0);
    frame = requestAnimationFrame(next);
    return () => cancelAnimationFrame(frame);
  },

  /* The words of a side: [{word, text, tokens}], where tokens are numbers of its tokens. */
  words(side) {
    const words = [];
    ((lesson.data && lesson.data[side] && lesson.data[side].tokens) || []).forEach((t, i) => {
      if (t.word < 0) return;
      const known = words.find(w => w.word === t.word);
      if (known) {
        known.text += t.text;
        known.tokens.push(i);
      } else
        words.push({word: t.word, text: t.text.trim(), tokens: [i]});
    });
    for (const w of words) w.text = joinedBytes(w.text);
    return words;
  },
  /* For each word of the translation its shares of the source words, as `./translate --alignment` has them: the mean
   * over the heads of the last layer's cross-attention, in the row that says a token (src/decode/align.h). */
  alignment() {
    const d = lesson.data, last = d && (d.attention || []).filter(b => b.kind === "cross").pop();
    if (!last || !d.source || !d.target) return [];
    const p = tensor(last.p), heads = p.shape[0], source = lesson.words("source");
    return lesson.words("target").map(w => {
      const rows = w.tokens.map(i => i - 1).filter(i => i >= 0 && i < p.shape[1]);
      const share = s => sum(rows.flatMap(i => range(heads).map(h => sum(s.tokens.map(j => p.row(h, i)[j]))))) /
        (rows.length * heads || 1);
      const shares = source.map(share), total = sum(shares) || 1;
      return shares.map(x => x / total);
    });
  }
};

/* Touching, pointing at or reaching a word lights it. */
const wordOf = node => (node.closest ? node.closest("[data-side][data-word]") : null);
const lightAt = node => {
  const found = wordOf(node);
  lesson.light(found && found.getAttribute("data-side"), found && found.getAttribute("data-word"));
};
document.addEventListener("mouseover", e => lightAt(e.target));
document.addEventListener("focusin", e => wordOf(e.target) && lightAt(e.target));
document.addEventListener("focusout", e => wordOf(e.target) && lesson.light(null));
document.documentElement.addEventListener("mouseleave", () => lesson.light(null));

/* ---- the address keeps scene, step and choice: #scene-pull&step=1&block=2&head=0&row=3&word=3 ---- */

const place = {scene: "", step: 0, section: ""};
const written = {since: 0, count: 0, later: 0};
function writeAddress() {
  /* At most 100 times in ten seconds, as a slider may ask for more, and browsers complain of 200. */
  const now = performance.now();
  if (now - written.since > 10000) Object.assign(written, {since: now, count: 0});
  if (++written.count > 100) {
    clearTimeout(written.later);
    written.later = setTimeout(writeAddress, written.since + 10001 - now);
    return;
  }
  const c = lesson.choice, where = place.section || (place.scene ? "scene-" + place.scene : "hero");
  try {
    history.replaceState(null, "", `#${where}${place.scene && !place.section ? "&step=" + place.step : ""}&block=${
      c.block}&head=${c.head}&row=${c.row}&word=${c.word}`);
  } catch (e) { /* then the address stays as it is */
  }
}
function readAddress() {
  const [where, ...rest] = location.hash.slice(1).split("&"), chosen = {}, found = {where, step: 0, chosen};
  for (const pair of rest) {
    const [name, value] = pair.split("=");
    if (!/^\d{1,6}$/.test(value)) continue;
    if (name in lesson.choice) chosen[name] = +value;
    if (name === "step") found.step = +value;
  }
  return found;
}

/* ---- the sentence, its translation, and ribbons between their words ---- */

/* A character that takes several tokens is written in each as the bytes it has there, \xF0; together they are one again. */
const joinedBytes = text => text.replace(/(\\x[89A-F][0-9A-F])+/g, run => {
  try {
    return new TextDecoder("utf-8", {fatal: true}).decode(Uint8Array.from(run.match(/[89A-F][0-9A-F]/g), hex => parseInt(hex, 16)));
  } catch (error) {
    return run;
  }
});
const ribbonColour = (i, count) => `hsl(${Math.round(205 + 130 * (count > 1 ? i / (count - 1) : 0))} 52% 55%)`;
/* Words of both sides and, for each of the translation, its shares of the others: of the data. */
const heroOf = d => ({source: lesson.words("source"), target: lesson.words("target"), shares: lesson.alignment(), unseen: d.unseen || []});
/* shown: those of a sentence that is being typed, or else the data's. */
function drawHero(shown = lesson.data && lesson.data.source ? heroOf(lesson.data) : null) {
  const host = document.getElementById("alignment"), [says, note] = document.getElementById("hero-says").children;
  lesson.hero = shown;
  says.replaceChildren();
  const never = shown && shown.target.length ? [...new Set(shown.unseen.map(u => u.text.trim()))] : [];
  const told = html("p", never.length > 0 && ["The model never saw ", never.map((text, i) => [i ? ", " : "", html("b", text)]),
    " while it learnt, so it can only guess there."]);
  if (told.textContent !== note.textContent) note.replaceChildren(...told.childNodes); /* or it would be read aloud again */
  if (!shown || !shown.target.length) {
    host.replaceChildren(shown ? html("p.summary", shown.source.map(w => w.text).join(" ")) : "");
    return;
  }
  const {source, target, shares} = shown, names = source.map(w => w.text), best = row => row.indexOf(Math.max(...row));
  host.replaceChildren(heroPicture(host.clientWidth, 38, shown));
  says.replaceChildren(html("ul.hidden", shares.map((row, i) => html("li", `${target[i].text} comes mostly from ${
    names[best(row)]}, ${percent(Math.max(...row))}`))));
  says.append(html("p.hint", "The ribbons show which words each word of the translation comes from. Touch one. ",
    html("button.link", {onclick: () => walk(1)}, "See how it is done"), html("span.keys", " or press the space bar.")));
}
/* most: size of the type, where there is room. */
function heroPicture(W, most, {source, target, shares, unseen: list}) {
  const unseen = new Set(list.map(u => u.word ?? u.number)), pen = document.createElement("canvas").getContext("2d");
  const wide = (list, size) => {
    pen.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
    return list.map(w => pen.measureText(w.text).width);
  };
  const lineOf = (list, size) => sum(wide(list, size)) + 0.62 * size * (list.length - 1);
  const longest = Math.max(lineOf(source, 100), lineOf(target, 100)) / 100;
  const size = Math.min(most, Math.floor((W - 8) / longest)), upright = size < 19;
  const picture = upright ? heroUpright(W, source, target, shares, wide, unseen)
                          : heroLines(W, size, source, target, shares, wide, unseen);
  roving(picture, ".word", n => lesson.light(n.dataset.side, n.dataset.word));
  return picture;
}
function heroWord(side, w, index, x, y, size, anchor, unseen, box) {
  return svg("g.word", {
    class: "word" + (side === "source" && unseen.has(w.word) ? " unseen" : ""),
    "data-side": side,
    "data-word": w.word,
    "data-r": box.r,
    "data-c": box.c,
    role: "option",
    "aria-label": w.text,
    tabindex: side === "source" && index === 0 ? 0 : -1
  },
    svg("rect", {x: box.x, y: box.y, width: box.w, height: box.h, rx: 6}),
    svg("text", {x, y, "text-anchor": anchor, style: `font-size:${size}px`}, w.text));
}
const heroFrame = (W, H, ...parts) => svg("svg.alignment", {
  viewBox: `0 0 ${W} ${H}`,
  width: W,
  height: H,
  role: "group",
  "aria-label": "The sentence, its translation, and which word comes from which. Arrow keys go from word to word."
},
  parts);
const heroSide = (side, words) => svg("g", {
  role: "listbox",
  "aria-label": "words of the " + (side === "source" ? "sentence" : "translation"),
  lang: lesson.languages[side]
},
  words);
/* Ends of the ribbons along a word: widths in proportion to the shares, in order of the other side. */
function ribbonEnds(shares, sourceSpan, targetSpan) {
  const ends = [], from = sourceSpan.map(([a]) => a), most = sourceSpan.map((_, s) => Math.max(1, sum(shares.map(r => r[s]))));
  shares.forEach((row, t) => {
    let to = targetSpan[t][0];
    row.forEach((share, s) => {
      const [a, b] = sourceSpan[s], [c, d] = targetSpan[t], w0 = (b - a) * share / most[s], w1 = (d - c) * share;
      if (share > 0.03) ends.push({s, t, share, a: from[s], b: from[s] + w0, c: to, d: to + w1});
      from[s] += w0;
      to += w1;
    });
  });
  return ends;
}
const ribbon = (e, source, target, count, d) => svg("g.ribbon", {"data-side": "target", "data-word": target[e.t].word},
  svg("path", {
    "data-side": "source",
    "data-word": source[e.s].word,
    d,
    style: `fill:${ribbonColour(e.s, count)}`,
    opacity: (0.2 + 0.5 * e.share).toFixed(2)
  }));
function heroLines(W, size, source, target, shares, wide, unseen) {
  const gap = 0.62 * size, top = size * 1.12, reach = Math.max(90, Math.min(180, innerHeight * 0.19)),
        bottom = top + reach + 2 * size * 0.42;
  const spans = list => {
    const w = wide(list, size);
    let x = (W - sum(w) - gap * (list.length - 1)) / 2;
    return w.map(v => {
      const span = [x, x + v];
      x += v + gap;
      return span;
    });
  };
  const A = spans(source), B = spans(target), y0 = top + size * 0.4, y1 = y0 + reach, m = (y0 + y1) / 2;
  const curve = e => `M${e.a} ${y0}C${e.a} ${m} ${e.c} ${m} ${e.c} ${y1}H${e.d}C${e.d} ${m} ${e.b} ${m} ${e.b} ${y0}Z`;
  const word = (side, list, spans, y, r) => list.map((w, i) => heroWord(side, w, i, (spans[i][0] + spans[i][1]) / 2, y, size,
    "middle", unseen, {r, c: i, x: spans[i][0] - 6, y: y - size * 0.92, w: spans[i][1] - spans[i][0] + 12, h: size * 1.26}));
  const base = y1 + size * 0.98;
  return heroFrame(W, base + size * 0.5, ribbonEnds(shares, A, B).map(e => ribbon(e, source, target, source.length, curve(e))),
    heroSide("source", word("source", source, A, top, 0)), heroSide("target", word("target", target, B, base, 1)));
}
/* On a narrow page: one column of words on each side. */
function heroUpright(W, source, target, shares, wide, unseen) {
  const count = Math.max(source.length, target.length), step = Math.max(18, Math.min(36, (innerHeight * 0.56) / count));
  const longest = Math.max(...wide(source, 100), ...wide(target, 100)) / 100;
  const size = Math.max(12, Math.min(21, step * 0.66, (W * 0.34) / longest)), H = step * count + 8;
  const left = Math.max(...wide(source, size)) + 8, right = W - Math.max(...wide(target, size)) - 8;
  const spans = list => list.map((_, i) => {
    const y = (count - list.length) * step / 2 + i * step + 4;
    return [y + 0.18 * step, y + 0.82 * step];
  });
  const A = spans(source), B = spans(target), m = (left + right) / 2, x0 = left + 6, x1 = right - 6;
  const curve = e => `M${x0} ${e.a}C${m} ${e.a} ${m} ${e.c} ${x1} ${e.c}V${e.d}C${m} ${e.d} ${m} ${e.b} ${x0} ${e.b}Z`;
  const word = (side, list, spans, x, anchor, c) => list.map((w, i) => {
    const y = (spans[i][0] + spans[i][1]) / 2;
    return heroWord(side, w, i, x, y + size * 0.34, size, anchor, unseen,
      {r: i, c, x: c ? right - 4 : 0, y: y - step / 2 + 1, w: c ? W - right + 4 : left + 4, h: step - 2});
  });
  return heroFrame(W, H, ribbonEnds(shares, A, B).map(e => ribbon(e, source, target, source.length, curve(e))),
    heroSide("source", word("source", source, A, left, "end", 0)), heroSide("target", word("target", target, B, right, "start", 1)));
}

/* ---- the player of scenes ---- */

const player = {host: null, shown: [], drawn: null, step: "", still: false, width: 0};
const sceneSteps = s => (typeof s.steps === "function" ? s.steps(lesson.data) : s.steps) || 1;
function sceneAt() {
  return player.shown.find(s => s.id === place.scene) || player.shown[0];
}
function makePlayer() {
  const stage = document.getElementById("stage");
  const button = (id, text, by, key) => html("button", {id, onclick: () => walk(by), "aria-keyshortcuts": key}, text);
  player.count = html("p.kicker");
  player.title = html("h2", {tabindex: -1, id: "scene-title"});
  player.caption = html("p.caption", {"aria-live": "polite"});
  player.host = html("div.scene", {id: "scene"});
  player.dots = html("ol.dots", {"aria-label": "Scenes"});
  player.back = button("scene-back", "← Back", -1, "ArrowLeft");
  player.next = button("scene-next", "Next →", 1, "Space ArrowRight");
  stage.replaceChildren(player.count, player.title, player.caption, player.host,
    html("div.walk", player.back, player.dots, player.next));
  new ResizeObserver(() => {
    if (player.host.clientWidth !== player.width) drawScene();
  }).observe(player.host);
}
/* Which scenes the data allows; keeps the one that is shown, if it may stay. */
function readScenes() {
  player.shown = scenes.filter(s => lesson.data && (!s.needs || s.needs(lesson.data)));
  document.getElementById("story").hidden = !player.shown.length;
  player.drawn = null;
  player.dots.replaceChildren(...player.shown.map((s, i) => html("li",
    html("button", {"aria-label": `${i + 1}: ${s.title}`, title: s.title, onclick: () => toScene(s.id)}))));
  drawScene();
}
function drawScene() {
  const s = sceneAt();
  if (!s || !player.host.clientWidth) return;
  const at = player.shown.indexOf(s), count = sceneSteps(s);
  place.step = Math.max(0, Math.min(count - 1, place.step));
  const held = player.host.contains(document.activeElement) && document.activeElement.getAttribute("data-key");
  const focusVisible = document.activeElement.matches(":focus-visible");
  player.width = player.host.clientWidth;
  player.count.textContent = `${at + 1} of ${player.shown.length}`;
  player.title.textContent = s.title;
  player.host.replaceChildren();
  player.host.setAttribute("data-scene", s.id);
  player.host.style.minHeight = lesson.size(player.host)[1] + "px";
  const step = s.id + place.step;
  player.still = step === player.step; /* the same again, with other data: nothing moves */
  player.step = step;
  s.draw(player.host, lesson, place.step);
  player.still = false;
  player.caption.replaceChildren(...present(s.caption ? s.caption(lesson.data, place.step) : ""));
  lesson.markLit(document);
  const next = held && player.host.querySelector(`[data-key="${held}"]`);
  if (next) next.focus({preventScroll: true, focusVisible});
  [...player.dots.children].forEach((dot, i) => {
    dot.firstChild.toggleAttribute("aria-current", i === at);
    if (i === at) dot.firstChild.setAttribute("aria-current", "step");
    dot.firstChild.replaceChildren(...(i === at && count > 1 ? range(count).map(k => html("i", {class: k <= place.step ? "on" : null})) : []));
  });
  player.back.disabled = at === 0 && place.step === 0;
  player.next.disabled = at === player.shown.length - 1 && place.step === count - 1;
  if (player.drawn !== s.id) {
    player.drawn = s.id;
    drawMap();
  }
}
/* All steps of all scenes one below the other, for paper. */
function printScenes() {
  const host = document.getElementById("printed");
  host.replaceChildren();
  for (const s of player.shown)
    for (const step of range(sceneSteps(s))) {
      const picture = html("div.scene"), caption = html("p.caption", s.caption ? s.caption(lesson.data, step) : "");
      host.append(html("article", html("h2", s.title), caption, picture));
      s.draw(picture, lesson, step);
    }
}
const stageInSight = () => {
  const box = document.getElementById("story").getBoundingClientRect();
  return (box.top < innerHeight * 0.3 && box.bottom > innerHeight * 0.45) || (box.top >= 0 && box.bottom <= innerHeight);
};
function toScene(id, step = 0, scroll = true) {
  if (!player.shown.some(s => s.id === id)) return false;
  Object.assign(place, {scene: id, step, section: ""});
  writeAddress();
  drawScene();
  if (scroll && !stageInSight()) document.getElementById("story").scrollIntoView();
  return true;
}
/* One step on or back, over the ends of scenes. */
function walk(by) {
  const s = sceneAt();
  if (!s) return;
  if (!stageInSight()) {
    toScene(s.id, place.step);
    document.getElementById("story").scrollIntoView();
    return;
  }
  const at = player.shown.indexOf(s), step = place.step + by;
  if (step >= 0 && step < sceneSteps(s))
    toScene(s.id, step, false);
  else if (player.shown[at + by])
    toScene(player.shown[at + by].id, by < 0 ? sceneSteps(player.shown[at + by]) - 1 : 0, false);
}
/* Space shows the next step. It does not do so while the focus is in a form field (a slider is no such field), or on a
 * control that was reached by keyboard. Nor do the arrow keys, except on the buttons below the scene. Whether a control
 * was reached by keyboard is known as it gets the focus: a key that is pressed later makes it :focus-visible, too. */
let byKeyboard = false;
document.addEventListener("focusin", e => {
  byKeyboard = e.target.matches(":focus-visible");
});
document.addEventListener("keydown", e => {
  if (e.defaultPrevented || e.ctrlKey || e.altKey || e.metaKey || !sceneAt()) return;
  const at = e.target, typed = at.closest("input, select, textarea, [contenteditable]"), dots = at.closest(".walk");
  const pressed = byKeyboard && at.closest("button, summary, a, [tabindex]");
  if (e.key === " " && !(typed && typed.type !== "range") && !pressed) {
    e.preventDefault();
    if (at !== document.body && !dots) at.blur();
    walk(e.shiftKey ? -1 : 1);
  } else if ((e.key === "ArrowRight" || e.key === "ArrowLeft") && !typed && (!pressed || dots) && stageInSight()) {
    e.preventDefault();
    walk(e.key === "ArrowRight" ? 1 : -1);
  }
});

/* ---- the start ---- */

lesson.watch(what => {
  if (what === "data") {
    drawHero();
    readScenes();
  } else if (what === "choice" || what === "numbers")
    drawScene();
});
/* Called once all scenes are there. data: of the first sentence, or null. */
lesson.start = data => {
  const found = readAddress();
  makePlayer();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawScene);
  const hero = document.getElementById("alignment");
  let width = 0;
  new ResizeObserver(() => {
    if (hero.clientWidth !== width) drawHero(lesson.hero);
    width = hero.clientWidth;
  }).observe(hero);
  if (found.where.startsWith("scene-")) Object.assign(place, {scene: found.where.slice(6), step: found.step});
  if (data) lesson.show(data);
  Object.assign(lesson.choice, found.chosen);
  lesson.clamp();
  lesson.tell("choice");
  if (place.scene) document.getElementById("story").scrollIntoView();
};
