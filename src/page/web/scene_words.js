"use strict";
/* Scenes about words: pieces, numbers and the galaxy of words; places; who pulls a word; linear maps. The block keeps its
 * names to itself. */
{

/* Groups have one colour and one shape everywhere: the first a circle, the second a square, the others a grey ring; the
 * word that is followed is a diamond. */
const groupTone = g => (g === 0 ? "var(--fruit)" : g === 1 ? "var(--company)" : "var(--muted)");
function groupMark(g, x, y, r = 6) {
  const style = `fill:${groupTone(g)}`;
  return g === 1 ? svg("rect", {x: x - 0.9 * r, y: y - 0.9 * r, width: 1.8 * r, height: 1.8 * r, style})
    : g === 0    ? svg("circle", {cx: x, cy: y, r, style})
                 : svg("circle", {cx: x, cy: y, r: 0.6 * r, style: "fill:none;stroke:var(--muted)"});
}
const diamond = (x, y, r, hollow) => svg("path.diamond", {class: "diamond" + (hollow ? " hollow" : ""), d: `M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}Z`});
/* Puts texts beside points so that none covers another; null where there is no room. */
function labeller(W, H) {
  const taken = [];
  const free = b => b[0] >= 2 && b[2] <= W - 2 && b[1] >= 0 && b[3] <= H &&
    !taken.some(o => b[0] < o[2] && b[2] > o[0] && b[1] < o[3] && b[3] > o[1]);
  return {
    keep: (x, y, r) => taken.push([x - r, y - r, x + r, y + r]),
    place(text, x, y, {size = 13, must = false, gap = 9, ...attributes} = {}) {
      textPen.font = `${size}px ${colours.sans}`;
      const w = textPen.measureText(text).width, far = gap + 4;
      const tries = [[gap, size * 0.36, "start"], [-gap, size * 0.36, "end"], [0, -gap, "middle"], [0, gap + size * 0.8, "middle"],
        [far, -far / 2, "start"], [-far, -far / 2, "end"], [far, far + 4, "start"], [-far, far + 4, "end"]];
      const box = ([dx, dy, anchor]) => {
        const left = x + dx - (anchor === "end" ? w : anchor === "middle" ? w / 2 : 0);
        return [left - 1, y + dy - size * 0.85, left + w + 1, y + dy + size * 0.25];
      };
      const at = tries.find(t => free(box(t))) || (must ? tries[0] : null);
      if (!at) return null;
      taken.push(box(at));
      return svg("text.halo", {x: x + at[0], y: y + at[1], "text-anchor": at[2], style: `font-size:${size}px`, ...attributes}, text);
    }
  };
}
lesson.places = {groupTone, groupMark, labeller}; /* the live page draws with these, too */
const quoted = text => ["“", strong(text), "”"];
const listed = parts => parts.map((p, i) => [i ? (i === parts.length - 1 ? " and " : ", ") : "", p]);
/* The word that the lesson follows: of the choice. */
function followed() {
  const words = lesson.words("source");
  return words.find(w => w.tokens.includes(lesson.choice.word)) || words[0];
}
const wordData = (side, word) => ({"data-side": side, "data-word": word});

/* ---- words, pieces, numbers, galaxy ---- */

function piecesPicture(host, d, withNumbers) {
  const table = d.embedding && tensor(d.embedding.source), most = table ? table.data.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-9) : 1;
  const high = lesson.size(host)[1] - 130, strips = [];
  const pieces = d.source.tokens.map((t, i) => {
    const joined = i > 0 && t.word >= 0 && t.word === d.source.tokens[i - 1].word;
    const canvas = html("canvas", {"aria-hidden": true});
    if (table && i < table.shape[0]) {
      const row = table.row(i), pen = canvas.getContext("2d");
      canvas.width = 1;
      canvas.height = row.length;
      const image = pen.createImageData(1, row.length);
      row.forEach((v, k) => image.data.set([...shade("diverge", v, most), 255], 4 * k));
      pen.putImageData(image, 0, 0);
      strips.push(canvas);
    }
    return html("li", {class: "piece" + (joined ? " joined" : ""), ...(t.word >= 0 ? wordData("source", t.word) : {})},
      html("span.piece-text", plain(t)), html("span.piece-id", String(t.id)), withNumbers && canvas);
  });
  host.append(html("ul.pieces", {class: "pieces" + (withNumbers ? " columns-of" : "")}, pieces));
  if (withNumbers) lesson.move(500, t => strips.forEach(c => { c.style.height = Math.round(high * t) + "px"; }));
}

function galaxyPicture(host, d) {
  const [W, H] = lesson.size(host), g = d.galaxy, narrow = W < 560, pad = narrow ? 18 : 40, foot = 46;
  const xs = g.words.map(w => w.xy[0]), ys = g.words.map(w => w.xy[1]);
  const x0 = Math.min(-1.1, ...xs), x1 = Math.max(1.1, ...xs), y0 = Math.min(...ys), y1 = Math.max(...ys);
  const X = x => pad + (x - x0) / (x1 - x0) * (W - 2 * pad), Y = y => 16 + (y1 - y) / (y1 - y0 || 1) * (H - foot - 34);
  const labels = labeller(W, H - foot + 8), words = g.words.map(w => ({...w, name: w.text.trim(), x: X(w.xy[0]), y: Y(w.xy[1])}));
  const hero = followed(), heroId = hero && d.source.tokens[hero.tokens[0]].id;
  const source = id => d.source.tokens.find(t => t.id === id && t.word >= 0);
  const rank = w => (w.id === heroId ? 0 : source(w.id) ? 1 : w.group === 0 || w.group === 1 ? 2 : w.group >= 0 ? 3 : 4);
  words.sort((a, b) => rank(a) - rank(b));
  for (const w of words) if (rank(w) < 3) labels.keep(w.x, w.y, 6);
  const said = html("p.readout", {role: "status"}), field = svg("g"), stars = [];
  const order = [...words].filter(w => rank(w) < 4).sort((a, b) => a.x - b.x);
  for (const w of words) {
    const r = rank(w), t = source(w.id);
    const mark = r === 0 ? diamond(w.x, w.y, 10) : r < 4 ? groupMark(w.group, w.x, w.y, w.group < 2 && w.group >= 0 ? 6 : 5)
                                                         : svg("circle.dust", {cx: w.x, cy: w.y, r: 1.6});
    const text = r === 4 && narrow ? null : labels.place(w.name, w.x, w.y, {size: r === 0 ? 20 : r < 3 ? 14 : r === 3 ? 11.5 : 10, must: r < 2,
      gap: r === 0 ? 15 : r < 3 ? 10 : 5, class: "halo star-" + r});
    const star = svg("g.star", {...(t ? wordData("source", t.word) : {}), "data-r": r < 4 ? 0 : null, "data-c": r < 4 ? order.indexOf(w) : null,
      role: r < 4 ? "option" : null, tabindex: r === 0 ? 0 : r < 4 ? -1 : null, "data-key": "star-" + w.id, "aria-label": r < 4 ? w.name : null},
      svg("title", w.name + (w.group >= 0 ? ", " + g.groups[w.group] : "")), svg("circle.touch", {cx: w.x, cy: w.y, r: 11}), mark, text);
    star.x = w.x - W / 2;
    star.y = w.y - H / 2;
    stars.push(star);
  }
  const axis = H - foot + 20, apple = words[0] && rank(words[0]) === 0 ? words[0] : null;
  const picture = svg("svg.galaxy", {viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "listbox", "aria-label": `Words as places; from the ${g.axes[0]} on the left to the ${g.axes[1]} on the right. Arrow keys go from word to word.`},
    svg("defs", svg("linearGradient", {id: "fruit-company"}, svg("stop", {offset: 0, style: "stop-color:var(--fruit)"}),
      svg("stop", {offset: 0.5, style: "stop-color:var(--line)"}), svg("stop", {offset: 1, style: "stop-color:var(--company)"}))),
    [-1, 1].map(x => svg("line.mean", {x1: X(x), x2: X(x), y1: 8, y2: axis, style: `stroke:${groupTone(x < 0 ? 0 : 1)}`})),
    apple && svg("line.plumb", {x1: apple.x, x2: apple.x, y1: apple.y + 10, y2: axis - 4}),
    svg("rect", {x: X(-1), y: axis - 2, width: X(1) - X(-1), height: 4, rx: 2, style: "fill:url(#fruit-company)"}),
    svg("text", {x: X(-1), y: axis + 20, "text-anchor": narrow ? "start" : "middle", class: "end", style: "fill:var(--fruit)"}, g.axes[0]),
    svg("text", {x: X(1), y: axis + 20, "text-anchor": narrow ? "end" : "middle", class: "end", style: "fill:var(--company)"}, g.axes[1]),
    apple && diamond(apple.x, axis, 7), field);
  field.append(...stars.reverse());
  /* Near words of a word, as the model measures it: by the angle between their rows. */
  const near = w => {
    const n = (d.neighbours || []).find(n => n.id === w.id && n.side === "source"), known = new Map(g.words.map(v => [v.id, v]));
    return n ? n.near.filter(v => known.has(v.id)).slice(0, 4) : [];
  };
  roving(picture, ".star[role]", n => {
    const w = words.find(v => "star-" + v.id === n.dataset.key), others = near(w);
    said.replaceChildren(strong(w.name), w.group >= 0 ? ` is one of the ${g.groups[w.group]}.` : "",
      ...present(others.length ? [" Nearest: ", others.map((o, i) => [i ? ", " : "", o.text.trim(), lesson.numbers ? " " + short(o.cosine, 2) : ""])] : ""));
  });
  host.append(picture, said);
  lesson.move(600, t => {
    for (const s of stars)
      if (t < 1)
        s.setAttribute("transform", `translate(${(-s.x * (1 - t)).toFixed(1)} ${(-s.y * (1 - t)).toFixed(1)})`);
      else
        s.removeAttribute("transform");
  });
}
function galaxyCaption(d) {
  const g = d.galaxy, hero = followed(), token = hero && d.source.tokens[hero.tokens[0]], at = token && g.words.find(w => w.id === token.id);
  const name = (i, text = g.axes[i]) => strong({style: `color:${groupTone(i)}`}, text);
  const all = ["Each word is where its numbers put it. Words that are used alike are near each other. "];
  if (!at) return [all, "See the ", name(0), " on the left and the ", name(1), " on the right."];
  const n = (d.neighbours || []).find(n => n.id === at.id && n.side === "source"), kind = new Map(g.words.map(w => [w.id, w.group]));
  const near = n ? n.near.filter(v => kind.has(v.id)).slice(0, 3) : [], width = tensor(d.embedding.source).shape[1];
  const kin = at.group === 0 || at.group === 1 || (!(at.group >= 0) && near.some(v => kind.get(v.id) === 0 || kind.get(v.id) === 1));
  if (!kin) return [all, quoted(hero.text), " is neither one of the ", name(0), " nor one of the ", name(1), ": the line below says little about it."];
  if (Math.abs(at.xy[0]) > 0.6) return [all, quoted(hero.text), " is among the ", name(at.xy[0] < 0 ? 0 : 1), "."];
  return [all, quoted(hero.text), " is between the ", name(0), " and the ", name(1),
    near.length > 1 ? [`. Of these words the nearest to it by all ${width} numbers are `, listed(near.map(v => strong({style: `color:${groupTone(kind.get(v.id))}`}, v.text.trim()))),
      "; a drawing in two directions cannot show that."] : "."];
}
scenes.push({
  id: "galaxy",
  title: "Words become places",
  map: ["source", "embed"],
  about: "embed",
  needs: d => d.source && d.embedding,
  steps: d => (d.galaxy ? 3 : 2),
  caption(d, step) {
    const count = lesson.words("source").length, width = tensor(d.embedding.source).shape[1], hero = followed();
    const cut = lesson.words("source").find(w => w.tokens.length > 1), pieces = d.source.tokens.length - 1;
    return step === 0 ? [`The model knows ${thousands(d.model ? d.model.vocab : 0)} pieces of text, and each has a number. The sentence is ${plural(count, "word")}, `,
        pieces === count ? "one piece each" : [`in ${pieces} pieces`, cut ? [" (", quoted(cut.text), ` is put together from ${cut.tokens.length})`] : ""], ", and one more piece: (end)."]
      : step === 1 ? [`Each number picks a row of a table: ${width} numbers, learnt in training, drawn here as colours. `, hero ? ["This column is all that the model knows of ", quoted(hero.text), " by itself."] : ""]
                   : galaxyCaption(d);
  },
  draw(host, lesson, step) {
    if (step < 2)
      piecesPicture(host, lesson.data, step === 1);
    else
      galaxyPicture(host, lesson.data);
  }
});

/* ---- places ---- */

/* The first words of the sentence, as many as have room. */
const placed = () => lesson.words("source").slice(0, player.host.clientWidth < 560 ? 7 : 11);
/* The two words that change places: the one that is followed, and of the longer ones the furthest from it. */
function swapped(words) {
  const hero = followed(), long = words.map((w, i) => i).filter(i => words[i].text.length > 2);
  const at = words.findIndex(w => hero && w.word === hero.word), a = at >= 0 ? at : long[0];
  const others = long.filter(i => i !== a && words[i].text !== words[a].text);
  const b = others.sort((i, j) => Math.abs(j - a) - Math.abs(i - a) || j - i)[0];
  return b === undefined ? null : [a, b];
}
/* Numbers of a place vector as clocks: number 2i is the sine, number 2i + 1 the cosine of one angle. */
function clock(x, y, r, place, pair) {
  const s = place[2 * pair], c = place[2 * pair + 1];
  return svg("g.clock", svg("circle", {cx: x, cy: y, r}), svg("line", {x1: x, y1: y, x2: x + r * 0.86 * s, y2: y - r * 0.86 * c}));
}
scenes.push({
  id: "places",
  title: "Places",
  map: ["embed", "target-embed"],
  needs: d => d.source && d.embedding && d.positions && !(d.knocked || []).includes("positions"),
  steps: () => (swapped(placed()) ? 2 : 1),
  caption(d, step) {
    const words = placed(), pair = swapped(words);
    if (step === 0) return ["Attention adds up what it finds, wherever it finds it. So each place has a vector of its own",
        d.model.positions === "learned" ? ", learnt like the words’" : ", like a row of clocks: quick hands on top, slow ones below",
        ". It is ", strong("added"), " to the word at that place."];
    const [a, b] = pair.map(i => words[i]), moved = angleMoved(d, a.tokens[0], b.tokens[0]);
    return [quoted(a.text), " and ", quoted(b.text), " change places. The words are the same, the clocks stay where they are, so the sums differ: ",
      quoted(a.text), `’s vector with its place changes direction by ${Math.round(moved)}°. Without places both sentences would be one and the same to the model.`];
  },
  draw(host, lesson, step) {
    const d = lesson.data, [W, H] = lesson.size(host), words = placed(), pair = swapped(words);
    const places = tensor(d.embedding.source_positions), D = places.shape[1], learned = d.model.positions === "learned";
    const left = W < 560 ? 4 : 88, column = (W - left) / words.length, size = Math.min(22, 1.75 * column / Math.max(4, ...words.map(w => w.text.length)));
    const count = 4, r = Math.min(22, column * 0.28, H * 0.065), pairs = range(count).map(i => Math.min(D / 2 - 1, Math.round(i * i * D / 36)));
    const middle = i => left + (i + 0.5) * column, dialTop = 78, sumTop = dialTop + count * (2 * r + 7) + 30, sumHigh = Math.max(50, H - sumTop - 8);
    const most = tensor(d.embedding.source).data.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-9) * d.embedding.scale + 1;
    const name = (text, y) => W >= 560 && svg("text.muted", {x: 0, y}, text);
    const moving = words.map((w, i) => {
      const to = step === 1 && pair && pair.includes(i) ? pair[pair[0] === i ? 1 : 0] : i;
      return {w, from: i, to, node: svg("g.mover", {...wordData("source", w.word), class: to !== i ? "mover moved" : "mover"},
        svg("rect", {x: -column * 0.46, y: -size - 4, width: column * 0.92, height: size * 1.7, rx: 7}), svg("text", {"text-anchor": "middle", style: `font-size:${size}px`}, w.text))};
    });
    const sums = moving.map(m => {
      const read = range(Math.min(48, D)).map(k => {
        const at = Math.floor(k * D / Math.min(48, D));
        return tensor(d.embedding.source).row(m.w.tokens[0])[at] * d.embedding.scale + places.row(words[m.to].tokens[0])[at];
      });
      const h = sumHigh / read.length;
      return svg("g", wordData("source", m.w.word), read.map((v, k) => svg("rect", {x: middle(m.to) - r, y: sumTop + k * h, width: 2 * r, height: h + 0.4, style: `fill:rgb(${shade("diverge", v, most)})`})));
    });
    const dials = words.map((w, p) => pairs.map((pairAt, k) => {
      const place = places.row(w.tokens[0]), y = dialTop + r + k * (2 * r + 7);
      if (!learned) return clock(middle(p), y, r, place, pairAt);
      return range(4).map(c => svg("rect", {x: middle(p) - r + c * r / 2, y: y - r, width: r / 2, height: 2 * r, style: `fill:rgb(${shade("diverge", place[4 * k + c], 1)})`}));
    }));
    host.append(svg("svg.places", {viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "img", "aria-label": "Words, the vectors of their places, and the sums"},
      name("word", 34), name("+ place", dialTop + r + 4), name("= what the", sumTop + 14), name("model reads", sumTop + 31),
      words.map((_, p) => svg("text.muted", {x: middle(p), y: 66, "text-anchor": "middle"}, `place ${words[p].tokens[0]}`)), dials, sums, moving.map(m => m.node)));
    lesson.move(step === 1 ? 600 : 0, t => moving.forEach(m => {
      const x = middle(m.from) + (middle(m.to) - middle(m.from)) * t, lift = m.to === m.from ? 0 : Math.sin(Math.PI * t) * (m.to > m.from ? -14 : 14);
      m.node.setAttribute("transform", `translate(${x.toFixed(1)} ${(34 + lift).toFixed(1)})`);
    }));
    if (step === 1 && lesson.engine) tellBothOrders(host, lesson.words("source"), pair);
  }
});
function angleMoved(d, a, b) {
  const row = tensor(d.embedding.source).row(a), places = tensor(d.embedding.source_positions), scale = d.embedding.scale;
  const at = p => row.map((x, k) => x * scale + places.row(p)[k]);
  return Math.acos(Math.min(1, cosine(at(a), at(b)))) * 180 / Math.PI;
}
/* In a page with an engine: what the model makes of both orders, with places and without. */
function tellBothOrders(host, words, pair) {
  const text = words.map(w => w.text), other = [...text], list = html("ul.orders", {role: "status"});
  [other[pair[0]], other[pair[1]]] = [text[pair[1]], text[pair[0]]];
  host.append(list);
  const ask = (order, knock) => lesson.engine.translate(order.join(" "), {knock}).then(found => found.text);
  Promise.all([ask(text, []), ask(other, []), ask(text, ["positions"]), ask(other, ["positions"])]).then(([a, b, c, e]) => {
    if (!list.isConnected) return;
    list.append(html("li", text.join(" "), " → ", strong(a)), html("li", other.join(" "), " → ", strong(b)),
      html("li", "Without places: ", strong(c), c === e ? ", in either order." : [", and ", strong(e), "."]));
  }, () => list.remove());
}

/* ---- who pulls a word, and how far ---- */

const layerText = l => (l === 0 ? "by itself" : l === 1 ? "after one layer" : `after ${["", "one", "two", "three", "four", "five", "six"][l] || l} layers`);
const pathsOf = c => ["this", "compare"].map(role => c.paths.find(p => p.role === role)).filter(Boolean);
const endGroup = x => (x < 0 ? 0 : 1);
/* A line from group to group, for a width; x of the data to pixels. */
function lineAxis(c, xs, W, left, right) {
  const low = Math.min(-1.25, ...xs), high = Math.max(1.25, ...xs);
  return x => left + (x - low) / (high - low) * (W - left - right);
}
const axisEnds = (c, X, y) => [-1, 1].map(x => svg("text.end", {x: X(x), y, "text-anchor": "middle", style: `fill:${groupTone(endGroup(x))}`}, c[x < 0 ? "from" : "to"]));

function forkPicture(host, d) {
  const c = d.context, [W, H] = lesson.size(host), narrow = W < 560, paths = pathsOf(c), refs = c.paths.filter(p => p.role === "reference"), last = c.layers - 1;
  const X = lineAxis(c, [...paths, ...refs].flatMap(p => p.xy.map(q => q[0])), W, narrow ? 26 : 130, narrow ? 26 : 70);
  const top = 46, bottom = H - (narrow ? 128 : 110), Y = l => top + (bottom - top) * l / last, labels = labeller(W, H - 25);
  const base = H - 38, sentences = [c.sentence, c.compare];
  const marks = refs.map(p => groupMark(c.groups.findIndex(g => g.name === p.group), X(p.xy[last][0]), base, 6));
  for (const p of refs) labels.keep(X(p.xy[last][0]), base, 6);
  const names = [...refs].sort((a, b) => a.xy[last][0] - b.xy[last][0]).map((p, i) => labels.place(p.name, X(p.xy[last][0]), base, {size: narrow ? 10 : 11.5, gap: 10, class: "halo muted"}));
  const lines = paths.map((p, i) => {
    const g = endGroup(p.xy[last][0]), at = l => [X(p.xy[l][0]), Y(l)];
    const d = range(last).map(l => {
      const [x0, y0] = at(l), [x1, y1] = at(l + 1), m = (y0 + y1) / 2;
      return `${l ? "" : `M${x0} ${y0}`}C${x0} ${m} ${x1} ${m} ${x1} ${y1}`;
    }).join("");
    return svg("path.fork", {d, style: `stroke:${groupTone(g)}`, "stroke-dasharray": i ? "9 6" : null, pathLength: i ? null : 1});
  });
  const ends = paths.map((p, i) => {
    const x = X(p.xy[last][0]), end = x < W / 2 ? "start" : "end", lines = wrapped(sentences[i] || "", narrow ? 150 : 330, narrow ? 13 : 16, colours.sans);
    const edge = x < W / 2 ? Math.max(4, Math.min(x - 90, W * 0.06)) : Math.min(W - 4, Math.max(x + 90, W * 0.94));
    return [range(last).map(l => svg("circle", {cx: X(p.xy[l + 1][0]), cy: Y(l + 1), r: 4, style: `fill:${groupTone(endGroup(p.xy[last][0]))}`})), diamond(x, Y(last), 9, i > 0),
      svg("text", {"text-anchor": end, class: "fork-says"}, lines.map((t, k) => svg("tspan", {x: edge, y: Y(last) + 30 + 18 * k}, markWord(t, c.word))))];
  });
  const start = paths[0].xy[0][0];
  host.append(svg("svg.pull-plane", {viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "img", "aria-label": `The way of ${c.word} in both sentences, from ${c.from} on the left to ${c.to} on the right`},
    [-1, 1].map(x => svg("line.mean", {x1: X(x), x2: X(x), y1: 14, y2: base, style: `stroke:${groupTone(endGroup(x))}`})),
    !narrow && range(c.layers).map(l => svg("text.muted", {x: 0, y: Y(l) + 4}, layerText(l))),
    svg("line.axis", {x1: 8, x2: W - 8, y1: base, y2: base}), marks, names, axisEnds(c, X, H - 6), lines, ends, diamond(X(start), Y(0), 11),
    svg("text.fork-word", {x: X(start), y: Y(0) - 19, "text-anchor": "middle"}, c.word)));
  const drawn = [...host.querySelectorAll(".fork")];
  lesson.move(600, t => drawn.forEach(p => {
    if (p.hasAttribute("pathLength")) p.setAttribute("stroke-dasharray", t < 1 ? `${t} 1` : "none");
    else p.setAttribute("opacity", t);
  }));
}
const markWord = (text, word) => text.split(" ").map((t, i) => [i ? " " : "", t === word ? svg("tspan.chosen-word", t) : t]).flat();

/* What each word of the sentence adds to a layer's step along the line: [{name, word, own, weight, move}]. */
function pullRows(d, at) {
  const p = d.pulls, step = p.layers[at], weight = j => sum(step.heads.map(h => h.weights[j])) / step.heads.length;
  const rows = lesson.words("source").map(w => ({
    name: w.text,
    word: w.word,
    own: w.tokens.includes(p.word),
    weight: sum(w.tokens.map(weight)),
    move: sum(w.tokens.map(j => step.total[j]))
  }));
  const marks = range(d.source.tokens.length).filter(j => d.source.tokens[j].word < 0);
  return [...rows, {name: marks.length > 1 ? "(end), spaces" : "(end)", weight: sum(marks.map(weight)), move: sum(marks.map(j => step.total[j]))}];
}
/* The parts of the whole step: [{name, move}], which add up to position_after - position_before. */
function pullParts(d, at) {
  const step = d.pulls.layers[at], alone = step.place ? "an average sentence" : "its place, and an average sentence";
  return [...(step.place ? [{name: "its place", full: "the vector of its place", move: step.place}] : []),
    {name: alone, brief: "on average", full: alone, move: step.alone}, {name: "these words", full: "these words", move: sum(step.total)}];
}
/* An arrow along a row: from a to b, so thick. */
function arrow(a, b, y, thick, tone) {
  const way = Math.sign(b - a) || 1, head = Math.min(Math.abs(b - a), 4 + thick * 0.45), neck = b - way * head, h = thick / 2, wing = h + 3;
  return svg("path", {d: `M${a} ${y - h}H${neck}V${y - wing}L${b} ${y}L${neck} ${y + wing}V${y + h}H${a}Z`, style: `fill:${tone}`});
}
function pullPicture(host, d, at) {
  const c = d.context, [W, H] = lesson.size(host), narrow = W < 560, step = d.pulls.layers[at], rows = pullRows(d, at), parts = pullParts(d, at);
  const left = narrow ? 96 : 258, right = lesson.numbers ? (narrow ? 56 : 110) : narrow ? 8 : 40, line = 21, foot = 56 + line * (parts.length + 1);
  const high = Math.max(20, Math.min(34, (H - foot - 30) / rows.length)), top = 26, end = top + high * rows.length;
  const most = Math.max(...rows.map(r => Math.abs(r.move)), 1e-9), zero = left + (W - left - right) / 2, reach = (W - left - right) / 2 - 4;
  const digits = (r, y) => lesson.numbers && svg("text.muted", {x: W - 2, y: y + 4, "text-anchor": "end"},
    `${r.weight === undefined || narrow ? "" : percent(r.weight) + ", "}${r.move > 0 ? "+" : ""}${short(r.move, 3)}`);
  const tugs = rows.map((r, i) => {
    const y = top + high * (i + 0.5);
    return svg("g.tug", r.word === undefined ? {} : wordData("source", r.word), svg("rect.touch", {x: 0, y: y - high / 2, width: W, height: high}),
      svg("text", {x: left - 16, y: y + 4.5, "text-anchor": "end", style: r.own ? "font-weight:600" : null, class: r.word === undefined ? "muted" : null}, r.own ? r.name + " itself" : r.name),
      arrow(zero, zero + reach * r.move / most, y, Math.max(1.5, Math.min(high * 0.7, high * 1.6 * r.weight)), groupTone(endGroup(r.move))), digits(r, y));
  });
  /* Below, the whole step, on the line between the groups. */
  const refs = c.paths.filter(q => q.role === "reference"), base = end + foot - 26;
  let x = step.position_before;
  const ends = parts.map(p => [x, x += p.move]);
  const X = lineAxis(c, [...ends.flat(), step.position_after, ...refs.map(q => q.xy[at + 1][0])], W, left, right);
  const sumOf = parts.map((p, i) => {
    const y = end + 30 + line * (i + 0.5), [a, b] = ends[i].map(X);
    return svg("g.tug", svg("text.muted", {x: left - 16, y: y + 4.5, "text-anchor": "end"}, (narrow && p.brief) || p.name), svg("line.drop", {x1: b, x2: b, y1: y, y2: i + 1 < parts.length ? y + line : base}),
      arrow(a, b, y, 4, groupTone(endGroup(p.move))), digits(p, y));
  });
  host.append(svg("svg.pull-plane", {viewBox: `0 0 ${W} ${base + 26}`, width: W, role: "img",
    "aria-label": `What moves ${c.word} in layer ${at}: ${[...rows, ...parts].map(r => `${r.name} ${short(r.move, 3)}`).join(", ")}`},
    svg("text", {x: zero - 12, y: 14, "text-anchor": "end", style: "fill:var(--fruit)"}, "← to the " + c.from), svg("text", {x: zero + 12, y: 14, style: "fill:var(--company)"}, `to the ${c.to} →`),
    svg("line.axis", {x1: zero, x2: zero, y1: top - 2, y2: end}), tugs, svg("line.axis", {x1: 0, x2: W, y1: end + 10, y2: end + 10}),
    [-1, 1].map(v => svg("line.mean", {x1: X(v), x2: X(v), y1: end + 22, y2: base, style: `stroke:${groupTone(endGroup(v))}`})),
    sumOf, svg("line.axis", {x1: left, x2: W - right, y1: base, y2: base}),
    refs.map(q => groupMark(c.groups.findIndex(g => g.name === q.group), X(q.xy[at + 1][0]), base, 5)), axisEnds(c, X, base + 22),
    diamond(X(step.position_before), end + 30, 7, true), diamond(X(step.position_after), base, 9)));
}
scenes.push({
  id: "pull",
  title: "Who pulls it, and how far",
  map: ["encoder-attention", "encoder-ffn"],
  needs: d => d.context && d.context.from && d.pulls,
  steps: d => 1 + d.pulls.layers.length,
  caption(d, step) {
    const c = d.context, groups = [c.from, c.to], last = c.layers - 1;
    if (step === 0) {
      const ends = pathsOf(c).map(p => p.xy[last][0]), name = x => strong({style: `color:${groupTone(endGroup(x))}`}, groups[endGroup(x)]);
      const first = pathsOf(c)[0].xy[0][0];
      if (ends.length < 2) return ["By itself ", quoted(c.word), ...(c.own ? [" has no side"] : [" is on the side of the ", name(first)]),
        ". In this sentence it goes to the ", name(ends[0]), ". Watch who pulls it."];
      return endGroup(ends[0]) === endGroup(ends[1])
        ? [quoted(c.word), " enters both sentences as the same vector, and ends with the ", name(ends[0]), " in both."]
        : [quoted(c.word), " enters both sentences as the same vector. Layer by layer the words around it move it: here to the ", name(ends[0]), ", there to the ", name(ends[1]), "."];
    }
    const at = step - 1, layer = d.pulls.layers[at], name = x => strong({style: `color:${groupTone(endGroup(x))}`}, groups[endGroup(x)]);
    const words = pullRows(d, at).filter(r => r.word !== undefined && !r.own), best = [...words].sort((a, b) => Math.abs(b.move) - Math.abs(a.move))[0];
    const main = pullParts(d, at).sort((a, b) => Math.abs(b.move) - Math.abs(a.move))[0], moved = layer.position_after - layer.position_before;
    return [d.pulls.layers.length > 1 ? `Layer ${at}. ` : "", "One arrow a word. A thick arrow: ", quoted(c.word), " looks at it much. A long one: it moves ", quoted(c.word), " far. ",
      best ? [quoted(best.name), " pulls furthest, to the ", name(best.move), ". "] : "", "In all it moves to the ", name(moved), ". Most of that comes from ",
      strong(main.full), "."];
  },
  draw(host, lesson, step) {
    if (step === 0)
      forkPicture(host, lesson.data);
    else
      pullPicture(host, lesson.data, step - 1);
  }
});

/* ---- linear maps ---- */

/* How many times their scatter two groups of points are apart: the distance of their means, over the root mean square
 * distance of the points from the mean of their own group. */
function separation(points, first) {
  const groups = [points.slice(0, first), points.slice(first)];
  const means = groups.map(g => [0, 1].map(k => sum(g.map(p => p[k])) / g.length));
  const scatter = sum(groups.flatMap((g, i) => g.map(p => (p[0] - means[i][0]) ** 2 + (p[1] - means[i][1]) ** 2))) / points.length;
  return Math.hypot(means[1][0] - means[0][0], means[1][1] - means[0][1]) / Math.sqrt(scatter || 1e-9);
}
const mapHand = {turn: 0, across: 1, up: 1, shear: 0};
/* Shears, then stretches, then turns. */
function handMatrix(h) {
  const a = h.turn * Math.PI / 180, c = Math.cos(a), s = Math.sin(a);
  return [[c * h.across, c * h.across * h.shear - s * h.up], [s * h.across, s * h.across * h.shear + c * h.up]];
}
const mapped = (m, [x, y]) => [m[0][0] * x + m[0][1] * y, m[1][0] * x + m[1][1] * y];
/* Of the model's own maps the one that draws the groups furthest apart, against what it reads. */
function foundMap(maps) {
  const first = maps.groups[0].words.length, gain = i => separation(i.after, first) / separation(i.before, first);
  return [...maps.items].sort((a, b) => gain(b) - gain(a))[0];
}
const mapItem = i => `layer ${i.layer}, head ${i.head}, ${i.map}`;
function mapsPicture(host, d, step) {
  const [W, H0] = lesson.size(host), wide = W > 700, side = wide ? 270 : 0, P = W - side, H = wide ? H0 : Math.min(H0, P);
  const item = foundMap(d.maps), first = d.maps.groups[0].words.length, names = d.maps.groups.flatMap(g => g.words);
  const most = Math.max(...item.before.flat().map(Math.abs)), unit = 2 * most / 8, room = 1.5 * most, scale = Math.min(P, H) / (2 * room);
  const X = x => P / 2 + x * scale, Y = y => H / 2 - y * scale, cells = 10, edge = cells * unit;
  const grid = svg("g.grid"), still = svg("g.grid-still"), dots = svg("g"), hands = svg("g");
  const path = m => range(2 * cells + 1).map(i => i - cells).flatMap(i => [[[i * unit, -edge], [i * unit, edge]], [[-edge, i * unit], [edge, i * unit]]])
                      .map(([a, b]) => [mapped(m, a), mapped(m, b)].map(([x, y]) => `${X(x).toFixed(1)} ${Y(y).toFixed(1)}`)).map(([a, b]) => `M${a}L${b}`).join("");
  still.append(svg("path", {d: path([[1, 0], [0, 1]])}));
  const ghosts = step ? svg("g", {opacity: 0.28}, item.before.map(([x, y], i) => groupMark(i < first ? 0 : 1, X(x), Y(y), 6.5))) : null;
  const score = html("output.score"), bar = html("span"), verdict = html("p.score-says");
  const start = separation(item.before, first), top = Math.max(8, 1.2 * start);
  function show(m, points) {
    grid.replaceChildren(svg("path", {d: path(m)}));
    const labels = labeller(P, H), at = points.map(([x, y]) => [X(x), Y(y)]);
    at.forEach(([x, y]) => labels.keep(x, y, 6));
    dots.replaceChildren(...at.flatMap(([x, y], i) => present([groupMark(i < first ? 0 : 1, x, y, 6.5), labels.place(names[i], x, y, {size: 13, gap: 11})])));
    const now = separation(points, first);
    score.textContent = short(now, 1);
    bar.style.width = Math.min(100, 100 * now / top) + "%";
    verdict.textContent = `This is the distance between the groups, divided by the distance of a word from the middle of its group. At first it was ${short(start, 1)}.`;
  }
  const controls = html("div.map-hand");
  if (step === 0) {
    const inputs = {}, handles = [[1, 0], [0, 1]].map((e, k) => svg("g.handle", {"data-hand": k, "aria-hidden": true}, svg("line"), svg("circle", {r: 9})));
    hands.append(...handles);
    const draw = () => {
      const m = handMatrix(mapHand);
      show(m, item.before.map(p => mapped(m, p)));
      handles.forEach((h, k) => {
        const [x, y] = mapped(m, k ? [0, 2 * unit] : [2 * unit, 0]), line = h.firstChild, knob = h.lastChild;
        for (const [name, v] of [["x1", X(0)], ["y1", Y(0)], ["x2", X(x)], ["y2", Y(y)]]) line.setAttribute(name, v);
        knob.setAttribute("cx", X(x));
        knob.setAttribute("cy", Y(y));
      });
      for (const name in inputs) inputs[name].value = mapHand[name];
    };
    const slider = (name, label, min, max, by) => html("label", label, inputs[name] = html("input", {type: "range", min, max, step: by, value: mapHand[name], "data-key": "hand-" + name,
      oninput: e => {
        mapHand[name] = +e.target.value;
        draw();
      }}));
    /* A handle is the image of one side of the square: both together give turn, stretches and shear. */
    const drag = (k, x, y) => {
      const m = handMatrix(mapHand), e = [[m[0][0], m[1][0]], [m[0][1], m[1][1]]];
      e[k] = [x / (2 * unit), y / (2 * unit)];
      const across = Math.hypot(...e[0]) || 0.01, turn = Math.atan2(e[0][1], e[0][0]), c = Math.cos(turn), s = Math.sin(turn);
      const near = (v, low, high) => Math.max(low, Math.min(high, v));
      mapHand.turn = turn * 180 / Math.PI;
      mapHand.across = near(across, 0.05, 2.5);
      mapHand.up = near(c * e[1][1] - s * e[1][0], -2.5, 2.5);
      mapHand.shear = near((c * e[1][0] + s * e[1][1]) / mapHand.across, -2, 2);
      draw();
    };
    for (const h of handles) {
      h.addEventListener("pointerdown", e => {
        e.preventDefault();
        h.setPointerCapture(e.pointerId);
        h.onpointermove = o => {
          const box = hands.ownerSVGElement.getBoundingClientRect(), k = P / box.width;
          drag(+h.dataset.hand, ((o.clientX - box.left) * k - P / 2) / scale, (H / 2 - (o.clientY - box.top) * k) / scale);
        };
      });
      for (const end of ["pointerup", "pointercancel"]) h.addEventListener(end, () => { h.onpointermove = null; });
    }
    controls.append(slider("turn", "turn", -180, 180, 1), slider("across", "stretch across", 0.05, 2.5, 0.01), slider("up", "stretch up", -2.5, 2.5, 0.01), slider("shear", "shear", -2, 2, 0.01),
      html("button", {"data-key": "hand-reset", onclick: () => {
        Object.assign(mapHand, {turn: 0, across: 1, up: 1, shear: 0});
        draw();
      }}, "as it was"));
    draw();
  } else {
    const go = () => lesson.move(600, t => show([[1 + t * (item.matrix[0][0] - 1), t * item.matrix[0][1]], [t * item.matrix[1][0], 1 + t * (item.matrix[1][1] - 1)]],
      item.before.map((p, i) => p.map((v, k) => v + t * (item.after[i][k] - v)))));
    controls.append(html("button", {"data-key": "map-again", onclick: go}, "once more"));
    go();
  }
  host.append(html("div.maps-scene", svg("svg.maps-plane", {viewBox: `0 0 ${P} ${H}`, width: P, height: H, role: "img", "aria-label": `Words of two groups on a grid: ${d.maps.groups.map(g => g.name).join(" and ")}`}, still, grid, ghosts, hands, dots),
    html("div.maps-side", html("div.score-box", {role: "status"}, score, html("div.score-bar", bar), verdict), controls)));
}
scenes.push({
  id: "linear",
  title: "Maps that turn, stretch and shear",
  map: ["encoder-attention"],
  needs: d => d.maps && d.maps.items.length && d.maps.items[0].score !== undefined,
  steps: 2,
  caption(d, step) {
    const [a, b] = d.maps.groups.map((g, i) => strong({style: `color:${groupTone(i)}`}, g.name));
    if (step === 0) return ["Before words are compared, each head sends them through a matrix. A matrix turns, stretches and shears, and the words ride along. Drag the two handles: can you bring ", a, " and ", b, " further apart?"];
    const item = foundMap(d.maps), first = d.maps.groups[0].words.length, before = separation(item.before, first), after = separation(item.after, first);
    const flat = Math.min(...item.scale.map(Math.abs)) < 0.25 * Math.max(...item.scale.map(Math.abs));
    return ["What training found: the map of ", strong(mapItem(item)), ". ", flat ? "It keeps the direction in which the groups differ and presses the other flat; what height is left comes from directions that this plane does not show. " : "Faint: where they were. ",
      `From group to group it was ${short(before, 1)} times as far as from a word to the middle of its group; now it is `, strong(short(after, 1)), " times."];
  },
  draw: (host, lesson, step) => mapsPicture(host, lesson.data, step)
});
}
