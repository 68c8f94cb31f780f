"""Reads a parent and a child file of delimited text as one table, joined by the submission's key.

Forms with a repeated group are exported so: a child row is an attendance, the parent what they share.
"""

import re
from collections.abc import Sequence

from flows.readers.csv_file import read_csv
from flows.readers.delivery import DeliveryError, ErrorCode, LandedFile, TextRows
from flows.readers.headers import (
    Wanted,
    fold_header,
    missing_column_error,
    missing_columns,
    wanted_columns,
    words_of,
)
from flows.readers.table import combine
from schemas.contract_parts import PairFile
from schemas.partner import FileContract


def _files_of(
    files: Sequence[LandedFile], parent: PairFile, child: PairFile
) -> tuple[list[LandedFile], list[LandedFile]]:
    """Return the parent's and the child's files.

    Raises:
        DeliveryError: unexpected_file, part_missing.
    """
    parents: list[LandedFile] = []
    children: list[LandedFile] = []
    for file in files:
        is_parent, is_child = (re.search(part.file_name, file.name) is not None for part in (parent, child))
        if is_parent == is_child:
            what = "both" if is_parent else "neither"
            raise DeliveryError(
                ErrorCode.UNEXPECTED_FILE,
                f"{file.name}: {what} of `file.parent.file_name` and `file.child.file_name` in partner.yml "
                "match this name. Correct the patterns, or list the file under `delivery.ignore_files`.",
            )
        (parents if is_parent else children).append(file)
    for part, found in (("parent", parents), ("child", children)):
        if not found:
            raise DeliveryError(
                ErrorCode.PART_MISSING,
                f"{files[0].name}: the delivery has no {part} file; `file.{part}.file_name` in partner.yml "
                "matches none of its names. Ask the partner for the missing file, or correct the pattern.",
            )
    return parents, children


def _read_part(files: Sequence[LandedFile], part: PairFile, contract: FileContract) -> TextRows:
    """Return the rows of one side; the header is the row with the most of the contract's words."""
    key = Wanted("key", (part.key,), True)
    elsewhere = tuple(Wanted(item.column, item.headers, False) for item in wanted_columns(contract))
    words = words_of(contract, (key, *elsewhere), matches_needed=1)
    return combine([read_csv(file, words, contract.file) for file in files])


def _key_column(rows: TextRows, part: PairFile) -> int:
    return [fold_header(name) for name in rows.header].index(fold_header(part.key))


def _parents_by_key(rows: TextRows, part: PairFile) -> dict[str, int]:
    """Return key -> index of the parent row; a row without key has no children.

    Raises:
        DeliveryError: duplicate_key naming both rows.
    """
    column = _key_column(rows, part)
    found: dict[str, int] = {}
    for index, row in enumerate(rows.cells):
        key = row[column].strip()
        if key in found:
            first, second = rows.row_numbers[found[key]], rows.row_numbers[index]
            raise DeliveryError(
                ErrorCode.DUPLICATE_KEY,
                f"{rows.file_names[index]}, rows {first} and {second}, "
                f"{part.key!r}: two submissions have the same key. Ask the partner which of them holds.",
            )
        if key:
            found[key] = index
    return found


def _check_once(parents: TextRows, children: TextRows, contract: FileContract) -> None:
    """Refuse a mapped column that stands in both files, because it would be a guess which holds.

    Raises:
        DeliveryError: duplicate_column, missing_column.
    """
    parent_keys, child_keys = ({fold_header(name) for name in rows.header} for rows in (parents, children))
    wanted = wanted_columns(contract)
    mapped = {fold_header(header) for item in wanted for header in item.headers if item.column != "record_key"}
    both = [name for name in parents.header if fold_header(name) in child_keys & mapped]
    where = f"{_first_name(parents)} and {_first_name(children)}"
    if both:
        names = ", ".join(map(repr, both))
        raise DeliveryError(
            ErrorCode.DUPLICATE_COLUMN,
            f"{where}: mapped columns that stand in both files: {names}. Ask the partner to rename one of them.",
        )
    missing = missing_columns(parent_keys | child_keys, wanted)
    if missing:
        raise missing_column_error(where, missing, ())


def _first_name(rows: TextRows) -> str:
    return rows.file_names[0] if rows.file_names else "a file without rows"


def read_csv_pair(files: Sequence[LandedFile], contract: FileContract) -> TextRows:
    """Return one row for each child, followed by one for each parent without child.

    The header is the parent's, then the child's columns that the parent has not. A child whose key no parent
    has is an orphan, with empty parent cells. A parent without child keeps empty child cells and its own
    locator, so that no submission vanishes. `source_ids` are the keys.

    Raises:
        DeliveryError: for every reason a file cannot be read, and for files that do not make a pair.
    """
    parent_part, child_part = contract.file.parent, contract.file.child
    if parent_part is None or child_part is None:
        raise ValueError("format csv_pair needs both `parent` and `child`")
    parent_files, child_files = _files_of(files, parent_part, child_part)
    parents = _read_part(parent_files, parent_part, contract)
    children = _read_part(child_files, child_part, contract)
    _check_once(parents, children, contract)
    by_key = _parents_by_key(parents, parent_part)
    return _join(parents, children, by_key, _key_column(parents, parent_part), _key_column(children, child_part))


def _join(parents: TextRows, children: TextRows, by_key: dict[str, int], parent_key: int, child_key: int) -> TextRows:
    parent_columns = {fold_header(name): index for index, name in enumerate(parents.header)}
    child_columns = {fold_header(name): index for index, name in enumerate(children.header)}
    own = [index for index, name in enumerate(children.header) if fold_header(name) not in parent_columns]
    # an orphan keeps what it says itself in columns that both files have
    shared = [child_columns.get(fold_header(name)) for name in parents.header]
    keys = [row[child_key].strip() for row in children.cells]
    found = [by_key.get(key) for key in keys]
    cells = [
        (parents.cells[parent] if parent is not None else ["" if index is None else row[index] for index in shared])
        + [row[index] for index in own]
        for row, parent in zip(children.cells, found, strict=True)
    ]
    childless = sorted(set(range(len(parents.cells))) - set(found))
    return TextRows(
        header=parents.header + tuple(children.header[index] for index in own),
        cells=cells + [parents.cells[index] + [""] * len(own) for index in childless],
        file_names=children.file_names + [parents.file_names[index] for index in childless],
        sheets=children.sheets + [""] * len(childless),
        row_numbers=children.row_numbers + [parents.row_numbers[index] for index in childless],
        source_ids=keys + [parents.cells[index][parent_key].strip() for index in childless],
        overflow=[
            slipped or (parent is not None and parents.overflow[parent])
            for slipped, parent in zip(children.overflow, found, strict=True)
        ]
        + [parents.overflow[index] for index in childless],
        orphan=[
            parent is None and any(cell.strip() for cell in row)
            for row, parent in zip(children.cells, found, strict=True)
        ]
        + [False] * len(childless),
        structural=parents.structural + children.structural,
    )
