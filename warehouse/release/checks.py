"""The checks of a release: written by hand in `warehouse/sql/checks.sql`, or generated from `schemas/published.py`.

A check is a query of the rows that break it, and the sentence that holds when there are none.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, cast

from schemas.published import PUBLISHED_TABLES, Table
from warehouse.release.build import CHECKS, SQL_FOLDER

Severity = Literal["fail", "warn"]
_MARK = re.compile(r"^-- (fail|warn): ([a-z_]+)\n-- (.+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Check:
    """One check: its name, what is wrong (read after the number of rows), and the query of the wrong rows."""

    severity: Severity
    name: str
    sentence: str
    query: str


def all_checks() -> list[Check]:
    """Return the generated checks, then those of `checks.sql`."""
    return [
        *key_checks(PUBLISHED_TABLES),
        *reference_checks(PUBLISHED_TABLES),
        *read_checks((SQL_FOLDER / f"{CHECKS}.sql").read_text(encoding="utf-8")),
    ]


def key_checks(tables: Iterable[Table]) -> Iterator[Check]:
    """Yield, for each table with a key, the check that no part of it is NULL and no two rows have the same."""
    for table in tables:
        if table.key:
            columns = ", ".join(table.key)
            missing = " OR ".join(f"{column} IS NULL" for column in table.key)
            yield Check(
                "fail",
                f"key_of_{table.name}",
                f"[key|keys] of {table.name} ({columns}) [is|are] empty or in more than one row",
                f"SELECT {columns} FROM {table.name} GROUP BY {columns} HAVING count(*) > 1 OR {missing}",
            )


def reference_checks(tables: Iterable[Table]) -> Iterator[Check]:
    """Yield, for each column that refers to another table, the check that this table has every value of it."""
    key_of = {table.name: table.key for table in PUBLISHED_TABLES}
    for table in tables:
        for reference in table.references:
            column, (key,) = reference.column, key_of[reference.table]
            yield Check(
                "fail",
                f"{column}_of_{table.name}",
                f"[row|rows] of {table.name} [has|have] a {column} that {reference.table} does not list",
                f"SELECT {column} FROM {table.name} WHERE {column} NOT IN (SELECT {key} FROM {reference.table})",
            )


def read_checks(text: str) -> list[Check]:
    """Return the checks of a file: each a line `-- fail: name` or `-- warn: name`, a sentence, and a query.

    Raises:
        ValueError: Two checks have one name, or a marked line is not followed by a sentence and a query.
    """
    marks = list(_MARK.finditer(text))
    if len(marks) != len(re.findall(r"^-- (?:fail|warn): [a-z_]+ *$", text, re.MULTILINE)):
        raise ValueError("a check needs a line `-- fail: name` or `-- warn: name` and a line with a sentence")
    checks = []
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        query = text[mark.end() : following.start() if following else len(text)].strip().rstrip(";")
        checks.append(Check(cast(Severity, mark[1]), mark[2], mark[3], query))
        if not query:
            raise ValueError(f"check {mark[2]} has no query")
    names = [check.name for check in checks]
    if len(set(names)) != len(names):
        raise ValueError("two checks have one name")
    return checks
