"""What every test may share: the sample clips, screened once a session."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from screener import Screening, screen
from tests.clips import sample_clips


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
