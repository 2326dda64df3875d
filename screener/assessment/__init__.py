"""From measurements to findings: norms, rubrics, comparisons and patterns, all of them data with a source."""

from screener.assessment.assess import (
    SCHEMA_VERSION,
    AssessedTrial,
    Assessment,
    assess,
    findings_from_json,
    trials_from_json,
    withhold_scores,
)
from screener.assessment.comparisons import Comparison
from screener.assessment.norms import Grade, GradedMeasurement, GradedReading, Norms, Sex, load_norms
from screener.assessment.patterns import PATTERNS, Finding, Pattern
from screener.assessment.rubrics import RubricItem, RubricScore, with_clinician
from screener.assessment.tables import EVIDENCE_MEANS, Evidence, Source, load_sources

__all__ = [
    "EVIDENCE_MEANS",
    "PATTERNS",
    "SCHEMA_VERSION",
    "AssessedTrial",
    "Assessment",
    "Comparison",
    "Evidence",
    "Finding",
    "Grade",
    "GradedMeasurement",
    "GradedReading",
    "Norms",
    "Pattern",
    "RubricItem",
    "RubricScore",
    "Sex",
    "Source",
    "assess",
    "findings_from_json",
    "load_norms",
    "load_sources",
    "trials_from_json",
    "with_clinician",
    "withhold_scores",
]
