"use strict";
/* "Teach it, here": a model learns in the page from nothing, and is looked at while it learns. */

const teach = {
  state: "idle", /* idle, starting, running, paused, over */
  run: null,     /* the training (engine.js) */
  number: 0,     /* of the run; events of an older one are dropped */
  last: 0,
  steps: [],
  losses: [],
  samples: [
    ["please buy an apple and an orange", "achète une pomme et une orange, s'il te plaît"],
    ["apple unveiled the new phone", "apple a dévoilé le nouveau téléphone"],
    ["aditya eats pizza", "aditya mange de la pizza"], ["pizza eats aditya", "la pizza mange aditya"],
    ["the cat sat on the mat", "le chat s'est assis sur le tapis"]
  ],
  look: null,  /* the last event that had samples and the example */
  done: null,  /* {bytes, sha256, command}, at the end */
  places: null /* of the galaxy's words, where they are drawn now */
};

/* ---- the panel ---- */

function makeTrain() {
  const button = (id, text, onclick, kind = "button") => html(kind, {id, type: "button", onclick}, text);
  const choice = (name, value, label, checked) => html("label", html("input", {type: "radio", name, value, checked}), " ", label);
  const box = (id, label) => html("label", html("input", {type: "checkbox", id}), " ", label);
  const t = teach;
  t.start = button("train-start", "Teach it, from nothing", () => trainStart(), "button.main");
  t.pause = button("train-pause", "Pause", () => trainPause());
  t.step = button("train-step", "One step", () => trainStep());
  t.again = button("train-again", "Start over", () => trainOver());
  t.use = button("train-use", "Use it in the page", () => trainUse());
  t.own = button("train-own", "Use the page’s own model again", () => trainOwn(), "button.link");
  t.keep = button("train-keep", "Keep it as model.gguf", () => trainKeep());
  t.pairs = html("textarea", {
    id: "train-pairs",
    "aria-label": "Pairs of sentences, one a line: a sentence, a tab, its translation",
    placeholder: "the cat sat\tle chat s'est assis\nthe dog sees the cat\tle chien voit le chat\n…",
    spellcheck: "false",
    rows: 5
  });
  t.pairs.addEventListener("input", () => trainChoose("mine"));
  t.pairs.addEventListener("keydown", e => { /* Tab writes a tab behind a text; Escape first lets it leave the field */
    if (e.key === "Escape") t.leaves = true;
    if (e.key !== "Tab" || e.shiftKey || t.leaves || !t.pairs.value.slice(0, t.pairs.selectionStart).split("\n").pop()) return;
    e.preventDefault();
    t.pairs.setRangeText("\t", t.pairs.selectionStart, t.pairs.selectionEnd, "end");
    trainChoose("mine");
  });
  t.pairs.addEventListener("blur", () => { t.leaves = false; });
  const picker = (id, accept, take) => {
    const input = html("input.hidden", {id, type: "file", accept, tabindex: -1});
    input.addEventListener("change", () => {
      if (input.files[0]) take(input.files[0]);
      input.value = "";
    });
    return input;
  };
  const pickPairs = picker("pick-pairs", ".tsv,.txt,text/plain", trainFile), pickModel = picker("pick-model", ".gguf", trainFile);
  t.checked = html("p.checked-pairs", {role: "status"});
  t.mine = html("div.mine", {hidden: true}, t.pairs,
    html("p.muted", "One pair a line: a sentence, a tab, its translation. The Tab key writes a tab behind a word; after Escape it leaves the field. Or drop a file here, or ",
      html("button.link", {type: "button", onclick: () => pickPairs.click()}, "choose one"), ". Some hundred pairs are enough to see it learn."), t.checked, pickPairs);
  t.form = html("fieldset", html("legend.hidden", "What it learns from"),
    html("div.choices", choice("train-from", "shipped", "the sentences in the page", true), choice("train-from", "mine", "sentences of your own")), t.mine,
    html("div.choices", box("train-positions", "without positions"), box("train-heads", "with one head only")));
  t.form.addEventListener("change", () => { t.mine.hidden = trainFrom() !== "mine"; });
  t.error = html("p.unseen-note", {role: "alert"});
  t.said = html("p.train-said", {role: "status", "aria-live": "polite"});
  t.bar = html("progress", {max: 1, value: 0, "aria-label": "Steps of the training"});
  t.end = html("div.train-end");
  t.curve = html("div.curve");
  t.table = html("div.sentences");
  t.heat = html("div.heat");
  t.stars = html("div.stars");
  t.views = html("div.train-views", {hidden: true}, html("section", html("h3", "How wrong it is"), t.curve),
    html("section", html("h3", "What it says"), t.table), html("section", html("h3", "Where it looks"), t.heat),
    html("section.galaxy", html("h3", "Where its words are"), t.stars));
  t.now = html("p.train-model");
  const host = document.getElementById("live-panel");
  host.replaceChildren(html("section.train", {"aria-labelledby": "train-title"}, html("h2", {id: "train-title", tabindex: -1}, "Teach it, here"),
    html("p.lead", "This page trains a translator in your browser, and the file that it makes has the same bytes as the one that ./train makes. At first the model is noise: random numbers. It reads sentences and their translations, and each step moves every number a little, so that the right word becomes likelier. Watch it."),
    t.form, html("div.transport", t.start, t.pause, t.step, t.again), t.error, html("div.progress", t.bar, t.said), t.views, t.end,
    html("div.models", t.now, html("div.transport", t.use, t.keep, html("button", {id: "train-open", type: "button", onclick: () => pickModel.click()},
      "Open a model.gguf"), pickModel), t.own)));
  for (const name of ["dragover", "dragleave", "drop"])
    host.addEventListener(name, e => {
      e.preventDefault();
      host.classList.toggle("dropping", name === "dragover");
      if (name === "drop" && e.dataTransfer.files[0]) trainFile(e.dataTransfer.files[0]);
    });
  new ResizeObserver(() => trainDraw(false)).observe(t.views);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(() => trainDraw(false)));
  nmt.watchers.push(trainShow);
  trainShow();
}
const trainFrom = () => teach.form.querySelector("input[name=train-from]:checked").value;
function trainChoose(from) {
  trainCheck();
  teach.form.querySelector(`input[value=${from}]`).checked = true;
  teach.mine.hidden = from !== "mine";
}

/* Buttons and texts as the state has it. */
function trainShow() {
  const t = teach, s = t.state, going = s === "running" || s === "paused";
  t.start.hidden = s !== "idle" && s !== "starting";
  t.start.disabled = s === "starting";
  t.pause.hidden = !going;
  t.pause.textContent = s === "paused" ? "Go on" : "Pause";
  t.step.hidden = !going;
  t.again.hidden = s === "idle" || s === "starting";
  t.form.disabled = s !== "idle";
  t.form.classList.toggle("asleep", s !== "idle");
  t.use.disabled = t.keep.disabled = !(t.done || (t.look && t.look.bytes));
  t.keep.disabled = s === "starting";
  t.bar.hidden = s === "idle";
  t.said.setAttribute("aria-live", s === "running" ? "off" : "polite"); /* or a reader would speak all the time */
  t.own.hidden = !nmt.own;
  t.now.replaceChildren("The page now uses ", html("b", nmt.model), lesson.data && lesson.data.model ? `, ${thousands(lesson.data.model.parameters)} numbers.` : ".");
}

/* ---- the run ---- */

const trainPairs = () => trainLines().filter(l => !l.wrong).map(l => l.columns.slice(0, 2));
/* The lines that are not empty: {number, columns, wrong, note}. */
function trainLines() {
  return teach.pairs.value.split("\n").map((line, i) => {
    const columns = line.split("\t").map(s => s.trim());
    const wrong = columns.length < 2 ? "has no tab" : columns[0] && columns[1] ? "" : "lacks a sentence";
    return {number: i + 1, columns, wrong, note: wrong || (columns.length > 2 ? "has a third column, which is not learnt from" : "")};
  }).filter(l => l.columns.join(""));
}
/* What is to be said of them. */
function trainCheck() {
  const lines = trainLines(), noted = lines.filter(l => l.note), good = lines.filter(l => !l.wrong).length;
  const more = noted.length - 3, notes = noted.slice(0, 3).map(l => `Line ${l.number} ${l.note}. `).join("") +
    (more > 0 ? `${plural(more, "more line")} ${more === 1 ? "has" : "have"} such a problem. ` : "");
  teach.checked.textContent = !lines.length ? "" : `${notes}${good === 1 ? "1 pair is" : `${good} pairs are`} used${
    good < 200 ? ": it will learn these by heart. To translate other sentences, it needs some hundred pairs." : "."}`;
}
async function trainStart() {
  const t = teach, mine = trainFrom() === "mine", number = ++t.number, config = [];
  if (document.getElementById("train-positions").checked) config.push("model.positions=none");
  if (document.getElementById("train-heads").checked) config.push("model.heads=1");
  const pairs = mine ? trainPairs() : [];
  const samples = mine ? range(Math.min(5, pairs.length)).map(i => pairs[Math.floor(i * pairs.length / Math.min(5, pairs.length))]) : t.samples;
  Object.assign(t, {state: "starting", steps: [], losses: [], frames: [], look: null, done: null, valid: null, places: null, plain: !mine && !config.length, typed: mine, blind: config.includes("model.positions=none") && !mine});
  t.error.textContent = "";
  t.end.replaceChildren();
  t.said.textContent = "The words are counted, and a vocabulary is made …";
  trainShow();
  try {
    const run = await nmt.engine.train({
      config: config.join("\n") || null,
      pairs: mine ? t.pairs.value.replace(/\n*$/, "\n") : null,
      look: 40,
      samples: samples.length ? samples : [["a", "a"]],
      example: mine ? [samples.length ? [...samples].sort((a, b) => a[0].length - b[0].length)[0][0] : "a", ""] : [samples[0][0], samples[1][0]],
      watch: event => number === t.number && trainEvent(event)
    });
    Object.assign(t, {run, last: run.last_step, began: performance.now(), state: "running"});
    t.views.hidden = false;
    trainShow();
    t.pause.focus();
    run.done.then(done => number === t.number && trainDone(done), error => number === t.number && trainFail(error));
  } catch (error) {
    trainFail(error);
  }
}
function trainFail(error) {
  teach.state = "idle";
  teach.said.textContent = "";
  teach.error.textContent = error.message;
  trainShow();
}
/* Time that passes in a pause is not counted. */
function trainHold(paused) {
  const t = teach, now = performance.now();
  if (paused && t.state === "running") t.held = now;
  if (!paused && t.state === "paused") t.began += now - t.held;
  t.state = paused ? "paused" : "running";
  trainShow();
}
/* A run that ends meanwhile answers no more. */
async function trainPause() {
  const go = teach.state === "paused";
  trainHold(!go);
  trainTell();
  await (go ? teach.run.go() : teach.run.pause()).catch(() => {});
}
async function trainStep() {
  trainHold(true);
  await teach.run.step().catch(() => {});
}
async function trainOver() {
  const t = teach, was = t.state;
  t.number++;
  t.state = "idle";
  if (was !== "over" && t.run) await t.run.stop().catch(() => {});
  Object.assign(t, {run: null, look: null, done: null});
  t.views.hidden = true;
  t.bar.value = 0;
  t.said.textContent = t.error.textContent = "";
  t.end.replaceChildren();
  trainShow();
  t.start.focus();
}

function trainEvent(event) {
  const t = teach;
  t.at = event.step;
  if (Number.isFinite(event.nll)) /* the film tells the same loss as the curve, which is not that of the smoothed labels */
    for (const frame of event.frames) frame.loss = event.nll;
  t.frames.push(...event.frames);
  t.speed = event.tokens_per_second;
  if (Number.isFinite(event.loss)) {
    t.steps.push(event.step);
    t.losses.push(event.nll ?? event.loss);
  }
  if (event.valid) t.valid = event.valid;
  const looked = Boolean(event.samples);
  if (looked) {
    t.look = event;
    trainShow();
  }
  if (looked || t.state === "paused" || event.step === event.last - 1) trainTell();
  t.fresh = t.fresh || looked;
  if (t.frame) return;
  t.frame = requestAnimationFrame(() => {
    const fresh = t.fresh;
    t.frame = t.fresh = null;
    trainDraw(fresh);
  });
}
function trainTell() {
  const t = teach, loss = t.losses[t.losses.length - 1], right = t.look ? t.look.samples.filter(s => s.right).length : 0;
  t.bar.value = t.at / t.last || 0;
  if (!t.look || loss === undefined) return;
  const left = t.state === "running" && t.at > 5 ? (performance.now() - t.began) / t.at * (t.last - t.at) / 1000 : 0;
  t.said.textContent = t.at >= t.last - 1 ? `The last step; then it translates ${t.typed ? "its" : "other"} sentences …` :
    `Step ${t.at} of ${t.last}. ${right} of ${t.look.samples.length} sentences right. ${thousands(Math.round(t.speed))} pieces a second${
      left > 1 && !document.hidden ? `, about ${left < 90 ? Math.ceil(left / 5) * 5 + " s" : Math.ceil(left / 60) + " min"} left` : ""}.`;
}
function trainDone(done) {
  const t = teach;
  Object.assign(t, {done, state: "over"});
  trainShow();
  t.bar.value = 1;
  const same = t.plain && nmt.engine.shipped && done.sha256 === nmt.engine.shipped.sha256, exact = t.valid && Number.isFinite(t.valid.exact);
  t.said.textContent = `Learnt: ${done.step} steps, ${thousands(Math.round(done.tokens_per_second))} pieces a second.${
    exact ? ` ${Math.round(t.valid.exact * t.valid.sentences)} of ${t.typed ? "its" : ""} ${t.valid.sentences} sentences ${t.typed ? "" : "that it has not learnt from "}come out exactly right.`.replace("  ", " ") : ""}`;
  const copy = html("button", {id: "train-copy", type: "button", onclick: async () => {
    try {
      await navigator.clipboard.writeText(done.command);
      copy.textContent = "Copied";
    } catch (error) {
      getSelection().selectAllChildren(command);
    }
  }},
    "Copy");
  const command = html("code", {id: "train-command"}, done.command);
  const [one, other] = t.blind ? t.look.samples.slice(2, 4) : [];
  const blind = !one ? "" : one.said === other.said ?
    para("It learnt without positions. To it, ", knockQuote(one.source), " and ", knockQuote(other.source), " are the same words in no order: it says ", knockQuote(one.said), " to both.") :
    para("It learnt without positions, and still says ", knockQuote(one.said), " and ", knockQuote(other.said), ".");
  t.end.replaceChildren(blind, html("h3", "The same model, byte for byte"),
    html("p", "The program in this page is the one that runs in a terminal. There, this makes the same file", t.typed ? ", if your sentences are in pairs.tsv:" : ":"),
    html("p.command", command, copy),
    html("p", "SHA-256 of model.gguf: ", html("code", {id: "train-sha256"}, done.sha256)),
    same ? html("p.same", "✓ These are the bytes of the model that came with the page, which was made outside of it.") : "");
  const film = filmPlayer();
  film.add(...t.frames);
  t.end.append(html("h3", "See it learn again"), film.node);
  trainDraw(true);
}

/* ---- models as files ---- */

/* Puts a model in the place of the page's own, which is kept. */
async function trainInstead(bytes, name, languages) {
  const own = nmt.own || await nmt.engine.model_bytes();
  await liveUse(bytes, name, languages);
  nmt.own = own;
}
async function trainUse() {
  const t = teach, bytes = t.done ? t.done.bytes : t.look.bytes, step = t.done ? t.done.step : t.look.step;
  try {
    await trainInstead(bytes.slice(), `the model that you taught (step ${step})`, t.typed ? null : nmt.languages);
    t.error.textContent = "";
    trainShow();
    document.getElementById("hero").scrollIntoView();
    nmt.field.focus({preventScroll: true});
  } catch (error) {
    t.error.textContent = error.message;
  }
}
async function trainOwn() {
  const bytes = nmt.own;
  nmt.own = null;
  await liveUse(bytes, "the model that came with the page", nmt.languages);
  trainShow();
}
async function trainKeep() {
  const t = teach, bytes = t.done ? t.done.bytes : t.look ? t.look.bytes : await nmt.engine.model_bytes();
  const url = URL.createObjectURL(new Blob([bytes], {type: "application/octet-stream"}));
  const link = html("a", {href: url, download: "model.gguf"});
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  t.said.setAttribute("aria-live", "polite");
  t.said.textContent = "model.gguf is saved. ./translate -m model.gguf takes it, and so does this page.";
}
const trainIsModel = name => /\.gguf$/i.test(name);
/* Bytes as text, if they are. */
function trainText(bytes) {
  const wrong = new Error("expected text (pairs of sentences) or a model.gguf, found neither");
  if (bytes.includes(0)) throw wrong;
  try {
    return new TextDecoder("utf-8", {fatal: true}).decode(bytes);
  } catch (error) {
    throw wrong;
  }
}
/* A file that was dropped or chosen: a model, or pairs. */
async function trainFile(file) {
  const t = teach;
  if (t.form.disabled && !trainIsModel(file.name)) return;
  t.error.textContent = "";
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const model = trainIsModel(file.name) || new TextDecoder().decode(bytes.subarray(0, 4)) === "GGUF";
    if (model) {
      await trainInstead(bytes, file.name);
    } else {
      t.pairs.value = trainText(bytes);
      trainChoose("mine");
    }
  } catch (error) {
    t.error.textContent = `${file.name}: ${error.message}`;
  }
  trainShow();
}

/* ---- pictures ---- */

/* fresh: there was a look; else only what changes with each step, or all when the width did. */
function trainDraw(fresh) {
  const t = teach;
  if (t.views.hidden || !t.views.clientWidth) return;
  trainCurve(t.curve);
  if (!t.look) return;
  if (fresh || t.width !== t.views.clientWidth) {
    t.width = t.views.clientWidth;
    trainSentences(t.table);
  }
  trainHeat(t.heat);
  trainStars(t.stars, fresh);
}

function trainCurve(host) {
  const t = teach, W = host.clientWidth, H = 190, L = 34, B = 30, T = 12, R = 10;
  if (!t.losses.length) return;
  const top = Math.max(2, Math.ceil(Math.max(...t.losses))), X = s => L + (W - L - R) * s / t.last, Y = l => T + (H - T - B) * (1 - l / top);
  const loss = t.losses[t.losses.length - 1], step = t.steps[t.steps.length - 1], chance = Math.exp(-loss);
  const ticks = range(top + 1).filter(v => v % Math.ceil(top / 4) === 0);
  const dots = t.losses.length === 1 ? svg("circle", {cx: X(step), cy: Y(loss), r: 3, fill: "var(--series-1)"}) : null;
  host.replaceChildren(svg("svg", {viewBox: `0 0 ${W} ${H}`, width: W, role: "img", "aria-label": `The loss falls from ${short(t.losses[0], 2)} to ${short(loss, 2)}.`},
    ticks.map(v => [svg("line.axis", {x1: L, x2: W - R, y1: Y(v), y2: Y(v)}), svg("text.muted", {x: L - 8, y: Y(v) + 4, "text-anchor": "end"}, String(v))]),
    [0, t.last / 2, t.last].map((s, i) => svg("text.muted", {x: X(s), y: H - 8, "text-anchor": ["start", "middle", "end"][i]}, i === 2 ? `step ${s}` : String(s))),
    svg("polyline.loss", {points: t.losses.map((l, i) => `${X(t.steps[i]).toFixed(1)},${Y(l).toFixed(1)}`).join(" ")}), dots,
    svg("circle.tip", {cx: X(step), cy: Y(loss), r: 4})),
    para("Loss ", html("b", short(loss, 2)), " in this step: the right piece is given a chance of ", html("b", percent(chance)), chance < 0.5 ? `, as if it guessed among ${
      thousands(Math.round(1 / chance))}.` : "."));
}

function trainSentences(host) {
  const {source, target} = teach.typed ? {source: "", target: ""} : nmt.languages;
  host.replaceChildren(html("ol", teach.look.samples.map(s => html("li", {class: s.right ? "right" : null}, html("span.source", {lang: source}, s.source),
    html("span.said", {lang: target}, s.right ? s.said : liveMarked(liveSplit(s.said).slice(0, 16).join(" ") + (liveSplit(s.said).length > 16 ? " …" : ""), s.target),
      html("span.mark", {"aria-label": s.right ? "right" : "not yet right"}, s.right ? " ✓" : ""))))));
}

/* The cross-attention of the example: rows are what is said, columns the sentence; the mean over the heads. */
function trainHeat(host) {
  const d = teach.look.inspect, block = d && d.attention && d.attention.filter(b => b.kind === "cross").pop();
  if (!block) return;
  const p = tensor(block.p), [heads, rows, cols] = p.shape, count = Math.min(rows, 13), name = t => t.text.trim() || "␣";
  const columns = d.source.tokens.map(name), said = d.steps.slice(0, count).map(s => name(s.says));
  textPen.font = `13px ${colours.sans}`;
  const left = Math.min(host.clientWidth * 0.36, Math.max(...said.map(w => textPen.measureText(w).width)) + 12);
  const head = Math.max(...columns.map(w => textPen.measureText(w).width)) * 0.8 + 10;
  const cell = Math.max(12, Math.min(44, (host.clientWidth - left - head * 0.6) / cols)), high = Math.min(cell, 25), W = left + cell * cols + head * 0.6, H = head + high * count + 4;
  const share = (i, j) => sum(range(heads).map(h => p.row(h, i)[j])) / heads;
  const sharp = sum(range(count).map(i => Math.max(...range(cols).map(j => share(i, j))))) / count;
  host.replaceChildren(svg("svg", {viewBox: `0 0 ${W} ${H}`, width: W, role: "img", "aria-label": `Cross-attention: ${said.map((w, i) => {
    const row = range(cols).map(j => share(i, j));
    return `${w} looks at ${columns[row.indexOf(Math.max(...row))]}`;
  }).join(", ")}`},
    columns.map((w, j) => svg("text", {x: left + (j + 0.45) * cell, y: head - 7, transform: `rotate(-52 ${left + (j + 0.45) * cell} ${head - 7})`, style: "font-size:13px"}, w)),
    said.map((w, i) => [svg("text", {x: left - 7, y: head + (i + 0.5) * high + 4.5, "text-anchor": "end", style: "font-size:13px"}, w),
      range(cols).map(j => svg("rect", {x: left + j * cell, y: head + i * high, width: cell - 1.5, height: high - 1.5, rx: 2, fill: `rgb(${shade("heat", share(i, j), 1)})`},
        svg("title", `${w} → ${columns[j]}: ${percent(share(i, j))}`)))])),
    para("The words of the translation look at those of the sentence. A row’s darkest cell has ", html("b", percent(sharp)), " of its weight, on average",
      sharp < 0.5 ? ": it has not found its words yet." : "."));
}

/* The galaxy of words; its words move from where they were to where they are. */
function trainStars(host, fresh) {
  const t = teach, d = t.look.inspect, g = d && d.galaxy;
  host.parentNode.hidden = !g;
  if (!g || (!fresh && t.drawnAt === host.clientWidth)) return;
  t.drawnAt = host.clientWidth;
  const W = host.clientWidth, H = Math.round(Math.min(330, 0.8 * W)), named = g.words.filter(w => w.group === 0 || w.group === 1), before = t.places || new Map();
  /* Room for the words that have names; the others may be outside. */
  const shown = g.words.filter(w => w.here || named.includes(w)), rx = Math.max(1.3, ...shown.map(w => Math.abs(w.xy[0]))) * 1.12;
  const ys = shown.map(w => w.xy[1]), low = Math.min(...ys), high = Math.max(...ys), X = x => W / 2 + x / rx * (W / 2 - 30);
  const Y = y => 40 + (high - y) / (high - low || 1) * (H - 80), inside = w => Math.abs(w.xy[0]) < rx && Y(w.xy[1]) > 4 && Y(w.xy[1]) < H - 4;
  const {groupTone, groupMark, labeller} = lesson.places, labels = labeller(W, H), after = new Map();
  const stars = g.words.filter(inside).map(w => {
    const x = X(w.xy[0]), y = Y(w.xy[1]), main = w.group === 0 || w.group === 1;
    after.set(w.text, [x, y]);
    const node = svg("g", main ? groupMark(w.group, 0, 0, 5) : w.here ? svg("path", {d: "M0 -7L7 0L0 7L-7 0Z"}) : svg("circle.dust", {r: 1.5}));
    return {w, x, y, node, from: before.get(w.text) || [W / 2, H / 2], main};
  });
  for (const s of stars) if (s.main || s.w.here) labels.keep(s.x, s.y, 6);
  const texts = stars.filter(s => s.main || s.w.here).map(s => labels.place(s.w.text.trim(), s.x, s.y, {size: 12, gap: 9,
    style: `font-size:12px;fill:${s.main ? groupTone(s.w.group) : "var(--ink)"}`}));
  const near = trainNeighbours(named), both = d.chosen && g.words.find(w => w.here && w.group < 0 && w.text.trim() === d.chosen.word_text);
  if (both) near.shown.push(` “${both.text.trim()}” is both, and is ${
    Math.abs(both.xy[0]) < 0.3 ? "between them" : "nearer to the " + g.groups[both.xy[0] < 0 ? 0 : 1]}.`);
  host.replaceChildren(svg("svg", {viewBox: `0 0 ${W} ${H}`, width: W, role: "img", "aria-label": near.plain}, stars.map(s => s.node), texts), para(near.shown));
  t.places = after;
  if (t.stop) t.stop();
  t.stop = lesson.move(fresh ? 450 : 1, k => {
    for (const s of stars) s.node.setAttribute("transform", `translate(${s.from[0] + (s.x - s.from[0]) * k} ${s.from[1] + (s.y - s.from[1]) * k})`);
    for (const text of texts) if (text) text.style.opacity = k * k;
  });
}
/* How many words of the first two groups have one of their own nearest to them, in all numbers of the embedding and not
 * in the picture: its axis goes through the two groups, so even noise comes apart there. Beside it, what chance gives. */
function trainNeighbours(named) {
  const g = teach.look.inspect.galaxy, of = named.length, kin = named.map(w => named.filter(o => o.group === w.group).length - 1);
  const text = `${g.near} of ${of}`, rest = ` ${g.groups[0]} and ${g.groups[1]} have one of their own kind nearest to them, in all ${
    teach.look.inspect.model.width} numbers of a word; by chance it would be about ${Math.round(sum(kin) / (of - 1))}.`;
  return {plain: text + rest, shown: [html("b", text), rest]};
}
