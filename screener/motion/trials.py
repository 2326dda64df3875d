"""From a `PoseTrack` to trials: sets of repetitions of one leg, each with its quiet stance, signals and reasons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from screener.motion.counting import TOO_SHALLOW, TOUCHED_DOWN, Repetition, judged
from screener.motion.repetitions import ALOFT, ELSEWHERE, Dip, dips_over, find_dips, no_swaying, same_movement
from screener.motion.signals import Joints, StanceSignals, compute_stance_signals, finite_median
from screener.motion.view import CameraView, assess_view, with_yaw
from screener.pose import Landmark, PoseTrack
from screener.terms import TASKS, QuietStance, Side, StanceSide, Task, other_side

__all__ = ["Motion", "Trial", "read_motion", "seen_from"]

# A set is over after this long without a repetition.
_SET_PAUSE_S = 8.0

# How long, and how still (part of leg length), a quiet stance must be.
_QUIET_S = 0.5
_QUIET_MOVES = 0.02
_QUIET_WITHIN_S = 15.0
_FEET_LEVEL_PCT = 6.0
# After the last repetition of one leg the foot is still in the air, low in front of a step as if it stood, and is down
# only by then [1.2 s in the sample clips].
_FOOT_DOWN_S = 1.5
# A foot within this part of leg length of where it was has not been lifted; in poor light its landmarks wander by up to
# 0.016, and the lowest lifting seen moved it by 0.026 (rendered films).
_SAME_PLACE = 0.02

# Where the pose model swapped left and right in more than this part of the frames, the naming that prevailed is a
# narrow vote. Recordings that can be read at once have under 0.05.
_MOST_SWAPPED = 0.25
# The closer look takes every frame singly, by a larger model. Where it has so much of shoulders and hips the same way
# round, it confirms the naming [judgement; 0.92 to 1 in four such recordings, one of them of a real person].
_CONFIRMED = 0.75


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One set of repetitions over one stance foot, with its signals over the whole recording."""

    task: Task
    task_from: Literal["given", "detected"]
    stance_side: StanceSide
    quiet_stance: QuietStance
    repetitions: tuple[Repetition, ...]
    signals: StanceSignals


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What a recording shows: the camera's view, the trials, and, where there is none, why (`nothing_because`)."""

    joints: Joints
    view: CameraView | None
    trials: tuple[Trial, ...]
    nothing_because: str | None


def read_motion(
    track: PoseTrack, *, task: Task | None = None, side: Side | None = None, closer: PoseTrack | None = None
) -> Motion:
    """Find the trials of a recording.

    Args:
        track: one person's landmarks.
        task: where it is known; else it is told from what is under the feet, or from where the free foot goes.
        side: the stance side where it is known; else the foot that stays.
        closer: a close look at some of the frames, where one was taken: it sees what is under the feet.
    """
    joints = Joints.from_track(track)
    if not np.isfinite(joints.leg_px).any():
        how = "Show the whole body, head to feet" + (", in more light." if joints.grainy else ".")
        return Motion(joints, None, (), f"Nobody could be found in the picture. {how}")
    dips = find_dips(joints, side)
    untold = side is None and _named_by_a_narrow_vote(track, closer)
    if untold:
        dips = [replace(dip, stance_side="unknown") for dip in dips]
    sets = _sets(dips)
    tell_side = side is None and not untold
    if tell_side:
        sets = _joined(joints, sets, task, closer)
    found = track.found
    standing = _standing(joints, sets) & found
    view = assess_view(joints, standing if standing.any() else found)
    begin_s = [0.0, *(members[-1].end_s + _FOOT_DOWN_S for members in sets)]
    until_s = [*(members[0].start_s for members in sets[1:]), np.inf]
    trials = tuple(
        trial
        for members, after_s, before_s in zip(sets, begin_s, until_s, strict=False)
        if (trial := _trial(joints, members, after_s, before_s, task, tell_side, closer)) is not None
    )
    reason = None
    if not view.frontal or not any(rep.counted for trial in trials for rep in trial.repetitions):
        reason = _why_nothing(view, dips, trials)
    return Motion(joints, view, trials, reason)


def _named_by_a_narrow_vote(track: PoseTrack, closer: PoseTrack | None) -> bool:
    """Whether left and right were swapped so often that the other naming may be the true one, and no closer look has
    shoulders and hips the same way round."""
    if not track.found.any() or track.flipped[track.found].mean() <= _MOST_SWAPPED:
        return False
    if closer is None:
        return True
    at = np.argmin(np.abs(track.times_s[:, None] - closer.times_s), axis=0)
    both = closer.found & track.found[at]
    left, right = ([Landmark[f"{side}_{name}"] for name in ("SHOULDER", "HIP")] for side in ("LEFT", "RIGHT"))
    first, second = (px[both][:, left, 0] > px[both][:, right, 0] for px in (track.image_px[at], closer.image_px))
    return not both.any() or bool((first == second).mean() < _CONFIRMED)


def seen_from(motion: Motion, yaw_deg: float, closer: PoseTrack) -> Motion:
    """The same movement, the camera's yaw known better than the first look told.

    Args:
        motion: as the first look told it.
        yaw_deg: what the corrector makes of the closer look. It knows no people who are turned far, and takes them for
            less turned than they are: where both looks see them so, it is not believed.
        closer: the closer look.
    """
    if motion.view is None or not (motion.view.perhaps_frontal or _stands_perhaps_frontal(motion, closer)):
        return motion
    view = with_yaw(motion.view, yaw_deg, motion.joints)
    reason = motion.nothing_because
    if not view.frontal:
        reason = view.warnings[0]
    elif not motion.view.frontal:
        counted = any(rep.counted for trial in motion.trials for rep in trial.repetitions)
        reason = None if counted else _why_nothing(view, [], motion.trials)
    return replace(motion, view=view, nothing_because=reason)


def _stands_perhaps_frontal(motion: Motion, closer: PoseTrack) -> bool:
    """Whether a closer look at the quiet stances has the person turned so little that the view may be frontal."""
    standing = closer.found & np.any([trial.quiet_stance.holds(closer.times_s) for trial in motion.trials], axis=0)
    return bool(standing.any()) and assess_view(Joints.from_track(closer), standing).perhaps_frontal


def _sets(dips: list[Dip]) -> list[list[Dip]]:
    """Dips grouped into sets: one side, no long pause. Movements on both feet belong to no set."""
    sets: list[list[Dip]] = []
    for dip in dips:
        if dip.both_feet:
            continue
        last = sets[-1][-1] if sets else None
        if last is not None and dip.start_s - last.end_s <= _SET_PAUSE_S and _one_side(sets[-1], dip):
            sets[-1].append(dip)
        else:
            sets.append([dip])
    return sets


def _joined(joints: Joints, sets: list[list[Dip]], task: Task | None, closer: PoseTrack | None) -> list[list[Dip]]:
    """Sets that follow one another, made one where a foot stayed standing before, between and after them, or where a
    foot is the higher one in all their step-downs: a dip or two were taken for the other leg's. Who changes legs moves
    both feet, and steps down from the other."""
    joined: list[list[Dip]] = []
    for members in sets:
        last = joined[-1] if joined else None
        if last is not None and members[0].start_s - last[-1].end_s <= _SET_PAUSE_S:
            after_s = joined[-2][-1].end_s + _FOOT_DOWN_S if len(joined) > 1 else 0.0
            both = [*last, *members]
            known = task or _surely(_seen_under_feet(closer, min(after_s, last[0].start_s), members[-1].end_s))
            if _left_standing(joints, both, after_s) is not None or (known in _DOWN and _higher(joints, both)):
                last += members
                continue
        joined.append(list(members))
    return joined


def _one_side(members: list[Dip], dip: Dip) -> bool:
    """Whether a dip may belong to a set: its foot is the set's, or one of the two could not be told."""
    known = {each.stance_side for each in (*members, dip)} - {"unknown"}
    return len(known) < 2


def _standing(joints: Joints, sets: list[list[Dip]]) -> NDArray[np.bool_]:
    """The frames of the sets in which nobody squats; all frames where there is no set."""
    inside = np.zeros(len(joints.times_s), dtype=bool)
    squatting = np.zeros(len(joints.times_s), dtype=bool)
    for members in sets:
        times_s = joints.times_s
        inside |= (times_s >= members[0].start_s - 2.0) & (times_s <= members[-1].end_s + 1.0)
        for dip in members:
            squatting |= (times_s > dip.start_s) & (times_s < dip.end_s)
    return inside & ~squatting if sets else ~squatting


# Who lifts a foot, or puts it down, sinks a little: less than this part of the other dips of the set.
_STEPPING_PART = 0.5


def _repeated(members: list[Dip]) -> list[Dip]:
    """The dips of a set without those in which a foot was only lifted or put down."""
    if len(members) < 2:
        return members
    usual = float(np.median([dip.depth for dip in members if not dip.steps] or [dip.depth for dip in members]))
    return [dip for dip in members if not (dip.steps and dip.depth < _STEPPING_PART * usual)]


def _trial(
    joints: Joints,
    members: list[Dip],
    after_s: float,
    before_s: float,
    task: Task | None,
    tell_side: bool,
    closer: PoseTrack | None,
) -> Trial | None:
    members = _repeated(members)
    under_feet = _seen_under_feet(closer, min(after_s, members[0].start_s), members[-1].end_s)
    chosen = task or _surely(under_feet)
    stance: StanceSide = next((dip.stance_side for dip in members if dip.stance_side != "unknown"), "unknown")
    if tell_side:
        stance = _stood_on(joints, members, after_s, chosen, closer)
    if stance != "unknown":
        members = _over(joints, stance, members, after_s, before_s)
    drawn: Side = stance if stance != "unknown" else "left"
    quiet = _quiet_stance(joints, drawn, members, after_s)
    standing = slice(*np.searchsorted(joints.times_s, [quiet.start_s - 1e-6, quiet.end_s + 1e-6]))
    signals = compute_stance_signals(joints, drawn, standing)
    chosen = chosen or TASKS[int(np.argmax(under_feet * _told_by_free_foot(members)))]
    if chosen == "lateral_step_down":
        # Its free foot hangs beside the step, level with the other perhaps, but with nothing to stand on.
        quiet = QuietStance(quiet.start_s, quiet.end_s, "single_leg")
    repetitions = judged(joints, signals, members, chosen, stance, closer)
    # Sinking too little again and again is swaying, not a set.
    if all(rep.excluded_because == TOO_SHALLOW for rep in repetitions) and len(repetitions) == 1:
        return None
    return Trial(chosen, "given" if task else "detected", stance, quiet, repetitions, signals)


def _stood_on(
    joints: Joints, members: list[Dip], after_s: float, task: Task | None, closer: PoseTrack | None
) -> StanceSide:
    """The leg that a set is done on; unknown where neither a foot that is lifted, nor a closer look, nor the feet's
    heights, nor more than half of its repetitions, nor where the hips are tell it."""
    repetitions = no_swaying(members)
    # Both before the heights: deep in a step-down the step may hide the free foot, and its landmark stays up there.
    if (left_standing := _left_standing(joints, members, after_s)) is not None:
        return left_standing
    if (stays := _seen_to_stay(joints, repetitions, after_s, closer)) is not None:
        return stays
    if task in _DOWN and (higher := _higher(joints, repetitions)) is not None:
        return higher
    told = [dip.stance_side for dip in repetitions]
    return next((side for side in _SIDES if 2 * told.count(side) > len(told)), _under_hips(joints, repetitions))


# A closer look has few frames, but takes each singly, by a larger model. From quiet stance to the bottoms one ankle
# moved further than the other by more than this (part of leg length) in 230 sets of 250 rendered films, and was the
# free one in all of them.
_STAYS_BETTER_BY = 0.04


def _seen_to_stay(joints: Joints, members: list[Dip], after_s: float, closer: PoseTrack | None) -> Side | None:
    """The foot that a closer look has at the bottoms where it was in quiet stance, if the other is elsewhere then."""
    if closer is None:
        return None
    times_s = closer.times_s
    within = np.any([(times_s > dip.start_s) & (times_s < dip.end_s) for dip in members], axis=0)
    standing = closer.found & ~within & (times_s >= after_s - 1e-6) & (times_s <= members[-1].end_s)
    at_bottom = [closer.found & (np.abs(times_s - dip.bottom_s) <= _ABOUT_S) for dip in members]
    seen = [rows for rows in at_bottom if rows.any()]
    if not standing.any() or not seen:
        return None
    moved = {}
    for side in _SIDES:
        ankle = closer.image_px[:, Landmark[f"{side}_ankle".upper()]]
        places = np.array([np.median(ankle[rows], axis=0) for rows in seen])
        moved[side] = float(np.hypot(*(places - np.median(ankle[standing], axis=0)).T).mean())
    further_left = (moved["left"] - moved["right"]) / finite_median(joints.leg_px)
    if not abs(further_left) > _STAYS_BETTER_BY:
        return None
    return "right" if further_left > 0 else "left"


# Who stands on one leg has the hips over its foot. Where they are this much (part of leg length) nearer to one foot
# than to the other, across and in the median of a repetition, it was the stance foot in 99 of 101 rendered films.
_NEARER = 0.06


def _under_hips(joints: Joints, members: list[Dip]) -> StanceSide:
    """The foot that the hips are over during a set; unknown where they are between the two, or those are in line."""
    off = {side: joints.middle("hip")[:, 0] - joints.of(side, "ankle")[:, 0] for side in _SIDES}
    nearer_left = (np.abs(off["right"]) - np.abs(off["left"])) / joints.leg_px
    within = [(joints.times_s >= dip.start_s) & (joints.times_s <= dip.end_s) for dip in members]
    nearer = float(np.mean([finite_median(nearer_left[rows]) for rows in within]))
    if not abs(nearer) > _NEARER:
        return "unknown"
    return "left" if nearer > 0 else "right"


_DOWN: tuple[Task, ...] = ("forward_step_down", "lateral_step_down")
# Who steps down lets the free foot down as far as the body sinks, or part of it, and stands on the other. One ankle
# rose against the other by more than this (part of leg length) from the ends of a step-down to its bottom at 146 of 173
# bottoms (rendered films), and was the stance foot at all of them; the free one's never did so by more than 0.021.
# Where a step hides the free foot its landmark does (docs/accuracy.md), so a foot seen to be lifted goes first.
_LET_DOWN = 0.04
# Where an ankle is at an instant is its median over so long before and after; a tenth of the depth is reached up to so
# long after the foot began to move.
_ABOUT_S = 0.1
_BEFORE_S = 0.3


def _higher(joints: Joints, members: list[Dip]) -> Side | None:
    """The foot that at the bottoms is the higher one by more than a camera can make it, or becomes so on the way there,
    if it is the same at all of which either is true: who steps down stands on it."""
    left_rises = (joints.of("right", "ankle") - joints.of("left", "ankle"))[:, 1] / joints.leg_px

    def at(instant_s: float) -> float:
        return finite_median(left_rises[np.abs(joints.times_s - instant_s) <= _ABOUT_S])

    higher: set[Side] = set()
    for dip in members:
        rise = at(dip.bottom_s)
        rises = rise - finite_median(np.array([at(dip.start_s - _BEFORE_S), at(dip.end_s + _BEFORE_S)]))
        for told, least in ((rise, ALOFT), (rises, _LET_DOWN)):
            if abs(told) > least:
                higher.add("left" if told > 0 else "right")
    return higher.pop() if len(higher) == 1 else None


def _over(joints: Joints, stance: Side, members: list[Dip], after_s: float, before_s: float) -> list[Dip]:
    """The dips of a set, measured over the foot that it turned out to be done on, and those between or beside them that
    were missed: taken for squats on both feet, though the free foot was elsewhere then than where the two had stood; or
    as deep as the others, but the landmarks had the foot wander meanwhile, as where one leg hides the other."""
    over = dips_over(joints, stance)
    again = list(dict.fromkeys(next((dip for dip in over if same_movement(dip, each)), each) for each in members))
    usual = float(np.median([dip.depth for dip in no_swaying(again)]))
    for dip in over:
        if not dip.foot_stays and dip.depth >= _STEPPING_PART * usual and _beside(dip, again, after_s, before_s):
            again.append(dip)
    quiet = _quiet_stance(joints, stance, again, after_s)
    if quiet.kind == "bilateral":
        stood = _free_from_stance(joints, stance, quiet.start_s, quiet.end_s)
        for dip in over:
            at_ends = [_free_from_stance(joints, stance, at - 0.1, at + 0.1) for at in (dip.start_s, dip.end_s)]
            if (
                dip.both_feet
                and all(np.hypot(*(place - stood)) > ELSEWHERE for place in at_ends)
                and _beside(dip, again, quiet.end_s, before_s)
            ):
                again.append(dip)
    return sorted(again, key=lambda dip: dip.bottom_s)


def _beside(dip: Dip, members: list[Dip], after_s: float, before_s: float) -> bool:
    """Whether a dip lies between two times and near the dips of a set, and is none of them."""
    return (
        after_s <= dip.start_s
        and dip.end_s <= before_s
        and not any(same_movement(dip, each) for each in members)
        and min(abs(dip.bottom_s - each.bottom_s) for each in members) <= _SET_PAUSE_S
    )


def _free_from_stance(joints: Joints, stance: Side, start_s: float, end_s: float) -> NDArray[np.float64]:
    """Where the free ankle is from the stance ankle between two times, `(xy,)`, as part of leg length."""
    window = slice(*np.searchsorted(joints.times_s, [start_s - 1e-6, end_s + 1e-6]))
    apart = joints.of(other_side(stance), "ankle")[window] - joints.of(stance, "ankle")[window]
    return np.array([finite_median(axis) for axis in (apart / joints.leg_px[window, None]).T])


# Shares that speak for one task this much are believed: they are right in 228 of 230 rendered recordings of people whom
# no fitting saw (models/footing.md). In the others the free foot is asked, too.
_SURE = 0.8
# No single picture speaks against a task with more than this.
_SMALLEST_SHARE = 1e-3


def _surely(under_feet: NDArray[np.float64]) -> Task | None:
    """The task that what is under the feet tells surely."""
    return TASKS[int(np.argmax(under_feet))] if under_feet.max() >= _SURE else None


def _seen_under_feet(closer: PoseTrack | None, start_s: float, end_s: float) -> NDArray[np.float64]:
    """How much what is under the feet speaks for each of `TASKS`, in all pictures of a set together, `(3,)`, in all 1;
    as much for each where nobody looked."""
    if closer is not None:
        shares = closer.task_shares[(closer.times_s >= start_s - 1e-6) & (closer.times_s <= end_s + 1e-6)]
        shares = shares[np.isfinite(shares).all(axis=1)]
        if len(shares):
            together = np.exp(np.log(shares.astype(np.float64) + _SMALLEST_SHARE).mean(axis=0))
            return np.asarray(together / together.sum())
    return np.full(len(TASKS), 1 / len(TASKS))


# Where the free foot goes in each of `TASKS` (rows), as the task that it looks like (columns): shares of the 307
# repetitions of 154 rendered films.
_FREE_FOOT_GOES = np.array([[0.81, 0.16, 0.03], [0.05, 0.73, 0.22], [0.01, 0.40, 0.59]])


def _told_by_free_foot(members: list[Dip]) -> NDArray[np.float64]:
    """How much where the free foot goes speaks for each of `TASKS`, `(3,)`."""
    votes = [dip.task for dip in no_swaying(members)]
    return np.asarray(_FREE_FOOT_GOES[:, TASKS.index(max(sorted(set(votes)), key=votes.count))])


# The free foot is lifted before a set and set down after it; within this time it has moved by more than this part of
# leg length, and so many times further than the foot that is left standing, between places where it rests: where a
# landmark is for less than half a second nobody has put a foot. On 91 sets of rendered films in which either foot does,
# the further one was the free one in 89; from 1.3 times on in all.
_LIFTED_WITHIN_S = 2.5
_LIFTED_BY = 0.08
_LIFTED_TIMES = 1.75
_RESTS_S = 0.5


def _left_standing(joints: Joints, members: list[Dip], after_s: float) -> Side | None:
    """The foot that stays where it is while the other is lifted before a set or set down after it, if that is seen.

    Deep in a squat the landmarks of a stance foot may wander further than those of a foot held still in the air;
    between the repetitions they do not.
    """
    times_s = joints.times_s
    about = (times_s >= max(after_s, members[0].start_s - _LIFTED_WITHIN_S)) & (
        times_s <= members[-1].end_s + _LIFTED_WITHIN_S
    )
    for dip in members:
        about &= (times_s < dip.start_s) | (times_s > dip.end_s)
    moved = {side: _moved_between_rests(joints, side, np.flatnonzero(about)) for side in _SIDES}
    for side in _SIDES:
        lifted = moved[other_side(side)]
        if np.isfinite(lifted) and lifted >= max(_LIFTED_BY, _LIFTED_TIMES * moved[side]):
            return side
    return None


def _moved_between_rests(joints: Joints, side: Side, rows: NDArray[np.intp]) -> float:
    """How far apart the places are at which an ankle rests in these frames, as part of leg length; NaN if unseen."""
    places = []
    for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
        times_s, points = joints.times_s[run], joints.of(side, "ankle")[run]
        for start, stop in enumerate(np.searchsorted(times_s, times_s + _RESTS_S + 1e-6)):
            seen = points[start:stop][np.isfinite(points[start:stop]).all(axis=1)]
            if len(seen) and (start == 0 or stop < len(run)):
                places.append(np.median(seen, axis=0))
    return float(np.hypot(*np.ptp(places, axis=0)) / np.median(joints.leg_px[rows])) if places else float("nan")


_SIDES: tuple[Side, Side] = ("left", "right")


def _quiet_stance(joints: Joints, stance: Side, members: list[Dip], after_s: float) -> QuietStance:
    """The stillest stretch before the first repetition, on both feet if there is one; else the top between two."""
    first = no_swaying(members)[0].start_s
    low = max(after_s, first - _QUIET_WITHIN_S)
    before = [
        (start, found)
        for start in np.arange(low, first - _QUIET_S + 1e-6, 0.1).tolist()
        if (found := _stand(joints, stance, start, start + _QUIET_S)) is not None and found.moves < _QUIET_MOVES
    ]
    on_both = [(start, found) for start, found in before if found.both]
    if on_both:
        # A foot that is held low in front looks level with the other, too. It was on the floor first: what counts is
        # the last stretch in which it is still where it stood.
        place = on_both[0][1].free_from_stance
        on_both = [each for each in on_both if np.linalg.norm(each[1].free_from_stance - place) < _SAME_PLACE]
    kind: Literal["bilateral", "single_leg"] = "bilateral" if on_both else "single_leg"
    # The last still stretch of the better kind: nearest to what follows it.
    still = [start for start, _ in on_both or before]
    if still:
        low, high = _widest_from(still)
        # The end of the last window may hold the beginning of a movement, which its median does not tell.
        return QuietStance(round(low, 3), round(min(high + 0.8 * _QUIET_S, first), 3), kind)
    tops = [(members[0].start_s - 0.15, members[0].start_s + 0.05)]
    tops += [(a.end_s, b.start_s) for a, b in pairwise(members) if b.start_s > a.end_s]
    start, end = max(tops, key=lambda top: top[1] - top[0])
    return QuietStance(round(max(0.0, start), 3), round(max(end, start + 0.1), 3), "single_leg")


def _widest_from(starts: list[float]) -> tuple[float, float]:
    """The last unbroken run of start times, as (first, last), at most two seconds long."""
    run = [starts[-1]]
    for start in reversed(starts[:-1]):
        if run[-1] - start > 0.15 or run[0] - start > 2.0 - _QUIET_S:
            break
        run.append(start)
    return run[-1], run[0]


@dataclass(frozen=True, slots=True, eq=False)
class _Standing:
    """How a person stands for a while: on both feet or not, how much they move, and where the free ankle is from the
    stance ankle, `(xy,)`; lengths as part of leg length."""

    both: bool
    moves: float
    free_from_stance: NDArray[np.float64]


def _stand(joints: Joints, stance: Side, start_s: float, end_s: float) -> _Standing | None:
    """How the person stands between two times; None where that cannot be seen.

    A foot held in the air may swing; what is stood on and what it carries must be still.
    """
    window = slice(*np.searchsorted(joints.times_s, [start_s - 1e-6, end_s + 1e-6]))
    ankle, free_ankle = (joints.of(side, "ankle")[window] for side in (stance, other_side(stance)))
    points = [joints.middle("hip")[window], joints.middle("shoulder")[window], ankle, free_ankle]
    if len(ankle) < 3 or not all(np.isfinite(each).all() for each in points):
        return None
    leg = float(np.median(joints.leg_px[window]))
    apart = np.median(free_ankle - ankle, axis=0) / leg
    legs = [joints.of(side, "hip")[window] - joints.of(side, "ankle")[window] for side in _SIDES]
    lengths = [float(np.median(np.linalg.norm(each, axis=1))) / leg for each in legs]
    both = abs(100 * float(apart[1])) < _FEET_LEVEL_PCT and min(lengths) > 0.9
    moves = max(_drift(each) for each in points[: 4 if both else 3]) / leg
    return _Standing(both, moves, np.asarray(apart))


def _drift(points: NDArray[np.float64]) -> float:
    """How far a point gets `(frame, xy)`: between the medians of the first, second and last third of its frames, so
    that the landmarks' jitter in poor light is no movement."""
    places = np.array([np.median(part, axis=0) for part in np.array_split(points, 3)])
    return float(np.hypot(*np.ptp(places, axis=0)))


def _why_nothing(view: CameraView, dips: list[Dip], trials: tuple[Trial, ...]) -> str:
    if not view.frontal:
        return view.warnings[0]
    reasons = [rep.excluded_because for trial in trials for rep in trial.repetitions if rep.excluded_because]
    if reasons:
        most = max(sorted(set(reasons)), key=reasons.count)
        hint = " If it was a step-down, say so." if most == TOUCHED_DOWN else ""
        if len(reasons) == 1:
            return f"One movement was seen, but it could not be counted: {most}.{hint}"
        return f"{len(reasons)} movements were seen, but none could be counted: {most}.{hint}"
    if any(dip.both_feet for dip in dips):
        return "The person squats on both feet. Stand on one leg, or step down from a box, and film again."
    return (
        "No single-leg squat or step-down was seen. Stand on one leg facing the camera, "
        "bend the knee slowly and come up again, three to five times."
    )
