"""Fit the network that tells from how far aside somebody is seen (`facing.onnx`) on rendered people, measure it on
others, write its card.

    python -m screener.studio validation --stills --about --seed 501 --clips 80 --out FRAMES/facing501   (and so on)
    python models/fit_facing.py FRAMES/facing* --others FRAMES/second427 FRAMES/second428 FRAMES/test

Every picture of a folder to learn from is by a camera and in a light of its own: who sees each person from one place
alone learns people by heart. The network in use learned in two goes, 18 rounds on seeds 501 to 516 and 13 more, at a
rate of 1.2e-3, on seeds 501 to 530. Its first layers are those of MoveNet Thunder (Google, Apache-2.0), as in
`fit_joints.py`, and stay as they are. Needs PyTorch and onnx (`pip install torch==2.13.0 onnx`), which nothing else
here does.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import torch
from fit_corrector import enter_in_manifest, landmarks_of
from fit_joints import (
    Graph,
    asked,
    both_maps,
    descend,
    entry,
    filled_in,
    in_turns,
    keep_maps,
    shuffled,
    spoil,
    standing_legs,
    write_first_layers,
)
from numpy.typing import NDArray
from torch import nn

from screener.pose.facing import HIPS_AT, LEG_PX, FacingFinder
from screener.pose.joints import cut_patch, patch_frame
from screener.pose.landmarks import ANKLES, HIPS, LANDMARKS
from screener.pose.patches import PATCH_PX

_HERE = Path(__file__).resolve().parent

#: So many cells of the coarse map are left out on each side: what lies at the patch's edge was convolved with nothing.
_EDGE = 2
_SIDE = PATCH_PX // 8 - 2 * _EDGE
# How each picture is shown in training: as it is, and so many times spoiled, turned and shifted, half of them mirrored.
_SPOILED = 2
_EPOCHS, _BATCH, _RATE, _WIDTH, _DROPPED = 14, 64, 2e-3, 96, 0.1
# By how much the pose model's landmarks, and the length of a leg, are off from what is true.
_OFF, _OFF_LENGTH = 0.02, 0.05
#: What the network tells is in these steps.
_STEP_DEG = 10.0

Maps = dict[str, NDArray[Any]]


def look(folder: Path, first: Path, workers: int) -> Maps:
    """Maps and angle of every picture of a folder, each shown in several ways; kept there for the next time."""
    kept = folder / "facing.npz"
    if not kept.exists():
        truth = pq.read_table(folder / "truth.parquet").to_pylist()
        jobs = [(folder, first, truth[start::workers], start) for start in range(workers)]
        np.savez(
            kept,
            set=np.array([each["set"] for each in truth]),
            quiet=np.array([each["kind"] == "quiet" for each in truth]),
            behind=np.array([each["camera_facing"] != "anterior" for each in truth]),
            poor=np.array([each["exposure"] < 0.5 for each in truth]),
            **in_turns(_look, jobs),
        )
    with np.load(kept) as stored:
        return dict(stored)


def _look(job: tuple[Path, Path, list[dict[str, Any]], int]) -> Maps:
    folder, first, truth, seed = job
    cv2.setNumThreads(1)
    network = cv2.dnn.readNetFromONNX(str(first))
    rng = np.random.default_rng(seed)
    views = 1 + _SPOILED
    found = {
        "fine": np.zeros((len(truth), views, 40, 2 * _SIDE, 2 * _SIDE), np.float16),
        "coarse": np.zeros((len(truth), views, 56, _SIDE, _SIDE), np.float16),
        "aside": np.zeros((len(truth), views), np.float32),
    }
    for row, each in enumerate(truth):
        rgb = np.ascontiguousarray(cv2.imread(str(folder / each["file"]))[:, :, ::-1])
        true = _true_landmarks(each)
        leg_px = float(np.linalg.norm(true[list(HIPS)] - true[list(ANKLES)], axis=1).max())
        aside_deg = each["seen_from_aside_deg"] * (1 if each["camera_facing"] == "anterior" else -1)
        for view in range(views):
            px = true + rng.normal(0, _OFF * leg_px, true.shape)
            mirrored = view > 0 and rng.random() < 0.5
            there = patch_frame(
                px[list(HIPS)],
                leg_px * float(np.exp(rng.normal(0, _OFF_LENGTH))),
                long_px=LEG_PX,
                at=HIPS_AT,
                turned_deg=rng.normal(0, 4) if view else 0.0,
                mirrored=mirrored,
                shifted_px=tuple(rng.normal(0, 2.5, 2)) if view else (0.0, 0.0),
            )
            change = partial(spoil, rng=rng) if view else np.asarray
            patch = cut_patch(rgb, px, there, change, long_px=LEG_PX).astype(np.float32)
            keep_maps(network, patch, found, (row, view))
            found["aside"][row, view] = -aside_deg if mirrored else aside_deg
    return found


def _true_landmarks(truth: dict[str, Any]) -> NDArray[np.float64]:
    """`(33, xy)`, where the joints are; NaN for what is none."""
    px = np.full((len(LANDMARKS), 2), np.nan)
    for row, name in enumerate(LANDMARKS):
        if f"{name}_x_px" in truth:
            px[row] = [truth[f"{name}_{axis}_px"] for axis in "xy"]
    return px


class Head(nn.Module):
    """From both maps to the angle, `(batch,)`, degrees.

    Every cell of the coarse map says what it sees, and how much it is to be asked; the angle is the weighted mean.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(nn.BatchNorm2d(40), nn.Conv2d(40, _WIDTH, 3, stride=2, padding=1))
        self.coarse = nn.Sequential(nn.BatchNorm2d(56), nn.Conv2d(56, _WIDTH, 1))
        layers: list[nn.Module] = [nn.ReLU(), nn.Dropout2d(_DROPPED)]
        for apart in (1, 2, 3):
            layers += [
                nn.Conv2d(_WIDTH, _WIDTH, 3, padding=apart, dilation=apart),
                nn.BatchNorm2d(_WIDTH),
                nn.ReLU(),
                nn.Dropout2d(_DROPPED),
            ]
        self.body = nn.Sequential(*layers, nn.Conv2d(_WIDTH, 2, 1))

    def forward(self, fine: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        asked, told = self.body(self.fine(fine) + self.coarse(coarse)).flatten(2).unbind(dim=1)
        return _STEP_DEG * (torch.softmax(asked, dim=1) * told).sum(dim=1)


def learn(parts: list[Maps], epochs: int) -> Head:
    """A head, by gradient descent."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    head = Head()
    loss_of = nn.HuberLoss(delta=0.5)

    def losses() -> Iterator[torch.Tensor]:
        for fine, coarse, aside in shuffled(parts, rng, _BATCH, "aside"):
            yield loss_of(head(fine, coarse) / _STEP_DEG, aside / _STEP_DEG)

    descend(head, losses, epochs, sum(len(part["set"]) for part in parts) // _BATCH, rate=_RATE, decay=0.05)
    return head


def measure(head: Head, part: Maps) -> dict[str, Any]:
    """Errors in single pictures, and in the mean over a recording's quiet stance, degrees."""
    error = asked(head, part) - part["aside"][:, 0]
    quiet = part["quiet"]
    means = np.array([error[quiet & (part["set"] == each)].mean() for each in np.unique(part["set"][quiet])])
    groups = {"all": quiet | True, "quiet stance": quiet, "repetitions": ~quiet}
    groups |= {"poor light": part["poor"], "from behind": part["behind"]}
    figures: dict[str, Any] = {
        name: {"n": int(rows.sum()), "mae": round(float(np.abs(error[rows]).mean()), 2)}
        for name, rows in groups.items()
        if rows.any()
    }
    return figures | {"a recording's quiet stance": {"n": len(means), "mae": round(float(np.abs(means).mean()), 2)}}


def write(path: Path, head: Head, packages: Path | None) -> None:
    """The whole network: a patch in, `(1, 1)` degrees out."""
    graph = Graph()
    fine, coarse = both_maps(graph, packages, _EDGE)
    name = graph.add("Add", graph.learned(fine, head.fine), graph.learned(coarse, head.coarse))
    name = graph.learned(name, head.body)
    name = graph.add("Reshape", name, graph.constant([1, 2, _SIDE * _SIDE], np.int64))
    asked, seen = (
        graph.add("Slice", name, *(graph.constant([each], np.int64) for each in (row, row + 1, 1))) for row in (0, 1)
    )
    name = graph.add("Mul", graph.add("Softmax", asked, axis=2), seen)
    name = graph.add("ReduceSum", name, graph.constant([2], np.int64), keepdims=0)
    graph.save(path, {graph.add("Mul", name, graph.constant([[_STEP_DEG]])): [1, 1]})


def card(figures: dict[str, Any], path: Path) -> str:
    """What a person should know of the network, with the figures of this fit."""
    rows = [
        f"| {folder} | {group} | {each['n']} | {each['mae']:.2f} |"
        for folder, groups in figures["others"].items()
        for group, each in groups.items()
    ]
    return filled_in(path, **figures["training"], table="\n".join(rows))


def tell(folder: Path, workers: int) -> NDArray[np.float64]:
    """What the finished network tells of every picture of a folder whose person was found, kept there as `aside.npz`:
    that is what the corrector is fitted to."""
    truth = pq.read_table(folder / "truth.parquet").to_pylist()
    landmarks = landmarks_of(folder, workers)
    legs = standing_legs(truth, landmarks)
    finder = FacingFinder()
    aside_deg = np.full(len(truth), np.nan)
    for row, each in enumerate(truth):
        if np.isfinite(landmarks[row]).all():
            rgb = np.ascontiguousarray(cv2.imread(str(folder / each["file"]))[:, :, ::-1])
            aside_deg[row] = finder.tell(rgb, landmarks[row, :, :2], float(legs[row]))
    np.savez(folder / "aside.npz", aside_deg=aside_deg)
    return aside_deg


def main() -> None:
    """Look at every folder, learn, measure; write the network and its card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path, nargs="+", help="folders of stills to learn from")
    parser.add_argument("--others", type=Path, nargs="+", required=True, help="folders of stills to measure on")
    parser.add_argument("--packages", type=Path, help="a folder with the package; without it it is fetched")
    parser.add_argument("--out", type=Path, default=_HERE, help="where the network goes")
    parser.add_argument("--epochs", type=int, default=_EPOCHS)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.workers)
    with tempfile.TemporaryDirectory() as temporary:
        first = Path(temporary) / "first.onnx"
        write_first_layers(first, options.packages, _EDGE)
        seen = {folder: look(folder, first, options.workers) for folder in (*options.frames, *options.others)}
    parts = [seen[folder] for folder in options.frames]
    head = learn(parts, options.epochs)
    figures = {
        "training": {
            "pictures": sum(len(part["set"]) for part in parts),
            "bodies": sum(len(np.unique(part["set"])) for part in parts),
        },
        "others": {folder.name: measure(head, seen[folder]) for folder in options.others},
    }
    print(json.dumps(figures, indent=1))
    path = options.out / "facing.onnx"
    write(path, head, options.packages)
    (options.out / "facing.md").write_text(card(figures, path))
    enter_in_manifest(options.out, "facing", path, entry(__file__))
    for folder in options.others:
        tell(folder, options.workers)


if __name__ == "__main__":
    main()
