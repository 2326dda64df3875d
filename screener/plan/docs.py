"""The knowledge page: every measure, band, rubric, rule, exercise and programme, from the tables the code reads.

`python -m screener.plan.docs > docs/knowledge.md`
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from screener.assessment import EVIDENCE_MEANS, load_norms, load_sources
from screener.assessment.norms import measure_words
from screener.assessment.patterns import TASK_WORDS, Condition, load_rules
from screener.assessment.rubrics import load_rubrics
from screener.assessment.tables import Grounded
from screener.measures.values import MEASURES
from screener.plan.catalogue import harder_than, load_catalogue
from screener.plan.intake import load_safety
from screener.plan.programmes import load_programmes

__all__ = ["knowledge_page"]

_BASIS = {
    "seen": "an abstract or a table was read, never the full paper",
    "recalled": "from memory, not confirmed",
    "computed": "arithmetic or geometry",
    "judgement": "a proposal of this project",
}


def knowledge_page() -> str:
    """The page in Markdown, made from the tables alone."""
    parts = (
        _head(),
        _measures(),
        _norms(),
        _rubrics(),
        _rules(),
        _safety(),
        _programmes(),
        _running(),
        _exercises(),
        _sources(),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _cites(ids: Iterable[str]) -> str:
    known = load_sources()
    return "; ".join(known[each].cite for each in ids)


def _ground(row: Grounded) -> str:
    return f"{row.evidence}, {row.basis}: {_cites(row.sources)}"


def _list(items: Iterable[str]) -> list[str]:
    return [f"- {item}" for item in items]


def _head() -> list[str]:
    return [
        "# What the movement check knows, and from where",
        "",
        "This page is made from the tables that the program reads (`python -m screener.plan.docs`); a test keeps "
        "it current. Every row names its evidence, how far its source was followed, and the source.",
        "",
        *_table(["Evidence", "means"], ([name, text] for name, text in EVIDENCE_MEANS.items())),
        "",
        *_table(["Followed", "means"], ([name, text] for name, text in _BASIS.items())),
    ]


def _measures() -> list[str]:
    words = measure_words()
    rows = ([f"`{name}`", words[name].short, words[name].says, _ground(words[name])] for name in MEASURES)
    return ["## Measures", "", *_table(["Name", "In words", "What it is", "Evidence and source"], rows)]


def _norms() -> list[str]:
    norms = load_norms()
    words = measure_words()
    bands = (
        [
            f"`{norm.id}`",
            TASK_WORDS[norm.task],
            words[norm.measure].short,
            norm.sex or "anybody",
            f"{norm.typical_from:g} to {norm.typical_to:g}",
            f"to {norm.marked_above:g}, or under {norm.typical_from:g}",
            f"above {norm.marked_above:g}",
            f"{norm.n}, {norm.measured_in}; {norm.measured_how}. {norm.note}",
            _ground(norm),
        ]
        for norm in norms.norms
    )
    differences = (
        [f"`{row.id}`", words[row.measure].short, f"{row.smallest_detectable:g}", row.note, _ground(row)]
        for row in norms.differences
    )
    gates = norms.gates
    return [
        "## Bands",
        "",
        "A grade is given where the whole 95 % interval lies in one band; where it straddles a line, the grade "
        f"is 'unclear'. Nothing is graded under {gates.least_knee_flexion_deg:g}° of knee bend, and fewer than "
        f"{gates.asked_repetitions} repetitions are told. ({_cites(gates.sources)})",
        "",
        *_table(["Id", "Task", "Measure", "For", "Typical", "Borderline", "Marked", "Measured in", "Evidence"], bands),
        "",
        *_list(f"{TASK_WORDS[row.task].capitalize()}: {row.says} ({_ground(row)})" for row in norms.ungraded),
        "",
        "### Differences",
        "",
        "Left and right, or today and an earlier day, are compared at the deepest knee bend that both have (60, "
        "45 or 30°), else at their own bottoms if these are within "
        f"{gates.most_depth_difference_deg:g}° of each other. A difference counts when it exceeds both the "
        "smallest detectable difference and its own interval.",
        "",
        *_table(["Id", "Measure", "Smallest detectable", "Why", "Evidence"], differences),
    ]


def _rubrics() -> list[str]:
    lines = ["## Rubrics", ""]
    lines += ["A total is given only where every item has a score. A clinician can fill in or replace an item."]
    for rubric in load_rubrics():
        ratings = ", ".join(f"up to {each.up_to} {each.rating}" for each in rubric.ratings) or "none"
        lines += ["", f"### {rubric.name}", "", f"{rubric.how} Ratings: {ratings}. ({_ground(rubric)})", ""]
        rows = (
            [
                item.id,
                item.asks,
                f"`{item.measure}`" if item.measure else "needs a clinician",
                {"full": "yes", "fault_only": "only the fault", "none": "no"}[item.camera],
                item.reads,
                item.basis,
            ]
            for item in rubric.items
        )
        lines += _table(["Item", "Asks", "Measure", "Camera can score", "How it is read", "Followed"], rows)
    return lines


def _condition(each: Condition) -> str:
    if each.gate is not None:
        return "the depth is under the gate"
    if each.difference is not None:
        return f"`{each.difference}` differs between the sides"
    if each.item is not None:
        return f"`{each.item}` scores {' or '.join(map(str, each.scores or ()))}"
    if each.grades is not None:
        return f"`{each.measure}` is {' or '.join(each.grades)}"
    bound = f"above {each.above:g}" if each.above is not None else f"below {each.below:g}"
    return f"`{each.measure}` is wholly {bound}"


def _rules() -> list[str]:
    rows = (
        [
            f"`{rule.id}`",
            f"`{rule.pattern}`",
            "; ".join(
                [_condition(each) for each in rule.all]
                + [" or ".join(_condition(each) for each in rule.any)] * bool(rule.any)
                + [f"none of {', '.join(rule.unless)}"] * bool(rule.unless)
            ),
            rule.says,
            _ground(rule),
        ]
        for rule in load_rules()
    )
    return [
        "## Patterns",
        "",
        "Rules are tried in this order. Each condition must hold with the whole interval, so that a wider "
        "measurement error can only take findings away. Step-downs have no bands: their rules rest on the items "
        "of the step-down rubric, and their findings carry no grade.",
        "",
        *_table(["Rule", "Pattern", "When", "Says", "Evidence"], rows),
    ]


def _safety() -> list[str]:
    safety = load_safety()
    rows = (
        [
            f"`{flag.id}`",
            flag.question
            or " and ".join(
                [f"pain above {flag.pain_over}"] * (flag.pain_over is not None)
                + [f"age under {flag.age_under}"] * (flag.age_under is not None)
            ),
            flag.urgency,
            flag.reason,
            _ground(flag),
        ]
        for flag in safety.flags
    )
    lines = ["## Signs that belong to a clinician", ""]
    lines += ["Where one applies there is no score and no exercise; the measurements are kept.", ""]
    lines += _table(["Id", "Asked", "How urgent", "Reason", "Evidence"], rows)
    lines += ["", "### Rules of every plan", ""]
    return lines + _list(f"{row.says} ({_ground(row)})" for row in (*safety.stop_rules, *safety.standing))


def _programmes() -> list[str]:
    table, catalogue = load_programmes(), load_catalogue()
    lines = ["## Programmes"]
    for programme in table.programmes:
        lines += ["", f"### {programme.name} (`{programme.id}`)", ""]
        lines += [f"Said by: {programme.said_by}. Doses from {programme.doses_from}. {programme.retest_says}"]
        lines += [f"({_ground(programme)})", "", "It claims:", "", *_list(programme.claims)]
        if programme.also_says:
            lines += ["", "It also says:", "", *_list(programme.also_says)]
        lines += ["", "It leaves out:", "", *_list(programme.leaves_out)]
        for phase in programme.phases:
            lines += ["", f"**{phase.name}** ({phase.weeks}): {phase.goal}", ""]
            rows = []
            for row in phase.exercises:
                exercise = catalogue[row.exercise]
                only = f"only {', '.join(row.patterns)}. " if row.patterns else ""
                only += f"not {', '.join(row.not_for)}. " if row.not_for else ""
                only += f"focus for {', '.join(row.focus)}. " if row.focus else ""
                rows.append([exercise.name, phase.dose_of(row).in_words(), only + (row.note or "")])
            lines += _table(["Exercise", "Dose", "For whom, and notes"], rows)
            lines += ["", "Move on when: " + " ".join(phase.move_on_when)]
    lines += ["", "Step back: " + " ".join(row.says for row in table.step_back), "", "### Advice by pattern", ""]
    lines += _table(["Pattern", "Advice", "Evidence"], ([r.pattern, r.says, _ground(r)] for r in table.advice))
    lines += ["", "### Where they contradict each other or the evidence", ""]
    disagreements = ([row.issue, row.who_says_what, row.evidence_says, _ground(row)] for row in table.disagreements)
    return lines + _table(["Issue", "Who says what", "What follows from the evidence", "Evidence"], disagreements)


def _running() -> list[str]:
    table = load_programmes()
    rows = [[row.programme, row.says, _ground(row)] for row in table.running]
    rows += [[none.programme, none.says, _ground(none)] for none in table.running_none]
    last = [f"{row.how}, {row.terrain} ({_ground(row)})" for row in table.running_last]
    return [
        "## Return to running",
        "",
        *_table(["Programme", "Rule", "Evidence"], rows),
        "",
        "Flat first, whatever the programme. The last weeks, at the earlier distance:",
        "",
        *_list(last),
    ]


def _exercises() -> list[str]:
    lines = ["## Exercises"]
    catalogue = load_catalogue()
    for each in catalogue.values():
        others = f" (also: {', '.join(each.other_names)})" if each.other_names else ""
        lines += ["", f"### {each.name}", "", f"`{each.id}`, {each.kind}{others}. {each.aim}", ""]
        lines += _list(
            f"{label}: {text}"
            for label, text in (
                ("Muscles", ", ".join(each.muscles)),
                ("Position", each.position),
                ("Steps", " ".join(each.steps)),
                ("Faults", " ".join(each.faults)),
                ("Cues", " ".join(each.cues)),
                ("Dose", each.dose.in_words()),
                ("Equipment", ", ".join(each.equipment)),
                ("Easier", ", ".join(catalogue[one].name for one in each.easier)),
                ("Harder", ", ".join(catalogue[one].name for one in harder_than(each.id))),
                (
                    "Muscle activity",
                    "; ".join(
                        f"{emg.muscle} {emg.percent:g}"
                        + (f" ± {emg.sd:g}" if emg.sd is not None else "")
                        + f" % ({emg.basis}: {_cites([emg.source])})"
                        for emg in each.emg
                    ),
                ),
                ("Not if", " ".join(each.not_if)),
                ("Evidence", _ground(each)),
            )
            if text
        )
    return lines


def _sources() -> list[str]:
    rows = ([source.cite, source.kind, source.basis, source.says] for source in load_sources().values())
    return ["## Sources", "", *_table(["Source", "Kind", "Followed", "What is taken from it"], rows)]


if __name__ == "__main__":
    sys.stdout.write(knowledge_page())
