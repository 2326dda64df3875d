"""The self-check's addresses: the page at `/`, its WebSocket, and what can be taken home from a result."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request, Response, WebSocket
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool

from api.access import Eraser, Reader, Writer
from api.problems import Problem, problems
from api.settings import Settings

if TYPE_CHECKING:
    from api.selfcheck.desk import Desk, Result

__all__ = ["install"]

_HERE = Path(__file__).resolve().parent

router = APIRouter()


def install(app: FastAPI, settings: Settings) -> None:
    """Put the self-check into an application. It is for one person on their own machine: personal mode only."""
    if settings.mode != "personal":
        return
    app.state.desk = None
    app.mount("/self-check/static", StaticFiles(directory=_HERE / "static"), name="self-check")
    app.include_router(router)


_opening = Lock()


def _desk(state: Any) -> Desk:
    """The desk, opened when it is first needed: what it works with takes seconds to load, and the start must not."""
    from api.selfcheck.desk import Desk

    with _opening:
        if state.desk is None:
            state.desk = Desk(state.settings.data_dir)
        desk: Desk = state.desk
        return desk


def _result(request: Request, result_id: str) -> Result:
    result = _desk(request.app.state).results.get(result_id)
    if result is None:
        raise Problem(
            404, "This result is no longer at hand.", "The program was started anew since; do the check again."
        )
    return result


@router.get("/", include_in_schema=False)
async def page(_: Reader) -> FileResponse:
    """The page; its modules load what else it needs."""
    return FileResponse(_HERE / "static" / "index.html")


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Pictures up, landmarks and prompts down; see `api.selfcheck.wire`."""
    desk = await run_in_threadpool(_desk, socket.app.state)
    from api.selfcheck.wire import Wire

    await Wire(socket, desk).serve()


@router.get("/self-check/questions", include_in_schema=False)
def questions(_: Reader) -> dict[str, Any]:
    """What is asked before a check, from the same tables as the plan."""
    from screener.plan import PAIN_PLACES, red_flag_questions
    from screener.plan.intake import load_safety

    return {
        "red_flags": [{"id": flag, "asks": asks} for flag, asks in red_flag_questions().items()],
        "pain_places": PAIN_PLACES,
        "stop_rules": [rule.says for rule in load_safety().stop_rules],
    }


@router.post("/self-check/answers", include_in_schema=False)
def answers(_: Writer, intake: dict[str, Any]) -> dict[str, Any]:
    """Whether the answers are whole, and whether somebody else should be seen first. Nothing is kept."""
    from screener.plan import load_intake, referrals

    return {"referrals": [asdict(each) for each in referrals(load_intake(intake))]}


@router.get("/self-check/results/{result_id}/report.pdf", include_in_schema=False, responses=problems(404))
async def paper(_: Reader, request: Request, result_id: str) -> Response:
    """The report to print."""
    made = await run_in_threadpool(_result(request, result_id).paper)
    return _to_save(made, "application/pdf", "movement-check.pdf")


@router.get("/self-check/results/{result_id}/next-check.ics", include_in_schema=False, responses=problems(404))
async def reminder(_: Reader, request: Request, result_id: str) -> Response:
    """The next check, for a calendar."""
    return _to_save(_result(request, result_id).reminder(), "text/calendar; charset=utf-8", "next-check.ics")


@router.get("/self-check/results/{result_id}/recording.mp4", include_in_schema=False, responses=problems(404))
async def film(_: Reader, request: Request, result_id: str) -> Response:
    """The recording, if the person wants it; it is in memory, and dropped with the page."""
    made = await run_in_threadpool(_result(request, result_id).film)
    return _to_save(made, "video/mp4", "movement-check.mp4")


@router.post("/self-check/results/{result_id}/keep", include_in_schema=False, status_code=204, responses=problems(404))
async def keep(_: Writer, request: Request, result_id: str) -> None:
    """Keep the numbers and landmarks of this check on this machine."""
    result = _result(request, result_id)
    await run_in_threadpool(_desk(request.app.state).earlier.keep, result)
    result.kept = True


@router.get("/self-check/earlier", include_in_schema=False)
def earlier(_: Reader, request: Request) -> list[dict[str, Any]]:
    """What was kept."""
    return _desk(request.app.state).earlier.all()


@router.delete("/self-check/earlier", include_in_schema=False, status_code=204)
def forget(_: Eraser, request: Request) -> None:
    """Forget everything: what was kept, and the results that are still at hand."""
    desk = _desk(request.app.state)
    desk.earlier.forget()
    desk.results.clear()


def _to_save(body: bytes, media_type: str, name: str) -> Response:
    return Response(body, media_type=media_type, headers={"content-disposition": f'attachment; filename="{name}"'})
