"""What page and paper cost beyond the analysis, for a recording of 20 s: `python -m screener.report.cost`.

CPU is what the one process spends in all its threads. Five seconds are allowed on a machine that analyses the recording
in 18.9 s, as ours does: the bound is that share, so that it means the same on another machine.
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

__all__ = ["Cost", "main", "measure_cost"]

#: What a report may cost beyond the analysis, as a share of it, and how large its page may be without the film.
MOST_SHARE, MOST_MB = 5.0 / 18.9, 3.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of stills, figures, page and paper together; `analysis_s` is the CPU of the analysis before."""

    analysis_s: float
    cpu_s: float
    wall_s: float
    page_mb: float

    @property
    def holds(self) -> bool:
        return self.cpu_s < MOST_SHARE * self.analysis_s and self.page_mb < MOST_MB


def measure_cost(folder: Path) -> Cost:
    """Screen a recording of 20 s, and write `report.html` and `report.pdf` as a report does."""
    from screener.bench import write_recording
    from screener.pipeline import screen

    recording = write_recording(folder / "recording.mp4")
    began_s = process_time()
    screening = screen(recording)
    analysed_s, wall_s = process_time(), perf_counter()
    stills, figures = stills_of(screening, recording), figures_of(screening)
    write_page(screening, page := folder / "report.html", stills, film="annotated.mp4", figures=figures)
    write_paper(screening, folder / "report.pdf", stills, figures=figures)
    return Cost(analysed_s - began_s, process_time() - analysed_s, perf_counter() - wall_s, page.stat().st_size / 1e6)


def main(arguments: Sequence[str] = ()) -> int:
    """Measure in a fresh process, print, and give 1 where it costs too much."""
    from screener.bench import alone

    if arguments:
        print("usage: python -m screener.report.cost", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        cost = alone(measure_cost, Path(folder))
    print(f"analysis of 20 s: {cost.analysis_s:.1f} s CPU")
    print(
        f"page and paper:   {cost.cpu_s:.1f} s CPU ({cost.wall_s:.1f} s on the wall), at most {MOST_SHARE:.0%} of that"
    )
    print(f"the page:         {cost.page_mb:.2f} MB, at most {MOST_MB:g}")
    return 0 if cost.holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
