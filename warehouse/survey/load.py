"""Writes what was read of surveys into the vault, and settles which rows count.

A newer file supersedes an older one respondent by respondent; the same content counts once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from warehouse.vault.rows import UNREAD, ConservationError, DeliveryFacts
from warehouse.vault.settle import Candidate, Disposition, Outcome

if TYPE_CHECKING:
    # imported where it is used: a run that finds nothing new reads no frame
    import pandas as pd


@dataclass(frozen=True)
class SurveyRows:
    """What reading a survey's delivery gave: rows (columns of SURVEY_ROW_COLUMNS), or the error it ended in."""

    facts: DeliveryFacts
    survey_round: str
    header: str
    structural: int
    rows: "pd.DataFrame | None"
    error_code: str | None = None
    error_message: str | None = None

    @property
    def rows_in(self) -> int:
        """All rows of the delivery, structural ones included; 0 where it could not be read."""
        return 0 if self.rows is None else len(self.rows) + self.structural


@dataclass(frozen=True)
class SettledDelivery(Candidate):
    """A delivery that could be read, with what its rows are known by, in order."""

    record_ids: Sequence[str] = ()
    content_ids: Sequence[str] = ()


def settle_responses(deliveries: Iterable[SettledDelivery]) -> dict[str, tuple[Outcome, list[Disposition]]]:
    """Return what becomes of each delivery of one survey, and of its rows in order.

    Accepted means that this row is the one that counts; with a reason against it, it becomes rejected instead. The
    same bytes count once, under the file received first. Of rows of one respondent the newest file's holds, and the
    file that brought that content first keeps it: what says the same again is repeated, what says otherwise is
    superseded. Invented samples count only as long as the country has sent nothing else.
    """
    everything = sorted(deliveries, key=lambda item: item.rank)
    real = [item for item in everything if not item.is_sample]
    result = {
        item.delivery_id: (Outcome.SUPERSEDED, [Disposition.SUPERSEDED] * len(item.record_ids)) for item in everything
    }
    seen: set[str] = set()
    pool = []
    for item in real or everything:
        if item.content_hash in seen:
            result[item.delivery_id] = (Outcome.REPEATED, [Disposition.REPEATED] * len(item.record_ids))
        else:
            seen.add(item.content_hash)
            pool.append(item)
    newest: dict[str, set[str]] = {}
    for item in pool:
        said: dict[str, set[str]] = {}
        for record, content in zip(item.record_ids, item.content_ids, strict=True):
            said.setdefault(record, set()).add(content)
        newest |= said
    taken: set[tuple[str, str]] = set()
    for item in pool:
        dispositions = []
        for record, content in zip(item.record_ids, item.content_ids, strict=True):
            if content not in newest[record]:
                dispositions.append(Disposition.SUPERSEDED)
            elif (record, content) in taken:
                dispositions.append(Disposition.REPEATED)
            else:
                taken.add((record, content))
                dispositions.append(Disposition.ACCEPTED)
        counts = not dispositions or Disposition.ACCEPTED in dispositions or Disposition.REPEATED in dispositions
        result[item.delivery_id] = (Outcome.LOADED if counts else Outcome.SUPERSEDED, dispositions)
    return result


def known_surveys(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return survey_id -> delivery_id -> reading_hash of the deliveries that have been read."""
    found: dict[str, dict[str, str]] = {}
    for survey_id, delivery_id, reading_hash in con.execute(
        "SELECT survey_id, delivery_id, reading_hash FROM survey_delivery"
    ).fetchall():
        found.setdefault(survey_id, {})[delivery_id] = reading_hash
    return found


def load_survey(
    con: duckdb.DuckDBPyConnection, survey_id: str, current: Sequence[DeliveryFacts], read: Sequence[SurveyRows]
) -> None:
    """Replace the rows of the deliveries in `read`, drop deliveries that are no longer, and settle all again.

    The caller holds the transaction.

    Raises:
        ConservationError: the rows of a delivery do not add up.
    """
    known = known_surveys(con).get(survey_id, {})
    gone = set(known) - {item.delivery_id for item in current}
    # what was read of it when it could be read still counts
    read = [item for item in read if item.facts.reading_hash != UNREAD or not known.get(item.facts.delivery_id)]
    for delivery_id in [*gone, *(item.facts.delivery_id for item in read)]:
        for table in ("survey_delivery", "survey_row"):
            con.execute(f"DELETE FROM {table} WHERE delivery_id = ?", [delivery_id])
    for item in read:
        _insert_delivery(con, item)
        if item.rows is not None and not item.rows.empty:
            con.register("incoming_survey", item.rows)
            try:
                con.execute("INSERT INTO survey_row BY NAME SELECT * FROM incoming_survey")
            finally:
                con.unregister("incoming_survey")
    _settle(con, survey_id)


def _insert_delivery(con: duckdb.DuckDBPyConnection, item: SurveyRows) -> None:
    facts = item.facts
    values = {
        "delivery_id": facts.delivery_id,
        "survey_id": facts.partner_id,
        "country_code": facts.country_code,
        "survey_round": item.survey_round,
        "name": facts.name,
        "revision": facts.revision,
        "date_received": facts.date_received,
        "pulled_at": facts.pulled_at,
        "is_sample": facts.is_sample,
        "content_hash": facts.content_hash,
        "reading_hash": facts.reading_hash,
        "outcome": str(Outcome.FAILED if item.error_code else Outcome.LOADED),
        "error_code": item.error_code,
        "error_message": item.error_message,
        "header": item.header,
        "rows_in": item.rows_in,
        "rows_accepted": 0,
        "rows_rejected": 0,
        # until it is settled, every row is on hold
        "rows_superseded": item.rows_in - item.structural,
        "rows_repeated": 0,
        "rows_structural": item.structural,
    }
    marks = ", ".join(f"? AS {name}" for name in values)
    con.execute(f"INSERT INTO survey_delivery BY NAME SELECT {marks}", [*values.values()])


def _settle(con: duckdb.DuckDBPyConnection, survey_id: str) -> None:
    found = con.execute(
        """
        SELECT delivery_id, name, NULL AS period, revision, date_received, pulled_at, content_hash, is_sample,
               coalesce(record_ids, []), coalesce(content_ids, [])
        FROM survey_delivery LEFT JOIN (
            SELECT delivery_id, list(record_id ORDER BY ordinal) AS record_ids,
                   list(content_id ORDER BY ordinal) AS content_ids
            FROM survey_row GROUP BY delivery_id
        ) USING (delivery_id)
        WHERE survey_id = ? AND outcome <> 'failed' ORDER BY delivery_id
        """,
        [survey_id],
    ).fetchall()
    settled = settle_responses([SettledDelivery(*row) for row in found])
    _write_dispositions(con, settled)
    for delivery_id, (outcome, _) in settled.items():
        _write_counts(con, survey_id, delivery_id, outcome)


def _write_dispositions(
    con: duckdb.DuckDBPyConnection, settled: Mapping[str, tuple[Outcome, Sequence[Disposition]]]
) -> None:
    import pandas as pd

    rows = [
        (delivery_id, ordinal, str(disposition))
        for delivery_id, (_, dispositions) in settled.items()
        for ordinal, disposition in enumerate(dispositions)
    ]
    frame = pd.DataFrame(rows, columns=["delivery_id", "ordinal", "became"])
    con.register("settled_survey_row", frame.astype({"delivery_id": "str", "ordinal": "int32", "became": "str"}))
    try:
        con.execute(
            """
            UPDATE survey_row
            SET disposition = CASE WHEN became = 'accepted' AND reasons <> '' THEN 'rejected' ELSE became END
            FROM settled_survey_row
            WHERE survey_row.delivery_id = settled_survey_row.delivery_id
                AND survey_row.ordinal = settled_survey_row.ordinal
            """
        )
    finally:
        con.unregister("settled_survey_row")


def _write_counts(con: duckdb.DuckDBPyConnection, survey_id: str, delivery_id: str, outcome: Outcome) -> None:
    counts = con.execute(
        """
        SELECT count(*) FILTER (WHERE disposition = 'accepted'), count(*) FILTER (WHERE disposition = 'rejected'),
               count(*) FILTER (WHERE disposition = 'superseded'), count(*) FILTER (WHERE disposition = 'repeated')
        FROM survey_row WHERE delivery_id = ?
        """,
        [delivery_id],
    ).fetchall()[0]
    try:
        # the table's own CHECK is the law of conservation
        con.execute(
            "UPDATE survey_delivery SET outcome = ?, rows_accepted = ?, rows_rejected = ?, rows_superseded = ?, "
            "rows_repeated = ? WHERE delivery_id = ?",
            [str(outcome), *counts, delivery_id],
        )
    except duckdb.ConstraintException as error:
        raise ConservationError(
            f"{survey_id}, delivery {delivery_id}: rows in are not accepted + rejected + superseded + repeated + "
            "structural; nothing was loaded. This is a defect of the program"
        ) from error
