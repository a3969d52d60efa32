#!/usr/bin/env python3
"""Opens the page of `make web` in headless browsers, from the disk and with the network off.

usage: web_test.py [chromium | firefox]      (default: both, as far as they are installed)

The page must get ready, translate at each key, inspect, and train 300 steps to the bytes of the native program, without a message in
its console and without a request.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from page_browser import Browser, Checks, find_browser
from page_firefox import Firefox, find_firefox

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "build/web/nmt.html"
STEPS = 300
OVERRIDES = [f"train.max_steps={STEPS}", "valid.translate=5"]

check = Checks()


def native_model():
    """The SHA-256 of what the native program makes of the same steps."""
    with tempfile.TemporaryDirectory() as folder:
        train = os.environ.get("NMT_BIN", "build/release/bin") + "/train"
        subprocess.run([train, "configs/live.ini", "run.dir=" + folder, *OVERRIDES], cwd=ROOT, check=True,
                       env=dict(os.environ, NMT_ISA="generic"), stderr=subprocess.DEVNULL)
        return hashlib.sha256((Path(folder) / "model.gguf").read_bytes()).hexdigest()


def try_page(name, browser, expected):
    began = time.monotonic()
    browser.show(1280, 900)
    browser.open(PAGE)
    check(browser.wait("lesson.engine && lesson.data", 60), f"{name}: the page gets ready")
    ready = time.monotonic() - began
    said = browser.run("lesson.engine.translate('the cat sat')")
    check(said["text"] == "le chat s'est assis", f"{name}: translates: {said}")
    times = browser.run("""(async () => {
        const field = nmt.field, hero = document.getElementById("alignment"), times = [];
        for (let i = 0; i < 20; i++) {
            const began = performance.now();
            const drawn = new Promise(done => new MutationObserver((all, watch) => done(watch.disconnect()))
                .observe(hero, {childList: true}));
            field.value = "please buy an apple and an orange".slice(0, 14 + i);
            field.dispatchEvent(new Event("input"));
            await drawn;
            times.push(performance.now() - began);
        }
        return times.sort((a, b) => a - b);
    })()""")
    check(times[10] < 250, f"{name}: a keystroke takes {times}")
    inspect = browser.run("""(async () => {
        const began = performance.now(), data = await lesson.engine.inspect("please buy an apple and an orange",
            {compare: "apple unveiled the new phone"});
        return [data.format, data.attention.length, performance.now() - began];
    })()""")
    check(inspect[:2] == ["nmt.inspect", 3], f"{name}: inspects: {inspect}")
    wrong = browser.run("lesson.engine.load(new Uint8Array(99)).then(() => '', error => error.message)")
    check("not a GGUF file" in wrong, f"{name}: says what is wrong with a model: {wrong}")
    overrides = "\\n".join(OVERRIDES)
    trained = browser.run(f"""(async () => {{
        const events = [], training = await lesson.engine.train({{config: "{overrides}", look: 50, watch: e => events.push(e)}});
        const done = await training.done;
        await lesson.engine.load(done.bytes);
        return {{sha256: done.sha256, steps: events.length, looks: events.filter(e => e.samples && e.inspect).length,
                 speed: done.tokens_per_second, command: done.command}};
    }})()""")
    check(trained["sha256"] == expected, f"{name}: trains to the bytes of the native program: {trained}")
    check(trained["steps"] >= STEPS and trained["looks"] >= 2, f"{name}: shows the steps: {trained}")
    check(not browser.complaints, f"{name}: no message and no request: {browser.complaints[:5]}")
    browser.settle()
    browser.picture(ROOT / f"build/web/{name}.png")
    print(f"{name}: ready after {ready:.1f} s; a keystroke, translated and drawn, {times[10]:.1f} ms, at most {times[-1]:.1f}; all that is shown "
          f"{inspect[2]:.0f} ms; trains {trained['speed']:.0f} target tokens a second")


def main():
    wanted = sys.argv[1:] or ["chromium", "firefox"]
    expected = None
    for name, find, browser_class in (("chromium", find_browser, Browser), ("firefox", find_firefox, Firefox)):
        if name not in wanted:
            continue
        program = find()
        if not program:
            check.skip(f"web-test: {name}: skipped: not installed")
            continue
        expected = expected or native_model()
        browser = browser_class(program)
        try:
            try_page(name, browser, expected)
        finally:
            browser.close()
    print(check.summary())
    sys.exit(check.failed > 0)


main()
