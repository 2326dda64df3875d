# %% [markdown]
# # A batch study: how well do two recordings of the same movement agree?
#
# Whoever wants to follow a person over months must know how far two recordings differ when nothing has changed.
# This notebook screens a small study with `screener.batch`, then asks for its reliability: the intraclass
# correlation (ICC), the standard error of measurement (SEM) and the minimal detectable change (MDC).
#
# **What it can show.** The legs are rendered, and each movement is filmed twice: the second camera catches other
# instants, in less light, with fewer pixels. So the figures hold what the *recording* adds, and nothing of how a
# person differs from day to day, which in people is the larger part. Six legs are far too few for a study; put your
# own recordings and a manifest in their place.

# %%
import csv
import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from screener.batch.reliability import bland_altman, reliability
from screener.batch.run import run_batch
from screener.data import data_path
from screener.pipeline import Settings
from screener.video import open_video, write_video

folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## Six legs, filmed twice
#
# Three bundled clips and their mirror images, in which the left leg is a right one. Day 1 keeps every second
# picture; day 2 the others, darker and at three quarters of the size.


# %%
def squats_first(clip):
    truth = json.loads(clip.with_suffix(".truth.json").read_text(encoding="utf-8"))
    return truth["task"] != "single_leg_squat", clip.name


def filmed(frames, day, mirrored):
    """`(time_s, rgb)` as the camera of that day would have kept them."""
    for time_s, rgb in frames[day - 1 :: 2]:
        picture = rgb[:, ::-1] if mirrored else rgb
        if day == 2:
            picture = (cv2.resize(picture, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA) * 0.7).astype(np.uint8)
        yield time_s, np.ascontiguousarray(picture)


clips = sorted(data_path("sample_videos").glob("*.mp4"), key=squats_first)[:3]
manifest = []
for clip in clips:
    with open_video(clip) as source:
        frames = [(frame.time_s, frame.rgb) for frame in source]
    for mirrored in (False, True):
        for day in (1, 2):
            name = f"{clip.stem}{'_mirrored' if mirrored else ''}_day{day}.mp4"
            write_video(folder / name, filmed(frames, day, mirrored), fps=15)
            subject = clip.stem + ("_mirrored" if mirrored else "")
            manifest.append({"file": name, "subject": subject, "date": f"2026-01-0{day}"})

with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, ["file", "subject", "date"])
    writer.writeheader()
    writer.writerows(manifest)
pd.DataFrame(manifest)

# %% [markdown]
# ## Screen them all
#
# On the command line: `screener batch manifest.csv --out study`. A second look with the larger model would be
# better and slower; it is left out here.

# %%
finished = run_batch(str(folder / "manifest.csv"), str(folder / "study"), Settings(second_look=False), workers=1)
print(f"{finished.screened} of {finished.recordings} recordings screened, {len(finished.failures)} failed")
sorted(path.name for path in (folder / "study").iterdir())

# %%
summary = pd.read_parquet(folder / "study" / "summary.parquet")
shown = ["subject_id", "date", "stance_side", "repetitions_counted", "fppa_deg", "trunk_lean_deg", "knee_flexion_deg"]
summary[shown].round(1)

# %% [markdown]
# ## Reliability
#
# `icc_2_1` is absolute agreement of single measurements with its 95 % interval. The SEM is in degrees, and the MDC
# is what a change in one person must exceed before it is more than measurement error (here: of the recording alone).

# %%
measures = ["pelvic_drop_deg", "fppa_deg", "trunk_lean_deg", "knee_flexion_deg"]
rows = {}
for measure in measures:
    scores = summary.pivot(index="subject_id", columns="date", values=measure).to_numpy(dtype=float)
    found = reliability(scores)
    rows[measure] = {
        "ICC(2,1)": f"{found.icc_2_1.value:.2f} [{found.icc_2_1.low:.2f} to {found.icc_2_1.high:.2f}]",
        "SEM, °": f"{found.sem.value:.1f} [{found.sem.low:.1f} to {found.sem.high:.1f}]",
        "MDC 95, °": f"{found.mdc_95.value:.1f} [{found.mdc_95.low:.1f} to {found.mdc_95.high:.1f}]",
        "legs": found.subjects,
    }
pd.DataFrame(rows).T

# %% [markdown]
# An ICC compares the error with how much the legs differ from one another: among legs that are alike it is low even
# where the SEM is small. For following one person, read the SEM and the MDC.
#
# ## Is there a shift between the days?

# %%
rows = {}
for measure in measures:
    days = summary.pivot(index="subject_id", columns="date", values=measure).to_numpy(dtype=float)
    found = bland_altman(days[:, 1], days[:, 0])
    rows[measure] = {
        "day 2 − day 1, °": f"{found.bias.value:.1f} [{found.bias.low:.1f} to {found.bias.high:.1f}]",
        "limits of agreement, °": f"{found.lower_limit.value:.1f} to {found.upper_limit.value:.1f}",
        "pairs": found.pairs,
    }
pd.DataFrame(rows).T

# %% [markdown]
# The tables of `study/` hold all this for any other program; `docs/batch.md` tells their columns.
