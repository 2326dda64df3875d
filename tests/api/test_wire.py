"""The self-check's WebSocket where the page goes at an awkward moment."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.websockets import WebSocket

from api.selfcheck.desk import Desk
from api.selfcheck.wire import Wire
from screener.errors import BrokenInstallation


def _picture(folder: Path, time_ms: float) -> bytes:
    Image.fromarray(np.full((48, 64, 3), 90, dtype=np.uint8)).save(path := folder / "nobody.jpg")
    return struct.pack("<d", time_ms) + path.read_bytes()


def _serve(desk: Desk, pictures: list[bytes], heard: Callable[[dict[str, Any]], bool]) -> Wire:
    """A page that begins, sends pictures, and goes once `heard` is true of what it is told."""
    over = asyncio.Event()
    coming: list[dict[str, Any]] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": json.dumps({"do": "begin"})},
        *({"type": "websocket.receive", "bytes": each} for each in pictures),
    ]

    async def receive() -> dict[str, Any]:
        if coming:
            return coming.pop(0)
        await asyncio.wait_for(over.wait(), 60)
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(message: Any) -> None:
        if "text" in message and heard(json.loads(message["text"])):
            over.set()
            raise OSError("the page has gone")

    wire = Wire(WebSocket({"type": "websocket"}, receive, send), desk)
    asyncio.run(wire.serve())
    return wire


@pytest.mark.parametrize("gone_at", ["begun", "seen"])
def test_a_page_that_goes_while_it_is_answered_gives_the_camera_back(tmp_path: Path, gone_at: str) -> None:
    """The answer fails before the page's end is heard of."""
    desk = Desk(tmp_path)
    owned = []

    def heard(said: dict[str, Any]) -> bool:
        if said["is"] == gone_at:
            owned.append(desk.owner)
        return bool(owned)

    wire = _serve(desk, [_picture(tmp_path, 1.0)], heard)
    assert owned == [wire]
    assert desk.owner is None


def test_a_model_that_is_missing_is_said_and_a_picture_that_is_none_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise BrokenInstallation("The model file is missing.", "Install screener again.")

    monkeypatch.setattr("screener.pose.estimator.PoseEstimator._landmarker", missing)
    desk = Desk(tmp_path)
    told: list[dict[str, Any]] = []

    def heard(said: dict[str, Any]) -> bool:
        told.append(said)
        return said["is"] == "problem"

    _serve(desk, [struct.pack("<d", 1.0) + b"no JPEG", _picture(tmp_path, 2.0)], heard)
    assert told == [
        {"is": "begun"},
        {"is": "seen", "n": 0, "skipped": True},
        {"is": "problem", "says": "The model file is missing.", "what_to_do": "Install screener again."},
    ]
    assert desk.owner is None
