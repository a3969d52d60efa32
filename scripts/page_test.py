#!/usr/bin/env python3
"""Opens pages that ./inspect and ./train write in a headless browser, from the disk and with the network off.

usage: page_test.py [INSPECT [MODEL]]     (default: ./inspect, and the newest runs/*/model.gguf)

Each page must open without an error in its console and without a network request. It must draw every view, fit into
1280 and 400 pixels in light and dark, and react to mouse and keyboard. The numbers that it computes from the attention
are computed again here and must agree to 1e-5. What is text must have a contrast of 4.5 to 1. scripts/lesson_test.py tests
what is above the numbers: the sentence, the map and the scenes. Pictures go to build/page/. What needs a browser or a model
is skipped if there is none.
"""

import array
import base64
import json
import math
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

from lesson_test import LessonTest
from page_browser import Browser, Checks, find_browser, unpack
from page_firefox import Firefox, find_firefox

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "src/page/web"
OUT = ROOT / "build/page"
READY = "document.documentElement.hasAttribute('data-ready')"
TOLERANCE = 1e-5
# A page of 6+6 layers, 8 heads and 60 tokens should open within a second. The limit leaves room for other work on the
# machine.
SECONDS = 4.0

check = Checks()


def pack(shape, numbers):
    numbers = array.array("f", numbers)
    if sys.byteorder == "big":
        numbers.byteswap()
    return {"shape": shape, "f32": base64.b64encode(numbers.tobytes()).decode()}


def softmax(scores):
    top = max(scores)
    exps = [math.exp(s - top) for s in scores]
    return [e / sum(exps) for e in exps]


def large_data():
    """Made-up data of the largest size that a page has: 6+6 layers, 8 heads, 60 tokens, width 512."""
    rng = random.Random(1)
    heads, width, count = 8, 512, 60
    words = ["the", "cat", "sat", "on", "m", "at", "and", "unveiled"]
    tokens = [{"id": i, "text": (" " if i % 8 != 5 else "") + words[i % 8], "word": i - (i % 8 == 5)} for i in range(count)]

    def block(kind, layer, full):
        def vectors():
            return pack([count, width], (rng.gauss(0, 1) for _ in range(count * width)))
        q, k, v = (vectors(), vectors(), vectors()) if full else (None, None, None)
        p, part = [], width // heads
        if full:
            query, key = unpack(q), unpack(k)
        for h in range(heads):
            for i in range(count):
                seen = i + 1 if kind == "decoder" else count
                if full:
                    at = [j * width + h * part for j in range(seen)]
                    mine = query[i * width + h * part:][:part]
                    scores = [math.fsum(map(float.__mul__, mine, key[a:a + part])) / math.sqrt(part) for a in at]
                else:
                    scores = [rng.gauss(0, 2) for _ in range(seen)]
                p += softmax(scores) + [0.0] * (count - seen)
        return {"kind": kind, "layer": layer, "p": pack([heads, count, count], p), "q": q, "k": k, "v": v,
                "heads": [{"entropy": rng.random() * 5, "label": rng.choice(["", "spread", "previous token"]), "share": 0.5}
                          for _ in range(heads)]}

    attention = [block(kind, layer, kind == "decoder" and layer == 0)
                 for kind in ("encoder", "decoder", "cross") for layer in range(6)]
    table = pack([count, width], (rng.gauss(0, 0.05) for _ in range(count * width)))
    says = [{"says": dict(tokens[i], p=0.5), "candidates": [dict(tokens[j], p=0.5 / (j + i + 1)) for j in range(10)]}
            for i in range(count)]
    beam = [[{"id": 1, "text": " cat", "parent": -1 if i == 0 else j % 4, "log_probability": -0.1 * i - j, "kept": j < 4,
              "finished": False, "best": j == 0} for j in range(8)] for i in range(count)]
    return {"format": "nmt.inspect", "version": 1, "left_out": ["Made-up numbers."], "steps": says, "beam": beam,
            "model": {"file": "none", "width": width, "heads": heads, "head_width": 64, "feedforward": 2048, "encoder_layers": 6,
                      "decoder_layers": 6, "vocab": 8000, "max_length": 256, "norm": "pre", "activation": "relu",
                      "positions": "sinusoidal", "tying": "all", "parameters": 50000000, "step": 1},
            "source": {"text": "the cat", "tokens": tokens}, "target": {"text": "the cat", "tokens": tokens},
            "hypotheses": [{"text": "the cat", "log_probability": -1, "score": -0.1}], "attention": attention,
            "arithmetic": None, "positions": None, "neighbours": None, "context": None, "maps": None,
            "embedding": {"scale": math.sqrt(width), "source": table, "target": table, "source_positions": table,
                          "target_positions": table}}


def assemble(data, name="inspect.html"):
    """A page, made as the program makes it (src/page/pages.h)."""
    def replace(mark):
        if mark[0] == "/*data*/":
            return json.dumps(data).replace("<", "\\u003c")
        return assemble(data, mark[1])
    return re.sub(r"/\*(?:data|include (\S+?))\*/", replace, (PAGE / name).read_text("utf-8"))


def value(text):
    return math.nan if not text else float(text.replace("−", "-").replace("∞", "inf"))


def luminance(colour):
    """The relative luminance (WCAG 2) of a colour, red, green and blue from 0 to 255."""
    red, green, blue = (x / 255 / 12.92 if x <= 10 else ((x / 255 + 0.055) / 1.055) ** 2.4 for x in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a, b):
    """Of two colours, "#rrggbb" or numbers."""
    low, high = sorted(luminance([int(c[i:i + 2], 16) for i in (1, 3, 5)] if isinstance(c, str) else c) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def check_colours():
    """Colours of text (style.css) can be read upon what is behind them, in light and dark. It needs no browser."""
    text = ["ink", "muted", "accent", "warm", "source", "target", "fruit", "company", "query", "key", "value",
            *(f"head-{i}" for i in range(1, 5)), *(f"series-{i}" for i in range(1, 7))]
    pairs = [(name, behind) for name in text for behind in ("paper", "panel")]
    pairs += [("focus", "paper"), ("ink", "wash"), ("muted", "wash"), ("accent", "wash"), ("accent-ink", "accent")]
    parts = (PAGE / "style.css").read_text("utf-8").split("@media (prefers-color-scheme: dark)")
    light, dark = (dict(re.findall(r"--([\w-]+): *(#[0-9a-f]{6});", part)) for part in parts)
    for mode, colours in (("light", light), ("dark", {**light, **dark})):
        for name, behind in pairs:
            found = contrast(colours[name], colours[behind])
            check(found >= 4.5, f"{mode}: {name} upon {behind} has a contrast of {found:.2f}, expected 4.5 at least")


def check_drawn(browser, name, width, dark):
    """Checks the page at this size: it fits, all is drawn, there are no errors. Takes a picture of each section."""
    mode = "dark" if dark else "light"
    what = f"{name}, {width} pixels, {mode}: "
    browser.show(width, 900, dark)
    check(browser.open(OUT / f"{name}.html", "#tokens", ready=READY), what + "the page becomes ready")
    took = browser.run("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd") / 1000
    check(took < SECONDS, f"{what}opens in {took:.2f} s, expected {SECONDS} s at most")
    check(browser.run("document.documentElement.scrollWidth <= innerWidth"), what + "nothing is wider than the page")
    height = browser.run("document.documentElement.scrollHeight")
    browser.show(width, 4000, dark)  # a tall window, so that all pictures come into view in a few steps
    for top in range(0, height + 4000, 3600):
        browser.run(f"scrollTo(0, {top})")
        browser.settle()
    browser.show(width, 900, dark)
    blank = browser.run("""[...document.querySelectorAll(".cells canvas, .heads canvas")].filter(c => {
        const seen = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
        return !seen.some(x => x);
    }).length""")
    check(blank == 0, f"{what}{blank} pictures are blank")
    cells = browser.run("['heat', 'diverge'].flatMap(s => range(201).map(i => colours[s](i / 200)).map(c => [c, inkUpon(c)]))")
    least = min(contrast(*cell) for cell in cells)
    check(least >= 4.5, f"{what}numbers in cells have a contrast of {least:.2f}, expected 4.5 at least")
    text = browser.run("document.body.innerText")
    for wrong in ("NaN", "undefined", "object", "Infinity", "null", "false"):
        check(not re.search(r"(?<!\w)" + wrong, text), f"{what}the text has {wrong}")
    empty = browser.run("[...document.querySelectorAll('section:not([hidden]) [data-view]:not([hidden])')].filter(v => !v.textContent.trim() && "
                        "!v.querySelector('svg, canvas, select')).map(v => v.dataset.view)")
    check(not empty, f"{what}views without content: {empty}")
    for section in browser.run("[...document.querySelectorAll('main > section')].map(s => s.id)"):
        box = browser.run(f"(r => [r.left, r.top + scrollY, r.width, r.height])"
                          f"(document.getElementById('{section}').getBoundingClientRect())")
        if box[3] > 0:
            browser.picture(OUT / f"{name}-{width}-{mode}-{section}.png", (max(0, box[1] - 12), min(4000, box[3] + 24)))
    check(not browser.complaints, f"{what}complaints: {browser.complaints}")
    browser.complaints = []
    return took


def arithmetic(data, block, head, row):
    """(dot products, scores, weights, out) of one row, in double."""
    b = data["attention"][block]
    heads, _, count = b["p"]["shape"]
    D = b["q"]["shape"][1]
    K = D // heads
    q, k, v = (unpack(b[x]) for x in "qkv")
    q = q[row * D + head * K:][:K]
    raw = [math.fsum(q[c] * k[j * D + head * K + c] for c in range(K)) for j in range(count)]
    scores = [-math.inf if b["kind"] == "decoder" and j > row else s / math.sqrt(K) for j, s in enumerate(raw)]
    weights = softmax(scores)
    out = [math.fsum(weights[j] * v[j * D + head * K + c] for j in range(count)) for c in range(K)]
    return raw, scores, weights, out


def near(a, b):
    return a == b or (len(a) == len(b) and all(x == y or abs(x - y) <= TOLERANCE * max(1, abs(y)) for x, y in zip(a, b)))


def check_arithmetic(browser, name, data, count):
    """Compares what the page computes for some rows with the same computed here."""
    rng = random.Random(2)
    blocks = [i for i, b in enumerate(data["attention"]) if b["q"]]
    for _ in range(count):
        block = rng.choice(blocks)
        heads, rows, columns = data["attention"][block]["p"]["shape"]
        head, row = rng.randrange(heads), rng.randrange(rows)
        what = f"{name}, block {block}, head {head}, row {row}: "
        browser.open(OUT / f"{name}.html", f"#arithmetic&block={block}&head={head}&row={row}", ready=READY)
        chosen = browser.run("[...document.querySelectorAll('#arithmetic .controls select')].slice(0, 3).map(s => s.selectedIndex)")
        check(chosen == [block, head, row], f"{what}the address chooses {chosen}")
        raw, scores, weights, out = arithmetic(data, block, head, row)
        table = "[...document.querySelectorAll('#%s tbody tr')].map(r => [...r.querySelectorAll('.n')].map(n => [n.dataset.v, n.textContent]))"
        shown = browser.run(table % "scores")
        check(near([float(r[0][0]) for r in shown], raw), what + "dot products")
        shown_weights = browser.run(table % "weights")
        check(near([value(r[0][0].replace("Infinity", "inf")) for r in shown_weights], scores), what + "scores")
        check(near([float(r[2][0]) for r in shown_weights], weights), what + "weights")
        index = (head * rows + row) * columns
        check(near([float(r[3][0]) for r in shown_weights], list(unpack(data["attention"][block]["p"])[index:index + columns])),
              what + "the model's own weights")
        check(near([float(r[2][0]) for r in shown_weights], [float(r[3][0]) for r in shown_weights]),
              what + "weights worked out and the model's")
        for cell in [c for r in shown + shown_weights for c in r]:
            number = value(cell[0].replace("Infinity", "inf"))
            if not abs(value(cell[1]) - number) <= 0.51e-2 and cell[1] != "−∞":
                check(False, f"{what}shows {cell[1]} for {cell[0]}")
        text = browser.run("(d => { d.open = true; return new Promise(done => setTimeout(() => done(d.querySelector('textarea').value),"
                           " 100)); })(document.querySelector('#arithmetic textarea').closest('details'))")
        copied = re.search(r"^out = .* = \[(.*)\]$", text, re.M)
        check(copied and near([float(x) for x in copied[1].split(", ")], out), what + "out, in the text to copy")
        if len(out) <= 24:  # the products that are written out add up to the number shown
            terms = browser.run("[...document.querySelectorAll('#arithmetic .step:nth-of-type(n) > .terms')].map(p => "
                                "[p.textContent.includes('more'), [...p.querySelectorAll('.n')].map(n => +n.dataset.v)])")
            for cut, n in terms:
                if not cut:
                    products = [n[i] * n[i + 1] for i in range(0, len(n) - 2, 2)] + ([n[-2]] if len(n) % 2 == 0 else [])
                    check(near([math.fsum(products)], [n[-1]]), f"{what}terms add up to {n[-1]}")
        wrong = browser.run("[...document.querySelectorAll('#arithmetic .off')].map(x => x.parentNode.textContent)")
        check(not wrong, f"{what}the page finds a difference: {wrong}")
    check(not browser.complaints, f"{name}: complaints: {browser.complaints}")
    browser.complaints = []


def center(browser, selector, fx=0.5, fy=0.5):
    """Scrolls to the first such element and returns a point inside it."""
    browser.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
    browser.settle()
    return browser.run(f"(r => [r.left + r.width * {fx}, r.top + r.height * {fy}])"
                       f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())")


def check_use(browser, name, data):
    """Checks mouse and keyboard."""
    def text(selector):
        return browser.run(f"document.querySelector({json.dumps(selector)}).textContent")

    def focus(selector):
        browser.run(f"document.querySelector({json.dumps(selector)}).focus({{focusVisible: true}})")

    browser.show(1280, 900)
    browser.open(OUT / f"{name}.html", "#attention&block=0&head=0&row=0", ready=READY)
    canvas, said = "#attention .cells canvas", "#attention .cells .readout"
    heads, rows, columns = data["attention"][0]["p"]["shape"]
    p = unpack(data["attention"][0]["p"])

    browser.mouse(*center(browser, canvas, 0.8, 0.7))
    check(" → " in text(said), f"hovering over the map tells a cell: {text(said)}")
    focus(canvas)
    browser.press("Home")
    for _ in range(max(rows, 20)):
        browser.press("ArrowUp")
    browser.press("ArrowRight")
    browser.press("ArrowDown")
    check(near([value(text(said).split(": ")[1])], [p[columns + 1]]), f"arrow keys go to row 1, column 1: {text(said)}")
    browser.press("Enter")
    check("row=1" in browser.run("location.hash"), "Enter chooses the row")
    check(browser.run("document.activeElement.tagName") == "CANVAS", "focus stays on the map")
    browser.press("Tab")
    browser.press("Tab")
    where = browser.run("document.activeElement.getAttribute('role') || document.activeElement.outerHTML.slice(0, 80)")
    check(where == "option", f"Tab goes on to the words: {where}")
    before = text("#attention .links + .readout")
    browser.press("ArrowDown")
    after = text("#attention .links + .readout")
    check(before != after, "the arrow down tells of the next word")
    browser.press("ArrowRight")
    check("looked at" in text("#attention .links + .readout"), "the right arrow shows who looks at a word")
    lines = browser.run("document.querySelectorAll('#attention .links line.in').length")
    check(lines > 0, "and draws their lines")

    last = "#attention .blocks > :last-child button:last-child"
    browser.mouse(*center(browser, last), click=True)
    check(f"block={len(data['attention']) - 1}" in browser.run("location.hash"), "clicking a small picture opens that head")
    check(browser.run(f"document.querySelector({json.dumps(last)}).getAttribute('aria-pressed')") == "true", "and marks it")
    focus("#attention .heads button")
    browser.press("Enter")
    check("block=0&head=0" in browser.run("location.hash"), "Enter on a small picture opens its head")

    block = next(i for i, b in enumerate(data["attention"]) if b["q"])
    browser.run(f"choose({{block: {block}}})")
    browser.run("document.querySelector('#scores .n').focus()")
    browser.press("ArrowDown")
    shown = browser.run("[document.activeElement.dataset.v, document.getElementById('bubble').textContent]")
    check(near([value(shown[1])], [float(shown[0])]) and shown[1] != "", f"a number reached by keys shows its digits: {shown}")
    row = browser.run("document.activeElement.closest('tr').rowIndex")
    check(row == 2, f"the arrow down goes to the next row of the table, not {row}")
    browser.press("Escape")
    check(text("#bubble") == "", "Escape hides them")
    browser.mouse(*center(browser, "#weights .n"))
    check(text("#bubble") != "", "pointing at a number shows its digits")

    for _ in range(5): # on a busy machine the page may still move under the mouse
        browser.mouse(*center(browser, "#scores tbody tr:nth-child(2) button"), click=True)
        chosen = browser.run("document.querySelectorAll('#scores tbody tr')[1].className") == "chosen"
        if chosen: break
        time.sleep(0.2)
    check(chosen, "a word's dot product is written out")
    browser.mouse(*center(browser, "#copy"), click=True)
    browser.wait("document.querySelector('#copy + output').textContent", 3)
    check(text("#copy + output") != "", "the button copies, or selects what to copy")
    focus("#divisor")
    before = text("#masking figure")
    browser.press("Home")
    check(before != text("#masking figure"), "the divisor can be changed by keys")
    browser.run("[...document.querySelectorAll('#all-numbers details')].forEach(d => { d.open = true; })")
    browser.settle()
    check(browser.run("[...document.querySelectorAll('#all-numbers details')].every(d => d.querySelector('table, textarea, p'))"),
          "every table opens")

    if data["steps"]:
        before = text("#tokens [data-view=steps] table")
        browser.mouse(*center(browser, "#tokens [data-view=steps] .chip:nth-child(2)"), click=True)
        check(before != text("#tokens [data-view=steps] table"), "clicking a step shows its candidates")
    if browser.run("document.querySelector('#tokens .node') !== null"):
        browser.mouse(*center(browser, "#tokens .node"))
        check("log-probability" in text("#tokens [data-view=beam] .readout"), "pointing at a draft shows it")
    if data["context"]:
        before = browser.run("document.querySelector('#context svg').outerHTML")
        focus("#context input[type=range]")
        browser.press("ArrowLeft")
        check(before != browser.run("document.querySelector('#context svg').outerHTML"), "the layer can be changed")
    if data["maps"]:
        before = text("#maps h3")
        focus("#maps .cells canvas")
        browser.press("End")
        for _ in range(30):
            browser.press("ArrowDown")
        browser.press("Enter")
        check(before != text("#maps h3"), "Enter shows another map")
    check(browser.run("location.hash.length > 1 && !document.querySelector('.contents a[href=\"#maps\"]').click()"), "a link")
    browser.settle()
    check(browser.run("document.getElementById('maps').getBoundingClientRect().top < 890"), "the contents go to their section")
    check(not browser.complaints, f"{name}: complaints: {browser.complaints}")
    browser.complaints = []


# A log whose figures are missing in every way, line by line.
ODD_FILM = [None, 5, {"step": -1}, {"step": "1"}, {"step": 2, "loss": None, "samples": 7, "shown": 99, "source": ["a"],
            "target": "b", "attention": "?", "words": [1], "width": 1e9, "places": 3},
            {"step": 3, "loss": "x", "samples": [None, {"said": "a"}], "source": ["a"], "target": ["😀" * 20], "attention": "/w==",
             "words": ["a", "b", "c"], "width": 2, "places": "AAAAAAAA"}, {"step": 3}]
ODD_LOG = [
    *({"kind": "train", "step": n, "epoch": 1, "loss": 5.5, "nll": 5.4, "rate": 1e-3, "norm": 1.5, "tokens": 900, "skipped": 0,
       "tokens_per_second": 1000} for n in (1, 2, 3)),
    {"kind": "train", "step": 4, "epoch": None, "loss": None, "nll": None, "rate": 1e-3, "norm": None, "tokens": 0, "skipped": 1,
     "tokens_per_second": None},
    {"kind": "valid", "step": 4, "epoch": 1, "loss": None, "nll": None, "perplexity": None, "best": False, "bleu": None,
     "exact": None, "samples": None},
    *({"kind": "train", "step": n, "epoch": 1, "loss": 4.5, "nll": 4.4, "rate": 1e-3, "norm": 1.5, "tokens": 900, "skipped": 1,
       "tokens_per_second": 1000} for n in (5, 6)),
    {"kind": "valid", "step": 6, "epoch": 1, "loss": 4.4, "nll": 4.3, "perplexity": 73.7, "best": True, "bleu": None, "exact": None,
     "samples": [None, 7, {"source": None}, {"source": "a", "reference": "b", "said": None, "right": None},
                 {"source": "the cat", "reference": "le chat", "said": "le chat", "right": True}]},
    {"kind": "skip", "step": 7, "epoch": None, "loss": None, "norm": None}, None, [], 3, "x",
]


def check_report(browser, train):
    """The page of ./train, with its own log and with one whose figures are missing: nothing stops it, and no figure is
    told that is not there."""
    page = OUT / "report.html"
    subprocess.run([train, str(ROOT / "configs/tiny.ini"), "--fresh", f"run.dir={OUT / 'run'}", "model.width=16",
                    "model.feedforward=16", "train.max_steps=20", "train.log_every=2", "valid.every_steps=10",
                    "valid.translate=5"], check=True, cwd=ROOT, stderr=subprocess.DEVNULL)
    text = (OUT / "run/report.html").read_text("utf-8")
    begin = text.index('id="data">') + len('id="data">')
    end = text.index("</script>", begin)
    for name in ("its own log", "an odd log", "an empty log"):
        data = json.loads(text[begin:end])
        if name != "its own log":
            data["log"] = [json.dumps(line) for line in ODD_LOG] if name == "an odd log" else []
            data["film"] = [json.dumps(line) for line in ODD_FILM] + ['{"step":7,'] if name == "an odd log" else []
            data["status"], data["state"]["best_step"] = "running", 6
        page.write_text(text[:begin] + json.dumps(data).replace("<", "\\u003c") + text[end:], "utf-8")
        browser.show(1280, 900)
        check(browser.open(page), f"report, {name}: opens")
        browser.settle()
        check(not browser.complaints, f"report, {name}: complaints: {browser.complaints}")
        browser.complaints = []
        shown = browser.run("document.body.innerText")
        for wrong in ("NaN", "undefined", "object", "Infinity", "null"):
            check(not re.search(r"(?<!\w)" + wrong, shown), f"report, {name}: the text has {wrong}")
        check(browser.run("document.querySelector('#film').hidden") == (name == "an empty log"), f"report, {name}: the film")
        if name != "an odd log":
            check(browser.run("document.querySelectorAll('#table tbody tr').length") == (2 if name == "its own log" else 0),
                  f"report, {name}: its validations are in the table")
            continue
        lines = browser.run("[...document.querySelectorAll('#charts figure')].map(f => f.querySelectorAll('polyline').length)")
        check(lines[:2] == [2, 2], f"report, {name}: the lines of loss and perplexity have a gap, found {lines}")
        rows = browser.run("[...document.querySelectorAll('#table tbody tr')].map(r => [...r.cells].map(c => c.textContent))")
        check(rows == [["6", "1", "4.4000", "73.700", "none", "none", "the best"], ["4", "1", "none", "none", "none", "none", ""]],
              f"report, {name}: validations: {rows}")
        check(browser.run("document.querySelectorAll('#samples figure').length") == 1, f"report, {name}: one translation is shown")
        sides = browser.run("['source', 'reference', 'said .text'].map(s => getComputedStyle(document.querySelector('.sentence .' + s)).unicodeBidi)")
        check(sides == ["plaintext"] * 3, f"report, {name}: its texts may be of any direction: {sides}")
        cut = browser.run("document.querySelector('.film-target').textContent")
        check(cut == "😀" * 17 + "…", f"report, {name}: a long word is cut between its characters: {cut!r}")
    page.write_text(text, "utf-8")
    check_film(browser, page, [json.loads(line) for line in json.loads(text[begin:end])["film"]])
    print("report: opened with its own log, an odd one and an empty one; its film played")


def check_film(browser, page, frames):
    """Each frame of the film shows its own numbers: what was said, the shares, the nearest words, the mark on the curve.
    It plays, and stands still when it is asked to."""
    def rows(name, i, width, kind):
        numbers = array.array(kind, base64.b64decode(frames[i][name]))
        return [numbers[at:at + width] for at in range(0, len(numbers), width)]

    def go(i):
        browser.run(f"(() => {{ const s = document.querySelector('.film input'); s.value = {i}; s.dispatchEvent(new Event('input')); }})()")

    def nearest(i, word):
        vectors = rows("places", i, frames[i]["width"], "b")
        size = [math.sqrt(sum(x * x for x in v)) or 1 for v in vectors]
        own = frames[i]["words"].index(word)
        near = sorted((-sum(a * b for a, b in zip(vectors[own], v)) / size[own] / size[j], j)
                      for j, v in enumerate(vectors) if j != own)
        return [frames[i]["words"][j] for _, j in near[:3]]

    browser.show(1280, 900)
    browser.open(page)
    browser.settle()
    last, text = len(frames) - 1, lambda selector: browser.run(f"document.querySelector({json.dumps(selector)}).textContent")
    check(browser.run("document.querySelector('.film input').max") == str(last), "film: the slider has its frames")
    marks = []
    for i in (last, 0, last // 2):
        go(i)
        frame, source = frames[i], len(frames[i]["source"])
        check(f"step {frame['step']} of {frames[last]['step']}" in text(".film-step"), f"film: step {frame['step']} is told")
        said = browser.run("[...document.querySelectorAll('.film-out > span:last-child')].map(e => e.textContent.trim())")
        check(said == [s["said"].strip() or "(nothing)" for s in frame["samples"]], f"film: what step {frame['step']} said")
        ticks = browser.run("[...document.querySelectorAll('.film-out')].map(e => e.textContent.includes('✓'))")
        check(ticks == [s["right"] for s in frame["samples"]], f"film: what was right at step {frame['step']}")
        shares = rows("attention", i, source, "B")
        fills = browser.run("[...document.querySelectorAll('.film-cell')].map(e => e.style.fill.match(/\\d+/g).reduce((a, b) => a + +b, 0))")
        flat = [x for row in shares for x in row]
        check(all(fills[a] < fills[b] for a in range(len(flat)) for b in range(len(flat)) if flat[a] > flat[b] + 20),
              f"film: at step {frame['step']} the larger share is the darker cell")
        sharp = 100 * sum(max(row) for row in shares) / 255 / len(shares)
        found = re.search(r"takes ([\d.]+) % from the source word that it looks at most", text(".film-attention .film-note"))
        check(found and abs(float(found[1]) - sharp) < 0.51, f"film: the mean largest share at step {frame['step']} is {sharp}")
        followed = browser.run("document.querySelector('.film-words select').value")
        near = re.findall("“(.*?)”", text(".film-words .film-note"))
        check(near == [followed] + nearest(i, followed), f"film: the words next to {followed} at step {frame['step']}: {near}")
        bold = browser.run("[...document.querySelectorAll('.film-word.close text')].map(e => e.textContent)")
        check(sorted(bold) == sorted(near[1:]), f"film: those words are marked: {bold}")
        marks.append(browser.run("+document.querySelector('.film-mark').getAttribute('x1')"))
    check(marks[1] < marks[2] < marks[0], f"film: the mark moves along the curve: {marks}")
    def listeners():
        grid = browser.call("Runtime.evaluate", expression="document.querySelector('.film-grid')")["result"]["objectId"]
        return len(browser.call("DOMDebugger.getEventListeners", objectId=grid)["listeners"])
    count = listeners()
    for width in (1200, 1100, 1280):
        browser.show(width, 900)
        browser.settle()
        check(listeners() == count > 0, f"film: at a width of {width}, {listeners()} functions listen to the cells, expected {count}")
    browser.run("document.querySelector('.film-cell').focus()")
    browser.press("ArrowRight")
    check(re.search(r"takes [\d.]+ % from", text(".film-attention .readout")), "film: a cell is read by keyboard")
    go(0)
    browser.run("document.querySelector('.film-play').click()")
    time.sleep(1)
    check(int(browser.run("document.querySelector('.film input').value")) > 1, "film: it plays")
    browser.run("document.querySelector('.film-play').click()")
    here = browser.run("document.querySelector('.film-mark').getAttribute('x1')")
    time.sleep(0.4)
    check(browser.run("document.querySelector('.film-mark').getAttribute('x1')") == here, "film: it pauses")
    for width in (1280, 400):
        for dark in (False, True):
            browser.show(width, 900, dark)
            browser.settle()
            check(browser.run("document.documentElement.scrollWidth") <= width, f"film: {width} pixels are wide enough")
            browser.picture(OUT / f"film-{width}{'-dark' if dark else ''}.png")
    check(not browser.complaints, f"film: complaints: {browser.complaints}")
    browser.complaints = []


def check_firefox(page):
    """The same page in Firefox: the space bar goes through all scenes, all numbers are drawn, and nothing is complained of."""
    program = find_firefox()
    if not program:
        check.skip("page-test: skipped Firefox, which is not there (Debian: apt-get install firefox-esr)")
        return
    browser = Firefox(program)
    try:
        browser.show(1280, 900)
        browser.open(page)
        check(browser.wait(READY), "Firefox: the page becomes ready")
        check(browser.run("document.querySelectorAll('.alignment .word').length") > 2, "Firefox: the sentence is on top")
        steps = browser.run("player.shown.reduce((n, s) => n + sceneSteps(s), 0)")
        browser.picture(OUT / "firefox-top.png")
        seen = []
        for _ in range(steps):
            browser.press(" ")
            seen.append(browser.run("place.scene + place.step"))
            check(browser.run("player.host.childElementCount > 0 && document.documentElement.scrollWidth <= innerWidth"),
                  f"Firefox: {seen[-1]} is drawn, and fits")
        check(len(set(seen)) == steps, f"Firefox: the space bar goes through {len(set(seen))} of {steps} steps")
        browser.picture(OUT / "firefox-scene.png")
        browser.run("document.getElementById('numbers-switch').click()")
        check(browser.wait("drawn === sections.length"), "Firefox: all numbers are drawn")
        check(not browser.complaints, f"Firefox complains: {browser.complaints}")
    finally:
        browser.close()
    print(f"Firefox: {steps} steps of the story")


def main():
    check_colours()
    program = find_browser()
    if not program:
        check.skip("page-test: skipped: no browser (Debian: apt-get install chromium)")
        print(check.summary())
        return check.failed > 0
    inspect = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "inspect")
    models = sys.argv[2:3] or sorted((str(m) for m in ROOT.glob("runs/*/model.gguf")), key=os.path.getmtime)[-1:]
    OUT.mkdir(parents=True, exist_ok=True)
    runs = {"example": ["--example"]}
    if models:
        runs["encoder"] = ["-m", models[0], "--compare", "apple unveiled the new phone", "please buy an apple and an orange"]
        runs["cross"] = ["-m", models[0], "--kind", "cross", "--beam", "4", "the cat sees the dog"]
        runs["decoder"] = ["-m", models[0], "--kind", "decoder", "apple unveiled the new phone"]
    else:
        check.skip("page-test: skipped the tests that need a model (./train configs/tiny.ini makes one)")
    for name, options in runs.items():
        subprocess.run([inspect, "-o", str(OUT / f"{name}.html"), *options], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    (OUT / "large.html").write_text(assemble(large_data()), "utf-8")
    browser = Browser(program)
    try:
        for name in [*runs, "large"]:
            page = (OUT / f"{name}.html").read_text("utf-8")
            found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
            data = json.loads(found[1])
            size = len(page.encode()) - len(found[1].encode())
            sizes = [(1280, False), (400, True)] if name in ("example", "encoder") else [(1280, False)]
            took = [check_drawn(browser, name, *s) for s in sizes]
            check_arithmetic(browser, name, data, 3)
            check_use(browser, name, data)
            if name == "encoder":
                LessonTest(browser, check, OUT, name, OUT / f"{name}.html", data).all_tests()
            print(f"{name}: opened in {min(took):.2f} to {max(took):.2f} s; {size} bytes of page, {len(page.encode())} with data")
        if models:
            check_firefox(OUT / "encoder.html")
        check_report(browser, str(Path(inspect).resolve().parent / "train"))
    finally:
        browser.close()
    print(f"{check.summary()}; pictures in build/page/")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
