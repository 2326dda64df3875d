"""Files for movement laboratories: landmarks as `.trc` and `.c3d`, angles as `.mot`. All are 2D, seen by one camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screener.errors import WrongUse
from screener.files import write_atomically
from screener.measures import MeasureName
from screener.pose.landmarks import LANDMARKS
from screener.report.curves import signal_of
from screener.screening import Screening

__all__ = ["MOT_COLUMNS", "write_c3d", "write_mot", "write_trc"]

_Values = NDArray[np.float64]

# Hip to ankle as part of the stature: Winter's thigh (0.245) and shank (0.246).
_LEG_OF_STATURE = 0.491

_2D = "2D, seen by one camera, estimated"

#: The columns of a `.mot` beside `time`; each is the course of the signal of that name, seen in the picture.
MOT_COLUMNS: tuple[MeasureName, ...] = ("fppa_deg", "trunk_lean_deg", "knee_flexion_deg")


def write_trc(screening: Screening, path: Path) -> None:
    """Write the smoothed landmarks as marker positions for OpenSim, at an even rate, in metres.

    x forward, y up, z to the person's right. One camera gives no depth: x is 0 throughout. A missing position is
    left blank. Where the metres and the origin come from stands at `_in_metres`.

    Raises:
        WrongUse: the person's height is not known, and without it a picture has no metres.
    """
    rate, times_s, up, right = _in_metres(screening)
    count = len(LANDMARKS)
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate!r}\t{rate!r}\t{len(times_s)}\t{count}\tm\t{rate!r}\t1\t{len(times_s)}",
        "Frame#\tTime\t" + "\t\t\t".join(LANDMARKS) + "\t\t",
        "\t\t" + "\t".join(f"X{i}\tY{i}\tZ{i}" for i in range(1, count + 1)),
        "",
    ]
    for frame, time_s in enumerate(times_s):
        cells = [
            cell
            for mark in range(count)
            for cell in (
                ("0.0", repr(float(up[frame, mark])), repr(float(right[frame, mark])))
                if np.isfinite(up[frame, mark])
                else ("", "", "")
            )
        ]
        lines.append("\t".join((str(frame + 1), repr(float(time_s)), *cells)))
    _write(path, lines)


def write_c3d(screening: Screening, path: Path) -> None:
    """Write the smoothed landmarks as the points of a C3D, at an even rate, in metres. Needs the extra `c3d`.

    The axes are those that laboratories use: x forward and always 0, y to the person's left, z up. A missing
    position is NaN with a residual of −1, which is how C3D says that a point was not seen.

    Raises:
        WrongUse: the height is not known, as for `write_trc`; or the extra is not installed.
    """
    try:
        import ezc3d
    except ImportError as error:
        raise WrongUse("C3D needs a package that is not installed.", "Install screener[c3d].") from error
    rate, times_s, up, right = _in_metres(screening)
    made = ezc3d.c3d()
    point = made["parameters"]["POINT"]
    point["RATE"]["value"] = [rate]
    point["UNITS"]["value"] = ("m",)
    point["LABELS"]["value"] = LANDMARKS
    made.add_parameter("POINT", "DESCRIPTIONS", [_2D] * len(LANDMARKS))
    made.add_parameter("SCREENER", "NOTE", [_2D])
    points = np.ones((4, len(LANDMARKS), len(times_s)))
    seen = np.isfinite(up).T
    points[:3] = np.where(seen, np.stack([np.zeros_like(seen, np.float64), -right.T, up.T]), np.nan)
    made["data"]["points"] = points
    made["data"]["meta_points"]["residuals"] = np.where(seen, 0.0, -1.0)[None]
    with write_atomically(path) as temporary:
        made.write(str(temporary))


def _in_metres(screening: Screening) -> tuple[float, _Values, _Values, _Values]:
    """The even rate and times, and `(frame, landmark)` up and to the person's right, in metres.

    The origin is the lower ankle in the first frame that shows both. Metres come from the person's height, of
    which the leg is 0.491.
    """
    joints = screening.motion.joints
    height_m = screening.subject.height_m
    if height_m is None:
        raise WrongUse("Markers in metres need the person's height.", "Screen again with --height-m.")
    leg_px = float(np.nanmedian(joints.leg_px)) if np.isfinite(joints.leg_px).any() else 1.0
    scale = _LEG_OF_STATURE * height_m / leg_px
    behind = screening.view is not None and screening.view.facing == "posterior"
    ankles = np.stack([joints.of("left", "ankle"), joints.of("right", "ankle")], axis=1)
    seen = np.flatnonzero(np.isfinite(ankles).all(axis=(1, 2)))
    origin = max(ankles[seen[0]], key=lambda ankle: float(ankle[1])) if len(seen) else np.zeros(2)
    rate, times_s = _even_times(joints.times_s)
    # Seen from the front the person's right is at the picture's left.
    right = (joints.px[..., 0] - origin[0]) * scale * (1 if behind else -1)
    up = (origin[1] - joints.px[..., 1]) * scale
    return rate, times_s, _resampled(joints.times_s, up, times_s), _resampled(joints.times_s, right, times_s)


def write_mot(screening: Screening, trial: int, path: Path) -> None:
    """Write the angles of one trial as an OpenSim motion at an even rate, in degrees; a missing value is `nan`.

    Args:
        trial: its place in `screening.trials`, from 0.
    """
    moved = screening.motion.trials[trial]
    _, times_s = _even_times(moved.signals.times_s)
    courses = [
        _resampled(moved.signals.times_s, signal_of(moved, measure)[:, None], times_s)[:, 0] for measure in MOT_COLUMNS
    ]
    side = screening.trials[trial].stance_side
    lines = [
        f"{path.stem}: {_2D}; stance side {side}",
        "version=1",
        f"nRows={len(times_s)}",
        f"nColumns={1 + len(MOT_COLUMNS)}",
        "inDegrees=yes",
        "endheader",
        "\t".join(("time", *MOT_COLUMNS)),
    ]
    lines += ["\t".join(repr(float(cell)) for cell in row) for row in zip(times_s, *courses, strict=True)]
    _write(path, lines)


def _even_times(times_s: _Values) -> tuple[float, _Values]:
    """The mean rate and that many even times from the first frame to the last."""
    if len(times_s) < 2:
        return 1.0, times_s
    rate = (len(times_s) - 1) / float(times_s[-1] - times_s[0])
    return rate, np.linspace(times_s[0], times_s[-1], len(times_s))


def _resampled(times_s: _Values, values: _Values, at_s: _Values) -> _Values:
    """`(frame, column)` at other times, linear between neighbours; NaN where a neighbour is missing."""
    if len(times_s) < 2:
        return values
    right = np.clip(np.searchsorted(times_s, at_s), 1, len(times_s) - 1)
    left = right - 1
    share = ((at_s - times_s[left]) / (times_s[right] - times_s[left]))[:, None]
    # An even time that hits a frame needs only that frame.
    low, high = values[left], values[right]
    mixed = low + share * (high - low)
    return np.asarray(np.where(share <= 0, low, np.where(share >= 1, high, mixed)), dtype=np.float64)


def _write(path: Path, lines: list[str]) -> None:
    with write_atomically(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
