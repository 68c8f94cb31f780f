"""Writes what was read into the vault: one partner at a time, and one transaction for a country.

Checks that no row is lost: rows in = accepted + rejected + superseded + repeated + non-data rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from schemas.columns import ROW_COUNTS, TRAINING_LOG_COLUMNS
from schemas.contract_parts import Kind
from warehouse.vault.corrected_rows import RETURNED, Action, ReturnedRow
from warehouse.vault.holds import HOLDS
from warehouse.vault.landed import known_deliveries
from warehouse.vault.rows import UNREAD, ConservationError, DeliveryFacts, DeliveryRows, PartnerFacts
from warehouse.vault.settle import (
    Candidate,
    Disposition,
    Outcome,
    RowKeys,
    Workbook,
    order_workbooks,
    settle_deliveries,
    settle_rows,
)

if TYPE_CHECKING:
    # imported where it is used: a run that finds nothing new reads no frame
    import pandas as pd

# rows of a delivery, read or taken out together
_ROW_TABLES = ("record", "rejected_row", "returned_row")
RECORD_COLUMNS = (*TRAINING_LOG_COLUMNS, "ordinal", "content_id", "file")


def register_partners(con: duckdb.DuckDBPyConnection, partners: Iterable[PartnerFacts]) -> None:
    """Write partners that have a usable contract; others stay as they were."""
    for item in partners:
        con.execute(
            "INSERT OR REPLACE INTO partner VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                item.partner_id,
                item.country_code,
                item.name,
                item.kind,
                item.contract_hash,
                item.due_days,
                item.every,
                item.duplicate_share_max,
            ],
        )


def register_courses(con: duckdb.DuckDBPyConnection, courses: Mapping[str, str]) -> None:
    """Write the course catalogue as it is today."""
    con.execute("DELETE FROM course")
    con.executemany("INSERT INTO course VALUES (?, ?)", [[code, title] for code, title in sorted(courses.items())])


def overtaken_corrections(con: duckdb.DuckDBPyConnection, delivery_ids: Sequence[str]) -> list[tuple[str, str, int]]:
    """Return partner_id, name and number of rows of workbooks whose corrections came too late.

    Each of these rows corrects one that no delivery in force has any more, or that was corrected again since.
    """
    return con.execute(
        """
        WITH corrected AS (
            SELECT delivery_id, ordinal, disposition FROM record
            UNION ALL SELECT delivery_id, ordinal, disposition FROM rejected_row
        )
        SELECT delivery.partner_id, delivery.name, count(*)::INTEGER
        FROM returned_row JOIN corrected USING (delivery_id, ordinal) JOIN delivery USING (delivery_id)
        WHERE list_contains($1, delivery_id) AND act = 'changed' AND disposition = 'superseded'
        GROUP BY ALL ORDER BY ALL
        """,
        [list(delivery_ids)],
    ).fetchall()


def load_partner(
    con: duckdb.DuckDBPyConnection, kind: Kind, current: Sequence[DeliveryFacts], read: Sequence[DeliveryRows]
) -> None:
    """Replace the rows of the deliveries in `read`, drop deliveries that are no longer, and settle all again.

    The caller holds the transaction.

    Args:
        con: The vault.
        kind: How the partner's deliveries follow each other.
        current: All deliveries of one partner as they are derived today.
        read: Those that were read in this run.

    Raises:
        ConservationError: the rows of a delivery do not add up.
    """
    if not current:
        return
    partner_id = current[0].partner_id
    known = known_deliveries(con).get(partner_id, {})
    gone = set(known) - {item.delivery_id for item in current}
    # what was read of it when it could be read still counts
    read = [item for item in read if item.facts.reading_hash != UNREAD or not known.get(item.facts.delivery_id)]
    for delivery_id in [*gone, *(item.facts.delivery_id for item in read)]:
        for table in ("delivery", *_ROW_TABLES):
            con.execute(f"DELETE FROM {table} WHERE delivery_id = ?", [delivery_id])
    for item in read:
        _insert_delivery(con, item)
    _insert_rows(con, "record", [item.valid for item in read if item.valid is not None], RECORD_COLUMNS)
    _insert_rows(con, "rejected_row", [item.rejected for item in read if item.rejected is not None], None)
    _insert_rows(con, "returned_row", [_returned_frame(item) for item in read if item.returned], None)
    _settle(con, partner_id, kind)


def hold_back(con: duckdb.DuckDBPyConnection, delivery_id: str, code: str, message: str) -> None:
    """Take a loaded delivery out until somebody releases it, and settle its partner's others again.

    Its bytes stay landed, and are read again then. The caller holds the transaction.
    """
    for table in _ROW_TABLES:
        con.execute(f"DELETE FROM {table} WHERE delivery_id = ?", [delivery_id])
    zeros = ", ".join(f"{name} = 0" for name in ROW_COUNTS)
    row = con.execute(
        f"UPDATE delivery SET outcome = ?, error_code = ?, error_message = ?, {zeros} WHERE delivery_id = ? "
        "RETURNING partner_id",
        [Outcome.HELD, code, message, delivery_id],
    ).fetchone()
    if row is None:
        raise LookupError(f"delivery {delivery_id} is not in the vault")
    kind = con.execute("SELECT delivery_kind FROM partner WHERE partner_id = ?", [row[0]]).fetchone()
    if kind is not None:
        _settle(con, row[0], kind[0])


def _outcome_of(item: DeliveryRows) -> Outcome:
    if item.error_code is None:
        return Outcome.LOADED
    return Outcome.HELD if item.error_code in HOLDS else Outcome.FAILED


def _insert_delivery(con: duckdb.DuckDBPyConnection, item: DeliveryRows) -> None:
    facts = item.facts
    con.execute(
        """
        INSERT INTO delivery BY NAME SELECT
            ? AS delivery_id, ? AS partner_id, ? AS country_code, ? AS delivery_kind, ? AS name, ? AS period,
            ? AS revision, ? AS date_received, ? AS pulled_at, ? AS is_sample, ? AS content_hash,
            ? AS reading_hash, ? AS outcome, ? AS error_code, ? AS error_message, ? AS header,
            ? AS rows_in, 0 AS rows_accepted, 0 AS rows_rejected, ? AS rows_superseded, 0 AS rows_repeated,
            ? AS rows_structural
        """,
        [
            facts.delivery_id,
            facts.partner_id,
            facts.country_code,
            facts.kind,
            facts.name,
            facts.period,
            facts.revision,
            facts.date_received,
            facts.pulled_at,
            facts.is_sample,
            facts.content_hash,
            facts.reading_hash,
            _outcome_of(item),
            item.error_code,
            item.error_message,
            item.header,
            item.rows_in,
            # superseded until the partner is settled
            item.rows_in - item.structural,
            item.structural,
        ],
    )


def _insert_rows(
    con: duckdb.DuckDBPyConnection, table: str, frames: "Sequence[pd.DataFrame]", names: Sequence[str] | None
) -> None:
    filled = [frame for frame in frames if not frame.empty]
    if not filled:
        return
    import pandas as pd

    incoming = pd.concat(filled, ignore_index=True)
    con.register("incoming", incoming[list(names)] if names else incoming)
    try:
        con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
    finally:
        con.unregister("incoming")


def _returned_frame(item: DeliveryRows) -> "pd.DataFrame":
    import pandas as pd

    count = len(item.returned)
    return pd.DataFrame(
        {
            "delivery_id": [item.facts.delivery_id] * count,
            "partner_id": [item.facts.partner_id] * count,
            "country_code": [item.facts.country_code] * count,
            "ordinal": range(count),
            "corrects": [corrects for corrects, _ in item.returned],
            "act": [action for _, action in item.returned],
        }
    )


Keys = tuple[list[int], list[str], list[str], list[bool]]


def _settle(con: duckdb.DuckDBPyConnection, partner_id: str, kind: Kind) -> None:
    found = con.execute(
        """
        SELECT delivery_kind, delivery_id, name, period, revision, date_received, pulled_at, content_hash, is_sample
        FROM delivery
        WHERE partner_id = ? AND outcome NOT IN ('failed', 'held')
        ORDER BY date_received, name, delivery_id
        """,
        [partner_id],
    ).fetchall()
    ordinary = [Candidate(*row[1:]) for row in found if row[0] != RETURNED]
    settled = settle_deliveries(kind, ordinary)
    rows = con.execute(
        """
        SELECT delivery_id, ordinal, record_id, content_id, TRUE AS is_valid FROM record WHERE partner_id = $1
        UNION ALL
        SELECT delivery_id, ordinal, record_id, content_id, FALSE FROM rejected_row WHERE partner_id = $1
        ORDER BY delivery_id, ordinal
        """,
        [partner_id],
    ).fetchall()
    keys: dict[str, Keys] = {row[1]: ([], [], [], []) for row in found}
    for delivery_id, ordinal, record_id, content_id, is_valid in rows:
        ordinals, records, contents, validity = keys[delivery_id]
        ordinals.append(ordinal)
        records.append(record_id)
        contents.append(content_id)
        validity.append(is_valid)
    workbooks = _workbooks(con, partner_id, [Candidate(*row[1:]) for row in found if row[0] == RETURNED], keys)
    row_keys = [RowKeys(item.delivery_id, keys[item.delivery_id][1], keys[item.delivery_id][2]) for item in ordinary]
    dispositions = settle_rows(kind, settled, row_keys, workbooks)
    _write_dispositions(con, partner_id, keys, dispositions)
    outcomes = {item.delivery_id: settled.outcome(item.delivery_id) for item in ordinary}
    _write_counts(con, partner_id, outcomes | _workbook_outcomes(workbooks, dispositions))


def _workbooks(
    con: duckdb.DuckDBPyConnection, partner_id: str, candidates: Sequence[Candidate], keys: Mapping[str, Keys]
) -> list[Workbook]:
    if not candidates:
        return []
    actions: dict[str, list[tuple[str, Action]]] = {item.delivery_id: [] for item in candidates}
    for delivery_id, corrects, action in con.execute(
        "SELECT delivery_id, corrects, act FROM returned_row WHERE partner_id = ? ORDER BY delivery_id, ordinal",
        [partner_id],
    ).fetchall():
        actions[delivery_id].append((corrects, action))
    return [
        Workbook(
            item,
            keys[item.delivery_id][1],
            [
                ReturnedRow(corrects, action, content)
                for (corrects, action), content in zip(
                    actions[item.delivery_id], keys[item.delivery_id][2], strict=True
                )
            ],
        )
        for item in candidates
    ]


def _workbook_outcomes(
    workbooks: Sequence[Workbook], dispositions: Mapping[str, Sequence[Disposition]]
) -> dict[str, Outcome]:
    """A copy is repeated; a workbook whose every correction was overtaken is superseded."""
    first, copies = order_workbooks(workbooks)
    found = {item.candidate.delivery_id: Outcome.REPEATED for item in copies}
    for item in first:
        changed = {
            disposition
            for disposition, row in zip(dispositions[item.candidate.delivery_id], item.rows, strict=True)
            if row.action == "changed"
        }
        overtaken = changed == {Disposition.SUPERSEDED}
        found[item.candidate.delivery_id] = Outcome.SUPERSEDED if overtaken else Outcome.LOADED
    return found


def _write_dispositions(
    con: duckdb.DuckDBPyConnection,
    partner_id: str,
    keys: Mapping[str, Keys],
    dispositions: Mapping[str, Sequence[Disposition]],
) -> None:
    import pandas as pd

    parts: dict[str, list[Any]] = {"delivery_id": [], "ordinal": [], "disposition": []}
    for delivery_id, (ordinals, _, _, valid) in keys.items():
        parts["delivery_id"] += [delivery_id] * len(ordinals)
        parts["ordinal"] += ordinals
        parts["disposition"] += [
            str(disposition if ok or disposition is not Disposition.ACCEPTED else Disposition.REJECTED)
            for disposition, ok in zip(dispositions[delivery_id], valid, strict=True)
        ]
    con.register("settled_row", pd.DataFrame(parts).astype({"ordinal": "int32"}))
    try:
        for table in ("record", "rejected_row"):
            con.execute(
                f"UPDATE {table} SET disposition = settled_row.disposition FROM settled_row "
                f"WHERE {table}.partner_id = ? AND {table}.delivery_id = settled_row.delivery_id "
                f"AND {table}.ordinal = settled_row.ordinal "
                f"AND {table}.disposition IS DISTINCT FROM settled_row.disposition",
                [partner_id],
            )
    finally:
        con.unregister("settled_row")


def _write_counts(con: duckdb.DuckDBPyConnection, partner_id: str, outcomes: Mapping[str, Outcome]) -> None:
    counted = con.execute(
        """
        SELECT delivery_id,
               count(*) FILTER (WHERE disposition = 'accepted'), count(*) FILTER (WHERE disposition = 'rejected'),
               count(*) FILTER (WHERE disposition = 'superseded'), count(*) FILTER (WHERE disposition = 'repeated')
        FROM (SELECT delivery_id, disposition FROM record WHERE partner_id = $1
              UNION ALL SELECT delivery_id, disposition FROM rejected_row WHERE partner_id = $1)
        GROUP BY delivery_id
        """,
        [partner_id],
    ).fetchall()
    counts = {row[0]: row[1:] for row in counted}
    for delivery_id, outcome in outcomes.items():
        accepted, rejected, superseded, repeated = counts.get(delivery_id, (0, 0, 0, 0))
        try:
            # the CHECK of the table compares the sum
            con.execute(
                "UPDATE delivery SET outcome = ?, rows_accepted = ?, rows_rejected = ?, rows_superseded = ?, "
                "rows_repeated = ? WHERE delivery_id = ?",
                [outcome, accepted, rejected, superseded, repeated, delivery_id],
            )
        except duckdb.ConstraintException as error:
            raise ConservationError(
                f"{partner_id}, delivery {delivery_id}: rows in are not accepted + rejected + superseded + repeated "
                "+ non-data rows; nothing was loaded. This is a defect of the program"
            ) from error
