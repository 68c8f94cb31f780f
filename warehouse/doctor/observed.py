"""What an examination finds: one sentence on one thing, how bad it is, and what to do about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class State(StrEnum):
    """How bad it is; `fixed` was wrong until this examination mended it."""

    OK = "ok"
    FIXED = "fixed"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Observed:
    """One line: the area, the state, a sentence without data of a person, and what to do where it is not well."""

    area: str
    state: State
    sentence: str
    action: str = ""


def named(names: Iterable[object], shown: int = 3) -> str:
    """Return the first of some names, and how many more there are."""
    listed = [str(name) for name in names]
    more = len(listed) - shown
    return ", ".join(listed[:shown]) + (f" and {more} more" if more > 0 else "")


def within(root: Path, paths: Iterable[Path]) -> list[str]:
    """Return paths as they are seen from a folder; those elsewhere in full."""
    return [path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path) for path in paths]


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun, such as `1 file` or `3 files`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


class SomethingWrongError(RuntimeError):
    """An examination found failures; the message says how many in which areas."""


def counts_by_area(observed: Iterable[Observed]) -> list[dict[str, str | int]]:
    """Return a line for each area: how many things were found in which state."""
    states: dict[str, list[State]] = {}
    for item in observed:
        states.setdefault(item.area, []).append(item.state)
    return [{"area": area, **{str(state): found.count(state) for state in State}} for area, found in states.items()]


def require_well(observed: Sequence[Observed]) -> None:
    """Raise SomethingWrongError where something is wrong."""
    wrong = [item.area for item in observed if item.state == State.FAILURE]
    if wrong:
        areas = ", ".join(f"{area} ({wrong.count(area)})" for area in dict.fromkeys(wrong))
        raise SomethingWrongError(f"something is wrong: {areas}; godigital doctor says what to do")


def has_failure(observed: Sequence[Observed]) -> bool:
    """Whether something is wrong."""
    return any(item.state == State.FAILURE for item in observed)
