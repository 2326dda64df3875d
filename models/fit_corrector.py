"""Fit the corrector from the studio's training frames: landmarks, features, regressors, error model, card.

    python -m screener.studio training --bodies 48 --sets 720 --seed 1 --out FRAMES
    python models/fit_corrector.py FRAMES

Needs scikit-learn (the `fit` extra), which is not needed at run time. Everything is chosen and calibrated by
cross-validation over bodies: what is said about a body comes from regressors that never saw that body.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from sklearn.neural_network import MLPRegressor

from screener.measures.correctors import TARGETS, LearnedCorrector, error_circumstances
from screener.measures.features import FEATURES, compute_features
from screener.pose import PoseEstimator

_Values = NDArray[np.float64]
_HERE = Path(__file__).resolve().parent

# Training settings. Taken at first guess and kept: a search over them on the same bodies would flatter the figures.
RIDGE_ALPHA = 30.0
NETWORKS = 4
HIDDEN = (48, 24)
NETWORK_L2 = 0.02
TREES = 250
TREE_LEAVES = 12
FOLDS = 6
COVERAGE = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Poses with their features and truths, one row each."""

    features: _Values
    targets: _Values
    raw: _Values
    body: NDArray[np.int64]
    yaw_deg: _Values
    tags: list[str]


def main() -> None:
    """Read the frames, fit, and write `corrector.npz`, its card and its manifest entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path, nargs="+", help="folders that `screener.studio training` wrote")
    parser.add_argument("--out", type=Path, default=_HERE, help="where corrector.npz goes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--study", action="store_true", help="learning curve over bodies as well")
    options = parser.parse_args()

    samples = joined([make_samples(folder, options.workers) for folder in options.frames])
    print(f"{len(samples.targets)} poses of {len(np.unique(samples.body))} bodies, {len(FEATURES)} features")
    out_of_fold, spread, novelty = cross_validate(samples)
    figures = report(samples, out_of_fold)
    if options.study:
        figures["learning_curve"] = learning_curve(samples)
    arrays = fit(samples)
    arrays |= calibrate(samples, out_of_fold, spread, novelty)
    arrays["about"] = np.array(
        json.dumps({"features": FEATURES, "targets": TARGETS, "networks": NETWORKS, "figures": figures})
    )
    path = options.out / "corrector.npz"
    np.savez_compressed(path, **arrays)
    LearnedCorrector(path)
    (options.out / "corrector_figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    _enter_in_manifest(options.out, path)
    print(f"wrote {path} ({path.stat().st_size / 1e3:.0f} kB)")


def joined(parts: list[Samples]) -> Samples:
    """Several folders' samples as one. A body number means the same body in all of them."""
    return Samples(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("features", "targets", "raw")),
        np.concatenate([part.body for part in parts]),
        np.concatenate([part.yaw_deg for part in parts]),
        [tag for part in parts for tag in part.tags],
    )


def make_samples(frames: Path, workers: int) -> Samples:
    """Landmarks of every frame (kept in the folder for the next time), then features against the set's quiet frames."""
    truth = pq.read_table(frames / "truth.parquet").to_pylist()
    landmarks = _landmarks(frames, truth, workers)
    sets: dict[int, list[int]] = {}
    for row, each in enumerate(truth):
        sets.setdefault(each["set"], []).append(row)
    rows: list[tuple[_Values, list[float], list[float], int, float, str]] = []
    lost = 0
    for members in sets.values():
        quiet = [row for row in members if truth[row]["kind"] == "quiet" and np.isfinite(landmarks[row]).all()]
        poses = [row for row in members if truth[row]["kind"] == "pose"]
        if not quiet:
            lost += len(poses)
            continue
        still = np.median(landmarks[quiet], axis=0)
        level = float(np.mean([truth[row]["pelvic_obliquity_deg"] for row in quiet]))
        for row in poses:
            if not np.isfinite(landmarks[row]).all():
                lost += 1
                continue
            each, pose = truth[row], landmarks[row]
            found = compute_features(still[:, :2], still[:, 2:5], pose[:, :2], pose[:, 2:5], each["stance_side"])
            named = dict(zip(FEATURES, found, strict=True))
            target = [
                each["pelvic_obliquity_deg"] - level,
                each["fppa_frontal_plane_deg"],
                each["knee_flexion_deg"],
                each["trunk_lean_deg"],
                # Turned as the features are: right legs and back views mirrored.
                each["camera_yaw_deg"]
                * (1 if each["stance_side"] == "left" else -1)
                * (1 if each["camera_facing"] == "anterior" else -1),
            ]
            raw = [
                named["change_hip_slope_deg"],
                named["quiet_fppa_deg"] + named["change_fppa_deg"],
                float("nan"),
                named["quiet_trunk_lean_deg"] + named["change_trunk_lean_deg"],
                float("nan"),
            ]
            rows.append((found, target, raw, each["body"], each["camera_yaw_deg"], str(each.get("motion", ""))))
    print(f"{lost} poses were not found by the pose model and are left out")
    features, targets, raws, bodies, yaws, tags = zip(*rows, strict=True)
    return Samples(np.array(features), np.array(targets), np.array(raws), np.array(bodies), np.array(yaws), list(tags))


def _landmarks(frames: Path, truth: list[dict[str, Any]], workers: int) -> _Values:
    """`(frame, 33, 6)`: heavy model averaged with its mirror image, NaN where nobody was found."""
    kept = frames / "landmarks.npz"
    files = [each["file"] for each in truth]
    if kept.exists():
        with np.load(kept) as arrays:
            if list(arrays["files"]) == files:
                return np.asarray(arrays["landmarks"], dtype=np.float64)
    parts = [files[start::workers] for start in range(workers)]
    found = np.full((len(files), 33, 6), np.nan)
    with ProcessPoolExecutor(workers) as pool:
        for start, part in enumerate(pool.map(_look, [frames] * workers, parts)):
            found[start::workers] = part
    np.savez_compressed(kept, files=np.array(files), landmarks=found.astype(np.float32))
    return found


def _look(frames: Path, files: list[str]) -> _Values:
    import cv2

    found = np.full((len(files), 33, 6), np.nan)
    with PoseEstimator("heavy") as estimator:
        for row, name in enumerate(files):
            bgr = cv2.imread(str(frames / name))
            assert bgr is not None, name
            person = estimator.mirror_averaged(np.ascontiguousarray(bgr[:, :, ::-1]))
            if person is not None:
                found[row] = person
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    arrays: dict[str, Any]

    def predict(self, features: _Values) -> tuple[_Values, _Values, _Values]:
        corrector = LearnedCorrector.__new__(LearnedCorrector)
        corrector._arrays = self.arrays
        corrector._about = {"networks": NETWORKS}
        found = corrector.predict(features)
        return found.values, found.spread, found.novelty


def fit(samples: Samples, seed: int = 0) -> dict[str, Any]:
    """Fit the three regressors for every target; everything that `LearnedCorrector` reads but the calibration."""
    mean, scale = np.nanmean(samples.features, axis=0), np.nanstd(samples.features, axis=0) + 1e-6
    low, high = np.nanpercentile(samples.features, [0.5, 99.5], axis=0)
    high = np.maximum(high, low + 1e-6)
    x = (np.clip(np.where(np.isfinite(samples.features), samples.features, mean), low, high) - mean) / scale
    y = samples.targets
    ridge = Ridge(alpha=RIDGE_ALPHA).fit(x, y)
    target_mean, target_scale = y.mean(axis=0), y.std(axis=0)
    arrays: dict[str, Any] = {
        "mean": mean,
        "scale": scale,
        "low": low,
        "high": high,
        "ridge_weights": ridge.coef_.T,
        "ridge_bias": ridge.intercept_,
        "target_mean": target_mean,
        "target_scale": target_scale,
    }
    for member in range(NETWORKS):
        network = MLPRegressor(
            hidden_layer_sizes=HIDDEN,
            alpha=NETWORK_L2,
            learning_rate_init=2e-3,
            batch_size=128,
            max_iter=120,
            early_stopping=True,
            n_iter_no_change=12,
            random_state=seed + member,
        ).fit(x, (y - target_mean) / target_scale)
        for layer, (weights, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
            arrays[f"net{member}_w{layer}"], arrays[f"net{member}_b{layer}"] = weights, bias
    importance = np.zeros(len(FEATURES))
    bases = []
    for column in range(len(TARGETS)):
        trees = HistGradientBoostingRegressor(
            max_iter=TREES,
            max_leaf_nodes=TREE_LEAVES,
            learning_rate=0.06,
            l2_regularization=5.0,
            min_samples_leaf=12,
            random_state=seed,
        ).fit(x, y[:, column])
        nodes, roots = _tree_arrays(trees)
        arrays[f"trees{column}"], arrays[f"roots{column}"] = nodes, roots
        bases.append(float(np.ravel(trees._baseline_prediction)[0]))
        importance += np.abs(ridge.coef_[column]) / np.abs(ridge.coef_[column]).sum()
    arrays["trees_base"] = np.array(bases)
    # A pose is quite new when what carries the estimate lies outside by a good part of the training range.
    arrays["weight"] = 4.0 * importance / importance.sum()
    return arrays


def _tree_arrays(model: HistGradientBoostingRegressor) -> tuple[_Values, NDArray[np.int64]]:
    """scikit-learn's trees as plain arrays, in the form that `predict_trees` reads."""
    parts: list[_Values] = []
    roots: list[int] = []
    offset = 0
    for (predictor,) in model._predictors:
        nodes = predictor.nodes
        leaf = nodes["is_leaf"].astype(bool)
        table = np.stack(
            [
                np.where(leaf, -1, nodes["feature_idx"]),
                nodes["num_threshold"],
                np.where(leaf, 0, nodes["left"] + offset),
                np.where(leaf, 0, nodes["right"] + offset),
                nodes["value"],
            ],
            axis=1,
        ).astype(np.float64)
        table[leaf, 1] = 0.0
        roots.append(offset)
        offset += len(nodes)
        parts.append(table)
    return np.concatenate(parts), np.array(roots)


def _folds(samples: Samples) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    yield from GroupKFold(FOLDS, shuffle=True, random_state=0).split(samples.features, groups=samples.body)


def _part(samples: Samples, rows: NDArray[np.intp]) -> Samples:
    return Samples(
        samples.features[rows],
        samples.targets[rows],
        samples.raw[rows],
        samples.body[rows],
        samples.yaw_deg[rows],
        [samples.tags[row] for row in rows],
    )


def cross_validate(samples: Samples) -> tuple[_Values, _Values, _Values]:
    """What regressors that never saw a body say about it: values, spread between regressors, novelty."""
    values, spread = np.empty_like(samples.targets), np.empty_like(samples.targets)
    novelty = np.empty(len(values))
    for train, test in _folds(samples):
        fitted = _Fitted(fit(_part(samples, train)))
        values[test], spread[test], novelty[test] = fitted.predict(samples.features[test])
    return values, spread, novelty


def calibrate(samples: Samples, values: _Values, spread: _Values, novelty: _Values) -> dict[str, Any]:
    """The error model and its conformal scale, from errors on bodies that the regressors had not seen.

    The expected size of an error is a non-negative linear function of `error_circumstances`; the half-width of an
    interval is that times the 95 % quantile of error over expected size (split conformal prediction, with the
    cross-validated errors as calibration set).
    """
    from scipy.optimize import nnls

    errors = np.abs(values - samples.targets)
    models, floors, scales = [], [], []
    for column in range(len(TARGETS)):
        circumstances = np.array(
            [error_circumstances(*each) for each in zip(spread[:, column], novelty, values[:, -1], strict=True)]
        )
        model, _ = nnls(circumstances, errors[:, column])
        floor = 0.3 * float(np.median(errors[:, column]))
        ratio = np.sort(errors[:, column] / np.maximum(circumstances @ model, floor))
        rank = min(len(ratio) - 1, int(np.ceil((len(ratio) + 1) * COVERAGE)) - 1)
        models.append(model)
        floors.append(floor)
        scales.append(float(ratio[rank]))
    return {"error_model": np.array(models), "error_floor": np.array(floors), "conformal": np.array(scales)}


def report(samples: Samples, values: _Values) -> dict[str, Any]:
    """Print and return the cross-validated figures, beside what the raw reading gives."""
    figures: dict[str, Any] = {"poses": len(values), "bodies": len(np.unique(samples.body))}
    usual = np.abs(samples.yaw_deg) <= 20
    for column, name in enumerate(TARGETS):
        truth, guess, raw = samples.targets[usual, column], values[usual, column], samples.raw[usual, column]
        error = guess - truth
        figures[name] = {
            "mae": round(float(np.abs(error).mean()), 3),
            "bias": round(float(error.mean()), 3),
            "slope": round(float(np.polyfit(truth, guess, 1)[0]), 3),
            "r": round(float(np.corrcoef(truth, guess)[0, 1]), 3),
            "raw_mae": round(float(np.abs(raw - truth).mean()), 3),
        }
        print(name, figures[name])
    return figures


def learning_curve(samples: Samples) -> dict[str, list[float]]:
    """Cross-validated MAE of each target with 6, 12, 24 and all bodies in training."""
    curve: dict[str, list[float]] = {}
    bodies = np.unique(samples.body)
    for count in (6, 12, 24, len(bodies)):
        values = np.full_like(samples.targets, np.nan)
        for train, test in _folds(samples):
            seen = np.random.default_rng(count).permutation(np.unique(samples.body[train]))[:count]
            rows = train[np.isin(samples.body[train], seen)]
            values[test] = _Fitted(fit(_part(samples, rows))).predict(samples.features[test])[0]
        curve[str(count)] = [round(float(x), 3) for x in np.abs(values - samples.targets).mean(axis=0)]
        print("bodies", count, curve[str(count)])
    return curve


def _enter_in_manifest(folder: Path, path: Path) -> None:
    manifest_path = folder / "manifest.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {"models": {}}
    manifest["models"]["corrector"] = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "licence": "Apache-2.0",
        "source": ["fitted by models/fit_corrector.py on rendered people"],
        "changed": [],
        "card": "corrector.md",
    }
    manifest_path.write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
