"""Figures of the service that take too long for every run of the tests; docs/operations.md states them.

python -m tests.api.measure start
python -m tests.api.measure upload [MEGABYTES]
python -m tests.api.measure readers [CLIENTS] [SECONDS]
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.api.conftest import Server
from tests.conftest import clip_named

_MB = 1024 * 1024


def _started(folder: str, **environment: str) -> tuple[Server, float]:
    """A service, and how many seconds passed until it answered."""
    server = Server(Path(folder) / "data", environment)
    began = time.monotonic()
    server.start()
    while True:
        try:
            _ask(server, "GET", "/healthz")
            return server, time.monotonic() - began
        except OSError:
            time.sleep(0.01)


def _ask(server: Server, method: str, path: str, body: Any = None, **headers: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    sent = {"content-type": "application/json"} if isinstance(body, str) else {}
    connection.request(method, path, body, sent | headers)
    answer = connection.getresponse().read()
    connection.close()
    return json.loads(answer)


def _new(server: Server) -> str:
    return str(_ask(server, "POST", "/v1/screenings", json.dumps({"consent": {"how": "on_screen"}}))["id"])


def _memory_mb(pid: int, what: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith(what)).split()[1]) / 1024


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start() -> None:
    """How long the first start and the second one take."""
    with tempfile.TemporaryDirectory() as folder:
        for which in ("first", "second"):
            server, seconds = _started(folder)
            assert server.process is not None
            print(f"{which} start: {seconds:.2f} s, of them {_cpu_s(server.process.pid):.2f} s of processor time")
            server.stop()


def upload(megabytes: int = 2048) -> None:
    """The memory of the service while one file of that size comes in."""
    with tempfile.TemporaryDirectory() as folder:
        server, _ = _started(folder, SCREENER_WORKERS="0")
        assert server.process is not None
        pid = server.process.pid
        before = _memory_mb(pid, "VmRSS")

        def pieces() -> Iterator[bytes]:
            piece = bytes(_MB)
            for _ in range(megabytes):
                yield piece

        began = time.monotonic()
        told = _ask(
            server,
            "PUT",
            f"/v1/screenings/{_new(server)}/video",
            pieces(),
            **{"content-length": str(megabytes * _MB), "content-type": "application/octet-stream"},
        )
        seconds = time.monotonic() - began
        assert told["complete"], told
        print(
            f"{megabytes} MB in {seconds:.0f} s: {before:.0f} MB before, at most {_memory_mb(pid, 'VmHWM'):.0f} MB; "
            f"sha256 {told['screening']['sha256'][:12]}"
        )
        server.stop()


def readers(clients: int = 50, seconds: int = 60) -> None:
    """How long a result takes to read while four uploads are analysed; each client asks once a second."""
    with tempfile.TemporaryDirectory() as folder:
        server, _ = _started(folder, SCREENER_WORKERS="2", SCREENER_RETENTION_DAYS="30")
        video = clip_named("sls_left_steady").read_bytes()
        first = _new(server)
        _ask(server, "PUT", f"/v1/screenings/{first}/video", video)
        while _ask(server, "GET", f"/v1/screenings/{first}")["progress"]["state"] != "done":
            time.sleep(0.5)
        others = [_new(server) for _ in range(4)]
        for each in others:
            _ask(server, "PUT", f"/v1/screenings/{each}/video", video)
        took: list[float] = []
        until = time.monotonic() + seconds

        def read(number: int) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            time.sleep(number / clients)
            while time.monotonic() < until:
                began = time.perf_counter()
                connection.request("GET", f"/v1/screenings/{first}/result")
                assert len(connection.getresponse().read()) > 10_000
                took.append(time.perf_counter() - began)
                time.sleep(max(0.0, 1.0 - took[-1]))

        threads = [threading.Thread(target=read, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        states = [_ask(server, "GET", f"/v1/screenings/{each}")["progress"]["state"] for each in others]
        cuts = statistics.quantiles(took, n=100)
        print(
            f"{len(took)} reads by {clients} clients: median {1e3 * statistics.median(took):.0f} ms, "
            f"95th percentile {1e3 * cuts[94]:.0f} ms, 99th {1e3 * cuts[98]:.0f} ms; the four: {', '.join(states)}; "
            f"load {os.getloadavg()[0]:.1f}"
        )
        server.stop()


if __name__ == "__main__":
    {"start": start, "upload": upload, "readers": readers}[sys.argv[1]](*map(int, sys.argv[2:]))
