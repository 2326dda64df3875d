"""Films for the fake camera, cut out of sample clips whose truth says when the person stands and when they move."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from typing import Any

import numpy as np

from screener.data import data_path
from screener.terms import Side, Task
from screener.video import Picture, open_video

__all__ = ["FPS", "Scene", "nobody", "one_leg", "whole_check"]

FPS = 30

# A foot leaves the floor and comes back to it within so long of the first and the last repetition.
_LIFT_S = 1.7
_SET_DOWN_S = 1.8


@dataclass(frozen=True, slots=True)
class Scene:
    """How long the person stands on both feet before, between and after, what they do and how often."""

    before_s: float = 9.0
    between_s: float = 8.0
    after_s: float = 6.0
    repetitions: int = 5
    task: Task = "single_leg_squat"


def whole_check(scene: Scene | None = None) -> Iterator[Picture]:
    """Standing on both feet, the left leg's set, both feet, the right leg's set, both feet."""
    scene = scene or Scene()
    left, right = _set_of(scene.task, "left"), _set_of(scene.task, "right")
    yield from left.standing(scene.before_s)
    yield from left.moving(scene.repetitions)
    yield from right.standing(scene.between_s)
    yield from right.moving(scene.repetitions)
    yield from right.standing(scene.after_s)


def one_leg(side: Side, scene: Scene | None = None) -> Iterator[Picture]:
    """Standing on both feet, one leg's set, both feet."""
    scene = scene or Scene()
    only = _set_of(scene.task, side)
    yield from only.standing(scene.before_s)
    yield from only.moving(scene.repetitions)
    yield from only.standing(scene.after_s)


def nobody(seconds: float = 4.0, brightness: float = 0.6) -> Iterator[Picture]:
    """An empty room's wall."""
    yield from islice(cycle([np.full((480, 640, 3), int(255 * brightness), dtype=np.uint8)]), int(seconds * FPS))


@dataclass(frozen=True, slots=True)
class _Set:
    """One leg's set in a clip.

    `mirrored`: shown the other way round, in which it is a set of the other leg. `until_s`: where it ends, behind the
    last repetition.
    """

    clip: str
    truth: dict[str, Any]
    mirrored: bool = False
    until_s: float = _SET_DOWN_S

    def standing(self, seconds: float) -> Iterator[Picture]:
        """The quiet stance on both feet, to and fro."""
        quiet = self.truth["quiet_stance"]
        assert quiet["kind"] == "bilateral"
        still = list(self._shown(quiet["start_s"], quiet["end_s"]))
        yield from islice(cycle([*still, *still[-2:0:-1]]), int(seconds * FPS))

    def moving(self, repetitions: int) -> Iterator[Picture]:
        """The repetitions of the clip. More are made by showing the last but one again, from where the person stands
        on one leg before it to where they stand in nearly the same way behind it.
        """
        shown = self.truth["repetitions"]
        assert repetitions >= len(shown)
        one, other = shown[-2:]
        between_s = (one["end_s"] + other["start_s"]) / 2
        after_s = between_s + other["end_s"] - one["end_s"]
        yield from self._shown(shown[0]["start_s"] - _LIFT_S, between_s)
        for _ in range(repetitions - len(shown)):
            yield from self._shown(between_s, after_s)
        yield from self._shown(between_s, other["end_s"] + self.until_s)

    def _shown(self, start_s: float, end_s: float) -> Iterator[Picture]:
        for rgb in _clip(self.clip)[max(0, round(start_s * FPS)) : round(end_s * FPS)]:
            yield np.ascontiguousarray(rgb[:, ::-1]) if self.mirrored else rgb


def _set_of(task: Task, side: Side) -> _Set:
    if task == "single_leg_squat":
        clip = "squats_left_then_right"
        left, right = _truth(clip)["sets"]
        return _Set(clip, left if side == "left" else right)
    # The only clip of step-downs that begins on both feet is of the right leg; in a mirror it is one of the left.
    clip = "forward_step_down_right"
    assert task == "forward_step_down"
    only = _truth(clip)["sets"][0]
    # It ends before the foot is down: the stance on both feet before the other leg's set must be in one room.
    return _Set(clip, only, mirrored=True, until_s=0.4) if side == "left" else _Set(clip, only)


@cache
def _truth(clip: str) -> dict[str, Any]:
    found = json.loads(data_path("sample_videos", f"{clip}.truth.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@cache
def _clip(name: str) -> list[Picture]:
    with open_video(data_path("sample_videos", f"{name}.mp4")) as source:
        return [frame.rgb for frame in source]
