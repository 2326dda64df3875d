"""How a result is said: tasks, sides, measures and numbers in words, one way for every page, picture and film."""

from __future__ import annotations

from screener.assessment.norms import measure_words
from screener.assessment.patterns import TASK_WORDS
from screener.measures import DEEPEST_READ_DEG, MeasuredTrial, Measurement, MeasureName, Reading
from screener.terms import StanceSide

__all__ = [
    "FACING",
    "HEADLINE_MEASURES",
    "leg_in_words",
    "number",
    "reading_in_words",
    "short_name",
    "task_doubt",
    "title",
    "unit_sign",
    "where_read",
]

#: What a first glance needs, and how it is called there: shorter than in running text.
HEADLINE_MEASURES: dict[MeasureName, str] = {
    "pelvic_drop_deg": "Pelvic drop",
    "fppa_deg": "Knee inward (FPPA)",
    "trunk_lean_deg": "Trunk lean",
    "knee_flexion_deg": "Knee bend",
}

#: Which side of the person the camera saw.
FACING: dict[str, str] = {
    "anterior": "front",
    "posterior": "back",
    "sagittal": "side",
    "oblique": "front or back, at an angle",
}


def number(value: float) -> str:
    """A value with one decimal, the last digit that any output shows; a true minus sign, and no −0.0."""
    return f"{round(value, 1) + 0.0:.1f}".replace("-", "−")


def reading_in_words(measure: MeasureName, reading: Reading | None) -> str:
    """`12.3° [2.2 to 22.4]`, or `not measured`; the brackets hold the 95 % interval."""
    if not isinstance(reading, Measurement):
        return "not measured"
    if measure == "foot_touchdowns":
        return f"{reading.value:.0f}"
    return f"{number(reading.value)}{unit_sign(measure)} [{number(reading.low)} to {number(reading.high)}]"


def short_name(measure: MeasureName) -> str:
    """`Knee alignment (FPPA)`, as the head of a row or column."""
    return _capital(measure_words()[measure].short)


def unit_sign(measure: MeasureName) -> str:
    """`°`, ` s`, ` % of leg length`: what follows the number."""
    return measure_words()[measure].unit_sign


def leg_in_words(side: StanceSide) -> str:
    """`right leg`, or that it is not known."""
    return f"{side} leg" if side != "unknown" else "leg not known"


def title(trial: MeasuredTrial) -> str:
    """`Single-leg squat, right leg`."""
    return f"{_capital(TASK_WORDS[trial.task])}, {leg_in_words(trial.stance_side)}"


def where_read(trial: MeasuredTrial) -> str:
    """Where each repetition's numbers belong to: `read at its bottom`, or less deep where some go too deep."""
    if all(rep.read_at == "bottom" for rep in trial.repetitions):
        return "read at its bottom"
    return f"read at {DEEPEST_READ_DEG:.0f}° of knee bend at most"


def task_doubt(trial: MeasuredTrial) -> str | None:
    """What to know where a step-down was told from the picture alone; None where the movement is known.

    On rendered people that is nearly always right (docs/accuracy.md), but no real step-down was ever seen.
    """
    if trial.task_from == "given" or trial.task == "single_leg_squat":
        return None
    return (
        f"That this was a {TASK_WORDS[trial.task]} is told from the picture, by what is under the feet and where "
        "the free foot goes, as was learned from rendered people: name the movement to be sure."
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
