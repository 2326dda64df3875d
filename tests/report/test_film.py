"""The film keeps every picture and its place, slows at each bottom, draws what was read, and can hide a face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from screener import Screening
from screener.pose import Landmark
from screener.pose.landmarks import FOUND_JOINTS
from screener.report.film import Pace, Words, annotate, blur_face_of, drawn_px, write_annotated_film
from screener.report.words import HEADLINE_MEASURES, reading_in_words
from screener.video import Frame, Picture, VideoWriter, open_video
from tests.clips import encode, reencode
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
        height_px, width_px = before.info.height_px, before.info.width_px
        assert after.info.width_px == 2 * width_px
    pace = Pace(screened(CLIP))
    # A WebM counts in milliseconds.
    assert all(abs(pace.film_s(a.time_s) - b.time_s) <= 0.001 for a, b in pairs)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    # The left half is the recording, to the coder's noise; away from the body the right half is too.
    for a, b in pairs:
        corner = np.s_[: height_px // 3, : width_px // 5]
        left, right = b.rgb[:height_px, :width_px], b.rgb[:height_px, width_px:]
        for drawn, seen in ((left, a.rgb), (right[corner], a.rgb[corner])):
            assert np.mean(np.abs(seen.astype(int) - drawn.astype(int))) < 8


def test_the_film_runs_three_times_slower_about_each_bottom_and_never_back(
    screened: Callable[[str], Screening],
) -> None:
    screening = screened(CLIP)
    pace = Pace(screening)
    for rep in screening.trials[0].repetitions:
        for at_s, speed in ((rep.bottom_s, 3.0), (rep.start_s - 0.02, 1.0)):
            ran_s = pace.film_s(at_s + 0.01) - pace.film_s(at_s - 0.01)
            assert ran_s == pytest.approx(speed * 0.02, abs=1e-9)
            assert pace.is_slow(at_s) == (speed > 1)
    times_s = [pace.film_s(at) for at in screening.looks[0].times_s]
    assert times_s == sorted(set(times_s))
    assert times_s[0] == screening.looks[0].times_s[0]


def test_two_bottoms_close_together_are_one_slow_stretch(screened: Callable[[str], Screening]) -> None:
    screening = screened(CLIP)
    (trial,) = screening.trials
    first = trial.repetitions[0]
    near = replace(first, index=2, bottom_s=first.bottom_s + 0.5)
    pace = Pace(replace(screening, trials=(replace(trial, repetitions=(first, near)),)))
    # 0.4 s before the first to 0.4 s after the second.
    assert pace.film_s(100.0) == pytest.approx(100.0 + 2 * 1.3)


def test_the_stance_limb_is_drawn_where_the_joints_are(screened: Callable[[str], Screening]) -> None:
    screening = screened(CLIP)
    bottom_s = screening.trials[0].repetitions[0].bottom_s
    frame = frame_at(screening, bottom_s)
    drawn = annotate(screening, frame.rgb, frame.time_s).rgb[:, frame.rgb.shape[1] :]
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
        band = drawn.rgb[height:]
        ground = band[0, 0]
        # Neither the words on the left run into those on the right nor these out of the picture.
        for half in (band[:, :width], band[:, width:]):
            assert (half[:, -2:] == ground).all()
        assert (band[-3:] == ground).all()
        assert (band != ground).any(axis=2).mean() > 0.02


def test_an_excluded_repetition_says_so_and_a_counted_one_does_not(screened: Callable[[str], Screening]) -> None:
    good, excluded = screened(CLIP), with_an_excluded_repetition(screened(CLIP))
    frame = frame_at(good, good.trials[0].repetitions[1].bottom_s)
    said = [annotate(each, frame.rgb, frame.time_s).caption for each in (good, excluded)]
    assert ["is not counted: bottom not visible" in " ".join(each.split()) for each in said] == [False, True]


def test_every_word_that_is_told_is_in_the_picture(screened: Callable[[str], Screening]) -> None:
    """Each numeral that `Drawn.words` names is found where it says, by its shape."""
    screening = screened(CLIP)
    frame = frame_at(screening, screening.trials[0].repetitions[1].bottom_s + 0.2)
    drawn = annotate(screening, frame.rgb, frame.time_s)
    grey = cv2.cvtColor(drawn.rgb, cv2.COLOR_RGB2GRAY)
    band = [words for words in drawn.words if words.from_top_px >= frame.rgb.shape[0]]
    assert sum("[" in words.said for words in band) == 4
    size = next(size for size in range(8, 60) if _drawn(band[0].said, size, bold=True).shape[1] >= _wide(grey, band[0]))
    for words in band[1:]:
        row = grey[int(words.from_top_px) - 2 : int(words.from_top_px) + 2 * size, words.half * frame.rgb.shape[1] :]
        found = cv2.matchTemplate(row, _drawn(words.said, size, bold=False), cv2.TM_CCOEFF_NORMED)
        assert found.max() > 0.9, words.said
    # Other digits are not found.
    row = grey[int(band[-1].from_top_px) - 2 : int(band[-1].from_top_px) + 2 * size, frame.rgb.shape[1] :]
    other = band[-1].said.translate(str.maketrans("0123456789", "1234567890"))
    assert cv2.matchTemplate(row, _drawn(other, size, bold=False), cv2.TM_CCOEFF_NORMED).max() < 0.9


def _drawn(said: str, size: int, *, bold: bool) -> Picture:
    """The words in light letters on dark, cut to their ink."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    font = ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", name)), size)
    image = Image.new("L", (int(font.getlength(said)) + 8, 2 * size), 24)
    ImageDraw.Draw(image).text((2, 2), said, font=font, fill=245)
    drawn = np.asarray(image, dtype=np.uint8)
    ink = np.argwhere(drawn > 60)
    return np.ascontiguousarray(drawn[ink[:, 0].min() : ink[:, 0].max() + 1, ink[:, 1].min() : ink[:, 1].max() + 1])


def _wide(grey: Picture, words: Words) -> int:
    """How wide a row's ink is in the left half."""
    row = grey[int(words.from_top_px) : int(words.from_top_px) + 12, : grey.shape[1] // 2]
    ink = np.flatnonzero((row > 60).any(axis=0))
    return int(ink.max() - ink.min() + 1)


def test_the_caption_track_holds_each_repetition_s_numbers(
    screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    """A recording of a few pictures, one at each bottom and one after it, tells all of them."""
    screening = screened(CLIP)
    with open_video(clip_named(CLIP)) as source:
        # With the first frame, from which time is counted.
        wanted = [0.0, *(rep.bottom_s + after for rep in screening.trials[0].repetitions for after in (0, 0.1))]
        times_s = screening.looks[0].times_s
        nearest = [float(times_s[np.argmin(np.abs(times_s - at))]) for at in wanted]
        frames = [(f.time_s, f.rgb) for f in source.read_windows([(at - 1e-6, at + 1e-6) for at in nearest])]
    few = encode(tmp_path / "few.mp4", frames)
    for codec, suffix in (("h264", "mp4"), ("vp9", "webm")):
        film, poster = tmp_path / f"film.{suffix}", tmp_path / "poster.jpg"
        write_annotated_film(screening, few, film, codec, poster=poster)  # type: ignore[arg-type]
        with av.open(str(film)) as container:
            packets = [bytes(packet) for packet in container.demux(container.streams.subtitles[0])]
        cues = [(raw[2:] if codec == "h264" else raw).decode() for raw in packets]
        for rep in screening.trials[0].repetitions:
            for measure, name in HEADLINE_MEASURES.items():
                line = f"{name} {reading_in_words(measure, rep.measures[measure])}"
                assert any(f"as read in {rep.index}\n" in cue and line in cue.splitlines() for cue in cues), line
        with Image.open(poster) as picture:
            assert picture.size[0] == 2 * frames[0][1].shape[1]


def test_nobody_gives_a_film_with_the_reason(screened: Callable[[str], Screening]) -> None:
    screening = with_nobody(screened(CLIP))
    picture: Picture = np.zeros((480, 640, 3), dtype=np.uint8)
    drawn = annotate(screening, picture, 0.0)
    assert not drawn.rgb[:480].any()
    assert (drawn.rgb[480:] > 200).any()
    assert "Nobody could be found" in " ".join(drawn.caption.split())


def test_a_face_is_hidden_and_the_rest_is_not(
    short_clip: Path, screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    screening = screened(CLIP)
    films = {blurred: tmp_path / f"{blurred}.mp4" for blurred in (False, True)}
    for blurred, film in films.items():
        write_annotated_film(screening, short_clip, film, blur_face=blurred)
    with open_video(films[False]) as plain, open_video(films[True]) as hidden:
        whole = [(a.rgb, b.rgb) for a, b in zip(plain, hidden, strict=True)]
    width_px = whole[0][0].shape[1] // 2
    # The face is hidden in both halves.
    pairs = [(a[:, half], b[:, half]) for a, b in whole for half in (np.s_[:width_px], np.s_[width_px:])]
    nose = screening.motion.joints.px[10, Landmark.NOSE].round().astype(int)
    face = np.s_[nose[1] - 12 : nose[1] + 12, nose[0] - 12 : nose[0] + 12]
    knee = screening.motion.joints.px[10, Landmark.RIGHT_KNEE].round().astype(int)
    leg = np.s_[knee[1] - 30 : knee[1] + 30, knee[0] - 30 : knee[0] + 30]

    for plain_rgb, hidden_rgb in pairs:
        assert np.abs(plain_rgb.astype(int) - hidden_rgb.astype(int))[face].mean() > 5
    # Before the coder adds its noise, nothing but the face has changed.
    with open_video(short_clip) as source:
        frame = next(iter(source))
    drawn = [annotate(screening, frame.rgb, frame.time_s, blur_face=blurred).rgb for blurred in (False, True)]
    for half in (np.s_[:width_px], np.s_[width_px:]):
        plain_rgb, hidden_rgb = (each[:, half] for each in drawn)
        assert np.array_equal(plain_rgb[leg], hidden_rgb[leg])
        assert not np.array_equal(plain_rgb[face], hidden_rgb[face])


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


def test_hips_and_knees_are_drawn_where_the_closer_look_found_them(screened: Callable[[str], Screening]) -> None:
    screening = screened(CLIP)
    first, close = screening.looks
    drawn = drawn_px(screening)
    rows = np.searchsorted(first.times_s, close.times_s)
    assert np.abs(drawn[rows][:, list(FOUND_JOINTS)] - close.found_px).max() < 0.01
    others = [mark for mark in Landmark if mark not in FOUND_JOINTS]
    assert screening.motion is not None
    joints = screening.motion.joints.px
    assert np.array_equal(drawn[:, others], joints[:, others])
    # From one frame to the next what is drawn moves little more than the first look does: nothing jumps.
    assert np.abs(np.diff(drawn - joints, axis=0)).max() < 4.0
    assert np.array_equal(drawn_px(replace(screening, looks=(first,))), joints)
