"""Applies the corrections that a contract lists to the cells of a delivery."""

import re

from flows.readers.read import DeliveryError, ErrorCode, TextRows, fold_header
from schemas.partner import Provider


def correct_cells(text: TextRows, partner: Provider, delivery_name: str) -> tuple[list[list[str]], dict[int, set[int]]]:
    """Return the cells with the contract's corrections applied, and row -> columns that one of them changed.

    Rows of a corrected workbook were sent with the corrections in them, and the partner has had the last word.

    Raises:
        DeliveryError: correction_stale.
    """
    corrections = [item for item in partner.contract.corrections if re.search(item.file, delivery_name)]
    if not corrections or text.originals:
        return text.cells, {}
    index = {fold_header(name): i for i, name in enumerate(text.header)}
    cells = [list(row) for row in text.cells]
    touched: dict[int, set[int]] = {}
    for item in corrections:
        conditions = {**item.where, item.column: item.was}
        unknown = [name for name in conditions if fold_header(name) not in index]
        hits = [
            i
            for i, row in enumerate(text.cells)
            if not unknown and all(row[index[fold_header(name)]].strip() == value for name, value in conditions.items())
        ]
        if len(hits) != item.expect:
            raise DeliveryError(
                ErrorCode.CORRECTION_STALE,
                f"{delivery_name}: the correction of column {item.column!r} expects {item.expect} rows and finds "
                f"{len(hits)}; the source has changed: edit or remove it under `corrections` in "
                f"{partner.contract_path}",
            )
        for i in hits:
            cells[i][index[fold_header(item.column)]] = item.becomes
            touched.setdefault(i, set()).add(index[fold_header(item.column)])
    return cells, touched
