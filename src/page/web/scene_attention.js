"use strict";
/* The scenes of attention: query meets key, softmax, the weighted sum, the heads of a layer, the mask, cross-attention
 * and the next word. All numbers are those of the sentence shown (attention, steps); a picture and the sentence that
 * tells of it are made from the same variables. The block keeps its names to itself. */
{
  /* ---- what is looked at ---- */

  const isEnd = t => /^<\/?[a-z]+>$/.test(t.text);
  const shown = plain;
  const ordinals = ["", "first", "second", "third", "fourth", "fifth"];
  const ordinal = n => ordinals[n] || n + ((n % 100 < 11 || n % 100 > 13) && ["", "st", "nd", "rd"][n % 10] || "th");
  /* Names of tokens for sentences: the second of two equal ones is called the second. */
  function spoken(tokens, i) {
    const t = tokens[i], same = tokens.map((u, k) => (u.text === t.text ? k : -1)).filter(k => k >= 0);
    if (isEnd(t)) return shown(t);
    const nth = same.indexOf(i) + 1;
    return same.length === 1 ? `“${shown(t)}”` : `the ${ordinal(nth)} “${shown(t)}”`;
  }
  const atStart = text => text[0].toUpperCase() + text.slice(1);
  /* What row i of cross-attention is about to say. */
  const said = data => data.steps.map(s => s.says);
  const most = list => list.reduce((best, x, i) => (x > list[best] ? i : best), 0);
  /* A share in percent; what is there but small is not called 0. */
  const part = x => (x > 0 && x < 0.0005 ? "< 0.1 %"
      : x >= 0.9995 && x < 1             ? "> 99.9 %"
      : x > 0.99 && x < 1                ? `${(100 * x).toFixed(1)} %`
                                         : percent(x));
  const vectorsOf = b => b.q && b.k && b.v;
  const colour = head => `var(--head-${head % 4 + 1})`;
  const layerOf = b => `layer ${b.layer}`;

  /* The tokens of the queries and of the keys of a block. */
  const askers = (data, b) => (b.kind === "encoder" ? data.source.tokens
      : b.kind === "cross"                          ? said(data)
                                                    : data.target.tokens);
  const holders = (data, b) => (b.kind === "decoder" ? data.target.tokens : data.source.tokens);
  const sideOf = kind => (kind === "decoder" ? "target" : "source");

  const blocksOf = (data, kind) =>
    range((data.attention || []).length)
      .filter(i => data.attention[i].kind === kind && (kind === "cross" || vectorsOf(data.attention[i])));
  const rowOf = (b, head, row) => tensor(b.p).row(head, row);

  /* Parts that the model was run without (model/knockout.h): their names, and which heads are mute. */
  const off = (data, name) => (data.knocked || []).includes(name);
  const mute = (data, b, head) => (data.knocked ||
    []).some(k => k === `heads:${b.kind}.${b.layer}.${head}` || (k.startsWith("only:") && +k.slice(5) !== head));
  const offNote = text => html("p.off-note", strong("Switched off: "), text);

  /* The block and head of a kind that the scenes show: the chosen ones, else those last shown, else the most telling.
   */
  const kept = new WeakMap(); /* data -> {kind: {block, head, row}} */
  function placeOf(data, kind) {
    const blocks = blocksOf(data, kind), c = lesson.choice;
    if (!kept.has(data)) kept.set(data, {});
    const memory = kept.get(data);
    if (blocks.includes(c.block))
      memory[kind] = {block: c.block, head: c.head, row: c.row};
    else if (!memory[kind])
      memory[kind] = telling(data, kind, blocks);
    else if (kind !== "encoder" || memory[kind].row !== c.word)
      memory[kind].row = followed(data, kind, memory[kind]);
    const at = memory[kind], b = data.attention[at.block];
    return {...at, b, tokens: askers(data, b), keys: holders(data, b), p: rowOf(b, at.head, at.row)};
  }
  /* The row of the word that is followed through the scenes; of the translation's words the one that looks most at it.
   */
  function followed(data, kind, at) {
    const c = lesson.choice, here = data.attention[c.block];
    const word = Math.min(here && here.kind === "encoder" ? c.row : c.word, data.source.tokens.length - 1);
    if (kind === "encoder") return word;
    const crossing = blocksOf(data, "cross");
    if (!crossing.length) return at.row || 0;
    const clear = telling(data, "cross", crossing, 0), b = data.attention[clear.block], rows = b.p.shape[1];
    const says = most(range(rows).map(i => rowOf(b, clear.head, i)[word]));
    /* Row i of the decoder reads the word that row i - 1 says. */
    return kind === "cross" ? says : Math.min(says + 1, rows - 1);
  }
  function telling(data, kind, blocks, fixed) {
    const chosen = data.chosen;
    const all = blocks.flatMap(block => range(data.attention[block].p.shape[0]).map(head => ({block, head})));
    let best;
    if (chosen && blocks.includes(chosen.block))
      best = {block: chosen.block, head: chosen.head};
    else if (kind === "cross") { /* the clearest alignment */
      const clear = ({block, head}) => {
        const h = data.attention[block].heads[head];
        return (h.label === "aligned" ? h.share : 0) - 0.01 * h.entropy;
      };
      best = all[most(all.map(clear))];
    } else { /* where the word followed looks most at another word */
      const strong = ({block, head}) => {
        const b = data.attention[block], keys = holders(data, b), row = kind === "encoder" ? followed(data, kind) : -1;
        const rows = row >= 0 ? [row] : range(b.p.shape[1]).slice(1);
        return sum(rows.map(i => Math.max(0, ...[...rowOf(b, head, i)].filter((_, j) => j !== i && !isEnd(keys[j]))))) /
          (rows.length || 1);
      };
      best = all[most(all.map(strong))];
    }
    return {...best, row: fixed ?? followed(data, kind, best)};
  }
  const goTo = (kind, at, change) => {
    const next = {block: at.block, head: at.head, row: at.row, ...change};
    const data = lesson.data, b = data.attention[next.block];
    let word = next.row;
    if (kind === "cross") word = most(rowOf(b, next.head, next.row));
    if (kind === "decoder") word = lesson.choice.word;
    lesson.choose({...next, word});
  };

  /* Everything of one head and one row, worked out from q, k and v: products, scores, weights, the sum. divisor: of the
   * scores; if none is given, the model's own. */
  function work(data, kind, divisor) {
    const at = placeOf(data, kind), {b, head, row} = at, K = b.q.shape[1] / b.p.shape[0];
    const slice = (a, i) => tensor(a).row(i).subarray(head * K, head * K + K);
    const count = at.keys.length, q = slice(b.q, row), root = Math.sqrt(K);
    const k = range(count).map(j => slice(b.k, j)), v = range(count).map(j => slice(b.v, j));
    const dots = k.map(x => dot(q, x)), scaled = dots.map(s => s / (divisor || (off(data, "root") ? 1 : root)));
    const {weights, exps, total, top} = softmax(scaled);
    const share = divisor ? weights : [...at.p];
    const out = range(K).map(c => sum(v.map((x, j) => share[j] * x[c])));
    return {...at, K, q, k, v, root, dots, scaled, exps, total, top, share, out, best: most(share)};
  }

  /* ---- parts of pictures ---- */

  /* Word j that is looked at, until another head or word is chosen. */
  let looked = {of: null, j: -1};
  function lookedAt(w) {
    const of = [w.b, w.head, w.row].map(x => (typeof x === "object" ? w.block : x)).join();
    if (looked.of !== of || looked.data !== lesson.data || looked.j >= w.keys.length)
      looked = {of, data: lesson.data, j: w.best};
    return looked.j;
  }
  const digits = (...parts) => html("span.num", ...parts);
  const quiet = () => matchMedia("(prefers-reduced-motion: reduce), print").matches;
  /* Lets a property go from one value to another, by the transition that the style sheet has for it. */
  function glide(node, property, from, to) {
    if (quiet() || from === to) {
      node.style[property] = to;
      return;
    }
    node.style[property] = from;
    node.getBoundingClientRect();
    requestAnimationFrame(() => { node.style[property] = to; });
  }
  /* The numbers of a vector as bars up and down from a line, on a scale where max is half the height. strong(c): which
   * bars are drawn in full colour. shrink: their height, as a share of what it would be; from: what it was; ghost: what
   * it would be is drawn, too. */
  function skyline(values, {max, tone, strong, shrink = 1, from = shrink, ghost, label, kind = ""}) {
    const path =
      keep => [...values].map((x, c) => (keep(c) ? `M${c + 0.1} 0h.8v${(-x / max).toFixed(4)}h-.8z` : "")).join("");
    const group = svg("g.bars-of", {}, svg("path.bar-strong", {d: path(c => !strong || strong(c))}),
      strong && svg("path.bar-pale", {d: path(c => !strong(c))}));
    glide(group, "transform", `scaleY(${from})`, `scaleY(${shrink})`);
    return svg("svg", {
      class: "skyline " + kind,
      viewBox: `0 -1.05 ${values.length} 2.1`,
      preserveAspectRatio: "none",
      style: `color:${tone}`,
      role: "img",
      "aria-label": label || `${values.length} numbers as bars`
    },
      ghost && svg("path.bar-ghost", {d: path(() => true)}),
      svg("line.zero", {x1: 0, x2: values.length, y1: 0, y2: 0, "vector-effect": "non-scaling-stroke"}), group);
  }
  const highest = vectors => Math.max(1e-9, ...vectors.map(v => v.reduce((m, x) => Math.max(m, Math.abs(x)), 0)));
  /* A bar from 0 to x on a scale from low to high. */
  function signedBar(x, low, high, tone, label) {
    const span = high - low || 1, a = (Math.min(0, x) - low) / span, b = (Math.max(0, x) - low) / span;
    return html(
      "span.signed", {title: label}, low < 0 && html("i.zero", {style: `left:${100 * (0 - low) / span}%`}), html("i", {
        class: "fill" + (x < 0 ? " below" : ""),
        "data-x": x,
        style: `left:${(100 * a).toFixed(3)}%;width:${(100 * (b - a)).toFixed(3)}%;background-color:${tone}`
      }));
  }
  const sideAttributes = (side, token) => (token.word >= 0 ? {"data-side": side, "data-word": token.word} : {});
  /* A list to point into: rows of {cells, side, token}; pick(j) when one is pointed at or reached by keys. */
  function pointList(kind, label, rows, j, pick) {
    const list = html("div", {class: "points " + kind, role: "listbox", "aria-label": label, tabindex: -1},
      rows.map((r, i) => html("div.point", {
        role: "option",
        "data-r": i,
        "data-c": 0,
        "data-j": i,
        "data-key": kind.split(" ")[0] + i,
        tabindex: i === j ? 0 : -1,
        "aria-selected": String(i === j),
        ...sideAttributes(r.side, r.token)
      },
                 r.cells)));
    roving(list, ".point", n => pick(+n.dataset.j));
    list.addEventListener("keydown", e => {
      if (e.key.startsWith("Arrow")) e.stopPropagation();
    });
    requestAnimationFrame(() => {
      const on = list.children[j];
      if (on && list.scrollHeight > list.clientHeight)
        list.scrollTop = on.offsetTop - list.offsetTop - list.clientHeight / 2;
    });
    return list;
  }
  function mark(host, j) {
    for (const n of host.querySelectorAll("[data-j]")) {
      const on = +n.dataset.j === j;
      if (n.getAttribute("role") === "option") n.setAttribute("aria-selected", String(on));
      n.classList.toggle("looked", on);
    }
  }
  /* The words of a side as buttons; the chosen one asks. */
  function chips(tokens, side, chosen, pick, {label, hidden = () => false, name = shown} = {}) {
    const row =
      html("div.ask", {role: "group", "aria-label": label},
        tokens.map(
          (t, i) => html("button", {
            class: "word-chip " + side + (i > 0 && t.word >= 0 && tokens[i - 1].word === t.word ? " joined" : "") +
              (hidden(i) ? " closed" : ""),
            "aria-pressed": String(i === chosen),
            "data-key": "chip" + i,
            ...sideAttributes(side, t),
            onclick: () => pick(i)
          },
            name(t))));
    requestAnimationFrame(() => {
      const on = row.querySelector("[aria-pressed=true]");
      if (on && row.scrollWidth > row.clientWidth) row.scrollLeft = on.offsetLeft - row.clientWidth / 2;
    });
    return row;
  }
  /* Layer and head of a kind of attention. */
  function headChooser(data, kind, at, choice = true) {
    const blocks = blocksOf(data, kind), heads = at.b.p.shape[0];
    const button = (key, text, on, tone, change) => html("button.pick", {
      "data-key": key,
      "aria-pressed": String(on),
      style: tone ? `--tone:${tone}` : null,
      onclick: () => goTo(kind, at, change)
    },
      text);
    return html("div.choosers",
      blocks.length > 1 &&
        html("span.group", {role: "group", "aria-label": "layer"}, html("span.what", "layer"),
          blocks.map(block => button("layer" + block, data.attention[block].layer, block === at.block, null, {block}))),
      choice &&
        html("span.group", {role: "group", "aria-label": "head"}, html("span.what", "head"),
          range(heads).map(head => button("head" + head, head, head === at.head, colour(head), {head}))));
  }
  /* The line above a picture: which word asks, and which head. */
  const topLine = (data, kind, w, label, heads = true) => html("div.top-line",
    html("div.asker", html("span.what", label),
      chips(w.tokens, kind === "encoder" ? "source" : "target", w.row, row => goTo(kind, w, {row}), {label})),
    headChooser(data, kind, w, heads));
  const degrees = x => Math.round(Math.acos(Math.max(-1, Math.min(1, x))) * 180 / Math.PI);
  const says = () => html("output.says", {"aria-live": "polite"});
  const hasEncoder = data => Boolean(data.source && blocksOf(data, "encoder").length);
  const doesOf = (b, head) => b.heads && b.heads[head] && b.heads[head].does;

  /* ---- query meets key ---- */

  function drawVectors(host, data, w) {
    const max = highest([w.q, ...w.k]), maxValue = highest(w.v), agrees = (j, c) => w.q[c] * w.k[j][c] > 0;
    const out = says(), came = w.b.x && tensor(w.b.x).row(w.row);
    const tell = j => {
      mark(host, j);
      looked.j = j;
      const count = sum(range(w.K).map(c => (agrees(j, c) ? 1 : 0)));
      out.replaceChildren(
        `The key of ${spoken(w.keys, j)} and the query of ${spoken(w.tokens, w.row)} go the same way in `,
        strong(`${count} of ${w.K}`), " places. There its bars have their full colour.");
    };
    host.append(topLine(data, "encoder", w, "who asks"),
      came &&
          html("div.three-names", html("span.name.came", shown(w.tokens[w.row])),
            html("div.whole",
              skyline(came, {max: highest([came]), tone: "var(--source)", kind: "came", label: "what the block reads"}),
              html("span.what",
                `as it comes in: ${came.length} numbers. Three matrices make three shorter vectors of it, ${
                  w.K} numbers each:`))) ||
        "",
      html("div.three-names", html("span"),
        html("div.query-of", html("b", shown(w.tokens[w.row])), html("span.what", " query: what it looks for"),
          skyline(w.q, {max, tone: "var(--query)", kind: "query", label: "query"}))),
      html("div.three-names", html("span"), html("span.what.t-key", "key: what a word has to show"),
        html("span.what.t-value", "value: what it hands over")),
      pointList("three", "words and their keys", w.keys.map((t, j) => ({
        side: "source",
        token: t,
        cells: [
          html("span.name", shown(t)),
          skyline(w.k[j], {max, tone: "var(--key)", strong: c => agrees(j, c), kind: "key", label: "key"}),
          skyline(w.v[j], {max: maxValue, tone: "var(--value)", kind: "value", label: "value"})
        ]
      })),
        lookedAt(w), tell),
      out);
    tell(lookedAt(w));
  }

  /* The query and the keys as arrows from one point. Each key is drawn in the plane that it shares with the query, so
   * its length and its angle to the query are true; two keys are not in one plane. */
  function fan(w, W) {
    const lengths = w.k.map(length), ql = length(w.q), angles = w.k.map((x, j) => cosine(w.q, x));
    const turn = angles.map(c => Math.acos(Math.max(-1, Math.min(1, c))));
    const tips = turn.map((a, j) => [lengths[j] * Math.cos(a), lengths[j] * Math.sin(a)]);
    const left = Math.min(0, ...tips.map(t => t[0])), right = Math.max(ql, ...tips.map(t => t[0])),
          up = Math.max(...tips.map(t => t[1]), 0.3 * right);
    const pad = 58, scale = Math.min((W - 2 * pad) / (right - left), 300 / up), H = Math.ceil(up * scale + 68);
    const ox = pad - left * scale + Math.max(0, (W - 2 * pad - (right - left) * scale) / 2), oy = H - 34;
    return {
      W,
      H,
      ox,
      oy,
      scale,
      ql,
      lengths,
      cosines: angles,
      turn,
      tips: tips.map(([x, y]) => [ox + x * scale, oy - y * scale]),
      query: [ox + ql * scale, oy]
    };
  }
  function arrow(kind, x0, y0, x1, y1, wide, attributes = {}) {
    const far = Math.hypot(x1 - x0, y1 - y0) || 1, ux = (x1 - x0) / far, uy = (y1 - y0) / far,
          h = Math.min(far, 4 + 2.4 * wide);
    const bx = x1 - ux * h, by = y1 - uy * h, n = h * 0.46;
    return svg("g", {class: "arrow " + kind, ...attributes},
      svg("line", {x1: x0, y1: y0, x2: x1, y2: y1, class: "hit"}),
      svg("line.shaft", {x1: x0, y1: y0, x2: bx, y2: by, "stroke-width": wide}),
      svg("path.tip", {d: `M${x1} ${y1}L${bx - uy * n} ${by + ux * n}L${bx + uy * n} ${by - ux * n}Z`}));
  }
  /* Leaves out labels that would lie on an earlier one. */
  function labels(list) {
    const taken = [];
    return list.filter(l => {
      const wide = 7.2 * l.text.length + 8,
            x = l.anchor === "end" ? l.x - wide
        : l.anchor === "middle"    ? l.x - wide / 2
                                   : l.x;
      const box = [x, l.y - 12, x + wide, l.y + 4];
      if (!l.always && taken.some(t => t[0] < box[2] && box[0] < t[2] && t[1] < box[3] && box[1] < t[3])) return false;
      taken.push(box);
      return true;
    });
  }
  function drawFan(host, data, w) {
    const body = html("div.two"), picture = html("div.plane"), out = says(),
          order = range(w.keys.length).sort((a, b) => w.dots[b] - w.dots[a]);
    const low = Math.min(0, ...w.dots), high = Math.max(0, ...w.dots);
    function draw(j) {
      looked.j = j;
      const f = fan(w, Math.max(250, picture.clientWidth)), [x, y] = f.tips[j],
            foot = [f.ox + w.dots[j] / f.ql * f.scale, f.oy];
      const arc = Math.min(46, 0.55 * Math.min(f.ql, f.lengths[j]) * f.scale), a = f.turn[j];
      const text = (i, at) => ({
        i,
        text: shown(w.keys[i]),
        x: at[0] +
          (f.turn[i] > 1.7       ? -6
              : f.turn[i] > 1.35 ? 0
                                 : 6),
        y: at[1] - 7,
        anchor: f.turn[i] > 1.7 ? "end"
          : f.turn[i] > 1.35    ? "middle"
                                : "start",
        always: i === j
      });
      const placed = labels([text(j, f.tips[j]), ...order.filter(i => i !== j).map(i => text(i, f.tips[i]))]);
      picture.replaceChildren(svg("svg", {
        viewBox: `0 0 ${f.W} ${f.H}`,
        width: f.W,
        height: f.H,
        role: "img",
        "aria-label": `Two arrows: the query of ${spoken(w.tokens, w.row)} and the key of ${spoken(w.keys, j)}, ${
          degrees(f.cosines[j])} degrees apart`
      },
        svg("line.axis", {x1: 8, x2: f.W - 8, y1: f.oy, y2: f.oy}),
        order.filter(i => i !== j).reverse().map(i => arrow("key other", f.ox, f.oy, ...f.tips[i], 2, {
          "data-j": i,
          ...sideAttributes("source", w.keys[i])
        })),
        svg("line.drop", {x1: x, y1: y, x2: foot[0], y2: foot[1]}), arrow("query", f.ox, f.oy, ...f.query, 5),
        svg("line.shadow",
          {x1: f.ox, x2: foot[0], y1: f.oy + 6, y2: f.oy + 6, class: "shadow" + (w.dots[j] < 0 ? " below" : "")}),
        arrow("key looked", f.ox, f.oy, x, y, 4.5, {"data-j": j}),
        svg("path.arc",
          {d: `M${f.ox + arc} ${f.oy}A${arc} ${arc} 0 0 0 ${f.ox + arc * Math.cos(a)} ${f.oy - arc * Math.sin(a)}`}),
        svg("text.halo.angle",
          {x: f.ox + (arc + 17) * Math.cos(a / 2), y: f.oy - (arc + 17) * Math.sin(a / 2) + 5, "text-anchor": "middle"},
          degrees(f.cosines[j]) + "°"),
        placed.map(l => svg("text", {
          class: "halo tip-name" + (l.i === j ? " looked" : ""),
          x: l.x,
          y: l.y,
          "text-anchor": l.anchor,
          "data-j": l.i,
          ...sideAttributes("source", w.keys[l.i])
        },
                     l.text)),
        svg("text.halo.query-name",
          {x: f.query[0] + 8, y: f.oy - 9, "text-anchor": f.query[0] > f.W - 70 ? "end" : "start"},
          shown(w.tokens[w.row]) + "?"),
        svg("text.muted", {x: f.ox, y: f.oy + 26, "text-anchor": foot[0] < f.ox ? "end" : "start"},
          "its shadow on the query")));
      for (const n of picture.querySelectorAll("[data-j]"))
        n.addEventListener("mouseenter", () => {
          if (+n.dataset.j !== looked.j) draw(+n.dataset.j);
        });
      mark(body, j);
      const angle = degrees(f.cosines[j]),
            how = angle < 45 ? "much the same way"
        : angle < 80         ? "partly the same way"
        : angle > 100        ? "away from it"
                             : "neither with it nor against it";
      const rank = order.indexOf(j) + 1,
            ranks = rank === 1  ? "the highest"
        : rank === order.length ? "the lowest"
                                : `number ${rank}`;
      out.replaceChildren(`The key of ${spoken(w.keys, j)} is at ${angle}° to the query: ${how}. `,
        `Length of the query × length of the shadow is its score: ${ranks} of ${w.keys.length}. `,
        digits(
          `${short(f.ql, 2)} × ${short(f.lengths[j], 2)} × cosine ${short(f.cosines[j], 3)} = ${short(w.dots[j], 2)}`));
    }
    const list = pointList("scores", "words and their scores", w.keys.map((t, j) => ({
      side: "source",
      token: t,
      cells: [
        html("span.name", shown(t)), signedBar(w.dots[j], low, high, "var(--key)", "score"),
        html("span.num.right", short(w.dots[j], 1))
      ]
    })),
      lookedAt(w), draw);
    host.append(topLine(data, "encoder", w, "who asks"), body, out);
    body.append(picture, html("div", html("p.what", "score of each word: point at one"), list));
    draw(lookedAt(w));
  }

  /* What agrees, what disagrees and what remains, as bars; full: the value of a whole line. Where more disagrees, zero
   * is further right. */
  function tallies(plus, less, total, full) {
    const zero = Math.max(0, -total), at = x => `${(100 * Math.abs(x) / (full || 1)).toFixed(3)}%`;
    const line = (name, kind, from, x, text) => html("div.tally", html("span.name", name),
      html("span.track", html("b.zero", {style: `left:${at(zero)}`}),
        html("i", {class: kind, style: `left:${at(from)};width:${at(x)}`})),
      html("span.right", text));
    return html("div.tallies", line("agree", "plus", zero, plus, short(plus, 1)),
      line("disagree", "less", zero + total, less, short(less, 1)),
      line("what remains", "rest" + (total < 0 ? " less" : ""), Math.min(zero, zero + total), total,
        strong(short(total, 1))));
  }
  function drawProducts(host, data, w) {
    const body = html("div.two.wide-left"), stack = html("div.stack"), out = says(), max = highest([w.q, ...w.k]);
    const low = Math.min(0, ...w.dots), high = Math.max(0, ...w.dots);
    const all = w.k.map(k => range(w.K).map(c => w.q[c] * k[c])), maxProduct = highest(all);
    const positive = all.map(p => sum(p.filter(x => x > 0))), negative = all.map(p => sum(p.filter(x => x < 0)));
    const full = Math.max(...positive, ...negative.map(x => -x), 1e-9);
    function draw(j) {
      looked.j = j;
      const products = all[j], plus = positive[j], less = negative[j], total = w.dots[j];
      stack.replaceChildren(html("div.lane", html("span.name.t-query", "query of ", html("b", shown(w.tokens[w.row]))),
                              skyline(w.q, {max, tone: "var(--query)", kind: "query"})),
        html("div.lane", html("span.name.t-key", "key of ", html("b", shown(w.keys[j]))),
          skyline(w.k[j], {max, tone: "var(--key)", kind: "key"})),
        html("div.lane.products", html("span.name", "each pair multiplied"),
          skyline(products, {max: maxProduct, tone: "var(--agree)", strong: c => products[c] > 0, kind: "product"})),
        tallies(plus, less, total, full));
      mark(body, j);
      const agree = products.filter(x => x > 0).length;
      out.replaceChildren(`${agree} of ${w.K} products are above zero and add up to ${
                            short(plus, 1)}; the others add up to ${short(less, 1)}. `,
        `Together ${short(total, 1)}: that is the score, the `, strong("dot product"),
        ` of ${spoken(w.tokens, w.row)} and ${spoken(w.keys, j)}.`,
        digits(" ",
          range(w.K).slice(0, 4).map(c => `${c ? " + " : ""}${short(w.q[c], 2)} × ${short(w.k[j][c], 2)}`).join(""),
          w.K > 4 && " + …", ` = ${short(total, 4)}`));
    }
    host.append(topLine(data, "encoder", w, "who asks"), body, out);
    body.append(stack,
      html("div", html("p.what", "score of each word: point at one"),
        pointList("scores", "words and their scores", w.keys.map((t, j) => ({
          side: "source",
          token: t,
          cells: [
            html("span.name", shown(t)), signedBar(w.dots[j], low, high, "var(--key)", "score"),
            html("span.num.right", short(w.dots[j], 1))
          ]
        })),
          lookedAt(w), draw)));
    draw(lookedAt(w));
  }

  scenes.push({
    id: "dot",
    title: "Query meets key",
    map: ["encoder-attention"],
    steps: 3,
    needs: hasEncoder,
    draw(host, lesson, step) {
      const w = work(lesson.data, "encoder");
      [drawVectors, drawFan, drawProducts][step](host, lesson.data, w);
    },
    caption(data, step) {
      const w = work(data, "encoder"), me = spoken(w.tokens, w.row), top = most(w.dots), who = spoken(w.keys, top);
      if (step === 0)
        return `Three matrices make three vectors of each word. With its query ${
                 me} asks: who can tell me more? Every word answers with its key; ` +
          "its value is what it will hand over.";
      if (step === 1)
        return `The more a key points the way of the query, the better they match. For ${me} ${
          top === w.row ? "its own key scores highest" : `the key of ${who} scores highest`}.`;
      return "How the machine measures it: it multiplies the two vectors number by number and adds up. " +
        `${atStart(me)} and ${top === w.row ? "its own key" : who} get the most: ${short(w.dots[top], 1)}.`;
    }
  });

  /* ---- softmax ---- */

  let divide = 1;  /* the divisor is the root to this power: 0 none, 1 the model's */
  let divides = 1; /* what the model does now: 0 where the root is switched off */
  function cake(w, share, tone, size, draw) {
    const R = size / 2 - 46, r = R * 0.46, c = size / 2, top = Math.max(...share);
    let turned = -Math.PI / 2;
    const slices = [], names = [];
    share.forEach((s, j) => {
      const a = turned, b = (turned += s * 2 * Math.PI), mid = (a + b) / 2, out = j === looked.j ? 6 : 0;
      const x = c + out * Math.cos(mid), y = c + out * Math.sin(mid),
            at = (radius, t) => `${(x + radius * Math.cos(t)).toFixed(2)} ${(y + radius * Math.sin(t)).toFixed(2)}`;
      const large = b - a > Math.PI ? 1 : 0, end = s > 0.9999 ? b - 1e-3 : b;
      slices.push(svg("path", {
        class: "slice" + (j === looked.j ? " looked" : ""),
        "data-j": j,
        "data-share": s,
        ...sideAttributes("source", w.keys[j]),
        d: `M${at(R, a)}A${R} ${R} 0 ${large} 1 ${at(R, end)}L${at(r, end)}A${r} ${r} 0 ${large} 0 ${at(r, a)}Z`,
        style: `fill:${tone};fill-opacity:${(0.18 + 0.82 * s / top).toFixed(3)}`
      }));
      names.push({
        j,
        s,
        text: shown(w.keys[j]),
        x: c + (R + 12) * Math.cos(mid),
        y: c + (R + 12) * Math.sin(mid) + 4,
        anchor: Math.abs(Math.cos(mid)) < 0.3 ? "middle"
          : Math.cos(mid) < 0                 ? "end"
                                              : "start",
        always: j === looked.j
      });
    });
    const placed = labels(names.filter(n => n.s > 0.02 || n.always).sort((x, y) => y.always - x.always || y.s - x.s));
    const j = looked.j,
          picture = svg("svg.cake", {
            viewBox: `0 0 ${size} ${size}`,
            width: size,
            height: size,
            role: "img",
            "aria-label":
              "The cake: " + range(share.length).map(i => `${shown(w.keys[i])} ${part(share[i])}`).join(", ")
          },
            slices,
            placed.map(n => svg("text", {
              class: "halo" + (n.j === j ? " looked" : ""),
              x: n.x,
              y: n.y,
              "text-anchor": n.anchor,
              ...sideAttributes("source", w.keys[n.j])
            },
                         n.text)),
            svg("text.cake-share", {x: c, y: c + 2, "text-anchor": "middle"}, part(share[j])),
            svg("text.muted", {x: c, y: c + 20, "text-anchor": "middle"}, shown(w.keys[j])));
    for (const n of picture.querySelectorAll(".slice"))
      n.addEventListener("mouseenter", () => {
        if (+n.dataset.j !== looked.j) draw(+n.dataset.j);
      });
    return picture;
  }
  const drawSoftmax = (host, data, step) => {
    const model = work(data, "encoder"), tone = colour(model.head), narrow = host.clientWidth < 640;
    const table = html("div.ladder"), ring = html("div.ring"), out = says(),
          body = html("div", {class: "two wide-left" + (step < 3 ? " one" : "")});
    lookedAt(model);
    if (divides !== (off(data, "root") ? 0 : 1)) divide = divides = off(data, "root") ? 0 : 1;
    const asItIs = () => Math.abs(divide - divides) < 1e-9, ninety = share => {
      let left = 0.9, count = 0;
      for (const x of [...share].sort((a, b) => b - a)) {
        if (left <= 1e-9) break;
        left -= x;
        count++;
      }
      return plural(count, "word");
    };
    function draw(j) {
      looked.j = j;
      const root = model.root ** divide, w = {...model, ...work(data, "encoder", root)};
      const share = asItIs() ? model.share : w.share;
      const both = [...w.dots, ...w.scaled], low = Math.min(0, ...both), high = Math.max(0, ...both), n = w.keys.length;
      const stages = [
        {
          name: "score",
          bar: i => signedBar(w.dots[i], low, high, "var(--key)", "score"),
          text: i => short(w.dots[i], 1)
        },
        {
          name: root > 1.0001 ? `÷ ${short(root, 1)}` : "not divided",
          bar: i => signedBar(w.scaled[i], low, high, "var(--key)", "divided"),
          text: i => short(w.scaled[i], 2)
        },
        {
          name: ["e", html("sup", "score")],
          bar: i => signedBar(w.exps[i], 0, 1, tone, "e to the score"),
          text: i => exponent(w.scaled[i])
        },
        {
          name: "share",
          bar: i => signedBar(share[i], 0, Math.max(...share), tone, "share"),
          text: i => part(share[i]),
          always: true
        }
      ];
      const from = narrow ? Math.max(0, step - 1) : 0, columns = stages.slice(from, step + 1);
      const held = table.contains(document.activeElement) && document.activeElement.getAttribute("data-key");
      const columnsStyle = `grid-template-columns:minmax(3.2rem,max-content) repeat(${columns.length},minmax(0,1fr))`;
      table.replaceChildren(
        html("div.ladder-head", {style: columnsStyle}, html("span"), columns.map(s => html("span.what", s.name))),
        pointList("steps", "words and their shares", w.keys.map((t, i) => ({
          side: "source",
          token: t,
          cells: html("span.ladder-row", {style: columnsStyle}, html("span.name", shown(t)),
            columns.map(s => html("span.stage", s.bar(i), html(s.always ? "span.right" : "span.num.right", s.text(i)))))
        })),
          j, i => {
            if (i !== looked.j) draw(i);
          }));
      if (held) table.querySelector(`[data-key="${held.replace(/\d+$/, j)}"]`)?.focus({preventScroll: true});
      if (step === 3)
        ring.replaceChildren(cake(w, share, tone, Math.min(340, Math.max(240, ring.clientWidth || 300)), draw));
      mark(body, j);
      for (const b of host.querySelectorAll("[data-divide]"))
        b.setAttribute("aria-pressed", String(Math.abs(+b.dataset.divide - divide) < 1e-9));
      const order = range(n).sort((a, b) => share[b] - share[a]), a = order[0], least = order[n - 1],
            name = i => spoken(w.keys, i);
      const gap = w.scaled[a] - w.scaled[least];
      const text = [
      [`${atStart(name(j))} has the score `, strong(short(w.dots[j], 1)), "."],
      [asItIs() && divides ? `The model divides by the root of ${w.K}, ${short(root, 1)}: a score is a sum of ${w.K} products, and the root brings it back to a size that does not depend on how many there are.`
        : asItIs() ? "The root is switched off: the scores stay as they are."
        : divide < 1 ? `Divided by ${short(root, 1)}, the scores are further apart than if divided by the root, ${short(model.root, 1)}. See in the last step what that does to the cake.`
        : divide > 1 ? `Divided by ${short(root, 1)}, the scores come closer to each other.` : "Divided by the root, as in training."],
      [n > 1 ? [`${atStart(name(a))} was ${short(gap, 1)} ahead of the last, ${name(least)}. Now it is `, strong(`${times(gap)} times`), " as large."]
        : "There is one word only."],
      [`${atStart(name(j))} gets `, strong(part(share[j])), `. All ${n} shares add up to ${percent(sum(share))}.`, !asItIs() && [
        ` Divided by ${short(root, 1)}, the largest is ${part(share[a])}, and ${ninety(share)} take nine tenths of the cake; as the model is now: ${part(model.share[model.best])}, and ${ninety(model.share)}.`,
        divide < 1 && " The sharper the shares, the less they move in training: that is what the root is for."]]
    ][step];
      out.replaceChildren(...present(text),
        step > 1 &&
            digits(` Largest share: e^${short(w.scaled[a], 3)} ÷ ${exponentSum(w)} = ${
              short(share[a],
                4)}. So that e^score never gets too large, the program first takes the largest score off all; the shares stay as they are.`) ||
          "");
    }
    host.append(topLine(data, "encoder", model, "who asks"));
    if (step > 0)
      host.append(html("div.knob", html("label", html("span.what", "divide the scores by"), html("input", {
        type: "range",
        id: "divisor",
        min: 0,
        max: 2,
        step: 0.05,
        value: divide,
        "data-key": "divisor",
        "aria-label": "divisor of the scores",
        oninput: e => {
          divide = +e.target.value;
          draw(looked.j);
        }
      })),
        html("button.pick", {"data-divide": 0, "data-key": "divide0", onclick: () => set(0)}, "1: no root"),
        html("button.pick", {"data-divide": 1, "data-key": "divide1", onclick: () => set(1)},
          `${short(model.root, 1)}: the root`)));
    const set = x => {
      divide = x;
      host.querySelector("#divisor").value = x;
      draw(looked.j);
    };
    if (step > 1)
      host.append(html("p.plain-formula",
        step === 2
          ? ["e", html("sup", "score"), html("span.what", "  2.718 multiplied by itself, as often as the score says")]
          : [
              "share = ",
              html("span.frac", html("span", "e", html("sup", "its score")),
                html("span", "sum of e", html("sup", "score"), " of all words"))
            ]));
    host.append(body, out);
    body.append(table, step === 3 ? ring : "");
    draw(looked.j);
  };
  const times = x => (Math.exp(x) < 20 ? short(Math.exp(x), 1)
      : Math.exp(x) < 1e6              ? thousands(Math.round(Math.exp(x)))
                                       : "more than a million");
  const exponent = x => (Math.exp(x) < 1e4 && Math.exp(x) >= 0.01 ? short(Math.exp(x), 2) : "e^" + short(x, 1));
  const exponentSum = w =>
    (w.top < 600 ? exponent(Math.log(w.total) + w.top) : "e^" + short(Math.log(w.total) + w.top, 1));

  scenes.push({
    id: "softmax",
    title: "Sharing a cake",
    map: ["encoder-attention"],
    steps: 4,
    needs: hasEncoder,
    draw: (host, lesson, step) => drawSoftmax(host, lesson.data, step),
    caption(data, step) {
      const w = work(data, "encoder"), me = spoken(w.tokens, w.row), top = most(w.dots),
            low = w.dots.indexOf(Math.min(...w.dots));
      if (step === 0)
        return w.keys.length > 1
          ? `The scores that ${me} gave: highest for ${spoken(w.keys, top)}, lowest for ${
              spoken(w.keys, low)}. But what is a score of ${short(w.dots[top], 1)} worth? They must become shares.`
          : `The one score that ${me} gave.`;
      if (step === 1)
        return "First all scores are divided by the same number, the root of how many products each one adds up. Move the slider and watch.";
      if (step === 2)
        return "Then e is raised to each score. A lead becomes a multiple, and no number is negative any more.";
      return `Last, each word gets its part of the whole. See the largest piece of the cake: it goes to ${
        spoken(w.keys, w.best)}, ${part(w.share[w.best])}.`;
    }
  });

  /* ---- the weighted sum ---- */

  /* Arrows in the plane in which vectors are seen best: the two main directions of these vectors. */
  function bestPlane(vectors) {
    const K = vectors[0].length, axes = [];
    let list = vectors.map(v => Float64Array.from(v));
    for (let a = 0; a < 2; a++) {
      let axis = Float64Array.from(list.reduce((x, y) => (length(y) > length(x) ? y : x)));
      for (let round = 0; round < 60; round++) {
        const next = new Float64Array(K);
        for (const v of list) {
          const s = dot(v, axis);
          for (let c = 0; c < K; c++) next[c] += s * v[c];
        }
        const size = length(next);
        if (size < 1e-12) break;
        axis = next.map(x => x / size);
      }
      const size = length(axis);
      axis = axis.map(x => (size > 1e-9 ? x / size : 0));
      axes.push(axis);
      list = list.map(v => {
        const s = dot(v, axis);
        return v.map((x, c) => x - s * axis[c]);
      });
    }
    return axes;
  }
  let lastStep = 0;
  function drawSum(host, data, step) {
    const w = work(data, "encoder"), max = highest(w.v), tone = "var(--value)", out = says(),
          body = html("div", {class: "two wide-left" + (step < 2 ? " one" : "")}), plane = html("div.plane");
    const before = lastStep;
    lastStep = step;
    const parts = w.v.map((v, j) => v.map(x => x * w.share[j])), maxOut = highest([w.out, ...parts]);
    const list = pointList("values", "values of the words", w.keys.map((t, j) => ({
      side: "source",
      token: t,
      cells: [
        html("span.name", shown(t)),
        html("span.share", signedBar(w.share[j], 0, Math.max(...w.share), colour(w.head), "share"),
          html("span.right", part(w.share[j]))),
        step === 2 ? skyline(parts[j], {
          max: maxOut,
          tone,
          shrink: 1,
          from: before === 1 ? maxOut / max : 1,
          kind: "value",
          label: `what ${shown(t)} gives`
        })
                   : skyline(w.v[j], {
                       max,
                       tone,
                       ghost: step === 1,
                       shrink: step ? w.share[j] : 1,
                       from: before === 0 ? 1 : w.share[j],
                       kind: "value",
                       label: `value of ${shown(t)}`
                     })
      ]
    })),
      lookedAt(w), tell);
    function tell(j) {
      looked.j = j;
      mark(body, j);
      const name = spoken(w.keys, j);
      if (step === 2) drawChain(j);
      out.replaceChildren(...present([
        [`${atStart(name)} holds ${w.K} numbers ready. The share beside its name says how much of them is taken.`],
        [`${atStart(name)} keeps `, strong(part(w.share[j])), " of its height."],
        [
          `${atStart(name)} gives ${part(w.share[j])} of its value: the arrow in full colour. `,
          digits(`First number: ${
            order.slice(0, 3).map(i => `${short(w.share[i], 3)} × ${short(w.v[i][0], 3)}`).join(" + ")}${
            order.length > 3 ? " + …" : ""} = ${short(w.out[0], 4)}`)
        ]
      ][step]));
    }
    const order = range(w.keys.length).sort((a, b) => w.share[b] - w.share[a]);
    /* The shrunk values, one starting where the other ends: their sum goes from the first to the last. */
    const axes = bestPlane([...parts, w.out]), flat = v => axes.map(a => dot(a, v));
    function drawChain(j) {
      const W = Math.max(250, plane.clientWidth), most = Math.min(340, 0.85 * W), at = [[0, 0]];
      for (const i of order) {
        const [x, y] = flat(parts[i]), last = at[at.length - 1];
        at.push([last[0] + x, last[1] + y]);
      }
      const xs = at.map(a => a[0]), ys = at.map(a => a[1]), pad = 44, spanX = Math.max(...xs) - Math.min(...xs),
            spanY = Math.max(...ys) - Math.min(...ys);
      const scale = Math.min((W - 2 * pad) / (spanX || 1e-9), (most - 2 * pad) / (spanY || 1e-9)),
            H = Math.max(120, spanY * scale + 2 * pad);
      const X = x => W / 2 + (x - (Math.max(...xs) + Math.min(...xs)) / 2) * scale,
            Y = y => H / 2 - (y - (Math.max(...ys) + Math.min(...ys)) / 2) * scale;
      const end = flat(w.out);
      const names = labels(order
                             .map((i, n) => ({
                               i,
                               text: shown(w.keys[i]),
                               x: X((at[n][0] + at[n + 1][0]) / 2) + 7,
                               y: Y((at[n][1] + at[n + 1][1]) / 2) - 5,
                               anchor: "start",
                               always: i === j
                             }))
                             .sort((a, b) => b.always - a.always));
      plane.replaceChildren(svg("svg", {
        viewBox: `0 0 ${W} ${H}`,
        width: W,
        height: H,
        role: "img",
        "aria-label": "The shrunk values as arrows, one after the other; the thick arrow is their sum"
      },
        arrow("sum", X(0), Y(0), X(end[0]), Y(end[1]), 6, {"data-sum": JSON.stringify(end)}),
        order.map((i, n) => arrow("value" + (i === j ? " looked" : ""), X(at[n][0]), Y(at[n][1]), X(at[n + 1][0]),
                    Y(at[n + 1][1]), i === j ? 4 : 2.5, {"data-j": i, ...sideAttributes("source", w.keys[i])})),
        names.map(l => svg("text", {class: "halo" + (l.i === j ? " looked" : ""), x: l.x, y: l.y}, l.text)),
        svg("circle.start", {cx: X(0), cy: Y(0), r: 4})));
      for (const n of plane.querySelectorAll(".arrow.value"))
        n.addEventListener("mouseenter", () => {
          if (+n.dataset.j !== looked.j) tell(+n.dataset.j);
        });
    }
    host.append(topLine(data, "encoder", w, "who asks"),
      mute(data, w.b, w.head) ? offNote("this head. Its sum is worked out, but it is not used.") : "", body, out);
    const left = html("div", list);
    if (step === 2)
      left.append(
        html("div.total", html("span.name", "sum"), html("span.what", `what ${shown(w.tokens[w.row])} takes home`),
          skyline(w.out, {max: maxOut, tone, kind: "out", label: "the sum"})));
    body.append(left,
      step === 2 ? html("div", html("p.what", "the same, as arrows end to end"), plane,
                     html("p.what.num",
                       `this plane shows ${
                         part(length(flat(w.out)) ** 2 / (length(w.out) ** 2 || 1))} of the sum’s squared length`))
                 : "");
    tell(lookedAt(w));
  }
  scenes.push({
    id: "sum",
    title: "What the word takes home",
    map: ["encoder-attention"],
    steps: 3,
    needs: hasEncoder,
    draw: (host, lesson, step) => drawSum(host, lesson.data, step),
    caption(data, step) {
      const w = work(data, "encoder"), me = spoken(w.tokens, w.row),
            who = w.best === w.row ? "itself" : spoken(w.keys, w.best);
      if (step === 0)
        return `Now the values. Every word holds out what it has to give; ${me} will take most from ${who}, ${
          part(w.share[w.best])}.`;
      if (step === 1)
        return `Each value shrinks to its share of the cake. Pale is what it was; ${
          w.best === w.row ? `${me} itself` : who} keeps most: ${part(w.share[w.best])}.`;
      return `What is left is added up, bar by bar (all drawn larger now). This is what ${
        me} takes home from this head: ${part(w.share[w.best])} of it comes from ${who}.`;
    }
  });

  /* ---- the heads of a layer ---- */

  function drawHeads(host, data) {
    const w = placeOf(data, "encoder"), H = w.b.p.shape[0], n = w.keys.length, W = Math.max(260, host.clientWidth),
          narrow = W < 560;
    const picture = html("div.heads-of"), out = says();
    const weights = range(H).map(h => [...rowOf(w.b, h, w.row)]), tops = weights.map(most);
    const high = Math.max(narrow ? 300 : 330, Math.min(H * 46, 560), Math.min(n * 19, 760)), step = high / n,
          gap = high / H;
    const x0 = narrow ? 4 : 96, x1 = narrow ? 104 : 330, x2 = W - (narrow ? 92 : 220), word = shown(w.tokens[w.row]);
    const yHead = h => (h + 0.5) * gap, yWord = j => (j + 0.5) * step, cell = Math.min(15, (narrow ? 64 : 120) / H);
    /* A ribbon leaves its head as wide as its share of the head's side, and ends as wide as its share of all looks. */
    const side = Math.min(38, gap - 2), totals = range(n).map(j => sum(weights.map(p => p[j]))),
          thick = 0.92 * step / Math.max(...totals);
    const flow = (h, j) => {
      const a = yHead(h) - side / 2 + side * sum(weights[h].slice(0, j)), b = a + side * weights[h][j],
            mid = (x1 + x2) / 2;
      const c = yWord(j) + thick * (sum(weights.slice(0, h).map(p => p[j])) - totals[j] / 2),
            d = c + thick * weights[h][j], end = x2 - 5;
      return `M${x1} ${a}C${mid} ${a} ${mid} ${c} ${end} ${c}V${d}C${mid} ${d} ${mid} ${b} ${x1} ${b}Z`;
    };
    const head = h => svg("g", {
      class: "one-head" + (mute(data, w.b, h) ? " mute" : ""),
      "data-head": h,
      tabindex: h === w.head ? 0 : -1,
      "data-r": h,
      "data-c": 0,
      role: "option",
      "data-key": "onehead" + h,
      "aria-label": `head ${h}: most at ${shown(w.keys[tops[h]])}, ${part(weights[h][tops[h]])}`,
      style: `color:${colour(h)}`
    },
      !narrow &&
        svg("path.stem",
          {d: `M${x0 + 8} ${high / 2}C${x0 + 60} ${high / 2} ${x0 + 60} ${yHead(h)} ${x1 - 138} ${yHead(h)}`}),
      weights[h].map((p, j) => p > 0.01 && svg("path.flow", {d: flow(h, j), "data-p": p, "data-j": j})), svg("rect", {
        x: narrow ? 0 : x1 - 136,
        y: yHead(h) - Math.min(19, gap / 2 - 1),
        width: narrow ? x1 : 136,
        height: Math.min(38, gap - 2),
        rx: 7
      }),
      svg("text.head-name", {x: narrow ? 7 : x1 - 128, y: yHead(h) + (gap > 34 ? -3 : 4)},
        `head ${h}` + (mute(data, w.b, h) ? ", mute" : "")),
      gap > 34 &&
        svg("text.head-top", {x: narrow ? 7 : x1 - 128, y: yHead(h) + 12},
          `${cut(shown(w.keys[tops[h]]), narrow ? 8 : 12)} ${part(weights[h][tops[h]])}`),
      !narrow && gap > 66 && doesOf(w.b, h) &&
        wrapped(doesOf(w.b, h), 150, 11.5)
          .slice(0, 2)
          .map((line, i) => svg("text.head-does", {x: x1 - 134, y: yHead(h) + 33 + 13 * i}, line)));
    const words = w.keys.map(
      (t, j) => svg("g.right-word", {...sideAttributes("source", t), "data-j": j},
        svg("text", {x: x2 + 2, y: yWord(j) + 4, class: j === w.row ? "me" : ""}, cut(shown(t), narrow ? 10 : 14)),
        !narrow && range(H).map(h => svg("rect.weight", {
          x: x2 + 86 + h * (cell + 2),
          y: yWord(j) - Math.min(7, step / 2 - 1),
          width: cell,
          height: Math.min(14, step - 2),
          rx: 2,
          style: `fill:${colour(h)};fill-opacity:${Math.sqrt(weights[h][j]).toFixed(3)}`,
          "data-p": weights[h][j]
        }))));
    const drawn = svg("svg", {
      viewBox: `0 ${narrow ? 0 : -16} ${W} ${high + (narrow ? 6 : 22)}`,
      width: W,
      height: high + (narrow ? 6 : 22),
      role: "listbox",
      "aria-label": `the heads of ${layerOf(w.b)}, as ${word} sees with them`
    },
      !narrow && svg("text.label", {x: x2 + 86, y: -3}, H > 1 ? "share of each head" : "its share"),
      !narrow && svg("text.asks", {x: x0, y: high / 2 + 6, "text-anchor": "end"}, cut(word, 10)), range(H).map(head),
      words);
    const tell = h => {
      drawn.classList.toggle("one", h >= 0);
      for (const g of drawn.querySelectorAll(".one-head")) g.classList.toggle("looked", +g.dataset.head === h);
      drawn.querySelectorAll(".right-word")
        .forEach(g => g.querySelectorAll(".weight").forEach((r, k) => r.classList.toggle("faded", h >= 0 && k !== h)));
      const list = h < 0 ? null : range(n).sort((a, b) => weights[h][b] - weights[h][a]).slice(0, 3);
      out.replaceChildren(...present(h < 0 ? "Point at a head to see it alone." : [
        strong({style: `color:${colour(h)}`}, `Head ${h}`),
        `: ${spoken(w.tokens, w.row)} looks at ${
          list.map(j => `${j === w.row ? "itself" : spoken(w.keys, j)} (${part(weights[h][j])})`).join(", ")}.`,
        doesOf(w.b, h) ? ` In general this head ${doesOf(w.b, h)}.` : ""
      ]));
    };
    roving(drawn, ".one-head", n => tell(+n.dataset.head), n => goTo("encoder", w, {head: +n.dataset.head}));
    drawn.addEventListener("keydown", e => {
      if (e.key.startsWith("Arrow")) e.stopPropagation();
    });
    drawn.addEventListener("mouseleave", () => tell(-1));
    picture.append(drawn);
    host.append(topLine(data, "encoder", w, "who asks"), picture, out);
    tell(-1);
  }
  const cut = (text, count) => (text.length > count ? text.slice(0, count - 1) + "…" : text);

  function takenHome(data, w) {
    const H = w.b.p.shape[0], D = w.b.v.shape[1], K = D / H, v = tensor(w.b.v);
    return range(H).map(h => {
      const p = mute(data, w.b, h) ? new Float32Array(w.keys.length) : rowOf(w.b, h, w.row);
      return range(K).map(c => sum(range(w.keys.length).map(j => p[j] * v.row(j)[h * K + c])));
    });
  }
  /* The output matrix of a block, where the page has it: {w (D, D), b (D)}. */
  function joiner(data, block) {
    const a = data.arithmetic;
    return a && a.block === block && a.wo && a.bo ? {w: tensor(a.wo), b: tensor(a.bo)} : null;
  }
  /* A word's row at a layer: before attention, behind it, behind feed-forward; inside: of feed-forward. */
  function streamOf(data, w) {
    const s = data.stream && data.stream[w.b.layer];
    if (!s || w.b.kind !== "encoder") return null;
    const [before, middle, after, inside] = [s.before, s.middle, s.after, s.inside].map(a => [...tensor(a).row(w.row)]);
    const less = (a, b) => a.map((x, c) => x - b[c]), pre = data.model.norm === "pre";
    return {
      before,
      middle,
      after,
      inside,
      pre,
      attended: pre && less(middle, before),
      thought: pre && less(after, middle)
    };
  }
  /* Rows of a picture one below the other, each with what it is: [sign, text, what is drawn]. */
  const joints = rows => html("div.join",
    rows.map(([sign, what, ...parts]) => html("div.joint", html("span.sign", sign), html("span.what", what), parts)));
  function drawJoin(host, data) {
    const w = placeOf(data, "encoder"), H = w.b.p.shape[0], D = w.b.v.shape[1], outs = takenHome(data, w),
          max = highest(outs), name = shown(w.tokens[w.row]);
    const wo = joiner(data, w.block), row = outs.flat(), s = streamOf(data, w);
    const mixed = (s && s.attended) || (wo && range(D).map(i => dot(wo.w.row(i), row) + wo.b.data[i])),
          high = s && highest([s.before, s.middle]);
    const stream = (values, kind, label) => skyline(values, {max: high, tone: "var(--source)", kind, label});
    host.append(topLine(data, "encoder", w, "who asks"), joints([
      [
        "",
        H === 1 ? `what the head takes home: ${D} numbers`
                : `what the ${H} heads take home, side by side: ${H} × ${D / H} = ${D} numbers`,
        html("div.side-by-side",
          outs.map((o, h) => html("div", skyline(o, {max, tone: colour(h), kind: "out", label: `head ${h}`}),
                     html("span.what", {style: `color:${colour(h)}`}, H > 8 ? h : `head ${h}`))))
      ],
      [
        "↓", `a matrix of ${D} × ${D} numbers (Wo) mixes them, so that every place hears from every head`,
        mixed &&
          skyline(
            mixed, {max: s && s.pre ? high : highest([mixed]), tone: "var(--value)", kind: "mixed", label: "mixed"})
      ],
      [
        "+", `the vector with which ${name} came in; it is kept, and the news is added (the residual stream)`,
        s && stream(s.before, "came", "came in")
      ],
      [
        "=",
        `${name}, with what it has learnt from the others` +
          (s && !s.pre ? ", brought back to one size (layer norm)"
              : s      ? ""
                       : ". The next part reads this."),
        s && stream(s.middle, "result", "the sum")
      ]
    ]),
      off(data, "attention") ? offNote("attention. Nothing of what the heads take home is added.") : "");
    if (s && s.pre && !off(data, "attention")) {
      const much = length(s.attended) / (length(s.before) || 1);
      host.append(
        html("p.says", "The last three have one scale. What is added is ", strong({class: "much"}, part(much)),
          ` as long as what was there${much < 0.5 ? ": a nudge, not a new word" : ""}.`));
    }
  }
  function drawFeedForward(host, data) {
    const w = placeOf(data, "encoder"), m = data.model || {}, D = m.width || w.b.v.shape[1], F = m.feedforward,
          s = streamOf(data, w), name = shown(w.tokens[w.row]);
    const cutOff =
      m.activation === "relu" ? "numbers below zero are set to 0 (ReLU)" : "numbers below zero nearly vanish (GELU)";
    host.append(topLine(data, "encoder", w, "which word", false));
    if (!s) {
      const most = Math.max(D, F || D),
            box = (count, text, tone) => html("div.ff",
              html("span.ff-box", {style: `width:${100 * count / most}%;background-color:${tone}`}, thousands(count)),
              html("span.what", text));
      host.append(html("div.ffs", box(D, `${name}, as attention left it: ${D} numbers`, "var(--source)"),
        F && box(F, `a matrix makes ${thousands(F)} numbers of them; ${cutOff}`, "var(--muted)"),
        box(D, `a second matrix makes ${D} again, and they are added to the word’s vector`, "var(--source)")));
    } else {
      const high = highest([s.middle, s.after]),
            stream = (values, kind, label, tone = "var(--source)") => skyline(values, {max: high, tone, kind, label});
      host.append(joints([
        ["", `${name}, as attention left it: ${D} numbers`, stream(s.middle, "result", "as attention left it")],
        [
          "↓", `a matrix makes ${thousands(F)} numbers of them. Pale: ${cutOff}; only the others go on`,
          skyline(s.inside, {
            max: highest([s.inside]),
            tone: "var(--head-4)",
            strong: c => s.inside[c] > 0,
            kind: "inside",
            label: "inside"
          })
        ],
        [
          "+",
          `a second matrix makes ${D} again. They are added to the word’s vector` +
            (s.pre ? "" : ", and the sum is brought back to one size (layer norm)"),
          s.thought && stream(s.thought, "thought", "what is added", "var(--head-4)")
        ],
        [
          "=", `${name}, as the next ${w.b.layer + 1 < m.encoder_layers ? "layer" : "part"} reads it`,
          stream(s.after, "goes-on", "the sum")
        ]
      ]));
      if (off(data, "feedforward")) host.append(offNote("feed-forward. Nothing is added."));
      const on = s.inside.filter(x => x > 0).length;
      const ratio = s.pre && length(s.thought) / (length(s.attended) || 1e-9);
      host.append(html("p.says", strong(`${on} of ${thousands(F)}`), " numbers inside are above zero. ",
        s.pre && !off(data, "attention") && !off(data, "feedforward") &&
          `What feed-forward adds is ${short(ratio, 1)} times as long as what attention added. `));
    }
    if (m.encoder_layers)
      host.append(html("p.says",
        `Attention and feed-forward together are one layer. This encoder has ${plural(m.encoder_layers, "layer")}${
          m.encoder_layers > 1 ? "; each reads what the one before left" : ""}.`));
  }
  const inWords = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight"];
  scenes.push({
    id: "heads",
    get title() {
      const [first] = lesson.data ? blocksOf(lesson.data, "encoder") : [];
      const H = first === undefined ? 0 : lesson.data.attention[first].p.shape[0], many = inWords[H] || "Many";
      return H === 1 ? "One head, one question" : `${many} heads, ${many.toLowerCase()} questions`;
    },
    map: ["encoder-attention"],
    steps: d => (d.model ? 2 : 1), /* the worked example joins no heads */
    needs: hasEncoder,
    draw(host, lesson, step) { [drawHeads, drawJoin][step](host, lesson.data); },
    caption(data, step) {
      const w = placeOf(data, "encoder"), H = w.b.p.shape[0], me = spoken(w.tokens, w.row);
      if (step === 1)
        return `${
          H === 1 ? "What the head brings is mixed"
                  : "How the heads are joined: laid side by side, mixed"}, and added to what ${
          me} already was. Nothing is thrown away.`;
      const tops = range(H).map(h => most(rowOf(w.b, h, w.row))), different = new Set(tops).size;
      const strongest = most(tops.map((j, h) => rowOf(w.b, h, w.row)[j])), j = tops[strongest];
      return H === 1 ? `This layer has one head: ${me} looks most at ${spoken(w.keys, j)}.`
                     : `${H} heads ask ${H} questions at once, each in its own colour. ${
                         different === 1 ? `For ${me} all look most at ${spoken(w.keys, tops[0])}`
                                         : `For ${me} they look most at ${different} different words`}. ` +
          `The widest ribbon is head ${strongest}’s: ${part(rowOf(w.b, strongest, w.row)[j])} for ${
            j === w.row ? "the word itself" : spoken(w.keys, j)}.`;
    }
  });

  scenes.push({
    id: "feedforward",
    title: "Then each word thinks for itself",
    map: ["encoder-ffn", "decoder-ffn"],
    needs: d => d.model && hasEncoder(d),
    draw: (host, lesson) => drawFeedForward(host, lesson.data),
    caption(data) {
      const w = placeOf(data, "encoder");
      return `Feed-forward: ${
        spoken(w.tokens,
          w.row)} now sees no other word. What attention has brought is worked over, number by number, and added again.`;
    }
  });

  /* ---- the mask ---- */

  /* Weights of a decoder's head with the mask, and without it, from the same queries and keys. */
  function bothWays(data, w) {
    const D = w.b.q.shape[1], K = D / w.b.p.shape[0], q = tensor(w.b.q), k = tensor(w.b.k), at = w.head * K;
    const root = off(data, "root") ? 1 : Math.sqrt(K), own = range(w.tokens.length).map(i => rowOf(w.b, w.head, i));
    const made = hide =>
      own.map((_, i) => softmax(
                range(w.keys.length)
                  .map(j => (hide && j > i ? -Infinity
                                           : dot(q.row(i).subarray(at, at + K), k.row(j).subarray(at, at + K)) / root)))
                          .weights);
    return off(data, "mask") ? {free: own, masked: made(true)} : {free: made(false), masked: own};
  }
  let cloths = 0; /* each picture has a pattern of its own */
  function triangle(w, W, rows, {open, curtain, name}) {
    const n = w.keys.length, narrow = W < 420, left = narrow ? 74 : 96,
          cell = Math.max(7, Math.min(32, (W - left - 30) / n)),
          top = Math.min(78, 16 + 6.2 * Math.max(...w.keys.map(t => cut(shown(t), 10).length)));
    const H = top + n * cell + 4, X = j => left + j * cell, Y = i => top + i * cell, every = Math.ceil(12 / cell),
          drawn = [];
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const ahead = j > i, p = rows[i][j];
        if (i > open) continue;
        drawn.push(svg("rect", {
          class: "tri" + (ahead ? curtain ? " shut" : " ahead" : ""),
          x: X(j) + 0.5,
          y: Y(i) + 0.5,
          width: cell - 1,
          height: cell - 1,
          rx: cell > 12 ? 2 : 0,
          "data-i": i,
          "data-j": j,
          "data-p": ahead && curtain ? 0 : p,
          style: ahead && curtain
            ? null
            : `fill:${ahead ? "var(--warm)" : "var(--accent)"};fill-opacity:${(0.04 + 0.96 * Math.sqrt(p)).toFixed(3)}`
        }));
      }
    const id = "cloth-" + (cloths = (cloths + 1) % 1000);
    const cloth = curtain &&
      svg("g.cloth", svg("rect", {x: 0, y: top - 3, width: n * cell + 2, height: n * cell + 6, fill: `url(#${id})`}));
    const room = svg("svg.room",
      {x: left, y: 0, width: n * cell + 1, height: H, overflow: "hidden", style: "overflow:hidden"}, cloth,
      curtain && open + 1 < n &&
        svg("rect.floor", {x: 0, y: Y(open + 1), width: n * cell + 2, height: n * cell, visibility: "visible"}));
    if (cloth)
      glide(cloth.firstChild, "transform",
        `translateX(${
          (Math.max(0,
             open -
               (lastOpen < open      ? 1
                   : lastOpen > open ? -1
                                     : 0)) +
            1) *
          cell}px)`,
        `translateX(${(open + 1) * cell}px)`);
    return svg("svg.triangle",
      {viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "img", "aria-label": name, "data-open": open},
      cloth && svg("defs",
        svg("pattern", {id, width: 9, height: 9, patternUnits: "userSpaceOnUse"},
          svg("rect.cloth-a", {width: 9, height: 9}), svg("rect.cloth-b", {width: 4, height: 9}))),
      drawn, room,
      w.keys.map((t, j) => j % every === 0 &&
          svg("text", {
            class: "label" + (j === w.row ? " looked" : ""),
            transform: `translate(${X(j) + cell / 2 + 3} ${top - 8}) rotate(-60)`,
            ...sideAttributes("target", t)
          },
            cut(shown(t), 10))),
      w.tokens.map((t, i) => i % every === 0 &&
          svg("text", {
            class: "label" +
              (i === w.row   ? " looked"
                  : i > open ? " unsaid"
                             : ""),
            x: left - 7,
            y: Y(i) + cell / 2 + 4,
            "text-anchor": "end",
            ...sideAttributes("target", t)
          },
            cut(shown(t), 10))),
      svg("rect.frame", {x: left - 1, y: Y(w.row) - 1, width: n * cell + 2, height: cell + 2, rx: 3}));
  }
  let lastOpen = 0;
  function drawMask(host, data, step) {
    const w = placeOf(data, "decoder"), n = w.tokens.length, out = says(), {free, masked} = bothWays(data, w),
          open = off(data, "mask");
    const go = row => goTo("decoder", w, {row: Math.max(0, Math.min(n - 1, row))});
    const top = html("div.top-line",
      html("div.asker", html("span.what", "what has been said so far"),
        chips(
          w.tokens, "target", w.row, go, {label: "words of the translation", hidden: i => step === 0 && i > w.row})),
      headChooser(data, "decoder", w));
    const controls = html("div.knob",
      html("button", {"data-key": "mask-back", onclick: () => go(w.row - 1), disabled: w.row === 0}, "← one back"),
      html("button", {"data-key": "mask-next", onclick: () => go(w.row + 1), disabled: w.row === n - 1},
        "open the next word →"),
      html("label", html("span.what", "curtain"), html("input", {
        type: "range",
        min: 0,
        max: n - 1,
        value: w.row,
        "data-key": "curtain",
        "aria-label": "how many words have been said",
        oninput: e => go(+e.target.value)
      })));
    const me = spoken(w.tokens, w.row), W = Math.max(250, host.clientWidth);
    host.append(top, controls,
      open ? offNote(step ? "the mask. The second picture is the model as it is now."
                          : "the mask. This is what it would hide.")
           : "");
    if (step === 0) {
      const two = html("div.two.even");
      const half = W > 700 ? (W - 28) / 2 : W, order = range(w.row + 1),
            big = Math.max(...order.map(j => masked[w.row][j]));
      two.append(
        triangle(w, half, masked,
          {open: w.row, curtain: true, name: `Who may look at whom: ${plural(w.row + 1, "row")} of ${n} are open`}),
        html("div", html("p.what", `where ${shown(w.tokens[w.row])} looks`),
          html("div.points.plain",
            order.map(j => html("div.point", sideAttributes("target", w.keys[j]), html("span.name", shown(w.keys[j])),
                        signedBar(masked[w.row][j], 0, big, "var(--accent)", "share"),
                        html("span.right", part(masked[w.row][j]))))),
          w.row + 1 < n && html("p.what", `${plural(n - w.row - 1, "word")} behind the curtain: 0 % each`)));
      host.append(two, out);
      const best = most([...masked[w.row]].slice(0, w.row + 1));
      out.replaceChildren(w.row === 0
          ? "(start) can only look at itself."
          : `${atStart(me)} sees ${plural(w.row + 1, "word")}, itself included. It looks most at ${
              best === w.row ? "itself" : spoken(w.keys, best)}: ${part(masked[w.row][best])}.`);
    } else {
      const half = W > 620 ? (W - 28) / 2 : W, ahead = free[w.row].slice(w.row + 1), stolen = sum(ahead),
            far = ahead.length ? w.row + 1 + most(ahead) : -1;
      host.append(
        html("div.two.even",
          html("div", html("p.what", open ? "with the mask: as it should be" : "with the mask: the model"),
            triangle(w, half, masked, {open: n - 1, curtain: true, name: "Weights with the mask"})),
          html("div",
            html("p.what", open ? "without it: the model as it is now" : "without it: the same queries and keys"),
            triangle(w, half, free, {open: n - 1, curtain: false, name: "Weights without the mask"}))),
        out);
      out.replaceChildren(...present(ahead.length ? [`Without the mask ${me} would take `, strong({class: "stolen"}, part(stolen)), ` from words that are not said yet, most of it from ${spoken(w.keys, far)}. ` ] : [`${atStart(me)} is the last word: nothing is hidden from it. Choose another. `],
      digits("A masked score is set to minus infinity before softmax; e to that is 0.")));
    }
    lastOpen = w.row;
  }
  scenes.push({
    id: "mask",
    title: "The translation, behind a curtain",
    map: ["decoder-attention", "mask"],
    about: "mask",
    steps: 2,
    needs: data => Boolean(data.target && blocksOf(data, "decoder").length),
    draw: (host, lesson, step) => drawMask(host, lesson.data, step),
    caption(data, step) {
      const w = placeOf(data, "decoder"), {free} = bothWays(data, w), n = w.tokens.length,
            all = sum(free.map((r, i) => sum(r.slice(i + 1)))) / n;
      return step === 0
        ? "The translation is written from left to right. A word may look back, never ahead: what is not said yet hangs behind a curtain. Open it word by word."
        : `Why the curtain? In training the whole right answer lies on the table, and without it each word would copy the next. See the orange cells: ${
            part(all)} of this head’s looks ${off(data, "mask") ? "go" : "would go"} ahead.`;
    }
  });

  /* ---- cross-attention ---- */

  const pen = document.createElement("canvas").getContext("2d");
  function widthOf(text) {
    pen.font = "700 15px " + colours.sans;
    return pen.measureText(text).width;
  }

  function drawCross(host, data, step) {
    const w = placeOf(data, "cross"), rows = w.tokens, n = rows.length, m = w.keys.length, out = says();
    const go = row => goTo("cross", w, {row: Math.max(0, Math.min(n - 1, row))});
    const W = Math.max(250, host.clientWidth), wide = W > 760, lw = wide ? Math.min(520, W * 0.5) : W,
          count = Math.max(n, m), gap = Math.max(17, Math.min(34, 420 / count)), H = count * gap + 6;
    const xa = Math.min(150, lw * 0.3), xb = lw - xa, ya = j => (count - m) * gap / 2 + (j + 0.5) * gap,
          yb = i => (count - n) * gap / 2 + (i + 0.5) * gap, tone = colour(w.head);
    const boxOf = t => Math.min(xa, 13 + widthOf(cut(shown(t), 15)));
    const all = range(n).map(i => rowOf(w.b, w.head, i)), tops = all.map(most);
    const line = (i, j, kind) => svg("path", {
      class: "look " + kind,
      d: `M${xb - 6} ${yb(i)}C${(xa + xb) / 2} ${yb(i)} ${(xa + xb) / 2} ${ya(j)} ${xa + 6} ${ya(j)}`,
      "stroke-width": Math.max(0.7, 13 * all[i][j]).toFixed(2),
      "data-p": all[i][j],
      "data-i": i,
      "data-j": j,
      style: `stroke:${tone}`
    });
    const picture = svg("svg.crossing", {
      viewBox: `0 0 ${lw} ${H}`,
      width: lw,
      height: H,
      role: "listbox",
      "aria-label": "words of the translation; arrow keys go from one to the next"
    },
      range(n).filter(i => i !== w.row && step === 1).map(i => line(i, tops[i], "faint")),
      range(m).filter(j => all[w.row][j] > 0.01).map(j => line(w.row, j, "now")),
      w.keys.map((t, j) => svg("g",
                   {class: "en" + (all[w.row][j] > 0.05 ? " found" : ""), ...sideAttributes("source", t)}, svg("rect", {
                     x: xa - boxOf(t),
                     y: ya(j) - gap / 2 + 1,
                     width: boxOf(t),
                     height: gap - 2,
                     rx: 5,
                     style: `fill:${tone};fill-opacity:${(0.55 * all[w.row][j]).toFixed(3)}`
                   }),
                   svg("text", {x: xa - 5, y: ya(j) + 5, "text-anchor": "end"}, cut(shown(t), 15)))),
      rows.map((t, i) => svg("g", {
        class: "fr" +
          (i === w.row                  ? " now"
              : i > w.row && step === 0 ? " unsaid"
                                        : ""),
        role: "option",
        "aria-selected": String(i === w.row),
        "data-r": i,
        "data-c": 0,
        "data-i": i,
        "data-key": "fr" + i,
        tabindex: i === w.row ? 0 : -1,
        ...sideAttributes(
          "target", t.word === undefined && data.target.tokens[i + 1] ? data.target.tokens[i + 1] : {word: -1})
      },
                 svg("rect", {x: xb, y: yb(i) - gap / 2 + 1, width: boxOf(t), height: gap - 2, rx: 5}),
                 svg("text", {x: xb + 6, y: yb(i) + 5}, cut(shown(t), 15)))));
    roving(picture, ".fr", node => {}, node => go(+node.dataset.i));
    picture.addEventListener("keydown", e => {
      if (e.key.startsWith("Arrow")) e.stopPropagation();
    });
    picture.addEventListener("focusin", e => {
      const g = e.target.closest(".fr");
      if (g && g.matches(":focus-visible") && +g.dataset.i !== w.row) go(+g.dataset.i);
    });
    const left = wide ? 92 : 84, cell = Math.max(7, Math.min(52, ((wide ? W - lw - 40 : W) - left - 34) / m)),
          tall = Math.max(12, Math.min(cell, 26)),
          top = 20 + 6.2 * Math.max(...w.keys.map(t => cut(shown(t), 10).length)) * 0.87;
    const grid = svg("svg.grid-of", {
      viewBox: `0 0 ${left + m * cell + 40} ${top + n * tall + 4}`,
      width: left + m * cell + 40,
      height: top + n * tall + 4,
      role: "img",
      "aria-label": "All rows: darker is more"
    },
      w.keys.map((t, j) => j % Math.ceil(11 / cell) === 0 &&
          svg("text.label", {
            transform: `translate(${left + j * cell + cell / 2 + 3} ${top - 7}) rotate(-60)`,
            ...sideAttributes("source", t)
          },
            cut(shown(t), 10))),
      rows.map((t, i) => [svg("text", {
        class: "label" + (i === w.row ? " looked" : ""),
        x: left - 7,
        y: top + i * tall + tall / 2 + 4,
        "text-anchor": "end"
      },
                            cut(shown(t), 10)),
                 range(m).map(j => svg("rect.cell", {
                   x: left + j * cell + 0.5,
                   y: top + i * tall + 0.5,
                   width: cell - 1,
                   height: tall - 1,
                   "data-i": i,
                   "data-j": j,
                   "data-p": all[i][j],
                   style: `fill:${tone};fill-opacity:${
                     (0.04 + 0.96 * Math.sqrt(all[i][j]) * (step === 1 || i <= w.row ? 1 : 0)).toFixed(3)}`,
                   onclick: () => go(i)
                 }))]),
      svg("rect.frame", {x: left - 1, y: top + w.row * tall - 1, width: m * cell + 2, height: tall + 2, rx: 3}));
    const controls = html("div.top-line",
      html("div.knob",
        html("button", {"data-key": "cross-back", onclick: () => go(w.row - 1), disabled: w.row === 0}, "← word back"),
        html(
          "button", {"data-key": "cross-next", onclick: () => go(w.row + 1), disabled: w.row === n - 1}, "next word →"),
        html("label", html("input", {
          type: "range",
          min: 0,
          max: n - 1,
          value: w.row,
          "data-key": "cross-row",
          "aria-label": "word of the translation",
          oninput: e => go(+e.target.value)
        }))),
      headChooser(data, "cross", w));
    host.append(controls,
      html("div", {class: wide ? "crosses" : ""},
        html("div",
          html("div.sides", {style: `width:${lw}px`}, html("span.what", "the sentence"),
            html("span.what", "the translation")),
          picture),
        html("div.scroll", grid)),
      out);
    const list = range(
      m).sort((a, b) => all[w.row][b] - all[w.row][a])
                   .filter((j, r) => r === 0 || all[w.row][j] > 0.1)
                   .slice(0, 3);
    out.replaceChildren(`To say ${spoken(rows, w.row)} the model looks at `,
      ...present(list.map((j, i) => [i ? ", then " : "", strong(spoken(w.keys, j)), ` (${part(all[w.row][j])})`])),
      ".");
  }
  scenes.push({
    id: "cross",
    title: "Each new word looks back at the sentence",
    map: ["memory", "cross"],
    about: "cross",
    steps: 2,
    needs: data => Boolean(data.source && data.steps && blocksOf(data, "cross").length),
    draw: (host, lesson, step) => drawCross(host, lesson.data, step),
    caption(data, step) {
      const w = placeOf(data, "cross"), rows = range(w.tokens.length),
            tops = rows.map(i => most(rowOf(w.b, w.head, i)));
      if (step === 0)
        return `Here the two sides meet. The translation asks with its queries; the sentence answers with its keys and values. Step through: to say ${
          spoken(w.tokens, w.row)} this head looks at ${spoken(w.keys, tops[w.row])}, ${
          part(rowOf(w.b, w.head, w.row)[tops[w.row]])}.`;
      const clear = rows.filter(i => rowOf(w.b, w.head, i)[tops[i]] > 0.5).length,
            back = rows.filter(i => i > 0 && tops[i] < tops[i - 1]);
      return `All at once. In ${clear} of ${rows.length} rows one piece of the sentence gets more than half. ` +
        (2 * clear >= rows.length ? "Nobody told the model which word belongs to which. "
                                  : "This head does not tell which word belongs to which. ") +
        (back.length ? `Going down, the look jumps back ${
           back.length === 1 ? "once" : back.length + " times"}: ${back.length === 1 ? "" : "first "}to ${spoken(w.keys, tops[back[0]])}.`
                     : "No line jumps back: both sides have the same order here.");
    }
  });

  /* ---- the next word ---- */

  let heat = 1; /* the temperature */
  /* The candidates' probabilities at another temperature: p to the power 1/T, shared anew. The pieces that are not
   * listed are taken as equally likely, since only their sum is known. */
  function tempered(candidates, others, temperature) {
    const rest = Math.max(0, 1 - sum(candidates.map(c => c.p))),
          power = p => (p > 0 ? Math.pow(p, 1 / temperature) : 0);
    const each = candidates.map(c => power(c.p)), more = others > 0 ? others * power(rest / others) : 0,
          total = sum(each) + more;
    return {p: each.map(x => x / total), rest: more / total};
  }
  const nextRow = data =>
    Math.min(data.steps.length - 1, blocksOf(data, "cross").length ? placeOf(data, "cross").row : 0);
  /* The last vector and the row of the piece that is said, number by number, where the page has that row: where the
   * output matrix is the decoder's table, whose rows of the words said are in the page. */
  function meeting(data, row) {
    const says = data.steps[row].says, same = data.steps[row].candidates.find(c => c.id === says.id),
          table = data.embedding && tensor(data.embedding.target);
    const last = data.output && data.output.vectors && tensor(data.output.vectors).row(row);
    if (!last || !table || !same || !Number.isFinite(same.logit) || row + 1 >= table.shape[0] ||
      data.target.tokens[row + 1].id !== says.id)
      return null;
    const its = table.row(row + 1), products = range(last.length).map(c => last[c] * its[c]), total = sum(products);
    if (Math.abs(total - same.logit) > 1e-3 * (1 + Math.abs(total))) return null;
    const V = (data.model || {}).vocab, plus = sum(products.filter(x => x > 0));
    const lane = (tone, name, values, kind, strong) => html("div.lane",
      {class: "lane " + (kind === "product" ? "products" : "")}, html("span.name", {style: `color:${tone}`}, name),
      skyline(values, {max: highest([values]), tone: kind === "product" ? "var(--agree)" : tone, kind, strong}));
    return html("div.stack.met", lane("var(--target)", `last vector: ${last.length} numbers`, last, "last"),
      lane("var(--key)", ["row of ", html("b", shown(says)), V && ` (one of ${thousands(V)})`], its, "row-of"),
      lane("var(--ink)", "each pair multiplied", products, "product", c => products[c] > 0),
      tallies(plus, total - plus, total, Math.max(plus, plus - total)));
  }
  function drawNext(host, data, step) {
    const row = nextRow(data), steps = data.steps, n = steps.length, now = steps[row], out = says(),
          list = html("div.points.plain.next");
    const V = (data.model || {}).vocab, others = Math.max(0, (V || 0) - now.candidates.length);
    const crossing = data.attention ? blocksOf(data, "cross") : [];
    const go = i => {
      const to = Math.max(0, Math.min(n - 1, i));
      if (crossing.length) goTo("cross", placeOf(data, "cross"), {row: to});
    };
    const hasLogits = now.candidates.every(c => Number.isFinite(c.logit));
    const top = Math.max(...now.candidates.map(c => Math.log(c.p)));
    const logits = now.candidates.map(c => (hasLogits ? c.logit : Math.log(c.p) - top));
    const name = c => (isEnd(c) ? shown(c) : [
      c.text.startsWith(" ") || !/^\p{L}/u.test(c.text) ? "" : html("span.muted", "-"), c.text.trim() || "␣"
    ]);
    function draw() {
      const {p, rest} = step === 2 ? tempered(now.candidates, others, heat) : tempered(now.candidates, others, 1),
                high = Math.max(...p, rest);
      const low = hasLogits ? Math.min(0, ...logits) : Math.min(...logits), up = hasLogits ? Math.max(0, ...logits) : 0;
      list.replaceChildren(
        ...now.candidates.map(
          (c, i) => html("div", {class: "point" + (c.id === now.says.id ? " taken" : "")}, html("span.name", name(c)),
            step === 0 ? (hasLogits ? signedBar(logits[i], low, up, "var(--target)", "score")
                                    : signedBar(logits[i] - low, 0, up - low || 1, "var(--target)", "score"))
                       : signedBar(p[i], 0, high, "var(--target)", "probability"),
            html(step ? "span.right" : "span.num.right",
              step ? part(p[i])
                   : (hasLogits ? short(logits[i], 2)
                         : i    ? short(logits[i], 2)
                                : "best")))),
        ...(step && others ? [html("div.point.rest", html("span.name", `${thousands(others)} others`),
                               signedBar(rest, 0, high, "var(--muted)", "probability"), html("span.right", part(rest)))]
                           : []));
      const best = most(p), said = i => `“${shown(now.candidates[i])}”`,
            second = range(p.length).filter(i => i !== best).sort((a, b) => p[b] - p[a])[0];
      out.replaceChildren(...present([
        [
          hasLogits ? "Each bar is the dot product of the last vector with one row of the table. "
                    : "Bars: how far a score is above the lowest one listed. ",
          second !== undefined &&
            `${said(best)} is ${short(logits[best] - logits[second], 1)} ahead of ${said(second)}. That makes it ${
              times(
                logits[best] - logits[second])} times as likely: e to the ${short(logits[best] - logits[second], 1)}.`
        ],
        [
          strong(said(best)), ` gets ${part(p[best])}`,
          now.says.id === now.candidates[best].id
            ? ", and it is what the model says."
            : off(data, "mask") ? `; the model said “${shown(now.says)}” when it could not yet see the words that follow.`
                                : `; the search says “${shown(now.says)}” nevertheless, as that leads to a better whole.`
        ],
        [
          heat === 1   ? "1: as the model is. "
            : heat < 1 ? "Surer: the best one takes even more. "
                       : "Bolder: the others get their chance. ",
          strong(said(best)), ` ${part(p[best])}, the ${thousands(others)} that are not listed ${part(rest)}. `,
          html("span.muted",
            "All probabilities are raised to the power 1/temperature and shared anew; of the pieces not listed only the sum is known, so they are taken as equally likely.")
        ]
      ][step]));
    }
    const soFar = chips(data.target.tokens.slice(0, row + 1), "target", -1, i => go(Math.max(0, i - 1)),
      {label: "what has been said so far"});
    soFar.append(html("span.gap", "?"));
    host.append(html("div.top-line", html("div.asker", html("span.what", "said so far"), soFar),
      html("div.knob",
        html("button", {"data-key": "next-back", onclick: () => go(row - 1), disabled: row === 0}, "← word back"),
        html("button", {"data-key": "next-on", onclick: () => go(row + 1), disabled: row === n - 1}, "next word →"))));
    if (step === 2)
      host.append(html("div.knob",
        html("label", html("span.what", "temperature: surer"), html("input", {
          type: "range",
          id: "heat",
          min: -2,
          max: 2,
          step: 0.1,
          value: Math.log2(heat),
          "data-key": "heat",
          "aria-label": "temperature",
          oninput: e => {
            heat = 2 ** +e.target.value;
            if (Math.abs(heat - 1) < 1e-9) heat = 1;
            host.querySelector(".heat-is").textContent = short(heat, 2);
            draw();
          }
        }),
          html("span.what", "bolder")),
        html("output.heat-is", short(heat, 2)),
        html("button.pick", {
          "data-key": "heat1",
          onclick: () => {
            heat = 1;
            host.querySelector("#heat").value = 0;
            host.querySelector(".heat-is").textContent = short(1, 2);
            draw();
          }
        },
          "1: the model")));
    const D = (data.model || {}).width, met = step === 0 && meeting(data, row);
    host.append(
      html("div.two.even",
        met ||
          html("div.to-table", {"data-step": step},
            html("span.ff-box.vector", D ? `last vector: ${D} numbers` : "last vector"),
            html("span.sign", "↓ dot product with each row"),
            html("span.ff-box.table",
              V ? [html("b", thousands(V)), " rows: one for each piece the model can say"] : "a row for each piece"),
            html("span.sign", "↓ softmax"),
            html("span.ff-box.bars-box", "one share for each piece; the largest is said")),
        list),
      out);
    draw();
  }
  scenes.push({
    id: "next",
    title: "The next word",
    map: ["output"],
    steps: 3,
    needs: data => Boolean(data.steps && data.steps.length && data.target),
    draw: (host, lesson, step) => drawNext(host, lesson.data, step),
    caption(data, step) {
      const now = data.steps[nextRow(data)], best = now.candidates[most(now.candidates.map(c => c.p))];
      if (step === 0)
        return "Which word comes next? The last vector meets every row of the table of pieces, as the query met the keys. What points the same way scores high.";
      if (step === 1)
        return `The same softmax makes shares of the scores: ${
          best.p > 0.8     ? "the model is sure"
            : best.p > 0.4 ? "the model has a favourite"
                           : "the model hesitates"} here, ${part(best.p)} for “${shown(best)}”.`;
      return "The scores are divided by a number, the temperature. Temperature: below 1 it is surer, above 1 bolder.";
    }
  });
}
