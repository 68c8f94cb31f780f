"""Finds every reason to reject a row, by the schema of its rules, and splits rows into valid and rejected."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from flows.normalise.rows import Rows
from flows.readers.read import DeliveryError, ErrorCode
from schemas.columns import COLUMNS, TRAINING_LOG_COLUMNS
from schemas.partner import Partner, Provider
from schemas.programme import Programme
from schemas.reasons import WHOLE_ROW, Reason
from schemas.row_rules import FRAME_TYPES
from schemas.training_log import TRAINING_FACTS, TRAINING_RULE_COLUMNS, training_log_schema, training_rules

Reasons = tuple[Reason, ...]

# a share of very few rows says nothing about a delivery
_BOUND_FROM = 10

# what the vault keeps in addition to the canonical columns of a valid row
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
# all columns of a delivered row -> type in a frame
TRAINING_TYPES = {
    **{name: FRAME_TYPES[COLUMNS[name].type] for name in TRAINING_LOG_COLUMNS},
    "ordinal": "Int32",
    "content_id": "str",
    "file": "str",
    **TRAINING_FACTS,
}


@dataclass(frozen=True)
class ValidationResult:
    """Valid and rejected rows of one delivery.

    `valid` has the columns of TRAINING_TYPES, `rejected` REJECTED_COLUMNS.
    """

    valid: pd.DataFrame
    rejected: pd.DataFrame


# -- the rules about rows ------------------------------------------------------------------------------------------


def training_reasons(rows: Rows, programme: Programme) -> list[Reasons]:
    """Return every reason to reject each row of one delivery."""
    return find_reasons(to_frame([rows.values], TRAINING_RULE_COLUMNS), training_rules(programme))


def to_frame(deliveries: Sequence[dict[str, list[Any]]], types: dict[str, str]) -> pd.DataFrame:
    """Return the rows of some deliveries, given by column, one below the other; `types` names columns and types."""
    return pd.DataFrame(
        {
            name: pd.Series([*chain.from_iterable(values[name] for values in deliveries)], dtype=kind)
            for name, kind in types.items()
        }
    )


def find_reasons(frame: pd.DataFrame, rules: pa.DataFrameSchema) -> list[Reasons]:
    """Return every reason to reject each row, in the order of the rules.

    Pandera needs some ten milliseconds for each check that fails: give it the rows of several deliveries at once.
    """
    found: list[list[Reason]] = [[] for _ in range(len(frame))]
    for reason, positions in _failures(frame, rules):
        for i in positions:
            found[i].append(reason)
    return _judge_whole_row(found)


def _failures(frame: pd.DataFrame, rules: pa.DataFrameSchema) -> list[tuple[Reason, Iterable[int]]]:
    """Return for each rule that some rows break, in the order of the rules, the positions of these rows."""
    try:
        rules.validate(frame, lazy=True, inplace=True)
    except pa.errors.SchemaErrors as errors:
        broken = sorted(errors.schema_errors, key=lambda error: error.check_index)
        for error in broken:
            if not isinstance(error.check_output, pd.Series):
                # its message can hold values
                raise RuntimeError(f"the rule {error.check.name} cannot be applied") from None
        return [(Reason(error.check.name), (~error.check_output.to_numpy(dtype=bool)).nonzero()[0]) for error in broken]
    return []


def _judge_whole_row(found: Iterable[list[Reason]]) -> list[Reasons]:
    """Return the reasons of each row; a row whose values cannot be judged keeps the first one alone.

    This rule stands here because a Pandera check knows nothing of the other checks. What a blank or shifted row is,
    the cell reader says: it compares each text with the kind of its column, by the contract.
    """
    return [tuple(reasons[:1] if reasons and reasons[0] in WHOLE_ROW else reasons) for reasons in found]


def require_bounds(reasons: Sequence[Reasons], provider: Provider, if_right: str) -> None:
    """Compare the share of rejected rows with the contract's bound; this is a rule about deliveries, not about rows.

    Raises:
        DeliveryError: more rows are rejected than the bound allows; `if_right` says what to do if that is right.
    """
    # an empty line is no evidence of a delivery gone wrong
    rejected = sum(bool(row) and row != (Reason.BLANK_LINE,) for row in reasons)
    allowed = provider.contract.bounds.rejected_share_max
    if rejected >= _BOUND_FROM and rejected > allowed * len(reasons):
        raise DeliveryError(
            ErrorCode.TOO_MANY_REJECTED,
            f"{rejected} of {len(reasons)} rows would be rejected, more than {allowed:.0%} "
            f"({_most_frequent(reasons)}); it is held back and nothing of it counts. The delivery or the contract "
            f"is wrong as a whole: compare columns and date order with {provider.contract_path}. If it is right as it "
            f"is, {if_right}",
        )


def _most_frequent(reasons: Sequence[Reasons]) -> str:
    """The three most frequent reasons with their numbers."""
    counts = Counter(reason for row in reasons for reason in row)
    return ", ".join(
        f"{reason} {count}" for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3]
    )


# -- valid and rejected --------------------------------------------------------------------------------------------


def training_values(rows: Rows, partner: Partner, delivery_id: str, files: Sequence[str]) -> dict[str, list[Any]]:
    """Return all columns of the rows of one delivery; `files` are source and path of the file of each row."""
    return {
        **rows.values,
        "delivery_id": [delivery_id] * len(rows),
        "partner_id": [partner.partner_id] * len(rows),
        "country_code": [partner.country_code] * len(rows),
        "sheet": [sheet or None for sheet in rows.text.sheets],
        "row_number": rows.text.row_numbers,
        "source_id": [source_id or None for source_id in rows.text.source_ids],
        "ordinal": list(range(len(rows))),
        "file": list(files),
    }


def split_rows(frame: pd.DataFrame, reasons: Sequence[Reasons], rows: Rows) -> ValidationResult:
    """Return valid and rejected rows; together they are all rows.

    Args:
        frame: The rows of one delivery, columns of TRAINING_TYPES.
        reasons: The reasons to reject each of them.
        rows: The same rows with their text.
    """
    is_valid = np.array([not row for row in reasons], dtype=bool)
    rejected = frame[~is_valid].reset_index(drop=True)
    rejected["reasons"] = pd.Series([" ".join(row) for row in reasons if row], dtype="str")
    rejected["cells"] = pd.Series([text for text in written_cells(rows, reasons) if text], dtype="str")
    return ValidationResult(frame[is_valid].reset_index(drop=True), rejected[list(REJECTED_COLUMNS)])


def written_cells(rows: Rows, reasons: Sequence[Reasons]) -> list[str]:
    """Return the cells of each rejected row as JSON, '' for a valid one."""
    return [
        json.dumps(cells, ensure_ascii=False) if row else ""
        for cells, row in zip(rows.text.cells, reasons, strict=True)
    ]


# -- the contract of accepted rows ---------------------------------------------------------------------------------


def check_contract(valid: pd.DataFrame, programme: Programme) -> None:
    """Compare valid rows with the strict Pandera schema.

    Raises:
        DeliveryError: a row breaks it.
    """
    check_schema(valid[[*TRAINING_LOG_COLUMNS, *TRAINING_FACTS]], training_log_schema(programme))


def check_schema(valid: pd.DataFrame, schema: pa.DataFrameSchema) -> None:
    """Compare valid rows with a strict Pandera schema.

    Raises:
        DeliveryError: a row breaks it. The message names columns and checks, never a value: it is our defect.
    """
    if valid.empty:
        return
    try:
        schema.validate(valid, lazy=True)
    except pa.errors.SchemaErrors as errors:
        # its failure_cases hold values: only columns and checks may leave this function
        broken = sorted({f"{error.column_name or 'row'}: {_check_name(error.check)}" for error in errors.schema_errors})
        raise DeliveryError(
            ErrorCode.CONTRACT_BROKEN,
            f"{len(broken)} check(s) of the accepted rows fail ({'; '.join(broken[:5])}); this is a defect of the "
            "program, not of the delivery: report it with its provider's name and the delivery",
        ) from None


def _check_name(check: Any) -> str:
    return str(check.name if isinstance(check, pa.Check) else check)
