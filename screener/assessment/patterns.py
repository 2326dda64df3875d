"""Findings: which movement pattern the readings of a trial surely make, by rules that are data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from string import Formatter
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Field, model_validator

from screener.assessment.comparisons import Comparison
from screener.assessment.norms import (
    BANDS,
    Band,
    Grade,
    Norms,
    Sex,
    in_words,
    is_too_shallow,
    possible_bands,
)
from screener.assessment.rubrics import camera_scores, load_rubrics
from screener.assessment.tables import (
    Evidence,
    Grounded,
    Row,
    check_ids,
    check_sources,
    packaged,
    parse_table,
)
from screener.measures.values import MeasuredTrial, Measurement, MeasureName, Reading, StanceSide, Task

__all__ = [
    "PATTERNS",
    "TASK_WORDS",
    "Condition",
    "Finding",
    "Pattern",
    "Rule",
    "find_patterns",
    "load_rules",
]

Pattern: TypeAlias = Literal[
    "poor_depth",
    "poor_balance",
    "drop_with_valgus",
    "drop_with_lean",
    "hip_drop",
    "drop_unresolved",
    "isolated_valgus",
    "valgus_unresolved",
    "compensated_lean",
    "varus",
    "asymmetry_only",
    "not_enough_to_say",
    "clean",
]
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)

TASK_WORDS: dict[Task, str] = {
    "single_leg_squat": "single-leg squat",
    "forward_step_down": "forward step-down",
    "lateral_step_down": "lateral step-down",
}


class Condition(Row):
    """One thing that must surely hold; see the head of `patterns.toml` for the kinds."""

    measure: MeasureName | None = None
    grades: tuple[Band, ...] | None = None
    above: float | None = None
    below: float | None = None
    item: str | None = None
    scores: tuple[int, ...] | None = None
    gate: Literal["depth"] | None = None
    difference: MeasureName | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Condition:
        about = [self.measure, self.item, self.gate, self.difference]
        must_be = [self.grades, self.above, self.below, self.scores]
        expected = 1 if self.measure is not None or self.item is not None else 0
        fits = sum(each is not None for each in must_be) == expected
        whole = fits and (self.item is None) == (self.scores is None)
        if sum(each is not None for each in about) != 1 or not whole:
            raise ValueError("a condition names one thing and what it must be")
        return self


class Rule(Grounded):
    """When a pattern is found, and what is said about it."""

    pattern: Pattern
    scope: Literal["trial", "task"]
    tasks: tuple[Task, ...]
    all: tuple[Condition, ...] = ()
    any: tuple[Condition, ...] = ()
    unless: tuple[Pattern, ...] = ()
    needs_depth: bool = False
    grade: Grade | None = None
    measures: Annotated[tuple[MeasureName, ...], Field(min_length=1)]
    says: str

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        check_sources([self])
        fillable = {"side", "task", *(self.measures if self.scope == "trial" else ())}
        used = {name for _, name, _, _ in Formatter().parse(self.says) if name is not None}
        if used - fillable:
            raise ValueError(f"says: cannot fill in {', '.join(sorted(used - fillable))}")
        items = {f"{rubric.id}.{item.id}" for rubric in load_rubrics() for item in rubric.items}
        for condition in (*self.all, *self.any):
            if condition.item is not None and condition.item not in items:
                raise ValueError(f"there is no rubric item {condition.item}")
        return self


class RuleTable(Row):
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _unique(self) -> RuleTable:
        check_ids(self.rules)
        return self


@cache
def load_rules() -> tuple[Rule, ...]:
    """Every rule, in the order in which they are tried."""
    return parse_table(RuleTable, packaged("screener.assessment", "patterns.toml"), "patterns.toml").rules


@dataclass(frozen=True, slots=True)
class Finding:
    """A pattern that was found on one side in one task.

    `grade` is None where the finding does not rest on a norm (a step-down, depth, balance, a side difference).
    `rests_on` names the rows that led to it: norm ids, rubric items (`rubric.item`) and difference ids.
    """

    id: str
    side: StanceSide
    task: Task
    pattern: Pattern
    grade: Grade | None
    measures: tuple[MeasureName, ...]
    says: str
    source_ids: tuple[str, ...]
    rule_id: str
    rests_on: tuple[str, ...]
    evidence_grade: Evidence


@dataclass(frozen=True, slots=True)
class _Facts:
    """All that conditions may ask about, for one trial or for one task."""

    readings: Mapping[MeasureName, Reading]
    bands: Mapping[MeasureName, frozenset[Band] | None]
    scores: Mapping[str, frozenset[int] | None]
    too_shallow: bool | None
    differences: frozenset[MeasureName]


def find_patterns(
    trials: Sequence[MeasuredTrial],
    comparisons: Sequence[Comparison],
    norms: Norms,
    sex: Sex | None = None,
) -> tuple[Finding, ...]:
    """The findings of every trial, then those that are about both sides of a task."""
    found: list[Finding] = []
    for trial in trials:
        patterns: set[Pattern] = set()
        facts = _facts_of(trial, norms, sex)
        for rule in load_rules():
            if rule.scope == "trial" and trial.task in rule.tasks and _fires(rule, facts, patterns):
                patterns.add(rule.pattern)
                name = f"{trial.task}.{trial.stance_side}.{rule.pattern}"
                again = sum(each.id.startswith(name) for each in found)
                found.append(_finding(rule, trial, facts, norms, sex, f"{name}.{again + 1}" if again else name))
    for task in dict.fromkeys(trial.task for trial in trials):
        between = [each for each in comparisons if each.task == task and each.between == "sides" and each.detectable]
        facts = _Facts({}, {}, {}, None, frozenset(each.measure for each in between))
        for rule in load_rules():
            earlier = {finding.pattern for finding in found if finding.task == task}
            if rule.scope == "task" and task in rule.tasks and _fires(rule, facts, earlier):
                found.append(_side_finding(rule, task, between))
    return tuple(found)


def _facts_of(trial: MeasuredTrial, norms: Norms, sex: Sex | None) -> _Facts:
    return _Facts(
        readings=trial.summary,
        bands={measure: possible_bands(trial, measure, norms, sex) for measure in trial.summary},
        scores={
            f"{rubric.id}.{item.id}": camera_scores(item, trial, norms)
            for rubric in load_rubrics()
            if trial.task in rubric.tasks
            for item in rubric.items
        },
        too_shallow=is_too_shallow(trial, norms.gates),
        differences=frozenset(),
    )


def _fires(rule: Rule, facts: _Facts, patterns: Iterable[Pattern]) -> bool:
    return (
        not set(rule.unless) & set(patterns)
        and not (rule.needs_depth and facts.too_shallow is not False)
        and all(_holds(each, facts) for each in rule.all)
        and (not rule.any or any(_holds(each, facts) for each in rule.any))
    )


def _holds(condition: Condition, facts: _Facts) -> bool:
    """Whether the condition holds for every value that the interval allows."""
    if condition.gate is not None:
        return facts.too_shallow is True
    if condition.difference is not None:
        return condition.difference in facts.differences
    if condition.item is not None:
        scores = facts.scores.get(condition.item)
        return scores is not None and scores <= set(condition.scores or ())
    assert condition.measure is not None
    if condition.grades is not None:
        bands = facts.bands.get(condition.measure)
        return bands is not None and bands <= set(condition.grades)
    reading = facts.readings.get(condition.measure)
    if not isinstance(reading, Measurement):
        return False
    if condition.above is not None:
        return reading.low > condition.above
    return condition.below is not None and reading.high < condition.below


def _finding(rule: Rule, trial: MeasuredTrial, facts: _Facts, norms: Norms, sex: Sex | None, name: str) -> Finding:
    conditions = (*rule.all, *rule.any)
    graded = [each.measure for each in conditions if each.measure is not None and each.grades is not None]
    rows = [norm.id for each in graded if (norm := norms.find(trial.task, each, sex)) is not None]
    rows += [each.item for each in conditions if each.item is not None]
    words = {each: in_words(each, trial.summary.get(each)) for each in rule.measures}
    return Finding(
        id=name,
        side=trial.stance_side,
        task=trial.task,
        pattern=rule.pattern,
        grade=rule.grade or _worst([facts.bands[each] or frozenset() for each in graded]),
        measures=rule.measures,
        says=rule.says.format(side=trial.stance_side, task=TASK_WORDS[trial.task], **words),
        source_ids=rule.sources,
        rule_id=rule.id,
        rests_on=tuple(rows),
        evidence_grade=rule.evidence,
    )


def _worst(sets: Sequence[frozenset[Band]]) -> Grade | None:
    """The worst of several readings' bands, `unclear` where their intervals leave that open."""
    if not sets:
        return None
    worst = {max(choice, key=BANDS.index) for choice in product(*sets)}
    return worst.pop() if len(worst) == 1 else "unclear"


def _side_finding(rule: Rule, task: Task, between: Sequence[Comparison]) -> Finding:
    asked = {each.difference for each in (*rule.all, *rule.any)}
    told = [each for each in between if each.measure in asked]
    side: StanceSide = "left" if told[0].difference > 0 else "right"
    return Finding(
        id=f"{task}.{side}.{rule.pattern}",
        side=side,
        task=task,
        pattern=rule.pattern,
        grade=rule.grade,
        measures=tuple(each.measure for each in told),
        says=rule.says.format(side=side, task=TASK_WORDS[task]),
        source_ids=rule.sources,
        rule_id=rule.id,
        rests_on=tuple(each.difference_id for each in told),
        evidence_grade=rule.evidence,
    )
