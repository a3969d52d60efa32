"use strict";
/* Starts the page, and draws the sections of "all numbers": one after the other when they are opened, pictures when they
 * come into sight. */

const folded = document.getElementById("all-numbers"), sections = [...folded.querySelectorAll("main > section")];
const numbersSwitch = document.getElementById("numbers-switch");
let drawn = 0, drawing = 0;

function goTo(section) {
  const node = document.getElementById(section);
  if (!node || !sections.includes(node)) return;
  openNumbers();
  drawUpTo(section);
  place.section = section;
  writeAddress();
  node.scrollIntoView();
  node.querySelector("h2").focus({preventScroll: true});
}

/* What the data has not is not there: its view, the text about it, or the whole section and its line in the contents. */
function drawSection(section) {
  const slots = [...section.querySelectorAll("[data-view]")].map(slot => [slot, views[slot.dataset.view]]);
  const holds = slots.some(([, view]) => view.needs());
  for (const node of section.children) node.hidden = false;
  section.hidden = folded.querySelector(`.contents a[href="#${section.id}"]`).parentNode.hidden = !holds;
  for (const [slot, view] of slots) {
    slot.replaceChildren();
    if (view.needs())
      slot.append(...present(view.draw()));
    else
      for (let node = slot; node && node.tagName !== "H2" && !(node !== slot && node.dataset.view); node = node.previousElementSibling) {
        node.hidden = true;
        if (node.tagName === "H3") break;
      }
  }
}
function drawUpTo(section) {
  const last = sections.findIndex(s => s.id === section);
  while (drawn <= last) drawSection(sections[drawn++]);
}
function drawRest() {
  clearTimeout(drawing);
  if (drawn < sections.length) {
    drawSection(sections[drawn++]);
    drawing = setTimeout(drawRest, 0);
  } else
    document.documentElement.setAttribute("data-ready", "");
}
function openNumbers() {
  folded.open = numbersSwitch.checked = true;
  lesson.showNumbers(true);
  drawRest();
}

function drawHeader() {
  const box = document.getElementById("summary");
  box.replaceChildren();
  if (data.source && data.target) document.title = `Inside a translation: ${data.source.text}`;
  if (!data.model) {
    document.title = document.getElementById("page-title").textContent = "Attention, worked out by hand";
    document.getElementById("intro").textContent =
      "A worked example, small enough to be redone with a pencil: made-up vectors of a few tokens, " +
      "with no model behind them, and the attention of one block. " +
      `“${data.source.tokens[0].text}” gives ${[...tensor(data.attention[0].p).row(0, 0)].map(percent).join(", ")} of its attention: ` +
      "the worked example of many introductions. § marks the section of Vaswani et al., Attention Is All You Need, 2017.";
  } else {
    const facts = [
      ["model", model.file], ["parameters", thousands(model.parameters)], ["width D", model.width],
      ["heads H", model.heads], ["head width K", model.head_width], ["feed-forward F", model.feedforward],
      ["layers", `${model.encoder_layers} + ${model.decoder_layers}`], ["vocabulary", thousands(model.vocab)],
      ["layer norm", model.norm], ["activation", model.activation], ["positions", model.positions],
      ["trained", `${thousands(model.step)} steps`]
    ];
    box.append(html("dl.facts", facts.map(([k, v]) => html("div", html("dt", k), html("dd", v)))));
    if (model.history && model.history.length)
      box.append(html("div.note", {style: "margin-top:1rem"}, strong("Trained on: "), model.history.join("; then ")));
  }
  if (data.knocked && data.knocked.length)
    box.append(html("div.note", {style: "margin-top:1rem"}, strong("The model was run without: "), data.knocked.join(", "),
      ". The numbers are those that it then computes."));
  if (data.left_out && data.left_out.length)
    box.append(html("div.note", {style: "margin-top:1rem"}, strong("Not in this page: "), data.left_out.join(" ")));
}

lesson.watch(what => {
  if (what !== "data") return;
  drawn = 0;
  drawHeader();
  if (folded.open) drawRest();
});
folded.addEventListener("toggle", () => {
  if (folded.open === lesson.numbers) return;
  if (folded.open)
    openNumbers();
  else {
    numbersSwitch.checked = false;
    lesson.showNumbers(false);
  }
});
numbersSwitch.addEventListener("change", () => {
  if (numbersSwitch.checked) openNumbers();
  folded.open = numbersSwitch.checked;
  lesson.showNumbers(numbersSwitch.checked);
});
/* Paper has everything: each step of each scene, all sections, and all their pictures. */
let foldAgain = false;
addEventListener("beforeprint", () => {
  foldAgain = foldAgain || !folded.open;
  openNumbers();
  drawUpTo(sections[sections.length - 1].id);
  printScenes();
  for (const node of allPictures()) redraw(node, true);
});
addEventListener("afterprint", () => {
  document.getElementById("printed").replaceChildren();
  if (foldAgain) folded.open = foldAgain = false;
});

lesson.start(JSON.parse(document.getElementById("data").textContent.trim() || "null"));
const wanted = readAddress().where;
if (sections.some(s => s.id === wanted))
  goTo(wanted);
else if (lesson.data && !lesson.data.model)
  openNumbers();
if (!folded.open) document.documentElement.setAttribute("data-ready", "");
addEventListener("hashchange", () => {
  const {where, step, chosen} = readAddress();
  if (Object.keys(chosen).length) lesson.choose(chosen);
  if (!where.startsWith("scene-") || !toScene(where.slice(6), step)) goTo(where);
});

/* The contents show where the reader is: at the last section whose beginning is above a third of the window. */
function markCurrent() {
  if (!folded.open) return;
  const there = sections.filter(s => s.clientHeight), above = there.filter(s => s.getBoundingClientRect().top < innerHeight / 3);
  const ended = folded.getBoundingClientRect().bottom <= innerHeight + 2;
  const here = ended ? there[there.length - 1] : above[above.length - 1] || there[0];
  if (!here) return;
  for (const a of folded.querySelectorAll(".contents a")) {
    const on = a.hash === "#" + here.id;
    if (on === a.hasAttribute("aria-current")) continue;
    if (!on) {
      a.removeAttribute("aria-current");
      continue;
    }
    a.setAttribute("aria-current", "true");
    const bar = a.closest("nav");
    if (bar.scrollWidth > bar.clientWidth) bar.scrollLeft = a.offsetLeft - 40;
  }
}
addEventListener("scroll", () => requestAnimationFrame(markCurrent), {passive: true});
folded.addEventListener("toggle", markCurrent);
