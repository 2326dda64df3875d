"""Films for the fake camera, cut out of a sample clip whose truth says when the person stands and when they move."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice

import numpy as np

from screener.data import data_path
from screener.video import Picture, open_video

__all__ = ["FPS", "Scene", "nobody", "whole_check"]

FPS = 30
_CLIP = "squats_left_then_right"

# A foot leaves the floor and comes back to it within so long of the first and the last repetition.
_LIFT_S = 1.7
_SET_DOWN_S = 1.8


@dataclass(frozen=True, slots=True)
class Scene:
    """How long the person stands on both feet before, between and after, and how often each knee bends."""

    before_s: float = 9.0
    between_s: float = 8.0
    after_s: float = 6.0
    repetitions: int = 5


def whole_check(scene: Scene | None = None) -> Iterator[Picture]:
    """Standing on both feet, the left leg's set, both feet, the right leg's set, both feet.

    The clip has two repetitions of each leg. More are made by showing them again from between two of them to
    between the next two, where the person stands on one leg in nearly the same way.
    """
    scene = scene or Scene()
    first, second = _truth()["sets"]
    yield from _standing(first["quiet_stance"], scene.before_s)
    yield from _set(first, scene.repetitions)
    yield from _standing(second["quiet_stance"], scene.between_s)
    yield from _set(second, scene.repetitions)
    yield from _standing(second["quiet_stance"], scene.after_s)


def nobody(seconds: float = 4.0, brightness: float = 0.6) -> Iterator[Picture]:
    """An empty room's wall."""
    yield from islice(cycle([np.full((480, 640, 3), int(255 * brightness), dtype=np.uint8)]), int(seconds * FPS))


def _set(of: dict, repetitions: int) -> Iterator[Picture]:  # type: ignore[type-arg]
    one, other = of["repetitions"]
    start_s, end_s = one["start_s"] - _LIFT_S, other["end_s"] + _SET_DOWN_S
    between_s = (one["end_s"] + other["start_s"]) / 2
    after_s = between_s + other["end_s"] - one["end_s"]
    yield from _clip()[_at(start_s) : _at(between_s)]
    for _ in range(repetitions - 2):
        yield from _clip()[_at(between_s) : _at(after_s)]
    yield from _clip()[_at(between_s) : _at(min(end_s, len(_clip()) / FPS))]


def _standing(quiet: dict, seconds: float) -> Iterator[Picture]:  # type: ignore[type-arg]
    still = _clip()[_at(quiet["start_s"]) : _at(quiet["end_s"])]
    yield from islice(cycle([*still, *still[-2:0:-1]]), int(seconds * FPS))


def _at(time_s: float) -> int:
    return max(0, round(time_s * FPS))


@cache
def _truth() -> dict:  # type: ignore[type-arg]
    found = json.loads(data_path("sample_videos", f"{_CLIP}.truth.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@cache
def _clip() -> list[Picture]:
    with open_video(data_path("sample_videos", f"{_CLIP}.mp4")) as source:
        return [frame.rgb for frame in source]
