"""Joins the accepted rows of a vault with the truth: a folder of known people, or a table of labels.

Only `godigital identity train` and `evaluate` read it, from the folder that the user names; a run never reads it.
"""

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from schemas.columns import TRAINING_LOG_COLUMNS

RECORDS, PEOPLE, PAIRS, TOTALS = "records.parquet", "people.parquet", "pairs.parquet", "totals.json"
_PLACE = ("file", "sheet", "row", "source_id")


class TruthError(ValueError):
    """The truth cannot be used; the message says which file and what is wrong with it."""


@dataclass(frozen=True)
class Truth:
    """The truth about the rows that partners sent.

    records: file, sheet, row, source_id (the position of a row), record_uid (one attendance, the same in every
    delivery), person_id, valid. people: person_id, relation, pair_group. pairs: record_a, record_b (record_uid),
    kind. totals: number of people by country attended, and ALL. The last three can be empty.
    """

    records: pd.DataFrame
    people: pd.DataFrame
    pairs: pd.DataFrame
    totals: dict[str, int]


@dataclass(frozen=True)
class Known:
    """Accepted rows whose person is known, and how many are not.

    records: TRAINING_LOG_COLUMNS, person_id, record_uid and trainee_id, one row per attendance, in the order of
    record_id. unknown: accepted rows that are not in the truth. invalid: accepted rows that the truth calls invalid.
    repeated: rows of an attendance that another row already has.
    """

    records: pd.DataFrame
    unknown: int = 0
    invalid: int = 0
    repeated: int = 0


def read_truth(folder: Path) -> Truth:
    """Read a folder of truth.

    Args:
        folder: Holds records.parquet (a row per row as sent: `file`, `person_id`, and `row` or `source_id`; `sheet`,
            `record_uid`, `kind` and `valid` if there are any); people.parquet, pairs.parquet and totals.json may be
            missing.

    Raises:
        TruthError: records.parquet is missing, or a file lacks a column or cannot be read.
    """
    if not (folder / RECORDS).is_file():
        raise TruthError(f"{folder}: not a folder of truth; it has no {RECORDS}")
    records = _read(folder / RECORDS, ("file", "person_id"))
    if not {"row", "source_id"} & set(records.columns):
        raise TruthError(f"{folder / RECORDS}: column row or source_id is missing; one of them must identify a row")
    for name, filled in (("sheet", ""), ("source_id", ""), ("row", -1), ("valid", True), ("kind", "record")):
        records[name] = records[name].fillna(filled) if name in records else filled
    records["file"] = records["file"].map(_path_of)
    records["record_uid"] = records["record_uid"] if "record_uid" in records else records.index.astype("str")
    records["valid"] = records["valid"].astype(bool) & (records["kind"] == "record")
    kept = [*_PLACE, "record_uid", "person_id", "valid"]
    return Truth(
        records[kept].astype({"row": "int64", "sheet": "str", "source_id": "str"}),
        _read_optional(folder / PEOPLE, ("person_id", "relation", "pair_group")),
        _read_optional(folder / PAIRS, ("record_a", "record_b", "kind")),
        _read_totals(folder / TOTALS),
    )


def _read(path: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    try:
        found = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype="str")
    except (OSError, ValueError) as error:
        raise TruthError(f"{path}: cannot be read as a table ({type(error).__name__})") from error
    missing = [name for name in needed if name not in found]
    if missing:
        raise TruthError(f"{path}: column {', '.join(missing)} is missing")
    return found


def _read_optional(path: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    return _read(path, needed)[list(needed)] if path.is_file() else pd.DataFrame(columns=list(needed))


def _read_totals(path: Path) -> dict[str, int]:
    if not path.is_file():
        return {}
    try:
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        by_country = {country: int(figures["people"]) for country, figures in said["by_country_attended"].items()}
        return by_country | {"ALL": int(said["overall"]["people"])}
    except (ValueError, KeyError, TypeError) as error:
        raise TruthError(
            f"{path}: wanted {{overall: {{people}}, by_country_attended: {{<country>: {{people}}}}}}"
        ) from error


def _path_of(text: str) -> str:
    return unicodedata.normalize("NFC", str(text).replace("\\", "/")).strip("/")


def read_accepted(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return the accepted rows of a vault: TRAINING_LOG_COLUMNS, file and trainee_id, in the order of record_id."""
    columns = ", ".join(f"record.{name}" for name in TRAINING_LOG_COLUMNS)
    return con.execute(
        f"""
        SELECT {columns}, record.file, coalesce(register.trainee_id, record.record_id) AS trainee_id
        FROM record LEFT JOIN register ON register.record_id = record.record_id
        WHERE record.disposition = 'accepted' ORDER BY record.record_id
        """
    ).df()


def join_truth(accepted: pd.DataFrame, truth: Truth) -> Known:
    """Return the accepted rows with their persons.

    A row is found by the id of its submission at the source, else by sheet and row, else by row alone if the file has
    one sheet. The truth's `file` is the path, or the end of it, so that truth and vault can be in any folder.

    Raises:
        TruthError: not one accepted row is in the truth.
    """
    places = pd.DataFrame(
        {
            "file": _match_files(accepted["file"], truth.records["file"]),
            "sheet": accepted["sheet"].fillna("").astype("str"),
            "row": accepted["row_number"].fillna(-1).astype("int64"),
            "source_id": accepted["source_id"].fillna("").astype("str"),
        },
        index=accepted.index,
    )
    known = truth.records.reset_index(drop=True)
    one_sheet = known.groupby("file")["sheet"].transform("nunique") == 1
    found = pd.Series(-1, index=accepted.index)
    for part, names in (
        (known[known["source_id"] != ""], ["file", "source_id"]),
        (known[known["row"] >= 0], ["file", "sheet", "row"]),
        (known[one_sheet & (known["row"] >= 0)], ["file", "row"]),
    ):
        first = part.drop_duplicates(names)
        where = dict(zip(_keys(first, names), first.index, strict=True))
        found = found.where(found >= 0, _keys(places, names).map(where).fillna(-1).astype("int64"))
    is_known = found >= 0
    if not is_known.any():
        raise TruthError(
            "not one accepted row stands in the truth: its `file` must be the end of the path of what was delivered, "
            "`row` the row as a spreadsheet shows it"
        )
    truth_of = known.loc[found[is_known], ["person_id", "record_uid", "valid"]].set_index(accepted.index[is_known])
    joined = accepted[is_known].drop(columns="file").join(truth_of)
    valid = joined[joined["valid"]].drop(columns="valid")
    records = valid.drop_duplicates("record_uid").reset_index(drop=True)
    return Known(records, int((~is_known).sum()), len(joined) - len(valid), len(valid) - len(records))


def _keys(rows: pd.DataFrame, names: list[str]) -> pd.Series:
    return pd.Series(list(zip(*(rows[name] for name in names), strict=True)), index=rows.index, dtype="object")


def _match_files(delivered: pd.Series, named: pd.Series) -> pd.Series:
    """Return for each delivered file the longest end of its path that the truth names; '' without one."""
    names = set(named)
    chosen = {}
    for file in delivered.dropna().unique():
        parts = _path_of(file).split("/")
        ends = ("/".join(parts[start:]) for start in range(len(parts)))
        chosen[file] = next((end for end in ends if end in names), "")
    return delivered.map(chosen).fillna("")


def read_labels(path: Path) -> pd.DataFrame:
    """Return record_id and person_id of a CSV or Parquet table of labels.

    Raises:
        TruthError: the file or a column is missing, or a record has two persons.
    """
    if not path.is_file():
        raise TruthError(f"{path}: no such file")
    labels = _read(path, ("record_id", "person_id"))[["record_id", "person_id"]].dropna().drop_duplicates()
    if labels["record_id"].duplicated().any():
        raise TruthError(f"{path}: a record_id has two different person_id; keep one of them")
    return labels


def join_labels(accepted: pd.DataFrame, labels: pd.DataFrame) -> Known:
    """Return the accepted rows that have a label, with their persons.

    Raises:
        TruthError: no label is of an accepted row.
    """
    records = accepted.drop(columns="file").merge(labels, on="record_id", how="inner", validate="one_to_one")
    if records.empty:
        raise TruthError("not one record_id of the labels is of an accepted row of this vault")
    return Known(records.assign(record_uid=records["record_id"]), len(accepted) - len(records))
