"""The learned correctors at run time: numpy only, bounded by what the training saw, each value with its interval.

For every target three regressors look at the same features (`features.py`): a ridge regression, a small network
and boosted trees. Their mean is the estimate. Features are clipped to the range that the training had, and the
further a pose lies outside that range, the more the estimate falls back towards the raw reading and the wider
the interval grows. How they were fitted and measured: `models/corrector.md`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.errors import BrokenInstallation
from screener.measures.error_model import Estimate
from screener.measures.features import FEATURES, compute_features
from screener.measures.reading import PoseSample
from screener.measures.values import MeasureName
from screener.pose.bundles import model_file
from screener.terms import Side

__all__ = ["LearnedCorrector", "Prediction", "installed_corrector", "predict_trees"]

_Values = NDArray[np.float64]

_MEASURES: tuple[MeasureName, ...] = ("pelvic_drop_deg", "fppa_deg", "knee_flexion_deg", "trunk_lean_deg")

#: What is learned: four measures, and the camera's yaw (+ = towards the free side as seen), which widens intervals.
TARGETS: tuple[str, ...] = (*_MEASURES, "camera_yaw_deg")


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the regressors say about some poses.

    Attributes:
        values: `(pose, target)`, the mean of the regressors.
        spread: `(pose, target)`, the standard deviation between them.
        novelty: `(pose,)`, how far outside the training range: 0 inside, 1 where most of what counts is outside.
    """

    values: _Values
    spread: _Values
    novelty: _Values


class LearnedCorrector:
    """Estimates of pelvic drop, FPPA, knee flexion and trunk lean from a pose and its quiet stance.

    Args:
        path: the `.npz` file that `models/fit_corrector.py` writes.

    Raises:
        BrokenInstallation: the file does not fit this version's features.
    """

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as arrays:
            self._arrays = {name: arrays[name] for name in arrays.files}
        self._about: dict[str, Any] = json.loads(str(self._arrays["about"]))
        if tuple(self._about["features"]) != FEATURES or tuple(self._about["targets"]) != TARGETS:
            raise BrokenInstallation("The corrector was fitted for other features.", "Install screener again.")

    @property
    def model(self) -> str:
        """The pose bundle that it was fitted to (averaged with the mirror image)."""
        return "heavy"

    def predict(self, features: _Values) -> Prediction:
        """Run the regressors.

        Args:
            features: `(pose, feature)`; NaN counts as the training mean.
        """
        a = self._arrays
        features = np.where(np.isfinite(features), features, a["mean"])
        outside = np.maximum(a["low"] - features, features - a["high"]) / (a["high"] - a["low"])
        novelty = np.clip(outside, 0.0, 1.0) @ a["weight"]
        x = (np.clip(features, a["low"], a["high"]) - a["mean"]) / a["scale"]
        opinions = np.stack([self._ridge(x), self._network(x), self._trees(x)])
        return Prediction(opinions.mean(axis=0), opinions.std(axis=0), np.clip(novelty, 0.0, 1.0))

    def correct(
        self, quiet: PoseSample, at: PoseSample, stance: Side, raw: dict[MeasureName, float]
    ) -> dict[MeasureName, Estimate]:
        """Estimates with 95 % half-widths for the targets, and for hip adduction, which follows from them."""
        features = compute_features(quiet.px, quiet.world_m, at.px, at.world_m, stance)
        found = self.predict(features[None])
        novelty, values = float(found.novelty[0]), found.values[0]
        yaw_deg = float(values[len(_MEASURES)])
        estimates: dict[MeasureName, Estimate] = {}
        for column, name in enumerate(_MEASURES):
            value = (1 - novelty) * float(values[column]) + novelty * raw[name]
            half = self._half_width(column, float(found.spread[0, column]), novelty, yaw_deg)
            half += novelty * abs(float(values[column]) - raw[name])
            estimates[name] = Estimate(value, half)
        drop, fppa = estimates["pelvic_drop_deg"], estimates["fppa_deg"]
        # The thigh's part of a corrected FPPA is what the raw thigh had of the raw one.
        thigh = raw["hip_adduction_deg"] - raw["pelvic_drop_deg"] + 0.5 * (fppa.value - raw["fppa_deg"])
        estimates["hip_adduction_deg"] = Estimate(
            thigh + drop.value, float(np.hypot(drop.half_width, 0.5 * fppa.half_width))
        )
        return estimates

    def _half_width(self, column: int, spread: float, novelty: float, yaw_deg: float) -> float:
        """The conformal half-width: the calibrated quantile times the error that these circumstances let expect."""
        a = self._arrays
        expected = float(np.dot(a["error_model"][column], error_circumstances(spread, novelty, yaw_deg)))
        return float(a["conformal"][column]) * max(expected, float(a["error_floor"][column]))

    def _ridge(self, x: _Values) -> _Values:
        return np.asarray(x @ self._arrays["ridge_weights"] + self._arrays["ridge_bias"])

    def _network(self, x: _Values) -> _Values:
        """The mean of several small networks with one or two hidden layers of rectifiers."""
        a, outputs = self._arrays, []
        for member in range(int(self._about["networks"])):
            hidden = x
            layer = 0
            while f"net{member}_w{layer + 1}" in a:
                hidden = np.maximum(hidden @ a[f"net{member}_w{layer}"] + a[f"net{member}_b{layer}"], 0.0)
                layer += 1
            outputs.append(hidden @ a[f"net{member}_w{layer}"] + a[f"net{member}_b{layer}"])
        return np.asarray(np.mean(outputs, axis=0) * a["target_scale"] + a["target_mean"])

    def _trees(self, x: _Values) -> _Values:
        return np.stack(
            [
                predict_trees(self._arrays[f"trees{column}"], self._arrays[f"roots{column}"], x)
                + self._arrays["trees_base"][column]
                for column in range(len(TARGETS))
            ],
            axis=1,
        )


def error_circumstances(spread: float, novelty: float, yaw_deg: float) -> _Values:
    """What the expected error is a linear function of: a constant, the regressors' spread, novelty and yaw."""
    return np.array([1.0, spread, novelty, abs(yaw_deg) / 10.0])


def predict_trees(nodes: _Values, roots: NDArray[np.integer[Any]], x: _Values) -> _Values:
    """The sum of regression trees.

    Args:
        nodes: `(node, 5)`: feature (−1 at a leaf), threshold, left child, right child, value.
        roots: `(tree,)`, each tree's first node.
        x: `(pose, feature)`.

    Returns:
        `(pose,)`.
    """
    feature = nodes[:, 0].astype(np.intp)
    children = nodes[:, 2:4].astype(np.intp)
    sums = np.empty(len(x))
    for row, pose in enumerate(x):
        at = roots.astype(np.intp)
        while True:
            inner = feature[at] >= 0
            if not inner.any():
                break
            go_right = pose[feature[at]] > nodes[at, 1]
            at = np.where(inner, children[at, go_right.astype(np.intp)], at)
        sums[row] = nodes[at, 4].sum()
    return sums


@cache
def installed_corrector() -> LearnedCorrector:
    """The corrector of this installation."""
    return LearnedCorrector(model_file("corrector"))
