"""Why a figure changed: the way from one release to a later one in steps, each of one cause, each counted anew.

Every step starts where the last one ended, so that what they add to a figure is its difference, exactly.

The order, which decides where two causes meet in one person:

1. Records that came, went or were rewritten, by what became of their delivery: new deliveries; corrections and
   withdrawals (a delivery that takes the place of one of the same period; a row that stands where one of the same
   person, partner, course and day went); then what was read again because of the contract, of the programme's rules,
   of the program. People stay grouped as they were. A record that came joins the person whose id it has now; if that
   id is new, the person most of whose records are with it now; else it is somebody new.
2. The same records, grouped otherwise: first all that parted, by judgement, by what partners sent, by the model; then
   all that met, in the same order.
3. The band of youth, where another one is in force.

A movement is a judgement's where a judgement had a part in it (`Influence.cause`). Any other is the model's where
weights or code of the linkage changed and no record of the people involved came, went or was rewritten; else it
follows from what partners sent, as does one that only the frequency of names or the size of a block brought about.
What somebody's attributes do is part of the step in which their records changed: a first training that is now an
earlier one makes somebody young by `new_delivery`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from warehouse.lineage.restate_sql import (
    BANDS,
    CHANGED,
    EVERYBODY,
    GROUPED,
    STEP_OF_RECORDS,
    STEPS,
    STEPS_TAKEN,
    TOUCHED,
    VERSIONS,
)
from warehouse.release import build
from warehouse.release.build import SQL_FOLDER, set_rules
from warehouse.release.history_tables import CAUSES
from warehouse.release.reach_figures import INDICATORS, PARTICIPATIONS, Figures, published_figures, reach_figures
from warehouse.release.rules import programme_tables
from warehouse.release.snapshots import About, SnapshotError, intact_snapshot, read_about, records_of

if TYPE_CHECKING:
    from warehouse.release.releases import Release

Causes = dict[tuple[str, str], dict[str, int]]


def find_causes(vault: duckdb.DuckDBPyConnection, before: Path, after: Path) -> Causes | None:
    """Return what each cause added to each figure from one snapshot to a later one.

    Only people whom something happened to are counted: the others are the same in every step.

    Args:
        vault: The open vault, for the events of its register; nothing is written.
        before: Snapshot of the earlier release.
        after: Snapshot of the later one.

    Returns:
        (country or ALL, indicator) -> cause -> people (participations: attendances); zeros are left out. Figures
        are counted by this version of the program; what another one counted otherwise is not in here. None where a
        snapshot is of a kind that this version cannot read.
    """
    with _workshop(vault, after.parent) as con:
        try:
            old, new = read_about(con, before), read_about(con, after)
        except SnapshotError:
            return None
        _load(con, old, new, before, after)
        _load_movements(con, vault, old.release_number, new.release_number)
        con.execute(CHANGED)
        other_bands = _bands(old) != _bands(new)
        con.execute(EVERYBODY if other_bands else TOUCHED)
        con.execute(f"SET VARIABLE is_other_model = {old.linked_by != new.linked_by}")
        con.execute(GROUPED)
        con.execute(VERSIONS)
        return _walk(con, old, new, other_bands)


def _bands(about: About) -> tuple[Any, Any]:
    return about.rules["youth_from"], about.rules["youth_to"]


@contextmanager
def _workshop(vault: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory of its own: models read `vault.<table>`, which is not the vault here."""
    settings = vault.execute("SELECT current_setting('memory_limit'), current_setting('threads')").fetchall()[0]
    spill = str(folder / "spill")
    con = duckdb.connect(config={"memory_limit": settings[0], "threads": settings[1], "temp_directory": spill})
    try:
        from schemas.programme import load_programme

        con.execute("CREATE SCHEMA vault")
        with programme_tables(con, load_programme()):
            yield con
    finally:
        con.close()


def _load(con: duckdb.DuckDBPyConnection, old: About, new: About, before: Path, after: Path) -> None:
    for name, path in (("old_record", before), ("new_record", after)):
        con.execute(f"CREATE VIEW {name} AS SELECT * FROM {records_of(path)}")
    partners = {**old.partners, **new.partners}
    # a partner's rows are read again because of the contract, else of the rules, else of the program
    causes = {
        partner: _why_read_again(old, new, partner)
        for partner in partners
        if partner in old.partners and partner in new.partners
    }
    con.execute(
        "CREATE TABLE vault.partner AS SELECT unnest($1::VARCHAR[]) AS partner_id, unnest($2::VARCHAR[]) AS "
        "country_code, unnest($1::VARCHAR[]) AS partner_name, '' AS delivery_kind",
        [list(partners), [partner["country_code"] for partner in partners.values()]],
    )
    con.execute(
        "CREATE TABLE read_again AS SELECT unnest(?::VARCHAR[]) AS partner_id, unnest(?::INTEGER[]) AS step",
        [list(causes), [STEP_OF_RECORDS[cause] for cause in causes.values()]],
    )
    for name, about in (("old_delivery", old), ("new_delivery", new)):
        wanted = ("delivery_id", "partner_id", "period", "outcome", "reading_hash")
        columns = ", ".join(f"unnest(?::VARCHAR[]) AS {column}" for column in wanted)
        con.execute(
            f"CREATE TABLE {name} AS SELECT {columns}",
            [[delivery[column] for delivery in about.deliveries.values()] for column in wanted],
        )


def _why_read_again(old: About, new: About, partner: str) -> str:
    if old.partners[partner]["contract_hash"] != new.partners[partner]["contract_hash"]:
        return "contract"
    return "programme_rules" if old.reading_rules != new.reading_rules else "program"


def _load_movements(con: duckdb.DuckDBPyConnection, vault: duckdb.DuckDBPyConnection, after: int, until: int) -> None:
    """Make table moved: records that an event between the releases moved, and whether by a judgement."""
    rows = vault.execute(
        """
        SELECT record_id, bool_or(cause = 'judgement')
        FROM identity_event JOIN identity_event_record USING (event_id)
        WHERE side = 'moved' AND release_number > $1 AND release_number <= $2 GROUP BY record_id ORDER BY record_id
        """,
        [after, until],
    ).fetchall()
    con.execute(
        "CREATE TABLE moved AS SELECT unnest(?::VARCHAR[]) AS record_id, unnest(?::BOOLEAN[]) AS is_judged",
        [[record for record, _ in rows], [judged for _, judged in rows]],
    )


def _walk(con: duckdb.DuckDBPyConnection, old: About, new: About, other_bands: bool) -> Causes:
    """Count after each step in which anything happens, and put the difference down to its cause."""
    con.execute((SQL_FOLDER / f"{build.INDICATORS}.sql").read_text(encoding="utf-8"))
    set_rules(con, old.rules)
    for model in ("core_band", "core_partner"):
        _build(con, model)
    steps = [number for (number,) in con.execute(STEPS_TAKEN).fetchall()]
    if other_bands:
        steps.append(BANDS)
    causes: Causes = {}
    if not steps:
        return causes
    last = _count(con, 0)
    for number in steps:
        if number == BANDS:
            set_rules(con, new.rules)
        now = _count(con, number)
        _add(causes, STEPS[number - 1], last, now)
        last = now
    # two steps of one cause can undo each other
    moved = {line: {cause: change for cause, change in parts.items() if change} for line, parts in causes.items()}
    return {line: parts for line, parts in moved.items() if parts}


def _add(causes: Causes, cause: str, last: Mapping[tuple[str, str], int], now: Mapping[tuple[str, str], int]) -> None:
    for line in {*last, *now}:
        change = now.get(line, 0) - last.get(line, 0)
        if change:
            parts = causes.setdefault(line, {})
            parts[cause] = parts.get(cause, 0) + change


def _count(con: duckdb.DuckDBPyConnection, step: int) -> Figures:
    """The figures after a step, by the very models that build a release."""
    con.execute(f"SET VARIABLE step = {step}")
    for model in ("core_attendance", "core_trainee", "report_reach"):
        _build(con, model)
    attended = con.execute(
        "SELECT coalesce(country_code, 'ALL'), count(*) FROM core_attendance GROUP BY CUBE (country_code)"
    ).fetchall()
    return reach_figures(con) | {(country, PARTICIPATIONS): count for country, count in attended}


def _build(con: duckdb.DuckDBPyConnection, model: str) -> None:
    con.execute(f"CREATE OR REPLACE TABLE {model} AS {(SQL_FOLDER / f'{model}.sql').read_text(encoding='utf-8')}")


def explain(
    vault: duckdb.DuckDBPyConnection, data: Path, earlier: "Release", later: "Release"
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return the columns and rows of report_restatement for any two releases that are kept, without the baseline.

    Where of one of them no record is kept of what it was made of, the causes are not recorded.
    """
    before, after = published_figures(earlier.path), published_figures(later.path)
    first, second = (intact_snapshot(data, item.number, item.manifest) for item in (earlier, later))
    found = find_causes(vault, first, second) if first is not None and second is not None else None
    names = tuple(CAUSES)
    lines = []
    indicators = [name for name in INDICATORS if any(line[1] == name for line in before)]
    for country in sorted({country for country, _ in (*before, *after)}):
        for indicator in indicators:
            line = (country, indicator)
            was, now = before.get(line, 0), after.get(line, 0)
            parts = dict.fromkeys(names, 0) | (found or {}).get(line, {})
            parts["unrecorded" if found is None else "program"] += now - was - sum(parts.values())
            lines.append((country, indicator, was, now, now - was, *(parts[name] for name in names)))
    heading = ("country_code", "indicator_code", "figure_before", "figure_after", "difference")
    return (*heading, *(f"by_{name}" for name in names)), lines
