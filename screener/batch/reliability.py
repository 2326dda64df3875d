"""How well repeated measurements of the same people agree: ICC, SEM, MDC and limits of agreement, with intervals.

For a validation or test-retest study on the tables of a batch. Needs the extra `study`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, t

from screener.errors import WrongUse

__all__ = ["Agreement", "Estimate", "Reliability", "bland_altman", "reliability"]

# Of the intervals, and of the minimal detectable change and the limits of agreement (1.96).
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """What repeated sessions say of a measure. SEM and MDC are in the unit of the measure.

    Attributes:
        icc_2_1: two-way random effects, absolute agreement, one measurement (Shrout and Fleiss 1979).
        icc_3_1: two-way mixed effects, consistency, one measurement.
        icc_2_k: as `icc_2_1`, of the mean over the sessions.
        sem: standard error of measurement, the within-subject standard deviation: differences between the sessions
            that all subjects share are part of it (Weir 2005; Bland and Altman 1996).
        mdc_95: the smallest change of one person that is beyond measurement error, 1.96 √2 SEM.
        subjects, sessions: how many there were; subjects that miss a session are left out.
    """

    icc_2_1: Estimate
    icc_3_1: Estimate
    icc_2_k: Estimate
    sem: Estimate
    mdc_95: Estimate
    subjects: int
    sessions: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two methods differ (first − second): the mean, and the limits that hold 95 % of the differences."""

    bias: Estimate
    lower_limit: Estimate
    upper_limit: Estimate
    pairs: int


def reliability(scores: NDArray[np.float64]) -> Reliability:
    """Reliability of `scores`, `(subject, session)`, in any unit; a subject with a NaN is left out.

    The ICCs and their intervals are pingouin's. The interval of the SEM is that of a variance with
    subjects × (sessions − 1) degrees of freedom.

    Raises:
        WrongUse: fewer than five whole subjects (pingouin's own limit) or two sessions, or no extra `study`.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2:
        raise ValueError(f"scores: expected (subject, session), got shape {scores.shape}")
    scores = scores[np.isfinite(scores).all(axis=1)]
    subjects, sessions = scores.shape
    if subjects < 5 or sessions < 2:
        raise WrongUse(
            f"{subjects} subjects with all of {sessions} sessions are too few to tell reliability.",
            "Give at least five subjects with at least two sessions each.",
        )
    freedom = subjects * (sessions - 1)
    sem = float(np.sqrt(scores.var(axis=1, ddof=1).mean()))
    outside = (1 - _CONFIDENCE) / 2
    low, high = sem * np.sqrt(freedom / chi2.ppf([1 - outside, outside], freedom))
    to_change = 1.96 * np.sqrt(2)
    icc = _icc(scores)
    return Reliability(
        icc_2_1=icc["ICC(A,1)"],
        icc_3_1=icc["ICC(C,1)"],
        icc_2_k=icc["ICC(A,k)"],
        sem=Estimate(sem, float(low), float(high)),
        mdc_95=Estimate(float(to_change * sem), float(to_change * low), float(to_change * high)),
        subjects=subjects,
        sessions=sessions,
    )


def bland_altman(first: NDArray[np.float64], second: NDArray[np.float64]) -> Agreement:
    """Bland and Altman's bias and limits of agreement of two methods, each `(pair,)`; pairs with a NaN are left out.

    The limits are bias ± 1.96 standard deviations; their standard error is √(1/n + 1.96² / (2 (n − 1))) standard
    deviations (Bland and Altman 1999, who round 1 + 1.92 to 3 for large n).

    Raises:
        WrongUse: fewer than three whole pairs.
    """
    if np.shape(first) != np.shape(second) or np.ndim(first) != 1:
        raise ValueError(f"expected two of shape (pair,), got {np.shape(first)} and {np.shape(second)}")
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    differences = differences[np.isfinite(differences)]
    pairs = len(differences)
    if pairs < 3:
        raise WrongUse(f"{pairs} pairs are too few to tell agreement.", "Give at least three; fifty tell something.")
    bias, spread = float(differences.mean()), float(differences.std(ddof=1))
    wide = float(t.ppf(1 - (1 - _CONFIDENCE) / 2, pairs - 1)) * spread
    of_limit = wide * float(np.sqrt(1 / pairs + 1.96**2 / (2 * (pairs - 1))))

    def about(value: float, half: float) -> Estimate:
        return Estimate(value, value - half, value + half)

    return Agreement(
        bias=about(bias, wide / float(np.sqrt(pairs))),
        lower_limit=about(bias - 1.96 * spread, of_limit),
        upper_limit=about(bias + 1.96 * spread, of_limit),
        pairs=pairs,
    )


def _icc(scores: NDArray[np.float64]) -> dict[str, Estimate]:
    try:
        import pandas as pd
        import pingouin
    except ImportError as error:
        raise WrongUse("The statistics package is not installed.", "Install screener[study].") from error
    subjects, sessions = scores.shape
    table = pd.DataFrame(
        {
            "subject": np.repeat(np.arange(subjects), sessions),
            "session": np.tile(np.arange(sessions), subjects),
            "score": scores.ravel(),
        }
    )
    with warnings.catch_warnings():
        # pingouin calls pandas in a way that pandas will drop one day.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        found = pingouin.intraclass_corr(table, "subject", "session", "score").set_index("Type")
    column = next(name for name in found.columns if name.startswith("CI95"))
    return {
        str(kind): Estimate(float(row["ICC"]), float(row[column][0]), float(row[column][1]))
        for kind, row in found.iterrows()
    }
