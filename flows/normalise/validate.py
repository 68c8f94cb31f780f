"""Parts the rows of a delivery into valid and rejected, and holds the valid ones against the strict contract."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pandera.errors
import pandera.pandas as pa

from flows.normalise.training import Rows
from flows.readers.read import DeliveryError, ErrorCode
from schemas.columns import COLUMNS, TRAINING_LOG_COLUMNS
from schemas.partner import Partner
from schemas.programme import Programme
from schemas.reasons import Reason
from schemas.training_log import FRAME_TYPES, training_log_schema

# a share of very few rows says nothing about a delivery
_BOUND_FROM = 10

# what the vault keeps beside the canonical columns of a valid row
LINEAGE_COLUMNS = ("ordinal", "content_id", "file")
REJECTED_COLUMNS = (
    "delivery_id",
    "partner_id",
    "country_code",
    "file",
    "sheet",
    "row_number",
    "source_id",
    "record_id",
    "reasons",
    "cells",
    "ordinal",
    "content_id",
)


@dataclass(frozen=True)
class Parted:
    """Valid rows (TRAINING_LOG_COLUMNS + LINEAGE_COLUMNS) and rejected rows (REJECTED_COLUMNS) of one delivery."""

    valid: pd.DataFrame
    rejected: pd.DataFrame


def part_rows(
    rows: Rows, partner: Partner, delivery_id: str, files: Sequence[str], *, is_released: bool = False
) -> Parted:
    """Return valid and rejected rows; together they are all rows.

    Args:
        rows: What the normaliser made of the delivery.
        partner: Whose delivery.
        delivery_id: Its id.
        files: For every row, source and path of the file it stands in.
        is_released: Whether somebody decided that it counts, however many rows are rejected.

    Raises:
        DeliveryError: more rows are rejected than the contract's bounds allow.
    """
    bad = [i for i, reasons in enumerate(rows.reasons) if reasons]
    # an empty line is no evidence of a delivery gone wrong
    counted = [i for i in bad if rows.reasons[i] != (Reason.BLANK_LINE,)]
    allowed = partner.contract.bounds.rejected_share_max
    # a workbook that came back holds little else
    is_bound = not (is_released or rows.text.originals)
    if is_bound and len(counted) >= _BOUND_FROM and len(counted) > allowed * len(rows):
        raise DeliveryError(
            ErrorCode.TOO_MANY_REJECTED,
            f"{len(counted)} of {len(rows)} rows would be rejected, more than {allowed:.0%} "
            f"({_most_frequent(rows.reasons)}); it is held back and nothing of it counts. The delivery or the contract "
            f"is wrong as a whole: compare columns and date order with {partner.contract_path}. If it is right as it "
            f"is, `godigital release-hold {delivery_id[:8]} --why ...`, or raise bounds.rejected_share_max",
        )
    lineage: dict[str, list[Any]] = {
        "delivery_id": [delivery_id] * len(rows),
        "partner_id": [partner.partner_id] * len(rows),
        "country_code": [partner.country_code] * len(rows),
        "sheet": [sheet or None for sheet in rows.text.sheets],
        "row_number": rows.text.row_numbers,
        "source_id": [source_id or None for source_id in rows.text.source_ids],
        "record_id": rows.record_ids,
        "ordinal": list(range(len(rows))),
        "content_id": rows.content_ids,
        "file": list(files),
    }
    everything = {**rows.columns, **lineage}
    rejected_set = set(bad)
    good = [i for i in range(len(rows)) if i not in rejected_set]
    valid = pd.DataFrame(
        {name: _series([everything[name][i] for i in good], name) for name in (*TRAINING_LOG_COLUMNS, *LINEAGE_COLUMNS)}
    )
    said: dict[str, list[Any]] = {
        **lineage,
        "reasons": [" ".join(reasons) for reasons in rows.reasons],
        "cells": [
            json.dumps(cells, ensure_ascii=False) if reasons else ""
            for cells, reasons in zip(rows.text.cells, rows.reasons, strict=True)
        ],
    }
    rejected = pd.DataFrame({name: _series([said[name][i] for i in bad], name) for name in REJECTED_COLUMNS})
    return Parted(valid, rejected)


def _most_frequent(reasons: Sequence[Sequence[Reason]]) -> str:
    """The three most frequent reasons with their numbers."""
    counts = Counter(reason for row in reasons for reason in row)
    return ", ".join(
        f"{reason} {count}" for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3]
    )


def _series(values: list[object], name: str) -> pd.Series:
    if name == "ordinal":
        return pd.Series(values, dtype="Int32")
    kind = COLUMNS[name].type if name in COLUMNS else "VARCHAR"
    return pd.Series(values, dtype=FRAME_TYPES[kind])


def check_contract(valid: pd.DataFrame, programme: Programme) -> None:
    """Hold valid rows against the strict Pandera contract.

    Raises:
        DeliveryError: a row breaks it. The message names columns and checks, never a value: it is our defect.
    """
    hold_to_schema(valid, training_log_schema(programme), TRAINING_LOG_COLUMNS)


def hold_to_schema(valid: pd.DataFrame, schema: pa.DataFrameSchema, columns: Sequence[str]) -> None:
    """Hold some columns of valid rows against a strict Pandera schema; raises DeliveryError without any value."""
    if valid.empty:
        return
    try:
        schema.validate(valid[list(columns)], lazy=True)
    except (pa.errors.SchemaErrors, pandera.errors.SchemaError) as error:
        cases = getattr(error, "failure_cases", None)
        # failure_cases holds the values: only their columns and checks may leave this function
        broken = (
            sorted({f"{row.column}: {row.check}" for row in cases[["column", "check"]].itertuples()})
            if isinstance(cases, pd.DataFrame)
            else ["schema"]
        )
        raise DeliveryError(
            ErrorCode.CONTRACT_BROKEN,
            f"{len(broken)} check(s) of the accepted rows fail ({'; '.join(broken[:5])}); this is a defect of the "
            "program, not of the delivery: report it with its provider's name and the delivery",
        ) from None
