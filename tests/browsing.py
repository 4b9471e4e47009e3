"""A headless Chromium, told what to do through its DevTools pipe; nothing to install.

The protocol is JSON with a zero byte after each message, on the file descriptors 3 and
4 of the browser (``--remote-debugging-pipe``).
"""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="needs Chromium on the path (apt-get install chromium)",
    ),
]
"""Marks of tests that need one."""

_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
          "--hide-scrollbars", "--disable-extensions", "--disable-dev-shm-usage",
          "--disable-background-networking", "--force-color-profile=srgb",
          "--remote-debugging-pipe")  # fmt: skip
_DESCRIPTORS = """
import os, sys
for number, name in ((3, 1), (4, 2)):
    os.dup2(int(sys.argv[name]), number)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One tab, which keeps what the console says and what is asked of the network."""

    def __init__(self, profile: Path) -> None:
        """Start it with an empty profile in a folder."""
        assert CHROMIUM is not None
        ends = [*os.pipe(), *os.pipe()]
        # Away from the numbers that the browser's ends are to have.
        theirs, self._to, self._from, mine = map(_high, ends)
        command = [sys.executable, "-c", _DESCRIPTORS, str(theirs), str(mine)]
        command += [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        with open(profile / "stderr", "wb") as said:
            self._process = subprocess.Popen(
                command, pass_fds=(theirs, mine), stdout=said, stderr=said
            )
        for end in (theirs, mine):
            os.close(end)
        self._number, self._unread, self._session = 0, b"", ""
        self.problems: list[str] = []
        self.requests: list[str] = []
        (page,) = [
            target["targetId"]
            for target in self._call("Target.getTargets")["targetInfos"]
            if target["type"] == "page"
        ]
        asked = {"targetId": page, "flatten": True}
        self._session = self._call("Target.attachToTarget", **asked)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    # -- what a person does --------------------------------------------------------

    def open(self, path: Path) -> None:
        """Open a file, and wait until it has drawn itself."""
        self.problems, self.requests = [], []
        self._call("Page.navigate", url=path.resolve().as_uri())
        self.wait("document.readyState === 'complete'")
        self.wait("!document.querySelector('.codes:not(.ready)')")
        self.wait("!document.querySelector('.curves .frame:empty')")

    def resize(self, width: int, height: int, *, phone: bool = False) -> None:
        """Take a window of so many pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1}
        self._call("Emulation.setDeviceMetricsOverride", **size, mobile=phone)
        time.sleep(0.2)

    def prefer(self, scheme: str) -> None:
        """Prefer "light" or "dark"."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", features=features)

    def mouse(self, x: float, y: float, kind: str = "Moved", *, held: int = 0) -> None:
        """Move, press or release the mouse: "Moved", "Pressed", "Released"."""
        button = {"button": "left", "buttons": held, "clickCount": 1}
        self._call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y,
                   **(button if kind != "Moved" or held else {}))  # fmt: skip

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse at one place, and release it at another."""
        self.mouse(*start)
        self.mouse(*start, "Pressed", held=1)
        self.mouse(*end, held=1)
        self.mouse(*end, "Released")

    # -- what a person sees --------------------------------------------------------

    def tell(self, script: str) -> Any:
        """The value of an expression of JavaScript.

        Raises:
            AssertionError: It failed.
        """
        asked = {"expression": script, "returnByValue": True, "awaitPromise": True}
        found = self._call("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str, *, seconds: float = 60.0) -> None:
        """Until an expression is true."""
        end = time.monotonic() + seconds
        while not self.tell(script):
            assert time.monotonic() < end, f"never became true: {script}"
            time.sleep(0.02)

    def screenshot(self, path: Path) -> None:
        """The whole page."""
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "scale": 1, **{k: size[k] for k in ("width", "height")}}
        asked = {"clip": clip, "captureBeyondViewport": True}
        taken = self._call("Page.captureScreenshot", **asked)
        path.write_bytes(base64.b64decode(taken["data"]))

    def printed(self, path: Path) -> None:
        """The page on paper, a PDF file."""
        taken = self._call("Page.printToPDF", printBackground=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    # -- the protocol --------------------------------------------------------------

    def _call(self, method: str, **asked: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": asked}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._note(answer.get("method"), answer.get("params", {}))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            more = os.read(self._from, 2**20)
            assert more, "the browser ended"
            self._unread += more
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)

    def _note(self, event: str | None, what: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(what["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled":
            self.problems.append(json.dumps(what["args"]))
        elif event == "Log.entryAdded":
            self.problems.append(what["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"][:200])


def _high(end: int) -> int:
    """The same pipe on a number from 10 on."""
    moved = fcntl.fcntl(end, fcntl.F_DUPFD, 10)
    os.close(end)
    return moved


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for all tests."""
    made = Browser(tmp_path_factory.mktemp("browser"))
    yield made
    made.close()


def place(browser: Browser, selector: str) -> tuple[float, float]:
    """The middle of an element, once it is in view."""
    x, y = browser.tell(
        f"(() => {{const e = document.querySelector({json.dumps(selector)});"
        "e.scrollIntoView({block: 'center', behavior: 'instant'});"
        "const b = e.getBoundingClientRect();"
        "return [b.x + b.width / 2, b.y + b.height / 2]})()"
    )
    return x, y
