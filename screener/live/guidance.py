"""What is said to a person who stands in front of the camera: a pure state machine, frames and words in, prompts out.

    finding ─▶ placing ─▶ standing ─▶ lifting ─▶ moving ─▶ resting ─▶ standing (other leg) ... ─▶ done
                 ▲            any stage with a person ─▶ lost ─▶ placing, or stopped after 20 s
                 └─────────── any stage ─▶ paused ─▶ placing;  any stage ─▶ stopped

It knows no browser, no camera and no clock but the frames' own times, so a recording can be played to it at any
speed. It counts only to guide: what counts in the result is decided by `screen()`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from screener.live.body import Body, Placing, judge_placing
from screener.terms import Side, Task

__all__ = ["PROMPTS", "Course", "Guidance", "Prompt", "Seen", "Stage", "Stop", "Word"]

Stage: TypeAlias = Literal[
    "finding", "placing", "standing", "lifting", "moving", "resting", "paused", "lost", "done", "stopped"
]
Stop: TypeAlias = Literal["asked", "pain", "left", "time"]
Word: TypeAlias = Literal["go_on", "pause", "repeat", "stop", "pain"]

#: Every prompt that there is, by its id; the language files hold a sentence for each.
PROMPTS: tuple[str, ...] = (
    "nobody", "dark", "two_people", "too_close", "too_far", "step_left", "step_right", "face_camera", "tilted",
    "hard_to_see", "stand_still", "on_both_feet", "lift", "other_side_first", "other_leg", "lift_again",
    "go", "bend", "one_leg", "count", "too_shallow", "too_fast", "touched_down", "half_way", "lost",
    "paused", "again", "done", "stopped_asked", "stopped_pain", "stopped_left", "stopped_time",
)  # fmt: skip

# A word about the same thing is not said again before this, nor anything else right behind a word: two seconds are
# a short sentence's length.
_NAG_S = 6.0
_SENTENCE_S = 2.0

_NOBODY_S = 2.0
_IN_PLACE_S = 1.5  # all is well for so long before it goes on
_JUDGE_EVERY_S = 0.2
_STILL_S = 2.0  # the two seconds on both feet
_LOST_S = 1.0
_GONE_S = 20.0
_COUNTDOWN_FROM = 3
_READING_S = 2.0  # before the countdown: the time to hear which leg
_HAND_S = 0.8
_TAIL_S = 1.5  # after the last repetition: its way up belongs to it
_LONGEST_SET_S = 90.0
_SOFT_AFTER_S = 12.0  # advice that is not followed for so long no longer holds the person up

# Enough repetitions of one leg for a middle value, where a person stops early (the protocols ask for 3 to 5).
_FEWEST = 3

# What `screen()` calls a repetition (motion.counting): 30° of knee flexion or more, 0.8 s or more, no touch-down.
_SHALLOWEST_DEG = 30.0
_FASTEST_S = 0.8
# What is asked for, with no number told: the protocols' 45 to 60° (live reading is ±10°), and about two seconds.
_DEEP_ENOUGH_DEG = 40.0
_SLOW_ENOUGH_S = 1.6

# A dip: the hips come this far down over the ankle (part of leg length, as in motion.repetitions), and
# is over when they are most of the way up again. From the one to the other is about two thirds of the repetition.
_DIP = 0.02
_UP_AGAIN = 0.4
_SEEN_OF_DIP = 0.65
# Hips that seem to sink for less than this are a foot that leaves the floor, or a frame's noise: nobody bends so fast.
_BLIP_S = 0.2
# One foot is in the air where its ankle is this much higher than on both feet; on the floor below the second, for as
# long as makes a touch-down in the result (screener/motion/counting.py).
_LIFTED = 0.06
_ON_FLOOR = 0.03
_TOUCH_S = 0.15
_ON_ONE_LEG_S = 0.5
_ON_BOTH_S = 3.0
# Standing still: hips, shoulders and both ankles within this part of the leg's length (5th to 95th percentile).
_STILL = 0.035


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one frame showed.

    Attributes:
        time_s: when it was taken.
        row: the person's landmarks, `(landmark, x_px y_px x_m y_m z_m visibility)`; None where nobody was found.
        width_px, height_px: of the picture.
        brightness: the picture's mean, 0..255.
        people: how many people, where that was looked at.
    """

    time_s: float
    row: NDArray[np.float32] | None
    width_px: int
    height_px: int
    brightness: float
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something to say: `id` names a sentence of the language file, `side`, `number` and `hint` fill it in."""

    id: str
    side: Side | None = None
    number: int | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """What is to be done: `sides` in this order, so many repetitions each."""

    task: Task = "single_leg_squat"
    sides: tuple[Side, ...] = ("left", "right")
    repetitions: int = 5


@dataclass(slots=True)
class _Dip:
    """A sinking of the hips under way."""

    start_s: float
    deepest: float = 0.0
    flexion_deg: float = 0.0
    touching_since_s: float | None = None
    touched: bool = False
    ankles: list[NDArray[np.float64]] = field(default_factory=list)  # (side, xy) a frame


class Guidance:
    """The state machine. `see` and `hear` give what to say; the attributes tell where the check stands.

    Attributes:
        stage: see the drawing above.
        side: the leg that is asked for.
        sides_done: legs whose set is complete, in order.
        repetitions: counted so far in this set.
        countdown: 3, 2, 1 while it runs.
        prompt: what was said last: the caption.
        stop: why it stopped, in stage `stopped`.
        still_share: 0..1, how much of the two seconds on both feet is over.
        recording: whether frames are to be kept, and for which leg.
        attempt: goes up whenever a leg is begun again: what was kept of it before is to be dropped.
    """

    def __init__(self, course: Course | None = None) -> None:
        self.course = course or Course()
        self.stage: Stage = "finding"
        self.sides_done: list[Side] = []
        self.repetitions = 0
        self.countdown: int | None = None
        self.prompt: Prompt | None = None
        self.stop: Stop | None = None
        self.still_share = 0.0
        self.attempt = 0
        self._waiting: list[Side] = list(self.course.sides)
        self._said: list[Prompt] = []
        self._said_s: dict[str, float] = {}
        self._last_said_s = -np.inf
        self._stage_s: float | None = None
        self._seen_s: float | None = None  # a person was seen last
        self._bodies: deque[Body] = deque()
        self._well_since_s: float | None = None
        self._soft_since_s: float | None = None
        self._hand_since_s: float | None = None
        self._hand_spent = False
        self._start_anyway = False
        self._level = 0.0  # `Body.rise` on both feet: one set back, or a tilted camera
        self._leg_px = 1.0  # standing
        self._top = 0.0
        self._dip: _Dip | None = None
        self._tops: deque[tuple[float, float]] = deque()
        self._one_leg_since: tuple[Side, float] | None = None
        self._both_since_s: float | None = None
        self._active_s = 0.0
        self._people = 1
        self._placing: Placing | None = None
        self._judged_s = -np.inf

    @property
    def side(self) -> Side | None:
        return self._waiting[0] if self._waiting else None

    @property
    def recording(self) -> Side | None:
        """The leg to which this frame belongs; None where frames are not kept."""
        if self.stage in ("standing", "lifting", "moving"):
            return self.side
        return self.sides_done[-1] if self.stage == "resting" and self.sides_done else None

    def hear(self, word: Word, time_s: float) -> list[Prompt]:
        """A key, a button or a raised hand."""
        self._said = []
        if self.stage in ("done", "stopped"):
            return []
        if word == "stop":
            self._end("asked", time_s)
        elif word == "pain":
            self._end("pain", time_s)
        elif word == "pause" and self.stage != "paused":
            self._begin_again()
            self._enter("paused", time_s)
            self._say("paused", time_s, always=True)
        elif word == "go_on" and self.stage == "paused":
            self._enter("placing", time_s)
            self._say("again", time_s, always=True, side=self.side)
        elif word == "go_on" and self.stage in ("finding", "placing"):
            self._start_anyway = True
        elif word == "repeat":
            self._repeat(time_s)
        return self._said

    def see(self, seen: Seen) -> list[Prompt]:
        """One frame, in the order of time; what is to be said about it."""
        self._said = []
        now = seen.time_s
        if self._stage_s is None:
            self._stage_s = self._seen_s = now
        if self.stage in ("done", "stopped"):
            return []
        if seen.people is not None:
            self._people = seen.people
        body = Body.of(now, seen.row, seen.width_px, seen.height_px) if seen.row is not None else None
        if body is None:
            self._nobody(seen)
            return self._said
        self._seen_s = now
        self._bodies.append(body)
        while now - self._bodies[0].time_s > _STILL_S + 0.5:
            self._bodies.popleft()
        self._watch_hand(body)
        if self.stage == "finding" or (self.stage == "lost" and now - self._stage_s > 0.5):
            self._enter("placing", now)
        step = {
            "placing": self._place,
            "standing": self._stand,
            "lifting": self._lift,
            "moving": self._move,
            "resting": self._rest,
        }.get(self.stage)
        if step is not None:
            step(body, seen)
        return self._said

    # --- nobody, lost, ended ------------------------------------------------------------------------------------

    def _nobody(self, seen: Seen) -> None:
        now = seen.time_s
        assert self._seen_s is not None
        gone_s = now - self._seen_s
        self._well_since_s = None
        if self.stage == "paused":
            return
        if self.stage in ("finding", "placing"):
            if gone_s > _NOBODY_S:
                self._enter("finding", now)
                self._say("dark" if seen.brightness < Placing.DARK else "nobody", now)
            if self.sides_done and gone_s > _GONE_S:
                self._end("left", now)
            return
        if self.stage != "lost" and gone_s > _LOST_S:
            self._begin_again()
            self._enter("lost", now)
            self._say("lost", now, always=True)
        if gone_s > _GONE_S:
            self._end("left", now)

    def _end(self, why: Stop, time_s: float) -> None:
        self.stop = why
        self._enter("stopped", time_s)
        self._say(f"stopped_{why}", time_s, always=True)

    def _begin_again(self) -> None:
        """The set under way is not finished: what was kept of it is dropped, and it is done anew."""
        if self.stage == "resting" and self.sides_done:
            return  # that set is complete
        self.repetitions = 0
        self.attempt += 1

    def _repeat(self, now: float) -> None:
        """The leg just done, or the one under way, once more."""
        if self.stage == "resting" and self.sides_done:
            self._waiting.insert(0, self.sides_done.pop())
        self.repetitions = 0
        self.attempt += 1
        self._enter("placing", now)
        self._say("again", now, always=True, side=self.side)

    def _watch_hand(self, body: Body) -> None:
        """A hand held over the head starts, pauses or repeats; it must come down before it counts again."""
        if not body.hand_up:
            self._hand_since_s, self._hand_spent = None, False
            return
        self._hand_since_s = body.time_s if self._hand_since_s is None else self._hand_since_s
        if self._hand_spent or body.time_s - self._hand_since_s < _HAND_S:
            return
        self._hand_spent = True
        word: Word = "pause"
        if self.stage in ("finding", "placing", "lost", "paused"):
            word = "go_on"
        elif self.stage == "resting":
            word = "repeat"
        said = self._said
        self._said = said + self.hear(word, body.time_s)

    # --- into place ---------------------------------------------------------------------------------------------

    def _place(self, body: Body, seen: Seen) -> None:
        now = body.time_s
        found = self._judged(1.0, seen.brightness, self._people)
        self._soft_since_s = now if self._soft_since_s is None else self._soft_since_s
        if found is not None and found.soft and (self._start_anyway or now - self._soft_since_s > _SOFT_AFTER_S):
            found = None
        if found is not None:
            self._well_since_s = None
            self._say(found.prompt, now)
            return
        self._well_since_s = now if self._well_since_s is None else self._well_since_s
        if now - self._well_since_s >= _IN_PLACE_S or self._start_anyway:
            self._enter("standing", now)
            self._say("on_both_feet", now, always=True)

    def _stand(self, body: Body, seen: Seen) -> None:
        now = body.time_s
        if (found := self._judged(0.5, seen.brightness, 1)) is not None and not found.soft:
            self._begin_again()
            self._enter("placing", now)
            return
        assert self._stage_s is not None
        since = [each for each in self._bodies if each.time_s >= max(self._stage_s, now - _STILL_S - 0.1)]
        still_s = _still_for_s(since)
        self.still_share = min(1.0, still_s / _STILL_S)
        if self.still_share >= 1.0:
            self._level = float(np.median([each.rise for each in since]))
            self._leg_px = float(np.median([each.leg_px for each in since]))
            self._enter("lifting", now)
            self._say("lift", now, always=True, side=self.side, number=self.course.repetitions)
        elif now - self._stage_s > 5.0:
            self._say("stand_still", now)

    # --- a set --------------------------------------------------------------------------------------------------

    def _lift(self, body: Body, seen: Seen) -> None:
        assert self._stage_s is not None
        waited_s = body.time_s - self._stage_s
        self._mind_the_leg(body)
        self._follow_dip(body)
        left_s = _READING_S + _COUNTDOWN_FROM - waited_s
        self.countdown = int(np.ceil(left_s)) if 0 < left_s <= _COUNTDOWN_FROM else None
        if self._dip is not None or self.repetitions or left_s <= 0:
            self.countdown = None
            self._enter("moving", body.time_s, keep_dip=True)
            if not self.repetitions:
                self._say("go", body.time_s, always=True, side=self.side)

    def _move(self, body: Body, seen: Seen) -> None:
        now = body.time_s
        assert self._stage_s is not None
        if (found := self._judged(0.5, seen.brightness, 1)) is not None and found.prompt == "too_close":
            self._say("too_close", now)
        self._mind_the_leg(body)
        self._follow_dip(body)
        if self.repetitions >= self.course.repetitions and now - self._active_s >= _TAIL_S:
            self._set_done(now)
            return
        idle_s = now - max(self._active_s, self._stage_s)
        on_both = self._both_since_s is not None and now - self._both_since_s > _ON_BOTH_S
        if on_both and self._dip is None and self.course.task == "single_leg_squat" and idle_s > _TAIL_S:
            if self.repetitions >= _FEWEST:
                self._set_done(now)
            else:
                self._say("lift_again", now, side=self.side)
        elif idle_s > 6.0:
            self._say("bend", now)
        if now - self._stage_s > _LONGEST_SET_S:
            if self.repetitions:
                self._set_done(now)
            else:
                self._end("time", now)

    def _rest(self, body: Body, seen: Seen) -> None:
        assert self._stage_s is not None
        if body.time_s - self._stage_s >= _SENTENCE_S:
            self._enter("standing", body.time_s)
            self._say("on_both_feet", body.time_s, always=True)

    def _set_done(self, now: float) -> None:
        side = self._waiting.pop(0)
        self.sides_done.append(side)
        self.repetitions = 0
        if self._waiting:
            self._enter("resting", now)
            self._say("half_way", now, always=True, side=self._waiting[0])
        else:
            self._enter("done", now)
            self._say("done", now, always=True)

    def _mind_the_leg(self, body: Body) -> None:
        """Which leg is stood on, where one foot is in the air; the other leg first is as good."""
        now, rise = body.time_s, body.rise - self._level
        if abs(rise) < _ON_FLOOR:
            self._both_since_s = now if self._both_since_s is None else self._both_since_s
        else:
            self._both_since_s = None
        if self.course.task != "single_leg_squat" or abs(rise) < _LIFTED or self.side is None:
            self._one_leg_since = None
            return
        stood_on: Side = "right" if rise > 0 else "left"
        if self._one_leg_since is None or self._one_leg_since[0] != stood_on:
            self._one_leg_since = (stood_on, now)
        if now - self._one_leg_since[1] < _ON_ONE_LEG_S or stood_on == self.side or self.repetitions:
            return
        if stood_on in self._waiting:
            self._waiting.remove(stood_on)
            self._waiting.insert(0, stood_on)
            self._say("other_side_first", now, always=True, side=stood_on)
        else:
            self._say("other_leg", now, side=self.side)

    def _follow_dip(self, body: Body) -> None:
        """Sinking and rising over the stance ankle; counts what `screen()` will count, as far as one can tell live."""
        side = self.side
        if side is None:
            return
        now, sunk = body.time_s, body.sunk(side, self._leg_px)
        self._tops.append((now, sunk))
        while now - self._tops[0][0] > _STILL_S:
            self._tops.popleft()
        dip = self._dip
        if dip is None:
            # Half of the last seconds were spent higher than this: the top, without a single frame's noise.
            top = float(np.percentile([each for _, each in self._tops], 20))
            if sunk - top > _DIP:
                self._dip = dip = _Dip(now)
                self._top = top
            else:
                return
        depth = sunk - self._top
        dip.deepest = max(dip.deepest, depth)
        dip.flexion_deg = max(dip.flexion_deg, body.knee_flexion_deg(side, self._leg_px))
        dip.ankles.append(body.ankles_of_leg)
        rise = body.rise if side == "right" else -body.rise
        if rise < _ON_FLOOR and self.course.task == "single_leg_squat":
            dip.touching_since_s = now if dip.touching_since_s is None else dip.touching_since_s
            dip.touched |= now - dip.touching_since_s >= _TOUCH_S
        else:
            dip.touching_since_s = None
        if depth < _UP_AGAIN * dip.deepest and dip.deepest > _DIP:
            self._dip = None
            self._tops.clear()
            if now - dip.start_s >= _BLIP_S:
                self._active_s = now
                self._judge(dip, side, now)

    def _judge(self, dip: _Dip, side: Side, now: float) -> None:
        lasted_s = (now - dip.start_s) / _SEEN_OF_DIP
        moved = np.ptp(np.percentile(np.stack(dip.ankles), [5, 95], axis=0), axis=0)  # (side, xy)
        left, right = np.hypot(moved[0, 0], moved[0, 1]), np.hypot(moved[1, 0], moved[1, 1])
        if self.course.task == "single_leg_squat" and max(left, right) < 0.05 and dip.touched:
            self._say("one_leg", now, side=side)
        elif dip.touched:
            self._say("touched_down", now, always=True)
        elif dip.flexion_deg < _SHALLOWEST_DEG:
            self._say("too_shallow", now)
        elif lasted_s < _FASTEST_S:
            self._say("too_fast", now, always=True)
        else:
            self.repetitions += 1
            hint = None
            if self.repetitions < self.course.repetitions:
                if lasted_s < _SLOW_ENOUGH_S:
                    hint = "slower"
                elif dip.flexion_deg < _DEEP_ENOUGH_DEG:
                    hint = "deeper"
            self._say("count", now, always=True, number=self.repetitions, hint=hint)

    def _judged(self, seconds: float, brightness: float, people: int) -> Placing | None:
        """What is wrong with the place, by the last seconds; looked at five times a second."""
        now = self._bodies[-1].time_s
        if not 0 <= now - self._judged_s < _JUDGE_EVERY_S:
            recent = [each for each in self._bodies if now - each.time_s <= seconds]
            self._placing, self._judged_s = judge_placing(recent, brightness, people), now
        return self._placing

    # --- small things -------------------------------------------------------------------------------------------

    def _enter(self, stage: Stage, now: float, *, keep_dip: bool = False) -> None:
        if stage != self.stage:
            self._soft_since_s = None
        self.stage, self._stage_s = stage, now
        self.countdown, self.still_share = None, 0.0
        self._well_since_s = self._both_since_s = self._one_leg_since = None
        self._start_anyway = False
        if not keep_dip:
            self._dip = None
            self._tops.clear()
            self._active_s = now

    def _say(
        self,
        id: str,
        now: float,
        *,
        always: bool = False,
        side: Side | None = None,
        number: int | None = None,
        hint: str | None = None,
    ) -> None:
        prompt = Prompt(id, side, number, hint)
        too_soon = now - self._said_s.get(id, -np.inf) < _NAG_S or now - self._last_said_s < _SENTENCE_S
        if too_soon and not always:
            return
        self._said_s[id] = self._last_said_s = now
        self.prompt = prompt
        self._said.append(prompt)


def _still_for_s(bodies: list[Body]) -> float:
    """How long, up to the last of these frames, the person has stood still on both feet."""
    times_s = np.array([body.time_s for body in bodies])
    points = np.stack([body.steady_points for body in bodies]) / np.median([body.leg_px for body in bodies])
    on_both = np.array([body.on_both_feet for body in bodies])
    # In tenths of the time looked at: a frame's exactness would cost more than the pose model's own share allows.
    for start in range(0, len(bodies), max(1, len(bodies) // 10)):
        if not on_both[start:].mean() > 0.9:
            continue
        spread = np.ptp(np.percentile(points[start:], [5, 95], axis=0), axis=0)
        if np.hypot(spread[:, 0], spread[:, 1]).max() < _STILL:
            return float(times_s[-1] - times_s[start])
    return 0.0
