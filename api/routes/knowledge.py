"""What the plans and grades are made from: exercises, programmes and norms, each row with its source."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.access import Reader

router = APIRouter(prefix="/v1", tags=["knowledge"])


class ExercisesTold(BaseModel):
    """The exercise catalogue."""

    exercises: list[dict[str, Any]]
    sources: list[dict[str, Any]]


class ProgrammesTold(BaseModel):
    """The programmes, and the questions of the intake."""

    programmes: list[dict[str, Any]]
    red_flag_questions: dict[str, str] = Field(description="What to ask, by the id that the intake's red_flags takes.")
    sources: list[dict[str, Any]]


class NormsTold(BaseModel):
    """The bands of every measure in every task, and what counts as a difference."""

    norms: dict[str, Any]
    sources: list[dict[str, Any]]


@router.get("/exercises")
def list_exercises(principal: Reader) -> ExercisesTold:
    """Every exercise: how it is done, what for, how much, and on which evidence."""
    from screener.plan import load_catalogue

    return ExercisesTold(
        exercises=[each.model_dump(mode="json") for each in load_catalogue().values()], sources=_sources()
    )


@router.get("/programmes")
def list_programmes(principal: Reader) -> ProgrammesTold:
    """Every programme with its phases, and the questions that come before any plan."""
    from screener.plan import load_programmes, red_flag_questions

    return ProgrammesTold(
        programmes=[each.model_dump(mode="json") for each in load_programmes().programmes],
        red_flag_questions=red_flag_questions(),
        sources=_sources(),
    )


@router.get("/norms")
def list_norms(principal: Reader) -> NormsTold:
    """The norms of this installation."""
    from screener.assessment import load_norms

    return NormsTold(norms=load_norms().model_dump(mode="json"), sources=_sources())


def _sources() -> list[dict[str, Any]]:
    from screener.assessment import load_sources

    loaded = load_sources()
    rows = loaded.values() if isinstance(loaded, dict) else loaded
    return [each.model_dump(mode="json") for each in rows]
