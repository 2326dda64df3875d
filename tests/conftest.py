"""What every test may share: the sample clips, screened once a session."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from screener import Screening, screen
from tests.clips import sample_clips

if TYPE_CHECKING:
    from playwright.sync_api import Playwright

#: A part (`scheduler`, `worker`) and its options.
StartDask = Callable[..., "subprocess.Popen[bytes]"]


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def clip_named(name: str) -> Path:
    """A bundled clip by its stem."""
    return next(clip for clip in sample_clips() if clip.stem == name)


@pytest.fixture(scope="session")
def screened() -> Callable[[str], Screening]:
    """Each bundled clip as it is, screened once: `screened("sls_left_steady")`."""
    kept: dict[str, Screening] = {}

    def one(name: str) -> Screening:
        if name not in kept:
            kept[name] = screen(clip_named(name))
        return kept[name]

    return one


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What starts browsers. One a process: a second one beside it refuses to run."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        yield running


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty bucket. Workers find its server as they would find any: by the environment."""
    import fsspec
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    # Its buckets live as long as the process does, whichever server made them.
    urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/reset", b"").close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fsspec.filesystem("s3").mkdir("clinic")
    yield "s3://clinic"
    fsspec.filesystem("s3").clear_instance_cache()
    server.stop()


@pytest.fixture
def start_dask(tmp_path: Path) -> Iterator[StartDask]:
    """Starts a part of Dask in a process group of its own; all are ended with the test."""
    groups: list[subprocess.Popen[bytes]] = []

    def started(part: str, *options: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"{part}-{len(groups)}.log").open("wb") as log:
            command = [sys.executable, "-m", "dask", part, *options, "--no-dashboard"]
            groups.append(subprocess.Popen(command, start_new_session=True, stdout=log, stderr=log))
        return groups[-1]

    yield started
    for group in groups:
        end_group(group)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kills a process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
