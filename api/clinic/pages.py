"""The addresses of the clinic's pages. Each asks the API's own functions, so that both tell the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import select

from api.access import Administrator, Principal, Reader
from api.clinic.plots import Point, draw_history
from api.clinic.render import PageRoute, render
from api.clinic.views import compared, headline_names, legs_of, said_of
from api.context import Context
from api.problems import Problem
from api.records.database import DbSession
from api.records.models import User
from api.retention import keep_days
from api.routes.accounts import list_keys, list_sessions, list_users, read_clinic
from api.routes.audit import read_audit
from api.routes.corrections import list_corrections
from api.routes.forms import Cursor, Id, screening_of, tell_reading
from api.routes.subjects import list_consents, list_screenings_of, list_subjects, read_progress, read_subject
from api.routes.told import screening_told
from api.settings import Settings

__all__ = ["install"]

_HERE = Path(__file__).resolve().parent

router = APIRouter(prefix="/clinic", include_in_schema=False, route_class=PageRoute)

# What a history shows; the other measures are in each result.
_FOLLOWED = ("pelvic_drop_deg", "fppa_deg", "trunk_lean_deg", "knee_flexion_deg")


def install(app: FastAPI, settings: Settings) -> None:
    """Put the pages into an application. In clinic mode they begin at `/` too."""
    app.include_router(router)
    app.mount("/clinic/static", StaticFiles(directory=_HERE / "static"), name="clinic")
    if settings.mode == "clinic":

        @app.get("/", include_in_schema=False)
        def begin(_: Reader) -> RedirectResponse:
            return RedirectResponse("/clinic/", 303)


def _anybody(request: Request) -> Principal | None:
    principal: Principal | None = getattr(request.state, "principal", None)
    return principal


Anybody = Annotated[Principal | None, Depends(_anybody)]


@router.get("/sign-in")
def sign_in(request: Request, principal: Anybody, next: str = "/clinic/") -> Response:
    """The door."""
    # A path of ours and nothing else: `//host` would lead away.
    target = next if next.startswith("/clinic") and "//" not in next and "\\" not in next else "/clinic/"
    if principal is not None:
        return RedirectResponse(target, 303)
    return render(request, "sign_in", None, target=target)


@router.get("/link")
def take_up_link(request: Request, principal: Anybody) -> Response:
    """Where a one-time link leads; its secret stays in the browser until a password was chosen."""
    return render(request, "link", None)


@router.get("/")
def subjects(
    request: Request,
    principal: Reader,
    db: DbSession,
    q: Annotated[str | None, Query(max_length=100)] = None,
    cursor: Cursor = None,
) -> Response:
    """The clinic's people."""
    page = list_subjects(principal, db, q.replace("\x00", "") if q else None, cursor, 50)
    return render(request, "subjects", principal, page=page, q=q or "")


@router.get("/subjects/{subject_id}")
def subject(request: Request, subject_id: Id, principal: Reader, db: DbSession, context: Context) -> Response:
    """One person: consent, upload, screenings, history."""
    told = read_subject(subject_id, principal, db, context)
    return render(
        request,
        "subject",
        principal,
        subject=told,
        consents=list_consents(subject_id, principal, db),
        screenings=list_screenings_of(subject_id, principal, db, None, 200).items,
        histories=_histories(subject_id, principal, db, context),
        keeps_days=keep_days(db, context.settings, principal.clinic_id),
    )


def _histories(subject_id: str, principal: Principal, db: DbSession, context: Context) -> list[dict[str, Any]]:
    """For each task and measure followed: the figure and its rows, where there are two days or more."""
    found: dict[tuple[str, str], list[Point]] = {}
    units: dict[str, str] = {}
    for series in read_progress(subject_id, principal, db, context).series:
        if series.measure in _FOLLOWED:
            units[series.measure] = {"deg": "°"}.get(series.unit, series.unit)
            found.setdefault((series.task, series.measure), []).extend(
                Point(each.at, series.stance_side, each.value, each.low, each.high) for each in series.points
            )
    if not found:
        return []
    from screener.report.words import number, short_name

    order = sorted(found, key=lambda key: (key[0], _FOLLOWED.index(key[1])))
    histories = []
    for task, measure in order:
        points = sorted(found[task, measure], key=lambda each: (each.at, each.side))
        if len({each.at for each in points}) < 2:
            continue
        name = short_name(measure)  # type: ignore[arg-type]
        histories.append(
            {
                "title": f"{name}, {task.replace('_', ' ')}",
                "svg": draw_history(points, units[measure], name),
                "rows": [
                    (
                        each.at,
                        each.side,
                        f"{number(each.value)}{units[measure]} [{number(each.low)} to {number(each.high)}]",
                    )
                    for each in points
                ],
            }
        )
    return histories


@router.get("/screenings/{screening_id}")
def screening(request: Request, screening_id: Id, principal: Reader, db: DbSession, context: Context) -> Response:
    """One result: film, curves, numbers, plan; corrections and their log."""
    row = screening_of(db, principal, screening_id)
    document = json.loads(row.result) if row.result is not None else None
    if document is not None:
        tell_reading(context, principal, "screening", screening_id)
    return render(
        request,
        "screening",
        principal,
        subject=read_subject(row.subject_id, principal, db, context),
        screening=screening_told(db, row),
        document=document,
        said=said_of(document) if document is not None else (),
        legs=legs_of(document) if document is not None else (),
        headlines=headline_names() if document is not None else (),
        plan=document["plan"] if document is not None else None,
        corrections=list_corrections(screening_id, principal, db) if document is not None else [],
        intake=row.intake,
        questions=_questions() if document is not None else None,
    )


def _questions() -> dict[str, Any]:
    from screener.plan import PAIN_PLACES, load_programmes, red_flag_questions

    return {
        "red_flags": red_flag_questions(),
        "pain_places": PAIN_PLACES,
        "programmes": [(each.id, each.name) for each in load_programmes().programmes],
    }


@router.get("/compare")
def compare(
    request: Request,
    principal: Reader,
    db: DbSession,
    context: Context,
    one: Annotated[str, Query(max_length=36)],
    other: Annotated[str, Query(max_length=36)],
) -> Response:
    """Two dates side by side, the earlier one on the left."""
    rows = [screening_of(db, principal, each) for each in (one, other)]
    if rows[0].subject_id != rows[1].subject_id:
        raise Problem(409, "These are recordings of two people.", "Choose two of one person.")
    if rows[0].id == rows[1].id:
        raise Problem(409, "This is one recording, twice.", "Choose two different ones.")
    earlier, today = sorted(rows, key=lambda row: (str(row.recorded_on or row.created_at.date()), row.id))
    if earlier.result is None or today.result is None:
        raise Problem(409, "One of them has no result.", "Choose two that have been analysed.")
    for row in rows:
        tell_reading(context, principal, "screening", row.id)
    documents = [json.loads(row.result or "") for row in (earlier, today)]
    return render(
        request,
        "compare",
        principal,
        subject=read_subject(today.subject_id, principal, db, context),
        sides=[
            {"row": screening_told(db, row), "said": said_of(document), "legs": legs_of(document)}
            for row, document in zip((earlier, today), documents, strict=True)
        ],
        compared=compared(today.result, earlier.result),
    )


@router.get("/settings")
def settings_page(request: Request, principal: Reader, db: DbSession) -> Response:
    """One's own account; for admins the clinic's people, keys and retention."""
    admin = principal.kind == "user" and principal.role == "admin"
    return render(
        request,
        "settings",
        principal,
        clinic=read_clinic(principal, request, db),
        me=db.get(User, principal.user_id) if principal.user_id is not None else None,
        sessions=list_sessions(principal, db) if principal.kind == "user" else [],
        users=list_users(principal, db) if admin else [],
        keys=list_keys(principal, db) if admin else [],
    )


@router.get("/audit")
def audit(
    request: Request,
    principal: Administrator,
    db: DbSession,
    cursor: Cursor = None,
    object_id: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The audit trail, with the names that accounts have now."""
    wanted = object_id.replace("\x00", "") if object_id else None
    page = read_audit(principal, db, wanted, None, None, cursor, 100)
    names = dict(db.execute(select(User.id, User.name).where(User.clinic_id == principal.clinic_id)).all())
    return render(request, "audit", principal, page=page, names=names, object_id=object_id or "")
