"""Footage of something else gets an answer in words, not in numbers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from screener import Screening, screen
from screener.measures import Measurement
from screener.video import Picture, open_video
from tests.clips import encode
from tests.conftest import clip_named

#: Package, its version, and where in it the recordings of real people are. Both packages are BSD-3.
WALKING = ("sports2d", "0.8.34", "Sports2D/Demo/demo.mp4")
BALANCE = ("pose2sim", "0.10.49", "Pose2Sim/Demo_SinglePerson/videos/cam{number:02d}.mp4")


@pytest.fixture(scope="session")
def fetched(request: pytest.FixtureRequest) -> Callable[[str, str], Path]:
    """The unpacked files of a package, fetched once by name, without what it depends on."""
    if os.environ.get("SCREENER_OFFLINE") == "1":
        pytest.skip("SCREENER_OFFLINE=1")
    cache = request.config.cache
    assert cache is not None

    def fetch(package: str, version: str) -> Path:
        folder = cache.mkdir("footage") / f"{package}-{version}"
        if not folder.exists():
            unfinished = folder.with_suffix(".part")
            shutil.rmtree(unfinished, ignore_errors=True)
            uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
            assert uv is not None, "uv is not installed"
            subprocess.run(
                [uv, "pip", "install", "-q", "--no-deps", "--target", str(unfinished), f"{package}=={version}"],
                check=True,
                timeout=300,
            )
            unfinished.rename(folder)
        return folder

    return fetch


def assert_words_alone(screening: Screening, *words: str) -> None:
    """A reason in plain words, and no number anywhere."""
    assert screening.nothing_because is not None
    assert screening.nothing_because.endswith(".")
    assert any(word in screening.nothing_because for word in words), screening.nothing_because
    for trial in screening.trials:
        readings = [*trial.summary.values(), *(each for rep in trial.repetitions for each in rep.measures.values())]
        assert not any(isinstance(reading, Measurement) for reading in readings)
        assert not any(rep.at_depth for rep in trial.repetitions if rep.excluded_because)


@pytest.mark.fetch
def test_somebody_who_jumps_and_walks_past(fetched: Callable[[str, str], Path]) -> None:
    # He faces the camera and jumps, comes down on both feet in less than 0.8 s, turns and walks by.
    package, version, video = WALKING
    screening = screen(fetched(package, version) / video)
    assert_words_alone(screening, "Turn to face the camera", "too fast")
    assert screening.looks[0].flipped.mean() < 0.1


@pytest.mark.fetch
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_somebody_balancing_on_one_leg(number: int, fetched: Callable[[str, str], Path]) -> None:
    # Three cameras see it askew. One sees it from behind, and the model, for which the face is pixelated, swaps left
    # and right in a third of the frames: the knee does bend, but nobody can say whose side it is.
    package, version, video = BALANCE
    screening = screen(fetched(package, version) / video.format(number=number))
    assert_words_alone(screening, "Turn to face the camera", "No single-leg squat", "could not be told")


def test_a_room_with_nobody(tmp_path: Path) -> None:
    with open_video(clip_named("sls_left_steady")) as source:
        # The wall beside the person, and its mirror image where the person was.
        walls = [(frame.time_s, np.hstack([frame.rgb[:, :160], frame.rgb[:, 159::-1]])) for frame in source]
    screening = screen(encode(tmp_path / "room.mp4", walls))
    assert_words_alone(screening, "Nobody could be found")
    assert (screening.view, screening.trials) == (None, ())


def test_a_photograph_as_a_video(tmp_path: Path) -> None:
    with open_video(clip_named("sls_left_steady")) as source:
        photograph = next(frame.rgb for frame in source if frame.time_s > 1.7)
    chance = np.random.default_rng(2)

    def noisy() -> Picture:
        return np.clip(photograph + chance.normal(0, 5, photograph.shape), 0, 255).astype(np.uint8)

    screening = screen(encode(tmp_path / "photograph.mp4", [(index / 30, noisy()) for index in range(150)]))
    assert_words_alone(screening, "No single-leg squat or step-down was seen")
    assert screening.trials == ()
