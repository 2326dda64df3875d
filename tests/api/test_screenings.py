"""From an upload with curl to the result, through the service as it is started: every digit that `analyze` gives."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from api.analysis import Died, Failed, Stopped, perform
from screener import Screening, screening_to_dict
from tests.api.conftest import Server, children, in_thread, work_on
from tests.clips import encode
from tests.conftest import clip_named

_CLIP = "sls_left_steady"

# The machine that runs this may be busy.
_PATIENCE_S = 400.0


class Caller:
    """Asks a service, as any program would."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        data = json.dumps(body).encode() if body is not None else None
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            sent["content-type"] = "application/json"
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    def plain(self, path: str) -> Any:
        """What a GET answers, as plain data."""
        status, _, body = self("GET", path)
        assert status == 200, body
        return json.loads(body)

    def upload(self, path: Path, **given: Any) -> str:
        """The id of a new screening, to which `curl` uploaded the file."""
        status, _, body = self("POST", "/v1/screenings", {"name": path.name, "consent": {"how": "on_screen"}} | given)
        assert status == 201, body
        screening_id = str(json.loads(body)["id"])
        self.put(path, screening_id)
        return screening_id

    def put(self, path: Path, screening_id: str) -> None:
        """`curl -T`."""
        url = f"{self.url}/v1/screenings/{screening_id}/video"
        told = subprocess.run(["curl", "-sS", "-T", str(path), url], check=True, capture_output=True).stdout
        assert json.loads(told)["complete"], told

    def ended(self, screening_id: str) -> dict[str, Any]:
        """The screening when nothing is done to it any more."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            told: dict[str, Any] = self.plain(f"/v1/screenings/{screening_id}")
            if told["progress"]["state"] in ("done", "failed", "cancelled"):
                return told
            time.sleep(0.3)
        raise AssertionError(told)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service that keeps recordings for a month, and analyses one at a time."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "passing").mkdir()
    told = {"SCREENER_RETENTION_DAYS": "30", "TMPDIR": str(folder / "passing")}
    made = Server(folder / "data", told)
    made.start()
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            urllib.request.urlopen(f"{made.url}/readyz", timeout=5).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            assert made.process is not None
            assert made.process.poll() is None, (made.data_dir.parent / "server.log").read_text()
            time.sleep(0.1)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def ask(server: Server) -> Caller:
    """A client of it."""
    return Caller(server.url)


@pytest.fixture(scope="module")
def done(ask: Caller) -> dict[str, Any]:
    """A screening of a sample clip, done."""
    told = ask.ended(ask.upload(clip_named(_CLIP)))
    assert told["progress"] == {"state": "done", "doing": "done", "share": 1.0}, told
    return told


def test_the_result_is_that_of_analyze_to_the_last_digit(
    ask: Caller, done: dict[str, Any], screened: Callable[[str], Screening]
) -> None:
    ours = ask.plain(f"/v1/screenings/{done['id']}/result")
    theirs = json.loads(json.dumps(screening_to_dict(screened(_CLIP))))
    assert ours.pop("created_at") != ""
    theirs.pop("created_at")
    assert json.dumps(ours) == json.dumps(theirs)
    _, _, file = ask("GET", f"/v1/screenings/{done['id']}/report/screening.json")
    assert json.loads(file).keys() == {*theirs, "created_at"}


def test_the_events_end_with_the_end(ask: Caller, done: dict[str, Any]) -> None:
    status, headers, body = ask("GET", f"/v1/screenings/{done['id']}/events")
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/event-stream")
    assert body.decode().split("\n\n")[-2:] == ["event: end\ndata: {}", ""]


@pytest.mark.parametrize(
    ("name", "begins", "media_type"),
    [
        ("report.html", b"<!doctype html>", "text/html"),
        ("report.pdf", b"%PDF-", "application/pdf"),
        ("curves.svg", b"<", "image/svg+xml"),
        ("repetitions.csv", b"", "text/csv"),
        ("signals.parquet", b"PAR1", "application/vnd.apache.parquet"),
        ("landmarks.parquet", b"PAR1", "application/vnd.apache.parquet"),
        ("screening.json", b"{", "application/json"),
    ],
)
def test_the_report_is_there_in_every_format(
    ask: Caller, done: dict[str, Any], name: str, begins: bytes, media_type: str
) -> None:
    assert name in {file["name"] for file in done["files"]}
    status, headers, body = ask("GET", f"/v1/screenings/{done['id']}/report/{name}")
    assert (status, headers["content-type"].split(";")[0]) == (200, media_type)
    assert body.lower().startswith(begins.lower())
    if name == "report.html":
        assert "sandbox" in headers["content-security-policy"]
        assert b"data:image" in body  # with stills


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        (None, 200, 0, None),
        ("bytes=0-99", 206, 0, 99),
        ("bytes=100-", 206, 100, None),
        ("bytes=-50", 206, -50, None),
        ("bytes=0-999999999", 206, 0, None),
        ("bytes=5-4", 200, 0, None),
        ("bytes=0-1,5-6", 200, 0, None),
        ("lines=1-2", 200, 0, None),
    ],
)
def test_the_film_is_sent_whole_or_in_part(
    ask: Caller, done: dict[str, Any], asked: str | None, status: int, first: int, last: int | None
) -> None:
    _, headers, whole = ask("GET", f"/v1/screenings/{done['id']}/film")
    assert (headers["content-type"], headers["accept-ranges"], whole[4:8]) == ("video/mp4", "bytes", b"ftyp")
    got, headers, body = ask("GET", f"/v1/screenings/{done['id']}/film", **({"range": asked} if asked else {}))
    assert got == status
    assert body == whole[first:][: None if last is None else last - first + 1]
    if status == 206:
        begin = first % len(whole)
        assert headers["content-range"] == f"bytes {begin}-{begin + len(body) - 1}/{len(whole)}"


def test_a_part_behind_the_end_of_the_film_is_refused(ask: Caller, done: dict[str, Any]) -> None:
    status, headers, _ = ask("GET", f"/v1/screenings/{done['id']}/film", range="bytes=99999999-")
    assert status == 416
    assert headers["content-range"].startswith("bytes */")


def test_a_person_s_progress_and_export_hold_the_screening(ask: Caller, done: dict[str, Any]) -> None:
    progress = ask.plain(f"/v1/subjects/{done['subject_id']}/progress")
    drop = next(each for each in progress["series"] if each["measure"] == "pelvic_drop_deg")
    result = ask.plain(f"/v1/screenings/{done['id']}/result")
    measured = result["trials"][0]["summary"]["pelvic_drop_deg"]
    point = next(each for each in drop["points"] if each["screening_id"] == done["id"])
    assert [point[name] for name in ("value", "low", "high")] == [measured[name] for name in ("value", "low", "high")]

    _, _, body = ask("GET", f"/v1/subjects/{done['subject_id']}/export")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        folder = f"screenings/{done['id']}"
        assert {"person.json", "consents.json", "audit.json", f"{folder}/entry.json"} <= names
        assert archive.read(f"{folder}/video") == clip_named(_CLIP).read_bytes()
        assert json.loads(archive.read(f"{folder}/screening.json"))["trials"] == result["trials"]


def test_landmarks_made_elsewhere_give_the_same_numbers(ask: Caller, done: dict[str, Any], tmp_path: Path) -> None:
    _, _, landmarks = ask("GET", f"/v1/screenings/{done['id']}/report/landmarks.parquet")
    (path := tmp_path / "landmarks.parquet").write_bytes(landmarks)
    url = f"{ask.url}/v1/screenings:from-landmarks?name={_CLIP}.mp4"
    sent = subprocess.run(["curl", "-sS", "--data-binary", f"@{path}", url], check=True, capture_output=True).stdout
    again = ask.ended(json.loads(sent)["id"])
    assert again["progress"]["state"] == "done", again
    ours = ask.plain(f"/v1/screenings/{again['id']}/result")
    theirs = ask.plain(f"/v1/screenings/{done['id']}/result")
    assert (ours["trials"], ours["findings"]) == (theirs["trials"], theirs["findings"])


def _zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("squat.mp4", b"0" * 100_000)
    return path


def _sixty_hours(path: Path) -> Path:
    picture = np.zeros((64, 64, 3), np.uint8)
    # FFmpeg does not write such a length as MP4; what a file is does not hang on its name.
    made = encode(path.with_suffix(".mkv"), [(0.0, picture), (1.0, picture), (60 * 3600.0, picture)])
    return made.rename(path)


def _no_parquet(path: Path) -> Path:
    path.write_bytes(b"PAR1" + b"\x00" * 100 + b"PAR1")
    return path


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [(_zip, "UnreadableVideo", "not a video"), (_sixty_hours, "AbsurdVideo", "hours")],
    ids=["a zip", "sixty hours"],
)
def test_what_is_no_recording_is_told_clearly_and_leaves_nothing(
    ask: Caller, server: Server, tmp_path: Path, make: Callable[[Path], Path], kind: str, says: str
) -> None:
    told = ask.ended(ask.upload(make(tmp_path / "squat.mp4")))
    assert told["progress"]["state"] == "failed"
    assert told["failure"]["kind"] == kind
    assert says in told["failure"]["message"]
    assert "squat.mp4" in told["failure"]["message"]
    status, _, body = ask("GET", f"/v1/screenings/{told['id']}/result")
    assert (status, told["failure"]["message"] in json.loads(body)["detail"]) == (409, True)
    _leaves_nothing(server, told["id"])


def _leaves_nothing(server: Server, screening_id: str) -> None:
    # How it ended, and which files are kept, is written first; the others go right after.
    until = time.monotonic() + 5
    while any(files for folder, _, files in os.walk(server.data_dir) if Path(folder).name == screening_id):
        assert time.monotonic() < until, "its files are still there"
        time.sleep(0.02)
    assert not (server.data_dir / "uploads" / screening_id).exists()
    assert not list((server.data_dir.parent / "passing").glob("screener-*"))


def _enormous(path: Path) -> Path:
    """A recording of some kilobytes, of which each picture takes 100 MB and more."""
    return _plain(path, (16384, 4096), 3)


def _enormous_later(path: Path) -> Path:
    """The same behind three seconds of pictures of a stamp's size, which is what the header tells of."""
    parts = [_plain(path.with_name("a.ts"), (64, 64), 90), _plain(path.with_name("b.ts"), (16384, 4096), 3)]
    made = path.with_suffix(".mkv")
    with av.open(str(made), "w") as joined:
        stream, number = None, 0
        for part in parts:
            with av.open(str(part)) as opened:
                stream = stream or joined.add_stream_from_template(opened.streams.video[0])
                for packet in opened.demux(video=0):
                    if packet.size:
                        packet.stream = stream
                        packet.time_base, packet.pts, packet.dts = Fraction(1, 30), number, number
                        joined.mux(packet)
                        number += 1
    return made.rename(path)


def _plain(path: Path, size: tuple[int, int], pictures: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.thread_count = 1
        plane = VideoFrame(*size, "yuv420p")
        for part in plane.planes:
            part.update(bytes(part.buffer_size))
        for index in range(pictures):
            plane.pts = index
            container.mux(stream.encode(plane))
        container.mux(stream.encode(None))
    return path


@contextmanager
def _memory_of_children(server: Server) -> Iterator[list[float]]:
    """The most memory, in MB, that each look saw a child of the service to have held so far."""
    assert server.process is not None
    first, over, seen = server.process.pid, threading.Event(), [0.0]

    def look() -> None:
        while not over.wait(0.02):
            for each in children(first):
                with suppress(FileNotFoundError, ProcessLookupError):
                    told = Path(f"/proc/{each}/status").read_text(encoding="ascii")
                    seen.extend(float(kb) / 1024 for kb in re.findall(r"VmHWM:\s+(\d+) kB", told))

    with in_thread(look):
        yield seen
        over.set()


@pytest.mark.parametrize(
    ("make", "kind"), [(_enormous, "AbsurdVideo"), (_enormous_later, None)], ids=["at once", "later"]
)
def test_a_small_file_of_enormous_pictures_takes_little_memory_and_leaves_nothing(
    ask: Caller, server: Server, tmp_path: Path, make: Callable[[Path], Path], kind: str | None
) -> None:
    path = make(tmp_path / "squat.mp4")
    assert path.stat().st_size < 500_000
    with _memory_of_children(server) as seen:
        told = ask.ended(ask.upload(path))
    print(f"{path.stat().st_size} bytes; the child held {max(seen):.0f} MB at most")
    assert 20 < max(seen) < 600  # The sample clips take 580 MB (docs/operations.md).
    if kind is not None:
        assert (told["failure"]["kind"], "16384 x 4096" in told["failure"]["message"]) == (kind, True)
        _leaves_nothing(server, told["id"])
    else:
        # The pictures before it are those of a recording in which there is nobody.
        assert told["failure"] is None
        assert ask.plain(f"/v1/screenings/{told['id']}/result")["nothing_because"]


def test_what_was_deleted_is_gone_from_the_disk(ask: Caller, server: Server, done: dict[str, Any]) -> None:
    copy = ask.upload(clip_named(_CLIP))
    assert any(server.data_dir.rglob(f"{copy}/*"))
    assert ask("POST", f"/v1/screenings/{copy}:cancel")[0] == 200
    assert ask("DELETE", f"/v1/screenings/{copy}")[0] == 204
    assert ask("GET", f"/v1/screenings/{copy}")[0] == 404
    assert not any(server.data_dir.rglob(f"{copy}/*"))
    assert ask("GET", f"/v1/screenings/{done['id']}/film")[0] == 200


# -- bounds of the process that opens a recording -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "ends"),
    [({"memory_mb": 400}, (Failed, Died)), ({"cpu_s": 1}, (Failed,)), ({"wall_s": 0.5}, (Failed,))],
    ids=["memory", "processor time", "time"],
)
def test_a_recording_takes_no_more_than_it_may(
    tmp_path: Path, limits: dict[str, float], ends: tuple[type, ...]
) -> None:
    outcome = perform(work_on(tmp_path, clip_named(_CLIP), **limits), lambda doing, share: True)
    assert isinstance(outcome, ends), outcome


def test_the_process_ends_when_it_is_told_to(tmp_path: Path) -> None:
    began = time.monotonic()
    assert perform(work_on(tmp_path, clip_named(_CLIP)), lambda doing, share: False) == Stopped()
    assert time.monotonic() - began < 60
