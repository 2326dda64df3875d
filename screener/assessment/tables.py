"""Knowledge as data: the rows that every table shares, the sources behind them, and how a table is read."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from screener.errors import BadDataFile

__all__ = [
    "EVIDENCE_MEANS",
    "Basis",
    "Evidence",
    "Grounded",
    "Row",
    "Source",
    "check_ids",
    "check_sources",
    "load_sources",
    "packaged",
    "parse_json",
    "parse_table",
]

Basis: TypeAlias = Literal["seen", "recalled", "computed", "judgement"]
Evidence: TypeAlias = Literal["trial", "review", "observational", "laboratory", "opinion"]

#: What each evidence grade means to a reader, the surest first.
EVIDENCE_MEANS: dict[Evidence, str] = {
    "trial": "a controlled trial, or a before-and-after trial with a comparison",
    "review": "a review that pools several studies",
    "observational": "groups of people were measured and compared, nothing was changed",
    "laboratory": "muscle activity or mechanics were measured; whether people get better was not",
    "opinion": "experience, a programme's own claim, or this project's judgement",
}

Text: TypeAlias = Annotated[str, Field(min_length=1)]
Table = TypeVar("Table", bound=BaseModel)


class Row(BaseModel):
    """A row of a table: nothing missing, nothing extra, nothing converted, nothing changed later."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Grounded(Row):
    """A row that says where it comes from.

    `basis` tells how far the source was followed: `seen` (an abstract or table was read), `recalled` (from
    memory), `computed` (arithmetic or geometry), `judgement` (a proposal of this project).
    """

    id: Text
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    evidence: Evidence
    basis: Basis


class Source(Row):
    """One thing that a row can rest on. `cite` is what a person sees: author, year and journal."""

    id: Text
    cite: Text
    kind: Literal["study", "review", "programme", "own"]
    basis: Basis
    says: Text


class SourceTable(Row):
    """The file `sources.toml`."""

    sources: tuple[Source, ...]

    @model_validator(mode="after")
    def _unique(self) -> SourceTable:
        check_ids(self.sources)
        return self


def check_ids(rows: Iterable[Any]) -> None:
    """Refuse a table in which an id stands twice.

    Raises:
        ValueError: with the ids.
    """
    twice = [name for name, count in Counter(row.id for row in rows).items() if count > 1]
    if twice:
        raise ValueError(f"the id stands in two rows: {', '.join(twice)}")


def check_sources(rows: Iterable[Any], also: Iterable[str] = ()) -> None:
    """Refuse rows that name a source which is neither known nor in `also`.

    Raises:
        ValueError: with the row and the source.
    """
    known = load_sources().keys() | set(also)
    for row in rows:
        if missing := set(row.sources) - known:
            raise ValueError(f"{row.id}: there is no source {', '.join(sorted(missing))}")


def packaged(package: str, name: str) -> str:
    """The text of a data file that is part of this installation."""
    return files(package).joinpath("data", name).read_text(encoding="utf-8")


def parse_table(model: type[Table], text: str, name: str) -> Table:
    """A TOML text as a checked table.

    Raises:
        BadDataFile: not TOML, or a row does not hold; the message names the file, the row and the field.
    """
    try:
        rows = tomllib.loads(text)
    except tomllib.TOMLDecodeError as broken:
        raise BadDataFile(f"{name} is not a TOML file: {broken}.", "Correct that line.") from None
    return parse_json(model, json.dumps(rows, default=str), name, rows)


def parse_json(model: type[Table], text: str | bytes, name: str, rows: object = None) -> Table:
    """A JSON text as a checked model. `rows`, if given, is the same content, to name rows by their id.

    Raises:
        BadDataFile: as `parse_table`.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as wrong:
        reasons = [f"{_place(each['loc'], rows)}: {each['msg']}" for each in wrong.errors()[:5]]
        raise BadDataFile(f"{name} does not hold what it must. {'; '.join(reasons)}.", "Correct it.") from None


def _place(loc: tuple[int | str, ...], rows: object) -> str:
    """`norms row 3 (fppa-sls), typical_to` from a path such as `("norms", 2, "typical_to")`."""
    said: list[str] = []
    here: Any = rows
    for step in loc:
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            here = None
        if isinstance(step, int):
            name = here.get("id") if isinstance(here, dict) else None
            row = f"row {step + 1}" + (f" ({name})" if name else "")
            said[-1:] = [f"{said[-1]} {row}"] if said else [row]
        else:
            said.append(step)
    return ", ".join(said) or "the whole"


@cache
def load_sources() -> dict[str, Source]:
    """Every source by its id."""
    table = parse_table(SourceTable, packaged("screener.assessment", "sources.toml"), "sources.toml")
    return {source.id: source for source in table.sources}
