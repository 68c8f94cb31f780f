"""The weighting cells of the follow-up survey: countries and sexes, collapsed by one stated rule where answers are few.

Pure functions of the answers to one question and of the people trained that it is asked of.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

_NOT_STATED = "not stated"


@dataclass(frozen=True)
class Cells:
    """The cells of one question.

    of_answer: the cell of each answer, in order; None where nobody it could stand for was trained. people: people
    trained that a cell stands for. parts: populated cells of country and sex that became this cell.
    """

    of_answer: tuple[str | None, ...]
    people: Mapping[str, float]
    parts: Mapping[str, int]


@dataclass(frozen=True)
class _Country:
    """Of one country: people trained by sex (those not stated are spread), answers by sex, and those without sex."""

    code: str
    people: dict[str, float]
    answers: dict[str, int]
    unknown: int

    @property
    def count(self) -> int:
        return sum(self.answers.values()) + self.unknown

    @property
    def trained(self) -> float:
        return sum(self.people.values())

    def is_split(self, minimum: int) -> bool:
        return len(self.people) > 1 and all(count >= minimum for count in self.answers.values())


def make_cells(answers: pd.DataFrame, trained: pd.DataFrame, minimum: int) -> Cells:
    """Return the cells of the answers to one question, by the rule of schemas.published.COLLAPSING.

    Args:
        answers: country_code, sex (None: not known); a row for each answer.
        trained: country_code, sex (None: not stated), people; those that the question is asked of.
        minimum: Answers below which a cell is collapsed.
    """
    countries = {
        str(code): _count_country(str(code), answers[answers["country_code"] == code], members)
        for code, members in trained.groupby("country_code")
        if members["people"].sum() > 0
    }
    pool = {code for code, country in countries.items() if country.count < minimum}
    rest = sorted(set(countries) - pool, key=lambda code: (countries[code].count, code))
    while pool and rest and sum(countries[code].count for code in pool) < minimum:
        pool.add(rest.pop(0))
    people: dict[str, float] = {}
    parts: dict[str, int] = {}
    cell_of: dict[tuple[str, str], str] = {}
    pooled = "+".join(sorted(pool))
    for code, country in sorted(countries.items()):
        split = code not in pool and country.is_split(minimum)
        whole = pooled if code in pool else code
        cells = _split(country, minimum) if split else dict.fromkeys(country.people, whole)
        for sex, cell in cells.items():
            cell_of[code, sex] = cell
            parts[cell] = parts.get(cell, 0) + (sex in country.people)
        for cell, count in _people(country, cells, split=split).items():
            people[cell] = people.get(cell, 0.0) + count
        cell_of.setdefault((code, _NOT_STATED), next(iter(cells.values())))
    sexes = [
        sex if code in countries and sex in countries[code].people else _NOT_STATED
        for code, sex in zip(answers["country_code"], answers["sex"], strict=True)
    ]
    of_answer = tuple(cell_of.get(key) for key in zip(answers["country_code"], sexes, strict=True))
    return Cells(of_answer, people, parts)


def _count_country(code: str, answers: pd.DataFrame, trained: pd.DataFrame) -> _Country:
    stated = trained[trained["sex"].notna() & (trained["people"] > 0)].sort_values("sex")
    people = dict(zip(stated["sex"], stated["people"].astype(float), strict=True)) or {_NOT_STATED: 1.0}
    spread = float(trained["people"].sum()) / sum(people.values())
    known = answers["sex"].value_counts()
    counts = {sex: int(known.get(sex, 0)) for sex in people}
    return _Country(
        code, {sex: count * spread for sex, count in people.items()}, counts, len(answers) - sum(counts.values())
    )


def _split(country: _Country, minimum: int) -> dict[str, str]:
    """Cell of each sex of a country that is split, and of the answers without sex."""
    cells = {sex: f"{country.code} {sex}" for sex in country.people}
    largest = min(country.people, key=lambda sex: (-country.people[sex], sex))
    own = f"{country.code} {_NOT_STATED}"
    return {**cells, _NOT_STATED: own if country.unknown >= minimum else cells[largest]}


def _people(country: _Country, cells: Mapping[str, str], *, split: bool) -> dict[str, float]:
    """People that each cell of a country stands for; they add up to those trained there."""
    unknown = country.unknown / country.count if split else 0.0
    found: dict[str, float] = {}
    for sex, count in country.people.items():
        found[cells[sex]] = found.get(cells[sex], 0.0) + count * (1 - unknown)
    if unknown:
        found[cells[_NOT_STATED]] = found.get(cells[_NOT_STATED], 0.0) + country.trained * unknown
    return found
