"""Which recordings a batch is of: those in a folder, or those that a list (`manifest.csv`) names."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar, get_args

import fsspec

from screener.assessment.norms import Sex
from screener.batch.folders import Folder
from screener.errors import BadDataFile, WrongUse
from screener.terms import TASKS, Side, Task

__all__ = ["VIDEO_SUFFIXES", "Recording", "find_recordings"]

#: Files of a folder that are taken for recordings. A manifest may name any file.
VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")

_Word = TypeVar("_Word", bound=str)

_KNOWN = ("file", "subject", "side", "task", "height_m", "sex", "date", "mirrored")

# No adult or child who does these tasks is outside; a height in centimetres is.
_HEIGHTS_M = (0.8, 2.4)

_FLAGS = {"": None, "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

# So many wrong rows are told at once.
_TOLD_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Recording:
    """A row of the list.

    Attributes:
        file: as the list or the folder names it; every table names it so.
        address: where it is, a full path or URL.
        subject: whom it shows; without a word about that, the file's name, so that nobody is mixed up.
        side, task, mirrored: as given; None leaves it to the settings of the whole batch.
        sex, height_m, date: as given; None and "" where they are not.
        carried: further columns, carried through to the tables.
    """

    file: str
    address: str
    subject: str
    side: Side | None = None
    task: Task | None = None
    mirrored: bool | None = None
    sex: Sex | None = None
    height_m: float | None = None
    date: str = ""
    carried: dict[str, str] = field(default_factory=dict)


def find_recordings(source: str, taken: Sequence[str], known: Sequence[str] = ()) -> tuple[Recording, ...]:
    """The recordings of a folder (at any depth, sorted), or of a manifest (in its order).

    Args:
        source: a path or URL; one that ends in `.csv` is a manifest, whose files are found from where it lies.
        taken: names of columns that the tables use themselves, and that no column of a manifest may have.
        known: addresses that count as being there though they may be gone (their landmarks were kept).

    Raises:
        WrongUse: there is no such folder, or no recording in it.
        BadDataFile: the manifest cannot be used; the message names the first lines that are wrong.
    """
    if source.lower().endswith(".csv"):
        return _from_manifest(source, taken)
    folder = Folder(source)
    root = folder.address() + "/"
    names = set(folder.walk()) | {address.removeprefix(root) for address in known if address.startswith(root)}
    videos = [name for name in sorted(names) if name.lower().endswith(VIDEO_SUFFIXES) and not _is_hidden(name)]
    if not videos:
        lacks = "holds no recording" if folder.exists() else "is not there"
        raise WrongUse(
            f"The folder {source} {lacks}.", f"Give a folder with {', '.join(VIDEO_SUFFIXES)} files, or a manifest."
        )
    return tuple(Recording(name, folder.address(name), subject=name) for name in videos)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _from_manifest(source: str, taken: Sequence[str]) -> tuple[Recording, ...]:
    what_to_do = "Save it as CSV in UTF-8 with a header row that has at least the column: file."
    fs, path = fsspec.url_to_fs(source)
    try:
        text = fs.cat_file(path).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise BadDataFile(f"There is no file {source}.", "Give the path of the manifest.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataFile(f"{source} cannot be read as text.", what_to_do) from error
    # Where the comma is the decimal sign, spreadsheets put semicolons between the columns.
    header = text.partition("\n")[0]
    rows = list(csv.reader(io.StringIO(text), delimiter=";" if header.count(";") > header.count(",") else ","))
    columns = [column.strip() for column in rows[0]] if rows else []
    if "file" not in columns:
        raise BadDataFile(f"{source} has no column named file.", what_to_do)
    for column in columns:
        if not column or columns.count(column) > 1 or (column in taken and column not in _KNOWN):
            raise BadDataFile(
                f"{source} has a column {column!r} that is there twice, has no name, or is named as a result is.",
                "Rename it.",
            )
    base, recordings, wrong = Folder(source.rpartition("/")[0] or "."), [], []
    for line, cells in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            if len(cells) != len(columns):
                raise ValueError(f"{len(cells)} cells, expected {len(columns)}")
            recordings.append(_recording(dict(zip(columns, map(str.strip, cells), strict=True)), base))
        except ValueError as error:
            wrong.append(f"row {line}: {error}")
    if wrong:
        told = "; ".join(wrong[:_TOLD_AT_ONCE])
        more = f"; and {len(wrong) - _TOLD_AT_ONCE} more" if len(wrong) > _TOLD_AT_ONCE else ""
        raise BadDataFile(f"{source}: {told}{more}.", "Correct these rows; nothing was screened yet.")
    if not recordings:
        raise BadDataFile(f"{source} names no recording.", what_to_do)
    return tuple(recordings)


def _recording(row: dict[str, str], base: Folder) -> Recording:
    file = row["file"]
    if not file:
        raise ValueError("no file is named")
    elsewhere = file.startswith("/") or "://" in file
    return Recording(
        file=file,
        address=Folder(file).address() if elsewhere else base.address(file),
        subject=row.get("subject") or file,
        side=_one_of(row, "side", get_args(Side)),
        task=_one_of(row, "task", TASKS),
        mirrored=_flag(row),
        sex=_one_of(row, "sex", get_args(Sex)),
        height_m=_height_m(row),
        date=row.get("date", ""),
        carried={column: cell for column, cell in row.items() if column not in _KNOWN},
    )


def _one_of(row: dict[str, str], column: str, words: tuple[_Word, ...]) -> _Word | None:
    given = row.get(column, "").lower()
    if given and given not in words:
        raise ValueError(f"{column} is {given!r}, expected {', '.join(words)} or nothing")
    return next((word for word in words if word == given), None)


def _flag(row: dict[str, str]) -> bool | None:
    word = row.get("mirrored", "").lower()
    if word not in _FLAGS:
        raise ValueError(f"mirrored is {word!r}, expected true, false or nothing")
    return _FLAGS[word]


def _height_m(row: dict[str, str]) -> float | None:
    word = row.get("height_m", "").replace(",", ".")
    if not word:
        return None
    try:
        height_m = float(word)
    except ValueError:
        raise ValueError(f"height_m is {word!r}, expected metres") from None
    low, high = _HEIGHTS_M
    if not low <= height_m <= high:
        raise ValueError(f"height_m is {word}, expected metres from {low} to {high}")
    return height_m
