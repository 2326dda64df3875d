"""The application: settings in, a FastAPI out. Everything else is a route, a record or a job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from anyio import to_thread
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from api import clinic, problems, selfcheck
from api.accounts.limits import SignInLimits
from api.context import Service
from api.front_door import FrontDoor
from api.logs import RequestLog
from api.routes import accounts, audit, corrections, health, knowledge, plans, screenings, subjects, uploads
from api.settings import Settings
from api.sign_in import SignIn

__all__ = ["create_app"]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    service.open()
    try:
        yield
    finally:
        await to_thread.run_sync(service.close)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service with these settings, or with those of the environment."""
    settings = (settings or Settings()).prepared()
    # The usual pages of documentation load their scripts from another host: docs/api.md and /openapi.json instead.
    app = FastAPI(title="Screener", version=version("screener"), lifespan=_lifespan, docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.service = service = Service(settings)
    app.state.database = service.database
    app.state.sign_in_limits = SignInLimits()
    problems.install(app)
    for routes in (health, screenings, uploads, subjects, plans, knowledge, corrections, accounts, audit):
        app.include_router(routes.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    selfcheck.install(app, settings)
    clinic.install(app, settings)
    app.add_middleware(SignIn, personal=settings.mode == "personal")
    app.add_middleware(FrontDoor, settings.allowed_hosts, settings.allowed_origins, https=settings.mode == "clinic")
    app.add_middleware(RequestLog)
    return app
