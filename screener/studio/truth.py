"""What is known about a rendered picture: angles read back from the joints, their pixels, and the proof."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.studio.kinematics import Posture
from screener.studio.motion import Instant, Quiet
from screener.studio.render import View
from screener.studio.spec import ClipSpec
from screener.studio.wardrobe import Surface

__all__ = ["FrameTruth", "frame_truth", "joint_pixels", "outline_from_mesh", "pose_truth", "write_truth"]

Row: TypeAlias = dict[str, Any]


def pose_truth(posture: Posture) -> dict[str, float]:
    """The measured angles of a solved posture, read back from its joints; signs as everywhere in the house."""
    near, far, s = ("L", "R", 1.0) if posture.stance_side == "left" else ("R", "L", -1.0)
    j = posture.joints
    hip, knee, ankle = j[f"hip.{near}"], j[f"knee.{near}"], j[f"ankle.{near}"]
    across = j[f"hip.{far}"] - hip
    thigh, shank = knee - hip, ankle - knee
    # The midline lies towards −s in x: the free side of a left stance is to the right.
    incline = [np.degrees(np.arctan2(-s * part[0], -part[1])) for part in (thigh, shank)]
    trunk = (j["shoulder.L"] + j["shoulder.R"]) / 2 - (j["hip.L"] + j["hip.R"]) / 2
    return {
        "pelvic_obliquity_deg": float(np.degrees(np.arctan2(-across[1], abs(across[0])))),
        "fppa_frontal_plane_deg": float(incline[0] - incline[1]),
        "knee_flexion_deg": float(np.degrees(np.arctan2(np.linalg.norm(np.cross(thigh, shank)), thigh @ shank))),
        "trunk_lean_deg": float(np.degrees(np.arctan2(s * trunk[0], trunk[1]))),
    }


def joint_pixels(posture: Posture, view: View) -> dict[str, float]:
    """Joint centres in the picture: `left_hip_x_px` and so on, y down."""
    return {
        f"{'left' if name[-1] == 'L' else 'right'}_{name[:-2]}_{axis}_px": float(value)
        for name in (f"{joint}.{side}" for joint in ("hip", "knee", "ankle", "shoulder") for side in "LR")
        for axis, value in zip("xy", view.project(posture.joints[name][None])[0], strict=True)
    }


@dataclass(frozen=True, slots=True)
class FrameTruth:
    """One frame: when and in which phase it is, and its numbers by column name."""

    instant: Instant
    numbers: dict[str, float]


def frame_truth(instant: Instant, posture: Posture, view: View) -> FrameTruth:
    """Everything known about one frame of a clip."""
    pixels = joint_pixels(posture, view)
    s = 1.0 if posture.stance_side == "left" else -1.0
    front = 1.0 if view.camera.facing == "anterior" else -1.0
    hip, knee, ankle = (
        np.array([pixels[f"{posture.stance_side}_{joint}_{axis}_px"] for axis in "xy"])
        for joint in ("hip", "knee", "ankle")
    )
    # Seen from the front the person's left is to the right of the picture, so the midline is at −s there too.
    inward = -s * front
    incline = [np.degrees(np.arctan2(inward * part[0], part[1])) for part in (knee - hip, ankle - knee)]
    return FrameTruth(instant, {**pixels, **pose_truth(posture), "fppa_picture_deg": float(incline[0] - incline[1])})


def write_truth(spec: ClipSpec, frames: list[FrameTruth], quiets: list[Quiet], box_height_m: float, stem: Path) -> None:
    """Writes `stem.truth.csv`, a row a frame, and `stem.truth.json`, each set's repetitions at their bottoms.

    Drop is the change of obliquity from the median of the set's quiet stance: on both feet where the set
    begins with that, else on the stance leg. A bottom is the frame of greatest knee flexion.
    """
    level = {
        quiet.bout: float(
            np.median(
                [
                    f.numbers["pelvic_obliquity_deg"]
                    for f in frames
                    if f.instant.bout == quiet.bout and quiet.start_s <= f.instant.time_s < quiet.end_s
                ]
            )
        )
        for quiet in quiets
    }
    rows: list[Row] = [
        {
            "frame": number,
            "time_s": f.instant.time_s,
            **f.numbers,
            "pelvic_drop_deg": f.numbers["pelvic_obliquity_deg"] - level[f.instant.bout],
            "repetition": f.instant.repetition,
            "set": f.instant.bout,
            "stance_side": spec.bouts[f.instant.bout].stance_side,
            "phase": f.instant.phase,
            "both_feet": int(f.instant.pose.free_foot_down >= 1),
        }
        for number, f in enumerate(frames)
    ]
    with stem.with_suffix(".truth.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)

    sets = []
    for quiet in quiets:
        bout = spec.bouts[quiet.bout]
        sets.append(
            {
                "stance_side": bout.stance_side,
                "quiet_stance": {
                    "start_s": round(quiet.start_s, 3),
                    "end_s": round(quiet.end_s, 3),
                    "kind": quiet.kind,
                    "pelvic_obliquity_deg": round(level[quiet.bout], 2),
                },
                "repetitions": [
                    _repetition([r for r in rows if r["set"] == quiet.bout and r["repetition"] == index])
                    for index in range(len(bout.repetitions))
                ],
            }
        )
    sides = {bout.stance_side for bout in spec.bouts}
    camera = spec.camera
    truth = {
        "task": spec.task,
        "stance_side": sides.pop() if len(sides) == 1 else "both",
        "stature_m": spec.person.stature_m,
        "box_height_m": round(box_height_m, 3),
        "camera": {"facing": camera.facing, "yaw_deg": camera.yaw_deg, "roll_deg": camera.roll_deg},
        "note": spec.note,
        "measurable": spec.measurable,
        "repetitions": [repetition for one in sets for repetition in one["repetitions"]],
        "sets": sets,
    }
    stem.with_suffix(".truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


def _repetition(rows: list[Row]) -> Row:
    bottom = max(rows, key=lambda row: float(row["knee_flexion_deg"]))
    named = {
        "pelvic_drop_deg": "pelvic_drop_deg",
        "fppa_deg": "fppa_frontal_plane_deg",
        "fppa_picture_deg": "fppa_picture_deg",
        "knee_flexion_deg": "knee_flexion_deg",
        "trunk_lean_deg": "trunk_lean_deg",
    }
    return {
        "stance_side": bottom["stance_side"],
        "start_s": round(rows[0]["time_s"], 3),
        "bottom_s": round(bottom["time_s"], 3),
        "end_s": round(rows[-1]["time_s"], 3),
        **{name: round(float(bottom[column]), 2) for name, column in named.items()},
        "touches_floor": any(row["both_feet"] for row in rows),
    }


def outline_from_mesh(surface: Surface, points: NDArray[np.float32], view: View) -> NDArray[np.bool_]:
    """Where the projected triangles of a person are (row, column): the picture's outline, without OpenGL."""
    seen = surface.triangles[(surface.cut[surface.triangles] >= 0).all(axis=1)]
    corners = view.project(np.asarray(points, float))[seen]
    mask = np.zeros((view.camera.height_px, view.camera.width_px), np.uint8)
    # OpenCV counts from pixel centres, the studio from the picture's corner; 4 bits of subpixels.
    for corner in np.round((corners - 0.5) * 16).astype(np.int32):
        cv2.fillConvexPoly(mask, corner, 1, lineType=cv2.LINE_8, shift=4)
    return mask.astype(bool)
