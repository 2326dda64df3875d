"""The learned corrector at run time: kernel regression in numpy, which knows what it has seen.

A pose is compared with every pose of the training (`features.py` says in which quantities); the estimate is a
weighted sum of these likenesses. A second such kernel, of squats and step-downs of other people, has most of the say
wherever a pose is like theirs. The pelvic drop besides follows the hip line in the picture a part of the way: among so
many quantities the one that matters most is lost a little. And from how far aside the camera looks the picture tells
better than landmarks do: where the two differ, FPPA and the yaw follow the picture.

A pose that is like none of the training says so: its greatest likeness is small, the estimate falls back towards the
raw reading, and the interval widens by what the two differ. So does the pelvic drop's where the free leg is where none
of them has it: that is another movement. How it was fitted, on whom, and what it gave: `models/corrector.md`.
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

# Where the picture and landmarks have the camera further apart than this, one of them is wrong (9.2° at most in 144
# rendered films).
_APART_DEG = 10.0

_DROP = TARGETS.index("pelvic_drop_deg")
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


class _Kernel:
    """One kernel regression: what is learned from features, and how like its training they are.

    Args:
        arrays: what the file holds, by name.
        prefix: what the names of this kernel's arrays begin with.
        gamma: the kernel's width.
    """

    def __init__(self, arrays: dict[str, _Values], prefix: str, gamma: float) -> None:
        self._mean, self._scale, self.poses, self._weights, self._target_mean, self._target_scale = (
            arrays[prefix + name] for name in ("mean", "scale", "poses", "weights", "target_mean", "target_scale")
        )
        self._squared = (self.poses**2).sum(axis=1)
        self.gamma = gamma

    def standard(self, features: _Values) -> _Values:
        """`(pose, feature)` standardised; NaN counts as the training's mean, what is far from it as `FARTHEST`."""
        known = np.where(np.isfinite(features), features, self._mean)
        return np.asarray(np.clip((known - self._mean) / self._scale, -FARTHEST, FARTHEST))

    def predict(self, features: _Values) -> tuple[_Values, _Values]:
        """`(pose, target)`, and each pose's likeness to the training pose that is most like it."""
        alike = likeness(self.standard(features), self.poses, self.gamma, self._squared)
        values = alike @ self._weights * self._target_scale + self._target_mean
        # A matrix product's last digits depend on how many threads share it; every door shall give the same number.
        return np.round(values, _DECIMALS), np.round(alike.max(axis=1), _DECIMALS)


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
        self._kernel = _Kernel(arrays, "", float(about["gamma"]))
        self.second = _Kernel(arrays, "second_", float(about["second_gamma"]))
        self.second_say = float(about["second_say"])
        self._free_legs = np.ascontiguousarray(arrays["poses"][:, FREE_LEG])
        self._free_legs_squared = (self._free_legs**2).sum(axis=1)

    @property
    def model(self) -> str:
        """The pose bundle that it was fitted to (averaged with the mirror image)."""
        return "heavy"

    def predict(self, features: _Values, aside_deg: _Values | None = None) -> Prediction:
        """What is learned, from features `(pose, feature)` of one recording; NaN counts as the training mean.

        Args:
            features: the poses'.
            aside_deg: `(pose,)`, from how far aside the picture shows the person, turned as the features are; NaN, or
                nothing, where nobody looked.
        """
        a = self._arrays
        values, nearest = self._kernel.predict(features)
        other, like_other = self.second.predict(features)
        strange, familiar = a["second_known"]
        share = self.second_say * np.clip((like_other - strange) / (familiar - strange), 0.0, 1.0)[:, None]
        values = (1 - share) * values + share * other
        follows, at_most_deg = a["hip_line"]
        line = features[:, FEATURES.index("change_hip_tilt_deg")]
        apart = np.where(np.isfinite(line), line, values[:, _DROP]) - values[:, _DROP]
        values[:, _DROP] += follows * np.clip(apart, -at_most_deg, at_most_deg)
        if aside_deg is not None:
            values = values + self.picture_says(values, aside_deg) @ a["aside_follows"]
        told = np.round(a["gain"] * values + a["offset"], _DECIMALS)
        free_legs = self._kernel.standard(features)[:, FREE_LEG]
        legs_alike = likeness(free_legs, self._free_legs, self._kernel.gamma, self._free_legs_squared).max(axis=1)
        behind = features[:, FEATURES.index("seen_from_the_front")] < 0.5
        return Prediction(told, nearest, np.round(legs_alike, _DECIMALS), behind)

    @staticmethod
    def picture_says(values: _Values, aside_deg: _Values) -> _Values:
        """By how much the picture has the camera further aside than landmarks do, `(pose, 2)`, degrees: as it is, and
        the more the deeper the knee is bent; 0 where nobody looked at the picture. No more than they may differ."""
        yaw_deg, knee_deg = values[:, TARGETS.index("camera_yaw_deg")], values[:, TARGETS.index("knee_flexion_deg")]
        apart = np.clip(np.where(np.isfinite(aside_deg), aside_deg - yaw_deg, 0.0), -_APART_DEG, _APART_DEG)
        return np.column_stack([apart, apart * np.maximum(knee_deg, 0.0) / 60])

    def correct(
        self, quiet: PoseSample, at: PoseSample, stance: Side, raw: dict[MeasureName, float], *, grainy: bool = False
    ) -> dict[MeasureName, Estimate]:
        """Estimates with 95 % half-widths for the targets, and for hip adduction, which follows from them; the raw
        readings where hips and knees were not found in the picture. In grainy pictures intervals are wider."""
        found = self._looked(quiet, at, stance)
        trusts = self.trust(found)[0].tolist()
        estimates: dict[MeasureName, Estimate] = {}
        halves = self.half_widths(found, grainy=grainy)[0].tolist()
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
        trust[:, _DROP] = known.min(axis=1)
        return trust

    def half_widths(self, found: Prediction, *, grainy: bool = False) -> _Values:
        """`(pose, target)`: the calibrated quantile times the error that the circumstances let expect; wider for deep
        poses, for those that are seen from behind, and in grainy pictures."""
        a = self._arrays
        expected = error_circumstances(found.values, found.likeness) @ a["error_model"].T
        knee_deg = found.values[:, TARGETS.index("knee_flexion_deg")]
        deeper = 1 + np.interp(knee_deg, DEEP_DEG, (0.0, 1.0))[:, None] * (a["deep"] - 1)
        wider = np.where(found.behind[:, None], a["behind_wider"], 1.0) * (a["grainy_wider"] if grainy else 1.0)
        return np.asarray(a["conformal"] * deeper * wider * np.maximum(expected, a["error_floor"]))

    def _looked(self, quiet: PoseSample, at: PoseSample, stance: Side) -> Prediction:
        features = compute_features(quiet.px_as_found, quiet.world_m, at.px_as_found, at.world_m, stance)
        aside_deg = quiet.aside_deg if stance == "left" else -quiet.aside_deg
        found = self.predict(features[None], np.array([aside_deg]))
        # It learned from joints that were found in the picture; with others it would be sure of itself and wrong.
        joints_known = np.isfinite(quiet.found_px).all() and np.isfinite(at.found_px).all()
        return found if joints_known else replace(found, likeness=np.zeros_like(found.likeness))


@cache
def installed_corrector() -> KernelCorrector:
    """The corrector of this installation."""
    return KernelCorrector(model_file("corrector"))
