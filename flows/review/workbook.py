"""Doubtful pairs as a workbook for an officer without a terminal, and the way back of the verdicts.

A line is known by its key, so that rows and columns may be moved, deleted and sorted as people do.
"""

import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.review.screen import changes_of, state_of
from warehouse.identity.judgement_table import drafts_of, read_judgements, take_in
from warehouse.identity.judgements import Judgement, Origin, Pair, Verdict, pair_of, person_of
from warehouse.identity.review.doubtful_pairs import LABELS, DoubtfulPair, PairEvidence, RecordFacts, differing
from warehouse.storage import files
from warehouse.storage.spreadsheet_cells import text_workbook

if TYPE_CHECKING:
    import duckdb

SHEET, HELP_SHEET = "Pairs", "How to fill this in"
KEY, VERDICT, WHY, WHO = "key", "verdict", "why", "who"
_MOST_BYTES = 64 * 1024**2
_MOST_ERRORS = 20
_KEY = re.compile(r"([0-9a-f]{8,64})-([0-9a-f]{8,64})")
# what people write, in the languages of the region; compared without regard to case
WORDS: Mapping[Verdict, tuple[str, ...]] = {
    Verdict.SAME: (
        "same", "s", "sama", "pareho", "giống", "cùng một người", "เหมือนกัน", "คนเดียวกัน", "ដូចគ្នា", "ຄືກັນ",
        "ຄົນດຽວກັນ", "တူ", "တူသည်", "相同",
    ),
    Verdict.DIFFERENT: (
        "different", "d", "beda", "berbeda", "berbeza", "lain", "iba", "magkaiba", "khác", "khác nhau", "ต่างกัน",
        "คนละคน", "ខុសគ្នា", "ຕ່າງກັນ", "ຄົນລະຄົນ", "မတူ", "မတူပါ", "不同",
    ),
    Verdict.UNSURE: (
        "unsure", "u", "not sure", "?", "ragu", "tidak pasti", "tidak yakin", "hindi sigurado", "không chắc",
        "ไม่แน่ใจ", "មិនប្រាកដ", "ບໍ່ແນ່ໃຈ", "မသေချာ", "不确定",
    ),
}  # fmt: skip
_VERDICT_OF = {word: verdict for verdict, words in WORDS.items() for word in words}

HELP = (
    "Each line of the sheet Pairs shows two training records, A and B, that may be one person or two.",
    "verdict: choose same (one person), different (two people) or unsure. Leave it blank if you did not look at it.",
    "why: a few words for whoever asks later, e.g. 'sisters', 'asked the trainer'.",
    "who: your name, if several people fill in this file; otherwise leave it blank.",
    "Shaded cells differ between A and B. Lines further up change the published count more.",
    "bits: how strongly a comparison speaks for one person (+) or for two (-). Each bit doubles the odds.",
    "You may sort, filter, hide, move or delete lines and columns. Do not change the column key.",
    "This file holds personal data: send it only to the person who asked you for it, and delete it afterwards.",
)


class WorkbookError(ValueError):
    """A workbook of verdicts cannot be taken in; the message names every place and what to write there."""


@dataclass(frozen=True)
class Line:
    """A verdict as somebody wrote it down; `row` as the spreadsheet shows it."""

    row: int
    pair: Pair
    verdict: Verdict
    why: str
    who: str


@dataclass(frozen=True)
class TakenIn:
    """What became of a workbook's verdicts: taken in, known already, and sentences about pairs that are gone."""

    taken: int
    known: int
    gone: tuple[str, ...]


def write_workbook(
    file: Path,
    pairs: Sequence[DoubtfulPair],
    facts: Mapping[str, RecordFacts],
    evidence: Mapping[Pair, PairEvidence],
) -> None:
    """Write one line per pair, and a sheet that explains how to fill it in; mode 0600.

    Raises:
        OSError: the disk refused; what stood there before is as it was.
    """
    buffer = io.BytesIO()
    with text_workbook(buffer) as book:
        _fill_pairs(book, pairs, facts, evidence)
        _fill_help(book)
    files.write_durably(file, buffer.getvalue())


def _columns() -> list[tuple[str, int]]:
    """Heading and width of each column."""
    sides = [(f"{label} {side}", 24 if name in ("full_name", "training", "source", "place") else 15)
             for label, name in LABELS for side in "AB"]  # fmt: skip
    own = [("no.", 5), (VERDICT, 12), (WHY, 24), (WHO, 14)]
    return [*own, *sides, ("today", 34), ("what a verdict changes", 34), ("evidence", 50), (KEY, 14)]


def _fill_pairs(
    book: Any,
    pairs: Sequence[DoubtfulPair],
    facts: Mapping[str, RecordFacts],
    evidence: Mapping[Pair, PairEvidence],
) -> None:
    wrapped = {"text_wrap": True, "valign": "top"}
    plain, odd = book.add_format(wrapped), book.add_format({**wrapped, "bg_color": "#FFE699", "bold": True})
    asked = book.add_format({**wrapped, "bg_color": "#E2F0D9", "border": 1})
    heading = book.add_format({**wrapped, "bold": True, "bottom": 1, "bg_color": "#D9D9D9"})
    sheet = book.add_worksheet(SHEET)
    columns = _columns()
    for place, (name, width) in enumerate(columns):
        sheet.set_column(place, place, width)
        sheet.write_string(0, place, name, heading)
    for row, item in enumerate(pairs, start=1):
        one, other = (facts[record] for record in item.pair)
        differ = differing(one, other)
        sheet.write_number(row, 0, row, plain)
        for place in (1, 2, 3):
            sheet.write_blank(row, place, None, asked)
        place = 4
        for (label, here), (_, there) in zip(one.fields, other.fields, strict=True):
            for text in (here, there):
                sheet.write_string(row, place, text, odd if label in differ else plain)
                place += 1
        said = [state_of(item), changes_of(item), _in_words(evidence.get(item.pair)), "-".join(item.pair)]
        for text in said:
            sheet.write_string(row, place, text, plain)
            place += 1
    verdict = {
        "validate": "list",
        "source": [str(name) for name in Verdict],
        # the list helps; what people write in their own language is understood too
        "error_type": "information",
        "error_message": "Write same, different or unsure, or leave it blank.",
    }
    if pairs:
        sheet.data_validation(1, 1, len(pairs), 1, verdict)
        sheet.autofilter(0, 0, len(pairs), len(columns) - 1)
    # what is asked stays in sight; more would fill a small screen
    sheet.freeze_panes(1, 2)


def _in_words(evidence: PairEvidence | None) -> str:
    if evidence is None:
        return "alike in everything"
    said = [
        f"{reason.comparison.replace('_', ' ')}: {reason.level} ({reason.match_weight:+.1f})"
        for reason in evidence.reasons
        if reason.match_weight
    ]
    total = f"together {evidence.weight:+.1f} bits with {evidence.prior_weight:+.1f} before comparing"
    return "; ".join([*said, f"{total}: {evidence.probability:.0%} by the model"])


def _fill_help(book: Any) -> None:
    sheet = book.add_worksheet(HELP_SHEET)
    sheet.set_column(0, 0, 110)
    wrapped = book.add_format({"text_wrap": True})
    for row, line in enumerate(HELP):
        sheet.write_string(row, 0, line, wrapped)
    words = [f"{verdict}: {', '.join(found)}" for verdict, found in WORDS.items()]
    for row, line in enumerate(["Words that are understood:", *words], start=len(HELP) + 1):
        sheet.write_string(row, 0, line, wrapped)


def read_workbook(file: Path, by: str) -> list[Line]:
    """Return the verdicts of a workbook, blank lines left out.

    Args:
        file: As written by `write_workbook`, and edited by a person.
        by: Who judged where the column `who` is blank.

    Raises:
        WorkbookError: no sheet has the columns key and verdict, or a line cannot be understood; every one is named.
        DeliveryError: the file is no workbook, or unpacks to something that no workbook is.
        OSError: it cannot be read.
    """
    name, grid = _find_sheet(file)
    head, places = _heading(grid)
    lines: list[Line] = []
    wrong: list[str] = []
    seen: dict[Pair, Line] = {}
    for row, cells in enumerate(grid[head + 1 :], start=head + 2):
        found = {column: cells[place] if place < len(cells) else "" for column, place in places.items()}
        if not found[VERDICT]:
            continue
        where = f"{file.name}, sheet {name!r}, row {row}"
        verdict = _VERDICT_OF.get(_plain(found[VERDICT]))
        key = _KEY.fullmatch(found[KEY].lower())
        if verdict is None:
            wrong.append(
                f"{where}, column {VERDICT!r}: {found[VERDICT][:40]!r} is no verdict; write same, different or "
                "unsure, or leave it blank"
            )
        elif key is None:
            wrong.append(
                f"{where}, column {KEY!r}: the pair's key is missing or was changed; copy it from the file as it was "
                "exported"
            )
        else:
            line = Line(row, pair_of(key[1], key[2]), verdict, found.get(WHY, ""), found.get(WHO, "") or by)
            before = seen.setdefault(line.pair, line)
            if before.verdict is not line.verdict and person_of(before.who) == person_of(line.who):
                wrong.append(
                    f"{where}, column {VERDICT!r}: row {before.row} says {before.verdict} of the same pair; "
                    "keep one of the two lines"
                )
            elif before is line or person_of(before.who) != person_of(line.who):
                lines.append(line)
    if wrong:
        more = len(wrong) - _MOST_ERRORS
        shown = wrong[:_MOST_ERRORS] + ([f"... and {more} more"] if more > 0 else [])
        raise WorkbookError("\n".join([*shown, "Nothing was taken in; correct these cells and import again."]))
    return lines


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split()).rstrip(".")


def _find_sheet(file: Path) -> tuple[str, list[list[str]]]:
    """Name and cells of the first sheet that has the columns key and verdict."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    from flows.readers.workbook_zip import check_workbook

    if file.stat().st_size > _MOST_BYTES:
        raise WorkbookError(f"{file.name}: the file is too large to be a workbook of verdicts")
    data = file.read_bytes()
    if not data.startswith(b"PK"):
        raise WorkbookError(f"{file.name}: this is no Excel workbook (XLSX); save it as .xlsx and import that")
    check_workbook(data, file.name)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for name in book.sheet_names:
            grid = [
                [_text(cell) for cell in row] for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            ]
            if _heading_row(grid) is not None:
                return name, grid
    except PasswordError:
        raise WorkbookError(f"{file.name}: the workbook is under a password; save it without one") from None
    except CalamineError:
        raise WorkbookError(
            f"{file.name}: the workbook cannot be read; open it, save it anew and import that"
        ) from None
    raise WorkbookError(
        f"{file.name}: no sheet has the columns {KEY!r} and {VERDICT!r}; export the pairs again and fill in that file"
    )


def _text(cell: object) -> str:
    return unicodedata.normalize("NFC", str(cell)).replace("\u200b", "").strip()


def _heading_row(grid: Sequence[Sequence[str]]) -> int | None:
    # somebody may have put a title above
    wanted = {KEY, VERDICT}
    rows = (number for number, row in enumerate(grid[:20]) if wanted <= {_plain(cell) for cell in row})
    return next(rows, None)


def _heading(grid: Sequence[Sequence[str]]) -> tuple[int, dict[str, int]]:
    """Place of the heading row, and of the columns that are read."""
    head = _heading_row(grid) or 0
    names = [_plain(cell) for cell in grid[head]]
    return head, {name: names.index(name) for name in (KEY, VERDICT, WHY, WHO) if name in names}


def take_in_verdicts(con: "duckdb.DuckDBPyConnection", lines: Sequence[Line]) -> TakenIn:
    """Write verdicts as judgements, a group for each; the caller holds the transaction.

    A verdict that came in once, with the same reason from the same person, is known: importing a file again adds
    nothing, and does not overrule what was judged, or taken back, since.
    """
    known = {_said(item) for item in read_judgements(con) if item.origin is Origin.IMPORT}
    wanted = {record for line in lines for record in line.pair}
    there = {
        record
        for (record,) in con.execute(
            "SELECT record_id FROM identity_record WHERE list_contains(?, record_id)", [list(wanted)]
        ).fetchall()
    }
    taken = repeated = 0
    gone = []
    for line in lines:
        if not {*line.pair} <= there:
            gone.append(f"Row {line.row}: a record of this pair is no longer there; the verdict is set aside.")
        elif (line.pair, person_of(line.who), line.verdict, line.why.strip()) in known:
            repeated += 1
        else:
            drafts = drafts_of(con, *line.pair, line.verdict)
            take_in(con, drafts, by=line.who, why=line.why, origin=Origin.IMPORT)
            taken += 1
    return TakenIn(taken, repeated, tuple(gone))


def _said(item: Judgement) -> tuple[Pair, str, Verdict, str]:
    return item.pair, item.person, item.verdict, item.why
