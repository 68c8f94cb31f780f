"""Reads and writes the vault's judgements: one row for each pair, never deleted; a row taken back is marked.

`judgements` says what they mean, without a database.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

import duckdb

from warehouse.identity.judgements import (
    PREFIX,
    Decided,
    Draft,
    Judged,
    Judgement,
    JudgementError,
    Origin,
    Verdict,
    effective,
    number_of,
)

_COLUMNS = tuple(Judgement.__dataclass_fields__)


def read_judgements(con: duckdb.DuckDBPyConnection) -> list[Judgement]:
    """Return all judgements, including those taken back, in the order of their numbers."""
    rows = con.execute(f"SELECT {', '.join(_COLUMNS)} FROM judgement").fetchall()
    found = [_row(dict(zip(_COLUMNS, row, strict=True))) for row in rows]
    return sorted(found, key=lambda item: number_of(item.judgement_id))


def _row(values: dict[str, Any]) -> Judgement:
    return Judgement(**values | {"verdict": Verdict(values["verdict"]), "origin": Origin(values["origin"])})


def decided(con: duckdb.DuckDBPyConnection) -> Decided:
    """Return the judgements of the vault that hold."""
    return effective(read_judgements(con))


def take_in(
    con: duckdb.DuckDBPyConnection,
    drafts: Sequence[Draft],
    *,
    by: str,
    why: str,
    origin: Origin,
    undoes: str | None = None,
    at: dt.datetime | None = None,
) -> tuple[Judgement, ...]:
    """Write the judgements of one command; `take_back` undoes all of them at once. The caller holds the transaction.

    Args:
        con: The vault.
        drafts: The verdicts; each pair once.
        by: Who judges.
        why: The reason, in the person's words; may be empty.
        origin: Where they come from.
        undoes: Id of the event that they undo.
        at: UTC; default: now.

    Raises:
        JudgementError: `by` is empty, a pair is one record twice, or a pair is given twice.
    """
    if not by.strip():
        raise JudgementError("the name of the person who judges is missing; give it with --by")
    pairs = [draft.pair for draft in drafts]
    if len(set(pairs)) != len(pairs) or any(one == other for one, other in pairs):
        raise JudgementError("a judgement needs two different records, and each pair only once")
    row = con.execute("SELECT max(CAST(judgement_id[2:] AS BIGINT)) FROM judgement").fetchone()
    first = 1 if row is None or row[0] is None else int(row[0]) + 1
    moment = (at or dt.datetime.now(dt.UTC)).replace(tzinfo=None)
    group = f"{PREFIX}{first}"
    made = tuple(
        Judgement(
            judgement_id=f"{PREFIX}{number}",
            group_id=group,
            record_id_a=draft.pair[0],
            record_id_b=draft.pair[1],
            verdict=draft.verdict,
            judged_by=" ".join(by.split()),
            judged_at=moment,
            why=why.strip(),
            origin=origin,
            undoes=undoes,
        )
        for number, draft in enumerate(drafts, start=first)
    )
    if made:
        marks = ", ".join("?" for _ in _COLUMNS)
        con.executemany(
            f"INSERT INTO judgement ({', '.join(_COLUMNS)}) VALUES ({marks})",
            [[getattr(item, name) for name in _COLUMNS] for item in made],
        )
    return made


def take_back(
    con: duckdb.DuckDBPyConnection,
    judgement_ids: Collection[str],
    *,
    by: str,
    why: str,
    for_group: str | None = None,
    at: dt.datetime | None = None,
) -> None:
    """Mark judgements as undone; judgements that they had replaced hold again.

    Args:
        con: The vault; the caller holds the transaction.
        judgement_ids: Which, all of them in force.
        by: Who takes them back.
        why: The reason.
        for_group: The group of judgements that replaces them, if any.
        at: UTC; default: now.
    """
    if not by.strip():
        raise JudgementError("the name of the person who takes it back is missing; give it with --by")
    moment = (at or dt.datetime.now(dt.UTC)).replace(tzinfo=None)
    for judgement_id in sorted(judgement_ids, key=number_of):
        con.execute(
            "UPDATE judgement SET undone_at = ?, undone_by = ?, undone_why = ?, undone_for = ? WHERE judgement_id = ?",
            [moment, " ".join(by.split()), why.strip(), for_group, judgement_id],
        )
    if for_group is None:
        con.execute(
            """
            UPDATE judgement SET undone_at = NULL, undone_by = NULL, undone_why = NULL, undone_for = NULL
            WHERE undone_for IN (SELECT group_id FROM judgement WHERE list_contains(?, judgement_id))
            """,
            [list(judgement_ids)],
        )


def alike(con: duckdb.DuckDBPyConnection, record_id: str) -> list[str]:
    """Return the other records with the same features as `record_id`."""
    rows = con.execute(
        """
        SELECT other.record_id FROM identity_record AS one JOIN identity_record AS other USING (node_id)
        WHERE one.record_id = ? AND other.record_id <> one.record_id ORDER BY ALL
        """,
        [record_id],
    ).fetchall()
    return [row[0] for row in rows]


def drafts_of(con: duckdb.DuckDBPyConnection, one: str, other: str, verdict: Verdict) -> list[Draft]:
    """Return the judgements to write when an officer judges a pair.

    Records with the same features are one node and so one person. A verdict "different" makes a node of its own of
    each of the two records; further judgements keep the other records of its old node with it.
    """
    found = [Draft(one, other, verdict)]
    if verdict is not Verdict.DIFFERENT:
        return found
    likes = alike(con, one)
    found += [Draft(one, like, Verdict.SAME) for like in likes if like != other]
    # if the two records have the same features themselves, the others stay with the first
    if other not in likes:
        found += [Draft(other, like, Verdict.SAME) for like in alike(con, other)]
    return found


def read_applied(con: duckdb.DuckDBPyConnection) -> Judged:
    """Return the judgements that held at the last update of the register."""
    rows = con.execute("SELECT record_id_a, record_id_b, verdict FROM judgement_applied ORDER BY ALL").fetchall()
    return Judged(
        tuple((one, other) for one, other, verdict in rows if verdict == Verdict.SAME),
        tuple((one, other) for one, other, verdict in rows if verdict == Verdict.DIFFERENT),
    )


def write_applied(con: duckdb.DuckDBPyConnection, judged: Judged) -> None:
    """Write the judgements that hold at this update; the caller holds the transaction of the register."""
    con.execute("DELETE FROM judgement_applied")
    for verdict, pairs in ((Verdict.SAME, judged.must_link), (Verdict.DIFFERENT, judged.cannot_link)):
        con.execute(
            "INSERT INTO judgement_applied SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), ?",
            [[one for one, _ in pairs], [other for _, other in pairs], str(verdict)],
        )
