"""Joins scored pairs into clusters: the strongest link first, and never two members that contradict each other.

Pure functions: the same pairs give the same clusters, whatever their order.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from rapidfuzz.distance import OSA

# a larger cluster is a chain of weak links, not a person: officers review the link that would make it larger
SIZE_CAP = 150
# a link less likely than this does not join two clusters of several nodes alone: officers review the bridge
FIRM_PROBABILITY = 0.95
# two full numbers that differ in more places are two numbers, not one number with a typing error
_ID_SLIPS = 2


@dataclass(frozen=True)
class Evidence:
    """The values of a node that can contradict those of another node; '' where not stated.

    national is a full identity number, member the partner and its own number for a person, sex F, M or X, birth
    YYYYMMDD, name_fold the name without freedom of spelling. Fields are named as the columns of nodes.
    """

    national: str = ""
    member: str = ""
    sex: str = ""
    birth: str = ""
    name_fold: str = ""
    name_script: str = ""


EVIDENCE_COLUMNS = tuple(item.name for item in fields(Evidence))
# two nodes that state the same in all of these cannot contradict each other
CONTRADICTING = ("national", "member", "sex")


def contradict(one: Evidence, other: Evidence) -> bool:
    """Return whether two nodes must be two people, whatever links there are between them.

    They are two people if their full identity numbers differ. They are also two people if the sex, or the member
    number of one partner, differs and so does the name or the day of birth: one of these alone is often a typing
    error. A missing value is never evidence. This separates relatives who share a phone, a house and (twins) a day
    of birth.
    """
    if one.national and other.national:
        return OSA.distance(one.national, other.national) > _ID_SLIPS
    if not (_differ(one.sex, other.sex) or _other_member(one.member, other.member)):
        return False
    # letters of two scripts cannot be compared
    other_name = one.name_script == other.name_script and _differ(one.name_fold, other.name_fold)
    return other_name or _differ(one.birth, other.birth)


def _other_member(one: str, other: str) -> bool:
    """Whether two member numbers of one partner differ; numbers of two partners cannot be compared."""
    return _differ(one, other) and one.partition(" ")[0] == other.partition(" ")[0]


def _differ(one: str, other: str) -> bool:
    return bool(one and other and one != other)


def cluster_pairs(
    links: Iterable[tuple[int, int, float]],
    contradicts: Callable[[int, int], bool] = lambda one, other: False,
    size_cap: int = SIZE_CAP,
    *,
    must_link: Iterable[tuple[int, int]] = (),
    cannot_link: Iterable[tuple[int, int]] = (),
    firm_weight: float = float("-inf"),
) -> dict[int, int]:
    """Return member -> smallest member of its cluster, of all members that have a link or a must_link.

    Args:
        links: (member, member, match weight); the heaviest is made first, ties by the members' numbers. A link is
            refused where any pair across the two clusters contradicts, or the joint cluster exceeds the cap.
        contradicts: Whether the evidence says that two members may not end in one cluster; symmetric.
        size_cap: Members of the largest cluster that links can bring about.
        must_link: Pairs that somebody judged to be one person: joined first, whatever the evidence says.
        cannot_link: Pairs that somebody judged to be two: never in one cluster.
        firm_weight: A lighter link alone does not join two clusters of two members or more: a second link between
            the two clusters is needed.
    """
    ordered = sorted((-weight, min(one, other), max(one, other)) for one, other, weight in links)
    must = sorted((min(pair), max(pair)) for pair in must_link)
    label = {member: member for pair in must for member in pair}
    label |= {member: member for _, *pair in ordered for member in pair}
    groups = {member: [member] for member in label}
    vetoed: dict[int, set[int]] = {}
    for one, other in cannot_link:
        vetoed.setdefault(one, set()).add(other)
        vetoed.setdefault(other, set()).add(one)

    def join(one: int, other: int) -> None:
        joined = groups.pop(other)
        groups[one] += joined
        for member in joined:
            label[member] = one

    def judged_apart(one: int, other: int) -> bool:
        return any(not vetoed[here].isdisjoint(groups[other]) for here in groups[one] if here in vetoed)

    for left, right in must:
        one, other = sorted((label[left], label[right]))
        # `judgements.effective` has resolved contradictions; if one is left, cannot_link wins
        if one != other and not judged_apart(one, other):
            join(one, other)
    waiting: dict[tuple[int, int], int] = {}
    for negative, left, right in ordered:
        one, other = sorted((label[left], label[right]))
        if one == other or len(groups[one]) + len(groups[other]) > size_cap or judged_apart(one, other):
            continue
        if -negative < firm_weight and len(groups[one]) > 1 and len(groups[other]) > 1:
            waiting[one, other] = waiting.get((one, other), 0) + 1
            if waiting[one, other] < 2:
                continue
        if any(contradicts(here, there) for here in groups[one] for there in groups[other]):
            continue
        join(one, other)
    return label
