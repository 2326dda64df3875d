"""A stance side's signals on a stick figure of known pose: both sides, front and back, both signs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from screener.motion import Joints, StanceSignals
from screener.motion.signals import compute_stance_signals
from screener.pose import Landmark
from screener.terms import Side
from tests.figures import HIPS_PX, LEG_PX, Figure, lift, mirrored, on_both, perform, pose_px, squat

SIDES: tuple[Side, Side] = ("left", "right")


def signals_of(*figures: Figure, stance: Side, from_behind: bool = False) -> StanceSignals:
    """The signals of some poses, of which the first is the quiet stance."""
    px = np.stack([pose_px(figure, from_behind=from_behind) for figure in figures])
    frames = len(figures)
    joints = Joints(
        times_s=np.arange(frames, dtype=np.float64),
        px=px,
        world_m=np.zeros((frames, 33, 3)),
        visibility=np.ones((frames, 33), dtype=np.float32),
        leg_px=np.full(frames, LEG_PX),
        width_px=640,
        height_px=480,
    )
    return compute_stance_signals(joints, stance, slice(0, 1))


@pytest.mark.parametrize("from_behind", [False, True], ids=["from the front", "from behind"])
@pytest.mark.parametrize("stance", SIDES)
def test_each_signal_shows_what_the_figure_does(stance: Side, from_behind: bool) -> None:
    signals = signals_of(
        Figure(stance),
        Figure(stance, fppa_deg=12.0),
        Figure(stance, fppa_deg=-8.0),
        Figure(stance, drop_deg=7.0),
        Figure(stance, drop_deg=-3.0),
        Figure(stance, lean_deg=9.0),
        Figure(stance, lean_deg=-6.0),
        Figure(stance, rise=0.3, aside=0.1),
        Figure(stance, flexion_deg=60.0),
        stance=stance,
        from_behind=from_behind,
    )
    assert_allclose(signals.fppa_deg, [0, 12, -8, 0, 0, 0, 0, 0, 0], atol=1e-9)
    assert_allclose(signals.thigh_inclination_deg, [0, 6, -4, 0, 0, 0, 0, 0, 0], atol=1e-9)
    assert_allclose(signals.pelvic_obliquity_deg, [0, 0, 0, 7, -3, 0, 0, 0, 0], atol=1e-9)
    assert_allclose(signals.trunk_lean_deg[[0, 1, 2, 5, 6, 7, 8]], [0, 0, 0, 9, -6, 0, 0], atol=1e-9)
    assert_allclose(signals.free_ankle_rise_pct, [0, 0, 0, 0, 0, 0, 0, 30, 0], atol=1e-9)
    assert_allclose(signals.free_ankle_aside_pct, [20, 20, 20, 20, 20, 20, 20, 10, 20], atol=1e-9)
    assert_allclose(signals.knee_flexion_deg[[0, 3, 5, 8]], [0, 0, 0, 60], atol=0.05)
    # The knee of an equal-segment leg lies 50 % × sin(half the angle) off the line, or that towards the outside.
    medial_pct = 50 * np.sin(np.radians([6, -4]))
    assert_allclose(signals.knee_medial_pct[[0, 1, 2]], [0, *medial_pct], atol=1e-9)
    assert_allclose(signals.knee_over_foot_pct[[0, 1, 2]], [0, *(2 * medial_pct)], atol=1e-9)
    # Standing on both feet the hips are midway; the middle moves out as the free hip comes in.
    shift_pct = 100 * (HIPS_PX / 2) / LEG_PX
    assert_allclose(signals.pelvic_shift_pct[[0, 5]], shift_pct, atol=1e-9)
    assert_allclose(signals.hip_above_knee_ratio[[0, 8]], [1, np.cos(np.radians(0.58 * 60))], atol=1e-9)


def test_the_limb_bends_by_its_own_length_whatever_the_distance_to_the_camera() -> None:
    for scale in (0.3, 2.5):
        px = np.stack([pose_px(Figure("left")), pose_px(Figure("left", flexion_deg=45.0, fppa_deg=0))]) * scale
        joints = Joints(
            np.array([0.0, 1.0]), px, np.zeros((2, 33, 3)), np.ones((2, 33), np.float32), np.full(2, 1.0), 640, 480
        )
        signals = compute_stance_signals(joints, "left", slice(0, 1))
        assert_allclose(signals.knee_flexion_deg, [0, 45], atol=0.05)
        assert_allclose(signals.knee_medial_pct, 0, atol=1e-9)


def test_a_missing_joint_is_missing_in_its_signals_only() -> None:
    track = perform(on_both(1.0), lift("left"), squat("left", times=2))
    px = track.image_px.copy()
    px[60:80, Landmark.RIGHT_HIP] = np.nan
    joints = Joints.from_track(replace(track, image_px=px))
    signals = compute_stance_signals(joints, "left", slice(0, 30))
    gone = np.zeros(len(track.times_s), dtype=bool)
    gone[60:80] = True
    assert (np.isnan(signals.pelvic_obliquity_deg) == gone).all()
    assert np.isfinite(signals.fppa_deg).all()
    assert np.isfinite(signals.knee_flexion_deg).all()


def test_a_gap_of_one_frame_is_bridged() -> None:
    track = perform(on_both(1.0), lift("left"), squat("left", times=2))
    whole = compute_stance_signals(Joints.from_track(track), "left", slice(0, 30))
    for frame in (40, 75, 90):
        px = track.image_px.copy()
        px[frame] = np.nan
        holed = compute_stance_signals(Joints.from_track(replace(track, image_px=px)), "left", slice(0, 30))
        assert_allclose(holed.fppa_deg, whole.fppa_deg, atol=0.1)
        assert_allclose(holed.knee_flexion_deg, whole.knee_flexion_deg, atol=2.0)


@pytest.mark.parametrize("seed", range(10))
def test_a_mirror_image_has_the_same_signals_on_the_other_side(seed: int) -> None:
    chance = np.random.default_rng(seed)
    stance: Side = SIDES[seed % 2]
    other: Side = SIDES[1 - seed % 2]
    track = perform(
        on_both(1.0, x_px=float(chance.uniform(150, 500))),
        squat(
            stance,
            deg=float(chance.uniform(20, 100)),
            fppa_deg=float(chance.uniform(-20, 40)),
            drop_deg=float(chance.uniform(-8, 20)),
            lean_deg=float(chance.uniform(-10, 20)),
            rise=float(chance.uniform(0.1, 0.5)),
        ),
        yaw_deg=float(chance.uniform(-20, 20)),
        roll_deg=float(chance.uniform(-5, 5)),
        from_behind=seed % 3 == 0,
        noise_px=1.0,
    )
    one = compute_stance_signals(Joints.from_track(track), stance, slice(0, 20))
    two = compute_stance_signals(Joints.from_track(mirrored(track)), other, slice(0, 20))
    for name in StanceSignals.__slots__:
        assert_allclose(getattr(two, name), getattr(one, name), atol=1e-3, err_msg=name)


def test_the_window_of_a_moment_between_frames_is_the_nearest_frame() -> None:
    signals = signals_of(*[Figure("left")] * 5, stance="left")
    assert signals.window(1.0, 3.0) == slice(1, 4)
    assert signals.window(2.2, 2.4) == slice(2, 3)
    assert signals.window(9.0, 9.5) == slice(4, 5)
