"""`report.html`: one file that a browser opens anywhere, with pictures, figures, tables, plan and sources."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from screener.files import write_atomically
from screener.measures import MeasuredRepetition, Measurement, MeasureName
from screener.report.contents import contents_of
from screener.report.figures import figures_of
from screener.report.film import annotate_still, typical_repetition
from screener.report.words import HEADLINE_MEASURES, reading_in_words, title
from screener.screening import Screening
from screener.video import Picture, open_video

__all__ = ["Still", "inline", "page_from", "stills_of", "write_page"]

# A report of many sets stays a page: pictures of the first four.
_MOST_TRIALS = 4
_STILL_SIDE_PX = 960

# Letters of 9 points in a figure are 0.8 of the page's own.
_POINTS_A_REM = 11.25


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A picture of one repetition where it is read, with skeleton and angle drawn in, and the words under it."""

    rgb: Picture
    caption: str


def write_page(
    screening: Screening,
    path: Path,
    stills: tuple[Still, ...] = (),
    *,
    film: str | None = None,
    figures: dict[str, str] | None = None,
) -> None:
    """Write `report.html`. It asks no other host for anything and runs no script.

    Args:
        screening: the result.
        path: where to.
        stills: from `stills_of`, where there is a video.
        film: the name of the film beside the page, where there is one, with its poster of the same stem.
        figures: from `figures_of`, where they have been drawn already.
    """
    contents = contents_of(screening)
    text = page_from(
        "report.html.j2",
        contents=contents,
        stills=[(_as_data_url(still.rgb), still.caption) for still in stills],
        figures={name: inline(svg, name) for name, svg in (figures or figures_of(screening)).items()},
        film=film,
        poster=str(Path(film).with_suffix(".jpg")) if film is not None else None,
    )
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def stills_of(screening: Screening, video_path: str | Path, *, blur_face: bool = False) -> tuple[Still, ...]:
    """A typical repetition of each trial, and the one in which the knee came furthest in, as they looked.

    Raises:
        UnreadableVideo: the recording cannot be read.
    """
    wanted = dict(_wanted(screening))
    if not wanted:
        return ()
    mirrored = bool(screening.source.get("mirrored", False))
    found: dict[float, Still] = {}
    with open_video(video_path, mirrored=mirrored, max_side_px=_STILL_SIDE_PX) as source:
        for frame in source.read_windows([(at - 1e-6, at + 1e-6) for at in wanted]):
            nearest = min(wanted, key=lambda at: abs(at - frame.time_s))
            rgb = annotate_still(screening, frame.rgb, frame.time_s, scale=frame.scale, blur_face=blur_face)
            found[nearest] = Still(rgb, wanted[nearest])
    return tuple(found[at] for at in wanted if at in found)


def _wanted(screening: Screening) -> Iterator[tuple[float, str]]:
    """The times of the pictures to show, each with its words."""
    for trial in screening.trials[:_MOST_TRIALS]:
        read = [rep for rep in trial.repetitions if isinstance(rep.measures["fppa_deg"], Measurement)]
        if not read:
            continue
        typical = typical_repetition(trial) or read[0]
        furthest = max(read, key=lambda rep: _value(rep, "fppa_deg"))
        chosen = {typical.index: "the one nearest to the middle"}
        if len(read) > 1:
            chosen[furthest.index] = "the one with the knee furthest in"
        for rep in read:
            if rep.index in chosen:
                numbers = "; ".join(
                    f"{name} {reading_in_words(measure, rep.measures[measure])}"
                    for measure, name in HEADLINE_MEASURES.items()
                )
                where = "at its bottom" if rep.read_at == "bottom" else "where it is read, on the way down"
                caption = f"{title(trial)}, repetition {rep.index} {where}, {chosen[rep.index]}. {numbers}."
                yield _frame_time(screening, rep.shown_s), caption


def _value(rep: MeasuredRepetition, measure: MeasureName) -> float:
    reading = rep.measures[measure]
    return reading.value if isinstance(reading, Measurement) else float("nan")


def _frame_time(screening: Screening, at_s: float) -> float:
    times_s = screening.motion.joints.times_s
    return float(times_s[np.argmin(np.abs(times_s - at_s))])


def inline(svg: str, name: str) -> Markup:
    """An SVG document as part of a page: without its head, with names that no other figure has."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", body)
    # Every figure is shown with letters of one size: its own width decides how wide it is.
    body = re.sub(
        r'width="([\d.]+)pt" height="[\d.]+pt"',
        lambda size: f'style="--wide: {float(size[1]) / _POINTS_A_REM:.1f}rem"',
        body,
        count=1,
    )
    # Matplotlib escapes what it writes as text; nothing else in here comes from outside.
    return Markup(body.replace("<svg ", '<svg aria-hidden="true" ', 1))


def _as_data_url(rgb: Picture) -> str:
    jpeg = io.BytesIO()
    Image.fromarray(rgb).save(jpeg, "JPEG", quality=82, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode("ascii")


def page_from(template: str, **values: Any) -> str:
    """A page of this room's templates; every value is escaped unless it is `Markup`."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("screener.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
