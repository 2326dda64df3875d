"""The learned corrector at run time: kernel regression in numpy, which knows what it has seen.

A pose is compared with every pose of the training (`features.py` says in which quantities); the estimate is a
weighted sum of these likenesses. A pose that is like none of them says so: its greatest likeness is small, the
estimate falls back towards the raw reading, and the interval widens by what the two differ. So does the pelvic drop's
where the free leg is where none of them has it: that is another movement. How it was fitted, on whom, and what it
gave: `models/corrector.md`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screener.errors import BrokenInstallation
from screener.measures.error_model import Estimate, raw_estimate
from screener.measures.features import FEATURES, FREE_LEG, compute_features
from screener.measures.reading import PoseSample
from screener.measures.values import MeasureName
from screener.pose.bundles import model_file
from screener.terms import Side

__all__ = [
    "DEEP_DEG",
    "FARTHEST",
    "TARGETS",
    "KernelCorrector",
    "Prediction",
    "error_circumstances",
    "installed_corrector",
    "likeness",
]

_Values = NDArray[np.float64]

_MEASURES: tuple[MeasureName, ...] = ("pelvic_drop_deg", "fppa_deg", "knee_flexion_deg", "trunk_lean_deg")

#: What is learned: four measures, and the camera's yaw, + = the camera stands on the side of the stance leg.
TARGETS: tuple[str, ...] = (*_MEASURES, "camera_yaw_deg")

#: Features further from the training's mean than so many standard deviations count as this far.
FARTHEST = 4.0

#: From the first to the second of these knee flexions intervals widen to what films' deep bottoms ask for.
DEEP_DEG = (70.0, 85.0)

_DECIMALS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the corrector says about some poses.

    Attributes:
        values: `(pose, target)`, degrees.
        likeness: `(pose,)`, 0..1, to the training pose that is most like it.
        free_leg_likeness: the same, for the free leg alone.
        behind: `(pose,)`, whether it is seen from behind.
    """

    values: _Values
    likeness: _Values
    free_leg_likeness: _Values
    behind: NDArray[np.bool_]


def likeness(features: _Values, others: _Values, gamma: float, others_squared: _Values | None = None) -> _Values:
    """How alike poses are: a Gaussian kernel, `exp(−gamma · squared distance)`, 1 where they are the same.

    Args:
        features, others: `(pose, feature)` and `(other, feature)`, standardised.
        others_squared: `(other,)`, the squared length of each of `others`, where it is known already.

    Returns:
        `(pose, other)`.
    """
    if others_squared is None:
        others_squared = (others**2).sum(axis=1)
    squared = (features**2).sum(axis=1)[:, None] + others_squared[None] - 2 * features @ others.T
    return np.asarray(np.exp(-gamma * np.maximum(squared, 0.0)))


def error_circumstances(values: _Values, likeness: _Values) -> _Values:
    """What the expected size of an error is a linear function of: `(pose, 4)`: a constant, how unlike the training the
    pose is, how far aside the camera stands, and how deep the knee is bent."""
    yaw_deg, knee_deg = values[:, TARGETS.index("camera_yaw_deg")], values[:, TARGETS.index("knee_flexion_deg")]
    return np.column_stack([np.ones(len(values)), 1 - likeness, np.abs(yaw_deg) / 10, np.maximum(knee_deg, 0) / 60])


class KernelCorrector:
    """Estimates of pelvic drop, FPPA, knee flexion and trunk lean from a pose and its quiet stance.

    Args:
        path: the `.npz` file that `models/fit_corrector.py` writes.

    Raises:
        BrokenInstallation: the file does not fit this version's features.
    """

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            arrays = {name: stored[name].astype(np.float64) for name in stored.files if name != "about"}
        if tuple(about["features"]) != FEATURES or tuple(about["targets"]) != TARGETS:
            raise BrokenInstallation("The corrector was fitted for other features.", "Install screener again.")
        self._arrays = arrays
        self._poses_squared = (arrays["poses"] ** 2).sum(axis=1)
        self._free_legs = np.ascontiguousarray(arrays["poses"][:, FREE_LEG])
        self._free_legs_squared = (self._free_legs**2).sum(axis=1)
        self._gamma = float(about["gamma"])

    @property
    def model(self) -> str:
        """The pose bundle that it was fitted to (averaged with the mirror image)."""
        return "heavy"

    def predict(self, features: _Values) -> Prediction:
        """What is learned, from features `(pose, feature)` of one recording; NaN counts as the training mean."""
        a = self._arrays
        standard = (np.where(np.isfinite(features), features, a["mean"]) - a["mean"]) / a["scale"]
        standard = np.clip(standard, -FARTHEST, FARTHEST)
        alike = likeness(standard, a["poses"], self._gamma, self._poses_squared)
        legs_alike = likeness(standard[:, FREE_LEG], self._free_legs, self._gamma, self._free_legs_squared)
        values = alike @ a["weights"] * a["target_scale"] + a["target_mean"]
        # A matrix product's last digits depend on how many threads share it; every door shall give the same number.
        nearest, nearest_leg = (np.round(each.max(axis=1), _DECIMALS) for each in (alike, legs_alike))
        behind = features[:, FEATURES.index("seen_from_the_front")] < 0.5
        return Prediction(np.round(values, _DECIMALS), nearest, nearest_leg, behind)

    def correct(
        self, quiet: PoseSample, at: PoseSample, stance: Side, raw: dict[MeasureName, float]
    ) -> dict[MeasureName, Estimate]:
        """Estimates with 95 % half-widths for the targets, and for hip adduction, which follows from them; the raw
        readings where hips and knees were not found in the picture."""
        found = self._looked(quiet, at, stance)
        trusts = self.trust(found)[0].tolist()
        estimates: dict[MeasureName, Estimate] = {}
        halves = self.half_widths(found)[0].tolist()
        for name, value, half, trust in zip(_MEASURES, found.values[0].tolist(), halves, trusts, strict=False):
            plain = raw_estimate(name, raw[name], float(found.values[0, -1]))
            apart = trust * (1 - trust) * abs(value - plain.value)
            estimates[name] = Estimate(
                trust * value + (1 - trust) * plain.value,
                trust * half + (1 - trust) * plain.half_width + apart,
            )
        drop, fppa = estimates["pelvic_drop_deg"], estimates["fppa_deg"]
        # The thigh's part of a corrected FPPA is what the raw thigh had of the raw one.
        thigh = raw["hip_adduction_deg"] - raw["pelvic_drop_deg"] + 0.5 * (fppa.value - raw["fppa_deg"])
        estimates["hip_adduction_deg"] = Estimate(
            thigh + drop.value, float(np.hypot(drop.half_width, 0.5 * fppa.half_width))
        )
        return estimates

    def camera_yaw_deg(self, quiet: PoseSample, at: PoseSample, stance: Side) -> float:
        """How far aside the camera stands, + = on the side of the stance leg as it is seen; NaN where the pose is
        like none that was learned from."""
        found = self._looked(quiet, at, stance)
        return float(found.values[0, -1]) if self.trust(found)[0, -1] > 0 else float("nan")

    def trust(self, found: Prediction) -> _Values:
        """`(pose, target)`, how far the corrector is believed: 1 for a pose like those it was calibrated on, 0 for one
        that is much less like the training than they are, and the raw reading stands there. The pelvic drop's also
        falls where the free leg is where no training pose has it (`models/corrector.md`)."""
        a = self._arrays
        alike = np.column_stack([found.likeness, found.free_leg_likeness])
        known = np.clip((alike - a["strange"]) / (a["familiar"] - a["strange"]), 0.0, 1.0)
        trust = np.repeat(known[:, :1], len(TARGETS), axis=1)
        trust[:, TARGETS.index("pelvic_drop_deg")] = known.min(axis=1)
        return trust

    def half_widths(self, found: Prediction) -> _Values:
        """`(pose, target)`: the calibrated quantile times the error that the circumstances let expect; wider for deep
        poses and for those that are seen from behind."""
        a = self._arrays
        expected = error_circumstances(found.values, found.likeness) @ a["error_model"].T
        knee_deg = found.values[:, TARGETS.index("knee_flexion_deg")]
        deeper = 1 + np.interp(knee_deg, DEEP_DEG, (0.0, 1.0))[:, None] * (a["deep"] - 1)
        wider = np.where(found.behind[:, None], a["behind_wider"], 1.0)
        return np.asarray(a["conformal"] * deeper * wider * np.maximum(expected, a["error_floor"]))

    def _looked(self, quiet: PoseSample, at: PoseSample, stance: Side) -> Prediction:
        features = compute_features(quiet.px_as_found, quiet.world_m, at.px_as_found, at.world_m, stance)
        found = self.predict(features[None])
        # It learned from joints that were found in the picture; with others it would be sure of itself and wrong.
        joints_known = np.isfinite(quiet.found_px).all() and np.isfinite(at.found_px).all()
        return found if joints_known else replace(found, likeness=np.zeros_like(found.likeness))


@cache
def installed_corrector() -> KernelCorrector:
    """The corrector of this installation."""
    return KernelCorrector(model_file("corrector"))
