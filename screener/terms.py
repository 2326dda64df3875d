"""The field's standard terms as types: tasks, sides and the quiet stance that changes are counted from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:  # the service's start loads these terms, and nothing heavy with them
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TASKS", "QuietStance", "Side", "StanceSide", "Task", "other_side"]

Side: TypeAlias = Literal["left", "right"]
StanceSide: TypeAlias = Literal["left", "right", "unknown"]
Task: TypeAlias = Literal["single_leg_squat", "forward_step_down", "lateral_step_down"]

TASKS: tuple[Task, ...] = ("single_leg_squat", "forward_step_down", "lateral_step_down")


def other_side(side: Side) -> Side:
    """The free side of a stance side, and the other way round."""
    return "right" if side == "left" else "left"


@dataclass(frozen=True, slots=True)
class QuietStance:
    """The seconds of standing still that the changes are counted from.

    `kind` is `bilateral` where the person stood on both feet (the better baseline: a pelvis can drop as soon
    as one foot leaves the floor), else `single_leg`.
    """

    start_s: float
    end_s: float
    kind: Literal["bilateral", "single_leg"]

    def holds(self, times_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of some times, `(time,)` in seconds, lie in it."""
        return (times_s >= self.start_s - 1e-6) & (times_s <= self.end_s + 1e-6)
