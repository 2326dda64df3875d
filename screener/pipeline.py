"""The one place where the rooms are wired: `screen(video, settings) -> Screening`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.assessment import assess, withhold_scores
from screener.measures import measure_trial, view_yaw_deg
from screener.measures.correctors import installed_corrector
from screener.measures.reading import instants_to_read
from screener.memory import give_memory_back
from screener.motion import Motion, read_motion, seen_from
from screener.plan import Intake, Plan, load_intake, make_plan
from screener.pose import PoseEstimator, PoseTrack, joined, mend_left_right_flips
from screener.pose.bundles import installed_models
from screener.screening import Screening, Subject
from screener.terms import Side, Task
from screener.video import VideoSource, calmed, open_video

__all__ = ["Progress", "Settings", "plan_for", "screen", "screen_track", "times_to_look_closely", "with_plan"]

#: Told how far the work is: what is being done, and how much of it, 0..1.
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person can say about a recording. Everything has a default that works.

    Attributes:
        task: None lets what is under the feet tell, and where that is in doubt, the free foot, too.
        side: the stance side; None lets the foot that stays tell.
        mirrored: the recording is a mirror image (a selfie view); it is turned back once, on the way in.
        second_look: look again, with the heavy model, at the frames where numbers are read.
        subject: whom it shows.
    """

    task: Task | None = None
    side: Side | None = None
    mirrored: bool = False
    second_look: bool = True
    subject: Subject = field(default_factory=Subject)

    def sha256(self) -> str:
        """The same settings have the same hash; who is shown does not count."""
        plain = asdict(self)
        del plain["subject"]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def screen(
    video: str | Path | VideoSource,
    settings: Settings | None = None,
    *,
    progress: Progress | None = None,
    already: tuple[PoseTrack, ...] = (),
) -> Screening:
    """Screen one recording.

    Args:
        video: a file, or any source of frames; a second look needs one that can be read again.
        settings: what is known about it.
        progress: called now and then.
        already: looks taken while the frames came in (`screener.live`): the first stands for the look at every
            frame, a second for those instants of the close look that it holds.

    Raises:
        UnreadableVideo: the recording cannot be read; the error says what to do.

    A recording in which nothing can be measured is a result too: `nothing_because` says why.
    """
    settings = settings or Settings()
    if isinstance(video, str | Path):
        with open_video(video, mirrored=settings.mirrored, max_side_px=_LARGEST_SIDE_PX) as source:
            return screen(source, settings, progress=progress)

    tell = progress or (lambda what, share: None)
    duration_s = video.info.duration_s or 0.0
    calm = calmed(video)
    if already:
        track = already[0]
    else:
        with PoseEstimator("full") as estimator:
            track = estimator.track(
                calm, progress=lambda at_s: tell("looking", min(1.0, at_s / duration_s) if duration_s else 0.0)
            )
    track = mend_left_right_flips(track)
    track = replace(track, source=_source(video, grainy=calm is not video)).with_warnings(*calm.warnings)

    motion = read_motion(track, task=settings.task, side=settings.side)
    wanted, closer = np.empty(0), tuple[PoseTrack, ...]()
    pays = settings.second_look and motion.view is not None and motion.view.facing != "sagittal"
    # Where the closer look tells another leg, numbers are read at other instants (1 of 149 rendered films): once more.
    for _ in range(2 if pays else 0):
        here, passed = times_to_look_closely(track, motion)
        looked_at, wanted = wanted, np.union1d(wanted, here)
        if len(wanted) == len(looked_at):
            break
        quiet = [trial.quiet_stance.holds(wanted) for trial in motion.trials]
        standing = wanted[np.any([np.zeros(len(wanted), dtype=bool), *quiet], axis=0)]
        closer = _second_look(calm, track, wanted, passed, standing, tell, closer or already[1:])
        if not closer:
            break
        motion = read_motion(track, task=settings.task, side=settings.side, closer=closer[0])
    return _screening((track, *closer), motion, settings)


# Larger pictures are scaled down while they are decoded: the pose model, which sees the person at 256 × 256, gains
# nothing from them. Up to here scaling would cost more than it saves.
_LARGEST_SIDE_PX = 1920


def screen_track(
    looks: tuple[PoseTrack, ...],
    settings: Settings | None = None,
    *,
    correct: Callable[[Motion], Motion] | None = None,
) -> Screening:
    """Screen again from saved landmarks, without the video: the same numbers, with today's norms and measures.

    Args:
        looks: the first look and the further ones.
        settings: what is known about the recording.
        correct: mends what was read as motion before it is measured (screener/corrections.py).
    """
    settings = settings or Settings()
    motion = read_motion(looks[0], task=settings.task, side=settings.side, closer=looks[1] if len(looks) > 1 else None)
    return _screening(looks, correct(motion) if correct is not None else motion, settings)


def plan_for(screening: Screening, intake: Intake | dict[str, Any], programme: str = "evidence") -> Plan:
    """What to practise, from what was seen and what was answered.

    Raises:
        BadDataFile: an answer is missing or impossible; the message names the field.
        WrongUse: there is no such programme.
    """
    answers = intake if isinstance(intake, Intake) else load_intake(intake)
    return make_plan(screening.assessment.findings, answers, programme)


def with_plan(screening: Screening, intake: Intake, programme: str = "evidence") -> Screening:
    """The screening with its plan. A red flag or pain above 3 takes grades and findings out; the numbers stay."""
    assessment = assess(screening.trials, sex=intake.sex)
    screening = replace(screening, assessment=assessment)
    plan = plan_for(screening, intake, programme)
    if plan.scores_withheld and plan.why_none is not None:
        assessment = withhold_scores(assessment, plan.why_none)
    return replace(screening, assessment=assessment, plan=plan)


def times_to_look_closely(track: PoseTrack, motion: Motion) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The times of the few frames to look at closely, `(frame,)`, rising; and of those among them that show depths
    which are passed, where half a look will do."""

    def times_of_frames(instants_s: Iterable[float]) -> NDArray[np.float64]:
        nearest = np.unique([int(np.argmin(np.abs(track.times_s - at))) for at in instants_s])
        return np.asarray(track.times_s[nearest.astype(np.intp)], dtype=np.float64)

    instants = [instants_to_read(trial, grainy=track.grainy) for trial in motion.trials]
    read = times_of_frames(at for values, _ in instants for at in values)
    passed = times_of_frames(at for _, depths in instants for at in depths)
    return np.union1d(read, passed), np.setdiff1d(passed, read)


def _second_look(
    video: VideoSource,
    track: PoseTrack,
    wanted: NDArray[np.float64],
    passed: NDArray[np.float64],
    standing: NDArray[np.float64],
    tell: Progress,
    already: tuple[PoseTrack, ...],
) -> tuple[PoseTrack, ...]:
    """The heavy model, averaged with its mirror image but where depths are passed, at the few frames whose times are
    wanted."""
    looks = [look.only(np.isin(look.times_s, wanted)) for look in already]
    missing = np.setdiff1d(wanted, np.concatenate([np.empty(0), *(look.times_s for look in looks)]))
    if len(missing):
        give_memory_back()  # of the first model, before the second comes
        windows = [(float(at), float(at)) for at in missing]
        done = iter(range(1, len(windows) + 1))
        with PoseEstimator("heavy") as estimator:
            looks += [
                estimator.look_closely(
                    video.read_windows(windows),
                    track,
                    once_s=passed.tolist(),
                    standing_s=standing.tolist(),
                    progress=lambda _: tell("looking closely", min(1.0, next(done, len(windows)) / len(windows))),
                )
            ]
    if not any(look.found.any() for look in looks):
        return ()
    return (replace(joined(looks), source=track.source),)


def _screening(looks: tuple[PoseTrack, ...], motion: Motion, settings: Settings) -> Screening:
    track = looks[0]
    corrector = installed_corrector()
    if (yaw_deg := view_yaw_deg(motion.trials, motion.joints, looks, corrector)) is not None:
        motion = seen_from(motion, yaw_deg, looks[-1])
    trials = tuple(
        measure_trial(trial, motion.joints, motion.view, looks, corrector)
        for trial in motion.trials
        if motion.view is not None
    )
    warnings = (*track.warnings, *(motion.view.warnings if motion.view is not None else ()))
    return Screening(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        subject=settings.subject,
        source={**track.source, "width_px": track.width_px, "height_px": track.height_px},
        view=motion.view,
        trials=trials,
        assessment=assess(trials),
        warnings=tuple(dict.fromkeys(warnings)),
        nothing_because=motion.nothing_because,
        provenance={
            "screener": version("screener"),
            "mediapipe": version("mediapipe"),
            "models": {model.name: model.sha256 for model in installed_models()},
            "settings_sha256": settings.sha256(),
            "steps": _steps(looks, motion),
        },
        motion=motion,
        looks=looks,
    )


def _steps(looks: tuple[PoseTrack, ...], motion: Motion) -> list[str]:
    steps = [f"pose: {look.model}, {int(look.found.sum())} of {len(look.times_s)} frames" for look in looks]
    steps += ["motion: zero-lag Butterworth, 6 Hz"]
    steps += [
        f"trial: {trial.task} {trial.stance_side}, {sum(rep.counted for rep in trial.repetitions)} of "
        f"{len(trial.repetitions)} repetitions counted"
        for trial in motion.trials
    ]
    return steps


def _source(video: VideoSource, *, grainy: bool) -> dict[str, Any]:
    info = video.info
    return {
        "name": info.name,
        "sha256": info.sha256,
        "fps_mean": info.fps_mean,
        "duration_s": info.duration_s,
        "rotation_deg": info.rotation_deg,
        "mirrored": info.mirrored,
        "grainy": grainy,
    }
