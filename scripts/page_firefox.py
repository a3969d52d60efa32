"""Drives a headless Firefox with WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), using only Python's standard
library. The class has the functions of page_browser.Browser, so that a test can run in both browsers.

Messages are JSON objects, each a text of a WebSocket (RFC 6455).
"""

import base64
import json
import os
import re
import secrets
import select
import socket
import subprocess
import tempfile
import time

from page_browser import Page, find_program

NAMES = ("firefox-esr", "firefox")
# No page is asked for but the one that is opened: no update, no start page, no name that can be looked up.
PREFERENCES = {
    "app.update.enabled": False, "browser.shell.checkDefaultBrowser": False, "browser.startup.page": 0,
    "browser.startup.homepage": "about:blank", "browser.newtabpage.enabled": False, "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False, "extensions.update.enabled": False, "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False, "network.proxy.type": 1, "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9, "network.proxy.ssl": "127.0.0.1", "network.proxy.ssl_port": 9, "remote.active-protocols": 1,
    "services.settings.server": "", "browser.aboutwelcome.enabled": False, "toolkit.cosmeticAnimations.enabled": False,
}


def find_firefox():
    return find_program("FIREFOX_PROGRAM", NAMES)


class Firefox(Page):
    """One Firefox with one page."""

    def __init__(self, program, seconds=60):
        self.folder = tempfile.mkdtemp(prefix="page-test-")
        with open(os.path.join(self.folder, "user.js"), "w", encoding="utf-8") as file:
            for name, value in PREFERENCES.items():
                file.write(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n")
        self.process = subprocess.Popen(
            [program, "--headless", "--no-remote", "--profile", self.folder, "--remote-debugging-port", "0", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(os.environ, HOME=self.folder))
        self.number, self.rest, self.complaints = 0, b"", []
        self.connect(self.address(seconds))
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self.context = self.call("browsingContext.getTree")["contexts"][0]["context"]

    def address(self, seconds):
        """Where it listens, which it says on stderr."""
        end, said = time.monotonic() + seconds, b""
        while time.monotonic() < end:
            if select.select([self.process.stderr], [], [], 0.2)[0]:
                block = os.read(self.process.stderr.fileno(), 4096)
                if not block:
                    break
                said += block
                found = re.search(rb"WebDriver BiDi listening on ws://([\d.]+):(\d+)", said)
                if found:
                    return found[1].decode(), int(found[2])
        raise RuntimeError("Firefox did not start: " + said.decode(errors="replace"))

    def connect(self, where):
        self.socket = socket.create_connection(where, 60)
        self.socket.sendall((f"GET /session HTTP/1.1\r\nHost: {where[0]}:{where[1]}\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                             f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.rest:
            self.more(60)
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0] + b" ":
            raise RuntimeError(head.decode(errors="replace"))

    def close(self):
        self.socket.close()
        self.end()
        self.process.stderr.close()

    def more(self, seconds):
        if not select.select([self.socket], [], [], max(0, seconds))[0]:
            raise TimeoutError("the browser did not answer")
        block = self.socket.recv(1 << 20)
        if not block:
            raise RuntimeError("the browser ended")
        self.rest += block

    def send(self, text):
        """One frame: final, text, masked as a client must."""
        size, mask = len(text), secrets.token_bytes(4)
        if size < 126:
            head = bytes([0x81, 0x80 | size])
        else:
            head = bytes([0x81, 0x80 | 127]) + size.to_bytes(8, "big") if size >= 1 << 16 else \
                bytes([0x81, 0x80 | 126]) + size.to_bytes(2, "big")
        whole = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(text, "big") ^ int.from_bytes(whole, "big")).to_bytes(size, "big")
        self.socket.sendall(head + mask + masked)

    def frame(self, end):
        """The next frame: whether it is the last of its message, its kind, its bytes."""
        def need(count):
            while len(self.rest) < count:
                self.more(end - time.monotonic())
        need(2)
        first, size, at = self.rest[0], self.rest[1] & 0x7f, 2
        if size > 125:
            at = 4 if size == 126 else 10
            need(at)
            size = int.from_bytes(self.rest[2:at], "big")
        need(at + size)
        data, self.rest = self.rest[at:at + size], self.rest[at + size:]
        return bool(first & 0x80), first & 0x0f, data

    def receive(self, seconds):
        end, message = time.monotonic() + seconds, b""
        while True:
            last, kind, data = self.frame(end)
            if kind == 8:
                raise RuntimeError("the browser ended")
            if kind in (0, 1):
                message += data
                if last:
                    return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        self.send(json.dumps({"id": self.number, "method": method, "params": params}).encode())
        while True:
            answer = self.receive(120)
            if answer.get("id") == self.number:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['message']}")
                return answer["result"]
            self.notice(answer)

    def notice(self, event):
        method, params = event.get("method"), event.get("params", {})
        if method == "log.entryAdded":
            self.complaints.append(f"{params.get('type')}: {params.get('text')}")
        elif method == "network.beforeRequestSent":
            self.requested(params["request"]["url"])

    def run(self, script):
        """The value of a JavaScript expression; waits for promises."""
        wrapped = f"(async () => JSON.stringify(await ({script})))()"
        result = self.call("script.evaluate", expression=wrapped, awaitPromise=True, target={"context": self.context})
        if result["type"] == "exception":
            raise RuntimeError(result["exceptionDetails"]["text"])
        return json.loads(result["result"].get("value") or "null")

    def show(self, width, height, dark=False):
        del dark  # this browser has no command for it
        self.call("browsingContext.setViewport", context=self.context, viewport={"width": width, "height": height})

    def open(self, path, fragment="", ready="document.readyState === 'complete'"):
        url = "file://" + os.path.abspath(path) + fragment
        self.call("browsingContext.navigate", context=self.context, url="about:blank", wait="complete")
        self.call("browsingContext.navigate", context=self.context, url=url, wait="complete")
        return self.wait(ready)

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("browsingContext.captureScreenshot", context=self.context)["data"]))

    KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "End": "\ue010", "Home": "\ue011", "ArrowLeft": "\ue012",
            "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015"}

    def press(self, key):
        value = self.KEYS.get(key, key)
        self.call("input.performActions", context=self.context, actions=[
            {"type": "key", "id": "keys", "actions": [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]}])
