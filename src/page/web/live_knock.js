"use strict";
/* Switching parts of the model off (src/model/knockout.h): the translation without them, beside the whole one, and a
 * sentence about what the part was for, made from what happened. */

const knock = {
  parts: [
    {name: "positions", label: "positions", job: "Each word’s place in the sentence is added to its vector.", pair: ["aditya eats pizza", "pizza eats aditya"]},
    {name: "mask", label: "the mask", job: "No word of the translation sees those that come after it."},
    {name: "root", label: "the root", job: "Scores are divided by the square root of a head’s width before softmax."},
    {name: "attention", label: "attention", job: "Words look at each other and take over what matters.", pair: ["please buy an apple and an orange", "the cat sat on the mat"]},
    {name: "feedforward", label: "feed-forward", job: "Each word, on its own, works out what to make of what it gathered."}
  ],
  on: [], /* names, the last switched on at the end */
  inside: false, /* whether the story shows the model without them */
  turn: 0, /* of what is being computed; an older one is dropped */
  whole: new Map() /* sentence -> translation by the whole model */
};
const knockKind = {encoder: "encoder", decoder: "decoder’s own attention", cross: "cross-attention"};
const knockOne = (count, word) => (count === 1 ? `one ${word}` : `${count} ${word}s`);

function knockLabel(name) {
  const part = knock.parts.find(p => p.name === name);
  if (part) return part.label;
  const [kind, layer, head] = name.slice(6).split(".");
  return `head ${head} of the ${knockKind[kind]}${knockLayers(kind) > 1 ? `, layer ${layer}` : ""}`;
}
const knockBlocks = () => (nmt.data && nmt.data.attention) || [];
const knockLayers = kind => knockBlocks().filter(b => b.kind === kind).length;

/* ---- the switches ---- */

function makeKnock() {
  const host = document.getElementById("hero-panel");
  knock.switches = html("div.parts", {role: "group", "aria-label": "Parts of the model"}, knock.parts.map(p => html("button", {
    type: "button",
    role: "switch",
    "data-knock": p.name,
    "aria-checked": "true",
    title: p.job,
    onclick: () => knockSwitch(p.name)
  },
    html("span.off-mark", {"aria-hidden": "true"}), html("span", p.label.replace(/^the /, "")))));
  knock.heads = html("div.mutes");
  knock.fold = html("details.head-switches", html("summary", "Mute heads"), knock.heads);
  knock.fold.addEventListener("toggle", () => knock.fold.open && knockWeigh());
  knock.out = html("div.without", {hidden: true});
  knock.show = html("button", {type: "button", "aria-pressed": "false", onclick: () => knockInside(!knock.inside)}, "Look inside: run the story below without it, too");
  knock.note = html("p.story-note", {role: "status"});
  document.getElementById("story").before(knock.note);
  knock.says = html("p.verdict", {role: "status", "aria-live": "polite"});
  host.replaceChildren(html("section.knock", {"aria-labelledby": "knock-title"}, html("h2", {id: "knock-title", tabindex: -1}, "Switch a part off"),
    html("p.lead", "What is each part for? Take it away, and see what breaks."), knock.switches, knock.fold, knock.says, knock.out));
  nmt.watchers.push(() => {
    knockHeads();
    knockRun();
    if (knock.fold.open) knockWeigh();
  });
  new ResizeObserver(() => knock.drawn && knockDraw(knock.drawn)).observe(knock.out);
}

function knockSwitch(name) {
  const was = knock.on.includes(name);
  knock.on = knock.on.filter(n => n !== name && !(name.startsWith("only:") && n.startsWith("only:")));
  if (!was) knock.on.push(name);
  knockPress();
  knockRun();
}
function knockPress() {
  for (const button of document.querySelectorAll("[data-knock]")) {
    const name = button.dataset.knock, on = name === "only:" ? !knock.on.some(n => n.startsWith("only:")) : knock.on.includes(name);
    if (button.hasAttribute("aria-checked"))
      button.setAttribute("aria-checked", String(!on));
    else
      button.setAttribute("aria-pressed", String(on));
  }
}

/* A row of heads for each attention, and a row of "only this head". */
function knockHeads() {
  const blocks = knockBlocks(), heads = blocks.length ? blocks[0].p.shape[0] : 0;
  const shape = blocks.map(b => b.kind + b.layer + b.p.shape[0]).join();
  if (shape === knock.shape) return;
  if (knock.shape) { /* another model: what it may lack is on again */
    knock.on = knock.on.filter(n => knock.parts.some(p => p.name === n));
    knock.whole.clear();
  }
  knock.shape = shape;
  const button = (name, h, text, label) => html("button", {
    type: "button",
    "data-knock": name,
    "aria-pressed": "false",
    "aria-label": label,
    style: h === null ? null : `--tone:var(--head-${h % 4 + 1})`,
    onclick: () => (name === "only:" ? knockAll() : knockSwitch(name))
  },
    html("span", text), name.startsWith("heads:") && html("small", {"aria-hidden": "true"}));
  const rows = blocks.map(b => {
    const name = knockKind[b.kind] + (knockLayers(b.kind) > 1 ? `, layer ${b.layer}` : "");
    return html("div.mute-row", {role: "group", "aria-label": `Heads of the ${name}`}, html("span", name),
      range(b.p.shape[0]).map(h => button(`heads:${b.kind}.${b.layer}.${h}`, h, `${h}`, `Mute head ${h} of the ${name}`)));
  });
  rows.push(html("div.mute-row", {role: "group", "aria-label": "Only one head"}, html("span", "only head …"),
    button("only:", null, "all", "All heads"), range(heads).map(h => button(`only:${h}`, h, `${h}`, `Only head ${h}, in every attention`))));
  knock.weigh = html("p.readout");
  knock.heads.replaceChildren(html("p.muted", "Press a head, and what it gathered no longer arrives. The bars tell how many words change when a head is muted alone."),
    ...rows, knock.weigh);
  knockPress();
}
function knockAll() {
  knock.on = knock.on.filter(n => !n.startsWith("only:"));
  knockPress();
  knockRun();
}

/* How many words of this translation change when each head alone is muted. */
async function knockWeigh() {
  const turn = knock.weighing = (knock.weighing || 0) + 1, text = nmt.sentence;
  if (!text) return;
  try {
    const whole = liveSplit(await knockWhole(text)), found = [];
    for (const button of knock.heads.querySelectorAll('[data-knock^="heads:"]')) {
      const {text: said} = await nmt.engine.translate(text, {knock: [button.dataset.knock]});
      if (turn !== knock.weighing) return;
      const {count} = liveChanges(whole, liveSplit(said)), share = Math.min(1, count / Math.max(1, whole.length));
      button.lastChild.style.width = percent(share).replace(" ", "");
      button.setAttribute("aria-description", `Muted alone, ${knockOne(count, "word")} of this translation ${count === 1 ? "changes" : "change"}`);
      found.push({name: button.dataset.knock, count});
    }
    const most = Math.max(...found.map(f => f.count)), heads = found.filter(f => f.count === most && most > 0);
    const idle = found.filter(f => f.count === 0).length;
    knock.weigh.textContent = most === 0 ? "No single head matters here: any one can be muted, and the others make up for it." :
      `${heads.length > 1 ? "Most depends on" : "This sentence needs most"} ${heads.map(f => knockLabel(f.name)).join(" and ")}: muted alone, ${
        knockOne(most, "word")} of the translation ${most === 1 ? "changes" : "change"}. ${idle} of ${found.length} heads can be muted without any change.`;
  } catch (error) {
    knock.weigh.textContent = error.message;
  }
}

/* ---- what happens ---- */

async function knockWhole(text) {
  if (!knock.whole.has(text)) knock.whole.set(text, (await nmt.engine.translate(text)).text);
  return knock.whole.get(text);
}
/* Two sentences that show it best: those that belong to the part, or those that change most. */
async function knockPair(names, turn) {
  const part = names.length === 1 && knock.parts.find(p => p.name === names[0]), fixed = part && part.pair;
  const tried = [];
  for (const text of fixed || nmt.sentences) {
    const whole = await knockWhole(text), {text: without} = await nmt.engine.translate(text, {knock: names});
    if (turn !== knock.turn) return null;
    tried.push({text, whole, without, count: liveChanges(liveSplit(whole), liveSplit(without)).count});
  }
  const changed = tried.filter(t => t.count > 0).length;
  if (!fixed) tried.sort((a, b) => Math.min(b.count, 6) - Math.min(a.count, 6) || a.without.length - b.without.length);
  return {best: fixed ? tried : tried.filter(t => t.count > 0).slice(0, 2), fixed: Boolean(fixed), changed, tried: tried.length};
}
/* Means over what a pass over both whole sentences computed: how sure the model is of each piece that it was to say, and
 * how much of its weight a row of attention gives to one place. */
function knockMeans(d, says) {
  const rows = says.steps.length, p = d.steps.slice(0, rows).map((s, i) => {
    const same = s.says.id === says.steps[i].says.id ? s.says : s.candidates.find(c => c.id === says.steps[i].says.id);
    return same ? same.p : 0;
  });
  const largest = d.attention.flatMap(b => {
    const t = tensor(b.p), [H, Q] = t.shape;
    return range(H).flatMap(h => range(Q).map(i => Math.max(...t.row(h, i))));
  });
  return {sure: sum(p) / p.length, sharp: sum(largest) / largest.length};
}

async function knockRun() {
  const turn = ++knock.turn, names = [...knock.on], text = nmt.sentence;
  if (!names.length || !text) {
    knock.out.hidden = true;
    knock.drawn = null;
    knock.says.textContent = "";
    knockInside(false);
    return;
  }
  try {
    const whole = await knockWhole(text), result = await nmt.engine.translate(text, {knock: names});
    if (turn !== knock.turn) return;
    const found = {names, text, whole, result, without: result.text};
    knock.drawn = found;
    knockDraw(found);
    found.inspect = await nmt.engine.inspect(text, {knock: names, compare: liveCompare(text)});
    found.pair = await knockPair(names, turn);
    if (turn !== knock.turn) return;
    knockDraw(found);
    knockInside(knock.inside);
    knock.says.replaceChildren(...present(knockVerdict(found)));
  } catch (error) {
    if (turn !== knock.turn) return;
    knock.out.hidden = true;
    knock.says.textContent = error.message;
  }
}

function knockDraw(found) {
  const {names, whole, result, pair} = found, width = knock.out.clientWidth || document.getElementById("hero-panel").clientWidth;
  const label = knockWithout(names);
  const lang = lesson.languages.target, sentence = said => html("p.said", {lang}, liveMarked(said, whole));
  knock.out.hidden = false;
  const shown = liveShown(result), picture = html("div.picture");
  if (shown.target.length && shown.target.length < 26) picture.append(heroPicture(width - 34, 26, shown));
  const tryIt = text => html("button.link", {type: "button", onclick: () => {
    nmt.field.value = text;
    liveType(text);
  }},
    text);
  const table = pair && (pair.fixed || pair.changed > 0) && html("table.pair", html("caption", !pair.fixed ? "Where it shows most:" :
    pair.changed ? "Two sentences that show it:" : "For these sentences it changes nothing:"),
    html("thead", html("tr", html("td"), html("th", {scope: "col"}, "whole model"), html("th", {scope: "col"}, label))),
    html("tbody", pair.best.map(t => html("tr", html("th", {scope: "row"}, tryIt(t.text)), html("td", {"data-label": "whole model", lang}, t.whole),
      html("td", {"data-label": label, lang}, liveMarked(t.without, t.whole))))));
  knock.out.replaceChildren(html("div.ko-sides", html("div.ko-side", html("h3", "whole model"), html("p.said", {lang}, whole)),
    html("div.ko-side.broken", html("h3", label), sentence(result.text))), table || "", picture, found.inspect ? knock.show : "");
}

/* Shows the story of the model as it runs without the parts, or of the whole one; the top keeps the whole translation. */
function knockInside(on) {
  const found = knock.drawn, data = on && found && found.inspect ? found.inspect : nmt.data;
  knock.inside = on;
  knock.show.setAttribute("aria-pressed", String(on));
  knock.note.replaceChildren(...(data === nmt.data ? [] : ["The story runs ", html("b", knockWithout(found.names)), ". ",
    html("button.link", {type: "button", onclick: () => knockInside(false)}, "Show the whole model again")]));
  if (data === lesson.data) return;
  lesson.show(data);
  drawHero(nmt.hero);
}
function knockWithout(names) {
  const only = names.filter(n => n.startsWith("only:")).map(n => `with head ${n.slice(5)} only`);
  const off = names.filter(n => !n.startsWith("only:")).map(knockLabel).join(", ");
  return [...(off ? ["without " + off] : []), ...only].join(", ");
}

const knockQuote = text => ["“", html("i", text), "”"];
/* What the part was for, from what happened. */
function knockVerdict({names, text, whole, without, inspect, pair}) {
  const words = liveSplit(whole), {count} = liveChanges(words, liveSplit(without));
  const here = count === 0 ? "This translation stays as it is." : `Of this translation, ${knockOne(count, "word")} ${count === 1 ? "is" : "are"} now another.`;
  const [a, b] = pair.best, same = a && b && a.without === b.without, differ = a && b && a.whole !== b.whole;
  const often = `Of ${pair.tried} sentences tried here, ${pair.changed || "none"} ${pair.changed < 2 ? "changes" : "change"}.`;
  const before = knockMeans(nmt.data, nmt.data), after = knockMeans(inspect, nmt.data);
  if (names.length > 1) return [here, " ", often];
  const alike = start => (a.without ? [start, knockQuote(a.text), " and ", knockQuote(b.text), " give the same translation: ", knockQuote(a.without), ". "] :
    [start, "it is given ", knockQuote(a.text), " and ", knockQuote(b.text), ". In both cases it says nothing at all. "]);
  const verdicts = {
    positions: () => [
      same && differ ? alike("Without positions, ")
                     : ["Without positions, word order is lost. "],
      "Attention adds up what it finds wherever it finds it, so a sentence is a bag of words. Only its position says which word came first."
    ],
    mask: () => [
      count === 0 ? "The translation stays: while it is written, no later word is there yet, so there is nothing to hide. " : here + " ",
      `The mask is for learning. There the whole translation is given at once, and without the mask a word could look at the answer. This model learnt with it. Let it look ahead, and it is ${
        after.sure < before.sure ? "less" : "more"} sure of its own words: ${percent(after.sure)} instead of ${percent(before.sure)}.`
    ],
    root: () => [
      here, ` Scores are now ${short(Math.sqrt(nmt.data.model.head_width), 1).replace(".0", "")} times as large. So softmax shares less: the largest weight of a row is ${
        percent(after.sharp)} on average, not ${percent(before.sharp)}. The root keeps attention soft enough to gather from several words, and to learn. `, often
    ],
    attention: () => [
      same && differ ? alike("Without attention, ") : here + " ",
      "Nothing else lets one word reach another. Without it, the translation knows nothing of the sentence, nor of its own words but the last."
    ],
    feedforward: () => [here, " ", often, " Attention only mixes what words bring along; the feed-forward blocks work on the mixture, word by word."]
  };
  if (verdicts[names[0]]) return verdicts[names[0]]();
  if (names[0].startsWith("only:"))
    return [here, " ", often, " The heads have shared the work: each looks for something else, and none can do it alone. A model can also be ",
      html("a", {href: "#train-title"}, "trained with one head"), "; then that one learns to do it all."];
  return [here, " ", often, count === 0 ? " Other heads make up for this one." : " What this head gathered no longer arrives, and no other brings it."];
}
