"""Indicators in words: the blocks above the macros of `sql/indicators.sql`, which become the table `catalogue`.

A block is `-- indicator: code`, the name of the macro below it, and one line for each of seven things to be said.
"""

import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

INDICATORS_FILE = Path(__file__).parents[1] / "sql" / "indicators.sql"
_LABELS = {
    "title": "Title",
    "numerator": "Numerator",
    "denominator": "Denominator",
    "unit": "Unit",
    "disaggregation": "Disaggregation",
    "may_be_added_over": "May be added over",
    "source": "Source",
}
_BLOCK = re.compile(r"^-- indicator: (?P<code>\w+)\n(?P<words>(?:-- .+\n)+)CREATE MACRO (?P<macro>\w+)\(", re.MULTILINE)


@dataclass(frozen=True)
class Indicator:
    """What a figure counts, of what, in which unit, by what it can be told apart and over what it adds up."""

    code: str
    title: str
    numerator: str
    denominator: str
    unit: str
    disaggregation: str
    may_be_added_over: str
    source: str

    @property
    def is_additive(self) -> bool:
        """Whether lines of countries and periods may be added up: IATI's aggregation status."""
        return self.may_be_added_over.startswith("everything")


def parse_indicators(text: str) -> tuple[Indicator, ...]:
    """Return the indicators of a file of macros, in its order.

    Raises:
        ValueError: A block does not say everything, stands above another macro, or is no block at all.
    """
    found = []
    for match in _BLOCK.finditer(text):
        code = match["code"]
        if match["macro"] != code:
            raise ValueError(f"indicator {code} stands above macro {match['macro']}; give both one name")
        lines = [line.removeprefix("-- ").partition(": ") for line in match["words"].splitlines()]
        said = {label: words for label, _, words in lines}
        if list(said) != list(_LABELS.values()) or not all(said.values()):
            raise ValueError(f"indicator {code} says {', '.join(said)}; it must say {', '.join(_LABELS.values())}")
        words = {name: said[label] for name, label in _LABELS.items()}
        found.append(Indicator(code, **words))
    if len(found) != text.count("-- indicator: "):
        raise ValueError("a line `-- indicator: code` is not followed by its words and its macro")
    return tuple(found)


@cache
def load_indicators() -> tuple[Indicator, ...]:
    """Return the indicators that are macros."""
    return parse_indicators(INDICATORS_FILE.read_text(encoding="utf-8"))


@cache
def load_outcomes() -> tuple[Indicator, ...]:
    """Return the indicators of the follow-up survey, whose words stand in survey.yml."""
    from schemas.survey import MAY_BE_ADDED_OVER, load_questionnaire

    return tuple(
        Indicator(
            code,
            item.title,
            f"people interviewed of whom it holds: {item.title[0].lower()}{item.title[1:]}",
            item.denominator,
            "share",
            "country_code, sex, trainee_type",
            MAY_BE_ADDED_OVER,
            "follow-up survey",
        )
        for code, item in load_questionnaire().indicators.items()
    )


def load_catalogue() -> tuple[Indicator, ...]:
    """Return every indicator of a release: what was reached and attended, then outcomes."""
    return load_indicators() + load_outcomes()


# what a definition must say, for whoever writes a test or a page of it
WORDS = tuple(field.name for field in fields(Indicator))
