"""Plans: measurements and answers in, exercises out, without a recording."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.access import Reader
from api.problems import Problem
from api.routes.forms import Given, Line
from screener.errors import ScreenerError

router = APIRouter(prefix="/v1", tags=["plans"])

Programme = Annotated[str, Field(pattern="^[a-z-]{1,60}$", description="Its id, as /v1/programmes tells.")]

_Place = Literal[
    "outer_knee", "front_of_knee", "inner_knee", "back_of_knee", "hip", "groin", "buttock", "thigh", "other"
]


_INTAKE: Any = {
    "age_years": 31,
    "pain_now": 2,
    "pain_where": ["outer_knee"],
    "running_km_per_week": 25.0,
    "recent_spike": True,
    "red_flags": [],
}
_MEASURED: Any = {
    "task": "single_leg_squat",
    "stance_side": "left",
    "summary": {
        "pelvic_drop_deg": {"value": 9.1, "low": 6.8, "high": 11.4, "unit": "deg"},
        "fppa_deg": {"value": 14.2, "low": 11.0, "high": 17.4, "unit": "deg"},
        "knee_flexion_deg": {"value": 62.0, "low": 57.0, "high": 67.0, "unit": "deg"},
    },
}


class IntakeGiven(Given):
    """What a person answers before a plan. Red flags, or pain above 3 of 10, come before any exercise."""

    age_years: Annotated[int, Field(ge=5, le=110)]
    pain_now: Annotated[int, Field(ge=0, le=10, description="0 to 10.")]
    pain_where: list[_Place] = Field(default=[], description="Must be answered where pain_now is above 0.")
    running_km_per_week: Annotated[float, Field(ge=0, le=300)]
    recent_spike: bool = Field(description="Running or training grew quickly in the last weeks.")
    red_flags: list[Line] = Field(description="The ids of the questions answered with yes: /v1/programmes tells them.")
    sex: Literal["female", "male"] | None = None
    height_m: Annotated[float, Field(ge=1.0, le=2.5)] | None = None

    model_config = ConfigDict(json_schema_extra={"examples": [_INTAKE]})

    def checked(self) -> Any:
        """The intake as the library takes it.

        Raises:
            Problem: the answers do not fit together.
        """
        from screener.plan import load_intake

        try:
            return load_intake(self.model_dump(exclude_none=True))
        except ScreenerError as error:
            raise Problem(422, error.message, error.what_to_do, field="body.intake") from error


_Measure = Annotated[str, Field(pattern="^[a-z_]{1,60}$")]


class ReadingGiven(Given):
    """A measured value with its 95% interval."""

    value: Annotated[float, Field(ge=-1000, le=1000)]
    low: Annotated[float, Field(ge=-1000, le=1000)]
    high: Annotated[float, Field(ge=-1000, le=1000)]
    unit: Line


class MeasuredGiven(Given):
    """What was measured of one leg in one task: the medians over the repetitions."""

    task: Literal["single_leg_squat", "forward_step_down", "lateral_step_down"]
    stance_side: Literal["left", "right"]
    summary: dict[_Measure, ReadingGiven] = Field(description="By the measures' names in docs/data_dictionary.md.")


class PlanAsked(Given):
    """Measurements and answers."""

    measurements: Annotated[list[MeasuredGiven], Field(min_length=1, max_length=20)]
    intake: IntakeGiven
    programme: Programme = "evidence"

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"measurements": [_MEASURED], "intake": _INTAKE, "programme": "evidence"}]}
    )


class PlanTold(BaseModel):
    """What was found in the measurements, and what to practise."""

    findings: list[dict[str, Any]] = Field(description="As in screening.json.")
    plan: dict[str, Any] = Field(description="As in screening.json. With a red flag there are no exercises in it.")


@router.post("/plans")
def make_a_plan(asked: PlanAsked, principal: Reader) -> PlanTold:
    """A plan from measurements and answers. Nothing is kept."""
    from dataclasses import asdict

    from screener.assessment import assess
    from screener.measures import MEASURES, MeasuredTrial, Measurement, MeasureName, Reading
    from screener.plan import make_plan
    from screener.screening import plan_to_dict

    intake = asked.intake.checked()
    trials = []
    for number, given in enumerate(asked.measurements):
        readings: dict[MeasureName, Reading] = {}
        for name, reading in given.summary.items():
            where = f"body.measurements.{number}.summary.{name}"
            measure = next((each for each in MEASURES if each == name), None)
            if measure is None:
                raise Problem(422, f"There is no measure {name}.", f"Use {', '.join(MEASURES)}.", field=where)
            if not reading.low <= reading.value <= reading.high:
                raise Problem(422, "The value lies outside its interval.", "Give low ≤ value ≤ high.", field=where)
            readings[measure] = Measurement(**reading.model_dump())
        trials.append(MeasuredTrial(given.task, "given", given.stance_side, None, (), readings))
    assessment = assess(trials, sex=intake.sex)
    plan = make_plan(assessment.findings, intake, asked.programme)
    findings = [] if plan.scores_withheld else [asdict(finding) for finding in assessment.findings]
    return PlanTold(findings=findings, plan=plan_to_dict(plan))
