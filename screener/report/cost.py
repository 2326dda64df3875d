"""What page and paper cost beyond the analysis, for a recording of 20 s: `python -m screener.report.cost`.

CPU is what the one process spends in all its threads, so that a busy machine does not change it much; the clock on
the wall is printed for orientation.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from screener.report.figures import figures_of
from screener.report.page import stills_of, write_page
from screener.report.paper import write_paper
from screener.screening import Screening

__all__ = ["Cost", "cost_of", "main"]

#: What a report may cost beyond the analysis, and how large its page may be without the film.
MOST_S, MOST_MB = 5.0, 3.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of stills, figures, page and paper together."""

    cpu_s: float
    wall_s: float
    page_mb: float

    @property
    def holds(self) -> bool:
        return self.cpu_s < MOST_S and self.page_mb < MOST_MB


def cost_of(screening: Screening, video_path: Path, out_dir: Path) -> Cost:
    """Write `report.html` and `report.pdf` as a report does, and say what it took."""
    cpu_s, wall_s = process_time(), perf_counter()
    stills, figures = stills_of(screening, video_path), figures_of(screening)
    write_page(screening, page := out_dir / "report.html", stills, film="annotated.mp4", figures=figures)
    write_paper(screening, out_dir / "report.pdf", stills, figures=figures)
    return Cost(process_time() - cpu_s, perf_counter() - wall_s, page.stat().st_size / 1e6)


def _measured(folder: Path) -> tuple[float, Cost]:
    from screener.bench import write_recording
    from screener.pipeline import screen

    recording = write_recording(folder / "recording.mp4")
    before_s = process_time()
    screening = screen(recording)
    return process_time() - before_s, cost_of(screening, recording, folder)


def main(arguments: Sequence[str] = ()) -> int:
    """Measure in a fresh process, print, and give 1 where it costs too much."""
    from screener.bench import alone

    if arguments:
        print("usage: python -m screener.report.cost", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        analysis_s, cost = alone(_measured, Path(folder))
    print(f"analysis of 20 s: {analysis_s:.1f} s CPU")
    print(f"page and paper:   {cost.cpu_s:.1f} s CPU ({cost.wall_s:.1f} s on the wall), at most {MOST_S:g}")
    print(f"the page:         {cost.page_mb:.2f} MB, at most {MOST_MB:g}")
    return 0 if cost.holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
