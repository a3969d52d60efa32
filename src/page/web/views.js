"use strict";
/* Every number of one translation: a function for each <div data-view="...">. They read one JSON object (format
 * nmt.inspect), which src/inspect/FORMAT.md describes.
 *
 * A vector of D numbers is a Float32Array; what is worked out here is in double precision. */

let data, model, attention; /* of the sentence now shown: lesson.data and its parts, or empty */

const isMark = token => /^<\/?[a-z]+>$/.test(token.text);
/* A token's name, the same everywhere: without its space; the two marks by what they mean. */
const plain = token => ({"<s>": "(start)", "</s>": "(end)"}[token.text] || token.text.trim() || "␣");
const tokenNames = side => (side ? side.tokens.map(plain) : []);
let sourceNames, targetNames, targetOr, saysNames;
/* Within the arithmetic: the word whose dot product is spelt out (null: the one with most weight), the number of a
 * vector that is, and which map is. */
const detail = {};
const names = (side, count) => range(count).map(i => (side[i] === undefined ? String(i) : side[i]));
/* A row of cross-attention is named by what the decoder is about to say there, as that is what it looks for. */
const rowNames = b => names(b.kind === "encoder" ? sourceNames
    : b.kind === "cross" && saysNames.length     ? saysNames
                                                 : targetOr,
  b.p.shape[1]);
const colNames = b => names(b.kind === "decoder" ? targetOr : sourceNames, b.p.shape[2]);
const kinds = {
  encoder: "encoder",
  decoder: "decoder",
  cross: "cross-attention"
};
const blockName = b => `${kinds[b.kind]} layer ${b.layer}`;
const headName = (b, head) => `${blockName(b)}, head ${head}`;

const state = lesson.choice, choose = change => lesson.choose(change);
const watchers = []; /* of the choice; empty again when another sentence is shown */
function readData() {
  data = lesson.data || {};
  model = data.model || {};
  attention = data.attention || [];
  sourceNames = tokenNames(data.source);
  targetNames = tokenNames(data.target);
  targetOr = targetNames.length ? targetNames : sourceNames;
  saysNames = (data.steps || []).map(s => plain(s.says));
  Object.assign(detail, {word: null, part: 0, map: 0});
  watchers.length = 0;
}
readData();
lesson.watch(what => {
  if (what === "data") readData();
  if (what === "choice") watchers.forEach(w => w());
});
/* Draws again whatever depends on the choice; focus stays where it was. */
function live(render) {
  const node = html("div");
  const update = () => {
    const held = node.contains(document.activeElement) && document.activeElement.getAttribute("data-key");
    node.replaceChildren(...present(render()));
    const next = held && node.querySelector(`[data-key="${held}"]`);
    if (next) next.focus({preventScroll: true});
  };
  watchers.push(update);
  update();
  return node;
}
function select(label, options, value, change, key) {
  return html("label", label,
    html("select", {"data-key": key, onchange: e => change(+e.target.value)},
      options.map((o, i) => html("option", {value: i, selected: i === value}, o))));
}
function chooser(key) {
  const b = attention[state.block];
  return html("div.controls",
    select("Block", attention.map(blockName), state.block, block => choose({block}), key + "-block"),
    select("Head", range(b.p.shape[0]).map(h => "head " + h), state.head, head => choose({head}), key + "-head"),
    select(b.kind === "encoder" ? "Source word" : "Target word", rowNames(b).map((n, i) => `${i} ${n}`), state.row,
      row => choose({row}), key + "-row"));
}
/* Chips to choose from, and what show(i) makes of the choice. groups: [{name, chips: [{text, small}]}] */
function picker(groups, show, first = 0) {
  const body = html("div"), buttons = [];
  const choose = i => {
    buttons.forEach((b, k) => b.setAttribute("aria-pressed", k === i));
    body.replaceChildren(...present(show(i)));
  };
  const rows = groups.map(g => [g.name && heading(g.name),
                            html("div.chips", {role: "group", "aria-label": g.name || "Choose"}, g.chips.map(c => {
                              const i = buttons.length;
                              const button = html("button.chip", {"aria-pressed": false, onclick: () => choose(i)},
                                html("span", c.text), c.small && html("small", c.small));
                              buttons.push(button);
                              return button;
                            }))]);
  choose(Math.max(0, first));
  return [rows, html("div", {style: "margin-top:1rem"}, body)];
}

/* The source token that the page opens on. */
const openWord = () => (data.chosen ? data.chosen.word : 0);

/* ---- views: {needs: what the data must have; without it the view is not there, nor the text about it; draw} ---- */

const views = {};
const clean = token => isMark(token)
  ? plain(token)
  : [token.text.startsWith(" ") && html("span.space", "␣"), token.text.replace(/^ /, "")];

views.tokens = {
  needs: () => data.source,
  draw() {
    const chips = side => html("ul.chips",
      side.tokens.map((t, i) => html("li",
                        {class: "chip" + (i > 0 && t.word >= 0 && t.word === side.tokens[i - 1].word ? " joined" : "")},
                        html("span", clean(t)), html("small", t.id))));
    const words = side => new Set(side.tokens.map(t => t.word).filter(w => w >= 0)).size;
    const count = side => `${plural(words(side), "word")}, ${plural(side.tokens.length, "piece")}`;
    return figure("Above each id its piece; pieces joined by a dashed line are one word.",
      heading("What the encoder reads: ", count(data.source)), chips(data.source),
      data.target && [heading("What the decoder reads: ", count(data.target)), chips(data.target)]);
  }
};

views.steps = {
  needs: () => data.steps && data.target,
  draw() {
    return figure("Choose a step: what the decoder has read so far, and its ten most probable next pieces. The " +
        "percentage on a step is what it gave to the piece that was taken.",
      picker([{name: "", chips: data.steps.map(s => ({text: plain(s.says), small: percent(s.says.p)}))}], i => {
        const step = data.steps[i], rest = Math.max(0, 1 - sum(step.candidates.map(c => c.p)));
        const others = model.vocab ? `all other ${thousands(model.vocab - step.candidates.length)}` : "all others";
        return [
          para(strong("Read so far: "), html("span.mono", data.target.tokens.slice(0, i + 1).map(t => t.text).join("")),
            " → ?"),
          bars([
            ...step.candidates.map(c => ({
              name: c.id === step.says.id ? strong(plain(c)) : plain(c),
              value: c.p,
              kind: c.id === step.says.id ? "" : "other"
            })),
            {name: others, value: rest, kind: "other"}
          ], 3)
        ];
      }));
  }
};

views.beam = {
  needs: () => data.beam && data.beam.some(position => position.filter(c => c.kept).length > 1),
  draw() {
    const W = 118, H = 44, nodes = [], wide = data.beam.length * W;
    const tall = Math.max(...data.beam.map(p => p.length)) * H;
    const at = (p, i) => [p * W, i * H];
    const draft = (p, i) => p < 0 || i < 0 || !data.beam[p][i]
      ? ""
      : draft(p - 1, data.beam[p][i].parent) + (isMark(data.beam[p][i]) ? " " : "") + data.beam[p][i].text;
    const fate = n => (n.best ? "part of the translation" : n.kept ? (n.finished ? "finished" : "kept") : "dropped");
    const looks = n => (n.best ? "best" : n.kept || n.finished ? "kept" : "dropped");
    const readout = html("output.readout");
    const edges = [];
    data.beam.forEach((candidates, p) => candidates.forEach((n, i) => {
      const [x, y] = at(p, i);
      if (p > 0 && n.parent >= 0) {
        const [px, py] = at(p - 1, n.parent), x0 = px + W - 26, x1 = x + 4;
        edges.push([
          looks(n), svg("path", {
            class: "edge " + looks(n),
            d: `M${x0} ${py + 20}C${x0 + 14} ${py + 20} ${x1 - 14} ${y + 20} ${x1} ${y + 20}`
          })
        ]);
      }
      nodes.push(svg("g", {
        class: "node " + looks(n),
        tabindex: n.best && p === 0 ? 0 : -1,
        "data-r": i,
        "data-c": p,
        role: "img",
        "aria-label": `${plain(n)}, ${short(n.log_probability, 2)}, ${fate(n)}`
      },
        svg("rect", {x: x + 4, y: y + 2, width: W - 30, height: 36}),
        svg("text", {x: x + W / 2 - 11, y: y + 17, "text-anchor": "middle"}, cut(plain(n), 12)),
        svg("text", {x: x + W / 2 - 11, y: y + 32, "text-anchor": "middle", style: "font-size:11px"},
          short(n.log_probability, 2))));
    }));
    const order = {dropped: 0, kept: 1, best: 2};
    const picture = svg("svg", {
      width: wide,
      height: tall,
      role: "group",
      "aria-label": "The beam. Arrow keys go from piece to piece.",
      style: "max-width:none"
    },
      edges.sort((a, b) => order[a[0]] - order[b[0]]).map(e => e[1]), nodes);
    roving(picture, ".node", n => {
      const p = +n.dataset.c, i = +n.dataset.r, c = data.beam[p][i];
      readout.replaceChildren(strong(draft(p, i).trim()), `: log-probability ${exact(c.log_probability)}, ${fate(c)}`);
    });
    const list = later("The beam as a table",
      () => table(["draft", "step", "log-probability", "fate"],
        data.beam.flatMap(
          (candidates, p) => candidates.map((n, i) => [draft(p, i), String(p + 1), n.log_probability, fate(n)]))));
    return [
      figure("One column for each step, best draft first. Filled: the translation. Solid outline: kept. " +
          "Dashed: dropped. Below each piece the sum of logarithms up to it: 0 is certain, −0.69 even " +
          "odds, −2.3 one in ten.",
        html("div.scroll", {style: "padding:3px"}, picture), readout, list),
      (data.hypotheses || []).length > 0 &&
        table(["draft", "log-probability", "score"], data.hypotheses.map(y => [
          y.finished === false ? y.text + " … (cut by the length limit)" : y.text, y.log_probability, y.score
        ]), {
          row: i => (i === 0 ? "chosen" : null),
          caption: "Drafts that came to their end, or to the length limit. The score makes short and long ones " +
            "comparable; the best is the translation."
        })
    ];
  }
};
const cut = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

/* Vectors of embedding: token i of a side, before and after scaling, its position, and the sum the model reads. */
function inputOf(side, i) {
  const table = tensor(data.embedding[side]), embedding = data.embedding;
  const places = data.positions && tensor(embedding[side + "_positions"] || embedding.source_positions);
  if (!table || i >= table.shape[0]) return null;
  const row = table.row(i), scaled = Array.from(row, x => x * data.embedding.scale), place = places && places.row(i);
  return {row, scaled, place, x: scaled.map((v, d) => v + (place ? place[d] : 0))};
}
const inputStrips = (v, key) => strips(
  [
    {name: "√D · embedding", values: v.scaled},
    ...(v.place ? [{name: "+ position", values: v.place}, {name: "= x", values: v.x}] : [])
  ],
  {key});
const sideChips = () => ["source", "target"].filter(s => data[s] && data.embedding[s]).map(s => ({
  side: s,
  name: s === "source" ? "Source" : "Target",
  chips: data[s].tokens.map((t, i) => ({text: (s === "source" ? sourceNames : targetNames)[i]}))
}));

views.embedding = {
  needs: () => data.embedding && data.source,
  draw() {
    const groups = sideChips(), all = groups.flatMap(g => g.chips.map((_, i) => [g.side, i]));
    return figure("Each strip is a vector, each cell one of its numbers: blue below 0, orange above. The strip of the position " +
        "is the same for every word in this place.",
      picker(groups, k => {
        const [side, i] = all[k], v = inputOf(side, i), name = (side === "source" ? sourceNames : targetNames)[i];
        return [
          inputStrips(v, "embedding"),
          para(`√D = ${short(data.embedding.scale)}. Lengths: √D · embedding of “${name}” `,
            number(length(v.scaled), 2),
            v.place && [", position ", number(length(v.place), 2), ", their sum ", number(length(v.x), 2)],
            ".")
        ].map(p => (p.tagName === "P" ? numbers(p) : p));
      }, openWord()));
  }
};

views.neighbours = {
  needs: () => data.neighbours && data.neighbours.length,
  draw() {
    const groups = ["source", "target"].map(side => ({
      name: side === "source" ? "Source" : "Target",
      list: data.neighbours.filter(n => n.side === side)
    })).filter(g => g.list.length);
    const all = groups.flatMap(g => g.list), kind = new Map(data.galaxy ? data.galaxy.words.map(w => [w.id, w.group]) : []);
    /* which of the neighbours are known to be of a kind: "acme, nova: companies; cherry: fruits" */
    const kindsOf = near => (data.galaxy ? data.galaxy.groups : []).map((name, g) => {
      const some = near.filter(n => kind.get(n.id) === g);
      return some.length ? [strong(name), ": ", some.map(plain).join(", "), ". "] : null;
    });
    return figure("The eight pieces of the vocabulary whose embeddings point most nearly the same way. A word with two meanings has " +
        "neighbours of both kinds.",
      picker(groups.map(g => ({name: g.name, chips: g.list.map(n => ({text: plain(n)}))})), k => [
        bars(all[k].near.map(n => ({name: plain(n), value: n.cosine, kind: n.cosine < 0 ? "two" : ""}))),
        html("p.small", {style: "margin:.6rem 0 0"}, kindsOf(all[k].near))
      ], data.source ? all.findIndex(n => n.side === "source" && n.id === data.source.tokens[openWord()].id) : 0));
  }
};

views.moved = {
  needs: () => data.embedding && data.positions && data.source,
  draw() {
    const places = tensor(data.embedding.source_positions), count = Math.min(places.shape[0], 16);
    return figure("How far what the model reads for this word here is from what it would read for it in another place, as part " +
        "of the largest of these distances. Without positions all would be 0: the same word would be the same vector everywhere.",
      picker([{name: "", chips: sourceNames.map(text => ({text}))}], i => {
        const far = range(count).map(p => length(places.row(i).map((x, d) => x - places.row(p)[d]))), most = Math.max(...far) || 1;
        return bars(far.map((x, p) => ({
          name: p === i ? `place ${p}: here` : `place ${p}`,
          value: x / most,
          kind: p === i ? "" : "other"
        })), 2);
      }, openWord()));
  }
};

views.positions = {
  needs: () => data.positions && data.positions.picture,
  draw() {
    const picture = tensor(data.positions.picture), dots = data.positions.dots && tensor(data.positions.dots);
    const [rows, cols] = picture.shape, max = picture.data.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-9);
    const learned = model.positions === "learned";
    return [
      figure(learned ? `The position vectors, learnt like the embeddings. One row for each of the first ${rows} places.`
                     : `The position vectors, one row for each of the first ${rows} places: sines and cosines, quick waves on the left, ` +
            "ever slower ones to the right (§3.5), like the hands of many clocks.",
        cells({
          key: "places",
          name: "Position vectors.",
          rows,
          cols,
          value: (r, c) => picture.row(r)[c],
          kind: "diverge",
          max,
          tall: 5,
          wide: 12,
          describe: (r, c) => [strong(`place ${r}, number ${c}`), ": ", exact(picture.row(r)[c])]
        }),
        legendDiverge(max)),
      dots &&
        figure("Places side by side have vectors that are much alike; far from each other, they are less so. So a head can find " +
            "“the word before” by its place alone. The line is the dot product of two position vectors, on average at each distance.",
          chart({
            name: "Dot product against distance.",
            series: [{name: "dot product", values: dots.data}],
            xName: "distance",
            yName: "dot product"
          }))
    ];
  }
};

/* Words on two sides and lines between them, as thick as the weight. */
function links(b, p) {
  const left = rowNames(b), right = colNames(b), H = left.length > 24 ? 20 : 27, W = 400, X0 = 135, X1 = 265,
        least = left.length > 24 ? 0.06 : 0.02;
  const tall = Math.max(left.length, right.length) * H + 22, Y = i => i * H + H / 2 + 22;
  const line = (i, j, extra) => svg(
    "line", {x1: X0, y1: Y(i), x2: X1, y2: Y(j), "stroke-width": 0.6 + 9 * p.row(i)[j], ...extra});
  const faint = svg("g", {opacity: 0.28}, left.map((_, i) => right.map((_, j) => p.row(i)[j] > least && line(i, j))));
  const bold = svg("g"), readout = html("output.readout");
  const word = (side, name, i) => svg("g", {
    role: "option",
    "data-c": side,
    "data-r": i,
    "data-key": `link-${side}-${i}`,
    tabindex: side === 0 && i === state.row ? 0 : -1,
    "aria-label": name
  },
    svg("rect", {x: side ? X1 + 4 : 4, y: Y(i) - H / 2 + 1, width: 127, height: H - 2}),
    svg("text",
      {x: side ? X1 + 13 : X0 - 13, y: Y(i) + 4.5, "text-anchor": side ? "start" : "end", style: "font-size:14px"},
      cut(name, 14)));
  const picture = svg("svg.links", {
    viewBox: `0 0 ${W} ${tall}`,
    width: W,
    role: "group",
    "aria-label": "Words and lines. Up and down go from word to word, left and right to the other side, Enter " +
      "chooses."
  },
    faint, bold, svg("text.muted", {x: X0 - 13, y: 12, "text-anchor": "end"}, "looks"),
    svg("text.muted", {x: X1 + 13, y: 12}, "is looked at"),
    svg("g", {role: "listbox", "aria-label": "words that look"}, left.map((n, i) => word(0, n, i))),
    svg("g", {role: "listbox", "aria-label": "words that are looked at"}, right.map((n, j) => word(1, n, j))));
  const top = (values, list) => values.map((v, i) => [v, list[i]])
                                  .sort((a, c) => c[0] - a[0])
                                  .slice(0, 3)
                                  .filter(a => a[0] > 0.005)
                                  .map(([v, n]) => `${n} ${v.toFixed(2)}`)
                                  .join(", ");
  function show(side, i) {
    const into = left.map((_, r) => p.row(r)[i]);
    bold.replaceChildren(...(side
        ? into.map((v, r) => v > 0.004 && line(r, i, {class: "in"}))
        : [...p.row(i)].map((v, j) => v > 0.004 &&
              line(i, j))).filter(Boolean));
    for (const n of picture.querySelectorAll("g[role=option]"))
      n.setAttribute("aria-selected", +n.dataset.c === side && +n.dataset.r === i);
    readout.replaceChildren(strong((side ? right : left)[i]),
      side ? ` is looked at most by ${top(into, left)}; all its weights together: ${sum(into).toFixed(2)}`
           : ` looks most at ${top([...p.row(i)], right)}`);
  }
  roving(picture, "g[role=option]", n => show(+n.dataset.c, +n.dataset.r),
    n => n.dataset.c === "0" && choose({row: +n.dataset.r}));
  picture.addEventListener("mouseleave", () => show(0, state.row));
  show(0, state.row);
  return html("div", picture, readout);
}

/* What a head does: its habit in all rows, if it has one; and its strongest look at another word. */
const lookOf = (b, info) => info && info.looks && `${rowNames(b)[info.looks.row]} → ${colNames(b)[info.looks.column]} ${percent(info.looks.p)}`;

views.head = {
  needs: () => attention.length,
  draw: () => live(() => {
    const b = attention[state.block], p = tensor(b.p), info = (b.heads || [])[state.head], rows = rowNames(b),
          cols = colNames(b);
    const weights = {row: i => p.row(state.head, i)};
    const masked = b.kind === "decoder" && !without("mask");
    return [
      chooser("head"),
      data.model && data.chosen && data.chosen.block === state.block && data.chosen.head === state.head && para(data.chosen.why.replace(/"([^"]*)"/g, "“$1”").replace(/%/g, " %")),
      info &&
        para(strong(headName(b, state.head)), info.does ? [": it ", info.does.replace(/, (\d+)%/, " with $1 % of its weight")] : "",
          lookOf(b, info) ? [info.does ? "; its" : ": its", " strongest look at another word is ", strong(lookOf(b, info))] : "",
          ". On average it looks as widely as at ", short(2 ** info.entropy, 1), " words equally."),
      html("div.columns",
        figure("Each row is a word that looks, and adds up to 1; the framed one is chosen. Click a row, or " +
            "press Enter, to choose another." +
            (masked                  ? " Rows are words read so far. Outlined cells are masked: they lie ahead."
                : b.kind === "cross" ? " Rows are the words that are said: each looks at the source just before it is said."
                                     : ""),
          cells({
            key: "map",
            name: headName(b, state.head) + ", weights.",
            rowNames: rows,
            colNames: cols,
            value: (r, c) => weights.row(r)[c],
            pick: r => choose({row: r}),
            chosen: state.row,
            masked: masked ? (r, c) => c > r : null,
            describe: (r, c) => [strong(`${rows[r]} → ${cols[c]}`), ": ", exact(weights.row(r)[c])]
          }),
          legendHeat("weight")),
        figure("The same as lines, the thicker the more weight. Point at a word on the left to see where it " +
            "looks, on the right to see which words look at it (dashed).",
          links(b, weights)))
    ];
  })
};

views.heads = {
  needs: () => attention.length,
  draw: () => {
    const buttons = [];
    const mark = () => buttons.forEach(
      ([node, b, head]) => node.setAttribute("aria-pressed", b === state.block && head === state.head));
    const node = attention.map(
      (b, block) => html("div", heading(blockName(b)), html("div.heads", range(b.p.shape[0]).map(head => {
        const info = (b.heads || [])[head] || {label: ""}, canvas = html("canvas", {"aria-hidden": true});
        canvas.width = b.p.shape[2];
        canvas.height = b.p.shape[1];
        const button = html("button", {
          "aria-pressed": false,
          onclick: () => {
            choose({block, head});
            goTo("attention");
          }
        },
          canvas, strong("head " + head),
          html("span", info.label ? `${info.label} ${percent(info.share)}` : lookOf(b, info) || ""),
          html("span.muted", short(info.entropy, 1), " bits"));
        buttons.push([button, block, head]);
        return lazy(button, () => {
          const p = tensor(b.p).row(head), pen = canvas.getContext("2d"),
                image = pen.createImageData(canvas.width, canvas.height);
          p.forEach((v, i) => image.data.set([...shade("heat", v, 1), 255], 4 * i));
          pen.putImageData(image, 0, 0);
        });
      }))));
    watchers.push(mark);
    mark();
    return html("div.blocks", node);
  }
};

/* Whether the model was run without a part (src/model/knockout.h), and whether that was this head. */
const without = name => (data.knocked || []).includes(name);
const muted = (b, head) => without(`heads:${b.kind}.${b.layer}.${head}`) ||
  (data.knocked || []).some(name => name.startsWith("only:") && +name.slice(5) !== head);

/* All that one head computes for one row, in double precision from the model's q, k and v; or null. */
function compute(block, head, row) {
  const b = attention[block], q = tensor(b.q), k = tensor(b.k), v = tensor(b.v);
  if (!q || !k || !v) return null;
  const width = q.shape[1] / b.p.shape[0], part = vector => vector.subarray(head * width, (head + 1) * width);
  const keys = range(k.shape[0]).map(j => part(k.row(j))), values = range(v.shape[0]).map(j => part(v.row(j)));
  const query = part(q.row(row)), root = without("root") ? 1 : Math.sqrt(width);
  const hidden = keys.map((_, j) => b.kind === "decoder" && !without("mask") && j > row);
  const raw = keys.map(key => dot(query, key)), scores = raw.map((s, j) => (hidden[j] ? -Infinity : s / root));
  const soft = softmax(scores);
  return {
    b,
    head,
    row,
    width,
    root,
    query,
    keys,
    values,
    hidden,
    raw,
    scores,
    ...soft,
    model: tensor(b.p).row(head, row),
    out: range(width).map(c => (muted(b, head) ? 0 : sum(values.map((value, j) => soft.weights[j] * value[c])))),
    rows: rowNames(b),
    cols: colNames(b)
  };
}
const withVectors = () => attention.map((b, i) => (b.q && b.k && b.v ? i : -1)).filter(i => i >= 0);
function leftOutHere() {
  return html("div.note", "To keep the page small, this can be worked out only for ", withVectors().map((i, n) => [n ? ", " : "",
    html("button", {onclick: () => choose({block: i})}, blockName(attention[i]))]), ".");
}
const gap = (mine, theirs) => Math.max(...[...theirs].map((t, i) => Math.abs(t - mine[i])));
/* Notes how far what was worked out here is from what the model found; one line at the end tells all. */
const check = (c, mine, theirs, what) => {
  c.checks.push([gap(mine, theirs), what]);
};
function allChecked(c) {
  const wrong = c.checks.filter(([far]) => !(far < 1e-4)), most = Math.max(...c.checks.map(([far]) => far));
  if (!c.checks.length) return null;
  return html("p.checked", html("span", {class: wrong.length ? "off" : "ok"}, wrong.length ? "≠ " : "✓ "),
    wrong.length ? `Worked out here, this differs from what the model found: ${wrong.map(w => w[1]).join(", ")}.`
                 : `All of this was worked out on this page, and agrees with what the model found: ${c.checks.map(k => k[1]).join(", ")}. ` +
        `The largest difference is ${most === 0 ? "0" : minus(most.toExponential(1))}.`);
}
/* a·b + a·b + ... = sum, in full or the first and the last few; rest: one more summand, named. */
function terms(a, b, total, {most = 12, rest} = {}) {
  const shown = a.length <= most ? range(a.length) : [...range(most - 2), -1, a.length - 1];
  const left = a.length - most + 1, signed = (x, n) => (n && x < 0 ? ["(", number(x, 3), ")"] : number(x, 3));
  return numbers(html("p.terms",
    shown.map((i, n) => [n ? " + " : "", i < 0 ? `… (${left} more) …` : [signed(a[i], n), "·", signed(b[i], 1)]]),
    rest !== undefined && [" + ", number(rest, 3)], " = ", strong(number(total))));
}
const step = (no, title, ...content) => html("div.step", html("h3", html("span.no", no), " ", title), content);
const formula = markup => {
  const p = html("p.formula");
  p.innerHTML = markup;
  return p;
};
/* Vectors side by side: a table of numbers when they are few, cells otherwise. */
function vectors(rowLabels, rows, name, key) {
  const width = rows[0].length, max = Math.max(1e-9, ...rows.flatMap(r => [...r].map(Math.abs)));
  if (width > 8)
    return [
      cells({
        key,
        name,
        rowNames: rowLabels,
        rows: rows.length,
        cols: width,
        value: (r, c) => rows[r][c],
        kind: "diverge",
        max,
        tall: 20,
        wide: 40,
        wrap: true
      }),
      legendDiverge(max)
    ];
  return table(["", ...range(width)], rows.map((r, i) => [rowLabels[i], ...r]));
}

/* Layer norm, §3.1: mean 0, variance 1, then the learnt scale and shift. */
function normed(x, weight, bias) {
  const mean = sum([...x]) / x.length, variance = sum([...x].map(v => (v - mean) ** 2)) / x.length;
  return Array.from(x, (v, d) => (v - mean) / Math.sqrt(variance + 1e-5) * weight[d] + bias[d]);
}
const maps = ["q", "k", "v"];
const chooseDetail = change => {
  Object.assign(detail, change);
  choose({});
};
const detailSelect = (what, options, value, label, key) => select(
  label, options, value, i => chooseDetail({[what]: i}), key);

views.arithmetic = {
  needs: () => attention.length && withVectors().length,
  draw: () => live(() => {
    const c = compute(state.block, state.head, state.row);
    if (!c) return [chooser("sum"), leftOutHere()];
    const a = data.arithmetic;
    c.name = c.rows[state.row];
    c.full = a && a.block === state.block;
    c.own = key => (c.full && a[key] ? tensor(a[key]) : key === "x" && c.b.x ? tensor(c.b.x) : null);
    c.spelt = Math.min(detail.word ?? c.weights.indexOf(Math.max(...c.weights)), c.keys.length - 1);
    detail.part = Math.min(detail.part, c.width - 1);
    c.other = c.cols[c.spelt];
    c.checks = [];
    return [
      chooser("sum"), copyBox(() => asText(c)), comesIn(c), projections(c), dotProducts(c), weights(c), mixture(c),
      together(c), allChecked(c)
    ];
  })
};

function comesIn(c) {
  const side = c.b.kind === "encoder" || !data.target ? "source" : "target";
  const input = data.embedding && inputOf(side, c.row), first = c.b.layer === 0 && c.b.kind !== "cross";
  const x = c.own("x") && c.own("x").row(c.row), norm = first && input && c.own("norm_weight");
  const content = [];
  if (c.b.kind === "cross" && data.target)
    content.push(para(`The decoder has just read “${targetNames[c.row]}” and is about to say the next piece.`));
  if (input) {
    content.push(para(`Row ${data[side].tokens[c.row].id} of the table, times ${short(data.embedding.scale)}${input.place ? `, plus the vector of place ${c.row}` : ""}.`));
    content.push(figure(null, inputStrips(input, "sum-in")));
    content.push(para(first ? "This is the first block, so that is what comes in."
                            : "The blocks before this one have added to that vector, and what comes in is the sum."));
  }
  if (x) {
    content.push(para(model.norm === "pre" ? "Layer norm (§3.1, here before each block) brings it to mean 0 and " +
          "variance 1, then scales and shifts each number by what was learnt. The head reads:"
                                           : "The head reads:"));
    content.push(figure(null, vectors(["x"], [x], "What the head reads.", "sum-x")));
    if (norm) check(c, normed(input.x, norm.data, c.own("norm_bias").data), x, "what the head reads");
  }
  return step(1, `The vector of “${c.name}”`, content);
}

function projections(c) {
  const one = letter => `<var>${letter}</var> = <var>W<sub>${letter}</sub>x</var> + <var>b<sub>${letter}</sub></var>`;
  const letter = maps[detail.map], found = [c.query, c.keys[c.spelt], c.values[c.spelt]][detail.map];
  const content = [
    formula(maps.map(one).join(" &emsp; ")),
    para(
      `The query says what “${c.name}” looks for, the key of each word what it has to show, the value what it hands ` +
        `over. They are ${c.width} numbers each, this head’s share.`,
      c.b.kind === "cross" && " The query comes from the target, keys and values from the encoder’s output."),
    figure(null, heading(`q of “${c.name}”`), vectors([c.name], [c.query], "The query.", "sum-q"),
      html("div.columns", html("div", heading("k of each word"), vectors(c.cols, c.keys, "The keys.", "sum-k")),
        html("div", heading("v of each word"), vectors(c.cols, c.values, "The values.", "sum-v"))))
  ];
  if (c.full && data.arithmetic.head === state.head) {
    const W = c.own("w" + letter), b = c.own("b" + letter);
    const read = detail.map === 0 ? c.own("x").row(c.row) : (c.own("memory") || c.own("x")).row(c.spelt);
    const bias = i => (b ? b.data[i] : 0), redo = i => dot(W.row(i), read) + bias(i);
    content.push(html("div.controls",
      detailSelect("map", ["q of " + c.name, "k of " + c.other, "v of " + c.other], detail.map, "Spell out", "sum-map"),
      detailSelect("part", range(c.width), detail.part, "number", "sum-part"),
      detailSelect("word", c.cols.map((n, j) => `${j} ${n}`), c.spelt, "other word", "sum-word")));
    content.push(html("p.small", `Number ${detail.part} of ${letter}: row ${detail.part} of W`, html("sub", letter),
      " times x, plus the bias:"));
    content.push(terms(W.row(detail.part), read, redo(detail.part), {rest: bias(detail.part)}));
    check(c, range(c.width).map(redo), found, letter);
  }
  return step(2, "Query, key and value", content);
}

const fraction = (above, below) => `<span class="frac"><span>${above}</span><span>${below}</span></span>`;

function dotProducts(c) {
  const word = j => html("button.link",
    {"data-key": "score-" + j, "aria-pressed": j === c.spelt, onclick: () => chooseDetail({word: j})}, c.cols[j]);
  return step(3, "Dot products",
    formula(`score<sub><var>j</var></sub> = ${
      fraction(
        "<var>q</var> · <var>k<sub>j</sub></var>", "√<span class='root'><var>K</var></span>")} &emsp; <var>K</var> = ${
      c.width}, √<var>K</var> = ${short(Math.sqrt(c.width))}${without("root") ? ", which is switched off" : ""}`),
    para("The dot product is large when query and key point the same way. Choose a word to see it term by term."),
    table(["word", "q · k", "÷ √K", ""],
      c.raw.map((raw, j) => [word(j), raw, raw / c.root, c.hidden[j] ? "lies ahead: masked, −∞" : ""]),
      {attributes: {id: "scores"}, row: j => (j === c.spelt ? "chosen" : null)}),
    html("p.small", {style: "margin-top:.8rem"}, `q of “${c.name}” · k of “${c.other}”:`),
    terms(c.query, c.keys[c.spelt], c.raw[c.spelt], {most: 24}));
}

function weights(c) {
  /* e to the score itself, as long as that is a number; else all scores are lowered alike */
  const lowered = c.top > 80 ? c.top : 0, powers = c.scores.map(x => Math.exp(x - lowered));
  check(c, c.weights, c.model, "the weights");
  return step(4, "Softmax: scores become weights",
    formula(`weight<sub><var>j</var></sub> = ${fraction(`e<sup>score<sub><var>j</var></sub></sup>`, "sum of all these")}`),
    para("e is 2.718…; a power of it is never below 0, and grows fast with the score. Divided by their sum, the powers add up to 1.",
      lowered > 0 && ` Here all scores were first lowered by ${short(lowered)}: that changes no weight, and keeps the powers from growing too large.`),
    table(["word", "score", "power", "weight", "model"],
      c.scores.map((s, j) => [c.cols[j], s, powers[j], c.weights[j], c.model[j]]),
      {attributes: {id: "weights"}, row: j => (j === c.spelt ? "chosen" : null), foot: ["sum", "", sum(powers), sum(c.weights), sum([...c.model])]}));
}

function mixture(c) {
  const own = c.own("joined"), column = c.values.map(v => v[detail.part]);
  return step(5, "The weighted sum of the values",
    formula("out = Σ<sub><var>j</var></sub> weight<sub><var>j</var></sub> · <var>v<sub>j</sub></var>"),
    figure(null,
      vectors([...c.cols.map((n, j) => `${short(c.weights[j], 2)} · ${n}`), "= out"],
        [...c.values.map((v, j) => Array.from(v, x => x * c.weights[j])), c.out], "Weighted values, their sum.",
        "sum-out")),
    html("div.controls", detailSelect("part", range(c.width), detail.part, "Spell out number", "sum-part-out")),
    html("p.small", `Number ${detail.part} of out:`), terms(c.weights, column, c.out[detail.part], {most: 24}),
    own && check(c, c.out, own.row(c.row).subarray(c.head * c.width, (c.head + 1) * c.width), "the weighted sum"));
}

function together(c) {
  const row = array => array && array.row(c.row), joined = row(c.own("joined")), projected = row(c.own("projected"));
  const wo = c.own("wo"), bo = c.own("bo"), content = [
    formula("MultiHead = <var>W<sub>o</sub></var> [out<sub>0</sub>, out<sub>1</sub>, …] + <var>b<sub>o</sub></var>")
  ];
  if (joined) {
    content.push(para(`The outs of all ${c.b.p.shape[0]} heads are put one after the other: numbers ` +
      `${c.head * c.width} to ${
        (c.head + 1) * c.width - 1} are this head’s. One more matrix mixes them; the result is ` +
      "added to the word’s vector (§3.2.2)."));
    content.push(figure(null,
      vectors(["side by side", ...(projected ? ["projected"] : [])], [joined, ...(projected ? [projected] : [])],
        "Heads side by side.", "sum-joined")));
  } else
    return null;
  if (joined && projected && wo) {
    const redo = i => dot(wo.row(i), joined) + (bo ? bo.data[i] : 0);
    content.push(html("p.small", "Number 0 of the result:"));
    content.push(terms(wo.row(0), joined, redo(0), {rest: bo ? bo.data[0] : 0}));
    check(c, range(wo.shape[0]).map(redo), projected, "the result");
  }
  return step(6, "The heads side by side, and projected", content);
}

/* The whole calculation with all digits, to be redone elsewhere. */
function asText(c) {
  const digits = x => (Number.isFinite(x) ? String(Number(x.toPrecision(9))) : "-inf");
  const list = v => "[" + Array.from(v, digits).join(", ") + "]";
  const own = (name, key) => (c.own(key) ? [`${name} = ${list(c.own(key).row(c.row))}`] : []);
  return [
    `${headName(c.b, c.head)}, row ${c.row}: ${c.name}`, `K = ${c.width}, sqrt(K) = ${c.root}`, ...own("x", "x"),
    `q = ${list(c.query)}`, "", ...c.cols.map((n, j) => `k[${j}] ${n} = ${list(c.keys[j])}`), "",
    ...c.cols.map((n, j) => `v[${j}] ${n} = ${list(c.values[j])}`), "", `q.k = ${list(c.raw)}`,
    `score = q.k / sqrt(K)${c.hidden.includes(true) ? ", masked" : ""} = ${list(c.scores)}`,
    `exp(score - ${c.top}) = ${list(c.exps)}`, `sum = ${c.total}`, `weight = ${list(c.weights)}`,
    `the model's own = ${list(c.model)}`, `out = sum of weight[j] v[j] = ${list(c.out)}`,
    ...own("heads side by side", "joined"), ...own("projected", "projected"), ""
  ].join("\n");
}
function copyBox(text) {
  const said = html("output.small.muted"),
        area = html("textarea", {readonly: true, "aria-label": "The arithmetic as text", spellcheck: false});
  const details = html("details", html("summary", "Show it as text"), area);
  details.addEventListener("toggle", () => { area.value = text(); });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      said.textContent = "Copied.";
    } catch (e) {
      details.open = true;
      area.value = text();
      area.focus();
      area.select();
      said.textContent = document.execCommand("copy") ? "Copied." : "Selected: copy it with Ctrl+C.";
    }
  };
  return html("div",
    html("div.controls", {style: "align-items:center;margin:0"},
      html("button", {id: "copy", onclick: copy}, "Copy as text"), said),
    details);
}

views.chooser = {
  needs: () => withVectors().length,
  draw: () => live(() => chooser("mask"))
};

let divisor = null; /* what the reader divides by; null: the root of the width */
views.scaling = {
  needs: () => withVectors().length,
  draw: () => live(() => {
    const c = compute(state.block, state.head, state.row);
    if (!c) return leftOutHere();
    const slider = html("input", {type: "range", id: "divisor", min: 0, max: 100, step: 1, "data-key": "divisor"});
    /* The slider goes from 1/4 of the root to 4 times its square, evenly in logarithms. */
    const low = Math.log(c.root / 4), high = Math.log(c.width * 4),
          toValue = t => Math.exp(low + (high - low) * t / 100);
    const out = html("output.big"), body = html("div");
    const visible = c.raw.map((s, j) => (c.hidden[j] ? null : s)).filter(s => s !== null);
    const spread = list => {
      const m = sum(list) / list.length;
      return Math.sqrt(sum(list.map(x => (x - m) ** 2)) / list.length);
    };
    function draw() {
      const by = divisor === null ? c.root : divisor;
      const set = d => softmax(c.raw.map((s, j) => (c.hidden[j] ? -Infinity : s / d))).weights;
      const [plainly, scaled, mine] = [set(1), c.weights, set(by)];
      const panel = (title, w, kind) => html("div", heading(title),
        bars(w.map((x, j) => ({name: c.cols[j], value: x, kind, none: c.hidden[j] && "masked"})), 3),
        para("entropy ", strong(`${entropy(w).toFixed(2)} bits`), `, largest ${short(Math.max(...w), 3)}`));
      out.textContent = short(by, 2);
      body.replaceChildren(html("div.columns.narrow", panel("not divided", plainly, "two"),
        panel(`divided by √K = ${short(c.root, 2)}: the model`, scaled, ""),
        panel(`divided by ${short(by, 2)}: yours`, mine, "other")));
    }
    slider.value = divisor === null ? 100 * (Math.log(c.root) - low) / (high - low)
                                    : 100 * (Math.log(divisor) - low) / (high - low);
    slider.addEventListener("input", () => {
      divisor = toValue(+slider.value);
      draw();
    });
    draw();
    return figure(
      [`Weights of “${c.rows[state.row]}”. Its dot products spread by ${
         short(spread(visible), 2)} (standard deviation), after division by ${
         short(spread(visible) / c.root,
           2)}. A trained model has learnt its queries and keys for its own divisor; with another it would have ` +
        "learnt others."],
      html("div.controls", html("label", "Divide by", slider), out,
        html("button", {
          onclick: () => {
            divisor = null;
            choose({});
          }
        },
          "back to √K")),
      body);
  })
};

views.masking = {
  needs: () => withVectors().length,
  draw: () => live(() => {
    /* The decoder's own attention, which has the mask; where there is none, what a mask would do in the chosen block. */
    const decoder = attention.findIndex(x => x.kind === "decoder" && x.q), here = attention[state.block].kind === "decoder";
    const block = here || decoder < 0 ? state.block : decoder, b = attention[block];
    const rowShown = block === state.block ? state.row : Math.floor(b.p.shape[1] / 2);
    const c = compute(block, state.head, rowShown);
    if (!c) return leftOutHere();
    const hint = b.kind !== "decoder" && para("There is no decoder here. Shown is what the mask would do in this block.");
    const matrix = causal => range(c.rows.length).map(i => {
      const q = tensor(b.q).row(i).subarray(state.head * c.width, (state.head + 1) * c.width);
      return softmax(c.keys.map((k, j) => (causal && j > i ? -Infinity : dot(q, k) / c.root))).weights;
    });
    const [open, causal] = [matrix(false), matrix(true)];
    const map = (w, key, hides) => cells({
      key,
      name: "Weights " + (hides ? "with" : "without") + " mask.",
      rowNames: c.rows,
      colNames: c.cols,
      value: (r, k) => w[r][k],
      chosen: rowShown,
      pick: r => choose({block, row: r}),
      masked: hides ? (r, k) => k > r : null,
      wide: 36,
      describe: (r, k) => [strong(`${c.rows[r]} → ${c.cols[k]}`), ": ", exact(w[r][k])]
    });
    const row = (w, hides) => [bars(w.map((x, j) => ({
      name: c.cols[j],
      value: x,
      kind: hides       ? ""
        : j > rowShown ? "two"
                        : "other",
      none: hides && j > rowShown && "masked"
    })),
                                 3),
      para("entropy ", strong(`${entropy(w).toFixed(2)} bits`))];
    return [
      hint,
      figure(`Above all rows of ${headName(b, state.head)}, below the row of “${
               c.rows[rowShown]}”. Orange is weight that would go to ` +
          "words that are not yet written. With the mask, the others share it.",
        html("div.columns",
          html("div", heading("without mask"), map(open, "mask-open", false), row(open[rowShown], false)),
          html("div", heading("with mask" + (b.kind === "decoder" && !without("mask") ? ": the model" : "")), map(causal, "mask-on", true),
            row(causal[rowShown], true))),
        legendHeat("weight"))
    ];
  })
};

/* A square plane with the same unit on both axes; draws go through X and Y. Labels look for a place that is free. */
function plane(points, {W, H, name, pad = W < 480 ? 18 : 34, scale: given}) {
  const xs = points.map(p => p[0]), ys = points.map(p => p[1]);
  const x0 = Math.min(...xs), x1 = Math.max(...xs), y0 = Math.min(...ys), y1 = Math.max(...ys);
  const wide = (W - 2 * pad - 30) / (x1 - x0 || 1);
  H = H || Math.round(Math.max(200, Math.min(0.75 * W, (y1 - y0) * wide + 2 * pad + 40)));
  const scale = given || Math.min(wide, (H - 2 * pad) / (y1 - y0 || 1));
  const X = x => W / 2 + (x - (x0 + x1) / 2) * scale, Y = y => H / 2 - (y - (y0 + y1) / 2) * scale, taken = [];
  function label(text, x, y, attributes) {
    const w = text.length * 7 + 4, tries = [
      [8, 4, "start"], [-8, 4, "end"], [0, -9, "middle"], [0, 17, "middle"], [8, 18, "start"], [8, -9, "start"],
      [-8, 18, "end"], [-8, -9, "end"], [14, 30, "start"], [-14, 30, "end"], [14, -22, "start"], [-14, -22, "end"],
      [14, 44, "start"], [-14, -36, "end"]
    ];
    const box = ([dx, dy, anchor]) => {
      const l = x + dx - (anchor === "end" ? w : anchor === "middle" ? w / 2 : 0);
      return [l, y + dy - 11, l + w, y + dy + 3];
    };
    const clash = t => {
      const b = box(t);
      return b[0] < 0 || b[2] > W || b[1] < 0 || b[3] > H ||
        taken.some(o => b[0] < o[2] && b[2] > o[0] && b[1] < o[3] && b[3] > o[1]);
    };
    const at = tries.find(t => !clash(t)) || tries[0];
    taken.push(box(at));
    return svg("text.halo", {x: x + at[0], y: y + at[1], "text-anchor": at[2], ...attributes}, text);
  }
  const dotAt = (x, y) => taken.push([x - 5, y - 5, x + 5, y + 5]);
  const node = svg("svg.plot", {viewBox: `0 0 ${W} ${H}`, width: W, role: "img", "aria-label": name});
  return {node, X, Y, H, scale, label, dotAt};
}
/* The two groups that a word is followed between, or two others: colours and shapes that mean the same everywhere. */
const groupColours = {fruits: "var(--fruit)", companies: "var(--company)"};
const groupColour = (name, k) => groupColours[name] || (k ? "var(--series-3)" : "var(--series-2)");
const marker = (k, x, y, colour) => svg("g", {style: `color:${colour}`},
  k === 1     ? svg("rect", {x: x - 4.5, y: y - 4.5, width: 9, height: 9, fill: "currentColor"})
    : k === 2 ? svg("path", {d: `M${x} ${y - 6}L${x + 6} ${y + 5}H${x - 6}Z`, fill: "currentColor"})
    : k === 3 ? svg("path", {d: `M${x} ${y - 7}L${x + 7} ${y}L${x} ${y + 7}L${x - 7} ${y}Z`, fill: "currentColor"})
              : svg("circle", {cx: x, cy: y, r: 5, fill: "currentColor"}));
const key = (k, colour, text) => html(
  "li", svg("svg.swatch", {viewBox: "0 0 16 16", "aria-hidden": true}, marker(k, 8, 8, colour)), text);
/* "fruits" as one of them, for a sentence: a rule for plain plurals, else the name as it is. */
const one = name => name.replace(/ies$/, "y").replace(/([^s])s$/, "$1");

views.context = {
  needs: () => data.context,
  draw() {
    const c = data.context, last = c.layers - 1, groups = c.groups.map(g => g.name);
    const colour = name => groupColour(name, groups.indexOf(name));
    const layerName = l => (l === 0 ? "as it enters" : l === 1 ? "after one layer" : `after ${l} layers`);
    const body = html("div", {style: "min-height:13rem"}), said = html("output.big");
    const slider = html("input", {
      type: "range",
      min: 0,
      max: last,
      step: 1,
      value: last,
      "aria-label": "Layer",
      oninput: () => draw(body.clientWidth)
    });
    const mains = c.paths.filter(p => p.role !== "reference");
    function draw(width) {
      const layer = +slider.value, W = Math.min(700, width);
      said.textContent = layerName(layer);
      slider.setAttribute("aria-valuetext", layerName(layer));
      /* across the line the points are pressed together where they would take too much room */
      const all = c.paths.flatMap(p => p.xy), most = Math.max(1.3, ...all.map(p => Math.abs(p[0]))), ys = all.map(p => p[1]);
      const press = Math.min(1, 1.2 * most / (Math.max(...ys) - Math.min(...ys) || 1)), points = all.map(([x, y]) => [x, y * press]);
      const f = plane([...points, [-most, 0], [most, 0]],
        {W, name: `Where the words are ${layerName(layer)}; the table below has the numbers.`});
      const put = (...nodes) => f.node.append(...nodes);
      const middle = f.X(0), end = f.H - 6, Y = y => f.Y(y * press);
      /* the two sides of the line, each in its group's colour */
      groups.forEach((g, k) => put(
        svg("rect", {x: k ? middle : 0, y: 0, width: k ? W - middle : middle, height: f.H, opacity: 0.07, fill: colour(g)}),
        svg("text", {x: k ? W - 8 : 8, y: 16, "text-anchor": k ? "end" : "start", style: `fill:${colour(g)};font-weight:600`},
          k ? `${g} →` : `← ${g}`)));
      put(svg("line.axis", {x1: middle, x2: middle, y1: 0, y2: f.H, "stroke-dasharray": "2 4"}),
        [-1, 1].map(x => [
          svg("line.axis", {x1: f.X(x), x2: f.X(x), y1: end - 8, y2: end}),
          svg("text.muted", {x: f.X(x), y: end - 12, "text-anchor": "middle"}, c.own ? `plain ${one(groups[x > 0 ? 1 : 0])} sentences` : `the ${groups[x > 0 ? 1 : 0]}’ middle`)
        ]));
      const order = {reference: 0, compare: 1, this: 2}, paths = [...c.paths].sort((a, b) => order[a.role] - order[b.role]);
      for (const p of paths) {
        const main = p.role !== "reference", at = p.xy.slice(0, layer + 1);
        put(svg("polyline", {
          "data-path": p.role,
          points: at.map(([x, y]) => f.X(x) + "," + Y(y)).join(" "),
          fill: "none",
          stroke: main ? "var(--ink)" : colour(p.group),
          "stroke-width": main ? 3 : 1,
          opacity: main ? 1 : 0.5,
          "stroke-dasharray": p.role === "compare" ? "7 4" : null
        }));
        if (main) at.slice(0, -1).forEach(([x, y]) => put(svg("circle", {cx: f.X(x), cy: Y(y), r: 3, fill: "var(--ink)"})));
        f.dotAt(f.X(p.xy[layer][0]), Y(p.xy[layer][1]));
      }
      for (const p of paths.reverse()) {
        const [x, y] = [f.X(p.xy[layer][0]), Y(p.xy[layer][1])], main = p.role !== "reference";
        put(marker(main ? (p.role === "this" ? 3 : 2) : groups.indexOf(p.group), x, y, main ? "var(--ink)" : colour(p.group)),
          (main || W > 480) && f.label(p.name, x, y, main ? {style: "font-weight:600;font-size:13px", "data-label": p.role} : {class: "halo muted"}) || "");
      }
      body.replaceChildren(f.node);
    }
    lazy(body, draw);
    const text = {this: c.sentence, compare: c.compare};
    const verdicts = c.nearest.map(n => {
      const p = c.paths.find(q => q.role === n.role);
      return html("p", {"data-verdict": n.role}, "In ", strong(text[n.role]), ` “${c.word}” moves towards `,
        html("b", {style: `color:${colour(n.towards)}`}, n.towards), " and ends on ",
        n.group === n.towards ? "their side" : ["the side of ", html("b", {style: `color:${colour(n.group)}`}, n.group)],
        numbers(html("span", ": from ", number(n.start, 2), " to ", number(n.end, 2), ".")),
        mains.length > 1 && p && ` (${p.role === "this" ? "solid" : "dashed"} line)`);
    });
    const carriers = c.groups.map(g => [strong(g.name), ": ",
      g.sentences.map(t => "“" + t.replace("*", c.own ? c.word : "…") + "”").join(", "), c.own ? ". " : `, with ${g.words.join(", ")}. `]);
    const tableBelow = tableOf(c.paths.map(p => p.name), range(c.layers).flatMap(l => [`${layerName(l)}: along`, "across"]),
      (i, k) => c.paths[i].xy[k >> 1][k & 1]);
    return [
      verdicts,
      figure([
        c.own ? `Left is where “${c.word}” is in plain sentences about ${groups[0]}, right where it is in those about ${
          groups[1]}. It starts in the middle: before the first layer it is the same in every sentence. `
          : `Left is where ${groups[0]} are, right where ${groups[1]} are. `,
        c.own ? `Circles and squares are the plain sentences. ` : "The other words are there to compare with. ",
        "Up and down they differ in another direction, which has no name; it is drawn smaller."
      ],
        html("div.controls", html("label", "Layer by layer", slider), said), body,
        html("ul.legend", key(3, "var(--ink)", "this sentence"), c.compare && key(2, "var(--ink)", "the other sentence"),
          c.groups.map((g, k) => key(k, colour(g.name), g.name))),
        later("The plain sentences", () => html("p.small", carriers)), tableBelow)
    ];
  }
};

/* Who pulls the word, and how far: bars to the left and right of a middle. */
views.pulls = {
  needs: () => data.pulls && data.context,
  draw: () => {
    const p = data.pulls, [from, to] = p.axis, colour = x => groupColour(x > 0 ? to : from, x > 0 ? 1 : 0);
    const total = range(data.source.tokens.length).map(j => sum(p.layers.map(l => l.total[j])));
    const words = lesson.words("source").map(w => ({...w, move: sum(w.tokens.map(j => total[j]))}));
    const own = words.find(w => w.tokens.includes(p.word)), others = words.filter(w => w !== own);
    const marks = sum(total) - sum(words.map(w => w.move));
    const rest = sum(p.layers.map(l => l.place + l.alone)) + own.move + marks;
    const end = p.layers[p.layers.length - 1].position_after, start = p.layers[0].position_before;
    const rows = [...others.map(w => ({name: `“${w.text}”`, word: w.word, value: w.move})),
      {name: "the word itself, in its place", value: rest}];
    const most = Math.max(0.01, ...rows.map(r => Math.abs(r.value)));
    const towards = end > start ? to : from, sign = end > start ? 1 : -1;
    const best = others.reduce((a, b) => (sign * b.move > sign * a.move ? b : a), others[0]);
    return [
      best && sign * best.move > 0 &&
        html("p", {"data-puller": best.text}, "Of all words, ", strong(`“${best.text}”`), ` pulls “${own.text}” furthest towards `,
          html("b", {style: `color:${colour(sign)}`}, towards), "."),
      figure(`How far each word of the sentence moves “${own.text}”, in all layers and heads together: left towards ${
        from}, right towards ${to}. What is left is what the layers make of the word in this place, whatever words are around it. ` +
          "All bars together are the whole way.",
        numbers(html("table.bars.pulls", html("tbody", rows.map(r => html("tr",
          {"data-side": r.word === undefined ? null : "source", "data-word": r.word},
          html("th", {scope: "row"}, r.name),
          html("td.track", html("span.pull", {style: `--at:${r.value < 0 ? 50 + 50 * r.value / most : 50}%;--wide:${
            50 * Math.abs(r.value) / most}%;--tone:${colour(r.value)}`})),
          html("td", number(r.value, 2))))),
          html("tfoot", html("tr", html("th", {scope: "row"}, "the whole way"), html("td"), html("td", number(end - start, 2)))))),
        tableOf(data.source.tokens.map(plain), p.layers.flatMap(l => l.heads.map(h => `layer ${l.layer}, head ${h.head}`)),
          (j, k) => p.layers[Math.floor(k / p.layers[0].heads.length)].heads[k % p.layers[0].heads.length].moves[j]))
    ];
  }
};

views.maps = {
  needs: () => data.maps && data.maps.items.length,
  draw() {
    const m = data.maps, items = m.items, words = m.groups.flatMap((g, k) => g.words.map(w => [w, k]));
    const colours = m.groups.map((g, k) => groupColour(g.name, k));
    const lines = [...new Set(items.map(i => headName(i, i.head)))], cols = ["query", "key", "value"];
    const find = (r, c) => items.findIndex(i => headName(i, i.head) === lines[r] && i.map === cols[c]);
    const most = Math.max(...items.map(i => i.score)), body = html("div"), over = html("div");
    let chosen = m.best;
    const name = i => `${headName(i, i.head)}, ${i.map}`;
    const score = (r, c) => {
      const i = find(r, c);
      return i < 0 ? 0 : items[i].score;
    };
    over.append(cells({
      key: "scores",
      name: "How far apart each head’s maps put the groups.",
      rowNames: lines,
      colNames: cols,
      value: score,
      max: most,
      wide: 92,
      tall: 24,
      pick: (r, c) => {
        if (find(r, c) >= 0) {
          chosen = find(r, c);
          draw();
        }
      },
      describe: (r, c) => [strong(`${lines[r]}, ${cols[c]}`), ": ", exact(score(r, c)),
        chosen === find(r, c) ? ", shown below" : ""]
    }));
    /* Both drawings have the same scale, so what is further apart by eye is further apart by number. */
    const picture = 400;
    const scaleOf = item => {
      const all = [...item.before, ...item.after], wide = a => Math.max(...all.map(p => Math.abs(p[a]))) || 1;
      return Math.min((picture - 90) / 2 / wide(0), 150 / wide(1));
    };
    function scatter(points, title, scale) {
      const f = plane([[-1, -1], [1, 1]], {W: picture, H: 330, name: title + "; the table below has the numbers.", scale});
      const mean = k => sum(points.filter((_, i) => words[i][1] === k).map(p => p[0])) / m.groups[k].words.length;
      points.forEach(([x, y]) => f.dotAt(f.X(x), f.Y(y)));
      [0, 1].forEach(k => f.node.append(svg("line", {class: "mean", "data-mean": k, x1: f.X(mean(k)), x2: f.X(mean(k)), y1: 8, y2: 322,
        style: `stroke:${colours[k]}`, "stroke-dasharray": k ? "6 4" : null, "stroke-width": 1.5})));
      points.forEach(([x, y], i) => f.node.append(
        marker(words[i][1], f.X(x), f.Y(y), colours[words[i][1]]), f.label(words[i][0], f.X(x), f.Y(y))));
      return html("div", heading(title), f.node);
    }
    function grid(item) {
      const [[a, b], [c, d]] = item.matrix, out = html("div"), said = html("output.small"), n = 3;
      const slider = html("input", {
        type: "range",
        min: 0,
        max: 100,
        value: 100,
        "data-key": "map-slider",
        oninput: () => show(slider.value / 100)
      });
      const corners = [[n, n], [n, -n]].flatMap(
        ([x, y]) => [[a * x + b * y, c * x + d * y], [-a * x - b * y, -c * x - d * y], [x, y], [-x, -y]]);
      function show(t) {
        const to = (x, y) => [x + t * (a * x + b * y - x), y + t * (c * x + d * y - y)];
        const f = plane(corners, {W: 400, H: 330, name: "A grid before and after the map", pad: 14});
        const line = (x0, y0, x1, y1, cls) => svg(
          "line", {class: cls, x1: f.X(x0), y1: f.Y(y0), x2: f.X(x1), y2: f.Y(y1)});
        for (let i = -n; i <= n; i++) {
          f.node.append(line(i, -n, i, n, "grid"), line(-n, i, n, i, "grid"));
          for (const [p, q] of [[[i, -n], [i, n]], [[-n, i], [n, i]]])
            f.node.append(line(...to(...p), ...to(...q), "mapped"));
        }
        const square =
          [[0, 0], [1, 0], [1, 1], [0, 1]].map(p => to(...p)).map(([x, y]) => f.X(x) + "," + f.Y(y)).join(" ");
        f.node.append(svg("polygon", {points: square, style: "fill:var(--series-1)", opacity: 0.25}));
        said.textContent = `${Math.round(100 * t)} % of the way`;
        out.replaceChildren(f.node);
      }
      show(1);
      return html("div", heading("The map on a grid"), out,
        html("div.controls", {style: "margin:.4rem 0 0"}, html("label", "from no change to the map", slider), said));
    }
    function draw() {
      const i = items[chosen], scale = scaleOf(i);
      const [w, h] = i.scale, way = x => (Math.abs(x) < 1 ? "squeezed to" : "stretched to");
      body.replaceChildren(html("h3", name(i), chosen === m.best ? " (tells the groups apart best)" : ""),
        numbers(html("p", {"data-verdict": "map"}, "The groups are ", number(i.score_before, 1), " times their scatter apart before the map, ",
          strong(number(i.score, 1)), i.score > i.score_before ? " after it: the map puts them further apart."
              : " after it: the map brings them closer together.")),
        figure("The words before and after the map, drawn to one scale. Across: the line from one group’s mean to the other’s, " +
            "so the gap between the two lines is the score. Up: the direction, at right angles, in which the words differ most.",
          html("div.columns",
            scatter(i.before, `before: ${short(i.score_before, 1)} apart`, scale),
            scatter(i.after, `after: ${short(i.score, 1)} apart`, scale)),
          html("ul.legend", m.groups.map((g, k) => key(k, colours[k], g.name))),
          tableOf(words.map(w => w[0]), ["before x", "before y", "after x", "after y"],
            (r, k) => (k < 2 ? i.before : i.after)[r][k & 1])),
        figure(["What the map does to the drawing on the left: grey before, blue after. Along the line between the groups it is ",
          way(w), ` ${short(Math.abs(w), 2)} of its length, across it `, way(h), ` ${short(Math.abs(h), 2)}`,
          Math.abs(i.shear) > 0.05 && ", and slanted", h < 0 && ", and mirrored", "."],
          grid(i)));
    }
    draw();
    return [
      para("The two groups are ",
        m.groups.map((g, k) => [k ? " and " : "", html("b", {style: `color:${colours[k]}`}, g.name), ` (${g.words.join(", ")})`]), ". ",
        "The score says how many times their own scatter the groups are apart: the larger, the easier it is to tell them apart."),
      figure(
        ["The score after each head’s maps. Click a cell, or press Enter, to see that map. Best: ", strong(name(items[m.best])), "."],
        over),
      body
    ];
  }
};
