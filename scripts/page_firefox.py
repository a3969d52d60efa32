"""Drives a headless Firefox with its Marionette protocol, using only Python's standard library.

Messages are a length, a colon and JSON, over a local socket.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

NAMES = ("firefox-esr", "firefox")
PREFERENCES = {"marionette.port": 0, "devtools.console.stdout.content": True, "browser.dom.window.dump.enabled": True,
               "browser.shell.checkDefaultBrowser": False, "datareporting.policy.dataSubmissionEnabled": False,
               "network.dns.disabled": True, "toolkit.startup.max_resumed_crashes": -1}


def find_firefox():
    return next(filter(None, map(shutil.which, NAMES)), None)


class Firefox:
    """One browser with one page. What it says of the page, on its console or as errors, is in complaints()."""

    def __init__(self, program, width=1280, height=985):
        self.folder = tempfile.mkdtemp(prefix="page-test-")
        with open(self.folder + "/user.js", "w", encoding="utf-8") as file:
            for name, value in PREFERENCES.items():
                file.write(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n")
        self.log = open(self.folder + "/log", "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen([program, "--headless", "--no-remote", "--marionette", "--profile", self.folder, "about:blank"],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        self.file = self.connect()
        self.number = 0
        self.receive()  # it greets
        self.call("WebDriver:NewSession", capabilities={})
        self.call("WebDriver:SetWindowRect", width=width, height=height)

    def connect(self):
        """Its port is in the profile when it listens."""
        for _ in range(240):
            try:
                with open(self.folder + "/MarionetteActivePort", encoding="ascii") as file:
                    return socket.create_connection(("127.0.0.1", int(file.read()))).makefile("rwb")
            except (OSError, ValueError):
                time.sleep(0.25)
        self.process.kill()
        raise RuntimeError("Firefox does not listen")

    def receive(self):
        length = b""
        while (byte := self.file.read(1)) != b":":
            if not byte:
                raise RuntimeError("the browser ended")
            length += byte
        return json.loads(self.file.read(int(length)))

    def call(self, method, **params):
        self.number += 1
        message = json.dumps([0, self.number, method, params]).encode()
        self.file.write(b"%d:%s" % (len(message), message))
        self.file.flush()
        answer = self.receive()
        if answer[2]:
            raise RuntimeError(f"{method}: {answer[2]['message']}")
        return answer[3]

    def open(self, path):
        self.call("WebDriver:Navigate", url="file://" + os.path.abspath(path))

    def run(self, expression):
        """The value of a JavaScript expression; in the page, so that it sees the names of the page's scripts."""
        return self.call("WebDriver:ExecuteScript", script="return window.eval(arguments[0])", args=[expression], sandbox=None)["value"]

    def wait(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def press(self, key):
        self.call("WebDriver:PerformActions", actions=[
            {"type": "key", "id": "keys", "actions": [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}])

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("WebDriver:TakeScreenshot", full=False)["value"]))

    def complaints(self):
        self.log.flush()
        self.log.seek(0)
        return [line.strip() for line in self.log if "JavaScript error: file:" in line or
                (line.startswith("console.") and "RSLoader" not in line)]  # that is Firefox's own

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
