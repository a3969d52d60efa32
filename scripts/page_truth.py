#!/usr/bin/env python3
"""Compares pictures of ./inspect's page with the sentences beside them.

usage: page_truth.py [INSPECT [MODEL]]     (default: ./inspect, and the newest runs/*/model.gguf)

What a sentence says (which group a path approaches, which map puts groups further apart, which word pulls furthest,
where a head looks) is read from the page as text. What the picture beside it shows is measured from the drawn elements:
coordinates of lines, widths of bars. The two must agree, in several sentences and in both places where a thing is
shown: the scenes and "all numbers".

Then each picture is broken on purpose, one at a time (BREAKS), and the comparison must fail. Skipped if there is no
browser or no model.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from page_browser import Browser, find_browser

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build/page"
READY = "document.documentElement.hasAttribute('data-ready')"
PAGES = {
    "apple": ["--compare", "apple unveiled the new phone", "please buy an apple and an orange"],
    "company": ["my sister works for apple"],
    "bank": ["the cow slept on the bank of the river"],
    "cat": ["the cat sat on the mat"],
}
# What is broken in the page's text, and the comparison that must notice.
BREAKS = [
    ("a path runs to the other side", "points: at.map(([x, y]) => f.X(x)", "points: at.map(([x, y]) => f.X(-x)", "path"),
    ("the sides of the line have each other's names", "k ? `${g} →` : `← ${g}`", "k ? `${groups[0]} →` : `← ${groups[1]}`", "path"),
    ("bars of pulls point the wrong way", "r.value < 0 ? 50 +", "r.value > 0 ? 50 +", "pulls"),
    ("bars of pulls have lengths of their own", "50 * Math.abs(r.value) / most", "50 * Math.sqrt(Math.abs(r.value) / most) / 2", "pulls"),
    ("what comes after the map is drawn to another scale", "scatter(i.after, `after", "scatter(i.after.map(p => p.map(x => x / 2)), `after", "maps"),
    ("what comes before the map is drawn in its place", "scatter(i.after, `after", "scatter(i.before, `after", "maps"),
    ("lines of a head have another head's widths", "const weights = {row: i => p.row(state.head, i)};",
     "const weights = {row: i => p.row((state.head + 1) % p.shape[0], i)};", "head"),
    ("the sentence names another head", 'para(data.chosen.why.replace(', 'para(data.chosen.why.replace(/head \\d/, "head 9").replace(', "head"),
    ("the sentence gives another share", 'para(data.chosen.why.replace(', 'para(data.chosen.why.replace(/\\d+%/, "99%").replace(', "head"),
    ("the step's bars are not its percentages", "value: c.p,", "value: 1 - c.p,", "steps"),
    ("neighbours are drawn in another order", "value: n.cosine, kind", "value: 1 - n.cosine, kind", "neighbours"),
    ("the place where the word stands is drawn as another", "value: x / most,", "value: 1 - x / most,", "places"),
    ("the mask's weights are those without it", "map(causal, \"mask-on\", true),\n            row(causal[rowShown], true)",
     "map(causal, \"mask-on\", true),\n            row(open[rowShown], true)", "mask"),
    ("the scene's path runs to the other side", "at = l => [X(p.xy[l][0]), Y(l)];", "at = l => [X(-p.xy[l][0]), Y(l)];", "fork"),
    ("the scene's arrows point the wrong way", "arrow(zero, zero + reach * r.move / most", "arrow(zero, zero - reach * r.move / most", "tugs"),
    ("the galaxy is drawn from right to left", "x: X(w.xy[0]), y: Y(w.xy[1])}", "x: X(-w.xy[0]), y: Y(w.xy[1])}", "galaxy"),
]

passed = failed = 0


class Page:
    """One page, its data, and what does not agree in it."""

    def __init__(self, browser, path):
        self.browser, self.path, self.wrong = browser, path, []
        text = path.read_text("utf-8")
        self.data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])

    def check(self, good, what):
        if not good:
            self.wrong.append(what)

    def open(self, section):
        self.browser.open(self.path, "#" + section, ready=READY)
        for _ in range(20):
            self.browser.run(f"document.getElementById('{section}').scrollIntoView()")
            self.browser.settle()
            if not self.browser.run(f"[...document.querySelectorAll('#{section} [style*=min-height]')].some(n => !n.children.length)"):
                return

    def scene(self, scene, step):
        self.browser.open(self.path, f"#scene-{scene}&step={step}", ready="document.querySelector('#scene > *')")
        self.browser.wait("!document.querySelector('#scene .star[transform]')", 3)  # what moves has arrived
        self.browser.settle()

    def all(self, selector, value):
        return self.browser.run(f"[...document.querySelectorAll({json.dumps(selector)})].map(n => {value})")

    def text(self, selector):
        return " ".join(self.all(selector, "n.textContent"))

    # ---- all numbers ----

    def path_(self):
        """The path ends on the side that the sentence names, and goes the way that it says."""
        context = self.data["context"]
        if not context:
            return
        self.open("context")
        middle = float(self.all("#context svg.plot line.axis[stroke-dasharray]", "n.getAttribute('x1')")[0])
        left, right = (self.text("#context svg.plot text[style*=fill]").replace("←", " ").replace("→", " ").split())
        names = [left, right]
        for role in ("this", "compare") if context["compare"] else ("this",):
            xs = [float(p.split(",")[0]) for p in self.all(f"#context polyline[data-path={role}]", "n.getAttribute('points')")[0].split()]
            said = self.text(f"#context [data-verdict={role}]")
            towards = re.search(r"moves towards (\w+)", said)[1]
            side = re.search(r"ends on the side of (\w+)", said)
            self.check(names[xs[-1] > xs[0]] == towards, f"path, {role}: says towards {towards}, drawn from {xs[0]:.0f} to {xs[-1]:.0f}")
            end = side[1] if side else towards
            self.check(names[xs[-1] > middle] == end, f"path, {role}: says it ends with {end}, drawn at {xs[-1]:.0f} of {middle:.0f}")
        starts = self.all("#context polyline[data-path=this], #context polyline[data-path=compare]", "n.getAttribute('points').split(' ')[0]")
        self.check(len(set(starts)) == 1, f"path: one word starts at {len(set(starts))} points")

    def pulls(self):
        """The named puller has the longest bar of all words that way; bars are as long as their numbers."""
        if not self.data["pulls"] or not self.data["context"]:
            return
        self.open("context")
        rows = self.all(".pulls tbody tr", "[n.cells[0].textContent, n.querySelector('.pull').getBoundingClientRect().left, "
                        "n.querySelector('.pull').getBoundingClientRect().right, n.cells[1].getBoundingClientRect().left, "
                        "n.cells[1].getBoundingClientRect().width, +n.querySelector('.n').dataset.v]")
        style = "parseFloat(getComputedStyle(n.cells[1]).paddingLeft)"
        pad = self.all(".pulls tbody tr", style)[0]
        drawn = []
        for name, a, b, cell, width, number in rows:
            middle = cell + pad + (width - 2 * pad) / 2
            drawn.append((name.strip("“”"), b - middle if (a + b) / 2 > middle else a - middle, number))
        most = max(drawn, key=lambda d: abs(d[2]))
        for name, far, number in drawn:
            self.check(abs(far / most[1] - number / most[2]) < 0.03, f"pulls: the bar of {name} is {far:.0f} pixels for {number:.3f}")
        end = self.data["pulls"]["layers"][-1]["position_after"] - self.data["pulls"]["layers"][0]["position_before"]
        self.check(abs(sum(d[2] for d in drawn) - end) < 0.01, "pulls: the bars do not add up to the whole way")
        named = self.all("[data-puller]", "[n.dataset.puller, n.textContent]")
        if named:
            words, sign = drawn[:-1], 1 if self.data["pulls"]["axis"][1] in named[0][1] else -1
            longest = max(words, key=lambda d: sign * d[1])
            self.check(longest[0] == named[0][0], f"pulls: names {named[0][0]}, the longest bar is that of {longest[0]}")

    def maps(self):
        """Further apart or closer together, as drawn, and by as much; for every head and map."""
        if not self.data["maps"]:
            return
        self.open("maps")
        items = self.data["maps"]["items"]
        for item in items:
            row = sorted({(i["layer"], i["head"]) for i in items}).index((item["layer"], item["head"]))
            column = ["query", "key", "value"].index(item["map"])
            self.browser.run("(c => { c.focus({focusVisible: true}); })(document.querySelector('#maps .cells canvas'))")
            self.browser.press("Home")
            for _ in range(len(items) // 3):
                self.browser.press("ArrowUp")
            for _ in range(row):
                self.browser.press("ArrowDown")
            for _ in range(column):
                self.browser.press("ArrowRight")
            self.browser.press("Enter")
            said = self.text("#maps [data-verdict=map]")
            name = self.text("#maps h3")
            means = [float(x) for x in self.all("#maps svg.plot line.mean", "n.getAttribute('x1')")]
            gaps = [means[1] - means[0], means[3] - means[2]]
            numbers = [float(n) for n in self.all("#maps [data-verdict=map] .n", "n.dataset.v")]
            what = f"maps, {name}: "
            self.check(f"layer {item['layer']}, head {item['head']}, {item['map']}" in name, what + "another map is shown")
            self.check(("further apart" in said) == (gaps[1] > gaps[0]), f"{what}{said} Drawn {gaps[0]:.0f} and {gaps[1]:.0f} pixels apart")
            self.check(abs(gaps[1] / gaps[0] - numbers[1] / numbers[0]) < 0.02, f"{what}{numbers}, drawn {gaps}")
            # The drawn points have the drawn means, and the drawn scatter is the unit.
            first = len(self.data["maps"]["groups"][0]["words"])
            for k, plot in enumerate(("before", "after")):
                shapes = self.all("#maps svg.plot", "[...n.querySelectorAll('g circle, g rect')].map(m => m.tagName === 'circle' ? "
                                  "[+m.getAttribute('cx'), +m.getAttribute('cy')] : [+m.getAttribute('x') + 4.5, +m.getAttribute('y') + 4.5])")[k]
                groups = shapes[:first], shapes[first:]
                centres = [[sum(p[a] for p in g) / len(g) for a in (0, 1)] for g in groups]
                scatter = (sum((p[0] - c[0]) ** 2 + (p[1] - c[1]) ** 2 for g, c in zip(groups, centres) for p in g) / len(shapes)) ** 0.5
                self.check(abs((centres[1][0] - centres[0][0]) / scatter - numbers[k]) < 0.03 * numbers[k],
                           f"{what}{plot}: says {numbers[k]:.2f}, the points are {(centres[1][0] - centres[0][0]) / scatter:.2f} apart")

    def head(self):
        """Where the sentence says the head looks most is the thickest line between different words."""
        self.open("attention")
        said = self.text("#attention [data-view=head] > div > p")
        match = re.search(r"strongest look at another word is (\S+) → (\S+) ([\d.]+) %", said)
        if not match:
            return
        left, right = ([t for t in self.all(f"#attention .links g[role=option][data-c='{side}']", "n.getAttribute('aria-label')")]
                       for side in (0, 1))
        lines = self.all("#attention .links > g:first-of-type line", "[+n.getAttribute('y1'), +n.getAttribute('y2'), "
                         "+n.getAttribute('stroke-width')]")
        high = 27 if len(left) <= 24 else 20
        words = [((left[round((a - 22 - high / 2) / high)], right[round((b - 22 - high / 2) / high)]), w) for a, b, w in lines]
        others = [(pair, w) for pair, w in words if pair[0] != pair[1] and all(re.search(r"\w", t) and not t.startswith("(") for t in pair)]
        thick, width = max(others, key=lambda x: x[1])
        self.check(thick == (match[1], match[2]), f"head: says {match[0]}, the thickest line goes from {thick[0]} to {thick[1]}")
        self.check(abs((width - 0.6) / 9 - float(match[3]) / 100) < 0.006, f"head: says {match[3]} %, drawn {width}")
        why = re.search(r"“(.+?)” is one of the words that pull “(.+?)” towards the (\w+)\. .* looks at it most: in encoder layer (\d+), "
                        r"head (\d+), with (\d+) % of its attention", said)
        self.check(why or not (self.data["pulls"] and self.data["chosen"]["group"]), f"head: does not say who pulls: {said}")
        if why:  # the chosen head: here the word looks at its puller that much, and the puller pulls that way
            chosen, puller = self.data["chosen"], why[1]
            self.check(f"encoder layer {why[4]}, head {why[5]}" in said.replace(why[0], ""), "head: another head is shown than is named")
            words = {}
            for j, token in enumerate(self.data["source"]["tokens"]):
                words.setdefault(token["word"], []).append((j, token["text"]))
            # Of words that are spelt alike, the one meant pulls that way, and gets most of those that do.
            alike = [[j for j, _ in w] for w in words.values() if "".join(t for _, t in w).strip() == puller]
            pulls = [sum(layer["total"][j] for layer in self.data["pulls"]["layers"] for j in w) for w in alike]
            shares = [sum((w - 0.6) / 9 for a, b, w in lines if round((a - 22 - high / 2) / high) == chosen["row"]
                          and round((b - 22 - high / 2) / high) in pieces) for pieces in alike]
            told = float(why[6]) / 100
            share = max((s for s, pull in zip(shares, pulls) if self.data["pulls"]["axis"][pull > 0] == why[3]), default=None)
            self.check(share is not None, f"head: says {puller} pulls to the {why[3]}, by {pulls}")
            self.check(share is None or abs(share - told) < 0.03, f"head: says {puller} gets {told}, drawn {share}")

    def steps(self):
        """The bar of what was said is as long as the step's percentage."""
        self.open("tokens")
        for i, step in enumerate(self.data["steps"][:6]):
            self.browser.run(f"document.querySelectorAll('[data-view=steps] .chip')[{i}].click()")
            said = float(self.all("[data-view=steps] .chip small", "parseFloat(n.textContent)")[i]) / 100
            bars = self.all("[data-view=steps] .bars tr", "[n.querySelector('b') !== null, "
                            "n.querySelector('.bar').getBoundingClientRect().width, n.querySelector('.track').clientWidth]")
            mine = [b for b in bars if b[0]]
            self.check(mine and abs(mine[0][1] / (mine[0][2] - 16) - said) < 0.03, f"steps: says {said}, drawn {mine}")

    def neighbours(self):
        """Nearest first; the kinds that are named are those of the words drawn."""
        self.open("embedding")
        bars = self.all("[data-view=neighbours] .bars tr", "[n.cells[0].textContent, n.querySelector('.bar').getBoundingClientRect().width, "
                        "+n.querySelector('.n').dataset.v]")
        self.check(all(a[1] >= b[1] - 0.5 for a, b in zip(bars, bars[1:])), f"neighbours: not nearest first: {bars}")
        self.check(all(abs(b[1] / bars[0][1] - b[2] / bars[0][2]) < 0.02 for b in bars), f"neighbours: bars are not the cosines: {bars}")
        pressed = self.text("[data-view=neighbours] .chip[aria-pressed=true]")
        self.check(pressed in self.data["chosen"]["word_text"], f"neighbours: opens on {pressed}, chosen is {self.data['chosen']['word_text']}")

    def places(self):
        """The place where the word stands has no bar; the largest is full."""
        self.open("embedding")
        bars = self.all("[data-view=moved] .bars tr", "[n.cells[0].textContent, n.querySelector('.bar').getBoundingClientRect().width]")
        here = [w for name, w in bars if "here" in name]
        self.check(here and here[0] <= 1.5, f"places: the word's own place has a bar of {here}")
        self.check(min(w for name, w in bars if "here" not in name) > 0.1 * max(w for _, w in bars), f"places: {bars}")

    def mask(self):
        """With the mask no weight lies on words ahead, and the others have all of it; without, the orange is ahead."""
        self.open("masking")
        tables = self.all("[data-view=masking] .bars", "[...n.querySelectorAll('tr')].map(r => [r.querySelector('.bar').className, "
                          "r.querySelector('.bar').getBoundingClientRect().width, r.querySelector('.n') ? +r.querySelector('.n').dataset.v : -1])")
        if len(tables) != 2:
            return
        open_, masked = tables
        ahead = [i for i, row in enumerate(masked) if row[2] < 0]
        self.check(all("two" in open_[i][0] for i in ahead) and sum("two" in row[0] for row in open_) == len(ahead), "mask: orange is not ahead")
        seen = [row for i, row in enumerate(masked) if i not in ahead]
        self.check(abs(sum(row[2] for row in seen) - 1) < 1e-5, "mask: the seen words do not share all of the weight")
        free = sum(open_[i][2] for i in range(len(open_)) if i not in ahead)
        for i, row in enumerate(masked):
            self.check(i in ahead or abs(row[2] - open_[i][2] / free) < 1e-5, f"mask: row {i}")

    # ---- scenes ----

    def fork(self):
        """The scene's path ends on the side that its caption names."""
        context = self.data["context"]
        if not context or not self.data["pulls"]:
            return
        self.scene("pull", 0)
        said = self.all("#stage .caption strong, #stage .caption b", "n.textContent")
        ends = {name: float(x) for name, x in self.all("#scene svg text.end", "[n.textContent, n.getAttribute('x')]")}
        tips = [float(re.findall(r"[-\d.]+", d)[-2]) for d in self.all("#scene path.fork", "n.getAttribute('d')")]
        for name, tip in zip([s for s in said if s in ends], tips):
            nearest = min(ends, key=lambda e: abs(ends[e] - tip))
            self.check(nearest == name, f"fork: says {name}, ends at {tip:.0f}: {ends}")

    def tugs(self):
        """The word that the caption says pulls furthest has the longest arrow, and it points to the named group."""
        if not self.data["context"] or not self.data["pulls"]:
            return
        for layer in range(len(self.data["pulls"]["layers"])):
            self.scene("pull", 1 + layer)
            said = self.text("#stage .caption")
            match = re.search(r"“([^“”]+)” pulls furthest, to the (\w+)", said)
            arrows = self.all("#scene g.tug[data-word]", "[n.querySelector('text').textContent, n.querySelector('path').getAttribute('d')]")
            zero = float(self.all("#scene svg > line.axis", "n.getAttribute('x1')")[0])
            tips = [(name, float(re.search(r"L([-\d.]+) ", d)[1]) - zero) for name, d in arrows if not name.endswith(" itself")]
            longest = max(tips, key=lambda t: abs(t[1]))
            self.check(match and longest[0] == match[1], f"tugs: {said}: the longest arrow is that of {longest}")
            side = self.data["pulls"]["axis"][longest[1] > 0]
            self.check(match and side == match[2], f"tugs: says to the {match and match[2]}, the arrow points to the {side}")

    def galaxy(self):
        """The word is drawn between the groups, or with one, as the caption says; each group is on its own side."""
        galaxy = self.data["galaxy"]
        if not galaxy:
            return
        self.scene("galaxy", 2)
        said = self.text("#stage .caption")
        ends = {name: float(x) for name, x in self.all("#scene svg text.end", "[n.textContent, n.getAttribute('x')]")}
        stars = {name: float(x) for name, x in self.all("#scene .star", "[n.querySelector('title').textContent, "
                 "n.querySelector('circle.touch').getAttribute('cx')]")}
        left, right = (ends[a] for a in galaxy["axes"])
        for axis, own in zip(galaxy["axes"], (left, right)):
            xs = [x for name, x in stars.items() if name.endswith(", " + axis)]
            self.check(xs and abs(sum(xs) / len(xs) - own) < 0.02 * (right - left), f"galaxy: {axis} are not around their mean")
        match = re.search(r"“([^“”]+)” stands (between|with)(?: the (\w+))?", said)
        if match:
            # drawn with a diamond on the axis, too
            x = next(x for name, x in stars.items() if name.split(",")[0] == match[1])
            inside = (x - left) / (right - left)
            self.check(0.2 <= inside <= 0.8 if match[2] == "between" else (inside < 0.2 if match[3] == galaxy["axes"][0] else inside > 0.8),
                       f"galaxy: {match[0]}; drawn at {inside:.2f} of the way")

    def compare(self, only=None):
        for what in ("path", "pulls", "maps", "head", "steps", "neighbours", "places", "mask", "fork", "tugs", "galaxy"):
            if only in (None, what):
                getattr(self, "path_" if what == "path" else what)()


def newest():
    models = sorted(ROOT.glob("runs/*/model.gguf"), key=lambda p: p.stat().st_mtime)
    return str(models[-1]) if models else None


def main():
    global passed, failed
    program = find_browser()
    inspect = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else str(ROOT / "inspect")
    model = sys.argv[2] if len(sys.argv) > 2 else newest()
    if not program or not model:
        print("page-truth: skipped: no " + ("model (./train configs/tiny.ini makes one)" if program else "browser"))
        print("0 passed, 0 failed, 1 skipped")
        return 0
    OUT.mkdir(parents=True, exist_ok=True)
    browser = Browser(program)
    browser.show(1280, 900)
    try:
        for name, options in PAGES.items():
            path = OUT / f"truth-{name}.html"
            subprocess.run([inspect, "-m", model, "-o", str(path), *options], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            page = Page(browser, path)
            page.compare()
            for wrong in page.wrong:
                print(f"FAILED: {name}: {wrong}")
            failed += len(page.wrong)
            passed += not page.wrong
        whole = (OUT / "truth-apple.html").read_text("utf-8")
        for name, old, new, what in BREAKS:
            path = OUT / "truth-broken.html"
            if old not in whole:
                print(f"FAILED: nothing to break: {name}")
                failed += 1
                continue
            path.write_text(whole.replace(old, new), "utf-8")
            page = Page(browser, path)
            page.compare(what)
            if not page.wrong:
                print(f"FAILED: not noticed: {name}")
            failed += not page.wrong
            passed += bool(page.wrong)
    finally:
        browser.close()
    print(f"page-truth: {passed} passed, {failed} failed, 0 skipped ({len(PAGES)} pages, {len(BREAKS)} broken on purpose)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
