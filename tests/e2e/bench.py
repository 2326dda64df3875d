"""What the live check costs: pictures a second, display lag, the server's own share, the time to the result, memory.

    python -m tests.e2e.bench [--memory MINUTES] [--json]

Without `--memory` a film walks through a whole check in Chromium against `screener serve`, both on this machine; with
it, pictures go through the check as fast as the machine allows, without a browser, as if that many minutes went by.
Times are those of this machine at this moment; a busy one makes them worse, so the load is printed beside them.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import chain, cycle
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from screener.bench import Bound
from screener.live import Course, LiveCheck
from screener.terms import Side
from tests.e2e.conftest import FLAGS, Server, write_mjpeg
from tests.e2e.films import FPS, Scene, one_leg, whole_check

_SCENE = Scene(before_s=10, between_s=8, after_s=8, repetitions=5)
_FEWEST_FPS, _MOST_OVERHEAD, _MOST_LAG_MS, _MOST_RESULT_S, _MOST_GROWTH_MB = 20.0, 0.25, 150.0, 10.0, 60.0


def measure_live(folder: Path) -> tuple[Bound, ...]:
    """A whole check of five repetitions a leg in the browser."""
    film = write_mjpeg(folder / "check.mjpeg", whole_check(_SCENE))
    server = Server(folder / "data")
    server.start()
    try:
        with sync_playwright() as playwright:
            flags = [*FLAGS, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
            flags += [f"--use-file-for-fake-video-capture={film}"]
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.goto(server.url)
            seen = _walked(page)
            browser.close()
    finally:
        server.stop()
    at = np.array(seen["answered"])
    inference, whole = np.array(seen["server"]).T
    return (
        Bound("ms from picture to picture", float((at[-1] - at[0]) / (len(at) - 1)), 1000 / _FEWEST_FPS),
        Bound("server time beyond inference, share", float(np.median((whole - inference) / inference)), _MOST_OVERHEAD),
        Bound("display lag, 95th percentile, ms", float(np.percentile(seen["lag"], 95)), _MOST_LAG_MS),
        Bound("last repetition to result, s", seen["result_s"], _MOST_RESULT_S),
    )


def _walked(page: Page) -> dict[str, Any]:
    page.wait_for_selector("body[data-ready]")
    page.click("#agree")
    page.check('input[name="flag"][value="none"]')
    page.fill("#age", "34")
    page.click("#intake-form button.primary")
    page.click("#start")
    last_s = time.monotonic()
    before: object = None
    while page.evaluate("selfCheck.result === null"):
        now = page.evaluate("[selfCheck.answer?.side, selfCheck.answer?.repetitions]")
        if now != before and now[1]:
            before, last_s = now, time.monotonic()
        page.wait_for_timeout(200)
    found: dict[str, Any] = page.evaluate(
        "(({ answeredAt, serverTimes, latencies }) => ({ answered: answeredAt, server: serverTimes, lag: latencies }))"
        "(selfCheck.wire)"
    )
    return found | {"result_s": time.monotonic() - last_s}


def measure_memory(minutes: float) -> Bound:
    """How much the process grows from its first minute to its last, in one check whose legs are done again and again.

    Every picture goes through the models, and every time a leg is done the whole result is made. What is held is
    told on the way, on standard error.
    """
    scene = Scene(before_s=5, between_s=5, after_s=4, repetitions=3)
    both = [_jpeg(rgb) for rgb in whole_check(scene)]
    sides: tuple[Side, ...] = ("left", "right")
    again = [(side, [_jpeg(rgb) for rgb in one_leg(side, scene)]) for side in sides]
    check, number, held_mb = LiveCheck(Course(repetitions=3)), 0, dict[float, float]()
    for side, jpegs in chain([(None, both)], cycle(again)):
        if number >= minutes * 60 * FPS:
            break
        if side is not None:
            check.retake(side)
        for jpeg in jpegs:
            check.push(number / FPS, jpeg)
            number += 1
        seen = [(trial.stance_side, sum(each.counted for each in trial.repetitions)) for trial in check.result().trials]
        gc.collect()
        held_mb[number / FPS / 60] = _held_mb()
        print(f"{number / FPS / 60:6.1f} min {_held_mb():8.1f} MB, {check.guidance.stage}, {seen}", file=sys.stderr)
        # A check that stands still would hold nothing, and prove nothing.
        if check.guidance.stage != "done" or sorted(seen) != [("left", 3), ("right", 3)]:
            raise SystemExit("the check did not get through")
    check.close()
    at_min = list(held_mb)
    begin_min = next(at for at in at_min if at >= min(1.0, at_min[-1]))
    for what, at in (("begin", begin_min), ("middle", at_min[len(at_min) // 2]), ("end", at_min[-1])):
        print(f"{what}: {held_mb[at]:.1f} MB after {at:.1f} min of camera", file=sys.stderr)
    growth = held_mb[at_min[-1]] - held_mb[begin_min]
    return Bound(f"MB that {minutes:g} minutes hold more than one", growth, _MOST_GROWTH_MB)


def _held_mb() -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


def _jpeg(rgb: Any) -> bytes:
    made = io.BytesIO()
    Image.fromarray(rgb).save(made, "JPEG", quality=80)
    return made.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and give 1 where a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.bench", description="What the live check costs.")
    parser.add_argument("--memory", type=float, metavar="MINUTES", help="memory over so many minutes instead")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        bounds = (measure_memory(options.memory),) if options.memory else measure_live(Path(folder))
    load = os.getloadavg()[0]
    if options.json:
        print(json.dumps({"load": load, "cores": os.cpu_count(), "bounds": [vars_of(each) for each in bounds]}))
    else:
        print(f"{os.cpu_count()} cores, load {load:.1f} over the last minute")
        for bound in bounds:
            print(f"{bound.what:<40}{bound.measured:>10.2f}   at most {bound.at_most:g}{'' if bound.holds else '  NO'}")
    return 0 if all(bound.holds for bound in bounds) else 1


def vars_of(bound: Bound) -> dict[str, Any]:
    """A bound in its JSON form."""
    return {"what": bound.what, "measured": bound.measured, "at_most": bound.at_most, "holds": bound.holds}


if __name__ == "__main__":
    sys.exit(main())
