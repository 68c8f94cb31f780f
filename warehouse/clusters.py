"""From scored pairs to people: the strongest link first, and no link that would bring two vetoed records together.

Deterministic whatever the order of the pairs; the same pairs give the same clusters.
"""

from collections.abc import Iterable, Sequence


def cluster_pairs(
    members: Iterable[str], pairs: Sequence[tuple[str, str, float]], vetoes: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """Return member -> label of its cluster (the smallest member).

    Args:
        members: All members, linked or not.
        pairs: (member, member, match weight) of every link; the heaviest is made first, ties by name.
        vetoes: Pairs that may not end in one cluster, whatever links lie between them.
    """
    parent = {member: member for member in members}
    groups: dict[str, list[str]] = {}
    forbidden: dict[str, set[str]] = {}
    for left, right in vetoes:
        forbidden.setdefault(left, set()).add(right)
        forbidden.setdefault(right, set()).add(left)

    def root(member: str) -> str:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    def apart(one: str, other: str) -> bool:
        small, large = sorted((groups.get(one, [one]), groups.get(other, [other])), key=len)
        others = set(large)
        return any(not others.isdisjoint(forbidden[member]) for member in small if member in forbidden)

    for left, right, _ in sorted(pairs, key=lambda pair: (-pair[2], min(pair[:2]), max(pair[:2]))):
        one, other = sorted((root(left), root(right)))
        if one == other or apart(one, other):
            continue
        parent[other] = one
        groups[one] = groups.pop(one, [one]) + groups.pop(other, [other])
    return {member: root(member) for member in parent}
