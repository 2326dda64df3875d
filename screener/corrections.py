"""Corrections by hand: the screening read anew with what a person who watched the film knows better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from screener.assessment import AssessedTrial, with_clinician
from screener.changes import Change, DropRepetition, ScoreItem, SetSide, SetTask
from screener.motion import Motion, Repetition
from screener.pipeline import Settings, screen_track
from screener.pose import PoseTrack
from screener.screening import Screening

__all__ = ["screen_corrected", "with_scores"]

_BECAUSE = "left out by hand"


def screen_corrected(
    looks: tuple[PoseTrack, ...], settings: Settings | None = None, changes: Sequence[Change] = ()
) -> Screening:
    """Screen again from landmarks, with task, side and left out repetitions as they were corrected.

    Rubrics' scores come after the plan, which assesses anew: see `with_scores`.
    """
    settings = settings or Settings()
    for change in changes:  # of two that say different things the later one holds
        if isinstance(change, SetSide):
            settings = replace(settings, side=change.side)
        elif isinstance(change, SetTask):
            settings = replace(settings, task=change.task)
    dropped = [change.at_s for change in changes if isinstance(change, DropRepetition)]
    return screen_track(looks, settings, correct=lambda motion: _without(motion, dropped))


def _without(motion: Motion, dropped_s: Sequence[float]) -> Motion:
    """The motion in which the repetitions at these times do not count."""

    def kept(rep: Repetition) -> Repetition:
        if rep.counted and any(rep.start_s <= at <= rep.end_s for at in dropped_s):
            return replace(rep, counted=False, excluded_because=_BECAUSE)
        return rep

    trials = tuple(replace(trial, repetitions=tuple(kept(rep) for rep in trial.repetitions)) for trial in motion.trials)
    reason = motion.nothing_because
    if reason is None and not any(rep.counted for trial in trials for rep in trial.repetitions):
        reason = "Every repetition was left out by hand."
    return replace(motion, trials=trials, nothing_because=reason)


def with_scores(screening: Screening, changes: Sequence[Change]) -> Screening:
    """The screening with a clinician's scores in its rubrics. A score for a rubric that is not there has no effect."""
    given: dict[tuple[int, str], dict[str, int]] = {}
    for change in changes:
        if isinstance(change, ScoreItem):
            given.setdefault((change.trial, change.rubric), {})[change.item] = change.score

    def scored(number: int, trial: AssessedTrial) -> AssessedTrial:
        rubrics = tuple(
            with_clinician(rubric, given[number, rubric.id]) if (number, rubric.id) in given else rubric
            for rubric in trial.rubrics
        )
        return replace(trial, rubrics=rubrics)

    assessed = tuple(scored(number, trial) for number, trial in enumerate(screening.assessment.trials, start=1))
    return replace(screening, assessment=replace(screening.assessment, trials=assessed))
