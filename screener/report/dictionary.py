"""The data dictionary: every file of a report, every column, its unit, its sign and its meaning, made from the code.

`python -m screener.report.dictionary > docs/data_dictionary.md`
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable

from screener.assessment.norms import measure_words
from screener.measures import MEASURES
from screener.motion import StanceSignals
from screener.pose.landmarks import LANDMARKS
from screener.report.fhir import UCUM_CODES
from screener.report.interchange import MOT_COLUMNS
from screener.report.tables import AT_DEPTH_MEASURES, DEPTHS, SIGNALS_SCHEMA
from screener.screening import SCHEMA_VERSION

__all__ = ["dictionary_page"]

_ABOUT = {
    "subject_id": "As given with `--subject`; empty where nothing was given.",
    "source_name": "The recording's file name.",
    "trial": "1 for the first of `trials[]` in `screening.json`: one set of repetitions of one leg.",
    "task": "`single_leg_squat`, `forward_step_down` or `lateral_step_down`.",
    "stance_side": "The leg stood on, the person's own: `left`, `right` or `unknown`.",
    "index": "The repetition's number in its trial, from 1.",
    "start_s": "From the recording's first frame: the body begins to sink.",
    "bottom_s": "The instant of greatest depth.",
    "end_s": "The body is up again.",
    "counted": "`true` or `false`.",
    "excluded_because": "Why it is not counted; empty where it is.",
    "read_at": "`bottom`, or `deepest_readable` where the knee bends further than 65° or the bottom cannot be read.",
    "read_s": "When it was read: at the bottom, or at 65° of knee flexion on the way down (or the deepest readable "
    "instant before that); empty where none is. `knee_flexion_deg` is of the bottom all the same.",
}

_SIGNALS_ABOUT = {
    "time_s": "From the first frame: the frame's own time stamp.",
    "trial": _ABOUT["trial"],
    "task": _ABOUT["task"],
    "stance_side": _ABOUT["stance_side"] + " Where it is unknown, the signals are of the left leg.",
    "phase": "`quiet` (the stance that changes are counted from), `repetition` or `other`.",
    "repetition": "The repetition's number; empty outside repetitions.",
}

_LANDMARKS = {
    "look": "0 for the first look at every frame, 1 for the closer look at some.",
    "model": "The pose model of that look.",
    "time_s": _SIGNALS_ABOUT["time_s"],
    "flipped": "`true` where the model had swapped left and right and the names were swapped back.",
    "<landmark>_x_px": "Pixels of the upright, unmirrored picture, to the right.",
    "<landmark>_y_px": "Pixels, down.",
    "<landmark>_x_m": "The model's own guess in metres about the hips, to the picture's right.",
    "<landmark>_y_m": "The same, down.",
    "<landmark>_z_m": "The same, away from the camera. Good for how the person is turned, not for pelvis or knee.",
    "<landmark>_visibility": "0 to 1, the model's own. At the hip it says nothing.",
    "found_<joint>_x_px": "That joint in the picture of pelvis and thighs, pixels to the right; second look only.",
    "found_<joint>_y_px": "The same, down.",
    "looks_like_<task>": "How much what is under the feet speaks for that task, 0 to 1; second look only.",
    "aside_deg": "From how far aside the picture shows the person, degrees, + = more of the side that lies to the "
    "picture's right; quiet stance, second look only.",
}


def dictionary_page() -> str:
    """The page in Markdown."""
    return "\n".join((*_head(), *_repetitions(), *_signals(), *_landmarks(), *_film(), *_opensim(), *_fhir())) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [head, ("---",) * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines] + [""]


def _head() -> list[str]:
    return [
        "# Data dictionary",
        "",
        "Made by `python -m screener.report.dictionary` from the code; do not edit by hand.",
        "",
        f"The names are those of `screening.json`, schema {SCHEMA_VERSION}. A number is the same in every file, "
        "digit for digit; the page, the paper and the film show it with one decimal. Angles are in degrees, left and "
        "right are the person's own, and an interval is a 95 % interval.",
        "",
    ]


def _repetitions() -> list[str]:
    rows = [(f"`{name}`", _unit(name), says) for name, says in _ABOUT.items()]
    for name, unit in MEASURES.items():
        rows.append((f"`{name}`", unit, measure_words()[name].says))
    names = ", ".join(f"`{name}`" for name in AT_DEPTH_MEASURES)
    return [
        "## repetitions.csv",
        "",
        "A row a repetition. UTF-8, comma, a header row; empty where there is no value. A text that a spreadsheet "
        "would run as a formula has an apostrophe before it.",
        "",
        *_table(("Column", "Unit", "Meaning"), rows),
        "Beside each measure `<name>` stand `<name>_low` and `<name>_high`, the bounds of its interval, and "
        "`<name>_not_measured`, the reason where there is no number.",
        "",
        f"{', '.join(f'`<name>_at_{depth}`' for depth in DEPTHS)}, each with `_low` and `_high`: the value on the way "
        "down where the knee bend reached that many degrees, for comparisons, and at the bottom, where that can be "
        f"read. For {names}.",
        "",
    ]


def _signals() -> list[str]:
    says = _SIGNALS_ABOUT | signal_meanings()
    rows = [(f"`{field.name}`", _unit(field.name), says[field.name]) for field in SIGNALS_SCHEMA]
    return [
        "## signals.parquet",
        "",
        "A row a frame and trial: what the first look saw, smoothed without lag. Missing is NaN. The file's metadata "
        "`screener.signals` holds the schema version, the models' and the settings' hashes.",
        "",
        *_table(("Column", "Unit", "Meaning"), rows),
    ]


def signal_meanings() -> dict[str, str]:
    """Every field of `StanceSignals` in the words of its own docstring."""
    text = inspect.cleandoc(StanceSignals.__doc__ or "").split("Attributes:")[1]
    found: dict[str, str] = {}
    for entry in re.split(r"\n    (?=\w+: )", text):
        name, _, says = " ".join(entry.split()).partition(": ")
        if name:
            found[name] = says[0].upper() + says[1:]
    return found


def _unit(name: str) -> str:
    for suffix, unit in (("_deg", "deg"), ("_pct", "%"), ("_s", "s"), ("_ratio", "1"), ("_visibility", "0 to 1")):
        if name.endswith(suffix):
            return unit
    return ""


def _landmarks() -> list[str]:
    names = ", ".join(f"`{name}`" for name in LANDMARKS)
    return [
        "## landmarks.parquet",
        "",
        "A row a frame and look. It can be screened again without the video.",
        "",
        *_table(("Column", "Meaning"), [(f"`{name}`", says) for name, says in _LANDMARKS.items()]),
        f"The landmarks are {names}.",
        "",
    ]


def _opensim() -> list[str]:
    words = measure_words()
    return [
        "## markers_2d.trc",
        "",
        "The smoothed landmarks for OpenSim, at an even rate. x is forward and always 0, since one camera gives no "
        "depth; y is up, z is to the person's right; the origin is the lower ankle of the first frame. Metres "
        "come from the person's height (`--height-m`), of which the leg is 0.491 (Winter). Blank where missing.",
        "",
        "## angles_2d_trial1.mot",
        "",
        "The angles of one trial for OpenSim, at an even rate, in degrees. They are seen in the picture: estimates, "
        "not the joint angles of a model.",
        "",
        *_table(("Column", "Meaning"), [(f"`{name}`", words[name].says) for name in MOT_COLUMNS]),
        "## markers_2d.c3d",
        "",
        "The points of `markers_2d.trc` for movement laboratories: x forward and always 0, y to the person's left, z "
        "up, in metres. A point that was not seen is NaN with a residual of −1.",
        "",
    ]


def _fhir() -> list[str]:
    rows = [(f"`{name}`", f"`{UCUM_CODES[unit]}`", unit) for name, unit in MEASURES.items()]
    return [
        "## report.fhir.json",
        "",
        "A FHIR R4B Bundle of type `collection`: a DiagnosticReport with the PDF, an Observation a measure and leg, a "
        "Device with the versions, a Patient where `--subject` names one, and the CodeSystem of the codes used. No "
        "LOINC or SNOMED CT code is known to mean these measures, so none is used. Values have the one decimal of the "
        "page. In an Observation the component `interval-95` holds the 95 % interval, `repetition` a repetition's "
        "value, `repetition-interval-95` its interval; a missing value has its reason in `dataAbsentReason`.",
        "",
        *_table(("Code", "UCUM", "Unit"), rows),
    ]


def _film() -> list[str]:
    return [
        "## annotated.mp4, annotated.webm",
        "",
        "The recording beside itself with what was measured, three times slower within 0.4 s of each counted bottom. "
        "Every picture of the recording is there once. What is said and lasts is in the file's caption track too. "
        "`annotated.jpg` is its poster.",
        "",
    ]


if __name__ == "__main__":
    sys.stdout.write(dictionary_page())
