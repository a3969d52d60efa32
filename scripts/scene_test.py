#!/usr/bin/env python3
"""Tests the scenes of attention (src/page/web/scene_attention.js) in a headless browser.

usage: scene_test.py [INSPECT [MODEL]]     (default: ./inspect, and the newest runs/*/model.gguf)

Every step of every scene is drawn for sentences of several kinds, at 1280 and 400 pixels. What is drawn is measured in
the page (lengths of bars, angles of arrows, widths of ribbons) and compared with what is computed here from the page's
data, and with the word and the number that the caption names. Mouse, keys and sliders are used. Skipped if there is no
browser or no model.
"""

import json
import math
import os
import re
import subprocess
import sys

from page_browser import Browser, Checks, find_browser, unpack
from page_test import OUT, ROOT, softmax

SENTENCES = {
    "apple": ["--compare", "apple unveiled the new phone", "please buy an apple and an orange"],
    "word": ["hello"],
    "pieces": ["zxylophones wqz unveilings"],
    "knocked": ["--without", "mask,root,heads:encoder.0.1,feedforward", "the cat sat on the mat"],
    "many": [" ".join(["the"] * 24)],
    "long": ["the cat that the boy took is small and the banana that the girl saw is red and the dog sees the cat and the car "
             "is old but it is fast and the children sell a book and the boy reads it"],
}
STEPS = {"dot": 3, "softmax": 4, "sum": 3, "heads": 2, "feedforward": 1, "mask": 2, "cross": 2, "next": 3}
ORDINALS = ["", "first", "second", "third", "fourth", "fifth"]
check = Checks()


def near(a, b, tolerance=0.01):
    return abs(a - b) <= tolerance * max(1, abs(b))


def all_near(a, b, tolerance=0.01):
    return len(a) == len(b) and all(near(x, y, tolerance) for x, y in zip(a, b))


def most(numbers):
    return max(range(len(numbers)), key=lambda i: numbers[i])


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def shown(token):
    return {"</s>": "(end)", "<s>": "(start)"}.get(token["text"], token["text"].strip() or "␣")


def ordinal(n):
    if n < len(ORDINALS):
        return ORDINALS[n]
    return f"{n}{'th' if n % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def spoken(tokens, i):
    if tokens[i]["text"] in ("<s>", "</s>"):
        return shown(tokens[i])
    same = [k for k, t in enumerate(tokens) if t["text"] == tokens[i]["text"]]
    which = "" if len(same) == 1 else f"the {ordinal(same.index(i) + 1)} "
    return f"{which}“{shown(tokens[i])}”"


def percent(x):
    if 0 < x < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= x < 1:
        return "> 99.9 %"
    digits = 1 if 0.99 < x < 1 or 0 < x < 0.1 else 0
    return f"{100 * x:.{digits}f} %"


def number(text):
    return float(text.replace("−", "-").replace(",", ""))


def shares_in(text):
    """The percentages of a text, as shares; two are alike if they are within what rounding allows."""
    return [float(x) / 100 for x in re.findall(r"([\d.]+) %", text)]


class Scenes:
    def __init__(self, browser, name, data):
        self.browser, self.name, self.data, self.page = browser, name, data, OUT / f"scene-{name}.html"
        self.where, self.opened = "", False

    def check(self, good, what):
        check(good, f"{self.name}, {self.where}: {what}")

    def open(self, scene, step, fresh=False, **choice):
        """Goes to a step of a scene: by its address when fresh or for the first time, else within the page."""
        self.where = f"{scene} {step} {choice or ''}"
        if fresh or not self.opened:
            place = "".join(f"&{k}={v}" for k, v in choice.items())
            self.browser.open(self.page, f"#scene-{scene}&step={step}{place}", ready="document.querySelector('#scene > *')")
            self.opened = True
        else:
            self.run(f"(lesson.choose({json.dumps(choice)}), toScene('{scene}', {step}, false))")
        self.browser.settle()

    def run(self, script):
        return self.browser.run(script)

    def all(self, selector, value):
        """value, an expression of n, for each element of the scene that the selector finds."""
        return self.run(f"[...document.querySelectorAll({json.dumps('#scene ' + selector)})].map(n => {value})")

    def text(self, selector):
        return self.run(f"(n => n ? n.textContent : '')(document.querySelector({json.dumps(selector)}))")

    def caption(self):
        return self.text("#stage .caption")

    def says(self):
        return self.text("#scene output.says")

    def click(self, selector):
        self.run(f"document.querySelector({json.dumps('#scene ' + selector)}).click()")
        self.browser.settle()

    def block(self, kind, layer):
        return next(i for i, b in enumerate(self.data["attention"]) if b["kind"] == kind and b["layer"] == layer)

    def head(self, block, head, row):
        """Everything of one row of one head, computed here."""
        b = self.data["attention"][block]
        H, rows, count = b["p"]["shape"]
        p = unpack(b["p"])[(head * rows + row) * count:][:count]
        if not b["q"]:
            return {"p": list(p)}
        D = b["q"]["shape"][1]
        K = D // H

        def part(tensor, i):
            return unpack(b[tensor])[i * D + head * K:][:K]
        q, k, v = part("q", row), [part("k", j) for j in range(count)], [part("v", j) for j in range(count)]
        dots = [dot(q, x) for x in k]
        out = [math.fsum(p[j] * v[j][c] for j in range(count)) for c in range(K)]
        return {"K": K, "q": q, "k": k, "v": v, "p": list(p), "dots": dots, "out": out}

    def bars(self, selector):
        """Heights of the bars of each skyline, signed, in the units of its picture; drawn pale or not."""
        paths = self.all(selector, "[...n.querySelectorAll('.bar-strong, .bar-pale')].map(p => [p.getAttribute('class'), "
                         "p.getAttribute('d')])")
        found = []
        for parts in paths:
            bars = []
            for kind, d in parts:
                for x, height in re.findall(r"M([\d.]+) 0h\.8v(-?[\d.]+)h-\.8z", d):
                    bars.append((round(float(x) - 0.1), -float(height), kind == "bar-strong"))
            found.append(sorted(bars))
        return found

    # ---- scene by scene ----

    def query_meets_key(self, block, head, row):
        tokens, w = self.data["source"]["tokens"], self.head(block, head, row)
        best, me = most(w["dots"]), spoken(tokens, row)
        looked = most(w["p"])
        self.open("dot", 0, block=block, head=head, row=row, word=row)
        top = max(abs(x) for v in [w["q"], *w["k"]] for x in v)
        for j, bars in enumerate(self.bars(".skyline.key")):
            self.check(all_near([h for _, h, _ in bars], [x / top for x in w["k"][j]], 2e-4), f"bars of key {j}")
            self.check([s for _, _, s in bars] == [a * b > 0 for a, b in zip(w["q"], w["k"][j])], f"full bars of key {j}")
        self.check(all_near([h for _, h, _ in self.bars(".skyline.query")[0]], [x / top for x in w["q"]], 2e-4), "bars of the query")
        agree = sum(a * b > 0 for a, b in zip(w["q"], w["k"][looked]))
        self.check(f"{agree} of {w['K']}" in self.says(), f"says how many places agree, {agree}: {self.says()}")
        self.check(spoken(tokens, looked) in self.says() and me in self.caption(), "says which words")

        self.open("dot", 1, block=block, head=head, row=row, word=row)
        self.check(("its own key" if best == row else spoken(tokens, best)) in self.caption(), f"names the highest score: {self.caption()}")
        self.two_arrows(tokens, w, looked)
        bars = self.list_bars(".scores")
        self.check(most(bars) == best and all_near([b / bars[best] for b in bars], [d / w["dots"][best] for d in w["dots"]], 0.02),
                   "bars of the scores")
        other = (looked + 1) % len(tokens)
        self.point(f".scores .point[data-j='{other}']")
        self.two_arrows(tokens, w, other)
        if len(tokens) > 2:
            self.focus(f".scores .point[data-j='{other}']")
            self.browser.press("ArrowUp" if other else "ArrowDown")
            self.two_arrows(tokens, w, other - 1 if other else 1)

        self.open("dot", 2, fresh=True, block=block, head=head, row=row, word=row)
        products = [a * b for a, b in zip(w["q"], w["k"][looked])]
        top = max(abs(a * b) for k in w["k"] for a, b in zip(w["q"], k))
        bars = self.bars(".skyline.product")[0]
        self.check(all_near([h for _, h, _ in bars], [p / top for p in products], 2e-4), "bars of the products")
        self.check([s for _, _, s in bars] == [p > 0 for p in products], "products above zero have the colour of agreement")
        plus, less, rest = self.all(".tally i", "[parseFloat(n.style.left), parseFloat(n.style.width)]")
        self.check(near(plus[1] - less[1], rest[1] if w["dots"][looked] > 0 else -rest[1], 0.001), "agreement less disagreement is what remains")
        self.check(near(less[0] + less[1], plus[0] + plus[1], 0.001) and near(rest[0] + (0 if w["dots"][looked] > 0 else rest[1]), plus[0], 0.001), "disagreement takes from the end of agreement")
        self.check(near(plus[1] / rest[1], math.fsum(p for p in products if p > 0) / abs(w["dots"][looked]), 0.01), "their lengths")
        self.check(near(number(self.all(".tally .right", "n.textContent")[2]), w["dots"][looked], 0.06), "the number of the score")
        self.check(f"{w['dots'][best]:.1f}".replace("-", "−") in self.caption(), f"the caption has the highest score: {self.caption()}")

    def ordinals(self):
        """Of many equal words, each is called by its number."""
        tokens = self.data["source"]["tokens"]
        names = [spoken(tokens, i) for i in range(len(tokens))]
        for number_ in ("11th", "21st", "22nd", "23rd"):
            row = next(i for i, name in enumerate(names) if f"the {number_} " in name)
            self.open("dot", 0, block=0, head=0, row=row, word=row)
            self.check(names[row] in self.caption(), f"{names[row]} in {self.caption()}")

    def two_arrows(self, tokens, w, j):
        line = "[+n.getAttribute('x1'), +n.getAttribute('y1'), +n.getAttribute('x2'), +n.getAttribute('y2')]"
        a = self.all(".arrow.query .hit", line)[0]
        b = self.all(".arrow.key.looked .hit", line)[0]
        lengths = [math.hypot(x[2] - x[0], x[3] - x[1]) for x in (a, b)]
        q, k = math.sqrt(dot(w["q"], w["q"])), math.sqrt(dot(w["k"][j], w["k"][j]))
        self.check(near(lengths[1] / lengths[0], k / q, 0.002), f"arrows are as long as the vectors: {lengths}, {k / q}")
        drawn = math.degrees(math.atan2(b[1] - b[3], b[2] - b[0]) - math.atan2(a[1] - a[3], a[2] - a[0]))
        true = math.degrees(math.acos(max(-1, min(1, w["dots"][j] / (q * k)))))
        self.check(abs(drawn - true) < 0.1, f"the angle of word {j} is drawn as {drawn}, is {true}")
        told = [int(x) for x in re.findall(r"(\d+)°", self.says() + " " + self.all(".angle", "n.textContent")[0])]
        self.check(len(told) == 2 and all(abs(t - true) <= 0.51 for t in told), f"the angle of word {j} is told as {told}, is {true}")
        drop = self.all(".drop", line)[0]
        self.check(near((drop[2] - a[0]) / lengths[0], w["dots"][j] / q / q, 0.002), "the shadow")
        self.check(spoken(tokens, j) in self.says(), f"says the word looked at: {self.says()}")
        rank = sorted(range(len(tokens)), key=lambda i: -w["dots"][i]).index(j) + 1
        self.check(("the highest" if rank == 1 else "the lowest" if rank == len(tokens) else f"number {rank} of") in self.says(), "says its rank")

    def list_bars(self, selector):
        """Lengths of the signed bars of a list, as shares of its width."""
        return self.all(f"{selector} .fill", "(parseFloat(n.style.width) || 0) * (n.classList.contains('below') ? -1 : 1)")

    def point(self, selector):
        self.run(f"document.querySelector({json.dumps('#scene ' + selector)}).scrollIntoView({{block: 'center'}})")
        self.browser.settle()
        box = self.all(selector, "(r => [r.left + r.width / 2, r.top + r.height / 2])(n.getBoundingClientRect())")[0]
        self.browser.mouse(*box)
        self.browser.settle()

    def focus(self, selector):
        self.run(f"document.querySelector({json.dumps('#scene ' + selector)}).focus({{focusVisible: true}})")

    def sharing(self, block, head, row):
        tokens, w = self.data["source"]["tokens"], self.head(block, head, row)
        best, root = most(w["p"]), math.sqrt(w["K"])
        for step in range(4):
            self.open("softmax", step, block=block, head=head, row=row, word=row)
            columns = self.list_bars(".ladder-row:first-child")
            names = ["".join(x.split()) for x in self.all(".ladder-head .what", "n.textContent")]
            self.check(len(columns) == len(names) * len(tokens), f"{len(names)} columns: {names}")
            per = [columns[c::len(names)] for c in range(len(names))]
            scale = max(abs(x) for x in w["dots"])
            for name, bars in zip(names, per):
                want = {"score": [x / scale for x in w["dots"]], "escore": [p / w["p"][best] for p in w["p"]],
                        "share": [p / w["p"][best] for p in w["p"]]}.get(name, [x / root / scale for x in w["dots"]])
                whole = max(map(abs, bars)) if not name.startswith("÷") else max(map(abs, bars)) / max(map(abs, want))
                self.check(all_near([b / whole for b in bars], want, 0.015), f"column {name}")
            if "score" in names and len(names) > 1:
                self.check(near(max(map(abs, per[0])) / max(map(abs, per[1])), root, 0.01), "dividing shortens the bars by the root")
            if step == 2 and len(tokens) > 1:
                least = most([-x for x in w["p"]])
                times = math.exp((w["dots"][best] - w["dots"][least]) / root)
                told = re.search(r"it is ([\d.,]+) times", self.says())
                self.check(told and near(number(told[1]), times, 0.06), f"says how many times the largest is the smallest, {times}: {self.says()}")
                self.check(spoken(tokens, least).strip("the ") in self.says(), "names the smallest")
        self.check(spoken(tokens, best) in self.caption() and percent(w["p"][best]) in self.caption(), f"names the largest share: {self.caption()}")
        self.cake(w["p"], best, tokens)
        shares = self.all(".ladder-row > :last-child .right", "n.textContent")
        self.check(shares == [percent(p) for p in w["p"]], f"shares as numbers: {shares}")
        self.check("All " + str(len(tokens)) + " shares add up to 100 %" in self.says(), self.says())
        self.click("[data-divide='0']")
        sharp = softmax(w["dots"])
        self.check(self.all(".ladder-row > :last-child .right", "n.textContent") == [percent(p) for p in sharp], "shares without the root")
        self.cake(sharp, best, tokens)
        def ninety(p):
            return next(n for n in range(1, len(p) + 1) if math.fsum(sorted(p)[-n:]) >= 0.9 - 1e-6)
        both = [f"{percent(max(p))}, and {ninety(p)} word" for p in (sharp, w["p"])]
        self.check(all(x in self.says() for x in both), f"tells both, {both}: {self.says()}")
        self.focus("#divisor")
        self.browser.press("End")
        self.browser.settle()
        flat = softmax([x / w["K"] for x in w["dots"]])
        self.check(self.all(".ladder-row > :last-child .right", "n.textContent") == [percent(p) for p in flat], "the slider divides by more")
        self.click("[data-divide='1']")
        self.cake(w["p"], best, tokens)

    def cake(self, shares, best, tokens):
        angles = []
        for d in self.all(".slice", "n.getAttribute('d')"):
            x = [float(n) for n in re.findall(r"-?[\d.]+", d)]
            # M x y A r r 0 large 1 x y L x y A r r ...: two points of the outer arc, and the inner ends give the centre
            outer0, large, outer1, inner1, inner0 = x[0:2], x[5], x[7:9], x[9:11], x[16:18]
            R, r = x[2], x[11]
            cx = [(outer0[i] * r - inner0[i] * R) / (r - R) for i in (0, 1)]
            a = math.atan2(outer1[1] - cx[1], outer1[0] - cx[0]) - math.atan2(outer0[1] - cx[1], outer0[0] - cx[0])
            a %= 2 * math.pi
            if a > 6.2 and not large:
                a = 0.0
            angles.append(a / (2 * math.pi))
            del inner1
        self.check(all_near(angles, shares, 0.004), f"slices are as wide as the shares: {[round(a, 3) for a in angles]}")
        self.check(near(sum(angles), 1, 0.005) and most(angles) == best, "the slices make one cake, and the largest is the word named")

    def taking_home(self, block, head, row):
        tokens, w = self.data["source"]["tokens"], self.head(block, head, row)
        best, top = most(w["p"]), max(abs(x) for v in w["v"] for x in v)
        who = "itself" if best == row else spoken(tokens, best)
        for step in (0, 1):
            self.open("sum", step, block=block, head=head, row=row, word=row)
            for j, bars in enumerate(self.bars(".skyline.value")):
                self.check(all_near([h for _, h, _ in bars], [x / top for x in w["v"][j]], 2e-4), f"bars of value {j}")
            self.browser.wait("!document.getAnimations().length", 3)
            scales = self.all(".skyline.value .bars-of", "new DOMMatrix(getComputedStyle(n).transform).d")
            self.check(all_near(scales, w["p"] if step else [1.0] * len(tokens), 0.002), f"values are shrunk to their shares: {scales[:4]}")
            self.check(percent(w["p"][best]) in self.caption() and who in self.caption(), f"names the largest share: {self.caption()}")
        self.check(most(self.list_bars(".values")) == best, "the longest bar is the word that the caption names")
        self.open("sum", 2, block=block, head=head, row=row, word=row)
        parts = self.bars(".skyline.value")
        total = self.bars(".skyline.out")[0]
        self.check(all_near([math.fsum(p[c][1] for p in parts) for c in range(w["K"])], [h for _, h, _ in total], 0.003), "the bars drawn add up to the sum drawn")
        scale = max([abs(x) for x in w["out"]] + [abs(w["p"][j] * x) for j in range(len(tokens)) for x in w["v"][j]])
        self.check(all_near([h for _, h, _ in total], [x / scale for x in w["out"]], 2e-4), "the sum")
        line = "[+n.getAttribute('x1'), +n.getAttribute('y1'), +n.getAttribute('x2'), +n.getAttribute('y2')]"
        chain, whole = self.all(".arrow.value .hit", line), self.all(".arrow.sum .hit", line)[0]
        self.check(len(chain) == len(tokens), "an arrow for each word")
        links = all(math.dist(a[2:], b[:2]) < 0.01 for a, b in zip(chain, chain[1:]))
        self.check(links and math.dist(chain[0][:2], whole[:2]) < 0.01, "each arrow begins where the one before ends")
        self.check(math.dist(chain[-1][2:], whole[2:]) < 1.0, f"the last one ends where the sum ends: {chain[-1][2:]}, {whole[2:]}")
        self.check(f"{percent(w['p'][best])} of it comes from {who}" in self.caption(), self.caption())

    def all_heads(self, block, row):
        tokens = self.data["source"]["tokens"]
        H = self.data["attention"][block]["p"]["shape"][0]
        heads = [self.head(block, h, row) for h in range(H)]
        self.open("heads", 0, block=block, head=0, row=row, word=row)
        widths = {}
        for h, j, d in self.all(".flow", "[+n.closest('.one-head').dataset.head, +n.dataset.j, n.getAttribute('d')]"):
            x = [float(n) for n in re.findall(r"-?[\d.]+(?:e-?\d+)?", d)]
            widths[h, j] = x[-1] - x[1]
        sides = {h: max(widths[h, j] / heads[h]["p"][j] for j in range(len(tokens)) if (h, j) in widths) for h in range(H)}
        for h in range(H):
            for j in range(len(tokens)):
                p = heads[h]["p"][j]
                self.check(near(widths.get((h, j), 0) / sides[h], p, 0.002) or (p <= 0.011 and (h, j) not in widths), f"the ribbon of head {h} to word {j}")
        tops = [most(x["p"]) for x in heads]
        first = max(range(H), key=lambda h: heads[h]["p"][tops[h]])
        self.check(f"head {first}’s: {percent(heads[first]['p'][tops[first]])}" in self.caption() or H == 1, f"names the widest ribbon: {self.caption()}")
        last = H - 1
        self.point(f".one-head[data-head='{last}'] rect")
        order = sorted(range(len(tokens)), key=lambda j: -heads[last]["p"][j])
        said = self.says()
        self.check(f"Head {last}" in said and percent(heads[last]["p"][order[0]]) in said and
                   ("itself" if order[0] == row else spoken(tokens, order[0])) in said, f"pointing at a head tells of it: {said}")
        self.open("heads", 1, block=block, head=0, row=row, word=row)
        outs = self.bars(".side-by-side .skyline")
        scale = max(abs(x) for h in heads for x in h["out"])
        for h in range(H):
            self.check(all_near([b for _, b, _ in outs[h]], [x / scale for x in heads[h]["out"]], 2e-4), f"what head {h} takes home")
        arithmetic = self.data["arithmetic"]
        if arithmetic and arithmetic["block"] == block and arithmetic["wo"]:
            D = arithmetic["projected"]["shape"][1]
            projected = unpack(arithmetic["projected"])[row * D:][:D]
            top, mixed = max(map(abs, projected)), [b for _, b, _ in self.bars(".skyline.mixed")[0]]
            self.check(all_near([b / max(map(abs, mixed)) for b in mixed], [x / top for x in projected], 1e-3), "what Wo makes of them is the model's own")
        stream = self.data["stream"]
        if not stream:
            return
        layer = stream[self.data["attention"][block]["layer"]]
        before, middle, after, inside = (unpack(layer[x])[row * layer[x]["shape"][1]:][:layer[x]["shape"][1]] for x in ("before", "middle", "after", "inside"))

        def drawn(kind):
            return [h for _, h, _ in self.bars(f".skyline.{kind}")[0]]
        top = max(abs(x) for x in [*before, *middle])
        self.check(all_near(drawn("came"), [x / top for x in before], 2e-4), "the row that came in")
        self.check(all_near(drawn("result"), [x / top for x in middle], 2e-4), "the row that goes on")
        if self.data["model"]["norm"] == "pre":
            self.check(all_near([a + b for a, b in zip(drawn("came"), drawn("mixed"))], drawn("result"), 5e-4), "what came in and what is added make what goes on")
            much = math.dist(middle, before) / math.sqrt(dot(before, before))
            self.check(self.text("#scene .much") == percent(much), f"says how much is added, {much}: {self.text('#scene .much')}")
        self.open("feedforward", 0, block=block, head=0, row=row, word=row)
        top = max(abs(x) for x in [*middle, *after])
        self.check(all_near(drawn("result"), [x / top for x in middle], 2e-4), "what feed-forward reads")
        self.check(all_near([a + b for a, b in zip(drawn("result"), drawn("thought"))], drawn("goes-on"), 5e-4), "what it adds")
        self.check(all_near(drawn("goes-on"), [x / top for x in after], 2e-4), "what it leaves")
        self.check([s for _, _, s in self.bars(".skyline.inside")[0]] == [x > 0 for x in inside], "what is cut off is pale")
        self.check(f"{sum(x > 0 for x in inside)} of {len(inside)}" in self.text("#scene"), "and counted")
        added, attended = (math.dist(a, b) for a, b in ((after, middle), (middle, before)))
        self.check(f"{added / attended:.1f} times as long" in self.text("#scene"), f"says how much it adds, {added / attended}")

    def curtain(self, block, head):
        tokens = self.data["target"]["tokens"]
        count = len(tokens)
        rows = [self.head(block, head, i) for i in range(count)]
        free = [softmax([x / math.sqrt(r["K"]) for x in r["dots"]]) for r in rows]
        for row in sorted({0, count // 2, count - 1}):
            self.open("mask", 0, block=block, head=head, row=row)
            cells = self.all(".tri", "[+n.dataset.i, +n.dataset.j, n.classList.contains('shut'), +n.style.fillOpacity]")
            self.check(len(cells) == (row + 1) * count and all(i <= row for i, _, _, _ in cells), f"{row + 1} rows are open")
            self.check(all(shut == (j > i) for i, j, shut, _ in cells), "cells ahead are shut")
            self.check(all(near(o, 0.04 + 0.96 * math.sqrt(rows[i]["p"][j]), 0.003) for i, j, shut, o in cells if not shut), "cells are as dark as their weights")
            self.browser.wait("!document.getAnimations().length", 3)
            cloth = self.run("(c => [c.getBoundingClientRect().left, document.querySelector('#scene .tri').getBoundingClientRect().left,"
                             "document.querySelector('#scene .tri').getBoundingClientRect().width + 1])(document.querySelector('#scene .cloth rect'))")
            self.check(abs(cloth[0] - cloth[1] - (row + 1) * cloth[2]) < 2.5, f"the curtain hangs behind word {row}: {cloth}")
            bars = self.list_bars(".points")
            self.check(len(bars) == row + 1, "a bar for each word that is seen")
            best = most(rows[row]["p"])
            self.check(most(bars) == best and (row == 0 or percent(rows[row]["p"][best]) in self.says()), f"the longest bar is the word named: {self.says()}")
        self.open("mask", 0, block=block, head=head, row=0)
        self.click("[data-key=mask-next]")
        self.check(len(self.all(".tri", "0")) == min(2, count) * count, "the button opens the next word")
        self.focus("[data-key=curtain]")
        self.browser.press("End")
        self.browser.settle()
        self.check(len(self.all(".tri", "0")) == count * count, "the slider opens all")
        row = count // 3
        self.open("mask", 1, block=block, head=head, row=row)
        ahead = math.fsum(free[row][row + 1:])
        cells = self.all(".triangle", "[...n.querySelectorAll('.tri')].map(c => [+c.dataset.i, +c.dataset.j, +c.dataset.p])")
        self.check(all(near(p, rows[i]["p"][j] if j <= i else 0, 1e-4) for i, j, p in cells[0]), "with the mask: the model's weights")
        self.check(all(near(p, free[i][j], 1e-4) for i, j, p in cells[1]), "without it: softmax of all scores")
        if row + 1 < count:
            stolen = self.text("#scene .stolen")
            drawn = math.fsum(p for i, j, p in cells[1] if i == row and j > row)
            self.check(stolen == percent(ahead) and near(drawn, ahead, 1e-3), f"says what is taken from words ahead: {stolen}, {ahead}")
            far = row + 1 + most(free[row][row + 1:])
            self.check(f"most of it from {spoken(tokens, far)}" in self.says(), self.says())
        mean = math.fsum(math.fsum(f[i + 1:]) for i, f in enumerate(free)) / count
        self.check(percent(mean) in self.caption(), f"says how much would go ahead, {percent(mean)}: {self.caption()}")

    def crossing(self, block, head):
        says, tokens = [s["says"] for s in self.data["steps"]], self.data["source"]["tokens"]
        rows = [self.head(block, head, i)["p"] for i in range(len(says))]
        for row in sorted({0, len(says) // 2, len(says) - 1}):
            self.open("cross", 0, block=block, head=head, row=row)
            best = most(rows[row])
            lines = {j: w for j, w in self.all(".look.now", "[+n.dataset.j, +n.getAttribute('stroke-width')]")}
            self.check(all(near(w, max(0.7, 13 * rows[row][j]), 0.01) for j, w in lines.items()), "lines are as thick as the weights")
            self.check(max(lines, key=lines.get) == best, "the thickest line goes to the word named")
            self.check(spoken(tokens, best) in self.says() and percent(rows[row][best]) in self.says(), f"names it: {self.says()}")
            self.check(spoken(says, row) in self.caption() and spoken(tokens, best) in self.caption(), f"so does the caption: {self.caption()}")
            self.check(self.all(".fr.now text", "n.textContent")[0][:6] == shown(says[row])[:6], "the lit word is the one that is said")
        self.open("cross", 0, block=block, head=head, row=0)
        self.click("[data-key=cross-next]")
        self.check(self.all(".fr.now", "+n.dataset.i") == [min(1, len(says) - 1)], "the button goes on")
        self.focus(".fr.now")
        self.browser.press("ArrowDown")
        self.browser.settle()
        self.check(self.all(".fr.now", "+n.dataset.i") == [min(2, len(says) - 1)], "and so does the arrow key")
        self.open("cross", 1, block=block, head=head, row=0)
        cells = self.all(".cell", "[+n.dataset.i, +n.dataset.j, +n.style.fillOpacity]")
        self.check(all(near(o, 0.04 + 0.96 * math.sqrt(rows[i][j]), 0.003) for i, j, o in cells), "cells are as dark as their weights")
        clear = sum(max(r) > 0.5 for r in rows)
        self.check(f"In {clear} of {len(rows)} rows" in self.caption(), f"counts the clear rows, {clear}: {self.caption()}")

    def opens_clean(self):
        """Without a choice, cross-attention opens on a head that says which word belongs to which, if there is one."""
        self.open("cross", 0, fresh=True, block=0)
        best = max(((h["share"] if h["label"] == "aligned" else 0) - 0.01 * h["entropy"], i, k)
                   for i, b in enumerate(self.data["attention"]) if b["kind"] == "cross" for k, h in enumerate(b["heads"]))
        chosen = self.all(".choosers .group:last-child [aria-pressed=true]", "+n.textContent")
        own = (self.data.get("chosen") or {}).get("block")
        if own is None or self.data["attention"][own]["kind"] != "cross":
            self.check(chosen == [best[2]], f"opens on the clearest head, {best}, not {chosen}")

    def next_word(self, row):
        step = self.data["steps"][row]
        block = max(i for i, b in enumerate(self.data["attention"]) if b["kind"] == "cross")
        p, V = [c["p"] for c in step["candidates"]], self.data["model"]["vocab"]
        rest = 1 - math.fsum(p)
        self.open("next", 0, block=block, head=0, row=row)
        bars = self.list_bars(".next")
        logits = [c["logit"] for c in step["candidates"]]
        ahead = math.log(p[0] / p[1])
        self.check(all_near([b / bars[0] for b in bars], [x / logits[0] for x in logits], 0.02), "bars of the scores")
        last = self.bars(".skyline.last")
        self.check(bool(last) == (row + 1 < len(self.data["target"]["tokens"])) or self.data["model"]["tying"] != "all", "the last vector is drawn")
        if last:
            D = self.data["output"]["vectors"]["shape"][1]
            vector = unpack(self.data["output"]["vectors"])[row * D:][:D]
            top = max(map(abs, vector))
            self.check(all_near([h for _, h, _ in last[0]], [x / top for x in vector], 2e-4), "the last vector")
            products = [h for _, h, _ in self.bars(".skyline.product")[0]]
            rows = [h for _, h, _ in self.bars(".skyline.row-of")[0]]
            self.check(all(a * b * c >= 0 for a, b, c in zip(vector, rows, products)), "the products have the signs of their factors")
            mine = next(c["logit"] for c in step["candidates"] if c["id"] == step["says"]["id"])
            self.check(near(number(self.all(".tally .right", "n.textContent")[2]), mine, 0.06), "they add up to the logit")
        self.check(f"{ahead:.1f}" in self.says(), f"says how far the best is ahead, {ahead}: {self.says()}")
        self.open("next", 1, block=block, head=0, row=row)
        bars = self.list_bars(".next")
        self.check(all_near([b / max(bars) for b in bars], [x / max(p[0], rest) for x in [*p, rest]], 0.01), "bars of the probabilities")
        told = self.all(".next .right", "n.textContent")
        self.check(told == [percent(x) for x in [*p, rest]], f"the probabilities as numbers: {told}")
        best = shown(step["candidates"][0])
        self.check(f"“{best}”" in self.caption() and percent(p[0]) in self.caption(), f"names the likeliest: {self.caption()}")
        taken = self.all(".next .taken .name", "n.textContent")
        self.check([t.lstrip("-") for t in taken] in ([shown(step["says"])], []), f"marks what is said: {taken}")
        self.open("next", 2, block=block, head=0, row=row)
        for key, T in (("Home", 0.25), ("End", 4.0)):
            self.focus("#heat")
            self.browser.press(key)
            self.browser.settle()
            each = [x ** (1 / T) for x in p]
            others = (V - len(p)) * (rest / (V - len(p))) ** (1 / T)
            total = sum(each) + others
            told = self.all(".next .right", "n.textContent")
            self.check(told == [percent(x / total) for x in [*each, others]], f"at temperature {T}: {told}")
            self.check(percent(each[0] / total) in self.says(), f"and in words: {self.says()}")

    def without_parts(self):
        """A model that was run without some of its parts: the pictures are of what it did."""
        w = self.head(0, 0, 1)
        self.open("softmax", 3, block=0, head=0, row=1, word=1)
        self.check(all_near(softmax(w["dots"]), w["p"], 1e-4), "without the root, shares are the softmax of the scores")
        self.cake(w["p"], most(w["p"]), self.data["source"]["tokens"])
        self.click("[data-divide='1']")
        self.cake(softmax([x / math.sqrt(w["K"]) for x in w["dots"]]), most(w["p"]), self.data["source"]["tokens"])
        self.open("heads", 0, block=0, head=0, row=1, word=1)
        self.check(self.all(".mute", "+n.dataset.head") == [1], "a mute head is marked")
        self.open("heads", 1, block=0, head=0, row=1, word=1)
        silent = [h for _, h, _ in self.bars(".side-by-side .skyline")[1]]
        self.check(not any(silent), "it brings nothing")
        self.open("feedforward", 0, block=0, head=0, row=1, word=1)
        self.check("Switched off" in self.text("#scene"), "feed-forward is said to be off")
        block, row = self.block("decoder", 0), 1
        rows = self.head(block, 0, row)
        self.open("mask", 1, block=block, head=0, row=row)
        cells = self.all(".triangle", "[...n.querySelectorAll('.tri')].map(c => [+c.dataset.i, +c.dataset.j, +c.dataset.p])")
        self.check(all(near(p, rows["p"][j], 1e-4) for i, j, p in cells[1] if i == row), "without the mask: the model's own weights")
        hidden = softmax(rows["dots"][:row + 1])
        self.check(all(near(p, hidden[j] if j <= row else 0, 1e-4) for i, j, p in cells[0] if i == row), "with it: what they would be")

    def looks(self):
        """Every step, at all widths: it fits, and says nothing odd."""
        for width, dark in ((1280, False), (400, True)):
            self.browser.show(width, 900, dark)
            self.opened = False
            for scene, steps in STEPS.items():
                if scene == "mask" and not any(b["kind"] == "decoder" and b["q"] for b in self.data["attention"]):
                    continue
                for step in range(steps):
                    self.open(scene, step)
                    self.where += f"{width} pixels"
                    self.check(self.run("document.querySelector('#scene').dataset.scene") == scene, "the scene is there")
                    self.check(self.run("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the page")
                    text = self.text("#stage")
                    odd = re.findall(r"(?<!\w)(?:NaN|undefined|null|Infinity|\[object|false|true)", text)
                    self.check(not odd, f"the text has {odd}")
                    self.check(len(self.caption()) > 30, "has a caption")
                    unnamed = self.all("svg, button, input, [role=listbox]", "n.getAttribute('aria-label') || n.textContent || "
                                       "n.closest('label') || n.closest('[aria-label]') ? '' : n.outerHTML.slice(0, 90)")
                    self.check(not any(unnamed), f"has no name: {[u for u in unnamed if u][:2]}")
                    keys = self.all("[data-key]", "n.dataset.key")
                    self.check(len(keys) == len(set(keys)), "what can be used has a key of its own")
                    self.run("document.documentElement.classList.add('numbers')")
                    self.check(self.run("document.documentElement.scrollWidth <= innerWidth"), "nor with numbers")
                    odd = re.findall(r"(?<!\w)(?:NaN|undefined|Infinity)", self.text("#stage"))
                    self.check(not odd, f"the numbers have {odd}")
                    if self.name == "apple":
                        box = self.run("(r => [r.top + scrollY, r.height])(document.getElementById('stage').getBoundingClientRect())")
                        self.browser.picture(OUT / f"scene-{scene}-{step}-{width}.png", (box[0], box[1]))
        self.browser.show(1280, 900)

    def controls(self):
        """Every button and slider of every step can be used; the word, layer and head chosen go along through the scenes."""
        for scene, steps in STEPS.items():
            for step in range(steps):
                self.open(scene, step)
                keys = [k for k in self.all("button[data-key]:not(:disabled)", "n.dataset.key")]
                for key in keys[:3] + keys[-3:]:
                    if self.run(f"(n => Boolean(n && !n.disabled))(document.querySelector('#scene [data-key=\"{key}\"]'))"):
                        self.focus(f"[data-key='{key}']")
                        self.click(f"[data-key='{key}']")
                        self.check(len(self.caption()) > 30, f"after {key} it is drawn")
                        kept = self.run(f"(n => !n || n.disabled || n === document.activeElement)(document.querySelector('#scene [data-key=\"{key}\"]'))")
                        self.check(kept, f"{key} keeps the focus")
        self.check(not self.browser.complaints, f"complaints: {self.browser.complaints}")
        self.browser.complaints = []


def main():
    program = find_browser()
    if not program:
        check.skip("scene-test: skipped: no browser (Debian: apt-get install chromium)")
        print(check.summary())
        return 0
    inspect = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "inspect")
    models = sys.argv[2:3] or sorted((str(m) for m in ROOT.glob("runs/*/model.gguf")), key=os.path.getmtime)[-1:]
    if not models:
        check.skip("scene-test: skipped: no model (./train configs/tiny.ini makes one)")
        print(check.summary())
        return 0
    OUT.mkdir(parents=True, exist_ok=True)
    browser = Browser(program)
    try:
        for name, options in SENTENCES.items():
            page = OUT / f"scene-{name}.html"
            subprocess.run([inspect, "-m", models[0], "-o", str(page), *options], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"), re.S)[1])
            browser.show(1280, 900)
            scenes = Scenes(browser, name, data)
            if name == "many":
                scenes.ordinals()
                check(not browser.complaints, f"{name}: complaints: {browser.complaints}")
                continue
            if name == "knocked":
                scenes.without_parts()
                scenes.looks()
                continue
            attention = data["attention"]
            blocks = {kind: [i for i, b in enumerate(attention) if b["kind"] == kind and (b["q"] or kind == "cross")] for kind in ("encoder", "decoder", "cross")}
            heads, count = attention[0]["p"]["shape"][:2]
            for block, head, row in ((blocks["encoder"][0], 0, min(3, count - 1)), (blocks["encoder"][-1], heads - 1, 0)):
                scenes.query_meets_key(block, head, row)
                scenes.sharing(block, head, row)
                scenes.taking_home(block, head, row)
            scenes.all_heads(blocks["encoder"][0], min(3, count - 1))
            scenes.all_heads(blocks["encoder"][-1], count - 1)
            if blocks["decoder"]:  # of a long sentence its vectors may be left out
                scenes.curtain(blocks["decoder"][-1], heads - 1)
            scenes.crossing(blocks["cross"][-1], 0)
            scenes.opens_clean()
            for row in sorted({0, len(data["steps"]) // 2}):
                scenes.next_word(row)
            if name != "pieces":
                scenes.looks()
            if name == "apple":
                scenes.controls()
            check(not browser.complaints, f"{name}: complaints: {browser.complaints}")
            browser.complaints = []
    finally:
        browser.close()
    print(f"scenes: {check.summary()}")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
