"""The tables the commands print: counts of a run, status, rejected rows, and the private links for scoring.

They read the vault or a release, and write only the file that was asked for.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.contracts.surveys import find_surveys
from schemas.partner import Partner
from schemas.programme import load_programme
from schemas.reasons import Reason
from schemas.remedies import Remedy, remedies
from warehouse.storage import files
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.spreadsheet_cells import neutralise
from warehouse.vault.open import open_vault


def delivery_rows(data: DataFolder) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return what each partner sent and when, a row per delivery: column names and rows."""
    with open_vault(data, "status") as con:
        found = con.execute(
            """
            SELECT country_code AS country, partner_id AS partner, name AS delivery, period, revision,
                   date_received AS received, outcome, rows_in, rows_accepted AS accepted,
                   rows_rejected AS rejected, rows_superseded AS superseded, rows_repeated AS repeated,
                   rows_structural AS structural, error_code AS error, error_message AS message
            FROM delivery ORDER BY country_code, partner_id, date_received, name
            """
        )
        names = tuple(column[0] for column in found.description)
        return names, found.fetchall()


def partner_rows(data: DataFolder) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return a row per partner: deliveries, the last period and day, and how many failed."""
    with open_vault(data, "status") as con:
        found = con.execute(
            """
            SELECT partner_id AS partner,
                   any_value(delivery_kind) FILTER (WHERE delivery_kind <> 'returned') AS kind, count(*) AS deliveries,
                   max(period) AS "last period", max(date_received) AS "last received",
                   count(*) FILTER (WHERE outcome = 'loaded') AS "in force",
                   count(*) FILTER (WHERE outcome = 'failed') AS failed,
                   count(*) FILTER (WHERE outcome = 'held') AS held,
                   sum(rows_accepted)::INTEGER AS accepted, sum(rows_rejected)::INTEGER AS rejected
            FROM delivery GROUP BY partner_id ORDER BY partner_id
            """
        )
        names = tuple(column[0] for column in found.description)
        return names, found.fetchall()


def own_headings(partner: Partner) -> dict[str, str]:
    """Return our column -> the heading the partner knows it by; an age stands in for a birth date."""
    found = {name: source.header[0] for name, source in partner.contract.columns.items() if source.header}
    if "birth_date" not in found and "age" in found:
        found["birth_date"] = found["age"]
    if "full_name" not in found and (given := found.get("surname", found.get("given_name"))):
        found["full_name"] = given
    return found


@dataclass(frozen=True)
class RejectedRow:
    """One rejected row: where it stood, its reason codes (a space between), `cells` and `header` as JSON arrays."""

    provider: str
    delivery: str
    sheet: str | None
    number: int
    reasons: str
    cells: str
    header: str


def write_rejected(
    data: DataFolder, country: str, partner_id: str | None, out: Path, headings_of: Mapping[str, Mapping[str, str]]
) -> int:
    """Write the rejected rows of a country in the partners' own columns, with reasons; returns how many.

    `headings_of`: partner_id -> our column -> their heading, for the advice.
    """
    with open_vault(data, "rejected") as con:
        rows = con.execute(
            """
            SELECT rejected_row.partner_id, delivery.name, sheet, row_number, reasons, cells, header
            FROM rejected_row JOIN delivery USING (delivery_id)
            WHERE rejected_row.country_code = ? AND (? IS NULL OR rejected_row.partner_id = ?)
              AND disposition = 'rejected'
            ORDER BY rejected_row.partner_id, delivery.date_received, delivery.name, ordinal
            """,
            [country, partner_id, partner_id],
        ).fetchall()
    return write_rejected_rows(out, ("partner", "delivery"), [RejectedRow(*row) for row in rows], headings_of)


def write_rejected_rows(
    out: Path,
    who: tuple[str, str],
    rows: Sequence[RejectedRow],
    headings_of: Mapping[str, Mapping[str, str]],
) -> int:
    """Write rejected rows in their providers' own columns, with reasons and what to do; returns how many.

    One CSV in UTF-8 with a byte-order mark, so that a spreadsheet shows every script; mode 0600.

    Args:
        out: The file.
        who: Headings of the columns for provider and delivery.
        rows: The rows, in the order in which they are written.
        headings_of: Provider -> our column -> their heading, for the advice.
    """
    remedy_of = remedies(load_programme())
    own = list(dict.fromkeys(name for row in rows for name in json.loads(row.header)))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([neutralise(name) for name in (*who, "sheet", "row", *own, "reasons", "what to do")])
    for row in rows:
        values = dict(zip(json.loads(row.header), json.loads(row.cells), strict=True))
        headings = headings_of.get(row.provider, {})
        advice = " ".join(_advice(remedy_of[Reason(code)], headings) for code in row.reasons.split(" "))
        line = [row.provider, row.delivery, row.sheet or "", str(row.number), *(values.get(name, "") for name in own)]
        writer.writerow([neutralise(cell) for cell in (*line, row.reasons, advice)])
    files.write_durably(out, text.getvalue().encode("utf-8-sig"))
    return len(rows)


def _advice(remedy: Remedy, headings: Mapping[str, str]) -> str:
    if remedy.column is None:
        return remedy.sentence
    return f"{headings.get(remedy.column, remedy.column)}: {remedy.sentence}"


def export_links(data: DataFolder, out: Path) -> tuple[int, int]:
    """Write accepted.parquet and rejected.parquet with every row's place and its trainee or reason; private.

    Accepted: the rows that count and their repetitions in later deliveries. Rejected: every row with a reason,
    whichever delivery it stands in. Returns the two numbers of rows.
    """
    files.private_folder(out)
    place = "file, sheet, row_number AS row, source_id, country_code AS country, partner_id AS partner"
    with open_vault(data, "export-links") as con:
        accepted = con.execute(
            f"""
            SELECT {place}, register.trainee_id, disposition
            FROM record JOIN register USING (record_id)
            WHERE disposition = 'accepted' OR (disposition = 'repeated' AND record_id IN (
                SELECT record_id FROM record WHERE disposition = 'accepted'))
            ORDER BY file, sheet, row
            """  # noqa: S608 - column names of ours
        ).df()
        rejected = con.execute(
            f"SELECT {place}, reasons AS reason, disposition FROM rejected_row ORDER BY file, sheet, row"  # noqa: S608
        ).df()
    for name, frame in (("accepted", accepted), ("rejected", rejected)):
        files.write_durably(out / f"{name}.parquet", frame.to_parquet(index=False))
    return len(accepted), len(rejected)


def survey_counts(data: DataFolder) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return a row per survey: files, rows and what became of them, and respondents linked; column names and rows."""
    with open_vault(data, "status") as con:
        found = con.execute(
            """
            SELECT survey_id AS survey, count(*) AS files, count(*) FILTER (WHERE outcome = 'failed') AS failed,
                   sum(rows_in)::INTEGER AS "rows in", sum(rows_accepted)::INTEGER AS accepted,
                   sum(rows_rejected)::INTEGER AS rejected, sum(rows_superseded)::INTEGER AS superseded,
                   sum(rows_repeated)::INTEGER AS repeated, any_value(coalesce(linked, 0))::INTEGER AS linked
            FROM survey_delivery LEFT JOIN (
                SELECT survey_id, count(*) AS linked
                FROM survey_row JOIN survey_link USING (record_id)
                WHERE disposition = 'accepted' AND link_status = 'linked' GROUP BY survey_id
            ) USING (survey_id)
            GROUP BY survey_id ORDER BY survey_id
            """
        )
        names = tuple(column[0] for column in found.description)
        return names, found.fetchall()


def failed_answers(data: DataFolder) -> list[tuple[str, str, str]]:
    """Return survey, code and message of every file of a survey that could not be read."""
    with open_vault(data, "status") as con:
        return con.execute(
            "SELECT survey_id, error_code, error_message FROM survey_delivery WHERE outcome = 'failed' ORDER BY ALL"
        ).fetchall()


def write_rejected_answers(data: DataFolder, raw: Path, country: str, out: Path) -> int:
    """Write the rejected rows of a country's surveys in their own columns, with reasons; returns how many."""
    with open_vault(data, "rejected") as con:
        rows = con.execute(
            """
            SELECT survey_row.survey_id, name, sheet, row_number, reasons, cells, header
            FROM survey_row JOIN survey_delivery USING (delivery_id)
            WHERE survey_row.country_code = ? AND disposition = 'rejected'
            ORDER BY survey_row.survey_id, date_received, name, ordinal
            """,
            [country],
        ).fetchall()
    headings = {
        survey.partner_id: {name: source.header[0] for name, source in survey.contract.columns.items() if source.header}
        for survey in find_surveys(raw, [country]).usable
    }
    return write_rejected_rows(out, ("survey", "file"), [RejectedRow(*row) for row in rows], headings)
