# %% [markdown]
# # A first screening
#
# One short recording of single-leg squats, from the file to a report. The clip is bundled; it shows a rendered
# person who lets the free side of the pelvis drop and the knee fall inward, so that what is true is known.

# %%
import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import SVG

from screener import screen
from screener.data import data_path
from screener.measures import Measurement
from screener.report import stills_of, write_report
from screener.report.curves import as_svg, draw_curves
from screener.report.tables import repetition_rows
from screener.report.text import screening_as_text

clip = data_path("sample_videos", "sls_right_drop_and_valgus.mp4")
screening = screen(clip)

# %% [markdown]
# ## What was seen
#
# The same words stand first in the report. In brackets is a 95 % interval: where it reaches over a line between
# two bands, the grade is *unclear*, and that is an answer too.

# %%
print(screening_as_text(screening))

# %% [markdown]
# ## The numbers
#
# A trial is one set of repetitions of one leg. Every measure has a value with its interval, or a reason why there
# is none. `screener.report` shows them with one decimal; here they have all their digits.

# %%
(trial,) = screening.trials
pd.DataFrame(
    {
        name: {"value": reading.value, "low": reading.low, "high": reading.high, "unit": reading.unit}
        if isinstance(reading, Measurement)
        else {"not measured": reading.reason}
        for name, reading in trial.summary.items()
    }
).T

# %% [markdown]
# ## Repetition by repetition
#
# Wide intervals are honest ones: they say how far one camera may be off for this person in this room, and most of
# that is the same in each repetition, so that three repetitions do not narrow it by much.

# %%
rows = pd.DataFrame(repetition_rows(screening))
rows[["index", "bottom_s", "counted", "pelvic_drop_deg", "fppa_deg", "trunk_lean_deg", "knee_flexion_deg"]].round(1)

# %% [markdown]
# ## The course over time
#
# The thin lines are what the first look at every frame shows; the points are what was read at each bottom.

# %%
SVG(as_svg(draw_curves, screening))

# %% [markdown]
# ## As it looked at a bottom

# %%
still = stills_of(screening, clip)[0]
plt.figure(figsize=(6, 4.5))
plt.imshow(still.rgb)
plt.axis("off")
plt.show()
print(still.caption)

# %% [markdown]
# ## What is true of this clip
#
# Its angles at each bottom were set before it was rendered. A measured interval should hold the true value about
# 95 times in 100; one clip proves nothing, and `docs/accuracy.md` tells of many.

# %%
truth = json.loads(clip.with_suffix(".truth.json").read_text(encoding="utf-8"))
true_reps = truth["repetitions"]
pd.DataFrame(
    [
        {
            "repetition": rep.index,
            "measure": name,
            "read": round(reading.value, 1),
            "low": round(reading.low, 1),
            "high": round(reading.high, 1),
            "true": round(there[name], 1),
            "inside": reading.low <= there[name] <= reading.high,
        }
        for rep, there in zip(trial.repetitions, true_reps, strict=True)
        for name in ("pelvic_drop_deg", "fppa_deg", "trunk_lean_deg", "knee_flexion_deg")
        if name in there and isinstance(reading := rep.measures[name], Measurement)
    ]
)

# %% [markdown]
# ## The report
#
# The page to open first is `report.html`. The film is left out here to save time.

# %%
with tempfile.TemporaryDirectory() as folder:
    for path in write_report(screening, Path(folder), clip, film=False):
        print(f"{path.name:<20} {path.stat().st_size / 1000:8.0f} kB")
