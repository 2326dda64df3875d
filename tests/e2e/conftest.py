"""What the browser tests share: the service in a process of its own, Debian's Chromium with a camera made of films."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from screener.video import Picture
from tests.conftest import free_port

__all__ = ["FLAGS", "Server", "check_accessible", "check_asked_nobody_else", "write_mjpeg"]

_START_S = 120.0
_STOP_S = 20.0


@dataclass
class Server:
    """`screener serve` on loopback, on a port that was free; it can be stopped and started again on the same one.

    Attributes:
        data_dir: where it keeps what it keeps.
        environment: further variables, such as `SCREENER_MODE`.
        before: a command to run it under, such as strace.
    """

    data_dir: Path
    environment: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        self.port = self.port or free_port()
        log = self.data_dir.parent / f"server-{self.port}.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*self.before, sys.executable, "-m", "screener.cli", "serve", "--port", str(self.port)],
                env=os.environ | {"SCREENER_DATA_DIR": str(self.data_dir)} | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                process_group=0,  # with its own children it can be ended as a whole
            )
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError, urllib.error.URLError):
                urllib.request.urlopen(f"{self.url}/healthz", timeout=2).close()
                return
            time.sleep(0.1)
        said = log.read_text(encoding="utf-8", errors="replace")
        self.stop()
        pytest.fail(f"the server did not start:\n{said[-3000:]}")

    def stop(self, how: int = signal.SIGTERM) -> None:
        """Ends it and what it started."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(_STOP_S)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """A server for this test alone: `start_server(SCREENER_MODE="clinic")`; ended behind it."""
    started: list[Server] = []

    def start(*, before: tuple[str, ...] = (), **environment: str) -> Server:
        server = Server(tmp_path / f"data-{len(started)}", environment, before)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server in personal mode, with nothing recorded, for all tests that leave nothing behind."""
    one = Server(tmp_path_factory.mktemp("serve") / "data")
    one.start()
    yield one
    one.stop()


#: Nothing that the browser does on its own account, and no sandbox, which a root user in a container lacks.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--metrics-recording-only",
    # A window that nobody sees would be slowed down; the camera's loop must not be.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
)


@pytest.fixture
def open_browser(playwright: Playwright) -> Iterator[Callable[..., Browser]]:
    """A Chromium: `open_browser(film)` shows the film as its camera; without one it has no camera."""
    chromium = shutil.which("chromium")
    if chromium is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed; .ci/run must install it")
        pytest.skip("chromium is not installed")
    opened: list[Browser] = []

    def open_one(film: Path | None = None, *, allow_camera: bool = True) -> Browser:
        flags = list(FLAGS)
        if film is not None:
            flags += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film.resolve()}"]
            flags += ["--use-fake-ui-for-media-stream"] if allow_camera else ["--deny-permission-prompts"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        opened.append(browser)
        return browser

    yield open_one
    for browser in opened:
        browser.close()


@pytest.fixture
def open_page(open_browser: Callable[..., Browser]) -> Callable[..., Page]:
    """A page in a browser of its own: `open_page(url, film, width=..., height=..., dark=True)`.

    The page carries `asked`, every address that it asked for, and `complaints`, what it wrote to the console as an
    error; a test that leaves complaints unread should check that there are none.
    """

    def open_one(
        url: str,
        film: Path | None = None,
        *,
        width: int = 1280,
        height: int = 720,
        dark: bool = False,
        allow_camera: bool = True,
    ) -> Page:
        browser = open_browser(film, allow_camera=allow_camera)
        context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        page = context.new_page()
        page.asked = []  # type: ignore[attr-defined]
        page.complaints = []  # type: ignore[attr-defined]
        context.on("request", lambda request: page.asked.append(request.url))  # type: ignore[attr-defined]
        page.on("websocket", lambda wire: page.asked.append(wire.url))  # type: ignore[attr-defined]
        page.on("pageerror", lambda error: page.complaints.append(str(error)))  # type: ignore[attr-defined]
        page.on(
            "console",
            lambda said: page.complaints.append(said.text) if said.type == "error" else None,  # type: ignore[attr-defined]
        )
        page.goto(url)
        return page

    return open_one


def check_accessible(page: Page) -> None:
    """axe-core finds nothing to complain of, by the rules of WCAG 2.2 A and AA and its best practices."""
    found = Axe().run(page).response["violations"]
    said = [f"{each['id']}: {each['help']}: {[node['target'] for node in each['nodes']]}" for each in found]
    assert said == []


def check_asked_nobody_else(page: Page, server: Server) -> None:
    """Every address that the page asked for is the server's own."""
    hosts = {urlsplit(url).netloc for url in page.asked if not url.startswith(("data:", "blob:"))}  # type: ignore[attr-defined]
    assert hosts == {f"127.0.0.1:{server.port}"}


def write_mjpeg(path: Path, pictures: Iterable[Picture], *, quality: int = 92) -> Path:
    """A film for the fake camera, which shows 30 pictures a second and begins again at the end.

    Args:
        path: ends in `.mjpeg`.
        pictures: `(height, width, rgb)` each, uint8, all of one size.
        quality: of the JPEG pictures.
    """
    with path.open("wb") as film:
        for rgb in pictures:
            done, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
            assert done
            film.write(data.tobytes())
    return path
