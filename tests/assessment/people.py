"""Measured trials made by hand, for the tests of the assessment and of the plan."""

from __future__ import annotations

from dataclasses import replace

from screener.measures.values import (
    MEASURES,
    MeasuredRepetition,
    MeasuredTrial,
    Measurement,
    MeasureName,
    NotMeasured,
    Reading,
    StanceSide,
    Task,
)

#: An unremarkable squat, whose narrow intervals keep clear of every line.
STEADY: dict[MeasureName, float] = {
    "pelvic_drop_deg": 3.0,
    "fppa_deg": 4.0,
    "hip_adduction_deg": 6.0,
    "trunk_lean_deg": 3.0,
    "knee_flexion_deg": 65.0,
    "knee_medial_displacement_pct": 1.0,
    "pelvic_shift_pct": 2.0,
    "knee_over_foot_pct": -4.0,
    "tempo_s": 2.5,
    "knee_wobble_deg": 1.0,
    "foot_touchdowns": 0.0,
    "foot_drift_pct": 1.0,
}


def reading(measure: MeasureName, value: float, half_width: float = 1.0) -> Measurement:
    return Measurement(value, value - half_width, value + half_width, MEASURES[measure])


def trial(
    side: StanceSide = "left",
    task: Task = "single_leg_squat",
    *,
    missing: tuple[MeasureName, ...] = (),
    half_width: float = 0.4,
    repetitions: int = 3,
    at_depth: bool = True,
    **changed: float,
) -> MeasuredTrial:
    """`STEADY` with some values changed, and some not measured. All repetitions are alike."""
    values = STEADY | changed
    summary: dict[MeasureName, Reading] = {
        name: NotMeasured("The knee was hidden.") if name in missing else reading(name, value, half_width)
        for name, value in values.items()
    }
    depth = {name: summary[name] for name in ("pelvic_drop_deg", "fppa_deg")}
    one = MeasuredRepetition(
        index=0,
        start_s=1.0,
        bottom_s=2.0,
        end_s=3.0,
        counted=True,
        excluded_because=None,
        read_at="bottom",
        measures=summary,
        at_depth={"45": depth, "60": depth} if at_depth else {},
    )
    return MeasuredTrial(
        task=task,
        task_from="given",
        stance_side=side,
        quiet_stance=None,
        repetitions=tuple(replace(one, index=index) for index in range(repetitions)),
        summary=summary,
    )


#: For each pattern: readings that make it in a squat, and readings that make it in a step-down.
MAKES: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "poor_depth": ({"knee_flexion_deg": 35.0}, {"knee_flexion_deg": 35.0}),
    "poor_balance": ({"foot_touchdowns": 2.0}, {"foot_drift_pct": 9.0}),
    "drop_with_valgus": (
        {"pelvic_drop_deg": 15.0, "fppa_deg": 20.0},
        {"pelvic_drop_deg": 15.0, "knee_over_foot_pct": 18.0},
    ),
    "drop_with_lean": (
        {"pelvic_drop_deg": 15.0, "trunk_lean_deg": 14.0},
        {"pelvic_drop_deg": 15.0, "trunk_lean_deg": 14.0},
    ),
    "hip_drop": ({"pelvic_drop_deg": 15.0}, {"pelvic_drop_deg": 15.0}),
    "drop_unresolved": (
        {"pelvic_drop_deg": 15.0, "trunk_lean_deg": 10.0},
        {"pelvic_drop_deg": 15.0, "trunk_lean_deg": 8.0},
    ),
    "isolated_valgus": ({"fppa_deg": 20.0}, {"knee_over_foot_pct": 18.0}),
    "valgus_unresolved": (
        {"fppa_deg": 20.0, "pelvic_drop_deg": 11.0},
        {"knee_over_foot_pct": 18.0, "pelvic_drop_deg": 8.0},
    ),
    "compensated_lean": ({"trunk_lean_deg": 14.0}, {"trunk_lean_deg": 14.0}),
    "varus": ({"fppa_deg": -9.0}, {"fppa_deg": -9.0}),
    "not_enough_to_say": ({"pelvic_drop_deg": 11.0}, {"pelvic_drop_deg": 8.0}),
    "clean": ({}, {}),
}
