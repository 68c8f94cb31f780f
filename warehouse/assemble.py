"""From a loaded vault to a published release: match, identify, build, verify, publish.

Each step is skipped when what went into it has not changed, and can be repeated after a crash.
"""

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import duckdb

from schemas.programme import PROGRAMME_FILE
from schemas.survey import SURVEY_FILE
from warehouse.identity import judgement_table, judgements
from warehouse.identity.secret import secret_of_register
from warehouse.release import publish, releases
from warehouse.release.fingerprint import building_fingerprint
from warehouse.release.frozen_log import FreezeError
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.transactions import transaction
from warehouse.vault import holds, load

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Assembled:
    """What came of it: the release's number, None where nothing was new, and what changed in the register."""

    number: int | None
    changes: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    # delivery_id of those that were held back now
    held: tuple[str, ...] = ()


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> str:
    row = con.execute(sql).fetchone()
    return "" if row is None or row[0] is None else str(row[0])


def _deliveries(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """Hash of all that came, and under what it was read."""
    return _one(
        con,
        f"""
        SELECT sha256(string_agg(concat_ws(' ', delivery_id, content_hash, reading_hash, outcome, is_sample,
                                           error_code), chr(10) ORDER BY delivery_id))
        FROM {table}
        """,  # noqa: S608 - fixed names
    )


def input_hash(con: duckdb.DuckDBPyConnection, judged: judgements.Judged = judgements.NOTHING_JUDGED) -> str:
    """Hash of everything a release is made of: deliveries, contracts, rules, judgements in force, model, code."""
    deliveries, surveys = _deliveries(con, "delivery"), _deliveries(con, "survey_delivery")
    partners = _one(
        con,
        "SELECT sha256(string_agg(concat_ws(chr(31), partner_id, partner_name, delivery_kind), chr(10) "
        "ORDER BY partner_id)) FROM partner",
    )
    code = building_fingerprint()
    rules = hashlib.sha256(PROGRAMME_FILE.read_bytes() + SURVEY_FILE.read_bytes()).hexdigest()
    decided = judgements.judged_hash(judged)
    return hashlib.sha256(" ".join((deliveries, partners, surveys, code, rules, decided)).encode()).hexdigest()


def assemble(
    con: duckdb.DuckDBPyConnection,
    data: DataFolder,
    *,
    code_version: str,
    keep: int,
    tell: Tell = lambda stage: None,
    always: bool = False,
) -> Assembled:
    """Bring the published release up to the vault's state.

    Args:
        con: The open vault.
        data: The data folder.
        code_version: Written into the release.
        keep: Releases that are kept.
        tell: Called with each stage as it begins: match, identify, build, verify, publish.
        always: Publish even if nothing is new.

    Raises:
        PublishError: the candidate does not read back as it was built, a check of `checks.sql` fails, or the log of
            frozen releases cannot be read.
        BuildError: a model fails, or a table is not as it is described.
    """
    decisions = judgement_table.decided(con)
    contradicting = judgements.contradiction_counts(decisions)
    wanted = input_hash(con, decisions.judged)
    damaged = releases.damage_of_current(data.root)
    if damaged:
        contradicting = (damaged, *contradicting)
    stands = not damaged and _is_identified(con)
    known = (releases.published_input_hash(data.root) if stands else None, releases.withdrawn_input_hash(data.root))
    if not always and wanted in known:
        return Assembled(None, warnings=(*contradicting, *publish.tidy(data.root, keep)))
    if not _anything_read(con):
        return Assembled(None, warnings=contradicting)
    number = publish.next_number(data.root)
    changes, held = _identify(con, data, number, decisions.judged, tell)
    if held:
        wanted = input_hash(con, decisions.judged)
        if (not always and wanted in known) or not _anything_read(con):
            return Assembled(None, changes, contradicting, held)
    try:
        warnings = _release(con, data, number, wanted, code_version, keep, tell)
    except FreezeError as error:
        raise releases.PublishError(str(error)) from error
    return Assembled(number, changes, (*warnings, *contradicting), held)


def _is_identified(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether everybody has an id: not so where an older vault was put back beside a release made since."""
    unknown = "SELECT count(*) FROM record ANTI JOIN register USING (record_id) WHERE disposition = 'accepted'"
    return _one(con, unknown) == "0"


def _anything_read(con: duckdb.DuckDBPyConnection) -> bool:
    # without a single readable delivery there is nothing to publish, and an empty release would say zero
    return _one(con, "SELECT count(*) FROM delivery WHERE outcome NOT IN ('failed', 'held')") != "0"


def _identify(
    con: duckdb.DuckDBPyConnection, data: DataFolder, number: int, judged: judgements.Judged, tell: Tell
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Say who is who; returns what changed in the register, and which deliveries had to be held back for it."""
    held: list[str] = []
    while True:
        changes, suspicious = _identify_once(con, data, number, judged, tell)
        if suspicious is None:
            return changes, tuple(held)
        # without this delivery the clusters can differ: link again; the register has not been written yet
        with transaction(con):
            load.hold_back(con, suspicious.delivery_id, holds.DUPLICATES, suspicious.message)
        held.append(suspicious.delivery_id)


def _identify_once(
    con: duckdb.DuckDBPyConnection, data: DataFolder, number: int, judged: judgements.Judged, tell: Tell
) -> tuple[dict[str, int], holds.Suspicious | None]:
    from warehouse.identity import calibration, register, respondents
    from warehouse.identity.linkage import link as linkage
    from warehouse.identity.linkage import model

    tell("match")
    secret = secret_of_register(con, data)
    influence = judgements.Influence(judged, judgement_table.read_applied(con))
    with linkage.link(con, model.load_model(), judged) as found:
        tell("identify")
        suspicious = holds.next_duplicates(con, found.records)
        if suspicious is not None:
            return {}, suspicious
        clusters, order = found.records[["record_id", "cluster"]], found.records[["record_id", "order"]]
        with transaction(con):
            found.write(con)
            changed = register.identify(con, clusters, order, secret, number, influence.cause)
            judgement_table.write_applied(con, judged)
            # also where no cluster changed: which records count is no business of the linkage
            calibration.store_quality(con, model.load_model())
    # of what is committed, and nothing of it is changed: a run cut short here links them the next time
    answered = respondents.link_respondents(con, model.load_model(), secret)
    with transaction(con):
        answered.write(con)
    return {"minted": changed.minted, "merged": changed.merged, "split": changed.split}, None


def _release(
    con: duckdb.DuckDBPyConnection,
    data: DataFolder,
    number: int,
    wanted: str,
    code_version: str,
    keep: int,
    tell: Tell,
) -> tuple[str, ...]:
    """Build, verify and publish; returns the warnings of the checks."""
    from schemas.programme import load_programme
    from warehouse.identity.linkage.model import load_model
    from warehouse.lineage.freeze import history_of
    from warehouse.release import build, snapshots

    tell("build")
    info = build.ReleaseInfo(
        number=number,
        built_at=dt.datetime.now(dt.UTC),
        input_hash=wanted,
        model_version=load_model().version,
        code_version=code_version,
    )
    candidate = publish.candidate_path(data.root, number)
    snapshot = snapshots.candidate_snapshot(data.root, number)
    snapshots.take_snapshot(con, snapshot, number, load_programme(), build.rules_of())
    history = history_of(con, data.root, snapshot)
    tables = build.build_release(con, candidate, info, history=history)
    tell("verify")
    published = publish.publish(data.root, candidate, info, tables, keep=keep, tell=tell, snapshot=snapshot)
    return (*(str(finding) for finding in published.warnings), *history.unread, *published.untidy)
