"""Tests of the lesson: the sentence on top, the map, the player and its scenes (src/page/web/lesson.js, machine.js, scene_*.js).

What a picture shows is read from the page's elements and compared with the data and with the sentence beside it.
"""

import json
import math
import re

from page_browser import unpack

READY = "document.documentElement.hasAttribute('data-ready')"
WRONG = ("NaN", "undefined", "[object", "Infinity", "null", "false")


def words(side):
    """[(number, text, tokens)] of a side of the data."""
    found = {}
    for i, token in enumerate(side["tokens"]):
        if token["word"] >= 0:
            found.setdefault(token["word"], [token["word"], "", []])
            found[token["word"]][1] += token["text"]
            found[token["word"]][2].append(i)
    return [(n, text.strip(), tokens) for n, text, tokens in found.values()]


def alignment(data):
    """For each word of the translation its shares of the source words: the mean over the last layer's heads."""
    block = [b for b in data["attention"] if b["kind"] == "cross"][-1]
    heads, rows, columns = block["p"]["shape"]
    p = unpack(block["p"])
    shares = []
    for _, _, tokens in words(data["target"]):
        row = [sum(p[(h * rows + i - 1) * columns + j] for h in range(heads) for i in tokens for j in from_)
               for _, _, from_ in words(data["source"])]
        shares.append([x / sum(row) for x in row])
    return shares


def separation(points, first):
    groups = [points[:first], points[first:]]
    means = [[sum(p[k] for p in g) / len(g) for k in (0, 1)] for g in groups]
    scatter = sum(math.dist(p, means[i]) ** 2 for i, g in enumerate(groups) for p in g) / len(points)
    return math.dist(*means) / math.sqrt(scatter)


class LessonTest:
    def __init__(self, browser, check, folder, name, page, data):
        self.browser, self.check_, self.folder, self.name, self.page, self.data = browser, check, folder, name, page, data

    def check(self, good, what):
        return self.check_(good, f"{self.name}: {what}")

    def run(self, script):
        return self.browser.run(script)

    def all(self, selector, value):
        return self.run(f"[...document.querySelectorAll({json.dumps(selector)})].map(n => {value})")

    def text(self, selector):
        return self.run(f"document.querySelector({json.dumps(selector)}).textContent")

    def center(self, selector):
        return self.run(f"(r => [r.left + r.width / 2, r.top + r.height / 2])(document.querySelector({json.dumps(selector)})"
                        ".getBoundingClientRect())")

    def click(self, selector):
        self.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        self.browser.settle()
        self.browser.mouse(*self.center(selector), click=True)
        self.browser.settle()

    def open(self, fragment="", width=1280, height=900, dark=False, still=True):
        self.browser.show(width, height, dark, still)
        self.check(self.browser.open(self.page, fragment, ready=READY), f"opens at {fragment or 'the top'}")
        self.browser.settle()

    def scene(self, scene, step=0):
        self.check(self.run(f"toScene({json.dumps(scene)}, {step})"), f"there is the scene {scene}")
        self.browser.settle()

    def quiet(self, what):
        self.check(not self.browser.complaints, f"{what}: complaints: {self.browser.complaints}")
        self.browser.complaints = []

    def all_tests(self):
        self.first_screen()
        self.lighting()
        self.unseen()
        self.story()
        self.every_scene()
        self.switch_and_contents()
        self.another_sentence()
        self.paper()
        shown = self.run("player.shown.map(s => s.id)")
        for scene, test in (("galaxy", self.galaxy), ("places", self.places), ("pull", self.pull), ("linear", self.linear)):
            if scene in shown:
                self.open()
                test()
        self.quiet("scenes")

    # ---- the sentence on top ----

    def first_screen(self):
        source, target = words(self.data["source"]), words(self.data["target"])
        shares = alignment(self.data)
        for width, height, dark in ((1280, 900, False), (400, 800, True)):
            self.open(width=width, height=height, dark=dark)
            what = f"{width} x {height}: "
            drawn = self.all(".alignment .word", "[n.dataset.side, +n.dataset.word, n.textContent]")
            expected = [["source", n, t] for n, t, _ in source] + [["target", n, t] for n, t, _ in target]
            self.check(drawn == expected, what + f"the words on top are {drawn}")
            self.check(self.all(".alignment [role=listbox]", "n.getAttribute('lang')") == ["", ""], what + "no language is claimed for them")
            low = max(self.all(".alignment .word, .ribbon path", "n.getBoundingClientRect().bottom"))
            self.check(low <= height, what + f"the first screen has sentence and translation, down to {low}")
            self.check(self.run("document.documentElement.scrollWidth <= innerWidth"), what + "nothing is wider than the page")
            # The width of a ribbon at its word of the translation is the share.
            wide = {}
            for word, s, path in self.all(".ribbon path", "[+n.parentNode.dataset.word, +n.dataset.word, n.getAttribute('d')]"):
                ends = re.search(r" (\S+) \S+H(\S+)C", path) or re.search(r" (\S+)V(\S+)C", path)
                wide[word, s] = float(ends[2]) - float(ends[1])
            for i, (word, text, _) in enumerate(target):
                mine = {s: wide.get((word, s), 0) for s, _, _ in source}
                unit = sum(mine.values()) / sum(x for x in shares[i] if x > 0.03)
                good = all(abs(mine[s] - (unit * x if x > 0.03 else 0)) <= 0.02 * unit for (s, _, _), x in zip(source, shares[i]))
                self.check(good, what + f"ribbons of {text}: {mine}, shares {shares[i]}")
            said = self.all("#hero-says li", "n.textContent")
            for i, (_, text, _) in enumerate(target):
                best = source[max(range(len(source)), key=lambda s: shares[i][s])][1]
                self.check(said[i].startswith(f"{text} comes mostly from {best}, "), what + f"is told: {said[i]}")
            self.browser.picture(self.folder / f"{self.name}-{width}-{'dark' if dark else 'light'}-top.png")
            screens = self.run("document.documentElement.scrollHeight") / 900
            if width == 1280:
                self.check(screens <= 6, f"the page has {screens:.1f} screens with its numbers folded, 6 at most")
        self.quiet("the first screen")

    def lighting(self):
        self.open()
        word = words(self.data["source"])[-1][0]
        mine = f'[data-side="source"][data-word="{word}"]'
        self.browser.mouse(*self.center(".alignment .word" + mine))
        self.check(len(self.all(".alignment .lit", "1")) >= 2 and self.all(".alignment .word.lit", "n.dataset.word") == [str(word)],
                   "a word that is pointed at is lit with its ribbons")
        self.browser.mouse(2, 2)
        self.check(self.all(".lit", "1") == [], "it is dark again when the mouse leaves")
        self.run("document.querySelector('.alignment .word').focus({focusVisible: true})")
        if len(words(self.data["source"])) > 1:
            self.browser.press("ArrowRight")
            self.check(self.run("lesson.lit && lesson.lit.word") == words(self.data["source"])[1][0], "arrow keys light the next word")
        self.browser.press("ArrowDown")
        self.check(self.run("lesson.lit && lesson.lit.side") == "target", "the arrow down goes to the translation")
        if self.run("player.shown.some(s => s.id === 'galaxy')"):
            self.scene("galaxy")
            self.run("document.querySelector('#scene .piece').scrollIntoView({block: 'center'})")
            self.browser.settle()
            self.browser.mouse(*self.center("#scene .piece"))
            first = words(self.data["source"])[0][0]
            self.check(self.all(".alignment .word.lit", "+n.dataset.word") == [first], "a word touched in a scene is lit on top")
        self.quiet("lighting")

    def unseen(self):
        self.open()
        word, text, _ = words(self.data["source"])[0]
        self.run(f"lesson.show({{...lesson.data, unseen: [{{side: 'source', word: {word}, text: {json.dumps(text)}}}]}})")
        self.check(self.all(".alignment .unseen", "n.textContent") == [text], "a word that was never seen is marked")
        self.check(text in self.text("#hero-says .unseen-note"), "and the page says so")
        self.run("lesson.show({...lesson.data, unseen: []})")
        self.check(self.all(".alignment .unseen", "1") == [], "with another sentence the mark is gone")
        self.quiet("words that were never seen")

    # ---- the player and the map ----

    def story(self):
        self.open()
        plan = self.run("player.shown.map(s => [s.id, sceneSteps(s), s.map || []])")
        where = "[document.getElementById('scene').dataset.scene, place.step]"
        self.browser.press(" ")
        self.browser.settle()
        self.check(self.run(where) == [plan[0][0], 0] and self.run("stageInSight()"), "the space bar first goes to the story")
        button = "Math.round(player.next.getBoundingClientRect().top)"
        seen, tops = [self.run(where)], {self.run(button)}
        for _ in range(sum(p[1] for p in plan) - 1):
            self.browser.press(" ")
            self.browser.settle()
            seen.append(self.run(where))
            tops.add(self.run(button))
        self.check(len(tops) == 1 and max(tops) < 900, f"the buttons stay at one place, in sight: {tops}")
        self.check(seen == [[p[0], step] for p in plan for step in range(p[1])], f"the space bar goes through all: {seen}")
        self.check(self.run("player.next.disabled"), "at the end there is no next")
        self.browser.press("ArrowLeft")
        self.check(self.run(where) == seen[-2], "the left arrow goes back")
        self.click("#scene-next")
        self.check(self.run(where) == seen[-1], "the button goes on")
        self.click("#scene-back")
        self.check(self.run(where) == seen[-2], "the other goes back")
        last = "#scene-" + self.run("place.scene")
        self.check(self.run("location.hash").startswith(last), "the address keeps the scene")
        self.click(".dots li:nth-child(2) button")
        self.check(self.run(where) == [plan[1][0], 0] if len(plan) > 1 else True, "a dot goes to its scene")
        self.check(self.all(".dots [aria-current]", "n.getAttribute('aria-label')") == [f"2: {self.text('#scene-title')}"], "the dot is marked")
        before = self.run(where)
        self.check(self.run("document.activeElement.matches('.dots button:not(:focus-visible)')"), "the mouse leaves the focus on the dot")
        self.browser.press(" ")
        self.check(self.run(where) == seen[seen.index(before) + 1], "after a dot was clicked, the space bar goes on")
        self.browser.press(" ")
        self.check(self.run(where) == seen[seen.index(before) + 2], "and goes on: the key pressed no dot")
        if len(plan) > 4:
            self.run("document.querySelector('.dots button').focus({focusVisible: true})")
            for _ in range(4):
                self.browser.press("Tab")
            self.browser.press(" ")
            self.check(self.run(where) == [plan[4][0], 0], f"but who came to a dot by keyboard presses it: {self.run(where)}")
        if self.run("player.shown.some(s => s.id === 'softmax')"):
            self.scene("softmax")
            self.click("#scene button")
            self.browser.press(" ")
            self.check(self.run(where) == ["softmax", 1], f"and after a button of the scene: {self.run(where)}")
            self.scene("softmax")
            self.run("document.querySelector('#scene button').focus({focusVisible: true})")
            self.browser.press(" ")
            self.check(self.run(where) == ["softmax", 0], "but who came to the button by keyboard presses it")
        for part in ("cross", "mask", "output", "encoder-attention"):
            if any(part in p[2] for p in plan) and self.run("!document.querySelector('#story.whole')"):
                self.click(f'#map [data-part="{part}"]')
                found = self.run("place.scene")
                self.check(part in dict((p[0], p[2]) for p in plan)[found], f"a click on {part} goes to {found}")
        for scene, count, _ in plan:
            if count > 1:
                self.open(f"#scene-{scene}&step=1")
                self.check(self.run(where) == [scene, 1], f"the address opens {scene}, step 1")
                break
        self.quiet("the player")

    def every_scene(self):
        """Each step of each scene, wide and light, narrow and dark: it fits and says something. Takes its picture."""
        for width, height, dark in ((1280, 900, False), (400, 800, True)):
            self.open(width=width, height=height, dark=dark)
            for scene, count, parts in self.run("player.shown.map(s => [s.id, sceneSteps(s), s.map || []])"):
                for step in range(count):
                    self.scene(scene, step)
                    what = f"{scene}, step {step}, {width} pixels: "
                    self.check(self.run("document.documentElement.scrollWidth <= innerWidth"), what + "nothing is wider than the page")
                    story = self.run("document.getElementById('story').innerText")
                    for wrong in WRONG:
                        self.check(not re.search(r"(?<!\w)" + re.escape(wrong), story), f"{what}the text has {wrong}")
                    self.check(self.text("#scene-title").strip() and self.text(".caption").strip(), what + "has a title and a caption")
                    self.check(self.run("document.getElementById('scene').childElementCount > 0"), what + "has a picture")
                    if scene != "machine":
                        lit = self.all("#map .part.on", "n.dataset.part")
                        self.check(sorted(lit) == sorted(parts), f"{what}lit on the map: {lit}, of the scene: {parts}")
                    top, high = self.run("(r => [r.top + scrollY, r.height])(document.getElementById('story').getBoundingClientRect())")
                    self.browser.picture(self.folder / f"{self.name}-{width}-{'dark' if dark else 'light'}-{scene}-{step}.png",
                                         (max(0, top), min(2000, high)))
        self.quiet("every scene")

    # ---- numbers, contents, paper ----

    def switch_and_contents(self):
        self.open()
        folded = "document.getElementById('all-numbers').open"
        self.check(not self.run(folded), "numbers are folded at first")
        pull = self.run("player.shown.some(s => s.id === 'pull')")
        if pull:
            self.scene("pull", 1)
            before = len(self.all("#scene .tug text", "1"))
        self.run("scrollTo(0, 0)")
        self.click("#numbers-switch")
        self.browser.wait(READY)
        self.check(self.run(folded) and self.run("lesson.numbers"), "the switch shows all numbers")
        self.check(not pull or len(self.all("#scene .tug text", "1")) > before, "and numbers in the scene")
        for section in self.run("sections.filter(s => s.clientHeight).map(s => s.id)") + ["tokens"]:
            self.run(f"document.getElementById('{section}').scrollIntoView()")
            self.browser.settle()
            self.browser.settle()
            current = self.all(".contents [aria-current]", "n.hash")
            self.check(current == ["#" + section], f"at {section} the contents mark {current}")
        self.run("scrollTo(0, 0)")
        self.click("#numbers-switch")
        self.check(not self.run(folded) and not self.run("lesson.numbers"), "the switch folds them again")
        self.quiet("the switch")

    def paper(self):
        self.open()
        self.run("dispatchEvent(new Event('beforeprint'))")
        steps = self.run("player.shown.reduce((n, s) => n + sceneSteps(s), 0)")
        self.check(len(self.all("#printed article", "1")) == steps, f"paper has {steps} pictures of scenes")
        empty = self.run("[...document.querySelectorAll('#printed .scene')].filter(n => !n.childElementCount).length + "
                         "[...document.querySelectorAll('#all-numbers .cells canvas, #all-numbers .heads canvas, #printed canvas')].filter(c => {"
                         "if (!c.width || !c.height) return true; const seen = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
                         "return !seen.some(x => x); }).length")
        self.check(empty == 0, f"{empty} pictures are blank on paper")
        self.run("dispatchEvent(new Event('afterprint'))")
        self.check(self.all("#printed article", "1") == [] and not self.run("lesson.numbers"), "after printing the page is as it was")
        self.quiet("paper")

    def another_sentence(self):
        """Another sentence opens on its own word, or on the one that the reader chose, if it has that one."""
        list_ = words(self.data["source"])
        attention = self.data["attention"] or []
        if len(list_) < 2 or not attention or attention[0]["kind"] != "encoder":
            return
        self.open()
        # The same words backwards, as another sentence; then one without any of these words.
        self.run("(d => { const t = d.source.tokens, n = t.length; window.sentence = (text, tokens) => ({...d, source: {...d.source, text, tokens},"
                 "chosen: {...(d.chosen || d.arithmetic), block: 0, head: 0, row: 1, word: 1}}); window.again = sentence('again', t);"
                 "window.backwards = sentence('backwards', t.map((_, i) => t[n - 1 - i]));"
                 "window.without = sentence('without', t.map(x => ({...x, text: x.text + 'x'}))); })(lesson.data)")
        self.run("lesson.show(window.without)")
        self.check(self.run("[lesson.choice.word, lesson.choice.row]") == [1, 1], "another sentence opens on what its data says")
        self.run("lesson.show(window.again)")
        text, last = list_[-1][1], list_[-1][2][0]
        if [w[1] for w in list_].count(text) == 1 and len(list_[-1][2]) == 1:
            self.run(f"lesson.choose({{block: 0, row: {last}, word: {last}}})")
            self.run("lesson.show(window.backwards)")
            mirrored = len(self.data["source"]["tokens"]) - 1 - last
            self.check(self.run("[lesson.choice.word, lesson.choice.row]") == [mirrored] * 2, f"the chosen word, {text}, is followed into another sentence")
            self.run("lesson.show(window.without)")
            self.check(self.run("[lesson.choice.word, lesson.choice.row]") == [1, 1], "and is let go where it is not")
        self.quiet("another sentence")

    # ---- pictures and what is said of them ----

    def followed(self):
        at = self.run("lesson.choice.word")
        return next(w for w in words(self.data["source"]) if at in w[2])

    def galaxy(self):
        g = self.data.get("galaxy")
        if not g:
            return
        self.scene("galaxy", 2)
        stars = self.all("#scene .star", "[+n.dataset.key.slice(5), +n.querySelector('.touch').getAttribute('cx'), "
                         "(n.querySelector('.touch + *').getAttribute('style') || '')]")
        drawn = {star[0]: star for star in stars}
        self.check(len(drawn) == len(g["words"]), "all words of the galaxy are drawn")
        places = sorted((w["xy"][0], drawn[w["id"]][1]) for w in g["words"])
        self.check(all(a[1] <= b[1] + 0.01 for a, b in zip(places, places[1:])), "from left to right as along the line")
        hero = self.followed()
        token = self.data["source"]["tokens"][hero[2][0]]["id"]
        for w in g["words"]:
            colour = {0: "--fruit", 1: "--company"}.get(w["group"])
            if colour and w["id"] != token:
                self.check(colour in drawn[w["id"]][2], f"{w['text']} has the colour of {g['groups'][w['group']]}")
        mine = next((w for w in g["words"] if w["id"] == token), None)
        caption = self.text(".caption")
        if mine:
            between = "is between the" in caption
            self.check(between == (abs(mine["xy"][0]) <= 0.6), f"{hero[1]} at {mine['xy'][0]}: {caption}")
            beast = next((i for i, t in enumerate(self.data["source"]["tokens"]) for w in g["words"] if w["id"] == t["id"] and w["group"] > 1), -1)
            if beast >= 0:
                self.run(f"lesson.choose({{block: 0, row: {beast}, word: {beast}}})")
                self.check("is neither one of the" in self.text(".caption"), f"a word of another group: {self.text('.caption')}")
        moves = "toScene('galaxy', 1), toScene('galaxy', 2), document.querySelector('#scene .star').hasAttribute('transform')"
        self.check(not self.run(moves), "nothing moves for who asked for that")
        self.browser.show(1280, 900)
        self.check(self.run(moves), "words fly to their places")
        self.browser.settle()
        self.check(self.browser.wait("!document.querySelector('#scene .star').hasAttribute('transform')", 5), "and arrive")
        self.browser.show(1280, 900, still=True)
        self.run("document.querySelector('#scene .star[tabindex=\"0\"]').focus({focusVisible: true})")
        self.browser.press("ArrowRight")
        self.check(self.text("#scene .readout") != "", "arrow keys go from word to word and tell of it")

    def places(self):
        self.scene("places", 0)
        clocks = len(self.all("#scene .clock", "1"))
        if self.data["model"]["positions"] == "sinusoidal" and len(words(self.data["source"])) > 1:
            first = [float(x) for x in self.run("(l => [l.x1, l.y1, l.x2, l.y2].map(v => v.baseVal.value))"
                                                "(document.querySelectorAll('#scene .clock line')[4])")]
            turned = math.degrees(math.atan2(first[2] - first[0], first[1] - first[3]))
            self.check(clocks > 0 and abs(turned - math.degrees(1)) < 0.5, f"the first hand of place 1 turned by {turned} degrees")
        if self.run("sceneSteps(sceneAt())") > 1:
            order = "n.textContent"
            before = self.all("#scene .mover", "[" + order + ", n.transform.baseVal[0].matrix.e]")
            self.scene("places", 1)
            after = self.all("#scene .mover", "[" + order + ", n.transform.baseVal[0].matrix.e]")
            moved = [i for i, (a, b) in enumerate(zip(before, after)) if abs(a[1] - b[1]) > 1]
            self.check(len(moved) == 2 and abs(before[moved[0]][1] - after[moved[1]][1]) < 1, "two words change places")
            self.check(all(f"“{before[i][0]}”" in self.text(".caption") for i in moved), "the caption names both")

    def pull(self):
        c, p = self.data["context"], self.data["pulls"]
        groups = [c["from"], c["to"]]
        self.scene("pull", 0)
        ends = {t: x for t, x in self.all("#scene .pull-plane > .end", "[n.textContent, +n.getAttribute('x')]")}
        paths = [next(q for q in c["paths"] if q["role"] == role) for role in ("this", "compare") if any(q["role"] == role for q in c["paths"])]
        tips = self.all("#scene .fork", "[n.getPointAtLength(n.getTotalLength()).x, n.getAttribute('style')]")
        middle = sum(ends.values()) / 2
        self.check(ends[groups[0]] < ends[groups[1]], f"{groups[0]} are on the left")
        sides = []
        for path, (x, style) in zip(paths, tips):
            side = int(path["xy"][-1][0] >= 0)
            sides.append(groups[side])
            self.check((x > middle) == bool(side), f"{path['name']} is drawn to end at {x}, middle {middle}, data {path['xy'][-1][0]}")
            self.check(("--fruit", "--company")[side] in style, f"its colour is that of the {groups[side]}")
        self.check([t for t in self.all(".caption b", "n.textContent") if t in groups] == (sides if len(set(sides)) > 1 or len(sides) == 1 else sides[:1]),
                   f"the caption says where it ends: {self.text('.caption')}")
        source = words(self.data["source"])
        for at, layer in enumerate(p["layers"]):
            self.scene("pull", at + 1)
            drawn = {w: (b - a, thick, tone) for w, a, b, thick, tone in self.all(
                "#scene .tug[data-word]", "((d, s) => [+n.dataset.word, +d[1], +d[3], 2 * (+d[4] - +d[2]) , s])(n.querySelector('path')"
                ".getAttribute('d').match(/^M(\\S+) (\\S+)H\\S+V\\S+?L(\\S+) (\\S+?)L/), n.querySelector('path').getAttribute('style'))")}
            moves = {n: sum(layer["total"][j] for j in tokens) for n, _, tokens in source}
            weights = {n: sum(h["weights"][j] for h in layer["heads"] for j in tokens) / len(layer["heads"]) for n, _, tokens in source}
            most = max(moves, key=lambda n: abs(moves[n]))
            unit = drawn[most][0] / moves[most]
            self.check(unit > 0 and all(abs(drawn[n][0] - unit * moves[n]) < 1 for n in moves), f"layer {at}: arrows are as long as the moves")
            order = sorted(moves, key=lambda n: weights[n])
            self.check(all(drawn[a][1] <= drawn[b][1] + 0.01 for a, b in zip(order, order[1:])), f"layer {at}: the more weight, the thicker")
            self.check(all((("--company" if moves[n] >= 0 else "--fruit") in drawn[n][2]) for n in moves), f"layer {at}: colours of the arrows")
            others = {n: m for n, m in moves.items() if p["word"] not in next(w[2] for w in source if w[0] == n)}
            best = max(others, key=lambda n: abs(others[n]))
            name = next(w[1] for w in source if w[0] == best)
            said = self.text(".caption")
            self.check(f"“{name}” pulls furthest, to the {groups[int(others[best] >= 0)]}." in said, f"layer {at}: {said}")
            moved = layer["position_after"] - layer["position_before"]
            self.check(f"In all it moves to the {groups[int(moved >= 0)]}." in said, f"layer {at}: {said}")
            tips = self.all("#scene .pull-plane .tug:not([data-word]) path", "+n.getAttribute('d').match(/L(\\S+)/)[1]")
            diamond = [float(x) for x in self.all("#scene .pull-plane > .diamond", "n.getAttribute('d').match(/^M(\\S+)/)[1]")][-1]
            self.check(abs(tips[-1] - diamond) < 1, f"layer {at}: the parts lead to where the word ends, {tips[-1]}, {diamond}")

    def linear(self):
        first = len(self.data["maps"]["groups"][0]["words"])
        dots = ("[...document.querySelectorAll('#scene .maps-plane g:not([opacity]) > circle, #scene .maps-plane g:not([opacity]) > rect')]"
                ".filter(n => !n.closest('.handle')).map(n => n.tagName === 'circle' ? [+n.getAttribute('cx'), +n.getAttribute('cy')] : "
                "[+n.getAttribute('x') + n.width.baseVal.value / 2, +n.getAttribute('y') + n.height.baseVal.value / 2])")

        def score_is_drawn(what):
            shown, drawn = float(self.text("#scene .score")), separation(self.run(dots), first)
            self.check(abs(shown - drawn) <= 0.06, f"{what}: the score {shown} is that of the drawing, {drawn:.3f}")
            return drawn
        self.scene("linear", 0)
        start = score_is_drawn("at first")
        for name, key, same in (("turn", "ArrowRight", True), ("up", "Home", False), ("shear", "End", False), ("across", "ArrowLeft", False)):
            self.run(f"document.querySelector('[data-key=\"hand-{name}\"]').focus()")
            before = self.run(dots)
            self.browser.press(key)
            self.check(self.run(dots) != before, f"the slider {name} moves the words")
            now = score_is_drawn("slider " + name)
            if same:
                self.check(abs(now - start) < 0.01, "a turn changes no distance")
        self.click('[data-key="hand-reset"]')
        self.check(abs(score_is_drawn("as it was") - start) < 0.01, "one button brings all back")
        x, y = self.center("#scene .handle:nth-child(2) circle")
        self.browser.drag(x, y, x, y + 60)
        self.check(abs(score_is_drawn("dragged") - start) > 0.01, "a dragged handle changes the score")
        self.scene("linear", 1)
        after = score_is_drawn("what training found")
        shown = re.findall(r"\d+\.\d", self.text(".caption"))
        self.check(len(shown) == 2 and abs(float(shown[1]) - after) <= 0.06, f"the caption's scores: {shown}, drawn {after:.2f}")
        self.click('[data-key="map-again"]')
        score_is_drawn("once more")
