"""`report.fhir.json`: the result as a FHIR R4B Bundle, for a clinic's records. Needs the extra `fhir`.

No LOINC or SNOMED CT code is known to mean what is measured here, so none is used: the codes are the measures' own
names, and the Bundle brings the CodeSystem that defines them.
"""

from __future__ import annotations

import base64
import uuid
from pathlib import Path
from typing import Any

from screener.assessment import AssessedTrial, GradedMeasurement, load_norms
from screener.assessment.norms import measure_words
from screener.errors import WrongUse
from screener.files import write_atomically
from screener.measures import MEASURES, MeasuredTrial, Measurement, MeasureName, Reading
from screener.report.contents import contents_of
from screener.report.words import number, short_name, title
from screener.screening import Screening

__all__ = ["CODE_SYSTEM", "UCUM_CODES", "write_fhir"]

#: The system of every code here that is not a unit: a fixed name that belongs to nobody's web site.
CODE_SYSTEM = "urn:uuid:6c3f9f0e-5d0a-5e0c-9a64-0f6c7c2b7b11"

_UCUM = "http://unitsofmeasure.org"
#: How UCUM writes the units of the measures.
UCUM_CODES = {
    "deg": "deg",
    "s": "s",
    "count": "1",
    "% of leg length": "%",
    "% of shank length": "%",
}

_OTHER_CONCEPTS = {
    "movement-check": "Pelvis, knee and trunk in single-leg squats or step-downs, measured in a video of one camera.",
    "interval-95": "The 95 % interval of the value.",
    "repetition": "The value of one repetition.",
    "repetition-interval-95": "The 95 % interval of the value of one repetition.",
    "typical": "The whole interval lies in the typical band.",
    "borderline": "The whole interval lies between typical and marked.",
    "marked": "The whole interval lies beyond the line where marked begins.",
    "unclear": "The interval reaches over a line, so that no band can be named.",
}


def write_fhir(screening: Screening, path: Path, pdf: Path | None = None) -> None:
    """Write the Bundle: Device, CodeSystem, an Observation a measure and leg, and a DiagnosticReport over them.

    Values have one decimal, as in the page and the paper. `preliminary` is said of all, since no clinician has
    looked at it. When the recording was made is not known, so that `issued` tells when it was screened.

    Args:
        screening: the result.
        path: where to.
        pdf: `report.pdf`, to go into the DiagnosticReport.

    Raises:
        WrongUse: the extra `fhir` is not installed.
    """
    try:
        from fhir.resources.R4B.bundle import Bundle
    except ImportError as error:
        raise WrongUse("FHIR needs a package that is not installed.", "Install screener[fhir].") from error
    bundle = Bundle.model_validate(_bundle(screening, pdf))
    with write_atomically(path) as temporary:
        temporary.write_text(bundle.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _bundle(screening: Screening, pdf: Path | None) -> dict[str, Any]:
    made = uuid.uuid5(
        uuid.NAMESPACE_OID,
        f"{screening.source.get('sha256')} {screening.provenance['settings_sha256']} {screening.created_at}",
    )

    def url(name: str) -> str:
        return f"urn:uuid:{uuid.uuid5(made, name)}"

    resources = {"code-system": _code_system(), "device": _device(screening)}
    about: dict[str, Any] = {"issued": screening.created_at}
    if screening.subject.id is not None and screening.subject.id.strip():
        resources["patient"] = {"resourceType": "Patient", "identifier": [{"value": screening.subject.id}]}
        about["subject"] = {"reference": url("patient")}
    by_whom = {"device": {"reference": url("device")}}
    observations = {
        f"observation-{place}-{measure}": _observation(trial, assessed, measure) | about | by_whom
        for place, (trial, assessed) in enumerate(zip(screening.trials, screening.assessment.trials, strict=True))
        for measure in MEASURES
    }
    report = _report(screening, pdf) | about | {"result": [{"reference": url(name)} for name in observations]}
    if not observations:
        del report["result"]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": screening.created_at,
        "entry": [
            {"fullUrl": url(name), "resource": resource}
            for name, resource in ({"report": report} | observations | resources).items()
        ],
    }


def _code_system() -> dict[str, Any]:
    words = measure_words()
    concepts = [{"code": name, "display": short_name(name), "definition": words[name].says} for name in MEASURES]
    concepts += [
        {"code": code, "display": code.replace("-", " "), "definition": says} for code, says in _OTHER_CONCEPTS.items()
    ]
    return {
        "resourceType": "CodeSystem",
        "url": CODE_SYSTEM,
        "name": "ScreenerMeasures",
        "title": "Measures of a movement check",
        "status": "active",
        "experimental": True,
        "caseSensitive": True,
        "content": "complete",
        "count": len(concepts),
        "concept": concepts,
    }


def _device(screening: Screening) -> dict[str, Any]:
    known = screening.provenance
    versions = {"screener": known["screener"], "mediapipe": known["mediapipe"]}
    versions |= {f"model {name}, sha256": sha256 for name, sha256 in known["models"].items()}
    versions |= {"settings, sha256": known["settings_sha256"]}
    return {
        "resourceType": "Device",
        "deviceName": [{"name": "screener", "type": "model-name"}],
        "type": {"text": "Software that measures movement in a video. Not a medical device."},
        "version": [{"type": {"text": what}, "value": version} for what, version in versions.items()],
    }


def _report(screening: Screening, pdf: Path | None) -> dict[str, Any]:
    contents = contents_of(screening)
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "status": "preliminary",
        "code": _concept("movement-check", contents.title),
        "conclusion": "\n".join((*contents.said, *contents.limits[:1])),
    }
    if pdf is not None:
        data = base64.b64encode(pdf.read_bytes()).decode("ascii")
        report["presentedForm"] = [{"contentType": "application/pdf", "data": data, "title": pdf.name}]
    return report


def _observation(trial: MeasuredTrial, assessed: AssessedTrial, measure: MeasureName) -> dict[str, Any]:
    reading = assessed.summary[measure]
    made = {
        "resourceType": "Observation",
        "status": "preliminary",
        "code": _concept(measure, f"{short_name(measure)}. {title(trial)}"),
        "method": {"text": "One camera; the middle of the counted repetitions"},
        **_value(measure, trial.summary[measure]),
        "component": [*_interval("interval-95", "95 % interval", measure, trial.summary[measure])],
    }
    if trial.stance_side != "unknown":
        made["bodySite"] = {"text": f"{trial.stance_side} leg"}
    if isinstance(reading, GradedMeasurement):
        made["note"] = [{"text": reading.says}]
        if reading.grade is not None:
            made["interpretation"] = [_concept(reading.grade, reading.grade)]
        norm = next((each for each in load_norms().norms if each.id == reading.norm_id), None)
        if norm is not None:
            made["referenceRange"] = [
                {
                    "low": _quantity(measure, norm.typical_from),
                    "high": _quantity(measure, norm.typical_to),
                    "text": f"typical; marked above {number(norm.marked_above)}. {norm.note}",
                }
            ]
    for rep in trial.repetitions:
        name = f"Repetition {rep.index}"
        made["component"].append({"code": _concept("repetition", name), **_value(measure, rep.measures[measure])})
        made["component"] += _interval(
            "repetition-interval-95", f"{name}, 95 % interval", measure, rep.measures[measure]
        )
    if not made["component"]:
        del made["component"]
    return made


def _value(measure: MeasureName, reading: Reading) -> dict[str, Any]:
    if isinstance(reading, Measurement):
        return {"valueQuantity": _quantity(measure, reading.value)}
    return {"dataAbsentReason": {"text": reading.reason}}


def _interval(code: str, text: str, measure: MeasureName, reading: Reading) -> list[dict[str, Any]]:
    if not isinstance(reading, Measurement):
        return []
    bounds = {"low": _quantity(measure, reading.low), "high": _quantity(measure, reading.high)}
    return [{"code": _concept(code, text), "valueRange": bounds}]


def _quantity(measure: MeasureName, value: float) -> dict[str, Any]:
    unit = MEASURES[measure]
    shown = number(value).replace("−", "-")
    return {"value": shown, "unit": unit, "system": _UCUM, "code": UCUM_CODES[unit]}


def _concept(code: str, text: str) -> dict[str, Any]:
    return {"coding": [{"system": CODE_SYSTEM, "code": code}], "text": text}
