"""The result of screening one recording, and its JSON form (`screening.json`, schema 1.0)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from screener.assessment import SCHEMA_VERSION, AssessedTrial, Assessment
from screener.errors import BadDataFile
from screener.files import write_atomically
from screener.measures import MeasuredTrial
from screener.motion import CameraView, Motion
from screener.plan import Plan
from screener.pose import PoseTrack

__all__ = [
    "SCHEMA_VERSION",
    "Screening",
    "Subject",
    "plan_to_dict",
    "read_screening",
    "screening_to_dict",
    "write_screening",
]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom the recording shows, as far as was said."""

    id: str | None = None
    height_m: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Screening:
    """Everything that was found in one recording.

    Attributes:
        created_at: ISO 8601, UTC.
        subject: as given.
        source: facts about the recording (name, sha256, width_px, height_px, fps_mean, duration_s, rotation_deg,
            mirrored).
        view: how the camera saw the person; None where nobody was found.
        trials: one for each set of repetitions of one leg.
        assessment: what the numbers mean: grades, rubrics, comparisons, findings; one entry a trial, in its order.
        warnings: plain sentences about the recording.
        nothing_because: why nothing could be measured; None where something was.
        provenance: versions, model hashes, settings hash, steps.
        plan: what to practise; None where no intake was given.
        motion, looks: what the numbers were read from, for figures and for screening again; not in the JSON.
    """

    created_at: str
    subject: Subject
    source: dict[str, Any]
    view: CameraView | None
    trials: tuple[MeasuredTrial, ...]
    assessment: Assessment
    warnings: tuple[str, ...]
    nothing_because: str | None
    provenance: dict[str, Any]
    motion: Motion
    looks: tuple[PoseTrack, ...]
    plan: Plan | None = None


def screening_to_dict(screening: Screening) -> dict[str, Any]:
    """The JSON form: plain dicts, lists, strings and numbers. A float keeps every digit that it has."""
    return {
        "schema_version": SCHEMA_VERSION,
        "created_at": screening.created_at,
        "subject": dataclasses.asdict(screening.subject),
        "source": screening.source,
        "view": dataclasses.asdict(screening.view) if screening.view is not None else None,
        "trials": [
            _trial_to_dict(trial, assessed)
            for trial, assessed in zip(screening.trials, screening.assessment.trials, strict=True)
        ],
        "comparisons": _plain(screening.assessment.comparisons),
        "findings": _plain(screening.assessment.findings),
        "scores_withheld_because": screening.assessment.withheld_because,
        "plan": plan_to_dict(screening.plan) if screening.plan is not None else None,
        "warnings": list(screening.warnings),
        "nothing_because": screening.nothing_because,
        "provenance": screening.provenance,
    }


def _trial_to_dict(trial: MeasuredTrial, assessed: AssessedTrial) -> dict[str, Any]:
    """A trial with its graded summary in the place of the bare one, and its rubrics."""
    plain: dict[str, Any] = _plain([trial])[0]
    graded: dict[str, Any] = _plain([assessed])[0]
    for name, reading in graded["summary"].items():
        plain["summary"][name] |= reading
    return plain | {"rubrics": graded["rubrics"]}


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """A plan in its JSON form."""
    return _plain([plan])[0]


def _plain(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(row, dict_factory=_as_the_schema_says) for row in rows]


def _as_the_schema_says(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dataclass as a dict; a reading that is not there reads `{"not_measured": reason}`."""
    plain = dict(pairs)
    if set(plain) == {"reason"}:
        return {"not_measured": plain["reason"]}
    return plain


def write_screening(screening: Screening, path: Path) -> None:
    """Write `screening.json`."""
    text = json.dumps(screening_to_dict(screening), ensure_ascii=False, indent=2, allow_nan=False)
    with write_atomically(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_screening(path: Path) -> dict[str, Any]:
    """Read a `screening.json` as plain data.

    Raises:
        BadDataFile: it is not one, or of another schema version.
    """
    what_to_do = "Give a screening.json that `screener analyze` wrote."
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadDataFile(f"There is no file {path}.", what_to_do) from error
    except (OSError, ValueError) as error:
        raise BadDataFile(f"{path.name} is not JSON.", what_to_do) from error
    if not isinstance(plain, dict) or plain.get("schema_version") != SCHEMA_VERSION:
        version = plain.get("schema_version") if isinstance(plain, dict) else None
        raise BadDataFile(f"{path.name}: schema_version is {version}, this is {SCHEMA_VERSION}.", what_to_do)
    return plain
