#!/usr/bin/env python3
"""Drives every control of the live page (make web) in a headless browser, from the disk and with the network off.

usage: live_test.py [PAGE [MODEL [FOLDER]]]
       (default: build/web/nmt.html, the model that is in it, build/web/run/model.gguf, and the commands in NMT_BIN or ./)

What the page says of a part that is switched off is computed again, from what ./translate and ./inspect --without say.
A model that learns from sentences of one's own, without positions and with one head, has the bytes of the one that the
command makes which the page shows. Pictures go to build/page/. Skipped where there is no browser or no page.
"""

import base64
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

from page_browser import Browser, Checks, find_browser, unpack

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build/page"
READY = "document.documentElement.hasAttribute('data-live') || document.querySelector('#field .failed:not(:empty)')"
# Spelt otherwise than the model says it: with capitals, and an accent that is a character of its own.
PAIRS = "".join(f"{a} {b}\t{c} {d}\n" for a, c in (("The Cat", "Le Chat"), ("the dog", "le chien"), ("The Elephant", "L’E\u0301le\u0301phant"))
                for b, d in (("sleeps", "dort"), ("eats", "mange"), ("sings", "chante"), ("runs", "court")))

check = Checks()


def words_shared(a, b):
    """How many words the longest common part of two lists of words has."""
    best = [0] * (len(b) + 1)
    for x in a:
        row = [0]
        for j, y in enumerate(b):
            row.append(best[j] + 1 if x == y else max(best[j + 1], row[j]))
        best = row
    return best[-1]


def words_changed(a, b):
    """How many words of `a` change: those of the longer text that are not in the longest common part, and no more than it has."""
    a, b = a.split(), b.split()
    return min(max(1, len(a)), max(len(a), len(b)) - words_shared(a, b))


class Native:
    """What the commands say, with the kernels that the page has."""

    def __init__(self, folder, model):
        self.folder, self.model = folder, str(model)
        self.environment = dict(os.environ, NMT_ISA="generic")

    def run(self, command, *arguments, **more):
        return subprocess.run([str(self.folder / command), *arguments], env=self.environment, check=True, capture_output=True,
                              text=True, **more).stdout

    def translate(self, texts, knock=""):
        without = ["--without", knock] if knock else []
        return self.run("translate", "-m", self.model, *without, "-", input="".join(t + "\n" for t in texts)).splitlines()

    def inspect(self, text, knock=""):
        without = ["--without", knock] if knock else []
        return json.loads(self.run("inspect", "-m", self.model, "--json", *without, text))


def percent(x):
    return f"{100 * x:.{1 if 0 < x < 0.1 else 0}f} %"


def sure(data, says):
    """The mean probability of the pieces that the whole model says."""
    p = []
    for step, wanted in zip(data["steps"], says["steps"]):
        found = [c["p"] for c in [step["says"], *step["candidates"]] if c["id"] == wanted["says"]["id"]]
        p.append(found[0] if found else 0)
    return sum(p) / len(p)


def sharp(data):
    """The largest weight of a row, mean over all rows of all heads."""
    largest = []
    for block in data["attention"]:
        p, width = unpack(block["p"]), block["p"]["shape"][2]
        largest += [max(p[i:i + width]) for i in range(0, len(p), width)]
    return sum(largest) / len(largest)


def press(browser, selector):
    browser.run(f"document.querySelector({json.dumps(selector)}).click()")


def type_sentence(browser, text):
    browser.run(f"(f => {{ f.value = {json.dumps(text)}; f.dispatchEvent(new Event('input')); }})(nmt.field)")
    return browser.wait(f"nmt.shown === {json.dumps(text)} && nmt.sentence === nmt.shown && !nmt.busy && nmt.wanted === null", 30)


def text_of(browser, selector):
    return browser.run(f"document.querySelector({json.dumps(selector)}).textContent")


SIDES = "#sentence, #alignment [role=listbox]"  # the field, and on top the sentence and its translation


def languages(browser, selector):
    return browser.run(f"[...document.querySelectorAll({json.dumps(selector)})].map(n => n.getAttribute('lang'))")


# ---- the field ----

def check_field(browser, native):
    sentences = browser.run("nmt.sentences")
    right = dict(zip(sentences, native.translate(sentences)))
    for text in sentences[:4]:
        check(type_sentence(browser, text), f"\"{text}\" is translated")
        check(browser.run("lesson.data.target.text.replace('</s>', '').trim()") == right[text], f"\"{text}\" as ./translate has it")
        check(right[text] in text_of(browser, "#translation"), "the translation is said to screen readers")
        shown = browser.run("[...document.querySelectorAll('#alignment [data-side=target] text')].map(n => n.textContent).join(' ')")
        check(shown == right[text], f"drawn: {shown}")
    type_sentence(browser, "the cat saw the blorf")
    check("blorf" in text_of(browser, "#hero-says .unseen-note"), "a word that the model never saw is told of")
    check(browser.run("document.querySelector('#alignment .unseen text').textContent") == "blorf", "and marked")
    live = browser.run("[...document.querySelectorAll('#hero-says, #hero-says *')].filter(n => n.matches('[role=status], [aria-live]')).map(n => n.className)")
    check(live == ["unseen-note"], f"of what is below the sentence, only that is read aloud: {live}")
    browser.run("void (window.noted = document.querySelector('#hero-says .unseen-note').firstChild)")
    type_sentence(browser, "the dog saw the blorf")
    check(browser.run("noted.isConnected"), "and not again while it stays the same")
    browser.run("drawHero({source: liveWords(['one', 'two']), target: [], shares: [], unseen: []})")
    check(text_of(browser, "#alignment") == "one two", f"a sentence without a translation is shown: {text_of(browser, '#alignment')}")
    check(not text_of(browser, "#hero-says"), "and nothing is said of it")
    type_sentence(browser, "the cat 😀 saw 340 dogs")
    shown = browser.run("[...document.querySelectorAll('#alignment [data-side=source] text')].map(n => n.textContent).join(' ')")
    check(shown == "the cat 😀 saw 340 dogs", f"an emoji is drawn as it was typed: {shown}")
    check(text_of(browser, "#hero-says .unseen-note b") == "340", "a number that the model never saw is one word")
    # Typed fast: what is shown in the end is the last text, and few of those between were asked for.
    browser.run("""(t => { window.asked = 0; nmt.engine.translate = (...a) => { asked++; return t(...a); };
        window.whole = t; })(nmt.engine.translate)""")
    for i in range(1, len(sentences[4]) + 1):
        browser.run(f"(f => {{ f.value = {json.dumps(sentences[4][:i])}; f.dispatchEvent(new Event('input')); }})(nmt.field)")
    check(browser.wait(f"nmt.shown === {json.dumps(sentences[4])}", 30), "the last text typed is shown")
    check(browser.run("lesson.data.source.text").strip() == sentences[4], "and its data")
    browser.run("for (let i = 1; i < 40; i++) { nmt.field.value = 'the cat sat '.repeat(3).slice(0, i); nmt.field.dispatchEvent(new Event('input')); }")
    browser.run("asked = 0; for (let i = 1; i < 40; i++) { nmt.field.value = 'a'.repeat(i); nmt.field.dispatchEvent(new Event('input')); }")
    browser.wait("!nmt.busy && nmt.wanted === null")
    check(browser.run("asked") <= 3, f"of 39 texts typed at once, {browser.run('asked')} were translated")
    browser.run("nmt.engine.translate = whole")
    browser.run("nmt.field.value = ''; nmt.field.dispatchEvent(new Event('input'))")
    check(browser.wait("!document.querySelector('#alignment svg')"), "an empty field has no translation")
    check(browser.wait("document.querySelector('.story-note').textContent.startsWith('The field is empty')", 10)
          and browser.run("document.querySelector('.without').hidden && !nmt.says.textContent"), "and what is below says so")
    press(browser, ".tries button")
    check(browser.wait(f"nmt.shown === {json.dumps(sentences[0])}", 30), "a sentence to try is shown when it is pressed")
    check(browser.run("document.activeElement === nmt.field"), "and the field has the focus")
    check(not text_of(browser, ".story-note"), "the story is of it")
    long = "the cat sat on the mat " * 40
    browser.run(f"nmt.field.value = {json.dumps(long)}; nmt.field.dispatchEvent(new Event('input'))")
    browser.wait("document.querySelector('#field .failed:not(:empty)')", 10)
    check("tokens" in text_of(browser, "#field .failed"), f"a text that is too long is told of: {text_of(browser, '#field .failed')}")
    type_sentence(browser, sentences[0])
    check(not browser.run("document.querySelector('#field .failed:not(:empty)')"), "the message goes when it is mended")
    # A translation that fails while something newer is typed.
    browser.run("""(t => { nmt.engine.translate = (text, ...more) => {
            if (text !== 'the dog') return t(text, ...more);
            nmt.engine.translate = t;
            nmt.field.value = 'the cat';
            nmt.field.dispatchEvent(new Event('input'));
            return Promise.reject(new Error('failed on purpose'));
        }; })(nmt.engine.translate)""")
    browser.run("nmt.field.value = 'the dog'; nmt.field.dispatchEvent(new Event('input'))")
    check(browser.wait("nmt.shown === 'the cat' && !nmt.busy", 10), "after a failure, what was typed meanwhile is translated")
    check(not browser.run("document.querySelector('#field .failed:not(:empty)')"), "and the message goes")
    type_sentence(browser, sentences[0])


# ---- parts that are switched off ----

def switched(browser, name):
    browser.run("knock.drawn = null")
    press(browser, f"[data-knock='{name}']")
    return browser.wait("knock.drawn && knock.drawn.pair", 60)


def check_verdict(browser, native, name, text, sentences, whole):
    said = text_of(browser, ".verdict")
    without = dict(zip(sentences, native.translate(sentences, name)))
    check(browser.run("knock.drawn.without") == without[text], f"{name}: as ./translate --without has it")
    check(without[text] == "" or without[text] in text_of(browser, ".ko-side.broken"), f"{name}: the translation is shown")
    check(whole[text] in text_of(browser, ".ko-side:not(.broken)"), f"{name}: the whole one is beside it")
    marked = browser.run("document.querySelectorAll('.ko-side.broken mark').length")
    changed = words_changed(whole[text], without[text])
    check((marked > 0) == (changed > 0 and without[text] != "") or len(without[text].split()) < len(whole[text].split()),
          f"{name}: {marked} words are marked, {changed} changed")
    if "Of this translation" in said:
        check(("one word is" if changed == 1 else f"{changed} words are") in said, f"{name}: says how many words changed ({changed}): {said}")
    if "stays" in said:
        check(changed == 0, f"{name}: says that nothing changed")
    if "tried here" in said:
        count = sum(whole[s] != without[s] for s in sentences)
        check(f"Of {len(sentences)} sentences tried here, {count or 'none'} change" in said, f"{name}: {count} sentences change: {said}")
    rows = browser.run("[...document.querySelectorAll('table.pair tbody tr')].map(r => [...r.cells].map(c => c.textContent))")
    fixed, changes = name in ("positions", "attention"), sum(whole[s] != without[s] for s in sentences)
    check(len(rows) == (2 if fixed else min(2, changes)) and (fixed or all(r[1] != r[2] for r in rows)) and all(r[1] == whole[r[0]] and (r[2] == without[r[0]] or r[2] == "(nothing)") for r in rows),
          f"{name}: two sentences, with and without it: {rows}")
    if name in ("positions", "attention"):
        a, b = rows
        same = a[2] == b[2] and a[1] != b[1]
        check(same == ("give the same" in said or "says nothing at all" in said), f"{name}: says whether both give the same: {rows} {said}")
        check(not same or all(f"“{r[0]}”" in said for r in rows), f"{name}: names the two sentences")
    if name in ("mask", "root"):
        before, after = native.inspect(text), native.inspect(text, name)
        value = (lambda d: sure(d, before)) if name == "mask" else sharp
        check(percent(value(before)) in said and percent(value(after)) in said,
              f"{name}: from {percent(value(before))} to {percent(value(after))}: {said}")


def check_knock(browser, native):
    sentences, text = browser.run("nmt.sentences"), browser.run("nmt.sentence")
    whole = dict(zip(sentences, native.translate(sentences)))
    for name in ("positions", "mask", "root", "attention", "feedforward"):
        check(switched(browser, name), f"{name}: something happens")
        check(browser.run(f"document.querySelector('[data-knock={name}]').getAttribute('aria-checked')") == "false", f"{name} is off")
        check_verdict(browser, native, name, text, sentences, whole)
        press(browser, f"[data-knock='{name}']")
        check(browser.run("document.querySelector('.without').hidden && !document.querySelector('.verdict').textContent"), f"{name} is on again")
    # By keyboard, and two at once.
    browser.run("document.querySelector('[data-knock=positions]').focus()")
    browser.press("Enter")
    browser.press("Tab")
    browser.press("Tab")
    browser.press("Enter")
    check(browser.wait("knock.drawn && knock.drawn.pair && knock.on.join() === 'positions,root'", 60), "two parts, by keyboard")
    check(browser.run("knock.drawn.without") == native.translate([text], "positions,root")[0], "without both, as ./translate has it")
    browser.press("Enter")
    press(browser, "[data-knock=positions]")
    # Heads: each alone, what the bars tell, and only one.
    browser.run("document.querySelector('.head-switches').open = true")
    check(browser.wait("knock.weigh.textContent", 60), "each head is weighed")
    heads = browser.run("[...document.querySelectorAll('[data-knock^=\"heads:\"]')].map(b => [b.dataset.knock, b.lastChild.style.width])")
    counts = {}
    for name, width in heads:
        counts[name] = words_changed(whole[text], native.translate([text], name)[0])
        share = min(1, counts[name] / len(whole[text].split()))
        check(abs(float(width.rstrip("%")) - 100 * share) < 1, f"{name}: the bar is {width} of {share:.2f}")
    most = max(counts.values())
    said = text_of(browser, ".mutes .readout")
    check(f"{sum(c == 0 for c in counts.values())} of {len(counts)} heads" in said or most == 0, f"heads without effect: {said}")
    check(most == 0 or ("one word" if most == 1 else f"{most} words") in said, f"the most that a head changes: {said}")
    name = max(counts, key=counts.get)
    check(switched(browser, name), f"{name} is muted by a click")
    check_verdict(browser, native, name, text, sentences, whole)
    press(browser, f"[data-knock='{name}']")
    check(switched(browser, "only:1"), "only one head")
    check_verdict(browser, native, "only:1", text, sentences, whole)
    check(switched(browser, "only:2") and browser.run("knock.on.join()") == "only:2", "another takes its place")
    press(browser, "[data-knock='only:']")
    check(browser.run("knock.on.length") == 0, "all heads again")
    # The story without a part.
    switched(browser, "root")
    press(browser, ".without > button")
    check(browser.run("lesson.data.knocked.join()") == "root", "the story is of the model without it")
    check("without the root" in text_of(browser, ".story-note"), "which is told above it")
    shown = browser.run("[...document.querySelectorAll('#alignment [data-side=target] text')].map(n => n.textContent).join(' ')")
    check(shown == whole[text], "the whole translation stays on top")
    browser.run("knock.drawn = null")
    press(browser, "[data-knock=mask]")
    check(browser.wait("lesson.data.knocked.join() === 'mask,root'", 60), "another part is left out there, too")
    press(browser, "[data-knock=mask]")
    browser.wait("lesson.data.knocked.join() === 'root'", 60)
    press(browser, ".story-note button")
    check(browser.run("lesson.data.knocked.length === 0 && knock.on.join() === 'root'"), "the story is whole again")
    press(browser, ".without > button")
    press(browser, "[data-knock=root]")
    check(browser.run("lesson.data.knocked.length === 0 && !document.querySelector('.story-note').textContent"), "and when the part is on again")
    # Another sentence while a part is off.
    switched(browser, "positions")
    browser.run("knock.drawn = null")
    type_sentence(browser, sentences[7])
    check(browser.wait("knock.drawn && knock.drawn.pair", 60), "the comparison follows the sentence")
    check(browser.run("knock.drawn.without") == native.translate([sentences[7]], "positions")[0], "of the new sentence")
    taken = text_of(browser, "table.pair .link")
    press(browser, "table.pair .link")
    check(browser.wait(f"nmt.shown === {json.dumps(taken)}", 30), "a sentence of the table can be taken")
    press(browser, "[data-knock=positions]")
    type_sentence(browser, text)


# ---- training ----

def check_training(browser):
    press(browser, "#train-start")
    check(browser.wait("teach.state === 'running'", 120), "a training begins")
    check(browser.run("teach.form.disabled"), "what it learns from cannot be changed then")
    give(browser, PAIRS.encode(), "pairs.tsv", "drop")
    check(browser.wait("teach.look && teach.at >= 20", 120), "it takes steps")
    check(browser.run("teach.said.getAttribute('aria-live')") == "off", "its progress is not read aloud while it runs")
    press(browser, "#train-pause")
    browser.wait("teach.state === 'paused'")
    check(browser.run("teach.said.getAttribute('aria-live')") == "polite", "but in a pause")
    time.sleep(1)
    at = browser.run("teach.at")
    time.sleep(1)
    check(browser.run("teach.at") == at, "a pause is one")
    press(browser, "#train-step")
    check(browser.wait(f"teach.at === {at + 1}", 60), "one step is one")
    check(browser.wait(f"teach.look.step === {at + 1}", 60), "after which it is looked at")
    browser.settle()
    time.sleep(0.6)
    check(browser.run("document.querySelector('polyline.loss').getAttribute('points').split(' ').length") == at + 1, "the curve has each step")
    loss = browser.run("teach.losses.at(-1)")
    check(f"{loss:.2f}" in text_of(browser, ".curve") and percent(math.exp(-loss)) in text_of(browser, ".curve"), "what the loss means")
    check(browser.run("document.querySelectorAll('.sentences li').length") == 5, "five sentences")
    check(browser.run("[...document.querySelectorAll('.sentences li')].every((l, i) => l.classList.contains('right') === "
                      "(teach.look.samples[i].said === teach.samples[i][1]))"), "those that are right have a tick")
    check(languages(browser, ".sentences [lang]") == ["en", "fr"] * 5, "their languages are those of the page's corpus")
    rows, cells = browser.run("[Math.min(13, teach.look.inspect.steps.length) * teach.look.inspect.source.tokens.length, "
                              "document.querySelectorAll('.heat rect').length]")
    check(rows == cells, f"cross-attention has {cells} cells of {rows}")
    check(browser.run("document.querySelector('.stars').parentNode.hidden === !teach.look.inspect.galaxy"), "the galaxy is there")
    if browser.run("Boolean(teach.look.inspect.galaxy)"):
        check(browser.run("document.querySelectorAll('.stars g').length") > 50, "with its words")
        near, of = browser.run("[lesson.data.galaxy.near, lesson.data.galaxy.words.filter(w => w.group === 0 || w.group === 1).length]")
        early = browser.run("teach.look.inspect.galaxy.near")
        check(early < near == of and text_of(browser, ".stars p").startswith(f"{early} of "),
              f"few words are near their own kind at first ({early} of {of}), all in the page's model ({near})")
    check("Step " in text_of(browser, ".train-said"), "progress is told")
    check(not browser.run("teach.pairs.value"), "pairs that are dropped while it learns are not taken")
    press(browser, "#train-use")
    check(browser.wait("nmt.model.includes('you taught')", 60), "the model is put into the page")
    check(browser.run("lesson.data.target.text.replace('</s>', '').trim() === teach.look.samples[0].said"), "which then says what it said")
    check(browser.run("lesson.data.model.step") == at + 1, "of that step")
    check(browser.run("[lesson.languages.source, lesson.languages.target]") == ["en", "fr"], "and the languages of the corpus")
    browser.run("HTMLAnchorElement.prototype.click = function () { window.kept = [this.download, this.href]; }")
    press(browser, "#train-keep")
    check(browser.wait("window.kept") and browser.run("kept[0]") == "model.gguf", "the model is kept as a file")
    check(browser.run("fetch(kept[1]).then(r => r.arrayBuffer()).then(b => new Uint8Array(b)).then(b => "
                      "b.length === teach.look.bytes.length && b.every((x, i) => x === teach.look.bytes[i]))"), "with its bytes")
    press(browser, ".models .link")
    check(browser.wait("nmt.model.includes('came with')", 60), "the page's own model comes back")
    press(browser, "#train-pause")
    check(browser.wait(f"teach.at > {at + 2}", 60) and browser.run("teach.state") == "running", "it goes on")
    press(browser, "#train-again")
    check(browser.wait("teach.state === 'idle' && teach.views.hidden && !teach.form.disabled", 30), "and can be started over")


def give(browser, text, name, how):
    """Chooses a file in the page's dialogue, or drops it upon the panel."""
    browser.run(f"""(bytes => {{
        const data = new DataTransfer();
        data.items.add(new File([bytes], {json.dumps(name)}));
        if ({json.dumps(how)} === "drop")
          document.getElementById("live-panel").dispatchEvent(new DragEvent("drop", {{dataTransfer: data, bubbles: true, cancelable: true}}));
        else {{
          const input = document.getElementById({json.dumps(how)});
          input.files = data.files;
          input.dispatchEvent(new Event("change"));
        }}
    }})(Uint8Array.from(atob({json.dumps(base64.b64encode(text).decode())}), c => c.charCodeAt(0)))""")


def check_files(browser, native):
    model = Path(native.model).read_bytes()
    check(languages(browser, SIDES) == ["en", "en", "fr"], "the languages of the page's own model are known")
    give(browser, model, "mine.gguf", "pick-model")
    check(browser.wait("nmt.model === 'mine.gguf'", 60), "a model file is opened")
    check(languages(browser, SIDES) == ["", "", ""], "its languages are not known")
    check(text_of(browser, "label[for=sentence]") == "Type a sentence", "and not asked for")
    check(switched(browser, "root") and set(languages(browser, ".without [lang]")) == {""}, "nor named where a part is off")
    press(browser, "[data-knock=root]")
    give(browser, b"GGUF and no more", "broken.gguf", "drop")
    check(browser.wait("teach.error.textContent", 30), "one that is broken is refused")
    check(text_of(browser, ".train [role=alert]").startswith("broken.gguf: "), "in words: " + text_of(browser, ".train [role=alert]"))
    check(browser.run("nmt.model") == "mine.gguf", "and the one before stays")
    for cut in (model[:-5000], model[:4000] + bytes([model[4000] ^ 1]) + model[4001:]):
        browser.run("teach.error.textContent = ''")
        give(browser, cut, "cut.gguf", "drop")
        check(browser.wait("teach.error.textContent", 30), "a damaged one is refused")
        said = text_of(browser, ".train [role=alert]")
        check(said.startswith("cut.gguf: ") and said.count(".gguf") == 1 and "NMT_" not in said, "by its own name: " + said)
    pairs = browser.run("teach.pairs.value")
    for picture in (b"\x89PNG\r\n\x1a\n\0\0", b"caf\xe9\tcaf\xe9\n"):
        browser.run("teach.error.textContent = ''")
        give(browser, picture, "photo.png", "drop")
        check(browser.wait("teach.error.textContent.startsWith('photo.png: expected text')", 30) and browser.run("teach.pairs.value") == pairs,
              "what is not text is refused")
    press(browser, ".models .link")
    browser.wait("nmt.model.includes('came with')", 60)
    check(languages(browser, SIDES) == ["en", "en", "fr"], "with the page's own model they are known again")
    give(browser, PAIRS.encode(), "pairs.tsv", "drop")
    check(browser.wait("teach.pairs.value", 10) and browser.run("trainFrom()") == "mine" and not browser.run("teach.mine.hidden"),
          "a file of pairs that is dropped is there")
    check(not text_of(browser, ".train [role=alert]"), "the message goes")


def check_own(browser, native):
    browser.run("(t => { nmt.engine.train = o => t({...o, config: [o.config, 'train.max_steps=200'].filter(Boolean).join('\\n')}); "
                "})(nmt.engine.train)")
    for text, wanted in (("", ""), ("no tab here\n", "")):
        browser.run(f"teach.pairs.value = {json.dumps(text)}; trainChoose('mine')")
        press(browser, "#train-start")
        check(browser.wait("teach.state === 'idle' && teach.error.textContent", 60), f"pairs {text!r} are refused")
        check("pairs.tsv" in text_of(browser, ".train [role=alert]"), "in the program's words: " + text_of(browser, ".train [role=alert]"))
    # By keyboard: Tab writes a tab behind a word, and leaves the field after Escape.
    browser.run("teach.pairs.value = 'the cat'; teach.pairs.focus(); teach.pairs.setSelectionRange(7, 7)")
    browser.press("Tab")
    check(browser.run("teach.pairs.value") == "the cat\t" and browser.run("document.activeElement === teach.pairs"), "Tab writes a tab")
    browser.press("Escape")
    browser.press("Tab")
    check(browser.run("document.activeElement !== teach.pairs"), "after Escape, Tab leaves the field")
    browser.run("teach.pairs.value = 'a\\tb\\nno tab\\nc\\td\\te\\n\\nf\\tg'; teach.pairs.dispatchEvent(new Event('input'))")
    said = text_of(browser, ".checked-pairs")
    check(said.startswith("Line 2 has no tab. Line 3 has a third column, which is not learnt from. 3 pairs are used: "), "lines that are wrong are told of: " + said)
    for more, told in ((1, "1 more line has such a problem. "), (2, "2 more lines have such a problem. ")):
        browser.run(f"teach.pairs.value = 'x\\n'.repeat({3 + more}) + 'a\\tb'; teach.pairs.dispatchEvent(new Event('input'))")
        said = text_of(browser, ".checked-pairs")
        check(f"Line 3 has no tab. {told}1 pair is used: " in said, f"{3 + more} lines that are wrong: {said}")
    browser.run(f"teach.pairs.value = {json.dumps(PAIRS)}; trainChoose('mine')")
    press(browser, "#train-positions")
    press(browser, "#train-heads")
    press(browser, "#train-start")
    check(browser.wait("teach.done || teach.error.textContent", 200), "a model learns from sentences of one's own")
    if not check(browser.run("Boolean(teach.done)"), text_of(browser, ".train [role=alert]")):
        return
    check(browser.run("teach.said.getAttribute('aria-live')") == "polite" and text_of(browser, ".train-said").startswith("Learnt: "), "its end is read aloud")
    wanted = {a: unicodedata.normalize("NFC", b.lower()).replace("’", "'") for a, b in (line.split("\t") for line in PAIRS.splitlines())}
    shown = browser.run("[...document.querySelectorAll('.sentences li')].map((l, i) => [teach.look.samples[i].source, teach.look.samples[i].said, "
                        "l.classList.contains('right'), l.querySelectorAll('mark').length])")
    check(all(right == (said == wanted[source]) for source, said, right, _ in shown), f"right is what differs in spelling only: {shown}")
    check(any(right and source[0] == "T" for source, _, right, _ in shown), f"one of them is: {shown}")
    check(browser.run("teach.valid.exact") < 1 or all(right for _, _, right, _ in shown), f"so does the validation count: {shown}")
    for source, said, right, marks in shown:
        others = len(said.split()) - words_shared(said.split(), wanted[source].split())
        check(marks == (0 if right else others) or len(said.split()) > 16, f"{source}: {marks} words of \"{said}\" are marked, {others} are out of place")
    check(languages(browser, ".sentences [lang]") == ["", ""] * 5, "the languages of one's own sentences are not known")
    told = text_of(browser, ".train-end .film")
    check(f"loss {browser.run('teach.losses.at(-1)'):.2f}" in told and f"Loss {browser.run('teach.losses.at(-1)'):.2f}" in text_of(browser, ".curve"),
          "the curve and the film tell one loss")
    command, sha = text_of(browser, "#train-command"), text_of(browser, "#train-sha256")
    check("model.positions=none" in command and "model.heads=1" in command, "without positions, with one head: " + command)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("configs", "data"):
            os.symlink(ROOT / name, Path(folder) / name)
        os.symlink(native.folder / "train", Path(folder) / "train")
        (Path(folder) / "pairs.tsv").write_text(PAIRS, "utf-8")
        subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True)
        made = subprocess.run(["sha256sum", Path(folder) / "runs/live/model.gguf"], check=True, capture_output=True, text=True)
    check(made.stdout.split()[0] == sha, f"the command makes the same bytes: {command}")
    press(browser, "#train-use")
    check(browser.wait("nmt.model.includes('you taught')", 60), "it is put into the page")
    check(browser.run("lesson.data.model.positions") == "none" and browser.run("lesson.data.model.heads") == 1, "which shows it")
    check(browser.wait("document.querySelectorAll('[data-knock^=\"heads:\"]').length === 3", 10), "and has its heads")
    check(browser.run("[lesson.languages.source, lesson.languages.target]") == ["", ""], "and no known language")
    press(browser, ".models .link")
    browser.wait("nmt.model.includes('came with')", 60)
    press(browser, "#train-again")


def check_inspect(browser, native):
    """A page of ./inspect --without does its sums as the model did."""
    for knock, more in (("mask,root,heads:decoder.0.1", ("--kind", "decoder", "--head", "1")), ("only:2", ("--kind", "cross", "--head", "0"))):
        page = OUT / "without.html"
        native.run("inspect", "-m", native.model, "-o", str(page), "--without", knock, *more, "the dog sees the cat")
        check(browser.open(page, "#arithmetic", "document.documentElement.hasAttribute('data-ready')"), f"./inspect --without {knock} opens")
        check(browser.wait("document.querySelector('.checked')") and browser.run("!document.querySelector('.checked .off')"),
              f"--without {knock}: the sums are the model's: {text_of(browser, '.checked')}")
        check(knock.split(",")[0] in text_of(browser, "#summary"), f"--without {knock} is told")


# ---- all ----

def check_page(browser, page, width, dark):
    what = f"{width} pixels, {'dark' if dark else 'light'}: "
    browser.show(width, 900, dark)
    check(browser.open(page, ready=READY) and not browser.run("document.querySelector('#field .failed:not(:empty)')"), what + "opens")
    browser.run("document.querySelector('.head-switches').open = true; trainChoose('mine')")
    switched(browser, "positions")
    browser.settle()
    check(browser.run("document.documentElement.scrollWidth <= innerWidth"), what + "nothing is wider than the page")
    nameless = browser.run("""[...document.querySelectorAll("#hero button, #hero textarea, #live-panel button, #live-panel textarea, #live-panel input")]
        .filter(n => !n.hidden && !(n.getAttribute("aria-label") || n.textContent.trim() || (n.labels && n.labels.length) || n.classList.contains("hidden")))
        .map(n => n.outerHTML)""")
    check(not nameless, what + f"controls without a name: {nameless}")
    small = browser.run("""[...document.querySelectorAll("#hero-panel button, #live-panel button")].filter(n => n.offsetWidth && !n.classList.contains("link"))
        .filter(n => n.offsetHeight < 28 || n.offsetWidth < 28).map(n => n.textContent)""")
    check(not small, what + f"controls too small for a finger: {small}")
    height = browser.run("document.documentElement.scrollHeight")
    browser.picture(OUT / f"live-{width}-{'dark' if dark else 'light'}.png", (0, min(6000, height)))
    check(not browser.complaints, what + f"complaints: {browser.complaints}")


def main():
    program, page = find_browser(), Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/web/nmt.html")
    native = Native(Path(sys.argv[3] if len(sys.argv) > 3 else os.environ.get("NMT_BIN", ROOT)).resolve(), sys.argv[2] if len(sys.argv) > 2 else ROOT / "build/web/run/model.gguf")
    if not program or not page.exists():
        check.skip("live_test: skipped: no " + ("page (make web)" if program else "browser (Debian: apt-get install chromium)"))
        print(check.summary())
        return 0
    OUT.mkdir(parents=True, exist_ok=True)
    browser = Browser(program)
    try:
        for size in ((1280, True), (400, False), (400, True), (1280, False)):
            check_page(browser, page, *size)
        press(browser, "[data-knock=positions]")
        browser.run("trainChoose('shipped'); document.querySelector('.head-switches').open = false")
        check_field(browser, native)
        check_knock(browser, native)
        check_training(browser)
        check_files(browser, native)
        check_own(browser, native)
        check_inspect(browser, native)
        check(not browser.complaints, f"complaints: {browser.complaints}")
    finally:
        browser.close()
    print(f"live page: {check.summary()}; pictures in build/page/")
    return check.failed > 0


if __name__ == "__main__":
    sys.exit(main())
