"""FHIR and C3D, read back by their own models and libraries: the same numbers, codes of our own, nothing invented."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import ezc3d
import numpy as np
import pytest
from fhir.resources.R4B.bundle import Bundle

from screener import Screening
from screener.errors import WrongUse
from screener.measures import MEASURES, Measurement
from screener.motion import CameraView
from screener.report import write_c3d, write_fhir
from screener.report.fhir import CODE_SYSTEM
from screener.report.words import number
from screener.screening import Subject
from tests.report.recordings import CLIP, with_an_excluded_repetition, with_both_legs, with_nobody


def read_bundle(screening: Screening, folder: Path, pdf: Path | None = None) -> Bundle:
    write_fhir(screening, folder / "report.fhir.json", pdf)
    return Bundle.model_validate_json((folder / "report.fhir.json").read_text(encoding="utf-8"))


def resources(bundle: Bundle, kind: str) -> list[object]:
    return [entry.resource for entry in bundle.entry if entry.resource.get_resource_type() == kind]


def as_shown(value: float) -> Decimal:
    return Decimal(number(value).replace("−", "-"))


def test_every_number_is_the_one_that_the_page_shows(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    screening = with_both_legs(screened(CLIP))
    observations = resources(read_bundle(screening, tmp_path), "Observation")
    assert len(observations) == 2 * len(MEASURES)
    wanted = [(trial, measure) for trial in screening.trials for measure in MEASURES]
    for told, (trial, measure) in zip(observations, wanted, strict=True):
        assert told.code.coding[0].code == measure
        assert told.bodySite.text == f"{trial.stance_side} leg"
        summary = trial.summary[measure]
        assert isinstance(summary, Measurement)
        assert told.valueQuantity.value == as_shown(summary.value)
        assert told.valueQuantity.code in {"deg", "%", "s", "1"}
        whole, *each = told.component
        assert (whole.valueRange.low.value, whole.valueRange.high.value) == (
            as_shown(summary.low),
            as_shown(summary.high),
        )
        values, ranges = each[::2], each[1::2]
        for rep, value, interval in zip(trial.repetitions, values, ranges, strict=True):
            reading = rep.measures[measure]
            assert isinstance(reading, Measurement)
            assert value.code.text == f"Repetition {rep.index}"
            assert value.valueQuantity.value == as_shown(reading.value)
            assert interval.valueRange.low.value == as_shown(reading.low)
            assert interval.valueRange.high.value == as_shown(reading.high)


def test_the_report_holds_the_pdf_the_results_and_the_words(
    screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    pdf = tmp_path / "report.pdf"
    pdf.write_bytes(b"%PDF-1.7 of a report")
    screening = replace(screened(CLIP), subject=Subject("Zoë <b>"))
    bundle = read_bundle(screening, tmp_path, pdf)
    (report,) = resources(bundle, "DiagnosticReport")
    (written,) = json.loads((tmp_path / "report.fhir.json").read_text())["entry"][0]["resource"]["presentedForm"]
    assert base64.b64decode(written["data"], validate=True) == report.presentedForm[0].data == pdf.read_bytes()
    assert report.status == "preliminary"
    assert "not a diagnosis" in report.conclusion
    urls = {entry.fullUrl: entry.resource for entry in bundle.entry}
    assert len(urls) == len(bundle.entry)
    assert [urls[each.reference] for each in report.result] == resources(bundle, "Observation")
    (patient,) = resources(bundle, "Patient")
    assert patient.identifier[0].value == "Zoë <b>"
    assert all(urls[each.subject.reference] is patient for each in resources(bundle, "Observation"))
    (device,) = resources(bundle, "Device")
    assert screening.provenance["screener"] in {each.value for each in device.version}
    assert set(screening.provenance["models"].values()) <= {each.value for each in device.version}


def test_only_ucum_and_the_bundle_s_own_codes_are_used(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    bundle = read_bundle(screened(CLIP), tmp_path)
    (system,) = resources(bundle, "CodeSystem")
    assert system.url == CODE_SYSTEM
    known = {concept.code for concept in system.concept}
    assert system.count == len(known) == len(system.concept)
    found: set[tuple[str, str]] = set()

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if {"system", "code"} <= set(value):
                found.add((value["system"], value["code"]))
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(bundle.model_dump())
    assert {system for system, _ in found} == {CODE_SYSTEM, "http://unitsofmeasure.org"}
    assert {code for system, code in found if system == CODE_SYSTEM} <= known


def test_what_is_missing_has_its_reason(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    observations = resources(read_bundle(with_an_excluded_repetition(screened(CLIP)), tmp_path), "Observation")
    hidden = [part for part in observations[0].component if part.code.text == "Repetition 2"]
    assert [part.valueQuantity for part in hidden] == [None]
    assert "not visible" in hidden[0].dataAbsentReason.text
    nobody = read_bundle(with_nobody(screened(CLIP)), tmp_path)
    assert resources(nobody, "Observation") == []
    (report,) = resources(nobody, "DiagnosticReport")
    assert "Nobody could be found" in report.conclusion


def test_the_same_screening_gives_the_same_bundle(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_fhir(screened(CLIP), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_c3d_points_stand_upright_in_metres_with_the_left_on_the_left(
    screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    tall = replace(screened(CLIP), subject=Subject("tall", 1.8))
    joints = tall.motion.joints
    px = joints.px.copy()
    px[30:40] = np.nan
    gap = replace(tall, motion=replace(tall.motion, joints=replace(joints, px=px)))
    write_c3d(gap, tmp_path / "m.c3d")
    read = ezc3d.c3d(str(tmp_path / "m.c3d"))
    labels = read["parameters"]["POINT"]["LABELS"]["value"]
    points = read["data"]["points"]
    assert read["parameters"]["POINT"]["UNITS"]["value"] == ["m"]
    assert "2D" in read["parameters"]["SCREENER"]["NOTE"]["value"][0]
    assert points.shape == (4, len(labels), len(joints.times_s))
    nose, left, right = (points[:, labels.index(name)] for name in ("nose", "left_shoulder", "right_shoulder"))
    assert (nose[0, :30] == 0).all()
    # Eyes stand at 0.936, ankles at 0.039 of the stature (Winter).
    assert nose[2, 0] == pytest.approx((0.936 - 0.039) * 1.8, rel=0.12)
    assert left[1, 0] > right[1, 0]
    assert np.isnan(nose[:3, 32:38]).all()
    assert (read["data"]["meta_points"]["residuals"][0, :, 32:38] == -1).all()
    rate = read["parameters"]["POINT"]["RATE"]["value"][0]
    assert rate == pytest.approx((len(joints.times_s) - 1) / (joints.times_s[-1] - joints.times_s[0]), rel=1e-6)


def test_seen_from_behind_the_left_is_still_on_the_left(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    """The mirror image of a picture from the front is one from behind: the same names, the same axes."""
    tall = replace(screened(CLIP), subject=Subject("tall", 1.8))
    joints = tall.motion.joints
    view = tall.view
    assert isinstance(view, CameraView)
    turned = joints.px * np.array([-1.0, 1.0])
    behind = replace(
        tall, view=replace(view, facing="posterior"), motion=replace(tall.motion, joints=replace(joints, px=turned))
    )
    for name, screening in (("front", tall), ("behind", behind)):
        write_c3d(screening, tmp_path / f"{name}.c3d")
    front, back = (ezc3d.c3d(str(tmp_path / f"{name}.c3d"))["data"]["points"] for name in ("front", "behind"))
    assert np.allclose(front, back, equal_nan=True)


def test_c3d_without_a_height_is_refused(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="height"):
        write_c3d(screened(CLIP), tmp_path / "m.c3d")
