"""The identity of a row: a hash of partner and the natural key as it was delivered."""

import hashlib

from flows.readers.read import TextRows, fold_header
from schemas.partner import Provider


def row_identities(text: TextRows, partner: Provider, delivery_id: str) -> tuple[list[str], list[str]]:
    """Return record ids and content ids of every row, 32 hexadecimal digits each.

    The content id is a hash of the partner and all cells as delivered, running numbers left out; the record id is
    the same, or a hash of `record_key` where the source has an id of its own. Neither depends on our cleaning,
    on the order of columns, or on columns that are empty. A row of a corrected workbook that was not changed
    keeps the ids of the row it stands for.
    """
    contract = partner.contract
    numbers = {fold_header(name) for name in contract.row_number}
    index = {fold_header(name): i for i, name in enumerate(text.header)}
    kept = sorted((name, i) for name, i in index.items() if name not in numbers)
    key = [index[fold_header(name)] for name in contract.record_key if fold_header(name) in index]
    by_sheet = any(source.sheet is not None for source in contract.columns.values())
    sheets = text.original_sheets
    # an empty row has no content to be known by: its place among the empty rows stands in
    blanks_of = "" if partner.kind in ("cumulative", "snapshot") else delivery_id
    records, contents = [], []
    blanks = 0
    for i, row in enumerate(text.cells):
        parts = [f"{name}\x1e{value}" for name, at in kept if (value := row[at].strip())]
        if not parts:
            blanks += 1
            parts = [f"\x1eblank {blanks} {blanks_of}"]
        if by_sheet:
            parts.append(f"\x1esheet {sheets[i]}")
        content = _hash(partner.partner_id, parts)
        contents.append(content)
        named = [value for at in key if (value := row[at].strip())]
        records.append(_hash(partner.partner_id, ["\x1ekey", *named]) if named else content)
    for i, item in enumerate(text.originals):
        if item.action != "changed":
            records[i], contents[i] = item.record_id, item.content_id
    return records, contents


def _hash(partner_id: str, parts: list[str]) -> str:
    return hashlib.sha256("\x1f".join([partner_id, *parts]).encode("utf-8")).hexdigest()[:32]
