"use strict";
/* Starts the page: sections are drawn one after the other, pictures when they come into sight. */

function goTo(section) {
  const node = document.getElementById(section);
  if (!node) return;
  drawUpTo(section);
  state.section = section;
  writeHash();
  node.scrollIntoView();
  node.querySelector("h2").focus({preventScroll: true});
}
function readHash() {
  const [section, ...rest] = location.hash.slice(1).split("&"), chosen = {};
  for (const pair of rest) {
    const [name, value] = pair.split("=");
    if (["block", "head", "row"].includes(name) && /^\d+$/.test(value)) chosen[name] = +value;
  }
  return [section, chosen];
}

const sections = [...document.querySelectorAll("main > section")];
let drawn = 0;
function drawSection(section) {
  let holds = false, said = false;
  const slots = [...section.querySelectorAll("[data-view]")].map(slot => [slot, views[slot.dataset.view]]);
  for (const [slot, view] of slots) holds = holds || Boolean(view.needs());
  for (const [slot, view] of slots) {
    if (view.needs()) {
      slot.replaceChildren(...present(view.draw()));
      continue;
    }
    /* What is not there is told in one sentence, which takes the place of the text about it. */
    if (holds)
      for (let last = false, node; !last && (node = slot.previousElementSibling) && node.tagName !== "H2" &&
           !node.dataset.view && !node.matches(".note");
           node.remove())
        last = node.tagName === "H3";
    if (view.without && (holds || !said)) {
      slot.replaceWith(note(view.without));
      said = true;
    }
  }
  if (!holds) {
    section.classList.add("empty");
    section.append(...section.querySelectorAll(".note"));
  }
}
function drawUpTo(section) {
  const last = sections.findIndex(s => s.id === section);
  while (drawn <= last) drawSection(sections[drawn++]);
}
function drawRest() {
  if (drawn < sections.length) {
    drawSection(sections[drawn++]);
    setTimeout(drawRest, 0);
  } else
    document.documentElement.setAttribute("data-ready", "");
}

function header() {
  const box = document.getElementById("summary");
  const example = !data.model;
  if (data.source && data.target) {
    document.title = `Inside a translation: ${data.source.text}`;
    box.append(html("p.summary", strong(data.source.text), html("span.arrow", " → "), strong(data.target.text)));
  } else if (data.source)
    box.append(html("p.summary", strong(data.source.text)));
  if (example) {
    document.title = document.querySelector("h1").textContent = "Attention, worked out by hand";
    document.getElementById("intro").textContent =
      "A worked example, small enough to be redone with a pencil: made-up vectors of a few tokens, " +
      "with no model behind them, and the attention of one block. § marks the section of Vaswani " +
      "et al., Attention Is All You Need, 2017.";
  } else {
    const facts = [
      ["model", model.file], ["parameters", thousands(model.parameters)], ["width D", model.width],
      ["heads H", model.heads], ["head width K", model.head_width], ["feed-forward F", model.feedforward],
      ["layers", `${model.encoder_layers} + ${model.decoder_layers}`], ["vocabulary", thousands(model.vocab)],
      ["layer norm", model.norm], ["activation", model.activation], ["positions", model.positions],
      ["trained", `${thousands(model.step)} steps`]
    ];
    box.append(html("dl.facts", facts.map(([k, v]) => html("div", html("dt", k), html("dd", v)))));
  }
  if (data.left_out && data.left_out.length)
    box.append(html("div.note", {style: "margin-top:1rem"}, strong("Not in this page: "), data.left_out.join(" ")));
}

const [wanted, chosenBefore] = readHash();
if (data.arithmetic)
  Object.assign(state, {block: data.arithmetic.block, head: data.arithmetic.head, row: data.arithmetic.row});
Object.assign(state, chosenBefore);
clamp();
header();
if (document.getElementById(wanted)) goTo(wanted);
setTimeout(drawRest, 0);
addEventListener("hashchange", () => {
  const [section, chosen] = readHash();
  if (Object.keys(chosen).length) choose(chosen);
  goTo(section);
});
addEventListener("beforeprint", () => drawUpTo(sections[sections.length - 1].id));

/* The contents show where the reader is. */
const current = new IntersectionObserver(list => list.forEach(e => {
  if (!e.isIntersecting) return;
  state.section = e.target.id;
  for (const a of document.querySelectorAll(".contents a")) {
    if (a.hash === "#" + e.target.id) {
      a.setAttribute("aria-current", "true");
      const bar = a.closest("nav");
      if (bar.scrollWidth > bar.clientWidth) bar.scrollLeft = a.offsetLeft - 40;
    } else
      a.removeAttribute("aria-current");
  }
}),
  {rootMargin: "-30% 0px -65% 0px"});
sections.forEach(s => current.observe(s));
