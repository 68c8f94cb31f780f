"""Conditions in SQL that several comparisons use; a column of the two nodes ends in _l and _r."""


def both_stated(column: str) -> str:
    """Return SQL: both nodes state the column."""
    return f"{column}_l <> '' AND {column}_r <> ''"


def only_where(guard: str, condition: str) -> str:
    """Return SQL that evaluates an expensive condition only if a cheap one (`guard`) is true.

    DuckDB evaluates the parts of an AND in an order of its own, the parts of a CASE in the order written.
    """
    return f"(CASE WHEN {guard} THEN {condition} ELSE FALSE END)"


def one_slip(one: str, other: str, least: int = 1) -> str:
    """Return SQL: two texts of `least` letters or more differ by one letter added, missing, wrong, or two swapped.

    The edit distance is expensive. Two cheap checks avoid most of it: the lengths differ by more than one, or texts
    of equal length differ in more than two places.
    """
    # CASE, not AND: DuckDB evaluates an AND in any order, and hamming() fails on texts of different lengths
    return (
        f"(CASE WHEN least(len({one}), len({other})) < {least} OR abs(len({one}) - len({other})) > 1 THEN FALSE "
        f"WHEN CASE WHEN len({one}) = len({other}) THEN hamming({one}, {other}) > 2 ELSE FALSE END THEN FALSE "
        f"ELSE damerau_levenshtein({one}, {other}) <= 1 END)"
    )


def share_pairs(one: str, other: str) -> str:
    """Return SQL: two names share at least two thirds of the smaller set of letter pairs (sets of 64 bits)."""
    return f"(3 * bit_count({one} & {other}) >= 2 * least(bit_count({one}), bit_count({other})))"


SHARED_PHONE = (
    "((phone_1_l <> '' AND phone_1_l IN (phone_1_r, phone_2_r)) "
    "OR (phone_2_l <> '' AND phone_2_l IN (phone_1_r, phone_2_r)))"
)
