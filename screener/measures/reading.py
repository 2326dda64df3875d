"""Reading a trial's numbers: where they are read, from which look, and what cannot be read and why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from screener.measures.error_model import Estimate, measurement, pooled, raw_estimate
from screener.measures.values import (
    MEASURES,
    AtDepth,
    MeasuredRepetition,
    MeasuredTrial,
    Measurement,
    MeasureName,
    NotMeasured,
    Reading,
)
from screener.motion import OVERTURNED_BY_A_CLOSER_LOOK, CameraView, Joints, Repetition, StanceSignals, Trial
from screener.motion.signals import WANDERS, compute_stance_signals, finite_median
from screener.pose import Landmark, PoseTrack
from screener.pose.landmarks import FOUND_JOINTS
from screener.terms import Side

__all__ = [
    "DEEPEST_READ_DEG",
    "Corrector",
    "PoseSample",
    "instants_to_read",
    "measure_trial",
    "sample_pose",
    "view_yaw_deg",
]

_Values = NDArray[np.float64]

# A reading is the median over the frames this near to its instant: at a bottom, where the body rests, and at a depth
# that it passes, by up to 7° of knee flexion in this time.
_AROUND_S = 0.1
_PASSING_S = 0.05

# Below this projected hip-above-knee height (part of the standing thigh) FPPA blows up: the disagreement between
# models at the 90th percentile passes 6° (docs/accuracy.md).
_READABLE_RATIO = 0.5

_DEPTHS: tuple[AtDepth, ...] = ("30", "45", "60")

#: Who bends the knee further than this, in degrees, is read here, on the way down: FPPA at deeper bottoms is off by a
#: quarter more (docs/accuracy.md), and the squats that norms come from go to 45 to 60° (R48; R26 reads at 60°).
DEEPEST_READ_DEG = 65.0

#: What is read from a pose at one instant; the others are read over time.
_POSE_MEASURES: tuple[MeasureName, ...] = (
    "pelvic_drop_deg",
    "fppa_deg",
    "hip_adduction_deg",
    "trunk_lean_deg",
    "knee_flexion_deg",
    "knee_medial_displacement_pct",
    "pelvic_shift_pct",
    "knee_over_foot_pct",
)


@dataclass(frozen=True, slots=True, eq=False)
class PoseSample:
    """The median pose over some frames.

    Attributes:
        px: `(33, xy)`, pixels, y down.
        world_m: `(33, xyz)`, the model's world landmarks.
        n: how many frames it rests on.
        model: the pose bundle that saw it.
        found_px: `(4, xy)`, hips and knees (`FOUND_JOINTS`) where the closer look has them; NaN where nobody looked.
        aside_deg: from how far aside the picture shows the person, + = more of the body's side that lies to the
            picture's right; NaN where nobody looked.
    """

    px: _Values
    world_m: _Values
    n: int
    model: str
    found_px: _Values = field(default_factory=lambda: np.full((len(FOUND_JOINTS), 2), np.nan))
    aside_deg: float = float("nan")

    @property
    def px_as_found(self) -> _Values:
        """`px` with hips and knees where they were found: what a corrector looks at."""
        px = self.px.copy()
        px[list(FOUND_JOINTS)] = self.found_px
        return px


class Corrector(Protocol):
    """Better estimates than the raw formulas give, for some measures. Put in, it changes no caller.

    `model` is the pose bundle that it was fitted to; poses that another one saw stay raw.
    """

    @property
    def model(self) -> str: ...

    def correct(
        self, quiet: PoseSample, at: PoseSample, stance: Side, raw: dict[MeasureName, float], *, grainy: bool = False
    ) -> dict[MeasureName, Estimate]:
        """Estimates for the measures it knows; the others stay raw. `grainy`: whether the pictures are."""
        ...

    def camera_yaw_deg(self, quiet: PoseSample, at: PoseSample, stance: Side) -> float:
        """From how far aside the camera sees the person, + = from the stance side as it is seen; NaN: not known."""
        ...


def view_yaw_deg(
    trials: tuple[Trial, ...], joints: Joints, looks: tuple[PoseTrack, ...], corrector: Corrector
) -> float | None:
    """How far the person is turned out of the camera's axis (as `CameraView.yaw_deg`), by the corrector: the median
    over the repetitions; None where no close look was taken or nothing was like what it has learned."""
    found = []
    for trial in trials:
        quiet = sample_pose(looks, trial.quiet_stance.start_s, trial.quiet_stance.end_s)
        if quiet is None or quiet.model != corrector.model:
            continue
        # Where the leg could not be told nothing is counted; both legs tell about the same yaw, and why it is so.
        sides: tuple[Side, ...] = ("left", "right") if trial.stance_side == "unknown" else (trial.stance_side,)
        for rep in trial.repetitions:
            moments = _moments(trial.signals, rep)
            asked = rep.counted or trial.stance_side == "unknown"
            at_s = moments.depths_s.get("bottom", moments.read_s) if asked else None
            pose = None if at_s is None else _pose_at(trial, rep, joints, looks, at_s)
            if pose is None or pose.model != corrector.model:
                continue
            front = pose.px[Landmark.LEFT_SHOULDER, 0] > pose.px[Landmark.RIGHT_SHOULDER, 0]
            for side in sides:
                # The camera stands on the person's left: the person is turned to their right.
                sign = 1 if front == (side == "left") else -1
                found.append(-sign * corrector.camera_yaw_deg(quiet, pose, side))
    known = [yaw for yaw in found if np.isfinite(yaw)]
    return float(np.median(known)) if known else None


def sample_pose(looks: tuple[PoseTrack, ...], start_s: float, end_s: float) -> PoseSample | None:
    """The median pose between two times, from the best look (the last one that has those frames)."""
    for look in reversed(looks):
        window = slice(*np.searchsorted(look.times_s, [start_s - 1e-6, end_s + 1e-6]))
        found = look.found[window]
        if found.any():
            closer = look.found_px[window][found]
            closer = closer[np.isfinite(closer[:, 0, 0])]
            return PoseSample(
                np.median(look.image_px[window][found], axis=0).astype(np.float64),
                np.median(look.world_m[window][found], axis=0).astype(np.float64),
                int(found.sum()),
                look.model,
                np.median(closer, axis=0).astype(np.float64)
                if len(closer)
                else np.full((len(FOUND_JOINTS), 2), np.nan),
                finite_median(look.aside_deg[window][found].astype(np.float64)),
            )
    return None


def _pose_at(
    trial: Trial, rep: Repetition, joints: Joints, looks: tuple[PoseTrack, ...], at_s: float
) -> PoseSample | None:
    """The pose around an instant of a repetition, in the picture of the quiet stance.

    The stance foot stays on its place, so where it stands before and after the repetition tells how far the camera,
    or the person, has moved since the quiet stance. That is taken back, but for what landmarks wander by themselves;
    where the foot was not seen there, nothing is.
    """
    around_s = _AROUND_S if at_s == rep.bottom_s else _PASSING_S
    pose = sample_pose(looks, at_s - around_s, at_s + around_s)
    if pose is None or trial.stance_side == "unknown":
        return pose
    ankle = joints.of(trial.stance_side, "ankle")

    def place(start_s: float, end_s: float) -> _Values:
        window = ankle[trial.signals.window(start_s, end_s)]
        seen = window[np.isfinite(window).all(axis=1)]
        return np.median(seen, axis=0) if len(seen) else np.full(2, np.nan)

    ends = np.stack([place(end - _AROUND_S, end + _AROUND_S) for end in (rep.start_s, rep.end_s)])
    share = np.clip((at_s - rep.start_s) / max(rep.end_s - rep.start_s, 1e-6), 0.0, 1.0)
    moved = (1 - share) * ends[0] + share * ends[1] - place(trial.quiet_stance.start_s, trial.quiet_stance.end_s)
    wandering = WANDERS * float(np.nanmedian(joints.leg_px))
    moved = np.nan_to_num(moved - np.clip(moved, -wandering, wandering))
    return replace(pose, px=pose.px - moved, found_px=pose.found_px - moved)


@dataclass(frozen=True, slots=True)
class _Moments:
    """The instants at which one repetition is read: the reading proper, the matched depths on the way down, and the
    bottom where it can be read."""

    read_s: float | None
    depths_s: dict[AtDepth, float]


def instants_to_read(trial: Trial, *, grainy: bool = False) -> tuple[list[float], list[float]]:
    """The instants of a trial at which a second look pays: first where its values are read, in the quiet stance and at
    bottoms, then the matched depths, where half a look will do.

    Few on purpose: a close look at one frame costs as much as ten in passing. In grainy pictures, where single frames
    err more, about three times as many.
    """
    quiet = trial.quiet_stance
    quiet_frames, bottom_offsets_s, passing_offsets_s = _CLOSE_LOOKS_WHERE_GRAINY if grainy else _CLOSE_LOOKS
    instants: list[float] = np.linspace(quiet.start_s, quiet.end_s, quiet_frames).tolist()
    passed: list[float] = []
    for rep in trial.repetitions:
        if rep.counted or rep.excluded_because in OVERTURNED_BY_A_CLOSER_LOOK:
            moments = _moments(trial.signals, rep)
            if moments.read_s is not None:
                # Where a bottom is too deep for the rest to be read, how deep it is still is.
                instants += [rep.bottom_s + offset for offset in bottom_offsets_s]
                if moments.read_s != rep.bottom_s:
                    instants += [moments.read_s + offset for offset in passing_offsets_s]
            passed += [at_s for depth, at_s in moments.depths_s.items() if depth != "bottom"]
    return instants, passed


# How many frames a second look takes of the quiet stance, and where it looks about a bottom and about a depth that is
# passed: more bring little for what they cost (docs/accuracy.md). In grainy pictures, averaged with their neighbours,
# they do more: they brought the drop of 60 repetitions from 3.6° off to 3.3°.
_CLOSE_LOOKS = (7, (0.0,), (0.0,))
_GRAINY_S = (-0.1, -0.067, -0.033, 0.0, 0.033, 0.067, 0.1)
_CLOSE_LOOKS_WHERE_GRAINY = (21, _GRAINY_S, _GRAINY_S[2:5])


def measure_trial(
    trial: Trial,
    joints: Joints,
    view: CameraView,
    looks: tuple[PoseTrack, ...],
    corrector: Corrector | None = None,
) -> MeasuredTrial:
    """Read every measure of every repetition, and the trial's median over the counted ones.

    Args:
        trial: what was found.
        joints: of the recording, smoothed, for what is read over time.
        view: the camera's view; nothing frontal is read from aside.
        looks: the first look at the recording and, after it, better looks at parts of it.
        corrector: better estimates, where there is one.
    """
    repetitions = tuple(_measure_repetition(trial, rep, joints, view, looks, corrector) for rep in trial.repetitions)
    counted = [rep for rep in repetitions if rep.counted]
    summary: dict[MeasureName, Reading] = {}
    for name in MEASURES:
        readings = [rep.measures[name] for rep in counted]
        good = [reading for reading in readings if isinstance(reading, Measurement)]
        if good:
            summary[name] = pooled(name, good) if name != "foot_touchdowns" else _total(good)
        else:
            reasons = [reading.reason for reading in readings if isinstance(reading, NotMeasured)]
            summary[name] = NotMeasured(reasons[0] if reasons else "No repetition could be counted.")
    return MeasuredTrial(
        task=trial.task,
        task_from=trial.task_from,
        stance_side=trial.stance_side,
        quiet_stance=trial.quiet_stance,
        repetitions=repetitions,
        summary=summary,
    )


def _measure_repetition(
    trial: Trial,
    rep: Repetition,
    joints: Joints,
    view: CameraView,
    looks: tuple[PoseTrack, ...],
    corrector: Corrector | None,
) -> MeasuredRepetition:
    moments = _moments(trial.signals, rep)
    read_s = moments.read_s
    measures: dict[MeasureName, Reading] = {}
    at_depth: dict[AtDepth, dict[MeasureName, Reading]] = {}
    reason = _why_not(trial, rep, view)
    if reason is None and read_s is None:
        reason = "The leg could not be seen well enough at any depth."
    if reason is not None:
        measures = {name: NotMeasured(reason) for name in MEASURES}
    else:
        assert read_s is not None
        reader = _Reader(trial, rep, joints, view, looks, corrector)
        wanted = {read_s, rep.bottom_s, *moments.depths_s.values()}
        read = {at_s: reader.at(at_s) for at_s in sorted(wanted)}
        depth = read[rep.bottom_s]["knee_flexion_deg"]
        if "bottom" in moments.depths_s and isinstance(depth, Measurement):
            # The first look took it for deeper than it is, or the closer one did not see it higher up: an older one
            # never looked there.
            unseen = all(isinstance(reading, NotMeasured) for reading in read[read_s].values())
            if depth.value <= DEEPEST_READ_DEG or unseen:
                read_s = rep.bottom_s
        measures |= read[read_s] | {"knee_flexion_deg": depth}
        measures |= _over_time(trial, rep, joints, view)
        at_depth = {depth: read[at_s] for depth, at_s in moments.depths_s.items()}
    return MeasuredRepetition(
        index=rep.index,
        start_s=rep.start_s,
        bottom_s=rep.bottom_s,
        end_s=rep.end_s,
        counted=rep.counted,
        excluded_because=rep.excluded_because,
        read_at="bottom" if read_s == rep.bottom_s else "deepest_readable",
        measures={name: measures[name] for name in MEASURES},
        at_depth=at_depth,
        read_s=read_s,
    )


def _why_not(trial: Trial, rep: Repetition, view: CameraView) -> str | None:
    if not view.frontal:
        return f"The camera does not face the person. {view.warnings[0]}"
    if trial.stance_side == "unknown":
        return "Which leg was stood on could not be told."
    if not rep.counted:
        return f"The repetition was not counted: {rep.excluded_because}."
    return None


def _moments(signals: StanceSignals, rep: Repetition) -> _Moments:
    down = signals.window(rep.start_s, rep.bottom_s)
    around = signals.window(rep.bottom_s - _AROUND_S, rep.bottom_s + _AROUND_S)
    times_s, flexion, ratio = signals.times_s[down], signals.knee_flexion_deg[down], signals.hip_above_knee_ratio
    read_s: float | None = rep.bottom_s
    bottom_readable = finite_median(ratio[around]) >= _READABLE_RATIO
    if not bottom_readable:
        readable = np.flatnonzero(ratio[down] >= _READABLE_RATIO)
        read_s = float(times_s[readable[-1]]) - _AROUND_S if len(readable) else None
    depths: dict[AtDepth, float] = {}
    for depth in _DEPTHS:
        deeper = np.flatnonzero(flexion >= float(depth))
        if len(deeper) and (read_s is None or times_s[deeper[0]] <= read_s):
            depths[depth] = float(times_s[deeper[0]])
    too_deep = np.flatnonzero(flexion >= DEEPEST_READ_DEG)
    if len(too_deep) and not finite_median(signals.knee_flexion_deg[around]) <= DEEPEST_READ_DEG:
        read_s = min(float(times_s[too_deep[0]]), rep.bottom_s if read_s is None else read_s)
    if bottom_readable:
        depths["bottom"] = rep.bottom_s
    return _Moments(read_s, depths)


class _Reader:
    """Reads poses of one repetition against its trial's quiet stance."""

    def __init__(
        self,
        trial: Trial,
        rep: Repetition,
        joints: Joints,
        view: CameraView,
        looks: tuple[PoseTrack, ...],
        corrector: Corrector | None,
    ) -> None:
        assert trial.stance_side != "unknown"
        self._trial, self._rep = trial, rep
        self._stance: Side = trial.stance_side
        self._joints, self._view, self._looks, self._corrector = joints, view, looks, corrector
        self._quiet = sample_pose(looks, trial.quiet_stance.start_s, trial.quiet_stance.end_s)

    def at(self, instant_s: float) -> dict[MeasureName, Reading]:
        """Every measure that one pose gives, around an instant."""
        pose = _pose_at(self._trial, self._rep, self._joints, self._looks, instant_s)
        quiet = self._quiet
        if pose is None or quiet is None:
            return dict.fromkeys(_POSE_MEASURES, NotMeasured("The person was not found in these frames."))
        if quiet.model != pose.model:
            # Two models put joints to different places, so what lies between their poses is no movement.
            return dict.fromkeys(_POSE_MEASURES, NotMeasured(_SEEN_TOO_POORLY))
        raw = raw_values(quiet, pose, self._stance, self._joints)
        estimates = {name: raw_estimate(name, value, self._view.yaw_deg) for name, value in raw.items()}
        if self._corrector is not None and pose.model == self._corrector.model:
            estimates |= self._corrector.correct(quiet, pose, self._stance, raw, grainy=self._joints.grainy)
        return {name: _reading(name, estimate, pose.n) for name, estimate in estimates.items()}


_SEEN_TOO_POORLY = "The closer look did not find the person in these frames. Use more light, or come nearer."


def _reading(name: MeasureName, estimate: Estimate, n: int = 1) -> Reading:
    if not np.isfinite(estimate.value):
        return NotMeasured("A joint that this needs was not found.")
    return measurement(name, estimate, n)


def raw_values(quiet: PoseSample, at: PoseSample, stance: Side, joints: Joints) -> dict[MeasureName, float]:
    """The raw formulas on one pose: angles in the picture, the drop as change of the hip line from quiet stance."""
    pair = replace(
        joints,
        times_s=np.array([0.0, 1.0]),
        px=np.stack([quiet.px, at.px]),
        world_m=np.stack([quiet.world_m, at.world_m]),
        visibility=np.ones((2, at.px.shape[0]), dtype=np.float32),
        leg_px=np.ones(2),
    )
    signals = compute_stance_signals(pair, stance, slice(0, 1))
    drop = float(signals.pelvic_obliquity_deg[1] - signals.pelvic_obliquity_deg[0])
    return {
        "pelvic_drop_deg": drop,
        "fppa_deg": float(signals.fppa_deg[1]),
        "hip_adduction_deg": float(signals.thigh_inclination_deg[1]) + drop,
        "trunk_lean_deg": float(signals.trunk_lean_deg[1]),
        "knee_flexion_deg": float(signals.knee_flexion_deg[1]),
        "knee_medial_displacement_pct": float(signals.knee_medial_pct[1]),
        "pelvic_shift_pct": float(signals.pelvic_shift_pct[1] - signals.pelvic_shift_pct[0]),
        "knee_over_foot_pct": float(signals.knee_over_foot_pct[1]),
    }


def _over_time(trial: Trial, rep: Repetition, joints: Joints, view: CameraView) -> dict[MeasureName, Reading]:
    """What is read over a whole repetition: tempo, wobble, drift of the foot, touch-downs."""
    assert trial.stance_side != "unknown"
    signals = trial.signals
    window = signals.window(rep.start_s, rep.end_s)
    ankle = joints.of(trial.stance_side, "ankle")[window]
    leg_px = float(np.nanmedian(joints.leg_px[window]))
    drift = 100 * float(np.nanmax(np.linalg.norm(ankle - np.nanmedian(ankle[:5], axis=0), axis=1))) / leg_px
    values: dict[MeasureName, float] = {
        "tempo_s": rep.end_s - rep.start_s,
        "knee_wobble_deg": _wobble_deg(signals.times_s[window], signals.fppa_deg[window]),
        "foot_drift_pct": drift,
    }
    found: dict[MeasureName, Reading] = {
        name: _reading(name, raw_estimate(name, value, view.yaw_deg)) for name, value in values.items()
    }
    found["foot_touchdowns"] = (
        NotMeasured(
            "In a step-down the foot is meant to touch the floor."
            if trial.task != "single_leg_squat"
            else "The picture is too grainy to tell a foot on the floor from one above it. Use more light."
            if joints.grainy
            else "The free foot is held so low that it looks the same on the floor."
        )
        if rep.touched_down is None
        else Measurement(rep.touched_down, rep.touched_down, rep.touched_down, MEASURES["foot_touchdowns"])
    )
    return found


def _wobble_deg(times_s: _Values, fppa_deg: _Values) -> float:
    """Side-to-side shake of the knee: SD of FPPA about a smooth course (a quartic in time over the repetition)."""
    good = np.isfinite(fppa_deg)
    if good.sum() < 8:
        return float("nan")
    seconds = times_s[good] - times_s[good].mean()
    course = np.polyval(np.polyfit(seconds, fppa_deg[good], 4), seconds)
    return float(np.std(fppa_deg[good] - course))


def _total(readings: list[Measurement]) -> Measurement:
    value = sum(reading.value for reading in readings)
    return Measurement(value, value, value, readings[0].unit, len(readings))
