"use strict";
/* The machine: its parts, what each is for, its picture, and the first scene. The picture is the map of the page: a click
 * on a part goes to its scene, and the parts of the scene that plays are lit. */

/* Boxes of the picture, in a field of 320 x 386; side 0: encoder, 1: decoder. */
const machine = {
  parts: [
    {name: "source", side: 0, y: 352, plain: true, job: "The sentence goes in, cut into pieces."},
    {name: "embed", side: 0, y: 302, text: "embedding", job: "Each piece becomes a vector, which is a row of numbers. Its place is added."},
    {name: "encoder-attention", side: 0, y: 218, text: "attention", job: "Each word looks at all the others and takes over what matters to it."},
    {name: "encoder-ffn", side: 0, y: 156, text: "feed-forward", job: "Each word, on its own, works out what to make of what it gathered."},
    {name: "memory", side: 0, y: 94, text: "memory", job: "What the encoder hands over: one vector for each word, which knows its sentence."},
    {name: "target-embed", side: 1, y: 302, text: "embedding", job: "The words written so far go in, in the same way."},
    {name: "decoder-attention", side: 1, y: 218, text: "attention", job: "Each word written so far looks at those before it."},
    {name: "mask", side: 1, y: 218, mask: true, job: "The mask is a curtain: no word sees those that come after it."},
    {name: "cross", side: 1, y: 156, text: "cross-attention", job: "The translation looks at the sentence: what is to be said next?"},
    {name: "decoder-ffn", side: 1, y: 94, text: "feed-forward", job: "Each word, on its own, works out what to make of what it gathered."},
    {name: "output", side: 1, y: 30, text: "output layer", job: "The last vector is compared with all pieces; the likeliest is the next word."}
  ],
  high: 36,
  stream: "The stream: a word’s vector runs straight up, and each part only adds to it."
};
const partScene = name => player.shown.filter(s => s.id !== "machine" && (s.map || []).includes(name))
                            .sort((a, b) => a.map.length - b.map.length)[0];

/* Cuts a text into lines of at most this many pixels. */
const textPen = document.createElement("canvas").getContext("2d");
function wrapped(text, width, size, family = colours.sans) {
  textPen.font = `${size}px ${family}`;
  return text.split(" ").reduce((lines, word) => {
    const longer = lines.length ? lines[lines.length - 1] + " " + word : word;
    if (lines.length && textPen.measureText(longer).width <= width)
      lines[lines.length - 1] = longer;
    else
      lines.push(word);
    return lines;
  }, []);
}
function fitted(text, width, size) {
  textPen.font = `${size}px ${colours.sans}`;
  while (text.length > 4 && textPen.measureText(text).width > width) text = text.slice(0, -2).trimEnd() + "…";
  return text;
}

/* lit: names of parts; wide: room on each side for what the parts are for. show(part): pointed at, or null. */
function machinePicture({lit, wide = 0, show, width}) {
  const d = lesson.data || {}, m = d.model || {}, W = 320 + 2 * wide, H = 386;
  const x = side => wide + (side ? 178 : 36), stream = side => wide + (side ? 302 : 18);
  const count = [m.encoder_layers || 1, m.decoder_layers || 1];
  const words = side => lesson.words(side).map(w => w.text).join(" ");
  const read = fitted(words("source"), 120, 13), said = fitted(words("target"), wide ? 150 : 132, 13);
  const lines = [0, 1].map(side => {
    const at = stream(side), inward = side ? -1 : 1, edge = x(side) + (side ? 106 : 0);
    const boxes = machine.parts.filter(p => p.side === side && !p.plain && !p.mask && !/embed|memory|output/.test(p.name));
    const branch = p => {
      const low = p.y + machine.high - 9, up = p.y + 9;
      return svg("path.branch", {d: `M${at} ${low}H${edge}M${edge} ${up}H${at + 5 * inward}`});
    };
    return [
      svg("path.stream", {d: `M${edge} 320H${at}V${side ? 48 : 112}H${edge}M${x(side) + 53} 354V338`}), boxes.map(branch),
      boxes.map(p => svg("g.plus", svg("circle", {cx: at, cy: p.y + 9, r: 5.5}), svg("path", {d: `M${at - 3} ${p.y + 9}h6M${at} ${p.y + 6}v6`})))
    ];
  });
  const stack = side => {
    const y = side ? 84 : 146, h = 280 - y, left = x(side) - (side ? 10 : 26), more = Math.min(3, count[side] - 1);
    return [
      range(more).reverse().map(i => svg("rect.layer", {x: left + 4 * (i + 1) * (side ? 1 : -1), y: y - 5 * (i + 1), width: 142, height: h, rx: 9})),
      svg("rect.layer", {x: left, y, width: 142, height: h, rx: 9}),
      svg("text.times", {x: x(side) + 53, y: 273, "text-anchor": "middle"}, d.model ? plural(count[side], "layer") : "")
    ];
  };
  const box = p => {
    const scene = partScene(p.name), left = p.mask ? x(1) - 9 : x(p.side), width = p.mask ? 17 : 106;
    const words = p.plain ? read : p.text;
    const node = svg("g.part", {
      class: "part" + (lit.includes(p.name) ? " on" : "") + (p.plain ? " plain" : "") + (p.mask ? " veil" : ""),
      "data-part": p.name,
      tabindex: scene ? 0 : null,
      role: scene ? "link" : "img",
      "aria-label": `${p.name.replace(/-/g, " ").replace("ffn", "feed-forward")}: ${p.job}`
    },
      svg("rect", {x: p.plain ? left - 30 : left, y: p.mask ? p.y - 5 : p.y, width: p.plain ? 148 : width,
        height: p.plain ? 30 : machine.high + (p.mask ? 10 : 0), rx: p.mask ? 3 : 7}),
      p.mask ? svg("path", {d: range(3).map(i => `M${left + 4.5 + 4 * i} ${p.y - 2}v${machine.high + 4}`).join("")})
             : svg("text", {x: p.plain ? left + 42 : left + 53, y: p.y + (p.plain ? 19 : 22.5), "text-anchor": "middle"}, words),
      p.plain && svg("title", lesson.data && lesson.data.source ? lesson.data.source.text : ""));
    const go = () => scene && toScene(scene.id);
    node.addEventListener("click", go);
    node.addEventListener("keydown", e => e.key === "Enter" && go());
    for (const event of ["mouseenter", "focus"]) node.addEventListener(event, () => show && show(p));
    node.addEventListener("mouseleave", () => show && show(null));
    return node;
  };
  /* What each part is for, beside it, with a line to it. */
  const beside = p => {
    const at = p.side ? wide + 336 : wide - 16, size = 13.5, lines = wrapped(p.job, wide - 30, size);
    const y = p.mask ? p.y + 46 : p.y + (p.plain ? 15 : machine.high / 2) - (p.name === "decoder-attention" ? 9 : 0);
    const on = lit.includes(p.name);
    return svg("g", {class: "job" + (on ? " on" : "")},
      svg("text", {"text-anchor": p.side ? "start" : "end"},
        lines.map((t, i) => svg("tspan", {x: at, y: y + 4.5 + (i - (lines.length - 1) / 2) * 17}, t))));
  };
  return svg("svg.machine", {viewBox: `0 0 ${W} ${H}`, style: width ? `max-width:${width}px` : null, role: "group", "aria-label": "The machine: encoder on the left, decoder on the right"},
    svg("text.head", {x: x(0) + 53, y: 80, "text-anchor": "middle"}, "encoder"),
    svg("text.head", {x: x(1) - 10, y: 52, "text-anchor": "end"}, "decoder"),
    [0, 1].map(stack), lines,
    svg("path.over", {d: `M${x(0) + 106} 112C${x(0) + 128} 112 ${x(1) - 26} 174 ${x(1) - 2} 174`}),
    machine.parts.map(box),
    svg("path.stream", {d: `M${x(1) + 53} 30V21`}),
    svg("text.said", {x: x(1) + 53, y: 13, "text-anchor": "middle"}, said),
    svg("text.said.muted", {x: x(1) + 53, y: 371, "text-anchor": "middle"}, "written so far"),
    wide > 0 && machine.parts.map(beside));
}

function drawMap() {
  const host = document.getElementById("map"), s = sceneAt(), whole = s && s.id === "machine";
  document.getElementById("story").classList.toggle("whole", Boolean(whole));
  if (!s || whole) {
    host.replaceChildren();
    return;
  }
  const said = html("p.job", {"aria-live": "polite"});
  const parts = machine.parts.filter(p => (s.map || []).includes(p.name));
  const show = p => said.replaceChildren(p ? p.job : parts.length ? (parts.find(q => q.name === s.about) || parts[0]).job : "");
  show(null);
  const old = host.querySelector("details"), wide = matchMedia("(min-width: 62rem)").matches;
  const fold = html("details", {open: wide || Boolean(old && old.open)}, html("summary", "The machine"),
    machinePicture({lit: s.map || [], show}), said);
  host.replaceChildren(fold);
}
matchMedia("(min-width: 62rem)").addEventListener("change", () => drawMap());

scenes.push({
  id: "machine",
  title: "The machine",
  map: [],
  needs: d => d.model,
  steps: 3,
  caption(d, step) {
    const m = d.model, layers = n => plural(n, "layer");
    return [
      ["Two halves. The ", strong("encoder"), ` on the left reads the whole sentence, in ${layers(m.encoder_layers)}. Each layer lets the words look at each other.`],
      ["The ", strong("decoder"), " on the right writes the translation one piece after the other. It looks at the sentence, and at what it has written."],
      ["All that flows is vectors, ", strong(`${m.width} numbers for each piece`), ". A piece’s vector runs straight up along the blue line, the stream, and each part only adds to it. Touch a part to go there."]
    ][step];
  },
  draw(host, lesson, step) {
    const [W, H] = lesson.size(host), room = Math.min(300, (386 * W / H - 320) / 2), wide = room > 210 ? room : 0;
    const lit = step === 2 ? [] : machine.parts.filter(p => p.side === step).map(p => p.name);
    const said = html("p.job", {"aria-live": "polite"}, wide ? "" : machine.stream);
    const picture = machinePicture({lit, wide, width: wide ? W : Math.min(W, 420), show: wide ? null : p => p && said.replaceChildren(p.job)});
    if (step === 2) picture.classList.add("flow");
    host.append(picture);
    if (!wide) host.append(said, step === 0 && html("ul.jobs", machine.parts.map(p => html("li", strong(`${p.side ? "decoder" : "encoder"}, ${p.text || p.name}: `), p.job))) || "");
  }
});
