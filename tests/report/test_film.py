"""The film keeps every picture, its place and its time; draws what was read; and can hide a face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from screener import Screening
from screener.pose import Landmark
from screener.report.film import annotate, blur_face_of, write_annotated_film
from screener.video import Frame, Picture, VideoWriter, open_video
from tests.clips import reencode
from tests.conftest import clip_named
from tests.report.recordings import CLIP, with_an_excluded_repetition, with_nobody


def frame_at(screening: Screening, at_s: float) -> Frame:
    nearest = float(screening.looks[0].times_s[np.argmin(np.abs(screening.looks[0].times_s - at_s))])
    with open_video(clip_named(CLIP)) as source:
        return next(iter(source.read_windows([(nearest - 1e-6, nearest + 1e-6)])))


@pytest.fixture(scope="module")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip's first second and a half, at uneven times."""
    path = tmp_path_factory.mktemp("film") / "short.mp4"
    return reencode(clip_named(CLIP), path, vfr=True, end_s=1.5)


@pytest.mark.parametrize(("codec", "suffix"), [("h264", ".mp4"), ("vp9", ".webm")])
def test_every_picture_is_there_at_its_own_time_and_place(
    codec: str, suffix: str, short_clip: Path, screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    film = tmp_path / f"annotated{suffix}"
    shares: list[float] = []
    write_annotated_film(
        screened(CLIP),
        short_clip,
        film,
        codec,  # type: ignore[arg-type]
        progress=lambda _, share: shares.append(share),
    )
    with open_video(short_clip) as before, open_video(film) as after:
        pairs = list(zip(before, after, strict=True))
        height_px = before.info.height_px
        assert after.info.width_px == before.info.width_px
    # A WebM counts in milliseconds.
    assert all(abs(a.time_s - b.time_s) <= 0.001 for a, b in pairs)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    # Away from the body a picture stays what it was, to the coder's noise: the view moves nowhere.
    for a, b in pairs:
        corner = np.s_[: height_px // 3, : a.rgb.shape[1] // 5]
        assert np.mean(np.abs(a.rgb[corner].astype(int) - b.rgb[:height_px][corner].astype(int))) < 8


def test_the_stance_limb_is_drawn_where_the_joints_are(screened: Callable[[str], Screening]) -> None:
    screening = screened(CLIP)
    bottom_s = screening.trials[0].repetitions[0].bottom_s
    frame = frame_at(screening, bottom_s)
    drawn = annotate(screening, frame.rgb, frame.time_s)
    at = int(np.argmin(np.abs(screening.motion.joints.times_s - frame.time_s)))
    for name in ("RIGHT_HIP", "RIGHT_KNEE", "RIGHT_ANKLE"):
        x, y = screening.motion.joints.px[at, Landmark[name]].round().astype(int)
        assert drawn[y, x].tolist() == pytest.approx([240, 228, 66], abs=3), name


def test_words_never_leave_the_picture_and_the_band_is_opaque(screened: Callable[[str], Screening]) -> None:
    """The rightmost and lowest pixels of the band stay empty at any size, also in a long exclusion reason."""
    screening = with_an_excluded_repetition(screened(CLIP))
    rep = screening.trials[0].repetitions[1]
    for width, height in ((640, 480), (480, 640), (320, 240), (1280, 720)):
        picture: Picture = np.full((height, width, 3), 127, dtype=np.uint8)
        drawn = annotate(screening, picture, rep.bottom_s, scale=640 / width)
        band = drawn[height:]
        ground = band[0, 0]
        assert (band[:, -2:] == ground).all()
        assert (band[-3:] == ground).all()
        assert (band != ground).any(axis=2).mean() > 0.02


def test_an_excluded_repetition_says_so_and_a_counted_one_does_not(screened: Callable[[str], Screening]) -> None:
    good, excluded = screened(CLIP), with_an_excluded_repetition(screened(CLIP))
    frame = frame_at(good, good.trials[0].repetitions[1].bottom_s)
    bands = [annotate(each, frame.rgb, frame.time_s)[frame.rgb.shape[0] :] for each in (good, excluded)]
    said = [(band != band[0, 0]).any(axis=2) for band in bands]
    # The second row of the band tells what is going on; the reason is the longer text.
    rows = [np.flatnonzero(np.diff(each.any(axis=1).astype(int)) == 1) for each in said]
    second = [each[row[1] : row[2], :] for each, row in zip(said, rows, strict=True)]
    assert np.flatnonzero(second[1].any(axis=0)).max() > np.flatnonzero(second[0].any(axis=0)).max() + 100


def test_nobody_gives_a_film_with_the_reason(screened: Callable[[str], Screening], short_clip: Path) -> None:
    screening = with_nobody(screened(CLIP))
    picture: Picture = np.zeros((480, 640, 3), dtype=np.uint8)
    drawn = annotate(screening, picture, 0.0)
    assert not drawn[:480].any()
    assert (drawn[480:] > 200).any()


def test_a_face_is_hidden_and_the_rest_is_not(
    short_clip: Path, screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    screening = screened(CLIP)
    films = {blurred: tmp_path / f"{blurred}.mp4" for blurred in (False, True)}
    for blurred, film in films.items():
        write_annotated_film(screening, short_clip, film, blur_face=blurred)
    with open_video(films[False]) as plain, open_video(films[True]) as hidden:
        pairs = [(a.rgb, b.rgb) for a, b in zip(plain, hidden, strict=True)]
    nose = screening.motion.joints.px[10, Landmark.NOSE].round().astype(int)
    face = np.s_[nose[1] - 12 : nose[1] + 12, nose[0] - 12 : nose[0] + 12]
    knee = screening.motion.joints.px[10, Landmark.RIGHT_KNEE].round().astype(int)
    leg = np.s_[knee[1] - 30 : knee[1] + 30, knee[0] - 30 : knee[0] + 30]

    for plain_rgb, hidden_rgb in pairs:
        changed = np.abs(plain_rgb.astype(int) - hidden_rgb.astype(int))
        assert changed[face].mean() > 5
        assert changed[leg].mean() < 2


def test_nothing_smaller_than_a_quarter_of_the_disc_survives() -> None:
    """Squares the size of an eye, a sixth of a head, black and white, turn into one grey."""
    squares = np.kron(np.indices((20, 20)).sum(axis=0) % 2, np.ones((8, 8)))
    picture: Picture = np.repeat((255 * squares).astype(np.uint8)[:, :, None], 3, axis=2)
    hidden = blur_face_of(picture, np.array([80.0, 80.0]), 24.0)
    assert picture[64:96, 64:96].std() > 120
    assert hidden[64:96, 64:96].std() < 12
    assert np.array_equal(hidden[:50], picture[:50])


def test_where_no_face_was_found_the_whole_picture_is_hidden(
    short_clip: Path, screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    film = tmp_path / "hidden.mp4"
    write_annotated_film(with_nobody(screened(CLIP)), short_clip, film, blur_face=True)
    with open_video(film) as hidden:
        picture = next(iter(hidden)).rgb[:480].astype(float)
    with open_video(short_clip) as plain:
        before = next(iter(plain)).rgb.astype(float)
    assert np.abs(np.diff(picture, axis=1)).mean() < 0.2 * np.abs(np.diff(before, axis=1)).mean()


def test_a_disc_outside_the_picture_changes_nothing() -> None:
    picture: Picture = np.arange(300, dtype=np.uint8).repeat(3).reshape(10, 30, 3)
    assert np.array_equal(blur_face_of(picture, np.array([-100.0, 5.0]), 20.0), picture)
    assert not np.array_equal(blur_face_of(picture, np.array([0.0, 0.0]), 9.0), picture)


def test_a_mirrored_recording_is_shown_as_it_was_measured(
    short_clip: Path, screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    """Frames come unmirrored, so that drawing them with landmarks of the unmirrored person fits."""
    screening = screened(CLIP)
    mirrored = tmp_path / "mirrored.mp4"
    with open_video(short_clip) as source, VideoWriter(mirrored, 30) as out:
        for frame in source:
            out.write(np.ascontiguousarray(frame.rgb[:, ::-1]), frame.time_s)
    films = []
    for path, source_says in ((short_clip, False), (mirrored, True)):
        told = replace(screening, source={**screening.source, "mirrored": source_says})
        film = tmp_path / f"film_{source_says}.mp4"
        write_annotated_film(told, path, film)
        with open_video(film) as frames:
            films.append([frame.rgb for frame in frames])
    for a, b in pairwise(films):
        assert max(np.abs(x.astype(int) - y.astype(int)).mean() for x, y in zip(a, b, strict=True)) < 4
