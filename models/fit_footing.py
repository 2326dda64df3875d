"""Fit the network that tells what somebody stands on (`footing.onnx`) on rendered people, measure it on others, write
its card.

    python models/fit_footing.py FRAMES/steps* --others FRAMES/mats FRAMES/varied FRAMES/plain

Every folder holds recordings' stills (`python -m screener.studio validation --stills --varied`). Its first layers are
those of MoveNet Thunder (Google, Apache-2.0), as in `fit_joints.py`, and stay as they are. Needs PyTorch and onnx
(`pip install torch==2.13.0 onnx`), which nothing else here does.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import torch
from fit_corrector import enter_in_manifest
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
    write_first_layers,
)
from numpy.typing import NDArray
from scipy.special import softmax
from torch import nn

from screener.pose.footing import LEG_PX, cut_feet
from screener.pose.patches import PATCH_PX
from screener.terms import TASKS

_HERE = Path(__file__).resolve().parent

#: So many cells of the coarse map are left out on each side: what lies at the patch's edge was convolved with nothing.
_EDGE = 1
_SIDE = PATCH_PX // 8 - 2 * _EDGE
# How each picture is shown in training: as it is, and so many times spoiled, turned and shifted, or mirrored.
_SPOILED = 3
_EPOCHS, _BATCH, _RATE, _WIDTH, _DROPPED = 20, 64, 2e-3, 48, 0.1
# By how much the pose model's ankles, and the length of a leg, are off from what is true.
_OFF_PX, _OFF_LENGTH = 0.03 * LEG_PX, 0.07

Maps = dict[str, NDArray[Any]]


def look(folder: Path, first: Path, workers: int) -> Maps:
    """Maps and task of every picture of a folder, each shown in several ways; kept there for the next time."""
    kept = folder / "feet.npz"
    if not kept.exists():
        truth = pq.read_table(folder / "truth.parquet").to_pylist()
        task_of = {each["set"]: TASKS.index(each["motion"]) for each in truth if each["kind"] == "pose"}
        length = {
            each["set"]: max(np.hypot(*(_at(each, f"{side}_hip") - _at(each, f"{side}_ankle"))) for side in _SIDES)
            for each in truth
            if each["kind"] == "quiet"
        }
        jobs = [(folder, first, truth[start::workers], length, start) for start in range(workers)]
        np.savez(
            kept,
            task=np.array([task_of[each["set"]] for each in truth]),
            set=np.array([each["set"] for each in truth]),
            poor=np.array([each["exposure"] < 0.5 for each in truth]),
            **in_turns(_look, jobs),
        )
    with np.load(kept) as stored:
        return dict(stored)


_SIDES = ("left", "right")


def _at(truth: dict[str, Any], joint: str) -> NDArray[np.float64]:
    return np.array([truth[f"{joint}_{axis}_px"] for axis in "xy"])


def _look(job: tuple[Path, Path, list[dict[str, Any]], dict[int, float], int]) -> Maps:
    folder, first, truth, length, seed = job
    cv2.setNumThreads(1)
    network = cv2.dnn.readNetFromONNX(str(first))
    rng = np.random.default_rng(seed)
    views = 1 + _SPOILED
    found = {
        "fine": np.zeros((len(truth), views, 40, 2 * _SIDE, 2 * _SIDE), np.float16),
        "coarse": np.zeros((len(truth), views, 56, _SIDE, _SIDE), np.float16),
    }
    for row, each in enumerate(truth):
        rgb = np.ascontiguousarray(cv2.imread(str(folder / each["file"]))[:, :, ::-1])
        ankles, leg_px = np.stack([_at(each, f"{side}_ankle") for side in _SIDES]), length[each["set"]]
        for view in range(views):
            off = rng.normal(0, _OFF_PX, (2, 2)) * leg_px / LEG_PX
            patch = cut_feet(
                rgb,
                ankles + off,
                leg_px * float(np.exp(rng.normal(0, _OFF_LENGTH))),
                turned_deg=rng.normal(0, 4) if view else 0.0,
                shifted_px=tuple(rng.normal(0, 4, 2)) if view else (0.0, 0.0),
            )
            if view:
                patch = spoil(patch, rng)
            if view and rng.random() < 0.5:
                patch = patch[:, ::-1]
            keep_maps(network, patch, found, (row, view))
    return found


class Head(nn.Module):
    """From both maps to how much speaks for each task, `(batch, 3)`, before it is made shares of one."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(nn.BatchNorm2d(40), nn.Conv2d(40, _WIDTH, 3, stride=2, padding=1))
        self.coarse = nn.Sequential(nn.BatchNorm2d(56), nn.Conv2d(56, _WIDTH, 1))
        layers: list[nn.Module] = [nn.ReLU(), nn.Dropout2d(_DROPPED)]
        for apart in (1, 2, 4):
            layers += [
                nn.Conv2d(_WIDTH, _WIDTH, 3, padding=apart, dilation=apart),
                nn.BatchNorm2d(_WIDTH),
                nn.ReLU(),
                nn.Dropout2d(_DROPPED),
            ]
        # Every cell has its say, and where it lies counts: a layer as large as the map.
        self.body = nn.Sequential(*layers, nn.Conv2d(_WIDTH, 8, 1), nn.ReLU(), nn.Conv2d(8, len(TASKS), _SIDE))

    def forward(self, fine: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        return self.body(self.fine(fine) + self.coarse(coarse)).flatten(1)


def learn(parts: list[Maps], epochs: int) -> Head:
    """A head, by gradient descent; every task counts the same."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    head = Head()
    tasks = np.concatenate([part["task"] for part in parts])
    weights = torch.tensor(len(tasks) / (3 * np.bincount(tasks, minlength=3)), dtype=torch.float32)
    loss_of = nn.CrossEntropyLoss(weights, label_smoothing=0.02)

    def losses() -> Iterator[torch.Tensor]:
        for fine, coarse, wanted in shuffled(parts, rng, _BATCH, "task"):
            yield loss_of(head(fine, coarse), wanted.long())

    descend(head, losses, epochs, len(tasks) // _BATCH, rate=_RATE, decay=0.05)
    return head


def told(head: Head, part: Maps) -> NDArray[np.float64]:
    """How much every picture speaks for each task, `(picture, 3)`."""
    return np.asarray(softmax(asked(head, part), axis=1))


def measure(head: Head, part: Maps) -> dict[str, Any]:
    """How often the task is right: in single pictures, and in recordings (the mean over a recording's pictures)."""
    shares, task = told(head, part), part["task"]
    sets = np.unique(part["set"])
    mean = np.array([np.exp(np.log(shares[part["set"] == each] + 1e-3).mean(axis=0)) for each in sets])
    mean /= mean.sum(axis=1, keepdims=True)
    true = np.array([task[part["set"] == each][0] for each in sets])
    right, sure = mean.argmax(axis=1) == true, mean.max(axis=1) >= 0.8
    poor = np.array([part["poor"][part["set"] == each][0] for each in sets])
    confusion = [[int(((true == a) & (mean.argmax(axis=1) == b)).sum()) for b in range(3)] for a in range(3)]
    return {
        "pictures": len(task),
        "pictures_right": round(float((shares.argmax(axis=1) == task).mean()), 3),
        "recordings": len(sets),
        "right": int(right.sum()),
        "sure": int(sure.sum()),
        "sure_and_right": int((sure & right).sum()),
        "poor_light": int(poor.sum()),
        "poor_light_right": int((poor & right).sum()),
        "told": confusion,
    }


def write(path: Path, head: Head, packages: Path | None) -> None:
    """The whole network: a patch in, `(1, 3)` shares out."""
    graph = Graph()
    fine, coarse = both_maps(graph, packages, _EDGE)
    name = graph.add("Add", graph.learned(fine, head.fine), graph.learned(coarse, head.coarse))
    name = graph.learned(name, head.body)
    name = graph.add("Reshape", name, graph.constant([1, len(TASKS)], np.int64))
    graph.save(path, {graph.add("Softmax", name, axis=1): [1, len(TASKS)]})


def card(figures: dict[str, Any], path: Path) -> str:
    """What a person should know of the network, with the figures of this fit."""
    rows = [
        f"| {name} | {each['recordings']} | {each['pictures_right']:.1%} | {each['right']} | "
        f"{each['sure_and_right']} of {each['sure']} | {each['poor_light_right']} of {each['poor_light']} |"
        for name, each in figures["others"].items()
    ]
    return filled_in(path, **figures["training"], table="\n".join(rows))


def main() -> None:
    """Look at every folder, learn, measure; write the network and its card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path, nargs="+", help="folders of stills to learn from")
    parser.add_argument(
        "--others", type=Path, nargs=3, required=True, metavar=("MATS", "VARIED", "PLAIN"), help="to measure on"
    )
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
            "pictures": sum(len(part["task"]) for part in parts),
            "bodies": sum(len(np.unique(part["set"])) for part in parts),
        },
        "others": {
            name: measure(head, seen[folder])
            for name, folder in zip(("any step, mats about", "any step", "one wooden box"), options.others, strict=True)
        },
    }
    print(json.dumps(figures, indent=1))
    path = options.out / "footing.onnx"
    write(path, head, options.packages)
    (options.out / "footing.md").write_text(card(figures, path))
    enter_in_manifest(options.out, "footing", path, entry(__file__))


if __name__ == "__main__":
    main()
