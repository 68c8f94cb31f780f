"""What changed since the release before and since the last one that was frozen, and why."""

from warehouse.report import labels
from warehouse.report.document import Section, Table
from warehouse.report.places import Place
from warehouse.report.published_rows import Frozen, Restatement

_TITLE = "What changed, and why"
_FROZEN = "frozen:"
_CAUSES = {
    "by_new_delivery": "New deliveries",
    "by_corrected_delivery": "Corrections",
    "by_contract": "Contracts",
    "by_programme_rules": "Programme’s rules",
    "by_identity_merge": "Two found to be one",
    "by_identity_split": "One found to be two",
    "by_judgement": "Judgements",
    "by_model": "Linkage model",
    "by_program": "Program",
    "by_unrecorded": "Not recorded",
}
_INDICATORS = {
    "people_reached": "People reached",
    "women": "Women",
    "youth": "Youth",
    "msme_owners": "Owners of a small business",
    "job_seekers": "Job seekers",
    "with_disability": "With a disability",
    "indigenous": "Indigenous people",
    "rural": "In rural areas",
    "participations": "Participations",
}


def changes(place: Place) -> Section:
    """Return the section of changes; a sentence where the release does not tell, or nothing was published before."""
    told = place.figures.restatements
    if told is None:
        return Section("changes", _TITLE, ("This release keeps no account of what changed since an earlier one.",))
    lines = [line for line in told if line.country_code == place.code]
    # the release before comes before what was frozen
    lines.sort(key=lambda line: line.baseline.startswith(_FROZEN))
    if not lines:
        return Section("changes", _TITLE, ("Nothing was published before this release, so nothing has changed.",))
    lead: list[str] = []
    blocks: list[Table] = []
    for number, baseline in enumerate(dict.fromkeys(line.baseline for line in lines), start=1):
        chosen = [line for line in lines if line.baseline == baseline]
        lead.append(_sentence(chosen))
        blocks.append(_table(number, chosen))
    blocks += _frozen(place)
    return Section("changes", _TITLE, tuple(lead), tuple(blocks))


def _since(line: Restatement) -> str:
    if line.baseline.startswith(_FROZEN):
        return f"release {line.baseline_release}, frozen as “{line.baseline.removeprefix(_FROZEN)}”"
    return f"release {line.baseline_release}, the one before"


def _sentence(lines: list[Restatement]) -> str:
    people = next((line for line in lines if line.indicator_code == "people_reached"), lines[0])
    name = _name(people.indicator_code)
    if not any(line.difference for line in lines):
        return f"Since {_since(people)}, no figure changed."
    text = (
        f"Since {_since(people)}: {name} went from {labels.number(people.figure_before)} to "
        f"{labels.number(people.figure_after)} ({_signed(people.difference)})"
    )
    why = [f"{_cause(cause).lower()} {_signed(count)}" for cause, count in people.causes.items() if count]
    return f"{text}: {labels.listed(why)}." if why else f"{text}."


def _table(number: int, lines: list[Restatement]) -> Table:
    # a cause that did nothing to any figure needs no column
    causes = [cause for cause in lines[0].causes if any(line.causes[cause] for line in lines)]
    rows = tuple(
        (
            _name(line.indicator_code),
            labels.number(line.figure_before),
            labels.number(line.figure_after),
            _signed(line.difference),
            *(_signed(line.causes[cause]) for cause in causes),
        )
        for line in lines
    )
    return Table(
        f"changes-{number}",
        f"Changes since {_since(lines[0])}",
        ("Figure", "Then", "Now", "Difference", *(_cause(cause) for cause in causes)),
        rows,
        note="The causes of a line add up to its difference." if causes else "",
    )


def _frozen(place: Place) -> list[Table]:
    told = {line.baseline.removeprefix(_FROZEN) for line in place.figures.restatements or ()}
    lines = [
        line for line in place.figures.frozen or () if line.country_code == place.code and line.frozen_label not in told
    ]
    return [
        _frozen_table(number, [line for line in lines if line.frozen_label == label])
        for number, label in enumerate(dict.fromkeys(line.frozen_label for line in lines), start=1)
    ]


def _frozen_table(number: int, lines: list[Frozen]) -> Table:
    first = lines[0]
    return Table(
        f"frozen-{number}",
        f"Officially reported as “{first.frozen_label}” on {labels.day(first.frozen_date)}, release "
        f"{first.release_number}",
        ("Figure", "Reported", "Now", "Difference"),
        tuple(
            (
                _name(line.indicator_code),
                labels.number(line.figure_reported),
                labels.number(line.figure_now),
                _signed(line.difference),
            )
            for line in lines
        ),
    )


def _name(indicator: str) -> str:
    return _INDICATORS[indicator] if indicator in _INDICATORS else indicator.replace("_", " ").capitalize()


def _cause(code: str) -> str:
    return _CAUSES[code] if code in _CAUSES else code.removeprefix("by_").replace("_", " ").capitalize()


def _signed(value: int) -> str:
    return f"{value:+,}".replace("-", "−") if value else "0"
