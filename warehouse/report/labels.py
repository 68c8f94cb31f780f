"""Figures and codes as a reader sees them: thousands apart, shares with one decimal, categories by name."""

import datetime as dt

NONE = "–"
_PEOPLE_OF = {
    "sex": {"F": "Women", "M": "Men", "X": "Another answer"},
    "trainee_type": {"msme_owner": "Owners of a micro or small business", "job_seeker": "Job seekers"},
    "has_disability": {"yes": "With a disability", "no": "Without a disability"},
    "is_indigenous": {"yes": "Indigenous people or ethnic minority", "no": "Neither"},
    "is_rural": {"yes": "Rural area", "no": "Town or city"},
}


def number(value: float) -> str:
    """Return 15,431; no decimals."""
    return f"{value:,.0f}"


def decimal(value: float) -> str:
    """Return 41.1."""
    return f"{value:,.1f}"


def percent(share: float | None) -> str:
    """Return a share from 0 to 1 as 62.1%; what is neither nothing nor all never reads as 0.0% or 100.0%."""
    if share is None:
        return NONE
    if share in (0, 1):
        return f"{share:.0%}"
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{share:.1%}"


def whole_percent(share: float) -> str:
    """Return a share that somebody chose, such as a target, without decimals that say nothing: 60%."""
    return f"{share:.0%}" if round(share, 2) == round(share, 6) else percent(share)


def part(people: int, share: float | None) -> str:
    """Return 9,586 · 62.1%."""
    return f"{number(people)} · {percent(share)}"


def span(low: str, high: str) -> str:
    """Return an interval as 15,367 to 15,429."""
    return f"{low} to {high}"


def day(date: dt.date) -> str:
    """Return 31 December 2021."""
    return f"{date.day} {date:%B %Y}"


def quarter(code: str) -> str:
    """Return 2021-Q3 as Q3 2021."""
    year, _, name = code.partition("-")
    return f"{name} {year}"


def ages(from_age: int, to_age: int | None) -> str:
    """Return a band of ages as 18–35, or 60+."""
    return f"{from_age}+" if to_age is None else f"{from_age}–{to_age}"


def band(code: str) -> str:
    """Return the code of a band of ages as a reader sees it: 18-24 as 18–24."""
    return code.replace("-", "–")


def category(dimension: str, value: str) -> str:
    """Return a category of people by name."""
    if value == "not stated":
        return "Not stated"
    if dimension == "age_band":
        return band(value)
    return _PEOPLE_OF[dimension][value] if dimension in _PEOPLE_OF else value


def reason(code: str) -> str:
    """Return why rows do not count: training_date_out_of_programme as Training date out of programme."""
    return code.replace("_", " ").capitalize()


def listed(names: list[str]) -> str:
    """Return a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def counted(count: int, one: str, many: str) -> str:
    """Return 1 country, 10 countries."""
    return f"{number(count)} {one if count == 1 else many}"


_FINDINGS = {
    "late": "Late",
    "silent": "Did not come",
    "failed": "Could not be read",
    "held": "Held back",
    "shrunk": "Shrank",
    "rows_fewer": "Few rows",
    "rows_more": "Many rows",
    "rejected_share": "Rejected rows",
    "duplicate_share": "Duplicates",
    "sex_mix": "Women and men",
    "type_mix": "Owners and job seekers",
}


def finding(code: str) -> str:
    """Return what a finding is about; a code that is new stands for itself."""
    return _FINDINGS.get(code, code.replace("_", " "))
