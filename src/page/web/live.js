"use strict";
/* The live page: a sentence that is translated as it is typed, parts of the model that can be switched off
 * (live_knock.js), and a model that learns (live_train.js). */

const nmt = {
  sentence: "please buy an apple and an orange",
  sentences: [
    "please buy an apple and an orange", "apple unveiled the new phone", "aditya eats pizza", "pizza eats aditya",
    "the cat sat on the mat", "write a poem", "the thief escaped after the guard dozed off", "the dog sees the cat",
    "the cat sees the dog", "apple released a new phone", "the cat sat on the mat because it was tired",
    "the banana that the boy took is small", "the car is old but it is fast", "she bought a red hat"
  ],
  field: null,
  wanted: null, /* what was typed last and is not translated yet */
  busy: false,
  shown: null, /* the sentence whose data the page shows */
  data: null,  /* that data, of the whole model */
  hero: null,  /* what is drawn of it on top */
  model: "the model that came with the page",
  languages: {source: "en", target: "fr"}, /* of that model, and of the corpus in the page */
  waiting: [], /* called when all the page shows what was typed last, or that failed */
  watchers: [] /* called when another sentence, or another model, is shown */
};

/* ---- what the engine says, as the page draws it ---- */

const liveWords = list => list.map((text, word) => ({word, text}));
function liveShown(result) {
  const shares = result.words.map(w => {
    const total = sum(w.shares) || 1;
    return w.shares.map(s => s / total);
  });
  return {source: liveWords(result.source), target: liveWords(result.words.map(w => w.text)), shares, unseen: result.unseen};
}
/* A sentence in which the word "apple" means the other thing. */
const liveCompare = text => (/unveil|release|works for|phone/.test(text) ? nmt.sentences[0] : nmt.sentences[1]);

/* ---- the sentence ---- */

function makeField() {
  const field = nmt.field = html("textarea", {
    id: "sentence",
    rows: 1,
    "aria-describedby": "field-help",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    enterkeyhint: "done"
  });
  field.value = nmt.sentence;
  nmt.asks = html("label", {for: "sentence"});
  field.addEventListener("input", () => liveType(field.value));
  field.addEventListener("keydown", e => {
    if (e.key === "Enter") e.preventDefault();
  });
  liveSpeak(nmt.languages);
  nmt.says = html("p.hidden", {id: "translation", role: "status", "aria-live": "polite"});
  const tries = nmt.sentences.slice(0, 7).map(text => html("button", {type: "button", onclick: () => {
    field.value = text;
    liveType(text);
    field.focus();
  }},
    text));
  lesson.field.prepend(nmt.asks, field,
    html("p.field-help", html("span", {id: "field-help"}, "It is translated as you type, by this page. "),
      html("a", {href: "#knock-title"}, "Switch a part off"), " or ", html("a", {href: "#train-title"}, "teach it yourself"), "."),
    html("div.tries", {role: "group", "aria-label": "Sentences to try"}, tries), nmt.says);
  lesson.field.append(nmt.error);
  fitField();
  new ResizeObserver(fitField).observe(lesson.field);
}
/* What the model translates; nothing: not known. */
function liveSpeak(languages) {
  lesson.languages = languages || {source: "", target: ""};
  nmt.field.lang = lesson.languages.source;
  nmt.asks.textContent = languages ? "Type an English sentence" : "Type a sentence";
}
/* As high as its text. */
function fitField() {
  nmt.field.style.height = "auto";
  nmt.field.style.height = nmt.field.scrollHeight + 2 + "px";
}

function liveType(text) {
  fitField();
  nmt.wanted = text.replace(/\s+/g, " ").trim();
  clearTimeout(nmt.pause);
  if (!nmt.busy) liveTranslate();
}
/* Translates what was typed last, as long as there is something newer; then, when the typing pauses, all the page follows. */
async function liveTranslate() {
  nmt.busy = true;
  try {
    while (nmt.wanted !== null) {
      const text = nmt.wanted;
      nmt.wanted = null;
      const result = text && await nmt.engine.translate(text);
      nmt.sentence = text;
      if (nmt.wanted !== null) continue;
      nmt.error.textContent = "";
      drawHero(result ? liveShown(result) : null);
      nmt.pause = setTimeout(liveInspect, 250);
    }
  } catch (error) {
    liveFail(error);
  }
  nmt.busy = false;
  if (nmt.wanted !== null) liveTranslate(); /* it was typed before the failure */
}
async function liveInspect() {
  const text = nmt.sentence;
  if (!text) liveEmpty();
  if (!text || text === nmt.shown) {
    liveSettle();
    return;
  }
  try {
    const data = await nmt.engine.inspect(text, {compare: liveCompare(text)});
    if (text !== nmt.sentence || nmt.wanted !== null) return;
    nmt.shown = text;
    nmt.data = data;
    lesson.show(data);
    nmt.hero = lesson.hero;
    nmt.says.textContent = "Translation: " + data.target.text;
    for (const call of nmt.watchers) call();
    liveSettle();
  } catch (error) {
    liveFail(error);
  }
}
/* The field is empty: nothing of the sentence before is left on top, and the story says that it is of that one. */
function liveEmpty() {
  const {shown} = nmt;
  nmt.shown = nmt.hero = null;
  nmt.says.textContent = "";
  knock.weighing = (knock.weighing || 0) + 1;
  if (knock.weigh) knock.weigh.textContent = "";
  knockRun();
  if (shown) knock.note.replaceChildren("The field is empty. The story below is still that of ", ...knockQuote(shown), ".");
}
function liveFail(error) {
  nmt.error.textContent = error.message;
  liveSettle();
}
function liveSettle() {
  for (const call of nmt.waiting.splice(0)) call();
}

/* Puts another model into the page. name: what it is called there. languages: if they are known. */
async function liveUse(bytes, name, languages) {
  await nmt.engine.load(bytes);
  liveSpeak(languages);
  knock.whole.clear(); /* what the model before said */
  await liveTranslateAgain();
  nmt.model = name;
}
async function liveTranslateAgain() {
  nmt.shown = null;
  await new Promise(done => {
    nmt.waiting.push(done);
    liveType(nmt.field.value);
  });
}

/* ---- comparing translations ---- */

/* The longest common part of two lists of words: which words of `b` are not in it, and how many words of `a` change. */
function liveChanges(a, b) {
  const best = range(a.length + 1).map(() => new Array(b.length + 1).fill(0));
  for (let i = a.length; i-- > 0;)
    for (let j = b.length; j-- > 0;)
      best[i][j] = a[i] === b[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
  const marks = b.map(() => true);
  for (let i = 0, j = 0; i < a.length && j < b.length;)
    if (a[i] === b[j] && best[i][j] === best[i + 1][j + 1] + 1) {
      marks[j++] = false;
      i++;
    } else if (best[i + 1][j] >= best[i][j + 1])
      i++;
    else
      j++;
  return {count: Math.min(Math.max(1, a.length), Math.max(a.length, b.length) - best[0][0]), marks};
}
const liveSplit = text => text.split(" ").filter(Boolean);
/* A text with its words marked that are not in another. */
function liveMarked(text, whole) {
  const words = liveSplit(text), {marks} = liveChanges(liveSplit(whole), words);
  if (!words.length) return [html("span.muted", "(nothing)")];
  return words.map((w, i) => [i ? " " : "", marks[i] ? html("mark", w) : w]);
}

(async () => {
  const opening = html("p.field-help", {role: "status"}, "The model is being opened …");
  nmt.error = html("p.failed", {role: "alert"});
  lesson.field.replaceChildren(opening, nmt.error);
  try {
    nmt.engine = await engine_open();
    lesson.engine = nmt.engine;
    makeField();
    makeKnock();
    makeTrain();
    await liveTranslateAgain();
    document.documentElement.setAttribute("data-live", "");
  } catch (error) {
    liveFail(error);
  }
  opening.remove();
})();
