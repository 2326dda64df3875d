"""A check as it happens: pictures come in, the person is followed and guided, and in the end `screen()` is asked."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from screener.errors import WrongUse
from screener.live.guidance import Course, Guidance, Prompt, Seen, Word
from screener.live.recording import Kept, Recording, picture_of
from screener.motion import read_motion
from screener.pipeline import Progress, Settings, screen, times_to_look_closely
from screener.pose import Follower, PoseEstimator, PoseTrack, mend_left_right_flips
from screener.screening import Screening
from screener.terms import Side
from screener.video import Frame, LiveCalmer, calmed

__all__ = ["Answer", "LiveCheck"]

# How often it is looked whether somebody else is in the picture, while the person finds their place.
_COUNT_PEOPLE_EVERY_S = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What came of one picture.

    Attributes:
        row: the person's landmarks, `(landmark, 6)`; None where nobody was found.
        prompts: what to say now.
        inference_s, whole_s: what the pose model took of the time, and the time.
    """

    row: NDArray[np.float32] | None
    prompts: tuple[Prompt, ...]
    inference_s: float
    whole_s: float


class LiveCheck:
    """One person's check. All calls come from one thread, one after the other.

    Close looks at a leg that is done are taken while the other one moves, in a thread that yields to everything
    else, so that the result need not wait for them.

    Attributes:
        course: what is to be done.
        guidance: where the check stands.
        recording: what was kept.
        size_px: (width, height) of the last picture.
    """

    def __init__(self, course: Course | None = None) -> None:
        self.course = course or Course()
        self.guidance = Guidance(self.course)
        self.recording = Recording()
        self._estimator = PoseEstimator("full")
        self._follower = Follower(self._estimator)
        self._calmer = LiveCalmer()
        self._closely = _CloserLook(Settings(task=self.course.task))
        self.size_px = (1, 1)
        self._index = 0
        self._last_s = -np.inf
        self._counted_s = -np.inf
        self._attempt = 0
        self._done = (0, 0)

    def push(self, time_s: float, jpeg: bytes) -> Answer:
        """The next picture, as JPEG, and when it was taken.

        Raises:
            WrongUse: it is not a JPEG, or not later than the last one.
        """
        began = perf_counter()
        if not time_s > self._last_s:
            raise WrongUse("The picture is not later than the one before.", "Send pictures in the order of time.")
        self._last_s = time_s
        rgb = picture_of(jpeg)
        decoded = perf_counter()
        row = self._follower.next(self._calmer.next(Frame(self._index, time_s, rgb)))
        self._index += 1
        people = None
        if self.guidance.stage == "placing" and time_s - self._counted_s > _COUNT_PEOPLE_EVERY_S:
            self._counted_s = time_s
            people = self._estimator.count_people(rgb)
        inferred = perf_counter()
        height, width = rgb.shape[:2]
        self.size_px = (width, height)
        # Every eighth pixel each way tells the mean as well as all of them.
        seen = Seen(time_s, row, width, height, float(rgb[::8, ::8].mean()), people)
        prompts = self.guidance.see(seen)
        self._keep(time_s, jpeg, row, (width, height))
        return Answer(row, tuple(prompts), inferred - decoded, perf_counter() - began)

    def hear(self, word: Word) -> tuple[Prompt, ...]:
        """A key, a button or a spoken wish."""
        prompts = tuple(self.guidance.hear(word, self._last_s))
        self._mind_attempts()
        return prompts

    def retake(self, side: Side) -> None:
        """Do one leg again; what was recorded of the other stays."""
        self.recording.drop(side)
        self.guidance = Guidance(replace(self.course, sides=(side,)))
        self._attempt, self._done = 0, (0, 0)
        self._closely.forget()

    def result(self, progress: Progress | None = None) -> Screening:
        """What `screen()` says of the recording: the live look is its first look, close looks so far are kept.

        Raises:
            EmptyVideo: nothing was recorded.
        """
        seen = self._closely.taken(self.recording)
        already = (self.recording.first_look, *([seen] if seen is not None else []))
        return screen(self.recording, Settings(task=self.course.task), progress=progress, already=already)

    def close(self) -> None:
        """Frees the models, and forgets the pictures."""
        self._closely.close()
        self._estimator.close()
        self.recording.drop()

    def _keep(self, time_s: float, jpeg: bytes, row: NDArray[np.float32] | None, size_px: tuple[int, int]) -> None:
        self._mind_attempts()
        side = self.guidance.recording
        if side is not None:
            self.recording.keep(Kept(time_s, jpeg, row, side), size_px)
        done = (len(self.guidance.sides_done), self.guidance.repetitions)
        if done > self._done and self.guidance.stage != "done":
            self._closely.look(self.recording.snapshot())
        self._done = done

    def _mind_attempts(self) -> None:
        """A leg that is begun again leaves nothing of what was done before."""
        if self.guidance.attempt != self._attempt:
            self._attempt = self.guidance.attempt
            if self.guidance.side is not None:
                self.recording.drop(self.guidance.side)


class _CloserLook:
    """The heavy model at work behind the live view; what it saw, by each picture's own time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="closer-look", initializer=_yield_to_others)
        self._stopping = threading.Event()
        self._waiting: Future[None] | None = None
        self._seen: dict[float, PoseTrack] = {}

    def look(self, recording: Recording) -> None:
        """Take the close looks that a recording so far is going to need, unless some are being taken."""
        if self._waiting is None or self._waiting.done():
            self._waiting = self._thread.submit(self._look, recording)

    def taken(self, recording: Recording) -> PoseTrack | None:
        """Stop looking; what was seen of this recording."""
        self._stop()
        return recording.look_of(self._seen)

    def forget(self) -> None:
        """Stop looking, and forget what was seen."""
        self._stop()
        self._seen.clear()

    def close(self) -> None:
        """End the thread."""
        self.forget()
        self._thread.shutdown()

    def _stop(self) -> None:
        self._stopping.set()
        if self._waiting is not None:
            with suppress(CancelledError):
                self._waiting.result()
        self._waiting = None
        self._stopping.clear()

    def _look(self, recording: Recording) -> None:
        calm = calmed(recording)
        track = mend_left_right_flips(recording.first_look)
        track = replace(track, source={**track.source, "grainy": calm is not recording})
        motion = read_motion(track, task=self._settings.task)
        if motion.view is None or not motion.view.frontal:
            return
        times_s, passed = times_to_look_closely(track, motion)
        wanted = [(at, at) for at in times_s.tolist()]
        with PoseEstimator("heavy") as estimator:
            for frame in calm.read_windows(wanted):
                stamp = recording.stamps_s[frame.index]
                if self._stopping.is_set():
                    return
                if stamp not in self._seen:
                    began = perf_counter()
                    self._seen[stamp] = estimator.look_closely([frame], track, once_s=passed.tolist())
                    # Half of the time only: it shares a core's caches with the live view, whatever its priority.
                    self._stopping.wait(perf_counter() - began)


# Behind everything else that runs: the view must stay live.
_NICENESS = 10


def _yield_to_others() -> None:
    # Only Linux gives a thread a priority of its own; elsewhere it competes as it is.
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
