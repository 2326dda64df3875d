"""What is seen of a person: skin, cloth, hair and shoes as one skinned surface with a colour at each vertex.

Cloth is MakeHuman's coarse body suit (`helper-tights`), pushed out along its normals and cut where the
garment ends. Cuts are made in the picture: `cut` is a signed distance to the hem, positive inside, and a
pixel with a negative one is not drawn. Skin well under cloth is cut away too, so that it cannot poke through.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from screener.studio.figure import SEGMENTS, Figure, read_template, vertex_normals
from screener.studio.spec import Clothes, Rgb

__all__ = ["Surface", "dress"]

Floats = NDArray[np.float64]

#: Hems in the template's decimetres (feet at -8.2, crotch at -0.6, hip joint at 0.5, navel at 1.9, neck at 5.9).
_LEG_HEM = {"shorts": -1.9, "long_shorts": -3.3, "leggings": -7.2, "trousers": -7.6}
_WAIST = 1.5
_TOP_HEM = {"bra": 3.0, "tank": 0.9, "tshirt": 0.5, "long_sleeves": 0.5}
#: Along the arm: 0 shoulder, 1 elbow, 2 wrist.
_SLEEVE = {"bra": 0.02, "tank": 0.02, "tshirt": 0.6, "long_sleeves": 1.95}
_CHIN = 6.25  # height of the chin in the template
_NECKLINE = {"bra": 1.9, "tank": 1.5, "tshirt": 1.05, "long_sleeves": 0.95}
SOLE_M = {"bare": 0.0, "socks": 0.002, "shoes": 0.022}


@dataclass(frozen=True, slots=True)
class Surface:
    """A skinned triangle mesh at rest: `points` and `normals` (vertex, xyz) in metres, `weights` (vertex,
    segment), `rgb` (vertex, 3) linear, `cut` (vertex,), `matter` (vertex,): 0 smooth, 1 cloth, 2 hair;
    `triangles` (triangle, 3)."""

    points: Floats
    normals: Floats
    weights: NDArray[np.float32]
    rgb: Floats
    cut: Floats
    matter: Floats
    triangles: NDArray[np.int64]


def _joined(parts: list[Surface]) -> Surface:
    shifts = np.cumsum([0] + [len(part.points) for part in parts[:-1]])
    return Surface(
        points=np.concatenate([part.points for part in parts]),
        normals=np.concatenate([part.normals for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        rgb=np.concatenate([part.rgb for part in parts]),
        cut=np.concatenate([part.cut for part in parts]),
        matter=np.concatenate([part.matter for part in parts]),
        triangles=np.concatenate([part.triangles + shift for part, shift in zip(parts, shifts, strict=True)]),
    )


def _part(
    figure: Figure,
    triangles: NDArray[np.int64],
    rgb: Floats | Rgb,
    cut: Floats,
    matter: float,
    out: Floats | float = 0.0,
) -> Surface:
    """The triangles not cut away whole, and their vertices, as a surface pushed out along the normals."""
    normals = vertex_normals(figure.vertices, triangles)
    used, flat = np.unique(triangles[(cut[triangles] >= 0).any(axis=1)], return_inverse=True)
    points, normals, faces = figure.vertices[used], normals[used], flat.reshape(-1, 3)
    push = np.broadcast_to(np.asarray(out, float), len(figure.vertices))[used]
    colours = np.broadcast_to(np.asarray(rgb, float), (len(figure.vertices), 3))[used]
    return Surface(
        points + push[:, None] * normals,
        normals,
        read_template().weights[used],
        colours,
        cut[used],
        np.full(len(used), matter),
        faces,
    )


def _along_arm(points: Floats) -> Floats:
    """0 at the shoulder, 1 at the elbow, 2 at the wrist; negative towards the trunk. (vertex,)"""
    t = read_template()
    shoulder, elbow, wrist = (t.vertices[t.joints[j]].mean(axis=0) for j in ("shoulder.L", "elbow.L", "wrist.L"))
    mirrored = points * [1, 1, 1]
    mirrored[:, 0] = np.abs(mirrored[:, 0])
    upper = (mirrored - shoulder) @ (elbow - shoulder) / np.sum((elbow - shoulder) ** 2)
    fore = (mirrored - elbow) @ (wrist - elbow) / np.sum((wrist - elbow) ** 2)
    return np.asarray(np.where(upper < 1, upper, np.maximum(1, 1 + fore)))


def _share(*starts: str) -> Floats:
    """How much of each vertex belongs to segments with these names. (vertex,)"""
    columns = [i for i, name in enumerate(SEGMENTS) if name.startswith(starts)]
    return np.asarray(read_template().weights[:, columns].sum(axis=1), float)


def _garments(clothes: Clothes) -> tuple[Floats, Floats]:
    """Signed distances to the hems of the bottom and of the top, in decimetres of the template. (vertex,)"""
    points = read_template().vertices
    arm = _share("upper_arm", "forearm", "hand")
    y = points[:, 1] + np.tan(np.radians(clothes.askew_deg)) * points[:, 0]
    bottom = np.minimum(_WAIST + 10 * clothes.waist_m - y, y - _LEG_HEM[clothes.bottom] + 10 * clothes.leg_hem_m)
    bottom = np.where(arm > 0.5, -1.0, bottom)
    if clothes.top == "none":
        return bottom, np.full(len(points), -1.0)
    neck = np.linalg.norm((points - [0, 6.15, 0.35]) * [1, 0.9, 0.8], axis=1) - _NECKLINE[clothes.top]
    sleeve = 2.7 * (_SLEEVE[clothes.top] - _along_arm(points))
    # No top goes over the head, which lies outside the neckline's ball too.
    torso = np.minimum(np.minimum(y - _TOP_HEM[clothes.top] + 10 * clothes.top_hem_m, neck), _CHIN - y)
    top = np.where(arm + _share("clavicle") > 0.4, np.minimum(sleeve, neck), torso)
    return bottom, top


def _trimmed(figure: Figure, clothes: Clothes) -> Floats:
    """The bottom's colour at each vertex: waistband and side seams may be of another. (vertex, rgb)"""
    t = read_template().vertices
    colour = np.tile(np.asarray(clothes.bottom_rgb, float), (len(t), 1))
    if clothes.trim_rgb is not None:
        band = t[:, 1] > _WAIST + 10 * clothes.waist_m - 0.45
        seam = np.abs(figure.normals[:, 0]) > 0.93
        colour[band | seam] = clothes.trim_rgb
    return colour


def dress(figure: Figure, clothes: Clothes) -> Surface:
    """The person's whole visible surface at rest."""
    template = read_template()
    faces, t = template.faces, template.vertices
    nothing = np.ones(len(t))
    bottom, top = _garments(clothes)
    covered = np.maximum(bottom, top)
    feet_cut = np.full(len(t), -1.0)
    if clothes.feet != "bare":
        feet_cut = np.where(_share("foot") > 0.3, -7.35 - t[:, 1], -1.0)
        covered = np.maximum(covered, feet_cut - 0.1)
    person = figure.person

    skin = np.tile(np.asarray(person.skin_rgb, float), (len(t), 1))
    lips = np.exp(-(((t - [0, 6.62, 1.72]) / [0.28, 0.09, 0.22]) ** 2).sum(axis=1) * 1.2)[:, None]
    skin = skin * (1 - 0.45 * lips) + 0.45 * lips * skin * [1.0, 0.55, 0.55]
    for sign in (1, -1):
        brow = np.exp(-(((t - [sign * 0.36, 7.62, 1.45]) / [0.30, 0.075, 0.4]) ** 4).sum(axis=1))[:, None]
        skin = skin * (1 - 0.75 * brow) + 0.75 * brow * np.asarray(person.hair_rgb)
    eyes = np.tile([0.75, 0.73, 0.70], (len(t), 1))
    for name in ("helper-l-eye", "helper-r-eye"):
        ball = np.unique(faces[name])
        centre = t[ball].mean(axis=0)
        iris = np.hypot(t[ball, 0] - centre[0], t[ball, 1] - centre[1]) < 0.075
        eyes[ball[iris & (t[ball, 2] > centre[2])]] = (0.06, 0.04, 0.03)

    parts = [
        _part(figure, faces["body"], skin, 0.06 - covered, 0.0),
        *(_part(figure, faces[f"helper-{side}-eye"], eyes, nothing, 0.0) for side in "lr"),
    ]
    tights = faces["helper-tights"]
    flare = np.clip((_WAIST - t[:, 1]) / 2.5, 0.15, 1.0)
    loose = np.clip(clothes.bottom_looseness_m, 0.002, None) * flare + 0.002
    hang = np.clip((5.2 - t[:, 1]) / 2.5, 0.3, 1.0)
    loose_top = np.clip(clothes.top_looseness_m, 0.002, None) * hang + 0.004
    parts.append(_part(figure, tights, _trimmed(figure, clothes), bottom, 1.0, loose))
    if clothes.top != "none":
        parts.append(_part(figure, tights, clothes.top_rgb, top, 1.0, loose_top))
    if clothes.feet == "socks":
        parts.append(_part(figure, faces["body"], clothes.feet_rgb, feet_cut, 1.0, 0.0025))
    if clothes.feet == "shoes":
        parts += [shoe for side in "LR" for shoe in _shoe(figure, clothes.feet_rgb, side)]
    return _joined(parts + _hair(figure))


def _shoe(figure: Figure, rgb: Rgb, side: str) -> list[Surface]:
    """Upper and sole: the hull of the foot, a little larger."""
    foot = _share(f"foot.{side}") > 0.6
    foot &= read_template().vertices[:, 1] < -7.3
    foot[13380:] = False  # skin only
    points = figure.vertices[foot]
    middle = points.mean(axis=0)
    around = np.array([[np.sin(a), 0.25, np.cos(a)] for a in np.linspace(0, 2 * np.pi, 12, endpoint=False)])
    upper = np.concatenate([points + 0.007 * w for w in around])
    floor = upper * [1, 0, 1]
    sole = np.concatenate(
        [
            floor
            + [0, -SOLE_M["shoes"], 0]
            + 0.003 * around[:, None].repeat(len(points), 1).reshape(-1, 3) * [1, 0, 1],
            floor + np.array([0, 0.012, 0]),
        ]
    )
    shoes = []
    for cloud, colour in ((upper, rgb), (sole, (0.82, 0.82, 0.80))):
        hull = ConvexHull(cloud)
        used, flat = np.unique(hull.simplices, return_inverse=True)
        corners, triangles = cloud[used], flat.reshape(-1, 3)
        inward = (
            np.einsum(
                "ti,ti->t",
                np.cross(*(corners[triangles[:, k]] - corners[triangles[:, 0]] for k in (1, 2))),
                corners[triangles[:, 0]] - middle,
            )
            < 0
        )
        triangles[inward] = triangles[inward][:, ::-1]
        weights = np.zeros((len(corners), len(SEGMENTS)), np.float32)
        weights[:, SEGMENTS.index(f"foot.{side}")] = 1
        shoes.append(
            Surface(
                corners,
                vertex_normals(corners, triangles),
                weights,
                np.tile(np.asarray(colour, float), (len(corners), 1)),
                np.ones(len(corners)),
                np.full(len(corners), 0.5),
                triangles,
            )
        )
    return shoes


def _hair(figure: Figure) -> list[Surface]:
    """A cap on the skull that follows the hairline; MakeHuman's hair shell for longer hair; a bun."""
    template, person = read_template(), figure.person
    t = template.vertices
    if person.hair == "none":
        return []
    # Scalp: above a plane that falls from the forehead to the nape, clear of the ears.
    scalp = np.minimum(t[:, 1] - (7.05 + 0.62 * (t[:, 2] - 0.2)), 2.0)
    scalp = np.where(_share("head") > 0.5, scalp, -1.0)
    height = np.clip(scalp, 0, 0.6) / 0.6
    parts = [_part(figure, template.faces["body"], person.hair_rgb, scalp, 2.0, 0.004 + 0.012 * height)]
    if person.hair in ("bob", "long"):
        end = {"bob": 6.0, "long": 4.6}[person.hair]
        # Nothing before the face: the shell's front is cut behind the ears and above the brow.
        shell = np.minimum(t[:, 1] - end, np.maximum(t[:, 1] - 8.0, 0.55 - t[:, 2]))
        parts.append(_part(figure, template.faces["helper-hair"], person.hair_rgb, shell, 2.0, 0.004))
    if person.hair == "bun":
        centre = figure.joints["head"] + np.array([0, 0.075, -0.085]) * person.stature_m / 1.7
        rng = np.random.default_rng(0)
        ball = rng.normal(size=(160, 3))
        ball /= np.linalg.norm(ball, axis=1, keepdims=True)
        hull = ConvexHull(ball)
        triangles = hull.simplices.astype(np.int64)
        corner = ball[triangles[:, 0]]
        outward = np.cross(ball[triangles[:, 1]] - corner, ball[triangles[:, 2]] - corner)
        flip = (outward * corner).sum(axis=1) < 0
        triangles[flip] = triangles[flip][:, ::-1]
        weights = np.zeros((len(ball), len(SEGMENTS)), np.float32)
        weights[:, SEGMENTS.index("head")] = 1
        parts.append(
            Surface(
                centre + 0.042 * ball,
                ball,
                weights,
                np.tile(np.asarray(person.hair_rgb, float), (160, 1)),
                np.ones(160),
                np.full(160, 2.0),
                triangles,
            )
        )
    return parts
