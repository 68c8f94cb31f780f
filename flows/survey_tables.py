"""What the commands show of surveys: what each country sent, and the rejected rows in the country's own columns."""

from pathlib import Path
from typing import Any

from flows.contracts.surveys import find_surveys
from flows.tables import write_rejected_rows
from warehouse.storage.data_folder import DataFolder
from warehouse.vault.open import open_vault


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
    return write_rejected_rows(out, ("survey", "file"), rows, headings)
