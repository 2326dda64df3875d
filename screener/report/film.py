"""The annotated film: the recording beside itself with skeleton, angles and repetition counter, slow where it reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from screener.files import write_atomically
from screener.measures import MeasuredRepetition, MeasuredTrial, Measurement, MeasureName, Reading
from screener.measures.error_model import raw_estimate
from screener.motion import Trial
from screener.pose import Landmark
from screener.pose.landmarks import FOUND_JOINTS, SKELETON
from screener.report.curves import signal_of
from screener.report.words import HEADLINE_MEASURES, number, reading_in_words, title
from screener.screening import Screening
from screener.terms import Side, other_side
from screener.video import Codec, Picture, VideoWriter, open_video

if TYPE_CHECKING:
    from screener.pipeline import Progress

__all__ = [
    "Drawn",
    "Pace",
    "Words",
    "annotate",
    "annotate_still",
    "blur_face_of",
    "drawn_px",
    "typical_repetition",
    "write_annotated_film",
]

_Points = NDArray[np.float64]
_Colour: TypeAlias = tuple[int, int, int]

# Okabe and Ito's colours, told apart by any colour vision; widths and dashes tell the lines apart as well.
_STANCE: _Colour = (240, 228, 66)
_HIPS: _Colour = (86, 180, 233)
_REST: _Colour = (235, 235, 235)
_EDGE: _Colour = (15, 15, 15)
_BAND: _Colour = (22, 24, 28)
_TEXT: _Colour = (245, 245, 245)
_FAINT: _Colour = (185, 190, 196)

# Two of these stand side by side in the film: together they fill a screen of Full HD.
_LARGEST_SIDE_PX = 960

# Sub-pixel drawing: cv2 takes integers in this many binary fractions.
_SHIFT = 4

# From where a repetition is read to its bottom the film runs this many times slower, and so long before and after.
_SLOWER = 3.0
_SLOW_S = 0.4


@dataclass(frozen=True, slots=True)
class Words:
    """Words as they were drawn: in which half and how far from the top; whether they change with every picture."""

    said: str
    half: int
    from_top_px: float
    live: bool


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A picture of the film, and every word in it."""

    rgb: Picture
    words: tuple[Words, ...]

    @property
    def caption(self) -> str:
        """What is said and lasts, a line a row of the picture."""
        rows: dict[tuple[int, float], list[str]] = {}
        for words in self.words:
            if not words.live:
                rows.setdefault((words.half, words.from_top_px), []).append(words.said)
        return "\n".join(" ".join(rows[at]) for at in sorted(rows))


class Pace:
    """Which time of the film shows which time of the recording: slower where a counted repetition is read, down to its
    bottom."""

    def __init__(self, screening: Screening) -> None:
        counted = [rep for trial in screening.trials for rep in trial.repetitions if rep.counted]
        edges: list[float] = []
        for rep in sorted(counted, key=lambda rep: rep.bottom_s):
            start_s, end_s = rep.shown_s - _SLOW_S, rep.bottom_s + _SLOW_S
            if edges and start_s <= edges[-1]:
                edges[-1] = end_s
            else:
                edges += [max(0.0, start_s), end_s]
        self._edges = edges

    def is_slow(self, time_s: float) -> bool:
        """Whether the film runs slower at this time of the recording."""
        return int(np.searchsorted(self._edges, time_s, side="right")) % 2 == 1

    def film_s(self, time_s: float) -> float:
        """The time in the film that shows this time of the recording."""
        within = [min(max(time_s - start_s, 0.0), end_s - start_s) for start_s, end_s in self._slow]
        return time_s + (_SLOWER - 1.0) * sum(within)

    @property
    def _slow(self) -> list[tuple[float, float]]:
        return list(zip(self._edges[::2], self._edges[1::2], strict=True))


def write_annotated_film(
    screening: Screening,
    video_path: str | Path,
    path: Path,
    codec: Codec = "h264",
    blur_face: bool = False,
    progress: Progress | None = None,
    *,
    poster: Path | None = None,
) -> None:
    """Write the recording beside itself with what was found drawn in; each picture once, slower where it is read.

    Nothing is cropped or moved: below the whole picture a band of fixed height holds the words. A mirrored
    recording comes unmirrored, as it was measured. What is said and lasts is in the file's caption track too.

    Args:
        screening: of this recording.
        video_path: the recording; it is read again.
        path: the film; its suffix must fit `codec`.
        codec: `h264` (mp4) or `vp9` (webm).
        blur_face: make the measured person's face unreadable, in both halves. Other people are not touched.
        progress: called now and then.
        poster: where to write the picture of a typical repetition where it is read, as JPEG; of the first frame where
            there is none.

    Raises:
        UnreadableVideo: the recording cannot be read.
    """
    mirrored = bool(screening.source.get("mirrored", False))
    pace = Pace(screening)
    wanted_s = next((rep.shown_s for trial in screening.trials if (rep := typical_repetition(trial))), 0.0)
    shown: Drawn | None = None
    missed_s = np.inf
    with open_video(video_path, mirrored=mirrored, max_side_px=_LARGEST_SIDE_PX) as source:
        duration_s = source.info.duration_s or 0.0
        with VideoWriter(path, source.info.fps_mean or 30.0, codec, captions=True) as film:
            artist: _Artist | None = None
            caption, since_s, at_s = "", 0.0, 0.0
            for frame in source:
                if artist is None:
                    artist = _Artist(screening, frame.rgb.shape[1], frame.rgb.shape[0], frame.scale)
                drawn = artist.draw(frame.rgb, frame.time_s, blur_face)
                at_s = pace.film_s(frame.time_s)
                film.write(drawn.rgb, at_s)
                if drawn.caption != caption:
                    if caption:
                        film.caption(caption, since_s, at_s)
                    caption, since_s = drawn.caption, at_s
                if abs(frame.time_s - wanted_s) < missed_s:
                    shown, missed_s = drawn, abs(frame.time_s - wanted_s)
                if progress is not None and duration_s:
                    progress("drawing", min(1.0, frame.time_s / duration_s))
            if caption:
                film.caption(caption, since_s, at_s + 1.0 / (source.info.fps_mean or 30.0))
    if poster is not None and shown is not None:
        with write_atomically(poster) as temporary:
            Image.fromarray(shown.rgb).save(temporary, "JPEG", quality=85)


def typical_repetition(trial: MeasuredTrial) -> MeasuredRepetition | None:
    """The repetition whose knee alignment is nearest to the trial's; None where none was read."""
    middle = trial.summary["fppa_deg"]
    return min(
        (rep for rep in trial.repetitions if isinstance(rep.measures["fppa_deg"], Measurement)),
        key=lambda rep: abs(_value(rep.measures["fppa_deg"]) - _value(middle)),
        default=None,
    )


def _value(reading: Reading) -> float:
    return reading.value if isinstance(reading, Measurement) else 0.0


def annotate(
    screening: Screening, rgb: Picture, time_s: float, *, scale: float = 1.0, blur_face: bool = False
) -> Drawn:
    """One picture of the recording as the film shows it. `scale` is that of its `Frame`."""
    return _Artist(screening, rgb.shape[1], rgb.shape[0], scale).draw(rgb, time_s, blur_face)


def annotate_still(
    screening: Screening, rgb: Picture, time_s: float, *, scale: float = 1.0, blur_face: bool = False
) -> Picture:
    """As `annotate`, the drawn half alone, without the band: what stands there belongs under a still as text."""
    drawn = annotate(screening, rgb, time_s, scale=scale, blur_face=blur_face)
    return np.ascontiguousarray(drawn.rgb[: rgb.shape[0], rgb.shape[1] :])


def blur_face_of(rgb: Picture, centre_px: _Points, radius_px: float) -> Picture:
    """A copy in which a disc is coarsened to blocks and smoothed, so that no face can be made out.

    Args:
        rgb: `(height, width, rgb)`.
        centre_px: `(xy,)`, may lie outside.
        radius_px: of the disc.
    """
    height, width = rgb.shape[:2]
    low = np.clip(np.floor(centre_px - radius_px), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(centre_px + radius_px) + 1, 0, (width, height)).astype(int)
    if np.any(high <= low):
        return rgb
    out = rgb.copy()
    part = out[low[1] : high[1], low[0] : high[0]]
    # Four blocks across a head leave neither eyes nor mouth.
    coarse = cv2.resize(part, (4, 4), interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(coarse, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR)
    across, down = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    inside = np.hypot(across - centre_px[0], down - centre_px[1]) <= radius_px
    part[inside] = np.asarray(smooth, np.uint8)[inside]
    return out


@cache
def _font(size_px: int, bold: bool) -> ImageFont.FreeTypeFont:
    # Matplotlib carries DejaVu Sans, which has the degree sign and every letter used here.
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", name)), size_px)


@dataclass(frozen=True, slots=True)
class _Moment:
    """What the recording shows at one time."""

    trial: int | None
    repetition: MeasuredRepetition | None
    last_read: MeasuredRepetition | None


@dataclass(frozen=True, slots=True, eq=False)
class _Label:
    """Words beside a joint; `towards` −1 lets them end at `at_px`, +1 begin there."""

    said: str
    at_px: _Points
    towards: int
    live: bool


class _Pen:
    """Writes into a picture and keeps what it wrote."""

    def __init__(self, into: ImageDraw.ImageDraw, half_px: int) -> None:
        self._into, self._half_px = into, half_px
        self.words: list[Words] = []

    def write(self, x: float, y: float, said: str, live: bool, font: ImageFont.FreeTypeFont, fill: _Colour) -> None:
        """Words from their upper left corner."""
        self._into.text((round(x), round(y)), said, font=font, fill=fill)
        self.words.append(Words(said, int(x >= self._half_px), y, live))

    def outline(self, x: float, y: float, said: str, live: bool, font: ImageFont.FreeTypeFont) -> None:
        """Outlined words from the middle of their left edge."""
        self._into.text((x, y), said, font=font, fill=_TEXT, anchor="lm", stroke_width=2, stroke_fill=_EDGE)
        self.words.append(Words(said, int(x >= self._half_px), y, live))


def drawn_px(screening: Screening) -> _Points:
    """Every frame's landmarks, `(frame, 33, xy)`, with hips and knees where the closer look found them.

    It found them in a few frames, those that numbers are read from; between these the way from the first look's joints
    to the found ones changes evenly.
    """
    joints = screening.motion.joints
    px = joints.px.copy()
    for look in screening.looks[1:]:
        rows = np.searchsorted(joints.times_s, look.times_s).clip(0, len(px) - 1)
        moved = look.found_px - px[rows][:, list(FOUND_JOINTS)]
        seen = np.isfinite(moved).all(axis=(1, 2))
        if seen.any():
            for joint, landmark in enumerate(FOUND_JOINTS):
                for axis in range(2):
                    px[:, landmark, axis] += np.interp(joints.times_s, look.times_s[seen], moved[seen, joint, axis])
    return np.asarray(px)


class _Artist:
    """Draws one screening into pictures of one size; keeps what does not change from picture to picture."""

    def __init__(self, screening: Screening, width_px: int, height_px: int, scale: float) -> None:
        self._screening = screening
        self._width, self._height = width_px, height_px
        self._px = drawn_px(screening) / scale
        self._leg_px = screening.motion.joints.leg_px / scale
        self._times_s = screening.motion.joints.times_s
        self._step_s = float(np.median(np.diff(self._times_s))) if len(self._times_s) > 1 else 1.0
        self._trials: list[tuple[Trial, MeasuredTrial]] = list(
            zip(screening.motion.trials, screening.trials, strict=True)
        )
        self._courses = [
            {measure: signal_of(moved, measure) for measure in HEADLINE_MEASURES} for moved, _ in self._trials
        ]
        self._line = max(2, round(min(width_px, height_px) / 160))
        self._size = self._fitted_size()
        self._pad = round(0.6 * self._size)
        self._step = round(1.42 * self._size)
        self._pace = Pace(screening)
        self.band_px = 2 * self._pad + (_ROWS + _ROWS_FOR_CONTROLS) * self._step

    def draw(self, rgb: Picture, time_s: float, blur_face: bool) -> Drawn:
        """The picture as recorded, beside it as measured, and the band: `(height + band, 2 * width, rgb)`."""
        at = self._frame_at(time_s)
        picture = self._without_face(rgb, time_s) if blur_face else rgb
        canvas = np.empty((self._height + self.band_px, 2 * self._width, 3), dtype=np.uint8)
        canvas[: self._height, : self._width] = picture
        measured = np.ascontiguousarray(picture)
        measured = measured.copy() if measured is rgb else measured
        canvas[self._height :] = _BAND
        moment = self._moment(time_s)
        labels = self._draw_body(measured, at, moment) if at is not None else []
        canvas[: self._height, self._width :] = measured
        image = Image.fromarray(canvas)
        pen = _Pen(ImageDraw.Draw(image), self._width)
        for label in labels:
            self._write_label(pen, label)
        self._write_band(pen, time_s, at, moment)
        return Drawn(np.asarray(image, dtype=np.uint8), tuple(pen.words))

    # What is going on ------------------------------------------------------------------------------------------------

    def _frame_at(self, time_s: float) -> int | None:
        """The frame of the landmarks taken at this time; None where the person was not found."""
        if not len(self._times_s):
            return None
        at = int(np.argmin(np.abs(self._times_s - time_s)))
        near = abs(self._times_s[at] - time_s) <= 0.75 * self._step_s
        return at if near and np.isfinite(self._px[at, Landmark.LEFT_HIP, 0]) else None

    def _moment(self, time_s: float) -> _Moment:
        for index, (_, measured) in enumerate(self._trials):
            if time_s <= measured.repetitions[-1].end_s + _LINGER_S or index == len(self._trials) - 1:
                now = next((rep for rep in measured.repetitions if rep.start_s <= time_s <= rep.end_s), None)
                read = [rep for rep in measured.repetitions if rep.counted and rep.shown_s <= time_s]
                return _Moment(index, now, read[-1] if read else None)
        return _Moment(None, None, None)

    def _stance(self, moment: _Moment) -> Side | None:
        """The stance side, where the view and the feet tell it."""
        view = self._screening.view
        if moment.trial is None or view is None or not view.frontal:
            return None
        side = self._trials[moment.trial][1].stance_side
        return side if side != "unknown" else None

    # The picture -----------------------------------------------------------------------------------------------------

    def _without_face(self, rgb: Picture, time_s: float) -> Picture:
        """The picture with the face made unreadable; wholly so where no face was found near this time."""
        faces = self._px[:, : Landmark.MOUTH_RIGHT + 1]
        seen = np.flatnonzero(np.isfinite(faces).all(axis=(1, 2)))
        gaps = np.abs(self._times_s[seen] - time_s)
        if not len(seen) or gaps.min() > _FACE_WITHIN_S:
            return blur_face_of(rgb, np.array([self._width / 2, self._height / 2]), self._width + self._height)
        at = seen[int(np.argmin(gaps))]
        face = faces[at]
        spread = float(np.linalg.norm(face[:, None] - face[None], axis=2).max())
        # The landmarks span eyes, ears and mouth; hair and chin reach further. A profile shows them close
        # together, so the leg's length sets the least size: a head is about a quarter of it.
        radius = max(1.1 * spread, 0.17 * float(self._leg_px[at]))
        # Between two sightings the head may have moved on.
        radius *= 1.0 + gaps.min() / _FACE_WITHIN_S
        return blur_face_of(rgb, face.mean(axis=0), radius)

    def _draw_body(self, canvas: Picture, at: int, moment: _Moment) -> list[_Label]:
        points = self._px[at]
        stance = self._stance(moment)
        for start, end in SKELETON:
            self._stroke(canvas, points[start], points[end], _REST, self._line)
        if stance is None:
            return []
        free = other_side(stance)
        hip, knee, ankle, free_hip = (
            points[Landmark[name.upper()]]
            for name in (f"{stance}_hip", f"{stance}_knee", f"{stance}_ankle", f"{free}_hip")
        )
        across = free_hip - hip
        # The level through the stance hip: what the hip line is held against.
        reach = 1.6 * abs(float(across[0])) * (1.0 if across[0] >= 0 else -1.0)
        level = np.array([reach, 0.0])
        self._dashed(canvas, hip - 0.3 * level, hip + level)
        self._dashed(canvas, hip, ankle)
        self._stroke(canvas, hip - 0.3 * across, free_hip + 0.3 * across, _HIPS, self._line + 1)
        for start, end in ((hip, knee), (knee, ankle)):
            self._stroke(canvas, start, end, _STANCE, self._line + 2)
        for joint in (hip, knee, ankle):
            self._dot(canvas, joint, self._line + 3, _STANCE)
        self._dot(canvas, free_hip, self._line + 3, _HIPS)

        # Knee to the outer side, hips to the free side: away from the trunk and the legs.
        outer = -1 if across[0] >= 0 else 1
        gap = np.array([1.2 * outer * self._size, 0.0])
        labels: list[_Label] = []
        time_s = float(self._times_s[at])
        knee_read = self._read(moment, "fppa_deg", time_s)
        knee_said = knee_read or self._now(moment, "fppa_deg", at)
        if knee_said is not None and np.isfinite(knee).all():
            labels.append(_Label(f"knee {knee_said}", knee + gap, outer, live=knee_read is None))
        drop_said = self._read(moment, "pelvic_drop_deg", time_s)
        if drop_said is not None and np.isfinite(across).all():
            labels.append(_Label(f"drop {drop_said}", free_hip + 0.3 * across - gap, -outer, live=False))
        return labels

    def _stroke(self, canvas: Picture, start: _Points, end: _Points, colour: _Colour, width: int) -> None:
        if np.isfinite(start).all() and np.isfinite(end).all():
            a, b = _fixed(start), _fixed(end)
            cv2.line(canvas, a, b, _EDGE, width + 2, cv2.LINE_AA, _SHIFT)
            cv2.line(canvas, a, b, colour, width, cv2.LINE_AA, _SHIFT)

    def _dashed(self, canvas: Picture, start: _Points, end: _Points) -> None:
        if not (np.isfinite(start).all() and np.isfinite(end).all()):
            return
        length = float(np.linalg.norm(end - start))
        dashes = max(1, round(length / (4 * self._line)))
        for dash in range(dashes):
            a = start + (end - start) * (dash / dashes)
            b = start + (end - start) * ((dash + 0.5) / dashes)
            self._stroke(canvas, a, b, _TEXT, max(1, self._line - 1))

    def _dot(self, canvas: Picture, at: _Points, radius: int, colour: _Colour) -> None:
        if np.isfinite(at).all():
            centre = _fixed(at)
            cv2.circle(canvas, centre, (radius + 1) << _SHIFT, _EDGE, -1, cv2.LINE_AA, _SHIFT)
            cv2.circle(canvas, centre, radius << _SHIFT, colour, -1, cv2.LINE_AA, _SHIFT)

    def _write_label(self, pen: _Pen, label: _Label) -> None:
        """Outlined words, kept inside the half that is drawn into."""
        font = _font(self._size, True)
        wide = font.getlength(label.said) + 4
        left = label.at_px[0] - (wide if label.towards < 0 else 0)
        x = min(max(left, 2), self._width - wide)
        y = min(max(label.at_px[1], 0.8 * self._size), self._height - 0.8 * self._size)
        pen.outline(self._width + x, y, label.said, label.live, font)

    # The band --------------------------------------------------------------------------------------------------------

    def _fitted_size(self) -> int:
        """The letter size at which the widest row fits, at most a thirtieth of the width."""
        for size in range(max(10, self._width // 30), 9, -1):
            widest = _font(size, False).getlength(_WIDEST) + 1.2 * size
            if widest <= self._width:
                return size
        return 9

    def _write_band(self, pen: _Pen, time_s: float, at: int | None, moment: _Moment) -> None:
        """Under the recording what is going on, under the drawn half the numbers."""
        plain, bold = _font(self._size, False), _font(self._size, True)
        left, top = self._pad, self._height + self._pad

        def put(
            x: float,
            row: int,
            said: str,
            *,
            live: bool = False,
            font: ImageFont.FreeTypeFont = plain,
            fill: _Colour = _TEXT,
        ) -> None:
            pen.write(x, top + row * self._step, said, live, font, fill)

        if moment.trial is None:
            put(left, 0, "Movement check", font=bold)
            why = self._screening.nothing_because or "Nothing could be measured."
            for row, said in enumerate(self._wrapped(why, _ROWS - 1, 2 * self._width), start=1):
                put(left, row, said)
            return
        _, measured = self._trials[moment.trial]
        put(left, 0, title(measured), font=bold)
        phase = self._phase(measured, moment, time_s)
        for row, said in enumerate(self._wrapped(phase, _PHASE_ROWS, self._width), start=1):
            put(left, row, said)
        slow = " · slow motion" if self._pace.is_slow(time_s) else ""
        put(left, 1 + _PHASE_ROWS, f"{number(time_s)} s{slow}", live=True, fill=_FAINT)
        if self._stance(moment) is None:
            return
        put(left, 2 + _PHASE_ROWS, "± and brackets: 95 % interval. A movement check.", fill=_FAINT)
        names_x = self._width + self._pad
        now_x, read_x = names_x + plain.getlength(_NAMES_WIDE), names_x + plain.getlength(_NAMES_WIDE + _NOW_WIDE)
        put(now_x, 0, "now", live=True, fill=_FAINT)
        read = moment.last_read
        put(read_x, 0, f"as read in {read.index}" if read else "as read", live=read is None, fill=_FAINT)
        for row, (measure, name) in enumerate(HEADLINE_MEASURES.items(), start=1):
            put(names_x, row, name, live=read is None)
            put(now_x, row, self._now(moment, measure, at) or "–", live=True)
            if read is not None:
                put(read_x, row, reading_in_words(measure, read.measures[measure]))

    def _now(self, moment: _Moment, measure: MeasureName, at: int | None) -> str | None:
        """A live value with the interval of a raw reading; None where there is none.

        There is no live pelvic drop: the hip line alone follows about a third of a drop (docs/accuracy.md), and
        a small number that moves would be believed.
        """
        view = self._screening.view
        if moment.trial is None or at is None or view is None or measure == "pelvic_drop_deg":
            return None
        value = float(self._courses[moment.trial][measure][at])
        if not np.isfinite(value):
            return None
        return f"{_whole(value)} ± {raw_estimate(measure, value, view.yaw_deg).half_width:.0f}°"

    def _read(self, moment: _Moment, measure: MeasureName, time_s: float) -> str | None:
        """What was read in this repetition, while the instant that was read is in the picture."""
        rep = moment.repetition
        if rep is None or abs(rep.shown_s - time_s) > _READING_SHOWN_S:
            return None
        reading = rep.measures[measure]
        return f"{number(reading.value)}°" if isinstance(reading, Measurement) else None

    def _phase(self, measured: MeasuredTrial, moment: _Moment, time_s: float) -> str:
        view = self._screening.view
        if view is not None and not view.frontal:
            return view.warnings[0]
        reps = measured.repetitions
        now = moment.repetition
        if now is not None and not now.counted:
            return f"Repetition {now.index} of {len(reps)} is not counted: {now.excluded_because}"
        done = sum(rep.counted and rep.end_s < time_s for rep in reps)
        counted = f"{done} counted" if done else "none counted yet"
        if now is not None:
            return f"Repetition {now.index} of {len(reps)} · {counted}"
        quiet = measured.quiet_stance
        if quiet is not None and quiet.start_s <= time_s <= quiet.end_s:
            feet = "both feet" if quiet.kind == "bilateral" else "one leg"
            return f"Standing still on {feet}: changes are counted from here"
        return f"{counted.capitalize()} of {len(reps)}"

    def _wrapped(self, said: str, most_rows: int, width_px: int) -> list[str]:
        """The words in rows that fit; what is too long for the band ends in an ellipsis."""
        font, width = _font(self._size, False), width_px - 2 * self._pad
        rows = [""]
        for word in said.split():
            longer = f"{rows[-1]} {word}".strip()
            if font.getlength(longer) <= width or not rows[-1]:
                rows[-1] = longer
            else:
                rows.append(word)
        if len(rows) > most_rows:
            rows = [*rows[: most_rows - 1], rows[most_rows - 1] + " …"]
        return rows


# The band: on the left a title, rows for what is going on, the time, and what the figures are; on the right a table
# with a head, which is one row shorter. Below them nothing: there a player lays its controls over a film that is held.
_PHASE_ROWS = 3
_ROWS = 1 + _PHASE_ROWS + 2
_ROWS_FOR_CONTROLS = 3

_NAMES_WIDE = "Knee inward (FPPA)  "
_NOW_WIDE = "−88 ± 88°   "
_WIDEST = f"{_NAMES_WIDE}{_NOW_WIDE}−88.8° [−88.8 to −88.8]"

# How long a trial's numbers stay up after its last repetition, seconds.
_LINGER_S = 2.0

# How long before and after the instant that was read its readings stand beside the joints, seconds.
_READING_SHOWN_S = 0.3

# A face is taken to be where it was seen within this time; a head moves little in it.
_FACE_WITHIN_S = 0.5


def _fixed(point: _Points) -> tuple[int, int]:
    # Far outside the picture cv2's integers would overflow.
    x, y = (np.clip(point, -10_000, 10_000) * (1 << _SHIFT)).round().astype(int).tolist()
    return x, y


def _whole(value: float) -> str:
    return f"{round(value) + 0:d}".replace("-", "−")
