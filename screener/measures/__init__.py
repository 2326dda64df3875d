"""From a trial's signals to numbers: one reading a measure and repetition, each with its 95 % interval."""

from screener.measures.reading import (
    DEEPEST_READ_DEG,
    Corrector,
    PoseSample,
    instants_to_read,
    measure_trial,
    sample_pose,
    view_yaw_deg,
)
from screener.measures.values import (
    MEASURES,
    AtDepth,
    MeasuredRepetition,
    MeasuredTrial,
    Measurement,
    MeasureName,
    NotMeasured,
    ReadAt,
    Reading,
)

__all__ = [
    "DEEPEST_READ_DEG",
    "MEASURES",
    "AtDepth",
    "Corrector",
    "MeasureName",
    "MeasuredRepetition",
    "MeasuredTrial",
    "Measurement",
    "NotMeasured",
    "PoseSample",
    "ReadAt",
    "Reading",
    "instants_to_read",
    "measure_trial",
    "sample_pose",
    "view_yaw_deg",
]
