"""The WebSocket between a page and its check: pictures up, landmarks and prompts down.

Up: a binary message is a picture (8 bytes: when it was taken, milliseconds as float64, little endian; then JPEG);
a text message is `{"do": ...}`: begin, pause, go_on, repeat, stop, pain, finish, retake, hang_up.
Down: text, `{"is": ...}`: begun, seen, said, busy, taken_over, working, result, problem.
Each picture is answered by exactly one `seen`, so that a page knows how many are under way; of more than two that
wait the oldest is skipped.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.selfcheck.desk import Desk, Result
from screener.errors import ScreenerError, WrongUse
from screener.live import Answer, Course, LiveCheck, Prompt
from screener.live.recording import LARGEST_BYTES
from screener.pipeline import with_plan
from screener.plan import Intake, load_intake
from screener.terms import Side, Task

__all__ = ["Wire"]

_log = structlog.get_logger()
_T = TypeVar("_T")

# Pictures that may wait while one is looked at: the page sends two, and no more.
_MOST_WAITING = 2


class _Begin(BaseModel):
    """The first message of a check."""

    model_config = ConfigDict(extra="forbid")

    do: Literal["begin"]
    task: Task = "single_leg_squat"
    sides: Annotated[tuple[Side, ...], Field(min_length=1, max_length=2)] = ("left", "right")
    repetitions: Annotated[int, Field(ge=3, le=10)] = 5
    box_height_cm: Annotated[float, Field(ge=5, le=40)] | None = None
    intake: dict[str, Any] | None = None
    take_over: bool = False


class Wire:
    """One page's connection, from its opening to its end."""

    def __init__(self, socket: WebSocket, desk: Desk) -> None:
        self._socket = socket
        self._desk = desk
        # MediaPipe's landmarkers belong to the thread that made them.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="self-check")
        self._check: LiveCheck | None = None
        self._begun: _Begin | None = None
        self._intake: Intake | None = None
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._something = asyncio.Event()
        self._received = 0
        self._result: Result | None = None
        self._finishing = False

    async def serve(self) -> None:
        """Talk until the page goes."""
        await self._socket.accept()
        looking = asyncio.create_task(self._look())
        try:
            while True:
                message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                if (data := message.get("bytes")) is not None:
                    await self._take(data)
                elif (text := message.get("text")) is not None:
                    await self._obey(text)
        except WebSocketDisconnect:
            return
        finally:
            looking.cancel()
            # It may have failed already, at an answer to a page that has just gone: the camera is given back anyway.
            await asyncio.gather(looking, return_exceptions=True)
            await self._end()

    async def taken_over(self) -> None:
        """Another page has the camera now."""
        await self._leave_camera()
        with suppress(RuntimeError, WebSocketDisconnect):
            await self._send({"is": "taken_over"})

    # --- what comes up ------------------------------------------------------------------------------------------

    async def _take(self, data: bytes) -> None:
        number, self._received = self._received, self._received + 1
        if self._check is None or len(data) < 9 or len(data) > LARGEST_BYTES or self._finishing:
            await self._send({"is": "seen", "n": number, "skipped": True})
            return
        self._waiting.append((number, data))
        while len(self._waiting) > _MOST_WAITING:
            skipped, _ = self._waiting.popleft()
            await self._send({"is": "seen", "n": skipped, "skipped": True})
        self._something.set()

    async def _obey(self, text: str) -> None:
        try:
            asked = json.loads(text)
            do = asked["do"] if isinstance(asked, dict) else None
            if do == "begin":
                await self._begin(_Begin.model_validate_json(text, strict=True))
            elif do == "hang_up":
                await self._leave_camera()
            elif self._check is None:
                return
            elif do in ("pause", "go_on", "repeat", "stop", "pain"):
                await self._said(await self._run(self._check.hear, do))
            elif do == "finish":
                await self._finish()
            elif do == "retake" and asked.get("side") in ("left", "right"):
                await self._retake(asked["side"])
        except ScreenerError as error:
            await self._problem(error.message, error.what_to_do)
        except (ValueError, KeyError, ValidationError):
            await self._problem("The page and the program do not understand each other.", "Reload the page.")

    async def _begin(self, begin: _Begin) -> None:
        intake = load_intake(begin.intake) if begin.intake is not None else None
        other = self._desk.owner
        if isinstance(other, Wire) and other is not self:
            if not begin.take_over:
                await self._send({"is": "busy"})
                return
            await other.taken_over()
        self._desk.owner = self
        self._waiting.clear()
        self._intake, self._begun, self._result, self._finishing = intake, begin, None, False
        course = Course(begin.task, begin.sides, begin.repetitions)
        await self._close_check()
        self._check = await self._run(LiveCheck, course)
        await self._send({"is": "begun"})

    async def _retake(self, side: Side) -> None:
        assert self._check is not None
        other = self._desk.owner
        if isinstance(other, Wire) and other is not self:
            await self._send({"is": "busy"})
            return
        self._desk.owner, self._finishing = self, False
        self._forget_result()
        await self._run(self._check.retake, side)
        await self._send({"is": "begun"})

    # --- what goes down -----------------------------------------------------------------------------------------

    async def _look(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting and (check := self._check) is not None:
                number, data = self._waiting.popleft()
                time_s = struct.unpack_from("<d", data)[0] / 1000
                try:
                    answer = await self._run(check.push, time_s, data[8:])
                except WrongUse:  # one picture that is none, or too late
                    await self._send({"is": "seen", "n": number, "skipped": True})
                    continue
                except ScreenerError as error:  # such as a model that is not there: the next picture fares no better
                    await self._leave_camera()
                    await self._problem(error.message, error.what_to_do)
                    continue
                except Exception as error:  # the task would die unseen, and the page would wait for ever
                    _log.error("live_failed", error=type(error).__name__, exc_info=error)
                    await self._leave_camera()
                    await self._problem("The program failed.", "Reload the page and begin again.")
                    continue
                await self._send({"is": "seen", "n": number} | _answer_to_dict(answer, check))

    async def _said(self, prompts: tuple[Prompt, ...]) -> None:
        assert self._check is not None
        await self._send({"is": "said"} | _state_to_dict(self._check, prompts))

    async def _finish(self) -> None:
        """The movement is done: the result."""
        assert self._check is not None
        assert self._begun is not None
        if self._finishing:
            return
        self._finishing = True
        self._waiting.clear()
        check, begin, intake = self._check, self._begun, self._intake
        loop = asyncio.get_running_loop()

        def tell(what: str, share: float) -> None:
            said = {"is": "working", "what": what, "share": round(share, 3)}
            asyncio.run_coroutine_threadsafe(self._send(said), loop)

        def work() -> Result:
            screening = check.result(tell)
            if intake is not None:
                screening = with_plan(screening, intake)
            return self._desk.add(screening, check.course, begin.box_height_cm, check.recording)

        try:
            self._result = await self._run(work)
        except ScreenerError as error:
            await self._problem(error.message, error.what_to_do)
            return
        finally:
            if self._desk.owner is self:
                self._desk.owner = None
        await self._send({"is": "result", "result": self._result.to_dict()})

    async def _problem(self, says: str, what_to_do: str) -> None:
        await self._send({"is": "problem", "says": says, "what_to_do": what_to_do})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(json.dumps(message, allow_nan=False))

    async def _run(self, work: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    # --- the end ------------------------------------------------------------------------------------------------

    async def _leave_camera(self) -> None:
        if self._desk.owner is self:
            self._desk.owner = None
        self._waiting.clear()
        await self._close_check()

    async def _close_check(self) -> None:
        check, self._check = self._check, None
        if check is not None:
            self._desk.drop_recording(check.recording)
            await self._run(check.close)

    def _forget_result(self) -> None:
        if self._result is not None:
            self._desk.results.pop(self._result.id, None)
            self._result = None

    async def _end(self) -> None:
        await self._leave_camera()
        self._thread.shutdown(wait=False)


def _answer_to_dict(answer: Answer, check: LiveCheck) -> dict[str, Any]:
    row = answer.row
    landmarks = None
    if row is not None:
        width, height = check.size_px
        landmarks = [
            [round(float(x) / width, 4), round(float(y) / height, 4), round(float(visible), 2)]
            for x, y, visible in row[:, [0, 1, 5]]
        ]
    times = {"inference_ms": round(1000 * answer.inference_s, 1), "server_ms": round(1000 * answer.whole_s, 1)}
    return _state_to_dict(check, answer.prompts) | {"landmarks": landmarks} | times


def _state_to_dict(check: LiveCheck, prompts: tuple[Prompt, ...]) -> dict[str, Any]:
    guidance = check.guidance
    return {
        "prompts": [asdict(prompt) for prompt in prompts],
        "stage": guidance.stage,
        "stop": guidance.stop,
        "side": guidance.side,
        "sides_done": guidance.sides_done,
        "repetitions": guidance.repetitions,
        "target": guidance.course.repetitions,
        "countdown": guidance.countdown,
        "still": round(guidance.still_share, 2),
    }
