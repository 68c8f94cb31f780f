"""The rules about rows that trainings and the survey share, and the form of every rule: a named Pandera check.

A check sees the whole frame of delivered rows: what was read and, where a rule needs both, what was delivered.
"""

from collections.abc import Callable

import pandas as pd
import pandera.pandas as pa

from schemas.programme import Programme
from schemas.reasons import Reason

# how each SQL type is held in a frame; strings keep pandas' own missing value
FRAME_TYPES = {
    "VARCHAR": "str",
    "DATE": "datetime64[s]",
    "BOOLEAN": "boolean",
    "INTEGER": "Int32",
    "DOUBLE": "Float64",
}
# what is known of a row before any of its values is read: name -> type in a frame
ROW_FACTS = {
    "is_blank": "bool",
    "is_shifted": "bool",
    "is_orphan": "bool",
    # counts, refused or unknown: the review state that the source gives the row
    "review_state": "str",
    "has_unknown_word": "bool",
}


def rule(reason: Reason, description: str, passes: Callable[[pd.DataFrame], pd.Series]) -> pa.Check:
    """Return the check of a reason: `passes` gives true for every row that keeps the rule."""
    # Pandera copies the rows that fail into its error. They are people: none is copied, and a row is found by its
    # position in the check's output.
    return pa.Check(passes, name=str(reason), description=description, ignore_na=False, n_failure_cases=0)


def is_stated(frame: pd.DataFrame, name: str) -> pd.Series:
    """Whether a cell was delivered with a text; false where the partner has no such column (text is missing)."""
    text = frame[f"{name}_text"]
    return (text != "") & text.notna()


def is_read(frame: pd.DataFrame, name: str, value: str | None = None) -> pd.Series:
    """Whether there is no text to read, or the text gave a value; `value` names its column where it is not `name`."""
    return ~is_stated(frame, name) | frame[value or name].notna()


def is_within_programme(earliest: pd.Series, latest: pd.Series, programme: Programme) -> pd.Series:
    """Whether the days from `earliest` to `latest` touch the programme; true where there is no day."""
    after, before = earliest > pd.Timestamp(programme.last_day), latest < pd.Timestamp(programme.first_day)
    return ~(after | before)


def describe_period(programme: Programme) -> str:
    """Return the programme's first and last day in words."""
    return f"{programme.first_day.isoformat()} to {programme.last_day.isoformat()}"


def rules_of_source() -> list[pa.Check]:
    """Return the rules about a row as a whole; the first two leave no value to judge."""
    return [
        rule(Reason.BLANK_LINE, "The row has a value in at least one cell.", lambda frame: ~frame["is_blank"]),
        rule(Reason.COLUMN_SHIFT, "The values stand in their own columns.", lambda frame: ~frame["is_shifted"]),
        rule(Reason.ORPHAN_ROW, "The key of a child row stands in the parent file.", lambda frame: ~frame["is_orphan"]),
        rule(
            Reason.REFUSED_AT_SOURCE,
            "Nobody refused the submission in the source system.",
            lambda frame: frame["review_state"] != "refused",
        ),
        rule(
            Reason.UNKNOWN_STATE,
            "The contract knows the review state of the submission.",
            lambda frame: frame["review_state"] != "unknown",
        ),
    ]


def rule_of_words() -> pa.Check:
    """Return the rule about words of lookups with `unknown: reject`."""
    return rule(
        Reason.UNKNOWN_WORD,
        "The contract explains every word of a column whose lookup says `unknown: reject`.",
        lambda frame: ~frame["has_unknown_word"],
    )
