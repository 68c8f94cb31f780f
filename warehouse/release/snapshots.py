"""What each release was made of, kept beside the vault for as long as the release: records, people, deliveries.

One Parquet file a release: a row per record that counted, with the facts that figures are made from and the place it
came from, no names; partners and deliveries are in the file's own metadata.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.storage import files
from warehouse.storage.sql_literals import literal

if TYPE_CHECKING:
    import duckdb

    from schemas.programme import Programme

# what a figure can depend on, and the order of a person's records
FIGURE_COLUMNS = (
    "partner_id",
    "country_code",
    "course_code",
    "training_date",
    "hours",
    "sex",
    "birth_date",
    "birth_earliest",
    "birth_latest",
    "age_low",
    "age_high",
    "trainee_type",
    "has_disability",
    "is_indigenous",
    "is_rural",
)
# what people are told apart by; kept as a hash, to know whether a record says something else of who it is. Not the
# linkage's own list, which may change with its code: then no record says anything else
_WHO_COLUMNS = (
    "full_name",
    "surname",
    "given_name",
    "middle_name",
    "name_suffix",
    "latin_name",
    "sex",
    "birth_earliest",
    "birth_latest",
    "phones",
    "email",
    "national_id",
    "member_id",
    "province",
    "district",
)
PLACE_COLUMNS = ("file", "sheet", "row_number", "source_id", "flags")
_ABOUT = "about"
_FORMAT = 1
_DELIVERY_COLUMNS = (
    "delivery_id",
    "partner_id",
    "country_code",
    "name",
    "period",
    "revision",
    "date_received",
    "outcome",
    "reading_hash",
    "content_hash",
    "rows_in",
    "rows_accepted",
    "rows_rejected",
    "rows_superseded",
    "rows_repeated",
    "rows_structural",
)


@dataclass(frozen=True)
class About:
    """What a snapshot says beside its records.

    partners: partner_id -> country_code, contract_hash. deliveries: delivery_id -> the columns of the vault's table,
    days in ISO 8601. linked_by: hash of the linkage's code and weights. rules: as `build.rules_of`; reading_rules:
    hash of the rules under which deliveries are read.
    """

    release_number: int
    linked_by: str
    reading_rules: str
    rules: Mapping[str, str | int]
    partners: Mapping[str, Mapping[str, str]]
    deliveries: Mapping[str, Mapping[str, Any]]


class SnapshotError(RuntimeError):
    """There is no snapshot of a release, or it is of another version of the program; the message says which."""


def snapshot_path(data: Path, number: int) -> Path:
    """Return where the snapshot of a release lies, or would."""
    return _folder(data) / f"{number:06d}.parquet"


def require_snapshot(data: Path, number: int, manifest: Mapping[str, Any]) -> Path:
    """Return the snapshot of a release.

    Raises:
        SnapshotError: there is none, or it is not the one that the release's manifest names.
    """
    path = snapshot_path(data, number)
    if not path.is_file():
        raise SnapshotError(
            f"of release {number} no record is kept of what it was made of: it was published before such records "
            "were kept, or private/snapshots was not restored from the backup; later releases have one"
        )
    if intact_snapshot(data, number, manifest) is None:
        raise SnapshotError(
            f"{path}: the record of what release {number} was made of is damaged; restore it from the backup"
        )
    return path


def intact_snapshot(data: Path, number: int, manifest: Mapping[str, Any]) -> Path | None:
    """Return the snapshot of a release, where there is one and it is the one that its manifest names; else None.

    What is damaged or gone leaves a change without causes; it never stops a publication.
    """
    path = snapshot_path(data, number)
    # releases of before snapshots were kept name none
    if "snapshot_sha256" not in manifest or not path.is_file():
        return None
    return path if files.sha256_of(path) == manifest["snapshot_sha256"] else None


def candidate_snapshot(data: Path, number: int) -> Path:
    """Return where to take the snapshot of a release that is being built, cleared of what a killed run left there."""
    files.private_folder(data / "private")
    path = files.private_folder(_folder(data)) / f"{number:06d}.building"
    path.unlink(missing_ok=True)
    return path


def take_snapshot(
    con: "duckdb.DuckDBPyConnection", target: Path, number: int, programme: "Programme", rules: Mapping[str, str | int]
) -> None:
    """Write what the vault would publish now into the new file `target`, mode 0600; its folder exists."""
    about = json.dumps(_about(con, number, programme, rules), ensure_ascii=False, sort_keys=True)
    names = ", ".join(f"record.{name}" for name in (*FIGURE_COLUMNS, *PLACE_COLUMNS))
    who = ", ".join(f"coalesce(record.{name}::VARCHAR, '')" for name in _WHO_COLUMNS)
    # made before it is filled, so that it is private from the first byte on
    target.touch(mode=0o600)
    # names and values of our own; the same rows as core_attendance.sql
    con.execute(
        f"""
        COPY (
            SELECT record.record_id, register.trainee_id, record.delivery_id, delivery.date_received, {names},
                   coalesce(record.phones, '') <> '' AS has_phone,
                   md5_number_lower(concat_ws(chr(31), {who})) AS who_hash
            FROM record
            JOIN register ON register.record_id = record.record_id
            LEFT JOIN delivery ON delivery.delivery_id = record.delivery_id
            WHERE record.disposition = 'accepted'
            ORDER BY record.delivery_id, record.ordinal, record.record_id
        ) TO {literal(str(target))} (
            FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE FALSE, KV_METADATA {{{_ABOUT}: {literal(about)}}}
        )
        """
    )


def read_about(con: "duckdb.DuckDBPyConnection", snapshot: Path) -> About:
    """Return what a snapshot says beside its records.

    Raises:
        SnapshotError: it is of another version of the program.
    """
    row = con.execute(
        f"SELECT decode(value) FROM parquet_kv_metadata({literal(str(snapshot))}) WHERE decode(key) = '{_ABOUT}'"
    ).fetchone()
    content = {} if row is None else json.loads(row[0])
    if content.pop("format", None) != _FORMAT:
        raise SnapshotError(f"{snapshot.name}: not of a kind that this version of the program can read")
    deliveries = {item[0]: dict(zip(_DELIVERY_COLUMNS, item, strict=True)) for item in content.pop("deliveries")}
    return About(deliveries=deliveries, **content)


def records_of(snapshot: Path) -> str:
    """Return the SQL of a snapshot's records, to stand after FROM."""
    return f"read_parquet({literal(str(snapshot))})"


def keep_snapshot(data: Path, number: int, candidate: Path) -> None:
    """Give a candidate its name, durably; called just before its release gets its own."""
    files.sync(candidate)
    candidate.replace(snapshot_path(data, number))
    files.sync(_folder(data))


def prune_snapshots(data: Path, kept: Collection[int]) -> None:
    """Remove the snapshots of releases that are not kept, and what killed runs left."""
    if not _folder(data).is_dir():
        return
    for path in _folder(data).iterdir():
        if path.suffix == ".building" or (path.suffix == ".parquet" and int(path.stem) not in kept):
            path.unlink(missing_ok=True)


def _folder(data: Path) -> Path:
    return data / "private" / "snapshots"


def _about(
    con: "duckdb.DuckDBPyConnection", number: int, programme: "Programme", rules: Mapping[str, str | int]
) -> dict[str, Any]:
    made_by = con.execute("SELECT max(made_by) FROM identity_state").fetchone()
    partners = con.execute("SELECT partner_id, country_code, contract_hash FROM partner ORDER BY partner_id").fetchall()
    deliveries = con.execute(f"SELECT {', '.join(_DELIVERY_COLUMNS)} FROM delivery ORDER BY delivery_id").fetchall()
    return {
        "format": _FORMAT,
        "release_number": number,
        "linked_by": "" if made_by is None or made_by[0] is None else made_by[0],
        "reading_rules": sha256(programme.reading_rules.encode()).hexdigest(),
        "rules": dict(rules),
        "partners": {name: {"country_code": country, "contract_hash": hashed} for name, country, hashed in partners},
        "deliveries": [
            [value.isoformat() if hasattr(value, "isoformat") else value for value in row] for row in deliveries
        ],
    }
