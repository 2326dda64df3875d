"""How a batch stands, on standard error: a bar where that is a terminal, a line now and then where it is a log."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from screener.batch.run import Finished, Standing

__all__ = ["say_finished", "showing"]

_LINE_EVERY_S = 30.0


@contextmanager
def showing() -> Iterator[Callable[[Standing], None]]:
    """Something to tell a `Standing` to."""
    console = Console(stderr=True)
    started_s = time.monotonic()
    told_s = -_LINE_EVERY_S
    with Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f} a minute"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]} failed"),
        console=console,
        disable=not console.is_terminal,
    ) as bar:
        row = bar.add_task("", total=None, rate=0.0, failed=0)

        def tell(standing: Standing) -> None:
            nonlocal told_s
            now_s = time.monotonic()
            rate = 60 * standing.done / max(now_s - started_s, 1e-9)
            # What was there before is not in the bar, so that the time left is that of the work.
            bar.update(
                row,
                total=standing.total - standing.before,
                completed=standing.done,
                rate=rate,
                failed=standing.failed,
            )
            if not console.is_terminal and now_s - told_s >= _LINE_EVERY_S:
                told_s = now_s
                left = standing.total - standing.before - standing.done
                minutes = f", {left / rate:.0f} minutes left" if rate else ""
                print(
                    f"{standing.before + standing.done} of {standing.total} done, {rate:.1f} a minute{minutes}, "
                    f"{standing.failed} failed",
                    file=sys.stderr,
                    flush=True,
                )

        yield tell


def say_finished(finished: Finished, out: str) -> None:
    """The end of a batch, in a few lines on standard output."""
    kinds = Counter(failure.kind for _, failure in finished.failures)
    failed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    print(f"{finished.recordings - len(finished.failures)} of {finished.recordings} recordings measured.")
    if failed:
        print(f"Not measured: {failed}. See failures.csv for each one's reason and what to do.")
    print(f"Written to {out}/: summary.csv, summary.parquet, repetitions.parquet, failures.csv, study.html, run.json")
