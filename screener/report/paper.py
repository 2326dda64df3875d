"""`report.pdf`: two pages for the chart and one to take home, set by Typst from the same words as the page."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias

import matplotlib as mpl
import typst
from matplotlib.ft2font import FT2Font
from PIL import Image

from screener.files import write_atomically
from screener.report.contents import contents_of
from screener.report.figures import figures_of
from screener.report.page import Still
from screener.screening import Screening

__all__ = ["Paper", "set_paper", "write_paper"]

Paper: TypeAlias = Literal["a4", "us-letter"]

#: Stands for a letter that the font does not have; a note says so.
_NO_LETTER = "·"
_NOTE = f"{_NO_LETTER} stands for a letter that this paper's font lacks; report.html shows it. "

_FOOTER = "Movement check: not a medical device and not a diagnosis."


def write_paper(
    screening: Screening,
    path: Path,
    stills: tuple[Still, ...] = (),
    *,
    paper: Paper = "a4",
    figures: dict[str, str] | None = None,
) -> None:
    """Write `report.pdf`: text that can be selected and searched, tagged for reading aloud, the font inside.

    The font is DejaVu Sans (Latin, Greek, Cyrillic and more). A letter that it lacks is printed as `·`, with
    a note at the foot, and never as an empty box.
    """
    drawn = figures or figures_of(screening)
    set_paper(
        path,
        "report.typ",
        dataclasses.asdict(contents_of(screening)),
        {name: drawn[name] for name in ("overview", "repetitions") if name in drawn},
        stills,
        screening.created_at,
        paper,
    )


def set_paper(
    path: Path,
    template: str,
    contents: dict[str, Any],
    figures: dict[str, str],
    stills: tuple[Still, ...],
    created_at: str,
    paper: Paper,
) -> None:
    """Set one of this room's templates: plain data as words, `figures` as SVG by name, stills as pictures."""
    found, lacking = _printable(contents)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, svg in figures.items():
            (root / f"{name}.svg").write_text(svg, encoding="utf-8")
        for place, still in enumerate(stills):
            Image.fromarray(still.rgb).save(root / f"{place}.jpg", quality=85)
        found["figures"] = {name: f"{name}.svg" for name in figures}
        found["stills"] = [(f"{place}.jpg", _printable(still.caption)[0]) for place, still in enumerate(stills)]
        found["paper"] = paper
        found["footer"] = (_NOTE if lacking else "") + _FOOTER
        (root / "contents.json").write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
        for name in ("parts.typ", template):
            text = files("screener.report").joinpath("templates", name).read_text(encoding="utf-8")
            (root / name).write_text(text, encoding="utf-8")
        made = typst.compile(
            str(root / template),
            root=str(root),
            font_paths=[str(_fonts())],
            ignore_system_fonts=True,
            timestamp=int(datetime.fromisoformat(created_at).timestamp()),
        )
    with write_atomically(path) as temporary:
        temporary.write_bytes(made)


def _fonts() -> Path:
    """DejaVu Sans comes with matplotlib, together with its licence."""
    return Path(mpl.get_data_path(), "fonts", "ttf")


@cache
def _letters() -> frozenset[int]:
    """The letters that both weights have, and the line breaks."""
    have = [set(FT2Font(str(_fonts() / name)).get_charmap()) for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")]
    return frozenset(have[0] & have[1] | {ord("\n"), ord("\t")})


def _printable(value: Any) -> tuple[Any, bool]:
    """The same plain data with every letter that cannot be printed replaced; whether there was one."""
    if isinstance(value, str):
        said = "".join(letter if ord(letter) in _letters() else _NO_LETTER for letter in value)
        return said, said != value
    if isinstance(value, dict):
        pairs = {key: _printable(each) for key, each in value.items()}
        return {key: each for key, (each, _) in pairs.items()}, any(lacks for _, lacks in pairs.values())
    if isinstance(value, list | tuple):
        parts = [_printable(each) for each in value]
        return [each for each, _ in parts], any(lacks for _, lacks in parts)
    return value, False
