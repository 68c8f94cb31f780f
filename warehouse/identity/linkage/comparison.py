"""What a comparison is: levels in order, each a name and a condition in SQL."""

from dataclasses import dataclass

NULL_LEVEL = "not stated"


HOUSEHOLD_LEVEL = "another name on one phone"


ELSE_LEVEL = "other"


@dataclass(frozen=True)
class Comparison:
    """One comparison of two nodes.

    levels: (name, SQL condition on columns _l and _r), in order; the first true condition gives the level. null: the
    condition under which nothing can be compared; Splink checks it before the levels.
    """

    name: str
    why: str
    null: str
    levels: tuple[tuple[str, str], ...]
    # the lowest match weight of a disagreement is minus this: training data have fewer errors than real data
    most_against: float | None = None


def level_names(comparison: Comparison) -> tuple[str, ...]:
    """Names of the levels that have weights, in Splink's order from the strongest to `other`."""
    return (*(name for name, _ in comparison.levels), ELSE_LEVEL)


def level_of(comparison: Comparison, gamma: int) -> str:
    """Return the level that Splink numbers `gamma`: downwards to `other`, which is 0; -1 is not stated."""
    names = level_names(comparison)
    return NULL_LEVEL if gamma < 0 else names[len(names) - 1 - gamma]
