"""Finds the surveys (`raw/survey/<CC>.yml`), plans and reads their deliveries, and loads what came of them.

Plain functions, called by `flows.run.execute` and by the Prefect flows as a part of every run.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec

from flows.intake.plans import ReadingPlan, plan_provider
from flows.sources.landed import is_litter, source_url
from flows.sources.open import is_remote
from schemas.survey import Survey
from warehouse.storage.transactions import transaction

if TYPE_CHECKING:
    import duckdb

    from warehouse.survey.load import SurveyRows


SurveyPlan = ReadingPlan[Survey]


def unclaimed_files(surveys: Iterable[Survey], source: str | None) -> dict[str, tuple[str, ...]]:
    """Return source -> names of files there that no survey's `delivery.files` takes; they would vanish in silence."""
    by_url: dict[str, list[Survey]] = {}
    for survey in surveys:
        by_url.setdefault(source_url(survey, source), []).append(survey)
    result = {}
    for url, members in sorted(by_url.items()):
        if is_remote(url):
            # what else lies at somebody else's place is theirs
            continue
        file_system, root = fsspec.core.url_to_fs(url)
        names = [str(Path(path).relative_to(root)) for path in file_system.find(root)]
        ignored = tuple(pattern for survey in members for pattern in survey.contract.delivery.ignore_files)
        left = tuple(
            name
            for name in sorted(names)
            if name.endswith((".csv", ".xlsx", ".txt", ".tsv", ".json"))
            and not name.startswith("deliveries/")
            and not is_litter(name, ignored)
            and not any(survey.claims(name) for survey in members)
        )
        if left:
            result[url] = left
    return result


def plan_surveys(
    con: "duckdb.DuckDBPyConnection", surveys: Sequence[Survey], *, reread: bool
) -> tuple[SurveyPlan, ...]:
    """Say which deliveries have to be read, of those that `landed_file` remembers.

    A delivery that was read under the same contract, rules and code is not read again, unless `reread`.
    """
    from warehouse.survey.load import known_surveys
    from warehouse.vault.landed import landed_rows

    if not surveys:
        return ()
    seen, known = landed_rows(con), known_surveys(con)
    return tuple(
        plan_provider(
            survey,
            seen.get(survey.partner_id, []),
            known.get(survey.partner_id, {}),
            reread=reread,
        )
        for survey in surveys
    )


def read_surveys(plans: Sequence[SurveyPlan]) -> "dict[str, list[SurveyRows]]":
    """Read every planned delivery; survey_id -> rows in plan order."""
    if not any(plan.to_read for plan in plans):
        return {}
    from flows.intake.read_surveys import read_survey

    return {plan.provider.partner_id: read_survey(plan.provider, plan.to_read) for plan in plans if plan.to_read}


def load_surveys(
    con: "duckdb.DuckDBPyConnection", plans: Sequence[SurveyPlan], read: "dict[str, list[SurveyRows]]"
) -> None:
    """Write what was read, a transaction for each survey."""
    from warehouse.survey.load import load_survey

    for plan in plans:
        if plan.is_stale:
            with transaction(con):
                load_survey(con, plan.provider.partner_id, plan.current, read.get(plan.provider.partner_id, []))


def survey_failures(read: "dict[str, list[SurveyRows]]") -> list[tuple[str, str, str, str]]:
    """Return survey_id, file, code and message of every delivery that could not be read."""
    return [
        (rows.facts.partner_id, rows.facts.name, rows.error_code, f"{rows.facts.partner_id}, {rows.error_message}")
        for found in read.values()
        for rows in found
        if rows.error_code
    ]
