"""A vault of a few rows, written by hand, and releases built from it."""

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb

from schemas.programme import Programme, load_programme
from warehouse.identity.calibration import store_quality
from warehouse.identity.linkage.model import load_model
from warehouse.lineage.freeze import history_of
from warehouse.release.build import ReleaseInfo, TableSummary, build_release, rules_of
from warehouse.release.publish import Published, candidate_path, next_number, publish
from warehouse.release.snapshots import candidate_snapshot, take_snapshot
from warehouse.vault.schema import VAULT_DDL

_FILLER = {
    "VARCHAR": "",
    "INTEGER": 0,
    "BIGINT": 0,
    "BOOLEAN": False,
    "DATE": dt.date(2020, 7, 1),
    "TIMESTAMP": dt.datetime(2020, 7, 1),
}


class TinyVault:
    """An open vault; `attend` adds records, deliveries and partners come of them."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.con = duckdb.connect(str(folder / "vault.duckdb"), config={"threads": 2})
        self.con.execute(VAULT_DDL)
        self._records = 0
        for code, title in load_programme().courses.items():
            self.insert("course", course_code=code, course_title=title)

    def insert(self, table: str, **values: Any) -> None:
        """Insert one row; what is mandatory and not given is filled."""
        for name, kind, nullable, *_ in self.con.execute(f"DESCRIBE {table}").fetchall():
            if nullable == "NO" and name not in values:
                values[name] = _FILLER[kind]
        marks = ", ".join("?" for _ in values)
        self.con.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", [*values.values()])  # noqa: S608

    def partner(self, partner_id: str) -> None:
        """A partner with a contract, whose country is the id's first two letters."""
        if self.con.execute("SELECT * FROM partner WHERE partner_id = ?", [partner_id]).fetchone() is None:
            self.insert(
                "partner",
                partner_id=partner_id,
                country_code=partner_id[:2],
                partner_name=f"Partner {partner_id}",
                delivery_kind="monthly",
            )

    def attend(self, trainee_id: str, partner_id: str = "VN-A", **columns: Any) -> str:
        """One record of a person; returns its id. `date_received` is the delivery's."""
        self._records += 1
        columns.setdefault("record_id", f"r{self._records:04d}")
        columns.setdefault("training_date", dt.date(2020, 9, 1))
        columns.setdefault("course_code", "DL101")
        columns.setdefault("disposition", "accepted")
        received = columns.pop("date_received", dt.date(2020, 10, 1))
        columns.setdefault("delivery_id", f"{partner_id}-{received}")
        self.partner(partner_id)
        self.insert("record", partner_id=partner_id, country_code=partner_id[:2], **columns)
        self.insert("register", record_id=columns["record_id"], trainee_id=trainee_id)
        accepted = columns["disposition"] == "accepted"
        if self.con.execute("SELECT * FROM delivery WHERE delivery_id = ?", [columns["delivery_id"]]).fetchone():
            self.con.execute(
                "UPDATE delivery SET rows_in = rows_in + 1, rows_accepted = rows_accepted + ?::INTEGER, "
                "rows_superseded = rows_superseded + ?::INTEGER WHERE delivery_id = ?",
                [accepted, not accepted, columns["delivery_id"]],
            )
        else:
            self.insert(
                "delivery",
                delivery_id=columns["delivery_id"],
                partner_id=partner_id,
                country_code=partner_id[:2],
                delivery_kind="monthly",
                date_received=received,
                outcome="loaded",
                rows_in=1,
                rows_accepted=int(accepted),
                rows_superseded=int(not accepted),
            )
        return str(columns["record_id"])

    def build(self, target: Path, number: int = 1) -> dict[str, TableSummary]:
        """Build a release from what is in the vault."""
        target.parent.mkdir(parents=True, exist_ok=True)
        store_quality(self.con, load_model())
        return build_release(self.con, target, release_info(number))

    def publish(self, data: Path, keep: int = 5) -> Published:
        """Build and publish the next release."""
        number = next_number(data)
        candidate = candidate_path(data, number)
        tables = self.build(candidate, number)
        return publish(data, candidate, release_info(number), tables, keep=keep)

    def publish_with_history(self, data: Path, keep: int = 5, programme: Programme | None = None) -> Published:
        """Build and publish the next release as a run does: with its snapshot, set against earlier ones."""
        number = next_number(data)
        candidate, snapshot = candidate_path(data, number), candidate_snapshot(data, number)
        rules = programme or load_programme()
        take_snapshot(self.con, snapshot, number, rules, rules_of(rules))
        history = history_of(self.con, data, snapshot)
        store_quality(self.con, load_model())
        info = release_info(number)
        tables = build_release(self.con, candidate, info, history=history, programme=rules)
        return publish(data, candidate, info, tables, keep=keep, snapshot=snapshot, programme=rules)

    def table(self, name: str, target: Path) -> list[dict[str, Any]]:
        """Build a release at `target` and return one of its tables."""
        self.build(target)
        return read_table(target, name)


def release_info(number: int) -> ReleaseInfo:
    """The same for all releases of a number."""
    return ReleaseInfo(number, dt.datetime(2022, 1, 1, number % 24, tzinfo=dt.UTC), f"input {number}", "1", "0.1.0")


def read_table(release: Path, name: str) -> list[dict[str, Any]]:
    """Rows of a release's table, in the order of the file."""
    with duckdb.connect(str(release), read_only=True) as con:
        rows = con.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608
        names = [column[0] for column in con.description]
    return [dict(zip(names, row, strict=True)) for row in rows]
