"""Fit the corrector from rendered people, calibrate its intervals on others, measure it on a third lot, write its card.

    python -m screener.studio training --seed 13 --bodies 40 --sets 240 --out FRAMES/train13      (and so on)
    python -m screener.studio validation --stills --seed 41 --clips 80 --out FRAMES/train41        (and so on)
    python -m screener.studio validation --stills --seed 71 --clips 80 --varied --out FRAMES/train71   (and so on)
    python -m screener.studio training --seed 15 --bodies 60 --sets 180 --varied --out FRAMES/joints15 (and so on)
    python -m screener.studio validation --stills --seed 53 --clips 80 --out FRAMES/joints53       (and so on)
    python -m screener.studio validation --stills --seed 21 --clips 100 --out FRAMES/calibrate21   (and so on)
    python -m screener.studio validation --stills --seed 22 --clips 60 --out FRAMES/test
    python -m screener.studio validation --stills --seed 301 --clips 80 --out FRAMES/second301     (and so on)
    python models/fit_joints.py FRAMES/train* FRAMES/joints* --others FRAMES/second* FRAMES/calibrate* FRAMES/test
    python -m screener.studio validation --stills --about --seed 501 --clips 80 --out FRAMES/facing501   (and so on)
    python models/fit_facing.py FRAMES/facing* --others FRAMES/calibrate* FRAMES/test
    python models/fit_corrector.py FRAMES/train* --second FRAMES/second* --calibrate FRAMES/calibrate* \\
        --test FRAMES/test

Without training frames the last of these fits the second kernel alone, to the first one as it is; without `--second`
either it brings what both tell to the calibration's people again, and how far it follows the picture.

`--all FRAMES` does all of this from nothing, in some hours; `fit_joints.py` and `fit_facing.py`, which find the joints
that the corrector looks at and from how far aside the picture shows people, need PyTorch and onnx. Everything is chosen
by cross-validation over the training's bodies; the test's bodies see nothing but the finished corrector.

A film is not a still: it is coded and filtered, and its bottoms are found a little early or late. So every interval is
brought to what holds 95 % of the truths of whole films. Once, and on other films than those of the test:

    python -m screener.studio validation --seed 210 --clips 50 --out FILMS      (and 220, and 230)
    python -m screener.studio measure FILMS --out FILMS
    python models/fit_corrector.py --films FILMS/validation.csv --test FRAMES/test

Few of them are seen from behind, so the intervals of such poses are brought to films that all are:

    python -m screener.studio validation --seed 170 --clips 44 --behind --out BEHIND      (and --seed 180 --clips 24)
    python -m screener.studio measure BEHIND --out BEHIND
    python models/fit_corrector.py --behind BEHIND/validation.csv --test FRAMES/test
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from screener.measures.correctors import (
    DEEP_DEG,
    FARTHEST,
    TARGETS,
    KernelCorrector,
    Prediction,
    error_circumstances,
    likeness,
)
from screener.measures.features import FEATURES, compute_features
from screener.pose import PoseEstimator, mend_left_right_flips
from screener.pose.landmarks import FOUND_JOINTS
from screener.terms import Side
from screener.video import open_video

_Values = NDArray[np.float64]
_HERE = Path(__file__).resolve().parent

#: What is tried: the kernel's width, and how much a training pose is doubted.
GAMMAS = (0.0005, 0.001, 0.002)
DOUBTS = (0.01, 0.03, 0.1)
FOLDS = 4
_STRIP = 1000
_CHOOSE_AMONG = 1000  # bodies: what is chosen does not hang on more, the time does
COVERAGE = 0.95
_DRAWINGS = 500
# How far a pose is from the training is told in ramps: 0 is the strangest twentieth of the calibration's poses, and one
# ramp further each time that lies as far beyond as these lie from the usual pose.
_STRANGEST = 0.05
# Where the guard begins, and where nothing but the plain formula stands: of the whole pose and, for the drop, of where
# the free leg is, too. Nearly all films' free legs lie below 1, most of the balance trial's beyond 1.25.
# (Figures: docs/accuracy.md.)
_RAMPS, _LEG_RAMPS = (1.0, 2.0), (1.0, 1.25)

#: Features of these count half: what arms do, and depths, tell little of pelvis and knee, and make a pose strange that
#: is usual.
_LESSER = ("elbow", "wrist", "depth")

#: What `--all` renders: name, bodies, sets, seed, share of steady sets, and whether people are dressed and lit more
#: freely. A corrector fitted on many wide motions believes the knee's alignment too little, so two lots are for the
#: network that finds the joints alone.
_TRAINING = (("train11", 40, 240, 11, 0.0, False), ("train13", 40, 240, 13, 0.75, False))
_FOR_JOINTS = (("joints15", 60, 180, 15, 0.0, True), ("joints17", 60, 180, 17, 0.75, True))
#: Stills of whole squats and step-downs, as people are filmed: name, bodies, seed, and whether dressed more freely.
#: More bodies, steadily posed, bring more than more motions of the same.
_STEADY = tuple((f"train{seed}", 80, seed, seed > 70) for seed in (*range(41, 53), *range(71, 83)))
#: More of the same for the network alone: the library that solves the corrector's equations broke with 25 000 poses.
_STEADY_FOR_JOINTS = tuple((f"joints{seed}", 80, seed, False) for seed in range(53, 65))
#: People for the corrector's second kernel: the network that finds hips and knees has not seen them.
_SECOND = tuple(
    (f"second{seed}", 80, seed, seed % 2 == 1) for seed in (*range(301, 315), *range(401, 415), *range(421, 427))
)
#: More who step down forward: the free leg before the other hides much of it.
_FORWARD = tuple((f"second{seed}", 320, seed, seed % 2 == 1) for seed in range(431, 437))
#: People for the network that tells from how far aside somebody is seen, three quarters of them dressed freely.
_FACING = tuple((f"facing{seed}", 80, seed, seed % 2 == 1 or seed // 2 % 2 == 0) for seed in range(501, 531))
_OTHERS = (
    ("calibrate21", 100, 21, False),
    *((f"calibrate{seed}", 80, seed, seed % 2 == 1) for seed in range(101, 105)),
    ("test", 60, 22, False),
)


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Poses with their features, truths and raw readings, one row each; `body` tells whose they are, `aside_deg` from
    how far aside the quiet stance's pictures show them (turned as the features are; NaN where nobody looked)."""

    features: _Values
    targets: _Values
    raw: _Values
    aside_deg: _Values
    body: NDArray[np.int64]
    tags: list[dict[str, Any]]

    def __getitem__(self, rows: NDArray[Any]) -> Samples:
        chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
        tags = [self.tags[row] for row in chosen]
        arrays = [getattr(self, name)[chosen] for name in (*_ARRAYS, "body")]
        return Samples(*arrays, tags)

    def tagged(self, name: str) -> NDArray[Any]:
        return np.array([tag[name] for tag in self.tags])


_ARRAYS = ("features", "targets", "raw", "aside_deg")


def main() -> None:
    """Read the frames, fit, calibrate, measure; write `corrector.npz`, its figures, its card and its manifest entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path, nargs="*", help="folders that `screener.studio training` wrote")
    parser.add_argument("--second", type=Path, nargs="+", help="folders of stills to fit the second kernel on")
    parser.add_argument("--calibrate", type=Path, nargs="+", help="folders of stills to calibrate the intervals on")
    parser.add_argument("--test", type=Path, help="a folder of stills to measure on")
    parser.add_argument("--all", type=Path, help="render everything into this folder first, then fit")
    parser.add_argument("--balance", type=Path, help="a folder with the balance trial, see balance_trial()")
    parser.add_argument("--films", type=Path, help="bring its intervals to these readings of films")
    parser.add_argument("--spread", type=float, help="stretch the drop by this, where more than these films tell it")
    parser.add_argument("--behind", type=Path, help="bring the intervals of what is seen from behind to these")
    parser.add_argument("--out", type=Path, default=_HERE, help="where the corrector goes")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.all is not None:
        options.frames, options.second, options.calibrate, options.test = render_all(options.all, options.workers)
    if options.films is not None and options.test is not None:
        fit_to_films(options.out, options.films, make_samples(options.test, options.workers), options.spread)
        return
    if options.behind is not None and options.test is not None:
        fit_from_behind(options.out, options.behind, make_samples(options.test, options.workers))
        return
    if not options.calibrate or options.test is None or (options.frames and not options.second):
        parser.error("give folders of training frames, --second, --calibrate and --test; or --all")

    second, calibrating = (
        joined([make_samples(folder, options.workers) for folder in folders]) if folders else None
        for folders in (options.second, options.calibrate)
    )
    testing = make_samples(options.test, options.workers)
    assert calibrating is not None
    if second is None or not options.frames:
        fit_anew(options.out, second, calibrating, testing)
        return
    training = joined([make_samples(folder, options.workers) for folder in options.frames])
    print(f"{len(training.body)} training poses of {len(np.unique(training.body))} bodies, {len(FEATURES)} features")
    gamma, doubt, tried = choose(training)
    arrays = fit(training, gamma, doubt)
    about = {"features": FEATURES, "targets": TARGETS, "gamma": gamma, "doubt": doubt}
    path = options.out / "corrector.npz"
    arrays |= _UNCALIBRATED
    add_second(path, arrays, about, second, calibrating)
    follow_the_picture(path, arrays, about, calibrating)
    arrays |= calibrate(KernelCorrector(path), arrays, gamma, calibrating)
    write(path, arrays, about)
    corrector = KernelCorrector(path)
    figures: dict[str, Any] = {
        "training": {"poses": len(training.body), "bodies": len(np.unique(training.body)), "tried": tried},
        "second": {"poses": len(second.body), "bodies": len(np.unique(second.body))},
        "calibration": {"poses": len(calibrating.body), "bodies": len(np.unique(calibrating.body))},
        "chosen": {"gamma": gamma, "doubt": doubt},
        "made_by": [json.loads((folder / "made_by.json").read_text()) for folder in options.frames],
        "test": measure(corrector, testing),
        "learning_curve": learning_curve(training, testing, gamma, doubt),
    }
    if options.balance is not None:
        figures["balance"] = balance_trial(corrector, options.balance)
    (options.out / "corrector.json").write_text(json.dumps(figures, indent=1) + "\n")
    (options.out / "corrector.md").write_text(card(figures, path))
    enter_in_manifest(options.out, "corrector", path, _ENTRY)
    print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")


def render_all(out: Path, workers: int) -> tuple[list[Path], list[Path], list[Path], Path]:
    """Render what the corrector in this folder was fitted, calibrated and tested on, and find the joints in it."""
    studio = [sys.executable, "-m", "screener.studio"]
    for name, bodies, sets, seed, steady, varied in (*_TRAINING, *_FOR_JOINTS):
        _run([*studio, "training", "--bodies", bodies, "--sets", sets, "--seed", seed, "--steady-share", steady,
              "--workers", workers, "--varied" if varied else "--no-varied", "--out", out / name])  # fmt: skip
    of_all = (*_STEADY, *_STEADY_FOR_JOINTS, *_SECOND, *_OTHERS)
    for lots, how in ((of_all, ()), (_FORWARD, ("--only", "forward_step_down")), (_FACING, ("--about",))):
        for name, clips, seed, varied in lots:
            _run([*studio, "validation", "--stills", "--clips", clips, "--seed", seed, "--workers", workers,
                  "--varied" if varied else "--no-varied", *how, "--out", out / name])  # fmt: skip
    training, joints, second, facing, others = (
        [out / name for name, *_ in lots]
        for lots in (
            (*_TRAINING, *_STEADY),
            (*_FOR_JOINTS, *_STEADY_FOR_JOINTS),
            (*_SECOND, *_FORWARD),
            _FACING,
            _OTHERS,
        )
    )
    fit_joints, fit_facing = (
        [sys.executable, _HERE / f"fit_{name}.py", "--workers", workers] for name in ("joints", "facing")
    )
    _run([*fit_joints, *training, *joints, "--others", *second, *others])
    _run([*fit_facing, *facing, "--others", *others])
    return training, second, others[:-1], others[-1]


def _run(command: Sequence[object]) -> None:
    subprocess.run([str(word) for word in command], check=True)


def joined(parts: list[Samples]) -> Samples:
    """Several folders' samples as one; each folder has bodies of its own."""
    arrays = [np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS]
    bodies = np.concatenate([part.body + 10_000 * number for number, part in enumerate(parts)])
    return Samples(*arrays, bodies, [tag for part in parts for tag in part.tags])


def make_samples(frames: Path, workers: int) -> Samples:
    """Landmarks of every frame, hips and knees as `fit_joints.py` found them (in pictures of the training, the half of
    its network that has not seen the person); then features against the quiet frames. What is raw has the pose model's
    own."""
    truth = pq.read_table(frames / "truth.parquet").to_pylist()
    plain = landmarks_of(frames, workers)
    landmarks = plain.copy()
    with np.load(frames / "joints.npz") as stored:
        known = np.isfinite(stored["joints"][:, 0, 0])
        landmarks[np.ix_(known, FOUND_JOINTS, (0, 1))] = stored["joints"][known]
    aside_deg = aside_of(frames, len(truth))
    sets: dict[int, list[int]] = {}
    for row, each in enumerate(truth):
        sets.setdefault(each["set"], []).append(row)
    features, targets, raws, asides, bodies, tags = [], [], [], [], [], []
    seen = np.asarray(np.isfinite(landmarks).all(axis=(1, 2)))
    for members in sets.values():
        quiet = [row for row in members if truth[row]["kind"] == "quiet" and bool(seen[row])]
        if not quiet:
            continue
        looked = aside_deg[quiet][np.isfinite(aside_deg[quiet])]
        aside = float(np.median(looked)) if len(looked) else float("nan")
        level = float(np.mean([truth[row]["pelvic_obliquity_deg"] for row in quiet]))
        for row in members:
            each = truth[row]
            if each["kind"] == "quiet" or not bool(seen[row]):
                continue
            found = features_of(landmarks, quiet, row, each["stance_side"])
            named = dict(zip(FEATURES, features_of(plain, quiet, row, each["stance_side"]), strict=True))
            # Turned as the features are: right legs and back views mirrored.
            turned = (1 if each["stance_side"] == "left" else -1) * (1 if each["camera_facing"] == "anterior" else -1)
            features.append(found)
            targets.append(
                [
                    each["pelvic_obliquity_deg"] - level,
                    each["fppa_frontal_plane_deg"],
                    each["knee_flexion_deg"],
                    each["trunk_lean_deg"],
                    each["seen_from_aside_deg"] * turned,
                ]
            )
            raws.append(
                [
                    named["change_hip_tilt_deg"],
                    named["picture_fppa_deg"],
                    float("nan"),
                    named["quiet_trunk_lean_deg"] + named["change_trunk_lean_deg"],
                    float("nan"),
                ]
            )
            asides.append(aside if each["stance_side"] == "left" else -aside)
            bodies.append(each["body"])
            tags.append(
                {
                    "motion": each["motion"],
                    "yaw_deg": each["camera_yaw_deg"],
                    "dark": each["exposure"] < 0.42,
                    "steady": bool(each.get("steady", True)),
                    "at": each.get("at", ""),
                }
            )
    lost = sum(each["kind"] != "quiet" for each in truth) - len(bodies)
    print(f"{frames.name}: {len(bodies)} poses; {lost} without a person found are left out")
    arrays = [np.array(each) for each in (features, targets, raws, asides, bodies)]
    return Samples(*arrays, tags)


def aside_of(frames: Path, count: int) -> _Values:
    """From how far aside every picture shows its person, `(frame,)`, as `fit_facing.py` has told; NaN where it did
    not."""
    kept = frames / "aside.npz"
    if not kept.exists():
        return np.full(count, np.nan)
    with np.load(kept) as stored:
        return np.asarray(stored["aside_deg"], dtype=np.float64)


def features_of(landmarks: _Values, quiet: list[int], row: int, stance: Side) -> _Values:
    """One picture's features against the median of the quiet ones."""
    still, at = np.median(landmarks[quiet], axis=0), landmarks[row]
    return compute_features(still[:, :2], still[:, 2:5], at[:, :2], at[:, 2:5], stance)


def landmarks_of(frames: Path, workers: int) -> _Values:
    """`(frame, 33, 6)`: heavy model averaged with its mirror image, NaN where nobody was found. Kept in the folder."""
    files = pq.read_table(frames / "truth.parquet", columns=["file"])["file"].to_pylist()
    kept = frames / "landmarks.npz"
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
            person = estimator.seen_alone(np.ascontiguousarray(bgr[:, :, ::-1]))
            if person is not None:
                found[row] = person
    return found


def fit(samples: Samples, gamma: float, doubt: float) -> dict[str, _Values]:
    """Kernel ridge regression (Gaussian kernel) of all targets at once: what `KernelCorrector.predict` reads."""
    mean, scale = samples.features.mean(axis=0), samples.features.std(axis=0) + 1e-6
    words = [set(name.split("_")) for name in FEATURES]
    scale = np.where([bool(each & set(_LESSER)) for each in words], 2 * scale, scale)
    # Half precision halves the file; the weights are those of the poses as they are stored.
    poses = np.clip((samples.features - mean) / scale, -FARTHEST, FARTHEST).astype(np.float16).astype(np.float64)
    target_mean, target_scale = samples.targets.mean(axis=0), samples.targets.std(axis=0)
    # In strips, and factored where it lies (a symmetric matrix is its own transpose): it is some gigabytes large.
    kernel = np.empty((len(poses), len(poses)))
    for start in range(0, len(poses), _STRIP):
        kernel[start : start + _STRIP] = likeness(poses[start : start + _STRIP], poses, gamma)
    kernel[np.diag_indices(len(kernel))] += doubt
    wanted = (samples.targets - target_mean) / target_scale
    with threadpool_limits(1, "blas"):  # with several threads the library breaks on so large a matrix
        weights = cho_solve(cho_factor(kernel.T, overwrite_a=True, check_finite=False), wanted, check_finite=False)
    return {
        "mean": mean,
        "scale": scale,
        "poses": poses,
        "weights": weights,
        "target_mean": target_mean,
        "target_scale": target_scale,
    }


# The second kernel's width and doubt, and its say where it has seen the like; and how far the drop follows the hip
# line: the share, and the most degrees apart. (Figures: docs/accuracy.md.)
_SECOND_GAMMA, _SECOND_DOUBT, _SECOND_SAY, _HIP_LINE = 0.001, 0.02, 0.75, (0.2, 3.0)

#: The first kernel and nothing else: the second is of one pose, and never like enough to have a say.
_ALONE = {
    "second_mean": np.zeros(len(FEATURES)),
    "second_scale": np.ones(len(FEATURES)),
    "second_poses": np.zeros((1, len(FEATURES))),
    "second_weights": np.zeros((1, len(TARGETS))),
    "second_target_mean": np.zeros(len(TARGETS)),
    "second_target_scale": np.ones(len(TARGETS)),
    "second_known": np.array([2.0, 3.0]),
    "hip_line": np.zeros(2),
    "aside_follows": np.zeros((2, len(TARGETS))),
    "gain": np.ones(len(TARGETS)),
    "offset": np.zeros(len(TARGETS)),
}

_UNCALIBRATED = {
    **_ALONE,
    "familiar": np.ones(2),
    "strange": np.zeros(2),
    "error_model": np.zeros((len(TARGETS), 4)),
    "error_floor": np.zeros(len(TARGETS)),
    "conformal": np.zeros(len(TARGETS)),
    "deep": np.ones(len(TARGETS)),
    "grainy_wider": np.ones(len(TARGETS)),
    "behind_wider": np.ones(len(TARGETS)),
}


def add_second(
    path: Path, arrays: dict[str, _Values], about: dict[str, Any], samples: Samples, calibrating: Samples
) -> None:
    """Adds the second kernel and the hip line to a corrector, in its file and in its arrays.

    It is fitted on squats and step-downs alone, of people whom the network that finds hips and knees has not seen at
    all: the first kernel's people were told by one half of it each, which is less sure than the mean of both. Where a
    pose is like none of theirs it has no say: the strangest twentieth of the calibration's poses still lie before that
    begins, and it has ended as far beyond as those lie from the usual pose.
    """
    about |= {"second_gamma": _SECOND_GAMMA, "second_say": _SECOND_SAY}
    kernel = fit(samples, _SECOND_GAMMA, _SECOND_DOUBT)
    arrays |= {f"second_{name}": each for name, each in kernel.items()}
    write(path, arrays, about)
    _, nearest = KernelCorrector(path).second.predict(calibrating.features)
    familiar, strange = _ramp(nearest, _SECOND_GAMMA)
    arrays |= {"second_known": np.array([strange, familiar]), "hip_line": np.array(_HIP_LINE)}
    write(path, arrays, about)


def follow_the_picture(path: Path, arrays: dict[str, _Values], about: dict[str, Any], calibrating: Samples) -> None:
    """Fits how far FPPA and the camera's yaw follow what the picture says of its place where landmarks say otherwise,
    by least squares, in the corrector's file and in its arrays; gain and offset are to be told anew afterwards.

    Few numbers, and neither the kernels nor the network have seen the calibration's people, so these may tell them.
    What else is told hardly hangs on the camera's place.
    """
    arrays |= {name: _ALONE[name].copy() for name in ("aside_follows", "gain", "offset")}
    write(path, arrays, about)
    values = KernelCorrector(path).predict(calibrating.features).values
    apart = KernelCorrector.picture_says(values, calibrating.aside_deg)
    missing = calibrating.targets - values
    hang = [TARGETS.index(name) for name in ("fppa_deg", "camera_yaw_deg")]
    arrays["aside_follows"][:, hang] = np.linalg.lstsq(apart, (missing - missing.mean(axis=0))[:, hang], rcond=None)[0]
    write(path, arrays, about)


def _ramp(nearest: _Values, gamma: float, ramps: tuple[float, float] = _RAMPS) -> _Values:
    """The likenesses between which a kernel's say ends, from how like its training the calibration's poses are."""
    far = np.sqrt(-np.log(nearest) / gamma)
    usual, edge = np.quantile(far, (0.5, 1 - _STRANGEST))
    return np.asarray(np.exp(-gamma * (edge + np.array(ramps) * (edge - usual)) ** 2))


def write(path: Path, arrays: dict[str, _Values], about: dict[str, Any]) -> None:
    """One file: poses in half precision, everything else in single."""
    stored: dict[str, Any] = {
        name: values.astype(np.float16 if name.endswith("poses") else np.float32) for name, values in arrays.items()
    }
    np.savez_compressed(path, **stored, about=np.array(json.dumps(about)))


def _predict(arrays: dict[str, _Values], features: _Values, gamma: float) -> _Values:
    standard = np.clip((features - arrays["mean"]) / arrays["scale"], -FARTHEST, FARTHEST)
    values = likeness(standard, arrays["poses"], gamma) @ arrays["weights"]
    return np.asarray(values * arrays["target_scale"] + arrays["target_mean"])


def choose(samples: Samples) -> tuple[float, float, dict[str, list[float]]]:
    """The kernel's width and doubt by cross-validation over (at most a thousand) bodies: least mean of the targets'
    errors, each in units of the target's spread, on the steady squats and step-downs that the product is for."""
    order = np.random.default_rng(0).permutation(np.unique(samples.body))[:_CHOOSE_AMONG]
    samples = samples[np.isin(samples.body, order)]
    fold_of = {int(body): number % FOLDS for number, body in enumerate(order)}
    folds = np.array([fold_of[int(body)] for body in samples.body])
    usual = samples.tagged("steady") & (np.abs(samples.tagged("yaw_deg")) <= 20)
    tried: dict[str, list[float]] = {}
    scored: list[tuple[float, float, float]] = []
    for gamma in GAMMAS:
        for doubt in DOUBTS:
            values = np.empty_like(samples.targets)
            for fold in range(FOLDS):
                arrays = fit(samples[folds != fold], gamma, doubt)
                values[folds == fold] = _predict(arrays, samples.features[folds == fold], gamma)
            errors = np.abs(values - samples.targets)[usual].mean(axis=0)
            tried[f"gamma {gamma:g}, doubt {doubt:g}"] = [round(float(error), 3) for error in errors]
            scored.append((float((errors / samples.targets[usual].std(axis=0)).mean()), gamma, doubt))
            print(f"gamma {gamma:g}, doubt {doubt:g}: mean absolute errors {np.round(errors, 2)}", flush=True)
    _, gamma, doubt = min(scored)
    return gamma, doubt, tried


def calibrate(corrector: KernelCorrector, arrays: dict[str, _Values], gamma: float, samples: Samples) -> dict[str, Any]:
    """What is told brought to the truths' mean and spread, the error model and its conformal scale, from the errors on
    bodies that the fit had not seen.

    The expected size of an error is a non-negative linear function of `error_circumstances`; the half-width of an
    interval is that times the 95 % quantile of error over expected size (split conformal prediction, Vovk et al. 2005;
    normalised as by Lei et al. 2018).
    """
    found = corrector.predict(samples.features, samples.aside_deg)
    gain, offset = _spread(found.values, samples)
    told = gain * found.values + offset
    errors = np.abs(told - samples.targets)
    circumstances = error_circumstances(told, found.likeness)
    ramps = ((found.likeness, _RAMPS), (found.free_leg_likeness, _LEG_RAMPS))
    familiar, strange = np.array([_ramp(nearest, gamma, ends) for nearest, ends in ramps]).T
    models, floors, scales = [], [], []
    for column in range(len(TARGETS)):
        model, _ = nnls(circumstances, errors[:, column])
        floor = 0.5 * float(np.median(errors[:, column]))
        ratio = errors[:, column] / np.maximum(circumstances @ model, floor)
        models.append(model)
        floors.append(floor)
        scales.append(_quantile(ratio))
    return {
        "gain": gain,
        "offset": offset,
        "familiar": familiar,
        "strange": strange,
        "error_model": np.array(models),
        "error_floor": np.array(floors),
        "conformal": np.array(scales),
    }


def _spread(values: _Values, samples: Samples) -> tuple[_Values, _Values]:
    """Gain and offset of every target, by which what is told has the truths' spread and mean.

    The training's wide poses and people's own movements differ in their means: what is off on average is taken out.
    And whoever is unsure says the usual: what is told is spread as widely as the truths are, so that a large drop is
    not told small (reduced major axis: Ricker 1973). It costs little, where the least error on average tells every
    change by the correlation's square. From how far aside the camera looks is told with the least error instead: a
    recording is refused for it.
    """
    gain = samples.targets.std(axis=0) / values.std(axis=0)
    gain[TARGETS.index("camera_yaw_deg")] = 1.0
    return gain, samples.targets.mean(axis=0) - gain * values.mean(axis=0)


def fit_to_films(folder: Path, table: Path, testing: Samples, spread: float | None = None) -> None:
    """Brings every measure's interval to what holds the truth in 95 % of whole films.

    Errors of stills alone leave out what a film adds (which frames are the quiet stance, where the bottom lies). What
    films are off on average is not the same from one lot of them to the next, and is left. What one lot of 50 would
    have narrower the next would have wider, so several are taken together. The drop is told too small in every lot, so
    it is brought to the spread of the films' truths first.

    Films whose pictures are grainy, as they are in poor light, are fitted apart: there intervals widen besides. So are
    what the bottoms of deep repetitions read: there intervals widen, over the knee flexion of `DEEP_DEG`, by what holds
    95 % of those.

    Args:
        folder: where `corrector.npz` and its figures are; all of it is written anew.
        table: what this corrector, in its present state, read: `validation.csv` of `screener.studio measure`, with
            `validation_films.csv` beside it.
        testing: what the finished corrector is measured on.
        spread: by how much the drop is stretched, instead of what these films ask for.
    """
    arrays, about, figures = _as_it_is(folder)
    before = figures.get("on_films", {}).get("intervals", {})
    readings = _rows(table)
    grainy_films = {
        row["film"] for row in _rows(table.with_name("validation_films.csv")) if row["found_grainy"] == "True"
    }
    found: dict[str, float | None] = {}
    deep: dict[str, float | None] = {}
    grainy: dict[str, float | None] = {}
    for column, name in enumerate(TARGETS):
        values, bottoms = (
            [row for row in readings if row["measure"] == name and (row["read_at"] == "besides") == besides]
            for besides in (False, True)
        )
        if not values:
            continue  # the camera's yaw is no reading
        if name == "pelvic_drop_deg":
            gain = spread_as_truths(arrays, column, values, bottoms, spread)
            print(f"{name}: spread × {gain:.3f}")
        wider = _wider([row for row in values if row["film"] not in grainy_films])
        arrays["conformal"][column] *= wider
        found[name] = _rounded(wider * (before.get(name) or 1.0))
        in_grain = _wider([row for row in values if row["film"] in grainy_films]) / wider
        # Grain and depth make nothing surer, whatever a few films say.
        arrays["grainy_wider"][column] = max(1.0, arrays["grainy_wider"][column] * in_grain)
        grainy[name] = _rounded(arrays["grainy_wider"][column])
        if bottoms:
            arrays["deep"][column] = max(1.0, arrays["deep"][column] * _wider(bottoms) / wider)
            deep[name] = _rounded(arrays["deep"][column])
        print(f"{name}: interval × {wider:.2f}, grainy {grainy[name]}, deep {deep.get(name)}")
    figures["on_films"] = {**_how_many(readings), "intervals": found, "grainy": grainy, "deep": deep}
    _write_anew(folder, arrays, about, figures, testing)


def spread_as_truths(
    arrays: dict[str, _Values],
    column: int,
    values: list[dict[str, str]],
    others: list[dict[str, str]],
    by: float | None = None,
) -> float:
    """Stretches what is told of a measure about its mean until it is spread as films' truths are; gives the factor.

    Args:
        arrays: the corrector's; `gain` and `offset` are changed.
        column: the measure's.
        values: readings by which it is told; they and `others` are changed to what would be read now.
        others: more readings of the same measure.
        by: the factor, where it is known.
    """
    truth, value = (np.array([float(row[key]) for row in values]) for key in ("truth", "value"))
    gain, mean = by or float(truth.std() / value.std()), float(value.mean())
    arrays["gain"][column] *= gain
    arrays["offset"][column] = gain * arrays["offset"][column] + (1 - gain) * mean
    for row in (*values, *others):
        moved = (gain - 1) * (float(row["value"]) - mean)
        row |= {key: str(float(row[key]) + moved) for key in ("value", "low", "high")}
    return gain


def fit_from_behind(folder: Path, table: Path, testing: Samples) -> None:
    """Brings the intervals of poses that are seen from behind to what holds 95 % of the truths of such films.

    Args:
        folder: where `corrector.npz` and its figures are; all of it is written anew.
        table: what this corrector, in its present state, read of films that are all seen from behind.
        testing: what the finished corrector is measured on.
    """
    arrays, about, figures = _as_it_is(folder)
    readings = _rows(table)
    found: dict[str, float | None] = {}
    for column, name in enumerate(TARGETS):
        rows = [row for row in readings if row["measure"] == name and row["read_at"] != "besides"]
        if rows:  # the camera's yaw is no reading
            arrays["behind_wider"][column] = max(1.0, arrays["behind_wider"][column] * _wider(rows))
            found[name] = _rounded(arrays["behind_wider"][column])
            print(f"{name} from behind: interval × {found[name]}")
    figures["from_behind"] = {**_how_many(readings), "intervals": found}
    _write_anew(folder, arrays, about, figures, testing)


def fit_anew(folder: Path, second: Samples | None, calibrating: Samples, testing: Samples) -> None:
    """Fits the second kernel of the corrector in a folder where there are samples for it, and in any case how far it
    follows the picture, and brings what is told to the calibration's spread again.

    Its intervals are those that films asked for, wider where the calibration's poses now need it; what is gained in
    stills is not sure to be gained in films, so none is made narrower.
    """
    arrays, about, figures = _as_it_is(folder)
    path = folder / "corrector.npz"

    def predicted() -> Prediction:
        return KernelCorrector(path).predict(calibrating.features, calibrating.aside_deg)

    def needed() -> _Values:
        found = predicted()
        ratios = np.abs(found.values - calibrating.targets) / KernelCorrector(path).half_widths(found)
        return np.array([_quantile(ratio) for ratio in ratios.T])

    before = needed()
    if second is not None:
        add_second(path, arrays, about, second, calibrating)
    follow_the_picture(path, arrays, about, calibrating)
    arrays["gain"], arrays["offset"] = _spread(predicted().values, calibrating)
    write(path, arrays, about)
    changed = np.maximum(1.0, needed() / before)
    arrays["conformal"] = arrays["conformal"] * changed
    if second is not None:
        figures["second"] = {"poses": len(second.body), "bodies": len(np.unique(second.body))}
    figures["second"]["intervals"] = {name: _rounded(each) for name, each in zip(TARGETS, changed, strict=True)}
    _write_anew(folder, arrays, about, figures, testing)


def _how_many(readings: list[dict[str, str]]) -> dict[str, int]:
    repetitions = {(row["film"], row["repetition"]) for row in readings}
    return {"films": len({film for film, _ in repetitions}), "repetitions": len(repetitions)}


def _as_it_is(folder: Path) -> tuple[dict[str, _Values], dict[str, Any], dict[str, Any]]:
    """The arrays, the description and the figures of the corrector in a folder."""
    with np.load(folder / "corrector.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name].astype(np.float64) for name in stored.files if name != "about"}
        return arrays, json.loads(str(stored["about"])), json.loads((folder / "corrector.json").read_text())


def _write_anew(
    folder: Path, arrays: dict[str, _Values], about: dict[str, Any], figures: dict[str, Any], testing: Samples
) -> None:
    """The corrector with its figures on the test, its card and its entry in the manifest."""
    path = folder / "corrector.npz"
    write(path, arrays, about)
    figures["test"] = measure(KernelCorrector(path), testing)
    (folder / "corrector.json").write_text(json.dumps(figures, indent=1) + "\n")
    (folder / "corrector.md").write_text(card(figures, path))
    enter_in_manifest(folder, "corrector", path, _ENTRY)


def _wider(rows: list[dict[str, str]]) -> float:
    """By how much the intervals of some readings must be wider to hold 95 % of their truths."""
    truth, value, low, high = (np.array([float(row[key]) for row in rows]) for key in ("truth", "value", "low", "high"))
    return _quantile_of_films(np.abs(value - truth) / ((high - low) / 2), np.array([row["film"] for row in rows]))


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _quantile(ratio: _Values) -> float:
    """The conformal quantile: what a further ratio stays below with 95 % probability."""
    rank = min(len(ratio) - 1, int(np.ceil((len(ratio) + 1) * COVERAGE)) - 1)
    return float(np.sort(ratio)[rank])


def _quantile_of_films(ratio: _Values, film: NDArray[np.str_]) -> float:
    """The same for a repetition of a further film. A film's repetitions share most of their error and so count as one:
    the mean of many quantiles, each of one repetition drawn from every film (after Dunn, Wasserman and Ramdas 2022)."""
    rng = np.random.default_rng(0)
    films = [ratio[film == each] for each in np.unique(film)]
    return float(np.mean([_quantile(np.array([rng.choice(each) for each in films])) for _ in range(_DRAWINGS)]))


def measure(corrector: KernelCorrector, samples: Samples) -> dict[str, Any]:
    """Errors, slope, correlation and coverage on people that neither fit nor calibration saw, in all and apart."""
    found = corrector.predict(samples.features, samples.aside_deg)
    half = corrector.half_widths(found)
    near = np.abs(samples.tagged("yaw_deg")) <= 10
    dark, at, motion = samples.tagged("dark"), samples.tagged("at"), samples.tagged("motion")
    groups = {
        "all": np.ones(len(near), dtype=bool),
        "yaw to 10": near,
        "yaw 10 to 20": ~near,
        "good light": ~dark,
        "poor light": dark,
        "at the bottom": at == "bottom",
        **{str(task): motion == task for task in np.unique(motion)},
    }
    figures: dict[str, Any] = {"poses": len(near), "bodies": len(np.unique(samples.body)), "measures": {}}
    for column, name in enumerate(TARGETS):
        truth, value, raw = samples.targets[:, column], found.values[:, column], samples.raw[:, column]
        error = value - truth
        figures["measures"][name] = {
            group: {
                "n": int(rows.sum()),
                "mae": _rounded(np.abs(error[rows]).mean()),
                "bias": _rounded(error[rows].mean()),
                "slope": _rounded(np.polyfit(truth[rows], value[rows], 1)[0]),
                "r": _rounded(np.corrcoef(truth[rows], value[rows])[0, 1]),
                "coverage": _rounded((np.abs(error[rows]) <= half[rows, column]).mean()),
                "half_width": _rounded(np.median(half[rows, column])),
                "raw_mae": _rounded(np.abs(raw[rows] - truth[rows]).mean()),
            }
            for group, rows in groups.items()
            if rows.sum() > 2
        }
        print(name, figures["measures"][name]["all"])
    return figures


def _rounded(value: Any) -> float | None:
    return round(float(value), 3) if np.isfinite(value) else None


def balance_trial(corrector: KernelCorrector, folder: Path) -> dict[str, dict[str, float]]:
    """One real person on one leg, seen by two cameras, against a 3D reference: pelvic tilt, raw and corrected.

    Args:
        folder: `cam02.mp4` and `cam04.mp4` out of the Python wheel `pose2sim` 0.10.49 (Demo_SinglePerson), and
            `Balancing_for_IK.trc` out of `pose2sim` 0.3.6, all BSD-3. A video frame is the reference's frame + 1.
    """
    lines = (folder / "Balancing_for_IK.trc").read_text().splitlines()
    names = [name for name in lines[3].split("\t") if name][2:]
    table = np.array([[float(cell) for cell in line.split("\t") if cell] for line in lines[5:] if line.strip()])
    hips = [table[:, 2 + 3 * names.index(name) : 5 + 3 * names.index(name)] for name in ("LHip", "RHip")]
    line = hips[0] - hips[1]
    # + = the right hip is lower; y is up in this file.
    reference = np.degrees(np.arctan2(line[:, 1], np.hypot(line[:, 0], line[:, 2])))
    figures: dict[str, dict[str, float]] = {}
    for camera in ("02", "04"):
        with open_video(folder / f"cam{camera}.mp4", max_side_px=1920) as video:
            with PoseEstimator("full") as estimator:
                track = mend_left_right_flips(estimator.track(video))
            with PoseEstimator("heavy") as estimator:
                look = estimator.look_closely(video.read_windows([(float(at),) * 2 for at in track.times_s]), track)
        count = min(len(look.times_s) - 1, len(reference))
        px, world, closer_px = (
            each[1 : 1 + count].astype(np.float64) for each in (look.image_px, look.world_m, look.found_px)
        )
        seen = np.isfinite(px).all(axis=(1, 2)) & np.isfinite(world).all(axis=(1, 2))
        px, world, closer_px, tilt = (each[seen] for each in (px, world, closer_px, reference[:count]))
        # Nobody stands still here: the frames with the levelest pelvis stand in for the quiet stance.
        quiet = np.argsort(np.abs(tilt))[:5]
        moved = {side: np.hypot(*np.ptp(px[:, ankle], axis=0)) for side, ankle in (("left", 27), ("right", 28))}
        stance: Side = "left" if moved["left"] < moved["right"] else "right"
        truth = (1 if stance == "left" else -1) * (tilt - np.median(tilt[quiet]))
        found_px = px.copy()
        found_px[:, list(FOUND_JOINTS)] = np.where(np.isfinite(closer_px), closer_px, px[:, list(FOUND_JOINTS)])
        both = []
        for points in (px, found_px):
            still_px, still_world = np.median(points[quiet], axis=0), np.median(world[quiet], axis=0)
            poses = zip(points, world, strict=True)
            both.append(np.array([compute_features(still_px, still_world, *each, stance) for each in poses]))
        raw, of_found_hips = (each[:, FEATURES.index("change_hip_tilt_deg")] for each in both)
        found = corrector.predict(both[1])
        trust = corrector.trust(found)[:, 0]
        corrected = trust * found.values[:, 0] + (1 - trust) * raw
        near = np.abs(truth) <= 12

        def rms(values: _Values) -> float:
            return round(float(np.sqrt(np.mean(values**2))), 2)

        figures[camera] = {
            "raw_rmse": rms(raw - truth),
            "rmse": rms(corrected - truth),
            "found_hips_rmse": rms(of_found_hips - truth),
            "raw_rmse_within_12": rms((raw - truth)[near]),
            "rmse_within_12": rms((corrected - truth)[near]),
            "found_hips_rmse_within_12": rms((of_found_hips - truth)[near]),
            "trust": round(float(trust.mean()), 3),
            "frames": int(seen.sum()),
        }
        print(f"balance trial, camera {camera}: {figures[camera]}")
    return figures


def learning_curve(training: Samples, testing: Samples, gamma: float, doubt: float) -> dict[str, list[float]]:
    """Mean absolute errors on the test with a quarter, half and all of the training's bodies."""
    bodies = np.random.default_rng(0).permutation(np.unique(training.body))
    curve: dict[str, list[float]] = {}
    for share in (0.25, 0.5, 1.0):
        count = round(share * len(bodies))
        values = _predict(fit(training[np.isin(training.body, bodies[:count])], gamma, doubt), testing.features, gamma)
        curve[str(count)] = [round(float(error), 3) for error in np.abs(values - testing.targets).mean(axis=0)]
    return curve


def card(figures: dict[str, Any], path: Path) -> str:
    """What a person should know of the corrector, with the figures of this fit."""
    test, training, calibration = figures["test"], figures["training"], figures["calibration"]
    rows = []
    for name, groups in test["measures"].items():
        for group, found in groups.items():
            raw = "" if found["raw_mae"] is None else f"{found['raw_mae']:.2f}"
            rows.append(
                f"| {name} | {group} | {found['n']} | {found['mae']:.2f} | {raw} | {found['bias']:.2f} | "
                f"{found['slope']:.2f} | {found['r']:.2f} | ±{found['half_width']:.1f} | {found['coverage']:.1%} |"
            )
    curve = "; ".join(
        f"{count} bodies: {', '.join(f'{error:.2f}' for error in errors)}"
        for count, errors in figures["learning_curve"].items()
    )
    return (
        (_HERE / "corrector.md.in")
        .read_text()
        .format(
            size=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            poses=training["poses"],
            bodies=training["bodies"],
            calibrated=f"{calibration['poses']} poses of {calibration['bodies']} other bodies",
            tested=f"{test['poses']} poses of {test['bodies']} bodies",
            second=_second(figures["second"]),
            gamma=figures["chosen"]["gamma"],
            doubt=figures["chosen"]["doubt"],
            table="\n".join(rows),
            curve=curve,
            on_films=_on_films(figures.get("on_films")),
            from_behind=_from_behind(figures.get("from_behind")),
            balance=_balance(figures.get("balance")),
        )
    )


def _second(found: dict[str, Any]) -> str:
    """What the card says of the second kernel."""
    spread = ", ".join(f"{name} × {each:.2f}" for name, each in found.get("intervals", {}).items())
    return f"{found['poses']} poses of {found['bodies']} bodies" + (f" (intervals then: {spread})" if spread else "")


def _on_films(found: dict[str, Any] | None) -> str:
    """The card's paragraph on what films changed."""
    if not found:
        return "Not done with this fit."
    rows = [
        f"| {name} | × {interval:.2f} | × {found['grainy'][name]:.2f} | "
        f"{f'× {deep:.2f}' if (deep := found['deep'].get(name)) else ''} |"
        for name, interval in found["intervals"].items()
    ]
    head = f"On {found['repetitions']} repetitions of {found['films']} films:"
    table = (
        f"| Measure | interval | in grainy pictures besides | beyond {DEEP_DEG[1]:.0f}° of knee flexion besides |",
        "|---|---|---|---|",
    )
    return "\n".join([head, "", *table, *rows])


def _from_behind(found: dict[str, Any] | None) -> str:
    """The card's paragraph on what is seen from behind."""
    if not found:
        return "Not done with this fit."
    rows = [f"| {name} | × {wider:.2f} |" for name, wider in found["intervals"].items()]
    head = f"On {found['repetitions']} repetitions of {found['films']} films:"
    return "\n".join([head, "", "| Measure | interval |", "|---|---|", *rows])


def _balance(found: dict[str, dict[str, float]] | None) -> str:
    if not found:
        return "Not measured with this fit."
    return "\n".join(
        f"- camera {camera}: raw {each['raw_rmse']:.2f}°, corrected {each['rmse']:.2f}°; within ±12° raw "
        f"{each['raw_rmse_within_12']:.2f}°, corrected {each['rmse_within_12']:.2f}°; the line between the hips of "
        f"`joints.onnx` alone {each['found_hips_rmse']:.2f}° and {each['found_hips_rmse_within_12']:.2f}°; the "
        f"corrector was believed to {each['trust']:.0%} in the mean"
        for camera, each in found.items()
    )


def enter_in_manifest(folder: Path, name: str, path: Path, entry: dict[str, Any]) -> None:
    """What the manifest in a folder says of a learned file of ours, anew."""
    manifest_path = folder / "manifest.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {"models": {}}
    content = path.read_bytes()
    about = {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    manifest["models"][name] = about | entry | {"card": f"{name}.md"}
    manifest_path.write_text(json.dumps(manifest, indent=2) + "\n")


_ENTRY = {
    "licence": "Apache-2.0",
    "source": ["models/fit_corrector.py, on frames drawn by screener/studio"],
    "changed": [],
}


if __name__ == "__main__":
    main()
