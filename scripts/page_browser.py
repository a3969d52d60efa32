"""Drives a headless Chromium with the DevTools protocol over a pipe, using only Python's standard library.

Messages are JSON objects, each followed by a NUL byte. The browser reads them from file descriptor 3 and writes to 4.
"""

import array
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# Who is asked to end closes the browser first: what is in `finally` runs.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

NAMES = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "google-chrome-stable", "chrome")


def find_program(variable, names):
    """The path of the first of these programs that is there, or None. The environment variable can name another."""
    for name in filter(None, (os.environ.get(variable), *names)):
        if shutil.which(name):
            return shutil.which(name)
    return None


def find_browser():
    return find_program("BROWSER_PROGRAM", NAMES)


def unpack(tensor):
    """The numbers of an array in a page's data (src/inspect/FORMAT.md)."""
    numbers = array.array("f", base64.b64decode(tensor["f32"]))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


class Checks:
    """check(good, what): counts what holds and what does not, and prints the latter. skip(why) counts what is left out."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def __call__(self, good, what):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print("FAILED: " + what)
        return good

    def skip(self, why):
        self.skipped += 1
        print(why)

    def summary(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Page:
    """What both browsers' classes have: `process` and its `folder`, run(script), and `complaints`, the console messages,
    network requests and errors of the page."""

    def wait(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def settle(self):
        """Waits two frames, so that what observers draw is drawn."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30))))")

    def requested(self, url):
        if not url.startswith(("file:", "data:", "blob:", "about:")):
            self.complaints.append("request: " + url)

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Browser(Page):
    """One Chromium with one page."""

    def __init__(self, program):
        self.folder = tempfile.mkdtemp(prefix="page-test-")
        to_browser, self.out = os.pipe()
        self.inp, from_browser = os.pipe()
        options = ["--headless", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu",
                   "--hide-scrollbars", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir=" + self.folder]
        if os.geteuid() == 0:  # its sandbox does not work for root
            options.append("--no-sandbox")
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "sh", program, *options, "about:blank"],
            pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.number, self.rest, self.session, self.complaints = 0, b"", None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)

    def close(self):
        self.end()
        os.close(self.out)
        os.close(self.inp)

    def receive(self, seconds):
        end = time.monotonic() + seconds
        while b"\0" not in self.rest:
            if not select.select([self.inp], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("the browser did not answer")
            block = os.read(self.inp, 1 << 20)
            if not block:
                raise RuntimeError("the browser ended")
            self.rest += block
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        block = json.dumps(message).encode() + b"\0"
        while block:
            block = block[os.write(self.out, block):]
        while True:
            answer = self.receive(60)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.notice(answer)

    def notice(self, event):
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.consoleAPICalled":
            self.complaints.append("console: " + " ".join(str(a.get("value", a.get("description"))) for a in params["args"]))
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append("exception: " + details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded":
            self.complaints.append("log: " + params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requested(params["request"]["url"])

    def run(self, script):
        """The value of a JavaScript expression; waits for promises."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description", "failed: " + script))
        return result["result"].get("value")

    def show(self, width, height, dark=False, still=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}])

    def open(self, path, fragment="", ready="document.readyState === 'complete'"):
        self.call("Page.navigate", url="about:blank")
        url = "file://" + os.path.abspath(path) + fragment
        self.call("Page.navigate", url=url)
        self.wait("location.protocol === 'file:'")
        return self.wait(ready)

    def picture(self, path, box=None):
        """Of the window, or of the part of the page from box = (top, height): then the window is that high for a moment, as
        pictures of what is outside the window may never come."""
        if box:
            width, height, was = self.run("[innerWidth, innerHeight, scrollY]")
            self.call("Emulation.setDeviceMetricsOverride", width=width, height=max(1, round(box[1])), deviceScaleFactor=1, mobile=False)
            self.run(f"scrollTo(0, {box[0]})")
            self.settle()
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
        if box:
            self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
            self.run(f"scrollTo(0, {was})")

    KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39,
            "ArrowDown": 40, " ": 32}

    def press(self, key, modifiers=0):
        extra = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
        shared = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": self.KEYS[key], "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown", **shared, **extra)
        self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def mouse(self, x, y, click=False):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        if click:
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def drag(self, x, y, to_x, to_y):
        self.mouse(x, y)
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
        for part in (0.5, 1):
            self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + part * (to_x - x), y=y + part * (to_y - y), button="left", buttons=1)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=to_x, y=to_y, button="left", clickCount=1)
