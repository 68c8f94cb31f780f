"""Judgements: what people decided about pairs of records. They outrank the model, and are kept for ever.

`effective` returns the judgements that hold. It is a pure function of the table, whatever the order of its rows.
"""

import datetime as dt
import getpass
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import combinations
from typing import Literal

PREFIX = "j"
Pair = tuple[str, str]


class Verdict(StrEnum):
    """What a person decides about two records: one person, two people, or not sure."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"


class Origin(StrEnum):
    """Where a judgement comes from: the review of a pair, or a command about whole trainees."""

    REVIEW = "review"
    IMPORT = "import"
    SPLIT = "split"
    MERGE = "merge"
    UNDO = "undo"


class JudgementError(ValueError):
    """A judgement cannot be written or taken back; the message says why and what to do."""


@dataclass(frozen=True)
class Judged:
    """What people decided about pairs of records. must_link: one person; cannot_link: two people."""

    must_link: tuple[Pair, ...] = ()
    cannot_link: tuple[Pair, ...] = ()


NOTHING_JUDGED = Judged()


@dataclass(frozen=True)
class Draft:
    """A judgement before it has an id, a person and a time."""

    one: str
    other: str
    verdict: Verdict

    @property
    def pair(self) -> Pair:
        """The two records, the smaller id first."""
        return pair_of(self.one, self.other)


@dataclass(frozen=True)
class Judgement:
    """One row of table `judgement`; times are UTC without a zone. One command's rows share `group_id`."""

    judgement_id: str
    group_id: str
    record_id_a: str
    record_id_b: str
    verdict: Verdict
    judged_by: str
    judged_at: dt.datetime
    why: str
    origin: Origin
    undoes: str | None = None
    undone_at: dt.datetime | None = None
    undone_by: str | None = None
    undone_why: str | None = None
    undone_for: str | None = None

    @property
    def pair(self) -> Pair:
        """The two records, the smaller id first."""
        return self.record_id_a, self.record_id_b

    @property
    def person(self) -> str:
        """Who judged, however the name was typed."""
        return person_of(self.judged_by)

    @property
    def age(self) -> tuple[dt.datetime, int]:
        """Earlier judgements are smaller; of two at the same time the smaller number is earlier."""
        return self.judged_at, number_of(self.judgement_id)


@dataclass(frozen=True)
class Contradiction:
    """Judgements that cannot all hold.

    people: two officers disagree on the pair; neither verdict holds. chain: the pair was judged the same, but other
    judgements make it two people; the verdict "different" holds.
    """

    kind: Literal["people", "chain"]
    pair: Pair
    judgement_ids: tuple[str, ...]


@dataclass(frozen=True)
class Decided:
    """The judgements that hold. judged: with all that follows from them; unsure: pairs that nobody is sure of."""

    judged: Judged = NOTHING_JUDGED
    unsure: frozenset[Pair] = frozenset()
    contradictions: tuple[Contradiction, ...] = ()

    @cached_property
    def verdicts(self) -> dict[Pair, Verdict]:
        """The verdict of each pair, judged itself or following from other judgements."""
        found = dict.fromkeys(self.judged.must_link, Verdict.SAME)
        return found | dict.fromkeys(self.judged.cannot_link, Verdict.DIFFERENT)


def pair_of(one: str, other: str) -> Pair:
    """Return two records, the smaller id first."""
    return (one, other) if one < other else (other, one)


def person_of(name: str) -> str:
    """Return a name without case and double blanks: "Siti  Aminah" and "siti aminah" are one officer."""
    return " ".join(name.split()).casefold()


def number_of(identifier: str) -> int:
    """Return the number of an id such as j12."""
    return int(identifier[1:])


def user_name() -> str:
    """Return the name of the operating system's user; empty where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def effective(judgements: Iterable[Judgement]) -> Decided:
    """Return which judgements hold.

    Of one officer's verdicts on a pair the latest holds; `unsure` is no verdict. Where two officers disagree on a
    pair, neither verdict holds until one of them judges again or is undone. In a chain (A is B, B is C, A is not C)
    "different" holds, and of the "same" the earlier ones; the "same" that contradicts is set aside. The result
    contains what follows: if A is B and B is not C, then A is not C. So a judgement holds even if one of its records
    is not in the linkage today, or has the same features as others.
    """
    by_pair: dict[Pair, list[Judgement]] = {}
    for item in _latest(judgements):
        by_pair.setdefault(item.pair, []).append(item)
    found: list[Contradiction] = []
    unsure: set[Pair] = set()
    same: dict[Pair, list[Judgement]] = {}
    different: dict[Pair, list[Judgement]] = {}
    for pair, items in sorted(by_pair.items()):
        decisive = sorted((item for item in items if item.verdict is not Verdict.UNSURE), key=lambda item: item.age)
        verdicts = {item.verdict for item in decisive}
        if len(verdicts) == 2:
            found.append(Contradiction("people", pair, _ids(decisive)))
        elif verdicts == {Verdict.SAME}:
            same[pair] = decisive
        elif verdicts == {Verdict.DIFFERENT}:
            different[pair] = decisive
        else:
            unsure.add(pair)
    members, refused = _join(same, different)
    found += refused
    return Decided(_closure(members, different), frozenset(unsure), tuple(found))


def _latest(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Return each officer's latest judgement on each pair, without those that were taken back."""
    last: dict[tuple[Pair, str], Judgement] = {}
    for item in judgements:
        key = (item.pair, item.person)
        if item.undone_at is None and (key not in last or item.age > last[key].age):
            last[key] = item
    return list(last.values())


def _ids(items: Iterable[Judgement]) -> tuple[str, ...]:
    return tuple(sorted({item.judgement_id for item in items}, key=number_of))


def _join(
    same: Mapping[Pair, Sequence[Judgement]], different: Mapping[Pair, Sequence[Judgement]]
) -> tuple[dict[str, list[str]], list[Contradiction]]:
    """Return each record with all records judged to be the same person, and the pairs that contradict."""
    members = {record: [record] for pair in (*same, *different) for record in pair}
    foes = _partners(different)
    refused = []
    for pair, items in sorted(same.items(), key=lambda item: (item[1][0].age, item[0])):
        here, there = members[pair[0]], members[pair[1]]
        if here is there:
            continue
        between = [pair_of(one, other) for one in here for other in foes.get(one, set()) & set(there)]
        if between:
            against = [item for foe in between for item in different[foe]]
            refused.append(Contradiction("chain", pair, _ids([*items, *against])))
            continue
        here += there
        members |= dict.fromkeys(there, here)
    return members, refused


def _closure(members: Mapping[str, Sequence[str]], different: Collection[Pair]) -> Judged:
    groups = {id(group): group for group in members.values()}.values()
    must_link = {pair_of(*pair) for group in groups for pair in combinations(group, 2)}
    cannot_link = {
        pair_of(here, there) for one, other in different for here in members[one] for there in members[other]
    }
    return Judged(tuple(sorted(must_link)), tuple(sorted(cannot_link)))


def judged_hash(judged: Judged) -> str:
    """Return a SHA-256 (64 hexadecimal digits) of the decisions, without who decided and when."""
    lines = [f"same {one} {other}" for one, other in sorted(judged.must_link)]
    lines += [f"different {one} {other}" for one, other in sorted(judged.cannot_link)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def contradiction_counts(decisions: Decided) -> tuple[str, ...]:
    """Return a run's warnings: how many judgements contradict each other, and nothing about a person."""
    kinds = {
        "people": "judged differently by two people; neither verdict holds",
        "chain": "judged the same, although other judgements make them two; they are kept apart",
    }
    found = []
    for kind, said in kinds.items():
        count = sum(item.kind == kind for item in decisions.contradictions)
        if count:
            found.append(f"{count} {'pair is' if count == 1 else 'pairs are'} {said}; see `godigital review`")
    return tuple(found)


@dataclass(frozen=True)
class Influence:
    """The judgements that hold now, and those that held at the last update of the register."""

    now: Judged = NOTHING_JUDGED
    before: Judged = NOTHING_JUDGED

    @cached_property
    def _drawing(self) -> dict[str, set[str]]:
        """Record -> records with a new must_link to it, or with a cannot_link that has ended."""
        return _partners({*self.now.must_link, *({*self.before.cannot_link} - {*self.now.cannot_link})})

    @cached_property
    def _parting(self) -> dict[str, set[str]]:
        return _partners({*self.now.cannot_link, *({*self.before.must_link} - {*self.now.must_link})})

    @cached_property
    def _changed(self) -> set[str]:
        changed = ({*self.now.must_link} ^ {*self.before.must_link}) | (
            {*self.now.cannot_link} ^ {*self.before.cannot_link}
        )
        return {record for pair in changed for record in pair}

    def cause(self, moved: Collection[str], left: Collection[str], met: Collection[str]) -> str:
        """Return judgement or match: why records left some records and met others.

        A judgement is the cause if it joins or separates these very records. It is also the cause if it touches any
        of them and is new or taken back since the last update, because it can affect more than its own pair.
        """
        touched = not self._changed.isdisjoint(moved)
        touched = touched or not self._changed.isdisjoint(left) or not self._changed.isdisjoint(met)
        drawn = any(not self._drawing.get(record, _NOBODY).isdisjoint(met) for record in moved)
        parted = any(not self._parting.get(record, _NOBODY).isdisjoint(left) for record in moved)
        return "judgement" if touched or drawn or parted else "match"


_NOBODY: set[str] = set()


def _partners(pairs: Iterable[Pair]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one, other in pairs:
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return found
