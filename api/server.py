"""Starting the service: what `screener serve` and `screener work` do."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import uvicorn

from api.app import create_app
from api.context import Service
from api.logs import configure
from api.settings import Settings

__all__ = ["run", "work"]

# Open event streams end by themselves when the service stops; who does not within this is cut.
_FAREWELL_S = 3


def run(*, host: str | None = None, port: int | None = None, data_dir: Path | None = None) -> None:
    """Serve until interrupted. What is not given comes from the environment."""
    given = {"host": host, "port": port, "data_dir": data_dir}
    settings = Settings.told(**{name: value for name, value in given.items() if value is not None})
    configure(settings.log_format)
    app = create_app(settings)
    print(f"Screener answers on http://{settings.host}:{settings.port}/ - stop it with Ctrl-C.", flush=True)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_FAREWELL_S,
    )


def work() -> None:
    """Work on what is in the queue until interrupted, and answer nobody."""
    settings = Settings.told()
    configure(settings.log_format)
    service = Service(settings.model_copy(update={"workers": max(1, settings.workers)}).prepared())
    service.open()
    print("Screener works. Stop it with Ctrl-C.", flush=True)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    service.close()
